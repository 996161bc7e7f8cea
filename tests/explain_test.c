/* SPDX-License-Identifier: MIT */
/* quarry_explain_failure and quarry_whatis: the right rule is named for each step a zone can stop at, the
 * advice fits the mask, and addresses of every part of the machine are told apart. */
#include <quarry/quarry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static char text[2048];

/* A zone of 64 MiB with the marks of a machine of that size, everything free in one kind of block. */
static struct quarry_zone_state zone_of(const char *name, uint64_t pages_free, unsigned int order)
{
    struct quarry_zone_state zone = {
        .allowed = true, .has_blocks = true, .min = 256, .mark = 256, .low = 320, .managed = 16384};

    snprintf(zone.name, sizeof(zone.name), "%s", name);
    zone.free = pages_free;
    zone.blocks[order] = pages_free >> order;
    return zone;
}

static const char *explain(gfp_t gfp, unsigned int order, const struct quarry_zone_state *zones,
                           size_t nr)
{
    size_t length = quarry_explain_failure(gfp, order, zones, nr, text, sizeof(text));

    assert_int_equal(length, strlen(text));
    assert_int_equal(text[length - 1], '\n');
    return text;
}

#define assert_says(words) assert_non_null(strstr(text, words))
#define assert_says_not(words) assert_null(strstr(text, words))

static void fragmentation_is_told_from_want(void **state)
{
    struct quarry_zone_state zone = zone_of("Normal", 9000, 2);

    explain(GFP_KERNEL, 4, &zone, 1);
    assert_says("asked: 16 pages in one piece (order 4, 64 KiB) with GFP_KERNEL, which may wait");
    assert_says("zone Normal of node 0 came closest: 35 MiB free, enough by every mark");
    assert_says("the largest is 16 KiB (order 2)");
    assert_says("would have helped: kvmalloc() or vmalloc()");
    assert_says_not("slabinfo");
    explain(GFP_ATOMIC, 4, &zone, 1);
    assert_says("which may not wait");
    assert_says("early, where waiting is allowed");
}

static void the_mark_is_named_and_what_may_pass_it(void **state)
{
    struct quarry_zone_state zone = zone_of("Normal", 250, 0);

    explain(GFP_NOWAIT, 0, &zone, 1);
    assert_says("asked: one page with GFP_NOWAIT");
    assert_says(", which may not wait\n");
    assert_says("1000 KiB free, of which this mask must leave 1024 KiB (the min watermark, G-W2)");
    assert_says("GFP_ATOMIC, which may use part of the reserve");
    assert_says("a mempool");
    zone.free = zone.blocks[0] = 127;
    zone.mark = 128;
    explain(GFP_KERNEL | __GFP_HIGH | __GFP_NORETRY, 0, &zone, 1);
    assert_says("must leave 512 KiB (its part of the min watermark, G-W3)");
    assert_says("without __GFP_NORETRY");
    zone.mark = 0; /* for one that cannot wait: it would be served by now */
    explain(GFP_ATOMIC, 0, &zone, 1);
    assert_says("could serve it by these numbers");
    assert_says("would have helped: asking again");
}

static void pages_kept_for_others_are_named(void **state)
{
    struct quarry_zone_state zone[2] = {zone_of("DMA", 3900, 10), zone_of("Normal", 100, 0)};

    zone[0].reserve = 4000;
    explain(GFP_KERNEL, 0, zone, 2);
    assert_says("zone DMA of node 0 came closest: 15 MiB free, of which this mask must leave 1024 "
                "KiB as every "
                "mask, and 15 MiB for requests");
    assert_says("(lowmem_reserve, G-Z6)");
    zone[0].reserve = 0;
    explain(GFP_KERNEL, 0, zone, 2);
    assert_says("zone DMA of node 0 could serve it");
    zone[0].has_blocks = false;
    explain(GFP_KERNEL, 3, zone, 2);
    assert_says("its free blocks are not given");
}

static void an_empty_machine_needs_more_memory(void **state)
{
    struct quarry_zone_state zone[3] = {zone_of("DMA", 0, 0), zone_of("Normal", 1, 0),
                                        zone_of("Movable", 5, 0)};

    zone[2].allowed = false; /* what it has counts for nobody here */
    explain(GFP_KERNEL, 3, zone, 3);
    assert_says("the zones that may serve it have 4 KiB free of 128 MiB");
    assert_says("more RAM");
    zone[0].free = zone[0].managed = zone[1].free = zone[1].managed = 0; /* no zones at all */
    explain(GFP_KERNEL, 3, zone, 3);
    assert_says("no zone with memory may serve this mask");
}

static void another_zone_in_pieces_helps_as_little(void **state)
{
    struct quarry_zone_state zone[2] = {zone_of("DMA", 2, 0), zone_of("Normal", 8192, 1)};

    zone[1].allowed = false;
    explain(GFP_KERNEL | __GFP_DMA, 2, zone, 2);
    assert_says_not("zone Normal");
    explain(GFP_KERNEL | __GFP_DMA, 1, zone, 2);
    assert_says("zone Normal of node 0 has 32 MiB free");
    zone[1].has_blocks = false; /* what its pieces are is not known: perhaps */
    explain(GFP_KERNEL | __GFP_DMA, 2, zone, 2);
    assert_says("zone Normal of node 0 has 32 MiB free");
}

static void another_zone_with_plenty_is_pointed_at(void **state)
{
    struct quarry_zone_state zone[2] = {zone_of("DMA", 2, 0), zone_of("Normal", 8192, 10)};

    zone[1].allowed = false;
    explain(GFP_KERNEL | __GFP_DMA, 2, zone, 2);
    assert_says("a mask without __GFP_DMA, if the device can do without: zone Normal of node 0 has "
                "32 MiB free");
    zone[0].allowed = false;
    zone[1].free = 0;
    zone[0].free = 0;
    explain(GFP_KERNEL | __GFP_THISNODE, 0, zone, 2);
    assert_says("no zone with memory may serve this mask");
}

static void free_pages_on_no_list_are_told_from_pieces(void **state)
{
    struct quarry_zone_state zone = zone_of("Normal", 9000, 0);

    memset(zone.blocks, 0, sizeof(zone.blocks));
    explain(GFP_KERNEL, 2, &zone, 1);
    assert_says("35 MiB free, but on no list of free blocks");
}

static void advice_names_the_bit_that_stands_in_the_way(void **state)
{
    struct quarry_zone_state zone[2] = {zone_of("DMA32", 2, 0), zone_of("Normal", 8192, 10)};

    zone[1].allowed = false;
    explain(GFP_KERNEL | __GFP_DMA32, 0, zone, 2);
    assert_says("a mask without __GFP_DMA32, if the device can do without: zone Normal");
    snprintf(zone[1].name, sizeof(zone[1].name), "HighMem");
    explain(GFP_KERNEL, 0, zone, 2);
    assert_says("__GFP_HIGHMEM or __GFP_MOVABLE, if the memory is used through kmap or vmalloc: "
                "zone HighMem of node 0 has 32 MiB free");
    zone[1].blocks[10] = 0; /* there is plenty, but in single pages */
    zone[1].blocks[0] = 8192;
    explain(GFP_KERNEL, 3, zone, 2);
    assert_says_not("HighMem");
    explain(GFP_KERNEL, 0, zone, 2);
    assert_says("zone HighMem of node 0 has 32 MiB free");
    zone[1].free = zone[1].blocks[0] = zone[1].low; /* it has nothing to spare either */
    explain(GFP_KERNEL, 0, zone, 2);
    assert_says_not("HighMem");
}

static void advice_fits_how_hard_the_mask_tries(void **state)
{
    struct quarry_zone_state pieces = zone_of("Normal", 9000, 2), low = zone_of("Normal", 100, 0);

    explain(GFP_KERNEL | __GFP_NORETRY, 4, &pieces, 1);
    assert_says("; or __GFP_RETRY_MAYFAIL in place of __GFP_NORETRY");
    explain(GFP_KERNEL, 4, &pieces, 1);
    assert_says_not("__GFP_RETRY_MAYFAIL in place");
    explain(GFP_NOFS, 0, &low, 1);
    assert_says("GFP_KERNEL where no file-system lock is held: more can be reclaimed");
    explain(GFP_KERNEL, 0, &low, 1);
    assert_says_not("file-system lock");
    explain(GFP_NOWAIT | __GFP_NOMEMALLOC, 0, &low, 1);
    assert_says("GFP_KERNEL where sleeping is allowed");
    assert_says_not("GFP_ATOMIC, which may use part of the reserve");
}

static void the_zone_that_came_closest_has_most_free(void **state)
{
    struct quarry_zone_state zone[3] = {zone_of("DMA", 50, 0), zone_of("Normal", 200, 0),
                                        zone_of("Empty", 0, 0)};

    zone[2].managed = 0; /* no zone at all */
    explain(GFP_KERNEL, 0, zone, 3);
    assert_says("zone Normal of node 0 came closest");
    zone[0].free = zone[0].blocks[0] = 210;
    explain(GFP_KERNEL, 0, zone, 3);
    assert_says("zone DMA of node 0 came closest");
    assert_says_not("Empty");
}

static void a_short_buffer_is_cut_and_the_length_is_whole(void **state)
{
    struct quarry_zone_state zone = zone_of("Normal", 9000, 2);
    size_t whole = quarry_explain_failure(GFP_KERNEL, 4, &zone, 1, text, sizeof(text));
    char small[16] = "xxxxxxxxxxxxxxx";

    assert_int_equal(quarry_explain_failure(GFP_KERNEL, 4, &zone, 1, small, sizeof(small)), whole);
    assert_int_equal(strlen(small), sizeof(small) - 1);
    assert_int_equal(strncmp(small, text, sizeof(small) - 1), 0);
    assert_int_equal(quarry_explain_failure(GFP_KERNEL, 4, &zone, 1, NULL, 0), whole);
}

/* ---- whatis ---------------------------------------------------------------------------------- */

static struct quarry_trace allocated, freed;

static void ask(const void *address)
{
    size_t length = quarry_whatis(address, text, sizeof(text), &allocated, &freed);

    assert_int_equal(length, strlen(text));
    assert_true(length > 0);
}

static void objects_are_told_with_their_owners(void **state)
{
    struct kmem_cache *cache = kmem_cache_create("pebble", 72, 0, SLAB_STORE_USER, NULL);
    char *object = kmem_cache_alloc(cache, GFP_KERNEL);
    char expected[64];

    ask(object + 5);
    assert_says("direct map\nframe 0x");
    assert_says("zone ");
    assert_says("live");
    assert_says("byte 5 of object ");
    snprintf(expected, sizeof(expected), "of cache pebble (72 bytes at %p)", (void *)object);
    assert_says(expected);
    assert_true(allocated.nr > 0);
    assert_int_equal(freed.nr, 0);
    kmem_cache_free(cache, object);
    ask(object);
    assert_says("free: byte 0");
    assert_true(freed.nr > 0);
    kmem_cache_destroy(cache);
}

/* However pages are had: they count as somebody's until they are given back. */
static void pages_had_in_bulk_are_counted(void **state)
{
    struct page *array[5] = {NULL, NULL, alloc_page(GFP_KERNEL), NULL, NULL};
    uint64_t before = quarry_live_bytes();

    assert_int_equal(quarry_alloc_pages_bulk(GFP_KERNEL, 0, 5, NULL, array), 5);
    assert_int_equal(quarry_live_bytes() - before, 4 * PAGE_SIZE);
    release_pages(array, 5);
    assert_int_equal(before - quarry_live_bytes(), PAGE_SIZE);
}

static void blocks_and_areas_are_told(void **state)
{
    char *large = kmalloc(100000, GFP_KERNEL), *area = vmalloc(3 * PAGE_SIZE);
    unsigned long pages = __get_free_pages(GFP_KERNEL, 3);

    ask(large + 70000);
    assert_says("a kmalloc block of 131072 bytes");
    ask((void *)(pages + PAGE_SIZE));
    assert_says("page 1 of an allocated block of order 3");
    ask(area + 5000);
    assert_says("vmalloc space\nframe 0x");
    assert_says("5000 bytes inside the area");
    ask(area + 3 * PAGE_SIZE);
    assert_says("guard page");
    ask(virt_to_page(large));
    assert_says("mem_map: the descriptor of frame");
    kfree(large);
    vfree(area);
    free_pages(pages, 3);
}

/* The bytes of a slab behind its last object, or before its first. */
static void what_is_left_over_in_a_slab_is_told(void **state)
{
    struct kmem_cache *cache = kmem_cache_create("left-over", 1500, 0, 0, NULL);
    char *object = kmem_cache_alloc(cache, GFP_KERNEL),
         *at = (char *)((uintptr_t)object & PAGE_MASK);
    bool told = false;

    for (int page = -8; page < 8 && !told; page++)
        for (size_t i = 0; i < PAGE_SIZE && !told; i += 8) {
            char *byte = at + page * (long)PAGE_SIZE + i;
            if (!virt_addr_valid(byte) ||
                compound_head(virt_to_page(byte)) != virt_to_head_page(object))
                continue;
            ask(byte);
            told = strstr(text, "unused space in a slab of cache left-over\n") != NULL;
            if (told)
                assert_null(strstr(text, "of object")); /* and no more than that */
        }
    assert_true(told);
    kmem_cache_free(cache, object);
    kmem_cache_destroy(cache);
}

static void what_is_no_memory_of_the_machine_is_told(void **state)
{
    int local;

    ask(NULL);
    assert_string_equal(text, "NULL\n");
    ask(ZERO_SIZE_PTR);
    assert_says("ZERO_SIZE_PTR");
    ask(&local);
    assert_says("stack");
    ask(text);
    assert_says("no memory of this machine");
    assert_int_equal(quarry_whatis(text, NULL, 0, NULL, NULL), strlen(text));
}

int main(void)
{
    const struct quarry_machine machine = {.options = "check=1"}; /* owners are recorded */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragmentation_is_told_from_want),
        cmocka_unit_test(the_mark_is_named_and_what_may_pass_it),
        cmocka_unit_test(pages_kept_for_others_are_named),
        cmocka_unit_test(an_empty_machine_needs_more_memory),
        cmocka_unit_test(another_zone_in_pieces_helps_as_little),
        cmocka_unit_test(another_zone_with_plenty_is_pointed_at),
        cmocka_unit_test(free_pages_on_no_list_are_told_from_pieces),
        cmocka_unit_test(advice_names_the_bit_that_stands_in_the_way),
        cmocka_unit_test(advice_fits_how_hard_the_mask_tries),
        cmocka_unit_test(the_zone_that_came_closest_has_most_free),
        cmocka_unit_test(a_short_buffer_is_cut_and_the_length_is_whole),
        cmocka_unit_test(objects_are_told_with_their_owners),
        cmocka_unit_test(pages_had_in_bulk_are_counted),
        cmocka_unit_test(blocks_and_areas_are_told),
        cmocka_unit_test(what_is_left_over_in_a_slab_is_told),
        cmocka_unit_test(what_is_no_memory_of_the_machine_is_told),
    };
    if (quarry_boot(&machine))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
