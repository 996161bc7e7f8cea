#!/bin/sh
# SPDX-License-Identifier: MIT
# The tree keeps the include rules, and the script that says so notices when one is broken: each rule
# is broken once in a small copy.
set -eu
: "${QUARRY_SOURCE:?}"
check="$QUARRY_SOURCE/tools/check-layers.sh"
sh "$check" "$QUARRY_SOURCE"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
plant() { # rule, file, line
    rm -rf "$work/tree"
    mkdir -p "$work/tree"
    cp -R "$QUARRY_SOURCE/src" "$QUARRY_SOURCE/include" "$QUARRY_SOURCE/ports" "$work/tree/"
    mkdir -p "$work/tree/$(dirname "$2")"
    printf '%s\n' "$3" >>"$work/tree/$2"
    if sh "$check" "$work/tree" >"$work/out"; then
        echo "not noticed: $3 in $2"
        exit 1
    fi
    if ! grep -q "^$2:[0-9]*: $1:" "$work/out" || ! grep -qF "    $3" "$work/out"; then
        echo "noticed, but not as $1 with its line: $3 in $2"
        cat "$work/out"
        exit 1
    fi
}
plant L1 src/zone/planted.c '#include "../slab/slab.h"'
plant L1 src/map/planted.c '#include "zone/zone.h"'
plant L1 src/base/planted.h '#include "../check/check.h"'
plant L1 src/slab/planted.c '#include "../instance.h"'
rm -rf "$work/tree"
mkdir -p "$work/tree/src/slab" "$work/tree/src/pool"
echo '/* inside */' >"$work/tree/src/slab/inside.h"
echo '#include "../slab/inside.h"' >"$work/tree/src/pool/planted.c"
if sh "$check" "$work/tree" >"$work/out" || ! grep -q '^src/pool/planted.c:1: L2:' "$work/out"; then
    echo "not noticed: an include past a door"
    exit 1
fi
mkdir -p "$work/tree/src/observe"
echo '/* texts */' >"$work/tree/src/observe/observe.h"
echo '#include "../observe/observe.h"' >"$work/tree/src/pool/planted.c"
if sh "$check" "$work/tree" >"$work/out" || ! grep -q '^src/pool/planted.c:1: L3:' "$work/out"; then
    echo "not noticed: a layer that includes observe"
    exit 1
fi
plant L4 src/base/planted.c '#include <string.h>'
plant L4 include/quarry/planted.h '#include <stdlib.h>'
plant L5 src/vm/planted.c '#ifdef __linux__'
plant L5 src/vm/planted.c '#if defined(__x86_64__)'
plant L6 ports/hosted/planted.c '#include "zone/zone.h"'
plant L6 examples/planted.c '#include "../src/slab/slab.h"'
echo "each planted violation was noticed"
