#!/usr/bin/env bash
# Runs a command with a PostgreSQL server of its own, and answers with the command's exit status.
#
#   tests/services/postgres.sh npm test
#   tests/services/postgres.sh sh -c 'psql "$POSTGRES_URL"'
#
# The command finds POSTGRES_URL=postgres://media@127.0.0.1:PORT/media in its environment: a role that is no superuser
# but may create databases, and owns the database. The cluster is new and empty, fsync is on, and server and files are
# gone when the command has ended or the script was interrupted. Exit status 2: PostgreSQL isn't installed, or there was
# no command.
set -euo pipefail

say() { printf 'postgres.sh: %s\n' "$*" >&2; }

if (($# == 0)); then
  say 'usage: tests/services/postgres.sh COMMAND [ARGUMENT…]'
  exit 2
fi

# The newest of Debian's, else what PATH has.
initdb=
mapfile -t candidates < <(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -rV)
for candidate in "${candidates[@]}" "$(command -v initdb || true)" /usr/local/bin/initdb; do
  if [[ -x $candidate ]]; then
    initdb=$(readlink -f "$candidate")
    break
  fi
done
if [[ -z $initdb ]]; then
  say 'PostgreSQL is not installed: no initdb in /usr/lib/postgresql/*/bin, PATH or /usr/local/bin'
  say 'On Debian: apt-get install postgresql'
  exit 2
fi
bin=${initdb%/*}

# Another cluster's settings must reach neither our tools nor the command.
unset "${!PG@}"

# PostgreSQL refuses to run as root.
as_user=()
if ((EUID == 0)); then
  user=$(id -un postgres 2>/dev/null || echo nobody)
  as_user=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
fi

dir=
server=
child=

# Ends a process that we started: politely, and after ten seconds for certain.
end() {
  local signal=$1 pid=$2 last=$3
  kill "-$signal" "$pid" 2>/dev/null || return 0
  for _ in {1..100}; do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  kill "-$last" "$pid" 2>/dev/null || true
}

# INT is PostgreSQL's fast shutdown, QUIT its immediate one; KILL would leave its shared memory behind.
clean_up() {
  trap '' INT TERM HUP
  if [[ -n $child ]]; then end TERM "$child" KILL; fi
  if [[ -n $server ]]; then
    end INT "$server" QUIT
    wait "$server" 2>/dev/null || true
  fi
  if [[ -n $dir ]]; then rm -rf "$dir"; fi
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  say "$1"
  cat "$dir/log" >&2
  exit 1
}

in_dir() { cd "$dir" && exec "${as_user[@]}" "$@"; }

# Not in TMPDIR: its path may be too long for a socket (107 bytes), or closed to the other user.
dir=$(mktemp -d /tmp/mediaport-postgres.XXXXXX)
if ((EUID == 0)); then chown "$user" "$dir"; fi

(in_dir "$bin/initdb" -D data -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync) >"$dir/log" 2>&1 ||
  fail 'initdb failed:'

# Job control gives the server a process group of its own, so that Ctrl-C ends the command first.
start() {
  set -m
  in_dir "$bin/postgres" -D data -p "$port" -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$dir" \
    -c max_connections=200 -c fsync=on </dev/null >"$dir/log" 2>&1 &
  server=$!
  set +m
}

# Asks over the socket in our own folder: on the port somebody else's server might answer.
ready() {
  for _ in {1..600}; do
    "$bin/pg_isready" -q -h "$dir" -p "$port" && return 0
    kill -0 "$server" 2>/dev/null || return 1
    sleep 0.1
  done
  fail 'PostgreSQL was not ready within a minute:'
}

# Below the ports that the kernel hands out. Only binding tells for certain whether a port is free; if not, the next.
for attempt in {1..20}; do
  port=$((20000 + (RANDOM % 12000)))
  start
  if ready; then break; fi
  server=
  if ((attempt == 20)) || ! grep -q 'could not bind' "$dir/log"; then fail 'PostgreSQL did not start:'; fi
done

"$bin/psql" -Xq -v ON_ERROR_STOP=1 -h "$dir" -p "$port" -U postgres -d postgres \
  -c 'create role media login createdb' -c 'create database media owner media'

# In the background, for a trap runs at once only while the shell waits.
POSTGRES_URL="postgres://media@127.0.0.1:$port/media" "$@" <&0 &
child=$!
status=0
wait "$child" || status=$?
child=
(exit "$status")
