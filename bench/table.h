/* SPDX-License-Identifier: MIT */
/* The results and their two forms. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include "bench.h"

enum { SIDE_QUARRY, SIDE_GLIBC, SIDE_JEMALLOC, SIDE_TCMALLOC, SIDE_MIMALLOC, SIDES };

struct bench_result {
    const char *row;
    double ns[SIDES];         /* median; below 0: not measured */
    double spread[SIDES];     /* half the distance between the quartiles, ns */
    long resident_kib[SIDES]; /* what the row made resident */
};

extern const char *const bench_side_name[SIDES];

void table_head(const bool *present);
void table_row(const struct bench_result *result);
void table_json(const struct bench_result *results, size_t nr, int rounds);
/* The stated rule, in words; returns whether it holds. */
bool table_rule(const struct bench_result *results, size_t nr, bool print);

#endif
