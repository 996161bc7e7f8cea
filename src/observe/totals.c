/* SPDX-License-Identifier: MIT */
/* observe/totals: sums over zones and CPUs.
 *
 * Nothing is counted for the sake of being shown: each layer keeps what it needs, each CPU counts
 * for itself, and whoever asks adds it all up. A CPU's numbers are read while it goes on: they are
 * single words, so each is one that was true, but they do not all belong to one moment. CPUs that
 * went offline keep their data and are counted on.
 *
 * Locks: each zone's, for a copy of its counts. Never sleeps. */
#include "observe.h"

/* The CPU whose data this is goes on writing with ordinary stores; a race detector must not mind
 * that someone looks. */
#define TOTALS_PEEK __attribute__((no_sanitize("thread")))

TOTALS_PEEK struct qr_pcp_view qr_pcp_view(const struct qr_cpu *cpu, unsigned int zone_index)
{
    struct qr_pcp_view view = {0, 0};

    if (zone_index < cpu->nr_pcp) {
        view.pages = cpu->pcp[zone_index].pages;
        view.limit = cpu->pcp[zone_index].limit;
    }
    return view;
}

void qr_zone_view(struct zone *zone, struct qr_zone_view *view)
{
    unsigned long state = qp_lock(&zone->lock);

    view->free_pages = zone->free_pages;
    for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
        for (unsigned int type = 0; type < MIGRATE_TYPES; type++)
            view->blocks[order][type] = qr_zone_free_blocks(zone, order, (enum migratetype)type);
    }
    qp_unlock(&zone->lock, state);
}

static void totals_add_zone(struct quarry *q, const struct zone *zone, struct qr_totals *totals)
{
    u64 free = qr_zone_free_pages(zone);

    totals->free += free;
    if (zone->start_pfn >= q->map.low_end)
        totals->high_free += free;
    totals->low_marks += zone->watermark[QR_WMARK_LOW];
    totals->slab_reclaimable +=
        __atomic_load_n(&zone->stat[QR_ZS_SLAB_RECLAIMABLE], __ATOMIC_RELAXED);
    totals->slab_unreclaimable +=
        __atomic_load_n(&zone->stat[QR_ZS_SLAB_UNRECLAIMABLE], __ATOMIC_RELAXED);
    totals->kmalloc_large += __atomic_load_n(&zone->stat[QR_ZS_KMALLOC_LARGE], __ATOMIC_RELAXED);
}

static void totals_add_cpu(struct quarry *q, const struct qr_cpu *cpu, struct qr_totals *totals)
{
    for (unsigned int event = 0; event < QR_NR_EVENTS; event++)
        totals->event[event] += __atomic_load_n(&cpu->event[event], __ATOMIC_RELAXED);
    for (unsigned int i = 0; i < q->zones.nr_zones; i++)
        totals->percpu_lists += qr_pcp_view(cpu, i).pages;
}

void qr_totals_read(struct quarry *q, struct qr_totals *totals)
{
    unsigned long state;

    *totals = (struct qr_totals){.total = q->zones.totalram, .high_total = q->zones.totalhigh};
    for (unsigned int i = 0; i < q->zones.nr_zones; i++)
        totals_add_zone(q, &q->zones.zone[i], totals);
    for (unsigned int id = 0; id < q->cpus.nr_max; id++) {
        const struct qr_cpu *cpu = __atomic_load_n(&q->cpus.area[id], __ATOMIC_ACQUIRE);

        if (!cpu)
            continue;
        totals->cpus++;
        totals_add_cpu(q, cpu, totals);
    }
    totals_add_cpu(q, q->cpus.none, totals);
    state = qp_lock(&q->vm.lock);
    totals->vmalloc = q->vm.nr_pages;
    totals->vmalloc_cached = q->vm.cached.pages;
    qp_unlock(&q->vm.lock, state);
}
