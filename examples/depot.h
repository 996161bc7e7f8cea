/* SPDX-License-Identifier: MIT */
/* What depot.c lets other modules do. */
#ifndef DEPOT_H
#define DEPOT_H

#include <linux/types.h>

struct depot_box;

/* A new box with room for @size bytes under @name; NULL: no memory. Context: may sleep. */
struct depot_box *depot_open(const char *name, size_t size);
/* Put @size bytes into it: 0, -ENOSPC. Context: any. */
int depot_store(struct depot_box *box, const void *data, size_t size);
/* The box and what is in it are gone. */
void depot_close(struct depot_box *box);

#endif
