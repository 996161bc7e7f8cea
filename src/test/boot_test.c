/* SPDX-License-Identifier: MIT */
/* What a boot leaves of the description of a machine, what options reach, the data of its CPUs, and that of a
 * machine that was shut down nothing remains. */
#include "machine.h"
#include "sanitizer.h"
#include <dirent.h>
#include <sched.h>

/* ---- what remains ---------------------------------------------------------------------------- */

static unsigned int threads_here(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned int nr = 0;

    assert_non_null(tasks);
    while (readdir(tasks))
        nr++;
    closedir(tasks);
    return nr - 2; /* "." and ".." */
}

static bool any_hook(const struct quarry_report *report, void *data)
{
    (void)report;
    (void)data;
    return false;
}

static size_t any_symbol(const void *pc, struct quarry_symbol *frames, size_t max, void *data)
{
    (void)pc;
    (void)frames;
    (void)max;
    (void)data;
    return 0;
}

static void nothing_remains_of_a_machine_but_what_was_told_before_its_boot(void **state)
{
    struct quarry *q = test_boot(1024), *expected = calloc(1, sizeof(*expected));
    static int variable, hook_data, symbol_data;

    (void)state;
    assert_int_equal(qr_percpu_register(&q->percpu, &variable, sizeof(variable)), 0);
    q->check.hook = any_hook;
    q->check.hook_data = &hook_data;
    q->check.symbol = any_symbol;
    q->check.symbol_data = &symbol_data;
    expected->cpus.none = &qr_cpu_none;
    expected->percpu = q->percpu;
    qr_percpu_clear(&expected->percpu);
    expected->check.hook = any_hook;
    expected->check.hook_data = &hook_data;
    expected->check.symbol = any_symbol;
    expected->check.symbol_data = &symbol_data;
    qr_shutdown(q);
    assert_memory_equal(q, expected, sizeof(*q));
    assert_ptr_equal(q->percpu.range[0].start, &variable);
    qr_shutdown(q); /* once more is nothing */
    assert_memory_equal(q, expected, sizeof(*q));
    free(expected);
    test_abandon(q);
}

/* Before there was a machine: threads of one that is gone may still be on their way out. */
static unsigned int threads_at_first;

static void await_threads(unsigned int nr)
{
    while (threads_here() != nr)
        sched_yield();
}

/* The timers would rest for a quarter of an hour. */
static void a_machine_that_is_shut_down_has_no_threads(void **state)
{
    struct test_spec spec = {.pages = 1024, .options = "kfence.sample_interval=1000000"};
    struct quarry *q;

    (void)state;
    if (TEST_THREAD_SANITIZER)
        skip(); /* it has a thread of its own, from somewhere on */
    await_threads(threads_at_first);
    q = test_boot_with(&spec);
    assert_int_equal(q->guards.running, 1);
    assert_int_equal(q->reclaim.running, 1);
    assert_int_equal(threads_here(), threads_at_first + 2);
    test_end(q);
    await_threads(threads_at_first);
}

static void any_block(const void *address, size_t size, enum qp_block what)
{
    (void)address;
    (void)size;
    (void)what;
}

static void a_machine_keeps_its_description_but_not_what_its_caller_owns(void **state)
{
    struct test_spec spec = {.pages = 2048,
                             .profile = "zones",
                             .nr_cpus = 3,
                             .options = "check=2",
                             .watched = true,
                             .block = any_block};
    struct quarry *q = test_boot_with(&spec);

    (void)state;
    assert_int_equal(q->booted, 1);
    assert_null(q->machine.regions);
    assert_int_equal(q->machine.nr_regions, 0);
    assert_null(q->machine.options);
    assert_int_equal(q->machine.nr_cpus, 3);
    assert_int_equal(q->machine.low_limit, 1024 * PAGE_SIZE);
    assert_int_equal(q->cpus.nr_max, 3);
    assert_ptr_equal(q->cpus.none, &qr_cpu_none);
    assert_int_equal(q->check.level, 2);
    assert_true(q->check.watched);
    assert_ptr_equal(q->check.block, any_block);
    assert_int_equal(q->guards.offset, q->machine.offset);
    test_end(q);
}

/* ---- options --------------------------------------------------------------------------------- */

static void settings_reach_the_layers_they_are_for(void **state)
{
    static const char *const switches[] = {"check=0", "init_on_alloc", "init_on_free",
                                           "page_poison"};

    (void)state;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(switches); i++) {
        struct test_spec spec = {.pages = 1024, .options = switches[i]};
        struct quarry *q = test_boot_with(&spec);

        assert_int_equal(q->zones.init_on_alloc, i == 1);
        assert_int_equal(q->slabs.init_on_alloc, i == 1);
        assert_int_equal(q->zones.init_on_free, i == 2);
        assert_int_equal(q->slabs.init_on_free, i == 2);
        assert_int_equal(q->zones.poison, i == 3);
        assert_int_equal(q->zones.min_free_kbytes, 0);
        assert_int_equal(q->zones.watermark_scale_factor, 0);
        assert_int_equal(q->zones.reserve_for_reclaim_pages, 0);
        if (i == 0)
            assert_int_equal(q->vm.cached.limit, q->zones.totalram / 64);
        test_end(q);
    }
}

static void numbers_reach_the_layers_they_are_for(void **state)
{
    struct test_spec spec = {.pages = 2048,
                             .options = "min_free_kbytes=264 watermark_scale_factor=77 "
                                        "reserve_for_reclaim_pages=5 vmalloc_cache=9"};
    struct quarry *q = test_boot_with(&spec);

    (void)state;
    assert_int_equal(q->zones.min_free_kbytes, 264);
    assert_int_equal(q->zones.watermark_scale_factor, 77);
    assert_int_equal(q->zones.reserve_for_reclaim_pages, 5);
    assert_int_equal(q->vm.cached.limit, 9);
    test_end(q);
    spec.options = "vmalloc_cache=0";
    q = test_boot_with(&spec);
    assert_int_equal(q->vm.cached.limit, 0);
    test_end(q);
}

static const char *const fault_name[QUARRY_FAULT_POINTS] = {"failslab", "fail_page_alloc",
                                                            "fail_vmalloc", "fail_usercopy"};

static void each_fault_point_is_armed_by_its_own_name(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < QUARRY_FAULT_POINTS; i++) {
        char options[64], wrong[64];
        struct test_spec spec = {.pages = 1024, .options = options};
        struct quarry *q;

        snprintf(options, sizeof(options), "%s=nth:4000,cache:thing", fault_name[i]);
        q = test_boot_with(&spec);
        for (unsigned int k = 0; k < QUARRY_FAULT_POINTS; k++)
            assert_int_equal(qr_fault_armed(&q->faults, (enum quarry_fault_point)k), k == i);
        assert_int_equal(q->faults.point[i].spec.nth, 4000);
        assert_string_equal(q->faults.point[i].spec.cache, "thing");
        assert_int_equal((q->zones.hooks & QR_HOOK_FAULT) != 0, i == QUARRY_FAIL_PAGE_ALLOC);
        test_end(q);
        snprintf(options, sizeof(options), "%s=nth:4000,every", fault_name[i]);
        snprintf(wrong, sizeof(wrong), "boot option %s: ", fault_name[i]);
        spec.expect_failure = true;
        assert_null(test_boot_with(&spec));
        assert_int_equal(strncmp(test_why, wrong, strlen(wrong)), 0);
        assert_true(strlen(test_why) > strlen(wrong) + 5);
    }
}

static void a_fault_s_cache_has_a_name_of_63_letters_at_most(void **state)
{
    char options[128], name[65];
    struct test_spec spec = {.pages = 1024, .options = options};
    struct quarry *q;

    (void)state;
    memset(name, 'n', sizeof(name));
    name[63] = '\0';
    snprintf(options, sizeof(options), "failslab=nth:4000,cache:%s", name);
    q = test_boot_with(&spec);
    assert_string_equal(q->faults.point[QUARRY_FAILSLAB].spec.cache, name);
    test_end(q);
    name[63] = 'n';
    name[64] = '\0';
    snprintf(options, sizeof(options), "failslab=nth:4000,cache:%s", name);
    spec.expect_failure = true;
    assert_null(test_boot_with(&spec));
}

static void a_bad_slab_debug_is_repeated(void **state)
{
    struct test_spec spec = {.pages = 1024, .options = "slab_debug=QX", .expect_failure = true};

    (void)state;
    assert_null(test_boot_with(&spec));
    assert_string_equal(test_why, "boot option slab_debug: bad value \"QX\"");
}

static void room_for_guarded_objects_is_told_exactly(void **state)
{
    struct test_spec spec = {
        .pages = 300, .options = "kfence.every=1 trace_bytes=1", .expect_failure = true};
    char expected[160];

    (void)state;
    assert_null(test_boot_with(&spec));
    snprintf(expected, sizeof(expected),
             "kfence.num_objects=255 needs %llu KiB of low memory: give more RAM or fewer objects",
             (unsigned long long)(qr_guard_pool_bytes(255) + qr_guard_record_bytes(255)) >> 10);
    assert_string_equal(test_why, expected);
}

/* Entries: a power of two. */
static u32 site_room(unsigned long pages)
{
    struct test_spec spec = {.pages = pages, .options = "mem_profiling"};
    struct quarry *q = test_boot_with(&spec);
    u32 nr = q->check.sites.mask + 1;

    test_end(q);
    return nr;
}

static u32 sites_in(unsigned long bytes)
{
    return 1u << qr_fls64(bytes / sizeof(struct qr_site));
}

/* A 1024th of memory, 16 KiB … 1 MiB. */
static void the_room_for_places_that_allocate_follows_the_memory(void **state)
{
    (void)state;
    assert_int_equal(site_room(1024), sites_in(16u << 10));
    assert_int_equal(site_room(4096), sites_in(16u << 10));
    assert_int_equal(site_room(8192), sites_in(32u << 10));
    assert_int_equal(site_room(128ul << 10), sites_in(512u << 10));
    assert_int_equal(site_room(256ul << 10), sites_in(1u << 20));
    assert_int_equal(site_room(1024ul << 10), sites_in(1u << 20));
}

/* Bytes that backtraces have; 0: none are kept. */
static size_t trace_room(unsigned long pages, const char *options)
{
    const struct test_spec spec = {.pages = pages, .options = options};
    struct quarry *q = test_boot_with(&spec);
    const struct qr_traces *traces = &q->check.traces;
    size_t room =
        traces->region ? (size_t)(traces->region + traces->size - (u8 *)traces->bucket) : 0;

    test_end(q);
    return room;
}

/* A 128th of memory, 64 KiB … 16 MiB, where anything asks who did it; or what was wished for. */
static void the_room_for_backtraces_follows_the_memory_and_the_options(void **state)
{
    static const char *const tracking[] = {"page_owner", "slab_debug=U", "check=1",
                                           "kfence.sample_interval=100", "kfence.every=100"};

    (void)state;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(tracking); i++)
        assert_int_equal(trace_room(4096, tracking[i]), 128u << 10);
    assert_int_equal(trace_room(4096, NULL), 0);
    assert_int_equal(trace_room(4096, "check=0"), 0);
    assert_int_equal(trace_room(1024, "check=1"), 64u << 10);
    assert_int_equal(trace_room(256ul << 10, "check=1"), 8u << 20);
    assert_int_equal(trace_room(1024ul << 10, "check=1"), 16u << 20);
    assert_int_equal(trace_room(4096, "trace_bytes=300000"), PAGE_ALIGN(300000));
    assert_int_equal(trace_room(4096, "check=1 trace_bytes=20480"), 20480);
}

/* ---- layers ---------------------------------------------------------------------------------- */

static void each_layer_knows_those_below(void **state)
{
    struct quarry *q = test_boot(1024);
    const struct {
        const void *has, *is;
    } wire[] = {
        {q->zones.map, &q->map},         {q->zones.check, &q->check},
        {q->zones.faults, &q->faults},   {q->zones.cpus, &q->cpus},
        {q->faults.changed_data, q},     {q->grace.check, &q->check},
        {q->grace.cpus, &q->cpus},       {q->grace.reclaim, &q->reclaim},
        {q->slabs.zones, &q->zones},     {q->slabs.grace, &q->grace},
        {q->slabs.reclaim, &q->reclaim}, {q->slabs.check, &q->check},
        {q->slabs.faults, &q->faults},   {q->slabs.cpus, &q->cpus},
        {q->slabs.guards, &q->guards},   {q->guards.check, &q->check},
        {q->kmalloc.slabs, &q->slabs},   {q->kmalloc.zones, &q->zones},
        {q->kmalloc.check, &q->check},   {q->vm.kmalloc, &q->kmalloc},
        {q->vm.zones, &q->zones},        {q->vm.reclaim, &q->reclaim},
        {q->vm.grace, &q->grace},        {q->vm.check, &q->check},
        {q->vm.faults, &q->faults},      {q->leaks.zones, &q->zones},
        {q->leaks.slabs, &q->slabs},     {q->leaks.vm, &q->vm},
        {q->leaks.check, &q->check},     {q->kmaps.zones, &q->zones},
        {q->kmaps.check, &q->check},     {q->dma.vm, &q->vm},
        {q->dma.kmaps, &q->kmaps},       {q->dma.zones, &q->zones},
        {q->dma.slabs, &q->slabs},       {q->dma.check, &q->check},
        {q->percpu.vm, &q->vm},          {q->percpu.zones, &q->zones},
        {q->percpu.slabs, &q->slabs},    {q->percpu.check, &q->check},
        {q->percpu.cpus, &q->cpus},      {q->cpus.none, &qr_cpu_none},
    };

    (void)state;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(wire); i++)
        assert_ptr_equal(wire[i].has, wire[i].is);
    assert_int_equal(q->cpus.nr_max, 8);
    test_end(q);
}

static void a_machine_of_one_cpu_is_one(void **state)
{
    struct test_spec spec = {.pages = 1024, .nr_cpus = 1};
    struct quarry *q = test_boot_with(&spec);

    (void)state;
    assert_int_equal(q->cpus.nr_max, 1);
    qr_kfree_slow(&q->kmalloc, qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE), "kfree");
    test_end(q);
}

/* ---- CPUs ------------------------------------------------------------------------------------ */

static void a_cpu_begins_with_empty_lists_on_its_node(void **state)
{
    struct test_spec spec = {.pages = 4096, .profile = "nodes", .nr_cpus = 4};
    struct quarry *q = test_boot_with(&spec);

    (void)state;
    assert_int_equal(q->cpu_bytes, sizeof(struct qr_cpu) + QR_MAX_ZONES * sizeof(struct qr_pcp));
    assert_ptr_equal(q->cpus.area[0], q->boot_cpu);
    for (unsigned int id = 0; id < 4; id++) {
        const struct qr_cpu *cpu = q->cpus.online(&q->cpus, id);

        assert_non_null(cpu);
        assert_ptr_equal(q->cpus.area[id], cpu);
        assert_int_equal(cpu->id, id);
        assert_int_equal(cpu->nid, id % 2);
        assert_int_equal(cpu->nr_pcp, q->zones.nr_zones);
        assert_ptr_equal(cpu->chunk[0], cpu->slot);
        assert_ptr_equal(cpu->slot[quarry_kmalloc_class(64)].cache,
                         q->kmalloc.cache[QR_KMALLOC_NORMAL][quarry_kmalloc_class(64)]);
        for (unsigned int i = 1; i < QR_NR_CHUNKS; i++)
            assert_ptr_equal(cpu->chunk[i], qr_closed_chunk);
        for (unsigned int i = 0; i < q->zones.nr_zones; i++) {
            assert_int_equal(cpu->pcp[i].pages, 0);
            assert_true(cpu->pcp[i].limit > 0);
        }
    }
    test_end(q);
}

/* Its memory was somebody else's before. */
static void a_cpu_s_data_is_cleared(void **state)
{
    struct quarry *q = test_boot(2048);
    unsigned int order = (unsigned int)get_order(q->cpu_bytes);
    static struct page *taken[64];
    const struct qr_cpu *cpu;

    (void)state;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(taken); i++) {
        taken[i] = qr_alloc_pages(&q->zones, GFP_KERNEL, order, NUMA_NO_NODE);
        assert_non_null(taken[i]);
        memset(qr_page_virt(&q->map, taken[i]), 0xa7, PAGE_SIZE << order);
    }
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(taken); i++)
        qr_free_block(&q->zones, taken[i], order);
    cpu = q->cpus.online(&q->cpus, 5);
    assert_non_null(cpu);
    assert_int_equal(cpu->drain_requested, 0);
    for (unsigned int i = 0; i < QR_NR_EVENTS; i++)
        assert_int_equal(cpu->event[i], 0);
    test_end(q);
}

static void a_cpu_without_memory_for_its_data_has_none_until_there_is_some(void **state)
{
    struct quarry *q = test_boot(1024);
    struct page *page, *chain = NULL;

    (void)state;
    qr_reclaim_stop(&q->reclaim);
    while ((page = qr_alloc_pages(&q->zones, GFP_ATOMIC | __GFP_NOWARN, 0, NUMA_NO_NODE)) != NULL) {
        page->private = (unsigned long)(uintptr_t)chain;
        chain = page;
    }
    assert_null(q->cpus.online(&q->cpus, 5));
    assert_null(q->cpus.area[5]);
    while (chain) {
        page = chain;
        chain = (struct page *)(uintptr_t)page->private;
        qr_free_block(&q->zones, page, 0);
    }
    assert_non_null(q->cpus.online(&q->cpus, 5));
    test_end(q);
}

static void a_cpu_that_goes_gives_back_what_it_held(void **state)
{
    struct quarry *q = test_boot(2048);
    struct qr_cpu *cpu = q->cpus.online(&q->cpus, 5);
    unsigned int own = qp_self.number;
    struct page *page;
    void *object;

    (void)state;
    assert_non_null(cpu);
    qp_self.number = 5;
    page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    object = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);
    qr_free_block(&q->zones, page, 0);
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    qp_self.number = own;
    assert_true(cpu->pcp[0].pages > 0);
    assert_non_null(cpu->slot[quarry_kmalloc_class(100)].loaded);
    q->cpus.offline(&q->cpus, 5);
    assert_int_equal(cpu->pcp[0].pages, 0);
    assert_null(cpu->slot[quarry_kmalloc_class(100)].loaded);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_remains_of_a_machine_but_what_was_told_before_its_boot),
        cmocka_unit_test(a_machine_that_is_shut_down_has_no_threads),
        cmocka_unit_test(a_machine_keeps_its_description_but_not_what_its_caller_owns),
        cmocka_unit_test(settings_reach_the_layers_they_are_for),
        cmocka_unit_test(numbers_reach_the_layers_they_are_for),
        cmocka_unit_test(each_fault_point_is_armed_by_its_own_name),
        cmocka_unit_test(a_fault_s_cache_has_a_name_of_63_letters_at_most),
        cmocka_unit_test(a_bad_slab_debug_is_repeated),
        cmocka_unit_test(room_for_guarded_objects_is_told_exactly),
        cmocka_unit_test(the_room_for_places_that_allocate_follows_the_memory),
        cmocka_unit_test(the_room_for_backtraces_follows_the_memory_and_the_options),
        cmocka_unit_test(each_layer_knows_those_below),
        cmocka_unit_test(a_machine_of_one_cpu_is_one),
        cmocka_unit_test(a_cpu_begins_with_empty_lists_on_its_node),
        cmocka_unit_test(a_cpu_s_data_is_cleared),
        cmocka_unit_test(a_cpu_without_memory_for_its_data_has_none_until_there_is_some),
        cmocka_unit_test(a_cpu_that_goes_gives_back_what_it_held),
    };
    threads_at_first = threads_here();
    return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}
