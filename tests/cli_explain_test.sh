#!/bin/sh
# SPDX-License-Identifier: MIT
# `quarry explain` reads saved logs of real machines, whole and cut, and `quarry whatis` addresses, of a
# fresh machine and of a run.
# shellcheck disable=SC2016 # variables in single quotes are for the shell that COMMAND runs
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"
logs=$QUARRY_SOURCE/tests/logs

expect 0 "a log of a fragmented machine" "$QUARRY" explain "$logs/fragmented.txt"
prints '^.*fragmented\.txt:1: kworker/u16:2: page allocation failure$'
prints 'asked: 32 pages in one piece \(order 5, 128 KiB\) with GFP_ATOMIC\|.*, which may not wait'
prints 'why: zone Normal of node 0 came closest: 59 MiB free, .* in pieces: the largest is 8 KiB \(order 1\)'
prints 'would have helped: kvmalloc\(\) or vmalloc\(\)'
expect 0 "a log of the 2.6 generation" "$QUARRY" explain "$logs/classic.txt"
prints 'classic\.txt:1: swapper: page allocation failure'
prints 'with GFP_ATOMIC, which may not wait'
prints 'zone DMA of node 0 came closest: 3548 KiB free, .* and 3520 KiB for requests that can use no other zone'
expect 0 "a log of two nodes" "$QUARRY" explain "$logs/nodes.txt"
prints 'the out-of-memory killer was called'
prints 'zone Normal of node 1 came closest: 40 MiB free, of which this mask must leave 44 MiB'
prints 'an object cache got no slab \(cache kmalloc-8k\)'
prints 'vmalloc got no pages \(1052672 bytes\)'
prints 'note: no zone.s lines follow'

# Cut after every hundredth byte: always an answer, and never the full verdict before its line is there.
size=$(wc -c <"$logs/fragmented.txt")
for bytes in $(seq 150 100 "$((size - 100))"); do
    head -c "$bytes" "$logs/fragmented.txt" >"$work/cut"
    expect 0 "a log cut at $bytes bytes" "$QUARRY" explain "$work/cut"
    prints 'kworker/u16:2: page allocation failure'
    if [ "$bytes" -lt 2600 ]; then
        prints 'note: '
    fi
done
head -c 1900 "$logs/fragmented.txt" >"$work/cut"
expect 0 "a log cut in a zone's line" "$QUARRY" explain "$work/cut"
prints 'note: 1 of the zones. lines end too soon: the log is cut'

expect 0 "slabinfo" "$QUARRY" explain "$logs/slabinfo.txt"
prints 'slabs: 3 caches hold 197\.6 MiB, 69\.9 MiB of it in no used object'
prints 'dentry +78\.2 MiB in 61230 of 420210 objects of 192 bytes; 67\.0 MiB \(85 %\)'
prints 'dentry is more than half empty'
head -c -30 "$logs/slabinfo.txt" >"$work/cut"
expect 0 "slabinfo cut in a line" "$QUARRY" explain "$work/cut"
prints 'note: 1 line of the slabinfo text ends too soon'
expect 0 "buddyinfo" "$QUARRY" explain "$logs/buddyinfo.txt"
prints 'Node 0 Normal +71\.1 MiB free, largest piece 16\.0 KiB \(order 2\)'
prints 'requests above order 3 fail'
expect 2 "a file with nothing of the kind" "$QUARRY" explain "$QUARRY_SOURCE/LICENSE"
says 'nothing to explain: no "page allocation failure"'
expect 2 "no file" "$QUARRY" explain "$work/none"
says 'cannot read .*none: No such file'
expect 64 "two files" "$QUARRY" explain a b
expect 0 "from a pipe" sh -c '"$QUARRY" explain <"$1"' sh "$logs/classic.txt"
prints '^stdin:1: '

# What a run prints itself can be explained too, and says the same by itself.
cat >"$work/hungry.c" <<'END'
#include <linux/module.h>
#include <linux/gfp.h>
static int __init hungry_init(void)
{
    void *all = (void *)__get_free_pages(GFP_KERNEL, 10), *more = (void *)__get_free_pages(GFP_NOWAIT & ~__GFP_NOWARN, 10);
    if (more)
        free_pages((unsigned long)more, 10);
    if (all)
        free_pages((unsigned long)all, 10);
    return 0;
}
static void __exit hungry_exit(void)
{
}
module_init(hungry_init);
module_exit(hungry_exit);
MODULE_LICENSE("GPL");
END
expect 0 "a request that fails" "$QUARRY" run --no-mount --ram 8M "$work/hungry.c"
says '^ +asked: 1024 pages in one piece \(order 10, 4096 KiB\)'
says '^ +why: zone '
says '^ +would have helped: kvmalloc'

expect 0 "addresses of the classic machine" "$QUARRY" whatis --profile i386 --ram 160M c0123456 0xff800000 0
if grep -q 'cannot be had' "$work/err"; then
    : # a sanitizer sits on those addresses
else
    prints '^0xc0123456: direct map$'
    prints '^frame 0x123 \(physical 0x123456\), zone DMA of node 0$'
    prints '^0xff800000: the kmap window$'
    prints '^0: NULL$'
fi
expect 64 "no machine to ask" env -u QUARRY_ROOT "$QUARRY" whatis c0000000
says 'whatis needs the machine'
expect 64 "no address" "$QUARRY" whatis --ram 64M
expect 64 "not a number" "$QUARRY" whatis --ram 64M here
says '"here" is no address'
expect 2 "no such run" "$QUARRY" whatis --root "$work" 1234
says 'is .* the folder of a run'

need_fuse
cat >"$work/shows.c" <<'END'
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/seq_file.h>
#include <linux/proc_fs.h>
static char *kept;
static int shows_show(struct seq_file *m, void *v)
{
    seq_printf(m, "%px\n", kept + 7);
    return 0;
}
static int __init shows_init(void)
{
    kept = kmalloc(100, GFP_KERNEL);
    proc_create_single("kept", 0, NULL, shows_show);
    return kept ? 0 : -ENOMEM;
}
static void __exit shows_exit(void)
{
    remove_proc_entry("kept", NULL);
    kfree(kept);
}
module_init(shows_init);
module_exit(shows_exit);
MODULE_LICENSE("GPL");
END
expect 0 "an address of a run" "$QUARRY" run "$work/shows.c" -- sh -c \
    '"$QUARRY" whatis "$(cat "$QUARRY_ROOT/proc/kept")" && cat "$QUARRY_ROOT/proc/whatis/$(cat "$QUARRY_ROOT/proc/kept")"'
prints '^live: byte 7 of object [0-9]+ of cache kmalloc-112 \(112 bytes at 0x'
prints '^allocated by +shows_init .*shows\.c:13'
[ "$(grep -c 'byte 7 of object' "$work/out")" -eq 2 ] || complain "the command and the file differ"
nothing_left
finish
