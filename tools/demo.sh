#!/bin/sh
# SPDX-License-Identifier: MIT
# The main job on real input, what `make run` shows: a character driver stores a directory tree of this
# host in object-cache memory of a 512 MiB machine, gives it back, and is checked for leaks.
#
#     sh tools/demo.sh BUILD-FOLDER        (for example build/release)
#
# The first half packs the tree and starts the machine; the second half (--on-machine) is the command
# that `quarry run` runs on the mounted devices.
set -u
src=$(cd "$(dirname "$0")/.." && pwd) || exit 1
MIB=1048576

title() {
    if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi
}

show_memory() {
    title "memory $1"
    "$QUARRY" picture "$QUARRY_ROOT/proc/buddyinfo"
}

# Caches that hold something, the busiest first: name, objects in use, objects, bytes each, per slab, pages.
show_caches() {
    title "/proc/slabinfo, the five busiest caches"
    sed -n 2p "$QUARRY_ROOT/proc/slabinfo" | cut -c 1-75
    sed 1,2d "$QUARRY_ROOT/proc/slabinfo" | sort -k2,2nr | head -n 5 | cut -c 1-75
}

copy() {
    if [ -t 2 ]; then
        dd "$@" status=progress
    else
        dd "$@" status=none
    fi
}

on_machine() {
    device=$QUARRY_ROOT/dev/scullc0
    size=$(wc -c < "$DEMO_DATA") || exit 1
    show_memory "before: the driver is loaded and holds nothing"

    title "store: dd if=tree.tar of=dev/scullc0 ($((size / MIB)) MiB)"
    copy if="$DEMO_DATA" of="$device" bs=64k || exit 1
    show_memory "during: the driver holds the archive"
    title "/proc/buddyinfo, free blocks by order"
    cat "$QUARRY_ROOT/proc/buddyinfo"
    show_caches

    title "read it back and compare"
    before=$(sha256sum < "$DEMO_DATA") && after=$(sha256sum < "$device") || exit 1
    echo "written    ${before%% *}"
    echo "read back  ${after%% *}"
    if [ "$before" != "$after" ]; then
        echo "the checksums differ"
        exit 1
    fi
    echo "equal checksums"

    : > "$device" # opened for writing only: the driver drops what it holds
    show_memory "after: the driver has dropped its data"
    title "unload the driver, and look for what it left behind"
}

if [ "${1:-}" = --on-machine ]; then
    on_machine
    exit 0
fi

build=${1:?usage: tools/demo.sh BUILD-FOLDER}
QUARRY=$(cd "$build" && pwd)/cli/quarry
if [ ! -x "$QUARRY" ]; then
    echo "$QUARRY is not there: build first (make build)" >&2
    exit 2
fi
export QUARRY

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
DEMO_DATA=$work/tree.tar
export DEMO_DATA

# The first 96 MiB of the archive of the first tree that has 64.
for tree in ${DEMO_TREE:-/usr/lib /usr/share /usr /opt /var}; do
    [ -d "$tree" ] || continue
    title "pack $tree"
    tar -cf - -C / "${tree#/}" 2> /dev/null | head -c $((96 * MIB)) > "$DEMO_DATA"
    size=$(wc -c < "$DEMO_DATA")
    echo "$size bytes"
    [ "$size" -ge $((64 * MIB)) ] && break
done
if [ "${size:-0}" -lt $((64 * MIB)) ]; then
    echo "no directory tree of 64 MiB on this host: name one with DEMO_TREE=/some/where" >&2
    exit 2
fi

title "compile and load examples/scullc.c on a machine of 512 MiB"
"$QUARRY" run --ram 512M "$src/examples/scullc.c" -- sh "$0" --on-machine
