/* SPDX-License-Identifier: MIT */
/* Races for the last reference: each page is freed once and none is lost, whoever comes between. */
#include "points.h"
#include "race.h"
#include <quarry/slab.h>

/* ---- pages ----------------------------------------------------------------------------------- */

static struct page *page;
static void *memory;
static unsigned long pages_free;

static unsigned long count_free(void)
{
    qr_pcp_drain_all(&qr_default()->zones);
    return (unsigned long)qr_free_pages_total(&qr_default()->zones);
}

static void take_two_references(unsigned int order, gfp_t gfp)
{
    pages_free = count_free();
    page = alloc_pages(gfp, order);
    assert_non_null(page);
    get_page(page);
}

static void all_is_free(void)
{
    assert_int_equal(count_free(), pages_free);
}

static void before_one_page(void)
{
    take_two_references(0, GFP_KERNEL);
}

static void before_compound(void)
{
    take_two_references(2, GFP_KERNEL | __GFP_COMP);
}

static void before_plain(void)
{
    take_two_references(2, GFP_KERNEL);
}

static void put(void *unused)
{
    (void)unused;
    put_page(page);
}

static void free_order_0(void *unused)
{
    (void)unused;
    __free_pages(page, 0);
}

static void free_order_2(void *unused)
{
    (void)unused;
    __free_pages(page, 2);
}

static void two_who_put_a_page_free_it_once(void **state)
{
    const struct race races[] = {
        {before_one_page, put, put, all_is_free, 0},
        {before_one_page, free_order_0, put, all_is_free, 0},
        {before_one_page, put, free_order_0, all_is_free, 0},
        {before_compound, free_order_2, put, all_is_free, 0},
        {before_compound, put, free_order_2, all_is_free, 0},
        {before_compound, free_order_2, free_order_2, all_is_free, 0},
    };

    (void)state;
    RACE_RUN_ALL(races);
}

/* The first page may go with the block or after it, whoever is first. */
static void a_plain_block_and_the_reference_on_its_first_page_are_freed_once(void **state)
{
    const struct race races[] = {
        {before_plain, free_order_2, put, all_is_free, 0},
        {before_plain, put, free_order_2, all_is_free, 0},
    };

    (void)state;
    RACE_RUN_ALL(races);
}

static void still_held(void)
{
    assert_int_equal(race_size, PAGE_SIZE << 2);
    assert_int_equal(page_ref_count(page), 1);
    assert_int_equal(count_free(), pages_free - 1);
    put_page(page);
    all_is_free();
}

/* A block can be freed once; that somebody holds its first page does not make it two. */
static void a_held_block_freed_by_two_at_once_is_a_wrong_free_of_one_of_them(void **state)
{
    const struct race race = {before_plain, free_order_2, free_order_2, still_held, 1};

    (void)state;
    race_run(&race);
}

/* ---- the last page above the mark ----------------------------------------------------------------- */

static struct page *hoard[1024], *got[2];
static unsigned int hoard_order[1024], nr_hoard;

static bool hoard_one(unsigned int order)
{
    if (!(hoard[nr_hoard] = alloc_pages(GFP_NOWAIT, order)))
        return false;
    hoard_order[nr_hoard++] = order;
    return true;
}

/* Most in large blocks, which is quick; the last ones in single pages. */
static void before_last_page(void)
{
    nr_hoard = 0;
    pages_free = count_free();
    while (hoard_one(5))
        continue;
    do {
        while (hoard_one(0))
            continue;
        count_free(); /* with what lay on lists */
    } while (hoard_one(0));
    assert_true(nr_hoard > 2 && hoard_order[nr_hoard - 1] + hoard_order[nr_hoard - 2] == 0);
    __free_pages(hoard[--nr_hoard], 0);
    count_free();
}

static void take_it(void *unused)
{
    (void)unused;
    got[0] = alloc_pages(GFP_NOWAIT, 0);
}

static void take_it_too(void *unused)
{
    (void)unused;
    got[1] = alloc_pages(GFP_NOWAIT, 0);
}

static void one_has_it(void)
{
    assert_int_equal((got[0] != NULL) + (got[1] != NULL), 1);
    __free_pages(got[got[0] == NULL], 0);
    while (nr_hoard--)
        __free_pages(hoard[nr_hoard], hoard_order[nr_hoard]);
    all_is_free();
}

static void g_w2_of_two_who_want_the_last_page_above_the_mark_one_gets_it(void **state)
{
    const struct race race = {before_last_page, take_it, take_it_too, one_has_it, 0};

    (void)state;
    race_run(&race);
}

/* ---- who waits for a page ----------------------------------------------------------------------- */

static void give_one(void *unused)
{
    (void)unused;
    __free_pages(hoard[--nr_hoard], 0);
}

/* The clock moves only when nobody can run: who is woken has seen no time go by. */
static void wait_for_one(gfp_t gfp)
{
    uint64_t begin = qp_now_ns();

    got[0] = alloc_pages(gfp, 0);
    assert_int_equal(qp_now_ns(), begin);
}

static bool fine; /* each access is a point */

static void before_waiting(void)
{
    fine = accesses_are_points();
    before_last_page();
    assert_true(hoard_one(0));
    got[0] = got[1] = NULL;
}

static void wait_with_rounds(void *unused)
{
    (void)unused;
    wait_for_one(GFP_KERNEL | __GFP_NOWARN);
}

static void wait_inside_reclaim(void *unused)
{
    (void)unused;
    qp_task()->reclaims++;
    wait_for_one(GFP_KERNEL | __GFP_NOFAIL | __GFP_NOMEMALLOC);
    qp_task()->reclaims--;
}

static void one_has_what_was_given(void)
{
    assert_non_null(got[0]);
    one_has_it();
}

/* With all rounds of reclaim only where points are few: where each access is one, the short way has those
 * that matter. */
static void who_waits_for_a_page_is_woken_by_the_free_that_comes_between(void **state)
{
    const struct race within = {before_waiting, wait_inside_reclaim, give_one,
                                one_has_what_was_given, 0};
    const struct race rounds = {before_waiting, wait_with_rounds, give_one, one_has_what_was_given,
                                0};

    (void)state;
    race_run(&within);
    if (!fine)
        race_run(&rounds);
}

/* ---- blocks of other layers -------------------------------------------------------------------- */

static void before_kmalloc(void)
{
    pages_free = count_free();
    memory = kmalloc(4 * PAGE_SIZE, GFP_KERNEL);
    assert_non_null(memory);
    page = virt_to_page(memory);
    get_page(page);
}

static void free_memory(void *unused)
{
    (void)unused;
    kfree(memory);
}

static void a_kmalloc_block_and_a_reference_on_it_are_freed_once(void **state)
{
    const struct race races[] = {
        {before_kmalloc, free_memory, put, all_is_free, 0},
        {before_kmalloc, put, free_memory, all_is_free, 0},
    };

    (void)state;
    RACE_RUN_ALL(races);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_who_put_a_page_free_it_once),
        cmocka_unit_test(a_plain_block_and_the_reference_on_its_first_page_are_freed_once),
        cmocka_unit_test(a_held_block_freed_by_two_at_once_is_a_wrong_free_of_one_of_them),
        cmocka_unit_test(who_waits_for_a_page_is_woken_by_the_free_that_comes_between),
        cmocka_unit_test(g_w2_of_two_who_want_the_last_page_above_the_mark_one_gets_it),
        cmocka_unit_test(a_kmalloc_block_and_a_reference_on_it_are_freed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
