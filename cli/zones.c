/* SPDX-License-Identifier: MIT */
/* Reading buddyinfo and zoneinfo. */
#include "zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct zone_text *zones_get(struct zones_text *zones, int node, const char *name)
{
    struct zone_text *zone;

    for (size_t i = 0; i < zones->nr; i++) {
        if (zones->zone[i].node == node && strcmp(zones->zone[i].name, name) == 0)
            return &zones->zone[i];
    }
    if (zones->nr == ZONES_MAX)
        return NULL;
    zone = &zones->zone[zones->nr++];
    memset(zone, 0, sizeof(*zone));
    zone->node = node;
    snprintf(zone->name, sizeof(zone->name), "%s", name);
    return zone;
}

/* One line "   name   number" or "  name:   number". */
static void zone_take_line(struct zone_text *zone, const char *line)
{
    unsigned long value;

    if (sscanf(line, " spanned %lu", &value) == 1)
        zone->spanned = value;
    else if (sscanf(line, " present %lu", &value) == 1)
        zone->present = value;
    else if (sscanf(line, " min %lu", &value) == 1)
        zone->min = value;
    else if (sscanf(line, " managed %lu", &value) == 1)
        zone->managed = value;
    else if (sscanf(line, " start_pfn: %lu", &value) == 1)
        zone->start_pfn = value;
}

void zones_read_zoneinfo(struct zones_text *zones, const char *text)
{
    char *copy = cli_copy(text), *rest = copy, *line;
    struct zone_text *zone = NULL;
    size_t kept = 0;

    while ((line = strsep(&rest, "\n")) != NULL) {
        char name[16];
        int node;
        if (sscanf(line, "Node %d, zone %15s", &node, name) == 2)
            zone = zones_get(zones, node, name);
        else if (zone)
            zone_take_line(zone, line);
    }
    for (size_t i = 0; i < zones->nr; i++) {
        if (zones->zone[i].present)
            zones->zone[kept++] = zones->zone[i];
    }
    zones->nr = kept;
    free(copy);
}

void zones_read_buddyinfo(struct zones_text *zones, const char *text)
{
    char *copy = cli_copy(text), *rest = copy, *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        struct zone_text *zone;
        char name[16], *at, *end;
        int node, length;
        if (sscanf(line, "Node %d, zone %15s%n", &node, name, &length) != 2)
            continue;
        zone = zones_get(zones, node, name);
        at = line + length;
        for (unsigned int order = 0; zone && order < ZONES_ORDERS; order++) {
            unsigned long blocks = strtoul(at, &end, 10);
            if (end == at)
                break;
            zone->free[order] = blocks;
            zone->nr_orders = order + 1;
            at = end;
        }
    }
    free(copy);
}

unsigned long zone_free_pages(const struct zone_text *zone)
{
    unsigned long pages = 0;

    for (unsigned int order = 0; order < zone->nr_orders; order++)
        pages += zone->free[order] << order;
    return pages;
}
