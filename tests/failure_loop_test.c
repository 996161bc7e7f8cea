/* SPDX-License-Identifier: MIT */
/* Every public operation, with its 1st, 2nd, 3rd … inner allocation failing: once, and from there on.
 *
 * Idea. An operation does its work, undoes it, and says whether it succeeded. For each of the three fault
 * points it is run with the nth matching request failing, n = 1, 2, 3 …, until a run hits no fault any more.
 * After every run the set of live objects, page blocks and areas must be what it was before, all structures
 * must be sound, and nothing may have been reported but the failure itself. */
#include <quarry/quarry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define MAX_FAULTS 1000 /* an operation with more inner allocations is a bug of the test */

static bool op_kmalloc_sizes(void)
{
    static const size_t size[] = {1, 64, 100, 4096, 8192, 16384, 131072, 1 << 20};
    bool all = true;

    for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
        void *p = kmalloc(size[i], GFP_KERNEL);
        all &= p != NULL;
        kfree(p);
    }
    return all;
}

static bool op_kcalloc(void)
{
    unsigned char *p = kcalloc(100, 33, GFP_KERNEL);
    bool ok = p != NULL;

    for (int i = 0; p && i < 3300; i++)
        assert_int_equal(p[i], 0);
    kfree(p);
    return ok;
}

static bool op_krealloc(void)
{
    char *p = kmalloc(40, GFP_KERNEL), *bigger;

    if (!p)
        return false;
    memset(p, 'q', 40);
    bigger = krealloc(p, 9000, GFP_KERNEL);
    p = bigger ? bigger : p; /* on failure the old block is as it was */
    for (int i = 0; i < 40; i++)
        assert_int_equal(p[i], 'q');
    kfree(p);
    return bigger != NULL;
}

static bool op_kvmalloc(void)
{
    static const size_t size[] = {64, 65536, 300000};
    bool all = true;

    for (size_t i = 0; i < 3; i++) {
        void *p = kvmalloc(size[i], GFP_KERNEL);
        all &= p != NULL;
        kvfree(p);
    }
    return all;
}

static bool op_copies(void)
{
    char *a = kstrdup("limestone", GFP_KERNEL);
    char *b = kstrndup("limestone", 4, GFP_KERNEL);
    void *c = kmemdup("granite", 8, GFP_KERNEL);
    char *d = kasprintf(GFP_KERNEL, "%s-%d", "basalt", 7);
    bool ok = a && b && c && d;

    if (d)
        assert_string_equal(d, "basalt-7");
    kfree(a);
    kfree(b);
    kfree(c);
    kfree(d);
    return ok;
}

static void op_constructor(void *object)
{
    memset(object, 0x11, 200);
}

static bool op_cache(void)
{
    struct kmem_cache *cache =
        kmem_cache_create("loop", 200, 0, SLAB_HWCACHE_ALIGN, op_constructor);
    void *object[40];
    int got;

    if (!cache)
        return false;
    got = kmem_cache_alloc_bulk(cache, GFP_KERNEL, 40, object);
    assert_true(got == 0 || got == 40);
    if (got)
        kmem_cache_free_bulk(cache, 40, object);
    kmem_cache_destroy(cache);
    return got != 0;
}

static bool op_pages(void)
{
    static const unsigned int order[] = {0, 1, 3, 6, 9};
    bool all = true;

    for (size_t i = 0; i < 5; i++) {
        struct page *page = alloc_pages(GFP_KERNEL, order[i]);
        all &= page != NULL;
        if (page)
            __free_pages(page, order[i]);
    }
    return all;
}

static bool op_page_calls(void)
{
    unsigned long zero = get_zeroed_page(GFP_KERNEL);
    void *exact = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);
    struct page *array[20] = {NULL};
    unsigned long got = alloc_pages_bulk_array(GFP_KERNEL, 20, array);

    free_page(zero);
    if (exact)
        free_pages_exact(exact, 5 * PAGE_SIZE);
    for (unsigned long i = 0; i < got; i++)
        __free_page(array[i]);
    return zero && exact && got == 20;
}

static bool op_vmalloc(void)
{
    static const unsigned long size[] = {1, 65536, 1 << 20};
    bool all = true;

    for (size_t i = 0; i < 3; i++) {
        void *p = vmalloc(size[i]);
        all &= p != NULL;
        vfree(p);
    }
    return all;
}

static bool op_vrealloc(void)
{
    char *p = vmalloc(3000), *bigger;

    if (!p)
        return false;
    strcpy(p, "sandstone");
    bigger = vrealloc(p, 100000, GFP_KERNEL);
    p = bigger ? bigger : p;
    assert_string_equal(p, "sandstone");
    vfree(p);
    return bigger != NULL;
}

static bool op_vmap(void)
{
    struct page *page[4];
    void *map = NULL, *ram = NULL;
    int got = 0;

    while (got < 4 && (page[got] = alloc_page(GFP_KERNEL)) != NULL)
        got++;
    if (got == 4) {
        map = vmap(page, 4, VM_MAP, PAGE_KERNEL);
        ram = vm_map_ram(page, 4, NUMA_NO_NODE);
    }
    if (map)
        vunmap(map);
    if (ram)
        vm_unmap_ram(ram, 4);
    while (got > 0)
        __free_page(page[--got]);
    return map && ram;
}

static bool op_vm_area(void)
{
    struct vm_struct *area = get_vm_area(10 * PAGE_SIZE, VM_IOREMAP);

    if (area)
        free_vm_area(area);
    return area != NULL;
}

static bool op_mempools(void)
{
    mempool_t *kmalloc_pool = mempool_create_kmalloc_pool(8, 300);
    mempool_t *page_pool = mempool_create_page_pool(4, 1);
    bool ok = kmalloc_pool && page_pool;

    if (kmalloc_pool)
        ok &= mempool_resize(kmalloc_pool, 20) == 0;
    mempool_destroy(kmalloc_pool);
    mempool_destroy(page_pool);
    return ok;
}

static unsigned long op_count(struct shrinker *shrinker, struct shrink_control *control)
{
    return SHRINK_EMPTY;
}

static unsigned long op_scan(struct shrinker *shrinker, struct shrink_control *control)
{
    return SHRINK_STOP;
}

static bool op_shrinker(void)
{
    struct shrinker *shrinker = shrinker_alloc(0, "loop-%d", 1);

    if (!shrinker)
        return false;
    shrinker->count_objects = op_count;
    shrinker->scan_objects = op_scan;
    shrinker_register(shrinker);
    shrinker_free(shrinker);
    return true;
}

static bool op_kmap(void)
{
    struct page *page = alloc_page(GFP_HIGHUSER);
    char *p;

    if (!page)
        return false;
    p = kmap(page);
    strcpy(p, "slate");
    kunmap(page);
    p = kmap_local_page(page);
    assert_string_equal(p, "slate");
    kunmap_local(p);
    __free_page(page);
    return true;
}

static const struct operation {
    const char *name;
    bool (*run)(void);
} operation[] = {
    {"kmalloc", op_kmalloc_sizes},
    {"kcalloc", op_kcalloc},
    {"krealloc", op_krealloc},
    {"kvmalloc", op_kvmalloc},
    {"copies", op_copies},
    {"kmem_cache", op_cache},
    {"alloc_pages", op_pages},
    {"exact, bulk", op_page_calls},
    {"vmalloc", op_vmalloc},
    {"vrealloc", op_vrealloc},
    {"vmap", op_vmap},
    {"get_vm_area", op_vm_area},
    {"mempool", op_mempools},
    {"shrinker", op_shrinker},
    {"kmap", op_kmap},
};

struct census {
    unsigned long blocks, bytes;
};

static bool census_add(const struct quarry_live *live, void *data)
{
    struct census *census = data;

    census->blocks++;
    census->bytes += live->size;
    return true;
}

static struct census census_take(void)
{
    struct census census = {0, 0};

    quarry_for_each_live(census_add, &census);
    return census;
}

static unsigned long findings; /* but for the failures themselves */

static bool quiet(const struct quarry_report *report, void *data)
{
    if (report->kind != QUARRY_OUT_OF_MEMORY) {
        fprintf(stderr, "finding: %s\n", report->text);
        findings++;
    }
    return false;
}

static void run_with_fault(const struct operation *op, enum quarry_fault_point point,
                           bool persistent)
{
    for (unsigned long nth = 1;; nth++) {
        struct quarry_fault fault = {.nth = nth, .persistent = persistent};
        struct census before = census_take(), after;
        unsigned long failed;
        bool ok;

        assert_true(nth < MAX_FAULTS);
        assert_int_equal(quarry_fault_set(point, &fault), 0);
        ok = op->run();
        failed = quarry_fault_failed(point);
        assert_int_equal(quarry_fault_set(point, NULL), 0);
        after = census_take();
        if (after.blocks != before.blocks || after.bytes != before.bytes)
            fail_msg("%s, point %d, failure %lu%s: %lu blocks before, %lu after", op->name, point,
                     nth, persistent ? " and on" : "", before.blocks, after.blocks);
        assert_int_equal(quarry_check_all(), 0);
        assert_int_equal(findings, 0);
        if (failed == 0) {
            assert_true(ok); /* nothing failed: it must have succeeded */
            return;
        }
    }
}

static void every_operation_survives_each_inner_failure(void **state)
{
    for (size_t i = 0; i < sizeof(operation) / sizeof(operation[0]); i++) {
        assert_true(operation[i].run()); /* once undisturbed */
        for (int point = 0; point < QUARRY_FAULT_POINTS; point++) {
            run_with_fault(&operation[i], (enum quarry_fault_point)point, false);
            run_with_fault(&operation[i], (enum quarry_fault_point)point, true);
        }
    }
}

static void a_leak_would_be_seen(void **state)
{
    struct census before = census_take(), after;
    void *p = kmalloc(100, GFP_KERNEL);

    after = census_take();
    assert_int_equal(after.blocks, before.blocks + 1);
    kfree(p);
}

static int boot(void **state)
{
    struct quarry_machine machine = {.ram_bytes = 64 << 20, .options = "check=2 page_owner=1"};

    quarry_set_report_hook(quiet, NULL);
    return quarry_boot(&machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leak_would_be_seen),
        cmocka_unit_test(every_operation_survives_each_inner_failure),
    };
    return cmocka_run_group_tests(tests, boot, NULL);
}
