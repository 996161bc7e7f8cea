/* SPDX-License-Identifier: MIT */
/* ports/hosted/layout: machine profiles. What physical memory there is, where zones end, which
 * addresses things have.
 *
 * modern. 64 bits. The host chooses the base. RAM lies from physical 0 on, shared evenly among the
 * nodes; DMA below 16 MiB, DMA32 below 4 GiB, NORMAL above. The vmalloc range is four times RAM and
 * at least 64 GiB: address space costs nothing, and a long arena seldom runs short of long ranges.
 *
 * i386. The classic 32-bit layout at the classic addresses, inside a 64-bit process, where the
 * range 0xC0000000 … 0xFFFFFFFF is ordinarily free:
 *
 *     C0000000           PAGE_OFFSET: direct map of low memory, at most 896 MiB (0x38000000)
 *     C0000000 + low     high_memory
 *       8 MiB or more    hole: whoever runs off the direct map faults
 *     (8 MiB aligned)    VMALLOC_START
 *     FF7FE000           VMALLOC_END: two pages below the kmap window
 *     FF800000           PKMAP_BASE: 4 MiB, 1024 slots
 *     FFC00000 or above  FIXADDR_START: per-CPU kmap_local slots
 *     FFFE0000           the last 128 KiB: reserved for fixed mappings
 *     FFFFF000           FIXADDR_TOP
 *
 * DMA ends at 16 MiB, NORMAL at 896 MiB, HIGHMEM has no addresses of its own. With full low memory
 * the vmalloc range is 0xFF7FE000 - 0xF8800000, just under 112 MiB. */
#define _GNU_SOURCE
#include <quarry/rcu.h>
#include "layout.h"
#include <errno.h>
#include <string.h>

#define LAYOUT_MIB (1ull << 20)
#define LAYOUT_GIB (1ull << 30)

#define I386_PAGE_OFFSET 0xC0000000ull
#define I386_LOW_MAX (896 * LAYOUT_MIB)
#define I386_HOLE (8 * LAYOUT_MIB)
#define I386_PKMAP_BASE 0xFF800000ull
#define I386_PKMAP_SIZE (4 * LAYOUT_MIB)
#define I386_FIXED_START 0xFFFE0000ull
#define I386_FIXADDR_TOP 0xFFFFF000ull
/* kmap_local nests; 16 levels are what a task in an interrupt in a soft interrupt needs. Between
 * the kmap window's end and the last 128 KiB there is room for 992 slots: 62 CPUs. */
#define I386_SLOTS_PER_CPU 16u
#define I386_SLOT_CPUS 62u
/* 36 bits of physical address. */
#define I386_RAM_MAX (64 * LAYOUT_GIB)

/* Equal shares of [0, ram), cut at multiples of the largest block where they are that long. */
static void layout_share(struct hosted_layout *layout, uint64_t ram, unsigned int nodes)
{
    uint64_t share = ram / nodes, start = 0;
    unsigned int nid;
    share &= ~(share >= 4 * LAYOUT_MIB ? 4 * LAYOUT_MIB - 1 : HOSTED_PAGE - 1);
    for (nid = 0; nid < nodes; nid++) {
        uint64_t size = nid + 1 == nodes ? ram - start : share;
        layout->region[nid] = (struct quarry_region){.start = start, .size = size, .nid = (int)nid};
        start += size;
    }
    layout->machine.regions = layout->region;
    layout->machine.nr_regions = nodes;
}

static uint64_t layout_end(const struct quarry_region *region, size_t nr)
{
    uint64_t end = 0;
    size_t i;
    for (i = 0; i < nr; i++) {
        uint64_t stop = region[i].start + region[i].size;
        if (stop > end && stop >= region[i].start)
            end = stop;
    }
    return end;
}

static void layout_modern(struct hosted_layout *layout, uint64_t end)
{
    struct qp_machine *machine = &layout->machine;
    uint64_t vmalloc = end > 16 * LAYOUT_GIB ? 4 * end : 64 * LAYOUT_GIB;
    machine->dma_limit = 16 * LAYOUT_MIB;
    machine->dma32_limit = 4 * LAYOUT_GIB;
    machine->kmalloc_min = 8;
    machine->kmalloc_max = 4 * LAYOUT_MIB;
    /* Distances from the end of the direct map: the same 8 MiB of nothing before the range as on
     * the classic machine, a page of nothing after it. */
    if (vmalloc > 16384 * LAYOUT_GIB)
        vmalloc = 16384 * LAYOUT_GIB;
    machine->vmalloc_start = I386_HOLE;
    machine->vmalloc_end = machine->vmalloc_start + vmalloc;
    machine->pkmap_start = machine->pkmap_end = machine->vmalloc_end + HOSTED_PAGE;
    machine->fixmap_start = machine->fixmap_end = machine->pkmap_end;
    layout->fixed = false;
}

static int layout_i386(struct hosted_layout *layout, uint64_t end, char *why, size_t why_size)
{
    struct qp_machine *machine = &layout->machine;
    unsigned int cpus = machine->nr_cpus < I386_SLOT_CPUS ? machine->nr_cpus : I386_SLOT_CPUS;
    uint64_t low = end < I386_LOW_MAX ? end : I386_LOW_MAX;
    if (end > I386_RAM_MAX) {
        hosted_say(why, why_size,
                   "the i386 profile has 36-bit physical addresses: at most 64 GiB of RAM");
        return -EINVAL;
    }
    low = (low + HOSTED_PAGE - 1) & ~(HOSTED_PAGE - 1);
    machine->offset = I386_PAGE_OFFSET;
    machine->dma_limit = 16 * LAYOUT_MIB;
    machine->dma32_limit = 0;
    machine->low_limit = I386_LOW_MAX;
    machine->kmalloc_min = 32;
    machine->kmalloc_max = 128 << 10;
    machine->vmalloc_start =
        (I386_PAGE_OFFSET + low + 2 * I386_HOLE - 1) & ~(uintptr_t)(I386_HOLE - 1);
    machine->vmalloc_end = I386_PKMAP_BASE - 2 * HOSTED_PAGE;
    machine->pkmap_start = I386_PKMAP_BASE;
    machine->pkmap_end = I386_PKMAP_BASE + I386_PKMAP_SIZE;
    machine->fixmap_start = I386_FIXED_START - (uint64_t)cpus * I386_SLOTS_PER_CPU * HOSTED_PAGE;
    machine->fixmap_end = I386_FIXADDR_TOP;
    layout->fixed = true;
    return 0;
}

int hosted_layout_make(struct hosted_layout *layout, const struct quarry_machine *wish, char *why,
                       size_t why_size)
{
    struct qp_machine *machine = &layout->machine;
    uint64_t end = wish->ram_bytes;
    memset(layout, 0, sizeof(*layout));
    machine->nr_cpus = wish->cpus;
    machine->options = wish->options;
    machine->ram_is_zero = true;
    machine->grace = &quarry_counted_readers;
    if (wish->regions) {
        machine->regions = wish->regions;
        machine->nr_regions = wish->nr_regions;
        end = layout_end(wish->regions, wish->nr_regions);
    } else {
        if (wish->ram_bytes < HOSTED_PAGE * wish->nodes) {
            hosted_say(why, why_size,
                       "%llu bytes of RAM are less than a page for each of %u node(s)",
                       (unsigned long long)wish->ram_bytes, wish->nodes);
            return -ENOMEM;
        }
        layout_share(layout, wish->ram_bytes, wish->nodes);
    }
    if (strcmp(wish->profile, "modern") == 0) {
        layout_modern(layout, end);
        return 0;
    }
    if (strcmp(wish->profile, "i386") == 0)
        return layout_i386(layout, end, why, why_size);
    hosted_say(why, why_size, "unknown machine profile \"%s\": modern or i386", wish->profile);
    return -EINVAL;
}
