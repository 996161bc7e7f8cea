#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the fuzz programs one after another, each from the kept inputs.
#
#     tests/fuzz/run.sh SECONDS [NAME]...        QUARRY_BUILD (build/fuzz) has the programs
#
# New inputs are kept below the build, in fuzz/NAME; one that breaks something is fuzz/NAME-crash-…, and the
# last lines say how to see it again. Exit status 1: one did.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${QUARRY_BUILD:-$root/build/fuzz}
seconds=$1
shift
[ $# -gt 0 ] || set -- $(ls "$root/tests/fuzz/corpus")
# Sanitizers of this age cannot start where the kernel randomises more address bits than they expect.
fixed=
if setarch -R true 2>/dev/null; then
    fixed="setarch -R"
fi
failed=0
for name in "$@"; do
    program=$build/fuzz-$name
    [ -x "$program" ] || { echo "$0: no fuzz program $name; there are: $(ls "$root/tests/fuzz/corpus" | tr '\n' ' ')" >&2; exit 64; }
    own=$build/fuzz/$name
    mkdir -p "$own"
    dictionary=
    [ ! -f "$root/tests/fuzz/dict/$name.dict" ] || dictionary="-dict=$root/tests/fuzz/dict/$name.dict"
    length=400
    case $name in
    operations) length=4800 ;;
    explain) length=3000 ;;
    *) ;;
    esac
    # shellcheck disable=SC2086 # words
    if $fixed "$program" -max_total_time="$seconds" -max_len=$length -len_control=0 -timeout=60 -print_final_stats=1 \
        $dictionary -artifact_prefix="$own-" "$own" "$root/tests/fuzz/corpus/$name" >"$own.log" 2>&1; then
        awk -v name="$name" '/stat::number_of_executed_units/ { runs = $2 } / cov: / { for (i = 1; i < NF; i++)
                if ($i == "cov:") places = $(i + 1) }
            END { printf "%-12s %9d runs, %5d places of the code, nothing wrong\n", name, runs, places }' "$own.log"
        continue
    fi
    failed=1
    echo "$name: something is wrong:"
    grep -aE -m 5 'not true|ERROR:|runtime error|SUMMARY' "$own.log" || tail -n 20 "$own.log"
    sed -n "s,.*Test unit written to \(.*\),    $program \1,p" "$own.log"
done
exit $failed
