/* SPDX-License-Identifier: MIT */
/* ports/sim/strategy: who runs next, and what else happens.
 *
 * SIM_RANDOM finds what needs many switches. SIM_PRIORITY is the probabilistic schedule of Burckhardt,
 * Kothari, Musuvathi and Nagarakatte (2010): tasks have random priorities, the highest runs, and at a few
 * random points the one that runs sinks to the bottom; a bug that needs d such points is found with a
 * probability that has a lower bound. SIM_INTERRUPT changes one thing only, and is run for every point
 * in turn. All record what they decide; SIM_SCRIPT plays a record back.
 *
 * A record is looked up by task, operation and point in the operation, not by time: when other
 * operations are taken out of a run, what is left of the record still means the same. */
#include "world.h"
#include <limits.h>
#include <stdlib.h>

#define STRATEGY_FOREVER (LONG_MAX / 2)

const char *const sim_strategy_name[SIM_STRATEGIES] = {[SIM_RANDOM] = "random",
                                                       [SIM_PRIORITY] = "priority",
                                                       [SIM_ROUND_ROBIN] = "round robin",
                                                       [SIM_INTERRUPT] = "interrupt",
                                                       [SIM_SCRIPT] = "script"};

/* splitmix64 (Steele, Lea, Flood 2014) */
uint64_t sim_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static uint64_t strategy_below(struct sim *sim, uint64_t limit)
{
    return sim_random(&sim->random) % limit;
}

static void strategy_record(struct sim *sim, enum sim_action action, uint32_t argument)
{
    if (sim->nr_decisions == sim->room_decisions) {
        size_t room = sim->room_decisions ? sim->room_decisions * 2 : 256;
        struct sim_decision *more = realloc(sim->decision, room * sizeof(*more));
        if (!more)
            sim_end(sim, SIM_CHECK, "the host has no memory for the record of the run");
        sim->decision = more;
        sim->room_decisions = room;
    }
    sim->decision[sim->nr_decisions++] = (struct sim_decision){.task = sim->now->number,
                                                               .operation = sim->now->operation,
                                                               .point = (uint32_t)sim->now->point,
                                                               .action = action,
                                                               .argument = argument};
}

/* ---- the script ----------------------------------------------------------------------------- */

/* The next entry for the running task, in this operation; NULL: none. */
static const struct sim_decision *strategy_entry(struct sim *sim)
{
    struct sim_thread *now = sim->now;
    const struct sim_decision *script = sim->config.script;

    while (now->script < sim->config.nr_script &&
           (script[now->script].task != now->number ||
            (script[now->script].operation < now->operation && now->number)))
        now->script++;
    if (now->script >= sim->config.nr_script ||
        (now->number && script[now->script].operation != now->operation))
        return NULL;
    return &script[now->script];
}

static struct sim_thread *strategy_thread(const struct sim *sim, uint32_t number)
{
    if (number >= sim->nr_threads || !sim_can_run(sim, sim->thread[number]))
        return NULL;
    return sim->thread[number];
}

static void strategy_do(struct sim *sim, enum sim_action action, uint32_t argument)
{
    struct sim_thread *thread;

    switch (action) {
    case SIM_SWITCH:
    case SIM_CHOICE:
        thread = strategy_thread(sim, argument);
        if (thread)
            sim_switch(sim, thread);
        break;
    case SIM_IRQ:
    case SIM_SOFTIRQ:
        sim_deliver(sim, action == SIM_IRQ);
        break;
    case SIM_CLOCK:
        sim_clock_move(sim, argument * 1000ull);
        break;
    case SIM_WAKE_EARLY:
        if (argument < sim->nr_threads && sim->thread[argument]->state == SIM_SLEEPS) {
            sim->thread[argument]->state = SIM_READY;
            sim_event(sim, "spurious", argument, 0);
        }
        break;
    }
}

static void strategy_play(struct sim *sim)
{
    const struct sim_decision *entry = strategy_entry(sim);

    while (entry && entry->action == SIM_CHOICE && entry->point < sim->now->point) {
        sim->now->script++; /* it did go on this time */
        entry = strategy_entry(sim);
    }
    if (!entry || entry->point > sim->now->point || entry->action == SIM_CHOICE)
        return;
    sim->now->script++;
    strategy_record(sim, entry->action, entry->argument);
    strategy_do(sim, entry->action, entry->argument);
}

/* ---- random --------------------------------------------------------------------------------- */

static void strategy_switch_random(struct sim *sim)
{
    struct sim_thread *who[SIM_MAX_TASKS];
    unsigned int nr = sim_who_can(sim, who);
    struct sim_thread *to = nr ? who[strategy_below(sim, nr)] : NULL;

    if (!to || to == sim->now)
        return;
    strategy_record(sim, SIM_SWITCH, to->number);
    sim_switch(sim, to);
}

static void strategy_wake_random(struct sim *sim)
{
    uint32_t number = (uint32_t)strategy_below(sim, sim->nr_threads);

    if (sim->thread[number]->state != SIM_SLEEPS)
        return;
    strategy_record(sim, SIM_WAKE_EARLY, number);
    strategy_do(sim, SIM_WAKE_EARLY, number);
}

static void strategy_disturb(struct sim *sim, uint64_t what)
{
    enum sim_action action = what < 3 ? SIM_IRQ : what < 5 ? SIM_SOFTIRQ : SIM_CLOCK;
    uint32_t argument = action == SIM_CLOCK ? (uint32_t)strategy_below(sim, 2000) : 0;

    if (what == 6) {
        strategy_wake_random(sim);
        return;
    }
    /* Few, and none in one of its kind: else the run could consist of handlers. */
    if (action != SIM_CLOCK &&
        (!sim->config.interrupt || sim_here.interrupt >= (action == SIM_IRQ ? 2u : 1u) ||
         ++sim->nr_interrupts > sim->config.interrupts))
        return;
    strategy_record(sim, action, argument);
    strategy_do(sim, action, argument);
}

static void strategy_act_random(struct sim *sim)
{
    uint64_t what = strategy_below(sim, 16);

    if (what >= 7)
        strategy_switch_random(sim);
    else
        strategy_disturb(sim, what);
}

/* ---- priorities ----------------------------------------------------------------------------- */

static struct sim_thread *strategy_highest(struct sim_thread *const *who, unsigned int nr)
{
    struct sim_thread *best = who[0];

    for (unsigned int i = 1; i < nr; i++) {
        if (who[i]->priority > best->priority)
            best = who[i];
    }
    return best;
}

static void strategy_act_priority(struct sim *sim)
{
    struct sim_thread *who[SIM_MAX_TASKS], *to;
    unsigned int nr;

    for (unsigned int i = 0; i < sim->nr_change; i++) {
        if (sim->change[i] > sim->points)
            continue;
        sim->change[i] = sim->change[--sim->nr_change];
        if (strategy_below(sim, 4) == 0)
            strategy_disturb(sim, strategy_below(sim, 7));
        else
            sim->now->priority = --sim->lowest;
        break;
    }
    nr = sim_who_can(sim, who);
    to = nr ? strategy_highest(who, nr) : sim->now;
    if (to == sim->now)
        return;
    strategy_record(sim, SIM_SWITCH, to->number);
    sim_switch(sim, to);
}

/* Points until the next change of priorities. */
static long strategy_next_change(const struct sim *sim)
{
    uint64_t next = UINT64_MAX;

    for (unsigned int i = 0; i < sim->nr_change; i++)
        next = sim->change[i] < next ? sim->change[i] : next;
    if (next == UINT64_MAX)
        return STRATEGY_FOREVER;
    return next > sim->points ? (long)(next - sim->points) : 1;
}

/* ---- the others ----------------------------------------------------------------------------- */

static void strategy_act_interrupt(struct sim *sim)
{
    if (!sim->config.interrupt_at || sim->points < sim->config.interrupt_at)
        return;
    sim->config.interrupt_at = 0;
    strategy_record(sim, SIM_IRQ, 0);
    sim_deliver(sim, true);
}

/* The one after the running one, in the order of numbers. */
static struct sim_thread *strategy_next(const struct sim *sim, struct sim_thread *const *who,
                                        unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        if (who[i]->number > sim->now->number)
            return who[i];
    }
    return who[0];
}

static void strategy_act_round_robin(struct sim *sim)
{
    struct sim_thread *who[SIM_MAX_TASKS], *to;
    unsigned int nr = sim_who_can(sim, who);

    to = nr ? strategy_next(sim, who, nr) : sim->now;
    if (to == sim->now)
        return;
    strategy_record(sim, SIM_SWITCH, to->number);
    sim_switch(sim, to);
}

/* ---- the doors ------------------------------------------------------------------------------ */

void sim_strategy_begin(struct sim *sim)
{
    uint64_t expected = sim->config.expected_points;

    for (unsigned int i = 1; i < sim->nr_threads; i++) {
        if (!sim->thread[i]->started)
            sim->thread[i]->priority = (int64_t)(sim_random(&sim->random) >> 2);
    }
    sim->nr_change = 0;
    while (sim->config.strategy == SIM_PRIORITY && sim->nr_change < sim->config.switches)
        sim->change[sim->nr_change++] = sim->points + 1 + strategy_below(sim, expected);
}

void sim_strategy_act(struct sim *sim)
{
    switch (sim->config.strategy) {
    case SIM_RANDOM:
        strategy_act_random(sim);
        break;
    case SIM_PRIORITY:
        strategy_act_priority(sim);
        break;
    case SIM_ROUND_ROBIN:
        strategy_act_round_robin(sim);
        break;
    case SIM_INTERRUPT:
        strategy_act_interrupt(sim);
        break;
    default:
        strategy_play(sim);
        break;
    }
}

static struct sim_thread *strategy_choose_script(struct sim *sim, struct sim_thread *const *who,
                                                 unsigned int nr)
{
    const struct sim_decision *entry = strategy_entry(sim);

    if (entry && entry->action == SIM_CHOICE && entry->point <= sim->now->point) {
        struct sim_thread *thread = strategy_thread(sim, entry->argument);
        sim->now->script++;
        if (thread)
            return thread;
    }
    return strategy_next(sim, who, nr);
}

struct sim_thread *sim_strategy_choose(struct sim *sim, struct sim_thread *const *who,
                                       unsigned int nr)
{
    struct sim_thread *to;

    if (sim->config.strategy == SIM_RANDOM)
        to = who[strategy_below(sim, nr)];
    else if (sim->config.strategy == SIM_PRIORITY)
        to = strategy_highest(who, nr);
    else if (sim->config.strategy == SIM_SCRIPT)
        to = strategy_choose_script(sim, who, nr);
    else
        to = strategy_next(sim, who, nr);
    strategy_record(sim, SIM_CHOICE, to->number);
    return to;
}

long sim_strategy_gap(struct sim *sim)
{
    const struct sim_decision *entry;

    switch (sim->config.strategy) {
    case SIM_RANDOM:
        return 1 + (long)strategy_below(sim, 2u * sim->config.gap);
    case SIM_PRIORITY:
        return strategy_next_change(sim);
    case SIM_ROUND_ROBIN:
        return (long)sim->config.gap;
    case SIM_INTERRUPT:
        return sim->config.interrupt_at > sim->points
                   ? (long)(sim->config.interrupt_at - sim->points)
                   : STRATEGY_FOREVER;
    default:
        entry = strategy_entry(sim);
        if (!entry)
            return STRATEGY_FOREVER;
        if (entry->action ==
            SIM_CHOICE) /* looked for when the task cannot go on, dropped after that */
            return entry->point >= sim->now->point ? (long)(entry->point - sim->now->point) + 1 : 1;
        return entry->point > sim->now->point ? (long)(entry->point - sim->now->point) : 1;
    }
}
