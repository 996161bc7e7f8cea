#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/gfp-semantics.md is true as far as a script can tell: each rule names files that exist and tests
# that exist and carry its number; each rule has a test and a patch in tests/break that breaks it; no
# source cites a rule that the page does not have.
set -eu
: "${QUARRY_SOURCE:?}"
cd "$QUARRY_SOURCE"
page=docs/gfp-semantics.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
wrong() {
    echo "$*"
    failed=1
}

find src tests ports cli compat -name '*_test.c' -exec grep -hoE '\bg_[a-z][0-9]+_[a-z0-9_]+' {} + | sort -u >"$work/tests"
sed -n 's/^### \(G-[A-Z][0-9]*\).*/\1/p' "$page" >"$work/rules"
[ -s "$work/rules" ] || wrong "$page has no rules"
sort "$work/rules" | uniq -d | while read -r rule; do echo "$rule stands twice in $page"; done >"$work/twice"
if [ -s "$work/twice" ]; then
    cat "$work/twice"
    failed=1
fi

while read -r rule; do
    prefix=$(echo "$rule" | tr 'A-Z-' 'a-z_')_
    grep -q "^$prefix" "$work/tests" || wrong "$rule: no test function is called $prefix…"
    if [ ! -f "tests/break/$rule.patch" ]; then
        wrong "$rule: no tests/break/$rule.patch"
    elif ! patch -p1 --dry-run -s -f <"tests/break/$rule.patch" >/dev/null 2>&1; then
        wrong "$rule: tests/break/$rule.patch does not apply any more"
    fi
    awk -v rule="$rule" '$0 ~ "^### " rule "( |$)" { on = 1; next } /^##/ { on = 0 } on' "$page" >"$work/text"
    grep -oE '`(src|include|ports)/[A-Za-z0-9_/.]+`' "$work/text" | tr -d '`' >"$work/files" || true
    grep -q '\.[ch]$' "$work/files" || wrong "$rule: names no file"
    while read -r file; do
        [ -e "$file" ] || wrong "$rule: $file does not exist"
    done <"$work/files"
    grep -oE "\`${prefix}[a-z0-9_]+\`" "$work/text" | tr -d '`' >"$work/named" || true
    [ -s "$work/named" ] || wrong "$rule: names no test"
    while read -r name; do
        grep -qx "$name" "$work/tests" || wrong "$rule: no test is called $name"
    done <"$work/named"
done <"$work/rules"

# What sources cite must exist; ranges like G-Z1..G-Z5 cite their ends.
grep -rhoE '\bG-[ZCWEISKMD][0-9]+\b' src include ports cli compat docs tests --include='*.[ch]' --include='*.md' | sort -u |
    while read -r rule; do grep -qx "$rule" "$work/rules" || echo "cited but not in $page: $rule"; done >"$work/cited"
if [ -s "$work/cited" ]; then
    cat "$work/cited"
    failed=1
fi
[ "$failed" -eq 0 ] && echo "$(wc -l <"$work/rules") rules, each with its code, its test and its patch"
exit "$failed"
