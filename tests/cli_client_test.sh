#!/bin/sh
# SPDX-License-Identifier: MIT
# A C program as client: ioctl with copied arguments, and mmap that shows the driver's own pages.
# shellcheck disable=SC2016 # variables in single quotes are for the shell that COMMAND runs
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"
need_fuse
cd "$QUARRY_SOURCE" || exit 1
cc -Wall -I examples -o "$work/client" tests/support/cli_client.c || exit 1
CLIENT=$work/client
export CLIENT

expect 0 "ioctl" "$QUARRY" run --quiet examples/scull.c -- sh -c '"$CLIENT" ioctl $QUARRY_ROOT/dev/scull0'
expect 0 "poll" "$QUARRY" run --quiet tests/modules/sleeper.c -- sh -c '"$CLIENT" poll $QUARRY_ROOT/dev/sleeper'
for driver in scullp scullv; do
    export DRIVER=$driver
    expect 0 "$driver: mmap" "$QUARRY" run --quiet examples/$driver.c -- sh -c '"$CLIENT" mmap $QUARRY_ROOT/dev/${DRIVER}0'
    says "0 leaks, no other findings"
    expect 0 "$driver: mmap by several clients" "$QUARRY" run --quiet examples/$driver.c -- sh -c '
        for i in 0 1 2 3; do "$CLIENT" mmap $QUARRY_ROOT/dev/$DRIVER$i & done; wait'
    [ -s "$work/out" ] && complain "$what: a client disagrees"
    says "0 leaks, no other findings"
done
for driver in scull scullc; do
    export DRIVER=$driver
    expect 0 "$driver has no mmap" "$QUARRY" run --quiet examples/$driver.c -- sh -c '"$CLIENT" nomap $QUARRY_ROOT/dev/${DRIVER}0'
done
nothing_left
finish
