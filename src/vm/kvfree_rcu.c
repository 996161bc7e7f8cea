/* SPDX-License-Identifier: MIT */
/* vm/kvfree_rcu: frees that wait for readers, many at a time.
 *
 * Problem. kfree_rcu is called in any context, often for one object after another, and must not cost a
 * grace period each, nor memory that may be missing just when memory is to be freed.
 *
 * Idea. The objects bring the room for a list themselves: the head in each links to the next and
 * remembers where its object begins. They gather on one list while a grace period runs for another:
 *
 *     kfree_rcu ──► gathering ──(a call is asked for)──► waiting ──(readers are done)──► kvfree, each
 *
 * An object without a head gets one in a small block of its own, which is marked in the lowest bit of the
 * remembered address (objects are aligned to 8) and freed with it; when there is none to be had, the
 * caller, who may sleep, waits.
 *
 * An object that is given twice links the list into a loop or cuts it. The lists are counted, so a loop
 * ends, the second free is reported as such, and a cut one is reported too.
 *
 * Invariants. K1: exactly while `asked`, one call is under way, for `waiting`; both change under the lock,
 * so that a barrier, which counts calls, knows of every object given before. K2: no lock is held while
 * objects are freed.
 *
 * Locks: vm->lock for the lists, grace->lock inside it. What may sleep: the form without a head. */
#include "vm.h"

#define LATER_OWN_BLOCK 1ul /* the head is a block of its own */

static void later_report_damage(struct qr_vm *vm, const struct callback_head *at)
{
    struct quarry_report report = {.kind = QUARRY_CORRUPTION, .address = at};

    qr_report(
        vm->check, &report,
        "kfree_rcu: the list of waiting objects is damaged at %p: an object was given twice, or "
        "written to after it was given; what lay behind it is not freed",
        (const void *)at);
}

/* Who frees a batch passes by in a context of its own, atomic perhaps. That is no fault of who gave the
 * object: what must sleep is put off without a word. */
static void later_free_one(struct qr_vm *vm, struct callback_head *head)
{
    uintptr_t object = (uintptr_t)head->func;
    const void *block = (const void *)(object & ~LATER_OWN_BLOCK);

    if (qr_vm_contains(vm, block))
        qr_vfree(vm, block, !qp_may_sleep());
    else
        qr_kvfree(vm, block, "kfree_rcu");
    if (object & LATER_OWN_BLOCK)
        qr_kvfree(vm, head, "kfree_rcu");
}

static void later_free(struct qr_vm *vm, struct callback_head *head, unsigned long nr)
{
    struct callback_head *last = head;

    for (; head && nr; nr--) {
        struct callback_head *next = head->next;
        last = head;
        later_free_one(vm, head);
        head = next;
    }
    if (QR_UNLIKELY(head || nr))
        later_report_damage(vm, last);
}

/* The call: what waited is free to go; what gathered meanwhile waits next. */
static void later_readers_done(struct qr_grace_call *call)
{
    struct qr_vm *vm = QR_CONTAINER(call, struct qr_vm, later.call);
    unsigned long state = qp_lock(&vm->lock);
    struct callback_head *list = vm->later.waiting;
    unsigned long nr = vm->later.nr_waiting;
    bool more = vm->later.gathering != NULL;

    vm->later.waiting = vm->later.gathering;
    vm->later.nr_waiting = vm->later.nr_gathering;
    vm->later.gathering = NULL;
    vm->later.nr_gathering = 0;
    vm->later.asked = more;
    if (more)
        qr_grace_ask(vm->grace, call);
    qp_unlock(&vm->lock, state);
    later_free(vm, list, nr);
    __atomic_fetch_sub(&vm->later.nr, nr, __ATOMIC_RELAXED);
    if (more)
        qr_grace_nudge(vm->grace);
}

static void later_add(struct qr_vm *vm, struct callback_head *head, uintptr_t object)
{
    unsigned long state = qp_lock(&vm->lock);
    bool ask = !vm->later.asked;
    struct callback_head **list = ask ? &vm->later.waiting : &vm->later.gathering;

    head->func = (void (*)(struct callback_head *))object;
    head->next = *list;
    *list = head;
    ++*(ask ? &vm->later.nr_waiting : &vm->later.nr_gathering);
    __atomic_fetch_add(&vm->later.nr, 1, __ATOMIC_RELAXED);
    vm->later.asked = true;
    if (ask) { /* else it is under way and read without the lock */
        vm->later.call.fn = later_readers_done;
        qr_grace_ask(vm->grace, &vm->later.call);
    }
    qp_unlock(&vm->lock, state);
    qr_grace_nudge(vm->grace);
}

void qr_kvfree_rcu(struct qr_vm *vm, const void *object, struct callback_head *head)
{
    if (!ZERO_OR_NULL_PTR(object))
        later_add(vm, head, (uintptr_t)object);
}

void qr_kvfree_rcu_mightsleep(struct qr_vm *vm, const void *object)
{
    struct quarry_report report = {.kind = QUARRY_BAD_CONTEXT, .rule = "G-C3", .address = object};
    bool sleeps = qr_may_sleep_here(vm->check, "kfree_rcu_mightsleep");
    struct callback_head *head;

    if (ZERO_OR_NULL_PTR(object))
        return;
    head = qr_kmalloc_slow(vm->kmalloc, sizeof(*head), GFP_NOWAIT, NUMA_NO_NODE);
    if (head)
        later_add(vm, head, (uintptr_t)object | LATER_OWN_BLOCK);
    else if (sleeps && qr_grace_wait(vm->grace, "kfree_rcu_mightsleep") == 0)
        qr_kvfree(vm, object, "kfree_rcu_mightsleep");
    else
        qr_report(vm->check, &report,
                  "kfree_rcu_mightsleep(%p): there is no memory to put the free off and no way to "
                  "wait here; the object is kept for ever",
                  object);
}
