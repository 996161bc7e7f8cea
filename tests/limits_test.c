/* SPDX-License-Identifier: MIT */
/* The sizes that docs/limits.md states: the smallest machine, what a descriptor takes. And what a machine
 * says of itself and of options it cannot follow. */
#include "machine.h"
#include "console.h"

/* docs/limits.md, "Sizes" */
#define SMALLEST_PAGES 24

static void the_smallest_machine_is_as_small_as_stated(void **state)
{
    struct test_spec refused = {.pages = SMALLEST_PAGES / 3, .nr_cpus = 1, .expect_failure = true};

    (void)state;
    assert_null(test_boot_with(&refused));
    assert_non_null(strstr(test_why, "too small"));
    for (unsigned long pages = SMALLEST_PAGES; pages < SMALLEST_PAGES + 8; pages++) {
        struct test_spec spec = {.pages = pages, .nr_cpus = 1};
        struct quarry *q = test_boot_with(&spec);
        void *block = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);
        struct page *page = qr_alloc_pages(&q->zones, GFP_ATOMIC, 0, NUMA_NO_NODE);

        assert_non_null(block);
        assert_non_null(page);
        qr_free_block(&q->zones, page, 0);
        qr_kfree_slow(&q->kmalloc, block, "kfree");
        test_end(q);
    }
}

static void a_descriptor_is_32_bytes(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct page), 32);
}

/* A boot with @options is refused with a reason that has @why. */
static void assert_refused(const char *options, const char *why)
{
    struct test_spec spec = {.pages = 256, .options = options, .expect_failure = true};

    assert_null(test_boot_with(&spec));
    if (!strstr(test_why, why))
        fail_msg("\"%s\" is refused with \"%s\", not with \"%s\"", options, test_why, why);
}

static void options_that_cannot_be_followed_are_refused_by_name(void **state)
{
    (void)state;
    assert_refused("nonsense=1", "nonsense");
    assert_refused("min_free_kbytes", "needs a value");
    assert_refused("min_free_kbytes=many", "bad value \"many\"");
    assert_refused("lowmem_reserve_ratio=256,x", "bad value \"256,x\"");
    assert_refused("lowmem_reserve_ratio=1,2,3,4,5,6", "bad value");
    assert_refused("slab_debug=Q", "slab_debug");
    assert_refused("lowmem_reserve_ratio=1;2", "bad value \"1;2\"");
    assert_refused("init_on_alloc=2", "bad value \"2\"");
    assert_refused("chek=1", "unknown boot option \"chek\"; did you mean check?");
    assert_refused("slab-debug", "unknown boot option \"slab-debug\"; did you mean slab_debug?");
    assert_refused("min_free_kbyte=1", "; did you mean min_free_kbytes?");
    assert_refused("init_on_aloc", "; did you mean init_on_alloc?");
    assert_refused("x=1", "unknown boot option \"x\" (docs/options.md lists them)");
    assert_refused("qqqqqqqqq", "unknown boot option \"qqqqqqqqq\" (docs/options.md lists them)");
    assert_refused("failslab=nonsense", "boot option failslab: ");
    assert_refused("fail_vmalloc=interval", "boot option fail_vmalloc: ");
}

static void an_option_longer_than_any_value_is_refused_with_its_beginning(void **state)
{
    char options[400];

    (void)state;
    memset(options, 'x', sizeof(options) - 1);
    memcpy(options, "check=1 slab_debug=", 19);
    options[sizeof(options) - 1] = '\0';
    assert_refused(options, "too long");
    assert_non_null(strstr(test_why, "slab_debug=xxx"));
}

static void a_switch_without_a_value_is_on_and_white_space_only_separates(void **state)
{
    struct test_spec spec = {.pages = 256,
                             .options = "\t init_on_alloc\n\tinit_on_free=0  page_poison "};
    struct quarry *q = test_boot_with(&spec);

    (void)state;
    assert_true(q->zones.init_on_alloc);
    assert_false(q->zones.init_on_free);
    assert_true(q->zones.poison);
    test_end(q);
}

static void a_fault_point_named_at_boot_is_armed(void **state)
{
    struct test_spec spec = {.pages = 256, .options = "fail_vmalloc=nth:1"};
    struct quarry *q = test_boot_with(&spec);
    const gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
    void *area;

    (void)state;
    assert_null(qr_vmalloc(&q->vm, PAGE_SIZE, 0, gfp, 0, NUMA_NO_NODE, "vmalloc"));
    area = qr_vmalloc(&q->vm, PAGE_SIZE, 0, gfp, 0, NUMA_NO_NODE, "vmalloc");
    assert_non_null(area); /* the first only */
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

/* Machines of 1, 2, … pages until one boots: each says what it has no room for, and
 * every reason in @wanted (up to a NULL) is among them. */
static void assert_too_small(const char *profile, const char *options, const char *const *wanted)
{
    unsigned int missing = 0, found = 0;
    char reasons[64][256];
    unsigned int nr = 0;

    for (unsigned long pages = 1; pages <= QR_ARRAY_SIZE(reasons); pages++) {
        struct test_spec spec = {
            .pages = pages, .profile = profile, .options = options, .nr_cpus = 1, .may_fail = true};
        struct test_console console;
        struct quarry *q;

        test_console_begin(&console);
        q = test_boot_with(&spec);
        test_console_end(&console);
        if (q) {
            test_end(q);
            break;
        }
        snprintf(reasons[nr++], sizeof(reasons[0]), "%s", test_why);
    }
    for (unsigned int i = 0; wanted[i]; i++, missing += !found) {
        found = 0;
        for (unsigned int k = 0; k < nr; k++)
            found += strstr(reasons[k], wanted[i]) != NULL;
        if (!found)
            print_error("\"%s\": no machine says \"%s\"\n", options, wanted[i]);
    }
    assert_int_equal(missing, 0);
    for (unsigned int k = 0; k < nr; k++) {
        assert_true(reasons[k][0] != '\0');
        assert_null(strstr(reasons[k], " 0 KiB"));
    }
}

static void a_machine_too_small_for_a_layer_or_an_option_says_which(void **state)
{
    static const char *const plain[] = {"no usable directly mapped memory",
                                        "no room for CPU 0's data", "too small for the cache of",
                                        "vmalloc's records", NULL};
    static const char *const windows[] = {"the kmap windows", NULL};
    static const char *const nodes[] = {"per-CPU memory's records", NULL};
    static const char *const sites[] = {"mem_profiling needs 16 KiB",
                                        "check and mem_profiling need", NULL};
    static const char *const notes[] = {"check and mem_profiling need 4 KiB", NULL};
    static const char *const owners[] = {"page_owner needs 4 KiB", NULL};
    static const char *const guards[] = {"kfence.num_objects=255 needs", NULL};

    (void)state;
    assert_too_small("tiny", "", plain);
    assert_too_small("zones", "", windows);
    assert_too_small("nodes", "", nodes);
    assert_too_small("tiny", "mem_profiling", sites);
    assert_too_small("tiny", "check=1 trace_bytes=1", notes);
    assert_too_small("tiny", "page_owner trace_bytes=1", owners);
    assert_too_small("tiny", "kfence.every=1", guards);
}

static void a_machine_without_a_cpu_is_refused(void **state)
{
    static struct quarry nobody;
    struct qp_machine machine = {.nr_cpus = 0};
    char why[128] = "";

    (void)state;
    assert_int_equal(qr_boot(&nobody, &machine, why, sizeof(why)), -QR_EINVAL);
    assert_non_null(strstr(why, "at least one CPU"));
    nobody.leaks.roots_data = why;
    qr_shutdown(&nobody); /* nothing to shut down: nothing happens */
    assert_int_equal(nobody.booted, 0);
    assert_ptr_equal(nobody.leaks.roots_data, why);
}

static void a_machine_without_page_tables_fails_every_vmalloc_with_a_report(void **state)
{
    struct test_spec spec = {.pages = 256, .vmalloc = TEST_NO_VMALLOC};
    struct quarry *q = test_boot_with(&spec);
    struct test_console console;
    void *area, *block = qr_kmalloc_slow(&q->kmalloc, 5000, GFP_KERNEL, NUMA_NO_NODE);

    (void)state;
    test_console_begin(&console);
    area = qr_vmalloc(&q->vm, PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    test_console_end(&console);
    assert_null(area);
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 1);
    assert_non_null(block); /* the rest of the machine works */
    qr_kfree_slow(&q->kmalloc, block, "kfree");
    assert_int_equal(qr_vm_check(&q->vm), 0);
    test_end(q);
}

static void a_vmalloc_area_of_broken_pages_is_refused(void **state)
{
    struct test_spec spec = {.pages = 256, .vmalloc = TEST_BROKEN_VMALLOC, .expect_failure = true};

    (void)state;
    assert_null(test_boot_with(&spec));
    assert_non_null(strstr(test_why, "no range of whole pages"));
}

static void a_cpu_has_data_from_its_first_use_on_and_for_good(void **state)
{
    struct quarry *q = test_boot(256);
    struct qr_cpu *cpu;

    (void)state;
    q->cpus.offline(&q->cpus, 5); /* never used: nothing to give back */
    __atomic_store_n(&q->booted, 0, __ATOMIC_RELEASE);
    assert_null(q->cpus.online(&q->cpus, 5)); /* the layers below are not there yet */
    __atomic_store_n(&q->booted, 1, __ATOMIC_RELEASE);
    cpu = q->cpus.online(&q->cpus, 5);
    assert_non_null(cpu);
    assert_int_equal(cpu->id, 5);
    q->cpus.offline(&q->cpus, 5);
    assert_ptr_equal(q->cpus.online(&q->cpus, 5), cpu);
    test_end(q);
}

static void ratios_reach_the_zones_as_far_as_they_are_given(void **state)
{
    struct test_spec spec = {
        .pages = 1024, .profile = "zones", .options = "lowmem_reserve_ratio=100,0,7"};
    struct quarry *q = test_boot_with(&spec);

    (void)state;
    assert_int_equal(q->zones.lowmem_ratio[0], 100);
    assert_int_equal(q->zones.lowmem_ratio[2], 7);
    test_end(q);
}

/* ---- what options take ----------------------------------------------------------------------- */

/* Room for backtraces is a 128th of memory, from 64 KiB to 16 MiB. */
static void the_room_for_backtraces_follows_the_memory(void **state)
{
    static const struct {
        unsigned long pages;
        size_t bytes;
    } size[] = {{1024, 64u << 10},
                {2048, 64u << 10},
                {4096, 128u << 10},
                {64u << 8, 512u << 10},
                {(2048u << 8) - 128, (16u << 20) - PAGE_SIZE},
                {4096u << 8, 16u << 20}};

    (void)state;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(size); i++) {
        struct test_spec spec = {.pages = size[i].pages, .options = "check=1"};
        struct quarry *q = test_boot_with(&spec);
        const struct qr_traces *traces = &q->check.traces;

        assert_int_equal(traces->size + ((size_t)traces->bucket_mask + 1) * sizeof(u32),
                         size[i].bytes);
        test_end(q);
    }
}

static u64 pages_left(const char *options)
{
    struct test_spec spec = {.pages = 4096, .options = options};
    struct quarry *q = test_boot_with(&spec);
    u64 managed = 0;

    for (unsigned int i = 0; i < q->zones.nr_zones; i++)
        managed += q->zones.zone[i].managed;
    test_end(q);
    return managed;
}

/* In pages of a machine that has 4096. */
static void an_option_takes_the_memory_it_needs_and_no_more(void **state)
{
    const u64 plain = pages_left(""), notes = 4096 * sizeof(struct qr_page_note) / PAGE_SIZE;
    const u64 traces = 32; /* a 128th */

    (void)state;
    assert_int_equal(plain - pages_left("mem_profiling"), 4 + notes);
    assert_int_equal(plain - pages_left("check=1"), traces + notes);
    assert_int_equal(plain - pages_left("check=1 trace_bytes=65536"), 16 + notes);
    assert_int_equal(plain - pages_left("page_owner trace_bytes=65537"),
                     17 + 4096 * sizeof(struct qr_owner) / PAGE_SIZE);
    assert_int_equal(plain - pages_left("kfence.every=1 kfence.num_objects=5 trace_bytes=4096"),
                     1 + 11 + PAGE_ALIGN(5 * sizeof(struct qr_guard_place)) / PAGE_SIZE);
}

static void a_machine_of_one_cpu_is_one(void **state)
{
    struct test_spec spec = {.pages = 1024, .nr_cpus = 1};
    struct quarry *q = test_boot_with(&spec);

    (void)state;
    assert_int_equal(q->cpus.nr_max, 1);
    assert_true(q->vm.cached.limit > 0); /* nobody said anything else */
    assert_false(q->zones.poison || q->zones.init_on_alloc || q->zones.init_on_free);
    test_end(q);
}

static void ratios_may_be_as_many_as_zones_or_fewer(void **state)
{
    struct test_spec spec = {.pages = 1024, .options = "lowmem_reserve_ratio=1,2,3,4,5"};
    struct quarry *q = test_boot_with(&spec);

    (void)state;
    for (unsigned int i = 0; i < MAX_NR_ZONES; i++)
        assert_int_equal(q->zones.lowmem_ratio[i], i + 1);
    test_end(q);
    spec.options = "lowmem_reserve_ratio=9,8";
    q = test_boot_with(&spec);
    assert_int_equal(q->zones.lowmem_ratio[0], 9);
    assert_int_equal(q->zones.lowmem_ratio[1], 8);
    test_end(q);
    assert_refused("lowmem_reserve_ratio=9.8", "bad value \"9.8\"");
    assert_refused("lowmem_reserve_ratio=", "bad value");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_machine_is_as_small_as_stated),
        cmocka_unit_test(a_descriptor_is_32_bytes),
        cmocka_unit_test(options_that_cannot_be_followed_are_refused_by_name),
        cmocka_unit_test(an_option_longer_than_any_value_is_refused_with_its_beginning),
        cmocka_unit_test(a_switch_without_a_value_is_on_and_white_space_only_separates),
        cmocka_unit_test(a_fault_point_named_at_boot_is_armed),
        cmocka_unit_test(a_machine_too_small_for_a_layer_or_an_option_says_which),
        cmocka_unit_test(a_machine_without_a_cpu_is_refused),
        cmocka_unit_test(a_machine_without_page_tables_fails_every_vmalloc_with_a_report),
        cmocka_unit_test(a_vmalloc_area_of_broken_pages_is_refused),
        cmocka_unit_test(a_cpu_has_data_from_its_first_use_on_and_for_good),
        cmocka_unit_test(ratios_reach_the_zones_as_far_as_they_are_given),
        cmocka_unit_test(the_room_for_backtraces_follows_the_memory),
        cmocka_unit_test(an_option_takes_the_memory_it_needs_and_no_more),
        cmocka_unit_test(a_machine_of_one_cpu_is_one),
        cmocka_unit_test(ratios_may_be_as_many_as_zones_or_fewer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
