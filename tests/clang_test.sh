#!/bin/sh
# SPDX-License-Identifier: MIT
# The other compiler, optimised: builds without a warning, and every test program passes.
set -eu
if ! command -v clang >/dev/null 2>&1; then
    echo "no clang here"
    exit 77
fi
. "${QUARRY_SOURCE:?}/tests/other_build.sh"
other_build clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang
