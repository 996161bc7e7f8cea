/* SPDX-License-Identifier: MIT */
/* tests/model/program: random operations.
 *
 * An operation is a number and a seed; all else is drawn from the seed while it runs. It names a slot: if the
 * slot is empty something is allocated into it, else what is there is used or freed. So an operation means
 * nearly the same when others before it are left out, which is what makes a failing program shrink. Phases
 * of growing and of shrinking follow from the number: a machine is full from time to time, and empty. */
#include "model.h"
#include <quarry/rcu.h>
#include <quarry/report.h>
#include <quarry/shrinker.h>
#include <quarry/stat.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM_PHASE 3000u  /* operations */
#define PROGRAM_COMPARE 512u /* operations between two comparisons of all counts */

struct model model;

/* ---- drawing -------------------------------------------------------------------------------- */

uint64_t m_draw(uint64_t below)
{
    return (uint64_t)(((unsigned __int128)sim_random(&model.random) * below) >> 64);
}

bool m_chance(unsigned int percent)
{
    return m_draw(100) < percent;
}

gfp_t m_draw_gfp(void)
{
    static const gfp_t base[] = {GFP_KERNEL,
                                 GFP_KERNEL,
                                 GFP_KERNEL,
                                 GFP_ATOMIC,
                                 GFP_NOWAIT,
                                 GFP_NOFS,
                                 GFP_NOIO,
                                 GFP_USER,
                                 GFP_HIGHUSER,
                                 GFP_HIGHUSER,
                                 GFP_HIGHUSER_MOVABLE,
                                 GFP_DMA | GFP_KERNEL,
                                 GFP_DMA32,
                                 GFP_DMA,
                                 GFP_DMA32 | GFP_KERNEL,
                                 0};
    static const gfp_t rare[] = {
        __GFP_COLD,     __GFP_NOWARN,     __GFP_NORETRY,  __GFP_RETRY_MAYFAIL, __GFP_HIGH,
        __GFP_MEMALLOC, __GFP_NOMEMALLOC, __GFP_THISNODE, __GFP_ACCOUNT,       __GFP_WRITE,
        __GFP_HARDWALL, __GFP_NOFAIL,     __GFP_MOVABLE,  __GFP_RECLAIMABLE};
    gfp_t gfp = base[m_draw(sizeof(base) / sizeof(base[0]))];

    if (m_chance(25))
        gfp |= __GFP_ZERO;
    while (m_chance(20))
        gfp |= rare[m_draw(sizeof(rare) / sizeof(rare[0]))];
    if ((gfp & GFP_MOVABLE_MASK) == GFP_MOVABLE_MASK)
        gfp &= ~__GFP_RECLAIMABLE;
    if (!(gfp & __GFP_DIRECT_RECLAIM))
        gfp &= ~__GFP_NOFAIL;
    return gfp;
}

/* ---- words ---------------------------------------------------------------------------------- */

void m_note(const char *format, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct m_note *note = &model.note[model.notes++ % M_NOTES];

    *note = (struct m_note){.step = model.step, .format = format, .value = {a, b, c, d}};
}

void m_print_notes(void)
{
    for (uint32_t i = 0; i < M_NOTES; i++) {
        const struct m_note *note = &model.note[(model.notes + i) % M_NOTES];
        if (!note->format)
            continue;
        printf("  %8u  ", note->step);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        printf(note->format, note->value[0], note->value[1], note->value[2], note->value[3]);
#pragma GCC diagnostic pop
        printf("\n");
    }
}

void m_wrong(const char *rule, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    model.broken = true;
    sim_fail("%s: %s (step %u)", rule, text, model.step);
}

/* Whatever is reported, except that memory is short, must have been provoked. */
static bool program_report(const struct quarry_report *report, void *data)
{
    (void)data;
    model.findings++;
    if (report->kind == QUARRY_OUT_OF_MEMORY || model.misuse)
        return false;
    m_wrong("report", "%s: %s", report->rule ? report->rule : "no rule", report->text);
    return false;
}

/* ---- contents ------------------------------------------------------------------------------- */

static struct page *program_page(const struct m_thing *thing, size_t offset)
{
    return thing->list ? thing->list[offset >> PAGE_SHIFT] : thing->page + (offset >> PAGE_SHIFT);
}

static void program_write(const struct m_thing *thing, size_t offset, uint64_t value, size_t size)
{
    if (thing->address)
        memcpy(thing->address + offset, &value, size);
    else
        memcpy_to_page(program_page(thing, offset), offset & ~PAGE_MASK, (const char *)&value,
                       size);
}

static uint64_t program_read(const struct m_thing *thing, size_t offset, size_t size)
{
    uint64_t value = 0;

    if (thing->address)
        memcpy(&value, thing->address + offset, size);
    else
        memcpy_from_page((char *)&value, program_page(thing, offset), offset & ~PAGE_MASK, size);
    return value;
}

/* Words with a known place and content: the first, the last, and one at a third and at two thirds. */
static unsigned int program_places(const struct m_thing *thing, size_t *place, size_t *size)
{
    if (thing->size < 8) {
        place[0] = 0;
        *size = thing->size;
        return 1;
    }
    *size = 8;
    place[0] = 0;
    place[1] = (thing->size - 8) & ~7ul;
    place[2] = thing->size / 3 & ~7ul;
    place[3] = thing->size / 3 * 2 & ~7ul;
    return thing->size < 64 ? 2 : 4;
}

void m_stamp(struct m_thing *thing)
{
    size_t place[4], size;
    unsigned int nr = program_places(thing, place, &size);

    thing->stamp = ++model.stamps * 0x9e3779b97f4a7c15ull;
    for (unsigned int i = nr; i-- > 0;)
        program_write(thing, place[i], thing->stamp ^ place[i], size);
}

void m_check_stamp(const struct m_thing *thing)
{
    size_t place[4], size;
    unsigned int nr = program_places(thing, place, &size);

    for (unsigned int i = 0; i < nr; i++) {
        uint64_t expected = thing->stamp ^ place[i], found = program_read(thing, place[i], size);
        if (memcmp(&expected, &found, size) != 0)
            m_wrong("contents", "kind %u of %lu bytes was written by somebody else at offset %lu",
                    thing->kind, (unsigned long)thing->size, (unsigned long)place[i]);
    }
}

/* Some words; now and then all. */
void m_check_zero(const struct m_thing *thing, size_t from, size_t to)
{
    bool all = thing->address && m_chance(4);
    size_t places = all ? (to - from + 7) / 8 : 6;

    for (size_t i = 0; i < places; i++) {
        size_t at = all ? from + i * 8 : i == 0 ? from : i == 1 ? to - 1 : from + m_draw(to - from);
        size_t size = to - at < 8 ? to - at : 8;
        if ((at & ~PAGE_MASK) + size > PAGE_SIZE)
            size = 1;
        if (program_read(thing, at, size) != 0)
            m_wrong("G-E7", "kind %u of %lu bytes, mask %#x, is not zero at offset %lu",
                    thing->kind, (unsigned long)thing->size, thing->gfp, (unsigned long)at);
    }
}

unsigned int m_thing_number(const struct m_thing *thing)
{
    return (unsigned int)(thing - model.thing);
}

void m_take_range(const struct m_thing *thing, uint64_t start, uint64_t size)
{
    const struct m_range *other =
        m_ranges_add(&model.physical, start, start + size, m_thing_number(thing));

    if (other)
        m_wrong("overlap", "%lu bytes at %#lx: %lu of them at %#lx are another caller's (kind %u)",
                (unsigned long)size, (unsigned long)start,
                (unsigned long)(other->end - other->start), (unsigned long)other->start,
                model.thing[other->owner].kind);
}

void m_give_range(uint64_t start)
{
    if (!m_ranges_remove(&model.physical, start))
        m_wrong("model", "no range at %#lx", (unsigned long)start);
}

/* ---- one operation -------------------------------------------------------------------------- */

static bool program_is_pages(const struct m_thing *thing)
{
    return thing->kind >= M_PLAIN && thing->kind <= M_EXACT;
}

void m_free(struct m_thing *thing)
{
    if (program_is_pages(thing))
        m_pages_free(thing);
    else if (thing->kind == M_BLOCK)
        m_blocks_free(thing);
    else if (thing->kind == M_OBJECT || thing->kind == M_BUNCH)
        m_objects_free(thing);
    else if (thing->kind == M_AREA)
        m_areas_free(thing);
    else if (thing->kind == M_ELEMENT)
        m_pools_free(thing);
    else if (thing->kind == M_PERCPU)
        m_percpu_free(thing);
    else if (thing->kind == M_DMA)
        m_dma_free(thing);
    else if (thing->kind == M_GRANULE)
        m_granules_free(thing);
}

static void program_use(struct m_thing *thing)
{
    if (program_is_pages(thing))
        m_pages_use(thing);
    else if (thing->kind == M_BLOCK)
        m_blocks_use(thing);
    else if (thing->kind == M_OBJECT)
        m_objects_use(thing);
    else if (thing->kind == M_AREA)
        m_areas_use(thing);
    else if (thing->kind == M_PERCPU)
        m_percpu_use(thing);
}

static void program_new(struct m_thing *thing)
{
    uint64_t draw = m_draw(100);

    memset(thing, 0, sizeof(*thing));
    if (draw < 35)
        m_pages_new(thing);
    else if (draw < 62)
        m_blocks_new(thing);
    else if (draw < 84)
        m_objects_new(thing);
    else if (draw < 90)
        m_areas_new(thing);
    else if (draw < 95)
        m_pools_new(thing);
    else if (draw < 97)
        m_dma_new(thing);
    else if (draw < 98)
        m_granules_new(thing);
    else
        m_percpu_new(thing);
}

/* G-C5: an operation inside one of the scopes of allocation. */
static unsigned int program_enter(uint64_t scope)
{
    model.scope_clear = scope == 0 ? __GFP_IO | __GFP_FS : scope == 1 ? __GFP_FS : 0;
    model.scope_set = scope == 2 ? __GFP_MEMALLOC : 0;
    return scope == 0   ? memalloc_noio_save()
           : scope == 1 ? memalloc_nofs_save()
           : scope == 2 ? memalloc_noreclaim_save()
                        : 0;
}

static void program_leave(uint64_t scope, unsigned int saved)
{
    if (scope == 0)
        memalloc_noio_restore(saved);
    else if (scope == 1)
        memalloc_nofs_restore(saved);
    else if (scope == 2)
        memalloc_noreclaim_restore(saved);
    model.scope_clear = model.scope_set = 0;
}

/* What is done once in a while, whatever is in the slot. */
static void program_manage(void)
{
    if (m_draw(200) == 0)
        m_caches_manage();
    if (m_draw(300) == 0)
        m_pools_manage();
    if (m_draw(400) == 0)
        m_dma_manage();
    if (m_draw(400) == 0)
        m_dma_coherent();
    if (m_draw(400) == 0)
        m_granules_manage();
    if (m_draw(2000) == 0) {
        m_note("drain_all_pages", 0, 0, 0, 0);
        drain_all_pages();
    }
}

/* What is done with a thing once in a while, besides what it is there for. */
static void program_seldom(struct m_thing *thing)
{
    if (m_draw(100) == 0)
        m_readers_section(thing);
    if (m_draw(100) == 0)
        m_dma_map(thing);
    if (m_draw(200) == 0)
        m_wrong_free(thing);
}

static void program_step(const struct m_op *op)
{
    static const unsigned int free_chance[] = {20, 55, 35, 90};
    struct m_thing *thing;
    unsigned int saved;
    uint64_t scope;

    model.random = op->seed;
    model.misuse = false;
    thing = &model.thing[m_draw(model.machine->things)];
    scope = m_draw(60);
    saved = program_enter(scope);
    model.busy = thing;
    if (thing->kind == M_NOTHING) {
        program_new(thing);
    } else if (m_chance(free_chance[op->number / PROGRAM_PHASE % 4])) {
        m_free(thing);
    } else {
        program_use(thing);
    }
    program_seldom(thing);
    model.busy = NULL;
    program_leave(scope, saved);
    program_manage();
}

void m_program(void *data)
{
    (void)data;
    quarry_set_report_hook(program_report, NULL);
    m_zones_describe();
    m_compare_counts();
    m_compare_begin();
    m_reclaim_begin();
    model.interrupt_random = model.machine->interrupts;
    for (size_t i = 0; i < model.nr_ops; i++) {
        model.step = model.ops[i].number;
        sim_operation(model.step);
        program_step(&model.ops[i]);
        if (model.step % PROGRAM_COMPARE == 0)
            m_compare_counts();
    }
    model.step++;
    model.misuse = false;
    m_note("the end: everything is freed", 0, 0, 0, 0);
    for (unsigned int i = 0; i < model.machine->things; i++) {
        while (model.thing[i].kind != M_NOTHING)
            m_free(&model.thing[i]);
    }
    m_interrupt_end();
    m_pools_end();
    m_dma_end();
    m_granules_end();
    m_caches_end();
    quarry_rcu_barrier();
    m_reclaim_end();
    m_compare_counts();
    m_compare_end();
}
