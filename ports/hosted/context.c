/* SPDX-License-Identifier: MIT */
/* ports/hosted/context: execution contexts, and interrupts that test code raises.
 *
 * Problem. Kernel code behaves differently in interrupt, under a spin lock, with preemption off. A
 * process has none of these, yet the rules about them are what callers break most often.
 *
 * Idea. Each thread counts how often it entered each context; "atomic" is the sum of the counts, so
 * that "may I sleep" is one load. An interrupt is a call: quarry_raise_irq() runs the handler at
 * once, on this thread, with the hard-interrupt context entered; while interrupts are off it is
 * kept in a small queue and delivered when they come back on. Soft interrupts are queued too and
 * run when the last hard one has ended, with interrupts on.
 *
 *     thread code ──raise──► irqs on?  yes: handler (HARDIRQ) ──► pending softirqs (SOFTIRQ) ──► back
 *                                      no:  queue … restore ──► the same
 *
 * With a check level of 1 or more the innermost entry of each kind keeps its backtrace, so that a
 * report can say where the context became atomic.
 *
 * Invariants. C1: qp_self.atomic is the sum of qp_self.depth[]. C2: hard handlers never nest: one
 * raised inside another waits for its end. C3: soft handlers run in the order they were raised,
 * never while bottom halves are off, never inside another interrupt.
 *
 * Threads without a CPU of their own, those beyond the bound of the machine, are one CPU together, as far
 * as per-CPU memory goes. As on one CPU, only one of them is in atomic context at a time: whoever enters
 * the first context takes the *seat*, whoever leaves the last one gives it up. A lock of any kind is
 * taken inside, so that no thread waits for the seat with a lock that its holder wants.
 *
 * Limits. 64 interrupts of each kind can be pending on one thread; one more is reported and
 * dropped. Interrupts of a thread that ends are forgotten with it. */
#define _GNU_SOURCE
#include <quarry/context.h>
#include "hosted.h"
#include "instance.h"
#include <sched.h>
#include <string.h>

#define CONTEXT_TRACE 16
#define CONTEXT_PENDING 64u

static const char *const context_name[QUARRY_CONTEXTS] = {
    "preemption is off",           "bottom halves are off",       "interrupts are off",
    "a spin lock is held",         "an RCU read section is open", "a page is mapped by kmap_atomic",
    "a soft interrupt is running", "a hard interrupt is running"};

struct context_site {
    unsigned int nr;
    const void *pc[CONTEXT_TRACE];
};

struct context_call {
    void (*handler)(void *);
    void *data;
};

struct context_queue {
    unsigned int head, tail; /* tail - head calls are pending */
    struct context_call call[CONTEXT_PENDING];
};

static __thread struct context_site context_site[QUARRY_CONTEXTS];
static __thread struct context_queue context_hard, context_soft;
/* Kinds in the order in which they were entered last, for "what made it atomic". */
static __thread unsigned int context_last[QUARRY_CONTEXTS], context_clock;

static unsigned int context_seat; /* 1: some thread without a CPU is in atomic context */

static void context_deliver(void);

static void context_remember(enum quarry_context what)
{
    struct context_site *site = &context_site[what];
    context_last[what] = ++context_clock;
    site->nr = 0;
    if (quarry_default.check.level >= 1)
        site->nr = qp_backtrace(site->pc, CONTEXT_TRACE);
}

/* The first context of a thread that has no CPU yet. It gets one if there is any. */
static QR_COLD void context_take_seat(void)
{
    if (__atomic_load_n(&quarry_default.booted, __ATOMIC_ACQUIRE) != 1 ||
        qp_claim_cpu(&quarry_default.cpus))
        return;
    while (__atomic_exchange_n(&context_seat, 1, __ATOMIC_ACQUIRE) != 0)
        sched_yield();
    qp_self.seated = true;
}

static void context_give_seat(void)
{
    qp_self.seated = false;
    __atomic_store_n(&context_seat, 0, __ATOMIC_RELEASE);
}

/* The last context was left. */
static inline void context_ended(void)
{
    if (QR_UNLIKELY(qp_self.seated) && qp_self.atomic == 0)
        context_give_seat();
}

void hosted_seat_leave(void)
{
    if (qp_self.seated)
        context_give_seat();
}

void hosted_seat_after_fork(void)
{
    context_seat = qp_self.seated;
}

void quarry_context_enter(enum quarry_context what)
{
    if ((unsigned int)what >= QUARRY_CONTEXTS)
        return;
    if (QR_UNLIKELY(qp_self.cpu == &qr_cpu_none) && qp_self.atomic == 0)
        context_take_seat();
    qp_self.depth[what]++;
    qp_self.atomic++;
    if (what == QUARRY_CTX_HARDIRQ || what == QUARRY_CTX_SOFTIRQ)
        qp_self.interrupts++;
    context_remember(what);
}

static void context_report(const char *text)
{
    struct quarry_trace now;
    struct quarry_report report = {.kind = QUARRY_BAD_CONTEXT, .rule = "G-C1", .now = &now};
    now.nr = qp_backtrace(now.pc, QUARRY_TRACE_MAX);
    qr_report(&quarry_default.check, &report, "%s", text);
}

void quarry_context_leave(enum quarry_context what)
{
    char text[128];
    if ((unsigned int)what >= QUARRY_CONTEXTS)
        return;
    if (qp_self.depth[what] == 0) {
        hosted_say(text, sizeof(text),
                   "leaving a context that was not entered: not true here: \"%s\"",
                   context_name[what]);
        context_report(text);
        return;
    }
    qp_self.depth[what]--;
    qp_self.atomic--;
    if (what == QUARRY_CTX_HARDIRQ || what == QUARRY_CTX_SOFTIRQ) {
        if (--qp_self.interrupts == 0)
            qp_self.interrupt_task = (struct qp_task){0};
    }
    context_ended();
    context_deliver();
}

unsigned int quarry_context_depth(enum quarry_context what)
{
    return (unsigned int)what < QUARRY_CONTEXTS ? qp_self.depth[what] : 0;
}

/* Flags are the depth before: restoring 0 turns interrupts on whatever was nested in between. */
unsigned long quarry_irq_save(void)
{
    unsigned int depth = qp_self.depth[QUARRY_CTX_IRQ_OFF];
    if (depth == 0)
        quarry_context_enter(QUARRY_CTX_IRQ_OFF);
    return depth;
}

void quarry_irq_restore(unsigned long flags)
{
    unsigned int depth = qp_self.depth[QUARRY_CTX_IRQ_OFF];
    if (flags > 0 && depth == 0) {
        quarry_context_enter(QUARRY_CTX_IRQ_OFF);
        return;
    }
    if (flags >= depth)
        return;
    qp_self.atomic -= depth - (unsigned int)flags;
    qp_self.depth[QUARRY_CTX_IRQ_OFF] = (unsigned int)flags;
    context_ended();
    context_deliver();
}

bool quarry_in_interrupt(void)
{
    return qp_self.interrupts != 0 || qp_self.depth[QUARRY_CTX_BH_OFF] != 0;
}

bool quarry_in_hardirq(void)
{
    return qp_self.depth[QUARRY_CTX_HARDIRQ] != 0;
}

bool quarry_in_atomic(void)
{
    return qp_self.atomic != 0;
}

bool quarry_irqs_disabled(void)
{
    return qp_self.depth[QUARRY_CTX_IRQ_OFF] != 0 || qp_self.depth[QUARRY_CTX_HARDIRQ] != 0;
}

void quarry_might_sleep(const char *what)
{
    (void)qr_may_sleep_here(&quarry_default.check, what ? what : "a call that may sleep");
}

void qp_explain_atomic(struct qp_atomic_reason *reason)
{
    unsigned int kind, best = QUARRY_CONTEXTS;
    memset(reason, 0, sizeof(*reason));
    reason->interrupt = quarry_in_interrupt();
    for (kind = 0; kind < QUARRY_CONTEXTS; kind++) {
        if (qp_self.depth[kind] &&
            (best == QUARRY_CONTEXTS || context_last[kind] > context_last[best]))
            best = kind;
    }
    if (best < QUARRY_CONTEXTS) {
        reason->what = context_name[best];
        reason->nr = context_site[best].nr;
        memcpy(reason->pc, context_site[best].pc, sizeof(reason->pc));
    } else if (qp_self.task.readers) {
        reason->what = context_name[QUARRY_CTX_RCU_READ];
    } else if (qp_self.locks) {
        reason->what = "a lock of Quarry's own is held";
    } else if (qp_self.irqs) {
        reason->what = "Quarry's core has interrupts off";
    }
}

/* ---- interrupts ------------------------------------------------------------------------------ */

static bool context_pop(struct context_queue *queue, struct context_call *call)
{
    if (queue->head == queue->tail)
        return false;
    *call = queue->call[queue->head++ % CONTEXT_PENDING];
    return true;
}

static void context_push(struct context_queue *queue, void (*handler)(void *), void *data,
                         const char *full)
{
    if (!handler)
        return;
    if (queue->tail - queue->head == CONTEXT_PENDING) {
        context_report(full);
        return;
    }
    queue->call[queue->tail++ % CONTEXT_PENDING] = (struct context_call){handler, data};
}

/* Run what is pending and allowed now. */
static void context_deliver(void)
{
    struct context_call call;
    if (QR_LIKELY(context_hard.head == context_hard.tail && context_soft.head == context_soft.tail))
        return;
    for (;;) {
        if (!quarry_irqs_disabled() && context_pop(&context_hard, &call)) {
            quarry_context_enter(QUARRY_CTX_HARDIRQ);
            call.handler(call.data);
            quarry_context_leave(QUARRY_CTX_HARDIRQ);
        } else if (!quarry_irqs_disabled() && !quarry_in_interrupt() &&
                   context_pop(&context_soft, &call)) {
            quarry_context_enter(QUARRY_CTX_SOFTIRQ);
            call.handler(call.data);
            quarry_context_leave(QUARRY_CTX_SOFTIRQ);
        } else {
            return;
        }
    }
}

void quarry_raise_irq(void (*handler)(void *), void *data)
{
    context_push(&context_hard, handler, data,
                 "64 hard interrupts are pending already; this one is dropped");
    context_deliver();
}

void quarry_raise_softirq(void (*handler)(void *), void *data)
{
    context_push(&context_soft, handler, data,
                 "64 soft interrupts are pending already; this one is dropped");
    context_deliver();
}
