/* SPDX-License-Identifier: MIT */
/* ports/sim: machines whose every schedule follows from a seed.
 *
 * A *world* is one machine: frames, virtual CPUs, a clock, tasks. Its tasks are coroutines that call the
 * public API; the one thread of the host that calls sim_run() runs them all, and at each point (see
 * quarry_port.h) the world's strategy may switch to another task, deliver an interrupt, move the clock
 * or wake a sleeper for nothing. What it decided is recorded: giving the record back with SIM_SCRIPT
 * repeats the run, also with parts of it left out, which is how a failing run is made small.
 *
 * Same build, same configuration, same tasks: the same events in the same order (sim_log_sum). Nothing
 * a run depends on comes from the host: no clock, no thread, no address.
 *
 * Several worlds can exist at once; the public API and sim_here belong to the one entered last.
 *
 * A run ends with a verdict. After any but SIM_FINE the world's tasks are where they were, the machine
 * can be looked at but not called, and sim_report() says what each CPU does. */
#ifndef QUARRY_SIM_H
#define QUARRY_SIM_H

#include <quarry/port.h>

#define SIM_MAX_CPUS 256u
#define SIM_MAX_TASKS 1024u

enum sim_strategy {
    SIM_RANDOM,      /* something random after a random number of points */
    SIM_PRIORITY,    /* the task of highest priority, which sinks at `switches` random points */
    SIM_ROUND_ROBIN, /* the next task after every `gap` points */
    SIM_INTERRUPT,   /* one interrupt, at point number `interrupt_at`; tasks one after another */
    SIM_SCRIPT,      /* what `script` says, and nothing else */
    SIM_STRATEGIES
};
extern const char *const sim_strategy_name[SIM_STRATEGIES];

enum sim_verdict {
    SIM_FINE,
    SIM_DEADLOCK,   /* everybody waits for a lock, in a circle */
    SIM_LOST_WAKE,  /* everybody sleeps, and nobody is left to wake them */
    SIM_LIVELOCK,   /* no end within max_points */
    SIM_SLEEP,      /* slept with a lock held, in a section or in an interrupt */
    SIM_LOCK_ORDER, /* two locks were taken in both orders */
    SIM_SECTION,    /* an operation ended inside a section or with a lock held */
    SIM_PANIC,      /* the core gave up */
    SIM_CRASH,      /* a fault signal */
    SIM_CHECK,      /* the program said so: sim_fail() */
    SIM_VERDICTS
};
extern const char *const sim_verdict_name[SIM_VERDICTS];

/* One decision of the scheduler, addressed so that it survives the removal of others: task, operation
 * of that task (sim_operation), point within the operation. */
enum sim_action {
    SIM_SWITCH,
    SIM_CHOICE, /* of whom to run when the task could not go on */
    SIM_IRQ,
    SIM_SOFTIRQ,
    SIM_CLOCK,
    SIM_WAKE_EARLY
};
struct sim_decision {
    uint32_t task, operation, point;
    enum sim_action action;
    uint32_t argument; /* task to run or wake; microseconds */
};

struct sim_config {
    uint64_t seed;
    unsigned int cpus;                   /* 0: 1 */
    const struct quarry_region *regions; /* NULL: `frames` from address 0 on one node */
    size_t nr_regions;
    uint64_t frames; /* 0: 1024 */
    phys_addr_t dma_limit, dma32_limit, low_limit, movable_from;
    uint64_t vmalloc_frames; /* address space of the vmalloc area; 0: four times the frames */
    const char *options;     /* boot options */
    bool without_worker;     /* qp_start_worker says -ENOSYS */
    bool lock_order;         /* watch the order in which locks are taken */
    bool strict_wakes;       /* a sleeper that only its timeout of a second or more frees is lost */
    enum sim_strategy strategy;
    unsigned int gap; /* mean number of points between decisions; 0: 8 */
    bool
        handovers; /* preemptible build: decide only where something changes hands (atomic writes, locks) */
    unsigned int switches;    /* SIM_PRIORITY; 0: 3 */
    uint64_t expected_points; /* SIM_PRIORITY: how long the run will be, about; 0: 1000 */
    uint64_t interrupt_at;    /* SIM_INTERRUPT */
    const struct sim_decision *script;
    size_t nr_script;
    uint64_t max_points;                      /* 0: 50 million */
    void (*interrupt)(void *data, bool hard); /* the handler; NULL: no interrupts */
    unsigned int interrupts; /* how many a strategy may choose to deliver; 0: 200 */
    void *data;
};

struct sim;

/* Make a world and boot its machine as the default one of the public API. NULL with the reason. */
struct sim *sim_new(const struct sim_config *config, char *why, size_t why_size);
/* Shut the machine down (if the last verdict was SIM_FINE) and give everything back. */
void sim_free(struct sim *sim);
/* Make @sim the world that the public API works on. Not while one runs. */
void sim_enter(struct sim *sim);

/* A task on @cpu that will call fn(arg). Its number, from 1 on; -1 when there are too many. */
int sim_task(struct sim *sim, unsigned int cpu, const char *name, void (*fn)(void *), void *arg);
/* Run until all tasks have ended and the workers sleep, or something is wrong. More tasks may be given
 * and run afterwards. */
enum sim_verdict sim_run(struct sim *sim);

/* SIM_INTERRUPT: the interrupt comes @points points from now. */
void sim_interrupt_at(struct sim *sim, uint64_t points);

/* ---- called by tasks ---- */

/* Operation number @operation begins (and the one before has ended: no lock, no section is left). */
#define SIM_AFTER_LAST 0xffffffffu /* the task has done them all */
void sim_operation(uint32_t operation);
/* End the run: something is wrong. Does not return. */
void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* Add to the log. */
void sim_log(const char *what, uint64_t a, uint64_t b);
/* The task that runs; 0: the caller of sim_run(). */
unsigned int sim_task_number(void);
bool sim_in_interrupt(void);

/* ---- afterwards ---- */

enum sim_verdict sim_verdict(const struct sim *sim);
/* What happened, with what each task does and its callers, as one text. */
const char *sim_report(struct sim *sim);
/* All that happened, as a number. */
uint64_t sim_log_sum(const struct sim *sim);
/* Write each event as a line to @fd from now on; -1: no more. */
void sim_log_to(struct sim *sim, int fd);
uint64_t sim_points(const struct sim *sim);
uint64_t sim_switches(const struct sim *sim);
const struct sim_decision *sim_decisions(const struct sim *sim, size_t *nr);
/* Bytes of the host's memory behind the simulated frames. */
uint64_t sim_resident(const struct sim *sim);
uintptr_t sim_offset(const struct sim *sim);

/* A generator of numbers, for programs that want to follow from a seed as well. */
uint64_t sim_random(uint64_t *state);

#endif
