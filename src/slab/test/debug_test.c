/* SPDX-License-Identifier: MIT */
/* Red zones, poison, owners, options: what a debugged cache finds, to the byte. */
#include "slab_machine.h"

struct seen {
    unsigned long nr, kind[QUARRY_FINDING_KINDS];
    char text[512];
    char before_is[32];
    unsigned int before;
};

static bool see(const struct quarry_report *report, void *data)
{
    struct seen *seen = data;

    seen->nr++;
    seen->kind[report->kind]++;
    snprintf(seen->text, sizeof(seen->text), "%s", report->text);
    seen->before = report->before ? report->before->nr : 0;
    snprintf(seen->before_is, sizeof(seen->before_is), "%s",
             report->before && report->before_is ? report->before_is : "");
    return false;
}

static struct seen seen;

static struct quarry *boot_seeing(const char *options)
{
    struct quarry *q = boot_with(512, options);

    memset(&seen, 0, sizeof(seen));
    qr_report_set_hook(&q->check, see, &seen);
    return q;
}

static void expect_finding(enum quarry_finding kind, const char *word)
{
    if (seen.nr != 1 || seen.kind[kind] != 1)
        fail_msg("%lu findings, %lu of the kind; last: %s", seen.nr, seen.kind[kind], seen.text);
    if (!strstr(seen.text, word))
        fail_msg("\"%s\" not in \"%s\"", word, seen.text);
    memset(&seen, 0, sizeof(seen));
}

/* ---- red zones ------------------------------------------------------------------------------- */

static void every_byte_around_an_object_is_guarded(void **state)
{
    static const size_t size[] = {1, 8, 13, 64, 100, 256, 4000};
    struct quarry *q = boot_seeing("slab_debug=Z");
    char word[64];

    for (size_t s = 0; s < QR_ARRAY_SIZE(size); s++) {
        struct kmem_cache *cache = make_cache(q, "guarded", size[s], 0);
        long left = -(long)cache->left_pad, right = (long)cache->track_offset;
        assert_true(left <= -8 && right >= (long)size[s] + 8);
        for (long at = left; at < right; at++) {
            char *object = take(cache);
            if (at >= 0 && at < (long)size[s]) {
                object[at] = 1; /* the object's own bytes: nobody minds */
                give(q, cache, object);
                assert_int_equal(seen.nr, 0);
                continue;
            }
            object[at] = 1;
            give(q, cache, object);
            snprintf(word, sizeof(word), "bytes %ld to %ld,", at, at);
            expect_finding(QUARRY_OVERRUN, word);
        }
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    }
    assert_int_equal(seen.nr, 0);
    test_end(q);
}

static void an_overrun_names_bytes_values_and_who_had_the_object(void **state)
{
    struct quarry *q = boot_seeing("slab_debug=ZU");
    struct kmem_cache *cache = make_cache(q, "named", 24, 0);
    char *object = take(cache);

    memset(object + 24, 0x41, 3);
    give(q, cache, object);
    assert_string_equal(seen.before_is, "allocated by");
    assert_true(seen.before > 0);
    assert_non_null(strstr(seen.text, "41 41 41"));
    assert_null(strstr(seen.text, "…")); /* that is all of it */
    assert_non_null(strstr(seen.text, "instead of cc"));
    assert_non_null(strstr(seen.text, "named"));
    expect_finding(QUARRY_OVERRUN, "bytes 24 to 26");
    /* The guards are whole again, and the object is good for use. */
    object = take(cache);
    give(q, cache, object);
    assert_int_equal(seen.nr, 0);
    test_end(q);
}

static void a_write_next_to_a_free_object_is_found_on_its_way_out(void **state)
{
    struct quarry *q = boot_seeing("slab_debug=Z");
    struct kmem_cache *cache = make_cache(q, "beside", 64, 0);
    char *object = take(cache);

    give(q, cache, object);
    object[64] = 1;
    for (u32 i = 0; i < cache->objects && !seen.nr; i++)
        give(q, cache, take(cache));
    expect_finding(QUARRY_OVERRUN, "the free object");
    test_end(q);
}

static void g_s4_red_zones_keep_the_alignment(void **state)
{
    struct quarry *q = boot_seeing("slab_debug=FZPU");

    for (size_t align = 8; align <= PAGE_SIZE; align *= 2) {
        struct qr_cache_params params = {
            .name = "aligned", .size = align, .align = align, .slot_id = QR_NO_SLOT};
        struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
        void *object[5];
        for (int i = 0; i < 5; i++) {
            object[i] = take(cache);
            assert_non_null(object[i]);
            assert_int_equal((uintptr_t)object[i] % align, 0);
        }
        for (int i = 0; i < 5; i++)
            give(q, cache, object[i]);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    }
    assert_int_equal(seen.nr, 0);
    test_end(q);
}

static void the_largest_objects_do_without_guards(void **state)
{
    struct quarry *q = boot_with(4096, "slab_debug=FZPU");
    struct kmem_cache *cache = make_cache(q, "huge", 4u << 20, 0);
    void *object = take(cache);

    assert_non_null(object);
    memset(object, 1, 4u << 20);
    give(q, cache, object);
    assert_int_equal(all_findings(q), 0);
    test_end(q);
}

/* ---- poison ---------------------------------------------------------------------------------- */

static void every_byte_of_a_freed_object_is_watched(void **state)
{
    struct quarry *q = boot_seeing("slab_debug=P");
    struct kmem_cache *cache = make_cache(q, "watched", 40, 0);
    char word[64];

    for (int at = 0; at < 40; at++) {
        char *object = take(cache);
        give(q, cache, object);
        object[at] ^= 0x11;
        for (u32 i = 0; i <= cache->objects && !seen.nr; i++)
            give(q, cache, take(cache));
        snprintf(word, sizeof(word), "after it was freed: bytes %d to %d,", at, at);
        expect_finding(QUARRY_USE_AFTER_FREE, word);
    }
    test_end(q);
}

static void a_write_after_free_names_who_freed(void **state)
{
    struct quarry *q = boot_seeing("slab_debug=PU");
    struct kmem_cache *cache = make_cache(q, "freed", 64, 0);
    char *object = take(cache);

    give(q, cache, object);
    object[10] = object[11] = 'X';
    for (u32 i = 0; i <= cache->objects && !seen.nr; i++)
        give(q, cache, take(cache));
    assert_string_equal(seen.before_is, "freed by");
    assert_true(seen.before > 0);
    assert_non_null(strstr(seen.text, "58 58"));
    expect_finding(QUARRY_USE_AFTER_FREE, "instead of 6b");
    test_end(q);
}

static void a_write_after_free_is_found_when_the_slab_goes_back(void **state)
{
    struct quarry *q = boot_seeing("slab_debug=P");
    struct kmem_cache *cache = make_cache(q, "going", 64, 0);
    char *object = take(cache);

    give(q, cache, object);
    object[0] = 0;
    qr_cache_shrink(cache);
    expect_finding(QUARRY_USE_AFTER_FREE, "giving back a slab");
    test_end(q);
}

static void a_write_after_free_is_found_by_a_look_at_all_free_objects(void **state)
{
    struct quarry *q = boot_seeing("slab_debug=P");
    struct kmem_cache *cache = make_cache(q, "idle", 64, 0);
    char *object = take(cache);

    give(q, cache, object);
    object[3] = 0;
    assert_int_equal(qr_slabs_check(&q->slabs), 0); /* the caller's fault, not ours */
    expect_finding(QUARRY_USE_AFTER_FREE, "bytes 3 to 3");
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    assert_int_equal(seen.nr, 0); /* told once */
    test_end(q);
}

/* Among those that are free others are in use, which nobody looks into. */
static void a_look_at_all_free_objects_leaves_the_others_alone(void **state)
{
    struct quarry *q = boot_seeing("slab_debug=P");
    struct kmem_cache *cache = make_cache(q, "others", 64, 0);
    unsigned char *object[6];

    for (int i = 0; i < 6; i++)
        memset(object[i] = take(cache), 0x11 * i, 64);
    for (int i = 0; i < 6; i += 2)
        give(q, cache, object[i]);
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    assert_int_equal(seen.nr, 0);
    for (int i = 1; i < 6; i += 2) {
        for (int at = 0; at < 64; at++)
            assert_int_equal(object[i][at], 0x11 * i);
        give(q, cache, object[i]);
    }
    test_end(q);
}

static void objects_are_handed_out_again_as_late_as_possible(void **state)
{
    static const size_t size[] = {64, 16}; /* fewer objects than a word has bits, and more */

    for (int i = 0; i < 2; i++) {
        struct quarry *q = boot_seeing("slab_debug=P");
        struct kmem_cache *cache = make_cache(q, "turns", size[i], 0);
        void *first = take(cache), *object;
        u32 turns = 0;

        give(q, cache, first);
        do {
            object = take(cache);
            give(q, cache, object);
            turns++;
        } while (object != first);
        assert_int_equal(turns, cache->objects);
        assert_int_equal(cache->objects > 64, i);
        test_end(q);
    }
}

static void construct(void *object)
{
    memset(object, 0x33, 64);
}

static void g_s11_poison_never_touches_constructed_or_rcu_objects(void **state)
{
    struct quarry *q = boot_seeing("slab_debug=FZPU");
    struct qr_cache_params params = {
        .name = "made", .size = 64, .ctor = construct, .slot_id = QR_NO_SLOT};
    struct kmem_cache *made = qr_cache_create(&q->slabs, &params);
    struct kmem_cache *rcu = make_cache(q, "rcu", 64, SLAB_TYPESAFE_BY_RCU);
    char *a = take(made), *b = take(rcu);

    memset(b, 0x44, 64);
    a[63] = 0x34;
    give(q, made, a);
    give(q, rcu, b);
    for (int i = 0; i < 63; i++) {
        assert_int_equal(a[i], 0x33);
        assert_int_equal(b[i], 0x44);
    }
    assert_int_equal(a[63], 0x34);
    for (u32 i = 0; i <= made->objects; i++) {
        char *object = take(made);
        assert_int_equal(object[0], 0x33);
        give(q, made, object);
    }
    a[64] = 1; /* the red zone is outside the object: it works */
    for (u32 i = 0; i <= made->objects && !seen.nr; i++)
        give(q, made, take(made));
    expect_finding(QUARRY_OVERRUN, "the free object");
    test_end(q);
}

static void zeroed_objects_are_zero_in_debugged_caches_too(void **state)
{
    struct quarry *q = boot_seeing("slab_debug=FZPU");
    struct kmem_cache *cache = make_cache(q, "zero", 100, 0);

    for (int i = 0; i < 50; i++) {
        char *object = qr_cache_alloc_slow(cache, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
        for (int b = 0; b < 100; b++)
            assert_int_equal(object[b], 0);
        memset(object, 'x', 100);
        give(q, cache, object);
    }
    assert_int_equal(seen.nr, 0);
    test_end(q);
}

/* ---- frees ----------------------------------------------------------------------------------- */

static void g_s8_a_second_free_is_found_at_once_with_both_sites(void **state)
{
    struct quarry *q = boot_seeing("slab_debug=FU");
    struct kmem_cache *cache = make_cache(q, "twice", 64, 0);
    void *object = take(cache), *between = take(cache);

    give(q, cache, object);
    give(q, cache, between);
    give(q, cache, object);
    assert_string_equal(seen.before_is, "freed by");
    assert_true(seen.before > 0);
    expect_finding(QUARRY_DOUBLE_FREE, "free already");
    assert_int_equal(cache_active(cache), 0);
    test_end(q);
}

static void g_s8_the_middle_of_an_object_is_found_at_once_with_its_owner(void **state)
{
    struct quarry *q = boot_seeing("slab_debug=FU");
    struct kmem_cache *cache = make_cache(q, "middle", 64, 0);
    char *object = take(cache);

    give(q, cache, object + 17);
    assert_string_equal(seen.before_is, "allocated by");
    expect_finding(QUARRY_BAD_FREE, "17 bytes into the object");
    assert_int_equal(cache_active(cache), 1);
    give(q, cache, object);
    test_end(q);
}

/* ---- owners, traces, counts ------------------------------------------------------------------ */

struct live_list {
    unsigned int nr;
    const void *address[8];
    u64 sequence[8];
    unsigned int trace[8];
    size_t size[8];
};

static bool list_live(const struct quarry_live *live, void *data)
{
    struct live_list *list = data;

    if (strcmp(live->cache, "owned") != 0)
        return true;
    list->address[list->nr] = live->address;
    list->sequence[list->nr] = live->sequence;
    list->trace[list->nr] = live->allocated.nr;
    list->size[list->nr++] = live->size;
    return true;
}

static void live_objects_are_known_with_their_owners(void **state)
{
    struct quarry *q = boot_seeing("slab_debug=U");
    struct kmem_cache *cache = make_cache(q, "owned", 64, 0);
    void *a = take(cache), *b = take(cache), *c = take(cache);
    struct live_list list = {0};

    give(q, cache, b);
    qr_slabs_for_each_live(&q->slabs, list_live, &list);
    assert_int_equal(list.nr, 2);
    for (unsigned int i = 0; i < 2; i++) {
        assert_true(list.address[i] == a || list.address[i] == c);
        assert_true(list.sequence[i] > 0 && list.trace[i] > 0);
        assert_int_equal(list.size[i], 64);
    }
    assert_int_not_equal(list.sequence[0], list.sequence[1]);
    give(q, cache, a);
    give(q, cache, c);
    test_end(q);
}

static void live_objects_are_known_without_checks_as_well(void **state)
{
    struct quarry *q = boot_with(512, NULL);
    struct kmem_cache *cache = make_cache(q, "owned", 64, 0);
    void *a = take(cache), *b = take(cache);
    struct live_list list = {0};

    give(q, cache, a); /* lies on a stack */
    qr_slabs_for_each_live(&q->slabs, list_live, &list);
    assert_int_equal(list.nr, 1);
    assert_ptr_equal(list.address[0], b);
    give(q, cache, b);
    test_end(q);
}

static void debugged_caches_count_their_calls(void **state)
{
    struct quarry *q = boot_seeing("slab_debug=F");
    struct kmem_cache *cache = make_cache(q, "counted", 64, 0);
    struct quarry_cache_stat stat;
    void *object[5];

    for (int i = 0; i < 5; i++)
        object[i] = take(cache);
    for (int i = 0; i < 4; i++)
        give(q, cache, object[i]);
    qr_cache_stat(cache, &stat);
    assert_int_equal(stat.allocs, 5);
    assert_int_equal(stat.frees, 4);
    assert_int_equal(stat.active, 1);
    assert_int_equal(stat.peak, 5);
    give(q, cache, object[4]);
    test_end(q);
}

/* ---- options --------------------------------------------------------------------------------- */

/* Most at one time, not one after the other. */
static void a_peak_is_what_was_live_at_once(void **state)
{
    struct quarry *q = boot_with(256, "slab_debug=F");
    struct kmem_cache *cache = make_cache(q, "peak", 64, 0);
    struct quarry_cache_stat stat;
    void *object[3];

    (void)state;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 3; i++)
            object[i] = take(cache);
        for (int i = 0; i < 3; i++)
            give(q, cache, object[i]);
    }
    qr_cache_stat(cache, &stat);
    assert_int_equal(stat.peak, 3);
    assert_int_equal(stat.active, 0);
    assert_int_equal(stat.allocs, 15);
    assert_int_equal(stat.frees, 15);
    test_end(q);
}

static void slab_debug_chooses_caches_by_name(void **state)
{
    static const struct {
        const char *option, *name;
        u32 flags;
    } want[] = {
        {"", "any", SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER},
        {"FZ", "any", SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE},
        {"fzput", "any", SLAB_DEBUG_FLAGS},
        {"P,dentry,scullc*", "dentry", SLAB_POISON},
        {"P,dentry,scullc*", "scullc", SLAB_POISON},
        {"P,dentry,scullc*", "scullc_quantum", SLAB_POISON},
        {"P,dentry,scullc*", "scull", 0},
        {"P,dentry,scullc*", "dentry2", 0},
        {"P,dentry,scullc*", "dentr", 0},
        {"-", "any", 0},
        {"U,*", "any", SLAB_STORE_USER},
    };

    for (size_t i = 0; i < QR_ARRAY_SIZE(want); i++) {
        char option[64];
        struct quarry *q;
        struct kmem_cache *cache;
        snprintf(option, sizeof(option), "slab_debug=%s", want[i].option);
        q = boot_with(512, option);
        cache = make_cache(q, want[i].name, 64, 0);
        assert_int_equal(cache->flags & SLAB_DEBUG_FLAGS, want[i].flags);
        cache = make_cache(q, "untouched", 64, SLAB_NO_USER_FLAGS);
        assert_int_equal(cache->flags & SLAB_DEBUG_FLAGS, 0);
        test_end(q);
    }
}

static void misspelt_slab_debug_values_are_refused(void **state)
{
    static const char *const option[] = {"slab_debug=X", "slab_debug=FQ", "slab_debug=F,"};

    for (size_t i = 0; i < QR_ARRAY_SIZE(option); i++) {
        struct test_spec spec = {.pages = 256, .options = option[i], .expect_failure = true};
        assert_null(test_boot_with(&spec));
        assert_non_null(strstr(test_why, "slab_debug"));
    }
}

static void checked_levels_put_every_cache_under_checks(void **state)
{
    struct quarry *q = boot_with(512, "check=1");
    struct kmem_cache *cache = make_cache(q, "level", 64, 0);
    void *object = take(cache);

    assert_true(cache->flags & SLAB_CONSISTENCY_CHECKS);
    assert_null(qr_cache_alloc_fast(&q->cpus, cache));
    give(q, cache, object);
    give(q, cache, object);
    assert_int_equal(test_findings(q, QUARRY_DOUBLE_FREE), 1);
    test_end(q);
}

/* Among slabs that are part used as among those that are empty. */
static void a_write_after_free_is_found_beside_live_objects(void **state)
{
    struct quarry *q = boot_seeing("slab_debug=P");
    struct kmem_cache *cache = make_cache(q, "partial", 64, 0);
    char *live = take(cache), *freed = take(cache);

    (void)state;
    give(q, cache, freed);
    assert_int_equal(cache->node[0].nr_partial, 1);
    freed[5] = 1;
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    expect_finding(QUARRY_USE_AFTER_FREE, "looking at all free objects");
    assert_int_equal(qr_slabs_check(&q->slabs), 0); /* told once, and made good */
    assert_int_equal(qr_report_count(&q->check, QUARRY_USE_AFTER_FREE), 1);
    give(q, cache, live);
    test_end(q);
}

/* What is handed out and what was freed look unlike each other, and unlike zero. */
static void poison_tells_fresh_from_freed(void **state)
{
    struct quarry *q = boot_with(1024, "slab_debug=P");
    struct kmem_cache *cache = make_cache(q, "poisoned", 48, 0);
    unsigned char *object = take(cache);

    for (unsigned int i = 0; i < 48; i++)
        assert_int_equal(object[i], 0x5a);
    give(q, cache, object);
    for (unsigned int i = 0; i < 47; i++)
        assert_int_equal(object[i], 0x6b);
    assert_int_equal(object[47], 0xa5);
    test_end(q);
}

static void of_several_damages_the_first_is_told(void **state)
{
    struct quarry *q = boot_with(1024, "slab_debug=FZP");
    struct kmem_cache *cache = make_cache(q, "hurt", 48, 0);
    unsigned char *object = take(cache);

    object[-1] = 0x11; /* before it, and behind it */
    object[48] = 0x22;
    give(q, cache, object);
    assert_int_equal(test_findings(q, QUARRY_OVERRUN), 1);
    assert_non_null(strstr(test_last_report, "bytes -1 to -1, counted from its start, hold 11 "));
    test_abandon(q);
}

static void a_look_at_all_free_objects_says_what_it_was(void **state)
{
    struct quarry *q = boot_with(1024, "slab_debug=P");
    struct kmem_cache *cache = make_cache(q, "idle", 48, 0);
    unsigned char *object = take(cache);

    give(q, cache, object);
    object[5] = 0x33;
    qr_slabs_check(&q->slabs);
    assert_non_null(strstr(test_last_report, "looking at all free objects: the free object at "));
    assert_non_null(strstr(test_last_report, "bytes 5 to 5, counted from its start, hold 33 "));
    assert_int_equal(test_findings(q, QUARRY_USE_AFTER_FREE), 1);
    test_abandon(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_around_an_object_is_guarded),
        cmocka_unit_test(an_overrun_names_bytes_values_and_who_had_the_object),
        cmocka_unit_test(a_write_next_to_a_free_object_is_found_on_its_way_out),
        cmocka_unit_test(g_s4_red_zones_keep_the_alignment),
        cmocka_unit_test(the_largest_objects_do_without_guards),
        cmocka_unit_test(every_byte_of_a_freed_object_is_watched),
        cmocka_unit_test(a_write_after_free_names_who_freed),
        cmocka_unit_test(a_write_after_free_is_found_when_the_slab_goes_back),
        cmocka_unit_test(a_write_after_free_is_found_by_a_look_at_all_free_objects),
        cmocka_unit_test(a_look_at_all_free_objects_leaves_the_others_alone),
        cmocka_unit_test(objects_are_handed_out_again_as_late_as_possible),
        cmocka_unit_test(g_s11_poison_never_touches_constructed_or_rcu_objects),
        cmocka_unit_test(zeroed_objects_are_zero_in_debugged_caches_too),
        cmocka_unit_test(g_s8_a_second_free_is_found_at_once_with_both_sites),
        cmocka_unit_test(g_s8_the_middle_of_an_object_is_found_at_once_with_its_owner),
        cmocka_unit_test(live_objects_are_known_with_their_owners),
        cmocka_unit_test(live_objects_are_known_without_checks_as_well),
        cmocka_unit_test(debugged_caches_count_their_calls),
        cmocka_unit_test(a_peak_is_what_was_live_at_once),
        cmocka_unit_test(slab_debug_chooses_caches_by_name),
        cmocka_unit_test(misspelt_slab_debug_values_are_refused),
        cmocka_unit_test(checked_levels_put_every_cache_under_checks),
        cmocka_unit_test(a_write_after_free_is_found_beside_live_objects),
        cmocka_unit_test(poison_tells_fresh_from_freed),
        cmocka_unit_test(of_several_damages_the_first_is_told),
        cmocka_unit_test(a_look_at_all_free_objects_says_what_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
