#!/usr/bin/env bash
# Runs a command with a Docker engine and Compose. The exit status is that of the command:
#
#   tests/docker/engine.sh docker compose up -d
#   tests/docker/engine.sh npm run docker
#
# Uses the engine of DOCKER_HOST if it answers. Otherwise the script starts an engine, which requires root and
# mmdebstrap: the packages of engine, Compose and buildx of Debian 13, in their own root folder and namespaces. This
# engine has stand-ins for the base images, because it needs no image registry: see images/Dockerfile. Both are kept in
# ${XDG_CACHE_HOME:-~/.cache}/mediaport/docker. If no engine can run, the command is skipped. The exit status is then 2
# if CI or REQUIRE_SERVICES is set.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/services/lib.sh
source "$here/../services/lib.sh"
if (($# == 0)); then
  say 'usage: tests/docker/engine.sh COMMAND [ARGUMENT…]'
  exit 2
fi

if [[ -n ${DOCKER_HOST:-} ]] && docker version >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then run "$@"; fi

# A missing engine is a failure only if everything must be tested.
cannot() {
  say "skipped, no Docker engine: $1. Set DOCKER_HOST to use one that runs, such as unix:///var/run/docker.sock"
  [[ -z ${CI:-}${REQUIRE_SERVICES:-} ]] && exit 0
  exit 2
}
((EUID == 0)) || cannot 'starting one needs root'
command -v mmdebstrap >/dev/null || cannot 'mmdebstrap is not installed'
unshare --mount --pid --fork true 2>/dev/null || cannot 'this machine allows no new namespaces'

cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/mediaport/docker
mkdir -p "$cache/data"
exec 9>"$cache/lock"
flock 9
new_folder

took() { say "$1: $(($(date +%s) - $2)) s"; }

# debian NAME PACKAGES: makes a Debian 13 as $cache/NAME.tar, with the mirror and the proxy of this machine's apt.
debian() {
  local start mirror
  start=$(date +%s)
  # shellcheck disable=SC2016 # the dollar is apt's
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep '/debian/\?$' || echo http://deb.debian.org/debian)
  apt-config dump Acquire >"$dir/$1.conf"
  mmdebstrap --quiet --variant=minbase --include="$2" --aptopt="$dir/$1.conf" --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='mkdir -p "$1/etc/ssl/certs" && cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"' \
    --customize-hook="cp $dir/$1.conf \"\$1/etc/apt/apt.conf.d/90host\"" \
    trixie "$dir/$1.tar" "${mirror%%$'\n'*}" >&2
  # The final name is given only to a complete file.
  mv "$dir/$1.tar" "$cache/$1.tar.new" && mv "$cache/$1.tar.new" "$cache/$1.tar"
  took "$1" "$start"
}

root=$cache/engine
if [[ ! -d $root || ! -s $cache/base.tar ]]; then
  say 'fetching a Docker engine and a base image from Debian, once'
  debian base ca-certificates,libatomic1,libstdc++6 &
  base=$!
  debian engine ca-certificates,docker.io,docker-cli,docker-compose,docker-buildx,iptables
  wait "$base"
  rm -rf "$root.new" && mkdir "$root.new" && tar -xf "$cache/engine.tar" -C "$root.new" && rm "$cache/engine.tar"
  mv "$root.new" "$root"
fi

# The new PID namespace ends all containers with the engine, and the mount namespace removes all mounts.
start=$(date +%s)
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
took 'engine started' "$start"

# Removes the remains of a walk that was killed.
docker ps --all --quiet | xargs --no-run-if-empty docker rm --force >/dev/null
docker volume ls --quiet | xargs --no-run-if-empty docker volume rm >/dev/null
docker image prune --force >/dev/null
"$here/images.sh" "$cache/base.tar" >&2 || fail 'the base images could not be made'
run "$@"
