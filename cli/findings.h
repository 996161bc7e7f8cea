/* SPDX-License-Identifier: MIT */
/* What report.c and report_json.c share: the collected findings, leaks and peaks. */
#ifndef CLI_FINDINGS_H
#define CLI_FINDINGS_H

#include "report.h"

#define FINDING_FRAMES 24

struct finding_site {
    struct frame frame[FINDING_FRAMES];
    size_t nr;
};

/* The complement of an address, for records that a leak scan looks at; twice, and it is the address. */
static inline uintptr_t finding_hide(uintptr_t address)
{
    return address ? ~address : 0;
}

struct finding {
    const char *kind; /* "double free", "leak", "crash", … */
    const char *rule; /* "G-S8", or NULL */
    char *text;
    char *cache;      /* or NULL */
    uintptr_t hidden; /* finding_hide() of the address, since this record must not lead there */
    size_t size;
    struct finding_site now, before;
    const char *before_is;
    char *explanation; /* further lines, or NULL */
    uint64_t key;      /* of the trace, 0 unknown: the same place again is counted, not repeated */
    struct finding_site also; /* a third one: who freed what is used again */
    const char *also_is;
    unsigned long times;
    bool problem; /* false: information (out of memory) */
};

/* Objects of one kind from one place that were never freed. */
struct leak {
    const char *what; /* "object", "page block", "vmalloc area" */
    char *cache;      /* or NULL */
    struct quarry_trace trace;
    struct finding_site site;
    unsigned long nr;
    unsigned long lost; /* of them: no pointer leads to them any more */
    uint64_t bytes;
    uintptr_t
        hidden_example; /* the complement of the first one's address, which must not lead to it */
};

/* One cache at its peak. */
struct cache_peak {
    char *name;
    size_t object_size;
    unsigned long objects;
    uint64_t bytes;
};

struct findings {
    struct finding *finding;
    size_t nr, room;
    struct leak *leak;
    size_t nr_leaks, leak_room;
    struct cache_peak *peak;
    size_t nr_peaks, peak_room;
    uint64_t peak_bytes;
    bool peak_unknown; /* memory was held by --start */
    uint64_t leaked_bytes, leaked_objects;
    bool scanned; /* it is known which leaks are lost */
};

/* The only one. */
extern struct findings findings;

void finding_site(struct finding_site *site, const struct quarry_trace *trace, bool exact_top);

#endif
