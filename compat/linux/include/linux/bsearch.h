/* SPDX-License-Identifier: MIT */
/* Looking things up in a sorted array: libc's bsearch(). */
#ifndef QUARRY_LINUX_BSEARCH_H
#define QUARRY_LINUX_BSEARCH_H

#include <stdlib.h>
#include <linux/sort.h>

#endif
