/* SPDX-License-Identifier: MIT */
/* compat/linux: chains of functions to be told of events, sleepable read-copy-update, waiting for bits. */
#include "compat.h"
#include <linux/kthread.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/wait_bit.h>

static char told[32];
static bool saw_atomic;

struct ear {
    struct notifier_block block;
    char name;
    int answer;
};

static int hear(struct notifier_block *block, unsigned long action, void *data)
{
    struct ear *ear = container_of(block, struct ear, block);
    size_t n = strlen(told);
    told[n] = ear->name;
    told[n + 1] = '\0';
    saw_atomic = in_atomic() || rcu_read_lock_held();
    if (data)
        *(unsigned long *)data += action;
    return ear->answer;
}

#define EAR(letter, rank, result)                                                                  \
    {                                                                                              \
        .block = {.notifier_call = hear, .priority = (rank)}, .name = (letter), .answer = (result) \
    }

static struct ear ears[] = {EAR('a', 0, NOTIFY_OK), EAR('b', 5, NOTIFY_DONE),
                            EAR('c', 0, NOTIFY_OK), EAR('d', -1, NOTIFY_OK)};

static void a_chain_tells_by_priority_until_one_stops(void **state)
{
    RAW_NOTIFIER_HEAD(chain);
    unsigned long sum = 0;
    told[0] = '\0';
    hear_nothing();
    assert_int_equal(raw_notifier_call_chain(&chain, 3, &sum), NOTIFY_DONE);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(raw_notifier_chain_register(&chain, &ears[i].block), 0);
    assert_int_equal(raw_notifier_call_chain(&chain, 3, &sum), NOTIFY_OK);
    assert_string_equal(told, "bacd");
    assert_int_equal(sum, 12);
    assert_int_equal(raw_notifier_chain_register(&chain, &ears[2].block), -EEXIST);
    assert_int_equal(heard_compat, 1);
    ears[0].answer = notifier_from_errno(-ENODEV);
    told[0] = '\0';
    assert_int_equal(notifier_to_errno(raw_notifier_call_chain(&chain, 3, NULL)), -ENODEV);
    assert_string_equal(told, "ba");
    ears[0].answer = NOTIFY_OK;
    assert_int_equal(raw_notifier_chain_unregister(&chain, &ears[1].block), 0);
    assert_int_equal(raw_notifier_chain_unregister(&chain, &ears[1].block), -ENOENT);
    told[0] = '\0';
    raw_notifier_call_chain(&chain, 3, NULL);
    assert_string_equal(told, "acd");
    assert_int_equal(notifier_to_errno(NOTIFY_OK), 0);
    assert_int_equal(notifier_to_errno(notifier_from_errno(0)), 0);
}

static void each_kind_of_chain_tells_in_its_context(void **state)
{
    ATOMIC_NOTIFIER_HEAD(atomic);
    BLOCKING_NOTIFIER_HEAD(blocking);
    struct srcu_notifier_head srcu;
    unsigned long before = compat_live();
    hear_nothing();
    atomic_notifier_chain_register(&atomic, &ears[0].block);
    atomic_notifier_call_chain(&atomic, 1, NULL);
    assert_true(saw_atomic);
    preempt_disable();
    atomic_notifier_call_chain(&atomic, 1, NULL);
    preempt_enable();
    assert_int_equal(heard_core + heard_compat, 0);
    assert_int_equal(atomic_notifier_chain_unregister(&atomic, &ears[0].block), 0);

    blocking_notifier_chain_register(&blocking, &ears[0].block);
    blocking_notifier_call_chain(&blocking, 1, NULL);
    assert_false(saw_atomic);
    assert_int_equal(heard_core + heard_compat, 0);
    preempt_disable();
    blocking_notifier_call_chain(&blocking, 1, NULL);
    preempt_enable();
    assert_true(heard_core + heard_compat > 0); /* it may sleep */
    assert_int_equal(blocking_notifier_chain_unregister(&blocking, &ears[0].block), 0);

    hear_nothing();
    srcu_init_notifier_head(&srcu);
    srcu_notifier_chain_register(&srcu, &ears[0].block);
    srcu_notifier_call_chain(&srcu, 1, NULL);
    assert_false(saw_atomic);
    assert_int_equal(srcu_notifier_chain_unregister(&srcu, &ears[0].block), 0);
    assert_int_equal(compat_live(), before + 1); /* what cleanup gives back */
    srcu_cleanup_notifier_head(&srcu);
    assert_int_equal(compat_live(), before);
    assert_int_equal(heard_core + heard_compat, 0);
}

struct pair {
    struct srcu_struct srcu;
    int *shared;
    unsigned long bad, rounds;
    bool inside;
};

static int pair_reader(void *data)
{
    struct pair *pair = data;
    while (!kthread_should_stop()) {
        int side = srcu_read_lock(&pair->srcu),
            *value = srcu_dereference(pair->shared, &pair->srcu);
        yield(); /* a reader may sleep */
        pair->bad += READ_ONCE(*value) != 77;
        srcu_read_unlock(&pair->srcu, side);
        WRITE_ONCE(pair->rounds, pair->rounds + 1);
    }
    return 0;
}

static void a_sleeping_readers_object_stays(void **state)
{
    static struct pair pair;
    struct task_struct *reader;
    hear_nothing();
    quarry_fault_set(QUARRY_FAILSLAB, &(struct quarry_fault){.nth = 1});
    assert_int_equal(init_srcu_struct(&pair.srcu), -ENOMEM);
    quarry_fault_set(QUARRY_FAILSLAB, NULL);
    assert_int_equal(init_srcu_struct(&pair.srcu), 0);
    pair.shared = kmalloc(sizeof(int), GFP_KERNEL);
    *pair.shared = 77;
    reader = kthread_run(pair_reader, &pair, "reader");
    for (int i = 0; i < 300 || READ_ONCE(pair.rounds) < 300; i++) {
        int *fresh = kmalloc(sizeof(int), GFP_KERNEL), *old = pair.shared;
        *fresh = 77;
        rcu_assign_pointer(pair.shared, fresh);
        synchronize_srcu(&pair.srcu);
        *old = 0;
        kfree(old);
    }
    kthread_stop(reader);
    assert_int_equal(pair.bad, 0);
    kfree(pair.shared);
    assert_int_equal(heard_compat, 0);
    (void)srcu_read_lock(&pair.srcu);
    cleanup_srcu_struct(&pair.srcu);
    assert_int_equal(heard_compat, 1);
}

static DEFINE_SRCU(domain);
static void readers_that_end_without_beginning_are_reported(void **state)
{
    int side = srcu_read_lock(&domain);
    hear_nothing();
    srcu_read_unlock(&domain, side);
    assert_int_equal(heard_compat, 0);
    srcu_read_unlock(&domain, side);
    assert_int_equal(heard_compat, 1);
    synchronize_srcu(&domain);
}

static unsigned long flags_word;
static int variable, waiting;

static int bit_waiter(void *data)
{
    __atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
    assert_int_equal(wait_on_bit(&flags_word, 3, TASK_UNINTERRUPTIBLE), 0);
    assert_int_equal(wait_on_bit_lock(&flags_word, 4, TASK_UNINTERRUPTIBLE), 0);
    wait_var_event(&variable, READ_ONCE(variable) == 1);
    clear_and_wake_up_bit(4, &flags_word);
    __atomic_fetch_sub(&waiting, 1, __ATOMIC_SEQ_CST);
    while (!kthread_should_stop())
        yield();
    return 5;
}

static void who_waits_for_a_bit_is_woken(void **state)
{
    struct task_struct *one, *two;
    set_bit(3, &flags_word);
    assert_int_equal(wait_on_bit_timeout(&flags_word, 3, TASK_UNINTERRUPTIBLE, 1), -EAGAIN);
    one = kthread_run(bit_waiter, NULL, "one");
    two = kthread_run(bit_waiter, NULL, "two");
    while (__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) < 2 || task_is_running(one) ||
           task_is_running(two))
        yield();
    clear_and_wake_up_bit(3, &flags_word);
    WRITE_ONCE(variable, 1);
    wake_up_var(&variable);
    while (__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) > 0)
        yield(); /* stopping them would wake them too */
    assert_int_equal(kthread_stop(one), 5);
    assert_int_equal(kthread_stop(two), 5);
    assert_int_equal(flags_word, 0);
    send_sig(2, current, 0);
    set_bit(3, &flags_word);
    assert_int_equal(wait_on_bit(&flags_word, 3, TASK_INTERRUPTIBLE), -EINTR);
    flush_signals(current);
}

COMPAT_MAIN(cmocka_unit_test(a_chain_tells_by_priority_until_one_stops),
            cmocka_unit_test(each_kind_of_chain_tells_in_its_context),
            cmocka_unit_test(a_sleeping_readers_object_stays),
            cmocka_unit_test(readers_that_end_without_beginning_are_reported),
            cmocka_unit_test(who_waits_for_a_bit_is_woken))
