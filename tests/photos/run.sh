#!/usr/bin/env bash
# Compares what we read from real photographs with what ExifTool reads. The photographs come with a Go module, because
# they are not ours to keep; those that were made to break readers are left out.
set -euo pipefail
module=github.com/bep/imagemeta@v0.12.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" && printf 'module photos\n' >go.mod
from=$(go mod download -json "$module" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
cd - >/dev/null
mapfile -t photos < <(find "$from/testdata/images" -name '*.jpg' ! -path '*/goexif/*' ! -path '*fuzz*' ! -path '*corrupt*' | sort)
exec node tests/photos/compare.ts "${photos[@]}"
