/* SPDX-License-Identifier: MIT */
/* What leads where: the marking half of the leak scan, on a machine without a program, so that nothing counts
 * but the blocks of a test. tests/leak_scan_test.c has the roots of programs. */
#include "machine.h"
#include "leak/leak.h"
#include "vm/area.h"

static struct quarry *boot_checked(void)
{
    const struct test_spec spec = {.pages = 4096, .options = "check=1"};
    struct quarry *q = test_boot_with(&spec);

    assert_null(q->leaks.roots);
    return q;
}

enum kind { OBJECT, PAGES, AREA, FOREIGN, LARGE, KINDS };

#define BYTES 2048u
static uintptr_t foreign[4][BYTES / sizeof(uintptr_t)];
static unsigned int nr_foreign;

/* A block of at least BYTES bytes, all of them zero. */
static uintptr_t *make(struct quarry *q, enum kind kind)
{
    const gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
    struct page *page;

    switch (kind) {
    case OBJECT:
        return qr_kmalloc_slow(&q->kmalloc, BYTES, gfp, NUMA_NO_NODE);
    case PAGES:
        page = qr_alloc_pages(&q->zones, gfp, 1, NUMA_NO_NODE);
        qr_pages_note(&q->zones, page, 1, gfp);
        return qr_page_virt(&q->map, page);
    case AREA:
        return qr_vmalloc(&q->vm, 2 * PAGE_SIZE, 0, gfp, 0, NUMA_NO_NODE, "vmalloc");
    case FOREIGN:
        memset(foreign[nr_foreign], 0, BYTES);
        assert_true(qr_foreign_add(&q->leaks, foreign[nr_foreign], BYTES, 0, 0));
        return foreign[nr_foreign++];
    default:
        return qr_kmalloc_slow(&q->kmalloc, 5 * PAGE_SIZE, gfp, NUMA_NO_NODE);
    }
}

static void drop(struct quarry *q, enum kind kind, uintptr_t *block)
{
    if (kind == PAGES)
        qr_put_pages(&q->zones, qr_virt_page(&q->map, block), 1, "__free_pages");
    else if (kind == AREA)
        qr_vfree(&q->vm, block, false);
    else if (kind == FOREIGN)
        assert_true(qr_foreign_remove(&q->leaks, block));
    else
        qr_kfree_slow(&q->kmalloc, block, "kfree");
    nr_foreign -= kind == FOREIGN;
}

static u32 *word_of(struct quarry *q, const uintptr_t *block)
{
    struct qr_leak_found_area area;
    struct qr_leak_block found;

    if (qr_foreign_find(&q->leaks, block, &found))
        return found.word;
    if (qr_vm_leak_find(&q->vm, block, &area))
        return area.block.word;
    if (qr_slabs_leak_find(&q->slabs, block, &found))
        return found.word;
    assert_true(qr_pages_leak_find(&q->zones, qr_virt_page(&q->map, block), &found));
    return found.word;
}

static void mark_root(struct quarry *q, const uintptr_t *block)
{
    assert_true(qr_leak_set(&q->leaks, block, QR_LEAK_IS_ROOT, 0, "test"));
}

static bool reached(struct quarry *q, const uintptr_t *block)
{
    u32 colour = *word_of(q, block) & QR_LEAK_COLOUR;

    assert_int_not_equal(colour, QR_LEAK_QUEUED); /* after a scan nothing waits */
    return colour == QR_LEAK_REACHED;
}

static void scan(struct quarry *q)
{
    static const struct qr_leak_block none[QR_LEAK_QUEUE];

    q->leaks.scanned_ns = 0;
    assert_int_equal(qr_leak_mark(&q->leaks, NULL), 0);
    assert_true(q->leaks.scanned_ns > 0);
    assert_int_equal(q->leaks.queued, 0);
    assert_false(q->leaks.overflow);
    assert_memory_equal(q->leaks.queue, none, sizeof(none)); /* it leads nowhere next time */
}

static void what_nothing_leads_to_is_unseen_whatever_it_is(void **state)
{
    struct quarry *q = boot_checked();
    uintptr_t *block[KINDS];

    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        block[kind] = make(q, kind);
        assert_true(reached(q, block[kind])); /* newer than any scan */
    }
    for (int again = 0; again < 2; again++) {
        scan(q);
        for (enum kind kind = 0; kind < KINDS; kind++)
            assert_false(reached(q, block[kind]));
    }
    for (enum kind kind = 0; kind < KINDS; kind++)
        drop(q, kind, block[kind]);
    test_end(q);
}

/* One of each kind leads to one of each kind: alone, and all at once. */
static void every_kind_of_root_leads_to_every_kind_of_block(void **state)
{
    struct quarry *q = boot_checked();
    uintptr_t *root[KINDS], *other[KINDS];

    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        assert_non_null(root[kind] = make(q, kind));
        assert_non_null(other[kind] = make(q, kind));
    }
    for (unsigned int turn = 0; turn < KINDS; turn++)
        for (unsigned int which = 0; which <= KINDS; which++) {
            unsigned int roots = which < KINDS ? 1u << which : (1u << KINDS) - 1;
            for (enum kind kind = 0; kind < KINDS; kind++) {
                unsigned int to = (kind + turn) % KINDS;
                *word_of(q, root[kind]) = roots >> kind & 1 ? QR_LEAK_IS_ROOT : 0;
                memset(root[kind], 0, BYTES);
                root[kind][turn * 3] = (uintptr_t)other[to] + 100 + turn; /* anywhere in it */
            }
            scan(q);
            for (enum kind kind = 0; kind < KINDS; kind++) {
                assert_int_equal(reached(q, root[kind]), roots >> kind & 1);
                assert_int_equal(reached(q, other[(kind + turn) % KINDS]), roots >> kind & 1);
            }
        }
    for (enum kind kind = 0; kind < KINDS; kind++) {
        drop(q, kind, root[kind]);
        drop(q, kind, other[kind]);
    }
    test_end(q);
}

/* From the first whole word to the last, and a byte off is no pointer. */
static void pointers_lie_at_their_alignment_up_to_the_end(void **state)
{
    struct quarry *q = boot_checked();
    const unsigned int last = BYTES / sizeof(uintptr_t) - 1;
    uintptr_t *root = make(q, OBJECT), *target = make(q, OBJECT), *behind = make(q, OBJECT);
    uintptr_t value = (uintptr_t)target;

    (void)state;
    mark_root(q, root);
    root[0] = (uintptr_t)target;
    scan(q);
    assert_true(reached(q, target));
    root[0] = 0;
    root[last] = (uintptr_t)target;
    scan(q);
    assert_true(reached(q, target));
    root[last] = 0;
    memcpy((char *)root + 1, &value, sizeof(value));
    scan(q);
    assert_false(reached(q, target));
    memset(root, 0, BYTES);
    behind[0] = value; /* of somebody whom nobody knows */
    scan(q);
    assert_false(reached(q, target));
    assert_false(reached(q, behind));
    drop(q, OBJECT, root);
    drop(q, OBJECT, target);
    drop(q, OBJECT, behind);
    test_end(q);
}

/* A block that begins or ends in the middle of a word has no pointer there. */
static void half_a_word_is_no_pointer(void **state)
{
    static const struct {
        size_t from, size;
        unsigned int words; /* which of the four count, as bits */
    } of[] = {{0, 32, 15}, {0, 31, 7},  {0, 25, 7}, {0, 24, 7}, {1, 31, 14},
              {7, 25, 14}, {8, 24, 14}, {4, 12, 2}, {4, 11, 0}};
    static uintptr_t memory[4];
    struct quarry *q = boot_checked();
    uintptr_t *target = make(q, OBJECT);

    (void)state;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(of); i++)
        for (unsigned int k = 0; k < 4 && sizeof(uintptr_t) == 8; k++) {
            char *start = (char *)memory + of[i].from;

            memset(memory, 0, sizeof(memory));
            memory[k] = (uintptr_t)target;
            assert_true(qr_foreign_add(&q->leaks, start, of[i].size, QR_LEAK_IS_ROOT, 0));
            scan(q);
            assert_int_equal(reached(q, target), of[i].words >> k & 1);
            assert_true(qr_foreign_remove(&q->leaks, start));
        }
    drop(q, OBJECT, target);
    test_end(q);
}

static void what_is_not_to_be_looked_at_is_reached_and_leads_nowhere(void **state)
{
    static const u32 marks[] = {QR_LEAK_NO_SCAN, QR_LEAK_IGNORE, 0};
    struct quarry *q = boot_checked();
    uintptr_t *root = make(q, OBJECT), *between = make(q, OBJECT), *target = make(q, OBJECT);

    (void)state;
    mark_root(q, root);
    root[0] = (uintptr_t)between;
    between[0] = (uintptr_t)target;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(marks); i++) {
        *word_of(q, between) = marks[i];
        scan(q);
        assert_true(reached(q, between));
        assert_int_equal(reached(q, target), !marks[i]);
        assert_int_equal(*word_of(q, between) & ~QR_LEAK_COLOUR, marks[i]); /* kept */
    }
    drop(q, OBJECT, root);
    drop(q, OBJECT, between);
    drop(q, OBJECT, target);
    test_end(q);
}

/* More than the queue holds at once: from one block to many, and from each of those to one more. */
static void a_queue_that_overflows_costs_no_answer(void **state)
{
    enum { MANY = 3 * QR_LEAK_QUEUE + 7 };
    static uintptr_t *first[MANY], *second[MANY];
    struct quarry *q = boot_checked();
    uintptr_t *root = qr_kmalloc_slow(&q->kmalloc, sizeof(first), GFP_KERNEL, NUMA_NO_NODE);

    (void)state;
    for (unsigned int i = 0; i < MANY; i++) {
        first[i] = qr_kmalloc_slow(&q->kmalloc, 32, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
        second[i] = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
        first[i][3] = (uintptr_t)second[i];
        root[i] = (uintptr_t)first[i];
    }
    mark_root(q, root);
    scan(q);
    for (unsigned int i = 0; i < MANY; i++)
        assert_true(reached(q, first[i]) && reached(q, second[i]));
    first[MANY / 2][3] = 0;
    root[5] = 0;
    scan(q);
    for (unsigned int i = 0; i < MANY; i++) {
        assert_int_equal(reached(q, first[i]), i != 5);
        assert_int_equal(reached(q, second[i]), i != 5 && i != MANY / 2);
        qr_kfree_slow(&q->kmalloc, first[i], "kfree");
        qr_kfree_slow(&q->kmalloc, second[i], "kfree");
    }
    qr_kfree_slow(&q->kmalloc, root, "kfree");
    test_end(q);
}

/* Pages that nobody noted are the core's own: however many they are, each is looked at. */
static void blocks_without_a_word_are_roots(void **state)
{
    enum { MANY = 70 };
    struct quarry *q = boot_checked();
    uintptr_t *target[MANY];
    struct page *page[MANY];

    (void)state;
    for (unsigned int i = 0; i < MANY; i++) {
        page[i] = qr_alloc_pages(&q->zones, GFP_KERNEL | __GFP_ZERO, 0, NUMA_NO_NODE);
        target[i] = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
        *(uintptr_t *)qr_page_virt(&q->map, page[i]) = (uintptr_t)target[i];
    }
    for (unsigned int nr = 0; nr < MANY; nr += 7) { /* every seventh: others point to it no more */
        *(uintptr_t *)qr_page_virt(&q->map, page[nr]) = 0;
        scan(q);
        for (unsigned int i = 0; i < MANY; i++)
            assert_int_equal(reached(q, target[i]), i % 7 != 0 || i > nr);
    }
    for (unsigned int i = 0; i < MANY; i++) {
        qr_free_block(&q->zones, page[i], 0);
        qr_kfree_slow(&q->kmalloc, target[i], "kfree");
    }
    test_end(q);
}

/* By its descriptor, but not by the descriptor of its neighbour. */
static void pages_are_reached_by_what_stands_for_them(void **state)
{
    struct quarry *q = boot_checked();
    uintptr_t *root = make(q, OBJECT), *block = make(q, PAGES), *next = make(q, PAGES);
    struct page *page = qr_virt_page(&q->map, block);

    (void)state;
    mark_root(q, root);
    for (unsigned int i = 0; i < 2; i++) {
        root[0] = (uintptr_t)(page + i);
        scan(q);
        assert_true(reached(q, block));
        assert_false(reached(q, next));
    }
    root[0] = (uintptr_t)(page + 1) + sizeof(*page) - 1; /* its last byte */
    scan(q);
    assert_true(reached(q, block));
    root[0] = (uintptr_t)qr_page(&q->map, q->map.max_pfn); /* behind the last one */
    scan(q);
    assert_false(reached(q, block));
    drop(q, OBJECT, root);
    drop(q, PAGES, block);
    drop(q, PAGES, next);
    test_end(q);
}

/* A view leads to each of its pages and to no other; its record is as good as its address. */
static void what_is_mapped_is_reached_by_its_area_and_by_the_area_s_record(void **state)
{
    struct quarry *q = boot_checked();
    uintptr_t *root = make(q, OBJECT), *block[4], *area;
    struct page *page[4];
    struct qr_area *record;
    char *view;

    (void)state;
    for (unsigned int i = 0; i < 4; i++) {
        block[i] = make(q, PAGES);
        page[i] = qr_virt_page(&q->map, block[i]);
    }
    view = qr_vmap(&q->vm, page, 3, VM_MAP, "vmap");
    area = make(q, AREA);
    assert_non_null(view);
    record = qr_area_of(qr_find_vm_area(&q->vm, view));
    assert_ptr_equal(record->frames, record->inline_frames);
    record->inline_frames[3] = page[3]; /* behind those that are mapped */
    mark_root(q, root);
    scan(q);
    for (unsigned int i = 0; i < 4; i++)
        assert_false(reached(q, block[i]));
    for (unsigned int way = 0; way < 2; way++) {
        root[0] = way ? (uintptr_t)qr_find_vm_area(&q->vm, view) : (uintptr_t)view + 2 * PAGE_SIZE;
        root[1] = 0;
        scan(q);
        for (unsigned int i = 0; i < 4; i++)
            assert_int_equal(reached(q, block[i]), i < 3);
        assert_false(reached(q, area));
        root[1] = way ? (uintptr_t)qr_find_vm_area(&q->vm, area) : (uintptr_t)area;
        root[0] = 0;
        scan(q);
        for (unsigned int i = 0; i < 4; i++)
            assert_false(reached(q, block[i]));
        assert_true(reached(q, area));
    }
    qr_vunmap(&q->vm, view, "vunmap");
    drop(q, AREA, area);
    drop(q, OBJECT, root);
    for (unsigned int i = 0; i < 4; i++)
        drop(q, PAGES, block[i]);
    test_end(q);
}

/* Areas of the core's own have no word either. */
static void areas_of_the_core_are_roots(void **state)
{
    struct quarry *q = boot_checked();
    uintptr_t *area = make(q, AREA), *target = make(q, OBJECT);
    struct qr_area *record = qr_area_of(qr_find_vm_area(&q->vm, area));

    (void)state;
    area[77] = (uintptr_t)target;
    scan(q);
    assert_false(reached(q, target));
    record->internal = true;
    scan(q);
    assert_true(reached(q, target));
    record->internal = false;
    drop(q, AREA, area);
    drop(q, OBJECT, target);
    test_end(q);
}

static void guarded_objects_lead_and_are_reached_like_any_other(void **state)
{
    const struct test_spec spec = {.pages = 4096,
                                   .options = "check=1 kfence.every=1 kfence.num_objects=8"};
    struct quarry *q = test_boot_with(&spec);
    uintptr_t *root, *target, *other;

    (void)state;
    root = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
    target = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
    other = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
    assert_true(qr_guard_owns(&q->guards, root) && qr_guard_owns(&q->guards, target) &&
                qr_guard_owns(&q->guards, other));
    mark_root(q, root);
    root[0] = (uintptr_t)target + 50;
    scan(q);
    assert_true(reached(q, root));
    assert_true(reached(q, target));
    assert_false(reached(q, other));
    drop(q, OBJECT, root);
    drop(q, OBJECT, target);
    drop(q, OBJECT, other);
    test_end(q);
}

/* Pages that are handed out again are not what was said of them before. */
static void a_block_has_no_past(void **state)
{
    struct quarry *q = boot_checked();
    uintptr_t *block = make(q, PAGES), *again;

    (void)state;
    scan(q);
    mark_root(q, block);
    assert_int_equal(*word_of(q, block), QR_LEAK_UNSEEN | QR_LEAK_IS_ROOT);
    drop(q, PAGES, block);
    again = make(q, PAGES);
    assert_ptr_equal(again, block); /* else the test shows nothing */
    assert_int_equal(*word_of(q, again), QR_LEAK_REACHED);
    drop(q, PAGES, again);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nothing_leads_to_is_unseen_whatever_it_is),
        cmocka_unit_test(every_kind_of_root_leads_to_every_kind_of_block),
        cmocka_unit_test(pointers_lie_at_their_alignment_up_to_the_end),
        cmocka_unit_test(half_a_word_is_no_pointer),
        cmocka_unit_test(what_is_not_to_be_looked_at_is_reached_and_leads_nowhere),
        cmocka_unit_test(a_queue_that_overflows_costs_no_answer),
        cmocka_unit_test(blocks_without_a_word_are_roots),
        cmocka_unit_test(what_is_mapped_is_reached_by_its_area_and_by_the_area_s_record),
        cmocka_unit_test(areas_of_the_core_are_roots),
        cmocka_unit_test(guarded_objects_lead_and_are_reached_like_any_other),
        cmocka_unit_test(pages_are_reached_by_what_stands_for_them),
        cmocka_unit_test(a_block_has_no_past),
    };
    return cmocka_run_group_tests_name("leak reach", tests, NULL, NULL);
}
