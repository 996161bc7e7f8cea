/* SPDX-License-Identifier: MIT */
/* The leak scan: which allocations are still live though nothing leads to them any more?
 *
 * It follows pointers. Roots are what the program can name: its writable data, the stacks and registers
 * of its threads, its C library's heap, and blocks marked by kmemleak_not_leak(). From there it goes on
 * through the memory of every live allocation. Any word that holds an address inside an allocation counts
 * as a pointer to it, so a lost block may be taken for reachable by an accident of numbers, but hardly the
 * other way round. Pointers that are kept in another form (exclusive-or, compressed, in a device, only as a
 * physical address) are not seen: <quarry/kmemleak.h> has the calls that say so.
 *
 * Needs QUARRY_CHECK >= 1; backtraces of the allocations need slab_debug=U and page_owner=1 as well. */
#ifndef QUARRY_LEAK_H
#define QUARRY_LEAK_H

#include <quarry/stat.h>

QUARRY_EXTERN_C_BEGIN

/* Scan now. @visit (may be NULL) is called for each live allocation that nothing leads to, in the way of
 * quarry_for_each_live(): it must not allocate from or free to Quarry; false ends the visits.
 * Other threads stand still while the scan follows pointers, as far as the port can hold them.
 * Context: may sleep; no lock of the caller's that others need to come out of Quarry's calls.
 * Returns: how many there are; -ENOSYS (-38) when this machine does not track allocations (check=0).
 * Cost: reads all writable memory of the program and all live allocations: about 1 GiB a second. */
QUARRY_API long quarry_leak_scan(bool (*visit)(const struct quarry_live *, void *), void *data);
/* Scan, and report what was found as findings of kind QUARRY_LEAK, one for each place of allocation, with
 * count, bytes, age and backtrace. Returns as quarry_leak_scan(). */
QUARRY_API long quarry_leak_report(void);

/* For ports and embedders: who knows the roots. Called with Quarry's other callers held back; it must
 * call range() for each stretch of memory that may hold pointers, from @frame upwards for the calling
 * task's own stack, then finish() once while everything still stands still. It must not call Quarry.
 * NULL: there are no roots but blocks registered by kmemleak_alloc(address, size, 0, …). The hosted port
 * has its own. Context: boot, or no scan under way. */
typedef void (*quarry_leak_roots_fn)(const void *frame,
                                     void (*range)(const void *start, size_t size, void *scan),
                                     void (*finish)(void *scan), void *scan, void *data);
QUARRY_API void quarry_set_leak_roots(quarry_leak_roots_fn roots, void *data);

QUARRY_EXTERN_C_END

#endif
