/* SPDX-License-Identifier: MIT */
/* ports/hosted/sync: waiting. The slow halves of the locks, events, and what a race detector is
 * told.
 *
 * A lock's word is 0 (free), 1 (held), 2 (held, and somebody may be asleep). Whoever finds it taken
 * spins for a moment, since the core holds its locks for far less than a sleep costs, and then
 * marks it 2 and sleeps until it changes. Whoever has slept takes it as 2, because others may still
 * sleep; one needless wake-up is the price.
 *
 * An event is a counter. A waiter passes the value it saw before it looked at the state; a waker
 * changes the state, then the counter: whichever order the two interleave in, the waiter either
 * sees the state or finds the counter moved. */
#define _GNU_SOURCE
#include "hosted.h"
#include "base/percpu.h"
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* About 2 µs: longer than the core holds a lock in the common case, shorter than a sleep and a
 * wake-up. */
#define SYNC_SPINS 100

static long sync_futex(uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
    return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, timeout, NULL, 0);
}

void qp_lock_slow(qp_lock_t *lock)
{
    unsigned int spin;
    int saved = errno; /* an allocation must not disturb its caller's errno */
    for (spin = 0; spin < SYNC_SPINS; spin++) {
        uint32_t expected = 0;
        if (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) == 0 &&
            __atomic_compare_exchange_n(&lock->word, &expected, 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return;
        qp_relax();
    }
    while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0)
        sync_futex(&lock->word, FUTEX_WAIT, 2, NULL);
    errno = saved;
}

void qp_unlock_slow(qp_lock_t *lock)
{
    int saved = errno;
    sync_futex(&lock->word, FUTEX_WAKE, 1, NULL);
    errno = saved;
}

/* While this thread sleeps, its CPU's data may be drained by others: say so, and take it back. */
static void sync_cpu_sleeps(struct qr_cpu *cpu)
{
    __atomic_store_n(&cpu->owner, QR_CPU_SLEEPING, __ATOMIC_RELEASE);
}

static void sync_cpu_wakes(struct qr_cpu *cpu)
{
    uint32_t expected = QR_CPU_SLEEPING;
    while (!__atomic_compare_exchange_n(&cpu->owner, &expected, QR_CPU_RUNNING, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        expected = QR_CPU_SLEEPING; /* somebody drains it just now; that is short */
        qp_relax();
    }
}

void qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns)
{
    struct qr_cpu *cpu = qp_self.cpu;
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u),
                               .tv_nsec = (long)(timeout_ns % 1000000000u)};
    int saved = errno;
    if (__atomic_load_n(&event->moves, __ATOMIC_ACQUIRE) != seen)
        return;
    if (qr_cpu_known(cpu))
        sync_cpu_sleeps(cpu);
    qp_self.parked++;
    sync_futex(&event->moves, FUTEX_WAIT, seen, timeout_ns ? &timeout : NULL);
    hosted_unpark();
    if (qr_cpu_known(cpu))
        sync_cpu_wakes(cpu);
    errno = saved;
}

void qp_wake(struct qp_event *event)
{
    int saved = errno;
    __atomic_fetch_add(&event->moves, 1, __ATOMIC_RELEASE);
    sync_futex(&event->moves, FUTEX_WAKE, 0x7fffffff, NULL);
    errno = saved;
}

/* A block is let go and taken line by line, because the next owner may hold a block of another size
 * over the same bytes: a page that was sixty-four objects, an object that was part of a page. */
#define SYNC_LINE 64u

void qp_hand_over_observed(uintptr_t start, uintptr_t end)
{
    if (!__tsan_release) {
        hosted_watch_forbid(start, end);
        return;
    }
    for (start &= ~(uintptr_t)(SYNC_LINE - 1); start < end; start += SYNC_LINE)
        __tsan_release((void *)start);
}

void qp_take_over_observed(uintptr_t start, uintptr_t end)
{
    if (!__tsan_acquire) {
        hosted_watch_allow(start, end);
        return;
    }
    for (start &= ~(uintptr_t)(SYNC_LINE - 1); start < end; start += SYNC_LINE)
        __tsan_acquire((void *)start);
}
