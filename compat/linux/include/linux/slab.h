/* SPDX-License-Identifier: MIT */
/* Object caches and kmalloc. */
#ifndef QUARRY_LINUX_SLAB_H
#define QUARRY_LINUX_SLAB_H

#include <linux/cleanup.h>
#include <linux/gfp.h>
#include <linux/overflow.h>
#include <linux/types.h>
#include <quarry/slab.h>

/* The region of each object that user copies may touch is not enforced. */
#define kmem_cache_create_usercopy(name, size, align, flags, useroffset, usersize, ctor)           \
    ((void)(useroffset), (void)(usersize), quarry_cache_create(name, size, align, flags, ctor))

/* Objects on their way through kfree_rcu() are waited for. */
QUARRY_EXTERN_C_BEGIN
QUARRY_API void quarry_rcu_drain(void);
QUARRY_EXTERN_C_END
#ifndef QUARRY_LINUX_26
#define kmem_cache_destroy(cache) (quarry_rcu_drain(), kmem_cache_destroy(cache))
#endif

DEFINE_FREE(kfree, void *, if ((unsigned long)_T < (unsigned long)-4095) kfree(_T))
DEFINE_FREE(kvfree, void *, if ((unsigned long)_T < (unsigned long)-4095) kvfree(_T))

#endif
