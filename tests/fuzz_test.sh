#!/bin/sh
# SPDX-License-Identifier: MIT
# The fuzz programs find what is there: each of tests/fuzz/canary/*.patch plants a bug in a copy, and the program
# of its name must find it within a number of runs, from nothing or from the inputs that were kept before; without
# the bug the same runs find nothing. Counted, not timed.
#
# QUARRY_LONG=1: all of them, from five seeds; else the two smallest. memory_map makes machines of all sizes and
# may take some gigabytes for one.
set -u
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
cd "$QUARRY_SOURCE" || exit 1
command -v clang >/dev/null || { echo "skipped: no clang"; exit 77; }
[ -f "$QUARRY_BUILD/libquarry-sim.a" ] || { echo "skipped: no library"; exit 77; }
case $(sed -n 's/^QUARRY_SANITIZE:[^=]*=//p' "$QUARRY_BUILD/CMakeCache.txt") in
"") ;;
*)
    echo "skipped: this build is a sanitizer's own"
    exit 77
    ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return !d && n; }' >"$work/try.c"
clang -fsanitize=fuzzer,address "$work/try.c" -o "$work/try" 2>/dev/null || { echo "skipped: no libFuzzer"; exit 77; }
mkdir "$work/good"
cp -r src include ports cli tests "$work/good"
cp -r "$work/good" "$work/bad"
# Sanitizers of this age cannot start where the kernel randomises more address bits than they expect.
fixed=
if setarch -R true 2>/dev/null; then
    fixed="setarch -R"
fi

# build TREE NAME SOURCE: the program with the changed source; all else is in the build's libraries.
build() {
    port=hosted library=$QUARRY_BUILD/libquarry.a more=
    case $2 in
    explain)
        clang -c -O1 -g -fsanitize=fuzzer-no-link,address,undefined -D_GNU_SOURCE -Dcli_die=fuzz_end -Dcli_read_file=fuzz_read \
            -I"$1/include" "$1/cli/explain.c" -o "$1/explain.o" || return 1
        more="$1/explain.o $1/cli/slabinfo.c $1/cli/zones.c $1/cli/say.c"
        ;;
    operations)
        port=sim library=$QUARRY_BUILD/libquarry-sim.a
        for file in "$1"/tests/model/*.c; do
            case $file in
            */main.c | */planted*.c | *_test.c) ;;
            *) clang -c -O1 -DQUARRY_BUILDING_CORE -Dsim_random=fuzz_random -fsanitize=fuzzer-no-link,address -I"$1/include" \
                -I"$1/src" -I"$1/ports/sim" "$file" -o "$1/$(basename "$file").o" || return 1
                more="$more $1/$(basename "$file").o" ;;
            esac
        done
        ;;
    *) ;;
    esac
    # shellcheck disable=SC2086 # files
    clang -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -D_GNU_SOURCE -DQUARRY_BUILDING_CORE \
        -I"$1/include" -I"$1/src" -I"$1/ports/$port" -I"$1/cli" -I"$1/tests/model" "$1/tests/fuzz/$2.c" "$1/$3" $more "$library" \
        -lpthread -ldl -rdynamic -o "$1/fuzz-$2"
}

# runs NAME TREE SEED: whether nothing was found; what it said is in $work/NAME.TREE.log.
runs() {
    dictionary="" length=120 number=5000 memory=""
    [ ! -f "tests/fuzz/dict/$1.dict" ] || dictionary="-dict=tests/fuzz/dict/$1.dict"
    case $1 in
    explain) length=1000 ;;
    memory_map) number=2000 memory=-rss_limit_mb=8192 ;;
    operations) number=600 length=1400 ;;
    *) ;;
    esac
    mkdir -p "$work/$1.$2.$3" "$work/kept.$1"
    # What was kept of known bugs would be no find.
    find "tests/fuzz/corpus/$1" -type f ! -name 'bug-*' -exec cp '{}' "$work/kept.$1" ';'
    set -- "$1" "$2" "$3" "$work/$1.$2.$3"
    case $1 in arena | memory_map) ;; *) set -- "$@" "$work/kept.$1" ;; esac
    tree=$2 name=$1 seed=$3
    shift 3
    # shellcheck disable=SC2086 # words
    $fixed "$work/$tree/fuzz-$name" -seed="$seed" -runs=$number -max_len=$length -len_control=0 $memory $dictionary \
        -artifact_prefix="$work/" "$@" >"$work/$name.$tree.log" 2>&1
}

# one NAME: both builds, both runs.
one() {
    patch=tests/fuzz/canary/$1.patch
    source=$(sed -n 's,^+++ b/,,p' "$patch")
    patch -s -p1 -d "$work/bad" <"$patch" || { echo "WRONG: $patch does not fit"; return 1; }
    for tree in good bad; do
        build "$work/$tree" "$1" "$source" || { echo "WRONG: $1: cannot be built"; return 1; }
    done
    seeds=1
    [ "${QUARRY_LONG:-0}" = 0 ] || seeds="1 2 3 4 5"
    for seed in $seeds; do
        if runs "$1" bad "$seed" || ! grep -aq 'Test unit written' "$work/$1.bad.log"; then
            echo "WRONG: $1: the planted bug is not found (seed $seed)"
            return 1
        fi
        found=$(sed -n 's/^#\([0-9]*\).*/\1/p' "$work/$1.bad.log" | tail -n 1)
        runs "$1" good "$seed" || { echo "WRONG: $1: something is found without it"; tail -n 30 "$work/$1.good.log"; return 1; }
    done
    echo "$1: the planted bug is found (after run ${found:-1})"
}

failed=0
for patch in tests/fuzz/canary/${1:-*}.patch; do
    case ${1:-}${QUARRY_LONG:-}/$patch in
    /*/arena.patch | /*/explain.patch | [!/]*) ;;
    *) continue ;;
    esac
    one "$(basename "$patch" .patch)" || failed=1
done
exit $failed
