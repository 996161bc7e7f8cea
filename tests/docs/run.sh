#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the code blocks of one document in a folder of its own, in order.
#
#     run.sh DOCUMENT FOLDER            with QUARRY_SOURCE, QUARRY_BUILD and an installed quarry in PATH
#
#   c          a program (it has main), a module (module_init: loaded by quarry run), or statements, which
#              are put into a main of their own. Compiled with -Wall -Wextra -Werror and run.
#   sh         run by sh -eu
#   console    "$ " begins a command ("> " goes on with it); the lines behind it are what it prints
#   output     what the block before it printed
#   synopsis   declarations in a man page: they agree with the header's
#   text       a drawing or a listing: not code
#   others     only with file=NAME, which saves any block under that name for those after it
#
# Attributes: file=NAME; status=N, the exit status (of the last command); needs=fuse; only=save: the blocks
# after it run it. Prints what is wrong, and a line "counts RUN SAVED TEXTS MARKED" at the end.
set -u
document=$1
work=$2
here=$QUARRY_SOURCE/tests/docs
name=${document#"$QUARRY_SOURCE"/}
mkdir -p "$work/blocks" "$work/home"
ln -s "$QUARRY_SOURCE/examples" "$work/home/examples"
# Where a reader's first build, and what make amalgamation makes, lie.
mkdir -p "$work/home/build/release/cli"
ln -s "$(command -v quarry)" "$work/home/build/release/cli/quarry"
ln -s "$(dirname "$(command -v quarry)")/../share/quarry" "$work/home/build/quarry-$(quarry --version | cut -d ' ' -f 2)"
awk -v out="$work/blocks" -f "$here/extract.awk" "$document" >"$work/list"
HOME=$work/home
export HOME
cd "$work/home" || exit 1
run=0 saved=0 texts=0 marked=0 failed=0

wrong() { # what, file with details
    echo "$name:$line: $1"
    [ -z "${2:-}" ] || sed -n '1,25s/^/    /p' "$2"
    failed=1
}
attribute() { # name
    printf '%s\n' "$attributes" | tr ' ' '\n' | sed -n "s/^$1=//p"
}
# check STATUS: the last run ended as the document says.
check() {
    [ "$1" -eq "${wanted:-0}" ] || wrong "exit status $1, not ${wanted:-0}" "$work/printed"
}
compile() { # source, program
    # shellcheck disable=SC2046 # flags are meant to be split
    ${CC:-cc} -O1 -g -Wall -Wextra -Werror "$1" -o "$2" $(pkg-config --cflags --libs quarry) -pthread \
        >"$work/printed" 2>&1 || { wrong "does not compile" "$work/printed"; return 1; }
}
run_c() {
    status=0
    if grep -q module_init "$block"; then
        quarry run --quiet --no-mount "$source" >"$work/printed" 2>&1 </dev/null || status=$?
        check $status
        return
    fi
    if ! grep -Eq '\bmain\(' "$block"; then
        { printf '#include <quarry/quarry.h>\n#include <stdio.h>\n#include <string.h>\n'
          printf 'int main(void)\n{\n#line %d "%s"\n' "$((line + 1))" "$name"
          cat "$block"; printf 'return 0;\n}\n'; } >"$source"
    fi
    compile "$source" "$work/program" || return
    "$work/program" >"$work/printed" 2>&1 </dev/null || status=$?
    check $status
}
# One command of a console block, and what it should print.
run_command() {
    [ -s "$work/command" ] || return
    status=0
    sh -u "$work/command" >"$work/printed" 2>&1 </dev/null || status=$?
    if ! awk -f "$here/match.awk" "$work/shown" "$work/printed" >"$work/why"; then
        wrong "prints something else than is shown: $(head -n 1 "$work/command")" "$work/why"
        sed -n '1,40s/^/    | /p' "$work/printed"
    fi
    if [ "$1" = last ]; then
        check $status
    elif [ $status -ne 0 ]; then
        wrong "exit status $status: $(head -n 1 "$work/command")" "$work/printed"
    fi
}
run_console() {
    : >"$work/command"
    : >"$work/shown"
    while IFS= read -r text || [ -n "$text" ]; do
        case $text in
        '$ '*)
            run_command inner
            printf '%s\n' "${text#??}" >"$work/command"
            : >"$work/shown" ;;
        '> '*) printf '%s\n' "${text#??}" >>"$work/command" ;;
        *) printf '%s\n' "$text" >>"$work/shown" ;;
        esac
    done <"$block"
    run_command last
}
# The names a SYNOPSIS declares are there; what is no macro has the type that is shown.
run_synopsis() {
    { grep '^#' "$block"; } >"$work/names.c" || true
    ${CC:-cc} -dM -E $(pkg-config --cflags quarry) "$work/names.c" 2>"$work/why" |
        sed -n 's/^#define \([A-Za-z_0-9]*\)(.*/\1/p' >"$work/macros"
    awk -v macros="$work/macros" '
        BEGIN { while ((getline name < macros) > 0) is_macro[name] = 1 }
        /^#/ { print; next }
        /^ *\/\*.*\*\/ *$/ || /^ *$/ { next }
        { held = held " " $0 }
        /;$/ {
            name = held
            if (held !~ /typedef/ && match(name, /[A-Za-z_][A-Za-z0-9_]*\(/)) {
                name = substr(name, RSTART, RLENGTH - 1)
                if (name in is_macro) {
                    held = ""
                    next
                }
                sub("[A-Za-z_][A-Za-z0-9_]*[(]", "(" name ")(", held)
            }
            print held
            if (held ~ /[(]/ && held !~ /typedef/)
                printf "const void *const shown_%d = (const void *)%s;\n", NR, name
            held = ""
        }' "$block" >"$work/synopsis.c"
    ${CC:-cc} -fsyntax-only -w -DQUARRY_NO_INLINE $(pkg-config --cflags quarry) "$work/synopsis.c" \
        >"$work/printed" 2>&1 || wrong "the SYNOPSIS is not what the header declares" "$work/printed"
}

total=$(wc -l <"$work/list")
nr=0
while [ $nr -lt "$total" ]; do
    nr=$((nr + 1))
    block=$work/blocks/$nr
    entry=$(sed -n "${nr}p" "$work/list")
    line=$(echo "$entry" | cut -f 2)
    language=$(echo "$entry" | cut -f 3)
    attributes=$(echo "$entry" | cut -f 4)
    reason=$(echo "$entry" | cut -f 5)
    file=$(attribute file)
    wanted=$(attribute status)
    if [ -n "$reason" ]; then
        marked=$((marked + 1))
        echo "$name:$line: not run: $reason"
        continue
    fi
    if [ "$(attribute needs)" = fuse ] && ! (exec 3<>/dev/fuse) 2>/dev/null; then
        marked=$((marked + 1))
        echo "$name:$line: not run: /dev/fuse cannot be opened here"
        continue
    fi
    source=$work/block$nr.c
    if [ -n "$file" ]; then
        mkdir -p "$(dirname "$file")"
        cp "$block" "$file"
        source=$file
        if [ "$(attribute only)" = save ] || ! echo "$language" | grep -qxE 'c|sh|console'; then
            saved=$((saved + 1))
            continue
        fi
    elif [ "$language" = c ]; then
        cp "$block" "$source"
    fi
    case $language in
    untagged) wrong "a code block without a language (see tests/docs/run.sh)"; continue ;;
    text) texts=$((texts + 1)); continue ;;
    c) run_c ;;
    sh) status=0; sh -eu "$block" >"$work/printed" 2>&1 </dev/null || status=$?; check $status ;;
    console) run_console ;;
    synopsis) run_synopsis ;;
    output)
        awk -f "$here/match.awk" "$block" "$work/printed" >"$work/why" || {
            wrong "the block before it prints something else" "$work/why"
            sed -n '1,40s/^/    | /p' "$work/printed"; } ;;
    *) wrong "$language: nothing here runs that; give it file=NAME or say why it is not run" ;;
    esac
    run=$((run + 1))
done
echo "counts $run $saved $texts $marked"
exit $failed
