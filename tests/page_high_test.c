/* SPDX-License-Identifier: MIT */
/* The calls of page.h on a checked machine with high memory: the default machine of this process, of the
 * i386 profile. Where its addresses cannot be had (the host or a sanitizer has them), nothing is tested. */
#include "machine.h"
#include <quarry/quarry.h>
#include <quarry/highmem.h>

#define MIB (1024ul * 1024)

static unsigned long findings;
static char last[512];

static bool keep_finding(const struct quarry_report *report, void *data)
{
    findings++;
    snprintf(last, sizeof(last), "%s %s", report->rule ? report->rule : "", report->text);
    return false;
}

static int boot_i386(void **state)
{
    struct quarry_machine machine = {
        .ram_bytes = 1024 * MIB, .profile = "i386", .options = "check=1"};

    quarry_set_report_hook(keep_finding, NULL);
    if (quarry_boot(&machine))
        assert_non_null(strstr(quarry_boot_error(), "cannot be had"));
    return 0;
}

static int begin(void **state)
{
    findings = 0;
    last[0] = '\0';
    return 0;
}

static void skip_without_machine(void)
{
    if (!quarry_booted()) {
        print_message("the i386 profile's addresses are taken in this build\n");
        skip();
    }
}

static void the_items_of_the_layout_follow_one_another(void **state)
{
    skip_without_machine();
    assert_int_equal(PAGE_OFFSET, 0xC0000000ul);
    assert_int_equal((unsigned long)high_memory, PAGE_OFFSET + 896 * MIB);
    assert_true(VMALLOC_START > (unsigned long)high_memory && VMALLOC_END > VMALLOC_START);
    assert_true(PKMAP_BASE > VMALLOC_END);
    assert_true(quarry_layout(QUARRY_PKMAP_END) > PKMAP_BASE);
    assert_true(FIXADDR_START >= quarry_layout(QUARRY_PKMAP_END) && FIXADDR_TOP > FIXADDR_START);
    assert_true((unsigned long)mem_map > PAGE_OFFSET && (void *)mem_map < high_memory);
    assert_int_equal(max_mapnr, 1024 * MIB / PAGE_SIZE);
    assert_int_equal(quarry_layout(QUARRY_LAYOUT_ITEMS), 0); /* no item */
}

static void memory_is_counted_with_its_high_part(void **state)
{
    unsigned long free_before;
    struct page *page;

    skip_without_machine();
    assert_int_equal(get_num_physpages(), 1024 * MIB / PAGE_SIZE);
    assert_int_equal(totalhigh_pages(), 128 * MIB / PAGE_SIZE);
    assert_true(totalram_pages() > totalhigh_pages() && totalram_pages() < get_num_physpages());
    drain_all_pages(); /* pages on lists count as in use */
    free_before = nr_free_pages();
    assert_true(free_before <= totalram_pages());
    page = alloc_pages(GFP_HIGHUSER, 5);
    drain_all_pages();
    assert_int_equal(nr_free_pages(), free_before - 32);
    __free_pages(page, 5);
}

static void a_high_page_has_an_address_while_kmap_gives_it_one(void **state)
{
    struct page *page;
    void *address;

    skip_without_machine();
    page = alloc_page(GFP_HIGHUSER);
    assert_true(PageHighMem(page));
    assert_int_equal(page_zonenum(page), ZONE_HIGHMEM);
    assert_null(page_address(page));
    address = kmap(page);
    assert_ptr_equal(page_address(page), address);
    assert_true((unsigned long)address >= PKMAP_BASE);
    kunmap(page);
    __free_page(page);
    assert_int_equal(findings, 0);
}

static void g_s1_arithmetic_outside_the_direct_map_is_reported_by_its_name(void **state)
{
    void *area;
    char stack;

    skip_without_machine();
    area = vmalloc(PAGE_SIZE);
    assert_non_null(area);
    virt_to_phys(&stack);
    assert_int_equal(findings, 1);
    assert_non_null(strstr(last, "G-S1 "));
    assert_non_null(strstr(last, "virt_to_phys of "));
    virt_to_page(area);
    assert_int_equal(findings, 2);
    assert_non_null(strstr(last, "virt_to_page of "));
    assert_false(virt_addr_valid(area));
    assert_true(vmalloc_to_page(area) != NULL);
    vfree(area);
    area = kmalloc(64, GFP_KERNEL);
    virt_to_phys(area);
    virt_to_head_page(area);
    assert_int_equal(findings, 2);
    kfree(area);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_items_of_the_layout_follow_one_another, begin),
        cmocka_unit_test_setup(memory_is_counted_with_its_high_part, begin),
        cmocka_unit_test_setup(a_high_page_has_an_address_while_kmap_gives_it_one, begin),
        cmocka_unit_test_setup(g_s1_arithmetic_outside_the_direct_map_is_reported_by_its_name,
                               begin),
    };
    return cmocka_run_group_tests_name("page_high", tests, boot_i386, NULL);
}
