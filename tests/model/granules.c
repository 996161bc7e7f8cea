/* SPDX-License-Identifier: MIT */
/* tests/model/granules: gen_pool.
 *
 * A pool gives out runs of granules from ranges of numbers that it never reads. Its first-fit rule is exact:
 * the lowest run of free granules that is long enough, in the first range that has one; so the model says the
 * address, not only that it is legal. Size and free bytes are the model's. What was not taken, or with
 * another size, is no free (G-S8); a range that overlaps another one is refused. */
#include "model.h"
#include <errno.h>
#include <quarry/genalloc.h>
#include <string.h>

#define GRANULES_ORDER 5u
#define GRANULES_BASE 0x70000000ul

static unsigned long granules_start(unsigned int chunk)
{
    return GRANULES_BASE + chunk * 0x100000ul;
}

static unsigned int granules_of(size_t size)
{
    return (unsigned int)((size + (1u << GRANULES_ORDER) - 1) >> GRANULES_ORDER);
}

static void granules_compare(const struct m_granules *own)
{
    size_t all = 0, free = 0;

    for (unsigned int i = 0; i < own->chunks; i++) {
        all += own->nr[i];
        for (unsigned int j = 0; j < own->nr[i]; j++)
            free += !own->taken[i][j];
    }
    if (gen_pool_size(own->pool) != all << GRANULES_ORDER ||
        gen_pool_avail(own->pool) != free << GRANULES_ORDER)
        m_wrong("gen_pool", "%lu of %lu bytes are free, not %lu of %lu",
                (unsigned long)gen_pool_avail(own->pool), (unsigned long)gen_pool_size(own->pool),
                (unsigned long)(free << GRANULES_ORDER), (unsigned long)(all << GRANULES_ORDER));
}

/* ---- pools and ranges ----------------------------------------------------------------------- */

static void granules_add(struct m_granules *own)
{
    unsigned int nr = 1 + (unsigned int)m_draw(M_GRANULES);
    size_t rest = m_draw(1u << GRANULES_ORDER); /* a part of a granule at the end */
    int error;

    m_note("gen_pool_add of %lu granules", nr, 0, 0, 0);
    model.current = GFP_KERNEL;
    error = gen_pool_add(own->pool, granules_start(own->chunks), (nr << GRANULES_ORDER) + rest,
                         NUMA_NO_NODE);
    if (error) {
        model.failed++;
        return;
    }
    own->nr[own->chunks] = nr;
    memset(own->taken[own->chunks++], 0, M_GRANULES);
}

static void granules_add_wrongly(struct m_granules *own)
{
    unsigned long before = model.findings;
    unsigned int nr = own->nr[own->chunks - 1];
    int error;
    unsigned long inside = granules_start(own->chunks - 1) + m_draw(nr << GRANULES_ORDER);

    m_note("gen_pool_add of a range that overlaps", 0, 0, 0, 0);
    model.misuse = true;
    model.current = GFP_KERNEL;
    error = gen_pool_add(own->pool, inside, PAGE_SIZE, NUMA_NO_NODE);
    if (!error || (error == -EINVAL && model.findings == before))
        m_wrong("gen_pool", "a range that overlaps another is not refused");
    model.misuse = false;
}

static void granules_destroy(struct m_granules *own)
{
    for (unsigned int i = 0; i < model.machine->things; i++) {
        if (model.thing[i].kind == M_GRANULE)
            m_granules_free(&model.thing[i]);
    }
    granules_compare(own);
    m_note("gen_pool_destroy", 0, 0, 0, 0);
    gen_pool_destroy(own->pool);
    own->pool = NULL;
}

void m_granules_manage(void)
{
    struct m_granules *own = &model.granules;

    if (!own->pool) {
        memset(own, 0, sizeof(*own));
        model.current = GFP_KERNEL;
        own->pool = gen_pool_create(GRANULES_ORDER, NUMA_NO_NODE);
        model.failed += !own->pool;
    } else if (own->chunks < M_CHUNKS && m_chance(60)) {
        granules_add(own);
    } else if (own->chunks && m_chance(50)) {
        granules_add_wrongly(own);
    } else if (m_chance(30)) {
        granules_destroy(own);
        return;
    }
    if (own->pool)
        granules_compare(own);
}

void m_granules_end(void)
{
    if (model.granules.pool)
        granules_destroy(&model.granules);
}

/* ---- runs of granules ----------------------------------------------------------------------- */

/* Where first fit puts @nr granules; 0: nowhere. */
static unsigned long granules_first(const struct m_granules *own, unsigned int nr,
                                    unsigned int *chunk, unsigned int *at)
{
    for (*chunk = 0; *chunk < own->chunks; ++*chunk) {
        unsigned int run = 0;
        for (unsigned int i = 0; i < own->nr[*chunk]; i++) {
            run = own->taken[*chunk][i] ? 0 : run + 1;
            if (run == nr) {
                *at = i + 1 - nr;
                return granules_start(*chunk) + ((unsigned long)*at << GRANULES_ORDER);
            }
        }
    }
    return 0;
}

void m_granules_new(struct m_thing *thing)
{
    struct m_granules *own = &model.granules;
    size_t size = 1 + m_draw((size_t)M_GRANULES << (m_chance(20) ? GRANULES_ORDER : 2));
    unsigned int nr = granules_of(size), chunk, at;
    unsigned long expected, got;

    if (!own->pool)
        return;
    expected = granules_first(own, nr, &chunk, &at);
    m_note("gen_pool_alloc of %lu bytes", size, 0, 0, 0);
    got = gen_pool_alloc(own->pool, size);
    sim_log("granules", size, got);
    if (got != expected)
        m_wrong("gen_pool", "%lu bytes at %#lx, not at %#lx", (unsigned long)size, got, expected);
    if (!got)
        return;
    memset(&own->taken[chunk][at], 1, nr);
    /* A name for the bytes, which are nobody's memory. */
    *thing = (struct m_thing){.kind = M_GRANULE, .size = size, .owner = chunk, .order = at};
    model.done[M_GRANULE]++;
}

static void granules_free_wrongly(const struct m_granules *own, unsigned long start, size_t size)
{
    unsigned long before = model.findings;

    m_note("gen_pool_free of %lu bytes as one more granule", size, 0, 0, 0);
    model.misuse = true;
    gen_pool_free(own->pool, start, size + (1u << GRANULES_ORDER));
    if (model.findings == before)
        m_wrong("G-S8", "a free of granules with another size is not reported");
    model.misuse = false;
    granules_compare(own);
}

void m_granules_free(struct m_thing *thing)
{
    struct m_granules *own = &model.granules;
    unsigned long start =
        granules_start(thing->owner) + ((unsigned long)thing->order << GRANULES_ORDER);

    if (m_chance(5))
        granules_free_wrongly(own, start, thing->size);
    m_note("gen_pool_free of %lu bytes", thing->size, 0, 0, 0);
    memset(&own->taken[thing->owner][thing->order], 0, granules_of(thing->size));
    thing->kind = M_NOTHING;
    gen_pool_free(own->pool, start, thing->size);
}
