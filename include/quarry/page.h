/* SPDX-License-Identifier: MIT */
/* Page frames: the descriptor, its reference count, and the conversions
 *
 *     frame number  <->  struct page  <->  physical address  <->  direct-map address
 *
 * A frame of high memory has a descriptor and a physical address but no direct-map address;
 * page_address() says so with NULL. */
#ifndef QUARRY_PAGE_H
#define QUARRY_PAGE_H

#include <quarry/types.h>

/* <sys/user.h> has macros of the same names and, on the machines Quarry runs on, the same values.
 */
#undef PAGE_SHIFT
#undef PAGE_SIZE
#undef PAGE_MASK
#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define PAGE_ALIGN(addr) (((addr) + PAGE_SIZE - 1) & PAGE_MASK)
#define PAGE_ALIGN_DOWN(addr) ((addr)&PAGE_MASK)
#define PAGE_ALIGNED(addr) ((((unsigned long)(addr)) & ~PAGE_MASK) == 0)
#define offset_in_page(p) ((unsigned long)(p) & ~PAGE_MASK)

#define MAX_PAGE_ORDER 10 /* the largest block: 2^10 pages, 4 MiB */
#define NR_PAGE_ORDERS (MAX_PAGE_ORDER + 1)
#ifdef QUARRY_LINUX_26
#define MAX_ORDER NR_PAGE_ORDERS /* exclusive, as the older generation counts */
#endif

struct kmem_cache;
struct zone;

QUARRY_C_LAYOUT_BEGIN
/* One page frame. At most 32 bytes: 0.8 % of memory. The first 8 bytes are always the same; the
 * rest belongs to the frame's owner. While the owner is a driver that means `private` (or `index`)
 * and `lru`; the other views belong to Quarry and are listed only so that the sizes can be checked.
 * An all-zero descriptor is valid: a frame inside a larger block, or never used. */
struct page {
    uint32_t flags;    /* src/map/page_flags.h */
    int32_t _refcount; /* 0: nobody's; use page_count(), get_page(), put_page() */
    union {
        __extension__ struct { /* allocated to a caller */
            union {
#ifdef __cplusplus
                unsigned long private_;
#else
                unsigned long private;
#endif
                unsigned long index;
            };
            struct list_head lru;
        };
        struct {                 /* head of a free block: on a buddy list or a per-CPU list */
            uint32_t next, prev; /* frame numbers, 0 = end (frame 0 is never on a list) */
            uint32_t mobility;
        } quarry_free;
        struct { /* head of a slab */
            struct kmem_cache *cache;
            uint32_t next, prev; /* frame numbers of the neighbours on the cache's list */
            uint64_t free_bits; /* or, for slabs of more than 64 objects, the number of free ones */
        } quarry_slab;
        struct {           /* tail of a compound block or of a slab */
            uint32_t head; /* frame number of the head */
        } quarry_tail;
    };
};
QUARRY_C_LAYOUT_END

QUARRY_EXTERN_C_BEGIN

/* Conversions. Context: any. Cost: a few instructions. page_to_* need a descriptor from the memory
 * map; pfn_to_page needs a frame number below max_mapnr. */
QUARRY_API struct page *pfn_to_page(unsigned long pfn);
QUARRY_API unsigned long page_to_pfn(const struct page *page);
QUARRY_API phys_addr_t page_to_phys(const struct page *page);
QUARRY_API struct page *phys_to_page(phys_addr_t phys);
QUARRY_API bool pfn_valid(unsigned long pfn);
/* Physical address of a direct-map address and back (G-S1). An address outside the direct map (the
 * stack, vmalloc memory) is reported in checked builds; the arithmetic result is returned. */
QUARRY_API phys_addr_t virt_to_phys(const volatile void *address);
QUARRY_API void *phys_to_virt(phys_addr_t address);
#define __pa(x) ((unsigned long)virt_to_phys((const volatile void *)(unsigned long)(x)))
#define __va(x) phys_to_virt((phys_addr_t)(x))
QUARRY_API struct page *virt_to_page(const void *address);
QUARRY_API struct page *virt_to_head_page(const void *address);
#define virt_to_pfn(address) page_to_pfn(virt_to_page(address))
/* Whether @address lies in the direct map and its frame exists. */
QUARRY_API bool quarry_virt_addr_valid(const void *address);
#define virt_addr_valid(address) quarry_virt_addr_valid((const void *)(unsigned long)(address))
/* Direct-map address, the kmap address of a mapped high page, or NULL (high memory, not mapped). */
QUARRY_API void *page_address(const struct page *page);

/* References (G-S9). put_page frees on the last one. Context: any. */
static inline int page_ref_count(const struct page *page)
{
    return __atomic_load_n(&page->_refcount, __ATOMIC_RELAXED);
}
QUARRY_API struct page *compound_head(const struct page *page);
QUARRY_API int page_count(const struct page *page);
QUARRY_API void get_page(struct page *page);
QUARRY_API void put_page(struct page *page);
QUARRY_API void release_pages(struct page **pages, int nr);

/* What a frame is. Context: any. */
QUARRY_API unsigned int compound_order(const struct page *page);
QUARRY_API int PageHighMem(const struct page *page);
QUARRY_API int PageSlab(const struct page *page);
QUARRY_API int PageCompound(const struct page *page);
QUARRY_API int PageHead(const struct page *page);
QUARRY_API int PageTail(const struct page *page);
QUARRY_API int PageReserved(const struct page *page);
QUARRY_API void SetPageReserved(struct page *page);
QUARRY_API void ClearPageReserved(struct page *page);
QUARRY_API int page_to_nid(const struct page *page);
QUARRY_API struct zone *page_zone(const struct page *page);
/* The zone's number, enum zone_type of gfp.h. */
QUARRY_API int page_zonenum(const struct page *page);
static inline unsigned long compound_nr(const struct page *page)
{
    return 1UL << compound_order(page);
}
static inline unsigned long page_size(const struct page *page)
{
    return PAGE_SIZE << compound_order(page);
}
static inline unsigned int page_shift(const struct page *page)
{
    return PAGE_SHIFT + compound_order(page);
}

/* The smallest order whose block holds @size bytes; 0 for sizes up to a page. Context: any. */
static inline __attribute__((const)) int get_order(unsigned long size)
{
    if (size <= PAGE_SIZE)
        return 0;
    return (int)(sizeof(long) * 8) - __builtin_clzl((size - 1) >> PAGE_SHIFT);
}

/* The machine's layout: constants of the booted machine (the first use boots it). */
enum quarry_layout_item {
    QUARRY_PAGE_OFFSET,
    QUARRY_HIGH_MEMORY,
    QUARRY_VMALLOC_START,
    QUARRY_VMALLOC_END,
    QUARRY_PKMAP_BASE,
    QUARRY_PKMAP_END,
    QUARRY_FIXADDR_START,
    QUARRY_FIXADDR_TOP,
    QUARRY_MEM_MAP,
    QUARRY_MAX_MAPNR,
    QUARRY_LAYOUT_ITEMS
};
QUARRY_API unsigned long quarry_layout(enum quarry_layout_item item);
#define PAGE_OFFSET quarry_layout(QUARRY_PAGE_OFFSET)
#define high_memory ((void *)quarry_layout(QUARRY_HIGH_MEMORY))
#define VMALLOC_START quarry_layout(QUARRY_VMALLOC_START)
#define VMALLOC_END quarry_layout(QUARRY_VMALLOC_END)
#define VMALLOC_TOTAL (VMALLOC_END - VMALLOC_START)
#define PKMAP_BASE quarry_layout(QUARRY_PKMAP_BASE)
#define FIXADDR_START quarry_layout(QUARRY_FIXADDR_START)
#define FIXADDR_TOP quarry_layout(QUARRY_FIXADDR_TOP)
#define mem_map ((struct page *)quarry_layout(QUARRY_MEM_MAP))
#define max_mapnr quarry_layout(QUARRY_MAX_MAPNR)

/* Frames that exist; frames under the page allocator; of those, in high memory. */
QUARRY_API unsigned long get_num_physpages(void);
#define num_physpages get_num_physpages()
QUARRY_API unsigned long totalram_pages(void);
QUARRY_API unsigned long totalhigh_pages(void);
QUARRY_API unsigned long nr_free_pages(void);

QUARRY_EXTERN_C_END

#endif
