/* SPDX-License-Identifier: MIT */
/* grace: when readers are done, and what waits for that.
 *
 * Problem. Memory that readers may still look at must not be reused as something else until they are
 * done; nobody may wait for that under a lock or in an interrupt; and who the readers are is known to the
 * machine alone.
 *
 * Words. A *section* is a reader's; a *period* is over when all sections that were open at its beginning
 * have ended; a *call* is a function to be called after a period.
 *
 * Idea. Calls go on a list. When no period runs, the calls of the list move on and a period begins for
 * all of them; calls that come meanwhile gather for the next one. So however many calls come, two lists
 * are enough, and each call waits for less than two periods.
 *
 *     qr_grace_call ──► next ──(a period begins)──► waiting ──(it is over)──► doing ──► call->fn
 *
 * Whoever passes by moves this on (grace_advance): the background worker, woken by a new call and by the
 * last reader of a period; a task that waits; reclaim; and where there is no worker, each call.
 *
 * Counted readers. Each CPU counts the sections begun and ended, on two sides. A section counts itself on
 * the side that `side` names when it begins, and remembers it. A period has two phases; each turns
 * `side`, so that new sections count elsewhere, and waits until as many ended as began on the side
 * before. Two, because a reader may have read `side` long before it counts itself: it may stand on either
 * side, and both are seen empty in a period.
 *
 *     begun and ended are summed over CPUs, ended first: a section that begins on one CPU while the sum is
 *     made can then only make the period longer. Both counters, since a section may end on another CPU
 *     than it began on, and a sum of differences could then read zero by chance.
 *
 * The sums are read by adding zero, which orders them both ways: either the reader's addition is seen, or
 * the reader sees all that was written before the period began.
 *
 * Invariants. R1: calls run in the order they were asked for, by one task at a time (`running`), so that
 * done >= n means the first n have run. R2: awaited != 0 while phase is 1 or 2: a reader that leaves
 * wakes who waits. R3: no lock is held while a call or the provider runs. R4: who keeps a list of
 * things that wait asks for its call under the lock of that list: a list with something in it and no call
 * asked for would be passed over by a barrier.
 *
 * Locks: grace->lock, innermost. What may sleep: qr_grace_wait, _barrier, _set. */
#include "grace.h"

/* Longest wait of reclaim for readers. They never sleep, so more means that something is wrong with one,
 * and a shortage of memory must not become a standstill for it. */
#define GRACE_SETTLE_NS (50ull * 1000 * 1000)
/* Who waits for longer than this says so, once a wait. */
#define GRACE_PATIENCE_NS (10ull * 1000 * 1000 * 1000)

static int grace_no_call(void *data, void (*fn)(void *arg), void *arg)
{
    (void)data;
    (void)fn;
    (void)arg;
    return -QR_EINVAL; /* never called: counted readers are recognised by their address */
}

const struct quarry_grace_period quarry_counted_readers = {.name = "counted readers",
                                                           .call = grace_no_call};

static const struct quarry_grace_period *grace_how(const struct qr_grace *grace)
{
    return __atomic_load_n(&grace->how, __ATOMIC_ACQUIRE);
}

/* ---- sections -------------------------------------------------------------------------------- */

static void grace_add(struct qr_grace *grace, bool ended, u32 side)
{
    struct qr_cpu *cpu;
    unsigned long section = qp_percpu_enter(grace->cpus, &cpu);
    struct qr_readers *readers = qr_cpu_known(cpu) ? &cpu->readers : &grace->shared;

    __atomic_fetch_add(ended ? &readers->ended[side] : &readers->begun[side], 1, __ATOMIC_SEQ_CST);
    qp_percpu_leave(section);
}

void qr_grace_enter(struct qr_grace *grace)
{
    const struct quarry_grace_period *how = grace_how(grace);
    struct qp_task *task = qp_task();

    if (task->readers++)
        return;
    task->reader_side = __atomic_load_n(&grace->side, __ATOMIC_SEQ_CST) & 1;
    grace_add(grace, false, task->reader_side);
    if (how && how->read_lock)
        how->read_lock(how->data);
}

/* The last reader of a phase, or one that thinks so, wakes who waits. */
static QR_COLD void grace_wake(struct qr_grace *grace)
{
    qp_wake(&grace->moved);
    qr_reclaim_kick(grace->reclaim);
}

void qr_grace_leave(struct qr_grace *grace)
{
    const struct quarry_grace_period *how = grace_how(grace);
    struct qp_task *task = qp_task();
    struct quarry_report report = {.kind = QUARRY_BAD_CONTEXT, .rule = "G-C1"};
    u32 side = task->reader_side;

    if (QR_UNLIKELY(!task->readers)) {
        qr_report(grace->check, &report,
                  "quarry_rcu_read_unlock without quarry_rcu_read_lock: nothing was done");
        return;
    }
    if (--task->readers)
        return;
    if (how && how->read_unlock)
        how->read_unlock(how->data);
    grace_add(grace, true, side);
    if (QR_UNLIKELY(__atomic_load_n(&grace->awaited, __ATOMIC_SEQ_CST) == side + 1))
        grace_wake(grace);
}

static unsigned long grace_read(struct qr_readers *readers, bool ended, u32 side)
{
    return __atomic_fetch_add(ended ? &readers->ended[side] : &readers->begun[side], 0,
                              __ATOMIC_SEQ_CST);
}

static unsigned long grace_sum(struct qr_grace *grace, bool ended, u32 side)
{
    unsigned long sum = grace_read(&grace->shared, ended, side);

    for (unsigned int id = 0; id < grace->cpus->nr_max; id++) {
        struct qr_cpu *cpu = __atomic_load_n(&grace->cpus->area[id], __ATOMIC_SEQ_CST);
        if (cpu)
            sum += grace_read(&cpu->readers, ended, side);
    }
    return sum;
}

static bool grace_side_is_empty(struct qr_grace *grace, u32 side)
{
    unsigned long ended = grace_sum(grace, true, side);

    return grace_sum(grace, false, side) == ended;
}

/* ---- periods --------------------------------------------------------------------------------- */

static void grace_turn_locked(struct qr_grace *grace, u32 phase)
{
    u32 old = grace->side & 1;

    __atomic_store_n(&grace->awaited, old + 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&grace->side, old ^ 1, __ATOMIC_SEQ_CST);
    grace->phase = phase;
}

/* Counted readers: take a period as far as it goes now. */
static void grace_poll_locked(struct qr_grace *grace)
{
    while (grace->phase == 1 || grace->phase == 2) {
        if (!grace_side_is_empty(grace, grace->awaited - 1))
            return;
        if (grace->phase == 1) {
            grace_turn_locked(grace, 2);
            continue;
        }
        __atomic_store_n(&grace->awaited, 0, __ATOMIC_SEQ_CST);
        grace->phase = 0;
        grace->completed++;
    }
}

static void grace_list_clear(struct qr_grace_list *list)
{
    list->first = NULL;
    list->last = &list->first;
    list->nr = 0;
}

static void grace_list_move(struct qr_grace_list *to, struct qr_grace_list *from)
{
    *to = *from;
    if (!to->first)
        to->last = &to->first;
    grace_list_clear(from);
}

/* Make the calls whose period is over. One task at a time; false when another is at it, or there are
 * none. */
static bool grace_run(struct qr_grace *grace)
{
    struct qr_grace_call *call;
    unsigned long state = qp_lock(&grace->lock);
    u64 nr = grace->waiting.nr;

    if (grace->running || grace->phase || !nr) {
        qp_unlock(&grace->lock, state);
        return false;
    }
    grace->running = true;
    grace_list_move(&grace->doing, &grace->waiting);
    call = grace->doing.first;
    qp_unlock(&grace->lock, state);
    while (call) {
        struct qr_grace_call *next = call->next;
        call->fn(call);
        call = next;
    }
    state = qp_lock(&grace->lock);
    grace_list_clear(&grace->doing);
    grace->done += nr;
    grace->running = false;
    qp_unlock(&grace->lock, state);
    qp_wake(&grace->moved);
    return true;
}

/* Another provider says that its period is over. Context: any. */
static void grace_is_over(void *arg)
{
    struct qr_grace *grace = arg;
    unsigned long state = qp_lock(&grace->lock);

    grace->phase = 0;
    grace->completed++;
    qp_unlock(&grace->lock, state);
    qp_wake(&grace->moved);
    if (!qr_reclaim_kick(grace->reclaim))
        grace_run(grace);
}

/* Begin a period, if none runs and there is something to wait for: calls, or a task that needs the period
 * number @wanted to be over. Returns
 * whether the provider must now be asked, in which case phase is 3. */
static bool grace_begin_locked(struct qr_grace *grace, u64 wanted)
{
    if (grace->phase || grace->waiting.nr || !(grace->next.nr || grace->completed < wanted))
        return false;
    if (!grace->how)
        return false;
    grace_list_move(&grace->waiting, &grace->next);
    if (grace->how != &quarry_counted_readers) {
        grace->phase = 3;
        return true;
    }
    grace_turn_locked(grace, 1);
    return false;
}

/* Ask the provider for the period that was just begun. */
static void grace_ask(struct qr_grace *grace, bool may_sleep)
{
    const struct quarry_grace_period *how = grace_how(grace);
    unsigned long state;

    if (how->call && how->call(how->data, grace_is_over, grace) == 0)
        return;
    if (how->wait && may_sleep) {
        how->wait(how->data);
        grace_is_over(grace);
        return;
    }
    /* Not now: as before, the calls in front of those that came meanwhile. */
    state = qp_lock(&grace->lock);
    grace->phase = 0;
    if (grace->waiting.first) {
        *grace->waiting.last = grace->next.first;
        if (grace->next.first)
            grace->waiting.last = grace->next.last;
        grace->waiting.nr += grace->next.nr;
        grace_list_move(&grace->next, &grace->waiting);
    }
    qp_unlock(&grace->lock, state);
}

/* Whatever can be done now. */
static void grace_advance(struct qr_grace *grace, u64 wanted, bool may_sleep)
{
    bool ask;

    do {
        unsigned long state = qp_lock(&grace->lock);
        grace_poll_locked(grace);
        ask = grace_begin_locked(grace, wanted);
        grace_poll_locked(grace);
        qp_unlock(&grace->lock, state);
        if (ask)
            grace_ask(grace, may_sleep);
    } while (grace_run(grace));
}

/* ---- calls ----------------------------------------------------------------------------------- */

static QR_COLD void grace_tell(struct qr_grace *grace, const char *what)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST};

    if (__atomic_exchange_n(&grace->told, 1, __ATOMIC_RELAXED))
        return;
    qr_report(
        grace->check, &report,
        "%s: nobody here knows when readers are done, so what waits for them is kept and never "
        "freed; quarry_set_grace_period() names who knows (&quarry_counted_readers, if readers "
        "use quarry_rcu_read_lock)",
        what);
}

void qr_grace_nudge(struct qr_grace *grace)
{
    if (QR_UNLIKELY(!grace_how(grace)))
        grace_tell(grace, "a free that waits for readers");
    else if (!qr_reclaim_kick(grace->reclaim))
        grace_advance(grace, 0, qp_may_sleep());
}

void qr_grace_ask(struct qr_grace *grace, struct qr_grace_call *call)
{
    unsigned long state = qp_lock(&grace->lock);

    call->next = NULL;
    *grace->next.last = call;
    grace->next.last = &call->next;
    grace->next.nr++;
    grace->asked++;
    qp_unlock(&grace->lock, state);
}

void qr_grace_call(struct qr_grace *grace, struct qr_grace_call *call)
{
    qr_grace_ask(grace, call);
    qr_grace_nudge(grace);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* Whether a task may wait for readers here; the answer for its caller. */
static int grace_may_wait(struct qr_grace *grace, const char *what)
{
    if (!qr_may_sleep_here(grace->check, what) || qp_task()->readers)
        return -QR_EDEADLK;
    if (!grace_how(grace)) {
        grace_tell(grace, what);
        return -QR_ENOSYS;
    }
    return 0;
}

struct grace_target {
    u64 completed, done; /* periods, calls: both must be reached */
};

static bool grace_reached(struct qr_grace *grace, const struct grace_target *target)
{
    unsigned long state = qp_lock(&grace->lock);
    bool reached = grace->completed >= target->completed && grace->done >= target->done;

    qp_unlock(&grace->lock, state);
    return reached;
}

static QR_COLD void grace_complain(struct qr_grace *grace, const char *what)
{
    qr_print("quarry: %s has waited for %llu seconds for a read section to end\n", what,
             (unsigned long long)(GRACE_PATIENCE_NS / 1000000000u));
}

/* Wait for the target, for @limit_ns at most (0: as long as it takes). */
static bool grace_await(struct qr_grace *grace, const struct grace_target *target, u64 limit_ns,
                        const char *what)
{
    u64 begun = qp_now_ns(), patience = limit_ns ? limit_ns : GRACE_PATIENCE_NS;

    for (;;) {
        u32 seen = __atomic_load_n(&grace->moved.moves, __ATOMIC_ACQUIRE);
        u64 waited;
        grace_advance(grace, target->completed, true);
        if (grace_reached(grace, target))
            return true;
        waited = qp_now_ns() - begun;
        if (waited >= patience) {
            if (limit_ns)
                return false;
            grace_complain(grace, what);
            patience = ~0ull;
        }
        qp_wait(&grace->moved, seen, patience == ~0ull ? 0 : patience - waited);
    }
}

int qr_grace_wait(struct qr_grace *grace, const char *what)
{
    int error = grace_may_wait(grace, what);
    struct grace_target target = {0};
    unsigned long state;

    if (error)
        return error;
    state = qp_lock(&grace->lock);
    target.completed = grace->completed + (grace->phase ? 2 : 1);
    qp_unlock(&grace->lock, state);
    grace_await(grace, &target, 0, what);
    return 0;
}

/* All calls asked for so far; false when they have been made. */
static bool grace_all_calls(struct qr_grace *grace, struct grace_target *target)
{
    unsigned long state = qp_lock(&grace->lock);
    bool some = grace->done != grace->asked;

    *target = (struct grace_target){.done = grace->asked};
    qp_unlock(&grace->lock, state);
    return some;
}

/* Who gathers behind a call asks for the next one when it is made, at the moment that what gathered moves
 * up to it (R4). So what a caller gave before has its call asked for already, or is behind one that has:
 * two rounds reach all there was. */
#define GRACE_ROUNDS 2

int qr_grace_barrier(struct qr_grace *grace, const char *what)
{
    struct grace_target target;
    int error = 0;

    for (int round = 0; round < GRACE_ROUNDS && !error && grace_all_calls(grace, &target);
         round++) {
        error = grace_may_wait(grace, what);
        if (!error)
            grace_await(grace, &target, 0, what);
    }
    return error;
}

bool qr_grace_settle(struct qr_grace *grace)
{
    struct grace_target target;

    for (int round = 0; round < GRACE_ROUNDS && grace_all_calls(grace, &target); round++)
        if (!qp_may_sleep() || qp_task()->readers || !grace_how(grace) ||
            !grace_await(grace, &target, GRACE_SETTLE_NS, "reclaim"))
            return false;
    return true;
}

int qr_grace_set(struct qr_grace *grace, const struct quarry_grace_period *how)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST};
    unsigned long state;

    if (how && !how->call && !how->wait) {
        qr_report(grace->check, &report,
                  "quarry_set_grace_period(%s): neither call nor wait is there; the provider stays "
                  "as it was",
                  how->name ? how->name : "unnamed");
        return -QR_EINVAL;
    }
    if (grace_how(grace)) {
        int error = qr_grace_barrier(grace, "quarry_set_grace_period");
        if (error)
            return error;
    }
    state = qp_lock(&grace->lock);
    __atomic_store_n(&grace->how, how ? how : grace->chosen, __ATOMIC_RELEASE);
    qp_unlock(&grace->lock, state);
    if (grace_how(grace))
        qr_grace_nudge(grace); /* what nobody could wait for until now */
    return 0;
}

/* ---- reclaim --------------------------------------------------------------------------------- */

/* The worker comes by. */
static void grace_tidy(void *data)
{
    grace_advance(data, 0, qp_may_sleep());
}

/* Memory is short: free what waits. Pages that came back, objects in slabs that stay not counted. */
static unsigned long grace_shrink(void *data, unsigned long nr_pages, bool may_sleep)
{
    struct qr_grace *grace = data;
    u64 before, after;

    (void)nr_pages;
    if (__atomic_load_n(&grace->asked, __ATOMIC_RELAXED) ==
        __atomic_load_n(&grace->done, __ATOMIC_RELAXED))
        return 0;
    before = qr_free_pages_total(grace->reclaim->zones);
    if (may_sleep)
        qr_grace_settle(grace);
    else
        grace_advance(grace, 0, false);
    after = qr_free_pages_total(grace->reclaim->zones);
    return (unsigned long)QR_ABOVE(after, before);
}

void qr_grace_init(struct qr_grace *grace, const struct quarry_grace_period *how)
{
    grace_list_clear(&grace->next);
    grace_list_clear(&grace->waiting);
    grace_list_clear(&grace->doing);
    grace->how = grace->chosen = how;
    grace->source.shrink = grace_shrink;
    grace->source.tidy = grace_tidy;
    grace->source.data = grace;
    qr_reclaim_add_source(grace->reclaim, &grace->source);
}

/* Only this task is left: of all sections, its own. Calls that another task was making when it was left
 * behind in the parent may be half made, and are not made again: what they would have freed is lost to
 * this child. */
void qr_grace_after_fork(struct qr_grace *grace)
{
    memset(&grace->shared, 0, sizeof(grace->shared));
    for (unsigned int id = 0; id < grace->cpus->nr_max; id++)
        if (grace->cpus->area[id])
            memset(&grace->cpus->area[id]->readers, 0, sizeof(struct qr_readers));
    if (qp_task()->readers)
        grace->shared.begun[qp_task()->reader_side]++;
    if (grace->running) {
        grace->running = false;
        grace->done += grace->doing.nr;
        grace_list_clear(&grace->doing);
    }
}
