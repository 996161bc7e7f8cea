/* SPDX-License-Identifier: MIT */
/* tests/model/readers: memory that waits for readers.
 *
 * While a read section is open, what kfree_rcu() was given stays as it is, but for the head that it was given
 * with it, and nobody else gets it. An object of a cache with SLAB_TYPESAFE_BY_RCU may be somebody else's at
 * once, but its page stays a page of that cache. Both are free at the latest when the section has ended and
 * quarry_rcu_barrier() is back; that it may not be called inside is reported. */
#include "model.h"
#include <quarry/rcu.h>

#define READERS_TRIES 8u
#define READERS_HEAD 8u /* where in a block the head lies: between the places of the stamp */
#define READERS_LEAST 128u

/* Blocks of the size that waits, which must not be the one. */
static void readers_take_others(const struct m_thing *waiting)
{
    uint64_t start = (uintptr_t)waiting->address, end = start + waiting->size;
    void *block[READERS_TRIES];

    for (unsigned int i = 0; i < READERS_TRIES; i++) {
        uint64_t own;
        block[i] = kmalloc(waiting->size, GFP_NOWAIT | __GFP_NOWARN);
        own = (uintptr_t)block[i];
        if (block[i] && own < end && own + waiting->size > start)
            m_wrong("rcu", "a block of %lu bytes that a reader may see was given away",
                    (unsigned long)waiting->size);
    }
    for (unsigned int i = 0; i < READERS_TRIES; i++)
        kfree(block[i]);
}

static void readers_barrier_inside(void)
{
    unsigned long before = model.findings;

    model.misuse = true;
    if (quarry_rcu_barrier() == 0 || model.findings == before)
        m_wrong("rcu", "a barrier inside a read section is not refused");
    model.misuse = false;
}

static void readers_block(struct m_thing *thing)
{
    m_note("kfree_rcu of %lu bytes, read section open", thing->size, 0, 0, 0);
    quarry_rcu_read_lock();
    quarry_kvfree_rcu(thing->address, (struct callback_head *)(thing->address + READERS_HEAD));
    if (!quarry_rcu_pending())
        m_wrong("rcu", "an object that a reader may see does not wait");
    readers_take_others(thing);
    if (m_chance(10))
        readers_barrier_inside();
    m_check_stamp(thing);
    m_give_range(virt_to_phys(thing->address));
    thing->kind = M_NOTHING;
    quarry_rcu_read_unlock();
    sim_log("kfree_rcu", thing->size, 0);
}

static void readers_object(struct m_thing *thing)
{
    const struct page *page = virt_to_page(thing->address);
    struct page *other[READERS_TRIES];

    quarry_rcu_read_lock();
    m_objects_free(thing);
    for (unsigned int i = 0; i < READERS_TRIES; i++) {
        other[i] = alloc_pages(GFP_NOWAIT | __GFP_NOWARN, 0);
        if (other[i] == page)
            m_wrong("rcu", "a page of objects that a reader may see was given away");
    }
    for (unsigned int i = 0; i < READERS_TRIES; i++) {
        if (other[i])
            __free_page(other[i]);
    }
    quarry_rcu_read_unlock();
}

void m_readers_section(struct m_thing *thing)
{
    if (thing->kind == M_BLOCK && thing->size >= READERS_LEAST && thing->size <= PAGE_SIZE)
        readers_block(thing);
    else if (thing->kind == M_OBJECT && model.cache[thing->owner].typesafe)
        readers_object(thing);
    else if (m_chance(20)) {
        m_note("quarry_rcu_barrier", 0, 0, 0, 0);
        if (quarry_rcu_barrier() != 0 ||
            (quarry_rcu_pending() && model.machine->config.without_worker))
            m_wrong("rcu", "%lu objects wait after a barrier", quarry_rcu_pending());
    }
}
