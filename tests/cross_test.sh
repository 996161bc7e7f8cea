#!/bin/sh
# SPDX-License-Identifier: MIT
# The freestanding core on other processors: 32-bit x86, aarch64 and riscv64. The one-file release compiles
# there without a warning, needs only what the template port supplies and the four memory functions (also
# the compiler's own library: 64-bit division on 32 bits, bit counts where there is no instruction), and a
# program on the port of examples/bare links with nothing else and runs, under an emulator where the processor is another.
set -eu
: "${QUARRY_SOURCE:?}"
cd "$QUARRY_SOURCE"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sh tools/amalgamate.sh "$work/release"
release=$work/release
bare=examples/bare
sed -n '/---- linked duties/,/---- what the port calls/p' include/quarry/port.h |
    grep -oE '^[a-z].*\b(qp_[a-z_]+|quarry_boot_default)\(' | grep -oE '(qp_[a-z_]+|quarry_boot_default)\($' |
    tr -d '(' >"$work/duties"
printf '%s\n' memcmp memcpy memmove memset >>"$work/duties"
LC_ALL=C sort -o "$work/duties" "$work/duties"

try() { # name, emulator, helpers of the compiler's library that may be needed, compiler and its options
    name=$1 emulator=$2 helpers=$3
    shift 3
    out=$work/$name
    mkdir "$out"
    flags="-O1 -std=gnu11 -ffreestanding -fno-builtin -fno-stack-protector -fno-pie -Wall -Wextra -Werror
        -Wno-unused-parameter -Wshadow -Wundef -I$release"
    # shellcheck disable=SC2086 # flags are meant to be split
    compile() { # object, source, options
        object=$1 source=$2
        shift 2
        compiler=$1
        shift
        "$compiler" $flags "$@" -c "$source" -o "$out/$object.o" >"$out/log" 2>&1 && return 0
        echo "$name: $source does not compile:"
        head -n 20 "$out/log"
        return 1
    }
    compile core "$release/quarry.c" "$@" -O0 -I"$release/port/template" || return 1
    compile template "$release/port/template/template_port.c" "$@" -I"$release/port/template" || return 1
    compile quarry "$release/quarry.c" "$@" -I$bare/port || return 1
    for part in $bare/port/port $bare/host tests/consumers/own_port/hello; do
        compile "$(basename $part)" $part.c "$@" -I$bare/port || return 1
    done
    if ! "$@" -static -nostdlib -no-pie "$out/quarry.o" "$out/port.o" "$out/host.o" "$out/hello.o" -lgcc \
        -o "$out/hello" 2>"$out/log"; then
        echo "$name: does not link:"
        cat "$out/log"
        return 1
    fi
    nm -u "$out/core.o" | awk '{ print $2 }' | grep -vE '^(_GLOBAL_OFFSET_TABLE_|__st(art|op)_quarry_entry)$' |
        LC_ALL=C sort | LC_ALL=C comm -13 "$work/duties" - | grep -vE "^($helpers)\$" >"$out/extra" || true
    if [ -s "$out/extra" ]; then
        echo "$name: the core needs more than its port and four functions:"
        cat "$out/extra"
        return 1
    fi
    if [ -n "$emulator" ] && ! command -v "$emulator" >/dev/null 2>&1; then
        echo "$name: builds (not run: no $emulator)"
        return 0
    fi
    $emulator "$out/hello" >"$out/said" || { echo "$name: hello ends with $?"; cat "$out/said"; return 1; }
    echo "$name: $(cat "$out/said")"
}

# One process for each, side by side.
pids=
division='__u?(div|mod|divmod)di[34]'
counts='__c[lt]zdi2'
begin() { # compiler to look for, then as for try
    command -v "$1" >/dev/null 2>&1 || { echo "$2: skipped, no $1"; return 0; }
    shift
    (try "$@" >"$work/$1.out" 2>&1) &
    pids="$pids $!:$1"
}
begin aarch64-linux-gnu-gcc aarch64 qemu-aarch64 none aarch64-linux-gnu-gcc -mno-outline-atomics
begin riscv64-linux-gnu-gcc riscv64 qemu-riscv64 "$counts" riscv64-linux-gnu-gcc
case $(uname -m) in
x86_64)
    if [ -e "$(gcc -m32 -print-file-name=libgcc.a)" ]; then
        begin gcc i686 "" "$division|$counts" gcc -m32
    else
        echo "i686: skipped, gcc -m32 has no libgcc"
    fi ;;
esac
failed=0
for pid in $pids; do
    wait "${pid%%:*}" || failed=1
    cat "$work/${pid##*:}.out"
done
[ "$failed" -eq 0 ] || exit 1
[ -n "$pids" ] || exit 77
