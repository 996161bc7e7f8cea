/* SPDX-License-Identifier: MIT */
/* Addresses for pages that have none, on a machine whose upper half is high memory: a window of 16
 * slots for kmap, 225 for kmap_local. */
#include <pthread.h>
#include <sched.h>
#include "vm_support.h"

#define SLOTS 16

static struct quarry *boot_high(const char *options)
{
    struct test_spec spec = {.pages = 2048, .profile = "zones", .options = options};
    struct quarry *q = test_boot_with(&spec);
    assert_int_equal(q->kmaps.nr_pkmap, SLOTS);
    return q;
}

static struct page *high_page(struct quarry *q)
{
    struct page *page = qr_alloc_pages(&q->zones, GFP_HIGHUSER, 0, NUMA_NO_NODE);
    assert_non_null(page);
    assert_false(qr_page_is_low(&q->map, page));
    return page;
}

/* ---- kmap ------------------------------------------------------------------------------------ */

static void a_low_page_keeps_its_direct_map_address(void **state)
{
    struct quarry *q = boot_high(NULL);
    struct page *page = qr_alloc_pages(&q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    assert_ptr_equal(qr_kmap(&q->kmaps, page), qr_page_virt(&q->map, page));
    assert_ptr_equal(qr_kmap_local(&q->kmaps, page), qr_page_virt(&q->map, page));
    assert_true(qr_kunmap_local(&q->kmaps, qr_page_virt(&q->map, page)));
    qr_kunmap(&q->kmaps, page);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

static void a_machine_without_high_memory_has_no_window(void **state)
{
    struct quarry *q = test_boot(256);
    struct page *page = qr_alloc_pages(&q->zones, GFP_HIGHUSER, 0, NUMA_NO_NODE);
    assert_int_equal(q->kmaps.nr_pkmap, 0);
    assert_ptr_equal(qr_kmap(&q->kmaps, page), qr_page_virt(&q->map, page));
    qr_kunmap(&q->kmaps, page);
    assert_null(qr_kmap_address(&q->kmaps, page));
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

/* A port may have more memory than addresses and set none aside: such pages cannot be seen then. */
static void without_windows_a_high_page_has_no_address_and_that_is_said(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "zones", .no_kmap = true};
    struct quarry *q = test_boot_with(&spec);
    struct page *page = high_page(q);
    assert_null(qr_kmap(&q->kmaps, page));
    assert_non_null(strstr(test_last_report, "kmap: this machine has high memory but no window"));
    assert_null(qr_kmap_local(&q->kmaps, page));
    assert_non_null(strstr(test_last_report, "kmap_local: this machine has high memory but no"));
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 2);
    qr_kunmap(&q->kmaps, page);
    assert_non_null(strstr(test_last_report, "not mapped by kmap"));
    assert_null(qr_kmap_address(&q->kmaps, page));
    assert_false(qr_kunmap_local(&q->kmaps, (void *)q->machine.fixmap_start));
    assert_int_equal(qr_kmaps_remap_all(&q->kmaps), 0);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

/* What lay in the memory of the tables before, as after a restart, is of no matter. */
static void the_windows_begin_empty_whatever_memory_holds(void **state)
{
    struct quarry *q = boot_high(NULL);
    struct qr_kmaps again = {.zones = &q->zones, .check = &q->check};
    struct qp_machine machine = q->machine;
    static struct vm_held held;
    char why[128] = "";
    vm_hold_all(q, &held, GFP_NOWAIT);
    for (unsigned int i = 0; i < held.nr; i++)
        memset(qr_page_virt(&q->map, held.page[i]), 0xff, PAGE_SIZE);
    vm_release(q, &held);
    machine.pkmap_end += 2000 * PAGE_SIZE; /* windows whose tables are larger than a page */
    machine.fixmap_end += 2000 * PAGE_SIZE;
    assert_int_equal(qr_kmaps_init(&again, &machine, why, sizeof(why)), 0);
    assert_int_equal(again.nr_pkmap, SLOTS + 2000);
    assert_int_equal(again.nr_fixmap, q->kmaps.nr_fixmap + 2000);
    for (u32 i = 0; i < again.nr_pkmap; i++)
        assert_true(!again.pkmap[i].page && !again.pkmap[i].users && !again.bucket[i]);
    for (u32 i = 0; i < again.nr_fixmap; i++)
        assert_true(!again.fixmap[i].page && !again.fixmap[i].users);
    assert_int_equal(qr_kmaps_check(&again), 0);
    q->zones.clear_high_data = &q->kmaps;
    test_abandon(q);
}

/* 31 pages of a larger one are for fixed mappings. */
static void a_small_window_is_all_for_temporary_mappings(void **state)
{
    static const u32 slots[][2] = {{0, 0}, {1, 1}, {30, 30}, {31, 31}, {32, 1}, {33, 2}};
    struct quarry *q = boot_high(NULL);
    char why[128] = "";
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(slots); i++) {
        struct qr_kmaps other = {.zones = &q->zones, .check = &q->check};
        struct qp_machine machine = q->machine;
        machine.fixmap_end = machine.fixmap_start + slots[i][0] * PAGE_SIZE;
        assert_int_equal(qr_kmaps_init(&other, &machine, why, sizeof(why)), 0);
        assert_int_equal(other.nr_fixmap, slots[i][1]);
    }
    q->zones.clear_high_data = &q->kmaps;
    test_abandon(q);
}

static void a_page_that_is_let_go_at_this_moment_has_no_kmap_address(void **state)
{
    struct quarry *q = boot_high(NULL);
    struct page *page = high_page(q), *never = high_page(q);
    qr_kmap(&q->kmaps, page);
    qr_kunmap(&q->kmaps, page); /* still in its slot */
    page->flags |= PGF_KMAPPED; /* what another task saw before it took the lock */
    never->flags |= PGF_KMAPPED;
    assert_null(qr_kmap_address(&q->kmaps, page));
    assert_null(qr_kmap_address(&q->kmaps, never));
    page->flags &= ~PGF_KMAPPED;
    never->flags &= ~PGF_KMAPPED;
    qr_free_block(&q->zones, page, 0);
    qr_free_block(&q->zones, never, 0);
    test_end(q);
}

static void a_high_page_has_one_address_for_everybody_while_it_is_mapped(void **state)
{
    struct quarry *q = boot_high(NULL);
    struct page *page = high_page(q), *other = high_page(q);
    assert_null(qr_kmap_address(&q->kmaps, page));
    char *first = qr_kmap(&q->kmaps, page), *second = qr_kmap(&q->kmaps, page);
    char *elsewhere = qr_kmap(&q->kmaps, other);
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, elsewhere);
    assert_true((uintptr_t)first >= q->machine.pkmap_start);
    assert_true((uintptr_t)first + PAGE_SIZE <= q->machine.pkmap_end);
    assert_ptr_equal(qr_kmap_address(&q->kmaps, page), first);
    first[10] = 42;
    elsewhere[10] = 43;
    char *local = qr_kmap_local(&q->kmaps, page);
    assert_ptr_not_equal(local, first);
    assert_int_equal(local[10], 42);
    assert_true(qr_kunmap_local(&q->kmaps, local));
    qr_kunmap(&q->kmaps, page);
    assert_ptr_equal(qr_kmap_address(&q->kmaps, page), first);
    qr_kunmap(&q->kmaps, page);
    assert_null(qr_kmap_address(&q->kmaps, page));
    qr_kunmap(&q->kmaps, other);
    qr_free_block(&q->zones, page, 0);
    qr_free_block(&q->zones, other, 0);
    test_end(q);
}

static void slots_let_go_are_used_for_other_pages(void **state)
{
    struct quarry *q = boot_high(NULL);
    struct page *page[5 * SLOTS];
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(page); i++) {
        page[i] = high_page(q);
        char *address = qr_kmap(&q->kmaps, page[i]);
        memset(address, (int)i, PAGE_SIZE);
        qr_kunmap(&q->kmaps, page[i]);
    }
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(page); i++) {
        unsigned char *address = qr_kmap(&q->kmaps, page[i]);
        assert_int_equal(address[0], i);
        assert_int_equal(address[PAGE_SIZE - 1], i);
        qr_kunmap(&q->kmaps, page[i]);
    }
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(page); i++)
        qr_free_block(&q->zones, page[i], 0);
    test_end(q);
}

static void *slot_address(const struct quarry *q, unsigned int slot)
{
    return (void *)(q->machine.pkmap_start + slot * PAGE_SIZE);
}

/* A slot that is free is taken as late as can be: its page may be asked for once more. */
static void slots_are_taken_in_a_circle_and_those_in_use_passed_over(void **state)
{
    static const unsigned int next[] = {6,  7,  8, 9, 10, 11, 12, 13,
                                        14, 15, 0, 1, 4,  6,  7}; /* not 2, 3 and 5 */
    struct quarry *q = boot_high(NULL);
    struct page *page[6], *other[QR_ARRAY_SIZE(next)];
    for (unsigned int i = 0; i < 6; i++) {
        page[i] = high_page(q);
        assert_ptr_equal(qr_kmap(&q->kmaps, page[i]), slot_address(q, i));
    }
    qr_kunmap(&q->kmaps, page[0]);
    qr_kunmap(&q->kmaps, page[1]);
    qr_kunmap(&q->kmaps, page[4]);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(next); i++) {
        other[i] = high_page(q);
        assert_ptr_equal(qr_kmap(&q->kmaps, other[i]), slot_address(q, next[i]));
        qr_kunmap(&q->kmaps, other[i]);
    }
    assert_ptr_equal(qr_kmap(&q->kmaps, other[9]), slot_address(q, 15)); /* still there */
    assert_ptr_equal(qr_kmap(&q->kmaps, page[0]), slot_address(q, 8));   /* not there any more */
    qr_kunmap(&q->kmaps, other[9]);
    qr_kunmap(&q->kmaps, page[0]);
    qr_kunmap(&q->kmaps, page[2]);
    qr_kunmap(&q->kmaps, page[3]);
    qr_kunmap(&q->kmaps, page[5]);
    for (unsigned int i = 0; i < 6; i++)
        qr_free_block(&q->zones, page[i], 0);
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(other); i++)
        qr_free_block(&q->zones, other[i], 0);
    test_end(q);
}

struct kmap_waiter {
    struct quarry *q;
    struct page *page;
    void *address;
    int done;
};

static void *kmap_waiter_main(void *data)
{
    struct kmap_waiter *waiter = data;
    waiter->address = qr_kmap(&waiter->q->kmaps, waiter->page);
    __atomic_store_n(&waiter->done, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void kmap_waits_while_its_window_is_full(void **state)
{
    struct quarry *q = boot_high(NULL);
    struct page *page[SLOTS];
    struct kmap_waiter waiter = {.q = q, .page = high_page(q)};
    pthread_t thread;
    for (unsigned int i = 0; i < SLOTS; i++)
        assert_non_null(qr_kmap(&q->kmaps, page[i] = high_page(q)));
    pthread_create(&thread, NULL, kmap_waiter_main, &waiter);
    while (!__atomic_load_n(&q->kmaps.waiters, __ATOMIC_SEQ_CST))
        sched_yield();
    for (int i = 0; i < 1000; i++)
        sched_yield();
    assert_int_equal(__atomic_load_n(&waiter.done, __ATOMIC_SEQ_CST), 0);
    void *freed = qr_kmap_address(&q->kmaps, page[7]);
    qr_kunmap(&q->kmaps, page[7]);
    pthread_join(thread, NULL);
    assert_ptr_equal(waiter.address, freed);
    assert_int_equal(q->kmaps.waiters, 0);
    qr_kunmap(&q->kmaps, waiter.page);
    qr_free_block(&q->zones, waiter.page, 0);
    for (unsigned int i = 0; i < SLOTS; i++) {
        if (i != 7)
            qr_kunmap(&q->kmaps, page[i]);
        qr_free_block(&q->zones, page[i], 0);
    }
    test_end(q);
}

static void g_c3_kmap_in_atomic_context_is_reported_and_does_not_wait(void **state)
{
    struct quarry *q = boot_high(NULL);
    struct page *page[SLOTS + 1];
    for (unsigned int i = 0; i < SLOTS + 1; i++)
        page[i] = high_page(q);
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    for (unsigned int i = 0; i < SLOTS; i++)
        assert_non_null(qr_kmap(&q->kmaps, page[i]));
    assert_null(qr_kmap(&q->kmaps, page[SLOTS]));
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(test_findings(q, QUARRY_BAD_CONTEXT), SLOTS + 1);
    for (unsigned int i = 0; i < SLOTS; i++)
        qr_kunmap(&q->kmaps, page[i]);
    for (unsigned int i = 0; i < SLOTS + 1; i++)
        qr_free_block(&q->zones, page[i], 0);
    test_end(q);
}

static void kunmap_of_a_page_that_is_not_mapped_is_reported(void **state)
{
    struct quarry *q = boot_high(NULL);
    struct page *page = high_page(q);
    qr_kunmap(&q->kmaps, page);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    qr_kmap(&q->kmaps, page);
    qr_kunmap(&q->kmaps, page);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 1);
    qr_kunmap(&q->kmaps, page);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 2);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

static void a_use_after_kunmap_faults_in_a_checked_build(void **state)
{
    struct quarry *q = boot_high("check=1");
    struct page *page = high_page(q);
    char *address = qr_kmap(&q->kmaps, page);
    assert_false(vm_faults(address));
    qr_kunmap(&q->kmaps, page);
    assert_true(vm_faults(address));
    address = qr_kmap_local(&q->kmaps, page);
    assert_false(vm_faults(address));
    assert_true(qr_kunmap_local(&q->kmaps, address));
    assert_true(vm_faults(address));
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

/* ---- kmap_local ------------------------------------------------------------------------------ */

static void local_mappings_nest_and_are_undone_in_reverse_order(void **state)
{
    enum { DEPTH = 40 };
    struct quarry *q = boot_high(NULL);
    struct page *page[DEPTH];
    char *address[DEPTH];
    for (int i = 0; i < DEPTH; i++) {
        address[i] = qr_kmap_local(&q->kmaps, page[i] = high_page(q));
        assert_non_null(address[i]);
        memset(address[i], i, PAGE_SIZE);
    }
    for (int i = 0; i < DEPTH; i++)
        assert_int_equal(address[i][PAGE_SIZE - 1], i);
    for (int i = DEPTH; i-- > 0;)
        assert_true(qr_kunmap_local(&q->kmaps, address[i] + 100)); /* any address in the page */
    assert_int_equal(qp_task()->kmap_local, 0);
    for (int i = 0; i < DEPTH; i++)
        qr_free_block(&q->zones, page[i], 0);
    test_end(q);
}

static void local_mappings_undone_out_of_order_are_reported(void **state)
{
    struct quarry *q = boot_high(NULL);
    struct page *page[2] = {high_page(q), high_page(q)};
    char *outer = qr_kmap_local(&q->kmaps, page[0]), *inner = qr_kmap_local(&q->kmaps, page[1]);
    assert_false(qr_kunmap_local(&q->kmaps, outer));
    assert_non_null(strstr(test_last_report, "out of order"));
    outer[0] = 1; /* both still mapped */
    inner[0] = 2;
    assert_true(qr_kunmap_local(&q->kmaps, inner));
    assert_true(qr_kunmap_local(&q->kmaps, outer));
    assert_false(qr_kunmap_local(&q->kmaps, outer)); /* twice */
    assert_false(qr_kunmap_local(&q->kmaps, &page));
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 3);
    qr_free_block(&q->zones, page[0], 0);
    qr_free_block(&q->zones, page[1], 0);
    test_end(q);
}

/* Hold every slot of kmap_local's window on the same page; how many there were. */
static unsigned int hold_every_slot(struct quarry *q, struct page *page, char *address[256])
{
    unsigned int nr = 0;
    while (nr < q->kmaps.nr_fixmap && (address[nr] = qr_kmap_local(&q->kmaps, page)))
        nr++;
    assert_int_equal(nr, q->kmaps.nr_fixmap);
    assert_int_equal(q->kmaps.fixmap_free, 0);
    return nr;
}

static void let_slots_go(struct quarry *q, char *const address[256], unsigned int nr)
{
    while (nr)
        assert_true(qr_kunmap_local(&q->kmaps, address[--nr]));
}

struct local_waiter {
    struct quarry *q;
    struct page *page;
    bool atomic, undone;
    int started, saw;
};

/* Maps, looks and undoes. In atomic context it gives up when others hold on for long: it asks again. */
static void *local_waiter_main(void *data)
{
    struct local_waiter *waiter = data;
    char *address;
    if (waiter->atomic)
        quarry_context_enter(QUARRY_CTX_SPINLOCK);
    __atomic_store_n(&waiter->started, 1, __ATOMIC_SEQ_CST);
    while (!(address = qr_kmap_local(&waiter->q->kmaps, waiter->page)))
        ;
    waiter->saw = address[0];
    waiter->undone = qr_kunmap_local(&waiter->q->kmaps, address);
    if (waiter->atomic)
        quarry_context_leave(QUARRY_CTX_SPINLOCK);
    return NULL;
}

static void kmap_local_gets_the_slot_that_another_task_lets_go(void **state)
{
    for (int atomic = 0; atomic < 2; atomic++) {
        struct quarry *q = boot_high(NULL);
        struct page *held = high_page(q);
        struct local_waiter waiter = {.q = q, .page = high_page(q), .atomic = atomic};
        char *address[256];
        pthread_t thread;
        qr_page_fill(&q->kmaps, waiter.page, 0, 70 + atomic, 1, "memset_page");
        unsigned int nr = hold_every_slot(q, held, address);
        pthread_create(&thread, NULL, local_waiter_main, &waiter);
        while (
            !__atomic_load_n(atomic ? (u32 *)&waiter.started : &q->kmaps.waiters, __ATOMIC_SEQ_CST))
            sched_yield();
        for (int i = 0; i < 1000; i++)
            sched_yield();
        let_slots_go(q, address + nr - 1, 1);
        pthread_join(thread, NULL);
        assert_int_equal(waiter.saw, 70 + atomic);
        assert_true(waiter.undone);
        assert_int_equal(q->kmaps.waiters, 0);
        let_slots_go(q, address, nr - 1);
        qr_free_block(&q->zones, held, 0);
        qr_free_block(&q->zones, waiter.page, 0);
        test_end(q);
    }
}

static void kmap_local_in_atomic_context_gives_up_when_no_slot_is_let_go(void **state)
{
    struct quarry *q = boot_high(NULL);
    struct page *page = high_page(q);
    char *address[256];
    unsigned int nr = hold_every_slot(q, page, address);
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    assert_null(qr_kmap_local(&q->kmaps, page));
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(test_findings(q, QUARRY_OUT_OF_MEMORY), 1);
    assert_non_null(strstr(test_last_report, "forgets kunmap_local"));
    let_slots_go(q, address, nr);
    address[0] = qr_kmap_local(&q->kmaps, page); /* and serves again */
    assert_non_null(address[0]);
    let_slots_go(q, address, 1);
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

static struct quarry *irq_machine;
static struct page *irq_page;
static char irq_saw;

static void irq_maps(void *data)
{
    char *address = qr_kmap_local(&irq_machine->kmaps, irq_page);
    irq_saw = address[0];
    assert_true(qr_kunmap_local(&irq_machine->kmaps, address));
}

static void an_interrupt_maps_on_its_own_stack_of_mappings(void **state)
{
    struct quarry *q = boot_high(NULL);
    struct page *page = high_page(q);
    irq_machine = q;
    irq_page = high_page(q);
    char *address = qr_kmap_local(&q->kmaps, irq_page);
    address[0] = 77;
    assert_true(qr_kunmap_local(&q->kmaps, address));
    address = qr_kmap_local(&q->kmaps, page);
    quarry_raise_irq(irq_maps, NULL);
    assert_int_equal(irq_saw, 77);
    assert_true(qr_kunmap_local(&q->kmaps, address));
    qr_free_block(&q->zones, page, 0);
    qr_free_block(&q->zones, irq_page, 0);
    test_end(q);
}

static void the_check_finds_what_contradicts_the_windows(void **state)
{
    struct quarry *q = boot_high(NULL);
    struct qr_kmaps *kmaps = &q->kmaps;
    struct page *page = high_page(q), *other = high_page(q);
    char *local = qr_kmap_local(kmaps, page);
    u32 mapped, idle = 0, head = kmaps->fixmap_free, next;

    qr_kmap(kmaps, page);
    for (mapped = 0; kmaps->pkmap[mapped].page != page; mapped++)
        ;
    while (kmaps->pkmap[idle].page)
        idle++;
    assert_int_equal(qr_kmaps_check(kmaps), 0);
    kmaps->pkmap[idle].users = 1; /* of no page */
    assert_int_equal(qr_kmaps_check(kmaps), 1);
    kmaps->pkmap[idle].users = 0;
    kmaps->pkmap[mapped].page = other; /* found by another page's number, and that is not marked */
    assert_true(qr_kmaps_check(kmaps) > 0);
    kmaps->pkmap[mapped].page = page;
    page->flags &= ~PGF_KMAPPED;
    assert_int_equal(qr_kmaps_check(kmaps), 1);
    page->flags |= PGF_KMAPPED;
    kmaps->fixmap[head - 1].users = 1; /* held, and on the list of the free ones */
    assert_true(qr_kmaps_check(kmaps) > 0);
    kmaps->fixmap[head - 1].users = 0;
    kmaps->fixmap_free = kmaps->fixmap[head - 1].next; /* one is lost */
    assert_int_equal(qr_kmaps_check(kmaps), 1);
    kmaps->fixmap_free = head;
    next = kmaps->fixmap[head - 1].next;
    kmaps->fixmap[head - 1].next = head; /* a list without an end */
    assert_int_equal(qr_kmaps_check(kmaps), 1);
    kmaps->fixmap[head - 1].next = next;
    assert_int_equal(qr_kmaps_check(kmaps), 0);
    assert_int_equal(test_findings(q, QUARRY_CORRUPTION), 6);
    assert_string_equal(test_last_report, "kmap: 1 contradictions in the windows");
    assert_true(qr_kunmap_local(kmaps, local));
    qr_kunmap(kmaps, page);
    qr_free_block(&q->zones, page, 0);
    qr_free_block(&q->zones, other, 0);
    test_end(q);
}

struct crowd {
    struct quarry *q;
    struct page *page[4];
    int stamp;
};

static void *crowd_main(void *data)
{
    struct crowd *crowd = data;
    struct qr_kmaps *kmaps = &crowd->q->kmaps;
    for (int i = 0; i < 1500; i++) {
        struct page *page = crowd->page[i % 4];
        int *local = qr_kmap_local(kmaps, page), *shared;
        local[i % 1024] = crowd->stamp + i;
        shared = qr_kmap(kmaps, page);
        if (shared[i % 1024] != crowd->stamp + i)
            return data;
        if (!qr_kunmap_local(kmaps, local))
            return data;
        qr_kunmap(kmaps, page);
    }
    return NULL;
}

static void threads_share_both_windows(void **state)
{
    enum { CROWD = 24 }; /* more than slots: some must wait */
    struct quarry *q = boot_high(NULL);
    struct crowd crowd[CROWD];
    pthread_t thread[CROWD];
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = (struct crowd){.q = q, .stamp = i << 16};
        for (int k = 0; k < 4; k++)
            crowd[i].page[k] = high_page(q);
        pthread_create(&thread[i], NULL, crowd_main, &crowd[i]);
    }
    for (int i = 0; i < CROWD; i++) {
        void *failed;
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    for (int i = 0; i < CROWD; i++)
        for (int k = 0; k < 4; k++)
            qr_free_block(&q->zones, crowd[i].page[k], 0);
    test_end(q);
}

/* ---- contents -------------------------------------------------------------------------------- */

/* Whoever looks into a page holds no slot afterwards. */
static void none_is_held(struct quarry *q)
{
    unsigned int held = 0;
    for (u32 i = 0; i < q->kmaps.nr_fixmap; i++)
        held += q->kmaps.fixmap[i].users;
    assert_int_equal(held, 0);
    assert_int_equal(qp_task()->kmap_local, 0);
}

static void contents_are_read_written_filled_and_copied(void **state)
{
    struct quarry *q = boot_high(NULL);
    struct page *one = high_page(q), *two = high_page(q);
    char buffer[PAGE_SIZE];
    qr_page_fill(&q->kmaps, one, 0, 0x11, PAGE_SIZE, "memset_page");
    none_is_held(q);
    qr_page_write(&q->kmaps, one, PAGE_SIZE - 4, "abcd", 4, "memcpy_to_page");
    none_is_held(q);
    qr_page_copy(&q->kmaps, two, 0, one, 0, PAGE_SIZE, "copy_highpage");
    none_is_held(q);
    qr_page_fill(&q->kmaps, one, 0, 0, PAGE_SIZE, "clear_highpage");
    none_is_held(q);
    qr_page_read(&q->kmaps, buffer, two, 0, PAGE_SIZE, "memcpy_from_page");
    none_is_held(q);
    assert_int_equal(buffer[0], 0x11);
    assert_memory_equal(buffer + PAGE_SIZE - 4, "abcd", 4);
    qr_page_read(&q->kmaps, buffer, one, PAGE_SIZE - 4, 4, "memcpy_from_page");
    assert_memory_equal(buffer, "\0\0\0\0", 4);
    qr_free_block(&q->zones, one, 0);
    qr_free_block(&q->zones, two, 0);
    test_end(q);
}

static void a_range_that_leaves_the_page_is_refused(void **state)
{
    struct quarry *q = boot_high(NULL);
    struct page *page = high_page(q);
    static char buffer[2 * PAGE_SIZE];
    const size_t range[][2] = {{0, PAGE_SIZE + 1}, {PAGE_SIZE, 1}, {~0ul, 2}, {1, ~0ul}, {4095, 2}};
    for (unsigned int i = 0; i < QR_ARRAY_SIZE(range); i++) {
        qr_page_write(&q->kmaps, page, range[i][0], buffer, range[i][1], "memcpy_to_page");
        qr_page_read(&q->kmaps, buffer, page, range[i][0], range[i][1], "memcpy_from_page");
        qr_page_fill(&q->kmaps, page, range[i][0], 1, range[i][1], "memset_page");
        qr_page_copy(&q->kmaps, page, 0, page, range[i][0], range[i][1], "memcpy_page");
        assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 4 * (i + 1));
    }
    qr_page_write(&q->kmaps, page, PAGE_SIZE, buffer, 0, "memcpy_to_page");
    assert_int_equal(test_findings(q, QUARRY_BAD_REQUEST), 4 * QR_ARRAY_SIZE(range));
    qr_free_block(&q->zones, page, 0);
    test_end(q);
}

static void g_e7_a_zeroed_high_page_is_zero(void **state)
{
    struct quarry *q = boot_high(NULL);
    char buffer[PAGE_SIZE];
    static struct vm_held held;
    vm_hold_all(q, &held, GFP_NOWAIT | __GFP_HIGHMEM);
    for (unsigned int i = 0; i < held.nr; i++)
        qr_page_fill(&q->kmaps, held.page[i], 0, 0xff, PAGE_SIZE, "memset_page");
    vm_release(q, &held);
    for (int i = 0; i < 100; i++) {
        struct page *page = qr_alloc_pages(&q->zones, GFP_HIGHUSER | __GFP_ZERO, 0, NUMA_NO_NODE);
        assert_false(qr_page_is_low(&q->map, page));
        qr_page_read(&q->kmaps, buffer, page, 0, PAGE_SIZE, "memcpy_from_page");
        for (unsigned int k = 0; k < PAGE_SIZE; k++)
            assert_int_equal(buffer[k], 0);
        held.page[held.nr++] = page;
    }
    vm_release(q, &held);
    test_end(q);
}

/* Each slot that maps a page, in use or not, maps the same page afterwards; and no other does. */
static void both_windows_can_be_mapped_anew(void **state)
{
    struct quarry *q = boot_high(NULL);
    struct page *page[3] = {high_page(q), high_page(q), high_page(q)};
    char *shared[3], *local[3];
    for (int i = 0; i < 3; i++) {
        shared[i] = qr_kmap(&q->kmaps, page[i]);
        local[i] = qr_kmap_local(&q->kmaps, page[i]);
        shared[i][5] = (char)(55 + i);
    }
    qr_kunmap(&q->kmaps, page[1]); /* still mapped */
    assert_true(qr_kunmap_local(&q->kmaps, local[2]));
    for (int i = 0; i < 3; i++) {
        qp_unmap(q->map.offset, shared[i], 1);
        qp_unmap(q->map.offset, local[i], 1);
        qp_flush(q->map.offset, shared[i], 1);
        qp_flush(q->map.offset, local[i], 1);
        assert_true(vm_faults(shared[i]));
        assert_true(vm_faults(local[i]));
    }
    assert_int_equal(qr_kmaps_remap_all(&q->kmaps), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(shared[i][5], 55 + i);
        assert_int_equal(local[i][5], 55 + i);
    }
    assert_true(vm_faults(slot_address(q, 3)));
    assert_true(vm_faults(slot_address(q, SLOTS - 1)));
    assert_true(vm_faults((char *)q->machine.fixmap_start + 3 * PAGE_SIZE));
    assert_true(qr_kunmap_local(&q->kmaps, local[1]));
    assert_true(qr_kunmap_local(&q->kmaps, local[0]));
    qr_kunmap(&q->kmaps, page[0]);
    qr_kunmap(&q->kmaps, page[2]);
    for (int i = 0; i < 3; i++)
        qr_free_block(&q->zones, page[i], 0);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_low_page_keeps_its_direct_map_address),
        cmocka_unit_test(a_machine_without_high_memory_has_no_window),
        cmocka_unit_test(without_windows_a_high_page_has_no_address_and_that_is_said),
        cmocka_unit_test(the_windows_begin_empty_whatever_memory_holds),
        cmocka_unit_test(a_small_window_is_all_for_temporary_mappings),
        cmocka_unit_test(a_page_that_is_let_go_at_this_moment_has_no_kmap_address),
        cmocka_unit_test(a_high_page_has_one_address_for_everybody_while_it_is_mapped),
        cmocka_unit_test(slots_let_go_are_used_for_other_pages),
        cmocka_unit_test(slots_are_taken_in_a_circle_and_those_in_use_passed_over),
        cmocka_unit_test(kmap_waits_while_its_window_is_full),
        cmocka_unit_test(g_c3_kmap_in_atomic_context_is_reported_and_does_not_wait),
        cmocka_unit_test(kunmap_of_a_page_that_is_not_mapped_is_reported),
        cmocka_unit_test(a_use_after_kunmap_faults_in_a_checked_build),
        cmocka_unit_test(local_mappings_nest_and_are_undone_in_reverse_order),
        cmocka_unit_test(local_mappings_undone_out_of_order_are_reported),
        cmocka_unit_test(kmap_local_gets_the_slot_that_another_task_lets_go),
        cmocka_unit_test(kmap_local_in_atomic_context_gives_up_when_no_slot_is_let_go),
        cmocka_unit_test(an_interrupt_maps_on_its_own_stack_of_mappings),
        cmocka_unit_test(the_check_finds_what_contradicts_the_windows),
        cmocka_unit_test(threads_share_both_windows),
        cmocka_unit_test(contents_are_read_written_filled_and_copied),
        cmocka_unit_test(a_range_that_leaves_the_page_is_refused),
        cmocka_unit_test(g_e7_a_zeroed_high_page_is_zero),
        cmocka_unit_test(both_windows_can_be_mapped_anew),
    };
    return cmocka_run_group_tests_name("kmap", tests, NULL, NULL);
}
