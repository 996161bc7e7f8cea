/* SPDX-License-Identifier: MIT */
/* What the leak scan sees of a cache's objects: those in use, as long as was asked for, and no others. */
#include "slab_machine.h"

enum { OBJECTS = 30 };

struct seen {
    const char *in_slab; /* of this one's pages */
    struct qr_map *map;
    unsigned long nr, bytes, words, stop_at;
};

static bool see(const struct qr_leak_block *block, void *data)
{
    struct seen *seen = data;
    struct page *page = qr_virt_page_checked(seen->map, block->start);

    if (!page ||
        qr_head(seen->map, page) != qr_head(seen->map, qr_virt_page(seen->map, seen->in_slab)))
        return true;
    seen->nr++;
    seen->bytes += block->size;
    seen->words += block->word != NULL;
    return seen->nr != seen->stop_at;
}

static void only_objects_in_use_are_found(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=ZU,tracked");
    struct kmem_cache *cache = make_cache(q, "tracked", 52, 0);
    struct kmem_cache *plain = make_cache(q, "plain", 52, 0);
    char *object = take(cache), *other = take(cache), *untracked = take(plain);
    const struct qr_owner *owner[2];
    struct qr_leak_block block;
    struct qr_object found;

    (void)state;
    assert_true(qr_slabs_leak_find(&q->slabs, object, &block));
    assert_ptr_equal(block.start, object);
    assert_int_equal(block.size, 52);
    assert_non_null(block.word);
    assert_true(qr_slabs_leak_find(&q->slabs, other + 51, &block));
    assert_ptr_equal(block.start, other);
    give(q, cache, other);
    assert_false(qr_slabs_leak_find(&q->slabs, other, &block));
    assert_false(qr_slabs_leak_find(&q->slabs, untracked, &block));
    assert_false(qr_slabs_leak_find(&q->slabs, &block, &block));
    assert_true(qr_object_find(&q->slabs, object, &found));
    assert_true(qr_object_owners(&found, &owner[0], &owner[1]));
    assert_ptr_equal(owner[0], &slab_meta(cache, object)->allocated);
    assert_ptr_equal(owner[1], &slab_meta(cache, object)->freed);
    assert_true(qr_object_find(&q->slabs, untracked, &found));
    assert_false(qr_object_owners(&found, &owner[0], &owner[1])); /* nobody's is known */
    give(q, cache, object);
    give(q, plain, untracked);
    test_end(q);
}

static void a_walk_meets_each_object_in_use_once_and_can_be_ended(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=ZU,tracked");
    struct kmem_cache *cache = make_cache(q, "tracked", 1000, 0);
    struct kmem_cache *walked = NULL;
    char *object[OBJECTS];
    struct seen seen = {.map = &q->map};

    (void)state;
    for (int i = 0; i < OBJECTS; i++)
        object[i] = take(cache);
    seen.in_slab = object[0];
    for (int i = 0; i < OBJECTS; i++)
        seen.stop_at += qr_head(&q->map, qr_virt_page(&q->map, object[i])) ==
                        qr_head(&q->map, qr_virt_page(&q->map, object[0]));
    assert_true(seen.stop_at > 2);
    assert_false(qr_slabs_leak_each(&q->slabs, see, &seen)); /* ended by the last of them */
    assert_int_equal(seen.nr, seen.stop_at);
    assert_int_equal(seen.bytes, 1000 * seen.stop_at);
    give(q, cache, object[0]); /* the same memory, one fewer: from the list of part-used slabs */
    seen.nr = seen.bytes = 0;
    assert_true(qr_slabs_leak_each(&q->slabs, see, &seen));
    assert_int_equal(seen.nr, seen.stop_at - 1);
    assert_int_equal(seen.bytes, 1000 * (seen.stop_at - 1));
    for (int i = 1; i < OBJECTS; i++)
        give(q, cache, object[i]);
    while ((walked = qr_cache_next(&q->slabs, walked)) != NULL) /* no walk kept a cache */
        assert_true(walked->refs >= 2);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    test_end(q);
}

static void the_place_of_an_object_in_use_can_be_moved_and_of_no_other(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=U,tracked");
    struct kmem_cache *cache = make_cache(q, "tracked", 52, 0);
    char *object = take(cache), *freed = take(cache);
    struct qr_object found;
    struct qr_owner before;

    (void)state;
    assert_true(qr_object_find(&q->slabs, object, &found));
    before = slab_meta(cache, object)->allocated;
    slab_meta(cache, object)->allocated.when_ns = 1;
    qr_object_retrace(&found);
    assert_true(slab_meta(cache, object)->allocated.when_ns >= before.when_ns);
    assert_int_equal(slab_meta(cache, object)->allocated.gfp, before.gfp);
    give(q, cache, freed);
    assert_true(qr_object_find(&q->slabs, freed, &found));
    assert_false(found.allocated);
    slab_meta(cache, freed)->allocated.when_ns = 1;
    qr_object_retrace(&found);
    assert_int_equal(slab_meta(cache, freed)->allocated.when_ns, 1);
    give(q, cache, object);
    test_end(q);
}

/* A profiled cache has words for its objects, but its stacks hide who has what: they are no finding. */
static void objects_of_caches_that_are_not_debugged_are_roots(void **state)
{
    static const char *const options[] = {NULL, "mem_profiling=1"};

    (void)state;
    for (int profiled = 0; profiled < 2; profiled++) {
        struct quarry *q = boot_with(512, options[profiled]);
        struct kmem_cache *cache = make_cache(q, "root", 1000, 0);
        char *object = take(cache);
        struct seen seen = {.map = &q->map, .in_slab = object};
        struct qr_leak_block block;

        assert_int_equal(cache->track_offset != 0, profiled);
        assert_false(qr_slabs_leak_find(&q->slabs, object, &block));
        assert_true(qr_slabs_leak_each(&q->slabs, see, &seen));
        assert_true(seen.nr >= 1);
        assert_int_equal(seen.words, 0);
        assert_int_equal(seen.bytes, 1000 * seen.nr);
        give(q, cache, object);
        test_end(q);
    }
}

static bool see_until(const struct qr_leak_block *block, void *data)
{
    void **wanted = data;

    if (block->start != *wanted)
        return *wanted != NULL; /* none after it */
    *wanted = NULL;
    return false;
}

static void a_walk_can_be_ended_among_full_slabs_and_among_others(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=ZU");
    struct kmem_cache *cache = make_cache(q, "full", 1000, 0);
    void *object[100], *wanted;
    int nr = 0;

    (void)state;
    while (cache->node[0].nr_full < 1)
        object[nr++] = take(cache);
    object[nr++] = take(cache);
    for (int i = 0; i < nr; i += nr - 1) {
        wanted = object[i];
        assert_false(qr_slabs_leak_each(&q->slabs, see_until, &wanted));
        assert_null(wanted);
    }
    while (nr)
        give(q, cache, object[--nr]);
    test_end(q);
}

static void an_object_without_records_has_no_place_to_move(void **state)
{
    struct quarry *q = boot_with(512, NULL);
    struct kmem_cache *cache = make_cache(q, "plain", 1000, 0);
    char *object = take(cache), before[PAGE_SIZE], *page = (char *)((uintptr_t)object & PAGE_MASK);
    struct qr_object found;

    (void)state;
    memset(object, 0x5a, 1000);
    assert_true(qr_object_find(&q->slabs, object, &found));
    assert_true(found.allocated);
    memcpy(before, page, sizeof(before));
    qr_object_retrace(&found);
    assert_memory_equal(page, before, sizeof(before)); /* nothing is written where it would be */
    give(q, cache, object);
    test_end(q);
}

static void an_address_between_objects_has_no_place_to_move(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=U,tracked");
    struct kmem_cache *cache = make_cache(q, "tracked", 52, 0);
    char *object = take(cache);
    struct qr_object found;
    struct qr_owner before = slab_meta(cache, object)->allocated;

    (void)state;
    assert_true(qr_object_find(&q->slabs, object + 53, &found));
    assert_null(found.start);
    qr_object_retrace(&found);
    assert_memory_equal(&slab_meta(cache, object)->allocated, &before, sizeof(before));
    give(q, cache, object);
    test_end(q);
}

/* ---- callers' own walks ----------------------------------------------------------------------- */

struct live_seen {
    unsigned long nr, stop_at, traced, sized;
};

static bool see_live(const struct quarry_live *live, void *data)
{
    struct live_seen *seen = data;

    seen->nr++;
    seen->traced += live->allocated.nr != 0;
    seen->sized += live->size == 200;
    return seen->nr != seen->stop_at;
}

static void a_walk_over_live_objects_can_be_ended_in_either_list(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=U");
    struct kmem_cache *cache = make_cache(q, "live", 200, 0);
    struct live_seen seen = {0};
    void *object[200];
    int nr = 0;

    (void)state;
    while (cache->node[0].nr_full < 1)
        object[nr++] = take(cache);
    object[nr++] = take(cache);
    assert_true(qr_cache_for_each_live(cache, see_live, &seen));
    assert_int_equal(seen.nr, nr);
    assert_int_equal(seen.sized, nr);
    assert_int_equal(seen.traced, nr);
    for (int stop = 1; stop <= nr; stop += nr - 1) { /* in a full slab, and in the other */
        seen = (struct live_seen){.stop_at = (unsigned long)stop};
        assert_false(qr_cache_for_each_live(cache, see_live, &seen));
        assert_int_equal(seen.nr, stop);
    }
    slab_meta(cache, object[0])->allocated.trace = 0; /* there was no room for it */
    seen = (struct live_seen){0};
    assert_true(qr_cache_for_each_live(cache, see_live, &seen));
    assert_int_equal(seen.traced, nr - 1);
    while (nr)
        give(q, cache, object[--nr]);
    test_end(q);
}

/* Nor is anything but its cache's size known of it. */
static void a_profiled_live_object_has_no_owner(void **state)
{
    struct quarry *q = boot_with(512, "mem_profiling=1");
    struct kmem_cache *cache = make_cache(q, "live", 200, 0);
    struct live_seen seen = {0};
    void *object = qr_cache_alloc_direct(cache, GFP_KERNEL, NUMA_NO_NODE);

    (void)state;
    slab_meta(cache, object)->requested = 3; /* nobody looks */
    assert_true(qr_cache_for_each_live(cache, see_live, &seen));
    assert_int_equal(seen.nr, 1);
    assert_int_equal(seen.sized, 1);
    assert_int_equal(seen.traced, 0);
    qr_cache_free_direct(cache, object, "test");
    test_end(q);
}

/* Of the caches after it, too, nothing is seen, and nothing keeps the one where it ended. */
static void a_walk_over_all_caches_live_objects_can_be_ended(void **state)
{
    struct quarry *q = boot_with(1024, NULL);
    struct kmem_cache *first = make_cache(q, "first", 200, 0),
                      *second = make_cache(q, "second", 200, 0);
    void *object[2] = {take(first), take(second)};
    struct live_seen seen = {.stop_at = 1};
    u32 refs[2] = {first->refs, second->refs};

    (void)state;
    qr_slabs_for_each_live(&q->slabs, see_live, &seen);
    assert_int_equal(seen.nr, 1);
    assert_int_equal(first->refs, refs[0]);
    assert_int_equal(second->refs, refs[1]);
    seen = (struct live_seen){0};
    qr_slabs_for_each_live(&q->slabs, see_live, &seen);
    assert_int_equal(seen.nr, 2);
    give(q, first, object[0]);
    give(q, second, object[1]);
    test_end(q);
}

struct counted {
    struct qr_map *map;
    struct kmem_cache *cache;
    int nr;
};

static bool count_those_of(const struct qr_leak_block *block, void *data)
{
    struct counted *counted = data;
    struct page *page = qr_virt_page_checked(counted->map, block->start);

    counted->nr += page && qr_head(counted->map, page)->quarry_slab.cache == counted->cache;
    return true;
}

static void a_walk_goes_round_the_whole_list_of_slabs(void **state)
{
    struct quarry *q = boot_with(1024, "slab_debug=ZU");
    struct kmem_cache *cache = make_cache(q, "many", 1000, 0);
    struct counted counted = {.map = &q->map, .cache = cache};
    void *object[200];
    int nr = 0;

    (void)state;
    while (cache->node[0].nr_full < 5)
        object[nr++] = take(cache);
    assert_true(qr_slabs_leak_each(&q->slabs, count_those_of, &counted));
    assert_int_equal(counted.nr, nr);
    while (nr)
        give(q, cache, object[--nr]);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_objects_in_use_are_found),
        cmocka_unit_test(a_walk_meets_each_object_in_use_once_and_can_be_ended),
        cmocka_unit_test(the_place_of_an_object_in_use_can_be_moved_and_of_no_other),
        cmocka_unit_test(objects_of_caches_that_are_not_debugged_are_roots),
        cmocka_unit_test(a_walk_can_be_ended_among_full_slabs_and_among_others),
        cmocka_unit_test(an_object_without_records_has_no_place_to_move),
        cmocka_unit_test(an_address_between_objects_has_no_place_to_move),
        cmocka_unit_test(a_walk_over_live_objects_can_be_ended_in_either_list),
        cmocka_unit_test(a_profiled_live_object_has_no_owner),
        cmocka_unit_test(a_walk_over_all_caches_live_objects_can_be_ended),
        cmocka_unit_test(a_walk_goes_round_the_whole_list_of_slabs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
