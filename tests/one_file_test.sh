#!/bin/sh
# SPDX-License-Identifier: MIT
# The one-file release passes every test program: the core is compiled from its quarry.c, the port from
# its quarry_hosted.c, and all of them, tests included, see its quarry.h in place of include/quarry/. Both
# compilers have nothing to say about it.
set -eu
. "${QUARRY_SOURCE:?}/tests/other_build.sh"
if [ -n "$(sed -n 's/^QUARRY_SANITIZE:STRING=//p' "$QUARRY_BUILD/CMakeCache.txt")" ]; then
    echo "one file is the same to a sanitizer as many"
    exit 77
fi

# A user compiles it with warnings on, by either compiler: there are none.
sh "$QUARRY_SOURCE/tools/amalgamate.sh" "$QUARRY_BUILD/other/one-file-release" || exit 1
cd "$QUARRY_BUILD/other/one-file-release"
bare=port/bare
for cc in gcc clang; do
    command -v $cc >/dev/null || { echo "no $cc: not compiled by it"; continue; }
    flags="-Wall -Wextra -Werror -O1 -I."
    # shellcheck disable=SC2086 # flags are meant to be split
    {
        $cc $flags -Iport/hosted -c quarry.c -o quarry.o
        $cc $flags -Iport/hosted -c port/hosted/quarry_hosted.c -o hosted.o
        $cc $flags -fsyntax-only -ffreestanding "-I$bare" quarry.c
        $cc $flags -fsyntax-only -ffreestanding "-I$bare" "$bare/port.c"
    }
    echo "$cc: no warning"
done

other_build one-file -DQUARRY_ONE_FILE=ON -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=gcc -DQUARRY_COMMAND=OFF
