/* SPDX-License-Identifier: MIT */
/* Walks and sums over all layers, and lines for what does not exist here. */
#include "machine.h"
#include "observe/observe.h"

static unsigned int kinds[8], nr_foreign, visits, stop_after;

static bool count_kind(const struct quarry_live *live, void *data)
{
    if (live->cache && strcmp(live->cache, "kmemleak_alloc") == 0)
        nr_foreign++;
    else
        kinds[live->kind]++;
    return ++visits != stop_after;
}

static void walk(struct quarry *q, unsigned int stop)
{
    memset(kinds, 0, sizeof(kinds));
    nr_foreign = visits = 0;
    stop_after = stop;
    qr_for_each_live(q, count_kind, NULL);
}

static void a_walk_visits_one_of_each_layer_and_ends_where_it_is_told(void **state)
{
    const struct test_spec spec = {.pages = 4096, .options = "check=1 slab_debug=FU page_owner=1"};
    struct quarry *q = test_boot_with(&spec);
    struct quarry_dma_device device = {.coherent_dma_mask = ~0ull};
    const struct qr_dma_dev dev = {.id = &device, .dma = &device, .name = "disk0"};
    void *object = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE);
    void *area = qr_vmalloc(&q->vm, PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    void *token = qr_percpu_alloc(&q->percpu, 8, 8, GFP_KERNEL, "alloc_percpu"), *coherent;
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    dma_addr_t handle;
    unsigned int all;

    qr_pages_note(&q->zones, page, 0, GFP_KERNEL);
    assert_true(qr_foreign_add(&q->leaks, &device, sizeof(device), 0, GFP_KERNEL));
    coherent = qr_dma_alloc(&q->dma, &dev, PAGE_SIZE, &handle, GFP_KERNEL);
    assert_non_null(coherent);
    walk(q, 0);
    all = visits;
    assert_int_equal(kinds[QUARRY_LIVE_OBJECT], 1);
    assert_int_equal(kinds[QUARRY_LIVE_PAGES], 1);
    assert_int_equal(kinds[QUARRY_LIVE_VMALLOC], 1);
    assert_int_equal(kinds[QUARRY_LIVE_PERCPU], 1);
    assert_int_equal(kinds[QUARRY_LIVE_DMA], 1);
    assert_int_equal(nr_foreign, 1);
    assert_int_equal(all, 6);
    for (unsigned int stop = 1; stop <= all; stop++) {
        walk(q, stop);
        assert_int_equal(visits, stop);
    }
    qr_dma_free(&q->dma, &dev, PAGE_SIZE, coherent, handle);
    assert_true(qr_foreign_remove(&q->leaks, &device));
    qr_percpu_free(&q->percpu, token);
    qr_vfree(&q->vm, area, false);
    qr_put_pages(&q->zones, page, 0, "test");
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    walk(q, 0);
    assert_int_equal(visits, 0);
    test_end(q);
}

static char text[1 << 16];

static unsigned int lines_of_zero(const char *const *name)
{
    unsigned int nr = 0;

    for (; *name; name++) {
        size_t length = strlen(*name);
        for (const char *at = text; (at = strstr(at, *name)); at += length) {
            unsigned long value;
            if (at[length] != ' ' || (at > text && at[-1] != ' ' && at[-1] != '\n'))
                continue;
            assert_int_equal(sscanf(at + length, "%lu", &value), 1);
            assert_int_equal(value, 0);
            nr++;
        }
    }
    return nr;
}

static unsigned int names(const char *const *name)
{
    unsigned int nr = 0;

    while (name[nr])
        nr++;
    return nr;
}

static void what_does_not_exist_here_is_zero_wherever_it_is_told(void **state)
{
    const struct test_spec spec = {.pages = 2048, .profile = "nodes"};
    struct quarry *q = test_boot_with(&spec);

    qr_text(q, QUARRY_ZONEINFO, text, sizeof(text));
    assert_int_equal(lines_of_zero(qr_absent_node_stats), 2 * names(qr_absent_node_stats));
    assert_int_equal(lines_of_zero(qr_absent_zone_stats),
                     q->zones.nr_zones * names(qr_absent_zone_stats));
    qr_text(q, QUARRY_VMSTAT, text, sizeof(text));
    assert_int_equal(lines_of_zero(qr_absent_node_stats), names(qr_absent_node_stats));
    assert_int_equal(lines_of_zero(qr_absent_zone_stats), names(qr_absent_zone_stats));
    test_end(q);
}

/* A zone may begin with the last frame of a page block: that block counts by its own mobility. */
static void a_block_of_one_frame_counts_as_what_it_is(void **state)
{
    const struct quarry_region region = {.start = 511 << 12, .size = 1025 << 12};
    const struct test_spec spec = {.regions = &region, .nr_regions = 1};
    struct quarry *q = test_boot_with(&spec);
    enum migratetype before = qr_block_mobility(&q->map, 511);
    unsigned long number[MIGRATE_TYPES];

    for (unsigned int type = 0; type < MIGRATE_TYPES; type++) {
        const char *line;
        for (unsigned int pfn = 512; pfn < 1536; pfn += 512)
            assert_int_equal(qr_block_mobility(&q->map, pfn), qr_block_mobility(&q->map, pfn + 1));
        qr_set_block_mobility(&q->map, 511, (enum migratetype)type);
        qr_text(q, QUARRY_PAGETYPEINFO, text, sizeof(text));
        line = strstr(strstr(text, "Number of blocks type"), "Normal");
        assert_int_equal(sscanf(line, "Normal %lu %lu %lu", &number[0], &number[1], &number[2]), 3);
        for (unsigned int pfn = 511; pfn < 1536; pfn = pfn + 1 < 512 ? 512 : pfn + 512)
            number[qr_block_mobility(&q->map, pfn)]--;
        assert_int_equal(number[0] | number[1] | number[2], 0);
    }
    qr_set_block_mobility(&q->map, 511, before);
    test_end(q);
}

/* A list behind those of the machine's zones is nobody's. */
static void totals_are_of_the_machines_zones(void **state)
{
    const struct test_spec spec = {.pages = 4096, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    struct qr_cpu *cpu = q->cpus.area[0];
    unsigned int last = q->zones.nr_zones - 1, had = cpu->pcp[last].pages;
    struct qr_totals all, fewer;
    struct qr_zone_view view;
    struct {
        struct qr_totals totals;
        unsigned long behind;
    } room = {.behind = 0};

    cpu->readers.begun[0] += 5; /* behind the counters */
    cpu->readers.ended[0] += 5;
    qr_totals_read(q, &room.totals);
    assert_int_equal(room.behind, 0);
    cpu->pcp[last].pages = had + 77;
    qr_totals_read(q, &all);
    qr_zone_view(&q->zones.zone[last], &view);
    assert_true(view.free_pages > 0);
    assert_int_equal(view.free_pages, all.high_free);
    q->zones.nr_zones--;
    qr_totals_read(q, &fewer);
    q->zones.nr_zones++;
    assert_int_equal(all.percpu_lists - fewer.percpu_lists, had + 77);
    assert_int_equal(all.free - fewer.free, qr_zone_free_pages(&q->zones.zone[last]));
    cpu->pcp[last].pages = had;
    test_end(q);
}

/* Whatever lies behind the last zone of the machine. */
static void texts_are_of_the_machines_zones(void **state)
{
    static const enum quarry_text which[] = {QUARRY_BUDDYINFO, QUARRY_PAGETYPEINFO, QUARRY_ZONEINFO,
                                             QUARRY_VMSTAT, QUARRY_MEMINFO};
    static char before[QR_ARRAY_SIZE(which)][32768], after[32768];
    const struct test_spec spec = {.pages = 4096, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    struct zone *behind = &q->zones.zone[q->zones.nr_zones - 1];
    const struct zone kept = *behind;

    qr_reclaim_stop(&q->reclaim);
    q->zones.nr_zones--;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(which); i++)
        assert_true(qr_text(q, which[i], before[i], sizeof(before[i])) < sizeof(before[i]));
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(kept.stat); i++)
        behind->stat[i] += 1000;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(kept.watermark); i++)
        behind->watermark[i] += 1000;
    behind->free_pages += 1000;
    behind->managed += 1000;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(which); i++) {
        qr_text(q, which[i], after, sizeof(after));
        assert_string_equal(after, before[i]);
    }
    *behind = kept;
    q->zones.nr_zones++;
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals_are_of_the_machines_zones),
        cmocka_unit_test(texts_are_of_the_machines_zones),
        cmocka_unit_test(a_walk_visits_one_of_each_layer_and_ends_where_it_is_told),
        cmocka_unit_test(what_does_not_exist_here_is_zero_wherever_it_is_told),
        cmocka_unit_test(a_block_of_one_frame_counts_as_what_it_is),
    };
    return cmocka_run_group_tests_name("walks", tests, NULL, NULL);
}
