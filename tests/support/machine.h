/* SPDX-License-Identifier: MIT */
/* Private machines for tests: small, real, side by side, each with its own memory. */
#ifndef TEST_MACHINE_H
#define TEST_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "instance.h"

/* The window of vmalloc: as always; none, as without page tables; one that ends inside a page. */
enum test_vmalloc { TEST_VMALLOC, TEST_NO_VMALLOC, TEST_BROKEN_VMALLOC };

/* What a test wants; zero in any field means the default. */
struct test_spec {
    bool no_readers;     /* nobody knows when readers are done (quarry/rcu.h) */
    unsigned long pages; /* default 64 */
    const char
        *profile; /* "tiny": one NORMAL zone from frame 0 on (default for few pages); "zones": DMA
                             * below 1/8 of memory, NORMAL, the upper half HIGHMEM; "nodes": two
                             * nodes */
    const struct quarry_region *regions; /* instead of pages: an exact memory map */
    size_t nr_regions;
    phys_addr_t dma_limit, dma32_limit, low_limit, movable_from; /* override the profile's */
    unsigned int nr_cpus;                                        /* default 8 */
    const char *options;
    enum test_vmalloc vmalloc;
    bool no_kmap;        /* high memory, but no window to see it through */
    bool watched;        /* as under a detector that knows of every byte */
    qp_block_fn block;   /* and one that wants to know of every block */
    bool may_fail;       /* either is well: NULL, and the reason in test_why */
    bool expect_failure; /* test_boot returns NULL and leaves the reason in test_why */
};

/* Boot a private machine; fails the test when it does not boot (unless expected). */
struct quarry *test_boot(unsigned long pages);
struct quarry *test_boot_with(const struct test_spec *spec);
extern char test_why[256];
/* Check every structure, then forget the machine and its memory. Fails the test on
 * contradictions. */
void test_end(struct quarry *q);
/* The same without the check: for a machine that was damaged on purpose. */
void test_abandon(struct quarry *q);

/* Findings reported on @q since it booted, of one kind; the console stays quiet in tests. The text
 * of the last finding is in test_last_report. */
unsigned long test_findings(struct quarry *q, enum quarry_finding kind);
extern char test_last_report[512];

#endif
