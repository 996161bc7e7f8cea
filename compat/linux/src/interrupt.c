/* SPDX-License-Identifier: MIT */
/* interrupt: interrupt lines and tasklets.
 *
 * A line is raised by the host program or by the driver itself (generic_handle_irq); its handlers
 * then run on the raising thread in hard-interrupt context, at once or when interrupts come back on.
 * A handler that answers IRQ_WAKE_THREAD has its second half run on the system's work queue.
 *
 * A tasklet scheduled in interrupt runs on the same CPU when the interrupt is over; scheduled in
 * process context it runs on the soft-interrupt thread. Scheduling one that is already scheduled
 * does nothing; one that runs can be scheduled again and never runs twice at a time.
 *
 * Locks: irq_lock, tasklet_lock; neither is held over a call into driver code. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/interrupt.h>
#include <linux/workqueue.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- lines --------------------------------------------------------------------------------- */

struct irq_action {
    struct list_head list;
    unsigned int irq;
    void (*handler)(void);
    void (*thread)(void);
    unsigned long flags;
    void *dev;
    int form; /* 1: handlers take three arguments */
    bool dead;
    struct work_struct work; /* the second half */
};

static pthread_mutex_t irq_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t irq_idle = PTHREAD_COND_INITIALIZER;
static LIST_HEAD(irq_actions);
static unsigned int irq_running;       /* handlers in progress on any line */
static __thread unsigned int irq_here; /* of these, on this thread */

#define IRQ_LINES 1024u
static unsigned int irq_disabled[IRQ_LINES];

typedef irqreturn_t (*irq_form_0)(int, void *);
typedef irqreturn_t (*irq_form_1)(int, void *, struct pt_regs *);

static irqreturn_t irq_call(struct irq_action *action, void (*handler)(void))
{
    struct pt_regs regs = {0};
    if (action->form)
        return ((irq_form_1)handler)((int)action->irq, action->dev, &regs);
    return ((irq_form_0)handler)((int)action->irq, action->dev);
}

static void irq_second_half(struct work_struct *work)
{
    struct irq_action *action = container_of(work, struct irq_action, work);
    irq_call(action, action->thread);
}

QUARRY_API int quarry_request_irq(unsigned int irq, void (*handler)(void), void (*thread)(void),
                                  unsigned long flags, const char *name, void *dev, int form)
{
    struct irq_action *action, *other;
    int error = 0;
    quarry_might_sleep("request_irq");
    if (irq >= IRQ_LINES || (!handler && !thread) || ((flags & IRQF_SHARED) && !dev))
        return -EINVAL;
    action = calloc(1, sizeof(*action));
    if (!action)
        return -ENOMEM;
    action->irq = irq;
    action->handler = handler;
    action->thread = thread;
    action->flags = flags;
    action->dev = dev;
    action->form = form;
    INIT_WORK(&action->work, irq_second_half);
    pthread_mutex_lock(&irq_lock);
    list_for_each_entry (other, &irq_actions, list) {
        if (other->irq == irq && !other->dead && !(other->flags & flags & IRQF_SHARED))
            error = -EBUSY;
    }
    if (!error)
        list_add_tail(&action->list, &irq_actions);
    pthread_mutex_unlock(&irq_lock);
    if (error)
        free(action);
    else
        qlx_left_add(QLX_LEFT_IRQ, action, name ? name : "irq");
    return error;
}

static struct irq_action *irq_find(unsigned int irq, const void *dev)
{
    struct irq_action *action;
    list_for_each_entry (action, &irq_actions, list) {
        if (action->irq == irq && action->dev == dev && !action->dead)
            return action;
    }
    return NULL;
}

/* Until no handler runs on another thread. With irq_lock held. */
static void irq_wait_idle(void)
{
    while (irq_running > irq_here)
        pthread_cond_wait(&irq_idle, &irq_lock);
}

QUARRY_API const void *free_irq(unsigned int irq, void *dev)
{
    struct irq_action *action;
    pthread_mutex_lock(&irq_lock);
    action = irq_find(irq, dev);
    if (action) {
        action->dead = true;
        irq_wait_idle();
        list_del(&action->list);
    }
    pthread_mutex_unlock(&irq_lock);
    if (!action) {
        qlx_find("registration", NULL, NULL, "free_irq(%u): no such handler is registered", irq);
        return NULL;
    }
    if (action->thread)
        cancel_work_sync(&action->work);
    qlx_left_remove(QLX_LEFT_IRQ, action);
    free(action);
    return NULL;
}

/* One handler, guarded. A function of its own: the guard must not see its caller's loop variables. */
static noinline void irq_handle(struct irq_action *action)
{
    irqreturn_t result = IRQ_WAKE_THREAD;
    if (action->handler)
        QLX_CALL_DRIVER(result, irq_call(action, action->handler), IRQ_NONE);
    if (result == IRQ_WAKE_THREAD && action->thread)
        schedule_work(&action->work);
}

/* The line itself, in hard-interrupt context. */
static void irq_deliver(void *line)
{
    unsigned int irq = (unsigned int)(uintptr_t)line;
    struct irq_action *action;
    pthread_mutex_lock(&irq_lock);
    irq_running++;
    irq_here++;
    list_for_each_entry (action, &irq_actions, list) {
        if (action->irq != irq || action->dead || irq_disabled[irq])
            continue;
        pthread_mutex_unlock(&irq_lock);
        irq_handle(action);
        pthread_mutex_lock(&irq_lock);
    }
    irq_running--;
    irq_here--;
    pthread_cond_broadcast(&irq_idle);
    pthread_mutex_unlock(&irq_lock);
}

QUARRY_API int generic_handle_irq(unsigned int irq)
{
    struct irq_action *action;
    bool known = false;
    pthread_mutex_lock(&irq_lock);
    list_for_each_entry (action, &irq_actions, list)
        known = known || action->irq == irq;
    pthread_mutex_unlock(&irq_lock);
    if (!known)
        return -ENOENT;
    quarry_raise_irq(irq_deliver, (void *)(uintptr_t)irq);
    return 0;
}

int qlx_raise_irq(unsigned int irq)
{
    return generic_handle_irq(irq);
}

QUARRY_API void disable_irq_nosync(unsigned int irq)
{
    pthread_mutex_lock(&irq_lock);
    if (irq < IRQ_LINES)
        irq_disabled[irq]++;
    pthread_mutex_unlock(&irq_lock);
}

QUARRY_API void synchronize_irq(unsigned int irq)
{
    pthread_mutex_lock(&irq_lock);
    irq_wait_idle();
    pthread_mutex_unlock(&irq_lock);
}

QUARRY_API void disable_irq(unsigned int irq)
{
    disable_irq_nosync(irq);
    synchronize_irq(irq);
}

QUARRY_API void enable_irq(unsigned int irq)
{
    bool was = true;
    pthread_mutex_lock(&irq_lock);
    if (irq < IRQ_LINES) {
        was = irq_disabled[irq] != 0;
        irq_disabled[irq] -= was;
    }
    pthread_mutex_unlock(&irq_lock);
    if (!was)
        qlx_find("registration", NULL, NULL, "enable_irq(%u) of a line that is not disabled", irq);
}

/* ---- tasklets ------------------------------------------------------------------------------ */

#define TASKLET_SCHEDULED 1ul
#define TASKLET_RUNNING 2ul

struct tasklet_entry {
    struct list_head list;
    struct tasklet_struct *tasklet;
    const void *where;
};

static pthread_mutex_t tasklet_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t tasklet_idle = PTHREAD_COND_INITIALIZER;
static LIST_HEAD(tasklet_queue);

QUARRY_API void tasklet_init(struct tasklet_struct *t, void (*func)(unsigned long),
                             unsigned long data)
{
    *t = (struct tasklet_struct){.func = func, .data = data};
}

QUARRY_API void tasklet_setup(struct tasklet_struct *t, void (*callback)(struct tasklet_struct *))
{
    *t = (struct tasklet_struct){.use_callback = true, .callback = callback};
}

static int tasklet_call(struct tasklet_struct *t)
{
    if (t->use_callback)
        t->callback(t);
    else
        t->func(t->data);
    return 0;
}

/* Run the first that may run now; true if there was one. */
static bool tasklet_run_one(void)
{
    struct tasklet_entry *entry, *found = NULL;
    struct tasklet_struct *t;
    int ignored;
    pthread_mutex_lock(&tasklet_lock);
    list_for_each_entry (entry, &tasklet_queue, list) {
        if (atomic_read(&entry->tasklet->count) == 0 &&
            !(entry->tasklet->state & TASKLET_RUNNING)) {
            found = entry;
            break;
        }
    }
    if (!found) {
        pthread_mutex_unlock(&tasklet_lock);
        return false;
    }
    list_del(&found->list);
    t = found->tasklet;
    t->state = TASKLET_RUNNING;
    pthread_mutex_unlock(&tasklet_lock);
    free(found);
    QLX_CALL_DRIVER(ignored, tasklet_call(t), 0);
    (void)ignored;
    pthread_mutex_lock(&tasklet_lock);
    t->state &= ~TASKLET_RUNNING;
    pthread_cond_broadcast(&tasklet_idle);
    pthread_mutex_unlock(&tasklet_lock);
    return true;
}

static void tasklet_run_all(void *unused)
{
    while (tasklet_run_one())
        ;
}

void qlx_tasklets_run(void)
{
    quarry_raise_softirq(tasklet_run_all, NULL);
}

static void tasklet_start_queue(void)
{
    if (quarry_in_interrupt() && quarry_context_depth(QUARRY_CTX_BH_OFF) == 0)
        quarry_raise_softirq(tasklet_run_all, NULL);
    else
        qlx_softirq_kick();
}

QUARRY_API void tasklet_schedule(struct tasklet_struct *t)
{
    struct tasklet_entry *entry = calloc(1, sizeof(*entry));
    bool queued = false;
    if (!entry)
        abort();
    entry->tasklet = t;
    entry->where = __builtin_return_address(0);
    pthread_mutex_lock(&tasklet_lock);
    if (!(t->state & TASKLET_SCHEDULED)) {
        t->state |= TASKLET_SCHEDULED;
        list_add_tail(&entry->list, &tasklet_queue);
        queued = true;
    }
    pthread_mutex_unlock(&tasklet_lock);
    if (queued)
        tasklet_start_queue();
    else
        free(entry);
}

QUARRY_API void tasklet_disable_nosync(struct tasklet_struct *t)
{
    atomic_inc(&t->count);
}

QUARRY_API void tasklet_disable(struct tasklet_struct *t)
{
    tasklet_disable_nosync(t);
    pthread_mutex_lock(&tasklet_lock);
    while (t->state & TASKLET_RUNNING)
        pthread_cond_wait(&tasklet_idle, &tasklet_lock);
    pthread_mutex_unlock(&tasklet_lock);
}

QUARRY_API void tasklet_enable(struct tasklet_struct *t)
{
    if (atomic_dec_return(&t->count) == 0)
        qlx_softirq_kick();
}

QUARRY_API void tasklet_kill(struct tasklet_struct *t)
{
    quarry_might_sleep("tasklet_kill");
    pthread_mutex_lock(&tasklet_lock);
    while (t->state & (TASKLET_RUNNING | TASKLET_SCHEDULED))
        pthread_cond_wait(&tasklet_idle, &tasklet_lock);
    pthread_mutex_unlock(&tasklet_lock);
}

void qlx_tasklets_settle(void)
{
    struct tasklet_entry *entry;
    bool busy = true;
    while (busy) {
        busy = false;
        pthread_mutex_lock(&tasklet_lock);
        list_for_each_entry (entry, &tasklet_queue, list)
            busy = busy || atomic_read(&entry->tasklet->count) == 0;
        if (busy)
            pthread_cond_wait(&tasklet_idle, &tasklet_lock);
        pthread_mutex_unlock(&tasklet_lock);
    }
}

bool qlx_tasklets_left(qlx_left_visit visit, void *data)
{
    struct tasklet_entry *entry;
    bool on = true;
    pthread_mutex_lock(&tasklet_lock);
    list_for_each_entry (entry, &tasklet_queue, list) {
        struct qlx_left left = {.kind = QLX_LEFT_TASKLET, .object = entry->tasklet};
        left.where.nr = 1;
        left.where.pc[0] = entry->where;
        snprintf(left.name, sizeof(left.name), "tasklet at %px", (void *)entry->tasklet);
        on = on && visit(&left, data);
    }
    pthread_mutex_unlock(&tasklet_lock);
    return on;
}

/* Forget what is registered; the module that did it is going away. */
void qlx_interrupts_stop(void)
{
    struct irq_action *action, *next;
    struct tasklet_entry *entry, *after;
    pthread_mutex_lock(&irq_lock);
    irq_wait_idle();
    list_for_each_entry_safe (action, next, &irq_actions, list) {
        list_del(&action->list);
        free(action);
    }
    memset(irq_disabled, 0, sizeof(irq_disabled));
    pthread_mutex_unlock(&irq_lock);
    pthread_mutex_lock(&tasklet_lock);
    list_for_each_entry_safe (entry, after, &tasklet_queue, list) {
        list_del(&entry->list);
        free(entry);
    }
    pthread_mutex_unlock(&tasklet_lock);
}
