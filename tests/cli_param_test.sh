#!/bin/sh
# SPDX-License-Identifier: MIT
# The parameters of a loaded module are files below sys/module, with the kernel's texts, and may be written where
# their permission bits say so.
# shellcheck disable=SC2016 # variables in single quotes are for the shell that COMMAND runs
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"
need_fuse
cd "$QUARRY_SOURCE" || exit 1
tuned=tests/modules/tuned.c

expect 0 "reading" "$QUARRY" run --quiet --param quiet=1 --param row=5,6 $tuned -- sh -c '
    cd "$QUARRY_ROOT/sys/module/tuned/parameters" && grep "" * && stat -c "%n %a" fixed limit && ls "$QUARRY_ROOT/sys/module"'
cat >"$work/expected" <<'END'
even:0
fixed:7
large:1099511627776
level:-3
limit:42
loud:N
mask:0x0000ff
quiet:Y
row:5,6
small:200
text:text
word:none
fixed 444
limit 644
tuned
END
LC_ALL=C cmp -s "$work/expected" "$work/out" || { complain "$what: not these"; diff "$work/expected" "$work/out"; }

expect 0 "writing" "$QUARRY" run $tuned -- sh -c '
    cd "$QUARRY_ROOT/sys/module/tuned/parameters"
    echo 43 >limit && echo 9,8,7,6 >row && printf rock >word && echo 4 >even && echo 0 >loud || exit 1
    for wrong in "x >limit" "99999999999 >limit" "9,8,7,6,5 >row" "5 >even" "12345678 >text" "300 >small"; do
        eval "echo $wrong" 2>/dev/null && { echo "taken: $wrong"; exit 1; }
    done
    (echo 8 >fixed) 2>/dev/null && { echo "fixed was written"; exit 1; }
    [ "$(cat limit row word even loud fixed | tr "\n" " ")" = "43 9,8,7,6 rock 4 N 7 " ]'
says 'tuned: limit 43, word rock, 4 in the row, hidden 8'
says '0 leaks, no other findings'

# In a run of several modules each has its own.
expect 0 "two modules" "$QUARRY" run --quiet examples/scull.c + $tuned -- sh -c '
    cd "$QUARRY_ROOT/sys/module" && cat scull/parameters/nr_devs tuned/parameters/fixed'
prints '^4$'
prints '^7$'
nothing_left
finish
