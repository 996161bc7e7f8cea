/* SPDX-License-Identifier: MIT */
/* Fuzz: the command line of `quarry run`, one word a line of the input. Words are refused with the status for
 * wrong usage, or understood; then the command line written from what was understood means the same. */
#include "fuzz.h"
#include "options.h"
#include "help.h"
#include <setjmp.h>

#define WORDS 32

/* What options.c calls instead of exit, cli_die and strndup: it may leave anywhere. */
static jmp_buf ended;
static char *lost[WORDS];
static unsigned int nr_lost;
void fuzz_exit(int status) __attribute__((noreturn));
void fuzz_end(enum cli_exit status, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));
char *fuzz_strndup(const char *text, size_t length);

void fuzz_exit(int status)
{
    longjmp(ended, 1 + status);
}

void fuzz_end(enum cli_exit status, const char *format, ...)
{
    char line[8192];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    FUZZ_REQUIRE(status == CLI_USAGE && line[0], "status %d: %s", (int)status, line);
    longjmp(ended, 1 + (int)status);
}

/* The last thing before the end, which would forget it. */
char *fuzz_strndup(const char *text, size_t length)
{
    FUZZ_REQUIRE(nr_lost < WORDS, "%u texts", nr_lost);
    return lost[nr_lost++] = strndup(text, length);
}

void help_run(void)
{
}

/* ---- options and back ------------------------------------------------------------------------ */

static void forget_strings(struct strings *list)
{
    for (size_t i = 0; i < list->nr; i++)
        free(list->item[i]);
    free(list->item);
}

static void forget(struct run_options *options)
{
    forget_strings(&options->boot_options);
    forget_strings(&options->include);
    forget_strings(&options->define);
    forget_strings(&options->param);
    for (size_t i = 0; i < options->nr_modules; i++)
        forget_strings(&options->module[i].file);
    free(options->module);
}

/* 0, or the status with which the command ended plus one. */
static int parse(struct run_options *options, char **word, int nr)
{
    volatile int status;

    memset(options, 0, sizeof(*options));
    status = setjmp(ended);
    if (status == 0)
        options_parse_run(options, NULL, nr, word);
    while (nr_lost)
        free(lost[--nr_lost]);
    return status;
}

static void say_number(struct strings *words, const char *option, uint64_t value)
{
    strings_take(words, cli_format("%s=%llu", option, (unsigned long long)value));
}

static void say_switches(struct strings *words, const struct run_options *options)
{
    if (options->no_mount)
        strings_add(words, "--no-mount");
    if (options->gdb)
        strings_add(words, "--gdb");
    if (options->keep)
        strings_add(words, "--keep");
    if (options->quiet)
        strings_add(words, "-q");
    if (options->list_symbols)
        strings_add(words, "--list-symbols");
    if (options->scan_leaks)
        strings_add(words, "--leaks=scan");
    if (options->json)
        strings_take(words, cli_format("--json=%s", options->json_file ? options->json_file : "-"));
}

/* "-Idir"; a value without a character can only be a word of its own. */
static void say_flags(struct strings *words, const char *option, const struct strings *values)
{
    for (size_t i = 0; i < values->nr; i++) {
        strings_take(words, cli_format("%s%s", option, values->item[i]));
        if (!*values->item[i])
            strings_add(words, "");
    }
}

static void say_start(struct strings *words, const struct start *start)
{
    static const char *const name[] = {[START_EXHAUSTED] = "exhausted",
                                       [START_FRAGMENTED] = "fragmented",
                                       [START_RESERVE_EMPTY] = "reserve-empty",
                                       [START_DMA_FULL] = "dma-full"};
    char order[16] = "";

    if (start->state == START_FRESH)
        return;
    if (start->state == START_FRAGMENTED)
        snprintf(order, sizeof(order), "=%u", start->order);
    strings_take(words, cli_format("--start=%s%s%s", name[start->state], order,
                                   start->after_init ? ",after-init" : ""));
}

static void say(struct strings *words, const struct run_options *options)
{
    strings_add(words, "run");
    if (options->machine.ram_bytes)
        say_number(words, "--ram", options->machine.ram_bytes);
    if (options->machine.profile)
        strings_take(words, cli_format("--profile=%s", options->machine.profile));
    if (options->machine.cpus)
        say_number(words, "--cpus", options->machine.cpus);
    if (options->machine.nodes)
        say_number(words, "--nodes", options->machine.nodes);
    say_number(words, "--check", (uint64_t)options->check);
    if (options->seed_given)
        say_number(words, "--seed", options->seed);
    strings_take(words, cli_format("--kernel=%u.%u.%u", options->kernel_major,
                                   options->kernel_minor, options->kernel_patch));
    for (size_t i = 0; i < options->boot_options.nr; i++)
        strings_take(words, cli_format("--options=%s", options->boot_options.item[i]));
    for (size_t i = 0; i < options->param.nr; i++)
        strings_take(words, cli_format("--param=%s", options->param.item[i]));
    say_flags(words, "-I", &options->include);
    say_flags(words, "-D", &options->define);
    say_start(words, &options->start);
    say_switches(words, options);
    for (size_t i = 0; i < options->nr_modules; i++) {
        if (i)
            strings_add(words, "+");
        for (size_t j = 0; j < options->module[i].file.nr; j++)
            strings_add(words, options->module[i].file.item[j]);
    }
    if (options->command) {
        strings_add(words, "--");
        for (char **word = options->command; *word; word++)
            strings_add(words, *word);
    }
}

/* ---- the same? ------------------------------------------------------------------------------- */

static bool same_word(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_strings(const struct strings *a, const struct strings *b)
{
    if (a->nr != b->nr)
        return false;
    for (size_t i = 0; i < a->nr; i++) {
        if (strcmp(a->item[i], b->item[i]) != 0)
            return false;
    }
    return true;
}

static bool same(const struct run_options *a, const struct run_options *b)
{
    bool equal = a->machine.ram_bytes == b->machine.ram_bytes && a->check == b->check &&
                 same_word(a->machine.profile, b->machine.profile) &&
                 a->machine.cpus == b->machine.cpus && a->machine.nodes == b->machine.nodes &&
                 a->seed_given == b->seed_given && a->seed == b->seed &&
                 a->kernel_major == b->kernel_major && a->kernel_minor == b->kernel_minor &&
                 a->kernel_patch == b->kernel_patch && a->scan_leaks == b->scan_leaks &&
                 a->no_mount == b->no_mount && a->gdb == b->gdb && a->keep == b->keep &&
                 a->json == b->json && a->quiet == b->quiet && a->list_symbols == b->list_symbols &&
                 a->start.state == b->start.state && a->start.order == b->start.order &&
                 a->start.after_init == b->start.after_init &&
                 same_word(a->json_file, b->json_file) && a->nr_modules == b->nr_modules &&
                 !a->command == !b->command && same_strings(&a->boot_options, &b->boot_options) &&
                 same_strings(&a->include, &b->include) && same_strings(&a->define, &b->define) &&
                 same_strings(&a->param, &b->param);

    for (size_t i = 0; equal && i < a->nr_modules; i++)
        equal = same_strings(&a->module[i].file, &b->module[i].file);
    for (size_t i = 0; equal && a->command && (a->command[i] || b->command[i]); i++)
        equal = same_word(a->command[i], b->command[i]);
    return equal;
}

static void compare(const struct run_options *options)
{
    struct run_options again;
    struct strings words = {0};
    char *text = options_boot_text(options), *other;
    int status;

    say(&words, options);
    status = parse(&again, words.item, (int)words.nr);
    FUZZ_REQUIRE(status == 0, "refused the second time (%d)", status - 1);
    FUZZ_REQUIRE(same(options, &again), "not the same");
    other = options_boot_text(&again);
    FUZZ_REQUIRE(strcmp(text, other) == 0, "\"%s\" and \"%s\"", text, other);
    free(text);
    free(other);
    forget(&again);
    forget_strings(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    char *text = fuzz_text(&input), *rest = text, *word;
    struct run_options options;
    struct strings words = {0};
    int status;

    unsetenv("QUARRY_CHECK");
    unsetenv("QUARRY_OPTIONS");
    strings_add(&words, "run");
    while (words.nr < WORDS && (word = strsep(&rest, "\n")) != NULL) {
        if (rest || *word)
            strings_add(&words, word);
    }
    status = parse(&options, words.item, (int)words.nr);
    if (status == 0)
        compare(&options);
    else
        FUZZ_REQUIRE(status == 1 + CLI_USAGE || status == 1 + CLI_CLEAN, "status %d", status - 1);
    forget(&options);
    forget_strings(&words);
    free(text);
    return 0;
}
