/* SPDX-License-Identifier: MIT */
/* The pages of the pool of guarded objects: which are mapped, when, and that no old entry lingers. The
 * port's calls are linked through wrappers that keep a table of the pool's pages. */
#include "machine.h"
#include "wrapped_port.h"
#include "guard/guard.h"

#define PLACES 3
#define PAGES (2 * PLACES + 1)

static struct {
    uintptr_t start;    /* of the pool; 0: not looked at */
    char state[PAGES];  /* m mapped, l unmapped and lingering, - gone */
    size_t flushed;     /* pages, since last looked */
    unsigned int calls; /* of all three */
    unsigned int whole; /* flushes of as many pages as the pool has */
    bool refuse;
} pool;

static void pages_become(const void *virt, size_t nr, char state)
{
    size_t first = ((uintptr_t)virt - pool.start) >> PAGE_SHIFT;

    pool.calls++;
    assert_true(first < PAGES && nr <= PAGES - first);
    for (size_t i = first; i < first + nr; i++)
        if (state != '-' || pool.state[i] == 'l')
            pool.state[i] = state;
}

int __wrap_qp_map(uintptr_t offset, void *virt, phys_addr_t phys, size_t nr)
{
    if (pool.start && pool.refuse)
        return -12;
    if (pool.start)
        pages_become(virt, nr, 'm');
    return __real_qp_map(offset, virt, phys, nr);
}

void __wrap_qp_unmap(uintptr_t offset, void *virt, size_t nr)
{
    if (pool.start)
        pages_become(virt, nr, 'l');
    __real_qp_unmap(offset, virt, nr);
}

void __wrap_qp_flush(uintptr_t offset, void *virt, size_t nr)
{
    if (pool.start)
        pages_become(virt, nr, '-');
    pool.flushed += nr;
    pool.whole += nr == PAGES;
    __real_qp_flush(offset, virt, nr);
}

static bool hear_nothing(const struct quarry_report *report, void *data)
{
    (void)report;
    (void)data;
    return false;
}

static struct quarry *boot_pool(const char *options)
{
    struct test_spec spec = {.pages = 1024, .options = options};
    struct quarry *q;

    memset(&pool, 0, sizeof(pool));
    q = test_boot_with(&spec);
    q->check.hook = hear_nothing;
    memset(pool.state, '-', PAGES);
    pool.start = q->guards.start;
    return q;
}

static struct quarry *boot_guards(void)
{
    return boot_pool("kfence.every=1 kfence.num_objects=3");
}

static void end(struct quarry *q)
{
    pool.start = 0;
    test_end(q);
}

static char *get_object(struct quarry *q)
{
    struct qr_guard_request request = {
        .cache = &pool, .name = "named", .size = PAGE_SIZE, .align = 8, .gfp = GFP_KERNEL};

    return qr_guard_alloc(&q->guards, &request);
}

static const struct quarry_trace here = {1, {(void *)0x1234}};

static bool touch(struct quarry *q, const char *at)
{
    return qr_guard_hit(&q->guards, at, QR_ACCESS_READ, &here);
}

#define PAGES_ARE(text) assert_memory_equal(pool.state, text, PAGES)

static void an_objects_page_is_there_while_the_object_is(void **state)
{
    struct quarry *q = boot_guards();
    char *object[PLACES];

    (void)state;
    assert_int_equal(pool.whole, 1); /* when it was made */
    for (int i = 0; i < PLACES; i++)
        object[i] = get_object(q);
    PAGES_ARE("-m-m-m-");
    assert_true(qr_guard_free(&q->guards, object[1], "it"));
    PAGES_ARE("-m---m-");
    assert_true(qr_guard_free(&q->guards, object[0], "it"));
    assert_true(qr_guard_free(&q->guards, object[2], "it"));
    PAGES_ARE("-------");
    end(q);
}

/* What a fault let through is taken away by whoever frees or takes the place that noted it. */
static void what_faults_have_opened_is_closed_with_the_place(void **state)
{
    struct quarry *q = boot_guards();
    char *object[PLACES];

    (void)state;
    for (int i = 0; i < PLACES; i++)
        object[i] = get_object(q);
    assert_true(touch(q, object[1] - 1));
    PAGES_ARE("-mmm-m-");
    assert_true(touch(q, object[1] + PAGE_SIZE));
    PAGES_ARE("-mmmmm-");
    assert_true(touch(q, object[0] - 1));
    assert_true(touch(q, object[2] + PAGE_SIZE));
    PAGES_ARE("mmmmmmm");
    assert_true(qr_guard_free(&q->guards, object[1], "it"));
    PAGES_ARE("mm---mm");
    assert_true(qr_guard_free(&q->guards, object[0], "it"));
    PAGES_ARE("-----mm");
    assert_true(qr_guard_free(&q->guards, object[2], "it"));
    PAGES_ARE("-------");
    for (int i = 0; i < PLACES; i++)
        assert_true(touch(q, object[i])); /* after its free */
    assert_true(touch(q, object[1] - 1));
    PAGES_ARE("-mmm-m-");
    pool.flushed = 0;
    assert_ptr_equal(get_object(q), object[1]); /* the first that was freed */
    PAGES_ARE("-m-m-m-");
    assert_int_equal(pool.flushed, 2);
    end(q);
}

static void a_page_that_cannot_be_mapped_leaves_all_as_it_was(void **state)
{
    struct quarry *q = boot_guards();
    char *object;

    (void)state;
    pool.refuse = true;
    assert_null(get_object(q));
    assert_int_equal(q->guards.nr_allocated, 0);
    assert_int_equal(q->guards.nr_skipped, 1);
    assert_int_equal(q->guards.oldest, 2); /* its place is the last in turn now */
    assert_int_equal(q->guards.newest, 1);
    PAGES_ARE("-------");
    pool.refuse = false;
    object = get_object(q);
    PAGES_ARE("---m---");
    assert_int_equal(q->guards.nr_allocated, 1);
    assert_true(qr_guard_free(&q->guards, object, "it"));
    end(q);
}

static struct quarry *freeing;
static unsigned int told, told_busy;

static bool hear_damage(const struct quarry_report *report, void *data)
{
    struct qr_guard_found found;
    char *object = freeing->guards.place[0].object;

    (void)data;
    told++;
    if (report->kind != QUARRY_OVERRUN)
        return false;
    told_busy += freeing->guards.place[0].state == QR_GUARD_BUSY;
    assert_false(qr_guard_find(&freeing->guards, object, &found));
    assert_false(qr_guard_free(&freeing->guards, object, "meanwhile")); /* one lets it go */
    return false;
}

/* While its surroundings are looked at, an object is nobody's any more. */
static void an_object_on_its_way_back_cannot_be_freed_again(void **state)
{
    struct quarry *q = boot_guards();
    struct qr_guard_request request = {
        .cache = &pool, .name = "named", .size = 100, .align = 8, .gfp = GFP_KERNEL};
    char *object = qr_guard_alloc(&q->guards, &request);

    (void)state;
    freeing = q;
    told = told_busy = 0;
    q->check.hook = hear_damage;
    object[101] ^= 1;
    assert_true(qr_guard_free(&q->guards, object, "it"));
    assert_int_equal(told, 2); /* the damage, and the other free */
    assert_int_equal(told_busy, 1);
    assert_int_equal(q->guards.nr_freed, 1);
    PAGES_ARE("-------");
    end(q);
}

static void a_guard_page_has_no_sites(void **state)
{
    struct quarry *q = boot_pool("kfence.every=1 kfence.num_objects=3 check=1");
    struct quarry_trace allocated = {0}, freed = {0};
    char *object = get_object(q);

    (void)state;
    qr_guard_sites(&q->guards, (char *)q->guards.start + 9, &allocated, &freed);
    assert_int_equal(allocated.nr + freed.nr, 0);
    qr_guard_sites(&q->guards, object, NULL, NULL);
    qr_guard_sites(&q->guards, object, &allocated, &freed);
    assert_true(allocated.nr > 0);
    assert_int_equal(freed.nr, 0);
    assert_true(qr_guard_free(&q->guards, object, "it"));
    end(q);
}

/* A fork's direct map is whole: of the pool only live objects' pages stay. */
static void a_copy_takes_away_what_must_not_be_there(void **state)
{
    struct quarry *q = boot_guards();
    char *object[2] = {get_object(q), get_object(q)};

    (void)state;
    assert_true(touch(q, object[1] + PAGE_SIZE));
    assert_true(qr_guard_free(&q->guards, object[0], "it"));
    memset(pool.state, 'm', PAGES);
    qr_guards_after_fork(&q->guards);
    PAGES_ARE("---m---");
    for (int i = 0; i < PLACES; i++)
        assert_false(q->guards.place[i].open || q->guards.place[i].open_guard[0] ||
                     q->guards.place[i].open_guard[1]);
    assert_true(qr_guard_free(&q->guards, object[1], "it"));
    end(q);
    q = boot_pool(NULL);
    pool.start = 1; /* whatever is called counts */
    pool.calls = 0;
    qr_guards_after_fork(&q->guards);
    assert_int_equal(pool.calls, 0);
    end(q);
}

static bool count(const struct quarry_live *live, void *data)
{
    (void)live;
    ++*(unsigned int *)data;
    return true;
}

static bool count_block(const struct qr_leak_block *block, void *data)
{
    (void)block;
    ++*(unsigned int *)data;
    return true;
}

/* What follows the records is none, and two places off is no neighbour. */
static void there_are_as_many_places_as_there_are(void **state)
{
    struct quarry *q = boot_guards();
    struct qr_guard_place *place = q->guards.place;
    unsigned int nr = 0;

    (void)state;
    assert_true(qr_guard_record_bytes(PLACES) >= (PLACES + 1) * sizeof(place[0]));
    place[PLACES].state = QR_GUARD_LIVE;
    place[PLACES].used = true;
    place[PLACES].open_guard[0] = true;
    assert_non_null(get_object(q));
    assert_true(qr_guard_for_each_live(&q->guards, NULL, count, &nr));
    assert_int_equal(nr, 1);
    assert_true(qr_guard_leak_each(&q->guards, count_block, &nr));
    assert_int_equal(nr, 2);
    assert_true(touch(q, (char *)q->guards.start + 4 * PAGE_SIZE + 5));
    assert_false(place[0].open_guard[1]); /* of the places beside it, which were never used */
    assert_true(place[2].open_guard[0]);
    assert_true(touch(q, (char *)q->guards.start + 6 * PAGE_SIZE + 5));
    assert_true(place[2].open_guard[1]);
    PAGES_ARE("-m--m-m");
    memset(&place[PLACES], 0, sizeof(place[0]));
    end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_objects_page_is_there_while_the_object_is),
        cmocka_unit_test(what_faults_have_opened_is_closed_with_the_place),
        cmocka_unit_test(a_page_that_cannot_be_mapped_leaves_all_as_it_was),
        cmocka_unit_test(an_object_on_its_way_back_cannot_be_freed_again),
        cmocka_unit_test(a_guard_page_has_no_sites),
        cmocka_unit_test(a_copy_takes_away_what_must_not_be_there),
        cmocka_unit_test(there_are_as_many_places_as_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
