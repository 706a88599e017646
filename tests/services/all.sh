#!/usr/bin/env bash
# Runs a command with PostgreSQL, Redis and a server that speaks MongoDB's protocol, each of its own and on a free port, and
# answers with the command's exit status:
#
#   tests/services/all.sh npm test
#
# Without a command it prints POSTGRES_URL, REDIS_URL and MONGODB_URL, and keeps them up until it is interrupted.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
if (($# == 0)); then
  # shellcheck disable=SC2016 # the inner shell's variables
  set -- bash -c 'printf "%s=%s\n" POSTGRES_URL "$POSTGRES_URL" REDIS_URL "$REDIS_URL" MONGODB_URL "$MONGODB_URL"; sleep infinity'
fi
exec "$here/postgres.sh" "$here/redis.sh" "$here/mongo.sh" "$@"
