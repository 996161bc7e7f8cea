/* SPDX-License-Identifier: MIT */
/* The same failure with less.
 *
 * Operations go first, all of a task, all of a kind, and then in halves, quarters … single ones (Zeller's
 * ddmin, one way): what is left is played with the recorded schedule and, if that does not fail any more,
 * under a few others, of which a failing one becomes the record. Every second of these is the record with
 * some decisions left out and some moved a little: without an operation the same race comes a few points
 * earlier or later. Then the record's decisions go the same way. Both in turn, since a
 * record with fewer decisions fails more often when an operation before them is gone; and when no single
 * operation can go, with four times as many schedules, until that was not enough either. A candidate is
 * taken when its verdict is the first one's.
 *
 * Some failures take very long to make small: those that seldom come again, and those that are told only
 * after a million points in which nothing got on. So all candidates together have a number of points, not
 * a time: the same seed gives the same small failure on every machine. */
#include "prove.h"
#include <stdlib.h>
#include <string.h>

#define SHRINK_TRIES 12u /* schedules for one candidate at first, and at most */
#define SHRINK_MOST 192u
#define SHRINK_POINTS 2000000000ull /* for all candidates: a few minutes */

struct shrink {
    struct prove_program *program;
    struct prove_result *result; /* the smallest failure so far */
    uint64_t random;
    uint64_t points; /* that may still be played */
    unsigned int tries;
};

static bool shrink_take(struct shrink *shrink, const struct prove_schedule *schedule)
{
    struct prove_result now;

    if (!shrink->points)
        return false;
    now = prove_play(shrink->program, schedule);
    shrink->points -= now.points < shrink->points ? now.points : shrink->points;
    if (now.verdict != shrink->result->verdict) {
        prove_result_free(&now);
        return false;
    }
    prove_result_free(shrink->result);
    *shrink->result = now;
    return true;
}

/* @to: the record, a little changed. How many decisions. */
static size_t shrink_shake(struct shrink *shrink, struct sim_decision *to)
{
    const struct prove_result *result = shrink->result;
    size_t nr = 0;

    for (size_t i = 0; i < result->nr_decisions; i++) {
        uint64_t random = sim_random(&shrink->random);
        if (random % 8 == 0)
            continue;
        to[nr] = result->decision[i];
        if (random / 8 % 4 == 0)
            to[nr].point +=
                (uint32_t)(random / 32 % 129) - 64u; /* one that is never reached is passed over */
        nr++;
    }
    return nr;
}

/* Does the program fail under another schedule, number @i? */
static bool shrink_fails_otherwise(struct shrink *shrink, unsigned int i,
                                   struct sim_decision *shaken)
{
    const struct prove_result *result = shrink->result;
    struct prove_schedule schedule = {.strategy = i % 4 ? SIM_RANDOM : SIM_PRIORITY,
                                      .seed = sim_random(&shrink->random),
                                      .gap = 1u << (i / 4 % 6),
                                      .handovers = i / 2 % 3 == 0,
                                      .switches = 1 + i / 4 % 4,
                                      .expected_points = result->points};

    if (i % 2) {
        schedule.strategy = SIM_SCRIPT;
        schedule.script = shaken;
        schedule.nr_script = shrink_shake(shrink, shaken);
    }
    return shrink_take(shrink, &schedule);
}

/* Does the program still fail, by the record or by another schedule? */
static bool shrink_fails(struct shrink *shrink)
{
    const struct prove_result *result = shrink->result;
    struct prove_schedule schedule = {.strategy = SIM_SCRIPT,
                                      .expected_points = result->points,
                                      .script = result->decision,
                                      .nr_script = result->nr_decisions};

    struct sim_decision *shaken;
    bool fails = shrink_take(shrink, &schedule);

    if (fails)
        return true;
    shaken = malloc((result->nr_decisions + 1) * sizeof(*shaken));
    for (unsigned int i = 0; i < shrink->tries && shaken && !fails; i++)
        fails = shrink_fails_otherwise(shrink, i, shaken);
    free(shaken);
    return fails;
}

static unsigned int shrink_list(struct prove_program *program, struct prove_operation **list)
{
    unsigned int nr = 0;

    for (unsigned int i = 0; i < program->tasks; i++) {
        for (unsigned int j = 0; j < program->nr[i]; j++) {
            if (!program->operation[i][j].dropped)
                list[nr++] = &program->operation[i][j];
        }
    }
    return nr;
}

static void shrink_mark(struct prove_operation **list, unsigned int nr, bool dropped)
{
    for (unsigned int i = 0; i < nr; i++)
        list[i]->dropped = dropped;
}

/* Of what is left, all of @task if that is one, or else of @kind. */
static unsigned int shrink_list_some(struct prove_program *program, unsigned int task,
                                     unsigned int kind, struct prove_operation **list)
{
    unsigned int nr = 0;

    for (unsigned int i = 0; i < program->tasks; i++) {
        for (unsigned int j = 0; j < program->nr[i]; j++) {
            struct prove_operation *operation = &program->operation[i][j];
            if (!operation->dropped &&
                (task < program->tasks ? i == task : (unsigned int)operation->kind == kind))
                list[nr++] = operation;
        }
    }
    return nr;
}

static bool shrink_groups(struct shrink *shrink)
{
    struct prove_operation *list[PROVE_TASKS * PROVE_OPERATIONS];
    unsigned int tasks = shrink->program->tasks;
    bool less = false;

    for (unsigned int i = 0; i < tasks + PROVE_KINDS; i++) {
        unsigned int nr = shrink_list_some(shrink->program, i, i - tasks, list);
        if (!nr)
            continue;
        shrink_mark(list, nr, true);
        if (shrink_fails(shrink))
            less = true;
        else
            shrink_mark(list, nr, false);
    }
    return less;
}

static bool shrink_operations(struct shrink *shrink)
{
    struct prove_operation *list[PROVE_TASKS * PROVE_OPERATIONS];
    unsigned int all = shrink_list(shrink->program, list), chunk = all / 2;
    bool less = false;

    for (; chunk; chunk /= 2) {
        all = shrink_list(shrink->program, list);
        for (unsigned int at = 0; at < all; at += chunk) {
            unsigned int nr = all - at < chunk ? all - at : chunk;
            shrink_mark(list + at, nr, true);
            if (shrink_fails(shrink))
                less = true;
            else
                shrink_mark(list + at, nr, false);
        }
    }
    return less;
}

/* The record without @nr decisions from @at. */
static bool shrink_decisions(struct shrink *shrink, size_t at, size_t nr)
{
    const struct prove_result *result = shrink->result;
    struct prove_schedule schedule = {.strategy = SIM_SCRIPT, .expected_points = result->points};
    struct sim_decision *fewer = malloc((result->nr_decisions + 1) * sizeof(*fewer));
    bool taken;

    if (!fewer)
        return false;
    memcpy(fewer, result->decision, at * sizeof(*fewer));
    memcpy(fewer + at, result->decision + at + nr,
           (result->nr_decisions - at - nr) * sizeof(*fewer));
    schedule.script = fewer;
    schedule.nr_script = result->nr_decisions - nr;
    taken = shrink_take(shrink, &schedule);
    free(fewer);
    return taken;
}

static void shrink_schedule(struct shrink *shrink)
{
    for (size_t chunk = (shrink->result->nr_decisions + 1) / 2; chunk; chunk /= 2) {
        size_t at = 0;
        while (at < shrink->result->nr_decisions) {
            size_t before = shrink->result->nr_decisions;
            size_t nr = before - at < chunk ? before - at : chunk;
            if (!shrink_decisions(shrink, at, nr) || shrink->result->nr_decisions >= before)
                at += nr;
        }
    }
}

void prove_shrink(struct prove_program *program, struct prove_result *result)
{
    struct shrink shrink = {.program = program,
                            .result = result,
                            .random = program->seed,
                            .points = SHRINK_POINTS,
                            .tries = SHRINK_TRIES};

    while (shrink.tries <= SHRINK_MOST && shrink.points) {
        bool less = shrink_groups(&shrink);
        less = shrink_operations(&shrink) || less;
        shrink_schedule(&shrink);
        if (!less)
            shrink.tries *= 4;
    }
}

void prove_print_schedule(FILE *to, const struct prove_program *program,
                          const struct prove_result *result)
{
    static const char *const name[] = {
        [SIM_SWITCH] = "go on as task", [SIM_CHOICE] = "it waits: go on as task",
        [SIM_IRQ] = "interrupt",        [SIM_SOFTIRQ] = "soft interrupt",
        [SIM_CLOCK] = "clock, µs",      [SIM_WAKE_EARLY] = "wake for nothing task"};

    (void)program;
    fprintf(to, "schedule: %zu decisions\n", result->nr_decisions);
    for (size_t i = 0; i < result->nr_decisions && i < 200; i++) {
        const struct sim_decision *decision = &result->decision[i];
        fprintf(to, "  task %u, ", decision->task);
        if (decision->operation == SIM_AFTER_LAST)
            fprintf(to, "after its last operation");
        else
            fprintf(to, "operation %u", decision->operation);
        fprintf(to, ", point %u: %s", decision->point, name[decision->action]);
        if (decision->action != SIM_IRQ && decision->action != SIM_SOFTIRQ)
            fprintf(to, " %u", decision->argument);
        fprintf(to, "\n");
    }
}
