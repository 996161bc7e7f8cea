/* SPDX-License-Identifier: MIT */
/* compat/linux: memory of devices and of CPUs by the kernel's names: per-CPU variables, pools over ranges,
 * DMA, buffers in pieces, and everything a device manages; with the findings for what is done wrong. */
#include "compat.h"
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/genalloc.h>
#include <linux/highmem.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/percpu.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static unsigned int releases;

static void test_release(struct device *dev)
{
    releases++;
    kfree(dev);
}

/* A device that is on the books but not on a bus. */
static struct device *make_device(void)
{
    struct device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
    assert_non_null(dev);
    dev->release = test_release;
    device_initialize(dev);
    assert_int_equal(dev_set_name(dev, "disk7"), 0);
    return dev;
}

static void expect(unsigned long core, unsigned long compat, const char *text)
{
    assert_int_equal(heard_core, core);
    assert_int_equal(heard_compat, compat);
    if (text && !strstr(heard_text, text))
        fail_msg("\"%s\" is not in \"%s\"", text, heard_text);
    hear_nothing();
}

/* ---- per-CPU variables ----------------------------------------------------------------------- */

struct ring {
    int first;
    char rest[100];
};
static DEFINE_PER_CPU(struct ring, rings) = {.first = 3};
static DEFINE_PER_CPU(int[4], numbers) = {1, 2, 3, 4};

static void per_cpu_variables_begin_with_their_initial_values(void **state)
{
    int cpu;
    for_each_possible_cpu(cpu)
    {
        assert_int_equal(per_cpu(rings, cpu).first, 3);
        assert_int_equal((*per_cpu_ptr(&numbers, cpu))[2], 3);
        per_cpu(rings, cpu).first = 1000 + cpu;
    }
    assert_int_equal(get_cpu_var(rings).first, 1000 + (int)smp_processor_id());
    assert_true(in_atomic());
    put_cpu_var(rings);
    assert_false(in_atomic());
    assert_int_equal(rings.first, 3); /* what instances are made from */
    assert_in_range(num_online_cpus(), 1, num_possible_cpus());
    for_each_online_cpu(cpu) assert_true(cpu_online(cpu));
    expect(0, 0, NULL);
}

/* ---- pools over ranges ----------------------------------------------------------------------- */

static unsigned int chunks_seen;

static void see_chunk(struct gen_pool *pool, struct gen_pool_chunk *chunk, void *data)
{
    chunks_seen += chunk->end_addr - chunk->start_addr + 1 == 4096;
}

static void pools_give_blocks_with_their_bus_addresses(void **state)
{
    struct gen_pool *pool = gen_pool_create(6, -1);
    char *memory = kmalloc(4096, GFP_KERNEL), *block;
    dma_addr_t dma = 0;
    memset(memory, 0x77, 4096);
    assert_int_equal(gen_pool_add_virt(pool, (unsigned long)memory, virt_to_phys(memory), 4096, -1),
                     0);
    block = gen_pool_dma_zalloc(pool, 100, &dma);
    assert_ptr_equal(block, memory);
    assert_true(dma == virt_to_phys(memory));
    assert_int_equal(block[99], 0);
    assert_int_equal(memory[128], 0x77);
    block = gen_pool_dma_alloc_align(pool, 100, &dma, 1024);
    assert_ptr_equal(block, memory + 1024);
    assert_true(dma == virt_to_phys(memory) + 1024);
    assert_null(gen_pool_dma_zalloc_align(pool, 3000, &dma, 64));
    assert_int_equal(gen_pool_avail(pool), 4096 - 256);
    assert_int_equal(gen_pool_size(pool), 4096);
    assert_true(gen_pool_has_addr(pool, (unsigned long)memory, 4096));
    assert_true(gen_pool_virt_to_phys(pool, (unsigned long)memory + 5) == virt_to_phys(memory) + 5);
    gen_pool_for_each_chunk(pool, see_chunk, NULL);
    assert_int_equal(chunks_seen, 1);
    gen_pool_free(pool, (unsigned long)memory, 100);
    gen_pool_set_algo(pool, gen_pool_best_fit, NULL);
    assert_int_equal(gen_pool_alloc(pool, 64), (unsigned long)memory);
    gen_pool_free(pool, (unsigned long)memory, 64);
    expect(0, 0, NULL);
    gen_pool_destroy(pool); /* one block is left */
    expect(1, 0, "1 blocks (128 bytes)");
    kfree(memory);
}

static void a_device_destroys_its_pools(void **state)
{
    unsigned long before = compat_live();
    struct device *dev = make_device();
    struct gen_pool *named = devm_gen_pool_create(dev, 5, -1, "sram"), *plain;
    assert_false(IS_ERR(named));
    assert_string_equal(named->name, "sram");
    plain = devm_gen_pool_create(dev, 5, -1, NULL);
    assert_false(IS_ERR(plain));
    assert_int_equal(PTR_ERR(devm_gen_pool_create(dev, 5, -1, "sram")), -EINVAL);
    assert_ptr_equal(gen_pool_get(dev, "sram"), named);
    assert_ptr_equal(gen_pool_get(dev, NULL), plain);
    assert_null(gen_pool_get(dev, "other"));
    put_device(dev);
    assert_int_equal(compat_live(), before);
    expect(0, 0, NULL);
}

/* ---- masks, coherent memory, mappings -------------------------------------------------------- */

static void masks_are_set_where_the_device_has_a_place(void **state)
{
    struct device *dev = make_device();
    assert_int_equal(dma_set_mask(dev, DMA_BIT_MASK(32)), -EIO);
    expect(1, 0, "dma_coerce_mask_and_coherent");
    assert_int_equal(dma_set_coherent_mask(dev, DMA_BIT_MASK(32)), 0);
    assert_true(dev->coherent_dma_mask == 0xffffffffull);
    assert_int_equal(dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64)), 0);
    assert_ptr_equal(dev->dma_mask, &dev->coherent_dma_mask);
    assert_int_equal(dma_set_mask_and_coherent(dev, DMA_BIT_MASK(24)), 0);
    assert_true(dma_get_mask(dev) == 0xffffff);
    assert_int_equal(dma_set_mask(dev, DMA_BIT_MASK(20)), -EIO);
    assert_true(dma_get_mask(dev) == 0xffffff);
    assert_false(dma_supported(dev, DMA_BIT_MASK(20)));
    assert_true(dma_supported(dev, DMA_BIT_MASK(24)));
    assert_true(dma_get_required_mask(dev) > 0xffffff);
    expect(0, 0, NULL);
    put_device(dev);
}

static void a_device_of_24_bits_gets_memory_below_16_mib(void **state)
{
    unsigned long before = compat_live();
    struct device *dev = make_device();
    dma_addr_t handle, managed;
    struct dma_pool *pool, *kept;
    void *block;
    char *buffer;
    dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(24));
    block = dma_alloc_coherent(dev, 10000, &handle, GFP_KERNEL);
    assert_in_range(handle, 1, (16 << 20) - 10000);
    dma_free_coherent(dev, 10000, block, handle);
    assert_non_null(dmam_alloc_coherent(dev, 4096, &managed, GFP_KERNEL));
    block = dmam_alloc_coherent(dev, 8192, &handle, GFP_KERNEL);
    dmam_free_coherent(dev, 4096, block, handle);
    expect(0, 1, "another size");
    dmam_free_coherent(dev, 8192, block, handle);
    dmam_free_coherent(dev, 8192, block, handle);
    expect(0, 1, "not this device's");
    pool = dma_pool_create("descriptors", dev, 32, 32, 4096);
    block = dma_pool_zalloc(pool, GFP_ATOMIC, &handle);
    assert_in_range(handle, 1, 16 << 20);
    dma_pool_free(pool, block, handle);
    dmam_pool_destroy(pool);
    expect(0, 1, "no device manages");
    dma_pool_destroy(pool);
    kept = dmam_pool_create("kept", dev, 32, 32, 0);
    assert_non_null(kept);
    dmam_pool_destroy(dmam_pool_create("early", dev, 32, 32, 0));
    buffer = kmalloc(64, GFP_KERNEL | GFP_DMA);
    handle = dma_map_single(dev, buffer, 64, DMA_FROM_DEVICE);
    assert_int_equal(dma_mapping_error(dev, handle), 0);
    assert_int_equal(quarry_dma_mappings(dev), 2); /* and what the device manages */
    dma_sync_single_for_cpu(dev, handle, 64, DMA_FROM_DEVICE);
    dma_sync_single_for_device(dev, handle, 64, DMA_FROM_DEVICE);
    dma_unmap_single(dev, handle, 64, DMA_FROM_DEVICE);
    expect(0, 0, NULL);
    dma_sync_single_for_cpu(dev, handle, 64, DMA_FROM_DEVICE);
    expect(1, 0, "not mapped");
    kfree(buffer);
    put_device(dev); /* the pool and the memory with it */
    assert_int_equal(compat_live(), before);
    expect(0, 0, NULL);
}

static void g_c3_making_a_dma_pool_in_atomic_context_is_reported(void **state)
{
    struct device *dev = make_device();
    struct dma_pool *pool;
    dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
    preempt_disable();
    pool = dma_pool_create("atomic", dev, 32, 32, 0);
    preempt_enable();
    assert_non_null(pool);
    expect(1, 0, "dma_pool_create");
    preempt_disable();
    dma_pool_destroy(pool);
    preempt_enable();
    expect(1, 0, NULL);
    put_device(dev);
}

static void what_is_left_mapped_is_live(void **state)
{
    unsigned long before = compat_live();
    struct device *dev = make_device();
    struct page *page = alloc_page(GFP_KERNEL);
    dma_addr_t handle;
    dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
    handle = dma_map_page(dev, page, 0, 512, DMA_TO_DEVICE);
    assert_int_equal(dma_mapping_error(dev, handle), 0);
    assert_int_equal(compat_live(), before + 4); /* device, its name, page, mapping */
    dma_unmap_page(dev, handle, 512, DMA_TO_DEVICE);
    dma_unmap_page(dev, handle, 512, DMA_TO_DEVICE);
    expect(1, 0, "unmapped before");
    __free_page(page);
    put_device(dev);
    assert_int_equal(compat_live(), before);
}

static void wrong_buffers_are_refused_by_name(void **state)
{
    struct device *dev = make_device();
    char on_stack[32];
    void *area = vmalloc(4096);
    dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
    assert_int_equal(dma_mapping_error(dev, dma_map_single(dev, on_stack, 32, DMA_TO_DEVICE)),
                     -ENOMEM);
    expect(1, 0, "dma_map_single(disk7");
    assert_int_equal(dma_mapping_error(dev, dma_map_single(dev, area, 32, DMA_TO_DEVICE)), -ENOMEM);
    expect(1, 0, "vmalloc_to_page");
    vfree(area);
    put_device(dev);
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static void a_table_of_pieces_is_copied_and_mapped(void **state)
{
    unsigned long before = compat_live();
    struct device *dev = make_device();
    struct sg_table table;
    struct scatterlist *sg;
    char *text = kmalloc(300, GFP_KERNEL), back[300];
    struct page *page[3];
    unsigned int i;
    dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
    assert_int_equal(sg_alloc_table(&table, 0, GFP_KERNEL), -EINVAL);
    assert_int_equal(sg_alloc_table(&table, 3, GFP_KERNEL), 0);
    for_each_sg(table.sgl, sg, 3, i)
    {
        page[i] = alloc_pages(GFP_KERNEL, 1);
        sg_set_page(sg, page[i], 100, PAGE_SIZE - 50); /* over the end of the first page */
    }
    assert_int_equal(sg_nents(table.sgl), 3);
    assert_ptr_equal(sg_last(table.sgl, 3), table.sgl + 2);
    assert_true(sg_is_last(table.sgl + 2));
    for (i = 0; i < 300; i++)
        text[i] = (char)i;
    assert_int_equal(sg_copy_from_buffer(table.sgl, 3, text, 300), 300);
    assert_memory_equal((char *)page_address(page[1]) + PAGE_SIZE - 50, text + 100, 100);
    assert_int_equal(sg_pcopy_to_buffer(table.sgl, 3, back, 300, 120), 180);
    assert_memory_equal(back, text + 120, 180);
    assert_int_equal(dma_map_sgtable(dev, &table, DMA_TO_DEVICE, 0), 0);
    for_each_sgtable_dma_sg(&table, sg, i)
        assert_true(sg_dma_address(sg) == sg_phys(sg) && sg_dma_len(sg) == 100);
    dma_sync_sg_for_cpu(dev, table.sgl, 3, DMA_TO_DEVICE);
    dma_unmap_sgtable(dev, &table, DMA_TO_DEVICE, 0);
    /* Of a longer list only as many as are said. */
    assert_int_equal(dma_map_sg(dev, table.sgl, 1, DMA_TO_DEVICE), 1);
    dma_sync_sg_for_cpu(dev, table.sgl, 1, DMA_TO_DEVICE);
    dma_sync_sg_for_device(dev, table.sgl, 1, DMA_TO_DEVICE);
    dma_unmap_sg(dev, table.sgl, 1, DMA_TO_DEVICE);
    sg_init_one(table.sgl, text, 300);
    assert_ptr_equal(sg_virt(table.sgl), text);
    assert_int_equal(dma_map_sg(dev, table.sgl, 1, DMA_TO_DEVICE), 1);
    dma_unmap_sg(dev, table.sgl, 1, DMA_TO_DEVICE);
    sg_free_table(&table);
    for (i = 0; i < 3; i++)
        __free_pages(page[i], 1);
    kfree(text);
    put_device(dev);
    assert_int_equal(compat_live(), before);
    expect(0, 0, NULL);
}

/* ---- what a device manages ------------------------------------------------------------------- */

static void a_device_frees_all_it_manages(void **state)
{
    unsigned long before = compat_live();
    struct device *dev = make_device();
    unsigned long *counts = devm_alloc_percpu(dev, unsigned long), pages;
    char *text, *grown, *copy;
    assert_non_null(counts);
    this_cpu_inc(*counts);
    text = devm_kasprintf(dev, GFP_KERNEL, "%s-%d", "port", 12);
    assert_string_equal(text, "port-12");
    copy = devm_kmemdup(dev, text, 4, GFP_KERNEL);
    assert_memory_equal(copy, "port", 4);
    assert_string_equal(devm_kstrdup(dev, text, GFP_KERNEL), text);
    assert_string_equal(devm_kstrdup_const(dev, "fixed", GFP_KERNEL), "fixed");
    assert_null(devm_kstrdup(dev, NULL, GFP_KERNEL));
    grown = devm_krealloc(dev, text, 1000, GFP_KERNEL);
    assert_string_equal(grown, "port-12");
    assert_non_null(devm_krealloc(dev, NULL, 10, GFP_KERNEL));
    pages = devm_get_free_pages(dev, GFP_KERNEL, 1);
    assert_true(pages != 0);
    devm_free_pages(dev, pages);
    assert_true(devm_get_free_pages(dev, GFP_KERNEL, 0) != 0);
    devm_free_percpu(dev, devm_alloc_percpu(dev, int));
    assert_non_null(devm_kcalloc(dev, 10, 20, GFP_KERNEL));
    devm_kfree(dev, grown);
    expect(0, 0, NULL);
    put_device(dev);
    assert_int_equal(compat_live(), before);
    expect(0, 0, NULL);
}

static void managed_memory_of_others_is_not_freed(void **state)
{
    struct device *dev = make_device(), *other = make_device();
    void *mine = devm_kmalloc(dev, 10, GFP_KERNEL), *plain = kmalloc(10, GFP_KERNEL);
    devm_kfree(other, mine);
    expect(0, 1, "not this device's");
    devm_kfree(dev, plain);
    expect(0, 1, "kfree");
    assert_null(devm_krealloc(dev, plain, 20, GFP_KERNEL));
    expect(0, 1, "not this device's");
    devm_free_percpu(dev, plain);
    expect(0, 1, "not this device's");
    devm_free_pages(dev, 4096);
    expect(0, 1, "not this device's");
    devm_kfree(dev, mine);
    devm_kfree(dev, mine);
    expect(0, 1, "freed before");
    kfree(plain);
    put_device(dev);
    put_device(other);
    expect(0, 0, NULL);
}

static void never_called(void *data)
{
    fail_msg("an action of a device that is gone was called with %p", data);
}

static irqreturn_t never_handled(int line, void *data)
{
    fail_msg("line %d of a device that is gone fired with %p", line, data);
    return IRQ_NONE;
}

static void a_device_that_is_gone_is_not_touched(void **state)
{
    static const struct attribute_group group, *groups[] = {&group, NULL};
    dma_addr_t handle;
    static struct device never;
    struct device *dev = make_device();
    void *object = devm_kmalloc(dev, 10, GFP_KERNEL);
    unsigned long before;
    put_device(dev); /* frees both */
    before = compat_live();
    expect(0, 0, NULL);
    assert_null(devm_kmalloc(dev, 10, GFP_KERNEL));
    expect(0, 1, "the device is gone");
    devm_kfree(dev, object);
    expect(0, 1, "the device is gone");
    assert_null(devm_kzalloc(&never, 10, GFP_KERNEL));
    expect(0, 1, "never initialised");
    assert_null(devm_kzalloc(NULL, 10, GFP_KERNEL));
    expect(0, 1, "NULL device");
    assert_int_equal(devm_get_free_pages(dev, GFP_KERNEL, 0), 0);
    expect(0, 1, "the device is gone");
    assert_null(devm_alloc_percpu(dev, int));
    expect(0, 1, "devm_alloc_percpu: the device is gone");
    assert_null(dmam_pool_create("pool", dev, 64, 64, 0));
    expect(0, 1, "dmam_pool_create: the device is gone");
    assert_null(devm_ioremap(dev, 0xfe000000, 4096));
    expect(0, 1, "devm_ioremap: the device is gone");
    assert_int_equal(devm_add_action(dev, never_called, NULL), -ENOMEM);
    expect(0, 1, "devm_add_action: the device is gone");
    assert_int_equal(devm_request_irq(dev, 7, never_handled, 0, "line", dev), -ENOMEM);
    expect(0, 1, "devm_request_irq: the device is gone");
    assert_null(devm_request_mem_region(dev, 0xfe000000, 4096, "registers"));
    expect(0, 1, "devm_request_mem_region: the device is gone");
    assert_int_equal(PTR_ERR(devm_gen_pool_create(dev, 5, -1, "sram")), -ENOMEM);
    expect(0, 1, "devm_gen_pool_create: the device is gone");
    assert_null(dmam_alloc_coherent(dev, 4096, &handle, GFP_KERNEL));
    expect(0, 1, "dmam_alloc_coherent: the device is gone");
    assert_int_equal(devm_device_add_group(dev, &group), -ENOMEM);
    expect(0, 1, "devm_device_add_group: the device is gone");
    assert_int_equal(devm_device_add_groups(dev, groups), -ENOMEM);
    expect(0, 1, "devm_device_add_groups: the device is gone");
    assert_int_equal(compat_live(), before); /* nothing was made that nobody would free */
    /* And nothing is held. */
    assert_non_null(request_mem_region(0xfe000000, 4096, "registers"));
    release_mem_region(0xfe000000, 4096);
    assert_int_equal(request_irq(7, never_handled, 0, "line", &never), 0);
    free_irq(7, &never);
}

static void no_managed_call_loses_memory_when_memory_is_short(void **state)
{
    for (unsigned long nth = 1; nth < 12; nth++) {
        const struct quarry_fault spec = {.nth = nth};
        unsigned long before = compat_live();
        struct device *dev = make_device();
        dma_addr_t handle;
        struct gen_pool *pool;
        dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
        quarry_fault_set(QUARRY_FAILSLAB, &spec);
        pool = devm_gen_pool_create(dev, 5, -1, "sram");
        assert_true(!IS_ERR(pool) || PTR_ERR(pool) == -ENOMEM);
        devm_kstrdup(dev, "text", GFP_KERNEL);
        dmam_alloc_coherent(dev, 4096, &handle, GFP_KERNEL);
        dmam_pool_create("pool", dev, 64, 64, 0);
        devm_alloc_percpu(dev, int);
        quarry_fault_set(QUARRY_FAILSLAB, NULL);
        put_device(dev);
        assert_int_equal(compat_live(), before);
    }
    expect(0, 0, NULL);
}

COMPAT_MAIN(cmocka_unit_test(per_cpu_variables_begin_with_their_initial_values),
            cmocka_unit_test(pools_give_blocks_with_their_bus_addresses),
            cmocka_unit_test(a_device_destroys_its_pools),
            cmocka_unit_test(masks_are_set_where_the_device_has_a_place),
            cmocka_unit_test(a_device_of_24_bits_gets_memory_below_16_mib),
            cmocka_unit_test(g_c3_making_a_dma_pool_in_atomic_context_is_reported),
            cmocka_unit_test(what_is_left_mapped_is_live),
            cmocka_unit_test(wrong_buffers_are_refused_by_name),
            cmocka_unit_test(a_table_of_pieces_is_copied_and_mapped),
            cmocka_unit_test(a_device_frees_all_it_manages),
            cmocka_unit_test(managed_memory_of_others_is_not_freed),
            cmocka_unit_test(a_device_that_is_gone_is_not_touched),
            cmocka_unit_test(no_managed_call_loses_memory_when_memory_is_short))
