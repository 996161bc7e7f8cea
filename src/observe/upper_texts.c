/* SPDX-License-Identifier: MIT */
/* observe/upper_texts: slabinfo and vmallocinfo, as slabinfo(5) and proc(5) describe them.
 *
 * slabinfo, version 2.1. The columns "tunables" belong to caches with per-CPU stacks: limit is the
 * depth that the stacks have now, batchcount how many objects move at once between a CPU and the
 * depot (a whole stack), sharedfactor 0; sharedavail is what lies in the depots.
 *
 * vmallocinfo. One line an area, by address: range and size with the guard page, who asked for it,
 * its pages and kind, and how many pages lie on which node.
 *
 * Locks: those of the layers' walks. Never sleeps. */
#include "observe.h"

#define SLABINFO_HEAD                                                                              \
    "slabinfo - version: 2.1\n"                                                                    \
    "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"             \
    " : tunables <limit> <batchcount> <sharedfactor>"                                              \
    " : slabdata <active_slabs> <num_slabs> <sharedavail>\n"

/* Readers split lines at spaces. */
static void slabinfo_copy_name(char *to, size_t size, const char *name)
{
    qr_strcpy(to, size, name);
    for (; *to; to++) {
        if (*to == ' ' || *to == '\t' || *to == '\n')
            *to = '_';
    }
}

/* Objects in a cache's depots, and slabs that hold no object in use. */
static void slabinfo_count_nodes(struct kmem_cache *cache, unsigned int nr_nodes, u64 *stacked,
                                 u64 *empty)
{
    *stacked = *empty = 0;
    for (unsigned int nid = 0; nid < nr_nodes; nid++) {
        struct qr_cache_node *node = &cache->node[nid];
        unsigned long state = qp_lock(&node->lock);

        *stacked += node->stacked_objects;
        *empty += node->nr_empty;
        qp_unlock(&node->lock, state);
    }
}

static bool slabinfo_add(struct kmem_cache *cache, void *data)
{
    struct qr_text *text = data;
    struct quarry_cache_stat stat;
    u64 stacked, empty;
    char name[sizeof(cache->name)];
    u32 depth = cache->slot_id == QR_NO_SLOT ? 0 : __atomic_load_n(&cache->depth, __ATOMIC_RELAXED);

    qr_cache_stat(cache, &stat);
    slabinfo_count_nodes(cache, cache->owner->zones->nr_nodes, &stacked, &empty);
    slabinfo_copy_name(name, sizeof(name), stat.name);
    qr_text_add(text,
                "%-17s %6lu %6lu %6zu %4lu %4lu : tunables %4u %4u %4u"
                " : slabdata %6lu %6lu %6lu\n",
                name, stat.active, stat.total, stat.slot_size, stat.objects_per_slab,
                stat.pages_per_slab, depth, depth, 0u,
                stat.slabs - QR_MIN(stat.slabs, (unsigned long)empty), stat.slabs,
                (unsigned long)stacked);
    return true;
}

size_t qr_slabinfo_text(struct quarry *q, char *buffer, size_t size)
{
    struct qr_text text = {buffer, size, 0};

    qr_text_add(&text, SLABINFO_HEAD);
    qr_slabs_for_each_cache(&q->slabs, slabinfo_add, &text);
    return text.length;
}

/* ---- vmallocinfo ---------------------------------------------------------------------------- */

struct vmallocinfo_walk {
    struct qr_text text;
    const struct qr_map *map;
};

/* " N0=12 N1=4": pages by node. */
static void vmallocinfo_add_nodes(struct vmallocinfo_walk *walk, const struct qr_area_info *info)
{
    unsigned long pages[QR_MAX_NODES] = {0};

    for (unsigned int i = 0; i < info->nr_frames; i++)
        pages[qr_pfn_node(walk->map, qr_pfn(walk->map, info->frames[i])) % QR_MAX_NODES]++;
    for (unsigned int nid = 0; nid < QR_MAX_NODES; nid++) {
        if (pages[nid])
            qr_text_add(&walk->text, " N%u=%lu", nid, pages[nid]);
    }
}

static bool vmallocinfo_add(const struct qr_area_info *info, void *data)
{
    struct vmallocinfo_walk *walk = data;
    const struct vm_struct *area = info->area;
    const int digits = 2 * (int)sizeof(void *);
    uintptr_t start = (uintptr_t)area->addr;

    qr_text_add(&walk->text, "0x%0*lx-0x%0*lx %7lu", digits, (unsigned long)start, digits,
                (unsigned long)(start + area->size), area->size);
    if (area->caller)
        qr_text_add(&walk->text, " %p", area->caller);
    if (info->nr_frames)
        qr_text_add(&walk->text, " pages=%u", info->nr_frames);
    if (area->phys_addr)
        qr_text_add(&walk->text, " phys=0x%llx", (unsigned long long)area->phys_addr);
    qr_text_add(&walk->text, " %s", info->kind);
    vmallocinfo_add_nodes(walk, info);
    qr_text_add(&walk->text, "\n");
    return true;
}

size_t qr_vmallocinfo_text(struct quarry *q, char *buffer, size_t size)
{
    struct vmallocinfo_walk walk = {{buffer, size, 0}, &q->map};

    qr_vm_for_each_area(&q->vm, vmallocinfo_add, &walk);
    return walk.text.length;
}
