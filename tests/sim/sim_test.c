/* SPDX-License-Identifier: MIT */
/* The simulated machine itself: it repeats runs, finds what it is there to find, and boots what it says. */
#define _GNU_SOURCE
#include <quarry/gfp.h>
#include <quarry/slab.h>
#include <quarry/vmalloc.h>
#include "point.h"
#include "sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

static struct sim *world(const struct sim_config *config)
{
    char why[200] = "";
    struct sim *sim = sim_new(config, why, sizeof(why));

    if (!sim)
        fail_msg("%s", why);
    return sim;
}

static qp_lock_t lock_a, lock_b;
static struct qp_event event;
static unsigned int flag;

/* ---- workloads ------------------------------------------------------------------------------ */

static void churn(void *arg)
{
    uint64_t random = (uintptr_t)arg;
    void *kept[16] = {NULL};

    for (uint32_t i = 1; i <= 200; i++) {
        unsigned int slot;
        sim_operation(i);
        slot = sim_random(&random) % 16;
        kfree(kept[slot]);
        kept[slot] = kmalloc(1 + sim_random(&random) % 3000, GFP_KERNEL);
        sim_log("kmalloc", slot, kept[slot] != NULL);
    }
    for (unsigned int i = 0; i < 16; i++)
        kfree(kept[i]);
}

static void interrupt_allocates(void *data, bool hard)
{
    void *object = kmalloc(64, GFP_ATOMIC);

    (void)data;
    (void)hard;
    kfree(object);
}

static struct sim_config busy(uint64_t seed, enum sim_strategy strategy)
{
    return (struct sim_config){.seed = seed,
                               .cpus = 4,
                               .frames = 2048,
                               .strategy = strategy,
                               .lock_order = true,
                               .interrupt = interrupt_allocates,
                               .expected_points = 20000};
}

static struct sim *run_churn(const struct sim_config *config)
{
    struct sim *sim = world(config);

    for (unsigned int cpu = 0; cpu < config->cpus; cpu++)
        assert_true(sim_task(sim, cpu, "churn", churn, (void *)(uintptr_t)(cpu + 1)) > 0);
    if (sim_run(sim) != SIM_FINE)
        fail_msg("%s", sim_report(sim));
    return sim;
}

static void every_strategy_repeats_its_runs(void **state)
{
    (void)state;
    for (int strategy = 0; strategy < SIM_SCRIPT; strategy++) {
        struct sim_config config = busy(7, (enum sim_strategy)strategy);
        struct sim *first, *again, *other;
        config.interrupt_at = 1234;
        first = run_churn(&config);
        again = run_churn(&config);
        assert_int_equal(sim_log_sum(first), sim_log_sum(again));
        assert_int_equal(sim_points(first), sim_points(again));
        config.seed = 8;
        other = run_churn(&config);
        if (strategy < SIM_ROUND_ROBIN)
            assert_int_not_equal(sim_log_sum(first), sim_log_sum(other));
        sim_free(first);
        sim_free(again);
        sim_free(other);
    }
}

/* Sleeps; woken by its timeout, it is in a section in which nobody else may run on its CPU. */
static void sleeps_then_works(void *arg)
{
    (void)arg;
    for (uint32_t i = 1; i <= 300; i++) {
        unsigned long section;
        struct qr_cpu *cpu;
        sim_operation(i);
        qp_wait(&event, event.moves, 1000);
        section = qp_percpu_enter(QP_DEFAULT_CPUS, &cpu);
        flag = 1;
        for (int j = 0; j < 4; j++)
            qp_unlock(&lock_a, qp_lock(&lock_a));
        flag = 0;
        qp_percpu_leave(section);
    }
}

static void looks_then_sleeps(void *arg)
{
    (void)arg;
    for (uint32_t i = 1; i <= 300; i++) {
        sim_operation(i);
        if (flag)
            sim_fail("two tasks of one CPU in a section");
        qp_wait(&event, event.moves, 1500);
    }
}

static void a_task_woken_by_its_timeout_has_its_cpu_again(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sim_config config = {.seed = seed, .cpus = 1, .gap = 2, .without_worker = true};
        struct sim *sim = world(&config);
        lock_a.word = event.moves = flag = 0;
        sim_task(sim, 0, "works", sleeps_then_works, NULL);
        sim_task(sim, 0, "looks", looks_then_sleeps, NULL);
        if (sim_run(sim) != SIM_FINE)
            fail_msg("%s", sim_report(sim));
        sim_free(sim);
    }
}

static size_t logged(const struct sim_config *config, char *text, size_t size)
{
    int fd = memfd_create("log", 0);
    struct sim *sim = world(config);
    ssize_t length;

    sim_log_to(sim, fd);
    sim_task(sim, 0, "churn", churn, (void *)1);
    sim_task(sim, 1, "churn", churn, (void *)2);
    assert_int_equal(sim_run(sim), SIM_FINE);
    sim_log_to(sim, -1);
    sim_free(sim);
    length = pread(fd, text, size, 0);
    close(fd);
    assert_true(length > 1000);
    return (size_t)length;
}

static void the_log_of_a_seed_is_the_same_byte_for_byte(void **state)
{
    static char first[1 << 20], again[1 << 20];
    struct sim_config config = busy(11, SIM_RANDOM);
    size_t length = logged(&config, first, sizeof(first));

    (void)state;
    assert_int_equal(logged(&config, again, sizeof(again)), length);
    assert_memory_equal(first, again, length);
    config.seed = 12;
    assert_true(logged(&config, again, sizeof(again)) != length || memcmp(first, again, length));
}

static void a_record_played_back_is_the_same_run(void **state)
{
    (void)state;
    for (int strategy = 0; strategy < SIM_SCRIPT; strategy++) {
        struct sim_config config = busy(3, (enum sim_strategy)strategy);
        struct sim *first, *again;
        config.interrupt_at = 777;
        first = run_churn(&config);
        config.strategy = SIM_SCRIPT;
        config.script = sim_decisions(first, &config.nr_script);
        assert_true(config.nr_script > 3);
        again = run_churn(&config);
        assert_int_equal(sim_log_sum(first), sim_log_sum(again));
        sim_free(again);
        sim_free(first);
    }
}

/* ---- what it finds -------------------------------------------------------------------------- */

static void takes_two(qp_lock_t *first, qp_lock_t *second)
{
    unsigned long outer = qp_lock(first), inner = qp_lock(second);

    qp_unlock(second, inner);
    qp_unlock(first, outer);
}

static void a_then_b(void *arg)
{
    (void)arg;
    takes_two(&lock_a, &lock_b);
}

static void b_then_a(void *arg)
{
    (void)arg;
    takes_two(&lock_b, &lock_a);
}

static enum sim_verdict try(const struct sim_config *config, void (*one)(void *),
                            void (*two)(void *))
{
    struct sim *sim = world(config);
    enum sim_verdict verdict;

    lock_a.word = lock_b.word = event.moves = flag = 0;
    sim_task(sim, 0, "one", one, NULL);
    if (two)
        sim_task(sim, 1, "two", two, NULL);
    verdict = sim_run(sim);
    assert_non_null(strstr(sim_report(sim), sim_verdict_name[verdict]));
    sim_free(sim);
    return verdict;
}

static void __attribute__((noinline)) goes_wrong(void *arg)
{
    (void)arg;
    sim_operation(SIM_AFTER_LAST);
    sim_fail("on purpose");
}

/* Static functions, too, which only the library with debugging information knows. */
static void a_report_says_in_which_function_and_line_each_task_is(void **state)
{
    struct sim_config config = {.cpus = 1};
    struct sim *sim = world(&config);

    (void)state;
    sim_task(sim, 0, "one", goes_wrong, NULL);
    assert_int_equal(sim_run(sim), SIM_CHECK);
    assert_non_null(strstr(sim_report(sim), "wrong result: on purpose"));
    assert_non_null(strstr(sim_report(sim), "after its last operation"));
    assert_non_null(strstr(sim_report(sim), "      goes_wrong at "));
    assert_non_null(strstr(sim_report(sim), "tests/sim/sim_test.c:"));
    sim_free(sim);
}

static unsigned int times_found(enum sim_strategy strategy, enum sim_verdict verdict,
                                void (*one)(void *), void (*two)(void *))
{
    unsigned int found = 0;

    for (uint64_t seed = 0; seed < 200; seed++) {
        struct sim_config config = {.seed = seed,
                                    .cpus = 2,
                                    .strategy = strategy,
                                    .gap = 4,
                                    .switches = 2,
                                    .expected_points = 4};
        enum sim_verdict got = try(&config, one, two);
        if (got != SIM_FINE)
            assert_int_equal(got, verdict);
        found += got != SIM_FINE;
    }
    return found;
}

static void a_circle_of_locks_is_found_in_some_schedules(void **state)
{
    unsigned int random, priority;

    (void)state;
    random = times_found(SIM_RANDOM, SIM_DEADLOCK, a_then_b, b_then_a);
    priority = times_found(SIM_PRIORITY, SIM_DEADLOCK, a_then_b, b_then_a);
    assert_in_range(random, 5, 195);
    assert_in_range(priority, 5, 195);
    assert_int_equal(times_found(SIM_RANDOM, SIM_DEADLOCK, a_then_b, a_then_b), 0);
}

static void the_order_of_locks_is_found_wrong_in_every_schedule(void **state)
{
    struct sim_config config = {.cpus = 2, .lock_order = true, .strategy = SIM_INTERRUPT};

    (void)state;
    assert_int_equal(try(&config, a_then_b, b_then_a), SIM_LOCK_ORDER);
    assert_int_equal(try(&config, a_then_b, a_then_b), SIM_FINE);
}

static void sleeps_without_looking_again(void *arg)
{
    (void)arg;
    if (!flag) {
        sim_point(SIM_POINT_PROGRAM, NULL);
        qp_wait(&event, event.moves, 0); /* wrong: the count is read after the look */
    }
}

static void sleeps_rightly(void *arg)
{
    (void)arg;
    for (;;) {
        uint32_t seen = event.moves;
        sim_point(SIM_POINT_PROGRAM, NULL);
        if (flag)
            return;
        qp_wait(&event, seen, 0);
    }
}

static void wakes(void *arg)
{
    (void)arg;
    sim_point(SIM_POINT_PROGRAM, NULL);
    flag = 1;
    qp_wake(&event);
}

static void a_lost_wake_up_is_found(void **state)
{
    (void)state;
    assert_in_range(times_found(SIM_RANDOM, SIM_LOST_WAKE, sleeps_without_looking_again, wakes), 2,
                    195);
    assert_int_equal(times_found(SIM_RANDOM, SIM_LOST_WAKE, sleeps_rightly, wakes), 0);
}

static void sleeps_locked(void *arg)
{
    unsigned long irqs = qp_lock(&lock_a);

    (void)arg;
    qp_wait(&event, 0, 1000);
    qp_unlock(&lock_a, irqs);
}

static void keeps_a_section(void *arg)
{
    struct qr_cpu *cpu;

    (void)arg;
    (void)qp_percpu_enter(QP_DEFAULT_CPUS, &cpu);
}

static void spins_for_ever(void *arg)
{
    (void)arg;
    while (!__atomic_load_n(&flag, __ATOMIC_RELAXED))
        qp_relax();
}

static void writes_to_nowhere(void *arg)
{
    (void)arg;
    *(volatile int *)(uintptr_t)16 = 1;
}

static void says_so(void *arg)
{
    (void)arg;
    sim_fail("%d is not %d", 1, 2);
}

static void other_wrongs_have_names(void **state)
{
    struct sim_config config = {.cpus = 2};

    (void)state;
    assert_int_equal(try(&config, sleeps_locked, NULL), SIM_SLEEP);
    assert_int_equal(try(&config, keeps_a_section, NULL), SIM_SECTION);
    assert_int_equal(try(&config, spins_for_ever, NULL), SIM_LIVELOCK);
    assert_int_equal(try(&config, writes_to_nowhere, NULL), SIM_CRASH);
    assert_int_equal(try(&config, says_so, NULL), SIM_CHECK);
}

/* ---- machines ------------------------------------------------------------------------------- */

static void worlds_live_side_by_side(void **state)
{
    struct sim_config config = {.cpus = 2, .frames = 256};
    struct sim *one = world(&config), *two = world(&config);
    void *in_one, *in_two;

    (void)state;
    in_two = kmalloc(100, GFP_KERNEL);
    sim_enter(one);
    in_one = kmalloc(100, GFP_KERNEL);
    assert_int_equal(virt_to_phys(in_one), (uintptr_t)in_one - sim_offset(one));
    sim_enter(two);
    assert_int_equal(virt_to_phys(in_two), (uintptr_t)in_two - sim_offset(two));
    kfree(in_two);
    sim_enter(one);
    kfree(in_one);
    sim_free(one);
    sim_free(two);
}

static void scattered_pages_are_one_range(void **state)
{
    struct sim_config config = {.frames = 512};
    struct sim *sim = world(&config);
    char *area = vmalloc(10 * PAGE_SIZE);

    (void)state;
    assert_non_null(area);
    for (unsigned int i = 0; i < 10; i++)
        memset(area + i * PAGE_SIZE, (int)i + 1, PAGE_SIZE);
    for (unsigned int i = 0; i < 10; i++)
        assert_int_equal(*(char *)page_address(vmalloc_to_page(area + i * PAGE_SIZE)), i + 1);
    vfree(area);
    sim_free(sim);
}

static void a_world_too_small_says_why(void **state)
{
    struct sim_config config = {.frames = 2};
    char why[200] = "";

    (void)state;
    assert_null(sim_new(&config, why, sizeof(why)));
    assert_true(why[0] != 0);
    config.cpus = SIM_MAX_CPUS + 1;
    assert_null(sim_new(&config, why, sizeof(why)));
    assert_non_null(strstr(why, "CPUs"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_says_in_which_function_and_line_each_task_is),
        cmocka_unit_test(every_strategy_repeats_its_runs),
        cmocka_unit_test(the_log_of_a_seed_is_the_same_byte_for_byte),
        cmocka_unit_test(a_record_played_back_is_the_same_run),
        cmocka_unit_test(a_task_woken_by_its_timeout_has_its_cpu_again),
        cmocka_unit_test(a_circle_of_locks_is_found_in_some_schedules),
        cmocka_unit_test(the_order_of_locks_is_found_wrong_in_every_schedule),
        cmocka_unit_test(a_lost_wake_up_is_found),
        cmocka_unit_test(other_wrongs_have_names),
        cmocka_unit_test(worlds_live_side_by_side),
        cmocka_unit_test(scattered_pages_are_one_range),
        cmocka_unit_test(a_world_too_small_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
