/* SPDX-License-Identifier: MIT */
/* What the parts of the benchmark share.
 *
 * A row is one loop over one kind of request. rows.h holds the loops once; rows_quarry.c compiles
 * them over Quarry's public headers, rows_malloc.c over malloc and free, so that both sides run the
 * same code around the calls. main.c starts a fresh process per row and allocator, takes samples
 * from them in turn, and prints medians. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Batches: lengths from 100 to 100,000 objects, drawn once from a fixed seed. */
#define BATCH_MAX 100000u
#define BULK 16

enum bench_order { ORDER_LIFO, ORDER_FIFO, ORDER_RANDOM };

struct bench_row {
    const char *name;
    /* Do at least @ops allocations and as many frees; returns how many. */
    uint64_t (*run)(uint64_t ops);
    /* The second thread's part; NULL: one thread. Both get the same @ops. */
    uint64_t (*partner)(uint64_t ops);
    /* Once, before the first sample. */
    void (*prepare)(void);
};

extern const struct bench_row bench_rows_quarry[];
extern const struct bench_row bench_rows_malloc[];

/* The batch lengths and the orders of release, the same for all sides. */
unsigned int bench_batch_length(uint64_t nr, unsigned int max);
void bench_shuffle(void **objects, unsigned int nr);
/* Called at the point of most live memory, once per sample: notes the resident memory the first
 * time. */
void bench_high_water(void);
void bench_no_memory(const char *what) __attribute__((noreturn));

/* The compiler must believe that the object is used and may have changed. */
static inline void *bench_use(void *object)
{
    __asm__ volatile("" : "+r"(object) : : "memory");
    return object;
}
static inline void bench_touch(void *object)
{
    *(volatile char *)object = 1;
}

/* A ring between two threads: one pushes, the other pops. */
#define RING_SLOTS 1024u
struct bench_ring {
    _Alignas(64) uint64_t head;
    _Alignas(64) uint64_t tail;
    _Alignas(64) void *slot[RING_SLOTS];
};
void bench_ring_push(struct bench_ring *ring, void *object);
void *bench_ring_pop(struct bench_ring *ring);

#endif
