/* SPDX-License-Identifier: MIT */
/* compat/linux: lists, counters, bits, numbers from text, formats, strings. */
#include "compat.h"
#include <linux/bitfield.h>
#include <linux/bitops.h>
#include <linux/hashtable.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/slab.h>

struct item {
    int value;
    struct list_head list;
    struct hlist_node hash;
};

static void a_list_keeps_the_order_of_insertion_at_either_end(void **state)
{
    struct item items[4] = {{.value = 0}, {.value = 1}, {.value = 2}, {.value = 3}}, *at, *next;
    LIST_HEAD(head);
    LIST_HEAD(other);
    int sum = 0;
    assert_true(list_empty(&head));
    list_add_tail(&items[1].list, &head);
    list_add_tail(&items[2].list, &head);
    list_add(&items[0].list, &head);
    list_for_each_entry (at, &head, list)
        sum = sum * 10 + at->value;
    assert_int_equal(sum, 12);
    sum = 0;
    list_for_each_entry_reverse (at, &head, list)
        sum = sum * 10 + at->value;
    assert_int_equal(sum, 210);
    assert_ptr_equal(list_first_entry(&head, struct item, list), &items[0]);
    assert_ptr_equal(list_next_entry(&items[0], list), &items[1]);
    list_move_tail(&items[0].list, &head);
    list_add(&items[3].list, &other);
    list_splice_tail_init(&other, &head);
    assert_true(list_empty(&other));
    assert_int_equal(list_count_nodes(&head), 4);
    list_for_each_entry_safe (at, next, &head, list) {
        list_del(&at->list);
        assert_ptr_equal(at->list.next, LIST_POISON1);
    }
    assert_true(list_empty(&head));
    assert_null(list_first_entry_or_null(&head, struct item, list));
}

static void a_cut_list_is_two_lists(void **state)
{
    struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    LIST_HEAD(head);
    LIST_HEAD(front);
    for (int i = 0; i < 3; i++)
        list_add_tail(&items[i].list, &head);
    list_cut_position(&front, &head, &items[1].list);
    assert_int_equal(list_count_nodes(&front), 2);
    assert_true(list_is_singular(&head));
    assert_ptr_equal(list_last_entry(&front, struct item, list), &items[1]);
    list_replace_init(&items[2].list, &items[0].list);
    assert_ptr_equal(head.next, &items[0].list);
}

static void a_hash_table_finds_what_was_added(void **state)
{
    DEFINE_HASHTABLE(table, 4);
    struct item items[40], *at;
    struct hlist_node *next;
    unsigned int seen = 0;
    int bucket;
    assert_true(hash_empty(table));
    for (int i = 0; i < 40; i++) {
        items[i].value = i;
        hash_add(table, &items[i].hash, (unsigned int)i * 7);
    }
    hash_for_each_possible(table, at, hash, 21u) seen += at->value == 3;
    assert_int_equal(seen, 1);
    hash_for_each_safe(table, bucket, next, at, hash) hash_del(&at->hash);
    assert_true(hash_empty(table));
    assert_true(hlist_unhashed(&items[5].hash));
}

static int released;
static void release(struct kref *kref)
{
    released++;
}

static void the_last_kref_put_releases(void **state)
{
    struct kref kref;
    released = 0;
    kref_init(&kref);
    kref_get(&kref);
    assert_int_equal(kref_put(&kref, release), 0);
    assert_int_equal(released, 0);
    assert_int_equal(kref_put(&kref, release), 1);
    assert_int_equal(released, 1);
    assert_int_equal(kref_get_unless_zero(&kref), 0);
    hear_nothing();
    kref_get(&kref);
    assert_int_equal(heard_compat, 1);
}

static void atomics_answer_what_they_did(void **state)
{
    atomic_t a = ATOMIC_INIT(5);
    atomic64_t b = ATOMIC64_INIT(0);
    assert_int_equal(atomic_add_return(3, &a), 8);
    assert_int_equal(atomic_fetch_sub(3, &a), 8);
    assert_int_equal(atomic_cmpxchg(&a, 5, 9), 5);
    assert_int_equal(atomic_cmpxchg(&a, 5, 1), 9);
    assert_int_equal(atomic_xchg(&a, 1), 9);
    assert_true(atomic_dec_and_test(&a));
    assert_false(atomic_inc_not_zero(&a));
    assert_int_equal(atomic_dec_if_positive(&a), -1);
    assert_int_equal(atomic_read(&a), 0);
    assert_int_equal(atomic64_sub_return(7, &b), -7);
    assert_true(atomic64_add_negative(6, &b));
}

static void bits_are_found_where_they_were_set(void **state)
{
    DECLARE_BITMAP(map, 130) = {0};
    unsigned long bit, sum = 0;
    assert_false(test_and_set_bit(3, map));
    assert_true(test_and_set_bit(3, map));
    set_bit(64, map);
    set_bit(129, map);
    for_each_set_bit(bit, map, 130) sum = sum * 1000 + bit;
    assert_int_equal(sum, 3064129);
    assert_int_equal(find_first_zero_bit(map, 130), 0);
    assert_int_equal(find_next_bit(map, 129, 65), 129);
    assert_true(test_and_clear_bit(64, map));
    assert_int_equal(find_last_bit(map, 130), 129);
    assert_int_equal(fls(0x80000000u), 32);
    assert_int_equal(fls(0), 0);
    assert_int_equal(__ffs(0x10), 4);
    assert_int_equal(GENMASK(7, 4), 0xf0);
    assert_int_equal(hweight32(0xff00ff), 16);
    assert_int_equal(roundup_pow_of_two(33), 64);
    assert_int_equal(order_base_2(33), 6);
    assert_int_equal(ilog2(4096), 12);
}

static void bounds_take_each_argument_once(void **state)
{
    int n = 3, big = 10;
    u64 value = 1000000007;
    assert_int_equal(min(n++, 7), 3);
    assert_int_equal(n, 4);
    assert_int_equal(clamp(big, 1, 5), 5);
    assert_int_equal(max_t(u8, 300, 20), 44);
    assert_int_equal(abs(-5L), 5);
    assert_int_equal(DIV_ROUND_UP(10, 3), 4);
    assert_int_equal(round_up(10, 8), 16);
    assert_int_equal(DIV_ROUND_CLOSEST(-7, 2), -4);
    assert_int_equal(do_div(value, 10), 7);
    assert_int_equal(value, 100000000);
    swap(n, big);
    assert_int_equal(big, 4);
    assert_int_equal(int_sqrt(1000000), 1000);
}

static void error_pointers_carry_the_error(void **state)
{
    void *p = ERR_PTR(-ENOMEM);
    assert_true(IS_ERR(p));
    assert_int_equal(PTR_ERR(p), -ENOMEM);
    assert_false(IS_ERR(&p));
    assert_true(IS_ERR_OR_NULL(NULL));
    assert_int_equal(PTR_ERR_OR_ZERO(&p), 0);
}

static void numbers_are_taken_whole_or_refused(void **state)
{
    unsigned long ul;
    int i;
    u8 u;
    bool b;
    char *end;
    assert_int_equal(kstrtoul("0x10\n", 0, &ul), 0);
    assert_int_equal(ul, 16);
    assert_int_equal(kstrtoul("010", 0, &ul), 0);
    assert_int_equal(ul, 8);
    assert_int_equal(kstrtoul("12a", 10, &ul), -EINVAL);
    assert_int_equal(kstrtoul("", 10, &ul), -EINVAL);
    assert_int_equal(kstrtoul("-1", 10, &ul), -EINVAL);
    assert_int_equal(kstrtoul("18446744073709551616", 10, &ul), -ERANGE);
    assert_int_equal(kstrtoint("-2147483648", 10, &i), 0);
    assert_int_equal(i, INT_MIN);
    assert_int_equal(kstrtoint("2147483648", 10, &i), -ERANGE);
    assert_int_equal(kstrtou8("256", 10, &u), -ERANGE);
    assert_int_equal(kstrtobool("on", &b), 0);
    assert_true(b);
    assert_int_equal(kstrtobool("maybe", &b), -EINVAL);
    assert_int_equal(simple_strtoul("42kg", &end, 0), 42);
    assert_string_equal(end, "kg");
    assert_int_equal(memparse("16M", &end), 16 << 20);
}

/* The compiler knows what libc would do with a NULL and with too little room; so do we. */
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-overflow"
#define FORMATS(expected, ...)                                                                     \
    do {                                                                                           \
        char text[200];                                                                            \
        int length = snprintf(text, sizeof(text), __VA_ARGS__);                                    \
        assert_string_equal(text, expected);                                                       \
        assert_int_equal(length, strlen(expected));                                                \
    } while (0)

static void formats_as_printf_and_a_kernel_do(void **state)
{
    static const unsigned char mac[6] = {0, 1, 2, 0xab, 0xcd, 0xef};
    phys_addr_t phys = 0x1000;
    char tiny[5];
    FORMATS("1 -2 3 0x2a 052", "%d %ld %u %#x %#o", 1, -2L, 3u, 42u, 42u);
    FORMATS("[   ab] [ab   ] [abc]", "[%5s] [%-5s] [%.3s]", "ab", "ab", "abcdef");
    FORMATS("007 +5 18446744073709551615", "%03d %+d %llu", 7, 5, ~0ull);
    FORMATS("-1 65535 255", "%hd %hu %hhu", -1, 65535, 255);
    FORMATS("100%", "%d%%", 100);
    FORMATS("-ENOMEM", "%pe", ERR_PTR(-ENOMEM));
    FORMATS("0000000000001234", "%px", (void *)0x1234);
    FORMATS("00:01:02:ab:cd:ef", "%pM", mac);
    FORMATS("0.1.2.171", "%pI4", mac);
    FORMATS("00 01 02", "%3ph", mac);
    FORMATS("000102", "%3phN", mac);
    FORMATS("00:01:02", "%3phC", mac);
    FORMATS("0x0000000000001000", "%pa", &phys);
    FORMATS("(null)", "%s", (char *)NULL);
    assert_int_equal(snprintf(tiny, sizeof(tiny), "%d", 123456), 6);
    assert_string_equal(tiny, "1234");
    assert_int_equal(scnprintf(tiny, sizeof(tiny), "%d", 123456), 4);
}

static void a_message_inside_a_message_is_formatted(void **state)
{
    char text[100];
    snprintf(text, sizeof(text), "%pS", (void *)kstrtoul);
    assert_non_null(strstr(text, "kstrtoul"));
}

static void strings_are_copied_with_an_end(void **state)
{
    char to[4], text[] = "  padded \n", **argv;
    int argc;
    assert_int_equal(strscpy(to, "abc"), 3);
    assert_int_equal(strscpy(to, "abcd", sizeof(to)), -E2BIG);
    assert_string_equal(to, "abc");
    assert_int_equal(strlcpy(to, "abcdef", sizeof(to)), 6);
    assert_string_equal(strim(text), "padded");
    assert_true(sysfs_streq("on\n", "on"));
    assert_false(sysfs_streq("on", "one"));
    assert_string_equal(kbasename("/a/b/c"), "c");
    argv = argv_split(GFP_KERNEL, " one  two three ", &argc);
    assert_int_equal(argc, 3);
    assert_string_equal(argv[1], "two");
    assert_null(argv[3]);
    argv_free(argv);
    assert_null(memchr_inv("aaaa", 'a', 4));
}

static void a_field_is_put_and_taken_by_its_mask(void **state)
{
    u32 word = FIELD_PREP(GENMASK(15, 4), 0x123) | FIELD_PREP(BIT(31), 1);
    static const u32 constant = FIELD_PREP_CONST(0xf0u, 5);

    assert_int_equal(word, 0x80001230u);
    assert_int_equal(FIELD_GET(GENMASK(15, 4), word), 0x123);
    assert_int_equal(FIELD_GET(GENMASK_ULL(63, 0), ~0ull), ~0ull);
    assert_int_equal(FIELD_MAX(GENMASK(15, 4)), 0xfff);
    assert_true(FIELD_FIT(0xf0u, 15));
    assert_false(FIELD_FIT(0xf0u, 16));
    assert_false(FIELD_FIT(0xf0000000u, 0x10));
    FIELD_MODIFY(GENMASK(15, 4), &word, 0x321);
    assert_int_equal(word, 0x80003210u);
    u32p_replace_bits(&word, 7, 0x7);
    assert_int_equal(word, 0x80003217u);
    assert_int_equal(u8_get_bits(0xa5, 0xf0), 0xa);
    assert_int_equal(constant, 0x50);
    assert_int_equal(SZ_3M + SZ_64K, 3 * 1024 * 1024 + 65536);
    assert_true(SZ_4G == 4 * (unsigned long long)SZ_1G);
}

static void the_log_keeps_lines_with_their_level(void **state)
{
    uint64_t at = 0;
    char text[4096];
    size_t size;
    while (qlx_kmsg_read(&at, text, sizeof(text)))
        ;
    pr_err("one %d\n", 1);
    printk(KERN_INFO "half");
    pr_cont(" and half\n");
    printk(KERN_DEBUG "no newline");
    pr_info("next\n");
    size = qlx_kmsg_read(&at, text, sizeof(text) - 1);
    text[size] = '\0';
    assert_non_null(strstr(text, "<3>["));
    assert_non_null(strstr(text, "] one 1\n"));
    assert_non_null(strstr(text, "] half and half\n"));
    assert_non_null(strstr(text, "] no newline\n"));
    assert_true(strstr(text, "no newline") < strstr(text, "next"));
    assert_int_equal(qlx_kmsg_read(&at, text, sizeof(text)), 0);
}

COMPAT_MAIN(cmocka_unit_test(a_list_keeps_the_order_of_insertion_at_either_end),
            cmocka_unit_test(a_cut_list_is_two_lists),
            cmocka_unit_test(a_hash_table_finds_what_was_added),
            cmocka_unit_test(the_last_kref_put_releases),
            cmocka_unit_test(atomics_answer_what_they_did),
            cmocka_unit_test(bits_are_found_where_they_were_set),
            cmocka_unit_test(bounds_take_each_argument_once),
            cmocka_unit_test(error_pointers_carry_the_error),
            cmocka_unit_test(numbers_are_taken_whole_or_refused),
            cmocka_unit_test(formats_as_printf_and_a_kernel_do),
            cmocka_unit_test(a_message_inside_a_message_is_formatted),
            cmocka_unit_test(strings_are_copied_with_an_end),
            cmocka_unit_test(a_field_is_put_and_taken_by_its_mask),
            cmocka_unit_test(the_log_keeps_lines_with_their_level))
