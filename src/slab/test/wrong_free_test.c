/* SPDX-License-Identifier: MIT */
/* G-S8 without debugging: wrong frees change nothing, are reported at once where the way taken can
 * see them, and at the latest when a stack is flushed. */
#include "slab_machine.h"

static void g_s8_an_object_freed_twice_in_a_row_is_refused_at_once(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "twice", 64, 0);
    void *object = take(cache);
    char word[64];

    give(q, cache, object);
    give(q, cache, object);
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);
    snprintf(word, sizeof(word), "kmem_cache_free(%p)", object);
    assert_non_null(strstr(test_last_report, word));
    /* It is handed out once. */
    assert_ptr_equal(take(cache), object);
    assert_ptr_not_equal(take(cache), object);
    test_end(q);
}

static void g_s8_twice_in_a_row_is_seen_on_a_full_stack_too(void **state)
{
    struct quarry *q = test_boot(1024);
    struct kmem_cache *cache = make_cache(q, "full", 64, 0);
    void *object[40];

    for (int i = 0; i < 40; i++)
        object[i] = take(cache);
    for (int i = 0; i < 40; i++) {
        give(q, cache, object[i]);
        give(q, cache, object[i]);
        assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), i + 1);
    }
    assert_int_equal(cache_active(cache), 0);
    test_end(q);
}

static void g_s8_an_object_freed_earlier_is_found_when_the_stack_is_flushed(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "late", 64, 0);
    char *a = take(cache), *b = take(cache);
    struct page *page = qr_virt_page(&q->map, a);
    void *object[200];

    give(q, cache, a);
    give(q, cache, b);
    give(q, cache, a);
    assert_int_equal(all_findings(q), 0);
    qr_cache_shrink(cache);
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);
    assert_non_null(strstr(test_last_report, "late"));
    /* Its slab is set aside: nothing is handed out from it any more. */
    assert_int_equal(cache->node[0].nr_quarantined, 1);
    assert_true(qr_slab_is_quarantined(qr_head(&q->map, page)));
    for (int i = 0; i < 200; i++) {
        object[i] = take(cache);
        assert_non_null(object[i]);
        assert_ptr_not_equal(qr_head(&q->map, qr_virt_page(&q->map, object[i])), page);
    }
    for (int i = 0; i < 200; i++)
        give(q, cache, object[i]);
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    assert_true(page->flags & PGF_SLAB); /* it never goes back */
    test_end(q);
}

static void g_s8_live_objects_of_a_quarantined_slab_can_be_freed(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "aside", 64, 0);
    char *a = take(cache), *b = take(cache), *live = take(cache);

    give(q, cache, a);
    give(q, cache, b);
    give(q, cache, a);
    qr_cache_shrink(cache);
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);
    give(q, cache, live);
    qr_cache_shrink(cache);
    assert_int_equal(all_findings(q), 1);
    test_end(q);
}

static void g_s8_a_pointer_into_an_object_is_found_by_the_slow_way_or_the_flush(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "middle", 64, 0);
    char *a = take(cache), *b = take(cache);

    give(q, cache, a + 8);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    assert_non_null(strstr(test_last_report, "8 bytes into the object"));
    give(q, cache, b);
    /* The fast way does not look so closely: it pushes what it is given. */
    if (!qr_cache_free_fast(&q->cpus, cache->slot_id, a + 8)) {
        assert_true(QP_OBSERVED());
        *own_slot(q, cache)->top++ = a + 8;
    }
    qr_cache_shrink(cache);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 2);
    assert_non_null(strstr(test_last_report, "not the start"));
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    test_end(q);
}

static void g_s8_unused_space_in_a_slab_is_no_object(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "rest", 1300, 0); /* three to a page at most */
    char *object = take(cache);
    struct page *page = qr_head(&q->map, qr_virt_page(&q->map, object));
    char *end = slab_base(cache, page) + (PAGE_SIZE << slab_order(page));

    give(q, cache, end - 8);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    assert_non_null(strstr(test_last_report, "unused space"));
    give(q, cache, object);
    test_end(q);
}

static void g_s8_an_object_of_another_cache_is_refused_by_name(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *a = make_cache(q, "mine", 64, 0), *b = make_cache(q, "yours", 64, 0);
    void *object = take(a);

    give(q, b, object);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    assert_non_null(strstr(test_last_report, "mine"));
    assert_non_null(strstr(test_last_report, "yours"));
    assert_int_equal(cache_active(a), 1);
    give(q, a, object);
    test_end(q);
}

static void g_s8_what_is_in_no_slab_is_described(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "foreign", 64, 0);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 1, NUMA_NO_NODE);
    int local;

    give(q, cache, qr_page_virt(&q->map, page));
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    assert_non_null(strstr(test_last_report, "order 1"));
    give(q, cache, &local);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 2);
    qr_free_block(&q->zones, page, 1);
    give(q, cache, qr_page_virt(&q->map, page));
    assert_int_equal(all_findings(q), 3);
    give(q, cache, NULL); /* nothing is nothing */
    assert_int_equal(all_findings(q), 3);
    test_end(q);
}

static void g_s8_a_stale_pointer_whose_slab_is_gone_is_found_by_the_flush(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "stale", 2048, 0), *other;
    struct qr_slot *slot;
    void *a = take(cache);

    give(q, cache, a);
    assert_int_equal(qr_cache_shrink(cache), 0);
    other = make_cache(q, "other", 64, 0);
    take(other);
    a = take(cache);
    slot = own_slot(q, cache);
    give(q, cache, a);
    /* As if it had been pushed while its slab was still there. */
    slot->loaded->object[0] = qr_page_virt(&q->map, qr_page(&q->map, q->map.max_pfn - 1));
    qr_cache_shrink(cache);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    assert_non_null(strstr(test_last_report, "no slab of the cache"));
    test_end(q);
}

static void g_s8_destroying_what_is_no_cache_changes_nothing(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "once", 64, 0);
    char *object = take(cache);

    assert_int_equal(qr_cache_destroy(&q->slabs, NULL, false), 0);
    assert_int_equal(all_findings(q), 0);
    assert_int_equal(qr_cache_destroy(&q->slabs, (struct kmem_cache *)(void *)object, false),
                     -QR_EINVAL);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    give(q, cache, object);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    test_end(q);
}

static void g_s8_an_object_twice_in_a_row_in_a_bulk_free_is_refused(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "bulk", 64, 0);
    void *object[8];

    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 8, object), 8);
    object[3] = object[2];
    qr_cache_free_bulk(&q->slabs, cache, 4, object); /* the stack has room for all of them */
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);
    assert_int_equal(cache_active(cache), 5);
    qr_cache_shrink(cache);
    assert_int_equal(all_findings(q), 1);
    test_end(q);
}

static void addresses_are_resolved_to_objects(void **state)
{
    struct quarry *q = test_boot(256);
    struct kmem_cache *cache = make_cache(q, "found", 100, 0);
    char *object = take(cache);
    struct qr_object found;
    int local;

    assert_true(qr_object_find(&q->slabs, object + 33, &found));
    assert_ptr_equal(found.cache, cache);
    assert_ptr_equal(found.start, object);
    assert_int_equal(found.offset, 33);
    assert_true(found.allocated);
    assert_false(found.exact);
    assert_true(qr_object_find(&q->slabs, object, &found));
    assert_true(found.exact);
    assert_true(qr_object_find(&q->slabs, object + 102, &found)); /* padding up to 104 */
    assert_null(found.start);
    assert_false(qr_object_find(&q->slabs, &local, &found));
    give(q, cache, object);
    qr_slots_flush(cache, false);
    if (qr_object_find(&q->slabs, object, &found))
        assert_false(found.allocated);
    test_end(q);
}

/* What a stack holds is put back one by one; what is none of the cache's objects is told. */
static void g_s8_each_kind_of_stacked_nonsense_is_found_by_the_flush(void **state)
{
    struct quarry *q = test_boot(512);
    struct kmem_cache *cache = make_cache(q, "nonsense", 1300, 0);
    struct kmem_cache *other = make_cache(q, "other", 64, 0);
    char *object = take(cache), *others = take(other), local;
    struct page *page = qr_head(&q->map, qr_virt_page(&q->map, object));
    struct {
        void *address;
        const char *word;
    } wrong[] = {{&local, "no slab of the cache"},
                 {others, "no slab of the cache"},
                 {object + 8, "not the start of an object"},
                 {slab_object(cache, page, cache->objects), "not the start of an object"}};

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(wrong); i++) {
        struct qr_slot *slot = own_slot(q, cache);
        give(q, cache, take(cache));
        *slot->top++ = wrong[i].address;
        qr_cache_shrink(cache);
        assert_int_equal(test_findings(q, QUARRY_BAD_FREE), i + 1);
        assert_non_null(strstr(test_last_report, wrong[i].word));
    }
    give(q, other, others);
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    assert_int_equal(all_findings(q), QR_ARRAY_SIZE(wrong));
    test_end(q);
}

static void g_s8_a_bulk_free_refuses_what_is_another_caches(void **state)
{
    struct quarry *q = test_boot(512);
    struct kmem_cache *cache = make_cache(q, "mine", 64, 0), *other = make_cache(q, "yours", 64, 0);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    void *object[9], *kept = take(other);
    char local;

    (void)state;
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 6, object), 6);
    object[6] = object[3];
    object[3] = kept;
    object[7] = object[4];
    object[4] = qr_page_virt(&q->map, page);
    object[8] = object[5];
    object[5] = &local;
    qr_cache_free_bulk(&q->slabs, cache, 9, object);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 3);
    assert_int_equal(cache_active(cache), 0); /* all of its own came back */
    assert_int_equal(cache_active(other), 1);
    give(q, other, kept);
    qr_free_block(&q->zones, page, 0);
    assert_int_equal(all_findings(q), 3);
    test_end(q);
}

static int had_before; /* whether the last report says who had the object */

static bool hear_before(const struct quarry_report *report, void *data)
{
    (void)data;
    had_before = report->before != NULL;
    return false;
}

/* With owners recorded a report says who had the object, as far as that is known. */
static void g_s8_an_owner_is_named_where_there_was_one(void **state)
{
    struct quarry *q;
    struct kmem_cache *cache, *other;
    char *object, *never;

    (void)state;
    if (!QR_CHECKS)
        skip();
    q = boot_with(512, "slab_debug=FU,owned");
    cache = make_cache(q, "owned", 100, 0);
    other = make_cache(q, "other", 100, 0);
    object = take(cache);
    never = object + cache->slot_size;
    q->check.hook = hear_before;
    give(q, cache, object + 8);
    assert_int_equal(had_before, 1);
    give(q, cache, never + 8); /* nobody ever had it */
    assert_int_equal(had_before, 0);
    give(q, other, object);
    assert_int_equal(had_before, 1);
    give(q, other, never);
    assert_int_equal(had_before, 0);
    give(q, other, object + 104); /* what lies between two objects is nobody's */
    assert_int_equal(had_before, 0);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 5);
    give(q, cache, object);
    assert_int_equal(all_findings(q), 5);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g_s8_an_object_freed_twice_in_a_row_is_refused_at_once),
        cmocka_unit_test(g_s8_twice_in_a_row_is_seen_on_a_full_stack_too),
        cmocka_unit_test(g_s8_an_object_freed_earlier_is_found_when_the_stack_is_flushed),
        cmocka_unit_test(g_s8_live_objects_of_a_quarantined_slab_can_be_freed),
        cmocka_unit_test(g_s8_a_pointer_into_an_object_is_found_by_the_slow_way_or_the_flush),
        cmocka_unit_test(g_s8_unused_space_in_a_slab_is_no_object),
        cmocka_unit_test(g_s8_an_object_of_another_cache_is_refused_by_name),
        cmocka_unit_test(g_s8_what_is_in_no_slab_is_described),
        cmocka_unit_test(g_s8_a_stale_pointer_whose_slab_is_gone_is_found_by_the_flush),
        cmocka_unit_test(g_s8_destroying_what_is_no_cache_changes_nothing),
        cmocka_unit_test(g_s8_an_object_twice_in_a_row_in_a_bulk_free_is_refused),
        cmocka_unit_test(addresses_are_resolved_to_objects),
        cmocka_unit_test(g_s8_each_kind_of_stacked_nonsense_is_found_by_the_flush),
        cmocka_unit_test(g_s8_a_bulk_free_refuses_what_is_another_caches),
        cmocka_unit_test(g_s8_an_owner_is_named_where_there_was_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
