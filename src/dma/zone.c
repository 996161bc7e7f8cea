/* SPDX-License-Identifier: MIT */
/* dma/zone: masks, and coherent memory below them.
 *
 * Problem. A device that drives 24 address lines must not be given memory above 16 MiB: it would write to the
 * wrong place. The page allocator knows zones, not masks.
 *
 * Idea. For a mask, the highest zone is sought of which every frame, and every frame of the zones it falls
 * back to, lies below the mask. Where there is one, its flag is all the page allocator needs. Where there
 * is none, no request could be kept, and setting the mask fails, with a message that says where the zones
 * end.
 *
 * Coherent memory is then an ordinary block of pages: every CPU and device of these machines sees the same.
 *
 * Locks: none here. What may sleep: allocation, by the mask. */
#include "dma.h"

#define DMA_ISA_MASK DMA_BIT_MASK(24)

/* Where the frames end that a request for @type may get; 0: there are none. */
static u64 zone_reach(const struct qr_zones *zones, enum zone_type type, bool *present)
{
    u64 end = 0;

    *present = false;
    for (unsigned int i = 0; i < zones->nr_zones; i++) {
        const struct zone *zone = &zones->zone[i];
        if (zone->type > type || !zone->managed)
            continue;
        end = QR_MAX(end, zone->end_pfn);
        *present |= zone->type == type;
    }
    return end;
}

bool qr_dma_zone(const struct qr_dma *dma, u64 mask, gfp_t *flags)
{
    static const struct {
        enum zone_type type;
        gfp_t flag;
    } choice[] = {{ZONE_NORMAL, 0}, {ZONE_DMA32, __GFP_DMA32}, {ZONE_DMA, __GFP_DMA}};

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(choice); i++) {
        bool present;
        u64 end = zone_reach(dma->zones, choice[i].type, &present);
        /* Without a zone of its own a flag means the next zone up, which was tried. */
        if (!end || (choice[i].flag && !present))
            continue;
        if ((end << PAGE_SHIFT) - 1 <= mask) {
            *flags = choice[i].flag;
            return true;
        }
    }
    return false;
}

u64 qr_dma_required_mask(const struct qr_dma *dma)
{
    u64 last = (dma->zones->map->max_pfn << PAGE_SHIFT) - 1;
    return (2ull << qr_fls64(last)) - 1;
}

u64 qr_dma_streaming_mask(const struct qr_dma_dev *dev)
{
    if (!dev->dma)
        return DMA_ISA_MASK;
    return dev->dma->dma_mask ? *dev->dma->dma_mask : 0;
}

u64 qr_dma_coherent_mask(const struct qr_dma_dev *dev)
{
    return dev->dma ? dev->dma->coherent_dma_mask : DMA_ISA_MASK;
}

/* No mistake of the caller's: a driver may try one mask after the other. */
static QR_COLD int zone_no_mask(struct qr_dma *dma, const struct qr_dma_dev *dev, u64 mask,
                                const char *what)
{
    struct quarry_report report = {.kind = QUARRY_OUT_OF_MEMORY};
    const struct qr_zones *zones = dma->zones;
    u64 least = ~0ull;

    for (unsigned int i = 0; i < zones->nr_zones; i++)
        if (zones->zone[i].managed)
            least = QR_MIN(least, (zones->zone[i].end_pfn << PAGE_SHIFT) - 1);
    qr_report(
        dma->check, &report,
        "%s(%s, mask %#llx): no zone of this machine lies below the mask whole; the lowest zone "
        "ends at %#llx: use a wider mask, or boot a machine with a DMA zone",
        what, dev->name ? dev->name : "device", (unsigned long long)mask,
        (unsigned long long)least);
    return -QR_EIO;
}

int qr_dma_mask_ok(struct qr_dma *dma, const struct qr_dma_dev *dev, u64 mask, const char *what)
{
    gfp_t flags;
    return qr_dma_zone(dma, mask, &flags) ? 0 : zone_no_mask(dma, dev, mask, what);
}

/* ---- coherent memory ------------------------------------------------------------------------- */

static QR_COLD void *zone_refuse(struct qr_dma *dma, const struct qr_dma_dev *dev, size_t size,
                                 const char *wrong)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .size = size};
    qr_report(dma->check, &report, "dma_alloc_coherent(%s, %zu bytes): %s",
              dev->name ? dev->name : "device", size, wrong);
    return NULL;
}

void *qr_dma_alloc(struct qr_dma *dma, const struct qr_dma_dev *dev, size_t size,
                   dma_addr_t *handle, gfp_t gfp)
{
    struct qr_dma_range range = {
        .size = size, .direction = DMA_BIDIRECTIONAL, .kind = QR_DMA_COHERENT};
    u64 mask = qr_dma_coherent_mask(dev);
    gfp_t zone;
    void *address;

    *handle = DMA_MAPPING_ERROR;
    if (!mask)
        return zone_refuse(dma, dev, size,
                           "the device has no coherent mask: call dma_set_mask_and_coherent first");
    if (!size || size > PAGE_SIZE << MAX_PAGE_ORDER)
        return zone_refuse(dma, dev, size,
                           size ? "a block has at most 4 MiB" : "a size of 0 has no memory");
    if (qr_dma_mask_ok(dma, dev, mask, "dma_alloc_coherent"))
        return NULL;
    qr_dma_zone(dma, mask, &zone);
    gfp &= ~(GFP_ZONEMASK | __GFP_COMP);
    address = qr_alloc_pages_exact(dma->zones, size, gfp | zone | __GFP_ZERO, NUMA_NO_NODE);
    if (!address)
        return NULL;
    range.handle = *handle = qp_phys(dma->zones->map->offset, address);
    qr_dma_note(dma, dev, &range, address);
    return address;
}

void qr_dma_free(struct qr_dma *dma, const struct qr_dma_dev *dev, size_t size, void *address,
                 dma_addr_t handle)
{
    const struct qr_dma_range range = {
        .handle = handle, .size = size, .direction = DMA_BIDIRECTIONAL, .kind = QR_DMA_COHERENT};
    struct quarry_report report = {
        .kind = QUARRY_BAD_FREE, .rule = "G-S8", .address = address, .size = size};

    if (!address)
        return;
    if (qr_virt_in_map(dma->zones->map, address) &&
        handle != qp_phys(dma->zones->map->offset, address)) {
        qr_report(
            dma->check, &report,
            "dma_free_coherent(%p, handle %#llx): the handle is not this block's, which is %#llx; "
            "nothing is freed",
            address, (unsigned long long)handle,
            (unsigned long long)qp_phys(dma->zones->map->offset, address));
        return;
    }
    if (qr_dma_forget(dma, dev, &range, "dma_free_coherent"))
        qr_free_pages_exact(dma->zones, address, size);
}
