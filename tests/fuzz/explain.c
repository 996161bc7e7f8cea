/* SPDX-License-Identifier: MIT */
/* Fuzz: `quarry explain` reads what was copied out of somebody's terminal. Whatever the text is, it is
 * explained or refused; and what is read of a line does not depend on the time that a log puts before it. */
#include "fuzz.h"
#include "kernel_log.h"
#include "help.h"
#include <setjmp.h>

#define PREFIX "[   12.345678] "

/* What explain.c calls for cli_die and cli_read_file: its end, and the text; a command that refuses a text
 * ends without freeing it. */
static jmp_buf ended;
static const char *given;
static char *reading;
void fuzz_end(enum cli_exit status, const char *format, ...) __attribute__((noreturn));

void fuzz_end(enum cli_exit status, const char *format, ...)
{
    (void)format;
    longjmp(ended, (int)status);
}

char *fuzz_read(const char *path, size_t *size);
char *fuzz_read(const char *path, size_t *size)
{
    (void)path;
    (void)size;
    return reading = cli_copy(given);
}

void help_explain(void)
{
}

/* ---- what a log says, with and without times ------------------------------------------------- */

static char *prefixed(const char *text)
{
    size_t lines = 1, at = 0;
    char *longer;

    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    longer = malloc(strlen(text) + lines * strlen(PREFIX) + 1);
    if (!longer)
        abort();
    at = (size_t)sprintf(longer, PREFIX);
    for (const char *c = text; *c; c++) {
        longer[at++] = *c;
        if (*c == '\n')
            at += (size_t)sprintf(longer + at, PREFIX);
    }
    longer[at] = '\0';
    return longer;
}

static void require_same(const struct log_request *a, const struct log_request *b)
{
    FUZZ_REQUIRE(a->what == b->what && a->line == b->line && a->gfp == b->gfp &&
                     a->order == b->order && a->has_mask == b->has_mask &&
                     a->has_order == b->has_order && a->nr_zones == b->nr_zones &&
                     a->nr_cut == b->nr_cut,
                 "line %zu: order %u and %u, mask %#x and %#x, %zu and %zu zones", a->line,
                 a->order, b->order, a->gfp, b->gfp, a->nr_zones, b->nr_zones);
    FUZZ_REQUIRE(strcmp(a->subject, b->subject) == 0 && strcmp(a->unknown, b->unknown) == 0 &&
                     strcmp(a->mems, b->mems) == 0,
                 "line %zu: words", a->line);
    for (size_t i = 0; i < a->nr_zones; i++)
        FUZZ_REQUIRE(memcmp(&a->zone[i], &b->zone[i], sizeof(a->zone[i])) == 0,
                     "line %zu: zone %zu", a->line, i);
}

static void compare_logs(const char *text)
{
    char *longer = prefixed(text);
    struct kernel_log log, other;

    kernel_log_read(&log, text);
    kernel_log_read(&other, longer);
    FUZZ_REQUIRE(log.nr == other.nr, "%zu requests, %zu with times", log.nr, other.nr);
    for (size_t i = 0; i < log.nr; i++) {
        kernel_log_decide(&log.request[i]);
        kernel_log_decide(&other.request[i]);
        require_same(&log.request[i], &other.request[i]);
    }
    free(log.request);
    free(other.request);
    free(longer);
}

/* ---- the command ----------------------------------------------------------------------------- */

/* To the end, with its output caught: a text that is explained has some. */
static void run_command(const char *text)
{
    char command[] = "explain", path[] = "log", *argv[] = {command, path, NULL}, *output = NULL;
    FILE *console = stdout;
    volatile int status;
    size_t length = 0;

    given = text;
    stdout = open_memstream(&output, &length);
    status = setjmp(ended);
    if (status == 0)
        status = cmd_explain(2, argv);
    fclose(stdout);
    stdout = console;
    FUZZ_REQUIRE(status == (length ? CLI_CLEAN : CLI_FAILED), "status %d, %zu characters", status,
                 length);
    if (status != CLI_CLEAN)
        free(reading);
    free(output);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    char *text = fuzz_text(&input);

    compare_logs(text);
    run_command(text);
    free(text);
    return 0;
}
