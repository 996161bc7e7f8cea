#!/bin/sh
# SPDX-License-Identifier: MIT
# The headers of a library all of whose symbols carry a prefix.
#
#     tools/prefix.sh PREFIX FOLDER [PORT-FOLDER]
#
#     FOLDER/quarry/*.h           the public headers, each public name with PREFIX before it: my_kmalloc,
#                                 also the inline functions and macros that stand for functions
#     FOLDER/quarry/plain_names.h #define kmalloc my_kmalloc …, for sources that keep the short names
#     FOLDER/prefix_inside.h      the same, and the library's own internal names; its sources and its
#                                 port are compiled with -include of this
#
# Types and constants (struct page, GFP_KERNEL) have no symbol and keep their names.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 PREFIX FOLDER [PORT-FOLDER]" >&2; exit 64; }
prefix=$1
out=$2
root=$(cd "$(dirname "$0")/.." && pwd)
case $prefix in
[!a-zA-Z_]* | *[!a-zA-Z0-9_]* | '')
    echo "$0: \"$prefix\" cannot begin a C name; a prefix is like my_" >&2
    exit 64 ;;
esac
mkdir -p "$out/quarry"
sh "$root/tools/public-names.sh" all >"$out/names"
# The section in which backtraces recognise the library, one for each copy.
echo quarry_entry >>"$out/names"

for header in "$root"/include/quarry/*.h; do
    awk -v prefix="$prefix" -v names="$out/names" '
    BEGIN { while ((getline name < names) > 0) public[name] = 1 }
    /^[ \t]*#[ \t]*include/ { print; next }
    {
        line = ""
        while (match($0, /[A-Za-z_][A-Za-z0-9_]*/)) {
            word = substr($0, RSTART, RLENGTH)
            line = line substr($0, 1, RSTART - 1) (word in public ? prefix word : word)
            $0 = substr($0, RSTART + RLENGTH)
        }
        print line $0
    }' "$header" >"$out/new"
    mv "$out/new" "$out/quarry/$(basename "$header")"
done

defines() { awk -v prefix="$prefix" '{ printf "#define %s %s%s\n", $1, prefix, $1 }'; }
{
    echo "/* SPDX-License-Identifier: MIT */"
    echo "/* The short names for what this copy of the library calls $prefix…. Include it first. */"
    grep -v '^quarry_entry$' "$out/names" | defines
} >"$out/quarry/plain_names.h"
{
    echo "/* SPDX-License-Identifier: MIT */"
    echo "/* For the sources of this copy of the library. */"
    { cat "$out/names"
      printf '__%s_quarry_entry\n' start stop
      # Internal names; what is renamed besides symbols (types, fields) is so everywhere.
      find "$root/src" "$root/include/quarry" "${3:-$root/ports/template}" -name '*.[ch]' ! -path '*/test/*' -exec \
          grep -ohE '\b(qr|qp|quarry|hosted)_[a-z0-9_]+\b' {} + | grep -vE '^quarry_port$|^quarry_entry$'
    } | LC_ALL=C sort -u | sed '/^__st.*_quarry_entry$/d' | defines
    printf '#define __%s_quarry_entry __%s_%squarry_entry\n' start start "$prefix" stop stop "$prefix"
} >"$out/prefix_inside.h"
rm "$out/names"
