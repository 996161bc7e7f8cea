/* SPDX-License-Identifier: MIT */
/* What a machine tells a race detector (ThreadSanitizer): memory that changes hands through Quarry is let
 * go by who frees it and taken by who gets it next, so that no race is seen between the two, and none
 * between a constructor and a caller.
 *
 * The detector's two functions are the test's own here, so that this holds in every build; under the real
 * one tests/tsan_test.sh sees what comes of it. */
#include "machine.h"
#include "sanitizer.h"
#include "slab/fast.h"

#if !TEST_THREAD_SANITIZER

void __tsan_acquire(void *address);
void __tsan_release(void *address);

static struct {
    uintptr_t start, end; /* what is looked at */
    unsigned int acquired, released;
} watch;

void __tsan_acquire(void *address)
{
    watch.acquired += (uintptr_t)address >= watch.start && (uintptr_t)address < watch.end;
}

void __tsan_release(void *address)
{
    watch.released += (uintptr_t)address >= watch.start && (uintptr_t)address < watch.end;
}

/* From now on, this many bytes. */
static void look_at(const void *address, size_t size)
{
    memset(&watch, 0, sizeof(watch));
    watch.start = (uintptr_t)address;
    watch.end = watch.start + size;
}

static struct quarry *boot_observed(const char *options)
{
    struct test_spec spec = {.pages = 1024, .options = options};
    struct quarry *q = test_boot_with(&spec);

    assert_true(QP_OBSERVED());
    qr_reclaim_stop(&q->reclaim); /* nobody else tells of anything */
    return q;
}

static struct kmem_cache *cache_of(struct quarry *q, const char *name, size_t size)
{
    struct qr_cache_params params = {.name = name, .size = size, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);

    assert_non_null(cache);
    return cache;
}

/* Lines of 64 bytes that it touches are told one by one. */
static void an_object_changes_hands_with_all_its_lines(const char *options)
{
    struct quarry *q = boot_observed(options);
    struct kmem_cache *cache = cache_of(q, "observed", 256);
    char *object = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE), *again;

    assert_non_null(object);
    look_at(object, 256);
    qr_cache_free_slow(&q->slabs, cache, object, "kmem_cache_free");
    assert_int_equal(watch.released, 4);
    assert_int_equal(watch.acquired, 0);
    look_at(object, 256);
    do {
        again = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE);
        assert_non_null(again);
    } while (again != object);
    assert_int_equal(watch.acquired, 4);
    assert_int_equal(watch.released, 0);
    test_end(q);
}

static void a_plain_object_changes_hands(void **state)
{
    (void)state;
    an_object_changes_hands_with_all_its_lines(NULL);
}

static void a_debugged_object_changes_hands(void **state)
{
    (void)state;
    an_object_changes_hands_with_all_its_lines("slab_debug=F");
}

/* What lies behind the bytes that were asked for is let go by nobody: it was not taken either. */
static void a_part_of_an_object_is_not_let_go(void **state)
{
    struct quarry *q = boot_observed("slab_debug=F");
    struct kmem_cache *cache = cache_of(q, "part", 256);
    void *object;

    (void)state;
    look_at(qr_page_virt(&q->map, qr_page(&q->map, 0)), 1024 * PAGE_SIZE);
    object = qr_cache_alloc_sized(cache, GFP_KERNEL, NUMA_NO_NODE, 100, "kmalloc");
    assert_non_null(object);
    assert_true(watch.acquired >= 4);
    assert_int_equal(watch.released, 0);
    qr_cache_free_slow(&q->slabs, cache, object, "kmem_cache_free");
    test_end(q);
}

static void objects_of_a_bulk_change_hands(void **state)
{
    struct quarry *q = boot_observed(NULL);
    struct kmem_cache *cache = cache_of(q, "bulk", 64);
    void *object[8];

    (void)state;
    look_at(qr_page_virt(&q->map, qr_page(&q->map, 0)), 1024 * PAGE_SIZE);
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 8, object), 8);
    assert_true(watch.acquired >= 8);
    look_at(object[0], 64);
    qr_cache_free_bulk(&q->slabs, cache, 8, object);
    assert_int_equal(watch.released, 1);
    test_end(q);
}

/* The fast way tells nobody: it is closed. */
static void nothing_goes_the_fast_way(void **state)
{
    struct quarry *q = boot_observed(NULL);
    struct kmem_cache *cache = cache_of(q, "slow", 64);
    void *object = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE);

    (void)state;
    assert_int_equal(cache->hooks, QR_HOOK_OBSERVED);
    assert_null(qr_cache_alloc_fast(&q->cpus, cache));
    assert_false(qr_cache_free_fast(&q->cpus, cache->slot_id, object));
    qr_cache_free_slow(&q->slabs, cache, object, "kmem_cache_free");
    test_end(q);
}

#endif

int main(void)
{
#if TEST_THREAD_SANITIZER
    return 0; /* the real one is there, and looks itself */
#else
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_object_changes_hands),
        cmocka_unit_test(a_debugged_object_changes_hands),
        cmocka_unit_test(a_part_of_an_object_is_not_let_go),
        cmocka_unit_test(objects_of_a_bulk_change_hands),
        cmocka_unit_test(nothing_goes_the_fast_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
#endif
}
