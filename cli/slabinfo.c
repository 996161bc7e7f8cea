/* SPDX-License-Identifier: MIT */
/* Reading slabinfo, version 2.x: one line a cache, columns by position, then tunables and slab counts. */
#include "slabinfo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLABINFO_PAGE 4096

static bool slabinfo_is_table(const char *line)
{
    return strstr(line, ": tunables ") != NULL || strstr(line, ": slabdata ") != NULL;
}

static void slabinfo_take(struct slabinfo_text *info, const char *line)
{
    struct slab_text cache = {.slabs = 0};
    uint64_t per_slab;
    const char *data = strstr(line, ": slabdata");

    if (sscanf(line, " %63s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, cache.name,
               &cache.active, &cache.total, &cache.object_size, &per_slab,
               &cache.pages_per_slab) != 6 ||
        (data && sscanf(data, ": slabdata %*u %" SCNu64, &cache.slabs) != 1) || !per_slab) {
        info->nr_cut++;
        return;
    }
    if (!data) { /* cut behind the tunables: what it must have been */
        cache.slabs = (cache.total + per_slab - 1) / per_slab;
        info->nr_cut++;
    }
    info->cache = cli_grow(info->cache, &info->room, info->nr + 1, sizeof(*info->cache));
    info->cache[info->nr++] = cache;
}

void slabinfo_read(struct slabinfo_text *info, const char *text)
{
    char *copy = cli_copy(text), *rest = copy, *line;

    memset(info, 0, sizeof(*info));
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (strstr(line, "slabinfo - version")) {
            info->found = true;
            info->nr = info->nr_cut = 0;
        } else if (info->found && *line && !strchr(line, '#')) {
            if (slabinfo_is_table(line))
                slabinfo_take(info, line);
            else if (!rest)
                info->nr_cut++; /* the last line, without an end */
        }
    }
    free(copy);
}

uint64_t slab_text_bytes(const struct slab_text *cache)
{
    return cache->slabs * cache->pages_per_slab * SLABINFO_PAGE;
}

uint64_t slab_text_unused(const struct slab_text *cache)
{
    uint64_t used = cache->active * cache->object_size, bytes = slab_text_bytes(cache);

    return bytes > used ? bytes - used : 0;
}
