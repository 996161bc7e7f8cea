/* SPDX-License-Identifier: MIT */
/* ports/sim/schedule: points, locks, sleep and interrupts. What can happen; strategy.c says what does.
 *
 * The scheduler's unit is the task, bound to a CPU. A CPU whose task is in the middle of something (a
 * section, a lock, interrupts off, an interrupt) runs no other task until that is over; other CPUs do.
 * A task that finds a lock taken is not run until the lock is free, so a circle of them is seen at once:
 * nobody can run.
 *
 * The caller of sim_run() is task 0. It never runs beside others: they run when it sleeps, and in
 * sim_run(). */
#include "world.h"
#include "base/percpu.h"
#include <limits.h>
#include <string.h>

#define SCHEDULE_FOREVER (LONG_MAX / 2)
#define SCHEDULE_MAX_SPINS 100000u
#define SCHEDULE_LONG_SLEEP_NS 1000000000ull

struct sim_here sim_here = {.left = SCHEDULE_FOREVER};
struct sim *sim_now;

static bool schedule_is_host(const struct sim *sim)
{
    return sim->now == sim->thread[0];
}

/* ---- counting ------------------------------------------------------------------------------- */

void sim_count_points(struct sim *sim)
{
    uint64_t seen = (uint64_t)(sim->budget - sim_here.left);

    sim->points += seen;
    sim->now->point += seen;
    sim->budget = sim_here.left;
}

void sim_next_look(struct sim *sim)
{
    sim_here.left = schedule_is_host(sim) ? SCHEDULE_FOREVER : sim_strategy_gap(sim);
    sim->budget = sim_here.left;
}

void sim_soon(struct sim *sim)
{
    if (schedule_is_host(sim) || sim_here.left <= 1)
        return;
    sim->budget -= sim_here.left - 1;
    sim_here.left = 1;
}

void sim_schedule_begin(struct sim *sim)
{
    sim->now = sim->thread[0];
    sim_here = sim->now->here;
    sim_here.left = sim->budget = SCHEDULE_FOREVER;
}

/* ---- who can run ---------------------------------------------------------------------------- */

static bool schedule_can_be_left(const struct sim *sim, const struct sim_thread *owner)
{
    const struct sim_here *here = owner == sim->now ? &sim_here : &owner->here;

    return (here->off | here->locks | here->atomic | here->interrupt) == 0;
}

/* Outside the core, and so is what interrupted it. */
static bool schedule_rests(const struct sim_thread *thread)
{
    return thread->resting && thread->here.interrupt == 0;
}

bool sim_can_run(const struct sim *sim, const struct sim_thread *thread)
{
    const struct sim_thread *owner = sim->cpu[thread->here.cpu].owner;
    const struct qr_cpus *cpus = QP_DEFAULT_CPUS;

    if (thread->state != SIM_READY && (thread->state != SIM_SPINS || thread->spins_on->word))
        return false;
    if (sim->holder && sim->holder != thread && schedule_rests(thread))
        return false;
    if (owner && owner != thread && !schedule_can_be_left(sim, owner))
        return false;
    return !cpus->area || thread->here.cpu >= cpus->nr_max || !cpus->area[thread->here.cpu] ||
           cpus->area[thread->here.cpu]->owner != QR_CPU_DRAINING;
}

unsigned int sim_who_can(const struct sim *sim, struct sim_thread **who)
{
    unsigned int nr = 0;

    for (unsigned int i = 0; i < sim->nr_threads; i++) {
        if (sim_can_run(sim, sim->thread[i]))
            who[nr++] = sim->thread[i];
    }
    return nr;
}

/* ---- the clock ------------------------------------------------------------------------------ */

static void schedule_wake(struct sim *sim, struct sim_thread *thread, const char *how)
{
    thread->state = SIM_READY;
    sim_event(sim, how, thread->number, thread->limit);
}

void sim_clock_move(struct sim *sim, uint64_t ns)
{
    sim->clock += ns;
    for (unsigned int i = 0; i < sim->nr_threads; i++) {
        struct sim_thread *thread = sim->thread[i];
        if (thread->state == SIM_SLEEPS && thread->until && thread->until <= sim->clock)
            schedule_wake(sim, thread, "timeout");
    }
}

/* Nobody can run: the clock goes to where somebody can. */
static bool schedule_skip_time(struct sim *sim)
{
    struct sim_thread *first = NULL;

    for (unsigned int i = 0; i < sim->nr_threads; i++) {
        struct sim_thread *thread = sim->thread[i];
        if (thread->state == SIM_SLEEPS && thread->until &&
            (!first || thread->until < first->until))
            first = thread;
    }
    if (!first)
        return false;
    if (sim->config.strict_wakes && !first->daemon && first->limit >= SCHEDULE_LONG_SLEEP_NS)
        sim_end(sim, SIM_LOST_WAKE, "%s sleeps, nobody else can run, and only its timeout wakes it",
                first->name);
    sim_clock_move(sim, first->until > sim->clock ? first->until - sim->clock : 0);
    return true;
}

/* ---- giving way ----------------------------------------------------------------------------- */

static void schedule_stuck(struct sim *sim)
{
    for (unsigned int i = 0; i < sim->nr_threads; i++) {
        if (sim->thread[i]->state == SIM_SPINS)
            sim_end(sim, SIM_DEADLOCK, "nobody can run; %s waits for a lock for ever",
                    sim->thread[i]->name);
    }
    sim_end(sim, SIM_LOST_WAKE, "everybody sleeps and nobody is left to wake them");
}

void sim_switch(struct sim *sim, struct sim_thread *to)
{
    if (to != sim->now) {
        sim->nr_switches++;
        sim_event(sim, "switch", to->number, sim->points);
        sim_change(sim, to);
    } else {
        sim_take_cpu(sim, to); /* it had given its CPU up, and nobody else could run */
    }
    sim->now->state = SIM_READY;
    sim_next_look(sim);
}

void sim_give_way(struct sim *sim)
{
    struct sim_thread *who[SIM_MAX_TASKS];
    struct sim_thread *self = sim->now;
    unsigned int nr;

    sim_count_points(sim);
    if (self->state != SIM_SPINS && sim->cpu[sim_here.cpu].owner == self && sim_here.off == 0) {
        const struct qr_cpus *cpus = QP_DEFAULT_CPUS;
        sim->cpu[sim_here.cpu].owner = NULL;
        if (cpus->area && sim_here.cpu < cpus->nr_max && cpus->area[sim_here.cpu])
            cpus->area[sim_here.cpu]->owner = QR_CPU_SLEEPING;
    }
    self->here = sim_here;
    while ((nr = sim_who_can(sim, who)) == 0) {
        struct sim_thread *host = sim->thread[0];
        if (host->state == SIM_HELD_BACK && sim->nr_alive == 0)
            host->state = SIM_READY;
        else if (!schedule_skip_time(sim))
            schedule_stuck(sim);
    }
    sim_switch(sim, nr == 1 ? who[0] : sim_strategy_choose(sim, who, nr));
}

/* ---- points --------------------------------------------------------------------------------- */

static void schedule_relax(struct sim *sim)
{
    struct sim_thread *who[SIM_MAX_TASKS], *self = sim->now;
    unsigned int nr = 0, all = sim_who_can(sim, who);

    for (unsigned int i = 0; i < all; i++) {
        if (who[i] != self)
            who[nr++] = who[i];
    }
    if (nr) {
        self->relaxed = 0;
        self->priority = --sim->lowest;
        sim_switch(sim, nr == 1 ? who[0] : sim_strategy_choose(sim, who, nr));
        return;
    }
    sim_clock_move(sim, 1000);
    if (++self->relaxed > SCHEDULE_MAX_SPINS)
        sim_end(sim, SIM_LIVELOCK, "%s spins, and nobody else can run", self->name);
}

static void schedule_pending(struct sim *sim)
{
    struct sim_cpu *cpu = &sim->cpu[sim_here.cpu];

    if (sim_here.off || !sim_here.pending)
        return;
    if (cpu->pending_hard && sim_here.interrupt < 2) {
        cpu->pending_hard = false;
        sim_deliver(sim, true);
    }
    if (cpu->pending_soft && sim_here.interrupt == 0) {
        cpu->pending_soft = false;
        sim_deliver(sim, false);
    }
    sim_here.pending = cpu->pending_hard || cpu->pending_soft;
}

void sim_look(enum sim_point kind, const void *object)
{
    struct sim *sim = sim_now;

    (void)object;
    if (!sim || !sim->now) {
        sim_here.left = SCHEDULE_FOREVER;
        return;
    }
    sim_count_points(sim);
    if (sim->points > sim->config.max_points)
        sim_end(sim, SIM_LIVELOCK, "no end after %llu points", (unsigned long long)sim->points);
    /* There only, where sim_enable() looks for it in every run; elsewhere whether there is a look depends
     * on the strategy, which a record does not know. */
    if (kind == SIM_POINT_LEAVE || kind == SIM_POINT_UNLOCK || kind == SIM_POINT_ENABLE)
        schedule_pending(sim);
    if (kind == SIM_POINT_RELAX)
        schedule_relax(sim);
    else if (!schedule_is_host(sim))
        sim_strategy_act(sim);
    sim_next_look(sim);
}

/* ---- interrupts ----------------------------------------------------------------------------- */

/* Now, or when interrupts are on again. */
void sim_deliver(struct sim *sim, bool hard)
{
    struct sim_cpu *cpu = &sim->cpu[sim_here.cpu];
    struct sim_here before = sim_here;

    if (!sim->config.interrupt)
        return;
    if (sim_here.off || sim->holder || sim_here.interrupt >= (hard ? 2u : 1u)) {
        *(hard ? &cpu->pending_hard : &cpu->pending_soft) = true;
        sim_here.pending = true;
        return;
    }
    sim_event(sim, hard ? "interrupt" : "softirq", sim_here.cpu, sim->points);
    sim_here.interrupt = hard ? 2 : 1;
    sim_here.off = hard;
    sim_here.locks = sim_here.atomic = 0;
    sim_here.task = &cpu->interrupt_record;
    sim_next_look(sim);
    sim->config.interrupt(sim->config.data, hard);
    sim_here
        .left--; /* its return is a point, else what is decided right after it would share a number */
    sim_count_points(sim);
    if (sim_here.off != hard || sim_here.locks)
        sim_end(sim, SIM_SECTION,
                "an interrupt handler ended inside a section or with a lock held");
    before.pending = cpu->pending_hard || cpu->pending_soft;
    before.left = sim_here.left;
    sim_here = before;
}

/* ---- locks ---------------------------------------------------------------------------------- */

void sim_spin(qp_lock_t *lock)
{
    struct sim *sim = sim_now;

    if (!sim || !sim->now)
        qp_panic("sim: a lock is held and there is nobody to let go of it\n");
    sim->now->state = SIM_SPINS;
    sim->now->spins_on = lock;
    sim_give_way(sim);
}

void sim_lock_taken(qp_lock_t *lock)
{
    struct sim *sim = sim_now;
    struct sim_thread *self = sim ? sim->now : NULL;

    sim_here.locks++;
    if (!self)
        return;
    for (unsigned int i = 0; i < SIM_HELD && self->held[i] && sim->order; i++) {
        if (!sim_order_add(sim->order, self->held[i], lock))
            sim_end(sim, SIM_LOCK_ORDER,
                    "%s holds one lock and takes another; before, they were taken in "
                    "the other order",
                    self->name);
    }
    for (unsigned int i = 0; i < SIM_HELD; i++) {
        if (!self->held[i]) {
            self->held[i] = lock;
            break;
        }
    }
}

void sim_lock_dropped(qp_lock_t *lock)
{
    struct sim *sim = sim_now;
    struct sim_thread *self = sim ? sim->now : NULL;
    unsigned int i, kept = 0;

    sim_here.locks--;
    if (!self)
        return;
    for (i = 0; i < SIM_HELD && self->held[i]; i++) {
        if (self->held[i] != lock)
            self->held[kept++] = self->held[i];
    }
    while (kept < i)
        self->held[kept++] = NULL;
    if (sim->config.strategy == SIM_PRIORITY)
        sim_soon(sim);
}

/* ---- sleep ---------------------------------------------------------------------------------- */

void qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns)
{
    struct sim *sim = sim_now;
    struct sim_thread *self = sim->now;

    if (!qp_may_sleep())
        sim_end(sim, SIM_SLEEP, "%s sleeps in an interrupt, a section or with a lock held",
                self->name);
    sim_point(SIM_POINT_WAIT, event);
    if (event->moves != seen)
        return;
    self->state = SIM_SLEEPS;
    self->sleeps_on = event;
    self->limit = timeout_ns;
    self->until = timeout_ns ? sim->clock + timeout_ns : 0;
    self->resting = true;
    sim_event(sim, "sleep", self->here.cpu, timeout_ns);
    sim_give_way(sim);
    self->resting = false;
}

void qp_wake(struct qp_event *event)
{
    struct sim *sim = sim_now;

    event->moves++;
    if (!sim)
        return;
    for (unsigned int i = 0; i < sim->nr_threads; i++) {
        struct sim_thread *thread = sim->thread[i];
        if (thread->state == SIM_SLEEPS && thread->sleeps_on == event) {
            schedule_wake(sim, thread, "wake");
            if (sim->config.strategy == SIM_PRIORITY)
                sim_soon(sim);
        }
    }
    sim_point(SIM_POINT_WAKE, event);
}

/* ---- others held back ----------------------------------------------------------------------- */

static bool schedule_others_rest(const struct sim *sim)
{
    for (unsigned int i = 0; i < sim->nr_threads; i++) {
        const struct sim_thread *thread = sim->thread[i];
        if (thread != sim->now && thread->state != SIM_ENDED && !schedule_rests(thread))
            return false;
    }
    return true;
}

void qp_hold_others(void)
{
    struct sim *sim = sim_now;

    sim->now->resting = true; /* for another one that holds */
    while (sim->holder)
        qp_relax();
    sim->now->resting = false;
    sim->holder = sim->now;
    while (!schedule_others_rest(sim))
        qp_relax();
}

void qp_let_in(void)
{
    sim_now->holder = NULL;
}
