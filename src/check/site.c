/* SPDX-License-Identifier: MIT */
/* check/site: allocation profiling. How many bytes and how many allocations live from each place in the
 * program.
 *
 * Problem. "Who holds the memory?" must be answered for a program that runs for days: so nothing may
 * grow with the number of allocations, and counting must not slow threads down by making them wait for
 * each other.
 *
 * Idea. A place is the return address of the innermost call into the core. A hash table of fixed size
 * holds one entry a place, found by the address and known by its number, which an allocation keeps with
 * its records (4 bytes) so that its free finds the same entry. Entries are taken by one compare-and-swap
 * and never given back; the counters are relaxed atomics. Names are looked up when somebody reads.
 *
 * Invariants. S1: an entry's pc changes once, from NULL. S2: bytes and calls of an entry are the sums
 * over the live allocations that keep its number; together they are right when nothing moves.
 *
 * Locks: none. Never sleeps.
 * Limits: the table's size is chosen at boot (boot.c). When no entry is near enough to an address's place,
 * its allocations count for entry 1, "elsewhere", so sums over all entries stay right. */
#include "check.h"

#define SITE_ELSEWHERE 1u
#define SITE_PROBES 32u

void qr_sites_init(struct qr_sites *sites, void *memory, size_t size)
{
    u64 nr = 4;

    while (nr * 2 * sizeof(struct qr_site) <= size)
        nr *= 2;
    sites->site = memory;
    sites->mask = (u32)nr - 1;
}

u32 qr_site_of(struct qr_check *check, const void *pc)
{
    struct qr_sites *sites = &check->sites;
    u64 hash = (uintptr_t)pc;

    if (QR_LIKELY(!qr_profiling(check)))
        return 0;
    hash = pc ? qr_random(&hash) : 0;
    for (u32 i = 0; pc && i < SITE_PROBES; i++) {
        u32 number = (u32)(hash + i) & sites->mask;
        const void *there;
        if (number <= SITE_ELSEWHERE)
            continue;
        there = __atomic_load_n(&sites->site[number].pc, __ATOMIC_RELAXED);
        if (!there && __atomic_compare_exchange_n(&sites->site[number].pc, &there, pc, false,
                                                  __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return number;
        if (there == pc)
            return number;
    }
    return SITE_ELSEWHERE;
}

u32 qr_site_here(struct qr_check *check)
{
    const void *pc = NULL;

    if (QR_LIKELY(!qr_profiling(check)))
        return 0;
    if (!qp_backtrace(&pc, 1))
        pc = NULL;
    return qr_site_of(check, pc);
}

void qr_site_count(struct qr_check *check, u32 site, long bytes, long calls)
{
    struct qr_site *entry;

    if (QR_LIKELY(!site || !qr_profiling(check)))
        return;
    entry = &check->sites.site[site & check->sites.mask];
    __atomic_fetch_add(&entry->bytes, (u64)bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&entry->calls, (u64)calls, __ATOMIC_RELAXED);
}
