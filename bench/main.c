/* SPDX-License-Identifier: MIT */
/* quarry-bench: Quarry beside the allocators that people use, in one run.
 *
 * Problem: two numbers from two runs do not compare; the machine was in another mood. Idea: for each
 * row a fresh process per allocator (this same program; the rival by LD_PRELOAD), all alive at once,
 * and samples taken from them in turn, the order rotating from round to round; the median of each
 * one's samples is the result. Only one worker runs at a time.
 *
 * Limits: a row's first sample is a warm-up in the worker; costs of first use are not shown. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "table.h"
#include "worker.h"

#define MAX_ROUNDS 101
#define MAX_ROWS 128

extern char **environ;

static const struct {
    const char *preload; /* for LD_PRELOAD; "" for none */
    const char *part;    /* how it is known in a process's maps */
} sides[SIDES] = {
    {"", ""},
    {"", ""},
    {"libjemalloc.so.2", "libjemalloc"},
    {"libtcmalloc_minimal.so.4", "libtcmalloc"},
    {"libmimalloc.so.2.0", "libmimalloc"},
};

struct worker {
    pid_t pid;
    int to, from;
    bool present;
};

struct settings {
    int rounds;
    long sample_ms;
    const char *only;
    bool json, check;
};

static void worker_start(struct worker *worker, int side, const char *row, long sample_ms)
{
    posix_spawn_file_actions_t actions;
    int in[2], out[2];
    char ms[24], preload[128];
    char *const argv[] = {(char *)"quarry-bench",
                          (char *)"--worker",
                          (char *)(side == SIDE_QUARRY ? "quarry" : "malloc"),
                          (char *)sides[side].part,
                          (char *)row,
                          ms,
                          NULL};
    char *environment[512];
    size_t nr = 0;

    snprintf(ms, sizeof(ms), "%ld", sample_ms);
    snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", sides[side].preload);
    for (char **one = environ; *one && nr < 500; one++) {
        if (strncmp(*one, "LD_PRELOAD=", 11) != 0)
            environment[nr++] = *one;
    }
    if (*sides[side].preload)
        environment[nr++] = preload;
    environment[nr] = NULL;

    /* Closed on exec: else a worker would hold the other end of its elder's pipe. */
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
        perror("quarry-bench: pipe");
        exit(3);
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    errno = posix_spawn(&worker->pid, "/proc/self/exe", &actions, NULL, argv, environment);
    if (errno) {
        perror("quarry-bench: cannot start a worker");
        exit(3);
    }
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    worker->to = in[1];
    worker->from = out[0];
}

static bool line_read(int fd, char *line, size_t size)
{
    size_t used = 0;
    while (used + 1 < size) {
        ssize_t got = read(fd, line + used, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        if (line[used] == '\n')
            break;
        used++;
    }
    line[used] = '\0';
    return true;
}

static double worker_ask(struct worker *worker, const char *question)
{
    char line[64];
    if (dprintf(worker->to, "%s\n", question) < 0 || !line_read(worker->from, line, sizeof(line))) {
        fprintf(stderr, "quarry-bench: a worker died\n");
        exit(3);
    }
    return strtod(line, NULL);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void row_measure(const char *row, const struct settings *settings,
                        struct bench_result *result, bool *present)
{
    struct worker workers[SIDES];
    double samples[SIDES][MAX_ROUNDS];
    char line[64];

    result->row = row;
    /* One after the other, so that no warm-up runs beside another. */
    for (int side = 0; side < SIDES; side++) {
        worker_start(&workers[side], side, row, settings->sample_ms);
        if (!line_read(workers[side].from, line, sizeof(line))) {
            fprintf(stderr, "quarry-bench: %s: the worker for \"%s\" died\n", bench_side_name[side],
                    row);
            exit(3);
        }
        workers[side].present = strcmp(line, "ready") == 0;
        present[side] = workers[side].present;
    }
    for (int round = 0; round < settings->rounds; round++) {
        for (int i = 0; i < SIDES; i++) {
            int side = (round + i) % SIDES;
            if (workers[side].present)
                samples[side][round] = worker_ask(&workers[side], "sample");
        }
    }
    for (int side = 0; side < SIDES; side++) {
        result->ns[side] = -1;
        if (workers[side].present) {
            int n = settings->rounds;
            qsort(samples[side], (size_t)n, sizeof(double), compare_doubles);
            result->ns[side] = samples[side][n / 2];
            result->spread[side] = (samples[side][n - 1 - n / 4] - samples[side][n / 4]) / 2;
            result->resident_kib[side] = (long)worker_ask(&workers[side], "resident");
        }
        close(workers[side].to);
        close(workers[side].from);
        waitpid(workers[side].pid, NULL, 0);
    }
}

static int usage(FILE *to, int status)
{
    fprintf(to, "usage: quarry-bench [--quick] [--rounds N] [--only TEXT] [--json] [--check]\n"
                "       quarry-bench --count quarry|malloc ROW OPS\n\n"
                "  --quick        short samples and few rounds: a look, not a result\n"
                "  --rounds N     samples per row and allocator (default 9, at most 101)\n"
                "  --only TEXT    rows whose name contains TEXT\n"
                "  --json         JSON instead of the table\n"
                "  --check        exit 1 when the stated rule does not hold\n"
                "  --count        run one row OPS times and nothing else (for instruction counts)\n"
                "  --list         the rows\n");
    return status;
}

static int run_all(const struct settings *settings)
{
    static struct bench_result results[MAX_ROWS];
    bool present[SIDES];
    size_t nr = 0;
    for (const struct bench_row *row = bench_rows_quarry; row->name && nr < MAX_ROWS; row++) {
        if (settings->only && !strstr(row->name, settings->only))
            continue;
        if (settings->json)
            fprintf(stderr, "%s\n", row->name);
        row_measure(row->name, settings, &results[nr], present);
        if (!settings->json && nr == 0)
            table_head(present);
        if (!settings->json)
            table_row(&results[nr]);
        nr++;
    }
    if (nr == 0) {
        fprintf(stderr, "quarry-bench: no row is called like that (--list)\n");
        return 64;
    }
    if (settings->json)
        table_json(results, nr, settings->rounds);
    return table_rule(results, nr, !settings->json) || !settings->check ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct settings settings = {.rounds = 9, .sample_ms = 20};
    if (argc == 6 && strcmp(argv[1], "--worker") == 0)
        return worker_main(strcmp(argv[2], "quarry") == 0, argv[3], argv[4],
                           (uint64_t)strtoul(argv[5], NULL, 10) * 1000000u);
    if (argc == 5 && strcmp(argv[1], "--count") == 0)
        return worker_count(strcmp(argv[2], "quarry") == 0, argv[3], strtoull(argv[4], NULL, 10));
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            settings.rounds = 3;
            settings.sample_ms = 2;
        } else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            settings.rounds = atoi(argv[++i]);
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            settings.only = argv[++i];
        } else if (strcmp(argv[i], "--json") == 0) {
            settings.json = true;
        } else if (strcmp(argv[i], "--check") == 0) {
            settings.check = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            for (const struct bench_row *row = bench_rows_quarry; row->name; row++)
                printf("%s\n", row->name);
            return 0;
        } else if (strcmp(argv[i], "--help") == 0) {
            return usage(stdout, 0);
        } else {
            return usage(stderr, 64);
        }
    }
    if (settings.rounds < 1 || settings.rounds > MAX_ROUNDS)
        return usage(stderr, 64);
    signal(SIGPIPE, SIG_IGN);
    /* Rows of a hundred thousand objects of 1 KiB want room; it costs nothing until touched. */
    setenv("QUARRY_RAM", "2G", 0);
    return run_all(&settings);
}
