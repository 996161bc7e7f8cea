/* SPDX-License-Identifier: MIT */
/* oops: what happens when driver code goes wrong beyond repair, and reports of misuse.
 *
 * Problem. BUG(), panic() and wild pointers end a kernel's task or the whole kernel. Here they must
 * end neither the process nor the report about it.
 *
 * Idea. Every call into driver code is made under a guard, a sigsetjmp() point on a per-task chain.
 * An oops tells the host's hook, then jumps to the innermost guard, whose operation returns -EFAULT;
 * the contexts that were entered since then (spin locks, interrupts off) are left, as the task that
 * entered them is dead. What it had locked stays locked, as in a kernel.
 *
 * Fatal signals become oopses the same way. Their handler runs on a stack of its own, since a stack
 * overflow is one of the reasons, and walks the frame pointers from the faulting instruction.
 *
 * Limits. The jump out of a signal handler leaves libc's locks taken if the fault was inside libc. */
#define _GNU_SOURCE
#include "internal.h"
#include "hosted.h"
#include "registers.h"
#include <linux/bug.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

/* Room for a finding's hook as well, which reads debugging information; what is not used costs nothing. */
#define OOPS_STACK_BYTES (1024 * 1024)

static void (*oops_hook)(const struct qlx_oops *, void *);
static void *oops_hook_data;
static unsigned long oops_count;
static bool (*finding_hook)(const struct qlx_finding *, void *);
static void *finding_hook_data;
static unsigned long finding_count;
static bool oops_signals; /* qlx_catch_signals() was called */
static __thread bool oops_has_stack;
static __thread uintptr_t oops_stack_low, oops_stack_high; /* this thread's own stack */
static pthread_key_t oops_stack_key;
static pthread_once_t oops_once = PTHREAD_ONCE_INIT;

void qlx_set_oops_hook(void (*hook)(const struct qlx_oops *, void *), void *data)
{
    oops_hook_data = data;
    oops_hook = hook;
}

unsigned long qlx_oopses(void)
{
    return __atomic_load_n(&oops_count, __ATOMIC_RELAXED);
}

void qlx_set_finding_hook(bool (*hook)(const struct qlx_finding *, void *), void *data)
{
    finding_hook_data = data;
    finding_hook = hook;
}

unsigned long qlx_findings(void)
{
    return __atomic_load_n(&finding_count, __ATOMIC_RELAXED);
}

void qlx_trace_here(struct quarry_trace *trace)
{
    trace->nr = qp_backtrace(trace->pc, QUARRY_TRACE_MAX);
    qlx_trace_begin_in_module(trace);
}

/* ---- findings ------------------------------------------------------------------------------ */

static void finding_make(const struct qlx_finding *finding)
{
    __atomic_fetch_add(&finding_count, 1, __ATOMIC_RELAXED);
    if (finding_hook && !finding_hook(finding, finding_hook_data))
        return;
    printk(KERN_WARNING "%s: %s\n", finding->what, finding->text);
}

void qlx_find(const char *what, const void *before, const char *before_is, const char *format, ...)
{
    struct qlx_finding finding = {.what = what, .before_is = before_is};
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    finding.text = text;
    if (before) {
        finding.before.nr = 1;
        finding.before.pc[0] = before;
    }
    qlx_trace_here(&finding.now);
    finding_make(&finding);
}

QUARRY_API void quarry_warn(const char *file, int line, const char *function, const char *format,
                            ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    qlx_find("warning", NULL, NULL, "WARNING at %s:%d %s(): %s", file, line, function, text);
}

QUARRY_API void dump_stack(void)
{
    struct quarry_trace trace;
    qlx_trace_here(&trace);
    printk(KERN_INFO "Call trace:\n");
    for (unsigned int i = 0; i < trace.nr; i++)
        printk(KERN_INFO " %pS\n", trace.pc[i]);
}

/* ---- guards -------------------------------------------------------------------------------- */

static void oops_stack_free(void *stack)
{
    stack_t off = {.ss_flags = SS_DISABLE};
    sigaltstack(&off, NULL);
    munmap(stack, OOPS_STACK_BYTES);
}

static void oops_make_key(void)
{
    pthread_key_create(&oops_stack_key, oops_stack_free);
}

/* Give this thread a stack for signal handlers, unless it has one (a sanitizer's, the host's). */
static void oops_prepare_thread(void)
{
    pthread_attr_t attr;
    void *low;
    size_t size;
    stack_t stack = {.ss_size = OOPS_STACK_BYTES}, now;
    oops_has_stack = true;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        if (pthread_attr_getstack(&attr, &low, &size) == 0) {
            oops_stack_low = (uintptr_t)low;
            oops_stack_high = (uintptr_t)low + size;
        }
        pthread_attr_destroy(&attr);
    }
    if (sigaltstack(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE))
        return;
    pthread_once(&oops_once, oops_make_key);
    stack.ss_sp =
        mmap(NULL, OOPS_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack.ss_sp == MAP_FAILED)
        return;
    if (sigaltstack(&stack, NULL) == 0)
        pthread_setspecific(oops_stack_key, stack.ss_sp);
    else
        munmap(stack.ss_sp, OOPS_STACK_BYTES);
}

void qlx_guard_begin(struct qlx_guard *guard)
{
    struct qlx_task_state *state = quarry_current()->quarry;
    if (__atomic_load_n(&oops_signals, __ATOMIC_RELAXED) && !oops_has_stack)
        oops_prepare_thread();
    for (unsigned int kind = 0; kind < QUARRY_CONTEXTS; kind++)
        guard->depth[kind] = quarry_context_depth((enum quarry_context)kind);
    guard->mutexes = __atomic_load_n(&state->mutexes, __ATOMIC_RELAXED);
    guard->outer = state->guard;
    state->guard = guard;
}

static const char *const guard_context_name[QUARRY_CONTEXTS] = {
    "preemption off", "bottom halves off",  "interrupts off",        "a spin lock held",
    "an RCU section", "a page kmap_atomic", "a soft interrupt open", "a hard interrupt open",
};

/* Leave what driver code entered and did not leave; after an oops nobody is to blame for that. */
static void guard_restore_contexts(const struct qlx_guard *guard, bool report)
{
    for (unsigned int kind = 0; kind < QUARRY_CONTEXTS; kind++) {
        unsigned int depth = quarry_context_depth((enum quarry_context)kind);
        if (report && depth > guard->depth[kind])
            qlx_find("context", NULL, NULL,
                     "driver code returned with %s: unlock or enable it again",
                     guard_context_name[kind]);
        for (; depth > guard->depth[kind]; depth--)
            quarry_context_leave((enum quarry_context)kind);
    }
}

/* A mutex kept over a return to user space: whoever comes next waits for ever. */
static void guard_check_mutexes(const struct qlx_guard *guard, const struct qlx_task_state *state)
{
    int more = (int)(__atomic_load_n(&state->mutexes, __ATOMIC_RELAXED) - guard->mutexes);
    if (more > 0)
        qlx_find(
            "lock kept", state->mutex_where, "locked by",
            "driver code returned with %d mutex%s held: mutex_unlock is missing on some way out",
            more, more == 1 ? "" : "es");
}

void qlx_guard_end(struct qlx_guard *guard)
{
    struct qlx_task_state *state = quarry_current()->quarry;
    if (state->guard == guard) {
        state->guard = guard->outer;
        guard_restore_contexts(guard, true);
        guard_check_mutexes(guard, state);
    }
    qlx_print_flush();
}

/* Back to the outermost guard, as if driver code had returned: the end of a kernel thread. */
void qlx_guard_escape(void)
{
    struct qlx_task_state *state = quarry_current()->quarry;
    struct qlx_guard *guard = state->guard;
    if (!guard)
        qlx_die("the end of a thread that is no kernel thread", __builtin_return_address(0));
    while (guard->outer)
        guard = guard->outer;
    state->guard = NULL;
    guard_restore_contexts(guard, true);
    siglongjmp(guard->env, 1);
}

/* ---- the end of a task --------------------------------------------------------------------- */

static __noreturn void oops_end(struct qlx_oops *oops)
{
    struct qlx_task_state *state = quarry_current()->quarry;
    struct qlx_guard *guard = state->guard;
    oops->guarded = guard != NULL;
    __atomic_fetch_add(&oops_count, 1, __ATOMIC_RELAXED);
    if (oops_hook)
        oops_hook(oops, oops_hook_data);
    else
        printk(KERN_EMERG "%s\n", oops->what);
    if (!guard)
        abort();
    state->guard = guard->outer;
    guard_restore_contexts(guard, false);
    siglongjmp(guard->env, 1);
}

void qlx_die(const char *what, const void *pc)
{
    struct qlx_oops oops = {.what = what, .pc = pc};
    qlx_trace_here(&oops.trace);
    oops_end(&oops);
}

QUARRY_API void quarry_bug(const char *file, int line, const char *function)
{
    char what[300];
    snprintf(what, sizeof(what), "kernel BUG at %s:%d, in %s()", file, line, function);
    /* The call is the last instruction of its function, perhaps: its own address, not the next one. */
    qlx_die(what, (const char *)__builtin_return_address(0) - 1);
}

QUARRY_API void panic(const char *format, ...)
{
    char what[400] = "panic: ";
    va_list args;
    va_start(args, format);
    vsnprintf(what + 7, sizeof(what) - 7, format, args);
    va_end(args);
    qlx_die(what, (const char *)__builtin_return_address(0) - 1);
}

/* ---- fatal signals ------------------------------------------------------------------------- */

static const char *oops_signal_name(int signal)
{
    switch (signal) {
    case SIGSEGV:
        return "SIGSEGV: bad memory access";
    case SIGBUS:
        return "SIGBUS: access beyond a mapping";
    case SIGFPE:
        return "SIGFPE: division by zero";
    default:
        return "SIGILL: illegal instruction";
    }
}

/* Follow saved frame pointers, within this thread's stack only. */
static void oops_walk(struct quarry_trace *trace, const void *pc, uintptr_t frame)
{
    trace->nr = 0;
    if (pc)
        trace->pc[trace->nr++] = pc;
    while (trace->nr < QUARRY_TRACE_MAX && frame >= oops_stack_low && frame % 8 == 0 &&
           frame + 16 <= oops_stack_high) {
        const uintptr_t *saved = (const uintptr_t *)frame;
        if (!saved[1])
            return;
        trace->pc[trace->nr++] = (const void *)saved[1];
        if (saved[0] <= frame)
            return;
        frame = saved[0];
    }
}

static void oops_on_signal(int signal, siginfo_t *info, void *context)
{
    struct qlx_oops oops = {.what = oops_signal_name(signal), .signal = signal, .context = context};
    struct hosted_frame at = hosted_frame_of(context);
    uintptr_t top = at.stack;
    sigset_t mask;
    if (signal == SIGSEGV && hosted_guard_caught(info, context))
        return; /* a sampled object's guard page: reported, and the access is made again */
    oops.address = info->si_addr;
    oops.pc = (const void *)at.pc;
    oops_walk(&oops.trace, oops.pc, at.frame);
    /* A call through a bad pointer: the caller is what was pushed last. */
    if (oops.pc == oops.address && oops.trace.nr < QUARRY_TRACE_MAX && top >= oops_stack_low &&
        top + 8 <= oops_stack_high && top % 8 == 0) {
        memmove(&oops.trace.pc[2], &oops.trace.pc[1],
                (oops.trace.nr ? oops.trace.nr - 1 : 0) * sizeof(oops.trace.pc[0]));
        oops.trace.pc[1] = *(const void *const *)top;
        oops.trace.nr++;
    }
    sigemptyset(&mask);
    sigaddset(&mask, signal);
    if (!quarry_current()->quarry->guard) {
        struct sigaction fallback = {.sa_handler = SIG_DFL};
        __atomic_fetch_add(&oops_count, 1, __ATOMIC_RELAXED);
        if (oops_hook)
            oops_hook(&oops, oops_hook_data);
        sigaction(signal, &fallback, NULL);
        return; /* the instruction runs again, and now ends the process */
    }
    pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
    oops_end(&oops);
}

void qlx_catch_signals(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    struct sigaction action = {.sa_sigaction = oops_on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    __atomic_store_n(&oops_signals, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &action, NULL);
}
