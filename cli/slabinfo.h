/* SPDX-License-Identifier: MIT */
/* What a slabinfo text says: ours, or a real kernel's. */
#ifndef CLI_SLABINFO_H
#define CLI_SLABINFO_H

#include "cli.h"

struct slab_text {
    char name[64];
    uint64_t active, total, object_size; /* objects, objects, bytes */
    uint64_t slabs, pages_per_slab;
};

struct slabinfo_text {
    struct slab_text *cache;
    size_t nr, room;
    size_t nr_cut; /* lines that end too soon */
    bool found;    /* there was a "slabinfo - version" line */
};

/* Read the slabinfo text in @text, wherever in it it begins; a later one replaces an earlier one. */
void slabinfo_read(struct slabinfo_text *info, const char *text);
/* Bytes of the pages that a cache holds, and of those in no object that is in use. */
uint64_t slab_text_bytes(const struct slab_text *cache);
uint64_t slab_text_unused(const struct slab_text *cache);

#endif
