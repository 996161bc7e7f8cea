/* SPDX-License-Identifier: MIT */
/* Eight threads, all calls mixed, an integrity stamp in every object.
 *
 * Idea. Each thread keeps a table of things it allocated (objects of several caches, kmalloc blocks, page
 * blocks, vmalloc areas), fills each with a pattern made from its address, size and kind, and checks the
 * whole pattern before it frees. One thing in eight goes through a mailbox, so that another thread frees it.
 * Two overlapping allocations, memory handed out twice, or a free that touches a neighbour breaks a stamp. */
#include <quarry/quarry.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define THREADS 8
#define STEPS 20000
#define TABLE 64
#define MAILBOXES 32

enum kind { KIND_NONE, KIND_KMALLOC, KIND_OBJECT, KIND_PAGES, KIND_VMALLOC, KIND_KVMALLOC, KINDS };

struct thing {
    enum kind kind;
    unsigned int order;
    size_t size;
    struct kmem_cache *cache;
    unsigned char *memory;
};

static struct kmem_cache *caches[3];
static struct thing mailbox[MAILBOXES];
static pthread_mutex_t mailbox_lock[MAILBOXES];
static unsigned long broken; /* stamps found damaged; atomic */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static unsigned char stamp_of(const struct thing *thing)
{
    return (unsigned char)(((uintptr_t)thing->memory >> 3) * 31 + thing->size * 7 + thing->kind);
}

/* Large things are stamped at both ends and at one byte a page: the whole would only cost time. */
static size_t stamp_step(const struct thing *thing)
{
    return thing->size > 2 * PAGE_SIZE ? PAGE_SIZE / 2 - 1 : 1;
}

static void stamp(const struct thing *thing)
{
    for (size_t i = 0; i < thing->size; i += stamp_step(thing))
        thing->memory[i] = stamp_of(thing);
    thing->memory[thing->size - 1] = stamp_of(thing);
}

static void check_stamp(const struct thing *thing)
{
    bool good = thing->memory[thing->size - 1] == stamp_of(thing);

    for (size_t i = 0; i < thing->size; i += stamp_step(thing))
        good &= thing->memory[i] == stamp_of(thing);
    if (!good)
        __atomic_fetch_add(&broken, 1, __ATOMIC_RELAXED);
}

static void make(struct thing *thing, uint64_t *random)
{
    gfp_t gfp = next_random(random) & 1 ? GFP_KERNEL : GFP_ATOMIC;

    thing->kind = KIND_KMALLOC + next_random(random) % (KINDS - 1);
    if (thing->kind >= KIND_VMALLOC && next_random(random) % 8)
        thing->kind = KIND_OBJECT; /* mapping is slow: one in eight is enough */
    thing->size = 1 + next_random(random) % 3000;
    switch (thing->kind) {
    case KIND_KMALLOC:
        thing->memory = kmalloc(thing->size, gfp);
        break;
    case KIND_OBJECT:
        thing->cache = caches[next_random(random) % 3];
        thing->size = kmem_cache_size(thing->cache);
        thing->memory = kmem_cache_alloc(thing->cache, gfp);
        break;
    case KIND_PAGES:
        thing->order = (unsigned int)(next_random(random) % 4);
        thing->size = PAGE_SIZE << thing->order;
        thing->memory = (unsigned char *)__get_free_pages(gfp, thing->order);
        break;
    case KIND_VMALLOC:
        thing->size *= 10;
        thing->memory = vmalloc(thing->size);
        break;
    default:
        thing->size *= 20;
        thing->memory = kvmalloc(thing->size, GFP_KERNEL);
        break;
    }
    if (!thing->memory)
        thing->kind = KIND_NONE; /* short of memory: allowed */
    else
        stamp(thing);
}

static void unmake(struct thing *thing)
{
    check_stamp(thing);
    switch (thing->kind) {
    case KIND_OBJECT:
        kmem_cache_free(thing->cache, thing->memory);
        break;
    case KIND_PAGES:
        free_pages((unsigned long)thing->memory, thing->order);
        break;
    case KIND_VMALLOC:
        vfree(thing->memory);
        break;
    case KIND_KVMALLOC:
        kvfree(thing->memory);
        break;
    default:
        kfree(thing->memory);
        break;
    }
    thing->kind = KIND_NONE;
}

/* Exchange with a mailbox: what another thread left there becomes ours to free. */
static void post(struct thing *thing, uint64_t *random)
{
    size_t box = next_random(random) % MAILBOXES;
    struct thing other;

    pthread_mutex_lock(&mailbox_lock[box]);
    other = mailbox[box];
    mailbox[box] = *thing;
    *thing = other;
    pthread_mutex_unlock(&mailbox_lock[box]);
}

static void *work(void *argument)
{
    uint64_t random = (uintptr_t)argument * 1234567;
    struct thing table[TABLE] = {{KIND_NONE, 0, 0, NULL, NULL}};

    for (int step = 0; step < STEPS; step++) {
        struct thing *thing = &table[next_random(&random) % TABLE];
        if (thing->kind == KIND_NONE)
            make(thing, &random);
        else if (next_random(&random) % 8 == 0)
            post(thing, &random);
        else
            unmake(thing);
        if (step % 4096 == 0)
            kmem_cache_shrink(caches[step % 3]);
    }
    for (int i = 0; i < TABLE; i++) {
        if (table[i].kind != KIND_NONE)
            unmake(&table[i]);
    }
    return NULL;
}

static void eight_threads_mixing_all_calls_keep_every_stamp(void **state)
{
    pthread_t thread[THREADS];

    for (int i = 0; i < 3; i++) {
        static const char *const name[] = {"small", "middle", "large"};
        static const size_t size[] = {24, 200, 1500};
        caches[i] = kmem_cache_create(name[i], size[i], 0, 0, NULL);
        assert_non_null(caches[i]);
    }
    for (int i = 0; i < MAILBOXES; i++)
        pthread_mutex_init(&mailbox_lock[i], NULL);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, work, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < MAILBOXES; i++) {
        if (mailbox[i].kind != KIND_NONE)
            unmake(&mailbox[i]);
    }
    for (int i = 0; i < 3; i++)
        kmem_cache_destroy(caches[i]);
    assert_int_equal(broken, 0);
    assert_int_equal(quarry_findings(QUARRY_FINDING_KINDS), 0);
    assert_int_equal(quarry_check_all(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_threads_mixing_all_calls_keep_every_stamp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
