/* SPDX-License-Identifier: MIT */
/* Call frames of a thread that a signal stopped. */
#ifndef CLI_UNWIND_H
#define CLI_UNWIND_H

#include <quarry/report.h>

/* The frames of the thread that stands still in a signal handler given @context (its ucontext_t): exact
 * instruction first, then return addresses. Unlike a walk along frame pointers this finds the caller
 * of a library function that keeps none (memset of a bad address). False: nothing better is known. */
bool unwind_signal(const void *context, struct quarry_trace *trace);

#endif
