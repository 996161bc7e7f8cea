/* SPDX-License-Identifier: MIT */
/* ports/hosted/guard: faults at guard pages.
 *
 * Problem. A page that the machine keeps unmapped (src/guard/) faults as SIGSEGV, and so do the
 * program's own mistakes, for which it may have a handler: a sanitizer's, a crash reporter's.
 *
 * Idea. A handler is installed when a machine with guarded objects boots. It asks the machine; what
 * is not the machine's goes to whoever was there before. Who installs a handler later calls
 * hosted_guard_caught() first, as the handler of `quarry run` does.
 *
 * The backtrace is taken here, since the code at fault is the innermost frame, below it only the
 * handler: frames are left out up to the one whose address the interrupted registers show.
 *
 * Context: a signal handler for a fault at one instruction. The core's own accesses to a guarded
 * object (clearing, copying) are made with no lock held, so reporting can take the locks it needs. */
#define _GNU_SOURCE
#include "hosted.h"
#include "instance.h"
#include "registers.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

static struct sigaction guard_old_action;

struct guard_walk {
    struct quarry_trace *trace;
    uintptr_t pc; /* where the fault was */
    bool there;
};

static _Unwind_Reason_Code guard_frame(struct _Unwind_Context *context, void *data)
{
    struct guard_walk *walk = data;
    uintptr_t pc = _Unwind_GetIP(context);

    if (!pc)
        return _URC_END_OF_STACK;
    walk->there |= pc == walk->pc;
    if (walk->there && walk->trace->nr < QUARRY_TRACE_MAX)
        walk->trace->pc[walk->trace->nr++] = (const void *)pc;
    return walk->trace->nr == QUARRY_TRACE_MAX ? _URC_END_OF_STACK : _URC_NO_REASON;
}

bool hosted_guard_caught(const siginfo_t *info, void *context)
{
    struct hosted_frame at = hosted_frame_of(context);
    struct quarry_trace now = {0};
    struct guard_walk walk = {&now, at.pc, false};
    int saved = errno;
    bool caught;

    /* A call to an address in the pool is no access to an object. */
    if (!qr_guard_owns(&quarry_default.guards, info->si_addr) || info->si_code <= 0 ||
        at.pc == (uintptr_t)info->si_addr)
        return false;
    qp_self.inside++;
    _Unwind_Backtrace(guard_frame, &walk);
    /* As a return address, like the others: the instruction ends behind its first byte. */
    if (at.pc)
        now.pc[0] = (const void *)(at.pc + 1);
    now.nr += !now.nr;
    caught = qr_guard_fault(&quarry_default, info->si_addr,
                            (enum qr_access)hosted_access_of(context), &now);
    qp_self.inside--;
    errno = saved;
    return caught;
}

static void guard_on_signal(int number, siginfo_t *info, void *context)
{
    if (hosted_guard_caught(info, context))
        return; /* the access is made again */
    if (guard_old_action.sa_flags & SA_SIGINFO) {
        guard_old_action.sa_sigaction(number, info, context);
    } else if (guard_old_action.sa_handler != SIG_DFL && guard_old_action.sa_handler != SIG_IGN) {
        guard_old_action.sa_handler(number);
    } else {
        /* The instruction faults again, and now ends the process; a signal that was sent does not
         * come again by itself. */
        struct sigaction fatal = {.sa_handler = SIG_DFL};
        sigaction(number, &fatal, NULL);
        if (info->si_code <= 0)
            raise(number);
    }
}

void hosted_guard_install(void)
{
    struct sigaction now,
        ours = {.sa_sigaction = guard_on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    sigemptyset(&ours.sa_mask);
    if (sigaction(SIGSEGV, NULL, &now) != 0)
        return;
    guard_old_action = now;
    sigaction(SIGSEGV, &ours, NULL);
}
