# SPDX-License-Identifier: MIT
# The public functions of the headers given, one a line: what is declared with QUARRY_API, inline
# functions, and macros that look like functions (lower case, with arguments).
FNR == 1 { held = ""; comment = 0 }
{
    text = $0
    if (comment) {
        if (!sub(/^.*\*\//, "", text))
            next
        comment = 0
    }
    gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, " ", text)
    if (sub(/\/\*.*$/, "", text))
        comment = 1
    sub(/\/\/.*$/, "", text)
    if (match(text, /^[ \t]*#[ \t]*define[ \t]+[a-z_][a-z0-9_]*\(/)) {
        name = substr(text, RSTART, RLENGTH - 1)
        sub(/^.*[ \t]/, "", name)
        if (name !~ /^quarry_.*_(prot|26)$/)
            print name
        next
    }
    if (text ~ /^[ \t]*#/)
        next
    if (text ~ /^(QUARRY_API|QUARRY_INLINE|static inline|static __inline)/)
        held = " "
    if (held == "")
        next
    held = held " " text
    if (held !~ /[;{]/)
        next
    gsub(/__attribute__\(\(([^()]|\(([^()]|\([^()]*\))*\))*\)\)/, "", held)
    if (match(held, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
        name = substr(held, RSTART, RLENGTH - 1)
        gsub(/[ \t]/, "", name)
        print name
    }
    held = ""
}
