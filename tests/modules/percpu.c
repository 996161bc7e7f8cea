// SPDX-License-Identifier: MIT
/* A module with per-CPU variables of both kinds, for tests of compat/linux. */
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/smp.h>

struct totals {
    unsigned long events;
    int start;
};

static DEFINE_PER_CPU(struct totals, fixed) = {.start = 5};
static struct totals __percpu *made;

/* One event on this CPU; -1 when something is not as it should be. */
static int percpu_event(void)
{
    struct totals *here = get_cpu_ptr(made);
    int cpu = smp_processor_id();
    int right = here->start == cpu && here == per_cpu_ptr(made, cpu) &&
                &get_cpu_var(fixed) == &per_cpu(fixed, cpu) && &fixed != &per_cpu(fixed, cpu) &&
                per_cpu(fixed, cpu).start == 5;
    put_cpu_var(fixed);
    here->events++;
    put_cpu_ptr(made);
    this_cpu_inc(fixed.events);
    return right ? 0 : -EINVAL;
}

static int __init percpu_init(void)
{
    unsigned long sum = 0;
    int cpu, error;
    made = alloc_percpu(struct totals);
    if (!made)
        return -ENOMEM;
    for_each_possible_cpu(cpu) per_cpu_ptr(made, cpu)->start = cpu;
    error = percpu_event();
    for_each_online_cpu(cpu) sum += per_cpu_ptr(made, cpu)->events + per_cpu(fixed, cpu).events;
    if (!error && sum != 2)
        error = -ERANGE;
    if (error)
        free_percpu(made);
    return error;
}

static void __exit percpu_exit(void)
{
    free_percpu(made);
}

module_init(percpu_init);
module_exit(percpu_exit);
MODULE_LICENSE("GPL");
