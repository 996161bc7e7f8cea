/* SPDX-License-Identifier: MIT */
/* Lists that are read under rcu_read_lock() while one writer changes them. */
#ifndef QUARRY_LINUX_RCULIST_H
#define QUARRY_LINUX_RCULIST_H

#include <linux/list.h>
#include <linux/rcupdate.h>

static inline void quarry_list_insert_rcu(struct list_head *entry, struct list_head *prev,
                                          struct list_head *next)
{
    entry->next = next;
    entry->prev = prev;
    __atomic_store_n(&prev->next, entry, __ATOMIC_RELEASE);
    next->prev = entry;
}
static inline void list_add_rcu(struct list_head *entry, struct list_head *head)
{
    quarry_list_insert_rcu(entry, head, head->next);
}
static inline void list_add_tail_rcu(struct list_head *entry, struct list_head *head)
{
    quarry_list_insert_rcu(entry, head->prev, head);
}
/* Readers that stand on @entry still find their way on. */
static inline void list_del_rcu(struct list_head *entry)
{
    __list_del_entry(entry);
    entry->prev = (struct list_head *)LIST_POISON2;
}
static inline void list_replace_rcu(struct list_head *old, struct list_head *entry)
{
    quarry_list_insert_rcu(entry, old->prev, old->next);
    old->prev = (struct list_head *)LIST_POISON2;
}
#define list_entry_rcu(ptr, type, member) container_of(rcu_dereference(ptr), type, member)
#define list_first_or_null_rcu(head, type, member)                                                 \
    ({                                                                                             \
        struct list_head *__first = rcu_dereference((head)->next);                                 \
        __first == (head) ? NULL : container_of(__first, type, member);                            \
    })
#define list_for_each_entry_rcu(pos, head, member, ...)                                            \
    for (pos = list_entry_rcu((head)->next, __typeof__(*pos), member); &pos->member != (head);     \
         pos = list_entry_rcu(pos->member.next, __typeof__(*pos), member))

#endif
