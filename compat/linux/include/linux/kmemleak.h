/* SPDX-License-Identifier: MIT */
/* linux/kmemleak.h: Quarry's own header has it all. */
#ifndef QLX_LINUX_KMEMLEAK_H
#define QLX_LINUX_KMEMLEAK_H

#include <linux/types.h>
#include <quarry/kmemleak.h>

/* Caches that ask not to be traced are traced all the same: marks are by object. */
#define kmemleak_alloc_recursive(ptr, size, min_count, flags, gfp)                                 \
    kmemleak_alloc(ptr, size, min_count, gfp)
#define kmemleak_free_recursive(ptr, flags) kmemleak_free(ptr)

#endif
