#!/bin/sh
# SPDX-License-Identifier: MIT
# Which lines of src/ the test programs reach, by folder and in total; fails below 95 % (or $1). For the
# folders that hand out memory, which branches as well: each must be taken, or be marked in the source as
# one that cannot be and that traps (tools/branches.awk); fails otherwise.
# A build of its own in build/coverage; src.info there has every line and branch (`lcov --list`), and
# HTML=1 makes pages of it in build/coverage/html.
set -eu
cd "$(dirname "$0")/.."
least=${1:-95}
branches_of="src/map src/zone src/slab src/kmalloc src/vm src/pool"
build=build/coverage
mkdir -p $build
# A branch counted shall be one that stands in the source. With -O0 a condition is what is written: the
# optimiser joins conditions, and copies those of a small function into its callers, where not each of the
# copies can go both ways. QR_ALWAYS_INLINE would copy even so: here these are functions like others.
# Each object that holds a file of src/ then has the same branches, and their counts can be added up.
# Counters are changed by many threads at once: atomically, or some would even be negative. Children that
# end by _exit write theirs (tests/support/counters.c), with what they did before fork returned to them:
# gcov's own fork would throw it away, so the plain one is called.
gcc -O1 -c tests/support/counters.c -o $build/counters.o
cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=gcc \
    "-DCMAKE_C_FLAGS=--coverage -O0 -DQR_ALWAYS_INLINE=inline -fprofile-update=atomic -fno-builtin-fork" \
    "-DCMAKE_EXE_LINKER_FLAGS=-Wl,--wrap=_exit,--wrap=abort $PWD/$build/counters.o" >$build.log 2>&1 &&
    cmake --build $build --target quarry-tests -j "${JOBS:-$(nproc)}" >>$build.log 2>&1 ||
    { tail -n 20 $build.log; exit 1; }
find $build -name '*.gcda' -delete
# The verdict on a test is make test's: here one that a busy machine held up gets another go.
ctest --test-dir $build -L program --repeat until-pass:2 -j "${JOBS:-$(nproc)}" >>$build.log 2>&1 ||
    { sed -n '/tests FAILED/,$p' $build.log; exit 1; }
lcov -q -c -d $build -b . --no-external --rc geninfo_adjust_src_path= --rc lcov_branch_coverage=1 \
    -o $build/all.info >>$build.log 2>&1
lcov -q --rc lcov_branch_coverage=1 -e $build/all.info "$PWD/src/*" -o $build/core.info >>$build.log 2>&1
lcov -q --rc lcov_branch_coverage=1 -r $build/core.info '*/test/*' -o $build/src.info >>$build.log 2>&1
[ -z "${HTML:-}" ] || genhtml -q --branch-coverage -o $build/html $build/src.info
bad=0
awk -v root="$PWD/" -v folders="$branches_of" -f tools/branches.awk $build/src.info || bad=1
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
        for (folder in lines) {
            printf "%-14s %5d of %5d lines  %5.1f %%\n", folder, reached[folder], lines[folder],
                   100 * reached[folder] / lines[folder] | "sort"
        }
        close("sort")
        for (file in missed)
            printf "  %4d lines of %s are not reached\n", missed[file], file | "sort -rn | head -n 12"
        close("sort -rn | head -n 12")
        printf "%-14s %5d of %5d lines  %5.2f %%\n", "src", hit, all, 100 * hit / all
        if (100 * hit / all < least) {
            printf "below %s %%\n", least
            exit 1
        }
    }' $build/src.info || bad=1
exit $bad
