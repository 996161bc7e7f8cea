#!/bin/sh
# SPDX-License-Identifier: MIT
# --start: the machine of a run really is in the state, as its own buddyinfo and zoneinfo say, before the
# module loads or after its init; what was held is given back; and the drivers survive it.
# shellcheck disable=SC2016 # variables in single quotes are for the shell that COMMAND runs
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"
need_fuse
cd "$QUARRY_SOURCE" || exit 1
none="-DNO_DEVICE tests/modules/needs.c" # a module that asks for no memory
show='cat $QUARRY_ROOT/proc/buddyinfo $QUARRY_ROOT/proc/zoneinfo'

# Zones by their texts: "zone DMA: free 22 min 22 largest 3", of zones that have memory.
zones() {
    awk '/^Node.*zone.* [0-9]+ *$/ {
            largest[$4] = -1
            for (i = 5; i <= NF; i++)
                if ($i > 0)
                    largest[$4] = i - 5
            next
        }
        /^Node/ { zone = $4 }
        $1 == "pages" { free[zone] = $3 }
        $1 == "min" { min[zone] = $2 }
        END { for (zone in largest) print "zone", zone ":", "free", free[zone], "min", min[zone], "largest", largest[zone] }
    ' "$work/out" | sort >"$work/zones"
}

# state WHAT CONDITION: awk says CONDITION of every zone; $4 free, $6 min, $8 largest order.
state() {
    zones
    [ "$(wc -l <"$work/zones")" -ge 2 ] || complain "$what: no zones"
    awk "!($2) { exit 1 }" "$work/zones" || complain "$what: not $1: $(cat "$work/zones")"
}

for machine in "--ram 64M" "--profile i386 --ram 1G"; do
    # shellcheck disable=SC2086 # words
    expect 0 "fresh, $machine" "$QUARRY" run $machine $none -- sh -c "$show"
    state "fresh" '$4 > $6 && $8 >= 8'
    # shellcheck disable=SC2086
    expect 0 "exhausted, $machine" "$QUARRY" run $machine --start exhausted $none -- sh -c "$show"
    state "exhausted" '$4 <= $6 && $4 > 0'
    says "0 leaks, no other findings"
    # shellcheck disable=SC2086
    expect 0 "reserve-empty, $machine" "$QUARRY" run $machine --start reserve-empty $none -- sh -c "$show"
    state "without a free page" '$4 == 0'
    # shellcheck disable=SC2086
    expect 0 "dma-full, $machine" "$QUARRY" run $machine --start dma-full $none -- sh -c "$show"
    state "full below the DMA limit" '($2 == "DMA:") == ($4 == 0)'
    # shellcheck disable=SC2086
    expect 0 "fragmented, $machine" "$QUARRY" run $machine --start fragmented=2 $none -- sh -c "$show"
    state "in pieces" '$4 > 3 * $6 && $8 < 2'
done

# After init: the module has what it needs, its clients get nothing.
expect 3 "exhausted after init" "$QUARRY" run --ram 64M --start exhausted,after-init examples/scullp.c -- \
    sh -c "$show; dd if=/dev/zero of=\$QUARRY_ROOT/dev/scullp0 bs=1000000 count=1 status=none"
state "exhausted" '$4 <= $6'
says "dd: .*Cannot allocate memory"
says "0 leaks, no other findings"
# Before init: it fails, and loses nothing.
expect 2 "exhausted before init" "$QUARRY" run --no-mount --ram 64M --start exhausted examples/scullp.c
says "init of module scullp failed: ENOMEM"
# A driver that loses memory is convicted whatever is held, and of its own memory only.
expect 1 "a leak from a bad start" "$QUARRY" run --no-mount --ram 64M --start fragmented=3 -D LEAK_OBJECT tests/modules/faulty.c
says "leak: 1 object"
says "^quarry: 1 leak"
# A check for NULL is forgotten: real scarcity finds it too. What is held is not listed as the module's.
sed 's/if (!slot || !\*slot) {/if (!slot) {/' examples/scullc.c >"$work/scullc.c"
expect 1 "a crash after a bad start" "$QUARRY" run --ram 64M --start exhausted,after-init --param qset=10 -I examples "$work/scullc.c" -- \
    sh -c 'dd if=/dev/zero of=$QUARRY_ROOT/dev/scullc0 bs=1000000 count=1 status=none'
says "crash: SIGSEGV.* scullc_write"
says "held at the crash"
silent_about "page block"

for state in exhausted,after-init reserve-empty,after-init fragmented=1,after-init dma-full exhausted; do
    expect 0 "quarry test --start $state" "$QUARRY" test --ram 32M --calls 2 --start $state examples/scullp.c
    prints "every failure is handled"
done

expect 64 "no such state" "$QUARRY" run --start tired examples/scull.c
says "\"tired\" is none of exhausted, fragmented=ORDER \(1 to 10\), reserve-empty, dma-full"
expect 64 "no such order" "$QUARRY" run --start fragmented=11 examples/scull.c
expect 64 "no such time" "$QUARRY" run --start exhausted,later examples/scull.c
nothing_left
finish
