/* SPDX-License-Identifier: MIT */
/* Tests of base/format.c against libc's snprintf, which is the reference for every directive that
 * both know, and of texts that outgrow their buffer. */
#include "machine.h"

#include <limits.h>

#define CASES 200000

static u64 seed = 20240607;

static unsigned int test_pick(unsigned int nr)
{
    return (unsigned int)(qr_random(&seed) % nr);
}

/* Numbers at the borders and numbers of any length. */
static u64 test_number(void)
{
    static const u64 border[] = {0,     1,          9,        10,           127,
                                 128,   255,        256,      32767,        32768,
                                 65535, INT_MAX,    UINT_MAX, 1ULL << 31,   INT64_MAX,
                                 ~0ULL, 1ULL << 63, (u64)-2,  0xdeadbeefULL};
    if (test_pick(3) == 0)
        return border[test_pick(QR_ARRAY_SIZE(border))];
    return qr_random(&seed) >> test_pick(64);
}

static void test_compare(const char *directive, size_t size, const char *ours, size_t our_length,
                         const char *libc, int libc_length)
{
    if (our_length != (size_t)libc_length || (size && strcmp(ours, libc)))
        fail_msg("\"%s\" into %zu bytes: \"%s\" (%zu), libc: \"%s\" (%d)", directive, size, ours,
                 our_length, libc, libc_length);
}

#define COMPARE(directive, room, ...)                                                              \
    do {                                                                                           \
        char ours[512], libc[512];                                                                 \
        size_t size = (room), our_length;                                                          \
        int libc_length;                                                                           \
        memset(ours, 'x', sizeof(ours));                                                           \
        memset(libc, 'x', sizeof(libc));                                                           \
        our_length = qr_snprintf(ours, size, (directive), __VA_ARGS__);                            \
        libc_length = snprintf(libc, size, (directive), __VA_ARGS__);                              \
        test_compare((directive), size, ours, our_length, libc, libc_length);                      \
        assert_memory_equal(ours + size, libc + size, sizeof(ours) - size);                        \
    } while (0)

#pragma GCC diagnostic ignored "-Wformat"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#endif
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wformat-truncation"
#endif

/* "%" flags width precision length conversion, all at random. */
static void test_directive(char *to, const char *flags, const char *length, char conversion)
{
    *to++ = '[';
    *to++ = '%';
    for (const char *flag = flags; *flag; flag++) {
        if (test_pick(3) == 0)
            *to++ = *flag;
    }
    if (test_pick(2))
        to += sprintf(to, "%u", test_pick(30) + 1);
    if (test_pick(3) == 0)
        to += sprintf(to, ".%u", test_pick(25));
    to += sprintf(to, "%s%c]", length, conversion);
}

static void integers_are_written_as_libc_does(void **state)
{
    static const char conversions[] = "diuxXo";
    static const char *const lengths[] = {"", "hh", "h", "l", "ll", "z", "t"};
    char directive[64];

    (void)state;
    for (int i = 0; i < CASES; i++) {
        char conversion = conversions[test_pick(6)];
        unsigned int length = test_pick(7);
        bool is_signed = conversion == 'd' || conversion == 'i';
        size_t room = test_pick(4) ? 256 : test_pick(24);
        u64 value = test_number();

        test_directive(directive,
                       is_signed           ? "-0+ "
                       : conversion == 'u' ? "-0"
                                           : "-0#",
                       lengths[length], conversion);
        if (length >= 3)
            COMPARE(directive, room, value);
        else
            COMPARE(directive, room, (unsigned int)value);
    }
}

static void widths_and_precisions_come_from_arguments_too(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        int width = (int)test_pick(60) - 30, precision = (int)test_pick(40) - 10;
        long value = (long)test_number();

        COMPARE("%*ld|", 256, width, value);
        COMPARE("%.*ld|", 256, precision, value);
        COMPARE("%0*.*lx|", 256, width, precision, value);
        COMPARE("%*.*s|", 256, width, precision, "the quick brown fox");
    }
}

static void strings_are_cut_padded_and_never_read_beyond_their_precision(void **state)
{
    char unterminated[4] = {'a', 'b', 'c', 'd'}, directive[64];

    (void)state;
    for (int i = 0; i < 5000; i++) {
        test_directive(directive, "-", "", 's');
        COMPARE(directive, test_pick(2) ? 256 : test_pick(20), "some text");
    }
    COMPARE("%.4s|", 256, unterminated);
    COMPARE("%.2s|", 256, unterminated);
    COMPARE("%c%-4c%4c|", 256, 'a', 'b', 'c');
    COMPARE("%.3s|%s|", 256, "", "");
}

static void pointers_are_hexadecimal(void **state)
{
    int local;

    (void)state;
    COMPARE("%p", 256, (void *)&local);
    COMPARE("%20p|%-20p|", 256, (void *)&local, (void *)&local);
    COMPARE("%p", 256, (void *)16);
    COMPARE("%p|%8p", 256, NULL, NULL);
    COMPARE("%.2p|%9.3p|%-9.0p|", 256, NULL, NULL, NULL);
}

static void several_directives_and_plain_text_mix(void **state)
{
    (void)state;
    COMPARE("100%% of %u pages (%lu kB) in zone %-8s|%5.1s|%#x%c", 256, 7u, 28ul, "DMA", "xyz",
            255u, '\n');
    COMPARE("%s", 0, "nothing is written into no room");
    COMPARE("%s", 1, "only the terminator");
}

static void unknown_directives_are_shown_as_they_stand(void **state)
{
    char text[64];

    (void)state;
    assert_int_equal(qr_snprintf(text, sizeof(text), "%q %n %5.2f %"), 13);
    assert_string_equal(text, "%q %n %5.2f %");
}

static void a_text_grows_and_remembers_what_did_not_fit(void **state)
{
    char buffer[16];
    struct qr_text text = {buffer, sizeof(buffer), 0};
    struct qr_text none = {NULL, 0, 0};

    (void)state;
    memset(buffer, 'x', sizeof(buffer));
    qr_text_add(&text, "%s-%d", "abc", 12);
    assert_string_equal(buffer, "abc-12");
    qr_text_add(&text, "%s", "456789012");
    assert_string_equal(buffer, "abc-12456789012");
    assert_int_equal(text.length, 15);
    qr_text_add(&text, "and more");
    assert_string_equal(buffer, "abc-12456789012");
    qr_text_add(&text, "%d", 7);
    assert_int_equal(text.length, 24);
    assert_string_equal(buffer, "abc-12456789012");
    qr_text_add(&none, "%d bytes", 7);
    assert_int_equal(none.length, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_written_as_libc_does),
        cmocka_unit_test(widths_and_precisions_come_from_arguments_too),
        cmocka_unit_test(strings_are_cut_padded_and_never_read_beyond_their_precision),
        cmocka_unit_test(pointers_are_hexadecimal),
        cmocka_unit_test(several_directives_and_plain_text_mix),
        cmocka_unit_test(unknown_directives_are_shown_as_they_stand),
        cmocka_unit_test(a_text_grows_and_remembers_what_did_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
