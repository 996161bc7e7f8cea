/* SPDX-License-Identifier: MIT */
/* Doubly linked circular lists threaded through their entries, and hash-bucket lists whose head is
 * one pointer. */
#ifndef QUARRY_LINUX_LIST_H
#define QUARRY_LINUX_LIST_H

#include <linux/container_of.h>
#include <linux/poison.h>
#include <linux/types.h>
#include <linux/version.h>

#define LIST_HEAD_INIT(name)                                                                       \
    {                                                                                              \
        &(name), &(name)                                                                           \
    }
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *list)
{
    WRITE_ONCE(list->next, list);
    WRITE_ONCE(list->prev, list);
}
static inline void quarry_list_link(struct list_head *prev, struct list_head *next)
{
    WRITE_ONCE(prev->next, next); /* list_empty() may look without a lock */
    WRITE_ONCE(next->prev, prev);
}
static inline void list_add(struct list_head *entry, struct list_head *head)
{
    quarry_list_link(entry, head->next);
    quarry_list_link(head, entry);
}
static inline void list_add_tail(struct list_head *entry, struct list_head *head)
{
    list_add(entry, head->prev);
}
static inline void __list_del_entry(struct list_head *entry)
{
    quarry_list_link(entry->prev, entry->next);
}
static inline void list_del(struct list_head *entry)
{
    __list_del_entry(entry);
    entry->next = (struct list_head *)LIST_POISON1;
    entry->prev = (struct list_head *)LIST_POISON2;
}
static inline void list_del_init(struct list_head *entry)
{
    __list_del_entry(entry);
    INIT_LIST_HEAD(entry);
}
static inline void list_replace(struct list_head *old, struct list_head *entry)
{
    quarry_list_link(entry, old->next);
    quarry_list_link(old->prev, entry);
}
static inline void list_replace_init(struct list_head *old, struct list_head *entry)
{
    list_replace(old, entry);
    INIT_LIST_HEAD(old);
}
static inline void list_move(struct list_head *entry, struct list_head *head)
{
    __list_del_entry(entry);
    list_add(entry, head);
}
static inline void list_move_tail(struct list_head *entry, struct list_head *head)
{
    __list_del_entry(entry);
    list_add_tail(entry, head);
}
static inline void list_swap(struct list_head *a, struct list_head *b)
{
    struct list_head *at = b->prev;
    __list_del_entry(b);
    list_replace(a, b);
    list_add(a, at == a ? b : at);
}
static inline bool list_empty(const struct list_head *head)
{
    return READ_ONCE(head->next) == head;
}
static inline bool list_empty_careful(const struct list_head *head)
{
    struct list_head *next = __atomic_load_n(&head->next, __ATOMIC_ACQUIRE);
    return next == head && next == READ_ONCE(head->prev);
}
/* For the other side of list_empty_careful(). */
static inline void list_del_init_careful(struct list_head *entry)
{
    __list_del_entry(entry);
    WRITE_ONCE(entry->prev, entry);
    __atomic_store_n(&entry->next, entry, __ATOMIC_RELEASE);
}
static inline bool list_is_singular(const struct list_head *head)
{
    return !list_empty(head) && head->next == head->prev;
}
static inline bool list_is_first(const struct list_head *entry, const struct list_head *head)
{
    return entry->prev == head;
}
static inline bool list_is_last(const struct list_head *entry, const struct list_head *head)
{
    return entry->next == head;
}
static inline bool list_is_head(const struct list_head *entry, const struct list_head *head)
{
    return entry == head;
}
static inline size_t list_count_nodes(const struct list_head *head)
{
    size_t count = 0;
    for (const struct list_head *at = head->next; at != head; at = at->next)
        count++;
    return count;
}
/* Put the entries of @list between @prev and @next; @list itself keeps its stale links. */
static inline void quarry_list_splice(const struct list_head *list, struct list_head *prev,
                                      struct list_head *next)
{
    struct list_head *first = list->next, *last = list->prev;
    if (first == list)
        return;
    quarry_list_link(prev, first);
    quarry_list_link(last, next);
}
static inline void list_splice(const struct list_head *list, struct list_head *head)
{
    quarry_list_splice(list, head, head->next);
}
static inline void list_splice_tail(const struct list_head *list, struct list_head *head)
{
    quarry_list_splice(list, head->prev, head);
}
static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
    list_splice(list, head);
    INIT_LIST_HEAD(list);
}
static inline void list_splice_tail_init(struct list_head *list, struct list_head *head)
{
    list_splice_tail(list, head);
    INIT_LIST_HEAD(list);
}
/* Move everything from the front up to and including @entry to the empty list @list. */
static inline void list_cut_position(struct list_head *list, struct list_head *head,
                                     struct list_head *entry)
{
    struct list_head *rest = entry->next, *first = head->next;
    if (entry == head) {
        INIT_LIST_HEAD(list);
        return;
    }
    quarry_list_link(list, first);
    quarry_list_link(entry, list);
    quarry_list_link(head, rest);
}
/* The same without @entry. */
static inline void list_cut_before(struct list_head *list, struct list_head *head,
                                   struct list_head *entry)
{
    list_cut_position(list, head, entry->prev);
}
/* @entry becomes the first; those before it go behind the last. */
static inline void list_rotate_to_front(struct list_head *entry, struct list_head *head)
{
    list_move_tail(head, entry);
}
static inline void list_rotate_left(struct list_head *head)
{
    if (!list_empty(head))
        list_move_tail(head->next, head);
}
static inline void list_bulk_move_tail(struct list_head *head, struct list_head *first,
                                       struct list_head *last)
{
    quarry_list_link(first->prev, last->next);
    quarry_list_link(head->prev, first);
    quarry_list_link(last, head);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(ptr, type, member) list_entry((ptr)->next, type, member)
#define list_last_entry(ptr, type, member) list_entry((ptr)->prev, type, member)
#define list_first_entry_or_null(ptr, type, member)                                                \
    (list_empty(ptr) ? NULL : list_first_entry(ptr, type, member))
#define list_last_entry_or_null(ptr, type, member)                                                 \
    (list_empty(ptr) ? NULL : list_last_entry(ptr, type, member))
#define list_next_entry(pos, member) list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member) list_entry((pos)->member.prev, __typeof__(*(pos)), member)
#define list_next_entry_circular(pos, head, member)                                                \
    (list_is_last(&(pos)->member, head) ? list_first_entry(head, __typeof__(*(pos)), member)       \
                                        : list_next_entry(pos, member))
#define list_prev_entry_circular(pos, head, member)                                                \
    (list_is_first(&(pos)->member, head) ? list_last_entry(head, __typeof__(*(pos)), member)       \
                                         : list_prev_entry(pos, member))
#define list_entry_is_head(pos, head, member) (&(pos)->member == (head))
#define list_prepare_entry(pos, head, member) ((pos) ?: list_entry(head, __typeof__(*pos), member))

#define list_for_each(pos, head) for (pos = (head)->next; pos != (head); pos = pos->next)
#define __list_for_each(pos, head) list_for_each (pos, head)
#define list_for_each_continue(pos, head) for (pos = pos->next; pos != (head); pos = pos->next)
#define list_for_each_prev(pos, head) for (pos = (head)->prev; pos != (head); pos = pos->prev)
#define list_for_each_safe(pos, n, head)                                                           \
    for (pos = (head)->next, n = pos->next; pos != (head); pos = n, n = pos->next)
#define list_for_each_prev_safe(pos, n, head)                                                      \
    for (pos = (head)->prev, n = pos->prev; pos != (head); pos = n, n = pos->prev)
#define list_for_each_entry(pos, head, member)                                                     \
    for (pos = list_first_entry(head, __typeof__(*pos), member);                                   \
         !list_entry_is_head(pos, head, member); pos = list_next_entry(pos, member))
#define list_for_each_entry_reverse(pos, head, member)                                             \
    for (pos = list_last_entry(head, __typeof__(*pos), member);                                    \
         !list_entry_is_head(pos, head, member); pos = list_prev_entry(pos, member))
#define list_for_each_entry_continue(pos, head, member)                                            \
    for (pos = list_next_entry(pos, member); !list_entry_is_head(pos, head, member);               \
         pos = list_next_entry(pos, member))
#define list_for_each_entry_continue_reverse(pos, head, member)                                    \
    for (pos = list_prev_entry(pos, member); !list_entry_is_head(pos, head, member);               \
         pos = list_prev_entry(pos, member))
#define list_for_each_entry_from(pos, head, member)                                                \
    for (; !list_entry_is_head(pos, head, member); pos = list_next_entry(pos, member))
#define list_for_each_entry_from_reverse(pos, head, member)                                        \
    for (; !list_entry_is_head(pos, head, member); pos = list_prev_entry(pos, member))
/* After the lock was let go in a safe walk: where it goes on. */
#define list_safe_reset_next(pos, n, member) n = list_next_entry(pos, member)
#define list_for_each_entry_safe(pos, n, head, member)                                             \
    for (pos = list_first_entry(head, __typeof__(*pos), member), n = list_next_entry(pos, member); \
         !list_entry_is_head(pos, head, member); pos = n, n = list_next_entry(n, member))
#define list_for_each_entry_safe_reverse(pos, n, head, member)                                     \
    for (pos = list_last_entry(head, __typeof__(*pos), member), n = list_prev_entry(pos, member);  \
         !list_entry_is_head(pos, head, member); pos = n, n = list_prev_entry(n, member))
#define list_for_each_entry_safe_from(pos, n, head, member)                                        \
    for (n = list_next_entry(pos, member); !list_entry_is_head(pos, head, member);                 \
         pos = n, n = list_next_entry(n, member))
#define list_for_each_entry_safe_continue(pos, n, head, member)                                    \
    for (pos = list_next_entry(pos, member), n = list_next_entry(pos, member);                     \
         !list_entry_is_head(pos, head, member); pos = n, n = list_next_entry(n, member))

#define HLIST_HEAD_INIT                                                                            \
    {                                                                                              \
        .first = NULL                                                                              \
    }
#define HLIST_HEAD(name) struct hlist_head name = HLIST_HEAD_INIT
#define INIT_HLIST_HEAD(head) ((head)->first = NULL)
static inline void INIT_HLIST_NODE(struct hlist_node *node)
{
    node->next = NULL;
    node->pprev = NULL;
}
static inline bool hlist_unhashed(const struct hlist_node *node)
{
    return !node->pprev;
}
static inline bool hlist_empty(const struct hlist_head *head)
{
    return !READ_ONCE(head->first);
}
static inline void __hlist_del(struct hlist_node *node)
{
    *node->pprev = node->next;
    if (node->next)
        node->next->pprev = node->pprev;
}
static inline void hlist_del(struct hlist_node *node)
{
    __hlist_del(node);
    node->next = (struct hlist_node *)LIST_POISON1;
    node->pprev = (struct hlist_node **)LIST_POISON2;
}
static inline void hlist_del_init(struct hlist_node *node)
{
    if (hlist_unhashed(node))
        return;
    __hlist_del(node);
    INIT_HLIST_NODE(node);
}
/* Link @node where @at, a head's or a node's pointer, points. */
static inline void quarry_hlist_insert(struct hlist_node *node, struct hlist_node **at)
{
    node->next = *at;
    if (node->next)
        node->next->pprev = &node->next;
    node->pprev = at;
    *at = node;
}
static inline void hlist_add_head(struct hlist_node *node, struct hlist_head *head)
{
    quarry_hlist_insert(node, &head->first);
}
/* A node in no list that hlist_del() and hlist_unhashed() take for one in a list. */
static inline void hlist_add_fake(struct hlist_node *node)
{
    node->pprev = &node->next;
}
static inline bool hlist_fake(const struct hlist_node *node)
{
    return node->pprev == &node->next;
}
static inline bool hlist_unhashed_lockless(const struct hlist_node *node)
{
    return !READ_ONCE(node->pprev);
}
static inline bool hlist_is_singular_node(const struct hlist_node *node,
                                          const struct hlist_head *head)
{
    return !node->next && node->pprev == &head->first;
}
static inline void hlist_move_list(struct hlist_head *from, struct hlist_head *to)
{
    to->first = from->first;
    if (to->first)
        to->first->pprev = &to->first;
    from->first = NULL;
}
/* All of @from, whose last node is @last, before what is in @to. */
static inline void hlist_splice_init(struct hlist_head *from, struct hlist_node *last,
                                     struct hlist_head *to)
{
    if (to->first)
        to->first->pprev = &last->next;
    last->next = to->first;
    hlist_move_list(from, to);
}
static inline size_t hlist_count_nodes(const struct hlist_head *head)
{
    size_t count = 0;
    for (const struct hlist_node *at = head->first; at; at = at->next)
        count++;
    return count;
}
static inline void hlist_add_before(struct hlist_node *node, struct hlist_node *next)
{
    quarry_hlist_insert(node, next->pprev);
}
static inline void hlist_add_behind(struct hlist_node *node, struct hlist_node *prev)
{
    quarry_hlist_insert(node, &prev->next);
}
#define hlist_entry(ptr, type, member) container_of(ptr, type, member)
#define hlist_entry_safe(ptr, type, member)                                                        \
    ({                                                                                             \
        __typeof__(ptr) __hl = (ptr);                                                              \
        __hl ? hlist_entry(__hl, type, member) : NULL;                                             \
    })
#define hlist_for_each(pos, head) for (pos = (head)->first; pos; pos = pos->next)
#define hlist_for_each_safe(pos, n, head)                                                          \
    for (pos = (head)->first; pos && ({                                                            \
                                  n = pos->next;                                                   \
                                  1;                                                               \
                              });                                                                  \
         pos = n)
/* Before 3.9 the walks over entries had one more variable, for the node. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(3, 9, 0)
#define quarry_hlist_node_walk(tpos, pos, start, member)                                           \
    for (pos = (start); pos && ({                                                                  \
                            tpos = hlist_entry(pos, __typeof__(*tpos), member);                    \
                            1;                                                                     \
                        });                                                                        \
         pos = pos->next)
#define hlist_for_each_entry(tpos, pos, head, member)                                              \
    quarry_hlist_node_walk(tpos, pos, (head)->first, member)
#define hlist_for_each_entry_continue(tpos, pos, member)                                           \
    quarry_hlist_node_walk(tpos, pos, (pos)->next, member)
#define hlist_for_each_entry_from(tpos, pos, member) quarry_hlist_node_walk(tpos, pos, pos, member)
#define hlist_for_each_entry_safe(tpos, pos, n, head, member)                                      \
    for (pos = (head)->first; pos && ({                                                            \
                                  n = pos->next;                                                   \
                                  tpos = hlist_entry(pos, __typeof__(*tpos), member);              \
                                  1;                                                               \
                              });                                                                  \
         pos = n)
#else
#define hlist_for_each_entry_continue(pos, member)                                                 \
    for (pos = hlist_entry_safe((pos)->member.next, __typeof__(*(pos)), member); pos;              \
         pos = hlist_entry_safe((pos)->member.next, __typeof__(*(pos)), member))
#define hlist_for_each_entry_from(pos, member)                                                     \
    for (; pos; pos = hlist_entry_safe((pos)->member.next, __typeof__(*(pos)), member))
#define hlist_for_each_entry(pos, head, member)                                                    \
    for (pos = hlist_entry_safe((head)->first, __typeof__(*(pos)), member); pos;                   \
         pos = hlist_entry_safe((pos)->member.next, __typeof__(*(pos)), member))
#define hlist_for_each_entry_safe(pos, n, head, member)                                            \
    for (pos = hlist_entry_safe((head)->first, __typeof__(*pos), member);                          \
         pos && ({                                                                                 \
             n = pos->member.next;                                                                 \
             1;                                                                                    \
         });                                                                                       \
         pos = hlist_entry_safe(n, __typeof__(*pos), member))
#endif

#endif
