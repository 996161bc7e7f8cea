#!/bin/sh
# SPDX-License-Identifier: MIT
# quarry test: the scull drivers survive the failure of each request they make; damaged in one place, each is
# convicted at the line whose failure it does not survive, and the command printed there does it again;
# the same driver gives the same text; aims leave what they name.
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"
cd "$QUARRY_SOURCE" || exit 1
mkdir "$work/bad"
cp examples/scull.h "$work/bad"

# line FILE TEXT: the number of the one line of $work/bad/FILE that holds TEXT.
line() {
    grep -nF -- "$2" "$work/bad/$1" >"$work/lines"
    [ "$(wc -l <"$work/lines")" = 1 ] || { echo "$1: \"$2\" is not on one line"; exit 1; }
    cut -d : -f 1 "$work/lines"
}

# damage FILE SED: a copy of examples/scullc.c in $work/bad, changed.
damage() {
    sed "$2" examples/scullc.c >"$work/bad/$1"
    cmp -s "$work/bad/$1" examples/scullc.c && { echo "$1: nothing was changed"; exit 1; }
}

# convicts FILE TEXT VERDICT: the last run said VERDICT of the line that holds TEXT.
convicts() {
    at=$(line "$1" "$2")
    prints "^$1:$at: .* runs?: $3"
}

# ---- the drivers as they are ----
for driver in scull scullc scullp scullv; do
    expect 0 "$driver" "$QUARRY" test "examples/$driver.c"
    prints "every failure is handled"
    prints "^examples/$driver.c:[0-9]*: (kzalloc|kmem_cache_zalloc|__get_free_pages|vzalloc|kcalloc)"
done

# The other examples: probes, deferred probes, debugfs, two modules, a timer.
for driver in mailbox tally conveyor "--kernel 2.6.10 examples/blinker26" \
    "--param room=65536 examples/depot.c + examples/porter"; do
    case $driver in --*) ;; *) driver=examples/$driver ;; esac
    # shellcheck disable=SC2086 # words
    expect 0 "$driver" "$QUARRY" test $driver.c
    prints "every failure is handled"
done

# ---- what may fail, and what hangs ----
needs=tests/modules/needs.c
site() {
    grep -nF "site: $1 " "$needs" | cut -d : -f 1
}
expect 0 "promises" "$QUARRY" test "$needs"
prints "^$needs:$(site nofail): kmalloc in needs_write: 4 requests: cannot fail by contract \(G-E5\)"
prints "^$needs:$(site "pool may wait"): mempool_alloc in .*: cannot fail by contract \(G-M1\)"
prints "^$needs:$(site "pool may not wait"): mempool_alloc in .*, 8 runs: handled"
prints "^$needs:$(site "two ways"): kvmalloc in needs_write: 4 requests, 8 runs: handled"
expect 1 "a semaphore kept" "$QUARRY" test --timeout 5 -DKEEP_SEMAPHORE --from "$needs:$(site "two ways"):1" "$needs"
prints "^$needs:$(site "two ways"): .* 1 run: hung"
prints "no end after 5 seconds: still in needs_write $needs:$(site "who waits"), in down"

# What is wrong without any failure is told first.
expect 1 "pages kept, without checks" "$QUARRY" test --check 0 -DNO_DEVICE -DKEEP_PAGES "$needs"
says "leak: 1 page block, 32768 bytes"
says "this happens already while no request is made to fail"
expect 0 "nothing kept, without checks" "$QUARRY" test --check 0 -DNO_DEVICE "$needs"
says "the driver makes no request"

# ---- damaged ----
# A check for NULL is forgotten: a NULL pointer is used.
damage null.c 's/if (!slot || !\*slot) {/if (!slot) {/'
# The way out of a failed init forgets what stands before the failure.
damage undo.c 's/^    class_destroy(scullc_class);/    if (scullc_devs[nr_devs - 1].device)\n        &/'
# The way out of a failed write keeps the lock.
damage lock.c 's/            error = -ENOMEM; .*/            return -ENOMEM;/'
# A write that failed leaves the device useless.
damage useless.c 's/            error = -ENOMEM; .*/            scullc_useless = error = -ENOMEM;/
    s/^static struct class .scullc_class;/&\nstatic int scullc_useless;/
    s/^    while (done < count .. !error) {/    if (scullc_useless)\n        error = -EIO;\n&/'
# A write that failed says that it did not.
damage lie.c 's/            error = -ENOMEM; .*/            done = count;/'
cd "$work/bad" || exit 1

expect 1 "a forgotten check" "$QUARRY" test --calls 2 null.c
convicts null.c "kmem_cache_zalloc(" "crashed"
prints "crash: SIGSEGV.* scullc_write null.c:$(line null.c "copy_from_user(*slot")"
prints "1 line convicted"
expect 1 "a leak in the undo path" "$QUARRY" test --calls 2 --no-mount undo.c
convicts undo.c "device_create(" "leaked"
convicts undo.c "error = cdev_add(" "leaked"
convicts undo.c "alloc_chrdev_region(" "handled"
prints "left registered: class scullc .*scullc_init undo.c:$(line undo.c "class_create(")"
cp "$work/out" "$work/undo"
expect 1 "a lock kept" "$QUARRY" test --calls 2 lock.c
convicts lock.c "kmem_cache_zalloc(" "lock kept"
prints "lock kept: .*locked by scullc_write lock.c:[0-9]*"
expect 1 "a useless device" "$QUARRY" test --calls 2 useless.c
convicts useless.c "kmem_cache_zalloc(" "unusable afterwards"
convicts useless.c "set = kzalloc(" "unusable afterwards"
prints "with memory again: \"write of 100 bytes to scullc[0-3]: EIO\", where it had been .*: 100\""
expect 1 "a lie" "$QUARRY" test --calls 2 lie.c
convicts lie.c "kmem_cache_zalloc(" "wrong result"
prints "1 line convicted|2 lines convicted"

# ---- the same again ----
expect 1 "the same again, one run at a time" "$QUARRY" test -j1 --calls 2 --no-mount undo.c
cmp -s "$work/out" "$work/undo" || { what="two runs"; complain "the texts differ"; }
sed -n 's/^ *quarry test \(.*undo\.c\)$/\1/p' "$work/undo" >"$work/commands"
[ "$(wc -l <"$work/commands")" -ge 6 ] || complain "there are few commands"
while read -r words; do
    wanted=0
    # A row that is convicted names its runs one by one; those of the others name the line.
    case $words in *:[0-9]*:[0-9]*) wanted=1 ;; esac
    # shellcheck disable=SC2086 # the words were printed for a shell
    expect $wanted "quarry test $words" "$QUARRY" test $words
    [ $wanted -eq 0 ] || prints "request [0-9]*, it .*: leaked"
done <"$work/commands"

# ---- aims ----
cd "$QUARRY_SOURCE" || exit 1
expect 0 "one cache" "$QUARRY" test --calls 2 --cache "scull*" examples/scullc.c
prints "^2 requests of 1 line, 4 runs"
expect 0 "one function" "$QUARRY" test --function scullc_find_set --calls 1 examples/scullc.c
prints "^1 request of 1 line, 2 runs"
expect 0 "sizes" "$QUARRY" test --size 4000 --calls 1 examples/scullc.c
prints "^1 request of 1 line, 2 runs"
expect 0 "nothing has these flags" "$QUARRY" test --flags GFP_ATOMIC examples/scullc.c
says "makes no request of the kind asked for"
expect 64 "no such line" "$QUARRY" test --only scullc.c:1 examples/scullc.c
says "no request is made at scullc.c:1"
expect 64 "no such flag" "$QUARRY" test --flags GFP_NONE examples/scullc.c
says "\"GFP_NONE\" is no flag"
expect 0 "JSON" "$QUARRY" test --json --function scullc_init --calls 1 examples/scullc.c
prints '"exit_status": 0'
prints '"command": "quarry test --only examples/scullc.c:[0-9]*:1 --function scullc_init examples/scullc.c"'
nothing_left
finish
