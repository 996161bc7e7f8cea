/* SPDX-License-Identifier: MIT */
/* Caches: what is rarely asked of them, and walks that meet one on its way out. */
#include "slab_machine.h"
#include "child.h"
#include <pthread.h>
#include <signal.h>

/* ---- making ---------------------------------------------------------------------------------- */

static void empty_names_on_slab_debugs_list_are_passed_over(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=Z,,first,,*last,");

    (void)state;
    assert_true(make_cache(q, "first", 64, 0)->flags & SLAB_RED_ZONE);
    assert_false(make_cache(q, "second", 64, 0)->flags & SLAB_RED_ZONE);
    assert_int_equal(qr_slabs_debug_option(&q->slabs, "Z,,,third"), 0);
    assert_true(make_cache(q, "third", 64, 0)->flags & SLAB_RED_ZONE);
    assert_false(make_cache(q, "first", 64, 0)->flags & SLAB_RED_ZONE);
    test_end(q);
}

static void a_slot_number_that_is_in_use_is_not_given_twice(void **state)
{
    struct quarry *q = test_boot(512);
    struct kmem_cache *first = make_cache(q, "first", 64, 0), *second, *third;
    struct qr_cache_params params = {.name = "second", .size = 64, .slot_id = first->slot_id};

    (void)state;
    second = qr_cache_create(&q->slabs, &params);
    assert_int_not_equal(second->slot_id, first->slot_id);
    assert_true(second->slot_id < QR_NO_SLOT);
    params.name = "third";
    params.slot_id = second->slot_id + 5;
    third = qr_cache_create(&q->slabs, &params);
    assert_int_equal(third->slot_id, second->slot_id + 5);
    test_end(q);
}

static void g_z10_a_dma32_caches_slabs_lie_below_its_limit(void **state)
{
    struct test_spec spec = {.pages = 2048, .dma32_limit = (phys_addr_t)512 << PAGE_SHIFT};
    struct quarry *q = test_boot_with(&spec);
    struct kmem_cache *low = make_cache(q, "low", 256, SLAB_CACHE_DMA32);
    struct kmem_cache *normal = make_cache(q, "normal", 256, 0);
    void *object[2][100];

    (void)state;
    for (int i = 0; i < 100; i++) {
        object[0][i] = take(low);
        object[1][i] = take(normal);
        assert_true(qr_pfn(&q->map, qr_virt_page(&q->map, object[0][i])) < 512);
        assert_true(qr_pfn(&q->map, qr_virt_page(&q->map, object[1][i])) >= 512);
    }
    for (int i = 0; i < 100; i++) {
        give(q, low, object[0][i]);
        give(q, normal, object[1][i]);
    }
    test_end(q);
}

static void make_one_without_a_name(const void *data)
{
    struct quarry *q = test_boot(256);
    struct qr_cache_params params = {.size = 64, .flags = SLAB_PANIC, .slot_id = QR_NO_SLOT};

    (void)data;
    signal(SIGABRT, SIG_DFL); /* not the test library's */
    qr_cache_create(&q->slabs, &params);
}

static void a_cache_that_must_be_there_but_has_no_name_ends_the_program(void **state)
{
    int status = child_run(make_one_without_a_name, NULL);

    (void)state;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(child_text, "cache NULL (64 bytes) could not be made"));
}

static void make_one_with_a_long_name(const void *data)
{
    struct quarry *q = test_boot(256);
    struct qr_cache_params params = {
        .name = data, .size = 0, .flags = SLAB_PANIC, .slot_id = QR_NO_SLOT};

    signal(SIGABRT, SIG_DFL); /* not the test library's */
    q->check.hook = NULL;
    qr_cache_create(&q->slabs, &params);
}

/* What the program ends with fits into 160 bytes with its end, whatever the name. */
static void the_last_words_are_cut_to_their_room(void **state)
{
    static const char words[] = "quarry: cache ";
    const char *at = NULL;
    char name[400];
    int status;

    (void)state;
    memset(name, 'N', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    status = child_run(make_one_with_a_long_name, name);
    assert_true(WIFSIGNALED(status));
    for (const char *next = child_text; (next = strstr(next, words)); next++)
        at = next;
    assert_non_null(at);
    assert_int_equal(strspn(at + strlen(words), "N"), 160 - 1 - strlen(words));
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void a_node_that_a_machine_of_one_has_not_is_told_so(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "node", 64, 0);
    void *object = qr_cache_alloc_slow(cache, GFP_KERNEL, 3);

    (void)state;
    assert_non_null(object);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    assert_non_null(strstr(test_last_report, "on node 3: the machine has 1 node; any"));
    give(q, cache, object);
    test_end(q);
}

static unsigned long take_all(struct quarry *q, struct kmem_cache *cache, gfp_t gfp, void **object,
                              unsigned long max)
{
    unsigned long nr = 0;

    (void)q;
    while (nr < max && (object[nr] = qr_cache_alloc_slow(cache, gfp, NUMA_NO_NODE)) != NULL)
        nr++;
    return nr;
}

/* On this CPU's node nothing is left; the other one has plenty. */
static void a_request_bound_to_its_node_ends_with_it(void **state)
{
    static const char *const options[] = {NULL, "slab_debug=F"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct test_spec spec = {.pages = 512, .profile = "nodes", .options = options[i]};
        struct quarry *q = test_boot_with(&spec);
        struct kmem_cache *cache = make_cache(q, "bound", 1000, 0);
        static void *object[2000];
        unsigned long nr;
        void *more;

        qr_reclaim_stop(&q->reclaim); /* nobody finds more */
        nr = take_all(q, cache, GFP_NOWAIT | __GFP_THISNODE, object, 2000);
        assert_in_range(nr, 100, 1999);
        for (unsigned long j = 0; j < nr; j++)
            assert_int_equal(
                qr_pfn_node(&q->map, qr_pfn(&q->map, qr_virt_page(&q->map, object[j]))),
                qr_pfn_node(&q->map, qr_pfn(&q->map, qr_virt_page(&q->map, object[0]))));
        more = qr_cache_alloc_slow(cache, GFP_NOWAIT, NUMA_NO_NODE);
        assert_non_null(more);
        assert_null(qr_cache_alloc_slow(cache, GFP_NOWAIT | __GFP_THISNODE, NUMA_NO_NODE));
        give(q, cache, more);
        while (nr)
            give(q, cache, object[--nr]);
        test_end(q);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

static void quarrys_own_caches_are_nobodys_to_destroy(void **state)
{
    struct quarry *q = test_boot(512);

    (void)state;
    assert_int_equal(qr_cache_destroy(&q->slabs, &q->slabs.cache_cache, false), -QR_EINVAL);
    assert_int_equal(qr_cache_destroy(&q->slabs, q->slabs.stack_cache[0], false), -QR_EINVAL);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 2);
    assert_non_null(make_cache(q, "after", 64, 0)); /* they work as before */
    test_end(q);
}

static bool count_caches(struct kmem_cache *cache, void *data)
{
    struct kmem_cache **wanted = data;

    if (cache == *wanted)
        *wanted = NULL;
    return true;
}

/* Its last object's free is between its last reference and the list: a walk must neither stand on it
 * nor give it another life. */
static void a_cache_whose_last_reference_is_gone_is_passed_over(void **state)
{
    struct quarry *q = test_boot(512);
    struct kmem_cache *cache = make_cache(q, "going", 64, 0), *walked = NULL;
    u32 refs = cache->refs;
    int others = 0;

    (void)state;
    cache->refs = 0;
    while ((walked = qr_cache_next(&q->slabs, walked)) != NULL) {
        assert_ptr_not_equal(walked, cache);
        others++;
    }
    assert_true(others > 10);
    assert_int_equal(cache->refs, 0);
    cache->refs = refs;
    test_end(q);
}

static void g_d1_a_destroyed_cache_with_live_objects_is_listed_no_more(void **state)
{
    struct quarry *q = test_boot(512);
    struct kmem_cache *cache = make_cache(q, "gone", 64, 0), *wanted = cache;
    void *object = take(cache);

    (void)state;
    qr_slabs_for_each_cache(&q->slabs, count_caches, &wanted);
    assert_null(wanted);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    wanted = cache;
    qr_slabs_for_each_cache(&q->slabs, count_caches, &wanted);
    assert_ptr_equal(wanted, cache);
    give(q, cache, object);
    test_end(q);
}

/* ---- shrinking what readers may look at -------------------------------------------------------- */

/* Pages that the shrinker says it gave back, which must be those that came. */
static unsigned long given_back(struct quarry *q, bool may_sleep)
{
    unsigned long given;
    u64 before;

    qr_pcp_drain_all(&q->zones);
    before = qr_free_pages_total(&q->zones);
    given = q->slabs.source.shrink(&q->slabs, ~0ul, may_sleep);
    qr_pcp_drain_all(&q->zones);
    assert_int_equal(given, qr_free_pages_total(&q->zones) - before);
    return given;
}

static void one_empty_slab(struct quarry *q, struct kmem_cache *cache)
{
    give(q, cache, take(cache));
    qr_slots_flush(cache, false);
    assert_int_equal(cache->node[0].nr_empty, 1);
}

static void slabs_that_wait_for_readers_count_for_reclaim_when_they_are_back(void **state)
{
    struct quarry *q = test_boot(8192);
    struct kmem_cache *cache = make_cache(q, "readers", 512, SLAB_TYPESAFE_BY_RCU);

    (void)state;
    free_pages_when_idle(q);
    one_empty_slab(q, cache);
    assert_true(given_back(q, true) >= 1ul << cache->order);
    assert_int_equal(cache_total(cache), 0);
    /* One who reads cannot wait for readers. */
    one_empty_slab(q, cache);
    qr_grace_enter(&q->grace);
    given_back(q, true);
    assert_int_equal(cache_total(cache), 0);
    assert_int_not_equal(cache->left, 0);
    qr_grace_leave(&q->grace);
    /* Nor does reclaim that may not sleep, though nobody reads. */
    free_pages_when_idle(q);
    qr_cache_free_direct(cache, qr_cache_alloc_direct(cache, GFP_KERNEL, NUMA_NO_NODE), "test");
    assert_int_equal(cache->node[0].nr_empty, 1);
    assert_int_equal(q->slabs.source.shrink(&q->slabs, ~0ul, false), 0);
    assert_int_equal(cache_total(cache), 0);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    assert_int_equal(all_findings(q), 0);
    test_end(q);
}

/* It would be told, as one who reads and waits for readers. */
static void shrinking_in_atomic_context_does_not_wait_for_readers(void **state)
{
    struct quarry *q = test_boot(8192);
    struct kmem_cache *cache = make_cache(q, "readers", 512, SLAB_TYPESAFE_BY_RCU);

    (void)state;
    one_empty_slab(q, cache);
    qr_grace_enter(&q->grace);
    quarry_context_enter(QUARRY_CTX_PREEMPT_OFF);
    assert_int_equal(qr_cache_shrink(cache), 0);
    assert_int_not_equal(cache->left, 0);
    quarry_context_leave(QUARRY_CTX_PREEMPT_OFF);
    qr_grace_leave(&q->grace);
    assert_int_equal(all_findings(q), 0);
    assert_int_equal(qr_cache_shrink(cache), 0); /* and here it does */
    assert_int_equal(cache->left, 0);
    test_end(q);
}

static void nothing_to_do(struct qr_grace_call *call)
{
    (void)call;
}

/* Where nobody knows when readers are done a wait for them would be told. */
static void an_ordinary_cache_waits_for_no_readers(void **state)
{
    struct quarry *q = test_boot(8192);
    struct kmem_cache *cache = make_cache(q, "plain", 512, 0);
    const struct quarry_grace_period *how = q->grace.how;
    struct qr_grace_call call = {.fn = nothing_to_do};

    (void)state;
    one_empty_slab(q, cache);
    qr_grace_ask(&q->grace, &call); /* somebody's */
    q->grace.how = NULL;
    assert_int_equal(qr_cache_shrink(cache), 0);
    assert_int_equal(cache_total(cache), 0);
    one_empty_slab(q, cache);
    assert_true(q->slabs.source.shrink(&q->slabs, ~0ul, true) > 0);
    assert_int_equal(all_findings(q), 0);
    q->grace.how = how;
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    test_end(q);
}

/* ---- Quarry's own ------------------------------------------------------------------------------ */

static bool note_own(struct kmem_cache *cache, void *data)
{
    unsigned int stack = 0;
    u32 *seen = data;

    if (strcmp(cache->name, "kmem_cache") == 0)
        *seen |= 1;
    else if (sscanf(cache->name, "quarry-stack-%u", &stack) == 1) {
        assert_int_equal(cache->object_size, sizeof(struct qr_stack) + stack * sizeof(void *));
        *seen |= stack;
    }
    return true;
}

static void quarrys_own_caches_are_listed_by_what_is_in_them(void **state)
{
    struct quarry *q = test_boot(512);
    u32 seen = 0;

    (void)state;
    qr_slabs_for_each_cache(&q->slabs, note_own, &seen);
    assert_int_equal(seen, 1 | 4 | 8 | 16 | 32 | 64 | 128 | 256 | 512);
    test_end(q);
}

static void reclaim_takes_no_more_empty_slabs_than_it_wants(void **state)
{
    struct quarry *q = test_boot(8192);
    struct kmem_cache *cache[2];
    u32 refs[2];

    (void)state;
    free_pages_when_idle(q);
    for (int i = 0; i < 2; i++) {
        cache[i] = make_cache(q, i ? "second" : "first", 1000, 0);
        qr_cache_free_direct(cache[i], qr_cache_alloc_direct(cache[i], GFP_KERNEL, NUMA_NO_NODE),
                             "test");
        assert_int_equal(cache[i]->node[0].nr_empty, 1);
        refs[i] = cache[i]->refs;
    }
    assert_int_equal(q->slabs.source.shrink(&q->slabs, 1, true), 1ul << cache[0]->order);
    assert_int_equal(cache[0]->node[0].nr_empty, 0);
    assert_int_equal(cache[0]->refs, refs[0] - 1); /* its slab's */
    assert_int_equal(cache[1]->node[0].nr_empty, 1);
    assert_int_equal(cache[1]->refs, refs[1]);
    test_end(q);
}

/* What lies idle anyway was not enough: of what the stacks kept only the rest is taken. */
static void reclaim_takes_of_the_stacks_objects_only_what_is_missing(void **state)
{
    struct quarry *q = test_boot(8192);
    struct kmem_cache *idle = make_cache(q, "idle", 1000, 0);
    struct kmem_cache *stacked[2] = {make_cache(q, "one", 1000, 0), make_cache(q, "two", 1000, 0)};
    unsigned long pages = 1ul << idle->order;

    (void)state;
    assert_true(pages > 1);
    free_pages_when_idle(q);
    for (int i = 0; i < 2; i++)
        give(q, stacked[i], take(stacked[i]));
    qr_cache_free_direct(idle, qr_cache_alloc_direct(idle, GFP_KERNEL, NUMA_NO_NODE), "test");
    assert_true(q->slabs.source.shrink(&q->slabs, pages + 1, true) > pages);
    assert_int_equal(cache_total(idle), 0);
    for (int i = 0; i < 2; i++) { /* a slab of stacks was enough */
        assert_null(own_slot(q, stacked[i])->loaded);
        assert_int_equal(stacked[i]->node[0].nr_empty, 1);
    }
    test_end(q);
}

/* Slabs chained as in a batch. */
static unsigned int slabs_from(struct quarry *q, u32 pfn)
{
    unsigned int nr = 0;

    for (; pfn; pfn = qr_page(&q->map, pfn)->quarry_slab.prev)
        nr++;
    return nr;
}

/* Several at a time, behind others that came while a call was under way. */
static void slabs_wait_for_readers_in_as_many_batches_as_come(void **state)
{
    struct quarry *q = boot_with(1024, NULL);
    u64 before = free_pages_when_idle(q);
    struct kmem_cache *cache = make_cache(q, "batches", 1000, SLAB_TYPESAFE_BY_RCU);
    u32 nr = 3 * cache->objects;
    void *object[3 * 64];

    (void)state;
    assert_in_range(nr, 3, QR_ARRAY_SIZE(object));
    cache->empty_limit = 9; /* they stay until they are asked for */
    qr_grace_enter(&q->grace);
    for (unsigned int round = 0; round < 3; round++) {
        for (u32 i = 0; i < nr; i++)
            object[i] = qr_cache_alloc_direct(cache, GFP_KERNEL, NUMA_NO_NODE);
        for (u32 i = 0; i < nr; i++)
            qr_cache_free_direct(cache, object[i], "test");
        q->slabs.source.shrink(&q->slabs, ~0ul, false);
        assert_int_equal(slabs_from(q, cache->left), 3);
        assert_int_equal(slabs_from(q, cache->leaving), 3 * round);
    }
    assert_int_equal(cache->refs, 10);
    qr_grace_leave(&q->grace);
    assert_int_equal(qr_grace_barrier(&q->grace, "test"), 0);
    assert_int_equal(cache->refs, 1);
    assert_int_equal(cache->left, 0);
    assert_int_equal(cache->leaving, 0);
    assert_false(cache->leaving_asked);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    assert_int_equal(free_pages_when_idle(q), before);
    test_end(q);
}

/* Lists are chained by frame numbers, and 0 is no link to follow. */
static void a_list_of_slabs_touches_no_frame_but_its_own(void **state)
{
    struct quarry *q = boot_with(1024, NULL);
    struct kmem_cache *cache = make_cache(q, "listed", 1000, 0);
    struct page zero = *qr_page(&q->map, 0);
    void *object[3 * 64];
    u32 nr = 3 * cache->objects;

    (void)state;
    assert_in_range(nr, 3, QR_ARRAY_SIZE(object));
    for (u32 i = 0; i < nr; i++)
        object[i] = qr_cache_alloc_direct(cache, GFP_KERNEL, NUMA_NO_NODE);
    for (u32 i = 0; i < nr; i++)
        qr_cache_free_direct(cache, object[i], "test");
    qr_cache_shrink(cache);
    assert_memory_equal(qr_page(&q->map, 0), &zero, sizeof(zero));
    test_end(q);
}

/* What is in use on any node is in use. */
static void objects_of_the_second_node_keep_a_cache_as_well(void **state)
{
    (void)state;
    for (int nid = 0; nid < 2; nid++) {
        struct test_spec spec = {.pages = 1024, .profile = "nodes"};
        struct quarry *q = test_boot_with(&spec);
        struct kmem_cache *cache = make_cache(q, "kept", 200, 0);
        void *object = qr_cache_alloc_slow(cache, GFP_KERNEL | __GFP_THISNODE, nid);
        assert_int_equal(cache->node[nid].nr_partial, 1);
        assert_int_equal(qr_cache_shrink(cache), 1);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, true), -QR_EBUSY);
        assert_int_equal(test_findings(q, QUARRY_LEAK), 1);
        give(q, cache, object);
        assert_int_equal(qr_cache_shrink(cache), 0);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, true), 0);
        test_end(q);
    }
}

/* Whoever has its number next is asked for nothing, and begins with open slots. */
static void a_cpu_that_leaves_takes_what_it_was_asked_along(void **state)
{
    struct quarry *q = boot_with(512, NULL);
    struct kmem_cache *cache = make_cache(q, "asked", 64, 0);
    struct qr_slot *slot;
    struct qr_cpu *cpu;

    (void)state;
    give(q, cache, take(cache));
    qp_percpu_leave(qp_percpu_enter(&q->cpus, &cpu));
    slot = own_slot(q, cache);
    assert_non_null(slot->loaded);
    qr_cpu_ask_drain(cpu, QR_DRAIN_STACKS);
    slot->hooks |= QR_HOOK_STOPPED;
    qr_slabs_drain_cpu(&q->slabs, cpu);
    assert_false(qr_cpu_drain_pending(cpu, QR_DRAIN_STACKS));
    assert_int_equal(slot->hooks, plain_hooks());
    assert_null(slot->loaded);
    assert_int_equal(q->slabs.stacked_bytes, 0);
    test_end(q);
}

struct guest {
    struct quarry *q;
    struct kmem_cache *cache;
    void *object;
};

static void *be_a_guest(void *data)
{
    struct guest *guest = data;

    give(guest->q, guest->cache, take(guest->cache));
    guest->object = take(guest->cache);
    return NULL;
}

/* All CPUs are others': what is asked for comes from the slabs, and goes back there. */
static void a_thread_without_a_cpu_is_served_by_the_slabs(void **state)
{
    struct test_spec spec = {.pages = 512, .nr_cpus = 1};
    struct quarry *q = test_boot_with(&spec);
    struct guest guest = {.q = q, .cache = make_cache(q, "guests", 64, 0)};
    pthread_t thread;
    u64 stacked;

    (void)state;
    give(q, guest.cache, take(guest.cache)); /* the only CPU is this one's */
    qr_slabs_drain_all(&q->slabs);
    stacked = q->slabs.stacked_bytes;
    assert_int_equal(pthread_create(&thread, NULL, be_a_guest, &guest), 0);
    pthread_join(thread, NULL);
    assert_non_null(guest.object);
    assert_int_equal(q->slabs.stacked_bytes, stacked);
    assert_int_equal(guest.cache->node[0].nr_objects - guest.cache->node[0].free_objects, 1);
    give(q, guest.cache, guest.object);
    assert_int_equal(cache_active(guest.cache), 0);
    test_end(q);
}

/* ---- many at once, and the last of all --------------------------------------------------------- */

static void objects_taken_together_count_for_their_place(void **state)
{
    struct quarry *q;
    struct kmem_cache *cache;
    struct qr_site *place;
    void *object[6];
    u32 site;

    (void)state;
    if (!QR_CHECKS)
        skip();
    q = boot_with(2048, "mem_profiling=1");
    cache = make_cache(q, "bulky", 100, 0);
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 6, object), 6);
    site = slab_meta(cache, object[0])->site;
    assert_true(site > 0 && site <= q->check.sites.mask);
    place = &q->check.sites.site[site];
    assert_int_equal(place->calls, 6);
    assert_int_equal(place->bytes, 600);
    qr_cache_free_bulk(&q->slabs, cache, 4, object);
    assert_int_equal(place->calls, 2);
    assert_int_equal(place->bytes, 200);
    qr_cache_free_bulk(&q->slabs, cache, 2, object + 4);
    assert_int_equal(place->calls, 0);
    test_end(q);
}

static unsigned int taken_apart;

static void take_apart(void *object, struct kmem_cache *cache, unsigned long flags)
{
    (void)object;
    (void)cache;
    (void)flags;
    taken_apart++;
}

/* Its destructor may be a module's, and the module gone as soon as the cache is: nothing is put off. */
static void a_destroyed_caches_objects_have_been_taken_apart(void **state)
{
    static const slab_flags_t flags[] = {0, SLAB_TYPESAFE_BY_RCU};

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(flags); i++) {
        struct quarry *q = boot_with(1024, NULL);
        struct qr_cache_params params = {.name = "apart",
                                         .size = 200,
                                         .flags = flags[i],
                                         .dtor26 = take_apart,
                                         .slot_id = QR_NO_SLOT};
        struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
        u32 nr = cache->objects;
        taken_apart = 0;
        qr_reclaim_pause(&q->reclaim); /* nobody else makes calls that waited for readers */
        give(q, cache, take(cache));
        assert_int_equal(taken_apart, 0);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
        assert_int_equal(taken_apart, nr);
        qr_reclaim_resume(&q->reclaim);
        test_end(q);
    }
}

static void the_last_object_of_a_destroyed_cache_takes_it_along(void **state)
{
    struct quarry *q = boot_with(512, NULL);
    u64 before = free_pages_when_idle(q);
    struct kmem_cache *cache = make_cache(q, "orphan", 300, 0);
    void *object[2] = {take(cache), take(cache)};
    u32 number = cache->slot_id;

    (void)state;
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    for (int i = 0; i < 2; i++) {
        assert_true((q->slabs.slots_used[number / 64] >> (number % 64)) & 1);
        assert_int_equal(cache->node[0].nr_partial, 1);
        qr_cache_free_slow(&q->slabs, NULL, object[i], "kfree"); /* onto no stack */
        assert_int_equal(q->slabs.stacked_bytes, 0);
    }
    assert_false((q->slabs.slots_used[number / 64] >> (number % 64)) & 1);
    assert_int_equal(free_pages_when_idle(q), before);
    test_end(q);
}

/* Whoever destroys a cache sleeps until nobody has anything of it in hand, and is woken then. */
static void the_last_hand_off_a_dying_cache_wakes_who_waits(void **state)
{
    struct quarry *q = boot_with(512, NULL);
    struct kmem_cache *cache = make_cache(q, "handed", 64, 0);
    u32 moves, refs = cache->refs;

    (void)state;
    qr_reclaim_stop(&q->reclaim);
    moves = q->slabs.handed.moves;
    for (u32 dying = 0; dying < 2; dying++) {
        cache->dying = dying;
        qr_cache_in_hand(cache);
        qr_cache_in_hand(cache);
        assert_int_equal(cache->hands, 2);
        assert_int_equal(cache->refs, refs + 2);
        qr_cache_out_of_hand(cache);
        assert_int_equal(q->slabs.handed.moves, moves);
        qr_cache_out_of_hand(cache);
        assert_int_equal(q->slabs.handed.moves != moves, dying);
        assert_int_equal(cache->hands, 0);
        assert_int_equal(cache->refs, refs);
    }
    cache->dying = 0;
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_taken_together_count_for_their_place),
        cmocka_unit_test(the_last_object_of_a_destroyed_cache_takes_it_along),
        cmocka_unit_test(slabs_wait_for_readers_in_as_many_batches_as_come),
        cmocka_unit_test(a_list_of_slabs_touches_no_frame_but_its_own),
        cmocka_unit_test(objects_of_the_second_node_keep_a_cache_as_well),
        cmocka_unit_test(a_cpu_that_leaves_takes_what_it_was_asked_along),
        cmocka_unit_test(a_thread_without_a_cpu_is_served_by_the_slabs),
        cmocka_unit_test(the_last_hand_off_a_dying_cache_wakes_who_waits),
        cmocka_unit_test(a_destroyed_caches_objects_have_been_taken_apart),
        /* First: children of a program that had threads are not for every detector. */
        cmocka_unit_test(a_cache_that_must_be_there_but_has_no_name_ends_the_program),
        cmocka_unit_test(the_last_words_are_cut_to_their_room),
        cmocka_unit_test(empty_names_on_slab_debugs_list_are_passed_over),
        cmocka_unit_test(a_slot_number_that_is_in_use_is_not_given_twice),
        cmocka_unit_test(g_z10_a_dma32_caches_slabs_lie_below_its_limit),
        cmocka_unit_test(a_node_that_a_machine_of_one_has_not_is_told_so),
        cmocka_unit_test(a_request_bound_to_its_node_ends_with_it),
        cmocka_unit_test(quarrys_own_caches_are_nobodys_to_destroy),
        cmocka_unit_test(a_cache_whose_last_reference_is_gone_is_passed_over),
        cmocka_unit_test(g_d1_a_destroyed_cache_with_live_objects_is_listed_no_more),
        cmocka_unit_test(slabs_that_wait_for_readers_count_for_reclaim_when_they_are_back),
        cmocka_unit_test(shrinking_in_atomic_context_does_not_wait_for_readers),
        cmocka_unit_test(an_ordinary_cache_waits_for_no_readers),
        cmocka_unit_test(quarrys_own_caches_are_listed_by_what_is_in_them),
        cmocka_unit_test(reclaim_takes_no_more_empty_slabs_than_it_wants),
        cmocka_unit_test(reclaim_takes_of_the_stacks_objects_only_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
