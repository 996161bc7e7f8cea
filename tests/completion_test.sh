#!/bin/sh
# SPDX-License-Identifier: MIT
# bash completion of quarry: every command that `quarry --help` lists, every option that a command's own
# help lists, values where there are few, files elsewhere, and nothing of ours behind "--".
set -eu
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
command -v bash >/dev/null 2>&1 || { echo "skipped: no bash"; exit 77; }
[ -x "$QUARRY_BUILD/cli/quarry" ] || { echo "skipped: this build has no command"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$QUARRY_BUILD/cli:$PATH
export PATH

complete_words() { # words of the line; the last one is completed
    bash --norc -c '
        source "$1"/packaging/quarry.bash || exit 1
        shift
        complete -p quarry >/dev/null || exit 1
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _quarry
        [ ${#COMPREPLY[@]} -eq 0 ] || printf "%s\n" "${COMPREPLY[@]}"' bash "$QUARRY_SOURCE" "$@" | LC_ALL=C sort
}
failed=0
expect() { # what is expected (file), words
    wanted=$1
    shift
    complete_words "$@" >"$work/got"
    diff "$wanted" "$work/got" >"$work/diff" && return 0
    echo "completing \"$*\": < expected, > got"
    cat "$work/diff"
    failed=1
}

# The commands, read from the help in another way than the completion does.
quarry --help | awk '/^  [a-z]/ && $1 !~ /^-/ { print $1 }' | LC_ALL=C sort >"$work/commands"
[ "$(wc -l <"$work/commands")" -ge 4 ] || { echo "the help lists no commands?"; exit 1; }
{ cat "$work/commands"; printf '%s\n' --help --version; } | LC_ALL=C sort >"$work/first"
expect "$work/first" quarry ""
grep '^r' "$work/commands" >"$work/r"
expect "$work/r" quarry r
expect "$work/commands" quarry help ""
count=0
while read -r command; do
    [ "$command" != help ] || continue
    # Each word that looks like an option, wherever it stands.
    quarry "$command" --help | tr -s ' [](),|"=.;' '\n' | grep -E '^--[a-z]' | LC_ALL=C sort -u >"$work/options" || true
    expect "$work/options" quarry "$command" --
    count=$((count + $(wc -l <"$work/options")))
done <"$work/commands"
[ "$count" -ge 10 ] || { echo "only $count options?"; failed=1; }
printf 'i386\nmodern\n' >"$work/profiles"
expect "$work/profiles" quarry run --profile ""
echo i386 >"$work/i386"
expect "$work/i386" quarry layout --profile i
: >"$work/nothing"
expect "$work/nothing" quarry run driver.c -- --
expect "$work/nothing" quarry run dri
[ "$failed" -eq 0 ] && echo "$(wc -l <"$work/commands") commands, $count options"
exit "$failed"
