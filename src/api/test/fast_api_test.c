/* SPDX-License-Identifier: MIT */
/* The short ways: which requests are served by a pop from this CPU's stack and which are looked at (a CPU
 * that was asked to give its stacks back does so at its next slow way, and only there); which areas are had
 * again as they were. */
#include "machine.h"
#include <quarry/quarry.h>
#include "sanitizer.h"

static struct qr_cpu *here(void)
{
    struct qr_cpu *cpu;

    qp_percpu_leave(qp_percpu_enter(&quarry_default.cpus, &cpu));
    return cpu;
}

static bool was_slow(void)
{
    return !qr_cpu_drain_asked(here(), QR_DRAIN_STACKS);
}
/* With objects on the stack. */
#define assert_fast(ask, free)                                                                     \
    do {                                                                                           \
        void *object_ = ask;                                                                       \
        free(object_);                                                                             \
        qr_cpu_ask_drain(here(), QR_DRAIN_STACKS);                                                 \
        object_ = ask;                                                                             \
        assert_false(was_slow());                                                                  \
        qr_cpu_ask_drain(here(), QR_DRAIN_STACKS);                                                 \
        free(object_);                                                                             \
        assert_false(was_slow());                                                                  \
    } while (0)
#define assert_slow(ask, free)                                                                     \
    do {                                                                                           \
        void *object_ = ask;                                                                       \
        free(object_);                                                                             \
        qr_cpu_ask_drain(here(), QR_DRAIN_STACKS);                                                 \
        object_ = ask;                                                                             \
        assert_true(was_slow());                                                                   \
        free(object_);                                                                             \
    } while (0)

static void need_stacks(void)
{
    if (TEST_ADDRESS_SANITIZER || TEST_THREAD_SANITIZER)
        skip(); /* every request is looked at */
}

static void ordinary_blocks_come_from_the_stack_and_go_back_to_it(void **state)
{
    static const gfp_t plain[] = {GFP_KERNEL, GFP_ATOMIC, GFP_NOWAIT, GFP_NOFS, GFP_KERNEL_ACCOUNT};
    volatile size_t size = 100;

    need_stacks();
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(plain); i++) {
        assert_fast((kmalloc)(size, plain[i]), kfree);
        assert_fast(quarry_kmalloc(size, plain[i]), kfree);
        assert_fast(quarry_kmalloc_of_class(quarry_kmalloc_class(100), plain[i], 100), kfree);
        assert_fast(kmalloc_node(size, plain[i], NUMA_NO_NODE), kfree);
        assert_fast((kmalloc)(size, plain[i] | __GFP_ZERO), kfree);
        assert_fast((kmalloc)(size, plain[i] | __GFP_ZERO), kvfree);
    }
    assert_fast(kzalloc(KMALLOC_MAX_CACHE_SIZE, GFP_KERNEL), kfree);
    assert_fast((kmalloc)(1, GFP_KERNEL), kfree);
}

static void what_is_out_of_the_ordinary_is_looked_at(void **state)
{
    volatile size_t size = 100;

    need_stacks();
    assert_slow((kmalloc)(size, GFP_KERNEL | __GFP_NOFAIL), kfree);
    assert_slow((kmalloc)(size, GFP_KERNEL | __GFP_NOFAIL | __GFP_ZERO), kfree);
    assert_slow((kmalloc)(size, GFP_KERNEL | __GFP_RECLAIMABLE), kfree);
    assert_slow((kmalloc)(size, GFP_KERNEL | __GFP_RECLAIMABLE | __GFP_ZERO), kfree);
    assert_slow(kmalloc_node(size, GFP_KERNEL, 0), kfree);
}

static struct kmem_cache *cache;

static void give(void *object)
{
    kmem_cache_free(cache, object);
}

static void construct(void *object)
{
    memset(object, 0x77, 40);
}

static void objects_come_from_the_stack_and_cleared_ones_unless_constructed(void **state)
{
    need_stacks();
    cache = kmem_cache_create("fast-plain", 40, 0, SLAB_NO_MERGE, NULL);
    assert_fast(kmem_cache_alloc(cache, GFP_KERNEL), give);
    assert_fast(kmem_cache_alloc(cache, GFP_KERNEL | __GFP_RECLAIMABLE), give);
    assert_fast(kmem_cache_alloc(cache, GFP_KERNEL | __GFP_ZERO), give);
    assert_fast(kmem_cache_zalloc(cache, GFP_ATOMIC), give);
    assert_fast(kmem_cache_alloc_lru(cache, NULL, GFP_ATOMIC), give);
    assert_fast(kmem_cache_alloc_node(cache, GFP_ATOMIC, NUMA_NO_NODE), give);
    assert_slow(kmem_cache_alloc_node(cache, GFP_ATOMIC, 0), give);
    assert_slow(kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOFAIL), give);
    assert_slow(kmem_cache_zalloc(cache, GFP_KERNEL | __GFP_NOFAIL), give);
    kmem_cache_destroy(cache);
    cache = kmem_cache_create("fast-constructed", 40, 0, SLAB_NO_MERGE, construct);
    assert_fast(kmem_cache_alloc(cache, GFP_KERNEL), give);
    kmem_cache_destroy(cache);
}

/* No wish for an alignment, whether said by nothing or by 1: such areas are kept for the next. */
static void an_area_is_aligned_as_wished_and_kept_without_a_wish(void **state)
{
    static const unsigned long none[] = {0, 1};
    const struct qr_area_cache *kept = &quarry_default.vm.cached;
    void *odd[2] = {vmalloc(PAGE_SIZE), NULL};

    need_stacks();
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(none); i++) {
        void *area = quarry_vmalloc_node(9 * PAGE_SIZE, none[i], GFP_KERNEL, NUMA_NO_NODE, NULL);
        unsigned long hits;
        vfree(area);
        hits = kept->hits;
        assert_ptr_equal(
            quarry_vmalloc_node(9 * PAGE_SIZE, none[i], GFP_KERNEL, NUMA_NO_NODE, NULL), area);
        assert_int_equal(kept->hits, hits + 1);
        vfree(area);
    }
    for (unsigned long align = 2; align <= 1ul << 20; align *= 2) {
        unsigned long hits = kept->hits;
        void *area = quarry_vmalloc_node(9 * PAGE_SIZE, align, GFP_KERNEL, NUMA_NO_NODE, NULL);
        assert_int_equal((uintptr_t)area % align, 0);
        assert_int_equal(kept->hits, hits);
        odd[1] = vmalloc(PAGE_SIZE); /* what follows does not begin where this one did */
        vfree(area);
        vfree(odd[0]);
        odd[0] = odd[1];
    }
    vfree(odd[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_blocks_come_from_the_stack_and_go_back_to_it),
        cmocka_unit_test(what_is_out_of_the_ordinary_is_looked_at),
        cmocka_unit_test(objects_come_from_the_stack_and_cleared_ones_unless_constructed),
        cmocka_unit_test(an_area_is_aligned_as_wished_and_kept_without_a_wish),
    };

    setenv("QUARRY_WATCH", "0", 1);
    return cmocka_run_group_tests_name("fast_api", tests, NULL, NULL);
}
