/* SPDX-License-Identifier: MIT */
/* What memory for devices costs: what is asked for, with which mask, and that all of it comes back. */
#include "machine.h"
#include <quarry/context.h>

static struct quarry_dma_device device;
static u64 device_mask;

static struct qr_dma_dev any_device(void)
{
    device_mask = ~0ull;
    device = (struct quarry_dma_device){.dma_mask = &device_mask, .coherent_dma_mask = ~0ull};
    return (struct qr_dma_dev){.id = &device, .dma = &device, .name = "disk0"};
}

static struct quarry *boot_with(const char *options)
{
    const struct test_spec spec = {.pages = 4096, .profile = "zones", .options = options};
    struct quarry *q = test_boot_with(&spec);

    qr_reclaim_stop(&q->reclaim);
    return q;
}

static u64 free_pages_of(struct quarry *q)
{
    qr_slabs_drain_all(&q->slabs);
    qr_pcp_drain_all(&q->zones);
    return qr_free_pages_total(&q->zones);
}

static void coherent_memory_comes_back_to_the_last_page(void **state)
{
    static const size_t sizes[] = {1, PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE, 70000};
    static const char *const options[] = {NULL, "check=1"};

    for (unsigned int level = 0; level < QR_ARRAY_SIZE(options); level++) {
        struct quarry *q = boot_with(options[level]);
        struct qr_dma_dev dev = any_device();
        dma_addr_t handle;
        u64 before;
        qr_dma_free(&q->dma, &dev, 1, qr_dma_alloc(&q->dma, &dev, 1, &handle, GFP_KERNEL), handle);
        before = free_pages_of(q);
        for (unsigned int i = 0; i < QR_ARRAY_SIZE(sizes); i++) {
            void *block = qr_dma_alloc(&q->dma, &dev, sizes[i], &handle, GFP_KERNEL);
            assert_non_null(block);
            assert_int_equal(before - free_pages_of(q), PAGE_ALIGN(sizes[i]) / PAGE_SIZE);
            qr_dma_free(&q->dma, &dev, sizes[i], block, handle);
            assert_int_equal(free_pages_of(q), before);
        }
        test_end(q);
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

static struct quarry_fault_request asked[8];
static unsigned int nr_asked;

static bool listen_to_slabs(const struct quarry_fault_request *request, void *data)
{
    if (request->point == QUARRY_FAILSLAB && nr_asked < QR_ARRAY_SIZE(asked))
        asked[nr_asked++] = *request;
    return false;
}

static void a_pool_is_made_without_waiting_where_nobody_may(void **state)
{
    struct quarry *q = boot_with("check=1");
    struct qr_dma_dev dev = any_device();

    qr_fault_set_hook(&q->faults, listen_to_slabs, NULL);
    for (unsigned int atomic = 0; atomic < 2; atomic++) {
        struct dma_pool *pool;
        nr_asked = 0;
        if (atomic)
            quarry_context_enter(QUARRY_CTX_SPINLOCK);
        pool = qr_dma_pool_create(&q->dma, "ring", &dev, 64, 8, 0);
        if (atomic)
            quarry_context_leave(QUARRY_CTX_SPINLOCK);
        assert_non_null(pool);
        assert_int_equal(nr_asked, 2); /* the pool's record, the cache's */
        for (unsigned int i = 0; i < nr_asked; i++)
            assert_int_equal(asked[i].gfp, atomic ? GFP_NOWAIT : GFP_KERNEL);
        assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), atomic); /* told once */
        qr_dma_pool_destroy(&q->dma, pool);
    }
    assert_int_equal(q->check.live_bytes, 0);
    test_end(q);
}

static bool listen_to_pages(const struct quarry_fault_request *request, void *data)
{
    if (request->point == QUARRY_FAIL_PAGE_ALLOC)
        *(gfp_t *)data |= request->gfp;
    return false;
}

/* A mapping is made anywhere, and its record may go into the reserve. */
static void a_record_is_made_as_in_an_interrupt(void **state)
{
    const gfp_t how = GFP_ATOMIC | __GFP_NOWARN;
    struct quarry *q = boot_with("check=1");
    struct qr_dma_dev dev = any_device();
    struct qr_dma_range range = {.size = 64, .kind = QR_DMA_SINGLE};
    gfp_t asked_for = 0;

    qr_fault_set_hook(&q->faults, listen_to_pages, &asked_for);
    for (range.handle = 0; !asked_for && range.handle < 4096; range.handle++)
        qr_dma_note(&q->dma, &dev, &range, NULL);
    qr_fault_set_hook(&q->faults, NULL, NULL);
    assert_int_equal(asked_for & (how | __GFP_DIRECT_RECLAIM), how);
    test_end(q);
}

static void a_pool_asks_for_blocks_with_the_callers_mask_but_its_own_zone(void **state)
{
    struct quarry *q = boot_with("check=1");
    struct qr_dma_dev dev = any_device();
    struct dma_pool *pool = qr_dma_pool_create(&q->dma, "ring", &dev, 40, 64, 64);
    dma_addr_t handle = 0;
    void *block;

    qr_fault_set_hook(&q->faults, listen_to_slabs, NULL);
    nr_asked = 0;
    block = qr_dma_pool_alloc(&q->dma, pool, GFP_NOFS | GFP_DMA, &handle);
    assert_int_equal(nr_asked, 1);
    assert_int_equal(asked[0].size, 40);
    assert_int_equal(asked[0].gfp, GFP_NOFS);
    assert_true(handle == qp_phys(q->map.offset, block));
    assert_int_equal(handle % 64, 0);
    qr_dma_pool_free(&q->dma, pool, block, handle);
    qr_dma_pool_destroy(&q->dma, pool);
    assert_int_equal(q->check.live_bytes, 0);
    test_end(q);
}

/* An alignment that is the boundary already stays what it is. */
static void a_block_keeps_to_its_boundary_by_its_alignment(void **state)
{
    static const struct {
        size_t size, align, boundary, is;
    } shape[] = {{64, 64, 64, 64}, {64, 64, 4096, 64},  {33, 8, 4096, 64}, {32, 8, 4096, 32},
                 {1, 1, 4096, 8},  {64, 256, 512, 256}, {2, 1, 2, 8}};
    struct quarry *q = boot_with(NULL);
    struct qr_dma_dev dev = any_device();

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(shape); i++) {
        struct dma_pool *pool = qr_dma_pool_create(&q->dma, "shaped", &dev, shape[i].size,
                                                   shape[i].align, shape[i].boundary);
        void *block[3];
        dma_addr_t handle[3], all = 0;
        assert_non_null(pool);
        for (unsigned int k = 0; k < 3; k++) {
            block[k] = qr_dma_pool_alloc(&q->dma, pool, GFP_KERNEL, &handle[k]);
            assert_non_null(block[k]);
            all |= handle[k];
        }
        assert_int_equal(all % shape[i].is, 0);
        for (unsigned int k = 0; k < 3; k++)
            qr_dma_pool_free(&q->dma, pool, block[k], handle[k]);
        qr_dma_pool_destroy(&q->dma, pool);
    }
    test_end(q);
}

/* ---- failures -------------------------------------------------------------------------------- */

static void a_mapping_that_is_made_to_fail_maps_nothing(void **state)
{
    const struct quarry_fault all = {.every = 1}, small = {.every = 1, .min_size = 65};
    struct quarry *q = boot_with("check=1");
    struct qr_dma_dev dev = any_device();
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    void *at = qr_page_virt(&q->map, page);
    dma_addr_t handle;

    qr_fault_set(&q->faults, QUARRY_FAILSLAB, &all);
    assert_true(qr_dma_map_single(&q->dma, &dev, at, 64, DMA_TO_DEVICE) == DMA_MAPPING_ERROR);
    assert_true(qr_dma_map_page(&q->dma, &dev, page, 0, 64, DMA_TO_DEVICE) == DMA_MAPPING_ERROR);
    assert_int_equal(q->dma.nr, 0);
    assert_int_equal(qr_fault_failed(&q->faults, QUARRY_FAILSLAB), 2);
    qr_fault_set(&q->faults, QUARRY_FAILSLAB, &small); /* those of more bytes */
    handle = qr_dma_map_page(&q->dma, &dev, page, 0, 64, DMA_TO_DEVICE);
    assert_true(handle == qr_page_phys(&q->map, page));
    assert_true(qr_dma_map_single(&q->dma, &dev, at, 65, DMA_TO_DEVICE) == DMA_MAPPING_ERROR);
    assert_true(qr_dma_map_single(&q->dma, &dev, (char *)at + 64, 64, DMA_TO_DEVICE) ==
                handle + 64);
    qr_dma_asked(&q->dma, &dev, handle + 64);
    assert_true(qr_dma_forget(&q->dma, &dev,
                              &(struct qr_dma_range){handle + 64, 64, DMA_TO_DEVICE, QR_DMA_SINGLE},
                              "unmap"));
    assert_true(qr_dma_map_page(&q->dma, &dev, page, 0, 65, DMA_TO_DEVICE) == DMA_MAPPING_ERROR);
    qr_fault_set(&q->faults, QUARRY_FAILSLAB, NULL);
    qr_dma_asked(&q->dma, &dev, handle);
    assert_true(qr_dma_forget(
        &q->dma, &dev, &(struct qr_dma_range){handle, 64, DMA_TO_DEVICE, QR_DMA_PAGE}, "unmap"));
    assert_int_equal(q->dma.nr, 0);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coherent_memory_comes_back_to_the_last_page),
        cmocka_unit_test(a_pool_is_made_without_waiting_where_nobody_may),
        cmocka_unit_test(a_record_is_made_as_in_an_interrupt),
        cmocka_unit_test(a_pool_asks_for_blocks_with_the_callers_mask_but_its_own_zone),
        cmocka_unit_test(a_block_keeps_to_its_boundary_by_its_alignment),
        cmocka_unit_test(a_mapping_that_is_made_to_fail_maps_nothing),
    };
    return cmocka_run_group_tests_name("memory for devices", tests, NULL, NULL);
}
