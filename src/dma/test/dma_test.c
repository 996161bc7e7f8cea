/* SPDX-License-Identifier: MIT */
/* Memory for devices: which zone serves which mask, what may be mapped, what is noticed when it is taken
 * back, and pools. On a machine of 16 MiB with all three zones: DMA below 2, NORMAL below 8, HIGHMEM
 * above. */
#include "machine.h"

#define MIB (1ull << 20)

static struct quarry_dma_device device, other_device;
static u64 device_mask;

static struct qr_dma_dev dev_of(struct quarry_dma_device *dma, u64 mask)
{
    struct qr_dma_dev dev = {.id = dma, .dma = dma, .name = "disk0"};
    device_mask = mask;
    dma->dma_mask = &device_mask;
    dma->coherent_dma_mask = mask;
    return dev;
}

static struct quarry *boot(const char *options)
{
    const struct test_spec spec = {.pages = 4096, .profile = "zones", .options = options};
    return test_boot_with(&spec);
}

static void expect_report(const char *text)
{
    if (!strstr(test_last_report, text))
        fail_msg("\"%s\" is not in \"%s\"", text, test_last_report);
}

/* ---- masks ----------------------------------------------------------------------------------- */

static void the_mask_chooses_the_zone(void **state)
{
    struct quarry *q = boot(NULL);
    gfp_t flags = 99;
    assert_true(qr_dma_zone(&q->dma, ~0ull, &flags));
    assert_int_equal(flags, 0);
    assert_true(qr_dma_zone(&q->dma, 8 * MIB - 1, &flags));
    assert_int_equal(flags, 0);
    assert_true(qr_dma_zone(&q->dma, 8 * MIB - 2, &flags));
    assert_int_equal(flags, __GFP_DMA);
    assert_true(qr_dma_zone(&q->dma, 2 * MIB - 1, &flags));
    assert_int_equal(flags, __GFP_DMA);
    assert_false(qr_dma_zone(&q->dma, 2 * MIB - 2, &flags));
    assert_int_equal(qr_dma_required_mask(&q->dma), 16 * MIB - 1);
    test_end(q);
}

static void a_mask_that_no_zone_satisfies_is_refused_with_a_message(void **state)
{
    struct quarry *q = boot(NULL);
    struct qr_dma_dev dev = dev_of(&device, MIB - 1);
    dma_addr_t handle;
    assert_int_equal(qr_dma_mask_ok(&q->dma, &dev, MIB - 1, "dma_set_mask"), -QR_EIO);
    expect_report("dma_set_mask(disk0, mask 0xfffff)");
    expect_report("0x1fffff");
    assert_null(qr_dma_alloc(&q->dma, &dev, 4096, &handle, GFP_KERNEL));
    assert_null(qr_dma_pool_create(&q->dma, "pool", &dev, 64, 64, 0));
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 3);
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 0); /* no mistake */
    test_end(q);
}

/* ---- coherent memory ------------------------------------------------------------------------- */

static void coherent_memory_is_zero_and_below_the_mask(void **state)
{
    struct quarry *q = boot("check=1");
    struct qr_dma_dev dev = dev_of(&device, 2 * MIB - 1);
    dma_addr_t handle = 0;
    char *block;
    for (unsigned int round = 0; round < 3; round++) {
        block = qr_dma_alloc(&q->dma, &dev, 5000, &handle, GFP_KERNEL);
        assert_non_null(block);
        assert_in_range(handle, 1, 2 * MIB - 5000);
        assert_true(handle == qp_phys(q->map.offset, block));
        for (unsigned int i = 0; i < 5000; i++)
            assert_int_equal(block[i], 0);
        memset(block, 0x55, 5000);
        qr_dma_free(&q->dma, &dev, 5000, block, handle);
    }
    assert_int_equal(q->dma.nr, 0);
    assert_int_equal(q->check.live_bytes, 0);
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 0);
    test_end(q);
}

static void wrong_frees_of_coherent_memory_change_nothing(void **state)
{
    struct quarry *q = boot("check=1");
    struct qr_dma_dev dev = dev_of(&device, ~0ull), other = {.id = &other_device};
    dma_addr_t handle;
    void *block = qr_dma_alloc(&q->dma, &dev, 8192, &handle, GFP_KERNEL);
    other.dma = &device;
    qr_dma_free(&q->dma, &dev, 4096, block, handle);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    expect_report("it was allocated with 8192 bytes");
    qr_dma_free(&q->dma, &dev, 8192, block, handle + 64);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 2);
    expect_report("the handle is not this block's");
    qr_dma_free(&q->dma, &other, 8192, block, handle);
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);
    assert_int_equal(q->dma.nr, 1);
    qr_dma_free(&q->dma, &dev, 8192, block, handle);
    assert_int_equal(q->dma.nr, 0);
    qr_dma_free(&q->dma, &dev, 8192, block, handle);
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 2);
    qr_dma_free(&q->dma, &dev, 8192, NULL, 0);
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 4);
    test_end(q);
}

static void senseless_coherent_requests_are_refused(void **state)
{
    struct quarry *q = boot(NULL);
    struct qr_dma_dev dev = dev_of(&device, ~0ull);
    dma_addr_t handle;
    assert_null(qr_dma_alloc(&q->dma, &dev, 0, &handle, GFP_KERNEL));
    expect_report("(disk0, 0 bytes): a size of 0");
    assert_null(qr_dma_alloc(&q->dma, &dev, (4ul << 20) + 1, &handle, GFP_KERNEL));
    expect_report("(disk0, 4194305 bytes): a block has at most 4 MiB");
    assert_true(handle == DMA_MAPPING_ERROR);
    device.coherent_dma_mask = 0;
    assert_null(qr_dma_alloc(&q->dma, &dev, 4096, &handle, GFP_KERNEL));
    expect_report("(disk0, 4096 bytes): the device has no coherent mask");
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 3);
    test_end(q);
}

/* ---- what may be mapped ---------------------------------------------------------------------- */

static void a_kmalloc_buffer_is_mapped_and_taken_back(void **state)
{
    struct quarry *q = boot("check=1");
    struct qr_dma_dev dev = dev_of(&device, ~0ull);
    char *buffer = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);
    dma_addr_t handle = qr_dma_map_single(&q->dma, &dev, buffer + 10, 90, DMA_TO_DEVICE);
    struct qr_dma_range range = {handle, 90, DMA_TO_DEVICE, QR_DMA_SINGLE};
    assert_true(handle == qp_phys(q->map.offset, buffer + 10));
    qr_dma_asked(&q->dma, &dev, handle);
    assert_int_equal(qr_dma_count(&q->dma, dev.id, false), 1);
    qr_dma_expect(&q->dma, &dev, &range, "dma_sync_single_for_cpu");
    range.handle += 50;
    range.size = 40;
    qr_dma_expect(&q->dma, &dev, &range, "dma_sync_single_for_cpu"); /* a part of it */
    range.size = 41;
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 0);
    qr_dma_expect(&q->dma, &dev, &range, "dma_sync_single_for_cpu"); /* and one byte more */
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    range = (struct qr_dma_range){handle, 90, DMA_TO_DEVICE, QR_DMA_SINGLE};
    assert_true(qr_dma_forget(&q->dma, &dev, &range, "dma_unmap_single"));
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 1);
    assert_int_equal(q->dma.nr, 0);
    qr_kfree_slow(&q->kmalloc, buffer, "kfree");
    test_end(q);
}

static void refuse(struct quarry *q, const struct qr_dma_dev *dev, void *address, size_t size,
                   const char *why)
{
    unsigned long before = test_findings(q, QUARRY_BAD_REQUEST);
    assert_true(qr_dma_map_single(&q->dma, dev, address, size, DMA_TO_DEVICE) == DMA_MAPPING_ERROR);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), before + 1);
    expect_report(why);
    assert_int_equal(q->dma.nr, 0);
}

static void stack_vmalloc_static_and_high_memory_are_refused_with_what_to_use(void **state)
{
    static char in_data[64];
    char on_stack[64];
    struct quarry *q = boot("check=1");
    struct qr_dma_dev dev = dev_of(&device, ~0ull);
    void *area = qr_vmalloc(&q->vm, 8192, 1, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc"), *window;
    struct page *high = qr_alloc_pages(&q->zones, GFP_HIGHUSER, 0, NUMA_NO_NODE);
    assert_false(qr_page_is_low(&q->map, high));
    window = qr_kmap(&q->kmaps, high);
    refuse(q, &dev, on_stack, sizeof(on_stack), "the stack is not memory for devices");
    refuse(q, &dev, area, 100, "use kmalloc or dma_alloc_coherent");
    refuse(q, &dev, window, 100, "dma_map_page");
    refuse(q, &dev, (char *)q->kmaps.pkmap_start + q->kmaps.nr_pkmap * PAGE_SIZE - 1, 1,
           "a window");
    refuse(q, &dev, (char *)q->kmaps.fixmap_start + q->kmaps.nr_fixmap * PAGE_SIZE - 1, 1,
           "a window");
    refuse(q, &dev, (char *)q->kmaps.fixmap_start + q->kmaps.nr_fixmap * PAGE_SIZE, 1,
           "not in the machine's memory");
    refuse(q, &dev, in_data, sizeof(in_data), "allocate it with kmalloc");
    refuse(q, &dev, NULL, 10, "NULL");
    refuse(q, &dev, qr_page_virt(&q->map, qr_page(&q->map, 100)), 0, "size of 0");
    qr_kunmap(&q->kmaps, high);
    qr_free_block(&q->zones, high, 0);
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

static void memory_beyond_the_mask_is_refused_not_bounced(void **state)
{
    struct quarry *q = boot("check=1");
    struct qr_dma_dev dev = dev_of(&device, 2 * MIB - 1);
    char *normal = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE);
    char *dma = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL | GFP_DMA, NUMA_NO_NODE);
    dma_addr_t handle;
    assert_true(qp_phys(q->map.offset, normal) >= 2 * MIB);
    refuse(q, &dev, normal, 64, "no bounce buffers");
    handle = qr_dma_map_single(&q->dma, &dev, dma, 64, DMA_FROM_DEVICE);
    assert_in_range(handle, 0, 2 * MIB - 64);
    device.dma_mask = NULL;
    assert_true(qr_dma_map_single(&q->dma, &dev, dma, 64, DMA_FROM_DEVICE) == DMA_MAPPING_ERROR);
    expect_report("no DMA mask");
    assert_int_equal(q->dma.nr, 1);
    qr_dma_asked(&q->dma, &dev, handle);
    qr_dma_forget(&q->dma, &dev, &(struct qr_dma_range){handle, 64, DMA_FROM_DEVICE, QR_DMA_SINGLE},
                  "unmap");
    qr_kfree_slow(&q->kmalloc, normal, "kfree");
    qr_kfree_slow(&q->kmalloc, dma, "kfree");
    test_end(q);
}

static void buffers_that_nobody_holds_to_their_end_are_refused(void **state)
{
    struct quarry *q = boot("check=1 slab_debug=FZPU");
    struct qr_dma_dev dev = dev_of(&device, ~0ull);
    char *buffer = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    char *virt = qr_page_virt(&q->map, page);
    refuse(q, &dev, buffer, 101, "smaller than that");
    refuse(q, &dev, buffer + 50, 51, "smaller than that");
    qr_kfree_slow(&q->kmalloc, buffer, "kfree");
    refuse(q, &dev, buffer, 100, "freed before it was mapped");
    qr_free_block(&q->zones, page, 0);
    refuse(q, &dev, virt, 100, "freed before it was mapped");
    test_end(q);
}

static void a_direction_must_be_one(void **state)
{
    struct quarry *q = boot(NULL);
    struct qr_dma_dev dev = dev_of(&device, ~0ull);
    char *buffer = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);
    assert_true(qr_dma_map_single(&q->dma, &dev, buffer, 100, DMA_NONE) == DMA_MAPPING_ERROR);
    expect_report("direction");
    qr_kfree_slow(&q->kmalloc, buffer, "kfree");
    test_end(q);
}

static void high_pages_are_mapped_by_page(void **state)
{
    struct quarry *q = boot("check=1");
    struct qr_dma_dev dev = dev_of(&device, ~0ull);
    struct page *high = qr_alloc_pages(&q->zones, GFP_HIGHUSER, 1, NUMA_NO_NODE);
    dma_addr_t handle = qr_dma_map_page(&q->dma, &dev, high, 100, 5000, DMA_BIDIRECTIONAL);
    assert_true(handle == qr_page_phys(&q->map, high) + 100);
    assert_true(qr_dma_map_page(&q->dma, &dev, high, 0, 16 * MIB, DMA_BIDIRECTIONAL) ==
                DMA_MAPPING_ERROR);
    expect_report("past the end of memory");
    assert_true(qr_dma_map_page(&q->dma, &dev, NULL, 0, 10, DMA_BIDIRECTIONAL) ==
                DMA_MAPPING_ERROR);
    assert_true(qr_dma_map_page(&q->dma, &dev, (struct page *)&device, 0, 10, DMA_BIDIRECTIONAL) ==
                DMA_MAPPING_ERROR);
    expect_report("no such page");
    device_mask = 8 * MIB - 1;
    assert_true(qr_dma_map_page(&q->dma, &dev, high, 0, 10, DMA_BIDIRECTIONAL) ==
                DMA_MAPPING_ERROR);
    qr_dma_asked(&q->dma, &dev, handle);
    qr_dma_forget(&q->dma, &dev,
                  &(struct qr_dma_range){handle, 5000, DMA_BIDIRECTIONAL, QR_DMA_PAGE}, "unmap");
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 4);
    qr_free_block(&q->zones, high, 1);
    test_end(q);
}

/* ---- what is noticed ------------------------------------------------------------------------- */

struct seen {
    unsigned long nr;
    size_t size;
    const char *what;
    unsigned int trace;
};

static bool look(const struct quarry_live *live, void *data)
{
    struct seen *seen = data;
    assert_int_equal(live->kind, QUARRY_LIVE_DMA);
    seen->nr++;
    seen->size = live->size;
    seen->what = live->cache;
    seen->trace = live->allocated.nr;
    return true;
}

static void double_unmaps_wrong_sizes_and_forgotten_questions_are_found(void **state)
{
    struct quarry *q = boot("check=1");
    struct qr_dma_dev dev = dev_of(&device, ~0ull);
    char *buffer = qr_kmalloc_slow(&q->kmalloc, 256, GFP_KERNEL, NUMA_NO_NODE);
    dma_addr_t handle = qr_dma_map_single(&q->dma, &dev, buffer, 256, DMA_TO_DEVICE);
    struct qr_dma_range range = {handle, 128, DMA_TO_DEVICE, QR_DMA_SINGLE};
    struct seen seen = {0};

    assert_false(qr_dma_forget(&q->dma, &dev, &range, "dma_unmap_single"));
    expect_report("it was mapped with 256 bytes");
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    qr_dma_for_each_live(&q->dma, look, &seen); /* it is still there */
    assert_int_equal(seen.nr, 1);
    assert_int_equal(seen.size, 256);
    assert_string_equal(seen.what, "dma_map_single");
    assert_true(seen.trace > 0);

    range.size = 256;
    assert_true(qr_dma_forget(&q->dma, &dev, &range, "dma_unmap_single"));
    expect_report("dma_mapping_error");
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    assert_false(qr_dma_forget(&q->dma, &dev, &range, "dma_unmap_single"));
    expect_report("unmapped before");
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);

    handle = qr_dma_map_single(&q->dma, &dev, buffer, 256, DMA_TO_DEVICE);
    qr_dma_asked(&q->dma, &dev, handle);
    range.direction = DMA_FROM_DEVICE;
    assert_true(qr_dma_forget(&q->dma, &dev, &range, "dma_unmap_single"));
    expect_report("another direction");
    handle = qr_dma_map_single(&q->dma, &dev, buffer, 256, DMA_TO_DEVICE);
    qr_dma_asked(&q->dma, &dev, handle);
    range.direction = DMA_TO_DEVICE;
    range.kind = QR_DMA_PAGE;
    assert_true(qr_dma_forget(&q->dma, &dev, &range, "dma_unmap_page"));
    expect_report("another call of the family");
    assert_int_equal(q->dma.nr, 0);
    qr_kfree_slow(&q->kmalloc, buffer, "kfree");
    test_end(q);
}

/* Without memory for its record a mapping is made, and its end is not held against anybody. */
static void a_mapping_without_a_record_is_good(void **state)
{
    enum { MAPPINGS = 600 };
    struct quarry *q = boot("check=1");
    struct qr_dma_dev dev = dev_of(&device, ~0ull);
    static dma_addr_t handle[MAPPINGS];
    const struct quarry_fault none = {.every = 1};
    char *buffer = qr_kmalloc_slow(&q->kmalloc, 64 * MAPPINGS, GFP_KERNEL, NUMA_NO_NODE);
    qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, &none);
    for (int i = 0; i < MAPPINGS; i++) {
        handle[i] = qr_dma_map_single(&q->dma, &dev, buffer + 64 * i, 64, DMA_TO_DEVICE);
        assert_true(handle[i] == qp_phys(q->map.offset, buffer + 64 * i));
        qr_dma_asked(&q->dma, &dev, handle[i]);
    }
    assert_true(q->dma.missed > 0);
    assert_true(q->dma.nr + q->dma.missed == MAPPINGS);
    qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, NULL);
    for (int i = 0; i < MAPPINGS; i++)
        qr_dma_forget(&q->dma, &dev,
                      &(struct qr_dma_range){handle[i], 64, DMA_TO_DEVICE, QR_DMA_SINGLE}, "unmap");
    assert_int_equal(q->dma.nr, 0);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST) + test_findings(q, QUARRY_BAD_FREE), 0);
    qr_kfree_slow(&q->kmalloc, buffer, "kfree");
    test_end(q);
}

static void a_machine_without_memory_for_records_is_refused(void **state)
{
    const struct quarry_fault none = {.every = 1};
    struct quarry *q = boot(NULL);
    char why[128] = "";
    int error = 0;
    qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, &none);
    for (int i = 0; i < 1000 && !error; i++) /* until no record of a cache is left */
        error = qr_dma_init(&q->dma, why, sizeof(why));
    assert_int_equal(error, -QR_ENOMEM);
    assert_non_null(strstr(why, "too small: no memory for DMA's records"));
    test_abandon(q);
}

static void the_same_buffer_may_be_mapped_for_several(void **state)
{
    struct quarry *q = boot("check=1");
    struct qr_dma_dev dev = dev_of(&device, ~0ull), other = dev;
    char *buffer = qr_kmalloc_slow(&q->kmalloc, 256, GFP_KERNEL, NUMA_NO_NODE);
    struct qr_dma_range range = {0, 64, DMA_TO_DEVICE, QR_DMA_SINGLE};
    other.id = &other_device;
    range.handle = qr_dma_map_single(&q->dma, &dev, buffer, 256, DMA_TO_DEVICE);
    qr_dma_map_single(&q->dma, &dev, buffer, 64, DMA_TO_DEVICE);
    qr_dma_map_single(&q->dma, &other, buffer, 64, DMA_TO_DEVICE);
    qr_dma_asked(&q->dma, &dev, range.handle);
    qr_dma_asked(&q->dma, &other, range.handle);
    assert_true(qr_dma_forget(&q->dma, &dev, &range, "u")); /* the one of 64 bytes */
    range.size = 256;
    assert_true(qr_dma_forget(&q->dma, &dev, &range, "u"));
    assert_int_equal(qr_dma_count(&q->dma, dev.id, false), 0);
    assert_int_equal(qr_dma_count(&q->dma, other.id, false), 1);
    range.size = 64;
    assert_true(qr_dma_forget(&q->dma, &other, &range, "u"));
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 0);
    qr_kfree_slow(&q->kmalloc, buffer, "kfree");
    test_end(q);
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static void set_piece(struct scatterlist *sg, struct page *page, unsigned int offset,
                      unsigned int length)
{
    sg->page_link = (unsigned long)page | (sg->page_link & 3);
    sg->offset = offset;
    sg->length = length;
}

static void all_pieces_are_mapped_or_none(void **state)
{
    struct quarry *q = boot("check=1");
    struct qr_dma_dev dev = dev_of(&device, ~0ull);
    struct page *page[3];
    struct scatterlist first[3] = {{0}}, second[1] = {{0}};
    for (unsigned int i = 0; i < 3; i++)
        page[i] = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    set_piece(&first[0], page[0], 0, 4096);
    set_piece(&first[1], page[1], 16, 100);
    first[2].page_link = (unsigned long)second | 1;
    second[0].page_link = 2;
    set_piece(&second[0], page[2], 8, 8);
    assert_int_equal(qr_dma_map_sg(&q->dma, &dev, first, 3, DMA_TO_DEVICE), 3);
    assert_true(first[1].dma_address == qr_page_phys(&q->map, page[1]) + 16);
    assert_int_equal(second[0].dma_length, 8);
    assert_int_equal(q->dma.nr, 3);
    qr_dma_unmap_sg(&q->dma, &dev, first, 3, DMA_TO_DEVICE);
    assert_int_equal(q->dma.nr, 0);
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 0);
    second[0].length = 0;
    assert_int_equal(qr_dma_map_sg(&q->dma, &dev, first, 3, DMA_TO_DEVICE), 0);
    assert_int_equal(q->dma.nr, 0);
    second[0].length = 8;
    assert_int_equal(qr_dma_map_sg(&q->dma, &dev, first, 4, DMA_TO_DEVICE), 0);
    expect_report("the list ends");
    assert_int_equal(qr_dma_map_sg(&q->dma, &dev, first, 0, DMA_TO_DEVICE), 0);
    assert_int_equal(q->dma.nr, 0);
    qr_dma_unmap_sg(&q->dma, &dev, first, 1, DMA_TO_DEVICE);
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);
    for (unsigned int i = 0; i < 3; i++)
        qr_free_block(&q->zones, page[i], 0);
    test_end(q);
}

static void injected_faults_make_mappings_fail(void **state)
{
    const struct quarry_fault spec = {.nth = 2};
    struct quarry *q = boot("check=1");
    struct qr_dma_dev dev = dev_of(&device, ~0ull);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    struct scatterlist sg[2] = {{0}};
    set_piece(&sg[0], page, 0, 64);
    sg[1].page_link = 2;
    set_piece(&sg[1], page, 64, 64);
    qr_fault_set(&q->faults, QUARRY_FAILSLAB, &spec);
    assert_int_equal(qr_dma_map_sg(&q->dma, &dev, sg, 2, DMA_TO_DEVICE), 0);
    qr_fault_set(&q->faults, QUARRY_FAILSLAB, NULL);
    assert_int_equal(q->dma.nr, 0);
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 0);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

/* ---- pools ----------------------------------------------------------------------------------- */

static void pool_blocks_are_aligned_and_keep_to_the_boundary(void **state)
{
    static const struct {
        size_t size, align, boundary;
    } shape[] = {{1, 1, 0},      {24, 8, 0},     {40, 64, 0},     {48, 16, 64},
                 {100, 4, 4096}, {520, 8, 4096}, {4096, 4096, 0}, {3000, 8, 4096},
                 {3, 1, 4},      {33, 4, 64},    {65, 1, 128},    {129, 8, 256}};
    static const char *const options[] = {NULL, "check=1 slab_debug=FZPU"};
    for (unsigned int o = 0; o < 2; o++) {
        struct quarry *q = boot(options[o]);
        struct qr_dma_dev dev = dev_of(&device, 2 * MIB - 1);
        for (unsigned int i = 0; i < QR_ARRAY_SIZE(shape); i++) {
            struct dma_pool *pool = qr_dma_pool_create(&q->dma, "blocks", &dev, shape[i].size,
                                                       shape[i].align, shape[i].boundary);
            void *block[40];
            dma_addr_t handle[40];
            assert_non_null(pool);
            for (unsigned int n = 0; n < 40; n++) {
                u64 limit = shape[i].boundary ? shape[i].boundary : ~0ull;
                block[n] = qr_dma_pool_alloc(&q->dma, pool, GFP_KERNEL | __GFP_ZERO, &handle[n]);
                assert_non_null(block[n]);
                assert_true(handle[n] == qp_phys(q->map.offset, block[n]));
                assert_int_equal(handle[n] % shape[i].align, 0);
                assert_true(handle[n] / limit == (handle[n] + shape[i].size - 1) / limit);
                assert_true(handle[n] + shape[i].size <= 2 * MIB);
                assert_int_equal(*(char *)block[n], 0);
                memset(block[n], 0x33, shape[i].size);
            }
            for (unsigned int n = 0; n < 40; n++)
                qr_dma_pool_free(&q->dma, pool, block[n], handle[n]);
            qr_dma_pool_destroy(&q->dma, pool);
        }
        assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 0);
        test_end(q);
    }
}

static void pool_misuse_is_found_as_in_caches(void **state)
{
    struct quarry *q = boot("check=1 slab_debug=FZPU");
    struct qr_dma_dev dev = dev_of(&device, ~0ull);
    struct dma_pool *pool = qr_dma_pool_create(&q->dma, "desc", &dev, 64, 64, 0);
    struct dma_pool *second = qr_dma_pool_create(&q->dma, "desc2", &dev, 64, 64, 0);
    dma_addr_t handle, left;
    char *block = qr_dma_pool_alloc(&q->dma, pool, GFP_KERNEL, &handle);
    assert_non_null(qr_dma_pool_alloc(&q->dma, pool, GFP_KERNEL, &left));
    qr_dma_pool_free(&q->dma, pool, block, handle + 64);
    expect_report("the handle is not this block's");
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    qr_dma_pool_free(&q->dma, second, block, handle);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 2);
    qr_dma_pool_free(&q->dma, pool, block, handle);
    qr_dma_pool_free(&q->dma, pool, block, handle);
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);
    qr_dma_pool_destroy(&q->dma, pool);
    assert_int_equal(test_findings(q, QUARRY_LEAK), 1);
    expect_report("dma_pool_destroy(desc): object");
    block = qr_dma_pool_alloc(&q->dma, second, GFP_KERNEL, &handle);
    qr_dma_pool_free(&q->dma, second, block, handle);
    block[3] = 1; /* a device that writes on */
    qr_dma_pool_destroy(&q->dma, second);
    assert_int_equal(test_findings(q, QUARRY_USE_AFTER_FREE), 1);
    qr_dma_pool_destroy(&q->dma, NULL);
    test_end(q);
}

static void senseless_pools_are_refused(void **state)
{
    struct quarry *q = boot(NULL);
    struct qr_dma_dev dev = dev_of(&device, ~0ull);
    assert_null(qr_dma_pool_create(&q->dma, "p", &dev, 0, 0, 0));
    assert_null(qr_dma_pool_create(&q->dma, "p", &dev, 64, 48, 0));
    assert_null(qr_dma_pool_create(&q->dma, "p", &dev, 64, 8, 32));
    expect_report("boundary");
    assert_null(qr_dma_pool_create(&q->dma, "p", &dev, 64, 8, 96));
    assert_null(qr_dma_pool_create(&q->dma, NULL, &dev, 64, 8, 0));
    assert_null(qr_dma_pool_create(&q->dma, "p", &dev, 8192, 8, 8192));
    device.coherent_dma_mask = 0;
    assert_null(qr_dma_pool_create(&q->dma, "p", &dev, 64, 8, 0));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 7);
    test_end(q);
}

/* ---- without checks; at the last byte of a mask ---------------------------------------------- */

static void without_checks_nothing_is_recorded(void **state)
{
    struct quarry *q = boot(NULL);
    struct qr_dma_dev dev = dev_of(&device, ~0ull);
    char *buffer = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE);
    dma_addr_t handle = qr_dma_map_single(&q->dma, &dev, buffer, 64, DMA_TO_DEVICE);
    struct seen seen = {0};

    assert_true(handle == qp_phys(q->map.offset, buffer));
    assert_int_equal(q->dma.nr + q->dma.missed, 0);
    qr_dma_for_each_live(&q->dma, look, &seen);
    assert_int_equal(seen.nr, 0);
    for (int i = 0; i < 2; i++) /* nobody knows how often */
        assert_true(qr_dma_forget(
            &q->dma, &dev, &(struct qr_dma_range){handle, 64, DMA_TO_DEVICE, QR_DMA_SINGLE}, "x"));
    qr_dma_expect(&q->dma, &dev, &(struct qr_dma_range){handle, 64, DMA_TO_DEVICE, QR_DMA_SINGLE},
                  "x");
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 0);
    qr_kfree_slow(&q->kmalloc, buffer, "kfree");
    test_end(q);
}

static void a_buffer_may_end_at_the_last_byte_of_the_mask(void **state)
{
    struct quarry *q = boot("check=1");
    char *buffer = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE);
    phys_addr_t phys = qp_phys(q->map.offset, buffer);
    struct qr_dma_dev dev = dev_of(&device, phys + 63);
    struct page *page = qr_virt_page_checked(&q->map, buffer);
    struct qr_dma_range range = {phys, 64, DMA_TO_DEVICE, QR_DMA_SINGLE};

    assert_int_equal(qr_dma_map_single(&q->dma, &dev, buffer, 64, DMA_TO_DEVICE), phys);
    qr_dma_asked(&q->dma, &dev, phys);
    assert_true(qr_dma_forget(&q->dma, &dev, &range, "unmap"));
    assert_int_equal(
        qr_dma_map_page(&q->dma, &dev, page, (uintptr_t)buffer & ~PAGE_MASK, 64, DMA_TO_DEVICE),
        phys);
    range.kind = QR_DMA_PAGE;
    qr_dma_asked(&q->dma, &dev, phys);
    assert_true(qr_dma_forget(&q->dma, &dev, &range, "unmap"));
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 0);
    device_mask = phys + 62;
    refuse(q, &dev, buffer, 64, "no bounce buffers");
    qr_kfree_slow(&q->kmalloc, buffer, "kfree");
    test_end(q);
}

static void a_sync_names_a_part_of_a_mapping(void **state)
{
    struct quarry *q = boot("check=1");
    struct qr_dma_dev dev = dev_of(&device, ~0ull), other = dev_of(&other_device, ~0ull);
    char *buffer = qr_kmalloc_slow(&q->kmalloc, 256, GFP_KERNEL, NUMA_NO_NODE);
    dma_addr_t handle = qr_dma_map_single(&q->dma, &dev, buffer, 256, DMA_TO_DEVICE);
    const struct {
        long from;
        size_t size;
        bool covered;
    } part[] = {{0, 256, true},  {1, 255, true},  {255, 1, true},  {100, 50, true},
                {0, 257, false}, {1, 256, false}, {255, 2, false}, {256, 1, false},
                {257, 1, false}, {-1, 1, false},  {-1, 257, false}};
    unsigned long wrong = 0;

    qr_dma_asked(&q->dma, &dev, handle);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(part); i++) {
        struct qr_dma_range range = {handle + (dma_addr_t)part[i].from, part[i].size, DMA_TO_DEVICE,
                                     QR_DMA_SINGLE};
        qr_dma_expect(&q->dma, &dev, &range, "dma_sync");
        wrong += !part[i].covered;
        assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), wrong);
        qr_dma_expect(&q->dma, &other, &range, "dma_sync");
        assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), ++wrong);
    }
    assert_int_equal(qr_dma_count(&q->dma, &device, false), 1);
    assert_int_equal(qr_dma_count(&q->dma, &other_device, false), 0);
    assert_int_equal(qr_dma_count(&q->dma, NULL, true), 1);
    assert_true(qr_dma_forget(
        &q->dma, &dev, &(struct qr_dma_range){handle, 256, DMA_TO_DEVICE, QR_DMA_SINGLE}, "unmap"));
    qr_kfree_slow(&q->kmalloc, buffer, "kfree");
    test_end(q);
}

static struct quarry_report last_report;
static struct quarry_trace last_before;

static bool keep_whole(const struct quarry_report *report, void *data)
{
    last_report = *report;
    last_before.nr = 0;
    if (report->before)
        last_before = *report->before;
    return false;
}

static void a_wrong_unmap_names_who_mapped(void **state)
{
    struct quarry *q = boot("check=1");
    struct qr_dma_dev dev = dev_of(&device, ~0ull);
    char *buffer = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE);
    dma_addr_t handle = qr_dma_map_single(&q->dma, &dev, buffer, 64, DMA_TO_DEVICE);
    struct qr_dma_range range = {handle, 32, DMA_TO_DEVICE, QR_DMA_SINGLE};

    q->check.hook = keep_whole;
    assert_false(qr_dma_forget(&q->dma, &dev, &range, "unmap"));
    assert_int_equal(last_report.kind, QUARRY_BAD_FREE);
    assert_ptr_equal(last_report.address, buffer);
    assert_int_equal(last_report.size, 32);
    assert_string_equal(last_report.before_is, "mapped by");
    assert_true(last_before.nr > 0);
    range.size = 64;
    qr_dma_asked(&q->dma, &dev, handle);
    assert_true(qr_dma_forget(&q->dma, &dev, &range, "unmap"));
    assert_false(qr_dma_forget(&q->dma, &dev, &range, "unmap"));
    assert_int_equal(last_report.kind, QUARRY_DOUBLE_FREE);
    assert_null(last_report.before); /* nobody */
    assert_null(last_report.address);
    qr_kfree_slow(&q->kmalloc, buffer, "kfree");
    test_end(q);
}

/* Sizes up to the limits, and the next ones. */
static void pools_at_the_limits_are_made_and_beyond_are_not(void **state)
{
    static const struct {
        size_t size, align, boundary;
        bool made;
    } shape[] = {{64, 8, 64, true},
                 {65, 8, 64, false},
                 {4096, 8, 4096, true},
                 {4097, 8, 8192, false}, /* above a page there is no boundary */
                 {4097, 8, 0, true},
                 {4096, 4096, 0, true},
                 {64, 8192, 0, false},
                 {1, 1, 1, true},
                 {PAGE_SIZE << MAX_PAGE_ORDER, 8, 0, true},
                 {(PAGE_SIZE << MAX_PAGE_ORDER) + 1, 8, 0, false}};
    struct quarry *q = boot(NULL);
    struct qr_dma_dev dev = dev_of(&device, ~0ull);
    unsigned long refused = 0;

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(shape); i++) {
        struct dma_pool *pool = qr_dma_pool_create(&q->dma, "p", &dev, shape[i].size,
                                                   shape[i].align, shape[i].boundary);
        if (shape[i].made != (pool != NULL))
            fail_msg("shape %u: %s", i, test_last_report);
        refused += !shape[i].made;
        assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), refused);
        qr_dma_pool_destroy(&q->dma, pool);
    }
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mask_chooses_the_zone),
        cmocka_unit_test(a_mask_that_no_zone_satisfies_is_refused_with_a_message),
        cmocka_unit_test(coherent_memory_is_zero_and_below_the_mask),
        cmocka_unit_test(wrong_frees_of_coherent_memory_change_nothing),
        cmocka_unit_test(senseless_coherent_requests_are_refused),
        cmocka_unit_test(a_kmalloc_buffer_is_mapped_and_taken_back),
        cmocka_unit_test(stack_vmalloc_static_and_high_memory_are_refused_with_what_to_use),
        cmocka_unit_test(memory_beyond_the_mask_is_refused_not_bounced),
        cmocka_unit_test(buffers_that_nobody_holds_to_their_end_are_refused),
        cmocka_unit_test(a_direction_must_be_one),
        cmocka_unit_test(high_pages_are_mapped_by_page),
        cmocka_unit_test(double_unmaps_wrong_sizes_and_forgotten_questions_are_found),
        cmocka_unit_test(a_mapping_without_a_record_is_good),
        cmocka_unit_test(a_machine_without_memory_for_records_is_refused),
        cmocka_unit_test(the_same_buffer_may_be_mapped_for_several),
        cmocka_unit_test(all_pieces_are_mapped_or_none),
        cmocka_unit_test(injected_faults_make_mappings_fail),
        cmocka_unit_test(pool_blocks_are_aligned_and_keep_to_the_boundary),
        cmocka_unit_test(pool_misuse_is_found_as_in_caches),
        cmocka_unit_test(senseless_pools_are_refused),
        cmocka_unit_test(without_checks_nothing_is_recorded),
        cmocka_unit_test(a_buffer_may_end_at_the_last_byte_of_the_mask),
        cmocka_unit_test(a_sync_names_a_part_of_a_mapping),
        cmocka_unit_test(a_wrong_unmap_names_who_mapped),
        cmocka_unit_test(pools_at_the_limits_are_made_and_beyond_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
