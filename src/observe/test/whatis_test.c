/* SPDX-License-Identifier: MIT */
/* What an address is, line by line: each kind has its lines and no other's. */
#include "machine.h"
#include "observe/observe.h"

static char text[2048], expected[2048];
static struct quarry_trace allocated, freed;

static const char *ask(struct quarry *q, const void *address)
{
    size_t length;

    allocated.nr = freed.nr = 99;
    length = qr_whatis(q, address, text, sizeof(text), &allocated, &freed);
    assert_int_equal(length, strlen(text));
    return text;
}

/* The lines about the place and the frame, as they must be. */
static size_t expect_place(struct quarry *q, const char *place, const struct page *page,
                           const void *address, const char *zone)
{
    u64 pfn = qr_pfn(&q->map, page);

    return (size_t)snprintf(
        expected, sizeof(expected), "%s\nframe %#llx (physical %#llx)%s\n", place,
        (unsigned long long)pfn,
        (unsigned long long)((pfn << PAGE_SHIFT) + ((uintptr_t)address & (PAGE_SIZE - 1))), zone);
}

static void a_sampled_object_is_told_and_nothing_behind_it(void **state)
{
    struct test_spec spec = {.pages = 2048, .options = "kfence.every=1 check=1"};
    struct quarry *q = test_boot_with(&spec);
    char *object = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE);
    size_t length =
        expect_place(q, "direct map", qr_virt_page_checked(&q->map, object), object + 5, "");

    qr_guard_describe(&q->guards, object + 5, expected + length, sizeof(expected) - length - 1);
    strcat(expected, "\n");
    assert_string_equal(ask(q, object + 5), expected);
    assert_true(allocated.nr > 0);
    assert_int_equal(freed.nr, 0);
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    ask(q, object);
    assert_true(freed.nr > 0);
    test_end(q);
}

static void an_object_is_told_and_nothing_behind_it(void **state)
{
    struct test_spec spec = {.pages = 2048, .options = "slab_debug=U check=1"};
    struct quarry *q = test_boot_with(&spec);
    char *object = qr_kmalloc_slow(&q->kmalloc, 64, GFP_KERNEL, NUMA_NO_NODE);
    size_t length = expect_place(q, "direct map", qr_virt_page_checked(&q->map, object),
                                 object + 63, ", zone Normal of node 0");
    const char *line;

    assert_int_equal(strncmp(ask(q, object + 63), expected, length), 0);
    line = text + length;
    assert_ptr_equal(strstr(line, "live: byte 63 of object "), line);
    snprintf(expected, sizeof(expected), " of cache kmalloc-64 (64 bytes at %p)\n", (void *)object);
    assert_string_equal(strstr(line, " of cache"), expected); /* the last line */
    assert_true(allocated.nr > 0);
    assert_int_equal(freed.nr, 0);
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    test_end(q);
}

/* Between the last object and the end of its slab: 42 objects of 96 bytes fit into a page. */
static void what_lies_behind_the_last_object_is_unused(void **state)
{
    struct quarry *q = test_boot(2048);
    char *object = qr_kmalloc_slow(&q->kmalloc, 96, GFP_KERNEL, NUMA_NO_NODE);
    const struct page *page = qr_virt_page_checked(&q->map, object);
    char *end = (char *)qr_page_virt(&q->map, page) + PAGE_SIZE;
    size_t length = expect_place(q, "direct map", page, end - 1, ", zone Normal of node 0");

    assert_int_equal(compound_order(page), 0);
    snprintf(expected + length, sizeof(expected) - length,
             "unused space in a slab of cache kmalloc-96\n");
    assert_string_equal(ask(q, end - 1), expected);
    assert_int_equal(allocated.nr + freed.nr, 0);
    qr_kfree_slow(&q->kmalloc, object, "kfree");
    assert_non_null(strstr(ask(q, object), "\nlive, or on a CPU's stack: byte 0 of object "));
    qr_slabs_drain_all(&q->slabs);
    assert_null(strstr(ask(q, object), "live"));
    test_end(q);
}

static void a_descriptor_is_told_with_its_frame(void **state)
{
    struct quarry *q = test_boot(2048);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    const char *at = (const char *)page + sizeof(*page) - 1;
    size_t length = expect_place(q, "direct map", qr_virt_page_checked(&q->map, at), at, "");

    snprintf(expected + length, sizeof(expected) - length,
             "mem_map: the descriptor of frame %#llx\n", (unsigned long long)qr_pfn(&q->map, page));
    assert_string_equal(ask(q, at), expected);
    at = (const char *)(q->map.pages + q->map.max_pfn);
    if (qr_virt_page_checked(&q->map, at))
        assert_null(strstr(ask(q, at), "mem_map"));
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

static void pages_are_told_with_their_block(void **state)
{
    struct test_spec spec = {.pages = 2048, .options = "page_owner check=1"};
    struct quarry *q = test_boot_with(&spec);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL | __GFP_COMP, 1, NUMA_NO_NODE);
    char *second = (char *)qr_page_virt(&q->map, page) + PAGE_SIZE;
    size_t length = expect_place(q, "direct map", page + 1, second, ", zone Normal of node 0");

    assert_int_equal(strncmp(ask(q, second), expected, length), 0);
    assert_non_null(strstr(text + length, "page 1 of an allocated compound block of order 1\n"));
    assert_int_equal(freed.nr, 0);
    qr_free_block(&q->zones, page, 1);
    qr_pcp_drain_all(&q->zones);
    ask(q, qr_page_virt(&q->map, page));
    assert_int_equal(allocated.nr, 0);
    page = qr_alloc_pages(&q->zones, GFP_KERNEL, 1, NUMA_NO_NODE);
    qr_pages_note(&q->zones, page, 1, GFP_KERNEL);
    ask(q, qr_page_virt(&q->map, page));
    assert_true(allocated.nr > 0);
    assert_int_equal(freed.nr, 0);
    qr_put_pages(&q->zones, page, 1, "__free_pages"); /* on this CPU's list, then in its zone */
    for (int drained = 0; drained < 2; drained++) {
        ask(q, qr_page_virt(&q->map, page));
        assert_int_equal(allocated.nr, 0);
        assert_true(freed.nr > 0);
        qr_pcp_drain_all(&q->zones);
    }
    test_end(q);
}

static void an_area_is_told_with_its_frame_and_caller(void **state)
{
    struct test_spec spec = {.pages = 2048, .options = "check=1"};
    struct quarry *q = test_boot_with(&spec);
    char *area = qr_vmalloc(&q->vm, 2 * PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
    size_t length = expect_place(q, "vmalloc space", qr_vmalloc_page(&q->vm, area + 100),
                                 area + 100, ", zone Normal of node 0");

    assert_int_equal(strncmp(ask(q, area + 100), expected, length), 0);
    assert_non_null(strstr(text + length, "100 bytes inside the area"));
    assert_int_equal(allocated.nr, 1);
    assert_ptr_equal(allocated.pc[0], qr_find_vm_area(&q->vm, area)->caller);
    assert_int_equal(freed.nr, 0);
    ask(q, (char *)q->vm.end - 8); /* nothing is there: no frame */
    assert_int_equal(strncmp(text, "vmalloc space\n", 14), 0);
    assert_null(strstr(text, "frame"));
    assert_int_equal(allocated.nr, 0);
    qr_vfree(&q->vm, area, false);
    test_end(q);
}

static void places_without_memory_have_names_of_their_own(void **state)
{
    struct test_spec spec = {.pages = 4096, .profile = "zones"};
    struct quarry *q = test_boot_with(&spec);
    const struct qp_machine *machine = &q->machine;
    const struct {
        uintptr_t from, to;
        const char *told;
    } window[] = {
        {machine->pkmap_start, machine->pkmap_end, "the kmap window\n"},
        {machine->fixmap_start, machine->fixmap_end, "the kmap_local slots and fixed mappings\n"},
    };
    int local;

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(window); i++) {
        assert_string_equal(ask(q, (void *)window[i].from), window[i].told);
        assert_string_equal(ask(q, (void *)(window[i].to - 1)), window[i].told);
        assert_string_not_equal(ask(q, (void *)window[i].to), window[i].told);
        assert_string_not_equal(ask(q, (void *)(window[i].from - 1)), window[i].told);
    }
    assert_string_equal(ask(q, NULL), "NULL\n");
    assert_string_equal(ask(q, ZERO_SIZE_PTR), "ZERO_SIZE_PTR, what kmalloc(0) returns\n");
    assert_string_equal(ask(q, &local), "this task's stack, probably\n");
    assert_string_equal(ask(q, (char *)&local - (50u << 10)), "this task's stack, probably\n");
    assert_string_equal(ask(q, (char *)&local + (7u << 20)), "this task's stack, probably\n");
    assert_string_equal(
        ask(q, (char *)&local + (9u << 20)),
        "no memory of this machine: a static variable, another allocator's, or none\n");
    assert_string_equal(
        ask(q, (char *)&local - (100u << 10)),
        "no memory of this machine: a static variable, another allocator's, or none\n");
    assert_string_equal(
        ask(q, text),
        "no memory of this machine: a static variable, another allocator's, or none\n");
    test_end(q);
}

static void a_hole_of_the_direct_map_is_one(void **state)
{
    static const struct quarry_region regions[] = {{.start = 0, .size = 4u << 20},
                                                   {.start = 8u << 20, .size = 4u << 20}};
    struct test_spec spec = {.regions = regions, .nr_regions = 2};
    struct quarry *q = test_boot_with(&spec);

    assert_string_equal(ask(q, (char *)q->map.virt_start + (6u << 20)),
                        "direct map, but no memory is there: a hole\n");
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sampled_object_is_told_and_nothing_behind_it),
        cmocka_unit_test(an_object_is_told_and_nothing_behind_it),
        cmocka_unit_test(what_lies_behind_the_last_object_is_unused),
        cmocka_unit_test(a_descriptor_is_told_with_its_frame),
        cmocka_unit_test(pages_are_told_with_their_block),
        cmocka_unit_test(an_area_is_told_with_its_frame_and_caller),
        cmocka_unit_test(places_without_memory_have_names_of_their_own),
        cmocka_unit_test(a_hole_of_the_direct_map_is_one),
    };
    return cmocka_run_group_tests_name("whatis", tests, NULL, NULL);
}
