/* SPDX-License-Identifier: MIT */
/* ports/sim/duties: the linked duties that are neither memory nor schedule. */
#include "world.h"
#include <quarry/gfp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DUTIES_MESSAGES (64u * 1024)

void qp_panic(const char *text)
{
    if (!sim_now || !sim_now->now) {
        fputs(text, stderr);
        abort();
    }
    sim_end(sim_now, SIM_PANIC, "%s", text);
}

/* Kept, for the report. */
void qp_write(const char *text, size_t size)
{
    struct sim *sim = sim_now;
    size_t room;

    if (!sim || !sim->messages) {
        fwrite(text, 1, size, stderr);
        return;
    }
    room = DUTIES_MESSAGES - 1 - sim->nr_messages;
    if (size > room)
        size = room;
    memcpy(sim->messages + sim->nr_messages, text, size);
    sim->nr_messages += size;
    sim->messages[sim->nr_messages] = 0;
}

uint64_t qp_now_ns(void)
{
    return sim_now ? sim_now->clock : 0;
}

unsigned int qp_backtrace(const void **pc, unsigned int max)
{
    return sim_now && sim_now->now ? sim_callers(__builtin_frame_address(0), sim_now->now, pc, max)
                                   : 0;
}

void qp_explain_atomic(struct qp_atomic_reason *reason)
{
    reason->nr = 0;
    reason->interrupt = sim_here.interrupt != 0;
    if (sim_here.interrupt)
        reason->what = sim_here.interrupt == 2 ? "in hard interrupt" : "in soft interrupt";
    else if (sim_here.locks)
        reason->what = "spin lock held";
    else if (sim_here.off)
        reason->what = "interrupts off";
    else if (sim_here.atomic)
        reason->what = "preemption off";
    else
        reason->what = "inside a read section";
}

unsigned int qp_task_id(void)
{
    return sim_task_number();
}

/* Making a CPU's data takes memory, whose taking finds the CPU without data: not again. */
struct qr_cpu *qp_claim_cpu(struct qr_cpus *cpus)
{
    struct sim_cpu *cpu = sim_now ? &sim_now->cpu[sim_here.cpu] : NULL;
    struct qr_cpu *made;

    if (!cpu || sim_here.cpu >= cpus->nr_max || cpu->claimed)
        return NULL;
    cpu->claimed = true;
    made = cpus->online(cpus, sim_here.cpu);
    cpu->claimed = made != NULL;
    return made;
}

int qp_start_worker(void (*fn)(void *), void *arg)
{
    struct sim *sim = sim_now;
    struct sim_thread *thread;

    if (!sim || sim->config.without_worker)
        return -ENOSYS;
    thread = sim_thread_new(sim, sim->next_worker_cpu++ % sim->config.cpus, "worker", fn, arg);
    if (!thread)
        return -EAGAIN;
    thread->daemon = true;
    thread->resting = false; /* it belongs to the core */
    return 0;
}

/* The target's data is touched between two of its sections, by this task in its name. */
int qp_call_cpu(const struct qr_cpus *cpus, unsigned int cpu, void (*fn)(void *), void *arg)
{
    struct sim *sim = sim_now;
    unsigned int home = sim_here.cpu;

    (void)cpus;
    if (!sim || cpu >= sim->config.cpus)
        return -ENOSYS;
    while (cpu != home && sim->cpu[cpu].owner && sim->cpu[cpu].owner->here.off)
        qp_relax();
    sim_here.off++;
    sim_here.cpu = cpu;
    fn(arg);
    sim_here.cpu = home;
    sim_here.off--;
    return 0;
}

void quarry_boot_default(void)
{
    qp_panic("sim: no world is entered: call sim_new() first\n");
}
