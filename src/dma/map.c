/* SPDX-License-Identifier: MIT */
/* dma/map: a buffer is given to a device.
 *
 * Problem. Half of all addresses a driver has cannot be given to a device: what lies side by side in vmalloc
 * memory does not in physical memory, the stack and static data are not memory of the machine at all, and a
 * kmap address is a window that will show something else. A kernel takes some of them silently and damages
 * memory; here the mapping is refused, with the call that would be right.
 *
 * Idea. Three questions, each with its own answer in words: is the buffer memory that may be mapped; does it
 * end before the device's mask does; and, with checks on, is it memory that somebody holds, to its end.
 *
 * There are no bounce buffers: a copy behind the driver's back would hide that its memory comes from the
 * wrong zone.
 *
 * Locks: none; track.c's inside. Nothing sleeps. */
#include "dma.h"

/* A stack is rarely larger, and nothing else lies just above this function's frame. */
#define MAP_STACK_BYTES (8ul << 20)

static QR_COLD dma_addr_t map_refuse(struct qr_dma *dma, const struct qr_dma_dev *dev,
                                     const char *what, const void *address, size_t size,
                                     const char *wrong)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .address = address, .size = size};
    qr_report(dma->check, &report, "%s(%s, %p, %zu bytes): %s", what,
              dev->name ? dev->name : "device", (void *)(uintptr_t)address, size, wrong);
    return DMA_MAPPING_ERROR;
}

static bool map_in_kmap_window(const struct qr_dma *dma, uintptr_t address)
{
    const struct qr_kmaps *kmaps = dma->kmaps;
    return address - kmaps->pkmap_start < (uintptr_t)kmaps->nr_pkmap * PAGE_SIZE ||
           address - kmaps->fixmap_start < (uintptr_t)kmaps->nr_fixmap * PAGE_SIZE;
}

/* What an address outside the direct map is. */
static QR_COLD const char *map_foreign(const struct qr_dma *dma, const void *address)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), at = (uintptr_t)address;

    if (!address)
        return "a NULL buffer: an allocation failed, and nobody looked";
    if (qr_vm_contains(dma->vm, address))
        return "vmalloc memory is not contiguous for a device: use kmalloc or dma_alloc_coherent, "
               "or map "
               "page by page with vmalloc_to_page and dma_map_page";
    if (map_in_kmap_window(dma, at))
        return "a kmap address is a window: give the page itself to dma_map_page";
    if (at - here < MAP_STACK_BYTES || here - at < PAGE_SIZE)
        return "the stack is not memory for devices: allocate the buffer with kmalloc";
    return "the buffer is not in the machine's memory (static data, perhaps): allocate it with "
           "kmalloc";
}

/* Memory that somebody holds, to its end; asked in checked builds. */
static const char *map_not_held(const struct qr_dma *dma, const void *address, size_t size)
{
    struct qr_map *map = dma->zones->map;
    const struct page *head = qr_head(map, qr_virt_page(map, address));
    u32 flags = __atomic_load_n(&head->flags, __ATOMIC_RELAXED);
    struct qr_object object;

    if (!(flags & PGF_SLAB))
        return flags & (PGF_BUDDY | PGF_PCP)
                   ? "the buffer is free memory: it was freed before it was mapped"
                   : NULL;
    if (!qr_object_locate(dma->slabs, address, &object) || !object.start)
        return "the buffer lies between two objects";
    if (!object.allocated)
        return "the buffer was freed before it was mapped";
    if (object.offset + size > qr_object_granted(&object))
        return "the buffer is smaller than that: the device would write beyond its object";
    return NULL;
}

static const char *map_beyond_mask(const struct qr_dma_dev *dev, phys_addr_t phys, size_t size)
{
    u64 mask = qr_dma_streaming_mask(dev);

    if (!mask)
        return "the device has no DMA mask: call dma_set_mask_and_coherent (or "
               "dma_coerce_mask_and_coherent, if the bus gave it no place) first";
    if (phys + size - 1 > mask)
        return "the buffer lies beyond the device's mask, and there are no bounce buffers: "
               "allocate it "
               "with GFP_DMA32 or GFP_DMA, or use dma_alloc_coherent";
    return NULL;
}

static const char *map_senseless(size_t size, enum dma_data_direction direction)
{
    if (!size)
        return "a size of 0 gives the device nothing";
    if ((unsigned int)direction > DMA_FROM_DEVICE)
        return "the direction is none of DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL";
    return NULL;
}

static bool map_fails_by_fault(struct qr_dma *dma, size_t size, const char *what)
{
    return qr_slab_fault(dma->slabs, "dma_map", GFP_NOWAIT, size, what);
}

dma_addr_t qr_dma_map_single(struct qr_dma *dma, const struct qr_dma_dev *dev, void *address,
                             size_t size, enum dma_data_direction direction)
{
    struct qr_map *map = dma->zones->map;
    struct qr_dma_range range = {.size = size, .direction = direction, .kind = QR_DMA_SINGLE};
    const char *wrong = map_senseless(size, direction);

    if (!wrong && (!qr_virt_page_checked(map, address) ||
                   !qr_virt_page_checked(map, (char *)address + size - 1)))
        wrong = map_foreign(dma, address);
    if (!wrong)
        wrong = map_beyond_mask(dev, qp_phys(map->offset, address), size);
    if (!wrong && qr_check_level(dma->check))
        wrong = map_not_held(dma, address, size);
    if (QR_UNLIKELY(wrong))
        return map_refuse(dma, dev, "dma_map_single", address, size, wrong);
    if (map_fails_by_fault(dma, size, "dma_map_single"))
        return DMA_MAPPING_ERROR;
    range.handle = qp_phys(map->offset, address);
    qr_dma_note(dma, dev, &range, address);
    return range.handle;
}

/* The physical address of a piece of pages; *@wrong says what is wrong with it. */
static phys_addr_t map_piece(struct qr_dma *dma, const struct qr_dma_dev *dev, struct page *page,
                             size_t offset, size_t size, enum dma_data_direction direction,
                             const char **wrong)
{
    struct qr_map *map = dma->zones->map;
    phys_addr_t phys = 0;

    *wrong = map_senseless(size, direction);
    if (!*wrong && (!page || !qr_page_valid(map, page)))
        *wrong = "there is no such page";
    if (*wrong)
        return 0;
    phys = qr_page_phys(map, page) + offset;
    if (!qr_pfn_valid(map, (phys + size - 1) >> PAGE_SHIFT))
        *wrong = "the range runs past the end of memory";
    else
        *wrong = map_beyond_mask(dev, phys, size);
    return phys;
}

dma_addr_t qr_dma_map_page(struct qr_dma *dma, const struct qr_dma_dev *dev, struct page *page,
                           size_t offset, size_t size, enum dma_data_direction direction)
{
    struct qr_dma_range range = {.size = size, .direction = direction, .kind = QR_DMA_PAGE};
    const char *wrong;

    range.handle = map_piece(dma, dev, page, offset, size, direction, &wrong);
    if (QR_UNLIKELY(wrong))
        return map_refuse(dma, dev, "dma_map_page", page, size, wrong);
    if (map_fails_by_fault(dma, size, "dma_map_page"))
        return DMA_MAPPING_ERROR;
    qr_dma_note(dma, dev, &range, NULL);
    return range.handle;
}

/* ---- buffers in pieces ----------------------------------------------------------------------- */

struct scatterlist *qr_sg_next(struct scatterlist *sg)
{
    if (sg->page_link & 2)
        return NULL;
    sg++;
    if (sg->page_link & 1)
        sg = (struct scatterlist *)(sg->page_link & ~3ul);
    return sg;
}

static void map_undo_sg(struct qr_dma *dma, const struct qr_dma_dev *dev, struct scatterlist *sg,
                        int nents, enum dma_data_direction direction, const char *what)
{
    for (int i = 0; i < nents && sg; i++, sg = qr_sg_next(sg)) {
        const struct qr_dma_range range = {.handle = sg->dma_address,
                                           .size = sg->length,
                                           .direction = direction,
                                           .kind = QR_DMA_SG};
        qr_dma_forget(dma, dev, &range, what);
    }
}

int qr_dma_map_sg(struct qr_dma *dma, const struct qr_dma_dev *dev, struct scatterlist *sg,
                  int nents, enum dma_data_direction direction)
{
    struct scatterlist *at = sg;
    const char *wrong = nents <= 0 ? "there are no entries" : NULL;
    int i;

    for (i = 0; i < nents && !wrong; i++, at = qr_sg_next(at)) {
        struct qr_dma_range range = {.direction = direction, .kind = QR_DMA_SG};
        if (!at) {
            wrong = "the list ends before the number of entries";
            break;
        }
        range.size = at->length;
        range.handle = map_piece(dma, dev, (struct page *)(at->page_link & ~3ul), at->offset,
                                 at->length, direction, &wrong);
        if (wrong || map_fails_by_fault(dma, at->length, "dma_map_sg"))
            break;
        at->dma_address = range.handle;
        at->dma_length = at->length;
        qr_dma_note(dma, dev, &range, NULL);
    }
    if (!wrong && i == nents)
        return nents;
    map_undo_sg(dma, dev, sg, i, direction, "dma_map_sg");
    if (wrong)
        map_refuse(dma, dev, "dma_map_sg", sg, (size_t)QR_MAX(i, 0), wrong);
    return 0;
}

void qr_dma_unmap_sg(struct qr_dma *dma, const struct qr_dma_dev *dev, struct scatterlist *sg,
                     int nents, enum dma_data_direction direction)
{
    map_undo_sg(dma, dev, sg, nents, direction, "dma_unmap_sg");
}
