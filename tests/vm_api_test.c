/* SPDX-License-Identifier: MIT */
/* The public calls of vmalloc.h, highmem.h, mempool.h and shrinker.h on the default machine, in both
 * generations' forms. What they promise in depth is tested beside src/vm, src/pool and src/reclaim;
 * here each name is called once and does what it says. */
#include "machine.h"
#include <quarry/quarry.h>
#include <quarry/highmem.h>
#include <quarry/mempool.h>
#include <quarry/shrinker.h>
#include <quarry/vmalloc.h>

static unsigned long findings;

static bool count_finding(const struct quarry_report *report, void *data)
{
    findings += report->kind != QUARRY_OUT_OF_MEMORY;
    return false;
}

static int quiet_setup(void **state)
{
    findings = 0;
    quarry_set_report_hook(count_finding, NULL);
    return 0;
}

static int quiet_teardown(void **state)
{
    quarry_set_report_hook(NULL, NULL);
    assert_int_equal(quarry_check_all(), 0);
    return 0;
}

static bool is_zero(const char *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (p[i])
            return false;
    return true;
}

/* ---- vmalloc --------------------------------------------------------------------------------- */

static void free_as_today(void *area)
{
    vfree(area);
}

static void free_as_in_26(void *area)
{
    quarry_vfree_26(area);
}

static void g_c3_vfree_in_interrupt_is_reported_with_the_26_api_only(void **state)
{
    void *today = vmalloc(PAGE_SIZE), *then = vmalloc(PAGE_SIZE);

    quarry_raise_irq(free_as_today, today);
    assert_int_equal(findings, 0);
    quarry_raise_irq(free_as_in_26, then);
    assert_int_equal(findings, 1);
    vm_unmap_aliases();
    assert_null(find_vm_area(then)); /* put off, not lost */
    quarry_vfree_26(vmalloc(PAGE_SIZE));
    assert_int_equal(findings, 1); /* nothing wrong with it in process context */
}

static void every_form_of_vmalloc_gives_memory_in_the_window(void **state)
{
    pgprot_t prot = PAGE_KERNEL;
    char *area[] = {vmalloc(10000),
                    vzalloc(10000),
                    vmalloc_user(10000),
                    vmalloc_32(10000),
                    vmalloc_32_user(10000),
                    vmalloc_node(10000, 0),
                    vzalloc_node(10000, 0),
                    vmalloc_huge(10000, GFP_KERNEL),
                    vmalloc_array(100, 100),
                    vcalloc(100, 100),
                    __vmalloc(10000, GFP_KERNEL),
                    __vmalloc(10000, GFP_KERNEL | __GFP_ZERO, prot),
                    __vmalloc_node(10000, 1, GFP_KERNEL, NUMA_NO_NODE, NULL),
                    __vmalloc_node(10000, 8192, GFP_NOFS, prot, NUMA_NO_NODE, NULL)};
    const bool zeroed[] = {0, 1, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0};
    unsigned long pages = vmalloc_nr_pages();
    assert_true(pages >= 3 * QR_ARRAY_SIZE(area));
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(area); i++) {
        assert_non_null(area[i]);
        assert_true(is_vmalloc_addr(area[i]) && is_vmalloc_or_module_addr(area[i] + 9999));
        assert_true((unsigned long)area[i] >= VMALLOC_START &&
                    (unsigned long)area[i] < VMALLOC_END);
        assert_true(!zeroed[i] || is_zero(area[i], 10000));
        memset(area[i], 0x5a, 10000);
        assert_int_equal(find_vm_area(area[i])->nr_pages, 3);
        assert_int_equal(vmalloc_to_pfn(area[i] + 5000),
                         page_to_pfn(vmalloc_to_page(area[i] + 5000)));
    }
    assert_int_equal((uintptr_t)area[13] & 8191, 0);
    assert_true(find_vm_area(area[2])->flags & VM_USERMAP);
    assert_true(page_to_phys(vmalloc_to_page(area[3])) < 1ull << 32);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(area); i++)
        (i & 1 ? vfree_atomic : vfree)(area[i]);
    vfree(NULL);
    vfree_atomic(NULL);
    vm_unmap_aliases();
    assert_int_equal(vmalloc_nr_pages(), pages - 3 * QR_ARRAY_SIZE(area));
    assert_false(is_vmalloc_addr(&pages));
    assert_null(vmalloc_to_page(area[0]));
    assert_int_equal(findings, 0);
}

static void g_s5_arrays_whose_size_overflows_are_refused(void **state)
{
    assert_null(vmalloc_array(~0ul / 2, 3));
    assert_null(vcalloc(~0ul / 2, 3));
    assert_int_equal(findings, 0);
}

static void the_caller_of_an_area_is_noted(void **state)
{
    char *area = vmalloc(100);
    const char *caller = find_vm_area(area)->caller;
    const char *here = (const char *)(uintptr_t)the_caller_of_an_area_is_noted;
    assert_true(caller > here && caller < here + 4096);
    vfree(area);
}

static void areas_over_pages_and_reserved_ranges_come_and_go(void **state)
{
    pgprot_t prot = PAGE_KERNEL;
    struct page *page[3];
    for (int i = 0; i < 3; i++)
        page[i] = alloc_page(GFP_HIGHUSER);
    char *mapped = vmap(page, 3, VM_MAP, prot);
    char *three = vm_map_ram(page, 3, NUMA_NO_NODE), *four = vm_map_ram(page, 3, -1, prot);
    assert_true(mapped && three && four);
    memcpy(mapped + PAGE_SIZE, "once", 5);
    assert_string_equal(three + PAGE_SIZE, "once");
    assert_string_equal(four + PAGE_SIZE, "once");
    vunmap(mapped);
    vm_unmap_ram(three, 3);
    vm_unmap_ram(four, 3);
    vunmap(NULL);
    struct vm_struct *reserved = get_vm_area(PAGE_SIZE, VM_IOREMAP);
    assert_non_null(reserved);
    free_vm_area(reserved);
    for (int i = 0; i < 3; i++)
        __free_page(page[i]);
    assert_int_equal(findings, 0);
}

static void vrealloc_resizes(void **state)
{
    char *area = vrealloc(NULL, 100, GFP_KERNEL | __GFP_ZERO);
    strcpy(area, "kept");
    area = vrealloc(area, 100000, GFP_KERNEL | __GFP_ZERO);
    assert_string_equal(area, "kept");
    assert_true(is_zero(area + 5, 100000 - 5));
    assert_null(vrealloc(area, 0, GFP_KERNEL));
    assert_int_equal(findings, 0);
}

/* ---- high memory ----------------------------------------------------------------------------- */

static void pages_are_mapped_and_their_contents_moved(void **state)
{
    struct page *one = alloc_page(GFP_HIGHUSER), *two = alloc_page(GFP_HIGHUSER);
    char buffer[16] = "";
    char *lasting = kmap(one), *local = kmap_local_page(one);
    strcpy(lasting, "text");
    assert_string_equal(local, "text");
    kunmap_local(local);
    kunmap(one);
    copy_highpage(two, one);
    memcpy_to_page(two, 4, "ual", 4);
    memcpy_from_page(buffer, two, 0, 8);
    assert_string_equal(buffer, "textual");
    memcpy_page(one, 10, two, 0, 8);
    memset_page(one, 0, 'x', 10);
    memcpy_from_page(buffer, one, 9, 8);
    assert_memory_equal(buffer, "xtextual", 8);
    memzero_page(one, 9, 2);
    memcpy_from_page(buffer, one, 9, 3);
    assert_memory_equal(buffer, "\0\0e", 3);
    clear_highpage(two);
    local = kmap_local_page(two);
    assert_true(is_zero(local, PAGE_SIZE));
    kunmap_local(local);
    __free_page(one);
    __free_page(two);
    assert_int_equal(findings, 0);
}

static void kmap_atomic_makes_the_context_atomic_until_it_is_undone(void **state)
{
    struct page *page = alloc_page(GFP_HIGHUSER);
    char *outer = kmap_atomic(page), *inner = kmap_atomic(page, KM_USER0);
    assert_true(outer && inner);
    assert_true(quarry_in_atomic());
    kunmap_atomic(inner, KM_USER0);
    assert_true(quarry_in_atomic());
    kunmap_atomic(outer);
    assert_false(quarry_in_atomic());
    __free_page(page);
    assert_int_equal(findings, 0);
}

static void what_is_no_page_is_refused(void **state)
{
    struct page *nowhere = (struct page *)(uintptr_t)64;
    assert_null(kmap(nowhere));
    assert_null(kmap_local_page(NULL));
    assert_null(kmap_atomic(nowhere));
    assert_false(quarry_in_atomic());
    kunmap(nowhere);
    clear_highpage(NULL);
    kunmap_local(&nowhere);
    assert_int_equal(findings, 6);
}

/* ---- pools ----------------------------------------------------------------------------------- */

static void pools_over_every_allocator_give_and_take(void **state)
{
    struct kmem_cache *cache = kmem_cache_create("pool_test", 48, 0, 0, NULL);
    mempool_t in_place,
        *pool[] = {
            mempool_create_slab_pool(2, cache), mempool_create_kmalloc_pool(2, 100),
            mempool_create_kvmalloc_pool(2, 100000), mempool_create_page_pool(2, 1),
            mempool_create_node(2, mempool_kmalloc, mempool_kfree, (void *)64, GFP_KERNEL, 0)};
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(pool); i++) {
        assert_non_null(pool[i]);
        assert_true(mempool_is_saturated(pool[i]));
        void *usual = mempool_alloc(pool[i], GFP_KERNEL);
        void *kept = mempool_alloc_preallocated(pool[i]);
        assert_true(usual && kept && usual != kept);
        assert_int_equal(pool[i]->curr_nr, 1);
        mempool_free(kept, pool[i]);
        mempool_free(usual, pool[i]);
        mempool_free(NULL, pool[i]);
        assert_true(mempool_is_saturated(pool[i]));
        assert_int_equal(mempool_resize(pool[i], 5), 0);
        assert_int_equal(pool[i]->curr_nr, 5);
        mempool_destroy(pool[i]);
    }
    mempool_destroy(NULL);
    assert_int_equal(mempool_init_slab_pool(&in_place, 3, cache), 0);
    mempool_exit(&in_place);
    assert_int_equal(mempool_init_kmalloc_pool(&in_place, 3, 10), 0);
    mempool_exit(&in_place);
    assert_int_equal(mempool_init_kvmalloc_pool(&in_place, 3, 10), 0);
    mempool_exit(&in_place);
    assert_int_equal(mempool_init_page_pool(&in_place, 3, 0), 0);
    assert_true(mempool_initialized(&in_place));
    mempool_exit(&in_place);
    assert_false(mempool_initialized(&in_place));
    mempool_exit(&in_place); /* twice is as good as once */
    kmem_cache_destroy(cache);
    assert_int_equal(findings, 0);
}

static void g_c3_a_pool_made_in_atomic_context_is_reported_once(void **state)
{
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    mempool_t *pool = mempool_create_kmalloc_pool(2, 100);
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(findings, 1);
    mempool_destroy(pool);
    assert_null(mempool_create_kmalloc_pool(-1, 100));
    assert_int_equal(findings, 2);
}

/* ---- shrinkers ------------------------------------------------------------------------------- */

static unsigned long counted;

static unsigned long count_some(struct shrinker *shrinker, struct shrink_control *control)
{
    counted++;
    return SHRINK_EMPTY;
}

static unsigned long scan_some(struct shrinker *shrinker, struct shrink_control *control)
{
    return SHRINK_STOP;
}

static void reclaim_something(void)
{
    qr_reclaim_round(&quarry_default.reclaim, GFP_KERNEL, 1, NUMA_NO_NODE, QR_EFFORT_ALL);
}

static void shrinkers_of_both_generations_come_and_go(void **state)
{
    static struct shrinker old_style = {.count_objects = count_some, .scan_objects = scan_some};
    struct shrinker *made = shrinker_alloc(0, "inodes-%d", 7);
    assert_non_null(made);
    assert_string_equal(made->name, "inodes-7");
    assert_int_equal(made->seeks, DEFAULT_SEEKS);
    made->count_objects = count_some;
    made->scan_objects = scan_some;
    counted = 0;
    reclaim_something();
    assert_int_equal(counted, 0); /* made, but not in service */
    shrinker_register(made);
    assert_int_equal(register_shrinker(&old_style), 0);
    reclaim_something();
    assert_int_equal(counted, 2);
    shrinker_free(made);
    unregister_shrinker(&old_style);
    assert_int_equal(register_shrinker(&old_style, "named-%s", "one"), 0);
    assert_string_equal(old_style.name, "named-one");
    unregister_shrinker(&old_style);
    unregister_shrinker(&old_style); /* not in service: nothing happens */
    reclaim_something();
    assert_int_equal(counted, 2);
    shrinker_free(shrinker_alloc(0, "never registered"));
    shrinker_free(NULL);
    assert_int_equal(findings, 0);
}

static unsigned long no_victim(gfp_t gfp, unsigned int order, void *data)
{
    return 0;
}

static void the_out_of_memory_hook_is_replaced_and_returned(void **state)
{
    assert_null(quarry_set_oom_hook(no_victim, NULL));
    assert_ptr_equal(quarry_set_oom_hook(NULL, NULL), no_victim);
}

static void g_c3_shrinker_free_in_atomic_context_is_reported(void **state)
{
    struct shrinker *made = shrinker_alloc(0, "x");
    quarry_context_enter(QUARRY_CTX_PREEMPT_OFF);
    shrinker_free(made);
    quarry_context_leave(QUARRY_CTX_PREEMPT_OFF);
    assert_int_equal(findings, 1);
}

int main(void)
{
#define QUIET(test) cmocka_unit_test_setup_teardown(test, quiet_setup, quiet_teardown)
    const struct CMUnitTest tests[] = {
        QUIET(g_c3_vfree_in_interrupt_is_reported_with_the_26_api_only),
        QUIET(every_form_of_vmalloc_gives_memory_in_the_window),
        QUIET(g_s5_arrays_whose_size_overflows_are_refused),
        QUIET(the_caller_of_an_area_is_noted),
        QUIET(areas_over_pages_and_reserved_ranges_come_and_go),
        QUIET(vrealloc_resizes),
        QUIET(pages_are_mapped_and_their_contents_moved),
        QUIET(kmap_atomic_makes_the_context_atomic_until_it_is_undone),
        QUIET(what_is_no_page_is_refused),
        QUIET(pools_over_every_allocator_give_and_take),
        QUIET(g_c3_a_pool_made_in_atomic_context_is_reported_once),
        QUIET(shrinkers_of_both_generations_come_and_go),
        QUIET(the_out_of_memory_hook_is_replaced_and_returned),
        QUIET(g_c3_shrinker_free_in_atomic_context_is_reported),
    };
    return cmocka_run_group_tests_name("vm api", tests, NULL, NULL);
}
