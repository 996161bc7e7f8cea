/* SPDX-License-Identifier: MIT */
/* ports/sim: what its files share. */
#ifndef QUARRY_SIM_WORLD_H
#define QUARRY_SIM_WORLD_H

#include "point.h"
#include "sim.h"
#include <setjmp.h>
#include <stdio.h>
#include <ucontext.h>

#define SIM_HELD 16u
#define SIM_TRACE 24u

enum sim_state { SIM_READY, SIM_SPINS, SIM_SLEEPS, SIM_HELD_BACK, SIM_ENDED };

/* A task, with what sim_here says of it while another runs. */
struct sim_thread {
    struct sim_here here;
    struct qp_task record;
    char name[24];
    uint32_t number;
    void (*fn)(void *);
    void *arg;
    enum sim_state state;
    bool daemon, started;
    bool resting; /* between two operations, or asleep: see qp_hold_others */
    const qp_lock_t *spins_on;
    const struct qp_event *sleeps_on;
    uint64_t until; /* virtual time; 0: no limit */
    uint64_t limit; /* how long it wanted to sleep */
    uint32_t operation;
    uint64_t point;   /* within the operation */
    uint64_t relaxed; /* spins since it last did something else */
    int64_t priority;
    size_t script, script_end; /* its part of the script */
    const qp_lock_t *held[SIM_HELD];
    const void *frame; /* where its callers are found while it does not run */
    void *stack;
    jmp_buf at;
    ucontext_t first;
    void *fiber; /* AddressSanitizer's */
};

struct sim_cpu {
    struct sim_thread *owner; /* who is in the middle of something here */
    struct qp_task interrupt_record;
    bool pending_hard, pending_soft;
    bool claimed; /* has its data, or is about to */
};

struct sim {
    struct sim_config config;
    unsigned int index;   /* where its memory lies */
    struct quarry *saved; /* the machine, while another world is entered */
    bool booted, running, dead;
    enum sim_verdict verdict;
    char why[400];
    char *report;
    size_t report_size;
    char *messages; /* what the core wrote */
    size_t nr_messages;

    struct sim_thread *thread[SIM_MAX_TASKS]; /* [0]: the caller of sim_run() */
    unsigned int nr_threads, nr_alive;        /* alive: not ended, not daemons */
    struct sim_thread *now;
    const void *fault_frame; /* where a fault happened */
    struct sim_cpu cpu[SIM_MAX_CPUS];
    unsigned int next_worker_cpu;
    struct sim_thread *holder; /* of qp_hold_others */

    uint64_t random;
    uint64_t clock; /* ns */
    uint64_t points, looked, nr_switches;
    long budget;         /* what sim_here.left began with */
    uint64_t change[16]; /* SIM_PRIORITY: points at which the running task sinks */
    unsigned int nr_change, nr_interrupts;
    int64_t lowest;

    struct sim_decision *decision;
    size_t nr_decisions, room_decisions;
    uint64_t log_sum;
    int log_fd;

    struct sim_order *order;

    int ram_fd;
    uintptr_t ram; /* address of frame 0 */
    size_t ram_bytes;
    uintptr_t virt; /* the vmalloc area and the kmap windows */
    size_t virt_bytes;
};

extern struct sim *sim_now;

/* memory.c */
int sim_memory_make(struct sim *sim, struct qp_machine *machine, char *why, size_t why_size);
void sim_memory_free(struct sim *sim);

/* task.c */
struct sim_thread *sim_thread_new(struct sim *sim, unsigned int cpu, const char *name,
                                  void (*fn)(void *), void *arg);
void sim_threads_free(struct sim *sim);
/* Go on as @to; returns when somebody goes on as the caller. */
void sim_change(struct sim *sim, struct sim_thread *to);
/* Back to sim_run(), for good. */
void sim_leave(struct sim *sim) __attribute__((noreturn));

/* schedule.c */
void sim_schedule_begin(struct sim *sim);
/* The running task cannot go on: choose another. Returns when it can. */
void sim_give_way(struct sim *sim);
void sim_spin(qp_lock_t *lock);
void sim_lock_taken(qp_lock_t *lock);
void sim_lock_dropped(qp_lock_t *lock);
/* @to runs on its CPU now. */
void sim_take_cpu(struct sim *sim, struct sim_thread *to);
void sim_switch(struct sim *sim, struct sim_thread *to);
void sim_count_points(struct sim *sim);
void sim_next_look(struct sim *sim);
void sim_soon(struct sim *sim);

/* strategy.c */
void sim_strategy_begin(struct sim *sim);
/* At a point: do something. */
void sim_strategy_act(struct sim *sim);
/* Whom to run, of @nr who can. */
struct sim_thread *sim_strategy_choose(struct sim *sim, struct sim_thread *const *who,
                                       unsigned int nr);
/* Points until the next decision. */
long sim_strategy_gap(struct sim *sim);
bool sim_can_run(const struct sim *sim, const struct sim_thread *thread);
unsigned int sim_who_can(const struct sim *sim, struct sim_thread **who);
void sim_deliver(struct sim *sim, bool hard);
void sim_clock_move(struct sim *sim, uint64_t ns);

/* order.c */
struct sim_order *sim_order_new(void);
void sim_order_free(struct sim_order *order);
/* @lock is taken while @held is. False: the other way round happened before. */
bool sim_order_add(struct sim_order *order, const qp_lock_t *held, const qp_lock_t *lock);

/* report.c */
/* Something is wrong. Does not return. */
void sim_end(struct sim *sim, enum sim_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4), noreturn));
void sim_event(struct sim *sim, const char *what, uint64_t a, uint64_t b);
unsigned int sim_callers(const void *frame, const struct sim_thread *thread, const void **pc,
                         unsigned int max);

/* symbols.c */
void sim_print_caller(FILE *to, const void *pc);

#endif
