/* SPDX-License-Identifier: MIT */
/* tests/model/pools: memory pools and per-CPU memory.
 *
 * A pool promises that who may wait gets an element (G-M1), and that the reserve is what it says: it is
 * full when the pool is made; an allocation takes at most one of it, and fails only when it is empty and
 * the caller cannot wait; a free fills it before anything goes back. Growing it fails as a whole or not at
 * all.
 *
 * Per-CPU memory promises an instance for each CPU, all zero at first, aligned, nobody else's. */
#include "model.h"
#include "instance.h"
#include <quarry/percpu.h>
#include <string.h>

#define POOLS_ELEMENT 120u
#define POOLS_LEAST 24u

/* ---- pools ---------------------------------------------------------------------------------- */

static void pools_check(const struct m_pool *own)
{
    if (own->pool->min_nr != own->least || own->pool->curr_nr < 0 ||
        own->pool->curr_nr > own->least)
        m_wrong("G-M1", "a pool with a reserve of %d says %d of %d", own->least, own->pool->curr_nr,
                own->pool->min_nr);
}

static void pools_create(struct m_pool *own)
{
    *own = (struct m_pool){.from = (enum m_element)m_draw(M_ELEMENTS),
                           .least = 1 + (int)m_draw(POOLS_LEAST)};
    own->size = own->from == M_FROM_CACHE     ? POOLS_ELEMENT
                : own->from == M_FROM_KMALLOC ? 1 + m_draw(600)
                                              : PAGE_SIZE << m_draw(2);
    model.current = GFP_KERNEL;
    if (own->from == M_FROM_CACHE && !model.element_cache)
        model.element_cache = kmem_cache_create("model-element", POOLS_ELEMENT, 0, 0, NULL);
    if (own->from == M_FROM_CACHE && !model.element_cache)
        return;
    m_note("mempool_create of %lu elements of %lu bytes, from %lu", (uint64_t)own->least, own->size,
           own->from, 0);
    if (own->from == M_FROM_CACHE)
        own->pool = mempool_create_slab_pool(own->least, model.element_cache);
    else if (own->from == M_FROM_KMALLOC)
        own->pool = mempool_create_kmalloc_pool(own->least, own->size);
    else
        own->pool = mempool_create_page_pool(own->least, get_order(own->size));
    sim_log("pool", own->size, own->pool != NULL);
    if (!own->pool) {
        model.failed++;
        return;
    }
    if (!mempool_is_saturated(own->pool))
        m_wrong("G-M1", "a new pool is not full");
    pools_check(own);
}

static void pools_resize(struct m_pool *own)
{
    int least = 1 + (int)m_draw(POOLS_LEAST), before = own->pool->curr_nr, error;

    m_note("mempool_resize from %lu to %lu", (uint64_t)own->least, (uint64_t)least, 0, 0);
    model.current = GFP_KERNEL;
    error = mempool_resize(own->pool, least);
    if (error) {
        model.failed++;
        if (least <= own->least || own->pool->curr_nr != before)
            m_wrong("G-M1", "mempool_resize failed with %d elements, %d before", own->pool->curr_nr,
                    before);
    } else {
        own->least = least;
    }
    pools_check(own);
}

static void pools_destroy(struct m_pool *own)
{
    for (unsigned int i = 0; i < model.machine->things && own->live; i++) {
        struct m_thing *thing = &model.thing[i];
        if (thing->kind == M_ELEMENT && &model.pool[thing->owner] == own)
            m_pools_free(thing);
    }
    m_note("mempool_destroy", 0, 0, 0, 0);
    mempool_destroy(own->pool);
    own->pool = NULL;
}

void m_pools_manage(void)
{
    struct m_pool *own = &model.pool[m_draw(M_POOLS)];

    if (!own->pool)
        pools_create(own);
    else if (m_chance(60))
        pools_resize(own);
    else
        pools_destroy(own);
}

void m_pools_end(void)
{
    for (unsigned int i = 0; i < M_POOLS; i++) {
        if (model.pool[i].pool)
            pools_destroy(&model.pool[i]);
    }
    kmem_cache_destroy(model.element_cache);
    model.element_cache = NULL;
}

/* Who waits on an empty pool waits for another's free: here nobody else would come. */
static gfp_t pools_mask(const struct m_pool *own)
{
    struct m_request request = {.gfp = GFP_KERNEL, .order = 1, .nid = NUMA_NO_NODE};
    gfp_t gfp = m_draw_gfp() & ~(GFP_ZONEMASK | __GFP_NOFAIL | __GFP_RECLAIMABLE | __GFP_ZERO);
    struct m_state before;

    m_look(&before);
    if (own->pool->curr_nr == 0 && m_contract(&request, &before).outcome != M_MUST_SUCCEED)
        gfp &= ~__GFP_DIRECT_RECLAIM;
    return gfp;
}

static struct page *pools_page(const struct m_pool *own, void *element)
{
    return own->from == M_FROM_PAGES ? element : NULL;
}

static uint64_t pools_start(const struct m_thing *thing)
{
    return thing->page ? page_to_phys(thing->page) : virt_to_phys(thing->address);
}

void m_pools_new(struct m_thing *thing)
{
    struct m_pool *own = &model.pool[m_draw(M_POOLS)];
    bool reserved = m_chance(10);
    int before;
    gfp_t gfp;
    void *element;

    if (!own->pool)
        return;
    gfp = pools_mask(own);
    before = own->pool->curr_nr;
    m_note("mempool_alloc of %lu bytes, mask %#lx, %lu in reserve", own->size, gfp,
           (uint64_t)before, 0);
    model.current = gfp;
    element = reserved ? mempool_alloc_preallocated(own->pool) : mempool_alloc(own->pool, gfp);
    sim_log("element", own->size, element != NULL);
    pools_check(own);
    if (!element) {
        model.failed++;
        if (before || (!reserved && (gfp & __GFP_DIRECT_RECLAIM)))
            m_wrong("G-M1", "mempool_alloc failed with %d in reserve, mask %#x", before, gfp);
        return;
    }
    if (own->pool->curr_nr < before - 1 || (reserved && own->pool->curr_nr != before - 1))
        m_wrong("G-M1", "one allocation left %d of %d in reserve", own->pool->curr_nr, before);
    *thing = (struct m_thing){.kind = M_ELEMENT,
                              .size = own->size,
                              .gfp = gfp,
                              .owner = (unsigned int)(own - model.pool),
                              .page = pools_page(own, element)};
    thing->address = thing->page ? page_address(thing->page) : element;
    own->live++;
    m_take_range(thing, pools_start(thing), own->size);
    m_stamp(thing);
    model.done[M_ELEMENT]++;
}

void m_pools_free(struct m_thing *thing)
{
    struct m_pool *own = &model.pool[thing->owner];
    int before = own->pool->curr_nr;

    m_check_stamp(thing);
    m_note("mempool_free of %lu bytes, %lu in reserve", own->size, (uint64_t)before, 0, 0);
    m_give_range(pools_start(thing));
    own->live--;
    thing->kind = M_NOTHING;
    mempool_free(thing->page ? (void *)thing->page : thing->address, own->pool);
    if (own->pool->curr_nr != (before < own->least ? before + 1 : before))
        m_wrong("G-M1", "a free left %d in reserve, %d before, of %d", own->pool->curr_nr, before,
                own->least);
}

/* ---- per-CPU memory ------------------------------------------------------------------------- */

static void percpu_instance(struct m_thing *thing, unsigned int cpu)
{
    thing->address = quarry_per_cpu_ptr(thing->token, cpu);
}

void m_percpu_new(struct m_thing *thing)
{
    size_t size = 1 + m_draw(m_chance(10) ? 9000 : 200), align = 1ul << m_draw(8);
    gfp_t gfp = m_chance(50) ? GFP_KERNEL : GFP_NOWAIT;
    void *token;

    m_note("alloc_percpu of %lu bytes, align %lu, mask %#lx", size, align, gfp, 0);
    model.current = gfp;
    token = __alloc_percpu_gfp(size, align, gfp);
    sim_log("percpu", size, token != NULL);
    if (!token) {
        model.failed++;
        return;
    }
    *thing =
        (struct m_thing){.kind = M_PERCPU, .size = size, .gfp = gfp | __GFP_ZERO, .token = token};
    for (unsigned int cpu = 0; cpu < quarry_nr_cpus(); cpu++) {
        if (!quarry_cpu_exists(cpu))
            continue;
        percpu_instance(thing, cpu);
        if ((uintptr_t)thing->address & (align - 1))
            m_wrong("percpu", "an instance is not aligned to %lu", (unsigned long)align);
        m_take_range(thing, per_cpu_ptr_to_phys(thing->address), size);
        m_check_zero(thing, 0, size);
    }
    percpu_instance(thing, quarry_cpu());
    m_stamp(thing);
    model.done[M_PERCPU]++;
}

void m_percpu_use(struct m_thing *thing)
{
    if (thing->address != quarry_per_cpu_ptr(thing->token, quarry_cpu()))
        m_wrong("percpu", "an instance moved");
    m_check_stamp(thing);
    m_stamp(thing);
}

void m_percpu_free(struct m_thing *thing)
{
    m_percpu_use(thing);
    m_note("free_percpu of %lu bytes", thing->size, 0, 0, 0);
    for (unsigned int cpu = 0; cpu < quarry_nr_cpus(); cpu++) {
        if (quarry_cpu_exists(cpu))
            m_give_range(per_cpu_ptr_to_phys(quarry_per_cpu_ptr(thing->token, cpu)));
    }
    free_percpu(thing->token);
    thing->kind = M_NOTHING;
}
