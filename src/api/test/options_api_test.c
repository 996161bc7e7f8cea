/* SPDX-License-Identifier: MIT */
/* What the machine says of itself: zeroing options, the state of the zones and reports on the console. */
#undef QUARRY_BUILDING_CORE
#include <quarry/quarry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "child.h"

static void boot_and_ask(const void *data)
{
    struct quarry_machine machine = {.ram_bytes = 16u << 20, .options = data};
    bool options = data != NULL;

    CHILD_CHECK(quarry_boot(&machine) == 0);
    CHILD_CHECK(want_init_on_alloc(GFP_KERNEL) == options);
    CHILD_CHECK(want_init_on_alloc(GFP_KERNEL | __GFP_ZERO));
    CHILD_CHECK(want_init_on_free() == options);
}

static void whether_memory_is_zeroed_can_be_asked(void **state)
{
    assert_true(child_exited_well(child_run(boot_and_ask, NULL)));
    assert_true(child_exited_well(child_run(boot_and_ask, "init_on_alloc=1 init_on_free=1")));
}

static void show_the_zones(const void *data)
{
    struct quarry_machine machine = {.ram_bytes = 16u << 20};

    CHILD_CHECK(quarry_boot(&machine) == 0);
    if (data)
        show_mem(0, NULL);
    else
        show_mem();
}

static void show_mem_writes_every_zone_in_both_forms(void **state)
{
    assert_true(child_exited_well(child_run(show_the_zones, NULL)));
    assert_non_null(strstr(child_text, "pages of RAM, "));
    assert_non_null(strstr(child_text, "Node 0 DMA free:"));
    assert_true(child_exited_well(child_run(show_the_zones, "")));
    assert_non_null(strstr(child_text, "Node 0 DMA free:"));
}

static size_t name_all(const void *pc, struct quarry_symbol *frames, size_t max, void *data)
{
    frames[0] = (struct quarry_symbol){.function = data};
    return 1;
}

static void report_with_names(const void *data)
{
    struct quarry_machine machine = {.ram_bytes = 16u << 20, .options = "check=1"};

    CHILD_CHECK(quarry_boot(&machine) == 0);
    if (data)
        quarry_set_symbol_hook(name_all, "as_the_hook_says");
    else
        quarry_set_symbol_hook(NULL, NULL);
    CHILD_CHECK(!alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER + 1));
}

static void names_in_reports_are_those_that_the_hook_knows(void **state)
{
    assert_true(child_exited_well(child_run(report_with_names, "")));
    assert_non_null(strstr(child_text, " as_the_hook_says\n"));
    assert_null(strstr(child_text, "report_with_names"));
    assert_true(child_exited_well(child_run(report_with_names, NULL)));
    assert_non_null(strstr(child_text, "bad request"));
    assert_null(strstr(child_text, "report_with_names")); /* numbers */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whether_memory_is_zeroed_can_be_asked),
        cmocka_unit_test(show_mem_writes_every_zone_in_both_forms),
        cmocka_unit_test(names_in_reports_are_those_that_the_hook_knows),
    };

    return cmocka_run_group_tests_name("options_api", tests, NULL, NULL);
}
