/* SPDX-License-Identifier: MIT */
/* compat/linux: spin locks and contexts, and what is said about their misuse. */
#include "compat.h"
#include <linux/bug.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

static DEFINE_SPINLOCK(lock);
static DEFINE_RWLOCK(rwlock);
static DEFINE_MUTEX(mutex);

/* Run under a guard, as an operation of a driver would; false after an oops. */
static int guarded_result;
static bool guarded(int (*function)(void));

static void a_spin_lock_makes_the_context_atomic(void **state)
{
    unsigned long flags;
    assert_false(in_atomic());
    spin_lock(&lock);
    assert_true(in_atomic());
    assert_false(in_interrupt());
    spin_unlock(&lock);
    assert_false(in_atomic());
    spin_lock_irqsave(&lock, flags);
    assert_true(irqs_disabled());
    spin_unlock_irqrestore(&lock, flags);
    assert_false(irqs_disabled());
    spin_lock_bh(&lock);
    assert_true(in_softirq());
    spin_unlock_bh(&lock);
    assert_false(in_atomic());
    {
        guard(spinlock)(&lock);
        assert_true(in_atomic());
    }
    scoped_guard(spinlock, &lock) assert_true(in_atomic());
    assert_false(in_atomic());
    assert_int_equal(heard_core + heard_compat, 0);
}

static void gfp_kernel_under_a_spin_lock_is_reported_with_both_sites(void **state)
{
    void *p;
    hear_nothing();
    spin_lock(&lock);
    p = kmalloc(64, GFP_KERNEL);
    spin_unlock(&lock);
    assert_int_equal(heard_core, 1);
    assert_non_null(strstr(heard_text, "spin lock"));
    assert_true(heard_now > 0);
    assert_true(heard_before > 0);
    kfree(p);
    hear_nothing();
    spin_lock(&lock);
    p = kmalloc(64, GFP_ATOMIC);
    spin_unlock(&lock);
    kfree(p);
    assert_int_equal(heard_core, 0);
}

static void sleeping_calls_in_atomic_context_are_reported(void **state)
{
    char byte;
    hear_nothing();
    spin_lock(&lock);
    mutex_lock(&mutex);
    spin_unlock(&lock);
    assert_int_equal(heard_core, 1);
    assert_non_null(strstr(heard_text, "mutex_lock"));
    mutex_unlock(&mutex);
    preempt_disable();
    msleep(1);
    preempt_enable();
    assert_int_equal(heard_core, 2);
    rcu_read_lock();
    byte = 0;
    assert_int_equal(copy_from_user(&byte, (void *)8, 1), 1);
    rcu_read_unlock();
    assert_int_equal(heard_core, 3);
    assert_non_null(strstr(heard_text, "copy_from_user"));
}

static spinlock_t twice;
static int take_twice(void)
{
    spin_lock(&twice);
    spin_lock(&twice);
    return 0;
}

static int lock_mutex_twice(void)
{
    mutex_lock(&mutex);
    mutex_lock(&mutex);
    return 0;
}

static void a_lock_taken_twice_ends_in_a_report_instead_of_a_hang(void **state)
{
    spin_lock_init(&twice);
    hear_nothing();
    assert_false(guarded(take_twice));
    assert_int_equal(heard_compat, 1);
    assert_int_equal(heard_oopses, 1);
    assert_int_equal(heard_before, 1);
    assert_false(in_atomic()); /* the dead task's contexts are left */
    assert_false(guarded(lock_mutex_twice));
    assert_int_equal(heard_oopses, 2);
    mutex_init(&mutex);
}

static void a_lock_released_that_is_not_held_is_reported(void **state)
{
    hear_nothing();
    spin_unlock(&lock);
    assert_int_equal(heard_compat, 1);
    read_unlock(&rwlock);
    assert_int_equal(heard_compat, 2);
    mutex_unlock(&mutex);
    assert_int_equal(heard_compat, 3);
    assert_false(in_atomic());
}

static int forget_unlock(void)
{
    spin_lock(&twice);
    return 5;
}

static void a_return_with_a_lock_held_is_reported_and_undone(void **state)
{
    spin_lock_init(&twice);
    hear_nothing();
    assert_true(guarded(forget_unlock));
    assert_int_equal(guarded_result, 5);
    assert_int_equal(heard_compat, 1);
    assert_non_null(strstr(heard_text, "spin lock"));
    assert_false(in_atomic());
}

static int keep_mutex(void)
{
    mutex_lock(&mutex);
    return 0;
}

static int give_mutex_back(void)
{
    mutex_unlock(&mutex);
    return 0;
}

static int hold_mutex_for_a_while(void)
{
    if (mutex_trylock(&mutex))
        mutex_unlock(&mutex);
    mutex_lock(&mutex);
    mutex_unlock(&mutex);
    return 0;
}

static void a_return_with_a_mutex_held_is_reported(void **state)
{
    hear_nothing();
    assert_true(guarded(hold_mutex_for_a_while));
    assert_int_equal(heard_compat, 0);
    assert_true(guarded(keep_mutex));
    assert_int_equal(heard_compat, 1);
    assert_int_equal(heard_before, 1); /* where it was locked */
    assert_non_null(strstr(heard_text, "1 mutex held"));
    assert_true(guarded(give_mutex_back)); /* the one who comes to its senses is not told again */
    assert_int_equal(heard_compat, 1);
    mutex_lock(&mutex);
    assert_true(guarded(give_mutex_back));
    assert_int_equal(heard_compat, 1);
}

static void readers_share_and_a_writer_is_alone(void **state)
{
    read_lock(&rwlock);
    assert_int_equal(read_trylock(&rwlock), 1);
    assert_int_equal(write_trylock(&rwlock), 0);
    read_unlock(&rwlock);
    read_unlock(&rwlock);
    write_lock(&rwlock);
    assert_int_equal(read_trylock(&rwlock), 0);
    assert_true(in_atomic());
    write_unlock(&rwlock);
    assert_false(in_atomic());
}

static long shared;
static void *count_up(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        spin_lock(&lock);
        shared++;
        spin_unlock(&lock);
    }
    return NULL;
}

static void threads_exclude_each_other(void **state)
{
    pthread_t thread[4];
    shared = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, count_up, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(shared, 80000);
}

static int hit_bug(void)
{
    spin_lock(&twice);
    BUG_ON(shared >= 0);
    return 0;
}

static __maybe_unused int hit_null(void)
{
    *(volatile int *)(uintptr_t)(shared & 0) = 1;
    return 0;
}

static int hit_panic(void)
{
    panic("out of %s", "ideas");
}

static void an_oops_ends_the_operation_and_not_the_process(void **state)
{
    spin_lock_init(&twice);
    hear_nothing();
    assert_false(guarded(hit_bug));
    assert_non_null(strstr(heard_text, "kernel BUG at"));
    assert_false(in_atomic());
    assert_false(guarded(hit_panic));
    assert_string_equal(heard_text, "panic: out of ideas");
    assert_int_equal(heard_oopses, 2);
    assert_int_equal(heard_compat, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    qlx_catch_signals();
    assert_false(guarded(hit_null));
    assert_int_equal(heard_oopses, 3);
    assert_non_null(strstr(heard_text, "SIGSEGV"));
#endif
    assert_int_equal(WARN_ON(shared >= 0), 1);
    assert_int_equal(heard_compat, 1);
    for (int i = 0; i < 3; i++)
        WARN_ON_ONCE(true);
    assert_int_equal(heard_compat, 2);
}

/* A misc device whose ioctl runs the function: the shortest way under a guard. */
#include <linux/fs.h>
#include <linux/miscdevice.h>

static int (*guarded_function)(void);
static bool guarded_done;

static long guarded_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    guarded_result = guarded_function();
    guarded_done = true;
    return 0;
}

static bool guarded(int (*function)(void))
{
    static const struct file_operations fops = {.unlocked_ioctl = guarded_ioctl};
    struct miscdevice misc = {.minor = 17, .name = "guarded", .fops = &fops};
    struct file *file;
    long result;
    guarded_function = function;
    guarded_done = false;
    assert_int_equal(misc_register(&misc), 0);
    assert_int_equal(qlx_open(qlx_mkdev(10, 17), O_RDWR, &file), 0);
    result = qlx_ioctl(file, 1, 0);
    assert_int_equal(result, guarded_done ? 0 : -EFAULT);
    assert_int_equal(qlx_release(file), 0);
    misc_deregister(&misc);
    return guarded_done;
}

COMPAT_MAIN(cmocka_unit_test(a_spin_lock_makes_the_context_atomic),
            cmocka_unit_test(gfp_kernel_under_a_spin_lock_is_reported_with_both_sites),
            cmocka_unit_test(sleeping_calls_in_atomic_context_are_reported),
            cmocka_unit_test(a_lock_taken_twice_ends_in_a_report_instead_of_a_hang),
            cmocka_unit_test(a_lock_released_that_is_not_held_is_reported),
            cmocka_unit_test(a_return_with_a_lock_held_is_reported_and_undone),
            cmocka_unit_test(a_return_with_a_mutex_held_is_reported),
            cmocka_unit_test(readers_share_and_a_writer_is_alone),
            cmocka_unit_test(threads_exclude_each_other),
            cmocka_unit_test(an_oops_ends_the_operation_and_not_the_process))
