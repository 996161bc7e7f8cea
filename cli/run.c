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
#include "command.h"
#include "events.h"
#include "gdb.h"
#include "listing.h"
#include "mount.h"
#include "run.h"
#include "work.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux/runtime.h"

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
    if (qlx_oopses() == 0 && !run->hangs)
        run_exit(run);
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
    if (!run_boot(run, run_crashed))
        return;
    if (run_load(run) && run_init(run))
        run_clients(run);
    run_unload(run);
    if (run->result.loaded || report_problems())
        report_print(&run->result);
}

int cmd_run(int argc, char **argv)
{
    static struct run run;

    run_now = &run;
    options_parse_run(&run.options, NULL, argc, argv);
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
