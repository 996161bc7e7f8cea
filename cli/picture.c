/* SPDX-License-Identifier: MIT */
/* quarry picture: a machine's memory as one bar per zone.
 *
 *     Node 0 Normal  496.0 MiB, 410.2 MiB free  |###########00112456788999AAAAAAAAAAAAAAAAAAAAA|
 *
 * "#" is memory in use, a digit is free memory in blocks of that order ("A" is order 10): the more of the
 * bar is A, the less the zone is fragmented. On a terminal each order has a colour, from red (single
 * pages) to green (whole blocks of 4 MiB). It reads the texts of /proc, so it draws a real kernel too. */
#include "help.h"
#include "zones.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PICTURE_WIDTH 64

static const char picture_digit[] = "0123456789ABCDEF";

/* Colours of the 256-colour palette by order. */
static const int picture_colour[ZONES_ORDERS] = {196, 202, 208, 214, 220, 226, 190, 154,
                                                 118, 82,  46,  46,  46,  46,  46,  46};

static void picture_cells(char what, int colour, unsigned int cells, bool colours)
{
    if (!cells)
        return;
    if (colours)
        printf("\033[48;5;%d;38;5;16m", colour);
    for (unsigned int i = 0; i < cells; i++)
        putchar(what);
    if (colours)
        printf("\033[0m");
}

/* Cells are given out by the running sum, so that roundings do not add up. */
static void picture_zone(const struct zone_text *zone, bool colours)
{
    unsigned long free_pages = zone_free_pages(zone);
    unsigned long total = zone->managed > free_pages ? zone->managed : free_pages;
    unsigned long sum = total - free_pages, drawn;
    char size[48], unused[48];

    if (!total)
        return;
    printf("Node %d %-8s %10s, %10s free |", zone->node, zone->name,
           cli_bytes(size, sizeof(size), (uint64_t)total << 12),
           cli_bytes(unused, sizeof(unused), (uint64_t)free_pages << 12));
    drawn = sum * PICTURE_WIDTH / total;
    picture_cells('#', 240, (unsigned int)drawn, colours);
    for (unsigned int order = 0; order < zone->nr_orders; order++) {
        unsigned long end;
        sum += zone->free[order] << order;
        end = sum * PICTURE_WIDTH / total;
        picture_cells(picture_digit[order], picture_colour[order], (unsigned int)(end - drawn),
                      colours);
        drawn = end;
    }
    printf("|\n");
}

/* zoneinfo beside the buddyinfo file: it knows how much memory a zone has. */
static char *picture_zoneinfo(const char *buddyinfo)
{
    const char *slash = strrchr(buddyinfo, '/');
    char *path = cli_format("%.*szoneinfo", slash ? (int)(slash - buddyinfo) + 1 : 0, buddyinfo);
    char *text = cli_read_file(path, NULL);

    free(path);
    return text;
}

int cmd_picture(int argc, char **argv)
{
    const char *root = getenv("QUARRY_ROOT");
    struct zones_text zones = {.nr = 0};
    bool colours = cli_colours(STDOUT_FILENO);
    char *path, *buddyinfo, *zoneinfo;

    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        help_picture();
        return CLI_CLEAN;
    }
    if (argc > 2 || (argc > 1 && argv[1][0] == '-'))
        cli_die(CLI_USAGE, "usage: quarry picture [FILE]; see `quarry picture --help`");
    path =
        argc > 1 ? cli_copy(argv[1]) : cli_format("%s/proc/buddyinfo", root && *root ? root : "");
    buddyinfo = cli_read_file(path, NULL);
    if (!buddyinfo)
        cli_die(CLI_FAILED, "cannot read %s: %s", path, strerror(errno));
    zoneinfo = picture_zoneinfo(path);
    if (zoneinfo)
        zones_read_zoneinfo(&zones, zoneinfo);
    zones_read_buddyinfo(&zones, buddyinfo);
    if (!zones.nr)
        cli_die(CLI_FAILED, "%s is not a buddyinfo file: no line begins \"Node 0, zone\"", path);
    for (size_t i = 0; i < zones.nr; i++)
        picture_zone(&zones.zone[i], colours);
    printf(
        "(# in use; 0 to A: free, by the order of the block it lies in, A = 2^10 pages = 4 MiB)\n");
    free(path);
    free(buddyinfo);
    free(zoneinfo);
    return CLI_CLEAN;
}
