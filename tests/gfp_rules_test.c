/* SPDX-License-Identifier: MIT */
/* Rules that cross layers: array sizes that overflow through every call that takes a count, what
 * GFP_KERNEL lets reclaim take from the layers, and flags that only travel into reports. */
#include "machine.h"

#include <quarry/fault.h>
#include <quarry/quarry.h>

/* ---- G-S5 ----------------------------------------------------------------------------------- */

static void g_s5_arrays_whose_size_overflows_are_refused_and_nothing_is_allocated(void **state)
{
    const size_t half = SIZE_MAX / 2 + 1;
    char *block = kmalloc(64, GFP_KERNEL);
    uint64_t live;
    (void)state;
    assert_non_null(block);
    memset(block, 0x5a, 64);
    live = quarry_live_bytes();
    assert_null(kmalloc_array(half, 2, GFP_KERNEL));
    assert_null(kmalloc_array(half + 1, 2, GFP_KERNEL)); /* the low half of the product is small */
    assert_null(kcalloc(half + 4, 2, GFP_KERNEL));
    assert_null(kmalloc_array_node(half + 4, 2, GFP_KERNEL, 0));
    assert_null(kcalloc_node(half + 4, 2, GFP_KERNEL, 0));
    assert_null(krealloc_array(block, half + 4, 2, GFP_KERNEL));
    assert_null(kvmalloc_array(half + 4, 2, GFP_KERNEL));
    assert_null(kvcalloc(half + 4, 2, GFP_KERNEL));
    assert_null(vmalloc_array(half + 4, 2));
    assert_null(vcalloc(half + 4, 2));
    assert_null(kmemdup_array(block, half + 4, 2, GFP_KERNEL));
    assert_true(quarry_live_bytes() == live);
    for (int i = 0; i < 64; i++)
        assert_int_equal(block[i], 0x5a);
    kfree(block);
}

static void g_s5_arrays_that_fit_have_every_element(void **state)
{
    unsigned int *array = kcalloc(1000, sizeof(*array), GFP_KERNEL);
    (void)state;
    assert_non_null(array);
    for (unsigned int i = 0; i < 1000; i++)
        assert_int_equal(array[i], 0);
    assert_true(ksize(array) >= 1000 * sizeof(*array));
    kfree(array);
}

/* ---- G-I3 ----------------------------------------------------------------------------------- */

/* Take every page that GFP_KERNEL, without the out-of-memory hook, can get. */
static struct page *take_everything(struct quarry *q)
{
    struct page *page, *taken = NULL;
    while ((page = qr_alloc_pages(&q->zones, GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN, 0,
                                  NUMA_NO_NODE)) != NULL) {
        page->private = (unsigned long)taken;
        taken = page;
    }
    return taken;
}

static void give_back(struct quarry *q, struct page *taken)
{
    while (taken) {
        struct page *next = (struct page *)taken->private;
        qr_put_pages(&q->zones, taken, 0, "give_back");
        taken = next;
    }
}

static void g_i3_gfp_kernel_takes_back_empty_slabs_and_areas_kept_for_reuse(void **state)
{
    enum { OBJECTS = 256, SIZE = 1024, AREA_PAGES = 16 };
    struct quarry *q = test_boot(8192);
    struct qr_cache_params params = {.name = "idle", .size = SIZE, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
    static void *object[OBJECTS];
    struct page *taken;
    void *area;
    (void)state;
    assert_non_null(cache);
    for (int i = 0; i < OBJECTS; i++)
        assert_non_null(object[i] = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE));
    for (int i = 0; i < OBJECTS; i++)
        qr_cache_free_slow(&q->slabs, cache, object[i], "kmem_cache_free");
    area = qr_vmalloc(&q->vm, AREA_PAGES * PAGE_SIZE, 0, GFP_KERNEL | __GFP_HIGHMEM, 0,
                      NUMA_NO_NODE, "vmalloc");
    assert_non_null(area);
    qr_vfree(&q->vm, area, false);
    assert_true(cache->node[0].nr_objects > 0); /* kept: the next user will be glad of it */
    assert_true(q->vm.cached.pages >= AREA_PAGES);

    taken = take_everything(q);
    assert_int_equal(cache->node[0].nr_objects, 0);
    assert_int_equal(q->vm.cached.pages, 0);
    give_back(q, taken);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, true), 0);
    test_end(q);
}

/* ---- G-E11 ---------------------------------------------------------------------------------- */

static char seen_text[1024];

static bool keep_text(const struct quarry_report *report, void *data)
{
    (void)data;
    if (report->kind == QUARRY_OUT_OF_MEMORY)
        snprintf(seen_text, sizeof(seen_text), "%s", report->text);
    return false;
}

static void g_e11_accepted_flags_appear_in_reports(void **state)
{
    struct quarry_fault fail_next = {.nth = 1};
    (void)state;
    seen_text[0] = '\0';
    quarry_set_report_hook(keep_text, NULL);
    assert_int_equal(quarry_fault_set(QUARRY_FAIL_PAGE_ALLOC, &fail_next), 0);
    assert_null(alloc_pages(GFP_KERNEL | __GFP_ACCOUNT | __GFP_WRITE | __GFP_HARDWALL, 0));
    assert_int_equal(quarry_fault_set(QUARRY_FAIL_PAGE_ALLOC, NULL), 0);
    quarry_set_report_hook(NULL, NULL);
    assert_non_null(strstr(seen_text, "GFP_USER")); /* GFP_KERNEL and __GFP_HARDWALL */
    assert_non_null(strstr(seen_text, "__GFP_WRITE"));
    assert_non_null(strstr(seen_text, "__GFP_ACCOUNT"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g_s5_arrays_whose_size_overflows_are_refused_and_nothing_is_allocated),
        cmocka_unit_test(g_s5_arrays_that_fit_have_every_element),
        cmocka_unit_test(g_i3_gfp_kernel_takes_back_empty_slabs_and_areas_kept_for_reuse),
        cmocka_unit_test(g_e11_accepted_flags_appear_in_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
