/* SPDX-License-Identifier: MIT */
/* Callbacks that give memory back when it is short. */
#ifndef QUARRY_LINUX_SHRINKER_H
#define QUARRY_LINUX_SHRINKER_H

#include <linux/list.h>
#include <linux/types.h>
#include <quarry/shrinker.h>

#endif
