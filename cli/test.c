/* SPDX-License-Identifier: MIT */
/* quarry test: what does a driver do when memory is short?
 *
 *     build ─► learn which requests it makes ─► for each that may fail: a run in which it fails, and one
 *     in which it and all after it fail ─► a table by source line
 *
 * Which requests may fail: all but those that a rule promises memory (G-E5 __GFP_NOFAIL, G-M1 a pool
 * that may wait). Options of `quarry run` mean the same here. */
#include "help.h"
#include "mount.h"
#include "sweep_jobs.h"
#include "work.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct run test_run;
static struct sweep test_sweep = {.run = &test_run, .options = {.timeout = 60, .calls = 32}};

/* ---- the command line -------------------------------------------------------------------------- */

static const char *const test_known[] = {
    "--ram",      "--profile",  "--start",   "--cpus", "--nodes", "--check",   "--options",
    "--seed",     "--kernel",   "--param",   "--keep", "--json",  "--quiet",   "--help",
    "--no-mount", "--scenario", "--timeout", "--jobs", "--calls", "--file",    "--function",
    "--cache",    "--size",     "--flags",   "--only", "--from",  "--verbose", "-I",
    "-D",         "-h",         "-q",        "-j",     "-v",      NULL};

static void test_flags(const char *value)
{
    const char *word;
    size_t length;

    if (!sweep_flags(value, &test_sweep.options.aim.flags, &word, &length))
        cli_die(CLI_USAGE, "--flags: \"%.*s\" is no flag such as GFP_ATOMIC or __GFP_ZERO",
                (int)length, word);
}

/* "64", "64-128", "4K-". */
static void test_size(const char *value)
{
    struct sweep_aim *aim = &test_sweep.options.aim;
    char *copy = cli_copy(value), *dash = strchr(copy, '-');
    uint64_t from, to = 0;
    bool good;

    if (dash)
        *dash++ = '\0';
    good = quarry_parse_size(copy, &from);
    if (!dash)
        to = from;
    else if (*dash)
        good = good && quarry_parse_size(dash, &to) && to >= from;
    if (!good)
        cli_die(CLI_USAGE, "--size: \"%s\" is no range such as 64, 64-128 or 4K-", value);
    aim->size_from = (size_t)from;
    aim->size_to = (size_t)to;
    free(copy);
}

static void test_one(int argc, char **argv, int *at, bool from)
{
    if (test_sweep.options.only)
        cli_die(CLI_USAGE, "--only and --from name one place: give one of them, once");
    test_sweep.options.only = options_value(argc, argv, at);
    test_sweep.options.from = from;
}

static bool test_jobs(int argc, char **argv, int *at)
{
    const char *word = argv[*at], *value;

    if (options_is(word, "--jobs"))
        value = options_value(argc, argv, at);
    else if (strncmp(word, "-j", 2) != 0)
        return false;
    else
        value = word[2] ? word + 2 : options_value(argc, argv, at);
    test_sweep.options.jobs = (unsigned int)options_number("--jobs", value, 1, 1024);
    return true;
}

static void test_refuse(const char *word)
{
    static const char *const none[] = {"--gdb", "--list-symbols", "--leaks"};

    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        if (options_is(word, none[i]))
            cli_die(CLI_USAGE, "%s is for `quarry run`", none[i]);
    }
}

/* options_more.take */
static bool test_take(int argc, char **argv, int *at)
{
    struct sweep_options *options = &test_sweep.options;
    const char *word = argv[*at];

    if (options_is(word, "--scenario"))
        options->scenario = options_value(argc, argv, at);
    else if (options_is(word, "--timeout"))
        options->timeout =
            (unsigned int)options_number("--timeout", options_value(argc, argv, at), 1, 86400);
    else if (options_is(word, "--calls"))
        options->calls = options_number("--calls", options_value(argc, argv, at), 0, ~0ul);
    else if (options_is(word, "--file"))
        options->aim.file = options_value(argc, argv, at);
    else if (options_is(word, "--function"))
        options->aim.function = options_value(argc, argv, at);
    else if (options_is(word, "--cache"))
        options->aim.cache = options_value(argc, argv, at);
    else if (options_is(word, "--size"))
        test_size(options_value(argc, argv, at));
    else if (options_is(word, "--flags"))
        test_flags(options_value(argc, argv, at));
    else if (options_is(word, "--only"))
        test_one(argc, argv, at, false);
    else if (options_is(word, "--from"))
        test_one(argc, argv, at, true);
    else if (strcmp(word, "--verbose") == 0 || strcmp(word, "-v") == 0)
        options->verbose = true;
    else
        return test_jobs(argc, argv, at);
    return true;
}

/* A word as a shell reads it back. */
static char *test_quoted(const char *word)
{
    char *text, *to;

    if (*word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "_-+=./,:@%") == strlen(word))
        return cli_copy(word);
    text = to = cli_alloc(strlen(word) * 4 + 3);
    *to++ = '\'';
    for (; *word; word++) {
        if (*word == '\'')
            to = stpcpy(to, "'\\''");
        else
            *to++ = *word;
    }
    *to++ = '\'';
    return text;
}

/* The words that say what is run, without those that say how much of it and how it is shown. */
static void test_words(int argc, char **argv)
{
    static const char *const dropped[] = {"--only", "--from", "--jobs", "--calls"};
    static const char *const alone[] = {"--verbose", "-v", "--quiet", "-q", "--keep"};

    for (int i = 1; i < argc; i++) {
        bool drop = false;
        if (strcmp(argv[i], "--") == 0) {
            while (i < argc)
                strings_take(&test_sweep.command, test_quoted(argv[i++]));
            return;
        }
        for (size_t j = 0; j < sizeof(alone) / sizeof(alone[0]); j++)
            drop |= strcmp(argv[i], alone[j]) == 0;
        drop |= options_is(argv[i], "--json");
        if (strncmp(argv[i], "-j", 2) == 0) {
            i += !argv[i][2];
            continue;
        }
        for (size_t j = 0; j < sizeof(dropped) / sizeof(dropped[0]) && !drop; j++) {
            if (!options_is(argv[i], dropped[j]))
                continue;
            i += !strchr(argv[i], '=');
            drop = true;
        }
        if (!drop)
            strings_take(&test_sweep.command, test_quoted(argv[i]));
    }
}

/* On a machine that is short of memory from the start, init and COMMAND may fail by themselves. */
static bool test_may_fail(void)
{
    return test_run.options.start.state != START_FRESH;
}

static void test_parse(int argc, char **argv)
{
    static const struct options_more more = {test_take, help_test, test_known};
    static char *shell[] = {"sh", "-c", NULL, NULL};
    struct sweep_options *options = &test_sweep.options;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        test_refuse(argv[i]);
    options_parse_run(&test_run.options, &more, argc, argv);
    if (options->scenario && test_run.options.command)
        cli_die(CLI_USAGE, "--scenario and a command after -- are the same: give one of them");
    if (options->scenario) {
        shell[2] = (char *)options->scenario;
        test_run.options.command = shell;
    } else if (test_run.options.command) {
        options->scenario = test_run.options.command[0];
    }
    if (options->scenario && test_run.options.no_mount)
        cli_die(CLI_USAGE, "--no-mount leaves COMMAND without devices: give one of them");
    options->short_of_memory = test_may_fail();
    if (!options->jobs)
        options->jobs = cpus > 0 ? (unsigned int)cpus : 1;
    if (!options->aim.cache && !options->aim.size_to && options->aim.size_from)
        options->aim.size_to = SIZE_MAX;
    test_words(argc, argv);
}

/* ---- which runs -------------------------------------------------------------------------------- */

struct test_place {
    char *file;
    int line;
    unsigned long nth; /* 0: all */
};

/* "scullc.c:97" or "scullc.c:97:2". */
static struct test_place test_place_of(const char *text)
{
    struct test_place place = {.file = cli_copy(text)};
    unsigned long number[2] = {0, 0};
    size_t nr = 0;
    char *colon;

    while (nr < 2 && (colon = strrchr(place.file, ':')) != NULL && colon != place.file &&
           isdigit((unsigned char)colon[1]) && colon[1 + strspn(colon + 1, "0123456789")] == '\0') {
        number[nr++] = strtoul(colon + 1, NULL, 10);
        *colon = '\0';
    }
    if (nr == 0 || number[nr - 1] == 0 || number[nr - 1] > 1u << 30 || (nr == 2 && !number[0]))
        cli_die(CLI_USAGE,
                "--%s: \"%s\" is not FILE:LINE or FILE:LINE:NUMBER, such as scullc.c:97:2",
                test_sweep.options.from ? "from" : "only", text);
    place.line = (int)number[nr - 1];
    place.nth = nr == 2 ? number[0] : 0;
    return place;
}

static void test_add(const struct sweep_request *request, enum sweep_mode mode, bool runs)
{
    static size_t room;
    struct sweep_result *result;

    test_sweep.result =
        cli_grow(test_sweep.result, &room, test_sweep.nr_results + 1, sizeof(*test_sweep.result));
    result = &test_sweep.result[test_sweep.nr_results++];
    memset(result, 0, sizeof(*result));
    result->job = (struct sweep_job){mode, request->site, request->nth};
    result->verdict = runs ? SWEEP_NOT_REACHED : SWEEP_CANNOT_FAIL;
}

static bool test_wanted(const struct sweep_request *request, const struct test_place *place)
{
    const struct sweep_site *site = &test_sweep.map->site[request->site];

    if (place->file && (!sweep_file_is(site->file, place->file) || site->line != place->line ||
                        (place->nth && place->nth != request->nth)))
        return false;
    return sweep_aim_matches(&test_sweep.options.aim, site, request->gfp, request->size,
                             request->cache);
}

static int test_compare(const void *a, const void *b)
{
    const struct sweep_result *x = a, *y = b;
    const struct sweep_site *s = &test_sweep.map->site[x->job.site],
                            *t = &test_sweep.map->site[y->job.site];
    int order = strcmp(s->file, t->file);

    if (order == 0)
        order = (s->line > t->line) - (s->line < t->line);
    if (order == 0)
        order = (x->job.nth > y->job.nth) - (x->job.nth < y->job.nth);
    return order ? order : (int)x->job.mode - (int)y->job.mode;
}

/* A list of runs from what was learned. False: none (said why). */
static bool test_plan(void)
{
    const struct sweep_options *options = &test_sweep.options;
    struct test_place place = {0};

    if (options->only)
        place = test_place_of(options->only);
    for (unsigned long i = 0; i < test_sweep.map->nr_requests; i++) {
        const struct sweep_request *request = &test_sweep.map->request[i];
        bool both = !options->only || !place.nth;
        if (!test_wanted(request, &place))
            continue;
        if (options->calls && request->nth > options->calls && !place.nth) {
            test_sweep.untried++;
            continue;
        }
        if (request->rule[0]) {
            test_add(request, SWEEP_ONCE, false);
            continue;
        }
        if (both || !options->from)
            test_add(request, SWEEP_ONCE, true);
        if (both || options->from)
            test_add(request, SWEEP_FROM, true);
    }
    if (test_sweep.nr_results) {
        qsort(test_sweep.result, test_sweep.nr_results, sizeof(*test_sweep.result), test_compare);
        return true;
    }
    if (options->only)
        cli_say("no request is made at %s that the other options leave; `quarry test` without "
                "--only lists all",
                options->only);
    else
        cli_say("the driver makes no request%s: nothing to test",
                test_sweep.map->nr_requests ? " of the kind asked for" : "");
    return false;
}

/* ---- the order of events ----------------------------------------------------------------------- */

static void test_stopped(void)
{
    work_remove();
}

static void test_show(const char *log)
{
    char *text = cli_read_file(log, NULL);

    if (text)
        fputs(text, stderr);
    free(text);
}

/* The learning run has to be clean, or failures would prove nothing. The status to leave with, or -1. */
static int test_learned(const char *log)
{
    const struct sweep_outcome *out = test_sweep.learned;
    struct strings why = {0};
    bool sound = sweep_sound(out, &test_sweep.options, &why);
    bool served = out->init_done && (!test_run.options.command || out->command_status == 0);

    if (sound && out->loaded && (served || test_may_fail())) {
        if (!out->init_done)
            cli_say("from this start init fails, and leaves nothing behind");
        return -1;
    }
    if (!test_sweep.options.verbose)
        test_show(log);
    for (size_t i = 0; i < why.nr; i++)
        cli_say("%s", why.item[i]);
    if (!out->booted || !out->loaded)
        return CLI_FAILED;
    if (!sound) {
        cli_say("this happens already while no request is made to fail: repair it first "
                "(quarry run)");
        return CLI_FINDINGS;
    }
    if (!out->init_done) {
        cli_say("init fails already while no request is made to fail");
        return CLI_FAILED;
    }
    cli_say("COMMAND ends with status %d already while no request is made to fail",
            out->command_status);
    return CLI_COMMAND;
}

/* What was learned, in memory of our own: later processes add to copies of it. */
static void test_keep_map(void)
{
    struct sweep_map *shared = test_sweep.map;

    test_sweep.map = cli_alloc(sizeof(*shared));
    memcpy(test_sweep.map, shared, sizeof(*shared));
    if (shared->full || shared->lost)
        cli_say("more requests than are remembered: %lu are not tried", shared->lost);
}

static int test_sweep_all(const char *log)
{
    bool one = test_sweep.options.verbose;

    if (!test_plan())
        return test_sweep.options.only ? CLI_USAGE : CLI_CLEAN;
    sweep_jobs_run(&test_sweep, one ? NULL : log, test_stopped);
    test_sweep.exit_status = sweep_is_bad(sweep_worst(&test_sweep)) ? CLI_FINDINGS : CLI_CLEAN;
    if (!test_run.options.json || test_run.options.json_file)
        sweep_table(&test_sweep);
    if (test_run.options.json && !sweep_json(&test_sweep) && test_sweep.exit_status == CLI_CLEAN)
        test_sweep.exit_status = CLI_FAILED;
    return test_sweep.exit_status;
}

static int test_steps(void)
{
    char *log = cli_format("%s/learning.log", work_path());
    int status;

    if (!build_plan(&test_run.options, work_path(), &test_run.built) ||
        !build_all(&test_run.options, work_path(), &test_run.built))
        return CLI_FAILED;
    test_run.options.quiet = !test_sweep.options.verbose;
    test_sweep.map = sweep_shared(sizeof(*test_sweep.map));
    test_sweep.learned = sweep_shared(sizeof(*test_sweep.learned));
    sweep_jobs_start();
    sweep_jobs_learn(&test_sweep, test_sweep.options.verbose ? NULL : log, test_stopped);
    status = test_learned(log);
    if (status >= 0)
        return status;
    test_keep_map();
    return test_sweep_all("/dev/null");
}

int cmd_test(int argc, char **argv)
{
    int status;

    test_parse(argc, argv);
    if (test_run.options.command && !mount_possible())
        return CLI_FAILED;
    if (!work_start(test_run.options.keep))
        return CLI_FAILED;
    test_run.result.names = &test_run.names;
    status = test_steps();
    if (test_run.options.keep)
        cli_say("kept: %s", work_path());
    work_remove();
    return status;
}
