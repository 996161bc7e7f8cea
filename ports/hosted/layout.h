/* SPDX-License-Identifier: MIT */
/* ports/hosted/layout: from a user's wish to a machine the core can boot. */
#ifndef QUARRY_HOSTED_LAYOUT_H
#define QUARRY_HOSTED_LAYOUT_H

#include "hosted.h"

struct hosted_layout {
    struct qp_machine machine;
    bool fixed; /* addresses are exact, not distances: see hosted_ram_create */
    struct quarry_region region[8];
};

/* @wish has no zero fields any more except regions. 0, -EINVAL or -ENOMEM with the reason. */
int hosted_layout_make(struct hosted_layout *layout, const struct quarry_machine *wish, char *why,
                       size_t why_size);

#endif
