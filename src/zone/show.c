/* SPDX-License-Identifier: MIT */
/* zone/show: the state of the zones as text on the console, for a failed request (G-E6) and
 * show_mem.
 *
 * Two lines a zone: marks and sizes; then the free blocks of each order with the mobilities that
 * have any (U unmovable, M movable, R reclaimable). The numbers are read without locks: each is true
 * at some moment, not all at the same. Context: any. */
#include "internal.h"

static unsigned long long show_kib(u64 pages)
{
    return (unsigned long long)pages << (PAGE_SHIFT - 10);
}

static void show_zone_marks(const struct zone *zone)
{
    qr_print("Node %u %s free:%llukB min:%llukB low:%llukB high:%llukB present:%llukB "
             "managed:%llukB\n",
             zone->nid, zone->name, show_kib(qr_zone_free_pages(zone)),
             show_kib(qr_zone_watermark(zone, QR_WMARK_MIN)),
             show_kib(qr_zone_watermark(zone, QR_WMARK_LOW)),
             show_kib(qr_zone_watermark(zone, QR_WMARK_HIGH)), show_kib(zone->present),
             show_kib(zone->managed));
}

static void show_zone_blocks(const struct zone *zone)
{
    static const char letter[MIGRATE_TYPES] = {'U', 'M', 'R'};
    char buffer[512];
    struct qr_text text = {buffer, sizeof(buffer), 0};
    qr_text_add(&text, "Node %u %s:", zone->nid, zone->name);
    for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
        char which[MIGRATE_TYPES + 1];
        unsigned int nr_which = 0;
        unsigned long nr = 0;
        for (unsigned int m = 0; m < MIGRATE_TYPES; m++) {
            u32 blocks = qr_zone_free_blocks(zone, order, (enum migratetype)m);
            nr += blocks;
            if (blocks)
                which[nr_which++] = letter[m];
        }
        which[nr_which] = '\0';
        qr_text_add(&text, " %lu*%lukB", nr, (PAGE_SIZE << order) >> 10);
        if (nr)
            qr_text_add(&text, " (%s)", which);
    }
    qr_text_add(&text, " = %llukB\n", show_kib(qr_zone_free_pages(zone)));
    qp_write(buffer, QR_MIN(text.length, sizeof(buffer) - 1));
}

void qr_show_mem(struct qr_zones *zones)
{
    qr_print("Mem-Info: %llu pages of RAM, %llu free, %llu in high memory\n",
             (unsigned long long)zones->totalram, (unsigned long long)qr_free_pages_total(zones),
             (unsigned long long)zones->totalhigh);
    for (unsigned int i = 0; i < zones->nr_zones; i++) {
        show_zone_marks(&zones->zone[i]);
        show_zone_blocks(&zones->zone[i]);
    }
}
