/* SPDX-License-Identifier: MIT */
/* The parts of the leak scan, asked one by one: registered blocks, and how what is lost is put together by
 * place. tests/leak_scan_test.c has the scan itself. */
#include "machine.h"
#include "leak/leak.h"

static struct quarry *boot_checked(void)
{
    const struct test_spec spec = {.pages = 2048, .options = "check=1"};

    return test_boot_with(&spec);
}

/* ---- registered blocks ----------------------------------------------------------------------- */

#define BLOCKS 300u
#define FIRST 0x700000000000ul
#define APART 256u
#define LONG 100u

/* Blocks of a hundred bytes, far apart, in an order that is none. */
static const void *block_at(unsigned int i)
{
    return (const void *)(FIRST + (uintptr_t)(i * 7919u % BLOCKS) * APART);
}

static bool count_in_order(const struct qr_leak_block *block, void *data)
{
    unsigned int *nr = data;

    assert_int_equal((uintptr_t)block->start, FIRST + (uintptr_t)*nr * APART);
    assert_int_equal(block->size, LONG);
    return ++*nr < BLOCKS - 1;
}

static bool count_live(const struct quarry_live *live, void *data)
{
    unsigned int *nr = data;

    assert_int_equal((uintptr_t)live->address, FIRST + (uintptr_t)*nr * APART);
    assert_int_equal(live->size, LONG);
    assert_int_equal(live->kind, QUARRY_LIVE_OBJECT);
    assert_string_equal(live->cache, "kmemleak_alloc");
    assert_int_equal(live->gfp, GFP_ATOMIC);
    assert_true(live->sequence > 0);
    assert_int_equal(live->lost, *nr == 3);
    return ++*nr < 7;
}

static void many_registered_blocks_are_found_by_every_byte_and_no_other(void **state)
{
    struct quarry *q = boot_checked();
    struct qr_leaks *leaks = &q->leaks;
    struct qr_leak_block block;
    unsigned int nr = 0;
    u64 free_before;

    qr_pcp_drain_all(&q->zones);
    free_before = qr_free_pages_total(&q->zones);

    for (unsigned int i = 0; i < BLOCKS; i++)
        assert_true(qr_foreign_add(leaks, block_at(i), LONG, 0, GFP_ATOMIC));
    assert_int_equal(leaks->nr_foreign, BLOCKS);
    assert_true((PAGE_SIZE << leaks->foreign_order) >= BLOCKS * sizeof(struct qr_foreign));
    assert_true((PAGE_SIZE << leaks->foreign_order) < 4 * BLOCKS * sizeof(struct qr_foreign));
    for (unsigned int i = 0; i < BLOCKS; i++) {
        const char *start = (const char *)FIRST + (size_t)i * APART;
        for (unsigned int k = 0; k < LONG; k += LONG - 1) {
            assert_true(qr_foreign_find(leaks, start + k, &block));
            assert_ptr_equal(block.start, start);
            assert_int_equal(block.size, LONG);
            assert_non_null(block.word);
        }
        assert_false(qr_foreign_find(leaks, start - 1, &block));
        assert_false(qr_foreign_find(leaks, start + LONG, &block));
        assert_false(qr_foreign_remove(leaks, start + 1));
    }
    qr_foreign_each(leaks, count_in_order, &nr);
    assert_int_equal(nr, BLOCKS - 1); /* it was told to stop there */
    assert_true(qr_foreign_find(leaks, (const char *)FIRST + 3 * APART, &block));
    *block.word = QR_LEAK_UNSEEN;
    nr = 0;
    assert_false(qr_foreign_for_each_live(leaks, count_live, &nr));
    assert_int_equal(nr, 7);
    for (unsigned int i = 0; i < BLOCKS; i++) {
        assert_true(qr_foreign_remove(leaks, block_at(i)));
        assert_false(qr_foreign_remove(leaks, block_at(i)));
        assert_false(qr_foreign_find(leaks, block_at(i), &block));
        if (i + 1 < BLOCKS)
            assert_true(qr_foreign_find(leaks, block_at(i + 1), &block));
    }
    assert_int_equal(leaks->nr_foreign, 0);
    /* Only the last table is still had. */
    qr_pcp_drain_all(&q->zones);
    assert_int_equal(free_before - qr_free_pages_total(&q->zones), 1u << leaks->foreign_order);
    test_end(q);
}

static void without_memory_a_block_is_not_registered_and_nothing_is_lost(void **state)
{
    const struct quarry_fault none = {.every = 1};
    struct quarry *q = boot_checked();
    struct qr_leak_block block;
    unsigned int nr = 0;

    qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, &none);
    assert_false(qr_foreign_add(&q->leaks, block_at(0), LONG, 0, 0));
    assert_int_equal(q->leaks.nr_foreign, 0);
    qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, NULL);
    assert_true(qr_foreign_add(&q->leaks, block_at(0), LONG, 0, 0));
    qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, &none);
    while (qr_foreign_add(&q->leaks, block_at(nr + 1), LONG, 0, 0)) /* as many as fit in a page */
        nr++;
    qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, NULL);
    assert_int_equal(nr + 1, PAGE_SIZE / sizeof(struct qr_foreign));
    for (unsigned int i = 0; i <= nr; i++)
        assert_true(qr_foreign_find(&q->leaks, block_at(i), &block));
    assert_true(qr_foreign_add(&q->leaks, block_at(nr + 1), LONG, 0, 0));
    assert_int_equal(q->leaks.foreign_order, 1);
    test_end(q);
}

/* ---- marks ----------------------------------------------------------------------------------- */

static u32 word_of(struct quarry *q, const void *address)
{
    struct qr_leak_block block;

    assert_true(qr_foreign_find(&q->leaks, address, &block));
    return *block.word;
}

static void marks_are_set_and_cleared_one_by_one(void **state)
{
    struct quarry *q = boot_checked();
    const char *at = block_at(0);

    assert_true(qr_foreign_add(&q->leaks, at, LONG, QR_LEAK_IS_ROOT, 0));
    assert_int_equal(word_of(q, at), QR_LEAK_IS_ROOT);
    assert_true(qr_leak_set(&q->leaks, at, QR_LEAK_NO_SCAN, 0, "test"));
    assert_int_equal(word_of(q, at), QR_LEAK_IS_ROOT | QR_LEAK_NO_SCAN);
    assert_true(qr_leak_set(&q->leaks, at, QR_LEAK_IGNORE, QR_LEAK_IS_ROOT, "test"));
    assert_int_equal(word_of(q, at), QR_LEAK_IGNORE | QR_LEAK_NO_SCAN);
    assert_false(qr_leak_set(&q->leaks, at + 1, QR_LEAK_IS_ROOT, 0, NULL)); /* not its start */
    assert_int_equal(word_of(q, at), QR_LEAK_IGNORE | QR_LEAK_NO_SCAN);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 0); /* nobody to be named */
    assert_true(qr_leak_set(&q->leaks, NULL, QR_LEAK_IS_ROOT, 0, "test"));
    test_end(q);
}

/* Of each kind of allocation: a mark is put at its start, and at no other address. */
static void a_mark_lies_with_its_allocation_whatever_that_is(void **state)
{
    struct quarry *q = boot_checked();
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 1, NUMA_NO_NODE);
    char *object = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE);
    char *area = qr_vmalloc(&q->vm, 8192, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    char *block = qr_page_virt(&q->map, page), text[256];
    struct qr_leak_found_area found;
    struct qr_leak_block seen;

    qr_pages_note(&q->zones, page, 1, GFP_KERNEL);
    assert_true(qr_leak_set(&q->leaks, object, QR_LEAK_IGNORE, 0, "test"));
    assert_true(qr_slabs_leak_find(&q->slabs, object, &seen));
    assert_true(*seen.word & QR_LEAK_IGNORE);
    assert_true(qr_leak_set(&q->leaks, area, QR_LEAK_NO_SCAN, 0, "test"));
    assert_true(qr_vm_leak_find(&q->vm, area, &found));
    assert_true(*found.block.word & QR_LEAK_NO_SCAN);
    assert_true(qr_leak_set(&q->leaks, area, 0, QR_LEAK_NO_SCAN, "test"));
    assert_false(*found.block.word & QR_LEAK_NO_SCAN);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 0);
    assert_false(qr_leak_set(&q->leaks, object + 8, QR_LEAK_IGNORE, 0, NULL));
    assert_false(qr_leak_set(&q->leaks, area + PAGE_SIZE, QR_LEAK_IGNORE, 0, NULL));
    assert_false(qr_leak_set(&q->leaks, block + PAGE_SIZE, QR_LEAK_IGNORE, 0, NULL));
    assert_false(qr_leak_set(&q->leaks, &page, QR_LEAK_IGNORE, 0, NULL));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 0);
    assert_false(qr_leak_set(&q->leaks, object + 8, QR_LEAK_IGNORE, 0, "kmemleak_ignore"));
    snprintf(text, sizeof(text),
             "kmemleak_ignore(%p): no live allocation begins there; give the address that the "
             "allocator returned",
             (void *)(object + 8));
    assert_string_equal(test_last_report, text);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    qr_vfree(&q->vm, area, false);
    assert_false(qr_leak_set(&q->leaks, area, QR_LEAK_IGNORE, 0, NULL));
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    qr_free_block(&q->zones, page, 1);
    test_end(q);
}

static void without_checks_nothing_is_marked_and_nothing_scanned(void **state)
{
    struct quarry *q = test_boot(1024);

    assert_true(qr_leak_set(&q->leaks, q, QR_LEAK_IS_ROOT, 0, "test"));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 0);
    assert_int_equal(qr_leak_mark(&q->leaks, NULL), -QR_ENOSYS);
    test_end(q);
}

/* The record of a page says who took it: it moves only where leaks are looked for at all. */
static void a_record_is_moved_only_where_allocations_are_tracked(void **state)
{
    static const char *const options[] = {"page_owner", "check=1 page_owner"};

    for (unsigned int i = 0; i < 2; i++) {
        const struct test_spec spec = {.pages = 2048, .options = options[i]};
        struct quarry *q = test_boot_with(&spec);
        struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
        const struct qr_owner *owner = qr_pages_owner(&q->zones, page);
        u64 sequence;

        qr_pages_note(&q->zones, page, 0, GFP_KERNEL);
        sequence = owner->sequence;
        assert_true(sequence > 0);
        qr_leak_retrace(&q->leaks, qr_page_virt(&q->map, page));
        assert_int_equal(owner->sequence, sequence + i);
        qr_leak_retrace(&q->leaks, NULL);
        qr_leak_retrace(&q->leaks, ZERO_SIZE_PTR);
        qr_leak_retrace(&q->leaks, &page);
        assert_int_equal(owner->sequence, sequence + i);
        assert_int_equal(test_findings(q, QUARRY_FINDING_KINDS), 0);
        qr_put_pages(&q->zones, page, 0, "__free_pages");
        test_end(q);
    }
}

/* ---- groups ---------------------------------------------------------------------------------- */

static struct qr_leak_group read_group(struct quarry *q, u32 number)
{
    struct qr_leak_group group;

    assert_true(qr_leak_group_read(&q->leaks, number, &group));
    return group;
}

static void what_differs_in_anything_is_another_group(void **state)
{
    const struct quarry_trace one = {2, {(void *)1, (void *)2}}, two = {2, {(void *)1, (void *)3}},
                              shorter = {1, {(void *)1}};
    const struct quarry_live differ[] = {
        {.kind = QUARRY_LIVE_OBJECT, .size = 10, .cache = "a", .allocated = one},
        {.kind = QUARRY_LIVE_PAGES, .size = 10, .cache = "a", .allocated = one},
        {.kind = QUARRY_LIVE_OBJECT, .size = 10, .cache = "b", .allocated = one},
        {.kind = QUARRY_LIVE_OBJECT, .size = 10, .cache = NULL, .allocated = one},
        {.kind = QUARRY_LIVE_OBJECT, .size = 10, .cache = "a", .allocated = two},
        {.kind = QUARRY_LIVE_OBJECT, .size = 10, .cache = "a", .allocated = shorter},
        {.kind = QUARRY_LIVE_OBJECT, .size = 10, .cache = "a"},
        {.kind = QUARRY_LIVE_OBJECT, .size = 11, .cache = "a"},
        {.kind = QUARRY_LIVE_OBJECT, .size = 10, .cache = NULL},
    };
    const unsigned int nr = QR_ARRAY_SIZE(differ);
    struct quarry *q = boot_checked();
    struct qr_leak_group group;

    qr_leak_groups_clear(&q->leaks);
    for (unsigned int round = 0; round < 3; round++)
        for (unsigned int i = 0; i < nr; i++) {
            struct quarry_live live = differ[i];
            char name[2] = {live.cache ? live.cache[0] : 0, 0}; /* equal, but not the same */
            live.address = (void *)(uintptr_t)(0x1000 * (round + 1) + i);
            live.when_ns = round == 0 ? 0 : 500 - 100 * round + i;
            if (live.cache && round)
                live.cache = name;
            if (live.allocated.nr && round) /* with a place, sizes may differ */
                live.size++;
            qr_leak_group_add(&q->leaks, &live);
        }
    for (unsigned int i = 0; i < nr; i++) {
        group = read_group(q, i);
        assert_int_equal(group.nr, 3);
        assert_int_equal(group.bytes, 3 * differ[i].size + (differ[i].allocated.nr ? 2 : 0));
        assert_int_equal(group.oldest_ns, 300 + i);
        assert_ptr_equal(group.first.address, (void *)(uintptr_t)(0x1000 + i));
        assert_int_equal(group.first.kind, differ[i].kind);
    }
    assert_false(qr_leak_group_read(&q->leaks, nr, &group));
    qr_leak_groups_clear(&q->leaks);
    assert_false(qr_leak_group_read(&q->leaks, 0, &group));
    test_end(q);
}

static void groups_beyond_the_table_are_one(void **state)
{
    struct quarry *q = boot_checked();
    struct qr_leak_group group;

    qr_leak_groups_clear(&q->leaks);
    for (unsigned int i = 0; i < QR_LEAK_GROUPS + 5; i++) {
        struct quarry_live live = {.size = i + 1, .when_ns = 1000 - i};
        assert_int_equal(qr_leak_group_read(&q->leaks, QR_LEAK_GROUPS, &group), i > QR_LEAK_GROUPS);
        qr_leak_group_add(&q->leaks, &live);
    }
    assert_int_equal(read_group(q, QR_LEAK_GROUPS - 1).bytes, QR_LEAK_GROUPS);
    group = read_group(q, QR_LEAK_GROUPS);
    assert_int_equal(group.nr, 5);
    assert_int_equal(group.bytes, 5 * QR_LEAK_GROUPS + 15);
    assert_int_equal(group.oldest_ns, 1000 - QR_LEAK_GROUPS - 4);
    assert_int_equal(group.first.size, 0); /* of many */
    assert_false(qr_leak_group_read(&q->leaks, QR_LEAK_GROUPS + 1, &group));
    qr_leak_groups_clear(&q->leaks);
    assert_false(qr_leak_group_read(&q->leaks, QR_LEAK_GROUPS, &group));
    assert_false(qr_leak_group_read(&q->leaks, 0, &group));
    test_end(q);
}

static void a_table_as_large_as_a_block_can_be_is_full(void **state)
{
    const struct test_spec spec = {.pages = 16384, .options = "check=1"};
    struct quarry *q = test_boot_with(&spec);
    const u32 most = (u32)((PAGE_SIZE << MAX_PAGE_ORDER) / sizeof(struct qr_foreign));
    struct qr_leak_block block;
    uintptr_t at = FIRST;

    while (q->leaks.nr_foreign < most) {
        assert_true(qr_foreign_add(&q->leaks, (void *)at, LONG, 0, 0));
        at += APART;
    }
    assert_false(qr_foreign_add(&q->leaks, (void *)at, LONG, 0, 0));
    assert_int_equal(q->leaks.nr_foreign, most);
    assert_false(qr_foreign_find(&q->leaks, (void *)at, &block));
    assert_true(qr_foreign_find(&q->leaks, (void *)(at - APART), &block));
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_registered_blocks_are_found_by_every_byte_and_no_other),
        cmocka_unit_test(without_memory_a_block_is_not_registered_and_nothing_is_lost),
        cmocka_unit_test(marks_are_set_and_cleared_one_by_one),
        cmocka_unit_test(a_mark_lies_with_its_allocation_whatever_that_is),
        cmocka_unit_test(without_checks_nothing_is_marked_and_nothing_scanned),
        cmocka_unit_test(a_record_is_moved_only_where_allocations_are_tracked),
        cmocka_unit_test(what_differs_in_anything_is_another_group),
        cmocka_unit_test(groups_beyond_the_table_are_one),
        cmocka_unit_test(a_table_as_large_as_a_block_can_be_is_full),
    };
    return cmocka_run_group_tests_name("leak", tests, NULL, NULL);
}
