/* SPDX-License-Identifier: MIT */
/* tests/model/dma: pools of small blocks for devices.
 *
 * A block promises its size, nobody else's bytes, the alignment and the boundary it was asked with, a handle
 * that is its physical address, that the device's mask reaches it, and zero if asked. */
#include "model.h"
#include <quarry/dma.h>
#include <string.h>

struct device {
    struct quarry_dma_device dma;
};
static struct device dma_device; /* reaches everything */

static void dma_create(struct m_dma *own)
{
    size_t align = 1ul << m_draw(8), size = 8 + m_draw(900), boundary = m_chance(50) ? 0 : 4096;

    dma_device.dma = (struct quarry_dma_device){.dma_mask = &dma_device.dma.coherent_dma_mask,
                                                .coherent_dma_mask = ~0ull};
    *own = (struct m_dma){.size = size, .align = align, .boundary = boundary};
    m_note("dma_pool_create of %lu bytes, align %lu, boundary %lu", size, align, boundary, 0);
    model.current = GFP_KERNEL;
    own->pool = dma_pool_create("model-dma", &dma_device, size, align, boundary);
    sim_log("dma pool", size, own->pool != NULL);
    model.failed += !own->pool;
}

static void dma_destroy(struct m_dma *own)
{
    for (unsigned int i = 0; i < model.machine->things; i++) {
        struct m_thing *thing = &model.thing[i];
        if (thing->kind == M_DMA && &model.dma[thing->owner] == own)
            m_dma_free(thing);
    }
    m_note("dma_pool_destroy", 0, 0, 0, 0);
    dma_pool_destroy(own->pool);
    own->pool = NULL;
}

void m_dma_manage(void)
{
    struct m_dma *own = &model.dma[m_draw(M_DMA_POOLS)];

    if (!own->pool)
        dma_create(own);
    else
        dma_destroy(own);
}

void m_dma_end(void)
{
    for (unsigned int i = 0; i < M_DMA_POOLS; i++) {
        if (model.dma[i].pool)
            dma_destroy(&model.dma[i]);
    }
}

void m_dma_new(struct m_thing *thing)
{
    struct m_dma *own = &model.dma[m_draw(M_DMA_POOLS)];
    gfp_t gfp = m_draw_gfp() & ~(GFP_ZONEMASK | __GFP_NOFAIL | __GFP_RECLAIMABLE);
    dma_addr_t handle = 0;
    char *block;

    if (!own->pool)
        return;
    m_note("dma_pool_alloc of %lu bytes, mask %#lx", own->size, gfp, 0, 0);
    model.current = gfp;
    block = dma_pool_alloc(own->pool, gfp, &handle);
    sim_log("dma", own->size, block ? handle : 0);
    if (!block) {
        model.failed++;
        return;
    }
    if (handle != virt_to_phys(block) || (handle & (own->align - 1)))
        m_wrong("dma", "a block at %#lx has handle %#lx, alignment %lu",
                (unsigned long)virt_to_phys(block), (unsigned long)handle,
                (unsigned long)own->align);
    if (own->boundary && handle / own->boundary != (handle + own->size - 1) / own->boundary)
        m_wrong("dma", "a block of %lu bytes at %#lx crosses a boundary", (unsigned long)own->size,
                (unsigned long)handle);
    *thing = (struct m_thing){.kind = M_DMA,
                              .size = own->size,
                              .gfp = gfp,
                              .address = block,
                              .owner = (unsigned int)(own - model.dma)};
    m_take_range(thing, handle, own->size);
    if (want_init_on_alloc(gfp))
        m_check_zero(thing, 0, own->size);
    m_stamp(thing);
    model.done[M_DMA]++;
}

void m_dma_free(struct m_thing *thing)
{
    dma_addr_t handle = virt_to_phys(thing->address);

    m_check_stamp(thing);
    m_note("dma_pool_free of %lu bytes", thing->size, 0, 0, 0);
    m_give_range(handle);
    thing->kind = M_NOTHING;
    dma_pool_free(model.dma[thing->owner].pool, thing->address, handle);
}
