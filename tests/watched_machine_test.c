/* SPDX-License-Identifier: MIT */
/* What a machine tells a detector that knows of every byte (AddressSanitizer, memcheck): exactly the
 * bytes a caller asked for may be used, from the moment they are the caller's until they are not.
 *
 * The port's two calls are linked through wrappers that keep a shadow of the machine's memory, so that
 * this holds in every build and not only where such a detector is at hand. */
#include "machine.h"

void __real_qp_hand_over_observed(uintptr_t start, uintptr_t end);
void __real_qp_take_over_observed(uintptr_t start, uintptr_t end);
void __wrap_qp_hand_over_observed(uintptr_t start, uintptr_t end);
void __wrap_qp_take_over_observed(uintptr_t start, uintptr_t end);

enum shade { NEVER_TOLD, ALLOWED, FORBIDDEN };

static unsigned char
    *shadow; /* one byte for each of the machine's, from the direct map to vmalloc's end */
static uintptr_t shadow_start, shadow_end;
static unsigned long told; /* pieces of memory, since the last machine */

static void shade(uintptr_t start, uintptr_t end, enum shade what)
{
    if (!shadow || start >= end)
        return;
    told++;
    if (start < shadow_start || end > shadow_end)
        abort(); /* not this machine's */
    memset(shadow + (start - shadow_start), what, end - start);
}

void __wrap_qp_hand_over_observed(uintptr_t start, uintptr_t end)
{
    shade(start, end, FORBIDDEN);
    if (QP_OBSERVED())
        __real_qp_hand_over_observed(start, end);
}

void __wrap_qp_take_over_observed(uintptr_t start, uintptr_t end)
{
    shade(start, end, ALLOWED);
    if (QP_OBSERVED())
        __real_qp_take_over_observed(start, end);
}

static struct {
    const void *address;
    size_t size;
    unsigned int fresh, written, freed;
    long from, to; /* around the block, to be looked at when it is freed … */
    bool open;     /* … whether Quarry might touch all of that */
} blocks;          /* the last one told, and how many of a kind */

static bool all_are(const void *address, long from, long to, enum shade what);

static void hear_block(const void *address, size_t size, enum qp_block what)
{
    blocks.address = address;
    blocks.size = size;
    blocks.fresh += what == QP_BLOCK_FRESH;
    blocks.written += what == QP_BLOCK_WRITTEN;
    blocks.freed += what == QP_BLOCK_FREED;
    if (what == QP_BLOCK_FREED)
        blocks.open = all_are(address, blocks.from, blocks.to, ALLOWED);
}

static struct quarry *boot_shadowed(const struct test_spec *spec)
{
    struct quarry *q = test_boot_with(spec);

    qr_reclaim_stop(&q->reclaim); /* nobody else touches the shadow */
    shadow_start = q->map.virt_start;
    shadow_end = q->machine.vmalloc_end;
    shadow = calloc(1, shadow_end - shadow_start);
    assert_non_null(shadow);
    memset(&blocks, 0, sizeof(blocks));
    told = 0;
    return q;
}

static struct quarry *boot_watched_of(unsigned long pages, const char *profile, const char *options)
{
    struct test_spec spec = {.pages = pages,
                             .profile = profile,
                             .watched = true,
                             .block = hear_block,
                             .options = options};

    return boot_shadowed(&spec);
}

static struct quarry *boot_watched(const char *options)
{
    return boot_watched_of(2048, NULL, options);
}

static void end_watched(struct quarry *q)
{
    free(shadow);
    shadow = NULL;
    test_end(q);
}

/* Whether [from, to), counted from @address, is all of one kind. */
static bool all_are(const void *address, long from, long to, enum shade what)
{
    uintptr_t at = (uintptr_t)address;

    for (long i = from; i < to; i++)
        if (shadow[at + (uintptr_t)i - shadow_start] != what)
            return false;
    return true;
}

static struct kmem_cache *cache_of(struct quarry *q, const char *name, size_t size,
                                   slab_flags_t flags)
{
    struct qr_cache_params params = {
        .name = name, .size = size, .flags = flags, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);

    assert_non_null(cache);
    return cache;
}

static void *take(struct kmem_cache *cache)
{
    void *object = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE);

    assert_non_null(object);
    return object;
}

static void give(struct quarry *q, struct kmem_cache *cache, void *object)
{
    qr_cache_free_slow(&q->slabs, cache, object, "kmem_cache_free");
}

/* ---- objects --------------------------------------------------------------------------------- */

static void an_objects_bytes_are_its_owners_until_it_is_freed(void **state)
{
    struct quarry *q = boot_watched(NULL);
    struct kmem_cache *cache = cache_of(q, "bytes", 40, 0);
    char *object = take(cache), *other = take(cache);

    (void)state;
    assert_true(all_are(object, 0, 40, ALLOWED));
    assert_true(all_are(object, 40, 41, FORBIDDEN)); /* a gap before the next one … */
    assert_true(all_are(object, -16, 0, FORBIDDEN)); /* … and behind the record of the one before */
    assert_true(all_are(other, -16, 0, FORBIDDEN));
    assert_true(all_are(other, 0, 40, ALLOWED));
    assert_true(all_are(other, 40, 41, FORBIDDEN));
    give(q, cache, object);
    assert_true(all_are(object, 0, 40, FORBIDDEN));
    assert_true(all_are(other, 0, 40, ALLOWED));
    give(q, cache, other);
    assert_int_equal(blocks.fresh, 2);
    assert_int_equal(blocks.freed, 2);
    assert_ptr_equal(blocks.address, other);
    assert_int_equal(blocks.size, 40);
    end_watched(q);
}

/* Nor are those that nobody has had yet. */
static void the_objects_of_a_new_slab_are_nobodys(void **state)
{
    struct quarry *q = boot_watched(NULL);
    struct kmem_cache *cache = cache_of(q, "new", 40, 0);
    char *object = take(cache);

    (void)state;
    assert_true(cache->objects > 10);
    for (u32 i = 1; i < cache->objects; i++)
        assert_true(all_are(object, (long)(i * cache->slot_size) - (long)cache->left_pad,
                            (long)(i * cache->slot_size + cache->track_offset), FORBIDDEN));
    /* Behind the last place there is none: Quarry may keep there what it likes. */
    assert_true(all_are(object, (long)(cache->objects * cache->slot_size) - (long)cache->left_pad,
                        (long)((PAGE_SIZE << cache->order) - cache->first), ALLOWED));
    give(q, cache, object);
    end_watched(q);
}

static void fill(void *object)
{
    memset(object, 0x77, 40);
}

/* A detector of unwritten bytes must not tell of what a constructor, or Quarry, has written. */
static void an_object_is_told_as_written_where_it_is(void **state)
{
    static const char *const options[] = {NULL, "init_on_alloc=1"};

    (void)state;
    for (unsigned int i = 0; i < 2; i++) {
        struct quarry *q = boot_watched(options[i]);
        struct qr_cache_params params = {
            .name = "constructed", .size = 40, .ctor = fill, .slot_id = QR_NO_SLOT};
        struct kmem_cache *constructed = qr_cache_create(&q->slabs, &params);
        struct kmem_cache *cache = cache_of(q, "plain", 40, 0);
        void *object[3];

        object[0] = take(cache);
        assert_int_equal(blocks.fresh, i == 0);
        assert_int_equal(blocks.written, i == 1);
        object[1] = qr_cache_alloc_slow(cache, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
        assert_int_equal(blocks.written, 1 + i);
        object[2] = take(constructed);
        assert_int_equal(blocks.written, 2 + i);
        assert_int_equal(blocks.fresh, i == 0);
        give(q, cache, object[0]);
        give(q, cache, object[1]);
        give(q, constructed, object[2]);
        end_watched(q);
    }
}

static void red_zones_and_records_are_nobodys(void **state)
{
    struct quarry *q = boot_watched("slab_debug=ZPU");
    struct kmem_cache *cache = cache_of(q, "zones", 40, 0);
    char *object = take(cache);

    (void)state;
    assert_true(all_are(object, -(long)cache->left_pad, 0, FORBIDDEN));
    assert_true(all_are(object, 0, 40, ALLOWED));
    assert_true(all_are(object, 40, (long)cache->track_offset, FORBIDDEN));
    give(q, cache, object);
    assert_true(all_are(object, -(long)cache->left_pad, (long)cache->track_offset, FORBIDDEN));
    object[3] = 1; /* seen by the walk, which leaves the shadow as it was */
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    assert_int_equal(test_findings(q, QUARRY_USE_AFTER_FREE), 1);
    assert_true(all_are(object, -(long)cache->left_pad, (long)cache->track_offset, FORBIDDEN));
    end_watched(q);
}

static void readers_may_look_at_what_was_freed(void **state)
{
    struct quarry *q = boot_watched(NULL);
    struct kmem_cache *cache = cache_of(q, "readers", 40, SLAB_TYPESAFE_BY_RCU);
    char *object = take(cache);

    (void)state;
    give(q, cache, object);
    assert_true(all_are(object, 0, 40, ALLOWED));
    assert_true(all_are(object, 40, 41, FORBIDDEN));
    end_watched(q);
}

static void a_slab_that_goes_back_is_quarrys_and_then_nobodys(void **state)
{
    struct quarry *q = boot_watched(NULL);
    struct kmem_cache *cache = cache_of(q, "slab", 1000, 0);
    char *object = take(cache), *page = (char *)((uintptr_t)object & PAGE_MASK);

    (void)state;
    give(q, cache, object);
    assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
    qr_pcp_drain_all(&q->zones);
    assert_true(all_are(page, 0, PAGE_SIZE, FORBIDDEN));
    end_watched(q);
}

static struct kmem_cache *overrun_cache;
static unsigned long overruns, overruns_open; /* told; while Quarry might touch all of the place */

static bool hear_overrun(const struct quarry_report *report, void *data)
{
    (void)data;
    overruns += report->kind == QUARRY_OVERRUN;
    overruns_open +=
        report->kind == QUARRY_OVERRUN && all_are(report->address, -(long)overrun_cache->left_pad,
                                                  (long)overrun_cache->track_offset, ALLOWED);
    return false;
}

/* As it is where one is resized, between two times in which they are nobody's. */
static void the_guards_of_an_object_are_quarrys_while_it_looks_at_them(void **state)
{
    struct quarry *q = boot_watched("slab_debug=Z");
    struct qr_object found;
    char *object;

    (void)state;
    overrun_cache = cache_of(q, "looked", 40, 0);
    overruns = overruns_open = 0;
    q->check.hook = hear_overrun;
    object = qr_cache_alloc_sized(overrun_cache, GFP_KERNEL, NUMA_NO_NODE, 20, "it");
    assert_true(all_are(object, 0, 20, ALLOWED));
    assert_true(all_are(object, 20, 40, FORBIDDEN));
    object[20] ^= 1;
    assert_true(qr_object_find(&q->slabs, object, &found));
    qr_object_resize(&found, 30);
    assert_int_equal(overruns, 1);
    assert_int_equal(overruns_open, 1);
    assert_true(all_are(object, 0, 30, ALLOWED));
    assert_true(all_are(object, 30, (long)overrun_cache->track_offset, FORBIDDEN));
    assert_true(all_are(object, -(long)overrun_cache->left_pad, 0, FORBIDDEN));
    give(q, overrun_cache, object);
    assert_int_equal(overruns, 1);
    end_watched(q);
}

/* Guards are looked at, and poison is written, before anything of the place is nobody's again. */
static void what_is_freed_is_quarrys_before_it_is_nobodys(void **state)
{
    static const char *const options[] = {NULL, "slab_debug=ZPU"};

    (void)state;
    for (unsigned int i = 0; i < 2; i++) {
        struct quarry *q = boot_watched(options[i]);
        struct kmem_cache *cache = cache_of(q, "between", 40, 0);
        char *object = take(cache);
        blocks.from = -(long)cache->left_pad;
        blocks.to = (long)cache->track_offset;
        assert_true(blocks.from < 0 && blocks.to > 40);
        give(q, cache, object);
        assert_true(blocks.open);
        assert_true(all_are(object, blocks.from, blocks.to, FORBIDDEN));
        end_watched(q);
    }
}

static unsigned long destructed, closed; /* objects; of them those that might not be touched */

static void destruct(void *object, struct kmem_cache *cache, unsigned long flags)
{
    (void)flags;
    destructed++;
    closed += !all_are(object, -(long)cache->left_pad, (long)cache->track_offset, ALLOWED);
}

/* All of its pages, for whoever takes its objects apart. */
static void a_slab_that_goes_back_is_quarrys_as_a_whole(void **state)
{
    struct quarry *q = boot_watched_of(8192, NULL, NULL);
    struct qr_cache_params params = {
        .name = "apart", .size = 1000, .dtor26 = destruct, .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);

    (void)state;
    destructed = closed = 0;
    assert_true(cache->order > 1);
    give(q, cache, take(cache));
    assert_int_equal(qr_cache_shrink(cache), 0);
    assert_int_equal(destructed, cache->objects);
    assert_int_equal(closed, 0);
    end_watched(q);
}

/* Where not even one object fits beside its gap there is none. */
static void the_largest_alignment_leaves_no_room_for_gaps(void **state)
{
    struct quarry *q = boot_watched_of(8192, NULL, NULL);
    struct qr_cache_params params = {.name = "aligned",
                                     .size = 8,
                                     .align = PAGE_SIZE << MAX_PAGE_ORDER,
                                     .flags = SLAB_KMALLOC,
                                     .slot_id = QR_NO_SLOT};
    struct kmem_cache *cache = qr_cache_create(&q->slabs, &params);
    char *object;

    (void)state;
    assert_non_null(cache);
    assert_int_equal(cache->left_pad, 0);
    assert_int_equal(cache->objects, 1);
    object = take(cache);
    assert_true(all_are(object, 0, 8, ALLOWED));
    assert_true(all_are(object, 8, 4096, FORBIDDEN));
    give(q, cache, object);
    assert_true(all_are(object, 0, 4096, FORBIDDEN));
    end_watched(q);
}

/* A gap beside each would cost them a block twice as large; the very largest have no record either. */
static void large_objects_lie_side_by_side(void **state)
{
    static const size_t sizes[] = {256u << 10, PAGE_SIZE << MAX_PAGE_ORDER};
    struct quarry *q = boot_watched_of(8192, NULL, NULL);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct kmem_cache *cache = cache_of(q, "large", sizes[i], 0);
        long size = (long)sizes[i];
        char *object = take(cache);
        assert_int_equal(cache->left_pad, 0);
        assert_int_equal(cache->track_offset, i == 0 ? sizes[i] : 0);
        assert_true(all_are(object, 0, size, ALLOWED));
        give(q, cache, object);
        assert_true(all_are(object, 0, size, FORBIDDEN));
        assert_int_equal(blocks.size, size);
    }
    end_watched(q);
}

/* ---- kmalloc --------------------------------------------------------------------------------- */

static void a_blocks_bytes_are_those_asked_for(void **state)
{
    struct quarry *q = boot_watched(NULL);
    struct qr_kmalloc *kmalloc = &q->kmalloc;
    const long all = (long)qr_kmalloc_roundup(kmalloc, 100);
    char *block = qr_kmalloc_slow(kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);

    (void)state;
    assert_true(all > 105);
    assert_true(all_are(block, 0, 100, ALLOWED));
    assert_true(all_are(block, 100, all, FORBIDDEN));
    assert_ptr_equal(qr_krealloc(kmalloc, block, 105, GFP_KERNEL), block);
    assert_true(all_are(block, 0, 105, ALLOWED));
    assert_true(all_are(block, 105, all, FORBIDDEN));
    assert_ptr_equal(qr_krealloc(kmalloc, block, 10, GFP_KERNEL), block);
    assert_true(all_are(block, 0, 10, ALLOWED));
    assert_true(all_are(block, 10, all, FORBIDDEN));
    assert_int_equal(qr_ksize(kmalloc, block), all); /* who is told so may use them */
    assert_true(all_are(block, 0, all, ALLOWED));
    qr_kfree_slow(kmalloc, block, "kfree");
    assert_true(all_are(block, 0, all, FORBIDDEN));
    assert_int_equal(blocks.written, 0);
    block = qr_kmalloc_slow(kmalloc, 24, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
    assert_int_equal(blocks.written, 1);
    assert_ptr_equal(blocks.address, block);
    assert_int_equal(blocks.size, 24);
    qr_kfree_slow(kmalloc, block, "kfree");
    end_watched(q);
}

/* Pages between which the next block of four will lie: four before it, and four behind. */
static struct page *neighbours(struct quarry *q)
{
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 4, NUMA_NO_NODE);

    qr_split_page(&q->zones, page, 4);
    for (unsigned int i = 4; i < 8; i++)
        qr_free_block(&q->zones, page + i, 0);
    qr_pcp_drain_all(&q->zones);
    return page;
}

static bool neighbours_are_untouched(struct quarry *q, struct page *page)
{
    char *bytes = qr_page_virt(&q->map, page);

    return all_are(bytes, 0, 4 * PAGE_SIZE, ALLOWED) &&
           all_are(bytes, 8 * PAGE_SIZE, 16 * PAGE_SIZE, ALLOWED);
}

static void neighbours_go(struct quarry *q, struct page *page)
{
    for (unsigned int i = 0; i < 16; i++)
        if (i < 4 || i > 7)
            qr_free_block(&q->zones, page + i, 0);
}

static void a_large_blocks_slack_is_nobodys(void **state)
{
    struct quarry *q = boot_watched(NULL);
    struct qr_kmalloc *kmalloc = &q->kmalloc;
    const long size = 3 * PAGE_SIZE + 5, all = 4 * PAGE_SIZE;
    struct page *beside = neighbours(q);
    char *block = qr_kmalloc_slow(kmalloc, (size_t)size, GFP_KERNEL, NUMA_NO_NODE);

    (void)state;
    assert_ptr_equal(block, qr_page_virt(&q->map, beside + 4));
    assert_int_equal(blocks.fresh, 1);
    assert_int_equal(blocks.written, 0);
    assert_ptr_equal(blocks.address, block);
    assert_int_equal(blocks.size, size);
    assert_true(neighbours_are_untouched(q, beside));
    assert_true(all_are(block, 0, size, ALLOWED));
    assert_true(all_are(block, size, all, FORBIDDEN));
    assert_ptr_equal(qr_krealloc(kmalloc, block, (size_t)size + 7, GFP_KERNEL), block);
    assert_true(all_are(block, 0, size + 7, ALLOWED));
    assert_true(all_are(block, size + 7, all, FORBIDDEN));
    assert_true(neighbours_are_untouched(q, beside));
    qr_kfree_slow(kmalloc, block, "kfree");
    assert_true(all_are(block, 0, all, FORBIDDEN));
    assert_true(neighbours_are_untouched(q, beside));
    assert_int_equal(blocks.freed, 1);
    assert_ptr_equal(blocks.address, block);
    assert_int_equal(blocks.size, all);
    block = qr_kmalloc_slow(kmalloc, (size_t)size, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
    assert_int_equal(blocks.fresh, 1);
    assert_int_equal(blocks.written, 1);
    qr_kfree_slow(kmalloc, block, "kfree");
    neighbours_go(q, beside);
    end_watched(q);
}

/* The bytes behind a guarded block are canaries, which Quarry looks at when it comes back. */
static void a_guarded_block_that_shrinks_keeps_its_page(void **state)
{
    struct quarry *q = boot_watched("kfence.every=1 kfence.num_objects=4");
    struct qr_kmalloc *kmalloc = &q->kmalloc;
    char *block = qr_kmalloc_slow(kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);

    (void)state;
    assert_true(qr_guard_owns(&q->guards, block));
    assert_ptr_equal(qr_krealloc(kmalloc, block, 10, GFP_KERNEL), block);
    for (int i = 0; i < 100; i++)
        assert_false(all_are(block, i, i + 1, FORBIDDEN));
    memset(block, 1, 10);
    qr_kfree_slow(kmalloc, block, "kfree");
    assert_int_equal(test_findings(q, QUARRY_FINDING_KINDS), 0);
    end_watched(q);
}

/* ---- pages and areas ------------------------------------------------------------------------- */

static void pages_are_their_owners_until_they_are_freed(void **state)
{
    struct quarry *q = boot_watched(NULL);
    struct page *beside = neighbours(q);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 2, NUMA_NO_NODE);
    char *bytes = qr_page_virt(&q->map, page);

    (void)state;
    assert_ptr_equal(page, beside + 4);
    assert_true(all_are(bytes, 0, 4 * PAGE_SIZE, ALLOWED));
    assert_true(neighbours_are_untouched(q, beside));
    qr_free_block(&q->zones, page, 2);
    assert_true(all_are(bytes, 0, 4 * PAGE_SIZE, FORBIDDEN));
    assert_true(neighbours_are_untouched(q, beside));
    neighbours_go(q, beside);
    end_watched(q);
}

/* A view of pages that somebody owns is no block of its own. */
static void a_view_is_no_block(void **state)
{
    struct quarry *q = boot_watched(NULL);
    struct page *page[2];
    char *view;
    (void)state;
    for (int i = 0; i < 2; i++)
        page[i] = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    memset(&blocks, 0, sizeof(blocks));
    view = qr_vmap(&q->vm, page, 2, VM_MAP, "vmap");
    assert_non_null(view);
    assert_true(all_are(view, 0, 2 * PAGE_SIZE, ALLOWED));
    qr_vunmap(&q->vm, view, "vunmap");
    assert_true(all_are(view, 0, 2 * PAGE_SIZE, FORBIDDEN));
    assert_int_equal(blocks.fresh + blocks.written + blocks.freed, 0);
    for (int i = 0; i < 2; i++)
        qr_free_block(&q->zones, page[i], 0);
    end_watched(q);
}

static void an_areas_bytes_are_those_asked_for(void **state)
{
    struct quarry *q = boot_watched("vmalloc_cache=0");
    char *area = qr_vmalloc(&q->vm, 5000, 1, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    char *behind = qr_vmalloc(&q->vm, 3 * PAGE_SIZE, 1, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");

    (void)state;
    assert_ptr_equal(behind, area + 3 * PAGE_SIZE); /* and what is told of one is true of one */
    qr_vfree(&q->vm, behind, false);
    assert_ptr_equal(qr_vmalloc(&q->vm, 3 * PAGE_SIZE, 1, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc"),
                     behind);
    assert_true(all_are(area, 0, 5000, ALLOWED));
    assert_true(all_are(area, 5000, 2 * PAGE_SIZE, FORBIDDEN));
    assert_ptr_equal(blocks.address, behind);
    assert_int_equal(blocks.size, 3 * PAGE_SIZE);
    for (size_t size = 4500; size <= 6500; size += 2000) {
        assert_ptr_equal(qr_vrealloc(&q->vm, area, size, GFP_KERNEL), area);
        assert_true(all_are(area, 0, size, ALLOWED));
        assert_true(all_are(area, size, 2 * PAGE_SIZE, FORBIDDEN));
        assert_true(all_are(area, 2 * PAGE_SIZE, 3 * PAGE_SIZE, NEVER_TOLD));
        assert_true(all_are(behind, 0, 3 * PAGE_SIZE, ALLOWED));
    }
    blocks.freed = 0;
    qr_vfree(&q->vm, area, false);
    assert_true(all_are(area, 0, 2 * PAGE_SIZE, FORBIDDEN));
    assert_true(all_are(area, 2 * PAGE_SIZE, 3 * PAGE_SIZE, NEVER_TOLD));
    assert_true(all_are(behind, 0, 3 * PAGE_SIZE, ALLOWED));
    assert_int_equal(blocks.freed, 1);
    assert_ptr_equal(blocks.address, area);
    assert_int_equal(blocks.size, 6500);
    qr_vfree(&q->vm, behind, false);
    end_watched(q);
}

static void an_area_that_is_kept_is_nobodys_until_it_is_handed_out_again(void **state)
{
    struct quarry *q = boot_watched("vmalloc_cache=64");
    char *area = qr_vmalloc(&q->vm, 5000, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    struct vm_struct *reserved = qr_get_vm_area(&q->vm, PAGE_SIZE, VM_IOREMAP);

    (void)state;
    memset(&blocks, 0, sizeof(blocks));
    qr_vfree(&q->vm, area, false);
    assert_int_equal(q->vm.cached.nr, 1);
    assert_int_equal(blocks.freed, 1);
    assert_true(all_are(area, 0, 2 * PAGE_SIZE, FORBIDDEN));
    assert_ptr_equal(qr_vmalloc(&q->vm, 6000, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc"), area);
    assert_true(all_are(area, 0, 6000, ALLOWED));
    assert_true(all_are(area, 6000, 2 * PAGE_SIZE, FORBIDDEN));
    qr_vfree(&q->vm, area, false);
    area = reserved->addr; /* no memory that changes hands */
    assert_true(all_are(area, 0, PAGE_SIZE, NEVER_TOLD));
    qr_free_vm_area(&q->vm, reserved);
    assert_true(all_are(area, 0, PAGE_SIZE, NEVER_TOLD));
    assert_int_equal(blocks.freed, 2);
    end_watched(q);
}

/* High memory has no address of its own: nothing is told, least of all about the place where it would be. */
static void a_block_of_high_memory_has_no_bytes_to_tell(void **state)
{
    struct quarry *q = boot_watched_of(2048, "zones", NULL);
    size_t size = shadow_end - shadow_start;
    unsigned char *before = malloc(size);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 2, NUMA_NO_NODE);

    (void)state;
    assert_non_null(before);
    assert_true(all_are(qr_page_virt(&q->map, page), 0, 4 * (long)PAGE_SIZE, ALLOWED));
    memcpy(before, shadow, size);
    qr_free_block(&q->zones, page, 2);
    assert_int_not_equal(memcmp(before, shadow, size), 0);
    memcpy(before, shadow, size);
    page = qr_alloc_pages(&q->zones, GFP_HIGHUSER, 2, NUMA_NO_NODE);
    assert_false(qr_page_is_low(&q->map, page));
    assert_memory_equal(before, shadow, size);
    qr_free_block(&q->zones, page, 2);
    assert_memory_equal(before, shadow, size);
    free(before);
    end_watched(q);
}

/* A detector of races is told of the object only, each time it changes hands. */
static void an_observed_object_is_told_as_a_whole_and_alone(void **state)
{
    static const char *const options[] = {NULL, "slab_debug=F"};

    (void)state;
    if (QP_OBSERVED())
        skip();
    for (size_t i = 0; i < QR_ARRAY_SIZE(options); i++) {
        struct test_spec spec = {.pages = 2048, .options = options[i]};
        struct quarry *q = boot_shadowed(&spec);
        struct kmem_cache *cache = cache_of(q, "observed", 40, 0);
        char *object, *many[3];
        unsigned long before;
        q->check.watched = true; /* as it is asked for when hooks are set … */
        qr_slabs_update_hooks(&q->slabs);
        q->check.watched = false; /* … and not where each byte is told */
        object = take(cache);
        assert_true(all_are(object, 0, 40, ALLOWED));
        assert_true(all_are(object, 40, 41, NEVER_TOLD) || cache->slot_size == 40);
        before = told;
        give(q, cache, object);
        assert_int_equal(told, before + 1); /* whoever frees it gets it from nobody */
        assert_true(all_are(object, 0, 40, FORBIDDEN));
        assert_true(all_are(object, 40, 41, NEVER_TOLD) || cache->slot_size == 40);
        assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 3, (void **)many), 3);
        for (int k = 0; k < 3; k++)
            assert_true(all_are(many[k], 0, 40, ALLOWED));
        qr_cache_free_bulk(&q->slabs, cache, 3, (void **)many);
        for (int k = 0; k < 3; k++)
            assert_true(all_are(many[k], 0, 40, FORBIDDEN));
        end_watched(q);
    }
}

/* Where nobody watches nothing is told: what the calls cost is for detectors only. */
static void a_machine_that_nobody_watches_tells_nothing(void **state)
{
    static const char *const options[] = {NULL, "slab_debug=FZPU", "init_on_free=1"};

    (void)state;
    if (QP_OBSERVED())
        skip();
    for (size_t i = 0; i < QR_ARRAY_SIZE(options); i++) {
        struct test_spec spec = {.pages = 2048, .options = options[i]};
        struct quarry *q = boot_shadowed(&spec);
        struct kmem_cache *cache = cache_of(q, "plain", 40, 0),
                          *readers = cache_of(q, "readers", 40, SLAB_TYPESAFE_BY_RCU);
        void *object = take(cache), *many[2], *block, *page;
        give(q, cache, object);
        give(q, readers, take(readers));
        assert_int_equal(qr_cache_alloc_bulk(cache, GFP_KERNEL, 2, many), 2);
        qr_cache_free_bulk(&q->slabs, cache, 2, many);
        assert_int_equal(qr_slabs_check(&q->slabs), 0);
        assert_int_equal(qr_cache_destroy(&q->slabs, cache, false), 0);
        for (size_t size = 50; size <= 50000; size *= 1000) {
            block = qr_kmalloc_slow(&q->kmalloc, size, GFP_KERNEL, NUMA_NO_NODE);
            assert_ptr_equal(qr_krealloc(&q->kmalloc, block, size + 5, GFP_KERNEL), block);
            qr_ksize(&q->kmalloc, block);
            qr_kfree_slow(&q->kmalloc, block, "kfree");
        }
        page = qr_alloc_pages(&q->zones, GFP_KERNEL, 1, NUMA_NO_NODE);
        qr_free_block(&q->zones, page, 1);
        block = qr_vmalloc(&q->vm, 5000, 1, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
        assert_ptr_equal(qr_vrealloc(&q->vm, block, 6000, GFP_KERNEL), block);
        qr_vfree(&q->vm, block, false);
        assert_int_equal(told, 0);
        end_watched(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_guards_of_an_object_are_quarrys_while_it_looks_at_them),
        cmocka_unit_test(a_machine_that_nobody_watches_tells_nothing),
        cmocka_unit_test(an_observed_object_is_told_as_a_whole_and_alone),
        cmocka_unit_test(an_objects_bytes_are_its_owners_until_it_is_freed),
        cmocka_unit_test(red_zones_and_records_are_nobodys),
        cmocka_unit_test(readers_may_look_at_what_was_freed),
        cmocka_unit_test(a_slab_that_goes_back_is_quarrys_and_then_nobodys),
        cmocka_unit_test(what_is_freed_is_quarrys_before_it_is_nobodys),
        cmocka_unit_test(a_slab_that_goes_back_is_quarrys_as_a_whole),
        cmocka_unit_test(the_largest_alignment_leaves_no_room_for_gaps),
        cmocka_unit_test(large_objects_lie_side_by_side),
        cmocka_unit_test(a_blocks_bytes_are_those_asked_for),
        cmocka_unit_test(a_guarded_block_that_shrinks_keeps_its_page),
        cmocka_unit_test(a_large_blocks_slack_is_nobodys),
        cmocka_unit_test(pages_are_their_owners_until_they_are_freed),
        cmocka_unit_test(a_view_is_no_block),
        cmocka_unit_test(an_areas_bytes_are_those_asked_for),
        cmocka_unit_test(an_area_that_is_kept_is_nobodys_until_it_is_handed_out_again),
        cmocka_unit_test(a_block_of_high_memory_has_no_bytes_to_tell),
        cmocka_unit_test(the_objects_of_a_new_slab_are_nobodys),
        cmocka_unit_test(an_object_is_told_as_written_where_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
