/* SPDX-License-Identifier: MIT */
/* One machine with everything on it. Only boot.c, api/ and observe/ see the whole; each layer gets
 * its own part and pointers to the parts below. */
#ifndef QR_INSTANCE_H
#define QR_INSTANCE_H

#include "check/check.h"
#include "dma/dma.h"
#include "fault/fault.h"
#include "genpool/genpool.h"
#include "grace/grace.h"
#include "guard/guard.h"
#include "kmalloc/kmalloc.h"
#include "leak/leak.h"
#include "map/map.h"
#include "percpu/percpu.h"
#include "pool/pool.h"
#include "reclaim/reclaim.h"
#include "slab/slab.h"
#include "vm/vm.h"
#include "zone/zone.h"

struct quarry {
    struct qr_cpus cpus; /* first: see QP_DEFAULT_CPUS */
    u32 booted; /* 0: no; 1: runs; 2: runs, but the port holds new calls back (see ports/hosted/gate.c) */
    struct qr_map map;
    struct qr_zones zones;
    struct qr_kmalloc kmalloc;
    struct qr_slabs slabs;
    struct qr_vm vm;
    struct qr_kmaps kmaps;
    struct qr_percpu percpu;
    struct qr_dma dma;
    struct qr_reclaim reclaim;
    struct qr_grace grace;
    struct qr_check check;
    struct qr_faults faults;
    struct qr_guards guards;
    struct qr_leaks leaks;
    struct qp_machine machine;                /* as booted; regions and options not kept */
    struct qr_cpu *boot_cpu;                  /* CPU 0's data, carved at boot */
    size_t cpu_bytes;                         /* of one CPU's data */
    unsigned long freeze_outer, freeze_inner; /* lock states while frozen (fork.c) */
};

/* The default machine, booted by the port on first use. Slow paths of the public API call it first;
 * where the port holds calls back, they wait there.
 */
static inline struct quarry *qr_default(void)
{
    if (QR_UNLIKELY(__atomic_load_n(&quarry_default.booted, __ATOMIC_ACQUIRE) != 1))
        quarry_boot_default();
    return &quarry_default;
}

#endif
