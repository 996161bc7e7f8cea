/* SPDX-License-Identifier: MIT */
/* Tests of base/: strings, numbers out of texts, masks by name, random numbers, lists, and the CPU
 * that stands for none. */
#include "machine.h"
#include "slab/fast.h"

static int sign_of(int difference)
{
    return (difference > 0) - (difference < 0);
}

static void strings_behave_as_libc_s(void **state)
{
    static const char *const sample[] = {"", "a", "ab", "abc", "abd", "b", "\xff", "ab\xff"};

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(sample); i++) {
        assert_int_equal(qr_strlen(sample[i]), strlen(sample[i]));
        assert_int_equal(qr_strnlen(sample[i], 2), strnlen(sample[i], 2));
        for (size_t j = 0; j < QR_ARRAY_SIZE(sample); j++) {
            int libc = strcmp(sample[i], sample[j]), two = strncmp(sample[i], sample[j], 2);

            assert_int_equal(sign_of(qr_strcmp(sample[i], sample[j])), sign_of(libc));
            assert_int_equal(sign_of(qr_strncmp(sample[i], sample[j], 2)), sign_of(two));
            assert_int_equal(qr_strncmp(sample[i], sample[j], 0), 0);
        }
    }
}

static void a_copied_string_is_always_terminated_and_never_too_long(void **state)
{
    char to[8];

    (void)state;
    memset(to, 'x', sizeof(to));
    qr_strcpy(to, 4, "abcdef");
    assert_memory_equal(to, "abc\0xxxx", 8);
    qr_strcpy(to, 8, "abcdefg");
    assert_string_equal(to, "abcdefg");
    qr_strcpy(to, 0, "zzz");
    assert_string_equal(to, "abcdefg");
    qr_strcpy(to, 1, "zzz");
    assert_string_equal(to, "");
}

static void test_parse(const char *text, bool units, u64 expected, const char *rest)
{
    const char *at = text;
    u64 value = 4711;

    assert_true(qr_parse_number(&at, units, &value));
    assert_int_equal(value, expected);
    assert_string_equal(at, rest);
}

static void test_parse_fails(const char *text, bool units)
{
    const char *at = text;
    u64 value = 4711;

    assert_false(qr_parse_number(&at, units, &value));
    assert_int_equal(value, 4711);
    assert_ptr_equal(at, text);
}

static void numbers_are_read_up_to_what_is_no_part_of_them(void **state)
{
    (void)state;
    test_parse("0", false, 0, "");
    test_parse("42,rest", false, 42, ",rest");
    test_parse("007", false, 7, "");
    test_parse("0x1fZ", false, 0x1f, "Z");
    test_parse("0XAbC", false, 0xabc, "");
    test_parse("0x", false, 0, "x");
    test_parse("18446744073709551615", false, ~0ULL, "");
    test_parse("42,rest", true, 42, ",rest");
    test_parse("18446744073709551615", true, ~0ULL, "");
    test_parse("0x3fffffffffffffK", true, ~0ULL << 10, "");
    test_parse("17179869183g", true, 17179869183ULL << 30, "");
    test_parse("17592186044415m", true, 17592186044415ULL << 20, "");
    test_parse("3t", true, 3ULL << 40, "");
    test_parse("512M", true, 512ULL << 20, "");
    test_parse("300k", true, 300ULL << 10, "");
    test_parse("4G-", true, 4ULL << 30, "-");
    test_parse("1T", true, 1ULL << 40, "");
    test_parse("0x10K", true, 16ULL << 10, "");
    test_parse("16777215T", true, 16777215ULL << 40, "");
    test_parse("512M", false, 512, "M");
}

static void what_is_no_number_or_too_big_is_refused_and_nothing_moves(void **state)
{
    (void)state;
    test_parse_fails("", true);
    test_parse_fails("K", true);
    test_parse_fails("-1", true);
    test_parse_fails(" 1", true);
    test_parse_fails("18446744073709551616", false);
    test_parse_fails("99999999999999999999999", false);
    test_parse_fails("0x10000000000000000", false);
    test_parse_fails("16777216T", true);
    test_parse_fails("17179869184G", true);
    test_parse_fails("17592186044416M", true);
    test_parse_fails("0x40000000000000K", true);
    test_parse_fails("18446744073709551615K", true);
}

static void test_names(gfp_t gfp, const char *expected)
{
    char text[600], small[8];

    assert_int_equal(qr_gfp_names(gfp, text, sizeof(text)), strlen(expected));
    assert_string_equal(text, expected);
    assert_int_equal(qr_gfp_names(gfp, small, sizeof(small)), strlen(expected));
    assert_int_equal(strncmp(small, expected, 7), 0);
    assert_true(strlen(small) < sizeof(small));
}

static void masks_are_named_by_the_best_composite_and_single_bits(void **state)
{
    (void)state;
    test_names(0, "0");
    test_names(GFP_KERNEL, "GFP_KERNEL");
    test_names(GFP_KERNEL | __GFP_ZERO, "GFP_KERNEL|__GFP_ZERO");
    test_names(GFP_ATOMIC, "GFP_ATOMIC");
    test_names(GFP_ATOMIC | GFP_DMA, "GFP_ATOMIC|GFP_DMA");
    test_names(GFP_ATOMIC | __GFP_NOWARN, "GFP_ATOMIC|__GFP_NOWARN");
    test_names(GFP_NOWAIT, "GFP_NOWAIT");
    test_names(GFP_NOFS, "GFP_NOFS");
    test_names(GFP_NOIO, "GFP_NOIO");
    test_names(GFP_USER, "GFP_USER");
    test_names(GFP_HIGHUSER, "GFP_HIGHUSER");
    test_names(GFP_HIGHUSER_MOVABLE, "GFP_HIGHUSER_MOVABLE");
    test_names(GFP_TRANSHUGE, "GFP_TRANSHUGE");
    test_names(GFP_TRANSHUGE_LIGHT | GFP_ATOMIC, /* one composite only */
               "GFP_TRANSHUGE_LIGHT|__GFP_HIGH|__GFP_KSWAPD_RECLAIM");
    test_names(GFP_KERNEL_ACCOUNT, "GFP_KERNEL_ACCOUNT");
    test_names(__GFP_KSWAPD_RECLAIM, "__GFP_KSWAPD_RECLAIM");
    test_names(GFP_DMA32, "GFP_DMA32");
    test_names(0x40000000u, "0x40000000");
    test_names(GFP_KERNEL | 0x80000000u, "GFP_KERNEL|0x80000000");
}

/* In the order in which a mask is written. */
static void every_single_flag_has_its_own_name(void **state)
{
    static const struct {
        gfp_t flag;
        const char *name;
    } of[] = {{__GFP_DMA, "GFP_DMA"},
              {__GFP_HIGHMEM, "__GFP_HIGHMEM"},
              {__GFP_DMA32, "GFP_DMA32"},
              {__GFP_MOVABLE, "__GFP_MOVABLE"},
              {__GFP_RECLAIMABLE, "__GFP_RECLAIMABLE"},
              {__GFP_HIGH, "__GFP_HIGH"},
              {__GFP_IO, "__GFP_IO"},
              {__GFP_FS, "__GFP_FS"},
              {__GFP_ZERO, "__GFP_ZERO"},
              {__GFP_COLD, "__GFP_COLD"},
              {__GFP_DIRECT_RECLAIM, "__GFP_DIRECT_RECLAIM"},
              {__GFP_KSWAPD_RECLAIM, NULL}, /* is GFP_NOWAIT, or a part of it */
              {__GFP_WRITE, "__GFP_WRITE"},
              {__GFP_NOWARN, "__GFP_NOWARN"},
              {__GFP_RETRY_MAYFAIL, "__GFP_RETRY_MAYFAIL"},
              {__GFP_NOFAIL, "__GFP_NOFAIL"},
              {__GFP_NORETRY, "__GFP_NORETRY"},
              {__GFP_MEMALLOC, "__GFP_MEMALLOC"},
              {__GFP_COMP, "__GFP_COMP"},
              {__GFP_NOMEMALLOC, "__GFP_NOMEMALLOC"},
              {__GFP_HARDWALL, "__GFP_HARDWALL"},
              {__GFP_THISNODE, "__GFP_THISNODE"},
              {__GFP_ACCOUNT, "__GFP_ACCOUNT"},
              {__GFP_SKIP_ZERO, "__GFP_SKIP_ZERO"}};
    char text[600], all[600] = "";
    gfp_t named = 0;

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(of); i++) {
        if (!of[i].name)
            continue;
        test_names(of[i].flag, of[i].name);
        if (of[i].flag & (__GFP_DIRECT_RECLAIM | __GFP_COMP))
            continue; /* without which no composite is whole */
        named |= of[i].flag;
        strcat(all, all[0] ? "|" : "");
        strcat(all, of[i].name);
    }
    test_names(named, all);
    test_names(GFP_TRANSHUGE_LIGHT, "GFP_TRANSHUGE_LIGHT");
    qr_gfp_names(GFP_TRANSHUGE & ~__GFP_MOVABLE, text, sizeof(text));
    assert_null(strstr(text, "TRANSHUGE"));
}

static void every_flag_has_a_name(void **state)
{
    char text[1024];

    (void)state;
    for (unsigned int bit = 0; bit < __GFP_BITS_SHIFT; bit++) {
        qr_gfp_names(1u << bit, text, sizeof(text));
        assert_null(strstr(text, "0x"));
    }
    qr_gfp_names(__GFP_BITS_MASK, text, sizeof(text));
    assert_null(strstr(text, "0x"));
}

/* The numbers follow from the published definition of the generator, state 1234567. */
static void random_numbers_are_splitmix64_s(void **state)
{
    static const u64 expected[] = {6457827717110365317ULL, 3203168211198807973ULL,
                                   9817491932198370423ULL, 4593380528125082431ULL,
                                   16408922859458223821ULL};
    u64 random = 1234567;

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(expected); i++)
        assert_true(qr_random(&random) == expected[i]);
}

static void lists_keep_their_order(void **state)
{
    struct list_head head, item[3], *pos, *tmp;
    int nr = 0;

    (void)state;
    qr_list_init(&head);
    assert_true(qr_list_empty(&head));
    qr_list_add_tail(&item[1], &head);
    qr_list_add_tail(&item[2], &head);
    qr_list_add(&item[0], &head);
    QR_LIST_FOR_EACH (pos, &head)
        assert_ptr_equal(pos, &item[nr++]);
    assert_int_equal(nr, 3);
    QR_LIST_FOR_EACH_SAFE (pos, tmp, &head)
        qr_list_del(pos);
    assert_true(qr_list_empty(&head));
    assert_true(qr_list_empty(&item[1]));
}

static void the_unknown_cpu_refuses_every_pop_and_push(void **state)
{
    int object;

    (void)state;
    for (u32 id = 0; id < QR_NR_CHUNKS * QR_CHUNK_SLOTS; id++) {
        struct qr_slot *slot = qr_cpu_slot(&qr_cpu_none, id);

        assert_true(slot->hooks & QR_HOOK_CLOSED);
        assert_null(qr_slot_pop(slot));
        assert_false(qr_slot_push(slot, &object));
    }
    for (u32 i = 0; i < QR_CHUNK_SLOTS; i++)
        assert_true(qr_cpu_none.slot[i].hooks & QR_HOOK_CLOSED);
    assert_false(qr_cpu_known(&qr_cpu_none));
    assert_int_equal(qr_cpu_none.nr_pcp, 0);
}

static void bits_are_counted(void **state)
{
    unsigned int bit;
    (void)state;
    assert_int_equal(qr_count_bits64(0), 0);
    assert_int_equal(qr_count_bits64(~0ull), 64);
    assert_int_equal(qr_count_bits64(0x8000000000000001ull), 2);
    for (bit = 0; bit < 64; bit++) {
        assert_int_equal(qr_count_bits64(1ull << bit), 1);
        assert_int_equal(qr_count_bits64((1ull << bit) - 1), bit);
    }
}

static void a_stack_reaches_64_kib_below_its_newest_frame_and_8_mib_in_all(void **state)
{
    static char frame;
    char *low = &frame - (64u << 10);

    (void)state;
    assert_true(qr_is_near_stack(&frame, &frame));
    assert_true(qr_is_near_stack(&frame, low));
    assert_false(qr_is_near_stack(&frame, low - 1));
    assert_true(qr_is_near_stack(&frame, low + (8u << 20) - 1));
    assert_false(qr_is_near_stack(&frame, low + (8u << 20)));
    assert_false(qr_is_near_stack(&frame, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_counted),
        cmocka_unit_test(a_stack_reaches_64_kib_below_its_newest_frame_and_8_mib_in_all),
        cmocka_unit_test(strings_behave_as_libc_s),
        cmocka_unit_test(a_copied_string_is_always_terminated_and_never_too_long),
        cmocka_unit_test(numbers_are_read_up_to_what_is_no_part_of_them),
        cmocka_unit_test(what_is_no_number_or_too_big_is_refused_and_nothing_moves),
        cmocka_unit_test(masks_are_named_by_the_best_composite_and_single_bits),
        cmocka_unit_test(every_single_flag_has_its_own_name),
        cmocka_unit_test(every_flag_has_a_name),
        cmocka_unit_test(random_numbers_are_splitmix64_s),
        cmocka_unit_test(lists_keep_their_order),
        cmocka_unit_test(the_unknown_cpu_refuses_every_pop_and_push),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
