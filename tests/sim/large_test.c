/* SPDX-License-Identifier: MIT */
/* A machine of 256 CPUs and a tebibyte of memory, simulated within two gibibytes: frames are a sparse
 * file, and of the page descriptors only those are touched that head a block. */
#include <quarry/gfp.h>
#include <quarry/slab.h>
#include <quarry/stat.h>
#include <quarry/vmalloc.h>
#include "point.h"
#include "sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>

#define LARGE_CPUS 256u
#define LARGE_FRAMES (1ull << 28) /* 1 TiB */
#define LARGE_OPERATIONS 1000000u
#define LARGE_RESIDENT_KIB (2ull << 20)
#define LARGE_HELD 32u

struct large_task {
    uint64_t random;
    unsigned int operations;
    struct {
        void *address;
        unsigned int order; /* of pages, else LARGE_SLAB or LARGE_VMALLOC */
    } held[LARGE_HELD];
};
#define LARGE_SLAB 100u
#define LARGE_VMALLOC 101u

static uint64_t large_done;

static void large_free(struct large_task *task, unsigned int at)
{
    void *address = task->held[at].address;

    task->held[at].address = NULL;
    if (task->held[at].order == LARGE_SLAB)
        kfree(address);
    else if (task->held[at].order == LARGE_VMALLOC)
        vfree(address);
    else if (address)
        free_pages((unsigned long)address, task->held[at].order);
}

/* Small ones mostly; blocks of up to 4 MiB, of which nothing is touched; now and then an area. */
static void large_operation(struct large_task *task)
{
    unsigned int at = (unsigned int)(sim_random(&task->random) % LARGE_HELD);
    unsigned int kind = (unsigned int)(sim_random(&task->random) % 64);

    large_free(task, at);
    if (kind < 40) {
        task->held[at].order = LARGE_SLAB;
        task->held[at].address = kmalloc(8 + sim_random(&task->random) % 2000, GFP_KERNEL);
    } else if (kind < 63) {
        task->held[at].order = (unsigned int)(sim_random(&task->random) % 11);
        task->held[at].address = (void *)__get_free_pages(GFP_KERNEL, task->held[at].order);
    } else {
        task->held[at].order = LARGE_VMALLOC;
        task->held[at].address = vmalloc(1 + sim_random(&task->random) % 20000);
    }
    if (!task->held[at].address)
        sim_fail("a request failed on a machine that is all but empty");
    large_done++;
}

static void large_run(void *arg)
{
    struct large_task *task = arg;

    for (unsigned int i = 0; i < task->operations; i++) {
        sim_operation(i + 1);
        large_operation(task);
    }
    for (unsigned int i = 0; i < LARGE_HELD; i++)
        large_free(task, i);
}

static void a_tebibyte_and_256_cpus_fit_into_two_gibibytes(void **state)
{
    struct quarry_region region[] = {
        {.start = 0, .size = LARGE_FRAMES * PAGE_SIZE / 2, .nid = 0},
        {.start = LARGE_FRAMES * PAGE_SIZE / 2, .size = LARGE_FRAMES * PAGE_SIZE / 2, .nid = 1}};
    struct sim_config config = {.seed = 1,
                                .cpus = LARGE_CPUS,
                                .regions = region,
                                .nr_regions = 2,
                                .dma_limit = 16u << 20,
                                .dma32_limit = 4ull << 30,
                                .vmalloc_frames = 1u << 20,
                                .gap = 64,
                                .max_points = ~0ull};
    struct large_task *task = calloc(LARGE_CPUS, sizeof(*task));
    struct rusage usage;
    char why[200] = "";
    struct sim *sim = sim_new(&config, why, sizeof(why));

    (void)state;
    assert_non_null(task);
    if (!sim)
        fail_msg("%s", why);
    assert_true(totalram_pages() > LARGE_FRAMES / 100 * 99);
    for (unsigned int cpu = 0; cpu < LARGE_CPUS; cpu++) {
        task[cpu].random = cpu;
        task[cpu].operations = LARGE_OPERATIONS / LARGE_CPUS + 1;
        assert_true(sim_task(sim, cpu, "large", large_run, &task[cpu]) > 0);
    }
    if (sim_run(sim) != SIM_FINE)
        fail_msg("%s", sim_report(sim));
    assert_true(large_done >= LARGE_OPERATIONS);
    getrusage(RUSAGE_SELF, &usage);
    print_message("%llu operations, %llu switches, %llu MiB of frames, %ld MiB in all\n",
                  (unsigned long long)large_done, (unsigned long long)sim_switches(sim),
                  (unsigned long long)sim_resident(sim) >> 20, usage.ru_maxrss >> 10);
    assert_true(sim_resident(sim) < LARGE_RESIDENT_KIB << 10);
    assert_true((uint64_t)usage.ru_maxrss < LARGE_RESIDENT_KIB);
    sim_free(sim);
    free(task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tebibyte_and_256_cpus_fit_into_two_gibibytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
