/* SPDX-License-Identifier: MIT */
/* quarry-prove: the command. See prove.h. */
#include "prove.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define MAIN_SCHEDULES 8u

static const char main_help[] =
    "Usage: quarry-prove [OPTION...]\n"
    "Play random concurrent programs on simulated machines, under many schedules, until one goes\n"
    "wrong; then make it small and print it.\n\n"
    "      --seconds N     stop after N seconds (default 60; 0: never)\n"
    "      --programs N    stop after N programs, and not by the clock\n"
    "      --seed N        begin with program number N, so that the run repeats (default: random)\n"
    "      --log FILE      a line for each schedule played: the same seed writes the same file\n"
    "      --no-shrink     print a failure as it was found\n"
    "      --help          this text\n\n"
    "Exit status: 0 nothing went wrong, 1 something did, 64 wrong options.\n";

struct main_options {
    uint64_t seconds, programs, seed;
    bool shrink;
    FILE *log;
};

struct main_sums {
    uint64_t programs, schedules, operations, points, switches;
};

static uint64_t main_number(const char *option, const char *text)
{
    char *end;
    unsigned long long number;

    errno = 0;
    number = strtoull(text, &end, 0);
    if (errno || end == text || *end || *text == '-') {
        fprintf(stderr, "quarry-prove: --%s wants a number, not \"%s\"\n", option, text);
        exit(64);
    }
    return number;
}

static void main_parse(struct main_options *options, int argc, char **argv)
{
    static const struct option known[] = {{"seconds", required_argument, NULL, 't'},
                                          {"programs", required_argument, NULL, 'n'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"log", required_argument, NULL, 'l'},
                                          {"no-shrink", no_argument, NULL, 'k'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int which;

    if (getrandom(&options->seed, sizeof(options->seed), 0) != sizeof(options->seed))
        options->seed = (uint64_t)time(NULL);
    options->seed >>= 16; /* easier to type */
    while ((which = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (which == 't')
            options->seconds = main_number("seconds", optarg);
        else if (which == 'n')
            options->programs = main_number("programs", optarg);
        else if (which == 's')
            options->seed = main_number("seed", optarg);
        else if (which == 'l')
            options->log = fopen(optarg, "w");
        else if (which == 'k')
            options->shrink = false;
        else if (which == 'h') {
            fputs(main_help, stdout);
            exit(0);
        } else {
            exit(64);
        }
        if (which == 'l' && !options->log) {
            fprintf(stderr, "quarry-prove: cannot write %s: %s\n", optarg, strerror(errno));
            exit(64);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "quarry-prove: what is \"%s\"? See --help\n", argv[optind]);
        exit(64);
    }
}

/* The schedules of a program: how long it is, then each strategy. */
static struct prove_schedule main_schedule(unsigned int number, uint64_t points, uint64_t *random)
{
    struct prove_schedule schedule = {
        .seed = sim_random(random), .expected_points = points, .handovers = sim_random(random) % 2};

    if (number == 0) {
        schedule.strategy = SIM_ROUND_ROBIN;
        schedule.gap = 64;
    } else if (number % 8 == 7) {
        schedule.strategy = SIM_INTERRUPT;
        schedule.interrupt_at = 1 + sim_random(random) % points;
    } else if (number % 2) {
        schedule.strategy = SIM_PRIORITY;
        schedule.switches = 1 + (unsigned int)(sim_random(random) % 6);
    } else {
        schedule.strategy = SIM_RANDOM;
        schedule.gap = 1u << (sim_random(random) % 9);
    }
    return schedule;
}

static void main_failed(const struct main_options *options, struct prove_program *program,
                        struct prove_result *result)
{
    unsigned int before = prove_count(program);
    size_t decisions = result->nr_decisions;

    printf("\nFAILED: %s\nseed %llu\n", sim_verdict_name[result->verdict],
           (unsigned long long)program->seed);
    fflush(stdout);
    if (options->shrink)
        prove_shrink(program, result);
    printf("%u operations (of %u), %zu decisions (of %zu)\n", prove_count(program), before,
           result->nr_decisions, decisions);
    prove_print(stdout, program);
    prove_print_schedule(stdout, program, result);
    printf("\n%s\nTo see it again: quarry-prove --seed %llu --programs 1\n", result->report,
           (unsigned long long)program->seed);
}

static bool main_play(const struct main_options *options, uint64_t seed, struct main_sums *sums)
{
    struct prove_program program;
    uint64_t random = seed ^ 0x9e3779b97f4a7c15ull, points = 200000; /* until it is known */

    prove_make(&program, seed);
    sums->programs++;
    for (unsigned int i = 0; i < MAIN_SCHEDULES; i++) {
        struct prove_schedule schedule = main_schedule(i, points, &random);
        struct prove_result result = prove_play(&program, &schedule);
        sums->schedules++;
        sums->operations += result.operations;
        sums->points += result.points;
        sums->switches += result.switches;
        points = i == 0 ? result.points : points;
        if (options->log)
            fprintf(options->log, "%llu %s %s %016llx\n", (unsigned long long)seed,
                    sim_strategy_name[schedule.strategy], sim_verdict_name[result.verdict],
                    (unsigned long long)result.log_sum);
        if (result.verdict != SIM_FINE) {
            main_failed(options, &program, &result);
            prove_result_free(&result);
            return false;
        }
    }
    return true;
}

static void main_progress(const struct main_sums *sums, const char *end)
{
    printf("%s%llu programs, %llu schedules, %llu operations, %llu points, %llu switches%s",
           isatty(1) ? "\r" : "", (unsigned long long)sums->programs,
           (unsigned long long)sums->schedules, (unsigned long long)sums->operations,
           (unsigned long long)sums->points, (unsigned long long)sums->switches, end);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct main_options options = {.seconds = 60, .shrink = true};
    struct main_sums sums = {0};
    time_t begin = time(NULL), shown = begin;
    bool fine = true;

    main_parse(&options, argc, argv);
    printf("seed %llu\n", (unsigned long long)options.seed);
    for (uint64_t i = 0; fine; i++) {
        time_t now = time(NULL);
        if (options.programs ? i >= options.programs
                             : options.seconds && now - begin >= (time_t)options.seconds)
            break;
        if (now != shown && isatty(1))
            main_progress(&sums, "");
        shown = now;
        fine = main_play(&options, options.seed + i, &sums);
    }
    main_progress(&sums, "\n");
    if (options.log)
        fclose(options.log);
    if (fine)
        printf("nothing went wrong\n");
    return fine ? 0 : 1;
}
