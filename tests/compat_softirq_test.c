/* SPDX-License-Identifier: MIT */
/* compat/linux: timers, tasklets, interrupts, work queues, read-copy-update. */
#include "compat.h"
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

static atomic_t runs, in_soft, in_hard, slow;

static void note_context(void)
{
    if (in_serving_softirq())
        atomic_inc(&in_soft);
    if (in_hardirq())
        atomic_inc(&in_hard);
    atomic_inc(&runs); /* last: who waits for it reads the others */
}

static void reset(void)
{
    atomic_set(&runs, 0);
    atomic_set(&in_soft, 0);
    atomic_set(&in_hard, 0);
    atomic_set(&slow, 0);
    hear_nothing();
}

static struct timer_list timer;

static void timer_plain(struct timer_list *t)
{
    note_context();
    if (atomic_read(&slow))
        mdelay(20);
    atomic_set(&slow, 0);
}

static void timer_allocates(struct timer_list *t)
{
    note_context();
    kfree(kmalloc(32, GFP_KERNEL));
    kfree(kmalloc(32, GFP_ATOMIC));
}

static void timer_again(struct timer_list *t)
{
    note_context();
    if (atomic_read(&runs) < 5)
        mod_timer(t, jiffies + 1);
}

static void a_timer_runs_in_soft_interrupt_context_when_it_is_due(void **state)
{
    unsigned long before;
    reset();
    timer_setup(&timer, timer_plain, 0);
    mod_timer(&timer, jiffies + 1000 * HZ);
    assert_true(timer_pending(&timer));
    assert_int_equal(qlx_count_left(QLX_LEFT_TIMER), 1);
    before = jiffies;
    mod_timer(&timer, before + 3);
    while (!atomic_read(&runs))
        msleep(1);
    assert_true(time_after_eq(jiffies, before + 3));
    assert_int_equal(atomic_read(&in_soft), 1);
    assert_false(timer_pending(&timer));
    assert_int_equal(del_timer(&timer), 0);
    mod_timer(&timer, jiffies + 1000 * HZ);
    assert_int_equal(mod_timer(&timer, jiffies + 2000 * HZ), 1);
    assert_int_equal(del_timer_sync(&timer), 1);
    assert_int_equal(qlx_count_left(QLX_LEFT_TIMER), 0);
}

/* Returns when the timer was started again, which slow says, and taken back. */
static void timer_waits_for_both(struct timer_list *t)
{
    atomic_inc(&runs);
    while (!atomic_read(&slow) || timer_pending(t))
        cpu_relax();
}

static void a_timer_taken_back_while_its_function_runs_was_pending(void **state)
{
    reset();
    timer_setup(&timer, timer_waits_for_both, 0);
    mod_timer(&timer, jiffies);
    while (!atomic_read(&runs))
        msleep(1);
    assert_int_equal(mod_timer(&timer, jiffies + 1000 * HZ), 0);
    atomic_set(&slow, 1);
    assert_int_equal(del_timer_sync(&timer), 1);
    assert_int_equal(qlx_count_left(QLX_LEFT_TIMER), 0);
}

static void gfp_kernel_in_a_timer_is_reported(void **state)
{
    reset();
    timer_setup(&timer, timer_allocates, 0);
    mod_timer(&timer, jiffies);
    while (!atomic_read(&runs))
        msleep(1);
    del_timer_sync(&timer);
    qlx_settle();
    assert_int_equal(heard_core, 1);
    assert_non_null(strstr(heard_text, "soft interrupt"));
}

static void del_timer_sync_waits_for_the_function(void **state)
{
    reset();
    atomic_set(&slow, 1);
    timer_setup(&timer, timer_plain, 0);
    mod_timer(&timer, jiffies);
    while (!atomic_read(&runs))
        usleep_range(100, 200);
    del_timer_sync(&timer);
    assert_int_equal(atomic_read(&slow), 0);
    reset();
    timer_setup(&timer, timer_again, 0);
    mod_timer(&timer, jiffies);
    while (atomic_read(&runs) < 5)
        msleep(1);
    del_timer_sync(&timer);
}

static ktime_t hr_last;
static enum hrtimer_restart hr_tick(struct hrtimer *t)
{
    note_context();
    hr_last = ktime_get();
    hrtimer_forward_now(t, ms_to_ktime(1));
    return atomic_read(&runs) < 4 ? HRTIMER_RESTART : HRTIMER_NORESTART;
}

static void a_high_resolution_timer_repeats_in_hard_context(void **state)
{
    struct hrtimer hr;
    reset();
    hrtimer_setup(&hr, hr_tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
    hrtimer_start(&hr, us_to_ktime(500), HRTIMER_MODE_REL);
    while (atomic_read(&runs) < 4)
        msleep(1);
    assert_int_equal(hrtimer_cancel(&hr), 0);
    assert_int_equal(atomic_read(&in_hard), 4);
}

static struct tasklet_struct tasklet;
static void tasklet_run(struct tasklet_struct *t)
{
    note_context();
}

static irqreturn_t irq_hard(int irq, void *dev)
{
    note_context();
    tasklet_schedule(&tasklet);
    return dev == &runs ? IRQ_HANDLED : IRQ_WAKE_THREAD;
}

static irqreturn_t irq_thread(int irq, void *dev)
{
    assert_false(in_interrupt());
    atomic_inc(&slow);
    return IRQ_HANDLED;
}

static void a_tasklet_runs_once_for_each_time_it_is_scheduled(void **state)
{
    reset();
    tasklet_setup(&tasklet, tasklet_run);
    tasklet_disable(&tasklet);
    tasklet_schedule(&tasklet);
    tasklet_schedule(&tasklet);
    msleep(2);
    assert_int_equal(atomic_read(&runs), 0);
    assert_int_equal(qlx_count_left(QLX_LEFT_TASKLET), 1);
    tasklet_enable(&tasklet);
    tasklet_kill(&tasklet);
    assert_int_equal(atomic_read(&runs), 1);
    assert_int_equal(atomic_read(&in_soft), 1);
}

static void an_interrupt_runs_here_and_its_tasklet_after_it(void **state)
{
    unsigned long flags;
    reset();
    tasklet_setup(&tasklet, tasklet_run);
    assert_int_equal(qlx_raise_irq(5), -ENOENT);
    assert_int_equal(request_irq(5, irq_hard, 0, "test", &runs), 0);
    assert_int_equal(request_irq(5, irq_hard, IRQF_SHARED, "other", &slow), -EBUSY);
    assert_int_equal(qlx_raise_irq(5), 0);
    assert_int_equal(atomic_read(&in_hard), 1);
    assert_int_equal(atomic_read(&in_soft), 1); /* on this CPU, before we go on */
    local_irq_save(flags);
    qlx_raise_irq(5);
    assert_int_equal(atomic_read(&in_hard), 1); /* kept back */
    local_irq_restore(flags);
    assert_int_equal(atomic_read(&in_hard), 2);
    disable_irq(5);
    qlx_raise_irq(5);
    assert_int_equal(atomic_read(&in_hard), 2);
    enable_irq(5);
    assert_int_equal(qlx_count_left(QLX_LEFT_IRQ), 1);
    free_irq(5, &runs);
    assert_int_equal(qlx_count_left(QLX_LEFT_IRQ), 0);
    assert_int_equal(request_threaded_irq(6, irq_hard, irq_thread, 0, "thread", &slow), 0);
    qlx_raise_irq(6);
    qlx_settle();
    assert_int_equal(atomic_read(&slow), 1);
    free_irq(6, &slow);
    tasklet_kill(&tasklet);
    assert_int_equal(heard_core + heard_compat, 0);
}

static atomic_t work_now, work_most;
static void work_run(struct work_struct *work)
{
    int now = atomic_inc_return(&work_now);
    if (now > atomic_read(&work_most))
        atomic_set(&work_most, now);
    assert_false(in_interrupt());
    kfree(kmalloc(100, GFP_KERNEL));
    msleep(2);
    atomic_inc(&runs);
    atomic_dec(&work_now);
}

static void work_runs_in_process_context_and_is_flushed(void **state)
{
    struct workqueue_struct *wq = alloc_workqueue("test-%d", 0, 0, 1);
    struct work_struct work[4];
    reset();
    atomic_set(&work_most, 0);
    for (int i = 0; i < 4; i++) {
        INIT_WORK(&work[i], work_run);
        assert_true(queue_work(wq, &work[i]));
    }
    flush_workqueue(wq);
    assert_int_equal(atomic_read(&runs), 4);
    assert_true(atomic_read(&work_most) > 1);
    assert_true(queue_work(wq, &work[0]));
    assert_true(flush_work(&work[0]));
    assert_int_equal(atomic_read(&runs), 5);
    assert_int_equal(qlx_count_left(QLX_LEFT_WORKQUEUE), 1);
    destroy_workqueue(wq);
    assert_int_equal(qlx_count_left(QLX_LEFT_WORKQUEUE), 0);
    assert_int_equal(heard_core, 0);
}

static void an_ordered_queue_runs_one_piece_at_a_time(void **state)
{
    struct workqueue_struct *wq = alloc_ordered_workqueue("ordered", 0);
    struct work_struct work[4];
    reset();
    atomic_set(&work_most, 0);
    for (int i = 0; i < 4; i++) {
        INIT_WORK(&work[i], work_run);
        queue_work(wq, &work[i]);
    }
    destroy_workqueue(wq); /* runs what is queued */
    assert_int_equal(atomic_read(&runs), 4);
    assert_int_equal(atomic_read(&work_most), 1);
}

static struct work_struct again;
static void work_again(struct work_struct *work)
{
    int now = atomic_inc_return(&work_now);
    if (now > atomic_read(&work_most))
        atomic_set(&work_most, now);
    if (atomic_inc_return(&runs) < 5)
        schedule_work(work); /* while it runs: it runs once more, afterwards */
    msleep(2);
    atomic_dec(&work_now);
}

static void one_piece_never_runs_twice_at_a_time(void **state)
{
    reset();
    atomic_set(&work_most, 0);
    INIT_WORK(&again, work_again);
    schedule_work(&again);
    while (atomic_read(&runs) < 5)
        msleep(1);
    flush_work(&again);
    assert_int_equal(atomic_read(&work_most), 1);
}

static void delayed_work_waits_and_can_be_taken_back(void **state)
{
    struct delayed_work work;
    unsigned long before = jiffies;
    reset();
    INIT_DELAYED_WORK(&work, work_run);
    assert_true(schedule_delayed_work(&work, 3));
    assert_false(schedule_delayed_work(&work, 3));
    while (!atomic_read(&runs))
        msleep(1);
    assert_true(time_after_eq(jiffies, before + 3));
    assert_true(schedule_delayed_work(&work, 1000));
    assert_true(mod_delayed_work(system_wq, &work, 2000));
    assert_true(cancel_delayed_work_sync(&work));
    assert_false(cancel_delayed_work_sync(&work));
    assert_true(schedule_delayed_work(&work, 1000));
    flush_delayed_work(&work);
    assert_int_equal(atomic_read(&runs), 2);
}

struct rcu_object {
    struct rcu_head rcu;
    int value;
};
static struct rcu_object *rcu_shared;
static atomic_t rcu_seen, rcu_stop;

static void *rcu_reader(void *arg)
{
    while (!atomic_read(&rcu_stop)) {
        rcu_read_lock();
        if (rcu_dereference(rcu_shared)->value == 1)
            atomic_inc(&rcu_seen);
        else
            atomic_set(&rcu_seen, -1000000);
        rcu_read_unlock();
    }
    return NULL;
}

static void rcu_callback(struct rcu_head *head)
{
    note_context();
    kfree(container_of(head, struct rcu_object, rcu));
}

static struct rcu_object *rcu_new(void)
{
    struct rcu_object *object = kmalloc(sizeof(*object), GFP_KERNEL);
    object->value = 1;
    return object;
}

static atomic_t rcu_done;
static void *rcu_writer(void *arg)
{
    synchronize_rcu();
    atomic_set(&rcu_done, 1);
    return NULL;
}

static void synchronize_rcu_waits_for_the_sections_that_began_before(void **state)
{
    for (int round = 0; round < 3; round++) {
        pthread_t writer;
        atomic_set(&rcu_done, 0);
        rcu_read_lock();
        pthread_create(&writer, NULL, rcu_writer, NULL);
        mdelay(10);
        assert_int_equal(atomic_read(&rcu_done), 0);
        rcu_read_unlock();
        pthread_join(writer, NULL);
        assert_int_equal(atomic_read(&rcu_done), 1);
    }
}

static void an_object_outlives_its_readers(void **state)
{
    unsigned long before = compat_live();
    pthread_t reader[2];
    reset();
    atomic_set(&rcu_seen, 0);
    atomic_set(&rcu_stop, 0);
    rcu_shared = rcu_new();
    for (int i = 0; i < 2; i++)
        pthread_create(&reader[i], NULL, rcu_reader, NULL);
    for (int i = 0; i < 60; i++) {
        struct rcu_object *old = rcu_shared;
        rcu_assign_pointer(rcu_shared, rcu_new());
        if (i % 3 == 0) {
            synchronize_rcu();
            old->value = 0;
            kfree(old);
        } else if (i % 3 == 1) {
            kfree_rcu(old, rcu);
        } else {
            call_rcu(&old->rcu, rcu_callback);
        }
    }
    atomic_set(&rcu_stop, 1);
    for (int i = 0; i < 2; i++)
        pthread_join(reader[i], NULL);
    rcu_barrier();
    kfree(rcu_shared);
    assert_true(atomic_read(&rcu_seen) >= 0);
    assert_int_equal(atomic_read(&runs), 20);
    assert_int_equal(atomic_read(&in_soft), 20);
    assert_int_equal(compat_live(), before);
}

COMPAT_MAIN(cmocka_unit_test(a_timer_runs_in_soft_interrupt_context_when_it_is_due),
            cmocka_unit_test(a_timer_taken_back_while_its_function_runs_was_pending),
            cmocka_unit_test(gfp_kernel_in_a_timer_is_reported),
            cmocka_unit_test(del_timer_sync_waits_for_the_function),
            cmocka_unit_test(a_high_resolution_timer_repeats_in_hard_context),
            cmocka_unit_test(a_tasklet_runs_once_for_each_time_it_is_scheduled),
            cmocka_unit_test(an_interrupt_runs_here_and_its_tasklet_after_it),
            cmocka_unit_test(work_runs_in_process_context_and_is_flushed),
            cmocka_unit_test(an_ordered_queue_runs_one_piece_at_a_time),
            cmocka_unit_test(one_piece_never_runs_twice_at_a_time),
            cmocka_unit_test(delayed_work_waits_and_can_be_taken_back),
            cmocka_unit_test(synchronize_rcu_waits_for_the_sections_that_began_before),
            cmocka_unit_test(an_object_outlives_its_readers))
