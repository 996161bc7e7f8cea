#!/bin/sh
# SPDX-License-Identifier: MIT
# The one-file release passes every test program: the core is compiled from its quarry.c, the port from
# its quarry_hosted.c, and all of them, tests included, see its quarry.h in place of include/quarry/.
set -eu
. "${QUARRY_SOURCE:?}/tests/other_build.sh"
if [ -n "$(sed -n 's/^QUARRY_SANITIZE:STRING=//p' "$QUARRY_BUILD/CMakeCache.txt")" ]; then
    echo "one file is the same to a sanitizer as many"
    exit 77
fi
other_build one-file -DQUARRY_ONE_FILE=ON -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=gcc -DQUARRY_COMMAND=OFF
