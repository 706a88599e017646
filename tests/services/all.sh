#!/usr/bin/env bash
# Runs a command with a new PostgreSQL server, a new Redis server and a new server that speaks MongoDB's protocol, each
# on a free port. The exit status is that of the command:
#
#   tests/services/all.sh npm test
#
# Without a command it prints POSTGRES_URL, REDIS_URL and MONGODB_URL, and runs the servers until it is interrupted.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
if (($# == 0)); then
  # shellcheck disable=SC2016 # the inner shell's variables
  set -- bash -c 'printf "%s=%s\n" POSTGRES_URL "$POSTGRES_URL" REDIS_URL "$REDIS_URL" MONGODB_URL "$MONGODB_URL"; sleep infinity'
fi
exec "$here/postgres.sh" "$here/redis.sh" "$here/mongo.sh" "$@"
