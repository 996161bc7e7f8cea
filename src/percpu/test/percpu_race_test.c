/* SPDX-License-Identifier: MIT */
/* Two CPUs at the same piece of per-CPU memory: what one does while the other waits for a page is there when
 * that one has its page, and what it made in vain goes back. */
#include "machine.h"
#include <pthread.h>
#include "percpu/internal.h"

/* The other CPU comes once, in the midst of the next request for a block of @size bytes or more. */
static struct {
    struct quarry *q;
    size_t size;
    void (*fn)(void);
    unsigned int times;
    char *token;
    void *unit;
} other;

static bool other_comes(const struct quarry_fault_request *request, void *data)
{
    void (*fn)(void) = other.fn;

    (void)data;
    if (!fn || request->point != QUARRY_FAIL_PAGE_ALLOC || request->size < other.size)
        return false;
    other.fn = NULL;
    other.times++;
    fn();
    return false;
}

static struct quarry *boot_other(void (*fn)(void), size_t size)
{
    const struct test_spec spec = {.pages = 2048};
    struct quarry *q = test_boot_with(&spec);

    qr_reclaim_stop(&q->reclaim);
    memset(&other, 0, sizeof(other));
    other.q = q;
    other.fn = fn;
    other.size = size;
    return q;
}

static char *get_percpu(struct quarry *q, size_t size)
{
    return qr_percpu_alloc(&q->percpu, size, 8, GFP_KERNEL, "alloc_percpu");
}

static unsigned long in_cache(struct kmem_cache *cache)
{
    struct quarry_cache_stat stat;

    qr_cache_stat(cache, &stat);
    return stat.active;
}

static u64 pages_when_idle(struct quarry *q)
{
    qr_slabs_drain_all(&q->slabs);
    q->slabs.source.shrink(q->slabs.source.data, ~0ul, true);
    qr_pcp_drain_all(&q->zones);
    return qr_free_pages_total(&q->zones);
}

static void takes_its_first(void)
{
    other.token = get_percpu(other.q, 8);
}

static void of_two_first_allocations_one_makes_the_table(void **state)
{
    u64 pages[2];
    unsigned long areas[2];

    (void)state;
    for (int both = 0; both < 2; both++) {
        struct quarry *q = boot_other(both ? takes_its_first : NULL, 0);
        char *token;
        qr_fault_set_hook(&q->faults, other_comes, NULL);
        if (!both)
            takes_its_first();
        token = get_percpu(q, 8);
        qr_fault_set_hook(&q->faults, NULL, NULL);
        assert_int_equal(other.times, both);
        assert_ptr_equal(other.token, (void *)q->percpu.base);
        assert_ptr_equal(token, (void *)(q->percpu.base + 8));
        assert_int_equal(q->percpu.nr_areas, 2);
        areas[both] = in_cache(q->vm.area_cache);
        qr_percpu_free(&q->percpu, other.token);
        qr_percpu_free(&q->percpu, token);
        pages[both] = pages_when_idle(q);
        test_end(q);
    }
    assert_int_equal(areas[1], areas[0]);
    assert_int_equal(pages[1], pages[0]);
}

static void touches_the_same(void)
{
    other.unit = qr_percpu_ptr(&other.q->percpu, other.token, 5);
    assert_non_null(other.unit);
    memset(other.unit, 0x77, 8);
}

/* The instance of a CPU that comes late: both find the same. */
static void of_two_late_instances_one_stays(void **state)
{
    struct quarry *q = boot_other(NULL, 0);
    u64 before;
    char *unit;

    (void)state;
    other.token = get_percpu(q, 8192);
    before = pages_when_idle(q);
    other.fn = touches_the_same;
    other.size = 8192;
    qr_fault_set_hook(&q->faults, other_comes, NULL);
    unit = qr_percpu_ptr(&q->percpu, other.token, 5);
    qr_fault_set_hook(&q->faults, NULL, NULL);
    assert_int_equal(other.times, 1);
    assert_ptr_equal(unit, other.unit);
    assert_int_equal(unit[3], 0x77);
    assert_int_equal(pages_when_idle(q), before - 2);
    qr_percpu_free(&q->percpu, other.token);
    test_end(q);
}

/* A module's variables, which nobody has touched on any CPU. */
static void of_two_that_meet_a_range_first_one_makes_its_chunk(void **state)
{
    static char variables[16] = "initial";
    struct quarry *q = boot_other(touches_the_same, 0);
    char *unit;

    (void)state;
    assert_int_equal(qr_percpu_register(&q->percpu, variables, sizeof(variables)), 0);
    other.token = variables;
    qr_fault_set_hook(&q->faults, other_comes, NULL);
    unit = qr_percpu_ptr(&q->percpu, variables + 8, 5);
    qr_fault_set_hook(&q->faults, NULL, NULL);
    assert_int_equal(other.times, 1);
    assert_ptr_equal(unit, (char *)other.unit + 8);
    assert_int_equal(in_cache(q->percpu.chunk_cache), 1);
    assert_int_equal(in_cache(q->percpu.group_cache), 1);
    assert_int_equal(in_cache(q->percpu.unit_cache), 1);
    qr_percpu_unregister(&q->percpu, variables);
    assert_int_equal(in_cache(q->percpu.chunk_cache), 0);
    assert_int_equal(in_cache(q->percpu.unit_cache), 0);
    test_end(q);
}

/* ---- whose number ---------------------------------------------------------------------------- */

static void *ask_where(void *data)
{
    *(unsigned int *)data = qr_percpu_here(&other.q->percpu);
    return NULL;
}

/* A thread that asks for the first time is given a CPU, as long as there are any. */
static void a_threads_first_question_is_answered_with_its_own_number(void **state)
{
    (void)state;
    for (unsigned int cpus = 1; cpus < 3; cpus++) {
        const struct test_spec spec = {.nr_cpus = cpus};
        struct quarry *q = test_boot_with(&spec);
        unsigned int here = 99;
        pthread_t thread;
        other.q = q;
        assert_int_equal(qr_percpu_here(&q->percpu), 0);
        pthread_create(&thread, NULL, ask_where, &here);
        pthread_join(thread, NULL);
        assert_int_equal(here, 1); /* the second CPU's, or what all without one share */
        assert_int_equal(qr_percpu_shared_id(&q->percpu), cpus);
        test_end(q);
    }
}

/* ---- small machines -------------------------------------------------------------------------- */

/* Each of the four kinds of records must have its cache. */
static void without_one_of_its_caches_there_is_no_per_cpu_memory(void **state)
{
    const struct test_spec spec = {.pages = 512};
    struct quarry *q = test_boot_with(&spec);
    static struct kmem_cache *filler[4096];
    static struct page *page[512];
    struct qr_cache_params params = {
        .name = "filler", .size = 8, .internal = true, .slot_id = QR_NO_SLOT, .gfp = GFP_NOWAIT};
    unsigned int nr = 0, pages = 0;

    (void)state;
    qr_reclaim_stop(&q->reclaim);
    while ((page[pages] = qr_alloc_pages(&q->zones, GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN, 0,
                                         NUMA_NO_NODE)))
        pages++;
    while (nr < 4096 && (filler[nr] = qr_cache_create(&q->slabs, &params)))
        nr++;
    assert_in_range(nr, 4, 4095);
    for (unsigned int there = 0; there <= 4; there++) {
        struct qr_percpu percpu = {.vm = &q->vm,
                                   .zones = &q->zones,
                                   .slabs = &q->slabs,
                                   .check = &q->check,
                                   .cpus = &q->cpus};
        struct kmem_cache *made[4];
        char why[96] = "";
        for (unsigned int i = 0; i < there; i++)
            qr_cache_discard(&q->slabs, filler[--nr]);
        assert_int_equal(qr_percpu_init(&percpu, why, sizeof(why)), there < 4 ? -QR_ENOMEM : 0);
        assert_string_equal(
            why,
            there < 4 ? "the machine is too small: no memory for per-CPU memory's records" : "");
        memcpy(made,
               (struct kmem_cache *[]){percpu.area_cache, percpu.chunk_cache, percpu.group_cache,
                                       percpu.unit_cache},
               sizeof(made));
        for (unsigned int i = 0; i < 4; i++) {
            assert_int_equal(made[i] != NULL, i < there);
            if (made[i])
                qr_cache_discard(&q->slabs, made[i]);
        }
        for (unsigned int i = 0; i < there; i++)
            assert_non_null(filler[nr++] = qr_cache_create(&q->slabs, &params));
    }
    while (nr)
        qr_cache_discard(&q->slabs, filler[--nr]);
    while (pages)
        qr_free_block(&q->zones, page[--pages], 0);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_first_allocations_one_makes_the_table),
        cmocka_unit_test(of_two_late_instances_one_stays),
        cmocka_unit_test(of_two_that_meet_a_range_first_one_makes_its_chunk),
        cmocka_unit_test(a_threads_first_question_is_answered_with_its_own_number),
        cmocka_unit_test(without_one_of_its_caches_there_is_no_per_cpu_memory),
    };
    return cmocka_run_group_tests_name("races for per-CPU memory", tests, NULL, NULL);
}
