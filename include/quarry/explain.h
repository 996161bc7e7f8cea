/* SPDX-License-Identifier: MIT */
/* Why a request for pages failed, in words; and what an address is. For people and tools. */
#ifndef QUARRY_EXPLAIN_H
#define QUARRY_EXPLAIN_H

#include <quarry/gfp.h>
#include <quarry/report.h>
#include <quarry/types.h>

/* One zone as the text of a "page allocation failure" shows it. In pages of PAGE_SIZE. */
struct quarry_zone_state {
    char name[16];
    int node;
    bool allowed; /* the request may use it, by mask and node */
    bool has_blocks;
    uint64_t free, min, low, managed;
    uint64_t mark;                   /* of min, what this request's mask must leave */
    uint64_t reserve;                /* what it keeps from this request besides (lowmem_reserve) */
    uint64_t blocks[NR_PAGE_ORDERS]; /* free blocks by order; only with has_blocks */
};

QUARRY_EXTERN_C_BEGIN

/* Explains a failed request for 2^@order pages with @gfp: three lines, what was asked, which rule stopped
 * it in the zone that came closest, and what would have helped. Writes them NUL-terminated into @text, cut
 * at @size, and returns their full length. Nothing of the machine is looked at, so that it explains another
 * machine's failure too. Context: any. */
QUARRY_API size_t quarry_explain_failure(gfp_t gfp, unsigned int order,
                                         const struct quarry_zone_state *zones, size_t nr,
                                         char *text, size_t size);

/* What @address is on this machine: the part of the address space, the page frame and zone behind it, and
 * the object, block or area it lies in. Writes and returns as above; "" never. *@allocated and *@freed, where
 * not NULL, become the backtraces of who allocated and who last freed that memory, empty where nobody noted
 * them (QUARRY_CHECK >= 1, slab_debug=U, page_owner=1). Context: no-interrupt. */
QUARRY_API size_t quarry_whatis(const void *address, char *text, size_t size,
                                struct quarry_trace *allocated, struct quarry_trace *freed);

QUARRY_EXTERN_C_END

#endif
