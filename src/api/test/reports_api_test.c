/* SPDX-License-Identifier: MIT */
/* What the public calls say when they are given what they cannot serve: each report whole. */
#include "heard.h"
#include <quarry/context.h>
#include <quarry/quarry.h>

/* Of sizes the layers' own tests tell. */
#define api_said(kind, rule, address, ...) heard_is(kind, rule, address, heard.size, __VA_ARGS__)

static int api_boot(void **state)
{
    struct quarry_machine wish = {.ram_bytes = 32u << 20, .options = "check=1"};
    int error = quarry_boot(&wish);

    quarry_set_report_hook(heard_hook, NULL);
    return error;
}

static int api_silence(void **state)
{
    heard.nr = 0;
    return 0;
}

static void a_call_that_returns_an_address_has_none_for_high_memory(void **state)
{
    for (volatile int i = 0; i < 3; i++) { /* one place in the program, however it is compiled */
        unsigned long page = __get_free_pages(GFP_HIGHUSER, 1);

        assert_true(page != 0);
        assert_false(PageHighMem(virt_to_page((void *)page)));
        free_pages(page, 1);
    }
    api_said(QUARRY_BAD_REQUEST, "G-Z7", NULL,
             "__get_free_pages with __GFP_HIGHMEM: it returns a direct-map address, which high "
             "memory has not; the flag is dropped (alloc_pages and kmap reach high memory)");
}

static void pages_are_freed_by_the_address_of_the_first(void **state)
{
    unsigned long page = __get_free_pages(GFP_KERNEL, 1);

    free_pages(page + 8, 1);
    assert_int_equal(heard.nr, 1);
    assert_int_equal(heard.kind, QUARRY_BAD_FREE);
    assert_ptr_equal(strstr(heard.text, "free_pages"), heard.text);
    assert_int_equal(page_count(virt_to_page((void *)page)), 1);
    heard.nr = 0;
    free_pages((unsigned long)(uintptr_t)&page & PAGE_MASK, 0);
    assert_int_equal(heard.nr, 1);
    assert_int_equal(heard.kind, QUARRY_BAD_FREE);
    heard.nr = 0;
    free_pages(page, 1);
    assert_int_equal(heard.nr, 0);
}

static void only_addresses_of_the_direct_map_can_be_converted(void **state)
{
    void *area = vmalloc(100), *block = kmalloc(100, GFP_KERNEL);
    volatile int i; /* one place in the program, however it is compiled */

    for (i = 0; i < 2; i++)
        (void)virt_to_phys(area);
    api_said(QUARRY_BAD_REQUEST, "G-S1", area,
             "virt_to_phys of %p, which is not in the direct map (a stack, vmalloc memory?): the "
             "result is meaningless; vmalloc_to_page knows vmalloc addresses",
             area);
    for (i = 0; i < 2; i++)
        (void)virt_to_page(area);
    api_said(QUARRY_BAD_REQUEST, "G-S1", area,
             "virt_to_page of %p, which is not in the direct map (a stack, vmalloc memory?): the "
             "result is meaningless; vmalloc_to_page knows vmalloc addresses",
             area);
    assert_ptr_equal(phys_to_virt(virt_to_phys(block)), block);
    assert_ptr_equal(virt_to_page(block), phys_to_page(virt_to_phys(block)));
    assert_ptr_equal(virt_to_head_page(block), compound_head(virt_to_page(block)));
    assert_int_equal(heard.nr, 0);
    assert_true(quarry_virt_addr_valid(block));
    assert_false(quarry_virt_addr_valid(area));
    vfree(area);
    kfree(block);
}

/* Behind the last descriptor, before the first, far away, and inside one. */
static void what_is_no_page_is_refused_by_every_call_for_contents(void **state)
{
    struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
    struct page *first = pfn_to_page(0), *wrong[4];
    char bytes[8] = "bytes";

    wrong[0] = first + quarry_layout(QUARRY_MAX_MAPNR);
    wrong[1] = (struct page *)(void *)((char *)first - sizeof(*first));
    wrong[2] = (struct page *)(void *)&bytes;
    wrong[3] = (struct page *)(void *)((char *)first + sizeof(*first) / 2);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(wrong); i++) {
#define REFUSED(call, what)                                                                        \
    do {                                                                                           \
        call;                                                                                      \
        api_said(QUARRY_BAD_REQUEST, "", wrong[i],                                                 \
                 what " of %p, which is no page of this machine; nothing was done",                \
                 (void *)wrong[i]);                                                                \
    } while (0)
        REFUSED(assert_null(kmap(wrong[i])), "kmap");
        REFUSED(kunmap(wrong[i]), "kunmap");
        REFUSED(assert_null(kmap_local_page(wrong[i])), "kmap_local_page");
        REFUSED(assert_null(quarry_kmap_atomic(wrong[i])), "kmap_atomic");
        assert_true(qp_may_sleep());
        REFUSED(memcpy_from_page(bytes, wrong[i], 0, 5), "memcpy_from_page");
        REFUSED(memcpy_to_page(wrong[i], 0, bytes, 5), "memcpy_to_page");
        REFUSED(memcpy_page(wrong[i], 0, page, 0, 5), "memcpy_page");
        REFUSED(memcpy_page(page, 0, wrong[i], 0, 5), "memcpy_page");
        REFUSED(memset_page(wrong[i], 0, 1, 5), "memset_page");
        REFUSED(copy_highpage(page, wrong[i]), "memcpy_page");
        REFUSED(clear_highpage(wrong[i]), "memset_page");
        REFUSED(memzero_page(wrong[i], 0, 5), "memset_page");
    }
    assert_string_equal(bytes, "bytes");
    for (unsigned int i = 0; i < PAGE_SIZE; i++)
        assert_int_equal(((char *)page_address(page))[i], 0);
    __free_page(page);
}

static void contents_of_a_page_are_at_the_offset_that_was_said(void **state)
{
    struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO), *other = alloc_page(GFP_KERNEL);
    char *at = page_address(page), *there = page_address(other), bytes[9] = "";

    memcpy_to_page(page, 100, "contents", 8);
    assert_memory_equal(at + 99, "\0contents", 10);
    memcpy_from_page(bytes, page, 101, 5);
    assert_string_equal(bytes, "onten");
    copy_highpage(other, page);
    assert_memory_equal(there, at, PAGE_SIZE);
    memcpy_page(other, 7, page, 102, 3);
    assert_memory_equal(there + 6, "\0nte", 5);
    memset_page(other, PAGE_SIZE - 3, 'x', 3);
    assert_memory_equal(there + PAGE_SIZE - 4, "\0xxx", 4);
    memzero_page(other, PAGE_SIZE - 2, 1);
    assert_memory_equal(there + PAGE_SIZE - 4, "\0x\0x", 4);
    clear_highpage(other);
    for (unsigned int i = 0; i < PAGE_SIZE; i++)
        assert_int_equal(there[i], 0);
    at = quarry_kmap_atomic(page);
    assert_ptr_equal(at, page_address(page));
    assert_false(qp_may_sleep());
    quarry_kunmap_atomic(at);
    assert_true(qp_may_sleep());
    assert_int_equal(heard.nr, 0);
    __free_page(page);
    __free_page(other);
}

static void a_folio_is_zeroed_inside_it_only(void **state)
{
    struct folio *folio = folio_alloc(GFP_KERNEL, 1);
    char *at = page_address(&folio->page);

    memset(at, 1, 2 * PAGE_SIZE);
    folio_zero_range(folio, 8000, 193);
    api_said(QUARRY_BAD_REQUEST, "", folio,
             "folio_zero_range: bytes 8000 to 8193 of a folio of 8192 bytes; nothing was done");
    folio_zero_range(folio, 8000, ~(size_t)0);
    api_said(QUARRY_BAD_REQUEST, "", folio,
             "folio_zero_range: bytes 8000 to %zu of a folio of 8192 bytes; nothing was done",
             ~(size_t)0);
    folio_zero_segment(folio, 11, 10);
    api_said(QUARRY_BAD_REQUEST, "", folio,
             "folio_zero_segment: bytes 11 to 10 of a folio of 8192 bytes; nothing was done");
    for (size_t i = 0; i < 2 * PAGE_SIZE; i++)
        assert_int_equal(at[i], 1);
    folio_zero_segment(folio, 10, 10);
    folio_zero_segments(folio, 5, 6, 4090, 8192);
    folio_zero_range(folio, 10, 2);
    for (size_t i = 0; i < 2 * PAGE_SIZE; i++)
        assert_int_equal(at[i], !(i == 5 || i == 10 || i == 11 || i >= 4090));
    assert_int_equal(heard.nr, 0);
    folio_put(folio);
}

static void a_device_without_a_place_for_a_mask_is_told_what_to_do(void **state)
{
    struct quarry_dma_device device = {.coherent_dma_mask = 7};
    struct device *dev = (struct device *)(void *)&device;
    uint64_t streaming = 0;

#define NO_PLACE(call)                                                                             \
    api_said(QUARRY_BAD_REQUEST, "", NULL,                                                         \
             call "(device): the device has no place for a mask (dma_mask is NULL, its bus gave "  \
                  "it none): use dma_coerce_mask_and_coherent, or point dma_mask at "              \
                  "coherent_dma_mask")
    assert_int_equal(dma_set_mask(dev, DMA_BIT_MASK(32)), -QR_EIO);
    NO_PLACE("dma_set_mask");
    assert_int_equal(dma_set_mask_and_coherent(dev, DMA_BIT_MASK(32)), -QR_EIO);
    NO_PLACE("dma_set_mask_and_coherent");
    assert_int_equal(dma_set_coherent_mask(NULL, DMA_BIT_MASK(32)), -QR_EIO);
    NO_PLACE("dma_set_coherent_mask");
    assert_int_equal(dma_coerce_mask_and_coherent(NULL, DMA_BIT_MASK(32)), -QR_EIO);
    NO_PLACE("dma_coerce_mask_and_coherent");
    assert_true(device.coherent_dma_mask == 7);
    assert_true(dma_get_mask(dev) == DMA_BIT_MASK(32));
    assert_int_equal(dma_set_coherent_mask(dev, DMA_BIT_MASK(40)), 0); /* it has one for that */
    assert_true(device.coherent_dma_mask == DMA_BIT_MASK(40));
    assert_null(device.dma_mask);
    assert_int_equal(dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(36)), 0);
    assert_ptr_equal(device.dma_mask, &device.coherent_dma_mask);
    assert_true(dma_get_mask(dev) == DMA_BIT_MASK(36));
    assert_true(device.coherent_dma_mask == DMA_BIT_MASK(36));
    device.dma_mask = &streaming;
    assert_int_equal(dma_set_mask_and_coherent(dev, DMA_BIT_MASK(39)), 0);
    assert_true(streaming == DMA_BIT_MASK(39) && device.coherent_dma_mask == DMA_BIT_MASK(39));
    assert_int_equal(dma_set_mask(dev, DMA_BIT_MASK(38)), 0);
    assert_true(streaming == DMA_BIT_MASK(38) && device.coherent_dma_mask == DMA_BIT_MASK(39));
    assert_int_equal(heard.nr, 0);
}

/* What is not mapped is told by each call under its own name, with the device, the place and the size. */
static void each_call_for_devices_tells_of_a_stranger_by_its_name(void **state)
{
    struct quarry_dma_device device = {.coherent_dma_mask = ~0ull};
    struct device *dev = (struct device *)(void *)&device;
    struct page *page = alloc_page(GFP_KERNEL);
    struct scatterlist list[2] = {
        {.page_link = (unsigned long)page, .length = 16, .dma_address = 0x1000},
        {.page_link = (unsigned long)page | 2, .length = 32, .dma_address = 0x2000}};
    dma_addr_t handle;
    void *block;

    device.dma_mask = &device.coherent_dma_mask;
#define STRANGER(call, kind, what, wrong)                                                          \
    do {                                                                                           \
        call;                                                                                      \
        api_said(kind, "G-S8", NULL, what "(device, 0x1000, 16 bytes): " wrong);                   \
    } while (0)
#define NOT_MAPPED "the range is not mapped for this device"
#define NEVER "this device has no such mapping: it was unmapped before, or never mapped"
    STRANGER(dma_sync_single_for_cpu(dev, 0x1000, 16, DMA_TO_DEVICE), QUARRY_BAD_REQUEST,
             "dma_sync_single_for_cpu", NOT_MAPPED);
    STRANGER(dma_sync_single_for_device(dev, 0x1000, 16, DMA_TO_DEVICE), QUARRY_BAD_REQUEST,
             "dma_sync_single_for_device", NOT_MAPPED);
    STRANGER(dma_sync_sg_for_cpu(dev, list, 1, DMA_TO_DEVICE), QUARRY_BAD_REQUEST,
             "dma_sync_sg_for_cpu", NOT_MAPPED);
    STRANGER(dma_sync_sg_for_device(dev, list, 1, DMA_TO_DEVICE), QUARRY_BAD_REQUEST,
             "dma_sync_sg_for_device", NOT_MAPPED);
    STRANGER(dma_unmap_single_attrs(dev, 0x1000, 16, DMA_TO_DEVICE, 0), QUARRY_DOUBLE_FREE,
             "dma_unmap_single", NEVER);
    STRANGER(dma_unmap_page_attrs(dev, 0x1000, 16, DMA_TO_DEVICE, 0), QUARRY_DOUBLE_FREE,
             "dma_unmap_page", NEVER);
    STRANGER(dma_unmap_sg_attrs(dev, list, 1, DMA_TO_DEVICE, 0), QUARRY_DOUBLE_FREE, "dma_unmap_sg",
             NEVER);
    dma_sync_sg_for_cpu(dev, list, 0, DMA_TO_DEVICE);
    assert_int_equal(heard.nr, 0);
    dma_sync_sg_for_cpu(dev, list, 7, DMA_TO_DEVICE); /* as many as there are */
    assert_int_equal(heard.nr, 2);
    heard.nr = 0;
    assert_int_equal(dma_map_sg_attrs(dev, list, 2, DMA_TO_DEVICE, 0), 2);
    dma_sync_sg_for_device(dev, list, 2, DMA_TO_DEVICE);
    assert_int_equal(quarry_dma_mappings(dev), 2);
    assert_int_equal(quarry_dma_mappings(NULL), 2);
    assert_ptr_equal(sg_next(list), &list[1]);
    assert_null(sg_next(&list[1]));
    dma_unmap_sg_attrs(dev, list, 2, DMA_TO_DEVICE, 0);
    assert_int_equal(quarry_dma_mappings(dev), 0);
    assert_int_equal(dma_mapping_error(dev, DMA_MAPPING_ERROR), -QR_ENOMEM);
    assert_int_equal(dma_mapping_error(dev, 0x1000), 0);
    assert_int_equal(heard.nr, 0);
    handle = dma_map_single_attrs(dev, page_address(page), 16, DMA_TO_DEVICE, 0);
    assert_int_equal(handle, page_to_phys(page));
    assert_int_equal(dma_mapping_error(dev, handle), 0);
    dma_sync_single_for_device(dev, handle, 16, DMA_TO_DEVICE);
    assert_int_equal(heard.nr, 0);
    dma_sync_single_for_device(dev, handle, 17, DMA_TO_DEVICE);
    assert_int_equal(heard.nr, 1);
    dma_unmap_single_attrs(dev, handle, 16, DMA_TO_DEVICE, 0);
    handle = dma_map_page_attrs(dev, page, 32, 16, DMA_TO_DEVICE, 0);
    assert_int_equal(handle, page_to_phys(page) + 32);
    assert_int_equal(dma_mapping_error(dev, handle), 0);
    dma_sync_single_for_cpu(dev, handle, 16, DMA_TO_DEVICE);
    assert_int_equal(heard.nr, 1);
    dma_sync_single_for_cpu(dev, handle + 1, 16, DMA_TO_DEVICE);
    assert_int_equal(heard.nr, 2);
    dma_unmap_page_attrs(dev, handle, 16, DMA_TO_DEVICE, 0);
    assert_int_equal(heard.nr, 2);
    heard.nr = 0;
    block = dma_alloc_attrs(dev, 100, &handle, GFP_KERNEL, 0);
    assert_int_equal(handle, virt_to_phys(block));
    dma_free_attrs(dev, 100, block, handle, 0);
    assert_true(dma_max_mapping_size(dev) == ~(size_t)0);
    assert_true(dma_supported(dev, ~0ull));
    assert_false(dma_supported(dev, 1));
    assert_int_equal(heard.nr, 0);
    __free_page(page);
}

/* ---- where nobody may wait ------------------------------------------------------------------- */

static struct quarry_fault_request asked; /* the newest, of the slabs */

static bool note_request(const struct quarry_fault_request *request, void *data)
{
    if (request->point == QUARRY_FAILSLAB)
        asked = *request;
    return false;
}

static void said_by(const char *call)
{
    char begin[80];

    snprintf(begin, sizeof(begin), "%s may sleep, but is called in atomic context", call);
    assert_int_equal(heard.nr, 1);
    assert_int_equal(heard.kind, QUARRY_BAD_CONTEXT);
    assert_string_equal(heard.rule, "G-C3");
    assert_int_equal(strncmp(heard.text, begin, strlen(begin)), 0);
    heard.nr = 0;
}

/* Each tells it once, by its own name, and does what can be done without waiting. */
static void calls_that_may_wait_say_so_where_nobody_may(void **state)
{
    struct shrinker old = {.seeks = DEFAULT_SEEKS}, *shrinker;
    void *area = vmalloc(PAGE_SIZE), *kept = vmalloc(PAGE_SIZE), *token;

    vfree(kept);
    quarry_set_fault_hook(note_request, NULL);
    quarry_context_enter(QUARRY_CTX_HARDIRQ);
    assert_int_equal(heard.nr, 0);
    token = __alloc_percpu(24, 8);
    assert_non_null(token);
    assert_int_equal(asked.size, 24);
    assert_int_equal(asked.gfp, GFP_ATOMIC); /* as if that had been asked for */
    said_by("alloc_percpu");
    free_percpu(token);
    token = __alloc_percpu_gfp(24, 8, GFP_NOWAIT);
    assert_int_equal(asked.size, 24);
    assert_int_equal(asked.gfp, GFP_NOWAIT);
    free_percpu(token);
    assert_int_equal(heard.nr, 0);
    assert_int_equal(quarry_leak_scan(NULL, NULL), -QR_EINVAL);
    said_by("quarry_leak_scan");
    assert_int_equal(quarry_leak_report(), -QR_EINVAL);
    said_by("quarry_leak_scan");
    vm_unmap_aliases();
    said_by("vm_unmap_aliases");
    quarry_vfree_26(area);
    said_by("vfree");
    unregister_shrinker(&old);
    said_by("unregister_shrinker");
    quarry_context_leave(QUARRY_CTX_HARDIRQ);
    shrinker = shrinker_alloc(0, "waits");
    assert_int_equal(heard.nr, 0);
    quarry_context_enter(QUARRY_CTX_HARDIRQ);
    shrinker_free(shrinker);
    quarry_context_leave(QUARRY_CTX_HARDIRQ);
    said_by("shrinker_free");
    quarry_set_fault_hook(NULL, NULL);
    vm_unmap_aliases();
    assert_null(find_vm_area(area));
    token = __alloc_percpu(24, 8);
    free_percpu(token);
    assert_int_equal(heard.nr, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_call_that_returns_an_address_has_none_for_high_memory,
                               api_silence),
        cmocka_unit_test_setup(pages_are_freed_by_the_address_of_the_first, api_silence),
        cmocka_unit_test_setup(only_addresses_of_the_direct_map_can_be_converted, api_silence),
        cmocka_unit_test_setup(what_is_no_page_is_refused_by_every_call_for_contents, api_silence),
        cmocka_unit_test_setup(contents_of_a_page_are_at_the_offset_that_was_said, api_silence),
        cmocka_unit_test_setup(a_folio_is_zeroed_inside_it_only, api_silence),
        cmocka_unit_test_setup(each_call_for_devices_tells_of_a_stranger_by_its_name, api_silence),
        cmocka_unit_test_setup(a_device_without_a_place_for_a_mask_is_told_what_to_do, api_silence),
        cmocka_unit_test_setup(calls_that_may_wait_say_so_where_nobody_may, api_silence),
    };
    return cmocka_run_group_tests_name("reports of the public calls", tests, api_boot, NULL);
}
