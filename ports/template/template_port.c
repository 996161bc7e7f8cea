/* SPDX-License-Identifier: MIT */
/* ports/template: the linked duties. See quarry_port.h for how to begin.
 *
 * A complete set for one CPU without interrupts, nearly all of it empty, is examples/bare/port (port/bare in
 * the one-file release): begin from that one, or take its bodies.
 *
 * Suggested order: qp_panic and qp_write first, because everything after them then speaks; the
 * inline duties; quarry_boot_default with a memory map, which makes kmalloc work on one CPU;
 * qp_now_ns and qp_backtrace for useful reports; qp_claim_cpu and online() for more CPUs; qp_map,
 * qp_unmap and qp_flush for vmalloc; qp_wait, qp_wake and qp_start_worker for background reclaim.
 * qp_discard may always answer false, qp_call_cpu and qp_start_worker -ENOSYS (-38). */
#include <quarry/port.h>

void qp_panic(const char *text)
{
    (void)
        text; /* FIRST: show it, on a serial port, a screen, in a log; until then this hangs silently */
    for (;;) {
    }
}

void qp_write(const char *text, size_t size)
{
    (void)text;
    (void)size;
    TEMPLATE_DUTY("qp_write");
}

uint64_t qp_now_ns(void)
{
    TEMPLATE_DUTY("qp_now_ns");
}

unsigned int qp_backtrace(const void **pc, unsigned int max)
{
    (void)pc;
    (void)max;
    TEMPLATE_DUTY("qp_backtrace");
}

void qp_explain_atomic(struct qp_atomic_reason *reason)
{
    (void)reason;
    TEMPLATE_DUTY("qp_explain_atomic");
}

unsigned int qp_task_id(void)
{
    TEMPLATE_DUTY("qp_task_id");
}

struct qr_cpu *qp_claim_cpu(struct qr_cpus *cpus)
{
    (void)cpus;
    TEMPLATE_DUTY("qp_claim_cpu");
}

void qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns)
{
    (void)event;
    (void)seen;
    (void)timeout_ns;
    TEMPLATE_DUTY("qp_wait");
}

void qp_wake(struct qp_event *event)
{
    (void)event;
    TEMPLATE_DUTY("qp_wake");
}

void qp_hold_others(void)
{
    TEMPLATE_DUTY("qp_hold_others");
}

void qp_let_in(void)
{
    TEMPLATE_DUTY("qp_let_in");
}

int qp_start_worker(void (*fn)(void *), void *arg)
{
    (void)fn;
    (void)arg;
    TEMPLATE_DUTY("qp_start_worker");
}

int qp_map(uintptr_t offset, void *virt, phys_addr_t phys, size_t nr)
{
    (void)offset;
    (void)virt;
    (void)phys;
    (void)nr;
    TEMPLATE_DUTY("qp_map");
}

void qp_unmap(uintptr_t offset, void *virt, size_t nr)
{
    (void)offset;
    (void)virt;
    (void)nr;
    TEMPLATE_DUTY("qp_unmap");
}

void qp_flush(uintptr_t offset, void *virt, size_t nr)
{
    (void)offset;
    (void)virt;
    (void)nr;
    TEMPLATE_DUTY("qp_flush");
}

bool qp_discard(uintptr_t offset, phys_addr_t phys, size_t nr)
{
    (void)offset;
    (void)phys;
    (void)nr;
    TEMPLATE_DUTY("qp_discard");
}

int qp_call_cpu(const struct qr_cpus *cpus, unsigned int cpu, void (*fn)(void *), void *arg)
{
    (void)cpus;
    (void)cpu;
    (void)fn;
    (void)arg;
    TEMPLATE_DUTY("qp_call_cpu");
}

/* Called by the first use of the public API while no machine runs: describe the machine in a struct
 * qp_machine and give it to qr_boot(&quarry_default, …). */
void quarry_boot_default(void)
{
    TEMPLATE_DUTY("quarry_boot_default");
}
