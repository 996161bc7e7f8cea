/* SPDX-License-Identifier: MIT */
/* api/percpu: the public calls of quarry/percpu.h, over the default machine. See percpu/. */
#include "../instance.h"

void *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp)
{
    return qr_percpu_alloc(&qr_default()->percpu, size, align, gfp, "alloc_percpu_gfp");
}

void *__alloc_percpu(size_t size, size_t align)
{
    struct quarry *q = qr_default();
    gfp_t gfp = GFP_KERNEL;

    if (!qr_may_sleep_here(&q->check, "alloc_percpu"))
        gfp = GFP_ATOMIC;
    return qr_percpu_alloc(&q->percpu, size, align, gfp, "alloc_percpu");
}

void free_percpu(void *token)
{
    qr_percpu_free(&qr_default()->percpu, token);
}

void *quarry_per_cpu_ptr(const volatile void *token, unsigned int cpu)
{
    return qr_percpu_ptr(&qr_default()->percpu, token, cpu);
}

void *quarry_this_cpu_ptr(const volatile void *token)
{
    struct qr_percpu *percpu = &qr_default()->percpu;
    return qr_percpu_ptr(percpu, token, qr_percpu_here(percpu));
}

unsigned int quarry_cpu(void)
{
    return qr_percpu_here(&qr_default()->percpu);
}

unsigned int quarry_nr_cpus(void)
{
    return qr_default()->cpus.nr_max + 1;
}

bool quarry_cpu_exists(unsigned int cpu)
{
    struct qr_cpus *cpus = &qr_default()->cpus;

    if (cpu >= cpus->nr_max)
        return cpu == cpus->nr_max;
    return __atomic_load_n(&cpus->area[cpu], __ATOMIC_ACQUIRE) != NULL;
}

phys_addr_t per_cpu_ptr_to_phys(void *address)
{
    return virt_to_phys(address);
}

int quarry_percpu_register(const void *start, size_t size)
{
    return qr_percpu_register(&quarry_default.percpu, start, size);
}

void quarry_percpu_unregister(const void *start)
{
    qr_percpu_unregister(&quarry_default.percpu, start);
}
