#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/design/memory-order.md speaks of the source as it is: each line it quotes stands in its file, and each
# atomic operation of the core that is not relaxed is on a word that the page has a rule for.
set -eu
: "${QUARRY_SOURCE:?}"
page=$QUARRY_SOURCE/docs/design/memory-order.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

sed -n 's/^| `\([^`]*\/[^`]*\)` | `\(.*\)` |$/\1\t\2/p' "$page" >"$work/lines"
[ "$(wc -l <"$work/lines")" -ge 20 ] || { echo "$page quotes fewer lines than it did"; failed=1; }
while IFS="$(printf '\t')" read -r file line; do
    grep -qF -e "$line" "$QUARRY_SOURCE/$file" || {
        echo "$file: no line has: $line"
        failed=1
    }
done <"$work/lines"

# The words: the last name in the address, of operations that span lines too.
find "$QUARRY_SOURCE/src" -name '*.[ch]' ! -path '*/test/*' -exec cat {} + | tr '\n' ' ' |
    sed 's/;/;\n/g' | grep -o '__atomic_[a-z_]*([^;]*' | sed 's/__atomic_/\n__atomic_/g' |
    grep -E '^__atomic_(load|store|exchange|compare|fetch|add|sub|or|and)' |
    grep -E 'ATOMIC_(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST)' |
    sed 's/\[[^]]*\]//g; s/^__atomic_[a-z_]*([ &]*//; s/^(.*) *\*//; s/[,)].*//; s/.*[>.]//; s/.*? *&//; s/ //g' | sort -u >"$work/words"
[ "$(wc -l <"$work/words")" -ge 20 ] || { echo "the words were not found in the source"; failed=1; }
sed -n '/^| words/,/^$/p' "$page" | cut -d'|' -f2 >"$work/first"
while read -r word; do
    grep -qF -e "\`$word\`" "$work/first" || {
        echo "docs/design/memory-order.md has no rule for '$word', which src/ hands over without a lock"
        failed=1
    }
done <"$work/words"
exit $failed
