/* SPDX-License-Identifier: MIT */
/* Two CPUs, two calls, and every point of the one at which the other can come in between.
 *
 * The first call runs up to its point k; then the second runs from beginning to end (or until it has to
 * wait for a lock); then the first goes on. That is done for k = 1, 2, … until the first call has no such
 * point. In the preemptible build a point is each access to memory, so that what is read and what is then
 * written on the strength of it are pulled apart wherever they can be. Whatever the order: each page is
 * freed once, all counts agree, and nothing is lost. */
#include <quarry/gfp.h>
#include <quarry/report.h>
#include <quarry/slab.h>
#include <quarry/stat.h>
#include "instance.h"
#include "sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* @before and @after run on the machine while no task does. */
struct race {
    void (*before)(void);
    void (*one)(void *);
    void (*other)(void *);
    void (*after)(void);
    unsigned long findings; /* told in each run */
};

static unsigned long heard;

static bool hear(const struct quarry_report *report, void *data)
{
    (void)report;
    (void)data;
    heard++;
    return false;
}

static void call_one(void *race)
{
    sim_operation(1);
    ((const struct race *)race)->one(NULL);
}

static void call_other(void *race)
{
    sim_operation(1);
    ((const struct race *)race)->other(NULL);
}

static bool came_between(const struct sim *sim)
{
    size_t nr;
    const struct sim_decision *decision = sim_decisions(sim, &nr);

    for (size_t i = 0; i < nr; i++)
        if (decision[i].action == SIM_SWITCH)
            return true;
    return false;
}

/* The other call comes at point @k of the one. False: there was no such point. */
static bool race_at(const struct race *race, uint32_t k)
{
    struct sim_decision script = {.operation = 1, .point = k, .action = SIM_SWITCH};
    struct sim_config config = {
        .cpus = 2, .frames = 1024, .strategy = SIM_SCRIPT, .script = &script, .nr_script = 1};
    char why[200] = "";
    struct sim *sim = sim_new(&config, why, sizeof(why));
    bool switched;

    if (!sim)
        fail_msg("%s", why);
    heard = 0;
    qr_default()->check.hook = hear;
    race->before();
    script.task = (uint32_t)sim_task(sim, 0, "one", call_one, (void *)(uintptr_t)race);
    script.argument = (uint32_t)sim_task(sim, 1, "other", call_other, (void *)(uintptr_t)race);
    if (sim_run(sim) != SIM_FINE)
        fail_msg("at point %u: %s", k, sim_report(sim));
    switched = came_between(sim);
    race->after();
    if (heard != race->findings)
        fail_msg("at point %u: %lu findings", k, heard);
    if (quarry_check_all() != 0)
        fail_msg("at point %u the machine contradicts itself", k);
    sim_free(sim);
    return switched;
}

static void run_race(const struct race *race)
{
    uint32_t k = 1;

    while (race_at(race, k))
        k++;
    assert_true(k > 1);
}

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
    for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++)
        run_race(&races[i]);
}

/* The first page may go with the block or after it, whoever is first. */
static void a_plain_block_and_the_reference_on_its_first_page_are_freed_once(void **state)
{
    const struct race races[] = {
        {before_plain, free_order_2, put, all_is_free, 0},
        {before_plain, put, free_order_2, all_is_free, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++)
        run_race(&races[i]);
}

static void still_held(void)
{
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
    run_race(&race);
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
    for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++)
        run_race(&races[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_who_put_a_page_free_it_once),
        cmocka_unit_test(a_plain_block_and_the_reference_on_its_first_page_are_freed_once),
        cmocka_unit_test(a_held_block_freed_by_two_at_once_is_a_wrong_free_of_one_of_them),
        cmocka_unit_test(a_kmalloc_block_and_a_reference_on_it_are_freed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
