# SPDX-License-Identifier: MIT
# The code blocks of one document (Markdown, or a man page in man(7) macros), each into a file of its
# own:   awk -v out=FOLDER -f extract.awk DOCUMENT
# Prints for each block:  NUMBER <tab> LINE <tab> LANGUAGE <tab> ATTRIBUTES <tab> REASON
#
#   Markdown   ```LANGUAGE attribute=value …        a reason: <!-- not run: … --> on the line before
#   man        .\" block: LANGUAGE attribute=value … before .EX; a reason: .\" not run: …
#
# LANGUAGE "untagged" is a block that says nothing, among them indented ones.
function start(at, words,    space) {
    nr++
    space = index(words, " ")
    language = space ? substr(words, 1, space - 1) : words
    attributes = space ? substr(words, space + 1) : ""
    if (language == "")
        language = "untagged"
    printf "%d\t%d\t%s\t%s\t%s\n", nr, at, language, attributes, reason
    reason = ""
    file = sprintf("%s/%d", out, nr)
    printf "" >file
}
function plain(text) { # what a reader of the man page sees
    gsub(/\\&/, "", text)
    gsub(/\\-/, "-", text)
    gsub(/\\\(aq/, "'", text)
    gsub(/\\\(dq/, "\"", text)
    gsub(/\\\(ha/, "^", text)
    gsub(/\\\(ti/, "~", text)
    gsub(/\\\[u2026\]/, "…", text)
    gsub(/\\f[BIRP]/, "", text)
    gsub(/\\e/, "\\", text)
    return text
}
FNR == 1 { man = FILENAME ~ /\.[0-9]$/ }
man && /^\.SH / { section = substr($0, 5) }
man && /^\.\\" not run: / { reason = substr($0, 14); next }
man && /^\.\\" block: / { tag = substr($0, 12); next }
man && /^\.EX/ { inside = 1; start(FNR, section == "SYNOPSIS" && tag == "" ? "synopsis" : tag); tag = ""; next }
man && /^\.EE/ { inside = 0; close(file); next }
man { if (inside) print plain($0) >file; next }

!inside && /^ *<!-- not run: .* -->$/ {
    reason = $0
    sub(/^ *<!-- not run: /, "", reason)
    sub(/ -->$/, "", reason)
    next
}
!inside && /^ *```/ {
    inside = 1
    fence = $0
    sub(/`.*/, "", fence)
    indent = length(fence)
    words = $0
    sub(/^ *`+ */, "", words)
    start(FNR, words)
    next
}
inside && /^ *```+ *$/ { inside = 0; close(file); before = ""; next }
inside { print substr($0, indent + 1) >file; next }
# An indented block: four columns after an empty line, and not the continuation of a list.
/^ *$/ { before = ""; next }
/^ *([*+-]|[0-9]+\.) / { list = 1 }
/^[^ ]/ && !/^([*+-]|[0-9]+\.) / { list = 0 }
/^    / && before == "" && !list && !indented { indented = 1; start(FNR, ""); close(file) }
!/^    / { indented = 0 }
{ before = $0 }
