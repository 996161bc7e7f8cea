/* SPDX-License-Identifier: MIT */
/* The model notices: bugs are planted between the core's files, one at a time, and each must be found as the
 * rule that it breaks; without one nothing is found. Each wrapper below stands between a function of the core
 * and those of its other files that call it (the linker's --wrap). */
#include "model.h"
#include "instance.h"
#include "slab/internal.h"
#include "zone/internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum planted {
    NOTHING,
    ANY_ZONE,      /* the zone that a mask allows is not the one that serves */
    NO_MARKS,      /* reserves are given away */
    LOST_PAGES,    /* what alloc_pages_exact does not need is not given back */
    STALE_COUNT,   /* a freed block is counted once more */
    NOT_CLEARED,   /* __GFP_ZERO is forgotten */
    TWICE,         /* an object is given to two callers */
    UNCONSTRUCTED, /* an object comes without what its constructor did */
    LOST_BYTES,    /* krealloc moves a block without its first byte */
    KEPT_AREA,     /* vfree does nothing */
    NO_WAITING,    /* kfree_rcu does not wait for readers */
    ANY_MASK,      /* a device gets memory beyond its mask */
    ANY_PLACE,     /* a gen_pool gives out the granule behind the right one */
    TOLERANT,      /* a wrong free is not reported */
};
static enum planted planted;
static unsigned long calls;

static bool now(enum planted bug, unsigned long every)
{
    return planted == bug && ++calls % every == 0;
}

/* ---- the bugs ------------------------------------------------------------------------------- */

struct page *__real_qr_zone_take(struct qr_zones *zones, struct zone *zone, unsigned int order,
                                 enum migratetype mobility, bool cold, u64 floor);
struct page *__wrap_qr_zone_take(struct qr_zones *zones, struct zone *zone, unsigned int order,
                                 enum migratetype mobility, bool cold, u64 floor);
struct page *__wrap_qr_zone_take(struct qr_zones *zones, struct zone *zone, unsigned int order,
                                 enum migratetype mobility, bool cold, u64 floor)
{
    if (now(ANY_ZONE, 10))
        zone = &zones->zone[zones->nr_zones - 1];
    if (planted == NO_MARKS)
        floor = 0;
    return __real_qr_zone_take(zones, zone, order, mobility, cold, floor);
}

/* "Something came back": the zone is asked although it is short. */
unsigned long __real_qr_pcp_drain_zone(struct qr_zones *zones, struct zone *zone);
unsigned long __wrap_qr_pcp_drain_zone(struct qr_zones *zones, struct zone *zone);
unsigned long __wrap_qr_pcp_drain_zone(struct qr_zones *zones, struct zone *zone)
{
    unsigned long pages = __real_qr_pcp_drain_zone(zones, zone);

    return planted == NO_MARKS ? pages + 1 : pages;
}

u64 __real_qr_request_floor_low(const struct qr_request *request, const struct zone *zone);
u64 __wrap_qr_request_floor_low(const struct qr_request *request, const struct zone *zone);
u64 __wrap_qr_request_floor_low(const struct qr_request *request, const struct zone *zone)
{
    return planted == NO_MARKS ? 0 : __real_qr_request_floor_low(request, zone);
}

void __real_qr_frames_release(struct qr_zones *zones, struct page *page, u64 nr);
void __wrap_qr_frames_release(struct qr_zones *zones, struct page *page, u64 nr);
void __wrap_qr_frames_release(struct qr_zones *zones, struct page *page, u64 nr)
{
    if (!now(LOST_PAGES, 20))
        __real_qr_frames_release(zones, page, nr);
}

void __real_qr_buddy_put(struct qr_map *map, struct zone *zone, u64 pfn, unsigned int order);
void __wrap_qr_buddy_put(struct qr_map *map, struct zone *zone, u64 pfn, unsigned int order);
void __wrap_qr_buddy_put(struct qr_map *map, struct zone *zone, u64 pfn, unsigned int order)
{
    __real_qr_buddy_put(map, zone, pfn, order);
    if (now(STALE_COUNT, 300))
        zone->free_pages++;
}

struct page *__real_qr_block_out(struct qr_zones *zones, struct page *page, unsigned int order,
                                 gfp_t gfp);
struct page *__wrap_qr_block_out(struct qr_zones *zones, struct page *page, unsigned int order,
                                 gfp_t gfp);
struct page *__wrap_qr_block_out(struct qr_zones *zones, struct page *page, unsigned int order,
                                 gfp_t gfp)
{
    return __real_qr_block_out(zones, page, order,
                               planted == NOT_CLEARED ? gfp & ~__GFP_ZERO : gfp);
}

u32 __real_qr_node_take(struct kmem_cache *cache, unsigned int nid, void **objects, u32 nr);
u32 __wrap_qr_node_take(struct kmem_cache *cache, unsigned int nid, void **objects, u32 nr);
u32 __wrap_qr_node_take(struct kmem_cache *cache, unsigned int nid, void **objects, u32 nr)
{
    u32 got = __real_qr_node_take(cache, nid, objects, nr);

    if (got > 1 && !cache->internal && now(TWICE, 10))
        objects[1] = objects[0];
    return got;
}

enum slab_growth __real_qr_slab_grow(struct kmem_cache *cache, gfp_t gfp, int nid,
                                     unsigned int home);
enum slab_growth __wrap_qr_slab_grow(struct kmem_cache *cache, gfp_t gfp, int nid,
                                     unsigned int home);
enum slab_growth __wrap_qr_slab_grow(struct kmem_cache *cache, gfp_t gfp, int nid,
                                     unsigned int home)
{
    enum slab_growth growth = __real_qr_slab_grow(cache, gfp, nid, home);
    u32 pfn = cache->node[home].empty;

    if (pfn && (cache->ctor || cache->ctor26) && now(UNCONSTRUCTED, 2))
        memset(slab_object(cache, qr_page(slab_map(cache), pfn), 0), 0, 8);
    return growth;
}

void *__real_qr_krealloc(struct qr_kmalloc *kmalloc, const void *object, size_t size, gfp_t gfp);
void *__wrap_qr_krealloc(struct qr_kmalloc *kmalloc, const void *object, size_t size, gfp_t gfp);
void *__wrap_qr_krealloc(struct qr_kmalloc *kmalloc, const void *object, size_t size, gfp_t gfp)
{
    char *block = __real_qr_krealloc(kmalloc, object, size, gfp);

    if (block && block != object && now(LOST_BYTES, 5))
        block[0] = (char)(block[0] + 1);
    return block;
}

void __real_qr_vfree(struct qr_vm *vm, const void *address, bool always_defer);
void __wrap_qr_vfree(struct qr_vm *vm, const void *address, bool always_defer);
void __wrap_qr_vfree(struct qr_vm *vm, const void *address, bool always_defer)
{
    if (!now(KEPT_AREA, 10))
        __real_qr_vfree(vm, address, always_defer);
}

void __real_qr_kvfree_rcu(struct qr_vm *vm, const void *object, struct callback_head *head);
void __wrap_qr_kvfree_rcu(struct qr_vm *vm, const void *object, struct callback_head *head);
void __wrap_qr_kvfree_rcu(struct qr_vm *vm, const void *object, struct callback_head *head)
{
    if (now(NO_WAITING, 5))
        kfree(object);
    else
        __real_qr_kvfree_rcu(vm, object, head);
}

dma_addr_t __real_qr_dma_map_single(struct qr_dma *dma, const struct qr_dma_dev *dev, void *address,
                                    size_t size, enum dma_data_direction direction);
dma_addr_t __wrap_qr_dma_map_single(struct qr_dma *dma, const struct qr_dma_dev *dev, void *address,
                                    size_t size, enum dma_data_direction direction);
dma_addr_t __wrap_qr_dma_map_single(struct qr_dma *dma, const struct qr_dma_dev *dev, void *address,
                                    size_t size, enum dma_data_direction direction)
{
    static u64 all = ~0ull;
    struct quarry_dma_device reaching = {.dma_mask = &all, .coherent_dma_mask = all};
    struct qr_dma_dev any = {.id = dev->id, .dma = &reaching, .name = dev->name};

    return __real_qr_dma_map_single(dma, planted == ANY_MASK ? &any : dev, address, size,
                                    direction);
}

unsigned long __real_qr_genpool_alloc(const struct qr_genpools *pools, struct gen_pool *pool,
                                      size_t size, genpool_algo_t algo, void *data, void **owner);
unsigned long __wrap_qr_genpool_alloc(const struct qr_genpools *pools, struct gen_pool *pool,
                                      size_t size, genpool_algo_t algo, void *data, void **owner);
unsigned long __wrap_qr_genpool_alloc(const struct qr_genpools *pools, struct gen_pool *pool,
                                      size_t size, genpool_algo_t algo, void *data, void **owner)
{
    unsigned long address = __real_qr_genpool_alloc(pools, pool, size, algo, data, owner);

    return address && now(ANY_PLACE, 5) ? address + (1ul << pool->min_alloc_order) : address;
}

void __real_kfree(const void *object);
void __wrap_kfree(const void *object);
void __wrap_kfree(const void *object)
{
    if (planted != TOLERANT || virt_addr_valid(object))
        __real_kfree(object);
}

/* ---- what is found -------------------------------------------------------------------------- */

#define OPERATIONS 6000u
#define MACHINES 24u

/* Run machines until one says something; false: none does. */
static bool found(enum planted bug, struct m_machine *machine, struct m_op *ops,
                  struct m_result *result)
{
    planted = bug;
    for (uint64_t seed = 1; seed <= MACHINES; seed++) {
        calls = 0;
        m_machine_make(machine, seed);
        m_ops_make(ops, OPERATIONS, seed);
        m_run(machine, ops, OPERATIONS, result, false);
        if (result->verdict != SIM_FINE)
            return true;
    }
    return false;
}

static void nothing_is_found_where_nothing_is_planted(void **state)
{
    static struct m_op ops[OPERATIONS];
    struct m_machine machine;
    struct m_result result;

    (void)state;
    if (found(NOTHING, &machine, ops, &result))
        fail_msg("%s", result.text);
}

static void each_planted_bug_is_found_as_the_rule_that_it_breaks(void **state)
{
    static const struct {
        enum planted bug;
        const char *rule[3];
    } expected[] = {
        {ANY_ZONE, {"G-Z", "G-W"}},
        {NO_MARKS, {"G-W"}},
        {LOST_PAGES, {"counts"}},
        {STALE_COUNT, {"counts", "report"}},
        {NOT_CLEARED, {"G-E7", "percpu", "report"}},
        {TWICE, {"overlap", "report"}},
        {UNCONSTRUCTED, {"G-S11"}},
        {LOST_BYTES, {"G-S13"}},
        {KEPT_AREA, {"counts", "overlap"}},
        {NO_WAITING, {"rcu"}},
        {ANY_MASK, {"dma"}},
        {ANY_PLACE, {"gen_pool"}},
        {TOLERANT, {"G-S8"}},
    };
    static struct m_op ops[OPERATIONS];

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct m_machine machine;
        struct m_result result;
        bool named = false;
        if (!found(expected[i].bug, &machine, ops, &result))
            fail_msg("bug %d was not found", expected[i].bug);
        for (size_t j = 0; j < 3 && expected[i].rule[j]; j++)
            named |= strstr(result.text, expected[i].rule[j]) != NULL;
        if (!named)
            fail_msg("bug %d was found as something else: %s", expected[i].bug, result.text);
        print_message("bug %d: %.*s\n", expected[i].bug, (int)strcspn(result.text, "\n"),
                      result.text);
    }
}

static void a_failing_program_shrinks_and_still_fails(void **state)
{
    static struct m_op ops[OPERATIONS];
    struct m_machine machine;
    struct m_result result, again;
    size_t nr;

    (void)state;
    assert_true(found(NOT_CLEARED, &machine, ops, &result));
    nr = m_shrink(&machine, ops, OPERATIONS, &result);
    assert_in_range(nr, 1, 20);
    m_run(&machine, ops, nr, &again, false);
    assert_int_equal(again.verdict, result.verdict);
    planted = NOTHING;
    m_run(&machine, ops, nr, &again, false);
    assert_int_equal(again.verdict, SIM_FINE);
}

static void the_same_seed_is_the_same_run(void **state)
{
    static struct m_op ops[OPERATIONS];
    struct m_machine machine;
    struct m_result first, second, other;

    (void)state;
    planted = NOTHING;
    for (uint64_t seed = 1; seed < 6; seed++) {
        m_machine_make(&machine, seed);
        m_ops_make(ops, OPERATIONS, seed);
        m_run(&machine, ops, OPERATIONS, &first, false);
        m_run(&machine, ops, OPERATIONS, &second, false);
        assert_int_equal(first.sum, second.sum);
        m_ops_make(ops, OPERATIONS, seed + 100);
        m_run(&machine, ops, OPERATIONS, &other, false);
        assert_int_not_equal(first.sum, other.sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_found_where_nothing_is_planted),
        cmocka_unit_test(each_planted_bug_is_found_as_the_rule_that_it_breaks),
        cmocka_unit_test(a_failing_program_shrinks_and_still_fails),
        cmocka_unit_test(the_same_seed_is_the_same_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
