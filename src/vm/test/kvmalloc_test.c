/* SPDX-License-Identifier: MIT */
/* kvmalloc (G-K1): which of the two it takes, with which mask, and that kvfree knows. */
#include "machine.h"

static struct quarry *boot(unsigned long pages)
{
    return test_boot(pages);
}

static bool is_vmalloc(struct quarry *q, const void *block)
{
    return qr_vm_contains(&q->vm, block);
}

static unsigned long findings(struct quarry *q)
{
    return qr_report_count(&q->check, QUARRY_FINDING_KINDS);
}

static void g_k1_up_to_a_page_only_kmalloc_is_asked(void **state)
{
    struct quarry *q = boot(1024);
    struct quarry_fault fault = {.nth = 1, .persistent = true};
    void *block = qr_kvmalloc(&q->vm, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);

    assert_false(is_vmalloc(q, block));
    qr_kvfree(&q->vm, block, "kvfree");
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, &fault), 0);
    assert_null(qr_kvmalloc(&q->vm, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE));
    assert_int_equal(qr_fault_seen(&q->faults, QUARRY_FAILSLAB), 1);
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY),
                     1); /* not quiet: there is no other way */
    test_end(q);
}

static void g_k1_beyond_a_page_vmalloc_follows_quietly(void **state)
{
    struct quarry *q = boot(1024);
    struct quarry_fault fault = {.nth = 1, .persistent = true};
    char *block = qr_kvmalloc(&q->vm, 20000, GFP_KERNEL, NUMA_NO_NODE);

    assert_false(is_vmalloc(q, block)); /* cheap to have */
    qr_kvfree(&q->vm, block, "kvfree");
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, &fault), 0);
    block = qr_kvmalloc(&q->vm, 20000, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
    assert_true(is_vmalloc(q, block));
    for (int i = 0; i < 20000; i++)
        assert_int_equal(block[i], 0);
    qr_kvfree(&q->vm, block, "kvfree");
    assert_int_equal(findings(q), 0);
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 0);
    test_end(q);
}

/* What kmalloc cannot have cheaply it gets by compaction only for who asks it to retry. */
static bool kmalloc_mask(const struct quarry_fault_request *request, void *data)
{
    if (request->point == QUARRY_FAIL_PAGE_ALLOC && request->size > PAGE_SIZE)
        *(gfp_t *)data = request->gfp;
    return false;
}

static void g_k1_kmalloc_does_not_try_hard_unless_it_is_asked_to(void **state)
{
    struct quarry *q = boot(4096);
    gfp_t seen = 0;

    qr_fault_set_hook(&q->faults, kmalloc_mask, &seen);
    qr_kvfree(&q->vm, qr_kvmalloc(&q->vm, 100000, GFP_KERNEL, NUMA_NO_NODE), "kvfree");
    assert_int_equal(seen & (__GFP_NORETRY | __GFP_NOWARN), __GFP_NORETRY | __GFP_NOWARN);
    seen = 0;
    qr_kvfree(&q->vm, qr_kvmalloc(&q->vm, 100000, GFP_KERNEL | __GFP_RETRY_MAYFAIL, NUMA_NO_NODE),
              "kvfree");
    assert_int_equal(seen & (__GFP_RETRY_MAYFAIL | __GFP_NOWARN),
                     __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
    assert_int_equal(seen & __GFP_NORETRY, 0);
    qr_fault_set_hook(&q->faults, NULL, NULL);
    test_end(q);
}

static void kvmalloc_of_a_node_is_served_from_there(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "nodes"};
    struct quarry *q = test_boot_with(&spec);

    for (int nid = 0; nid < 2; nid++) {
        void *block = qr_kvmalloc(&q->vm, 20000, GFP_KERNEL, nid);
        assert_false(is_vmalloc(q, block));
        assert_int_equal(qr_pfn_node(&q->map, qr_pfn(&q->map, qr_virt_page(&q->map, block))), nid);
        qr_kvfree(&q->vm, block, "kvfree");
    }
    test_end(q);
}

static void g_k1_larger_than_any_block_means_vmalloc(void **state)
{
    struct quarry *q = boot(4096);
    char *block = qr_kvmalloc(&q->vm, (4u << 20) + 1, GFP_KERNEL, NUMA_NO_NODE);

    assert_true(is_vmalloc(q, block));
    memset(block, 1, (4u << 20) + 1);
    qr_kvfree(&q->vm, block, "kvfree");
    assert_int_equal(findings(q), 0);
    test_end(q);
}

static void g_k1_who_may_not_sleep_gets_no_vmalloc(void **state)
{
    struct quarry *q = boot(1024);
    struct quarry_fault fault = {.nth = 1, .persistent = true};

    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, &fault), 0);
    assert_null(qr_kvmalloc(&q->vm, 20000, GFP_ATOMIC, NUMA_NO_NODE));
    assert_null(qr_kvmalloc(&q->vm, 8u << 20, GFP_NOWAIT, NUMA_NO_NODE));
    assert_int_equal(findings(q), 0);
    /* One that says it may, where it may not: one report, and no vmalloc either. */
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    assert_null(qr_kvmalloc(&q->vm, 20000, GFP_KERNEL, NUMA_NO_NODE));
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), 1);
    test_end(q);
}

static void g_k1_sizes_beyond_int_max_are_overflows(void **state)
{
    struct quarry *q = boot(256);

    assert_null(qr_kvmalloc(&q->vm, 0x80000000ul, GFP_KERNEL, NUMA_NO_NODE));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    assert_null(qr_kvmalloc(&q->vm, SIZE_MAX, GFP_KERNEL | __GFP_NOWARN, NUMA_NO_NODE));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    assert_null(qr_kvmalloc(&q->vm, 0x7fffffff, GFP_KERNEL, NUMA_NO_NODE));
    assert_non_null(strstr(test_last_report, "more pages than the machine has")); /* no overflow */
    assert_ptr_equal(qr_kvmalloc(&q->vm, 0, GFP_KERNEL, NUMA_NO_NODE), ZERO_SIZE_PTR);
    test_end(q);
}

static void g_s10_kvfree_takes_all_kinds_and_nothing_else(void **state)
{
    struct quarry *q = boot(1024);
    struct qr_cache_params params = {.name = "kv", .size = 100, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
    int local;

    qr_kvfree(&q->vm, qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE), "kvfree");
    qr_kvfree(&q->vm, qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE), "kvfree");
    qr_kvfree(&q->vm, qr_vmalloc(&q->vm, 5000, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc"),
              "kvfree");
    qr_kvfree(&q->vm, NULL, "kvfree");
    qr_kvfree(&q->vm, ZERO_SIZE_PTR, "kvfree");
    assert_int_equal(findings(q), 0);
    qr_kvfree(&q->vm, &local, "kvfree");
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    test_end(q);
}

static void kvrealloc_of_what_is_no_block_is_refused(void **state)
{
    struct quarry *q = test_boot(1024);
    char mine[64] = "mine", *block = qr_kvmalloc(&q->vm, 40, GFP_KERNEL, NUMA_NO_NODE);
    assert_null(qr_kvrealloc(&q->vm, mine, 100, GFP_KERNEL));
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE) + test_findings(q, QUARRY_BAD_REQUEST), 1);
    assert_string_equal(mine, "mine");
    assert_ptr_equal(qr_kvrealloc(&q->vm, block, 30, GFP_KERNEL), block); /* it fits */
    strcpy(block, "kept");
    block = qr_kvrealloc(&q->vm, block, 3000, GFP_KERNEL);
    assert_string_equal(block, "kept");
    qr_kvfree(&q->vm, block, "kvfree");
    test_end(q);
}

static void kvrealloc_stays_while_there_is_room_to_the_last_byte(void **state)
{
    struct quarry *q = boot(2048);
    char *block = qr_kvmalloc(&q->vm, 90, GFP_KERNEL, NUMA_NO_NODE);
    char *area = qr_vmalloc(&q->vm, 5000, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    char *large = qr_kvmalloc(&q->vm, 12000, GFP_KERNEL, NUMA_NO_NODE);

    assert_ptr_equal(qr_kvrealloc(&q->vm, block, 96, GFP_KERNEL), block);
    assert_false(is_vmalloc(q, large));
    assert_ptr_equal(qr_kvrealloc(&q->vm, large, 16384, GFP_KERNEL), large);
    assert_ptr_equal(qr_kvrealloc(&q->vm, large, 5000, GFP_KERNEL), large);
    qr_kvfree(&q->vm, large, "kvfree");
    assert_ptr_equal(qr_kvrealloc(&q->vm, area, 8192, GFP_KERNEL), area);
    qr_kvfree(&q->vm, block, "kvfree");
    qr_kvfree(&q->vm, area, "kvfree");
    assert_int_equal(findings(q), 0);
    test_end(q);
}

static void kvrealloc_grows_from_one_kind_into_the_other(void **state)
{
    struct quarry *q = boot(4096);
    struct quarry_fault fault = {.nth = 1, .persistent = true};
    char *block = qr_kvrealloc(&q->vm, NULL, 100, GFP_KERNEL), *bigger;

    memset(block, 'k', 100);
    block = qr_kvrealloc(&q->vm, block, 10000, GFP_KERNEL);
    assert_false(is_vmalloc(q, block));
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, &fault), 0);
    block = qr_kvrealloc(&q->vm, block, 50000, GFP_KERNEL);
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, NULL), 0);
    assert_true(is_vmalloc(q, block));
    block = qr_kvrealloc(&q->vm, block, 6u << 20, GFP_KERNEL);
    assert_true(is_vmalloc(q, block));
    for (int i = 0; i < 100; i++)
        assert_int_equal(block[i], 'k');
    bigger = qr_kvrealloc(&q->vm, block, 0x80000000ul, GFP_KERNEL | __GFP_NOWARN);
    assert_null(bigger);
    assert_int_equal(block[99], 'k'); /* as it was */
    qr_kvfree_sensitive(&q->vm, block, 100);
    assert_int_equal(findings(q), 0);
    test_end(q);
}

static void g_k1_every_inner_failure_leaves_nothing_behind(void **state)
{
    for (int point = 0; point < QUARRY_FAULT_POINTS; point++)
        for (int persistent = 0; persistent < 2; persistent++)
            /* Large areas make thousands of page requests: every one at first, then a sample. */
            for (unsigned int nth = 1;; nth += 1 + nth / 16) {
                struct quarry *q = boot(8192);
                struct quarry_fault fault = {.nth = nth, .persistent = persistent};
                static const size_t size[] = {64, 20000, 5u << 20};
                unsigned long failed;
                assert_int_equal(qr_fault_set(&q->faults, (enum quarry_fault_point)point, &fault),
                                 0);
                for (size_t i = 0; i < 3; i++) {
                    void *block =
                        qr_kvmalloc(&q->vm, size[i], GFP_KERNEL | __GFP_NOWARN, NUMA_NO_NODE);
                    void *bigger =
                        qr_kvrealloc(&q->vm, block, size[i] * 2 + 30000, GFP_KERNEL | __GFP_NOWARN);
                    qr_kvfree(&q->vm, bigger ? bigger : block, "kvfree");
                }
                failed = qr_fault_failed(&q->faults, (enum quarry_fault_point)point);
                assert_int_equal(findings(q), 0);
                test_end(q);
                if (!failed)
                    break;
                assert_true(nth < 20000);
            }
}

struct asked {
    size_t slab, vmalloc;
    gfp_t gfp;
};

/* kmalloc has nothing, and vmalloc is listened to. */
static bool keep_asked(const struct quarry_fault_request *request, void *data)
{
    struct asked *asked = data;

    if (request->point == QUARRY_FAILSLAB)
        asked->slab = request->size;
    if (request->point == QUARRY_FAIL_VMALLOC) {
        asked->vmalloc = request->size;
        asked->gfp = request->gfp;
    }
    return request->point == QUARRY_FAILSLAB;
}

static void both_are_asked_for_the_size_that_was_given(void **state)
{
    struct quarry *q = boot(1024);
    struct asked asked = {0};
    char *block = qr_kvrealloc(&q->vm, NULL, 64, GFP_KERNEL), *area;

    assert_int_equal(qr_ksize(&q->kmalloc, block), 64);
    memset(block, 'k', 64);
    qr_vfree(&q->vm, qr_vmalloc(&q->vm, 1, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc"), false);
    qr_fault_set_hook(&q->faults, keep_asked, &asked);
    for (int way = 0; way < 3; way++) {
        size_t size = 20000 + 4096 * (size_t)way;
        asked = (struct asked){0};
        area = way == 0   ? qr_kvmalloc(&q->vm, size, GFP_NOFS, NUMA_NO_NODE)
               : way == 1 ? qr_kvrealloc(&q->vm, NULL, size, GFP_NOFS)
                          : qr_kvrealloc(&q->vm, block, size, GFP_NOFS);
        assert_true(is_vmalloc(q, area));
        assert_int_equal(asked.slab, size);
        assert_int_equal(asked.vmalloc, size);
        assert_int_equal(asked.gfp & (__GFP_FS | __GFP_NORETRY | __GFP_NOWARN), 0);
        if (way < 2)
            qr_kvfree(&q->vm, area, "kvfree");
    }
    qr_fault_set_hook(&q->faults, NULL, NULL);
    for (int i = 0; i < 64; i++)
        assert_int_equal(area[i], 'k');
    qr_kvfree(&q->vm, area, "kvfree");
    assert_int_equal(findings(q), 0);
    test_end(q);
}

static void a_size_taken_for_an_overflow_is_named(void **state)
{
    struct quarry *q = test_boot(1024);

    assert_null(qr_kvmalloc(&q->vm, (size_t)0x80000000u, GFP_KERNEL, NUMA_NO_NODE));
    assert_non_null(strstr(test_last_report, "kvmalloc of 2147483648 bytes: "));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g_k1_up_to_a_page_only_kmalloc_is_asked),
        cmocka_unit_test(g_k1_beyond_a_page_vmalloc_follows_quietly),
        cmocka_unit_test(g_k1_kmalloc_does_not_try_hard_unless_it_is_asked_to),
        cmocka_unit_test(kvmalloc_of_a_node_is_served_from_there),
        cmocka_unit_test(g_k1_larger_than_any_block_means_vmalloc),
        cmocka_unit_test(g_k1_who_may_not_sleep_gets_no_vmalloc),
        cmocka_unit_test(g_k1_sizes_beyond_int_max_are_overflows),
        cmocka_unit_test(g_s10_kvfree_takes_all_kinds_and_nothing_else),
        cmocka_unit_test(kvrealloc_of_what_is_no_block_is_refused),
        cmocka_unit_test(kvrealloc_stays_while_there_is_room_to_the_last_byte),
        cmocka_unit_test(kvrealloc_grows_from_one_kind_into_the_other),
        cmocka_unit_test(g_k1_every_inner_failure_leaves_nothing_behind),
        cmocka_unit_test(both_are_asked_for_the_size_that_was_given),
        cmocka_unit_test(a_size_taken_for_an_overflow_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
