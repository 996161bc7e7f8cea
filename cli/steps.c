/* SPDX-License-Identifier: MIT */
/* The steps of a run: boot, load, init, exit. Each can fail, and says why; who calls them decides what
 * follows (run.c, sweep_child.c). */
#include "exports.h"
#include "run.h"

#include <string.h>

#include <quarry/boot.h>
#include <quarry/stat.h>
#include "linux/runtime.h"

bool run_fail(struct run *run, const char *why)
{
    run->result.failure = why;
    return false;
}

/* --start: now, or after init. */
static bool run_start_state(struct run *run, bool after_init)
{
    return run->options.start.after_init != after_init ||
           start_begin(&run->options.start, run->options.quiet) ||
           run_fail(run, "the starting state is not to be had");
}

bool run_boot(struct run *run, void (*crashed)(const struct qlx_oops *, void *))
{
    struct quarry_machine machine = run->options.machine;
    struct qlx_config config = {.console_level = run->options.quiet ? 4 : 0};
    int error;

    machine.options = options_boot_text(&run->options);
    report_start(&run->options);
    error = quarry_boot(&machine);
    if (error) /* which quarry_boot() has said */
        return run_fail(run, "the machine does not boot");
    if (qlx_start(&config) != 0) {
        cli_say("cannot start the kernel's threads");
        return run_fail(run, "the host has no threads left");
    }
    if (run->options.seed_given)
        qlx_random_seed(run->options.seed);
    qlx_set_oops_hook(crashed, NULL);
    qlx_catch_signals();
    return run_start_state(run, false);
}

static bool run_load_modules(struct run *run)
{
    run->nr_loaded = 0;
    for (size_t i = 0; i < run->built.nr; i++) {
        if (!load_module(&run->built, i, run->loaded))
            return run_fail(run, "a module cannot be loaded");
        run->nr_loaded++;
    }
    if (!load_params(&run->options, run->loaded, run->nr_loaded))
        return run_fail(run, "a module parameter is wrong");
    return true;
}

bool run_load_again(struct run *run)
{
    report_mark();
    return run_load_modules(run);
}

/* Modules load in the order given, each with init before the next, which may use its functions.
 * Parameters are checked when all are known, before the first init. */
bool run_load(struct run *run)
{
    run->loaded = cli_alloc(run->built.nr * sizeof(*run->loaded));
    report_mark();
    if (!exports_read(&run->built))
        return run_fail(run, "two owners of one symbol");
    for (size_t i = 0; i < run->built.nr; i++) {
        if (!missing_none(&run->built, i))
            return run_fail(run, "a module uses an unknown symbol");
        strings_add(&run->names, run->built.module[i].name);
    }
    return run_load_modules(run);
}

bool run_init(struct run *run)
{
    for (size_t i = 0; i < run->nr_loaded; i++) {
        if (!load_init(&run->loaded[i]))
            return run_fail(run, "a module's init failed");
    }
    run->result.loaded = true;
    return run_start_state(run, true);
}

void run_start_end(void)
{
    if (!start_end())
        report_note("start state", "the machine did not get back all that --start held");
}

void run_exit(struct run *run)
{
    for (size_t i = run->nr_loaded; i-- > 0;)
        load_exit(&run->loaded[i]);
    qlx_settle();
    run_start_end();
    quarry_check_all(); /* sees what was written into free objects and never touched again */
}
