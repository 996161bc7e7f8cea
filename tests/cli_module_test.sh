#!/bin/sh
# SPDX-License-Identifier: MIT
# What `quarry run` says of modules that do not build, do not load, leak, misuse memory or crash, and of
# good ones. Needs no /dev/fuse: everything happens in init and exit.
# shellcheck disable=SC2016 # variables in single quotes are for the shell that COMMAND runs
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"
cd "$QUARRY_SOURCE" || exit 1
faulty=tests/modules/faulty.c

# The line of faulty.c that is marked so.
site() {
    echo "faulty.c:$(grep -n "/\* site: $1 \*/" $faulty | cut -d : -f 1)(, (lost: no pointer leads there|still reachable at exit|[0-9]+ of them lost))?\$"
}
# shellcheck disable=SC2317 # called through expect
run() {
    "$QUARRY" run --no-mount "$@"
}

expect 0 "a clean module" run $faulty
says "module faulty is loaded"
says "faulty +48 +3 +144"
says "0 leaks, no other findings"
says "amount 3, word none"
expect 0 "a clean module at every check level" run --check 3 $faulty
expect 0 "a clean module unchecked" run --check 0 $faulty
expect 0 "a quiet run" run --quiet $faulty
silent_about "amount 3"
silent_about "is loaded"
says "0 leaks"

# ---- leaks, each with its line ----
expect 1 "a leaked kmalloc" run -D LEAK_KMALLOC $faulty
says "leak: 1 object of cache kmalloc-.* allocated in faulty_allocate .*$(site kmalloc)"
says "1 leak \("
expect 1 "leaked pages" run -D LEAK_PAGES $faulty
says "leak: 1 page block, 16384 bytes, allocated in faulty_allocate .*$(site pages)"
expect 1 "a leaked vmalloc area" run -D LEAK_VMALLOC $faulty
says "leak: 1 vmalloc area.* allocated in faulty_allocate .*$(site vmalloc)"
expect 1 "a leaked object" run -D LEAK_OBJECT --param amount=5 $faulty
says "leak: 1 object of cache faulty, 48 bytes, allocated in faulty_allocate .*$(site object)"
expect 1 "a leaked cache" run -D LEAK_CACHE $faulty
says "cache faulty .*kmem_cache_destroy is missing"
says "made by +faulty_init .*$(site cache)"
expect 1 "four leaks at once" run -D LEAK_KMALLOC -DLEAK_PAGES -D LEAK_VMALLOC -D LEAK_OBJECT $faulty
says "4 leaks \("
expect 1 "a timer left running" run -D LEAVE_TIMER $faulty
says "left registered: .*timer"

# ---- misuse, with both sites ----
expect 1 "a double free" run -D DOUBLE_FREE $faulty
says "double free"
says "at +faulty_misuse .*$(site 'second free')"
says "$(site 'first free')"
expect 1 "a free by the wrong call" run -D WRONG_FREE $faulty
says "bad free"
says "at +faulty_misuse .*$(site 'wrong free')"
expect 1 "a write past the end" run -D OVERRUN $faulty
says "overrun"
says "$(site overrun)"
expect 1 "GFP_KERNEL under a spin lock" run -D BAD_CONTEXT $faulty
says "bad context"
says "at +faulty_misuse .*$(site 'may sleep')"
says "$(site lock)"

# ---- what does not build or load ----
printf 'int x(\n' >"$work/broken.c"
expect 2 "a module that does not compile" run "$work/broken.c"
says "broken.c:1.*error"
says "broken.c does not compile"
printf '#include <linux/nowhere.h>\n' >"$work/header.c"
expect 2 "a header that is not there" run "$work/header.c"
says "Quarry has no <linux/nowhere.h>"
printf '#include <linux/module.h>\nint nothing;\n' >"$work/empty.c"
expect 2 "a module without init" run "$work/empty.c"
says "module empty has no init function"
expect 2 "a module whose init fails" run -D INIT_FAILS $faulty
says "init of module faulty failed: EBUSY"
expect 1 "an init that fails and leaks" run -D INIT_FAILS -D LEAK_IN_INIT $faulty
says "init of module faulty failed: EBUSY"
says "leak: 1 object .* allocated in faulty_init .*$(site 'lost in init')"
expect 2 "functions that Quarry does not have" run -D MISSING $faulty
says "$(site missing | sed 's/\$$//'): faulty_misuse\(\) uses dma_pool_of_nobody, which Quarry does not have"
says "$(site libc | sed 's/\$$//'): faulty_misuse\(\) uses printf, which is a function of the C library"
printf '#include <linux/module.h>\n%s\n%s\n' 'static int __init m(void) { kmalloc(8, GFP_KERNEL); return 0; }' \
    'module_init(m);' | sed '1a #include <linux/slab.h>' >"$work/noexit.c"
expect 1 "a module without exit" run "$work/noexit.c"
says "module noexit has no exit function"
says "leak: 1 object"

# ---- crashes ----
expect 1 "a crash in init" run -D CRASH $faulty
says "crash: SIGSEGV.* \(a NULL pointer was used\) in faulty_misuse .*faulty.c:"
says "at +faulty_misuse .*$(site crash)"
says " faulty_init "
says "held at the crash: 1 object of cache kmalloc-"
says "module faulty crashed in its init"
expect 1 "BUG() in init" run -D BUGGY $faulty
says "crash: .*BUG.*faulty.c:$(grep -n 'site: bug' $faulty | cut -d : -f 1)"
says "held at the crash"

# ---- parameters, versions, flags ----
expect 0 "parameters" run --param amount=7 --param faulty.word=hello $faulty
says "amount 7, word hello"
says "faulty +48 +7 +336"
expect 2 "a parameter that is none" run --param amuont=7 $faulty
says "no module has a parameter amuont; did you mean amount"
expect 2 "a parameter of another module" run --param other.amount=7 $faulty
says "no module has a parameter amount"
expect 2 "a value that does not fit" run --param amount=many $faulty
says "parameter amount of module faulty"
cat >"$work/version.c" <<'END'
#include <linux/module.h>
#include <linux/version.h>
#include "value.h"
static int __init m(void)
{
    pr_info("version %d value %d\n", LINUX_VERSION_CODE, VALUE);
    return 0;
}
static void __exit e(void) {}
module_init(m);
module_exit(e);
END
mkdir "$work/include"
echo '#define VALUE (NUMBER + 1)' >"$work/include/value.h"
expect 0 "the default version" run -I "$work/include" -D NUMBER=41 "$work/version.c"
says "version $((6 * 65536 + 12 * 256)) value 42"
expect 0 "an old version" run --kernel 2.6.10 -I"$work/include" -DNUMBER=1 "$work/version.c"
says "version $((2 * 65536 + 6 * 256 + 10)) value 2"

# ---- several modules ----
expect 0 "a Kbuild folder with two modules" run tests/modules/kbuild
says "counter one starts at 40"
says "user counts 41"
says "module counter is loaded"
says "module user is loaded"
says "counter one ends at 42"
cd tests/modules/kbuild || exit 1
set -- -I lib -D COUNT_START=40 -D 'COUNT_NAME="two"'
expect 0 "two modules with +" run "$@" counter_main.c lib/count.c + user_main.c
says "user counts 41"
expect 2 "the second module first" run "$@" user_main.c + counter_main.c lib/count.c
says "unknown symbol count_next in module user"
says "user_main.c:[0-9]+: user_init\(\) uses count_next, which module counter_main exports .*count.c:12\), but that module is given later"
cd "$QUARRY_SOURCE" || exit 1
mkdir "$work/none" "$work/lost"
echo 'obj-y := x.o' >"$work/none/Makefile"
expect 2 "a Makefile without modules" run "$work/none"
says "describes no module"
echo 'obj-m := lost.o' >"$work/lost/Kbuild"
expect 2 "a Makefile whose source is not there" run "$work/lost"
says "module lost needs .*lost.c"

# ---- faults, JSON, keeping, debugger ----
expect 0 "an allocation that fails is no finding" run --options failslab=nth:3 $faulty
says "out of memory.* failslab makes this request fail"
says "at +faulty_allocate "
says "0 leaks, no other findings"
expect 0 "JSON into a file" run --json "$work/report.json" $faulty
if command -v python3 >/dev/null; then
    expect 1 "the report as JSON" run --json -D LEAK_PAGES -D DOUBLE_FREE $faulty
    python3 - "$work/out" "$work/report.json" <<'END' || complain "the JSON is wrong"
import json, sys
bad, good = (json.load(open(name)) for name in sys.argv[1:])
assert good["verdict"] == "clean" and good["exit_status"] == 0 and good["leaks"] == [] and good["findings"] == []
assert any(c["name"] == "faulty" and c["peak_objects"] == 3 for c in good["caches"]), good["caches"]
assert good["peak_bytes"] >= 3 * 4096 + 16384
assert bad["verdict"] == "findings" and bad["exit_status"] == 1 and bad["modules"] == ["faulty"]
leak, = bad["leaks"]
assert leak["bytes"] == 16384 and leak["count"] == 1 and leak["place"]["function"] == "faulty_allocate", leak
finding, = bad["findings"]
assert finding["kind"] == "double free" and finding["place"]["function"] == "faulty_misuse", finding
assert finding["before"], finding
END
fi
expect 2 "JSON nowhere" run --json=/nowhere/at/all.json $faulty
says "cannot write the JSON report to /nowhere"
expect 0 "a kept module" run --keep $faulty
says "kept: $work/quarry-"
ls "$work"/quarry-*/faulty.so >/dev/null 2>&1 || complain "the module was not kept"
rm -rf "$work"/quarry-*
cat >"$work/gdb" <<'END'
#!/bin/sh
for word; do echo "gdb: $word"; done
END
chmod +x "$work/gdb"
expect 0 "the debugger's command line" env QUARRY_GDB="$work/gdb" "$QUARRY" run --no-mount --gdb $faulty -- echo --gdb
prints "gdb: break quarry_finding_break"
prints "gdb: $faulty"
[ "$(grep -c '^gdb: --gdb' "$work/out")" = 1 ] || complain "--gdb was not taken out, or COMMAND's was"
expect 2 "no debugger" env QUARRY_GDB="$work/no-gdb" "$QUARRY" run --gdb $faulty
says "cannot run .*no-gdb"
if command -v gdb >/dev/null && [ -z "${QUARRY_NO_GDB:-}" ]; then
    what="a finding stops the debugger"
    echo bt | "$QUARRY" run --no-mount --gdb -D DOUBLE_FREE $faulty >"$work/out" 2>"$work/err"
    prints "Breakpoint 1, .*quarry_finding_break"
    prints "faulty_misuse"
fi
nothing_left
finish
