#!/bin/sh
# SPDX-License-Identifier: MIT
# What the shared library shows: the symbols that the public headers declare, each under the version in
# which it came (packaging/symbols.txt), a soname with major and minor version, and nothing else.
set -eu
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
cd "$QUARRY_SOURCE"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

sh tools/version-script.sh --list >"$work/wanted"
if ! diff -u packaging/symbols.txt "$work/wanted" >"$work/diff"; then
    sed -n '4,30p' "$work/diff"
    echo "The public headers declare other symbols than packaging/symbols.txt lists. If that is meant:"
    echo "    make symbols"
    echo "adds the new ones. One that is gone breaks programs: that needs another minor version."
    failed=1
fi

library=$QUARRY_BUILD/libquarry.so
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@@?/, " ", $3); print $3 }' | LC_ALL=C sort >"$work/shown"
if ! diff "$work/wanted" "$work/shown" >"$work/diff"; then
    sed -n 's/^>/shown, but not public:/p; s/^</public, but not shown:/p' "$work/diff" | head -n 20
    failed=1
fi
version=$(sed -n 's/^#define QUARRY_VERSION "\(.*\)"/\1/p' include/quarry/version.h)
readelf -d "$library" | grep -q "soname: \[libquarry.so.${version%.*}\]" ||
    { echo "the soname does not carry ${version%.*}:"; readelf -d "$library" | grep SONAME; failed=1; }

# One version in all places that state it.
check_version() { # file, pattern
    grep -q "$2" "$1" || { echo "$1 does not say \"$2\""; failed=1; }
}
check_version CMakeLists.txt "^project(quarry VERSION $version "
check_version include/quarry/version.h "^#define QUARRY_VERSION_MAJOR ${version%%.*}\$"
check_version include/quarry/version.h "^#define QUARRY_VERSION_PATCH ${version##*.}\$"
both=$(echo "${version%.*}" | tr . _)
check_version include/quarry/version.h "quarry_headers_${both}_need_library_${both}"

# A library of the same soname that lacks a version is refused by the loader, in words.
cat >"$work/user.c" <<'END'
#include <quarry/slab.h>
int main(void)
{
    kfree(kmalloc(64, GFP_KERNEL));
    return 0;
}
END
gcc -Iinclude "$work/user.c" -o "$work/user" -L"$QUARRY_BUILD" -lquarry
LD_LIBRARY_PATH=$QUARRY_BUILD "$work/user" || failed=1
echo 'QUARRY_0.0 { local: *; };' >"$work/old.map"
mkdir "$work/old"
: >"$work/empty.c"
gcc -shared -o "$work/old/libquarry.so.${version%.*}" "-Wl,-soname,libquarry.so.${version%.*}" \
    "-Wl,--version-script=$work/old.map" "$work/empty.c"
if LD_LIBRARY_PATH=$work/old "$work/user" 2>"$work/err" || ! grep -q "version .QUARRY_${version%.*}. not found" "$work/err"; then
    echo "an older library was not refused by version:"; cat "$work/err"; failed=1
fi

# Headers of another version than the library are refused by the linker, by name.
mkdir "$work/include"
cp -r include/quarry "$work/include/"
sed -i 's/quarry_headers_[0-9_]*_need_library_[0-9_]*[0-9]/quarry_headers_7_7_need_library_7_7/' "$work/include/quarry/version.h"
for form in "-L$QUARRY_BUILD -lquarry" "$QUARRY_BUILD/libquarry.a -pthread"; do
    # shellcheck disable=SC2086 # options
    if gcc -I"$work/include" "$work/user.c" -o "$work/mixed" $form 2>"$work/err" ||
        ! grep -q "undefined reference to .quarry_headers_7_7_need_library_7_7" "$work/err"; then
        echo "headers of another version were not refused ($form):"; cat "$work/err"; failed=1
    fi
done

# No symbol of the static library can meet one of a program, but by intention.
nm -g --defined-only "$QUARRY_BUILD/libquarry.a" | awk 'NF == 3 { print $3 }' | grep -vE '^(qr_|qp_|quarry_|hosted_)' |
    LC_ALL=C sort -u >"$work/static"
awk '{ print $1 }' "$work/wanted" | LC_ALL=C comm -13 - "$work/static" >"$work/extra"
if [ -s "$work/extra" ]; then
    echo "libquarry.a defines names that are neither public nor marked as internal (qr_, qp_, hosted_):"
    cat "$work/extra"; failed=1
fi
[ "$failed" -eq 0 ] && echo "$(wc -l <"$work/wanted") symbols, soname libquarry.so.${version%.*}"
exit "$failed"
