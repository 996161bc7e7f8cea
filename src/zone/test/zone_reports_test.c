/* SPDX-License-Identifier: MIT */
/* Every report of the page allocator to the letter: what it is called, by which rule, where, how large, in
 * which words, and who did what before. */
#include "zone_machine.h"

static struct quarry_report told;
static unsigned int told_before; /* frames of the other site */

static bool hear(const struct quarry_report *report, void *data)
{
    told = *report;
    told_before = report->before ? report->before->nr : 0;
    return zm_hook(report, data);
}

static struct zm *listen(struct zm_spec spec)
{
    struct zm *m;

    spec.pages = spec.regions ? 0 : 4096;
    spec.min_free_kbytes = 4;
    m = zm_boot(&spec);
    m->check.hook = hear;
    return m;
}

static void same_text(const char *a, const char *b)
{
    if (a && b)
        assert_string_equal(a, b);
    else
        assert_ptr_equal(a, b);
}

/* Exactly one report since the last call: this one. */
static void heard(struct zm *m, enum quarry_finding kind, const char *rule, const void *address,
                  size_t size, const char *text)
{
    static struct zm *of;
    static unsigned long before;
    unsigned long sum = qr_report_count(&m->check, QUARRY_FINDING_KINDS);

    if (of != m || sum <= before)
        before = 0;
    of = m;
    assert_string_equal(zm_last, text);
    assert_int_equal(sum, before + 1);
    before = sum;
    assert_int_equal(told.kind, kind);
    same_text(told.rule, rule);
    assert_ptr_equal(told.address, address);
    assert_int_equal(told.size, size);
    memset(m->check.misuse_seen, 0, sizeof(m->check.misuse_seen)); /* what is told once, again */
}

static const char *words(const char *format, ...)
{
    static char text[512];
    va_list args;

    va_start(args, format);
    qr_vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return text;
}

static void of_exact_sizes(void **state)
{
    struct zm *m = listen((struct zm_spec){0});
    const size_t most = PAGE_SIZE << MAX_PAGE_ORDER;
    void *exact;

    (void)state;
    assert_null(qr_alloc_pages_exact(&m->zones, 0, GFP_KERNEL, NUMA_NO_NODE));
    heard(m, QUARRY_BAD_REQUEST, NULL, NULL, 0,
          "alloc_pages_exact of 0 bytes: a size of 0 has no pages");
    assert_null(qr_alloc_pages_exact(&m->zones, most + 1, GFP_KERNEL, NUMA_NO_NODE));
    heard(m, QUARRY_BAD_REQUEST, NULL, NULL, most + 1,
          "alloc_pages_exact of 4194305 bytes: the largest block is 2^10 pages; use vmalloc");
    exact = qr_alloc_pages_exact(&m->zones, 3 * PAGE_SIZE, GFP_KERNEL | __GFP_COMP, NUMA_NO_NODE);
    heard(m, QUARRY_BAD_REQUEST, NULL, NULL, 3 * PAGE_SIZE,
          "alloc_pages_exact of 12288 bytes: __GFP_COMP and __GFP_HIGHMEM are ignored: the answer "
          "is the address of single pages");
    qr_free_pages_exact(&m->zones, exact, 3 * PAGE_SIZE);
    exact = qr_alloc_pages_exact(&m->zones, most, GFP_KERNEL, NUMA_NO_NODE);
    assert_non_null(exact);
    qr_free_pages_exact(&m->zones, exact, most);
    assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 3);
    zm_end(m);
}

static void of_frees_of_what_is_no_such_block(void **state)
{
    struct zm *m = listen((struct zm_spec){0});
    struct page *page = zm_alloc(m, GFP_KERNEL, 2), *tail = page + 3, none = {0};
    char *virt = qr_page_virt(&m->map, page);
    unsigned long long pfn = zm_pfn(m, page);

    (void)state;
    zm_free(m, page, 3);
    heard(m, QUARRY_BAD_FREE, "G-S8", virt, PAGE_SIZE << 3,
          words("__free_pages of page frame %#llx, order 3: it is an allocated block of order 2; "
                "nothing is changed",
                pfn));
    zm_free(m, page, MAX_PAGE_ORDER);
    heard(m, QUARRY_BAD_FREE, "G-S8", virt, PAGE_SIZE << MAX_PAGE_ORDER,
          words("__free_pages of page frame %#llx, order 10: it is an allocated block of order 2; "
                "nothing is changed",
                pfn));
    zm_free(m, page, MAX_PAGE_ORDER + 1);
    heard(m, QUARRY_BAD_FREE, "G-S8", virt, 0,
          words("__free_pages of page frame %#llx, order 11: it is an allocated block of order 2; "
                "nothing is changed",
                pfn));
    zm_free(m, tail, 0);
    heard(m, QUARRY_BAD_FREE, "G-S8", virt + 3 * PAGE_SIZE, PAGE_SIZE,
          words("__free_pages of page frame %#llx, order 0: it is page 3 of an allocated block of "
                "order 2; nothing is changed",
                pfn + 3));
    qr_put_page(&m->zones, tail, "put_page");
    heard(m, QUARRY_BAD_FREE, "G-S8", virt + 3 * PAGE_SIZE, PAGE_SIZE,
          words("put_page of page frame %#llx, order 0: it is page 3 of an allocated block of "
                "order 2; nothing is changed",
                pfn + 3));
    qr_free_pages_exact(&m->zones, virt + 9, PAGE_SIZE);
    heard(m, QUARRY_BAD_FREE, "G-S8", virt + 9, 0,
          words("free_pages_exact of %p: it is byte 9 of an allocated block of order 2; nothing is "
                "changed",
                virt + 9));
    zm_free(m, &none, 0);
    heard(m, QUARRY_BAD_FREE, "G-S8", &none, 0,
          words("__free_pages of page descriptor %p: no page of this machine has it; nothing is "
                "changed",
                &none));
    qr_free_pages_exact(&m->zones, &none, PAGE_SIZE);
    heard(m, QUARRY_BAD_FREE, "G-S8", &none, 0,
          words("free_pages_exact of %p: it is no memory of this machine (a stack, a static "
                "variable, another allocator's?); nothing is changed",
                &none));
    assert_null(told.before);
    zm_free(m, page, 2);
    zm_free(m, page, 2);
    heard(m, QUARRY_DOUBLE_FREE, "G-S8", virt, PAGE_SIZE << 2,
          words("__free_pages of page frame %#llx, order 2: it is a free block of order 2 (freed "
                "before, or never allocated); nothing is changed",
                pfn));
    qr_report_bad_free(&m->zones, virt, "kfree");
    heard(m, QUARRY_DOUBLE_FREE, "G-S8", virt, 0,
          words("kfree of %p: it is a free block of order 2 (freed before, or never allocated); "
                "nothing is changed",
                virt));
    zm_end(m);
}

/* Whatever its order, and wherever in it the page lies. */
static void of_frees_inside_a_block(void **state)
{
    (void)state;
    for (unsigned int order = 1; order <= MAX_PAGE_ORDER; order++) {
        struct zm *m = listen((struct zm_spec){0});
        struct page *page = zm_alloc(m, GFP_KERNEL, order);
        unsigned int last = (1u << order) - 1;
        unsigned long long pfn = zm_pfn(m, page + last);

        zm_free(m, page + last, 0);
        heard(m, QUARRY_BAD_FREE, "G-S8", qr_page_virt(&m->map, page + last), PAGE_SIZE,
              words("__free_pages of page frame %#llx, order 0: it is page %u of an allocated "
                    "block of order %u; nothing is changed",
                    pfn, last, order));
        zm_free(m, page, order); /* on a list, or with the zone */
        zm_free(m, page + last, 0);
        assert_int_equal(told.kind, QUARRY_DOUBLE_FREE);
        assert_non_null(strstr(zm_last, "of a free block of order"));
        qr_pcp_drain_all(&m->zones);
        zm_free(m, page + last, 0);
        assert_int_equal(told.kind, QUARRY_DOUBLE_FREE);
        assert_non_null(strstr(zm_last, "of a free block of order"));
        zm_end(m);
    }
}

/* Others may hold and let go of what belongs to a layer; the last reference is the layer's. A slab's number
 * lies where others have their marks. */
static void of_last_references_that_are_a_layer_s(void **state)
{
    static const u32 marks[] = {PGF_KMALLOC | PGF_OWNED,
                                PGF_VMALLOC | PGF_OWNED,
                                PGF_RESERVED | PGF_OWNED,
                                PGF_KMAPPED | PGF_OWNED,
                                PGF_SLAB | 1u << PGF_SLOT_SHIFT,
                                PGF_SLAB | 0xffffu << PGF_SLOT_SHIFT,
                                PGF_SLAB};
    struct zm *m = listen((struct zm_spec){0});
    struct page *page = zm_alloc(m, GFP_KERNEL, 0);
    u32 flags = page->flags;

    (void)state;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(marks); i++) {
        page->flags = (flags & PGF_PLACE_MASK) | marks[i];
        qr_get_page(&m->zones, page, "get_page");
        assert_int_equal(page_ref_count(page), 2);
        qr_put_page(&m->zones, page, "put_page");
        assert_int_equal(page_ref_count(page), 1);
        assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), i);
        qr_put_page(&m->zones, page, "put_page");
        assert_int_equal(page_ref_count(page), 1);
        assert_int_equal(page->flags, (flags & PGF_PLACE_MASK) | marks[i]);
        assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), i + 1);
        assert_int_equal(told.kind, QUARRY_BAD_FREE);
    }
    page->flags = flags;
    zm_free(m, page, 0);
    zm_end(m);
}

static void of_references_and_cuts(void **state)
{
    struct zm *m = listen((struct zm_spec){0});
    struct page *page = zm_alloc(m, GFP_KERNEL, 1),
                *compound = zm_alloc(m, GFP_KERNEL | __GFP_COMP, 1);
    unsigned long long pfn = zm_pfn(m, page);

    (void)state;
    qr_get_page(&m->zones, page + 1, "get_page");
    heard(m, QUARRY_BAD_REQUEST, "G-S9", NULL, 0,
          words("get_page of page frame %#llx, which has no reference: it is free, or inside a "
                "block that is not compound (allocate with __GFP_COMP)",
                pfn + 1));
    qr_split_page(&m->zones, page, 0);
    heard(m, QUARRY_BAD_REQUEST, NULL, NULL, 0,
          words("split_page of page frame %#llx, order 0: it is an allocated block of order 1; "
                "only a whole block that is not compound can be split; nothing is changed",
                pfn));
    qr_split_page(&m->zones, compound, 1);
    heard(m, QUARRY_BAD_REQUEST, NULL, NULL, 0,
          words("split_page of page frame %#llx, order 1: it is an allocated compound block of "
                "order 1; only a whole block that is not compound can be split; nothing is changed",
                (unsigned long long)zm_pfn(m, compound)));
    zm_free(m, page, 1);
    zm_free(m, compound, 1);
    zm_end(m);
}

/* Where records are kept the other site is told: of what is in use who took it, of the rest who freed it. */
static void of_frees_with_who_had_it_before(void **state)
{
    struct zm *m = listen((struct zm_spec){.owner = true});
    struct page *page = zm_alloc(m, GFP_KERNEL, 1);

    (void)state;
    qr_pages_note(&m->zones, page, 1, GFP_KERNEL);
    zm_free(m, page, 0);
    assert_int_equal(told.kind, QUARRY_BAD_FREE);
    assert_true(told_before > 0);
    assert_string_equal(told.before_is, "allocated by");
    zm_free(m, page + 1, 0); /* a tail: the block's record */
    assert_true(told_before > 0);
    assert_string_equal(told.before_is, "allocated by");
    zm_free(m, page, 1);
    zm_free(m, page, 1);
    assert_int_equal(told.kind, QUARRY_DOUBLE_FREE);
    assert_true(told_before > 0);
    assert_string_equal(told.before_is, "freed by");
    zm_end(m);
}

static void of_high_memory_without_an_address(void **state)
{
    struct zm *m = listen((struct zm_spec){.low_limit = (phys_addr_t)2048 << PAGE_SHIFT});
    struct page *page = zm_alloc(m, GFP_HIGHUSER_MOVABLE, 1);
    unsigned long long pfn = zm_pfn(m, page);

    (void)state;
    assert_true(pfn >= 2048);
    zm_free(m, page, 0);
    heard(m, QUARRY_BAD_FREE, "G-S8", NULL, PAGE_SIZE,
          words("__free_pages of page frame %#llx, order 0: it is an allocated block of order 1; "
                "nothing is changed",
                pfn));
    zm_free(m, page, 1);
    zm_end(m);
}

/* From the first byte of the first page to the last of the last. */
static void of_a_write_to_any_byte_of_a_free_page(void **state)
{
    static const unsigned int offset[] = {0, 1, 2, 2000, PAGE_SIZE - 2, PAGE_SIZE - 1};
    struct zm *m = listen((struct zm_spec){.poison = true});
    struct page *page = zm_alloc(m, GFP_KERNEL, 2);
    unsigned char *virt = qr_page_virt(&m->map, page);

    (void)state;
    for (unsigned int k = 0; k < 4; k++)
        for (unsigned int i = 0; i < QR_ARRAY_SIZE(offset); i++) {
            zm_free(m, page, 2);
            virt[k * PAGE_SIZE + offset[i]] ^= 0x10;
            assert_ptr_equal(zm_alloc(m, GFP_KERNEL, 2), page);
            heard(m, QUARRY_USE_AFTER_FREE, "G-S8", virt + k * PAGE_SIZE + offset[i], 1,
                  words("page frame %#llx was written after it was freed: the byte at offset %u is "
                        "0xba instead of 0xaa",
                        (unsigned long long)zm_pfn(m, page + k), offset[i]));
        }
    zm_free(m, page, 2);
    zm_end(m);
}

static void of_writes_to_free_pages(void **state)
{
    struct zm *m = listen((struct zm_spec){.poison = true, .owner = true});
    struct page *page = zm_alloc(m, GFP_KERNEL, 1);
    unsigned long long pfn = zm_pfn(m, page);
    char *virt = qr_page_virt(&m->map, page);

    (void)state;
    qr_pages_note(&m->zones, page, 1, GFP_KERNEL);
    zm_free(m, page, 1);
    virt[PAGE_SIZE + 77] = 3;
    assert_ptr_equal(zm_alloc(m, GFP_KERNEL, 1), page);
    heard(m, QUARRY_USE_AFTER_FREE, "G-S8", virt + PAGE_SIZE + 77, 1,
          words("page frame %#llx was written after it was freed: the byte at offset 77 is 0x03 "
                "instead of 0xaa",
                pfn + 1));
    assert_string_equal(told.before_is, "freed by");
    assert_int_equal(told_before, 0); /* of a tail there is no record */
    zm_free(m, page, 1);
    virt[0] = 0x11;
    assert_ptr_equal(zm_alloc(m, GFP_KERNEL, 1), page);
    heard(m, QUARRY_USE_AFTER_FREE, "G-S8", virt, 1,
          words("page frame %#llx was written after it was freed: the byte at offset 0 is 0x11 "
                "instead of 0xaa",
                pfn));
    assert_true(told_before > 0);
    zm_free(m, page, 1);
    zm_end(m);
}

/* Whoever gets a page finds nothing in its private word. */
static void nothing_is_left_in_the_private_word(void **state)
{
    struct zm *m = listen((struct zm_spec){0});
    struct page *page = zm_alloc(m, GFP_KERNEL, 2);
    char *exact;

    (void)state;
    for (unsigned int way = 0; way < 3; way++) {
        for (unsigned int i = 0; i < 4; i++)
            page[i].private = 7 + i;
        if (way < 2) {
            zm_free(m, page, 2);
            exact = way ? qr_alloc_pages_exact(&m->zones, 4 * PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE)
                        : qr_page_virt(&m->map, zm_alloc(m, GFP_KERNEL, 2));
            assert_ptr_equal(qr_virt_page(&m->map, exact), page);
        } else {
            qr_split_page(&m->zones, page, 2);
        }
        for (unsigned int i = 0; i < 4; i++)
            if (way == 1 || (i == 0) != (way == 2))
                assert_int_equal(page[i].private, 0);
        if (way == 1) {
            qr_free_pages_exact(&m->zones, exact, 4 * PAGE_SIZE);
            qr_pcp_drain_all(&m->zones);
            page = zm_alloc(m, GFP_KERNEL, 2);
        }
    }
    assert_int_equal(page->private, 7); /* which keeps what its owner wrote */
    for (unsigned int i = 0; i < 4; i++)
        zm_free(m, page + i, 0);
    zm_end(m);
}

/* Pages that were not had one by one cannot be given back so, whatever one mark says. */
static void any_mark_that_is_not_an_exact_page_s_keeps_it(void **state)
{
    static const u32 wrong[] = {PGF_OWNED, PGF_EXACT, PGF_RESERVED, 1u, 2u, PGF_SLAB};
    struct zm *m = listen((struct zm_spec){0});
    char *exact = qr_alloc_pages_exact(&m->zones, 3 * PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE);
    struct page *page = qr_virt_page(&m->map, exact);
    u64 before = qr_free_pages_total(&m->zones) + zm_cpu(m)->pcp[0].pages;

    (void)state;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(wrong); i++)
        for (unsigned int k = 0; k < 3; k++) {
            page[k].flags ^= wrong[i];
            qr_free_pages_exact(&m->zones, exact, 3 * PAGE_SIZE);
            page[k].flags ^= wrong[i];
            assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 3 * i + k + 1);
            assert_ptr_equal(told.address, exact);
        }
    page[1]._refcount = 0;
    qr_free_pages_exact(&m->zones, exact, 3 * PAGE_SIZE);
    page[1]._refcount = 1;
    assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 19);
    assert_int_equal(qr_free_pages_total(&m->zones) + zm_cpu(m)->pcp[0].pages, before);
    qr_free_pages_exact(&m->zones, exact, 3 * PAGE_SIZE);
    assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 19);
    zm_end(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_exact_sizes),
        cmocka_unit_test(of_frees_of_what_is_no_such_block),
        cmocka_unit_test(of_frees_inside_a_block),
        cmocka_unit_test(of_last_references_that_are_a_layer_s),
        cmocka_unit_test(of_references_and_cuts),
        cmocka_unit_test(of_frees_with_who_had_it_before),
        cmocka_unit_test(of_high_memory_without_an_address),
        cmocka_unit_test(of_a_write_to_any_byte_of_a_free_page),
        cmocka_unit_test(of_writes_to_free_pages),
        cmocka_unit_test(nothing_is_left_in_the_private_word),
        cmocka_unit_test(any_mark_that_is_not_an_exact_page_s_keeps_it),
    };
    return cmocka_run_group_tests_name("reports", tests, NULL, NULL);
}
