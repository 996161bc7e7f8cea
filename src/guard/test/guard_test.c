/* SPDX-License-Identifier: MIT */
/* The pool of guarded objects, on private machines: what it hands out, what it takes back, what it
 * says. Real faults are made by the demonstrations in tests/detectors/. */
#include "machine.h"
#include <sched.h>
#include <unistd.h>
#include "slab/internal.h"
#include "kmalloc/fast.h"
#include "fault/fault.h"

static struct quarry *boot_guarded(const char *options)
{
    struct test_spec spec = {.pages = 1024, .options = options};

    return test_boot_with(&spec);
}

static bool in_pool(struct quarry *q, const void *object)
{
    return qr_guard_owns(&q->guards, object);
}

static unsigned long findings_of(struct quarry *q, enum quarry_finding kind)
{
    return qr_report_count(&q->check, kind);
}

static void no_option_no_pool(void **state)
{
    struct quarry *q = boot_guarded(NULL);
    void *object = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE);

    assert_false(in_pool(q, object));
    assert_int_equal(q->guards.bytes, 0);
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    test_end(q);
}

static void each_nth_request_is_taken_and_lies_at_an_edge(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=3 kfence.num_objects=8");
    void *object[9];
    unsigned int left = 0, right = 0;

    for (int i = 0; i < 9; i++) {
        uintptr_t at;
        object[i] = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);
        assert_int_equal(in_pool(q, object[i]), i % 3 == 2);
        if (!in_pool(q, object[i]))
            continue;
        at = (uintptr_t)object[i] & ~PAGE_MASK;
        left += at == 0;
        right += at == PAGE_SIZE - 104; /* aligned to 8 */
        memset(object[i], 0x11, 100);
    }
    assert_int_equal(left + right, 3);
    for (int i = 0; i < 9; i++)
        qr_kfree_slow(&q->kmalloc, object[i], "kfree");
    assert_int_equal(findings_of(q, QUARRY_FINDING_KINDS), 0);
    assert_int_equal(q->guards.nr_freed, 3);
    test_end(q);
}

static void both_edges_are_used(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1 kfence.num_objects=64");
    unsigned int left = 0;

    for (int i = 0; i < 64; i++)
        left += ((uintptr_t)qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE) &
                 ~PAGE_MASK) == 0;
    assert_in_range(left, 16, 48);
    test_end(q);
}

static void a_full_pool_lets_requests_go_on_as_usual(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1 kfence.num_objects=2");
    void *a = qr_kmalloc_slow(&q->kmalloc, 8, GFP_KERNEL, NUMA_NO_NODE);
    void *b = qr_kmalloc_slow(&q->kmalloc, 8, GFP_KERNEL, NUMA_NO_NODE);
    void *c = qr_kmalloc_slow(&q->kmalloc, 8, GFP_KERNEL, NUMA_NO_NODE);
    void *d;

    assert_true(in_pool(q, a) && in_pool(q, b));
    assert_false(in_pool(q, c));
    qr_kfree_slow(&q->kmalloc, a, "kfree");
    d = qr_kmalloc_slow(&q->kmalloc, 8, GFP_KERNEL, NUMA_NO_NODE);
    assert_true(in_pool(q, d));
    assert_int_equal(q->guards.nr_skipped, 1);
    qr_kfree_slow(&q->kmalloc, b, "kfree");
    qr_kfree_slow(&q->kmalloc, c, "kfree");
    qr_kfree_slow(&q->kmalloc, d, "kfree");
    test_end(q);
}

static void what_was_freed_first_is_used_again_first(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1 kfence.num_objects=3");
    void *a = qr_kmalloc_slow(&q->kmalloc, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);
    void *b = qr_kmalloc_slow(&q->kmalloc, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);
    void *c;

    qr_kfree_slow(&q->kmalloc, b, "kfree");
    qr_kfree_slow(&q->kmalloc, a, "kfree");
    c = qr_kmalloc_slow(&q->kmalloc, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE); /* never used before */
    assert_true(c != a && c != b);
    assert_ptr_equal(qr_kmalloc_slow(&q->kmalloc, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE), b);
    assert_ptr_equal(qr_kmalloc_slow(&q->kmalloc, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE), a);
    test_end(q);
}

static void sizes_and_reallocation_know_them(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1");
    char *text = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE), *more;

    for (int i = 0; i < 100; i++)
        assert_int_equal(text[i], 0);
    assert_int_equal(qr_ksize(&q->kmalloc, text), 100);
    strcpy(text, "kept");
    assert_ptr_equal(qr_krealloc(&q->kmalloc, text, 50, GFP_KERNEL), text);
    more = qr_krealloc(&q->kmalloc, text, 200, GFP_KERNEL);
    assert_string_equal(more, "kept");
    assert_ptr_not_equal(more, text);
    assert_int_equal(qr_ksize(&q->kmalloc, text), 0); /* freed: reported */
    assert_int_equal(findings_of(q, QUARRY_USE_AFTER_FREE), 1);
    assert_non_null(strstr(test_last_report, "kfence-#0"));
    qr_kfree_sensitive(&q->kmalloc, more);
    assert_int_equal(findings_of(q, QUARRY_FINDING_KINDS), 1);
    test_end(q);
}

static void wrong_frees_are_reported_and_change_nothing(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1");
    char *object = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE);

    qr_kfree_slow(&q->kmalloc, object + 8, "kfree");
    assert_int_equal(findings_of(q, QUARRY_BAD_FREE), 1);
    assert_non_null(strstr(test_last_report, "KFENCE: invalid free of"));
    object[63] = 1; /* it is still there */
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    assert_int_equal(findings_of(q, QUARRY_DOUBLE_FREE), 1);
    assert_int_equal(q->guards.nr_freed, 1);
    qr_kfree_slow(&q->kmalloc, (void *)q->guards.start, "kfree"); /* a guard page */
    assert_int_equal(findings_of(q, QUARRY_BAD_FREE), 2);
    test_end(q);
}

static void a_damaged_canary_is_found_at_the_free(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1");
    char *object = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);

    /* Whichever edge it lies at, alignment leaves at least four bytes behind. */
    object[101] = 0x55;
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    assert_int_equal(findings_of(q, QUARRY_OVERRUN), 1);
    assert_non_null(strstr(test_last_report, "KFENCE: memory corruption at"));
    assert_non_null(strstr(test_last_report, "[ 0x55 "));
    assert_int_equal(q->guards.nr_freed, 1);
    test_end(q);
}

static void a_canary_before_the_object_is_one_too(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1 kfence.num_objects=64");
    char *object;

    do /* the ones at the left edge have none */
        object = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);
    while (((uintptr_t)object & ~PAGE_MASK) == 0);
    object[-2] = 0x55;
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    assert_int_equal(findings_of(q, QUARRY_FINDING_KINDS), 1);
    assert_non_null(strstr(test_last_report, "[ 0x55 . ]")); /* to the object and no further */
    test_end(q);
}

static void *hit_last;

static bool keep_report(const struct quarry_report *report, void *data)
{
    struct quarry_report *kept = data;

    *kept = *report;
    hit_last = (void *)report->address;
    snprintf(test_last_report, sizeof(test_last_report), "%s", report->text);
    kept->before = report->before ? (const void *)1 : NULL;
    kept->also = report->also ? (const void *)1 : NULL;
    return false;
}

static void a_fault_is_reported_once_and_then_let_through(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1");
    struct quarry_report got = {0};
    struct quarry_trace now = {1, {(void *)0x1234}};
    char *object = qr_kmalloc_slow(&q->kmalloc, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);

    qr_report_set_hook(&q->check, keep_report, &got);
    assert_true(qr_guard_fault(q, object - 1, QR_ACCESS_READ, &now));
    assert_int_equal(got.kind, QUARRY_OVERRUN);
    assert_ptr_equal(hit_last, object - 1);
    assert_non_null(got.before);
    assert_null(got.also);
    assert_non_null(strstr(test_last_report, "out-of-bounds read"));
    assert_non_null(strstr(test_last_report, "(1B left of kfence-#0)"));
    object[-1] = 1; /* mapped now */
    assert_true(qr_guard_fault(q, object + PAGE_SIZE + 4, QR_ACCESS_WRITE, &now));
    assert_non_null(strstr(test_last_report, "out-of-bounds write"));
    assert_non_null(strstr(test_last_report, "(5B right of kfence-#0)"));
    /* Another thread's fault at a page that is there by now only goes on. */
    assert_true(qr_guard_fault(q, object, QR_ACCESS_READ, &now));
    assert_int_equal(q->guards.nr_reports, 2);

    qr_kfree_slow(&q->kmalloc, object, "kfree");
    assert_true(qr_guard_fault(q, object + 3, QR_ACCESS_WRITE, &now));
    assert_int_equal(got.kind, QUARRY_USE_AFTER_FREE);
    assert_non_null(got.also);
    object[3] = 1;
    assert_true(qr_guard_fault(q, object + 3, QR_ACCESS_WRITE, &now));
    assert_int_equal(q->guards.nr_reports, 3);
    assert_false(qr_guard_fault(q, &got, QR_ACCESS_WRITE, &now));
    test_end(q);
}

static void a_fault_where_nothing_was_ever_allocated_is_reported(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1 kfence.num_objects=2");
    struct quarry_report got = {0};
    struct quarry_trace now = {1, {(void *)0x1234}};
    char *first = (char *)q->guards.start, *last = first + 4 * PAGE_SIZE;

    qr_report_set_hook(&q->check, keep_report, &got);
    for (char *at = first; at <= last; at += PAGE_SIZE) {
        assert_true(qr_guard_fault(q, at + 5, QR_ACCESS_WRITE, &now));
        assert_ptr_equal(hit_last, at + 5);
        assert_non_null(strstr(test_last_report, "invalid write"));
        assert_null(got.before);
        at[5] = 1; /* mapped now */
    }
    assert_int_equal(q->guards.nr_reports, 5);
    /* Whoever is allocated beside takes the pages away again: the next access is seen. */
    for (int i = 0; i < 2; i++)
        assert_non_null(qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE));
    assert_true(qr_guard_fault(q, first + 5, QR_ACCESS_WRITE, &now));
    assert_true(qr_guard_fault(q, last + 5, QR_ACCESS_WRITE, &now));
    assert_int_equal(q->guards.nr_reports, 7);
    assert_non_null(strstr(test_last_report, "out-of-bounds write"));
    test_end(q);
}

static unsigned int constructed, destroyed;

static void construct(void *object)
{
    *(int *)object = 42;
    constructed++;
}

static void construct_26(void *object, struct kmem_cache *cache, unsigned long flags)
{
    assert_true(flags & SLAB_CTOR_CONSTRUCTOR);
    *(int *)object = 43;
}

static void destruct_26(void *object, struct kmem_cache *cache, unsigned long flags)
{
    assert_int_equal(*(int *)object, 43);
    destroyed++;
}

static void constructors_and_destructors_run(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1");
    struct qr_cache_params params = {
        .name = "ctor", .size = 40, .ctor = construct, .slot_id = QR_NO_SLOT};
    struct qr_cache_params old = {.name = "old",
                                  .size = 40,
                                  .ctor26 = construct_26,
                                  .dtor26 = destruct_26,
                                  .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
    int *object = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE);

    assert_true(in_pool(q, object));
    assert_int_equal(*object, 42);
    assert_int_equal(constructed, 1);
    qr_cache_free_slow(&q->slabs, cache, object, "kmem_cache_free");
    qr_cache_destroy(&q->slabs, cache, false);
    cache = qr_cache_create(&q->slabs, &old);
    object = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE);
    assert_true(in_pool(q, object));
    assert_int_equal(*object, 43);
    qr_cache_free_slow(&q->slabs, cache, object, "kmem_cache_free");
    assert_int_equal(destroyed, 1);
    qr_cache_destroy(&q->slabs, cache, false);
    test_end(q);
}

static void caches_that_said_no_are_left_alone(void **state)
{
    static const slab_flags_t flags[] = {SLAB_SKIP_KFENCE, SLAB_TYPESAFE_BY_RCU, SLAB_CACHE_DMA};
    struct quarry *q = boot_guarded("kfence.every=1");

    for (size_t i = 0; i < QR_ARRAY_SIZE(flags); i++) {
        struct qr_cache_params params = {
            .name = "never", .size = 40, .flags = flags[i], .slot_id = QR_NO_SLOT};
        struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
        void *object = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE);
        assert_false(in_pool(q, object));
        qr_cache_free_slow(&q->slabs, cache, object, "kmem_cache_free");
        qr_cache_destroy(&q->slabs, cache, false);
    }
    test_end(q);
}

static bool count_live(const struct quarry_live *live, void *data)
{
    assert_int_equal(live->size, 40);
    assert_string_equal(live->cache, "leaky");
    assert_true(live->sequence != 0);
    ++*(int *)data;
    return true;
}

static void a_live_object_is_a_leak_of_its_cache_and_keeps_it(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1");
    struct qr_cache_params params = {.name = "leaky", .size = 40, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
    struct kmem_cache *other;
    void *object = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE);
    int nr = 0;

    qr_slabs_for_each_live(&q->slabs, count_live, &nr);
    assert_int_equal(nr, 1);
    params.name = "other";
    other = qr_cache_create(&q->slabs, &params);
    qr_cache_free_slow(&q->slabs, other, object, "kmem_cache_free");
    assert_int_equal(findings_of(q, QUARRY_BAD_FREE), 1);
    qr_cache_destroy(&q->slabs, other, false);
    qr_cache_destroy(&q->slabs, cache, false);
    assert_int_equal(findings_of(q, QUARRY_LEAK), 1);
    /* As with any object of a destroyed cache it may still come back. */
    qr_cache_free_slow(&q->slabs, NULL, object, "kfree");
    assert_int_equal(findings_of(q, QUARRY_FINDING_KINDS), 2);
    test_end(q);
}

static bool visit_block(const struct qr_leak_block *block, void *data)
{
    unsigned int *nr = data;

    assert_int_equal(block->size, 40);
    return ++*nr < 2;
}

static void the_leak_scan_sees_live_objects(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1");
    struct quarry *plain = boot_guarded(NULL);
    struct qr_leak_block block = {0};
    char *object[3];
    unsigned int nr = 0;

    for (int i = 0; i < 3; i++)
        object[i] = qr_kmalloc_slow(&q->kmalloc, 40, GFP_KERNEL, NUMA_NO_NODE);
    assert_true(qr_guard_leak_find(&q->guards, object[1] + 39, &block));
    assert_ptr_equal(block.start, object[1]);
    assert_int_equal(block.size, 40);
    assert_non_null(block.word);
    assert_false(qr_guard_leak_find(&q->guards, object[1] + 40, &block));
    assert_false(
        qr_guard_leak_find(&q->guards, (char *)q->guards.start, &block)); /* a guard page */
    assert_false(qr_guard_leak_each(&q->guards, visit_block, &nr));
    assert_int_equal(nr, 2); /* the visitor ended the walk */
    qr_kfree_slow(&q->kmalloc, object[0], "kfree");
    qr_kfree_slow(&q->kmalloc, object[1], "kfree");
    assert_false(qr_guard_leak_find(&q->guards, object[1], &block));
    nr = 0;
    assert_true(qr_guard_leak_each(&q->guards, visit_block, &nr));
    assert_int_equal(nr, 1);
    assert_true(qr_guard_leak_each(&plain->guards, visit_block, &nr));
    assert_int_equal(nr, 1);
    test_end(plain);
    test_end(q);
}

static void an_address_knows_who_allocated_and_who_freed(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1 check=1");
    struct quarry_trace allocated = {0}, freed = {0};
    char *object = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE);

    qr_guard_sites(&q->guards, object + 1, &allocated, &freed);
    assert_true(allocated.nr > 0);
    assert_int_equal(freed.nr, 0);
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    qr_guard_sites(&q->guards, object + 1, NULL, &freed);
    assert_true(freed.nr > 0);
    assert_memory_not_equal(&freed, &allocated, sizeof(freed));
    test_end(q);
}

static void an_address_can_be_described(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1");
    char *object = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE);
    char text[192];

    qr_guard_describe(&q->guards, object + 5, text, sizeof(text));
    assert_non_null(strstr(text, "byte 5 of kfence-#0"));
    assert_non_null(strstr(text, "64 bytes, cache kmalloc-64, live"));
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    qr_guard_describe(&q->guards, object, text, sizeof(text));
    assert_non_null(strstr(text, "freed"));
    qr_guard_describe(&q->guards, (char *)q->guards.start, text, sizeof(text));
    assert_non_null(strstr(text, "guard page"));
    qr_guard_describe(&q->guards, (char *)q->guards.start + 3 * PAGE_SIZE, text, sizeof(text));
    assert_non_null(strstr(text, "kfence-#1 of the pool of sampled objects, never used"));
    test_end(q);
}

static void by_time_a_request_is_taken_once_the_gate_is_open(void **state)
{
    struct quarry *q = boot_guarded("kfence.sample_interval=1");
    bool taken = false;

    /* The gate opens for one request at a time; waiting for the condition, not for the time. */
    while (!taken) {
        void *object = qr_kmalloc(&q->kmalloc, 64, GFP_KERNEL);
        taken = in_pool(q, object);
        qr_kfree(&q->kmalloc, object);
    }
    assert_int_equal(q->guards.nr_freed, 1);
    assert_int_equal(findings_of(q, QUARRY_FINDING_KINDS), 0);
    test_end(q);
}

static void a_machine_without_room_for_the_pool_says_so(void **state)
{
    struct test_spec spec = {
        .pages = 256, .options = "kfence.every=1 kfence.num_objects=1000", .expect_failure = true};

    assert_null(test_boot_with(&spec));
    assert_non_null(strstr(test_why, "kfence.num_objects=1000 needs"));
}

/* Whichever place notes that a guard page was opened closes it: the one behind, or for the last the one
 * before. */
static void an_opened_guard_page_is_noted_by_a_place_beside_it(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1 kfence.num_objects=3");
    struct quarry_report got = {0};
    struct quarry_trace now = {1, {(void *)0x1234}};
    unsigned char *rest = (unsigned char *)&q->guards.place[3];
    size_t nr_rest = qr_guard_record_bytes(3) - 3 * sizeof(q->guards.place[0]);

    memset(rest, 0xff, nr_rest); /* behind the records: nobody reads or writes there */
    qr_report_set_hook(&q->check, keep_report, &got);
    for (unsigned int i = 0; i <= 3; i++) {
        char *page = (char *)q->guards.start + 2 * i * PAGE_SIZE;
        for (unsigned int hits = 0; hits < 2; hits++) {
            assert_true(qr_guard_fault(q, page, QR_ACCESS_READ, &now));
            assert_int_equal(q->guards.nr_reports, i + 1); /* it is open: only the first time */
        }
        for (unsigned int k = 0; k < 3; k++) {
            assert_int_equal(q->guards.place[k].open_guard[0], k <= i);
            assert_int_equal(q->guards.place[k].open_guard[1], k == 2 && i == 3);
            assert_false(q->guards.place[k].open);
        }
    }
    for (size_t i = 0; i < nr_rest; i++)
        assert_int_equal(rest[i], 0xff);
    test_end(q);
}

static struct quarry_live seen_live[4];
static unsigned int nr_seen_live;

static bool see_live(const struct quarry_live *live, void *data)
{
    seen_live[nr_seen_live] = *live;
    seen_live[nr_seen_live].allocated.nr = live->allocated.nr;
    return ++nr_seen_live < *(unsigned int *)data;
}

static void live_objects_are_seen_with_all_that_is_known_of_them(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1 kfence.num_objects=4 check=1");
    unsigned int stop = 4;
    void *object[3];

    for (int i = 0; i < 3; i++)
        object[i] = qr_kmalloc_slow(&q->kmalloc, 50, GFP_NOIO, NUMA_NO_NODE);
    qr_kfree_slow(&q->kmalloc, object[1], "kfree");
    assert_int_equal(q->guards.nr_allocated, 3);
    assert_int_equal(q->guards.nr_freed, 1);
    nr_seen_live = 0;
    assert_true(qr_guard_for_each_live(&q->guards, NULL, see_live, &stop));
    assert_int_equal(nr_seen_live, 2);
    for (unsigned int i = 0; i < 2; i++) {
        assert_ptr_equal(seen_live[i].address, object[2 * i]);
        assert_int_equal(seen_live[i].size, 50);
        assert_int_equal(seen_live[i].kind, QUARRY_LIVE_OBJECT);
        assert_int_equal(seen_live[i].gfp, GFP_NOIO);
        assert_true(seen_live[i].allocated.nr > 0);
        assert_true(seen_live[i].when_ns > 0);
        assert_false(seen_live[i].lost);
    }
    assert_true(seen_live[0].sequence < seen_live[1].sequence);
    assert_int_equal(qr_guard_count(&q->guards, NULL), 2);
    assert_int_equal(qr_guard_count(&q->guards, q), 0); /* nobody's cache */
    stop = 1;
    nr_seen_live = 0;
    assert_false(qr_guard_for_each_live(&q->guards, NULL, see_live, &stop));
    assert_int_equal(nr_seen_live, 1);
    qr_kfree_slow(&q->kmalloc, object[0], "kfree");
    qr_kfree_slow(&q->kmalloc, object[2], "kfree");
    test_end(q);
}

static void a_description_ends_where_its_room_ends(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1");
    char *object = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE);
    char *start = (char *)q->guards.start;
    const char *const address[] = {start, object, start + 3 * PAGE_SIZE};
    char whole[192], text[192];

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(address); i++) {
        qr_guard_describe(&q->guards, address[i], whole, sizeof(whole));
        for (size_t size = 1; size < strlen(whole) + 2; size++) {
            memset(text, '#', sizeof(text));
            qr_guard_describe(&q->guards, address[i], text, size);
            assert_int_equal(text[size], '#');
            assert_int_equal(strncmp(text, whole, QR_MIN(size - 1, strlen(whole))), 0);
            assert_int_equal(strlen(text), QR_MIN(size - 1, strlen(whole)));
        }
    }
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    test_end(q);
}

/* A quarter of an hour has not passed, however often the timer is woken. */
static void before_the_interval_is_over_nothing_is_taken(void **state)
{
    struct quarry *q = boot_guarded("kfence.sample_interval=1000000");

    for (int i = 0; i < 300; i++) {
        void *object = qr_kmalloc(&q->kmalloc, 64, GFP_KERNEL);
        assert_false(in_pool(q, object));
        assert_int_equal(__atomic_load_n(&q->guards.gate, __ATOMIC_RELAXED), 0);
        qr_kfree(&q->kmalloc, object);
        qp_wake(&q->guards.wake);
        sched_yield();
    }
    qr_guards_stop(&q->guards);
    assert_int_equal(q->guards.running, 0);
    qr_guards_stop(&q->guards); /* there is none to be stopped */
    /* Without a timer whoever comes the slow way looks at the clock, and one is taken an interval. */
    assert_false(qr_guard_sample(&q->guards));
    q->guards.next_ns = 1;
    assert_true(qr_guard_sample(&q->guards));
    assert_false(qr_guard_sample(&q->guards));
    assert_true(q->guards.next_ns >= qp_now_ns() + 900ull * 1000000000);
    test_end(q);
}

static void a_copy_of_the_machine_has_its_guards_and_its_timer(void **state)
{
    struct quarry *q = boot_guarded("kfence.sample_interval=1000000 kfence.num_objects=4");
    struct quarry_report got = {0};
    struct quarry_trace now = {1, {(void *)0x1234}};
    char *start = (char *)q->guards.start;

    qr_report_set_hook(&q->check, keep_report, &got);
    for (unsigned int i = 0; i < 9; i++)
        assert_true(qr_guard_fault(q, start + i * PAGE_SIZE, QR_ACCESS_READ, &now));
    qr_guards_stop(&q->guards);
    qr_guards_after_fork(&q->guards);
    assert_int_equal(q->guards.running, 1);
    for (unsigned int i = 0; i < 4; i++) {
        const struct qr_guard_place *place = &q->guards.place[i];
        assert_false(place->open || place->open_guard[0] || place->open_guard[1]);
    }
    for (unsigned int i = 0; i < 9; i++) /* each is seen again, so each is closed again */
        assert_true(qr_guard_fault(q, start + i * PAGE_SIZE, QR_ACCESS_READ, &now));
    assert_int_equal(q->guards.nr_reports, 18);
    test_end(q);
}

/* The text on the console has the lines of both sites, and none that is no address of theirs. */
static char guard_console[4096];

static void the_report_s_traces_are_as_long_as_they_are(void **state)
{
    struct quarry *q = boot_guarded("kfence.every=1 check=1");
    struct quarry_trace now = {2, {(void *)0x1234, (void *)0x5678, (void *)0xdead}};
    char *object = qr_kmalloc_slow(&q->kmalloc, PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);
    int channel[2], before;
    ssize_t length;

    q->check.hook = NULL;
    assert_int_equal(pipe(channel), 0);
    fflush(stderr);
    before = dup(2);
    dup2(channel[1], 2);
    qr_guard_fault(q, object - 1, QR_ACCESS_READ, &now);
    dup2(before, 2);
    close(before);
    close(channel[1]);
    length = read(channel[0], guard_console, sizeof(guard_console) - 1);
    close(channel[0]);
    assert_true(length > 0);
    assert_non_null(strstr(guard_console, ":\n 0x1234\n 0x5678\n\nkfence-#0: "));
    assert_non_null(strstr(guard_console, "\nallocated by task "));
    assert_null(strstr(guard_console, "freed by"));
    assert_null(strstr(guard_console, "0xdead"));
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_option_no_pool),
        cmocka_unit_test(each_nth_request_is_taken_and_lies_at_an_edge),
        cmocka_unit_test(both_edges_are_used),
        cmocka_unit_test(a_full_pool_lets_requests_go_on_as_usual),
        cmocka_unit_test(what_was_freed_first_is_used_again_first),
        cmocka_unit_test(sizes_and_reallocation_know_them),
        cmocka_unit_test(wrong_frees_are_reported_and_change_nothing),
        cmocka_unit_test(a_damaged_canary_is_found_at_the_free),
        cmocka_unit_test(a_canary_before_the_object_is_one_too),
        cmocka_unit_test(a_fault_is_reported_once_and_then_let_through),
        cmocka_unit_test(a_fault_where_nothing_was_ever_allocated_is_reported),
        cmocka_unit_test(constructors_and_destructors_run),
        cmocka_unit_test(caches_that_said_no_are_left_alone),
        cmocka_unit_test(a_live_object_is_a_leak_of_its_cache_and_keeps_it),
        cmocka_unit_test(the_leak_scan_sees_live_objects),
        cmocka_unit_test(an_address_knows_who_allocated_and_who_freed),
        cmocka_unit_test(an_address_can_be_described),
        cmocka_unit_test(by_time_a_request_is_taken_once_the_gate_is_open),
        cmocka_unit_test(a_machine_without_room_for_the_pool_says_so),
        cmocka_unit_test(an_opened_guard_page_is_noted_by_a_place_beside_it),
        cmocka_unit_test(live_objects_are_seen_with_all_that_is_known_of_them),
        cmocka_unit_test(a_description_ends_where_its_room_ends),
        cmocka_unit_test(before_the_interval_is_over_nothing_is_taken),
        cmocka_unit_test(a_copy_of_the_machine_has_its_guards_and_its_timer),
        cmocka_unit_test(the_report_s_traces_are_as_long_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
