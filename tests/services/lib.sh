# Sourced by scripts that run a command with a new server. The server is a child of the script and its files are in a new
# folder of /tmp. Both are removed when the command ends or the script is interrupted.
# shellcheck shell=bash

name=$(basename "$0")
dir=
server=
child=
# The signals that end the server gracefully, and by force.
polite=TERM
last=KILL

say() { printf '%s: %s\n' "$name" "$*" >&2; }

needs_command() {
  if (($# > 0)); then return; fi
  say "usage: $0 COMMAND [ARGUMENT…]"
  exit 2
}

# Not in TMPDIR, because its path may be too long for a socket (107 bytes) or inaccessible to another user.
new_folder() { dir=$(mktemp -d "/tmp/mediaport-${name%.sh}.XXXXXX"); }

# Ends a process of this script: gracefully, and by force after ten seconds.
end() {
  local signal=$1 pid=$2 last=$3
  kill "-$signal" "$pid" 2>/dev/null || return 0
  for _ in {1..100}; do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  kill "-$last" "$pid" 2>/dev/null || true
}

clean_up() {
  trap '' INT TERM HUP
  if [[ -n $child ]]; then end TERM "$child" KILL; fi
  if [[ -n $server ]]; then
    end "$polite" "$server" "$last"
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

# Starts the server on random ports until one is free, and waits until it answers. The caller defines `serve`, which
# becomes the server on port $port, and `answers`. The server logs to $dir/log. A log with "address already in use" or
# "could not bind" means that the port is not free.
start_somewhere() {
  for attempt in {1..20}; do
    # Below the ephemeral ports of the kernel. Only binding shows whether the port is free.
    port=$((20000 + (RANDOM % 12000)))
    # Job control gives the server its own process group, so that Ctrl-C ends the command first.
    set -m
    serve </dev/null >"$dir/log" 2>&1 &
    server=$!
    set +m
    if ready; then return; fi
    server=
    if ((attempt == 20)) || ! grep -qiE 'address already in use|could not bind' "$dir/log"; then
      fail 'the server did not start:'
    fi
  done
}

ready() {
  for _ in {1..600}; do
    answers && return 0
    kill -0 "$server" 2>/dev/null || return 1
    sleep 0.1
  done
  fail 'the server was not ready within a minute:'
}

# In the background, because Bash runs a trap immediately only while it waits.
run() {
  "$@" <&0 &
  child=$!
  local status=0
  wait "$child" || status=$?
  child=
  exit "$status"
}
