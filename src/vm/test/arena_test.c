/* SPDX-License-Identifier: MIT */
/* The arena against a model that any reader believes: one byte per page, searched from end to end.
 * What the arena hands out must be free in the model and aligned; what it refuses must have no
 * place in the model either (A5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <quarry/page.h>
#include "vm/arena.h"

#define WINDOW 3000u
#define BASE ((uintptr_t)0x40003000)
#define OPERATIONS 1000000u
#define HELD_MAX 600u

static long tags_out; /* tags allocated and not yet freed */

static void *tag_from_heap(void *data, gfp_t gfp)
{
    tags_out++;
    return calloc(1, qr_range_size());
}

static void tag_to_heap(void *data, void *tag)
{
    tags_out -= tag != NULL;
    free(tag);
}

static void arena_start(struct qr_arena *arena, u64 pages)
{
    memset(arena, 0, sizeof(*arena));
    arena->tag_alloc = tag_from_heap;
    tags_out = 0;
    assert_int_equal(qr_arena_init(arena, BASE, BASE + (pages << PAGE_SHIFT), 0), 0);
}

static struct qr_range *take(struct qr_arena *arena, u64 pages, u64 align)
{
    struct qr_range *spare[2] = {tag_from_heap(NULL, 0), tag_from_heap(NULL, 0)};
    struct qr_range *range = qr_arena_take(arena, pages, align, spare);
    tag_to_heap(NULL, spare[0]);
    tag_to_heap(NULL, spare[1]);
    return range;
}

static void give(struct qr_arena *arena, struct qr_range *range)
{
    struct qr_range *merged[2];
    qr_arena_give(arena, range, merged);
    tag_to_heap(NULL, merged[0]);
    tag_to_heap(NULL, merged[1]);
}

static void arena_stop(struct qr_arena *arena)
{
    assert_int_equal(qr_arena_check(arena), 0);
    assert_int_equal(arena->nr_ranges, 1);
    assert_int_equal(tags_out, 1);
    tag_to_heap(NULL, arena->ranges);
}

static u64 random_next(u64 *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return *state >> 33;
}

static bool model_has_place(const unsigned char *used, u64 pages, u64 align)
{
    u64 run = 0;
    for (u64 i = WINDOW; i-- > 0;) {
        run = used[i] ? 0 : run + 1;
        if (run >= pages && !((BASE + (i << PAGE_SHIFT)) & (align - 1)))
            return true;
    }
    return false;
}

static void an_arena_agrees_with_a_model_over_a_million_operations(void **state)
{
    static unsigned char used[WINDOW];
    static struct qr_range *held[HELD_MAX];
    struct qr_arena arena;
    unsigned int nr_held = 0, refused = 0;
    u64 seed = 20240607;
    memset(used, 0, sizeof(used));
    arena_start(&arena, WINDOW);
    for (unsigned int i = 0; i < OPERATIONS; i++) {
        if (nr_held < HELD_MAX && (!nr_held || random_next(&seed) % 100 < 52)) {
            u64 pages = 1 + random_next(&seed) % (random_next(&seed) % 64 ? 12 : 200);
            u64 align = PAGE_SIZE << (random_next(&seed) % 8 ? 0 : random_next(&seed) % 9);
            struct qr_range *range = take(&arena, pages, align);
            if (!range) {
                refused++;
                assert_false(model_has_place(used, pages, align));
                continue;
            }
            uintptr_t at = qr_range_start(range);
            assert_int_equal(at & (align - 1), 0);
            assert_true(at >= BASE);
            assert_int_equal(qr_range_pages(range), pages);
            u64 first = (at - BASE) >> PAGE_SHIFT;
            assert_true(first + pages <= WINDOW);
            for (u64 k = first; k < first + pages; k++) {
                assert_int_equal(used[k], 0);
                used[k] = 1;
            }
            held[nr_held++] = range;
        } else {
            unsigned int which = (unsigned int)(random_next(&seed) % nr_held);
            struct qr_range *range = held[which];
            memset(used + ((qr_range_start(range) - BASE) >> PAGE_SHIFT), 0, qr_range_pages(range));
            give(&arena, range);
            held[which] = held[--nr_held];
        }
        if (i % 1000 == 0)
            assert_int_equal(qr_arena_check(&arena), 0);
    }
    assert_true(refused > 1000); /* the window was really full at times */
    while (nr_held)
        give(&arena, held[--nr_held]);
    arena_stop(&arena);
}

static void an_exact_fit_is_found_though_its_bin_is_passed_over(void **state)
{
    struct qr_arena arena;
    arena_start(&arena, 103);
    struct qr_range *all = take(&arena, 103, PAGE_SIZE);
    assert_non_null(all);
    assert_null(take(&arena, 1, PAGE_SIZE));
    give(&arena, all);
    arena_stop(&arena);
}

static void an_absurd_alignment_is_refused(void **state)
{
    struct qr_arena arena;
    arena_start(&arena, 256);
    assert_null(take(&arena, 1, 1ull << 40));
    assert_null(take(&arena, 1, 1ull << 63));
    assert_null(take(&arena, 1, 3 * PAGE_SIZE));
    assert_null(take(&arena, 0, PAGE_SIZE));
    assert_null(take(&arena, 257, PAGE_SIZE));
    assert_null(take(&arena, ~0ull, PAGE_SIZE));
    arena_stop(&arena);
}

static void an_alignment_beyond_the_end_of_the_address_space_has_no_place(void **state)
{
    const u64 align = 1ull << 63;
    struct qr_arena arena = {.tag_alloc = tag_from_heap};
    tags_out = 0;
    assert_int_equal(qr_arena_init(&arena, 0 - 16 * PAGE_SIZE, 0 - PAGE_SIZE, 0), 0);
    assert_true(align < arena.end); /* but the next multiple of it would be 0 */
    assert_null(take(&arena, 1, align));
    assert_non_null(take(&arena, 15, PAGE_SIZE));
    assert_int_equal(qr_arena_check(&arena), 0);
    tag_to_heap(NULL, arena.ranges);
}

static void an_aligned_take_leaves_the_front_free(void **state)
{
    struct qr_arena arena;
    arena_start(&arena, 64);
    struct qr_range *range = take(&arena, 4, 8 * PAGE_SIZE);
    assert_non_null(range);
    assert_int_equal(qr_range_start(range) % (8 * PAGE_SIZE), 0);
    assert_int_equal(arena.nr_ranges, 3);
    assert_int_equal(arena.free_pages, 60);
    give(&arena, range);
    arena_stop(&arena);
}

static void a_range_melts_with_both_free_neighbours(void **state)
{
    struct qr_arena arena;
    struct qr_range *range[3];
    arena_start(&arena, 9);
    for (int i = 0; i < 3; i++)
        range[i] = take(&arena, 3, PAGE_SIZE);
    assert_int_equal(arena.free_pages, 0);
    give(&arena, range[0]);
    give(&arena, range[2]);
    assert_int_equal(arena.nr_ranges, 3);
    give(&arena, range[1]);
    arena_stop(&arena);
}

static void the_check_notices_a_wrong_count(void **state)
{
    struct qr_arena arena;
    arena_start(&arena, 16);
    arena.free_pages++;
    assert_int_not_equal(qr_arena_check(&arena), 0);
    arena.free_pages--;
    assert_int_equal(qr_arena_check(&arena), 0);
    arena.end += PAGE_SIZE; /* A1 */
    assert_int_equal(qr_arena_check(&arena), 1);
    arena.end -= PAGE_SIZE;
    arena.nr_ranges++; /* A6 */
    assert_int_equal(qr_arena_check(&arena), 1);
    arena.nr_ranges--;
    for (unsigned int f = 0; f < 64;
         f++) { /* A4: a bit without its bin; it counts in its group, too */
        for (unsigned int step = 0; step < QR_ARRAY_SIZE(arena.bin[0]); step++) {
            u32 masks = arena.second_mask[f];
            arena.second_mask[f] ^= 1u << step;
            assert_int_equal(qr_arena_check(&arena), 1 + (!masks || !arena.second_mask[f]));
            arena.second_mask[f] = masks;
        }
    }
    arena.first_mask ^= 1ull << 5; /* A4 */
    assert_int_equal(qr_arena_check(&arena), 1);
    arena.first_mask ^= 1ull << 5;
    arena_stop(&arena);
}

static void the_check_notices_a_free_range_that_no_bin_lists(void **state)
{
    struct qr_arena arena, kept;
    arena_start(&arena, 16);
    kept = arena;
    memset(arena.bin, 0, sizeof(arena.bin));
    memset(arena.second_mask, 0, sizeof(arena.second_mask));
    arena.first_mask = 0;
    assert_int_equal(qr_arena_check(&arena), 2); /* A3, and as many free as listed */
    arena = kept;
    arena_stop(&arena);
}

/* The one word of a tag that is @value. */
static uintptr_t *tag_word(struct qr_range *tag, uintptr_t value)
{
    uintptr_t *word = (uintptr_t *)tag, *found = NULL;
    for (size_t i = 0; i < qr_range_size() / sizeof(*word); i++) {
        if (word[i] != value)
            continue;
        assert_null(found);
        found = &word[i];
    }
    assert_non_null(found);
    return found;
}

/* With @value in *@word, so many contradictions; before and after none. */
static void damage(struct qr_arena *arena, uintptr_t *word, uintptr_t value, unsigned long wrong)
{
    uintptr_t kept = *word;
    assert_int_equal(qr_arena_check(arena), 0);
    *word = value;
    assert_int_equal(qr_arena_check(arena), wrong);
    *word = kept;
    assert_int_equal(qr_arena_check(arena), 0);
}

/* Free, taken, free, taken, and the rest free: 3 + 4 + 3 + 4 + 50 pages. */
static void the_check_notices_tags_that_contradict_each_other(void **state)
{
    struct qr_arena arena;
    struct qr_range *range[4], *rest;
    arena_start(&arena, 64);
    for (unsigned int i = 0; i < 4; i++)
        range[i] = take(&arena, 3 + i % 2, PAGE_SIZE);
    rest = qr_range_next(range[3]);
    give(&arena, range[0]);
    give(&arena, range[2]);
    assert_int_equal(qr_arena_check(&arena), 0);

    /* One begins behind the end of the one before it. */
    damage(&arena, tag_word(range[1], BASE + 3 * PAGE_SIZE), BASE + 4 * PAGE_SIZE, 1);
    /* The way back leads elsewhere. */
    damage(&arena, tag_word(range[3], (uintptr_t)range[2]), (uintptr_t)range[1], 1);
    /* One has no pages: it is in no bin, the end is another one, and so is the sum. */
    damage(&arena, tag_word(rest, 50), 0, 4);
    /* The one between two free ones is passed over: they are neighbours then, one begins too late, its
     * way back leads elsewhere, and so on to the end, and one is missing. */
    damage(&arena, tag_word(range[0], (uintptr_t)range[1]), (uintptr_t)range[2], 6);
    give(&arena, range[1]);
    give(&arena, range[3]);
    arena_stop(&arena);
}

/* Two free ranges of one length share a bin. */
static void the_check_notices_bins_that_contradict_the_tags(void **state)
{
    struct qr_arena arena;
    struct qr_range *range[4], **bin = &arena.bin[3][0];
    arena_start(&arena, 32);
    for (unsigned int i = 0; i < 4; i++)
        range[i] = take(&arena, 8, PAGE_SIZE);
    give(&arena, range[0]);
    give(&arena, range[2]);
    assert_ptr_equal(*bin, range[2]);
    assert_int_equal(qr_arena_check(&arena), 0);
    *bin = range[0]; /* which has another one before it */
    assert_int_equal(qr_arena_check(&arena), 3);
    *bin = range[1]; /* taken */
    assert_int_equal(qr_arena_check(&arena), 4);
    *bin = range[2];
    assert_int_equal(qr_arena_check(&arena), 0);
    give(&arena, range[1]);
    give(&arena, range[3]);
    arena_stop(&arena);
}

static void an_arena_begins_anew_whatever_was_in_it(void **state)
{
    struct qr_arena arena;
    memset(&arena, 0xff, sizeof(arena));
    arena.tag_alloc = tag_from_heap;
    tags_out = 0;
    assert_int_equal(qr_arena_init(&arena, BASE, BASE + 64 * PAGE_SIZE, 0), 0);
    assert_int_equal(qr_arena_check(&arena), 0);
    assert_int_equal(arena.free_pages, 64);
    arena_stop(&arena);
}

static void *no_tag(void *data, gfp_t gfp)
{
    return NULL;
}

static void an_arena_without_memory_for_its_first_tag_does_not_begin(void **state)
{
    struct qr_arena arena = {.tag_alloc = no_tag};
    assert_int_equal(qr_arena_init(&arena, BASE, BASE + PAGE_SIZE, 0), -QR_ENOMEM);
    assert_null(arena.ranges);
}

static void an_empty_or_odd_window_is_refused(void **state)
{
    struct qr_arena arena;
    memset(&arena, 0, sizeof(arena));
    arena.tag_alloc = tag_from_heap;
    assert_int_equal(qr_arena_init(&arena, BASE, BASE, 0), -QR_EINVAL);
    assert_int_equal(qr_arena_init(&arena, BASE + 1, BASE + 8 * PAGE_SIZE, 0), -QR_EINVAL);
    assert_int_equal(qr_arena_init(&arena, 0, 8 * PAGE_SIZE, 0), -QR_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arena_agrees_with_a_model_over_a_million_operations),
        cmocka_unit_test(an_exact_fit_is_found_though_its_bin_is_passed_over),
        cmocka_unit_test(an_absurd_alignment_is_refused),
        cmocka_unit_test(an_alignment_beyond_the_end_of_the_address_space_has_no_place),
        cmocka_unit_test(an_aligned_take_leaves_the_front_free),
        cmocka_unit_test(a_range_melts_with_both_free_neighbours),
        cmocka_unit_test(the_check_notices_a_wrong_count),
        cmocka_unit_test(the_check_notices_a_free_range_that_no_bin_lists),
        cmocka_unit_test(the_check_notices_tags_that_contradict_each_other),
        cmocka_unit_test(the_check_notices_bins_that_contradict_the_tags),
        cmocka_unit_test(an_arena_begins_anew_whatever_was_in_it),
        cmocka_unit_test(an_arena_without_memory_for_its_first_tag_does_not_begin),
        cmocka_unit_test(an_empty_or_odd_window_is_refused),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
