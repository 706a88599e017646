#!/bin/sh
# As the official images: root changes the owner of the data to a user, and runs the command as that user.
#
#   as-user.sh USER FOLDER COMMAND [ARGUMENT…]
set -e
user=$1 folder=$2
shift 2
find "$folder" \! -user "$user" -exec chown "$user" '{}' +
exec setpriv --reuid="$user" --regid="$user" --clear-groups -- "$@"
