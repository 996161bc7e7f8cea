#!/bin/sh
# SPDX-License-Identifier: MIT
# The bare example, built from the one-file release with nothing but a compiler, says hello and ends clean.
set -eu
: "${QUARRY_SOURCE:?}"
CC=${CC:-gcc}
case $(uname -m) in
x86_64 | i?86 | aarch64 | riscv64) ;;
*)
    echo "skipped: the example has no start-up code for this processor"
    exit 77
    ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sh "$QUARRY_SOURCE/tools/amalgamate.sh" "$work/release" >/dev/null
bare=$QUARRY_SOURCE/examples/bare
"$CC" -O1 -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -ffreestanding -fno-stack-protector -fno-pie \
    -nostdlib -static -I "$work/release" -I "$bare/port" \
    "$work/release/quarry.c" "$bare/port/port.c" "$bare/host.c" "$bare/hello.c" -o "$work/hello"
"$work/hello" >"$work/out"
cat >"$work/expected" <<'END'
hello from 4096 KiB
Node 0, zone   Normal
END
cut -c1-21 "$work/out" | sed 's/ *$//' | diff "$work/expected" - || exit 1
