/* SPDX-License-Identifier: MIT */
/* quarry run: the order of events.
 *
 *     build ─► boot ─► mark ─► load, init ─► mount ─► COMMAND ─► unmount ─► exit ─► compare, report
 *
 * Every step can fail, and then the later ones up to the report are left out: what ran is reported, what
 * was made is removed. A crash of the module (an oops) ends the run after COMMAND got its error: the
 * module's exit is not run, since its state is unknown, and what it holds is listed instead.
 *
 * The mount is taken away on every way out: in order here, by run_leave() when the user insists, and by
 * the guard (work.c) when the process is killed. */
#include "build.h"
#include "command.h"
#include "events.h"
#include "exports.h"
#include "gdb.h"
#include "listing.h"
#include "load.h"
#include "mount.h"
#include "report.h"

#include "work.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <quarry/boot.h>
#include <quarry/stat.h>
#include "linux/runtime.h"

struct run {
    struct run_options options;
    struct built built;
    struct loaded *loaded;
    size_t nr_loaded;
    struct strings names;
    bool hangs; /* a client is still inside the driver and cannot be interrupted */
    struct report_run result;
};

static struct run *run_now;

/* Out at once: the user insists, or nothing of the module can be trusted any more. */
static void run_leave(void)
{
    if (work_root())
        mount_drop(work_root());
    cli_say("left at once; the module was not unloaded");
    _exit(CLI_FINDINGS);
}

/* ---- crashes ----------------------------------------------------------------------------------- */

static void *run_after_death(void *unused)
{
    report_collect_leaks();
    report_print(&run_now->result);
    run_now->result.exit_status = CLI_FINDINGS;
    if (run_now->options.json)
        report_json(&run_now->options, &run_now->result);
    work_remove();
    _exit(CLI_FINDINGS);
}

/* A crash inside a driver operation: the client gets an error, the run goes on to its end. Elsewhere
 * (an interrupt, a worker of the runtime) the process will end when this returns: report all now. */
static void run_crashed(const struct qlx_oops *oops, void *data)
{
    pthread_t thread;

    report_crash(oops);
    if (oops->guarded) {
        events_crashed();
        return;
    }
    if (pthread_create(&thread, NULL, run_after_death, NULL) == 0)
        sleep(10); /* it leaves by _exit, unless a lock of the dead holds it up */
    run_leave();
}

/* ---- steps ------------------------------------------------------------------------------------- */

static bool run_fail(struct run *run, const char *why)
{
    run->result.failure = why;
    return false;
}

static bool run_boot(struct run *run)
{
    struct quarry_machine machine = run->options.machine;
    struct qlx_config config = {.console_level = run->options.quiet ? 4 : 0};
    int error;

    machine.options = options_boot_text(&run->options);
    report_start(&run->options);
    error = quarry_boot(&machine);
    if (error) {
        cli_say("cannot boot the machine: %s", quarry_boot_error());
        return run_fail(run, "the machine does not boot");
    }
    if (qlx_start(&config) != 0) {
        cli_say("cannot start the kernel's threads");
        return run_fail(run, "the host has no threads left");
    }
    if (run->options.seed_given)
        qlx_random_seed(run->options.seed);
    qlx_set_oops_hook(run_crashed, NULL);
    qlx_catch_signals();
    return true;
}

/* Modules load in the order given, each with init before the next, which may use its functions.
 * Parameters are checked when all are known, before the first init. */
static bool run_load(struct run *run)
{
    run->loaded = cli_alloc(run->built.nr * sizeof(*run->loaded));
    report_mark();
    if (!exports_read(&run->built))
        return run_fail(run, "two owners of one symbol");
    for (size_t i = 0; i < run->built.nr; i++) {
        if (!missing_none(&run->built, i))
            return run_fail(run, "a module uses an unknown symbol");
    }
    for (size_t i = 0; i < run->built.nr; i++) {
        if (!load_module(&run->built, i, run->loaded))
            return run_fail(run, "a module cannot be loaded");
        run->nr_loaded++;
        strings_add(&run->names, run->built.module[i].name);
    }
    if (!load_params(&run->options, run->loaded, run->nr_loaded))
        return run_fail(run, "a module parameter is wrong");
    for (size_t i = 0; i < run->nr_loaded; i++) {
        if (!load_init(&run->loaded[i]))
            return run_fail(run, "a module's init failed");
    }
    run->result.loaded = true;
    return true;
}

struct device_names {
    size_t nr;
    char first[80], last[80];
};

static bool run_name_device(const struct qlx_device *device, void *data)
{
    struct device_names *names = data;

    snprintf(names->nr ? names->last : names->first, sizeof(names->first), "%s", device->name);
    names->nr++;
    return true;
}

static void run_announce(struct run *run)
{
    struct device_names names = {0};

    qlx_for_each_device(run_name_device, &names);
    for (size_t i = 0; i < run->names.nr; i++)
        cli_say("module %s is loaded", run->names.item[i]);
    if (names.nr == 0)
        cli_say("no device is registered");
    else if (names.nr == 1)
        cli_say("device: dev/%s", names.first);
    else
        cli_say("devices: dev/%s … dev/%s (%zu)", names.first, names.last, names.nr);
}

static bool run_clients(struct run *run)
{
    struct run_options *options = &run->options;

    if (!options->quiet)
        run_announce(run);
    if (options->no_mount) {
        if (options->command)
            cli_say("--no-mount: the command is not run, there is nothing it could open");
        return true;
    }
    if (!mount_start(work_root()))
        return run_fail(run, "the devices cannot be mounted");
    run->result.has_command = options->command != NULL;
    run->result.command_status = command_run(options, work_root());
    if (options->scan_leaks && qlx_oopses() == 0)
        report_scan();
    run->hangs = !mount_stop();
    return !run->hangs || run_fail(run, "a client hangs in the driver");
}

/* Walking the machine after a crash may meet a lock that the crashed thread held for ever. */
static void *run_watch(void *unused)
{
    sleep(10);
    cli_say("what the module holds cannot be listed: it crashed with a lock of the machine held");
    run_leave();
    return NULL;
}

/* Exit runs where it can: not after a crash, and not while a client inside the driver has its locks. */
static void run_unload(struct run *run)
{
    pthread_t thread;

    if (qlx_oopses() && pthread_create(&thread, NULL, run_watch, NULL) == 0)
        pthread_detach(thread);
    report_sample();
    if (qlx_oopses() == 0 && !run->hangs) {
        for (size_t i = run->nr_loaded; i-- > 0;)
            load_exit(&run->loaded[i]);
        qlx_settle();
        quarry_check_all(); /* sees what was written into free objects and never touched again */
    }
    report_sample();
    report_collect_leaks();
}

static int run_status(const struct run *run)
{
    if (run->hangs ||
        report_problems()) /* also of an init that failed: it lost something on its way out */
        return CLI_FINDINGS;
    if (!run->result.loaded || run->result.failure)
        return CLI_FAILED;
    return run->result.command_status ? CLI_COMMAND : CLI_CLEAN;
}

static void run_steps(struct run *run)
{
    struct run_options *options = &run->options;
    const char *work = work_path();

    if (!build_plan(options, work, &run->built) || !build_all(options, work, &run->built)) {
        run_fail(run, "a module does not build");
        return;
    }
    if (!run_boot(run))
        return;
    if (run_load(run))
        run_clients(run);
    run_unload(run);
    if (run->result.loaded || report_problems())
        report_print(&run->result);
}

int cmd_run(int argc, char **argv)
{
    static struct run run;

    run_now = &run;
    options_parse_run(&run.options, argc, argv);
    if (run.options.list_symbols)
        return symbols_list(&run.options);
    if (run.options.gdb)
        return gdb_run(argc, argv);
    if (!run.options.no_mount && !mount_possible())
        return CLI_FAILED;
    if (!work_start(run.options.keep))
        return CLI_FAILED;
    events_start();
    events_on_insist(run_leave);
    run.result.names = &run.names;
    run_steps(&run);
    run.result.exit_status = run_status(&run);
    if (run.options.json && !report_json(&run.options, &run.result) && run.result.exit_status == 0)
        run.result.exit_status = CLI_FAILED;
    if (run.options.keep)
        cli_say("kept: %s", work_path());
    work_remove();
    fflush(stdout);
    _exit(run.result.exit_status); /* the runtime's threads are of no interest any more */
}
