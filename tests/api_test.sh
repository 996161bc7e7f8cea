#!/bin/sh
# SPDX-License-Identifier: MIT
# Every promised name exists where it is declared in the kernel and in include/quarry, has the
# promised type, and links with the library. tests/api/names.txt is the list; a name that fails is
# listed by itself with the compiler's first words.
set -eu
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
api="$QUARRY_SOURCE/tests/api"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-std=gnu11 -Wall -Werror -Wno-unused-value -I$api"
missing=0

headers_of() { # column
    awk -v column="$1" 'BEGIN { FS = " *\\| *" } !/^#/ && NF >= 5 && $column != "-" && !seen[$column]++ { print $column }' \
        "$api/names.txt"
}
check_column() { # column, label, generation (0, or 1: 2.6), compiler and its flags
    column=$1
    label=$2
    old=$3
    shift 3
    for header in $(headers_of "$column"); do
        object="$work/$label-$(echo "$header" | tr '/.' '__')-$old.o"
        awk -v column="$column" -v old="$old" -v header="$header" -f "$api/assertions.awk" "$api/names.txt" >"$work/all.c"
        "$@" -c "$work/all.c" -o "$object" 2>"$work/out" && continue
        printf '#include <%s>\n' "$header" >"$work/one.c"
        [ "$old" -eq 0 ] || sed -i '1i #define QUARRY_LINUX_26 1' "$work/one.c"
        if ! "$@" -fsyntax-only "$work/one.c" 2>"$work/out"; then
            missing=$((missing + 1))
            echo "missing: <$header> itself"
            grep -m 1 -E 'error|fatal' "$work/out" | sed 's/^/    /' || true
            continue
        fi
        # One by one, to name what is missing.
        for line in $(awk -v column="$column" -v header="$header" \
            'BEGIN { FS = " *\\| *" } !/^#/ && $column == header { print FNR }' "$api/names.txt"); do
            awk -v column="$column" -v old="$old" -v header="$header" -v only="$line" -f "$api/assertions.awk" \
                "$api/names.txt" >"$work/one.c"
            "$@" -fsyntax-only "$work/one.c" 2>"$work/out" && continue
            missing=$((missing + 1))
            echo "missing in <$header>: $(sed -n "${line}s/ |.*//p" "$api/names.txt")"
            grep -m 1 -E 'error|fatal' "$work/out" | sed 's/^/    /' || true
        done
    done
}

for compiler in gcc clang; do
    command -v $compiler >/dev/null 2>&1 || continue
    for generation in 0 1; do
        # shellcheck disable=SC2086 # flags are meant to be split
        check_column 3 quarry-$compiler $generation $compiler $flags -I"$QUARRY_SOURCE/include"
        # shellcheck disable=SC2086
        check_column 2 linux-$compiler $generation $compiler $flags -D__KERNEL__ -DMODULE \
            -isystem "$QUARRY_SOURCE/compat/linux/include" -I"$QUARRY_SOURCE/include"
    done
done

# Every name links: those of include/quarry with each form of the library, those of the kernel's
# headers with compat/linux on top.
printf 'int main(void)\n{\n    return 0;\n}\n' >"$work/main.c"
sanitize=$(sed -n 's/^QUARRY_SANITIZE:STRING=\(..*\)/-fsanitize=\1/p' "$QUARRY_BUILD/CMakeCache.txt")
check_link() { # label of the objects, libraries
    label=$1
    shift
    # shellcheck disable=SC2086
    gcc $sanitize "$work/main.c" "$work/$label"-*.o "$@" -pthread -lm -ldl -o "$work/program" 2>"$work/out" && return 0
    echo "does not link with $1:"
    grep -E 'undefined reference|cannot find|multiple definition' "$work/out" | sort -u | head -20 | sed 's/^/    /'
    missing=$((missing + 1))
}
if [ "$missing" -eq 0 ] && [ -f "$QUARRY_BUILD/libquarry.a" ]; then
    check_link quarry-gcc "$QUARRY_BUILD/libquarry.a"
    check_link quarry-gcc "$QUARRY_BUILD/libquarry.so"
    # shellcheck disable=SC2046 # one object file a word
    check_link linux-gcc "$QUARRY_BUILD/libquarry.a" \
        $(find "$QUARRY_BUILD/compat/linux/CMakeFiles/quarry-linux.dir" -name '*.o') "$QUARRY_BUILD/libquarry.a"
fi
names=$(grep -c '^[^#].*|' "$api/names.txt")
if [ "$missing" -eq 0 ]; then
    echo "$names names, none missing"
else
    echo "$names names, $missing missing"
    exit 1
fi
