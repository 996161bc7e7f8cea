/* SPDX-License-Identifier: MIT */
/* When readers are done, and what waits for that. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "instance.h"
#include "machine.h"
#include <pthread.h>

static unsigned int made[8], nr_made;

struct numbered {
    struct qr_grace_call call;
    unsigned int number;
};

static void note(struct qr_grace_call *call)
{
    made[nr_made] = ((struct numbered *)(void *)call)->number;
    __atomic_fetch_add(&nr_made, 1, __ATOMIC_RELEASE);
}

static int fresh(void **state)
{
    nr_made = 0;
    return 0;
}

/* What the worker does, as often as it takes; it does so by itself as well. */
static void let_it_go_on(struct quarry *q)
{
    for (int i = 0; i < 4; i++)
        q->grace.source.tidy(&q->grace);
}

static void calls_are_made_in_order_when_no_section_is_open(void **state)
{
    struct quarry *q = test_boot(256);
    struct numbered call[3] = {{{.fn = note}, 0}, {{.fn = note}, 1}, {{.fn = note}, 2}};

    for (int i = 0; i < 3; i++)
        qr_grace_call(&q->grace, &call[i].call);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(nr_made, 3);
    for (unsigned int i = 0; i < 3; i++)
        assert_int_equal(made[i], i);
    test_end(q);
}

static void no_call_is_made_while_a_section_older_than_it_is_open(void **state)
{
    struct quarry *q = test_boot(256);
    struct numbered call = {{.fn = note}, 7};

    qr_grace_enter(&q->grace);
    qr_grace_enter(&q->grace); /* they nest */
    qr_grace_call(&q->grace, &call.call);
    let_it_go_on(q);
    qr_grace_leave(&q->grace);
    let_it_go_on(q);
    assert_int_equal(nr_made, 0);
    assert_int_equal(q->grace.source.shrink(&q->grace, 1, false), 0);
    assert_int_equal(nr_made, 0);
    qr_grace_leave(&q->grace);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(nr_made, 1);
    test_end(q);
}

/* The reader: a section at a time, until told to stop. */
struct reader {
    struct quarry *q;
    unsigned int step, wanted; /* reached; allowed */
};

static void step_to(unsigned int *word, unsigned int value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void await_step(unsigned int *word, unsigned int value)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < value)
        sched_yield();
}

static void *read_in_steps(void *arg)
{
    struct reader *reader = arg;

    qr_grace_enter(&reader->q->grace);
    step_to(&reader->step, 1);
    await_step(&reader->wanted, 1);
    qr_grace_leave(&reader->q->grace);
    qr_grace_enter(&reader->q->grace); /* begins after the period: not waited for twice */
    step_to(&reader->step, 2);
    await_step(&reader->wanted, 2);
    qr_grace_leave(&reader->q->grace);
    return NULL;
}

static void another_threads_section_is_waited_for(void **state)
{
    struct quarry *q = test_boot(256);
    struct reader reader = {.q = q};
    struct numbered call = {{.fn = note}, 1};
    pthread_t thread;

    pthread_create(&thread, NULL, read_in_steps, &reader);
    await_step(&reader.step, 1);
    qr_grace_call(&q->grace, &call.call);
    let_it_go_on(q);
    assert_int_equal(nr_made, 0);
    assert_false(qr_grace_settle(&q->grace));
    step_to(&reader.wanted, 1);
    await_step(&reader.step, 2);
    step_to(&reader.wanted, 2);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(nr_made, 1);
    pthread_join(thread, NULL);
    test_end(q);
}

/* Sections that begin during a period, one always open, do not keep it from ending. */
static void a_chain_of_sections_does_not_hold_a_period_up(void **state)
{
    struct quarry *q = test_boot(256);
    struct numbered call = {{.fn = note}, 1};
    u32 side[2];

    qr_grace_enter(&q->grace);
    qr_grace_call(&q->grace, &call.call);
    for (int i = 0; i < 4; i++) {
        /* A second section of another task, by hand: begins before the first one ends. */
        struct qp_task first = *qp_task();
        side[0] = first.reader_side;
        qp_task()->readers = 0;
        qr_grace_enter(&q->grace);
        side[1] = qp_task()->reader_side;
        qp_task()->reader_side = side[0];
        qr_grace_leave(&q->grace);
        qp_task()->readers = 1;
        qp_task()->reader_side = side[1];
        let_it_go_on(q);
    }
    await_step(&nr_made, 1); /* the worker may be at it */
    qr_grace_leave(&q->grace);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(nr_made, 1);
    assert_true(q->grace.completed >= 1);
    test_end(q);
}

/* A reader that read the side, was held up while periods went by, and counts itself where nobody begins any
 * more: it is waited for all the same. */
static void a_reader_held_up_before_it_counted_itself_is_waited_for(void **state)
{
    struct quarry *q = test_boot(256);

    for (u32 side = 0; side < 2; side++) {
        struct numbered call = {{.fn = note}, side};
        __atomic_fetch_add(&q->grace.shared.begun[side], 1, __ATOMIC_SEQ_CST);
        qr_grace_call(&q->grace, &call.call);
        let_it_go_on(q);
        assert_int_equal(__atomic_load_n(&nr_made, __ATOMIC_ACQUIRE), side);
        __atomic_fetch_add(&q->grace.shared.ended[side], 1, __ATOMIC_SEQ_CST);
        assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
        assert_int_equal(nr_made, side + 1);
    }
    test_end(q);
}

static void waiting_in_a_section_or_in_atomic_context_is_refused(void **state)
{
    struct quarry *q = test_boot_with(&(struct test_spec){.pages = 256, .options = "check=1"});
    struct numbered call = {{.fn = note}, 1};

    qr_grace_enter(&q->grace);
    assert_int_equal(qr_grace_wait(&q->grace, "test"), -QR_EDEADLK);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 1);
    assert_non_null(strstr(test_last_report, "RCU read section"));
    qr_grace_call(&q->grace, &call.call);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), -QR_EDEADLK);
    assert_false(qr_grace_settle(&q->grace));
    qr_grace_leave(&q->grace);
    assert_int_equal(qr_grace_wait(&q->grace, "test"), 0);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    qr_grace_leave(&q->grace);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 3);
    assert_non_null(strstr(test_last_report, "without quarry_rcu_read_lock"));
    test_end(q);
}

static void without_a_provider_everything_is_kept_and_said_once(void **state)
{
    struct quarry *q = test_boot_with(&(struct test_spec){.pages = 256, .no_readers = true});
    struct numbered call[2] = {{{.fn = note}, 0}, {{.fn = note}, 1}};

    qr_grace_call(&q->grace, &call[0].call);
    qr_grace_call(&q->grace, &call[1].call);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    assert_non_null(strstr(test_last_report, "quarry_set_grace_period"));
    let_it_go_on(q);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), -QR_ENOSYS);
    assert_int_equal(qr_grace_wait(&q->grace, "test"), -QR_ENOSYS);
    assert_false(qr_grace_settle(&q->grace));
    assert_int_equal(nr_made, 0);
    assert_int_equal(qr_grace_set(&q->grace, &quarry_counted_readers), 0);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(nr_made, 2);
    test_end(q);
}

/* ---- other providers ------------------------------------------------------------------------- */

static struct {
    void (*fn)(void *);
    void *arg;
    int asked, waited, locked, answer;
} own;

static int own_call(void *data, void (*fn)(void *), void *arg)
{
    assert_string_equal(data, "own");
    __atomic_add_fetch(&own.asked, 1, __ATOMIC_ACQ_REL); /* by the worker, perhaps */
    if (own.answer)
        return own.answer;
    own.arg = arg;
    __atomic_store_n(&own.fn, fn, __ATOMIC_RELEASE);
    return 0;
}

static int own_asked(void)
{
    return __atomic_load_n(&own.asked, __ATOMIC_ACQUIRE);
}

static void own_wait(void *data)
{
    __atomic_add_fetch(&own.waited, 1, __ATOMIC_ACQ_REL);
}

static void own_lock(void *data)
{
    own.locked++;
}

static void own_unlock(void *data)
{
    own.locked--;
}

/* The provider's own thread: says that a period is over whenever one was asked for. */
static void *own_main(void *arg)
{
    for (;;) {
        void (*fn)(void *) = __atomic_exchange_n(&own.fn, NULL, __ATOMIC_ACQ_REL);
        if (fn)
            fn(own.arg);
        if (__atomic_load_n((bool *)arg, __ATOMIC_ACQUIRE))
            return NULL;
        sched_yield();
    }
}

static void a_provider_that_calls_back_ends_the_period(void **state)
{
    struct quarry *q = test_boot(256);
    const struct quarry_grace_period how = {.name = "own",
                                            .call = own_call,
                                            .read_lock = own_lock,
                                            .read_unlock = own_unlock,
                                            .data = "own"};
    struct numbered call[2] = {{{.fn = note}, 0}, {{.fn = note}, 1}};
    pthread_t thread;
    bool stop = false;

    memset(&own, 0, sizeof(own));
    assert_int_equal(qr_grace_set(&q->grace, &how), 0);
    qr_grace_enter(&q->grace);
    qr_grace_enter(&q->grace);
    assert_int_equal(own.locked, 1);
    qr_grace_leave(&q->grace);
    qr_grace_leave(&q->grace);
    assert_int_equal(own.locked, 0);
    qr_grace_call(&q->grace, &call[0].call);
    let_it_go_on(q);
    assert_int_equal(nr_made, 0);
    assert_int_equal(own_asked(), 1);
    qr_grace_call(&q->grace, &call[1].call); /* while its period runs: needs another */
    let_it_go_on(q);
    assert_int_equal(own_asked(), 1);
    pthread_create(&thread, NULL, own_main, &stop);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(nr_made, 2);
    assert_int_equal(own_asked(), 2);
    assert_int_equal(qr_grace_wait(&q->grace, "test"), 0);
    assert_int_equal(own_asked(), 3);
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    assert_int_equal(qr_grace_set(&q->grace, NULL), 0);
    test_end(q);
}

static void a_provider_that_only_waits_is_waited_in(void **state)
{
    struct quarry *q = test_boot(256);
    const struct quarry_grace_period how = {.name = "own", .wait = own_wait}, none = {.name = "x"};
    struct numbered call = {{.fn = note}, 0};

    memset(&own, 0, sizeof(own));
    assert_int_equal(qr_grace_set(&q->grace, &none), -QR_EINVAL);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    assert_int_equal(qr_grace_set(&q->grace, &how), 0);
    qr_grace_call(&q->grace, &call.call);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(nr_made, 1);
    assert_int_equal(__atomic_load_n(&own.waited, __ATOMIC_ACQUIRE), 1);
    assert_int_equal(qr_grace_wait(&q->grace, "test"), 0);
    assert_int_equal(__atomic_load_n(&own.waited, __ATOMIC_ACQUIRE), 2);
    test_end(q);
}

/* Reclaim lets a provider wait where its caller may, and nowhere else. */
static void reclaim_waits_in_a_provider_only_where_it_may_sleep(void **state)
{
    struct quarry *q = test_boot(256);
    const struct quarry_grace_period how = {.name = "own", .wait = own_wait};
    struct numbered call = {{.fn = note}, 0};

    memset(&own, 0, sizeof(own));
    assert_int_equal(qr_grace_set(&q->grace, &how), 0);
    qr_reclaim_stop(&q->reclaim);
    qr_grace_ask(&q->grace, &call.call);
    assert_int_equal(q->grace.source.shrink(&q->grace, 1, false), 0);
    assert_int_equal(own.waited, 0);
    assert_int_equal(nr_made, 0);
    assert_int_equal(q->grace.source.shrink(&q->grace, 1, true), 0); /* it had no pages */
    assert_int_equal(own.waited, 1);
    assert_int_equal(nr_made, 1);
    test_end(q);
}

/* The provider cannot just now: nothing is lost, and nothing overtakes. */
static void a_provider_that_refuses_is_asked_again(void **state)
{
    struct quarry *q = test_boot(256);
    const struct quarry_grace_period how = {.name = "own", .call = own_call, .data = "own"};
    struct numbered call[2] = {{{.fn = note}, 0}, {{.fn = note}, 1}};
    pthread_t thread;
    bool stop = false;

    memset(&own, 0, sizeof(own));
    own.answer = -QR_EAGAIN;
    assert_int_equal(qr_grace_set(&q->grace, &how), 0);
    qr_reclaim_pause(&q->reclaim);
    qr_grace_call(&q->grace, &call[0].call);
    q->grace.source.tidy(&q->grace);
    qr_grace_call(&q->grace, &call[1].call);
    q->grace.source.tidy(&q->grace);
    assert_int_equal(own_asked(), 2);
    assert_int_equal(nr_made, 0);
    own.answer = 0;
    q->grace.source.tidy(&q->grace);
    assert_int_equal(own_asked(), 3);
    qr_reclaim_resume(&q->reclaim);
    pthread_create(&thread, NULL, own_main, &stop);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    assert_int_equal(nr_made, 2);
    assert_int_equal(made[0], 0);
    assert_int_equal(made[1], 1);
    test_end(q);
}

/* ---- readers against a writer ---------------------------------------------------------------- */

#define RACE_READERS 3
static struct {
    struct quarry *q;
    unsigned long *shared; /* points to a block whose words are all alike; wiped when done with */
    bool stop;
    unsigned long torn;
} race;

static void *race_read(void *arg)
{
    while (!__atomic_load_n(&race.stop, __ATOMIC_ACQUIRE)) {
        unsigned long *block;
        qr_grace_enter(&race.q->grace);
        block = __atomic_load_n(&race.shared, __ATOMIC_ACQUIRE);
        for (int i = 0; i < 8; i++)
            if (__atomic_load_n(&block[i], __ATOMIC_RELAXED) != 1)
                __atomic_fetch_add(&race.torn, 1, __ATOMIC_RELAXED);
        qr_grace_leave(&race.q->grace);
    }
    return NULL;
}

static void no_reader_ever_sees_what_was_wiped_after_a_grace_period(void **state)
{
    static unsigned long block[2][8];
    pthread_t thread[RACE_READERS];

    memset(&race, 0, sizeof(race));
    race.q = test_boot(256);
    for (int i = 0; i < 8; i++)
        block[0][i] = block[1][i] = 1;
    race.shared = block[0];
    for (int i = 0; i < RACE_READERS; i++)
        pthread_create(&thread[i], NULL, race_read, NULL);
    for (int round = 0; round < 200; round++) {
        unsigned long *old = race.shared, *new = old == block[0] ? block[1] : block[0];
        for (int i = 0; i < 8; i++)
            __atomic_store_n(&new[i], 1, __ATOMIC_RELAXED);
        __atomic_store_n(&race.shared, new, __ATOMIC_RELEASE);
        assert_int_equal(qr_grace_wait(&race.q->grace, "test"), 0);
        for (int i = 0; i < 8; i++)
            __atomic_store_n(&old[i], 0, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&race.stop, true, __ATOMIC_RELEASE);
    for (int i = 0; i < RACE_READERS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(race.torn, 0);
    test_end(race.q);
}

/* ---- without a worker; in a copy of the machine ---------------------------------------------- */

static void without_a_worker_the_end_of_a_period_makes_the_calls(void **state)
{
    struct quarry *q = test_boot(256);
    const struct quarry_grace_period how = {.name = "own", .call = own_call, .data = "own"};
    struct numbered call = {{.fn = note}, 3};

    memset(&own, 0, sizeof(own));
    assert_int_equal(qr_grace_set(&q->grace, &how), 0);
    qr_reclaim_stop(&q->reclaim);
    qr_grace_call(&q->grace, &call.call);
    assert_int_equal(own_asked(), 1);
    assert_int_equal(nr_made, 0);
    own.fn(own.arg);
    assert_int_equal(nr_made, 1);
    assert_int_equal(made[0], 3);
    assert_int_equal(q->grace.completed, 1);
    test_end(q);
}

static void without_a_worker_each_call_moves_on_what_it_can(void **state)
{
    struct quarry *q = test_boot(256);
    struct numbered call[3] = {{{.fn = note}, 0}, {{.fn = note}, 1}, {{.fn = note}, 2}};

    qr_reclaim_stop(&q->reclaim);
    qr_grace_call(&q->grace, &call[0].call);
    assert_int_equal(nr_made, 1);
    qr_grace_enter(&q->grace);
    qr_grace_call(&q->grace, &call[1].call);
    assert_int_equal(nr_made, 1);
    qr_grace_leave(&q->grace);
    qr_grace_call(&q->grace, &call[2].call);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(nr_made, 3);
    assert_int_equal(made[1], 1);
    assert_int_equal(made[2], 2);
    test_end(q);
}

static struct quarry *freeing;
static struct page *held[40];

static void free_held(struct qr_grace_call *call)
{
    for (unsigned int i = 0; i < 40; i++)
        qr_free_block(&freeing->zones, held[i], 0);
    qr_pcp_drain_all(&freeing->zones);
}

/* Reclaim is told of the pages that came back, and of nothing else. */
static void reclaim_is_told_of_the_pages_that_came_back(void **state)
{
    struct quarry *q = test_boot(512);
    struct qr_grace_call call = {.fn = free_held};

    qr_reclaim_stop(&q->reclaim);
    freeing = q;
    for (unsigned int i = 0; i < 40; i++)
        assert_non_null(held[i] = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE));
    qr_pcp_drain_all(&q->zones);
    assert_int_equal(q->grace.source.shrink(&q->grace, 1, true), 0);
    qr_grace_ask(&q->grace, &call);
    assert_int_equal(q->grace.source.shrink(&q->grace, 1, true), 40);
    assert_int_equal(q->grace.source.shrink(&q->grace, 1, true), 0);
    test_end(q);
}

/* As a fork finds it: sections open on every CPU that only the parent will end, a task that was making
 * calls; and this one, inside a section or not. */
static void copy_of(struct quarry *q, struct numbered *half, bool inside)
{
    struct qr_cpu *cpu, *other;
    unsigned long section;

    qr_reclaim_stop(&q->reclaim);
    assert_non_null(other = q->cpus.online(&q->cpus, 5));
    other->readers.begun[0]++;
    other->readers.begun[1] += 4;
    if (inside)
        qr_grace_enter(&q->grace);
    section = qp_percpu_enter(&q->cpus, &cpu);
    cpu->readers.begun[0] += 3;
    cpu->readers.begun[1] += 2;
    qp_percpu_leave(section);
    q->grace.shared.begun[0]++;
    q->grace.shared.begun[1]++;
    half->call.next = NULL;
    q->grace.doing.first = &half->call;
    q->grace.doing.last = &half->call.next;
    q->grace.doing.nr = 1;
    q->grace.asked++;
    q->grace.running = true;
    qr_grace_after_fork(&q->grace);
}

static void a_copy_waits_for_no_reader_of_the_parent(void **state)
{
    struct quarry *q = test_boot(256);
    struct numbered half = {{.fn = note}, 9}, call = {{.fn = note}, 1};

    copy_of(q, &half, false);
    assert_int_equal(q->grace.done, q->grace.asked);
    assert_int_equal(q->grace.doing.nr, 0);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(nr_made, 0); /* half made by a task that is not here */
    qr_grace_call(&q->grace, &call.call);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(nr_made, 1);
    assert_int_equal(made[0], 1);
    assert_int_equal(q->grace.done, q->grace.asked);
    test_end(q);
}

static void a_copy_made_inside_a_section_is_inside(void **state)
{
    struct quarry *q = test_boot(256);
    struct numbered half = {{.fn = note}, 9}, call = {{.fn = note}, 1};

    copy_of(q, &half, true);
    qr_grace_call(&q->grace, &call.call);
    let_it_go_on(q);
    assert_int_equal(nr_made, 0);
    qr_grace_leave(&q->grace);
    let_it_go_on(q);
    assert_int_equal(nr_made, 1);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(calls_are_made_in_order_when_no_section_is_open, fresh),
        cmocka_unit_test_setup(no_call_is_made_while_a_section_older_than_it_is_open, fresh),
        cmocka_unit_test_setup(another_threads_section_is_waited_for, fresh),
        cmocka_unit_test_setup(a_chain_of_sections_does_not_hold_a_period_up, fresh),
        cmocka_unit_test_setup(a_reader_held_up_before_it_counted_itself_is_waited_for, fresh),
        cmocka_unit_test_setup(waiting_in_a_section_or_in_atomic_context_is_refused, fresh),
        cmocka_unit_test_setup(without_a_provider_everything_is_kept_and_said_once, fresh),
        cmocka_unit_test_setup(a_provider_that_calls_back_ends_the_period, fresh),
        cmocka_unit_test_setup(a_provider_that_only_waits_is_waited_in, fresh),
        cmocka_unit_test_setup(reclaim_waits_in_a_provider_only_where_it_may_sleep, fresh),
        cmocka_unit_test_setup(a_provider_that_refuses_is_asked_again, fresh),
        cmocka_unit_test_setup(no_reader_ever_sees_what_was_wiped_after_a_grace_period, fresh),
        cmocka_unit_test_setup(without_a_worker_the_end_of_a_period_makes_the_calls, fresh),
        cmocka_unit_test_setup(without_a_worker_each_call_moves_on_what_it_can, fresh),
        cmocka_unit_test_setup(reclaim_is_told_of_the_pages_that_came_back, fresh),
        cmocka_unit_test_setup(a_copy_waits_for_no_reader_of_the_parent, fresh),
        cmocka_unit_test_setup(a_copy_made_inside_a_section_is_inside, fresh),
    };

    return cmocka_run_group_tests_name("grace", tests, NULL, NULL);
}
