#!/bin/sh
# SPDX-License-Identifier: MIT
# The library built without checks (QUARRY_CHECKS=OFF): the tests of what needs none pass, and it tells those
# who ask for checks that it has none. A build that lives from them is refused.
set -eu
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
if [ -n "$(sed -n 's/^QUARRY_SANITIZE:STRING=//p' "$QUARRY_BUILD/CMakeCache.txt")" ]; then
    echo "sanitizers need the checks"
    exit 77
fi
folder=$QUARRY_BUILD/other/no-checks
mkdir -p "$folder"
programs="build_options_test map_test buddy_test pcp_test page_alloc_test slab_api_test wrong_free_test arena_test pool_test"
configure() { cmake -S "$QUARRY_SOURCE" -B "$1" -G Ninja -DQUARRY_ONE_FILE=ON -DQUARRY_CHECKS=OFF "$2" >"$folder/log" 2>&1; }

if configure "$folder/refused" -DQUARRY_COMMAND=ON || ! grep -q 'QUARRY_CHECKS=OFF: the quarry command' "$folder/log"; then
    echo "the command without checks is not refused:"
    cat "$folder/log"
    exit 1
fi
configure "$folder" -DQUARRY_COMMAND=OFF || { cat "$folder/log"; exit 1; }
# shellcheck disable=SC2086 # the list is meant to be split
if ! cmake --build "$folder" --target $programs >"$folder/log" 2>&1; then
    grep -E -A 12 'error|warning|FAILED' "$folder/log" | head -n 80
    exit 1
fi
for program in $programs; do
    "$folder/$program" >"$folder/$program.log" 2>&1 || { cat "$folder/$program.log"; exit 1; }
done
echo "$programs: pass without checks"
