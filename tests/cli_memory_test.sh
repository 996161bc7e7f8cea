#!/bin/sh
# SPDX-License-Identifier: MIT
# The data lies in the machine's frames, and they can run out: one byte of one frame changed behind the
# driver's back changes what the device reads, and a full machine says "Cannot allocate memory" to dd and
# goes on.
# shellcheck disable=SC2016 # variables in single quotes are for the shell that COMMAND runs
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"
need_fuse
cd "$QUARRY_SOURCE" || exit 1

for driver in scull scullc scullp scullv; do
    export DRIVER=$driver
    # $PPID is the machine; its memory file is one of its open files.
    expect 0 "$driver: a changed frame" "$QUARRY" run --quiet --ram 64M examples/$driver.c -- sh -euc '
        device=$QUARRY_ROOT/dev/${DRIVER}0
        mark=this-is-$DRIVER-data-$$
        i=0
        while [ $i -lt 300 ]; do echo "line $i of what the driver holds"; i=$((i + 1)); done >"$TMPDIR/data"
        echo "$mark" >>"$TMPDIR/data"
        cp "$TMPDIR/data" "$device"
        before=$(sha256sum <"$device")
        test "$before" = "$(sha256sum <"$TMPDIR/data")"
        memory=
        for fd in /proc/$PPID/fd/*; do
            case $(readlink "$fd") in
            "/memfd:quarry-ram"*) memory=$fd ;;
            esac
        done
        place=$(LC_ALL=C grep -abo "$mark" "$memory" | cut -d : -f 1)
        test "$(echo "$place" | wc -w)" = 1
        printf T | dd of="$memory" bs=1 seek="$place" conv=notrunc status=none
        after=$(sha256sum <"$device")
        test "$before" != "$after"
        cat "$device" | tail -n 1 | grep -q "^This-is-$DRIVER-data"
        printf t | dd of="$memory" bs=1 seek="$place" conv=notrunc status=none
        test "$before" = "$(sha256sum <"$device")"'

    expect 0 "$driver: no memory left" "$QUARRY" run --quiet --ram 16M examples/$driver.c -- sh -uc '
        device=$QUARRY_ROOT/dev/${DRIVER}0
        if dd if=/dev/zero of="$device" bs=64k count=1024 2>"$TMPDIR/dd"; then
            echo "64 MiB fit into 16"
            exit 1
        fi
        LC_ALL=C grep "Cannot allocate memory" "$TMPDIR/dd" || exit 1
        echo kept | cmp -n 0 - "$device" || exit 1
        : >"$device"
        head -c 1000000 "$(command -v sh)" >"$TMPDIR/data"
        cp "$TMPDIR/data" "$device" && cmp "$TMPDIR/data" "$device"'
    prints "Cannot allocate memory"
    says "0 leaks, no other findings"
done

expect 0 "failed requests are in the report" "$QUARRY" run --quiet --ram 16M --json="$work/report.json" examples/scull.c -- sh -c '
    ! dd if=/dev/zero of=$QUARRY_ROOT/dev/scull0 bs=1M count=64 2>/dev/null'
grep -q '"failed_allocations": \[$' "$work/report.json" || complain "$what: none is listed"
expect 1 "every 40th request fails, and the driver copes or is found out" "$QUARRY" run --quiet --ram 64M \
    --options failslab=every:40 -D LEAK_OBJECT --no-mount tests/modules/faulty.c
nothing_left
finish
