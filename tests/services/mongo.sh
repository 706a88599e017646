#!/usr/bin/env bash
# Runs a command with a server of its own that speaks MongoDB's protocol, and answers with the command's exit status.
#
#   tests/services/mongo.sh npm test
#
# The command finds MONGODB_URL=mongodb://127.0.0.1:PORT/ in its environment. The server is `mongod` where PATH has one;
# else FerretDB, which is built once with Go and kept in ${XDG_CACHE_HOME:-~/.cache}/mediaport. Exit status 2: there is
# neither of them, or there was no command.
set -euo pipefail
# shellcheck source=tests/services/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
needs_command "$@"

# FerretDB's index of _id is of another expression than what its queries compare, so it reads whole collections. Here the two
# are the same, as in MongoDB.
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
  # Under another name until it is whole.
  go build -modfile "$copy/go.mod" -o "$ferretdb.$$" . && mv "$ferretdb.$$" "$ferretdb"
  rm -r "$copy"
)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ferretdb=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/mediaport/ferretdb-1.24.0-indexed
if ! command -v mongod >/dev/null && [[ ! -x $ferretdb ]]; then
  if ! command -v go >/dev/null; then
    say "Neither mongod nor Go is installed: MongoDB, or Go 1.22 to build FerretDB with, is needed"
    exit 2
  fi
  say 'building FerretDB; this takes minutes, once'
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
# It says so when it has bound the port; what asks it by its protocol would need a client.
answers() { grep -qsiE 'waiting for connections|listening on' "$dir/log"; }
start_somewhere

export MONGODB_URL="mongodb://127.0.0.1:$port/"
# For those that need one of their own to kill: takes an address and a folder.
export FERRETDB=$ferretdb
run "$@"
