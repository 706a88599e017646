#!/usr/bin/env bash
# Runs a command with a new server that speaks MongoDB's protocol. The exit status is that of the command.
#
#   tests/services/mongo.sh npm test
#
# The command has MONGODB_URL=mongodb://127.0.0.1:PORT/ in its environment. The server is `mongod` if it is in PATH.
# Otherwise it is FerretDB, which is built once with Go and kept in ${XDG_CACHE_HOME:-~/.cache}/mediaport. Exit status
# 2: neither of them is installed, or there is no command.
set -euo pipefail
# shellcheck source=tests/services/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs_command "$@"

# FerretDB's index of _id has another expression than its queries, so it reads whole collections. This makes the two the
# same, as in MongoDB.
build() (
  cd "$here/ferretdb"
  go mod download github.com/FerretDB/FerretDB
  copy=$(mktemp -d)
  cp -r "$(go list -m -f '{{.Dir}}' github.com/FerretDB/FerretDB)" "$copy/source"
  chmod -R u+w "$copy"
  metadata=$copy/source/internal/backends/sqlite/metadata/metadata.go
  sed -i "s/\"->'\$\._id'\"/\"->\\\\\"_id\\\\\"\"/" "$metadata"
  grep -qF '"->\"_id\""' "$metadata"
  cp go.mod go.sum "$copy"
  go mod edit -replace "github.com/FerretDB/FerretDB=$copy/source" "$copy/go.mod"
  # The final name is given only to a complete file.
  go build -modfile "$copy/go.mod" -o "$ferretdb.$$" . && mv "$ferretdb.$$" "$ferretdb"
  rm -r "$copy"
)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ferretdb=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/mediaport/ferretdb-1.24.0-indexed
if ! command -v mongod >/dev/null && [[ ! -x $ferretdb ]]; then
  if ! command -v go >/dev/null; then
    say 'Neither mongod nor Go is installed. Install MongoDB, or Go 1.22 to build FerretDB.'
    exit 2
  fi
  say 'building FerretDB, once; this takes minutes'
  mkdir -p "$(dirname "$ferretdb")"
  build >&2
fi
new_folder

start() {
  set -m
  if command -v mongod >/dev/null; then
    mongod --bind_ip 127.0.0.1 --port "$port" --dbpath "$dir" </dev/null >"$dir/log" 2>&1 &
  else
    (cd "$dir" && exec "$ferretdb" "127.0.0.1:$port" "$dir") </dev/null >"$dir/log" 2>&1 &
  fi
  server=$!
  set +m
}
# The server logs that it has bound the port. A query by its protocol would need a client.
answers() { grep -qsiE 'waiting for connections|listening on' "$dir/log"; }
start_somewhere

export MONGODB_URL="mongodb://127.0.0.1:$port/"
# For tests that start their own server. Its arguments are an address and a folder.
export FERRETDB=$ferretdb
run "$@"
