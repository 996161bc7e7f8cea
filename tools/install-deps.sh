#!/bin/sh
# SPDX-License-Identifier: MIT
# What a build needs beyond git, gcc and make, on Debian 12 and its kin.
#
#     tools/install-deps.sh run|test|coverage|bench|deb
#
# Everything there already: says nothing and ends at once. As root, or where sudo asks for no
# password: installs what is missing. Otherwise prints the one command to run and fails. On a system
# without dpkg it only looks whether the tools and libraries can be found.
set -eu

run_packages="gcc libc6-dev make cmake ninja-build pkg-config libfuse3-dev fuse3 libdw-dev libjansson-dev"
test_packages="$run_packages libcmocka-dev clang libclang-rt-dev clang-tidy clang-format cppcheck patch binutils mandoc g++ meson dpkg-dev file valgrind"
# Other processors, to compile the core for and to run it on.
if [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ]; then
    test_packages="$test_packages lib32gcc-12-dev gcc-aarch64-linux-gnu gcc-riscv64-linux-gnu qemu-user"
fi
bench_packages="$run_packages libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0 valgrind"

case "${1:-run}" in
run) packages=$run_packages tools="cc cmake ninja pkg-config" modules="fuse3 libdw jansson" ;;
test) packages=$test_packages tools="cc cmake ninja pkg-config clang clang-tidy clang-format cppcheck"
    modules="fuse3 libdw jansson cmocka" ;;
coverage) packages="$test_packages lcov" tools="cc cmake ninja pkg-config lcov" modules="fuse3 libdw jansson cmocka" ;;
bench) packages=$bench_packages tools="cc cmake ninja pkg-config valgrind" modules="fuse3 libdw jansson" ;;
deb) packages="$run_packages dpkg-dev file" tools="cc cmake ninja pkg-config dpkg-shlibdeps file" modules="fuse3 libdw jansson" ;;
*) echo "usage: $0 run|test|coverage|bench|deb" >&2; exit 64 ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    missing=
    for tool in $tools; do
        command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
    done
    for module in $modules; do
        pkg-config --exists "$module" 2>/dev/null || missing="$missing $module"
    done
    [ -z "$missing" ] && exit 0
    echo "$0: not a Debian system, and these are missing:$missing" >&2
    echo "Install what your system calls: $packages" >&2
    exit 1
fi

missing=
for package in $packages; do
    case "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" in
    installed*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -z "$missing" ] && exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        echo "Packages are missing. Run this, then try again:" >&2
        echo "    sudo apt-get install --no-install-recommends -y$missing" >&2
        exit 1
    fi
fi

echo "Installing:$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_missing() {
    # shellcheck disable=SC2086 # the list is meant to be split
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y -q \
        -o DPkg::Lock::Timeout=300 $missing >"$log" 2>&1
}
# The package lists of a fresh machine are empty or old; mirrors fail now and then.
for attempt in 1 2 3; do
    install_missing && exit 0
    $as_root apt-get update -q -o DPkg::Lock::Timeout=300 >>"$log" 2>&1 || sleep $((attempt * 3))
done
install_missing && exit 0
tail -n 20 "$log" >&2
echo "$0: could not install:$missing" >&2
exit 1
