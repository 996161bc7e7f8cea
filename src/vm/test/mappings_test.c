/* SPDX-License-Identifier: MIT */
/* The page tables as the layer leaves them: what is mapped, and that no page goes back while an old entry
 * may linger (M1).
 *
 * The port's qp_map, qp_unmap and qp_flush are linked through wrappers that keep a table of their own: an
 * entry is clean, mapped, or unmapped and not yet flushed. Only clean ones may be mapped and only mapped
 * ones unmapped; and what is flushed late is flushed too late, since its page is somebody else's then. */
#include "vm_support.h"
#include "wrapped_port.h"

enum entry_state { CLEAN, MAPPED, LINGERING };
struct entry {
    enum entry_state state;
    u64 pfn;
};
struct call {
    void *virt;
    size_t nr;
};

static struct {
    struct quarry *q; /* NULL: not looked at */
    uintptr_t start, end;
    struct entry *entry;
    unsigned long nr_map, nr_unmap, nr_flush, fails_at;
    struct call map, unmap, flush; /* the last of each */
    unsigned long wrong;
} tables;

static struct entry *entry_of(const void *virt)
{
    uintptr_t at = (uintptr_t)virt;
    assert_true(at >= tables.start && at < tables.end);
    assert_int_equal(at & (PAGE_SIZE - 1), 0);
    return &tables.entry[(at - tables.start) >> PAGE_SHIFT];
}

int __wrap_qp_map(uintptr_t offset, void *virt, phys_addr_t phys, size_t nr)
{
    if (!tables.q)
        return __real_qp_map(offset, virt, phys, nr);
    tables.map = (struct call){virt, nr};
    if (++tables.nr_map == tables.fails_at)
        return -12;
    tables.wrong += nr == 0;
    for (size_t i = 0; i < nr; i++) {
        struct entry *entry = entry_of((char *)virt + i * PAGE_SIZE);
        tables.wrong += entry->state != CLEAN;
        *entry = (struct entry){MAPPED, (phys >> PAGE_SHIFT) + i};
    }
    return __real_qp_map(offset, virt, phys, nr);
}

void __wrap_qp_unmap(uintptr_t offset, void *virt, size_t nr)
{
    for (size_t i = 0; tables.q && i < nr; i++) {
        struct entry *entry = entry_of((char *)virt + i * PAGE_SIZE);
        tables.wrong += entry->state != MAPPED;
        entry->state = LINGERING;
    }
    tables.unmap = (struct call){virt, nr};
    tables.nr_unmap++;
    __real_qp_unmap(offset, virt, nr);
}

void __wrap_qp_flush(uintptr_t offset, void *virt, size_t nr)
{
    for (size_t i = 0; tables.q && i < nr; i++) {
        struct entry *entry = entry_of((char *)virt + i * PAGE_SIZE);
        if (entry->state != LINGERING)
            continue;
        tables.wrong += page_ref_count(qr_page(&tables.q->map, entry->pfn)) < 1;
        entry->state = CLEAN;
    }
    tables.flush = (struct call){virt, nr};
    tables.nr_flush++;
    __real_qp_flush(offset, virt, nr);
}

static struct quarry *boot_looked_at(const struct test_spec *spec)
{
    struct quarry *q = test_boot_with(spec);
    const struct qp_machine *machine = &q->machine;
    memset(&tables, 0, sizeof(tables));
    tables.start = machine->vmalloc_start;
    tables.end = QR_MAX(machine->vmalloc_end, QR_MAX(machine->pkmap_end, machine->fixmap_end));
    tables.entry = calloc((tables.end - tables.start) >> PAGE_SHIFT, sizeof(struct entry));
    assert_non_null(tables.entry);
    tables.q = q;
    qr_reclaim_stop(&q->reclaim);
    return q;
}

/* How many entries there are in this state. */
static size_t entries_that_are(enum entry_state state)
{
    size_t nr = 0;
    for (size_t i = 0; i < (tables.end - tables.start) >> PAGE_SHIFT; i++)
        nr += tables.entry[i].state == state;
    return nr;
}

static void calls_begin(void)
{
    tables.nr_map = tables.nr_unmap = tables.nr_flush = 0;
    tables.fails_at = 0;
}

static void calls_were(unsigned long map, unsigned long unmap, unsigned long flush)
{
    assert_int_equal(tables.nr_map, map);
    assert_int_equal(tables.nr_unmap, unmap);
    assert_int_equal(tables.nr_flush, flush);
    assert_int_equal(tables.wrong, 0);
    calls_begin();
}

static void call_was(const struct call *call, const void *virt, size_t nr)
{
    assert_ptr_equal(call->virt, virt);
    assert_int_equal(call->nr, nr);
}

static void end_looked_at(struct quarry *q)
{
    assert_int_equal(entries_that_are(LINGERING), 0);
    assert_int_equal(tables.wrong, 0);
    tables.q = NULL;
    free(tables.entry);
    test_end(q);
}

/* Pages in the order that is given, so that nr of them are as many runs as the test wants. */
static void pages_of_a_block(struct quarry *q, struct page **page, unsigned int order)
{
    struct page *block = qr_alloc_pages(&q->zones, GFP_KERNEL, order, NUMA_NO_NODE);
    assert_non_null(block);
    qr_split_page(&q->zones, block, order);
    for (unsigned int i = 0; i < 1u << order; i++)
        page[i] = block + i;
}

/* ---- areas ----------------------------------------------------------------------------------- */

static void an_area_is_unmapped_and_flushed_whole_before_its_pages_go(void **state)
{
    struct test_spec spec = {.pages = 2048, .options = "vmalloc_cache=0"};
    struct quarry *q = boot_looked_at(&spec);
    static const unsigned int pages[] = {1, 3, 8, 33, 120};
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(pages); i++) {
        char *area = vm_get(q, pages[i]);
        assert_int_equal(entries_that_are(MAPPED), pages[i]);
        for (unsigned int k = 0; k < pages[i]; k++)
            assert_int_equal(entry_of(area + k * PAGE_SIZE)->pfn,
                             qr_pfn(&q->map, qr_vmalloc_page(&q->vm, area + k * PAGE_SIZE)));
        calls_begin();
        qr_vfree(&q->vm, area, false);
        calls_were(0, 1, 1);
        call_was(&tables.unmap, area, pages[i]);
        call_was(&tables.flush, area, pages[i]);
        assert_int_equal(entries_that_are(CLEAN), (tables.end - tables.start) >> PAGE_SHIFT);
    }
    end_looked_at(q);
}

static void neighbouring_pages_are_mapped_by_one_call_and_others_by_more(void **state)
{
    struct test_spec spec = {.pages = 1024};
    struct quarry *q = boot_looked_at(&spec);
    struct page *page[8];
    pages_of_a_block(q, page, 3);
    struct page *shown[] = {page[2], page[3], page[4], page[1], page[0], page[6], page[7], page[5]};
    char *area = qr_vmap(&q->vm, shown, 8, VM_MAP, "vmap");
    assert_non_null(area);
    for (int i = 0; i < 8; i++)
        assert_int_equal(entry_of(area + i * PAGE_SIZE)->pfn, qr_pfn(&q->map, shown[i]));
    call_was(&tables.map, area + 7 * PAGE_SIZE, 1);
    calls_were(5, 0, 0); /* 2-4, 1, 0, 6-7, 5 */
    qr_vunmap(&q->vm, area, "vunmap");
    call_was(&tables.flush, area, 8);
    calls_were(0, 1, 1);
    for (int i = 0; i < 8; i++)
        qr_free_block(&q->zones, page[i], 0);
    end_looked_at(q);
}

static void what_was_mapped_before_a_failure_is_unmapped_and_flushed(void **state)
{
    struct test_spec spec = {.pages = 1024, .options = "vmalloc_cache=0"};
    struct quarry *q = boot_looked_at(&spec);
    struct page *page[8];
    void *area;
    pages_of_a_block(q, page, 3);
    struct page *shown[] = {page[2], page[3], page[4], page[1], page[0]};
    calls_begin();
    tables.fails_at = 1;
    assert_null(qr_vmap(&q->vm, shown, 5, VM_MAP, "vmap"));
    calls_were(1, 0, 0);
    for (unsigned long at = 2; at <= 3; at++) {
        tables.fails_at = at;
        assert_null(qr_vmap(&q->vm, shown, 5, VM_MAP, "vmap"));
        assert_int_equal(tables.unmap.nr, at + 1);
        call_was(&tables.flush, tables.unmap.virt, at + 1);
        calls_were(at, 1, 1);
        assert_int_equal(entries_that_are(MAPPED), 0);
    }
    area = qr_vmap(&q->vm, shown, 5, VM_MAP, "vmap");
    assert_non_null(area);
    qr_vunmap(&q->vm, area, "vunmap");
    for (int i = 0; i < 8; i++)
        qr_free_block(&q->zones, page[i], 0);
    end_looked_at(q);
}

/* However many go together: one flush, from the first page of the lowest to the last of the highest. */
static void areas_that_go_together_are_flushed_by_one_call(void **state)
{
    struct test_spec spec = {.pages = 2048, .options = "vmalloc_cache=64"};
    struct quarry *q = boot_looked_at(&spec);
    char *low = vm_get(q, 3), *live = vm_get(q, 2), *middle = vm_get(q, 5), *high = vm_get(q, 7);
    assert_true(low < live && live < middle && middle < high);
    qr_vfree(&q->vm, middle, false);
    qr_vfree(&q->vm, high, false);
    qr_vfree(&q->vm, low, false);
    calls_begin();
    assert_int_equal(qr_vm_purge(&q->vm), 15);
    call_was(&tables.flush, low, (size_t)(high - low) / PAGE_SIZE + 7);
    calls_were(0, 3, 1);
    assert_int_equal(entries_that_are(MAPPED), 2);
    qr_vfree(&q->vm, live, false);
    calls_were(0, 0, 0); /* kept, and still mapped */
    assert_int_equal(entries_that_are(MAPPED), 2);
    assert_int_equal(qr_vm_purge(&q->vm), 2);
    calls_were(0, 1, 1);
    end_looked_at(q);
}

static void addresses_without_pages_need_no_tables(void **state)
{
    struct test_spec spec = {.pages = 1024};
    struct quarry *q = boot_looked_at(&spec);
    struct vm_struct *reserved = qr_get_vm_area(&q->vm, 5 * PAGE_SIZE, VM_IOREMAP);
    struct vm_struct *own = qr_vm_reserve(&q->vm, 5 * PAGE_SIZE, GFP_KERNEL);
    assert_non_null(reserved);
    assert_non_null(own);
    assert_int_equal(qr_vm_remap_all(&q->vm), 0);
    qr_free_vm_area(&q->vm, reserved);
    qr_free_vm_area(&q->vm, own);
    calls_were(0, 0, 0);
    end_looked_at(q);
}

static void areas_are_mapped_anew_each_run_at_its_place(void **state)
{
    struct test_spec spec = {.pages = 1024, .options = "vmalloc_cache=64"};
    struct quarry *q = boot_looked_at(&spec);
    struct page *page[4];
    char *made = vm_get(q, 4), *kept = vm_get(q, 3), *shown;
    size_t nr = (tables.end - tables.start) >> PAGE_SHIFT;
    struct entry *before = malloc(nr * sizeof(*before));
    pages_of_a_block(q, page, 2);
    struct page *order[] = {page[3], page[0], page[1]};
    shown = qr_vmap(&q->vm, order, 3, VM_MAP, "vmap");
    qr_vfree(&q->vm, kept, false); /* still mapped */
    memcpy(before, tables.entry, nr * sizeof(*before));
    memset(tables.entry, 0, nr * sizeof(*before)); /* a fork's tables are empty */
    assert_int_equal(qr_vm_remap_all(&q->vm), 0);
    assert_memory_equal(tables.entry, before, nr * sizeof(*before));
    free(before);
    qr_vunmap(&q->vm, shown, "vunmap");
    qr_vfree(&q->vm, made, false);
    qr_vm_purge(&q->vm);
    for (int i = 0; i < 4; i++)
        qr_free_block(&q->zones, page[i], 0);
    end_looked_at(q);
}

/* ---- windows --------------------------------------------------------------------------------- */

static struct page *high_page(struct quarry *q)
{
    struct page *page = qr_alloc_pages(&q->zones, GFP_HIGHUSER, 0, NUMA_NO_NODE);
    assert_non_null(page);
    assert_false(qr_page_is_low(&q->map, page));
    return page;
}

static void kmap_maps_a_page_once_and_its_slot_anew_for_another(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "zones"};
    struct quarry *q = boot_looked_at(&spec);
    struct page *page[17];
    char *first;
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(page); i++)
        page[i] = high_page(q);
    calls_begin();
    first = qr_kmap(&q->kmaps, page[0]);
    assert_int_equal(entry_of(first)->pfn, qr_pfn(&q->map, page[0]));
    assert_ptr_equal(qr_kmap(&q->kmaps, page[0]), first);
    qr_kunmap(&q->kmaps, page[0]);
    qr_kunmap(&q->kmaps, page[0]);
    assert_ptr_equal(qr_kmap(&q->kmaps, page[0]), first);
    qr_kunmap(&q->kmaps, page[0]);
    calls_were(1, 0, 0);
    for (unsigned int i = 1; i < 16; i++) {
        qr_kmap(&q->kmaps, page[i]);
        qr_kunmap(&q->kmaps, page[i]);
    }
    calls_were(15, 0, 0);
    assert_ptr_equal(qr_kmap(&q->kmaps, page[16]), first);
    call_was(&tables.unmap, first, 1);
    call_was(&tables.flush, first, 1);
    call_was(&tables.map, first, 1);
    calls_were(1, 1, 1);
    assert_int_equal(entry_of(first)->pfn, qr_pfn(&q->map, page[16]));
    qr_kunmap(&q->kmaps, page[16]);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(page); i++)
        qr_free_block(&q->zones, page[i], 0);
    end_looked_at(q);
}

static void kmap_local_maps_a_page_once_as_long_as_it_is_the_last(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "zones"};
    struct quarry *q = boot_looked_at(&spec);
    struct page *one = high_page(q), *two = high_page(q);
    char *first, *second;
    calls_begin();
    first = qr_kmap_local(&q->kmaps, one);
    assert_true(qr_kunmap_local(&q->kmaps, first));
    qr_page_fill(&q->kmaps, one, 0, 1, 100, "memset_page");
    qr_page_fill(&q->kmaps, one, 200, 2, 100, "memset_page");
    calls_were(1, 0, 0);
    assert_ptr_equal(qr_kmap_local(&q->kmaps, two), first);
    assert_int_equal(entry_of(first)->pfn, qr_pfn(&q->map, two));
    call_was(&tables.unmap, first, 1);
    call_was(&tables.flush, first, 1);
    calls_were(1, 1, 1);
    second = qr_kmap_local(&q->kmaps, one); /* a slot that was never used */
    call_was(&tables.map, second, 1);
    calls_were(1, 0, 0);
    assert_true(qr_kunmap_local(&q->kmaps, second));
    assert_true(qr_kunmap_local(&q->kmaps, first));
    assert_ptr_equal(qr_kmap_local(&q->kmaps, two), first); /* the one let go last */
    calls_were(0, 0, 0);
    assert_true(qr_kunmap_local(&q->kmaps, first));
    qr_free_block(&q->zones, one, 0);
    qr_free_block(&q->zones, two, 0);
    end_looked_at(q);
}

static void checked_windows_are_empty_once_they_are_let_go(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "zones", .options = "check=1"};
    struct quarry *q = boot_looked_at(&spec);
    struct page *page = high_page(q);
    void *shared, *local;
    calls_begin();
    shared = qr_kmap(&q->kmaps, page);
    qr_kmap(&q->kmaps, page);
    local = qr_kmap_local(&q->kmaps, page);
    calls_were(2, 0, 0);
    qr_kunmap(&q->kmaps, page);
    calls_were(0, 0, 0); /* one user is left */
    qr_kunmap(&q->kmaps, page);
    call_was(&tables.unmap, shared, 1);
    call_was(&tables.flush, shared, 1);
    calls_were(0, 1, 1);
    assert_true(qr_kunmap_local(&q->kmaps, local));
    call_was(&tables.unmap, local, 1);
    call_was(&tables.flush, local, 1);
    calls_were(0, 1, 1);
    assert_int_equal(entries_that_are(MAPPED), 0);
    qr_free_block(&q->zones, page, 0);
    end_looked_at(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_area_is_unmapped_and_flushed_whole_before_its_pages_go),
        cmocka_unit_test(neighbouring_pages_are_mapped_by_one_call_and_others_by_more),
        cmocka_unit_test(what_was_mapped_before_a_failure_is_unmapped_and_flushed),
        cmocka_unit_test(areas_that_go_together_are_flushed_by_one_call),
        cmocka_unit_test(addresses_without_pages_need_no_tables),
        cmocka_unit_test(areas_are_mapped_anew_each_run_at_its_place),
        cmocka_unit_test(kmap_maps_a_page_once_and_its_slot_anew_for_another),
        cmocka_unit_test(kmap_local_maps_a_page_once_as_long_as_it_is_the_last),
        cmocka_unit_test(checked_windows_are_empty_once_they_are_let_go),
    };
    return cmocka_run_group_tests_name("mappings", tests, NULL, NULL);
}
