#!/bin/sh
# SPDX-License-Identifier: MIT
# The names that the public headers declare, one a line, sorted.
#
#     tools/public-names.sh symbols   functions and data that the library exports (QUARRY_API, QUARRY_API_DATA)
#     tools/public-names.sh all       besides: inline functions, and macros that are called or read like
#                                     functions (lower case; GFP_KERNEL or PAGE_SIZE are no symbols)
set -eu
cd "$(dirname "$0")/.."
case "${1:-}" in
symbols | all) ;;
*) echo "usage: $0 symbols|all" >&2; exit 64 ;;
esac
awk -v all="$([ "$1" = all ] && echo 1 || echo 0)" '
function take(text,    head) {
    gsub(/__attribute__\(\(([^()]|\([^()]*\))*\)\)/, "", text)
    sub(/[({;\[].*/, "", text) # up to the parameter list, or the end of a variable
    sub(/[ \t]+$/, "", text)
    if (match(text, /[A-Za-z_][A-Za-z0-9_]*$/))
        print substr(text, RSTART)
}
FNR == 1 { held = "" }
all && match($0, /^[ \t]*#[ \t]*define[ \t]+_*[a-z][a-z0-9_]*/) {
    name = substr($0, RSTART, RLENGTH)
    sub(/.*[ \t]/, "", name)
    print name
}
/^[ \t]*#/ { next }
/^QUARRY_API(_DATA)? / || (all && /^(static inline|QUARRY_INLINE)/) { held = $0; begun = 1 }
!/^QUARRY_API(_DATA)? |^static inline|^QUARRY_INLINE/ { if (held != "") held = held " " $0 }
held != "" && /[;{]/ { take(held); held = "" }
' include/quarry/*.h | grep -vE '^q[pr]_' | LC_ALL=C sort -u
