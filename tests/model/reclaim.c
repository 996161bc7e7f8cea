/* SPDX-License-Identifier: MIT */
/* tests/model/reclaim: who is asked for memory when it is short, and who interrupts.
 *
 * A shrinker gives up things that are marked so; the out-of-memory hook takes
 * blocks of pages that would help.
 * Both know the mask of the request that runs, and so whether they may be called at all:
 *
 *     G-C2   a request that cannot sleep calls neither
 *     G-E1   the hook: never with NORETRY, RETRY_MAYFAIL, THISNODE or without FS, nor for DMA memory, nor
 *            above order 3
 *     G-I1   a shrinker called for a request gets its mask
 *
 * An interrupt handler takes and gives pages and small blocks. It can come at any point of any call, so while
 * there are interrupts the program's own requests are held to less (contract.c); the handler's are not, as
 * nothing comes between its look and its request but a harder interrupt. */
#include "model.h"
#include <quarry/shrinker.h>
#include <string.h>

#define RECLAIM_VICTIMS 8u /* things that the hook takes */

static bool reclaim_may_take(const struct m_thing *thing)
{
    return thing != model.busy && !thing->busy &&
           (thing->kind == M_BLOCK || thing->kind == M_PLAIN) && thing->refs < 2;
}

static bool reclaim_by_program(void)
{
    return sim_task_number() == model.program;
}

/* Free a thing in the midst of a request: what the operation draws later must not depend on it. */
static uint64_t reclaim_take(struct m_thing *thing)
{
    uint64_t random = model.random, pages = thing->kind == M_PLAIN ? thing->pages : 1;
    gfp_t current = model.current;

    thing->busy =
        true; /* the worker and the program can both be here, and a look at high pages waits */
    m_free(thing);
    thing->busy = false;
    model.random = random;
    model.current = current;
    return pages;
}

static unsigned long reclaim_count(struct shrinker *shrinker, struct shrink_control *control)
{
    unsigned long nr = 0;

    (void)shrinker;
    if (reclaim_by_program() && !(model.current & __GFP_DIRECT_RECLAIM))
        m_wrong("G-C2", "a request with mask %#x calls a shrinker", model.current);
    if (reclaim_by_program() && (model.scope_set || (control->gfp_mask & model.scope_clear)))
        m_wrong("G-C5", "a shrinker is asked with mask %#x in a scope", control->gfp_mask);
    if (reclaim_by_program() && !(control->gfp_mask & __GFP_DIRECT_RECLAIM))
        m_wrong("G-I1", "a shrinker is asked with mask %#x", control->gfp_mask);
    for (unsigned int i = 0; i < model.machine->things; i++)
        nr += model.thing[i].shrinkable && reclaim_may_take(&model.thing[i]);
    return nr ? nr : SHRINK_EMPTY;
}

static unsigned long reclaim_scan(struct shrinker *shrinker, struct shrink_control *control)
{
    unsigned long nr = 0;

    (void)shrinker;
    for (unsigned int i = 0; i < model.machine->things && nr < control->nr_to_scan; i++) {
        if (model.thing[i].shrinkable && reclaim_may_take(&model.thing[i])) {
            reclaim_take(&model.thing[i]);
            nr++;
        }
    }
    model.reclaimed += nr;
    return nr ? nr : SHRINK_STOP;
}

/* Pages of a zone that the request may use. */
static bool reclaim_would_help(const struct m_thing *thing, gfp_t gfp)
{
    return thing->kind == M_PLAIN && m_zone_of(page_to_pfn(thing->page))->type <= m_highest(gfp);
}

static unsigned long reclaim_kill(gfp_t gfp, unsigned int order, void *data)
{
    unsigned long pages = 0, nr = 0;

    (void)data;
    if (model.scope_set || model.scope_clear)
        m_wrong("G-C5", "the out-of-memory hook is called in a scope, with mask %#x", gfp);
    if (!(gfp & __GFP_DIRECT_RECLAIM) || !(gfp & __GFP_FS) || order > 3 ||
        (gfp & (__GFP_NORETRY | __GFP_RETRY_MAYFAIL | __GFP_THISNODE)) ||
        m_highest(gfp) < ZONE_NORMAL)
        m_wrong("G-E1", "the out-of-memory hook is called for order %u, mask %#x", order, gfp);
    for (unsigned int i = 0; i < model.machine->things && nr < RECLAIM_VICTIMS; i++) {
        if (reclaim_may_take(&model.thing[i]) && reclaim_would_help(&model.thing[i], gfp)) {
            pages += reclaim_take(&model.thing[i]);
            nr++;
        }
    }
    model.kills++;
    return pages;
}

/* NOFAIL may wait for ever unless the hook will run and finds enough. */
bool m_may_never_fail(const struct m_request *request)
{
    uint64_t pages = 0;

    if (request->order > 0 || model.scope_set || model.scope_clear || !(request->gfp & __GFP_FS) ||
        (request->gfp & (__GFP_DMA | __GFP_DMA32)) ||
        (request->gfp & (__GFP_NORETRY | __GFP_RETRY_MAYFAIL | __GFP_THISNODE)))
        return false;
    for (unsigned int i = 0; i < model.machine->things; i++) {
        const struct m_thing *thing = &model.thing[i];
        if (reclaim_may_take(thing) && reclaim_would_help(thing, request->gfp))
            pages += thing->pages;
    }
    return pages >= 16;
}

void m_reclaim_begin(void)
{
    model.program = sim_task_number();
    quarry_set_oom_hook(reclaim_kill, NULL);
    model.shrinker = shrinker_alloc(0, "model");
    if (!model.shrinker)
        return;
    model.shrinker->count_objects = reclaim_count;
    model.shrinker->scan_objects = reclaim_scan;
    shrinker_register(model.shrinker);
}

void m_reclaim_end(void)
{
    if (model.shrinker)
        shrinker_free(model.shrinker);
    model.shrinker = NULL;
    quarry_set_oom_hook(NULL, NULL);
}

/* ---- interrupts ----------------------------------------------------------------------------- */

static void interrupt_new(struct m_thing *thing)
{
    struct m_request request = {.gfp = GFP_ATOMIC | __GFP_NOWARN,
                                .order = (unsigned int)m_draw(2),
                                .nid = NUMA_NO_NODE,
                                .atomic = true};

    if (m_chance(50)) {
        struct m_verdict verdict;
        struct m_state before;
        m_look(&before);
        verdict = m_contract(&request, &before);
        thing->page = alloc_pages(request.gfp, request.order);
        m_judge(&request, NULL, &verdict, thing->page);
        if (!thing->page)
            return;
        thing->kind = M_PLAIN;
        thing->order = request.order;
        thing->size = PAGE_SIZE << request.order;
        thing->address = page_address(thing->page);
    } else {
        thing->size = 8 + m_draw(500);
        thing->address = kmalloc(thing->size, request.gfp);
        if (!thing->address)
            return;
        thing->kind = M_BLOCK;
        thing->page = NULL;
    }
    m_take_range(thing, virt_to_phys(thing->address), thing->size);
    m_stamp(thing);
}

static void interrupt_free(struct m_thing *thing)
{
    m_check_stamp(thing);
    m_give_range(virt_to_phys(thing->address));
    if (thing->kind == M_PLAIN) {
        m_pages_gone(thing->page, 1ull << thing->order);
        __free_pages(thing->page, thing->order);
    } else {
        kfree(thing->address);
    }
    thing->kind = M_NOTHING;
}

void m_interrupt(void *data, bool hard)
{
    uint64_t random = model.random;
    bool misuse = model.misuse;
    struct m_thing *thing;

    (void)data;
    (void)hard;
    if (model.broken || model.quiet || !model.interrupt_random)
        return;
    model.random = model.interrupt_random;
    model.misuse = false;
    thing = &model.thing[M_MAX_THINGS + m_draw(M_INTERRUPT_THINGS)];
    model.interrupt_random = model.random;
    if (!thing->busy) {
        thing->busy = true;
        if (thing->kind == M_NOTHING)
            interrupt_new(thing);
        else
            interrupt_free(thing);
        thing->busy = false;
    }
    model.interrupts++;
    model.random = random;
    model.misuse = misuse;
}

void m_interrupt_end(void)
{
    model.interrupt_random = 0;
    for (unsigned int i = 0; i < M_INTERRUPT_THINGS; i++) {
        if (model.thing[M_MAX_THINGS + i].kind != M_NOTHING)
            interrupt_free(&model.thing[M_MAX_THINGS + i]);
    }
}
