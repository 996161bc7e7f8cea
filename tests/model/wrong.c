/* SPDX-License-Identifier: MIT */
/* tests/model/wrong: frees that must not be.
 *
 * G-S8: a wrong free changes nothing and is reported. What is reported at once in every build is tried
 * here: a foreign pointer, the wrong call, the wrong order, what was freed a moment ago. "Changes nothing"
 * is seen by stamps and references of what was freed wrongly, and by the comparison of all counts.
 *
 * Frees of what is gone are tried only where no interrupt can give it to somebody else in between. */
#include "model.h"
#include <string.h>

static unsigned long wrong_before;

static void wrong_begin(const char *what, const struct m_thing *thing)
{
    m_note(what, thing->kind, thing->size, 0, 0);
    sim_log(what, thing->kind, thing->size);
    wrong_before = model.findings;
    model.misuse = true;
}

static void wrong_end(const char *what)
{
    if (model.findings == wrong_before)
        m_wrong("G-S8", "%s is not reported", what);
    model.misuse = false;
    model.wrong++;
}

/* ---- of what is live ------------------------------------------------------------------------ */

/* vfree of a block, kfree of an area, kmem_cache_free by another cache. */
static void wrong_call(struct m_thing *thing)
{
    const struct m_cache *other = &model.cache[m_draw(M_CACHES)];

    if (thing->kind == M_OBJECT && (!other->cache || other == &model.cache[thing->owner]))
        return;
    wrong_begin("the wrong call for kind %lu of %lu bytes", thing);
    if (thing->kind == M_BLOCK)
        vfree(thing->address);
    else if (thing->kind == M_AREA)
        kfree(thing->address);
    else
        kmem_cache_free(other->cache, thing->address - thing->lead);
    wrong_end("the wrong call");
    m_check_stamp(thing);
}

static void wrong_order(struct m_thing *thing)
{
    unsigned int order = (unsigned int)m_draw(MAX_PAGE_ORDER + 1);
    int refs = page_count(thing->page);

    if (order == thing->order)
        return;
    wrong_begin("__free_pages with another order, kind %lu of %lu bytes", thing);
    __free_pages(thing->page, order);
    wrong_end("the wrong order");
    if (page_count(thing->page) != refs)
        m_wrong("G-S8", "a wrong free left %d references of %d", page_count(thing->page), refs);
    m_check_stamp(thing);
}

/* ---- of what is not, or not any more -------------------------------------------------------- */

static void wrong_foreign(void)
{
    const struct m_thing nothing = {.kind = M_NOTHING, .size = m_draw(3)};
    char local[64];

    wrong_begin("a free of the program's stack", &nothing);
    if (nothing.size == 0)
        kfree(local + m_draw(64));
    else if (nothing.size == 1)
        vfree(local);
    else
        free_pages((unsigned long)local & PAGE_MASK, 0);
    wrong_end("a foreign pointer");
}

static void wrong_again(struct m_thing *thing)
{
    const struct m_thing was = *thing;

    m_free(thing);
    if (thing->kind != M_NOTHING)
        return; /* one of its references */
    wrong_begin("a second free of kind %lu, %lu bytes", &was);
    if (was.kind == M_OBJECT)
        kmem_cache_free(model.cache[was.owner].cache, was.address - was.lead);
    else if (was.kind == M_BLOCK)
        kfree(was.address);
    else if (was.kind == M_AREA)
        vfree(was.address);
    else
        __free_pages(was.page, was.order);
    wrong_end("a second free");
}

void m_wrong_free(struct m_thing *thing)
{
    bool alone = !model.machine->interrupts && model.machine->config.without_worker;
    bool known = thing->kind == M_OBJECT || thing->kind == M_BLOCK || thing->kind == M_AREA ||
                 thing->kind == M_PLAIN;

    if (!known || m_chance(20))
        wrong_foreign();
    else if (alone && m_chance(50))
        wrong_again(thing);
    else if (thing->kind == M_PLAIN)
        wrong_order(thing);
    else
        wrong_call(thing);
}
