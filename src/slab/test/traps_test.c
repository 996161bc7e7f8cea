/* SPDX-License-Identifier: MIT */
/* Object caches whose own records were damaged stop the program, and say by which sentence: to go on would
 * hand out memory twice. Each in a child. */
#include "slab_machine.h"
#include "child.h"
#include <signal.h>

struct damaged {
    struct quarry *q;
    struct kmem_cache *cache;
    char *object; /* live */
    struct page *slab;
    struct qr_cache_node *node;
};

/* A cache with one slab, which is part used. */
static struct damaged part_used(const char *options)
{
    struct damaged d = {.q = boot_with(512, options)};

    signal(SIGABRT, SIG_DFL); /* not the test library's */
    d.cache = make_cache(d.q, "damaged", 200, 0);
    d.object = qr_cache_alloc_direct(d.cache, GFP_KERNEL, NUMA_NO_NODE);
    d.slab = qr_head(&d.q->map, qr_virt_page(&d.q->map, d.object));
    d.node = &d.cache->node[0];
    CHILD_CHECK(d.node->nr_partial == 1 && d.node->nr_full == 0);
    return d;
}

static void a_slab_has_fewer_free_than_its_list_says(const void *data)
{
    struct damaged d = part_used(NULL);
    void *object;

    (void)data;
    d.slab->quarry_slab.free_bits = 0;
    qr_node_take(d.cache, 0, &object, 1);
}

static void a_debugged_slab_has_fewer_free_than_its_list_says(const void *data)
{
    struct damaged d = part_used("slab_debug=F");

    (void)data;
    d.slab->quarry_slab.free_bits = 0;
    qr_node_take_rotating(d.cache, 0);
}

static void a_slab_is_on_no_list(const void *data)
{
    struct damaged d = part_used(NULL);
    void *object[100];

    (void)data;
    d.slab->quarry_slab.next = 0;
    qr_node_take(d.cache, 0, object, d.cache->objects - 1);
}

static void the_list_of_a_slab_is_gone(const void *data)
{
    struct damaged d = part_used(NULL);
    void *object[100];

    (void)data;
    CHILD_CHECK(qr_node_take(d.cache, 0, object, d.cache->objects - 1) == d.cache->objects - 1);
    CHILD_CHECK(d.node->nr_full == 1);
    d.node->full = 0;
    qr_cache_free_direct(d.cache, d.object, "test");
}

static void a_cache_of_another_machine_is_discarded(const void *data)
{
    struct damaged d = part_used(NULL);
    struct quarry *other = test_boot(256);

    (void)data;
    qr_cache_discard(&other->slabs, d.cache);
}

static void kmallocs_slots_are_somebody_elses(const void *data)
{
    struct damaged d = part_used(NULL);
    struct qr_kmalloc kmalloc = {.slabs = &d.q->slabs, .zones = &d.q->zones, .check = &d.q->check};
    struct qp_machine machine = {.nr_cpus = 1};
    char why[128];

    (void)data;
    d.q->slabs.slots_used[0] = ~0ull;
    qr_kmalloc_init(&kmalloc, &machine, why, sizeof(why));
}

static void what_cannot_be_is_trapped(void **state)
{
    static const struct {
        void (*make)(const void *data);
        const char *words;
    } damage[] = {
        {a_slab_has_fewer_free_than_its_list_says, "broken invariant: got > 0"},
        {a_debugged_slab_has_fewer_free_than_its_list_says, "broken invariant: i < nr"},
        {a_slab_is_on_no_list, "broken invariant: *head != 0 && next != 0"},
        {the_list_of_a_slab_is_gone, "broken invariant: *head != 0 && next != 0"},
        {a_cache_of_another_machine_is_discarded, "broken invariant: cache->owner == slabs"},
        {kmallocs_slots_are_somebody_elses, "broken invariant: cache->slot_id < QR_CHUNK_SLOTS"},
    };

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(damage); i++) {
        int status = child_run(damage[i].make, NULL);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT ||
            !strstr(child_text, damage[i].words))
            fail_msg("%s: status 0x%x: %s", damage[i].words, (unsigned int)status, child_text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_is_trapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
