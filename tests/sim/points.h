/* SPDX-License-Identifier: MIT */
/* Whether each access to memory is a point at which another CPU can come in: it is in the preemptible build.
 * To be asked while a simulated machine exists. */
#ifndef POINTS_H
#define POINTS_H

#include "instance.h"
#include "point.h"

static inline bool accesses_are_points(void)
{
    long left = sim_here.left;

    qr_free_pages_total(&quarry_default.zones);
    return sim_here.left != left;
}

#endif
