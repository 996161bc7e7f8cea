/* SPDX-License-Identifier: MIT */
/* How a slab is cut into places: for every size, alignment and guard, by the definition. */
#include "slab_machine.h"
#include "child.h"
#include <signal.h>

struct wish {
    size_t size, align;
    u32 flags;
};

static struct kmem_cache laid_out(struct quarry *q, struct wish wish, unsigned int max_order)
{
    struct kmem_cache cache = {.owner = &q->slabs, .flags = wish.flags};

    qr_layout(&cache, wish.size, wish.align, max_order);
    return cache;
}

/* Bytes behind an object's start that its place needs within the slab. */
static size_t place_tail(const struct kmem_cache *cache)
{
    if (!cache->track_offset)
        return cache->slot_size;
    return cache->track_offset +
           (cache->flags & SLAB_STORE_USER ? sizeof(struct qr_meta) : QR_META_SHORT);
}

static bool holds(const struct kmem_cache *cache, unsigned int order, size_t nr)
{
    size_t bitmap = nr > 64 ? (nr + 63) / 64 * 8 : 0;

    return nr == 0 || cache->first + (nr - 1) * cache->slot_size + place_tail(cache) + bitmap <=
                          PAGE_SIZE << order;
}

static void must_be_right(struct quarry *q, struct wish wish, unsigned int max_order)
{
    struct kmem_cache cache = laid_out(q, wish, max_order);
    size_t bytes = PAGE_SIZE << cache.order,
           waste = bytes - (size_t)cache.objects * cache.slot_size;

    /* As many as fit, apart and aligned. */
    assert_true(cache.objects >= 1);
    assert_true(holds(&cache, cache.order, cache.objects));
    assert_false(holds(&cache, cache.order, cache.objects + 1));
    assert_true(cache.slot_size >= wish.size + cache.left_pad);
    assert_true(cache.first >= cache.left_pad);
    assert_int_equal(cache.first % cache.align, 0);
    assert_int_equal(cache.slot_size % cache.align, 0);
    assert_true(bytes % cache.align == 0 && cache.align >= wish.align);
    if (cache.bits_offset)
        assert_int_equal(cache.order, cache.min_order);
    /* The least order that holds one, the least that holds sixteen, or the largest allowed. */
    assert_true(holds(&cache, cache.min_order, 1));
    assert_true(cache.min_order == 0 || PAGE_SIZE << (cache.min_order - 1) < cache.align ||
                !holds(&cache, cache.min_order - 1u, 1));
    assert_true(cache.order <= QR_MAX(max_order, cache.min_order));
    if (cache.objects < 16)
        assert_int_equal(cache.order, QR_MAX(max_order, cache.min_order));
    else
        assert_true(waste * 8 <= bytes);
    if (cache.order > cache.min_order) {
        struct kmem_cache smaller = laid_out(q, wish, cache.order - 1u);
        assert_true(smaller.objects < 16 && cache.objects >= 2 * smaller.objects);
    }
}

static void every_layout_is_what_the_definition_says(void **state)
{
    static const u32 flags[] = {0, SLAB_HWCACHE_ALIGN, SLAB_RED_ZONE, SLAB_STORE_USER,
                                SLAB_RED_ZONE | SLAB_STORE_USER};
    struct quarry *q = test_boot(256);

    (void)state;
    for (size_t f = 0; f < QR_ARRAY_SIZE(flags); f++)
        for (size_t align = 0; align <= PAGE_SIZE; align = align ? 2 * align : 8)
            for (size_t size = 1; size <= 40000; size += size < 600 ? 1 : size / 24)
                for (unsigned int max_order = 0; max_order <= 3; max_order += 3)
                    must_be_right(q, (struct wish){size, align, flags[f]}, max_order);
    test_end(q);
}

/* Half the alignment as often as two objects fit, but never below what every object is aligned to. */
static void the_smallest_line_aligned_objects_keep_the_least_alignment(void **state)
{
    struct quarry *q = test_boot(64);

    (void)state;
    for (size_t size = 1; size <= 8; size++) {
        struct kmem_cache cache = laid_out(q, (struct wish){size, 0, SLAB_HWCACHE_ALIGN}, 0);
        assert_int_equal(cache.align, ARCH_SLAB_MINALIGN);
        assert_int_equal(cache.slot_size, ARCH_SLAB_MINALIGN);
    }
    test_end(q);
}

/* Caches of kmalloc may ask for more than a page: the slab itself must be aligned so. */
static void an_alignment_beyond_a_page_is_kept_where_guards_leave_room(void **state)
{
    struct quarry *q = boot_with(4096, "slab_debug=ZU");
    struct qr_cache_params params = {.name = "aligned",
                                     .size = 8,
                                     .align = 4 * PAGE_SIZE,
                                     .flags = SLAB_KMALLOC,
                                     .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache;
    void *object[8];

    (void)state;
    must_be_right(q, (struct wish){8, 2 * PAGE_SIZE, SLAB_STORE_USER}, 0);
    must_be_right(q, (struct wish){8, 4 * PAGE_SIZE, SLAB_RED_ZONE}, 1);
    cache = qr_cache_create(&q->slabs, &params);
    assert_non_null(cache);
    for (int i = 0; i < 8; i++) {
        object[i] = take(cache);
        assert_int_equal((uintptr_t)object[i] % (4 * PAGE_SIZE), 0);
    }
    for (int i = 0; i < 8; i++)
        give(q, cache, object[i]);
    test_end(q);
}

/* Where a detector watches, small objects of checked caches lie apart; a gap beside a large one would cost a
 * block twice as large. */
static void watched_objects_lie_apart_up_to_a_size(void **state)
{
    const size_t large = (size_t)128 << 10;
    const struct {
        struct wish wish;
        bool watched, gap, record;
    } want[] = {
        {{64, 0, SLAB_CONSISTENCY_CHECKS}, true, true, true},
        {{large - 1, 0, SLAB_CONSISTENCY_CHECKS}, true, true, true},
        {{large, 0, SLAB_CONSISTENCY_CHECKS}, true, false, true},
        {{64, 0, 0}, true, false, false},
        {{64, 0, SLAB_CONSISTENCY_CHECKS}, false, false, true},
        {{64, 4u << 20, SLAB_CONSISTENCY_CHECKS}, true, false, false},
        {{64, 256, SLAB_CONSISTENCY_CHECKS}, true, true, true},
    };
    struct quarry *q = test_boot(64);

    (void)state;
    if (!QR_CHECKS)
        skip();
    for (size_t i = 0; i < QR_ARRAY_SIZE(want); i++) {
        size_t size = want[i].wish.size, behind = size + (want[i].gap ? 16 : 0);
        struct kmem_cache cache;
        q->check.watched = want[i].watched;
        cache = laid_out(q, want[i].wish, 0);
        q->check.watched = false;
        assert_int_equal(cache.left_pad, want[i].gap ? 16 : 0);
        assert_int_equal(cache.track_offset, want[i].record ? (behind + 7) / 8 * 8 : 0);
        assert_int_equal(cache.first, want[i].gap ? QR_MAX(want[i].wish.align, (size_t)16) : 0);
        assert_true(cache.slot_size >= behind + cache.left_pad);
    }
    test_end(q);
}

static void lay_out_nothing(const void *data)
{
    const struct wish *wish = data;
    struct quarry *q = test_boot(64);

    signal(SIGABRT, SIG_DFL); /* not the test library's */
    laid_out(q, *wish, 0);
}

static void a_size_that_no_caller_may_ask_for_is_trapped(void **state)
{
    struct wish wish[] = {{0, 0, 0}, {(PAGE_SIZE << MAX_PAGE_ORDER) + 1, 0, 0}};

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(wish); i++) {
        int status = child_run(lay_out_nothing, &wish[i]);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT ||
            !strstr(child_text, "broken invariant: size - 1 < limit"))
            fail_msg("status 0x%x: %s", (unsigned int)status, child_text);
    }
}

/* Whatever the number of objects in a slab, each of them is had once. */
static void every_object_of_a_slab_is_had(void **state)
{
    struct quarry *q = test_boot(4096);
    static char *object[2048];

    for (unsigned int size = 8; size <= 512; size += 8) {
        struct kmem_cache *cache = make_cache(q, "all", size, 0);
        unsigned int nr = cache->objects;

        assert_true(nr <= QR_ARRAY_SIZE(object));
        for (unsigned int i = 0; i < nr; i++) {
            assert_non_null(object[i] = take(cache));
            memset(object[i], 0, size);
        }
        for (unsigned int i = 0; i < nr; i++)
            assert_int_equal(object[i][0]++, 0); /* nobody else's */
        for (unsigned int i = 0; i < nr; i++)
            give(q, cache, object[i]);
        qr_cache_destroy(&q->slabs, cache, false);
    }
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: children of a program that had threads are not for every detector. */
        cmocka_unit_test(a_size_that_no_caller_may_ask_for_is_trapped),
        cmocka_unit_test(every_layout_is_what_the_definition_says),
        cmocka_unit_test(the_smallest_line_aligned_objects_keep_the_least_alignment),
        cmocka_unit_test(an_alignment_beyond_a_page_is_kept_where_guards_leave_room),
        cmocka_unit_test(every_object_of_a_slab_is_had),
        cmocka_unit_test(watched_objects_lie_apart_up_to_a_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
