/* SPDX-License-Identifier: MIT */
/* kmalloc: pointers that begin no live block, wherever one is asked for, and what is said of them. */
#include "machine.h"
#include "dump.h"
#include "kmalloc/fast.h"

static struct quarry *boot_with(const char *options)
{
    struct test_spec spec = {.pages = 2048, .options = options};

    return test_boot_with(&spec);
}

static void *make(struct quarry *q, size_t size)
{
    void *block = qr_kmalloc(&q->kmalloc, size, GFP_KERNEL);

    assert_non_null(block);
    return block;
}

/* Each call that takes a block refuses @wrong, with @words, and changes nothing. */
static void must_refuse(struct quarry *q, char *wrong, const char *words)
{
    unsigned long before = test_findings(q, QUARRY_BAD_FREE);

    assert_int_equal(qr_ksize(&q->kmalloc, wrong), 0);
    assert_non_null(strstr(test_last_report, "ksize"));
    assert_non_null(strstr(test_last_report, words));
    assert_null(qr_krealloc(&q->kmalloc, wrong, 10, GFP_KERNEL));
    assert_non_null(strstr(test_last_report, "krealloc"));
    assert_non_null(strstr(test_last_report, words));
    qr_kfree_sensitive(&q->kmalloc, wrong);
    assert_non_null(strstr(test_last_report, "kfree_sensitive"));
    assert_non_null(strstr(test_last_report, words));
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), before + 3);
}

static void g_s8_what_begins_no_block_cannot_be_resized_measured_or_wiped(void **state)
{
    static const char *const options[] = {NULL, "slab_debug=ZU"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct quarry *q = boot_with(options[i]);
        struct qr_cache_params params = {.name = "gaps", .size = 100, .slot_id = QR_NO_SLOT};
        struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
        char *block = make(q, 100), *large = make(q, 3 * PAGE_SIZE);
        char *object = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE), local[8];
        memset(block, 'b', 100);
        memset(object, 'o', 100);
        must_refuse(q, block + 8, "inside object");
        must_refuse(q, object + 1, "inside object");
        must_refuse(q, object + 101, "of a slab"); /* between two objects */
        must_refuse(q, large + 8, "kmalloc block");
        must_refuse(q, large + PAGE_SIZE, "kmalloc block");
        must_refuse(q, local, "stack");
        for (int j = 0; j < 100; j++)
            assert_true(block[j] == 'b' && object[j] == 'o');
        qr_kfree(&q->kmalloc, block);
        qr_kfree(&q->kmalloc, large);
        qr_kfree(&q->kmalloc, object);
        assert_int_equal(test_findings(q, QUARRY_FINDING_KINDS), 18);
        test_end(q);
    }
}

/* What was a large block may be anything by now, whatever mark is left of it. */
static void g_s8_a_large_block_that_is_free_is_no_block(void **state)
{
    static const u32 marks[] = {PGF_BUDDY, PGF_PCP};
    struct quarry *q = boot_with(NULL);
    char *large = make(q, 3 * PAGE_SIZE);
    struct page *page = qr_virt_page(&q->map, large);

    (void)state;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(marks); i++) {
        page->flags |= marks[i];
        assert_int_equal(qr_ksize(&q->kmalloc, large), 0);
        qr_kfree(&q->kmalloc, large);
        page->flags &= ~marks[i];
        assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 2 * i + 2);
        assert_int_equal(page_ref_count(page), 1);
    }
    qr_kfree(&q->kmalloc, large);
    assert_int_equal(test_findings(q, QUARRY_FINDING_KINDS), 4);
    test_end(q);
}

static void no_block_at_all_is_nothing_to_measure_or_wipe(void **state)
{
    struct quarry *q = boot_with(NULL);

    (void)state;
    assert_int_equal(qr_ksize(&q->kmalloc, NULL), 0);
    assert_int_equal(qr_ksize(&q->kmalloc, ZERO_SIZE_PTR), 0);
    qr_kfree_sensitive(&q->kmalloc, NULL);
    qr_kfree_sensitive(&q->kmalloc, ZERO_SIZE_PTR);
    assert_int_equal(test_findings(q, QUARRY_FINDING_KINDS), 0);
    test_end(q);
}

static void a_size_that_nothing_holds_is_rounded_to_itself(void **state)
{
    struct quarry *q = boot_with(NULL);
    size_t most = q->kmalloc.max_size;

    (void)state;
    assert_int_equal(qr_kmalloc_roundup(&q->kmalloc, 0), 0);
    assert_int_equal(qr_kmalloc_roundup(&q->kmalloc, most - 1), most);
    assert_int_equal(qr_kmalloc_roundup(&q->kmalloc, most), most);
    assert_int_equal(qr_kmalloc_roundup(&q->kmalloc, most + 1), most + 1);
    assert_int_equal(qr_kmalloc_roundup(&q->kmalloc, SIZE_MAX), SIZE_MAX);
    for (size_t limit = 5000; limit < 200000;
         limit *= 13) { /* a machine's own, in a class or not */
        void *block;

        q->kmalloc.max_size = limit;
        assert_int_equal(qr_kmalloc_roundup(&q->kmalloc, limit), limit == 5000 ? 5120 : 65536);
        assert_int_equal(qr_kmalloc_roundup(&q->kmalloc, limit + 1), limit + 1);
        block = make(q, limit);
        qr_kfree(&q->kmalloc, block);
    }
    q->kmalloc.max_size = most;
    test_end(q);
}

/* ---- addresses of the layer above -------------------------------------------------------------- */

static void an_area_is_dumped_as_memory_of_the_machine(void **state)
{
    struct quarry *q = boot_with(NULL);
    char *area = qr_vmalloc(&q->vm, 2 * PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");

    (void)state;
    assert_non_null(strstr(dump_of(q, area + 5000, true), "vfree"));
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

/* As while a machine boots: what lies above is not there yet. */
static void without_a_layer_above_its_addresses_are_foreign(void **state)
{
    struct quarry *q = boot_with(NULL);
    char *area = qr_vmalloc(&q->vm, PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    const char *(*describe)(void *, const void *) = q->kmalloc.describe;

    (void)state;
    q->kmalloc.describe = NULL;
    assert_non_null(strstr(dump_of(q, area, false), "not memory of this machine"));
    qr_kfree(&q->kmalloc, area);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    assert_non_null(strstr(test_last_report, "not memory of this machine"));
    q->kmalloc.describe = describe;
    qr_vfree(&q->vm, area, false);
    assert_int_equal(test_findings(q, QUARRY_FINDING_KINDS), 1);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g_s8_what_begins_no_block_cannot_be_resized_measured_or_wiped),
        cmocka_unit_test(g_s8_a_large_block_that_is_free_is_no_block),
        cmocka_unit_test(no_block_at_all_is_nothing_to_measure_or_wipe),
        cmocka_unit_test(a_size_that_nothing_holds_is_rounded_to_itself),
        cmocka_unit_test(an_area_is_dumped_as_memory_of_the_machine),
        cmocka_unit_test(without_a_layer_above_its_addresses_are_foreign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
