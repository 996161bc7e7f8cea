/* SPDX-License-Identifier: MIT */
/* Pages, and mappings of a device's memory into a client's address space. */
#ifndef QUARRY_LINUX_MM_H
#define QUARRY_LINUX_MM_H

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/page-flags.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/types.h>
#include <quarry/folio.h>
#include <quarry/vmalloc.h>

struct file;
struct mm_struct;
struct vm_area_struct;

#define VM_NONE 0x0ul
#define VM_READ 0x1ul
#define VM_WRITE 0x2ul
#define VM_EXEC 0x4ul
#define VM_SHARED 0x8ul
#define VM_MAYREAD 0x10ul
#define VM_MAYWRITE 0x20ul
#define VM_MAYEXEC 0x40ul
#define VM_MAYSHARE 0x80ul
#define VM_PFNMAP 0x400ul
#define VM_LOCKED 0x2000ul
#define VM_IO 0x4000ul
#define VM_DONTCOPY 0x20000ul
#define VM_DONTEXPAND 0x40000ul
#define VM_RESERVED 0x80000ul
#define VM_DONTDUMP 0x4000000ul
#define VM_MIXEDMAP 0x10000000ul

#define PAGE_SHARED ((pgprot_t){3})
#define PAGE_READONLY ((pgprot_t){1})
#define __pgprot(x) ((pgprot_t){(x)})
#define pgprot_noncached(prot) (prot)
#define pgprot_writecombine(prot) (prot)
#define vm_get_page_prot(flags) __pgprot((flags)&7)

typedef unsigned int vm_fault_t;
#define VM_FAULT_OOM 0x0001u
#define VM_FAULT_SIGBUS 0x0002u
#define VM_FAULT_MAJOR 0x0004u
#define VM_FAULT_MINOR 0u
#define VM_FAULT_SIGSEGV 0x0040u
#define VM_FAULT_NOPAGE 0x0100u
#define VM_FAULT_LOCKED 0x0200u
#define VM_FAULT_RETRY 0x0400u
#define VM_FAULT_ERROR (VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV)
#define FAULT_FLAG_WRITE 0x1u

struct vm_fault {
    struct vm_area_struct *vma;
    unsigned int flags;
    gfp_t gfp_mask;
    pgoff_t pgoff;         /* in pages, from the start of the file */
    unsigned long address; /* of the page */
#if LINUX_VERSION_CODE < KERNEL_VERSION(4, 10, 0)
    void *virtual_address;
#else
    void *quarry_virtual_address;
#endif
    struct page *page; /* the handler's answer: a page, with a reference for the mapping */
};

/* One slot for each generation of the fault handler. */
struct vm_operations_struct {
    void (*open)(struct vm_area_struct *vma); /* a copy was made: not for the first mapping */
    void (*close)(struct vm_area_struct *vma);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 11, 0)
    vm_fault_t (*fault)(struct vm_fault *vmf);
    int (*quarry_fault_2)(struct vm_area_struct *vma, struct vm_fault *vmf);
#else
    vm_fault_t (*quarry_fault_1)(struct vm_fault *vmf);
    int (*fault)(struct vm_area_struct *vma, struct vm_fault *vmf);
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 29)
    struct page *(*nopage)(struct vm_area_struct *vma, unsigned long address, int *type);
#else
    struct page *(*quarry_nopage)(struct vm_area_struct *vma, unsigned long address, int *type);
#endif
    vm_fault_t (*page_mkwrite)(struct vm_fault *vmf);
    int (*access)(struct vm_area_struct *vma, unsigned long addr, void *buf, int len, int write);
    int (*may_split)(struct vm_area_struct *vma, unsigned long addr);
    int (*mremap)(struct vm_area_struct *vma);
    const char *(*name)(struct vm_area_struct *vma);
};
#define NOPAGE_SIGBUS ((struct page *)0)
#define NOPAGE_OOM ((struct page *)-1)

struct vm_area_struct {
    unsigned long vm_start, vm_end; /* the client's addresses */
    struct mm_struct *vm_mm;
    pgprot_t vm_page_prot;
    unsigned long vm_flags;
    const struct vm_operations_struct *vm_ops;
    unsigned long vm_pgoff; /* in pages */
    struct file *vm_file;
    void *vm_private_data;
    struct qlx_mapping *quarry;
};

static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
    vma->vm_flags |= flags;
}
static inline void vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
    vma->vm_flags &= ~flags;
}
static inline void vm_flags_mod(struct vm_area_struct *vma, unsigned long set, unsigned long clear)
{
    vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
static inline unsigned long vma_pages(const struct vm_area_struct *vma)
{
    return (vma->vm_end - vma->vm_start) >> PAGE_SHIFT;
}

QUARRY_EXTERN_C_BEGIN

/* Put frames into a mapping, from the driver's mmap function or fault handler. The range must lie in
 * the mapping: 0, -EINVAL, -EBUSY (something is mapped there). Context: may sleep. */
QUARRY_API int remap_pfn_range(struct vm_area_struct *vma, unsigned long address, unsigned long pfn,
                               unsigned long size, pgprot_t prot);
#define io_remap_pfn_range(vma, address, pfn, size, prot)                                          \
    remap_pfn_range((vma), (address), (pfn), (size), (prot))
#define remap_page_range(vma, address, phys, size, prot)                                           \
    remap_pfn_range((vma), (address), (phys) >> PAGE_SHIFT, (size), (prot))
/* A page with a reference count: the mapping takes a reference of its own. */
QUARRY_API int vm_insert_page(struct vm_area_struct *vma, unsigned long address, struct page *page);
QUARRY_API int vm_map_pages(struct vm_area_struct *vma, struct page **pages, unsigned long nr);
QUARRY_API vm_fault_t vmf_insert_pfn(struct vm_area_struct *vma, unsigned long address,
                                     unsigned long pfn);
QUARRY_API vm_fault_t vmf_insert_page(struct vm_area_struct *vma, unsigned long address,
                                      struct page *page);
QUARRY_API int remap_vmalloc_range(struct vm_area_struct *vma, void *address, unsigned long pgoff);

struct sysinfo;
QUARRY_API void si_meminfo(struct sysinfo *info);
QUARRY_API long si_mem_available(void);

QUARRY_EXTERN_C_END

static inline vm_fault_t vmf_error(int error)
{
    return error == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
}
#define mmap_read_lock(mm) down_read(&(mm)->mmap_lock)
#define mmap_read_unlock(mm) up_read(&(mm)->mmap_lock)
#define mmap_write_lock(mm) down_write(&(mm)->mmap_lock)
#define mmap_write_unlock(mm) up_write(&(mm)->mmap_lock)

#endif
