/* SPDX-License-Identifier: MIT */
/* Guarded objects as objects of their cache: which requests get one, and what is said of them. */
#include "slab_machine.h"

static bool in_pool(struct quarry *q, const void *object)
{
    return qr_guard_owns(&q->guards, object);
}

/* Each request is one to be taken. */
static struct quarry *boot_guarded(const char *profile, const char *more)
{
    char options[128];
    struct test_spec spec = {.pages = 4096, .profile = profile, .options = options};

    snprintf(options, sizeof(options), "kfence.every=1 kfence.num_objects=32 %s", more);
    return test_boot_with(&spec);
}

static void a_request_for_a_node_or_a_zone_is_not_taken(void **state)
{
    struct quarry *q = boot_guarded("nodes", "");
    struct kmem_cache *cache = make_cache(q, "asked", 64, 0);
    void *object[4] = {qr_cache_alloc_slow(cache, GFP_KERNEL, 1),
                       qr_cache_alloc_slow(cache, GFP_KERNEL | __GFP_DMA, NUMA_NO_NODE),
                       qr_cache_alloc_slow(cache, GFP_KERNEL | __GFP_DMA32, NUMA_NO_NODE),
                       qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE)};

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_non_null(object[i]);
        assert_int_equal(in_pool(q, object[i]), i == 3);
    }
    assert_int_equal(qr_pfn_node(&q->map, qr_pfn(&q->map, qr_virt_page(&q->map, object[0]))), 1);
    for (int i = 0; i < 4; i++)
        give(q, cache, object[i]);
    test_end(q);
}

static void fill(void *object)
{
    memset(object, 0x77, 64);
}

static void g_s12_what_is_cleared_on_its_way_out_is_so_in_the_pool_too(void **state)
{
    struct quarry *q = boot_guarded("tiny", "init_on_alloc=1");
    struct kmem_cache *cache = make_cache(q, "cleared", 64, 0);
    struct qr_cache_params params = {
        .name = "constructed", .size = 64, .ctor = fill, .slot_id = QR_NO_SLOT};
    struct kmem_cache *constructed = qr_cache_create(&q->slabs, &params);
    char *object = take(cache), *other = take(constructed);

    (void)state;
    assert_true(in_pool(q, object) && in_pool(q, other));
    for (int i = 0; i < 64; i++) {
        assert_int_equal(object[i], 0);
        assert_int_equal(other[i], 0x77);
    }
    give(q, cache, object);
    give(q, constructed, other);
    test_end(q);
}

static void g_s8_a_guarded_object_of_another_cache_is_refused_by_name(void **state)
{
    struct quarry *q = boot_guarded("tiny", "");
    struct kmem_cache *a = make_cache(q, "mine", 64, 0), *b = make_cache(q, "yours", 64, 0);
    void *object = take(a);

    (void)state;
    assert_true(in_pool(q, object));
    give(q, b, object);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    assert_non_null(strstr(test_last_report, "mine"));
    assert_non_null(strstr(test_last_report, "yours"));
    assert_int_equal(qr_guard_count(&q->guards, a), 1);
    give(q, a, object);
    assert_int_equal(qr_guard_count(&q->guards, a), 0);
    assert_int_equal(all_findings(q), 1);
    test_end(q);
}

/* A destructor that frees what is being freed: as when another CPU frees it at the same time, one of
 * the two is told. */
static struct {
    struct quarry *q;
    int times;
} greedy;

static void greedy_destructor(void *object, struct kmem_cache *cache, unsigned long flags)
{
    (void)flags;
    if (greedy.times++ == 0)
        give(greedy.q, cache, object);
}

static void of_two_frees_at_the_same_time_one_lets_go_of_the_cache(void **state)
{
    struct quarry *q = boot_guarded("tiny", "");
    struct qr_cache_params params = {
        .name = "greedy", .size = 64, .dtor26 = greedy_destructor, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
    void *object = take(cache);
    u32 refs;

    (void)state;
    assert_true(in_pool(q, object));
    refs = cache->refs;
    greedy.q = q;
    greedy.times = 0;
    give(q, cache, object);
    assert_int_equal(greedy.times, 2);
    assert_int_equal(all_findings(q), 1);
    assert_int_equal(cache->refs, refs - 1);
    assert_int_equal(qr_guard_count(&q->guards, cache), 0);
    test_end(q);
}

static void the_leak_scan_finds_a_guarded_object_by_any_address_in_it(void **state)
{
    struct quarry *q = boot_guarded("tiny", "slab_debug=U");
    struct kmem_cache *cache = make_cache(q, "scanned", 64, 0);
    char *object = take(cache);
    struct qr_leak_block block;

    (void)state;
    assert_true(in_pool(q, object));
    assert_true(qr_slabs_leak_find(&q->slabs, object + 63, &block));
    assert_ptr_equal(block.start, object);
    assert_int_equal(block.size, 64);
    give(q, cache, object);
    assert_false(qr_slabs_leak_find(&q->slabs, object + 63, &block));
    test_end(q);
}

static bool stop_at_first(const struct quarry_live *live, void *data)
{
    const void **first = data;

    *first = live->address;
    return false;
}

static void a_walk_may_end_at_a_guarded_object(void **state)
{
    struct quarry *q = boot_guarded("tiny", "");
    struct kmem_cache *cache = make_cache(q, "walked", 64, 0);
    void *object = take(cache), *first = NULL;

    (void)state;
    assert_true(in_pool(q, object));
    assert_false(qr_cache_for_each_live(cache, stop_at_first, &first));
    assert_ptr_equal(first, object);
    give(q, cache, object);
    first = NULL;
    assert_true(qr_cache_for_each_live(cache, stop_at_first, &first));
    assert_null(first);
    test_end(q);
}

static struct {
    int constructed, destructed;
    unsigned long flags;
} calls;

static void construct_26(void *object, struct kmem_cache *cache, unsigned long flags)
{
    (void)cache;
    memset(object, 0x26, 64);
    calls.constructed++;
    calls.flags = flags;
}

static void destruct_26(void *object, struct kmem_cache *cache, unsigned long flags)
{
    (void)cache;
    (void)flags;
    assert_int_equal(*(char *)object, 0x26);
    calls.destructed++;
}

static void
g_s11_a_guarded_object_of_the_older_form_is_constructed_and_destructed_once(void **state)
{
    struct quarry *q = boot_guarded("tiny", "");
    struct qr_cache_params params = {.name = "older",
                                     .size = 64,
                                     .ctor26 = construct_26,
                                     .dtor26 = destruct_26,
                                     .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
    char *object;

    (void)state;
    memset(&calls, 0, sizeof(calls));
    object = take(cache);
    assert_true(in_pool(q, object));
    assert_int_equal(object[63], 0x26);
    assert_int_equal(calls.constructed, 1);
    assert_int_equal(calls.flags, SLAB_CTOR_CONSTRUCTOR);
    assert_int_equal(calls.destructed, 0);
    give(q, cache, object);
    assert_int_equal(calls.constructed, 1);
    assert_int_equal(calls.destructed, 1);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_for_a_node_or_a_zone_is_not_taken),
        cmocka_unit_test(g_s12_what_is_cleared_on_its_way_out_is_so_in_the_pool_too),
        cmocka_unit_test(g_s8_a_guarded_object_of_another_cache_is_refused_by_name),
        cmocka_unit_test(of_two_frees_at_the_same_time_one_lets_go_of_the_cache),
        cmocka_unit_test(the_leak_scan_finds_a_guarded_object_by_any_address_in_it),
        cmocka_unit_test(a_walk_may_end_at_a_guarded_object),
        cmocka_unit_test(
            g_s11_a_guarded_object_of_the_older_form_is_constructed_and_destructed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
