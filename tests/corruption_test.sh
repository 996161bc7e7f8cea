#!/bin/sh
# SPDX-License-Identifier: MIT
# Who notices a planted fault, and how soon, is what docs/detectors.md says.
set -u
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
cd "$QUARRY_SOURCE" || exit 1
command -v cc >/dev/null || { echo "skipped: no C compiler"; exit 77; }
[ -f "$QUARRY_BUILD/libquarry.a" ] || { echo "skipped: no library"; exit 77; }
case $(sed -n 's/^QUARRY_SANITIZE:[^=]*=//p' "$QUARRY_BUILD/CMakeCache.txt") in
"") ;;
*)
    echo "skipped: this build is a sanitizer's own"
    exit 77
    ;;
esac
sh tools/matrix.sh --check
