/* SPDX-License-Identifier: MIT */
/* The same failure with less.
 *
 * Operations go first, in halves, quarters … single ones (Zeller's ddmin, one way): what is left is
 * played with the recorded schedule and, if that does not fail any more, under a few others, of which a
 * failing one becomes the record. Then the record's decisions go the same way. Both in turn, since a
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

/* Does the program still fail, by the record or by another schedule? */
static bool shrink_fails(struct shrink *shrink)
{
    const struct prove_result *result = shrink->result;
    struct prove_schedule schedule = {.strategy = SIM_SCRIPT,
                                      .expected_points = result->points,
                                      .script = result->decision,
                                      .nr_script = result->nr_decisions};

    if (shrink_take(shrink, &schedule))
        return true;
    for (unsigned int i = 0; i < shrink->tries; i++) {
        schedule = (struct prove_schedule){.strategy = i % 2 ? SIM_RANDOM : SIM_PRIORITY,
                                           .seed = sim_random(&shrink->random),
                                           .gap = 1u << (i / 2 % 6),
                                           .handovers = i % 3 == 0,
                                           .switches = 1 + i / 2 % 4,
                                           .expected_points = result->points};
        if (shrink_take(shrink, &schedule))
            return true;
    }
    return false;
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
        bool less = shrink_operations(&shrink);
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
