#!/usr/bin/env bash
# Runs a command with a Docker engine and Compose. The exit status is that of the command:
#
#   tests/docker/engine.sh docker compose up -d
#   tests/docker/engine.sh npm run docker
#
# Uses the engine of DOCKER_HOST if it answers. Otherwise the script starts an engine, which requires root and
# mmdebstrap: the packages of engine, Compose and buildx of Debian 13, in their own root folder and namespaces. This
# engine has stand-ins for the base images, because it needs no image registry: see images/Dockerfile. Both are kept in
# ${XDG_CACHE_HOME:-~/.cache}/mediaport/docker. If no engine can run, the command runs without DOCKER_HOST, so that the
# tests are skipped. If CI or REQUIRE_SERVICES is set, the exit status is then 2.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/services/lib.sh
source "$here/../services/lib.sh"
needs_command "$@"

if [[ -n ${DOCKER_HOST:-} ]] && docker version >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then run "$@"; fi

reason=
if ((EUID != 0)); then
  reason='starting one needs root'
elif ! command -v mmdebstrap >/dev/null; then
  reason='mmdebstrap is not installed'
elif ! unshare --mount --pid --fork true 2>/dev/null; then
  reason='this machine allows no new namespaces'
fi
if [[ -n $reason ]]; then
  say "no Docker engine: $reason. Set DOCKER_HOST to use one that runs, such as unix:///var/run/docker.sock"
  if [[ -n ${CI:-}${REQUIRE_SERVICES:-} ]]; then exit 2; fi
  unset DOCKER_HOST
  run "$@"
fi

cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/mediaport/docker
mkdir -p "$cache/data"
exec 9>"$cache/lock"
flock 9
new_folder

# Makes a Debian 13 with the mirror and the proxy of this machine's apt.
#
#   debian PATH PACKAGES        PATH: a new folder, or a tar file
debian() {
  local new=$cache/new-${1##*/} conf=$dir/${1##*/}.conf mirror
  # shellcheck disable=SC2016 # the dollar is apt's
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep '/debian/\?$' || echo http://deb.debian.org/debian)
  apt-config dump Acquire >"$conf"
  rm -rf "$new"
  mmdebstrap --quiet --variant=minbase --include="$2" --aptopt="$conf" --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='mkdir -p "$1/etc/ssl/certs" && cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"' \
    --customize-hook="cp $conf \"\$1/etc/apt/apt.conf.d/90host\"" trixie "$new" "${mirror%%$'\n'*}" >&2
  # The final name is given only to a complete file.
  mv "$new" "$1"
}

root=$cache/engine base=$cache/base.tar
if [[ ! -d $root || ! -s $base ]]; then
  say 'fetching a Docker engine and a base image from Debian, once'
  rm -rf "$root" "$base"
  debian "$base" ca-certificates,libatomic1,libstdc++6 &
  pid=$!
  debian "$root" ca-certificates,docker.io,docker-cli,docker-compose,docker-buildx,iptables
  wait "$pid"
fi

# The new PID namespace ends all containers with the engine, and the mount namespace removes all mounts.
# shellcheck disable=SC2016 # the inner shell's variables
unshare --mount --pid --fork --kill-child bash -euc '
  root=$1 data=$2 dir=$3
  mount --make-rprivate /
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  for at in sys dev; do mount --rbind "/$at" "$root/$at"; done
  for at in run tmp; do mount -t tmpfs tmpfs "$root/$at"; done
  for at in "$data" "$dir"; do
    mkdir -p "$root/$at"
    mount --bind "$at" "$root/$at"
  done
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  # Not chroot: `docker exec` enters the root of the namespace.
  cd "$root"
  pivot_root . mnt
  umount --lazy /mnt
  cd /
  PATH=/usr/sbin:/usr/bin:/sbin:/bin
  exec docker-init -- dockerd --data-root "$data" --exec-root "$dir/run" --pidfile "$dir/pid" \
    --host "unix://$dir/socket" --group root' - "$root" "$cache/data" "$dir" </dev/null >"$dir/log" 2>&1 9>&- &
unshared=$!
export DOCKER_HOST=unix://$dir/socket DOCKER_CONFIG=$dir/config
mkdir -p "$DOCKER_CONFIG"
ln -s "$root/usr/libexec/docker/cli-plugins" "$DOCKER_CONFIG/cli-plugins"
mkdir "$dir/bin" && ln -s "$root/usr/bin/docker" "$dir/bin/docker"
export PATH=$dir/bin:$PATH
server=$unshared
answers() { docker version >/dev/null 2>&1; }
ready || fail 'the engine did not start:'
server=$(awk '{ print $1 }' "/proc/$unshared/task/$unshared/children")

# Removes the remains of tests that were killed.
docker ps --all --quiet | xargs --no-run-if-empty docker rm --force >/dev/null
docker volume ls --quiet | xargs --no-run-if-empty docker volume rm >/dev/null
docker image prune --force >/dev/null

# Builds the stand-ins of images/Dockerfile. The engine keeps them under a tag of their content.
images() {
  local context=$dir/images modules=$here/../../node_modules
  cp -r "$here/images" "$context"
  ln "$base" "$context/base.tar" 2>/dev/null || cp "$base" "$context/base.tar"
  cp "$modules/node/bin/node" "$context/node"
  cp "$("$here/../services/ferretdb/build.sh")" "$context/ferretdb"
  cd "$context"
  tar -xzf "$(npm pack --silent npm@11.6.0)" && mv package npm
  printf '%s\n' "registry=$(npm config get registry)" 'cafile=/etc/ssl/certs/ca-certificates.crt' >npmrc
  for image in node:26-slim postgres:17 redis:8 mongo:8; do
    docker build --quiet --target "${image%:*}" --tag "$image" .
  done
  docker tag redis:8 "$tag"
}

tag=mediaport-stand-ins:$({
  declare -f images
  cat "$here"/images/* "$here"/../services/ferretdb/{build.sh,go.sum} "$here"/../../node_modules/node/package.json
  stat -c %s.%Y "$base"
} | sha256sum | cut -c1-16)
if ! docker image inspect "$tag" >/dev/null 2>&1; then (images) >&2; fi
run "$@"
