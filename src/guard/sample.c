/* SPDX-License-Identifier: MIT */
/* guard/sample: which requests are taken. See guard.c, "Sampling".
 *
 * The gate is one word. The timer opens it; of all requests that see it open one shuts it and is
 * taken. Opening and shutting are told to slab, which sends requests the slow way only meanwhile.
 * A request between the two finds the gate shut and goes on as usual.
 *
 * Locks: none. What may sleep: start and stop. */
#include "guard.h"

static void sample_gate(struct qr_guards *guards, bool open)
{
    __atomic_store_n(&guards->gate, open, __ATOMIC_RELEASE);
    if (guards->gate_changed)
        guards->gate_changed(guards->gate_data, open);
}

/* Without a timer: has the interval passed, and is it this request that notices? */
static bool sample_by_clock(struct qr_guards *guards)
{
    u64 next = __atomic_load_n(&guards->next_ns, __ATOMIC_RELAXED), now;

    if (__atomic_load_n(&guards->running, __ATOMIC_ACQUIRE))
        return false;
    now = qp_now_ns();
    return now >= next &&
           __atomic_compare_exchange_n(&guards->next_ns, &next, now + guards->interval_ns, false,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

bool qr_guard_sample(struct qr_guards *guards)
{
    u32 open = 1;

    if (!qr_guards_are_on(guards))
        return false;
    if (guards->every)
        return __atomic_add_fetch(&guards->requests, 1, __ATOMIC_RELAXED) % guards->every == 0;
    if (QR_LIKELY(!__atomic_load_n(&guards->gate, __ATOMIC_RELAXED)))
        return sample_by_clock(guards);
    if (!__atomic_compare_exchange_n(&guards->gate, &open, 0, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return false;
    sample_gate(guards, false);
    return true;
}

/* Opens the gate each time the interval has passed. A gate that nobody came through stays open. */
static void sample_timer(void *arg)
{
    struct qr_guards *guards = arg;
    u64 due = qp_now_ns() + guards->interval_ns;

    while (!__atomic_load_n(&guards->stop, __ATOMIC_ACQUIRE)) {
        u32 seen = __atomic_load_n(&guards->wake.moves, __ATOMIC_ACQUIRE);
        u64 now = qp_now_ns();
        if (now < due) {
            qp_wait(&guards->wake, seen, due - now);
            continue;
        }
        due = now + guards->interval_ns;
        if (!__atomic_load_n(&guards->gate, __ATOMIC_RELAXED))
            sample_gate(guards, true);
    }
    __atomic_store_n(&guards->running, 0, __ATOMIC_RELEASE);
    qp_wake(&guards->stopped);
}

void qr_guards_start(struct qr_guards *guards)
{
    if (!qr_guards_are_on(guards) || guards->every)
        return;
    guards->stop = 0;
    guards->next_ns = qp_now_ns() + guards->interval_ns;
    __atomic_store_n(&guards->running, 1, __ATOMIC_RELEASE);
    if (qp_start_worker(sample_timer, guards))
        __atomic_store_n(&guards->running, 0, __ATOMIC_RELEASE);
}

void qr_guards_stop(struct qr_guards *guards)
{
    u32 seen = __atomic_load_n(&guards->stopped.moves, __ATOMIC_ACQUIRE);

    if (!__atomic_load_n(&guards->running, __ATOMIC_ACQUIRE))
        return;
    __atomic_store_n(&guards->stop, 1, __ATOMIC_RELEASE);
    qp_wake(&guards->wake);
    while (__atomic_load_n(&guards->stopped.moves, __ATOMIC_ACQUIRE) == seen)
        qp_wait(&guards->stopped, seen, 0);
}
