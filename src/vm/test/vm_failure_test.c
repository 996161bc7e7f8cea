/* SPDX-License-Identifier: MIT */
/* Every inner failure of vmalloc and vmap, one at a time: nothing leaks, and the state is as before.
 *
 * The port's qp_map is linked through a wrapper (-Wl,--wrap=qp_map), so that any call of it can be
 * made to fail; it also counts the calls, which is what a request costs. */
#include "vm_support.h"
#include "console.h"
#include "wrapped_port.h"

static unsigned long map_calls, map_fails_at; /* 0: never; else from this call on */
static bool map_fails_once;
static char *map_first; /* what the first call since map_reset mapped */

int __wrap_qp_map(uintptr_t offset, void *virt, phys_addr_t phys, size_t nr)
{
    if (!map_calls++)
        map_first = virt;
    if (map_fails_at && (map_fails_once ? map_calls == map_fails_at : map_calls >= map_fails_at))
        return -12;
    return __real_qp_map(offset, virt, phys, nr);
}

static void map_reset(unsigned long fails_at, bool once)
{
    map_calls = 0;
    map_fails_at = fails_at;
    map_fails_once = once;
}

/* A machine whose free memory lies in single pages, so that an area of n pages is n runs. */
static struct quarry *boot_scattered(struct vm_held *held)
{
    struct test_spec spec = {.pages = 2048, .options = "vmalloc_cache=0"};
    struct quarry *q = test_boot_with(&spec);
    qr_reclaim_stop(&q->reclaim);
    qr_vfree(&q->vm, vm_get(q, 300), false); /* records and arrays are warm */
    vm_hold_all(q, held, GFP_ATOMIC | __GFP_MEMALLOC);
    vm_release_odd(q, held);
    return q;
}

static struct vm_held held_pages;

/* ---- what a request costs -------------------------------------------------------------------- */

static void long_physical_runs_are_mapped_with_one_call(void **state)
{
    struct test_spec spec = {.pages = 8192, .options = "vmalloc_cache=0"};
    struct quarry *q = test_boot_with(&spec);
    static const unsigned int pages[] = {1, 2, 4, 8, 64, 512, 1024};
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(pages); i++) {
        map_reset(0, false);
        void *area = vm_get(q, pages[i]);
        assert_non_null(area);
        if (map_calls > 1 + pages[i] / 128)
            fail_msg("%u pages of a fresh machine took %lu calls", pages[i], map_calls);
        qr_vfree(&q->vm, area, false);
    }
    test_end(q);
}

static void scattered_pages_are_mapped_each_at_its_place(void **state)
{
    struct quarry *q = boot_scattered(&held_pages);
    map_reset(0, false);
    char *area = vm_get(q, 40);
    assert_int_equal(map_calls, 40);
    for (unsigned int i = 0; i < 40; i++)
        area[i * PAGE_SIZE] = (char)(i + 1);
    for (unsigned int i = 0; i < 40; i++)
        assert_int_equal(
            *(char *)qr_page_virt(&q->map, qr_vmalloc_page(&q->vm, area + i * PAGE_SIZE)), i + 1);
    qr_vfree(&q->vm, area, false);
    vm_release(q, &held_pages);
    test_end(q);
}

/* ---- the mapping fails ----------------------------------------------------------------------- */

static void a_mapping_that_fails_at_any_run_is_undone(void **state)
{
    struct quarry *q = boot_scattered(&held_pages);
    struct vm_state before = vm_state_of(q);
    for (unsigned long at = 1; at <= 9; at++) {
        map_reset(at, false);
        assert_null(vm_get(q, 9));
        assert_true(vm_faults(map_first)); /* what was mapped before is unmapped again */
        map_reset(0, false);
        assert_vm_state_is(q, before);
    }
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 9);
    assert_non_null(strstr(test_last_report, "page tables"));
    vm_release(q, &held_pages);
    test_end(q);
}

static void a_vmap_whose_mapping_fails_at_any_run_is_undone(void **state)
{
    struct quarry *q = boot_scattered(&held_pages);
    struct page *page[9];
    for (int i = 0; i < 9; i++)
        page[i] = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    struct vm_state before = vm_state_of(q);
    for (unsigned long at = 1; at <= 9; at++) {
        map_reset(at, false);
        assert_null(qr_vmap(&q->vm, page, 9, VM_MAP | VM_MAP_PUT_PAGES, "vmap"));
        assert_true(vm_faults(map_first));
        map_reset(0, false);
        assert_vm_state_is(q, before);
        for (int i = 0; i < 9; i++) /* still the caller's */
            assert_int_equal(page_ref_count(page[i]), 1);
    }
    for (int i = 0; i < 9; i++)
        qr_free_block(&q->zones, page[i], 0);
    vm_release(q, &held_pages);
    test_end(q);
}

static bool count_live(const struct quarry_live *live, void *data)
{
    ++*(unsigned int *)data;
    return true;
}

static void the_array_of_a_large_area_may_be_an_area_nobody_sees(void **state)
{
    struct quarry *q = boot_scattered(&held_pages);
    struct vm_state before = vm_state_of(q);
    unsigned int seen = 0;
    void *area = vm_get(q, 600); /* its array needs two pages, and no two are neighbours */
    assert_non_null(area);
    assert_true(qr_vm_contains(&q->vm, qr_find_vm_area(&q->vm, area)->pages));
    qr_vm_for_each_live(&q->vm, count_live, &seen);
    assert_int_equal(seen, 1);
    assert_int_equal(q->vm.nr_areas, 1);
    assert_int_equal(q->vm.nr_pages, 600);
    assert_int_equal(qr_vm_check(&q->vm), 0);
    qr_vfree(&q->vm, area, false);
    assert_vm_state_is(q, before);
    vm_release(q, &held_pages);
    test_end(q);
}

static void a_mapping_that_fails_once_succeeds_after_the_cache_gave_way(void **state)
{
    struct test_spec spec = {.pages = 2048, .options = "vmalloc_cache=64"};
    struct quarry *q = test_boot_with(&spec);
    void *kept = vm_get(q, 3);
    qr_vfree(&q->vm, kept, false);
    assert_int_equal(q->vm.cached.nr, 1);
    map_reset(1, true);
    void *area = vm_get(q, 9);
    map_reset(0, false);
    assert_non_null(area);
    assert_int_equal(q->vm.cached.nr, 0);
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

/* A machine with one kept area of three pages. */
static struct quarry *boot_kept(void)
{
    struct test_spec spec = {.pages = 2048, .options = "vmalloc_cache=64"};
    struct quarry *q = test_boot_with(&spec);
    qr_reclaim_stop(&q->reclaim);
    qr_vfree(&q->vm, vm_get(q, 3), false);
    assert_int_equal(q->vm.cached.nr, 1);
    return q;
}

static void a_mapping_that_fails_again_after_the_cache_gave_way_is_undone(void **state)
{
    struct quarry *q = boot_kept();
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    struct vm_state before = vm_state_of(q);
    void *shown;
    for (int vmap = 0; vmap < 2; vmap++) {
        map_reset(0, false);
        qr_vfree(&q->vm, vm_get(q, 3), false);
        assert_int_equal(q->vm.cached.nr, 1);
        map_reset(1, false);
        assert_null(vmap ? qr_vmap(&q->vm, &page, 1, VM_MAP, "vmap") : vm_get(q, 9));
        assert_int_equal(map_calls, 2);
        assert_int_equal(q->vm.cached.nr, 0);
        assert_vm_state_is(q, before);
    }
    map_reset(0, false);
    qr_vfree(&q->vm, vm_get(q, 3), false);
    map_reset(1, true); /* the second try of vmap is enough, too */
    shown = qr_vmap(&q->vm, &page, 1, VM_MAP, "vmap");
    map_reset(0, false);
    assert_non_null(shown);
    assert_int_equal(q->vm.cached.nr, 0);
    qr_vunmap(&q->vm, shown, "vunmap");
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

static void who_may_not_reclaim_fails_at_once_and_leaves_the_cache_alone(void **state)
{
    static const gfp_t masks[] = {GFP_NOWAIT, GFP_NOWAIT | __GFP_NOFAIL};
    struct quarry *q = boot_kept();
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(masks); i++) {
        map_reset(1, false);
        assert_null(qr_vmalloc(&q->vm, 9 * PAGE_SIZE, 0, masks[i], 0, NUMA_NO_NODE, "__vmalloc"));
        assert_int_equal(map_calls, 1);
        assert_int_equal(q->vm.cached.nr, 1);
    }
    map_reset(0, false);
    test_end(q);
}

static void g_e5_a_request_that_must_not_fail_tries_until_the_mapping_succeeds(void **state)
{
    struct quarry *q = boot_scattered(&held_pages);
    map_reset(3, true);
    void *area = qr_vmalloc(&q->vm, 9 * PAGE_SIZE, 0, GFP_KERNEL | __GFP_NOFAIL, 0, NUMA_NO_NODE,
                            "__vmalloc");
    assert_non_null(area);
    assert_true(map_calls > 9);
    qr_vfree(&q->vm, area, false);
    vm_release(q, &held_pages);
    test_end(q);
}

/* ---- the memory runs out --------------------------------------------------------------------- */

static void memory_that_runs_out_at_any_page_is_given_back(void **state)
{
    struct quarry *q = boot_scattered(&held_pages);
    struct vm_state before;
    vm_release(q, &held_pages);
    before = vm_state_of(q);
    for (unsigned int left = 0; left < 60; left++) {
        vm_hold_all(q, &held_pages, GFP_ATOMIC | __GFP_HIGHMEM);
        for (unsigned int i = 0; i < left; i++)
            qr_free_block(&q->zones, held_pages.page[--held_pages.nr], 0);
        void *area = qr_vmalloc(&q->vm, 64 * PAGE_SIZE, 0, GFP_KERNEL | __GFP_NORETRY, 0,
                                NUMA_NO_NODE, "__vmalloc");
        assert_null(area);
        vm_release(q, &held_pages);
        assert_vm_state_is(q, before);
    }
    test_end(q);
}

/* Arm @point to fail the nth allocation, or from the nth on, and run @try until it is not reached
 * any more. @try returns what it made, or NULL. */
static void failure_loop(struct quarry *q, enum quarry_fault_point point, bool persistent,
                         void *(*try)(struct quarry *q), void (*undo)(struct quarry *q, void *made))
{
    unsigned long failures = 0;
    undo(q, try(q)); /* warm */
    struct vm_state before = vm_state_of(q);
    for (unsigned long nth = 1;; nth++) {
        struct quarry_fault fault = {.nth = nth, .persistent = persistent};
        assert_int_equal(qr_fault_set(&q->faults, point, &fault), 0);
        void *made = try(q);
        unsigned long failed = qr_fault_failed(&q->faults, point);
        assert_int_equal(qr_fault_set(&q->faults, point, NULL), 0);
        if (made)
            undo(q, made);
        assert_vm_state_is(q, before);
        if (!failed)
            break;
        failures++;
        assert_true(nth < 5000);
    }
    assert_true(failures > 0);
}

static void *try_large(struct quarry *q)
{
    return vm_get(q, 90);
}

static void *try_small(struct quarry *q)
{
    return vm_get(q, 3);
}

static void undo_vfree(struct quarry *q, void *made)
{
    qr_vfree(&q->vm, made, false);
}

static struct page *mapped_page[70];

static void *try_vmap(struct quarry *q)
{
    return qr_vmap(&q->vm, mapped_page, QR_ARRAY_SIZE(mapped_page), VM_MAP, "vmap");
}

static void undo_vunmap(struct quarry *q, void *made)
{
    qr_vunmap(&q->vm, made, "vunmap");
}

static void *try_vrealloc(struct quarry *q)
{
    char *area = vm_get(q, 2), *larger;
    if (!area)
        return NULL;
    memset(area, 4, 2 * PAGE_SIZE);
    larger = qr_vrealloc(&q->vm, area, 30 * PAGE_SIZE, GFP_KERNEL);
    if (!larger)
        assert_int_equal(area[2 * PAGE_SIZE - 1], 4);
    return larger ? larger : area;
}

static void every_failure_inside_leaves_the_state_as_it_was(void **state)
{
    struct quarry *q = boot_scattered(&held_pages);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(mapped_page); i++)
        mapped_page[i] = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    for (int persistent = 0; persistent < 2; persistent++) {
        failure_loop(q, QUARRY_FAIL_PAGE_ALLOC, persistent, try_large, undo_vfree);
        failure_loop(q, QUARRY_FAIL_PAGE_ALLOC, persistent, try_small, undo_vfree);
        failure_loop(q, QUARRY_FAIL_VMALLOC, persistent, try_large, undo_vfree);
        failure_loop(q, QUARRY_FAIL_VMALLOC, persistent, try_vmap, undo_vunmap);
        failure_loop(q, QUARRY_FAIL_PAGE_ALLOC, persistent, try_vmap, undo_vunmap);
        failure_loop(q, QUARRY_FAIL_VMALLOC, persistent, try_vrealloc, undo_vfree);
        failure_loop(q, QUARRY_FAIL_PAGE_ALLOC, persistent, try_vrealloc, undo_vfree);
    }
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(mapped_page); i++)
        qr_free_block(&q->zones, mapped_page[i], 0);
    vm_release(q, &held_pages);
    test_end(q);
}

/* ---- the addresses run out ------------------------------------------------------------------- */

static void a_full_window_fails_and_a_freed_area_makes_room_again(void **state)
{
    struct quarry *q = test_boot(1024);
    struct vm_struct *all[4];
    u64 window = (q->machine.vmalloc_end - q->machine.vmalloc_start) >> PAGE_SHIFT;
    struct vm_state before = vm_state_of(q);
    for (int i = 0; i < 4; i++) /* all but a page or so */
        all[i] = qr_get_vm_area(&q->vm, (window / 4 - 1) * PAGE_SIZE, VM_IOREMAP);
    assert_non_null(all[3]);
    assert_null(vm_get(q, 9));
    assert_non_null(strstr(test_last_report, "addresses"));
    qr_free_vm_area(&q->vm, all[0]);
    void *area = vm_get(q, 9);
    assert_non_null(area);
    qr_vfree(&q->vm, area, false);
    for (int i = 1; i < 4; i++)
        qr_free_vm_area(&q->vm, all[i]);
    assert_vm_state_is(q, before);
    test_end(q);
}

static void kept_areas_give_their_addresses_to_who_needs_them(void **state)
{
    struct test_spec spec = {.pages = 1024, .options = "vmalloc_cache=512"};
    struct quarry *q = test_boot_with(&spec);
    u64 window = (q->machine.vmalloc_end - q->machine.vmalloc_start) >> PAGE_SHIFT;
    qr_reclaim_stop(&q->reclaim);
    void *kept = vm_get(q, 200);
    struct vm_struct *rest = qr_get_vm_area(&q->vm, (window - 201 - 1) * PAGE_SIZE, VM_IOREMAP);
    assert_non_null(rest);
    qr_vfree(&q->vm, kept, false);
    assert_int_equal(q->vm.cached.nr, 1);
    void *area = vm_get(q, 100);
    assert_non_null(area);
    assert_int_equal(q->vm.cached.nr, 0);
    qr_vfree(&q->vm, area, false);
    qr_free_vm_area(&q->vm, rest);
    test_end(q);
}

/* A machine whose window has @left pages of addresses that nobody has; the rest is *@taken. */
static struct quarry *boot_narrow(u64 left, struct vm_struct **taken)
{
    struct test_spec spec = {.pages = 2048, .options = "vmalloc_cache=512"};
    struct quarry *q = test_boot_with(&spec);
    u64 window = (q->machine.vmalloc_end - q->machine.vmalloc_start) >> PAGE_SHIFT;
    qr_reclaim_stop(&q->reclaim);
    *taken = qr_get_vm_area(&q->vm, (window - left) * PAGE_SIZE, VM_IOREMAP | VM_NO_GUARD);
    assert_non_null(*taken);
    return q;
}

static void a_full_window_fails_every_call_that_wants_addresses(void **state)
{
    struct vm_struct *taken;
    struct quarry *q = boot_narrow(0, &taken);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    struct vm_state before = vm_state_of(q);
    struct vm_struct *reserved;
    void *address;
    assert_null(qr_vmap(&q->vm, &page, 1, VM_MAP, "vmap"));
    assert_non_null(strstr(test_last_report, "no free range of addresses is long enough"));
    assert_null(qr_get_vm_area(&q->vm, PAGE_SIZE, VM_IOREMAP));
    assert_ptr_equal(strstr(test_last_report, "get_vm_area"), test_last_report);
    assert_non_null(strstr(test_last_report, "2 pages")); /* with the guard behind it */
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 2);
    assert_null(qr_vm_reserve(&q->vm, PAGE_SIZE, GFP_KERNEL)); /* its caller says so */
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 2);
    assert_vm_state_is(q, before);
    qr_free_vm_area(&q->vm, taken);
    address = qr_vmap(&q->vm, &page, 1, VM_MAP, "vmap");
    reserved = qr_vm_reserve(&q->vm, PAGE_SIZE, GFP_KERNEL);
    assert_non_null(address);
    assert_non_null(reserved);
    qr_vunmap(&q->vm, address, "vunmap");
    qr_free_vm_area(&q->vm, reserved);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

static void kept_areas_give_their_addresses_to_vmap_and_get_vm_area_too(void **state)
{
    struct vm_struct *taken, *area = NULL;
    struct quarry *q = boot_narrow(101, &taken);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    void *mapped;
    qr_vfree(&q->vm, vm_get(q, 100), false);
    assert_int_equal(q->vm.cached.nr, 1);
    mapped = qr_vmap(&q->vm, &page, 1, VM_MAP, "vmap");
    assert_non_null(mapped);
    assert_int_equal(q->vm.cached.nr, 0);
    qr_vunmap(&q->vm, mapped, "vunmap");
    qr_vfree(&q->vm, vm_get(q, 100), false);
    assert_int_equal(q->vm.cached.nr, 1);
    area = qr_get_vm_area(&q->vm, 50 * PAGE_SIZE, VM_IOREMAP);
    assert_non_null(area);
    assert_int_equal(q->vm.cached.nr, 0);
    qr_free_vm_area(&q->vm, area);
    qr_free_vm_area(&q->vm, taken);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

static void kept_areas_that_are_too_short_give_way_in_vain(void **state)
{
    struct vm_struct *taken;
    struct quarry *q = boot_narrow(101, &taken);
    struct page *page[120];
    struct vm_state before = vm_state_of(q);
    page[0] = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    for (unsigned int i = 1; i < QR_ARRAY_SIZE(page); i++)
        page[i] = page[0];
    for (int call = 0; call < 4; call++) {
        qr_vfree(&q->vm, vm_get(q, 100), false);
        assert_int_equal(q->vm.cached.nr, 1);
        if (call == 0)
            assert_null(
                qr_vmalloc(&q->vm, 120 * PAGE_SIZE, 0, GFP_NOWAIT, 0, NUMA_NO_NODE, "vmalloc"));
        else if (call == 1)
            assert_null(vm_get(q, 120));
        else if (call == 2)
            assert_null(qr_vmap(&q->vm, page, 120, VM_MAP, "vmap"));
        else
            assert_null(qr_get_vm_area(&q->vm, 120 * PAGE_SIZE, VM_IOREMAP));
        assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), call); /* GFP_NOWAIT: no word */
        assert_int_equal(q->vm.cached.nr, call == 0); /* who may not wait takes nothing apart */
        assert_int_equal(qr_vm_purge(&q->vm), call == 0 ? 100 : 0);
    }
    assert_non_null(strstr(test_last_report, "no free range of addresses is long enough"));
    qr_free_block(&q->zones, page[0], 0);
    assert_vm_state_is(q, before);
    qr_free_vm_area(&q->vm, taken);
    test_end(q);
}

static void more_addresses_than_can_be_told_are_refused(void **state)
{
    struct quarry *q = test_boot(1024);
    assert_null(qr_get_vm_area(&q->vm, 1ul << 60, VM_IOREMAP));
    assert_non_null(
        strstr(test_last_report, "4294967295 pages")); /* as many as the report can say */
    assert_non_null(strstr(test_last_report, "addresses"));
    test_end(q);
}

/* No gap of the window holds a large alignment, but one holds the pages. */
static void a_huge_area_does_without_its_alignment_when_no_place_has_it(void **state)
{
    const u64 large = QR_BLOCK_PAGES << PAGE_SHIFT;
    struct test_spec spec = {.pages = 4096, .options = "vmalloc_cache=0"};
    struct quarry *q = test_boot_with(&spec);
    uintptr_t start = q->machine.vmalloc_start, end = q->machine.vmalloc_end;
    uintptr_t gap = QR_ALIGN_UP(start, large) + PAGE_SIZE, gap_end = gap + 600 * PAGE_SIZE;
    struct qr_vmalloc_request request = {.size = large,
                                         .gfp = GFP_KERNEL,
                                         .nid = NUMA_NO_NODE,
                                         .huge = true,
                                         .what = "vmalloc_huge"};
    struct vm_struct *area[3];
    void *got;
    area[0] = qr_get_vm_area(&q->vm, gap - start, VM_IOREMAP | VM_NO_GUARD);
    area[1] = qr_get_vm_area(&q->vm, gap_end - gap, VM_IOREMAP | VM_NO_GUARD);
    area[2] = qr_get_vm_area(&q->vm, end - gap_end, VM_IOREMAP | VM_NO_GUARD);
    assert_ptr_equal(area[1]->addr, gap);
    qr_free_vm_area(&q->vm, area[1]);
    got = qr_vmalloc_request(&q->vm, &request);
    assert_ptr_equal(got, gap);
    qr_vfree(&q->vm, got, false);
    request.align = large; /* the caller's own wish is kept */
    assert_null(qr_vmalloc_request(&q->vm, &request));
    request.align = 0;
    got = vm_get(q, 200); /* now no gap holds the pages */
    assert_ptr_equal(got, gap);
    assert_null(qr_vmalloc_request(&q->vm, &request));
    assert_non_null(strstr(test_last_report, "vmalloc_huge of"));
    qr_vfree(&q->vm, got, false);
    qr_free_vm_area(&q->vm, area[0]);
    qr_free_vm_area(&q->vm, area[2]);
    test_end(q);
}

static void a_failure_that_is_printed_shows_the_memory_too(void **state)
{
    struct vm_struct *taken;
    struct quarry *q = boot_narrow(0, &taken);
    struct test_console console;
    quarry_report_fn hook = q->check.hook;
    void *area;
    q->check.hook = NULL;
    test_console_begin(&console);
    area = vm_get(q, 9);
    test_console_end(&console);
    q->check.hook = hook;
    assert_null(area);
    assert_non_null(strstr(console.text, "vmalloc of 36864 bytes"));
    assert_non_null(strstr(console.text, "Mem-Info: "));
    qr_free_vm_area(&q->vm, taken);
    test_end(q);
}

static void without_memory_for_a_record_there_is_no_area(void **state)
{
    static struct vm_struct *area[4096];
    struct quarry *q = test_boot(1024);
    struct vm_state before = vm_state_of(q);
    unsigned int nr = 0;
    vm_hold_all(q, &held_pages, GFP_ATOMIC | __GFP_MEMALLOC);
    while (nr < QR_ARRAY_SIZE(area) && (area[nr] = qr_get_vm_area(&q->vm, PAGE_SIZE, VM_IOREMAP)))
        nr++;
    assert_true(nr < QR_ARRAY_SIZE(area));
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 1);
    assert_non_null(strstr(test_last_report, "get_vm_area of 2 pages failed: no memory for"));
    assert_null(qr_vm_reserve(&q->vm, PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN));
    vm_release(q, &held_pages);
    while (nr-- > 0)
        qr_free_vm_area(&q->vm, area[nr]);
    assert_vm_state_is(q, before);
    test_end(q);
}

/* Each split of a free range may need two tags: with one, or none, there is no area. */
static void without_memory_for_tags_there_is_no_area(void **state)
{
    struct quarry *q = test_boot(1024);
    struct kmem_cache *tags = q->vm.range_cache;
    static void *tag[4096];
    unsigned int nr = 0;
    qr_reclaim_stop(&q->reclaim);
    struct vm_struct *other = qr_get_vm_area(&q->vm, PAGE_SIZE, VM_IOREMAP);
    struct vm_state before = vm_state_of(q); /* beside its record lie others */
    vm_hold_all(q, &held_pages, GFP_ATOMIC | __GFP_MEMALLOC);
    while ((tag[nr] = qr_cache_alloc_slow(tags, GFP_NOWAIT | __GFP_NOWARN, NUMA_NO_NODE)))
        nr++;
    for (unsigned int left = 0; left < 2; left++) {
        unsigned long free_pages = q->vm.arena.free_pages;
        assert_null(qr_get_vm_area(&q->vm, PAGE_SIZE, VM_IOREMAP));
        assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), left + 1);
        assert_non_null(strstr(test_last_report, "no memory for the record of its addresses"));
        assert_int_equal(q->vm.arena.free_pages, free_pages);
        assert_int_equal(q->vm.nr_areas, 1);
        qr_cache_free_slow(&q->slabs, tags, tag[--nr], "test");
    }
    struct vm_struct *area = qr_get_vm_area(&q->vm, PAGE_SIZE, VM_IOREMAP); /* two are enough */
    assert_non_null(area);
    qr_free_vm_area(&q->vm, area);
    while (nr)
        qr_cache_free_slow(&q->slabs, tags, tag[--nr], "test");
    vm_release(q, &held_pages);
    assert_vm_state_is(q, before);
    qr_free_vm_area(&q->vm, other);
    test_end(q);
}

static void areas_and_windows_that_cannot_be_mapped_anew_are_told(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    struct page *page = qr_alloc_pages(&q->zones, GFP_HIGHUSER, 0, NUMA_NO_NODE);
    char *area = vm_get(q, 3), *mapped = qr_kmap(&q->kmaps, page);
    area[PAGE_SIZE] = 7;
    mapped[0] = 8;
    map_reset(1, false);
    assert_int_equal(qr_vm_remap_all(&q->vm), -QR_ENOMEM);
    assert_int_equal(qr_kmaps_remap_all(&q->kmaps), -QR_ENOMEM);
    map_reset(0, false);
    assert_int_equal(qr_vm_remap_all(&q->vm), 0);
    assert_int_equal(qr_kmaps_remap_all(&q->kmaps), 0);
    assert_int_equal(area[PAGE_SIZE], 7);
    assert_int_equal(mapped[0], 8);
    qr_kunmap(&q->kmaps, page);
    qr_vfree(&q->vm, area, false);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

static void kmap_without_page_tables_is_reported_and_tried_anew(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    struct page *page = qr_alloc_pages(&q->zones, GFP_HIGHUSER, 0, NUMA_NO_NODE);
    map_reset(1, false);
    assert_null(qr_kmap(&q->kmaps, page));
    assert_non_null(strstr(test_last_report, "kmap: the machine has no room for its page tables"));
    assert_int_equal(qr_kmaps_check(&q->kmaps), 0);
    map_reset(0, false);
    assert_non_null(qr_kmap(&q->kmaps, page));
    qr_kunmap(&q->kmaps, page);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

/* ---- vmap ------------------------------------------------------------------------------------ */

static void vmap_shows_the_callers_pages_and_leaves_them_to_the_caller(void **state)
{
    struct quarry *q = test_boot(1024);
    struct vm_state before = vm_state_of(q);
    struct page *page[6];
    for (int i = 0; i < 6; i++)
        page[i] = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    struct page *order[6] = {page[5], page[1], page[1], page[0], page[2], page[3]};
    /* volatile: two of the addresses below are the same memory, which a compiler cannot know */
    volatile char *mapped = qr_vmap(&q->vm, order, 6, VM_MAP, "vmap");
    assert_non_null(mapped);
    for (int i = 0; i < 6; i++)
        mapped[i * PAGE_SIZE] = (char)(10 + i);
    assert_int_equal(mapped[PAGE_SIZE], 12); /* one page, mapped twice */
    assert_int_equal(*(volatile char *)qr_page_virt(&q->map, page[5]), 10);
    assert_int_equal(*(volatile char *)qr_page_virt(&q->map, page[3]), 15);
    assert_ptr_equal(qr_vmalloc_page(&q->vm, (char *)mapped + 3 * PAGE_SIZE + 9), page[0]);
    assert_int_equal(q->vm.nr_pages, 0); /* not vmalloc's pages */
    qr_vunmap(&q->vm, (char *)mapped, "vunmap");
    assert_true(vm_faults((char *)mapped));
    for (int i = 0; i < 6; i++) {
        assert_int_equal(page_ref_count(page[i]), 1);
        qr_free_block(&q->zones, page[i], 0);
    }
    assert_vm_state_is(q, before);
    test_end(q);
}

static void vmap_takes_pages_and_array_over_when_told_to(void **state)
{
    struct quarry *q = test_boot(1024);
    struct vm_state before = vm_state_of(q);
    for (int large = 0; large < 2; large++) {
        struct page **page =
            large ? vm_get(q, 1)
                  : qr_kmalloc_slow(&q->kmalloc, 4 * sizeof(*page), GFP_KERNEL, NUMA_NO_NODE);
        for (int i = 0; i < 4; i++)
            page[i] = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
        char *mapped = qr_vmap(&q->vm, page, 4, VM_MAP | VM_MAP_PUT_PAGES, "vmap");
        assert_non_null(mapped);
        assert_ptr_equal(qr_find_vm_area(&q->vm, mapped)->pages, page);
        memset(mapped, 1, 4 * PAGE_SIZE);
        qr_vunmap(&q->vm, mapped, "vunmap"); /* undoes the mapping and nothing else */
        assert_int_equal(page_ref_count(page[3]), 1);
        mapped = qr_vmap(&q->vm, page, 4, VM_MAP | VM_MAP_PUT_PAGES, "vmap");
        qr_vfree(&q->vm, mapped, false);
    }
    assert_vm_state_is(q, before);
    test_end(q);
}

static void vmap_refuses_what_is_no_page(void **state)
{
    struct quarry *q = test_boot(1024);
    struct vm_state before = vm_state_of(q);
    struct page *good = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    struct page *bad[3][2] = {{good, NULL}, {(struct page *)&before, good}, {good + 100000, good}};
    for (int i = 0; i < 3; i++)
        assert_null(qr_vmap(&q->vm, bad[i], 2, VM_MAP, "vmap"));
    assert_null(qr_vmap(&q->vm, bad[0], 0, VM_MAP, "vmap"));
    assert_null(qr_vmap(&q->vm, NULL, 2, VM_MAP, "vmap"));
    assert_null(qr_vmap(&q->vm, bad[0], 1u << 30, VM_MAP, "vmap"));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 6);
    qr_free_block(&q->zones, good, 0);
    assert_vm_state_is(q, before);
    test_end(q);
}

static void a_reserved_range_has_addresses_but_no_pages(void **state)
{
    struct quarry *q = test_boot(1024);
    struct vm_state before = vm_state_of(q);
    struct vm_struct *area = qr_get_vm_area(&q->vm, 5000, VM_IOREMAP);
    struct vm_struct *bare = qr_get_vm_area(&q->vm, 5000, VM_IOREMAP | VM_NO_GUARD);
    assert_int_equal(area->size, 3 * PAGE_SIZE);
    assert_int_equal(bare->size, 2 * PAGE_SIZE);
    assert_ptr_equal(qr_find_vm_area(&q->vm, area->addr), area);
    assert_null(qr_vmalloc_page(&q->vm, area->addr));
    assert_true(vm_faults(area->addr));
    assert_null(qr_get_vm_area(&q->vm, 0, VM_IOREMAP));
    assert_null(qr_get_vm_area(&q->vm, ~0ul, VM_IOREMAP));
    qr_free_vm_area(&q->vm, area);
    qr_free_vm_area(&q->vm, bare);
    qr_free_vm_area(&q->vm, NULL);
    assert_vm_state_is(q, before);
    test_end(q);
}

/* ---- kmap_local ------------------------------------------------------------------------------ */

static void kmap_local_without_page_tables_is_reported_and_changes_nothing(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    struct page *page = qr_alloc_pages(&q->zones, GFP_HIGHUSER, 0, NUMA_NO_NODE);
    struct page *low = qr_alloc_pages(&q->zones, GFP_KERNEL | __GFP_ZERO, 0, NUMA_NO_NODE);
    char buffer[4] = "abc";
    struct page *other = qr_alloc_pages(&q->zones, GFP_HIGHUSER, 0, NUMA_NO_NODE);
    u32 free_slot = q->kmaps.fixmap_free;
    map_reset(1, false);
    assert_null(qr_kmap_local(&q->kmaps, page));
    assert_non_null(strstr(test_last_report, "page tables"));
    qr_page_read(&q->kmaps, buffer, page, 0, 4, "memcpy_from_page");
    assert_string_equal(buffer, "abc");
    qr_page_write(&q->kmaps, page, 0, "abcd", 4, "memcpy_to_page");
    qr_page_fill(&q->kmaps, page, 0, 1, 4, "memset_page");
    qr_page_copy(&q->kmaps, page, 0, low, 0, 4, "memcpy_page"); /* the target cannot be had */
    memset(qr_page_virt(&q->map, low), 7, 4);
    qr_page_copy(&q->kmaps, low, 0, page, 0, 4, "memcpy_page"); /* the source cannot be had */
    assert_int_equal(*(char *)qr_page_virt(&q->map, low), 7);
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 6);
    map_reset(2, false);
    qr_page_copy(&q->kmaps, page, 0, other, 0, 4, "memcpy_page"); /* the target only */
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 7);
    assert_int_equal(qp_task()->kmap_local, 0); /* and is undone */
    assert_int_equal(q->kmaps.fixmap_free, free_slot);
    map_reset(0, false);
    qr_page_fill(&q->kmaps, page, 0, 9, 4, "memset_page");
    qr_page_read(&q->kmaps, buffer, page, 0, 4, "memcpy_from_page");
    assert_int_equal(buffer[3], 9);
    qr_free_block(&q->zones, page, 0);
    qr_free_block(&q->zones, other, 0);
    qr_free_block(&q->zones, low, 0);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_physical_runs_are_mapped_with_one_call),
        cmocka_unit_test(scattered_pages_are_mapped_each_at_its_place),
        cmocka_unit_test(a_mapping_that_fails_at_any_run_is_undone),
        cmocka_unit_test(a_vmap_whose_mapping_fails_at_any_run_is_undone),
        cmocka_unit_test(the_array_of_a_large_area_may_be_an_area_nobody_sees),
        cmocka_unit_test(a_mapping_that_fails_once_succeeds_after_the_cache_gave_way),
        cmocka_unit_test(a_mapping_that_fails_again_after_the_cache_gave_way_is_undone),
        cmocka_unit_test(who_may_not_reclaim_fails_at_once_and_leaves_the_cache_alone),
        cmocka_unit_test(g_e5_a_request_that_must_not_fail_tries_until_the_mapping_succeeds),
        cmocka_unit_test(memory_that_runs_out_at_any_page_is_given_back),
        cmocka_unit_test(every_failure_inside_leaves_the_state_as_it_was),
        cmocka_unit_test(a_full_window_fails_and_a_freed_area_makes_room_again),
        cmocka_unit_test(kept_areas_give_their_addresses_to_who_needs_them),
        cmocka_unit_test(a_full_window_fails_every_call_that_wants_addresses),
        cmocka_unit_test(kept_areas_give_their_addresses_to_vmap_and_get_vm_area_too),
        cmocka_unit_test(kept_areas_that_are_too_short_give_way_in_vain),
        cmocka_unit_test(more_addresses_than_can_be_told_are_refused),
        cmocka_unit_test(a_huge_area_does_without_its_alignment_when_no_place_has_it),
        cmocka_unit_test(a_failure_that_is_printed_shows_the_memory_too),
        cmocka_unit_test(without_memory_for_a_record_there_is_no_area),
        cmocka_unit_test(without_memory_for_tags_there_is_no_area),
        cmocka_unit_test(areas_and_windows_that_cannot_be_mapped_anew_are_told),
        cmocka_unit_test(kmap_without_page_tables_is_reported_and_tried_anew),
        cmocka_unit_test(vmap_shows_the_callers_pages_and_leaves_them_to_the_caller),
        cmocka_unit_test(vmap_takes_pages_and_array_over_when_told_to),
        cmocka_unit_test(vmap_refuses_what_is_no_page),
        cmocka_unit_test(a_reserved_range_has_addresses_but_no_pages),
        cmocka_unit_test(kmap_local_without_page_tables_is_reported_and_changes_nothing),
    };
    return cmocka_run_group_tests_name("vm failures", tests, NULL, NULL);
}
