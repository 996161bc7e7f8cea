/* SPDX-License-Identifier: MIT */
/* What the leak scan sees of a cache's objects: those in use, as long as was asked for, and no others. */
#include "slab_machine.h"

enum { OBJECTS = 30 };

struct seen {
    const char *in_slab; /* of this one's pages */
    struct qr_map *map;
    unsigned long nr, bytes, stop_at;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_objects_in_use_are_found),
        cmocka_unit_test(a_walk_meets_each_object_in_use_once_and_can_be_ended),
        cmocka_unit_test(the_place_of_an_object_in_use_can_be_moved_and_of_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
