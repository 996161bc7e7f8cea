/* SPDX-License-Identifier: MIT */
/* Two CPUs, two calls, and every point of the one at which the other can come in between.
 *
 * The first call runs up to its point k; then the second runs from beginning to end (or until it has to
 * wait); then the first goes on. That is done for k = 1, 2, … until the first call has no such point. In the
 * preemptible build a point is each access to memory, so that what is read and what is then written on the
 * strength of it are pulled apart wherever they can be. After each run all counts must agree. */
#ifndef RACE_H
#define RACE_H

#include <quarry/gfp.h>
#include <quarry/report.h>
#include <quarry/stat.h>
#include "instance.h"
#include "sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* @before and @after run on the machine while no task does. */
struct race {
    void (*before)(void);
    void (*one)(void *);
    void (*other)(void *);
    void (*after)(void);
    unsigned long findings; /* told in each run */
};

static unsigned long race_heard;
static size_t race_size; /* as the last finding has it */

static inline bool race_hear(const struct quarry_report *report, void *data)
{
    (void)data;
    race_heard++;
    race_size = report->size;
    return false;
}

static inline void race_call_one(void *race)
{
    sim_operation(1);
    ((const struct race *)race)->one(NULL);
}

static inline void race_call_other(void *race)
{
    sim_operation(1);
    ((const struct race *)race)->other(NULL);
}

static inline bool race_came_between(const struct sim *sim)
{
    size_t nr;
    const struct sim_decision *decision = sim_decisions(sim, &nr);

    for (size_t i = 0; i < nr; i++)
        if (decision[i].action == SIM_SWITCH)
            return true;
    return false;
}

/* The other call comes at point @k of the one. False: there was no such point. */
static inline bool race_at(const struct race *race, uint32_t k)
{
    struct sim_decision script = {.operation = 1, .point = k, .action = SIM_SWITCH};
    struct sim_config config = {.cpus = 2,
                                .frames = 1024,
                                .strict_wakes = true,
                                .strategy = SIM_SCRIPT,
                                .script = &script,
                                .nr_script = 1};
    char why[200] = "";
    struct sim *sim = sim_new(&config, why, sizeof(why));
    bool switched;

    if (!sim)
        fail_msg("%s", why);
    race_heard = 0;
    qr_default()->check.hook = race_hear;
    race->before();
    script.task = (uint32_t)sim_task(sim, 0, "one", race_call_one, (void *)(uintptr_t)race);
    script.argument = (uint32_t)sim_task(sim, 1, "other", race_call_other, (void *)(uintptr_t)race);
    if (sim_run(sim) != SIM_FINE)
        fail_msg("at point %u: %s", k, sim_report(sim));
    switched = race_came_between(sim);
    race->after();
    if (race_heard != race->findings)
        fail_msg("at point %u: %lu findings", k, race_heard);
    if (quarry_check_all() != 0)
        fail_msg("at point %u the machine contradicts itself", k);
    sim_free(sim);
    return switched;
}

static inline void race_run(const struct race *race)
{
    uint32_t k = 1;

    while (race_at(race, k))
        k++;
    assert_true(k > 1);
}

/* Either call may be the one that is interrupted. */
static inline void race_run_both(struct race race)
{
    void (*one)(void *) = race.one;

    race_run(&race);
    race.one = race.other;
    race.other = one;
    race_run(&race);
}

#define RACE_RUN_ALL(races)                                                                        \
    do {                                                                                           \
        for (size_t race_i = 0; race_i < sizeof(races) / sizeof((races)[0]); race_i++)             \
            race_run(&(races)[race_i]);                                                            \
    } while (0)

#endif
