/* SPDX-License-Identifier: MIT */
/* Arguments for the calls in names.txt: only their types matter; the calls are compiled and linked,
 * never made. */
static __attribute__((unused)) int an_int;
static __attribute__((unused)) unsigned int a_uint;
static __attribute__((unused)) unsigned long a_ulong;
static __attribute__((unused)) size_t a_size;
static __attribute__((unused)) gfp_t a_gfp;
static __attribute__((unused)) slab_flags_t a_slab_flags;
static __attribute__((unused)) void *a_pointer;
static __attribute__((unused)) const char *a_string;
static __attribute__((unused)) void **some_pointers;
struct flexible {
    int nr;
    int data[];
};
static __attribute__((unused)) struct flexible *a_flexible;
#ifdef QUARRY_RCU_H
struct has_rcu_head {
    struct rcu_head rcu;
};
#endif
static __attribute__((unused)) struct kmem_cache *a_cache;
static __attribute__((unused)) struct kmem_cache_args *a_cache_args;
static __attribute__((unused)) struct page *a_page;
static __attribute__((unused)) struct page **some_pages;
static __attribute__((unused)) struct list_head *a_list;
static __attribute__((unused)) struct shrinker *a_shrinker;
static __attribute__((unused)) struct mempool_s *a_pool;
static __attribute__((unused)) void (*a_ctor)(void *);
static __attribute__((unused)) void (*an_old_ctor)(void *, struct kmem_cache *, unsigned long);
