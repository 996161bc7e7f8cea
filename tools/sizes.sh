#!/bin/sh
# SPDX-License-Identifier: MIT
# How large the core is, by configuration: an image of tests/sizes/pages.c on the port of
# examples/bare, from the one-file release, linked with --gc-sections.
#
#     tools/sizes.sh [COLUMN...]     lines: CONFIGURATION COLUMN CODE DATA, in bytes
#     tools/sizes.sh --update        the table in docs/limits.md anew (make sizes)
#
# A column is PROCESSOR-LEVEL: x86-64-Os. Configurations: full; no-checks (QUARRY_NO_CHECKS); minimal
# (QUARRY_MINIMAL). In the first two all public functions lie in one section, so the linker keeps them all;
# in the third it keeps those that the program reaches. Code is what is never written (constants and texts
# included), data what is in the image to be written; memory that begins as zeros is the machine's own.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bare=examples/bare
update=
[ "${1:-}" != --update ] || { update=1; shift; }
[ $# -gt 0 ] || set -- x86-64-Os x86-64-O2 aarch64-Os riscv64-Os

compiler() { # column
    case $1 in
    x86-64-*) echo "${CC:-gcc}" ;;
    aarch64-*) echo aarch64-linux-gnu-gcc -mno-outline-atomics ;;
    riscv64-*) echo riscv64-linux-gnu-gcc ;;
    *) echo "$0: unknown column $1" >&2; exit 64 ;;
    esac
}
one() { # configuration, column
    define=
    [ "$1" = full ] || define=-DQUARRY_$(echo "$1" | tr 'a-z-' 'A-Z_')
    # shellcheck disable=SC2046,SC2086 # the compiler's options are meant to be split
    $(compiler "$2") -O"${2##*-O}" -std=gnu11 -ffreestanding -fno-builtin -fno-tree-loop-distribute-patterns \
        -fno-stack-protector -fno-pie -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
        $define -static -nostdlib -no-pie -Wl,--gc-sections -I"$work/release" -I$bare/port "$work/release/quarry.c" \
        $bare/port/port.c $bare/host.c tests/sizes/pages.c -lgcc -o "$work/$1-$2"
    case $2 in
    "$(uname -m | tr _ -)"-*) "$work/$1-$2" || { echo "$0: $1: the program ends with $?" >&2; return 1; } ;;
    esac
    size "$work/$1-$2" | awk -v name="$1 $2" 'NR == 2 { print name, $1, $2 }' >"$work/$1-$2.size"
}

sh tools/amalgamate.sh "$work/release" >/dev/null
for column; do
    # shellcheck disable=SC2046 # as above
    command -v $(compiler "$column" | cut -d' ' -f1) >/dev/null || continue
    pids=
    for configuration in full no-checks minimal; do
        one $configuration "$column" &
        pids="$pids $!"
    done
    for pid in $pids; do
        wait "$pid"
    done
    cat "$work/full-$column.size" "$work/no-checks-$column.size" "$work/minimal-$column.size"
done >"$work/all"
[ -n "$update" ] || { cat "$work/all"; exit 0; }

awk -v columns="$*" '
    { code[$1, $2] = $3; data[$1, $2] = $4 }
    END {
        nr = split(columns, column, " ")
        printf "| configuration | data |"
        for (i = 1; i <= nr; i++)
            printf " %s |", column[i]
        printf "\n| --- | --- |"
        for (i = 1; i <= nr; i++)
            printf " --- |"
        says["full"] = "full"
        says["no-checks"] = "without checks (`-DQUARRY_NO_CHECKS`)"
        says["minimal"] = "minimal: pages and `kmalloc` (`-DQUARRY_MINIMAL`)"
        split("full no-checks minimal", order, " ")
        for (k = 1; k <= 3; k++) {
            printf "\n| %s | %d KB |", says[order[k]], (data[order[k], column[1]] + 500) / 1000
            for (i = 1; i <= nr; i++)
                printf " %d KB |", (code[order[k], column[i]] + 500) / 1000
        }
        print ""
    }' "$work/all" >"$work/table"
awk -v table="$work/table" '
    /^<!-- sizes: end -->/ { skip = 0 }
    !skip { print }
    /^<!-- sizes: begin/ { while ((getline line < table) > 0) print line; skip = 1 }' docs/limits.md >"$work/limits"
grep -q "configuration | data" "$work/limits" || { echo "$0: docs/limits.md has no place for the table" >&2; exit 1; }
cat "$work/limits" >docs/limits.md
