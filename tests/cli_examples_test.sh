#!/bin/sh
# SPDX-License-Identifier: MIT
# The examples that are drivers of other kinds than scull, with real clients; and each of them damaged in
# one line at a time, which the run must convict at the right line.
# shellcheck disable=SC2016 # variables in single quotes are for the shell that COMMAND runs
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"
need_fuse
cd "$QUARRY_SOURCE" || exit 1
cc -Wall -o "$work/poll" tests/support/cli_poll.c || exit 1
POLL=$work/poll
export POLL
mkdir "$work/bad"

# line FILE TEXT: the number of the one line that holds TEXT.
line() {
    grep -nF -- "$2" "examples/$1" >"$work/lines"
    [ "$(wc -l <"$work/lines")" = 1 ] || { echo "examples/$1: \"$2\" is not on one line"; exit 1; }
    cut -d : -f 1 "$work/lines"
}

# damage FILE TEXT SED: a copy of the example in $work/bad, the line with TEXT changed by SED.
damage() {
    what="$1 damaged at \"$2\""
    rm -f "$work"/bad/*
    sed "$(line "$1" "$2")$3" "examples/$1" >"$work/bad/$1" || exit 1
    cmp -s "examples/$1" "$work/bad/$1" && complain "$what: nothing was changed"
}

# convicts KIND FILE TEXT: the damaged run said KIND and named the line that holds TEXT.
convicts() {
    says "$1"
    says "$2:$(line "$2" "$3")\$"
}

# ---- a misc device with poll and blocking reads ----
mailbox='
    cd "$QUARRY_ROOT"
    : >"$TMPDIR/got" # else what an earlier run got would be taken for what this one gets
    cat dev/mailbox >"$TMPDIR/got" &
    reader=$!
    echo one >dev/mailbox
    echo two >dev/mailbox
    while [ "$(cat "$TMPDIR/got")" != "one
two" ]; do sleep 0.05; done
    kill $reader
    wait $reader
    "$POLL" dev/mailbox || exit 1
    echo unread >dev/mailbox
    [ "$(cat sys/class/misc/mailbox/waiting)" = 1 ]'
expect 0 "mailbox" "$QUARRY" run --quiet --param limit=4 examples/mailbox.c -- sh -c "$mailbox"
says "0 leaks, no other findings"
damage mailbox.c "/* it was read */" 's/kfree(message);//'
expect 1 "$what" "$QUARRY" run --quiet --param limit=4 "$work/bad/mailbox.c" -- sh -c "$mailbox"
convicts "leak: 7 objects .*allocated in mailbox_write" mailbox.c "message = kmalloc("
damage mailbox.c "/* nobody read it */" 's/kfree(message);/;/'
expect 1 "$what" "$QUARRY" run --quiet --param limit=4 "$work/bad/mailbox.c" -- sh -c "$mailbox"
convicts "leak: 1 object .*allocated in mailbox_write" mailbox.c "message = kmalloc("
damage mailbox.c "if (copy_to_user(buffer, message->text, size))" 's/if (copy/kfree(message); if (copy/'
expect 1 "$what" "$QUARRY" run --quiet "$work/bad/mailbox.c" -- sh -c '
    echo one >$QUARRY_ROOT/dev/mailbox && dd if=$QUARRY_ROOT/dev/mailbox of=/dev/null bs=100 count=1 status=none'
convicts "double free" mailbox.c "/* it was read */"
convicts "double free" mailbox.c "if (copy_to_user(buffer, message->text, size))"
damage mailbox.c "    misc_deregister(&mailbox_device);" 's/misc_deregister(&mailbox_device);//'
expect 1 "$what" "$QUARRY" run --quiet "$work/bad/mailbox.c" -- true
convicts "left registered: misc device mailbox .*misc_deregister is missing" mailbox.c "return misc_register("

# ---- debugfs statistics ----
tally='
    cd "$QUARRY_ROOT/sys/kernel/debug/tally"
    echo "The cat, the hat" >"$QUARRY_ROOT/dev/tally"
    [ "$(cat bytes distinct writes fold longest | tr "\n" " ")" = "17 4 1 N 31 " ] || exit 1
    ! echo 32 2>/dev/null >longest || exit 1
    ! echo 1 2>/dev/null >bytes || exit 1
    echo 3 >longest && echo y >fold && echo 1 >reset || exit 1
    echo "The there the hat" >"$QUARRY_ROOT/dev/tally"
    [ "$(cat words)" = "       3 the
       1 hat" ]'
expect 0 "tally" "$QUARRY" run --quiet examples/tally.c -- sh -c "$tally"
says "0 leaks, no other findings"
damage tally.c "debugfs_remove_recursive(tally_dir);" 's/debugfs_remove_recursive(tally_dir);//'
expect 1 "$what" "$QUARRY" run --quiet "$work/bad/tally.c" -- true
convicts "left registered: debugfs entry tally .*debugfs_remove_recursive is missing" tally.c "debugfs_create_dir("
damage tally.c "/* its words are copied */" 's/kfree(text);//'
expect 1 "$what" "$QUARRY" run --quiet "$work/bad/tally.c" -- sh -c "$tally"
convicts "leak: 2 objects .*allocated in tally_write" tally.c "memdup_user(buffer, size ="
damage tally.c "/* forgotten */" 's/kmem_cache_free(tally_cache, word);//'
expect 1 "$what" "$QUARRY" run --quiet "$work/bad/tally.c" -- sh -c "$tally"
convicts "leak: 6 objects of cache tally_word.*allocated in tally_count" tally.c "kmem_cache_zalloc("
damage tally.c "debugfs_remove_recursive(tally_dir);" 's/debugfs_remove_recursive(tally_dir);/& &/'
expect 1 "$what" "$QUARRY" run --quiet "$work/bad/tally.c" -- true
convicts "debugfs_remove of tally, which was removed before" tally.c "debugfs_remove_recursive(tally_dir);"

# ---- two modules with exported symbols ----
depot='
    cd "$QUARRY_ROOT"
    echo hello >dev/porter && echo again >dev/porter || exit 1
    [ "$(cat sys/kernel/depot/porter/used)" = "12 of 16" ] || exit 1
    ! echo "too much" 2>/dev/null >dev/porter || exit 1
    [ "$(cat sys/kernel/depot/porter/bytes)" = "hello
again" ]'
expect 0 "depot and porter" "$QUARRY" run --quiet --param room=16 examples/depot.c + examples/porter.c -- sh -c "$depot"
says "0 leaks, no other findings"
damage depot.c "/* the first reference */" 's/kobject_put(&box->kobj);//'
expect 1 "$what" "$QUARRY" run --quiet -I examples "$work/bad/depot.c" + examples/porter.c -- sh -c "$depot"
convicts "left registered: kobject porter .*kobject_put is missing" depot.c "kobject_init(&box->kobj"
convicts "leak: 1 object .*allocated in depot_open" depot.c "box = kzalloc("
damage depot.c "/* with the box */" 's/kvfree(to_box(kobj)->bytes);//'
expect 1 "$what" "$QUARRY" run --quiet -I examples "$work/bad/depot.c" + examples/porter.c -- sh -c "$depot"
convicts "leak: 1 object .*allocated in depot_open" depot.c "kvmalloc(size"
damage depot.c "/* taken by depot_open */" 's/module_put(THIS_MODULE);//'
expect 1 "$what" "$QUARRY" run --quiet -I examples "$work/bad/depot.c" + examples/porter.c -- sh -c "$depot"
convicts "module in use: module depot cannot be unloaded" depot.c "/* for as long as the box is open */"
damage porter.c "/* the depot has a copy */" 's/kfree(data);//'
expect 1 "$what" "$QUARRY" run --quiet -I examples examples/depot.c + "$work/bad/porter.c" -- sh -c 'echo x >$QUARRY_ROOT/dev/porter'
convicts "leak: 1 object .*allocated in porter_write" porter.c "void *data = memdup_user("
damage porter.c "/* and the depot may go */" 's/depot_close(porter_box);//'
expect 1 "$what" "$QUARRY" run --quiet -I examples examples/depot.c + "$work/bad/porter.c" -- true
convicts "module in use: module depot cannot be unloaded" porter.c "depot_open(\"porter\", room)"

# ---- a platform device with managed resources and a DMA pool ----
conveyor='
    cd "$QUARRY_ROOT"
    printf hello >dev/conveyor && printf again >dev/conveyor && sync dev/conveyor || exit 1
    [ "$(cat sys/bus/platform/devices/conveyor.0/moved)" = 10 ] || exit 1
    echo conveyor.0 >sys/bus/platform/drivers/conveyor/unbind || exit 1
    [ ! -e dev/conveyor ] || exit 1
    echo conveyor.0 >sys/bus/platform/drivers/conveyor/bind || exit 1
    [ "$(cat sys/bus/platform/devices/conveyor.0/moved)" = 0 ]'
expect 0 "conveyor" "$QUARRY" run --quiet examples/conveyor.c -- sh -c "$conveyor"
says "0 leaks, no other findings"
damage conveyor.c "/* back to the pool */" 's/dma_pool_free([^;]*;//'
expect 1 "$what" "$QUARRY" run --quiet "$work/bad/conveyor.c" -- sh -c "$conveyor"
convicts "leak: 2 objects of cache conveyor.*allocated in job_new" conveyor.c "dma_pool_zalloc("
damage conveyor.c "/* managed */" 's/dma_pool_destroy(data);//'
expect 1 "$what" "$QUARRY" run --quiet "$work/bad/conveyor.c" -- true
says "cache conveyor is still there after the module's exit: dma_pool_destroy is missing"
says "conveyor_probe .*conveyor.c:$(line conveyor.c "dma_pool_create(\"conveyor\"")"
damage conveyor.c "conveyor = devm_kzalloc(" 's/devm_kzalloc(&pdev->dev, /kzalloc(/'
expect 1 "$what" "$QUARRY" run --quiet "$work/bad/conveyor.c" -- true
convicts "leak: 1 object .*allocated in conveyor_probe" conveyor.c "conveyor = devm_kzalloc("
damage conveyor.c "    misc_deregister(&conveyor->misc);" 's/misc_deregister(&conveyor->misc);//'
expect 1 "$what" "$QUARRY" run --quiet "$work/bad/conveyor.c" -- true
convicts "left registered: misc device conveyor" conveyor.c "return misc_register("

# ---- the style of 2.6: a timer and a tasklet ----
blinker='
    cd "$QUARRY_ROOT"
    echo 110 >dev/blinker
    while ! grep -q "\*\*\.\*\*\.\*\*\." proc/blinker; do sleep 0.05; done
    echo 10 >dev/blinker
    while ! grep -q "\*\.\*\.\*\.\*\." proc/blinker; do sleep 0.05; done'
expect 0 "blinker26" "$QUARRY" run --quiet --kernel 2.6.10 --param period=2 examples/blinker26.c -- sh -c "$blinker"
says "0 leaks, no other findings"
damage blinker26.c "    del_timer_sync(&blinker->timer);" 's/del_timer_sync(&blinker->timer);//'
expect 1 "$what" "$QUARRY" run --quiet --kernel 2.6.10 --param period=60000 "$work/bad/blinker26.c" -- true
says "a pending timer lies in it|use after free|timer .*is still there"
says "blinker26.c:$(line blinker26.c "/* from here on it runs */")\$"
damage blinker26.c "/* the timer has the new one */" 's/kfree(old);//'
expect 1 "$what" "$QUARRY" run --quiet --kernel 2.6.10 "$work/bad/blinker26.c" -- sh -c "$blinker"
convicts "leak: 1 object .*allocated in blinker_write" blinker26.c "pattern = kmalloc("
damage blinker26.c "        tasklet_schedule(&b->tasklet);" 's/tasklet_schedule/kfree(kmalloc(8, GFP_KERNEL)); tasklet_schedule/'
expect 1 "$what" "$QUARRY" run --quiet --kernel 2.6.10 "$work/bad/blinker26.c" -- sh -c "$blinker"
convicts "bad context" blinker26.c "        tasklet_schedule(&b->tasklet);"
damage blinker26.c "    remove_proc_entry(" 's/remove_proc_entry("blinker", NULL);//'
expect 1 "$what" "$QUARRY" run --quiet --kernel 2.6.10 "$work/bad/blinker26.c" -- true
convicts "left registered: proc entry blinker" blinker26.c "create_proc_read_entry("
nothing_left
finish
