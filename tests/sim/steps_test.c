/* SPDX-License-Identifier: MIT */
/* How much each way does at most, counted and not timed.
 *
 * Three counters, none of them in src/: operations on the buddy's lists, from the difference the call made
 * to the lists' lengths (each list gains or loses at most one block in a call, but when a page block
 * changes mobility); locks taken, by wrapping the port's lock (-Wl,--wrap); and accesses to memory, which
 * the preemptible build of the simulated machine counts as points. The last is 0 in the other build.
 *
 * The numbers here are those of docs/limits.md. */
#include <quarry/gfp.h>
#include <quarry/slab.h>
#include <quarry/vmalloc.h>
#include "instance.h"
#include "points.h"
#include "point.h"
#include "sim.h"
#include "vm/area.h"
#include "vm/arena.h"
#include "zone/buddy.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- what is allowed (docs/limits.md) ------------------------------------------------------- */

/* Buddy: operations on lists to take a block of its own mobility (one more to list a fresh one), to put
 * one, and to take one when a page block changes mobility. */
#define TAKE_LISTS(order) (2u + MAX_PAGE_ORDER - (order))
#define PUT_LISTS(order) (1u + MAX_PAGE_ORDER - (order))
#define CONVERT_LISTS (512u + TAKE_LISTS(0))
#define CONVERT_ACCESSES 30000u
#define BUDDY_ACCESSES(order) (60u + 30u * (MAX_PAGE_ORDER - (order)))
/* Page lists: pages that come with one lock. */
#define REFILL_PAGES 64u
#define LISTED_ACCESSES 50u
/* Objects: the ordinary way, the longest without a lock; all locks of the slowest. */
#define FAST_ACCESSES 20u
#define UNLOCKED_ACCESSES 120u
#define ALLOC_LOCKS 10u
#define FREE_LOCKS 8u
/* Address ranges, however many there are. */
#define ARENA_ACCESSES 100u

/* ---- counters ------------------------------------------------------------------------------- */

static unsigned long locks, watched_locks;
static const qp_lock_t *watched;

unsigned long __real_sim_lock(qp_lock_t *lock);
unsigned long __wrap_sim_lock(qp_lock_t *lock);
unsigned long __wrap_sim_lock(qp_lock_t *lock)
{
    locks++;
    watched_locks += lock == watched;
    return __real_sim_lock(lock);
}

struct count {
    long points;
    unsigned long locks, watched; /* all; the one that is watched */
};

static struct count count_begin(void)
{
    return (struct count){.points = sim_here.left, .locks = locks, .watched = watched_locks};
}

static struct count count_end(struct count begun)
{
    return (struct count){.points = begun.points - sim_here.left,
                          .locks = locks - begun.locks,
                          .watched = watched_locks - begun.watched};
}

static struct sim *world(uint64_t frames)
{
    struct sim_config config = {.cpus = 2, .frames = frames, .without_worker = true};
    char why[200] = "";
    struct sim *sim = sim_new(&config, why, sizeof(why));

    if (!sim)
        fail_msg("%s", why);
    return sim;
}

/* ---- the buddy ------------------------------------------------------------------------------ */

struct lengths {
    u32 nr[NR_PAGE_ORDERS][MIGRATE_TYPES];
};

static struct zone *the_zone(void)
{
    return &quarry_default.zones.zone[0];
}

static struct lengths lengths(void)
{
    struct lengths all;

    for (unsigned int o = 0; o < NR_PAGE_ORDERS; o++)
        for (unsigned int m = 0; m < MIGRATE_TYPES; m++)
            all.nr[o][m] = the_zone()->free_area[o].nr[m];
    return all;
}

static unsigned int list_operations(const struct lengths *before)
{
    struct lengths now = lengths();
    unsigned int sum = 0;

    for (unsigned int o = 0; o < NR_PAGE_ORDERS; o++)
        for (unsigned int m = 0; m < MIGRATE_TYPES; m++)
            sum += (unsigned int)abs((int)now.nr[o][m] - (int)before->nr[o][m]);
    return sum;
}

struct most {
    unsigned int take, put;
    long take_points, put_points;
};

struct held {
    u64 pfn[256];
    u8 order[256];
    unsigned int nr;
};

static void buddy_hold_parts(struct held *held)
{
    for (unsigned int order = 0; order < MAX_PAGE_ORDER; order++) {
        for (unsigned int m = 0; m < MIGRATE_TYPES; m++) {
            while (the_zone()->free_area[order].nr[m] && held->nr < QR_ARRAY_SIZE(held->pfn)) {
                struct page *page = qr_buddy_take(&quarry_default.map, the_zone(), order, m);
                held->pfn[held->nr] = qr_pfn(&quarry_default.map, page);
                held->order[held->nr++] = (u8)order;
            }
        }
    }
}

/* Memory in whole blocks: every take splits and every put merges all the way. */
static void buddy_whole(struct most most[NR_PAGE_ORDERS])
{
    struct held held = {.nr = 0};

    buddy_hold_parts(&held);
    for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
        struct lengths before = lengths();
        struct count count = count_begin();
        struct page *page = qr_buddy_take(&quarry_default.map, the_zone(), order, MIGRATE_MOVABLE);
        count = count_end(count);
        assert_non_null(page);
        most[order].take = QR_MAX(most[order].take, list_operations(&before));
        most[order].take_points = QR_MAX(most[order].take_points, count.points);
        before = lengths();
        count = count_begin();
        qr_buddy_put(&quarry_default.map, the_zone(), qr_pfn(&quarry_default.map, page), order);
        count = count_end(count);
        most[order].put = QR_MAX(most[order].put, list_operations(&before));
        most[order].put_points = QR_MAX(most[order].put_points, count.points);
    }
    while (held.nr-- > 0)
        qr_buddy_put(&quarry_default.map, the_zone(), held.pfn[held.nr], held.order[held.nr]);
}

/* All memory is taken, but for every second page of one page block, movable; and somebody wants a page
 * that is not. */
static unsigned int buddy_convert(long *points)
{
    static u64 pfn[8192];
    struct qr_map *map = &quarry_default.map;
    const u64 start = QR_ALIGN_DOWN(4096, QR_BLOCK_PAGES);
    unsigned int nr = 0, operations;
    struct lengths before;
    struct count count;
    struct page *page;

    while (nr < QR_ARRAY_SIZE(pfn) &&
           (page = qr_buddy_take(map, the_zone(), 0, MIGRATE_MOVABLE)) != NULL)
        pfn[nr++] = qr_pfn(map, page);
    qr_set_block_mobility(map, start, MIGRATE_MOVABLE);
    for (u64 i = 1; i < QR_BLOCK_PAGES; i += 2)
        qr_buddy_put(map, the_zone(), start + i, 0);
    before = lengths();
    count = count_begin();
    page = qr_buddy_take(map, the_zone(), 0, MIGRATE_UNMOVABLE);
    *points = count_end(count).points;
    operations = list_operations(&before);
    assert_non_null(page);
    assert_int_equal(qr_block_mobility(map, start), MIGRATE_UNMOVABLE);
    qr_buddy_put(map, the_zone(), qr_pfn(map, page), 0);
    for (unsigned int i = 0; i < nr; i++)
        if (pfn[i] - start >= QR_BLOCK_PAGES || (pfn[i] - start) % 2 == 0)
            qr_buddy_put(map, the_zone(), pfn[i], 0);
    return operations;
}

static void buddy_run(bool movable_only, struct most most[NR_PAGE_ORDERS])
{
    static struct {
        u64 pfn;
        unsigned int order;
    } block[256];
    struct qr_map *map = &quarry_default.map;
    uint64_t random = 5;

    memset(block, 0, sizeof(block));
    for (unsigned int i = 0; i < 40000; i++) {
        unsigned int at = (unsigned int)(sim_random(&random) % QR_ARRAY_SIZE(block));
        uint64_t what = sim_random(&random);
        struct lengths before = lengths();
        struct count count = count_begin();
        if (block[at].pfn) {
            unsigned int order = block[at].order;
            qr_buddy_put(map, the_zone(), block[at].pfn, order);
            count = count_end(count);
            most[order].put = QR_MAX(most[order].put, list_operations(&before));
            most[order].put_points = QR_MAX(most[order].put_points, count.points);
            block[at].pfn = 0;
        } else {
            unsigned int order = what % 8 ? what % 3 : (unsigned int)(what >> 8) % NR_PAGE_ORDERS;
            struct page *page =
                qr_buddy_take(map, the_zone(), order,
                              movable_only ? MIGRATE_MOVABLE : (what >> 16) % MIGRATE_TYPES);
            count = count_end(count);
            if (!page)
                continue;
            most[order].take = QR_MAX(most[order].take, list_operations(&before));
            most[order].take_points = QR_MAX(most[order].take_points, count.points);
            block[at].pfn = qr_pfn(map, page);
            block[at].order = order;
        }
    }
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(block); i++)
        if (block[i].pfn)
            qr_buddy_put(map, the_zone(), block[i].pfn, block[i].order);
    assert_int_equal(qr_zones_check(&quarry_default.zones), 0);
}

static void buddy_steps_are_bounded_by_the_order(void **state)
{
    struct most own[NR_PAGE_ORDERS] = {{0}}, any[NR_PAGE_ORDERS] = {{0}};
    struct sim *sim = world(8192);
    unsigned int converted;
    long points;

    (void)state;
    drain_all_pages();
    buddy_whole(own);
    buddy_run(true, own);
    buddy_run(false, any);
    converted = buddy_convert(&points);
    assert_int_equal(qr_zones_check(&quarry_default.zones), 0);
    for (unsigned int o = 0; o < NR_PAGE_ORDERS; o++) {
        print_message("order %2u: take %u lists, %ld accesses; put %u, %ld; with other "
                      "mobilities take %u, %ld; put %u, %ld\n",
                      o, own[o].take, own[o].take_points, own[o].put, own[o].put_points,
                      any[o].take, any[o].take_points, any[o].put, any[o].put_points);
        assert_in_range(own[o].take, 1, TAKE_LISTS(o));
        assert_in_range(own[o].put, 1, PUT_LISTS(o));
        assert_in_range(any[o].put, 1, PUT_LISTS(o));
        assert_in_range(any[o].take, 1, CONVERT_LISTS);
        assert_in_range(own[o].take_points, 0, BUDDY_ACCESSES(o));
        assert_in_range(own[o].put_points, 0, BUDDY_ACCESSES(o));
    }
    print_message("a page block changes mobility: %u lists, %ld accesses\n", converted, points);
    /* The bounds are nearly reached, so they are none that anything would meet. */
    assert_true(own[0].take >= MAX_PAGE_ORDER && own[0].put >= MAX_PAGE_ORDER);
    assert_in_range(converted, 500, CONVERT_LISTS);
    assert_in_range(points, 0, CONVERT_ACCESSES);
    sim_free(sim);
}

/* ---- the arena ------------------------------------------------------------------------------ */

static void *plain_tag(void *data, gfp_t gfp)
{
    (void)data;
    (void)gfp;
    return malloc(qr_range_size());
}

struct arena_most {
    long take, give;
};

static void arena_renew(void **spare)
{
    for (int i = 0; i < 2; i++)
        if (!spare[i])
            spare[i] = malloc(qr_range_size());
}

/* @nr areas stand; then areas come and go among them. */
static struct arena_most arena_run(unsigned long nr)
{
    static struct qr_arena arena;
    struct qr_range **area = calloc(nr, sizeof(*area)), *spare[2] = {NULL}, *merged[2];
    struct arena_most most = {0};
    uint64_t random = nr;

    memset(&arena, 0, sizeof(arena));
    arena.tag_alloc = plain_tag;
    assert_non_null(area);
    assert_int_equal(
        qr_arena_init(&arena, 1ul << 40, (1ul << 40) + (nr * 64 + 4096) * PAGE_SIZE, GFP_KERNEL),
        0);
    for (unsigned long i = 0; i < nr + 20000; i++) {
        unsigned long at = i < nr ? i : sim_random(&random) % nr;
        u64 pages = sim_random(&random) % (sim_random(&random) % 16 ? 16 : 200) + 1;
        struct count count;
        if (area[at]) {
            count = count_begin();
            qr_arena_give(&arena, area[at], merged);
            count = count_end(count);
            most.give = QR_MAX(most.give, count.points);
            free(merged[0]);
            free(merged[1]);
        }
        arena_renew((void **)spare);
        count = count_begin();
        area[at] = qr_arena_take(&arena, pages, PAGE_SIZE, spare);
        count = count_end(count);
        most.take = QR_MAX(most.take, count.points);
        assert_non_null(area[at]);
    }
    if (nr <= 10000)
        assert_int_equal(qr_arena_check(&arena), 0);
    for (struct qr_range *range = arena.ranges, *next; range; range = next) {
        next = qr_range_next(range);
        free(range);
    }
    free(spare[0]);
    free(spare[1]);
    free(area);
    return most;
}

static void arena_steps_do_not_grow(void **state)
{
    struct sim *sim = world(256);

    (void)state;
    for (unsigned long nr = 10; nr <= 1000000; nr *= 10) {
        struct arena_most most = arena_run(nr);
        print_message("arena of %7lu areas: take %ld accesses, give %ld\n", nr, most.take,
                      most.give);
        assert_in_range(most.take, 0, ARENA_ACCESSES);
        assert_in_range(most.give, 0, ARENA_ACCESSES);
        if (accesses_are_points())
            assert_true(most.take > 20 && most.give > 10);
    }
    sim_free(sim);
}

/* ---- page lists ----------------------------------------------------------------------------- */

static void a_refill_is_one_lock_and_one_batch(void **state)
{
    struct sim *sim = world(65536);
    struct qr_cpu *cpu = quarry_default.cpus.area[0];
    struct page *page[2000];
    unsigned long most_locks = 0, put_locks = 0;
    long take = 0, put = 0; /* accesses of a call that took no lock */
    u32 most_pages = 0;

    (void)state;
    drain_all_pages();
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(page); i++) {
        u32 before = cpu->pcp[0].pages;
        struct count count = count_begin();
        page[i] = i % 2 ? alloc_pages(GFP_KERNEL, i % 3) : alloc_pages_node(0, GFP_KERNEL, i % 3);
        count = count_end(count);
        assert_non_null(page[i]);
        most_locks = QR_MAX(most_locks, count.locks);
        if (!count.locks)
            take = QR_MAX(take, count.points);
        if (cpu->pcp[0].pages > before)
            most_pages = QR_MAX(most_pages, cpu->pcp[0].pages - before + (1u << i % 3));
    }
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(page); i++) {
        struct count count = count_begin();
        __free_pages(page[i], i % 3);
        count = count_end(count);
        put_locks = QR_MAX(put_locks, count.locks);
        if (!count.locks)
            put = QR_MAX(put, count.points);
    }
    print_message(
        "page lists: alloc %lu locks and %u pages, free %lu locks at most; without a lock "
        "%ld and %ld accesses\n",
        most_locks, most_pages, put_locks, take, put);
    assert_int_equal(most_locks, 1);
    assert_in_range(most_pages, 2, REFILL_PAGES);
    assert_in_range(put_locks, 1, 2);
    assert_in_range(take, 1, LISTED_ACCESSES);
    assert_in_range(put, 1, LISTED_ACCESSES);
    sim_free(sim);
}

/* ---- objects -------------------------------------------------------------------------------- */

struct object_most {
    unsigned long locks,
        exchange; /* of one call; of the cache's own lock, when stacks were exchanged */
    unsigned long exchanges, fast;
    long fast_points;
};

static void object_note(struct object_most *most, struct count count, bool exchanged)
{
    most->locks = QR_MAX(most->locks, count.locks);
    if (exchanged) {
        most->exchanges++;
        most->exchange = QR_MAX(most->exchange, count.watched);
    } else if (!count.locks) {
        most->fast += count.points <= (long)FAST_ACCESSES;
        most->fast_points = QR_MAX(most->fast_points, count.points);
    }
}

static void objects_go_by_stacks_and_one_lock(void **state)
{
    static void *object[30000];
    struct sim *sim = world(65536);
    struct kmem_cache *cache = kmem_cache_create("steps", 64, 0, 0, NULL);
    struct qr_cpu *cpu = quarry_default.cpus.area[0];
    struct object_most alloc = {0}, put = {0};

    (void)state;
    assert_non_null(cache);
    watched = &cache->node[0].lock;
    for (int round = 0; round < 3; round++) {
        for (unsigned int i = 0; i < QR_ARRAY_SIZE(object); i++) {
            unsigned long swaps = cpu->event[QR_EV_DEPOT_SWAP];
            struct count count = count_begin();
            object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
            object_note(&alloc, count_end(count), cpu->event[QR_EV_DEPOT_SWAP] != swaps);
            assert_non_null(object[i]);
        }
        for (unsigned int i = 0; i < QR_ARRAY_SIZE(object); i++) {
            unsigned long swaps = cpu->event[QR_EV_DEPOT_SWAP];
            struct count count = count_begin();
            kmem_cache_free(cache, object[i]);
            object_note(&put, count_end(count), cpu->event[QR_EV_DEPOT_SWAP] != swaps);
        }
    }
    print_message("objects: alloc %lu locks at most, exchange %lu (%lu times), fast %ld accesses; "
                  "free %lu, %lu (%lu times), %ld\n",
                  alloc.locks, alloc.exchange, alloc.exchanges, alloc.fast_points, put.locks,
                  put.exchange, put.exchanges, put.fast_points);
    assert_true(alloc.exchanges > 20 && put.exchanges > 20);
    assert_int_equal(alloc.exchange, 1);
    assert_int_equal(put.exchange, 1);
    assert_in_range(alloc.locks, 1, ALLOC_LOCKS);
    assert_in_range(put.locks, 1, FREE_LOCKS);
    assert_in_range(alloc.fast_points, 0, UNLOCKED_ACCESSES);
    assert_in_range(put.fast_points, 0, UNLOCKED_ACCESSES);
    assert_true(alloc.fast > 80000 && put.fast > 80000);
    kmem_cache_destroy(cache);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buddy_steps_are_bounded_by_the_order),
        cmocka_unit_test(arena_steps_do_not_grow),
        cmocka_unit_test(a_refill_is_one_lock_and_one_batch),
        cmocka_unit_test(objects_go_by_stacks_and_one_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
