/* SPDX-License-Identifier: MIT */
/* tests/model/dma: memory for devices.
 *
 * A block of a DMA pool promises its size, nobody else's bytes, the alignment and the boundary it was asked
 * with, a handle that is its physical address, that the device's mask reaches it, and zero if asked. Coherent
 * memory is whole pages, zero, all of them below the mask. A mapping is the physical address of what is in
 * the direct map and below the mask; all else is refused and reported, and so is a mask below all memory. */
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

/* ---- coherent memory and mappings ----------------------------------------------------------- */

/* A mask for a device of a moment; false: no zone lies below it, which must have been said. */
static bool dma_draw_mask(struct device *device, uint64_t *mask)
{
    uint64_t bits = 13 + m_draw(16), end = (model.machine->config.frames << PAGE_SHIFT) - 1;
    unsigned long before = model.findings;
    int error;

    *mask = m_chance(40) ? ~0ull : DMA_BIT_MASK(bits);
    device->dma = (struct quarry_dma_device){.dma_mask = &device->dma.coherent_dma_mask,
                                             .coherent_dma_mask = ~0ull};
    model.misuse = true;
    error = dma_set_mask_and_coherent(device, *mask);
    model.misuse = false;
    if (error && (*mask >= end || model.findings == before))
        m_wrong("dma", "a mask of %#lx is refused, reported %lu times", (unsigned long)*mask,
                model.findings - before);
    return !error;
}

void m_dma_coherent(void)
{
    size_t size = 1 + m_draw(3 * PAGE_SIZE);
    gfp_t gfp = m_draw_gfp() & ~(GFP_ZONEMASK | __GFP_NOFAIL | __GFP_RECLAIMABLE);
    struct m_thing *thing = &model.thing[M_MAX_THINGS - 1];
    struct device device;
    dma_addr_t handle = 0;
    uint64_t mask;
    char *memory;

    if (thing->kind != M_NOTHING || !dma_draw_mask(&device, &mask))
        return;
    m_note("dma_alloc_coherent of %lu bytes, mask %#lx, device's mask %#lx", size, gfp, mask, 0);
    model.current = gfp;
    memory = dma_alloc_coherent(&device, size, &handle, gfp);
    sim_log("coherent", size, handle);
    if (!memory) {
        model.failed++;
        return;
    }
    if (handle != virt_to_phys(memory) || (handle & ~PAGE_MASK) || handle + size - 1 > mask)
        m_wrong("dma", "coherent memory at %#lx has handle %#lx, mask %#lx",
                (unsigned long)virt_to_phys(memory), (unsigned long)handle, (unsigned long)mask);
    *thing = (struct m_thing){.kind = M_DMA, .size = size, .gfp = gfp, .address = memory};
    m_take_range(thing, handle, PAGE_ALIGN(size));
    m_check_zero(thing, 0, size);
    m_stamp(thing);
    m_check_stamp(thing);
    m_give_range(handle);
    thing->kind = M_NOTHING;
    dma_free_coherent(&device, size, memory, handle);
}

/* In one piece, at an address. */
static bool dma_can_be_tried(const struct m_thing *thing)
{
    return thing->address && thing->size &&
           (thing->kind == M_PLAIN || thing->kind == M_COMPOUND || thing->kind == M_EXACT ||
            thing->kind == M_BLOCK || thing->kind == M_OBJECT || thing->kind == M_AREA ||
            thing->kind == M_ELEMENT || thing->kind == M_DMA);
}

/* Part of what is in a slot. Areas are not in the direct map. */
void m_dma_map(const struct m_thing *thing)
{
    bool direct = thing->kind != M_AREA;
    unsigned long before, mappings = quarry_dma_mappings(NULL);
    struct device device;
    dma_addr_t handle;
    uint64_t mask, from;
    size_t size;
    bool refused;

    if (!dma_can_be_tried(thing) || !dma_draw_mask(&device, &mask))
        return;
    from = m_draw(thing->size);
    size = 1 + m_draw(thing->size - from);
    refused = !direct || virt_to_phys(thing->address) + from + size - 1 > mask;
    m_note("dma_map_single of %lu bytes of kind %lu, device's mask %#lx", size, thing->kind, mask,
           0);
    before = model.findings;
    model.misuse = refused;
    handle = dma_map_single(&device, thing->address + from, size, DMA_TO_DEVICE);
    sim_log("mapping", size, handle);
    if (handle == DMA_MAPPING_ERROR && !refused && model.machine->faults)
        return;
    if (dma_mapping_error(&device, handle) ? !refused || model.findings == before : refused)
        m_wrong("dma", "a mapping of %lu bytes for mask %#lx is %s", (unsigned long)size,
                (unsigned long)mask, refused ? "made, or refused in silence" : "refused");
    model.misuse = false;
    if (refused)
        return;
    if (handle != virt_to_phys(thing->address) + from)
        m_wrong("dma", "a mapping's handle is not the physical address");
    dma_unmap_single(&device, handle, size, DMA_TO_DEVICE);
    if (quarry_dma_mappings(NULL) != mappings)
        m_wrong("dma", "%lu mappings are left", quarry_dma_mappings(NULL) - mappings);
    model.mapped++;
}
