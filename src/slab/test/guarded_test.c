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

/* As near to the edge as its cache's promise allows; kmalloc's is that of the size asked for. */
static void a_guarded_object_is_aligned_as_promised_and_no_more(void **state)
{
    static const struct {
        size_t size, align;
    } want[] = {{1, 8},   {8, 8},   {12, 8},   {24, 8},     {48, 16},
                {96, 32}, {100, 8}, {192, 64}, {1024, 1024}};
    struct quarry *q = boot_guarded("tiny", "");
    struct qr_cache_params params = {
        .name = "promised", .size = 100, .align = 64, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);

    (void)state;
    for (size_t i = 0; i <= QR_ARRAY_SIZE(want); i++) {
        bool own = i == QR_ARRAY_SIZE(want);
        size_t size = own ? 100 : want[i].size, align = own ? 64 : want[i].align;
        unsigned int right = 0;
        for (int tries = 0; tries < 32; tries++) {
            void *object =
                own ? take(cache) : qr_kmalloc_slow(&q->kmalloc, size, GFP_KERNEL, NUMA_NO_NODE);
            size_t at = (uintptr_t)object & ~PAGE_MASK;
            assert_true(in_pool(q, object));
            assert_true(at == 0 || at == (PAGE_SIZE - size) / align * align);
            right += at != 0;
            qr_cache_free_slow(&q->slabs, NULL, object, "kfree");
        }
        assert_in_range(right, 1, 31);
    }
    test_end(q);
}

static void which_caches_give_guarded_objects(void **state)
{
    static const struct {
        size_t size;
        slab_flags_t flags;
        bool may;
    } want[] = {{64, 0, true},
                {PAGE_SIZE, 0, true},
                {PAGE_SIZE + 1, 0, false},
                {64, SLAB_SKIP_KFENCE, false},
                {64, SLAB_TYPESAFE_BY_RCU, false},
                {64, SLAB_CACHE_DMA, false},
                {64, SLAB_CACHE_DMA32, false},
                {64, SLAB_RECLAIM_ACCOUNT | SLAB_HWCACHE_ALIGN, true}};
    struct quarry *q = boot_guarded("tiny", "");

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(want); i++) {
        struct kmem_cache *cache = make_cache(q, "asked", want[i].size, want[i].flags);
        u32 refs = cache->refs;
        void *object = take(cache);
        assert_int_equal(in_pool(q, object), want[i].may);
        assert_int_equal(qr_cache_may_guard(cache), want[i].may);
        if (want[i].may)
            assert_int_equal(cache->refs, refs + 1);
        give(q, cache, object);
        if (want[i].may)
            assert_int_equal(cache->refs, refs);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    }
    test_end(q);
}

static void a_pool_that_is_used_up_holds_no_cache(void **state)
{
    struct quarry *q = boot_guarded("tiny", "");
    struct kmem_cache *cache = make_cache(q, "much", 64, 0);
    void *object[32], *more;
    u32 refs = cache->refs;

    (void)state;
    for (int i = 0; i < 32; i++)
        assert_true(in_pool(q, object[i] = take(cache)));
    assert_int_equal(cache->refs, refs + 32);
    more = qr_cache_alloc_direct(cache, GFP_KERNEL, NUMA_NO_NODE); /* its slab */
    assert_int_equal(cache->refs, refs + 33);
    qr_cache_free_direct(cache, take(cache), "test");
    assert_int_equal(cache->refs, refs + 33);
    qr_cache_free_direct(cache, more, "test");
    for (int i = 0; i < 32; i++)
        give(q, cache, object[i]);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    assert_int_equal(all_findings(q), 0);
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
        cmocka_unit_test(a_guarded_object_is_aligned_as_promised_and_no_more),
        cmocka_unit_test(which_caches_give_guarded_objects),
        cmocka_unit_test(a_pool_that_is_used_up_holds_no_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
