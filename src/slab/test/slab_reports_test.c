/* SPDX-License-Identifier: MIT */
/* What callers are told of their mistakes, word for word and field by field: a report that names the wrong
 * object, size or rule sends its reader to the wrong place. And what the request goes on with. */
#include "slab_machine.h"
#include "console.h"

static struct {
    unsigned long nr;
    enum quarry_finding kind;
    char rule[16], cache[64], before_is[32], text[768];
    const void *address;
    size_t size;
    unsigned int before; /* places in the trace of the other site; 0: there is none */
} heard;

static bool hear(const struct quarry_report *report, void *data)
{
    (void)data;
    heard.nr++;
    heard.kind = report->kind;
    heard.address = report->address;
    heard.size = report->size;
    heard.before = report->before ? report->before->nr : 0;
    snprintf(heard.rule, sizeof(heard.rule), "%s", report->rule ? report->rule : "");
    snprintf(heard.cache, sizeof(heard.cache), "%s", report->cache ? report->cache : "");
    snprintf(heard.before_is, sizeof(heard.before_is), "%s",
             report->before && report->before_is ? report->before_is : "");
    snprintf(heard.text, sizeof(heard.text), "%s", report->text);
    return false;
}

static struct quarry *boot_heard(const char *profile, const char *options)
{
    struct test_spec spec = {.pages = 1024, .profile = profile, .options = options};
    struct quarry *q = test_boot_with(&spec);

    memset(&heard, 0, sizeof(heard));
    q->check.hook = hear;
    return q;
}

struct expected {
    enum quarry_finding kind;
    const char *rule;
    const void *address;
    size_t size;
    const char *cache, *before_is; /* NULL: none */
};

/* One report, this one. */
static void __attribute__((format(printf, 3, 4)))
must_hear(int line, struct expected expected, const char *format, ...)
{
    char text[768];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (heard.nr != 1 || strcmp(heard.text, text) != 0)
        fail_msg("line %d: %lu reports, the last \"%s\", not \"%s\"", line, heard.nr, heard.text,
                 text);
    if (heard.kind != expected.kind || heard.address != expected.address ||
        heard.size != expected.size || strcmp(heard.rule, expected.rule) != 0 ||
        strcmp(heard.cache, expected.cache ? expected.cache : "") != 0)
        fail_msg("line %d: kind %d, address %p, %zu bytes, rule %s, cache %s", line, heard.kind,
                 heard.address, heard.size, heard.rule, heard.cache);
    if (strcmp(heard.before_is, expected.before_is ? expected.before_is : "") != 0 ||
        (heard.before != 0) != (expected.before_is != NULL))
        fail_msg("line %d: %s, %u places", line, heard.before_is, heard.before);
    memset(&heard, 0, sizeof(heard));
}

#define MUST_HEAR(...) must_hear(__LINE__, __VA_ARGS__)
#define ABOUT(...) ((struct expected){__VA_ARGS__})

/* ---- masks ----------------------------------------------------------------------------------- */

static void what_a_mask_goes_on_with_is_what_makes_sense(void **state)
{
    struct quarry *q = boot_heard("zones", NULL);
    const gfp_t promise = __GFP_NOFAIL | __GFP_HIGH;

    (void)state;
    assert_int_equal(qr_slab_gfp(&q->slabs, GFP_KERNEL | __GFP_NOFAIL | __GFP_ZERO, "it"),
                     GFP_KERNEL | __GFP_NOFAIL | __GFP_ZERO);
    assert_int_equal(heard.nr, 0);
    assert_int_equal(qr_slab_gfp(&q->slabs, GFP_KERNEL | 0x5000000u, "it"), GFP_KERNEL);
    MUST_HEAR(ABOUT(QUARRY_BAD_REQUEST, "", NULL, 0, NULL, NULL),
              "it with unknown mask bits 0x5000000: they are ignored");
    assert_int_equal(qr_slab_gfp(&q->slabs, promise, "it"), __GFP_HIGH);
    MUST_HEAR(ABOUT(QUARRY_BAD_REQUEST, "G-E5", NULL, 0, NULL, NULL),
              "it with __GFP_NOFAIL but without __GFP_DIRECT_RECLAIM: a request that cannot wait "
              "cannot be promised memory; it may fail");
    assert_int_equal(qr_slab_gfp(&q->slabs, GFP_NOFS | __GFP_HIGHMEM, "it"), GFP_NOFS);
    MUST_HEAR(ABOUT(QUARRY_BAD_REQUEST, "G-Z7", NULL, 0, NULL, NULL),
              "it with __GFP_HIGHMEM: it returns a direct-map address, which high memory has not; "
              "the flag is dropped (use alloc_pages and kmap, or vmalloc)");
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    assert_int_equal(qr_slab_gfp(&q->slabs, GFP_KERNEL | __GFP_NOFAIL, "it"),
                     GFP_KERNEL & ~__GFP_DIRECT_RECLAIM);
    assert_int_equal(heard.kind, QUARRY_BAD_CONTEXT);
    assert_string_equal(heard.rule, "G-C1");
    heard.nr = 0;
    assert_int_equal(qr_slab_gfp(&q->slabs, GFP_ATOMIC, "it"), GFP_ATOMIC);
    assert_int_equal(heard.nr, 0);
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    test_end(q);
}

static void construct(void *object)
{
    memset(object, 1, 40);
}

static void g_s11_clearing_what_is_constructed_is_refused_by_name(void **state)
{
    struct quarry *q = boot_heard("tiny", NULL);
    struct qr_cache_params params = {
        .name = "made", .size = 40, .ctor = construct, .slot_id = QR_NO_SLOT};
    struct kmem_cache *made = qr_cache_create(&q->slabs, &params),
                      *plain = make_cache(q, "plain", 40, 0);

    (void)state;
    assert_int_equal(qr_cache_gfp(made, GFP_NOIO | __GFP_ZERO, "it"), GFP_NOIO);
    MUST_HEAR(ABOUT(QUARRY_BAD_REQUEST, "G-S11", NULL, 0, "made", NULL),
              "it with __GFP_ZERO on cache made, which has a constructor: the object comes "
              "constructed, not zeroed");
    assert_int_equal(qr_cache_gfp(made, GFP_NOIO, "it"), GFP_NOIO);
    assert_int_equal(qr_cache_gfp(plain, GFP_NOIO | __GFP_ZERO, "it"), GFP_NOIO | __GFP_ZERO);
    assert_int_equal(heard.nr, 0);
    test_end(q);
}

static void a_request_that_is_made_to_fail_says_so(void **state)
{
    struct quarry *q = boot_heard("tiny", NULL);
    struct kmem_cache *cache = make_cache(q, "failing", 72, 0);
    struct quarry_fault fault = {.every = 1, .cache = "failing"};
    void *object[2];

    (void)state;
    assert_false(qr_slab_fault(&q->slabs, "failing", GFP_KERNEL, 72, "it"));
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, &fault), 0);
    assert_false(qr_slab_fault(&q->slabs, "other", GFP_KERNEL, 72, "it"));
    assert_false(qr_slab_fault(&q->slabs, "failing", GFP_KERNEL | __GFP_NOFAIL, 72, "it"));
    assert_int_equal(heard.nr, 0);
    assert_true(qr_slab_fault(&q->slabs, "failing", GFP_KERNEL | __GFP_ZERO, 30, "it"));
    MUST_HEAR(ABOUT(QUARRY_OUT_OF_MEMORY, "G-E6", NULL, 30, "failing", NULL),
              "it: failslab makes this request fail: 30 bytes, GFP_KERNEL|__GFP_ZERO");
    assert_null(take(cache));
    MUST_HEAR(ABOUT(QUARRY_OUT_OF_MEMORY, "G-E6", NULL, 72, "failing", NULL),
              "kmem_cache_alloc: failslab makes this request fail: 72 bytes, GFP_KERNEL");
    assert_int_equal(qr_cache_alloc_bulk(cache, GFP_ATOMIC, 2, object), 0);
    MUST_HEAR(ABOUT(QUARRY_OUT_OF_MEMORY, "G-E6", NULL, 72, "failing", NULL),
              "kmem_cache_alloc_bulk: failslab makes this request fail: 72 bytes, GFP_ATOMIC");
    assert_true(qr_slab_fault(&q->slabs, "failing", GFP_NOWAIT, 72, "it"));
    assert_int_equal(heard.nr, 0); /* it asked for silence */
    /* All that there is to a mask is more than has room. */
    assert_true(qr_slab_fault(&q->slabs, "failing",
                              __GFP_BITS_MASK & ~(__GFP_NOWARN | __GFP_NOFAIL), 72, "it"));
    assert_int_equal(heard.nr, 1);
    assert_int_equal(strlen(strstr(heard.text, "72 bytes, ")), strlen("72 bytes, ") + 159);
    /* Not so often that nothing else is to be seen. */
    heard.nr = 0;
    for (int i = 0; i < 20; i++)
        assert_true(qr_slab_fault(&q->slabs, "failing", GFP_KERNEL, 72, "it"));
    assert_in_range(heard.nr, 1, 10);
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, NULL), 0);
    test_end(q);
}

static void a_node_that_is_not_there_is_named(void **state)
{
    struct quarry *q = boot_heard("nodes", NULL);
    struct kmem_cache *cache = make_cache(q, "noded", 64, 0);
    void *object = qr_cache_alloc_slow(cache, GFP_KERNEL, 2);

    (void)state;
    MUST_HEAR(ABOUT(QUARRY_BAD_REQUEST, "", NULL, 0, "noded", NULL),
              "kmem_cache_alloc on node 2: the machine has 2 nodes; any node is taken");
    give(q, cache, object);
    for (int nid = 0; nid < 2; nid++)
        give(q, cache, qr_cache_alloc_slow(cache, GFP_KERNEL, nid));
    assert_int_equal(heard.nr, 0);
    test_end(q);
}

/* ---- caches ---------------------------------------------------------------------------------- */

static void a_cache_that_cannot_be_made_says_what_was_asked(void **state)
{
    static const struct {
        struct qr_cache_params params;
        const char *words;
    } bad[] = {
        {{.size = 8}, "NULL, 8 bytes, align 0, flags 0x0): a cache needs a name"},
        {{.name = "", .size = 8}, ", 8 bytes, align 0, flags 0x0): a cache needs a name"},
        {{.name = "a"}, "a, 0 bytes, align 0, flags 0x0): a size of 0 makes no objects"},
        {{.name = "b", .size = (4u << 20) + 1},
         "b, 4194305 bytes, align 0, flags 0x0): the size is beyond the largest page block; use "
         "vmalloc for such memory"},
        {{.name = "c", .size = 8, .align = 24, .flags = SLAB_HWCACHE_ALIGN},
         "c, 8 bytes, align 24, flags 0x20): the alignment is no power of two up to a page"},
        {{.name = "d", .size = 8, .align = 8192},
         "d, 8 bytes, align 8192, flags 0x0): the alignment is no power of two up to a page"},
        {{.name = "e", .size = 9, .align = 8, .flags = 0x10000},
         "e, 9 bytes, align 8, flags 0x10000): unknown flags"},
    };
    struct quarry *q = boot_heard("tiny", NULL);

    (void)state;
    assert_int_equal(SLAB_HWCACHE_ALIGN, 0x20);
    for (size_t i = 0; i < QR_ARRAY_SIZE(bad); i++) {
        assert_null(qr_cache_create(&q->slabs, &bad[i].params));
        MUST_HEAR(ABOUT(QUARRY_BAD_REQUEST, "", NULL, bad[i].params.size, bad[i].params.name, NULL),
                  "kmem_cache_create(%s", bad[i].words);
    }
    test_end(q);
}

/* The largest that there may be, and the strictest alignment; those of kmalloc may go further. */
static void the_largest_caches_are_made(void **state)
{
    static const struct qr_cache_params good[] = {
        {.name = "whole", .size = PAGE_SIZE << MAX_PAGE_ORDER, .slot_id = QR_NO_SLOT},
        {.name = "byte", .size = 1, .align = 1, .slot_id = QR_NO_SLOT},
        {.name = "page", .size = 8, .align = PAGE_SIZE, .slot_id = QR_NO_SLOT},
        {.name = "block",
         .size = 8,
         .align = PAGE_SIZE << MAX_PAGE_ORDER,
         .flags = SLAB_KMALLOC,
         .slot_id = QR_NO_SLOT},
    };
    struct quarry *q = boot_heard("tiny", NULL);

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(good); i++) {
        struct kmem_cache *cache = qr_cache_create(&q->slabs, &good[i]);
        assert_non_null(cache);
        assert_int_equal(cache->object_size, good[i].size);
        assert_true(cache->align >= good[i].align);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    }
    assert_int_equal(heard.nr, 0);
    test_end(q);
}

static void a_second_cache_of_a_name_is_told_unless_two_race_for_it(void **state)
{
    struct quarry *q = boot_heard("tiny", NULL);
    struct qr_cache_params params = {.name = "twin", .size = 64, .slot_id = QR_NO_SLOT};

    (void)state;
    assert_non_null(qr_cache_create(&q->slabs, &params));
    params.racing = true;
    assert_non_null(qr_cache_create(&q->slabs, &params));
    params.racing = false;
    params.name = "twins"; /* its beginning is no twin */
    assert_non_null(qr_cache_create(&q->slabs, &params));
    assert_int_equal(heard.nr, 0);
    params.name = "twin";
    assert_non_null(qr_cache_create(&q->slabs, &params));
    MUST_HEAR(
        ABOUT(QUARRY_BAD_REQUEST, "G-D1", NULL, 0, "twin", NULL),
        "kmem_cache_create: a cache named twin exists already; this one is made all the same");
    test_end(q);
}

static void g_d1_what_is_live_at_the_end_is_told_with_size_age_and_owner(void **state)
{
    static const char *const options[] = {NULL, "slab_debug=ZU"};

    (void)state;
    for (int known = 0; known < 1 + QR_CHECKS; known++) {
        struct quarry *q = boot_heard("tiny", options[known]);
        struct qr_cache_params params = {
            .name = "left", .size = 100, .slot_id = QR_NO_SLOT, .undo = "the_end"};
        struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
        void *object = qr_cache_alloc_sized(cache, GFP_KERNEL, NUMA_NO_NODE, 70, "it");
        size_t size = known ? 70 : 100;
        char words[128];
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, true), -QR_EBUSY);
        assert_int_equal(heard.nr, 1);
        assert_int_equal(heard.kind, QUARRY_LEAK);
        assert_string_equal(heard.rule, "G-D1");
        assert_ptr_equal(heard.address, object);
        assert_int_equal(heard.size, size);
        assert_string_equal(heard.cache, "left");
        assert_int_equal(heard.before > 0, known);
        assert_string_equal(heard.before_is, known ? "allocated by" : "");
        if (known)
            snprintf(words, sizeof(words), "the_end(left): object %p (70 bytes, ", object);
        else
            snprintf(words, sizeof(words), "the_end(left): object %p (100 bytes) is still live",
                     object);
        assert_memory_equal(heard.text, words, strlen(words));
        if (known) {
            unsigned long long ms = strtoull(heard.text + strlen(words), NULL, 10);
            assert_true(ms < 3600 * 1000); /* of this test, not of the machine's clock */
            snprintf(words, sizeof(words), ", %llu ms old) is still live", ms);
            assert_string_equal(strstr(heard.text, ", "), words);
        }
        /* It was kept, as it was asked: it works, and can be destroyed later. */
        give(q, cache, object);
        object = take(cache);
        assert_non_null(object);
        give(q, cache, object);
        heard.nr = 0;
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, true), 0);
        assert_int_equal(heard.nr, 0);
        test_end(q);
    }
}

static void g_d1_a_destroyed_cache_is_told_by_name_and_address(void **state)
{
    struct quarry *q = boot_heard("tiny", NULL);
    struct kmem_cache *cache = make_cache(q, "dead", 64, 0);
    void *object = take(cache);

    (void)state;
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    memset(&heard, 0, sizeof(heard));
    assert_null(take(cache));
    MUST_HEAR(ABOUT(QUARRY_BAD_REQUEST, "G-D1", cache, 0, "dead", NULL),
              "kmem_cache_alloc from cache dead, which was destroyed: NULL");
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), -QR_EINVAL);
    MUST_HEAR(ABOUT(QUARRY_BAD_REQUEST, "G-D1", cache, 0, NULL, NULL),
              "kmem_cache_destroy(%p): no cache, or one destroyed before; nothing is changed",
              (void *)cache);
    give(q, cache, object);
    assert_int_equal(heard.nr, 0);
    test_end(q);
}

/* ---- frees ----------------------------------------------------------------------------------- */

static void g_s8_each_wrong_free_is_told_in_full(void **state)
{
    static const char *const options[] = {NULL, "slab_debug=FU"};

    (void)state;
    for (int owned = 0; owned < 1 + QR_CHECKS; owned++) {
        struct quarry *q = boot_heard("tiny", options[owned]);
        struct kmem_cache *cache = make_cache(q, "mine", 1300, 0);
        struct kmem_cache *other = make_cache(q, "yours", 64, 0);
        char *object = take(cache);
        struct page *page = qr_head(&q->map, qr_virt_page(&q->map, object));
        char *rest = slab_base(cache, page) + (PAGE_SIZE << slab_order(page)) - 8;
        const char *allocated = owned ? "allocated by" : NULL;
        give(q, cache, object + 17);
        MUST_HEAR(ABOUT(QUARRY_BAD_FREE, "G-S8", object + 17, 1300, "mine", allocated),
                  "kmem_cache_free(%p): 17 bytes into the object at %p of cache mine (1300 bytes); "
                  "free the object's start. Nothing is changed",
                  (void *)(object + 17), (void *)object);
        give(q, other, object);
        MUST_HEAR(ABOUT(QUARRY_BAD_FREE, "G-S8", object, 1300, "mine", allocated),
                  "kmem_cache_free(%p) to cache yours: the object belongs to cache mine; free it "
                  "there. Nothing is changed",
                  (void *)object);
        give(q, cache, rest);
        MUST_HEAR(ABOUT(QUARRY_BAD_FREE, "G-S8", rest, 0, "mine", NULL),
                  "kmem_cache_free(%p): no object, but unused space in a slab of cache mine; "
                  "nothing is changed",
                  (void *)rest);
        give(q, cache, object);
        assert_int_equal(heard.nr, 0);
        give(q, cache, object);
        MUST_HEAR(
            ABOUT(QUARRY_DOUBLE_FREE, "G-S8", object, 1300, "mine", owned ? "freed by" : NULL),
            "kmem_cache_free(%p): the object of cache mine (1300 bytes) is free already; "
            "this free changes nothing",
            (void *)object);
        test_end(q);
    }
}

static void g_s8_what_is_found_late_is_told_in_full(void **state)
{
    static const struct {
        enum slab_fault why;
        enum quarry_finding kind;
        const char *words;
    } want[] = {
        {SLAB_FREE_ALREADY, QUARRY_DOUBLE_FREE, "was freed twice; its slab is set aside for good"},
        {SLAB_MIDDLE, QUARRY_BAD_FREE,
         "is not the start of an object; its slab is set aside for good"},
        {SLAB_NOT_OURS, QUARRY_BAD_FREE,
         "lies in no slab of the cache any more: freed twice, or never its object"},
    };
    struct quarry *q = boot_heard("tiny", NULL);
    struct kmem_cache *cache = make_cache(q, "late", 48, 0);
    struct slab_bad bad = {0};
    struct test_console console;

    (void)state;
    qr_report_bad_puts(cache, &bad, "it");
    assert_int_equal(heard.nr, 0);
    for (size_t i = 0; i < QR_ARRAY_SIZE(want); i++) {
        bad.nr = 1;
        bad.item[0].object = &bad;
        bad.item[0].why = want[i].why;
        qr_report_bad_puts(cache, &bad, "it");
        MUST_HEAR(ABOUT(want[i].kind, "G-S8", &bad, 48, "late", NULL),
                  "it found late: %p, freed to cache late, %s (slab_debug=F finds it at once)",
                  (void *)&bad, want[i].words);
    }
    for (u32 i = 0; i < SLAB_BAD_MAX; i++)
        bad.item[i].why = SLAB_MIDDLE;
    for (bad.nr = 1; bad.nr <= 6; bad.nr++) {
        char rest[80] = "";
        heard.nr = 0;
        if (bad.nr > 4)
            snprintf(rest, sizeof(rest), "quarry: %u more wrong frees of this kind in cache late\n",
                     bad.nr - 4);
        test_console_begin(&console);
        qr_report_bad_puts(cache, &bad, "it");
        test_console_end(&console);
        assert_int_equal(heard.nr, QR_MIN(bad.nr, 4u));
        assert_string_equal(console.text, rest);
    }
    test_end(q);
}

/* Bytes that look like a record where there is none are the caller's: a number in them is no trace. */
static void what_callers_write_is_nobodys_record(void **state)
{
    static const slab_flags_t flags[] = {0, SLAB_CONSISTENCY_CHECKS};

    (void)state;
    if (!QR_CHECKS)
        skip();
    for (size_t i = 0; i < QR_ARRAY_SIZE(flags); i++) {
        struct quarry *q = boot_heard("tiny", "slab_debug=U,recorded");
        struct kmem_cache *recorded = make_cache(q, "recorded", 64, 0);
        struct kmem_cache *plain = make_cache(q, "plain", 256, flags[i]);
        void *known = take(recorded);
        u32 handle = slab_meta(recorded, known)->allocated.trace, *object[3];
        const struct qr_owner *allocated, *freed;
        struct test_console console;
        struct qr_object found;
        assert_int_not_equal(handle, 0);
        for (int n = 0; n < 3; n++)
            object[n] = take(plain);
        for (int n = 0; n < 3; n++)
            for (size_t at = 0; at < 256 / sizeof(u32); at++)
                object[n][at] = handle;
        for (int n = 0; n < 3; n++) {
            give(q, plain, object[n] + 4);
            assert_int_equal(heard.nr, 1);
            assert_int_equal(heard.before, 0);
            give(q, recorded, object[n]);
            assert_int_equal(heard.nr, 2);
            assert_int_equal(heard.before, 0);
            assert_true(qr_object_find(&q->slabs, object[n], &found));
            assert_false(qr_object_owners(&found, &allocated, &freed));
            test_console_begin(&console);
            qr_object_retrace(&found);
            qr_object_dump(&q->slabs, &found);
            test_console_end(&console);
            assert_string_equal(strchr(console.text, '\n'), "\n"); /* one line */
            heard.nr = 0;
        }
        for (int n = 0; n < 3; n++)
            for (size_t at = 0; at < 256 / sizeof(u32); at++)
                assert_int_equal(object[n][at], handle);
        for (int n = 0; n < 3; n++) {
            give(q, plain, object[n]);
            give(q, plain, object[n]);
            assert_int_equal(heard.nr, 1);
            assert_int_equal(heard.kind, QUARRY_DOUBLE_FREE);
            assert_int_equal(heard.before, 0);
            heard.nr = 0;
        }
        give(q, recorded, known);
        test_end(q);
    }
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void damage_is_told_to_the_byte_and_with_the_owner(void **state)
{
    struct quarry *q;
    struct kmem_cache *cache;
    unsigned char *object;

    (void)state;
    if (!QR_CHECKS)
        skip();
    q = boot_heard("tiny", "slab_debug=FZPU");
    cache = make_cache(q, "hurt", 40, 0);
    object = take(cache);
    memset(object + 40, 0xab, 2);
    give(q, cache, object);
    MUST_HEAR(ABOUT(QUARRY_OVERRUN, "", object, 40, "hurt", "allocated by"),
              "kmem_cache_free: the live object at %p of cache hurt (40 bytes) was written beyond "
              "its bounds: bytes 40 to 41, counted from its start, hold ab ab instead of cc",
              (void *)object);
    object[39] = 0x6b; /* the last byte of poison is another */
    qr_slabs_check(&q->slabs);
    MUST_HEAR(ABOUT(QUARRY_USE_AFTER_FREE, "", object, 40, "hurt", "freed by"),
              "looking at all free objects: the free object at %p of cache hurt (40 bytes) was "
              "written after it was freed: bytes 39 to 39, counted from its start, hold 6b instead "
              "of a5",
              (void *)object);
    object[-3] = 1;
    qr_slabs_check(&q->slabs);
    MUST_HEAR(ABOUT(QUARRY_OVERRUN, "", object, 40, "hurt", "freed by"),
              "looking at all free objects: the free object at %p of cache hurt (40 bytes) was "
              "written beyond its bounds: bytes -3 to -3, counted from its start, hold 01 instead "
              "of bb",
              (void *)object);
    memset(object + 4, 0x22, 16);
    qr_slabs_check(&q->slabs);
    MUST_HEAR(ABOUT(QUARRY_USE_AFTER_FREE, "", object, 40, "hurt", "freed by"),
              "looking at all free objects: the free object at %p of cache hurt (40 bytes) was "
              "written after it was freed: bytes 4 to 19, counted from its start, hold 22 22 22 22 "
              "22 22 22 22 22 22 22 22 22 22 22 22 instead of 6b",
              (void *)object);
    memset(object + 4, 0x22, 17);
    object[6] = 0x6b; /* as it should be, in the midst of what should not */
    qr_slabs_check(&q->slabs);
    MUST_HEAR(ABOUT(QUARRY_USE_AFTER_FREE, "", object, 40, "hurt", "freed by"),
              "looking at all free objects: the free object at %p of cache hurt (40 bytes) was "
              "written after it was freed: bytes 4 to 20, counted from its start, hold 22 22 6b 22 "
              "22 22 22 22 22 22 22 22 22 22 22 22 … instead of 6b",
              (void *)object);
    test_end(q);
}

static void a_write_after_free_is_told_by_whoever_meets_it(void **state)
{
    struct quarry *q;
    struct kmem_cache *cache;
    unsigned char *object;

    (void)state;
    if (!QR_CHECKS)
        skip();
    q = boot_heard("tiny", "slab_debug=P");
    cache = make_cache(q, "used", PAGE_SIZE, 0);
    assert_int_equal(cache->objects, 1);
    object = take(cache);
    give(q, cache, object);
    object[0] = 0;
    assert_ptr_equal(qr_cache_alloc_sized(cache, GFP_KERNEL, NUMA_NO_NODE, 5, "it"), object);
    MUST_HEAR(ABOUT(QUARRY_USE_AFTER_FREE, "", object, PAGE_SIZE, "used", NULL),
              "it: the free object at %p of cache used (4096 bytes) was written after it was "
              "freed: bytes 0 to 0, counted from its start, hold 00 instead of 6b",
              (void *)object);
    give(q, cache, object);
    object[1] = 0;
    qr_cache_shrink(cache);
    MUST_HEAR(ABOUT(QUARRY_USE_AFTER_FREE, "", object, PAGE_SIZE, "used", NULL),
              "giving back a slab: the free object at %p of cache used (4096 bytes) was written "
              "after it was freed: bytes 1 to 1, counted from its start, hold 00 instead of 6b",
              (void *)object);
    test_end(q);
}

/* In each slab of either list, wherever in the list it is. */
static void a_look_at_all_free_objects_goes_through_all_slabs(void **state)
{
    struct quarry *q;
    struct kmem_cache *cache;
    char *object[5 * 16];
    u32 nr;

    (void)state;
    if (!QR_CHECKS)
        skip();
    for (u32 live = 0; live < 2; live++) {
        q = boot_heard("tiny", "slab_debug=P");
        cache = make_cache(q, "looked", 512, 0);
        cache->empty_limit = 5;
        nr = cache->objects;
        assert_in_range(nr, 2, 16);
        for (u32 i = 0; i < 5 * nr; i++)
            object[i] = take(cache);
        assert_int_equal(cache->node[0].nr_full, 5);
        for (u32 i = 0; i < 5 * nr; i++) /* all, or all but the last of each slab */
            if (!live || i % nr != nr - 1)
                give(q, cache, object[i]);
        assert_int_equal(live ? cache->node[0].nr_partial : cache->node[0].nr_empty, 5);
        for (u32 slab = 0; slab < 5; slab++) {
            char *hurt = object[slab * nr + slab % (nr - 1)];
            hurt[slab] = 0;
            heard.nr = 0;
            qr_slabs_check(&q->slabs);
            assert_int_equal(heard.nr, 1);
            assert_ptr_equal(heard.address, hurt);
        }
        for (u32 slab = 0; slab < 5; slab++)
            object[slab * nr][7] = 0;
        heard.nr = 0;
        qr_slabs_check(&q->slabs);
        assert_int_equal(heard.nr, 5);
        for (u32 i = 0; live && i < 5; i++)
            give(q, cache, object[i * nr + nr - 1]);
        test_end(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_mask_goes_on_with_is_what_makes_sense),
        cmocka_unit_test(g_s11_clearing_what_is_constructed_is_refused_by_name),
        cmocka_unit_test(a_request_that_is_made_to_fail_says_so),
        cmocka_unit_test(a_node_that_is_not_there_is_named),
        cmocka_unit_test(a_cache_that_cannot_be_made_says_what_was_asked),
        cmocka_unit_test(the_largest_caches_are_made),
        cmocka_unit_test(a_second_cache_of_a_name_is_told_unless_two_race_for_it),
        cmocka_unit_test(g_d1_what_is_live_at_the_end_is_told_with_size_age_and_owner),
        cmocka_unit_test(g_d1_a_destroyed_cache_is_told_by_name_and_address),
        cmocka_unit_test(g_s8_each_wrong_free_is_told_in_full),
        cmocka_unit_test(g_s8_what_is_found_late_is_told_in_full),
        cmocka_unit_test(what_callers_write_is_nobodys_record),
        cmocka_unit_test(damage_is_told_to_the_byte_and_with_the_owner),
        cmocka_unit_test(a_write_after_free_is_told_by_whoever_meets_it),
        cmocka_unit_test(a_look_at_all_free_objects_goes_through_all_slabs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
