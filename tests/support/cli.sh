# SPDX-License-Identifier: MIT
# For the tests of the `quarry` command: where it is, a folder to work in, and what to expect of a run.
# Sourced. Leaves with 77 where something of the host is missing.
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
QUARRY=$QUARRY_BUILD/cli/quarry
if [ ! -x "$QUARRY" ]; then
    echo "skipped: this build has no quarry command"
    exit 77
fi
command -v cc >/dev/null || { echo "skipped: no C compiler"; exit 77; }
work=$(mktemp -d)
TMPDIR=$work
export QUARRY TMPDIR
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
failed=0

need_fuse() {
    if ! (exec 3<>/dev/fuse) 2>/dev/null; then
        echo "skipped: /dev/fuse cannot be opened"
        exit 77
    fi
}

complain() {
    echo "WRONG: $*"
    echo "--- standard output"
    head -n 60 "$work/out"
    echo "--- standard error"
    head -n 120 "$work/err"
    echo "---"
    failed=1
}

# expect STATUS WHAT COMMAND...: run it, output in $work/out and $work/err.
expect() {
    wanted=$1
    what=$2
    shift 2
    status=0
    "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
    if [ "$status" -ne "$wanted" ]; then
        complain "$what: exit status $status, not $wanted"
        return 1
    fi
}

# says PATTERN: standard error of the last run has a line like it; prints: the same of standard output.
says() {
    grep -E -q -- "$1" "$work/err" || complain "$what: nothing says \"$1\""
}
prints() {
    grep -E -q -- "$1" "$work/out" || complain "$what: \"$1\" is not printed"
}
silent_about() {
    if grep -E -q -- "$1" "$work/err"; then
        complain "$what: says \"$1\""
    fi
}

# No mount and no work folder of a run in this test is left.
nothing_left() {
    tries=0
    while grep -q " $work/" /proc/mounts || ls -d "$work"/quarry-?????? >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ $tries -gt 50 ]; then
            complain "$what: left behind: $(grep " $work/" /proc/mounts; ls -d "$work"/quarry-??????)"
            return
        fi
        sleep 0.1
    done
}

finish() {
    if [ "$failed" -ne 0 ]; then
        exit 1
    fi
    exit 0
}
