/* SPDX-License-Identifier: MIT */
/* ports/sim/report: the log, and what is said when a run ends badly.
 *
 * The log is a running sum over all events, and lines of text only for those who ask: two runs with equal
 * sums did the same. Addresses of the host are never part of it. */
#define _GNU_SOURCE
#include "world.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const sim_verdict_name[SIM_VERDICTS] = {[SIM_FINE] = "fine",
                                                    [SIM_DEADLOCK] = "deadlock",
                                                    [SIM_LOST_WAKE] = "lost wake-up",
                                                    [SIM_LIVELOCK] = "livelock",
                                                    [SIM_SLEEP] = "sleeping in atomic context",
                                                    [SIM_LOCK_ORDER] = "lock-order inversion",
                                                    [SIM_SECTION] = "a section was not left",
                                                    [SIM_PANIC] = "panic",
                                                    [SIM_CRASH] = "crash",
                                                    [SIM_CHECK] = "wrong result"};

static const char *const report_state[] = {[SIM_READY] = "can run",
                                           [SIM_SPINS] = "waits for a lock",
                                           [SIM_SLEEPS] = "sleeps",
                                           [SIM_HELD_BACK] = "runs the others",
                                           [SIM_ENDED] = "has ended"};

static uint64_t report_mix(uint64_t sum, uint64_t value)
{
    return (sum ^ value) * 0x100000001b3ull ^ (sum >> 29);
}

void sim_event(struct sim *sim, const char *what, uint64_t a, uint64_t b)
{
    uint64_t sum = sim->log_sum;

    for (const char *at = what; *at; at++)
        sum = report_mix(sum, (unsigned char)*at);
    sim->log_sum = report_mix(report_mix(report_mix(sum, sim->now ? sim->now->number : 0), a), b);
    if (sim->log_fd >= 0)
        dprintf(sim->log_fd, "%u %s %llu %llu\n", sim->now ? sim->now->number : 0, what,
                (unsigned long long)a, (unsigned long long)b);
}

void sim_log(const char *what, uint64_t a, uint64_t b)
{
    if (sim_now)
        sim_event(sim_now, what, a, b);
}

uint64_t sim_log_sum(const struct sim *sim)
{
    return sim->log_sum;
}

void sim_log_to(struct sim *sim, int fd)
{
    sim->log_fd = fd;
}

/* ---- callers -------------------------------------------------------------------------------- */

/* Frame pointers from @frame on, as long as they climb within the task's stack. */
unsigned int sim_callers(const void *frame, const struct sim_thread *thread, const void **pc,
                         unsigned int max)
{
    const uintptr_t *at = frame;
    uintptr_t low = (uintptr_t)frame, high = low + (thread->stack ? 128u * 1024 : 1u << 20);
    unsigned int nr = 0;

    if (thread->stack) {
        low = (uintptr_t)thread->stack;
        high = low + 128u * 1024;
    }
    while (nr < max && (uintptr_t)at >= low && (uintptr_t)at < high - 2 * sizeof(*at) &&
           (uintptr_t)at % sizeof(*at) == 0 && at[1]) {
        pc[nr++] = (const void *)at[1];
        if (at[0] <= (uintptr_t)at)
            break;
        at = (const uintptr_t *)at[0];
    }
    return nr;
}

static void report_callers(FILE *to, const struct sim_thread *thread)
{
    const void *pc[SIM_TRACE];
    unsigned int nr = thread->frame ? sim_callers(thread->frame, thread, pc, SIM_TRACE) : 0;

    for (unsigned int i = 0; i < nr; i++)
        sim_print_caller(to, pc[i]);
}

static void report_thread(FILE *to, const struct sim *sim, const struct sim_thread *thread)
{
    fprintf(to, "  task %u \"%s\" on CPU %u: ", thread->number, thread->name, thread->here.cpu);
    if (thread->operation == SIM_AFTER_LAST)
        fprintf(to, "after its last operation");
    else
        fprintf(to, "operation %u", thread->operation);
    fprintf(to, ", point %llu, %s%s%s%s\n", (unsigned long long)thread->point,
            thread == sim->now ? "ran last" : report_state[thread->state],
            thread->here.interrupt ? ", in an interrupt" : "",
            thread->here.off ? ", interrupts off" : "", thread->held[0] ? ", locks held" : "");
    if (thread->state != SIM_ENDED)
        report_callers(to, thread);
}

/* What the core printed, its traces of numbers as names. */
static void report_messages(FILE *to, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        const char *number = text + strspn(text, " ");
        char *end;
        void *pc = (void *)(uintptr_t)strtoull(number, &end, 16);

        if (number > text && strncmp(number, "0x", 2) == 0 && end == text + length)
            sim_print_caller(to, pc);
        else
            fprintf(to, "%.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

const char *sim_report(struct sim *sim)
{
    FILE *to;

    free(sim->report);
    sim->report = NULL;
    to = open_memstream(&sim->report, &sim->report_size);
    if (!to)
        return sim->why;
    fprintf(to, "%s: %s\n", sim_verdict_name[sim->verdict], sim->why);
    fprintf(to, "  seed %llu, strategy %s, %u CPUs, %llu points, %llu switches\n",
            (unsigned long long)sim->config.seed, sim_strategy_name[sim->config.strategy],
            sim->config.cpus, (unsigned long long)sim->points,
            (unsigned long long)sim->nr_switches);
    if (sim->verdict != SIM_FINE) {
        for (unsigned int i = 1; i < sim->nr_threads; i++)
            report_thread(to, sim, sim->thread[i]);
    }
    if (sim->nr_messages) {
        fprintf(to, "  what the machine wrote:\n");
        report_messages(to, sim->messages);
    }
    fclose(to);
    return sim->report;
}

/* ---- the end -------------------------------------------------------------------------------- */

void sim_end(struct sim *sim, enum sim_verdict verdict, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(sim->why, sizeof(sim->why), format, args);
    va_end(args);
    sim->verdict = verdict;
    sim->dead = true;
    sim->now->frame = sim->fault_frame ? sim->fault_frame : __builtin_frame_address(0);
    sim->now->here = sim_here;
    sim_event(sim, "end", verdict, sim->points);
    if (!sim->running) {
        fprintf(stderr, "sim: outside sim_run(): %s", sim_report(sim));
        abort();
    }
    sim_leave(sim);
}

void sim_fail(const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sim_end(sim_now, SIM_CHECK, "%s", text);
}
