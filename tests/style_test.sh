#!/bin/sh
# SPDX-License-Identifier: MIT
# The tree is in house style, and the script that says so notices each kind of slip, planted in a
# small tree of its own.
set -eu
: "${QUARRY_SOURCE:?}"
check="$QUARRY_SOURCE/tools/check-style.sh"
failed=0
sh "$check" "$QUARRY_SOURCE" || failed=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fresh() {
    rm -rf "$work/tree"
    mkdir -p "$work/tree/src/base"
    cp "$QUARRY_SOURCE/.clang-format" "$work/tree/"
    cat >"$work/tree/src/base/good.c" <<'END'
/* SPDX-License-Identifier: MIT */
/* A file as it should be. */
int good_public(int a);

static int good_helper(int a)
{
    return a + 1;
}

int good_public(int a)
{
    return good_helper(a);
}
END
}
notices() { # rule, what
    if sh "$check" "$work/tree" >"$work/out" 2>&1; then
        echo "not noticed: $2"
        failed=1
    elif ! grep -q ": $1: " "$work/out"; then
        echo "noticed, but not as $1: $2"
        cat "$work/out"
        failed=1
    fi
}
fresh
sh "$check" "$work/tree" >"$work/out" 2>&1 || { echo "a good file is refused"; cat "$work/out"; failed=1; }
printf '/* A file without a licence. */\nint x;\n' >"$work/tree/src/base/bad.c"
notices S1 "a missing licence line"
fresh
awk 'BEGIN { print "/* SPDX-License-Identifier: MIT */"; for (i = 0; i < 30; i++) print "extern int x;" }' \
    >"$work/tree/src/base/bad.c"
notices S2 "a missing header comment"
fresh
awk 'BEGIN { print "/* SPDX-License-Identifier: MIT */\n/* Long. */"; for (i = 0; i < 800; i++) print "extern int x;" }' \
    >"$work/tree/src/base/bad.c"
notices S3 "a file of 802 lines"
fresh
sed 's/^    return good/  return good/; s/good/bad/' "$work/tree/src/base/good.c" >"$work/tree/src/base/bad.c"
if command -v clang-format >/dev/null 2>&1; then
    notices S4 "wrong indentation"
fi
fresh
sed 's/good_public/bad_public/' "$work/tree/src/base/good.c" >"$work/tree/src/base/bad.c"
notices S5 "two static functions of one name"
fresh
printf '/* SPDX-License-Identifier: MIT */\n/* Some. */\n/* %s: later */\nextern int x;\n' 'TO''DO' >"$work/tree/src/base/bad.c"
notices S6 "a mark of unfinished work"
exit "$failed"
