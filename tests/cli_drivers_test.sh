#!/bin/sh
# SPDX-License-Identifier: MIT
# The four drivers with real clients through the mounted devices: cp, cmp, dd, od, cat, tail, several at
# once, and a second load of everything in the style of kernel 2.6.
# shellcheck disable=SC2016 # variables in single quotes are for the shell that COMMAND runs
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"
need_fuse
cd "$QUARRY_SOURCE" || exit 1
head -c 3000000 /dev/urandom >"$work/data"
export DATA="$work/data"
SELF=$(command -v sh)
export SELF

for driver in scull scullc scullp scullv; do
    export DRIVER=$driver
    expect 0 "$driver: cp and cmp of a program" "$QUARRY" run examples/$driver.c -- sh -c '
        cp "$SELF" $QUARRY_ROOT/dev/${DRIVER}0 && cmp "$SELF" $QUARRY_ROOT/dev/${DRIVER}0'
    says "0 leaks, no other findings"
    expect 0 "$driver: odd sizes and positions" "$QUARRY" run --quiet examples/$driver.c -- sh -euc '
        device=$QUARRY_ROOT/dev/${DRIVER}0
        dd if="$DATA" of="$device" bs=7777 status=none
        dd if="$device" bs=65536 status=none | cmp - "$DATA"
        cat "$device" | cmp - "$DATA"
        dd if="$device" bs=1 skip=123456 count=100 status=none | od -An -tx1 >"$TMPDIR/a"
        dd if="$DATA" bs=1 skip=123456 count=100 status=none | od -An -tx1 >"$TMPDIR/b"
        cmp "$TMPDIR/a" "$TMPDIR/b"
        tail -c 1000 "$device" >"$TMPDIR/a"
        tail -c 1000 "$DATA" | cmp - "$TMPDIR/a"
        test "$(stat -c %s "$device")" = 3000000
        printf changed | dd of="$device" bs=1 seek=500000 conv=notrunc status=none
        test "$(dd if="$device" bs=1 skip=500000 count=7 status=none)" = changed
        test "$(wc -c <"$device")" = 3000000
        : >"$device"
        test "$(wc -c <"$device")" = 0'
    expect 0 "$driver: several clients and devices at once" "$QUARRY" run --quiet examples/$driver.c -- sh -euc '
        for i in 0 1 2 3; do
            (
                for round in 1 2 3; do
                    dd if="$DATA" of=$QUARRY_ROOT/dev/$DRIVER$i bs=${round}0001 status=none
                    cmp "$DATA" $QUARRY_ROOT/dev/$DRIVER$i || echo different
                done
            ) &
        done
        wait
        for i in 1 2 3 4 5 6; do
            cmp "$DATA" $QUARRY_ROOT/dev/${DRIVER}0 &
        done
        wait'
    [ -s "$work/out" ] && complain "$what: clients saw wrong data"
    expect 0 "$driver: on the classic machine" "$QUARRY" run --quiet --check 2 --ram 128M examples/$driver.c -- sh -c '
        dd if="$DATA" of=$QUARRY_ROOT/dev/${DRIVER}1 bs=100000 status=none && cmp "$DATA" $QUARRY_ROOT/dev/${DRIVER}1'
done

expect 0 "scullc in the style of 2.6" "$QUARRY" run --kernel 2.6.10 examples/scullc26.c -- sh -c '
    cp "$SELF" $QUARRY_ROOT/dev/scullc0 && cmp "$SELF" $QUARRY_ROOT/dev/scullc0'
says "0 leaks, no other findings"
expect 0 "two drivers at once" "$QUARRY" run --quiet examples/scull.c + examples/scullv.c -- sh -c '
    cp "$SELF" $QUARRY_ROOT/dev/scull0 && cp $QUARRY_ROOT/dev/scull0 $QUARRY_ROOT/dev/scullv0 &&
    cmp "$SELF" $QUARRY_ROOT/dev/scullv0'

# What the folder shows, and what COMMAND's end means.
expect 0 "the mounted folder" "$QUARRY" run --quiet examples/scullc.c -- sh -euc '
    cd "$QUARRY_ROOT"
    ls
    ls dev proc
    for text in buddyinfo pagetypeinfo zoneinfo vmstat meminfo slabinfo; do
        cat proc/$text | grep -q .
    done
    grep -q "^scullc" proc/slabinfo
    head -n 1 proc/slabinfo | grep -q "slabinfo - version: 2.1"
    cat proc/kmsg >/dev/null
    test ! -e dev/nothing
    ! touch dev/new 2>/dev/null
    ! mkdir dev/folder 2>/dev/null
    ! rm dev/scullc0 2>/dev/null
    ! sh -c "echo x >proc/slabinfo" 2>/dev/null'
prints '^dev$'
prints '^proc$'
prints '^scullc0$'
prints '^slabinfo$'
expect 0 "a driver's own proc entry" "$QUARRY" run --quiet examples/scull.c -- sh -c '
    echo hello >$QUARRY_ROOT/dev/scull1 && cat $QUARRY_ROOT/proc/scull'
prints 'scull'
expect 0 "kernel messages" "$QUARRY" run --quiet tests/modules/kbuild -- sh -c 'cat $QUARRY_ROOT/proc/kmsg'
prints '^<6>\[ *[0-9.]+\] .*user counts 41$'
silent_about 'user counts 41'
expect 3 "a command that fails" "$QUARRY" run --quiet examples/scull.c -- sh -c 'exit 7'
says "the command ended with status 7"
expect 3 "a command that is not there" "$QUARRY" run --quiet examples/scull.c -- "$work/nothing"
says "cannot run .*nothing"
expect 0 "standard output is the command's alone" "$QUARRY" run examples/scull.c -- echo hello
[ "$(cat "$work/out")" = hello ] || complain "$what: something else on standard output"
nothing_left
finish
