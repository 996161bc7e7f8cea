/* SPDX-License-Identifier: MIT */
/* observe/memory_texts: meminfo and vmstat, in the formats of proc(5).
 *
 * Both are lists of names and numbers. A reader looks for the names it knows and takes a missing
 * one for an old kernel or an error; so names whose things this machine cannot have (page cache,
 * user pages, swap) are there with 0, which is true. Numbers that Linux has no name for begin with
 * quarry_. Locks: those of qr_totals_read. Never sleeps. */
#include "observe.h"

static void meminfo_add(struct qr_text *text, const char *name, u64 pages)
{
    qr_text_add(text, "%s:%*s%8lu kB\n", name, (int)(15 - QR_MIN(qr_strlen(name), (size_t)15)), "",
                (unsigned long)(pages << (PAGE_SHIFT - 10)));
}

static void meminfo_add_absent(struct qr_text *text, const char *const *names)
{
    for (; *names; names++)
        meminfo_add(text, *names, 0);
}

/* What callers could still get: free pages above the marks, and what reclaim would find. Half of
 * the reclaimable slabs, since a slab goes back only when all its objects are free. */
static u64 meminfo_available(const struct qr_totals *totals)
{
    u64 available =
        totals->free + totals->percpu_lists + totals->vmalloc_cached + totals->slab_reclaimable / 2;

    return QR_ABOVE(available, totals->low_marks);
}

static void meminfo_add_head(struct qr_text *text, const struct qr_totals *totals)
{
    static const char *const absent[] = {"Buffers",        "Cached",       "SwapCached",
                                         "Active",         "Inactive",     "Active(anon)",
                                         "Inactive(anon)", "Active(file)", "Inactive(file)",
                                         "Unevictable",    "Mlocked",      NULL};

    meminfo_add(text, "MemTotal", totals->total);
    meminfo_add(text, "MemFree", totals->free);
    meminfo_add(text, "MemAvailable", meminfo_available(totals));
    meminfo_add_absent(text, absent);
    if (totals->high_total) {
        meminfo_add(text, "HighTotal", totals->high_total);
        meminfo_add(text, "HighFree", totals->high_free);
        meminfo_add(text, "LowTotal", totals->total - totals->high_total);
        meminfo_add(text, "LowFree", totals->free - QR_MIN(totals->free, totals->high_free));
    }
}

size_t qr_meminfo_text(struct quarry *q, char *buffer, size_t size)
{
    static const char *const absent_middle[] = {"SwapTotal", "SwapFree", "Dirty", "Writeback",
                                                "AnonPages", "Mapped",   "Shmem", NULL};
    static const char *const absent_end[] = {"KernelStack", "PageTables",   "NFS_Unstable",
                                             "Bounce",      "WritebackTmp", NULL};
    struct qr_text text = {buffer, size, 0};
    struct qr_totals totals;

    qr_totals_read(q, &totals);
    meminfo_add_head(&text, &totals);
    meminfo_add_absent(&text, absent_middle);
    meminfo_add(&text, "KReclaimable", totals.slab_reclaimable + totals.vmalloc_cached);
    meminfo_add(&text, "Slab", totals.slab_reclaimable + totals.slab_unreclaimable);
    meminfo_add(&text, "SReclaimable", totals.slab_reclaimable);
    meminfo_add(&text, "SUnreclaim", totals.slab_unreclaimable);
    meminfo_add_absent(&text, absent_end);
    meminfo_add(&text, "CommitLimit", totals.total);
    meminfo_add(&text, "Committed_AS", totals.total - QR_MIN(totals.total, totals.free));
    meminfo_add(&text, "VmallocTotal", (q->vm.end - q->vm.start) >> PAGE_SHIFT);
    meminfo_add(&text, "VmallocUsed", totals.vmalloc);
    meminfo_add(&text, "VmallocChunk", 0);
    meminfo_add(&text, "Percpu", totals.cpus * (PAGE_ALIGN(q->cpu_bytes) >> PAGE_SHIFT));
    qr_text_add(&text, "HugePages_Total:       0\nHugePages_Free:        0\n"
                       "HugePages_Rsvd:        0\nHugePages_Surp:        0\n"
                       "Hugepagesize:       2048 kB\nHugetlb:               0 kB\n");
    meminfo_add(&text, "DirectMap4k", (q->map.virt_end - q->map.virt_start) >> PAGE_SHIFT);
    return text.length;
}

/* ---- vmstat --------------------------------------------------------------------------------- */

/* Linux's names where the same thing is counted, also older ones (pgalloc and allocstall were one
 * line each before they were told apart by zone). */
static const char *const event_name[QR_NR_EVENTS] = {
    [QR_EV_PGALLOC] = "pgalloc",
    [QR_EV_PGFREE] = "pgfree",
    [QR_EV_PCP_REFILL] = "quarry_pcp_refill",
    [QR_EV_PCP_DRAIN] = "quarry_pcp_drain",
    [QR_EV_ALLOCSTALL] = "allocstall",
    [QR_EV_KSWAPD_WAKE] = "quarry_kswapd_wake",
    [QR_EV_SLAB_MISS] = "quarry_slab_miss",
    [QR_EV_DEPOT_SWAP] = "quarry_depot_swap",
    [QR_EV_OOM] = "oom_kill",
};

static void vmstat_add(struct qr_text *text, const char *name, u64 value)
{
    qr_text_add(text, "%s %lu\n", name, (unsigned long)value);
}

size_t qr_vmstat_text(struct quarry *q, char *buffer, size_t size)
{
    struct qr_text text = {buffer, size, 0};
    struct qr_totals totals;

    qr_totals_read(q, &totals);
    vmstat_add(&text, "nr_free_pages", totals.free);
    for (const char *const *name = qr_absent_zone_stats; *name; name++)
        vmstat_add(&text, *name, 0);
    for (const char *const *name = qr_absent_node_stats; *name; name++)
        vmstat_add(&text, *name, 0);
    vmstat_add(&text, "nr_slab_reclaimable", totals.slab_reclaimable);
    vmstat_add(&text, "nr_slab_unreclaimable", totals.slab_unreclaimable);
    vmstat_add(&text, "nr_vmalloc", totals.vmalloc);
    vmstat_add(&text, "nr_kmalloc_large", totals.kmalloc_large);
    for (unsigned int event = 0; event < QR_NR_EVENTS; event++)
        vmstat_add(&text, event_name[event], totals.event[event]);
    vmstat_add(&text, "pageoutrun", __atomic_load_n(&q->reclaim.rounds, __ATOMIC_RELAXED));
    vmstat_add(&text, "quarry_reclaimed", __atomic_load_n(&q->reclaim.reclaimed, __ATOMIC_RELAXED));
    vmstat_add(&text, "quarry_percpu_list_pages", totals.percpu_lists);
    vmstat_add(&text, "quarry_vmalloc_cached", totals.vmalloc_cached);
    vmstat_add(&text, "quarry_cpus", totals.cpus);
    return text.length;
}
