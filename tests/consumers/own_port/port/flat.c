/* SPDX-License-Identifier: MIT */
/* The linked duties of the flat port. What it needs of the world is two functions: flat_out() shows
 * text, flat_stop() ends. */
#include <quarry/port.h>

#define FLAT_BYTES (8u << 20)
#define FLAT_PHYS                                                                                  \
    0x100000u /* where the array is said to lie: not at 0, which is no frame to hand out */
#define FLAT_ENOMEM 12
#define FLAT_ENOSYS 38

void flat_out(const char *text, size_t size);
void flat_stop(int status) __attribute__((noreturn));

static unsigned char flat_memory[FLAT_BYTES] __attribute__((aligned(4096)));
static uint64_t flat_clock;
struct qp_task flat_task;

void qp_panic(const char *text)
{
    size_t size = 0;
    while (text[size])
        size++;
    flat_out(text, size);
    flat_stop(1);
}

void qp_write(const char *text, size_t size)
{
    flat_out(text, size);
}

uint64_t qp_now_ns(void)
{
    return flat_clock++;
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
    return 1;
}

struct qr_cpu *qp_claim_cpu(struct qr_cpus *cpus)
{
    (void)cpus;
    return NULL; /* CPU 0 is online from the boot on, and there is no other */
}

void qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns)
{
    (void)seen;
    if (!timeout_ns)
        qp_panic("flat: nobody else is there who could wake this CPU\n");
    (void)event;
    flat_clock += timeout_ns;
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
    return -FLAT_ENOSYS;
}

int qp_map(uintptr_t offset, void *virt, phys_addr_t phys, size_t nr)
{
    (void)offset;
    (void)virt;
    (void)phys;
    (void)nr;
    return -FLAT_ENOMEM;
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
    return -FLAT_ENOSYS;
}

void quarry_boot_default(void)
{
    static const struct quarry_region memory = {.start = FLAT_PHYS, .size = FLAT_BYTES};
    struct qp_machine machine = {.regions = &memory,
                                 .nr_regions = 1,
                                 .offset = (uintptr_t)flat_memory - FLAT_PHYS,
                                 .nr_cpus = 1,
                                 .kmalloc_min = 8,
                                 .kmalloc_max = 4u << 20,
                                 .ram_is_zero = true};
    char why[256];
    if (qr_boot(&quarry_default, &machine, why, sizeof(why)))
        qp_panic(why);
}
