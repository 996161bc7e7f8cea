#!/bin/sh
# SPDX-License-Identifier: MIT
# The sizes that docs/limits.md states are those of the one-file release, give or take a quarter: code, data,
# and the largest stack frame.
set -eu
: "${QUARRY_SOURCE:?}"
[ "$(uname -m)" = x86_64 ] || { echo "skipped: the stated sizes are those of x86-64"; exit 77; }
command -v gcc >/dev/null || { echo "skipped: no gcc"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
sh "$QUARRY_SOURCE/tools/amalgamate.sh" "$work/release" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cd "$work"
gcc -std=gnu11 -Os -ffreestanding -fno-stack-protector -ffunction-sections -fdata-sections -fstack-usage \
    -I release -I "$QUARRY_SOURCE/examples/bare/port" -c release/quarry.c -o core.o
ld -r --gc-sections -e kmalloc -u kfree -u quarry_kmalloc -u alloc_pages -u __free_pages -u quarry_cache_create \
    -u kmem_cache_alloc -u kmem_cache_free core.o -o reached.o

holds() { # what docs/limits.md calls it, measured, unit in bytes
    stated=$(grep -F "| $1" "$QUARRY_SOURCE/docs/limits.md" | sed 's/.*| \([0-9]*\) [a-zA-Z]*.* |$/\1/')
    [ -n "$stated" ] || { echo "docs/limits.md does not state: $1"; failed=1; return; }
    stated=$((stated * $3))
    echo "$1: $2 bytes, $stated stated"
    [ $(($2 * 4)) -le $((stated * 5)) ] && [ $(($2 * 4)) -ge $((stated * 3)) ] ||
        { echo "    more than a quarter off: docs/limits.md"; failed=1; }
}
column() { size "$1" | awk -v n="$2" 'NR == 2 { print $n }'; }
holds "code of the whole core" "$(column core.o 1)" 1000
holds "code that \`kmalloc\`" "$(column reached.o 1)" 1000
holds "static data" "$(column core.o 2)" 1000
holds "largest stack frame" "$(awk -F '\t' '$2 > most { most = $2 } END { print most }' core.su)" 1
exit $failed
