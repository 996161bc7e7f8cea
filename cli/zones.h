/* SPDX-License-Identifier: MIT */
/* The zones of a machine as its texts in Linux's format describe them: ours, or a real kernel's. */
#ifndef CLI_ZONES_H
#define CLI_ZONES_H

#include "cli.h"

#define ZONES_MAX 64
#define ZONES_ORDERS 16

struct zone_text {
    int node;
    char name[16];
    unsigned long start_pfn, spanned, present, managed, min; /* pages; from zoneinfo */
    unsigned long free[ZONES_ORDERS];                        /* blocks by order; from buddyinfo */
    unsigned int nr_orders;
};

struct zones_text {
    struct zone_text zone[ZONES_MAX];
    size_t nr;
};

/* Add what a zoneinfo or buddyinfo text says. Zones without pages are left out of zoneinfo's. */
void zones_read_zoneinfo(struct zones_text *zones, const char *text);
void zones_read_buddyinfo(struct zones_text *zones, const char *text);
unsigned long zone_free_pages(const struct zone_text *zone);

#endif
