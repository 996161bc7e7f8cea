/* SPDX-License-Identifier: MIT */
/* Bad states in which a run begins (--start). */
#ifndef CLI_START_H
#define CLI_START_H

#include "cli.h"

enum start_state {
    START_FRESH,
    START_EXHAUSTED,     /* no zone has more free pages than its min watermark */
    START_FRAGMENTED,    /* no block of an order or above is free, although half of memory is */
    START_RESERVE_EMPTY, /* no page is free at all */
    START_DMA_FULL,      /* no page of the DMA zone is free */
};

struct start {
    enum start_state state;
    unsigned int order; /* START_FRAGMENTED */
    bool after_init;    /* not before the modules load, but between their init and the clients */
};

/* "exhausted", "fragmented=3", "dma-full,after-init", …; on anything else say what there is and exit
 * with CLI_USAGE. */
struct start start_parse(const char *text);
/* Bring the machine into that state. False: said why it cannot be. */
bool start_begin(const struct start *start, bool quiet);
/* Give back what start_begin() took. False: the machine did not get it all back (said so). Without
 * effect when nothing is held. */
bool start_end(void);
/* Bytes that are held now, and whether the page at @address is one of them. */
uint64_t start_held(void);
bool start_holds(const void *address);

#endif
