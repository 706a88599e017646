#!/usr/bin/env bash
# Runs a command with a new server that speaks MongoDB's protocol. The exit status is that of the command.
#
#   tests/services/mongo.sh npm test
#
# The command has MONGODB_URL=mongodb://127.0.0.1:PORT/ in its environment. The server is `mongod` if it is in PATH.
# Otherwise it is FerretDB of ferretdb/build.sh. Exit status 2: neither of them is installed, or there is no command.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=tests/services/lib.sh
source "$here/lib.sh"
needs_command "$@"

if command -v mongod >/dev/null; then
  serve() { exec mongod --bind_ip 127.0.0.1 --port "$port" --dbpath "$dir"; }
else
  # Also for tests that start their own server. Its arguments are an address and a folder.
  FERRETDB=$("$here/ferretdb/build.sh")
  export FERRETDB
  serve() { cd "$dir" && exec "$FERRETDB" "127.0.0.1:$port" "$dir"; }
fi
# The server logs that it has bound the port. A query by its protocol would need a client.
answers() { grep -qsiE 'waiting for connections|listening on' "$dir/log"; }
new_folder
start_somewhere

export MONGODB_URL="mongodb://127.0.0.1:$port/"
run "$@"
