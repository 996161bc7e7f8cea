/* SPDX-License-Identifier: MIT */
/* What the layer says when it refuses or fails: each report whole, with its rule, address and size. */
#include "heard.h"
#include "vm_support.h"

static struct quarry *boot_heard(unsigned long pages, const char *profile, const char *options)
{
    struct test_spec spec = {.pages = pages, .profile = profile, .options = options};
    struct quarry *q = test_boot_with(&spec);
    qr_reclaim_stop(&q->reclaim);
    q->check.hook = heard_hook;
    heard.nr = 0;
    return q;
}

static void *get(struct quarry *q, unsigned long size, unsigned long align, gfp_t gfp)
{
    return qr_vmalloc(&q->vm, size, align, gfp, 0, NUMA_NO_NODE, "__vmalloc_node");
}

/* ---- vmalloc --------------------------------------------------------------------------------- */

static void a_refused_vmalloc_says_what_makes_no_sense(void **state)
{
    struct quarry *q = boot_heard(1024, NULL, NULL);
    unsigned long all = (unsigned long)q->zones.totalram * PAGE_SIZE;
    assert_null(get(q, 0, 64, GFP_KERNEL));
    heard_is(
        QUARRY_BAD_REQUEST, "G-S6", NULL, 0,
        "__vmalloc_node of 0 bytes, alignment 64: there is no area of no pages; check the size "
        "before");
    assert_null(get(q, all + 1, 0, GFP_KERNEL));
    heard_is(QUARRY_BAD_REQUEST, "G-S6", NULL, all + 1,
             "__vmalloc_node of %lu bytes, alignment 0: more pages than the machine has", all + 1);
    assert_null(get(q, 5000, 3 * PAGE_SIZE, GFP_KERNEL));
    heard_is(
        QUARRY_BAD_REQUEST, "G-S6", NULL, 5000,
        "__vmalloc_node of 5000 bytes, alignment 12288: the alignment must be a power of two, at "
        "most 1 GiB");
    assert_null(get(q, 5000, 2ul << 30, GFP_KERNEL));
    heard_is(QUARRY_BAD_REQUEST, "G-S6", NULL, 5000,
             "__vmalloc_node of 5000 bytes, alignment 2147483648: the alignment must be a power of "
             "two, at most 1 GiB");
    assert_null(get(q, 5000, 3 * PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN));
    assert_int_equal(heard.nr, 0);
    test_end(q);
}

/* What may be asked for, and is not there, is told as a failure. */
static void the_largest_size_and_alignment_make_sense(void **state)
{
    struct quarry *q = boot_heard(1024, NULL, NULL);
    unsigned long all = (unsigned long)q->zones.totalram * PAGE_SIZE;
    assert_null(get(q, all, 0, GFP_KERNEL | __GFP_NORETRY));
    assert_int_equal(heard.kind, QUARRY_OUT_OF_MEMORY);
    assert_int_equal(heard.size, all);
    void *area = get(q, 5000, 1ul << 30, GFP_KERNEL | __GFP_NORETRY);
    if (area)
        assert_int_equal((uintptr_t)area % (1ul << 30), 0);
    else
        assert_int_equal(heard.kind, QUARRY_OUT_OF_MEMORY);
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

static bool fails(const struct quarry_fault_request *request, void *data)
{
    const enum quarry_fault_point *point = data;
    return request->point == *point;
}

static void a_failed_vmalloc_says_what_was_missing_and_what_was_had(void **state)
{
    struct quarry *q = boot_heard(1024, NULL, "vmalloc_cache=0");
    enum quarry_fault_point point = QUARRY_FAIL_VMALLOC;
    static struct vm_held held;
    void *other = get(q, PAGE_SIZE, 0, GFP_KERNEL); /* beside its record lie free ones */
    qr_fault_set_hook(&q->faults, fails, &point);
    assert_null(get(q, 2 * PAGE_SIZE + 1, 0, GFP_KERNEL | __GFP_ZERO));
    heard_is(
        QUARRY_OUT_OF_MEMORY, "G-E6", NULL, 2 * PAGE_SIZE + 1,
        "__vmalloc_node of 8193 bytes (GFP_KERNEL|__GFP_ZERO) failed: fail_vmalloc said so (0 of "
        "3 pages were had)");
    qr_fault_set_hook(&q->faults, NULL, NULL);
    vm_hold_all(q, &held, GFP_ATOMIC | __GFP_MEMALLOC);
    for (int i = 0; i < 2; i++)
        qr_free_block(&q->zones, held.page[--held.nr], 0);
    assert_null(get(q, 3 * PAGE_SIZE, 0, GFP_ATOMIC | __GFP_MEMALLOC));
    heard_is(QUARRY_OUT_OF_MEMORY, "G-E6", NULL, 3 * PAGE_SIZE,
             "__vmalloc_node of 12288 bytes (GFP_ATOMIC|__GFP_MEMALLOC) failed: no memory for its "
             "pages (2 of 3 pages were had)");
    assert_null(get(q, 3 * PAGE_SIZE, 0, GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN));
    assert_int_equal(heard.nr, 0);
    vm_release(q, &held);
    qr_vfree(&q->vm, other, false);
    test_end(q);
}

static void a_vmalloc_without_addresses_says_so_with_all_its_pages_had(void **state)
{
    struct quarry *q = boot_heard(1024, NULL, "vmalloc_cache=0");
    unsigned long window = (q->machine.vmalloc_end - q->machine.vmalloc_start) >> PAGE_SHIFT;
    struct vm_struct *taken =
        qr_get_vm_area(&q->vm, (window - 3) * PAGE_SIZE, VM_IOREMAP | VM_NO_GUARD);
    assert_non_null(taken);
    assert_null(get(q, 3 * PAGE_SIZE, 0, GFP_ATOMIC));
    heard_is(
        QUARRY_OUT_OF_MEMORY, "G-E6", NULL, 3 * PAGE_SIZE,
        "__vmalloc_node of 12288 bytes (GFP_ATOMIC) failed: no free range of addresses is long "
        "enough; see vmallocinfo (3 of 3 pages were had)");
    void *area = get(q, 2 * PAGE_SIZE, 0, GFP_ATOMIC); /* and a guard page */
    assert_non_null(area);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    assert_null(qr_vmap(&q->vm, &page, 1, VM_MAP, "vmap"));
    heard_is(QUARRY_OUT_OF_MEMORY, "G-E6", NULL, PAGE_SIZE,
             "vmap of 1 pages failed: no free range of addresses is long enough; see vmallocinfo");
    qr_free_block(&q->zones, page, 0);
    qr_vfree(&q->vm, area, false);
    qr_free_vm_area(&q->vm, taken);
    test_end(q);
}

static void kvmalloc_names_a_size_that_must_be_an_overflow(void **state)
{
    struct quarry *q = boot_heard(1024, NULL, NULL);
    size_t size = (size_t)0x80000000;
    assert_null(qr_kvmalloc(&q->vm, size, GFP_KERNEL, NUMA_NO_NODE));
    heard_is(
        QUARRY_BAD_REQUEST, "G-K1", NULL, size,
        "kvmalloc of 2147483648 bytes: sizes above INT_MAX are taken for overflows; use vmalloc "
        "if it is meant");
    assert_null(qr_kvmalloc(&q->vm, size, GFP_KERNEL | __GFP_NOWARN, NUMA_NO_NODE));
    assert_int_equal(heard.nr, 0);
    assert_null(qr_kvmalloc(&q->vm, size - 1, GFP_KERNEL | __GFP_NOWARN, NUMA_NO_NODE));
    assert_null(qr_kvmalloc(&q->vm, size - 1, GFP_KERNEL, NUMA_NO_NODE));
    heard_is(QUARRY_BAD_REQUEST, "G-S6", NULL, size - 1,
             "kvmalloc of 2147483647 bytes, alignment 0: more pages than the machine has");
    test_end(q);
}

/* ---- vmap and reserved addresses ------------------------------------------------------------- */

static void a_refused_vmap_says_which_entry_is_no_page(void **state)
{
    struct quarry *q = boot_heard(1024, NULL, NULL);
    struct page *page[3] = {qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE)};
    enum quarry_fault_point point = QUARRY_FAIL_VMALLOC;
    page[1] = page[0];
    page[2] = (struct page *)(void *)&heard;
    assert_null(qr_vmap(&q->vm, page, 3, VM_MAP, "vmap"));
    heard_is(QUARRY_BAD_REQUEST, "G-S6", &heard, 0,
             "vmap: an entry of the array is no page of this machine");
    page[1] = NULL;
    assert_null(qr_vm_map_ram(&q->vm, page, 3));
    heard_is(QUARRY_BAD_REQUEST, "G-S6", NULL, 0,
             "vm_map_ram: an entry of the array is no page of this machine");
    assert_null(qr_vmap(&q->vm, NULL, 3, VM_MAP, "vmap"));
    heard_is(QUARRY_BAD_REQUEST, "G-S6", NULL, 0, "vmap: no pages, or more than the machine has");
    assert_null(qr_vmap(&q->vm, page, 0, VM_MAP, "vmap"));
    heard_is(QUARRY_BAD_REQUEST, "G-S6", NULL, 0, "vmap: no pages, or more than the machine has");
    assert_null(qr_get_vm_area(&q->vm, 0, VM_IOREMAP));
    heard_is(QUARRY_BAD_REQUEST, "G-S6", NULL, 0, "get_vm_area: the size makes no sense");
    page[1] = page[2] = page[0];
    qr_fault_set_hook(&q->faults, fails, &point);
    assert_null(qr_vmap(&q->vm, page, 3, VM_MAP, "vmap"));
    heard_is(QUARRY_OUT_OF_MEMORY, "G-E6", NULL, 3 * PAGE_SIZE,
             "vmap of 3 pages failed: fail_vmalloc said so");
    qr_fault_set_hook(&q->faults, NULL, NULL);
    qr_free_block(&q->zones, page[0], 0);
    test_end(q);
}

/* ---- frees ----------------------------------------------------------------------------------- */

static void a_refused_free_says_what_would_have_been_right(void **state)
{
    struct quarry *q = boot_heard(1024, NULL, "vmalloc_cache=64");
    struct page *page[2] = {qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE),
                            qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE)};
    char *made = get(q, 2 * PAGE_SIZE, 0, GFP_KERNEL);
    char *shown = qr_vmap(&q->vm, page, 2, VM_MAP, "vmap");
    char *ram = qr_vm_map_ram(&q->vm, page, 2);
    struct vm_struct *reserved = qr_get_vm_area(&q->vm, 100, VM_IOREMAP);
    qr_vunmap(&q->vm, made, "vunmap");
    heard_is(QUARRY_BAD_FREE, "G-S8", made, 0,
             "vunmap of %p: this area is given back with vfree; nothing is changed", made);
    qr_vm_unmap_ram(&q->vm, shown, 2);
    heard_is(QUARRY_BAD_FREE, "G-S8", shown, 0,
             "vm_unmap_ram of %p: this area is given back with vunmap; nothing is changed", shown);
    qr_vunmap(&q->vm, ram, "vunmap");
    heard_is(QUARRY_BAD_FREE, "G-S8", ram, 0,
             "vunmap of %p: this area is given back with vm_unmap_ram; nothing is changed", ram);
    qr_vfree(&q->vm, reserved->addr, false);
    heard_is(QUARRY_BAD_FREE, "G-S8", reserved->addr, 0,
             "vfree of %p: this area is given back with free_vm_area; nothing is changed",
             reserved->addr);
    qr_vm_unmap_ram(&q->vm, ram, 3);
    heard_is(QUARRY_BAD_FREE, "G-S8", ram, 0,
             "vm_unmap_ram of %p: the count is not the one that was mapped; nothing is changed",
             ram);
    qr_vfree(&q->vm, made, false);
    qr_vfree(&q->vm, made, false);
    heard_is(QUARRY_DOUBLE_FREE, "G-S8", made, 0,
             "vfree of %p: this area was freed before; nothing is changed", made);
    qr_vunmap(&q->vm, shown, "vunmap");
    qr_vm_unmap_ram(&q->vm, ram, 2);
    qr_free_vm_area(&q->vm, reserved);
    assert_int_equal(heard.nr, 0);
    for (int i = 0; i < 2; i++)
        qr_free_block(&q->zones, page[i], 0);
    test_end(q);
}

static void describe(struct quarry *q, const void *address, char *text, size_t size)
{
    struct qr_text out = {text, size, 0};
    text[0] = 0;
    q->zones.describe(q->zones.describe_data, address, &out);
}

static void an_address_is_described_by_what_lies_there(void **state)
{
    struct quarry *q = boot_heard(1024, NULL, "vmalloc_cache=64");
    char *area = get(q, 2 * PAGE_SIZE, 0, GFP_KERNEL), text[256], want[256];
    struct vm_struct *reserved = qr_get_vm_area(&q->vm, 100, VM_IOREMAP);
    char *gap = (char *)reserved->addr;
    const char *const gone = "a vmalloc address where no area is now (freed before, or never made)";
    describe(q, area, text, sizeof(text));
    assert_string_equal(text, "the start of a live area of 2 pages");
    describe(q, area + 2 * PAGE_SIZE - 1, text, sizeof(text));
    snprintf(want, sizeof(want), "an address 8191 bytes inside the area at %p, not its start",
             area);
    assert_string_equal(text, want);
    describe(q, area + 2 * PAGE_SIZE, text, sizeof(text));
    snprintf(want, sizeof(want), "an address in the guard page of the area at %p", area);
    assert_string_equal(text, want);
    describe(q, gap + PAGE_SIZE, text, sizeof(text)); /* it has no page that one could run out of */
    snprintf(want, sizeof(want), "an address 4096 bytes inside the area at %p, not its start", gap);
    assert_string_equal(text, want);
    describe(q, (void *)(q->machine.vmalloc_end - 1), text, sizeof(text));
    assert_string_equal(text, gone);
    assert_string_equal(q->kmalloc.describe(q->kmalloc.describe_data, area),
                        "a vmalloc address: use vfree or kvfree");
    qr_vfree(&q->vm, area, false);
    describe(q, area, text, sizeof(text));
    assert_string_equal(text, "an address in an area that was freed before");
    assert_string_equal(q->kmalloc.describe(q->kmalloc.describe_data, area), gone);
    assert_null(q->kmalloc.describe(q->kmalloc.describe_data, &heard));
    qr_free_vm_area(&q->vm, reserved);
    test_end(q);
}

static void an_object_is_described_by_its_number_and_cache(void **state)
{
    struct quarry *q = boot_heard(1024, NULL, NULL);
    struct qr_cache_params params = {.name = "cells", .size = 64, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
    char *object[3], text[256], want[256];
    for (int i = 0; i < 3; i++)
        object[i] = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE);
    for (int i = 0; i < 3; i++) {
        struct qr_object found;
        assert_true(qr_object_find(&q->slabs, object[i], &found));
        for (int inside = 0; inside < 2; inside++) {
            describe(q, object[i] + 63 * inside, text, sizeof(text));
            snprintf(want, sizeof(want),
                     "%s object %u of cache cells: use kfree or kmem_cache_free",
                     inside ? "an address inside" : "the start of", found.index);
            assert_string_equal(text, want);
        }
    }
    for (int i = 0; i < 3; i++)
        qr_cache_free_slow(&q->slabs, cache, object[i], "kmem_cache_free");
    qr_cache_destroy(&q->slabs, cache, false);
    test_end(q);
}

/* ---- windows --------------------------------------------------------------------------------- */

static void the_windows_say_which_page_they_speak_of(void **state)
{
    struct quarry *q = boot_heard(2048, "zones", NULL);
    struct page *page[17];
    char *inner, *outer;
    for (int i = 0; i < 17; i++)
        page[i] = qr_alloc_pages(&q->zones, GFP_HIGHUSER, 0, NUMA_NO_NODE);
    for (int i = 0; i < 16; i++)
        qr_kmap(&q->kmaps, page[i]);
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    assert_null(qr_kmap(&q->kmaps, page[16]));
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(heard.nr, 2); /* of the context, too */
    heard.nr = 1;
    heard_is(
        QUARRY_OUT_OF_MEMORY, NULL, page[16], 0,
        "kmap: every slot of the window is in use, and the caller cannot wait (page frame %llu)",
        (unsigned long long)qr_pfn(&q->map, page[16]));
    qr_kunmap(&q->kmaps, page[16]);
    heard_is(QUARRY_BAD_FREE, NULL, page[16], 0,
             "kunmap of a page that is not mapped by kmap; nothing was done (page frame %llu)",
             (unsigned long long)qr_pfn(&q->map, page[16]));
    outer = qr_kmap_local(&q->kmaps, page[0]);
    inner = qr_kmap_local(&q->kmaps, page[1]);
    assert_false(qr_kunmap_local(&q->kmaps, outer));
    heard_is(
        QUARRY_BAD_FREE, NULL, outer, 0,
        "kunmap_local out of order, or twice: only the newest mapping of the task can be undone; "
        "nothing was done (%p)",
        outer);
    assert_true(qr_kunmap_local(&q->kmaps, inner));
    assert_true(qr_kunmap_local(&q->kmaps, outer));
    assert_false(qr_kunmap_local(&q->kmaps, &heard));
    heard_is(QUARRY_BAD_FREE, NULL, &heard, 0,
             "kunmap_local of an address that kmap_local never returns; nothing was done (%p)",
             (void *)&heard);
    qr_page_fill(&q->kmaps, page[3], 4090, 0, 7, "memset_page");
    heard_is(QUARRY_BAD_REQUEST, NULL, page[3], 7,
             "memset_page: 7 bytes at offset 4090 leave the page; nothing was done");
    for (int i = 0; i < 17; i++) {
        if (i < 16)
            qr_kunmap(&q->kmaps, page[i]);
        qr_free_block(&q->zones, page[i], 0);
    }
    assert_int_equal(heard.nr, 0);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_vmalloc_says_what_makes_no_sense),
        cmocka_unit_test(the_largest_size_and_alignment_make_sense),
        cmocka_unit_test(a_failed_vmalloc_says_what_was_missing_and_what_was_had),
        cmocka_unit_test(a_vmalloc_without_addresses_says_so_with_all_its_pages_had),
        cmocka_unit_test(kvmalloc_names_a_size_that_must_be_an_overflow),
        cmocka_unit_test(a_refused_vmap_says_which_entry_is_no_page),
        cmocka_unit_test(a_refused_free_says_what_would_have_been_right),
        cmocka_unit_test(an_address_is_described_by_what_lies_there),
        cmocka_unit_test(an_object_is_described_by_its_number_and_cache),
        cmocka_unit_test(the_windows_say_which_page_they_speak_of),
    };
    return cmocka_run_group_tests_name("reports of vm", tests, NULL, NULL);
}
