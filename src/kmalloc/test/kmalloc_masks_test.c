/* SPDX-License-Identifier: MIT */
/* kmalloc: the limits that a machine may set, masks that name several zones, and the making of families. */
#include "machine.h"
#include "fault/fault.h"

/* From 8 bytes to one page the smallest, from one page to 4 MiB the largest may be. */
static void a_machines_limits_are_looked_at(void **state)
{
    static const struct {
        unsigned int min, max;
        int error;
    } limits[] = {{8, 4096, 0},
                  {4096, 4u << 20, 0},
                  {4, 4096, -QR_EINVAL},
                  {24, 4096, -QR_EINVAL},
                  {8192, 8192, -QR_EINVAL},
                  {8, 4095, -QR_EINVAL},
                  {8, (4u << 20) + 1, -QR_EINVAL}};

    for (size_t i = 0; i < QR_ARRAY_SIZE(limits); i++) {
        struct quarry *q = test_boot(1024);
        struct qp_machine machine = {.kmalloc_min = limits[i].min, .kmalloc_max = limits[i].max};
        char why[128] = "";
        assert_int_equal(qr_kmalloc_init(&q->kmalloc, &machine, why, sizeof(why)), limits[i].error);
        assert_int_equal(strstr(why, "a power of two from 8") != NULL, limits[i].error != 0);
        test_abandon(q);
    }
}

static void g_z10_without_a_dma_zone_in_the_mask_the_lowest_is_nobodys(void **state)
{
    struct test_spec spec = {.pages = 1024, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    void *block =
        qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL | __GFP_DMA32 | __GFP_HIGHMEM, NUMA_NO_NODE);

    assert_non_null(block);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 2);
    assert_non_null(strstr(test_last_report, "no such family"));
    qr_kfree_slow(&q->kmalloc, block, "kfree");
    test_end(q);
}

static void a_block_too_large_is_refused_with_what_it_would_take(void **state)
{
    struct quarry *q = test_boot(1024);
    const struct {
        size_t size;
        const char *told;
    } large[] = {{KMALLOC_MAX_SIZE + 1, "take 1025 single pages"},
                 {KMALLOC_MAX_SIZE + PAGE_SIZE, "take 1025 single pages"},
                 {KMALLOC_MAX_SIZE + PAGE_SIZE + 1, "take 1026 single pages"}};

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(large); i++) {
        assert_null(qr_kmalloc_slow(&q->kmalloc, large[i].size, GFP_KERNEL, NUMA_NO_NODE));
        assert_non_null(strstr(test_last_report, large[i].told));
        assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), i + 1);
    }
    test_end(q);
}

/* ---- families made by two at once -------------------------------------------------------------- */

static struct {
    struct quarry *q;
    void *block;
} first;

/* Asked while a cache is being made: the other CPU is faster. */
static bool another_is_first(const struct quarry_fault_request *request, void *data)
{
    (void)request;
    (void)data;
    if (!first.block) {
        first.block = first.q; /* not for its own cache, too */
        first.block = qr_kmalloc_slow(&first.q->kmalloc, 64, GFP_KERNEL | __GFP_DMA, NUMA_NO_NODE);
    }
    return false;
}

static bool count_dma_64(struct kmem_cache *cache, void *data)
{
    *(int *)data += strcmp(cache->name, "dma-kmalloc-64") == 0;
    return true;
}

static void who_makes_a_family_second_uses_the_firsts(void **state)
{
    struct test_spec spec = {.pages = 1024, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    struct kmem_cache *cache;
    struct qr_object found;
    void *block;
    int nr = 0;

    (void)state;
    first.q = q;
    first.block = NULL;
    qr_fault_set_hook(&q->faults, another_is_first, NULL);
    qr_slabs_update_hooks(&q->slabs);
    block = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL | __GFP_DMA, NUMA_NO_NODE);
    qr_fault_set_hook(&q->faults, NULL, NULL);
    qr_slabs_update_hooks(&q->slabs);
    assert_non_null(block);
    assert_true(first.block && first.block != q);
    assert_true(qr_object_find(&q->slabs, first.block, &found));
    cache = found.cache;
    assert_true(qr_object_find(&q->slabs, block, &found));
    assert_ptr_equal(found.cache, cache);
    assert_ptr_equal(q->kmalloc.cache[QR_KMALLOC_DMA][quarry_kmalloc_class(64)], cache);
    qr_slabs_for_each_cache(&q->slabs, count_dma_64, &nr);
    assert_int_equal(nr, 1); /* the other one is gone */
    qr_kfree_slow(&q->kmalloc, block, "kfree");
    qr_kfree_slow(&q->kmalloc, first.block, "kfree");
    assert_int_equal(test_findings(q, QUARRY_FINDING_KINDS), 0);
    test_end(q);
}

/* What is needed to make a family is no block of it: of the mask only how to get memory counts. */
static gfp_t inner_masks[8];
static unsigned int nr_inner;

static bool note_mask(const struct quarry_fault_request *request, void *data)
{
    (void)data;
    if (nr_inner < QR_ARRAY_SIZE(inner_masks))
        inner_masks[nr_inner++] = request->gfp;
    return false;
}

static void a_family_is_made_with_the_caller_s_patience_and_nothing_else(void **state)
{
    static const gfp_t family[] = {__GFP_DMA, __GFP_RECLAIMABLE};

    (void)state;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(family); i++) {
        struct test_spec spec = {.pages = 1024, .profile = "zones"};
        struct quarry *q = test_boot_with(&spec);
        gfp_t gfp = GFP_NOFS | __GFP_ZERO | family[i];
        void *block;

        nr_inner = 0;
        qr_fault_set_hook(&q->faults, note_mask, NULL);
        qr_slabs_update_hooks(&q->slabs);
        block = qr_kmalloc_slow(&q->kmalloc, 64, gfp, NUMA_NO_NODE);
        qr_fault_set_hook(&q->faults, NULL, NULL);
        qr_slabs_update_hooks(&q->slabs);
        assert_non_null(block);
        assert_true(nr_inner > 1 && nr_inner < QR_ARRAY_SIZE(inner_masks));
        assert_int_equal(inner_masks[0], GFP_NOFS | __GFP_NOWARN);
        qr_kfree_slow(&q->kmalloc, block, "kfree");
        test_end(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machines_limits_are_looked_at),
        cmocka_unit_test(a_block_too_large_is_refused_with_what_it_would_take),
        cmocka_unit_test(g_z10_without_a_dma_zone_in_the_mask_the_lowest_is_nobodys),
        cmocka_unit_test(a_family_is_made_with_the_caller_s_patience_and_nothing_else),
        cmocka_unit_test(who_makes_a_family_second_uses_the_firsts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
