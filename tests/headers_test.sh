#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header compiles alone: with nothing before it, with libc's and the host kernel's headers
# (which have a PAGE_SIZE of their own) before and after it, as C11 and later, as GNU C, as C++17, with gcc
# and clang, as an ordinary header with every warning a careful user turns on and as a system header. No
# header but port.h, which is for ports, needs anything beside include/.
set -eu
: "${QUARRY_SOURCE:?}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
libc="stdio.h stdlib.h string.h stdint.h errno.h unistd.h fcntl.h pthread.h sys/mman.h sys/types.h sys/stat.h"
host="sys/user.h sys/ioctl.h sys/wait.h linux/types.h linux/errno.h linux/fs.h linux/kernel.h linux/limits.h
linux/mman.h linux/param.h linux/poll.h linux/stddef.h linux/const.h linux/futex.h linux/falloc.h linux/memfd.h
linux/capability.h linux/random.h linux/userfaultfd.h linux/perf_event.h linux/bpf.h linux/elf.h
linux/ioctl.h linux/string.h linux/version.h asm/types.h asm/errno.h"
warnings="-Wall -Wextra -Werror -Wshadow -Wundef"
c_warnings="$warnings -Wpedantic -Wmissing-prototypes -Wstrict-prototypes"
failed=0
count=0
try() {
    command -v "$1" >/dev/null 2>&1 || return 0
    count=$((count + 1))
    case "$*" in
    *-isystem*) "$@" -fsyntax-only 2>"$work/out" && return 0 ;;
    *) "$@" -fsyntax-only -I "$QUARRY_SOURCE/include" 2>"$work/out" && return 0 ;;
    esac
    echo "does not compile: $*"
    head -n 8 "$work/out"
    failed=$((failed + 1))
}
for path in "$QUARRY_SOURCE"/include/quarry/*.h; do
    name=quarry/$(basename "$path")
    [ "$name" = quarry/port.h ] && continue
    printf '#include <%s>\n#include <%s>\nextern int q_used;\n' "$name" "$name" >"$work/alone.c"
    others=$(for h in $libc $host; do echo "#include <$h>"; done)
    printf '%s\n#include <%s>\nextern int q_used;\n' "$others" "$name" >"$work/after.c"
    printf '#include <%s>\n%s\nextern int q_used;\n' "$name" "$others" >"$work/before.c"
    for compiler in gcc clang; do
        command -v $compiler >/dev/null 2>&1 || continue
        try $compiler $c_warnings -std=c11 -D_GNU_SOURCE "$work/alone.c"
        try $compiler $c_warnings -std=gnu11 -D_GNU_SOURCE "$work/after.c"
        try $compiler $c_warnings -std=gnu11 -D_GNU_SOURCE "$work/before.c"
        try $compiler $c_warnings -std=gnu17 -O2 -D_GNU_SOURCE "$work/alone.c"
        try $compiler $c_warnings -std=gnu11 -DQUARRY_LINUX_26 "$work/alone.c"
    done
    for compiler in g++ clang++; do
        command -v $compiler >/dev/null 2>&1 || continue
        for order in after before; do
            try $compiler -x c++ $warnings -Wpedantic -Wconversion -std=c++17 "$work/$order.c"
        done
        try $compiler -x c++ $warnings -std=c++17 -DQUARRY_LINUX_26 "$work/alone.c"
    done
    try g++ -x c++ $warnings -Wpedantic -std=c++17 -isystem "$QUARRY_SOURCE/include" "$work/after.c"
    try clang++ -x c++ $warnings -Weverything -Wno-c++98-compat -std=c++17 -isystem "$QUARRY_SOURCE/include" "$work/alone.c"
done
echo "$count compilations, $failed failed"
[ "$failed" -eq 0 ]
