/* SPDX-License-Identifier: MIT */
/* api/vmalloc: the public calls of quarry/vmalloc.h, over the default machine. Each notes who called
 * it, for vmallocinfo. What they promise is done in vm/. */
#include "../instance.h"

#define VMALLOC_CALLER __builtin_extract_return_addr(__builtin_return_address(0))

static void *vmalloc_by(const char *what, const void *caller, unsigned long size, gfp_t gfp,
                        unsigned long flags, int node)
{
    const struct qr_vmalloc_request request = {
        .size = size, .gfp = gfp, .flags = flags, .nid = node, .what = what, .caller = caller};
    return qr_vmalloc_request(&qr_default()->vm, &request);
}

void *vmalloc(unsigned long size)
{
    return vmalloc_by("vmalloc", VMALLOC_CALLER, size, GFP_KERNEL, 0, NUMA_NO_NODE);
}

void *vzalloc(unsigned long size)
{
    return vmalloc_by("vzalloc", VMALLOC_CALLER, size, GFP_KERNEL | __GFP_ZERO, 0, NUMA_NO_NODE);
}

void *vmalloc_user(unsigned long size)
{
    return vmalloc_by("vmalloc_user", VMALLOC_CALLER, size, GFP_KERNEL | __GFP_ZERO, VM_USERMAP,
                      NUMA_NO_NODE);
}

void *vmalloc_32(unsigned long size)
{
    return vmalloc_by("vmalloc_32", VMALLOC_CALLER, size, GFP_KERNEL | __GFP_DMA32, 0,
                      NUMA_NO_NODE);
}

void *vmalloc_32_user(unsigned long size)
{
    return vmalloc_by("vmalloc_32_user", VMALLOC_CALLER, size,
                      GFP_KERNEL | __GFP_DMA32 | __GFP_ZERO, VM_USERMAP, NUMA_NO_NODE);
}

void *vmalloc_node(unsigned long size, int node)
{
    return vmalloc_by("vmalloc_node", VMALLOC_CALLER, size, GFP_KERNEL, 0, node);
}

void *vzalloc_node(unsigned long size, int node)
{
    return vmalloc_by("vzalloc_node", VMALLOC_CALLER, size, GFP_KERNEL | __GFP_ZERO, 0, node);
}

void *vmalloc_huge(unsigned long size, gfp_t gfp)
{
    const struct qr_vmalloc_request request = {.size = size,
                                               .gfp = gfp,
                                               .nid = NUMA_NO_NODE,
                                               .huge = true,
                                               .what = "vmalloc_huge",
                                               .caller = VMALLOC_CALLER};
    return qr_vmalloc_request(&qr_default()->vm, &request);
}

void *vmalloc_array(size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return vmalloc_by("vmalloc_array", VMALLOC_CALLER, bytes, GFP_KERNEL, 0, NUMA_NO_NODE);
}

void *vcalloc(size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return vmalloc_by("vcalloc", VMALLOC_CALLER, bytes, GFP_KERNEL | __GFP_ZERO, 0, NUMA_NO_NODE);
}

void *quarry_vmalloc(unsigned long size, gfp_t gfp)
{
    return vmalloc_by("__vmalloc", VMALLOC_CALLER, size, gfp, 0, NUMA_NO_NODE);
}

void *quarry_vmalloc_node(unsigned long size, unsigned long align, gfp_t gfp, int node,
                          const void *caller)
{
    const struct qr_vmalloc_request request = {.size = size,
                                               .align = align == 1 ? 0 : align,
                                               .gfp = gfp,
                                               .nid = node,
                                               .what = "__vmalloc_node",
                                               .caller = caller ? caller : VMALLOC_CALLER};
    return qr_vmalloc_request(&qr_default()->vm, &request);
}

void *vrealloc(const void *address, size_t size, gfp_t gfp)
{
    return qr_vrealloc(&qr_default()->vm, address, size, gfp);
}

void vfree(const void *address)
{
    if (address)
        qr_vfree(&qr_default()->vm, address, false);
}

void quarry_vfree_26(const void *address)
{
    struct quarry *q = qr_default();

    if (!address)
        return;
    if (qr_vm_in_interrupt())
        qr_may_sleep_here(&q->check, "vfree");
    qr_vfree(&q->vm, address, false);
}

void vfree_atomic(const void *address)
{
    if (address)
        qr_vfree(&qr_default()->vm, address, true);
}

void *vmap(struct page **pages, unsigned int count, unsigned long flags, pgprot_t prot)
{
    return qr_vmap(&qr_default()->vm, pages, count, flags, "vmap");
}

void vunmap(const void *address)
{
    if (address)
        qr_vunmap(&qr_default()->vm, address, "vunmap");
}

void *quarry_vm_map_ram(struct page **pages, unsigned int count, int node)
{
    return qr_vm_map_ram(&qr_default()->vm, pages, count);
}

void vm_unmap_ram(const void *address, unsigned int count)
{
    if (address)
        qr_vm_unmap_ram(&qr_default()->vm, address, count);
}

bool is_vmalloc_addr(const void *address)
{
    return qr_vm_contains(&qr_default()->vm, address);
}

struct page *vmalloc_to_page(const void *address)
{
    return qr_vmalloc_page(&qr_default()->vm, address);
}

unsigned long vmalloc_to_pfn(const void *address)
{
    struct quarry *q = qr_default();
    struct page *page = qr_vmalloc_page(&q->vm, address);
    return page ? (unsigned long)qr_pfn(&q->map, page) : 0;
}

struct vm_struct *find_vm_area(const void *address)
{
    return qr_find_vm_area(&qr_default()->vm, address);
}

struct vm_struct *get_vm_area(unsigned long size, unsigned long flags)
{
    return qr_get_vm_area(&qr_default()->vm, size, flags);
}

void free_vm_area(struct vm_struct *area)
{
    qr_free_vm_area(&qr_default()->vm, area);
}

unsigned long vmalloc_nr_pages(void)
{
    return __atomic_load_n(&qr_default()->vm.nr_pages, __ATOMIC_RELAXED);
}

void vm_unmap_aliases(void)
{
    struct quarry *q = qr_default();
    if (qr_may_sleep_here(&q->check, "vm_unmap_aliases"))
        qr_vm_purge(&q->vm);
}
