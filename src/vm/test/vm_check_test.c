/* SPDX-License-Identifier: MIT */
/* What the check finds, each contradiction by its number and place; and how the leak scan, reports and a
 * fork see areas that are no common ones. */
#include "vm_support.h"
#include "vm/area.h"

/* With @value in @place so many contradictions are found, the last of them in @where; before and after
 * there is none. */
#define CONTRADICTS(q, place, value, wrong, where)                                                 \
    do {                                                                                           \
        __typeof__(place) kept_ = (place);                                                         \
        unsigned long found_;                                                                      \
        assert_int_equal(qr_vm_check(&(q)->vm), 0);                                                \
        (place) = (value);                                                                         \
        found_ = qr_vm_check(&(q)->vm);                                                            \
        (place) = kept_;                                                                           \
        assert_int_equal(found_, wrong);                                                           \
        assert_non_null(strstr(test_last_report, where));                                          \
        assert_int_equal(qr_vm_check(&(q)->vm), 0);                                                \
    } while (0)

static struct quarry *boot_quiet(const char *options)
{
    struct test_spec spec = {.pages = 2048, .options = options};
    struct quarry *q = test_boot_with(&spec);
    qr_reclaim_stop(&q->reclaim);
    return q;
}

static struct qr_area *area_of(struct quarry *q, const void *address)
{
    return qr_area_of(qr_find_vm_area(&q->vm, address));
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void a_tree_that_does_not_lead_to_its_areas_is_found(void **state)
{
    struct quarry *q = boot_quiet("vmalloc_cache=0");
    struct qr_area *leaf, *root, *parent = NULL, **link;
    char *area[8];
    for (int i = 0; i < 8; i++)
        area[i] = vm_get(q, 2);
    root = leaf = q->vm.tree;
    while (leaf->left || leaf->right) {
        parent = leaf;
        leaf = leaf->left ? leaf->left : leaf->right;
    }
    assert_ptr_not_equal(leaf, root);
    link = parent->left == leaf ? &parent->left : &parent->right;
    CONTRADICTS(q, q->vm.tree, NULL, 8, "the tree of areas");
    CONTRADICTS(q, *link, NULL, 1, "1 contradictions in the tree of areas");
    CONTRADICTS(q, leaf->priority, ~0u, 1, "1 contradictions in the tree of areas");
    CONTRADICTS(q, leaf->range, root->range, 1, "1 contradictions in the tree of areas");
    CONTRADICTS(q, leaf->vm.addr, (char *)leaf->vm.addr + PAGE_SIZE, 1, "the tree of areas");
    CONTRADICTS(q, leaf->vm.size, leaf->vm.size + PAGE_SIZE, 1, "the tree of areas");
    for (int i = 0; i < 8; i++)
        qr_vfree(&q->vm, area[i], false);
    test_end(q);
}

static void pages_of_an_area_that_are_not_its_own_are_found(void **state)
{
    struct quarry *q = boot_quiet("vmalloc_cache=0");
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    void *made = vm_get(q, 3), *shown = qr_vmap(&q->vm, &page, 1, VM_MAP, "vmap");
    struct qr_area *area = area_of(q, made);
    struct page *first = area->frames[0];
    CONTRADICTS(q, first->flags, first->flags & ~PGF_VMALLOC, 1,
                "1 contradictions in the counters");
    CONTRADICTS(q, first->_refcount, 0, 1, "1 contradictions in the counters");
    CONTRADICTS(q, area->state, QR_AREA_DEFERRED, 2, "the counters"); /* of areas, and of pages */
    CONTRADICTS(q, area->internal, true, 2, "the counters");
    qr_vunmap(&q->vm, shown, "vunmap");
    qr_vfree(&q->vm, made, false);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

static void an_area_that_is_taken_apart_just_now_is_not_looked_into(void **state)
{
    struct quarry *q = boot_quiet("vmalloc_cache=0");
    struct qr_area *area = area_of(q, vm_get(q, 3));
    area->state = QR_AREA_LEAVING;
    qr_area_account_locked(&q->vm, area, false);
    area->frames[1]->flags &= ~PGF_VMALLOC; /* its owner has come so far */
    assert_int_equal(qr_vm_check(&q->vm), 0);
    area->state = QR_AREA_DEFERRED;
    assert_int_equal(qr_vm_check(&q->vm), 1);
    test_abandon(q);
}

static void kept_areas_that_contradict_the_cache_are_found(void **state)
{
    struct quarry *q = boot_quiet("vmalloc_cache=512");
    struct qr_area_cache *cache = &q->vm.cached;
    void *made[3] = {vm_get(q, 5), vm_get(q, 69), vm_get(q, 7)};
    struct qr_area *first, *seven;
    for (int i = 0; i < 3; i++)
        qr_vfree(&q->vm, made[i], false);
    assert_int_equal(cache->nr, 3);
    first = cache->bin[5];
    seven = cache->bin[7];
    assert_ptr_equal(first->bin_next->vm.addr, made[0]); /* both of them share a bin */
    CONTRADICTS(q, first->state, QR_AREA_DEFERRED, 1, "the cache of areas");
    CONTRADICTS(q, first->frames[3]->_refcount, 2, 1, "the cache of areas");
    CONTRADICTS(q, first->vm.size, 0, 1, "1 contradictions in the cache of areas"); /* not found */
    CONTRADICTS(q, cache->nr, 4, 1, "the cache of areas");
    CONTRADICTS(q, cache->pages, 80, 1, "the cache of areas");
    CONTRADICTS(q, cache->bin[7], NULL, 1, "the cache of areas");
    CONTRADICTS(q, cache->limit, 80, 1, "the cache of areas");
    cache->bin[8] = seven; /* the bin of others */
    cache->bin[7] = NULL;
    assert_int_equal(qr_vm_check(&q->vm), 1);
    cache->bin[8] = NULL;
    cache->bin[7] = seven;
    test_end(q);
}

static void a_machine_without_addresses_has_nothing_to_check(void **state)
{
    struct test_spec spec = {.pages = 256, .vmalloc = TEST_NO_VMALLOC};
    struct quarry *q = test_boot_with(&spec);
    assert_int_equal(qr_vm_check(&q->vm), 0);
    assert_null(qr_vm_reserve(&q->vm, PAGE_SIZE, GFP_KERNEL));
    assert_null(vm_get(q, 1));
    test_end(q);
}

/* ---- the tree -------------------------------------------------------------------------------- */

static unsigned int depth_of(const struct qr_area *tree)
{
    unsigned int left, right;
    if (!tree)
        return 0;
    left = depth_of(tree->left);
    right = depth_of(tree->right);
    return 1 + QR_MAX(left, right);
}

/* Distances by which a multiplication alone would give ever lower priorities, for hundreds of areas. */
static void the_tree_is_shallow_however_the_areas_lie(void **state)
{
    static const unsigned int distances[] = {2, 17, 89, 233};
    struct test_spec spec = {.pages = 65536};
    struct quarry *q = test_boot_with(&spec);
    static struct vm_struct *area[1024];
    for (unsigned int d = 0; d < QR_ARRAY_SIZE(distances); d++) {
        for (unsigned int i = 0; i < QR_ARRAY_SIZE(area); i++) {
            area[i] = qr_get_vm_area(&q->vm, distances[d] * PAGE_SIZE, VM_IOREMAP | VM_NO_GUARD);
            assert_non_null(area[i]);
        }
        assert_ptr_equal(area[1023]->addr, (char *)area[0]->addr + 1023 * area[0]->size);
        assert_in_range(depth_of(q->vm.tree), 11, 40);
        for (unsigned int i = 0; i < QR_ARRAY_SIZE(area); i++)
            qr_free_vm_area(&q->vm, area[i]);
    }
    test_end(q);
}

/* ---- walks ----------------------------------------------------------------------------------- */

struct walked {
    const void *address[4];
    size_t size[4];
    unsigned int nr, most;
};

static bool walk_live(const struct quarry_live *live, void *data)
{
    struct walked *walked = data;
    walked->size[walked->nr] = live->size;
    walked->address[walked->nr++] = live->address;
    return walked->nr < walked->most;
}

static void a_walk_passes_over_what_no_caller_has_and_stops_when_told(void **state)
{
    struct quarry *q = boot_quiet("vmalloc_cache=64");
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    void *kept = vm_get(q, 1), *first, *second;
    struct vm_struct *own = qr_vm_reserve(&q->vm, PAGE_SIZE, GFP_KERNEL);
    struct walked all = {.most = 4}, one = {.most = 1};
    first = vm_get(q, 2);
    second = qr_vmap(&q->vm, (struct page *[]){page, page, page}, 3, VM_MAP, "vmap");
    qr_vfree(&q->vm, kept, false);
    assert_int_equal(q->vm.cached.nr, 1);
    qr_vm_for_each_live(&q->vm, walk_live, &all);
    assert_int_equal(all.nr, 2);
    assert_ptr_equal(all.address[0], first);
    assert_ptr_equal(all.address[1], second);
    assert_int_equal(all.size[0], 2 * PAGE_SIZE);
    assert_int_equal(all.size[1], 3 * PAGE_SIZE);
    qr_vm_for_each_live(&q->vm, walk_live, &one);
    assert_int_equal(one.nr, 1);
    assert_ptr_equal(one.address[0], first);
    qr_vfree(&q->vm, first, false);
    qr_vunmap(&q->vm, second, "vunmap");
    qr_free_block(&q->zones, page, 0);
    qr_free_vm_area(&q->vm, own);
    test_end(q);
}

/* ---- the leak scan --------------------------------------------------------------------------- */

struct blocks {
    struct qr_leak_block block[8];
    unsigned int nr, most;
};

static bool keep_block(const struct qr_leak_block *block, void *data)
{
    struct blocks *blocks = data;
    blocks->block[blocks->nr++] = *block;
    return blocks->nr < blocks->most;
}

static void the_leak_scan_sees_live_areas_and_of_reserved_ones_no_memory(void **state)
{
    struct quarry *q = boot_quiet("vmalloc_cache=64");
    void *kept = vm_get(q, 1), *area = vm_get(q, 2);
    struct vm_struct *reserved = qr_get_vm_area(&q->vm, PAGE_SIZE, VM_IOREMAP);
    struct vm_struct *own = qr_vm_reserve(&q->vm, PAGE_SIZE, GFP_KERNEL);
    struct blocks all = {.most = 8}, two = {.most = 2};
    qr_vfree(&q->vm, kept, false);
    assert_int_equal(q->vm.cached.nr, 1);
    assert_true(qr_vm_leak_each(&q->vm, keep_block, &all));
    assert_int_equal(all.nr, 3);
    assert_ptr_equal(all.block[0].start, area);
    assert_int_equal(all.block[0].size, 2 * PAGE_SIZE);
    assert_ptr_equal(all.block[0].word, &area_of(q, area)->leak);
    assert_null(all.block[1].start); /* nothing can be read there */
    assert_non_null(all.block[1].word);
    assert_null(all.block[2].word); /* Quarry's own is nobody's leak */
    assert_false(qr_vm_leak_each(&q->vm, keep_block, &two));
    assert_int_equal(two.nr, 2);
    qr_vfree(&q->vm, area, false);
    qr_free_vm_area(&q->vm, reserved);
    qr_free_vm_area(&q->vm, own);
    test_end(q);
}

/* What an area shows of others' memory keeps that memory from being lost; its own pages are its own. */
static void the_leak_scan_learns_whose_pages_an_area_shows(void **state)
{
    struct quarry *q = boot_quiet("vmalloc_cache=0");
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    struct page *twice[2] = {page, page};
    char *shown = qr_vmap(&q->vm, twice, 2, VM_MAP, "vmap"), *made = vm_get(q, 2);
    struct qr_leak_found_area found;
    assert_true(qr_vm_leak_find(&q->vm, shown + PAGE_SIZE, &found));
    assert_int_equal(found.nr_frames, 2);
    assert_ptr_equal(found.frames[1], page);
    assert_true(qr_vm_leak_find(&q->vm, made, &found));
    assert_null(found.frames);
    qr_vfree(&q->vm, made, false);
    qr_vunmap(&q->vm, shown, "vunmap");
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

static void a_kept_area_is_new_to_the_leak_scan_when_it_is_handed_out_again(void **state)
{
    struct quarry *q = boot_quiet("vmalloc_cache=64");
    void *made = vm_get(q, 2);
    struct qr_leak_found_area found;
    assert_true(qr_vm_leak_find(&q->vm, made, &found));
    *found.block.word = QR_LEAK_UNSEEN; /* nothing led to it when its last owner had it */
    qr_vfree(&q->vm, made, false);
    assert_ptr_equal(vm_get(q, 2), made);
    assert_true(qr_vm_leak_find(&q->vm, made, &found));
    assert_int_equal(*found.block.word, QR_LEAK_REACHED);
    qr_vfree(&q->vm, made, false);
    test_end(q);
}

static void addresses_that_lead_to_no_callers_area_are_not_found(void **state)
{
    struct quarry *q = boot_quiet("vmalloc_cache=64");
    char *area = vm_get(q, 2), *kept = vm_get(q, 1);
    struct vm_struct *own = qr_vm_reserve(&q->vm, PAGE_SIZE, GFP_KERNEL);
    struct vm_struct *gone = qr_get_vm_area(&q->vm, PAGE_SIZE, VM_IOREMAP), *again;
    char *block = qr_kmalloc_slow(&q->kmalloc, 96, GFP_KERNEL, NUMA_NO_NODE), *slack = block;
    struct qr_leak_found_area found;
    struct qr_object object;
    void *gone_at = gone->addr;
    do
        slack += 8;
    while (qr_object_find(&q->slabs, slack, &object) && object.start);
    assert_true(
        qr_object_find(&q->slabs, slack, &object)); /* in the slab, and in no object of it */
    assert_false(qr_vm_leak_find(&q->vm, slack, &found));
    assert_false(qr_vm_leak_find(&q->vm, &found, &found)); /* no memory of the machine */
    qr_free_vm_area(&q->vm, gone);
    assert_false(qr_vm_leak_find(&q->vm, gone_at, &found));
    assert_ptr_equal(qr_cache_alloc_slow(q->vm.area_cache, GFP_KERNEL, NUMA_NO_NODE), gone);
    again = qr_get_vm_area(&q->vm, PAGE_SIZE, VM_IOREMAP);
    assert_ptr_not_equal(again, gone);
    assert_ptr_equal(again->addr, gone_at); /* another one lives where that one lay */
    qr_cache_free_slow(&q->slabs, q->vm.area_cache, gone, "test");
    assert_ptr_equal(gone->addr, gone_at); /* and this is what a reader would find in the record */
    assert_false(qr_vm_leak_find(&q->vm, gone, &found));
    assert_true(qr_vm_leak_find(&q->vm, again, &found));
    assert_false(qr_vm_leak_find(&q->vm, own->addr, &found));
    qr_vfree(&q->vm, kept, false);
    assert_false(qr_vm_leak_find(&q->vm, kept, &found));
    assert_true(qr_vm_leak_find(&q->vm, area + 5, &found));
    qr_kfree_slow(&q->kmalloc, block, "kfree");
    qr_vfree(&q->vm, area, false);
    qr_free_vm_area(&q->vm, again);
    qr_free_vm_area(&q->vm, own);
    test_end(q);
}

static void no_area_is_traced_anew_where_none_is(void **state)
{
    struct quarry *q = boot_quiet("check=1");
    char *area = vm_get(q, 2);
    u64 before = q->check.sequence;
    qr_vm_retrace(&q->vm, area + 8 * PAGE_SIZE);
    assert_int_equal(q->check.sequence, before);
    qr_vm_retrace(&q->vm, area + PAGE_SIZE);
    assert_int_equal(q->check.sequence, before + 1);
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

/* ---- what an address is ---------------------------------------------------------------------- */

static void says(struct quarry *q, const void *address, const char *text)
{
    qr_report_bad_free(&q->zones, address, "free");
    if (!strstr(test_last_report, text))
        fail_msg("\"%s\" does not say \"%s\"", test_last_report, text);
}

static void g_s8_a_report_says_what_an_address_is(void **state)
{
    struct quarry *q = boot_quiet("vmalloc_cache=0");
    char *area = vm_get(q, 3), *gone = vm_get(q, 1);
    struct vm_struct *reserved = qr_get_vm_area(&q->vm, 3 * PAGE_SIZE, VM_IOREMAP);
    char *block = qr_kmalloc_slow(&q->kmalloc, 96, GFP_KERNEL, NUMA_NO_NODE), *slack = block;
    struct qr_object object;
    do
        slack += 8;
    while (qr_object_find(&q->slabs, slack, &object) && object.start);
    says(q, area, "the start of a live area of 3 pages");
    says(q, (char *)reserved->addr + 3 * PAGE_SIZE,
         "12288 bytes inside the area"); /* no pages, no guard */
    says(q, block, "the start of object");
    says(q, block + 1, "an address inside object");
    qr_report_bad_free(&q->zones, slack, "free");
    assert_non_null(strstr(test_last_report, "of a slab")); /* it is in no object */
    assert_null(strstr(test_last_report, "object 4"));
    qr_vfree(&q->vm, gone, false);
    qr_kfree_slow(&q->kmalloc, gone, "kfree");
    assert_non_null(strstr(test_last_report, "a vmalloc address where no area is now"));
    qr_kfree_slow(&q->kmalloc, area, "kfree");
    assert_non_null(strstr(test_last_report, "use vfree or kvfree"));
    qr_kfree_slow(&q->kmalloc, block, "kfree");
    qr_vfree(&q->vm, area, false);
    qr_free_vm_area(&q->vm, reserved);
    test_end(q);
}

/* ---- after the memory changed behind the addresses ------------------------------------------- */

static void reserved_addresses_stay_empty_when_areas_are_mapped_anew(void **state)
{
    struct quarry *q = boot_quiet("vmalloc_cache=0");
    struct vm_struct *reserved = qr_get_vm_area(&q->vm, 3 * PAGE_SIZE, VM_IOREMAP);
    char *area = vm_get(q, 2);
    area[PAGE_SIZE] = 3;
    qp_unmap(q->map.offset, area, 2);
    assert_int_equal(qr_vm_remap_all(&q->vm), 0);
    assert_int_equal(area[PAGE_SIZE], 3);
    assert_true(vm_faults(reserved->addr));
    qr_vfree(&q->vm, area, false);
    qr_free_vm_area(&q->vm, reserved);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_that_does_not_lead_to_its_areas_is_found),
        cmocka_unit_test(pages_of_an_area_that_are_not_its_own_are_found),
        cmocka_unit_test(an_area_that_is_taken_apart_just_now_is_not_looked_into),
        cmocka_unit_test(kept_areas_that_contradict_the_cache_are_found),
        cmocka_unit_test(a_machine_without_addresses_has_nothing_to_check),
        cmocka_unit_test(the_tree_is_shallow_however_the_areas_lie),
        cmocka_unit_test(a_walk_passes_over_what_no_caller_has_and_stops_when_told),
        cmocka_unit_test(the_leak_scan_sees_live_areas_and_of_reserved_ones_no_memory),
        cmocka_unit_test(the_leak_scan_learns_whose_pages_an_area_shows),
        cmocka_unit_test(a_kept_area_is_new_to_the_leak_scan_when_it_is_handed_out_again),
        cmocka_unit_test(addresses_that_lead_to_no_callers_area_are_not_found),
        cmocka_unit_test(no_area_is_traced_anew_where_none_is),
        cmocka_unit_test(g_s8_a_report_says_what_an_address_is),
        cmocka_unit_test(reserved_addresses_stay_empty_when_areas_are_mapped_anew),
    };
    return cmocka_run_group_tests_name("vm check", tests, NULL, NULL);
}
