#!/bin/sh
# SPDX-License-Identifier: MIT
# House style, as far as a script can see it. Prints each offending place and fails if there is one.
#
#     tools/check-style.sh [ROOT]
#
# S1  The licence line comes first (second in scripts), in every source, script and build file.
# S2  A comment that says what the file is for follows it, in every C file and header of more than
#     20 lines (shorter ones only forward to another).
# S3  A file has at most 800 lines, a line at most 110 columns (code at most 100, which S4 sees to).
# S4  clang-format has nothing to change (skipped, and said so, where clang-format is missing).
# S5  Static functions have names that are unique across the core, so that all its files can be
#     joined into one; no function is longer than 100 lines.
# S6  No marks of unfinished work.
set -eu
LC_ALL=C
export LC_ALL
root=${1:-$(dirname "$0")/..}
cd "$root"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
find . \( -name .git -o -name build -o -name 'build-*' \) -prune -o -type f -print | sed 's,^\./,,' | sort >"$work/all"
grep -E '\.[ch]$' "$work/all" >"$work/c" || true
grep -E '\.(c|h|S|sh|cmake|cpp)$|(^|/)(CMakeLists\.txt|Makefile)$|^\.ci/run$' "$work/all" >"$work/sources" || true
grep -E '^src/.*\.[ch]$' "$work/c" | grep -v '/test/' >"$work/core" || true
grep -vE '^ports/template/' "$work/sources" >"$work/marked" || true
grep -E '\.md$' "$work/all" >>"$work/marked" || true

cat >"$work/lines.awk" <<'AWK'
function wrong(at, rule, why) { printf "%s:%d: %s: %s\n", path, at, rule, why; bad++ }
{
    path = $0
    n = 0
    licence = 0
    told = 0
    is_c = path ~ /\.[chS]$/
    while ((getline text < path) > 0) {
        n++
        if (n <= 2 && text ~ /SPDX-License-Identifier: MIT/)
            licence = n
        if (n <= 4 && is_c && n > 1 && text ~ /^\/[*\/]/)
            told = 1
        if (is_c) {
            plain = text
            gsub(/[\200-\277]/, "", plain) # one column per character, not per byte
            if (length(plain) > 110)
                wrong(n, "S3", length(plain) " columns")
        }
    }
    close(path)
    if (!licence)
        wrong(1, "S1", "no licence line")
    if (is_c && !told && n > 20)
        wrong(1, "S2", "no comment that says what the file is for")
    if (is_c && n > 800)
        wrong(n, "S3", n " lines")
}
END { exit bad > 0 }
AWK

cat >"$work/names.awk" <<'AWK'
function wrong(at, rule, why) { printf "%s:%d: %s: %s\n", path, at, rule, why; bad++ }
# The name a declaration line gives to a function, or "".
function function_name(text,    head) {
    gsub(/__attribute__\(\(([^()]|\([^()]*\))*\)\)/, "", text)
    if (text !~ /\(/)
        return ""
    head = substr(text, 1, index(text, "(") - 1)
    sub(/[ \t]+$/, "", head)
    if (head ~ /[=\[{]/ || !match(head, /[A-Za-z_][A-Za-z0-9_]*$/))
        return ""
    return substr(head, RSTART)
}
{
    path = $0
    n = 0
    held = ""
    body = 0
    while ((getline text < path) > 0) {
        n++
        if (text ~ /^\{/) {
            body = n
        } else if (text ~ /^\}/ && body) {
            if (n - body > 100)
                wrong(body, "S5", "a function of " (n - body) " lines")
            body = 0
        }
        if (text ~ /^static[ \t]/ && text !~ /^static[ \t].*[;=]/)
            held = text
        else if (held != "")
            held = held " " text
        if (held == "")
            continue
        if (held ~ /\(/ || held ~ /[;={]/) {
            # A declaration ends in a semicolon: read on to the end of the parameter list.
            if (held !~ /[;{]/ && length(held) < 2000)
                continue
            declared = held ~ /\)[^{]*;/ && held !~ /\{/
            name = function_name(substr(held, 7))
            held = ""
            if (name == "" || declared)
                continue
            if ((name in first) && first[name] != path)
                wrong(n, "S5", "static function " name " also exists in " first[name])
            first[name] = path
        }
    }
    close(path)
}
END { exit bad > 0 }
AWK

failed=0
awk -f "$work/lines.awk" "$work/sources" || failed=1
awk -f "$work/names.awk" "$work/core" || failed=1

# The marks are written so that this file does not find itself.
marks='\b([T]ODO|[F]IXME|[X]XX|[H]ACK)\b|[n]ot implemented|\b[s]tub(bed|s)?\b'
if tr '\n' '\0' <"$work/marked" | xargs -0 -r grep -nE "$marks" /dev/null >"$work/marks"; then
    sed 's/^\([^:]*:[0-9]*\):/\1: S6: a mark of unfinished work:/' "$work/marks"
    failed=1
fi

if command -v clang-format >/dev/null 2>&1 && [ -f .clang-format ]; then
    if ! tr '\n' '\0' <"$work/c" | xargs -0 -r clang-format --style=file --dry-run -Werror >"$work/format" 2>&1; then
        grep -E 'error:|warning:' "$work/format" | sed 's/error: code should be clang-formatted.*/S4: clang-format would change this/' \
            | sort -u | head -n 40
        failed=1
    fi
else
    echo "S4 skipped: no clang-format here"
fi
[ "$failed" -eq 0 ] && echo "$(wc -l <"$work/sources") sources in house style"
exit "$failed"
