/* SPDX-License-Identifier: MIT */
/* compat/linux: xarrays, radix trees and idr against plain arrays over many random changes, with
 * allocations that fail. */
#include "compat.h"
#include <linux/completion.h>
#include <linux/idr.h>
#include <linux/kthread.h>
#include <linux/radix-tree.h>
#include <linux/slab.h>
#include <linux/xarray.h>
#include <stdlib.h>

#define STEPS 100000
#define PLACES 512

/* Indices at which trees of every height and both ends of nodes are met. */
static unsigned long place(unsigned int i)
{
    static const unsigned long base[] = {0,         4096 - 32, 1ul << 18,   (1ul << 30) - 7,
                                         1ul << 42, 1ul << 60, ~0ul - 8191, ~0ul - 63};
    return base[i / 64] + (i % 64);
}

struct model {
    void *entry[PLACES];
    bool reserved[PLACES], mark[PLACES][3];
};

static void model_clear(struct model *model, unsigned int i)
{
    model->entry[i] = NULL;
    model->reserved[i] = false;
    memset(model->mark[i], 0, sizeof(model->mark[i]));
}

static void *some_entry(void)
{
    static long things[1000];
    return rand() % 4 ? (void *)&things[rand() % 1000] : xa_mk_value((unsigned long)rand());
}

static void must_hold(struct xarray *xa, const struct model *model)
{
    unsigned long index;
    unsigned int at = 0;
    void *entry;
    for (unsigned int i = 0; i < PLACES; i++) {
        assert_ptr_equal(xa_load(xa, place(i)), model->entry[i]);
        for (xa_mark_t mark = 0; mark < 3; mark++)
            assert_int_equal(xa_get_mark(xa, place(i), mark), model->mark[i][mark]);
    }
    xa_for_each(xa, index, entry)
    {
        while (at < PLACES && !model->entry[at])
            at++;
        assert_true(at < PLACES);
        assert_true(index == place(at));
        assert_ptr_equal(entry, model->entry[at]);
        at++;
    }
    while (at < PLACES)
        assert_null(model->entry[at++]);
    for (xa_mark_t mark = 0; mark < 3; mark++) {
        at = 0;
        xa_for_each_marked(xa, index, entry, mark)
        {
            while (at < PLACES && !(model->mark[at][mark] && model->entry[at]))
                at++;
            assert_true(at < PLACES);
            assert_true(index == place(at));
            at++;
        }
        while (at < PLACES) {
            assert_false(model->mark[at][mark] && model->entry[at]);
            at++;
        }
    }
}

/* places must be in order for the walks above */
static void places_are_in_order(void)
{
    for (unsigned int i = 1; i < PLACES; i++)
        assert_true(place(i) > place(i - 1));
}

static void store_step(struct xarray *xa, struct model *model, unsigned int i)
{
    void *entry = some_entry(), *old = xa_store(xa, place(i), entry, GFP_KERNEL | __GFP_NOWARN);
    if (xa_is_err(old)) {
        assert_int_equal(xa_err(old), -ENOMEM);
        assert_null(model->entry[i]); /* over an entry no memory is needed */
        assert_false(model->reserved[i]);
        return;
    }
    assert_ptr_equal(old, model->entry[i]);
    model->entry[i] = entry;
    model->reserved[i] = false;
}

static void compare_step(struct xarray *xa, struct model *model, unsigned int i)
{
    void *want = rand() % 2 ? model->entry[i] : some_entry(), *entry = some_entry(), *old;
    old = xa_cmpxchg(xa, place(i), want, entry, GFP_ATOMIC | __GFP_NOWARN);
    if (xa_is_err(old))
        return;
    assert_ptr_equal(old, model->entry[i]);
    if (old == want) {
        model->entry[i] = entry;
        model->reserved[i] = false;
    }
}

static void insert_step(struct xarray *xa, struct model *model, unsigned int i)
{
    void *entry = some_entry();
    int error = xa_insert(xa, place(i), entry, GFP_NOWAIT | __GFP_NOWARN);
    if (model->entry[i] || model->reserved[i])
        assert_int_equal(error, -EBUSY);
    else
        assert_true(error == 0 || error == -ENOMEM);
    if (error == 0)
        model->entry[i] = entry;
}

static void reserve_step(struct xarray *xa, struct model *model, unsigned int i)
{
    if (rand() % 2) {
        int error = xa_reserve(xa, place(i), GFP_KERNEL | __GFP_NOWARN);
        if (error == 0 && !model->entry[i])
            model->reserved[i] = true;
        return;
    }
    xa_release(xa, place(i));
    if (model->reserved[i])
        model_clear(model, i);
}

static void mark_step(struct xarray *xa, struct model *model, unsigned int i)
{
    xa_mark_t mark = (xa_mark_t)rand() % 3;
    bool on = rand() % 2;
    if (on)
        xa_set_mark(xa, place(i), mark);
    else
        xa_clear_mark(xa, place(i), mark);
    if (model->entry[i] || model->reserved[i])
        model->mark[i][mark] = on;
}

static void advanced_step(struct xarray *xa, struct model *model, unsigned int i)
{
    XA_STATE(xas, xa, place(i));
    void *entry = some_entry();
    do {
        xas_lock(&xas);
        xas_store(&xas, entry);
        xas_unlock(&xas);
    } while (xas_nomem(&xas, GFP_KERNEL | __GFP_NOWARN));
    if (xas_error(&xas) == 0) {
        model->entry[i] = entry;
        model->reserved[i] = false;
    }
}

static void keep_the_first(struct xarray *xa, struct model *model)
{
    for (unsigned int i = 64; i < PLACES; i++) {
        xa_erase(xa, place(i));
        model_clear(model, i);
    }
}

static void an_xarray_is_an_array_whatever_is_done_to_it(void **state)
{
    static struct model model;
    unsigned long before;
    DEFINE_XARRAY(xa);
    places_are_in_order();
    rcu_barrier();
    before = compat_live();
    srand(1);
    quarry_fault_set(QUARRY_FAILSLAB,
                     &(struct quarry_fault){.prob = 30, .seed = 3, .cache = "radix_tree_node"});
    for (int step = 0; step < STEPS; step++) {
        unsigned int i = (unsigned int)rand() % PLACES, what = (unsigned int)rand() % 16;
        if (step / 1500 % 2 && what < 10)
            what = 15; /* now and then it empties */
        if (what < 3)
            store_step(&xa, &model, i);
        else if (what < 5)
            compare_step(&xa, &model, i);
        else if (what < 7)
            insert_step(&xa, &model, i);
        else if (what < 9)
            reserve_step(&xa, &model, i);
        else if (what < 11)
            mark_step(&xa, &model, i);
        else if (what < 12)
            advanced_step(&xa, &model, i);
        else {
            assert_ptr_equal(xa_erase(&xa, place(i)), model.entry[i]);
            model_clear(&model, i);
        }
        if (step % 1000 == 0)
            must_hold(&xa, &model);
        if (step % 3000 == 2999) /* the tree becomes one node */
            keep_the_first(&xa, &model);
    }
    assert_true(quarry_fault_failed(QUARRY_FAILSLAB) > 100);
    quarry_fault_set(QUARRY_FAILSLAB, NULL);
    xa_destroy(&xa);
    assert_true(xa_empty(&xa));
    rcu_barrier();
    assert_int_equal(compat_live(), before);
    quarry_check_all(); /* nothing was written into nodes after their end */
    assert_int_equal(heard_core + heard_compat, 0);
}

static void an_array_that_allocates_gives_the_lowest_free_number(void **state)
{
    static bool used[3000];
    DEFINE_XARRAY_ALLOC1(xa);
    u32 id, next = 0;
    unsigned int lowest;
    quarry_fault_set(QUARRY_FAILSLAB, NULL);
    srand(2);
    for (int step = 0; step < 20000; step++) {
        unsigned int i = (unsigned int)rand() % 3000;
        if (rand() % 5 < 2 && i) {
            xa_erase(&xa, i);
            used[i] = false;
            continue;
        }
        for (lowest = 1; used[lowest];)
            lowest++;
        assert_int_equal(xa_alloc(&xa, &id, rand() % 3 ? &xa : NULL, XA_LIMIT(0, 2998), GFP_KERNEL),
                         lowest < 2999 ? 0 : -EBUSY);
        if (lowest < 2999) {
            assert_int_equal(id, lowest);
            used[id] = true;
        }
    }
    xa_destroy(&xa);
    for (u32 i = 1; i <= 5; i++) {
        assert_int_equal(xa_alloc_cyclic(&xa, &id, &xa, XA_LIMIT(1, 5), &next, GFP_KERNEL), 0);
        assert_int_equal(id, i);
    }
    assert_int_equal(xa_alloc_cyclic(&xa, &id, &xa, XA_LIMIT(1, 5), &next, GFP_KERNEL), -EBUSY);
    xa_erase(&xa, 2);
    assert_int_equal(xa_alloc_cyclic(&xa, &id, NULL, XA_LIMIT(1, 5), &next, GFP_KERNEL), 1);
    assert_int_equal(id, 2);
    assert_null(xa_load(&xa, 2)); /* NULL reserves: in use, but nothing to see */
    assert_int_equal(xa_insert(&xa, 2, &xa, GFP_KERNEL), -EBUSY);
    assert_null(xa_store(&xa, 2, &xa, GFP_KERNEL));
    assert_ptr_equal(xa_store(&xa, 2, NULL, GFP_KERNEL), &xa);
    assert_int_equal(xa_insert(&xa, 2, &xa, GFP_KERNEL), -EBUSY);
    xa_destroy(&xa);
    next = ~0u;
    assert_int_equal(xa_alloc_cyclic(&xa, &id, &xa, xa_limit_32b, &next, GFP_KERNEL), 0);
    assert_int_equal(id, ~0u);
    assert_int_equal(xa_alloc_cyclic(&xa, &id, &xa, xa_limit_32b, &next, GFP_KERNEL), 1);
    assert_int_equal(id, 1);
    assert_int_equal(xa_alloc_cyclic(&xa, &id, &xa, xa_limit_32b, &next, GFP_KERNEL), 0);
    xa_destroy(&xa);
}

static void bad_entries_and_arrays_are_refused(void **state)
{
    DEFINE_XARRAY(xa);
    u32 id;
    hear_nothing();
    assert_int_equal(xa_err(xa_store(&xa, 1, XA_RETRY_ENTRY, GFP_KERNEL)), -EINVAL);
    assert_int_equal(heard_compat, 1);
    assert_int_equal(xa_alloc(&xa, &id, &xa, xa_limit_32b, GFP_KERNEL), -EINVAL);
    assert_int_equal(heard_compat, 2);
    xa_set_mark(&xa, 1, 3);
    assert_int_equal(heard_compat, 3);
    assert_true(xa_empty(&xa));
    assert_int_equal(xa_err(&xa), 0);
    assert_int_equal(xa_to_value(xa_mk_value(77)), 77);
    assert_false(xa_is_err(xa_mk_value(77)));
    hear_nothing();
}

/* With the mask given: what may sleep lets the lock go, what may not keeps it. */
static void memory_is_asked_for_with_the_callers_mask(void **state)
{
    DEFINE_XARRAY(xa);
    hear_nothing();
    assert_null(xa_store(&xa, 1ul << 40, &xa, GFP_KERNEL));
    assert_int_equal(heard_core, 0);
    preempt_disable();
    assert_null(xa_store(&xa, 1ul << 50, &xa, GFP_KERNEL));
    assert_true(heard_core > 0); /* the caller must not sleep, and says it may */
    hear_nothing();
    assert_null(xa_store(&xa, 1ul << 60, &xa, GFP_ATOMIC));
    preempt_enable();
    assert_int_equal(heard_core, 0);
    quarry_fault_set(QUARRY_FAILSLAB, &(struct quarry_fault){.nth = 3});
    assert_int_equal(xa_err(xa_store(&xa, 1ul << 30, &xa, GFP_KERNEL)), -ENOMEM);
    assert_null(xa_load(&xa, 1ul << 30));
    assert_int_equal(quarry_fault_failed(QUARRY_FAILSLAB), 1);
    quarry_fault_set(QUARRY_FAILSLAB, NULL);
    xa_destroy(&xa);
    assert_int_equal(xa_reserve_irq(&xa, 5, GFP_ATOMIC), 0);
    quarry_fault_set(QUARRY_FAILSLAB, &(struct quarry_fault){.nth = 1, .persistent = true});
    assert_null(xa_store_bh(&xa, 5, &xa, GFP_ATOMIC)); /* was reserved */
    quarry_fault_set(QUARRY_FAILSLAB, NULL);
    assert_ptr_equal(xa_erase_irq(&xa, 5), &xa);
}

static void a_place_moves_over_the_array(void **state)
{
    DEFINE_XARRAY(xa);
    XA_STATE(xas, &xa, 0);
    void *entry, *got[4];
    unsigned int n = 0;
    for (unsigned long i = 10; i <= 1000; i += 10)
        xa_store(&xa, i, xa_mk_value(i), GFP_KERNEL);
    assert_int_equal(xa_reserve(&xa, 15, GFP_KERNEL), 0);
    rcu_read_lock();
    xas_for_each(&xas, entry, 100)
    {
        if (xas_retry(&xas, entry))
            continue;
        n++;
        assert_int_equal(xa_to_value(entry), 10 * n);
        xas_pause(&xas);
    }
    assert_int_equal(n, 10);
    xas_set(&xas, 10);
    assert_int_equal(xa_to_value(xas_load(&xas)), 10);
    assert_null(xas_next(&xas));
    assert_int_equal(xas.xa_index, 11);
    assert_int_equal(xa_to_value(xas_prev(&xas)), 10);
    rcu_read_unlock();
    xas_set(&xas, 500);
    xas_lock(&xas);
    xas_set_mark(&xas, XA_MARK_2);
    assert_true(xas_marked(&xas, XA_MARK_2));
    xas_set(&xas, 0);
    assert_int_equal(xa_to_value(xas_find_marked(&xas, ~0ul, XA_MARK_2)), 500);
    xas_init_marks(&xas);
    assert_false(xas_marked(&xas, XA_MARK_2));
    xas_unlock(&xas);
    assert_int_equal(xa_extract(&xa, got, 11, 999, 4, XA_PRESENT), 4);
    assert_int_equal(xa_to_value(got[3]), 50);
    xa_store(&xa, ~0ul, &xa, GFP_KERNEL);
    n = 0;
    xas_set(&xas, 1000);
    rcu_read_lock();
    xas_for_each(&xas, entry, ~0ul) n++;
    rcu_read_unlock();
    assert_int_equal(n, 2);
    xa_destroy(&xa);
}

static void a_node_outlives_those_who_read_in_it(void **state)
{
    RADIX_TREE(tree, GFP_KERNEL);
    int item;
    void **slot;
    assert_int_equal(radix_tree_insert(&tree, 70, &item), 0);
    rcu_read_lock();
    slot = radix_tree_lookup_slot(&tree, 70);
    radix_tree_delete(&tree, 70);
    assert_null(radix_tree_deref_slot(slot));
    rcu_read_unlock();
}

static void a_radix_tree_is_the_same_tree(void **state)
{
    static int items[1000];
    RADIX_TREE(tree, GFP_ATOMIC);
    struct radix_tree_iter iter;
    DEFINE_SPINLOCK(lock);
    void **slot, *results[10];
    unsigned int n = 0;
    unsigned long before;
    rcu_barrier();
    before = compat_live();
    for (unsigned long i = 0; i < 1000; i++)
        assert_int_equal(radix_tree_insert(&tree, i * i, &items[i]), 0);
    assert_int_equal(radix_tree_insert(&tree, 100, &items[0]), -EEXIST);
    assert_ptr_equal(radix_tree_lookup(&tree, 144), &items[12]);
    assert_null(radix_tree_lookup(&tree, 145));
    radix_tree_replace_slot(&tree, radix_tree_lookup_slot(&tree, 144), &items[5]);
    assert_null(radix_tree_delete_item(&tree, 144, &items[12]));
    assert_ptr_equal(radix_tree_delete_item(&tree, 144, &items[5]), &items[5]);
    assert_int_equal(radix_tree_gang_lookup(&tree, results, 120, 2), 2);
    assert_ptr_equal(results[0], &items[11]);
    assert_ptr_equal(results[1], &items[13]);
    radix_tree_tag_set(&tree, 900, 1);
    assert_true(radix_tree_tagged(&tree, 1));
    assert_int_equal(radix_tree_gang_lookup_tag(&tree, results, 0, 10, 1), 1);
    assert_ptr_equal(results[0], &items[30]);
    assert_int_equal(radix_tree_tag_get(&tree, 900, 1), 1);
    radix_tree_tag_clear(&tree, 900, 1);
    assert_false(radix_tree_tagged(&tree, 1));
    radix_tree_for_each_slot(slot, &tree, &iter, 5)
    {
        assert_ptr_equal(radix_tree_deref_slot(slot), radix_tree_lookup(&tree, iter.index));
        radix_tree_iter_delete(&tree, &iter, slot);
        n++;
    }
    assert_int_equal(n, 1000 - 3 - 1);
    /* Preloaded, an insertion under a lock succeeds whatever fails. */
    assert_int_equal(radix_tree_preload(GFP_KERNEL), 0);
    quarry_fault_set(QUARRY_FAILSLAB, &(struct quarry_fault){.nth = 1, .persistent = true});
    spin_lock(&lock);
    assert_int_equal(radix_tree_insert(&tree, ~0ul, &items[7]), 0);
    spin_unlock(&lock);
    radix_tree_preload_end();
    assert_true(preemptible());
    assert_int_equal(radix_tree_preload(GFP_KERNEL), -ENOMEM);
    assert_true(preemptible());
    assert_int_equal(radix_tree_insert(&tree, 1ul << 50, &items[7]), -ENOMEM);
    quarry_fault_set(QUARRY_FAILSLAB, NULL);
    for (unsigned long i = 0; i < 3; i++)
        radix_tree_delete(&tree, i * i);
    assert_ptr_equal(radix_tree_delete(&tree, ~0ul), &items[7]);
    assert_true(radix_tree_empty(&tree));
    rcu_barrier();
    assert_int_equal(compat_live(), before);
}

static int sum_ids(int id, void *ptr, void *data)
{
    *(unsigned long *)data += (unsigned long)id;
    return 0;
}

static void an_idr_is_a_table_with_the_lowest_number_first(void **state)
{
    static void *model[2000];
    static bool used[2000];
    DEFINE_IDR(idr);
    unsigned long before, sum = 0, want = 0, id, other;
    unsigned int lowest;
    void *ptr;
    rcu_barrier();
    before = compat_live();
    srand(5);
    quarry_fault_set(QUARRY_FAILSLAB, &(struct quarry_fault){.prob = 20, .seed = 9});
    for (int step = 0; step < STEPS; step++) {
        unsigned int i = (unsigned int)rand() % 1500;
        void *entry = (char *)model + rand() % 16; /* any alignment, and NULL */
        int got;
        if (rand() % 2) {
            assert_ptr_equal(idr_remove(&idr, i), model[i]);
            model[i] = NULL;
            used[i] = false;
            continue;
        }
        entry = rand() % 8 ? entry : NULL;
        if (step % 2000 == 0) {
            idr_destroy(&idr);
            memset(model, 0, sizeof(model));
            memset(used, 0, sizeof(used));
        }
        for (lowest = i; lowest < 2000 && used[lowest];)
            lowest++;
        got = idr_alloc(&idr, entry, (int)i, 2000, GFP_KERNEL | __GFP_NOWARN);
        if (got == -ENOMEM)
            continue;
        if (lowest == 2000) {
            assert_int_equal(got, -ENOSPC);
            continue;
        }
        assert_int_equal(got, lowest);
        model[got] = entry;
        used[got] = true;
        assert_ptr_equal(idr_find(&idr, i), model[i]);
    }
    assert_true(quarry_fault_failed(QUARRY_FAILSLAB) > 10);
    quarry_fault_set(QUARRY_FAILSLAB, NULL);
    for (unsigned int i = 0; i < 2000; i++)
        want += used[i] ? i : 0;
    idr_for_each(&idr, sum_ids, &sum);
    assert_int_equal(sum, want);
    idr_for_each_entry_ul(&idr, ptr, other, id) assert_ptr_equal(ptr, model[id]);
    idr_destroy(&idr);
    rcu_barrier();
    assert_int_equal(compat_live(), before);
}

static void an_idr_with_memory_put_by_does_not_fail_under_a_lock(void **state)
{
    DEFINE_IDR(idr);
    DEFINE_SPINLOCK(lock);
    u32 id = 70000;
    idr_init_base(&idr, 1);
    idr_preload(GFP_KERNEL);
    quarry_fault_set(QUARRY_FAILSLAB, &(struct quarry_fault){.nth = 1, .persistent = true});
    spin_lock(&lock);
    assert_int_equal(idr_alloc(&idr, &idr, 0, 0, GFP_NOWAIT), 1);
    spin_unlock(&lock);
    assert_int_equal(idr_alloc_u32(&idr, &idr, &id, ~0u, GFP_NOWAIT), 0);
    assert_int_equal(id, 70000);
    idr_preload_end();
    id = ~0u;
    assert_int_equal(idr_alloc_u32(&idr, &idr, &id, ~0u, GFP_NOWAIT | __GFP_NOWARN), -ENOMEM);
    quarry_fault_set(QUARRY_FAILSLAB, NULL);
    assert_int_equal(quarry_idr_pre_get(GFP_KERNEL), 1);
    assert_int_equal(quarry_idr_get_new(&idr, &idr, 0, (int *)&id), 0);
    assert_int_equal(id, 2);
    idr_destroy(&idr);
}

/* Readers without a lock, while entries come and go and the tree grows and shrinks. */
struct race {
    struct xarray xa;
    struct completion end;
    bool stop;
    unsigned long bad, seen;
};

static int race_reader(void *data)
{
    struct race *race = data;
    while (!kthread_should_stop()) {
        unsigned long index;
        void *entry;
        if (xa_load(&race->xa, 7) != xa_mk_value(7))
            race->bad++;
        rcu_read_lock();
        xa_for_each(&race->xa, index, entry)
        {
            race->bad += xa_to_value(entry) != (index & 0xffff);
            WRITE_ONCE(race->seen, race->seen + 1);
        }
        rcu_read_unlock();
    }
    return 0;
}

static void readers_see_whole_entries(void **state)
{
    static struct race race;
    struct task_struct *reader;
    unsigned int seed = 11;
    xa_init(&race.xa);
    xa_store(&race.xa, 7, xa_mk_value(7), GFP_KERNEL);
    reader = kthread_run(race_reader, &race, "reader");
    for (int step = 0; step < 30000; step++) {
        unsigned long index = place((unsigned int)rand_r(&seed) % PLACES);
        if (index == 7)
            continue;
        if (rand_r(&seed) % 2)
            xa_store(&race.xa, index, xa_mk_value(index & 0xffff), GFP_KERNEL);
        else
            xa_erase(&race.xa, index);
    }
    while (READ_ONCE(race.seen) == 0)
        yield();
    kthread_stop(reader);
    assert_int_equal(race.bad, 0);
    xa_destroy(&race.xa);
}

COMPAT_MAIN(cmocka_unit_test(an_xarray_is_an_array_whatever_is_done_to_it),
            cmocka_unit_test(an_array_that_allocates_gives_the_lowest_free_number),
            cmocka_unit_test(bad_entries_and_arrays_are_refused),
            cmocka_unit_test(memory_is_asked_for_with_the_callers_mask),
            cmocka_unit_test(a_place_moves_over_the_array),
            cmocka_unit_test(a_node_outlives_those_who_read_in_it),
            cmocka_unit_test(a_radix_tree_is_the_same_tree),
            cmocka_unit_test(an_idr_is_a_table_with_the_lowest_number_first),
            cmocka_unit_test(an_idr_with_memory_put_by_does_not_fail_under_a_lock),
            cmocka_unit_test(readers_see_whole_entries))
