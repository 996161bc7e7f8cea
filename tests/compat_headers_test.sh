#!/bin/sh
# SPDX-License-Identifier: MIT
# Every header of compat/linux compiles alone, with gcc for three generations of kernels, with clang for the
# newest (warnings depend on the compiler, what a generation declares does not); and beside libc's headers in
# both orders, all together and one by one.
set -u
include="${QUARRY_SOURCE:?}/compat/linux/include"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0
# 6.12.0, 3.10.0, 2.6.10
versions="396288 199168 132618"
libc="stdio.h stdlib.h string.h strings.h errno.h fcntl.h unistd.h stdint.h stddef.h stdbool.h stdarg.h
limits.h ctype.h time.h sys/time.h sys/types.h sys/stat.h sys/uio.h sys/ioctl.h sys/mman.h sys/wait.h
sys/sysinfo.h sys/param.h signal.h pthread.h poll.h sys/select.h sched.h inttypes.h math.h assert.h setjmp.h
sys/resource.h sys/socket.h termios.h dirent.h semaphore.h sys/syscall.h sys/prctl.h sys/mount.h sys/random.h
sys/timerfd.h sys/eventfd.h"
headers=$(cd "$include" && find linux asm -name '*.h' | sort)

# try WHAT SOURCE [OPTION...]
try() {
    what=$1 source=$2
    shift 2
    if ! $compiler -std=gnu11 -fsyntax-only -Wall -Werror -isystem "$include" -I"$QUARRY_SOURCE/include" \
        -D__KERNEL__ -DMODULE "$@" "$source" 2>"$work/err"; then
        echo "$compiler: $what:"
        head -5 "$work/err"
        failures=$((failures + 1))
    fi
}

for compiler in gcc clang; do
    command -v $compiler >/dev/null || { echo "no $compiler: its half is skipped"; continue; }
    for header in $headers; do
        printf '#include <%s>\n' "$header" >"$work/one.c"
        for version in $versions; do
            try "$header alone, version $version" "$work/one.c" -Wextra -Wno-unused-parameter \
                "-DQUARRY_KERNEL_VERSION_CODE=$version"
        done
    done
    versions=${versions%% *}
    for name in $libc; do printf '#include <%s>\n' "$name"; done >"$work/libc.c"
    for name in $headers; do printf '#include <%s>\n' "$name"; done >"$work/kernel.c"
    cat "$work/libc.c" "$work/kernel.c" >"$work/both.c"
    try "libc first, then all" "$work/both.c"
    cat "$work/kernel.c" "$work/libc.c" >"$work/both.c"
    try "all first, then libc" "$work/both.c"
    # Each libc header right after each of those that libc has too, and after the widest one. (Which
    # declarations meet does not depend on the compiler.)
    [ $compiler = gcc ] || continue
    for header in linux/types.h linux/errno.h linux/kernel.h linux/fs.h linux/string.h linux/stat.h \
        linux/ioctl.h linux/fcntl.h linux/poll.h linux/sched.h linux/uio.h linux/stddef.h linux/time.h \
        linux/capability.h linux/random.h linux/module.h; do
        for name in $libc; do
            printf '#include <%s>\n#include <%s>\n' "$header" "$name" >"$work/pair.c"
            try "$header before $name" "$work/pair.c"
        done
    done
done
[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
