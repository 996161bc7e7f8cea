#!/bin/sh
# SPDX-License-Identifier: MIT
# Every test program with more than one thread under the thread sanitizer; QUARRY_LONG=1: all of them.
set -eu
: "${QUARRY_SOURCE:?}"
. "${QUARRY_SOURCE:?}/tests/other_build.sh"
if [ -z "${QUARRY_LONG:-}" ]; then
    PROGRAMS=$(cd "$QUARRY_SOURCE" && find src tests -name '*_test.c' ! -path 'tests/sim/*' ! -path 'tests/model/*' \
        -exec grep -lE 'pthread|kthread|worker|thread' {} + | sed 's,.*/,,; s,\.c$,,' | sort)
fi
other_build tsan -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=gcc -DQUARRY_SANITIZE=thread
