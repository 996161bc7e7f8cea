#!/bin/sh
# SPDX-License-Identifier: MIT
# Every detector's two demonstrations do what they should, and docs/detectors.md names them all.
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
failed=0
for file in tests/detectors/*.fires.c; do
    [ -f "${file%.fires.c}.quiet.c" ] || { echo "WRONG: $file: no demonstration that is quiet"; failed=1; }
done
for file in tests/detectors/*.quiet.c; do
    [ -f "${file%.quiet.c}.fires.c" ] || { echo "WRONG: $file: no demonstration that fires"; failed=1; }
done
sh tools/detectors.sh --check || failed=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2016 # for the inner shell
printf '%s\n' tests/detectors/*.fires.c tests/detectors/*.quiet.c |
    xargs -P "$(nproc)" -n 1 sh -c 'sh tests/detectors/run.sh "$1" >"$0/$(basename "$1").log" 2>&1 ||
        case $? in 77) ;; *) mv "$0/$(basename "$1").log" "$0/$(basename "$1").bad" ;; esac' "$work"
for log in "$work"/*.bad; do
    [ -f "$log" ] || continue
    cat "$log"
    failed=1
done
cat "$work"/*.log 2>/dev/null | grep '^skipped'
[ "$failed" -eq 0 ] && echo "$(cat "$work"/*.log | wc -l) demonstrations"
exit "$failed"
