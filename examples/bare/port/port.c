/* SPDX-License-Identifier: MIT */
/* The linked duties of the simplest machine. What stands for the hardware is host.h: a console, a way to
 * stop, and a stretch of memory. */
#include <quarry/port.h>
#include "host.h"

#define BARE_ENOMEM 12
#define BARE_ENOSYS 38

struct qp_task bare_task;
static uint64_t bare_time; /* ns */

void qp_panic(const char *text)
{
    size_t length = 0;

    while (text[length])
        length++;
    host_write(text, length);
    host_stop(2);
}

void qp_write(const char *text, size_t size)
{
    host_write(text, size);
}

/* No clock: time moves on by being looked at and waited for, so that nothing waits for ever. */
uint64_t qp_now_ns(void)
{
    return bare_time++;
}

unsigned int qp_backtrace(const void **pc, unsigned int max)
{
    (void)pc;
    (void)max;
    return 0;
}

void qp_explain_atomic(struct qp_atomic_reason *reason)
{
    *reason = (struct qp_atomic_reason){0};
}

unsigned int qp_task_id(void)
{
    return 0;
}

/* CPU 0 is online from boot on; there is no other. */
struct qr_cpu *qp_claim_cpu(struct qr_cpus *cpus)
{
    (void)cpus;
    return NULL;
}

/* Nobody could wake us: every wait is over at once, and one without an end is a mistake. */
void qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns)
{
    (void)event;
    (void)seen;
    if (!timeout_ns)
        qp_panic("bare: a wait that nobody can end\n");
    bare_time += timeout_ns;
}

void qp_wake(struct qp_event *event)
{
    event->moves++;
}

void qp_hold_others(void)
{
}

void qp_let_in(void)
{
}

int qp_start_worker(void (*fn)(void *), void *arg)
{
    (void)fn;
    (void)arg;
    return -BARE_ENOSYS;
}

int qp_map(uintptr_t offset, void *virt, phys_addr_t phys, size_t nr)
{
    (void)offset;
    (void)virt;
    (void)phys;
    (void)nr;
    return -BARE_ENOMEM;
}

void qp_unmap(uintptr_t offset, void *virt, size_t nr)
{
    (void)offset;
    (void)virt;
    (void)nr;
}

void qp_flush(uintptr_t offset, void *virt, size_t nr)
{
    (void)offset;
    (void)virt;
    (void)nr;
}

bool qp_discard(uintptr_t offset, phys_addr_t phys, size_t nr)
{
    (void)offset;
    (void)phys;
    (void)nr;
    return false;
}

int qp_call_cpu(const struct qr_cpus *cpus, unsigned int cpu, void (*fn)(void *), void *arg)
{
    (void)cpus;
    (void)cpu;
    (void)fn;
    (void)arg;
    return -BARE_ENOSYS;
}

/* Describe the memory and start: on the first call that needs it. */
void quarry_boot_default(void)
{
    static char why[200];
    uintptr_t start = ((uintptr_t)host_ram + PAGE_SIZE - 1) & PAGE_MASK;
    struct quarry_region ram = {.start = start, .size = HOST_RAM_SIZE - PAGE_SIZE};
    struct qp_machine machine = {
        .regions = &ram, .nr_regions = 1, .nr_cpus = 1, .ram_is_zero = true};

    if (qr_boot(&quarry_default, &machine, why, sizeof(why)))
        qp_panic(why);
}
