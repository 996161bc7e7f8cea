#!/bin/sh
# SPDX-License-Identifier: MIT
# The leak scan of a run: by the command, by the file, after COMMAND, at unload; and allocinfo with source lines.
# A stale number on a stack may keep single objects alive, so eight are lost and five must be found.
# shellcheck disable=SC2016 # variables in single quotes are for the shell that COMMAND runs
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"
need_fuse
cd "$QUARRY_SOURCE" || exit 1
line() {
    sed -n "/site: $1 /=" tests/modules/loser.c
}

use='
    printf list >$QUARRY_ROOT/dev/loser
    printf hide >$QUARRY_ROOT/dev/loser
    exec 3<$QUARRY_ROOT/dev/loser'
lose='for i in 1 2 3 4 5 6 7 8; do printf lose >$QUARRY_ROOT/dev/loser; done'

# What a list, a pending timer, an open file or a mark keeps is not lost.
expect 1 "nothing is lost" "$QUARRY" run --quiet --leaks=scan tests/modules/loser.c -- sh -c "$use"'
    "$QUARRY" leaks; echo "status $?"; cat $QUARRY_ROOT/proc/kmemleak'
prints '^everything that is allocated can be reached$'
prints '^status 0$'
says 'after the command: everything that is allocated can be reached'
says 'leak: 2 objects .*loser_write tests/modules/loser.c:'"$(line node)"', still reachable at exit|1 of them lost'

# Two that only know each other are, each from its own line.
expect 1 "pairs are lost" "$QUARRY" run --quiet --leaks=scan --json="$work/report.json" tests/modules/loser.c -- \
    sh -c "$use; $lose"'; "$QUARRY" leaks --root "$QUARRY_ROOT"; echo "status $?"'
prints "^unreferenced object 0x[0-9a-f]+ \(size 80\):$"
prints '^  [5-8] from this place, [0-9]+ bytes, cache kmalloc-80, age [0-9.]+s$'
prints "loser_write tests/modules/loser.c:$(line node) \[loser\]"
prints "loser_write tests/modules/loser.c:$(line peer) \[loser\]"
prints '^status 1$'
says 'after the command: nothing points to these any more'
says "leak: 10 objects .*loser.c:$(line node), [5-8] of them lost"
says "leak: 8 objects .*loser.c:$(line peer), (lost|[5-7] of them lost)"
grep -q '"lost": [5-8]' "$work/report.json" || complain "$what: --json does not say how many"

# The file takes one word.
expect 1 "the file" "$QUARRY" run --quiet tests/modules/loser.c -- sh -c "$use; $lose"'
    wc -c <$QUARRY_ROOT/proc/kmemleak
    echo scan >$QUARRY_ROOT/proc/kmemleak && grep -c unreferenced $QUARRY_ROOT/proc/kmemleak
    (echo off >$QUARRY_ROOT/proc/kmemleak) 2>/dev/null || echo refused'
[ "$(cat "$work/out")" = "0
2
refused" ] || complain "$what: the file does not do as it should"
expect 0 "without checks" "$QUARRY" run --quiet --check 0 tests/modules/faulty.c -- sh -c '"$QUARRY" leaks; [ $? -eq 2 ]'
says 'the run does not scan: .*--check 0'
expect 2 "no run" "$QUARRY" leaks --root "$work" && says 'is .* the folder of a run'
expect 2 "no run at all" "$QUARRY" leaks && says 'there is no run'
expect 64 "another kind" "$QUARRY" run --leaks=all tests/modules/faulty.c && says 'leaks=scan is the only kind'

# What a driver forgets in each call is lost, also when the threads that made the calls have ended.
expect 0 "scullc" "$QUARRY" run --quiet examples/scullc.c -- sh -c 'head -c 150000 /dev/zero >$QUARRY_ROOT/dev/scullc0'
mkdir "$work/scullc" && cp examples/scull.h "$work/scullc"
sed 's/kmem_cache_free([^;]*;/;/' examples/scullc.c >"$work/scullc/scullc.c"
expect 1 "scullc without its frees" "$QUARRY" run --quiet "$work/scullc/scullc.c" -- \
    sh -c 'head -c 150000 /dev/zero >$QUARRY_ROOT/dev/scullc0; cat $QUARRY_ROOT/dev/scullc0 >/dev/null'
says 'leak: 38 objects of cache scullc, .* allocated in scullc_write .*, lost: no pointer leads there$'

# Allocation profiling names the module's lines.
expect 0 "allocinfo" "$QUARRY" run --quiet --options mem_profiling=1 tests/modules/faulty.c -- \
    sh -c 'cat $QUARRY_ROOT/proc/allocinfo'
prints '^allocinfo - version: 1.0$'
prints '^#     <size>  <calls> <tag info>$'
site() {
    sed -n "/site: $1 /=" tests/modules/faulty.c
}
prints "^         112        1 tests/modules/faulty.c:$(site kmalloc) \[faulty\] func:faulty_allocate$"
prints "^       16384        1 tests/modules/faulty.c:$(site pages) \[faulty\] func:faulty_allocate$"
prints "^       12288        1 tests/modules/faulty.c:$(site vmalloc) \[faulty\] func:faulty_allocate$"
prints "^         144        3 tests/modules/faulty.c:$(site object) \[faulty\] func:faulty_allocate$"
nothing_left
finish
