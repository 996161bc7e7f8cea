#!/bin/sh
# SPDX-License-Identifier: MIT
# Other projects reach Quarry in every way that the documentation promises: an installed tree by
# find_package and pkg-config, the sources by FetchContent and add_subdirectory, the one-file release by
# hand and as a Meson wrap, from C and from C++17, as a library, as a kernel environment, and with a port
# of their own. The small projects are in tests/consumers/. What cannot work says so.
# Lock: install
set -eu
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
if grep -q '^QUARRY_SANITIZE:STRING=.' "$QUARRY_BUILD/CMakeCache.txt"; then
    echo "a sanitized build is not for installing"
    exit 77
fi
consumers=$QUARRY_SOURCE/tests/consumers
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
fail() { # what, log
    echo "$1"
    [ $# -lt 2 ] || tail -n 25 "$2"
    exit 1
}
quietly() { # what, command
    what=$1
    shift
    "$@" >"$work/log" 2>&1 || fail "$what" "$work/log"
}
refused() { # what, pattern, command: fails, and says so in these words
    what=$1 pattern=$2
    shift 2
    ! "$@" >"$work/log" 2>&1 || fail "$what: not refused" "$work/log"
    tr '\n' ' ' <"$work/log" | tr -s ' ' | grep -qE "$pattern" || fail "$what: refused, but not with \"$pattern\"" "$work/log"
}
project() { # folder of the build, source, options: configure
    build=$1 source=$2
    shift 2
    cmake -S "$consumers/$source" -B "$work/$build" -G Ninja -DCMAKE_C_COMPILER=gcc "$@"
}

# A place that cannot be written to is named before anything is.
: >"$work/file"
refused "installation below a file" "cannot install to .*/file/below: .*Nothing was installed.*PREFIX=" \
    cmake --install "$QUARRY_BUILD" --prefix "$work/file/below"
nobody() { setpriv --reuid 65534 --clear-groups "$@"; }
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null 2>&1 && nobody test -r "$QUARRY_BUILD/cmake_install.cmake"; then
    mkdir -m 755 "$work/roots" && chmod 755 "$work"
    refused "installation by nobody" "cannot install to .*Permission denied.*Nothing was installed" \
        nobody cmake --install "$QUARRY_BUILD" --prefix "$work/roots"
    [ -z "$(ls "$work/roots")" ] || fail "something was installed by nobody"
fi

mkdir "$prefix" && echo mine >"$prefix/mine"
quietly "installation" cmake --install "$QUARRY_BUILD" --prefix "$prefix"
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name quarry.pc)")
LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH")
export PKG_CONFIG_PATH LD_LIBRARY_PATH

# find_package
installed="-DCMAKE_PREFIX_PATH=$prefix"
quietly "find_package" project package package "$installed" -DWANTED_VERSION=0.1
quietly "the programs of find_package" cmake --build "$work/package"
for program in shared static cplusplus kernel; do
    quietly "$program by find_package" "$work/package/$program"
done
refused "another version" "compatible with requested version \"0.2\".*version: 0.1" \
    project other package "$installed" -DWANTED_VERSION=0.2
refused "two machines in one program" "QUARRY_LINKAGE.*does not agree" project mixed package "$installed" -DMIX=ON
echo "find_package: shared, static, C++17, kernel environment"

# A port of one's own, and ports that are not whole.
quietly "own port" project own own_port "$installed"
quietly "own port" cmake --build "$work/own"
quietly "a program on its own port" "$work/own/hello"
port=$QUARRY_SOURCE/examples/bare/port
cp -r "$port" "$work/port"
sed -i '/^void qp_wake/,/^}/d; /^bool qp_discard/,/^}/d' "$work/port/port.c"
quietly "own port" project own own_port "$installed" -DPORT="$work/port"
refused "a port without two duties" "the port in .*/port does not supply qp_discard\(\), qp_wake\(\)" cmake --build "$work/own"
refused "a port without two duties, again" "does not supply qp_discard" cmake --build "$work/own"
cp "$port/port.c" "$work/port/"
sed -i '/^static inline void qp_relax/,/^}/d' "$work/port/quarry_port.h"
refused "a port without an inline duty" "does not supply qp_relax\(\)" cmake --build "$work/own"
cp "$port/quarry_port.h" "$work/port/"
sed -i 's/bool qp_may_sleep(void)/int qp_may_sleep(int now)/' "$work/port/quarry_port.h"
refused "a port with another signature" "conflicting types for .qp_may_sleep" cmake --build "$work/own"
cp "$port/quarry_port.h" "$work/port/"
sed -i '/QP_OBSERVED/d' "$work/port/quarry_port.h"
refused "a port that does not say what it can" "must define QP_CAN_CHECK_CONTEXT and QP_OBSERVED" cmake --build "$work/own"
rm "$work/port/quarry_port.h"
refused "a folder that is no port" "is not a port: it has no quarry_port.h" project own own_port "$installed" -DPORT="$work/port"
echo "quarry_add_library: own port; each missing duty is named"

# pkg-config
cd "$work"
flags="-Wall -Wextra -Werror"
# shellcheck disable=SC2046,SC2086 # flags are meant to be split
{
    quietly "pkg-config" gcc $flags "$consumers/program.c" -o by-pc $(pkg-config --cflags --libs quarry)
    quietly "pkg-config, C++" g++ $flags -std=c++17 "$consumers/program.cpp" -o by-pc-cxx $(pkg-config --cflags --libs quarry)
    quietly "pkg-config quarry-linux" gcc $flags "$consumers/kernel_side.c" "$consumers/kernel_main.c" -o by-pc-linux \
        $(pkg-config --cflags --libs quarry-linux)
}
for program in by-pc by-pc-cxx by-pc-linux; do quietly "$program" "./$program"; done
! pkg-config --exists 'quarry >= 0.2' || fail "pkg-config finds a version that is not there"
echo "pkg-config: quarry, quarry-linux"

# The sources inside another build.
quietly "FetchContent" project fetch fetch -DQUARRY_SOURCES="$QUARRY_SOURCE"
quietly "the programs of FetchContent" cmake --build "$work/fetch" -j 2
quietly "a program by FetchContent" "$work/fetch/program"
quietly "kernel sources by FetchContent" "$work/fetch/kernel"
[ ! -e "$work/fetch/_deps/quarry-build/cli" ] || fail "FetchContent builds the command"
echo "FetchContent: library, kernel environment"

# The one-file release: by hand, and as a wrap from an archive, without network.
version=$(pkg-config --modversion quarry)
sh "$QUARRY_SOURCE/tools/amalgamate.sh" "$work/quarry-$version"
quietly "the one-file release by hand" gcc -I"quarry-$version" -I"quarry-$version/port/hosted" "$consumers/program.c" \
    "quarry-$version/quarry.c" "quarry-$version/port/hosted/quarry_hosted.c" -pthread -o by-hand
quietly "a program with the one-file release" ./by-hand
if command -v meson >/dev/null 2>&1; then
    cp -r "$consumers" "$work/consumers"
    mkdir -p "$work/consumers/meson/subprojects/packagecache"
    tar -czf "$work/consumers/meson/subprojects/packagecache/quarry-$version.tar.gz" "quarry-$version"
    hash=$(sha256sum "$work/consumers/meson/subprojects/packagecache/quarry-$version.tar.gz")
    sh "$QUARRY_SOURCE/tools/meson-wrap.sh" "$version" "${hash%% *}" "https://localhost/quarry-$version.tar.gz" \
        >"$work/consumers/meson/subprojects/quarry.wrap"
    PKG_CONFIG_PATH='' quietly "meson setup" meson setup --wrap-mode=forcefallback "$work/consumers/meson" "$work/meson"
    quietly "meson compile" ninja -C "$work/meson"
    quietly "a program by Meson" "$work/meson/program"
    echo "one-file release: by hand, Meson wrap"
else
    echo "one-file release: by hand (no meson here: its half is skipped)"
fi

# What was installed goes, what was there stays.
quietly "uninstall" cmake -DBUILD="$QUARRY_BUILD" -P "$QUARRY_SOURCE/cmake/uninstall.cmake"
left=$(find "$prefix" ! -type d)
[ "$left" = "$prefix/mine" ] || fail "left behind: $left"
[ -z "$(find "$prefix" -type d -name '*quarry*')" ] || fail "left behind: $(find "$prefix" -type d -name '*quarry*')"
refused "uninstalling twice" "nothing was installed from" cmake -DBUILD="$QUARRY_BUILD" -P "$QUARRY_SOURCE/cmake/uninstall.cmake"
echo "uninstall: nothing left"
