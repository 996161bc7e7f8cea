/* SPDX-License-Identifier: MIT */
/* Callers' mistakes: each ends in one clear report of the right kind, an error value where the call
 * has one, and a machine that is exactly as it was.
 *
 * Idea. Every test makes one mistake between note() and expect(): note() remembers the findings and
 * the live set, expect() requires exactly one new finding of the kind, a word in its text, and the
 * live set unchanged. */
#include <quarry/quarry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static unsigned long found[QUARRY_FINDING_KINDS], noted[QUARRY_FINDING_KINDS];
static unsigned long live_blocks, noted_blocks;
static char last_text[512];
static bool last_has_before;

static bool remember(const struct quarry_report *report, void *data)
{
    found[report->kind]++;
    snprintf(last_text, sizeof(last_text), "%s", report->text);
    last_has_before = report->before && report->before->nr > 0;
    return false;
}

static bool count_live(const struct quarry_live *live, void *data)
{
    live_blocks++;
    return true;
}

static void note(void)
{
    memcpy(noted, found, sizeof(noted));
    live_blocks = 0;
    quarry_for_each_live(count_live, NULL);
    noted_blocks = live_blocks;
    last_text[0] = '\0';
}

static void expect(enum quarry_finding kind, const char *word)
{
    for (int i = 0; i < QUARRY_FINDING_KINDS; i++) {
        if (found[i] != noted[i] + (i == (int)kind))
            fail_msg("finding kind %d: %lu new, last text \"%s\"", i, found[i] - noted[i],
                     last_text);
    }
    if (!strstr(last_text, word))
        fail_msg("\"%s\" not in the report \"%s\"", word, last_text);
    live_blocks = 0;
    quarry_for_each_live(count_live, NULL);
    assert_int_equal(live_blocks, noted_blocks);
    assert_int_equal(quarry_check_all(), 0);
}

static void expect_silence(void)
{
    assert_memory_equal(found, noted, sizeof(found));
}

static void size_zero_is_a_pointer_that_may_be_freed(void **state)
{
    note();
    assert_ptr_equal(kmalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
    kfree(ZERO_SIZE_PTR);
    kfree(NULL);
    expect_silence();
}

static void a_size_beyond_every_limit_fails_and_names_the_alternative(void **state)
{
    volatile size_t huge = SIZE_MAX;

    note();
    assert_null(kmalloc(huge, GFP_KERNEL));
    expect(QUARRY_BAD_REQUEST, "kvmalloc");
    note();
    assert_null(kmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN));
    expect_silence();
}

static void vmalloc_of_nothing_and_of_too_much_fails(void **state)
{
    note();
    assert_null(vmalloc(0));
    expect(QUARRY_BAD_REQUEST, "0");
    note();
    assert_null(vmalloc(~0UL));
    expect(QUARRY_BAD_REQUEST, "vmalloc");
    note();
    assert_null(vmalloc(1UL << 40));
    expect(QUARRY_BAD_REQUEST, "vmalloc");
}

static void order_eleven_fails(void **state)
{
    note();
    assert_null(alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER + 1));
    expect(QUARRY_BAD_REQUEST, "order 11");
    note();
    assert_int_equal(__get_free_pages(GFP_KERNEL, MAX_PAGE_ORDER + 1), 0);
    expect(QUARRY_BAD_REQUEST, "order 11");
}

static void an_overflowing_array_fails_silently(void **state)
{
    volatile size_t n = SIZE_MAX / 2;

    note();
    assert_null(kcalloc(n, 3, GFP_KERNEL));
    assert_null(kmalloc_array(n, 4, GFP_KERNEL));
    assert_null(krealloc_array(NULL, n, 5, GFP_KERNEL));
    assert_null(kvcalloc(n, 3, GFP_KERNEL));
    expect_silence();
}

static void unknown_flags_are_named(void **state)
{
    void *p;

    note();
    p = kmalloc(64, GFP_KERNEL | 0x40000000u);
    kfree(p);
    expect(QUARRY_BAD_REQUEST, "0x40000000");
    note();
    p = alloc_pages(GFP_KERNEL | 0x80000000u, 0);
    if (p)
        __free_page((struct page *)p);
    expect(QUARRY_BAD_REQUEST, "0x80000000");
}

static void kmalloc_has_no_high_memory(void **state)
{
    void *p;

    note();
    p = kmalloc(64, GFP_KERNEL | __GFP_HIGHMEM);
    assert_non_null(p);
    kfree(p);
    expect(QUARRY_BAD_REQUEST, "HIGHMEM");
}

static void in_interrupt(void *data)
{
    void **result = data;

    *result = kmalloc(64, GFP_KERNEL);
}

static void a_sleeping_request_in_interrupt_names_both_sites(void **state)
{
    void *p = NULL;

    note();
    quarry_raise_irq(in_interrupt, &p);
    kfree(p);
    expect(QUARRY_BAD_CONTEXT, "interrupt");
    assert_true(last_has_before);
}

static void a_sleeping_request_in_atomic_context_names_both_sites(void **state)
{
    static const enum quarry_context context[] = {QUARRY_CTX_SPINLOCK, QUARRY_CTX_PREEMPT_OFF,
                                                  QUARRY_CTX_BH_OFF, QUARRY_CTX_RCU_READ};

    for (int i = 0; i < 4; i++) {
        void *p;
        note();
        quarry_context_enter(context[i]);
        p = kmalloc(64, GFP_KERNEL);
        quarry_context_leave(context[i]);
        assert_non_null(p); /* served as if it could not sleep */
        kfree(p);
        expect(QUARRY_BAD_CONTEXT, "kmalloc");
        assert_true(last_has_before);
    }
}

static void vmalloc_in_interrupt_handler(void *data)
{
    void **result = data;

    *result = vmalloc(PAGE_SIZE);
}

static void vmalloc_in_interrupt_is_reported(void **state)
{
    void *p = NULL;

    note();
    quarry_raise_irq(vmalloc_in_interrupt_handler, &p);
    vfree(p);
    expect(QUARRY_BAD_CONTEXT, "vmalloc");
}

static void nofail_without_sleeping_is_a_contradiction(void **state)
{
    struct page *page;

    note();
    page = alloc_pages(GFP_ATOMIC | __GFP_NOFAIL, 0);
    if (page)
        __free_page(page);
    expect(QUARRY_BAD_REQUEST, "NOFAIL");
}

static void freeing_twice_is_found_at_once(void **state)
{
    char *p = kmalloc(64, GFP_KERNEL), *other = kmalloc(64, GFP_KERNEL);
    unsigned long page = __get_free_page(GFP_KERNEL);
    void *area = vmalloc(PAGE_SIZE);

    kfree(p);
    kfree(other);
    note();
    kfree(p);
    expect(QUARRY_DOUBLE_FREE, "kfree");
    free_page(page);
    note();
    free_page(page);
    expect(QUARRY_DOUBLE_FREE, "free");
    vfree(area);
    note();
    vfree(area);
    expect(QUARRY_BAD_FREE, "vfree");
}

static void foreign_pointers_are_refused(void **state)
{
    char local[64], *heap = malloc(64), *p = kmalloc(128, GFP_KERNEL);
    void *area = vmalloc(PAGE_SIZE);
    void *volatile stack_address = local, *volatile heap_address = heap;

    note();
    kfree(p + 40);
    expect(QUARRY_BAD_FREE, "40");
    note();
    kfree(stack_address);
    expect(QUARRY_BAD_FREE, "not memory of this machine");
    note();
    kfree(heap_address);
    expect(QUARRY_BAD_FREE, "not memory of this machine");
    note();
    kfree(area);
    expect(QUARRY_BAD_FREE, "vfree");
    note();
    vfree(p);
    expect(QUARRY_BAD_FREE, "kfree");
    vfree(area);
    kfree(p);
    free(heap);
}

static void an_object_goes_back_to_its_own_cache_only(void **state)
{
    struct kmem_cache *a = kmem_cache_create("bad-a", 64, 0, 0, NULL);
    struct kmem_cache *b = kmem_cache_create("bad-b", 64, 0, 0, NULL);
    void *p = kmem_cache_alloc(a, GFP_KERNEL);

    note();
    kmem_cache_free(b, p);
    expect(QUARRY_BAD_FREE, "bad-a");
    kmem_cache_free(a, p);
    kmem_cache_destroy(a);
    kmem_cache_destroy(b);
}

static void pages_go_back_in_the_order_they_came(void **state)
{
    unsigned long pages = __get_free_pages(GFP_KERNEL, 2);

    note();
    free_pages(pages, 1);
    expect(QUARRY_BAD_FREE, "order");
    note();
    free_pages(pages, 3);
    expect(QUARRY_BAD_FREE, "order");
    free_pages(pages, 2);
}

static void a_write_past_the_end_is_found_on_free(void **state)
{
    volatile char *p = kmalloc(64, GFP_KERNEL);

    note();
    p[64] = 1;
    kfree((void *)p);
    assert_int_equal(found[QUARRY_OVERRUN], noted[QUARRY_OVERRUN] + 1);
    assert_non_null(strstr(last_text, "kmalloc-64"));
}

static void a_write_after_free_is_found(void **state)
{
    volatile char *p = kmalloc(64, GFP_KERNEL);

    kfree((void *)p);
    note();
    p[5] = 1;
    for (int i = 0; i < 500 && found[QUARRY_USE_AFTER_FREE] == noted[QUARRY_USE_AFTER_FREE]; i++)
        kfree(kmalloc(64, GFP_KERNEL));
    assert_int_equal(found[QUARRY_USE_AFTER_FREE], noted[QUARRY_USE_AFTER_FREE] + 1);
    assert_non_null(strstr(last_text, "kmalloc-64"));
}

static void a_cache_needs_a_name_a_size_and_an_alignment(void **state)
{
    note();
    assert_null(kmem_cache_create(NULL, 64, 0, 0, NULL));
    expect(QUARRY_BAD_REQUEST, "name");
    note();
    assert_null(kmem_cache_create("zero", 0, 0, 0, NULL));
    expect(QUARRY_BAD_REQUEST, "size");
    note();
    assert_null(kmem_cache_create("huge", (size_t)1 << 30, 0, 0, NULL));
    expect(QUARRY_BAD_REQUEST, "size");
    note();
    assert_null(kmem_cache_create("crooked", 64, 24, 0, NULL));
    expect(QUARRY_BAD_REQUEST, "power of two");
    note();
    assert_null(kmem_cache_create("flags", 64, 0, 0x80000000u, NULL));
    expect(QUARRY_BAD_REQUEST, "flags");
}

static void an_absurd_alignment_is_refused(void **state)
{
    for (unsigned int shift = 40; shift < 64; shift += 5) {
        note();
        assert_null(__vmalloc_node(PAGE_SIZE, 1UL << shift, GFP_KERNEL, NUMA_NO_NODE, NULL));
        expect(QUARRY_BAD_REQUEST, "align");
    }
    note();
    assert_null(__vmalloc_node(PAGE_SIZE, 3 * PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE, NULL));
    expect(QUARRY_BAD_REQUEST, "align");
}

static void destroying_a_cache_with_live_objects_names_them(void **state)
{
    struct kmem_cache *cache = kmem_cache_create("bad-live", 64, 0, 0, NULL);
    void *p = kmem_cache_alloc(cache, GFP_KERNEL);

    note();
    kmem_cache_destroy(cache);
    assert_int_equal(found[QUARRY_LEAK], noted[QUARRY_LEAK] + 1);
    assert_non_null(strstr(last_text, "bad-live"));
    kfree(p); /* still valid */
    assert_int_equal(quarry_check_all(), 0);
}

static void *half_way_alloc(gfp_t gfp, void *data)
{
    int *left = data;

    return (*left)-- > 0 ? kmalloc(32, gfp) : NULL;
}

static void half_way_free(void *element, void *data)
{
    kfree(element);
}

static void a_pool_whose_allocator_fails_half_way_leaves_nothing(void **state)
{
    int left = 5;

    note();
    assert_null(mempool_create(10, half_way_alloc, half_way_free, &left));
    live_blocks = 0;
    quarry_for_each_live(count_live, NULL);
    assert_int_equal(live_blocks, noted_blocks);
}

static int boot(void **state)
{
    struct quarry_machine machine = {.ram_bytes = 64 << 20,
                                     .options = "check=1 slab_debug=FZPU page_owner=1"};

    quarry_set_report_hook(remember, NULL);
    return quarry_boot(&machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(size_zero_is_a_pointer_that_may_be_freed),
        cmocka_unit_test(a_size_beyond_every_limit_fails_and_names_the_alternative),
        cmocka_unit_test(vmalloc_of_nothing_and_of_too_much_fails),
        cmocka_unit_test(order_eleven_fails),
        cmocka_unit_test(an_overflowing_array_fails_silently),
        cmocka_unit_test(unknown_flags_are_named),
        cmocka_unit_test(kmalloc_has_no_high_memory),
        cmocka_unit_test(a_sleeping_request_in_interrupt_names_both_sites),
        cmocka_unit_test(a_sleeping_request_in_atomic_context_names_both_sites),
        cmocka_unit_test(vmalloc_in_interrupt_is_reported),
        cmocka_unit_test(nofail_without_sleeping_is_a_contradiction),
        cmocka_unit_test(freeing_twice_is_found_at_once),
        cmocka_unit_test(foreign_pointers_are_refused),
        cmocka_unit_test(an_object_goes_back_to_its_own_cache_only),
        cmocka_unit_test(pages_go_back_in_the_order_they_came),
        cmocka_unit_test(a_write_past_the_end_is_found_on_free),
        cmocka_unit_test(a_write_after_free_is_found),
        cmocka_unit_test(a_cache_needs_a_name_a_size_and_an_alignment),
        cmocka_unit_test(an_absurd_alignment_is_refused),
        cmocka_unit_test(destroying_a_cache_with_live_objects_names_them),
        cmocka_unit_test(a_pool_whose_allocator_fails_half_way_leaves_nothing),
    };
    setenv("QUARRY_WATCH", "0", 1); /* the mistakes here are Quarry's to find */
    return cmocka_run_group_tests(tests, boot, NULL);
}
