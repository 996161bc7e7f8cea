/* SPDX-License-Identifier: MIT */
/* tests/model/caches: object caches.
 *
 * What an object promises: as many bytes as its cache was made with, nobody else's, aligned as asked; zero
 * if asked; and in a cache with a constructor, constructed: here the words at both ends belong to the
 * constructor and to nobody else, so they must always be found as it left them (G-S11). Every object is
 * constructed once, when its slab is made, and destructed once, when the slab goes back: at any time those
 * made and not gone are those in slabs.
 *
 * A cache may fail only where a request for the pages of a new slab might (G-E12), with some to spare for
 * its records, and not while a slab has free objects. A bunch is all or nothing. Destroying needs all
 * objects back; the 2.6 form refuses else (G-D1). */
#include "model.h"
#include "instance.h"
#include "slab/internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHES_HEAD 0x68656164c0ffee01ull
#define CACHES_TAIL 0x7461696cc0ffee02ull
#define CACHES_LEAD 16u
#define CACHES_BUNCH 40u
#define CACHES_SPARE 8u /* pages: a stack for this CPU, that stack's slab, the table of stacks */

/* ---- the contract --------------------------------------------------------------------------- */

struct m_verdict m_cache_contract(const struct kmem_cache *cache, gfp_t gfp)
{
    struct m_request request = {.gfp = (gfp & ~GFP_ZONEMASK) | cache->slab_gfp,
                                .order = cache->min_order,
                                .nid = NUMA_NO_NODE,
                                .atomic = sim_in_interrupt(),
                                .spare = CACHES_SPARE};
    struct m_verdict verdict;
    struct m_state before;

    for (unsigned int node = 0; node < model.nr_nodes; node++) {
        if (cache->node[node].free_objects && !(gfp & __GFP_THISNODE) && !model.machine->interrupts)
            return (struct m_verdict){M_MUST_SUCCEED, false, "G-E12"};
    }
    m_look(&before);
    verdict = m_contract(&request, &before);
    if (verdict.outcome == M_MUST_FAIL)
        verdict.outcome = M_MAY_FAIL; /* this CPU's stack may have an object */
    return verdict;
}

/* ---- constructors --------------------------------------------------------------------------- */

static struct m_cache *caches_making; /* of whom no object can be known by address yet */

static void caches_construct(void *object, size_t size)
{
    uint64_t head = CACHES_HEAD, tail = CACHES_TAIL;

    memset(object, 0x5a, size);
    memcpy(object, &head, 8);
    memcpy((char *)object + size - 8, &tail, 8);
}

static void caches_check_constructed(const void *object, size_t size)
{
    uint64_t head, tail;

    memcpy(&head, object, 8);
    memcpy(&tail, (const char *)object + size - 8, 8);
    if (head != CACHES_HEAD || tail != CACHES_TAIL)
        m_wrong("G-S11", "an object of %lu bytes is not as its constructor left it",
                (unsigned long)size);
}

static struct m_cache *caches_of(const struct kmem_cache *cache)
{
    for (unsigned int i = 0; i < M_CACHES; i++) {
        if (model.cache[i].cache == cache)
            return &model.cache[i];
    }
    return caches_making;
}

static void caches_ctor(void *object, struct kmem_cache *cache, unsigned long flags)
{
    struct m_cache *own = caches_of(cache);

    (void)flags;
    caches_construct(object, own->size);
    own->made++;
}

static void caches_dtor(void *object, struct kmem_cache *cache, unsigned long flags)
{
    struct m_cache *own = caches_of(cache);

    (void)flags;
    caches_check_constructed(object, own->size);
    own->gone++;
}

/* The one-argument form does not say of which cache: all of those have one size. */
#define CACHES_PLAIN_SIZE 232u
static void caches_ctor_plain(void *object)
{
    caches_construct(object, CACHES_PLAIN_SIZE);
}

/* ---- making and destroying ------------------------------------------------------------------ */

static void caches_create(struct m_cache *own)
{
    static const slab_flags_t some[] = {0,
                                        0,
                                        0,
                                        SLAB_HWCACHE_ALIGN,
                                        SLAB_RECLAIM_ACCOUNT,
                                        SLAB_CACHE_DMA,
                                        SLAB_RED_ZONE | SLAB_POISON,
                                        SLAB_CONSISTENCY_CHECKS,
                                        SLAB_TYPESAFE_BY_RCU,
                                        SLAB_ACCOUNT};
    slab_flags_t flags = some[m_draw(sizeof(some) / sizeof(some[0]))];
    unsigned int form = (unsigned int)m_draw(3);

    memset(own, 0, sizeof(*own));
    own->size = 48 + m_draw(m_chance(10) ? 6000 : 700);
    own->align = m_chance(50) ? 0 : 8ull << m_draw(7);
    own->constructed = form > 0;
    own->counted = form == 2;
    own->typesafe = (flags & SLAB_TYPESAFE_BY_RCU) != 0;
    if (form == 1)
        own->size = CACHES_PLAIN_SIZE;
    snprintf(own->name, sizeof(own->name), "model-%u", model.step);
    m_note("kmem_cache_create of %lu bytes, align %lu, flags %#lx, form %lu", own->size, own->align,
           flags, form);
    model.current = GFP_KERNEL;
    caches_making = own;
    if (form == 2)
        own->cache =
            kmem_cache_create(own->name, own->size, own->align, flags, caches_ctor, caches_dtor);
    else
        own->cache = kmem_cache_create(own->name, own->size, own->align, flags,
                                       form == 1 ? caches_ctor_plain : NULL);
    sim_log("create", own->size, own->cache != NULL);
    if (!own->cache) {
        model.failed++;
        return;
    }
    if (kmem_cache_size(own->cache) != own->size)
        m_wrong("cache", "made for %lu bytes, it says %u", (unsigned long)own->size,
                kmem_cache_size(own->cache));
}

static void caches_destroy(struct m_cache *own)
{
    int error;

    m_note("kmem_cache_destroy of %lu bytes with %lu live objects", own->size, own->live, 0, 0);
    model.misuse = own->live != 0;
    if (own->live) {
        error = quarry_cache_destroy_26(own->cache);
        if (!error)
            m_wrong("G-D1", "a cache with %lu live objects was destroyed", own->live);
        return;
    }
    caches_making = own;
    kmem_cache_destroy(own->cache);
    if (own->made != own->gone && own->counted)
        m_wrong("G-S11", "%lu objects constructed, %lu destructed", own->made, own->gone);
    own->cache = NULL;
}

static void caches_free_all(struct m_cache *own)
{
    for (unsigned int i = 0; i < model.machine->things; i++) {
        struct m_thing *thing = &model.thing[i];
        if ((thing->kind == M_OBJECT || thing->kind == M_BUNCH) &&
            &model.cache[thing->owner] == own)
            m_objects_free(thing);
    }
    if (own->live)
        m_wrong("model", "%lu objects live", own->live);
}

static void caches_shrink(struct m_cache *own)
{
    struct quarry_cache_stat stat;
    int left;

    m_note("kmem_cache_shrink of %lu bytes with %lu live objects", own->size, own->live, 0, 0);
    left = kmem_cache_shrink(own->cache);
    qr_cache_stat(own->cache, &stat);
    if (!!left != !!stat.slabs || (own->live && !left) ||
        (!own->live && left && model.machine->config.cpus == 1))
        m_wrong("cache", "kmem_cache_shrink says %d with %lu slabs and %lu live objects", left,
                stat.slabs, own->live);
}

void m_caches_manage(void)
{
    struct m_cache *own = &model.cache[m_draw(M_CACHES)];

    if (!own->cache) {
        caches_create(own);
    } else if (m_chance(40)) {
        caches_shrink(own);
    } else if (m_chance(60)) {
        caches_free_all(own);
        caches_destroy(own);
    } else {
        caches_destroy(own);
        if (own->cache && !own->live)
            m_wrong("G-D1", "a cache without live objects was not destroyed");
    }
}

void m_caches_end(void)
{
    for (unsigned int i = 0; i < M_CACHES; i++) {
        if (model.cache[i].cache)
            caches_destroy(&model.cache[i]);
    }
}

/* ---- objects -------------------------------------------------------------------------------- */

static void caches_check_object(const struct m_cache *own, const void *object, gfp_t gfp)
{
    const struct m_zone *zone = m_zone_of(virt_to_phys(object) >> PAGE_SHIFT);
    enum zone_type highest = m_highest(own->cache->flags & SLAB_CACHE_DMA ? __GFP_DMA : 0);

    if (own->align && ((uintptr_t)object & (own->align - 1)))
        m_wrong("cache", "an object at ...%lx is not aligned to %lu",
                (unsigned long)((uintptr_t)object & 0xffff), (unsigned long)own->align);
    if (!zone || zone->type > highest)
        m_wrong("G-Z10", "an object with mask %#x lies in zone %d", gfp,
                zone ? (int)zone->type : -1);
    if (own->constructed)
        caches_check_constructed(object, own->size);
}

static void caches_new_bunch(struct m_thing *thing, struct m_cache *own, gfp_t gfp)
{
    size_t nr = 1 + m_draw(CACHES_BUNCH);
    void **list = calloc(nr, sizeof(void *));
    int got;

    m_note("kmem_cache_alloc_bulk of %lu, mask %#lx, from the cache of %lu bytes", nr, gfp,
           own->size, 0);
    got = kmem_cache_alloc_bulk(own->cache, gfp, nr, list);
    sim_log("bunch", nr, (uint64_t)got);
    if (got != 0 && got != (int)nr)
        m_wrong("bulk", "%d objects instead of %lu", got, (unsigned long)nr);
    if (!got) {
        model.failed++;
        free(list);
        return;
    }
    *thing = (struct m_thing){.kind = M_BUNCH,
                              .list = (struct page **)list,
                              .pages = nr,
                              .gfp = gfp,
                              .owner = (unsigned int)(own - model.cache)};
    own->live += nr;
    for (size_t i = 0; i < nr; i++) {
        caches_check_object(own, list[i], gfp);
        m_take_range(thing, virt_to_phys(list[i]), own->size);
        memcpy((char *)list[i] + CACHES_LEAD, &list[i], 8);
    }
    model.done[M_BUNCH]++;
}

static void caches_free_bunch(struct m_thing *thing, struct m_cache *own)
{
    void **list = (void **)thing->list;

    m_note("kmem_cache_free_bulk of %lu of %lu bytes", thing->pages, own->size, 0, 0);
    for (size_t i = 0; i < thing->pages; i++) {
        if (memcmp((char *)list[i] + CACHES_LEAD, &list[i], 8) != 0)
            m_wrong("contents", "object %lu of a bunch was written by somebody else",
                    (unsigned long)i);
        m_give_range(virt_to_phys(list[i]));
    }
    own->live -= thing->pages;
    if (m_chance(30))
        kfree_bulk(thing->pages, list);
    else
        kmem_cache_free_bulk(own->cache, thing->pages, list);
    free(list);
    thing->list = NULL;
    thing->kind = M_NOTHING;
}

void m_objects_new(struct m_thing *thing)
{
    struct m_cache *own = &model.cache[m_draw(M_CACHES)];
    gfp_t gfp = m_draw_gfp() & ~(GFP_ZONEMASK | __GFP_NOFAIL | __GFP_RECLAIMABLE);
    struct m_verdict verdict;
    char *object;

    if (!own->cache)
        return;
    if (own->constructed)
        gfp &= ~__GFP_ZERO;
    model.current = gfp;
    if (m_chance(15)) {
        caches_new_bunch(thing, own, gfp);
        return;
    }
    verdict = m_cache_contract(own->cache, gfp);
    m_note("kmem_cache_alloc, mask %#lx, from the cache of %lu bytes", gfp, own->size, 0, 0);
    object = kmem_cache_alloc(own->cache, gfp);
    sim_log("object", own->size, object ? virt_to_phys(object) : 0);
    m_judge_outcome(&verdict, object != NULL, "kmem_cache_alloc");
    if (!object)
        return;
    own->live++;
    *thing =
        (struct m_thing){.kind = M_OBJECT, .gfp = gfp, .owner = (unsigned int)(own - model.cache)};
    caches_check_object(own, object, gfp);
    m_take_range(thing, virt_to_phys(object), own->size);
    thing->lead = own->constructed ? 8 : 0;
    thing->address = object + thing->lead;
    thing->size = own->size - 2 * thing->lead;
    /* G-S12: what readers may look at is cleared for its new owner only if he asks. */
    if (!own->constructed && (own->typesafe ? gfp & __GFP_ZERO : want_init_on_alloc(gfp)))
        m_check_zero(thing, 0, thing->size);
    m_stamp(thing);
    model.done[M_OBJECT]++;
}

void m_objects_use(struct m_thing *thing)
{
    if (thing->kind == M_OBJECT) {
        m_check_stamp(thing);
        m_stamp(thing);
    }
}

void m_objects_free(struct m_thing *thing)
{
    struct m_cache *own = &model.cache[thing->owner];
    char *object;

    if (thing->kind == M_BUNCH) {
        caches_free_bunch(thing, own);
        return;
    }
    object = thing->address - thing->lead;
    m_check_stamp(thing);
    if (own->constructed)
        caches_check_constructed(object, own->size);
    m_note("kmem_cache_free of %lu bytes", own->size, 0, 0, 0);
    m_give_range(virt_to_phys(object));
    own->live--;
    thing->kind = M_NOTHING;
    if (m_chance(10))
        kfree(object);
    else
        kmem_cache_free(own->cache, object);
}
