/* SPDX-License-Identifier: MIT */
/* What a saved kernel log says of memory: failed requests and the zones they met. */
#ifndef CLI_KERNEL_LOG_H
#define CLI_KERNEL_LOG_H

#include "cli.h"

#include <quarry/explain.h>

#define LOG_ZONES 64
#define LOG_COLUMNS 8

/* A zone's lines. */
struct log_zone {
    struct quarry_zone_state state;
    uint64_t reserve[LOG_COLUMNS]; /* the columns of lowmem_reserve[], in pages */
    unsigned int nr_reserve;
};

enum log_what { LOG_FAILURE, LOG_OOM, LOG_SLUB, LOG_VMALLOC };

/* One failed request. */
struct log_request {
    enum log_what what;
    size_t line;      /* number of its first line */
    char task[64];    /* "kworker/0:1" */
    char subject[64]; /* LOG_SLUB: the cache; LOG_VMALLOC: the bytes asked for */
    gfp_t gfp;
    unsigned int order;
    bool has_mask, has_order;
    char unknown[64]; /* the first flag name without a meaning here, or "" */
    char mems[64];    /* mems_allowed, or "" */
    struct log_zone zone[LOG_ZONES];
    size_t nr_zones, nr_cut; /* lines of zones that end too soon */
};

struct kernel_log {
    struct log_request *request;
    size_t nr, room;
};

/* Read a log: dmesg, syslog or journal output, prefixes and all. */
void kernel_log_read(struct kernel_log *log, const char *text);
/* Which zones the request may use, and what they keep from it; after reading. */
void kernel_log_decide(struct log_request *request);
/* GFP flags by their names, as "GFP_KERNEL|__GFP_COMP"; an unknown name goes into @unknown. */
gfp_t kernel_log_mask(const char *names, char *unknown, size_t size);

#endif
