/* SPDX-License-Identifier: MIT */
/* The i386 profile: the classic addresses inside a 64-bit process. Where the host or a sanitizer
 * occupies them, booting must refuse and name them; then that is all there is to test. */
#define _GNU_SOURCE
#include "machine.h"
#include "child.h"
#include <errno.h>
#include <quarry/quarry.h>
#include <quarry/highmem.h>

#define MIB (1024ul * 1024)

/* Boot or, where the addresses cannot be had, end this child in peace. */
static void i386_boot(unsigned long ram)
{
    struct quarry_machine machine = {.ram_bytes = ram, .profile = "i386"};
    int error = quarry_boot(&machine);
    if (error == -ENOMEM && strstr(quarry_boot_error(), "cannot be had")) {
        CHILD_CHECK(strstr(quarry_boot_error(), "0x"));
        _exit(77);
    }
    CHILD_CHECK(error == 0);
}

static void i386_run(void (*body)(const void *))
{
    int status = child_run(body, NULL);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("the i386 profile's addresses are taken in this build\n");
        skip();
    }
    assert_true(child_exited_well(status));
}

static void body_kmalloc(const void *data)
{
    unsigned long size;
    (void)data;
    i386_boot(1024 * MIB);
    for (size = 1; size <= 128 * 1024; size *= 2) {
        char *p = kmalloc(size, GFP_KERNEL), *dma = kmalloc(size, GFP_KERNEL | GFP_DMA);
        CHILD_CHECK(p && dma);
        CHILD_CHECK((unsigned long)p >= 0xC0000000ul && p < (char *)high_memory);
        CHILD_CHECK(virt_to_phys(p) == (unsigned long)p - 0xC0000000ul);
        CHILD_CHECK(phys_to_virt(virt_to_phys(p)) == p);
        CHILD_CHECK(virt_to_phys(dma) + size <= 16 * MIB);
        memset(p, 1, size);
        memset(dma, 2, size);
        kfree(p);
        kfree(dma);
    }
    CHILD_CHECK(ksize(kmalloc(1, GFP_KERNEL)) == 32); /* below 32 bytes all share one class */
    CHILD_CHECK(!kmalloc(128 * 1024 + 1, GFP_KERNEL | __GFP_NOWARN));
}

static void kmalloc_lies_in_the_direct_map_and_dma_below_16_mib(void **state)
{
    (void)state;
    i386_run(body_kmalloc);
}

static void body_layout(const void *data)
{
    (void)data;
    i386_boot(1024 * MIB);
    CHILD_CHECK(PAGE_OFFSET == 0xC0000000ul);
    CHILD_CHECK((unsigned long)high_memory == 0xC0000000ul + 896 * MIB);
    CHILD_CHECK(VMALLOC_START >= (unsigned long)high_memory + 8 * MIB);
    CHILD_CHECK(VMALLOC_START % (8 * MIB) == 0);
    CHILD_CHECK(VMALLOC_END < PKMAP_BASE);
    CHILD_CHECK(quarry_layout(QUARRY_PKMAP_END) - PKMAP_BASE == 4 * MIB);
    CHILD_CHECK(FIXADDR_START >= quarry_layout(QUARRY_PKMAP_END));
    CHILD_CHECK(FIXADDR_START < 0xFFFE0000ul);
    CHILD_CHECK(FIXADDR_TOP > 0xFFFE0000ul && FIXADDR_TOP <= 0x100000000ul);
    CHILD_CHECK((unsigned long)mem_map >= PAGE_OFFSET && (void *)mem_map < high_memory);
    CHILD_CHECK(totalhigh_pages() == 128 * MIB / PAGE_SIZE);
}

static void the_layout_is_the_classic_one(void **state)
{
    (void)state;
    i386_run(body_layout);
}

static void body_small_layout(const void *data)
{
    (void)data;
    i386_boot(160 * MIB);
    CHILD_CHECK((unsigned long)high_memory == 0xC0000000ul + 160 * MIB);
    CHILD_CHECK(VMALLOC_START == 0xC0000000ul + 168 * MIB);
    CHILD_CHECK(totalhigh_pages() == 0);
    CHILD_CHECK(kmalloc(64, GFP_KERNEL));
}

static void less_than_896_mib_is_all_low_memory(void **state)
{
    (void)state;
    i386_run(body_small_layout);
}

static void body_vmalloc(const void *data)
{
    char *p;
    unsigned long i;
    (void)data;
    i386_boot(1024 * MIB);
    p = vmalloc(4 * MIB);
    CHILD_CHECK(p);
    CHILD_CHECK((unsigned long)p >= VMALLOC_START && (unsigned long)p + 4 * MIB <= VMALLOC_END);
    CHILD_CHECK((unsigned long)p >= (unsigned long)high_memory + 8 * MIB);
    for (i = 0; i < 4 * MIB; i += PAGE_SIZE) {
        struct page *page = vmalloc_to_page(p + i);
        CHILD_CHECK(PageHighMem(page));
        CHILD_CHECK(page_to_phys(page) >= 896 * MIB);
        CHILD_CHECK(page_address(page) == NULL);
        p[i] = (char)i;
    }
    vfree(p);
}

static void vmalloc_lies_behind_the_hole_on_high_pages(void **state)
{
    (void)state;
    i386_run(body_vmalloc);
}

static void body_kmap(const void *data)
{
    struct page *page;
    char *p, *q;
    (void)data;
    i386_boot(1024 * MIB);
    page = alloc_page(GFP_HIGHUSER);
    CHILD_CHECK(page && PageHighMem(page));
    p = kmap(page);
    CHILD_CHECK((unsigned long)p >= PKMAP_BASE &&
                (unsigned long)p < quarry_layout(QUARRY_PKMAP_END));
    CHILD_CHECK(page_address(page) == p);
    q = kmap_local_page(page);
    CHILD_CHECK((unsigned long)q >= FIXADDR_START && (unsigned long)q < 0xFFFE0000ul);
    strcpy(p, "one frame");
    CHILD_CHECK(strcmp(q, "one frame") == 0);
    kunmap_local(q);
    kunmap(page);
    __free_page(page);
    CHILD_CHECK(quarry_check_all() == 0);
}

static void high_pages_are_reached_through_both_windows(void **state)
{
    (void)state;
    i386_run(body_kmap);
}

static void body_too_big(const void *data)
{
    struct quarry_machine machine = {.ram_bytes = 128ull << 30, .profile = "i386"};
    (void)data;
    CHILD_CHECK(quarry_boot(&machine) == -EINVAL);
    CHILD_CHECK(strstr(quarry_boot_error(), "64 GiB"));
}

static void more_than_36_bits_of_memory_are_refused(void **state)
{
    (void)state;
    i386_run(body_too_big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kmalloc_lies_in_the_direct_map_and_dma_below_16_mib),
        cmocka_unit_test(the_layout_is_the_classic_one),
        cmocka_unit_test(less_than_896_mib_is_all_low_memory),
        cmocka_unit_test(vmalloc_lies_behind_the_hole_on_high_pages),
        cmocka_unit_test(high_pages_are_reached_through_both_windows),
        cmocka_unit_test(more_than_36_bits_of_memory_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
