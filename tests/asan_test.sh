#!/bin/sh
# SPDX-License-Identifier: MIT
# Every test program under the address and undefined-behaviour sanitizers.
set -eu
. "${QUARRY_SOURCE:?}/tests/other_build.sh"
other_build asan -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=gcc -DQUARRY_SANITIZE=address,undefined
