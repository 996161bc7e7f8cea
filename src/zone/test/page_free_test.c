/* SPDX-License-Identifier: MIT */
/* References and frees: who frees when, and what happens to frees that are wrong. */
#include "zone_machine.h"

static struct zm *bench(void)
{
    struct zm_spec spec = {.pages = 4096, .min_free_kbytes = 4};
    return zm_boot(&spec);
}

static u64 free_of(struct zm *m)
{
    qr_pcp_drain_local(&m->zones);
    return qr_free_pages_total(&m->zones);
}

/* ---- G-S9 ----------------------------------------------------------------------------------- */

static void g_s9_allocation_gives_one_reference_and_the_last_put_frees(void **state)
{
    struct zm *m = bench();
    u64 before = free_of(m);
    struct page *page = zm_alloc(m, GFP_KERNEL, 0);
    (void)state;
    assert_int_equal(page_ref_count(page), 1);
    qr_get_page(&m->zones, page, "get_page");
    qr_get_page(&m->zones, page, "get_page");
    assert_int_equal(page_ref_count(page), 3);
    zm_free(m, page, 0);
    qr_put_page(&m->zones, page, "put_page");
    assert_int_equal(page_ref_count(page), 1);
    assert_int_equal(free_of(m), before - 1);
    qr_put_page(&m->zones, page, "put_page");
    assert_int_equal(free_of(m), before);
    zm_end(m);
}

static void g_s9_a_held_first_page_outlives_its_plain_block(void **state)
{
    for (unsigned int order = 1; order <= MAX_PAGE_ORDER; order++) {
        struct zm *m = bench();
        u64 before = free_of(m);
        struct page *page = zm_alloc(m, GFP_KERNEL, order);
        (void)state;
        qr_get_page(&m->zones, page, "get_page");
        zm_free(m, page, order);
        assert_int_equal(free_of(m), before - 1);
        assert_int_equal(page_ref_count(page), 1);
        zm_check(m);
        qr_put_page(&m->zones, page, "put_page");
        assert_int_equal(free_of(m), before);
        assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 0);
        zm_end(m);
    }
}

static void g_s9_a_holder_who_puts_first_leaves_the_block_whole(void **state)
{
    struct zm *m = bench();
    u64 before = free_of(m);
    struct page *page = zm_alloc(m, GFP_KERNEL, 2);
    (void)state;
    qr_get_page(&m->zones, page, "get_page");
    qr_put_page(&m->zones, page, "put_page");
    assert_int_equal(free_of(m), before - 4);
    zm_free(m, page, 2);
    assert_int_equal(free_of(m), before);
    zm_end(m);
}

static void g_s9_a_compound_block_is_freed_whole_by_its_last_reference(void **state)
{
    struct zm *m = bench();
    u64 before = free_of(m);
    struct page *page = zm_alloc(m, GFP_KERNEL | __GFP_COMP, 3);
    (void)state;
    qr_get_page(&m->zones, page + 5, "get_page"); /* by a tail */
    assert_int_equal(page_ref_count(page), 2);
    assert_int_equal(page_ref_count(page + 5), 0);
    zm_free(m, page, 3);
    assert_int_equal(free_of(m), before - 8);
    qr_put_page(&m->zones, page + 5, "put_page");
    assert_int_equal(free_of(m), before);
    zm_end(m);
}

static void g_s9_layers_that_free_a_block_leave_it_to_who_still_holds_it(void **state)
{
    struct zm *m = bench();
    u64 before = free_of(m);
    struct page *page = zm_alloc(m, GFP_KERNEL | __GFP_COMP, 2);
    u32 place = page->flags & PGF_PLACE_MASK;
    (void)state;
    /* As a slab would mark it; somebody maps a page of an object. */
    page->flags = place | 2 | PGF_HEAD | PGF_SLAB | 77u << PGF_SLOT_SHIFT;
    for (int i = 1; i < 4; i++)
        page[i].flags = place | PGF_TAIL | PGF_SLAB | 77u << PGF_SLOT_SHIFT;
    qr_get_page(&m->zones, page + 1, "get_page");
    qr_put_page(&m->zones, page + 1, "put_page");
    qr_get_page(&m->zones, page + 1, "get_page");
    qr_free_block(&m->zones, page, 2);
    assert_int_equal(free_of(m), before - 4);
    assert_false(page->flags & PGF_SLAB);
    assert_false(page[1].flags & PGF_SLAB);
    assert_ptr_equal(qr_head(&m->map, page + 3), page);
    qr_put_page(&m->zones, page + 1, "put_page");
    assert_int_equal(free_of(m), before);
    assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 0);
    zm_end(m);
}

/* A slab of a single page stays one: there is no tail that could be held. */
static void g_s9_a_held_slab_of_one_page_becomes_a_page(void **state)
{
    struct zm *m = bench();
    u64 before = free_of(m);
    struct page *page = zm_alloc(m, GFP_KERNEL, 0);
    (void)state;
    page->flags = (page->flags & PGF_PLACE_MASK) | PGF_SLAB | 77u << PGF_SLOT_SHIFT;
    qr_get_page(&m->zones, page, "get_page");
    qr_free_block(&m->zones, page, 0);
    assert_int_equal(page->flags & (PGF_SLAB | PGF_HEAD | PGF_OWNED), PGF_OWNED);
    assert_int_equal(free_of(m), before - 1);
    qr_put_page(&m->zones, page, "put_page");
    assert_int_equal(free_of(m), before);
    zm_end(m);
}

static void a_layer_may_free_a_block_with_its_marks_on(void **state)
{
    for (unsigned int order = 0; order < 3; order++) {
        struct zm *m = bench();
        u64 before = free_of(m);
        struct page *page = zm_alloc(m, GFP_KERNEL | __GFP_COMP, order);
        u32 place = page->flags & PGF_PLACE_MASK;
        (void)state;
        page->flags = place | order | PGF_SLAB | 77u << PGF_SLOT_SHIFT;
        for (u64 i = 1; i < 1ull << order; i++)
            page[i].flags = place | PGF_TAIL | PGF_SLAB | 77u << PGF_SLOT_SHIFT;
        qr_free_block(&m->zones, page, order);
        for (u64 i = 0; i < 1ull << order; i++)
            assert_int_equal(page[i].flags & (PGF_SLAB | PGF_TAIL), 0);
        zm_check(m);
        assert_int_equal(free_of(m), before);
        zm_end(m);
    }
}

static void g_s9_a_reference_on_nobodys_page_is_refused(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL, 1);
    (void)state;
    qr_get_page(&m->zones, page + 1, "get_page"); /* inside a plain block */
    assert_int_equal(page_ref_count(page + 1), 0);
    assert_int_equal(zm_findings(m, QUARRY_BAD_REQUEST), 1);
    zm_free(m, page, 1);
    qr_get_page(&m->zones, page, "get_page");
    assert_int_equal(zm_findings(m, QUARRY_BAD_REQUEST), 2);
    zm_end(m);
}

/* ---- G-S8 ----------------------------------------------------------------------------------- */

/* A wrong free: one finding of this kind with these words, and no state has changed. */
static void wrong(struct zm *m, struct page *page, unsigned int order, enum quarry_finding kind,
                  const char *says)
{
    unsigned long before = zm_findings(m, kind),
                  sum = qr_report_count(&m->check, QUARRY_FINDING_KINDS);
    u64 pages = free_of(m);
    struct page copy = {0};
    bool valid = qr_page_valid(&m->map, page);
    if (valid)
        copy = *page;
    zm_free(m, page, order);
    if (zm_findings(m, kind) != before + 1 ||
        qr_report_count(&m->check, QUARRY_FINDING_KINDS) != sum + 1)
        fail_msg("not reported as expected; the last: %s", zm_last);
    if (!strstr(zm_last, says))
        fail_msg("\"%s\" is not in: %s", says, zm_last);
    if (valid)
        assert_memory_equal(page, &copy, sizeof(copy));
    assert_int_equal(free_of(m), pages);
    zm_check(m);
}

static void g_s8_a_wrong_order_changes_nothing(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL, 2), *comp = zm_alloc(m, GFP_KERNEL | __GFP_COMP, 3);
    (void)state;
    wrong(m, page, 1, QUARRY_BAD_FREE, "an allocated block of order 2");
    wrong(m, page, 3, QUARRY_BAD_FREE, "an allocated block of order 2");
    wrong(m, page, 99, QUARRY_BAD_FREE, "an allocated block of order 2");
    wrong(m, comp, 2, QUARRY_BAD_FREE, "an allocated compound block of order 3");
    zm_free(m, page, 2);
    zm_free(m, comp, 3);
    zm_end(m);
}

static void g_s8_a_page_freed_twice_is_found_wherever_it_is(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL, 0), *big = zm_alloc(m, GFP_KERNEL, 8);
    (void)state;
    zm_free(m, page, 0);
    wrong(m, page, 0, QUARRY_DOUBLE_FREE, "free block"); /* wrong() drains: now in the buddy */
    wrong(m, page, 0, QUARRY_DOUBLE_FREE, "freed before");
    zm_free(m, big, 8);
    wrong(m, big, 8, QUARRY_DOUBLE_FREE, "free block");
    page = zm_alloc(m, GFP_KERNEL, 0);
    zm_free(m, page, 0); /* on this CPU's list */
    zm_free(m, page, 0);
    assert_non_null(strstr(zm_last, "free block of order 0"));
    zm_end(m);
}

static void g_s8_a_page_inside_a_block_is_named(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL, 3), *comp = zm_alloc(m, GFP_KERNEL | __GFP_COMP, 3);
    (void)state;
    wrong(m, page + 3, 0, QUARRY_BAD_FREE, "page 3 of an allocated block of order 3");
    wrong(m, comp + 5, 0, QUARRY_BAD_FREE, "page 5 of an allocated compound block of order 3");
    zm_free(m, page, 3);
    zm_free(m, comp, 3);
    zm_end(m);
}

static void g_s8_a_foreign_descriptor_is_refused(void **state)
{
    struct zm *m = bench();
    struct page mine = {0};
    (void)state;
    wrong(m, &mine, 0, QUARRY_BAD_FREE, "no page of this machine");
    wrong(m, NULL, 0, QUARRY_BAD_FREE, "no page of this machine");
    wrong(m, (struct page *)((char *)qr_page(&m->map, 100) + 4), 0, QUARRY_BAD_FREE,
          "no page of this machine");
    zm_end(m);
}

static void g_s8_references_of_foreign_descriptors_are_refused(void **state)
{
    struct zm *m = bench();
    struct page mine = {._refcount = 5};
    struct page *const foreign[] = {&mine, NULL, qr_page(&m->map, 5000)};
    unsigned long told = 0;
    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(foreign); i++) {
        qr_get_page(&m->zones, foreign[i], "get_page");
        assert_int_equal(zm_findings(m, QUARRY_BAD_FREE), ++told);
        assert_ptr_equal(strstr(zm_last, "get_page of page descriptor"), zm_last);
        qr_put_page(&m->zones, foreign[i], "put_page");
        assert_int_equal(zm_findings(m, QUARRY_BAD_FREE), ++told);
        assert_ptr_equal(strstr(zm_last, "put_page of page descriptor"), zm_last);
        qr_split_page(&m->zones, foreign[i], 0);
        assert_int_equal(zm_findings(m, QUARRY_BAD_FREE), ++told);
        assert_ptr_equal(strstr(zm_last, "split_page of page descriptor"), zm_last);
    }
    assert_int_equal(mine._refcount, 5);
    zm_end(m);
}

/* Where the frames before it do not exist, nothing that holds it can begin there. */
static void g_s8_reserved_memory_behind_a_hole_is_refused(void **state)
{
    struct quarry_region region = {.start = 3 * PAGE_SIZE, .size = 500 * PAGE_SIZE};
    struct zm_spec spec = {.regions = &region, .nr_regions = 1, .min_free_kbytes = 4};
    struct zm *m = zm_boot(&spec);
    (void)state;
    wrong(m, qr_virt_page(&m->map, qr_page(&m->map, 4)), 0, QUARRY_BAD_FREE, "reserved memory");
    zm_end(m);
}

static void g_s8_reserved_memory_is_refused(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL, 0);
    (void)state;
    wrong(m, qr_page(&m->map, 0), 0, QUARRY_BAD_FREE, "reserved memory");
    wrong(m, qr_virt_page(&m->map, qr_page(&m->map, 0)), 0, QUARRY_BAD_FREE, "reserved memory");
    page->flags |= PGF_RESERVED;
    wrong(m, page, 0, QUARRY_BAD_FREE, "a reserved block");
    page->flags &= ~PGF_RESERVED;
    zm_free(m, page, 0);
    zm_end(m);
}

static void g_s8_pages_of_other_layers_are_refused_by_name(void **state)
{
    static const struct {
        u32 mark;
        const char *says;
    } of[] = {{PGF_KMALLOC, "kfree"}, {PGF_VMALLOC, "vfree"}, {PGF_KMAPPED, "kmap"}};
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL, 0);
    u32 flags = page->flags;
    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(of); i++) {
        page->flags = flags | of[i].mark;
        wrong(m, page, 0, QUARRY_BAD_FREE, of[i].says);
    }
    page->flags = (flags & PGF_PLACE_MASK) | PGF_SLAB | 5u << PGF_SLOT_SHIFT;
    wrong(m, page, 0, QUARRY_BAD_FREE, "a slab");
    page->flags = flags;
    zm_free(m, page, 0);
    zm_end(m);
}

/* What nobody holds cannot be let go of, even if all marks say that it is in use. */
static void g_s8_a_block_without_a_reference_is_refused(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL, 1);
    (void)state;
    page->_refcount = 0;
    wrong(m, page, 1, QUARRY_BAD_FREE, "an allocated block of order 1 without a reference");
    zm_last[0] = '\0';
    qr_put_page(&m->zones, page, "put_page");
    assert_int_equal(zm_findings(m, QUARRY_BAD_FREE), 2);
    assert_non_null(strstr(zm_last, "without a reference"));
    assert_int_equal(page->_refcount, 0);
    page->_refcount = 1;
    zm_free(m, page, 1);
    zm_end(m);
}

static const char *description;
static const void *described;

static void describe(void *data, const void *address, struct qr_text *text)
{
    (void)data;
    described = address;
    if (description)
        qr_text_add(text, "%s", description);
}

static void g_s8_a_slab_is_described_by_its_layer_or_as_a_slab(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL, 0);
    u32 flags = page->flags;
    (void)state;
    m->zones.describe = describe;
    page->flags = (flags & PGF_PLACE_MASK) | PGF_SLAB | 5u << PGF_SLOT_SHIFT;
    description = "an object of a test";
    wrong(m, page, 0, QUARRY_BAD_FREE, "it is an object of a test; nothing");
    assert_ptr_equal(described, qr_page_virt(&m->map, page));
    description = NULL; /* it knows nothing */
    wrong(m, page, 0, QUARRY_BAD_FREE, "it is a slab: its objects are freed by kfree");
    page->flags = flags;
    zm_free(m, page, 0);
    zm_end(m);
}

/* Of what has a page the page says it all; of the rest the layers above are asked. */
static void g_s8_layers_are_asked_about_addresses_without_a_page_alone(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL, 1);
    char words[200];
    struct qr_text text = {words, sizeof(words), 0};
    (void)state;
    m->zones.describe = describe;
    description = "in a vmalloc area";
    described = NULL;
    qr_zones_describe(&m->zones, qr_page_virt(&m->map, page), &text);
    assert_string_equal(words, "an allocated block of order 1");
    assert_null(described);
    text.length = 0;
    qr_zones_describe(&m->zones, &text, &text);
    assert_string_equal(words, "in a vmalloc area");
    assert_ptr_equal(described, &text);
    text.length = 0;
    qr_zones_describe(&m->zones, qr_page_virt(&m->map, qr_page(&m->map, 0)), &text);
    assert_string_equal(words, "reserved memory, which was never allocated");
    text.length = 0;
    page->flags |= PGF_SLAB;
    qr_zones_describe(&m->zones, (char *)qr_page_virt(&m->map, page) + 9, &text);
    assert_string_equal(words, "in a vmalloc area"); /* as the layer of slabs says */
    assert_ptr_equal(described, (char *)qr_page_virt(&m->map, page) + 9);
    page->flags &= ~PGF_SLAB;
    description = NULL;
    text.length = 0;
    qr_zones_describe(&m->zones, &text, &text);
    assert_string_equal(
        words, "no memory of this machine (a stack, a static variable, another allocator's?)");
    zm_free(m, page, 1);
    zm_end(m);
}

/* Somebody holds its first page: it is the block that it was, freed by the holder. */
static void g_s9_a_held_block_of_a_layer_stays_what_it_is(void **state)
{
    static const gfp_t compound[] = {0, __GFP_COMP};
    (void)state;
    for (unsigned int i = 0; i < 2; i++) {
        struct zm *m = bench();
        u64 before = free_of(m);
        struct page *page = zm_alloc(m, GFP_KERNEL | compound[i], 2);
        u32 flags = page->flags, tail = page[1].flags;
        qr_pages_note(&m->zones, page, 2, GFP_KERNEL);
        page->flags |= PGF_KMALLOC; /* as kmalloc marks it */
        qr_get_page(&m->zones, page, "get_page");
        qr_free_block(&m->zones, page, 2);
        assert_int_equal(page->flags, flags | PGF_NOTED); /* an ordinary block, and noted */
        assert_int_equal(page[1].flags, tail);
        assert_int_equal(page_ref_count(page), 1);
        assert_int_equal(free_of(m), before - 4);
        assert_int_equal(m->zones.live_pages, 4);
        qr_put_page(&m->zones, page, "put_page");
        assert_int_equal(m->zones.live_pages, 0);
        assert_int_equal(free_of(m), before);
        assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 0);
        zm_end(m);
    }
}

static const void *told_address;
static bool told_before;

static bool look(const struct quarry_report *report, void *data)
{
    told_address = report->address;
    told_before = report->before != NULL;
    return zm_hook(report, data);
}

static void g_s8_a_wrong_free_of_high_memory_is_reported_without_an_address(void **state)
{
    struct zm_spec spec = {
        .pages = 4096, .min_free_kbytes = 4, .low_limit = (phys_addr_t)2048 << PAGE_SHIFT};
    struct zm *m = zm_boot(&spec);
    struct page *high = zm_alloc(m, GFP_HIGHUSER, 2), *low = zm_alloc(m, GFP_KERNEL, 2);
    (void)state;
    assert_false(qr_page_is_low(&m->map, high));
    m->check.hook = look;
    wrong(m, low, 1, QUARRY_BAD_FREE, "an allocated block of order 2");
    assert_ptr_equal(told_address, qr_page_virt(&m->map, low));
    wrong(m, high, 1, QUARRY_BAD_FREE, "an allocated block of order 2");
    assert_null(told_address);
    zm_free(m, high, 2);
    zm_free(m, low, 2);
    zm_end(m);
}

static void g_s8_memory_that_was_never_allocated_is_refused(void **state)
{
    struct zm *m = zm_pages(65536);
    (void)state;
    wrong(m, qr_page(&m->map, 40000), 0, QUARRY_BAD_FREE, "never allocated");
    zm_end(m);
}

static void g_s8_addresses_are_described(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL, 1);
    char *virt = qr_page_virt(&m->map, page), stack;
    (void)state;
    qr_report_bad_free(&m->zones, virt + 100, "free_pages");
    assert_non_null(strstr(zm_last, "byte 100 of an allocated block of order 1"));
    qr_report_bad_free(&m->zones, virt + PAGE_SIZE + 1, "free_pages");
    assert_non_null(strstr(zm_last, "byte 1 of page 1 of an allocated block of order 1"));
    qr_report_bad_free(&m->zones, &stack, "free_pages");
    assert_non_null(strstr(zm_last, "no memory of this machine"));
    zm_free(m, page, 1);
    qr_report_bad_free(&m->zones, virt, "free_pages");
    assert_int_equal(zm_findings(m, QUARRY_DOUBLE_FREE), 1);
    zm_end(m);
}

static void g_s8_put_page_of_a_free_page_is_refused(void **state)
{
    struct zm *m = bench();
    struct page *page = zm_alloc(m, GFP_KERNEL, 0);
    (void)state;
    qr_put_page(&m->zones, page, "put_page");
    qr_put_page(&m->zones, page, "put_page");
    assert_int_equal(zm_findings(m, QUARRY_DOUBLE_FREE), 1);
    zm_end(m);
}

static void g_s8_a_double_free_names_who_freed_it_first(void **state)
{
    struct zm_spec spec = {.pages = 4096, .min_free_kbytes = 4, .owner = true};
    struct zm *m = zm_boot(&spec);
    struct page *page = zm_alloc(m, GFP_KERNEL, 0);
    const struct qr_owner *owner = qr_pages_owner(&m->zones, page);
    (void)state;
    qr_pages_note(&m->zones, page, 0, GFP_KERNEL);
    assert_int_equal(owner->gfp, GFP_KERNEL);
    zm_free(m, page, 0);
    assert_int_equal(owner->gfp, 0);
    m->check.hook = look;
    zm_free(m, page, 0);
    assert_int_equal(zm_findings(m, QUARRY_DOUBLE_FREE), 1);
    assert_true(told_before);
    page = zm_alloc(m, GFP_KERNEL, 5); /* noted by nobody: there is no record */
    zm_free(m, page, 4);
    assert_int_equal(zm_findings(m, QUARRY_BAD_FREE), 1);
    assert_false(told_before);
    zm_free(m, page, 5);
    zm_end(m);
}

/* ---- split ---------------------------------------------------------------------------------- */

static void split_pages_are_freed_one_by_one(void **state)
{
    struct zm *m = bench();
    u64 before = free_of(m);
    struct page *page = zm_alloc(m, GFP_KERNEL, 3);
    (void)state;
    qr_split_page(&m->zones, page, 3);
    for (int i = 0; i < 8; i++)
        assert_int_equal(page_ref_count(page + i), 1);
    wrong(m, page, 3, QUARRY_BAD_FREE, "single page left by split_page");
    for (int i = 0; i < 8; i++) {
        zm_free(m, page + i, 0);
        assert_int_equal(free_of(m), before - 7 + (u64)i);
    }
    zm_end(m);
}

static void split_of_anything_but_a_whole_plain_block_is_refused(void **state)
{
    struct zm *m = bench();
    struct page *comp = zm_alloc(m, GFP_KERNEL | __GFP_COMP, 2),
                *plain = zm_alloc(m, GFP_KERNEL, 2);
    (void)state;
    qr_split_page(&m->zones, comp, 2);
    qr_split_page(&m->zones, plain, 1);
    qr_split_page(&m->zones, plain + 1, 0);
    assert_int_equal(zm_findings(m, QUARRY_BAD_REQUEST), 3);
    zm_free(m, comp, 2);
    zm_free(m, plain, 2);
    zm_end(m);
}

static void nothing_is_freed_of_no_exact_block(void **state)
{
    struct zm *m = zm_pages(1024);
    u64 before = qr_free_pages_total(&m->zones);

    (void)state;
    qr_free_pages_exact(&m->zones, NULL, 3 * PAGE_SIZE);
    assert_int_equal(qr_report_count(m->zones.check, QUARRY_FINDING_KINDS), 0);
    assert_int_equal(qr_free_pages_total(&m->zones), before);
    zm_end(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g_s9_allocation_gives_one_reference_and_the_last_put_frees),
        cmocka_unit_test(g_s9_a_held_first_page_outlives_its_plain_block),
        cmocka_unit_test(g_s9_a_holder_who_puts_first_leaves_the_block_whole),
        cmocka_unit_test(g_s9_a_compound_block_is_freed_whole_by_its_last_reference),
        cmocka_unit_test(g_s9_layers_that_free_a_block_leave_it_to_who_still_holds_it),
        cmocka_unit_test(g_s9_a_held_slab_of_one_page_becomes_a_page),
        cmocka_unit_test(g_s9_a_reference_on_nobodys_page_is_refused),
        cmocka_unit_test(g_s8_a_wrong_order_changes_nothing),
        cmocka_unit_test(g_s8_a_page_freed_twice_is_found_wherever_it_is),
        cmocka_unit_test(g_s8_a_page_inside_a_block_is_named),
        cmocka_unit_test(g_s8_a_foreign_descriptor_is_refused),
        cmocka_unit_test(a_layer_may_free_a_block_with_its_marks_on),
        cmocka_unit_test(g_s8_references_of_foreign_descriptors_are_refused),
        cmocka_unit_test(g_s8_reserved_memory_behind_a_hole_is_refused),
        cmocka_unit_test(g_s8_reserved_memory_is_refused),
        cmocka_unit_test(g_s8_pages_of_other_layers_are_refused_by_name),
        cmocka_unit_test(g_s8_a_block_without_a_reference_is_refused),
        cmocka_unit_test(g_s8_a_slab_is_described_by_its_layer_or_as_a_slab),
        cmocka_unit_test(g_s8_layers_are_asked_about_addresses_without_a_page_alone),
        cmocka_unit_test(g_s9_a_held_block_of_a_layer_stays_what_it_is),
        cmocka_unit_test(g_s8_a_wrong_free_of_high_memory_is_reported_without_an_address),
        cmocka_unit_test(g_s8_memory_that_was_never_allocated_is_refused),
        cmocka_unit_test(g_s8_addresses_are_described),
        cmocka_unit_test(g_s8_put_page_of_a_free_page_is_refused),
        cmocka_unit_test(g_s8_a_double_free_names_who_freed_it_first),
        cmocka_unit_test(split_pages_are_freed_one_by_one),
        cmocka_unit_test(split_of_anything_but_a_whole_plain_block_is_refused),
        cmocka_unit_test(nothing_is_freed_of_no_exact_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
