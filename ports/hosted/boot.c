/* SPDX-License-Identifier: MIT */
/* ports/hosted/boot: the default machine, started by name or by first use.
 *
 * Problem. A program that just calls kmalloc() must find a machine; sixteen threads may call it at
 * the same moment; and a typing error in QUARRY_RAM must not end as a NULL pointer somewhere else.
 *
 * Idea. One mutex around booting. Whoever gets it first boots; the others find the machine running.
 * An explicit boot says what it wants, zero fields fall back to the environment, then to defaults.
 * Every value is checked before anything is made. When the implicit boot fails there is nobody to
 * tell, so the reason is printed and the process aborts.
 *
 * Invariants. D1: quarry_default.booted changes from 0 to 1 at most once a process. D2: on failure
 * no mapping, file or number is left behind. D3: the booting thread claims no CPU while it boots.
 *
 * Locks. boot_mutex is above every lock of the core; fork takes it too, so that no child is born in
 * the middle of a boot. */
#define _GNU_SOURCE
#include "hosted.h"
#include "instance.h"
#include "layout.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOOT_DEFAULT_RAM (512ull << 20)
#define BOOT_DEFAULT_CPUS 1024u
#define BOOT_MAX_CPUS 65536u
#define BOOT_OPTIONS 2048

static pthread_mutex_t boot_mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread bool boot_here; /* this thread is inside boot_locked() */
static char boot_error[512];
static struct hosted_ram boot_ram;

void hosted_boot_lock(void)
{
    pthread_mutex_lock(&boot_mutex);
}

void hosted_boot_unlock(void)
{
    pthread_mutex_unlock(&boot_mutex);
}

struct hosted_ram *hosted_default_ram(void)
{
    return &boot_ram;
}

/* A whole number from the environment into *@value; false after a message. */
static bool boot_number(const char *name, unsigned long low, unsigned long high,
                        unsigned int *value)
{
    const char *text = getenv(name);
    char *end;
    unsigned long number;
    if (!text || !*text)
        return true;
    errno = 0;
    number = strtoul(text, &end, 10);
    if (errno || *end || *text < '0' || *text > '9' || number < low || number > high) {
        hosted_say(boot_error, sizeof(boot_error), "%s=%s: a number from %lu to %lu is needed",
                   name, text, low, high);
        return false;
    }
    *value = (unsigned int)number;
    return true;
}

/* Fill the zero fields of @wish from the environment and the defaults. */
static int boot_complete(struct quarry_machine *wish, char *options)
{
    const char *ram = getenv("QUARRY_RAM"), *profile = getenv("QUARRY_PROFILE");
    const char *text = wish->options ? wish->options : getenv("QUARRY_OPTIONS");
    unsigned int cpus = BOOT_DEFAULT_CPUS, nodes = 1, check = 0;
    uint64_t bytes = BOOT_DEFAULT_RAM;
    int length;
    if (!wish->ram_bytes && !wish->regions && ram && *ram && !quarry_parse_size(ram, &bytes)) {
        hosted_say(boot_error, sizeof(boot_error),
                   "QUARRY_RAM=%s: a size is needed, such as 512M or 4G", ram);
        return -EINVAL;
    }
    if (!boot_number("QUARRY_CPUS", 1, BOOT_MAX_CPUS, &cpus) ||
        !boot_number("QUARRY_NODES", 1, QR_MAX_NODES, &nodes) ||
        !boot_number("QUARRY_CHECK", 0, 3, &check))
        return -EINVAL;
    if (!wish->ram_bytes)
        wish->ram_bytes = bytes;
    if (!wish->profile)
        wish->profile = profile && *profile ? profile : "modern";
    if (!wish->cpus)
        wish->cpus = cpus;
    if (!wish->nodes)
        wish->nodes = nodes;
    /* First, so that a check= among the options wins. */
    length = snprintf(options, BOOT_OPTIONS, "check=%u %s", check, text ? text : "");
    if (length >= BOOT_OPTIONS) {
        hosted_say(boot_error, sizeof(boot_error), "the boot options are longer than %d characters",
                   BOOT_OPTIONS - 16);
        return -EINVAL;
    }
    wish->options = options;
    if (wish->cpus > BOOT_MAX_CPUS || wish->nodes > QR_MAX_NODES) {
        hosted_say(boot_error, sizeof(boot_error),
                   "%u CPUs and %u nodes were asked for: at most %u and %d are supported",
                   wish->cpus, wish->nodes, BOOT_MAX_CPUS, QR_MAX_NODES);
        return -EINVAL;
    }
    return 0;
}

/* Make the memory; the modern profile makes do with less address space where there is a limit on it
 * (ulimit -v). */
static int boot_memory(struct hosted_layout *layout)
{
    struct qp_machine wanted = layout->machine;
    uintptr_t vmalloc = wanted.vmalloc_end - wanted.vmalloc_start;
    int error;
    for (;;) {
        layout->machine = wanted;
        error = hosted_ram_create(&boot_ram, &layout->machine, layout->fixed, boot_error,
                                  sizeof(boot_error));
        if (error != -ENOMEM || layout->fixed || vmalloc <= (256ul << 20))
            return error;
        vmalloc /= 4;
        wanted.vmalloc_end = wanted.vmalloc_start + vmalloc;
        wanted.pkmap_start = wanted.pkmap_end = wanted.vmalloc_end + HOSTED_PAGE;
        wanted.fixmap_start = wanted.fixmap_end = wanted.pkmap_end;
    }
}

static int boot_locked(const struct quarry_machine *machine)
{
    struct quarry_machine wish = machine ? *machine : (struct quarry_machine){0};
    struct hosted_layout layout;
    char options[BOOT_OPTIONS];
    int error = boot_complete(&wish, options);
    if (!error)
        error = hosted_layout_make(&layout, &wish, boot_error, sizeof(boot_error));
    if (!error)
        error = boot_memory(&layout);
    if (error)
        return error;
    layout.machine.watched = hosted_watch_begin(&layout.machine.block);
    hosted_claims_forbid(true);
    error = qr_boot(&quarry_default, &layout.machine, boot_error, sizeof(boot_error));
    hosted_claims_forbid(false);
    if (!error && !quarry_default.leaks.roots)
        quarry_set_leak_roots(hosted_leak_roots, NULL);
    if (!error && !quarry_default.check.symbol)
        quarry_set_symbol_hook(hosted_symbol, NULL);
    if (error) {
        hosted_ram_destroy(&boot_ram);
        return error;
    }
    hosted_cpus_remember(&quarry_default.cpus);
    hosted_fork_link();
    if (quarry_default.guards.bytes)
        hosted_guard_install();
    boot_error[0] = 0;
    return 0;
}

static void boot_complain(void)
{
    char text[sizeof(boot_error) + 64];
    int length =
        snprintf(text, sizeof(text), "quarry: the machine cannot be booted: %s\n", boot_error);
    qp_write(text, (size_t)length);
}

int quarry_boot(const struct quarry_machine *machine)
{
    int error;
    if (boot_here)
        return -EBUSY;
    hosted_boot_lock();
    if (quarry_booted()) {
        hosted_boot_unlock();
        return -EBUSY;
    }
    boot_here = true;
    error = boot_locked(machine);
    boot_here = false;
    if (error)
        boot_complain();
    hosted_boot_unlock();
    return error;
}

const char *quarry_boot_error(void)
{
    return boot_error;
}

void quarry_boot_default(void)
{
    int error = 0, saved = errno;
    if (boot_here)
        qp_panic("quarry: memory was asked for while the machine boots, by whoever handles its "
                 "reports; that cannot be served\n");
    if (hosted_gate_is_mine())
        return; /* it is closed for the others */
    /* Who closed the gate holds the mutex too, and calls wait here until it is open again. */
    qp_self.parked++;
    hosted_boot_lock();
    qp_self.parked--;
    if (!quarry_booted()) {
        boot_here = true;
        error = boot_locked(NULL);
        boot_here = false;
    }
    if (error) {
        boot_complain();
        qp_panic("quarry: it was booted by the first call that needed it, which cannot go on\n");
    }
    hosted_boot_unlock();
    errno = saved;
}
