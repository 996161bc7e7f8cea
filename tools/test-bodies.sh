#!/bin/sh
# SPDX-License-Identifier: MIT
# A function that could as well be empty is not tested. This replaces each public function that returns
# something by one that returns 0, one at a time, and requires that a test program notices: fails, dies, or
# hangs until it is stopped.
#
#     tools/test-bodies.sh [-s NUMBER] [-S SEED] [-b BUILD] [NAME...]
#
#     -s NUMBER  try so many, chosen by SEED (QUARRY_SEED, 1), in place of all
#     -b BUILD   a debug build with its test programs (build/debug)
#
# Names come from include/quarry/*.h (exported and inline functions) and from tests/api/names.txt (those
# and the macros, and the functions of the kernel's headers). How one is replaced:
#
#     linked    The library's objects are copied once with every public symbol made weak. An empty one of the
#               same name then wins: each try is a relink of a test program that refers to the name.
#     inline    A macro of the same name, included in front of a test program that mentions it, stands for
#               the value 0: each try is one compilation and a relink.
#
# Prints the survivors, each with the programs that were tried; exit status 1 when there are any.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/debug
sample=0
seed=${QUARRY_SEED:-1}
hurry=5                         # seconds that a program has, if another may notice sooner
patience=${QUARRY_PATIENCE:-60} # seconds until a test that hangs is stopped

# ---- one try, in a process of its own: --try WORK KIND NAME TYPE HEADER -------------------------

programs_linked() { # name: programs whose own objects refer to it, those with fewest references first
    awk -v name="$1" '$2 == name { print $1 }' "$work/refers"
}
programs_inline() { # name: those that mention it, or a macro of ours that does
    { echo "$1" && awk -v name="$1" '$2 == name { print $1 }' "$work/macros"; } |
        awk 'NR == FNR { wanted[$1] = 1; next } $2 in wanted && !seen[$1]++ { print $1 }' - "$work/mentions"
}
link_line() { # program, empty: the command that makes it, with weak objects, into $dir/program
    sed -e "s,\(^\| \)\([^ ]*quarry-\(core\|port\|linux\)\.dir/\),\1$work/weak/\2,g" \
        -e "s,\(^\| \)libquarry\.a,\1-Wl\,--whole-archive $work/weak/libquarry.a -Wl\,--no-whole-archive,g" \
        -e "s, -o $1 , -o $dir/program $2 ,; s, -o $1\$, -o $dir/program $2," "$work/links/$1"
}
# Run $dir/program: true when it fails by itself. One that hangs is remembered, and asked again with more
# patience when no other notices: a loaded machine must not pass for an observant test.
notices() { # program
    status=0
    (cd "$dir" && timeout -k 2 "$hurry" ./program) >"$dir/out" 2>&1 || status=$?
    [ $status -ne 124 ] && [ $status -ne 137 ] && { [ $status -ne 0 ]; return; }
    cp "$dir/program" "$dir/hangs-$1"
    return 1
}
hangs() {
    for program in "$dir"/hangs-*; do
        [ -f "$program" ] || continue
        (cd "$dir" && timeout -k 2 "$patience" "$program") >"$dir/out" 2>&1 || return 0
    done
    return 1
}
try_linked() {
    printf 'long %s(void);\nlong %s(void)\n{\n    return 0;\n}\n' "$name" "$name" >"$dir/empty.c"
    ${CC:-gcc} -w -fPIC -fno-builtin -c "$dir/empty.c" -o "$dir/empty.o"
    for program in $(programs_linked "$name"); do
        tried="$tried $program"
        (cd "$build" && sh -c "$(link_line "$program" "$dir/empty.o")") >"$dir/out" 2>&1 ||
            { echo "cannot be linked: $name with $program" && head -5 "$dir/out" && return 1; }
        notices "$program" && return 0
    done
    hangs
}
# A macro's value is 0, or, where that does not compile, a null pointer of its first argument's type.
try_inline() {
    try_inline_as macro '(...) (0)' && return 0
    [ "$type" = function ] || ! grep -q '^cannot be compiled' "$dir/said" ||
        try_inline_as macro '(first, ...) ((__typeof__(first))0)'
}
try_inline_as() {
    {
        printf '#include <%s>\n' "$header"
        if [ "$type" = function ]; then
            printf '#define %s(...) ((__typeof__(%s(__VA_ARGS__)))0)\n' "$name" "$name"
        else
            printf '#undef %s\n#define %s%s\n' "$name" "$name" "$2"
        fi
    } >"$dir/empty.h"
    for program in $(programs_inline "$name"); do
        tried="$tried $program"
        object=$(grep -oE "CMakeFiles/$program\.dir/[^ ]*_test\.c\.o" "$work/links/$program" | head -1)
        (cd "$build" && sh -c "$(sed "s, -o [^ ]* -c , -w -include $dir/empty.h -o $dir/test.o -c ," \
            "$work/compiles/$program")") >"$dir/out" 2>&1 ||
            { echo "cannot be compiled: $name in $program" && grep -m 3 error "$dir/out" && continue; }
        (cd "$build" && sh -c "$(link_line "$program" "" | sed "s,$object,$dir/test.o,")") >"$dir/out" 2>&1 ||
            { echo "cannot be linked: $name with $program" && head -5 "$dir/out" && return 1; }
        notices "$program" && return 0
    done
    hangs
}
if [ "${1:-}" = --try ]; then
    work=$2 kind=$3 name=$4 type=$5 header=$6
    build=$(cat "$work/build")
    dir=$(mktemp -d "$work/try.XXXXXX")
    tried=
    if "try_$kind" >"$dir/said" 2>&1; then
        echo "$name" >>"$work/noticed"
    elif [ -n "$tried" ]; then
        { echo "survives: $name ($kind), tried with:$tried" && cat "$dir/said"; } >>"$work/survivors"
    else
        echo "survives: $name ($kind), no test program mentions it" >>"$work/survivors"
    fi
    rm -rf "$dir"
    exit 0
fi

# ---- all of them --------------------------------------------------------------------------------

while getopts s:S:b: option; do
    case $option in
    s) sample=$OPTARG ;;
    S) seed=$OPTARG ;;
    b) build=$(cd "$OPTARG" && pwd) ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ -f "$build/build.ninja" ] || { echo "no build in $build: make test makes one"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "$build" >"$work/build"
mkdir "$work/links" "$work/compiles" "$work/weak"
: >"$work/noticed" && : >"$work/survivors"

# What the kernel's headers promise alone, what ours do; by name: kind, type, header.
cat "$root"/include/quarry/*.h | tr '\n' ' ' | sed 's,/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/, ,g' | tr ';{}' '[\n*]' >"$work/text"
grep -E '\bQUARRY_API\b' "$work/text" | sed 's/.*QUARRY_API//' | grep -vE '^ *(extern +)?void +[a-z_]' |
    grep -oE '[A-Za-z_][A-Za-z_0-9]* *\(' | awk '{ sub(/ *\(/, ""); print }' | sort -u >"$work/words"
find "$build" -path "$build/other" -prune -o -path '*quarry-linux.dir/*' -name '*.o' -print | xargs nm "$build/libquarry.a" 2>/dev/null |
    awk '$2 == "T" { print $3 }' | sort -u >"$work/exported"
comm -12 "$work/words" "$work/exported" | sed 's/^/linked /; s/$/ function quarry\/quarry.h/' >"$work/all"
sed -n 's/.*\(static inline\|QUARRY_INLINE\) *//p' "$work/text" | sed 's/__attribute__((\([a-z_]*\)))//g' |
    grep -vE '^ *void +[a-z_]' | grep -oE '^[^(]*\(' | grep -oE '[A-Za-z_0-9]+ *\($' | tr -d ' (' | sort -u |
    sed 's/^/inline /; s/$/ function quarry\/quarry.h/' >>"$work/all"
awk 'BEGIN { FS = " *\\| *" }
    /^#/ || NF < 5 || $1 ~ /\(/ { next }
    $4 == "function" && $5 !~ /^void \(/ { print "either", $1, "function", ($3 == "-" ? $2 : $3) }
    $4 == "call" && $5 !~ /-> void$/ && $5 ~ "^" $1 "\\(" { print "inline", $1, "macro", ($3 == "-" ? $2 : $3) }' \
    "$root/tests/api/names.txt" >"$work/promised"
awk -v exported="$work/exported" 'BEGIN { while ((getline name < exported) > 0) known[name] = 1 }
    $1 == "either" { $1 = $2 in known ? "linked" : "inline" }
    { print }' "$work/promised" >>"$work/all"
sort -k2,2 -k1,1r -u "$work/all" | awk '!seen[$1 " " $2]++' >"$work/list"
# The duties of a port are not a caller's.
sort -u "$work/list" | awk '$2 !~ /^(__attribute__|__typeof__|qp_)/' >"$work/sorted" && mv "$work/sorted" "$work/list"

# The test programs: how each is made, what it refers to, what its source mentions.
for source in "$root"/src/test/*_test.c "$root"/src/*/test/*_test.c "$root"/tests/*_test.c; do
    program=$(basename "$source" .c)
    [ -x "$build/$program" ] || continue
    ninja -C "$build" -t commands "$program" | tail -n 1 | sed 's/^: && //; s/ && :$//' >"$work/links/$program"
    awk -v source="\"$source\"" '/"command":/ { line = $0 } /"file":/ && index($0, source) { print line; exit }' \
        "$build/compile_commands.json" | sed 's/^ *"command": "//; s/",$//; s/\\"/"/g; s/\\\\/\\/g' >"$work/compiles/$program"
    object=$(grep -oE "CMakeFiles/$program\.dir/[^ ]*_test\.c\.o" "$work/links/$program" | head -1)
    nm -u "$build/$object" | awk -v program="$program" '{ print program, $NF }' >>"$work/refers.all"
    tr -cs 'A-Za-z0-9_' '\n' <"$source" | sort -u | awk -v program="$program" '{ print program, $1 }' >>"$work/mentions.all"
done
# Programs with few words first: they are the ones about the name.
for table in refers mentions; do
    awk '{ n[$1]++; line[NR] = $0; of[NR] = $1 } END { for (i = 1; i <= NR; i++) print n[of[i]], line[i] }' \
        "$work/$table.all" | sort -n | cut -d ' ' -f 2- >"$work/$table"
done

sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}' "$root"/include/quarry/*.h |
    awk '/^#define [a-z_][a-zA-Z0-9_]*\(/ { sub(/^#define /, ""); macro = $0; sub(/\(.*/, "", macro); sub(/^[^(]*/, "")
        n = split($0, words, /[^A-Za-z0-9_]+/); for (i = 1; i <= n; i++) if (words[i] ~ /^[a-z_]/) print macro, words[i] }' |
    sort -u >"$work/macros"

# The library, with every public symbol weak. References become weak as well and fetch nothing out of an
# archive, so it is linked as a whole. (q: members of one name are different files.)
awk '$1 == "linked" { print $2 }' "$work/list" >"$work/symbols"
(cd "$build" && find . -path ./other -prune -o -path '*quarry-*.dir/*' -name '*.o' -print | grep -E 'quarry-(core|port|linux)\.dir/' | sed 's,^\./,,') >"$work/objects"
while read -r object; do
    mkdir -p "$work/weak/$(dirname "$object")"
    objcopy --weaken-symbols="$work/symbols" "$build/$object" "$work/weak/$object"
done <"$work/objects"
(cd "$work/weak" && grep -v 'quarry-linux\.dir' "$work/objects" | xargs ar qcs libquarry.a)

if [ $# -gt 0 ]; then
    for name; do awk -v name="$name" '$2 == name' "$work/list"; done >"$work/chosen"
elif [ "$sample" -gt 0 ]; then
    awk -v seed="$seed" 'BEGIN { srand(seed) } { print rand(), $0 }' "$work/list" | sort -n | head -n "$sample" |
        cut -d ' ' -f 2- >"$work/chosen"
    echo "seed $seed"
else
    cp "$work/list" "$work/chosen"
fi
xargs -P "$(nproc)" -L 1 sh "$0" --try "$work" <"$work/chosen"
sort "$work/survivors"
echo "$(grep -c . "$work/chosen") functions emptied, $(grep -c . "$work/noticed") noticed, $(grep -c '^survives' "$work/survivors") not"
[ ! -s "$work/survivors" ]
