/* SPDX-License-Identifier: MIT */
/* The loops, once for both sides. The file that includes this defines
 *     OBJECT_ALLOC(size) OBJECT_FREE(p)                       the general allocator
 *     CACHE_CREATE(size) CACHE_ALLOC(c) CACHE_FREE(c, p)      objects of one size
 *     CACHE_ALLOC_BULK(c, n, array) CACHE_FREE_BULK(...)
 *     PAGES_ALLOC(order) PAGES_FREE(p, order)                 page blocks
 *     AREA_ALLOC(size) AREA_FREE(p)                           virtually contiguous memory
 *     BENCH_ROWS                                              the name of the table
 * Sizes are constants at each call, as they mostly are in programs: what a side makes of that is
 * its own affair. Each block's first byte is written, as whoever asked for it would. */
static void *row_held[BATCH_MAX];
static void *row_held_by_partner[BATCH_MAX];
static struct bench_ring row_ring;

static inline void *row_got(void *object, const char *what)
{
    object = bench_use(object);
    if (__builtin_expect(!object, 0))
        bench_no_memory(what);
    bench_touch(object);
    return object;
}

/* One block, freed at once. */
#define ROW_PAIR(label, alloc, release)                                                            \
    static uint64_t run_##label(uint64_t ops)                                                      \
    {                                                                                              \
        for (uint64_t i = 0; i < ops; i++) {                                                       \
            void *object = row_got(alloc, #label);                                                 \
            release;                                                                               \
        }                                                                                          \
        return ops;                                                                                \
    }

/* Batches of random length, all allocated, then all freed in one order. */
#define ROW_BATCH_ON(label, held, max, order, alloc, release)                                      \
    static uint64_t run_##label(uint64_t ops)                                                      \
    {                                                                                              \
        uint64_t done = 0;                                                                         \
        for (uint64_t round = 0; done < ops; round++) {                                            \
            unsigned int nr = bench_batch_length(round, max);                                      \
            for (unsigned int i = 0; i < nr; i++)                                                  \
                held[i] = row_got(alloc, #label);                                                  \
            if (nr >= max / 2)                                                                     \
                bench_high_water();                                                                \
            if (order == ORDER_RANDOM)                                                             \
                bench_shuffle(held, nr);                                                           \
            for (unsigned int i = 0; i < nr; i++) {                                                \
                void *object = held[order == ORDER_LIFO ? nr - 1 - i : i];                         \
                release;                                                                           \
            }                                                                                      \
            done += nr;                                                                            \
        }                                                                                          \
        return done;                                                                               \
    }
#define ROW_BATCH(label, max, order, alloc, release)                                               \
    ROW_BATCH_ON(label, row_held, max, order, alloc, release)

#define ROW_KMALLOC_PAIR(size) ROW_PAIR(pair_##size, OBJECT_ALLOC(size), OBJECT_FREE(object))
ROW_KMALLOC_PAIR(8)
ROW_KMALLOC_PAIR(16)
ROW_KMALLOC_PAIR(32)
ROW_KMALLOC_PAIR(64)
ROW_KMALLOC_PAIR(128)
ROW_KMALLOC_PAIR(256)
ROW_KMALLOC_PAIR(512)
ROW_KMALLOC_PAIR(1024)
ROW_KMALLOC_PAIR(2048)
ROW_KMALLOC_PAIR(4096)
ROW_KMALLOC_PAIR(8192)

#define ROW_KMALLOC_BATCH(size, order)                                                             \
    ROW_BATCH(batch_##size##_##order, BATCH_MAX, order, OBJECT_ALLOC(size), OBJECT_FREE(object))
ROW_KMALLOC_BATCH(64, ORDER_LIFO)
ROW_KMALLOC_BATCH(64, ORDER_FIFO)
ROW_KMALLOC_BATCH(64, ORDER_RANDOM)
ROW_KMALLOC_BATCH(256, ORDER_LIFO)
ROW_KMALLOC_BATCH(256, ORDER_FIFO)
ROW_KMALLOC_BATCH(256, ORDER_RANDOM)
ROW_KMALLOC_BATCH(1024, ORDER_LIFO)
ROW_KMALLOC_BATCH(1024, ORDER_FIFO)
ROW_KMALLOC_BATCH(1024, ORDER_RANDOM)

/* Object caches. */
#define CACHE_OBJECT 200
static CACHE_TYPE row_cache;
static void prepare_cache(void)
{
    row_cache = CACHE_CREATE(CACHE_OBJECT);
}
ROW_PAIR(cache_pair, CACHE_ALLOC(row_cache), CACHE_FREE(row_cache, object))
ROW_BATCH(cache_random, BATCH_MAX, ORDER_RANDOM, CACHE_ALLOC(row_cache),
          CACHE_FREE(row_cache, object))
static uint64_t run_cache_bulk(uint64_t ops)
{
    void *objects[BULK];
    uint64_t done;
    for (done = 0; done < ops; done += BULK) {
        CACHE_ALLOC_BULK(row_cache, BULK, objects);
        for (unsigned int i = 0; i < BULK; i++)
            objects[i] = row_got(objects[i], "cache_bulk");
        CACHE_FREE_BULK(row_cache, BULK, objects);
    }
    return done;
}

#define ROW_PAGES_PAIR(order) ROW_PAIR(pages_##order, PAGES_ALLOC(order), PAGES_FREE(object, order))
ROW_PAGES_PAIR(0)
ROW_PAGES_PAIR(1)
ROW_PAGES_PAIR(2)
ROW_PAGES_PAIR(3)
ROW_PAGES_PAIR(4)
ROW_PAGES_PAIR(5)
ROW_PAGES_PAIR(6)
ROW_PAGES_PAIR(7)
ROW_PAGES_PAIR(8)
ROW_PAGES_PAIR(9)
ROW_BATCH(pages_0_lifo, 20000, ORDER_LIFO, PAGES_ALLOC(0), PAGES_FREE(object, 0))
ROW_BATCH(pages_0_random, 20000, ORDER_RANDOM, PAGES_ALLOC(0), PAGES_FREE(object, 0))
ROW_BATCH(pages_3_random, 5000, ORDER_RANDOM, PAGES_ALLOC(3), PAGES_FREE(object, 3))

#define ROW_AREA_PAIR(kib) ROW_PAIR(area_##kib, AREA_ALLOC(kib * 1024), AREA_FREE(object))
ROW_AREA_PAIR(4)
ROW_AREA_PAIR(16)
ROW_AREA_PAIR(64)
ROW_AREA_PAIR(256)
ROW_AREA_PAIR(1024)

/* Two threads, each for itself. */
ROW_BATCH_ON(batch_2t, row_held, 10000, ORDER_RANDOM, OBJECT_ALLOC(64), OBJECT_FREE(object))
ROW_BATCH_ON(batch_2t_partner, row_held_by_partner, 10000, ORDER_RANDOM, OBJECT_ALLOC(64),
             OBJECT_FREE(object))

/* One thread allocates, the other frees. */
#define ROW_PRODUCER(size)                                                                         \
    static uint64_t run_produce_##size(uint64_t ops)                                               \
    {                                                                                              \
        for (uint64_t i = 0; i < ops; i++)                                                         \
            bench_ring_push(&row_ring, row_got(OBJECT_ALLOC(size), "produce"));                    \
        return ops;                                                                                \
    }
ROW_PRODUCER(64)
ROW_PRODUCER(256)
static uint64_t run_consume(uint64_t ops)
{
    for (uint64_t i = 0; i < ops; i++) {
        void *object = bench_use(bench_ring_pop(&row_ring));
        OBJECT_FREE(object);
    }
    return ops;
}

#define ROW_1(title, label)                                                                        \
    {                                                                                              \
        title, run_##label, NULL, NULL                                                             \
    }
const struct bench_row BENCH_ROWS[] = {
    ROW_1("kmalloc 8", pair_8),
    ROW_1("kmalloc 16", pair_16),
    ROW_1("kmalloc 32", pair_32),
    ROW_1("kmalloc 64", pair_64),
    ROW_1("kmalloc 128", pair_128),
    ROW_1("kmalloc 256", pair_256),
    ROW_1("kmalloc 512", pair_512),
    ROW_1("kmalloc 1024", pair_1024),
    ROW_1("kmalloc 2048", pair_2048),
    ROW_1("kmalloc 4096", pair_4096),
    ROW_1("kmalloc 8192", pair_8192),
    ROW_1("batch 64 lifo", batch_64_ORDER_LIFO),
    ROW_1("batch 64 fifo", batch_64_ORDER_FIFO),
    ROW_1("batch 64 random", batch_64_ORDER_RANDOM),
    ROW_1("batch 256 lifo", batch_256_ORDER_LIFO),
    ROW_1("batch 256 fifo", batch_256_ORDER_FIFO),
    ROW_1("batch 256 random", batch_256_ORDER_RANDOM),
    ROW_1("batch 1024 lifo", batch_1024_ORDER_LIFO),
    ROW_1("batch 1024 fifo", batch_1024_ORDER_FIFO),
    ROW_1("batch 1024 random", batch_1024_ORDER_RANDOM),
    {"cache 200", run_cache_pair, NULL, prepare_cache},
    {"cache 200 bulk 16", run_cache_bulk, NULL, prepare_cache},
    {"cache 200 random", run_cache_random, NULL, prepare_cache},
    ROW_1("pages order 0", pages_0),
    ROW_1("pages order 1", pages_1),
    ROW_1("pages order 2", pages_2),
    ROW_1("pages order 3", pages_3),
    ROW_1("pages order 4", pages_4),
    ROW_1("pages order 5", pages_5),
    ROW_1("pages order 6", pages_6),
    ROW_1("pages order 7", pages_7),
    ROW_1("pages order 8", pages_8),
    ROW_1("pages order 9", pages_9),
    ROW_1("pages 0 lifo", pages_0_lifo),
    ROW_1("pages 0 random", pages_0_random),
    ROW_1("pages 3 random", pages_3_random),
    ROW_1("vmalloc 4K", area_4),
    ROW_1("vmalloc 16K", area_16),
    ROW_1("vmalloc 64K", area_64),
    ROW_1("vmalloc 256K", area_256),
    ROW_1("vmalloc 1M", area_1024),
    {"2 threads 64", run_pair_64, run_pair_64, NULL},
    {"2 threads batch", run_batch_2t, run_batch_2t_partner, NULL},
    {"2 threads cache", run_cache_pair, run_cache_pair, prepare_cache},
    {"producer 64", run_produce_64, run_consume, NULL},
    {"producer 256", run_produce_256, run_consume, NULL},
    {NULL, NULL, NULL, NULL},
};
