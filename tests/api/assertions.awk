# SPDX-License-Identifier: MIT
# Turns names.txt into C: for one header (-v header=..., in column -v column=2 or 3) every assertion,
# or with -v only=NUMBER the one of that line; with -v old=1 those of the 2.6 generation, else the others. Each use compiles to code, so that it must link too.
BEGIN {
    FS = " *\\| *"
    print "/* SPDX-License-Identifier: MIT */"
    if (old + 0)
        print "#define QUARRY_LINUX_26 1"
    print "/* Generated from names.txt. */"
    if (column == 2)
        print "#include <linux/types.h>"
    else
        print "#include <quarry/types.h>"
    print "#include <" header ">\n#include \"arguments.h\""
    print "#define SAME(a, b) _Static_assert(__builtin_types_compatible_p(a, b), \"another type\")"
    print "#define USE __attribute__((used)) static"
}
/^#/ || NF < 5 { next }
$column != header || (only && FNR != only) || ($1 ~ /\(2\.6\)$/) != old + 0 { next }
{
    name = $1
    sub(/ \(.*/, "", name)
    kind = $4
    what = $5
    id = "use_" FNR
    if (kind == "function") {
        printf "SAME(__typeof__(%s), __typeof__(%s));\n", name, what
        printf "USE void *%s(void)\n{\n    return (void *)&%s;\n}\n", id, name
    } else if (kind == "call") {
        at = match(what, / -> [^>]*$/)
        type = substr(what, at + 4)
        call = substr(what, 1, at - 1)
        printf "USE void %s(void)\n{\n", id
        if (type == "void")
            printf "    %s;\n}\n", call
        else
            printf "    SAME(__typeof__(%s), %s);\n    (void)(%s);\n}\n", call, type, call
    } else if (kind == "constant") {
        printf "enum { %s = (%s) != 0 };\nSAME(__typeof__(%s), %s);\n", id, name, name, what
    } else if (kind == "object") {
        printf "USE %s %s(void)\n{\n    SAME(__typeof__(%s), %s);\n    return %s;\n}\n", what, id, name, what, name
    } else if (kind == "type") {
        printf "SAME(%s, __typeof__(%s));\n", name, what
    } else if (kind == "struct") {
        if (what == "-") {
            printf "USE struct %s *%s(struct %s *it)\n{\n    return it;\n}\n", name, id, name
        } else {
            n = split(what, members, / *; */)
            for (i = 1; i <= n; i++) {
                colon = index(members[i], ":")
                type = substr(members[i], colon + 1)
                if (type == "-")
                    type = "__typeof__(((struct " name " *)0)->" substr(members[i], 1, colon - 1) ")"
                printf "SAME(__typeof__(((struct %s *)0)->%s), %s);\n", name, substr(members[i], 1, colon - 1), type
            }
        }
    } else {
        printf "#error \"line %d: unknown kind %s\"\n", FNR, kind
    }
}
