/* SPDX-License-Identifier: MIT */
/* Tests of check/symbol.c: what the registered function knows of an address is what a text shows. */
#include "machine.h"
#include "child.h"

static struct qr_check check;
static struct quarry_symbol known[9];
static size_t nr_known;
static const void *asked;

/* As a careless tool: says how many there are, however few were wanted. */
static size_t tell(const void *pc, struct quarry_symbol *frames, size_t max, void *data)
{
    asked = pc;
    assert_ptr_equal(data, known);
    for (size_t i = 0; i < nr_known && i < max; i++)
        frames[i] = known[i];
    return nr_known;
}

static int fresh(void **state)
{
    memset(&check, 0, sizeof(check));
    memset(known, 0, sizeof(known));
    nr_known = 0;
    return 0;
}

/* The lines for an address; what it is called in the text itself is the port's matter. */
static const char *lines_of(const void *pc)
{
    static char buffer[1024];
    struct qr_text text = {buffer, sizeof(buffer), 0};
    char number[64];

    qr_symbol_add_lines(&check, &text, pc);
    qr_snprintf(number, sizeof(number), "    %p", pc);
    assert_memory_equal(buffer, number, strlen(number));
    return buffer + strlen(number);
}

static void without_a_function_an_address_stays_a_number(void **state)
{
    assert_string_equal(lines_of(&check), "\n");
    qr_symbol_set_hook(&check, tell, known);
    assert_string_equal(lines_of(&check), "\n"); /* it was asked, and knows nothing */
    assert_ptr_equal(asked, &check);
    asked = NULL;
    qr_symbol_set_hook(&check, NULL, NULL);
    assert_string_equal(lines_of(&check), "\n");
    assert_null(asked);
}

static void whatever_is_known_is_shown(void **state)
{
    static const struct {
        struct quarry_symbol symbol;
        const char *text;
    } cases[] = {
        {{.function = "probe", .file = "driver.c", .line = 12}, " probe driver.c:12\n"},
        {{.function = "probe"}, " probe\n"},
        {{.file = "driver.c", .line = 7}, " driver.c:7\n"},
        {{.object = "driver.o", .offset = 0x1c}, " (driver.o+0x1c)\n"},
        {{.function = "probe", .object = "driver.o", .offset = 0x1c}, " probe (driver.o+0x1c)\n"},
        /* The place in the source says more than the one in the object. */
        {{.function = "probe", .file = "driver.c", .line = 3, .object = "driver.o", .offset = 1},
         " probe driver.c:3\n"},
        {{.function = "probe", .module = "edu"}, " probe [edu]\n"},
    };

    qr_symbol_set_hook(&check, tell, known);
    nr_known = 1;
    for (size_t i = 0; i < QR_ARRAY_SIZE(cases); i++) {
        known[0] = cases[i].symbol;
        assert_string_equal(lines_of(&check), cases[i].text);
    }
}

static void inlined_calls_have_a_line_each_and_there_are_eight_at_most(void **state)
{
    const char *text;
    unsigned int nr = 0;

    qr_symbol_set_hook(&check, tell, known);
    for (size_t i = 0; i < QR_ARRAY_SIZE(known); i++)
        known[i] =
            (struct quarry_symbol){.function = "inlined", .file = "a.c", .line = (unsigned)i};
    nr_known = 2;
    text = lines_of(&check);
    assert_memory_equal(text, " inlined a.c:0\n    ", 19);
    assert_string_equal(text + 15, "                   inlined a.c:1\n"); /* below the name */
    nr_known = QR_ARRAY_SIZE(known);
    for (text = lines_of(&check); *text; text++)
        nr += *text == '\n';
    assert_int_equal(nr, 8);
    assert_int_equal(qr_symbol_frames(&check, &check, known, 3), 3);
}

static void print_twice(const void *pc)
{
    qr_symbol_set_hook(&check, tell, known);
    qr_symbol_print(&check, pc);
    qr_symbol_print(&check, pc);
}

static void a_line_on_the_console_is_that_line_and_nothing_else(void **state)
{
    char expected[128];

    nr_known = 1;
    known[0] = (struct quarry_symbol){.function = "probe", .file = "driver.c", .line = 12};
    qr_snprintf(expected, sizeof(expected), "    %p probe driver.c:12\n    %p probe driver.c:12\n",
                (void *)&check, (void *)&check);
    assert_true(child_exited_well(child_run(print_twice, &check)));
    assert_string_equal(child_text, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_a_function_an_address_stays_a_number, fresh),
        cmocka_unit_test_setup(whatever_is_known_is_shown, fresh),
        cmocka_unit_test_setup(inlined_calls_have_a_line_each_and_there_are_eight_at_most, fresh),
        cmocka_unit_test_setup(a_line_on_the_console_is_that_line_and_nothing_else, fresh),
    };

    return cmocka_run_group_tests_name("symbol", tests, NULL, NULL);
}
