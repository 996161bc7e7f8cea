#!/bin/sh
# SPDX-License-Identifier: MIT
# Each single free call of each driver is removed, one at a time: the run exits 1 and names a line of the
# driver that allocates what that call would have freed. A call that stands on an error path is reached
# by failing one allocation after the other until the path is taken. (That the drivers as they are survive
# each failure, cli_sweep_test shows.)
# shellcheck disable=SC2016 # variables in single quotes are for the shell that COMMAND runs
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"
need_fuse
cd "$QUARRY_SOURCE" || exit 1
frees='kfree|kvfree|vfree|free_pages|free_page|__free_pages|__free_page|kmem_cache_free|kmem_cache_destroy'
allocs='kmalloc|kzalloc|kcalloc|kmalloc_array|vmalloc|vzalloc|__get_free_pages|__get_free_page|get_zeroed_page|alloc_pages|alloc_page|kmem_cache_alloc|kmem_cache_zalloc|kmem_cache_create'

# What clients do, so that every allocation of the driver happens: data over several quanta, a list of
# items, a rewrite, a second device that keeps its data until the module goes, an ordinary close.
clients='
    dd if=/dev/zero of=$QUARRY_ROOT/dev/${DRIVER}0 bs=50000 count=20 status=none
    dd if=/dev/zero of=$QUARRY_ROOT/dev/${DRIVER}0 bs=1000 count=5 status=none
    dd if=/dev/zero of=$QUARRY_ROOT/dev/${DRIVER}1 bs=64k count=4 status=none
    cat $QUARRY_ROOT/dev/${DRIVER}1 >/dev/null
    exit 0'

# The lines blamed; each must be one that allocates.
check_blame() {
    blamed=$(grep -oE "(allocated in|made by) .*$driver\.c:[0-9]+" "$work/err" | grep -oE '[0-9]+$' | sort -un)
    [ -n "$blamed" ] || complain "$what: no line is named"
    for number in $blamed; do
        sed -n "${number}p" "$work/one/$driver.c" | grep -qE "($allocs)\(" ||
            complain "$what: line $number is named, which allocates nothing"
    done
}

# try_faults SOURCE: run it once for each of the first requests that could fail, until a run has findings.
try_faults() {
    case $driver in
    scullp) points="failslab fail_page_alloc" ;;
    scullv) points="failslab fail_vmalloc" ;;
    *) points=failslab ;;
    esac
    for point in $points; do
        n=1
        while [ $n -le 40 ]; do
            status=0
            "$QUARRY" run --quiet --options "$point=nth:$n" -I examples "$1" -- sh -c "$few_clients" \
                >"$work/out" 2>"$work/err" </dev/null || status=$?
            [ $status -eq 1 ] && return 0
            n=$((n + 1))
        done
    done
    return 1
}
few_clients='
    dd if=/dev/zero of=$QUARRY_ROOT/dev/${DRIVER}0 bs=5000 count=1 status=none
    dd if=/dev/zero of=$QUARRY_ROOT/dev/${DRIVER}0 bs=5000 count=1 status=none
    exit 0'

for driver in scull scullc scullp scullv; do
    export DRIVER=$driver
    # Calls, not declarations: the name, an argument, a semicolon.
    lines=$(grep -nE "(^|[^_a-z])($frees)\([^;]*\);" "examples/$driver.c" | cut -d : -f 1)
    [ -n "$lines" ] || complain "$driver frees nothing?"
    expect 0 "$driver as it is" "$QUARRY" run --quiet "examples/$driver.c" -- sh -c "$clients"
    for line in $lines; do
        mkdir -p "$work/one"
        sed -E "${line}s/(^|[^_a-z])($frees)\([^;]*\);/\1;/" "examples/$driver.c" >"$work/one/$driver.c"
        cmp -s "$work/one/$driver.c" "examples/$driver.c" && complain "$driver:$line: nothing was removed"
        what="$driver without line $line: $(sed -n "${line}p" "examples/$driver.c" | sed 's/^[ \t]*//')"
        status=0
        "$QUARRY" run --quiet -I examples "$work/one/$driver.c" -- sh -c "$clients" \
            >"$work/out" 2>"$work/err" </dev/null || status=$?
        if [ $status -eq 1 ] || try_faults "$work/one/$driver.c"; then
            check_blame
        else
            complain "$what: not noticed"
        fi
    done
done
nothing_left
finish
