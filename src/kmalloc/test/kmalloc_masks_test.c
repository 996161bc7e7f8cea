/* SPDX-License-Identifier: MIT */
/* kmalloc: the limits that a machine may set, and masks that name several zones. */
#include "machine.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machines_limits_are_looked_at),
        cmocka_unit_test(a_block_too_large_is_refused_with_what_it_would_take),
        cmocka_unit_test(g_z10_without_a_dma_zone_in_the_mask_the_lowest_is_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
