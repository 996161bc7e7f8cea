/* SPDX-License-Identifier: MIT */
/* One process of the benchmark: one row, one allocator.
 *
 * It learns how many operations make a sample of the wanted length, then waits: each line "sample" on
 * standard input is answered by one measurement, "resident" by the memory that the row made resident
 * (what this process has now, or had at the row's high water, less what it had before the first
 * allocation). The parent takes samples of all allocators in turn, so that a slow phase of the
 * machine hits all of them.
 *
 * Resident memory is the proportional set size: Quarry's frames may be mapped twice (vmalloc), and a
 * frame counts once.
 *
 * Nothing here allocates from the allocator under test after the first lines: output goes through
 * dprintf into a static buffer of libc, input through read. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "worker.h"

#define LENGTHS 64

static unsigned int worker_length[LENGTHS];
static unsigned int worker_length_max;
static __thread uint64_t worker_next_length;
static __thread uint64_t worker_excluded_ns;
static __thread uint64_t worker_seed = 0x9e3779b97f4a7c15u;
static long worker_resident_before;
static long worker_resident_high;
static bool worker_warming_up;

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t random_next(void)
{
    worker_seed ^= worker_seed << 13;
    worker_seed ^= worker_seed >> 7;
    worker_seed ^= worker_seed << 17;
    return worker_seed;
}

/* Lengths are spread evenly over the magnitudes from 100 to @max; the cycle starts with the longest,
 * so that the warm-up sees the row's most live memory. */
unsigned int bench_batch_length(uint64_t nr, unsigned int max)
{
    (void)nr;
    if (worker_length_max != max) {
        worker_length_max = max;
        for (unsigned int i = 0; i < LENGTHS; i++) {
            double place = (double)(random_next() >> 11) / 9007199254740992.0;
            worker_length[i] = i ? (unsigned int)(100.0 * pow(max / 100.0, place)) : max;
        }
    }
    return worker_length[worker_next_length++ % LENGTHS];
}

void bench_shuffle(void **objects, unsigned int nr)
{
    uint64_t start = clock_ns();
    for (unsigned int i = nr; i > 1; i--) {
        unsigned int other = (unsigned int)(((random_next() >> 32) * i) >> 32);
        void *object = objects[i - 1];
        objects[i - 1] = objects[other];
        objects[other] = object;
    }
    worker_excluded_ns += clock_ns() - start;
}

static long resident_kib(void)
{
    char text[2048];
    ssize_t size;
    const char *line;
    int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    size = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    line = strstr(text, "\nPss:");
    return line ? strtol(line + 5, NULL, 10) : 0;
}

void bench_high_water(void)
{
    long now;
    if (!worker_warming_up)
        return;
    now = resident_kib() - worker_resident_before;
    if (now > worker_resident_high)
        worker_resident_high = now;
}

void bench_no_memory(const char *what)
{
    dprintf(STDERR_FILENO, "quarry-bench: %s: no memory\n", what);
    _exit(3);
}

/* The ring spins a little, then lets the other thread run: it may share this processor. */
static void ring_wait(unsigned int *tries)
{
    if (++*tries % 256 == 0)
        sched_yield();
    else
        __asm__ volatile("" : : : "memory");
}

void bench_ring_push(struct bench_ring *ring, void *object)
{
    uint64_t head = ring->head;
    unsigned int tries = 0;
    while (head - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) == RING_SLOTS)
        ring_wait(&tries);
    ring->slot[head % RING_SLOTS] = object;
    __atomic_store_n(&ring->head, head + 1, __ATOMIC_RELEASE);
}

void *bench_ring_pop(struct bench_ring *ring)
{
    uint64_t tail = ring->tail;
    unsigned int tries = 0;
    void *object;
    while (__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) == tail)
        ring_wait(&tries);
    object = ring->slot[tail % RING_SLOTS];
    __atomic_store_n(&ring->tail, tail + 1, __ATOMIC_RELEASE);
    return object;
}

/* ---- the second thread: lives as long as the process, so that its caches stay warm ----------- */

static struct {
    const struct bench_row *row;
    pthread_barrier_t start, end;
    uint64_t ops;
    uint64_t excluded_ns;
} partner;

static void *partner_main(void *unused)
{
    for (;;) {
        pthread_barrier_wait(&partner.start);
        worker_excluded_ns = 0;
        partner.row->partner(partner.ops);
        partner.excluded_ns = worker_excluded_ns;
        pthread_barrier_wait(&partner.end);
    }
    return unused;
}

/* Nanoseconds per operation over about @ops operations; with two threads, per operation of each. */
static double row_sample(const struct bench_row *row, uint64_t ops, uint64_t *took)
{
    uint64_t start, done, excluded;
    worker_excluded_ns = 0;
    if (row->partner) {
        partner.ops = ops;
        pthread_barrier_wait(&partner.start);
    }
    start = clock_ns();
    done = row->run(ops);
    if (row->partner)
        pthread_barrier_wait(&partner.end);
    *took = clock_ns() - start;
    excluded = worker_excluded_ns;
    if (row->partner && partner.excluded_ns > excluded)
        excluded = partner.excluded_ns;
    *took = *took > excluded ? *took - excluded : 1;
    return (double)*took / (double)done;
}

static uint64_t row_calibrate(const struct bench_row *row, uint64_t target_ns)
{
    uint64_t ops = 1, took = 0;
    row_sample(row, 1, &took); /* the first use boots, or fills caches */
    while (ops < (1ull << 40)) {
        row_sample(row, ops, &took);
        if (took >= target_ns / 2)
            break;
        ops *= took < target_ns / 32 ? 8 : 2;
    }
    return (uint64_t)((double)ops * (double)target_ns / (double)took) + 1;
}

static bool library_is_loaded(const char *name)
{
    char line[1024];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps)
        return false;
    while (!found && fgets(line, sizeof(line), maps))
        found = strstr(line, name) != NULL;
    fclose(maps);
    return found;
}

static bool command_read(char *line, size_t size)
{
    size_t used = 0;
    while (used + 1 < size) {
        ssize_t got = read(STDIN_FILENO, line + used, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        if (line[used] == '\n')
            break;
        used++;
    }
    line[used] = '\0';
    return true;
}

static const struct bench_row *row_find(bool quarry, const char *name)
{
    const struct bench_row *row = quarry ? bench_rows_quarry : bench_rows_malloc;
    while (row->name && strcmp(row->name, name) != 0)
        row++;
    return row->name ? row : NULL;
}

int worker_count(bool quarry, const char *row_name, uint64_t ops)
{
    const struct bench_row *row = row_find(quarry, row_name);
    if (!row || row->partner) {
        fprintf(stderr, "quarry-bench: no row \"%s\" of one thread\n", row_name);
        return 64;
    }
    if (row->prepare)
        row->prepare();
    row->run(ops);
    return 0;
}

int worker_main(bool quarry, const char *library, const char *row_name, uint64_t target_ns)
{
    const struct bench_row *row = row_find(quarry, row_name);
    char line[64];
    uint64_t ops, took;
    pthread_t thread;

    if (!row)
        return 64;
    if (*library && !library_is_loaded(library)) {
        dprintf(STDOUT_FILENO, "absent\n");
        return 0;
    }
    if (row->partner) {
        partner.row = row;
        pthread_barrier_init(&partner.start, NULL, 2);
        pthread_barrier_init(&partner.end, NULL, 2);
        if (pthread_create(&thread, NULL, partner_main, NULL) != 0)
            return 3;
    }
    worker_resident_before = resident_kib();
    if (row->prepare)
        row->prepare();
    worker_warming_up = true;
    ops = row_calibrate(row, target_ns);
    bench_high_water();
    worker_warming_up = false;
    dprintf(STDOUT_FILENO, "ready\n");
    while (command_read(line, sizeof(line))) {
        if (strcmp(line, "sample") == 0)
            dprintf(STDOUT_FILENO, "%.4f\n", row_sample(row, ops, &took));
        else if (strcmp(line, "resident") == 0)
            dprintf(STDOUT_FILENO, "%ld\n", worker_resident_high);
        else
            break;
    }
    /* The second thread waits at its barrier for ever: leave without ceremony. */
    fflush(NULL);
    _exit(0);
}
