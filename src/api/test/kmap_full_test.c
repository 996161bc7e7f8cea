/* SPDX-License-Identifier: MIT */
/* kmap_atomic when every short-lived address is held: it says so, and leaves the context as it was. */
#include "machine.h"
#include <quarry/context.h>
#include <quarry/highmem.h>
#include <quarry/quarry.h>

#define MOST 4096u

static unsigned long refused;

static bool hear_refusal(const struct quarry_report *report, void *data)
{
    refused += report->kind == QUARRY_OUT_OF_MEMORY;
    return false;
}

/* A sanitizer may occupy the addresses of that profile. */
static void boot_high(void)
{
    struct quarry_machine wish = {.ram_bytes = 1ull << 30, .profile = "i386"};

    if (quarry_boot(&wish) == 0)
        return;
    assert_non_null(strstr(quarry_boot_error(), "cannot be had"));
    skip();
}

static void a_page_that_cannot_be_mapped_leaves_the_context_alone(void **state)
{
    static void *held[MOST];
    struct page *page;
    unsigned int nr = 0;

    boot_high();
    quarry_set_report_hook(hear_refusal, NULL);
    page = alloc_page(GFP_HIGHUSER);
    assert_true(PageHighMem(page));
    while (nr < MOST && qr_default()->kmaps.fixmap_free)
        assert_non_null(held[nr++] = kmap_local_page(page));
    assert_true(nr > 0 && nr < MOST);
    assert_null(quarry_kmap_atomic(page));
    assert_int_equal(refused, 1);
    assert_false(quarry_in_atomic());
    while (nr)
        kunmap_local(held[--nr]);
    __free_page(page);
    assert_int_equal(quarry_check_all(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_that_cannot_be_mapped_leaves_the_context_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
