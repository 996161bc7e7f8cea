/* SPDX-License-Identifier: MIT */
/* quarry explain: a saved kernel log, slabinfo or buddyinfo, in words.
 *
 * The texts are those of a real Linux machine as well as Quarry's own: the rules by which a request fails
 * are the same, so what explains one (quarry_explain_failure) explains the other. A text that was cut is
 * explained as far as it goes, and it is said what is missing. */
#include "help.h"
#include "kernel_log.h"
#include "slabinfo.h"
#include "zones.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPLAIN_CACHES 10
#define EXPLAIN_HUGE_ORDER 9

/* ---- failed requests --------------------------------------------------------------------------- */

static void explain_heading(const char *file, const struct log_request *request)
{
    static const char *const what[] = {
        [LOG_FAILURE] = "page allocation failure",
        [LOG_OOM] = "the out-of-memory killer was called",
        [LOG_SLUB] = "an object cache got no slab",
        [LOG_VMALLOC] = "vmalloc got no pages",
    };

    printf("%s:%zu: %s%s%s", file, request->line, request->task, *request->task ? ": " : "",
           what[request->what]);
    if (request->what == LOG_SLUB && *request->subject)
        printf(" (cache %s)", request->subject);
    if (request->what == LOG_VMALLOC && *request->subject)
        printf(" (%s bytes)", request->subject);
    printf("\n");
}

static void explain_missing(const struct log_request *request, size_t with_blocks)
{
    if (!request->has_mask)
        printf("  note: the line has no mask (mode:0x…); GFP_KERNEL is assumed\n");
    if (!request->has_order)
        printf("  note: the line has no order; one page is assumed\n");
    if (*request->unknown)
        printf("  note: the flag %s is not known here and was left out\n", request->unknown);
    if (!request->nr_zones) {
        printf("  note: no zone's lines follow (\"Node 0 Normal free:…\"): the log is cut, or was "
               "printed at another level; why it failed cannot be told\n");
        return;
    }
    if (request->nr_cut)
        printf("  note: %zu of the zones' lines end too soon: the log is cut\n", request->nr_cut);
    if (with_blocks < request->nr_zones)
        printf("  note: the free blocks (\"Node 0 Normal: 1*4kB …\") of %zu zone%s are missing: "
               "whether "
               "memory was in pieces cannot be told there\n",
               request->nr_zones - with_blocks, request->nr_zones - with_blocks == 1 ? "" : "s");
}

static void explain_request(const char *file, struct log_request *request)
{
    struct quarry_zone_state state[LOG_ZONES];
    char text[2048], *rest = text, *line;
    size_t with_blocks = 0;

    if (!request->has_mask)
        request->gfp = GFP_KERNEL;
    kernel_log_decide(request);
    for (size_t i = 0; i < request->nr_zones; i++) {
        state[i] = request->zone[i].state;
        with_blocks += state[i].has_blocks;
    }
    explain_heading(file, request);
    quarry_explain_failure(request->gfp, request->order, state, request->nr_zones, text,
                           sizeof(text));
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (*line && (request->nr_zones || strncmp(line, "asked:", 6) == 0))
            printf("  %s\n", line);
    }
    explain_missing(request, with_blocks);
}

/* ---- buddyinfo --------------------------------------------------------------------------------- */

static void explain_zone(const struct zone_text *zone)
{
    unsigned long all = zone_free_pages(zone), costly = 0, huge = 0;
    unsigned int largest = 0;
    char size[48], piece[48];

    for (unsigned int order = 0; order < zone->nr_orders; order++) {
        if (zone->free[order])
            largest = order;
        if (order > 3)
            costly += zone->free[order] << order;
        if (order >= EXPLAIN_HUGE_ORDER)
            huge += zone->free[order] << (order - EXPLAIN_HUGE_ORDER);
    }
    printf("Node %d %-8s %10s free", zone->node, zone->name,
           cli_bytes(size, sizeof(size), (uint64_t)all << 12));
    if (!all) {
        printf(": every request goes elsewhere or reclaims\n");
        return;
    }
    printf(", largest piece %s (order %u); %lu %% lie in pieces above 32 KiB, room for %lu huge "
           "pages\n",
           cli_bytes(piece, sizeof(piece), 4096ull << largest), largest, costly * 100 / all, huge);
    if (costly * 4 < all && all > 2048)
        printf(
            "  in pieces: requests above order 3 fail or make the kernel compact; kvmalloc() and "
            "vmalloc() do not mind\n");
}

static bool explain_buddyinfo(const char *text)
{
    struct zones_text zones = {.nr = 0};

    zones_read_buddyinfo(&zones, text);
    for (size_t i = 0; i < zones.nr; i++)
        explain_zone(&zones.zone[i]);
    return zones.nr != 0;
}

/* ---- slabinfo ---------------------------------------------------------------------------------- */

static int explain_compare(const void *a, const void *b)
{
    uint64_t left = slab_text_bytes(a), right = slab_text_bytes(b);

    return left < right ? 1 : left > right ? -1 : 0;
}

static void explain_cache(const struct slab_text *cache)
{
    char bytes[48], unused[48];
    uint64_t held = slab_text_bytes(cache);

    printf("  %-24s %10s in %" PRIu64 " of %" PRIu64 " objects of %" PRIu64 " bytes; %s (%" PRIu64
           " %%) in no used object\n",
           cache->name, cli_bytes(bytes, sizeof(bytes), held), cache->active, cache->total,
           cache->object_size, cli_bytes(unused, sizeof(unused), slab_text_unused(cache)),
           held ? slab_text_unused(cache) * 100 / held : 0);
}

/* Caches whose slabs stay for few objects: what shrinkers and kmem_cache_shrink() cannot give back. */
static void explain_sparse(const struct slabinfo_text *info)
{
    for (size_t i = 0; i < info->nr && i < EXPLAIN_CACHES; i++) {
        const struct slab_text *cache = &info->cache[i];
        if (slab_text_bytes(cache) > (1u << 20) &&
            slab_text_unused(cache) > slab_text_bytes(cache) / 2)
            printf("  %s is more than half empty: its live objects are spread over slabs that "
                   "cannot be given back; a burst has passed, or they live very unequally long\n",
                   cache->name);
    }
}

static bool explain_slabinfo(const char *text)
{
    struct slabinfo_text info;
    uint64_t held = 0, unused = 0;
    char bytes[48], rest[48];

    slabinfo_read(&info, text);
    if (!info.found)
        return false;
    if (info.nr)
        qsort(info.cache, info.nr, sizeof(*info.cache), explain_compare);
    for (size_t i = 0; i < info.nr; i++) {
        held += slab_text_bytes(&info.cache[i]);
        unused += slab_text_unused(&info.cache[i]);
    }
    printf("slabs: %zu caches hold %s, %s of it in no used object; the largest:\n", info.nr,
           cli_bytes(bytes, sizeof(bytes), held), cli_bytes(rest, sizeof(rest), unused));
    for (size_t i = 0; i < info.nr && i < EXPLAIN_CACHES; i++)
        explain_cache(&info.cache[i]);
    explain_sparse(&info);
    if (info.nr_cut)
        printf("  note: %zu line%s of the slabinfo text end%s too soon: it is cut\n", info.nr_cut,
               info.nr_cut == 1 ? "" : "s", info.nr_cut == 1 ? "s" : "");
    free(info.cache);
    return true;
}

/* ---- the command ------------------------------------------------------------------------------- */

static bool explain_text(const char *file, const char *text)
{
    struct kernel_log log;
    bool found;

    kernel_log_read(&log, text);
    for (size_t i = 0; i < log.nr; i++) {
        if (i)
            printf("\n");
        explain_request(file, &log.request[i]);
    }
    found = log.nr != 0;
    free(log.request);
    found |= explain_buddyinfo(text);
    found |= explain_slabinfo(text);
    return found;
}

int cmd_explain(int argc, char **argv)
{
    const char *file = argc > 1 ? argv[1] : "-";
    char *text;

    if (strcmp(file, "--help") == 0 || strcmp(file, "-h") == 0) {
        help_explain();
        return CLI_CLEAN;
    }
    if (argc > 2 || (file[0] == '-' && file[1]))
        cli_die(CLI_USAGE, "usage: quarry explain [FILE]; see `quarry explain --help`");
    text = cli_read_file(strcmp(file, "-") == 0 ? "/dev/stdin" : file, NULL);
    if (!text)
        cli_die(CLI_FAILED, "cannot read %s: %s", file, strerror(errno));
    if (!explain_text(strcmp(file, "-") == 0 ? "stdin" : file, text))
        cli_die(CLI_FAILED,
                "%s: nothing to explain: no \"page allocation failure\", \"invoked oom-killer\", "
                "\"vmalloc error\" or \"SLUB: Unable to allocate\" line, no buddyinfo (\"Node 0, "
                "zone\") and "
                "no slabinfo text",
                file);
    free(text);
    return CLI_CLEAN;
}
