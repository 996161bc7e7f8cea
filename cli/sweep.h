/* SPDX-License-Identifier: MIT */
/* quarry test: what its parts know of each other.
 *
 * The command builds the modules once, forks a process that learns which requests the driver makes, and
 * then one process for each request that may fail. Processes share plain memory: what was learned
 * (struct sweep_map, written by the first, read by all later ones) and what each saw (struct
 * sweep_outcome, complete up to the moment it ended, however it ended). */
#ifndef CLI_SWEEP_H
#define CLI_SWEEP_H

#include "run.h"

#include <quarry/fault.h>

#define SWEEP_SITES 2048
#define SWEEP_CALLS 8192
#define SWEEP_REQUESTS 65536
#define SWEEP_LOG_TEXT 65536
#define SWEEP_LOG_LINES 2048
#define SWEEP_NOTES 16

enum sweep_phase { SWEEP_INIT, SWEEP_SCENARIO, SWEEP_EXIT };

/* A source line that asks for memory. */
struct sweep_site {
    char file[200], function[80];
    char call[64]; /* what it calls there: "kzalloc", "device_create" */
    int line;
};

/* A call instruction. Several may belong to one line. */
struct sweep_call {
    unsigned int module;
    uintptr_t offset; /* of its return address in the module */
    unsigned int site;
    enum quarry_fault_point first; /* which point its first request came to */
};

/* One request of the learning run. */
struct sweep_request {
    unsigned int site;
    unsigned long nth; /* request of this site, from 1 */
    enum sweep_phase phase;
    enum quarry_fault_point point;
    gfp_t gfp;
    size_t size;
    char cache[40]; /* or "" */
    char rule[8];   /* by which it cannot fail, or "" */
};

struct sweep_map {
    unsigned int nr_sites, nr_calls;
    unsigned long nr_requests, lost; /* lost: beyond SWEEP_REQUESTS */
    bool full;                       /* of sites or calls */
    struct sweep_site site[SWEEP_SITES];
    struct sweep_call call[SWEEP_CALLS];
    struct sweep_request request[SWEEP_REQUESTS];
};

/* Which requests an aim leaves. */
struct sweep_aim {
    const char *file, *function, *cache; /* NULL: all */
    size_t size_from, size_to;           /* to 0: all */
    gfp_t flags;                         /* all of these must be there */
};

enum sweep_mode { SWEEP_LEARN, SWEEP_ONCE, SWEEP_FROM };

/* What to do in one run. */
struct sweep_job {
    enum sweep_mode mode;
    unsigned int site;
    unsigned long nth;
};

/* What the operations of the scenario answered, a line each. */
struct sweep_log {
    unsigned int nr;
    size_t used;
    bool full;
    struct {
        unsigned int at;      /* in text */
        bool injected, error; /* a request failed meanwhile; it answered with an error */
    } line[SWEEP_LOG_LINES];
    char text[SWEEP_LOG_TEXT];
};

struct sweep_note {
    char kind[32], text[384], place[300];
    bool leak;
};

struct sweep_outcome {
    bool booted, loaded, ended;
    enum sweep_phase phase;
    bool init_done;
    int init_error;         /* 0, or what init returned */
    unsigned long injected; /* requests that were made to fail */
    unsigned long crashes;
    bool hung, command_hung; /* the latter: COMMAND does not end, and nobody is in the driver */
    char hung_at[300];
    int command_status;
    int ended_by; /* the signal that ended the process before its end; noted by the parent */
    bool lock_kept;
    bool again; /* the scenario was run again without a failure */
    bool reload_failed;
    bool moves; /* timers, work or threads of the driver go on by themselves between operations */
    unsigned int nr_notes;
    unsigned long more_notes;
    struct sweep_note note[SWEEP_NOTES];
    struct sweep_log first, second, third;
};

struct sweep_options {
    const char *scenario; /* shell text, or NULL */
    unsigned int timeout; /* seconds */
    unsigned int jobs;
    unsigned long calls; /* at most so many requests of each line; 0: all */
    struct sweep_aim aim;
    const char *only;     /* FILE:LINE or FILE:LINE:N, or NULL */
    bool from;            /* given by --from */
    bool short_of_memory; /* by --start: requests fail that nobody makes fail */
    bool verbose;
};

/* ---- sweep_hook.c: which request is this? ----------------------------------------------------- */

/* What the run is about: requests are counted by line, learned into @map if that is the job, and fail if
 * they are the job's. */
void sweep_hook_prepare(struct sweep_map *map, const struct sweep_job *job,
                        const struct sweep_aim *aim, struct sweep_outcome *out);
/* The machine runs: have it ask before each request. */
void sweep_hook_start(void);
void sweep_hook_module(unsigned int module, const void *from, const void *to);
void sweep_hook_arm(bool on);
/* Requests that failed so far. */
unsigned long sweep_hook_injected(void);
bool sweep_aim_matches(const struct sweep_aim *aim, const struct sweep_site *site, gfp_t gfp,
                       size_t size, const char *cache);
/* "scullc.c" names examples/scullc.c. */
bool sweep_file_is(const char *file, const char *name);
/* Parse "GFP_KERNEL|__GFP_ZERO". False: @word is unknown (its length in *length). */
bool sweep_flags(const char *text, gfp_t *flags, const char **word, size_t *length);

/* ---- exercise.c: what is done with the devices ------------------------------------------------- */

/* Open, write, read and close every device and proc file of the modules; the answers go to @log. */
void exercise_all(struct sweep_log *log, struct sweep_outcome *out);
void sweep_log_add(struct sweep_log *log, bool injected, bool error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- sweep_child.c: one run --------------------------------------------------------------------- */

/* Everything of one run, in a process of its own; does not return. */
void sweep_child(struct run *run, const struct sweep_options *options, struct sweep_map *map,
                 const struct sweep_job *job, const struct sweep_outcome *learned,
                 struct sweep_outcome *out) __attribute__((noreturn));

/* ---- sweep_judge.c ------------------------------------------------------------------------------ */

/* The worst last. */
enum sweep_verdict {
    SWEEP_CANNOT_FAIL,
    SWEEP_NOT_REACHED,
    SWEEP_HANDLED,
    SWEEP_WRONG,
    SWEEP_UNUSABLE,
    SWEEP_LEAKED,
    SWEEP_MISUSED,
    SWEEP_LOCK_KEPT,
    SWEEP_HUNG,
    SWEEP_CRASHED,
    SWEEP_VERDICTS
};
const char *sweep_verdict_name(enum sweep_verdict verdict);
/* Whether a driver is convicted by it. */
static inline bool sweep_is_bad(enum sweep_verdict verdict)
{
    return verdict > SWEEP_HANDLED;
}

struct sweep_result {
    struct sweep_job job;
    enum sweep_verdict verdict;
    struct strings why; /* lines */
};
/* What the outcome of a run means; @learned: the run without a failure. */
void sweep_judge(const struct sweep_outcome *out, const struct sweep_outcome *learned,
                 const struct sweep_options *options, struct sweep_result *result);
/* What a run without any failure already shows: false and why, when that is wrong. */
bool sweep_sound(const struct sweep_outcome *out, const struct sweep_options *options,
                 struct strings *why);

/* ---- sweep_table.c ------------------------------------------------------------------------------- */

struct sweep {
    struct run *run;
    struct sweep_options options;
    struct sweep_map *map;
    struct sweep_outcome *learned;
    struct sweep_result *result; /* by line, request and mode */
    size_t nr_results;
    unsigned long untried; /* requests beyond --calls */
    struct strings
        command; /* the words to repeat, quoted for a shell, without what chose the runs */
    int exit_status;
};
/* The worst verdict of all. */
enum sweep_verdict sweep_worst(const struct sweep *sweep);
void sweep_table(const struct sweep *sweep);
bool sweep_json(const struct sweep *sweep);

#endif
