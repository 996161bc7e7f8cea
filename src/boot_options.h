/* SPDX-License-Identifier: MIT */
/* Boot options: "name=value name=value", separated by blanks. See docs/options.md. */
#ifndef QR_BOOT_OPTIONS_H
#define QR_BOOT_OPTIONS_H

#include <quarry/fault.h>
#include <quarry/gfp.h>
#include "base/base.h"

#define QR_OPTION_TEXT 256

struct qr_options {
    u64 check;
    char slab_debug[QR_OPTION_TEXT]; /* "" with …_given: all checks for all caches */
    bool slab_debug_given;
    u64 init_on_alloc, init_on_free, page_poison, page_owner, mem_profiling;
    char fault[QUARRY_FAULT_POINTS][QR_OPTION_TEXT]; /* in the order of the points */
    u64 min_free_kbytes, watermark_scale_factor, reserve_for_reclaim_pages;
    u64 lowmem_ratio[MAX_NR_ZONES];                    /* 0: the default of that zone */
    u64 vmalloc_cache;                                 /* pages kept mapped; ~0: the default */
    u64 kfence_interval, kfence_every, kfence_objects; /* milliseconds; requests; 0: default */
    u64 trace_bytes; /* room for backtraces; 0: chosen by the machine's size */
};

/* Parse @text (NULL: all defaults). 0, or -EINVAL with the reason, which names the option. */
int qr_options_parse(struct qr_options *options, const char *text, char *why, size_t why_size);

#endif
