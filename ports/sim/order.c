/* SPDX-License-Identifier: MIT */
/* ports/sim/order: in which order locks are taken.
 *
 * Two locks that are taken in both orders will stand still one day, even if no run has shown it. Each
 * time a lock is taken while another is held, the pair is kept; a pair whose reverse can be walked along
 * kept pairs is reported.
 *
 * Locks are known by address. That is exact as long as a world lives, and memory that held a lock is
 * not often a lock of another layer later; to be safe a world may be run without (sim_config.lock_order).
 * Limits: ORDER_PAIRS pairs, then no new ones are learned. */
#include "world.h"
#include <stdlib.h>

#define ORDER_PAIRS 4096u
#define ORDER_DEEPEST 64u

struct sim_order {
    struct {
        const qp_lock_t *outer, *inner;
    } pair[ORDER_PAIRS];
    unsigned int nr;
};

struct sim_order *sim_order_new(void)
{
    return calloc(1, sizeof(struct sim_order));
}

void sim_order_free(struct sim_order *order)
{
    free(order);
}

static bool order_known(const struct sim_order *order, const qp_lock_t *outer,
                        const qp_lock_t *inner)
{
    for (unsigned int i = 0; i < order->nr; i++) {
        if (order->pair[i].outer == outer && order->pair[i].inner == inner)
            return true;
    }
    return false;
}

static bool order_leads(const struct sim_order *order, const qp_lock_t *from, const qp_lock_t *to,
                        unsigned int depth)
{
    if (from == to)
        return true;
    for (unsigned int i = 0; i < order->nr && depth; i++) {
        if (order->pair[i].outer == from && order_leads(order, order->pair[i].inner, to, depth - 1))
            return true;
    }
    return false;
}

bool sim_order_add(struct sim_order *order, const qp_lock_t *held, const qp_lock_t *lock)
{
    if (order_known(order, held, lock))
        return true;
    if (order_leads(order, lock, held, ORDER_DEEPEST))
        return false;
    if (order->nr < ORDER_PAIRS) {
        order->pair[order->nr].outer = held;
        order->pair[order->nr++].inner = lock;
    }
    return true;
}
