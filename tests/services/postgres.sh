#!/usr/bin/env bash
# Runs a command with a new PostgreSQL server. The exit status is that of the command.
#
#   tests/services/postgres.sh npm test
#   tests/services/postgres.sh sh -c 'psql "$POSTGRES_URL"'
#
# The command has POSTGRES_URL=postgres://media@127.0.0.1:PORT/media in its environment. The role is no superuser, may
# create databases, and owns the database. The cluster is empty, and fsync is on. Exit status 2: PostgreSQL is not
# installed, or there is no command.
set -euo pipefail
# shellcheck source=tests/services/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs_command "$@"

# The newest version of Debian, or else that of PATH.
initdb=$({ command -v initdb || true; compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V || true; } | tail -1)
if [[ -z $initdb ]]; then
  say 'PostgreSQL is not installed: no initdb in /usr/lib/postgresql/*/bin or PATH'
  say 'On Debian: apt-get install postgresql'
  exit 2
fi
bin=$(dirname "$(readlink -f "$initdb")")

# The settings of another cluster must not affect the tools or the command.
unset "${!PG@}"

# PostgreSQL refuses to run as root.
as_user=()
if ((EUID == 0)); then
  user=$(id -un postgres 2>/dev/null || echo nobody)
  as_user=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
fi
in_dir() { cd "$dir" && exec "${as_user[@]}" "$@"; }

# INT is the fast shutdown of PostgreSQL and QUIT the immediate one. KILL would leave its shared memory allocated.
polite=INT
last=QUIT
new_folder
if ((EUID == 0)); then chown "$user" "$dir"; fi

(in_dir "$bin/initdb" -D data -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync) >"$dir/log" 2>&1 ||
  fail 'initdb failed:'

serve() {
  in_dir "$bin/postgres" -D data -p "$port" -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$dir" \
    -c max_connections=200 -c fsync=on
}
# Over the socket in the new folder, because another server might answer on the port.
answers() { "$bin/pg_isready" -q -h "$dir" -p "$port"; }
start_somewhere

"$bin/psql" -Xq -v ON_ERROR_STOP=1 -h "$dir" -p "$port" -U postgres -d postgres \
  -c 'create role media login createdb' -c 'create database media owner media'

# For tests that start their own server.
export POSTGRES_BIN=$bin
export POSTGRES_URL="postgres://media@127.0.0.1:$port/media"
run "$@"
