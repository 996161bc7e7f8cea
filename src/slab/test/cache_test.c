/* SPDX-License-Identifier: MIT */
/* Caches: made, used, shrunk, destroyed; what constructors and destructors see. */
#include "slab_machine.h"

/* ---- geometry -------------------------------------------------------------------------------- */

static void objects_of_every_size_and_alignment_lie_apart_and_aligned(void **state)
{
    static const size_t size[] = {1, 7, 8, 24, 40, 63, 64, 65, 100, 256, 1000, 4096, 5000, 20000};
    struct quarry *q = test_boot(2048);

    for (size_t i = 0; i < QR_ARRAY_SIZE(size); i++) {
        for (size_t align = 1; align <= PAGE_SIZE; align *= 4) {
            struct qr_cache_params params = {
                .name = "geometry", .size = size[i], .align = align, .slot_id = QR_NO_SLOT};
            struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
            char *object[70];
            assert_non_null(cache);
            for (int k = 0; k < 70; k++) {
                object[k] = take(cache);
                assert_non_null(object[k]);
                assert_int_equal((uintptr_t)object[k] % align, 0);
                memset(object[k], k + 1, size[i]);
            }
            for (int k = 0; k < 70; k++) {
                assert_int_equal(object[k][0], k + 1);
                assert_int_equal(object[k][size[i] - 1], k + 1);
                give(q, cache, object[k]);
            }
            assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
        }
    }
    assert_int_equal(all_findings(q), 0);
    test_end(q);
}

static void small_objects_of_a_line_aligned_cache_share_lines_evenly(void **state)
{
    static const struct {
        size_t size, place;
    } want[] = {{8, 8}, {10, 16}, {20, 32}, {32, 32}, {33, 64}, {64, 64}, {65, 128}, {200, 256}};
    struct quarry *q = test_boot(256);

    for (size_t i = 0; i < QR_ARRAY_SIZE(want); i++) {
        struct kmem_cache *cache = make_cache(q, "line", want[i].size, SLAB_HWCACHE_ALIGN);
        assert_int_equal(cache->slot_size, want[i].place);
        assert_int_equal(cache->object_size, want[i].size);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    }
    test_end(q);
}

static void the_number_of_an_object_follows_from_its_address(void **state)
{
    struct quarry *q = test_boot(4096);

    for (size_t size = 1; size < 40000; size += size / 7 + 1) {
        struct kmem_cache *cache = make_cache(q, "numbers", size, 0);
        struct page *page = qr_slab_new(cache, GFP_KERNEL, NUMA_NO_NODE);
        struct slab_batch batch = {0};
        assert_non_null(page);
        for (u32 i = 0; i < slab_objects(cache, page); i++) {
            char *object = slab_object(cache, page, i);
            assert_int_equal(slab_index(cache, page, object), i);
            assert_int_equal(slab_index(cache, page, object + cache->slot_size - 1), i);
            assert_true(object + size <= slab_base(cache, page) + (PAGE_SIZE << slab_order(page)));
        }
        assert_true(slab_index(cache, page, slab_base(cache, page) - 1) >=
                    slab_objects(cache, page));
        batch.first = (u32)qr_pfn(&q->map, page);
        page->quarry_slab.next = 0;
        qr_slab_release(cache, &batch);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    }
    test_end(q);
}

static void a_slab_wastes_at_most_an_eighth_where_it_can(void **state)
{
    struct quarry *q = test_boot(8192);

    for (size_t size = 8; size <= 4096; size += 8) {
        struct kmem_cache *cache = make_cache(q, "waste", size, 0);
        size_t bytes = PAGE_SIZE << cache->order;
        assert_true((bytes - (size_t)cache->objects * size) * 8 <= bytes);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    }
    test_end(q);
}

/* ---- constructors ---------------------------------------------------------------------------- */

static unsigned long constructed, destructed;

static void construct(void *object)
{
    constructed++;
    memset(object, 0x5c, 48);
}

static void g_s11_a_constructed_object_comes_back_as_it_was_freed(void **state)
{
    struct quarry *q = test_boot(256);
    struct qr_cache_params params = {
        .name = "made", .size = 48, .ctor = construct, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
    char *object[60]; /* as many as this CPU's stacks hold: no slab goes back meanwhile */

    constructed = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 60; i++) {
            object[i] = take(cache);
            for (int b = 1; b < 48; b++)
                assert_int_equal(object[i][b], 0x5c);
            /* The first byte is the object's state: fresh, or as it was left. */
            assert_true(object[i][0] == 0x5c || (round && object[i][0] == 'x'));
            object[i][0] = 'x';
        }
        for (int i = 0; i < 60; i++)
            give(q, cache, object[i]);
    }
    assert_int_equal(constructed, cache_total(cache));
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    test_end(q);
}

static void g_s11_zeroing_a_constructed_object_is_refused(void **state)
{
    struct quarry *q = test_boot(256);
    struct qr_cache_params params = {
        .name = "made", .size = 48, .ctor = construct, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
    char *object = qr_cache_alloc_slow(cache, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);

    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    assert_non_null(strstr(test_last_report, "constructor"));
    assert_int_equal(object[0], 0x5c);
    give(q, cache, object);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    test_end(q);
}

static void construct_26(void *object, struct kmem_cache *cache, unsigned long flags)
{
    assert_true(flags & SLAB_CTOR_CONSTRUCTOR);
    assert_int_equal(cache->object_size, 100);
    memset(object, 1, 100);
    constructed++;
}

static void destruct_26(void *object, struct kmem_cache *cache, unsigned long flags)
{
    assert_int_equal(((char *)object)[99], 1);
    assert_true(qp_may_sleep()); /* no lock is held */
    destructed++;
}

static void g_s11_every_object_is_constructed_once_and_destructed_once(void **state)
{
    struct quarry *q = test_boot(256);
    struct qr_cache_params params = {.name = "both",
                                     .size = 100,
                                     .ctor26 = construct_26,
                                     .dtor26 = destruct_26,
                                     .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
    void *object[200];

    constructed = destructed = 0;
    for (int i = 0; i < 200; i++)
        object[i] = take(cache);
    assert_true(constructed >= 200);
    assert_int_equal(destructed, 0);
    for (int i = 0; i < 200; i++)
        give(q, cache, object[i]);
    assert_int_equal(qr_cache_shrink(cache), 0);
    assert_int_equal(destructed, constructed);
    object[0] = take(cache);
    give(q, cache, object[0]);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    assert_int_equal(destructed, constructed);
    test_end(q);
}

static struct quarry *nested_machine;
static struct kmem_cache *nested_cache;
static void *nested_object[64];
static int nested_count;

static void construct_allocating(void *object)
{
    assert_true(qp_may_sleep());
    nested_object[nested_count++] = take(nested_cache);
    memset(object, 2, 512);
}

static void a_constructor_may_allocate(void **state)
{
    struct quarry *q = nested_machine = test_boot(256);
    struct qr_cache_params params = {
        .name = "nested", .size = 512, .ctor = construct_allocating, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
    void *object;

    nested_count = 0;
    nested_cache = make_cache(q, "inner", 32, 0);
    object = take(cache);
    assert_non_null(object);
    assert_int_equal(nested_count, cache_total(cache));
    give(q, cache, object);
    while (nested_count)
        give(q, nested_cache, nested_object[--nested_count]);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    assert_int_equal(qr_cache_destroy(&q->slabs, nested_cache, false), 0);
    test_end(q);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void impossible_caches_are_refused_with_the_reason(void **state)
{
    static const struct {
        struct qr_cache_params params;
        const char *word;
    } bad[] = {
        {{.name = NULL, .size = 8}, "name"},
        {{.name = "", .size = 8}, "name"},
        {{.name = "a", .size = 0}, "size of 0"},
        {{.name = "a", .size = (4u << 20) + 1}, "size"},
        {{.name = "a", .size = SIZE_MAX}, "size"},
        {{.name = "a", .size = 8, .align = 24}, "power of two"},
        {{.name = "a", .size = 8, .align = 8192}, "power of two"},
        {{.name = "a", .size = 8, .flags = 0x10000}, "unknown flags"},
    };
    struct quarry *q = test_boot(256);
    u64 before = free_pages_when_idle(q);

    for (size_t i = 0; i < QR_ARRAY_SIZE(bad); i++) {
        assert_null(qr_cache_create(&q->slabs, &bad[i].params));
        assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), i + 1);
        assert_non_null(strstr(test_last_report, bad[i].word));
    }
    assert_int_equal(free_pages_when_idle(q), before);
    test_end(q);
}

static void g_d1_a_second_cache_of_a_name_is_reported_and_made(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *first = make_cache(q, "twin", 64, 0), *second;
    char name[] = "twin";

    second = make_cache(q, name, 64, 0);
    name[0] = 'X'; /* names are copied */
    assert_string_equal(second->name, "twin");
    assert_ptr_not_equal(first, second);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    assert_non_null(strstr(test_last_report, "twin"));
    assert_int_equal(qr_cache_destroy(&q->slabs, first, false), 0);
    assert_int_equal(qr_cache_destroy(&q->slabs, second, false), 0);
    test_end(q);
}

static void masks_that_make_no_sense_are_reported_and_served(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "masks", 64, 0);
    void *object = qr_cache_alloc_slow(cache, GFP_KERNEL | 0x80000000u, NUMA_NO_NODE);

    assert_non_null(object);
    assert_non_null(strstr(test_last_report, "0x80000000"));
    give(q, cache, object);
    object = qr_cache_alloc_slow(cache, GFP_ATOMIC | __GFP_NOFAIL, NUMA_NO_NODE);
    assert_non_null(object);
    assert_non_null(strstr(test_last_report, "NOFAIL"));
    give(q, cache, object);
    for (int i = 0; i < 3; i++) {
        object = qr_cache_alloc_slow(cache, GFP_KERNEL | __GFP_HIGHMEM, NUMA_NO_NODE);
        assert_non_null(object);
        give(q, cache, object);
    }
    assert_non_null(strstr(test_last_report, "HIGHMEM"));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 3); /* the last one once (G-Z7) */
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    test_end(q);
}

static void g_z10_the_zone_of_an_object_is_its_caches(void **state)
{
    struct test_spec spec = {.pages = 512, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    struct kmem_cache *dma = make_cache(q, "dma", 256, SLAB_CACHE_DMA);
    struct kmem_cache *normal = make_cache(q, "normal", 256, 0);
    void *a[100], *b[100];

    for (int i = 0; i < 100; i++) {
        a[i] = take(dma);
        assert_true(qr_page_phys(&q->map, qr_virt_page(&q->map, a[i])) < 64 * PAGE_SIZE);
        b[i] = qr_cache_alloc_slow(normal, GFP_KERNEL | __GFP_DMA, NUMA_NO_NODE);
        assert_true(qr_page_phys(&q->map, qr_virt_page(&q->map, b[i])) >= 64 * PAGE_SIZE);
    }
    for (int i = 0; i < 100; i++) {
        give(q, dma, a[i]);
        give(q, normal, b[i]);
    }
    assert_int_equal(all_findings(q), 0);
    test_end(q);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void g_d1_destroying_an_idle_cache_returns_all_its_memory(void **state)
{
    struct quarry *q = test_boot(512);
    u64 before = free_pages_when_idle(q);

    for (int round = 0; round < 20; round++) {
        struct kmem_cache *cache = make_cache(q, "transient", 300, 0);
        void *object[500];
        for (int i = 0; i < 500; i++)
            object[i] = take(cache);
        for (int i = 0; i < 500; i++)
            give(q, cache, object[i]);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    }
    assert_int_equal(free_pages_when_idle(q), before);
    assert_int_equal(all_findings(q), 0);
    test_end(q);
}

/* A zone knows how many of its pages are slabs, and of which kind. */
static void slabs_are_counted_in_their_zone(void **state)
{
    for (int kind = 0; kind < 2; kind++) {
        struct quarry *q = test_boot(1024);
        struct kmem_cache *cache = make_cache(q, "counted", 1000, kind ? SLAB_RECLAIM_ACCOUNT : 0);
        const unsigned long *stat = q->zones.zone[0].stat;
        unsigned int own = kind ? QR_ZS_SLAB_RECLAIMABLE : QR_ZS_SLAB_UNRECLAIMABLE;
        unsigned int other = kind ? QR_ZS_SLAB_UNRECLAIMABLE : QR_ZS_SLAB_RECLAIMABLE;
        unsigned long before[2] = {stat[own], stat[other]}, pages;
        void *object[40];
        (void)state;
        for (int i = 0; i < 40; i++)
            object[i] = take(cache);
        pages = cache->node[0].nr_objects / cache->objects << cache->order;
        assert_true(pages >= 40 * 1000 / PAGE_SIZE);
        assert_in_range(stat[own] - before[0], pages, pages + 2); /* the stack's own memory */
        assert_true(stat[other] - before[1] <= 2);
        for (int i = 0; i < 40; i++)
            give(q, cache, object[i]);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
        assert_true(stat[own] - before[0] <= 2);
        test_end(q);
    }
}

static void g_d1_live_objects_are_reported_and_can_still_be_freed(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=U,orphan");
    u64 before = free_pages_when_idle(q);
    struct kmem_cache *cache = make_cache(q, "orphan", 300, 0), *second;
    char address[32];
    char *a = take(cache), *b = take(cache), *c = take(cache);
    u32 number = cache->slot_id;

    memset(b, 'b', 300);
    give(q, cache, a);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    assert_int_equal(test_findings(q, QUARRY_LEAK), 2);
    snprintf(address, sizeof(address), "%p", b);
    assert_true(strstr(test_last_report, address) || strstr(test_last_report, "orphan"));
    assert_non_null(strstr(test_last_report, "ms old"));
    /* The name is free again; the number is not, while its slabs carry it. */
    second = make_cache(q, "orphan", 300, 0);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 0);
    assert_int_not_equal(second->slot_id, number);
    assert_int_equal(qr_cache_destroy(&q->slabs, second, false), 0);
    for (int i = 0; i < 300; i++)
        assert_int_equal(b[i], 'b');
    qr_cache_free_slow(&q->slabs, NULL, b, "kfree");
    qr_cache_free_slow(&q->slabs, NULL, c, "kfree");
    /* With its last object the cache has gone: number and memory are back. */
    assert_false((q->slabs.slots_used[number / 64] >> (number % 64)) & 1);
    assert_int_equal(free_pages_when_idle(q), before);
    test_end(q);
}

static void g_d1_allocating_from_a_destroyed_cache_fails(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "late", 64, 0);
    void *live = take(cache), *object[2];

    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    assert_null(take(cache));
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 2, object), 0);
    assert_non_null(strstr(test_last_report, "destroyed"));
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), -QR_EINVAL);
    give(q, cache, live);
    test_end(q);
}

static void g_d1_the_older_form_keeps_a_cache_with_live_objects(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "kept", 64, 0);
    void *object = take(cache);

    assert_int_equal(qr_cache_destroy(&q->slabs, cache, true), -QR_EBUSY);
    assert_int_equal(test_findings(q, QUARRY_LEAK), 1);
    give(q, cache, object);
    object = take(cache); /* it works as before */
    assert_non_null(object);
    assert_non_null(own_slot(q, cache)->loaded);
    give(q, cache, object);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, true), 0);
    test_end(q);
}

struct headed {
    char data[40];
    struct callback_head head;
};

static void g_d1_destruction_waits_for_frees_put_off(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "rcu", sizeof(struct headed), 0);

    for (int i = 0; i < 100; i++) {
        struct headed *object = take(cache);
        qr_kvfree_rcu(&q->vm, object, &object->head);
    }
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, true), 0); /* none is live */
    assert_int_equal(test_findings(q, QUARRY_LEAK), 0);
    test_end(q);
}

static void slabs_of_an_rcu_cache_go_only_after_waiting_for_readers(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "readers", 512, SLAB_TYPESAFE_BY_RCU);
    void *object[40];
    u64 before = qr_free_pages_total(&q->zones);

    for (int i = 0; i < 40; i++)
        object[i] = take(cache);
    qr_grace_enter(&q->grace);
    memset(object[7], 'r', 512);
    for (int i = 0; i < 40; i++)
        give(q, cache, object[i]);
    q->slabs.source.shrink(&q->slabs, ~0ul, false);
    assert_int_equal(cache_total(cache), 0); /* nobody gets an object out of them */
    assert_true(qr_free_pages_total(&q->zones) < before);
    assert_true(q->grace.asked > q->grace.done);
    for (int i = 0; i < 512; i++)
        assert_int_equal(((char *)object[7])[i], 'r');
    qr_grace_leave(&q->grace);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    qr_pcp_drain_all(&q->zones);
    assert_true(qr_free_pages_total(&q->zones) >= before);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    test_end(q);
}

/* Two heaps of slabs: those that came while a call was under way need one of their own. */
static void slabs_that_leave_during_a_grace_period_wait_for_the_next(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "readers", 512, SLAB_TYPESAFE_BY_RCU);
    u64 done;

    qr_grace_enter(&q->grace);
    done = q->grace.done;
    for (int round = 0; round < 3; round++) {
        give(q, cache, take(cache));
        q->slabs.source.shrink(&q->slabs, ~0ul, false);
    }
    assert_int_not_equal(cache->left, 0);
    assert_int_not_equal(cache->leaving, 0);
    qr_grace_leave(&q->grace);
    assert_int_equal(qr_cache_shrink(cache), 0);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    assert_int_equal(q->grace.done, done + 2);
    test_end(q);
}

static void g_c3_making_and_destroying_in_atomic_context_is_reported(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache;

    quarry_context_enter(QUARRY_CTX_PREEMPT_OFF);
    cache = make_cache(q, "atomic", 64, 0);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 1);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 2);
    quarry_context_leave(QUARRY_CTX_PREEMPT_OFF);
    test_end(q);
}

static void shrinking_leaves_only_what_is_in_use(void **state)
{
    struct quarry *q = test_boot(512);
    struct kmem_cache *cache = make_cache(q, "shrunk", 1000, 0);
    void *object[100];

    for (int i = 0; i < 100; i++)
        object[i] = take(cache);
    for (int i = 1; i < 100; i++)
        give(q, cache, object[i]);
    assert_int_equal(qr_cache_shrink(cache), 1);
    assert_int_equal(cache_total(cache), cache->objects);
    assert_int_equal(cache_active(cache), 1);
    give(q, cache, object[0]);
    assert_int_equal(qr_cache_shrink(cache), 0);
    assert_int_equal(cache_total(cache), 0);
    test_end(q);
}

static void more_caches_than_slot_numbers_still_work(void **state)
{
    struct quarry *q = test_boot(4096);
    static struct kmem_cache *cache[250];
    struct kmem_cache *last = NULL, *far = NULL;
    void *object;

    for (u32 chunk = 1; chunk < 61; chunk++)
        q->slabs.slots_used[chunk] = ~0ull; /* as by thousands of others */
    for (int i = 0; i < 250; i++) {
        char name[16];
        snprintf(name, sizeof(name), "many-%d", i);
        cache[i] = last = make_cache(q, name, 64, 0);
        far = last->slot_id == QR_NO_SLOT - 1 ? last : far;
    }
    assert_int_equal(last->slot_id, QR_NO_SLOT);
    assert_false(qr_slot_make(last)); /* the chunk behind the last stays closed */
    object = take(last);
    assert_non_null(object);
    give(q, last, object);
    give(q, last, object); /* without stacks a second free is seen at once */
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);
    assert_non_null(far);
    object = take(far); /* a slot in a chunk that this CPU has to make */
    assert_non_null(own_slot(q, far)->loaded);
    give(q, far, object);
    for (int i = 0; i < 250; i++)
        assert_int_equal(qr_cache_destroy(&q->slabs, cache[i], false), 0);
    test_end(q);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static void objects_come_from_the_node_that_was_asked_for(void **state)
{
    struct test_spec spec = {.pages = 512, .profile = "nodes"};
    struct quarry *q = test_boot_with(&spec);
    struct kmem_cache *cache = make_cache(q, "nodes", 200, 0);
    void *object[2][50];

    for (int i = 0; i < 50; i++)
        for (int nid = 0; nid < 2; nid++) {
            object[nid][i] = qr_cache_alloc_slow(cache, GFP_KERNEL | __GFP_THISNODE, nid);
            assert_int_equal(
                qr_pfn_node(&q->map, qr_pfn(&q->map, qr_virt_page(&q->map, object[nid][i]))), nid);
        }
    for (int i = 0; i < 50; i++)
        for (int nid = 0; nid < 2; nid++)
            give(q, cache, object[nid][i]);
    object[0][0] = qr_cache_alloc_slow(cache, GFP_KERNEL, 7);
    assert_non_null(object[0][0]);
    assert_non_null(strstr(test_last_report, "node 7"));
    give(q, cache, object[0][0]);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    test_end(q);
}

/* Whichever of the two it is, on stacks or without. */
static void a_full_node_is_helped_out_by_the_other_unless_forbidden(void **state)
{
    for (int way = 0; way < 4; way++) {
        struct test_spec spec = {.pages = 256, .profile = "nodes"};
        struct quarry *q = test_boot_with(&spec);
        struct kmem_cache *cache = make_cache(q, "helped", 2048, way & 2 ? SLAB_POISON : 0);
        const gfp_t quiet = GFP_NOWAIT | __GFP_THISNODE;
        int full = way & 1, nr = 0;
        void *object[300], *more[2];
        more[0] = qr_cache_alloc_slow(cache, quiet, !full); /* a slab with free ones */
        while (nr < 300 && (object[nr] = qr_cache_alloc_slow(cache, quiet, full)) != NULL)
            nr++;
        assert_in_range(nr, 20, 256);
        more[1] = qr_cache_alloc_slow(cache, GFP_NOWAIT, full);
        assert_non_null(more[1]);
        assert_int_equal(qr_pfn_node(&q->map, qr_pfn(&q->map, qr_virt_page(&q->map, more[1]))),
                         !full);
        give(q, cache, more[0]);
        give(q, cache, more[1]);
        while (nr)
            give(q, cache, object[--nr]);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
        test_end(q);
    }
    (void)state;
}

static void what_the_other_node_has_free_is_taken_before_a_request_fails(void **state)
{
    struct test_spec spec = {.pages = 256, .profile = "nodes"};
    struct quarry *q = test_boot_with(&spec);
    struct kmem_cache *cache = make_cache(q, "elsewhere", 500, 0);
    static void *object[4000];
    void *freed;
    int nr = 0, far = -1;
    bool found = false;

    while ((object[nr] = qr_cache_alloc_slow(cache, GFP_ATOMIC | __GFP_NOWARN, NUMA_NO_NODE)))
        nr++;
    for (int i = 0; i < nr && far < 0; i++)
        if (qr_slab_node(cache, qr_head(&q->map, qr_virt_page(&q->map, object[i]))) ==
            &cache->node[1])
            far = i;
    assert_true(far >= 0);
    give(q, cache, object[far]);
    qr_slots_flush(cache, false); /* from the stack into its own node's slab */
    assert_int_equal(cache->node[1].free_objects, 1);
    freed = object[far];
    object[far] = object[--nr];
    /* Flushing may have set a page free, too: what is on the other node is had in the end. */
    while ((object[nr] = qr_cache_alloc_slow(cache, GFP_ATOMIC | __GFP_NOWARN, NUMA_NO_NODE)))
        found |= object[nr++] == freed;
    assert_true(found);
    while (nr)
        give(q, cache, object[--nr]);
    test_end(q);
}

/* While one node is full its requests share the slabs of another; none takes a slab for each object, on
 * stacks or without. */
static void a_full_nodes_requests_share_the_slabs_of_the_other(void **state)
{
    static const slab_flags_t ways[] = {0, SLAB_POISON};

    for (size_t way = 0; way < QR_ARRAY_SIZE(ways); way++) {
        struct test_spec spec = {.pages = 1024, .profile = "nodes"};
        struct quarry *q = test_boot_with(&spec);
        struct kmem_cache *cache = make_cache(q, "shared", 100, ways[way]);
        static struct page *page[1024];
        static void *object[200];
        unsigned int home = 0, nr = 0;
        u64 before;

        while ((page[nr] = qr_alloc_pages(&q->zones, GFP_ATOMIC | __GFP_THISNODE | __GFP_NOWARN, 0,
                                          (int)home)))
            nr++;
        before = qr_free_pages_total(&q->zones);
        for (int i = 0; i < 200; i++) {
            object[i] = qr_cache_alloc_slow(cache, GFP_NOWAIT, NUMA_NO_NODE);
            assert_non_null(object[i]);
        }
        assert_true(cache_total(cache) <= 200 + 4ul * cache->objects);
        assert_true(before - qr_free_pages_total(&q->zones) < 64);
        for (int i = 0; i < 200; i++)
            give(q, cache, object[i]);
        while (nr)
            qr_put_pages(&q->zones, page[--nr], 0, "test");
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
        test_end(q);
    }
    (void)state;
}

/* ---- bulk ------------------------------------------------------------------------------------ */

static void bulk_calls_give_all_or_nothing(void **state)
{
    struct quarry *q = test_boot(64);
    struct kmem_cache *cache = make_cache(q, "bulk", 512, 0);
    static void *object[1000];
    u64 before = free_pages_when_idle(q);

    for (size_t nr = 0; nr < 150; nr += 7) {
        assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, nr, object), nr);
        for (size_t i = 0; i < nr; i++)
            memset(object[i], (int)i, 512);
        for (size_t i = 0; i < nr; i++)
            assert_int_equal(((unsigned char *)object[i])[511], i);
        assert_int_equal(cache_active(cache), nr);
        qr_cache_free_bulk(&q->slabs, cache, nr, object);
    }
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_NOWAIT, 1000, object), 0);
    assert_int_equal(cache_active(cache), 0);
    assert_int_equal(free_pages_when_idle(q), before);
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_ZERO, 100, object), 100);
    for (size_t i = 0; i < 100; i++)
        for (int b = 0; b < 512; b++)
            assert_int_equal(((char *)object[i])[b], 0);
    qr_cache_free_bulk(&q->slabs, cache, 100, object);
    assert_int_equal(all_findings(q), 0);
    test_end(q);
}

static void g_s12_objects_are_cleared_on_their_way_out_or_in(void **state)
{
    struct quarry *q = boot_with(256, "init_on_alloc=1");
    struct kmem_cache *cache = make_cache(q, "cleared", 100, SLAB_HWCACHE_ALIGN);
    struct kmem_cache *rcu = make_cache(q, "spared", 100, SLAB_TYPESAFE_BY_RCU);
    struct qr_cache_params params = {
        .name = "made", .size = 48, .ctor = construct, .slot_id = QR_NO_SLOT};
    struct kmem_cache *made = qr_cache_create(&q->slabs, &params);
    char *object = take(cache), *again;

    memset(object, 'x', cache->slot_size);
    give(q, cache, object);
    again = take(cache);
    assert_ptr_equal(again, object);
    for (u32 i = 0; i < cache->slot_size; i++) /* padding too */
        assert_int_equal(again[i], 0);
    give(q, cache, again);
    object = take(rcu);
    memset(object, 'x', 100);
    give(q, rcu, object);
    assert_int_equal(object[99], 'x');
    assert_int_equal(((char *)take(rcu))[99], 'x');
    object = take(made);
    assert_int_equal(object[1], 0x5c);
    test_end(q);

    q = boot_with(256, "init_on_free=1");
    cache = make_cache(q, "cleared", 100, SLAB_HWCACHE_ALIGN);
    made = qr_cache_create(&q->slabs, &params);
    object = take(cache);
    memset(object, 'x', cache->slot_size);
    give(q, cache, object);
    for (u32 i = 0; i < cache->slot_size; i++)
        assert_int_equal(object[i], 0);
    object = take(made);
    object[0] = 'y';
    give(q, made, object);
    assert_int_equal(object[0], 'y');
    test_end(q);
}

static void g_s12_clearing_padding_never_reaches_a_slabs_bitmap(void **state)
{
    struct quarry *q = boot_with(1024, "init_on_alloc=1 init_on_free=1");

    for (size_t size = 9; size <= 60; size++) {
        /* Aligned to 32, the last place's padding might lie where the bitmap is. */
        struct qr_cache_params params = {
            .name = "padded", .size = size, .align = size % 2 ? 32 : 0, .slot_id = QR_NO_SLOT};
        struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
        void *object[520];
        for (u32 i = 0; i < cache->objects; i++)
            object[i] = take(cache);
        assert_int_equal(qr_slabs_check(&q->slabs), 0);
        for (u32 i = 0; i < cache->objects; i++)
            give(q, cache, object[i]);
        assert_int_equal(cache_active(cache), 0);
        assert_int_equal(qr_slabs_check(&q->slabs), 0);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    }
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_of_every_size_and_alignment_lie_apart_and_aligned),
        cmocka_unit_test(small_objects_of_a_line_aligned_cache_share_lines_evenly),
        cmocka_unit_test(the_number_of_an_object_follows_from_its_address),
        cmocka_unit_test(a_slab_wastes_at_most_an_eighth_where_it_can),
        cmocka_unit_test(g_s11_a_constructed_object_comes_back_as_it_was_freed),
        cmocka_unit_test(g_s11_zeroing_a_constructed_object_is_refused),
        cmocka_unit_test(g_s11_every_object_is_constructed_once_and_destructed_once),
        cmocka_unit_test(a_constructor_may_allocate),
        cmocka_unit_test(impossible_caches_are_refused_with_the_reason),
        cmocka_unit_test(g_d1_a_second_cache_of_a_name_is_reported_and_made),
        cmocka_unit_test(masks_that_make_no_sense_are_reported_and_served),
        cmocka_unit_test(g_z10_the_zone_of_an_object_is_its_caches),
        cmocka_unit_test(g_d1_destroying_an_idle_cache_returns_all_its_memory),
        cmocka_unit_test(slabs_are_counted_in_their_zone),
        cmocka_unit_test(g_d1_live_objects_are_reported_and_can_still_be_freed),
        cmocka_unit_test(g_d1_allocating_from_a_destroyed_cache_fails),
        cmocka_unit_test(g_d1_the_older_form_keeps_a_cache_with_live_objects),
        cmocka_unit_test(g_d1_destruction_waits_for_frees_put_off),
        cmocka_unit_test(slabs_of_an_rcu_cache_go_only_after_waiting_for_readers),
        cmocka_unit_test(slabs_that_leave_during_a_grace_period_wait_for_the_next),
        cmocka_unit_test(g_c3_making_and_destroying_in_atomic_context_is_reported),
        cmocka_unit_test(shrinking_leaves_only_what_is_in_use),
        cmocka_unit_test(more_caches_than_slot_numbers_still_work),
        cmocka_unit_test(objects_come_from_the_node_that_was_asked_for),
        cmocka_unit_test(a_full_node_is_helped_out_by_the_other_unless_forbidden),
        cmocka_unit_test(what_the_other_node_has_free_is_taken_before_a_request_fails),
        cmocka_unit_test(a_full_nodes_requests_share_the_slabs_of_the_other),
        cmocka_unit_test(bulk_calls_give_all_or_nothing),
        cmocka_unit_test(g_s12_objects_are_cleared_on_their_way_out_or_in),
        cmocka_unit_test(g_s12_clearing_padding_never_reaches_a_slabs_bitmap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
