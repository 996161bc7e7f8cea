/* SPDX-License-Identifier: MIT */
/* compat/linux: sleeping, waking, signals, and the locks that sleep. */
#include "compat.h"
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/semaphore.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(queue);
static atomic_t flag, woken, inside;

/* A thread that acts for a client, so that it can be signalled. */
struct sleeper {
    pthread_t thread;
    struct qlx_task *task;
    long (*sleep)(void *);
    void *arg;
    long result;
    struct completion ready;
};

static void *sleeper_main(void *arg)
{
    static const struct qlx_client client = {.pid = 1234, .comm = "sleeper"};
    struct sleeper *sleeper = arg;
    sleeper->task = qlx_client_enter(&client);
    complete(&sleeper->ready);
    sleeper->result = sleeper->sleep(sleeper->arg);
    qlx_client_leave();
    return NULL;
}

static void sleeper_start(struct sleeper *sleeper, long (*sleep)(void *), void *arg)
{
    sleeper->sleep = sleep;
    sleeper->arg = arg;
    init_completion(&sleeper->ready);
    assert_int_equal(pthread_create(&sleeper->thread, NULL, sleeper_main, sleeper), 0);
    wait_for_completion(&sleeper->ready);
}

static long sleeper_join(struct sleeper *sleeper)
{
    pthread_join(sleeper->thread, NULL);
    return sleeper->result;
}

static void until_asleep(struct sleeper *sleeper)
{
    struct task_struct *task = (struct task_struct *)sleeper->task;
    while (READ_ONCE(task->__state) == TASK_RUNNING)
        usleep_range(100, 200);
    usleep_range(1000, 2000);
}

/* @nr of them have come back, and given time no further one does. */
static void assert_woken(int nr)
{
    while (atomic_read(&woken) < nr)
        usleep_range(100, 200);
    usleep_range(5000, 6000);
    assert_int_equal(atomic_read(&woken), nr);
}

static long wait_for_flag(void *arg)
{
    long result = wait_event_interruptible(queue, atomic_read(&flag) != 0);
    atomic_inc(&woken);
    return result;
}

static long wait_exclusively(void *arg)
{
    long result = wait_event_interruptible_exclusive(queue, atomic_read(&flag) > 0);
    if (!result)
        atomic_dec(&flag);
    atomic_inc(&woken);
    return result;
}

static void a_wake_up_ends_a_wait_whose_condition_holds(void **state)
{
    struct sleeper sleeper;
    atomic_set(&flag, 0);
    sleeper_start(&sleeper, wait_for_flag, NULL);
    until_asleep(&sleeper);
    assert_true(waitqueue_active(&queue));
    wake_up(&queue); /* without the condition: it sleeps on */
    until_asleep(&sleeper);
    assert_true(waitqueue_active(&queue));
    atomic_set(&flag, 1);
    wake_up(&queue);
    assert_int_equal(sleeper_join(&sleeper), 0);
    assert_false(waitqueue_active(&queue));
}

static void a_signal_ends_an_interruptible_wait(void **state)
{
    struct sleeper sleeper;
    atomic_set(&flag, 0);
    sleeper_start(&sleeper, wait_for_flag, NULL);
    until_asleep(&sleeper);
    qlx_interrupt(sleeper.task, 15);
    assert_int_equal(sleeper_join(&sleeper), -ERESTARTSYS);
    assert_false(waitqueue_active(&queue));
}

static void a_signal_that_came_before_is_not_lost(void **state)
{
    static const struct qlx_client client = {.pid = 77};
    struct qlx_task *task = qlx_client_enter(&client);
    assert_int_equal(current->pid, 77);
    qlx_interrupt(task, 2);
    assert_true(signal_pending(current));
    assert_int_equal(wait_event_interruptible(queue, false), -ERESTARTSYS);
    assert_int_equal(wait_event_interruptible(queue, true), 0);
    qlx_client_leave();
    assert_false(signal_pending(current));
}

static long wait_killable(void *arg)
{
    return wait_event_killable(queue, atomic_read(&flag) != 0);
}

static void only_a_fatal_signal_ends_a_killable_wait(void **state)
{
    struct sleeper sleeper;
    atomic_set(&flag, 0);
    sleeper_start(&sleeper, wait_killable, NULL);
    until_asleep(&sleeper);
    qlx_interrupt(sleeper.task, 15);
    usleep_range(5000, 6000);
    until_asleep(&sleeper);
    assert_true(waitqueue_active(&queue));
    qlx_interrupt(sleeper.task, 9);
    assert_int_equal(sleeper_join(&sleeper), -ERESTARTSYS);
}

static void wake_up_wakes_one_exclusive_waiter_and_all_others(void **state)
{
    struct sleeper exclusive[3], plain;
    atomic_set(&flag, 0);
    atomic_set(&woken, 0);
    for (int i = 0; i < 3; i++) {
        sleeper_start(&exclusive[i], wait_exclusively, NULL);
        until_asleep(&exclusive[i]);
    }
    sleeper_start(&plain, wait_for_flag, NULL);
    until_asleep(&plain);
    atomic_set(&flag, 2); /* enough for two, but one is woken */
    wake_up_interruptible(&queue);
    sleeper_join(&plain);
    assert_woken(2);
    wake_up_interruptible(&queue);
    assert_woken(3);
    atomic_set(&flag, 1);
    wake_up_all(&queue);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sleeper_join(&exclusive[i]), 0);
}

static void a_wait_with_a_limit_ends_with_what_is_left(void **state)
{
    unsigned long before = jiffies;
    assert_int_equal(wait_event_timeout(queue, false, 3), 0);
    assert_true(time_after_eq(jiffies, before + 3));
    assert_true(wait_event_timeout(queue, true, 100) > 90);
    assert_int_equal(wait_event_interruptible_timeout(queue, false, 1), 0);
    set_current_state(TASK_INTERRUPTIBLE);
    assert_int_equal(schedule_timeout(1), 0);
}

static long by_hand(void *arg)
{
    DEFINE_WAIT(wait);
    while (!atomic_read(&flag)) {
        prepare_to_wait(&queue, &wait, TASK_INTERRUPTIBLE);
        if (!atomic_read(&flag))
            schedule();
        finish_wait(&queue, &wait);
        if (signal_pending(current))
            return -ERESTARTSYS;
    }
    return 7;
}

static void waiting_by_hand_works_as_the_macros_do(void **state)
{
    struct sleeper sleeper;
    atomic_set(&flag, 0);
    sleeper_start(&sleeper, by_hand, NULL);
    until_asleep(&sleeper);
    atomic_set(&flag, 1);
    wake_up_interruptible(&queue);
    assert_int_equal(sleeper_join(&sleeper), 7);
}

static long wait_complete(void *arg)
{
    return wait_for_completion_interruptible(arg);
}

static void a_completion_lets_one_through_for_each_complete(void **state)
{
    DECLARE_COMPLETION(done);
    struct sleeper sleeper;
    assert_false(try_wait_for_completion(&done));
    complete(&done);
    complete(&done);
    assert_true(try_wait_for_completion(&done));
    wait_for_completion(&done);
    assert_false(completion_done(&done));
    assert_int_equal(wait_for_completion_timeout(&done, 2), 0);
    sleeper_start(&sleeper, wait_complete, &done);
    until_asleep(&sleeper);
    complete_all(&done);
    assert_int_equal(sleeper_join(&sleeper), 0);
    assert_true(try_wait_for_completion(&done));
    reinit_completion(&done);
    assert_false(try_wait_for_completion(&done));
}

static long lock_mutex(void *mutex)
{
    long result = mutex_lock_interruptible(mutex);
    if (!result) {
        atomic_inc(&inside);
        mutex_unlock(mutex);
    }
    return result;
}

static void a_mutex_admits_one_and_gives_way_to_signals(void **state)
{
    DEFINE_MUTEX(mutex);
    struct sleeper patient, signalled;
    atomic_set(&inside, 0);
    mutex_lock(&mutex);
    assert_true(mutex_is_locked(&mutex));
    sleeper_start(&patient, lock_mutex, &mutex);
    until_asleep(&patient);
    sleeper_start(&signalled, lock_mutex, &mutex);
    until_asleep(&signalled);
    qlx_interrupt(signalled.task, 2);
    assert_int_equal(sleeper_join(&signalled), -EINTR);
    assert_int_equal(atomic_read(&inside), 0);
    mutex_unlock(&mutex);
    assert_int_equal(sleeper_join(&patient), 0);
    assert_int_equal(mutex_trylock(&mutex), 1);
    mutex_unlock(&mutex);
    {
        guard(mutex)(&mutex);
        assert_true(mutex_is_locked(&mutex));
    }
    assert_false(mutex_is_locked(&mutex));
}

static long take_down(void *sem)
{
    return down_interruptible(sem);
}

static void a_semaphore_counts(void **state)
{
    struct semaphore sem;
    struct sleeper sleeper;
    sema_init(&sem, 2);
    down(&sem);
    assert_int_equal(down_trylock(&sem), 0);
    assert_int_equal(down_trylock(&sem), 1);
    assert_int_equal(down_timeout(&sem, 1), -ETIME);
    sleeper_start(&sleeper, take_down, &sem);
    until_asleep(&sleeper);
    qlx_interrupt(sleeper.task, 2);
    assert_int_equal(sleeper_join(&sleeper), -EINTR);
    sleeper_start(&sleeper, take_down, &sem);
    until_asleep(&sleeper);
    up(&sem);
    assert_int_equal(sleeper_join(&sleeper), 0);
    assert_int_equal(down_trylock(&sem), 1);
}

static long write_side(void *sem)
{
    down_write(sem);
    atomic_inc(&inside);
    up_write(sem);
    return 0;
}

static void a_rwsem_admits_readers_together_and_a_writer_alone(void **state)
{
    struct rw_semaphore sem;
    struct sleeper writer;
    init_rwsem(&sem);
    atomic_set(&inside, 0);
    down_read(&sem);
    assert_int_equal(down_read_trylock(&sem), 1);
    assert_int_equal(down_write_trylock(&sem), 0);
    sleeper_start(&writer, write_side, &sem);
    until_asleep(&writer);
    assert_int_equal(down_read_trylock(&sem), 0); /* the writer is first */
    up_read(&sem);
    assert_int_equal(atomic_read(&inside), 0);
    up_read(&sem);
    sleeper_join(&writer);
    assert_int_equal(atomic_read(&inside), 1);
    down_write(&sem);
    downgrade_write(&sem);
    assert_int_equal(down_read_trylock(&sem), 1);
    up_read(&sem);
    up_read(&sem);
    assert_int_equal(rwsem_is_locked(&sem), 0);
}

static int thread_loop(void *data)
{
    while (!kthread_should_stop()) {
        atomic_inc(&inside);
        msleep(1);
    }
    return 42;
}

static int thread_wait(void *data)
{
    atomic_set(&inside, 0);
    wait_event_interruptible(queue, kthread_should_stop());
    return 43;
}

static void a_kernel_thread_runs_until_it_is_stopped(void **state)
{
    struct task_struct *task;
    atomic_set(&inside, 0);
    task = kthread_run(thread_loop, NULL, "loop/%d", 1);
    assert_false(IS_ERR(task));
    assert_string_equal(task->comm, "loop/1");
    assert_int_equal(qlx_count_left(QLX_LEFT_KTHREAD), 1);
    while (atomic_read(&inside) < 3)
        msleep(1);
    assert_int_equal(kthread_stop(task), 42);
    assert_int_equal(qlx_count_left(QLX_LEFT_KTHREAD), 0);
    task = kthread_run(thread_wait, NULL, "waiter");
    while (atomic_read(&inside)) /* one that never ran would answer -EINTR */
        msleep(1);
    assert_int_equal(kthread_stop(task), 43);
    task = kthread_create(thread_loop, NULL, "never");
    assert_int_equal(kthread_stop(task), -EINTR);
}

COMPAT_MAIN(cmocka_unit_test(a_wake_up_ends_a_wait_whose_condition_holds),
            cmocka_unit_test(a_signal_ends_an_interruptible_wait),
            cmocka_unit_test(a_signal_that_came_before_is_not_lost),
            cmocka_unit_test(only_a_fatal_signal_ends_a_killable_wait),
            cmocka_unit_test(wake_up_wakes_one_exclusive_waiter_and_all_others),
            cmocka_unit_test(a_wait_with_a_limit_ends_with_what_is_left),
            cmocka_unit_test(waiting_by_hand_works_as_the_macros_do),
            cmocka_unit_test(a_completion_lets_one_through_for_each_complete),
            cmocka_unit_test(a_mutex_admits_one_and_gives_way_to_signals),
            cmocka_unit_test(a_semaphore_counts),
            cmocka_unit_test(a_rwsem_admits_readers_together_and_a_writer_alone),
            cmocka_unit_test(a_kernel_thread_runs_until_it_is_stopped))
