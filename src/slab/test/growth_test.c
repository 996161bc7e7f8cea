/* SPDX-License-Identifier: MIT */
/* Slabs that grow, fail to grow and go back: G-E12, failed inner page requests, reclaim. */
#include "slab_machine.h"

/* Page requests as the page allocator sees them, by way of the fault point's counter. */
static unsigned long page_requests(struct quarry *q, unsigned long nth, bool persistent,
                                   struct kmem_cache *cache, gfp_t gfp, void **object)
{
    struct quarry_fault fault = {.nth = nth, .persistent = persistent};
    unsigned long seen;

    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, &fault), 0);
    *object = qr_cache_alloc_slow(cache, gfp, NUMA_NO_NODE);
    seen = qr_fault_seen(&q->faults, QUARRY_FAIL_PAGE_ALLOC);
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, NULL), 0);
    return seen;
}

static void g_e12_a_large_slab_is_an_opportunity_the_least_one_a_need(void **state)
{
    struct quarry *q = test_boot(8192);
    struct kmem_cache *cache = make_cache(q, "growing", 1000, 0);
    void *object, *first, *warm;

    assert_true(cache->order > cache->min_order);
    /* A slot, a stack and a large slab; then the same slab is left alone. */
    warm = take(cache);
    assert_int_equal(slab_order(qr_head(&q->map, qr_virt_page(&q->map, warm))), cache->order);
    give(q, cache, warm);
    assert_int_equal(qr_cache_shrink(cache), 0);
    q->slabs.stacked_limit = 0; /* from here on only slabs are asked for */
    /* The large one fails once, without a word: the least order is had. */
    assert_int_equal(page_requests(q, 1, false, cache, GFP_KERNEL, &first), 2);
    assert_non_null(first);
    assert_int_equal(slab_order(qr_head(&q->map, qr_virt_page(&q->map, first))), cache->min_order);
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 0);
    /* Both fail: NULL, and one report, that of the caller's own request. */
    for (u32 i = 1; i < cache->min_objects; i++)
        assert_non_null(take(cache));
    assert_int_equal(page_requests(q, 1, true, cache, GFP_KERNEL, &object), 2);
    assert_null(object);
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 1);
    /* The caller asked for silence. */
    assert_int_equal(page_requests(q, 1, true, cache, GFP_KERNEL | __GFP_NOWARN, &object), 2);
    assert_null(object);
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 1);
    test_end(q);
}

static void g_e12_slabs_of_both_orders_live_side_by_side(void **state)
{
    struct quarry *q = test_boot(8192);
    struct kmem_cache *cache = make_cache(q, "mixed", 1000, 0);
    static char *object[2000];
    struct quarry_fault fault = {.prob = 50, .seed = 3};
    unsigned int order[2] = {0, 0};

    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, &fault), 0);
    for (int i = 0; i < 2000; i++) {
        while (!(object[i] = qr_cache_alloc_slow(cache, GFP_KERNEL | __GFP_NOWARN, NUMA_NO_NODE)))
            ;
        memset(object[i], i, 1000);
        order[slab_order(qr_head(&q->map, qr_virt_page(&q->map, object[i]))) == cache->order]++;
    }
    assert_true(order[0] > 100 && order[1] > 100);
    for (int i = 0; i < 2000; i++) {
        assert_int_equal((unsigned char)object[i][999], (unsigned char)i);
        give(q, cache, object[i]);
    }
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, NULL), 0);
    assert_int_equal(cache_active(cache), 0);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    test_end(q);
}

/* Something that makes a cache, uses it and ends it; true when all of it worked. */
static bool whole_life(struct quarry *q, const char *name, size_t size)
{
    struct qr_cache_params params = {.name = name, .size = size, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
    void *object[60], *bulk[30];
    bool all = cache != NULL;

    if (!cache)
        return false;
    for (int i = 0; i < 60; i++) {
        object[i] = qr_cache_alloc_slow(cache, GFP_KERNEL | __GFP_NOWARN, NUMA_NO_NODE);
        all &= object[i] != NULL;
        if (object[i])
            memset(object[i], i, size);
    }
    all &= qr_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_NOWARN, 30, bulk) == 30;
    if (all)
        qr_cache_free_bulk(&q->slabs, cache, 30, bulk);
    for (int i = 0; i < 60; i++)
        give(q, cache, object[i]);
    if (!all && cache_active(cache) == 30)
        qr_cache_free_bulk(&q->slabs, cache, 30, bulk);
    assert_int_equal(cache_active(cache), 0);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    return all;
}

static void fail_each_request(struct quarry *q, enum quarry_fault_point point, bool persistent,
                              size_t size)
{
    u64 before = free_pages_when_idle(q);
    unsigned long failed;
    unsigned int nth = 1;

    do {
        struct quarry_fault fault = {.nth = nth++, .persistent = persistent};
        bool ok;
        assert_int_equal(qr_fault_set(&q->faults, point, &fault), 0);
        ok = whole_life(q, "failing", size);
        failed = qr_fault_failed(&q->faults, point);
        assert_int_equal(qr_fault_set(&q->faults, point, NULL), 0);
        assert_true(ok || failed);
        assert_int_equal(free_pages_when_idle(q), before);
        assert_int_equal(qr_slabs_check(&q->slabs), 0);
        assert_int_equal(all_findings(q), 0);
        assert_true(nth < 500);
    } while (failed);
}

static void every_inner_request_may_fail_and_nothing_leaks(void **state)
{
    static const char *const options[] = {NULL, "slab_debug=FZPU", "check=2"};

    for (size_t o = 0; o < QR_ARRAY_SIZE(options); o++) {
        struct quarry *q = boot_with(1024, options[o]);
        (void)whole_life(q, "warm", 200); /* what is made once stays */
        for (int persistent = 0; persistent < 2; persistent++) {
            fail_each_request(q, QUARRY_FAIL_PAGE_ALLOC, persistent, 200);
            fail_each_request(q, QUARRY_FAIL_PAGE_ALLOC, persistent, 6000);
            fail_each_request(q, QUARRY_FAILSLAB, persistent, 200);
        }
        test_end(q);
    }
}

static void a_machine_without_a_free_page_fails_requests_and_recovers(void **state)
{
    struct quarry *q = test_boot(128);
    struct kmem_cache *cache = make_cache(q, "last", 500, 0);
    static void *object[2000];
    u64 before = free_pages_when_idle(q);
    int nr = 0;

    while ((object[nr] = qr_cache_alloc_slow(cache, GFP_ATOMIC | __GFP_NOWARN, NUMA_NO_NODE)))
        nr++;
    assert_true(nr > 100);
    assert_null(qr_cache_alloc_slow(cache, GFP_KERNEL | __GFP_NOWARN, NUMA_NO_NODE));
    give(q, cache, object[--nr]);
    object[nr] = qr_cache_alloc_slow(cache, GFP_NOWAIT, NUMA_NO_NODE);
    assert_non_null(object[nr++]);
    while (nr)
        give(q, cache, object[--nr]);
    assert_int_equal(free_pages_when_idle(q), before);
    test_end(q);
}

static void reclaim_gets_empty_slabs_and_stacks_back(void **state)
{
    struct quarry *q = test_boot(4096);
    struct kmem_cache *cache = make_cache(q, "idle", 256, 0);
    static void *object[3000];
    u64 before = free_pages_when_idle(q);
    unsigned long got;

    for (int i = 0; i < 3000; i++)
        object[i] = take(cache);
    for (int i = 0; i < 3000; i++)
        give(q, cache, object[i]);
    assert_true(cache_total(cache) > 0);
    got = q->slabs.source.shrink(q->slabs.source.data, ~0ul, false);
    assert_true(got > 0);
    assert_int_equal(cache_total(cache), 0);
    assert_int_equal(free_pages_when_idle(q), before);
    test_end(q);
}

static void a_light_request_of_reclaim_leaves_the_stacks_alone(void **state)
{
    struct quarry *q = test_boot(16384);
    struct kmem_cache *cache = make_cache(q, "light", 256, 0);
    static void *object[3000];

    for (int i = 0; i < 3000; i++)
        object[i] = take(cache);
    for (int i = 0; i < 3000; i++)
        give(q, cache, object[i]);
    qr_slots_flush(cache, false);
    give(q, cache, take(cache));
    assert_non_null(own_slot(q, cache)->loaded);
    if (cache->node[0].nr_empty) {
        assert_true(q->slabs.source.shrink(q->slabs.source.data, 1, true) >= 1);
        assert_non_null(own_slot(q, cache)->loaded);
    }
    test_end(q);
}

static void the_structure_check_sees_damage(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "damaged", 64, 0);
    void *object = take(cache);
    struct page *page = qr_head(&q->map, qr_virt_page(&q->map, object));
    u64 bits = page->quarry_slab.free_bits;

    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    page->quarry_slab.free_bits ^= 3;
    page->quarry_slab.free_bits ^= 1;
    assert_true(qr_slabs_check(&q->slabs) > 0);
    page->quarry_slab.free_bits = bits;
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    cache->node[0].nr_partial++;
    assert_true(qr_slabs_check(&q->slabs) > 0);
    cache->node[0].nr_partial--;
    q->slabs.stacked_bytes++;
    assert_true(qr_slabs_check(&q->slabs) > 0);
    q->slabs.stacked_bytes--;
    give(q, cache, object);
    give(q, cache, take(cache));
    own_slot(q, cache)->loaded->object[0] = own_slot(q, cache)->top[-1];
    assert_true(qr_slabs_check(&q->slabs) > 0);
    /* That damage is not undone: the machine is left as it is. */
    q->slabs.caches.next = q->slabs.caches.prev = &q->slabs.caches;
    q->slabs.stacked_bytes = 0;
    test_end(q);
}

static void level_three_walks_the_slabs_now_and_then(void **state)
{
    struct quarry *q = boot_with(1024, "check=3");
    struct kmem_cache *cache = make_cache(q, "walked", 64, 0);

    for (int i = 0; i < 3000; i++)
        give(q, cache, take(cache));
    assert_int_equal(all_findings(q), 0);
    cache->node[0].free_objects++;
    for (int i = 0; i < 3000 && !all_findings(q); i++)
        give(q, cache, take(cache));
    cache->node[0].free_objects--;
    assert_int_equal(test_findings(q, QUARRY_CORRUPTION), 1);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g_e12_a_large_slab_is_an_opportunity_the_least_one_a_need),
        cmocka_unit_test(g_e12_slabs_of_both_orders_live_side_by_side),
        cmocka_unit_test(every_inner_request_may_fail_and_nothing_leaks),
        cmocka_unit_test(a_machine_without_a_free_page_fails_requests_and_recovers),
        cmocka_unit_test(reclaim_gets_empty_slabs_and_stacks_back),
        cmocka_unit_test(a_light_request_of_reclaim_leaves_the_stacks_alone),
        cmocka_unit_test(the_structure_check_sees_damage),
        cmocka_unit_test(level_three_walks_the_slabs_now_and_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
