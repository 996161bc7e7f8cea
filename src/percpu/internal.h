/* SPDX-License-Identifier: MIT */
/* percpu: what its two files share. See percpu.c. */
#ifndef QR_PERCPU_INTERNAL_H
#define QR_PERCPU_INTERNAL_H

#include "percpu.h"

#define PERCPU_SPAN PCPU_MIN_UNIT_SIZE /* tokens of one chunk */
#define PERCPU_CHUNKS 512u             /* 16 MiB of addresses; halved until they fit */
#define PERCPU_SHARED_UNIT 1024u       /* bytes of a chunk's unit where areas share it */
#define PERCPU_GROUP 64u               /* CPUs whose units one group lists */

/* What one alloc_percpu has: a piece of every unit of its chunk. */
struct qr_percpu_area {
    struct qr_percpu_area *next; /* by offset */
    u32 offset, size;            /* in bytes, multiples of PCPU_MIN_ALLOC_SIZE */
    u32 asked;                   /* bytes */
    gfp_t gfp;
    struct qr_owner owner;
};

struct qr_percpu_chunk {
    u32 number;     /* in the table; of a static range: unused */
    u32 unit_bytes; /* of each unit; 1 KiB, or more where one area has it for itself */
    struct qr_percpu_area *areas; /* guarded by percpu->lock */
    const void *image;            /* what a unit begins with; NULL: zeros */
    u32 image_bytes;
    u32 nr_groups;
    void **group[]; /* group[id / 64][id % 64] is CPU id's unit; both levels appear when needed */
};

/* The number all threads without a CPU share. */
static inline unsigned int qr_percpu_shared_id(const struct qr_percpu *percpu)
{
    return percpu->cpus->nr_max;
}

/* unit.c */
struct qr_percpu_chunk *qr_percpu_chunk_new(struct qr_percpu *percpu, u32 unit_bytes, gfp_t gfp);
/* With all its units. Nobody uses it any more. */
void qr_percpu_chunk_delete(struct qr_percpu *percpu, struct qr_percpu_chunk *chunk);
/* The unit, or NULL when it takes no memory yet. */
void *qr_percpu_unit(const struct qr_percpu_chunk *chunk, unsigned int id);
/* The same, made if need be; NULL when memory is short. */
void *qr_percpu_unit_make(struct qr_percpu *percpu, struct qr_percpu_chunk *chunk, unsigned int id,
                          gfp_t gfp);

#endif
