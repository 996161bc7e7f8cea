#!/bin/sh
# SPDX-License-Identifier: MIT
# Instructions per operation, counted by callgrind: a number that does not depend on the machine's
# mood. Each row runs twice with different counts in a process of its own; the difference, divided
# by the extra operations, is the cost of one, loop and call included.
#
#     bench/instructions.sh [BUILD-FOLDER] [ROW...]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$here/build/release}
[ $# -gt 0 ] && shift
program=$build/bench/quarry-bench
[ -x "$program" ] || { echo "$0: no $program (make bench builds it)" >&2; exit 1; }
command -v valgrind >/dev/null 2>&1 || { echo "$0: valgrind is missing (tools/install-deps.sh bench)" >&2; exit 1; }
[ $# -gt 0 ] || set -- "kmalloc 8" "kmalloc 64" "kmalloc 1024" "kmalloc 8192" "cache 200" "cache 200 bulk 16" \
    "pages order 0" "pages order 3" "vmalloc 4K" "vmalloc 64K" "batch 64 lifo" "batch 64 random"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
QUARRY_RAM=${QUARRY_RAM:-512M}
export QUARRY_RAM

counted() { # side, row, operations
    valgrind --tool=callgrind --callgrind-out-file="$work/out" "$program" --count "$1" "$2" "$3" 2>"$work/log" ||
        { cat "$work/log" >&2; return 1; }
    awk '/Collected *:/ { print $NF }' "$work/log"
}
per_operation() { # side, row
    case $2 in
    batch*) few=200000 many=600000 ;;
    *) few=2000 many=12000 ;;
    esac
    first=$(counted "$1" "$2" "$few")
    second=$(counted "$1" "$2" "$many")
    awk -v a="$first" -v b="$second" -v n="$((many - few))" 'BEGIN { printf "%.1f", (b - a) / n }'
}
printf '%-20s %10s %10s\n' "instructions" quarry glibc
for row in "$@"; do
    printf '%-20s %10s %10s\n' "$row" "$(per_operation quarry "$row")" "$(per_operation malloc "$row")"
done
