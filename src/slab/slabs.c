/* SPDX-License-Identifier: MIT */
/* slab/slabs: the slabs of a cache.
 *
 * Problem. Objects must be taken and put back in any order, many at a time, without writing into
 * them (what a constructor did must survive, G-S11), and a wrong free must be recognised even when
 * it comes late.
 *
 * Idea. Which objects are free is a bitmap beside the objects. Taking many is a walk over set bits;
 * putting one back sets its bit, and finding it set already is a double free. Each node of a cache
 * keeps its slabs on three circular lists by how full they are; a slab changes lists only when its
 * first or last object moves.
 *
 *     list       free objects     who takes from it
 *     partial    some             every refill, the head first
 *     empty      all              when no partial slab is left; the shrinker, from the tail
 *     full       none             nobody; listed so that walks find its live objects
 *
 * Head and tail descriptors of a slab carry PGF_SLAB and the cache's slot number, so that a free
 * needs one descriptor and no step to the head.
 *
 * A slab in which a wrong free was found late is *quarantined*: it leaves its list, is never handed
 * out from again, and never goes back, because which of its objects are in use is no longer known.
 *
 * Invariants. S1: a bit is set exactly while its object is neither live nor stacked. S2: a slab is
 * on the list that its number of set bits says, or quarantined (next is zero), or in one caller's
 * hands between creation, lists and release. S3: nr_objects and free_objects are the sums over
 * listed slabs. S4: each slab, quarantined ones included, holds one reference on its cache.
 *
 * Locks. The node's lock guards lists, bitmaps and counts. Constructors, destructors and the page
 * allocator are called with no lock held, so a slab is made, and released, while it is on no list.
 *
 * Growth (G-E12). A slab of more than the least order is an opportunity: asked for without a
 * warning, without waiting and never with __GFP_NOFAIL. Only the least order is asked for in the
 * caller's own words. */
#include "internal.h"

/* What of a caller's mask is passed on to the page allocator. The zone is the cache's (G-Z10). */
#define SLAB_GFP_INHERITED                                                                         \
    (__GFP_HIGH | __GFP_MEMALLOC | __GFP_NOMEMALLOC | __GFP_RECLAIM | __GFP_IO | __GFP_FS |        \
     __GFP_NOWARN | __GFP_RETRY_MAYFAIL | __GFP_NOFAIL | __GFP_NORETRY | __GFP_COLD |              \
     __GFP_THISNODE | __GFP_ACCOUNT | __GFP_HARDWALL | __GFP_WRITE)
#define SLAB_GFP_SPARE                                                                             \
    ((gfp_t) ~(__GFP_NOFAIL | __GFP_DIRECT_RECLAIM | __GFP_RETRY_MAYFAIL | __GFP_HIGH |            \
               __GFP_MEMALLOC))
#define SLAB_GFP_HOME (__GFP_THISNODE | __GFP_NOWARN | __GFP_NOMEMALLOC)
#define SLAB_GFP_OPPORTUNE ((gfp_t) ~(__GFP_NOFAIL | __GFP_DIRECT_RECLAIM | __GFP_RETRY_MAYFAIL))

/* ---- bitmaps -------------------------------------------------------------------------------- */

static u64 *slab_words(const struct kmem_cache *cache, const struct page *page)
{
    return (u64 *)(void *)(slab_base(cache, page) + cache->bits_offset);
}

bool qr_slab_bit(const struct kmem_cache *cache, const struct page *page, u32 index)
{
    u64 word =
        cache->bits_offset ? slab_words(cache, page)[index / 64] : page->quarry_slab.free_bits;

    return (word >> (index % 64)) & 1;
}

void qr_slab_flip(const struct kmem_cache *cache, const struct page *page, u32 index)
{
    if (cache->bits_offset)
        slab_words(cache, page)[index / 64] ^= 1ull << (index % 64);
    else
        ((struct page *)page)->quarry_slab.free_bits ^= 1ull << index;
}

u32 qr_slab_free_count(const struct kmem_cache *cache, const struct page *page)
{
    u64 bits = page->quarry_slab.free_bits;

    return cache->bits_offset ? (u32)bits : qr_count_bits64(bits);
}

/* The bitmap in the descriptor of a slab of @nr objects, 1 to 64, that are all free. */
static u64 slab_all_bits(u32 nr)
{
    return ~0ull >> (64 - nr);
}

static void slab_free_all(const struct kmem_cache *cache, struct page *page)
{
    u32 nr = slab_objects(cache, page);

    if (!cache->bits_offset) {
        page->quarry_slab.free_bits = slab_all_bits(nr);
        return;
    }
    page->quarry_slab.free_bits = nr;
    for (u32 i = 0; i < nr; i += 64)
        slab_words(cache, page)[i / 64] = slab_all_bits(QR_MIN(nr - i, 64u));
}

/* Take up to @nr objects out of one word; highest first, so that a stack filled with them hands out
 * ascending addresses. */
static u32 slab_take_word(u64 *word, char *base, size_t step, void **objects, u32 nr)
{
    u64 bits = *word;
    u32 taken = 0;

    while (bits && taken < nr) {
        unsigned int index = qr_fls64(bits);
        bits &= ~(1ull << index);
        objects[taken++] = base + index * step;
    }
    *word = bits;
    return taken;
}

static u32 slab_take(const struct kmem_cache *cache, struct page *page, void **objects, u32 nr)
{
    char *base = slab_object(cache, page, 0);
    size_t step = cache->slot_size;
    u64 *word;
    u32 taken = 0;

    if (!cache->bits_offset)
        return slab_take_word(&page->quarry_slab.free_bits, base, step, objects, nr);
    word = slab_words(cache, page);
    nr = (u32)QR_MIN((u64)nr, page->quarry_slab.free_bits);
    for (u32 i = (cache->objects - 1) / 64; taken < nr; i--)
        taken += slab_take_word(word + i, base + 64 * step * i, step, objects + taken, nr - taken);
    page->quarry_slab.free_bits -= taken;
    return taken;
}

/* ---- lists ---------------------------------------------------------------------------------- */

static void slab_list_insert(const struct qr_map *map, u32 *head, struct page *page, bool at_tail)
{
    u32 pfn = (u32)qr_pfn(map, page);
    struct page *next, *prev;

    if (!*head) /* it will be its own neighbour */
        *head = page->quarry_slab.prev = pfn;
    next = qr_page(map, *head);
    prev = qr_page(map, next->quarry_slab.prev);
    page->quarry_slab.next = *head;
    page->quarry_slab.prev = next->quarry_slab.prev;
    prev->quarry_slab.next = pfn;
    next->quarry_slab.prev = pfn;
    if (!at_tail)
        *head = pfn;
}

static void slab_list_remove(const struct qr_map *map, u32 *head, struct page *page)
{
    u32 pfn = (u32)qr_pfn(map, page), next = page->quarry_slab.next;

    QR_ASSERT(*head != 0 && next != 0);
    if (next == pfn) {
        *head = 0;
    } else {
        qr_page(map, next)->quarry_slab.prev = page->quarry_slab.prev;
        qr_page(map, page->quarry_slab.prev)->quarry_slab.next = next;
        if (*head == pfn)
            *head = next;
    }
    page->quarry_slab.next = 0; /* on no list */
}

/* The list a slab with @nr_free of @nr objects free belongs on, and its counter. */
static u32 *slab_list_for(struct qr_cache_node *node, u32 nr_free, u32 nr, u32 **counter)
{
    if (nr_free == 0) {
        *counter = &node->nr_full;
        return &node->full;
    }
    if (nr_free == nr) {
        *counter = &node->nr_empty;
        return &node->empty;
    }
    *counter = &node->nr_partial;
    return &node->partial;
}

static void slab_enlist(struct kmem_cache *cache, struct qr_cache_node *node, struct page *page,
                        u32 nr_free)
{
    u32 *counter, *head = slab_list_for(node, nr_free, slab_objects(cache, page), &counter);

    /* In a debugged cache the longest unused slab is next, so that writes after free are seen. */
    slab_list_insert(slab_map(cache), head, page, cache_is_debugged(cache));
    ++*counter;
}

static void slab_delist(struct kmem_cache *cache, struct qr_cache_node *node, struct page *page,
                        u32 nr_free)
{
    u32 *counter, *head = slab_list_for(node, nr_free, slab_objects(cache, page), &counter);

    slab_list_remove(slab_map(cache), head, page);
    --*counter;
}

/* A slab had @before free objects and has @after: move it if that changes its list. */
static void slab_relist(struct kmem_cache *cache, struct qr_cache_node *node, struct page *page,
                        u32 before, u32 after)
{
    u32 *counter;
    u32 nr = slab_objects(cache, page);

    if (slab_list_for(node, before, nr, &counter) == slab_list_for(node, after, nr, &counter))
        return;
    slab_delist(cache, node, page, before);
    slab_enlist(cache, node, page, after);
}

struct qr_cache_node *qr_slab_node(struct kmem_cache *cache, const struct page *page)
{
    return &cache->node[(page->flags & PGF_NODE_MASK) >> PGF_NODE_SHIFT];
}

bool qr_slab_is_quarantined(const struct page *page)
{
    return page->quarry_slab.next == 0;
}

/* ---- making and releasing ------------------------------------------------------------------- */

static void slab_account(struct kmem_cache *cache, struct page *page, long sign)
{
    qr_zone_count(qr_page_zone(cache->owner->zones, page),
                  cache->flags & SLAB_RECLAIM_ACCOUNT ? QR_ZS_SLAB_RECLAIMABLE
                                                      : QR_ZS_SLAB_UNRECLAIMABLE,
                  sign * (long)(1ul << slab_order(page)));
}

/* Head and tails become a slab's: from here on frees find the cache. */
static void slab_mark(struct kmem_cache *cache, struct page *page, unsigned int order)
{
    const struct qr_map *map = slab_map(cache);
    unsigned int nid = qr_pfn_node(map, qr_pfn(map, page));
    u32 mark = PGF_SLAB | cache->slot_id << PGF_SLOT_SHIFT;

    page->quarry_slab.cache = cache;
    page->quarry_slab.next = page->quarry_slab.prev = 0;
    for (u32 i = 1u << order; i-- > 0;) {
        u32 flags = (page[i].flags & ((1u << PGF_SLOT_SHIFT) - 1)) | mark;
        if (i == 0)
            flags = (flags & ~PGF_NODE_MASK) | nid << PGF_NODE_SHIFT;
        SLAB_WRITE(page[i].flags, flags);
    }
}

static void slab_unmark(struct page *page, unsigned int order)
{
    for (u32 i = 0; i < 1u << order; i++) {
        u32 flags = page[i].flags & ((1u << PGF_SLOT_SHIFT) - 1) & ~PGF_SLAB;
        SLAB_WRITE(page[i].flags, flags);
    }
    page->quarry_slab.cache = NULL;
}

static void slab_construct(struct kmem_cache *cache, struct page *page, gfp_t gfp)
{
    unsigned long why =
        SLAB_CTOR_CONSTRUCTOR | (gfpflags_allow_blocking(gfp) ? 0 : SLAB_CTOR_ATOMIC);
    u32 nr = slab_objects(cache, page);

    for (u32 i = 0; i < nr; i++) {
        void *object = slab_object(cache, page, i);
        if (cache_is_debugged(cache))
            qr_debug_init_object(cache, object);
        if (cache->ctor)
            cache->ctor(object);
        else if (cache->ctor26)
            cache->ctor26(object, cache, why);
        if (cache_is_debugged(cache) && qr_watched(cache->owner->check))
            qr_debug_close(cache, object);
    }
}

static struct page *slab_pages(struct kmem_cache *cache, gfp_t gfp, int nid)
{
    struct qr_zones *zones = cache->owner->zones;
    gfp_t mask = (gfp & SLAB_GFP_INHERITED) | cache->slab_gfp | __GFP_COMP | __GFP_SKIP_ZERO;
    struct page *page = NULL;

    if (cache->order > cache->min_order)
        page = qr_alloc_pages(zones, (mask & SLAB_GFP_OPPORTUNE) | __GFP_NOWARN | __GFP_NORETRY,
                              cache->order, nid);
    if (page) {
        slab_mark(cache, page, cache->order);
        return page;
    }
    page = qr_alloc_pages(zones, mask, cache->min_order, nid);
    if (page)
        slab_mark(cache, page, cache->min_order);
    return page;
}

struct page *qr_slab_new(struct kmem_cache *cache, gfp_t gfp, int nid)
{
    struct page *page = slab_pages(cache, gfp, nid);

    if (!page)
        return NULL;
    slab_free_all(cache, page);
    slab_account(cache, page, 1);
    qr_cache_hold(cache);
    slab_construct(cache, page, gfp);
    return page;
}

void qr_slab_publish(struct kmem_cache *cache, struct page *page)
{
    struct qr_cache_node *node = qr_slab_node(cache, page);
    u32 nr = slab_objects(cache, page);
    unsigned long state = qp_lock(&node->lock);

    slab_enlist(cache, node, page, nr);
    node->nr_objects += nr;
    node->free_objects += nr;
    qp_unlock(&node->lock, state);
}

static bool slab_others_have_free(const struct kmem_cache *cache, unsigned int nid)
{
    for (unsigned int other = 0; other < cache->owner->zones->nr_nodes; other++)
        if (other != nid && SLAB_READ(cache->node[other].free_objects))
            return true;
    return false;
}

/* On a node that is full, every request would otherwise get a slab of another node, of which it takes
 * one object. So while others have free objects the node is only asked for what it can spare. */
enum slab_growth qr_slab_grow(struct kmem_cache *cache, gfp_t gfp, int nid, unsigned int home)
{
    struct page *page;
    bool here;

    if (gfp & __GFP_THISNODE) /* the task may be on another node's CPU by now */
        nid = (int)home;
    if (!(gfp & __GFP_THISNODE) && slab_others_have_free(cache, home)) {
        page = qr_slab_new(cache, (gfp & SLAB_GFP_SPARE) | SLAB_GFP_HOME, (int)home);
        if (!page)
            return SLAB_ELSEWHERE;
    } else {
        page = qr_slab_new(cache, gfp, nid);
        if (!page)
            return SLAB_NOWHERE;
    }
    here = qr_slab_node(cache, page) == &cache->node[home];
    qr_slab_publish(cache, page);
    return here ? SLAB_HERE : SLAB_ELSEWHERE;
}

static void slab_release_one(struct kmem_cache *cache, struct page *page)
{
    unsigned int order = slab_order(page);

    if (cache_is_debugged(cache)) {
        qr_debug_open_slab(cache, page);
        qr_debug_check_slab(cache, page);
    }
    if (cache->dtor26) {
        u32 nr = slab_objects(cache, page);
        for (u32 i = 0; i < nr; i++)
            cache->dtor26(slab_object(cache, page, i), cache, 0);
    }
    slab_account(cache, page, -1);
    slab_unmark(page, order);
    qr_free_block(cache->owner->zones, page, order);
    qr_cache_put(cache);
}

static void slab_release_all(struct kmem_cache *cache, struct slab_batch *batch)
{
    const struct qr_map *map = slab_map(cache);

    while (batch->first) {
        struct page *page = qr_page(map, batch->first);
        batch->first = page->quarry_slab.prev;
        slab_release_one(cache, page);
    }
}

/* Readers are done with the slabs that left. */
static void slab_readers_done(struct qr_grace_call *call)
{
    struct kmem_cache *cache = QR_CONTAINER(call, struct kmem_cache, gone);
    struct qr_slabs *slabs = cache->owner;
    unsigned long state = qp_lock(&slabs->lock);
    struct slab_batch batch = {.first = cache->left};
    bool more = cache->leaving != 0;

    cache->left = cache->leaving;
    cache->leaving = 0;
    cache->leaving_asked = more;
    if (more) /* their references hold the cache, until this very call has been made */
        qr_grace_ask(slabs->grace, call);
    qp_unlock(&slabs->lock, state);
    if (more)
        qr_grace_nudge(slabs->grace);
    slab_release_all(cache, &batch);
}

/* Let slabs wait for readers: in front of those that came since the call was asked for. */
static void slab_release_later(struct kmem_cache *cache, struct slab_batch *batch)
{
    const struct qr_map *map = slab_map(cache);
    struct page *last = qr_page(map, batch->first);
    struct qr_slabs *slabs = cache->owner;
    unsigned long state;
    bool ask;

    while (last->quarry_slab.prev)
        last = qr_page(map, last->quarry_slab.prev);
    state = qp_lock(&slabs->lock);
    ask = !cache->leaving_asked;
    cache->leaving_asked = true;
    last->quarry_slab.prev = cache->leaving; /* none, while no call is under way */
    *(ask ? &cache->left : &cache->leaving) = batch->first;
    if (ask) { /* else it is under way and read without the lock */
        cache->gone.fn = slab_readers_done;
        qr_grace_ask(slabs->grace, &cache->gone);
    }
    qp_unlock(&slabs->lock, state);
    batch->first = 0;
    if (ask)
        qr_grace_nudge(slabs->grace);
}

void qr_slab_release(struct kmem_cache *cache, struct slab_batch *batch)
{
    if (!batch->first)
        return;
    if (cache->flags & SLAB_TYPESAFE_BY_RCU)
        slab_release_later(cache, batch);
    else
        slab_release_all(cache, batch);
}

/* ---- taking --------------------------------------------------------------------------------- */

u32 qr_node_take_locked(struct kmem_cache *cache, struct qr_cache_node *node, void **objects,
                        u32 nr)
{
    const struct qr_map *map = slab_map(cache);
    u32 taken = 0;

    while (taken < nr && (node->partial || node->empty)) {
        struct page *page = qr_page(map, node->partial ? node->partial : node->empty);
        u32 before = qr_slab_free_count(cache, page);
        u32 got = slab_take(cache, page, objects + taken, nr - taken);
        QR_ASSERT(got > 0);
        slab_relist(cache, node, page, before, before - got);
        taken += got;
    }
    node->free_objects -= taken;
    return taken;
}

u32 qr_node_take(struct kmem_cache *cache, unsigned int nid, void **objects, u32 nr)
{
    struct qr_cache_node *node = &cache->node[nid];
    unsigned long state = qp_lock(&node->lock);
    u32 taken = qr_node_take_locked(cache, node, objects, nr);

    qp_unlock(&node->lock, state);
    return taken;
}

/* The first free place at or after @from, going round. There is one. */
static u32 slab_next_free(const struct kmem_cache *cache, const struct page *page, u32 from)
{
    const u64 *word = cache->bits_offset ? slab_words(cache, page) : &page->quarry_slab.free_bits;
    u32 nr = (slab_objects(cache, page) + 63) / 64, start = from / 64 % nr;
    u64 mask = ~0ull << (from % 64);

    /* One round more than there are words: the first one is looked at from @from on, and at last
     * whole. */
    for (u32 i = 0;; i++) {
        u32 at = (start + i) % nr;
        u64 bits = word[at] & mask;
        if (bits)
            return at * 64 + qr_ffs64(bits);
        QR_ASSERT(i < nr);
        mask = ~0ull;
    }
}

void *qr_node_take_rotating(struct kmem_cache *cache, unsigned int nid)
{
    struct qr_cache_node *node = &cache->node[nid];
    const struct qr_map *map = slab_map(cache);
    unsigned long state = qp_lock(&node->lock);
    struct page *page;
    u32 before, index;

    if (!node->partial && !node->empty) {
        qp_unlock(&node->lock, state);
        return NULL;
    }
    page = qr_page(map, node->partial ? node->partial : node->empty);
    before = qr_slab_free_count(cache, page);
    index = slab_next_free(cache, page, node->cursor);
    node->cursor = index + 1;
    qr_slab_flip(cache, page, index);
    if (cache->bits_offset)
        page->quarry_slab.free_bits--;
    node->free_objects--;
    slab_relist(cache, node, page, before, before - 1);
    qp_unlock(&node->lock, state);
    return slab_object(cache, page, index);
}

/* ---- putting back --------------------------------------------------------------------------- */

static void slab_quarantine(struct kmem_cache *cache, struct qr_cache_node *node, struct page *page)
{
    u32 nr_free = qr_slab_free_count(cache, page);

    if (qr_slab_is_quarantined(page))
        return;
    slab_delist(cache, node, page, nr_free);
    node->nr_objects -= slab_objects(cache, page);
    node->free_objects -= nr_free;
    node->nr_quarantined++;
}

/* A slab whose last object came back: keep it, or send it home. */
static void slab_became_empty(struct kmem_cache *cache, struct qr_cache_node *node,
                              struct page *page, struct slab_batch *batch)
{
    u32 nr = slab_objects(cache, page);

    if (node->nr_empty <= cache->empty_limit && !cache_is_dying(cache))
        return;
    slab_delist(cache, node, page, nr);
    node->nr_objects -= nr;
    node->free_objects -= nr;
    page->quarry_slab.prev = batch->first;
    batch->first = (u32)qr_pfn(slab_map(cache), page);
}

/* A slab's first or last object came back: it changes its list. Rare, once per slabful. */
static QR_NOINLINE void slab_turned(struct kmem_cache *cache, struct qr_cache_node *node,
                                    struct page *page, struct slab_batch *batch)
{
    u32 after = qr_slab_free_count(cache, page);

    slab_relist(cache, node, page, after - 1, after);
    if (after == slab_objects(cache, page))
        slab_became_empty(cache, node, page, batch);
}

enum slab_fault qr_node_put_locked(struct kmem_cache *cache, struct qr_cache_node *node,
                                   struct page *page, u32 index, struct slab_batch *batch)
{
    u64 *word = &page->quarry_slab.free_bits, bit = 1ull << (index % 64);
    u32 nr = slab_objects(cache, page);
    bool turned;

    if (cache->bits_offset)
        word = slab_words(cache, page) + index / 64;
    if (QR_UNLIKELY(*word & bit))
        return SLAB_FREE_ALREADY;
    *word |= bit;
    if (cache->bits_offset) {
        u64 after = ++page->quarry_slab.free_bits;
        turned = after == 1 || after == nr;
    } else {
        turned = *word == bit || *word == slab_all_bits(nr);
    }
    if (QR_UNLIKELY(qr_slab_is_quarantined(page)))
        return SLAB_FINE;
    node->free_objects++;
    if (QR_UNLIKELY(turned))
        slab_turned(cache, node, page, batch);
    return SLAB_FINE;
}

static void slab_bad_note(struct slab_bad *bad, void *object, enum slab_fault why)
{
    if (bad->nr < SLAB_BAD_MAX) {
        bad->item[bad->nr].object = object;
        bad->item[bad->nr].why = why;
    }
    bad->nr++;
}

enum slab_fault qr_node_put(struct kmem_cache *cache, struct page *page, void *object,
                            struct slab_batch *batch)
{
    struct qr_cache_node *node = qr_slab_node(cache, page);
    unsigned long state = qp_lock(&node->lock);
    enum slab_fault fault =
        qr_node_put_locked(cache, node, page, slab_index(cache, page, object), batch);

    qp_unlock(&node->lock, state);
    return fault;
}

/* Everything about one object that came off a stack. The lock of its node is held. A fault is found
 * late here: meanwhile the object may have been handed out twice. */
static enum slab_fault slab_put(struct kmem_cache *cache, struct qr_cache_node *node,
                                struct page *page, void *object, struct slab_batch *batch)
{
    u32 index = slab_index(cache, page, object);
    enum slab_fault fault = SLAB_MIDDLE;

    if (index < slab_objects(cache, page) && slab_object(cache, page, index) == object)
        fault = qr_node_put_locked(cache, node, page, index, batch);
    if (QR_UNLIKELY(fault != SLAB_FINE))
        slab_quarantine(cache, node, page);
    return fault;
}

/* The slab an object off a stack lies in; NULL when that is no longer a slab of this cache: a stale
 * pointer, freed a second time after its slab had gone home. */
static struct page *slab_of(struct kmem_cache *cache, void *object)
{
    const struct qr_window *window = &cache->owner->window;
    u64 nr = ((uintptr_t)object - window->start) >> PAGE_SHIFT;
    struct page *page = QR_LIKELY(nr < window->pages)
                            ? window->first + nr
                            : qr_virt_page_checked(slab_map(cache), object);

    if (QR_UNLIKELY(!page || !(SLAB_READ(page->flags) & PGF_SLAB)))
        return NULL;
    page = qr_head(slab_map(cache), page);
    return page->quarry_slab.cache == cache ? page : NULL;
}

void qr_nodes_put(struct kmem_cache *cache, void **objects, u32 nr, struct slab_batch *batch,
                  struct slab_bad *bad)
{
    struct qr_cache_node *locked = NULL;
    unsigned long state = 0;

    for (u32 i = 0; i < nr; i++) {
        struct page *page = slab_of(cache, objects[i]);
        enum slab_fault fault = SLAB_NOT_OURS;
        if (page) {
            struct qr_cache_node *node = qr_slab_node(cache, page);
            if (node != locked) {
                if (locked)
                    qp_unlock(&locked->lock, state);
                state = qp_lock(&node->lock);
                locked = node;
            }
            fault = slab_put(cache, node, page, objects[i], batch);
        }
        if (QR_UNLIKELY(fault != SLAB_FINE))
            slab_bad_note(bad, objects[i], fault);
    }
    if (locked)
        qp_unlock(&locked->lock, state);
}

unsigned long qr_nodes_take_empty(struct kmem_cache *cache, u32 keep, struct slab_batch *batch)
{
    const struct qr_map *map = slab_map(cache);
    unsigned long pages = 0;

    for (unsigned int nid = 0; nid < cache->owner->zones->nr_nodes; nid++) {
        struct qr_cache_node *node = &cache->node[nid];
        unsigned long state = qp_lock(&node->lock);
        while (node->nr_empty > keep) {
            struct page *page = qr_page(map, qr_page(map, node->empty)->quarry_slab.prev);
            u32 nr = slab_objects(cache, page);
            slab_delist(cache, node, page, nr);
            node->nr_objects -= nr;
            node->free_objects -= nr;
            page->quarry_slab.prev = batch->first;
            batch->first = (u32)qr_pfn(map, page);
            pages += 1ul << slab_order(page);
        }
        qp_unlock(&node->lock, state);
    }
    return pages;
}
