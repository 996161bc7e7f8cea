#!/bin/sh
# SPDX-License-Identifier: MIT
# One demonstration: compiles and runs it as its first comment says, and says whether it did what it should.
#
#     tests/detectors/run.sh NAME.fires.c|NAME.quiet.c
#
# The comment has lines of the form "key: value":
#     detector: what looks, and for what
#     level:    what it needs: variables of the environment, or "none"
#     run:      program (default), module (under `quarry run`; default where <linux/module.h> is included),
#               address, thread (a program with that sanitizer), valgrind (a program under memcheck)
#     soon:     how soon after the mistake
#     expect:   NAME.fires.c says a line that matches this extended regular expression
# A quiet one says nothing of the kind and exits with 0. Exit status: 0 as it should, 1 not, 77 no tool.
# QUARRY_SOURCE and QUARRY_BUILD say where everything is.
set -eu
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
file=$1
name=$(basename "$file" .c)
field() {
    sed -n "1,30s/^[ /]*\* $1: *\(.*\)\$/\1/p" "$file" | sed 's/ *\*\/$//' | head -n 1
}
level=$(field level)
run=$(field run)
expect=$(field expect)
if [ "$level" = none ]; then
    level=
fi
if [ -z "$run" ]; then
    run=program
    if grep -q '<linux/module.h>' "$file"; then
        run=module
    fi
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

skip() {
    echo "skipped $name: $1"
    exit 77
}
compile() {
    cc -g -O1 -Wall -fno-omit-frame-pointer -I"$QUARRY_SOURCE/include" "$@" "$file" "$QUARRY_BUILD/libquarry.a" \
        -lpthread -o "$work/demo" 2>"$work/log" || { cat "$work/log"; exit 1; }
}
# Sanitizers of this age cannot start where the kernel randomises more address bits than they expect.
fixed=
if setarch -R true 2>/dev/null; then
    fixed="setarch -R"
fi
status=0
case $run in
program)
    compile
    set -- "$work/demo"
    ;;
address | thread)
    compile "-fsanitize=$run"
    # shellcheck disable=SC2086 # two words
    set -- $fixed "$work/demo"
    ;;
valgrind)
    command -v valgrind >/dev/null || skip "no valgrind"
    [ -f /usr/include/valgrind/memcheck.h ] || skip "no headers of valgrind's, so Quarry does not know it"
    compile
    # A small machine: memcheck keeps records of every byte that is mapped.
    set -- env QUARRY_RAM=16M valgrind -q "$work/demo"
    ;;
module)
    [ -x "$QUARRY_BUILD/cli/quarry" ] || skip "no quarry command"
    set -- "$QUARRY_BUILD/cli/quarry" run --no-mount "$file"
    ;;
*)
    echo "$name: run: $run: program, module, address, thread or valgrind"
    exit 1
    ;;
esac
# The level is a piece of shell: NAME="value with blanks".
(
    [ -z "$level" ] || eval "export $level"
    ASAN_OPTIONS=detect_leaks=0 TSAN_OPTIONS=exitcode=0 "$@"
) >"$work/out" 2>&1 </dev/null || status=$?

wrong() {
    echo "WRONG: $name: $1 (exit status $status); it said:"
    head -n 40 "$work/out"
    exit 1
}
case $name in
*.fires)
    [ -n "$expect" ] || wrong "it does not say what to expect"
    grep -E -q -- "$expect" "$work/out" || wrong "no line matches \"$expect\""
    ;;
*)
    [ "$status" -eq 0 ] || wrong "it should end well"
    if grep -E 'BUG|WARNING|ERROR|SIGSEGV|out of memory|==[0-9]+==|[1-9][0-9]* leak|[1-9][0-9]* other finding' \
        "$work/out" >"$work/said"; then
        wrong "it should say nothing"
    fi
    ;;
esac
echo "$name"
