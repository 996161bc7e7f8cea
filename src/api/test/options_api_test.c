/* SPDX-License-Identifier: MIT */
/* What the machine says of itself: zeroing options, the state of the zones on the console. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whether_memory_is_zeroed_can_be_asked),
        cmocka_unit_test(show_mem_writes_every_zone_in_both_forms),
    };

    return cmocka_run_group_tests_name("options_api", tests, NULL, NULL);
}
