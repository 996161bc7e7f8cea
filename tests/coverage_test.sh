#!/bin/sh
# SPDX-License-Identifier: MIT
# The rule for branches that `make coverage` applies (tools/branches.awk), on a source and a tracefile of
# its own: an untaken branch is listed and refused, a marked one is neither, many marked ones are refused.
# And nothing in src/ hides a line from the tool that counts.
set -eu
: "${QUARRY_SOURCE:?}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
mkdir -p "$work/src/a"

wrong() {
    echo "FAILED: $1; the verdict was:"
    cat "$work/out"
    failed=1
}
source_is() { # the lines of src/a/a.c
    printf '%s\n' "$@" >"$work/src/a/a.c"
}
counts_are() { # line:count of each branch
    { echo "SF:$work/src/a/a.c"; for branch; do echo "BRDA:${branch%:*},0,0,${branch#*:}"; done
      echo end_of_record; } >"$work/info"
}
verdict() { # most marked ones in a hundred
    awk -v most="$1" -v root="$work/" -v folders="src/a" -f "$QUARRY_SOURCE/tools/branches.awk" "$work/info" \
        >"$work/out" 2>&1
}

source_is '    if (a)' '        QR_ASSERT(b &&' '                  c);' '    if (d)'
counts_are 1:3 1:4 2:3 2:0 3:3 3:- 4:1 4:1
verdict 30 || wrong "untaken branches of an assertion are marked"
grep -q '8 branches:     6 taken,   2 marked,   0 missed' "$work/out" || wrong "both lines of the assertion count"
verdict 24 && wrong "two marked of eight are more than 24 in a hundred"

counts_are 1:3 1:0 2:3 2:0 3:3 3:- 4:1 4:-
verdict 30 && wrong "untaken branches without a mark are refused"
grep -q 'src/a/a.c:1: 1 not taken: if (a)' "$work/out" || wrong "a branch never taken is listed"
grep -q 'src/a/a.c:4: 1 not taken: if (d)' "$work/out" || wrong "a branch never come to is listed, after an assertion, too"

source_is '    if (a)' '        check(b &&' '              c);' '    if (d)'
counts_are 1:3 1:4 2:3 2:0 3:3 3:- 4:1 4:1
verdict 30 && wrong "without the mark they are refused"
source_is '    if (a)' '        x = y ? 1 : 2; /* not QR_ASSERT(y) */' '' '    if (d)'
counts_are 1:3 1:4 2:3 2:0 4:1 4:1
verdict 30 && wrong "a word in a comment is no mark"

counts_are
verdict 30 && wrong "no branch at all is not a pass"
mv "$work/src/a/a.c" "$work/src/a/b.c"
counts_are 1:1
verdict 30 && wrong "a source that is not there is not a pass"

if grep -rn '[LG]COV_EXCL' "$QUARRY_SOURCE/src"; then
    echo "FAILED: these lines would not be counted"
    failed=1
fi
exit $failed
