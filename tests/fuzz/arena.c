/* SPDX-License-Identifier: MIT */
/* Fuzz: address ranges (src/vm/arena). A window anywhere, of any length; ranges of any length and alignment
 * are taken and given back. The arena is right when a request succeeds exactly if there is room for it, what
 * comes is where it should be, and its lists agree with the list kept here. */
#include "fuzz.h"
#include "vm/arena.h"
#include <quarry/page.h>

#define ARENA_TAKEN 96

struct taken {
    uint64_t start, end; /* bytes */
    struct qr_range *range;
};

static struct {
    struct qr_arena arena;
    struct taken taken[ARENA_TAKEN]; /* by address */
    unsigned int nr;
} world;

static void *tag_new(void *data, gfp_t gfp)
{
    (void)data;
    (void)gfp;
    return malloc(qr_range_size());
}

/* Where @size bytes at a multiple of @align begin, between @start and @end; 0: nowhere. */
static uint64_t gap_fit(uint64_t start, uint64_t end, unsigned __int128 size, uint64_t align)
{
    unsigned __int128 at = ((unsigned __int128)start + align - 1) / align * align;

    return at + size <= end ? (uint64_t)at : 0;
}

static bool window_has_room(uint64_t pages, uint64_t align)
{
    unsigned __int128 size = (unsigned __int128)pages << PAGE_SHIFT;
    uint64_t start = world.arena.start;

    if (align < PAGE_SIZE)
        align = PAGE_SIZE;
    if (!pages || (align & (align - 1)))
        return false;
    for (unsigned int i = 0; i < world.nr; i++) {
        if (gap_fit(start, world.taken[i].start, size, align))
            return true;
        start = world.taken[i].end;
    }
    return gap_fit(start, world.arena.end, size, align) != 0;
}

static void taken_add(struct qr_range *range, uint64_t pages, uint64_t align)
{
    struct taken fresh = {.start = qr_range_start(range), .range = range};
    unsigned int at = 0;

    fresh.end = fresh.start + (pages << PAGE_SHIFT);
    while (at < world.nr && world.taken[at].start < fresh.start)
        at++;
    FUZZ_REQUIRE(qr_range_pages(range) == pages, "%lu pages", (unsigned long)pages);
    FUZZ_REQUIRE(align < PAGE_SIZE || fresh.start % align == 0, "align %#lx", (unsigned long)align);
    FUZZ_REQUIRE(fresh.start >= world.arena.start && fresh.end <= world.arena.end, "outside");
    FUZZ_REQUIRE(at == 0 || world.taken[at - 1].end <= fresh.start, "overlaps the one before");
    FUZZ_REQUIRE(at == world.nr || fresh.end <= world.taken[at].start, "overlaps the next");
    memmove(&world.taken[at + 1], &world.taken[at], (world.nr - at) * sizeof(fresh));
    world.taken[at] = fresh;
    world.nr++;
}

static void step_take(struct fuzz_input *input)
{
    struct qr_range *spare[2] = {tag_new(NULL, 0), tag_new(NULL, 0)}, *range;
    uint64_t pages = fuzz_any(input);
    uint8_t shift = fuzz_byte(input);
    uint64_t align = shift < 192 ? 1ull << shift % 64 : fuzz_any(input) << shift % 64;
    bool room = window_has_room(pages, align);

    if (!spare[0] || !spare[1])
        abort();
    range = qr_arena_take(&world.arena, pages, align, spare);
    FUZZ_REQUIRE((range != NULL) == room, "%lu pages at %#lx: there is %s room",
                 (unsigned long)pages, (unsigned long)align, room ? "" : "no");
    if (range) {
        taken_add(range, pages, align);
        qr_range_set_owner(range, &world.taken);
    }
    free(spare[0]);
    free(spare[1]);
}

static void step_give(unsigned int which)
{
    struct qr_range *merged[2];

    qr_arena_give(&world.arena, world.taken[which].range, merged);
    free(merged[0]);
    free(merged[1]);
    world.nr--;
    memmove(&world.taken[which], &world.taken[which + 1],
            (world.nr - which) * sizeof(world.taken[0]));
}

/* Its list, from the first address to the last, against ours. */
static void compare(void)
{
    const struct qr_range *range;
    unsigned int seen = 0;

    FUZZ_REQUIRE(qr_arena_check(&world.arena) == 0, "the arena contradicts itself");
    for (range = world.arena.ranges; range; range = qr_range_next(range)) {
        if (!qr_range_owner(range))
            continue;
        FUZZ_REQUIRE(seen < world.nr && world.taken[seen].range == range, "range %u of %u", seen,
                     world.nr);
        seen++;
    }
    FUZZ_REQUIRE(seen == world.nr, "%u of %u ranges", seen, world.nr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    uint64_t start = fuzz_any(&input) << (PAGE_SHIFT + fuzz_byte(&input) % 52);
    uint64_t pages = fuzz_any(&input), end = start + (pages << PAGE_SHIFT);
    bool odd = !start || start >= end;

    memset(&world, 0, sizeof(world));
    world.arena.tag_alloc = tag_new;
    FUZZ_REQUIRE(qr_arena_init(&world.arena, (uintptr_t)start, (uintptr_t)end, 0) ==
                     (odd ? -QR_EINVAL : 0),
                 "[%#lx, %#lx)", (unsigned long)start, (unsigned long)end);
    if (odd)
        return 0;
    for (unsigned int step = 0; input.left; step++) {
        uint8_t what = fuzz_byte(&input);
        if ((what & 1) && world.nr)
            step_give(what / 2 % world.nr);
        else if (world.nr < ARENA_TAKEN)
            step_take(&input);
        if (step % 4 == 0)
            compare();
    }
    while (world.nr)
        step_give(world.nr / 2);
    compare();
    FUZZ_REQUIRE(world.arena.nr_ranges == 1 && !qr_range_next(world.arena.ranges), "not one range");
    free(world.arena.ranges);
    return 0;
}
