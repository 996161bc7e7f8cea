/* SPDX-License-Identifier: MIT */
/* Memory that is contiguous in virtual addresses only. */
#ifndef QUARRY_LINUX_VMALLOC_H
#define QUARRY_LINUX_VMALLOC_H

#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/types.h>
#include <asm/page.h>
#include <quarry/vmalloc.h>

struct vm_area_struct;
QUARRY_EXTERN_C_BEGIN
/* Map a whole vmalloc_user() area into a client, from page @pgoff on: 0 or -EINVAL. */
QUARRY_API int remap_vmalloc_range(struct vm_area_struct *vma, void *address, unsigned long pgoff);
QUARRY_EXTERN_C_END

#endif
