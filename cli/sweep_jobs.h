/* SPDX-License-Identifier: MIT */
/* Runs of `quarry test` as processes. */
#ifndef CLI_SWEEP_JOBS_H
#define CLI_SWEEP_JOBS_H

#include "sweep.h"

/* Memory that later forks share; zeroed. */
void *sweep_shared(size_t size);
/* From here on signals are taken where processes are waited for. */
void sweep_jobs_start(void);
/* The learning run: fills sweep->map and sweep->learned. The process writes its messages to the file
 * @log (NULL: through). @stopped is called before the command leaves because of a signal. */
void sweep_jobs_learn(struct sweep *sweep, const char *log, void (*stopped)(void));
/* All of sweep->result that can fail: each gets its verdict and reasons. */
void sweep_jobs_run(struct sweep *sweep, const char *log, void (*stopped)(void));

#endif
