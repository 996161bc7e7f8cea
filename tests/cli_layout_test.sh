#!/bin/sh
# SPDX-License-Identifier: MIT
# `quarry layout`: the classic machine's picture has the classic numbers, as text, JSON and drawing; and
# `quarry picture` draws what a buddyinfo says.
# shellcheck disable=SC2016 # variables in single quotes are for the shell that COMMAND runs
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"

layout_i386() {
    "$QUARRY" layout --profile i386 --ram "$1" --svg "$work/picture.svg" >"$work/out" 2>"$work/err"
}
what="the i386 machine of 160 MiB"
if layout_i386 160M; then
    prints '^ +C0000000 .* PAGE_OFFSET'
    prints '^ +CA000000 .* high_memory'
    prints '^ +CA800000 .* VMALLOC_START'
    prints '^ +FF7FE000 .* VMALLOC_END'
    prints '^ +FF800000 .* PKMAP_BASE'
    prints 'kmap window +4\.0 MiB'
    prints 'hole +8\.0 MiB'
    prints 'fixed mappings +128\.0 KiB'
    prints 'mem_map .* descriptors of '
    prints 'DMA .* 0x1000000 +16\.0 MiB'
    prints 'Normal +0x1000000 '
    grep -q '<svg ' "$work/picture.svg" || complain "no drawing"
    grep -q '</svg>' "$work/picture.svg" || complain "the drawing has no end"
    grep -q 'vmalloc, ' "$work/picture.svg" || complain "the drawing has no vmalloc area"
    what="the i386 machine of 2 GiB"
    layout_i386 2G
    prints '^ +F8000000 .* high_memory'
    prints '^ +F8800000 .* VMALLOC_START'
    prints 'Normal +0x1000000 +0x38000000 '
    prints 'HighMem +0x38000000 +0x80000000 '
else
    # Sanitizers sit on the addresses of the classic machine: then the reason is given.
    says 'cannot be had|cannot boot'
fi

expect 0 "the modern machine" "$QUARRY" layout --ram 6G --nodes 2
prints '^modern machine, 6\.0 GiB of memory, 2 nodes'
prints 'DMA32 .* 0x100000000 '
prints 'Normal +0x100000000 '
expect 2 "a file that cannot be written" "$QUARRY" layout --svg "$work/no/such/folder.svg"
says 'cannot write .*No such file'
expect 0 "as JSON" "$QUARRY" layout --ram 64M --json
if command -v python3 >/dev/null; then
    python3 - "$work/out" <<'END' || complain "the JSON is wrong"
import json, sys
layout = json.load(open(sys.argv[1]))
ranges = layout["ranges"]
assert layout["ram"] == 64 << 20
assert all(a["to"] == b["from"] for a, b in zip(ranges, ranges[1:])), "gaps"
assert any(r["name"] == "mem_map" for r in ranges)
assert layout["PAGE_OFFSET"] < layout["high_memory"] <= layout["VMALLOC_START"] < layout["VMALLOC_END"]
assert sum(z["present"] for z in layout["zones"]) == 64 << 20
END
fi

cat >"$work/buddyinfo" <<'END'
Node 0, zone      DMA      0      0      0      0      0      0      0      0      0      0      4
Node 0, zone   Normal   1024      0      0      0      0      0      0      0      0      0      3
END
cat >"$work/zoneinfo" <<'END'
Node 0, zone      DMA
        present  4096
        managed  4096
Node 0, zone   Normal
        present  8192
        managed  8192
END
expect 0 "a picture" "$QUARRY" picture "$work/buddyinfo"
prints '^Node 0 DMA +16\.0 MiB, +16\.0 MiB free \|A{64}\|$'
prints '^Node 0 Normal +32\.0 MiB, +16\.0 MiB free \|#{32}0{8}A{24}\|$'
if [ -r /proc/buddyinfo ]; then
    expect 0 "this host's picture" env -u QUARRY_ROOT "$QUARRY" picture && prints '^Node 0 '
fi
finish
