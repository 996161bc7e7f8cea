/* SPDX-License-Identifier: MIT */
/* Waiting for a slot of kmap or kmap_local that nobody lets go, or nearly: the port's qp_wait is linked
 * through a wrapper, so that no time passes. */
#include "vm_support.h"

void __real_qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns);
void __wrap_qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns);

static _Thread_local struct waiting {
    struct quarry *q;    /* NULL: this thread sleeps as usual */
    unsigned long nr;    /* waits so far */
    u64 ns;              /* of time, if nothing had happened */
    char *held;          /* somebody, as an interrupt would, lets this go … */
    struct page *mapped; /* or, of kmap, this */
    unsigned long at;    /* … during this wait; 0: never */
} waiting;

void __wrap_qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns)
{
    if (!waiting.q) {
        __real_qp_wait(event, seen, timeout_ns);
        return;
    }
    waiting.ns += timeout_ns;
    if (++waiting.nr != waiting.at)
        return;
    if (waiting.mapped)
        qr_kunmap(&waiting.q->kmaps, waiting.mapped);
    else
        assert_true(qr_kunmap_local(&waiting.q->kmaps, waiting.held));
}

static struct quarry *boot_held(struct page **page, char *address[256], unsigned int *nr)
{
    struct test_spec spec = {.pages = 2048, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    *page = qr_alloc_pages(&q->zones, GFP_HIGHUSER, 0, NUMA_NO_NODE);
    assert_non_null(*page);
    for (*nr = 0; *nr < q->kmaps.nr_fixmap; ++*nr)
        assert_non_null(address[*nr] = qr_kmap_local(&q->kmaps, *page));
    assert_int_equal(q->kmaps.fixmap_free, 0);
    return q;
}

static void end_held(struct quarry *q, struct page *page, char *address[256], unsigned int nr)
{
    while (nr)
        assert_true(qr_kunmap_local(&q->kmaps, address[--nr]));
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

static void kmap_local_gives_up_after_five_seconds_without_a_slot(void **state)
{
    char *address[256];
    struct page *page;
    unsigned int nr;
    struct quarry *q = boot_held(&page, address, &nr);
    waiting = (struct waiting){.q = q};
    assert_null(qr_kmap_local(&q->kmaps, page));
    assert_int_equal(waiting.ns, 5ull * 1000 * 1000 * 1000);
    waiting.q = NULL;
    assert_int_equal(q->kmaps.waiters, 0);
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 1);
    assert_non_null(strstr(test_last_report, "forgets kunmap_local"));
    end_held(q, page, address, nr);
}

static void kmap_local_waits_no_more_once_it_has_a_slot(void **state)
{
    char *address[256], *got;
    struct page *page;
    unsigned int nr;
    struct quarry *q = boot_held(&page, address, &nr);
    waiting = (struct waiting){.q = q, .held = address[nr - 1], .at = 3};
    got = qr_kmap_local(&q->kmaps, page);
    assert_int_equal(waiting.nr, 3);
    waiting.q = NULL;
    assert_ptr_equal(got, address[nr - 1]);
    assert_int_equal(q->kmaps.waiters, 0);
    end_held(q, page, address, nr);
}

static void kmap_local_has_a_slot_that_comes_free_in_the_last_moment(void **state)
{
    char *address[256], *got;
    struct page *page;
    unsigned int nr;
    struct quarry *q = boot_held(&page, address, &nr);
    waiting = (struct waiting){.q = q, .held = address[nr - 1], .at = 500};
    got = qr_kmap_local(&q->kmaps, page);
    assert_int_equal(waiting.nr, 500);
    waiting.q = NULL;
    assert_ptr_equal(got, address[nr - 1]);
    end_held(q, page, address, nr);
}

static void kmap_sleeps_until_a_slot_is_let_go(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    struct page *page[17];
    void *address;
    for (unsigned int i = 0; i < 17; i++)
        page[i] = qr_alloc_pages(&q->zones, GFP_HIGHUSER, 0, NUMA_NO_NODE);
    for (unsigned int i = 0; i < 16; i++)
        assert_non_null(qr_kmap(&q->kmaps, page[i]));
    address = qr_kmap_address(&q->kmaps, page[5]);
    waiting = (struct waiting){.q = q, .mapped = page[5], .at = 4};
    assert_ptr_equal(qr_kmap(&q->kmaps, page[16]), address);
    assert_int_equal(waiting.nr, 4); /* once for each time it found the window full */
    assert_int_equal(waiting.ns, 0); /* and each as long as it takes */
    waiting.q = NULL;
    assert_int_equal(q->kmaps.waiters, 0);
    for (unsigned int i = 0; i < 17; i++) {
        if (i != 5)
            qr_kunmap(&q->kmaps, page[i]);
        qr_free_block(&q->zones, page[i], 0);
    }
    test_end(q);
}

static void without_a_window_nobody_waits(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "zones", .no_kmap = true};
    struct quarry *q = test_boot_with(&spec);
    struct page *page = qr_alloc_pages(&q->zones, GFP_HIGHUSER, 0, NUMA_NO_NODE);
    waiting = (struct waiting){.q = q};
    assert_null(qr_kmap_local(&q->kmaps, page));
    assert_int_equal(waiting.nr, 0);
    waiting.q = NULL;
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kmap_local_gives_up_after_five_seconds_without_a_slot),
        cmocka_unit_test(kmap_local_waits_no_more_once_it_has_a_slot),
        cmocka_unit_test(kmap_local_has_a_slot_that_comes_free_in_the_last_moment),
        cmocka_unit_test(kmap_sleeps_until_a_slot_is_let_go),
        cmocka_unit_test(without_a_window_nobody_waits),
    };
    return cmocka_run_group_tests_name("waiting for kmap_local", tests, NULL, NULL);
}
