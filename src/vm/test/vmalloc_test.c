/* SPDX-License-Identifier: MIT */
/* What vmalloc promises of its memory (G-S6, G-Z8, G-E7), and what it refuses. */
#include "vm_support.h"

static void g_s6_memory_is_contiguous_aligned_and_in_the_window(void **state)
{
    struct quarry *q = test_boot(1024);
    struct vm_state before = vm_state_of(q);
    char *area = vm_get(q, 5);
    assert_non_null(area);
    assert_int_equal((uintptr_t)area & (PAGE_SIZE - 1), 0);
    assert_true((uintptr_t)area >= q->machine.vmalloc_start);
    assert_true((uintptr_t)area + 6 * PAGE_SIZE <= q->machine.vmalloc_end);
    assert_true(qr_vm_contains(&q->vm, area));
    for (unsigned int i = 0; i < 5 * PAGE_SIZE; i++)
        area[i] = (char)(i * 7);
    /* The same bytes through the direct map of each page. */
    for (unsigned int i = 0; i < 5; i++) {
        struct page *page = qr_vmalloc_page(&q->vm, area + i * PAGE_SIZE + 123);
        assert_non_null(page);
        assert_int_equal(page_ref_count(page), 1);
        assert_memory_equal(qr_page_virt(&q->map, page), area + i * PAGE_SIZE, PAGE_SIZE);
    }
    qr_vfree(&q->vm, area, false);
    assert_vm_state_is(q, before);
    test_end(q);
}

/* The list of an area's pages comes from elsewhere for small, larger and large areas, and goes back there. */
static void areas_of_all_sizes_come_and_go(void **state)
{
    struct test_spec spec = {.pages = 2048, .options = "vmalloc_cache=0"};
    struct quarry *q = test_boot_with(&spec);
    struct vm_state before = vm_state_of(q);
    for (unsigned int pages = 1; pages <= 70; pages++) {
        char *area = vm_get(q, pages);
        assert_non_null(area);
        memset(area, (int)pages, pages * PAGE_SIZE);
        qr_vfree(&q->vm, area, false);
    }
    assert_vm_state_is(q, before);
    for (unsigned int pages = 1; pages <= 6; pages++) { /* into a hole that just fits */
        void *front = vm_get(q, pages), *hole = vm_get(q, pages), *behind = vm_get(q, pages);
        qr_vfree(&q->vm, hole, false);
        assert_ptr_equal(vm_get(q, pages), hole);
        qr_vfree(&q->vm, hole, false);
        qr_vfree(&q->vm, behind, false);
        qr_vfree(&q->vm, front, false);
        assert_vm_state_is(q, before);
    }
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 0);
    test_end(q);
}

static void g_s6_a_guard_page_follows_each_area(void **state)
{
    struct test_spec spec = {.pages = 1024, .options = "check=1"};
    struct quarry *q = test_boot_with(&spec);
    char *first = vm_get(q, 3), *second = vm_get(q, 3), *third = vm_get(q, 4);
    assert_false(vm_faults(first + 3 * PAGE_SIZE - 1));
    assert_true(vm_faults(first + 3 * PAGE_SIZE));
    assert_true(vm_faults(second + 3 * PAGE_SIZE));
    assert_null(qr_vmalloc_page(&q->vm, first + 3 * PAGE_SIZE));
    assert_null(qr_vmalloc_page(&q->vm, third + 4 * PAGE_SIZE));
    assert_int_equal(qr_find_vm_area(&q->vm, first)->size, 4 * PAGE_SIZE);
    qr_vfree(&q->vm, third, false);
    qr_vfree(&q->vm, first, false);
    qr_vfree(&q->vm, second, false);
    test_end(q);
}

static void g_s6_sizes_that_make_no_sense_are_refused_and_reported(void **state)
{
    struct quarry *q = test_boot(1024);
    struct vm_state before = vm_state_of(q);
    const unsigned long sizes[] = {0, 1025 * PAGE_SIZE, 1ul << 40, ~0ul, ~0ul - PAGE_SIZE};
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(sizes); i++) {
        assert_null(qr_vmalloc(&q->vm, sizes[i], 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc"));
        assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), i + 1);
        assert_null(
            qr_vmalloc(&q->vm, sizes[i], 0, GFP_KERNEL | __GFP_NOWARN, 0, NUMA_NO_NODE, "vmalloc"));
        assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), i + 1);
    }
    assert_vm_state_is(q, before);
    test_end(q);
}

static void g_s6_an_absurd_alignment_is_refused_and_reported(void **state)
{
    struct quarry *q = test_boot(1024);
    struct vm_state before = vm_state_of(q);
    const unsigned long aligns[] = {1ul << 40, 1ul << 63, 3 * PAGE_SIZE};
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(aligns); i++) {
        assert_null(
            qr_vmalloc(&q->vm, 1, aligns[i], GFP_KERNEL, 0, NUMA_NO_NODE, "__vmalloc_node"));
        assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), i + 1);
    }
    assert_vm_state_is(q, before);
    test_end(q);
}

static void an_alignment_is_kept(void **state)
{
    struct quarry *q = test_boot(1024);
    void *area[8];
    for (unsigned int i = 0; i < 8; i++) {
        unsigned long align = PAGE_SIZE << i;
        area[i] = qr_vmalloc(&q->vm, 3 * PAGE_SIZE, align, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
        assert_non_null(area[i]);
        assert_int_equal((uintptr_t)area[i] & (align - 1), 0);
    }
    for (unsigned int i = 0; i < 8; i++)
        qr_vfree(&q->vm, area[i], false);
    test_end(q);
}

static void g_e7_zeroed_memory_is_zero_to_the_end_of_its_last_page(void **state)
{
    struct test_spec spec = {.pages = 1024, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    /* Leave something in every page, high ones included. */
    for (int round = 0; round < 2; round++) {
        unsigned long pages = 300;
        char *area = vm_get(q, pages);
        memset(area, 0xa5, pages * PAGE_SIZE);
        qr_vfree(&q->vm, area, false);
        qr_vm_purge(&q->vm);
        area = qr_vmalloc(&q->vm, pages * PAGE_SIZE - 100, 0, GFP_KERNEL | __GFP_ZERO, 0,
                          NUMA_NO_NODE, "vzalloc");
        for (unsigned long i = 0; i < pages * PAGE_SIZE; i++)
            if (area[i])
                fail_msg("byte %lu is %#x", i, area[i]);
        qr_vfree(&q->vm, area, false);
    }
    test_end(q);
}

/* ---- where the pages come from --------------------------------------------------------------- */

static unsigned int low_pages(struct quarry *q, char *area, unsigned int pages)
{
    unsigned int low = 0;
    for (unsigned int i = 0; i < pages; i++)
        low += qr_page_is_low(&q->map, qr_vmalloc_page(&q->vm, area + i * PAGE_SIZE));
    return low;
}

static void g_z8_pages_come_from_high_memory_first(void **state)
{
    struct test_spec spec = {.pages = 1024, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    for (unsigned int pages = 1; pages <= 64; pages += 7) {
        char *area = vm_get(q, pages);
        assert_int_equal(low_pages(q, area, pages), 0);
        qr_vfree(&q->vm, area, false);
    }
    test_end(q);
}

static void g_z8_single_high_pages_go_before_blocks_of_low_memory(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "zones", .options = "vmalloc_cache=0"};
    struct quarry *q = test_boot_with(&spec);
    static struct vm_held high;
    struct vm_held *held = &high;
    vm_hold_all(q, held, GFP_NOWAIT | __GFP_HIGHMEM);
    unsigned int kept = 0;
    for (unsigned int i = 0; i < held->nr; i++) /* low memory is free, high memory in crumbs */
        if (qr_page_is_low(&q->map, held->page[i]) || (qr_pfn(&q->map, held->page[i]) & 1))
            qr_free_block(&q->zones, held->page[i], 0);
        else
            held->page[kept++] = held->page[i];
    held->nr = kept;
    qr_pcp_drain_all(&q->zones);
    for (unsigned int pages = 2; pages <= 7; pages++) {
        char *area = vm_get(q, pages);
        assert_int_equal(low_pages(q, area, pages), 0);
        qr_vfree(&q->vm, area, false);
    }
    vm_release(q, held);
    test_end(q);
}

static void g_z8_low_memory_serves_when_high_memory_is_gone(void **state)
{
    struct test_spec spec = {.pages = 1024, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    unsigned int pages = 640; /* more than the upper half has */
    char *area = vm_get(q, pages);
    assert_non_null(area);
    assert_true(low_pages(q, area, pages) > 0);
    assert_true(low_pages(q, area, pages) < 320);
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

static bool count_request(const struct quarry_fault_request *request, void *data)
{
    *(unsigned int *)data += request->point == QUARRY_FAIL_PAGE_ALLOC;
    return false;
}

static bool keep_first_size(const struct quarry_fault_request *request, void *data)
{
    if (request->point == QUARRY_FAIL_PAGE_ALLOC && !*(size_t *)data)
        *(size_t *)data = request->size;
    return false;
}

static void a_small_area_begins_with_the_largest_block_that_it_fills(void **state)
{
    static const unsigned int block[] = {0, 1, 2, 2, 4, 4, 4, 4, 1, 1};
    struct test_spec spec = {.pages = 1024, .options = "vmalloc_cache=0"};
    struct quarry *q = test_boot_with(&spec);
    void *first = vm_get(q, 5), *area; /* records and their arrays are at hand */
    for (unsigned int nr = 2; nr < QR_ARRAY_SIZE(block); nr++) {
        size_t size = 0;
        qr_fault_set_hook(&q->faults, keep_first_size, &size);
        area = vm_get(q, nr);
        qr_fault_set_hook(&q->faults, NULL, NULL);
        assert_int_equal(size, block[nr] * PAGE_SIZE);
        qr_vfree(&q->vm, area, false);
    }
    qr_vfree(&q->vm, first, false);
    test_end(q);
}

/* A block of low memory is taken only when high memory is down to its mark. */
static void g_z8_a_block_of_low_memory_serves_at_the_low_mark_of_high_memory(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "zones", .options = "vmalloc_cache=0"};
    struct quarry *q = test_boot_with(&spec);
    static struct vm_held held;
    struct zone *high = &q->zones.zone[q->zones.nr_zones - 1];
    unsigned int requests = 0;
    char *area;
    assert_int_equal(high->type, ZONE_HIGHMEM);
    qr_reclaim_stop(&q->reclaim);
    do
        held.page[held.nr++] = qr_alloc_pages(&q->zones, GFP_HIGHUSER, 0, NUMA_NO_NODE);
    while (!qr_page_is_low(&q->map, held.page[held.nr - 1]));
    assert_true(high->free_pages <= high->watermark[QR_WMARK_LOW]);
    qr_vfree(&q->vm, vm_get(q, 4), false); /* records are at hand */
    qr_fault_set_hook(&q->faults, count_request, &requests);
    area = vm_get(q, 4);
    qr_fault_set_hook(&q->faults, NULL, NULL);
    assert_int_equal(low_pages(q, area, 4), 4);
    assert_int_equal(requests, 1); /* the block was not put back for four single pages */
    qr_vfree(&q->vm, area, false);
    vm_release(q, &held);
    requests = 0;
    qr_fault_set_hook(&q->faults, count_request, &requests);
    area = vm_get(q, 4);
    qr_fault_set_hook(&q->faults, NULL, NULL);
    assert_int_equal(low_pages(q, area, 4), 0);
    assert_int_equal(requests, 1); /* nor was one of high memory */
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

static void a_mask_with_dma32_keeps_below_its_limit(void **state)
{
    struct test_spec spec = {.pages = 1024, .dma32_limit = 512 * PAGE_SIZE};
    struct quarry *q = test_boot_with(&spec);
    char *area = qr_vmalloc(&q->vm, 100 * PAGE_SIZE, 0, GFP_KERNEL | __GFP_DMA32, 0, NUMA_NO_NODE,
                            "vmalloc_32");
    for (unsigned int i = 0; i < 100; i++)
        assert_true(qr_pfn(&q->map, qr_vmalloc_page(&q->vm, area + i * PAGE_SIZE)) < 512);
    qr_vfree(&q->vm, area, false);
    assert_int_equal(q->vm.cached.pages, 0); /* not of the default mask: not kept */
    test_end(q);
}

static void a_named_node_serves_first(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "nodes"};
    struct quarry *q = test_boot_with(&spec);
    for (int nid = 0; nid < 2; nid++) {
        char *area = qr_vmalloc(&q->vm, 40 * PAGE_SIZE, 0, GFP_KERNEL, 0, nid, "vmalloc_node");
        for (unsigned int i = 0; i < 40; i++) {
            struct page *page = qr_vmalloc_page(&q->vm, area + i * PAGE_SIZE);
            assert_int_equal(qr_pfn_node(&q->map, qr_pfn(&q->map, page)), nid);
        }
        qr_vfree(&q->vm, area, false);
    }
    test_end(q);
}

static void any_node_means_this_cpus_first(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "nodes", .options = "vmalloc_cache=0"};
    struct quarry *q = test_boot_with(&spec);
    struct qr_cpu *cpu;
    void *area = vm_get(q, 4);
    qp_percpu_leave(qp_percpu_enter(&q->cpus, &cpu));
    for (int i = 0; i < 4; i++) {
        struct page *page = qr_vmalloc_page(&q->vm, (char *)area + i * PAGE_SIZE);
        assert_int_equal(qr_pfn_node(&q->map, qr_pfn(&q->map, page)), cpu->nid);
    }
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

static void a_huge_area_begins_at_a_multiple_of_two_mebibytes(void **state)
{
    struct quarry *q = test_boot(4096);
    const struct qr_vmalloc_request request = {.size = 1024 * PAGE_SIZE,
                                               .gfp = GFP_KERNEL,
                                               .nid = NUMA_NO_NODE,
                                               .huge = true,
                                               .what = "vmalloc_huge"};
    char *area = qr_vmalloc_request(&q->vm, &request);
    assert_non_null(area);
    assert_int_equal((uintptr_t)area & ((QR_BLOCK_PAGES << PAGE_SHIFT) - 1), 0);
    memset(area, 1, 1024 * PAGE_SIZE);
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

/* ---- looking up ------------------------------------------------------------------------------ */

static void an_area_is_found_by_any_address_in_it(void **state)
{
    enum { AREAS = 200 };
    struct quarry *q = test_boot(4096);
    char *area[AREAS];
    for (unsigned int i = 0; i < AREAS; i++)
        assert_non_null(area[i] = vm_get(q, 1 + i % 9));
    for (unsigned int i = 0; i < AREAS; i += 3) {
        qr_vfree(&q->vm, area[i], false);
        area[i] = NULL;
    }
    for (unsigned int i = 0; i < AREAS; i++) {
        unsigned long bytes = (1 + i % 9) * PAGE_SIZE;
        if (!area[i])
            continue;
        struct vm_struct *vm = qr_find_vm_area(&q->vm, area[i] + bytes - 1);
        assert_non_null(vm);
        assert_ptr_equal(vm->addr, area[i]);
        assert_int_equal(vm->nr_pages, 1 + i % 9);
        assert_int_equal(vm->flags, VM_ALLOC);
        assert_ptr_equal(vm->pages[0], qr_vmalloc_page(&q->vm, area[i]));
    }
    assert_null(qr_find_vm_area(&q->vm, &area));
    assert_null(qr_vmalloc_page(&q->vm, (void *)(q->machine.vmalloc_end - 1)));
    for (unsigned int i = 0; i < AREAS; i++)
        qr_vfree(&q->vm, area[i], false);
    test_end(q);
}

struct walk {
    unsigned int nr;
    const void *last;
    size_t bytes;
    unsigned int pages;
};

static bool walk_live(const struct quarry_live *live, void *data)
{
    struct walk *walk = data;
    assert_int_equal(live->kind, QUARRY_LIVE_VMALLOC);
    assert_true(live->address > walk->last);
    walk->last = live->address;
    walk->bytes += live->size;
    walk->nr++;
    return true;
}

static bool walk_area(const struct qr_area_info *info, void *data)
{
    struct walk *walk = data;
    walk->pages += info->nr_frames;
    assert_string_equal(info->kind, "vmalloc");
    return true;
}

static void live_areas_are_walked_in_order_with_the_size_asked_for(void **state)
{
    struct test_spec spec = {.pages = 4096, .options = "check=1"};
    struct quarry *q = test_boot_with(&spec);
    struct walk walk = {0};
    void *small = qr_vmalloc(&q->vm, 100, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    void *gone = vm_get(q, 7);
    void *large = vm_get(q, 600); /* its array of pages is an area of Quarry's own, or a block */
    qr_vfree(&q->vm, gone, false);
    qr_vm_for_each_live(&q->vm, walk_live, &walk);
    assert_int_equal(walk.nr, 2);
    assert_int_equal(walk.bytes, 100 + 600 * PAGE_SIZE);
    qr_vm_for_each_area(&q->vm, walk_area, &walk);
    assert_int_equal(walk.pages, 601);
    assert_int_equal(q->vm.nr_pages, 601);
    qr_vfree(&q->vm, small, false);
    qr_vfree(&q->vm, large, false);
    test_end(q);
}

struct kinds {
    const char *kind[8];
    unsigned int nr, most;
};

static bool walk_kind(const struct qr_area_info *info, void *data)
{
    struct kinds *kinds = data;
    kinds->kind[kinds->nr++] = info->kind;
    return kinds->nr < kinds->most;
}

static unsigned int kinds_named(const struct kinds *kinds, const char *kind)
{
    unsigned int found = 0;
    for (unsigned int i = 0; i < kinds->nr; i++)
        found += strcmp(kinds->kind[i], kind) == 0;
    return found;
}

static void a_walk_names_the_kind_of_each_area_and_stops_when_told(void **state)
{
    struct quarry *q = test_boot(1024);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    void *area = vm_get(q, 1), *user;
    void *map = qr_vmap(&q->vm, &page, 1, VM_MAP, "vmap");
    void *ram = qr_vm_map_ram(&q->vm, &page, 1);
    struct vm_struct *device = qr_get_vm_area(&q->vm, PAGE_SIZE, VM_IOREMAP);
    struct vm_struct *other = qr_get_vm_area(&q->vm, PAGE_SIZE, 0);
    struct kinds all = {.most = 8}, first = {.most = 2};
    user = qr_vmalloc(&q->vm, PAGE_SIZE, 0, GFP_KERNEL, VM_USERMAP, NUMA_NO_NODE, "vmalloc_user");
    qr_vm_for_each_area(&q->vm, walk_kind, &all);
    assert_int_equal(all.nr, 6);
    assert_int_equal(kinds_named(&all, "vmalloc"), 1);
    assert_int_equal(kinds_named(&all, "vmalloc user"), 1);
    assert_int_equal(kinds_named(&all, "vmap"), 1);
    assert_int_equal(kinds_named(&all, "vm_map_ram"), 1);
    assert_int_equal(kinds_named(&all, "ioremap"), 1);
    assert_int_equal(kinds_named(&all, "reserved"), 1);
    qr_vm_for_each_area(&q->vm, walk_kind, &first);
    assert_int_equal(first.nr, 2);
    qr_free_vm_area(&q->vm, device);
    qr_free_vm_area(&q->vm, other);
    qr_vm_unmap_ram(&q->vm, ram, 1);
    qr_vunmap(&q->vm, map, "vunmap");
    qr_vfree(&q->vm, user, false);
    qr_vfree(&q->vm, area, false);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

static void the_record_of_an_area_leads_the_leak_scan_to_the_area(void **state)
{
    struct quarry *q = test_boot(1024);
    char *area = vm_get(q, 3);
    void *block = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE);
    struct qr_leak_found_area inside, record;
    assert_true(qr_vm_leak_find(&q->vm, area + 2 * PAGE_SIZE, &inside));
    assert_true(qr_vm_leak_find(&q->vm, qr_find_vm_area(&q->vm, area), &record));
    assert_ptr_equal(inside.block.start, area);
    assert_int_equal(inside.block.size, 3 * PAGE_SIZE);
    assert_ptr_equal(record.block.start, area);
    assert_ptr_equal(record.block.word, inside.block.word);
    assert_null(record.frames); /* its own pages, no one else's */
    assert_false(qr_vm_leak_find(&q->vm, block, &record));
    qr_kfree_slow(&q->kmalloc, block, "kfree");
    qr_vfree(&q->vm, area, false);
    assert_false(qr_vm_leak_find(&q->vm, area, &inside));
    test_end(q);
}

static bool keep_sequence(const struct quarry_live *live, void *data)
{
    *(u64 *)data = live->sequence;
    return true;
}

static void an_area_traced_anew_is_as_old_as_the_newest(void **state)
{
    struct test_spec spec = {.pages = 1024};
    for (int checked = 0; checked < 2; checked++) {
        u64 before = 0, after = 0;
        spec.options = checked ? "check=1" : NULL;
        struct quarry *q = test_boot_with(&spec);
        char *area = vm_get(q, 2);
        qr_vm_for_each_live(&q->vm, keep_sequence, &before);
        qr_vm_retrace(&q->vm, area + PAGE_SIZE);
        qr_vm_for_each_live(&q->vm, keep_sequence, &after);
        if (checked)
            assert_true(after > before);
        else
            assert_int_equal(after, before); /* nobody keeps such records */
        qr_vfree(&q->vm, area, false);
        test_end(q);
    }
}

static void counters_that_contradict_the_areas_are_reported(void **state)
{
    struct quarry *q = test_boot(1024);
    void *area = vm_get(q, 2);
    assert_int_equal(qr_vm_check(&q->vm), 0);
    q->vm.nr_pages++;
    assert_int_equal(qr_vm_check(&q->vm), 1);
    q->vm.nr_pages--;
    assert_int_equal(test_findings(q, QUARRY_CORRUPTION), 1);
    assert_non_null(strstr(test_last_report, "1 contradictions in the counters"));
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

/* ---- contexts -------------------------------------------------------------------------------- */

static void *vm_from_irq;
static struct quarry *vm_irq_machine;

static void vm_irq_vmalloc(void *data)
{
    vm_from_irq = vm_get(vm_irq_machine, 2);
}

static void g_c3_vmalloc_in_interrupt_is_reported_and_fails(void **state)
{
    struct quarry *q = test_boot(1024);
    vm_irq_machine = q;
    vm_from_irq = q;
    quarry_raise_irq(vm_irq_vmalloc, NULL);
    assert_null(vm_from_irq);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 1);
    assert_non_null(strstr(test_last_report, "vmalloc"));
    test_end(q);
}

static void g_c3_vmalloc_under_a_spin_lock_is_reported_and_served_without_sleeping(void **state)
{
    struct quarry *q = test_boot(1024);
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    void *area = vm_get(q, 2);
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 1);
    assert_non_null(area);
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

/* ---- resizing -------------------------------------------------------------------------------- */

static void vrealloc_keeps_the_contents_and_moves_only_when_it_must(void **state)
{
    struct quarry *q = test_boot(1024);
    char *area = qr_vrealloc(&q->vm, NULL, 3000, GFP_KERNEL);
    memset(area, 7, 3000);
    char *same = qr_vrealloc(&q->vm, area, 4096, GFP_KERNEL);
    assert_ptr_equal(same, area);
    char *moved = qr_vrealloc(&q->vm, area, 3 * PAGE_SIZE, GFP_KERNEL);
    assert_ptr_not_equal(moved, area);
    assert_null(q->vm.deferred); /* the old one is gone, and not put off */
    assert_null(qr_find_vm_area(&q->vm, area));
    for (int i = 0; i < 3000; i++)
        assert_int_equal(moved[i], 7);
    assert_null(qr_find_vm_area(&q->vm, area));
    assert_ptr_equal(qr_vrealloc(&q->vm, moved, 10, GFP_KERNEL), moved);
    assert_null(qr_vrealloc(&q->vm, moved, 0, GFP_KERNEL));
    assert_null(qr_find_vm_area(&q->vm, moved));
    assert_int_equal(q->vm.nr_areas, 0);
    test_end(q);
}

static void what_vrealloc_gains_is_zero_with_gfp_zero(void **state)
{
    struct quarry *q = test_boot(1024);
    gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
    char *area = qr_vrealloc(&q->vm, NULL, 4000, gfp);
    memset(area, 7, 4000);
    area = qr_vrealloc(&q->vm, area, 1000, gfp);
    area = qr_vrealloc(&q->vm, area, 4096, gfp);
    for (int i = 0; i < 4096; i++)
        assert_int_equal(area[i], i < 1000 ? 7 : 0);
    memset(area, 7, 4096);
    area = qr_vrealloc(&q->vm, area, 2 * PAGE_SIZE, gfp);
    for (unsigned int i = 0; i < 2 * PAGE_SIZE; i++)
        assert_int_equal(area[i], i < 4096 ? 7 : 0);
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

static void a_failed_vrealloc_leaves_the_area_as_it_was(void **state)
{
    struct quarry *q = test_boot(1024);
    char *area = vm_get(q, 2);
    memset(area, 9, 2 * PAGE_SIZE);
    assert_null(qr_vrealloc(&q->vm, area, 2000 * PAGE_SIZE, GFP_KERNEL));
    assert_int_equal(area[2 * PAGE_SIZE - 1], 9);
    assert_ptr_equal(qr_find_vm_area(&q->vm, area)->addr, area);
    assert_null(qr_vrealloc(&q->vm, area + 16, 100, GFP_KERNEL));
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

static void vrealloc_of_what_is_no_vmalloc_memory_is_refused(void **state)
{
    struct test_spec spec = {.pages = 1024, .options = "vmalloc_cache=64"};
    struct quarry *q = test_boot_with(&spec);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    char *kept = vm_get(q, 2), *shown = qr_vmap(&q->vm, &page, 1, VM_MAP, "vmap");
    char *no_area = (char *)q->vm.end - PAGE_SIZE;
    qr_reclaim_stop(&q->reclaim);
    qr_vfree(&q->vm, kept, false);
    assert_int_equal(q->vm.cached.nr, 1);
    assert_null(qr_vrealloc(&q->vm, kept, 100, GFP_KERNEL));
    assert_non_null(strstr(test_last_report, "freed before"));
    assert_null(qr_vrealloc(&q->vm, shown, 100, GFP_KERNEL));
    assert_non_null(strstr(test_last_report, "live area of 1 pages"));
    assert_null(qr_vrealloc(&q->vm, no_area, 100, GFP_KERNEL));
    assert_non_null(strstr(test_last_report, "no area is now"));
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 3);
    assert_int_equal(q->vm.cached.nr, 1);
    qr_vunmap(&q->vm, shown, "vunmap");
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

/* ---- after the memory changed behind the addresses ------------------------------------------- */

static void areas_can_be_mapped_anew(void **state)
{
    struct quarry *q = test_boot(1024);
    char *first = vm_get(q, 9), *second = vm_get(q, 1);
    memset(first, 1, 9 * PAGE_SIZE);
    memset(second, 2, PAGE_SIZE);
    qp_unmap(q->map.offset, first, 9);
    qp_unmap(q->map.offset, second, 1);
    assert_true(vm_faults(first));
    assert_int_equal(qr_vm_remap_all(&q->vm), 0);
    assert_int_equal(first[9 * PAGE_SIZE - 1], 1);
    assert_int_equal(second[0], 2);
    qr_vfree(&q->vm, first, false);
    qr_vfree(&q->vm, second, false);
    test_end(q);
}

static void who_names_no_node_has_its_cpu_s(void **state)
{
    struct test_spec spec = {.pages = 4096, .profile = "nodes", .options = "vmalloc_cache=0"};
    struct quarry *q = test_boot_with(&spec);
    struct qr_cpu *cpu;

    qp_percpu_leave(qp_percpu_enter(&q->cpus, &cpu));
    for (u32 nid = 0; nid < 2; nid++) {
        void *area;
        cpu->nid = nid;
        area = qr_vmalloc(&q->vm, 3 * PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
        assert_non_null(area);
        assert_int_equal(qr_pfn_node(&q->map, qr_pfn(&q->map, qr_vmalloc_page(&q->vm, area))), nid);
        qr_vfree(&q->vm, area, false);
        area = qr_vmalloc(&q->vm, 3 * PAGE_SIZE, 0, GFP_KERNEL, 0, (int)!nid, "vmalloc");
        assert_int_equal(qr_pfn_node(&q->map, qr_pfn(&q->map, qr_vmalloc_page(&q->vm, area))),
                         !nid);
        qr_vfree(&q->vm, area, false);
    }
    cpu->nid = 0;
    test_end(q);
}

/* An area's pages may lie in several zones; each zone counts its own. */
static void each_zone_counts_its_pages_of_an_area(void **state)
{
    struct test_spec spec = {.pages = 4096, .profile = "zones", .options = "vmalloc_cache=0"};
    struct quarry *q = test_boot_with(&spec);
    const gfp_t gfp = GFP_KERNEL | __GFP_HIGHMEM;
    static struct page *page[4096];
    unsigned long in[8] = {0}, before[8], spread = 0;
    unsigned int nr = 0;
    char *area;

    do /* until high memory is nearly full: the next request takes its rest and some of another zone */
        assert_non_null(page[nr++] = qr_alloc_pages(&q->zones, gfp, 0, NUMA_NO_NODE));
    while (nr < 4096 && qr_page_zone(&q->zones, page[nr - 1])->type == ZONE_HIGHMEM);
    for (unsigned int i = 0; i < 300; i++)
        qr_free_block(&q->zones, page[i], 0);
    for (unsigned int i = 0; i < q->zones.nr_zones; i++)
        before[i] = (unsigned long)q->zones.zone[i].stat[QR_ZS_VMALLOC];
    area = qr_vmalloc(&q->vm, 600 * PAGE_SIZE, 0, gfp, 0, NUMA_NO_NODE, "vmalloc");
    assert_non_null(area);
    for (unsigned int i = 0; i < 600; i++)
        in[qr_page_zone(&q->zones, qr_vmalloc_page(&q->vm, area + i * PAGE_SIZE))->index]++;
    for (unsigned int i = 0; i < q->zones.nr_zones; i++) {
        spread += in[i] > 0;
        assert_int_equal(q->zones.zone[i].stat[QR_ZS_VMALLOC] - before[i], in[i]);
    }
    assert_true(spread > 1);
    qr_vfree(&q->vm, area, false);
    for (unsigned int i = 0; i < q->zones.nr_zones; i++)
        assert_int_equal(q->zones.zone[i].stat[QR_ZS_VMALLOC], before[i]);
    for (unsigned int i = 300; i < nr; i++)
        qr_free_block(&q->zones, page[i], 0);
    test_end(q);
}

/* A page may be mapped many times, but no area needs more pages than there are. */
static void a_map_has_at_most_as_many_pages_as_the_machine(void **state)
{
    struct quarry *q = test_boot(256);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE), *pages[300];
    const unsigned int all = (unsigned int)q->zones.totalram;
    void *area;

    assert_true(all < QR_ARRAY_SIZE(pages));
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(pages); i++)
        pages[i] = page;
    area = qr_vmap(&q->vm, pages, all, VM_MAP, "vmap");
    assert_non_null(area);
    qr_vunmap(&q->vm, area, "vunmap");
    assert_null(qr_vmap(&q->vm, pages, all + 1, VM_MAP, "vmap"));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g_s6_memory_is_contiguous_aligned_and_in_the_window),
        cmocka_unit_test(areas_of_all_sizes_come_and_go),
        cmocka_unit_test(g_s6_a_guard_page_follows_each_area),
        cmocka_unit_test(g_s6_sizes_that_make_no_sense_are_refused_and_reported),
        cmocka_unit_test(g_s6_an_absurd_alignment_is_refused_and_reported),
        cmocka_unit_test(an_alignment_is_kept),
        cmocka_unit_test(g_e7_zeroed_memory_is_zero_to_the_end_of_its_last_page),
        cmocka_unit_test(g_z8_pages_come_from_high_memory_first),
        cmocka_unit_test(g_z8_single_high_pages_go_before_blocks_of_low_memory),
        cmocka_unit_test(g_z8_low_memory_serves_when_high_memory_is_gone),
        cmocka_unit_test(a_small_area_begins_with_the_largest_block_that_it_fills),
        cmocka_unit_test(g_z8_a_block_of_low_memory_serves_at_the_low_mark_of_high_memory),
        cmocka_unit_test(a_mask_with_dma32_keeps_below_its_limit),
        cmocka_unit_test(a_named_node_serves_first),
        cmocka_unit_test(any_node_means_this_cpus_first),
        cmocka_unit_test(a_huge_area_begins_at_a_multiple_of_two_mebibytes),
        cmocka_unit_test(an_area_is_found_by_any_address_in_it),
        cmocka_unit_test(live_areas_are_walked_in_order_with_the_size_asked_for),
        cmocka_unit_test(a_walk_names_the_kind_of_each_area_and_stops_when_told),
        cmocka_unit_test(the_record_of_an_area_leads_the_leak_scan_to_the_area),
        cmocka_unit_test(an_area_traced_anew_is_as_old_as_the_newest),
        cmocka_unit_test(counters_that_contradict_the_areas_are_reported),
        cmocka_unit_test(g_c3_vmalloc_in_interrupt_is_reported_and_fails),
        cmocka_unit_test(g_c3_vmalloc_under_a_spin_lock_is_reported_and_served_without_sleeping),
        cmocka_unit_test(vrealloc_keeps_the_contents_and_moves_only_when_it_must),
        cmocka_unit_test(what_vrealloc_gains_is_zero_with_gfp_zero),
        cmocka_unit_test(a_failed_vrealloc_leaves_the_area_as_it_was),
        cmocka_unit_test(vrealloc_of_what_is_no_vmalloc_memory_is_refused),
        cmocka_unit_test(areas_can_be_mapped_anew),
        cmocka_unit_test(who_names_no_node_has_its_cpu_s),
        cmocka_unit_test(each_zone_counts_its_pages_of_an_area),
        cmocka_unit_test(a_map_has_at_most_as_many_pages_as_the_machine),
    };
    return cmocka_run_group_tests_name("vmalloc", tests, NULL, NULL);
}
