/* SPDX-License-Identifier: MIT */
/* Prints the results: for people as one table of times and ratios with resident memory beside, for
 * programs as JSON; and judges the stated rule.
 *
 * A ratio is the rival's time divided by Quarry's: above 1 Quarry is faster. */
#include <stdio.h>
#include <string.h>

#include "table.h"

#define RULE_ROW "kmalloc 64"
#define RULE_FACTOR 1.5

const char *const bench_side_name[SIDES] = {"quarry", "glibc", "jemalloc", "tcmalloc", "mimalloc"};

void table_head(const bool *present)
{
    printf("Nanoseconds per allocation and free, median; in brackets the rival's time divided by\n"
           "Quarry's (above 1: Quarry is faster). Right: MiB that the row made resident.\n\n");
    printf("%-18s %8s", "", bench_side_name[SIDE_QUARRY]);
    for (int side = SIDE_GLIBC; side < SIDES; side++)
        printf(" %16s", bench_side_name[side]);
    printf("  |");
    for (int side = 0; side < SIDES; side++)
        printf(" %8s", bench_side_name[side]);
    printf("\n");
    for (int side = SIDE_JEMALLOC; side < SIDES; side++) {
        if (!present[side])
            printf("(%s is not installed: tools/install-deps.sh bench)\n", bench_side_name[side]);
    }
}

static void cell_number(double value, int width)
{
    printf("%*.*f", width, value < 10 ? 2 : value < 100 ? 1 : 0, value);
}

void table_row(const struct bench_result *result)
{
    double own = result->ns[SIDE_QUARRY];
    printf("%-18s ", result->row);
    cell_number(own, 8);
    for (int side = SIDE_GLIBC; side < SIDES; side++) {
        if (result->ns[side] < 0) {
            printf(" %16s", "-");
            continue;
        }
        printf(" ");
        cell_number(result->ns[side], 8);
        printf(" (%5.2f)", result->ns[side] / own);
    }
    printf("  |");
    for (int side = 0; side < SIDES; side++) {
        if (result->ns[side] < 0)
            printf(" %8s", "-");
        else
            printf(" %8.2f", (double)result->resident_kib[side] / 1024.0);
    }
    printf("\n");
    fflush(stdout);
}

bool table_rule(const struct bench_result *results, size_t nr, bool print)
{
    const struct bench_result *row = NULL;
    double best = -1;
    int best_side = SIDE_GLIBC;
    bool holds;

    for (size_t i = 0; i < nr; i++) {
        if (strcmp(results[i].row, RULE_ROW) == 0)
            row = &results[i];
    }
    if (!row) {
        if (print)
            printf("\nThe row \"%s\" was not measured: the rule was not judged.\n", RULE_ROW);
        return false;
    }
    for (int side = SIDE_GLIBC; side < SIDES; side++) {
        if (row->ns[side] >= 0 && (best < 0 || row->ns[side] < best)) {
            best = row->ns[side];
            best_side = side;
        }
    }
    holds =
        row->ns[SIDE_QUARRY] <= row->ns[SIDE_GLIBC] && row->ns[SIDE_QUARRY] <= RULE_FACTOR * best;
    if (print) {
        printf("\nRule: kmalloc(64) + kfree is at least as fast as glibc and takes at most %.1f "
               "times\n"
               "the best of the others. Quarry %.2f ns, glibc %.2f ns, best %s %.2f ns, ratio "
               "%.2f: %s\n",
               RULE_FACTOR, row->ns[SIDE_QUARRY], row->ns[SIDE_GLIBC], bench_side_name[best_side],
               best, row->ns[SIDE_QUARRY] / best, holds ? "holds" : "DOES NOT HOLD");
    }
    return holds;
}

void table_json(const struct bench_result *results, size_t nr, int rounds)
{
    printf("{\n  \"unit\": \"ns per allocation and free\",\n  \"rounds\": %d,\n  \"rows\": [\n",
           rounds);
    for (size_t i = 0; i < nr; i++) {
        bool first = true;
        printf("    {\"name\": \"%s\", \"sides\": {", results[i].row);
        for (int side = 0; side < SIDES; side++) {
            if (results[i].ns[side] < 0)
                continue;
            printf("%s\"%s\": {\"ns\": %.3f, \"spread\": %.3f, \"resident_kib\": %ld}",
                   first ? "" : ", ", bench_side_name[side], results[i].ns[side],
                   results[i].spread[side], results[i].resident_kib[side]);
            first = false;
        }
        printf("}}%s\n", i + 1 < nr ? "," : "");
    }
    printf("  ],\n  \"rule_holds\": %s\n}\n", table_rule(results, nr, false) ? "true" : "false");
}
