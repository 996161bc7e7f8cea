#!/bin/sh
# SPDX-License-Identifier: MIT
# What make install leaves behind is enough: a program that includes nothing but <quarry/slab.h>,
# built with what pkg-config says, allocates from 64 threads under the strictest checks without a
# report, also under thread sanitizer; CMake finds the package; the installed tree can be moved, and nothing
# in it says where it was built.
# Lock: install
# QUARRY_LONG=1 runs each program for ten seconds instead of three.
set -eu
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
if grep -q '^QUARRY_SANITIZE:STRING=.' "$QUARRY_BUILD/CMakeCache.txt"; then
    echo "a sanitized build is not for installing"
    exit 77
fi
seconds=3
[ "${QUARRY_LONG:-0}" = 0 ] || seconds=10
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$QUARRY_BUILD" --prefix "$work/first" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
hint() { # environment…: what the end of make install says then
    env -u PKG_CONFIG_PATH -u LD_LIBRARY_PATH "$@" sh "$QUARRY_SOURCE/tools/install-hint.sh" \
        "$QUARRY_BUILD/install_manifest.txt" "$work/first" >"$work/hint" 2>&1
}
hint LC_ALL=C
grep export "$work/hint" >"$work/exports" || :
# shellcheck disable=SC1091 # made by the line above
if ! (. "$work/exports" && pkg-config --exists quarry && [ "$(command -v quarry)" = "$work/first/bin/quarry" ] &&
    [ -f "${LD_LIBRARY_PATH%%:*}/libquarry.so" ]); then
    echo "what make install says to type does not make its prefix known:"
    cat "$work/hint"
    exit 1
fi
# shellcheck disable=SC1091
(. "$work/exports" && sh "$QUARRY_SOURCE/tools/install-hint.sh" "$QUARRY_BUILD/install_manifest.txt" "$work/first") >"$work/hint"
if grep -q export "$work/hint"; then
    echo "it says so although all is known:"
    cat "$work/hint"
    exit 1
fi
mv "$work/first" "$work/prefix"
pc=$(dirname "$(find "$work/prefix" -name quarry.pc)")
lib=$(dirname "$pc")
PKG_CONFIG_PATH=$pc
LD_LIBRARY_PATH=$lib
export PKG_CONFIG_PATH LD_LIBRARY_PATH
for file in "$lib/libquarry.a" "$lib/libquarry.so" "$work/prefix/include/quarry/quarry.h" "$pc/quarry-linux.pc"; do
    [ -f "$file" ] || { echo "not installed: $file"; exit 1; }
done
if [ -x "$QUARRY_BUILD/cli/quarry" ]; then
    "$work/prefix/bin/quarry" --help >"$work/log" 2>&1 || { echo "the installed quarry does not start"; cat "$work/log"; exit 1; }
    [ -f "$lib/quarry/libquarry-client.so" ] || { echo "not installed: libquarry-client.so"; exit 1; }
    [ -f "$work/prefix/include/quarry-linux/linux/slab.h" ] || { echo "not installed: linux/slab.h"; exit 1; }
fi

# Nothing that was installed knows where it was built; but for debugging information, which says so on purpose.
find "$work/prefix" -type f | while read -r file; do
    plain=$file
    case $file in
    *.a | *.so* | */bin/*) plain=$work/plain && strip -g -o "$plain" "$file" ;;
    esac
    for path in "$QUARRY_BUILD" "$QUARRY_SOURCE"; do
        if strings "$plain" | grep -F -m 3 -- "$path" >"$work/log"; then
            echo "knows where it was built: ${file#"$work/prefix/"}"
            cat "$work/log"
        fi
    done
done >"$work/knows"
if [ -s "$work/knows" ]; then
    cat "$work/knows"
    exit 1
fi

flags="-std=gnu11 -O2 -g -Wall -Wextra -Werror"
runs() { # label, environment, program
    label=$1
    shift
    if ! env "$@" "$seconds" >"$work/out" 2>"$work/err"; then
        echo "$label: failed"
        head -n 60 "$work/err"
        exit 1
    fi
    if [ -s "$work/err" ]; then
        echo "$label: a report"
        head -n 60 "$work/err"
        exit 1
    fi
    echo "$label: $(cat "$work/out")"
}
source="$QUARRY_SOURCE/tests/install/many_threads.c"
# shellcheck disable=SC2046,SC2086 # flags are meant to be split
gcc $flags "$source" -o "$work/program" $(pkg-config --cflags --libs quarry) -pthread
# shellcheck disable=SC2046,SC2086
gcc $flags "$source" -o "$work/static" $(pkg-config --cflags quarry) "$lib/libquarry.a" -pthread
# shellcheck disable=SC2046,SC2086
gcc $flags -fsanitize=thread "$source" -o "$work/tsan" $(pkg-config --cflags --libs quarry) -pthread
runs "shared library" QUARRY_CHECK=3 "$work/program"
runs "static library" QUARRY_CHECK=3 "$work/static"
# Sanitizers of this age cannot start where the kernel randomises more address bits than they expect.
fixed=
if setarch -R true 2>/dev/null; then
    fixed="setarch -R"
fi
# shellcheck disable=SC2086
runs "thread sanitizer" QUARRY_CHECK=3 TSAN_OPTIONS="halt_on_error=0 exitcode=66" $fixed "$work/tsan"

mkdir "$work/user"
cat >"$work/user/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.16)
project(user C)
find_package(quarry REQUIRED)
add_executable(user $source)
target_link_libraries(user PRIVATE quarry::quarry)
add_executable(user-static $source)
target_link_libraries(user-static PRIVATE quarry::quarry-static)
END
if ! { cmake -S "$work/user" -B "$work/user/build" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_C_COMPILER=gcc &&
    cmake --build "$work/user/build"; } >"$work/log" 2>&1; then
    echo "the CMake package does not work"
    tail -n 20 "$work/log"
    exit 1
fi
"$work/user/build/user" 0 >/dev/null && "$work/user/build/user-static" 0 >/dev/null
echo "CMake package: works"
