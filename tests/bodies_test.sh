#!/bin/sh
# SPDX-License-Identifier: MIT
# Some of the public functions, emptied one at a time: a test notices each. All of them: make test-bodies.
set -eu
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
if grep -q '^QUARRY_SANITIZE:STRING=.' "$QUARRY_BUILD/CMakeCache.txt"; then
    echo "the plain build is enough for this"
    exit 77
fi
[ -f "$QUARRY_BUILD/build.ninja" ] || { echo "needs a build by ninja"; exit 77; }
exec sh "$QUARRY_SOURCE/tools/test-bodies.sh" -b "$QUARRY_BUILD" -s "${QUARRY_BODIES:-8}"
