#!/bin/sh
# SPDX-License-Identifier: MIT
# The one-file release: the core in quarry.c, its public headers in quarry.h, the ports beside them.
#
#     tools/amalgamate.sh FOLDER
#
#     FOLDER/quarry.c, quarry.h      everything of src/ and include/quarry/
#     FOLDER/quarry/*.h              one line each: code that says <quarry/slab.h> compiles unchanged
#     FOLDER/port/template/          copy this to begin a port
#     FOLDER/port/bare/              a complete port: one CPU, no interrupts, memory at fixed addresses
#     FOLDER/port/hosted/            a Linux process: quarry_hosted.c and its quarry_port.h
#     FOLDER/meson.build, CMakeLists.txt, README.md, LICENSE
#
# Each of the project's own headers appears once, where it is first included; #include lines of others
# stay as they are. What makes this possible is that names of static functions are unique across the
# core (tools/check-style.sh, S5); the rest the compiler says.
set -eu
[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 64; }
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1/quarry" "$1/port/template" "$1/port/bare" "$1/port/hosted" || { echo "$0: cannot write to $1" >&2; exit 1; }
out=$(cd "$1" && pwd)
cd "$root"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^#define QUARRY_VERSION "\(.*\)"/\1/p' include/quarry/version.h)

# join PUBLIC FILE...: the files' text with the project's headers put in. With PUBLIC=1 those of
# include/quarry/ are put in too; with 0 they are left out, since quarry.h has them.
join() {
    public=$1
    shift
    awk -v public="$public" '
    function folder_of(path) { return match(path, /.*\//) ? substr(path, 1, RLENGTH) : "" }
    function exists(path,    text, there) { there = (getline text < path) >= 0; close(path); return there }
    function plain(path) { # a/b/../c is a/c
        while (match(path, /[^\/.]+\/\.\.\//))
            path = substr(path, 1, RSTART - 1) substr(path, RSTART + RLENGTH)
        return path
    }
    # The file of this tree that an #include in @from means, or "".
    function file_of(name, quoted, from,    path) {
        if (name ~ /^quarry\//)
            return "include/" name
        if (!quoted)
            return ""
        path = plain(folder_of(from) name)
        return exists(path) ? path : exists("src/" name) ? "src/" name : ""
    }
    function put(path,    text, name, file, n) {
        if (seen[path]++)
            return
        printf "\n/* ---- %s ---- */\n", path
        n = 0
        while ((getline text < path) > 0) {
            if (++n == 1 && text ~ /SPDX-License-Identifier/)
                continue
            if (text ~ /^#define _GNU_SOURCE$/)
                continue # said once, at the top
            if (match(text, /^[ \t]*#[ \t]*include[ \t]*["<][^">]*/)) {
                name = substr(text, RSTART, RLENGTH)
                file = name ~ /"/
                sub(/.*["<]/, "", name)
                file = file_of(name, file, path)
                if (file != "") {
                    if (public || file !~ /^include\/quarry\//)
                        put(file)
                    continue
                }
            }
            print text
        }
        close(path)
    }
    BEGIN {
        for (i = 1; i < ARGC; i++)
            put(ARGV[i])
    }' "$@"
}

# body FILE...: the same for what is compiled. The headers of others come first, outside of the part
# whose names are hidden: what they declare lives elsewhere. What compilers forgive a header (inline functions
# that nobody uses, parameters that an interface has and one function does not need) stands in the file itself
# now.
body() {
    join 0 "$@" >"$work/body"
    grep -E '^#include' "$work/body" | LC_ALL=C sort -u || true
    echo '#include "quarry.h"'
    echo '#pragma GCC visibility push(hidden) /* what is not QUARRY_API stays inside */'
    echo '#pragma GCC diagnostic push'
    echo '#pragma GCC diagnostic ignored "-Wunused-function"'
    echo '#pragma GCC diagnostic ignored "-Wunused-parameter"'
    grep -vE '^#include' "$work/body"
    printf '\n#pragma GCC diagnostic pop\n#pragma GCC visibility pop\n'
}

head_of() { # FILE, what it is
    printf '/* SPDX-License-Identifier: MIT */\n/* Quarry %s, %s. Made by tools/amalgamate.sh: change the sources, not this file. */\n' \
        "$version" "$1"
}

{
    head_of "all public headers in one"
    echo "#ifndef QUARRY_H"
    echo "#define QUARRY_H"
    join 1 include/quarry/quarry.h
    echo "#endif"
    echo
    echo "/* For quarry.c and for ports: the contract with a machine. */"
    echo "#ifdef QUARRY_PORT_CONTRACT"
    join 0 include/quarry/port.h
    echo "#endif"
} >"$out/quarry.h"
# A header that the umbrella leaves out would be lost without a word.
for header in include/quarry/*.h; do
    name=$(basename "$header")
    grep -q "^/\* ---- $header ---- \*/" "$out/quarry.h" ||
        { echo "$0: $header is not in include/quarry/quarry.h" >&2; exit 1; }
    { head_of "$name"
      [ "$name" = port.h ] && printf '#undef QUARRY_PORT_CONTRACT\n#define QUARRY_PORT_CONTRACT\n'
      echo '#include "../quarry.h"'; } >"$out/quarry/$name"
done

{
    head_of "the core in one file"
    printf '#ifndef %s\n#define %s\n#endif\n' QUARRY_BUILDING_CORE QUARRY_BUILDING_CORE
    echo '#define QUARRY_PORT_CONTRACT'
    # shellcheck disable=SC2046 # no spaces in these names
    body $(find src -name '*.c' ! -path '*/test/*' | LC_ALL=C sort)
} >"$out/quarry.c"

{
    head_of "the port to a Linux process, in one file"
    printf '#ifndef %s\n#define %s\n#endif\n' _GNU_SOURCE _GNU_SOURCE
    printf '#ifndef %s\n#define %s\n#endif\n' QUARRY_BUILDING_CORE QUARRY_BUILDING_CORE
    echo '#define QUARRY_PORT_CONTRACT'
    body ports/hosted/*.c
} >"$out/port/hosted/quarry_hosted.c"
cp ports/hosted/quarry_port.h "$out/port/hosted/"
cp ports/template/* "$out/port/template/"
cp examples/bare/port/* "$out/port/bare/"
cp LICENSE "$out/"
for file in packaging/release/*; do
    sed "s/@VERSION@/$version/g; s/@ABI@/${version%.*}/g" "$file" >"$out/$(basename "$file")"
done
cp cmake/quarry-add-library.cmake cmake/quarry-check-port.cmake "$out/"
