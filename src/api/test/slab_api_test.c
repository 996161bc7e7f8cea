/* SPDX-License-Identifier: MIT */
/* Every call of quarry/slab.h on the default machine, as a program sees it: constant sizes inline. */
#undef QUARRY_BUILDING_CORE
#include <quarry/quarry.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static unsigned long found;
static char last[512];

static bool remember(const struct quarry_report *report, void *data)
{
    found++;
    snprintf(last, sizeof(last), "%s", report->text);
    return false;
}

struct sample {
    long number;
    char text[40];
};

static void kmalloc_of_constant_and_of_computed_sizes_agree(void **state)
{
    volatile size_t size = 64;
    void *a = kmalloc(64, GFP_KERNEL), *b;

    kfree(a);
    b = kmalloc(size, GFP_KERNEL);
    assert_ptr_equal(a, b); /* one class, one stack */
    kfree(b);
    assert_ptr_equal(quarry_kmalloc(64, GFP_KERNEL), a);
    kfree(a);
    assert_ptr_equal((kmalloc)(64, GFP_KERNEL), a);
    kfree(a);
    a = kmalloc(100000, GFP_KERNEL);
    assert_int_equal(ksize(a), 131072);
    kfree(a);
    assert_int_equal(kmalloc_size_roundup(100), 112);
    assert_int_equal(found, 0);
}

static void zeroed_memory_is_zero_also_from_the_stack(void **state)
{
    unsigned char *p = kmalloc(200, GFP_KERNEL);

    memset(p, 0xff, 200);
    kfree(p);
    p = kzalloc(200, GFP_KERNEL);
    for (int i = 0; i < 200; i++)
        assert_int_equal(p[i], 0);
    kfree(p);
    p = kzalloc_node(200, GFP_KERNEL, 0);
    assert_int_equal(p[0], 0);
    kfree(p);
    p = kcalloc_node(10, 20, GFP_KERNEL, NUMA_NO_NODE);
    assert_int_equal(p[199], 0);
    kfree(p);
}

static void g_s5_an_array_that_overflows_is_null_and_takes_nothing(void **state)
{
    volatile size_t many = SIZE_MAX / 4;
    char *block = kmalloc(40, GFP_KERNEL);

    strcpy(block, "kept");
    assert_null(kmalloc_array(many, 5, GFP_KERNEL));
    assert_null(kcalloc(many, 5, GFP_KERNEL));
    assert_null(kmalloc_array_node(many, 5, GFP_KERNEL, 0));
    assert_null(krealloc_array(block, many, 5, GFP_KERNEL));
    assert_string_equal(block, "kept");
    assert_null(kvmalloc_array(many, 5, GFP_KERNEL));
    assert_null(kvcalloc(many, 5, GFP_KERNEL));
    assert_null(kmemdup_array(block, many, 5, GFP_KERNEL));
    block = krealloc_array(block, 30, 10, GFP_KERNEL);
    assert_string_equal(block, "kept");
    kfree(block);
    assert_int_equal(found, 0);
}

static unsigned long made;

static void make(void *object)
{
    ((struct sample *)object)->number = 42;
    made++;
}

static void make_26(void *object, struct kmem_cache *cache, unsigned long flags)
{
    make(object);
}

static void unmake_26(void *object, struct kmem_cache *cache, unsigned long flags)
{
    made--;
}

static void a_cache_can_be_made_in_all_forms(void **state)
{
    struct kmem_cache_args args = {.align = 64, .ctor = make};
    struct kmem_cache *cache[4] = {
        kmem_cache_create("api-args", sizeof(struct sample), &args, SLAB_HWCACHE_ALIGN),
        kmem_cache_create("api-five", sizeof(struct sample), 0, SLAB_ACCOUNT, make),
        kmem_cache_create("api-six", sizeof(struct sample), 0, SLAB_HWCACHE_ALIGN, make_26,
                          unmake_26),
        KMEM_CACHE(sample, SLAB_RECLAIM_ACCOUNT),
    };

    for (int i = 0; i < 4; i++) {
        struct sample *object;
        assert_non_null(cache[i]);
        assert_int_equal(kmem_cache_size(cache[i]), sizeof(struct sample));
        object = kmem_cache_alloc(cache[i], GFP_KERNEL);
        assert_non_null(object);
        if (i < 3)
            assert_int_equal(object->number, 42);
        if (i == 0)
            assert_int_equal((uintptr_t)object % 64, 0);
        kmem_cache_free(cache[i], object);
        assert_ptr_equal(kmem_cache_alloc(cache[i], GFP_KERNEL), object);
        kmem_cache_free(cache[i], object);
    }
    assert_string_equal(kmem_cache_name(cache[3]), "sample");
    assert_int_equal(kmem_cache_shrink(cache[0]), 0);
    for (int i = 0; i < 2; i++)
        kmem_cache_destroy(cache[i]);
    assert_int_equal(quarry_cache_destroy_26(cache[2]), 0);
    kmem_cache_destroy(cache[3]);
    kmem_cache_destroy(NULL);
    assert_int_equal(quarry_cache_destroy_26(NULL), 0);
    assert_int_equal(found, 0);
}

static void objects_are_taken_and_given_in_every_way(void **state)
{
    struct kmem_cache *cache = kmem_cache_create("api-objects", 100, 0, 0, NULL);
    unsigned char *object = kmem_cache_alloc(cache, GFP_ATOMIC), *again;
    void *array[40];

    memset(object, 0xff, 100);
    kmem_cache_free(cache, object);
    again = kmem_cache_zalloc(cache, GFP_KERNEL);
    assert_ptr_equal(again, object);
    for (int i = 0; i < 100; i++)
        assert_int_equal(again[i], 0);
    kfree(again);
    again = kmem_cache_alloc_node(cache, GFP_KERNEL, 0);
    kvfree(again);
    again = kmem_cache_alloc_node(cache, GFP_KERNEL, NUMA_NO_NODE);
    kmem_cache_free(cache, again);
    kmem_cache_free(cache, NULL);
    assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 40, array), 40);
    kmem_cache_free_bulk(cache, 40, array);
    assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_ZERO, 38, array), 38);
    assert_int_equal(*(unsigned char *)array[37], 0);
    array[38] = kmalloc(10, GFP_KERNEL);
    array[39] = kmalloc(100000, GFP_KERNEL);
    kfree_bulk(40, array);
    kmem_cache_destroy(cache);
    assert_int_equal(found, 0);
}

static void copies_and_texts(void **state)
{
    char *copy = kstrdup("gneiss", GFP_KERNEL);

    assert_string_equal(copy, "gneiss");
    kfree(copy);
    copy = kstrndup("gneiss", 3, GFP_KERNEL);
    assert_string_equal(copy, "gne");
    kfree(copy);
    copy = kstrndup("gneiss", 30, GFP_KERNEL);
    assert_string_equal(copy, "gneiss");
    kfree_sensitive(copy);
    copy = kmemdup("gneiss", 7, GFP_KERNEL);
    assert_string_equal(copy, "gneiss");
    kfree(copy);
    copy = kmemdup_array("abcdef", 3, 2, GFP_KERNEL);
    assert_memory_equal(copy, "abcdef", 6);
    kfree(copy);
    copy = kmemdup_nul("gneiss", 2, GFP_KERNEL);
    assert_string_equal(copy, "gn");
    kfree(copy);
    copy = kasprintf(GFP_KERNEL, "%d %s", 12, "stones");
    assert_string_equal(copy, "12 stones");
    kfree(copy);
    assert_null(kstrdup(NULL, GFP_KERNEL));
    assert_null(kstrndup(NULL, 3, GFP_KERNEL));
    assert_int_equal(found, 0);
}

static void kvmalloc_in_every_way(void **state)
{
    char *p = kvmalloc(100, GFP_KERNEL);

    kvfree(p);
    p = kvzalloc(6 << 20, GFP_KERNEL);
    assert_int_equal(p[(6 << 20) - 1], 0);
    p = kvrealloc(p, 7 << 20, GFP_KERNEL);
    p[(7 << 20) - 1] = 1;
    p = kvrealloc(p, 7 << 20, 8 << 20, GFP_KERNEL); /* the older form */
    kvfree(p);
    p = kvcalloc(10, 10, GFP_KERNEL);
    assert_int_equal(p[99], 0);
    kvfree_sensitive(p, 100);
    p = kvzalloc_node(5000, GFP_KERNEL, 0);
    kvfree(p);
    kvfree(kvmalloc_array(10, 10, GFP_KERNEL));
    kvfree(NULL);
    assert_int_equal(found, 0);
}

static void an_address_can_be_looked_at(void **state)
{
    void *object = kmalloc(64, GFP_KERNEL), *large = kmalloc(100000, GFP_KERNEL);
    int local;

    assert_true(kmem_dump_obj(object));
    assert_true(kmem_dump_obj(large));
    assert_false(kmem_dump_obj(&local));
    mem_dump_obj(object);
    kfree(object);
    kfree(large);
}

static void a_second_free_in_a_row_is_refused_by_the_fast_way(void **state)
{
    void *object = kmalloc(64, GFP_KERNEL);
    struct kmem_cache *cache = kmem_cache_create("api-twice", 64, 0, 0, NULL);

    kfree(object);
    kfree(object);
    assert_int_equal(found, 1);
    assert_non_null(strstr(last, "kfree"));
    object = kmem_cache_alloc(cache, GFP_KERNEL);
    kmem_cache_free(cache, object);
    kmem_cache_free(cache, object);
    assert_int_equal(found, 2);
    assert_non_null(strstr(last, "kmem_cache_free"));
    object = kmalloc(64, GFP_KERNEL);
    kmem_cache_free(cache, object);
    assert_int_equal(found, 3);
    assert_non_null(strstr(last, "kmalloc-64"));
    kfree(object);
    kmem_cache_destroy(cache);
    assert_int_equal(found, 3);
    found = 0;
}

static void *thread_work(void *data)
{
    void **slot = data;

    for (int i = 0; i < 20000; i++) {
        long *p = kmalloc(48, GFP_KERNEL), *other;
        *p = (long)p;
        other = __atomic_exchange_n(slot, p, __ATOMIC_ACQ_REL); /* the other thread's, or our own */
        if (other) {
            if (*other != (long)other)
                abort();
            kfree(other);
        }
    }
    return NULL;
}

static void threads_free_each_others_memory(void **state)
{
    pthread_t thread[4];
    void *slot = NULL;

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, thread_work, &slot), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    kfree(slot);
    assert_int_equal(found, 0);
    assert_int_equal(quarry_check_all(), 0);
}

static int start(void **state)
{
    quarry_set_report_hook(remember, NULL);
    return 0;
}

/* G-D1: it is gone for whoever made it, though what is live stays until it is freed. */
static void a_cache_destroyed_with_a_live_object_is_destroyed(void **state)
{
    struct kmem_cache *cache = kmem_cache_create("left", 48, 0, 0, NULL);
    void *object = kmem_cache_alloc(cache, GFP_KERNEL);

    found = 0;
    kmem_cache_destroy(cache);
    assert_int_equal(found, 1);
    assert_non_null(strstr(last, "is still live"));
    kmem_cache_destroy(cache);
    assert_int_equal(found, 2);
    assert_non_null(strstr(last, "one destroyed before"));
    kfree(object);
    assert_int_equal(found, 2);
    found = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kmalloc_of_constant_and_of_computed_sizes_agree),
        cmocka_unit_test(zeroed_memory_is_zero_also_from_the_stack),
        cmocka_unit_test(g_s5_an_array_that_overflows_is_null_and_takes_nothing),
        cmocka_unit_test(a_cache_can_be_made_in_all_forms),
        cmocka_unit_test(objects_are_taken_and_given_in_every_way),
        cmocka_unit_test(copies_and_texts),
        cmocka_unit_test(kvmalloc_in_every_way),
        cmocka_unit_test(an_address_can_be_looked_at),
        cmocka_unit_test(a_second_free_in_a_row_is_refused_by_the_fast_way),
        cmocka_unit_test(threads_free_each_others_memory),
        cmocka_unit_test(a_cache_destroyed_with_a_live_object_is_destroyed),
    };
    setenv("QUARRY_WATCH", "0", 1); /* what was freed last is to come back first */
    return cmocka_run_group_tests(tests, start, NULL);
}
