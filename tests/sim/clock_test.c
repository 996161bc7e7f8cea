/* SPDX-License-Identifier: MIT */
/* How long things take that wait by the clock: on a simulated machine the time is exact, since only waiting
 * moves the clock far. */
#include <quarry/gfp.h>
#include <quarry/rcu.h>
#include "instance.h"
#include "sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MS 1000000ull

static struct quarry *machine(void)
{
    return &quarry_default;
}

static void in_world(void (*body)(void *), unsigned int frames)
{
    struct sim_config config = {
        .cpus = 1, .frames = frames, .strategy = SIM_SCRIPT, .options = "check=0"};
    char why[200] = "";
    struct sim *sim = sim_new(&config, why, sizeof(why));

    if (!sim)
        fail_msg("%s", why);
    sim_task(sim, 0, "body", body, NULL);
    if (sim_run(sim) != SIM_FINE)
        fail_msg("%s", sim_report(sim));
    sim_free(sim);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            sim_fail("line %d: not true: %s", __LINE__, #condition);                               \
    } while (0)

/* The clock moves by itself, too, a little with each wait. */
static bool took(uint64_t begun, uint64_t ns)
{
    uint64_t now = qp_now_ns() - begun;

    return now >= ns && now < ns + ns / 200;
}

static void sleep_for(uint64_t ns)
{
    static struct qp_event never;

    qp_wait(&never, never.moves, ns);
}

/* ---- reclaim --------------------------------------------------------------------------------- */

static unsigned long asked;
static uint64_t last_asked_ns;

static unsigned long give_nothing(void *data, unsigned long nr_pages, bool may_sleep)
{
    (void)data;
    (void)nr_pages;
    (void)may_sleep;
    asked++;
    last_asked_ns = qp_now_ns();
    return 0;
}

static void hopeless(void *arg)
{
    static struct qr_source source = {.shrink = give_nothing};
    struct quarry *q = machine();
    struct zone *zone = &q->zones.zone[0];
    static struct page *page[4096];
    unsigned int nr = 0;
    uint64_t begun;

    (void)arg;
    sleep_for(MS); /* the worker has had its first turn */
    q->reclaim.sources = NULL;
    qr_reclaim_add_source(&q->reclaim, &source);
    asked = 0;
    while (qr_zone_free_pages(zone) >= zone->watermark[QR_WMARK_LOW])
        CHECK((page[nr++] = alloc_page(GFP_NOWAIT & ~__GFP_KSWAPD_RECLAIM)) != NULL);
    q->zones.reclaim.wake(q->zones.reclaim.data, zone, GFP_NOWAIT, 0);
    while (asked < 4)
        sleep_for(1000);
    begun = last_asked_ns;
    while (q->reclaim.busy) {
        /* Who wakes it during its rest does not shorten it. */
        q->zones.reclaim.wake(q->zones.reclaim.data, zone, GFP_NOWAIT, 0);
        sleep_for(10000);
    }
    CHECK(asked == 4);
    CHECK(took(begun, 100 * MS));
    sleep_for(1000 * MS); /* nobody asks again by himself */
    CHECK(asked == 4);
    q->reclaim.sources = NULL;
    while (nr)
        __free_page(page[--nr]);
}

static void a_worker_that_finds_nothing_rests_for_a_tenth_of_a_second(void **state)
{
    (void)state;
    in_world(hopeless, 2048);
}

/* ---- readers --------------------------------------------------------------------------------- */

static void note_call(struct qr_grace_call *call)
{
    (void)call;
    asked++;
}

/* A reader that does not end: counted as begun, by nobody. */
static void stuck_reader(void *arg)
{
    struct quarry *q = machine();
    struct qr_grace_call call = {.fn = note_call};
    uint64_t begun;

    (void)arg;
    asked = 0;
    q->grace.shared.begun[0]++;
    qr_grace_call(&q->grace, &call);
    sleep_for(MS);
    begun = qp_now_ns();
    CHECK(!qr_grace_settle(&q->grace));
    CHECK(took(begun, 50 * MS));
    CHECK(asked == 0);
    q->grace.shared.ended[0]++;
    begun = qp_now_ns();
    CHECK(qr_grace_settle(&q->grace));
    CHECK(qp_now_ns() - begun < MS);
    CHECK(asked == 1);
}

static void reclaim_waits_for_a_reader_for_fifty_milliseconds(void **state)
{
    (void)state;
    in_world(stuck_reader, 1024);
}

static void late_reader(void *arg)
{
    struct quarry *q = machine();

    (void)arg;
    sleep_for(25000 * MS);
    q->grace.shared.ended[0]++;
    qp_wake(&q->grace.moved);
}

static const char *words; /* of the run */

static void waits_long(void *arg)
{
    struct quarry *q = machine();
    uint64_t begun = qp_now_ns();

    (void)arg;
    q->grace.shared.begun[0]++;
    CHECK(qr_grace_wait(&q->grace, "this test") == 0);
    CHECK(took(begun, 25000 * MS));
    words = "";
}

/* Who waits for more than ten seconds says so once, and goes on waiting. */
static void a_long_wait_for_readers_is_told_of_and_goes_on(void **state)
{
    struct sim_config config = {.cpus = 2, .frames = 1024, .strategy = SIM_SCRIPT};
    char why[200] = "";
    struct sim *sim = sim_new(&config, why, sizeof(why));

    (void)state;
    if (!sim)
        fail_msg("%s", why);
    words = NULL;
    sim_task(sim, 0, "waits", waits_long, NULL);
    sim_task(sim, 1, "reader", late_reader, NULL);
    if (sim_run(sim) != SIM_FINE)
        fail_msg("%s", sim_report(sim));
    assert_non_null(words);
    sim_free(sim);
}

/* ---- reports --------------------------------------------------------------------------------- */

static void warn_often(void *arg)
{
    struct qr_check *check = &machine()->check;

    (void)arg;
    for (int round = 0; round < 2; round++) {
        uint64_t begun = qp_now_ns();
        for (int i = 0; i < 10; i++)
            CHECK(qr_warn_allowed(check));
        while (!qr_warn_allowed(check))
            sleep_for(MS);
        CHECK(took(begun, 5000 * MS));
        sleep_for(6000 * MS);
    }
}

static void ten_failures_are_told_of_in_five_seconds(void **state)
{
    (void)state;
    in_world(warn_often, 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_that_finds_nothing_rests_for_a_tenth_of_a_second),
        cmocka_unit_test(reclaim_waits_for_a_reader_for_fifty_milliseconds),
        cmocka_unit_test(a_long_wait_for_readers_is_told_of_and_goes_on),
        cmocka_unit_test(ten_failures_are_told_of_in_five_seconds),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
