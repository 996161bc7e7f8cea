/* SPDX-License-Identifier: MIT */
/* Per-CPU memory on private machines of eight CPUs: who gets which instance, and when it takes memory. */
#include <pthread.h>
#include "machine.h"

#define CPUS 8u
#define SHARED CPUS /* the number of threads without a CPU */

static void *allocate(struct quarry *q, size_t size, size_t align)
{
    return qr_percpu_alloc(&q->percpu, size, align, GFP_KERNEL, "alloc_percpu");
}

static void *instance(struct quarry *q, void *token, unsigned int cpu)
{
    return qr_percpu_ptr(&q->percpu, token, cpu);
}

/* In the zone and on the CPUs' lists. */
static u64 pages_free(struct quarry *q)
{
    u64 pages = q->zones.zone[0].free_pages;
    for (unsigned int cpu = 0; cpu < q->cpus.nr_max; cpu++)
        pages += q->cpus.area[cpu] ? q->cpus.area[cpu]->pcp[0].pages : 0;
    return pages;
}

/* ---- instances ------------------------------------------------------------------------------- */

static void every_cpu_has_an_instance_of_its_own_that_reads_as_zero(void **state)
{
    struct quarry *q = test_boot(1024);
    char *token = allocate(q, 40, 8);
    assert_non_null(token);
    for (unsigned int cpu = 0; cpu <= SHARED; cpu++) {
        char *here = instance(q, token, cpu);
        for (unsigned int i = 0; i < 40; i++)
            assert_int_equal(here[i], 0);
        memset(here, (int)cpu + 1, 40);
    }
    for (unsigned int cpu = 0; cpu <= SHARED; cpu++) {
        char *here = instance(q, token, cpu);
        for (unsigned int i = 0; i < 40; i++)
            assert_int_equal(here[i], cpu + 1);
        assert_ptr_equal(instance(q, token, cpu), here);
    }
    qr_percpu_free(&q->percpu, token);
    test_end(q);
}

#define DIRT 200u

/* What lies about was written: units, and blocks of two pages. */
static void make_dirty(struct quarry *q)
{
    static void *unit[DIRT];
    static struct page *block[DIRT];
    for (unsigned int i = 0; i < DIRT; i++) {
        unit[i] = qr_cache_alloc_slow(q->percpu.unit_cache, GFP_KERNEL, NUMA_NO_NODE);
        block[i] = qr_alloc_pages(&q->zones, GFP_KERNEL, 1, NUMA_NO_NODE);
        assert_true(unit[i] && block[i]);
        memset(unit[i], 0x55, q->percpu.unit_cache->object_size);
        memset(qr_page_virt(&q->map, block[i]), 0x55, 2 * PAGE_SIZE);
    }
    for (unsigned int i = 0; i < DIRT; i++) {
        qr_cache_free_slow(&q->slabs, q->percpu.unit_cache, unit[i], "test");
        qr_free_block(&q->zones, block[i], 1);
    }
}

static void an_instance_reads_as_zero_whatever_its_memory_was(void **state)
{
    static const size_t sizes[] = {16, 8192};
    for (unsigned int i = 0; i < 2; i++) {
        struct quarry *q = test_boot(2048);
        char *token = allocate(q, sizes[i], 8);
        make_dirty(q);
        for (unsigned int cpu = 0; cpu <= SHARED; cpu++) {
            const char *here = instance(q, token, cpu);
            for (unsigned int k = 0; k < sizes[i]; k++)
                assert_int_equal(here[k], 0);
        }
        qr_percpu_free(&q->percpu, token);
        test_end(q);
    }
}

static void a_token_can_be_moved_to_a_member(void **state)
{
    struct quarry *q = test_boot(1024);
    char *token = allocate(q, 64, 8);
    assert_ptr_equal((char *)instance(q, token, 3) + 24, instance(q, token + 24, 3));
    qr_percpu_free(&q->percpu, token);
    test_end(q);
}

static void memory_used_again_is_zero_on_every_cpu(void **state)
{
    struct quarry *q = test_boot(1024);
    void *keeper = allocate(q, 8, 8), *token = allocate(q, 256, 8), *again;
    for (unsigned int cpu = 0; cpu <= SHARED; cpu++)
        memset(instance(q, token, cpu), 0x77, 256);
    qr_percpu_free(&q->percpu, token);
    again = allocate(q, 256, 8);
    assert_ptr_equal(again, token); /* first fit: else the test shows nothing */
    for (unsigned int cpu = 0; cpu <= SHARED; cpu++) {
        const char *here = instance(q, again, cpu);
        for (unsigned int i = 0; i < 256; i++)
            assert_int_equal(here[i], 0);
    }
    qr_percpu_free(&q->percpu, again);
    qr_percpu_free(&q->percpu, keeper);
    test_end(q);
}

static void sizes_and_alignments_up_to_the_limit(void **state)
{
    static const size_t sizes[] = {1, 7, 8, 64, 65, 1000, 1024, 1025, 4096, 5000, 32768};
    static const size_t aligns[] = {1, 8, 64, 512, 1024, 4096};
    struct quarry *q = test_boot(4096);
    void *token[11][6];
    for (unsigned int i = 0; i < 11; i++) {
        for (unsigned int j = 0; j < 6; j++) {
            token[i][j] = allocate(q, sizes[i], aligns[j]);
            assert_non_null(token[i][j]);
            for (unsigned int cpu = 0; cpu <= SHARED; cpu += SHARED) {
                char *here = instance(q, token[i][j], cpu);
                assert_int_equal((uintptr_t)here % aligns[j], 0);
                memset(here, (int)(i * 6 + j), sizes[i]);
            }
        }
    }
    for (unsigned int i = 0; i < 11; i++) {
        for (unsigned int j = 0; j < 6; j++) {
            unsigned char *here = instance(q, token[i][j], SHARED);
            assert_int_equal(here[0], i * 6 + j);
            assert_int_equal(here[sizes[i] - 1], i * 6 + j);
            qr_percpu_free(&q->percpu, token[i][j]);
        }
    }
    test_end(q);
}

/* ---- what it costs --------------------------------------------------------------------------- */

static void only_cpus_that_exist_take_memory(void **state)
{
    const struct test_spec spec = {.pages = 4096, .nr_cpus = 512};
    struct quarry *q = test_boot_with(&spec);
    u64 before, after_alloc, after_touch;
    void *warm = allocate(q, 32768, 8), *token;
    before = pages_free(q);
    token = allocate(q, 32768, 8); /* eight pages an instance */
    after_alloc = pages_free(q);
    /* CPU 0, this thread's, and the shared one: three at most, and the records. */
    assert_in_range(before - after_alloc, 8, 3 * 8 + 4);
    instance(q, token, 400);
    after_touch = pages_free(q);
    assert_in_range(after_alloc - after_touch, 8, 8 + 2);
    qr_percpu_free(&q->percpu, token);
    assert_true(pages_free(q) >= before - 4);
    qr_percpu_free(&q->percpu, warm);
    test_end(q);
}

static unsigned long records(struct quarry *q)
{
    struct quarry_cache_stat stat;
    qr_cache_stat(q->percpu.chunk_cache, &stat);
    return stat.active;
}

/* The record of a chunk goes with its last area, also when many come and go. */
static void a_chunk_without_areas_goes(void **state)
{
    struct quarry *q = test_boot(4096);
    void *keeper = allocate(q, 8, 8), *token[4];
    unsigned long before = records(q);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++)
            token[i] = allocate(q, 32768, 8);
        assert_true(records(q) > before);
        for (int i = 0; i < 4; i++)
            qr_percpu_free(&q->percpu, token[i]);
        assert_true(records(q) <= before + 1);
    }
    qr_percpu_free(&q->percpu, keeper);
    test_end(q);
}

/* An instance lies wherever its CPU's memory is: bits that name a zone mean nothing. */
static void zone_bits_of_a_mask_do_not_matter(void **state)
{
    const struct test_spec spec = {.pages = 4096, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    char *token = qr_percpu_alloc(&q->percpu, 32768, 8, GFP_KERNEL | __GFP_DMA, "alloc_percpu");
    assert_non_null(token);
    assert_int_equal(qr_page_zone(&q->zones, qr_virt_page(&q->map, instance(q, token, 0)))->type,
                     ZONE_NORMAL);
    qr_percpu_free(&q->percpu, token);
    assert_int_equal(qr_report_count(&q->check, QUARRY_FINDING_KINDS), 0);
    test_end(q);
}

static void small_areas_of_one_cpu_lie_together(void **state)
{
    struct quarry *q = test_boot(1024);
    char *first = allocate(q, 8, 8), *last = NULL;
    void *token[100];
    for (unsigned int i = 0; i < 100; i++)
        last = token[i] = allocate(q, 8, 8);
    assert_int_equal(q->percpu.nr_areas, 101);
    assert_int_equal(last - first, 100 * 8);
    assert_int_equal((char *)instance(q, last, 0) - (char *)instance(q, first, 0), 100 * 8);
    for (unsigned int i = 0; i < 100; i++)
        qr_percpu_free(&q->percpu, token[i]);
    qr_percpu_free(&q->percpu, first);
    test_end(q);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void sizes_and_alignments_beyond_the_limit_are_refused_with_a_reason(void **state)
{
    struct quarry *q = test_boot(1024);
    assert_null(allocate(q, PCPU_MIN_UNIT_SIZE + 1, 8));
    assert_non_null(strstr(test_last_report, "32769 bytes"));
    assert_non_null(strstr(test_last_report, "at most 32 KiB"));
    assert_null(allocate(q, 0, 8));
    assert_non_null(strstr(test_last_report, "alloc_percpu of 0 bytes, align 8: a size of 0"));
    assert_null(allocate(q, 8, 3));
    assert_non_null(strstr(test_last_report, "of 8 bytes, align 3: "));
    assert_null(allocate(q, 8, 8192));
    assert_non_null(strstr(test_last_report, "of 8 bytes, align 8192: "));
    assert_non_null(strstr(test_last_report, "power of two"));
    assert_true(test_findings(q, QUARRY_BAD_REQUEST) >= 1);
    assert_int_equal(q->percpu.nr_areas, 0);
    test_end(q);
}

static void wrong_frees_are_reported_and_change_nothing(void **state)
{
    struct quarry *q = test_boot(1024);
    char *keeper = allocate(q, 64, 8), *token = allocate(q, 64, 8);
    int local = 0;
    qr_percpu_free(&q->percpu, NULL);
    assert_int_equal(test_findings(q, QUARRY_FINDING_KINDS - 1), 0);
    qr_percpu_free(&q->percpu, token + 8);
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);
    qr_percpu_free(&q->percpu, &local);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    qr_percpu_free(&q->percpu, instance(q, token, 0));
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 2);
    assert_int_equal(q->percpu.nr_areas, 2);
    qr_percpu_free(&q->percpu, token);
    qr_percpu_free(&q->percpu, token);
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 2);
    qr_percpu_free(&q->percpu, keeper);
    test_end(q);
}

static void what_is_no_token_is_reported_and_comes_back(void **state)
{
    struct quarry *q = test_boot(1024);
    int local = 0;
    void *token = allocate(q, 64, 8);
    assert_ptr_equal(instance(q, &local, 0), &local);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    qr_percpu_free(&q->percpu, token);
    assert_ptr_equal(instance(q, token, 1), token);
    assert_non_null(strstr(test_last_report, "no per-CPU memory"));
    test_end(q);
}

static void a_cpu_number_out_of_range_is_reported(void **state)
{
    struct quarry *q = test_boot(1024);
    void *token = allocate(q, 64, 8);
    assert_ptr_equal(instance(q, token, SHARED + 1), instance(q, token, 0));
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    qr_percpu_free(&q->percpu, token);
    test_end(q);
}

/* ---- shortage -------------------------------------------------------------------------------- */

static void a_failed_allocation_leaves_nothing_behind(void **state)
{
    struct quarry *q = test_boot(2048);
    void *warm = allocate(q, 16384, 8), *keeper = allocate(q, 8, 8);
    u64 before = pages_free(q);
    unsigned long failed = 0, step;
    for (step = 1; step < 40; step++) {
        const struct quarry_fault spec = {.nth = step};
        void *token;
        assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, &spec), 0);
        token = qr_percpu_alloc(&q->percpu, 16384, 8, GFP_KERNEL | __GFP_NOWARN, "alloc_percpu");
        qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, NULL);
        if (token) {
            qr_percpu_free(&q->percpu, token);
            break;
        }
        failed++;
        assert_int_equal(q->percpu.nr_areas, 2);
        assert_int_equal(qr_percpu_check(&q->percpu), 0);
        assert_in_range(pages_free(q), before - 4, before + 4);
    }
    assert_true(failed >= 2); /* CPU 0's instance, the shared one */
    qr_percpu_free(&q->percpu, warm);
    qr_percpu_free(&q->percpu, keeper);
    test_end(q);
}

static void failslab_makes_alloc_percpu_fail(void **state)
{
    const struct quarry_fault spec = {.nth = 1};
    struct quarry *q = test_boot(1024);
    qr_fault_set(&q->faults, QUARRY_FAILSLAB, &spec);
    assert_null(allocate(q, 64, 8));
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 1);
    qr_fault_set(&q->faults, QUARRY_FAILSLAB, NULL);
    test_end(q);
}

static void an_access_for_a_later_cpu_does_not_fail(void **state)
{
    const struct quarry_fault spec = {.nth = 1};
    struct quarry *q = test_boot(2048);
    void *token = allocate(q, 4096, 8);
    qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, &spec);
    qp_atomic_enter(); /* so that it cannot wait */
    assert_non_null(instance(q, token, 6));
    qp_atomic_leave();
    qr_fault_set(&q->faults, QUARRY_FAIL_PAGE_ALLOC, NULL);
    qr_percpu_free(&q->percpu, token);
    test_end(q);
}

static void the_chunks_run_out_with_a_report(void **state)
{
    struct quarry *q = test_boot(8192);
    static void *token[513];
    unsigned int nr = 0;
    while (nr < 513 && (token[nr] = allocate(q, 2048, 8)) != NULL)
        nr++;
    assert_int_equal(nr, q->percpu.nr_chunks);
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 1);
    while (nr)
        qr_percpu_free(&q->percpu, token[--nr]);
    token[0] = allocate(q, 2048, 8);
    assert_non_null(token[0]);
    qr_percpu_free(&q->percpu, token[0]);
    test_end(q);
}

/* ---- static variables ------------------------------------------------------------------------ */

static void a_static_range_begins_with_its_initial_values_everywhere(void **state)
{
    static struct {
        int a, b;
        char rest[2000];
    } image = {.a = 7, .b = 9};
    struct quarry *q = test_boot(1024);
    int *here;
    assert_int_equal(qr_percpu_register(&q->percpu, &image, sizeof(image)), 0);
    assert_int_equal(qr_percpu_register(&q->percpu, &image, sizeof(image)), 0); /* counts */
    assert_int_equal(qr_percpu_register(&q->percpu, &image.b, 4), -QR_EINVAL);
    for (unsigned int cpu = 0; cpu <= SHARED; cpu++) {
        here = instance(q, &image.b, cpu);
        assert_int_equal(*here, 9);
        *here = 100 + (int)cpu;
    }
    assert_int_equal(*(int *)instance(q, &image.b, 5), 105);
    assert_int_equal(image.b, 9);
    qr_percpu_unregister(&q->percpu, &image);
    assert_int_equal(*(int *)instance(q, &image.b, 5), 105);
    qr_percpu_unregister(&q->percpu, &image);
    assert_ptr_equal(instance(q, &image.b, 5), &image.b);
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 1);
    test_end(q);
}

static void a_range_is_as_long_as_the_largest_block_and_no_longer(void **state)
{
    static char variable;
    struct quarry *q = test_boot(1024);
    const size_t most = PAGE_SIZE << MAX_PAGE_ORDER;

    assert_int_equal(qr_percpu_register(&q->percpu, &variable, most + 1), -QR_EINVAL);
    assert_int_equal(qr_percpu_register(&q->percpu, &variable, most), 0);
    assert_int_equal(qr_percpu_register(&q->percpu, &variable + most - 1, 1), -QR_EINVAL);
    assert_int_equal(qr_percpu_register(&q->percpu, &variable + most, 1), 0);
    assert_int_equal(qr_percpu_register(&q->percpu, &variable - 1, 2), -QR_EINVAL);
    assert_int_equal(qr_percpu_register(&q->percpu, &variable, 0), 0); /* nothing */
    qr_percpu_unregister(&q->percpu, &variable + most);
    qr_percpu_unregister(&q->percpu, &variable);
    test_end(q);
}

static void the_sixty_fifth_range_is_refused(void **state)
{
    static int variable[65];
    struct quarry *q = test_boot(1024);
    for (unsigned int i = 0; i < 128; i++) /* each twice, which counts and takes no place */
        assert_int_equal(qr_percpu_register(&q->percpu, &variable[i / 2], sizeof(int)), 0);
    assert_int_equal(qr_percpu_register(&q->percpu, &variable[64], sizeof(int)), -QR_ENOSPC);
    for (unsigned int i = 0; i < 128; i++)
        qr_percpu_unregister(&q->percpu, &variable[i / 2]);
    for (unsigned int i = 0; i < 64; i++)
        assert_int_equal(q->percpu.range[i].size, 0);
    test_end(q);
}

/* ---- walks ----------------------------------------------------------------------------------- */

static bool count_live(const struct quarry_live *live, void *data)
{
    unsigned long *sum = data;
    assert_int_equal(live->kind, QUARRY_LIVE_PERCPU);
    assert_int_equal(live->gfp, GFP_KERNEL); /* of the mask, what means something here */
    *sum += live->size;
    return true;
}

static void live_areas_are_found_with_their_sizes(void **state)
{
    struct quarry *q = test_boot(1024);
    void *a = qr_percpu_alloc(&q->percpu, 10, 8, GFP_KERNEL | __GFP_ZERO | __GFP_COMP, "test");
    void *b = qr_percpu_alloc(&q->percpu, 3000, 8, GFP_KERNEL | __GFP_DMA, "test");
    unsigned long sum = 0;
    qr_percpu_for_each_live(&q->percpu, count_live, &sum);
    assert_int_equal(sum, 3010);
    assert_int_equal(q->check.live_bytes, 3010);
    qr_percpu_free(&q->percpu, a);
    qr_percpu_free(&q->percpu, b);
    assert_int_equal(q->check.live_bytes, 0);
    test_end(q);
}

static void the_check_finds_damage(void **state)
{
    struct quarry *q = test_boot(1024);
    void *token = allocate(q, 64, 8);
    assert_int_equal(qr_percpu_check(&q->percpu), 0);
    q->percpu.nr_areas++;
    assert_int_equal(qr_percpu_check(&q->percpu), 1);
    q->percpu.nr_areas--;
    assert_int_equal(test_findings(q, QUARRY_CORRUPTION), 1);
    assert_non_null(strstr(test_last_report, "per-CPU memory: 1 contradictions"));
    qr_percpu_free(&q->percpu, token);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cpu_has_an_instance_of_its_own_that_reads_as_zero),
        cmocka_unit_test(an_instance_reads_as_zero_whatever_its_memory_was),
        cmocka_unit_test(a_token_can_be_moved_to_a_member),
        cmocka_unit_test(memory_used_again_is_zero_on_every_cpu),
        cmocka_unit_test(sizes_and_alignments_up_to_the_limit),
        cmocka_unit_test(only_cpus_that_exist_take_memory),
        cmocka_unit_test(a_chunk_without_areas_goes),
        cmocka_unit_test(zone_bits_of_a_mask_do_not_matter),
        cmocka_unit_test(small_areas_of_one_cpu_lie_together),
        cmocka_unit_test(sizes_and_alignments_beyond_the_limit_are_refused_with_a_reason),
        cmocka_unit_test(wrong_frees_are_reported_and_change_nothing),
        cmocka_unit_test(what_is_no_token_is_reported_and_comes_back),
        cmocka_unit_test(a_cpu_number_out_of_range_is_reported),
        cmocka_unit_test(a_failed_allocation_leaves_nothing_behind),
        cmocka_unit_test(failslab_makes_alloc_percpu_fail),
        cmocka_unit_test(an_access_for_a_later_cpu_does_not_fail),
        cmocka_unit_test(the_chunks_run_out_with_a_report),
        cmocka_unit_test(a_static_range_begins_with_its_initial_values_everywhere),
        cmocka_unit_test(a_range_is_as_long_as_the_largest_block_and_no_longer),
        cmocka_unit_test(the_sixty_fifth_range_is_refused),
        cmocka_unit_test(live_areas_are_found_with_their_sizes),
        cmocka_unit_test(the_check_finds_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
