/* SPDX-License-Identifier: MIT */
/* Singly linked lists to which anybody adds without a lock. Taking everything at once (llist_del_all) needs
 * no lock either; taking one at a time needs the takers to serialize themselves. Context: any. */
#ifndef QUARRY_LINUX_LLIST_H
#define QUARRY_LINUX_LLIST_H

#include <linux/container_of.h>
#include <linux/types.h>

struct llist_node {
    struct llist_node *next;
};
struct llist_head {
    struct llist_node *first;
};
#define LLIST_HEAD_INIT(name)                                                                      \
    {                                                                                              \
        NULL                                                                                       \
    }
#define LLIST_HEAD(name) struct llist_head name = LLIST_HEAD_INIT(name)

static inline void init_llist_head(struct llist_head *list)
{
    list->first = NULL;
}
/* A node that is in no list points to itself, if somebody said so. */
static inline void init_llist_node(struct llist_node *node)
{
    WRITE_ONCE(node->next, node);
}
static inline bool llist_on_list(const struct llist_node *node)
{
    return READ_ONCE(node->next) != node;
}
static inline bool llist_empty(const struct llist_head *head)
{
    return READ_ONCE(head->first) == NULL;
}
static inline struct llist_node *llist_next(struct llist_node *node)
{
    return node->next;
}
/* Put the chain from @first to @last at the front: whether the list was empty. */
static inline bool llist_add_batch(struct llist_node *first, struct llist_node *last,
                                   struct llist_head *head)
{
    struct llist_node *old = READ_ONCE(head->first);
    do
        WRITE_ONCE(last->next, old);
    while (!__atomic_compare_exchange_n(&head->first, &old, first, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED));
    return old == NULL;
}
static inline bool llist_add(struct llist_node *node, struct llist_head *head)
{
    return llist_add_batch(node, node, head);
}
/* Everything, newest first. */
static inline struct llist_node *llist_del_all(struct llist_head *head)
{
    return __atomic_exchange_n(&head->first, NULL, __ATOMIC_ACQ_REL);
}
/* The newest. One taker at a time, and none that takes all meanwhile. */
static inline struct llist_node *llist_del_first(struct llist_head *head)
{
    struct llist_node *first = __atomic_load_n(&head->first, __ATOMIC_ACQUIRE);
    while (first && !__atomic_compare_exchange_n(&head->first, &first, READ_ONCE(first->next),
                                                 false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        ;
    return first;
}
static inline struct llist_node *llist_del_first_init(struct llist_head *head)
{
    struct llist_node *first = llist_del_first(head);
    if (first)
        init_llist_node(first);
    return first;
}
/* A chain that llist_del_all() gave, oldest first. */
static inline struct llist_node *llist_reverse_order(struct llist_node *head)
{
    struct llist_node *turned = NULL;
    while (head) {
        struct llist_node *next = head->next;
        head->next = turned;
        turned = head;
        head = next;
    }
    return turned;
}
#define __llist_add(node, head) llist_add((node), (head))
#define __llist_del_all(head) llist_del_all(head)
#define llist_entry(ptr, type, member) container_of(ptr, type, member)
#define quarry_llist_entry(ptr, type, member)                                                      \
    ({                                                                                             \
        struct llist_node *__ll = (ptr);                                                           \
        __ll ? llist_entry(__ll, type, member) : NULL;                                             \
    })
#define llist_for_each(pos, node) for ((pos) = (node); pos; (pos) = (pos)->next)
#define llist_for_each_safe(pos, n, node)                                                          \
    for ((pos) = (node); (pos) && ((n) = (pos)->next, true); (pos) = (n))
#define llist_for_each_entry(pos, node, member)                                                    \
    for ((pos) = quarry_llist_entry((node), __typeof__(*(pos)), member); pos;                      \
         (pos) = quarry_llist_entry((pos)->member.next, __typeof__(*(pos)), member))
#define llist_for_each_entry_safe(pos, n, node, member)                                            \
    for ((pos) = quarry_llist_entry((node), __typeof__(*(pos)), member);                           \
         (pos) && ((n) = quarry_llist_entry((pos)->member.next, __typeof__(*(n)), member), true);  \
         (pos) = (n))

#endif
