/* SPDX-License-Identifier: MIT */
/* Which CPUs there are. A thread that runs driver code is a CPU; numbers are used again. Possible are all
 * numbers a thread may ever get, and the one that stands for threads without a CPU of their own; online
 * are those that some thread has or had. */
#ifndef QUARRY_LINUX_CPUMASK_H
#define QUARRY_LINUX_CPUMASK_H

#include <linux/types.h>
#include <quarry/percpu.h>

/* More than any machine has (QUARRY_CPUS): for arrays. */
#define NR_CPUS 65537
#define nr_cpu_ids quarry_nr_cpus()
#define num_possible_cpus() quarry_nr_cpus()
#define num_present_cpus() quarry_nr_cpus()
#define cpu_possible(cpu) ((unsigned int)(cpu) < nr_cpu_ids)
#define cpu_present(cpu) cpu_possible(cpu)
#define cpu_online(cpu) quarry_cpu_exists((unsigned int)(cpu))

static inline unsigned int quarry_next_online_cpu(unsigned int cpu)
{
    while (cpu < quarry_nr_cpus() && !quarry_cpu_exists(cpu))
        cpu++;
    return cpu;
}

static inline unsigned int num_online_cpus(void)
{
    unsigned int cpu, nr = 0;
    for (cpu = quarry_next_online_cpu(0); cpu < nr_cpu_ids; cpu = quarry_next_online_cpu(cpu + 1))
        nr++;
    return nr;
}

#define for_each_possible_cpu(cpu) for ((cpu) = 0; (unsigned int)(cpu) < nr_cpu_ids; (cpu)++)
#define for_each_present_cpu(cpu) for_each_possible_cpu(cpu)
#define for_each_online_cpu(cpu)                                                                   \
    for ((cpu) = (__typeof__(cpu))quarry_next_online_cpu(0); (unsigned int)(cpu) < nr_cpu_ids;     \
         (cpu) = (__typeof__(cpu))quarry_next_online_cpu((unsigned int)(cpu) + 1))

#endif
