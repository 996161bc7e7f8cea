/* SPDX-License-Identifier: MIT */
/* genpool/genpool: memory that is not the machine's own.
 *
 * Problem. A device brings 64 KiB of its own memory, or a driver sets a buffer aside. It must be given out in
 * pieces, and nothing may be written into it to keep the books: it may be slow, or not memory at all.
 *
 * Idea. Each range has two bits a granule beside it: *taken*, on which an algorithm finds a place, and
 * *start*, set on the first granule of each block. With the second one a free knows the size of what it
 * frees: a wrong size, a second free and an address inside a block are told apart, and refused.
 *
 *     granules   | a a a | . | b | c c | . . |
 *     taken        1 1 1   0   1   1 1   0 0
 *     start        1 0 0   0   1   1 0   0 0
 *
 * At check level 1 and above, who allocated is kept for each start, so that a pool destroyed with live blocks
 * names them.
 *
 * Invariants. G1: start bits are a subset of the taken ones. G2: avail is the number of clear taken bits, in
 * bytes. G3: ranges of a pool do not overlap. G4: a range is added at the end of the list, and leaves it with
 * the pool: a walk may let go of the lock at any range.
 *
 * Locks: the pool's own, in the caller's sight as a word; the algorithm runs under it. What may sleep: making
 * a pool and adding a range, which allocate their records. */
#include "genpool.h"

#define GENPOOL_MAX_ORDER 30
#define GENPOOL_WORD (8 * sizeof(long))

_Static_assert(sizeof(qp_lock_t) == sizeof(((struct gen_pool *)0)->quarry_lock),
               "a pool's lock is one word");

static unsigned long genpool_lock(struct gen_pool *pool)
{
    return qp_lock((qp_lock_t *)(void *)&pool->quarry_lock);
}

static void genpool_unlock(struct gen_pool *pool, unsigned long state)
{
    qp_unlock((qp_lock_t *)(void *)&pool->quarry_lock, state);
}

static struct gen_pool_chunk *genpool_chunk(struct list_head *pos)
{
    return QR_LIST_ENTRY(pos, struct gen_pool_chunk, next_chunk);
}

static size_t genpool_chunk_bytes(const struct gen_pool_chunk *chunk)
{
    return chunk->end_addr - chunk->start_addr + 1;
}

static unsigned long genpool_chunk_bits(const struct gen_pool *pool,
                                        const struct gen_pool_chunk *chunk)
{
    return genpool_chunk_bytes(chunk) >> pool->min_alloc_order;
}

static void genpool_set_bits(unsigned long *map, unsigned long from, unsigned long nr, bool set)
{
    for (unsigned long bit = from; bit < from + nr; bit++) {
        unsigned long mask = 1ul << (bit % GENPOOL_WORD);
        if (set)
            map[bit / GENPOOL_WORD] |= mask;
        else
            map[bit / GENPOOL_WORD] &= ~mask;
    }
}

/* How many bits of [from, from + nr) are set. */
static unsigned long genpool_count(const unsigned long *map, unsigned long from, unsigned long nr)
{
    unsigned long sum = 0;
    for (unsigned long bit = from; bit < from + nr; bit++)
        sum += qr_bit(map, bit);
    return sum;
}

/* ---- making ---------------------------------------------------------------------------------- */

struct gen_pool *qr_genpool_create(const struct qr_genpools *pools, int order, int nid)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST};
    struct gen_pool *pool;

    if (order < 0 || order > GENPOOL_MAX_ORDER) {
        qr_report(pools->check, &report,
                  "gen_pool_create with a granule of 2^%d bytes: the order is 0 to %d", order,
                  GENPOOL_MAX_ORDER);
        return NULL;
    }
    pool = qr_kmalloc_slow(pools->vm->kmalloc, sizeof(*pool), GFP_KERNEL | __GFP_ZERO, nid);
    if (!pool)
        return NULL;
    qr_list_init(&pool->chunks);
    pool->min_alloc_order = order;
    pool->algo = gen_pool_first_fit;
    return pool;
}

static QR_COLD int genpool_refuse(const struct qr_genpools *pools, const struct gen_pool *pool,
                                  unsigned long virt, size_t size, const char *wrong)
{
    struct quarry_report report = {
        .kind = QUARRY_BAD_REQUEST, .address = (const void *)virt, .size = size};
    qr_report(pools->check, &report, "gen_pool_add of %zu bytes at %#lx to pool %s: %s", size, virt,
              pool->name ? pool->name : "(no name)", wrong);
    return -QR_EINVAL;
}

static bool genpool_overlaps_locked(struct gen_pool *pool, unsigned long first, unsigned long last)
{
    struct list_head *pos;

    QR_LIST_FOR_EACH (pos, &pool->chunks) {
        const struct gen_pool_chunk *chunk = genpool_chunk(pos);
        if (first <= chunk->end_addr && chunk->start_addr <= last)
            return true;
    }
    return false;
}

/* The record, its two bitmaps and, where wanted, its traces are one block. */
static struct gen_pool_chunk *genpool_chunk_new(const struct qr_genpools *pools,
                                                unsigned long nr_bits, int nid)
{
    size_t words = (nr_bits + GENPOOL_WORD - 1) / GENPOOL_WORD;
    size_t bytes = sizeof(struct gen_pool_chunk) + 2 * words * sizeof(long);
    size_t traces = qr_check_level(pools->check) ? nr_bits * sizeof(u32) : 0;
    struct gen_pool_chunk *chunk =
        qr_kvmalloc(pools->vm, bytes + traces, GFP_KERNEL | __GFP_ZERO, nid);

    if (!chunk)
        return NULL;
    chunk->quarry_starts = chunk->bits + words;
    chunk->quarry_traces = traces ? (u32 *)(void *)(chunk->bits + 2 * words) : NULL;
    return chunk;
}

int qr_genpool_add(const struct qr_genpools *pools, struct gen_pool *pool, unsigned long virt,
                   phys_addr_t phys, size_t size, int nid, void *owner)
{
    unsigned long nr_bits = size >> pool->min_alloc_order, last, state;
    struct gen_pool_chunk *chunk;
    bool overlaps;

    if (!nr_bits)
        return genpool_refuse(pools, pool, virt, size, "it is smaller than the pool's granule");
    size = nr_bits << pool->min_alloc_order;
    last = virt + size - 1;
    if (last < virt)
        return genpool_refuse(pools, pool, virt, size, "it runs past the last address");
    if (!virt)
        return genpool_refuse(
            pools, pool, virt, size,
            "a block at address 0 could not be told from a failed allocation: add "
            "the range with an offset");
    chunk = genpool_chunk_new(pools, nr_bits, nid);
    if (!chunk)
        return -QR_ENOMEM;
    chunk->start_addr = virt;
    chunk->end_addr = last;
    chunk->phys_addr = phys;
    chunk->owner = owner;
    chunk->avail = (long)size;
    state = genpool_lock(pool);
    overlaps = genpool_overlaps_locked(pool, virt, last);
    if (!overlaps)
        qr_list_add_tail(&chunk->next_chunk, &pool->chunks);
    genpool_unlock(pool, state);
    if (!overlaps)
        return 0;
    qr_kvfree(pools->vm, chunk, "gen_pool_add");
    return genpool_refuse(pools, pool, virt, size, "it overlaps a range that the pool has already");
}

/* ---- destroying ------------------------------------------------------------------------------ */

/* One finding for the pool, with the allocation of the first block that is left. */
static QR_COLD void genpool_report_left(const struct qr_genpools *pools,
                                        const struct gen_pool *pool,
                                        const struct gen_pool_chunk *chunk, unsigned long first,
                                        unsigned long blocks, size_t bytes)
{
    struct quarry_trace before = {.nr = 0};
    struct quarry_report report = {
        .kind = QUARRY_LEAK,
        .address = (const void *)(chunk->start_addr + (first << pool->min_alloc_order)),
        .size = bytes,
        .cache = pool->name};

    if (chunk->quarry_traces)
        qr_trace_load(pools->check, chunk->quarry_traces[first], &before);
    if (before.nr) {
        report.before = &before;
        report.before_is = "the first was allocated by";
    }
    qr_report(
        pools->check, &report,
        "gen_pool_destroy: %lu blocks (%zu bytes) of pool %s were not freed, the first at %p: "
        "free each with gen_pool_free before",
        blocks, bytes, pool->name ? pool->name : "(no name)", report.address);
}

void qr_genpool_destroy(const struct qr_genpools *pools, struct gen_pool *pool)
{
    struct gen_pool_chunk *first_chunk = NULL;
    struct list_head *pos, *next;
    unsigned long blocks = 0, first = 0;
    size_t bytes = 0;

    if (!pool)
        return;
    QR_LIST_FOR_EACH (pos, &pool->chunks) {
        struct gen_pool_chunk *chunk = genpool_chunk(pos);
        unsigned long nr_bits = genpool_chunk_bits(pool, chunk);
        if ((size_t)chunk->avail == genpool_chunk_bytes(chunk))
            continue;
        blocks += genpool_count(chunk->quarry_starts, 0, nr_bits);
        bytes += genpool_chunk_bytes(chunk) - (size_t)chunk->avail;
        if (first_chunk)
            continue;
        first_chunk = chunk;
        while (!qr_bit(chunk->quarry_starts, first))
            first++;
    }
    if (first_chunk)
        genpool_report_left(pools, pool, first_chunk, first, blocks, bytes);
    QR_LIST_FOR_EACH_SAFE (pos, next, &pool->chunks)
        qr_kvfree(pools->vm, genpool_chunk(pos), "gen_pool_destroy");
    qr_kfree_slow(pools->vm->kmalloc, pool, "gen_pool_destroy");
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* A place in one range, or 0. An algorithm of the caller's own may answer anything. */
static unsigned long genpool_take_locked(struct gen_pool *pool, struct gen_pool_chunk *chunk,
                                         unsigned int nr, genpool_algo_t algo, void *data,
                                         unsigned long *bit, bool *wrong)
{
    unsigned long nr_bits = genpool_chunk_bits(pool, chunk);
    size_t bytes = (size_t)nr << pool->min_alloc_order;

    if ((size_t)chunk->avail < bytes)
        return 0;
    *bit = algo(chunk->bits, nr_bits, 0, nr, data, pool, chunk->start_addr);
    if (*bit >= nr_bits)
        return 0;
    if (nr > nr_bits - *bit || genpool_count(chunk->bits, *bit, nr)) {
        *wrong = true;
        return 0;
    }
    genpool_set_bits(chunk->bits, *bit, nr, true);
    genpool_set_bits(chunk->quarry_starts, *bit, 1, true);
    chunk->avail -= (long)bytes;
    return chunk->start_addr + (*bit << pool->min_alloc_order);
}

unsigned long qr_genpool_alloc(const struct qr_genpools *pools, struct gen_pool *pool, size_t size,
                               genpool_algo_t algo, void *data, void **owner)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .size = size};
    size_t granule = (size_t)1 << pool->min_alloc_order;
    u64 nr = ((u64)size >> pool->min_alloc_order) + ((size & (granule - 1)) != 0);
    unsigned long address = 0, bit = 0, state;
    struct gen_pool_chunk *chunk = NULL;
    struct list_head *pos;
    bool wrong = false;

    if (owner)
        *owner = NULL;
    if (!size || nr > ~0u)
        return 0;
    state = genpool_lock(pool);
    QR_LIST_FOR_EACH (pos, &pool->chunks) {
        chunk = genpool_chunk(pos);
        address = genpool_take_locked(pool, chunk, (unsigned int)nr,
                                      algo ? algo : gen_pool_first_fit, data, &bit, &wrong);
        if (address)
            break;
    }
    if (address && owner)
        *owner = chunk->owner;
    genpool_unlock(pool, state);
    if (QR_UNLIKELY(wrong))
        qr_report_once(pools->check, &report,
                       "gen_pool_alloc of %zu bytes: the algorithm chose granules that are taken, "
                       "or beyond the range; they are not given out",
                       size);
    /* The block is the caller's alone: nobody else writes its entry. */
    if (address && chunk->quarry_traces)
        chunk->quarry_traces[bit] = qr_trace_save(pools->check);
    return address;
}

/* ---- giving back ----------------------------------------------------------------------------- */

static struct gen_pool_chunk *genpool_find_locked(struct gen_pool *pool, unsigned long address)
{
    struct list_head *pos;

    QR_LIST_FOR_EACH (pos, &pool->chunks) {
        struct gen_pool_chunk *chunk = genpool_chunk(pos);
        if (address >= chunk->start_addr && address <= chunk->end_addr)
            return chunk;
    }
    return NULL;
}

/* Bytes of the block that begins at granule @bit, by its start bit and the next one. */
static size_t genpool_block_bytes(const struct gen_pool *pool, const struct gen_pool_chunk *chunk,
                                  unsigned long bit)
{
    unsigned long nr_bits = genpool_chunk_bits(pool, chunk), end = bit + 1;

    while (end < nr_bits && qr_bit(chunk->bits, end) && !qr_bit(chunk->quarry_starts, end))
        end++;
    return (end - bit) << pool->min_alloc_order;
}

/* What is wrong with a free, or NULL; *@block is the size of the block that begins there. */
static const char *genpool_free_wrong_locked(const struct gen_pool *pool,
                                             const struct gen_pool_chunk *chunk,
                                             unsigned long address, size_t size, size_t *block,
                                             enum quarry_finding *kind)
{
    unsigned long bit;
    size_t granule = (size_t)1 << pool->min_alloc_order;

    *block = 0;
    *kind = QUARRY_BAD_FREE;
    if (!chunk)
        return "the address lies in no range of the pool";
    if ((address - chunk->start_addr) & (granule - 1))
        return "the address is not the start of a block";
    bit = (address - chunk->start_addr) >> pool->min_alloc_order;
    if (!qr_bit(chunk->bits, bit)) {
        *kind = QUARRY_DOUBLE_FREE;
        return "nothing is allocated there: it was freed before, or never taken";
    }
    if (!qr_bit(chunk->quarry_starts, bit))
        return "the address lies inside a block, not at its start";
    *block = genpool_block_bytes(pool, chunk, bit);
    if (!size || QR_ALIGN_UP(size, granule) != *block)
        return "the block has another size; nothing is freed";
    return NULL;
}

void qr_genpool_free(const struct qr_genpools *pools, struct gen_pool *pool, unsigned long address,
                     size_t size, void **owner)
{
    struct quarry_report report = {
        .rule = "G-S8", .address = (const void *)address, .size = size, .cache = pool->name};
    unsigned long state = genpool_lock(pool), bit;
    struct gen_pool_chunk *chunk = genpool_find_locked(pool, address);
    size_t block;
    const char *wrong = genpool_free_wrong_locked(pool, chunk, address, size, &block, &report.kind);

    if (!wrong) {
        bit = (address - chunk->start_addr) >> pool->min_alloc_order;
        genpool_set_bits(chunk->bits, bit, block >> pool->min_alloc_order, false);
        genpool_set_bits(chunk->quarry_starts, bit, 1, false);
        chunk->avail += (long)block;
    }
    if (owner)
        *owner = wrong ? NULL : chunk->owner;
    genpool_unlock(pool, state);
    if (QR_LIKELY(!wrong))
        return;
    if (block)
        qr_report(pools->check, &report,
                  "gen_pool_free(%#lx, %zu bytes): %s (it has %zu bytes, in granules of %lu)",
                  address, size, wrong, block, 1ul << pool->min_alloc_order);
    else
        qr_report(pools->check, &report, "gen_pool_free(%#lx, %zu bytes): %s", address, size,
                  wrong);
}

/* ---- looking --------------------------------------------------------------------------------- */

size_t qr_genpool_avail(struct gen_pool *pool)
{
    unsigned long state = genpool_lock(pool);
    struct list_head *pos;
    size_t sum = 0;

    QR_LIST_FOR_EACH (pos, &pool->chunks)
        sum += (size_t)genpool_chunk(pos)->avail;
    genpool_unlock(pool, state);
    return sum;
}

size_t qr_genpool_size(struct gen_pool *pool)
{
    unsigned long state = genpool_lock(pool);
    struct list_head *pos;
    size_t sum = 0;

    QR_LIST_FOR_EACH (pos, &pool->chunks)
        sum += genpool_chunk_bytes(genpool_chunk(pos));
    genpool_unlock(pool, state);
    return sum;
}

bool qr_genpool_has(struct gen_pool *pool, unsigned long start, size_t size)
{
    unsigned long state = genpool_lock(pool);
    const struct gen_pool_chunk *chunk = genpool_find_locked(pool, start);
    bool has = chunk && size && size - 1 <= chunk->end_addr - start;

    genpool_unlock(pool, state);
    return has;
}

phys_addr_t qr_genpool_phys(struct gen_pool *pool, unsigned long address)
{
    unsigned long state = genpool_lock(pool);
    const struct gen_pool_chunk *chunk = genpool_find_locked(pool, address);
    phys_addr_t phys = (phys_addr_t)-1;

    if (chunk && chunk->phys_addr != (phys_addr_t)-1)
        phys = chunk->phys_addr + (address - chunk->start_addr);
    genpool_unlock(pool, state);
    return phys;
}

/* The range behind @chunk (NULL: the first), or NULL. */
static struct gen_pool_chunk *genpool_next(struct gen_pool *pool, struct gen_pool_chunk *chunk)
{
    unsigned long state = genpool_lock(pool);
    struct list_head *pos = chunk ? chunk->next_chunk.next : pool->chunks.next;

    genpool_unlock(pool, state);
    return pos == &pool->chunks ? NULL : genpool_chunk(pos);
}

/* Each step takes the lock, the visits do not have it: they may use the pool. */
void qr_genpool_for_each(struct gen_pool *pool,
                         void (*visit)(struct gen_pool *, struct gen_pool_chunk *, void *),
                         void *data)
{
    struct gen_pool_chunk *chunk = NULL;

    while ((chunk = genpool_next(pool, chunk)))
        visit(pool, chunk, data);
}

void qr_genpool_set_algo(struct gen_pool *pool, genpool_algo_t algo, void *data)
{
    unsigned long state = genpool_lock(pool);

    pool->algo = algo ? algo : gen_pool_first_fit;
    pool->data = data;
    genpool_unlock(pool, state);
}
