#!/bin/sh
# SPDX-License-Identifier: MIT
# Proves, as far as time allows: random concurrent programs under many schedules, the model against the
# core, each allocation of the example drivers failing in turn, and the fuzzers. Everything begins from
# fresh seeds, and whatever goes wrong is told with the seed that shows it again.
#
#     tools/prove.sh SECONDS [SEED]      SEED: only the program (and model run) with that number
#
# QUARRY_BUILD: a build with tests (build/debug). QUARRY_FUZZ_BUILD: one with the fuzz programs
# (build/fuzz); without it there is no fuzzing. Exit status 1: something went wrong.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
build=${QUARRY_BUILD:-$root/build/debug}
fuzz=${QUARRY_FUZZ_BUILD:-$root/build/fuzz}
seconds=${1:-300}
seed=${2:-}
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $seconds$seed in
'' | *[!0-9]*) echo "prove: SECONDS and SEED are numbers, not \"$seconds\" and \"$seed\"" >&2; exit 64 ;;
esac
[ -x "$build/quarry-prove" ] || { echo "prove: $build has no simulated machines; run make prove" >&2; exit 69; }

report() { # what, exit status
    [ "$2" -eq 0 ] && return
    failed=1
    echo "$1: FAILED"
}

replay() {
    for variant in quarry-prove quarry-prove-preempt; do
        echo "== $variant"
        "$build/$variant" --seed "$seed" --programs 1
        report "$variant" $?
    done
    echo "== model"
    "$build/quarry-model" --seed "$seed" --steps 100000
    report model $?
}

schedules() { # program, seconds
    echo "== schedules: $1, $2 s"
    "$build/$1" --seconds "$2"
    report "$1" $?
}

model() { # seconds
    echo "== model, $1 s"
    end=$(($(date +%s) + $1))
    number=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
    steps=0
    while [ "$(date +%s)" -lt "$end" ]; do
        if ! "$build/quarry-model" --seed "$number" --steps 200000 >"$work/model"; then
            cat "$work/model"
            report "model, seed $number" 1
            return
        fi
        steps=$((steps + 1))
        number=$((number + 1))
    done
    echo "$((steps * 200)) thousand steps, the last with seed $((number - 1))"
    [ "$steps" -eq 0 ] || echo "nothing went wrong"
}

sweep() {
    echo "== failing each allocation of the examples"
    for driver in scull scullc scullp scullv; do
        status=0
        "$build/cli/quarry" test "$root/examples/$driver.c" >"$work/sweep" 2>&1 || status=$?
        [ "$status" -eq 0 ] || cat "$work/sweep"
        echo "$driver: $(tail -n 1 "$work/sweep")"
        report "$driver" "$status"
    done
}

fuzzers() { # seconds, for all together
    [ -d "$fuzz" ] || { echo "== no fuzzing: no $fuzz"; return; }
    number=$(find "$root/tests/fuzz/corpus" -mindepth 1 -maxdepth 1 | wc -l)
    each=$(($1 / number))
    echo "== fuzzing, $number programs of $each s"
    QUARRY_BUILD=$fuzz sh "$root/tests/fuzz/run.sh" "$((each > 0 ? each : 1))" >"$work/fuzz" 2>&1
    report fuzzing $?
    cat "$work/fuzz"
}

if [ -n "$seed" ]; then
    replay
else
    schedules quarry-prove $((seconds * 3 / 10))
    schedules quarry-prove-preempt $((seconds * 3 / 10))
    model $((seconds * 2 / 10))
    sweep
    fuzzers $((seconds * 2 / 10))
fi
[ "$failed" -eq 0 ] && echo "== verdict: nothing went wrong" || echo "== verdict: see above"
exit "$failed"
