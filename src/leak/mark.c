/* SPDX-License-Identifier: MIT */
/* leak/mark: what callers say of their allocations, and lost ones by place of allocation.
 *
 * A mark lies in the allocation's own word and goes with it: memory that is handed out again begins
 * without marks.
 *
 * Groups. A report wants one entry a place, with a count, not one an allocation. They are made when somebody
 * asks, in a table of fixed size; what finds no room is summed up in one more. The table may lie in a
 * root, so it holds no address as it is: it would lead to what it says is lost.
 *
 * Locks: leaks->lock for the groups. May sleep: nothing. */
#include "leak.h"

static bool mark_find(struct qr_leaks *leaks, const void *address, struct qr_leak_block *block)
{
    struct qr_leak_found_area found;
    struct page *page;

    if (qr_foreign_find(leaks, address, block) && block->start == address)
        return true;
    if (qr_vm_contains(leaks->vm, address)) {
        if (!qr_vm_leak_find(leaks->vm, address, &found))
            return false;
        *block = found.block;
        return block->start == address;
    }
    page = qr_virt_page_checked(leaks->zones->map, address);
    if (!page)
        return false;
    if (!(__atomic_load_n(&page->flags, __ATOMIC_RELAXED) & PGF_SLAB) &&
        !qr_slabs_is_guarded(leaks->slabs, address))
        return qr_pages_leak_find(leaks->zones, page, block) && block->start == address;
    return qr_slabs_leak_find(leaks->slabs, address, block) && block->start == address;
}

bool qr_leak_set(struct qr_leaks *leaks, const void *address, u32 set, u32 clear, const char *what)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .address = address};
    struct qr_leak_block block;

    if (qr_check_level(leaks->check) < 1 || ZERO_OR_NULL_PTR(address))
        return true;
    if (mark_find(leaks, address, &block) && block.word) {
        __atomic_fetch_and(block.word, ~clear, __ATOMIC_RELAXED);
        __atomic_fetch_or(block.word, set, __ATOMIC_RELAXED);
        return true;
    }
    if (what)
        qr_report_once(leaks->check, &report,
                       "%s(%p): no live allocation begins there; give the address that the "
                       "allocator returned",
                       what, address);
    return false;
}

void qr_leak_retrace(struct qr_leaks *leaks, const void *address)
{
    struct page *page = qr_virt_page_checked(leaks->zones->map, address);
    struct qr_object object;

    if (qr_check_level(leaks->check) < 1 || ZERO_OR_NULL_PTR(address))
        return;
    if (qr_vm_contains(leaks->vm, address))
        qr_vm_retrace(leaks->vm, address);
    else if (page && !(__atomic_load_n(&page->flags, __ATOMIC_RELAXED) & PGF_SLAB))
        qr_pages_retrace(leaks->zones, page);
    else if (page && qr_object_find(leaks->slabs, address, &object))
        qr_object_retrace(&object);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static bool group_same(const struct quarry_live *a, const struct quarry_live *b)
{
    return a->kind == b->kind && (a->cache != NULL) == (b->cache != NULL) &&
           (!a->cache || qr_strcmp(a->cache, b->cache) == 0) &&
           a->allocated.nr == b->allocated.nr && (a->allocated.nr || a->size == b->size) &&
           memcmp(a->allocated.pc, b->allocated.pc, a->allocated.nr * sizeof(a->allocated.pc[0])) ==
               0;
}

static void group_count(struct qr_leak_group *group, const struct quarry_live *live)
{
    group->nr++;
    group->bytes += live->size;
    if (live->when_ns && (!group->oldest_ns || live->when_ns < group->oldest_ns))
        group->oldest_ns = live->when_ns;
}

void qr_leak_groups_clear(struct qr_leaks *leaks)
{
    leaks->nr_groups = 0;
    leaks->others = (struct qr_leak_group){.nr = 0};
}

void qr_leak_group_add(struct qr_leaks *leaks, const struct quarry_live *live)
{
    u32 i = 0;

    while (i < leaks->nr_groups && !group_same(&leaks->group[i].first, live))
        i++;
    if (i == QR_LEAK_GROUPS) {
        group_count(&leaks->others, live);
        return;
    }
    if (i == leaks->nr_groups) {
        leaks->group[i] = (struct qr_leak_group){.first = *live};
        leaks->group[i].first.address = (const void *)~(uintptr_t)live->address;
        leaks->nr_groups++;
    }
    group_count(&leaks->group[i], live);
}

bool qr_leak_group_read(const struct qr_leaks *leaks, u32 number, struct qr_leak_group *group)
{
    if (number < leaks->nr_groups)
        *group = leaks->group[number];
    else if (number == leaks->nr_groups && leaks->others.nr)
        *group = leaks->others;
    else
        return false;
    group->first.address = (const void *)~(uintptr_t)group->first.address;
    return true;
}
