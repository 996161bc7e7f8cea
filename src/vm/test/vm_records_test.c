/* SPDX-License-Identifier: MIT */
/* What the layer remembers of each area, and what it counts. */
#include "observe/observe.h"
#include "vm_support.h"
#include "vm/area.h"

static struct quarry *boot_recorded(const char *options)
{
    struct test_spec spec = {.pages = 2048, .options = options};
    struct quarry *q = test_boot_with(&spec);
    qr_reclaim_stop(&q->reclaim);
    return q;
}

static bool keep_live(const struct quarry_live *live, void *data)
{
    *(struct quarry_live *)data = *live;
    return true;
}

static void a_live_area_tells_what_was_asked_and_when_checked_by_whom(void **state)
{
    static const char *const options[] = {NULL, "check=1", "check=2"};
    for (unsigned int level = 0; level < QR_ARRAY_SIZE(options); level++) {
        struct quarry *q = boot_recorded(options[level]);
        struct quarry_live live = {0};
        u64 begun = qp_now_ns();
        void *area = qr_vmalloc(&q->vm, 5000, 0, GFP_NOFS | __GFP_ZERO, 0, NUMA_NO_NODE, "vmalloc");
        qr_vm_for_each_live(&q->vm, keep_live, &live);
        assert_int_equal(live.kind, QUARRY_LIVE_VMALLOC);
        assert_ptr_equal(live.address, area);
        assert_int_equal(live.size, 5000);
        assert_int_equal(live.gfp, GFP_NOFS | __GFP_ZERO);
        assert_false(live.lost);
        assert_null(live.cache);
        assert_int_equal(live.sequence > 0, level > 0);
        assert_int_equal(live.when_ns >= begun, level > 0);
        assert_int_equal(live.allocated.nr > 0, level > 0);
        assert_ptr_equal(qr_vrealloc(&q->vm, area, 6000, GFP_KERNEL), area);
        qr_vm_for_each_live(&q->vm, keep_live, &live);
        assert_int_equal(live.size, 6000);
        qr_vfree(&q->vm, area, false);
        test_end(q);
    }
}

/* Who names no node means this CPU's, also when an area is kept and found again. */
static void a_kept_area_serves_its_node_named_or_not(void **state)
{
    struct test_spec spec = {.pages = 4096, .profile = "nodes", .options = "vmalloc_cache=64"};
    struct quarry *q = test_boot_with(&spec);
    struct qr_cpu *cpu;

    qr_reclaim_stop(&q->reclaim);
    qp_percpu_leave(qp_percpu_enter(&q->cpus, &cpu));
    for (u32 nid = 0; nid < 2; nid++) {
        unsigned long hits = q->vm.cached.hits;
        void *area, *other;
        cpu->nid = nid;
        area = vm_get(q, 3);
        qr_vfree(&q->vm, area, false);
        assert_int_equal(q->vm.cached.nr, 1);
        assert_ptr_equal(vm_get(q, 3), area);
        assert_int_equal(q->vm.cached.hits, hits + 1);
        qr_vfree(&q->vm, area, false);
        other = qr_vmalloc(&q->vm, 3 * PAGE_SIZE, 0, GFP_KERNEL, 0, (int)!nid, "vmalloc_node");
        assert_ptr_not_equal(other, area);
        assert_int_equal(q->vm.cached.hits, hits + 1);
        assert_ptr_equal(
            qr_vmalloc(&q->vm, 3 * PAGE_SIZE, 0, GFP_KERNEL, 0, (int)nid, "vmalloc_node"), area);
        assert_int_equal(q->vm.cached.hits, hits + 2);
        qr_vfree(&q->vm, area, false);
        qr_vfree(&q->vm, other, false);
        qr_vm_purge(&q->vm);
    }
    cpu->nid = 0;
    test_end(q);
}

static void an_area_that_was_kept_is_wholly_its_next_owners(void **state)
{
    struct quarry *q = boot_recorded("vmalloc_cache=64");
    struct qr_vmalloc_request request = {.size = 9000,
                                         .gfp = GFP_KERNEL,
                                         .flags = VM_USERMAP,
                                         .nid = NUMA_NO_NODE,
                                         .what = "vmalloc_user",
                                         .caller = &request};
    struct quarry_live live = {0};
    void *area = qr_vmalloc_request(&q->vm, &request);
    assert_ptr_equal(qr_find_vm_area(&q->vm, area)->caller, &request);
    qr_vfree(&q->vm, area, false);
    request = (struct qr_vmalloc_request){
        .size = 10000, .gfp = GFP_NOIO, .nid = NUMA_NO_NODE, .what = "vmalloc", .caller = &live};
    assert_ptr_equal(qr_vmalloc_request(&q->vm, &request), area);
    qr_vm_for_each_live(&q->vm, keep_live, &live);
    assert_int_equal(live.size, 10000);
    assert_int_equal(live.gfp, GFP_NOIO);
    assert_int_equal(q->vm.cached.hits, 1);
    assert_int_equal(q->vm.cached.misses, 1);
    struct vm_struct *vm = qr_find_vm_area(&q->vm, area);
    assert_ptr_equal(vm->caller, &live);
    assert_int_equal(vm->flags, VM_ALLOC);
    assert_int_equal(vm->nr_pages, 3);
    assert_int_equal(vm->size, 4 * PAGE_SIZE);
    qr_vfree(&q->vm, area, false);
    assert_int_equal(q->vm.cached.nr, 1); /* by the longer way: it was looked up */
    assert_ptr_equal(vm_get(q, 3), area);
    qr_vfree(&q->vm, area, false); /* by the short one: what its last owner did is forgotten */
    assert_int_equal(q->vm.cached.hits, 2);
    test_end(q);
}

/* Masks that say more than how hard to try; and requests of a kind that others cannot serve. */
static void what_was_had_by_special_request_is_for_no_other(void **state)
{
    static const gfp_t special[] = {__GFP_DMA,         __GFP_DMA32,    __GFP_MOVABLE,
                                    __GFP_RECLAIMABLE, __GFP_THISNODE, __GFP_MEMALLOC,
                                    __GFP_COLD};
    static const gfp_t ordinary[] = {0,           __GFP_ZERO,    __GFP_HIGHMEM,       __GFP_NOWARN,
                                     __GFP_HIGH,  __GFP_NORETRY, __GFP_RETRY_MAYFAIL, __GFP_NOFAIL,
                                     __GFP_WRITE, __GFP_COMP};
    struct quarry *q = boot_recorded("vmalloc_cache=64");
    struct qr_vmalloc_request huge = {
        .size = PAGE_SIZE, .gfp = GFP_KERNEL, .huge = true, .what = "vmalloc_huge"};
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(special); i++) {
        qr_vfree(&q->vm, qr_vmalloc(&q->vm, 1, 0, GFP_KERNEL | special[i], 0, 0, "vmalloc"), false);
        if (q->vm.cached.nr || q->vm.cached.hits + q->vm.cached.misses)
            fail_msg("%#x is kept or looked for", special[i]);
    }
    qr_vfree(&q->vm, qr_vmalloc_request(&q->vm, &huge), false);
    qr_vfree(&q->vm, qr_vmalloc(&q->vm, 1, PAGE_SIZE, GFP_KERNEL, 0, 0, "vmalloc"), false);
    qr_vfree(&q->vm, qr_vmalloc(&q->vm, 1, 0, GFP_KERNEL, 0, 0, NULL), false); /* Quarry's own */
    assert_int_equal(q->vm.cached.nr, 0);
    assert_int_equal(q->vm.cached.hits + q->vm.cached.misses, 0);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(ordinary); i++) {
        qr_vfree(&q->vm, qr_vmalloc(&q->vm, 1, 0, GFP_KERNEL | ordinary[i], 0, 0, "vmalloc"),
                 false);
        assert_int_equal(q->vm.cached.nr, 1);
        assert_int_equal(q->vm.cached.hits, i);
    }
    assert_int_equal(q->vm.cached.misses, 1);
    test_end(q);
}

struct counts {
    unsigned long areas, pages;
    u64 bytes;
};

static void counts_are(struct quarry *q, const struct counts *before, unsigned long areas,
                       unsigned long pages)
{
    assert_int_equal(q->vm.nr_areas - before->areas, areas);
    assert_int_equal(q->vm.nr_pages - before->pages, pages);
    assert_int_equal(qr_live_bytes(q) - before->bytes, pages * PAGE_SIZE);
    assert_int_equal(qr_vm_check(&q->vm), 0);
}

static void every_kind_of_area_counts_and_those_that_were_made_count_their_pages(void **state)
{
    static const char *const options[] = {"vmalloc_cache=64", "vmalloc_cache=0"};
    for (unsigned int way = 0; way < QR_ARRAY_SIZE(options); way++) {
        struct quarry *q = boot_recorded(options[way]);
        struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
        struct counts before = {q->vm.nr_areas, q->vm.nr_pages, qr_live_bytes(q)};
        void *made, *shown, *ram;
        struct vm_struct *reserved, *own;
        made = qr_vmalloc(&q->vm, 5000, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
        counts_are(q, &before, 1, 2);
        shown = qr_vmap(&q->vm, &page, 1, VM_MAP, "vmap");
        counts_are(q, &before, 2, 2);
        ram = qr_vm_map_ram(&q->vm, &page, 1);
        counts_are(q, &before, 3, 2);
        reserved = qr_get_vm_area(&q->vm, 3 * PAGE_SIZE, VM_IOREMAP);
        counts_are(q, &before, 4, 2);
        own = qr_vm_reserve(&q->vm, 3 * PAGE_SIZE, GFP_KERNEL);
        counts_are(q, &before, 4, 2);
        made = qr_vrealloc(&q->vm, made, 8 * PAGE_SIZE, GFP_KERNEL);
        counts_are(q, &before, 4, 8);
        qr_free_vm_area(&q->vm, own);
        counts_are(q, &before, 4, 8);
        qr_free_vm_area(&q->vm, reserved);
        qr_vm_unmap_ram(&q->vm, ram, 1);
        qr_vunmap(&q->vm, shown, "vunmap");
        counts_are(q, &before, 1, 8);
        qr_vfree(&q->vm, made, true); /* put off, and nobody's all the same */
        counts_are(q, &before, 0, 0);
        made = vm_get(q, 8);
        counts_are(q, &before, 1, 8);
        qr_vfree(&q->vm, made, false);
        counts_are(q, &before, 0, 0);
        qr_vm_purge(&q->vm);
        qr_free_block(&q->zones, page, 0);
        test_end(q);
    }
}

/* Sizes that end a byte before a page, at it, and behind it. */
static void reserved_addresses_are_whole_pages_with_a_guard_behind_them(void **state)
{
    struct quarry *q = boot_recorded(NULL);
    const u64 before = q->vm.arena.free_pages;
    for (unsigned long size = PAGE_SIZE - 1; size <= PAGE_SIZE + 1; size++) {
        u64 pages = size > PAGE_SIZE ? 2 : 1;
        struct vm_struct *area = qr_get_vm_area(&q->vm, size, VM_IOREMAP);
        assert_int_equal(area->size, (pages + 1) * PAGE_SIZE);
        assert_int_equal(area->flags, VM_IOREMAP);
        assert_int_equal(before - q->vm.arena.free_pages, pages + 1);
        assert_non_null(area->caller);
        qr_free_vm_area(&q->vm, area);
        area = qr_get_vm_area(&q->vm, size, VM_IOREMAP | VM_NO_GUARD | VM_ALLOC | VM_MAP);
        assert_int_equal(area->size, pages * PAGE_SIZE);
        assert_int_equal(area->flags, VM_IOREMAP | VM_NO_GUARD); /* the others it is not */
        qr_free_vm_area(&q->vm, area);
        area = qr_vm_reserve(&q->vm, size, GFP_KERNEL);
        assert_int_equal(area->size, pages * PAGE_SIZE);
        assert_int_equal(before - q->vm.arena.free_pages, pages);
        qr_free_vm_area(&q->vm, area);
        assert_int_equal(q->vm.arena.free_pages, before);
    }
    test_end(q);
}

static void a_map_is_as_large_as_its_pages_and_of_the_callers_flags(void **state)
{
    struct quarry *q = boot_recorded("check=1");
    struct page *page[2] = {qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE),
                            qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE)};
    struct quarry_live live = {0};
    void *shown = qr_vmap(&q->vm, page, 2, VM_USERMAP | VM_ALLOC | VM_IOREMAP, "vmap");
    struct vm_struct *vm = qr_find_vm_area(&q->vm, shown);
    qr_vm_for_each_live(&q->vm, keep_live, &live);
    assert_int_equal(live.size, 2 * PAGE_SIZE);
    assert_int_equal(live.gfp, GFP_KERNEL);
    assert_int_equal(vm->flags, VM_MAP | VM_USERMAP);
    assert_int_equal(vm->size, 3 * PAGE_SIZE);
    assert_non_null(vm->caller);
    assert_null(vm->pages); /* the caller's array */
    assert_int_equal(vm->nr_pages, 0);
    qr_vunmap(&q->vm, shown, "vunmap");
    for (int i = 0; i < 2; i++)
        qr_free_block(&q->zones, page[i], 0);
    test_end(q);
}

static long site_bytes(const struct quarry *q, const void *caller, long *calls)
{
    for (u32 i = 0; i <= q->check.sites.mask; i++)
        if (q->check.sites.site[i].pc == caller) {
            *calls = (long)q->check.sites.site[i].calls;
            return (long)q->check.sites.site[i].bytes;
        }
    *calls = 0;
    return 0;
}

static void a_profile_counts_pages_and_calls_for_their_caller(void **state)
{
    struct quarry *q = boot_recorded("mem_profiling=1 vmalloc_cache=64");
    struct qr_vmalloc_request request = {.size = 9000,
                                         .gfp = GFP_KERNEL,
                                         .nid = NUMA_NO_NODE,
                                         .what = "vmalloc",
                                         .caller = &request};
    void *area[3];
    long calls;
    for (int i = 0; i < 3; i++) {
        area[i] = qr_vmalloc_request(&q->vm, &request);
        assert_int_equal(site_bytes(q, &request, &calls), 3 * (long)PAGE_SIZE * (i + 1));
        assert_int_equal(calls, i + 1);
    }
    qr_vfree(&q->vm, area[0], false);
    qr_vfree(&q->vm, area[1], true);
    assert_int_equal(site_bytes(q, &request, &calls), 3 * (long)PAGE_SIZE);
    assert_int_equal(calls, 1);
    qr_vfree(&q->vm, area[2], false);
    assert_int_equal(site_bytes(q, &request, &calls), 0);
    assert_int_equal(calls, 0);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_live_area_tells_what_was_asked_and_when_checked_by_whom),
        cmocka_unit_test(a_kept_area_serves_its_node_named_or_not),
        cmocka_unit_test(an_area_that_was_kept_is_wholly_its_next_owners),
        cmocka_unit_test(what_was_had_by_special_request_is_for_no_other),
        cmocka_unit_test(every_kind_of_area_counts_and_those_that_were_made_count_their_pages),
        cmocka_unit_test(reserved_addresses_are_whole_pages_with_a_guard_behind_them),
        cmocka_unit_test(a_map_is_as_large_as_its_pages_and_of_the_callers_flags),
        cmocka_unit_test(a_profile_counts_pages_and_calls_for_their_caller),
    };
    return cmocka_run_group_tests_name("records of vm", tests, NULL, NULL);
}
