/* SPDX-License-Identifier: MIT */
/* tests/model/blocks: kmalloc.
 *
 * What a block of s bytes promises: s bytes that are nobody else's, in the direct map (G-S1), aligned to
 * the largest power of two that divides s and to 8 at least (G-S4), of which ksize() owns no fewer; zero
 * if that was asked for; krealloc keeps what fits (G-S13).
 *
 * A cache may fail only where a request for the pages of a new slab might, and not while it has free
 * objects. */
#include "model.h"
#include "instance.h"
#include <string.h>

/* ---- the contract --------------------------------------------------------------------------- */

static struct m_verdict blocks_contract(size_t size, gfp_t gfp, struct m_state *before)
{
    struct m_request request = {.gfp = gfp & ~__GFP_HIGHMEM, .nid = NUMA_NO_NODE};
    struct kmem_cache *cache;

    if (size == 0)
        return (struct m_verdict){M_MUST_SUCCEED, false, "G-S3"};
    if (size > KMALLOC_MAX_SIZE)
        return (struct m_verdict){M_MUST_FAIL, false, "G-S2"};
    m_look(before);
    if (size > KMALLOC_MAX_CACHE_SIZE) {
        request.order = (unsigned int)get_order(size);
        return m_contract(&request, before);
    }
    cache = kmalloc_caches[kmalloc_type(gfp, 0)][kmalloc_index(size)];
    if (!cache)
        return (struct m_verdict){M_MAY_FAIL, true, "G-S2"};
    return m_cache_contract(cache, gfp);
}

/* ---- kmalloc -------------------------------------------------------------------------------- */

static size_t blocks_draw_size(void)
{
    size_t size = 1 + m_draw(1ull << m_draw(m_chance(5) ? 18 : 13));

    if (m_chance(1))
        size = 0;
    if (m_chance(1))
        size = KMALLOC_MAX_SIZE + m_draw(3);
    if (m_chance(10))
        size = 1ull << m_draw(14);
    return size;
}

static void blocks_check_shape(const void *address, size_t size)
{
    size_t align = size & -size;

    align = align < ARCH_KMALLOC_MINALIGN ? ARCH_KMALLOC_MINALIGN : align;
    if ((uintptr_t)address & (align - 1))
        m_wrong("G-S4", "a block of %lu bytes at ...%lx", (unsigned long)size,
                (unsigned long)((uintptr_t)address & 0xffff));
    if (ksize(address) < size)
        m_wrong("G-S2", "a block of %lu bytes has %lu", (unsigned long)size,
                (unsigned long)ksize(address));
    if (!virt_addr_valid(address))
        m_wrong("G-S1", "a block lies outside the direct map");
}

static void blocks_check_place(const void *address, size_t size, gfp_t gfp)
{
    const struct m_zone *zone = m_zone_of(virt_to_phys(address) >> PAGE_SHIFT);
    gfp_t served = gfp & __GFP_DMA ? __GFP_DMA : 0;

    if (!zone || zone->type > m_highest(served))
        m_wrong("G-Z1", "a block of %lu bytes with mask %#x lies in zone %d", (unsigned long)size,
                gfp, zone ? (int)zone->type : -1);
}

void m_blocks_new(struct m_thing *thing)
{
    gfp_t gfp = m_draw_gfp() & ~(__GFP_HIGHMEM | __GFP_DMA32 | __GFP_NOFAIL | __GFP_MOVABLE);
    size_t size = blocks_draw_size();
    struct m_state before;
    struct m_verdict verdict = blocks_contract(size, gfp, &before);
    void *address;

    m_note("kmalloc of %lu bytes, mask %#lx", size, gfp, 0, 0);
    model.misuse = size > KMALLOC_MAX_SIZE;
    model.current = gfp;
    address = kmalloc(size, gfp);
    sim_log("kmalloc", size, address && size ? virt_to_phys(address) : 0);
    m_judge_outcome(&verdict, address != NULL, "kmalloc");
    if (size == 0 && address != ZERO_SIZE_PTR)
        m_wrong("G-S3", "kmalloc(0) is not ZERO_SIZE_PTR");
    if (!address || size == 0)
        return;
    blocks_check_shape(address, size);
    blocks_check_place(address, size, gfp);
    *thing = (struct m_thing){.kind = M_BLOCK,
                              .gfp = gfp,
                              .size = size,
                              .address = address,
                              .refs = 1,
                              .all_zero = (gfp & __GFP_ZERO) != 0,
                              .shrinkable = m_chance(3)};
    m_take_range(thing, virt_to_phys(address), size);
    if (want_init_on_alloc(gfp))
        m_check_zero(thing, 0, size);
    m_stamp(thing);
    model.done[M_BLOCK]++;
}

void m_blocks_free(struct m_thing *thing)
{
    m_check_stamp(thing);
    m_note("kfree of %lu bytes", thing->size, 0, 0, 0);
    m_give_range(virt_to_phys(thing->address));
    thing->kind = M_NOTHING; /* before: others may look for victims meanwhile */
    if (m_chance(5))
        kfree_sensitive(thing->address);
    else if (m_chance(10))
        kvfree(thing->address);
    else
        kfree(thing->address);
}

/* G-S13: what fits stays; what is gained is zero if every call had __GFP_ZERO; failure changes nothing. */
static void blocks_resize(struct m_thing *thing)
{
    size_t size = 1 + m_draw(1ull << m_draw(15)), kept = size < thing->size ? size : thing->size;
    gfp_t gfp = (m_draw_gfp() & ~(GFP_ZONEMASK | __GFP_NOFAIL | __GFP_ZERO | __GFP_RECLAIMABLE)) |
                (thing->gfp & (__GFP_DMA | __GFP_RECLAIMABLE));
    unsigned char first[32], old = 0;
    size_t compared = kept < sizeof(first) ? kept : sizeof(first);
    char *address;

    if (thing->all_zero)
        gfp |= __GFP_ZERO;
    memcpy(first, thing->address, compared);
    old = (unsigned char)thing->address[kept - 1];
    m_note("krealloc of %lu bytes to %lu, mask %#lx", thing->size, size, gfp, 0);
    model.current = gfp;
    m_give_range(virt_to_phys(thing->address));
    address = krealloc(thing->address, size, gfp);
    sim_log("krealloc", size, address ? virt_to_phys(address) : 0);
    if (!address) {
        model.failed++;
        if (size <= thing->size)
            m_wrong("G-S13", "krealloc failed to make a block of %lu bytes smaller",
                    (unsigned long)thing->size);
        m_take_range(thing, virt_to_phys(thing->address), thing->size);
        m_check_stamp(thing);
        return;
    }
    if (memcmp(address, first, compared) != 0 || (unsigned char)address[kept - 1] != old)
        m_wrong("G-S13", "krealloc lost bytes");
    thing->address = address;
    m_take_range(thing, virt_to_phys(address), size);
    if (thing->all_zero && size > thing->size) {
        size_t gained = thing->size;
        thing->size = size;
        m_check_zero(thing, gained, size);
    }
    thing->size = size;
    blocks_check_shape(address, 1);
    m_stamp(thing);
}

void m_blocks_use(struct m_thing *thing)
{
    m_check_stamp(thing);
    if (m_chance(60))
        blocks_resize(thing);
    else
        m_stamp(thing);
}
