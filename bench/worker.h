/* SPDX-License-Identifier: MIT */
/* The two lives of a worker process: answering a parent, or running a row once under a counter. */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include "bench.h"

/* Serve samples of one row on standard input and output until the parent hangs up. @library: part
 * of the name of the preloaded library that must be there ("" for none). Returns an exit status. */
int worker_main(bool quarry, const char *library, const char *row_name, uint64_t target_ns);
/* Run a row for @ops operations and nothing else. */
int worker_count(bool quarry, const char *row_name, uint64_t ops);

#endif
