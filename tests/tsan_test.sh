#!/bin/sh
# SPDX-License-Identifier: MIT
# Every test program under the thread sanitizer.
set -eu
. "${QUARRY_SOURCE:?}/tests/other_build.sh"
other_build tsan -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=gcc -DQUARRY_SANITIZE=thread
