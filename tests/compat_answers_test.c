/* SPDX-License-Identifier: MIT */
/* Small calls of the kernel's headers whose whole point is their answer. */
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/genalloc.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include "compat.h"

static void leave_alone(struct device *dev)
{
}

static void memory_of_a_device_is_given(void **state)
{
    struct device dev = {.release = leave_alone};
    char *block, *array, *zeroed;

    device_initialize(&dev);
    block = devm_kzalloc(&dev, 100, GFP_KERNEL);
    array = devm_kmalloc_array(&dev, 5, 20, GFP_KERNEL);
    zeroed = devm_kcalloc(&dev, 5, 20, GFP_KERNEL);
    assert_non_null(array);
    assert_non_null(memset(array, 1, 100));
    for (int i = 0; i < 100; i++)
        assert_int_equal(block[i] | zeroed[i], 0);
    assert_null(devm_kmalloc_array(&dev, SIZE_MAX / 2, 20, GFP_KERNEL));
    devm_kfree(&dev, block);
    devm_kfree(&dev, array);
    devm_kfree(&dev, zeroed);
    put_device(&dev);
}

static char *say_for(struct device *dev, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = devm_kvasprintf(dev, GFP_KERNEL, format, args);
    va_end(args);
    return text;
}

static void a_text_goes_with_its_device(void **state)
{
    struct device dev = {.release = leave_alone};

    device_initialize(&dev);
    assert_string_equal(say_for(&dev, "%d-%s", 17, "x"), "17-x");
    put_device(&dev);
}

static void a_device_says_how_much_it_maps_at_once(void **state)
{
    struct device dev = {.release = leave_alone};

    device_initialize(&dev);
    assert_true(dma_max_mapping_size(&dev) >= PAGE_SIZE);
    put_device(&dev);
}

static void a_pool_of_blocks_for_a_device_gives_both_addresses(void **state)
{
    struct device dev = {.release = leave_alone};
    struct dma_pool *pool;
    dma_addr_t dma = 0;
    void *block;

    device_initialize(&dev);
    assert_int_equal(dma_coerce_mask_and_coherent(&dev, DMA_BIT_MASK(32)), 0);
    pool = dma_pool_create("blocks", &dev, 64, 64, 0);
    assert_non_null(pool);
    assert_ptr_equal(quarry_dma_pool_device(pool), &dev);
    block = dma_pool_alloc(pool, GFP_KERNEL, &dma);
    assert_non_null(block);
    assert_int_equal(dma, virt_to_phys(block));
    dma_pool_free(pool, block, dma);
    dma_pool_destroy(pool);
    put_device(&dev);
}

static void a_pool_goes_with_its_device(void **state)
{
    struct device dev = {.release = leave_alone};
    struct gen_pool *pool;

    device_initialize(&dev);
    pool = devm_gen_pool_create(&dev, 5, -1, "named");
    assert_non_null(pool);
    assert_ptr_equal(gen_pool_get(&dev, "named"), pool);
    assert_null(gen_pool_get(&dev, "another"));
    put_device(&dev);
}

static void a_constant_string_is_copied_only_if_it_may_go(void **state)
{
    char local[] = "local";
    const char *copy = kstrdup_const(local, GFP_KERNEL);

    assert_string_equal(copy, "local");
    assert_ptr_not_equal(copy, local);
    kfree_const(copy);
}

static void a_cache_with_a_region_for_user_copies_is_a_cache(void **state)
{
    struct kmem_cache *cache = kmem_cache_create_usercopy("copied", 64, 8, 0, 0, 64, NULL);

    assert_non_null(cache);
    assert_int_equal(kmem_cache_size(cache), 64);
    kmem_cache_destroy(cache);
}

static void there_is_memory_available(void **state)
{
    assert_true(si_mem_available() > 1000);
    assert_true((unsigned long)si_mem_available() <= totalram_pages());
}

static DEFINE_PER_CPU(int, counted) = 40;

static void this_cpus_instance_is_found(void **state)
{
    int *here = get_cpu_ptr(&counted);

    assert_ptr_equal(here, this_cpu_ptr(&counted));
    *here += 2;
    assert_int_equal(per_cpu(counted, quarry_cpu()), 42);
    put_cpu_ptr(&counted);
    assert_int_equal(heard_core + heard_compat, 0);
}

COMPAT_MAIN(cmocka_unit_test(memory_of_a_device_is_given),
            cmocka_unit_test(a_text_goes_with_its_device),
            cmocka_unit_test(a_device_says_how_much_it_maps_at_once),
            cmocka_unit_test(a_pool_of_blocks_for_a_device_gives_both_addresses),
            cmocka_unit_test(a_pool_goes_with_its_device),
            cmocka_unit_test(a_constant_string_is_copied_only_if_it_may_go),
            cmocka_unit_test(a_cache_with_a_region_for_user_copies_is_a_cache),
            cmocka_unit_test(there_is_memory_available),
            cmocka_unit_test(this_cpus_instance_is_found))
