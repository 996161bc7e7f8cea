#!/bin/sh
# SPDX-License-Identifier: MIT
# Reports of an ordinary program name function and line of every address, inlined calls too; without the reader
# of debugging information they name the object file and the offset, and when told so only numbers.
set -u
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
[ -f "$QUARRY_BUILD/quarry/libquarry-symbols.so" ] || { echo "skipped: no libquarry-symbols.so"; exit 77; }
if grep -q '^QUARRY_SANITIZE:STRING=.' "$QUARRY_BUILD/CMakeCache.txt"; then
    echo "skipped: the library of a sanitized build does not link with a plain program"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
cat >"$work/twice.c" <<'END'
#include <quarry/quarry.h>
#include <stdio.h>

static inline __attribute__((always_inline)) void drop(void *p) { kfree(p); } /* 4 */

int main(void)
{
    static char text[65536];
    void *p = kmalloc(64, GFP_KERNEL); /* 9 */
    unsigned long page = __get_free_page(GFP_KERNEL); /* 10 */
    drop(p); /* 11 */
    drop(p); /* 12 */
    free_page(page); /* 13 */
    free_page(page); /* 14 */
    p = kmalloc(100, GFP_KERNEL); /* 15 */
    kmem_dump_obj(p);
    quarry_text(QUARRY_ALLOCINFO, text, sizeof(text));
    fputs(text, stderr);
    return 0;
}
END
expect() {
    grep -E -q -- "$1" "$work/out" && return
    echo "WRONG: $what: no line is like \"$1\":"
    cat "$work/out"
    failed=1
}
# The lines below a title, up to the next line that is indented less.
below() {
    awk -v title="$1:" '$0 ~ "^  " title "$" { on = 1; next } on && !/^    / { on = 0 } on' "$work/out" >"$work/part"
    what="$what, $1" expect_in "$2"
}
expect_in() {
    grep -E -q -- "$1" "$work/part" && return
    echo "WRONG: $what: no line is like \"$1\":"
    cat "$work/part"
    failed=1
}
for cc in gcc clang; do
    command -v $cc >/dev/null || continue
    for lib in "$QUARRY_BUILD/libquarry.a" "$QUARRY_BUILD/libquarry.so"; do
        $cc -g -O1 -I"$QUARRY_SOURCE/include" "$work/twice.c" "$lib" -Wl,-rpath,"$QUARRY_BUILD" -lpthread \
            -o "$work/twice" 2>"$work/out" || { cat "$work/out"; exit 1; }
        QUARRY_OPTIONS="slab_debug=U page_owner=1 mem_profiling=1"
        export QUARRY_OPTIONS
        what="$cc and ${lib##*/}"
        # Beside libquarry.so it is found; a program with the static library is told.
        unset QUARRY_SYMBOLS
        [ "${lib##*.}" = so ] || export QUARRY_SYMBOLS="$QUARRY_BUILD/quarry/libquarry-symbols.so"
        "$work/twice" >"$work/out" 2>&1
        below now ' drop .*twice.c:4$'
        below now ' main .*twice.c:12$'
        below "freed by" ' main .*twice.c:11$'
        below now ' main .*twice.c:14$'
        below "freed by" ' main .*twice.c:13$'
        expect '^    0x[0-9a-f]+ main .*twice.c:15$'
        expect '^         112        1 .*twice.c:15 func:main$'
        expect '^           0        0 .*twice.c:9 func:main$'
        expect '^           0        0 .*twice.c:10 func:main$'
        what="$what without the reader"
        QUARRY_SYMBOLS=/nowhere/at-all.so "$work/twice" >"$work/out" 2>&1
        below now ' \(twice\+0x[0-9a-f]+\)$'
        expect '^         112        1 twice\+0x[0-9a-f]+ func:'
        what="$what, numbers"
        QUARRY_SYMBOLS=0 "$work/twice" >"$work/out" 2>&1
        below now '^    0x[0-9a-f]+$'
        expect '^         112        1 0x[0-9a-f]+ func:\?$'
    done
done
exit $failed
