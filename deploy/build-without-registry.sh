#!/bin/sh
# Builds an image where there is neither Docker nor a registry of images: buildah, on a base that debootstrap makes. Then
# looks into it. As root, on Debian: apt-get install buildah debootstrap
#
#   deploy/build-without-registry.sh front  [options of `buildah build`]
#   deploy/build-without-registry.sh worker [options of `buildah build`]
#
# DEBIAN_MIRROR: where Debian's packages come from. Where those of Python come through a mirror or a proxy, let the build
# read what this machine says of it: --volume /etc/pip.conf:/etc/pip.conf:ro --volume /etc/ssl/certs:/etc/ssl/certs:ro
set -eu
BASE=localhost/burnish-base:bookworm # Debian 12, whose Python is 3.11

base() {
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,python-is-python3 \
        bookworm "$folder/system" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
    rm -rf "$folder"/system/var/cache/apt/archives/*.deb "$folder"/system/var/lib/apt/lists/*
    tar --directory "$folder/system" --numeric-owner --create --file "$folder/base.tar" .
    container=$(buildah from scratch)
    buildah add "$container" "$folder/base.tar" /
    buildah commit --rm "$container" "$BASE"
}

# What the image promises: a user without rights, folders of volumes that are his, commands that start.
SAYS='
    test "$(id -u)" = 10001
    touch /data/mine /var/lib/ray/mine
    if touch /opt/burnish/mine 2>/dev/null; then echo "the user may write to the code"; exit 1; fi
    burnish-server --help >/dev/null
    ray --version
    burnish-haproxy -v | head -n 1
    python -c "from burnish_service import rayservice, serving; print(\"front: imports\")"
'
FRONT='if python -c "import torch" 2>/dev/null; then echo "torch is in it"; exit 1; else echo "no torch"; fi'
WORKER='python -c "
from burnish_workers.core.registry import registry
for name in registry().names:
    registry().get(name).load()
print(\"worker: loads\", *registry().names)"'

look() {
    container=$(buildah from --pull-never "$1")
    buildah run --isolation chroot "$container" -- sh -euc "$SAYS $2" || { buildah rm "$container" >&2; exit 1; }
    buildah rm "$container" >/dev/null
}

case "${1:-}" in
    front) says=$FRONT ;;
    worker) says=$WORKER ;;
    *) sed -n 's/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
target=$1 && shift
cd "$(dirname "$0")/.."
buildah inspect --type image "$BASE" >/dev/null 2>&1 || base
buildah build --isolation chroot --pull-never --target "$target" --build-arg "BASE=$BASE" --tag "burnish-$target" "$@" .
look "burnish-$target" "$says"
buildah images --format '{{.Name}}:{{.Tag}} {{.Size}}' "burnish-$target"
