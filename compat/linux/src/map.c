/* SPDX-License-Identifier: MIT */
/* map: a driver's memory in a client's address space.
 *
 * The driver sees a vm_area_struct for the client's addresses. Its mmap function fills in frames at
 * once (remap_pfn_range, vm_insert_page, remap_vmalloc_range) or leaves a fault handler; the host asks
 * frame by frame and maps what it gets into the client, which is the driver's own memory since the
 * machine's RAM is a file. A frame that came with a reference is held until the mapping ends.
 *
 *     frame[i]:  MAP_NONE, or the frame number;  held[i]: whether a reference is ours to drop
 *
 * Locks: the mapping's own, not held over the fault handler. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <quarry/stat.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

struct map_page {
    u64 frame;
    bool held;
};

struct qlx_mapping {
    pthread_mutex_t lock;
    struct vm_area_struct vma;
    size_t nr;
    unsigned int users;
    struct map_page page[];
};

/* The index of the client's address @address in its mapping, or -1. */
static long map_index(const struct vm_area_struct *vma, unsigned long address)
{
    if (!vma->quarry || address < vma->vm_start || address >= vma->vm_end)
        return -1;
    return (long)((address - vma->vm_start) >> PAGE_SHIFT);
}

static int map_set(struct qlx_mapping *mapping, size_t index, u64 frame, bool held)
{
    int error = 0;
    pthread_mutex_lock(&mapping->lock);
    if (mapping->page[index].frame != QLX_NO_FRAME)
        error = -EBUSY;
    else
        mapping->page[index] = (struct map_page){frame, held};
    pthread_mutex_unlock(&mapping->lock);
    return error;
}

/* ---- for drivers --------------------------------------------------------------------------- */

QUARRY_API int remap_pfn_range(struct vm_area_struct *vma, unsigned long address, unsigned long pfn,
                               unsigned long size, pgprot_t prot)
{
    long index = map_index(vma, address & PAGE_MASK);
    size_t pages = PAGE_ALIGN(size) >> PAGE_SHIFT;
    quarry_might_sleep("remap_pfn_range");
    if (index < 0 || !PAGE_ALIGNED(address) || pages > vma->quarry->nr - (size_t)index)
        return -EINVAL;
    for (size_t i = 0; i < pages; i++) {
        int error;
        if (!pfn_valid(pfn + i)) {
            qlx_find("registration", NULL, NULL,
                     "remap_pfn_range of frame %#lx, which this machine does not have", pfn + i);
            return -EINVAL;
        }
        error = map_set(vma->quarry, (size_t)index + i, pfn + i, false);
        if (error)
            return error;
    }
    vma->vm_flags |= VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
    return 0;
}

QUARRY_API int vm_insert_page(struct vm_area_struct *vma, unsigned long address, struct page *page)
{
    long index = map_index(vma, address & PAGE_MASK);
    int error;
    if (index < 0 || !page)
        return -EFAULT;
    if (page_count(page) == 0 || PageSlab(page)) {
        qlx_find("registration", NULL, NULL,
                 "vm_insert_page of a frame that is %s: only whole allocated pages can be mapped",
                 PageSlab(page) ? "part of a slab" : "free");
        return -EINVAL;
    }
    get_page(page);
    error = map_set(vma->quarry, (size_t)index, page_to_pfn(page), true);
    if (error)
        put_page(page);
    else
        vma->vm_flags |= VM_MIXEDMAP;
    return error;
}

QUARRY_API int vm_map_pages(struct vm_area_struct *vma, struct page **pages, unsigned long nr)
{
    unsigned long want = vma_pages(vma);
    if (vma->vm_pgoff >= nr || want > nr - vma->vm_pgoff)
        return -ENXIO;
    for (unsigned long i = 0; i < want; i++) {
        int error = vm_insert_page(vma, vma->vm_start + i * PAGE_SIZE, pages[vma->vm_pgoff + i]);
        if (error)
            return error;
    }
    return 0;
}

QUARRY_API vm_fault_t vmf_insert_pfn(struct vm_area_struct *vma, unsigned long address,
                                     unsigned long pfn)
{
    long index = map_index(vma, address & PAGE_MASK);
    if (index < 0 || !pfn_valid(pfn))
        return VM_FAULT_SIGBUS;
    map_set(vma->quarry, (size_t)index, pfn, false); /* there already: as good */
    return VM_FAULT_NOPAGE;
}

QUARRY_API vm_fault_t vmf_insert_page(struct vm_area_struct *vma, unsigned long address,
                                      struct page *page)
{
    int error = vm_insert_page(vma, address, page);
    return error == 0 || error == -EBUSY ? VM_FAULT_NOPAGE : vmf_error(error);
}

QUARRY_API int remap_vmalloc_range(struct vm_area_struct *vma, void *address, unsigned long pgoff)
{
    struct vm_struct *area = find_vm_area(address);
    unsigned long want = vma_pages(vma);
    if (!area || area->addr != address || pgoff >= area->nr_pages || want > area->nr_pages - pgoff)
        return -EINVAL;
    for (unsigned long i = 0; i < want; i++) {
        struct page *page = vmalloc_to_page((char *)address + (pgoff + i) * PAGE_SIZE);
        int error = page ? vm_insert_page(vma, vma->vm_start + i * PAGE_SIZE, page) : -EINVAL;
        if (error)
            return error;
    }
    vma->vm_flags |= VM_DONTEXPAND | VM_DONTDUMP;
    return 0;
}

/* ---- for the host -------------------------------------------------------------------------- */

static struct qlx_mapping *map_new(struct file *file, u64 start, size_t pages, unsigned int prot,
                                   unsigned int flags, long long offset)
{
    struct qlx_mapping *mapping = calloc(1, sizeof(*mapping) + pages * sizeof(mapping->page[0]));
    struct vm_area_struct *vma;
    if (!mapping)
        return NULL;
    pthread_mutex_init(&mapping->lock, NULL);
    mapping->nr = pages;
    mapping->users = 1;
    for (size_t i = 0; i < pages; i++)
        mapping->page[i].frame = QLX_NO_FRAME;
    vma = &mapping->vma;
    vma->quarry = mapping;
    vma->vm_start = start;
    vma->vm_end = start + pages * PAGE_SIZE;
    vma->vm_pgoff = (unsigned long)offset >> PAGE_SHIFT;
    vma->vm_mm = quarry_current()->mm;
    vma->vm_file = file;
    vma->vm_flags = VM_MAYREAD | VM_MAYEXEC;
    if (prot & PROT_READ)
        vma->vm_flags |= VM_READ;
    if (prot & PROT_WRITE)
        vma->vm_flags |= VM_WRITE;
    if (prot & PROT_EXEC)
        vma->vm_flags |= VM_EXEC;
    if (file->f_mode & FMODE_WRITE || !(flags & QLX_MAP_SHARED))
        vma->vm_flags |= VM_MAYWRITE;
    if (flags & QLX_MAP_SHARED)
        vma->vm_flags |= VM_SHARED | VM_MAYSHARE;
    vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
    return mapping;
}

static void map_free(struct qlx_mapping *mapping)
{
    for (size_t i = 0; i < mapping->nr; i++)
        if (mapping->page[i].frame != QLX_NO_FRAME && mapping->page[i].held)
            put_page(pfn_to_page((unsigned long)mapping->page[i].frame));
    pthread_mutex_destroy(&mapping->lock);
    free(mapping);
}

int qlx_mmap(struct file *file, uint64_t start, size_t size, unsigned int prot, unsigned int flags,
             long long offset, struct qlx_mapping **mapping)
{
    size_t pages = PAGE_ALIGN(size) >> PAGE_SHIFT;
    struct qlx_mapping *made;
    int error;
    if (!file->f_op->mmap)
        return -ENODEV;
    if (pages == 0 || size > SIZE_MAX - PAGE_SIZE || !PAGE_ALIGNED(start) || offset < 0 ||
        !PAGE_ALIGNED(offset))
        return -EINVAL;
    if (!(file->f_mode & FMODE_READ))
        return -EACCES;
    if ((flags & QLX_MAP_SHARED) && (prot & PROT_WRITE) && !(file->f_mode & FMODE_WRITE))
        return -EACCES;
    made = map_new(file, start, pages, prot, flags, offset);
    if (!made)
        return -ENOMEM;
    QLX_CALL_DRIVER(error, file->f_op->mmap(file, &made->vma), -EFAULT);
    if (error) {
        map_free(made);
        return error;
    }
    atomic_long_inc(&file->f_count); /* the mapping outlives the descriptor */
    *mapping = made;
    return 0;
}

size_t qlx_mapping_pages(const struct qlx_mapping *mapping)
{
    return mapping->nr;
}

/* Ask the driver, whichever form of handler it has. The answer is a frame with a reference, or a
 * mapping that the handler made itself. */
static vm_fault_t map_fault(struct qlx_mapping *mapping, struct vm_fault *vmf)
{
    const struct vm_operations_struct *op = mapping->vma.vm_ops;
    int type = 0;
    if (!op)
        return VM_FAULT_SIGBUS;
    if (op->fault)
        return op->fault(vmf);
    if (op->quarry_fault_2)
        return (vm_fault_t)op->quarry_fault_2(&mapping->vma, vmf);
    if (!op->quarry_nopage)
        return VM_FAULT_SIGBUS;
    vmf->page = op->quarry_nopage(&mapping->vma, vmf->address, &type);
    if (vmf->page == NOPAGE_SIGBUS)
        return VM_FAULT_SIGBUS;
    return vmf->page == NOPAGE_OOM ? VM_FAULT_OOM : 0;
}

static int map_settle(struct qlx_mapping *mapping, size_t index, struct vm_fault *vmf,
                      vm_fault_t result)
{
    if (result & VM_FAULT_OOM)
        return -ENOMEM;
    if (result & VM_FAULT_ERROR)
        return -EFAULT;
    if (result & VM_FAULT_NOPAGE || !vmf->page)
        return 0;
    if (page_count(vmf->page) == 0 || PageSlab(vmf->page)) {
        qlx_find("registration", NULL, NULL, "the fault handler answered with a frame that is %s",
                 PageSlab(vmf->page) ? "part of a slab" : "free");
        return -EFAULT;
    }
    if (map_set(mapping, index, page_to_pfn(vmf->page), true))
        put_page(vmf->page); /* another thread was faster */
    return 0;
}

int qlx_mapping_frame(struct qlx_mapping *mapping, size_t index, bool write, uint64_t *frame)
{
    struct vm_area_struct *vma = &mapping->vma;
    struct vm_fault vmf = {.vma = vma, .flags = write ? FAULT_FLAG_WRITE : 0};
    vm_fault_t result;
    int error = 0;
    if (index >= mapping->nr)
        return -EFAULT;
    pthread_mutex_lock(&mapping->lock);
    *frame = mapping->page[index].frame;
    pthread_mutex_unlock(&mapping->lock);
    if (*frame != QLX_NO_FRAME)
        return 0;
    vmf.pgoff = vma->vm_pgoff + index;
    vmf.address = vma->vm_start + index * PAGE_SIZE;
    vmf.quarry_virtual_address = (void *)vmf.address;
    vmf.gfp_mask = GFP_KERNEL;
    QLX_CALL_DRIVER(result, map_fault(mapping, &vmf), VM_FAULT_SIGBUS);
    error = map_settle(mapping, index, &vmf, result);
    if (error)
        return error;
    pthread_mutex_lock(&mapping->lock);
    *frame = mapping->page[index].frame;
    pthread_mutex_unlock(&mapping->lock);
    return *frame == QLX_NO_FRAME ? -EFAULT : 0;
}

size_t qlx_mapping_frames(struct qlx_mapping *mapping, bool write, uint64_t *frames)
{
    size_t got = 0;
    for (size_t i = 0; i < mapping->nr; i++) {
        frames[i] = QLX_NO_FRAME;
        got += qlx_mapping_frame(mapping, i, write, &frames[i]) == 0;
    }
    return got;
}

static int map_notify(struct qlx_mapping *mapping, bool open)
{
    const struct vm_operations_struct *op = mapping->vma.vm_ops;
    if (op && open && op->open)
        op->open(&mapping->vma);
    if (op && !open && op->close)
        op->close(&mapping->vma);
    return 0;
}

void qlx_mapping_copied(struct qlx_mapping *mapping)
{
    int ignored;
    __atomic_fetch_add(&mapping->users, 1, __ATOMIC_RELAXED);
    QLX_CALL_DRIVER(ignored, map_notify(mapping, true), 0);
    (void)ignored;
}

void qlx_munmap(struct qlx_mapping *mapping)
{
    struct file *file = mapping->vma.vm_file;
    int ignored;
    QLX_CALL_DRIVER(ignored, map_notify(mapping, false), 0);
    (void)ignored;
    if (__atomic_sub_fetch(&mapping->users, 1, __ATOMIC_ACQ_REL))
        return;
    map_free(mapping);
    qlx_release(file);
}

/* ---- how much memory there is -------------------------------------------------------------- */

QUARRY_API void si_meminfo(struct sysinfo *info)
{
    memset(info, 0, sizeof(*info));
    info->totalram = totalram_pages();
    info->freeram = nr_free_pages();
    info->totalhigh = totalhigh_pages();
    info->mem_unit = (unsigned int)PAGE_SIZE;
}

QUARRY_API long si_mem_available(void)
{
    return (long)nr_free_pages();
}
