/* SPDX-License-Identifier: MIT */
/* The counter itself, in a folder below the module's. */
#include <linux/export.h>
#include "count.h"

static int count = COUNT_START;

int count_next(void)
{
    return count++;
}
EXPORT_SYMBOL(count_next);
