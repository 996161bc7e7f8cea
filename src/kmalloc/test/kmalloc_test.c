/* SPDX-License-Identifier: MIT */
/* kmalloc, kfree, krealloc, ksize: sizes, alignment, families, large blocks, zeros, wrong frees. */
#include <pthread.h>
#include "kmalloc/fast.h"
#include "kmalloc/internal.h"
#include "machine.h"
#include "dump.h"

static void *make(struct quarry *q, size_t size, gfp_t gfp)
{
    return qr_kmalloc_slow(&q->kmalloc, size, gfp, NUMA_NO_NODE);
}

static void drop(struct quarry *q, void *block)
{
    qr_kfree_slow(&q->kmalloc, block, "kfree");
}

static unsigned long findings(struct quarry *q)
{
    return qr_report_count(&q->check, QUARRY_FINDING_KINDS);
}

static struct quarry *boot_with(unsigned long pages, const char *options)
{
    struct test_spec spec = {.pages = pages, .options = options};

    return test_boot_with(&spec);
}

/* A machine with the classic limits of kmalloc (32 bytes to 128 KiB). The test support's machines
 * are modern ones, so the layer is started anew on one. */
static struct quarry *boot_classic(void)
{
    struct quarry *q = boot_with(1024, NULL);
    struct qp_machine machine = {.kmalloc_min = 32, .kmalloc_max = 131072};
    char why[128];

    for (unsigned int i = 0; i < QUARRY_KMALLOC_CLASSES; i++) {
        assert_int_equal(qr_cache_destroy(&q->slabs, q->kmalloc.cache[QR_KMALLOC_NORMAL][i], false),
                         0);
        q->kmalloc.cache[QR_KMALLOC_NORMAL][i] = NULL;
    }
    assert_int_equal(qr_kmalloc_init(&q->kmalloc, &machine, why, sizeof(why)), 0);
    return q;
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static void class_numbers_and_sizes_agree(void **state)
{
    for (size_t size = 1; size <= KMALLOC_MAX_CACHE_SIZE; size++) {
        unsigned int class_nr = quarry_kmalloc_class(size);
        assert_true(class_nr < QUARRY_KMALLOC_CLASSES);
        assert_true(qr_kmalloc_class_size(class_nr) >= size);
        if (class_nr)
            assert_true(qr_kmalloc_class_size(class_nr - 1) < size);
    }
    assert_int_equal(qr_kmalloc_class_size(QUARRY_KMALLOC_CLASSES - 1), KMALLOC_MAX_CACHE_SIZE);
}

static void g_s2_every_size_gets_a_block_of_its_class(void **state)
{
    struct quarry *q = boot_with(4096, NULL);

    for (size_t size = 1; size <= 4u << 20; size += 1 + size / 9) {
        unsigned char *block = make(q, size, GFP_KERNEL);
        size_t usable = qr_ksize(&q->kmalloc, block);
        assert_non_null(block);
        assert_true(usable >= size);
        assert_int_equal(usable, qr_kmalloc_roundup(&q->kmalloc, size));
        if (size <= KMALLOC_MAX_CACHE_SIZE)
            assert_true(usable - size <= (size > 32 ? size / 4 : 7));
        memset(block, 0xab, usable);
        drop(q, block);
    }
    assert_int_equal(findings(q), 0);
    test_end(q);
}

static void g_s2_a_size_beyond_the_largest_fails_and_names_the_alternatives(void **state)
{
    struct quarry *q = boot_with(4096, NULL);

    assert_null(make(q, KMALLOC_MAX_SIZE + 1, GFP_KERNEL));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    assert_non_null(strstr(test_last_report, "vmalloc"));
    assert_null(make(q, SIZE_MAX, GFP_KERNEL));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 2);
    assert_null(make(q, SIZE_MAX, GFP_KERNEL | __GFP_NOWARN));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 2);
    test_end(q);
}

static void g_s2_the_classic_machine_has_its_own_limits(void **state)
{
    struct quarry *q = boot_classic();
    void *block[5];

    for (size_t i = 0; i < 5; i++) {
        block[i] = make(q, 1 + 7 * i, GFP_KERNEL);
        assert_int_equal(qr_ksize(&q->kmalloc, block[i]), 32);
    }
    for (size_t i = 0; i < 4; i++) /* below 32 bytes all share one cache */
        assert_ptr_equal(q->kmalloc.cache[QR_KMALLOC_NORMAL][i],
                         q->kmalloc.cache[QR_KMALLOC_NORMAL][3]);
    for (size_t i = 0; i < 5; i++)
        drop(q, block[i]);
    block[0] = make(q, 131072, GFP_KERNEL);
    assert_non_null(block[0]);
    drop(q, block[0]);
    assert_null(make(q, 131073, GFP_KERNEL));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    assert_int_equal(qr_kmalloc_roundup(&q->kmalloc, 5), 32);
    test_end(q);
}

static void g_s3_no_bytes_are_a_pointer_that_may_be_freed(void **state)
{
    struct quarry *q = boot_with(256, NULL);

    assert_ptr_equal(make(q, 0, GFP_KERNEL), ZERO_SIZE_PTR);
    assert_int_equal(qr_ksize(&q->kmalloc, ZERO_SIZE_PTR), 0);
    assert_int_equal(qr_ksize(&q->kmalloc, NULL), 0);
    assert_int_equal(qr_kmalloc_roundup(&q->kmalloc, 0), 0);
    drop(q, ZERO_SIZE_PTR);
    drop(q, NULL);
    qr_kfree(&q->kmalloc, NULL);
    qr_kfree_sensitive(&q->kmalloc, NULL);
    qr_kfree_sensitive(&q->kmalloc, ZERO_SIZE_PTR);
    assert_int_equal(findings(q), 0);
    test_end(q);
}

static void alignment_of_every_size(const char *options)
{
    struct quarry *q = boot_with(4096, options);

    for (size_t size = 1; size <= 65536; size += size < 512 ? 1 : 1 + size / 37) {
        void *block[3];
        for (int i = 0; i < 3; i++) {
            block[i] = make(q, size, GFP_KERNEL);
            assert_non_null(block[i]);
            assert_int_equal((uintptr_t)block[i] & ((size & -size) - 1), 0);
            assert_int_equal((uintptr_t)block[i] % ARCH_KMALLOC_MINALIGN, 0);
        }
        for (int i = 0; i < 3; i++)
            drop(q, block[i]);
    }
    for (size_t size = 8; size <= 1u << 20; size *= 2) {
        void *block = make(q, size, GFP_KERNEL);
        assert_int_equal((uintptr_t)block & (size - 1), 0);
        drop(q, block);
    }
    assert_int_equal(findings(q), 0);
    test_end(q);
}

static void g_s4_a_block_is_aligned_to_what_divides_its_size(void **state)
{
    alignment_of_every_size(NULL);
}

static void g_s4_red_zones_keep_the_alignment_of_blocks(void **state)
{
    alignment_of_every_size("slab_debug=FZPU");
}

static void g_s1_a_block_is_contiguous_in_physical_addresses(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);

    for (size_t size = 100; size <= 1u << 18; size *= 2) {
        char *block = make(q, size, GFP_KERNEL);
        phys_addr_t start = qp_phys(q->map.offset, block);
        for (size_t at = 0; at < size; at += PAGE_SIZE / 2) {
            assert_int_equal(qr_page_phys(&q->map, qr_virt_page(&q->map, block + at)) +
                                 offset_in_page(block + at),
                             start + at);
            assert_ptr_equal(qp_virt(q->map.offset, start + at), block + at);
            assert_true(start + at < spec.pages / 2 * PAGE_SIZE); /* never high memory */
        }
        drop(q, block);
    }
    test_end(q);
}

/* ---- families and masks ---------------------------------------------------------------------- */

static void g_z1_the_dma_family_lies_below_the_limit(void **state)
{
    struct test_spec spec = {.pages = 1024, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    static const size_t size[] = {8, 64, 1000, 8192, 32768};

    for (size_t i = 0; i < QR_ARRAY_SIZE(size); i++) {
        void *dma = make(q, size[i], GFP_KERNEL | GFP_DMA), *plain = make(q, size[i], GFP_KERNEL);
        void *atomic = make(q, size[i], GFP_ATOMIC | GFP_DMA);
        assert_true(qp_phys(q->map.offset, dma) + size[i] <= 128 * PAGE_SIZE);
        assert_true(qp_phys(q->map.offset, atomic) + size[i] <= 128 * PAGE_SIZE);
        assert_true(qp_phys(q->map.offset, plain) >= 128 * PAGE_SIZE);
        drop(q, dma);
        drop(q, atomic);
        drop(q, plain);
    }
    assert_string_equal(q->kmalloc.cache[QR_KMALLOC_DMA][quarry_kmalloc_class(64)]->name,
                        "dma-kmalloc-64");
    assert_int_equal(findings(q), 0);
    test_end(q);
}

static void reclaimable_blocks_have_a_family_of_their_own(void **state)
{
    struct quarry *q = boot_with(1024, NULL);
    void *block = make(q, 100, GFP_KERNEL | __GFP_RECLAIMABLE);
    struct qr_object object;

    assert_true(qr_object_find(&q->slabs, block, &object));
    assert_string_equal(object.cache->name, "kmalloc-rcl-112");
    drop(q, block);
    block = make(q, 100, GFP_KERNEL);
    assert_true(qr_object_find(&q->slabs, block, &object));
    assert_string_equal(object.cache->name, "kmalloc-112");
    drop(q, block);
    test_end(q);
}

struct racer {
    struct quarry *q;
    pthread_barrier_t *start;
    gfp_t gfp;
    void *block;
};

static void *race(void *data)
{
    struct racer *racer = data;

    pthread_barrier_wait(racer->start);
    racer->block = make(racer->q, 64, GFP_KERNEL | racer->gfp);
    return NULL;
}

static bool count_families(struct kmem_cache *cache, void *data)
{
    *(int *)data += strncmp(cache->name, "kmalloc-rcl-64", 15) == 0;
    return true;
}

static void a_family_asked_for_by_many_at_once_is_made_once(void **state)
{
    for (int round = 0; round < 30; round++) {
        struct quarry *q = boot_with(1024, NULL);
        struct racer racer[6];
        pthread_t thread[6];
        pthread_barrier_t start;
        int caches = 0;
        pthread_barrier_init(&start, NULL, 6);
        for (int i = 0; i < 6; i++) {
            racer[i] = (struct racer){q, &start, __GFP_RECLAIMABLE, NULL};
            assert_int_equal(pthread_create(&thread[i], NULL, race, &racer[i]), 0);
        }
        for (int i = 0; i < 6; i++) {
            pthread_join(thread[i], NULL);
            assert_non_null(racer[i].block);
            drop(q, racer[i].block);
        }
        qr_slabs_for_each_cache(&q->slabs, count_families, &caches);
        assert_int_equal(caches, 1);
        assert_int_equal(findings(q), 0);
        test_end(q);
    }
}

static void g_z10_masks_with_several_zones_are_reported_and_the_lowest_wins(void **state)
{
    struct test_spec spec = {.pages = 1024, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    void *block = make(q, 64, GFP_KERNEL | __GFP_DMA | __GFP_HIGHMEM);

    assert_true(qp_phys(q->map.offset, block) < 128 * PAGE_SIZE);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    drop(q, block);
    block = make(q, 64, GFP_KERNEL | GFP_DMA32);
    assert_non_null(block);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 2);
    assert_non_null(strstr(test_last_report, "DMA32"));
    drop(q, block);
    test_end(q);
}

static void g_z7_high_memory_is_refused_once_a_site_and_dropped(void **state)
{
    static const size_t size[] = {64, 32768};
    struct test_spec spec = {.pages = 1024, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);

    for (size_t s = 0; s < 2; s++)
        for (int i = 0; i < 5; i++) {
            void *block = make(q, size[s], GFP_KERNEL | __GFP_HIGHMEM);
            assert_non_null(block);
            assert_true(qp_phys(q->map.offset, block) < 512 * PAGE_SIZE);
            drop(q, block);
        }
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    assert_non_null(strstr(test_last_report, "HIGHMEM"));
    test_end(q);
}

static void unknown_mask_bits_are_named_for_large_blocks_too(void **state)
{
    struct quarry *q = boot_with(1024, NULL);

    drop(q, make(q, 64, GFP_KERNEL | 0x40000000));
    assert_non_null(strstr(test_last_report, "0x40000000"));
    drop(q, make(q, 65536, GFP_KERNEL | 0x20000000));
    assert_non_null(strstr(test_last_report, "0x20000000"));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 2);
    test_end(q);
}

static void g_c1_sleeping_requests_in_atomic_context_are_reported_and_served(void **state)
{
    static const size_t size[] = {64, 65536};
    struct quarry *q = boot_with(1024, "check=1");

    for (size_t s = 0; s < 2; s++) {
        void *block;
        quarry_context_enter(QUARRY_CTX_SPINLOCK);
        block = make(q, size[s], GFP_KERNEL);
        quarry_context_leave(QUARRY_CTX_SPINLOCK);
        assert_non_null(block);
        assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), s + 1);
        assert_non_null(strstr(test_last_report, "kmalloc"));
        drop(q, block);
    }
    test_end(q);
}

/* ---- large blocks ---------------------------------------------------------------------------- */

static void large_blocks_are_compound_pages_marked_as_kmallocs(void **state)
{
    struct quarry *q = boot_with(2048, NULL);
    u64 before = qr_free_pages_total(&q->zones);
    char *block = make(q, 100000, GFP_KERNEL);
    struct page *page = qr_virt_page(&q->map, block);

    assert_true(page->flags & PGF_KMALLOC);
    assert_ptr_equal(qr_head(&q->map, page + 20), page);
    assert_int_equal(qr_ksize(&q->kmalloc, block), 131072);
    drop(q, block);
    assert_false(page->flags & PGF_KMALLOC);
    qr_pcp_drain_all(&q->zones);
    assert_int_equal(qr_free_pages_total(&q->zones), before);
    test_end(q);
}

static void a_large_block_held_by_its_page_goes_with_the_last_holder(void **state)
{
    struct quarry *q = boot_with(2048, NULL);
    char *block = make(q, 65536, GFP_KERNEL);
    struct page *page = qr_virt_page(&q->map, block);

    qr_get_page(&q->zones, page + 3, "get_page");
    drop(q, block);
    memset(block, 1, 65536); /* still the holder's */
    assert_int_equal(page->_refcount, 1);
    qr_put_page(&q->zones, page + 3, "put_page");
    assert_int_equal(findings(q), 0);
    test_end(q);
}

/* ---- frees ----------------------------------------------------------------------------------- */

static void g_s10_kfree_takes_objects_of_any_cache(void **state)
{
    struct quarry *q = boot_with(512, NULL);
    struct qr_cache_params params = {.name = "any", .size = 100, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
    void *object[4] = {qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE),
                       make(q, 100, GFP_KERNEL), make(q, 65536, GFP_KERNEL), NULL};
    struct quarry_cache_stat stat;

    assert_int_equal(qr_ksize(&q->kmalloc, object[0]), 100);
    qr_kfree_bulk(&q->kmalloc, 4, object);
    qr_cache_stat(cache, &stat);
    assert_int_equal(stat.active, 0);
    assert_int_equal(findings(q), 0);
    test_end(q);
}

static void g_s8_wrong_frees_are_told_what_the_address_is(void **state)
{
    struct quarry *q = boot_with(2048, NULL);
    static char data_segment[64];
    char local[64], *heap = malloc(64), *block = make(q, 65536, GFP_KERNEL);
    void *area = qr_vmalloc(&q->vm, PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 2, NUMA_NO_NODE);
    struct {
        void *address;
        const char *word;
    } wrong[] = {
        {local, "stack"},
        {heap, "not memory of this machine"},
        {data_segment, "not memory of this machine"},
        {area, "vfree"},
        {block + 40, "byte 40"},
        {block + 3 * PAGE_SIZE, "page 3 of a kmalloc block"},
        {qr_page_virt(&q->map, page), "order 2"},
        {q->map.pages, "reserved"},
    };

    for (size_t i = 0; i < QR_ARRAY_SIZE(wrong); i++) {
        drop(q, wrong[i].address);
        assert_int_equal(test_findings(q, QUARRY_BAD_FREE), i + 1);
        if (!strstr(test_last_report, wrong[i].word))
            fail_msg("no \"%s\" in \"%s\"", wrong[i].word, test_last_report);
        assert_int_equal(qr_ksize(&q->kmalloc, block), 65536);
    }
    drop(q, block);
    drop(q, block);
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);
    qr_free_block(&q->zones, page, 2);
    qr_vfree(&q->vm, area, false);
    free(heap);
    test_end(q);
}

static void g_c4_blocks_are_freed_in_any_context(void **state)
{
    struct quarry *q = boot_with(2048, "check=1");
    void *small = make(q, 64, GFP_KERNEL), *large = make(q, 65536, GFP_KERNEL);

    quarry_context_enter(QUARRY_CTX_HARDIRQ);
    drop(q, small);
    drop(q, large);
    quarry_context_leave(QUARRY_CTX_HARDIRQ);
    assert_int_equal(findings(q), 0);
    test_end(q);
}

static void a_sensitive_block_is_wiped_before_it_goes(void **state)
{
    struct quarry *q = boot_with(512, NULL);
    volatile char *block = make(q, 200, GFP_KERNEL);

    memset((char *)block, 's', 200);
    qr_kfree_sensitive(&q->kmalloc, (char *)block);
    for (int i = 0; i < 200; i++)
        assert_int_equal(block[i], 0);
    test_end(q);
}

static void g_s8_holes_in_memory_are_no_blocks(void **state)
{
    /* Two runs with a hole between them: the fast way knows the longer one only. */
    static const struct quarry_region region[] = {
        {.start = 0, .size = 256 * PAGE_SIZE},
        {.start = 2048 * PAGE_SIZE, .size = 512 * PAGE_SIZE},
    };
    struct test_spec spec = {.regions = region, .nr_regions = 2};
    struct quarry *q = test_boot_with(&spec);
    static void *block[4000];
    unsigned int low = 0, high = 0, nr = 0;

    assert_int_equal(q->slabs.window.pages, 512);
    while (nr < 4000 && (block[nr] = make(q, 1024, GFP_ATOMIC | __GFP_NOWARN)))
        nr++;
    for (unsigned int i = 0; i < nr; i++)
        (qp_phys(q->map.offset, block[i]) < 256 * PAGE_SIZE ? &low : &high)[0]++;
    assert_true(low > 100 && high > 100);
    for (u64 pfn = 256; pfn < 2048; pfn += 100) {
        void *hole = qp_virt(q->map.offset, pfn << PAGE_SHIFT);
        unsigned long before = findings(q);
        assert_false(qr_kfree_fast(&q->slabs, &q->cpus, hole));
        drop(q, hole);
        assert_int_equal(findings(q), before + 1);
    }
    for (unsigned int i = 0; i < nr; i++)
        qr_kfree(&q->kmalloc, block[i]);
    test_end(q);
}

/* ---- krealloc -------------------------------------------------------------------------------- */

static void g_s13_the_edges_of_krealloc(void **state)
{
    struct quarry *q = boot_with(512, NULL);
    struct quarry_fault fault = {.nth = 1, .persistent = true};
    char *block = qr_krealloc(&q->kmalloc, NULL, 40, GFP_KERNEL);

    assert_non_null(block);
    memset(block, 'k', 40);
    assert_ptr_equal(qr_krealloc(&q->kmalloc, block, 33, GFP_KERNEL), block);
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, &fault), 0);
    assert_null(qr_krealloc(&q->kmalloc, block, 5000, GFP_KERNEL));
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, NULL), 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(block[i], 'k'); /* as it was */
    block = qr_krealloc(&q->kmalloc, block, 100000, GFP_KERNEL);
    for (int i = 0; i < 40; i++)
        assert_int_equal(block[i], 'k');
    assert_ptr_equal(qr_krealloc(&q->kmalloc, block, 0, GFP_KERNEL), ZERO_SIZE_PTR);
    assert_ptr_equal(qr_krealloc(&q->kmalloc, NULL, 0, GFP_KERNEL), ZERO_SIZE_PTR);
    assert_non_null(block = qr_krealloc(&q->kmalloc, ZERO_SIZE_PTR, 10, GFP_KERNEL));
    drop(q, block);
    assert_int_equal(findings(q), 0);
    assert_null(qr_krealloc(&q->kmalloc, (char *)q->map.pages, 10, GFP_KERNEL));
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    test_end(q);
}

/* Grow and shrink at random with __GFP_ZERO: what was never written since it was gained is zero. */
static void gained_bytes_are_zero(const char *options)
{
    struct quarry *q = boot_with(2048, options);
    u64 seed = 5;

    for (int round = 0; round < 30; round++) {
        /* Leave dirt behind for the next one. */
        size_t size = 1 + qr_random(&seed) % 300, limit = round % 3 ? 400 : 40000;
        unsigned char *dirt = make(q, size, GFP_KERNEL), *block;
        memset(dirt, 0xdd, qr_ksize(&q->kmalloc, dirt));
        drop(q, dirt);
        block = make(q, size, GFP_KERNEL | __GFP_ZERO);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(block[i], 0);
        memset(block, 0xee, size);
        for (int step = 0; step < 60; step++) {
            size_t next = 1 + qr_random(&seed) % limit;
            block = qr_krealloc(&q->kmalloc, block, next, GFP_KERNEL | __GFP_ZERO);
            assert_non_null(block);
            for (size_t i = 0; i < next; i++)
                assert_int_equal(block[i], i < size ? 0xee : 0);
            memset(block, 0xee, next);
            size = next;
        }
        drop(q, block);
    }
    assert_int_equal(findings(q), 0);
    test_end(q);
}

static void g_s13_each_byte_gained_with_zero_is_zero(void **state)
{
    gained_bytes_are_zero(NULL);
}

static void g_s13_each_byte_gained_is_zero_behind_red_zones_too(void **state)
{
    gained_bytes_are_zero("slab_debug=FZPU");
}

static void the_red_zone_begins_behind_what_was_asked_for(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=Z");
    char *block = make(q, 50, GFP_KERNEL); /* of a class of 56 */

    assert_int_equal(qr_ksize(&q->kmalloc, block), 50);
    block[50] = 'x';
    drop(q, block);
    assert_int_equal(test_findings(q, QUARRY_OVERRUN), 1);
    assert_non_null(strstr(test_last_report, "bytes 50 to 50"));
    block = make(q, 50, GFP_KERNEL);
    assert_ptr_equal(qr_krealloc(&q->kmalloc, block, 53, GFP_KERNEL), block);
    block[52] = 'x';
    assert_ptr_equal(qr_krealloc(&q->kmalloc, block, 20, GFP_KERNEL), block);
    assert_int_equal(findings(q), 1);
    block[20] = 'x';
    drop(q, block);
    assert_int_equal(test_findings(q, QUARRY_OVERRUN), 2);
    assert_non_null(strstr(test_last_report, "bytes 20 to 20"));
    test_end(q);
}

static void freed_blocks_cannot_be_resized_in_checked_builds(void **state)
{
    struct quarry *q = boot_with(512, "check=1");
    void *block = make(q, 50, GFP_KERNEL);

    drop(q, block);
    assert_null(qr_krealloc(&q->kmalloc, block, 60, GFP_KERNEL));
    assert_int_equal(qr_ksize(&q->kmalloc, block), 0);
    assert_int_equal(test_findings(q, QUARRY_USE_AFTER_FREE), 2);
    test_end(q);
}

/* ---- zero, copies ---------------------------------------------------------------------------- */

static void g_e7_zeroed_blocks_are_zero_and_others_keep_what_was_there(void **state)
{
    struct quarry *q = boot_with(2048, NULL);
    static const size_t size[] = {1, 64, 100, 8000, 20000};

    for (size_t s = 0; s < QR_ARRAY_SIZE(size); s++) {
        char *block = make(q, size[s], GFP_KERNEL), *again;
        memset(block, 'd', size[s]);
        drop(q, block);
        again = make(q, size[s], GFP_KERNEL);
        assert_ptr_equal(again, block);
        assert_int_equal(again[0], 'd');
        drop(q, again);
        again = make(q, size[s], GFP_KERNEL | __GFP_ZERO);
        for (size_t i = 0; i < size[s]; i++)
            assert_int_equal(again[i], 0);
        drop(q, again);
    }
    test_end(q);
}

static void the_fast_way_clears_the_whole_class(void **state)
{
    struct quarry *q;
    char *block;

    if (QP_OBSERVED())
        skip(); /* a race detector closes it */
    q = boot_with(512, NULL);
    block = make(q, 50, GFP_KERNEL);
    memset(block, 'd', 56);
    drop(q, block);
    assert_ptr_equal(qr_kmalloc_fast_zeroed(&q->kmalloc, &q->cpus, quarry_kmalloc_class(50),
                                            GFP_KERNEL | __GFP_ZERO),
                     block);
    for (int i = 0; i < 56; i++)
        assert_int_equal(block[i], 0);
    assert_null(qr_kmalloc_fast(&q->kmalloc, &q->cpus, 3, GFP_KERNEL | __GFP_DMA));
    assert_null(qr_kmalloc_fast(&q->kmalloc, &q->cpus, 3, GFP_KERNEL | __GFP_HIGHMEM));
    assert_null(qr_kmalloc_fast(&q->kmalloc, &q->cpus, 3, GFP_KERNEL | __GFP_NOFAIL));
    assert_true(qr_kfree_fast(&q->slabs, &q->cpus, block));
    assert_false(qr_kfree_fast(&q->slabs, &q->cpus, &block));
    assert_false(qr_kfree_fast(&q->slabs, &q->cpus, NULL));
    test_end(q);
}

static char *print(struct quarry *q, const char *format, ...) __attribute__((format(printf, 2, 3)));
static char *print(struct quarry *q, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = qr_kvasprintf(&q->kmalloc, GFP_KERNEL, format, args);
    va_end(args);
    return text;
}

static void copies_are_exact(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=Z");
    char *copy = qr_kmemdup(&q->kmalloc, "marble", 4, GFP_KERNEL);

    assert_memory_equal(copy, "marb", 4);
    assert_int_equal(qr_ksize(&q->kmalloc, copy), 4);
    drop(q, copy);
    copy = qr_kmemdup_nul(&q->kmalloc, "marble", 4, GFP_KERNEL);
    assert_string_equal(copy, "marb");
    drop(q, copy);
    copy = print(q, "%s-%05d-%s", "slab", 42, "a longer tail than the first guess would be");
    assert_string_equal(copy, "slab-00042-a longer tail than the first guess would be");
    assert_int_equal(qr_ksize(&q->kmalloc, copy), strlen(copy) + 1);
    drop(q, copy);
    assert_null(qr_kmemdup(&q->kmalloc, NULL, 4, GFP_KERNEL));
    assert_null(qr_kmemdup_nul(&q->kmalloc, NULL, 4, GFP_KERNEL));
    assert_null(qr_kmemdup_nul(&q->kmalloc, "x", SIZE_MAX, GFP_KERNEL));
    assert_ptr_equal(qr_kmemdup(&q->kmalloc, "x", 0, GFP_KERNEL), ZERO_SIZE_PTR);
    assert_int_equal(findings(q), 0);
    test_end(q);
}

static void a_dump_says_what_an_address_is(void **state)
{
    struct quarry *q = boot_with(1024, NULL);
    char *object = make(q, 100, GFP_KERNEL), *large = make(q, 3 * PAGE_SIZE, GFP_KERNEL);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    char *bytes = qr_page_virt(&q->map, page), words[96], mine;

    assert_non_null(strstr(dump_of(q, object + 3, true), "the address is byte 3 of it"));
    snprintf(words, sizeof(words), "byte 5000 of the kmalloc block at %p, 16384 bytes",
             (void *)large);
    assert_non_null(strstr(dump_of(q, large + 5000, true), words));
    snprintf(words, sizeof(words), "in page frame %#llx, which is no kmalloc memory",
             (unsigned long long)qr_pfn(&q->map, page));
    assert_non_null(strstr(dump_of(q, bytes + 7, true), words));
    drop(q, large);
    assert_non_null(strstr(dump_of(q, large, true), "which is no kmalloc memory"));
    assert_non_null(strstr(dump_of(q, &mine, false), "quarry: "));
    qr_free_block(&q->zones, page, 0);
    drop(q, object);
    test_end(q);
    q = boot_with(2048, "kfence.every=1 kfence.num_objects=8");
    object = make(q, 100, GFP_KERNEL);
    assert_true(qr_guard_owns(&q->guards, object));
    assert_non_null(strstr(dump_of(q, object, true), "kmalloc-"));
    drop(q, object);
    test_end(q);
}

static void odd_limits_are_refused_at_boot(void **state)
{
    static const struct qp_machine bad[] = {
        {.kmalloc_min = 24}, {.kmalloc_min = 4}, {.kmalloc_max = 100}, {.kmalloc_max = 8u << 20}};
    struct quarry *q = boot_with(256, NULL);
    struct qr_kmalloc kmalloc = {.slabs = &q->slabs, .zones = &q->zones, .check = &q->check};
    char why[160];

    for (size_t i = 0; i < QR_ARRAY_SIZE(bad); i++) {
        why[0] = '\0';
        assert_int_equal(qr_kmalloc_init(&kmalloc, &bad[i], why, sizeof(why)), -QR_EINVAL);
        assert_true(why[0] != '\0');
    }
    test_end(q);
}

static void every_inner_failure_leaves_nothing_behind(void **state)
{
    struct test_spec spec = {.pages = 1024, .profile = "zones"};

    for (int persistent = 0; persistent < 2; persistent++)
        for (unsigned int nth = 1;; nth++) {
            /* A fresh machine each time: families are made on their first use. */
            struct quarry *q = test_boot_with(&spec);
            struct quarry_fault fault = {.nth = nth, .persistent = persistent};
            static const gfp_t gfp[] = {GFP_KERNEL, GFP_KERNEL | GFP_DMA,
                                        GFP_KERNEL | __GFP_RECLAIMABLE};
            unsigned long failed;
            bool all = true;
            assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, &fault), 0);
            for (size_t f = 0; f < 3; f++)
                for (size_t size = 16; size <= 65536; size *= 16) {
                    void *block = make(q, size, gfp[f] | __GFP_NOWARN);
                    all &= block != NULL;
                    drop(q, block);
                }
            failed = qr_fault_failed(&q->faults, QUARRY_FAIL_PAGE_ALLOC);
            assert_true(all || failed);
            assert_int_equal(findings(q), 0);
            test_end(q);
            if (!failed)
                break;
            assert_true(nth < 100);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(class_numbers_and_sizes_agree),
        cmocka_unit_test(g_s2_every_size_gets_a_block_of_its_class),
        cmocka_unit_test(g_s2_a_size_beyond_the_largest_fails_and_names_the_alternatives),
        cmocka_unit_test(g_s2_the_classic_machine_has_its_own_limits),
        cmocka_unit_test(g_s3_no_bytes_are_a_pointer_that_may_be_freed),
        cmocka_unit_test(g_s4_a_block_is_aligned_to_what_divides_its_size),
        cmocka_unit_test(g_s4_red_zones_keep_the_alignment_of_blocks),
        cmocka_unit_test(g_s1_a_block_is_contiguous_in_physical_addresses),
        cmocka_unit_test(g_z1_the_dma_family_lies_below_the_limit),
        cmocka_unit_test(reclaimable_blocks_have_a_family_of_their_own),
        cmocka_unit_test(a_family_asked_for_by_many_at_once_is_made_once),
        cmocka_unit_test(g_z10_masks_with_several_zones_are_reported_and_the_lowest_wins),
        cmocka_unit_test(g_z7_high_memory_is_refused_once_a_site_and_dropped),
        cmocka_unit_test(unknown_mask_bits_are_named_for_large_blocks_too),
        cmocka_unit_test(g_c1_sleeping_requests_in_atomic_context_are_reported_and_served),
        cmocka_unit_test(large_blocks_are_compound_pages_marked_as_kmallocs),
        cmocka_unit_test(a_large_block_held_by_its_page_goes_with_the_last_holder),
        cmocka_unit_test(g_s10_kfree_takes_objects_of_any_cache),
        cmocka_unit_test(g_s8_wrong_frees_are_told_what_the_address_is),
        cmocka_unit_test(g_c4_blocks_are_freed_in_any_context),
        cmocka_unit_test(a_sensitive_block_is_wiped_before_it_goes),
        cmocka_unit_test(g_s8_holes_in_memory_are_no_blocks),
        cmocka_unit_test(g_s13_the_edges_of_krealloc),
        cmocka_unit_test(g_s13_each_byte_gained_with_zero_is_zero),
        cmocka_unit_test(g_s13_each_byte_gained_is_zero_behind_red_zones_too),
        cmocka_unit_test(the_red_zone_begins_behind_what_was_asked_for),
        cmocka_unit_test(freed_blocks_cannot_be_resized_in_checked_builds),
        cmocka_unit_test(g_e7_zeroed_blocks_are_zero_and_others_keep_what_was_there),
        cmocka_unit_test(the_fast_way_clears_the_whole_class),
        cmocka_unit_test(copies_are_exact),
        cmocka_unit_test(a_dump_says_what_an_address_is),
        cmocka_unit_test(odd_limits_are_refused_at_boot),
        cmocka_unit_test(every_inner_failure_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
