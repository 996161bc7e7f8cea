/* SPDX-License-Identifier: MIT */
/* What slabs take for their own comfort leaves the reserve alone, also when the task that frees may use it:
 * one in the middle of reclaim, who frees what others keep, would spend on stacks what he is to win. */
#include "slab_machine.h"

#define PAGES 1024u

static struct page *hoard[PAGES];
static void *taken[PAGES];
static unsigned int nr_hoard, nr_taken;

/* Nothing is left above the lowest mark, and no stack lies free. */
static void use_up(struct quarry *q)
{
    nr_hoard = nr_taken = 0;
    while ((hoard[nr_hoard] = qr_alloc_pages(&q->zones, GFP_NOWAIT, 0, NUMA_NO_NODE)))
        nr_hoard++;
    while ((taken[nr_taken] =
                qr_cache_alloc_direct(q->slabs.stack_cache[0], GFP_NOWAIT, NUMA_NO_NODE)))
        nr_taken++;
    assert_true(nr_hoard > 0 && nr_taken < PAGES);
}

static void give_all_back(struct quarry *q)
{
    while (nr_taken)
        qr_cache_free_direct(q->slabs.stack_cache[0], taken[--nr_taken], NULL);
    while (nr_hoard)
        qr_free_block(&q->zones, hoard[--nr_hoard], 0);
}

static void reclaim_makes_no_stacks_of_the_reserve(void **state)
{
    struct quarry *q = test_boot(PAGES);
    struct kmem_cache *cache = make_cache(q, "some", 64, 0);
    u64 before;
    void *one;

    use_up(q);
    before = qr_free_pages_total(&q->zones);
    qp_task()->reclaims++;
    assert_null(qr_stack_new(cache, 4, 4, true));
    assert_false(qr_slot_make(cache));
    assert_null(q->cpus.online(&q->cpus, q->cpus.nr_max - 1));
    assert_int_equal(qr_free_pages_total(&q->zones), before);
    /* An object is no comfort. */
    one = qr_cache_alloc_direct(cache, GFP_NOWAIT, NUMA_NO_NODE);
    assert_non_null(one);
    assert_true(qr_free_pages_total(&q->zones) < before);
    qp_task()->reclaims--;
    qr_cache_free_direct(cache, one, NULL);
    give_all_back(q);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reclaim_makes_no_stacks_of_the_reserve),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
