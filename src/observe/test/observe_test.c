/* SPDX-License-Identifier: MIT */
/* Tests of observe/: every text has the columns that its readers expect and the numbers that the
 * layers have; the walks meet what is alive and nothing else. */
#include "machine.h"
#include "observe/observe.h"

static char text[1 << 20];

/* The text, checked for its length and its end. */
static const char *read_text(struct quarry *q, enum quarry_text which)
{
    size_t length = qr_text(q, which, text, sizeof(text));

    assert_true(length < sizeof(text));
    assert_int_equal(strlen(text), length);
    assert_true(length == 0 || text[length - 1] == '\n');
    return text;
}

/* The next line of a text, without its end; NULL when there is none. */
static char *next_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');

    if (!*line)
        return NULL;
    *end = 0;
    *at = end + 1;
    return line;
}

/* Numbers separated by spaces; fails when something else is there. */
static unsigned int read_numbers(const char *at, unsigned long *number, unsigned int max)
{
    unsigned int nr = 0;

    for (;;) {
        char *end;

        while (*at == ' ')
            at++;
        if (!*at)
            return nr;
        assert_true(nr < max);
        number[nr++] = strtoul(at, &end, 10);
        assert_true(end != at && (*end == ' ' || !*end));
        at = end;
    }
}

static struct zone *zone_called(struct quarry *q, unsigned int nid, const char *name)
{
    for (unsigned int i = 0; i < q->zones.nr_zones; i++) {
        if (q->zones.zone[i].nid == nid && !strcmp(q->zones.zone[i].name, name))
            return &q->zones.zone[i];
    }
    fail_msg("no zone %u %s", nid, name);
    return NULL;
}

/* The value behind "name" at the beginning of a line (after spaces), in the text from @from on. */
static unsigned long value_of(const char *from, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = from; (at = strstr(at, name)); at++) {
        const char *before = at;

        while (before > text && before[-1] == ' ')
            before--;
        if ((before == text || before[-1] == '\n') && (at[length] == ' ' || at[length] == ':'))
            return strtoul(at + length + (at[length] == ':'), NULL, 10);
    }
    fail_msg("no line %s", name);
    return 0;
}

/* ---- zones ---------------------------------------------------------------------------------- */

static struct quarry *boot_zones(void)
{
    const struct test_spec spec = {.pages = 8192, .profile = "zones"};

    return test_boot_with(&spec);
}

static void buddyinfo_has_eleven_columns_a_zone_that_add_up_to_its_free_pages(void **state)
{
    struct quarry *q = boot_zones();
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 3, NUMA_NO_NODE);
    char *at = (char *)read_text(q, QUARRY_BUDDYINFO), *line;
    unsigned int lines = 0;

    (void)state;
    assert_non_null(page);
    for (; (line = next_line(&at)); lines++) {
        unsigned long number[NR_PAGE_ORDERS], pages = 0;
        unsigned int nid;
        char name[32];
        int used = 0;

        assert_int_equal(sscanf(line, "Node %u, zone %31s %n", &nid, name, &used), 2);
        assert_int_equal(read_numbers(line + used, number, NR_PAGE_ORDERS), NR_PAGE_ORDERS);
        for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
            pages += number[order] << order;
        assert_int_equal(pages, zone_called(q, nid, name)->free_pages);
    }
    assert_int_equal(lines, q->zones.nr_zones);
    qr_put_pages(&q->zones, page, 3, "test");
    test_end(q);
}

static void buddyinfo_looks_as_linux_writes_it(void **state)
{
    struct quarry *q = boot_zones();

    (void)state;
    read_text(q, QUARRY_BUDDYINFO);
    assert_int_equal(strncmp(text, "Node 0, zone      DMA ", 22), 0);
    assert_int_equal(strchr(text, '\n') - text, 22 + 7 * NR_PAGE_ORDERS);
    assert_non_null(strstr(text, "\nNode 0, zone   Normal "));
    assert_non_null(strstr(text, "\nNode 0, zone  HighMem "));
    test_end(q);
}

static void pagetypeinfo_tells_free_blocks_and_page_blocks_by_mobility(void **state)
{
    static const char *const type_name[] = {"Unmovable", "Movable", "Reclaimable"};
    struct quarry *q = boot_zones();
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    char *at = (char *)read_text(q, QUARRY_PAGETYPEINFO);
    unsigned long number[NR_PAGE_ORDERS], blocks = 0;
    unsigned int nid;
    char name[32], type[32];
    int used = 0;

    (void)state;
    assert_non_null(page);
    assert_string_equal(next_line(&at), "Page block order: 9");
    assert_string_equal(next_line(&at), "Pages per block:  512");
    assert_string_equal(next_line(&at), "");
    assert_string_equal(next_line(&at), "Free pages count per migrate type at order       0      1 "
                                        "     2      3      4      5      6      7      8      9   "
                                        "  10 ");
    for (unsigned int i = 0; i < q->zones.nr_zones; i++) {
        unsigned long pages = 0;

        for (unsigned int j = 0; j < MIGRATE_TYPES; j++) {
            const char *line = next_line(&at);

            assert_int_equal(
                sscanf(line, "Node %u, zone %31[^,], type %31s %n", &nid, name, type, &used), 3);
            assert_string_equal(type, type_name[j]);
            assert_int_equal(read_numbers(line + used, number, NR_PAGE_ORDERS), NR_PAGE_ORDERS);
            for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
                pages += number[order] << order;
        }
        assert_int_equal(pages, zone_called(q, nid, name)->free_pages);
    }
    assert_string_equal(next_line(&at), "");
    assert_string_equal(next_line(&at),
                        "Number of blocks type    Unmovable      Movable  Reclaimable ");
    for (unsigned int i = 0; i < q->zones.nr_zones; i++) {
        const char *line = next_line(&at);

        assert_int_equal(sscanf(line, "Node %u, zone %31s %n", &nid, name, &used), 2);
        assert_int_equal(read_numbers(line + used, number, NR_PAGE_ORDERS), MIGRATE_TYPES);
        blocks += number[0] + number[1] + number[2];
    }
    assert_null(next_line(&at));
    assert_int_equal(blocks, 8192 / QR_BLOCK_PAGES);
    qr_put_pages(&q->zones, page, 0, "test");
    test_end(q);
}

static void a_page_block_shared_by_two_runs_counts_once(void **state)
{
    /* Holes inside the first page block, and one whole page block missing. */
    const struct quarry_region regions[] = {
        {.start = 0, .size = 100 << 12},
        {.start = 200 << 12, .size = 1848 << 12},
        {.start = 2560 << 12, .size = 512 << 12},
    };
    const struct test_spec spec = {.regions = regions, .nr_regions = 3};
    struct quarry *q = test_boot_with(&spec);
    unsigned long number[MIGRATE_TYPES];
    const char *line;

    (void)state;
    read_text(q, QUARRY_PAGETYPEINFO);
    line = strstr(strstr(text, "Number of blocks type"), "Node 0, zone");
    *strchr(line, '\n') = 0;
    assert_int_equal(read_numbers(line + 22, number, MIGRATE_TYPES), MIGRATE_TYPES);
    assert_int_equal(number[0] + number[1] + number[2], 4 + 1);
    test_end(q);
}

static void zoneinfo_tells_marks_sizes_reserves_and_cpu_lists(void **state)
{
    struct quarry *q = boot_zones();
    unsigned long protection[MAX_NR_ZONES];
    struct zone *zone = zone_called(q, 0, "Normal");
    const char *from, *at;
    int whole = 0;

    (void)state;
    read_text(q, QUARRY_ZONEINFO);
    assert_int_equal(strncmp(text, "Node 0, zone      DMA\n  per-node stats\n", 39), 0);
    from = strstr(text, "Node 0, zone   Normal\n  pages free     ");
    assert_non_null(from);
    assert_int_equal(value_of(from, "pages free"), zone->free_pages);
    assert_int_equal(value_of(from, "min"), zone->watermark[QR_WMARK_MIN]);
    assert_int_equal(value_of(from, "low"), zone->watermark[QR_WMARK_LOW]);
    assert_int_equal(value_of(from, "high"), zone->watermark[QR_WMARK_HIGH]);
    assert_int_equal(value_of(from, "spanned"), zone->end_pfn - zone->start_pfn);
    assert_int_equal(value_of(from, "present"), zone->present);
    assert_int_equal(value_of(from, "managed"), zone->managed);
    assert_int_equal(value_of(from, "nr_free_pages"), zone->free_pages);
    assert_int_equal(value_of(from, "start_pfn"), zone->start_pfn);
    at = strstr(from, "        protection: (");
    assert_int_equal(sscanf(at, " protection: (%lu, %lu, %lu, %lu, %lu)%n", &protection[0],
                            &protection[1], &protection[2], &protection[3], &protection[4], &whole),
                     5);
    assert_true(whole > 0); /* to the parenthesis */
    for (unsigned int i = 0; i < MAX_NR_ZONES; i++)
        assert_int_equal(protection[i], zone->lowmem_reserve[i]);
    at = strstr(from, "  pagesets\n    cpu: 0\n              count:    ");
    assert_non_null(at);
    assert_int_equal(value_of(at, "count"), q->cpus.area[0]->pcp[zone->index].pages);
    assert_int_equal(strtoul(strstr(at, "high:") + 5, NULL, 10),
                     q->cpus.area[0]->pcp[zone->index].limit);
    for (unsigned int i = 0; i < 3; i++) { /* a quarter of the limit, from 1 to 64 */
        static const u32 limit[] = {2, 100, 4000}, batch[] = {1, 25, 64};
        u32 *place = &q->cpus.area[0]->pcp[zone->index].limit, before = *place;
        *place = limit[i];
        read_text(q, QUARRY_ZONEINFO);
        *place = before;
        at = strstr(strstr(text, "Node 0, zone   Normal"), "batch:");
        assert_int_equal(strtoul(at + 6, NULL, 10), batch[i]);
    }
    test_end(q);
}

/* Every CPU that exists, whatever number it has. */
static void zoneinfo_tells_the_lists_of_each_cpu(void **state)
{
    struct quarry *q = boot_zones();
    struct qr_cpu *own = q->cpus.area[0];

    (void)state;
    q->cpus.area[3] = own; /* as if there were a fourth: the same lists, for the moment */
    read_text(q, QUARRY_ZONEINFO);
    q->cpus.area[3] = NULL;
    assert_non_null(strstr(text, "\n    cpu: 0\n"));
    assert_null(strstr(text, "\n    cpu: 1\n"));
    assert_non_null(strstr(text, "\n    cpu: 3\n"));
    test_end(q);
}

static void zoneinfo_tells_node_counts_once_a_node(void **state)
{
    const struct test_spec spec = {.pages = 2048, .profile = "nodes"};
    struct quarry *q = test_boot_with(&spec);
    unsigned int times = 0;

    (void)state;
    read_text(q, QUARRY_ZONEINFO);
    for (const char *at = text; (at = strstr(at, "per-node stats")); at++)
        times++;
    assert_int_equal(times, 2);
    assert_non_null(strstr(text, "\nNode 1, zone "));
    test_end(q);
}

/* ---- the machine as a whole ----------------------------------------------------------------- */

static void vmstat_is_names_and_numbers_each_once(void **state)
{
    struct quarry *q = boot_zones();
    char *at = (char *)read_text(q, QUARRY_VMSTAT), *line, *seen[200];
    unsigned int nr = 0;

    (void)state;
    for (; (line = next_line(&at)); nr++) {
        unsigned long value;
        char name[64], more;

        assert_int_equal(sscanf(line, "%63s %lu%c", name, &value, &more), 2);
        seen[nr] = line;
        *strchr(line, ' ') = 0;
        for (unsigned int i = 0; i < nr; i++)
            assert_string_not_equal(seen[i], line);
    }
    assert_true(nr > 20);
    test_end(q);
}

static void vmstat_counts_what_happens(void **state)
{
    struct quarry *q = boot_zones();
    unsigned long allocated, freed;
    struct page *page;

    (void)state;
    read_text(q, QUARRY_VMSTAT);
    assert_int_equal(value_of(text, "nr_free_pages"), qr_free_pages_total(&q->zones));
    allocated = value_of(text, "pgalloc");
    freed = value_of(text, "pgfree");
    for (int i = 0; i < 10; i++) {
        page = qr_alloc_pages(&q->zones, GFP_KERNEL, 1, NUMA_NO_NODE);
        assert_non_null(page);
        qr_put_pages(&q->zones, page, 1, "test");
    }
    read_text(q, QUARRY_VMSTAT);
    assert_true(value_of(text, "pgalloc") >= allocated + 20);
    assert_true(value_of(text, "pgfree") >= freed + 20);
    test_end(q);
}

static void meminfo_adds_up(void **state)
{
    struct quarry *q = boot_zones();
    unsigned long total, free;

    (void)state;
    read_text(q, QUARRY_MEMINFO);
    assert_int_equal(strncmp(text, "MemTotal:       ", 16), 0);
    assert_int_equal(strchr(text, '\n') - text, 27);
    total = value_of(text, "MemTotal");
    free = value_of(text, "MemFree");
    assert_int_equal(total, q->zones.totalram * 4);
    assert_int_equal(free, qr_free_pages_total(&q->zones) * 4);
    assert_true(value_of(text, "MemAvailable") > 0 && value_of(text, "MemAvailable") <= total);
    assert_int_equal(value_of(text, "HighTotal"), q->zones.totalhigh * 4);
    assert_int_equal(value_of(text, "HighTotal") + value_of(text, "LowTotal"), total);
    assert_int_equal(value_of(text, "HighFree") + value_of(text, "LowFree"), free);
    assert_int_equal(value_of(text, "Slab"),
                     value_of(text, "SReclaimable") + value_of(text, "SUnreclaim"));
    assert_int_equal(value_of(text, "VmallocTotal"), (q->vm.end - q->vm.start) >> 10);
    assert_int_equal(value_of(text, "Cached"), 0);
    assert_int_equal(value_of(text, "CommitLimit"), total);
    assert_int_equal(value_of(text, "Committed_AS"), total - free);
    assert_int_equal(value_of(text, "VmallocChunk"), 0);
    assert_int_equal(value_of(text, "DirectMap4k"), (q->map.virt_end - q->map.virt_start) >> 10);
    assert_int_equal(value_of(text, "Percpu"), PAGE_ALIGN(q->cpu_bytes) >> 10); /* of one CPU */
    assert_non_null(q->cpus.online(&q->cpus, 3));
    read_text(q, QUARRY_MEMINFO);
    assert_int_equal(value_of(text, "Percpu"), 2 * (PAGE_ALIGN(q->cpu_bytes) >> 10));
    test_end(q);
}

static void meminfo_without_high_memory_does_not_speak_of_it(void **state)
{
    struct quarry *q = test_boot(1024);

    (void)state;
    read_text(q, QUARRY_MEMINFO);
    assert_null(strstr(text, "HighTotal"));
    test_end(q);
}

static void meminfo_sees_vmalloc_come_and_go(void **state)
{
    const struct test_spec spec = {.pages = 4096, .options = "vmalloc_cache=0"};
    struct quarry *q = test_boot_with(&spec);
    unsigned long before;
    void *area;

    (void)state;
    read_text(q, QUARRY_MEMINFO);
    before = value_of(text, "VmallocUsed");
    area = qr_vmalloc(&q->vm, 40 * PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    assert_non_null(area);
    read_text(q, QUARRY_MEMINFO);
    assert_int_equal(value_of(text, "VmallocUsed"), before + 160);
    qr_vfree(&q->vm, area, false);
    read_text(q, QUARRY_MEMINFO);
    assert_int_equal(value_of(text, "VmallocUsed"), before);
    test_end(q);
}

/* ---- caches --------------------------------------------------------------------------------- */

static struct kmem_cache *test_cache(struct quarry *q, const char *name, size_t size)
{
    const struct qr_cache_params params = {.name = name, .size = size, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);

    assert_non_null(cache);
    return cache;
}

/* The line of a cache: 15 numbers, the words of the format between them. */
static void slabinfo_row(const char *name, unsigned long number[11])
{
    char wanted[80], *line;
    size_t length = strlen(name);

    snprintf(wanted, sizeof(wanted), "\n%s ", name);
    line = strstr(text, wanted);
    assert_non_null(line);
    assert_int_equal(sscanf(line + 1 + length,
                            " %lu %lu %lu %lu %lu : tunables %lu %lu %lu : slabdata %lu %lu %lu",
                            &number[0], &number[1], &number[2], &number[3], &number[4], &number[5],
                            &number[6], &number[7], &number[8], &number[9], &number[10]),
                     11);
}

static void slabinfo_is_version_2_1(void **state)
{
    struct quarry *q = test_boot(1024);
    char *at = (char *)read_text(q, QUARRY_SLABINFO), *line;
    unsigned int caches = 0;

    (void)state;
    assert_string_equal(next_line(&at), "slabinfo - version: 2.1");
    assert_string_equal(next_line(&at),
                        "# name            <active_objs> <num_objs> <objsize> <objperslab> "
                        "<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata "
                        "<active_slabs> <num_slabs> <sharedavail>");
    for (; (line = next_line(&at)); caches++) {
        unsigned long n[11];
        char name[65], more;

        assert_int_equal(
            sscanf(line, "%64s %lu %lu %lu %lu %lu : tunables %lu %lu %lu : slabdata %lu %lu %lu%c",
                   name, &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &n[7], &n[8], &n[9],
                   &n[10], &more),
            12);
        assert_true(n[0] <= n[1] && n[8] <= n[9]);
    }
    assert_true(caches > 8);
    test_end(q);
}

static void slabinfo_counts_a_cache_s_objects(void **state)
{
    struct quarry *q = test_boot(1024);
    struct kmem_cache *cache = test_cache(q, "my cache", 100);
    unsigned long number[11];
    void *object[50];

    (void)state;
    for (int i = 0; i < 50; i++) {
        object[i] = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE);
        assert_non_null(object[i]);
    }
    read_text(q, QUARRY_SLABINFO);
    slabinfo_row("my_cache", number);
    assert_true(number[0] >= 50 && number[0] <= number[1]);
    assert_int_equal(number[2], cache->slot_size);
    assert_int_equal(number[3], cache->objects);
    assert_int_equal(number[4], 1u << cache->order);
    assert_int_equal(number[5], cache->depth);
    assert_int_equal(number[6], cache->depth);
    assert_int_equal(number[7], 0);
    assert_true(number[8] >= 1 && number[9] >= number[8]);
    for (int i = 0; i < 50; i++)
        qr_cache_free_slow(&q->slabs, cache, object[i], "test");
    qr_cache_destroy(&q->slabs, cache, false);
    read_text(q, QUARRY_SLABINFO);
    assert_null(strstr(text, "my_cache"));
    test_end(q);
}

static bool count_cache(const struct quarry_cache_stat *stat, void *data)
{
    unsigned int *left = data;

    assert_non_null(stat->name);
    return --*left > 0;
}

static bool find_cache(const struct quarry_cache_stat *stat, void *data)
{
    struct quarry_cache_stat *found = data;

    if (!strcmp(stat->name, "findme"))
        *found = *stat;
    return true;
}

static void the_walk_over_caches_finds_them_and_can_be_ended(void **state)
{
    struct quarry *q = test_boot(1024);
    struct kmem_cache *cache = test_cache(q, "findme", 200);
    struct quarry_cache_stat found = {0};
    unsigned int left = 3;

    (void)state;
    qr_for_each_cache(q, find_cache, &found);
    assert_int_equal(found.object_size, 200);
    assert_true(found.slot_size >= 200);
    qr_for_each_cache(q, count_cache, &left);
    assert_int_equal(left, 0);
    qr_cache_destroy(&q->slabs, cache, false);
    test_end(q);
}

/* ---- vmalloc -------------------------------------------------------------------------------- */

static void vmallocinfo_has_a_line_an_area_by_address(void **state)
{
    struct quarry *q = test_boot(4096);
    void *area[3];
    char *at, *line;
    unsigned long last = 0;
    unsigned int lines = 0;

    (void)state;
    for (unsigned int i = 0; i < 3; i++) {
        area[i] =
            qr_vmalloc(&q->vm, (i + 1) * 3 * PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
        assert_non_null(area[i]);
    }
    at = (char *)read_text(q, QUARRY_VMALLOCINFO);
    for (; (line = next_line(&at)); lines++) {
        unsigned long start, end, size, caller, pages, on_node;

        assert_int_equal(sscanf(line, "0x%16lx-0x%16lx %lu", &start, &end, &size), 3);
        assert_int_equal(end - start, size);
        assert_true(start > last);
        last = start;
        assert_int_equal(sscanf(line, "%*s %*s 0x%lx pages=%lu", &caller, &pages), 2);
        assert_true(caller != 0);
        assert_int_equal(size, (pages + 1) * PAGE_SIZE); /* the guard page belongs to it */
        assert_int_equal(sscanf(strstr(line, " vmalloc"), " vmalloc N0=%lu", &on_node), 1);
        assert_int_equal(on_node, pages);
    }
    assert_int_equal(lines, 3);
    for (unsigned int i = 0; i < 3; i++)
        qr_vfree(&q->vm, area[i], false);
    assert_string_equal(read_text(q, QUARRY_VMALLOCINFO), "");
    test_end(q);
}

/* ---- any text ------------------------------------------------------------------------------- */

static void every_text_has_its_name_and_can_be_cut_anywhere(void **state)
{
    static const char *const name[QUARRY_TEXTS] = {"buddyinfo",   "pagetypeinfo", "zoneinfo",
                                                   "vmstat",      "meminfo",      "slabinfo",
                                                   "vmallocinfo", "allocinfo",    "kmemleak"};
    static char cut[1 << 16];
    struct quarry *q = test_boot(1024);

    (void)state;
    for (unsigned int which = 0; which < QUARRY_TEXTS; which++) {
        size_t length = strlen(read_text(q, which));

        assert_string_equal(qr_text_name(which), name[which]);
        assert_true(length < sizeof(cut));
        assert_int_equal(qr_text(q, which, NULL, 0), length);
        for (size_t size = 1; size <= length + 2; size += 1 + size / 7) {
            memset(cut, 'x', sizeof(cut));
            assert_int_equal(qr_text(q, which, cut, size), length);
            assert_int_equal(strlen(cut), QR_MIN(size - 1, length));
            assert_memory_equal(cut, text, QR_MIN(size - 1, length));
            assert_int_equal(cut[size], 'x');
        }
    }
    test_end(q);
}

static void a_text_that_is_none_is_empty(void **state)
{
    struct quarry *q = test_boot(64);

    (void)state;
    strcpy(text, "old");
    assert_int_equal(qr_text(q, QUARRY_TEXTS, text, sizeof(text)), 0);
    assert_string_equal(text, "");
    assert_null(qr_text_name(QUARRY_TEXTS));
    assert_null(qr_text_name((enum quarry_text) - 1));
    test_end(q);
}

/* ---- what is alive -------------------------------------------------------------------------- */

struct live_walk {
    const void *wanted;
    struct quarry_live found;
    unsigned int visits, stop_after;
};

static bool find_live(const struct quarry_live *live, void *data)
{
    struct live_walk *walk = data;

    if (live->address == walk->wanted)
        walk->found = *live;
    return ++walk->visits != walk->stop_after;
}

static struct quarry_live live_at(struct quarry *q, const void *address)
{
    struct live_walk walk = {.wanted = address};

    qr_for_each_live(q, find_live, &walk);
    return walk.found;
}

static struct quarry *boot_tracked(void)
{
    const struct test_spec spec = {.pages = 4096,
                                   .options = "check=1 slab_debug=FU page_owner=1 vmalloc_cache=0"};

    return test_boot_with(&spec);
}

static void what_is_alive_is_found_with_its_size_and_order_of_birth(void **state)
{
    struct quarry *q = boot_tracked();
    struct kmem_cache *cache = test_cache(q, "things", 48);
    u64 first = qr_sequence(q);
    void *object = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE), *area;
    struct quarry_live live;

    (void)state;
    area = qr_vmalloc(&q->vm, 5 * PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    assert_true(object && area);
    live = live_at(q, object);
    assert_ptr_equal(live.address, object);
    assert_int_equal(live.kind, QUARRY_LIVE_OBJECT);
    assert_string_equal(live.cache, "things");
    assert_int_equal(live.size, 48);
    assert_int_equal(live.gfp, GFP_KERNEL);
    assert_true(live.sequence >= first);
    assert_true(live.allocated.nr > 0);
    first = live.sequence;
    live = live_at(q, area);
    assert_int_equal(live.kind, QUARRY_LIVE_VMALLOC);
    assert_int_equal(live.size, 5 * PAGE_SIZE);
    assert_true(live.sequence > first);
    assert_true(qr_sequence(q) > live.sequence);
    qr_vfree(&q->vm, area, false);
    qr_cache_free_slow(&q->slabs, cache, object, "test");
    assert_null(live_at(q, object).address);
    assert_null(live_at(q, area).address);
    qr_cache_destroy(&q->slabs, cache, false);
    test_end(q);
}

static void the_walk_over_what_is_alive_can_be_ended_at_any_layer(void **state)
{
    struct quarry *q = boot_tracked();
    struct kmem_cache *cache = test_cache(q, "things", 48);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 2, NUMA_NO_NODE);
    void *object = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE), *area;
    struct live_walk walk = {0};
    struct quarry_live live;

    (void)state;
    assert_non_null(page);
    qr_pages_note(&q->zones, page, 2, GFP_KERNEL);
    area = qr_vmalloc(&q->vm, PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    live = live_at(q, qr_page_virt(&q->map, page));
    assert_int_equal(live.kind, QUARRY_LIVE_PAGES);
    assert_int_equal(live.size, 4 * PAGE_SIZE);
    qr_for_each_live(q, find_live, &walk);
    assert_int_equal(walk.visits, 3);
    for (unsigned int stop = 1; stop <= 3; stop++) {
        walk = (struct live_walk){.stop_after = stop};
        qr_for_each_live(q, find_live, &walk);
        assert_int_equal(walk.visits, stop);
    }
    qr_vfree(&q->vm, area, false);
    qr_put_pages(&q->zones, page, 2, "test");
    qr_cache_free_slow(&q->slabs, cache, object, "test");
    qr_cache_destroy(&q->slabs, cache, false);
    test_end(q);
}

static void live_and_peak_bytes_follow_all_layers_together(void **state)
{
    struct quarry *q = boot_tracked();
    struct kmem_cache *cache = test_cache(q, "things", 64);
    u64 before = qr_live_bytes(q);
    struct page *page;
    void *object, *area;

    (void)state;
    page = qr_alloc_pages(&q->zones, GFP_KERNEL, 2, NUMA_NO_NODE);
    assert_non_null(page);
    qr_pages_note(&q->zones, page, 2, GFP_KERNEL);
    assert_int_equal(qr_live_bytes(q), before + 4 * PAGE_SIZE);
    qr_put_pages(&q->zones, page, 2, "test");
    assert_int_equal(qr_live_bytes(q), before);
    object = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE);
    assert_non_null(object);
    area = qr_vmalloc(&q->vm, 10 * PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    assert_int_equal(qr_live_bytes(q), before + 10 * PAGE_SIZE + 64);
    /* The page block was gone before the others came: the peak is not the sum of the peaks. */
    assert_int_equal(qr_peak_bytes(q), before + 10 * PAGE_SIZE + 64);
    qr_vfree(&q->vm, area, false);
    qr_cache_free_slow(&q->slabs, cache, object, "test");
    assert_int_equal(qr_live_bytes(q), before);
    assert_int_equal(qr_peak_bytes(q), before + 10 * PAGE_SIZE + 64);
    qr_cache_destroy(&q->slabs, cache, false);
    test_end(q);
}

static void the_check_of_everything_finds_a_wrong_count(void **state)
{
    struct quarry *q = test_boot(1024);
    struct zone *zone = &q->zones.zone[0];

    (void)state;
    assert_int_equal(qr_check_all(q), 0);
    zone->free_pages++;
    assert_true(qr_check_all(q) > 0);
    assert_true(test_findings(q, QUARRY_CORRUPTION) > 0);
    zone->free_pages--;
    assert_int_equal(qr_check_all(q), 0);
    test_end(q);
}

static void a_wrong_count_in_any_layer_is_one_contradiction(void **state)
{
    const struct test_spec spec = {.pages = 4096, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);

    (void)state;
    assert_int_equal(qr_check_all(q), 0);
    q->vm.nr_areas++;
    assert_int_equal(qr_check_all(q), 1);
    q->vm.nr_areas--;
    q->percpu.nr_areas++;
    assert_int_equal(qr_check_all(q), 1);
    q->percpu.nr_areas--;
    q->slabs.cache_cache.node[0].nr_empty++;
    assert_int_equal(qr_check_all(q), 1);
    q->slabs.cache_cache.node[0].nr_empty--;
    q->map.nr_present++;
    assert_int_equal(qr_check_all(q), 1);
    q->map.nr_present--;
    q->zones.zone[0].free_pages++; /* neither what is listed nor what is left */
    assert_int_equal(qr_check_all(q), 2);
    q->zones.zone[0].free_pages--;
    q->dma.nr++;
    assert_int_equal(qr_check_all(q), 1);
    q->dma.nr--;
    q->kmaps.pkmap[0].users++; /* somebody has what shows no page */
    assert_int_equal(qr_check_all(q), 1);
    q->kmaps.pkmap[0].users--;
    assert_int_equal(qr_check_all(q), 0);
    assert_int_equal(q->reclaim.paused, 0);
    test_end(q);
}

static void a_view_of_no_zone_is_empty(void **state)
{
    struct quarry *q = boot_zones();
    struct qr_cpu *cpu = q->cpus.area[0];

    (void)state;
    assert_true(qr_pcp_view(cpu, 0).limit > 0);
    assert_int_equal(qr_pcp_view(cpu, cpu->nr_pcp).limit, 0);
    cpu->nr_pcp--; /* what is there is no list, as far as the CPU knows */
    assert_true(cpu->pcp[cpu->nr_pcp].limit > 0);
    assert_int_equal(qr_pcp_view(cpu, cpu->nr_pcp).limit, 0);
    cpu->nr_pcp++;
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buddyinfo_has_eleven_columns_a_zone_that_add_up_to_its_free_pages),
        cmocka_unit_test(buddyinfo_looks_as_linux_writes_it),
        cmocka_unit_test(pagetypeinfo_tells_free_blocks_and_page_blocks_by_mobility),
        cmocka_unit_test(a_page_block_shared_by_two_runs_counts_once),
        cmocka_unit_test(zoneinfo_tells_marks_sizes_reserves_and_cpu_lists),
        cmocka_unit_test(zoneinfo_tells_the_lists_of_each_cpu),
        cmocka_unit_test(zoneinfo_tells_node_counts_once_a_node),
        cmocka_unit_test(a_wrong_count_in_any_layer_is_one_contradiction),
        cmocka_unit_test(a_view_of_no_zone_is_empty),
        cmocka_unit_test(vmstat_is_names_and_numbers_each_once),
        cmocka_unit_test(vmstat_counts_what_happens),
        cmocka_unit_test(meminfo_adds_up),
        cmocka_unit_test(meminfo_without_high_memory_does_not_speak_of_it),
        cmocka_unit_test(meminfo_sees_vmalloc_come_and_go),
        cmocka_unit_test(slabinfo_is_version_2_1),
        cmocka_unit_test(slabinfo_counts_a_cache_s_objects),
        cmocka_unit_test(the_walk_over_caches_finds_them_and_can_be_ended),
        cmocka_unit_test(vmallocinfo_has_a_line_an_area_by_address),
        cmocka_unit_test(every_text_has_its_name_and_can_be_cut_anywhere),
        cmocka_unit_test(a_text_that_is_none_is_empty),
        cmocka_unit_test(what_is_alive_is_found_with_its_size_and_order_of_birth),
        cmocka_unit_test(the_walk_over_what_is_alive_can_be_ended_at_any_layer),
        cmocka_unit_test(live_and_peak_bytes_follow_all_layers_together),
        cmocka_unit_test(the_check_of_everything_finds_a_wrong_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
