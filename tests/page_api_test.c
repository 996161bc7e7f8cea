/* SPDX-License-Identifier: MIT */
/* The public calls of gfp.h and page.h on the default machine, as a program uses them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/quarry.h>

static char last[768];
static unsigned long findings;

static bool hook(const struct quarry_report *report, void *data)
{
    (void)data;
    findings++;
    snprintf(last, sizeof(last), "%s", report->text);
    return false;
}

static int setup(void **state)
{
    (void)state;
    findings = 0;
    last[0] = '\0';
    quarry_set_report_hook(hook, NULL);
    return 0;
}

static void g_s7_free_pages_come_with_an_aligned_direct_map_address(void **state)
{
    (void)state;
    for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
        unsigned long addr = __get_free_pages(GFP_KERNEL, order);
        assert_true(addr != 0);
        assert_int_equal(__pa(addr) & ((PAGE_SIZE << order) - 1), 0);
        assert_true(virt_addr_valid(addr));
        memset((void *)addr, 0x11, PAGE_SIZE << order);
        free_pages(addr, order);
    }
    assert_int_equal(__get_free_pages(GFP_KERNEL, MAX_PAGE_ORDER + 1), 0);
    assert_int_equal(findings, 1);
    free_pages(0, 3);
    assert_int_equal(findings, 1);
}

static void g_s7_a_zeroed_page_is_zero(void **state)
{
    unsigned long addr = __get_free_page(GFP_KERNEL);
    (void)state;
    memset((void *)addr, 0x22, PAGE_SIZE);
    free_page(addr);
    addr = get_zeroed_page(GFP_KERNEL);
    for (unsigned long i = 0; i < PAGE_SIZE; i++)
        assert_int_equal(((char *)addr)[i], 0);
    free_page(addr);
}

static void g_z1_dma_pages_lie_below_16_mib(void **state)
{
    unsigned long addr = __get_dma_pages(GFP_KERNEL, 2);
    (void)state;
    assert_true(addr != 0);
    assert_true(virt_to_phys((void *)addr) + 4 * PAGE_SIZE <= 16ul << 20);
    assert_int_equal(page_zonenum(virt_to_page((void *)addr)), ZONE_DMA);
    free_pages(addr, 2);
}

/* One call site, however often the compiler unrolls the loop around it. */
static __attribute__((noinline)) unsigned long high_page_by_address(void)
{
    unsigned long addr = __get_free_pages(GFP_KERNEL | __GFP_HIGHMEM, 0);
    assert_true(virt_addr_valid(addr));
    return addr;
}

static void g_z7_highmem_is_refused_loudly_where_an_address_is_wanted(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        free_page(high_page_by_address());
    assert_int_equal(findings, 1); /* once a call site */
    assert_non_null(strstr(last, "__GFP_HIGHMEM"));
}

static void g_s1_conversions_lead_there_and_back(void **state)
{
    struct page *page = alloc_pages(GFP_KERNEL, 1);
    char *virt = page_address(page);
    (void)state;
    assert_ptr_equal(virt_to_page(virt + 100), page);
    assert_ptr_equal(pfn_to_page(page_to_pfn(page)), page);
    assert_ptr_equal(phys_to_page(page_to_phys(page)), page);
    assert_int_equal(virt_to_phys(virt), page_to_phys(page));
    assert_ptr_equal(phys_to_virt(page_to_phys(page)), virt);
    assert_ptr_equal(__va(__pa(virt)), virt);
    assert_int_equal(virt_to_phys(virt), (unsigned long)virt - PAGE_OFFSET);
    assert_ptr_equal(&mem_map[page_to_pfn(page)], page);
    assert_true(page_to_pfn(page) < max_mapnr);
    assert_true(pfn_valid(page_to_pfn(page)));
    assert_false(pfn_valid(max_mapnr));
    assert_false(virt_addr_valid(&page));
    assert_int_equal(page_to_nid(page), 0);
    assert_false(PageHighMem(page));
    __free_pages(page, 1);
    assert_true(totalram_pages() <= num_physpages);
    assert_true(nr_free_pages() <= totalram_pages());
    assert_true((unsigned long)high_memory - PAGE_OFFSET >= num_physpages * PAGE_SIZE);
}

static void g_s9_references_are_taken_by_any_page_of_a_compound_block(void **state)
{
    struct page *page = alloc_pages(GFP_KERNEL | __GFP_COMP, 2), *array[2];
    (void)state;
    assert_int_equal(compound_order(page), 2);
    assert_int_equal(page_size(page), 4 * PAGE_SIZE);
    assert_true(PageCompound(page + 1) && PageHead(page) && PageTail(page + 1));
    assert_ptr_equal(compound_head(page + 3), page);
    assert_ptr_equal(virt_to_head_page((char *)page_address(page) + 3 * PAGE_SIZE), page);
    get_page(page + 2);
    get_page(page);
    assert_int_equal(page_count(page + 1), 3);
    array[0] = page;
    array[1] = page + 3;
    release_pages(array, 2);
    assert_int_equal(page_count(page), 1);
    put_page(page);
    assert_int_equal(page_count(page), 0);
    assert_int_equal(findings, 0);
}

static void g_s8_wrong_frees_are_reported_with_what_the_address_is(void **state)
{
    unsigned long addr = __get_free_pages(GFP_KERNEL, 2);
    void *object = kmalloc(100, GFP_KERNEL), *area = vmalloc(PAGE_SIZE), *heap = malloc(10000);
    char stack;
    (void)state;
    free_pages(addr, 1);
    assert_non_null(strstr(last, "order 2"));
    free_pages(addr + 8, 2);
    assert_non_null(strstr(last, "byte 8"));
    free_pages((unsigned long)&stack, 0);
    assert_int_equal(findings, 3);
    free_pages((unsigned long)heap, 0);
    assert_int_equal(findings, 4);
    free_pages((unsigned long)area, 0);
    assert_non_null(strstr(last, "area"));
    free_pages((unsigned long)object & PAGE_MASK, 0);
    assert_non_null(strstr(last, "kfree"));
    assert_int_equal(findings, 6);
    free_pages(addr, 2);
    free_pages(addr, 2);
    assert_int_equal(findings, 7);
    kfree(object);
    vfree(area);
    free(heap);
    assert_int_equal(findings, 7);
}

static void exact_pages_come_and_go_by_their_size(void **state)
{
    void *p = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL | __GFP_ZERO);
    (void)state;
    assert_non_null(p);
    memset(p, 3, 5 * PAGE_SIZE);
    free_pages_exact(p, 5 * PAGE_SIZE);
    p = alloc_pages_exact_nid(0, PAGE_SIZE, GFP_KERNEL);
    assert_non_null(p);
    free_pages_exact(p, PAGE_SIZE);
    assert_int_equal(findings, 0);
}

static void bulk_fills_the_empty_slots_of_an_array(void **state)
{
    struct page *array[100] = {NULL}, *mine = alloc_page(GFP_KERNEL);
    (void)state;
    array[10] = array[50] = mine;
    assert_int_equal(alloc_pages_bulk_array(GFP_KERNEL, 100, array), 100);
    assert_ptr_equal(array[10], mine);
    assert_ptr_equal(array[50], mine);
    for (int i = 0; i < 100; i++) {
        for (int j = 0; j < i; j++)
            assert_true(array[i] != array[j] || array[i] == mine);
    }
    for (int i = 0; i < 100; i++) {
        if (array[i] != mine)
            __free_page(array[i]);
    }
    __free_page(mine);
    assert_int_equal(alloc_pages_bulk_array(GFP_KERNEL, 0, array), 0);
}

static void bulk_adds_pages_to_a_list(void **state)
{
    struct list_head list = {&list, &list};
    unsigned long nr = alloc_pages_bulk_list(GFP_KERNEL, 150, &list), seen = 0;
    (void)state;
    assert_int_equal(nr, 150);
    while (list.next != &list) {
        struct list_head *item = list.next;
        struct page *page = (struct page *)((char *)item - offsetof(struct page, lru));
        list.next = item->next;
        item->next->prev = &list;
        assert_int_equal(page_count(page), 1);
        __free_page(page);
        seen++;
    }
    assert_int_equal(seen, 150);
}

static void split_pages_are_freed_singly(void **state)
{
    struct page *page = alloc_pages(GFP_KERNEL, 2);
    (void)state;
    split_page(page, 2);
    for (int i = 3; i >= 0; i--)
        __free_page(page + i);
    assert_int_equal(findings, 0);
}

static void reserved_marks_are_set_and_taken_down(void **state)
{
    struct page *page = alloc_page(GFP_KERNEL);
    void *object = kmalloc(64, GFP_KERNEL);
    (void)state;
    assert_false(PageReserved(page));
    SetPageReserved(page);
    assert_true(PageReserved(page));
    __free_page(page);
    assert_int_equal(findings, 1);
    ClearPageReserved(page);
    __free_page(page);
    assert_int_equal(findings, 1);
    assert_true(PageReserved(virt_to_page(mem_map + 1))); /* the map's own memory */
    SetPageReserved(virt_to_page(object)); /* as old drivers do before mmap: harmless */
    assert_true(PageSlab(virt_to_page(object)));
    kfree(object);
    assert_int_equal(findings, 1);
}

/* ---- scopes --------------------------------------------------------------------------------- */

static gfp_t scope_mask;
static __thread bool scope_mine; /* background reclaim calls with a mask of its own */

static unsigned long scope_count(struct shrinker *shrinker, struct shrink_control *sc)
{
    (void)shrinker;
    if (scope_mine)
        scope_mask = sc->gfp_mask;
    return 0;
}

/* The mask that a shrinker sees when GFP_KERNEL memory runs short. */
static gfp_t mask_seen(void)
{
    static struct page *hoard[1 << 18];
    unsigned long nr = 0;
    scope_mask = 0;
    scope_mine = true;
    while (!scope_mask && nr < 1 << 18 &&
           (hoard[nr] = alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)) != NULL)
        nr++;
    while (nr)
        __free_page(hoard[--nr]);
    return scope_mask & (__GFP_IO | __GFP_FS);
}

static void g_c5_scopes_nest_and_are_undone(void **state)
{
    struct shrinker *shrinker = shrinker_alloc(0, "scope");
    unsigned int noio, nofs, noreclaim;
    (void)state;
    shrinker->count_objects = scope_count;
    shrinker->scan_objects = scope_count;
    shrinker_register(shrinker);
    assert_int_equal(mask_seen(), __GFP_IO | __GFP_FS);
    nofs = memalloc_nofs_save();
    assert_int_equal(mask_seen(), __GFP_IO);
    noio = memalloc_noio_save();
    assert_int_equal(mask_seen(), 0);
    memalloc_noio_restore(noio);
    assert_int_equal(mask_seen(), __GFP_IO);
    memalloc_nofs_restore(nofs);
    assert_int_equal(mask_seen(), __GFP_IO | __GFP_FS);
    noreclaim = memalloc_noreclaim_save();
    assert_int_equal(mask_seen(), 0);
    memalloc_noreclaim_restore(noreclaim);
    assert_int_equal(mask_seen(), __GFP_IO | __GFP_FS);
    shrinker_free(shrinker);
}

static void draining_gives_listed_pages_back(void **state)
{
    unsigned long before, addr = __get_free_page(GFP_KERNEL);
    (void)state;
    drain_all_pages();
    before = nr_free_pages();
    free_page(addr);
    drain_local_pages();
    assert_int_equal(nr_free_pages(), before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(g_s7_free_pages_come_with_an_aligned_direct_map_address, setup),
        cmocka_unit_test_setup(g_s7_a_zeroed_page_is_zero, setup),
        cmocka_unit_test_setup(g_z1_dma_pages_lie_below_16_mib, setup),
        cmocka_unit_test_setup(g_z7_highmem_is_refused_loudly_where_an_address_is_wanted, setup),
        cmocka_unit_test_setup(g_s1_conversions_lead_there_and_back, setup),
        cmocka_unit_test_setup(g_s9_references_are_taken_by_any_page_of_a_compound_block, setup),
        cmocka_unit_test_setup(g_s8_wrong_frees_are_reported_with_what_the_address_is, setup),
        cmocka_unit_test_setup(exact_pages_come_and_go_by_their_size, setup),
        cmocka_unit_test_setup(bulk_fills_the_empty_slots_of_an_array, setup),
        cmocka_unit_test_setup(bulk_adds_pages_to_a_list, setup),
        cmocka_unit_test_setup(split_pages_are_freed_singly, setup),
        cmocka_unit_test_setup(reserved_marks_are_set_and_taken_down, setup),
        cmocka_unit_test_setup(g_c5_scopes_nest_and_are_undone, setup),
        cmocka_unit_test_setup(draining_gives_listed_pages_back, setup),
    };
    setenv("QUARRY_RAM", "64M", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
