/* SPDX-License-Identifier: MIT */
/* Addresses for pages that may have none: on a machine without high memory all of these are the
 * direct-map address; on the i386 profile kmap() takes a slot of the 4 MiB window and waits when it
 * is full, kmap_local_page() takes one of this task's fixed slots, undone in reverse order. Both return
 * NULL, and it is reported, when nobody lets a slot go (kmap: and the caller cannot wait), when the port
 * has no room for its page tables, and where a port has high memory but sets no window aside for it. */
#ifndef QUARRY_HIGHMEM_H
#define QUARRY_HIGHMEM_H

#include <quarry/page.h>
#include <quarry/types.h>

QUARRY_EXTERN_C_BEGIN

QUARRY_API void *kmap(struct page *page);            /* may sleep (G-C3) */
QUARRY_API void kunmap(struct page *page);           /* any */
QUARRY_API void *kmap_local_page(struct page *page); /* any; nests */
QUARRY_API void kunmap_local(const void *address);
/* As kmap_local_page, and the context is atomic until kunmap_atomic. */
QUARRY_API void *quarry_kmap_atomic(struct page *page);
QUARRY_API void quarry_kunmap_atomic(const void *address);
/* A second argument (KM_USER0, … of the older generation) is accepted and ignored. */
#define QUARRY_KM_FIRST(a, ...) a
#define kmap_atomic(...) quarry_kmap_atomic(QUARRY_KM_FIRST(__VA_ARGS__, ))
#define kunmap_atomic(...) quarry_kunmap_atomic(QUARRY_KM_FIRST(__VA_ARGS__, ))
enum quarry_km_type {
    KM_BOUNCE_READ,
    KM_SKB_SUNRPC_DATA,
    KM_SKB_DATA_SOFTIRQ,
    KM_USER0,
    KM_USER1,
    KM_BIO_SRC_IRQ,
    KM_BIO_DST_IRQ,
    KM_PTE0,
    KM_PTE1,
    KM_IRQ0,
    KM_IRQ1,
    KM_SOFTIRQ0,
    KM_SOFTIRQ1,
    KM_TYPE_NR
};

/* Contents, whatever zone the page is in. Context: any. Offsets and lengths in bytes; a range that
 * leaves the page is refused and reported. */
QUARRY_API void clear_highpage(struct page *page);
QUARRY_API void copy_highpage(struct page *to, struct page *from);
QUARRY_API void memcpy_from_page(char *to, struct page *page, size_t offset, size_t len);
QUARRY_API void memcpy_to_page(struct page *page, size_t offset, const char *from, size_t len);
QUARRY_API void memcpy_page(struct page *to, size_t to_offset, struct page *from,
                            size_t from_offset, size_t len);
QUARRY_API void memset_page(struct page *page, size_t offset, int value, size_t len);
QUARRY_API void memzero_page(struct page *page, size_t offset, size_t len);

QUARRY_EXTERN_C_END

#endif
