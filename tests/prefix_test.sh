#!/bin/sh
# SPDX-License-Identifier: MIT
# QUARRY_PREFIX: a library built with my_ has no symbol without it, inside or outside, and lies beside the
# plain one; one program holds both, statically and dynamically, each with a machine of its own; a host
# with a kmalloc of its own links with it; the headers follow, and give the short names to who wants them.
set -eu
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
if grep -q '^QUARRY_SANITIZE:STRING=.' "$QUARRY_BUILD/CMakeCache.txt"; then
    echo "names are the same to a sanitizer"
    exit 77
fi
source=$QUARRY_SOURCE/tests/consumers/prefix
build=$QUARRY_BUILD/other/prefix
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
quietly() { # what, command
    what=$1
    shift
    "$@" >"$work/log" 2>&1 || { echo "$what"; grep -E 'error|warning|undefined' "$work/log" || tail -n 20 "$work/log"; exit 1; }
}
quietly "configuring with a prefix" cmake -S "$QUARRY_SOURCE" -B "$build" -G Ninja -DQUARRY_PREFIX=my_ \
    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=gcc -DQUARRY_COMMAND=OFF
quietly "building with a prefix" cmake --build "$build"
quietly "installing" cmake --install "$build" --prefix "$work/prefix"

for library in "$build/libmy_quarry.a" "$build/libmy_quarry.so"; do
    options=-g
    case $library in *.so) options=-D ;; esac
    if nm $options --defined-only "$library" | awk 'NF == 3 && $2 != "A" { print $3 }' | grep -v '^my_' >"$work/bare"; then
        echo "$library has symbols without the prefix:"
        head -n 20 "$work/bare"
        exit 1
    fi
done

PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name my_quarry.pc)")
LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH"):$QUARRY_BUILD
export PKG_CONFIG_PATH LD_LIBRARY_PATH
lib=$(dirname "$PKG_CONFIG_PATH")
cd "$work"
warnings="-Wall -Wextra -Werror -g"
# shellcheck disable=SC2046,SC2086 # flags are meant to be split
{
    quietly "host.c" gcc $warnings $(pkg-config --cflags my_quarry) -c "$source/host.c" -o host.o
    quietly "host.c with a kmalloc" gcc $warnings -DHOST_ONLY $(pkg-config --cflags my_quarry) -c "$source/host.c" -o only.o
    quietly "names.c" gcc $warnings $(pkg-config --cflags my_quarry) -c "$source/names.c" -o names.o
    quietly "plain.c" gcc $warnings -I"$QUARRY_SOURCE/include" -c "$source/plain.c" -o plain.o
    quietly "C++" g++ $warnings -std=c++17 -fsyntax-only $(pkg-config --cflags my_quarry) -x c++ -include quarry/quarry.h /dev/null
    quietly "linking two shared libraries" gcc host.o names.o plain.o $(pkg-config --libs my_quarry) -L"$QUARRY_BUILD" -lquarry -o shared
    quietly "linking two static libraries" gcc host.o names.o plain.o "$lib/libmy_quarry.a" "$QUARRY_BUILD/libquarry.a" -pthread -o static
    quietly "linking with a kmalloc of the host's" gcc only.o names.o "$lib/libmy_quarry.a" -pthread -o only
}
for program in shared static only; do
    quietly "$program" "./$program"
done
if sh "$QUARRY_SOURCE/tools/prefix.sh" 1st "$work/bad" 2>"$work/err" || ! grep -q '"1st" cannot begin a C name' "$work/err"; then
    echo "a prefix that is no name is not refused"; cat "$work/err"; exit 1
fi
echo "two copies in one program, shared and static; a host's own kmalloc"
