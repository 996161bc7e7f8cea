#!/bin/sh
# SPDX-License-Identifier: MIT
# The man pages: well formed, sections in one order, every public function in the NAME of one, every option
# of the quarry command in its page, and all of them installed under PREFIX.
#
#     man.sh PREFIX
set -u
: "${QUARRY_SOURCE:?}"
prefix=$1
pages=$QUARRY_SOURCE/docs/man
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
wrong() {
    echo "$*"
    failed=1
}

if command -v mandoc >/dev/null 2>&1; then
    # That a page is not installed on this machine is not the page's mistake.
    mandoc -T lint "$pages"/*.[0-9] 2>&1 | grep -v 'referenced manual not found' >"$work/lint" || true
    [ ! -s "$work/lint" ] || { cat "$work/lint"; failed=1; }
else
    echo "mandoc is not installed: the man pages were not checked by it"
fi

# One order of sections. In section 1 OPTIONS, EXIT STATUS, ENVIRONMENT and FILES take the places that others do not need.
for page in "$pages"/*.[0-9]; do
    awk -v page="docs/man/$(basename "$page")" '
        BEGIN {
            n = split("NAME|SYNOPSIS|DESCRIPTION|OPTIONS|CONTEXT|EXIT STATUS|RETURN VALUE|ERRORS|RULES|ENVIRONMENT|FILES|" \
                      "EXAMPLES|SEE ALSO", order, "|")
            for (i = 1; i <= n; i++)
                place[order[i]] = i
            need = "NAME SYNOPSIS DESCRIPTION EXAMPLES"
        }
        /^\.SH / {
            name = substr($0, 5)
            gsub(/"/, "", name)
            if (!(name in place)) { print page ": a section " name; bad = 1 }
            else if (place[name] <= last) { print page ": " name " comes too late"; bad = 1 }
            last = place[name]
            seen[name] = 1
        }
        END {
            if (page ~ /9$/)
                need = "NAME|SYNOPSIS|DESCRIPTION|CONTEXT|RETURN VALUE|RULES|EXAMPLES|SEE ALSO"
            else if (page ~ /3$/)
                need = "NAME|SYNOPSIS|DESCRIPTION|CONTEXT|RETURN VALUE|EXAMPLES|SEE ALSO"
            else if (page ~ /1$/)
                need = "NAME|SYNOPSIS|DESCRIPTION|EXIT STATUS|EXAMPLES|SEE ALSO"
            else
                need = "NAME|DESCRIPTION|SEE ALSO"
            n = split(need, wanted, "|")
            for (i = 1; i <= n; i++)
                if (!(wanted[i] in seen)) { print page ": no section " wanted[i]; bad = 1 }
            exit bad
        }' "$page" || failed=1
    # A reference leads to a page that is here, or to one of the system.
    sed -n 's/^\.BR *\([a-z_0-9\\-]*\) *(\([379]\)).*/\1.\2/p' "$page" | sed 's/\\-/-/g' | sort -u >"$work/refs"
    while read -r ref; do
        grep -qx "$ref" "$work/known" 2>/dev/null && continue
        echo "$ref" >>"$work/wanted-$(basename "$page")"
    done <"$work/refs"
done

# NAME: what each page is about.
for page in "$pages"/*.[0-9]; do
    section=${page##*.}
    sed -n '/^\.SH NAME/,/^\.SH /p' "$page" | sed '/^\./d; s/ \\- .*//' | tr -d '\\' | tr ',' '\n' |
        tr -d ' ' | sed "/^$/d; s/\$/.$section/"
done | sort >"$work/known"
uniq -d "$work/known" | while read -r twice; do echo "two pages are about $twice"; done >"$work/twice"
[ ! -s "$work/twice" ] || { cat "$work/twice"; failed=1; }
for wanted in "$work"/wanted-*; do
    [ -e "$wanted" ] || continue
    while read -r ref; do
        grep -qx -- "$ref" "$work/known" || wrong "docs/man/${wanted##*/wanted-}: refers to $ref, which is not there"
    done <"$wanted"
done

# Every public function has a page. port.h is the other way round: quarry_port(7).
for header in "$QUARRY_SOURCE"/include/quarry/*.h; do
    case $header in */port.h | */types.h) continue ;; esac
    awk -f "$QUARRY_SOURCE/tests/docs/names.awk" "$header" | sort -u | sed "s/\$/ quarry\/${header##*/}/"
done >"$work/functions"
awk -F ' *[|] *' '!/^#/ && NF >= 5 && $3 != "-" && ($4 == "function" || index($5, $1 "(") == 1) { print $1, $3 }' \
    "$QUARRY_SOURCE/tests/api/names.txt" | grep -E '^[a-z_]' >>"$work/functions"
sort -u -k 1,1 "$work/functions" >"$work/all"
missing=0
while read -r name header; do
    grep -Eqx "$name\.[39]" "$work/known" && continue
    missing=$((missing + 1))
    echo "no man page is about $name ($header)"
done <"$work/all"
[ $missing -eq 0 ] || failed=1
# And no page is about a function that is gone.
sed -n 's/\.[39]$//p' "$work/known" | while read -r name; do
    grep -Eq "\b$name\b" "$QUARRY_SOURCE"/include/quarry/*.h || echo "a man page is about $name, which no header has"
done >"$work/gone"
[ ! -s "$work/gone" ] || { cat "$work/gone"; failed=1; }

# Every duty of the port contract is in quarry_port(7).
sed -n '/---- inline duties/,/---- what the port calls/p' "$QUARRY_SOURCE/include/quarry/port.h" |
    grep -oE '\b(qp_[a-z_]+|quarry_boot_default)\(' | tr -d '(' | sort -u | while read -r duty; do
    grep -q "$duty" "$pages/quarry_port.7" || echo "quarry_port(7) does not name $duty"
done >"$work/duties"
[ ! -s "$work/duties" ] || { cat "$work/duties"; failed=1; }

# Every option that a help text shows is in that command's page, and every command has one.
if command -v quarry >/dev/null 2>&1; then
    quarry --help | awk '/^  [a-z]+  /{ print $1 }' | grep -vx help >"$work/commands"
    for command in '' $(cat "$work/commands"); do
        page=$pages/quarry${command:+-$command}.1
        [ -f "$page" ] || { wrong "no man page of quarry $command: $page"; continue; }
        # shellcheck disable=SC2086 # the command may be none
        quarry $command --help >"$work/help" || wrong "quarry $command --help fails"
        tr -d '\\' <"$page" >"$work/page"
        grep -oE '(^|[^A-Za-z0-9-])--?[A-Za-z][a-z-]*' "$work/help" | grep -oE -- '--?[A-Za-z][a-z-]*$' | sort -u |
            while read -r option; do
                grep -Eq -- "(^|[^A-Za-z0-9-])$option([^a-z-]|\$)" "$work/page" ||
                    echo "$(basename "$page") does not name $option, which quarry $command --help shows"
            done >"$work/options"
        [ ! -s "$work/options" ] || { cat "$work/options"; failed=1; }
        awk '{ gsub(/[\200-\277]/, "") } length($0) > 80 { bad++ } END { exit bad > 0 }' "$work/help" ||
            wrong "quarry $command --help is wider than 80 columns"
        [ -z "$command" ] || head -n 1 "$work/help" | grep -q "^usage: quarry $command" ||
            wrong "quarry $command --help does not begin with its usage"
    done
fi

# Installed, and found under every name.
installed=$(find "$prefix" -type d -name man | head -n 1)
while read -r name; do
    section=${name##*.}
    [ -e "$installed/man$section/$name" ] || [ -e "$installed/man$section/$name.gz" ] || wrong "not installed: $name"
done <"$work/known"
echo "$(ls "$pages" | wc -l) man pages under $(wc -l <"$work/known") names; $(wc -l <"$work/all") public functions, $missing without"
exit $failed
