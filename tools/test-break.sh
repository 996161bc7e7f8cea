#!/bin/sh
# SPDX-License-Identifier: MIT
# A test that cannot fail is worse than none. Each patch in tests/break/ breaks exactly one rule of
# docs/gfp-semantics.md; this applies them one at a time to a copy of the tree, builds the tests that
# carry the rule's number and requires that one of them fails, or hangs until it is stopped.
#
#     tools/test-break.sh [RULE...]          for example: tools/test-break.sh G-Z1 G-E5
#
# The copy is built once and then only as far as a patch touches it. Exit status 1 when a broken rule
# goes unnoticed, a patch does not apply, or the unbroken tree does not pass.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
patience=${QUARRY_PATIENCE:-60} # seconds until a test that hangs is stopped
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
build=$work/build
mkdir "$tree"
(cd "$root" && tar -cf - --exclude=./.git --exclude=./build --exclude='./build-*' .) | tar -xf - -C "$tree"

if [ $# -gt 0 ]; then
    rules=$*
else
    rules=$(cd "$root/tests/break" && ls G-*.patch | sed 's/\.patch$//' | sort -V)
fi

programs_of() { # rule: the test programs with a function that carries its number
    prefix=$(echo "$1" | tr 'A-Z-' 'a-z_')_
    (cd "$tree" && grep -rlE "\b${prefix}[a-z0-9_]+" --include='*_test.c' src tests) | sed 's,.*/,,; s,\.c$,,' | sort -u
}
make_programs() {
    # shellcheck disable=SC2086 # several targets
    ninja -C "$build" $1 >"$work/build.log" 2>&1
}
run_programs() { # programs, prefix: prints the tests that failed
    for program in $1; do
        status=0
        (cd "$build" && timeout -k 5 "$patience" stdbuf -oL "./$program") >"$work/run.log" 2>&1 || status=$?
        [ "$status" -eq 0 ] && continue
        # cmocka names failed tests; one that was stopped or died is known by the test it was in (hence
        # stdbuf: what it said must not be lost with it).
        failed=$(sed -n 's/^\[  FAILED  \] \([a-z0-9_]*\)$/\1/p' "$work/run.log" | sort -u)
        begun=$(sed -n 's/^\[ RUN      \] \([a-z0-9_]*\)$/\1/p' "$work/run.log" | tail -n 1)
        finished=$(sed -n 's/^\[       OK \] \([a-z0-9_]*\)$/\1/p' "$work/run.log" | tail -n 1)
        if [ "$status" -ge 124 ] && [ -n "$begun" ] && [ "$begun" != "$finished" ]; then
            echo "$begun"
        fi
        echo "$failed"
    done | sed '/^$/d' | sort -u
}

echo "Building the unbroken tree"
cmake -S "$tree" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log"; exit 1; }
all=
for rule in $rules; do
    all="$all $(programs_of "$rule")"
done
all=$(echo "$all" | tr ' ' '\n' | grep -v '^$' | sort -u)
make_programs "$all" || { tail -n 20 "$work/build.log"; exit 1; }
total=0
bad=0
# What fails anyway proves nothing.
run_programs "$all" >"$work/unbroken" || true
if [ -s "$work/unbroken" ]; then
    echo "The unbroken tree does not pass:"
    cat "$work/unbroken"
    bad=1
fi

tell() { # rule, verdict, detail
    printf '%-6s %-14s %s\n' "$1" "$2" "$3"
}
for rule in $rules; do
    total=$((total + 1))
    patch_file=$root/tests/break/$rule.patch
    prefix=$(echo "$rule" | tr 'A-Z-' 'a-z_')_
    programs=$(programs_of "$rule")
    if [ ! -f "$patch_file" ]; then
        tell "$rule" "NO PATCH" "tests/break/$rule.patch is missing"
        bad=$((bad + 1))
        continue
    fi
    if [ -z "$programs" ]; then
        tell "$rule" "NO TEST" "no test function is called $prefix…"
        bad=$((bad + 1))
        continue
    fi
    if ! patch -d "$tree" -p1 --dry-run -s <"$patch_file" >"$work/patch.log" 2>&1; then
        tell "$rule" "STALE PATCH" "$(head -n 1 "$work/patch.log")"
        bad=$((bad + 1))
        continue
    fi
    patch -d "$tree" -p1 -s --no-backup-if-mismatch <"$patch_file"
    if ! make_programs "$programs"; then
        tell "$rule" "NO BUILD" "$(grep -m 1 'error' "$work/build.log")"
        bad=$((bad + 1))
    else
        seen=$(run_programs "$programs" | grep -vxF -f "$work/unbroken" || true)
        own=$(echo "$seen" | grep "^$prefix" | tr '\n' ' ' || true)
        if [ -n "$own" ]; then
            tell "$rule" "noticed" "by $own"
        elif [ -n "$seen" ]; then
            tell "$rule" "BY OTHERS" "only by $(echo "$seen" | tr '\n' ' ')"
            bad=$((bad + 1))
        else
            tell "$rule" "UNNOTICED" "$(head -n 1 "$patch_file")"
            bad=$((bad + 1))
        fi
    fi
    patch -d "$tree" -p1 -s -R --no-backup-if-mismatch <"$patch_file"
done
echo "$total rules broken in turn, $((total - bad)) noticed by their own test, $bad not"
[ "$bad" -eq 0 ]
