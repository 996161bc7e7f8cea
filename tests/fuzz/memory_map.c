/* SPDX-License-Identifier: MIT */
/* Fuzz: memory maps as a boot loader gives them: any order, overlaps, holes, reserved pieces, several nodes,
 * limits of zones anywhere. A machine that boots has exactly the frames that the list says, each on its node;
 * all its memory can be taken, no frame twice, none that is reserved or not there, and given back. One that
 * does not boot says why. */
#include "fuzz.h"
#include "hosted.h"
#include "instance.h"

#define MAP_REGIONS 140u
#define MAP_FRAMES 4096u /* of ordinary maps: all is compared frame by frame */
#define MAP_WINDOW (16u << 20)

struct frame {
    bool exists, reserved, taken;
    uint8_t nid;
};

static struct {
    struct quarry_region region[MAP_REGIONS];
    size_t nr;
    bool small; /* all of it lies below MAP_FRAMES */
    struct frame frame[MAP_FRAMES];
} world;

/* ---- the map, drawn and written down frame by frame ------------------------------------------ */

static void draw_region(struct fuzz_input *input)
{
    struct quarry_region *region = &world.region[world.nr++];
    uint8_t shape = fuzz_byte(input);

    region->start = fuzz_number(input, 2) % MAP_FRAMES * PAGE_SIZE;
    region->size = fuzz_number(input, 2) % (MAP_FRAMES / 2) * PAGE_SIZE;
    region->flags = shape & 1 ? QUARRY_REGION_RESERVED : QUARRY_REGION_RAM;
    region->nid = shape >> 1 & 3;
    if (shape & 8) { /* not in whole pages */
        region->start += fuzz_byte(input) * 16u;
        region->size += fuzz_byte(input) * 16u;
    }
    if ((shape & 0xf0) == 0xf0) { /* anything */
        region->start = fuzz_number(input, 8);
        region->size = fuzz_number(input, 8);
        region->nid = (int8_t)fuzz_byte(input);
    } else if ((shape & 0xf0) == 0xe0) { /* far away */
        region->start <<= fuzz_byte(input) % 24;
    }
}

static void describe_frames(void)
{
    memset(world.frame, 0, sizeof(world.frame));
    world.small = true;
    for (size_t i = 0; i < world.nr; i++) {
        const struct quarry_region *region = &world.region[i];
        if (region->size &&
            (region->start >= MAP_FRAMES * PAGE_SIZE || region->size > MAP_FRAMES * PAGE_SIZE ||
             region->start + region->size > MAP_FRAMES * PAGE_SIZE || region->nid < 0 ||
             region->nid >= QR_MAX_NODES))
            world.small = false;
    }
    if (!world.small)
        return;
    for (uint64_t pfn = 0; pfn < MAP_FRAMES; pfn++) {
        struct frame *frame = &world.frame[pfn];
        uint64_t start = pfn * PAGE_SIZE, end = start + PAGE_SIZE;
        bool usable = false;
        for (size_t i = 0; i < world.nr; i++) {
            const struct quarry_region *region = &world.region[i];
            uint64_t last = region->start + region->size;
            bool reserved = region->flags & QUARRY_REGION_RESERVED;
            if (!region->size || (reserved ? last <= start || region->start >= end
                                           : region->start > start || last < end))
                continue;
            if (!frame->exists || (!reserved && !usable))
                frame->nid = (uint8_t)region->nid;
            frame->exists = true;
            frame->reserved |= reserved;
            usable |= !reserved;
        }
        if (pfn == 0)
            frame->reserved = frame->exists;
    }
}

static phys_addr_t draw_limit(struct fuzz_input *input)
{
    uint8_t shape = fuzz_byte(input);

    if (shape < 96)
        return 0;
    return shape < 250 ? fuzz_number(input, 2) % MAP_FRAMES * PAGE_SIZE : fuzz_number(input, 8);
}

/* ---- a machine that runs ---------------------------------------------------------------------- */

static void compare_frames(struct quarry *q)
{
    u64 present = 0;

    for (uint64_t pfn = 0; pfn < MAP_FRAMES; pfn++) {
        const struct frame *frame = &world.frame[pfn];
        present += frame->exists;
        FUZZ_REQUIRE(qr_pfn_valid(&q->map, pfn) == frame->exists, "frame %lu", (unsigned long)pfn);
        if (!frame->exists)
            continue;
        FUZZ_REQUIRE(!frame->reserved || qr_pfn_reserved(&q->map, pfn), "frame %lu is reserved",
                     (unsigned long)pfn);
        FUZZ_REQUIRE(qr_pfn_node(&q->map, pfn) == frame->nid, "frame %lu: node %u for %u",
                     (unsigned long)pfn, qr_pfn_node(&q->map, pfn), frame->nid);
        FUZZ_REQUIRE(qr_pfn(&q->map, qr_page(&q->map, pfn)) == pfn, "frame %lu",
                     (unsigned long)pfn);
    }
    FUZZ_REQUIRE(q->map.nr_present == present, "%lu frames for %lu",
                 (unsigned long)q->map.nr_present, (unsigned long)present);
}

static void require_sound(struct quarry *q)
{
    FUZZ_REQUIRE(qr_map_check(&q->map) + qr_zones_check(&q->zones) + qr_slabs_check(&q->slabs) +
                         qr_vm_check(&q->vm) ==
                     0,
                 "the machine contradicts itself");
    FUZZ_REQUIRE(qr_report_count(&q->check, QUARRY_FINDING_KINDS) == 0, "something was reported");
}

/* Blocks of falling order until nothing is left; a chain of them through their first words. */
static void take_all(struct quarry *q, unsigned int order)
{
    const gfp_t gfp =
        (__GFP_HIGHMEM | __GFP_MOVABLE | __GFP_MEMALLOC | __GFP_NOWARN) & ~__GFP_DIRECT_RECLAIM;
    u64 before = qr_free_pages_total(&q->zones);
    u32 *taken = malloc(sizeof(*taken) * 2 * MAP_FRAMES);
    size_t nr = 0;

    if (!taken)
        abort();
    for (;;) {
        struct page *page = qr_alloc_pages(&q->zones, gfp, order, NUMA_NO_NODE);
        u64 pfn = page ? qr_pfn(&q->map, page) : 0;
        if (!page && order-- == 0)
            break;
        if (!page)
            continue;
        taken[2 * nr] = (u32)pfn;
        taken[2 * nr++ + 1] = order;
        for (u64 i = pfn; i < pfn + (1u << order); i++) {
            FUZZ_REQUIRE(i < MAP_FRAMES && world.frame[i].exists && !world.frame[i].reserved &&
                             !world.frame[i].taken,
                         "frame %lu of a block of order %u", (unsigned long)i, order);
            world.frame[i].taken = true;
        }
        if (qr_page_is_low(&q->map, page))
            memset(qr_page_virt(&q->map, page), 0x5a, PAGE_SIZE << order);
    }
    while (nr-- > 0)
        qr_put_pages(&q->zones, qr_page(&q->map, taken[2 * nr]), taken[2 * nr + 1], "fuzz");
    qr_pcp_drain_all(&q->zones);
    FUZZ_REQUIRE(qr_free_pages_total(&q->zones) >= before, "%lu free pages of %lu",
                 (unsigned long)qr_free_pages_total(&q->zones), (unsigned long)before);
    free(taken);
}

static bool quiet(const struct quarry_report *report, void *data)
{
    (void)data;
    if (report->kind != QUARRY_OUT_OF_MEMORY)
        fprintf(stderr, "reported: %s\n", report->text);
    return false;
}

static void run(struct fuzz_input *input, struct qp_machine *machine)
{
    struct quarry *q = calloc(1, sizeof(*q));
    struct hosted_ram ram;
    char why[256] = "";
    int error;

    if (!q)
        abort();
    if (hosted_ram_create(&ram, machine, false, why, sizeof(why)) != 0) {
        FUZZ_REQUIRE(why[0], "the port does not say why");
        free(q);
        return;
    }
    q->check.hook = quiet;
    hosted_claims_forbid(true);
    error = qr_boot(q, machine, why, sizeof(why));
    hosted_claims_forbid(false);
    FUZZ_REQUIRE(error == 0 || error == -QR_EINVAL || error == -QR_ENOMEM, "error %d", error);
    FUZZ_REQUIRE(!error || why[0], "error %d, and no reason", error);
    if (!error) {
        hosted_cpus_remember(&q->cpus);
        qr_reclaim_stop(&q->reclaim);
        require_sound(q);
        if (world.small) {
            compare_frames(q);
            take_all(q, fuzz_byte(input) % (MAX_PAGE_ORDER + 1));
            require_sound(q);
        }
        hosted_cpus_forget(&q->cpus);
        qr_shutdown(q);
    }
    hosted_ram_destroy(&ram);
    free(q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct qp_machine machine = {.kmalloc_min = 8,
                                 .kmalloc_max = 4u << 20,
                                 .ram_is_zero = true,
                                 .grace = &quarry_counted_readers,
                                 .regions = world.region};
    uint8_t shape = fuzz_byte(&input);

    world.nr = 0;
    machine.nr_cpus = shape % 8;
    machine.dma_limit = draw_limit(&input);
    machine.dma32_limit = draw_limit(&input);
    machine.low_limit = draw_limit(&input);
    machine.movable_from = draw_limit(&input);
    machine.vmalloc_start = PAGE_SIZE;
    machine.vmalloc_end = shape & 0x10 ? PAGE_SIZE : MAP_WINDOW;
    machine.pkmap_start = machine.vmalloc_end + PAGE_SIZE;
    machine.pkmap_end = machine.pkmap_start + (machine.low_limit ? 16 * PAGE_SIZE : 0);
    machine.fixmap_start = machine.pkmap_end + PAGE_SIZE;
    machine.fixmap_end = machine.fixmap_start + (machine.low_limit ? 256 * PAGE_SIZE : 0);
    while (input.left > 1 && world.nr < MAP_REGIONS)
        draw_region(&input);
    machine.nr_regions = world.nr;
    describe_frames();
    run(&input, &machine);
    return 0;
}
