#!/bin/sh
# SPDX-License-Identifier: MIT
# The sizes that docs/limits.md states are those of the one-file release: code and data by configuration,
# give or take a tenth; the largest stack frame and the deepest path, give or take a quarter.
set -eu
: "${QUARRY_SOURCE:?}"
[ "$(uname -m)" = x86_64 ] || { echo "skipped: the stated sizes are those of x86-64"; exit 77; }
command -v gcc >/dev/null || { echo "skipped: no gcc"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
limits=$QUARRY_SOURCE/docs/limits.md

within() { # what, measured, stated, part that it may be off
    echo "$1: $2 bytes, $3 stated"
    [ $(($2 * $4)) -le $(($3 * ($4 + 1))) ] && [ $(($2 * $4)) -ge $(($3 * ($4 - 1))) ] ||
        { echo "    more than 1/$4 off: docs/limits.md (make sizes)"; failed=1; }
}
holds() { # what docs/limits.md calls it, measured, unit in bytes
    stated=$(grep -F "| $1" "$limits" | sed 's/.*| \([0-9]*\) [a-zA-Z]*.* |$/\1/')
    [ -n "$stated" ] || { echo "docs/limits.md does not state: $1"; failed=1; return; }
    within "$1" "$2" $((stated * $3)) 4
}
table() { # configuration, column: kilobytes
    awk -F ' *[|] *' -v row="$1" -v column="$2" '
        /sizes: begin/ { inside = 1 }
        /sizes: end/ { inside = 0 }
        inside && $2 == "configuration" { for (i = 3; i < NF; i++) if ($i == column) at = i }
        inside && (index($2, "QUARRY_" toupper(row)) || $2 == row) { print $at + 0 }' "$limits"
}

columns=x86-64-Os
[ -z "${QUARRY_LONG:-}" ] || columns="x86-64-Os x86-64-O2 aarch64-Os riscv64-Os"
# shellcheck disable=SC2086 # split into columns
CC=gcc sh "$QUARRY_SOURCE/tools/sizes.sh" $columns >"$work/sizes"
[ "$(grep -c ' x86-64-Os ' "$work/sizes")" -eq 3 ] || { echo "not three configurations:"; cat "$work/sizes"; exit 1; }
while read -r configuration column code data; do
    name=$(echo "$configuration" | tr - _)
    within "$configuration, $column, code" "$code" "$(($(table "$name" "$column") * 1000))" 10
    within "$configuration, $column, data" "$data" "$(($(table "$name" data) * 1000))" 10
done <"$work/sizes"

# The deepest path, of the public calls that allocate and free.
sh "$QUARRY_SOURCE/tools/stack-depth.sh" kmalloc kfree alloc_pages __free_pages kmem_cache_alloc kmem_cache_free \
    vmalloc vfree mempool_alloc mempool_free quarry_cache_create kmem_cache_destroy >"$work/paths"
holds "largest stack frame" "$(sed -n 's/ frame: .*//p' "$work/paths")" 1
sort -n "$work/paths" | tail -n 1 >"$work/deepest"
cat "$work/deepest"
holds "deepest path" "$(cut -d' ' -f1 "$work/deepest")" 1
exit $failed
