#!/bin/sh
# SPDX-License-Identifier: MIT
# The Debian packages: made by cpack from this build, installed by dpkg into an empty root (no superuser
# needed, nothing of this machine is touched), run from there, removed without a trace. The shared
# library's package is named by its soname, and each package says under which licence it comes.
# Lock: install
set -eu
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
if grep -q '^QUARRY_SANITIZE:STRING=.' "$QUARRY_BUILD/CMakeCache.txt"; then
    echo "a sanitized build is not for installing"
    exit 77
fi
for tool in dpkg dpkg-deb dpkg-shlibdeps cpack; do
    command -v $tool >/dev/null 2>&1 || { echo "skipped: no $tool"; exit 77; }
done
[ -x "$QUARRY_BUILD/cli/quarry" ] || { echo "skipped: this build has no command"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^#define QUARRY_VERSION "\(.*\)"/\1/p' "$QUARRY_SOURCE/include/quarry/version.h")
library=libquarry${version%.*}

cd "$QUARRY_BUILD"
cpack -B "$work/packages" >"$work/log" 2>&1 || { tail -n 20 "$work/log"; exit 1; }
cd "$work"
for package in quarry libquarry-dev "$library"; do
    file=$(ls packages/"$package"_"${version}"_*.deb)
    dpkg-deb -f "$file" Version Description Maintainer >/dev/null
    dpkg-deb -c "$file" >"$work/contents"
    grep -q "./usr/share/doc/$package/copyright" "$work/contents" || { echo "$package does not state its licence"; exit 1; }
done
dpkg-deb -f packages/"$library"_*.deb Depends | grep -q 'libc6 (>=' || { echo "$library does not say which libc it needs"; exit 1; }
dpkg-deb -f packages/libquarry-dev_*.deb Depends | grep -q "$library (= $version)" || { echo "libquarry-dev without its library"; exit 1; }
dpkg-deb -f packages/quarry_*.deb Depends | grep -q "libquarry-dev (= $version).*libfuse3" || { echo "quarry: dependencies"; exit 1; }
dpkg-deb -I packages/"$library"_*.deb shlibs | grep -q "^libquarry ${version%.*} $library" || { echo "$library has no shlibs"; exit 1; }

# An empty root with dpkg's own books. What the packages depend on is on this machine, not in there.
root=$work/root
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/triggers" "$root/var/log"
: >"$root/var/lib/dpkg/status"
: >"$root/var/lib/dpkg/available"
packages() {
    PATH=$PATH:/sbin:/usr/sbin dpkg --root="$root" --log="$work/dpkg.log" --force-not-root --force-depends --force-bad-path \
        --force-script-chrootless "$@" >"$work/log" 2>&1 || { echo "dpkg $1:"; tail -n 20 "$work/log"; exit 1; }
}
packages --install packages/*.deb
[ "$(dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${db:Status-Status} ' quarry libquarry-dev "$library")" = "installed installed installed " ] ||
    { echo "not all installed"; exit 1; }

# The command runs a driver with the headers of its own installation; programs compile and run.
cat >driver.c <<'END'
#include <linux/module.h>
#include <linux/slab.h>
static int __init leaky_init(void)
{
    return kmalloc(100, GFP_KERNEL) ? 0 : -ENOMEM;
}
static void __exit leaky_exit(void)
{
}
module_init(leaky_init);
module_exit(leaky_exit);
MODULE_LICENSE("GPL");
END
status=0
"$root/usr/bin/quarry" run --no-mount driver.c -- true >"$work/log" 2>&1 || status=$?
if [ $status -ne 1 ] || ! grep -q 'driver.c:5' "$work/log"; then
    echo "the installed quarry does not find a leak (status $status):"
    cat "$work/log"
    exit 1
fi
gcc "$QUARRY_SOURCE/tests/consumers/program.c" -I"$root/usr/include" -L"$root/usr/lib" -lquarry -o program
readelf -d program | grep -q "NEEDED.*libquarry.so.${version%.*}"
LD_LIBRARY_PATH=$root/usr/lib ./program >/dev/null

# Removed: the library's packages and the command go, dpkg's books remain.
packages --purge quarry libquarry-dev "$library"
left=$(find "$root" -path "$root/var" -prune -o ! -type d -print)
[ -z "$left" ] || { echo "left behind:"; echo "$left"; exit 1; }
[ ! -d "$root/usr" ] || { echo "left behind:"; find "$root/usr"; exit 1; }
echo "quarry, libquarry-dev, $library: installed, run, removed"
