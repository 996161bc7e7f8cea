/* SPDX-License-Identifier: MIT */
/* compat/linux: kernel threads that stand still, end by themselves or get no memory, and workers. */
#include "compat.h"
#include <linux/completion.h>
#include <linux/kthread.h>

static unsigned long rounds;

static int turning(void *data)
{
    while (!kthread_should_stop()) {
        if (kthread_should_park())
            kthread_parkme();
        WRITE_ONCE(rounds, rounds + 1);
        yield();
    }
    return data ? 9 : 0;
}

static void await_rounds(unsigned long more)
{
    unsigned long until = READ_ONCE(rounds) + more;
    while (READ_ONCE(rounds) < until)
        yield();
}

static void a_parked_thread_stands_still(void **state)
{
    struct task_struct *thread = kthread_run(turning, &rounds, "turning");
    unsigned long at;
    await_rounds(10);
    assert_ptr_equal(kthread_data(thread), &rounds);
    assert_ptr_equal(kthread_func(thread), turning);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(kthread_park(thread), 0);
        at = READ_ONCE(rounds);
        assert_int_equal(kthread_park(thread), -EBUSY);
        wake_up_process(thread); /* is not what it waits for */
        for (int n = 0; n < 50; n++)
            yield();
        assert_int_equal(READ_ONCE(rounds), at);
        kthread_unpark(thread);
        await_rounds(1);
    }
    assert_int_equal(kthread_park(thread), 0);
    assert_int_equal(kthread_stop(thread), 9); /* stopping lets it go on */
}

static int turning_late(void *data)
{
    WRITE_ONCE(rounds, rounds + 1);
    return turning(data);
}

static void a_thread_can_be_parked_before_it_begins(void **state)
{
    struct task_struct *thread = kthread_create(turning_late, NULL, "late");
    unsigned long at = rounds;
    assert_int_equal(kthread_park(thread), 0);
    assert_int_equal(rounds, at);
    kthread_unpark(thread);
    await_rounds(3);
    assert_int_equal(kthread_stop(thread), 0);
}

static int brief(void *data)
{
    kthread_complete_and_exit(data, 0);
}

static void a_thread_that_ends_by_itself_is_not_left_behind(void **state)
{
    unsigned long before = compat_live();
    for (int i = 0; i < 300; i++) {
        DECLARE_COMPLETION(end);
        kthread_run(brief, &end, "brief");
        while (!completion_done(&end))
            cpu_relax(); /* as close behind it as can be */
        wait_for_completion(&end);
        assert_int_equal(qlx_count_left(QLX_LEFT_KTHREAD), 0);
        assert_int_equal(compat_live(), before);
    }
}

static void a_thread_takes_memory(void **state)
{
    unsigned long before = compat_live();
    struct task_struct *thread;
    quarry_fault_set(QUARRY_FAILSLAB, &(struct quarry_fault){.nth = 1});
    thread = kthread_run(turning, NULL, "none");
    quarry_fault_set(QUARRY_FAILSLAB, NULL);
    assert_int_equal(PTR_ERR(thread), -ENOMEM);
    thread = kthread_run(turning, NULL, "one");
    assert_int_equal(compat_live(), before + 1);
    assert_int_equal(qlx_count_left(QLX_LEFT_KTHREAD), 1);
    kthread_stop(thread);
    assert_int_equal(compat_live(), before);
    assert_int_equal(qlx_count_left(QLX_LEFT_KTHREAD), 0);
}

/* ---- workers --------------------------------------------------------------------------------- */

struct job {
    struct kthread_delayed_work dwork;
    struct kthread_work work;
    struct completion go, begun;
    char name;
    unsigned int done;
};
static char done_order[32];

static void job_done(struct job *job)
{
    size_t n = strlen(done_order);
    done_order[n] = job->name;
    done_order[n + 1] = '\0';
    WRITE_ONCE(job->done, job->done + 1);
}

static void job_run(struct kthread_work *work)
{
    job_done(container_of(work, struct job, work));
}

static void job_run_late(struct kthread_work *work)
{
    job_done(container_of(work, struct job, dwork.work));
}

static void job_hold(struct kthread_work *work)
{
    struct job *job = container_of(work, struct job, work);
    complete(&job->begun);
    wait_for_completion(&job->go);
    job_done(job);
}

static void waiting_for_work_that_runs_takes_until_it_is_done(void **state)
{
    struct kthread_worker *worker = kthread_create_worker(0, "worker");
    struct job hold = {.name = 'h'};
    init_completion(&hold.go);
    init_completion(&hold.begun);
    kthread_init_work(&hold.work, job_hold);
    for (unsigned int i = 0; i < 100; i++) {
        kthread_queue_work(worker, &hold.work);
        wait_for_completion(&hold.begun);
        complete(&hold.go);
        assert_false(kthread_cancel_work_sync(&hold.work));
        assert_int_equal(hold.done, i + 1);
        done_order[0] = '\0';
    }
    kthread_destroy_worker(worker);
}

static void a_worker_does_what_is_queued_in_order(void **state)
{
    unsigned long before = compat_live();
    struct kthread_worker *worker;
    struct job hold = {.name = 'h'}, a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    quarry_fault_set(QUARRY_FAILSLAB, &(struct quarry_fault){.nth = 2});
    assert_int_equal(PTR_ERR(kthread_create_worker(0, "none")), -ENOMEM);
    quarry_fault_set(QUARRY_FAILSLAB, NULL);
    assert_int_equal(compat_live(), before);
    worker = kthread_create_worker(0, "worker/%d", 1);
    assert_non_null(worker);
    init_completion(&hold.go);
    init_completion(&hold.begun);
    kthread_init_work(&hold.work, job_hold);
    kthread_init_work(&a.work, job_run);
    kthread_init_work(&b.work, job_run);
    kthread_init_delayed_work(&c.dwork, job_run_late);
    assert_true(kthread_queue_work(worker, &hold.work));
    wait_for_completion(&hold.begun);
    assert_true(kthread_queue_work(worker, &a.work));
    assert_true(kthread_queue_work(worker, &b.work));
    assert_false(kthread_queue_work(worker, &b.work));
    assert_true(kthread_queue_work(worker, &hold.work)); /* again, while it runs */
    assert_true(kthread_cancel_work_sync(&a.work));
    assert_false(kthread_cancel_work_sync(&a.work));
    complete(&hold.go);
    complete(&hold.go);
    kthread_flush_work(&hold.work);
    assert_string_equal(done_order, "hbh");
    assert_true(kthread_queue_delayed_work(worker, &c.dwork, 1000000));
    assert_false(kthread_queue_delayed_work(worker, &c.dwork, 1));
    assert_true(kthread_mod_delayed_work(worker, &c.dwork, 1));
    while (READ_ONCE(c.done) == 0)
        yield();
    kthread_flush_worker(worker);
    assert_false(kthread_mod_delayed_work(worker, &c.dwork, 1000000));
    assert_true(kthread_cancel_delayed_work_sync(&c.dwork));
    assert_true(kthread_queue_delayed_work(worker, &c.dwork, 0));
    assert_true(kthread_queue_work(worker, &a.work));
    kthread_destroy_worker(worker); /* does what is queued */
    assert_string_equal(done_order, "hbhcca");
    assert_int_equal(compat_live(), before);
    assert_int_equal(heard_core + heard_compat, 0);
}

COMPAT_MAIN(cmocka_unit_test(a_parked_thread_stands_still),
            cmocka_unit_test(a_thread_can_be_parked_before_it_begins),
            cmocka_unit_test(a_thread_that_ends_by_itself_is_not_left_behind),
            cmocka_unit_test(a_thread_takes_memory),
            cmocka_unit_test(waiting_for_work_that_runs_takes_until_it_is_done),
            cmocka_unit_test(a_worker_does_what_is_queued_in_order))
