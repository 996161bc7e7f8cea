/* SPDX-License-Identifier: MIT */
/* Object caches and kmalloc. */
#ifndef QUARRY_LINUX_SLAB_H
#define QUARRY_LINUX_SLAB_H

#include <linux/cleanup.h>
#include <linux/gfp.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/types.h>
#include <quarry/rcu.h>
#include <quarry/slab.h>

/* The region of each object that user copies may touch is not enforced. */
#define kmem_cache_create_usercopy(name, size, align, flags, useroffset, usersize, ctor)           \
    ((void)(useroffset), (void)(usersize), quarry_cache_create(name, size, align, flags, ctor))

DEFINE_FREE(kfree, void *, if ((unsigned long)_T < (unsigned long)-4095) kfree(_T))
DEFINE_FREE(kvfree, void *, if ((unsigned long)_T < (unsigned long)-4095) kvfree(_T))

#endif
