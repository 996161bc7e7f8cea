/* SPDX-License-Identifier: MIT */
/* ports/hosted/console: text out, last words, the clock, and who called.
 *
 * Backtraces go by the unwind tables, because ordinary programs are compiled without frame
 * pointers; the unwinder takes no lock and no memory. A frame costs about a tenth of a microsecond.
 * Programs without unwind tables (-fno-asynchronous-unwind-tables) get short traces, never wrong
 * ones.
 *
 * Nothing here allocates, and errno is left alone: an allocation must not disturb its caller's. */
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

/* Quarry's public functions lie in a section of their own (QUARRY_API), whose ends the linker
 * names. They keep their stack frames (the core is compiled without tail calls), so whatever is
 * inner to the innermost of them is the core's. */
extern const char __start_quarry_entry[] __attribute__((weak, visibility("hidden")));
extern const char __stop_quarry_entry[] __attribute__((weak, visibility("hidden")));

/* Public frames are near the innermost end; a stack of the core is never this deep. */
#define CONSOLE_CORE_FRAMES 40u

enum console_state { CONSOLE_INSIDE, CONSOLE_AT_DOOR, CONSOLE_OUTSIDE };

struct console_walk {
    const void **pc;
    unsigned int nr, max, seen;
    enum console_state state;
};

__attribute__((no_sanitize("thread", "address", "undefined"))) bool hosted_is_public(uintptr_t pc)
{
    return pc - 1 >= (uintptr_t)__start_quarry_entry && pc - 1 < (uintptr_t)__stop_quarry_entry;
}

/* Frames arrive innermost first. Those before the door are kept only in case no door follows (a
 * test that calls the core directly, a worker). */
static _Unwind_Reason_Code console_frame(struct _Unwind_Context *context, void *data)
{
    struct console_walk *walk = data;
    uintptr_t pc = _Unwind_GetIP(context);
    if (!pc)
        return _URC_END_OF_STACK;
    walk->seen++;
    if (walk->state != CONSOLE_OUTSIDE && hosted_is_public(pc)) {
        walk->state = CONSOLE_AT_DOOR;
        walk->nr = 0;
        return _URC_NO_REASON;
    }
    if (walk->state == CONSOLE_AT_DOOR)
        walk->state = CONSOLE_OUTSIDE;
    if (walk->seen > 1 && walk->nr < walk->max) /* the first frame is qp_backtrace itself */
        walk->pc[walk->nr++] = (const void *)pc;
    if (walk->state == CONSOLE_OUTSIDE ? walk->nr == walk->max : walk->seen > CONSOLE_CORE_FRAMES)
        return _URC_END_OF_STACK;
    return _URC_NO_REASON;
}

unsigned int qp_backtrace(const void **pc, unsigned int max)
{
    struct console_walk walk = {pc, 0, max, 0, CONSOLE_INSIDE};
    if (max)
        _Unwind_Backtrace(console_frame, &walk);
    return walk.nr;
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
