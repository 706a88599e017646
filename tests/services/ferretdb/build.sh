#!/usr/bin/env bash
# Builds FerretDB once with Go, keeps it in ${XDG_CACHE_HOME:-~/.cache}/mediaport, and prints its path. Exit status 2: Go
# is not installed.
set -euo pipefail
ferretdb=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/mediaport/ferretdb-1.24.0-indexed

# FerretDB's index of _id has another expression than its queries, so it reads whole collections. This makes the two the
# same, as in MongoDB.
build() {
  go mod download github.com/FerretDB/FerretDB
  copy=$(mktemp -d)
  cp -r "$(go list -m -f '{{.Dir}}' github.com/FerretDB/FerretDB)" "$copy/source"
  chmod -R u+w "$copy"
  metadata=$copy/source/internal/backends/sqlite/metadata/metadata.go
  sed -i "s/\"->'\$\._id'\"/\"->\\\\\"_id\\\\\"\"/" "$metadata"
  grep -qF '"->\"_id\""' "$metadata"
  cp go.mod go.sum "$copy"
  go mod edit -replace "github.com/FerretDB/FerretDB=$copy/source" "$copy/go.mod"
  mkdir -p "$(dirname "$ferretdb")"
  # The final name is given only to a complete file.
  go build -modfile "$copy/go.mod" -o "$ferretdb.$$" . && mv "$ferretdb.$$" "$ferretdb"
  rm -r "$copy"
}

if [[ ! -x $ferretdb ]]; then
  if ! command -v go >/dev/null; then
    echo 'Neither mongod nor Go is installed. Install MongoDB, or Go 1.22 to build FerretDB.' >&2
    exit 2
  fi
  echo 'building FerretDB, once; this takes minutes' >&2
  cd "$(dirname "${BASH_SOURCE[0]}")"
  build >&2
fi
echo "$ferretdb"
