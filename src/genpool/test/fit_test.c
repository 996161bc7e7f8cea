/* SPDX-License-Identifier: MIT */
/* Places in a bitmap, compared with a search that looks at bit after bit: for every pattern of eight granules
 * at the begin of a map, at its end, and over the border of two words. Behind the map nothing may be read. */
#include "machine.h"
#include <sys/mman.h>
#include <unistd.h>
#include "genpool/genpool.h"

#define WORD (8 * sizeof(long))
#define PATTERN 8u

static unsigned long *map_end; /* no word from here on can be read */

static int make_map(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    map_end = (unsigned long *)(void *)(pages + page);
    return pages == MAP_FAILED || mprotect(map_end, page, PROT_NONE) != 0;
}

/* A pattern at granule @at, which ends the map: all before it and (in the last word) behind it is taken or
 * free. */
static unsigned long *map_of(unsigned long pattern, unsigned long at, bool before, bool behind,
                             unsigned long *size)
{
    unsigned long words = (at + PATTERN + WORD - 1) / WORD, *map = map_end - words;

    *size = at + PATTERN;
    for (unsigned long bit = 0; bit < words * WORD; bit++) {
        bool full = bit < at ? before : bit < *size ? pattern >> (bit - at) & 1 : behind;
        unsigned long mask = 1ul << bit % WORD;
        map[bit / WORD] = full ? map[bit / WORD] | mask : map[bit / WORD] & ~mask;
    }
    return map;
}

static bool is_free(const unsigned long *map, unsigned long at, unsigned long nr)
{
    for (unsigned long i = at; i < at + nr; i++)
        if (map[i / WORD] >> i % WORD & 1)
            return false;
    return true;
}

static unsigned long plain_first(const unsigned long *map, unsigned long size, unsigned long start,
                                 unsigned int nr, unsigned long align, unsigned long offset)
{
    for (unsigned long at = start; at + nr <= size; at++)
        if ((at + offset) % align == 0 && is_free(map, at, nr))
            return at;
    return size;
}

static unsigned long plain_best(const unsigned long *map, unsigned long size, unsigned long start,
                                unsigned int nr)
{
    unsigned long best = size, least = ~0ul;

    for (unsigned long at = start, end; at < size; at = end + 1) {
        for (end = at; end < size && is_free(map, end, 1); end++)
            ;
        if (end - at >= nr && end - at < least) {
            best = at;
            least = end - at;
        }
    }
    return best;
}

static void compare_at(const unsigned long *map, unsigned long size, unsigned long start,
                       unsigned int nr)
{
    static const unsigned long align[][2] = {{1, 0}, {2, 1}, {4, 0}, {4, 3}, {8, 2}};

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(align); i++) {
        unsigned long is = plain_first(map, size, start, nr, align[i][0], align[i][1]);
        assert_int_equal(QR_MIN(qr_fit_first(map, size, start, nr, align[i][0], align[i][1]), size),
                         is);
    }
    assert_int_equal(QR_MIN(qr_fit_best(map, size, start, nr), size),
                     plain_best(map, size, start, nr));
}

static void every_place_is_the_one_that_a_plain_search_finds(void **state)
{
    static const unsigned long places[] = {0, WORD - PATTERN, WORD - 3};

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(places); i++) {
        for (unsigned long pattern = 0; pattern < 1u << (PATTERN + 2); pattern++) {
            unsigned long size,
                *map = map_of(pattern & ((1u << PATTERN) - 1), places[i], pattern >> PATTERN & 1,
                              pattern >> (PATTERN + 1) & 1, &size);
            for (unsigned int nr = 1; nr <= 4; nr++) {
                compare_at(map, size, 0, nr);
                compare_at(map, size, places[i] + 3, nr);
            }
        }
    }
}

/* ---- the public algorithms ------------------------------------------------------------------- */

static void the_wish_for_an_alignment_is_one_in_bytes(void **state)
{
    static const struct {
        int order, align;
        unsigned long start_addr, is;
    } wish[] = {
        {0, 0, 0, 1},  {0, -8, 0, 1},      {0, 1, 0, 1}, {0, 2, 0, 2},        {0, 2, 1, 1},
        {0, 4, 1, 3},  {0, 3, 0, PATTERN}, {3, 4, 0, 1}, {3, 8, 0, 1},        {3, 16, 0, 2},
        {3, 16, 8, 1}, {3, 32, 8, 3},      {3, 8, 4, 1}, {3, 16, 4, PATTERN}, /* no granule has it */
    };
    unsigned long size, *map = map_of(1, 0, true, true, &size);

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(wish); i++) {
        struct gen_pool pool = {.min_alloc_order = wish[i].order};
        struct genpool_data_align data = {.align = wish[i].align};
        assert_int_equal(
            QR_MIN(gen_pool_first_fit_align(map, size, 0, 1, &data, &pool, wish[i].start_addr),
                   size),
            wish[i].is);
        assert_int_equal(gen_pool_first_fit_align(map, size, 0, 1, NULL, &pool, 0), 1);
    }
}

static void a_place_that_was_fixed_is_that_one_or_none(void **state)
{
    struct gen_pool pool = {.min_alloc_order = 3};
    unsigned long size, *map = map_of(0x29, 0, true, true, &size); /* 0, 3 and 5 are taken */

    for (unsigned long offset = 0; offset < 9 * 8; offset++) {
        struct genpool_data_fixed data = {.offset = offset};
        for (unsigned int nr = 1; nr <= 3; nr++) {
            for (unsigned long start = 0; start < 3; start++) {
                unsigned long at = offset / 8, is = size;
                if (offset % 8 == 0 && at >= start && at + nr <= size && is_free(map, at, nr))
                    is = at;
                assert_int_equal(
                    QR_MIN(gen_pool_fixed_alloc(map, size, start, nr, &data, &pool, 0), size), is);
            }
        }
    }
}

static void an_order_aligns_to_the_next_power_of_two(void **state)
{
    static const unsigned long is[] = {1, 2, 4, 4, PATTERN}; /* of one granule to five */
    struct gen_pool pool = {.min_alloc_order = 3};
    unsigned long size, *map = map_of(1, 0, true, true, &size);

    for (unsigned int nr = 1; nr <= QR_ARRAY_SIZE(is); nr++)
        assert_int_equal(
            QR_MIN(gen_pool_first_fit_order_align(map, size, 0, nr, NULL, &pool, 0), size),
            is[nr - 1]);
    assert_int_equal(gen_pool_first_fit(map, size, 0, 7, NULL, &pool, 0), 1);
    assert_int_equal(gen_pool_first_fit(map, size, 2, 6, NULL, &pool, 0), 2);
    assert_int_equal(gen_pool_best_fit(map, size, 0, 7, NULL, &pool, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_place_is_the_one_that_a_plain_search_finds),
        cmocka_unit_test(the_wish_for_an_alignment_is_one_in_bytes),
        cmocka_unit_test(a_place_that_was_fixed_is_that_one_or_none),
        cmocka_unit_test(an_order_aligns_to_the_next_power_of_two),
    };
    return cmocka_run_group_tests_name("fit", tests, make_map, NULL);
}
