#!/bin/sh
# SPDX-License-Identifier: MIT
# The benchmark runs every row over both sides and prints what it says it prints. No number is judged:
# this may be a debug build on a busy machine.
set -eu
: "${QUARRY_BUILD:?}"
program=$QUARRY_BUILD/bench/quarry-bench
[ -x "$program" ] || { echo "no benchmark in this build"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$program" --list >"$work/rows"
while read -r row; do
    case $row in
    producer* | "2 threads"*) continue ;;
    esac
    for side in quarry malloc; do
        QUARRY_RAM=1G "$program" --count $side "$row" 300 || { echo "$side: row \"$row\" fails"; exit 1; }
    done
done <"$work/rows"

"$program" --quick --only "producer" >"$work/table"
"$program" --quick --only "2 threads 64" >>"$work/table"
for row in "producer 64" "producer 256" "2 threads 64"; do
    grep -q "^$row  *[0-9.]*  *[0-9.]* ( *[0-9.]*)" "$work/table" || { echo "no row $row"; cat "$work/table"; exit 1; }
done
grep -q 'was not judged' "$work/table" || { echo "a rule without its row was judged"; exit 1; }

"$program" --quick --json --only "kmalloc 64" >"$work/json" 2>/dev/null
if ! grep -q '"rule_holds": \(true\|false\)' "$work/json" || ! grep -q '"name": "kmalloc 64", "sides": {"quarry": {"ns": ' "$work/json" ||
    [ "$(tr -cd '{' <"$work/json" | wc -c)" -ne "$(tr -cd '}' <"$work/json" | wc -c)" ]; then
    echo "not the JSON that was promised:"
    cat "$work/json"
    exit 1
fi
status=0
"$program" --no-such-option 2>/dev/null || status=$?
[ "$status" -eq 64 ] || { echo "wrong usage ends with $status"; exit 1; }
status=0
"$program" --only "no such row" 2>/dev/null || status=$?
[ "$status" -eq 64 ] || { echo "an unknown row ends with $status"; exit 1; }
echo "$(wc -l <"$work/rows") rows run"
