/* SPDX-License-Identifier: MIT */
/* The page allocator's check against a machine that is damaged in one place at a time: every invariant
 * it names is broken once, and must be told under its name. */
#include "damage.h"
#include "zone/internal.h"

#define CHECK(q) qr_zones_check(&(q)->zones)

/* As it is told of a frame (or of the number that stands there). */
static const char *of_frame(u64 pfn, const char *what)
{
    static char text[160];
    snprintf(text, sizeof(text), "zone Normal of node 0, frame %#llx: %s\n",
             (unsigned long long)pfn, what);
    return text;
}

static struct zone *only_zone(struct quarry *q)
{
    assert_int_equal(q->zones.nr_zones, 1);
    return &q->zones.zone[0];
}

static struct quarry *boot(void)
{
    struct test_spec spec = {.pages = 8192};
    return damage_boot(&spec);
}

/* A block of a zone's free lists of at least @order; the frame number of its head. */
static u64 free_block(const struct zone *zone, unsigned int least, unsigned int *order,
                      u32 *mobility)
{
    for (*order = least; *order <= MAX_PAGE_ORDER; ++*order) {
        for (*mobility = 0; *mobility < MIGRATE_TYPES; ++*mobility) {
            if (zone->free_area[*order].head[*mobility])
                return zone->free_area[*order].head[*mobility];
        }
    }
    fail_msg("no free block of order %u", least);
    return 0;
}

static void a_free_block_that_contradicts_itself_is_told(void **state)
{
    struct quarry *q = boot();
    struct zone *zone = only_zone(q);
    unsigned int order;
    u32 mobility;
    u64 pfn = free_block(zone, 1, &order, &mobility);
    struct page *head = qr_page(&q->map, pfn);

    (void)state;
    DAMAGE(CHECK(q), head->flags, head->flags & ~PGF_BUDDY,
           of_frame(pfn, "B1: a free block's head does not say so"));
    DAMAGE(CHECK(q), head->flags, head->flags ^ 1u,
           of_frame(pfn, "B1: a free block's head does not say so"));
    DAMAGE(CHECK(q), head->_refcount, 1, of_frame(pfn, "B1: a free block has references"));
    DAMAGE(CHECK(q), head[1].flags, PGF_TAIL,
           of_frame(pfn + 1, "B1: a frame inside a free block has marks"));
    DAMAGE(CHECK(q), head->quarry_free.mobility, (mobility + 1) % MIGRATE_TYPES,
           of_frame(pfn, "B2: a free block is on another mobility's list"));
    DAMAGE(CHECK(q), *qr_block_byte(&q->map, pfn), (u8)(*qr_block_byte(&q->map, pfn) ^ 1u),
           of_frame(pfn, "B2: a free block is on another mobility's list"));
    test_end(q);
}

static void a_block_that_is_not_aligned_is_told(void **state)
{
    struct quarry *q = boot();
    struct zone *zone = only_zone(q);
    unsigned int order;
    u32 mobility;
    u64 pfn = free_block(zone, 2, &order, &mobility);
    struct page *odd = qr_page(&q->map, pfn + 1);

    (void)state;
    assert_int_equal(zone->free_area[order].nr[mobility], 1);
    odd->quarry_free = qr_page(&q->map, pfn)->quarry_free;
    odd->quarry_free.next = odd->quarry_free.prev = (u32)pfn + 1;
    DAMAGE(CHECK(q), zone->free_area[order].head[mobility], (u32)pfn + 1,
           of_frame(pfn + 1, "B1: a free block is not aligned"));
    memset(&odd->quarry_free, 0, sizeof(odd->quarry_free));
    test_end(q);
}

static void two_free_buddies_are_told(void **state)
{
    struct quarry *q = boot();
    struct zone *zone = only_zone(q);
    unsigned int order;
    u32 mobility;
    u64 pfn = free_block(zone, 0, &order, &mobility);
    struct page *buddy = qr_page(&q->map, pfn ^ (1ull << order));

    (void)state;
    assert_true(order < MAX_PAGE_ORDER);
    DAMAGE(CHECK(q), buddy->flags, PGF_BUDDY | order | zone->place,
           of_frame(pfn, "B3: two free buddies are not merged"));
    test_end(q);
}

static void a_free_list_with_wrong_links_or_counts_is_told(void **state)
{
    struct quarry *q = boot();
    struct zone *zone = only_zone(q);
    unsigned int order;
    u32 mobility;
    u64 pfn = free_block(zone, 0, &order, &mobility);
    struct page *head = qr_page(&q->map, pfn);
    struct qr_free_area *area = &zone->free_area[order];

    (void)state;
    DAMAGE(CHECK(q), head->quarry_free.next, (u32)q->map.max_pfn + 7,
           of_frame(pfn, "a free list is torn"));
    DAMAGE(CHECK(q), head->quarry_free.prev, (u32)pfn ^ 1u, of_frame(pfn, "a free list is torn"));
    DAMAGE(CHECK(q), area->nr[mobility], area->nr[mobility] + 1,
           of_frame(pfn, "a free list's count is wrong"));
    DAMAGE(CHECK(q), area->nr[mobility], area->nr[mobility] - 1,
           of_frame(pfn, "a free list's count is wrong"));
    DAMAGE(CHECK(q), zone->nonempty[mobility], zone->nonempty[mobility] ^ (1u << order),
           of_frame(pfn, "B5: the bit mask and the list disagree"));
    test_end(q);
}

static void sums_that_the_lists_do_not_hold_are_told(void **state)
{
    struct quarry *q = boot();
    struct zone *zone = only_zone(q);
    struct page *fresh;

    (void)state;
    assert_true(zone->nr_fresh > 0);
    fresh = qr_page(&q->map, QR_ALIGN_UP(zone->fresh_pfn, 1ull << MAX_PAGE_ORDER));
    DAMAGE(CHECK(q), fresh->flags, 1u,
           of_frame(qr_pfn(&q->map, fresh), "a fresh block was written"));
    DAMAGE(CHECK(q), zone->nr_fresh, zone->nr_fresh + 1,
           of_frame(zone->fresh_pfn, "the count of fresh blocks is wrong"));
    DAMAGE(CHECK(q), zone->nr_fresh, zone->nr_fresh - 1,
           of_frame(zone->fresh_pfn, "the count of fresh blocks is wrong"));
    DAMAGE(CHECK(q), zone->free_pages, zone->free_pages + 1,
           of_frame(zone->free_pages, "B4: free_pages is not what the lists hold"));
    DAMAGE(CHECK(q), zone->warm_pages, zone->warm_pages + 1,
           of_frame(zone->warm_pages, "B6: warm_pages is not what the lists hold"));
    test_end(q);
}

/* This thread's CPU with three blocks of @order on its list; the list. */
static struct qr_page_list *filled_list(struct quarry *q, unsigned int order, gfp_t gfp)
{
    struct page *page[3];
    struct qr_cpu *cpu;
    unsigned long section;

    qr_pcp_drain_local(&q->zones);
    for (unsigned int i = 0; i < 3; i++) {
        page[i] = qr_alloc_pages(&q->zones, gfp, order, NUMA_NO_NODE);
        assert_non_null(page[i]);
    }
    for (unsigned int i = 0; i < 3; i++)
        qr_free_block(&q->zones, page[i], order);
    section = qp_percpu_enter(&q->cpus, &cpu);
    qp_percpu_leave(section);
    assert_true(qr_cpu_known(cpu));
    for (unsigned int m = 0; m < MIGRATE_TYPES; m++) {
        struct qr_page_list *list = &cpu->pcp[0].list[qr_pcp_index(order)][m];
        if (list->nr >= 3)
            return list;
    }
    fail_msg("no per-CPU list has the freed blocks of order %u", order);
    return NULL;
}

static void a_listed_block_that_contradicts_itself_is_told(void **state)
{
    struct quarry *q = boot();
    struct qr_page_list *list = filled_list(q, 2, GFP_KERNEL);
    struct page *head = qr_page(&q->map, list->hot);

    (void)state;
    DAMAGE(CHECK(q), head->flags, head->flags ^ PGF_OWNED,
           of_frame(list->hot, "L1: the head of a listed block does not say so"));
    DAMAGE(CHECK(q), head->_refcount, 1, of_frame(list->hot, "L1: a listed block has references"));
    DAMAGE(CHECK(q), head[3].flags, head[3].flags ^ PGF_TAIL,
           of_frame(list->hot + 3, "L1: tails of a listed block and its head disagree"));
    list = filled_list(q, 2, GFP_KERNEL | __GFP_COMP);
    head = qr_page(&q->map, list->hot);
    assert_true(head->flags & PGF_HEAD); /* lists keep compound blocks as they are */
    DAMAGE(CHECK(q), head[2].quarry_tail.head, list->hot ^ 4u,
           of_frame(list->hot + 2, "L1: tails of a listed block and its head disagree"));
    test_end(q);
}

static void a_per_cpu_list_with_wrong_links_or_sums_is_told(void **state)
{
    struct quarry *q = boot();
    struct qr_page_list *list = filled_list(q, 0, GFP_KERNEL);
    struct page *hot = qr_page(&q->map, list->hot);
    struct page *second = qr_page(&q->map, hot->quarry_free.next);
    struct qr_cpu *cpu;

    (void)state;
    qp_percpu_leave(qp_percpu_enter(&q->cpus, &cpu));
    DAMAGE(CHECK(q), hot->quarry_free.next, (u32)q->map.max_pfn + 7,
           of_frame(q->map.max_pfn + 7, "a per-CPU list is torn"));
    DAMAGE(CHECK(q), hot->quarry_free.next, (u32)q->map.max_pfn - 1, /* the last there is */
           of_frame(q->map.max_pfn - 1, "a per-CPU list's links disagree"));
    DAMAGE(CHECK(q), second->quarry_free.prev, second->quarry_free.prev ^ 1u,
           of_frame(hot->quarry_free.next, "a per-CPU list's links disagree"));
    DAMAGE(CHECK(q), list->cold, list->hot,
           of_frame(list->hot, "a per-CPU list's cold end is not its last block"));
    DAMAGE(CHECK(q), cpu->pcp[0].pages, cpu->pcp[0].pages + 1,
           of_frame(cpu->id, "L2: a CPU's sum of listed pages is wrong"));
    test_end(q);
}

/* On this thread's CPU, which is the only one. */
static u32 pcp_pages(struct quarry *q)
{
    struct qr_cpu *cpu;
    qp_percpu_leave(qp_percpu_enter(&q->cpus, &cpu));
    return cpu->pcp[0].pages;
}

static void a_frame_that_is_nobodys_is_told(void **state)
{
    struct quarry *q = boot();
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    struct zone *zone = only_zone(q);
    char text[128];

    (void)state;
    assert_non_null(page);
    snprintf(text, sizeof(text), "frame %#llx: a frame is in no block",
             (unsigned long long)qr_pfn(&q->map, page));
    DAMAGE(CHECK(q), page->flags, page->flags & ~PGF_OWNED, text);
    DAMAGE(CHECK(q), page->flags, page->flags | PGF_TAIL, text);
    DAMAGE(CHECK(q), zone->managed, zone->managed + 1,
           of_frame(zone->managed - zone->free_pages - pcp_pages(q),
                    "used, free and listed pages are not the managed ones"));
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

/* As long as there are fresh blocks, which nothing marks, a frame without marks may be in one; but only from
 * the first of them on, at their alignment, and whole. */
static void a_frame_that_no_fresh_block_holds_is_told_beside_them(void **state)
{
    const u64 largest = 1ull << MAX_PAGE_ORDER;
    struct quarry_region region = {.size = (8192 + largest) * PAGE_SIZE};
    struct test_spec spec = {.regions = &region, .nr_regions = 1};
    struct quarry *q = damage_boot(&spec);
    struct zone *zone;
    struct page *page, *behind;
    unsigned int order;
    char text[128];

    (void)state;
    /* What is behind the last whole block is to be one frame less than another. */
    region.size += (largest - 1) * PAGE_SIZE - (q->map.run[1].end - 8192) * PAGE_SIZE;
    test_end(q);
    q = damage_boot(&spec);
    assert_int_equal(q->map.run[1].end, 8192 + largest - 1);
    zone = only_zone(q);
    page = qr_alloc_pages(&q->zones, GFP_KERNEL, MAX_PAGE_ORDER, NUMA_NO_NODE);
    assert_true(zone->nr_fresh > 0);
    snprintf(text, sizeof(text), "frame %#llx: a frame is in no block",
             (unsigned long long)qr_pfn(&q->map, page));
    assert_true(qr_pfn(&q->map, page) < zone->fresh_pfn); /* and aligned */
    DAMAGE(CHECK(q), page->flags, page->flags & ~PGF_OWNED, text);
    qr_free_block(&q->zones, page, MAX_PAGE_ORDER);
    behind = qr_page(&q->map, 8192); /* aligned, but too near to the end for a whole block */
    assert_true(zone->fresh_pfn <= 8192 && zone->nr_fresh);
    assert_true(behind->flags & PGF_BUDDY);
    order = behind->flags & PGF_ORDER_MASK;
    DAMAGE(CHECK(q), behind->flags, behind->flags & ~PGF_BUDDY,
           "frame 0x2000: a frame is in no block");
    behind += 1ul << order; /* not aligned */
    assert_true(behind->flags & PGF_BUDDY);
    DAMAGE(CHECK(q), behind->flags, behind->flags & ~PGF_BUDDY, "a frame is in no block");
    test_end(q);
    q = damage_boot(&(struct test_spec){.pages = 256}); /* where there are none */
    assert_int_equal(only_zone(q)->nr_fresh, 0);
    page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    DAMAGE(CHECK(q), page->flags, page->flags & ~PGF_OWNED, "a frame is in no block");
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

/* Each mark by itself, at the head and at a tail. */
static void any_mark_that_does_not_belong_on_a_listed_block_is_told(void **state)
{
    static const u32 marks[] = {PGF_TAIL, PGF_BUDDY, PGF_PCP, PGF_OWNED};
    struct quarry *q = boot();
    struct qr_page_list *list = filled_list(q, 2, GFP_KERNEL);
    struct page *head = qr_page(&q->map, list->hot);

    (void)state;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(marks); i++)
        DAMAGE(CHECK(q), head[1].flags, head[1].flags ^ marks[i],
               "L1: tails of a listed block and its head disagree");
    for (unsigned int i = 1; i < QR_ARRAY_SIZE(marks); i++)
        DAMAGE(CHECK(q), head->flags, head->flags ^ marks[i],
               "L1: the head of a listed block does not say so");
    DAMAGE(CHECK(q), head->flags, head->flags ^ 1u, /* its order */
           "L1: the head of a listed block does not say so");
    DAMAGE(CHECK(q), head->flags, head->flags ^ (1u << PGF_ZONE_SHIFT),
           "L1: the head of a listed block does not say so");
    test_end(q);
}

static void any_mark_that_does_not_belong_in_a_free_block_is_told(void **state)
{
    static const u32 marks[] = {PGF_PCP, PGF_HEAD, PGF_TAIL, PGF_SLAB, PGF_OWNED, PGF_BUDDY};
    struct quarry *q = boot();
    unsigned int order;
    u32 mobility;
    struct page *head = qr_page(&q->map, free_block(only_zone(q), 1, &order, &mobility));

    (void)state;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(marks); i++) {
        DAMAGE(CHECK(q), head->flags, head->flags ^ marks[i],
               "B1: a free block's head does not say so");
        DAMAGE(CHECK(q), head[(1u << order) - 1].flags, head[(1u << order) - 1].flags ^ marks[i],
               "B1: a frame inside a free block has marks");
    }
    DAMAGE(CHECK(q), head->flags, head->flags ^ (1u << PGF_ZONE_SHIFT),
           "B1: a free block's head does not say so");
    test_end(q);
}

static void a_contradiction_is_told_with_its_zone_and_frame(void **state)
{
    struct test_spec spec = {.pages = 8192, .profile = "nodes"};
    struct quarry *q = damage_boot(&spec);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, 1);
    char text[128];

    (void)state;
    snprintf(text, sizeof(text), "zone Normal of node 1, frame %#llx: a frame is in no block",
             (unsigned long long)qr_pfn(&q->map, page));
    DAMAGE(CHECK(q), page->flags, page->flags & ~PGF_OWNED, text);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

/* Of frames that are lost the first is named, and they are counted as what they are. */
static void lost_frames_are_one_contradiction_however_many(void **state)
{
    struct quarry *q = boot();
    struct page *page[3];
    char text[128];

    (void)state;
    for (unsigned int i = 0; i < 3; i++)
        page[i] = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    assert_int_equal(CHECK(q), 0);
    for (unsigned int i = 3; i-- > 0;) {
        page[i]->flags &= ~PGF_OWNED;
        damage_told[0] = 0;
        assert_int_equal(CHECK(q), 1);
        snprintf(text, sizeof(text), "zone Normal of node 0, frame %#llx: a frame is in no block\n",
                 (unsigned long long)qr_pfn(&q->map, page[i]));
        assert_string_equal(damage_told, text);
    }
    for (unsigned int i = 0; i < 3; i++) {
        page[i]->flags |= PGF_OWNED;
        qr_free_block(&q->zones, page[i], 0);
    }
    test_end(q);
}

/* More blocks on a list than its count says. */
static void a_list_longer_than_its_count_is_told(void **state)
{
    struct quarry *q = boot();
    struct zone *zone = only_zone(q);
    struct page *page[8];
    u32 *nr;

    (void)state;
    for (int i = 0; i < 8; i++)
        page[i] = qr_alloc_pages(&q->zones, GFP_KERNEL, 7, NUMA_NO_NODE);
    for (int i = 0; i < 8; i += 2)
        qr_free_block(&q->zones, page[i], 7);
    nr = &zone->free_area[7].nr[qr_block_mobility(&q->map, qr_pfn(&q->map, page[0]))];
    assert_true(*nr >= 3);
    DAMAGE(CHECK(q), *nr, *nr - 2, "a free list's count is wrong");
    for (int i = 1; i < 8; i += 2)
        qr_free_block(&q->zones, page[i], 7);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_free_block_that_contradicts_itself_is_told),
        cmocka_unit_test(a_block_that_is_not_aligned_is_told),
        cmocka_unit_test(two_free_buddies_are_told),
        cmocka_unit_test(a_free_list_with_wrong_links_or_counts_is_told),
        cmocka_unit_test(sums_that_the_lists_do_not_hold_are_told),
        cmocka_unit_test(a_listed_block_that_contradicts_itself_is_told),
        cmocka_unit_test(a_per_cpu_list_with_wrong_links_or_sums_is_told),
        cmocka_unit_test(a_frame_that_is_nobodys_is_told),
        cmocka_unit_test(a_frame_that_no_fresh_block_holds_is_told_beside_them),
        cmocka_unit_test(any_mark_that_does_not_belong_on_a_listed_block_is_told),
        cmocka_unit_test(any_mark_that_does_not_belong_in_a_free_block_is_told),
        cmocka_unit_test(a_contradiction_is_told_with_its_zone_and_frame),
        cmocka_unit_test(lost_frames_are_one_contradiction_however_many),
        cmocka_unit_test(a_list_longer_than_its_count_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
