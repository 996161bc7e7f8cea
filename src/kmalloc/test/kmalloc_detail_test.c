/* SPDX-License-Identifier: MIT */
/* kmalloc to the letter: what each class leads to, what large blocks are counted as, and every word of its
 * reports and refusals. */
#include "machine.h"
#include "dump.h"
#include "kmalloc/fast.h"

static void *make(struct quarry *q, size_t size, gfp_t gfp)
{
    return qr_kmalloc_slow(&q->kmalloc, size, gfp, NUMA_NO_NODE);
}

static void drop(struct quarry *q, void *block)
{
    qr_kfree_slow(&q->kmalloc, block, "kfree");
}

/* ---- classes --------------------------------------------------------------------------------- */

static void every_class_leads_to_its_cache(void **state)
{
    struct quarry *q = test_boot(2048);

    (void)state;
    for (unsigned int i = 0; i < QUARRY_KMALLOC_CLASSES; i++) {
        const struct kmem_cache *cache = q->kmalloc.cache[QR_KMALLOC_NORMAL][i];
        size_t size = qr_kmalloc_class_size(i);
        char name[32];

        snprintf(name, sizeof(name), "kmalloc-%zu", size);
        assert_string_equal(cache->name, name);
        assert_int_equal(cache->object_size, size);
        assert_int_equal(cache->slot_id, i);
        assert_int_equal(q->kmalloc.class_bytes[i], size);
        assert_int_equal(q->kmalloc.class_slot[i],
                         offsetof(struct qr_cpu, slot) + i * sizeof(struct qr_slot));
        assert_int_equal(cache->flags & (SLAB_CACHE_DMA | SLAB_RECLAIM_ACCOUNT), 0);
        assert_int_equal(qr_kmalloc_roundup(&q->kmalloc, size), size);
        assert_int_equal(qr_kmalloc_roundup(&q->kmalloc, size - 7), size);
    }
    test_end(q);
}

static void the_table_shows_every_cache_that_was_made(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    unsigned int of_64 = quarry_kmalloc_class(64), of_500 = quarry_kmalloc_class(500);
    kmem_buckets *table;

    (void)state;
    drop(q, make(q, 64, GFP_KERNEL | __GFP_DMA));
    drop(q, make(q, 500, GFP_KERNEL | __GFP_RECLAIMABLE));
    drop(q, make(q, 8, GFP_KERNEL | __GFP_DMA)); /* the first of each family */
    drop(q, make(q, 8, GFP_KERNEL | __GFP_RECLAIMABLE));
    table = qr_kmalloc_table(&q->kmalloc);
    assert_ptr_equal(table, q->kmalloc.table);
    for (unsigned int i = 0; i < QUARRY_KMALLOC_CLASSES; i++) {
        assert_ptr_equal(table[KMALLOC_NORMAL][i + 1], q->kmalloc.cache[QR_KMALLOC_NORMAL][i]);
        assert_int_equal(table[KMALLOC_DMA][i + 1] != NULL, i == 0 || i == of_64);
        assert_int_equal(table[KMALLOC_RECLAIM][i + 1] != NULL, i == 0 || i == of_500);
    }
    for (unsigned int type = 0; type < QR_KMALLOC_TYPES; type++)
        assert_null(table[type][0]);
    assert_string_equal(table[KMALLOC_DMA][of_64 + 1]->name, "dma-kmalloc-64");
    assert_string_equal(table[KMALLOC_RECLAIM][of_500 + 1]->name, "kmalloc-rcl-512");
    assert_true(table[KMALLOC_DMA][of_64 + 1]->flags & SLAB_CACHE_DMA);
    assert_true(table[KMALLOC_RECLAIM][of_500 + 1]->flags & SLAB_RECLAIM_ACCOUNT);
    assert_true(table[KMALLOC_DMA][of_64 + 1]->slot_id >= QUARRY_KMALLOC_CLASSES);
    assert_true(table[KMALLOC_RECLAIM][of_500 + 1]->slot_id >= QUARRY_KMALLOC_CLASSES);
    test_end(q);
}

static void limits_that_can_be_kept_are_and_others_are_refused(void **state)
{
    static const struct {
        struct qp_machine machine;
        bool good;
        size_t min, max;
    } of[] = {
        {{.kmalloc_min = 0}, true, KMALLOC_MIN_SIZE, KMALLOC_MAX_SIZE},
        {{.kmalloc_min = KMALLOC_MIN_SIZE}, true, KMALLOC_MIN_SIZE, KMALLOC_MAX_SIZE},
        {{.kmalloc_min = PAGE_SIZE}, true, PAGE_SIZE, KMALLOC_MAX_SIZE},
        {{.kmalloc_min = 2 * PAGE_SIZE}, false, 2 * PAGE_SIZE, KMALLOC_MAX_SIZE},
        {{.kmalloc_min = KMALLOC_MIN_SIZE / 2}, false, KMALLOC_MIN_SIZE / 2, KMALLOC_MAX_SIZE},
        {{.kmalloc_min = 48}, false, 48, KMALLOC_MAX_SIZE},
        {{.kmalloc_max = PAGE_SIZE}, true, KMALLOC_MIN_SIZE, PAGE_SIZE},
        {{.kmalloc_max = PAGE_SIZE - 1}, false, KMALLOC_MIN_SIZE, PAGE_SIZE - 1},
        {{.kmalloc_max = KMALLOC_MAX_SIZE}, true, KMALLOC_MIN_SIZE, KMALLOC_MAX_SIZE},
        {{.kmalloc_max = KMALLOC_MAX_SIZE + 1}, false, KMALLOC_MIN_SIZE, KMALLOC_MAX_SIZE + 1},
    };

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(of); i++) {
        struct quarry *q = test_boot(1024);
        char why[160] = "", expected[160];
        int error;

        for (unsigned int k = 0; k < QUARRY_KMALLOC_CLASSES; k++) {
            struct kmem_cache **cache = &q->kmalloc.cache[QR_KMALLOC_NORMAL][k];
            assert_int_equal(qr_cache_destroy(&q->slabs, *cache, false), 0);
            *cache = NULL;
        }
        error = qr_kmalloc_init(&q->kmalloc, &of[i].machine, why, sizeof(why));
        if (of[i].good) {
            assert_int_equal(error, 0);
        } else {
            assert_int_equal(error, -QR_EINVAL);
            snprintf(expected, sizeof(expected),
                     "kmalloc blocks of %zu to %zu bytes: a power of two from 8, and one page to 4 "
                     "MiB, are possible",
                     of[i].min, of[i].max);
            assert_string_equal(why, expected);
        }
        assert_int_equal(q->kmalloc.min_size, of[i].min);
        assert_int_equal(q->kmalloc.max_size, of[i].max);
        test_end(q);
    }
}

/* ---- large blocks ---------------------------------------------------------------------------- */

static void large_blocks_are_counted_by_their_pages(void **state)
{
    struct quarry *q = test_boot(4096);
    const unsigned long *nr = &q->zones.zone[0].stat[QR_ZS_KMALLOC_LARGE];
    void *first, *second;

    (void)state;
    assert_int_equal(*nr, 0);
    first = make(q, KMALLOC_MAX_CACHE_SIZE + 1, GFP_KERNEL);
    assert_int_equal(*nr, 4);
    second = make(q, 16 * PAGE_SIZE + 1, GFP_KERNEL);
    assert_int_equal(*nr, 36);
    drop(q, first);
    assert_int_equal(*nr, 32);
    drop(q, second);
    assert_int_equal(*nr, 0);
    assert_non_null(first = make(q, KMALLOC_MAX_CACHE_SIZE, GFP_KERNEL));
    assert_int_equal(*nr, 0);
    drop(q, first);
    test_end(q);
}

static void large_blocks_are_noted_where_pages_are(void **state)
{
    struct test_spec spec = {.pages = 4096, .options = "page_owner"};
    struct quarry *q = test_boot_with(&spec);
    unsigned long before = q->zones.live_pages;
    void *block = make(q, 5 * PAGE_SIZE, GFP_NOFS);
    const struct qr_owner *owner = qr_pages_owner(&q->zones, qr_virt_page(&q->map, block));

    (void)state;
    assert_int_equal(q->zones.live_pages, before + 8);
    assert_int_equal(owner->gfp, GFP_NOFS);
    assert_int_equal(owner->order_or_cpu, 3);
    drop(q, block);
    assert_int_equal(q->zones.live_pages, before);
    test_end(q);
}

/* ---- words ----------------------------------------------------------------------------------- */

static void assert_told(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void assert_told(const char *format, ...)
{
    char expected[400];
    va_list args;

    va_start(args, format);
    vsnprintf(expected, sizeof(expected), format, args);
    va_end(args);
    assert_string_equal(test_last_report, expected);
}

static void zones_that_kmalloc_has_not_are_told_and_the_lowest_taken(void **state)
{
    static const char several[] =
        "kmalloc with several of __GFP_DMA, __GFP_DMA32, __GFP_HIGHMEM: the lowest is taken";
    static const char dma32[] =
        "kmalloc with __GFP_DMA32: there is no such family; the block may lie anywhere in low "
        "memory (use a cache with SLAB_CACHE_DMA32, or alloc_pages)";
    static const struct {
        gfp_t gfp;
        const char *last;
        unsigned long nr;
        bool dma;
    } of[] = {
        {__GFP_DMA, "", 0, true},
        {__GFP_DMA | __GFP_DMA32, several, 1, true},
        {__GFP_DMA | __GFP_HIGHMEM, several, 1, true},
        {__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM, several, 1, true},
        {__GFP_DMA32, dma32, 1, false},
        {__GFP_DMA32 | __GFP_HIGHMEM, dma32, 2, false},
    };

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(of); i++) {
        struct test_spec spec = {.pages = 1024, .profile = "zones"};
        struct quarry *q = test_boot_with(&spec);
        struct qr_object object;
        void *block = make(q, 64, GFP_KERNEL | of[i].gfp);

        assert_true(qr_object_find(&q->slabs, block, &object));
        assert_string_equal(object.cache->name, of[i].dma ? "dma-kmalloc-64" : "kmalloc-64");
        assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), of[i].nr);
        assert_string_equal(test_last_report, of[i].last);
        drop(q, block);
        test_end(q);
    }
}

static void a_block_too_large_is_told_with_the_pages_it_takes(void **state)
{
    struct quarry *q = test_boot(1024);

    (void)state;
    assert_null(make(q, KMALLOC_MAX_SIZE + 1, GFP_KERNEL));
    assert_told("kmalloc of 4194305 bytes: the largest block is 4194304 bytes; kvmalloc would take "
                "1025 single pages and map them in a row");
    assert_null(make(q, KMALLOC_MAX_SIZE + PAGE_SIZE, GFP_KERNEL));
    assert_told("kmalloc of 4198400 bytes: the largest block is 4194304 bytes; kvmalloc would take "
                "1025 single pages and map them in a row");
    test_end(q);
}

#define ON_STACK "an address on this task's stack, not memory of this machine"
#define FOREIGN                                                                                    \
    "not memory of this machine (a static variable, a stack, another allocator's block?)"

/* From 64 KiB below the caller's frame to just under 8 MiB above. */
static void addresses_near_the_stack_pointer_are_told_as_the_stacks(void **state)
{
    static const struct {
        long distance;
        const char *is;
    } of[] = {{0, ON_STACK},        {-(48l << 10), ON_STACK}, {-(96l << 10), FOREIGN},
              {7l << 20, ON_STACK}, {9l << 20, FOREIGN},      {-(4l << 20), FOREIGN}};
    struct quarry *q = test_boot(1024);

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(of); i++) {
        void *address = (void *)((uintptr_t)__builtin_frame_address(0) + (uintptr_t)of[i].distance);

        drop(q, address);
        assert_told("kfree(%p): %s; nothing is changed", address, of[i].is);
        assert_int_equal(test_findings(q, QUARRY_BAD_FREE), i + 1);
    }
    test_end(q);
}

static void a_dump_is_one_line_that_says_what_and_where(void **state)
{
    struct quarry *q = test_boot(1024);
    char *large = make(q, 3 * PAGE_SIZE, GFP_KERNEL), expected[300];
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    static char mine;

    (void)state;
    snprintf(expected, sizeof(expected),
             "quarry: %p: byte 9000 of the kmalloc block at %p, 16384 bytes\n",
             (void *)(large + 9000), (void *)large);
    assert_string_equal(dump_of(q, large + 9000, true), expected);
    snprintf(expected, sizeof(expected),
             "quarry: %p: in page frame %#llx, which is no kmalloc memory\n",
             qr_page_virt(&q->map, page), (unsigned long long)qr_pfn(&q->map, page));
    assert_string_equal(dump_of(q, qr_page_virt(&q->map, page), true), expected);
    snprintf(expected, sizeof(expected), "quarry: %p: %s\n", (void *)&mine, FOREIGN);
    assert_string_equal(dump_of(q, &mine, false), expected);
    qr_free_block(&q->zones, page, 0);
    drop(q, large);
    test_end(q);
}

static void a_freed_object_is_told_with_its_cache(void **state)
{
    struct test_spec spec = {.pages = 1024, .options = "check=1"};
    struct quarry *q = test_boot_with(&spec);
    void *block = make(q, 50, GFP_KERNEL);

    (void)state;
    drop(q, block);
    assert_int_equal(qr_ksize(&q->kmalloc, block), 0);
    assert_told("ksize(%p): the object of cache kmalloc-56 was freed before", block);
    assert_int_equal(test_findings(q, QUARRY_USE_AFTER_FREE), 1);
    test_end(q);
}

static void a_guarded_object_has_the_size_that_was_asked_for_until_it_is_freed(void **state)
{
    struct test_spec spec = {.pages = 2048, .options = "kfence.every=1 kfence.num_objects=8"};
    struct quarry *q = test_boot_with(&spec);
    char *object = make(q, 100, GFP_KERNEL), begin[100];

    (void)state;
    assert_true(qr_guard_owns(&q->guards, object));
    assert_int_equal(qr_ksize(&q->kmalloc, object), 100);
    assert_int_equal(test_findings(q, QUARRY_FINDING_KINDS), 0);
    drop(q, object);
    assert_int_equal(qr_ksize(&q->kmalloc, object), 0);
    assert_int_equal(test_findings(q, QUARRY_USE_AFTER_FREE), 1);
    snprintf(begin, sizeof(begin), "ksize(%p): no live object begins there, but ", (void *)object);
    assert_int_equal(strncmp(test_last_report, begin, strlen(begin)), 0);
    assert_true(strlen(test_last_report) > strlen(begin) + 8);
    test_end(q);
}

/* ---- no memory ------------------------------------------------------------------------------- */

static char *print(struct quarry *q, const char *format, ...) __attribute__((format(printf, 2, 3)));
static char *print(struct quarry *q, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = qr_kvasprintf(&q->kmalloc, GFP_KERNEL | __GFP_NOWARN, format, args);
    va_end(args);
    return text;
}

static void a_copy_that_has_no_room_is_none(void **state)
{
    struct quarry_fault always = {.nth = 1, .persistent = true};
    struct quarry *q = test_boot(1024);
    const gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
    char *block = make(q, 10, GFP_KERNEL);

    (void)state;
    strcpy(block, "here");
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, &always), 0);
    assert_null(qr_kmemdup(&q->kmalloc, "marble", 4, gfp));
    assert_null(qr_kmemdup_nul(&q->kmalloc, "marble", 4, gfp));
    assert_null(print(q, "%d", 42));
    assert_null(make(q, 5 * PAGE_SIZE, gfp)); /* a large block is a request like any other */
    assert_null(qr_krealloc(&q->kmalloc, block, 1000, gfp));
    assert_string_equal(block, "here"); /* and the old one is as it was */
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, NULL), 0);
    drop(q, block);
    block = print(q, "%s", "");
    assert_string_equal(block, "");
    assert_int_equal(qr_ksize(&q->kmalloc, block), KMALLOC_MIN_SIZE);
    drop(q, block);
    assert_int_equal(test_findings(q, QUARRY_FINDING_KINDS), 0);
    test_end(q);
}

static void a_block_that_grows_beyond_its_class_takes_its_bytes_along(void **state)
{
    static const size_t to[] = {17, 100, 4000, 9000, 70000};
    struct quarry *q = test_boot(2048);
    unsigned char *block = make(q, 16, GFP_KERNEL);
    size_t from = 16;

    (void)state;
    for (size_t i = 0; i < 16; i++)
        block[i] = (unsigned char)(i + 1);
    for (size_t i = 0; i < QR_ARRAY_SIZE(to); i++) {
        size_t capacity = qr_ksize(&q->kmalloc, block);

        for (size_t k = from; k < capacity; k++)
            block[k] = (unsigned char)(k + 1);
        assert_ptr_equal(qr_krealloc(&q->kmalloc, block, capacity, GFP_KERNEL), block);
        block = qr_krealloc(&q->kmalloc, block, to[i], GFP_KERNEL);
        assert_non_null(block);
        for (size_t k = 0; k < QR_MIN(capacity, to[i]); k++)
            assert_int_equal(block[k], (unsigned char)(k + 1));
        from = QR_MIN(capacity, to[i]);
    }
    drop(q, block);
    assert_int_equal(test_findings(q, QUARRY_FINDING_KINDS), 0);
    test_end(q);
}

/* Clearing costs: who does not ask for it finds what was there. */
static void g_s13_what_is_resized_in_place_without_zero_is_not_cleared(void **state)
{
    static const char *const options[] = {NULL, "slab_debug=Z"};
    static const size_t sizes[][3] = {{20, 23, 24}, {100, 110, 112}, {9000, 12000, 4 * PAGE_SIZE}};

    (void)state;
    for (size_t o = 0; o < QR_ARRAY_SIZE(options); o++) {
        struct test_spec spec = {.pages = 2048, .options = options[o]};
        struct quarry *q = test_boot_with(&spec);
        for (size_t i = 0; i < QR_ARRAY_SIZE(sizes); i++) {
            bool guarded = options[o] && sizes[i][2] < PAGE_SIZE; /* a red zone behind it */
            size_t from = sizes[i][0], to = sizes[i][1], all = sizes[i][2];
            unsigned char *block = make(q, from, GFP_KERNEL);

            memset(block, 0x5a, guarded ? from : all);
            assert_ptr_equal(qr_krealloc(&q->kmalloc, block, to, GFP_KERNEL), block);
            for (size_t k = 0; k < (guarded ? from : all); k++)
                assert_int_equal(block[k], 0x5a);
            for (size_t k = from; k < to; k++)
                assert_int_not_equal(block[k], 0);
            assert_ptr_equal(qr_krealloc(&q->kmalloc, block, from - 9, GFP_KERNEL), block);
            for (size_t k = 0; k < from - 9; k++)
                assert_int_equal(block[k], 0x5a);
            assert_int_not_equal(block[from - 9], 0);
            drop(q, block);
        }
        assert_int_equal(test_findings(q, QUARRY_FINDING_KINDS), 0);
        test_end(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_leads_to_its_cache),
        cmocka_unit_test(the_table_shows_every_cache_that_was_made),
        cmocka_unit_test(limits_that_can_be_kept_are_and_others_are_refused),
        cmocka_unit_test(large_blocks_are_counted_by_their_pages),
        cmocka_unit_test(large_blocks_are_noted_where_pages_are),
        cmocka_unit_test(zones_that_kmalloc_has_not_are_told_and_the_lowest_taken),
        cmocka_unit_test(a_block_too_large_is_told_with_the_pages_it_takes),
        cmocka_unit_test(addresses_near_the_stack_pointer_are_told_as_the_stacks),
        cmocka_unit_test(a_dump_is_one_line_that_says_what_and_where),
        cmocka_unit_test(a_freed_object_is_told_with_its_cache),
        cmocka_unit_test(a_guarded_object_has_the_size_that_was_asked_for_until_it_is_freed),
        cmocka_unit_test(a_copy_that_has_no_room_is_none),
        cmocka_unit_test(g_s13_what_is_resized_in_place_without_zero_is_not_cleared),
        cmocka_unit_test(a_block_that_grows_beyond_its_class_takes_its_bytes_along),
    };
    return cmocka_run_group_tests_name("kmalloc detail", tests, NULL, NULL);
}
