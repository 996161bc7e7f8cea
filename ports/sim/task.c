/* SPDX-License-Identifier: MIT */
/* ports/sim/task: coroutines.
 *
 * A task's first start is libc's setcontext(); every change after that is a _longjmp(), which is a
 * few instructions and no system call. Stacks are mapped once and used again by later worlds.
 *
 * sim_here belongs to the task that runs: it is put away and taken out with it. */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE /* its longjmp() refuses to change stacks, which is all that happens here */
#include "world.h"
#include "base/percpu.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TASK_STACK (128u * 1024)
#define TASK_GUARD 4096u

#if defined(__SANITIZE_ADDRESS__)
#define TASK_FIBERS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TASK_FIBERS 1
#endif
#endif
#ifdef TASK_FIBERS
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

static void *task_spare; /* stacks, linked through their first word */
static const void *task_host_stack;
static size_t task_host_size;

static void *task_stack(void)
{
    char *stack = task_spare;

    if (stack) {
        task_spare = *(void **)(void *)(stack + TASK_GUARD);
        return stack;
    }
    stack = mmap(NULL, TASK_STACK, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED)
        return NULL;
    mprotect(stack, TASK_GUARD, PROT_NONE);
    return stack;
}

static void task_stack_free(void *stack)
{
#ifdef TASK_FIBERS
    __asan_unpoison_memory_region((char *)stack + TASK_GUARD, TASK_STACK - TASK_GUARD);
#endif
    *(void **)(void *)((char *)stack + TASK_GUARD) = task_spare;
    task_spare = stack;
}

struct sim_thread *sim_thread_new(struct sim *sim, unsigned int cpu, const char *name,
                                  void (*fn)(void *), void *arg)
{
    struct sim_thread *thread;

    if (sim->nr_threads == SIM_MAX_TASKS)
        return NULL;
    thread = calloc(1, sizeof(*thread));
    if (!thread)
        return NULL;
    snprintf(thread->name, sizeof(thread->name), "%s", name);
    thread->fn = fn;
    thread->arg = arg;
    thread->here.cpu = cpu;
    thread->here.task = &thread->record;
    thread->here.handovers = sim->config.handovers && sim->config.strategy != SIM_SCRIPT;
    thread->resting = true;
    if (fn) {
        thread->stack = task_stack();
        if (!thread->stack) {
            free(thread);
            return NULL;
        }
    }
    thread->number = sim->nr_threads;
    sim->thread[sim->nr_threads++] = thread;
    return thread;
}

void sim_threads_free(struct sim *sim)
{
    for (unsigned int i = 0; i < sim->nr_threads; i++) {
        if (sim->thread[i]->stack)
            task_stack_free(sim->thread[i]->stack);
        free(sim->thread[i]);
    }
    sim->nr_threads = 0;
}

/* ---- changing stacks ------------------------------------------------------------------------ */

static void task_arrive(struct sim_thread *thread, bool first)
{
#ifdef TASK_FIBERS
    const void *stack;
    size_t size;
    __sanitizer_finish_switch_fiber(first ? NULL : thread->fiber, &stack, &size);
    if (!task_host_stack) {
        task_host_stack = stack;
        task_host_size = size;
    }
#else
    (void)thread;
    (void)first;
    (void)task_host_stack;
    (void)task_host_size;
#endif
}

static void task_depart(struct sim_thread *from, const struct sim_thread *to)
{
#ifdef TASK_FIBERS
    __sanitizer_start_switch_fiber(from ? &from->fiber : NULL,
                                   to->stack ? (char *)to->stack + TASK_GUARD : task_host_stack,
                                   to->stack ? TASK_STACK - TASK_GUARD : task_host_size);
#else
    (void)from;
    (void)to;
#endif
}

static void task_main(void)
{
    struct sim_thread *self = sim_now->now;

    task_arrive(self, true);
    sim_next_look(sim_now);
    self->fn(self->arg);
    sim_operation(SIM_AFTER_LAST);
    self->state = SIM_ENDED;
    if (!self->daemon)
        sim_now->nr_alive--;
    sim_give_way(sim_now);
    abort(); /* nobody goes on as a task that has ended */
}

static void task_go(struct sim_thread *to) __attribute__((noreturn));
static void task_go(struct sim_thread *to)
{
    if (to->started)
        _longjmp(to->at, 1);
    to->started = true;
    getcontext(&to->first);
    to->first.uc_stack.ss_sp = (char *)to->stack + TASK_GUARD;
    to->first.uc_stack.ss_size = TASK_STACK - TASK_GUARD;
    to->first.uc_link = NULL;
    makecontext(&to->first, task_main, 0);
    setcontext(&to->first);
    abort();
}

void sim_take_cpu(struct sim *sim, struct sim_thread *to)
{
    const struct qr_cpus *cpus = QP_DEFAULT_CPUS;

    sim->cpu[to->here.cpu].owner = to;
    if (cpus->area && to->here.cpu < cpus->nr_max && cpus->area[to->here.cpu])
        cpus->area[to->here.cpu]->owner = QR_CPU_RUNNING;
}

void sim_change(struct sim *sim, struct sim_thread *to)
{
    struct sim_thread *from = sim->now;

    from->here = sim_here;
    from->frame = __builtin_frame_address(0);
    sim_take_cpu(sim, to);
    sim->now = to;
    sim_here = to->here;
    task_depart(from->state == SIM_ENDED ? NULL : from, to);
    if (_setjmp(from->at) == 0)
        task_go(to);
    task_arrive(from, false);
}

void sim_leave(struct sim *sim)
{
    struct sim_thread *host = sim->thread[0];

    sim->now->here = sim_here;
    task_depart(sim->now, host);
    sim->now = host;
    sim_here = host->here;
    _longjmp(host->at, 1);
}
