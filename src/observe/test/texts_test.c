/* SPDX-License-Identifier: MIT */
/* Whole texts, letter by letter, of machines whose numbers the test has set: each of them another, so that
 * none can stand in another's place. */
#include "machine.h"
#include "observe/observe.h"

static char text[1 << 18], expected[1 << 18];
static size_t length;

static void expect_begin(void)
{
    expected[0] = 0;
    length = 0;
}

static void expect(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    length += (size_t)vsnprintf(expected + length, sizeof(expected) - length, format, args);
    va_end(args);
    assert_true(length < sizeof(expected));
}

static void text_is_expected(struct quarry *q, enum quarry_text which)
{
    assert_int_equal(qr_text(q, which, text, sizeof(text)), length);
    assert_string_equal(text, expected);
}

static struct quarry *boot_still(const char *profile, const char *options)
{
    const struct test_spec spec = {.pages = 8192, .profile = profile, .options = options};
    struct quarry *q = test_boot_with(&spec);

    qr_reclaim_stop(&q->reclaim);
    return q;
}

/* Zone i has @stat at base + i, until it is put back. */
static u64 stat_kept[QR_NR_ZONE_STATS][16];

static void stats_set(struct quarry *q)
{
    for (unsigned int stat = 0; stat < QR_NR_ZONE_STATS; stat++)
        for (unsigned int i = 0; i < q->zones.nr_zones; i++) {
            stat_kept[stat][i] = q->zones.zone[i].stat[stat];
            q->zones.zone[i].stat[stat] = 1000 * (stat + 1) + 10 * i + 1;
        }
}

static void stats_put_back(struct quarry *q)
{
    for (unsigned int stat = 0; stat < QR_NR_ZONE_STATS; stat++)
        for (unsigned int i = 0; i < q->zones.nr_zones; i++)
            q->zones.zone[i].stat[stat] = stat_kept[stat][i];
}

static unsigned long stat_sum(const struct quarry *q, enum qr_zone_stat stat)
{
    unsigned long sum = 0;

    for (unsigned int i = 0; i < q->zones.nr_zones; i++)
        sum += (unsigned long)q->zones.zone[i].stat[stat];
    return sum;
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void expect_kb(const char *name, unsigned long pages)
{
    expect("%-16s%8lu kB\n", name, pages * 4);
}

static unsigned long listed(const struct quarry *q)
{
    unsigned long nr = 0;

    for (unsigned int i = 0; i < q->zones.nr_zones; i++)
        nr += q->cpus.area[0]->pcp[i].pages;
    return nr;
}

static void meminfo_is_this(void **state)
{
    static const char *const profile[] = {"tiny", "zones"};

    for (unsigned int way = 0; way < 2; way++) {
        struct quarry *q = boot_still(profile[way], NULL);
        unsigned long total = (unsigned long)q->zones.totalram, marks = 0, high = 0, free;
        unsigned long kept_pages = q->vm.nr_pages, kept_cached = q->vm.cached.pages, slab[2], all;
        struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);

        stats_set(q);
        q->vm.nr_pages = 77;
        q->vm.cached.pages = 88;
        free = (unsigned long)qr_free_pages_total(&q->zones);
        for (unsigned int i = 0; i < q->zones.nr_zones; i++) {
            marks += (unsigned long)q->zones.zone[i].watermark[QR_WMARK_LOW];
            if (q->zones.zone[i].type == ZONE_HIGHMEM)
                high += (unsigned long)q->zones.zone[i].free_pages;
        }
        slab[0] = stat_sum(q, QR_ZS_SLAB_RECLAIMABLE);
        slab[1] = stat_sum(q, QR_ZS_SLAB_UNRECLAIMABLE);
        all = free + listed(q) + 88 + slab[0] / 2;
        expect_begin();
        expect_kb("MemTotal:", total);
        expect_kb("MemFree:", free);
        expect_kb("MemAvailable:", all - marks);
        for (const char *const *name =
                 (const char *const[]){"Buffers:", "Cached:", "SwapCached:", "Active:", "Inactive:",
                                       "Active(anon):", "Inactive(anon):", "Active(file):",
                                       "Inactive(file):", "Unevictable:", "Mlocked:", NULL};
             *name; name++)
            expect_kb(*name, 0);
        if (way) {
            expect_kb("HighTotal:", (unsigned long)q->zones.totalhigh);
            expect_kb("HighFree:", high);
            expect_kb("LowTotal:", total - (unsigned long)q->zones.totalhigh);
            expect_kb("LowFree:", free - high);
        }
        for (const char *const *name =
                 (const char *const[]){"SwapTotal:", "SwapFree:", "Dirty:", "Writeback:",
                                       "AnonPages:", "Mapped:", "Shmem:", NULL};
             *name; name++)
            expect_kb(*name, 0);
        expect_kb("KReclaimable:", slab[0] + 88);
        expect_kb("Slab:", slab[0] + slab[1]);
        expect_kb("SReclaimable:", slab[0]);
        expect_kb("SUnreclaim:", slab[1]);
        for (const char *const *name =
                 (const char *const[]){"KernelStack:", "PageTables:", "NFS_Unstable:", "Bounce:",
                                       "WritebackTmp:", NULL};
             *name; name++)
            expect_kb(*name, 0);
        expect_kb("CommitLimit:", total);
        expect_kb("Committed_AS:", total - free);
        expect_kb("VmallocTotal:", (q->machine.vmalloc_end - q->machine.vmalloc_start) / PAGE_SIZE);
        expect_kb("VmallocUsed:", 77);
        expect_kb("VmallocChunk:", 0);
        expect_kb("Percpu:", PAGE_ALIGN(q->cpu_bytes) / PAGE_SIZE);
        expect("HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\n"
               "HugePages_Surp:        0\nHugepagesize:       2048 kB\nHugetlb:               0 "
               "kB\n");
        expect_kb("DirectMap4k:", (q->map.virt_end - q->map.virt_start) / PAGE_SIZE);
        text_is_expected(q, QUARRY_MEMINFO);
        stats_put_back(q);
        q->vm.nr_pages = kept_pages;
        q->vm.cached.pages = kept_cached;
        qr_free_block(&q->zones, page, 0);
        test_end(q);
    }
}

/* What is free does not count as available up to the marks, and no number is below 0. */
static void meminfo_has_nothing_available_below_the_marks(void **state)
{
    struct quarry *q = boot_still("tiny", NULL);
    struct zone *zone = &q->zones.zone[0];
    u64 kept = zone->watermark[QR_WMARK_LOW];
    unsigned long all = (unsigned long)(zone->free_pages + listed(q) + q->vm.cached.pages +
                                        zone->stat[QR_ZS_SLAB_RECLAIMABLE] / 2);

    for (unsigned long more = 0; more < 3; more++) {
        zone->watermark[QR_WMARK_LOW] = all + more - 1;
        qr_text(q, QUARRY_MEMINFO, text, sizeof(text));
        zone->watermark[QR_WMARK_LOW] = kept;
        assert_non_null(strstr(text, more ? "\nMemAvailable:          0 kB\n"
                                          : "\nMemAvailable:          4 kB\n"));
    }
    test_end(q);
}

static void expect_zeros(const char *format, const char *const *name)
{
    for (; *name; name++)
        expect(format, *name);
}

static void vmstat_is_this(void **state)
{
    static const char *const event[] = {"pgalloc",           "pgfree",
                                        "quarry_pcp_refill", "quarry_pcp_drain",
                                        "allocstall",        "quarry_kswapd_wake",
                                        "quarry_slab_miss",  "quarry_depot_swap",
                                        "oom_kill"};
    struct quarry *q = boot_still("zones", NULL);
    struct qr_cpu *cpu = q->cpus.area[0], *none = q->cpus.none;
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    unsigned long kept_pages = q->vm.nr_pages, kept_cached = q->vm.cached.pages;

    assert_int_equal(QR_ARRAY_SIZE(event), QR_NR_EVENTS);
    assert_int_equal(qr_cpu_known(none), 0);
    stats_set(q);
    q->vm.nr_pages = 77;
    q->vm.cached.pages = 88;
    q->reclaim.rounds = 55;
    q->reclaim.reclaimed = 66;
    for (unsigned int i = 0; i < QR_NR_EVENTS; i++) {
        cpu->event[i] = 300 + i;
        none->event[i] = 5000 + 10 * i;
    }
    expect_begin();
    expect("nr_free_pages %lu\n", (unsigned long)qr_free_pages_total(&q->zones));
    expect_zeros("%s 0\n", qr_absent_zone_stats);
    expect_zeros("%s 0\n", qr_absent_node_stats);
    expect("nr_slab_reclaimable %lu\n", stat_sum(q, QR_ZS_SLAB_RECLAIMABLE));
    expect("nr_slab_unreclaimable %lu\n", stat_sum(q, QR_ZS_SLAB_UNRECLAIMABLE));
    expect("nr_vmalloc 77\n");
    expect("nr_kmalloc_large %lu\n", stat_sum(q, QR_ZS_KMALLOC_LARGE));
    for (unsigned int i = 0; i < QR_NR_EVENTS; i++)
        expect("%s %u\n", event[i], 5300 + 11 * i);
    expect("pageoutrun 55\nquarry_reclaimed 66\nquarry_percpu_list_pages %lu\n"
           "quarry_vmalloc_cached 88\nquarry_cpus 1\n",
           listed(q));
    text_is_expected(q, QUARRY_VMSTAT);
    stats_put_back(q);
    q->vm.nr_pages = kept_pages;
    q->vm.cached.pages = kept_cached;
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

static void expect_zone(const struct quarry *q, const struct zone *zone, bool first)
{
    const struct qr_pcp *lists = &q->cpus.area[0]->pcp[zone->index];

    expect("Node %u, zone %8s", zone->nid, zone->name);
    if (first) {
        expect("\n  per-node stats");
        for (const char *const *name = qr_absent_node_stats; *name; name++)
            expect("\n      %-12s 0", *name);
        for (unsigned int stat = 0; stat < 2; stat++) {
            unsigned long sum = 0;
            for (unsigned int i = 0; i < q->zones.nr_zones; i++)
                if (q->zones.zone[i].nid == zone->nid)
                    sum += (unsigned long)q->zones.zone[i]
                               .stat[stat ? QR_ZS_SLAB_UNRECLAIMABLE : QR_ZS_SLAB_RECLAIMABLE];
            expect("\n      nr_slab_%sreclaimable %lu", stat ? "un" : "", sum);
        }
    }
    expect(
        "\n  pages free     %lu\n        boost    0\n        min      %lu\n        low      %lu\n"
        "        high     %lu\n        spanned  %lu\n        present  %lu\n"
        "        managed  %lu\n        cma      0\n        protection: (",
        (unsigned long)zone->free_pages, (unsigned long)zone->watermark[QR_WMARK_MIN],
        (unsigned long)zone->watermark[QR_WMARK_LOW], (unsigned long)zone->watermark[QR_WMARK_HIGH],
        (unsigned long)(zone->end_pfn - zone->start_pfn), (unsigned long)zone->present,
        (unsigned long)zone->managed);
    for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
        expect("%s%lu", type ? ", " : "", (unsigned long)zone->lowmem_reserve[type]);
    expect(")\n      nr_free_pages %lu", (unsigned long)zone->free_pages);
    for (const char *const *name = qr_absent_zone_stats; *name; name++)
        expect("\n      %-12s 0", *name);
    expect("\n      nr_vmalloc   %lu\n      nr_kmalloc_large %lu",
           (unsigned long)zone->stat[QR_ZS_VMALLOC],
           (unsigned long)zone->stat[QR_ZS_KMALLOC_LARGE]);
    expect("\n  pagesets\n    cpu: 0\n              count:    %u\n              high:     %u\n"
           "              batch:    %u\n  vm stats threshold: 0",
           lists->pages, lists->limit, QR_MIN(QR_MAX(lists->limit / 4, 1u), 64u));
    expect("\n  node_unreclaimable:  0\n  start_pfn:           %lu\n",
           (unsigned long)zone->start_pfn);
}

static void zoneinfo_is_this(void **state)
{
    static const char *const profile[] = {"zones", "nodes"};

    for (unsigned int way = 0; way < 2; way++) {
        struct quarry *q = boot_still(profile[way], NULL);
        struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);

        stats_set(q);
        expect_begin();
        for (unsigned int i = 0; i < q->zones.nr_zones; i++)
            expect_zone(q, &q->zones.zone[i],
                        i == 0 || q->zones.zone[i].nid != q->zones.zone[i - 1].nid);
        text_is_expected(q, QUARRY_ZONEINFO);
        stats_put_back(q);
        qr_free_block(&q->zones, page, 0);
        test_end(q);
    }
}

static void buddyinfo_and_pagetypeinfo_are_this(void **state)
{
    static const char *const type_name[] = {"Unmovable", "Movable", "Reclaimable"};
    struct quarry *q = boot_still("nodes", NULL);
    struct page *movable = qr_alloc_pages(&q->zones, GFP_KERNEL | __GFP_MOVABLE, 3, NUMA_NO_NODE);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 3, NUMA_NO_NODE);

    expect_begin();
    for (unsigned int i = 0; i < q->zones.nr_zones; i++) {
        struct zone *zone = &q->zones.zone[i];
        expect("Node %u, zone %8s ", zone->nid, zone->name);
        for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
            unsigned long blocks = 0;
            for (unsigned int type = 0; type < MIGRATE_TYPES; type++)
                blocks += qr_zone_free_blocks(zone, order, (enum migratetype)type);
            expect("%6lu ", blocks);
        }
        expect("\n");
    }
    text_is_expected(q, QUARRY_BUDDYINFO);
    expect_begin();
    expect("Page block order: 9\nPages per block:  512\n\n"
           "Free pages count per migrate type at order  ");
    for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
        expect("%6u ", order);
    expect("\n");
    for (unsigned int i = 0; i < q->zones.nr_zones; i++) {
        struct zone *zone = &q->zones.zone[i];
        for (unsigned int type = 0; type < MIGRATE_TYPES; type++) {
            expect("Node %4u, zone %8s, type %12s ", zone->nid, zone->name, type_name[type]);
            for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
                expect("%6lu ",
                       (unsigned long)qr_zone_free_blocks(zone, order, (enum migratetype)type));
            expect("\n");
        }
    }
    expect("\nNumber of blocks type    Unmovable      Movable  Reclaimable \n");
    for (unsigned int i = 0; i < q->zones.nr_zones; i++) {
        struct zone *zone = &q->zones.zone[i];
        unsigned long blocks[MIGRATE_TYPES] = {0};
        for (u64 pfn = zone->start_pfn; pfn < zone->end_pfn; pfn += QR_BLOCK_PAGES)
            blocks[qr_block_mobility(&q->map, pfn)]++;
        expect("Node %u, zone %8s %12lu %12lu %12lu \n", zone->nid, zone->name, blocks[0],
               blocks[1], blocks[2]);
    }
    text_is_expected(q, QUARRY_PAGETYPEINFO);
    qr_free_block(&q->zones, movable, 3);
    qr_free_block(&q->zones, page, 3);
    test_end(q);
}

/* Where nodes take turns, the span of a zone has frames of another node, which are not its own. */
static void a_zone_counts_the_blocks_of_its_node_alone(void **state)
{
    static const struct quarry_region regions[] = {
        {.start = 0, .size = 1024 << 12},
        {.start = 1024 << 12, .size = 512 << 12, .nid = 1},
        {.start = 1536 << 12, .size = 1536 << 12},
    };
    const struct test_spec spec = {.regions = regions, .nr_regions = 3};
    struct quarry *q = test_boot_with(&spec);
    static const unsigned long blocks[] = {5, 1};
    const char *line = text;

    assert_int_equal(q->zones.nr_zones, 2);
    qr_text(q, QUARRY_PAGETYPEINFO, text, sizeof(text));
    line = strstr(text, "Number of blocks type");
    for (unsigned int nid = 0; nid < 2; nid++) {
        unsigned long number[3];
        unsigned int node;
        line = strchr(line, '\n') + 1;
        assert_int_equal(sscanf(line, "Node %u, zone Normal %lu %lu %lu", &node, &number[0],
                                &number[1], &number[2]),
                         4);
        assert_int_equal(node, nid);
        assert_int_equal(number[0] + number[1] + number[2], blocks[nid]);
    }
    test_end(q);
}

/* ---- caches and areas ------------------------------------------------------------------------ */

static void a_line_of_slabinfo_is_this(void **state)
{
    struct quarry *q = boot_still("nodes", NULL);
    const struct qr_cache_params params = {.name = "a b\tc\nd", .size = 100, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
    struct quarry_cache_stat stat;
    unsigned long stacked = 0, empty = 0;
    void *object[200];
    const char *line;

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(object); i++)
        object[i] = qr_cache_alloc_slow(cache, GFP_KERNEL, (int)(i & 1));
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(object); i++)
        qr_cache_free_slow(&q->slabs, cache, object[i], "test");
    for (unsigned int nid = 0; nid < 2; nid++) {
        cache->node[nid].stacked_objects += 3 + nid; /* as if more lay there … */
        cache->node[nid].nr_empty += nid;            /* … and one slab less were in use */
        stacked += (unsigned long)cache->node[nid].stacked_objects;
        empty += (unsigned long)cache->node[nid].nr_empty;
    }
    assert_true(empty > 0);
    qr_text(q, QUARRY_SLABINFO, text, sizeof(text));
    qr_cache_stat(cache, &stat);
    assert_true(stat.slabs >= empty);
    for (unsigned int nid = 0; nid < 2; nid++) {
        cache->node[nid].stacked_objects -= 3 + nid;
        cache->node[nid].nr_empty -= nid;
    }
    line = strstr(text, "\na_b_c_d ");
    assert_non_null(line);
    *strchr(line + 1, '\n') = 0;
    expect_begin();
    expect("%-17s %6lu %6lu %6zu %4lu %4lu : tunables %4u %4u    0 : slabdata %6lu %6lu %6lu",
           "a_b_c_d", stat.active, stat.total, stat.slot_size, stat.objects_per_slab,
           stat.pages_per_slab, cache->depth, cache->depth, stat.slabs - empty, stat.slabs,
           stacked);
    assert_string_equal(line + 1, expected);
    qr_cache_destroy(&q->slabs, cache, false);
    test_end(q);
}

/* A cache without stacks has nothing to tune. */
static void slabinfo_tells_no_depth_where_there_are_no_stacks(void **state)
{
    struct quarry *q = boot_still("tiny", NULL);
    const char *line;

    assert_int_equal(q->vm.area_cache->slot_id, QR_NO_SLOT);
    qr_text(q, QUARRY_SLABINFO, text, sizeof(text));
    line = strstr(text, "\nvm_area ");
    assert_non_null(line);
    assert_non_null(strstr(line, " : tunables    0    0    0 : "));
    assert_true(strstr(line, " : tunables    0    0    0 : ") < strchr(line + 1, '\n'));
    test_end(q);
}

static void expect_area(const struct vm_struct *area, const char *rest)
{
    expect("0x%016lx-0x%016lx %7lu", (unsigned long)area->addr,
           (unsigned long)area->addr + area->size, area->size);
    if (area->caller)
        expect(" %p", area->caller);
    expect("%s\n", rest);
}

static void vmallocinfo_is_this(void **state)
{
    struct quarry *q = boot_still("nodes", "vmalloc_cache=0");
    struct page *page[3];
    void *made, *shown;
    struct vm_struct *device, *reserved;

    for (int i = 0; i < 3; i++)
        page[i] = qr_alloc_pages(&q->zones, GFP_KERNEL | __GFP_THISNODE, 0, i == 1);
    made = qr_vmalloc(&q->vm, 5 * PAGE_SIZE, 0, GFP_KERNEL, VM_USERMAP, 1, "vmalloc_user");
    shown = qr_vmap(&q->vm, page, 3, VM_MAP, "vmap");
    device = qr_get_vm_area(&q->vm, 100, VM_IOREMAP);
    reserved = qr_get_vm_area(&q->vm, 100, 0);
    device->phys_addr = 0xfee00000;
    reserved->caller = NULL;
    assert_true((char *)made < (char *)shown && (char *)shown < (char *)device->addr &&
                (char *)device->addr < (char *)reserved->addr);
    expect_begin();
    expect_area(qr_find_vm_area(&q->vm, made), " pages=5 vmalloc user N1=5");
    expect_area(qr_find_vm_area(&q->vm, shown), " pages=3 vmap N0=2 N1=1");
    expect_area(device, " phys=0xfee00000 ioremap");
    expect_area(reserved, " reserved");
    text_is_expected(q, QUARRY_VMALLOCINFO);
    qr_free_vm_area(&q->vm, device);
    qr_free_vm_area(&q->vm, reserved);
    qr_vunmap(&q->vm, shown, "vunmap");
    qr_vfree(&q->vm, made, false);
    for (int i = 0; i < 3; i++)
        qr_free_block(&q->zones, page[i], 0);
    test_end(q);
}

/* ---- places ---------------------------------------------------------------------------------- */

static char place[8];       /* each letter a return address */
static size_t most_symbols; /* for which there was room */

static size_t place_is(const void *pc, struct quarry_symbol *frames, size_t max, void *data)
{
    static const struct quarry_symbol known[] = {
        {.function = "probe", .file = "demo.c", .line = 12},
        {.function = "open", .file = "mod.c", .line = 7, .module = "scull"},
        {.object = "libx.so", .offset = 0x1a2b},
        {.object = "libm.so", .offset = 0x10, .module = "m", .function = "sin"},
        {.function = "bare"},
        {.file = "half.c"}, /* nothing else is said of it */
    };
    size_t number = (size_t)((const char *)pc - place);

    most_symbols = QR_MAX(most_symbols, max);
    if (max == 0 || number >= QR_ARRAY_SIZE(known))
        return 0;
    if (number < 5)
        frames[0] = known[number];
    else
        frames[0].file = known[number].file;
    return 1;
}

static void allocinfo_is_this(void **state)
{
    static const char *const told[] = {"demo.c:12 func:probe", "mod.c:7 [scull] func:open",
                                       "libx.so+0x1a2b func:?", "libm.so+0x10 [m] func:sin"};
    struct quarry *q = boot_still("tiny", "mem_profiling=1");
    struct qr_site *site = q->check.sites.site;

    assert_non_null(site);
    memset(site, 0, (q->check.sites.mask + 1) * sizeof(*site));
    qr_symbol_set_hook(&q->check, place_is, NULL);
    site[0] = (struct qr_site){&place[0], 9, 9}; /* not counted: never told */
    site[1].bytes = 4096;                        /* from everywhere else */
    site[1].calls = 3;
    for (unsigned int i = 0; i < 7; i++)
        site[2 + 3 * i] = (struct qr_site){&place[i], 100 * (i + 1), i};
    site[q->check.sites.mask] = (struct qr_site){&place[0], (u64)-5, 1}; /* the last one */
    expect_begin();
    expect("allocinfo - version: 1.0\n#     <size>  <calls> <tag info>\n");
    expect("        4096        3 elsewhere func:?\n");
    for (unsigned int i = 0; i < 4; i++)
        expect("%12u %8u %s\n", 100 * (i + 1), i, told[i]);
    expect("         500        4 %p func:bare\n", (void *)&place[4]);
    expect("         600        5 half.c:0 func:?\n");
    expect("         700        6 %p func:?\n", (void *)&place[6]);
    expect("          -5        1 demo.c:12 func:probe\n");
    text_is_expected(q, QUARRY_ALLOCINFO);
    assert_int_equal(most_symbols, 1); /* the innermost is told, nobody else */
    site[1].calls = 0;
    qr_text(q, QUARRY_ALLOCINFO, text, sizeof(text));
    assert_null(strstr(text, "elsewhere"));
    qr_symbol_set_hook(&q->check, NULL, NULL);
    test_abandon(q);
}

/* ---- what was lost --------------------------------------------------------------------------- */

static bool keep_one(const struct quarry_live *live, void *data)
{
    *(struct quarry_live *)data = *live;
    return false;
}

/* Two of one place, one of which is older than can be said. */
static void kmemleak_is_this(void **state)
{
    struct quarry *q = boot_still("tiny", "check=1");
    struct qr_leaks *leaks = &q->leaks;
    const char *const start = (const char *)0x700000000000ul;
    struct quarry_live live;
    unsigned int seconds, ms;
    u64 begun;
    char *age;

    for (volatile int i = 0; i < 2; i++) /* one place, however it is compiled */
        assert_true(qr_foreign_add(leaks, start + 1000 * i, 100 + 100 * (size_t)i, QR_LEAK_UNSEEN,
                                   GFP_KERNEL));
    expect_begin();
    text_is_expected(q, QUARRY_KMEMLEAK); /* nothing was looked for yet */
    leaks->scanned_ns = 1;
    begun = qp_now_ns() - 12345ull * 1000000;
    leaks->foreign[0].owner.when_ns = begun;
    leaks->foreign[1].owner.when_ns = 0;
    qr_foreign_for_each_live(leaks, keep_one, &live);
    assert_true(live.lost && live.allocated.nr > 1);
    qr_text(q, QUARRY_KMEMLEAK, text, sizeof(text));
    age = strstr(text, ", age ");
    assert_non_null(age);
    assert_int_equal(sscanf(age, ", age %u.%03us\n", &seconds, &ms), 2);
    assert_true(seconds * 1000 + ms >= 12345);
    assert_true(seconds * 1000 + ms <= (qp_now_ns() - begun) / 1000000);
    expect("unreferenced object %p (size 100):\n  2 from this place, 300 bytes, cache "
           "kmemleak_alloc, age %u.%03us\n  backtrace:\n",
           (const void *)start, seconds, ms);
    for (unsigned int i = 0; i < live.allocated.nr; i++) {
        struct qr_text line = {expected, sizeof(expected), length};
        qr_symbol_add_lines(&q->check, &line, live.allocated.pc[i]);
        length = line.length;
    }
    assert_string_equal(text, expected);
    leaks->foreign[0].owner.when_ns = 0; /* nobody knows how old, nor of where */
    leaks->foreign[0].owner.trace = leaks->foreign[1].owner.trace = 0;
    leaks->foreign[1].leak = QR_LEAK_REACHED;
    expect_begin();
    expect("unreferenced object %p (size 100):\n  1 from this place, 100 bytes, cache "
           "kmemleak_alloc\n  backtrace:\n    (unknown: slab_debug=U and page_owner=1 record "
           "it)\n",
           (const void *)start);
    text_is_expected(q, QUARRY_KMEMLEAK);
    leaks->nr_foreign = 0;
    test_end(q);
}

static void kmemleak_sums_up_what_finds_no_room(void **state)
{
    struct quarry *q = boot_still("tiny", "check=1");
    struct qr_leaks *leaks = &q->leaks;
    unsigned int objects = 0;

    for (unsigned int i = 0; i < QR_LEAK_GROUPS + 3; i++) {
        assert_true(qr_foreign_add(leaks, (const char *)0x700000000000ul + 1000 * i, i + 1,
                                   QR_LEAK_UNSEEN, GFP_KERNEL));
        leaks->foreign[i].owner.trace = 0; /* then those of one size are one place */
    }
    leaks->scanned_ns = 1;
    qr_text(q, QUARRY_KMEMLEAK, text, sizeof(text));
    for (const char *at = text; (at = strstr(at, "unreferenced object ")); at++)
        objects++;
    assert_int_equal(objects, QR_LEAK_GROUPS);
    snprintf(expected, sizeof(expected), "and 3 more from other places, %u bytes\n",
             3 * QR_LEAK_GROUPS + 6);
    assert_string_equal(strstr(text, "and 3 more"), expected);
    leaks->nr_foreign = 0;
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meminfo_is_this),
        cmocka_unit_test(meminfo_has_nothing_available_below_the_marks),
        cmocka_unit_test(vmstat_is_this),
        cmocka_unit_test(zoneinfo_is_this),
        cmocka_unit_test(buddyinfo_and_pagetypeinfo_are_this),
        cmocka_unit_test(a_zone_counts_the_blocks_of_its_node_alone),
        cmocka_unit_test(a_line_of_slabinfo_is_this),
        cmocka_unit_test(slabinfo_tells_no_depth_where_there_are_no_stacks),
        cmocka_unit_test(vmallocinfo_is_this),
        cmocka_unit_test(allocinfo_is_this),
        cmocka_unit_test(kmemleak_is_this),
        cmocka_unit_test(kmemleak_sums_up_what_finds_no_room),
    };
    return cmocka_run_group_tests_name("texts", tests, NULL, NULL);
}
