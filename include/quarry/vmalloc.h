/* SPDX-License-Identifier: MIT */
/* Memory that is contiguous in virtual addresses only: single page frames from anywhere, high
 * memory first, really mapped side by side, an unmapped guard page behind each area (G-S6, G-Z8).
 */
#ifndef QUARRY_VMALLOC_H
#define QUARRY_VMALLOC_H

#include <quarry/gfp.h>
#include <quarry/types.h>

/* Area flags. */
#define VM_IOREMAP 0x1ul
#define VM_ALLOC 0x2ul   /* made by vmalloc */
#define VM_MAP 0x4ul     /* made by vmap */
#define VM_USERMAP 0x8ul /* may be mapped into a process */
#define VM_NO_GUARD 0x40ul
#define VM_MAP_PUT_PAGES 0x200ul /* vfree also drops the pages */

typedef struct {
    unsigned long pgprot;
} pgprot_t;
#define PAGE_KERNEL ((pgprot_t){0})

/* One area. Its fields are read-only for callers. */
struct vm_struct {
    struct vm_struct *next;
    void *addr;
    unsigned long size; /* bytes, the guard page included */
    unsigned long flags;
    struct page **pages;
    unsigned int nr_pages;
    phys_addr_t phys_addr;
    const void *caller;
};

QUARRY_EXTERN_C_BEGIN

/* Allocate. Size in bytes, rounded up to pages. Returns a page-aligned address between
 * VMALLOC_START and VMALLOC_END, or NULL: size 0, more pages than the machine has, or no memory
 * (reported, obeys
 * __GFP_NOWARN). On failure half way everything is undone. Context: may sleep (G-C3). */
QUARRY_API void *vmalloc(unsigned long size);
QUARRY_API void *vzalloc(unsigned long size);
QUARRY_API void *vmalloc_user(unsigned long size);
QUARRY_API void *vmalloc_32(unsigned long size);
QUARRY_API void *vmalloc_32_user(unsigned long size);
QUARRY_API void *vmalloc_node(unsigned long size, int node);
QUARRY_API void *vzalloc_node(unsigned long size, int node);
QUARRY_API void *vmalloc_huge(unsigned long size, gfp_t gfp);
QUARRY_API void *vmalloc_array(size_t n, size_t size);
QUARRY_API void *vcalloc(size_t n, size_t size);
QUARRY_API void *quarry_vmalloc(unsigned long size, gfp_t gfp);
QUARRY_API void *quarry_vmalloc_node(unsigned long size, unsigned long align, gfp_t gfp, int node,
                                     const void *caller);
#ifndef __cplusplus
#define QUARRY_VMALLOC_PICK(a1, a2, a3, name, ...) name
#define quarry_vmalloc_prot(size, gfp, prot) ((void)(prot), quarry_vmalloc((size), (gfp)))
/* __vmalloc(size, gfp), or with a third argument (a pgprot_t, ignored) as before 5.8. */
#define __vmalloc(...)                                                                             \
    QUARRY_VMALLOC_PICK(__VA_ARGS__, quarry_vmalloc_prot, quarry_vmalloc,                          \
                        vmalloc_needs_2_or_3_arguments, )                                          \
    (__VA_ARGS__)
/* __vmalloc_node(size, align, gfp, node, caller), or with a pgprot_t after gfp as before 5.8. */
#define QUARRY_VMALLOC_NODE_PICK(a1, a2, a3, a4, a5, a6, name, ...) name
#define quarry_vmalloc_node_prot(size, align, gfp, prot, node, caller)                             \
    ((void)(prot), quarry_vmalloc_node((size), (align), (gfp), (node), (caller)))
#define __vmalloc_node(...)                                                                        \
    QUARRY_VMALLOC_NODE_PICK(__VA_ARGS__, quarry_vmalloc_node_prot, quarry_vmalloc_node,           \
                             vmalloc_node_needs_5_or_6_arguments, , , , )                          \
    (__VA_ARGS__)
#else
QUARRY_OVERLOADS_BEGIN
static inline void *__vmalloc(unsigned long size, gfp_t gfp)
{
    return quarry_vmalloc(size, gfp);
}
static inline void *__vmalloc(unsigned long size, gfp_t gfp, pgprot_t)
{
    return quarry_vmalloc(size, gfp);
}
static inline void *__vmalloc_node(unsigned long size, unsigned long align, gfp_t gfp, int node,
                                   const void *caller)
{
    return quarry_vmalloc_node(size, align, gfp, node, caller);
}
static inline void *__vmalloc_node(unsigned long size, unsigned long align, gfp_t gfp, pgprot_t,
                                   int node, const void *caller)
{
    return quarry_vmalloc_node(size, align, gfp, node, caller);
}
QUARRY_OVERLOADS_END
#endif
/* Resize, keeping the contents; what the block gains is zero with __GFP_ZERO. */
QUARRY_API void *vrealloc(const void *address, size_t size, gfp_t gfp);

/* Free. NULL is accepted. From interrupt the work is deferred; in other atomic contexts reported
 * (G-C3). An address that is not the start of an area changes nothing and is reported (G-S8). */
QUARRY_API void vfree(const void *address);
QUARRY_API void vfree_atomic(const void *address);
/* The 2.6 form: from interrupt, where those kernels forbade it, it is reported as well as deferred. */
QUARRY_API void quarry_vfree_26(const void *address);
#ifdef QUARRY_LINUX_26
#define vfree(address) quarry_vfree_26(address)
#endif

/* Map @count given pages side by side; the caller keeps the pages unless VM_MAP_PUT_PAGES. */
QUARRY_API void *vmap(struct page **pages, unsigned int count, unsigned long flags, pgprot_t prot);
QUARRY_API void vunmap(const void *address);
/* The same for short-lived mappings. */
QUARRY_API void *quarry_vm_map_ram(struct page **pages, unsigned int count, int node);
#ifndef __cplusplus
#define QUARRY_VM_MAP_RAM_PICK(a1, a2, a3, a4, name, ...) name
#define quarry_vm_map_ram_prot(pages, count, node, prot)                                           \
    ((void)(prot), quarry_vm_map_ram((pages), (count), (node)))
#define vm_map_ram(...)                                                                            \
    QUARRY_VM_MAP_RAM_PICK(__VA_ARGS__, quarry_vm_map_ram_prot, quarry_vm_map_ram,                 \
                           vm_map_ram_needs_3_or_4_arguments, , )                                  \
    (__VA_ARGS__)
#else
QUARRY_OVERLOADS_BEGIN
static inline void *vm_map_ram(struct page **pages, unsigned int count, int node)
{
    return quarry_vm_map_ram(pages, count, node);
}
static inline void *vm_map_ram(struct page **pages, unsigned int count, int node, pgprot_t)
{
    return quarry_vm_map_ram(pages, count, node);
}
QUARRY_OVERLOADS_END
#endif
QUARRY_API void vm_unmap_ram(const void *address, unsigned int count);

/* Look up. Context: any; a lock is taken. */
QUARRY_API bool is_vmalloc_addr(const void *address);
#define is_vmalloc_or_module_addr(x) is_vmalloc_addr(x)
QUARRY_API struct page *vmalloc_to_page(const void *address);
QUARRY_API unsigned long vmalloc_to_pfn(const void *address);
/* The area that starts at (or holds) @address, or NULL. Valid until it is freed. */
QUARRY_API struct vm_struct *find_vm_area(const void *address);
/* Reserve and release a range without pages. */
QUARRY_API struct vm_struct *get_vm_area(unsigned long size, unsigned long flags);
QUARRY_API void free_vm_area(struct vm_struct *area);
QUARRY_API unsigned long vmalloc_nr_pages(void);
/* Finish frees that were deferred and unmap cached areas. May sleep. */
QUARRY_API void vm_unmap_aliases(void);

QUARRY_EXTERN_C_END

#endif
