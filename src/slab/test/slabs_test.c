/* SPDX-License-Identifier: MIT */
/* Slabs counted to the page and the object: what they ask of the page allocator, which is taken from next,
 * which go back, and what is marked and counted meanwhile. */
#include "slab_machine.h"

/* A machine on which nobody but the test works. */
static struct quarry *boot_quiet(const char *profile, const char *options)
{
    struct test_spec spec = {.pages = 4096, .profile = profile, .options = options};
    struct quarry *q = test_boot_with(&spec);

    qr_reclaim_stop(&q->reclaim);
    return q;
}

static struct page *new_slab(struct kmem_cache *cache)
{
    struct page *page = qr_slab_new(cache, GFP_KERNEL, NUMA_NO_NODE);

    assert_non_null(page);
    return page;
}

static struct page *new_listed_slab(struct kmem_cache *cache)
{
    struct page *page = new_slab(cache);

    qr_slab_publish(cache, page);
    return page;
}

/* A slab that is on no list goes home. */
static void release(struct kmem_cache *cache, struct page *page)
{
    struct slab_batch batch = {.first = (u32)qr_pfn(slab_map(cache), page)};

    page->quarry_slab.prev = 0;
    qr_slab_release(cache, &batch);
    assert_int_equal(batch.first, 0);
}

static struct page *slab_of(struct quarry *q, const void *object)
{
    return qr_head(&q->map, qr_virt_page(&q->map, object));
}

/* ---- what is asked of the page allocator ----------------------------------------------------- */

struct asked {
    unsigned int nr, fail; /* the requests whose bits are set fail */
    gfp_t gfp[8];
    size_t size[8];
};

static bool hear_request(const struct quarry_fault_request *request, void *data)
{
    struct asked *asked = data;
    unsigned int nr = asked->nr;

    if (request->point != QUARRY_FAIL_PAGE_ALLOC || nr >= QR_ARRAY_SIZE(asked->gfp))
        return false;
    asked->gfp[nr] = request->gfp;
    asked->size[nr] = request->size;
    asked->nr++;
    return (asked->fail >> nr & 1) != 0;
}

static struct asked asked;

static struct page *new_slab_heard(struct quarry *q, struct kmem_cache *cache, gfp_t gfp,
                                   unsigned int fail)
{
    struct page *page;

    asked = (struct asked){.fail = fail};
    qr_fault_set_hook(&q->faults, hear_request, &asked);
    page = qr_slab_new(cache, gfp, NUMA_NO_NODE);
    qr_fault_set_hook(&q->faults, NULL, NULL);
    return page;
}

#define ALWAYS (__GFP_COMP | __GFP_SKIP_ZERO)

static bool hear_failslab(const struct quarry_fault_request *request, void *data)
{
    if (request->point == QUARRY_FAILSLAB)
        *(gfp_t *)data = request->gfp;
    return false;
}

static void a_cache_is_made_with_the_patience_of_its_context(void **state)
{
    struct quarry *q = test_boot(512);
    gfp_t patience = 0;

    (void)state;
    qr_fault_set_hook(&q->faults, hear_failslab, &patience);
    make_cache(q, "patient", 64, 0);
    assert_int_equal(patience, GFP_KERNEL);
    qp_atomic_enter();
    make_cache(q, "hasty", 64, 0);
    qp_atomic_leave();
    assert_int_equal(patience, GFP_NOWAIT);
    qr_fault_set_hook(&q->faults, NULL, NULL);
    test_end(q);
}

/* How hard to try is the caller's, what kind of memory it is the cache's. */
static void of_a_mask_a_slab_passes_on_how_hard_to_try(void **state)
{
    static const gfp_t passed[] = {__GFP_HIGH,
                                   __GFP_MEMALLOC,
                                   __GFP_NOMEMALLOC,
                                   __GFP_IO,
                                   __GFP_FS,
                                   __GFP_DIRECT_RECLAIM,
                                   __GFP_WRITE,
                                   __GFP_KSWAPD_RECLAIM,
                                   __GFP_NOWARN,
                                   __GFP_RETRY_MAYFAIL,
                                   __GFP_NORETRY,
                                   __GFP_COLD,
                                   __GFP_THISNODE,
                                   __GFP_ACCOUNT,
                                   __GFP_HARDWALL,
                                   ALWAYS,
                                   __GFP_DIRECT_RECLAIM | __GFP_NOFAIL};
    static const gfp_t kept[] = {__GFP_DMA,     __GFP_DMA32,       __GFP_HIGHMEM,
                                 __GFP_MOVABLE, __GFP_RECLAIMABLE, __GFP_ZERO};
    struct quarry *q = boot_quiet("tiny", NULL);
    struct kmem_cache *cache = make_cache(q, "masks", 64, 0);

    (void)state;
    assert_int_equal(cache->order, cache->min_order);
    for (size_t i = 0; i < QR_ARRAY_SIZE(passed) + QR_ARRAY_SIZE(kept); i++) {
        bool passes = i < QR_ARRAY_SIZE(passed);
        gfp_t gfp = passes ? passed[i] : kept[i - QR_ARRAY_SIZE(passed)];
        release(cache, new_slab_heard(q, cache, gfp, 0));
        assert_int_equal(asked.nr, 1);
        assert_int_equal(asked.gfp[0], (passes ? gfp : 0) | ALWAYS);
        assert_int_equal(asked.size[0], PAGE_SIZE);
    }
    test_end(q);
}

static void the_kind_of_memory_is_the_caches(void **state)
{
    static const struct {
        slab_flags_t flags;
        gfp_t gfp;
    } want[] = {{0, 0},
                {SLAB_RECLAIM_ACCOUNT, __GFP_RECLAIMABLE},
                {SLAB_CACHE_DMA, __GFP_DMA},
                {SLAB_CACHE_DMA32, __GFP_DMA32},
                {SLAB_CACHE_DMA | SLAB_RECLAIM_ACCOUNT, __GFP_DMA | __GFP_RECLAIMABLE},
                {SLAB_CACHE_DMA32 | SLAB_RECLAIM_ACCOUNT, __GFP_DMA32 | __GFP_RECLAIMABLE}};
    struct quarry *q = boot_quiet("zones", NULL);

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(want); i++) {
        struct kmem_cache *cache = make_cache(q, "kind", 64, want[i].flags);
        release(cache, new_slab_heard(q, cache, GFP_KERNEL, 0));
        assert_int_equal(asked.gfp[0], GFP_KERNEL | want[i].gfp | ALWAYS);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    }
    test_end(q);
}

/* Neither a warning, nor a wait, nor a promise: the least order is asked for in the caller's words. */
static void g_e12_the_large_slab_is_asked_for_without_effort(void **state)
{
    static const gfp_t masks[] = {GFP_KERNEL | __GFP_NOFAIL, GFP_KERNEL | __GFP_RETRY_MAYFAIL,
                                  GFP_ATOMIC, GFP_NOFS | __GFP_MEMALLOC | __GFP_THISNODE};
    struct quarry *q = boot_quiet("tiny", NULL);
    struct kmem_cache *cache;

    (void)state;
    q->slabs.max_order = 3;
    cache = make_cache(q, "large", 1000, 0);
    assert_int_equal(cache->order, 2);
    assert_int_equal(cache->min_order, 0);
    for (size_t i = 0; i < QR_ARRAY_SIZE(masks); i++) {
        gfp_t easy = masks[i] & ~(__GFP_NOFAIL | __GFP_DIRECT_RECLAIM | __GFP_RETRY_MAYFAIL);
        for (unsigned int fail = 0; fail < 2; fail++) {
            struct page *page = new_slab_heard(q, cache, masks[i], fail);
            assert_int_equal(slab_order(page), fail ? 0 : 2);
            assert_int_equal(slab_objects(cache, page), fail ? 4 : 16);
            assert_int_equal(asked.nr, fail + 1);
            assert_int_equal(asked.gfp[0], easy | __GFP_NOWARN | __GFP_NORETRY | ALWAYS);
            assert_int_equal(asked.size[0], PAGE_SIZE << 2);
            if (fail) {
                assert_int_equal(asked.gfp[1], masks[i] | ALWAYS);
                assert_int_equal(asked.size[1], PAGE_SIZE);
            }
            release(cache, page);
        }
    }
    assert_null(new_slab_heard(q, cache, GFP_NOWAIT, 3));
    assert_int_equal(asked.nr, 2);
    test_end(q);
}

static enum slab_growth grow_heard(struct quarry *q, struct kmem_cache *cache, gfp_t gfp, int nid,
                                   unsigned int home, unsigned int fail)
{
    enum slab_growth growth;

    asked = (struct asked){.fail = fail};
    qr_fault_set_hook(&q->faults, hear_request, &asked);
    growth = qr_slab_grow(cache, gfp, nid, home);
    qr_fault_set_hook(&q->faults, NULL, NULL);
    return growth;
}

/* While another node has free objects the home node is asked for what it can spare, and no more. */
static void a_slab_beside_free_ones_elsewhere_is_asked_of_its_node_alone(void **state)
{
    const gfp_t all = GFP_KERNEL | __GFP_NOFAIL | __GFP_HIGH;
    struct quarry *q = boot_quiet("nodes", NULL);
    struct kmem_cache *cache = make_cache(q, "home", 64, 0);

    (void)state;
    for (unsigned int home = 0; home < 2; home++) {
        struct qr_cache_node *node = &cache->node[home], *other = &cache->node[!home];
        /* Nobody has any: an ordinary request. */
        assert_int_equal(grow_heard(q, cache, GFP_NOWAIT, (int)home, home, 1), SLAB_NOWHERE);
        assert_int_equal(asked.gfp[0], GFP_NOWAIT | ALWAYS);
        assert_int_equal(grow_heard(q, cache, all, (int)home, home, 0), SLAB_HERE);
        assert_int_equal(asked.gfp[0], all | ALWAYS);
        assert_int_equal(node->nr_empty, 1);
        assert_int_equal(other->nr_empty, 0);
        assert_int_equal(node->nr_objects, cache->objects);
        assert_int_equal(node->free_objects, cache->objects);
        /* Home has: so as well, whether from here or another node. */
        assert_int_equal(grow_heard(q, cache, all, (int)home, home, 0), SLAB_HERE);
        assert_int_equal(asked.gfp[0], all | ALWAYS);
        assert_int_equal(node->nr_empty, 2);
        /* Another has: only what is left over. */
        assert_int_equal(grow_heard(q, cache, all | __GFP_MEMALLOC | __GFP_RETRY_MAYFAIL,
                                    NUMA_NO_NODE, !home, 0),
                         SLAB_HERE);
        assert_int_equal(asked.nr, 1);
        assert_int_equal(asked.gfp[0], __GFP_KSWAPD_RECLAIM | __GFP_IO | __GFP_FS | __GFP_THISNODE |
                                           __GFP_NOWARN | __GFP_NOMEMALLOC | ALWAYS);
        assert_int_equal(other->nr_empty, 1);
        assert_int_equal(grow_heard(q, cache, GFP_NOWAIT, NUMA_NO_NODE, home, 1), SLAB_ELSEWHERE);
        assert_int_equal(node->nr_empty, 2);
        /* Unless the request is bound to its node, wherever it is now. */
        assert_int_equal(grow_heard(q, cache, GFP_KERNEL | __GFP_THISNODE, NUMA_NO_NODE, !home, 0),
                         SLAB_HERE);
        assert_int_equal(asked.gfp[0], GFP_KERNEL | __GFP_THISNODE | ALWAYS);
        assert_int_equal(other->nr_empty, 2);
        /* It comes from where it can be had. */
        qr_cache_shrink(cache);
        assert_int_equal(grow_heard(q, cache, GFP_KERNEL, !home, home, 0), SLAB_ELSEWHERE);
        assert_int_equal(other->nr_empty, 1);
        assert_int_equal(node->nr_empty, 0);
        qr_cache_shrink(cache);
    }
    test_end(q);
}

/* ---- marks and counts ------------------------------------------------------------------------ */

static void every_page_of_a_slab_is_marked_while_it_is_one(void **state)
{
    struct quarry *q = boot_quiet("nodes", NULL);
    const u32 mine = PGF_SLAB | ~0u << PGF_SLOT_SHIFT;

    (void)state;
    q->slabs.max_order = 3;
    for (int nid = 0; nid < 2; nid++) {
        struct kmem_cache *cache = make_cache(q, "marked", 1000, 0);
        u32 refs = cache->refs;
        struct page *page = qr_slab_new(cache, GFP_KERNEL | __GFP_THISNODE, nid);
        assert_non_null(page);
        assert_int_equal(slab_order(page), 2);
        assert_ptr_equal(page->quarry_slab.cache, cache);
        assert_ptr_equal(qr_slab_node(cache, page), &cache->node[nid]);
        for (int i = 0; i < 4; i++)
            assert_int_equal(page[i].flags & mine, PGF_SLAB | cache->slot_id << PGF_SLOT_SHIFT);
        assert_int_equal(cache->refs, refs + 1);
        release(cache, page);
        assert_int_equal(cache->refs, refs);
        for (int i = 0; i < 4; i++)
            assert_int_equal(
                page[i].flags & (PGF_SLAB | PGF_RESERVED | PGF_KMALLOC | PGF_VMALLOC | PGF_KMAPPED),
                0);
        assert_int_equal(qr_slot_id_of(&q->slabs.window, slab_base(cache, page)), QR_NO_SLOT);
    }
    test_end(q);
}

/* Whatever its pages' last owner left in their descriptors. */
static void a_new_slab_is_on_no_list(void **state)
{
    struct quarry *q = boot_quiet("tiny", NULL);
    struct kmem_cache *cache = make_cache(q, "new", 64, SLAB_RECLAIM_ACCOUNT);
    struct page *page[100];

    (void)state;
    for (int i = 0; i < 100; i++) {
        page[i] = qr_alloc_pages(&q->zones, GFP_KERNEL | __GFP_RECLAIMABLE, 0, NUMA_NO_NODE);
        page[i]->lru.next = page[i]->lru.prev = (struct list_head *)~0ul;
    }
    for (int i = 0; i < 100; i++)
        qr_free_block(&q->zones, page[i * 37 % 100], 0);
    for (int i = 0; i < 100; i++) {
        page[i] = new_slab(cache);
        assert_int_equal(page[i]->quarry_slab.next, 0);
        assert_int_equal(page[i]->quarry_slab.prev, 0);
        assert_true(qr_slab_is_quarantined(page[i]));
        assert_int_equal(qr_slab_free_count(cache, page[i]), cache->objects);
    }
    for (int i = 0; i < 100; i++)
        release(cache, page[i]);
    test_end(q);
}

static void a_zone_counts_the_pages_of_its_slabs(void **state)
{
    struct quarry *q = boot_quiet("tiny", NULL);
    const unsigned long *stat = q->zones.zone[0].stat;

    (void)state;
    q->slabs.max_order = 3;
    for (int kind = 0; kind < 2; kind++) {
        struct kmem_cache *cache = make_cache(q, "counted", 1000, kind ? SLAB_RECLAIM_ACCOUNT : 0);
        unsigned int own = kind ? QR_ZS_SLAB_RECLAIMABLE : QR_ZS_SLAB_UNRECLAIMABLE;
        unsigned int other = kind ? QR_ZS_SLAB_UNRECLAIMABLE : QR_ZS_SLAB_RECLAIMABLE;
        unsigned long before = stat[own], beside = stat[other];
        struct page *page[3];
        for (unsigned int i = 0; i < 3; i++) {
            page[i] = new_slab(cache);
            assert_int_equal(stat[own], before + 4 * (i + 1));
        }
        for (unsigned int i = 0; i < 3; i++) {
            release(cache, page[i]);
            assert_int_equal(stat[own], before + 4 * (2 - i));
        }
        assert_int_equal(stat[other], beside);
    }
    test_end(q);
}

static unsigned long told[2]; /* how often a constructor was called with which flags */

static void construct(void *object, struct kmem_cache *cache, unsigned long flags)
{
    assert_non_null(object);
    assert_non_null(cache);
    assert_int_equal(flags & ~(unsigned long)SLAB_CTOR_ATOMIC, SLAB_CTOR_CONSTRUCTOR);
    told[(flags & SLAB_CTOR_ATOMIC) != 0]++;
}

static void g_s11_a_constructor_is_told_whether_it_may_sleep(void **state)
{
    struct quarry *q = boot_quiet("tiny", NULL);
    struct qr_cache_params params = {
        .name = "told", .size = 64, .ctor26 = construct, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);

    (void)state;
    told[0] = told[1] = 0;
    release(cache, qr_slab_new(cache, GFP_KERNEL, NUMA_NO_NODE));
    assert_int_equal(told[0], cache->objects);
    assert_int_equal(told[1], 0);
    release(cache, qr_slab_new(cache, GFP_ATOMIC, NUMA_NO_NODE));
    assert_int_equal(told[0], cache->objects);
    assert_int_equal(told[1], cache->objects);
    test_end(q);
}

/* ---- which is taken from --------------------------------------------------------------------- */

/* From the last place down, so that a stack filled so hands them out from the first one up. */
static void a_slabs_objects_are_taken_from_the_last_to_the_first(void **state)
{
    static const size_t size[] = {64, 16, 8};
    struct quarry *q = boot_quiet("tiny", NULL);

    (void)state;
    for (size_t s = 0; s < QR_ARRAY_SIZE(size); s++) {
        struct kmem_cache *cache = make_cache(q, "order", size[s], 0);
        struct page *page = new_listed_slab(cache);
        u32 left = cache->objects, step = 1;
        static void *object[512];
        while (left) {
            u32 nr = QR_MIN(step, left);
            assert_int_equal(qr_node_take(cache, 0, object, nr), nr);
            for (u32 i = 0; i < nr; i++) {
                assert_ptr_equal(object[i], slab_object(cache, page, left - 1 - i));
                assert_false(qr_slab_bit(cache, page, left - 1 - i));
            }
            left -= nr;
            step += 13;
            assert_int_equal(qr_slab_free_count(cache, page), left);
            assert_int_equal(cache->node[0].free_objects, left);
            assert_int_equal(qr_cache_check_lists(cache), 0);
        }
        assert_int_equal(qr_node_take(cache, 0, object, 1), 0);
        for (u32 i = 0; i < cache->objects; i++)
            qr_cache_free_direct(cache, slab_object(cache, page, i), "test");
        assert_int_equal(cache->node[0].free_objects, cache->objects);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    }
    test_end(q);
}

/* Pages of another size make slabs of any number of objects; here the numbers around whole words. */
static void a_slab_of_any_number_of_objects_hands_out_each(void **state)
{
    static const u32 number[] = {65, 66, 127, 128, 129, 191, 192, 193, 254};
    struct quarry *q = boot_quiet("tiny", NULL);

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(number); i++) {
        struct kmem_cache *cache = make_cache(q, "number", 16, 0);
        static void *object[256];
        struct page *page;
        u32 nr = number[i];
        assert_in_range(nr, 65, cache->objects);
        cache->objects = cache->min_objects = nr;
        page = new_listed_slab(cache);
        assert_int_equal(qr_node_take(cache, 0, object, 256), nr);
        for (u32 k = 0; k < nr; k++) {
            assert_ptr_equal(object[k], slab_object(cache, page, nr - 1 - k));
            assert_int_equal(cache->node[0].nr_full, 1);
        }
        for (u32 k = 0; k < nr; k++)
            qr_cache_free_direct(cache, object[k], "test");
        assert_int_equal(qr_cache_check_lists(cache), 0);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    }
    test_end(q);
}

/* One that is used already, the newest first; then the newest empty one. */
static void used_slabs_are_used_up_before_empty_ones(void **state)
{
    struct quarry *q = boot_quiet("tiny", NULL);
    struct kmem_cache *cache = make_cache(q, "lists", 512, 0);
    struct qr_cache_node *node = &cache->node[0];
    void *object[3][16];
    struct page *slab[3];
    u32 nr = cache->objects;

    (void)state;
    assert_in_range(nr, 2, 16);
    cache->empty_limit = 3;
    for (int i = 0; i < 3; i++)
        slab[i] = new_listed_slab(cache);
    assert_int_equal(node->nr_empty, 3);
    assert_int_equal(node->nr_objects, 3 * nr);
    for (int i = 2; i >= 0; i--) {
        assert_int_equal(node->empty, qr_pfn(&q->map, slab[i]));
        for (u32 k = 0; k < nr; k++) {
            assert_int_equal(qr_node_take(cache, 0, &object[i][k], 1), 1);
            assert_ptr_equal(slab_of(q, object[i][k]), slab[i]);
            assert_int_equal(node->nr_partial, k + 1 < nr);
            assert_int_equal(node->nr_full, 2 - i + (k + 1 == nr));
            assert_int_equal(node->nr_empty, i);
        }
    }
    assert_int_equal(node->empty, 0);
    assert_int_equal(node->partial, 0);
    for (int i = 0; i < 3; i++) {
        qr_cache_free_direct(cache, object[i][0], "test");
        assert_int_equal(node->partial, qr_pfn(&q->map, slab[i]));
    }
    assert_int_equal(node->nr_partial, 3);
    assert_int_equal(node->nr_full, 0);
    assert_int_equal(qr_node_take(cache, 0, &object[2][0], 1), 1);
    assert_ptr_equal(slab_of(q, object[2][0]), slab[2]);
    for (int i = 0; i < 3; i++)
        for (u32 k = i < 2; k < nr; k++)
            qr_cache_free_direct(cache, object[i][k], "test");
    assert_int_equal(node->nr_empty, 3);
    assert_int_equal(node->free_objects, 3 * nr);
    test_end(q);
}

static void a_debugged_cache_takes_the_slab_that_was_idle_longest(void **state)
{
    struct quarry *q = boot_quiet("tiny", "slab_debug=F");
    struct kmem_cache *cache = make_cache(q, "turns", 512, 0);
    struct slab_batch batch = {0};
    struct page *slab[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        slab[i] = new_listed_slab(cache);
    for (int i = 0; i < 3; i++)
        for (u32 k = 0; k < cache->objects; k++)
            assert_ptr_equal(qr_node_take_rotating(cache, 0), slab_object(cache, slab[i], k));
    assert_null(qr_node_take_rotating(cache, 0));
    assert_int_equal(cache->node[0].free_objects, 0);
    assert_int_equal(cache->node[0].nr_full, 3);
    /* One that is part used keeps its turn. */
    for (int i = 0; i < 3; i++)
        for (u32 k = 0; k < 3; k++)
            qr_node_put(cache, slab[i], slab_object(cache, slab[i], k), &batch);
    for (int i = 0; i < 3; i++)
        for (u32 k = 0; k < 3; k++)
            assert_ptr_equal(slab_of(q, qr_node_take_rotating(cache, 0)), slab[i]);
    test_abandon(q);
}

/* The place after the one taken last, whatever came back meanwhile. */
static void places_are_taken_in_turn(void **state)
{
    static const u32 back[] = {5, 70, 71, 200, 64, 63, 0, 253, 127, 128};
    struct quarry *q = boot_quiet("tiny", "slab_debug=F");
    struct kmem_cache *cache = make_cache(q, "turns", 16, 0);
    struct slab_batch batch = {0};
    struct page *page;
    u32 nr = cache->objects, last;

    (void)state;
    assert_true(cache->bits_offset != 0);
    page = new_listed_slab(cache);
    for (u32 k = 0; k < nr; k++) {
        assert_ptr_equal(qr_node_take_rotating(cache, 0), slab_object(cache, page, k));
        assert_int_equal(qr_slab_free_count(cache, page), nr - 1 - k);
        assert_int_equal(cache->node[0].cursor, k + 1);
    }
    last = nr - 1;
    /* One at a time ... */
    for (size_t i = 0; i < QR_ARRAY_SIZE(back); i++) {
        u32 index = back[i] % nr;
        assert_int_equal(qr_node_put(cache, page, slab_object(cache, page, index), &batch),
                         SLAB_FINE);
        assert_ptr_equal(qr_node_take_rotating(cache, 0), slab_object(cache, page, index));
        last = index;
    }
    /* ... and all of them, of which the next is the nearest above. */
    for (size_t i = 0; i < QR_ARRAY_SIZE(back); i++)
        qr_node_put(cache, page, slab_object(cache, page, back[i] % nr), &batch);
    for (size_t i = 0; i < QR_ARRAY_SIZE(back); i++) {
        u32 next = ~0u, index;
        for (u32 k = 1; k <= nr && next == ~0u; k++)
            if (qr_slab_bit(cache, page, (last + k) % nr))
                next = (last + k) % nr;
        index = slab_index(cache, page, qr_node_take_rotating(cache, 0));
        assert_int_equal(index, next);
        last = index;
    }
    assert_int_equal(batch.first, 0);
    test_abandon(q);
}

/* ---- what goes back -------------------------------------------------------------------------- */

static u32 kept_of(struct quarry *q, u64 totalram, size_t size, slab_flags_t flags)
{
    u64 before = q->zones.totalram;
    struct kmem_cache *cache;
    u32 kept;

    q->zones.totalram = totalram;
    cache = make_cache(q, "kept", size, flags);
    q->zones.totalram = before;
    kept = cache->empty_limit;
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    return kept;
}

/* A 1024th of memory, and 256 KiB at most; a debugged cache at least one slab. */
static void how_many_empty_slabs_a_cache_keeps_follows_from_the_memory(void **state)
{
    struct quarry *q = boot_quiet("tiny", NULL);

    (void)state;
    q->slabs.max_order = 3;
    assert_int_equal(kept_of(q, 65536, 64, 0), 64);
    assert_int_equal(kept_of(q, 65535, 64, 0), 63);
    assert_int_equal(kept_of(q, 1u << 20, 64, 0), 64);
    assert_int_equal(kept_of(q, 1u << 20, 1000, 0), 16);
    assert_int_equal(kept_of(q, 4096, 1000, 0), 1);
    assert_int_equal(kept_of(q, 1024, 64, 0), 1);
    assert_int_equal(kept_of(q, 1023, 64, 0), 0);
    assert_int_equal(kept_of(q, 1023, 64, SLAB_CONSISTENCY_CHECKS), QR_CHECKS);
    assert_int_equal(kept_of(q, 65536, 64, SLAB_CONSISTENCY_CHECKS), 64);
    test_end(q);
}

static void empty_slabs_beyond_those_kept_go_back(void **state)
{
    static const size_t size[] = {512, 16};
    struct quarry *q = boot_quiet("tiny", NULL);

    (void)state;
    for (int s = 0; s < 2; s++) {
        struct kmem_cache *cache = make_cache(q, "kept", size[s], 0);
        struct qr_cache_node *node = &cache->node[0];
        static void *object[7 * 256];
        u32 nr = 7 * cache->objects, refs = cache->refs;
        cache->empty_limit = 3;
        for (u32 i = 0; i < nr; i++)
            assert_non_null(object[i] = qr_cache_alloc_direct(cache, GFP_KERNEL, NUMA_NO_NODE));
        assert_int_equal(node->nr_full, 7);
        assert_int_equal(cache->refs, refs + 7);
        for (u32 i = 0; i < nr; i++) {
            u32 idle = (i + 1) / cache->objects, gone = idle > 3 ? idle - 3 : 0;
            qr_cache_free_direct(cache, object[i], "test");
            assert_int_equal(node->nr_empty, idle - gone);
            assert_int_equal(node->nr_objects, (7 - gone) * cache->objects);
            assert_int_equal(node->free_objects, i + 1 - gone * cache->objects);
            assert_int_equal(cache->refs, refs + 7 - gone);
        }
        assert_int_equal(qr_cache_check_lists(cache), 0);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    }
    test_end(q);
}

/* The one that was idle longest goes first. */
static void of_empty_slabs_the_oldest_are_taken_off(void **state)
{
    struct quarry *q = boot_quiet("nodes", NULL);
    struct kmem_cache *cache;
    struct page *slab[2][4];
    struct slab_batch batch = {0};
    u32 nr;

    (void)state;
    q->slabs.max_order = 3;
    cache = make_cache(q, "oldest", 1000, 0);
    for (int nid = 0; nid < 2; nid++)
        for (int i = 0; i < 4; i++) {
            slab[nid][i] = qr_slab_new(cache, GFP_KERNEL | __GFP_THISNODE, nid);
            qr_slab_publish(cache, slab[nid][i]);
        }
    nr = cache->objects;
    assert_int_equal(qr_nodes_take_empty(cache, 4, &batch), 0);
    assert_int_equal(batch.first, 0);
    assert_int_equal(qr_nodes_take_empty(cache, 3, &batch), 2 * 4);
    assert_int_equal(batch.first, qr_pfn(&q->map, slab[1][0]));
    assert_int_equal(slab[1][0]->quarry_slab.prev, qr_pfn(&q->map, slab[0][0]));
    assert_int_equal(slab[0][0]->quarry_slab.prev, 0);
    assert_int_equal(qr_nodes_take_empty(cache, 1, &batch), 2 * 2 * 4);
    for (int nid = 0; nid < 2; nid++) {
        struct qr_cache_node *node = &cache->node[nid];
        assert_int_equal(node->nr_empty, 1);
        assert_int_equal(node->empty, qr_pfn(&q->map, slab[nid][3]));
        assert_int_equal(node->nr_objects, nr);
        assert_int_equal(node->free_objects, nr);
        for (int i = 0; i < 3; i++)
            assert_true(qr_slab_is_quarantined(slab[nid][i])); /* on no list */
    }
    assert_int_equal(cache->refs, 1 + 8);
    qr_slab_release(cache, &batch);
    assert_int_equal(batch.first, 0);
    assert_int_equal(cache->refs, 1 + 2);
    assert_int_equal(qr_nodes_take_empty(cache, 0, &batch), 2 * 4);
    qr_slab_release(cache, &batch);
    assert_int_equal(cache->refs, 1);
    assert_int_equal(cache_total(cache), 0);
    test_end(q);
}

/* ---- wrong frees ----------------------------------------------------------------------------- */

static void each_wrong_object_is_noted_with_what_is_wrong(void **state)
{
    struct quarry *q = boot_quiet("tiny", NULL);
    struct kmem_cache *cache = make_cache(q, "wrong", 512, 0);
    struct qr_cache_node *node = &cache->node[0];
    struct slab_batch batch = {0};
    struct slab_bad bad = {0};
    char *object[16], *nowhere = (char *)&bad;
    u32 nr = cache->objects;
    void *put[7];

    (void)state;
    new_listed_slab(cache);
    new_listed_slab(cache);
    assert_int_equal(qr_node_take(cache, 0, (void **)object, nr), nr);
    assert_int_equal(node->nr_objects, 2 * nr);
    put[0] = object[0];
    put[1] = nowhere;
    put[2] = object[1] + 8;
    put[3] = object[2];
    qr_nodes_put(cache, put, 4, &batch, &bad);
    assert_int_equal(bad.nr, 2);
    assert_ptr_equal(bad.item[0].object, nowhere);
    assert_int_equal(bad.item[0].why, SLAB_NOT_OURS);
    assert_ptr_equal(bad.item[1].object, object[1] + 8);
    assert_int_equal(bad.item[1].why, SLAB_MIDDLE);
    /* Its slab is set aside, with what was free in it, and what comes back to it. */
    assert_int_equal(node->nr_quarantined, 1);
    assert_int_equal(node->nr_partial, 0);
    assert_int_equal(node->nr_full, 0);
    assert_int_equal(node->nr_empty, 1);
    assert_int_equal(node->nr_objects, nr);
    assert_int_equal(node->free_objects, nr);
    put[0] = object[0];
    put[1] = object[2];
    put[2] = object[3];
    put[3] = NULL;
    put[4] = object[3];
    put[5] = object[3] + 1;
    qr_nodes_put(cache, put, 6, &batch, &bad);
    assert_int_equal(bad.nr, 2 + 5);
    assert_ptr_equal(bad.item[2].object, object[0]);
    assert_int_equal(bad.item[2].why, SLAB_FREE_ALREADY);
    assert_ptr_equal(bad.item[3].object, object[2]);
    assert_int_equal(bad.item[3].why, SLAB_FREE_ALREADY);
    assert_int_equal(node->nr_quarantined, 1); /* once */
    assert_int_equal(node->nr_objects, nr);
    assert_int_equal(node->free_objects, nr);
    assert_int_equal(batch.first, 0);
    assert_int_equal(qr_cache_check_lists(cache), 0);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cache_is_made_with_the_patience_of_its_context),
        cmocka_unit_test(of_a_mask_a_slab_passes_on_how_hard_to_try),
        cmocka_unit_test(the_kind_of_memory_is_the_caches),
        cmocka_unit_test(g_e12_the_large_slab_is_asked_for_without_effort),
        cmocka_unit_test(a_slab_beside_free_ones_elsewhere_is_asked_of_its_node_alone),
        cmocka_unit_test(every_page_of_a_slab_is_marked_while_it_is_one),
        cmocka_unit_test(a_new_slab_is_on_no_list),
        cmocka_unit_test(a_zone_counts_the_pages_of_its_slabs),
        cmocka_unit_test(g_s11_a_constructor_is_told_whether_it_may_sleep),
        cmocka_unit_test(a_slabs_objects_are_taken_from_the_last_to_the_first),
        cmocka_unit_test(a_slab_of_any_number_of_objects_hands_out_each),
        cmocka_unit_test(used_slabs_are_used_up_before_empty_ones),
        cmocka_unit_test(a_debugged_cache_takes_the_slab_that_was_idle_longest),
        cmocka_unit_test(places_are_taken_in_turn),
        cmocka_unit_test(how_many_empty_slabs_a_cache_keeps_follows_from_the_memory),
        cmocka_unit_test(empty_slabs_beyond_those_kept_go_back),
        cmocka_unit_test(of_empty_slabs_the_oldest_are_taken_off),
        cmocka_unit_test(each_wrong_object_is_noted_with_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
