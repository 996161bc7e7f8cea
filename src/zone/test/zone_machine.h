/* SPDX-License-Identifier: MIT */
/* A machine with nothing on it but a memory map and the page allocator, for their tests: every frame
 * is accounted for, and reclaim is whatever the test says. Threads that ask become its CPUs. */
#ifndef ZONE_MACHINE_H
#define ZONE_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "hosted.h"
#include "zone/internal.h"

#define ZM_MAX_CPUS 16

/* What a test wants; zero in a field means none, or the default. */
struct zm_spec {
    unsigned long pages; /* one region from 0 on, unless regions are given */
    const struct quarry_region *regions;
    size_t nr_regions;
    phys_addr_t dma_limit, dma32_limit, low_limit, movable_from;
    u64 min_free_kbytes, reserve_for_reclaim_pages;
    unsigned int level;
    bool no_cpu; /* this thread works without lists */
    bool owner, init_on_alloc, init_on_free, poison;
};

struct zm {
    struct qr_cpus cpus; /* first: online() finds the machine by it */
    struct qr_map map;
    struct qr_zones zones;
    struct qr_check check;
    struct qr_faults faults;
    struct hosted_ram ram;
    struct qp_machine machine;
    struct qr_cpu *area[ZM_MAX_CPUS];
    void *traces;
    char why[256];
};

static char zm_last[768]; /* text of the last finding */

static inline bool zm_hook(const struct quarry_report *report, void *data)
{
    (void)data;
    snprintf(zm_last, sizeof(zm_last), "%s", report->text);
    return false;
}

static inline struct qr_cpu *zm_online(struct qr_cpus *cpus, unsigned int id)
{
    struct zm *m = (struct zm *)cpus;
    struct qr_cpu *cpu = calloc(1, sizeof(struct qr_cpu) + QR_MAX_ZONES * sizeof(struct qr_pcp));
    assert_non_null(cpu);
    cpu->id = id;
    cpu->nid = id % m->zones.nr_nodes;
    cpu->nr_pcp = m->zones.nr_zones;
    __atomic_store_n(&m->area[id], cpu, __ATOMIC_RELEASE);
    qr_pcp_init_cpu(&m->zones, cpu);
    return cpu;
}

static inline void zm_offline(struct qr_cpus *cpus, unsigned int id)
{
    struct zm *m = (struct zm *)cpus;
    if (m->area[id])
        qr_pcp_drain_cpu(&m->zones, m->area[id]);
}

/* 0, or the error of the map or the zones with m->why set. */
static inline int zm_try(struct zm *m, const struct zm_spec *spec)
{
    static struct quarry_region whole;
    int error;
    memset(m, 0, sizeof(*m));
    whole = (struct quarry_region){.size = spec->pages * PAGE_SIZE};
    m->machine = (struct qp_machine){.regions = spec->regions ? spec->regions : &whole,
                                     .nr_regions = spec->regions ? spec->nr_regions : 1,
                                     .dma_limit = spec->dma_limit,
                                     .dma32_limit = spec->dma32_limit,
                                     .low_limit = spec->low_limit,
                                     .movable_from = spec->movable_from,
                                     .nr_cpus = ZM_MAX_CPUS,
                                     .ram_is_zero = true};
    error = hosted_ram_create(&m->ram, &m->machine, false, m->why, sizeof(m->why));
    assert_int_equal(error, 0);
    m->cpus = (struct qr_cpus){.area = m->area,
                               .nr_max = ZM_MAX_CPUS,
                               .none = &qr_cpu_none,
                               .online = zm_online,
                               .offline = zm_offline};
    m->check.level = spec->level;
    m->check.hook = zm_hook;
    m->zones.map = &m->map;
    m->zones.check = &m->check;
    m->zones.faults = &m->faults;
    m->zones.cpus = &m->cpus;
    m->zones.min_free_kbytes = spec->min_free_kbytes;
    m->zones.reserve_for_reclaim_pages = spec->reserve_for_reclaim_pages;
    m->zones.init_on_alloc = spec->init_on_alloc;
    m->zones.init_on_free = spec->init_on_free;
    m->zones.poison = spec->poison;
    error = qr_map_init(&m->map, &m->machine, m->why, sizeof(m->why));
    if (!error && spec->owner) {
        u64 bytes = (m->map.max_pfn - m->map.min_pfn) * sizeof(struct qr_owner);
        m->zones.owner = qr_map_carve(&m->map, &m->machine, PAGE_ALIGN(bytes));
        assert_non_null(m->zones.owner);
        m->traces = calloc(1, 1 << 16);
        qr_traces_init(&m->check.traces, m->traces, 1 << 16);
    }
    if (!error)
        error = qr_zones_init(&m->zones, &m->machine, m->why, sizeof(m->why));
    if (error)
        hosted_ram_destroy(&m->ram);
    else if (!spec->no_cpu)
        qp_claim_cpu(&m->cpus);
    zm_last[0] = '\0';
    return error;
}

static inline struct zm *zm_boot(const struct zm_spec *spec)
{
    struct zm *m = malloc(sizeof(*m));
    assert_non_null(m);
    if (zm_try(m, spec))
        fail_msg("no machine: %s", m->why);
    return m;
}

static inline struct zm *zm_pages(unsigned long pages)
{
    struct zm_spec spec = {.pages = pages};
    return zm_boot(&spec);
}

static inline void zm_check(struct zm *m)
{
    unsigned long wrong = qr_map_check(&m->map) + qr_zones_check(&m->zones);
    if (wrong)
        fail_msg("%lu contradictions; the last: %s", wrong, zm_last);
}

/* Every structure is sound, and every managed page came back. */
static inline void zm_end(struct zm *m)
{
    zm_check(m);
    for (unsigned int i = 0; i < ZM_MAX_CPUS; i++) {
        if (m->area[i])
            qr_pcp_drain_cpu(&m->zones, m->area[i]);
    }
    assert_int_equal(qr_free_pages_total(&m->zones), m->zones.totalram);
    zm_check(m);
    hosted_cpus_forget(&m->cpus);
    hosted_ram_destroy(&m->ram);
    for (unsigned int i = 0; i < ZM_MAX_CPUS; i++)
        free(m->area[i]);
    free(m->traces);
    free(m);
}

/* ---- shorthand ------------------------------------------------------------------------------ */

static inline struct page *zm_alloc(struct zm *m, gfp_t gfp, unsigned int order)
{
    return qr_alloc_pages(&m->zones, gfp, order, NUMA_NO_NODE);
}

static inline void zm_free(struct zm *m, struct page *page, unsigned int order)
{
    qr_put_pages(&m->zones, page, order, "__free_pages");
}

static inline u64 zm_pfn(struct zm *m, const struct page *page)
{
    return qr_pfn(&m->map, page);
}

static inline unsigned long zm_findings(struct zm *m, enum quarry_finding kind)
{
    return qr_report_count(&m->check, kind);
}

static inline struct zone *zm_zone(struct zm *m, enum zone_type type)
{
    for (unsigned int i = 0; i < m->zones.nr_zones; i++) {
        if (m->zones.zone[i].type == type)
            return &m->zones.zone[i];
    }
    return NULL;
}

/* This thread's CPU. */
static inline struct qr_cpu *zm_cpu(struct zm *m)
{
    struct qr_cpu *cpu;
    qp_percpu_leave(qp_percpu_enter(&m->cpus, &cpu));
    return cpu;
}

/* Take single pages with @gfp until none comes; chained by their first word, so that any number can
 * be freed again. */
struct zm_hoard {
    struct page *page[1 << 16];
    unsigned long nr;
};

static inline struct zm_hoard *zm_hoard(struct zm *m, gfp_t gfp)
{
    struct zm_hoard *hoard = malloc(sizeof(*hoard));
    assert_non_null(hoard);
    hoard->nr = 0;
    while (hoard->nr < QR_ARRAY_SIZE(hoard->page) &&
           (hoard->page[hoard->nr] = zm_alloc(m, gfp | __GFP_NOWARN, 0)) != NULL)
        hoard->nr++;
    return hoard;
}

static inline void zm_release(struct zm *m, struct zm_hoard *hoard)
{
    while (hoard->nr)
        zm_free(m, hoard->page[--hoard->nr], 0);
    free(hoard);
}

#endif
