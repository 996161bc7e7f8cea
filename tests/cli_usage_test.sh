#!/bin/sh
# SPDX-License-Identifier: MIT
# The command line of `quarry`: help everywhere, versions, and an answer to each wrong word.
# shellcheck disable=SC2016 # variables in single quotes are for the shell that COMMAND runs
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"
printf '#include <linux/module.h>\nstatic int __init m(void) { return 0; }\nmodule_init(m);\n' >"$work/m.c"

expect 0 "help" "$QUARRY" help && prints "Exit status"
expect 0 "--help" "$QUARRY" --help && prints "usage: quarry"
expect 0 "-h" "$QUARRY" -h && prints "usage: quarry"
for command in run layout picture; do
    expect 0 "help $command" "$QUARRY" help $command && prints "usage: quarry $command"
    expect 0 "$command --help" "$QUARRY" $command --help && prints "usage: quarry $command"
done
expect 0 "--version" "$QUARRY" --version && prints '^quarry [0-9]+\.[0-9]+\.[0-9]+$'
expect 64 "no command" "$QUARRY" && says "usage: quarry"
expect 64 "an unknown command" "$QUARRY" rnu && says "unknown command rnu; did you mean run"
expect 64 "help for an unknown command" "$QUARRY" help nothing && says "no command nothing"
expect 64 "nothing to run" "$QUARRY" run && says "name the module's source files"
expect 64 "an unknown option" "$QUARRY" run --rma 5M "$work/m.c" && says "unknown option --rma; did you mean --ram"
expect 64 "an option like no other" "$QUARRY" run --xyzzyx "$work/m.c" && says "unknown option --xyzzyx; see"
expect 64 "an option without a value" "$QUARRY" run "$work/m.c" --ram && says "ram needs a value"
expect 64 "an option before --" "$QUARRY" run "$work/m.c" --ram -- true && says "ram needs a value"
expect 64 "a size that is none" "$QUARRY" run --ram lots "$work/m.c" && says '"lots" is not a size'
expect 64 "no memory at all" "$QUARRY" run --ram 0 "$work/m.c" && says '"0" is not a size'
expect 64 "a profile that is none" "$QUARRY" run --profile vax "$work/m.c" && says '"vax" is neither modern nor i386'
expect 64 "a level that is none" "$QUARRY" run --check 4 "$work/m.c" && says "not a number from 0 to 3"
expect 64 "a number that is none" "$QUARRY" run --cpus -1 "$work/m.c" && says "not a number from 1"
expect 64 "no nodes" "$QUARRY" run --nodes 0 "$work/m.c" && says "not a number from 1 to 8"
expect 64 "a version that is none" "$QUARRY" run --kernel six "$work/m.c" && says "is not a version"
expect 64 "a longer version" "$QUARRY" run --kernel 2.6.10.4 "$work/m.c" && says "is not a version"
expect 64 "a parameter without =" "$QUARRY" run --param quantum "$work/m.c" && says "is not name=value"
expect 64 "no command after --" "$QUARRY" run "$work/m.c" -- && says "no command after --"
expect 64 "+ at the beginning" "$QUARRY" run + "$work/m.c" && says "no file before"
expect 64 "+ at the end" "$QUARRY" run "$work/m.c" + && says "no file after"
expect 64 "-I without a folder" "$QUARRY" run "$work/m.c" -I && says "needs a value"
expect 64 "--json= without a name" "$QUARRY" run --json= "$work/m.c" && says "name is missing"
expect 2 "a file that is not there" "$QUARRY" run --no-mount "$work/none.c" && says "cannot read .*none.c: No such file"
expect 2 "a command without --" "$QUARRY" run --no-mount "$work/m.c" true && says "cannot read true: .*stands behind --"
printf '#include <linux/module.h>\n#include <linux/slab.h>\nstatic kmem_cache_t *cache;\nstatic int __init m(void) { return cache != NULL; }\nmodule_init(m);\n' >"$work/old.c"
expect 2 "a source of an older kernel" "$QUARRY" run --no-mount "$work/old.c" && says "older kernel; try --kernel 2.6.18"
expect 0 "the same, as it says" "$QUARRY" run --no-mount --kernel 2.6.18 "$work/old.c"
printf '#include <linux/fs.h>\n#include <linux/slab.h>\n#include <linux/module.h>\nint band = POLL_IN, size = SZ_1M;\nstatic int __init m(void) { return 0; }\nmodule_init(m);\n' >"$work/band.c"
expect 0 "names that only modules have" "$QUARRY" run --no-mount "$work/band.c"
mkdir "$work/folder"
expect 2 "a folder without a Makefile" "$QUARRY" run --no-mount "$work/folder" && says "has no Kbuild file or Makefile"
expect 2 "a folder among files" "$QUARRY" run --no-mount "$work/folder" "$work/m.c" && says "is a folder"
cp "$work/m.c" "$work/m.txt"
expect 2 "a file of another name" "$QUARRY" run --no-mount "$work/m.txt" && says "does not end in .c"
head -c 100 /dev/zero >"$work/zero.c"
expect 2 "a binary file" "$QUARRY" run --no-mount "$work/zero.c" && says "holds binary data"
expect 2 "one name twice" "$QUARRY" run --no-mount "$work/m.c" + "$work/m.c" && says "two modules are named m"
if [ "$(id -u)" -ne 0 ]; then
    cp "$work/m.c" "$work/locked.c"
    chmod 0 "$work/locked.c"
    expect 2 "an unreadable file" "$QUARRY" run --no-mount "$work/locked.c" && says "cannot read .*Permission denied"
else
    ln -s locked.c "$work/locked.c"
    expect 2 "an unreadable file" "$QUARRY" run --no-mount "$work/locked.c" && says "cannot read .*locked.c: "
fi
expect 2 "a boot option that is none" "$QUARRY" run --no-mount --options nonsense=1 "$work/m.c" &&
    says 'unknown boot option "nonsense" \(docs'
expect 2 "a misspelt boot option" "$QUARRY" run --no-mount --options slab_debgu=F "$work/m.c" &&
    says 'unknown boot option "slab_debgu"; did you mean slab_debug\?'
[ "$(grep -c slab_debgu "$work/err")" -eq 1 ] || complain "a misspelt boot option: not said once"
expect 2 "too little memory" "$QUARRY" run --no-mount --ram 40K "$work/m.c" && says "machine cannot be booted"
expect 2 "no such compiler" env CC=no-such-compiler "$QUARRY" run --no-mount "$work/m.c" && says "cannot run the compiler"
expect 64 "layout of a file" "$QUARRY" layout "$work/m.c" && says "layout takes no file"
expect 64 "layout with an unknown option" "$QUARRY" layout --svgg x && says "did you mean --svg"
expect 2 "a picture of nothing" "$QUARRY" picture "$work/none" && says "cannot read"
expect 2 "a picture of something else" "$QUARRY" picture "$work/m.c" && says "is not a buddyinfo file"
nothing_left
finish
