#!/bin/sh
# SPDX-License-Identifier: MIT
# A test suite is as good as the faults it notices. This plants small faults in src/ (tools/mutants.c has
# the rules), one at a time, and asks the test programs that reach the faulty line whether they notice:
# fail, die, or hang until they are stopped.
#
#     tools/mutate.sh [-n NUMBER] [-S SEED] [-b BUILD] [-c BUILD] [-w WORK] [-o DOCUMENT] [-a] [-q] [FOLDER|FILE...]
#
#     -n NUMBER    so many faults (450): from each folder as many as its share of all, from each operator in
#                  turn. Which ones, SEED says (QUARRY_SEED, or the one of DOCUMENT, or the commit's name)
#     -b BUILD     a debug build with its test programs (build/debug)
#     -c BUILD     one with --coverage (build/coverage): which program reaches which line
#     -w WORK      where results stay (build/mutation)
#     -o DOCUMENT  write the score there
#     -a           again: those that went unnoticed last time, nothing else
#     -q           quick: nothing is known of what the programs reach; thirty are asked, for fifteen seconds
#
# A fault costs one compilation and a link for each program asked: the changed object stands before the
# library, so that the library's own is not fetched. The folder's own programs come first, and the first that
# notices ends it; at most sixty are asked. Then, but with -q, those on simulated machines, with fixed seeds: of
# a lock not taken or a hand-over in the wrong order threads show nothing. Their libraries compile the core in
# their own ways, and so the fault. What does not compile does not count. What nobody noticed is
# compiled once more with optimisation, and so is the unchanged file: where both give the same code nothing
# was changed, and it does not count. tests/mutants.txt says of others why nobody can see them (=: they do
# not count) or why no test does (!: they count as unnoticed).
#
# Exit status 1 when fewer than 95 % were noticed; with -q, none at all.
set -eu
LC_ALL=C
export LC_ALL
root=$(cd "$(dirname "$0")/.." && pwd)
most=60                         # programs asked about one fault
patience=${QUARRY_PATIENCE:-30} # seconds more for a program that hangs, when nobody else noticed

# ---- one fault -----------------------------------------------------------------------------------

compile() { # what becomes of "-o OBJECT -c SOURCE" in the command for $file, and of which core
    (cd "$build" && sh -c "$(sed "s, -o [^ ]* -c [^ ]*\$, $1," "$work/compiles/$(echo "${2:-quarry-core}/$file" | tr / _)")")
}
link_line() { # program: the command that makes it, with the changed object, into $dir/program
    sed -e "s,\(^\| \)CMakeFiles/quarry-core.dir/$file\.o\( \|\$\),\1$dir/mutant.o\2,; t named" \
        -e "s,\(^\| \)libquarry\.a,\1$dir/mutant.o libquarry.a," \
        -e "s,\(^\| \)\(libquarry-sim\|libquarry-sim-preempt\)\.a,\1$dir/\2.o \2.a," \
        -e ':named' -e "s, -o $1\( \|\$\), -o $dir/program\1," "$work/links/$1"
}
arguments_of() { # program
    case $1 in
    quarry-model) echo --seed 1 --steps 300000 ;;
    quarry-prove*) echo --seed 1 --programs 100 ;;
    esac
}
# What a program may take: seconds on the clock, seconds of the processor. Several times what it takes unchanged.
limits_of() { # program
    awk -v program="$1" '$2 == program { wall = $1; cpu = $3 }
        END { printf "wall=%d cpu=%d\n", wall / 200 + 10, cpu / 250 + 3 }' "$work/times"
}
# Run $dir/program: true when it fails by itself, or burns so much processor time that it will not come back.
# One that just takes long is remembered, and asked with more patience when a second one takes long or nobody
# else notices: a loaded machine must not pass for an observant test.
notices() { # program
    eval "$(limits_of "$1")"
    status=0
    # shellcheck disable=SC2046 # several arguments
    (cd "$dir" && ulimit -c 0 && ulimit -S -t "$cpu" && exec timeout -k 2 "$wall" ./program $(arguments_of "$1")) \
        >/dev/null 2>&1 </dev/null || status=$?
    [ $status -ne 124 ] && [ $status -ne 137 ] && { [ $status -ne 0 ]; return; }
    mv "$dir/program" "$dir/hangs-$1"
    hanging=$((hanging + 1))
    [ $hanging -eq 2 ] && hangs
}
hangs() {
    for slow in "$dir"/hangs-*; do
        [ -f "$slow" ] || continue
        eval "$(limits_of "${slow##*/hangs-}")"
        # shellcheck disable=SC2046 # several arguments
        (cd "$dir" && ulimit -c 0 && ulimit -S -t "$cpu" &&
            exec timeout -k 2 $((wall + patience)) "$slow" $(arguments_of "${slow##*/hangs-}")) \
            >/dev/null 2>&1 </dev/null || { by=${slow##*/hangs-}; return 0; }
        rm "$slow"
    done
    return 1
}
# Those that reach the line, or the nearest one before it that has code: the folder's own (all) first, then those
# that noticed most faults so far, quick ones before slow ones; so many that a fault has its price.
programs_for() {
    own=$(cd "$root/${file%/*}" && ls test/*_test.c 2>/dev/null | sed 's,test/,,; s/\.c$//' | tr '\n' ' ')
    if [ -n "$quick" ]; then
        cp "$work/programs" "$dir/reach"
    else
        # What stands outside functions has no code of its own, and of a child that is killed nobody knows what
        # it reached: all that reach the file.
        awk -v file="$file" -v line="$line" -v function_name="$function" '
            $1 == file && $3 != "-" && !seen[$3]++ { all[m++] = $3 }
            $1 == file && function_name != "-" && $2 + 0 <= line && $2 + 0 >= at {
                if ($2 + 0 > at)
                    n = 0
                at = $2 + 0
                programs[n++] = $3
            }
            END {
                for (i = 0; i < n; i++)
                    if (programs[i] != "-") {
                        print programs[i]
                        some = 1
                    }
                for (i = 0; i < m && !some; i++)
                    print all[i]
            }' "$work/map" >"$dir/reach"
        # The folder's own in any case: what a child of theirs reached may be missing.
        # shellcheck disable=SC2086 # several programs
        printf '%s\n' $own >>"$dir/reach"
    fi
    awk -v own=" $own" 'FILENAME ~ /reach$/ { reaches[$1] = 1; next }
        FILENAME ~ /noticed_by$/ { seen[$1]++; next }
        $2 in reaches { print (index(own, " " $2 " ") ? 0 : 1), -seen[$2], $1, $2 }' "$dir/reach" "$work/noticed_by" "$work/times" |
        sort -k1,1n -k2,2n -k3,3n | head -n "$most" | cut -d ' ' -f 4
}
same_code() {
    mkdir "$dir/old"
    { echo "#line 1 \"$root/$file\"" && cat "$root/$file"; } >"$dir/old/${file##*/}"
    flags="-w -O2 -g0 -iquote $root/${file%/*}"
    compile "$flags -o $dir/new.o -c $dir/${file##*/}" && compile "$flags -o $dir/old.o -c $dir/old/${file##*/}" &&
        objcopy --remove-section=.comment -N "${file##*/}" "$dir/new.o" && objcopy --remove-section=.comment -N "${file##*/}" "$dir/old.o" &&
        cmp -s "$dir/new.o" "$dir/old.o"
}
faulty() { # the file with the fault, and how it is compiled
    { echo "#line 1 \"$root/$file\"" && "$work/mutants" apply "$root/$file" "$index"; } >"$dir/${file##*/}"
    strict="-Wno-error -Werror=int-conversion -Werror=incompatible-pointer-types -iquote $root/${file%/*}"
}
ask() { # program: true when the verdict is found
    asked=$((asked + 1))
    (cd "$build" && sh -c "$(link_line "$1")") >"$dir/out" 2>&1 ||
        { echo "cannot be linked: $file $line with $1" && head -5 "$dir/out"; verdict=unlinked; return 0; }
    notices "$1" || return 1
    verdict=noticed
    [ "$by" != - ] || by=$1
    echo "$by" >>"$work/noticed_by"
}
# Those on simulated machines, when the fault is compiled for them.
simulated() {
    [ -z "$quick" ] || return 0
    for kind in quarry-sim quarry-sim-preempt; do
        [ -f "$work/compiles/$(echo "$kind-core/$file" | tr / _)" ] || continue
        compile "$strict -o $dir/lib$kind.o -c $dir/${file##*/}" "$kind-core" >"$dir/out" 2>&1 || continue
        awk -v library="lib$kind.a" 'FILENAME ~ /times$/ { passes[$2] = 1; next }
            $2 == library && $1 in passes { print $1 }' "$work/times" "$work/simulated"
    done
}
try_fault() {
    faulty
    compile "$strict -o $dir/mutant.o -c $dir/${file##*/}" >"$dir/out" 2>&1 || { verdict=stillborn; return; }
    begun=$(date +%s)
    for program in $(programs_for); do
        # Before the first from elsewhere: whether anything changed at all.
        if [ "$asked" -gt 0 ] && [ -z "$compared" ] && [ "$index" -ge 0 ] &&
            [ ! -f "$root/${file%/*}/test/$program.c" ]; then
            compared=1
            same_code && { verdict=same; return; }
        fi
        ask "$program" && return
        [ -z "$quick" ] && [ "$index" -ge 0 ] || [ $(($(date +%s) - begun)) -lt 15 ] || break
    done
    [ "$asked" -gt 0 ] || verdict=unreached
    if [ -z "$compared" ] && same_code; then
        verdict=same
        [ "$index" -lt 0 ] || return 0 # but the control is for all
    fi
    for program in $(simulated); do
        ask "$program" && return
    done
    hangs && verdict=noticed || :
}
try() { # number of the line in chosen
    record=$(sed -n "$1p" "$work/chosen")
    file=$(printf '%s\n' "$record" | cut -f 1)
    index=$(printf '%s\n' "$record" | cut -f 2)
    line=$(printf '%s\n' "$record" | cut -f 3)
    function=$(printf '%s\n' "$record" | cut -f 5)
    dir=$(mktemp -d "$work/try.XXXXXX")
    verdict=unnoticed by=- asked=0 hanging=0 compared=
    try_fault
    rm -rf "$dir"
    printf '%s\t%s\t%d\t%s\n' "$verdict" "$by" "$asked" "$record" >>"$work/results"
    case $verdict in
    unnoticed | unreached) printf '%s\n' "$record" | awk -F '\t' -v verdict="$verdict" -v asked="$asked" '
        { printf "%s by %d programs: %s:%d %s\n    - %s\n    + %s\n", verdict, asked, $1, $3, $5, $6, $7 }' ;;
    esac
}

viable() { # number of the line in candidates: notes whether it compiles
    record=$(sed -n "$1p" "$work/candidates")
    file=$(printf '%s\n' "$record" | cut -f 1)
    index=$(printf '%s\n' "$record" | cut -f 2)
    dir=$(mktemp -d "$work/try.XXXXXX")
    list=stillborn
    faulty
    compile "$strict -fsyntax-only -c $dir/${file##*/}" >/dev/null 2>&1 && list=alive
    rm -rf "$dir"
    printf '%s\t%s\n' "$file" "$index" >>"$work/$list"
}

# ---- what the programs reach, and how long they take ---------------------------------------------

# Each runs once in the build with --coverage, and gcov tells.
cover() { # program
    mkdir "$work/cover/$1"
    (cd "$work/cover/$1" && GCOV_PREFIX=$PWD timeout 600 "$coverage/$1" >/dev/null 2>&1 </dev/null) || :
    here=$work/cover/$1$coverage/CMakeFiles/quarry-core.dir
    mkdir -p "$here"
    (cd "$here" && find src -name '*.gcda' | sed 's/\.gcda$//') >"$work/cover/$1/objects"
    while read -r object; do
        ln -s "$coverage/CMakeFiles/quarry-core.dir/$object.gcno" "$here/$object.gcno"
    done <"$work/cover/$1/objects"
    (cd "$here" && sed 's/$/.gcda/' "$work/cover/$1/objects" | xargs -r gcov -t 2>/dev/null) |
        awk -F : -v root="$root/src/" -v program="$1" '
            $2 + 0 == 0 && $3 == "Source" { ours = index($4, root) == 1 && $4 ~ /\.c$/; file = "src/" substr($4, length(root) + 1) }
            $2 + 0 > 0 && ours { sub(/^ */, "", $1); if ($1 != "-") print file, $2 + 0, ($1 ~ /^[#=]/ ? "-" : program) }' \
            >"$work/reached/$1"
    rm -rf "$work/cover/$1"
}
# One that fails unchanged would notice everything.
measure() { # program
    begun=$(date +%s%N)
    # shellcheck disable=SC2046 # several arguments
    if (cd "$work/cover" && timeout 600 "$build/$1" $(arguments_of "$1")) >/dev/null 2>&1 </dev/null; then
        wall=$((($(date +%s%N) - begun) / 1000000))
        # The shell's second line of times: what its children took, user and system.
        times >"$work/cover/$1.times"
        awk -v wall="$wall" -v program="$1" '
            NR == 2 { split($1, u, /[ms]/); split($2, s, /[ms]/)
                print wall, program, int(1000 * (60 * (u[1] + s[1]) + u[2] + s[2])) }' \
            "$work/cover/$1.times" >>"$work/times"
    else
        echo "$1 fails without a fault, and is left out"
    fi
}

if [ "${1:-}" = --step ]; then
    . "$3/settings"
    [ -z "$quick" ] || most=30
    trap '[ $? -eq 0 ] || echo "$2 $4 in $3: failed"' EXIT
    "$2" "$4" 2>/dev/null # where the shell says of each program how it died
    exit 0
fi

# ---- all of them ---------------------------------------------------------------------------------

build=$root/build/debug
coverage=$root/build/coverage
work=$root/build/mutation
number=450 least=95
seed=${QUARRY_SEED:-}
document= again= quick=
while getopts n:S:b:c:w:o:aq option; do
    case $option in
    n) number=$OPTARG ;;
    S) seed=$OPTARG ;;
    b) build=$(cd "$OPTARG" && pwd) ;;
    c) coverage=$(cd "$OPTARG" && pwd) ;;
    w) work=$OPTARG ;;
    o) document=$OPTARG ;;
    a) again=1 ;;
    q) quick=1 least=1 ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ -f "$build/build.ninja" ] || { echo "no build in $build: make test makes one"; exit 77; }
[ -n "$quick" ] || [ -f "$coverage/build.ninja" ] || { echo "no build in $coverage: make mutate makes one"; exit 77; }
[ -n "$seed" ] || [ ! -f "$document" ] || seed=$(sed -n 's/.*chosen by the seed `\([^`]*\)`.*/\1/p' "$document")
[ -n "$seed" ] || seed=$(git -C "$root" rev-parse HEAD 2>/dev/null || echo 1)
mkdir -p "$work"
work=$(cd "$work" && pwd)
rm -rf "$work"/try.* "$work/links" "$work/compiles" "$work/cover"
mkdir "$work/links" "$work/compiles" "$work/cover"
printf "work='%s'\nbuild='%s'\ncoverage='%s'\nquick=%s\n" "$work" "$build" "$coverage" "$quick" >"$work/settings"
all_of() { # step: for each line of the input
    xargs -P "${JOBS:-$(nproc)}" -L 1 sh "$0" --step "$1" "$work"
}

# How programs are linked, and sources compiled.
${CC:-gcc} -O2 -D_GNU_SOURCE "$root/tools/mutants.c" -o "$work/mutants"
find "$root/src" "$root/tests" -name '*_test.c' | sort | while read -r source; do
    [ ! -x "$build/$(basename "$source" .c)" ] || basename "$source" .c
done >"$work/programs"
# Of those on simulated machines the slow ones find no more than the others, and one asks the simulator alone.
find "$root/tests/sim" -name '*_test.c' | sed 's,.*/,,; s/\.c$//' | sort | sed 'p; s/$/-preempt/' >"$work/candidates"
printf '%s\n' quarry-model quarry-prove quarry-prove-preempt >>"$work/candidates"
grep -vx -e small_test -e large_test -e 'sim_test.*' "$work/candidates" | while read -r program; do
    [ ! -x "$build/$program" ] || echo "$program"
done >"$work/machines"
# shellcheck disable=SC2046 # several programs
ninja -C "$build" -t commands $(cat "$work/programs" "$work/machines") | sed -n 's/^: && \(.*\) && :$/\1/p' >"$work/commands"
while read -r program; do
    # Not those with a core that was compiled for them.
    grep -E -- " -o $program( |\$)" "$work/commands" | grep -E 'libquarry\.a|quarry-core\.dir' >"$work/links/$program" ||
        rm "$work/links/$program"
done <"$work/programs"
ls "$work/links" >"$work/programs"
while read -r program; do
    grep -E -- " -o $program( |\$)" "$work/commands" | grep -E 'libquarry-sim(-preempt)?\.a' >"$work/links/$program" || continue
    echo "$program $(grep -o 'libquarry-sim[-a-z]*\.a' "$work/links/$program" | head -n 1)"
done <"$work/machines" >"$work/simulated"
awk -v root="$root/" -v out="$work/compiles/" '
    /"command":/ { command = $0 }
    /"file":/ {
        file = $0
        sub(/^ *"file": "/, "", file)
        sub(/",?$/, "", file)
        if (index(file, root) != 1 || !match(command, /CMakeFiles\/quarry-(sim-|sim-preempt-)?core\.dir\//))
            next
        core = substr(command, RSTART + 11, RLENGTH - 16)
        file = core "/" substr(file, length(root) + 1)
        gsub(/\//, "_", file)
        sub(/^ *"command": "/, "", command)
        sub(/",$/, "", command)
        gsub(/\\"/, "\"", command)
        print command > (out file)
        close(out file)
    }' "$build/compile_commands.json"

# Every fault there is.
(cd "$root" && find src -name '*.c' ! -path '*/test/*' | sort) >"$work/sources"
while read -r file; do
    "$work/mutants" list "$root/$file" | sed "s,^,$file	,"
done <"$work/sources" >"$work/all"
if [ $# -gt 0 ]; then
    for place; do
        awk -F '\t' -v place="${place%/}" '$1 == place || index($1, place "/") == 1' "$work/all"
    done >"$work/here"
else
    cp "$work/all" "$work/here"
fi

# The sample. Each fault has a number made of the seed and of its text (not of its line). In a folder,
# operators take turns, each with its lowest number; a folder has a share like its share of all, at least
# four. What does not compile is passed over.
choose() {
    awk -F '\t' -v seed="$seed" -v number="$number" '
        BEGIN { for (i = 1; i < 256; i++) code[sprintf("%c", i)] = i }
        {
            text = seed $1 $2 $4 $5 $6 $7
            h = 2166136261
            for (i = 1; i <= length(text); i++)
                h = (h * 257 + code[substr(text, i, 1)]) % 4294967291
            for (i = 0; i < 3; i++)
                h = (h * 48271 + 11) % 4294967291
            folder = $1
            sub(/\/[^\/]*$/, "", folder)
            if (number < 100)
                folder = "src" # too few for shares
            printf "%s\t%s\t%.0f\t%s\n", folder, $4, h, $0
        }' "$work/here" | sort -t "$tab" -k1,1 -k2,2 -k3,3n |
        awk -F '\t' '{ if ($1 FS $2 != cell) { cell = $1 FS $2; turn = 0 } print $1 FS turn++ FS $0 }' |
        sort -t "$tab" -k1,1 -k2,2n -k5,5n | cut -f 1,6- >"$work/ordered"
    : >"$work/chosen"
    : >"$work/stillborn"
    : >"$work/alive"
    for round in 1 2 3 4; do
        awk -F '\t' -v number="$number" -v all="$(grep -c . "$work/ordered")" -v dead="$work/stillborn" \
            -v alive="$work/alive" '
            BEGIN {
                while ((getline line < dead) > 0)
                    skip[line] = 1
                while ((getline line < alive) > 0)
                    known[line] = 1
            }
            NR == FNR { n[$1]++; next }
            !($1 in quota) { quota[$1] = n[$1] / all * number; if (quota[$1] < 4) quota[$1] = 4 }
            taken[$1] < int(quota[$1] + 0.5) && !(($2 FS $3) in skip) {
                taken[$1]++
                print (($2 FS $3) in known ? "chosen" : "new") FS $0
            }' "$work/ordered" "$work/ordered" >"$work/round"
        cut -f 3- "$work/round" >"$work/chosen"
        awk -F '\t' '$1 == "new"' "$work/round" | cut -f 3- >"$work/candidates"
        [ -s "$work/candidates" ] || break
        awk '{ print NR }' "$work/candidates" | all_of viable
    done
}
tab=$(printf '\t')
if [ -n "$again" ]; then
    # By their text, and of several alike the nearest: lines and numbers change with the source.
    awk -F '\t' '$1 ~ /^un/ { print $4 FS $8 FS $9 FS $10 FS $6 }' "$work/results" >"$work/missed"
    awk -F '\t' '
        NR == FNR { key = $1 FS $2 FS $3 FS $4; at[key, ++nr[key]] = $5; next }
        { key = $1 FS $5 FS $6 FS $7 }
        key in nr { line[key, ++alike[key]] = $3; record[key, alike[key]] = $0 }
        END {
            for (key in nr)
                for (i = 1; i <= nr[key]; i++) {
                    best = 0
                    for (j = 1; j <= alike[key]; j++) {
                        far = line[key, j] - at[key, i]
                        far = far < 0 ? -far : far
                        if (!((key, j) in used) && (!best || far < least)) { best = j; least = far }
                    }
                    if (best) { used[key, best] = 1; print record[key, best] }
                }
        }' "$work/missed" "$work/here" >"$work/chosen"
    awk -F '\t' '$1 !~ /^un/' "$work/results" >"$work/kept" && mv "$work/kept" "$work/results"
else
    choose
    : >"$work/results"
fi
[ -f "$work/noticed_by" ] || : >"$work/noticed_by"
echo "seed $seed: $(grep -c . "$work/chosen") of $(grep -c . "$work/here") faults"

if [ -n "$quick" ]; then
    # What ctest remembers of them, if it ran before.
    cat "$build/Testing/Temporary/CTestCostData.txt" 2>/dev/null | awk '
        FILENAME == "-" { cost[$1] = int(1000 * $3); next }
        { print cost[$1] + 0, $1, 2 * cost[$1] }' - "$work/programs" >"$work/times"
elif [ ! -s "$work/map" ] ||
    [ -n "$(find "$build" "$coverage" -maxdepth 1 \( -name '*_test*' -o -name 'quarry-*' \) -type f -newer "$work/map" 2>/dev/null)" ]; then
    : >"$work/times"
    rm -rf "$work/reached"
    mkdir "$work/reached"
    cut -d ' ' -f 1 "$work/simulated" | cat "$work/programs" - | all_of measure
    all_of cover <"$work/programs"
    cat "$work"/reached/* | sort -u >"$work/map"
fi
# The control: an unchanged file, treated like the others, must not be noticed.
awk -F '\t' 'NR == 1 { print $1 FS "-1" FS 0 FS "control" FS "-" FS "-" FS "-" }' "$work/chosen" >"$work/control"
cat "$work/control" "$work/chosen" >"$work/chosen.new" && mv "$work/chosen.new" "$work/chosen"
awk '{ print NR }' "$work/chosen" | all_of try
if ! grep "$tab-1${tab}0${tab}control$tab" "$work/results" | grep -q "^same$tab"; then
    echo "An unchanged file counts as noticed, or is not compiled to the same code: no verdict means anything."
    exit 1
fi
grep -v "$tab-1${tab}0${tab}control$tab" "$work/results" >"$work/results.new"
mv "$work/results.new" "$work/results"

# ---- the score -----------------------------------------------------------------------------------

# What tests/mutants.txt says of a fault goes in front of its result: = or !, and the reason.
awk -F '\t' -v list="$root/tests/mutants.txt" '
    function squeezed(text) { gsub(/[ \t]+/, " ", text); sub(/^ /, "", text); sub(/ $/, "", text); return text }
    BEGIN {
        while ((getline line < list) > 0) {
            mark = substr(line, 1, 1)
            rest = squeezed(substr(line, 2))
            if (line ~ /^src\//) { place = squeezed(line); from = to = "" }
            else if (mark == "-") { from = rest; to = "" }
            else if (mark == "+") to = rest
            else if (mark == "=" || mark == "!") { why[place FS from FS to] = mark FS rest; key = place FS from FS to }
            else if (mark == " " && key != "") why[key] = why[key] " " rest
            if (mark != "=" && mark != "!" && mark != " ") key = ""
        }
    }
    {
        place = $4 ": " $8
        verdict = "-" FS "-"
        if ((place FS $9 FS $10) in why) verdict = why[place FS $9 FS $10]
        else if ((place FS $9 FS "") in why) verdict = why[place FS $9 FS ""]
        print verdict FS $0
    }' "$work/results" | sort -t "$tab" -k6,6 -k8,8n -k7,7n >"$work/judged"

low=0
awk -F '\t' -v seed="$seed" -v least="$least" -v all="$(grep -c . "$work/here")" '
    function folder_of(file) { sub(/\/[^\/]*$/, "", file); return file }
    function table(title, name, n, noticed, counted,    i, k) {
        printf "| %s | faults | noticed | not | score |\n| --- | ---: | ---: | ---: | ---: |\n", title
        for (i = 0; i < n; i++) {
            k = name[i]
            printf "| `%s` | %d | %d | %d | %.0f %% |\n", k, counted[k], noticed[k], counted[k] - noticed[k],
                   100 * noticed[k] / counted[k]
        }
    }
    $3 == "stillborn" || $3 == "unlinked" { next }
    $3 == "same" { same++; next }
    $3 != "noticed" && $1 == "=" { equal++; next }
    {
        f = folder_of($6)
        o = $9
        if (!(f in fc)) fk[nf++] = f
        if (!(o in oc)) ok[no++] = o
        fc[f]++; oc[o]++; total++
    }
    $3 == "noticed" { fn[f]++; on[o]++; noticed++; next }
    {
        list = list sprintf("### `%s`, `%s`: %s\n\n```text\n- %s\n+ %s\n```\n\n%s\n\n", $6, $10, $9, $11, $12,
                            $1 == "!" ? $2 : "No reason yet.")
        explained += $1 == "!"
    }
    END {
        if (!total) { print "No fault was tried."; exit 1 }
        for (i = 1; i < no; i++)
            for (j = i; j > 0 && ok[j - 1] > ok[j]; j--) { t = ok[j]; ok[j] = ok[j - 1]; ok[j - 1] = t }
        score = 100 * noticed / total
        printf "**%.1f %%**: of %d faults the programs noticed %d. %d more were tried and do not count, since they change nothing that\n",
               score, total, noticed, same + equal
        printf "could be noticed: %d leave the optimised code as it was, of %d `tests/mutants.txt` has the proof. The sample is of the %d\n",
               same, equal, all
        printf "faults that the rules find, chosen by the seed `%s`.\n\n", seed
        table("folder", fk, nf, fn, fc)
        print ""
        table("kind", ok, no, on, oc)
        printf "\n## Not noticed\n\n%s", list == "" ? "Nothing.\n" : list
        exit score < least
    }' "$work/judged" >"$work/score.md" || low=1
if [ -n "$document" ]; then
    {
        cat <<TEXT
# Mutation

Do the tests notice when the code is wrong? \`make mutate\` plants small faults in \`src/\`, one at a time: a comparison turned round, a lock that
is not given back, an order one too large, an undo step left out. It builds the test programs with each and runs those that reach the
line, until one fails; last the model and random programs on simulated machines. What none of them notices is a behaviour that nobody
asserts. This document is what it printed last.

\`tools/mutants.c\` finds the places by rule, and nobody chooses among them: a sample is drawn by a seed, the name of a
commit. \`make mutate\` draws the sample below again; \`QUARRY_SEED=\$(git rev-parse HEAD) make mutate\` draws one that nobody has seen.
Each folder has a share by its number of places, and in a folder the kinds of fault take turns, so that rare
kinds are not drowned. \`make mutate N=1000\` tries more. Faults in headers are not planted.

Faults that go by get tests and are tried again (\`tools/mutate.sh -a\`), so a sample that was worked on scores higher than one
never seen before.

## The score

TEXT
        cat "$work/score.md"
    } | awk '{ lines[NR] = $0 } END { while (lines[NR] == "") NR--; for (i = 1; i <= NR; i++) print lines[i] }' >"$document.new"
    mv "$document.new" "$document"
fi
sed -n '1,/^## Not/p' "$work/score.md" | sed '$d'
exit "$low"
