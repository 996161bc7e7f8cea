/* SPDX-License-Identifier: MIT */
/* The object caches' check against a machine that is damaged in one place: everything it compares is
 * broken once, and must be told under its name. */
#include "damage.h"
#include "slab_machine.h"

#define CHECK(q) qr_slabs_check(&(q)->slabs)

static struct quarry *boot(const char *profile)
{
    struct test_spec spec = {.pages = 4096, .profile = profile};
    return damage_boot(&spec);
}

/* ---- slabs and their lists ------------------------------------------------------------------- */

/* A cache of small objects with one partial slab, without a thing on the stacks; an object of it. */
static void *one_in_use(struct quarry *q, struct kmem_cache **cache)
{
    void *object;

    *cache = make_cache(q, "damaged", 16, 0);
    object = take(*cache);
    qr_slabs_drain_all(&q->slabs);
    return object;
}

static struct page *slab_of(struct quarry *q, const void *object)
{
    return qr_head(&q->map, qr_virt_page(&q->map, object));
}

static void a_slab_that_contradicts_itself_is_told(void **state)
{
    struct quarry *q = boot("nodes");
    struct kmem_cache *cache;
    void *object = one_in_use(q, &cache);
    struct page *slab = slab_of(q, object);

    (void)state;
    DAMAGE(CHECK(q), slab->flags, slab->flags ^ PGF_SLAB,
           "cache damaged: a slab's descriptor is not marked as one");
    DAMAGE(CHECK(q), slab->flags, slab->flags ^ (1u << PGF_SLOT_SHIFT),
           "a slab's descriptor is not marked as one");
    DAMAGE(CHECK(q), slab->flags, slab->flags ^ (1u << PGF_NODE_SHIFT),
           "a slab is listed on the wrong node");
    DAMAGE(CHECK(q), slab->quarry_slab.cache, &q->slabs.cache_cache,
           "a slab belongs to another cache");
    DAMAGE(CHECK(q), slab->quarry_slab.free_bits, slab->quarry_slab.free_bits - 1,
           "a slab's count and its bitmap differ");
    give(q, cache, object);
    test_end(q);
}

static void a_list_of_slabs_that_is_wrong_is_told(void **state)
{
    struct quarry *q = boot("tiny");
    struct kmem_cache *cache;
    void *object = one_in_use(q, &cache);
    struct page *slab = slab_of(q, object);
    struct qr_cache_node *node = &cache->node[0];

    (void)state;
    assert_int_equal(node->nr_partial, 1);
    assert_int_equal(node->nr_full, 0);
    DAMAGE(CHECK(q), node->full, node->partial, "a slab is on the wrong list");
    DAMAGE(CHECK(q), node->empty, node->partial, "a slab is on the wrong list");
    DAMAGE(CHECK(q), node->nr_full, 1, "slabs are counted that are not listed");
    DAMAGE(CHECK(q), slab->quarry_slab.prev, slab->quarry_slab.prev + 1,
           "a list of slabs is broken");
    DAMAGE(CHECK(q), node->nr_partial, 2, "a list of slabs has another length than counted");
    DAMAGE(CHECK(q), node->free_objects, node->free_objects + 1,
           "the sums over the slabs differ from the counts");
    give(q, cache, object);
    test_end(q);
}

/* ---- stacks ---------------------------------------------------------------------------------- */

/* The check marks what it sees on stacks and leaves it so once it found something wrong: one machine a
 * case. */
struct stacked {
    struct quarry *q;
    struct kmem_cache *cache;
    struct qr_slot *slot;
    struct qr_cache_node *node;
    void *object; /* in use */
};

#define MANY 2000

/* Objects on this CPU's stack and in the depot, and an empty stack there. */
static struct stacked boot_stacked(void)
{
    static void *object[MANY];
    struct stacked s = {.q = boot("tiny")};

    s.cache = make_cache(s.q, "damaged", 64, 0);
    s.node = &s.cache->node[0];
    for (int i = 0; i < MANY; i++)
        object[i] = take(s.cache);
    for (int i = 1; i < MANY; i++)
        give(s.q, s.cache, object[i]);
    s.object = object[0];
    s.slot = own_slot(s.q, s.cache);
    damage_told[0] = 0;
    assert_int_equal(CHECK(s.q), 0);
    assert_non_null(s.slot->loaded);
    assert_non_null(s.node->full_stacks);
    assert_true(s.slot->top > s.slot->loaded->object + 1);
    return s;
}

#define MUST_TELL(s, text)                                                                         \
    do {                                                                                           \
        damage_must_tell(CHECK((s).q), text, __LINE__);                                            \
        test_abandon((s).q);                                                                       \
    } while (0)

static void what_a_stack_may_not_hold_is_told(void **state)
{
    struct stacked s = boot_stacked();
    char on_the_host;

    (void)state;
    s.slot->loaded->object[0] = &on_the_host;
    MUST_TELL(s, "a stacked object lies in no slab of its cache");
    s = boot_stacked();
    s.slot->loaded->object[0] = qr_cache_alloc_slow(&s.q->slabs.cache_cache, GFP_KERNEL, 0);
    MUST_TELL(s, "a stacked object lies in no slab of its cache");
    s = boot_stacked();
    s.slot->loaded->object[0] = (char *)s.slot->loaded->object[0] + 8;
    MUST_TELL(s, "a stacked pointer is not an object's start");
    s = boot_stacked();
    s.slot->loaded->object[0] = s.slot->loaded->object[1];
    MUST_TELL(s, "a stacked object is free, or stacked twice");
}

static void a_cpus_stacks_out_of_shape_are_told(void **state)
{
    struct stacked s = boot_stacked();

    (void)state;
    s.slot->loaded->floor = s.object;
    MUST_TELL(s, "a stack's floor is not NULL");
    s = boot_stacked();
    s.slot->top = s.slot->limit + 1;
    damage_must_tell(CHECK(s.q), "a slot's top is outside its stack", __LINE__);
    assert_ptr_equal(damage_first, s.slot);
    test_abandon(s.q);
    s = boot_stacked();
    s.slot->top = s.slot->loaded->object - 1;
    MUST_TELL(s, "a slot's top is outside its stack");
    s = boot_stacked();
    if (!s.slot->spare) { /* one of the depot's */
        s.slot->spare = s.node->full_stacks;
        s.node->full_stacks = s.slot->spare->next;
        s.node->stacked_objects -= s.slot->spare->nr;
        s.slot->spare->nr = s.slot->spare->capacity;
    }
    assert_true(s.slot->spare->capacity > 1);
    if (s.slot->spare->nr) { /* what lies on it is looked at as well */
        void *kept = s.slot->spare->object[0];
        s.slot->spare->object[0] = (char *)kept + 8;
        damage_must_tell(CHECK(s.q), "a stacked pointer is not an object's start", __LINE__);
        test_abandon(s.q);
        s = boot_stacked();
        if (!s.slot->spare) {
            s.slot->spare = s.node->full_stacks;
            s.node->full_stacks = s.slot->spare->next;
            s.node->stacked_objects -= s.slot->spare->nr;
        }
    }
    s.slot->spare->object[0] = s.slot->spare->nr ? s.slot->spare->object[0] : s.object;
    s.slot->spare->nr = 1;
    MUST_TELL(s, "a spare stack is neither full nor empty");
}

static void a_depot_that_miscounts_is_told(void **state)
{
    struct stacked s = boot_stacked();
    struct qr_stack *stack;

    (void)state;
    s.node->full_stacks->nr--;
    MUST_TELL(s, "a stack among the full ones is not full");
    s = boot_stacked();
    s.node->stacked_objects++;
    MUST_TELL(s, "the depot holds another number of objects than counted");
    s = boot_stacked();
    stack = s.node->full_stacks;
    s.node->full_stacks = stack->next;
    stack->next = s.node->empty_stacks;
    s.node->empty_stacks = stack;
    MUST_TELL(s, "a stack among the empty ones is not empty");
    s = boot_stacked();
    s.q->slabs.stacked_bytes += 64;
    MUST_TELL(s, "the stacks hold another budget than charged");
}

/* One whole slab in use after the other. */
static void lists_longer_than_counted_are_not_followed_for_ever(void **state)
{
    struct quarry *q = boot("tiny");
    struct kmem_cache *cache = make_cache(q, "damaged", 1000, 0);
    struct qr_cache_node *node = &cache->node[0];
    static void *object[400];
    struct page *slab;
    int nr = 0;

    (void)state;
    while (node->nr_full < 5)
        object[nr++] = qr_cache_alloc_direct(cache, GFP_KERNEL, NUMA_NO_NODE);
    DAMAGE(CHECK(q), node->nr_full, 2, "a list of slabs has another length than counted");
    DAMAGE(CHECK(q), node->partial, node->full, "a slab is on the wrong list");
    slab = qr_page(&q->map, node->full);
    DAMAGE(CHECK(q), slab->flags, slab->flags ^ (1u << PGF_SLOT_SHIFT),
           "a slab's descriptor is not marked as one");
    while (nr)
        qr_cache_free_direct(cache, object[--nr], "test");
    assert_true(node->nr_empty > 0 && node->nr_partial == 0);
    DAMAGE(CHECK(q), node->partial, node->empty, "a slab is on the wrong list");
    assert_int_equal(CHECK(q), 0);
    test_end(q);
}

static void a_stacked_pointer_to_no_place_of_a_slab_is_told(void **state)
{
    struct stacked s = boot_stacked();
    struct page *page = qr_alloc_pages(&s.q->zones, GFP_KERNEL, 0, NUMA_NO_NODE);
    void *object;

    (void)state;
    page->quarry_slab.cache = s.cache; /* as it was, when it was a slab's */
    s.slot->loaded->object[0] = qr_page_virt(&s.q->map, page);
    MUST_TELL(s, "a stacked object lies in no slab of its cache");
    s = boot_stacked();
    s.cache = make_cache(s.q, "rest", 1300, 0); /* they leave some of each slab over */
    object = take(s.cache);
    give(s.q, s.cache, object);
    page = slab_of(s.q, object);
    own_slot(s.q, s.cache)->loaded->object[0] = slab_object(s.cache, page, s.cache->objects);
    MUST_TELL(s, "a stacked pointer is not an object's start");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slab_that_contradicts_itself_is_told),
        cmocka_unit_test(a_list_of_slabs_that_is_wrong_is_told),
        cmocka_unit_test(what_a_stack_may_not_hold_is_told),
        cmocka_unit_test(a_cpus_stacks_out_of_shape_are_told),
        cmocka_unit_test(a_depot_that_miscounts_is_told),
        cmocka_unit_test(lists_longer_than_counted_are_not_followed_for_ever),
        cmocka_unit_test(a_stacked_pointer_to_no_place_of_a_slab_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
