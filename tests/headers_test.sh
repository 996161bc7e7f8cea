#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header compiles alone: with nothing before it, with libc's headers before and after it,
# as C11 and later, as GNU C, as C++, with gcc and clang, and with every warning a careful user turns on. No header
# but port.h, which is for ports, needs anything beside include/.
set -eu
: "${QUARRY_SOURCE:?}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
libc="stdio.h stdlib.h string.h stdint.h errno.h unistd.h fcntl.h pthread.h sys/mman.h sys/types.h sys/stat.h"
warnings="-Wall -Wextra -Werror -Wshadow -Wundef"
c_warnings="$warnings -Wpedantic -Wmissing-prototypes -Wstrict-prototypes"
failed=0
count=0
try() {
    count=$((count + 1))
    "$@" -fsyntax-only -I "$QUARRY_SOURCE/include" 2>"$work/out" && return 0
    echo "does not compile: $*"
    head -n 8 "$work/out"
    failed=$((failed + 1))
}
for path in "$QUARRY_SOURCE"/include/quarry/*.h; do
    name=quarry/$(basename "$path")
    [ "$name" = quarry/port.h ] && continue
    printf '#include <%s>\n#include <%s>\nextern int q_used;\n' "$name" "$name" >"$work/alone.c"
    { for h in $libc; do echo "#include <$h>"; done
      echo "#include <$name>"; echo "extern int q_used;"; } >"$work/after.c"
    { echo "#include <$name>"; for h in $libc; do echo "#include <$h>"; done
      echo "extern int q_used;"; } >"$work/before.c"
    for compiler in gcc clang; do
        command -v $compiler >/dev/null 2>&1 || continue
        try $compiler $c_warnings -std=c11 -D_GNU_SOURCE "$work/alone.c"
        try $compiler $c_warnings -std=gnu11 -D_GNU_SOURCE "$work/after.c"
        try $compiler $c_warnings -std=gnu11 -D_GNU_SOURCE "$work/before.c"
        try $compiler $c_warnings -std=gnu17 -O2 -D_GNU_SOURCE "$work/alone.c"
        try $compiler $c_warnings -std=gnu11 -DQUARRY_LINUX_26 "$work/alone.c"
    done
    if command -v clang >/dev/null 2>&1; then
        try clang -x c++ $warnings -std=c++17 "$work/alone.c"
    elif command -v g++ >/dev/null 2>&1; then
        try g++ -x c++ $warnings -std=c++17 "$work/alone.c"
    fi
done
echo "$count compilations, $failed failed"
[ "$failed" -eq 0 ]
