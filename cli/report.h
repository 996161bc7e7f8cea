/* SPDX-License-Identifier: MIT */
/* What was found while the module ran, as text and as JSON. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "options.h"
#include "symbols.h"

/* Install the hooks: from here on every finding is collected, and printed when it is made. */
void report_start(const struct run_options *options);
/* Failed allocations are no news from here on, and are not collected; leaks are not asked whether a
 * pointer leads to them. @seen, if not NULL, is told the kind of each new finding, in the thread that
 * made it. */
void report_only_problems(void (*seen)(const char *kind));
/* The machine as it is now is the module's starting point: what is live from here on and never freed
 * is a leak. */
void report_mark(void);
/* Remember each cache's peak so far: caches go when the module destroys them. */
void report_sample(void);
/* Print what nothing leads to any more while the module runs. */
void report_scan(void);
/* Compare with the mark and collect the leaks, and what is still registered. */
void report_collect_leaks(void);
/* Something that the command itself found wrong. */
void report_note(const char *kind, const char *text);
/* A module is unloaded while somebody holds it. */
void report_in_use(const char *module, int holders);
/* The module crashed. Prints where and what it held. Context: the crashed thread. */
struct qlx_oops;
void report_crash(const struct qlx_oops *oops);

/* How the run went otherwise, for the JSON text. */
struct report_run {
    bool loaded;                 /* init succeeded, or was not needed */
    const char *failure;         /* why the run ended early, or NULL */
    const struct strings *names; /* of the modules */
    bool has_command;
    int command_status; /* exit status, or 128 + signal */
    int exit_status;
};

/* Leaks, misuses and crashes together; out-of-memory reports are none. */
size_t report_problems(void);
/* The closing text: peak by cache, leaks, the verdict. */
void report_print(const struct report_run *run);
/* The same for programs, to @options' file or standard output. False: said why. */
bool report_json(const struct run_options *options, const struct report_run *run);

/* For a debugger: called once for each finding, in the thread that made it. */
void quarry_finding_break(void);

#endif
