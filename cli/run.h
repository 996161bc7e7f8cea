/* SPDX-License-Identifier: MIT */
/* The steps of a run, which `quarry run` and each run of `quarry test` take in the same order. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "build.h"
#include "load.h"
#include "report.h"

struct qlx_oops;

struct run {
    struct run_options options;
    struct built built;
    struct loaded *loaded;
    size_t nr_loaded;
    struct strings names;
    bool hangs; /* a client is still inside the driver and cannot be interrupted */
    struct report_run result;
};

/* The run ends early, because of @why; always false. */
bool run_fail(struct run *run, const char *why);
/* Boot the machine, start what stands for the kernel; @crashed is told of every oops. False: said why. */
bool run_boot(struct run *run, void (*crashed)(const struct qlx_oops *, void *));
/* Take the mark for leaks, load the modules and give them their parameters. False: said why. */
bool run_load(struct run *run);
/* The same once more, after the modules were unloaded. */
bool run_load_again(struct run *run);
/* Run the modules' init functions in order. False: one failed or crashed (said so). */
bool run_init(struct run *run);
/* Give back what --start holds, if anything; a machine that does not get it all back is a finding. */
void run_start_end(void);
/* Run the exit functions in reverse order, and wait until what they left running has ended. */
void run_exit(struct run *run);

#endif
