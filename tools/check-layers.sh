#!/bin/sh
# SPDX-License-Identifier: MIT
# The architecture's include rules, checked. Prints each offending line and fails if there is one.
#
#     tools/check-layers.sh [ROOT]
#
# L1  A layer includes only itself and layers below it (the order is the table "rank").
# L2  From another layer only its doors are included: <layer>/<layer>.h and the few named in "doors".
# L3  src/observe only reads and nobody includes it but the start-up code and the public functions.
# L4  src/ uses no libc header beyond the freestanding ones.
# L5  No #if on an operating system, an architecture or a libc outside ports/. examples/bare/host.c is a machine itself.
# L6  A port sees the port contract, the per-CPU header and the machine as a whole (instance.h), never
#     a layer by itself; programs, the kernel headers and examples see nothing of src/.
# Tests, which reach inside on purpose, are free of L1 to L4.
set -eu
root=${1:-$(dirname "$0")/..}
cd "$root"

dirs=
for d in include src ports compat cli examples malloc bench; do
    if [ -d "$d" ]; then
        dirs="$dirs $d"
    fi
done
# shellcheck disable=SC2086 # the list is meant to be split
find $dirs -name '*.[chS]' -type f | sort | awk '
BEGIN {
    # Bottom to top. A layer may include those of a smaller rank.
    split("base check fault map guard zone reclaim grace slab kmalloc vm pool genpool percpu dma leak observe api", order, " ")
    split("0 1 1 2 3 3 4 5 6 7 8 9 9 9 9 9 10 10", height, " ")
    for (i in order)
        rank[order[i]] = height[i] + 0
    split("base/percpu.h map/page_flags.h slab/fast.h kmalloc/fast.h vm/arena.h", more, " ")
    for (i in more)
        doors[more[i]] = 1
    # stdatomic.h is shipped by the compiler as well: it needs no libc.
    split("float.h iso646.h limits.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdnoreturn.h", free, " ")
    for (i in free)
        freestanding[free[i]] = 1
    machine = "examples/bare/host.c"
    machines = "__linux__|__linux|__gnu_linux__|__unix__|__APPLE__|__FreeBSD__|__NetBSD__|__OpenBSD__|_WIN32|_WIN64|__CYGWIN__|" \
        "__ANDROID__|__GLIBC__|__MUSL__|__x86_64__|__x86_64|__amd64__|__i386__|__i386|__i686__|__aarch64__|__arm__|__riscv|" \
        "__powerpc|__PPC|__s390|__mips|__sparc|__loongarch|_LP64|__LP64__|__ILP32__|__BYTE_ORDER__"
}
function wrong(rule, why) {
    printf "%s:%d: %s: %s\n    %s\n", path, line, rule, why, text
    bad++
}
# The path of @name as included from the folder @from, with "." and ".." worked out.
function resolve(from, name,    parts, n, i, out, depth) {
    n = split(from "/" name, parts, "/")
    depth = 0
    for (i = 1; i <= n; i++) {
        if (parts[i] == "." || parts[i] == "")
            continue
        if (parts[i] == ".." && depth > 0)
            depth--
        else
            out[++depth] = parts[i]
    }
    name = ""
    for (i = 1; i <= depth; i++)
        name = name (i > 1 ? "/" : "") out[i]
    return name
}
function exists(name,    unused, ok) {
    if (name in known)
        return known[name]
    ok = (getline unused < name) >= 0
    close(name)
    return known[name] = ok
}
# Which layer a file of src/ belongs to: its folder; "top" for the files beside the folders.
function layer_of(name,    parts, n) {
    n = split(name, parts, "/")
    return n == 2 ? "top" : parts[2]
}
function check_quoted(name,    target, mine, theirs, short) {
    target = resolve(folder, name)
    if (!exists(target)) {
        target = "src/" name
        if (!exists(target))
            return # generated, or beside the port: the compiler says if it is missing
    }
    if (target !~ /^src\//)
        return
    short = substr(target, 5)
    if (path ~ /^ports\//) {
        if (short != "base/percpu.h" && short != "base/base.h" && short != "instance.h")
            wrong("L6", "a port includes a layer")
        return
    }
    if (path !~ /^src\//) {
        wrong("L6", "nothing of src/ may be used here")
        return
    }
    mine = layer_of(path)
    theirs = layer_of(target)
    if (mine == "top" || mine == theirs)
        return
    if (theirs == "top") {
        if (mine != "api" && mine != "observe")
            wrong("L1", "a layer must not know the whole machine")
        return
    }
    if (!(mine in rank) || !(theirs in rank)) {
        wrong("L1", "a folder that is not in the table of layers")
        return
    }
    if (theirs == "observe" && mine != "api") {
        wrong("L3", "nobody includes observe")
        return
    }
    if (rank[theirs] >= rank[mine] && !(theirs == "observe" && mine == "api"))
        wrong("L1", theirs " is not below " mine)
    if (short != theirs "/" theirs ".h" && !(short in doors))
        wrong("L2", short " is not a door of " theirs)
}
function check_angle(name) {
    if (path ~ /^(src|include)\// && name !~ /^quarry\// && !(name in freestanding) && name != "quarry_port.h")
        wrong("L4", "<" name "> is not a freestanding header")
}
{
    path = $0
    folder = path
    sub(/\/[^\/]*$/, "", folder)
    is_test = path ~ /\/test\//
    line = 0
    comment = 0
    files++
    while ((getline text < path) > 0) {
        line++
        if (text ~ /^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)/ && path !~ /^ports\//&& path != machine) {
            bare = text
            sub(/\/\*.*/, "", bare)
            if (bare ~ "(^|[^A-Za-z0-9_])(" machines ")([^A-Za-z0-9_]|$)")
                wrong("L5", "a choice by machine outside ports/")
        }
        if (is_test || text !~ /^[ \t]*#[ \t]*include/)
            continue
        if (match(text, /"[^"]+"/))
            check_quoted(substr(text, RSTART + 1, RLENGTH - 2))
        else if (match(text, /<[^>]+>/))
            check_angle(substr(text, RSTART + 1, RLENGTH - 2))
    }
    close(path)
}
END {
    printf "%d files, %d includes or conditions out of order\n", files, bad
    exit bad > 0
}'
