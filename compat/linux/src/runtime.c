/* SPDX-License-Identifier: MIT */
/* runtime: starting, stopping, and waiting until all is quiet.
 *
 * Threads start when they are first needed, so starting is little more than booting the machine and
 * starting the clock. Stopping ends all threads and forgets what modules left registered. */
#define _GNU_SOURCE
#include "core.h"
#include "internal.h"
#include "radix.h"
#include <linux/jiffies.h>
#include <quarry/boot.h>

int qlx_ensure_started(void)
{
    int error = 0;
    (void)quarry_jiffies(); /* the tick counter begins now */
    if (!quarry_booted())
        error = quarry_boot(NULL);
    if (error && error != -EBUSY)
        return error;
    qlx_radix_start();
    return 0;
}

int qlx_start(const struct qlx_config *config)
{
    if (config)
        qlx_console_level(config->console_level);
    return qlx_ensure_started();
}

void qlx_make_ready(void)
{
    if (qlx_ensure_started() == 0) {
        qlx_platform_begin();
        qlx_misc_begin();
    }
}

bool qlx_stop(void)
{
    bool all = qlx_kthreads_stop();
    qlx_workqueues_stop();
    qlx_timers_stop();
    qlx_rcu_stop();
    qlx_interrupts_stop();
    qlx_timers_open();
    qlx_workqueues_open();
    qlx_chrdev_forget();
    qlx_proc_forget();
    qlx_driver_core_forget();
    qlx_registers_forget();
    qlx_entries_forget();
    qlx_left_forget_all();
    return all;
}

/* Work may start timers and timers may start work: go round until a round finds nothing new. */
void qlx_settle(void)
{
    for (int round = 0; round < 3; round++) {
        qlx_timers_settle();
        qlx_tasklets_settle();
        qlx_workqueues_settle();
    }
}

void qlx_for_each_symbol(bool (*visit)(const struct qlx_symbol *, void *), void *data)
{
    for (const struct qlx_symbol *symbol = qlx_symbol_table; symbol->name; symbol++)
        if (!visit(symbol, data))
            return;
}
