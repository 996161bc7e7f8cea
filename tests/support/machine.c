/* SPDX-License-Identifier: MIT */
/* tests/support/machine: private machines on memory files of their own.
 *
 * A machine here is a struct quarry on the heap with the hosted port's memory behind it. The three
 * layouts are as small as they can be and still have what their name says; the vmalloc range and
 * the kmap windows lie behind the direct map, where the host put it. */
#include "machine.h"
#include "hosted.h"

char test_why[256];
char test_last_report[512];

struct test_host {
    struct quarry q; /* first: test_end gets its address */
    struct hosted_ram ram;
};

#define TEST_PAGE 4096ull
#define TEST_VMALLOC_MIN (64ull << 20)
#define TEST_PKMAP_PAGES 16ull
#define TEST_FIXMAP_PAGES 256ull

static bool test_hook(const struct quarry_report *report, void *data)
{
    (void)data;
    snprintf(test_last_report, sizeof(test_last_report), "%s", report->text ? report->text : "");
    return false;
}

static phys_addr_t test_end_of(const struct quarry_region *regions, size_t nr)
{
    phys_addr_t end = 0;
    size_t i;
    for (i = 0; i < nr; i++) {
        if (regions[i].start + regions[i].size > end)
            end = regions[i].start + regions[i].size;
    }
    return end;
}

/* The memory map and zone borders of a profile over @bytes of memory. */
static size_t test_profile(const struct test_spec *spec, uint64_t bytes,
                           struct quarry_region region[2], struct qp_machine *machine)
{
    const char *profile = spec->profile ? spec->profile : "tiny";
    region[0] = (struct quarry_region){.start = 0, .size = bytes};
    if (strcmp(profile, "zones") == 0) {
        machine->dma_limit = (bytes / 8) & ~(TEST_PAGE - 1);
        machine->low_limit = (bytes / 2) & ~(TEST_PAGE - 1);
    } else if (strcmp(profile, "nodes") == 0) {
        region[0].size = (bytes / 2) & ~(TEST_PAGE - 1);
        region[1] = (struct quarry_region){
            .start = region[0].size, .size = bytes - region[0].size, .nid = 1};
        return 2;
    } else {
        assert_string_equal(profile, "tiny");
    }
    return 1;
}

static void test_override(const struct test_spec *spec, struct qp_machine *machine)
{
    if (spec->dma_limit)
        machine->dma_limit = spec->dma_limit;
    if (spec->dma32_limit)
        machine->dma32_limit = spec->dma32_limit;
    if (spec->low_limit)
        machine->low_limit = spec->low_limit;
    if (spec->movable_from)
        machine->movable_from = spec->movable_from;
}

/* The windows, as distances from the end of the direct map, a guard page before each. */
static void test_windows(const struct test_spec *spec, struct qp_machine *machine, uint64_t bytes)
{
    uint64_t vmalloc = bytes * 4 > TEST_VMALLOC_MIN ? bytes * 4 : TEST_VMALLOC_MIN;
    machine->vmalloc_start = TEST_PAGE;
    machine->vmalloc_end = machine->vmalloc_start + vmalloc;
    machine->pkmap_start = machine->vmalloc_end + TEST_PAGE;
    if (spec->vmalloc == TEST_NO_VMALLOC)
        machine->vmalloc_end = machine->vmalloc_start;
    else if (spec->vmalloc == TEST_BROKEN_VMALLOC)
        machine->vmalloc_end -= TEST_PAGE / 2;
    machine->pkmap_end = machine->pkmap_start;
    if (machine->low_limit && !spec->no_kmap)
        machine->pkmap_end += TEST_PKMAP_PAGES * TEST_PAGE;
    machine->fixmap_start = machine->pkmap_end + TEST_PAGE;
    machine->fixmap_end = machine->fixmap_start;
    if (machine->low_limit && !spec->no_kmap)
        machine->fixmap_end += TEST_FIXMAP_PAGES * TEST_PAGE;
}

struct quarry *test_boot_with(const struct test_spec *spec)
{
    struct test_host *host = calloc(1, sizeof(*host));
    struct quarry_region region[2] = {{0}};
    struct qp_machine machine = {.nr_cpus = spec->nr_cpus ? spec->nr_cpus : 8,
                                 .kmalloc_min = 8,
                                 .kmalloc_max = 4u << 20,
                                 .ram_is_zero = true,
                                 .watched = spec->watched,
                                 .block = spec->block,
                                 .grace = spec->no_readers ? NULL : &quarry_counted_readers,
                                 .options = spec->options};
    uint64_t bytes = (spec->pages ? spec->pages : 64) * TEST_PAGE;
    int error;
    assert_non_null(host);
    test_why[0] = 0;
    test_last_report[0] = 0;
    machine.regions = region;
    machine.nr_regions = test_profile(spec, bytes, region, &machine);
    if (spec->regions) {
        machine.regions = spec->regions;
        machine.nr_regions = spec->nr_regions;
        bytes = test_end_of(spec->regions, spec->nr_regions);
    }
    test_override(spec, &machine);
    test_windows(spec, &machine, bytes < (1ull << 40) ? bytes : 1ull << 40);
    error = hosted_ram_create(&host->ram, &machine, false, test_why, sizeof(test_why));
    if (!error) {
        hosted_claims_forbid(true);
        error = qr_boot(&host->q, &machine, test_why, sizeof(test_why));
        hosted_claims_forbid(false);
        if (error)
            hosted_ram_destroy(&host->ram);
        else
            hosted_cpus_remember(&host->q.cpus);
    }
    if (error) {
        free(host);
        if (!spec->expect_failure && !spec->may_fail)
            fail_msg("the machine does not boot (%d): %s", error, test_why);
        return NULL;
    }
    host->q.check.hook = test_hook;
    if (spec->expect_failure)
        fail_msg("the machine boots, though it should not");
    return &host->q;
}

struct quarry *test_boot(unsigned long pages)
{
    struct test_spec spec = {.pages = pages};
    return test_boot_with(&spec);
}

void test_abandon(struct quarry *q)
{
    struct test_host *host = (struct test_host *)q;
    qr_reclaim_stop(&q->reclaim);
    hosted_cpus_forget(&q->cpus); /* threads that end from now on leave it alone */
    qr_shutdown(q);
    hosted_ram_destroy(&host->ram);
    free(host);
}

void test_end(struct quarry *q)
{
    unsigned long wrong;
    qr_reclaim_stop(&q->reclaim); /* the worker may be in the middle of something */
    wrong = qr_map_check(&q->map) + qr_zones_check(&q->zones) + qr_slabs_check(&q->slabs) +
            qr_vm_check(&q->vm) + qr_kmaps_check(&q->kmaps) + qr_percpu_check(&q->percpu) +
            qr_dma_check(&q->dma);
    test_abandon(q);
    if (wrong)
        fail_msg("%lu contradictions in the machine's structures; the last: %s", wrong,
                 test_last_report);
}

unsigned long test_findings(struct quarry *q, enum quarry_finding kind)
{
    return qr_report_count(&q->check, kind);
}
