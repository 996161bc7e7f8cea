#!/bin/sh
# SPDX-License-Identifier: MIT
# Modules that use each other's symbols: what binds, what does not and why, who may be unloaded; and the
# list of what Quarry itself has. Needs no /dev/fuse.
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"
cd "$QUARRY_SOURCE/tests/modules/symbols" || exit 1

# "ledger.c:NN" of the line that is marked so.
site() {
    echo "$1.c:$(grep -n "/\* site: $2 \*/" "$1.c" | cut -d : -f 1)"
}
# shellcheck disable=SC2317 # called through expect
run() {
    "$QUARRY" run --no-mount -D 'LICENSE="GPL v2"' "$@"
}

expect 0 "a module that uses another" run ledger.c + clerk.c
says "clerk counts 1"
says "ledger counted 1"
says "0 leaks, no other findings"
expect 0 "a symbol asked for by name" run -D BY_NAME ledger.c + clerk.c
says "by name 1"
says "clerk counts 2"

# ---- unknown symbols ----
expect 2 "a symbol that nobody has" run -D USE_NOBODY ledger.c + clerk.c
says "unknown symbol ledger_nobody in module clerk"
says "$(site clerk nobody): clerk_init\(\) uses ledger_nobody, which Quarry does not have and no other module given exports \(there is ledger\)"
silent_about "unknown symbol ledger_count"
expect 2 "the module that has it is not given" run clerk.c
says "$(site clerk count): clerk_init\(\) uses ledger_count, which Quarry does not have"
expect 2 "the module that has it is given later" run clerk.c + ledger.c
says "$(site clerk count): clerk_init\(\) uses ledger_count, which module ledger exports \($(site ledger export)\), but that module is given later"
expect 2 "a global name that is not exported" run -D USE_HIDDEN ledger.c + clerk.c
says "$(site clerk hidden): clerk_init\(\) uses ledger_own, which module ledger has but does not export: EXPORT_SYMBOL\(ledger_own\); is missing"
expect 2 "an export for others' licence" "$QUARRY" run --no-mount -D 'LICENSE="Proprietary"' ledger.c + clerk.c
says "uses ledger_hold, which module ledger exports for GPL-compatible modules only \($(site ledger gpl)\); the licence of this one is another"
silent_about "unknown symbol ledger_count"
expect 2 "no licence at all" "$QUARRY" run --no-mount ledger.c + clerk.c
says "this one has no MODULE_LICENSE"
expect 0 "no licence, and nothing that asks for one" "$QUARRY" run --no-mount -D NO_HOLD ledger.c + clerk.c

# ---- names that nobody declared ----
cat >"$work/bare.c" <<'END'
#include <linux/module.h>
struct nap { struct list_head list; struct completion done; };
static struct nap nap;
static gpio_lamp_t *lamp;
static int __init bare_init(void)
{
    msleep(IRQF_SHARED);
    usb_submit_urb(&nap, 0);
    usb_submit_urb(lamp, 0);
    return 0;
}
module_init(bare_init);
END
undeclared() { # by which compiler
    says '^quarry: msleep needs #include <linux/delay.h>$'
    says '^quarry: struct completion needs #include <linux/completion.h>$'
    says '^quarry: IRQF_SHARED needs #include <linux/interrupt.h>$'
    says '^quarry: not provided: (gpio_lamp_t, usb_submit_urb|usb_submit_urb, gpio_lamp_t) \(quarry run --list-symbols'
    [ "$(grep -c "^quarry: msleep" "$work/err")" -eq 1 ] || complain "$what: a name is told twice"
}
expect 2 "names that nobody declared" run "$work/bare.c" && undeclared
if command -v clang >/dev/null; then
    expect 2 "names that nobody declared, says clang" env CC=clang "$QUARRY" run --no-mount "$work/bare.c" && undeclared
fi
printf '#include <linux/module.h>\nstatic int __init m(void) { debugfs_create_u32(0, 0, 0, 0); return 0; }\nmodule_init(m);\n' >"$work/inline.c"
expect 2 "an inline function that nobody declared" run --quiet "$work/inline.c"
says 'debugfs_create_u32 needs #include <linux/debugfs.h>'
says 'inline.c:2: m\(\) uses debugfs_create_u32, which <linux/debugfs.h> has: the source does not include it'

# ---- two owners of one name ----
cp ledger.c "$work/journal.c"
expect 2 "two modules that export one name" run ledger.c + "$work/journal.c"
says "modules ledger and journal both export ledger_count"
says "$(site ledger export): exported by ledger"
says "$work/journal.c:[0-9]+: exported by journal"
silent_about "is loaded"
expect 2 "a name that the kernel has" run -D TAKE_KERNEL_NAME ledger.c
says "$(site ledger kernel): module ledger exports kobject_put, which the kernel has already"

# ---- unloading a module in use ----
expect 1 "a module that is held for ever" run -D KEEP_HOLD ledger.c + clerk.c
says "module in use: module ledger cannot be unloaded: a reference to it was taken and module_put\(\) is missing"
says "ledger_hold $(site ledger get)"
says "clerk_init $(site clerk hold)"
says "0 leaks, 1 other finding"

# ---- what there is ----
expect 0 "the list of symbols" "$QUARRY" run --list-symbols
prints '^kmalloc  *linux/slab.h  *function$'
prints '^debugfs_create_u32  *linux/debugfs.h  *inline$'
prints '^DEVICE_ATTR_RO  *linux/(device|sysfs).h  *macro$'
prints '^kernel_kobj  *linux/kobject.h  *variable$'
prints '^struct completion  *linux/completion.h  *type$'
prints '^spinlock_t  *linux/spinlock.*.h  *type$'
sed 's/  .*//' "$work/out" >"$work/names"
sort -u "$work/names" >"$work/sorted"
[ "$(wc -l <"$work/names")" = "$(wc -l <"$work/sorted")" ] || complain "$what: a name is listed twice"
if command -v nm >/dev/null; then # every kernel name that the command exports is on the list
    nm -D --defined-only "$QUARRY" | awk '$2 ~ /^[TDRB]$/ {print $3}' | grep -vE '^_|^(quarry|qlx|qr|qp)_|@' |
        sort -u >"$work/exported"
    comm -23 "$work/exported" "$work/sorted" >"$work/unlisted"
    [ "$(wc -l <"$work/unlisted")" -eq 0 ] || complain "$what: not listed: $(tr '\n' ' ' <"$work/unlisted")"
fi
expect 0 "the list as JSON" "$QUARRY" run --list-symbols --json="$work/symbols.json"
if command -v python3 >/dev/null; then
    python3 - "$work/symbols.json" <<'END' || complain "the JSON is wrong"
import json, sys
symbols = {s["name"]: s for s in json.load(open(sys.argv[1]))}
assert symbols["vmalloc"]["header"] == "linux/vmalloc.h" and symbols["vmalloc"]["kind"] == "function"
assert symbols["list_for_each_entry"]["kind"] == "macro"
END
fi
expect 2 "a list that cannot be written" "$QUARRY" run --list-symbols --json=/nowhere/at/all.json
says "cannot write to /nowhere"
finish
