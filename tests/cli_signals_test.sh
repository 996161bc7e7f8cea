#!/bin/sh
# SPDX-License-Identifier: MIT
# Blocked clients can be interrupted, the command can be stopped in every way, and no mount stays behind.
# shellcheck disable=SC2016 # variables in single quotes are for the shell that COMMAND runs
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"
need_fuse
cd "$QUARRY_SOURCE" || exit 1
sleeper=tests/modules/sleeper.c

expect 0 "clients blocked in read() and poll()" "$QUARRY" run --quiet $sleeper -- sh -uc '
    device=$QUARRY_ROOT/dev/sleeper
    cat "$device" >"$TMPDIR/read" &
    reader=$!
    sleep 0.5
    kill -TERM $reader
    wait $reader
    status=$?
    test $status -gt 128 || { echo "the reader ended with $status"; exit 1; }
    timeout -s KILL 0.5 cat "$device"
    test $? -ge 124 || { echo "the reader was not killed"; exit 1; }
    # The driver still works: what one writes another reads. (A moment for the dying reader to leave:
    # as in a kernel, data that comes before it has seen its signal is its.)
    sleep 0.3
    cat "$device" >"$TMPDIR/read" &
    reader=$!
    echo hello >"$device"
    sleep 0.5
    kill $reader
    wait $reader
    grep -q hello "$TMPDIR/read"'
says "0 leaks, no other findings"

expect 0 "a crowd of blocked clients" "$QUARRY" run --quiet $sleeper -- sh -uc '
    readers=
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        cat $QUARRY_ROOT/dev/sleeper >/dev/null &
        readers="$readers $!"
    done
    sleep 0.5
    cat $QUARRY_ROOT/proc/meminfo >/dev/null || exit 1
    kill $readers
    wait
    exit 0'

expect 0 "a client that stays behind" "$QUARRY" run --quiet $sleeper -- sh -c '
    cat $QUARRY_ROOT/dev/sleeper >/dev/null 2>&1 & sleep 0.5; exit 0'
says "still has dev/sleeper open"
says "0 leaks, no other findings"

expect 0 "a device for one client: each open comes after the close before it" "$QUARRY" run --quiet -D ONE_AT_A_TIME $sleeper -- sh -euc '
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        echo $i >$QUARRY_ROOT/dev/sleeper
    done'

expect 1 "a client that hangs in the driver" "$QUARRY" run --quiet -D HANG_IN_READ $sleeper -- sh -c '
    cat $QUARRY_ROOT/dev/sleeper >/dev/null 2>&1 & sleep 0.5; exit 0'
says "a client hangs in the driver and cannot be interrupted"
nothing_left

# start: run the sleeper with a command that blocks; wait until it does.
start() {
    what=$1
    shift
    rm -f "$work/started"
    "$QUARRY" run --quiet $sleeper "$@" >"$work/out" 2>"$work/err" </dev/null &
    tool=$!
    tries=0
    while [ ! -e "$work/started" ] && [ $tries -lt 200 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
}
block="touch $work/started; exec cat \$QUARRY_ROOT/dev/sleeper"

start "SIGTERM" -- sh -c "$block"
kill -TERM $tool
wait $tool
status=$?
[ $status -eq 3 ] || complain "$what: exit status $status"
says "the command ended with status 143"
says "0 leaks"
nothing_left

start "SIGKILL" -- sh -c "$block"
kill -KILL $tool
wait $tool
nothing_left

what="SIGTERM without a command"
"$QUARRY" run --quiet $sleeper >"$work/out" 2>"$work/err" </dev/null &
tool=$!
tries=0
while ! grep -q "mounted on" "$work/err" && [ $tries -lt 200 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
root=$(sed -n 's/.*mounted on \([^;]*\);.*/\1/p' "$work/err")
[ -e "$root/dev/sleeper" ] || complain "$what: no device below $root"
says "this waits: Ctrl-C, or kill $tool, unloads"
says "end the line with -- COMMAND"
kill -TERM $tool
wait $tool
status=$?
[ $status -eq 0 ] || complain "$what: exit status $status"
nothing_left

# ---- crashes in operations ----
expect 1 "a crash in read()" "$QUARRY" run --quiet -D CRASH_IN_READ $sleeper -- sh -c '
    LC_ALL=C cat $QUARRY_ROOT/dev/sleeper'
says "crash: SIGSEGV.* \(a NULL pointer was used\) in sleeper_read .*sleeper.c:$(grep -n 'site: crash' $sleeper | cut -d : -f 1)"
says "Bad address"
says "held at the crash: 1 object"
says "the command ended with status 1"
nothing_left
expect 1 "a crash with a lock held" "$QUARRY" run --quiet -D CRASH_IN_READ -D WITH_LOCK $sleeper -- sh -c '
    cat $QUARRY_ROOT/dev/sleeper
    cat $QUARRY_ROOT/dev/sleeper'
says "crash: SIGSEGV"
nothing_left
expect 1 "a crash in a timer" "$QUARRY" run --quiet -D CRASH_IN_TIMER $sleeper -- sleep 20
says "crash: SIGSEGV.* in sleeper_tick .*sleeper.c:$(grep -n 'site: tick' $sleeper | cut -d : -f 1)"
nothing_left
expect 1 "BUG() in write()" "$QUARRY" run --quiet -D BUG_IN_WRITE $sleeper -- sh -c 'echo x >$QUARRY_ROOT/dev/sleeper'
says "crash: .*BUG"
nothing_left
finish
