/* SPDX-License-Identifier: MIT */
/* ports/hosted/console: text out, last words, the clock, and who called. */
#define _GNU_SOURCE
#include "hosted.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

void qp_write(const char *text, size_t size)
{
    int saved = errno;
    while (size) {
        ssize_t done = write(STDERR_FILENO, text, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            break; /* nobody listens; a report must not end the program */
        text += done;
        size -= (size_t)done;
    }
    errno = saved;
}

void qp_panic(const char *text)
{
    qp_write(text, strlen(text));
    abort();
}

uint64_t qp_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct console_walk {
    const void **pc;
    unsigned int nr, max;
};

static _Unwind_Reason_Code console_frame(struct _Unwind_Context *context, void *data)
{
    struct console_walk *walk = data;
    uintptr_t pc = _Unwind_GetIP(context);
    if (!pc || walk->nr == walk->max)
        return _URC_END_OF_STACK;
    walk->pc[walk->nr++] = (const void *)pc;
    return _URC_NO_REASON;
}

unsigned int qp_backtrace(const void **pc, unsigned int max)
{
    const void *frame[64];
    struct console_walk walk = {frame, 0, 64};
    unsigned int skip = 1, nr;
    _Unwind_Backtrace(console_frame, &walk);
    if (skip > walk.nr)
        skip = walk.nr;
    nr = walk.nr - skip;
    if (nr > max)
        nr = max;
    memcpy(pc, frame + skip, nr * sizeof(*pc));
    return nr;
}

void hosted_say(char *why, size_t why_size, const char *format, ...)
{
    va_list args;
    if (!why || !why_size)
        return;
    va_start(args, format);
    vsnprintf(why, why_size, format, args);
    va_end(args);
}
