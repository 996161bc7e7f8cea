/* SPDX-License-Identifier: MIT */
/* prove: random concurrent programs on simulated machines, until one goes wrong.
 *
 * A *program* is a list of operations for each of a few tasks, made from a number. It is *played* under
 * many schedules: once to see how long it is, then with each strategy. What must hold at any time and at
 * the end is in play.c. A program that fails is made small (shrink.c) and printed with the schedule that
 * breaks it.
 *
 *     program.c   operations, and programs from numbers
 *     play.c      one program under one schedule, and what must hold
 *     shrink.c    the same failure with less
 *     main.c      the command */
#ifndef QUARRY_PROVE_H
#define QUARRY_PROVE_H

#include <quarry/types.h>
#include "point.h"
#include "sim.h"
#include <stdio.h>

#define PROVE_TASKS 4u
#define PROVE_OPERATIONS 40u
#define PROVE_SLOTS 8u

enum prove_kind {
    PROVE_KMALLOC, /* argument: bytes */
    PROVE_REALLOC, /* of what is in the slot, to argument bytes */
    PROVE_OBJECT,  /* from the cache with a constructor */
    PROVE_OBJECTS, /* argument: how many; for others, whose are freed */
    PROVE_BULK,    /* argument: how many, at once, and back; no slot */
    PROVE_PAGES,   /* argument: order */
    PROVE_BORROW,  /* a reference to the pages in the slot, a look, and back */
    PROVE_VMALLOC, /* argument: pages */
    PROVE_POOL,    /* an element of the pool, held for a moment */
    PROVE_HOARD,   /* pages one by one until there are no more, and all back */
    PROVE_CACHE,   /* a cache of one's own: made, used, destroyed */
    PROVE_LATER,   /* kfree_rcu of an object of one's own */
    PROVE_FREE,    /* what is in the slot */
    PROVE_SHRINK,  /* kmem_cache_shrink */
    PROVE_CHECK,   /* quarry_check_all */
    PROVE_KINDS
};

struct prove_operation {
    enum prove_kind kind;
    unsigned int slot, argument;
    bool dropped; /* by shrink.c */
};

struct prove_program {
    uint64_t seed;
    unsigned int cpus, tasks, slots;
    unsigned int nr[PROVE_TASKS];
    uint64_t frames;
    bool interrupts, without_worker;
    bool thorough; /* quarry_check_all() at the end, which takes as long as all the rest */
    struct prove_operation operation[PROVE_TASKS][PROVE_OPERATIONS];
};

struct prove_schedule {
    enum sim_strategy strategy;
    uint64_t seed;
    unsigned int gap, switches;
    bool handovers;
    uint64_t expected_points, interrupt_at;
    const struct sim_decision *script;
    size_t nr_script;
};

struct prove_result {
    enum sim_verdict verdict;
    uint64_t log_sum, switches;
    uint64_t points; /* while the tasks ran */
    uint64_t operations;
    char *report;                  /* for the caller to free; NULL when fine */
    struct sim_decision *decision; /* as recorded; for the caller to free; NULL when fine */
    size_t nr_decisions;
};

/* program.c */
void prove_make(struct prove_program *program, uint64_t seed);
void prove_print(FILE *to, const struct prove_program *program);
unsigned int prove_count(const struct prove_program *program);

/* play.c */
struct prove_result prove_play(const struct prove_program *program,
                               const struct prove_schedule *schedule);
void prove_result_free(struct prove_result *result);

/* shrink.c */
/* Make @program and @result, which failed, smaller as long as the verdict stays. */
void prove_shrink(struct prove_program *program, struct prove_result *result);
void prove_print_schedule(FILE *to, const struct prove_program *program,
                          const struct prove_result *result);

#endif
