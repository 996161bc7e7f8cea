/* SPDX-License-Identifier: MIT */
/* The grammar of boot options, without a machine: what each takes at most and where it goes, what is said of
 * one that is wrong, and which name was meant. */
#include "machine.h"
#include "boot_options.h"

static char why[512];

static struct qr_options parsed(const char *text)
{
    struct qr_options options;

    memset(&options, 0xee, sizeof(options));
    if (qr_options_parse(&options, text, why, sizeof(why)))
        fail_msg("\"%s\" is refused: %s", text, why);
    return options;
}

static void assert_wrong(const char *text, const char *expected)
{
    struct qr_options options;

    why[0] = '\0';
    assert_int_equal(qr_options_parse(&options, text, why, sizeof(why)), -QR_EINVAL);
    assert_string_equal(why, expected);
}

/* ---- values ---------------------------------------------------------------------------------- */

#define LARGEST "18446744073709551615"
#define AT(member) offsetof(struct qr_options, member)

static const struct {
    const char *name;
    size_t at;
    const char *most; /* the largest value */
    u64 value;
    const char *beyond; /* one that is too large; NULL: none is */
} number[] = {
    {"check", AT(check), "3", 3, "4"},
    {"init_on_alloc", AT(init_on_alloc), "1", 1, "2"},
    {"init_on_free", AT(init_on_free), "1", 1, "2"},
    {"page_poison", AT(page_poison), "1", 1, "2"},
    {"mem_profiling", AT(mem_profiling), "1", 1, "2"},
    {"page_owner", AT(page_owner), "1", 1, "2"},
    {"min_free_kbytes", AT(min_free_kbytes), LARGEST, ~0ull, NULL},
    {"watermark_scale_factor", AT(watermark_scale_factor), "3000", 3000, "3001"},
    {"reserve_for_reclaim_pages", AT(reserve_for_reclaim_pages), LARGEST, ~0ull, NULL},
    {"lowmem_reserve_ratio", AT(lowmem_ratio), "1048576", 1048576, "1048577"},
    {"vmalloc_cache", AT(vmalloc_cache), LARGEST, ~0ull, NULL},
    {"kfence.sample_interval", AT(kfence_interval), "1000000", 1000000, "1000001"},
    {"kfence.every", AT(kfence_every), LARGEST, ~0ull, NULL},
    {"kfence.num_objects", AT(kfence_objects), "65535", 65535, "65536"},
    {"trace_bytes", AT(trace_bytes), "1G", 1 << 30, "1073741825"},
};

static const struct {
    const char *name;
    size_t at;
} word[] = {
    {"slab_debug", AT(slab_debug)},
    {"failslab", AT(fault[QUARRY_FAILSLAB])},
    {"fail_page_alloc", AT(fault[QUARRY_FAIL_PAGE_ALLOC])},
    {"fail_vmalloc", AT(fault[QUARRY_FAIL_VMALLOC])},
    {"fail_usercopy", AT(fault[QUARRY_FAIL_USERCOPY])},
};

static void without_options_everything_has_its_default(void **state)
{
    struct qr_options nothing = parsed(NULL), blank = parsed(" \t\n "), expected = {.check = 0};

    (void)state;
    expected.vmalloc_cache = ~0ull;
    assert_memory_equal(&nothing, &expected, sizeof(expected));
    assert_memory_equal(&blank, &expected, sizeof(expected));
}

static void a_number_goes_where_its_name_says_and_nowhere_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(number); i++) {
        struct qr_options options, expected = parsed("");
        char text[128], wrong[160];

        memcpy((char *)&expected + number[i].at, &number[i].value, sizeof(u64));
        snprintf(text, sizeof(text), "%s=%s", number[i].name, number[i].most);
        options = parsed(text);
        if (memcmp(&options, &expected, sizeof(options)) != 0)
            fail_msg("%s", text);
        if (!number[i].beyond)
            continue;
        snprintf(text, sizeof(text), "%s=%s", number[i].name, number[i].beyond);
        snprintf(wrong, sizeof(wrong), "boot option %s: bad value \"%s\"", number[i].name,
                 number[i].beyond);
        assert_wrong(text, wrong);
    }
}

static void a_word_is_kept_for_the_layer_that_understands_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(word); i++) {
        struct qr_options options, expected = parsed("");
        char text[128];

        strcpy((char *)&expected + word[i].at, "of=many,parts:1-2");
        expected.slab_debug_given = i == 0;
        snprintf(text, sizeof(text), "%s=of=many,parts:1-2", word[i].name);
        options = parsed(text);
        if (memcmp(&options, &expected, sizeof(options)) != 0)
            fail_msg("%s", text);
    }
    assert_true(parsed("slab_debug").slab_debug_given);
    assert_string_equal(parsed("slab_debug").slab_debug, "");
    assert_false(parsed("check=1").slab_debug_given);
}

static void a_value_that_would_be_cut_is_refused(void **state)
{
    char text[512], fits[256];

    (void)state;
    memset(fits, 'x', sizeof(fits) - 1);
    fits[sizeof(fits) - 1] = '\0';
    for (size_t i = 0; i < QR_ARRAY_SIZE(word); i++) {
        char expected[128];
        struct qr_options options;

        snprintf(text, sizeof(text), "%s=%s", word[i].name, fits);
        options = parsed(text);
        assert_string_equal((char *)&options + word[i].at, fits);
        strcat(text, "x");
        snprintf(expected, sizeof(expected),
                 "boot option %s: its value has 256 characters, of 255 at most", word[i].name);
        assert_wrong(text, expected);
    }
}

static void an_option_longer_than_any_is_refused_with_its_length_and_beginning(void **state)
{
    char text[400], expected[128];

    (void)state;
    memset(text, 'y', sizeof(text));
    snprintf(expected, sizeof(expected), "boot option too long (at most 295 characters): %.40s…",
             text);
    text[296] = '\0';
    assert_wrong(text, expected);
    text[296] = ' '; /* what follows is another option's business */
    text[399] = '\0';
    assert_wrong(text, expected);
    text[295] = '\0'; /* no longer too long, but not known either */
    assert_int_equal(qr_options_parse(&(struct qr_options){.check = 0}, text, why, sizeof(why)),
                     -QR_EINVAL);
    assert_non_null(strstr(why, "unknown boot option"));
}

static void ratios_are_one_for_each_zone_or_fewer(void **state)
{
    struct qr_options options = parsed("lowmem_reserve_ratio=1,0x2,3,4,1048576");

    (void)state;
    for (u64 i = 0; i < MAX_NR_ZONES; i++)
        assert_int_equal(options.lowmem_ratio[i], i < 4 ? i + 1 : 1048576);
    options = parsed("lowmem_reserve_ratio=9,8");
    assert_int_equal(options.lowmem_ratio[1], 8);
    assert_int_equal(options.lowmem_ratio[2], 0);
    assert_wrong("lowmem_reserve_ratio=1,2,3,4,5,6",
                 "boot option lowmem_reserve_ratio: bad value \"1,2,3,4,5,6\"");
    assert_wrong("lowmem_reserve_ratio=1,2,3,4,5,",
                 "boot option lowmem_reserve_ratio: bad value \"1,2,3,4,5,\"");
    assert_wrong("lowmem_reserve_ratio=1,", "boot option lowmem_reserve_ratio: bad value \"1,\"");
    assert_wrong("lowmem_reserve_ratio=7,1048577",
                 "boot option lowmem_reserve_ratio: bad value \"7,1048577\"");
    assert_wrong("lowmem_reserve_ratio=1K", "boot option lowmem_reserve_ratio: bad value \"1K\"");
}

static void numbers_may_have_units_and_nothing_else_behind_them(void **state)
{
    (void)state;
    assert_int_equal(parsed("min_free_kbytes=0x10").min_free_kbytes, 16);
    assert_int_equal(parsed("vmalloc_cache=2K").vmalloc_cache, 2048);
    assert_wrong("check=1x", "boot option check: bad value \"1x\"");
    assert_wrong("check=", "boot option check: bad value \"\"");
    assert_wrong("init_on_free=", "boot option init_on_free: bad value \"\"");
    assert_wrong("check", "boot option check needs a value: check=…");
    assert_wrong("failslab", "boot option failslab needs a value: failslab=…");
    assert_int_equal(parsed("page_owner").page_owner, 1);
}

static void options_are_separated_by_any_white_space_and_the_last_one_counts(void **state)
{
    struct qr_options options =
        parsed("\n check=1\tcheck=2\ninit_on_free failslab=nth:1 \t failslab=nth:22\n\n");

    (void)state;
    assert_int_equal(options.check, 2);
    assert_int_equal(options.init_on_free, 1);
    assert_string_equal(options.fault[QUARRY_FAILSLAB], "nth:22");
    assert_int_equal(parsed("init_on_free init_on_free=0").init_on_free, 0);
    assert_wrong("check=1 chec=1 page_ower=1",
                 "unknown boot option \"chec\"; did you mean check? (docs/options.md lists them)");
}

/* ---- names that are not quite right ---------------------------------------------------------- */

static size_t least_of(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return c < least ? c : least;
}

/* The table of the textbook: changes that make the first i letters of @a the first j of @b. */
static size_t distance(const char *a, const char *b)
{
    static size_t changes[48][48];
    size_t rows = strlen(a), columns = strlen(b);

    for (size_t i = 0; i <= rows; i++) {
        for (size_t j = 0; j <= columns; j++) {
            if (i == 0 || j == 0)
                changes[i][j] = i + j;
            else
                changes[i][j] = least_of(changes[i - 1][j] + 1, changes[i][j - 1] + 1,
                                         changes[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
        }
    }
    return changes[rows][columns];
}

/* In the order in which docs/options.md and --help list them: of two equally near ones the first is meant. */
static const char *const known[] = {"check",
                                    "slab_debug",
                                    "init_on_alloc",
                                    "init_on_free",
                                    "page_poison",
                                    "mem_profiling",
                                    "page_owner",
                                    "failslab",
                                    "fail_page_alloc",
                                    "fail_vmalloc",
                                    "fail_usercopy",
                                    "min_free_kbytes",
                                    "watermark_scale_factor",
                                    "reserve_for_reclaim_pages",
                                    "lowmem_reserve_ratio",
                                    "vmalloc_cache",
                                    "kfence.sample_interval",
                                    "kfence.every",
                                    "kfence.num_objects",
                                    "trace_bytes"};

/* At most a third of the letters differ, or one; names of more than 32 letters resemble none. */
static const char *meant_by(const char *name)
{
    size_t length = strlen(name), least = length / 3 + 2;
    const char *nearest = NULL;

    for (size_t i = 0; i < QR_ARRAY_SIZE(known) && length <= 32; i++) {
        size_t other = strlen(known[i]), changes;
        if (other + least <= length || length + least <= other)
            continue; /* so many letters must be added or dropped */
        changes = distance(name, known[i]);
        if (changes < least) {
            least = changes;
            nearest = known[i];
        }
    }
    return nearest;
}

static bool is_known(const char *name)
{
    for (size_t i = 0; i < QR_ARRAY_SIZE(known); i++)
        if (strcmp(known[i], name) == 0)
            return true;
    return false;
}

static bool assert_meant(const char *name)
{
    const char *meant = meant_by(name);
    char expected[256];

    snprintf(expected, sizeof(expected),
             "unknown boot option \"%s\"%s%s%s (docs/options.md lists them)", name,
             meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
    assert_wrong(name, expected);
    return meant != NULL;
}

static void the_nearest_name_is_proposed_if_it_is_near(void **state)
{
    static const char *const name[] = {"chexx",
                                       "cxxxk",
                                       "hck",
                                       "ck",
                                       "c",
                                       "xxxxcheck",
                                       "xxxxxcheck",
                                       "checkxxxxx",
                                       "init_on_alre",
                                       "reserve_for_reclaim_pages_please",
                                       "reserve_for_reclaim_pages_pleasee"};

    (void)state;
    assert_string_equal(meant_by("chexx"), "check");
    assert_null(meant_by("cxxxk"));
    assert_null(meant_by("ck"));
    assert_string_equal(meant_by("init_on_alre"), "init_on_alloc"); /* three letters from either */
    assert_non_null(meant_by(name[9]));
    assert_null(meant_by(name[10]));
    for (size_t i = 0; i < QR_ARRAY_SIZE(name); i++)
        assert_meant(name[i]);
}

/* Add, drop or change a letter. */
static void mistype(char *name, u64 *seed)
{
    static const char letters[] = "abcdefglmnoprst_.";
    size_t length = strlen(name), at = qr_random(seed) % (length + 1);
    char letter = letters[qr_random(seed) % (sizeof(letters) - 1)];

    if (at == length || qr_random(seed) % 3 == 0) {
        memmove(name + at + 1, name + at, length - at + 1);
        name[at] = letter;
    } else if (qr_random(seed) % 2) {
        memmove(name + at, name + at + 1, length - at);
    } else {
        name[at] = letter;
    }
}

static void any_mistyped_name_is_led_to_the_nearest(void **state)
{
    unsigned int nr[2] = {0, 0};
    u64 seed = 5;

    (void)state;
    for (unsigned int i = 0; i < 1000; i++) {
        char name[48];

        strcpy(name, known[i % QR_ARRAY_SIZE(known)]);
        for (unsigned int typos = i / 20 % 10 + 1; typos > 0 && strlen(name) < 40; typos--)
            mistype(name, &seed);
        if (is_known(name) || !name[0])
            continue;
        nr[assert_meant(name)]++;
    }
    assert_true(nr[0] > 150 && nr[1] > 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_everything_has_its_default),
        cmocka_unit_test(a_number_goes_where_its_name_says_and_nowhere_else),
        cmocka_unit_test(a_word_is_kept_for_the_layer_that_understands_it),
        cmocka_unit_test(a_value_that_would_be_cut_is_refused),
        cmocka_unit_test(an_option_longer_than_any_is_refused_with_its_length_and_beginning),
        cmocka_unit_test(ratios_are_one_for_each_zone_or_fewer),
        cmocka_unit_test(numbers_may_have_units_and_nothing_else_behind_them),
        cmocka_unit_test(options_are_separated_by_any_white_space_and_the_last_one_counts),
        cmocka_unit_test(the_nearest_name_is_proposed_if_it_is_near),
        cmocka_unit_test(any_mistyped_name_is_led_to_the_nearest),
    };
    return cmocka_run_group_tests_name("boot options", tests, NULL, NULL);
}
