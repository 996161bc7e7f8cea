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
#define list_for_each_entry_lockless(pos, head, member) list_for_each_entry_rcu(pos, head, member)
#define list_for_each_entry_continue_rcu(pos, head, member)                                        \
    for (pos = list_entry_rcu(pos->member.next, __typeof__(*pos), member); &pos->member != (head); \
         pos = list_entry_rcu(pos->member.next, __typeof__(*pos), member))
#define list_for_each_entry_from_rcu(pos, head, member)                                            \
    for (; &(pos)->member != (head);                                                               \
         pos = list_entry_rcu(pos->member.next, __typeof__(*(pos)), member))
#define list_next_rcu(list) (*((struct list_head __rcu **)(&(list)->next)))
#define list_next_or_null_rcu(head, ptr, type, member)                                             \
    ({                                                                                             \
        struct list_head *__next = rcu_dereference((ptr)->next);                                   \
        __next == (head) ? NULL : container_of(__next, type, member);                              \
    })
static inline void INIT_LIST_HEAD_RCU(struct list_head *list)
{
    INIT_LIST_HEAD(list);
}
/* @list becomes empty; its entries come to the front of @head after @sync(), so that no reader walks
 * from one list into the other. Context: may sleep. */
static inline void list_splice_init_rcu(struct list_head *list, struct list_head *head,
                                        void (*sync)(void))
{
    struct list_head *first = list->next, *last = list->prev;
    if (first == list)
        return;
    INIT_LIST_HEAD(list);
    sync();
    last->next = head->next;
    head->next->prev = last;
    first->prev = head;
    __atomic_store_n(&head->next, first, __ATOMIC_RELEASE);
}

/* ---- hash-bucket lists ----------------------------------------------------------------------- */

static inline void quarry_hlist_insert_rcu(struct hlist_node *node, struct hlist_node **at)
{
    node->next = *at;
    node->pprev = at;
    __atomic_store_n(at, node, __ATOMIC_RELEASE);
    if (node->next)
        node->next->pprev = &node->next;
}
static inline void hlist_add_head_rcu(struct hlist_node *node, struct hlist_head *head)
{
    quarry_hlist_insert_rcu(node, &head->first);
}
static inline void hlist_add_before_rcu(struct hlist_node *node, struct hlist_node *next)
{
    quarry_hlist_insert_rcu(node, next->pprev);
}
static inline void hlist_add_behind_rcu(struct hlist_node *node, struct hlist_node *prev)
{
    quarry_hlist_insert_rcu(node, &prev->next);
}
static inline void hlist_add_tail_rcu(struct hlist_node *node, struct hlist_head *head)
{
    struct hlist_node **at = &head->first;
    while (*at)
        at = &(*at)->next;
    quarry_hlist_insert_rcu(node, at);
}
static inline void hlist_del_rcu(struct hlist_node *node)
{
    __hlist_del(node);
    node->pprev = (struct hlist_node **)LIST_POISON2;
}
static inline void hlist_del_init_rcu(struct hlist_node *node)
{
    if (hlist_unhashed(node))
        return;
    __hlist_del(node);
    WRITE_ONCE(node->pprev, NULL);
}
static inline void hlist_replace_rcu(struct hlist_node *old, struct hlist_node *node)
{
    node->next = old->next;
    node->pprev = old->pprev;
    __atomic_store_n(node->pprev, node, __ATOMIC_RELEASE);
    if (node->next)
        node->next->pprev = &node->next;
    old->pprev = (struct hlist_node **)LIST_POISON2;
}
#define hlist_first_rcu(head) (*((struct hlist_node __rcu **)(&(head)->first)))
#define hlist_next_rcu(node) (*((struct hlist_node __rcu **)(&(node)->next)))
#if LINUX_VERSION_CODE < KERNEL_VERSION(3, 9, 0)
#define hlist_for_each_entry_rcu(tpos, pos, head, member)                                          \
    for (pos = rcu_dereference((head)->first);                                                     \
         pos && (tpos = hlist_entry(pos, __typeof__(*tpos), member), 1);                           \
         pos = rcu_dereference(pos->next))
#else
#define hlist_for_each_entry_rcu(pos, head, member, ...)                                           \
    for (pos = hlist_entry_safe(rcu_dereference((head)->first), __typeof__(*(pos)), member); pos;  \
         pos = hlist_entry_safe(rcu_dereference((pos)->member.next), __typeof__(*(pos)), member))
#endif
#define hlist_for_each_entry_continue_rcu(pos, member)                                             \
    for (pos = hlist_entry_safe(rcu_dereference((pos)->member.next), __typeof__(*(pos)), member);  \
         pos;                                                                                      \
         pos = hlist_entry_safe(rcu_dereference((pos)->member.next), __typeof__(*(pos)), member))
#define hlist_for_each_entry_from_rcu(pos, member)                                                 \
    for (; pos;                                                                                    \
         pos = hlist_entry_safe(rcu_dereference((pos)->member.next), __typeof__(*(pos)), member))

#endif
