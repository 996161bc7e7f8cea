/* SPDX-License-Identifier: MIT */
/* Calls at their edges: with nothing, twice, from the wrong place, with memory short. What is to stay as it
 * was is looked at inside the machine. */
#include "machine.h"
#include <quarry/context.h>
#include <quarry/quarry.h>

static struct quarry *machine(void)
{
    return &quarry_default;
}

static unsigned long found;

static bool count_finding(const struct quarry_report *report, void *data)
{
    found++;
    return false;
}

static int quiet(void **state)
{
    struct quarry_machine wish = {.ram_bytes = 32u << 20, .options = "check=1"};
    int error = quarry_boot(&wish);

    quarry_set_report_hook(count_finding, NULL);
    return error;
}

static int nothing_found(void **state)
{
    found = 0;
    return 0;
}

/* ---- scopes ---------------------------------------------------------------------------------- */

static void scopes_end_in_any_order_and_only_themselves(void **state)
{
    struct qp_task *task = qp_task();
    unsigned int outer = memalloc_noreclaim_save(), fs = memalloc_nofs_save();
    unsigned int inner = memalloc_noreclaim_save(), io = memalloc_noio_save();

    assert_int_equal(task->scope_set, __GFP_MEMALLOC);
    assert_int_equal(task->scope_clear, __GFP_DIRECT_RECLAIM | __GFP_FS | __GFP_IO);
    memalloc_noreclaim_restore(inner); /* the outer one goes on */
    assert_int_equal(task->scope_set, __GFP_MEMALLOC);
    assert_int_equal(task->scope_clear, __GFP_DIRECT_RECLAIM | __GFP_FS | __GFP_IO);
    memalloc_noio_restore(io);
    assert_int_equal(task->scope_clear, __GFP_DIRECT_RECLAIM | __GFP_FS);
    memalloc_noreclaim_restore(outer);
    assert_int_equal(task->scope_set, 0);
    assert_int_equal(task->scope_clear, __GFP_FS);
    memalloc_nofs_restore(fs);
    assert_int_equal(task->scope_clear, 0);
}

/* ---- many pages at once ---------------------------------------------------------------------- */

static void a_list_of_pages_is_as_long_as_memory_lasts(void **state)
{
    struct list_head list, *pos;
    unsigned long nr, counted = 0;

    qr_list_init(&list);
    nr = alloc_pages_bulk_list(GFP_NOWAIT | __GFP_NOWARN, 1u << 20, &list);
    assert_true(nr > 1000 && nr < 1u << 20);
    QR_LIST_FOR_EACH (pos, &list)
        counted++;
    assert_int_equal(counted, nr);
    while (!qr_list_empty(&list)) {
        struct page *page = QR_LIST_ENTRY(list.next, struct page, lru);
        qr_list_del(&page->lru);
        __free_page(page);
    }
    assert_int_equal(alloc_pages_bulk_list(GFP_KERNEL, 3, &list), 3);
    assert_int_equal(alloc_pages_bulk_list(GFP_KERNEL, 130, &list), 130); /* behind the others */
    counted = 0;
    QR_LIST_FOR_EACH (pos, &list)
        counted++;
    assert_int_equal(counted, 133);
    while (!qr_list_empty(&list)) {
        struct page *page = QR_LIST_ENTRY(list.next, struct page, lru);
        qr_list_del(&page->lru);
        __free_page(page);
    }
}

/* What stands in the array stays, and after the first shortage nobody is asked again. */
static void an_array_is_filled_around_what_it_has_until_memory_is_short(void **state)
{
    const struct quarry_fault all = {.every = 1};
    struct page *kept = alloc_page(GFP_KERNEL), *array[9] = {NULL, kept, NULL, NULL, kept};

    assert_int_equal(quarry_fault_set(QUARRY_FAIL_PAGE_ALLOC, &all), 0);
    assert_int_equal(alloc_pages_bulk_array(GFP_KERNEL | __GFP_NOWARN, 9, array), 2);
    assert_int_equal(qr_fault_seen(&machine()->faults, QUARRY_FAIL_PAGE_ALLOC), 1);
    quarry_fault_set(QUARRY_FAIL_PAGE_ALLOC, NULL);
    for (unsigned int i = 0; i < 9; i++)
        assert_ptr_equal(array[i], i == 1 || i == 4 ? kept : NULL);
    assert_int_equal(alloc_pages_bulk_array(GFP_KERNEL, 9, array), 9);
    for (unsigned int i = 0; i < 9; i++) {
        assert_int_equal(array[i] == kept, i == 1 || i == 4);
        if (array[i] != kept)
            __free_page(array[i]);
    }
    __free_page(kept);
}

/* ---- contexts -------------------------------------------------------------------------------- */

static void calls_leave_their_context_as_they_found_it(void **state)
{
    struct page *page = alloc_page(GFP_KERNEL);
    void *object = kmalloc(64, GFP_KERNEL), *area = vmalloc(PAGE_SIZE);

    drain_local_pages();
    assert_true(qp_may_sleep());
    drain_all_pages();
    assert_true(qp_may_sleep());
    kunmap_local(kmap_local_page(page));
    assert_true(qp_may_sleep());
    kfree(object);
    vfree(area);
    __free_page(page);
    vm_unmap_aliases();
    assert_int_equal(quarry_check_all(), 0);
    assert_true(qp_may_sleep());
    assert_int_equal(qp_task()->reclaims + qp_task()->scope_set + qp_task()->scope_clear, 0);
}

/* ---- nothing --------------------------------------------------------------------------------- */

static void nothing_can_be_freed_by_every_call(void **state)
{
    uint64_t size = 7;

    kfree(NULL);
    kvfree(NULL);
    vfree(NULL);
    quarry_vfree_26(NULL);
    vfree_atomic(NULL);
    free_pages(0, 0);
    free_pages_exact(NULL, 3 * PAGE_SIZE);
    free_percpu(NULL);
    kmem_cache_destroy(NULL);
    assert_int_equal(found, 0);
    quarry_context_enter(QUARRY_CTX_HARDIRQ); /* where an area could not be */
    quarry_vfree_26(NULL);
    quarry_context_leave(QUARRY_CTX_HARDIRQ);
    assert_int_equal(found, 0);
    assert_true(want_init_on_alloc(__GFP_ZERO));
    assert_false(want_init_on_alloc(GFP_KERNEL) || want_init_on_free());
    assert_false(quarry_parse_size(NULL, &size));
    assert_false(quarry_parse_size("", &size));
    assert_false(quarry_parse_size("12x", &size));
    assert_true(quarry_parse_size("12K", &size));
    assert_int_equal(size, 12 << 10);
}

/* A text's length is told without room for it, and nothing is written then. */
static void texts_without_room_only_tell_their_length(void **state)
{
    const struct quarry_zone_state none = {.name = "Normal"};
    char whole[1024], kept = 'x';

    assert_int_equal(quarry_whatis(&kept, &kept, 0, NULL, NULL),
                     quarry_whatis(&kept, whole, sizeof(whole), NULL, NULL));
    assert_int_equal(quarry_explain_failure(GFP_KERNEL, 0, &none, 1, &kept, 0),
                     quarry_explain_failure(GFP_KERNEL, 0, &none, 1, whole, sizeof(whole)));
    for (unsigned int which = 0; which < QUARRY_TEXTS; which++)
        (void)quarry_text((enum quarry_text)which, &kept, 0);
    assert_int_equal(kept, 'x');
}

static void a_page_is_reserved_or_not(void **state)
{
    struct page *page = alloc_page(GFP_KERNEL);

    assert_int_equal(PageReserved(page), 0);
    SetPageReserved(page);
    assert_int_equal(PageReserved(page), 1);
    ClearPageReserved(page);
    assert_int_equal(PageReserved(page), 0);
    assert_int_equal(PageReserved(virt_to_page(page)), 1); /* the descriptors' own memory */
    __free_page(page);
}

/* What a descriptor is, by every question there is. */
static void is_of_kind(const struct page *page, int slab, int head, int tail, unsigned int order)
{
    assert_int_equal(PageSlab(page), slab);
    assert_int_equal(PageHead(page), head);
    assert_int_equal(PageTail(page), tail);
    assert_int_equal(PageCompound(page), head || tail);
    assert_int_equal(compound_order(page), order);
    assert_int_equal(PageHighMem(page), 0);
}

static void a_page_is_of_one_kind(void **state)
{
    struct page *single = alloc_page(GFP_KERNEL), *block = alloc_pages(GFP_KERNEL | __GFP_COMP, 2);
    struct page *loose = alloc_pages(GFP_KERNEL, 1), none = {0}; /* of no zone */
    void *object = kmalloc(64, GFP_KERNEL);

    is_of_kind(single, 0, 0, 0, 0);
    is_of_kind(block, 0, 1, 0, 2);
    is_of_kind(block + 1, 0, 0, 1, 0);
    is_of_kind(block + 3, 0, 0, 1, 0);
    is_of_kind(loose, 0, 0, 0, 0);
    is_of_kind(loose + 1, 0, 0, 0, 0);
    assert_int_equal(PageSlab(virt_to_head_page(object)), 1);
    for (unsigned int i = 0; i < 4; i++) {
        assert_ptr_equal(compound_head(block + i), block);
        assert_int_equal(page_count(block + i), 1);
    }
    assert_ptr_equal(compound_head(loose + 1), loose + 1);
    assert_int_equal(page_to_nid(single), 0);
    assert_int_equal(page_to_nid(&none), 0);
    assert_int_equal(page_zonenum(&none), ZONE_NORMAL);
    assert_ptr_equal(pfn_to_page(page_to_pfn(block) + 3), block + 3);
    assert_int_equal(page_to_phys(block), (phys_addr_t)page_to_pfn(block) << PAGE_SHIFT);
    assert_true(pfn_valid(page_to_pfn(single)));
    assert_false(pfn_valid(quarry_layout(QUARRY_MAX_MAPNR)));
    SetPageReserved(virt_to_head_page(object)); /* not of a slab's */
    assert_int_equal(PageReserved(virt_to_head_page(object)), 0);
    ClearPageReserved(virt_to_head_page(object));
    assert_int_equal(PageSlab(virt_to_head_page(object)), 1);
    kfree(object);
    __free_pages(loose, 1);
    __free_pages(block, 2);
    __free_page(single);
}

/* ---- shrinkers ------------------------------------------------------------------------------- */

static unsigned long counts, scans;

static unsigned long count_some(struct shrinker *shrinker, struct shrink_control *control)
{
    counts++;
    return 1000;
}

static unsigned long free_itself(struct shrinker *shrinker, struct shrink_control *control)
{
    scans++;
    shrinker_free(shrinker);
    return SHRINK_STOP;
}

static unsigned long unregister_itself(struct shrinker *shrinker, struct shrink_control *control)
{
    scans++;
    unregister_shrinker(shrinker);
    return SHRINK_STOP;
}

static void reclaim_once(void)
{
    qr_reclaim_round(&machine()->reclaim, GFP_KERNEL, 100, NUMA_NO_NODE, QR_EFFORT_ALL);
}

static void a_shrinker_that_frees_itself_inside_reclaim_stays(void **state)
{
    struct shrinker *shrinker = shrinker_alloc(0, "stays");
    unsigned long live = quarry_live_bytes();

    shrinker->count_objects = count_some;
    shrinker->scan_objects = free_itself;
    counts = scans = 0;
    shrinker_register(shrinker);
    for (unsigned int i = 1; i <= 2; i++) {
        reclaim_once();
        assert_int_equal(counts, i);
        assert_int_equal(scans, i);
        assert_int_equal(quarry_findings(QUARRY_BAD_CONTEXT), i);
    }
    assert_int_equal(quarry_live_bytes(), live);
    assert_int_equal(found, 2);
    shrinker_free(shrinker); /* from outside it goes */
    assert_true(quarry_live_bytes() < live);
    reclaim_once();
    assert_int_equal(counts, 2);
    assert_int_equal(found, 2);
    shrinker_free(NULL);
    assert_int_equal(found, 2);
}

static void a_shrinker_of_the_old_form_keeps_its_name_until_it_is_out(void **state)
{
    struct shrinker shrinker = {.count_objects = count_some, .scan_objects = unregister_itself};
    unsigned long live = quarry_live_bytes(), named;

    assert_int_equal(register_shrinker(&shrinker, "old-%d", 7), 0);
    assert_string_equal(shrinker.name, "old-7");
    assert_int_equal(ksize(shrinker.name), 8);
    named = quarry_live_bytes();
    assert_true(named > live);
    assert_int_equal(register_shrinker(&shrinker, "again"), -QR_EEXIST);
    assert_string_equal(shrinker.name, "old-7");
    assert_int_equal(quarry_live_bytes(), named);
    reclaim_once(); /* refused inside reclaim */
    assert_string_equal(shrinker.name, "old-7");
    assert_int_equal(quarry_live_bytes(), named);
    unregister_shrinker(&shrinker);
    assert_int_equal(quarry_live_bytes(), live);
    unregister_shrinker(&shrinker);
    unregister_shrinker(NULL);
    assert_int_equal(quarry_live_bytes(), live);
    assert_int_equal(found, 2); /* registered twice; taken out from inside */
}

/* What is asked for is what shrinkers have, and what nobody asked for is zero. */
static void a_shrinker_begins_as_it_was_asked_for(void **state)
{
    struct shrinker *named = shrinker_alloc(SHRINKER_NUMA_AWARE, "cache-%d", 3);
    struct shrinker *nameless = shrinker_alloc(0, NULL);

    assert_int_equal(named->flags, SHRINKER_NUMA_AWARE);
    assert_int_equal(named->seeks, DEFAULT_SEEKS);
    assert_string_equal(named->name, "cache-3");
    assert_int_equal(ksize(named->name), 8); /* to the last byte */
    assert_int_equal(nameless->flags, 0);
    assert_int_equal(nameless->seeks, DEFAULT_SEEKS);
    assert_null(nameless->name);
    assert_null(nameless->count_objects);
    assert_null(nameless->scan_objects);
    assert_int_equal(nameless->batch, 0);
    assert_null(nameless->private_data);
    shrinker_free(named);
    shrinker_free(nameless);
    assert_int_equal(found, 0);
}

/* ---- memory is short ------------------------------------------------------------------------- */

static unsigned int requests, refused; /* of the slabs; from which one on, beginning at 1 */

static bool refuse_the_later(const struct quarry_fault_request *request, void *data)
{
    return request->point == QUARRY_FAILSLAB && ++requests >= refused;
}

static bool make_a_shrinker(void)
{
    struct shrinker *shrinker = shrinker_alloc(0, "short-%d", 1);

    shrinker_free(shrinker);
    return shrinker != NULL;
}

static bool make_a_shrinker_without_name(void)
{
    struct shrinker *shrinker = shrinker_alloc(0, NULL);

    shrinker_free(shrinker);
    return shrinker != NULL;
}

static bool register_an_old_shrinker(void)
{
    struct shrinker shrinker = {.count_objects = count_some, .scan_objects = unregister_itself};
    int error = register_shrinker(&shrinker, "short");

    if (error)
        assert_int_equal(error, -QR_ENOMEM);
    else
        unregister_shrinker(&shrinker);
    assert_null(shrinker.name);
    return !error;
}

static bool make_a_pool(void)
{
    mempool_t *pool = mempool_create_kmalloc_pool(2, 64);

    mempool_destroy(pool);
    return pool != NULL;
}

/* Whichever of its parts cannot be had: nothing is made, and nothing is left of the other parts. */
static void what_is_made_of_parts_is_made_whole_or_not_at_all(void **state)
{
    static const struct {
        bool (*make)(void);
        unsigned int parts;
    } made[] = {{make_a_shrinker, 2},
                {make_a_shrinker_without_name, 1},
                {register_an_old_shrinker, 1},
                {make_a_pool, 4}};

    quarry_set_fault_hook(refuse_the_later, NULL);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(made); i++) {
        unsigned long live = quarry_live_bytes();
        for (refused = 1; refused <= made[i].parts + 1; refused++) {
            requests = 0;
            assert_int_equal(made[i].make(), refused > made[i].parts);
            assert_int_equal(requests, QR_MIN(refused, made[i].parts));
            assert_int_equal(quarry_live_bytes(), live);
        }
    }
    quarry_set_fault_hook(NULL, NULL);
}

/* ---- pools ----------------------------------------------------------------------------------- */

static void a_pool_is_given_only_elements(void **state)
{
    mempool_t *pool = mempool_create_kmalloc_pool(2, 64);
    void *a = mempool_alloc_preallocated(pool), *b = mempool_alloc_preallocated(pool);

    assert_non_null(a);
    assert_non_null(b);
    assert_null(mempool_alloc_preallocated(pool));
    mempool_free(NULL, pool);
    mempool_free(a, NULL);
    assert_null(mempool_alloc_preallocated(pool)); /* neither came back */
    mempool_free(a, pool);
    assert_ptr_equal(mempool_alloc_preallocated(pool), a);
    mempool_free(a, pool);
    mempool_free(b, pool);
    mempool_destroy(pool);
    mempool_destroy(NULL);
    assert_int_equal(found, 0);
}

/* ---- areas ----------------------------------------------------------------------------------- */

static void an_area_of_addresses_has_its_size_and_flags(void **state)
{
    struct vm_struct *area = get_vm_area(3 * PAGE_SIZE, VM_IOREMAP);

    assert_non_null(area);
    assert_int_equal(area->size - PAGE_SIZE, 3 * PAGE_SIZE);
    assert_int_equal(area->flags & VM_IOREMAP, VM_IOREMAP);
    assert_ptr_equal(find_vm_area(area->addr), area);
    free_vm_area(area);
}

/* Each way to an area, with what its record says of it. */
static void each_way_to_an_area_has_its_flags_and_size(void **state)
{
    const struct {
        void *area;
        unsigned long flags, pages;
    } made[] = {
        {vmalloc(PAGE_SIZE), VM_ALLOC, 1},
        {vzalloc(PAGE_SIZE + 1), VM_ALLOC, 2},
        {vmalloc_user(PAGE_SIZE), VM_ALLOC | VM_USERMAP, 1},
        {vmalloc_32(PAGE_SIZE), VM_ALLOC, 1},
        {vmalloc_32_user(PAGE_SIZE), VM_ALLOC | VM_USERMAP, 1},
        {vmalloc_node(PAGE_SIZE, NUMA_NO_NODE), VM_ALLOC, 1},
        {vzalloc_node(PAGE_SIZE, NUMA_NO_NODE), VM_ALLOC, 1},
        {vmalloc_huge(PAGE_SIZE, GFP_KERNEL), VM_ALLOC, 1},
        {vmalloc_array(3, PAGE_SIZE), VM_ALLOC, 3},
        {vcalloc(PAGE_SIZE, 2), VM_ALLOC, 2},
        {quarry_vmalloc(PAGE_SIZE, GFP_NOFS), VM_ALLOC, 1},
        {quarry_vmalloc_node(PAGE_SIZE, 1, GFP_KERNEL, NUMA_NO_NODE, NULL), VM_ALLOC, 1},
    };
    unsigned long pages = vmalloc_nr_pages();

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(made); i++) {
        const struct vm_struct *vm = find_vm_area(made[i].area);
        assert_ptr_equal(vm->addr, made[i].area);
        /* made here, a few instructions behind the begin */
        assert_true((uintptr_t)vm->caller - (uintptr_t)each_way_to_an_area_has_its_flags_and_size <
                    16384);
        assert_int_equal(vm->flags, made[i].flags);
        assert_int_equal(vm->nr_pages, made[i].pages);
        assert_int_equal(vm->size, (made[i].pages + 1) * PAGE_SIZE);
        vfree(made[i].area);
        pages -= made[i].pages;
        assert_int_equal(vmalloc_nr_pages(), pages);
    }
    assert_int_equal(found, 0);
}

static void a_cache_of_the_old_form_has_the_flags_that_were_given(void **state)
{
    struct kmem_cache *plain = quarry_cache_create_26("plain-26", 20, 0, 0, NULL, NULL);
    struct kmem_cache *lined =
        quarry_cache_create_26("lined-26", 20, 0, SLAB_HWCACHE_ALIGN, NULL, NULL);

    assert_int_equal(plain->flags & SLAB_HWCACHE_ALIGN, 0);
    assert_int_equal(lined->flags & SLAB_HWCACHE_ALIGN, SLAB_HWCACHE_ALIGN);
    assert_int_equal(quarry_cache_destroy_26(plain), 0);
    assert_int_equal(quarry_cache_destroy_26(lined), 0);
    assert_int_equal(quarry_cache_destroy_26(NULL), 0);
    assert_int_equal(found, 0);
    for (unsigned int bit = 16; bit < 8 * sizeof(long); bit++) { /* one that no cache knows */
        assert_null(quarry_cache_create_26("odd-26", 20, 0, 1ul << bit, NULL, NULL));
        assert_int_equal(found, bit - 15);
    }
}

static void what_is_no_vmalloc_address_has_no_page(void **state)
{
    void *area = vmalloc(2 * PAGE_SIZE), *block = kmalloc(64, GFP_KERNEL);
    unsigned long frame = vmalloc_to_pfn((char *)area + PAGE_SIZE + 5);

    assert_ptr_equal(vmalloc_to_page((char *)area + PAGE_SIZE), pfn_to_page(frame));
    assert_true(is_vmalloc_addr((char *)area + 2 * PAGE_SIZE - 1));
    assert_false(is_vmalloc_addr(block));
    assert_int_equal(vmalloc_to_pfn((char *)area + 2 * PAGE_SIZE), 0); /* its guard page */
    assert_int_equal(vmalloc_to_pfn(block), 0);
    assert_null(vmalloc_to_page(block));
    assert_null(find_vm_area(block));
    vfree(area);
    kfree(block);
}

/* ---- CPUs ------------------------------------------------------------------------------------ */

/* The number behind the last CPU is that of what threads without a CPU use. */
static void a_cpu_exists_once_it_was_seen_and_the_one_for_none_always(void **state)
{
    struct qr_cpus *cpus = &machine()->cpus;
    unsigned int nr = cpus->nr_max;

    assert_int_equal(quarry_nr_cpus(), nr + 1);
    assert_true(nr > 2);
    assert_true(quarry_cpu_exists(quarry_cpu()));
    assert_true(quarry_cpu_exists(nr));
    assert_false(quarry_cpu_exists(nr + 1));
    assert_false(quarry_cpu_exists(~0u));
    for (unsigned int i = 0; i < nr; i++)
        assert_int_equal(quarry_cpu_exists(i), cpus->area[i] != NULL);
    if (!cpus->area[nr - 1]) {
        cpus->nr_max--; /* a machine of one CPU less, behind whose last one nothing lies */
        assert_true(quarry_cpu_exists(nr - 1));
        assert_false(quarry_cpu_exists(nr));
        cpus->nr_max++;
    }
}

static unsigned long deferred(void)
{
    return __atomic_load_n(&machine()->vm.deferred, __ATOMIC_SEQ_CST) != NULL;
}

static void the_old_vfree_gives_back_at_once_where_it_may(void **state)
{
    void *area = vmalloc(PAGE_SIZE);

    qr_reclaim_pause(&machine()->reclaim); /* nobody else does it */
    quarry_vfree_26(area);
    assert_int_equal(deferred(), 0);
    assert_null(find_vm_area(area));
    area = vmalloc(PAGE_SIZE);
    vfree_atomic(area);
    assert_int_equal(deferred(), 1);
    qr_reclaim_resume(&machine()->reclaim);
    vm_unmap_aliases();
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static void the_largest_size_of_a_cache_is_one_and_the_next_is_not(void **state)
{
    static const size_t sizes[] = {KMALLOC_MAX_CACHE_SIZE, KMALLOC_MAX_CACHE_SIZE + 1};

    for (unsigned int i = 0; i < 2; i++) {
        void *object[] = {kmalloc(sizes[i], GFP_KERNEL), quarry_kmalloc(sizes[i], GFP_KERNEL),
                          kmalloc_node(sizes[i], GFP_KERNEL, 0),
                          kmalloc_node(sizes[i], GFP_KERNEL, NUMA_NO_NODE)};
        for (unsigned int k = 0; k < QR_ARRAY_SIZE(object); k++) {
            assert_int_equal(ksize(object[k]), (size_t)KMALLOC_MAX_CACHE_SIZE << i);
            assert_int_equal(PageSlab(virt_to_head_page(object[k])), i == 0);
            kfree(object[k]);
        }
    }
}

/* ---- leaks ----------------------------------------------------------------------------------- */

static bool ignore_it(const struct quarry_live *live, void *data)
{
    return true;
}

static void a_scan_lets_the_worker_go_on(void **state)
{
    (void)quarry_leak_scan(ignore_it, NULL);
    assert_int_equal(machine()->reclaim.paused, 0);
}

/* The mark of what Quarry handed out, or of a block that was registered. */
static u32 mark_of(const void *address)
{
    struct qr_leak_block block;

    if (!qr_foreign_find(&machine()->leaks, address, &block))
        assert_true(qr_slabs_leak_find(&machine()->slabs, address, &block));
    return *block.word & (QR_LEAK_IGNORE | QR_LEAK_IS_ROOT | QR_LEAK_NO_SCAN);
}

static void marks_say_what_was_called(void **state)
{
    static const int count[] = {-1, 0, 1, 2};
    static const u32 mark[] = {QR_LEAK_IGNORE, QR_LEAK_IS_ROOT, 0, 0};
    static void (*const call[])(const void *) = {kmemleak_not_leak, kmemleak_transient_leak,
                                                 kmemleak_ignore, kmemleak_no_scan, kmemleak_free};
    static const u32 called[] = {QR_LEAK_IS_ROOT, QR_LEAK_IS_ROOT, QR_LEAK_IGNORE, QR_LEAK_NO_SCAN,
                                 QR_LEAK_IGNORE};
    static char pool[4][64];
    struct qr_leaks *leaks = &machine()->leaks;

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(count); i++) {
        char *object = kmalloc(64, GFP_KERNEL);
        kmemleak_alloc(pool[i], 64, count[i], GFP_KERNEL);
        assert_int_equal(leaks->nr_foreign, i + 1);
        assert_int_equal(mark_of(pool[i] + 63), mark[i]);
        assert_false(qr_foreign_find(leaks, pool[i] + 64, &(struct qr_leak_block){0}));
        kmemleak_not_leak(object);
        kmemleak_alloc(object, 64, count[i], GFP_KERNEL); /* known: its mark is another now */
        assert_int_equal(leaks->nr_foreign, i + 1);
        assert_int_equal(mark_of(object), mark[i]);
        kfree(object);
    }
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(count); i++) {
        kmemleak_free(pool[i]);
        assert_int_equal(leaks->nr_foreign, 3 - i);
    }
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(call); i++) {
        char *object = kmalloc(64, GFP_KERNEL);
        assert_int_equal(mark_of(object), 0);
        call[i](object);
        assert_int_equal(mark_of(object), called[i]);
        kfree(object);
        call[i](NULL);
        call[i](ZERO_SIZE_PTR);
    }
    kmemleak_alloc(NULL, 64, 1, GFP_KERNEL);
    kmemleak_alloc(ZERO_SIZE_PTR, 64, 1, GFP_KERNEL);
    assert_int_equal(leaks->nr_foreign, 0);
    assert_int_equal(found, 0);
    kmemleak_free(pool[0]); /* of nothing */
    assert_int_equal(found, 1);
}

static bool sequence_at(const struct quarry_live *live, void *data)
{
    struct quarry_live *wanted = data;

    if (live->address != wanted->address)
        return true;
    *wanted = *live;
    return false;
}

static void an_allocation_traced_anew_is_the_newest_of_all(void **state)
{
    void *made[] = {vmalloc(PAGE_SIZE), kmalloc(3 * PAGE_SIZE, GFP_KERNEL)};

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(made); i++) {
        struct quarry_live before = {.address = made[i]}, after = {.address = made[i]};
        quarry_for_each_live(sequence_at, &before);
        assert_true(before.size > 0);
        kmemleak_update_trace(made[i]);
        quarry_for_each_live(sequence_at, &after);
        if (before.sequence)
            assert_true(after.sequence > before.sequence);
        assert_int_equal(after.size, before.size);
        kvfree(made[i]);
    }
    kmemleak_update_trace(NULL);
    assert_int_equal(found, 0);
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void the_layout_is_that_of_the_machine(void **state)
{
    const struct quarry *q = machine();
    const char *block = kmalloc(100, GFP_KERNEL);
    void *area = vmalloc(100);
    const struct {
        enum quarry_layout_item item;
        uintptr_t is;
    } items[] = {
        {QUARRY_PAGE_OFFSET, (uintptr_t)phys_to_virt(0)},
        {QUARRY_HIGH_MEMORY, (uintptr_t)phys_to_virt((phys_addr_t)q->map.max_pfn << PAGE_SHIFT)},
        {QUARRY_VMALLOC_START, q->vm.start},
        {QUARRY_VMALLOC_END, q->vm.end},
        {QUARRY_PKMAP_BASE, q->machine.pkmap_start},
        {QUARRY_PKMAP_END, q->machine.pkmap_end},
        {QUARRY_FIXADDR_START, q->machine.fixmap_start},
        {QUARRY_FIXADDR_TOP, q->machine.fixmap_end},
        {QUARRY_MEM_MAP, (uintptr_t)pfn_to_page(0)},
        {QUARRY_MAX_MAPNR, q->map.max_pfn},
        {QUARRY_LAYOUT_ITEMS, 0},
    };

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(items); i++)
        assert_int_equal(quarry_layout(items[i].item), items[i].is);
    assert_in_range((uintptr_t)block, items[0].is, items[1].is - 1);
    assert_in_range((uintptr_t)area, items[2].is, items[3].is - 1);
    assert_int_equal(get_num_physpages(), (32u << 20) / PAGE_SIZE);
    assert_true(totalram_pages() < get_num_physpages() && nr_free_pages() < totalram_pages());
    assert_int_equal(totalhigh_pages(), 0);
    vfree(area);
    kfree(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(scopes_end_in_any_order_and_only_themselves, nothing_found),
        cmocka_unit_test_setup(a_list_of_pages_is_as_long_as_memory_lasts, nothing_found),
        cmocka_unit_test_setup(an_array_is_filled_around_what_it_has_until_memory_is_short,
                               nothing_found),
        cmocka_unit_test_setup(calls_leave_their_context_as_they_found_it, nothing_found),
        cmocka_unit_test_setup(nothing_can_be_freed_by_every_call, nothing_found),
        cmocka_unit_test_setup(texts_without_room_only_tell_their_length, nothing_found),
        cmocka_unit_test_setup(a_page_is_reserved_or_not, nothing_found),
        cmocka_unit_test_setup(a_page_is_of_one_kind, nothing_found),
        cmocka_unit_test_setup(a_shrinker_that_frees_itself_inside_reclaim_stays, nothing_found),
        cmocka_unit_test_setup(a_shrinker_of_the_old_form_keeps_its_name_until_it_is_out,
                               nothing_found),
        cmocka_unit_test_setup(a_shrinker_begins_as_it_was_asked_for, nothing_found),
        cmocka_unit_test_setup(the_layout_is_that_of_the_machine, nothing_found),
        cmocka_unit_test_setup(what_is_made_of_parts_is_made_whole_or_not_at_all, nothing_found),
        cmocka_unit_test_setup(each_way_to_an_area_has_its_flags_and_size, nothing_found),
        cmocka_unit_test_setup(a_cache_of_the_old_form_has_the_flags_that_were_given,
                               nothing_found),
        cmocka_unit_test_setup(what_is_no_vmalloc_address_has_no_page, nothing_found),
        cmocka_unit_test_setup(a_cpu_exists_once_it_was_seen_and_the_one_for_none_always,
                               nothing_found),
        cmocka_unit_test_setup(a_pool_is_given_only_elements, nothing_found),
        cmocka_unit_test_setup(an_area_of_addresses_has_its_size_and_flags, nothing_found),
        cmocka_unit_test_setup(the_old_vfree_gives_back_at_once_where_it_may, nothing_found),
        cmocka_unit_test_setup(the_largest_size_of_a_cache_is_one_and_the_next_is_not,
                               nothing_found),
        cmocka_unit_test_setup(a_scan_lets_the_worker_go_on, nothing_found),
        cmocka_unit_test_setup(marks_say_what_was_called, nothing_found),
        cmocka_unit_test_setup(an_allocation_traced_anew_is_the_newest_of_all, nothing_found),
    };
    return cmocka_run_group_tests_name("edges_api", tests, quiet, NULL);
}
