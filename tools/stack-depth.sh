#!/bin/sh
# SPDX-License-Identifier: MIT
# The deepest path through the core: stack frames summed over calls, from what gcc says of each function
# (-fcallgraph-info=su) of the one-file release on the port of examples/bare, x86-64, -Os.
#
#     tools/stack-depth.sh FUNCTION...      a line each: BYTES FUNCTION: the path, its bytes at each step; and
#                                           one for the largest frame: BYTES frame: FUNCTION
#
# Treatment of what a graph cannot know. Calls through the pointers that layers set in each other (the table
# below) go where they go. Other calls through pointers (constructors, shrinkers, hooks, the out-of-memory
# handler) are the caller's code: not counted, its own stack comes on top. So are the port's functions, by
# name. Recursion: a function counts once on a path. An unwound port, an interrupt: on top.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sh tools/amalgamate.sh "$work/release" >/dev/null
"${CC:-gcc}" -std=gnu11 -Os -ffreestanding -fno-stack-protector -fcallgraph-info=su -I"$work/release" \
    -Iexamples/bare/port -c "$work/release/quarry.c" -o "$work/core.o"
cat >"$work/pointers" <<'END'
qr_request_serve reclaim_direct
qr_request_serve reclaim_oom
request_try reclaim_wake
reclaim_run reclaim_step_lists
reclaim_run reclaim_step_sources
reclaim_run reclaim_step_shrinkers
reclaim_step_sources slabs_shrink
reclaim_step_sources vm_shrink
reclaim_step_sources grace_shrink
qr_zones_describe qr_vm_describe
free_describe_page qr_vm_describe
kmalloc_describe_foreign qr_vm_describe_short
qr_arena_init vm_tag_alloc
qr_mempool_alloc mempool_alloc_slab
qr_mempool_alloc mempool_kmalloc
qr_mempool_free mempool_kfree
qr_mempool_free mempool_free_slab
END
awk -v wanted="$*" '
function field(name,    text) {
    if (!match($0, name ": \"[^\"]*\""))
        return ""
    text = substr($0, RSTART, RLENGTH)
    sub(/^[^"]*"/, "", text)
    sub(/"$/, "", text)
    sub(/^[^ ]*quarry\.c:/, "", text)
    return text
}
# gcc names copies of a function after it: request_try.isra.0 is request_try.
function plain(name) { sub(/\..*/, "", name); return name }
function depth(name,    callee, nr, i, d, most, where, before) {
    if (name in done)
        return done[name]
    if (name in active) {
        cut++
        return 0
    }
    active[name]
    before = cut
    nr = split(calls[name] through[plain(name)], callee, " ")
    most = 0
    where = ""
    for (i = 1; i <= nr; i++) {
        d = depth(callee[i])
        if (d > most) {
            most = d
            where = " " path[callee[i]]
        }
    }
    delete active[name]
    path[name] = name "(" size[name] ")" where
    if (cut > before)
        return most + size[name] # cut by what is on this path: elsewhere it may be deeper
    return done[name] = most + size[name] # with the return address, on x86-64
}
FILENAME ~ /pointers$/ { pair[++pairs] = $0; next }
/^node:/ {
    name = field("title")
    if (match($0, /n[0-9]+ bytes/))
        size[name] = substr($0, RSTART + 1) + 0
    if (size[name] > size[largest])
        largest = name
    copies[plain(name)] = copies[plain(name)] " " name
    next
}
/^edge:/ {
    from = field("sourcename")
    to = field("targetname")
    if (to != "__indirect_call" && !((from, to) in seen)) {
        seen[from, to]
        calls[from] = calls[from] " " to
    }
}
END {
    for (i = 1; i <= pairs; i++) {
        split(pair[i], two, " ")
        if (!(two[1] in copies) || !(two[2] in copies)) {
            print "stack-depth: no function " (two[1] in copies ? two[2] : two[1]) > "/dev/stderr"
            bad = 1
        }
        through[two[1]] = through[two[1]] copies[two[2]]
    }
    if (bad)
        exit 1
    print size[largest], "frame: " largest
    nr = split(wanted, want, " ")
    for (i = 1; i <= nr; i++) {
        if (!(want[i] in size)) {
            print "stack-depth: no function " want[i] > "/dev/stderr"
            exit 1
        }
        bytes = depth(want[i])
        print bytes, want[i] ": " path[want[i]]
    }
}' "$work/pointers" "$work"/*.ci
