/* SPDX-License-Identifier: MIT */
/* Tests of the public calls for tools (quarry/stat.h, report.h, fault.h) on the default machine, as a
 * program meets them: the machine boots itself when one of them first needs it. */
#include "machine.h"
#include <quarry/quarry.h>

static struct {
    unsigned int calls;
    char text[512];
} heard;

static bool listen(const struct quarry_report *report, void *data)
{
    assert_ptr_equal(data, &heard);
    heard.calls++;
    snprintf(heard.text, sizeof(heard.text), "%s", report->text);
    return false;
}

/* This is the first test: nothing has started the machine. */
static void a_tool_may_listen_before_the_machine_runs(void **state)
{
    (void)state;
    quarry_set_report_hook(listen, &heard);
    assert_int_equal(quarry_findings(QUARRY_FINDING_KINDS), 0);
    assert_false(quarry_booted());
    assert_null(alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER + 1));
    assert_true(quarry_booted());
    assert_int_equal(heard.calls, 1);
    assert_int_equal(quarry_findings(QUARRY_BAD_REQUEST), 1);
    assert_int_equal(quarry_findings(QUARRY_FINDING_KINDS), 1);
}

static void every_text_is_there_by_name(void **state)
{
    static char text[1 << 18];

    (void)state;
    for (unsigned int which = 0; which < QUARRY_TEXTS; which++) {
        assert_true(quarry_text(which, text, sizeof(text)) < sizeof(text));
        assert_non_null(quarry_text_name(which));
    }
    assert_true(quarry_text(QUARRY_BUDDYINFO, text, sizeof(text)) > 0);
    assert_int_equal(strncmp(text, "Node 0, zone ", 13), 0);
    assert_int_equal(quarry_text(QUARRY_TEXTS, text, sizeof(text)), 0);
    assert_null(quarry_text_name(QUARRY_TEXTS));
}

static void a_page_fault_point_fails_the_chosen_requests(void **state)
{
    const struct quarry_fault second = {.nth = 2};
    struct page *page[3];

    (void)state;
    assert_int_equal(quarry_fault_set(QUARRY_FAIL_PAGE_ALLOC, &second), 0);
    for (unsigned int i = 0; i < 3; i++)
        page[i] = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0);
    assert_int_equal(quarry_fault_set(QUARRY_FAIL_PAGE_ALLOC, NULL), 0);
    assert_true(page[0] && !page[1] && page[2]);
    assert_int_equal(quarry_fault_seen(QUARRY_FAIL_PAGE_ALLOC), 3);
    assert_int_equal(quarry_fault_failed(QUARRY_FAIL_PAGE_ALLOC), 1);
    __free_pages(page[0], 0);
    __free_pages(page[2], 0);
}

static void a_slab_fault_point_fails_the_chosen_cache_alone(void **state)
{
    const struct quarry_fault always = {.nth = 1, .persistent = true, .cache = "chosen"};
    struct kmem_cache *chosen = kmem_cache_create("chosen", 64, 0, 0, NULL);
    struct kmem_cache *other = kmem_cache_create("other", 64, 0, 0, NULL);
    void *object;

    (void)state;
    assert_true(chosen && other);
    kmem_cache_free(chosen, kmem_cache_alloc(chosen, GFP_KERNEL)); /* one lies on the stack */
    assert_int_equal(quarry_fault_set(QUARRY_FAILSLAB, &always), 0);
    assert_null(kmem_cache_alloc(chosen, GFP_KERNEL | __GFP_NOWARN));
    object = kmem_cache_alloc(other, GFP_KERNEL);
    assert_non_null(object);
    kmem_cache_free(other, object);
    assert_int_equal(quarry_fault_set(QUARRY_FAILSLAB, NULL), 0);
    object = kmem_cache_alloc(chosen, GFP_KERNEL);
    assert_non_null(object);
    kmem_cache_free(chosen, object);
    kmem_cache_destroy(chosen);
    kmem_cache_destroy(other);
}

static void a_vmalloc_fault_point_fails_the_chosen_sizes(void **state)
{
    const struct quarry_fault large = {.nth = 1, .persistent = true, .min_size = 1 << 20};
    void *area;

    (void)state;
    assert_int_equal(quarry_fault_set(QUARRY_FAIL_VMALLOC, &large), 0);
    area = vmalloc(1 << 16);
    assert_non_null(area);
    vfree(area);
    assert_null(vmalloc(1 << 20));
    assert_int_equal(quarry_fault_set(QUARRY_FAIL_VMALLOC, NULL), 0);
    area = vmalloc(1 << 20);
    assert_non_null(area);
    vfree(area);
}

static void a_point_for_steps_of_others_answers_them(void **state)
{
    const struct quarry_fault second = {.nth = 2, .min_size = 8};

    (void)state;
    assert_false(quarry_fault_hit(QUARRY_FAIL_USERCOPY, 8));
    assert_int_equal(quarry_fault_set(QUARRY_FAIL_USERCOPY, &second), 0);
    assert_false(quarry_fault_hit(QUARRY_FAIL_USERCOPY, 8));
    assert_false(quarry_fault_hit(QUARRY_FAIL_USERCOPY, 7));
    assert_true(quarry_fault_hit(QUARRY_FAIL_USERCOPY, 9));
    assert_false(quarry_fault_hit(QUARRY_FAIL_USERCOPY, 9));
    assert_int_equal(quarry_fault_seen(QUARRY_FAIL_USERCOPY), 3);
    assert_int_equal(quarry_fault_failed(QUARRY_FAIL_USERCOPY), 1);
    assert_int_equal(quarry_fault_set(QUARRY_FAIL_USERCOPY, NULL), 0);
    assert_false(quarry_fault_hit(QUARRY_FAULT_POINTS, 8));
}

static void a_wrong_fault_is_refused(void **state)
{
    const struct quarry_fault wrong = {.prob = 101};

    (void)state;
    assert_int_equal(quarry_fault_set(QUARRY_FAILSLAB, &wrong), -QR_EINVAL);
    assert_int_equal(quarry_fault_set(QUARRY_FAULT_POINTS, NULL), -QR_EINVAL);
}

static bool count_visit(const struct quarry_cache_stat *stat, void *data)
{
    ++*(unsigned int *)data;
    return stat->name != NULL;
}

static void the_machine_can_be_walked_and_is_in_order(void **state)
{
    unsigned int caches = 0;

    (void)state;
    quarry_for_each_cache(count_visit, &caches);
    assert_true(caches > 8);
    assert_true(quarry_sequence() > 0);
    assert_true(quarry_peak_bytes() >= quarry_live_bytes());
    assert_int_equal(quarry_check_all(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tool_may_listen_before_the_machine_runs),
        cmocka_unit_test(every_text_is_there_by_name),
        cmocka_unit_test(a_point_for_steps_of_others_answers_them),
        cmocka_unit_test(a_page_fault_point_fails_the_chosen_requests),
        cmocka_unit_test(a_slab_fault_point_fails_the_chosen_cache_alone),
        cmocka_unit_test(a_vmalloc_fault_point_fails_the_chosen_sizes),
        cmocka_unit_test(a_wrong_fault_is_refused),
        cmocka_unit_test(the_machine_can_be_walked_and_is_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
