/* SPDX-License-Identifier: MIT */
/* What a cache says of itself: its numbers, flags and hooks after it was made, what is counted of it, and
 * what is left of it when it goes. */
#include "slab_machine.h"

static struct page *slab_of(struct quarry *q, const void *object)
{
    return qr_head(&q->map, qr_virt_page(&q->map, object));
}

static void construct(void *object)
{
    memset(object, 3, 64);
}

/* ---- made ------------------------------------------------------------------------------------ */

/* Each reason for the slow way is a bit of its own, and comes and goes with what it stands for. */
static void a_caches_hooks_are_what_the_machine_was_booted_with(void **state)
{
    static const struct {
        const char *options;
        u32 plain, constructed, rcu;
    } want[] = {
        {NULL, 0, 0, 0},
        {"init_on_alloc=1", QR_HOOK_INIT_ALLOC, 0, 0},
        {"init_on_free=1", QR_HOOK_INIT_FREE, 0, 0},
        {"check=1", QR_HOOK_DEBUG | QR_HOOK_CONTEXT, QR_HOOK_DEBUG | QR_HOOK_CONTEXT,
         QR_HOOK_DEBUG | QR_HOOK_CONTEXT},
        {"slab_debug=T", QR_HOOK_DEBUG, QR_HOOK_DEBUG, QR_HOOK_DEBUG},
        {"mem_profiling=1", QR_HOOK_PROFILE, QR_HOOK_PROFILE, QR_HOOK_PROFILE},
        {"failslab=every:100000", QR_HOOK_FAULT, QR_HOOK_FAULT, QR_HOOK_FAULT},
        {"kfence.every=1000 kfence.num_objects=16", QR_HOOK_SAMPLE, QR_HOOK_SAMPLE, 0},
    };

    (void)state;
    if (!QR_CHECKS)
        skip();
    for (size_t i = 0; i < QR_ARRAY_SIZE(want); i++) {
        struct quarry *q = boot_with(2048, want[i].options);
        struct qr_cache_params params = {
            .name = "made", .size = 64, .ctor = construct, .slot_id = QR_NO_SLOT};
        struct kmem_cache *cache[3] = {make_cache(q, "plain", 64, 0),
                                       qr_cache_create(&q->slabs, &params),
                                       make_cache(q, "rcu", 64, SLAB_TYPESAFE_BY_RCU)};
        const u32 hooks[3] = {want[i].plain, want[i].constructed, want[i].rcu};
        qp_claim_cpu(&q->cpus);
        for (int c = 0; c < 3; c++) {
            assert_int_equal(cache[c]->hooks, plain_hooks() | hooks[c]);
            assert_int_equal(own_slot(q, cache[c])->hooks, plain_hooks() | hooks[c]);
            /* Made anew they are the same. */
            cache[c]->hooks = own_slot(q, cache[c])->hooks = QR_HOOK_CLOSED;
            qr_slabs_update_hooks(&q->slabs);
            assert_int_equal(cache[c]->hooks, plain_hooks() | hooks[c]);
            assert_int_equal(own_slot(q, cache[c])->hooks, plain_hooks() | hooks[c]);
        }
        assert_int_equal(q->slabs.cache_cache.hooks, QR_HOOK_CLOSED);
        assert_int_equal(q->slabs.stack_cache[0]->hooks, QR_HOOK_CLOSED);
        test_end(q);
    }
}

static void a_new_cache_is_as_it_was_asked_for(void **state)
{
    struct quarry *q = boot_with(2048, NULL);
    struct qr_cache_params params = {.name = "asked",
                                     .size = 100,
                                     .align = 32,
                                     .flags = SLAB_RECLAIM_ACCOUNT | SLAB_NO_USER_FLAGS,
                                     .ctor = construct,
                                     .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params), *undone;

    (void)state;
    assert_string_equal(cache->name, "asked");
    assert_string_equal(cache->undo, "kmem_cache_destroy");
    assert_int_equal(cache->flags, SLAB_RECLAIM_ACCOUNT | SLAB_NO_USER_FLAGS);
    assert_int_equal(cache->slab_gfp, __GFP_RECLAIMABLE);
    assert_int_equal(cache->object_size, 100);
    assert_int_equal(cache->slot_size, 128);
    assert_int_equal(cache->align, 32);
    assert_int_equal(cache->refs, 1);
    assert_int_equal(cache->created, 0);
    assert_int_equal(cache->peak, 0);
    assert_ptr_equal(cache->ctor, construct);
    assert_null(cache->ctor26);
    assert_null(cache->dtor26);
    assert_ptr_equal(cache->owner, &q->slabs);
    assert_false(cache->internal);
    assert_false(cache->dying);
    params.name = "undone";
    params.undo = "its_end";
    undone = qr_cache_create(&q->slabs, &params);
    assert_string_equal(undone->undo, "its_end");
    /* The record of a cache: a node's part for each node, and no more. */
    assert_int_equal(q->slabs.cache_cache.object_size,
                     offsetof(struct kmem_cache, node) + sizeof(struct qr_cache_node));
    test_end(q);
}

static void records_are_as_large_as_the_nodes_are_many(void **state)
{
    struct test_spec spec = {.pages = 1024, .profile = "nodes"};
    struct quarry *q = test_boot_with(&spec);

    (void)state;
    assert_int_equal(q->slabs.cache_cache.object_size,
                     offsetof(struct kmem_cache, node) + 2 * sizeof(struct qr_cache_node));
    test_end(q);
}

/* A machine on which the first caches find no memory is not booted. */
static void without_memory_for_the_first_caches_there_are_none(void **state)
{
    struct quarry *q = boot_with(1024, NULL);
    struct quarry_fault fault = {.nth = 1, .persistent = true};
    static struct qr_slabs slabs; /* as it is at boot */
    char why[128] = "";

    (void)state;
    if (!QR_CHECKS)
        skip();
    memset(&slabs, 0, sizeof(slabs));
    slabs.zones = &q->zones;
    slabs.check = &q->check;
    slabs.faults = &q->faults;
    slabs.cpus = &q->cpus;
    slabs.guards = &q->guards;
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, &fault), 0);
    assert_int_equal(qr_slabs_init(&slabs, why, sizeof(why)), -QR_ENOMEM);
    assert_string_equal(why, "slab: the machine is too small for its first object caches");
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, NULL), 0);
    assert_null(slabs.source.shrink); /* reclaim never heard of them */
    assert_int_equal(all_findings(q), 0);
    test_end(q);
}

/* Where the checks are on it is known who made a cache; Quarry's own are nobody's. */
static void who_made_a_cache_is_known_where_it_is_checked(void **state)
{
    static const char *const options[] = {NULL, "check=1"};

    (void)state;
    for (int checked = 0; checked < 1 + QR_CHECKS; checked++) {
        struct quarry *q = boot_with(1024, options[checked]);
        struct kmem_cache *cache = make_cache(q, "whose", 64, 0);
        struct quarry_cache_stat stat;
        qr_cache_stat(cache, &stat);
        assert_int_equal(stat.created.nr > 0, checked);
        assert_int_equal(cache->created != 0, checked);
        assert_int_equal(q->slabs.cache_cache.created, 0);
        assert_int_equal(q->slabs.stack_cache[1]->created, 0);
        assert_int_equal(q->slabs.cache_cache.flags & SLAB_DEBUG_FLAGS, 0);
        test_end(q);
    }
}

static void numbers_are_given_from_the_lowest_and_again(void **state)
{
    struct quarry *q = boot_with(1024, NULL);
    struct kmem_cache *cache[5], *again;
    u32 first;

    (void)state;
    for (int i = 0; i < 5; i++) {
        char name[8];
        snprintf(name, sizeof(name), "n%d", i);
        cache[i] = make_cache(q, name, 64, 0);
    }
    first = cache[0]->slot_id;
    for (u32 i = 0; i < 5; i++)
        assert_int_equal(cache[i]->slot_id, first + i);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache[3], false), 0);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache[1], false), 0);
    assert_int_equal(qr_cpu_slot(q->cpus.area[0], first + 1)->hooks, QR_HOOK_CLOSED);
    assert_null(qr_cpu_slot(q->cpus.area[0], first + 1)->cache);
    again = make_cache(q, "again", 64, 0);
    assert_int_equal(again->slot_id, first + 1);
    again = make_cache(q, "and again", 64, 0);
    assert_int_equal(again->slot_id, first + 3);
    again = make_cache(q, "next", 64, 0);
    assert_int_equal(again->slot_id, first + 5);
    test_end(q);
}

static bool count_named(struct kmem_cache *cache, void *data)
{
    (*(u32 *)data)++;
    return strcmp(cache->name, "stop here") != 0;
}

/* The undoing of what nobody has used leaves nothing. */
static void a_discarded_cache_leaves_nothing_behind(void **state)
{
    struct quarry *q = boot_with(1024, NULL);
    struct kmem_cache *cache = make_cache(q, "discarded", 64, 0), *next;
    u64 records = q->slabs.cache_cache.node[0].free_objects;
    u32 number = cache->slot_id, before = 0, after = 0;

    (void)state;
    qr_slabs_for_each_cache(&q->slabs, count_named, &before);
    qr_cache_discard(&q->slabs, cache);
    assert_int_equal(q->slabs.cache_cache.node[0].free_objects, records + 1);
    qr_slabs_for_each_cache(&q->slabs, count_named, &after);
    assert_int_equal(after, before - 1);
    next = make_cache(q, "stop here", 64, 0);
    assert_int_equal(next->slot_id, number);
    make_cache(q, "behind", 64, 0);
    after = 0;
    qr_slabs_for_each_cache(&q->slabs, count_named, &after);
    assert_int_equal(after, before); /* in the order of creation, and no further */
    assert_int_equal(next->refs, 1);
    test_end(q);
}

/* ---- slab_debug= ----------------------------------------------------------------------------- */

static void the_text_of_slab_debug_means_what_it_says(void **state)
{
    enum { UNCHANGED = 0x77 };
    static char longest[300] = "F,", too_long[300] = "F,";
    const struct {
        const char *text;
        int error;
        u32 all, some;
        const char *names;
    } want[] = {
        {"", 0, 0x1 | 0x2 | 0x4 | 0x8, UNCHANGED, "old"},
        {"F", 0, 0x1, UNCHANGED, "old"},
        {"Z", 0, 0x2, UNCHANGED, "old"},
        {"P", 0, 0x4, UNCHANGED, "old"},
        {"U", 0, 0x8, UNCHANGED, "old"},
        {"T", 0, 0x10, UNCHANGED, "old"},
        {"fzput", 0, 0x1f, UNCHANGED, "old"},
        {"-", 0, 0, UNCHANGED, "old"},
        {"-,a", 0, UNCHANGED, 0, "a"},
        {",a", 0, UNCHANGED, 0xf, "a"},
        {"UF,a,b*", 0, UNCHANGED, 0x9, "a,b*"},
        {"z,a", 0, UNCHANGED, 0x2, "a"},
        {longest, 0, UNCHANGED, 0x1, longest + 2},
        {too_long, -QR_EINVAL, UNCHANGED, UNCHANGED, "old"},
        {"F,", -QR_EINVAL, UNCHANGED, UNCHANGED, "old"},
        {",", -QR_EINVAL, UNCHANGED, UNCHANGED, "old"},
        {"--", -QR_EINVAL, UNCHANGED, UNCHANGED, "old"},
        {"-F", -QR_EINVAL, UNCHANGED, UNCHANGED, "old"},
        {"F-", -QR_EINVAL, UNCHANGED, UNCHANGED, "old"},
        {"FX", -QR_EINVAL, UNCHANGED, UNCHANGED, "old"},
        {"F a", -QR_EINVAL, UNCHANGED, UNCHANGED, "old"},
        {"&", -QR_EINVAL, UNCHANGED, UNCHANGED, "old"}, /* F without the bit of a letter */
        {"\xa6", -QR_EINVAL, UNCHANGED, UNCHANGED, "old"},
    };
    struct quarry *q = boot_with(256, NULL);
    u32 flag[] = {SLAB_CONSISTENCY_CHECKS, SLAB_RED_ZONE, SLAB_POISON, SLAB_STORE_USER, SLAB_TRACE};

    (void)state;
    memset(longest + 2, 'n', sizeof(q->slabs.debug_names) - 1);
    memset(too_long + 2, 'n', sizeof(q->slabs.debug_names));
    for (size_t i = 0; i < QR_ARRAY_SIZE(want); i++) {
        u32 all = 0, some = 0;
        q->slabs.debug_all = q->slabs.debug_some = UNCHANGED;
        strcpy(q->slabs.debug_names, "old");
        assert_int_equal(qr_slabs_debug_option(&q->slabs, want[i].text), want[i].error);
        for (int bit = 0; bit < 5; bit++) {
            all |= want[i].all & (1u << bit) ? flag[bit] : 0;
            some |= want[i].some & (1u << bit) ? flag[bit] : 0;
        }
        assert_int_equal(q->slabs.debug_all, want[i].all == UNCHANGED ? UNCHANGED : all);
        assert_int_equal(q->slabs.debug_some, want[i].some == UNCHANGED ? UNCHANGED : some);
        assert_string_equal(q->slabs.debug_names, want[i].names);
    }
    q->slabs.debug_all = q->slabs.debug_some = 0;
    test_end(q);
}

/* ---- the window ------------------------------------------------------------------------------ */

/* Pieces that touch are one; what is high memory, or lies behind a hole, is not in it. */
static void the_window_goes_over_borders_but_not_over_holes(void **state)
{
    static const struct quarry_region regions[] = {{.start = 0, .size = 2u << 20},
                                                   {.start = 4u << 20, .size = 2u << 20},
                                                   {.start = 8u << 20, .size = 2u << 20}};
    struct test_spec spec = {.pages = 1024, .profile = "nodes"};
    struct quarry *q = test_boot_with(&spec);

    (void)state;
    assert_int_equal(q->slabs.window.pages, 1024);
    assert_ptr_equal(q->slabs.window.first, qr_page(&q->map, 0));
    test_end(q);
    spec.profile = "zones";
    q = test_boot_with(&spec);
    assert_true(q->map.low_end < 1024);
    assert_int_equal(q->slabs.window.pages, q->map.low_end);
    test_end(q);
    spec = (struct test_spec){.regions = regions, .nr_regions = 3};
    q = test_boot_with(&spec); /* of equal ones the first */
    assert_int_equal(q->slabs.window.pages, 512);
    assert_ptr_equal(q->slabs.window.first, qr_page(&q->map, 0));
    test_end(q);
}

/* What lies outside takes the way on which everything is looked up. */
static void an_object_at_the_windows_end_is_not_pushed_unseen(void **state)
{
    struct quarry *q;
    struct kmem_cache *cache;
    struct qr_cpu *cpu;
    void *object[4];

    (void)state;
    NEEDS_FAST_WAY();
    q = boot_with(1024, NULL);
    cache = make_cache(q, "edge", 64, 0);
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 4, object), 4);
    qp_percpu_leave(qp_percpu_enter(&q->cpus, &cpu));
    for (u64 inside = 0; inside < 2; inside++) {
        u64 page = (u64)(slab_of(q, object[0]) - q->slabs.window.first);
        u64 pages = q->slabs.window.pages;
        q->slabs.window.pages = page + inside;
        cpu->drain_requested = QR_DRAIN_STACKS; /* the slots stay open */
        qr_cache_free_bulk(&q->slabs, cache, 4, object);
        assert_int_equal(cpu->drain_requested, inside ? QR_DRAIN_STACKS : 0);
        q->slabs.window.pages = pages;
        cpu->drain_requested = 0;
        assert_int_equal(cache_active(cache), 0);
        assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 4, object), 4);
    }
    qr_cache_free_bulk(&q->slabs, cache, 4, object);
    test_end(q);
}

/* ---- counts ---------------------------------------------------------------------------------- */

static void a_caches_counts_add_up_wherever_its_objects_are(void **state)
{
    static void *object[400];
    struct quarry *q = boot_with(4096, NULL);
    struct kmem_cache *cache = make_cache(q, "summed", 200, 0);
    struct quarry_cache_stat stat;
    u32 per_slab = cache->objects;

    (void)state;
    cache->empty_limit = 100;
    for (int i = 0; i < 400; i++) {
        object[i] = take(cache);
        qr_cache_stat(cache, &stat);
        assert_int_equal(stat.active, i + 1);
        assert_int_equal(stat.peak, i + 1);
        assert_int_equal(stat.total, stat.slabs * per_slab);
    }
    assert_in_range(stat.slabs, 400 / per_slab, (400 + cache->max_depth) / per_slab + 1);
    for (int i = 0; i < 399; i++) {
        give(q, cache, object[i]);
        if (i == 200)
            qr_slabs_drain_all(&q->slabs);
        assert_int_equal(cache_active(cache), 399 - i);
        assert_int_equal(cache_total(cache), stat.total);
    }
    assert_true(cache->node[0].stacked_objects > 0);
    qr_cache_stat(cache, &stat);
    assert_string_equal(stat.name, "summed");
    assert_string_equal(stat.undo, "kmem_cache_destroy");
    assert_int_equal(stat.object_size, 200);
    assert_int_equal(stat.slot_size, 200);
    assert_int_equal(stat.objects_per_slab, per_slab);
    assert_int_equal(stat.pages_per_slab, 1u << cache->order);
    assert_int_equal(stat.slabs,
                     cache->node[0].nr_full + cache->node[0].nr_partial + cache->node[0].nr_empty);
    assert_int_equal(stat.active, 1);
    assert_int_equal(stat.peak, 1); /* without checks nobody counts */
    assert_int_equal(stat.allocs, 0);
    assert_int_equal(stat.frees, 0);
    assert_int_equal(stat.created.nr, 0);
    give(q, cache, object[399]);
    qr_cache_stat(make_cache(q, "wide", 1000, 0), &stat);
    assert_int_equal(stat.pages_per_slab, 2);
    assert_int_equal(stat.objects_per_slab, 8);
    assert_int_equal(stat.slabs, 0);
    test_end(q);
}

static void a_quarantined_slab_is_still_one(void **state)
{
    struct quarry *q = boot_with(512, NULL);
    struct kmem_cache *cache = make_cache(q, "aside", 200, 0);
    char *object = qr_cache_alloc_direct(cache, GFP_KERNEL, NUMA_NO_NODE);
    void *put[] = {object + 8};
    struct slab_batch batch = {0};
    struct slab_bad bad = {0};
    struct quarry_cache_stat stat;

    (void)state;
    qr_cache_free_direct(cache, qr_cache_alloc_direct(cache, GFP_KERNEL, NUMA_NO_NODE), "test");
    qr_nodes_put(cache, put, 1, &batch, &bad);
    assert_int_equal(bad.nr, 1);
    qr_cache_stat(cache, &stat);
    assert_int_equal(stat.slabs, 1);
    assert_int_equal(stat.total, 0);
    assert_int_equal(stat.active, 0);
    test_end(q);
}

static void both_nodes_are_counted(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "nodes"};
    struct quarry *q = test_boot_with(&spec);
    struct kmem_cache *cache = make_cache(q, "both", 512, 0);
    struct quarry_cache_stat stat;
    void *object[2];

    (void)state;
    for (int nid = 0; nid < 2; nid++)
        object[nid] = qr_cache_alloc_slow(cache, GFP_KERNEL | __GFP_THISNODE, nid);
    qr_cache_stat(cache, &stat);
    assert_int_equal(stat.active, 2);
    assert_int_equal(stat.slabs, 2);
    assert_int_equal(stat.total, 2ul * cache->objects);
    for (int nid = 0; nid < 2; nid++)
        give(q, cache, object[nid]);
    assert_int_equal(cache_active(cache), 0);
    test_end(q);
}

static struct quarry_live live[4];

static bool keep_live(const struct quarry_live *one, void *data)
{
    u32 *nr = data;

    if (strcmp(one->cache, "live") == 0 && *nr < 4)
        live[(*nr)++] = *one;
    return true;
}

static void a_live_object_is_described_as_far_as_it_is_known(void **state)
{
    static const struct {
        const char *options;
        bool size, owner;
    } want[] = {{NULL, false, false},
                {"slab_debug=F", true, false},
                {"slab_debug=U", true, true},
                {"mem_profiling=1", false, false}};

    (void)state;
    for (size_t i = 0; i < (QR_CHECKS ? QR_ARRAY_SIZE(want) : 1); i++) {
        struct quarry *q = boot_with(2048, want[i].options);
        struct kmem_cache *cache = make_cache(q, "live", 100, 0);
        u64 before = qp_now_ns();
        void *object = qr_cache_alloc_sized(cache, GFP_NOFS, NUMA_NO_NODE, 70, "it");
        u32 nr = 0;
        qr_slabs_for_each_live(&q->slabs, keep_live, &nr);
        assert_int_equal(nr, 1);
        assert_int_equal(live[0].kind, QUARRY_LIVE_OBJECT);
        assert_ptr_equal(live[0].address, object);
        assert_int_equal(live[0].size, want[i].size ? 70 : 100);
        assert_string_equal(live[0].cache, "live");
        assert_false(live[0].lost);
        assert_int_equal(live[0].gfp, want[i].owner ? GFP_NOFS : 0);
        assert_int_equal(live[0].sequence > 0, want[i].owner);
        assert_int_equal(live[0].allocated.nr > 0, want[i].owner);
        if (want[i].owner)
            assert_in_range(live[0].when_ns, before, qp_now_ns());
        else
            assert_int_equal(live[0].when_ns, 0);
        if (want[i].size) {
            slab_meta(cache, object)->leak = QR_LEAK_UNSEEN;
            nr = 0;
            qr_slabs_for_each_live(&q->slabs, keep_live, &nr);
            assert_true(live[0].lost);
            slab_meta(cache, object)->requested = 1000; /* overwritten: no more than there is */
            nr = 0;
            qr_slabs_for_each_live(&q->slabs, keep_live, &nr);
            assert_int_equal(live[0].size, 100);
        }
        give(q, cache, object);
        test_abandon(q);
    }
}

/* The record behind an object is not its owner's to clear, and counts it for a place while it is out. */
static void a_profiled_object_counts_for_its_place_while_it_is_out(void **state)
{
    static const char *const options[] = {"mem_profiling=1", "mem_profiling=1 init_on_alloc=1",
                                          "mem_profiling=1 init_on_free=1",
                                          "mem_profiling=1 slab_debug=U"};

    (void)state;
    if (!QR_CHECKS)
        skip();
    for (size_t i = 0; i < QR_ARRAY_SIZE(options); i++) {
        struct quarry *q = boot_with(2048, options[i]);
        struct kmem_cache *cache = make_cache(q, "counted", 100, 0);
        struct qr_site *place;
        struct qr_meta *meta;
        char *object[2];
        u32 site;
        for (int k = 0; k < 2; k++) { /* from one place */
            object[k] = qr_cache_alloc_sized(cache, GFP_KERNEL, NUMA_NO_NODE, 70, "it");
            memset(object[k], 0x55, 100);
        }
        meta = slab_meta(cache, object[0]);
        site = meta->site;
        assert_true(site > 0 && site <= q->check.sites.mask);
        assert_int_equal(slab_meta(cache, object[1])->site, site);
        assert_int_equal(meta->requested, i == 3 ? 70 : 100);
        assert_int_equal(meta->leak, QR_LEAK_REACHED);
        place = &q->check.sites.site[site];
        assert_int_equal(place->bytes, 200);
        assert_int_equal(place->calls, 2);
        meta->leak = QR_LEAK_UNSEEN;
        give(q, cache, object[0]);
        assert_int_equal(place->bytes, 100);
        assert_int_equal(place->calls, 1);
        assert_int_equal(meta->site, 0);
        assert_int_equal(meta->requested, i == 3 ? 70 : 100);
        for (int byte = 0; byte < 100; byte++)
            assert_int_equal(object[0][byte], i == 2 ? 0 : 0x55);
        if (i < 3) { /* the same again */
            assert_ptr_equal(take(cache), object[0]);
            assert_int_equal(meta->leak, QR_LEAK_REACHED);
            assert_int_equal(meta->requested, 100);
            assert_int_not_equal(meta->site, 0);
            for (int byte = 0; byte < 100; byte++)
                assert_int_equal(object[0][byte], i ? 0 : 0x55);
            give(q, cache, object[0]);
        }
        give(q, cache, object[1]);
        assert_int_equal(place->bytes, 0);
        assert_int_equal(place->calls, 0);
        test_end(q);
    }
}

/* To the end of what was asked for, and not beyond the object, whatever its record says by now. */
static void an_object_is_its_owners_up_to_what_was_asked_for(void **state)
{
    static const char *const options[] = {"slab_debug=Z", "slab_debug=F", "mem_profiling=1", NULL};

    (void)state;
    for (size_t i = 0; i < (QR_CHECKS ? QR_ARRAY_SIZE(options) : 0); i++) {
        struct quarry *q = boot_with(2048, options[i]);
        struct kmem_cache *cache = make_cache(q, "asked", 100, 0);
        char *object = qr_cache_alloc_sized(cache, GFP_KERNEL, NUMA_NO_NODE, 70, "it");
        struct qr_leak_block block = {0};
        struct qr_object found;
        assert_true(qr_object_find(&q->slabs, object, &found));
        assert_int_equal(qr_object_granted(&found), i ? 100 : 70);
        assert_int_equal(qr_object_usable(cache), 100);
        assert_int_equal(qr_slabs_leak_find(&q->slabs, object + 69, &block), i < 2);
        if (i < 2) {
            assert_ptr_equal(block.start, object);
            assert_int_equal(block.size, 70);
            assert_ptr_equal(block.word, &slab_meta(cache, object)->leak);
        }
        if (i < 3) {
            slab_meta(cache, object)->requested = 1000;
            assert_int_equal(qr_object_granted(&found), 100);
            if (qr_slabs_leak_find(&q->slabs, object, &block))
                assert_int_equal(block.size, 100);
            slab_meta(cache, object)->requested = 70;
        }
        if (!i) { /* in place, both ways; the red zone goes with it */
            qr_object_resize(&found, 90);
            assert_int_equal(qr_object_granted(&found), 90);
            assert_int_equal((u8)object[90], 0xcc);
            qr_object_resize(&found, 71);
            assert_int_equal(qr_object_granted(&found), 71);
            assert_int_equal((u8)object[71], 0xcc);
            assert_int_equal((u8)object[99], 0xcc);
            assert_int_equal(all_findings(q), 0);
        }
        give(q, cache, object);
        assert_int_equal(all_findings(q), 0);
        test_end(q);
    }
}

static struct {
    unsigned int nr;
    const void *address;
    size_t size;
    enum qp_block what;
} block_told;

static void hear_block(const void *address, size_t size, enum qp_block what)
{
    block_told.nr++;
    block_told.address = address;
    block_told.size = size;
    block_told.what = what;
}

/* Who keeps a list of blocks is told of each, with what was asked for, and when it is gone. */
static void every_debugged_object_is_told_as_a_block(void **state)
{
    struct test_spec spec = {.pages = 512, .options = "slab_debug=F", .block = hear_block};
    struct quarry *q;
    struct kmem_cache *cache, *made;
    struct qr_cache_params params = {
        .name = "made", .size = 64, .ctor = construct, .slot_id = QR_NO_SLOT};
    void *object;

    (void)state;
    if (!QR_CHECKS)
        skip();
    q = test_boot_with(&spec);
    cache = make_cache(q, "told", 100, 0);
    made = qr_cache_create(&q->slabs, &params);
    for (int way = 0; way < 3; way++) {
        struct kmem_cache *from = way == 2 ? made : cache;
        gfp_t gfp = way == 1 ? GFP_KERNEL | __GFP_ZERO : GFP_KERNEL;
        memset(&block_told, 0, sizeof(block_told));
        object = qr_cache_alloc_sized(from, gfp, NUMA_NO_NODE, 50, "it");
        assert_int_equal(block_told.nr, 1);
        assert_ptr_equal(block_told.address, object);
        assert_int_equal(block_told.size, 50);
        assert_int_equal(block_told.what, way ? QP_BLOCK_WRITTEN : QP_BLOCK_FRESH);
        give(q, from, object);
        assert_int_equal(block_told.nr, 2);
        assert_ptr_equal(block_told.address, object);
        assert_int_equal(block_told.what, QP_BLOCK_FREED);
        give(q, from, object); /* told as a mistake, not as a block */
        assert_int_equal(block_told.nr, 2);
    }
    test_end(q);
}

/* Moved to here and now: everything of the record but what was asked for. */
static void an_objects_record_can_be_moved(void **state)
{
    struct quarry *q;
    struct kmem_cache *cache;
    struct qr_owner before, *now;
    struct qr_object found;
    void *object;

    (void)state;
    if (!QR_CHECKS)
        skip();
    q = boot_with(512, "slab_debug=U");
    cache = make_cache(q, "moved", 100, 0);
    object = qr_cache_alloc_slow(cache, GFP_NOFS, NUMA_NO_NODE);
    now = &slab_meta(cache, object)->allocated;
    before = *now;
    assert_int_equal(before.gfp, GFP_NOFS);
    assert_int_equal(before.order_or_cpu, qp_task_id());
    assert_true(qr_object_find(&q->slabs, object, &found));
    now->order_or_cpu = 0;
    qr_object_retrace(&found);
    assert_int_equal(now->gfp, GFP_NOFS);
    assert_int_equal(now->order_or_cpu, qp_task_id());
    assert_true(now->sequence > before.sequence);
    assert_true(now->when_ns >= before.when_ns);
    assert_int_not_equal(now->trace, before.trace);
    assert_int_equal(slab_meta(cache, object)->freed.trace, 0);
    give(q, cache, object);
    assert_int_equal(slab_meta(cache, object)->freed.gfp, 0);
    assert_int_equal(slab_meta(cache, object)->freed.order_or_cpu, qp_task_id());
    assert_int_not_equal(slab_meta(cache, object)->freed.trace, 0);
    test_end(q);
}

/* Once in 1024 slow ways, from the first on. */
static void level_three_walks_once_in_so_many_ways(void **state)
{
    struct quarry *q;
    struct kmem_cache *cache;

    (void)state;
    if (!QR_CHECKS)
        skip();
    for (int level = 2; level <= 3; level++) {
        q = boot_with(1024, level == 2 ? "check=2" : "check=3");
        cache = make_cache(q, "walked", 64, 0);
        q->slabs.walks = 0;
        give(q, cache, take(cache));
        assert_int_equal(all_findings(q), 0);
        cache->node[0].free_objects++; /* each walk finds that */
        for (u32 i = 1; i <= 3 * 1024; i++) {
            give(q, cache, take(cache));
            assert_int_equal(all_findings(q), level == 3 ? i / 1024 : 0);
        }
        cache->node[0].free_objects--;
        assert_int_equal(q->slabs.walks, level == 3 ? 3 * 1024 + 1 : 0);
        test_end(q);
    }
}

/* ---- what an address is ---------------------------------------------------------------------- */

static void an_address_is_found_to_the_byte(void **state)
{
    static const char *const options[] = {NULL, "slab_debug=F"};

    (void)state;
    for (int exact = 0; exact < 1 + QR_CHECKS; exact++) {
        struct quarry *q = boot_with(512, options[exact]);
        struct kmem_cache *cache = make_cache(q, "found", 100, 0);
        char *object = take(cache), *other = take(cache);
        struct page *slab = slab_of(q, object);
        struct qr_object found;
        for (size_t at = 0; at < 104; at++) {
            assert_true(qr_object_find(&q->slabs, object + at, &found));
            assert_ptr_equal(found.cache, cache);
            assert_ptr_equal(found.slab, slab);
            assert_int_equal(found.index, slab_index(cache, slab, object));
            assert_int_equal(found.offset, at);
            assert_ptr_equal(found.start, at < 100 ? object : NULL);
            assert_int_equal(found.exact, at == 0);
            assert_int_equal(found.allocated, at < 100);
        }
        assert_int_equal(qr_object_usable(cache), 100);
        /* Free: by the bitmap; who holds the address is only told so where that is exact. */
        give(q, cache, object);
        assert_true(qr_object_locate(&q->slabs, object, &found));
        assert_int_equal(found.allocated, !exact);
        qr_slots_flush(cache, false);
        assert_true(qr_object_find(&q->slabs, object, &found));
        assert_false(found.allocated);
        assert_true(qr_object_locate(&q->slabs, object, &found));
        assert_int_equal(found.allocated, !exact);
        assert_false(qr_object_locate(&q->slabs, &found, &found));
        give(q, cache, other);
        test_end(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_caches_hooks_are_what_the_machine_was_booted_with),
        cmocka_unit_test(a_new_cache_is_as_it_was_asked_for),
        cmocka_unit_test(records_are_as_large_as_the_nodes_are_many),
        cmocka_unit_test(without_memory_for_the_first_caches_there_are_none),
        cmocka_unit_test(who_made_a_cache_is_known_where_it_is_checked),
        cmocka_unit_test(numbers_are_given_from_the_lowest_and_again),
        cmocka_unit_test(a_discarded_cache_leaves_nothing_behind),
        cmocka_unit_test(the_text_of_slab_debug_means_what_it_says),
        cmocka_unit_test(the_window_goes_over_borders_but_not_over_holes),
        cmocka_unit_test(an_object_at_the_windows_end_is_not_pushed_unseen),
        cmocka_unit_test(a_caches_counts_add_up_wherever_its_objects_are),
        cmocka_unit_test(a_quarantined_slab_is_still_one),
        cmocka_unit_test(both_nodes_are_counted),
        cmocka_unit_test(a_live_object_is_described_as_far_as_it_is_known),
        cmocka_unit_test(a_profiled_object_counts_for_its_place_while_it_is_out),
        cmocka_unit_test(an_object_is_its_owners_up_to_what_was_asked_for),
        cmocka_unit_test(every_debugged_object_is_told_as_a_block),
        cmocka_unit_test(an_objects_record_can_be_moved),
        cmocka_unit_test(level_three_walks_once_in_so_many_ways),
        cmocka_unit_test(an_address_is_found_to_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
