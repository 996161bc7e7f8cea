#!/bin/sh
# SPDX-License-Identifier: MIT
# Which lines of src/ the test programs reach, by folder and in total; fails below 95 % (or $1).
# A build of its own in build/coverage; `lcov --list build/coverage/src.info` and, with genhtml,
# build/coverage/html have the lines.
set -eu
cd "$(dirname "$0")/.."
least=${1:-95}
build=build/coverage
mkdir -p $build
# Counters are changed by many threads at once: atomically, or some would even be negative.
cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=gcc \
    "-DCMAKE_C_FLAGS=--coverage -fprofile-update=atomic" >$build.log 2>&1 &&
    cmake --build $build --target quarry-tests -j "${JOBS:-$(nproc)}" >>$build.log 2>&1 ||
    { tail -n 20 $build.log; exit 1; }
find $build -name '*.gcda' -delete
ctest --test-dir $build -L program -E '^fork_test$' -j "${JOBS:-$(nproc)}" >>$build.log 2>&1 ||
    { sed -n '/tests FAILED/,$p' $build.log; exit 1; }
# Children without descriptors cannot write their counters, and one case takes the complaint for a failure.
$build/fork_test >>$build.log 2>&1 || echo "fork_test: see $build.log (make test runs it for its verdict)"
lcov -q -c -d $build -b . --no-external --rc geninfo_adjust_src_path= -o $build/all.info >>$build.log 2>&1
lcov -q -e $build/all.info "$PWD/src/*" -o $build/core.info >>$build.log 2>&1
lcov -q -r $build/core.info '*/test/*' -o $build/src.info >>$build.log 2>&1
[ -z "${HTML:-}" ] || genhtml -q -o $build/html $build/src.info
awk -v least="$least" -v root="$PWD/" -F '[:,]' '
    /^SF:/ {
        file = substr($0, 4)
        sub(root, "", file)
        folder = file
        sub(/\/[^\/]*$/, "", folder)
        next
    }
    /^DA:/ {
        lines[folder]++
        all++
        if ($3 > 0) {
            reached[folder]++
            hit++
        } else {
            missed[file]++
        }
    }
    END {
        for (folder in lines)
            printf "%-14s %5d of %5d lines  %5.1f %%\n", folder, reached[folder], lines[folder],
                   100 * reached[folder] / lines[folder] | "sort"
        close("sort")
        for (file in missed)
            printf "  %4d lines of %s are not reached\n", missed[file], file | "sort -rn | head -n 12"
        close("sort -rn | head -n 12")
        printf "%-14s %5d of %5d lines  %5.2f %%\n", "src", hit, all, 100 * hit / all
        if (100 * hit / all < least) {
            printf "below %s %%\n", least
            exit 1
        }
    }' $build/src.info
