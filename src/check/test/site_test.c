/* SPDX-License-Identifier: MIT */
/* Allocation profiling: sums by place of allocation follow every way memory goes out and comes back. */
#include "machine.h"
#include "observe/observe.h"
#include "slab/internal.h"

static char text[1 << 16];

/* Bytes and calls of all places together. */
struct sums {
    long long bytes, calls;
    unsigned int places;
};

static struct sums sums_of(struct quarry *q)
{
    struct sums sums = {0, 0, 0};
    char *line = text;

    assert_true(qr_text(q, QUARRY_ALLOCINFO, text, sizeof(text)) < sizeof(text));
    assert_int_equal(
        strncmp(text, "allocinfo - version: 1.0\n#     <size>  <calls> <tag info>\n", 57), 0);
    for (line = strchr(strchr(text, '\n') + 1, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
        long long bytes, calls;
        char place[64];
        assert_int_equal(sscanf(line, "%12lld %8lld %63s func:", &bytes, &calls, place), 3);
        sums.bytes += bytes;
        sums.calls += calls;
        sums.places++;
    }
    return sums;
}

static void assert_sums(struct quarry *q, long long bytes, long long calls)
{
    struct sums sums = sums_of(q);

    assert_int_equal(sums.bytes, bytes);
    assert_int_equal(sums.calls, calls);
}

/* With stacks, with the checks that leave them out, and with whole records. */
static void every_way_counts(const char *options)
{
    struct test_spec spec = {.pages = 2048, .options = options};
    struct quarry *q = test_boot_with(&spec);
    struct page *page;
    void *block[4], *many[20];

    assert_sums(q, 0, 0);
    block[0] = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);
    block[1] = qr_kmalloc_slow(&q->kmalloc, 100000, GFP_KERNEL, NUMA_NO_NODE);
    assert_sums(q, 112 + 131072, 2);
    for (int i = 0; i < 1000; i++) { /* far more than there are places */
        block[2] = qr_kmalloc_slow(&q->kmalloc, 8, GFP_KERNEL, NUMA_NO_NODE);
        qr_kfree_slow(&q->kmalloc, block[2], "kfree");
    }
    assert_sums(q, 112 + 131072, 2);
    assert_int_equal(
        qr_cache_alloc_bulk(q->kmalloc.cache[0][quarry_kmalloc_class(64)], GFP_KERNEL, 20, many),
        20);
    assert_sums(q, 112 + 131072 + 20 * 64, 22);
    qr_cache_free_bulk(&q->slabs, NULL, 20, many);
    page = qr_alloc_pages(&q->zones, GFP_KERNEL, 2, NUMA_NO_NODE);
    qr_pages_note(&q->zones, page, 2, GFP_KERNEL);
    assert_sums(q, 112 + 131072 + 4 * 4096, 3);
    qr_split_page(&q->zones, page, 2);
    assert_sums(q, 112 + 131072 + 4 * 4096, 6);
    for (int i = 0; i < 4; i++)
        qr_put_pages(&q->zones, page + i, 0, "__free_pages");
    block[3] = qr_vmalloc(&q->vm, 5000, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    if (block[3]) { /* where this machine has page tables */
        assert_sums(q, 112 + 131072 + 2 * 4096, 3);
        qr_vfree(&q->vm, block[3], false);
    }
    qr_kfree_slow(&q->kmalloc, block[0], "kfree");
    qr_kfree_slow(&q->kmalloc, block[1], "kfree");
    assert_sums(q, 0, 0);
    assert_true(sums_of(q).places >= 2);
    test_end(q);
}

static void stacks_stay_in_use(void **state)
{
    every_way_counts("mem_profiling=1");
}

static void with_checks(void **state)
{
    every_way_counts("mem_profiling=1 check=1 slab_debug=FZPU page_owner=1");
}

static void with_cleared_memory(void **state)
{
    every_way_counts("mem_profiling=1 init_on_alloc=1 init_on_free=1");
}

static void a_second_free_counts_for_nothing(void **state)
{
    struct test_spec spec = {.pages = 1024, .options = "mem_profiling=1"};
    struct quarry *q = test_boot_with(&spec);
    void *block = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);

    qr_kfree_slow(&q->kmalloc, block, "kfree");
    qr_kfree_slow(&q->kmalloc, block, "kfree");
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);
    assert_sums(q, 0, 0);
    test_end(q);
}

static void a_full_table_counts_elsewhere(void **state)
{
    struct qr_check check = {0};
    static struct qr_site table[8];

    qr_sites_init(&check.sites, table, sizeof(table));
    for (uintptr_t pc = 1; pc <= 100; pc++)
        qr_site_count(&check, qr_site_of(&check, (void *)(pc * 16)), 10, 1);
    assert_int_equal(table[1].calls, 94); /* 8 entries less the two that are no places */
    assert_int_equal(table[1].bytes, 940);
    for (unsigned int i = 2; i < 8; i++)
        assert_int_equal(table[i].calls, 1);
    assert_int_equal(qr_site_of(&check, table[5].pc), 5);
}

/* The largest power of two that fits, and four at least. */
static void a_table_has_as_many_places_as_fit(void **state)
{
    static const struct {
        size_t bytes;
        u32 places;
    } want[] = {{0, 4},
                {8 * sizeof(struct qr_site) - 1, 4},
                {8 * sizeof(struct qr_site), 8},
                {16 * sizeof(struct qr_site) - 1, 8},
                {1000 * sizeof(struct qr_site), 512}};
    static struct qr_site table[1000];

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(want); i++) {
        struct qr_sites sites = {0};
        qr_sites_init(&sites, table, want[i].bytes);
        assert_ptr_equal(sites.site, table);
        assert_int_equal(sites.mask, want[i].places - 1);
    }
}

/* Thirty-two places from its own on are looked at. */
static void a_place_is_taken_near_its_own_or_nowhere(void **state)
{
    enum { PLACES = 128, NEAR = 32 };
    static struct qr_site table[PLACES];
    struct qr_check check = {0};

    (void)state;
    for (uintptr_t at = 16; at < 16 * 300; at += 16) {
        u64 hash = at;
        u32 own = (u32)qr_random(&hash) & (PLACES - 1);
        if (own < 2 || own + NEAR >= PLACES)
            continue; /* not over the table's end, for simplicity */
        for (u32 free_one = 0; free_one <= NEAR; free_one++) {
            u32 number = own + free_one;
            memset(table, 0, sizeof(table));
            qr_sites_init(&check.sites, table, sizeof(table));
            for (u32 i = 0; i < PLACES; i++)
                table[i].pc = i == number ? NULL : &table[i];
            assert_int_equal(qr_site_of(&check, (void *)at), free_one < NEAR ? number : 1);
            assert_ptr_equal(table[number].pc, free_one < NEAR ? (void *)at : NULL);
            assert_int_equal(qr_site_of(&check, (void *)at), free_one < NEAR ? number : 1);
        }
    }
    assert_int_equal(qr_site_of(&check, NULL), 1); /* nobody knows from where */
}

/* No entry is that of allocations that count for nothing. */
static void what_counts_for_no_place_changes_nothing(void **state)
{
    static struct qr_site table[8], before[8];
    struct qr_check check = {0};

    (void)state;
    assert_int_equal(qr_site_of(&check, (void *)16), 0);
    assert_int_equal(qr_site_here(&check), 0);
    qr_site_count(&check, 5, 10, 1); /* profiling is off */
    qr_sites_init(&check.sites, table, sizeof(table));
    qr_site_count(&check, 0, 10, 1);
    assert_memory_equal(table, before, sizeof(table));
    qr_site_count(&check, 5, 10, 1);
    qr_site_count(&check, 5, 20, 2);
    qr_site_count(&check, 6, 7, 1);
    qr_site_count(&check, 5, -30, -3);
    assert_int_equal(table[5].bytes, 0);
    assert_int_equal(table[5].calls, 0);
    assert_int_equal(table[6].bytes, 7);
    assert_int_equal(table[6].calls, 1);
}

static void off_it_keeps_nothing(void **state)
{
    struct quarry *q = test_boot(1024);
    struct kmem_cache *cache = q->kmalloc.cache[0][quarry_kmalloc_class(64)];

    assert_int_equal(cache->hooks & ~(u32)(QP_OBSERVED() ? QR_HOOK_OBSERVED : 0), 0);
    assert_int_equal(cache->slot_size, 64);
    assert_null(q->zones.note);
    assert_string_equal((qr_text(q, QUARRY_ALLOCINFO, text, sizeof(text)), text),
                        "allocinfo - version: 1.0\n#     <size>  <calls> <tag info>\n");
    test_end(q);
}

static struct quarry_symbol known;

static size_t name_all(const void *pc, struct quarry_symbol *frames, size_t nr, void *data)
{
    frames[0] = known;
    return 1;
}

/* How much is known of a place differs; what is not known is left out. */
static void a_place_is_written_as_well_as_it_is_known(void **state)
{
    static const struct {
        struct quarry_symbol symbol;
        const char *written;
    } way[] = {
        {{.function = "f", .file = "a.c", .line = 12, .object = "prog"}, " a.c:12 func:f\n"},
        {{.file = "a.c", .line = 12, .module = "mod"}, " a.c:12 [mod] func:?\n"},
        {{.function = "f", .object = "prog", .offset = 0x1f}, " prog+0x1f func:f\n"},
        {{.object = "prog", .offset = 0x1f, .module = "mod"}, " prog+0x1f [mod] func:?\n"},
        {{.function = "f"}, " 0x1234 func:f\n"},
    };
    struct test_spec spec = {.pages = 1024, .options = "mem_profiling"};
    struct quarry *q = test_boot_with(&spec);
    u32 site = qr_site_of(&q->check, (void *)0x1234);

    qr_site_count(&q->check, site, 64, 1);
    q->check.symbol = name_all;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(way); i++) {
        known = way[i].symbol;
        qr_text(q, QUARRY_ALLOCINFO, text, sizeof(text));
        if (!strstr(text, way[i].written))
            fail_msg("\"%s\" is not in \"%s\"", way[i].written, text);
    }
    q->check.symbol = NULL;
    qr_text(q, QUARRY_ALLOCINFO, text, sizeof(text));
    assert_non_null(strstr(text, "          64        1 0x1234 func:?\n"));
    test_end(q);
}

/* 44 KiB hold 1024 places and not 2048, for which one page more would be enough. */
static void the_table_is_no_larger_than_its_memory(void **state)
{
    static const unsigned long pages[] = {1024, 44u << 8}, places[] = {512, 1024};

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(pages); i++) {
        struct test_spec spec = {.pages = pages[i], .options = "mem_profiling"};
        struct quarry *q = test_boot_with(&spec);

        assert_int_equal(q->check.sites.mask + 1, places[i]);
        test_end(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stacks_stay_in_use),
        cmocka_unit_test(with_checks),
        cmocka_unit_test(with_cleared_memory),
        cmocka_unit_test(a_second_free_counts_for_nothing),
        cmocka_unit_test(a_full_table_counts_elsewhere),
        cmocka_unit_test(a_table_has_as_many_places_as_fit),
        cmocka_unit_test(a_place_is_taken_near_its_own_or_nowhere),
        cmocka_unit_test(what_counts_for_no_place_changes_nothing),
        cmocka_unit_test(off_it_keeps_nothing),
        cmocka_unit_test(a_place_is_written_as_well_as_it_is_known),
        cmocka_unit_test(the_table_is_no_larger_than_its_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
