/* SPDX-License-Identifier: MIT */
/* What the layer says of a mapping, a block or a pool that makes no sense: each report whole, and nothing
 * mapped. On a machine of 16 MiB: DMA below 2, NORMAL below 8, HIGHMEM above. */
#include "heard.h"

#define MIB (1ull << 20)

static struct quarry_dma_device disk;
static u64 disk_mask;

static struct qr_dma_dev disk_with(u64 mask)
{
    struct qr_dma_dev dev = {.id = &disk, .dma = &disk, .name = "disk0"};

    disk_mask = mask;
    disk.dma_mask = &disk_mask;
    disk.coherent_dma_mask = mask;
    return dev;
}

static struct quarry *boot_dma(const char *options)
{
    const struct test_spec spec = {.pages = 4096, .profile = "zones", .options = options};
    struct quarry *q = test_boot_with(&spec);

    qr_reclaim_stop(&q->reclaim);
    q->check.hook = heard_hook;
    heard.nr = 0;
    return q;
}

/* ---- masks and coherent memory --------------------------------------------------------------- */

static void a_mask_below_every_zone_says_where_the_lowest_ends(void **state)
{
    struct quarry *q = boot_dma(NULL);
    struct qr_dma_dev dev = disk_with(MIB - 1), nameless = {.id = &disk, .dma = &disk};
    struct dma_pool *pool;
    dma_addr_t handle;

    assert_int_equal(qr_dma_mask_ok(&q->dma, &dev, 2 * MIB - 1, "dma_set_mask"), 0);
    assert_int_equal(heard.nr, 0);
    assert_int_equal(qr_dma_mask_ok(&q->dma, &nameless, 2 * MIB - 2, "dma_set_mask"), -QR_EIO);
    heard_is(QUARRY_OUT_OF_MEMORY, "", NULL, 0,
             "dma_set_mask(device, mask 0x1ffffe): no zone of this machine lies below the mask "
             "whole; the lowest zone ends at 0x1fffff: use a wider mask, or boot a machine with a "
             "DMA zone");
    handle = 7;
    assert_null(qr_dma_alloc(&q->dma, &dev, 4096, &handle, GFP_KERNEL));
    heard_is(QUARRY_OUT_OF_MEMORY, "", NULL, 0,
             "dma_alloc_coherent(disk0, mask 0xfffff): no zone of this machine lies below the mask "
             "whole; the lowest zone ends at 0x1fffff: use a wider mask, or boot a machine with a "
             "DMA zone");
    assert_true(handle == DMA_MAPPING_ERROR);
    pool = qr_dma_pool_create(&q->dma, "ring", &dev, 64, 8, 0);
    assert_null(pool);
    heard_is(QUARRY_OUT_OF_MEMORY, "", NULL, 0,
             "dma_pool_create(disk0, mask 0xfffff): no zone of this machine lies below the mask "
             "whole; the lowest zone ends at 0x1fffff: use a wider mask, or boot a machine with a "
             "DMA zone");
    test_end(q);
}

static void senseless_coherent_requests_say_why(void **state)
{
    struct quarry *q = boot_dma("check=1");
    struct qr_dma_dev dev = disk_with(~0ull), nameless = {.id = &disk, .dma = &disk};
    dma_addr_t handle;
    char *block;

    assert_null(qr_dma_alloc(&q->dma, &dev, 0, &handle, GFP_KERNEL));
    heard_is(QUARRY_BAD_REQUEST, "", NULL, 0,
             "dma_alloc_coherent(disk0, 0 bytes): a size of 0 has no memory");
    assert_null(qr_dma_alloc(&q->dma, &nameless, (4 << 20) + 1, &handle, GFP_KERNEL));
    heard_is(QUARRY_BAD_REQUEST, "", NULL, (4 << 20) + 1,
             "dma_alloc_coherent(device, 4194305 bytes): a block has at most 4 MiB");
    disk.coherent_dma_mask = 0;
    assert_null(qr_dma_alloc(&q->dma, &dev, 100, &handle, GFP_KERNEL));
    heard_is(QUARRY_BAD_REQUEST, "", NULL, 100,
             "dma_alloc_coherent(disk0, 100 bytes): the device has no coherent mask: call "
             "dma_set_mask_and_coherent first");
    disk.coherent_dma_mask = ~0ull;
    block = qr_dma_alloc(&q->dma, &dev, 5000, &handle, GFP_KERNEL);
    assert_non_null(block);
    qr_dma_free(&q->dma, &dev, 5000, block, handle + 8);
    heard_is(QUARRY_BAD_FREE, "G-S8", block, 5000,
             "dma_free_coherent(%p, handle %#llx): the handle is not this block's, which is %#llx; "
             "nothing is freed",
             (void *)block, (unsigned long long)handle + 8, (unsigned long long)handle);
    qr_dma_free(&q->dma, &dev, 4000, block, handle);
    heard_is(QUARRY_BAD_FREE, "G-S8", block, 4000,
             "dma_free_coherent(disk0, %#llx, 4000 bytes): it was allocated with 5000 bytes; "
             "nothing is changed",
             (unsigned long long)handle);
    assert_string_equal(heard.before_is, "mapped by");
    assert_int_equal(q->dma.nr, 1);
    qr_dma_free(&q->dma, &dev, 5000, block, handle);
    qr_dma_free(&q->dma, &dev, 5000, block, handle);
    heard_is(QUARRY_DOUBLE_FREE, "G-S8", NULL, 5000,
             "dma_free_coherent(disk0, %#llx, 5000 bytes): this device has no such memory: it was "
             "freed before, or another device's",
             (unsigned long long)handle);
    assert_string_equal(heard.before_is, "");
    qr_dma_free(&q->dma, &dev, 5000, NULL, 0);
    assert_int_equal(heard.nr, 0);
    test_end(q);
}

/* ---- mappings -------------------------------------------------------------------------------- */

static void refused(struct quarry *q, const struct qr_dma_dev *dev, void *buffer, size_t size,
                    enum dma_data_direction direction, const char *why)
{
    assert_true(qr_dma_map_single(&q->dma, dev, buffer, size, direction) == DMA_MAPPING_ERROR);
    heard_is(QUARRY_BAD_REQUEST, "", buffer, size, "dma_map_single(disk0, %p, %zu bytes): %s",
             buffer, size, why);
    assert_int_equal(q->dma.nr, 0);
}

static void each_wrong_buffer_has_its_own_answer(void **state)
{
    struct quarry *q = boot_dma("check=1");
    struct qr_dma_dev dev = disk_with(~0ull);
    char *buffer = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE), stack[64];
    char *area = qr_vmalloc(&q->vm, PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 1, NUMA_NO_NODE);
    char *whole = qr_page_virt(&q->map, page);
    static char own[64];
    const char *window = "a kmap address is a window: give the page itself to dma_map_page";

    refused(q, &dev, buffer, 0, DMA_TO_DEVICE, "a size of 0 gives the device nothing");
    refused(q, &dev, buffer, 9, DMA_NONE,
            "the direction is none of DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL");
    refused(q, &dev, buffer, 9, (enum dma_data_direction)4,
            "the direction is none of DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL");
    refused(q, &dev, NULL, 9, DMA_TO_DEVICE,
            "a NULL buffer: an allocation failed, and nobody looked");
    refused(q, &dev, area, 9, DMA_TO_DEVICE,
            "vmalloc memory is not contiguous for a device: use kmalloc or dma_alloc_coherent, or "
            "map page by page with vmalloc_to_page and dma_map_page");
    refused(q, &dev, (void *)q->machine.pkmap_start, 9, DMA_TO_DEVICE, window);
    refused(q, &dev, (void *)(q->kmaps.pkmap_start + q->kmaps.nr_pkmap * PAGE_SIZE - 1), 1,
            DMA_TO_DEVICE, window);
    refused(q, &dev, (void *)q->machine.fixmap_start, 9, DMA_TO_DEVICE, window);
    refused(q, &dev, (void *)(q->kmaps.fixmap_start + q->kmaps.nr_fixmap * PAGE_SIZE - 1), 1,
            DMA_TO_DEVICE, window);
    refused(q, &dev, stack, 9, DMA_TO_DEVICE,
            "the stack is not memory for devices: allocate the buffer with kmalloc");
    refused(q, &dev, own, 9, DMA_TO_DEVICE,
            "the buffer is not in the machine's memory (static data, perhaps): allocate it with "
            "kmalloc");
    refused(q, &dev, buffer, 105 + 8, DMA_TO_DEVICE,
            "the buffer is smaller than that: the device would write beyond its object");
    qr_free_block(&q->zones, page, 1);
    refused(q, &dev, whole, 9, DMA_TO_DEVICE,
            "the buffer is free memory: it was freed before it was mapped");
    disk_mask = qp_phys(q->map.offset, buffer) + 7;
    refused(q, &dev, buffer, 9, DMA_TO_DEVICE,
            "the buffer lies beyond the device's mask, and there are no bounce buffers: allocate "
            "it with GFP_DMA32 or GFP_DMA, or use dma_alloc_coherent");
    disk.dma_mask = NULL;
    refused(q, &dev, buffer, 9, DMA_TO_DEVICE,
            "the device has no DMA mask: call dma_set_mask_and_coherent (or "
            "dma_coerce_mask_and_coherent, if the bus gave it no place) first");
    qr_vfree(&q->vm, area, false);
    qr_kfree_slow(&q->kmalloc, buffer, "kfree");
    test_end(q);
}

static void each_wrong_page_has_its_own_answer(void **state)
{
    struct quarry *q = boot_dma("check=1");
    struct qr_dma_dev dev = disk_with(~0ull);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    struct page *last = qr_page(&q->map, q->map.max_pfn - 1),
                *none = qr_page(&q->map, q->map.max_pfn);
    dma_addr_t handle;

    assert_true(qr_dma_map_page(&q->dma, &dev, none, 0, 9, DMA_TO_DEVICE) == DMA_MAPPING_ERROR);
    heard_is(QUARRY_BAD_REQUEST, "", none, 9,
             "dma_map_page(disk0, %p, 9 bytes): there is no such page", (void *)none);
    assert_true(qr_dma_map_page(&q->dma, &dev, NULL, 0, 9, DMA_TO_DEVICE) == DMA_MAPPING_ERROR);
    assert_non_null(strstr(heard.text, "there is no such page"));
    heard.nr = 0;
    assert_true(qr_dma_map_page(&q->dma, &dev, last, 4090, 7, DMA_TO_DEVICE) == DMA_MAPPING_ERROR);
    heard_is(QUARRY_BAD_REQUEST, "", last, 7,
             "dma_map_page(disk0, %p, 7 bytes): the range runs past the end of memory",
             (void *)last);
    assert_int_equal(q->dma.nr, 0);
    handle = qr_dma_map_page(&q->dma, &dev, last, 4090, 6, DMA_TO_DEVICE);
    assert_true(handle == (q->map.max_pfn << PAGE_SHIFT) - 6);
    qr_dma_asked(&q->dma, &dev, handle);
    const struct qr_dma_range range = {handle, 6, DMA_TO_DEVICE, QR_DMA_PAGE};
    assert_true(qr_dma_forget(&q->dma, &dev, &range, "dma_unmap_page"));
    assert_int_equal(heard.nr, 0);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

static void a_wrong_unmap_says_what_the_mapping_was(void **state)
{
    struct quarry *q = boot_dma("check=1");
    struct qr_dma_dev dev = disk_with(~0ull);
    char *buffer = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);
    struct qr_dma_range range = {.size = 90, .direction = DMA_TO_DEVICE, .kind = QR_DMA_SINGLE};
    unsigned long long at;

    range.handle = qr_dma_map_single(&q->dma, &dev, buffer, 100, DMA_TO_DEVICE);
    at = range.handle;
    assert_false(qr_dma_forget(&q->dma, &dev, &range, "dma_unmap_single"));
    heard_is(QUARRY_BAD_FREE, "G-S8", buffer, 90,
             "dma_unmap_single(disk0, %#llx, 90 bytes): it was mapped with 100 bytes; nothing is "
             "changed",
             at);
    range.size = 100;
    assert_true(qr_dma_forget(&q->dma, &dev, &range, "dma_unmap_single"));
    heard_is(QUARRY_BAD_REQUEST, "G-S8", buffer, 100,
             "dma_unmap_single(disk0, %#llx, 100 bytes): nobody asked dma_mapping_error() whether "
             "the mapping had failed: ask after each map",
             at);
    assert_string_equal(heard.before_is, "mapped by");
    assert_false(qr_dma_forget(&q->dma, &dev, &range, "dma_unmap_single"));
    heard_is(QUARRY_DOUBLE_FREE, "G-S8", NULL, 100,
             "dma_unmap_single(disk0, %#llx, 100 bytes): this device has no such mapping: it was "
             "unmapped before, or never mapped",
             at);
    qr_dma_expect(&q->dma, &dev, &range, "dma_sync_single_for_cpu");
    heard_is(QUARRY_BAD_REQUEST, "G-S8", NULL, 100,
             "dma_sync_single_for_cpu(disk0, %#llx, 100 bytes): the range is not mapped for this "
             "device",
             at);
    for (int way = 0; way < 2; way++) {
        qr_dma_map_single(&q->dma, &dev, buffer, 100, DMA_TO_DEVICE);
        qr_dma_asked(&q->dma, &dev, range.handle);
        range.kind = way ? QR_DMA_SINGLE : QR_DMA_PAGE;
        range.direction = way ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
        assert_true(qr_dma_forget(&q->dma, &dev, &range, "dma_unmap"));
        heard_is(QUARRY_BAD_REQUEST, "G-S8", buffer, 100, "dma_unmap(disk0, %#llx, 100 bytes): %s",
                 at,
                 way ? "it was mapped for another direction"
                     : "it was mapped by another call of the family: each dma_map_… has its own "
                       "dma_unmap_…");
        assert_int_equal(q->dma.nr, 0);
    }
    qr_kfree_slow(&q->kmalloc, buffer, "kfree");
    test_end(q);
}

static void a_wrong_list_says_how_many_pieces_it_was_to_have(void **state)
{
    struct quarry *q = boot_dma("check=1");
    struct qr_dma_dev dev = disk_with(~0ull);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    struct scatterlist list[3] = {
        {.page_link = (unsigned long)page, .offset = 16, .length = 100},
        {.page_link = (unsigned long)page | 2, .offset = 200, .length = 50},
    };

    assert_int_equal(qr_dma_map_sg(&q->dma, &dev, list, 0, DMA_TO_DEVICE), 0);
    heard_is(QUARRY_BAD_REQUEST, "", list, 0,
             "dma_map_sg(disk0, %p, 0 bytes): there are no entries", (void *)list);
    assert_int_equal(qr_dma_map_sg(&q->dma, &dev, list, 3, DMA_TO_DEVICE), 0);
    heard_is(QUARRY_BAD_REQUEST, "", list, 2,
             "dma_map_sg(disk0, %p, 2 bytes): the list ends before the number of entries",
             (void *)list);
    list[1].length = 0;
    assert_int_equal(qr_dma_map_sg(&q->dma, &dev, list, 2, DMA_TO_DEVICE), 0);
    heard_is(QUARRY_BAD_REQUEST, "", list, 1,
             "dma_map_sg(disk0, %p, 1 bytes): a size of 0 gives the device nothing", (void *)list);
    assert_int_equal(q->dma.nr, 0);
    list[1].length = 50;
    assert_int_equal(qr_dma_map_sg(&q->dma, &dev, list, 2, DMA_TO_DEVICE), 2);
    assert_int_equal(q->dma.nr, 2);
    for (int i = 0; i < 2; i++) {
        assert_true(list[i].dma_address == qr_page_phys(&q->map, page) + list[i].offset);
        assert_int_equal(list[i].dma_length, list[i].length);
    }
    qr_dma_unmap_sg(&q->dma, &dev, list, 2, DMA_TO_DEVICE);
    assert_int_equal(q->dma.nr, 0);
    assert_int_equal(heard.nr, 0);
    qr_dma_unmap_sg(&q->dma, &dev, list, 1, DMA_TO_DEVICE);
    assert_ptr_equal(strstr(heard.text, "dma_unmap_sg(disk0, "), heard.text);
    assert_int_equal(heard.nr, 1);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

/* ---- what is mapped -------------------------------------------------------------------------- */

struct mapped {
    struct quarry_live live[8];
    unsigned int nr, most;
};

static bool keep_mapping(const struct quarry_live *live, void *data)
{
    struct mapped *mapped = data;

    mapped->live[mapped->nr++] = *live;
    return mapped->nr < mapped->most;
}

static void what_is_mapped_is_listed_with_its_call_size_and_place(void **state)
{
    static const char *const call[] = {"dma_map_single", "dma_map_page", "dma_map_sg",
                                       "dma_alloc_coherent"};
    struct quarry *q = boot_dma("check=1");
    struct qr_dma_dev dev = disk_with(~0ull);
    char *buffer = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE), *block;
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    struct scatterlist piece = {.page_link = (unsigned long)page | 2, .offset = 8, .length = 30};
    unsigned long live = q->check.live_bytes;
    struct mapped all = {.most = 8}, few = {.most = 2};
    unsigned int seen = 0;
    dma_addr_t handle[2], coherent;

    handle[0] = qr_dma_map_single(&q->dma, &dev, buffer, 100, DMA_TO_DEVICE);
    handle[1] = qr_dma_map_page(&q->dma, &dev, page, 100, 20, DMA_FROM_DEVICE);
    assert_int_equal(qr_dma_map_sg(&q->dma, &dev, &piece, 1, DMA_BIDIRECTIONAL), 1);
    assert_int_equal(q->check.live_bytes, live); /* they are somebody's already */
    block = qr_dma_alloc(&q->dma, &dev, 5000, &coherent, GFP_KERNEL);
    assert_int_equal(q->check.live_bytes, live + 5000);
    qr_dma_for_each_live(&q->dma, keep_mapping, &all);
    assert_int_equal(all.nr, 4);
    for (unsigned int i = 0; i < 4; i++) {
        const struct quarry_live *at = &all.live[i];
        unsigned int kind = 0;
        while (strcmp(at->cache, call[kind]))
            kind++;
        seen |= 1u << kind;
        assert_int_equal(at->kind, QUARRY_LIVE_DMA);
        assert_int_equal(at->size, kind == 0 ? 100 : kind == 1 ? 20 : kind == 2 ? 30 : 5000);
        assert_ptr_equal(at->address, kind == 0 ? buffer : kind == 3 ? block : NULL);
        assert_true(at->sequence > 0 && at->when_ns > 0 && at->allocated.nr > 0);
    }
    assert_int_equal(seen, 15);
    qr_dma_for_each_live(&q->dma, keep_mapping, &few);
    assert_int_equal(few.nr, 2);
    qr_dma_asked(&q->dma, &dev, handle[0]);
    qr_dma_asked(&q->dma, &dev, handle[1]);
    qr_dma_forget(&q->dma, &dev,
                  &(struct qr_dma_range){handle[0], 100, DMA_TO_DEVICE, QR_DMA_SINGLE}, "unmap");
    qr_dma_forget(&q->dma, &dev,
                  &(struct qr_dma_range){handle[1], 20, DMA_FROM_DEVICE, QR_DMA_PAGE}, "unmap");
    qr_dma_unmap_sg(&q->dma, &dev, &piece, 1, DMA_BIDIRECTIONAL);
    qr_dma_free(&q->dma, &dev, 5000, block, coherent);
    assert_int_equal(q->check.live_bytes, live);
    assert_int_equal(q->dma.nr, 0);
    assert_int_equal(heard.nr, 0);
    qr_free_block(&q->zones, page, 0);
    qr_kfree_slow(&q->kmalloc, buffer, "kfree");
    test_end(q);
}

/* Of several at one address the one that fits in most is taken: size, then direction and call. */
static void an_unmap_ends_the_mapping_that_fits_best(void **state)
{
    struct quarry *q = boot_dma("check=1");
    struct qr_dma_dev dev = disk_with(~0ull);
    char *buffer = qr_kmalloc_slow(&q->kmalloc, 128, GFP_KERNEL, NUMA_NO_NODE);
    struct qr_dma_range range = {.size = 64, .kind = QR_DMA_SINGLE};

    range.handle = qr_dma_map_single(&q->dma, &dev, buffer, 64, DMA_FROM_DEVICE);
    qr_dma_map_single(&q->dma, &dev, buffer, 128, DMA_TO_DEVICE);
    qr_dma_map_single(&q->dma, &dev, buffer, 64, DMA_TO_DEVICE);
    qr_dma_map_single(&q->dma, &dev, buffer, 64, DMA_BIDIRECTIONAL);
    qr_dma_asked(&q->dma, &dev, range.handle);
    for (range.direction = DMA_BIDIRECTIONAL; range.direction <= DMA_FROM_DEVICE;
         range.direction++) {
        qr_dma_expect(&q->dma, &dev, &range, "sync");
        assert_true(qr_dma_forget(&q->dma, &dev, &range, "unmap"));
    }
    range.size = 128;
    range.direction = DMA_TO_DEVICE;
    assert_true(qr_dma_forget(&q->dma, &dev, &range, "unmap"));
    assert_int_equal(heard.nr, 0);
    qr_kfree_slow(&q->kmalloc, buffer, "kfree");
    test_end(q);
}

static void the_check_counts_the_records_and_looks_where_they_are(void **state)
{
    struct quarry *q = boot_dma("check=1");
    struct qr_dma_dev dev = disk_with(~0ull);
    dma_addr_t handle;
    char *block = qr_dma_alloc(&q->dma, &dev, 4096, &handle, GFP_KERNEL);
    unsigned int at = 0;

    assert_int_equal(qr_dma_check(&q->dma), 0);
    q->dma.nr++;
    assert_int_equal(qr_dma_check(&q->dma), 1);
    heard_is(QUARRY_CORRUPTION, "", NULL, 0, "DMA: 1 contradictions in the table of mappings");
    q->dma.nr--;
    while (!q->dma.bucket[at])
        at++;
    q->dma.bucket[(at + 1) % QR_DMA_BUCKETS] = q->dma.bucket[at];
    q->dma.bucket[at] = NULL;
    assert_int_equal(qr_dma_check(&q->dma), 1);
    q->dma.bucket[at] = q->dma.bucket[(at + 1) % QR_DMA_BUCKETS];
    q->dma.bucket[(at + 1) % QR_DMA_BUCKETS] = NULL;
    assert_int_equal(qr_dma_check(&q->dma), 0);
    qr_dma_free(&q->dma, &dev, 4096, block, handle);
    test_end(q);
}

static bool count_mapping(const struct quarry_live *live, void *data)
{
    ++*(unsigned int *)data;
    return true;
}

/* With records in every bucket of the table, none is passed over. */
static void walks_and_searches_look_everywhere(void **state)
{
    enum { MAPPINGS = 2000 };
    struct quarry *q = boot_dma("check=1");
    struct qr_dma_dev dev = disk_with(~0ull);
    struct qr_dma_range range = {.size = 8, .direction = DMA_TO_DEVICE, .kind = QR_DMA_PAGE};
    unsigned int visited = 0;

    for (u64 pfn = 0; pfn < MAPPINGS; pfn++)
        qr_dma_asked(&q->dma, &dev,
                     qr_dma_map_page(&q->dma, &dev, qr_page(&q->map, pfn), 16, 8, DMA_TO_DEVICE));
    assert_int_equal(q->dma.missed, 0);
    for (unsigned int i = 0; i < QR_DMA_BUCKETS; i++)
        assert_non_null(q->dma.bucket[i]);
    qr_dma_for_each_live(&q->dma, count_mapping, &visited);
    assert_int_equal(visited, MAPPINGS);
    assert_int_equal(q->dma.nr, MAPPINGS);
    assert_int_equal(qr_dma_count(&q->dma, NULL, true), MAPPINGS);
    assert_int_equal(qr_dma_count(&q->dma, &disk, false), MAPPINGS);
    assert_int_equal(qr_dma_count(&q->dma, q, false), 0);
    assert_int_equal(qr_dma_check(&q->dma), 0);
    for (u64 pfn = 0; pfn < MAPPINGS; pfn++) { /* a part of each, to its end */
        const struct qr_dma_range part = {(pfn << PAGE_SHIFT) + 20, 4, DMA_TO_DEVICE, QR_DMA_PAGE};
        qr_dma_expect(&q->dma, &dev, &part, "sync");
    }
    assert_int_equal(heard.nr, 0);
    range.handle = 20;
    range.size = 5; /* a byte too many */
    qr_dma_expect(&q->dma, &dev, &range, "sync");
    assert_int_equal(heard.nr, 1);
    range.size = 8;
    for (u64 pfn = 0; pfn < MAPPINGS; pfn++) {
        range.handle = (pfn << PAGE_SHIFT) + 16;
        assert_true(qr_dma_forget(&q->dma, &dev, &range, "unmap"));
    }
    assert_int_equal(q->dma.nr, 0);
    assert_int_equal(heard.nr, 1);
    test_end(q);
}

static void the_mask_that_a_machine_needs_covers_its_last_byte(void **state)
{
    static const unsigned long pages[] = {2048, 2049, 4095, 4096};
    static const u64 mask[] = {8 * MIB - 1, 16 * MIB - 1, 16 * MIB - 1, 16 * MIB - 1};

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(pages); i++) {
        struct quarry *q = test_boot(pages[i]);
        assert_int_equal(q->map.max_pfn, pages[i]);
        assert_true(qr_dma_required_mask(&q->dma) == mask[i]);
        test_end(q);
    }
}

/* The old generation's: 16 MiB; and none at all. */
static void who_brings_no_masks_has_those_of_isa(void **state)
{
    struct quarry_dma_device bare = {.dma_mask = NULL};
    const struct qr_dma_dev none = {.id = NULL}, unset = {.id = &bare, .dma = &bare};

    assert_true(qr_dma_streaming_mask(&none) == 0xffffff);
    assert_true(qr_dma_coherent_mask(&none) == 0xffffff);
    assert_true(qr_dma_streaming_mask(&unset) == 0);
    assert_true(qr_dma_coherent_mask(&unset) == 0);
}

/* ---- pools ----------------------------------------------------------------------------------- */

static void a_refused_pool_says_why(void **state)
{
    static const struct {
        const char *name;
        size_t size, align, boundary;
        const char *why;
    } wrong[] = {
        {NULL, 64, 8, 0, "a pool needs a name"},
        {"", 64, 8, 0, "a pool needs a name"},
        {"ring", 0, 8, 0, "a size of 0 makes no blocks"},
        {"ring", (4 << 20) + 1, 8, 0, "the size is beyond the largest page block"},
        {"ring", 64, 24, 0,
         "the alignment is no power of two up to a page; larger blocks come from "
         "dma_alloc_coherent"},
        {"ring", 64, 8192, 0,
         "the alignment is no power of two up to a page; larger blocks come from "
         "dma_alloc_coherent"},
        {"ring", 64, 8, 96,
         "the boundary is no power of two of at least the size: no block could keep to it"},
        {"ring", 64, 8, 32,
         "the boundary is no power of two of at least the size: no block could keep to it"},
        {"ring", 4097, 8, 8192,
         "blocks above a page keep to no boundary here: use "
         "dma_alloc_coherent"},
    };
    struct quarry *q = boot_dma(NULL);
    struct qr_dma_dev dev = disk_with(~0ull);

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(wrong); i++) {
        assert_null(qr_dma_pool_create(&q->dma, wrong[i].name, &dev, wrong[i].size, wrong[i].align,
                                       wrong[i].boundary));
        heard_is(QUARRY_BAD_REQUEST, "", NULL, wrong[i].size, "dma_pool_create(%s, %zu bytes): %s",
                 wrong[i].name ? wrong[i].name : "NULL", wrong[i].size, wrong[i].why);
        assert_string_equal(heard.cache, wrong[i].name ? wrong[i].name : "");
    }
    disk.coherent_dma_mask = 0;
    assert_null(qr_dma_pool_create(&q->dma, "ring", &dev, 64, 8, 0));
    heard_is(QUARRY_BAD_REQUEST, "", NULL, 64,
             "dma_pool_create(ring, 64 bytes): the device has no coherent mask: call "
             "dma_set_mask_and_coherent first");
    test_end(q);
}

static void a_block_of_a_pool_is_given_back_with_its_own_handle(void **state)
{
    struct quarry *q = boot_dma(NULL);
    struct qr_dma_dev dev = disk_with(~0ull);
    struct dma_pool *pool = qr_dma_pool_create(&q->dma, "ring", &dev, 48, 0, 0);
    dma_addr_t handle;
    char *block;

    assert_non_null(pool);
    assert_ptr_equal(qr_dma_pool_device(pool), &disk);
    block = qr_dma_pool_alloc(&q->dma, pool, GFP_KERNEL | __GFP_HIGHMEM, &handle);
    assert_true(handle == qp_phys(q->map.offset, block));
    qr_dma_pool_free(&q->dma, pool, block, handle + 1);
    heard_is(QUARRY_BAD_FREE, "G-S8", block, 48,
             "dma_pool_free(ring, %p, handle %#llx): the handle is not this block's, which is "
             "%#llx; nothing is freed",
             (void *)block, (unsigned long long)handle + 1, (unsigned long long)handle);
    assert_string_equal(heard.cache, "ring");
    qr_dma_pool_free(&q->dma, pool, block, handle);
    assert_int_equal(heard.nr, 0);
    qr_dma_pool_destroy(&q->dma, pool);
    qr_dma_pool_destroy(&q->dma, NULL);
    assert_int_equal(heard.nr, 0);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mask_below_every_zone_says_where_the_lowest_ends),
        cmocka_unit_test(senseless_coherent_requests_say_why),
        cmocka_unit_test(each_wrong_buffer_has_its_own_answer),
        cmocka_unit_test(each_wrong_page_has_its_own_answer),
        cmocka_unit_test(a_wrong_unmap_says_what_the_mapping_was),
        cmocka_unit_test(a_wrong_list_says_how_many_pieces_it_was_to_have),
        cmocka_unit_test(what_is_mapped_is_listed_with_its_call_size_and_place),
        cmocka_unit_test(an_unmap_ends_the_mapping_that_fits_best),
        cmocka_unit_test(the_check_counts_the_records_and_looks_where_they_are),
        cmocka_unit_test(walks_and_searches_look_everywhere),
        cmocka_unit_test(the_mask_that_a_machine_needs_covers_its_last_byte),
        cmocka_unit_test(who_brings_no_masks_has_those_of_isa),
        cmocka_unit_test(a_refused_pool_says_why),
        cmocka_unit_test(a_block_of_a_pool_is_given_back_with_its_own_handle),
    };
    return cmocka_run_group_tests_name("reports of dma", tests, NULL, NULL);
}
