/* SPDX-License-Identifier: MIT */
/* Giving areas back: wrong addresses (G-S8), contexts (G-C3), and the cache of areas that stay
 * mapped. */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#include "vm_support.h"

/* ---- wrong frees ----------------------------------------------------------------------------- */

/* Each of these is reported as @kind with @says in the text, and changes nothing. */
static void refuse(struct quarry *q, const void *address, enum quarry_finding kind,
                   const char *says)
{
    unsigned long before = test_findings(q, kind), areas = q->vm.nr_areas;
    qr_vfree(&q->vm, address, false);
    assert_int_equal(test_findings(q, kind), before + 1);
    if (!strstr(test_last_report, says))
        fail_msg("\"%s\" does not say \"%s\"", test_last_report, says);
    assert_int_equal(q->vm.nr_areas, areas);
}

static void g_s8_wrong_frees_change_nothing_and_say_what_the_address_is(void **state)
{
    struct test_spec spec = {.pages = 1024, .options = "vmalloc_cache=0"};
    struct quarry *q = test_boot_with(&spec);
    char *area = vm_get(q, 3), *gone = vm_get(q, 2), *heap = malloc(100);
    char *object = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 2, NUMA_NO_NODE);
    char stack[64];
    qr_vfree(&q->vm, gone, false);
    refuse(q, area + 1, QUARRY_BAD_FREE, "1 bytes inside");
    refuse(q, area + PAGE_SIZE, QUARRY_BAD_FREE, "4096 bytes inside");
    refuse(q, area + 3 * PAGE_SIZE, QUARRY_BAD_FREE, "guard page");
    refuse(q, gone, QUARRY_BAD_FREE, "no area is now");
    refuse(q, object, QUARRY_BAD_FREE, "kmalloc");
    refuse(q, object + 4, QUARRY_BAD_FREE, "kmalloc");
    refuse(q, qr_page_virt(&q->map, page), QUARRY_BAD_FREE, "allocated block of order 2");
    refuse(q, stack, QUARRY_BAD_FREE, "no memory of this machine");
    refuse(q, heap, QUARRY_BAD_FREE, "no memory of this machine");
    memset(area, 1, 3 * PAGE_SIZE); /* it is still there */
    qr_vfree(&q->vm, NULL, false);
    qr_vfree(&q->vm, area, false);
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    qr_free_block(&q->zones, page, 2);
    free(heap);
    test_end(q);
}

static void g_s8_a_second_vfree_is_recognised_while_the_area_is_kept(void **state)
{
    struct test_spec spec = {.pages = 1024, .options = "vmalloc_cache=256"};
    struct quarry *q = test_boot_with(&spec);
    char *area = vm_get(q, 3);
    refuse(q, area + 8, QUARRY_BAD_FREE, "8 bytes inside");
    qr_vfree(&q->vm, area, false);
    assert_int_equal(q->vm.cached.pages, 3);
    refuse(q, area, QUARRY_DOUBLE_FREE, "freed before");
    assert_int_equal(q->vm.cached.pages, 3);
    test_end(q);
}

static void nothing_is_freed_by_no_address(void **state)
{
    struct quarry *q = test_boot(256);
    struct vm_state before = vm_state_of(q);
    qr_vunmap(&q->vm, NULL, "vunmap");
    qr_vm_unmap_ram(&q->vm, NULL, 3);
    qr_free_vm_area(&q->vm, NULL);
    qr_vfree(&q->vm, NULL, false);
    qr_kvfree_sensitive(&q->vm, NULL, 100);
    qr_kvfree_sensitive(&q->vm, ZERO_SIZE_PTR, 100);
    assert_vm_state_is(q, before);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 0);
    test_end(q);
}

static void g_s8_an_address_in_a_kept_area_is_described(void **state)
{
    struct quarry *q = test_boot(1024);
    char *area = vm_get(q, 3);
    qr_reclaim_stop(&q->reclaim);
    qr_vfree(&q->vm, area, false);
    assert_int_equal(q->vm.cached.nr, 1);
    qr_report_bad_free(&q->zones, area + 8, "kfree");
    assert_non_null(strstr(test_last_report, "it is an address in an area that was freed before"));
    qr_vm_purge(&q->vm);
    qr_report_bad_free(&q->zones, area + 8, "kfree");
    assert_non_null(strstr(test_last_report, "a vmalloc address where no area is now"));
    refuse(q, area, QUARRY_BAD_FREE, "a vmalloc address where no area is now");
    test_end(q);
}

static void g_s8_the_wrong_call_is_refused(void **state)
{
    struct quarry *q = test_boot(1024);
    struct page *page[2];
    for (int i = 0; i < 2; i++)
        page[i] = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    void *made = vm_get(q, 2);
    void *mapped = qr_vmap(&q->vm, page, 2, VM_MAP, "vmap");
    void *ram = qr_vm_map_ram(&q->vm, page, 2);
    struct vm_struct *reserved = qr_get_vm_area(&q->vm, 100, VM_IOREMAP);
    refuse(q, mapped, QUARRY_BAD_FREE, "vunmap");
    refuse(q, ram, QUARRY_BAD_FREE, "vm_unmap_ram");
    refuse(q, reserved->addr, QUARRY_BAD_FREE, "free_vm_area");
    qr_vunmap(&q->vm, made, "vunmap");
    assert_non_null(strstr(test_last_report, "given back with vfree"));
    qr_vm_unmap_ram(&q->vm, ram, 1);
    assert_non_null(strstr(test_last_report, "count"));
    qr_vm_unmap_ram(&q->vm, ram, 0);
    assert_non_null(strstr(test_last_report, "count"));
    qr_vm_unmap_ram(&q->vm, (char *)ram + PAGE_SIZE, 2);
    assert_non_null(strstr(test_last_report, "4096 bytes inside the area"));
    qr_vm_unmap_ram(&q->vm, made, 2);
    assert_non_null(strstr(test_last_report, "given back with vfree"));
    qr_vm_unmap_ram(&q->vm, (char *)made + 64 * PAGE_SIZE, 2);
    assert_non_null(strstr(test_last_report, "no area is now"));
    qr_free_vm_area(&q->vm, qr_find_vm_area(&q->vm, made));
    assert_non_null(strstr(test_last_report, "given back with vfree"));
    qr_free_vm_area(&q->vm, qr_find_vm_area(&q->vm, mapped));
    assert_non_null(strstr(test_last_report, "given back with vunmap"));
    qr_kfree_slow(&q->kmalloc, made, "kfree");
    assert_int_equal(q->vm.nr_areas, 4);
    qr_vfree(&q->vm, made, false);
    qr_vunmap(&q->vm, mapped, "vunmap");
    qr_vm_unmap_ram(&q->vm, ram, 2);
    qr_free_vm_area(&q->vm, reserved);
    assert_int_equal(q->vm.nr_areas, 0);
    for (int i = 0; i < 2; i++)
        qr_free_block(&q->zones, page[i], 0);
    test_end(q);
}

/* ---- contexts -------------------------------------------------------------------------------- */

struct irq_free {
    struct quarry *q;
    void *area;
};

static void irq_vfree(void *data)
{
    struct irq_free *irq = data;
    qr_vfree(&irq->q->vm, irq->area, false);
}

static void g_c3_vfree_from_interrupt_is_put_off_without_a_report(void **state)
{
    struct quarry *q = test_boot(1024);
    qr_reclaim_stop(&q->reclaim);
    struct vm_state before = vm_state_of(q);
    struct irq_free irq = {q, vm_get(q, 3)};
    quarry_raise_irq(irq_vfree, &irq);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 0);
    assert_null(qr_find_vm_area(&q->vm, irq.area)); /* dead at once */
    assert_non_null(q->vm.deferred);
    refuse(q, irq.area, QUARRY_DOUBLE_FREE, "freed before");
    qr_vfree(&q->vm, vm_get(q, 1), false); /* the next call that may sleep finishes it */
    assert_null(q->vm.deferred);
    assert_vm_state_is(q, before);
    test_end(q);
}

static void g_c3_vfree_under_a_spin_lock_is_reported_and_put_off(void **state)
{
    struct quarry *q = test_boot(1024);
    qr_reclaim_stop(&q->reclaim);
    struct vm_state before = vm_state_of(q);
    void *area = vm_get(q, 3);
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    qr_vfree(&q->vm, area, false);
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 1);
    assert_non_null(strstr(test_last_report, "vfree"));
    assert_non_null(q->vm.deferred);
    assert_vm_state_is(q, before);
    test_end(q);
}

static void g_c3_vfree_atomic_is_put_off_everywhere(void **state)
{
    struct quarry *q = test_boot(1024);
    qr_reclaim_stop(&q->reclaim);
    struct vm_state before = vm_state_of(q);
    void *area[2] = {vm_get(q, 3), vm_get(q, 4)};
    qr_vfree(&q->vm, area[0], true);
    assert_non_null(q->vm.deferred);
    qr_vm_purge(&q->vm);
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    qr_vfree(&q->vm, area[1], true);
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 0);
    assert_int_equal(q->vm.nr_areas, 0);
    assert_non_null(q->vm.deferred);
    assert_vm_state_is(q, before);
    test_end(q);
}

static void a_common_vfree_finishes_what_was_put_off(void **state)
{
    struct test_spec spec = {.pages = 1024, .options = "vmalloc_cache=64"};
    struct quarry *q = test_boot_with(&spec);
    void *put_off = vm_get(q, 3), *area = vm_get(q, 4);
    qr_reclaim_stop(&q->reclaim);
    qr_vfree(&q->vm, put_off, true);
    assert_non_null(q->vm.deferred);
    qr_vfree(&q->vm, area, false); /* straight into the cache, and yet */
    assert_null(q->vm.deferred);
    assert_int_equal(q->vm.cached.nr, 2);
    test_end(q);
}

static void the_worker_finishes_what_was_put_off(void **state)
{
    struct quarry *q = test_boot(1024);
    for (int i = 0; i < 3; i++) { /* the first time it may be just about to look */
        void *area = vm_get(q, 3);
        usleep(20000);
        qr_vfree(&q->vm, area, true);
        while (__atomic_load_n(&q->vm.deferred, __ATOMIC_RELAXED))
            sched_yield();
    }
    test_end(q);
}

static void g_c3_vmap_and_vunmap_in_atomic_context_are_reported(void **state)
{
    struct quarry *q = test_boot(1024);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    qr_reclaim_stop(&q->reclaim);
    quarry_context_enter(QUARRY_CTX_PREEMPT_OFF);
    assert_null(qr_vmap(&q->vm, &page, 1, VM_MAP, "vmap"));
    quarry_context_leave(QUARRY_CTX_PREEMPT_OFF);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 1);
    void *mapped = qr_vmap(&q->vm, &page, 1, VM_MAP, "vmap");
    quarry_context_enter(QUARRY_CTX_PREEMPT_OFF);
    qr_vunmap(&q->vm, mapped, "vunmap");
    quarry_context_leave(QUARRY_CTX_PREEMPT_OFF);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 2);
    assert_null(qr_find_vm_area(&q->vm, mapped));
    void *ram = qr_vm_map_ram(&q->vm, &page, 1);
    quarry_context_enter(QUARRY_CTX_PREEMPT_OFF);
    assert_null(qr_get_vm_area(&q->vm, PAGE_SIZE, VM_IOREMAP));
    qr_vm_unmap_ram(&q->vm, ram, 1);
    quarry_context_leave(QUARRY_CTX_PREEMPT_OFF);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 4);
    qr_vm_unmap_ram(&q->vm, ram, 1); /* put off, and dead all the same */
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);
    qr_vm_purge(&q->vm);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

/* ---- pages with another holder --------------------------------------------------------------- */

static void a_page_with_another_holder_outlives_its_area(void **state)
{
    struct test_spec spec = {.pages = 1024, .options = "vmalloc_cache=256"};
    struct quarry *q = test_boot_with(&spec);
    for (int way = 0; way < 2; way++) {
        char *area = vm_get(q, 3);
        struct page *page = way ? qr_find_vm_area(&q->vm, area)->pages[1]
                                : qr_vmalloc_page(&q->vm, area + PAGE_SIZE);
        memset(area, 5, 3 * PAGE_SIZE);
        qr_get_page(&q->zones, page, "get_page");
        qr_vfree(&q->vm, area, false);
        assert_int_equal(q->vm.cached.pages, 0); /* not kept: the next owner would share it */
        assert_int_equal(page_ref_count(page), 1);
        assert_int_equal(*(char *)qr_page_virt(&q->map, page), 5);
        qr_put_page(&q->zones, page, "put_page");
    }
    test_end(q);
}

/* ---- the cache ------------------------------------------------------------------------------- */

static struct quarry *boot_cached(void)
{
    struct test_spec spec = {.pages = 2048, .options = "vmalloc_cache=64"};
    return test_boot_with(&spec);
}

static void a_freed_area_is_handed_out_again_mapped_and_all(void **state)
{
    struct quarry *q = boot_cached();
    char *area = vm_get(q, 5);
    memset(area, 3, 5 * PAGE_SIZE);
    qr_vfree(&q->vm, area, false);
    assert_int_equal(q->vm.cached.pages, 5);
    assert_int_equal(q->vm.nr_areas, 0);
    assert_null(qr_find_vm_area(&q->vm, area));
    assert_null(qr_vmalloc_page(&q->vm, area));
    assert_ptr_not_equal(vm_get(q, 4), area); /* another size does not fit */
    assert_ptr_equal(vm_get(q, 5), area);
    assert_int_equal(q->vm.cached.hits, 1);
    assert_int_equal(q->vm.cached.pages, 0);
    assert_int_equal(area[5 * PAGE_SIZE - 1], 3);
    assert_ptr_equal(qr_find_vm_area(&q->vm, area)->addr, area);
    test_end(q);
}

static void a_kept_area_of_another_size_does_not_serve(void **state)
{
    struct test_spec spec = {.pages = 2048, .options = "vmalloc_cache=512"};
    struct quarry *q = test_boot_with(&spec);
    void *area = vm_get(q, 5);
    qr_vfree(&q->vm, area, false);
    for (unsigned long pages = 1; pages < 140; pages++) { /* those of the same bin */
        if (pages % 64 != 5 || pages == 5)
            continue;
        void *other = vm_get(q, pages);
        assert_ptr_not_equal(other, area);
        assert_int_equal(qr_find_vm_area(&q->vm, other)->nr_pages, pages);
        qr_vfree(&q->vm, other, false);
    }
    assert_ptr_equal(vm_get(q, 5), area);
    test_end(q);
}

static void g_e7_a_kept_area_is_zeroed_when_asked(void **state)
{
    struct quarry *q = boot_cached();
    char *area = vm_get(q, 5);
    memset(area, 3, 5 * PAGE_SIZE);
    qr_vfree(&q->vm, area, false);
    assert_ptr_equal(qr_vmalloc(&q->vm, 4 * PAGE_SIZE + 1, 0, GFP_KERNEL | __GFP_ZERO, VM_USERMAP,
                                NUMA_NO_NODE, "vmalloc_user"),
                     area);
    for (unsigned int i = 0; i < 5 * PAGE_SIZE; i++)
        assert_int_equal(area[i], 0);
    assert_int_equal(qr_find_vm_area(&q->vm, area)->flags, VM_ALLOC | VM_USERMAP);
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

static void only_areas_of_the_default_mask_are_kept(void **state)
{
    static const gfp_t masks[] = {GFP_KERNEL | __GFP_DMA32, GFP_KERNEL | __GFP_DMA,
                                  GFP_KERNEL | __GFP_THISNODE, GFP_KERNEL | __GFP_MEMALLOC};
    struct quarry *q = boot_cached();
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(masks); i++) {
        void *area = qr_vmalloc(&q->vm, PAGE_SIZE, 0, masks[i], 0, 0, "vmalloc");
        assert_non_null(area);
        qr_vfree(&q->vm, area, false);
        assert_int_equal(q->vm.cached.nr, 0);
    }
    void *aligned = qr_vmalloc(&q->vm, PAGE_SIZE, 1 << 16, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    qr_vfree(&q->vm, aligned, false);
    assert_int_equal(q->vm.cached.nr, 0);
    qr_vfree(&q->vm, qr_vmalloc(&q->vm, 1, 0, GFP_NOFS, 0, NUMA_NO_NODE, "vmalloc"), false);
    assert_int_equal(q->vm.cached.nr, 1);
    test_end(q);
}

static void the_cache_is_bounded_and_the_oldest_goes_first(void **state)
{
    struct quarry *q = boot_cached();
    void *area[5];
    for (int i = 0; i < 5; i++)
        area[i] = vm_get(q, 20);
    for (int i = 0; i < 5; i++) {
        qr_vfree(&q->vm, area[i], false);
        assert_true(q->vm.cached.pages <= 64);
    }
    assert_int_equal(q->vm.cached.nr, 3);
    assert_ptr_equal(vm_get(q, 20), area[4]);
    assert_ptr_equal(vm_get(q, 20), area[3]);
    assert_ptr_equal(vm_get(q, 20), area[2]);
    void *large = vm_get(q, 60); /* more than half of the cache is not worth keeping */
    qr_vfree(&q->vm, large, false);
    assert_int_equal(q->vm.cached.nr, 0);
    test_end(q);
}

static void the_cache_keeps_what_it_may_to_the_last_page(void **state)
{
    struct quarry *q = boot_cached();
    void *area[4];
    qr_reclaim_stop(&q->reclaim);
    for (int i = 0; i < 4; i++)
        area[i] = vm_get(q, 16);
    for (int i = 0; i < 4; i++)
        qr_vfree(&q->vm, area[i], false);
    assert_int_equal(q->vm.cached.pages, 64); /* full, and nothing more than full */
    for (int looked_up = 0; looked_up < 2; looked_up++)
        for (unsigned long pages = 32; pages < 34; pages++) {
            qr_vm_purge(&q->vm);
            area[0] = vm_get(q, pages);
            if (looked_up) /* such a one takes the longer way into the cache */
                assert_non_null(qr_find_vm_area(&q->vm, area[0]));
            qr_vfree(&q->vm, area[0], false);
            assert_int_equal(q->vm.cached.nr, pages == 32); /* half of the cache at most */
        }
    test_end(q);
}

static void the_cache_keeps_no_more_than_1024_areas(void **state)
{
    struct test_spec spec = {.pages = 8192, .options = "vmalloc_cache=4096"};
    struct quarry *q = test_boot_with(&spec);
    static void *area[1030];
    qr_reclaim_stop(&q->reclaim);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(area); i++)
        area[i] = vm_get(q, 1);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(area); i++) {
        qr_vfree(&q->vm, area[i], false);
        assert_int_equal(q->vm.cached.nr, QR_MIN(i + 1, 1024u));
    }
    assert_true(vm_faults(area[5])); /* the oldest went first */
    assert_false(vm_faults(area[6]));
    assert_int_equal(qr_vm_check(&q->vm), 0);
    test_end(q);
}

static void the_cache_is_off_in_debugging_modes_and_by_option(void **state)
{
    static const char *const options[] = {"check=1",         "vmalloc_cache=0", "init_on_free=1",
                                          "init_on_alloc=1", "page_poison=1",   "slab_debug=F"};
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(options); i++) {
        struct test_spec spec = {.pages = 2048, .options = options[i]};
        struct quarry *q = test_boot_with(&spec);
        char *area = vm_get(q, 5);
        qr_vfree(&q->vm, area, false);
        assert_int_equal(q->vm.cached.nr, 0);
        assert_true(vm_faults(area)); /* a use after vfree */
        test_end(q);
    }
}

static void kept_areas_serve_only_their_node(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "nodes", .options = "vmalloc_cache=64"};
    struct quarry *q = test_boot_with(&spec);
    void *far = qr_vmalloc(&q->vm, 5 * PAGE_SIZE, 0, GFP_KERNEL, 0, 1, "vmalloc_node");
    qr_vfree(&q->vm, far, false);
    assert_int_equal(q->vm.cached.nr, 1);
    void *near = qr_vmalloc(&q->vm, 5 * PAGE_SIZE, 0, GFP_KERNEL, 0, 0, "vmalloc_node");
    assert_ptr_not_equal(near, far);
    assert_ptr_equal(qr_vmalloc(&q->vm, 5 * PAGE_SIZE, 0, GFP_KERNEL, 0, 1, "vmalloc_node"), far);
    for (int nid = 0; nid < 2; nid++) { /* the smallest one, too */
        assert_int_equal(q->vm.cached.nr, nid);
        qr_vfree(&q->vm, qr_vmalloc(&q->vm, 1, 0, GFP_KERNEL, 0, nid, "vmalloc_node"), false);
        assert_int_equal(q->vm.cached.nr, nid + 1);
    }
    test_end(q);
}

static void an_area_whose_pages_lie_on_another_node_is_not_kept(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "nodes", .options = "vmalloc_cache=64"};
    struct quarry *q = test_boot_with(&spec);
    static struct vm_held held;
    void *area;
    qr_reclaim_stop(&q->reclaim);
    while ((held.page[held.nr] = qr_alloc_pages(
                &q->zones, GFP_NOWAIT | __GFP_THISNODE | __GFP_NOWARN | __GFP_MEMALLOC, 0, 1)))
        held.nr++;
    area = qr_vmalloc(&q->vm, 5 * PAGE_SIZE, 0, GFP_KERNEL, 0, 1, "vmalloc_node");
    assert_non_null(area);
    qr_vfree(&q->vm, area, false);
    assert_int_equal(q->vm.cached.nr, 0); /* the next one on that node shall have near pages */
    vm_release(q, &held);
    area = qr_vmalloc(&q->vm, 5 * PAGE_SIZE, 0, GFP_KERNEL, 0, 1, "vmalloc_node");
    qr_vfree(&q->vm, area, false);
    assert_int_equal(q->vm.cached.nr, 1);
    test_end(q);
}

static void reclaim_takes_kept_areas_back(void **state)
{
    struct quarry *q = boot_cached();
    void *area[3];
    for (int i = 0; i < 3; i++)
        area[i] = vm_get(q, 20);
    for (int i = 0; i < 3; i++)
        qr_vfree(&q->vm, area[i], false);
    assert_int_equal(q->vm.cached.pages, 60);
    assert_true(q->vm.source.shrink(q->vm.source.data, 5, false) == 0);
    assert_int_equal(q->vm.source.shrink(q->vm.source.data, 5, true), 20);
    assert_true(vm_faults(area[0])); /* the oldest */
    assert_false(vm_faults(area[2]));
    assert_int_equal(qr_vm_purge(&q->vm), 40);
    assert_int_equal(q->vm.cached.nr, 0);
    test_end(q);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void *crowd_main(void *data)
{
    struct quarry *q = data;
    u64 seed = (u64)(uintptr_t)&seed;
    char *area[8] = {0};
    unsigned long pages[8] = {0};
    for (int i = 0; i < 4000; i++) {
        unsigned int k = (unsigned int)(qr_random(&seed) % 8);
        if (!area[k]) {
            pages[k] = 1 + qr_random(&seed) % 12;
            area[k] = vm_get(q, pages[k]);
            if (!area[k])
                return data;
            for (unsigned long p = 0; p < pages[k]; p++)
                *(void **)(area[k] + p * PAGE_SIZE) = area[k] + p;
            continue;
        }
        for (unsigned long p = 0; p < pages[k]; p++)
            if (*(void **)(area[k] + p * PAGE_SIZE) != area[k] + p ||
                !qr_vmalloc_page(&q->vm, area[k] + p * PAGE_SIZE + 77))
                return data;
        qr_vfree(&q->vm, area[k], i % 16 == 0);
        area[k] = NULL;
    }
    for (int k = 0; k < 8; k++)
        qr_vfree(&q->vm, area[k], false);
    return NULL;
}

static void threads_share_the_window_and_the_cache(void **state)
{
    static const char *const options[] = {"vmalloc_cache=128", "vmalloc_cache=0"};
    for (unsigned int round = 0; round < 2; round++) {
        struct test_spec spec = {.pages = 4096, .options = options[round]};
        struct quarry *q = test_boot_with(&spec);
        pthread_t thread[6];
        for (int i = 0; i < 6; i++)
            pthread_create(&thread[i], NULL, crowd_main, q);
        for (int i = 0; i < 6; i++) {
            void *failed;
            pthread_join(thread[i], &failed);
            assert_null(failed);
        }
        qr_vm_purge(&q->vm);
        assert_int_equal(q->vm.nr_areas, 0);
        test_end(q);
    }
}

static void what_was_put_off_is_done_when_an_area_is_kept(void **state)
{
    struct test_spec spec = {.pages = 2048, .options = "vmalloc_cache=64"};
    struct quarry *q = test_boot_with(&spec);
    void *late = qr_vmalloc(&q->vm, PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    void *area = qr_vmalloc(&q->vm, PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");

    qr_reclaim_stop(&q->reclaim); /* nobody else does it */
    qr_vfree(&q->vm, late, true);
    assert_non_null(q->vm.deferred);
    qr_vfree(&q->vm, area, false);
    assert_true(q->vm.cached.pages > 0);
    assert_null(q->vm.deferred);
    test_end(q);
}

/* Areas are kept where nothing asks for cleared or watched memory. */
static void how_many_pages_are_kept_follows_the_options(void **state)
{
    static const struct {
        const char *options;
        unsigned long limit;
    } kept[] = {{"vmalloc_cache=7", 7}, {"vmalloc_cache=0", 0},         {"check=1", 0},
                {"init_on_alloc=1", 0}, {"init_on_free=1", 0},          {"page_poison=1", 0},
                {"slab_debug=F", 0},    {"vmalloc_cache=7 check=1", 0}, {NULL, ~0ul}};

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(kept); i++) {
        struct test_spec spec = {.pages = 2048, .options = kept[i].options};
        struct quarry *q = test_boot_with(&spec);
        unsigned long limit =
            kept[i].options ? kept[i].limit : (unsigned long)q->zones.totalram / 64;
        if (q->vm.cached.limit != limit)
            fail_msg("%s: %lu", kept[i].options ? kept[i].options : "-", q->vm.cached.limit);
        test_end(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g_s8_wrong_frees_change_nothing_and_say_what_the_address_is),
        cmocka_unit_test(g_s8_a_second_vfree_is_recognised_while_the_area_is_kept),
        cmocka_unit_test(nothing_is_freed_by_no_address),
        cmocka_unit_test(g_s8_an_address_in_a_kept_area_is_described),
        cmocka_unit_test(g_s8_the_wrong_call_is_refused),
        cmocka_unit_test(g_c3_vfree_from_interrupt_is_put_off_without_a_report),
        cmocka_unit_test(g_c3_vfree_under_a_spin_lock_is_reported_and_put_off),
        cmocka_unit_test(g_c3_vfree_atomic_is_put_off_everywhere),
        cmocka_unit_test(a_common_vfree_finishes_what_was_put_off),
        cmocka_unit_test(the_worker_finishes_what_was_put_off),
        cmocka_unit_test(g_c3_vmap_and_vunmap_in_atomic_context_are_reported),
        cmocka_unit_test(a_page_with_another_holder_outlives_its_area),
        cmocka_unit_test(a_freed_area_is_handed_out_again_mapped_and_all),
        cmocka_unit_test(a_kept_area_of_another_size_does_not_serve),
        cmocka_unit_test(g_e7_a_kept_area_is_zeroed_when_asked),
        cmocka_unit_test(only_areas_of_the_default_mask_are_kept),
        cmocka_unit_test(the_cache_is_bounded_and_the_oldest_goes_first),
        cmocka_unit_test(the_cache_keeps_what_it_may_to_the_last_page),
        cmocka_unit_test(the_cache_keeps_no_more_than_1024_areas),
        cmocka_unit_test(the_cache_is_off_in_debugging_modes_and_by_option),
        cmocka_unit_test(kept_areas_serve_only_their_node),
        cmocka_unit_test(an_area_whose_pages_lie_on_another_node_is_not_kept),
        cmocka_unit_test(reclaim_takes_kept_areas_back),
        cmocka_unit_test(threads_share_the_window_and_the_cache),
        cmocka_unit_test(what_was_put_off_is_done_when_an_area_is_kept),
        cmocka_unit_test(how_many_pages_are_kept_follows_the_options),
    };
    return cmocka_run_group_tests_name("vfree", tests, NULL, NULL);
}
