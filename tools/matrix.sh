#!/bin/sh
# SPDX-License-Identifier: MIT
# The corruption matrix of docs/detectors.md: which planted fault is found at which level, and how soon.
#
#     tools/matrix.sh            print the table; QUARRY_BUILD (build/release) has the library
#     tools/matrix.sh --check    does the document's table say what a run says now?
set -eu
LC_ALL=C
export LC_ALL
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
build=${QUARRY_BUILD:-$root/build/release}
document=docs/detectors.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -f "$build/libquarry.a" ] || { echo "$0: no library in $build: make build" >&2; exit 1; }
# Sanitizers of this age cannot start where the kernel randomises more address bits than they expect.
fixed=
if setarch -R true 2>/dev/null; then
    fixed="setarch -R"
fi
compile() { # PROGRAM OPTION...
    program=$1
    shift
    ${CC:-cc} -g -O1 -fno-omit-frame-pointer -Iinclude "$@" tests/detectors/matrix.c "$build/libquarry.a" -lpthread -o "$program"
}
compile "$work/matrix"
compile "$work/matrix-asan" -fsanitize=address
unset QUARRY_CHECK QUARRY_OPTIONS QUARRY_RAM QUARRY_PROFILE 2>/dev/null || true
# The faults of a level do not know of each other: both processors may work.
"$work/matrix" none check=1 check=2 check=3 slab_debug=Z slab_debug=FZP >"$work/1" &
"$work/matrix" slab_debug=FZPU kfence.every=1 page_poison=1 init_on_free=1 vmalloc_cache=0 >"$work/2"
wait $!
$fixed "$work/matrix-asan" asan >"$work/3"

cat "$work/1" "$work/2" "$work/3" | awk -F '\t' '
# Rows by fault and victim in the order of their coming; a column for each level.
{
    row = $1 "\t" $2 "\t" $3
    if (!(row in row_seen)) { row_seen[row] = 1; rows[++nr_rows] = row }
    if (!($4 in level_seen)) { level_seen[$4] = 1; levels[++nr_levels] = $4 }
    cell[row, $4] = $5
}
function column(level,    i, text) {
    text = ""
    for (i = 1; i <= nr_rows; i++) text = text "|" cell[rows[i], level]
    return text
}
function titled(level) {
    return level == "none" ? "nothing" : level == "asan" ? "`-fsanitize=address`" : "`" level "`"
}
END {
    # Levels that answer alike share a column.
    for (i = 1; i <= nr_levels; i++) {
        for (j = 1; j <= nr_columns; j++)
            if (column(first[j]) == column(levels[i])) break
        if (j > nr_columns) { first[++nr_columns] = levels[i]; title[nr_columns] = titled(levels[i]) }
        else title[j] = title[j] ", " titled(levels[i])
    }
    # Sizes of one fault and victim that are answered alike share a row; then victims.
    for (i = 1; i <= nr_rows; i++) {
        split(rows[i], part, "\t")
        answer = ""
        for (j = 1; j <= nr_columns; j++) answer = answer " " cell[rows[i], first[j]] " |"
        if (part[1] == fault[n] && part[2] == victim[n] && answer == answers[n]) { to[n] = part[3]; continue }
        n++
        fault[n] = part[1]; victim[n] = part[2]; from[n] = to[n] = part[3]; answers[n] = answer
    }
    head = "| fault | of |"; line = "| :--- | :--- |"
    for (j = 1; j <= nr_columns; j++) { head = head " " title[j] " |"; line = line " :--- |" }
    print head; print line
    for (i = 1; i <= n; i++) {
        if (done[i]) continue
        who = victim[i]
        for (j = i + 1; j <= n; j++)
            if (fault[j] == fault[i] && from[j] == from[i] && to[j] == to[i] && answers[j] == answers[i]) {
                who = who ", " victim[j]
                done[j] = 1
            }
        size = from[i] == "" ? "" : from[i] == to[i] ? ", " from[i] (from[i] == 1 ? " byte" : " bytes") : ", " from[i] " to " to[i] " bytes"
        print "| " fault[i] size " | " who " |" answers[i]
    }
}' >"$work/table"

if [ "${1:-}" = --check ]; then
    sed -n '/^| fault | of |/,/^$/p' "$document" | sed '/^$/d' >"$work/published"
    if diff "$work/published" "$work/table"; then
        echo "$(($(wc -l <"$work/table") - 2)) rows, as published"
        exit 0
    fi
    echo "$document does not say what a run says (>): make detectors"
    exit 1
fi
cat "$work/table"
