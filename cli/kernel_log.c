/* SPDX-License-Identifier: MIT */
/* Reading kernel logs.
 *
 * Problem. The lines come with any prefix (time, level, host), from thirty years of kernels, mixed with
 * other lines, and cut wherever a buffer or a copy ended.
 *
 * Idea. Each line is looked at for the few words that make it one of ours, wherever in it they stand; what
 * follows is read by its names ("min:44kB"), not by position, so that columns that came and went do not
 * matter. A request collects the zones' lines that follow it until the next request. Limits: 4 KiB pages;
 * masks without names are read by the bits of the 2.6 kernels, the last to print them so. */
#include "kernel_log.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_PAGE_KB 4

/* ---- masks ------------------------------------------------------------------------------------- */

struct log_flag {
    const char *name;
    gfp_t gfp;
};

static const struct log_flag log_flags[] = {
    {"GFP_ATOMIC", GFP_ATOMIC},
    {"GFP_KERNEL", GFP_KERNEL},
    {"GFP_KERNEL_ACCOUNT", GFP_KERNEL_ACCOUNT},
    {"GFP_NOWAIT", GFP_NOWAIT},
    {"GFP_NOIO", GFP_NOIO},
    {"GFP_NOFS", GFP_NOFS},
    {"GFP_USER", GFP_USER},
    {"GFP_TEMPORARY", GFP_KERNEL | __GFP_RECLAIMABLE},
    {"GFP_DMA", __GFP_DMA},
    {"GFP_DMA32", __GFP_DMA32},
    {"GFP_HIGHUSER", GFP_HIGHUSER},
    {"GFP_HIGHUSER_MOVABLE", GFP_HIGHUSER_MOVABLE},
    {"GFP_TRANSHUGE", GFP_TRANSHUGE},
    {"GFP_TRANSHUGE_LIGHT", GFP_TRANSHUGE_LIGHT},
    {"__GFP_DMA", __GFP_DMA},
    {"__GFP_DMA32", __GFP_DMA32},
    {"__GFP_HIGHMEM", __GFP_HIGHMEM},
    {"__GFP_MOVABLE", __GFP_MOVABLE},
    {"__GFP_RECLAIMABLE", __GFP_RECLAIMABLE},
    {"__GFP_HIGH", __GFP_HIGH},
    {"__GFP_ATOMIC", __GFP_HIGH},
    {"__GFP_WAIT", __GFP_DIRECT_RECLAIM},
    {"__GFP_IO", __GFP_IO},
    {"__GFP_FS", __GFP_FS},
    {"__GFP_DIRECT_RECLAIM", __GFP_DIRECT_RECLAIM},
    {"__GFP_KSWAPD_RECLAIM", __GFP_KSWAPD_RECLAIM},
    {"__GFP_RECLAIM", __GFP_RECLAIM},
    {"__GFP_NOWARN", __GFP_NOWARN},
    {"__GFP_REPEAT", __GFP_RETRY_MAYFAIL},
    {"__GFP_RETRY_MAYFAIL", __GFP_RETRY_MAYFAIL},
    {"__GFP_NOFAIL", __GFP_NOFAIL},
    {"__GFP_NORETRY", __GFP_NORETRY},
    {"__GFP_COMP", __GFP_COMP},
    {"__GFP_ZERO", __GFP_ZERO},
    {"__GFP_MEMALLOC", __GFP_MEMALLOC},
    {"__GFP_NOMEMALLOC", __GFP_NOMEMALLOC},
    {"__GFP_HARDWALL", __GFP_HARDWALL},
    {"__GFP_THISNODE", __GFP_THISNODE},
    {"__GFP_ACCOUNT", __GFP_ACCOUNT},
    {"__GFP_WRITE", __GFP_WRITE},
    {"__GFP_COLD", 0},
    {"__GFP_NOTRACK", 0},
    {"__GFP_OTHER_NODE", 0},
    {"__GFP_SKIP_KASAN", 0},
    {"__GFP_SKIP_KASAN_POISON", 0},
    {"__GFP_SKIP_ZERO", 0},
    {"__GFP_ZEROTAGS", 0},
    {"__GFP_NOLOCKDEP", 0},
    {"__GFP_NO_OBJ_EXT", 0},
};

/* The bits of the 2.6 kernels, which printed masks as a number alone. */
static const gfp_t log_old_bits[] = {
    __GFP_DMA,
    __GFP_HIGHMEM,
    __GFP_DMA32,
    __GFP_MOVABLE,
    __GFP_DIRECT_RECLAIM,
    __GFP_HIGH,
    __GFP_IO,
    __GFP_FS,
    0 /* cold */,
    __GFP_NOWARN,
    __GFP_RETRY_MAYFAIL,
    __GFP_NOFAIL,
    __GFP_NORETRY,
    0 /* memalloc, later */,
    __GFP_COMP,
    __GFP_ZERO,
    __GFP_NOMEMALLOC,
    __GFP_HARDWALL,
    __GFP_THISNODE,
    __GFP_RECLAIMABLE,
};

static bool log_flag_find(const char *name, size_t length, gfp_t *gfp)
{
    for (size_t i = 0; i < sizeof(log_flags) / sizeof(log_flags[0]); i++) {
        if (strlen(log_flags[i].name) == length && strncmp(log_flags[i].name, name, length) == 0) {
            *gfp |= log_flags[i].gfp;
            return true;
        }
    }
    return false;
}

gfp_t kernel_log_mask(const char *names, char *unknown, size_t size)
{
    gfp_t gfp = 0;

    while (*names) {
        size_t length = strspn(names, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789abcdefx");
        if (length && !log_flag_find(names, length, &gfp) && size && !*unknown)
            snprintf(unknown, size, "%.*s", (int)length, names);
        names += length;
        if (*names != '|')
            break;
        names++;
    }
    return gfp;
}

static gfp_t log_old_mask(unsigned long bits)
{
    gfp_t gfp = 0;

    for (size_t i = 0; i < sizeof(log_old_bits) / sizeof(log_old_bits[0]); i++) {
        if (bits >> i & 1)
            gfp |= log_old_bits[i];
    }
    /* Background reclaim was woken by every request then. */
    return gfp | __GFP_KSWAPD_RECLAIM;
}

/* "0xcc0(GFP_KERNEL)" or "0xd0" at @text. */
static void log_take_mask(struct log_request *request, const char *text)
{
    char *end;
    unsigned long bits = strtoul(text, &end, 16);

    if (end == text)
        return;
    request->has_mask = true;
    request->gfp = *end == '('
                       ? kernel_log_mask(end + 1, request->unknown, sizeof(request->unknown))
                       : log_old_mask(bits);
}

/* ---- requests ---------------------------------------------------------------------------------- */

/* The number behind @name; false: the line has none (or ends there). */
static bool log_number(const char *line, const char *name, unsigned long long *value)
{
    const char *at = strstr(line, name);
    char *end;

    if (!at)
        return false;
    at += strlen(name);
    at += strspn(at, " ");
    *value = strtoull(at, &end, 10);
    return end != at;
}

/* The word or words between the prefix and @end: "[ 12.3] kworker/0:1: page…" → "kworker/0:1". */
static void log_take_task(struct log_request *request, const char *line, const char *end)
{
    const char *from = line, *bracket, *kernel;

    while (end > line && (end[-1] == ' ' || end[-1] == ':'))
        end--;
    kernel = strstr(line, "kernel: ");
    if (kernel && kernel < end)
        from = kernel + strlen("kernel: ");
    bracket = strstr(from, "] ");
    if (bracket && bracket < end)
        from = bracket + 2;
    else if (*from == '<' && (bracket = strchr(from, '>')) && bracket < end)
        from = bracket + 1;
    from += strspn(from, " ");
    if (from < end)
        snprintf(request->task, sizeof(request->task), "%.*s", (int)(end - from), from);
}

static void log_take_mems(struct log_request *request, const char *line)
{
    const char *at = strstr(line, "mems_allowed=");

    if (at)
        snprintf(request->mems, sizeof(request->mems), "%.*s",
                 (int)strspn(at + strlen("mems_allowed="), "0123456789,-"),
                 at + strlen("mems_allowed="));
}

static struct log_request *log_begin(struct kernel_log *log, enum log_what what, size_t line)
{
    struct log_request *request;

    log->request = cli_grow(log->request, &log->room, log->nr + 1, sizeof(*log->request));
    request = &log->request[log->nr++];
    memset(request, 0, sizeof(*request));
    request->what = what;
    request->line = line;
    return request;
}

struct log_opening {
    const char *words;
    enum log_what what;
    const char *mask, *order;
};

static const struct log_opening log_openings[] = {
    {"page allocation failure", LOG_FAILURE, "mode:", "order:"},
    {"page allocation stalls", LOG_FAILURE, "mode:", "order:"},
    {"invoked oom-killer", LOG_OOM, "gfp_mask=", "order="},
    {"SLUB: Unable to allocate memory", LOG_SLUB, "gfp=", NULL},
    {"vmalloc error: size", LOG_VMALLOC, "mode:", NULL},
    {"vmalloc: allocation failure", LOG_VMALLOC, "mode:", NULL},
};

static bool log_line_opens(struct kernel_log *log, const char *line, size_t number)
{
    for (size_t i = 0; i < sizeof(log_openings) / sizeof(log_openings[0]); i++) {
        const struct log_opening *opening = &log_openings[i];
        const char *at = strstr(line, opening->words), *mask;
        struct log_request *request;
        unsigned long long value;
        if (!at)
            continue;
        request = log_begin(log, opening->what, number);
        log_take_task(request, line, at);
        mask = strstr(at, opening->mask);
        if (mask)
            log_take_mask(request, mask + strlen(opening->mask));
        request->has_order = !opening->order;
        if (opening->order && log_number(at, opening->order, &value) && value < 64) {
            request->has_order = true;
            request->order = (unsigned int)value;
        }
        if (opening->what == LOG_VMALLOC &&
            (log_number(at, "size", &value) || log_number(at, "failure:", &value)))
            snprintf(request->subject, sizeof(request->subject), "%llu", value);
        log_take_mems(request, at);
        return true;
    }
    return false;
}

/* ---- zones ------------------------------------------------------------------------------------- */

static const char *const log_zone_names[] = {"DMA32",   "DMA",     "Normal",
                                             "HighMem", "Movable", "Device"};

/* A zone's name at @at and what follows it; NULL: none. */
static const char *log_zone_name(const char *at, char *name, size_t size)
{
    for (size_t i = 0; i < sizeof(log_zone_names) / sizeof(log_zone_names[0]); i++) {
        size_t length = strlen(log_zone_names[i]);
        if (strncmp(at, log_zone_names[i], length) == 0 && !isalnum((unsigned char)at[length])) {
            snprintf(name, size, "%s", log_zone_names[i]);
            return at + length;
        }
    }
    return NULL;
}

/* "Node 0 DMA free:…", or "DMA free:…" of old kernels: the zone, and what follows its name. */
static const char *log_zone_find(const char *line, int *node, char *name, size_t size)
{
    const char *at = strstr(line, "Node ");
    const char *rest;
    int used = 0;

    *node = 0;
    if (at && sscanf(at, "Node %d %n", node, &used) == 1 && used)
        return log_zone_name(at + used, name, size);
    for (at = line; *at; at++) {
        if ((at == line || at[-1] == ' ' || at[-1] == '>') &&
            (rest = log_zone_name(at, name, size)) != NULL &&
            (strncmp(rest, " free:", 6) == 0 || strncmp(rest, ": ", 2) == 0))
            return rest;
    }
    return NULL;
}

static struct log_zone *log_zone_get(struct log_request *request, int node, const char *name)
{
    struct log_zone *zone;

    for (size_t i = 0; i < request->nr_zones; i++) {
        zone = &request->zone[i];
        if (zone->state.node == node && strcmp(zone->state.name, name) == 0)
            return zone;
    }
    if (request->nr_zones == LOG_ZONES)
        return NULL;
    zone = &request->zone[request->nr_zones++];
    zone->state.node = node;
    snprintf(zone->state.name, sizeof(zone->state.name), "%s", name);
    return zone;
}

static bool log_pages(const char *line, const char *name, uint64_t *pages)
{
    unsigned long long kb;

    if (!log_number(line, name, &kb))
        return false;
    *pages = kb / LOG_PAGE_KB;
    return true;
}

/* " free:15360kB min:44kB low:56kB high:68kB … present:15992kB managed:15360kB". */
static void log_take_marks(struct log_request *request, struct log_zone *zone, const char *rest)
{
    struct quarry_zone_state *state = &zone->state;
    uint64_t present = 0;

    if (!log_pages(rest, " free:", &state->free) || !log_pages(rest, " min:", &state->min) ||
        !log_pages(rest, " low:", &state->low)) {
        request->nr_cut++;
        return;
    }
    log_pages(rest, " present:", &present);
    if (!log_pages(rest, " managed:", &state->managed))
        state->managed = present; /* before 3.9 */
    if (!state->managed) {
        request->nr_cut++;
        state->managed = state->free;
    }
}

/* ": 1*4kB (U) 0*8kB … = 15360kB". The sum at the end proves that the line is whole. */
static void log_take_blocks(struct log_request *request, struct log_zone *zone, const char *rest)
{
    struct quarry_zone_state *state = &zone->state;
    unsigned long long count, kb;
    uint64_t sum = 0;
    const char *at = rest;

    for (unsigned int order = 0; order <= MAX_PAGE_ORDER; order++) {
        int used = 0; /* stays so where the line ends before "kB" */
        at += strcspn(at, "0123456789=");
        if (sscanf(at, "%llu*%llukB%n", &count, &kb, &used) != 2 || !used)
            break;
        state->blocks[order] = count;
        sum += count * kb;
        at += used;
    }
    if (!strstr(at, "= ")) {
        request->nr_cut++;
        return;
    }
    state->has_blocks = true;
    if (!state->free)
        state->free = sum / LOG_PAGE_KB;
}

static void log_take_reserve(struct log_zone *zone, const char *line)
{
    const char *at = strstr(line, "lowmem_reserve[]:");

    at += strlen("lowmem_reserve[]:");
    zone->nr_reserve = 0;
    while (zone->nr_reserve < LOG_COLUMNS) {
        char *end;
        unsigned long long pages = strtoull(at, &end, 10);
        if (end == at)
            return;
        zone->reserve[zone->nr_reserve++] = pages;
        at = end;
    }
}

/* ---- lines ------------------------------------------------------------------------------------- */

static void log_take_line(struct log_request *request, struct log_zone **last, const char *line)
{
    char name[16];
    const char *rest, *cache;
    int node;

    if (strstr(line, "lowmem_reserve[]:") || strstr(line, "protections[]:")) {
        if (*last && strstr(line, "lowmem_reserve[]:"))
            log_take_reserve(*last, line);
        return;
    }
    if (request->what == LOG_SLUB && (cache = strstr(line, "cache: ")) && !*request->subject) {
        unsigned long long order;
        snprintf(request->subject, sizeof(request->subject), "%.*s",
                 (int)strcspn(cache + strlen("cache: "), ","), cache + strlen("cache: "));
        if (log_number(line, "min order:", &order) && order <= MAX_PAGE_ORDER)
            request->order = (unsigned int)order;
        return;
    }
    if (!*request->mems)
        log_take_mems(request, line);
    rest = log_zone_find(line, &node, name, sizeof(name));
    if (!rest)
        return;
    if (strncmp(rest, " free:", 6) == 0) {
        *last = log_zone_get(request, node, name);
        if (*last)
            log_take_marks(request, *last, rest);
    } else if (*rest == ':') {
        struct log_zone *zone = log_zone_get(request, node, name);
        if (zone)
            log_take_blocks(request, zone, rest);
    }
}

void kernel_log_read(struct kernel_log *log, const char *text)
{
    char *copy = cli_copy(text), *rest = copy, *line;
    struct log_zone *last = NULL;
    size_t number = 0;

    memset(log, 0, sizeof(*log));
    while ((line = strsep(&rest, "\n")) != NULL) {
        number++;
        if (log_line_opens(log, line, number))
            last = NULL;
        else if (log->nr)
            log_take_line(&log->request[log->nr - 1], &last, line);
    }
    free(copy);
}

/* ---- who may use what -------------------------------------------------------------------------- */

/* Rank of a zone on its machine, as the columns of lowmem_reserve[] count. */
static int log_rank(const char *name, bool has_high)
{
    if (strcmp(name, "DMA") == 0)
        return 0;
    if (strcmp(name, "DMA32") == 0)
        return 1;
    if (strcmp(name, "Normal") == 0)
        return has_high ? 1 : 2;
    if (strcmp(name, "HighMem") == 0)
        return 2;
    return 3; /* Movable; Device is never allocated from */
}

static int log_highest(const struct log_request *request, bool has_high)
{
    if (request->gfp & __GFP_DMA)
        return 0;
    if (request->gfp & __GFP_DMA32)
        return 1;
    if ((request->gfp & (__GFP_HIGHMEM | __GFP_MOVABLE)) == (__GFP_HIGHMEM | __GFP_MOVABLE))
        return 3;
    if ((request->gfp & __GFP_HIGHMEM) && has_high)
        return 2;
    return has_high ? 1 : 2;
}

/* Whether @node is on a list such as "0-1,4"; an empty list has all. */
static bool log_node_listed(const char *list, int node)
{
    if (!*list)
        return true;
    while (*list) {
        char *end;
        long from = strtol(list, &end, 10), to = from;
        if (end == list)
            return false;
        if (*end == '-')
            to = strtol(end + 1, &end, 10);
        if (node >= from && node <= to)
            return true;
        list = *end == ',' ? end + 1 : end;
        if (*end && *end != ',')
            return false;
    }
    return false;
}

/* Linux lets a request with __GFP_HIGH use half of min, and one that cannot wait a quarter of the rest. */
static void log_decide_mark(const struct log_request *request, struct quarry_zone_state *zone)
{
    gfp_t gfp = request->gfp;

    zone->mark = zone->min;
    if (gfp & __GFP_HIGH)
        zone->mark -= zone->mark / 2;
    if ((gfp & __GFP_HIGH) && !(gfp & __GFP_DIRECT_RECLAIM))
        zone->mark -= zone->mark / 4;
    if ((gfp & __GFP_MEMALLOC) && !(gfp & __GFP_NOMEMALLOC))
        zone->mark = zone->reserve = 0;
}

void kernel_log_decide(struct log_request *request)
{
    bool has_high = false;
    int highest;

    for (size_t i = 0; i < request->nr_zones; i++)
        has_high |= strcmp(request->zone[i].state.name, "HighMem") == 0;
    highest = log_highest(request, has_high);
    for (size_t i = 0; i < request->nr_zones; i++) {
        struct log_zone *zone = &request->zone[i];
        unsigned int column = (unsigned int)highest;
        zone->state.allowed = strcmp(zone->state.name, "Device") != 0 &&
                              log_rank(zone->state.name, has_high) <= highest &&
                              log_node_listed(request->mems, zone->state.node);
        if (zone->nr_reserve) {
            if (column >= zone->nr_reserve)
                column = zone->nr_reserve - 1;
            zone->state.reserve = zone->reserve[column];
        }
        log_decide_mark(request, &zone->state);
    }
}
