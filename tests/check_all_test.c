/* SPDX-License-Identifier: MIT */
/* A look at the whole machine while threads work in it, come and go: nothing is taken for broken that is
 * only on its way, and whoever handles a report of the look may call Quarry. */
#include <quarry/quarry.h>
#include <stdlib.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "sanitizer.h"

#define LOOKS 300
#define WORKERS 3
#define PAGES 96 /* more than a CPU gives back under one lock */

static bool ended;
static unsigned long reported;

/* Leaves full lists and stacks behind, which go back when it ends. */
static void *short_life(void *unused)
{
    unsigned long page[PAGES];
    void *object[PAGES];

    for (int i = 0; i < PAGES; i++) {
        page[i] = __get_free_page(GFP_KERNEL);
        object[i] = kmalloc(100, GFP_KERNEL);
    }
    for (int i = 0; i < PAGES; i++) {
        free_page(page[i]);
        kfree(object[i]);
    }
    return unused;
}

static void *worker(void *unused)
{
    pthread_t thread;

    while (!__atomic_load_n(&ended, __ATOMIC_RELAXED)) {
        if (pthread_create(&thread, NULL, short_life, NULL) == 0) {
            vfree(vmalloc(40000));
            pthread_join(thread, NULL);
        }
    }
    return unused;
}

static void the_machine_is_whole_while_threads_work_in_it(void **state)
{
    pthread_t thread[WORKERS];

#if TEST_THREAD_SANITIZER
    skip(); /* nobody is held back then; see ports/hosted/gate.c */
#endif
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, worker, NULL), 0);
    for (int i = 0; i < LOOKS; i++)
        assert_int_equal(quarry_check_all(), 0);
    __atomic_store_n(&ended, true, __ATOMIC_RELAXED);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(quarry_check_all(), 0);
    assert_int_equal(quarry_findings(QUARRY_FINDING_KINDS), 0);
}

static bool handle(const struct quarry_report *report, void *data)
{
    char *copy = kstrdup(report->text, GFP_KERNEL);

    assert_non_null(copy);
    kfree(copy);
    reported++;
    return reported == 1 && quarry_check_all() > 0; /* quiet */
}

static void whoever_handles_a_report_may_call(void **state)
{
    struct kmem_cache *cache = kmem_cache_create("watched", 64, 0, SLAB_POISON, NULL);
    unsigned char *object = kmem_cache_alloc(cache, GFP_KERNEL);

    kmem_cache_free(cache, object);
    object[8] = 1; /* noticed by the look */
    quarry_set_report_hook(handle, NULL);
    quarry_check_all();
    quarry_set_report_hook(NULL, NULL);
    assert_int_equal(reported, 1);
    kmem_cache_destroy(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_machine_is_whole_while_threads_work_in_it),
        cmocka_unit_test(whoever_handles_a_report_may_call),
    };
    setenv("QUARRY_WATCH", "0", 1); /* the mistakes here are Quarry's to find */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
