/* SPDX-License-Identifier: MIT */
/* What the tests of vm/ share: a look at the whole state, memory cut into single pages, and faults
 * that are expected. */
#ifndef VM_SUPPORT_H
#define VM_SUPPORT_H

#include <setjmp.h>
#include <signal.h>
#include "machine.h"

/* ---- state ----------------------------------------------------------------------------------- */

struct vm_state {
    u64 free, arena_free;
    unsigned long areas, pages, cached, counted, records;
};

/* Objects of one of the layer's own caches that are in use. */
static inline unsigned long vm_in_use(struct kmem_cache *cache)
{
    struct quarry_cache_stat stat;
    qr_cache_stat(cache, &stat);
    return stat.active;
}

/* Everything given back that can be, then counted. */
static inline struct vm_state vm_state_of(struct quarry *q)
{
    struct vm_state state = {0};
    qr_vm_purge(&q->vm);
    for (int i = 0; i < 2; i++)
        qr_reclaim_round(&q->reclaim, GFP_KERNEL, ~0ul >> 1, NUMA_NO_NODE, QR_EFFORT_ALL);
    state.free = qr_free_pages_total(&q->zones);
    state.arena_free = q->vm.arena.free_pages;
    state.areas = q->vm.nr_areas;
    state.pages = q->vm.nr_pages;
    state.cached = q->vm.cached.pages;
    state.records = vm_in_use(q->vm.area_cache);
    for (int i = 0; i < 2; i++)
        state.records += vm_in_use(q->vm.frames_cache[i]);
    for (unsigned int i = 0; i < q->zones.nr_zones; i++)
        state.counted += q->zones.zone[i].stat[QR_ZS_VMALLOC];
    return state;
}

#define assert_vm_state_is(q, before)                                                              \
    do {                                                                                           \
        struct vm_state now_ = vm_state_of(q);                                                     \
        assert_int_equal(now_.free, (before).free);                                                \
        assert_int_equal(now_.arena_free, (before).arena_free);                                    \
        assert_int_equal(now_.areas, (before).areas);                                              \
        assert_int_equal(now_.pages, (before).pages);                                              \
        assert_int_equal(now_.counted, (before).counted);                                          \
        assert_int_equal(now_.records, (before).records);                                          \
        assert_int_equal(vm_in_use((q)->vm.range_cache), (q)->vm.arena.nr_ranges);                 \
        assert_int_equal(qr_vm_check(&(q)->vm), 0);                                                \
    } while (0)

/* ---- making memory short or scattered -------------------------------------------------------- */

#define VM_HELD_MAX 8192
struct vm_held {
    struct page *page[VM_HELD_MAX];
    unsigned int nr;
};

static inline void vm_hold_all(struct quarry *q, struct vm_held *held, gfp_t gfp)
{
    struct page *page;
    held->nr = 0;
    while (held->nr < VM_HELD_MAX &&
           (page = qr_alloc_pages(&q->zones, gfp | __GFP_NOWARN, 0, NUMA_NO_NODE)))
        held->page[held->nr++] = page;
}

static inline void vm_release(struct quarry *q, struct vm_held *held)
{
    while (held->nr)
        qr_free_block(&q->zones, held->page[--held->nr], 0);
}

/* Free every held page with an odd frame number: no two free pages are neighbours. */
static inline void vm_release_odd(struct quarry *q, struct vm_held *held)
{
    unsigned int kept = 0;
    for (unsigned int i = 0; i < held->nr; i++) {
        if (qr_pfn(&q->map, held->page[i]) & 1)
            qr_free_block(&q->zones, held->page[i], 0);
        else
            held->page[kept++] = held->page[i];
    }
    held->nr = kept;
    qr_pcp_drain_all(&q->zones);
}

/* ---- expected faults ------------------------------------------------------------------------- */

static sigjmp_buf vm_fault_jump;

static inline void vm_fault_handler(int signal)
{
    siglongjmp(vm_fault_jump, signal);
}

/* Whether reading (or writing) this byte faults. */
static inline bool vm_faults(volatile char *address)
{
    struct sigaction action = {.sa_handler = vm_fault_handler}, segv, bus;
    volatile bool faulted = true;
    sigaction(SIGSEGV, &action, &segv);
    sigaction(SIGBUS, &action, &bus);
    if (!sigsetjmp(vm_fault_jump, 1)) {
        *address = *address;
        faulted = false;
    }
    sigaction(SIGSEGV, &segv, NULL);
    sigaction(SIGBUS, &bus, NULL);
    return faulted;
}

static inline void *vm_get(struct quarry *q, unsigned long pages)
{
    return qr_vmalloc(&q->vm, pages * PAGE_SIZE, 0, GFP_KERNEL, 0, NUMA_NO_NODE, "vmalloc");
}

#endif
