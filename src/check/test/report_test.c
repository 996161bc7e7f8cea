/* SPDX-License-Identifier: MIT */
/* Tests of check/report.c: what a finding counts, what the hook sees, what the console shows. The
 * console is file descriptor 2; each test that looks at it points that at a file meanwhile. */
#include "machine.h"

#include <sys/socket.h>
#include <unistd.h>

static struct qr_check check;

static int fresh_check(void **state)
{
    (void)state;
    memset(&check, 0, sizeof(check));
    return 0;
}

/* ---- the console as text -------------------------------------------------------------------- */

static int console_file, console_before;
static char console_text[8192];

static void console_begin(void)
{
    char name[] = "/tmp/quarry-console-XXXXXX";

    fflush(stderr);
    console_file = mkstemp(name);
    assert_true(console_file >= 0);
    unlink(name);
    console_before = dup(2);
    dup2(console_file, 2);
}

static const char *console_end(void)
{
    ssize_t length;

    dup2(console_before, 2);
    close(console_before);
    length = pread(console_file, console_text, sizeof(console_text) - 1, 0);
    close(console_file);
    assert_true(length >= 0);
    console_text[length] = 0;
    assert_int_equal(strlen(console_text), length); /* letters, and no byte behind them */
    return console_text;
}

/* ---- a hook that keeps what it saw ---------------------------------------------------------- */

static struct {
    unsigned int calls;
    struct quarry_report report;
    struct quarry_trace now;
    char text[1024];
    void *data;
    bool print;
} seen;

static bool keep_report(const struct quarry_report *report, void *data)
{
    seen.calls++;
    seen.report = *report;
    seen.now = *report->now;
    seen.data = data;
    snprintf(seen.text, sizeof(seen.text), "%s", report->text);
    return seen.print;
}

static void hook_begin(bool print)
{
    memset(&seen, 0, sizeof(seen));
    seen.print = print;
    qr_report_set_hook(&check, keep_report, &seen);
}

static void a_report_is_one_headline_the_memory_and_both_sites(void **state)
{
    struct quarry_trace now = {2, {(void *)0x1234, (void *)0x5678}};
    struct quarry_trace before = {1, {(void *)0xabcd}};
    struct quarry_report report = {.kind = QUARRY_DOUBLE_FREE,
                                   .rule = "G-S8",
                                   .address = (void *)0x7f00,
                                   .size = 64,
                                   .cache = "dentry",
                                   .now = &now,
                                   .before = &before,
                                   .before_is = "freed by"};

    (void)state;
    console_begin();
    qr_report(&check, &report, "kfree(%p): free already", report.address);
    assert_string_equal(console_end(),
                        "quarry: BUG: double free: kfree(0x7f00): free already [G-S8]\n"
                        "  memory: 0x7f00, 64 bytes, cache dentry\n"
                        "  now:\n"
                        "    0x1234\n"
                        "    0x5678\n"
                        "  freed by:\n"
                        "    0xabcd\n");
}

static void a_report_without_details_still_says_who_made_it(void **state)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST};
    const char *text;

    (void)state;
    console_begin();
    qr_report(&check, &report, "nonsense");
    text = console_end();
    assert_ptr_equal(strstr(text, "quarry: BUG: bad request: nonsense\n  now:\n    0x"), text);
}

static void a_failed_request_is_no_bug(void **state)
{
    struct quarry_report report = {.kind = QUARRY_OUT_OF_MEMORY, .rule = "G-E6"};
    const char *text;

    (void)state;
    console_begin();
    qr_report(&check, &report, "order 3");
    text = console_end();
    assert_null(strstr(text, "BUG"));
    assert_ptr_equal(strstr(text, "quarry: out of memory: order 3 [G-E6]\n"), text);
}

static void every_finding_is_counted_by_kind_and_in_all_but_memory_shortage(void **state)
{
    (void)state;
    hook_begin(false);
    for (unsigned int kind = 0; kind < QUARRY_FINDING_KINDS; kind++) {
        struct quarry_report report = {.kind = kind};

        for (unsigned int i = 0; i <= kind; i++)
            qr_report(&check, &report, "finding");
        assert_int_equal(qr_report_count(&check, kind), kind + 1);
    }
    assert_int_equal(qr_report_count(&check, QUARRY_FINDING_KINDS),
                     QUARRY_FINDING_KINDS * (QUARRY_FINDING_KINDS + 1) / 2 -
                         (QUARRY_OUT_OF_MEMORY + 1));
}

static void the_hook_sees_the_whole_report_before_the_console(void **state)
{
    struct quarry_report report = {
        .kind = QUARRY_OVERRUN, .address = &check, .size = 7, .cache = "c", .rule = "G-S8"};

    (void)state;
    hook_begin(true);
    console_begin();
    qr_report(&check, &report, "byte %d was written", 8);
    assert_non_null(strstr(console_end(), "byte 8 was written [G-S8]\n"));
    assert_int_equal(seen.calls, 1);
    assert_string_equal(seen.text, "byte 8 was written");
    assert_int_equal(seen.report.kind, QUARRY_OVERRUN);
    assert_ptr_equal(seen.report.address, &check);
    assert_int_equal(seen.report.size, 7);
    assert_ptr_equal(seen.data, &seen);
    assert_true(seen.now.nr > 0);
}

static void the_hook_may_keep_the_console_quiet_and_be_taken_away_again(void **state)
{
    struct quarry_report report = {.kind = QUARRY_OVERRUN};

    (void)state;
    hook_begin(false);
    console_begin();
    qr_report(&check, &report, "quiet");
    assert_string_equal(console_end(), "");
    qr_report_set_hook(&check, NULL, NULL);
    console_begin();
    qr_report(&check, &report, "loud");
    assert_non_null(strstr(console_end(), "loud"));
    assert_int_equal(seen.calls, 1);
}

static void a_text_of_any_length_is_cut_and_the_rest_of_the_report_survives(void **state)
{
    static char huge[5000], name[200];
    struct quarry_trace now = {.nr = QUARRY_TRACE_MAX};
    struct quarry_report report = {.kind = QUARRY_BAD_FREE,
                                   .rule = "G-S8",
                                   .address = (void *)-1l,
                                   .size = (size_t)-1,
                                   .cache = name,
                                   .now = &now,
                                   .before = &now,
                                   .before_is = "allocated by"};
    const char *text;

    (void)state;
    memset(huge, 'h', sizeof(huge) - 1);
    memset(name, 'n', sizeof(name) - 1);
    for (unsigned int i = 0; i < QUARRY_TRACE_MAX; i++)
        now.pc[i] = (void *)(-1l - i);
    console_begin();
    qr_report(&check, &report, "%s", huge);
    text = console_end();
    assert_non_null(strstr(text, "hhh [G-S8]\n  memory: 0xffffffffffffffff, "));
    assert_non_null(strstr(text, "  allocated by:\n"));
    assert_string_equal(text + strlen(text) - 23, "    0xfffffffffffffff0\n");
}

/* A public call, as far as backtraces can tell: what is inner to it is Quarry's, and the site is
 * where it was called. */
#define TEST_DOOR QR_NOINLINE __attribute__((section("quarry_entry")))

static TEST_DOOR bool misuse(void)
{
    static const struct quarry_report report = {.kind = QUARRY_BAD_REQUEST};
    bool reported = qr_report_once(&check, &report, "misuse");

    __asm__ volatile("" ::: "memory"); /* no tail call */
    return reported;
}

static void misuse_is_reported_once_a_call_site(void **state)
{
    struct quarry_trace site = {1, {(void *)0x1000}};
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .now = &site};

    (void)state;
    hook_begin(false);
    /* Not unrolled: each copy of the call would be a site of its own. */
#pragma GCC unroll 1
    for (int i = 0; i < 5; i++)
        assert_int_equal(misuse(), i == 0);
    assert_true(misuse());
    assert_true(qr_report_once(&check, &report, "one"));
    assert_false(qr_report_once(&check, &report, "one"));
    assert_true(qr_report_once(&check, &report, "other"));
    report.kind = QUARRY_BAD_FREE;
    assert_true(qr_report_once(&check, &report, "one"));
    assert_int_equal(seen.calls, 5);
    assert_int_equal(qr_report_count(&check, QUARRY_FINDING_KINDS), 5);
}

static void more_call_sites_than_can_be_remembered_are_still_reported(void **state)
{
    struct quarry_trace site = {1, {NULL}};
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .now = &site};

    (void)state;
    hook_begin(false);
    for (uintptr_t i = 1; i <= 3 * QR_MISUSE_SITES; i++) {
        site.pc[0] = (void *)(i * 0x10);
        assert_true(qr_report_once(&check, &report, "site"));
        assert_false(qr_report_once(&check, &report, "site"));
    }
}

static void failure_reports_are_limited_in_their_rate(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++)
        assert_int_equal(qr_warn_allowed(&check), i < 10);
    check.warn_window_ns -= 5000000000ULL; /* as if five seconds had passed */
    for (int i = 0; i < 30; i++)
        assert_int_equal(qr_warn_allowed(&check), i < 10);
}

static void lines_that_are_no_finding_are_only_printed(void **state)
{
    static char huge[5000];

    (void)state;
    memset(huge, 'h', sizeof(huge) - 1);
    console_begin();
    qr_print("Node %d %s\n", 0, "DMA");
    assert_string_equal(console_end(), "Node 0 DMA\n");
    console_begin();
    qr_print("%s", huge);
    assert_int_equal(strlen(console_end()), 1023);
    assert_int_equal(qr_report_count(&check, QUARRY_FINDING_KINDS), 0);
}

static void a_report_may_have_a_third_site(void **state)
{
    struct quarry_trace now = {1, {(void *)0x1234}}, before = {1, {(void *)0xabcd}};
    struct quarry_trace also = {2, {(void *)0x777, (void *)0x888}};
    struct quarry_report report = {.kind = QUARRY_USE_AFTER_FREE,
                                   .now = &now,
                                   .before = &before,
                                   .also = &also,
                                   .also_is = "freed by"};

    (void)state;
    console_begin();
    qr_report(&check, &report, "old");
    assert_string_equal(console_end(), "quarry: BUG: use after free: old\n"
                                       "  now:\n"
                                       "    0x1234\n"
                                       "  before:\n"
                                       "    0xabcd\n"
                                       "  freed by:\n"
                                       "    0x777\n"
                                       "    0x888\n");
    report.also_is = NULL;
    report.before = NULL;
    report.size = 1;
    report.cache = "names";
    console_begin();
    qr_report(&check, &report, "old");
    assert_string_equal(console_end(), "quarry: BUG: use after free: old\n"
                                       "  memory: (nil), 1 byte, cache names\n"
                                       "  now:\n"
                                       "    0x1234\n"
                                       "  also:\n"
                                       "    0x777\n"
                                       "    0x888\n");
}

static size_t name_at_length(const void *pc, struct quarry_symbol *frames, size_t nr, void *data)
{
    static char name[200];

    (void)pc;
    (void)data;
    assert_true(nr > 0);
    memset(name, 'f', sizeof(name) - 1);
    frames[0] = (struct quarry_symbol){.function = name};
    return 1;
}

/* Longer than the buffer: written in parts, which together are the text and nothing else. */
static void a_report_with_long_names_is_written_whole(void **state)
{
    struct quarry_trace now = {.nr = QUARRY_TRACE_MAX}, before = {.nr = QUARRY_TRACE_MAX};
    struct quarry_report report = {.kind = QUARRY_LEAK, .now = &now, .before = &before};
    const char *text, *first, *second;
    unsigned int lines = 0;

    (void)state;
    for (unsigned int i = 0; i < QUARRY_TRACE_MAX; i++)
        now.pc[i] = before.pc[i] = (void *)(uintptr_t)(0x1000 + i);
    check.symbol = name_at_length;
    console_begin();
    qr_report(&check, &report, "long");
    text = console_end();
    assert_ptr_equal(strstr(text, "quarry: BUG: leak: long\n  now:\n    "), text);
    for (const char *at = text; (at = strchr(at, '\n')); at++) {
        lines++;
        assert_true(!at[1] || strncmp(at + 1, "  ", 2) == 0);
    }
    assert_int_equal(lines, 3 + 2 * QUARRY_TRACE_MAX);
    /* Both traces are the same, so both parts are, wherever the text was cut. */
    first = strstr(text, "  now:\n") + strlen("  now:\n");
    second = strstr(text, "  before:\n") + strlen("  before:\n");
    assert_int_equal(strlen(second), second - strlen("  before:\n") - first);
    assert_memory_equal(first, second, strlen(second));
}

/* The console as a channel that keeps each call's bytes apart; how long they were. */
static unsigned int console_calls(const struct quarry_report *report, const char *words,
                                  size_t *length)
{
    int channel[2], before = dup(2);
    unsigned int nr = 0;
    char part[4096];
    ssize_t got;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel), 0);
    fflush(stderr);
    dup2(channel[1], 2);
    qr_report(&check, report, "%s", words);
    dup2(before, 2);
    close(before);
    close(channel[1]);
    while ((got = recv(channel[0], part, sizeof(part), 0)) > 0)
        length[nr++] = (size_t)got;
    close(channel[0]);
    return nr;
}

/* So that those of several CPUs do not mix; only a long one takes a few calls. */
static void a_report_is_written_by_one_call(void **state)
{
    struct quarry_trace now = {.nr = QUARRY_TRACE_MAX}, before = {.nr = QUARRY_TRACE_MAX};
    struct quarry_report report = {.kind = QUARRY_LEAK, .now = &now, .before = &before};
    size_t length[64];
    unsigned int nr;

    (void)state;
    for (unsigned int i = 0; i < QUARRY_TRACE_MAX; i++)
        now.pc[i] = before.pc[i] = (void *)(uintptr_t)(0x1000 + i);
    assert_int_equal(console_calls(&report, "short", length), 1);
    check.symbol = name_at_length;
    nr = console_calls(&report, "long", length);
    assert_in_range(nr, 2, 10);
    for (unsigned int i = 0; i + 1 < nr; i++)
        assert_in_range(length[i], 1025, 2047); /* more than half of the buffer */
}

/* What a hook is told ends with its room, and is whole before that. */
static void a_headline_has_767_characters_at_most(void **state)
{
    static char words[1000];
    struct quarry_report report = {.kind = QUARRY_BAD_FREE};

    (void)state;
    for (size_t length = 760; length < 780; length++) {
        memset(words, 'w', sizeof(words));
        words[length] = '\0';
        hook_begin(false);
        qr_report(&check, &report, "%s", words);
        assert_int_equal(strlen(seen.text), length < 767 ? length : 767);
    }
}

static void each_kind_has_its_title(void **state)
{
    static const char *const title[QUARRY_FINDING_KINDS] = {
        [QUARRY_BAD_REQUEST] = "BUG: bad request: ",
        [QUARRY_BAD_CONTEXT] = "BUG: may sleep in atomic context: ",
        [QUARRY_DOUBLE_FREE] = "BUG: double free: ",
        [QUARRY_BAD_FREE] = "BUG: bad free: ",
        [QUARRY_OVERRUN] = "BUG: overrun: ",
        [QUARRY_USE_AFTER_FREE] = "BUG: use after free: ",
        [QUARRY_LEAK] = "BUG: leak: ",
        [QUARRY_OUT_OF_MEMORY] = "out of memory: ",
        [QUARRY_CORRUPTION] = "BUG: corruption: ",
    };
    struct quarry_trace none = {0};

    (void)state;
    for (unsigned int kind = 0; kind < QUARRY_FINDING_KINDS; kind++) {
        struct quarry_report report = {.kind = kind, .now = &none};
        char words[128];
        console_begin();
        assert_true(qr_report(&check, &report, "it"));
        snprintf(words, sizeof(words), "quarry: %sit\n  now:\n    (unknown)\n", title[kind]);
        assert_string_equal(console_end(), words);
    }
}

/* By the format's address: also of those that lie side by side. */
static void what_one_site_says_in_different_words_is_told_apart(void **state)
{
    struct quarry_trace site = {1, {(void *)0x1000}};
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .now = &site};
    unsigned int nr = 0;

    (void)state;
    hook_begin(false);
#define ONCE(word) nr += qr_report_once(&check, &report, word)
    for (int round = 0; round < 2; round++) {
        ONCE("a"), ONCE("b"), ONCE("c"), ONCE("d"), ONCE("e"), ONCE("f"), ONCE("g"), ONCE("h");
        ONCE("i"), ONCE("j"), ONCE("k"), ONCE("l"), ONCE("m"), ONCE("n"), ONCE("o"), ONCE("p");
        assert_int_equal(nr, 16);
    }
#undef ONCE
    assert_int_equal(seen.calls, 16);
}

/* Sixty-four are remembered, the oldest is forgotten first. */
static void the_last_call_sites_are_remembered(void **state)
{
    struct quarry_trace site = {1, {NULL}};
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .now = &site};

    (void)state;
    hook_begin(false);
    for (uintptr_t i = 1; i <= QR_MISUSE_SITES; i++) {
        site.pc[0] = (void *)(i * 0x10);
        assert_true(qr_report_once(&check, &report, "site"));
    }
    for (uintptr_t i = 1; i <= QR_MISUSE_SITES; i++) {
        site.pc[0] = (void *)(i * 0x10);
        assert_false(qr_report_once(&check, &report, "site"));
    }
    site.pc[0] = &site;
    assert_true(qr_report_once(&check, &report, "site"));
    site.pc[0] = (void *)0x20;
    assert_false(qr_report_once(&check, &report, "site"));
    site.pc[0] = (void *)0x10;
    assert_true(qr_report_once(&check, &report, "site"));
}

/* Made elsewhere, text and all: counted and offered like any other. */
static void a_report_that_is_laid_out_is_offered_and_printed_as_it_is(void **state)
{
    struct quarry_trace now = {1, {(void *)0x10}};
    struct quarry_report report = {.kind = QUARRY_LEAK, .now = &now, .text = "laid out"};

    (void)state;
    hook_begin(false);
    console_begin();
    assert_false(qr_report_laid_out(&check, &report, "to the letter\n"));
    assert_string_equal(console_end(), "");
    assert_string_equal(seen.text, "laid out");
    seen.print = true;
    console_begin();
    assert_true(qr_report_laid_out(&check, &report, "to the letter\n"));
    assert_string_equal(console_end(), "to the letter\n");
    assert_int_equal(seen.calls, 2);
    assert_int_equal(qr_report_count(&check, QUARRY_LEAK), 2);
    assert_int_equal(qr_report_count(&check, QUARRY_FINDING_KINDS), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_report_is_one_headline_the_memory_and_both_sites, fresh_check),
        cmocka_unit_test_setup(a_report_without_details_still_says_who_made_it, fresh_check),
        cmocka_unit_test_setup(a_failed_request_is_no_bug, fresh_check),
        cmocka_unit_test_setup(every_finding_is_counted_by_kind_and_in_all_but_memory_shortage,
                               fresh_check),
        cmocka_unit_test_setup(the_hook_sees_the_whole_report_before_the_console, fresh_check),
        cmocka_unit_test_setup(the_hook_may_keep_the_console_quiet_and_be_taken_away_again,
                               fresh_check),
        cmocka_unit_test_setup(a_text_of_any_length_is_cut_and_the_rest_of_the_report_survives,
                               fresh_check),
        cmocka_unit_test_setup(misuse_is_reported_once_a_call_site, fresh_check),
        cmocka_unit_test_setup(more_call_sites_than_can_be_remembered_are_still_reported,
                               fresh_check),
        cmocka_unit_test_setup(failure_reports_are_limited_in_their_rate, fresh_check),
        cmocka_unit_test_setup(lines_that_are_no_finding_are_only_printed, fresh_check),
        cmocka_unit_test_setup(a_report_may_have_a_third_site, fresh_check),
        cmocka_unit_test_setup(a_report_with_long_names_is_written_whole, fresh_check),
        cmocka_unit_test_setup(a_report_is_written_by_one_call, fresh_check),
        cmocka_unit_test_setup(a_headline_has_767_characters_at_most, fresh_check),
        cmocka_unit_test_setup(each_kind_has_its_title, fresh_check),
        cmocka_unit_test_setup(what_one_site_says_in_different_words_is_told_apart, fresh_check),
        cmocka_unit_test_setup(the_last_call_sites_are_remembered, fresh_check),
        cmocka_unit_test_setup(a_report_that_is_laid_out_is_offered_and_printed_as_it_is,
                               fresh_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
