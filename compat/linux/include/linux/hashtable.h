/* SPDX-License-Identifier: MIT */
/* Hash tables of a fixed power-of-two size. Readers of the _rcu forms need rcu_read_lock() alone. */
#ifndef QUARRY_LINUX_HASHTABLE_H
#define QUARRY_LINUX_HASHTABLE_H

#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/rculist.h>
#include <linux/string.h>

#define DECLARE_HASHTABLE(name, bits) struct hlist_head name[1 << (bits)]
#define DEFINE_HASHTABLE(name, bits)                                                               \
    struct hlist_head name[1 << (bits)] = {[0 ...((1 << (bits)) - 1)] = HLIST_HEAD_INIT}
#define HASH_SIZE(name) (ARRAY_SIZE(name))
#define HASH_BITS(name) ilog2(HASH_SIZE(name))
#define quarry_bucket(table, key) (&(table)[hash_64((u64)(key), HASH_BITS(table))])
#define hash_init(table) memset((table), 0, sizeof(table))
#define hash_add(table, node, key) hlist_add_head((node), quarry_bucket(table, key))
#define hash_add_rcu(table, node, key) hlist_add_head_rcu((node), quarry_bucket(table, key))
#define hash_del_rcu(node) hlist_del_init_rcu(node)
#define hash_min(value, bits) hash_64((u64)(value), (bits))
#define hash_del(node) hlist_del_init(node)
#define hash_hashed(node) (!hlist_unhashed(node))
#define hash_empty(table)                                                                          \
    ({                                                                                             \
        bool __empty = true;                                                                       \
        for (size_t __b = 0; __b < HASH_SIZE(table); __b++)                                        \
            __empty = __empty && hlist_empty(&(table)[__b]);                                       \
        __empty;                                                                                   \
    })
#define hash_for_each(table, bkt, obj, member)                                                     \
    for ((bkt) = 0, obj = NULL; obj == NULL && (bkt) < (int)HASH_SIZE(table); (bkt)++)             \
        hlist_for_each_entry (obj, &(table)[bkt], member)
#define hash_for_each_safe(table, bkt, tmp, obj, member)                                           \
    for ((bkt) = 0, obj = NULL; obj == NULL && (bkt) < (int)HASH_SIZE(table); (bkt)++)             \
    hlist_for_each_entry_safe(obj, tmp, &(table)[bkt], member)
#define hash_for_each_rcu(table, bkt, obj, member)                                                 \
    for ((bkt) = 0, obj = NULL; obj == NULL && (bkt) < (int)HASH_SIZE(table); (bkt)++)             \
    hlist_for_each_entry_rcu(obj, &(table)[bkt], member)
#define hash_for_each_possible_rcu(table, obj, member, key)                                        \
    hlist_for_each_entry_rcu(obj, quarry_bucket(table, key), member)
#define hash_for_each_possible(table, obj, member, key)                                            \
    hlist_for_each_entry (obj, quarry_bucket(table, key), member)
#define hash_for_each_possible_safe(table, obj, tmp, member, key)                                  \
    hlist_for_each_entry_safe(obj, tmp, quarry_bucket(table, key), member)

#endif
