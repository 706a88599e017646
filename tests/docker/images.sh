#!/usr/bin/env bash
# Builds the stand-ins of the images that the project's files name, in the engine of DOCKER_HOST: images/Dockerfile. The
# engine keeps them under a tag of their content.
#
#   tests/docker/images.sh BASE       BASE: a tar file with a Debian 13
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
base=${1:?a tar file with a Debian 13}
start=$(date +%s)
key=$(cat "$here"/images.sh "$here"/images/* "$here"/../services/ferretdb/go.sum "$here"/../../node_modules/node/package.json |
  cat - <(stat -c %s.%Y "$base") | sha256sum | cut -c1-16)
if docker image inspect "mediaport-stand-ins:$key" >/dev/null 2>&1; then exit 0; fi
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp -r "$here/images/." "$context"
ln "$base" "$context/base.tar" 2>/dev/null || cp "$base" "$context/base.tar"
cp "$here/../../node_modules/node/bin/node" "$context/node"
# FerretDB, unless mongod is installed. Its service script builds it.
"$here/../services/mongo.sh" sh -c 'cp "$FERRETDB" "$1"' - "$context/ferretdb"
(cd "$context" && tar -xzf "$(npm pack --silent npm@11.6.0)" && mv package npm)
{
  echo "registry=$(npm config get registry)"
  echo 'cafile=/etc/ssl/certs/ca-certificates.crt'
} >"$context/npmrc"
(cd "$context" && docker buildx bake --progress "${BUILDKIT_PROGRESS:-quiet}" --file bake.json)
docker tag redis:8 "mediaport-stand-ins:$key"
echo "images.sh: base images: $(($(date +%s) - start)) s"
