#!/usr/bin/env bash
# Compares the metadata that mediaport reads from real photographs with that of ExifTool. The photographs are part of a
# Go module, because this project has no right to copy them. Photographs that were made to break readers are left out.
set -euo pipefail
module=github.com/bep/imagemeta@v0.12.0
folder=$(mktemp -d)
from=$(cd "$folder" && echo 'module photos' >go.mod && go mod download -json "$module" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
rm -r "$folder"
PHOTOS=$(find "$from/testdata/images" -name '*.jpg' ! -path '*/goexif/*' ! -path '*fuzz*' ! -path '*corrupt*' | sort)
export PHOTOS
exec npx vitest run --root tests/photos --reporter=verbose
