#!/bin/sh
# SPDX-License-Identifier: MIT
# The scheduler finds what it is there to find. Each patch in tests/prove/planted/ is one classic bug of
# concurrency, put into the shipping source; from fresh seeds it must be found, and be made as small as
# twenty operations. A try from a fresh seed may miss either: here three in a row must not, and in the long form
# nine of ten must find. The unchanged source goes through programs unharmed, and the same seed writes the
# same log.
#
#     QUARRY_LONG=1   ten tries for each bug, and nine must find it
set -eu
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
tries=3 enough=1
[ -z "${QUARRY_LONG:-}" ] || tries=10 enough=10
programs=10000 # that a try may take; most take a tenth
name=quarry-prove-preempt
[ -x "$QUARRY_BUILD/$name" ] || { echo "skipped: this build has no simulated machines"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

wrong() {
    echo "WRONG: $*"
    failed=1
}

compile() { # file below src/: how the build compiles it, but from the copy, to $work/planted.o
    command=$(sed -n 's/^ *"command": "\(.*\)",$/\1/p' "$QUARRY_BUILD/compile_commands.json" |
        grep -F "quarry-sim-preempt-core.dir/src/$1.o" | sed 's/\\"/"/g')
    [ -n "$command" ] || { wrong "the build does not say how it compiles src/$1"; return 1; }
    command=$(echo "$command" | sed "s|-o [^ ]*|-o $work/planted.o|; s|-c [^ ]*|-c $work/tree/src/$1|")
    (cd "$QUARRY_BUILD" && sh -c "$command")
}

plant() { # patch
    rm -rf "$work/tree"
    mkdir "$work/tree"
    cp -R "$QUARRY_SOURCE/src" "$work/tree/src"
    (cd "$work/tree" && patch -s -p1 <"$1") || { wrong "$1 does not apply"; return 1; }
    compile "$(sed -n 's,^+++ b/src/,,p' "$1")" || return 1
    "${CC:-gcc}" -rdynamic -o "$work/planted" "$QUARRY_BUILD/CMakeFiles/$name.dir/tests/prove/"*.o \
        "$work/planted.o" "$QUARRY_BUILD/libquarry-sim-preempt.a" -ldl
}

try() { # 0: found, and made small; one that stays large is a miss, and told
    status=0
    "$work/planted" --programs "$programs" >"$work/log" 2>&1 || status=$?
    [ "$status" -eq 1 ] || return 1
    size=$(sed -n 's/^\([0-9]*\) operations (of.*/\1/p' "$work/log")
    [ "$size" -le 20 ] || { echo "$1: a trace of $size operations: $(grep '^seed' "$work/log" | tail -n 1)"; return 1; }
}

for patch in "$QUARRY_SOURCE"/tests/prove/planted/*.patch; do
    bug=$(basename "$patch" .patch)
    plant "$patch" || { failed=1; continue; }
    found=0
    i=0
    sizes=
    while [ "$i" -lt "$tries" ] && [ "$found" -lt "$enough" ]; do
        i=$((i + 1))
        if try "$bug"; then
            found=$((found + 1))
            sizes="$sizes $size"
        fi
    done
    echo "$bug: found in $found of $i tries, in traces of$sizes operations"
    [ "$found" -ge "$enough" ] || [ $((found * 10)) -ge $((tries * 9)) ] || wrong "$bug: too seldom"
done

for variant in quarry-prove "$name"; do
    for log in first again; do
        "$QUARRY_BUILD/$variant" --seed 20 --programs 20 --log "$work/$log" >"$work/out" ||
            { cat "$work/out"; wrong "$variant found something"; }
    done
    cmp -s "$work/first" "$work/again" || wrong "$variant: the same seed wrote another log"
    [ "$(wc -l <"$work/first")" -eq 160 ] || wrong "$variant: the log has not a line for each schedule"
done
exit "$failed"
