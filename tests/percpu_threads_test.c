/* SPDX-License-Identifier: MIT */
/* Per-CPU memory of the default machine under threads: those that have a CPU, those that come after the
 * allocation, and those beyond the bound, who share one instance. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <quarry/quarry.h>

#define BOUND 6    /* QUARRY_CPUS */
#define THREADS 24 /* all alive at once: most of them beyond the bound */
#define ROUNDS 2000
#define GENERATIONS 40 /* short-lived threads one after another */

struct counts {
    unsigned long events;
    unsigned long pair[2]; /* equal whenever nobody holds the instance */
};

static struct counts *counts;
static pthread_barrier_t all_here;
static unsigned long torn; /* atomic */

static void count_once(enum quarry_context kind)
{
    struct counts *mine;
    this_cpu_inc(counts->events);
    quarry_context_enter(kind);
    mine = this_cpu_ptr(counts);
    if (mine->pair[0] != mine->pair[1])
        __atomic_fetch_add(&torn, 1, __ATOMIC_RELAXED);
    mine->pair[0]++;
    mine->pair[1]++;
    quarry_context_leave(kind);
}

static void *count_many(void *numbers)
{
    unsigned int *place = numbers;
    kfree(kmalloc(32, GFP_KERNEL)); /* as any thread of a program */
    *place = quarry_cpu();
    pthread_barrier_wait(&all_here); /* from here on all have their numbers */
    for (unsigned int i = 0; i < ROUNDS; i++)
        count_once(i % 2 ? QUARRY_CTX_PREEMPT_OFF : QUARRY_CTX_SPINLOCK);
    assert_int_equal(quarry_cpu(), *place);
    pthread_barrier_wait(&all_here);
    return NULL;
}

static void *count_few(void *unused)
{
    (void)unused;
    count_once(QUARRY_CTX_PREEMPT_OFF);
    return NULL;
}

static unsigned long sum_events(unsigned long *pairs)
{
    unsigned long events = 0;
    *pairs = 0;
    for (unsigned int cpu = 0; cpu < quarry_nr_cpus(); cpu++) {
        events += per_cpu_ptr(counts, cpu)->events;
        *pairs += per_cpu_ptr(counts, cpu)->pair[0];
        assert_int_equal(per_cpu_ptr(counts, cpu)->pair[0], per_cpu_ptr(counts, cpu)->pair[1]);
    }
    return events;
}

static void no_count_is_lost_with_more_threads_than_cpus(void **state)
{
    pthread_t thread[THREADS];
    unsigned int number[THREADS], shared = 0;
    unsigned long pairs;
    (void)state;
    assert_int_equal(quarry_nr_cpus(), BOUND + 1);
    counts = alloc_percpu(struct counts);
    assert_non_null(counts);
    pthread_barrier_init(&all_here, NULL, THREADS);
    for (unsigned int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, count_many, &number[i]), 0);
    for (unsigned int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    pthread_barrier_destroy(&all_here);
    for (unsigned int i = 0; i < THREADS; i++) {
        assert_true(number[i] <= BOUND);
        shared += number[i] == BOUND;
        for (unsigned int j = 0; j < i; j++)
            assert_true(number[i] == BOUND || number[i] != number[j]);
    }
    assert_true(shared >= THREADS - BOUND);
    assert_int_equal(sum_events(&pairs), THREADS * ROUNDS);
    assert_int_equal(pairs, THREADS * ROUNDS);
    assert_int_equal(torn, 0);
    free_percpu(counts);
}

static void counts_of_threads_that_ended_stay(void **state)
{
    unsigned long pairs;
    (void)state;
    counts = alloc_percpu(struct counts);
    for (unsigned int i = 0; i < GENERATIONS; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, count_few, NULL), 0);
        pthread_join(thread, NULL);
    }
    assert_int_equal(sum_events(&pairs), GENERATIONS);
    assert_int_equal(pairs, GENERATIONS);
    free_percpu(counts);
}

static void this_cpu_is_the_one_with_this_number(void **state)
{
    (void)state;
    counts = alloc_percpu_gfp(struct counts, GFP_KERNEL | __GFP_NOWARN);
    assert_ptr_equal(this_cpu_ptr(counts), per_cpu_ptr(counts, quarry_cpu()));
    assert_true(quarry_cpu_exists(quarry_cpu()));
    assert_false(quarry_cpu_exists(quarry_nr_cpus()));
    assert_int_equal(per_cpu_ptr_to_phys(this_cpu_ptr(counts)), virt_to_phys(this_cpu_ptr(counts)));
    free_percpu(counts);
}

static void the_operations_do_what_they_say(void **state)
{
    int *number = alloc_percpu(int);
    (void)state;
    this_cpu_write(*number, 5);
    this_cpu_add(*number, 10);
    this_cpu_sub(*number, 3);
    this_cpu_dec(*number);
    assert_int_equal(this_cpu_read(*number), 11);
    assert_int_equal(this_cpu_add_return(*number, 4), 15);
    assert_int_equal(this_cpu_inc_return(*number), 16);
    assert_int_equal(this_cpu_xchg(*number, 6), 16);
    assert_int_equal(this_cpu_cmpxchg(*number, 5, 9), 6);
    assert_int_equal(this_cpu_cmpxchg(*number, 6, 9), 6);
    assert_int_equal(this_cpu_read(*number), 9);
    this_cpu_or(*number, 6);
    this_cpu_and(*number, 0xe);
    assert_int_equal(this_cpu_read(*number), 14);
    free_percpu(number);
}

static void g_c3_alloc_percpu_in_atomic_context_is_reported_and_served(void **state)
{
    unsigned long before = quarry_findings(QUARRY_BAD_CONTEXT);
    int *number;
    (void)state;
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    number = alloc_percpu(int);
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_non_null(number);
    assert_int_equal(quarry_findings(QUARRY_BAD_CONTEXT), before + 1);
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    free_percpu(number); /* any context */
    number = alloc_percpu_gfp(int, GFP_ATOMIC);
    free_percpu(number);
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(quarry_findings(QUARRY_BAD_CONTEXT), before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_count_is_lost_with_more_threads_than_cpus),
        cmocka_unit_test(counts_of_threads_that_ended_stay),
        cmocka_unit_test(this_cpu_is_the_one_with_this_number),
        cmocka_unit_test(the_operations_do_what_they_say),
        cmocka_unit_test(g_c3_alloc_percpu_in_atomic_context_is_reported_and_served),
    };
    setenv("QUARRY_CPUS", "6", 1);
    setenv("QUARRY_RAM", "64M", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
