/* SPDX-License-Identifier: MIT */
/* Who has which pages: what is told of each block where there is no address, no record or no trace of it,
 * and what the leak scan gets to see. */
#include "zone_machine.h"

static struct {
    unsigned long visits, most;
    struct quarry_live last;
} seen;

static bool see(const struct quarry_live *live, void *data)
{
    (void)data;
    seen.last = *live;
    return ++seen.visits < seen.most;
}

/* How many noted blocks are visited if the visitor has enough after @most. */
static unsigned long visits(struct zm *m, unsigned long most)
{
    memset(&seen, 0, sizeof(seen));
    seen.most = most;
    qr_pages_for_each_live(&m->zones, see, NULL);
    return seen.visits;
}

static struct {
    unsigned long visits, most;
    struct qr_leak_block last;
} leak;

static bool leak_see(const struct qr_leak_block *block, void *data)
{
    (void)data;
    leak.last = *block;
    return ++leak.visits < leak.most;
}

/* Whether the visit of all blocks in use came to its end. */
static bool leak_visits(struct zm *m, unsigned long most)
{
    memset(&leak, 0, sizeof(leak));
    leak.most = most;
    return qr_pages_leak_each(&m->zones, leak_see, NULL);
}

/* With the small note of each frame, as at check level 1. */
static struct zm *boot_noting(const struct zm_spec *spec)
{
    struct zm *m = zm_boot(spec);
    m->zones.note = calloc(m->map.max_pfn - m->map.min_pfn, sizeof(struct qr_page_note));
    assert_non_null(m->zones.note);
    return m;
}

static void end_noting(struct zm *m)
{
    free(m->zones.note);
    m->zones.note = NULL;
    zm_end(m);
}

static const struct zm_spec plain = {.pages = 4096, .min_free_kbytes = 4};
static const struct zm_spec half_high = {
    .pages = 4096, .min_free_kbytes = 4, .low_limit = (phys_addr_t)2048 << PAGE_SHIFT};

static void a_block_of_high_memory_is_told_without_an_address(void **state)
{
    struct zm *m = boot_noting(&half_high);
    struct page *page = zm_alloc(m, GFP_HIGHUSER, 1);
    struct qr_leak_block block;
    (void)state;
    assert_false(qr_page_is_low(&m->map, page));
    qr_pages_note(&m->zones, page, 1, GFP_HIGHUSER);
    assert_int_equal(visits(m, 9), 1);
    assert_null(seen.last.address);
    assert_int_equal(seen.last.size, 2 * PAGE_SIZE);
    assert_true(leak_visits(m, 9));
    assert_int_equal(leak.visits, 1);
    assert_null(leak.last.start); /* nothing in it can be read */
    assert_non_null(leak.last.word);
    assert_true(qr_pages_leak_find(&m->zones, page + 1, &block));
    assert_ptr_equal(block.word, leak.last.word);
    zm_free(m, page, 1);
    end_noting(m);
}

static void without_records_a_block_is_told_by_its_place_alone(void **state)
{
    struct zm *m = zm_boot(&plain);
    struct page *page = zm_alloc(m, GFP_KERNEL, 2);
    struct qr_leak_block block;
    (void)state;
    qr_pages_note(&m->zones, page, 2, GFP_KERNEL);
    qr_pages_retrace(&m->zones, page); /* of nothing */
    assert_int_equal(visits(m, 9), 1);
    assert_ptr_equal(seen.last.address, qr_page_virt(&m->map, page));
    assert_int_equal(seen.last.gfp, 0);
    assert_int_equal(seen.last.sequence, 0);
    assert_int_equal(seen.last.allocated.nr, 0);
    assert_true(leak_visits(m, 9));
    assert_null(leak.last.word); /* and it is tracked by nobody */
    assert_false(qr_pages_leak_find(&m->zones, page, &block));
    zm_free(m, page, 2);
    zm_end(m);
}

static void where_no_trace_could_be_kept_the_record_says_the_rest(void **state)
{
    struct zm_spec spec = plain;
    struct zm *m;
    struct page *page;
    u64 sequence;
    (void)state;
    spec.owner = true;
    m = zm_boot(&spec);
    page = zm_alloc(m, GFP_KERNEL, 0);
    qr_pages_note(&m->zones, page, 0, GFP_KERNEL);
    assert_int_equal(visits(m, 9), 1);
    assert_true(seen.last.allocated.nr > 0);
    sequence = seen.last.sequence;
    memset(&m->check.traces, 0, sizeof(m->check.traces)); /* no room for another */
    qr_pages_retrace(&m->zones, page);
    assert_int_equal(visits(m, 9), 1);
    assert_int_equal(seen.last.allocated.nr, 0);
    assert_int_equal(seen.last.gfp, GFP_KERNEL);
    assert_true(seen.last.sequence > sequence);
    zm_free(m, page, 0);
    zm_end(m);
}

static void a_large_block_of_kmalloc_is_told_as_an_object(void **state)
{
    struct zm *m = zm_boot(&plain);
    struct page *page = zm_alloc(m, GFP_KERNEL | __GFP_COMP, 2);
    (void)state;
    qr_pages_note(&m->zones, page, 2, GFP_KERNEL);
    assert_int_equal(visits(m, 9), 1);
    assert_int_equal(seen.last.kind, QUARRY_LIVE_PAGES);
    assert_null(seen.last.cache);
    assert_false(seen.last.lost);
    page->flags |= PGF_KMALLOC;
    assert_int_equal(visits(m, 9), 1);
    assert_int_equal(seen.last.kind, QUARRY_LIVE_OBJECT);
    assert_string_equal(seen.last.cache, "kmalloc-large");
    assert_int_equal(seen.last.size, 4 * PAGE_SIZE);
    page->flags &= ~PGF_KMALLOC;
    zm_free(m, page, 2);
    zm_end(m);
}

static void a_visitor_who_has_seen_enough_is_shown_no_more(void **state)
{
    struct zm *m = boot_noting(&plain);
    struct page *page[3];
    (void)state;
    for (int i = 0; i < 3; i++) {
        page[i] = zm_alloc(m, GFP_KERNEL, 0);
        qr_pages_note(&m->zones, page[i], 0, GFP_KERNEL);
    }
    assert_int_equal(visits(m, 9), 3);
    assert_int_equal(visits(m, 2), 2);
    assert_false(leak_visits(m, 2));
    assert_int_equal(leak.visits, 2);
    for (int i = 0; i < 3; i++)
        zm_free(m, page[i], 0);
    end_noting(m);
}

/* A block that nobody noted is looked at as a root; one of a vmalloc area is the area's to tell. */
static void the_leak_scan_sees_each_block_in_use_but_those_of_areas(void **state)
{
    struct zm *m = boot_noting(&plain);
    struct page *page = zm_alloc(m, GFP_KERNEL, 3);
    struct qr_leak_block block;
    (void)state;
    assert_true(leak_visits(m, 9));
    assert_int_equal(leak.visits, 1);
    assert_ptr_equal(leak.last.start, qr_page_virt(&m->map, page));
    assert_int_equal(leak.last.size, 8 * PAGE_SIZE);
    assert_null(leak.last.word);
    assert_false(qr_pages_leak_find(&m->zones, page + 3, &block));
    page->flags |= PGF_VMALLOC;
    assert_true(leak_visits(m, 9));
    assert_int_equal(leak.visits, 0);
    page->flags &= ~PGF_VMALLOC;
    qr_pages_note(&m->zones, page, 3, GFP_KERNEL);
    assert_true(leak_visits(m, 9));
    assert_ptr_equal(leak.last.word, &m->zones.note[zm_pfn(m, page) - m->map.min_pfn].leak);
    zm_free(m, page, 3);
    end_noting(m);
}

/* Blocks change while they are walked: a walk that finds itself inside one goes on page by page. */
static void a_walk_that_comes_out_inside_a_slab_finds_the_next_block(void **state)
{
    struct zm *m = zm_boot(&plain);
    struct page *page = zm_alloc(m, GFP_KERNEL, 3);
    u32 place = page->flags & PGF_PLACE_MASK;
    (void)state;
    qr_split_page(&m->zones, page, 3);
    qr_pages_note(&m->zones, page, 0, GFP_KERNEL);
    qr_pages_note(&m->zones, page + 4, 0, GFP_KERNEL);
    for (unsigned int i = 1; i < 4; i++)
        page[i].flags = place | PGF_TAIL | PGF_SLAB | 7u << PGF_SLOT_SHIFT;
    assert_int_equal(visits(m, 9), 2);
    assert_ptr_equal(seen.last.address, qr_page_virt(&m->map, page + 4));
    for (unsigned int i = 1; i < 4; i++)
        page[i].flags = place | PGF_OWNED;
    for (unsigned int i = 0; i < 8; i++)
        zm_free(m, page + i, 0);
    zm_end(m);
}

static const struct qr_owner *record_of(struct zm *m, const struct page *page)
{
    return &m->zones.owner[zm_pfn(m, page) - m->map.min_pfn];
}

static void a_record_is_the_allocation_s_and_then_the_free_s(void **state)
{
    struct zm_spec spec = plain;
    struct zm *m;
    struct page *page;
    u64 sequence;
    (void)state;
    spec.owner = true;
    m = zm_boot(&spec);
    page = zm_alloc(m, GFP_NOFS, 2);
    qr_pages_note(&m->zones, page, 2, GFP_NOFS);
    assert_ptr_equal(qr_pages_owner(&m->zones, page), record_of(m, page));
    assert_int_equal(record_of(m, page)->gfp, GFP_NOFS);
    assert_int_equal(record_of(m, page)->order_or_cpu, 2);
    sequence = record_of(m, page)->sequence;
    qr_pages_retrace(&m->zones, page);
    assert_int_equal(record_of(m, page)->gfp, GFP_NOFS);
    assert_int_equal(record_of(m, page)->order_or_cpu, 2);
    assert_int_equal(record_of(m, page)->sequence, ++sequence);
    zm_free(m, page, 2);
    assert_int_equal(record_of(m, page)->gfp, 0);
    assert_int_equal(record_of(m, page)->order_or_cpu, 2);
    assert_int_equal(record_of(m, page)->sequence, ++sequence);
    zm_end(m);
}

/* What was taken while nobody kept records leaves those of others as they are. */
static void a_block_that_nobody_noted_is_cut_without_a_record(void **state)
{
    struct zm_spec spec = plain;
    struct zm *m;
    struct page *page, *again;
    struct qr_owner before;
    (void)state;
    spec.owner = true;
    m = zm_boot(&spec);
    page = zm_alloc(m, GFP_KERNEL, 2);
    qr_pages_note(&m->zones, page, 2, GFP_KERNEL);
    zm_free(m, page, 2);
    before = *record_of(m, page); /* the free's */
    assert_int_equal(before.order_or_cpu, 2);
    for (unsigned int cut = 0; cut < 2; cut++) {
        again = zm_alloc(m, GFP_KERNEL, 2);
        assert_ptr_equal(again, page);
        if (cut) { /* somebody holds the first: the others go */
            qr_get_page(&m->zones, page, "get_page");
            zm_free(m, page, 2);
        } else {
            qr_split_page(&m->zones, page, 2);
        }
        assert_int_equal(m->zones.live_pages, 0);
        assert_int_equal(m->check.live_bytes, 0);
        assert_memory_equal(record_of(m, page), &before, sizeof(before));
        for (unsigned int i = 1; i < 4; i++) {
            assert_int_equal(record_of(m, page + i)->sequence, 0);
            if (!cut)
                zm_free(m, page + i, 0);
        }
        zm_free(m, page, 0);
        qr_pcp_drain_all(&m->zones);
    }
    assert_int_equal(m->zones.live_pages, 0);
    zm_end(m);
}

/* Behind the runs of the map lies what was left there when two of them became one. */
static void blocks_behind_the_last_carved_piece_are_seen_once(void **state)
{
    struct zm_spec spec = half_high;
    struct zm *m;
    struct page *page;
    (void)state;
    spec.owner = true; /* its table is carved beside the descriptors */
    m = boot_noting(&spec);
    assert_true(m->map.run[m->map.nr_runs].end > 0 && !m->map.run[m->map.nr_runs].reserved);
    page = zm_alloc(m, GFP_HIGHUSER, 1);
    qr_pages_note(&m->zones, page, 1, GFP_HIGHUSER);
    assert_int_equal(visits(m, 9), 1);
    assert_true(leak_visits(m, 9));
    assert_int_equal(leak.visits, 1);
    zm_free(m, page, 1);
    end_noting(m);
}

/* Cut into single pages, or down to its first, a block's record is that of each page left. */
static void single_pages_have_the_record_and_the_note_of_their_block(void **state)
{
    struct zm_spec spec = plain;
    struct qr_site *sites = calloc(64, sizeof(*sites)), *site;
    struct zm *m;
    struct page *page;
    const struct qr_page_note *note;
    (void)state;
    spec.owner = true;
    m = boot_noting(&spec);
    qr_sites_init(&m->check.sites, sites, 64 * sizeof(*sites));
    qr_zones_update_hooks(&m->zones);
    page = zm_alloc(m, GFP_KERNEL, 3);
    note = &m->zones.note[zm_pfn(m, page) - m->map.min_pfn];
    qr_pages_note(&m->zones, page, 3, GFP_KERNEL);
    site = &sites[note->site];
    assert_int_equal(note->leak, QR_LEAK_REACHED);
    assert_int_equal(site->bytes, 8 * PAGE_SIZE);
    assert_int_equal(site->calls, 1);
    qr_split_page(&m->zones, page, 3);
    assert_int_equal(site->bytes, 8 * PAGE_SIZE);
    assert_int_equal(site->calls, 8);
    assert_int_equal(m->zones.live_pages, 8);
    assert_int_equal(m->check.live_bytes, 8 * PAGE_SIZE);
    assert_int_equal(m->check.peak_bytes, 8 * PAGE_SIZE);
    for (unsigned int i = 0; i < 8; i++) {
        assert_int_equal(note[i].site, note->site);
        assert_int_equal(record_of(m, page + i)->order_or_cpu, 0);
        assert_int_equal(record_of(m, page + i)->sequence, record_of(m, page)->sequence);
        assert_int_equal(record_of(m, page + i)->gfp, GFP_KERNEL);
    }
    assert_int_equal(record_of(m, page + 8)->sequence, 0); /* not of this block */
    assert_int_equal(note[8].site, 0);
    for (unsigned int i = 8; i-- > 0;) {
        zm_free(m, page + i, 0);
        assert_int_equal(site->bytes, i * PAGE_SIZE);
        assert_int_equal(site->calls, i);
        assert_int_equal(m->zones.live_pages, i);
        assert_int_equal(m->check.live_bytes, i * PAGE_SIZE);
    }
    page = zm_alloc(m, GFP_KERNEL, 3);
    note = &m->zones.note[zm_pfn(m, page) - m->map.min_pfn];
    qr_pages_note(&m->zones, page, 3, GFP_KERNEL);
    site = &sites[note->site];
    qr_get_page(&m->zones, page, "get_page");
    zm_free(m, page, 3);
    assert_int_equal(site->bytes, PAGE_SIZE);
    assert_int_equal(site->calls, 1);
    assert_int_equal(m->zones.live_pages, 1);
    assert_int_equal(m->check.live_bytes, PAGE_SIZE);
    assert_int_equal(record_of(m, page)->order_or_cpu, 0);
    qr_put_page(&m->zones, page, "put_page");
    assert_int_equal(site->bytes, 0);
    assert_int_equal(site->calls, 0);
    memset(&m->check.sites, 0, sizeof(m->check.sites));
    free(sites);
    end_noting(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_of_high_memory_is_told_without_an_address),
        cmocka_unit_test(without_records_a_block_is_told_by_its_place_alone),
        cmocka_unit_test(where_no_trace_could_be_kept_the_record_says_the_rest),
        cmocka_unit_test(a_large_block_of_kmalloc_is_told_as_an_object),
        cmocka_unit_test(a_block_that_nobody_noted_is_cut_without_a_record),
        cmocka_unit_test(a_visitor_who_has_seen_enough_is_shown_no_more),
        cmocka_unit_test(the_leak_scan_sees_each_block_in_use_but_those_of_areas),
        cmocka_unit_test(a_record_is_the_allocation_s_and_then_the_free_s),
        cmocka_unit_test(blocks_behind_the_last_carved_piece_are_seen_once),
        cmocka_unit_test(single_pages_have_the_record_and_the_note_of_their_block),
        cmocka_unit_test(a_walk_that_comes_out_inside_a_slab_finds_the_next_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
