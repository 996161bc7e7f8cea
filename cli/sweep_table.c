/* SPDX-License-Identifier: MIT */
/* The table of `quarry test`, for people and (--json) for programs: one row for each source line that
 * asks for memory, the runs of its requests below it, and for each the command that does the same again. */
#include "json.h"
#include "sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <quarry/version.h>

#define TABLE_REASONS 3

enum sweep_verdict sweep_worst(const struct sweep *sweep)
{
    enum sweep_verdict worst = SWEEP_CANNOT_FAIL;

    for (size_t i = 0; i < sweep->nr_results; i++) {
        if (sweep->result[i].verdict > worst)
            worst = sweep->result[i].verdict;
    }
    return worst;
}

/* "quarry test --only scullc.c:97:2 scullc.c"; nth 0: all requests of the line. */
static char *table_command(const struct sweep *sweep, const struct sweep_job *job)
{
    const struct sweep_site *site = &sweep->map->site[job->site];
    char *text = job->nth ? cli_format("quarry test --%s %s:%d:%lu",
                                       job->mode == SWEEP_FROM ? "from" : "only", site->file,
                                       site->line, job->nth)
                          : cli_format("quarry test --only %s:%d", site->file, site->line);

    for (size_t i = 0; i < sweep->command.nr; i++) {
        char *more = cli_format("%s %s", text, sweep->command.item[i]);
        free(text);
        text = more;
    }
    return text;
}

/* The results of one line: [*from, *to). */
static bool table_next(const struct sweep *sweep, size_t *from, size_t *to)
{
    *from = *to;
    while (*to < sweep->nr_results && sweep->result[*to].job.site == sweep->result[*from].job.site)
        (*to)++;
    return *from < *to;
}

struct table_row {
    size_t count[SWEEP_VERDICTS], nr, requests;
    enum sweep_verdict worst;
    const struct sweep_result *first; /* of the worst */
};

static struct table_row table_row_of(const struct sweep *sweep, size_t from, size_t to)
{
    struct table_row row = {.nr = to - from, .worst = SWEEP_CANNOT_FAIL};

    for (size_t i = from; i < to; i++) {
        const struct sweep_result *result = &sweep->result[i];
        row.count[result->verdict]++;
        row.requests += i == from || result->job.nth != result[-1].job.nth;
        if (!row.first || result->verdict > row.worst) {
            row.worst = result->verdict;
            row.first = result;
        }
    }
    return row;
}

static const char *table_rule(const struct sweep *sweep, const struct sweep_job *job)
{
    for (unsigned long i = 0; i < sweep->map->nr_requests; i++) {
        const struct sweep_request *request = &sweep->map->request[i];
        if (request->site == job->site && request->nth == job->nth)
            return request->rule;
    }
    return "";
}

static const char *table_how(const struct sweep_job *job)
{
    return job->mode == SWEEP_FROM ? "it and all after it fail" : "it alone fails";
}

/* The counts of the other verdicts: "; 3 runs handled". */
static void table_others(const struct table_row *row)
{
    char count[48];

    for (int verdict = SWEEP_VERDICTS; verdict-- > 0;) {
        if (row->count[verdict] && verdict != (int)row->worst)
            printf(", %s %s", cli_count(count, sizeof(count), row->count[verdict], "run"),
                   sweep_verdict_name((enum sweep_verdict)verdict));
    }
}

/* Why runs were convicted: different reasons, each with its own command. */
static void table_reasons(const struct sweep *sweep, size_t from, size_t to)
{
    const struct sweep_result *shown[TABLE_REASONS] = {NULL};
    size_t nr = 0;

    for (size_t i = from; i < to && nr < TABLE_REASONS; i++) {
        const struct sweep_result *result = &sweep->result[i];
        bool known = !sweep_is_bad(result->verdict);
        char *command;
        for (size_t j = 0; j < nr && !known; j++)
            known = shown[j]->verdict == result->verdict && shown[j]->why.nr && result->why.nr &&
                    strcmp(shown[j]->why.item[0], result->why.item[0]) == 0;
        if (known)
            continue;
        shown[nr++] = result;
        printf("    request %lu, %s: %s\n", result->job.nth, table_how(&result->job),
               sweep_verdict_name(result->verdict));
        for (size_t j = 0; j < result->why.nr; j++)
            printf("        %s\n", result->why.item[j]);
        command = table_command(sweep, &result->job);
        printf("        %s\n", command);
        free(command);
    }
}

static void table_line(const struct sweep *sweep, size_t from, size_t to)
{
    const struct sweep_site *site = &sweep->map->site[sweep->result[from].job.site];
    struct table_row row = table_row_of(sweep, from, to);
    char requests[48], runs[48];

    printf("%s:%d: %s in %s: %s", site->file, site->line, site->call, site->function,
           cli_count(requests, sizeof(requests), row.requests, "request"));
    if (row.worst == SWEEP_CANNOT_FAIL) {
        printf(": cannot fail by contract (%s)\n", table_rule(sweep, &row.first->job));
        return;
    }
    printf(", %s: %s%s%s", cli_count(runs, sizeof(runs), row.nr, "run"),
           cli_colours(STDOUT_FILENO) ? sweep_is_bad(row.worst) ? "\033[1;31m" : "\033[1;32m" : "",
           sweep_verdict_name(row.worst), cli_colours(STDOUT_FILENO) ? "\033[0m" : "");
    if (row.count[row.worst] < row.nr)
        printf(" in %zu", row.count[row.worst]);
    table_others(&row);
    putchar('\n');
    if (sweep_is_bad(row.worst)) {
        table_reasons(sweep, from, to);
    } else {
        char *command = table_command(sweep, &(struct sweep_job){.site = row.first->job.site});
        printf("    %s\n", command);
        free(command);
    }
}

struct table_total {
    size_t lines, bad, handled, requests, runs, unreached;
};

static struct table_total table_total_of(const struct sweep *sweep)
{
    struct table_total total = {0};
    size_t from, to = 0;

    while (table_next(sweep, &from, &to)) {
        struct table_row row = table_row_of(sweep, from, to);
        total.lines++;
        total.bad += sweep_is_bad(row.worst);
        total.requests += row.requests;
        total.runs += row.nr - row.count[SWEEP_CANNOT_FAIL];
        total.unreached += row.count[SWEEP_NOT_REACHED];
    }
    return total;
}

void sweep_table(const struct sweep *sweep)
{
    struct table_total total = table_total_of(sweep);
    char requests[48], lines[48], runs[48], bad[48];
    size_t from, to = 0;

    while (table_next(sweep, &from, &to))
        table_line(sweep, from, to);
    if (sweep->untried)
        printf("%s beyond --calls %lu of a line not tried\n",
               cli_count(requests, sizeof(requests), sweep->untried, "request"),
               sweep->options.calls);
    if (total.unreached)
        printf("%s did not come to the request again: nothing is known about that\n",
               cli_count(runs, sizeof(runs), total.unreached, "run"));
    printf("%s of %s, %s: ", cli_count(requests, sizeof(requests), total.requests, "request"),
           cli_count(lines, sizeof(lines), total.lines, "line"),
           cli_count(runs, sizeof(runs), total.runs, "run"));
    if (total.bad)
        printf("%s convicted\n", cli_count(bad, sizeof(bad), total.bad, "line"));
    else
        printf("every failure is handled\n");
    fflush(stdout);
}

/* ---- JSON -------------------------------------------------------------------------------------- */

static const struct sweep_request *table_request(const struct sweep *sweep,
                                                 const struct sweep_job *job)
{
    for (unsigned long i = 0; i < sweep->map->nr_requests; i++) {
        const struct sweep_request *request = &sweep->map->request[i];
        if (request->site == job->site && request->nth == job->nth)
            return request;
    }
    return NULL;
}

static json_t *table_json_run(const struct sweep *sweep, const struct sweep_result *result)
{
    static const char *const phase[] = {"init", "scenario", "exit"};
    const struct sweep_request *request = table_request(sweep, &result->job);
    json_t *object = json_object(), *why = json_array();
    char *command = table_command(sweep, &result->job);

    for (size_t i = 0; i < result->why.nr; i++)
        json_array_append_new(why, json_text(result->why.item[i]));
    json_object_set_new(object, "request", json_integer((json_int_t)result->job.nth));
    json_object_set_new(object, "fails",
                        json_text(result->verdict == SWEEP_CANNOT_FAIL ? "never"
                                  : result->job.mode == SWEEP_FROM     ? "from here on"
                                                                       : "once"));
    json_object_set_new(object, "verdict", json_text(sweep_verdict_name(result->verdict)));
    json_object_set_new(object, "why", why);
    if (request) {
        json_object_set_new(object, "phase", json_text(phase[request->phase]));
        json_object_set_new(object, "size", json_integer((json_int_t)request->size));
        json_object_set_new(object, "gfp", json_integer((json_int_t)request->gfp));
        json_object_set_new(object, "cache", json_text(request->cache[0] ? request->cache : NULL));
        json_object_set_new(object, "rule", json_text(request->rule[0] ? request->rule : NULL));
    }
    json_object_set_new(object, "command", json_text(command));
    free(command);
    return object;
}

static json_t *table_json_line(const struct sweep *sweep, size_t from, size_t to)
{
    const struct sweep_site *site = &sweep->map->site[sweep->result[from].job.site];
    struct table_row row = table_row_of(sweep, from, to);
    json_t *object = json_object(), *runs = json_array();

    json_object_set_new(object, "file", json_text(site->file));
    json_object_set_new(object, "line", json_integer(site->line));
    json_object_set_new(object, "function", json_text(site->function));
    json_object_set_new(object, "call", json_text(site->call));
    json_object_set_new(object, "requests", json_integer((json_int_t)row.requests));
    json_object_set_new(object, "verdict", json_text(sweep_verdict_name(row.worst)));
    for (size_t i = from; i < to; i++)
        json_array_append_new(runs, table_json_run(sweep, &sweep->result[i]));
    json_object_set_new(object, "runs", runs);
    return object;
}

bool sweep_json(const struct sweep *sweep)
{
    struct table_total total = table_total_of(sweep);
    json_t *top = json_object(), *lines = json_array(), *names = json_array();
    size_t from, to = 0;

    for (size_t i = 0; i < sweep->run->built.nr; i++)
        json_array_append_new(names, json_text(sweep->run->built.module[i].name));
    while (table_next(sweep, &from, &to))
        json_array_append_new(lines, table_json_line(sweep, from, to));
    json_object_set_new(top, "quarry", json_text(QUARRY_VERSION));
    json_object_set_new(top, "modules", names);
    json_object_set_new(top, "verdict", json_text(total.bad ? "findings" : "clean"));
    json_object_set_new(top, "exit_status", json_integer(sweep->exit_status));
    json_object_set_new(top, "requests", json_integer((json_int_t)total.requests));
    json_object_set_new(top, "runs", json_integer((json_int_t)total.runs));
    json_object_set_new(top, "untried", json_integer((json_int_t)sweep->untried));
    json_object_set_new(top, "lines", lines);
    return json_write(&sweep->run->options, top);
}
