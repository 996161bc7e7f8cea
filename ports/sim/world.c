/* SPDX-License-Identifier: MIT */
/* ports/sim/world: making a machine, running its tasks, and throwing it away.
 *
 * The public API knows one machine at one address. A world that is not entered keeps a copy of it; since
 * it comes back to the same address, what points into it stays right. */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE /* see task.c */
#include "world.h"
#include "instance.h"
#include "../hosted/registers.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define WORLD_MAX 8u
#define WORLD_MESSAGES (64u * 1024)
#define WORLD_SIGNAL_STACK (64u * 1024)

static struct sim *world_all[WORLD_MAX];
static struct quarry world_pristine;
static bool world_known;

/* ---- faults --------------------------------------------------------------------------------- */

static void world_fault(int number, siginfo_t *info, void *context)
{
    struct sim *sim = sim_now;

    if (!sim || !sim->running || sim->dead) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    sim->fault_frame = (const void *)hosted_frame_of(context).frame;
    sim_end(sim, SIM_CRASH, "%s at %p", strsignal(number), info->si_addr);
}

static const int world_signal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
#define WORLD_SIGNALS (sizeof(world_signal) / sizeof(world_signal[0]))

static void world_signal_stack(void)
{
    stack_t stack = {.ss_size = WORLD_SIGNAL_STACK};

    stack.ss_sp =
        mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack.ss_sp == MAP_FAILED)
        return;
    sigaltstack(&stack, NULL);
}

static void world_catch_faults(struct sigaction *before)
{
    struct sigaction action = {.sa_sigaction = world_fault,
                               .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};

    for (size_t i = 0; i < WORLD_SIGNALS; i++)
        sigaction(world_signal[i], &action, &before[i]);
}

static void world_let_faults_go(const struct sigaction *before)
{
    for (size_t i = 0; i < WORLD_SIGNALS; i++)
        sigaction(world_signal[i], &before[i], NULL);
}

/* ---- making --------------------------------------------------------------------------------- */

static void world_defaults(struct sim_config *config, struct quarry_region *one)
{
    uint64_t end = 0;

    if (!config->cpus)
        config->cpus = 1;
    if (!config->frames)
        config->frames = 1024;
    if (!config->regions) {
        *one = (struct quarry_region){.start = 0, .size = config->frames * PAGE_SIZE};
        config->regions = one;
        config->nr_regions = 1;
    }
    for (size_t i = 0; i < config->nr_regions; i++) {
        uint64_t last = config->regions[i].start + config->regions[i].size;
        end = last > end ? last : end;
    }
    config->frames = (end + PAGE_SIZE - 1) / PAGE_SIZE;
    if (!config->vmalloc_frames)
        config->vmalloc_frames = config->frames * 4 + 1024;
    if (!config->gap)
        config->gap = 8;
    if (!config->switches)
        config->switches = 3;
    if (config->switches > 16)
        config->switches = 16;
    if (!config->expected_points)
        config->expected_points = 1000;
    if (!config->interrupts)
        config->interrupts = 200;
    if (!config->max_points)
        config->max_points = 50000000;
}

static void world_put_away(struct sim *sim)
{
    if (!sim)
        return;
    memcpy(sim->saved, &quarry_default, sizeof(quarry_default));
    memcpy(&quarry_default, &world_pristine, sizeof(quarry_default));
    sim_now = NULL;
}

void sim_enter(struct sim *sim)
{
    if (sim_now == sim)
        return;
    world_put_away(sim_now);
    memcpy(&quarry_default, sim->saved, sizeof(quarry_default));
    sim_now = sim;
    sim_schedule_begin(sim);
}

static void world_drop(struct sim *sim)
{
    if (sim_now == sim) {
        sim_now = NULL;
        memcpy(&quarry_default, &world_pristine, sizeof(quarry_default));
    }
    sim_threads_free(sim);
    if (sim->ram)
        sim_memory_free(sim);
    sim_order_free(sim->order);
    world_all[sim->index] = NULL;
    free(sim->saved);
    free(sim->report);
    free(sim->messages);
    free(sim->decision);
    free(sim);
}

static struct sim *world_room(char *why, size_t why_size)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    unsigned int index = 0;

    while (index < WORLD_MAX && world_all[index])
        index++;
    if (sim) {
        sim->saved = calloc(1, sizeof(*sim->saved));
        sim->messages = calloc(1, WORLD_MESSAGES);
    }
    if (!sim || !sim->saved || !sim->messages || index == WORLD_MAX) {
        snprintf(why, why_size,
                 index == WORLD_MAX ? "at most %u worlds at once"
                                    : "the host has no memory (%u worlds)",
                 WORLD_MAX);
        if (sim) {
            free(sim->saved);
            free(sim->messages);
        }
        free(sim);
        return NULL;
    }
    sim->index = index;
    sim->log_fd = sim->ram_fd = -1;
    world_all[index] = sim;
    return sim;
}

static int world_boot(struct sim *sim, struct qp_machine *machine, char *why, size_t why_size)
{
    int error = sim_memory_make(sim, machine, why, why_size);

    if (error) {
        sim->ram = 0;
        return error;
    }
    sim_now = sim;
    sim_schedule_begin(sim);
    error = qr_boot(&quarry_default, machine, why, why_size);
    sim->booted = !error;
    return error;
}

struct sim *sim_new(const struct sim_config *config, char *why, size_t why_size)
{
    struct quarry_region one;
    struct qp_machine machine;
    struct sim *sim;

    if (!world_known) {
        memcpy(&world_pristine, &quarry_default, sizeof(quarry_default));
        world_known = true;
        world_signal_stack();
    }
    if (config->cpus > SIM_MAX_CPUS) {
        snprintf(why, why_size, "at most %u CPUs", SIM_MAX_CPUS);
        return NULL;
    }
    sim = world_room(why, why_size);
    if (!sim)
        return NULL;
    sim->config = *config;
    world_defaults(&sim->config, &one);
    sim->random = config->seed;
    sim->ram_bytes = sim->config.frames * PAGE_SIZE;
    sim->order = config->lock_order ? sim_order_new() : NULL;
    machine = (struct qp_machine){.regions = sim->config.regions,
                                  .nr_regions = sim->config.nr_regions,
                                  .dma_limit = config->dma_limit,
                                  .dma32_limit = config->dma32_limit,
                                  .low_limit = config->low_limit,
                                  .movable_from = config->movable_from,
                                  .nr_cpus = sim->config.cpus,
                                  .grace = &quarry_counted_readers,
                                  .options = config->options};
    if (!sim_thread_new(sim, 0, "host", NULL, NULL))
        snprintf(why, why_size, "the host has no memory");
    world_put_away(sim_now);
    if (!sim->nr_threads || world_boot(sim, &machine, why, why_size)) {
        world_drop(sim);
        return NULL;
    }
    sim->thread[0]->started = true;
    sim->config.regions = NULL;
    return sim;
}

void sim_free(struct sim *sim)
{
    if (!sim)
        return;
    if (sim->booted && !sim->dead) {
        sim_enter(sim);
        qr_shutdown(&quarry_default);
    }
    world_drop(sim);
}

/* ---- running -------------------------------------------------------------------------------- */

int sim_task(struct sim *sim, unsigned int cpu, const char *name, void (*fn)(void *), void *arg)
{
    struct sim_thread *thread = sim_thread_new(sim, cpu % sim->config.cpus, name, fn, arg);

    if (!thread)
        return -1;
    sim->nr_alive++;
    return (int)thread->number;
}

enum sim_verdict sim_run(struct sim *sim)
{
    struct sim_thread *host = sim->thread[0];
    static struct sigaction before[WORLD_SIGNALS]; /* static: a jump comes back here */

    if (sim->dead)
        return sim->verdict;
    sim_enter(sim);
    world_catch_faults(before);
    sim_strategy_begin(sim);
    if (_setjmp(host->at) == 0) {
        sim->running = true;
        host->state = SIM_HELD_BACK;
        sim_give_way(sim);
    }
    sim->running = false;
    world_let_faults_go(before);
    return sim->verdict;
}

void sim_operation(uint32_t operation)
{
    struct sim *sim = sim_now;
    struct sim_thread *self = sim->now;

    if (sim_here.off || sim_here.locks || sim_here.atomic)
        sim_end(sim, SIM_SECTION, "%s ended operation %u inside a section or with a lock held",
                self->name, self->operation);
    self->resting = true;
    sim_point(SIM_POINT_PROGRAM, NULL);
    self->resting = false;
    sim_count_points(sim);
    self->operation = operation;
    self->point = 0;
    if (sim->config.strategy == SIM_SCRIPT)
        sim_here.left = sim->budget = sim_strategy_gap(sim);
}

unsigned int sim_task_number(void)
{
    return sim_now && sim_now->now ? sim_now->now->number : 0;
}

bool sim_in_interrupt(void)
{
    return sim_here.interrupt != 0;
}

enum sim_verdict sim_verdict(const struct sim *sim)
{
    return sim->verdict;
}

uint64_t sim_points(const struct sim *sim)
{
    return sim->points;
}

uint64_t sim_switches(const struct sim *sim)
{
    return sim->nr_switches;
}

const struct sim_decision *sim_decisions(const struct sim *sim, size_t *nr)
{
    *nr = sim->nr_decisions;
    return sim->decision;
}

void sim_interrupt_at(struct sim *sim, uint64_t points)
{
    sim->config.interrupt_at = sim->points + points;
}
