#!/bin/sh
# SPDX-License-Identifier: MIT
# The linker's version script for the shared library: every public symbol under the version in which it
# came, all others hidden.
#
#     tools/version-script.sh [PREFIX]     the script
#     tools/version-script.sh --list      what packaging/symbols.txt should say
#
# packaging/symbols.txt remembers the version of each symbol. One that the headers declare and the list
# does not know yet gets the version that is being built; tests/exports_test.sh then asks for the list
# to be made anew.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
now=QUARRY_$(sed -n 's/^#define QUARRY_VERSION "\([0-9]*\.[0-9]*\)\..*"/\1/p' "$root/include/quarry/version.h")
prefix=
[ "${1:-}" = --list ] || prefix=${1:-}
sh "$root/tools/public-names.sh" symbols |
    awk -v now="$now" -v list="$root/packaging/symbols.txt" '
    BEGIN { while ((getline line < list) > 0) if (split(line, word, " ") == 2) since[word[1]] = word[2] }
    { print $1, ($1 in since) ? since[$1] : now }' |
    if [ "${1:-}" = --list ]; then
        cat
    else
        # Versions in order, each building on the one before.
        LC_ALL=C sort -k2,2V -k1,1 | awk -v prefix="$prefix" '
        $2 != version { if (version) printf "} %s;\n", before; before = last; last = version = $2; printf "%s {\nglobal:\n", version }
        { printf "    %s%s;\n", prefix, $1 }
        END { printf "local:\n    *;\n} %s;\n", before }'
    fi
