/* SPDX-License-Identifier: MIT */
/* tests/model: Quarry's contract as a program.
 *
 * The model keeps what a caller may know of a machine, as plain sets and counts: zones with their marks and
 * reserves, who holds which bytes, how many objects each cache has given out. A random program is run on the
 * implementation step by step; before each step the model says which outcomes are legal (contract.c), after
 * it whether what happened was, and from time to time whether all counts agree (compare.c).
 *
 *     ranges.c    bytes in callers' hands: no two ranges overlap
 *     zones.c     frames, zones, marks and reserves, from the machine's description alone
 *     contract.c  the contract of failure: for each request and state, what may happen
 *     pages.c     blocks of pages
 *     blocks.c    kmalloc
 *     caches.c    object caches, constructed state
 *     areas.c     vmalloc, vmap and addresses for high pages
 *     pools.c     memory pools, per-CPU memory
 *     dma.c       DMA pools, coherent memory, mappings
 *     granules.c  gen_pool
 *     readers.c   kfree_rcu and caches of type-safe objects
 *     wrong.c     frees that must be refused
 *     reclaim.c   a shrinker, the out-of-memory hook, an interrupt handler: when they may be called
 *     program.c   random operations
 *     compare.c   free + listed + slabs + callers + the core's own = managed
 *     run.c       machines of random shape, runs, and how a failing program is made small
 *
 * Nothing here is taken from src/ but its data, which is read and compared: the rules are written a second
 * time, from docs/gfp-semantics.md. */
#ifndef MODEL_H
#define MODEL_H

#include <quarry/gfp.h>
#include <quarry/highmem.h>
#include <quarry/mempool.h>
#include <quarry/shrinker.h>
#include <quarry/slab.h>
#include <quarry/vmalloc.h>
#include "sim.h"

#define M_ZONES 16u
#define M_REGIONS 8u
#define M_CACHES 8u
#define M_POOLS 4u
#define M_DMA_POOLS 2u
#define M_CHUNKS 3u
#define M_GRANULES 200u /* of a chunk, at most */
#define M_INTERRUPT_THINGS 16u
#define M_MAX_THINGS 1024u

/* ---- the machine, as it is described -------------------------------------------------------- */

struct m_machine {
    struct sim_config config;
    struct quarry_region region[M_REGIONS];
    unsigned int things; /* slots for things in callers' hands */
    unsigned int order;  /* blocks are mostly up to this order */
    bool interrupts;     /* a handler allocates and frees */
    bool faults;         /* requests are made to fail: whatever may fail for want of memory does */
    unsigned int min_free_kbytes, scale_factor; /* settings of the marks; 0: the default */
    char options[160];
};

/* One zone: what follows from the description, and the number of its pages. */
struct m_zone {
    enum zone_type type;
    int nid;
    uint64_t existing, managed;     /* frames; those that the allocator has */
    uint64_t min, low, high;        /* G-W5 */
    uint64_t reserve[MAX_NR_ZONES]; /* G-Z6: against requests of that type */
    struct zone *real;
};

/* What can be seen of a zone at one moment. */
struct m_zone_state {
    uint64_t free;   /* pages in free blocks */
    uint64_t listed; /* pages on CPUs' own lists */
    int largest;     /* order of the largest free block, -1: none */
};
struct m_state {
    struct m_zone_state zone[M_ZONES];
};

/* ---- the contract --------------------------------------------------------------------------- */

enum m_outcome { M_MUST_SUCCEED, M_MAY_FAIL, M_MUST_FAIL };

/* A request for pages: what the caller said, and where it stood. */
struct m_request {
    gfp_t gfp;
    unsigned int order;
    int nid;            /* NUMA_NO_NODE: this CPU's */
    bool atomic;        /* the caller stands where nobody may sleep */
    unsigned int spare; /* pages that what asks may take besides, for its own records */
};

/* What the contract says of one request in one state. */
struct m_verdict {
    enum m_outcome outcome;
    bool may_wait;
    const char *rule;
};
struct m_verdict m_contract(const struct m_request *request, const struct m_state *state);
/* How many pages the request must leave in the zone (G-W2 … G-W4, G-Z6); while it tries the zones for the
 * first time (@first), and at last. */
uint64_t m_floor(const struct m_request *request, const struct m_zone *zone, bool first);
/* Zones in the order in which the request tries them; how many. */
unsigned int m_zone_list(const struct m_request *request, unsigned int *list);
gfp_t m_scoped(gfp_t gfp);
enum zone_type m_highest(gfp_t gfp);
bool m_can_wait(const struct m_request *request);

/* ---- bytes in callers' hands ---------------------------------------------------------------- */

/* An ordered set of ranges that do not overlap. */
struct m_range {
    uint64_t start, end;
    uint32_t owner; /* number of the thing */
    uint32_t weight;
    struct m_range *left, *right;
};
struct m_ranges {
    struct m_range *root, *spare;
    uint64_t random, nr;
};
/* The range that [start, end) would overlap; NULL: it was added. */
const struct m_range *m_ranges_add(struct m_ranges *ranges, uint64_t start, uint64_t end,
                                   uint32_t owner);
bool m_ranges_remove(struct m_ranges *ranges, uint64_t start);
const struct m_range *m_ranges_find(const struct m_ranges *ranges, uint64_t address);
void m_ranges_clear(struct m_ranges *ranges);

/* ---- things --------------------------------------------------------------------------------- */

enum m_kind {
    M_NOTHING,
    M_PLAIN,    /* a block of 2^order pages */
    M_COMPOUND, /* the same with __GFP_COMP */
    M_SPLIT,    /* single pages side by side, each freed by itself */
    M_BULK,     /* single pages from anywhere, in `list` */
    M_EXACT,    /* alloc_pages_exact */
    M_BLOCK,    /* kmalloc */
    M_OBJECT,   /* of a cache */
    M_BUNCH,    /* objects of a cache, taken at once: in `list` */
    M_AREA,     /* vmalloc */
    M_ELEMENT,  /* of a memory pool */
    M_PERCPU,
    M_DMA,     /* of a DMA pool */
    M_GRANULE, /* of a gen_pool: numbers, not memory */
    M_KINDS
};

/* Something in a caller's hands. */
struct m_thing {
    enum m_kind kind;
    gfp_t gfp;
    unsigned int order, refs;
    uint64_t pages;
    struct page *page; /* page blocks */
    struct page **list;
    char *address; /* NULL: high pages */
    size_t size;   /* bytes asked for */
    uint64_t stamp;
    unsigned int owner; /* number of its cache or pool */
    size_t lead;        /* bytes of the object before `address`, which its owner leaves alone */
    void *token;        /* per-CPU memory */
    bool all_zero;      /* each call on a block had __GFP_ZERO (G-S13) */
    bool shrinkable;    /* its owner gives it up when a shrinker asks */
    bool busy;          /* an interrupt handler or a shrinker works on it */
};

struct m_cache {
    struct kmem_cache *cache;
    size_t size, align;
    bool constructed;         /* the words at both ends are the constructor's */
    bool counted;             /* it has a destructor too */
    bool typesafe;            /* readers may look at objects that are free */
    unsigned long live;       /* objects in callers' hands */
    unsigned long made, gone; /* objects constructed and destructed so far */
    char name[24];
};

enum m_element { M_FROM_CACHE, M_FROM_KMALLOC, M_FROM_PAGES, M_ELEMENTS };
struct m_pool {
    mempool_t *pool;
    enum m_element from;
    size_t size; /* of an element */
    int least;   /* the reserve's size */
    unsigned long live;
};

struct dma_pool;
struct m_dma {
    struct dma_pool *pool;
    size_t size, align, boundary;
};

struct gen_pool;
struct m_granules {
    struct gen_pool *pool;
    unsigned int chunks, nr[M_CHUNKS];
    bool taken[M_CHUNKS][M_GRANULES];
};

struct m_note {
    uint32_t step;
    const char *format;
    uint64_t value[5];
};
#define M_NOTES 24u

/* One operation: all about it follows from the seed, and it means the same when others are left out. */
struct m_op {
    uint32_t number;
    uint64_t seed;
};

struct model {
    const struct m_machine *machine;
    const struct m_op *ops;
    size_t nr_ops;
    struct m_zone zone[M_ZONES];
    unsigned int nr_zones, nr_nodes;
    struct m_ranges physical, virtual;
    struct m_thing
        thing[M_MAX_THINGS + M_INTERRUPT_THINGS]; /* the last ones: the interrupt handler's */
    struct m_thing *busy; /* in the middle of an operation: not to be taken away */
    struct m_cache cache[M_CACHES];
    struct kmem_cache *element_cache;
    struct m_pool pool[M_POOLS];
    struct m_dma dma[M_DMA_POOLS];
    struct m_granules granules;
    uint64_t area_pages, areas;   /* in callers' hands, by vmalloc */
    gfp_t current;                /* the mask of the request that runs */
    gfp_t scope_set, scope_clear; /* G-C5: what the program's scope adds to masks, and takes away */
    unsigned int program;         /* the program's task */
    uint64_t caller_pages[M_ZONES], caller_blocks;
    uint64_t start_pages, end_pages; /* the core's own, when all is drained */
    unsigned long start_blocks;      /* kmalloc objects that the core has */
    uint64_t random;                 /* of the operation */
    uint32_t step;
    uint64_t stamps;
    bool quiet;  /* the interrupt handler does nothing: counts are being compared */
    bool misuse; /* this step does something that is to be reported */
    bool broken; /* something was found: no more calls */
    unsigned long findings, wrong, mapped;
    struct m_note note[M_NOTES];
    unsigned int notes;
    uint64_t done[M_KINDS], failed, reclaimed, kills;
    struct shrinker *shrinker;
    uint64_t interrupt_random, interrupts;
};
extern struct model model;

/* A wrong outcome: ends the run. */
void m_wrong(const char *rule, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
/* For the list of the last operations; values are printed by @format as %lx. */
void m_note(const char *format, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
uint64_t m_draw(uint64_t below);
bool m_chance(unsigned int percent);
gfp_t m_draw_gfp(void);
struct m_thing *m_new_thing(void);
unsigned int m_thing_number(const struct m_thing *thing);

/* What a request did, against what the contract said before: @page NULL, it failed. */
void m_judge(const struct m_request *request, const struct m_state *before,
             const struct m_verdict *verdict, const struct page *page);
/* The frames of a fresh block are where the request may have them. */
void m_judge_place(const struct m_request *request, const struct m_state *before,
                   const struct page *page, uint64_t pages);
void m_judge_outcome(const struct m_verdict *verdict, bool success, const char *what);

/* zones.c */
void m_zones_describe(void);
struct m_zone *m_zone_of(uint64_t pfn);
void m_look(struct m_state *state);

/* contents */
void m_stamp(struct m_thing *thing);
void m_check_stamp(const struct m_thing *thing);
void m_check_zero(const struct m_thing *thing, size_t from, size_t to);
void m_take_range(const struct m_thing *thing, uint64_t start, uint64_t size);
void m_give_range(uint64_t start);

/* The families: allocate into an empty thing; do something with one that is there; free it. */
void m_pages_new(struct m_thing *thing);
void m_pages_use(struct m_thing *thing);
void m_pages_free(struct m_thing *thing);
void m_pages_gone(const struct page *page, uint64_t pages);
void m_blocks_new(struct m_thing *thing);
void m_blocks_use(struct m_thing *thing);
void m_blocks_free(struct m_thing *thing);
void m_objects_new(struct m_thing *thing);
void m_objects_use(struct m_thing *thing);
void m_objects_free(struct m_thing *thing);
void m_caches_manage(void);
void m_caches_end(void);
struct m_verdict m_cache_contract(const struct kmem_cache *cache, gfp_t gfp);
void m_areas_new(struct m_thing *thing);
void m_areas_use(struct m_thing *thing);
void m_areas_free(struct m_thing *thing);
void m_areas_map_pages(const struct m_thing *thing);
void m_pools_new(struct m_thing *thing);
void m_pools_free(struct m_thing *thing);
void m_pools_manage(void);
void m_pools_end(void);
void m_dma_new(struct m_thing *thing);
void m_dma_free(struct m_thing *thing);
void m_dma_manage(void);
void m_dma_end(void);
void m_dma_map(const struct m_thing *thing);
void m_dma_coherent(void);
void m_granules_new(struct m_thing *thing);
void m_granules_free(struct m_thing *thing);
void m_granules_manage(void);
void m_granules_end(void);
void m_readers_section(struct m_thing *thing);
void m_wrong_free(struct m_thing *thing);
void m_percpu_new(struct m_thing *thing);
void m_percpu_use(struct m_thing *thing);
void m_percpu_free(struct m_thing *thing);

/* reclaim.c: what is asked for when memory is short; the interrupt handler. */
void m_reclaim_begin(void);
void m_reclaim_end(void);
bool m_may_never_fail(const struct m_request *request);
void m_interrupt(void *data, bool hard);
void m_interrupt_end(void);

/* program.c, compare.c, run.c */
void m_free(struct m_thing *thing);
void m_program(void *data);
void m_compare_counts(void);
void m_compare_begin(void);
void m_compare_end(void);

struct m_result {
    enum sim_verdict verdict;
    uint64_t sum, steps;
    char text[600]; /* what was wrong */
};
void m_machine_print(const struct m_machine *machine);
void m_machine_make(struct m_machine *machine, uint64_t seed);
void m_ops_make(struct m_op *ops, size_t nr, uint64_t seed);
void m_run(const struct m_machine *machine, const struct m_op *ops, size_t nr,
           struct m_result *result, bool print);
size_t m_shrink(const struct m_machine *machine, struct m_op *ops, size_t nr,
                const struct m_result *failure);
void m_print_notes(void);

#endif
