#!/usr/bin/env bash
# Runs a command with a new Redis server. The exit status is that of the command.
#
#   tests/services/redis.sh sh -c 'redis-cli -u "$REDIS_URL" monitor'
#
# The command has REDIS_URL=redis://127.0.0.1:PORT in its environment. The server is empty and stores nothing on disk.
# Exit status 2: Redis is not installed, or there is no command.
set -euo pipefail
# shellcheck source=tests/services/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs_command "$@"

if ! command -v redis-server >/dev/null; then
  say 'Redis is not installed: no redis-server in PATH'
  say 'On Debian: apt-get install redis-server'
  exit 2
fi
serve() {
  exec redis-server --bind 127.0.0.1 --port "$port" --dir "$dir" --unixsocket "$dir/socket" --save '' --appendonly no
}
answers() { [[ $(redis-cli -s "$dir/socket" ping 2>/dev/null) == PONG ]]; }
new_folder
start_somewhere

export REDIS_URL="redis://127.0.0.1:$port"
run "$@"
