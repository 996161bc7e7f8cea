#!/bin/sh
# SPDX-License-Identifier: MIT
# The core stands on nothing but its port. All of src/ is compiled without any libc header and joined
# into one object with undefined symbols; they must be the port's linked duties (include/quarry/port.h,
# supplied by ports/template) and memcpy, memmove, memset, memcmp. Then the whole is linked with
# nothing else, which fails when anything is missing.
set -eu
: "${QUARRY_SOURCE:=$(dirname "$0")/..}"
CC=${CC:-gcc}
command -v "$CC" >/dev/null || { echo "no compiler named $CC"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$QUARRY_SOURCE"

flags="-std=gnu11 -O2 -ffreestanding -nostdinc -isystem $($CC -print-file-name=include) -Werror=implicit
  -fno-pie -fno-stack-protector -fno-builtin -DQUARRY_BUILDING_CORE
  -Iinclude -Iports/template -Isrc"
case $(uname -m) in
x86_64) flags="$flags -mgeneral-regs-only" ;; # no floating point either
esac

n=0
for source in $(find src -name '*.c' -not -path '*/test/*' | sort); do
  n=$((n + 1))
  # shellcheck disable=SC2086
  $CC $flags -c "$source" -o "$work/core$n.o"
done
for source in ports/template/*.c; do
  # shellcheck disable=SC2086
  $CC $flags -c "$source" -o "$work/port-$(basename "$source" .c).o"
done
ld -r -o "$work/core.o" "$work"/core[0-9]*.o
ld -r -o "$work/port.o" "$work"/port-*.o

# What the port supplies must be exactly the linked duties of the contract.
nm -g --defined-only "$work/port.o" | awk '{print $3}' | sort >"$work/supplied"
sed -n '/---- linked duties/,/---- what the port calls/p' include/quarry/port.h |
  grep -oE '^[a-z].*\b(qp_[a-z_]+|quarry_boot_default)\(' | grep -oE '(qp_[a-z_]+|quarry_boot_default)\($' |
  tr -d '(' | sort >"$work/duties"
if ! diff "$work/duties" "$work/supplied"; then
  echo "ports/template does not supply exactly the linked duties of include/quarry/port.h"
  exit 1
fi

# The names of the four functions, and __start_/__stop_ marks, which the linker makes.
printf '%s\n' memcmp memcpy memmove memset >"$work/memory"
nm -u "$work/core.o" | awk '{print $2}' | grep -v '^__st\(art\|op\)_' | sort >"$work/undefined"
extra=$(sort "$work/duties" "$work/memory" | comm -13 - "$work/undefined")
if [ -n "$extra" ]; then
  echo "the core needs more than its port and four functions:"
  echo "$extra"
  exit 1
fi

cat >"$work/start.c" <<'END'
typedef __SIZE_TYPE__ size_t;
void *memcpy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}
void *memmove(void *to, const void *from, size_t n)
{
    if ((char *)to <= (const char *)from)
        return memcpy(to, from, n);
    while (n--)
        ((volatile char *)to)[n] = ((const char *)from)[n];
    return to;
}
void *memset(void *to, int value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = (char)value;
    return to;
}
int memcmp(const void *a, const void *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int d = ((const volatile unsigned char *)a)[i] - ((const volatile unsigned char *)b)[i];
        if (d)
            return d;
    }
    return 0;
}
void *kmalloc(size_t, unsigned int);
void start(void)
{
    kmalloc(64, 0);
    for (;;) {
    }
}
END
$CC -O2 -ffreestanding -fno-builtin -fno-stack-protector -c "$work/start.c" -o "$work/start.o"
ld -static -e start -o "$work/image" "$work/start.o" "$work/core.o" "$work/port.o"
echo "$n files of the core link with $(wc -l <"$work/duties") duties and 4 functions"
