#!/bin/sh
# SPDX-License-Identifier: MIT
# clang-tidy (checks and reasons in .clang-tidy) and cppcheck have nothing to say about the core, the
# ports, the command and the kernel environment, as compile_commands.json says they are compiled.
set -eu
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
QUARRY_SOURCE=$(cd "$QUARRY_SOURCE" && pwd)
database=$QUARRY_BUILD/compile_commands.json
if ! command -v clang-tidy >/dev/null 2>&1 || ! command -v cppcheck >/dev/null 2>&1; then
    echo "clang-tidy and cppcheck are needed: tools/install-deps.sh test"
    exit 77
fi
[ -f "$database" ] || { echo "nothing compiled yet"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Each source once, though the core is compiled for simulated machines, too: as the hosted port has it.
mkdir "$work/build"
awk 'BEGIN { RS = "\n}"; ORS = "" }
    /quarry-sim(-preempt)?-core[.]dir/ { next }
    /"command"/ { entry = $0; sub(/^[][,[:space:]]*/, "", entry); print (n++ ? ",\n" : "[\n") entry "\n}" }
    END { print "\n]\n" }' "$database" >"$work/build/compile_commands.json"
database=$work/build/compile_commands.json
sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$database" | sort -u |
    grep -E "^$QUARRY_SOURCE/(src|ports|cli|compat/linux/src|malloc)/" | grep -v /test/ >"$work/files"
failed=0
tidy() { # list of files, further options
    list=$1
    shift
    tr '\n' '\0' <"$list" | xargs -0 -r -n 4 -P "$(nproc)" clang-tidy --quiet -p "$work/build" \
        --extra-arg=-Wno-unknown-warning-option "$@" 2>/dev/null || touch "$work/untidy"
}
# The path-sensitive checks take twenty times as long as all others together and do not follow an
# element off an intrusive list, so they look at the core only, and, but for make lint, at a quarter of it:
# another one for each commit. QUARRY_LONG=1 shows what they say of the rest.
turn=$(git -C "$QUARRY_SOURCE" rev-parse --short=4 HEAD 2>/dev/null || echo 0)
parts=4
[ -z "${QUARRY_LINT_WHOLE:-}${QUARRY_LONG:-}" ] || parts=1
grep "^$QUARRY_SOURCE/src/" "$work/files" |
    awk -v parts="$parts" -v turn="$((0x$turn % parts))" 'NR % parts == turn' >"$work/core" || true
grep -vxF -f "$work/core" "$work/files" >"$work/others" || true
tidy "$work/core" >"$work/tidy"
tidy "$work/others" --checks='-clang-analyzer-*' >>"$work/tidy"
if [ -f "$work/untidy" ]; then
    echo "clang-tidy:"
    grep -E -A 3 '(warning|error):' "$work/tidy" | head -n 120
    failed=1
fi
if [ "${QUARRY_LONG:-0}" != 0 ]; then
    tidy "$work/others" --checks='-*,clang-analyzer-*' | grep 'warning:' | sed 's/^/for a human eye: /'
fi

# unmatchedSuppression and missing system headers say nothing of the code. compat/linux is looked at
# with its own headers named as ordinary ones: what the database calls system headers cppcheck does
# not read, and without their macros it understands nothing.
check() {
    cppcheck --enable=warning,portability,performance --inline-suppr --quiet --error-exitcode=1 -j "$(nproc)" \
        --suppress=missingIncludeSystem --suppress=unmatchedSuppression \
        --suppressions-list="$QUARRY_SOURCE/tests/cppcheck.txt" --template='{file}:{line}: {id}: {message}' \
        "$@" >>"$work/cppcheck" 2>&1 || touch "$work/unchecked"
}
check --project="$database" --file-filter="$QUARRY_SOURCE/src/*" --file-filter="$QUARRY_SOURCE/ports/*" \
    --file-filter="$QUARRY_SOURCE/cli/*" -i "$QUARRY_SOURCE/compat"
check --std=c11 -D__x86_64__ -D__GNUC__=12 -U__cplusplus -I "$QUARRY_SOURCE/compat/linux/include" \
    -I "$QUARRY_SOURCE/compat/linux/src" -I "$QUARRY_SOURCE/include" -I "$QUARRY_SOURCE/ports/hosted" \
    "$QUARRY_SOURCE/compat/linux/src"
if [ -f "$work/unchecked" ]; then
    echo "cppcheck:"
    sort -u "$work/cppcheck" | head -n 60
    failed=1
fi
[ "$failed" -eq 0 ] && echo "$(wc -l <"$work/files") files without a finding"
exit "$failed"
