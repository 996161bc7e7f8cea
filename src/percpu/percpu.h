/* SPDX-License-Identifier: MIT */
/* percpu: the door. Blocks of memory with an instance for each CPU. See percpu.c. */
#ifndef QR_PERCPU_ALLOC_H
#define QR_PERCPU_ALLOC_H

#include <quarry/percpu.h>
#include "../vm/vm.h"

#define QR_PERCPU_STATICS 64

struct qr_percpu_chunk;

/* A range of static variables; chunk is made at the first access. */
struct qr_percpu_static {
    uintptr_t start;
    size_t size; /* 0: a free entry */
    u32 users;
    u32 changes; /* of start and size; odd while they change: readers take no lock */
    struct qr_percpu_chunk *chunk;
};

struct qr_percpu {
    struct qr_vm *vm;
    struct qr_zones *zones;
    struct qr_slabs *slabs;
    struct qr_check *check;
    struct qr_cpus *cpus;
    struct kmem_cache *area_cache, *chunk_cache, *group_cache, *unit_cache;
    uintptr_t base;                 /* tokens lie in [base, base + nr_chunks spans) */
    u32 nr_chunks;                  /* 0: nothing was allocated yet */
    qp_lock_t lock;                 /* guards the table's entries, the areas, the ranges */
    struct qr_percpu_chunk **table; /* by number; entries are read without the lock */
    struct qr_percpu_static range[QR_PERCPU_STATICS];
    unsigned long nr_areas;
};

int qr_percpu_init(struct qr_percpu *percpu, char *why, size_t why_size);
/* A token, or NULL (reported unless NOWARN). @what names the public call. */
void *qr_percpu_alloc(struct qr_percpu *percpu, size_t size, size_t align, gfp_t gfp,
                      const char *what);
/* Context: any. */
void qr_percpu_free(struct qr_percpu *percpu, void *token);
/* The instance of CPU @id; see quarry/percpu.h. */
void *qr_percpu_ptr(struct qr_percpu *percpu, const volatile void *token, unsigned int id);
/* This CPU's number; the number all threads without one share is cpus->nr_max. */
unsigned int qr_percpu_here(struct qr_percpu *percpu);
/* 0, -ENOSPC, -EINVAL. Works on a machine that is not booted. */
int qr_percpu_register(struct qr_percpu *percpu, const void *start, size_t size);
void qr_percpu_unregister(struct qr_percpu *percpu, const void *start);
/* Before a boot, and after a failed one: everything but the ranges is forgotten. */
void qr_percpu_clear(struct qr_percpu *percpu);
/* Visit live areas, under percpu->lock: the callback must not call into Quarry. */
void qr_percpu_for_each_live(struct qr_percpu *percpu,
                             bool (*visit)(const struct quarry_live *, void *), void *data);
/* Re-derive every count and order; contradictions are reported; how many. */
unsigned long qr_percpu_check(struct qr_percpu *percpu);

#endif
