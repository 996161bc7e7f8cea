/* SPDX-License-Identifier: MIT */
/* Eight threads on one machine: every page carries a stamp that nobody else may disturb, pages change
 * owners between threads, references are taken and dropped, lists are drained from outside. */
#include <pthread.h>
#include "zone_machine.h"

#define THREADS 8
#define SLOTS 256
#define STEPS 20000
#define SHARED 64

static struct {
    struct zm *m;
    struct page *shared[SHARED]; /* blocks on their way to whoever takes them */
    unsigned long served, refused;
} all;

struct block {
    struct page *page;
    unsigned int order;
};

static u64 stamp_of(struct page *page, unsigned int order)
{
    return (u64)(uintptr_t)page * 0x9e3779b97f4a7c15ull + order;
}

/* The first and last word of each page. */
static void stamp(struct page *page, unsigned int order)
{
    for (u64 i = 0; i < 1ull << order; i++) {
        u64 *word = qr_page_virt(&all.m->map, page + i);
        word[0] = word[PAGE_SIZE / 8 - 1] = stamp_of(page, order) + i;
    }
}

static void check_stamp(struct page *page, unsigned int order)
{
    for (u64 i = 0; i < 1ull << order; i++) {
        const u64 *word = qr_page_virt(&all.m->map, page + i);
        if (word[0] != stamp_of(page, order) + i ||
            word[PAGE_SIZE / 8 - 1] != stamp_of(page, order) + i)
            fail_msg("another owner wrote into page %llu of a block of order %u",
                     (unsigned long long)i, order);
    }
}

static gfp_t any_mask(u64 random)
{
    static const gfp_t mask[] = {GFP_KERNEL,
                                 GFP_ATOMIC,
                                 GFP_KERNEL | __GFP_COMP,
                                 GFP_KERNEL | __GFP_MOVABLE,
                                 GFP_KERNEL | __GFP_RECLAIMABLE | __GFP_COMP,
                                 GFP_KERNEL | __GFP_COLD,
                                 GFP_DMA | GFP_KERNEL,
                                 GFP_NOWAIT | __GFP_ZERO};
    return mask[random % QR_ARRAY_SIZE(mask)] | __GFP_NOWARN;
}

static void thread_alloc(struct block *slot, u64 random)
{
    unsigned int order = (unsigned int)qr_ffs64(random | 1 << MAX_PAGE_ORDER);
    slot->page = zm_alloc(all.m, any_mask(random >> 32), order);
    slot->order = order;
    if (slot->page) {
        stamp(slot->page, order);
        __atomic_fetch_add(&all.served, 1, __ATOMIC_RELAXED);
    } else {
        __atomic_fetch_add(&all.refused, 1, __ATOMIC_RELAXED);
    }
}

static void thread_free(struct block *slot, u64 random)
{
    check_stamp(slot->page, slot->order);
    if (random % 8 == 0) { /* a second holder */
        qr_get_page(&all.m->zones, slot->page, "get_page");
        zm_free(all.m, slot->page, slot->order);
        qr_put_page(&all.m->zones, slot->page, "put_page");
    } else if (random % 8 == 1 && !(slot->page->flags & PGF_HEAD) && slot->order) {
        qr_split_page(&all.m->zones, slot->page, slot->order);
        for (u64 i = 0; i < 1ull << slot->order; i++)
            zm_free(all.m, slot->page + i, 0);
    } else {
        zm_free(all.m, slot->page, slot->order);
    }
    slot->page = NULL;
}

/* Swap a block with whatever another thread left: a block is freed by someone else. */
static void thread_exchange(struct block *slot, u64 random)
{
    slot->page = __atomic_exchange_n(&all.shared[random % SHARED], slot->page, __ATOMIC_ACQ_REL);
    slot->order = slot->page ? slot->page->flags & PGF_ORDER_MASK : 0;
}

static void *thread_main(void *arg)
{
    u64 seed = (u64)(uintptr_t)arg * 7919 + 1;
    struct block *slot = calloc(SLOTS, sizeof(*slot));
    for (int step = 0; step < STEPS; step++) {
        u64 random = qr_random(&seed);
        struct block *at = &slot[random % SLOTS];
        random >>= 8;
        if (step % 1000 == 0)
            qr_pcp_drain_all(&all.m->zones);
        else if (random % 16 == 0)
            thread_exchange(at, random >> 4);
        else if (at->page)
            thread_free(at, random >> 4);
        else
            thread_alloc(at, random >> 4);
    }
    for (int i = 0; i < SLOTS; i++) {
        if (slot[i].page)
            thread_free(&slot[i], 2);
    }
    free(slot);
    return NULL;
}

static void run(struct zm *m)
{
    pthread_t thread[THREADS];
    memset(&all, 0, sizeof(all));
    all.m = m;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, thread_main, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < SHARED; i++) {
        if (all.shared[i])
            zm_free(m, all.shared[i], all.shared[i]->flags & PGF_ORDER_MASK);
    }
    assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 0);
    assert_true(all.served > 10000);
}

static void eight_threads_never_share_a_page(void **state)
{
    struct zm_spec spec = {.pages = 65536, .dma_limit = (phys_addr_t)4096 << PAGE_SHIFT};
    struct zm *m = zm_boot(&spec);
    (void)state;
    run(m);
    zm_end(m);
}

static void eight_threads_never_share_a_page_on_the_fast_way_either(void **state)
{
    struct zm *m = zm_pages(65536);
    (void)state;
    m->zones.hooks = 0; /* a race detector would send every request the checked way */
    run(m);
    zm_end(m);
}

static void eight_threads_never_share_a_page_while_memory_is_short(void **state)
{
    struct zm_spec spec = {.pages = 2048, .dma_limit = (phys_addr_t)512 << PAGE_SHIFT};
    struct zm *m = zm_boot(&spec);
    (void)state;
    run(m);
    assert_true(all.refused > 0);
    zm_end(m);
}

/* Two droppers of one plain block: exactly one frees the first page, whoever is last. */
static struct page *raced;
static pthread_barrier_t line;

static void *drop_by_put(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2000; i++) {
        pthread_barrier_wait(&line);
        qr_put_page(&all.m->zones, raced, "put_page");
        pthread_barrier_wait(&line);
    }
    return NULL;
}

static void g_s9_two_droppers_at_once_free_a_block_exactly_once(void **state)
{
    struct zm *m = zm_pages(4096);
    pthread_t thread;
    (void)state;
    memset(&all, 0, sizeof(all));
    all.m = m;
    assert_int_equal(pthread_barrier_init(&line, NULL, 2), 0);
    assert_int_equal(pthread_create(&thread, NULL, drop_by_put, NULL), 0);
    for (int i = 0; i < 2000; i++) {
        raced = zm_alloc(m, i % 2 ? GFP_KERNEL : GFP_KERNEL | __GFP_COMP, 2);
        assert_non_null(raced);
        qr_get_page(&m->zones, raced, "get_page");
        pthread_barrier_wait(&line);
        zm_free(m, raced, 2);
        pthread_barrier_wait(&line);
        assert_int_equal(page_ref_count(raced), 0);
    }
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&line);
    assert_int_equal(qr_report_count(&m->check, QUARRY_FINDING_KINDS), 0);
    zm_end(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_threads_never_share_a_page),
        cmocka_unit_test(eight_threads_never_share_a_page_on_the_fast_way_either),
        cmocka_unit_test(eight_threads_never_share_a_page_while_memory_is_short),
        cmocka_unit_test(g_s9_two_droppers_at_once_free_a_block_exactly_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
