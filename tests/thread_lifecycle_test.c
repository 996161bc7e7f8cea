/* SPDX-License-Identifier: MIT */
/* Threads are CPUs that come and go: none leaves memory behind, none is refused, and those that
 * free in their last moments are served. */
#define _GNU_SOURCE
#include "machine.h"
#include "child.h"
#include <pthread.h>
#include <quarry/quarry.h>

#define MIB (1024ul * 1024)

static void boot(unsigned int cpus)
{
    struct quarry_machine machine = {.ram_bytes = 128 * MIB, .cpus = cpus};
    CHILD_CHECK(quarry_boot(&machine) == 0);
}

/* Pages not free once everybody who can be asked has given back what he keeps. */
static unsigned long pages_in_use(void)
{
    drain_all_pages();
    return totalram_pages() - nr_free_pages();
}

static void *short_life(void *data)
{
    void *object[40];
    struct page *page;
    unsigned int i;
    (void)data;
    for (i = 0; i < 40; i++) {
        object[i] = kmalloc(16u << (i % 8), GFP_KERNEL);
        CHILD_CHECK(object[i]);
        memset(object[i], 1, 16u << (i % 8));
    }
    page = alloc_pages(GFP_KERNEL, 1);
    CHILD_CHECK(page);
    for (i = 0; i < 40; i++)
        kfree(object[i]);
    __free_pages(page, 1);
    return NULL;
}

/* All of a group are alive at the same time, so that every group uses the same CPUs. */
static pthread_barrier_t lives_barrier;

static void *life_in_a_group(void *data)
{
    short_life(data);
    pthread_barrier_wait(&lives_barrier);
    return NULL;
}

static void run_lives(unsigned int nr)
{
    pthread_barrier_init(&lives_barrier, NULL, 16);
    while (nr) {
        pthread_t thread[16];
        unsigned int i;
        for (i = 0; i < 16; i++)
            CHILD_CHECK(pthread_create(&thread[i], NULL, life_in_a_group, NULL) == 0);
        for (i = 0; i < 16; i++)
            pthread_join(thread[i], NULL);
        nr -= 16;
    }
    pthread_barrier_destroy(&lives_barrier);
}

static void body_thousands(const void *data)
{
    unsigned long early, late;
    (void)data;
    boot(0);
    run_lives(400);
    early = pages_in_use();
    run_lives(3600);
    late = pages_in_use();
    if (late > early + 64)
        fprintf(stderr, "%lu pages in use after 400 threads, %lu after 4000\n", early, late);
    CHILD_CHECK(late <= early + 64);
    CHILD_CHECK(quarry_check_all() == 0);
}

static void four_thousand_threads_leave_nothing_behind(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_thousands, NULL)));
}

/* Fill this CPU's lists, all threads of the group at the same time. */
static void *hoarder(void *data)
{
    static __thread struct page *page[400];
    static __thread void *object[2000];
    unsigned int i;
    (void)data;
    for (i = 0; i < 400; i++)
        CHILD_CHECK((page[i] = alloc_page(GFP_KERNEL)) != NULL);
    for (i = 0; i < 2000; i++)
        CHILD_CHECK((object[i] = kmalloc(256, GFP_KERNEL)) != NULL);
    pthread_barrier_wait(&lives_barrier);
    for (i = 0; i < 400; i++)
        __free_page(page[i]);
    for (i = 0; i < 2000; i++)
        kfree(object[i]);
    pthread_barrier_wait(&lives_barrier);
    return NULL;
}

static void body_hoarders(const void *data)
{
    pthread_t thread[16];
    unsigned long early, late;
    unsigned int i;
    (void)data;
    boot(0);
    early = pages_in_use();
    pthread_barrier_init(&lives_barrier, NULL, 16);
    for (i = 0; i < 16; i++)
        CHILD_CHECK(pthread_create(&thread[i], NULL, hoarder, NULL) == 0);
    for (i = 0; i < 16; i++)
        pthread_join(thread[i], NULL);
    late = pages_in_use();
    /* Each CPU's own data stays, and caches keep some empty slabs. */
    if (late > early + 512)
        fprintf(stderr, "%lu pages in use before, %lu after\n", early, late);
    CHILD_CHECK(late <= early + 512);
}

static void what_a_thread_kept_is_given_back_when_it_ends(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_hoarders, NULL)));
}

static pthread_barrier_t crowd_barrier;

static void *crowd_thread(void *data)
{
    struct qr_cpu *cpu;
    pthread_barrier_wait(&crowd_barrier);
    short_life(NULL);
    qp_percpu_leave(qp_percpu_enter(QP_DEFAULT_CPUS, &cpu));
    if (cpu != &qr_cpu_none)
        __atomic_fetch_add((unsigned int *)data, 1, __ATOMIC_RELAXED);
    pthread_barrier_wait(&crowd_barrier);
    return NULL;
}

static void body_crowd(const void *data)
{
    pthread_t thread[24];
    unsigned int i, known = 0;
    (void)data;
    boot(4);
    pthread_barrier_init(&crowd_barrier, NULL, 24);
    for (i = 0; i < 24; i++)
        CHILD_CHECK(pthread_create(&thread[i], NULL, crowd_thread, &known) == 0);
    for (i = 0; i < 24; i++)
        pthread_join(thread[i], NULL);
    CHILD_CHECK(known <= 4 && known >= 1);
    CHILD_CHECK(quarry_check_all() == 0);
}

static void threads_beyond_the_bound_are_served_without_data_of_their_own(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_crowd, NULL)));
}

/* ---- the last moments of a thread ------------------------------------------------------------ */

static pthread_key_t late_key[2];

static void late_destructor(void *object)
{
    void *other = kmalloc(300, GFP_KERNEL);
    struct page *page = alloc_page(GFP_KERNEL);
    CHILD_CHECK(other && page);
    kfree(object);
    kfree(other);
    __free_page(page);
    /* Once more in the next round, as long as the C library plays along. */
    pthread_setspecific(late_key[1], kmalloc(64, GFP_KERNEL));
}

/* Whether a new thread still becomes a CPU. */
static void *newcomer(void *data)
{
    struct qr_cpu *cpu;
    kfree(kmalloc(64, GFP_KERNEL));
    __free_page(alloc_page(GFP_KERNEL)); /* checked caches have no use for a CPU, pages have */
    qp_percpu_leave(qp_percpu_enter(QP_DEFAULT_CPUS, &cpu));
    *(bool *)data = cpu != &qr_cpu_none;
    return NULL;
}

static void *late_thread(void *data)
{
    unsigned int i;
    (void)data;
    for (i = 0; i < 2; i++)
        pthread_setspecific(late_key[i], kmalloc(128, GFP_KERNEL));
    return NULL;
}

static void body_late(const void *data)
{
    pthread_t thread;
    unsigned long early;
    unsigned int i;
    bool known = false;
    (void)data;
    /* One key older than the port's, one younger: destructors run before and after its own. */
    CHILD_CHECK(pthread_key_create(&late_key[0], late_destructor) == 0);
    boot(64);
    kfree(kmalloc(8, GFP_KERNEL));
    CHILD_CHECK(pthread_key_create(&late_key[1], late_destructor) == 0);
    for (i = 0, early = 0; i < 600; i++) {
        CHILD_CHECK(pthread_create(&thread, NULL, late_thread, NULL) == 0);
        pthread_join(thread, NULL);
        if (i == 100)
            early = pages_in_use();
    }
    CHILD_CHECK(pages_in_use() <=
                early + 64); /* one small object a thread is the test's own leak */
    CHILD_CHECK(pthread_create(&thread, NULL, newcomer, &known) == 0);
    pthread_join(thread, NULL);
    CHILD_CHECK(known);
    CHILD_CHECK(quarry_check_all() == 0);
}

static void destructors_that_run_last_may_allocate_and_free(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_late, NULL)));
}

static void *survivor(void *data)
{
    pthread_join(*(pthread_t *)data, NULL);
    short_life(NULL);
    CHILD_CHECK(quarry_check_all() == 0);
    _exit(0);
}

static void body_main_ends(const void *data)
{
    static pthread_t main_thread;
    pthread_t thread;
    (void)data;
    boot(0);
    main_thread = pthread_self();
    short_life(NULL);
    CHILD_CHECK(pthread_create(&thread, NULL, survivor, &main_thread) == 0);
    pthread_exit(NULL);
}

static void the_main_thread_may_end_first(void **state)
{
    (void)state;
    if (QP_OBSERVED()) {
        print_message("ThreadSanitizer's runtime does not survive the main thread\n");
        skip();
    }
    assert_true(child_exited_well(child_run(body_main_ends, NULL)));
}

static void at_the_end(void)
{
    short_life(NULL);
    if (quarry_check_all() != 0)
        _exit(3);
}

static void body_exit(const void *data)
{
    (void)data;
    atexit(at_the_end);
    boot(0);
    short_life(NULL);
    exit(0);
}

static void functions_run_at_exit_are_served(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_exit, NULL)));
}

/* ---- objects that outlive their thread ------------------------------------------------------- */

static void *maker(void *data)
{
    void **object = data;
    unsigned int i;
    for (i = 0; i < 200; i++) {
        object[i] = kmalloc(64, GFP_KERNEL);
        CHILD_CHECK(object[i]);
        memset(object[i], (int)i, 64);
    }
    return NULL;
}

static void body_outlive(const void *data)
{
    static void *object[200];
    unsigned int round, i;
    (void)data;
    boot(0);
    for (round = 0; round < 50; round++) {
        pthread_t thread;
        CHILD_CHECK(pthread_create(&thread, NULL, maker, object) == 0);
        pthread_join(thread, NULL);
        for (i = 0; i < 200; i++) {
            CHILD_CHECK(*(unsigned char *)object[i] == i % 256);
            kfree(object[i]);
        }
    }
    CHILD_CHECK(quarry_check_all() == 0);
}

static void objects_outlive_the_thread_that_made_them(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_outlive, NULL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_thousand_threads_leave_nothing_behind),
        cmocka_unit_test(what_a_thread_kept_is_given_back_when_it_ends),
        cmocka_unit_test(threads_beyond_the_bound_are_served_without_data_of_their_own),
        cmocka_unit_test(destructors_that_run_last_may_allocate_and_free),
        cmocka_unit_test(the_main_thread_may_end_first),
        cmocka_unit_test(functions_run_at_exit_are_served),
        cmocka_unit_test(objects_outlive_the_thread_that_made_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
