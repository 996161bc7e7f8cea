/* SPDX-License-Identifier: MIT */
/* Whatever a workload did, its memory comes back.
 *
 * Two CPUs make and free things of one layer at random, each also what the other made. When all is freed
 * and the caches are trimmed (reclaim with all effort and drained page lists, as a machine short of memory
 * does it), the layer may keep what its first use made, and no more: a stated number of pages, the same
 * after a workload ten times as long. docs/limits.md has the table. */
#include <quarry/dma.h>
#include <quarry/gfp.h>
#include <quarry/mempool.h>
#include <quarry/percpu.h>
#include <quarry/rcu.h>
#include <quarry/slab.h>
#include <quarry/vmalloc.h>
#include "instance.h"
#include "sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define FRAMES 4096u
#define THINGS 64u

struct thing {
    void *at;
    size_t size; /* or order, or count */
};

/* A layer: how to make one thing of about @what (a random number), and how to be rid of it. */
struct layer {
    const char *name;
    bool (*make)(struct thing *thing, uint64_t what);
    void (*drop)(struct thing *thing);
    void (*begin)(void), (*end)(void);
    unsigned long kept; /* pages that its first use may keep for good */
};

/* ---- the layers ----------------------------------------------------------------------------- */

static bool make_pages(struct thing *thing, uint64_t what)
{
    thing->size = what % 16 ? what % 4 : what % 11;
    thing->at = alloc_pages(GFP_NOWAIT | __GFP_NOWARN | (what & 32 ? __GFP_MOVABLE : 0),
                            (unsigned int)thing->size);
    return thing->at != NULL;
}

static void drop_pages(struct thing *thing)
{
    __free_pages(thing->at, (unsigned int)thing->size);
}

static struct kmem_cache *cache;

static void construct(void *object)
{
    memset(object, 0x5a, 200);
}

static void begin_slabs(void)
{
    cache = kmem_cache_create("bounded", 200, 0, 0, construct);
    assert_non_null(cache);
}

static void end_slabs(void)
{
    kmem_cache_destroy(cache);
}

static bool make_object(struct thing *thing, uint64_t what)
{
    thing->at = kmem_cache_alloc(cache, what & 1 ? GFP_KERNEL : GFP_ATOMIC);
    return thing->at != NULL;
}

static void drop_object(struct thing *thing)
{
    kmem_cache_free(cache, thing->at);
}

static bool make_block(struct thing *thing, uint64_t what)
{
    thing->at = kmalloc((what % 8 ? what % 3000 : what % 40000) + 1, GFP_KERNEL | __GFP_NOWARN);
    return thing->at != NULL;
}

static void drop_block(struct thing *thing)
{
    kfree(thing->at);
}

static bool make_area(struct thing *thing, uint64_t what)
{
    thing->size = what % 12 + 1;
    thing->at = vmalloc(thing->size * PAGE_SIZE);
    return thing->at != NULL;
}

static void drop_area(struct thing *thing)
{
    if (thing->size % 4)
        vfree(thing->at);
    else
        vfree_atomic(thing->at); /* put off: frees and purges of others finish it */
}

static mempool_t *pool;

static void begin_pool(void)
{
    pool = mempool_create_kmalloc_pool(8, 600);
    assert_non_null(pool);
}

static void end_pool(void)
{
    mempool_destroy(pool);
}

static bool make_element(struct thing *thing, uint64_t what)
{
    (void)what;
    thing->at = mempool_alloc(pool, GFP_NOWAIT);
    return thing->at != NULL;
}

static void drop_element(struct thing *thing)
{
    mempool_free(thing->at, pool);
}

static bool make_token(struct thing *thing, uint64_t what)
{
    thing->at = __alloc_percpu(what % 500 + 1, 8);
    if (thing->at)
        memset(per_cpu_ptr((char *)thing->at, what % 2), 1, 1);
    return thing->at != NULL;
}

static void drop_token(struct thing *thing)
{
    free_percpu(thing->at);
}

static struct device *device; /* none: the machine's own */

static bool make_coherent(struct thing *thing, uint64_t what)
{
    dma_addr_t handle;

    thing->size = what % 20000 + 1;
    thing->at = dma_alloc_coherent(device, thing->size, &handle, GFP_KERNEL | __GFP_NOWARN);
    return thing->at != NULL;
}

static void drop_coherent(struct thing *thing)
{
    dma_free_coherent(device, thing->size, thing->at, virt_to_phys(thing->at));
}

struct later {
    struct rcu_head head;
    char rest[300];
};

static bool make_later(struct thing *thing, uint64_t what)
{
    thing->at = kmalloc(sizeof(struct later) + what % 500, GFP_KERNEL);
    return thing->at != NULL;
}

static void drop_later(struct thing *thing)
{
    struct later *object = thing->at;

    quarry_rcu_read_lock();
    kfree_rcu(object, head);
    quarry_rcu_read_unlock();
}

static void end_grace(void)
{
    assert_int_equal(quarry_rcu_barrier(), 0);
}

static const struct layer layers[] = {
    {.name = "pages", .make = make_pages, .drop = drop_pages, .kept = 0},
    {.name = "slab",
     .make = make_object,
     .drop = drop_object,
     .begin = begin_slabs,
     .end = end_slabs,
     .kept = 0},
    {.name = "kmalloc", .make = make_block, .drop = drop_block, .kept = 0},
    {.name = "vm", .make = make_area, .drop = drop_area, .kept = 0},
    {.name = "pool",
     .make = make_element,
     .drop = drop_element,
     .begin = begin_pool,
     .end = end_pool,
     .kept = 0},
    {.name = "percpu", .make = make_token, .drop = drop_token, .kept = 2},
    {.name = "dma", .make = make_coherent, .drop = drop_coherent, .kept = 0},
    {.name = "grace", .make = make_later, .drop = drop_later, .end = end_grace, .kept = 0},
};

/* ---- the workload --------------------------------------------------------------------------- */

static struct {
    const struct layer *layer;
    unsigned int steps;
    struct thing thing[THINGS]; /* of both CPUs */
    unsigned long made, refused;
} work;

static void churn(void *arg)
{
    uint64_t random = (uintptr_t)arg;

    for (unsigned int i = 1; i <= work.steps; i++) {
        unsigned int which;
        struct thing thing;
        sim_operation(i);
        which = (unsigned int)(sim_random(&random) % THINGS);
        thing = work.thing[which];
        work.thing[which].at = NULL;
        if (thing.at) {
            work.layer->drop(&thing);
        } else if (work.layer->make(&thing, sim_random(&random))) {
            work.made++;
            if (work.thing[which].at) /* the other CPU was here */
                work.layer->drop(&thing);
            else
                work.thing[which] = thing;
        } else {
            work.refused++;
        }
    }
}

static void finish(void *arg)
{
    (void)arg;
    for (unsigned int i = 0; i < THINGS; i++) {
        if (work.thing[i].at)
            work.layer->drop(&work.thing[i]);
        work.thing[i].at = NULL;
    }
    if (work.layer->end)
        work.layer->end();
}

/* All the caches of the machine, on both CPUs: who ran last on a CPU sleeps, so that it can be drained. */
static void trim(void *arg)
{
    struct quarry *q = &quarry_default;

    (void)arg;
    for (int round = 0; round < 3; round++) {
        qr_reclaim_round(&q->reclaim, GFP_KERNEL, ~0ul >> 1, NUMA_NO_NODE, QR_EFFORT_ALL);
        drain_all_pages();
    }
}

/* A CPU gets its data when it first allocates. */
static void come_online(void *arg)
{
    (void)arg;
    kfree(kmalloc(8, GFP_KERNEL));
}

static void run(struct sim *sim, unsigned int cpu, void (*fn)(void *), void *arg)
{
    assert_true(sim_task(sim, cpu, "one", fn, arg) > 0);
    if (sim_run(sim) != SIM_FINE)
        fail_msg("%s", sim_report(sim));
}

static unsigned long used_after(struct sim *sim, const struct layer *layer, unsigned int steps,
                                uint64_t seed)
{
    struct quarry *q = &quarry_default;

    work.layer = layer;
    work.steps = steps;
    if (steps && layer->begin)
        layer->begin();
    for (unsigned int cpu = 0; cpu < 2 && steps; cpu++)
        assert_true(sim_task(sim, cpu, "churn", churn, (void *)(uintptr_t)(seed + cpu)) > 0);
    if (sim_run(sim) != SIM_FINE)
        fail_msg("%s", sim_report(sim));
    if (steps)
        run(sim, 1, finish, NULL);
    run(sim, 0, come_online, NULL);
    run(sim, 1, come_online, NULL);
    run(sim, 0, trim, NULL);
    run(sim, 1, trim, NULL);
    return q->zones.totalram - qr_free_pages_total(&q->zones);
}

static void every_layer_gives_back_what_it_took(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
        const struct layer *layer = &layers[i];
        struct sim_config config = {.seed = i + 1, .cpus = 2, .frames = FRAMES, .gap = 40};
        char why[200] = "";
        struct sim *sim = sim_new(&config, why, sizeof(why));
        unsigned long start, after, after_more;
        if (!sim)
            fail_msg("%s", why);
        memset(&work, 0, sizeof(work));
        start = used_after(sim, layer, 0, 0);
        after = used_after(sim, layer, 400, 7 * i + 1);
        assert_true(work.made > 100);
        after_more = used_after(sim, layer, 4000, 7 * i + 4);
        print_message("%-8s used %lu pages, %lu after 400 steps, %lu after 4000 more (%lu made, "
                      "%lu refused)\n",
                      layer->name, start, after, after_more, work.made, work.refused);
        assert_in_range(after, start, start + layer->kept);
        assert_in_range(after_more, start, start + layer->kept);
        sim_free(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_gives_back_what_it_took),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
