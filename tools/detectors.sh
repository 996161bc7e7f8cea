#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/detectors.md from the demonstrations in tests/detectors/, with the cost of each level as measured.
#
#     tools/detectors.sh            write it; QUARRY_BUILD (build/release) has the library to measure
#     tools/detectors.sh --check    does its list agree with the folder? Measures nothing.
set -eu
LC_ALL=C
export LC_ALL
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
build=${QUARRY_BUILD:-$root/build/release}
document=docs/detectors.md

field() { # FIELD FILE
    sed -n "1,30s/^[ /]*\* $1: *\(.*\)\$/\1/p" "$2" | sed 's/ *\*\/$//' | head -n 1
}

list() {
    echo "| demonstration | finds | how soon | needs | as |"
    echo "| --- | --- | --- | --- | --- |"
    for file in tests/detectors/*.fires.c; do
        name=$(basename "$file" .fires.c)
        run=$(field run "$file")
        level=$(field level "$file")
        if [ -z "$run" ]; then
            run=program
            ! grep -q '<linux/module.h>' "$file" || run=module
        fi
        case $level in
        none | "") level="nothing" ;;
        *) level="\`$(printf '%s' "$level" | tr -d '"')\`" ;;
        esac
        case $run in
        address) level="$level; \`-fsanitize=address\`" ;;
        thread) level="$level; \`-fsanitize=thread\`" ;;
        valgrind) level="$level; \`valgrind ./program\`" ;;
        *) ;;
        esac
        level=$(printf '%s' "$level" | sed 's/^nothing; //')
        case $run in
        module) ;;
        *) run=program ;;
        esac
        printf '| [%s](../tests/detectors/%s) | %s | %s | %s | %s |\n' "$name" "$(basename "$file")" \
            "$(field detector "$file")" "$(field soon "$file")" "$level" "$run"
    done | sed 's/[ ]*$//'
}

if [ "${1:-}" = --check ]; then
    work=$(mktemp)
    trap 'rm -f "$work"' EXIT
    list >"$work"
    # Every line of the list, in order, and no other line about a demonstration.
    if grep -E '^\| (demonstration|\[[^]]*\]\(\.\./tests/detectors/)|^\| --- \| --- \| --- \| --- \| --- \|' "$document" |
        diff - "$work"; then
        exit 0
    fi
    echo "$document does not say what tests/detectors/ has: make detectors"
    exit 1
fi

command -v valgrind >/dev/null || { echo "$0: valgrind is needed to count instructions" >&2; exit 1; }
[ -f "$build/libquarry.a" ] || { echo "$0: no library in $build: make build" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -O2 -Iinclude tests/detectors/cost.c "$build/libquarry.a" -lpthread -o "$work/cost"

# One pair's instructions: those of a function that makes 1,000.
count() { # WHICH NAME=VALUE
    env "$2" valgrind --tool=callgrind --toggle-collect="pair_$1" --callgrind-out-file=/dev/null "$work/cost" "$1" 2>&1 |
        awk '/Collected/ { printf "%d", $NF / 1000 + 0.5 }'
}

row() { # TITLE NAME=VALUE
    title=$1
    if ! env "$2" "$work/cost" >"$work/out" 2>/dev/null; then
        return 0 # an option this version does not have
    fi
    slot=$(sed -n 's/^slot //p' "$work/out")
    extra=
    [ "$title" != "\`page_owner=1\`" ] || extra=" (32 a frame)"
    printf '| %s | %s | %s | %s | %s |\n' "$title" "$(count kmalloc "$2")" "$(count cache "$2")" \
        "$(count page "$2")" "$slot$extra"
}

costs() {
    echo "| level | kmalloc(64) and kfree | from a cache of 64 bytes | a page | bytes taken by a kmalloc(64) |"
    echo "| --- | ---: | ---: | ---: | ---: |"
    row "nothing (\`QUARRY_CHECK=0\`)" QUARRY_CHECK=0
    row "\`QUARRY_CHECK=1\`" QUARRY_CHECK=1
    row "\`QUARRY_CHECK=2\`" QUARRY_CHECK=2
    row "\`QUARRY_CHECK=3\`" QUARRY_CHECK=3
    row "\`slab_debug=F\`" QUARRY_OPTIONS=slab_debug=F
    row "\`slab_debug=Z\`" QUARRY_OPTIONS=slab_debug=Z
    row "\`slab_debug=P\`" QUARRY_OPTIONS=slab_debug=P
    row "\`slab_debug=U\`" QUARRY_OPTIONS=slab_debug=U
    row "\`slab_debug\` (FZPU)" QUARRY_OPTIONS=slab_debug
    row "\`page_owner=1\`" QUARRY_OPTIONS=page_owner=1
    row "\`page_poison=1\`" QUARRY_OPTIONS=page_poison=1
    row "\`kfence.sample_interval=100\`" QUARRY_OPTIONS=kfence.sample_interval=100
    row "\`kfence.every=1000\`" QUARRY_OPTIONS=kfence.every=1000
    row "\`mem_profiling=1\`" QUARRY_OPTIONS=mem_profiling=1
}

{
    cat <<TEXT
# Detectors

What finds which mistake, how soon, and at what price. Written by \`make detectors\` from \`tests/detectors/\`: each name there is a program
that makes the mistake (\`NAME.fires.c\`) and one that does nearly the same rightly (\`NAME.quiet.c\`); the test suite runs both.

## What is found

TEXT
    list
    cat <<TEXT

"Needs nothing" means that it is found in every program, at no cost. \`quarry run\` has \`QUARRY_CHECK=1\` and owners by default.

## How soon

Each fault planted in a fresh program (\`tests/detectors/matrix.c\`) that then does what programs do: it frees the object, asks for others
of its kind, and lets memory run short. The first that notices counts:

* *now*: at the fault, before the next statement; *free*: when the object, or one beside it, is freed; *reuse*: when memory of its kind is
  asked for again; *flush*: when what is cached goes back because memory is short; *check*: when quarry_check_all() walks everything,
  which, where nothing else found it, a program has to call. "; check" says that a call right after the fault finds it as well.
* *overrun*, *use after free*, *double free*, *bad free*, *corruption* are reports; *ASan* is a report of AddressSanitizer; *fault* is the
  processor's, at the very instruction; *crash*: the program dies later, and only its core file tells; *-*: nobody ever notices.

Objects are overrun by 1, 2, 4, 8, 16, 24, 32, 48 and 64 bytes, pages and areas by 1 and 64; sizes that are answered alike share a row.

Under \`kfence.every=1\` every object is a guarded one, at the left or the right edge of its page by lot: an access beyond the other edge shows at
the free. Writes over the border of two pages that are both in use belong to nobody's detector. A page descriptor has no guard at any
level: free with a ruined one, and the program dies in kfree().

TEXT
    QUARRY_BUILD=$build sh tools/matrix.sh
    cat <<TEXT

## What it costs

Instructions for a pair of allocation and free, counted by callgrind (gcc $(cc -dumpfullversion), optimised build). They do not
depend on the machine's speed or load, and do not show cache misses.

TEXT
    costs
    cat <<TEXT

\`U\` and \`page_owner\` take a backtrace with each allocation, which is most of their price. Sanitizers and Valgrind change all of a program's
instructions, so that a pair says nothing about their price: about twice the time for AddressSanitizer, ten times and more for the others.
TEXT
} >"$work/document"
mv "$work/document" "$document"
echo "$document: $(list | grep -c fires) detectors"
