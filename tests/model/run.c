/* SPDX-License-Identifier: MIT */
/* tests/model/run: machines of random shape, runs, and failing programs made small.
 *
 * Everything follows from a seed: the machine's shape, the schedule of its worker and interrupts, and the
 * operations. A failing program shrinks by leaving out operations, first halves, then quarters, ... down to
 * single ones, as long as what is left still fails with the same rule. */
#include "model.h"
#include "instance.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- machines ------------------------------------------------------------------------------- */

static uint64_t run_pick(uint64_t *random, uint64_t least, uint64_t most)
{
    return least + (uint64_t)(((unsigned __int128)sim_random(random) * (most - least + 1)) >> 64);
}

/* One or two nodes, a hole here and there. */
static void machine_regions(struct m_machine *machine, uint64_t *random, uint64_t frames)
{
    uint64_t start = run_pick(random, 0, 1) * run_pick(random, 0, 300), nr = 0;
    unsigned int nodes = (unsigned int)run_pick(random, 1, 2);

    for (unsigned int node = 0; node < nodes; node++) {
        unsigned int pieces = (unsigned int)run_pick(random, 1, 3);
        for (unsigned int piece = 0; piece < pieces; piece++) {
            uint64_t length = frames / nodes / pieces;
            machine->region[nr++] = (struct quarry_region){
                .start = start << PAGE_SHIFT, .size = length << PAGE_SHIFT, .nid = (int)node};
            start += length + run_pick(random, 0, 2) * run_pick(random, 0, 200);
        }
    }
    machine->config.nr_regions = nr;
    machine->config.frames = start;
}

/* Zone limits somewhere in memory, in their order; each zone is there or not. */
static void machine_limits(struct sim_config *config, uint64_t *random)
{
    uint64_t at = 0, frames = config->frames;

    if (run_pick(random, 0, 1)) {
        at = run_pick(random, frames / 16, frames / 4);
        config->dma_limit = at << PAGE_SHIFT;
    }
    if (run_pick(random, 0, 2) == 0) {
        at = run_pick(random, at + 1, frames / 2);
        config->dma32_limit = at << PAGE_SHIFT;
    }
    at = at > frames / 2 ? at : frames / 2;
    if (run_pick(random, 0, 2) == 0) {
        at = run_pick(random, at, frames * 3 / 4);
        config->low_limit = at << PAGE_SHIFT;
    }
    if (run_pick(random, 0, 2) == 0) {
        at = run_pick(random, at, frames - 1);
        config->movable_from = at << PAGE_SHIFT;
    }
}

void m_machine_make(struct m_machine *machine, uint64_t seed)
{
    static const char *const options[] = {"",
                                          "",
                                          "",
                                          "",
                                          "init_on_alloc=1",
                                          "init_on_free=1",
                                          "slab_debug=FZP",
                                          "slab_debug=FZPU",
                                          "page_poison=1",
                                          "page_owner=1",
                                          "check=1",
                                          "check=2",
                                          "mem_profiling=1",
                                          "vmalloc_cache=0"};
    size_t length;
    uint64_t random = seed, frames = run_pick(&random, 0, 3) ? run_pick(&random, 400, 4000)
                                                             : run_pick(&random, 4000, 20000);

    bool full;

    *machine = (struct m_machine){
        .config = {
            .seed = seed, .cpus = 1, .gap = 64, .max_points = 1ull << 32, .strategy = SIM_RANDOM}};
    machine_regions(machine, &random, frames);
    machine_limits(&machine->config, &random);
    /* Addresses never run short, though per-CPU memory takes 16 MiB of them for its tokens. */
    machine->config.vmalloc_frames = 4 * machine->config.frames + 16384;
    machine->order = (unsigned int)run_pick(&random, 0, frames > 4000 ? 8 : 5);
    /* Most machines are half full at times, one in four is really short of memory. */
    full = run_pick(&random, 0, 3) == 0;
    machine->things = (unsigned int)(run_pick(&random, frames / 8, frames / (full ? 1 : 4)) >>
                                     (machine->order / 2));
    if (machine->things > M_MAX_THINGS)
        machine->things = M_MAX_THINGS;
    if (machine->things < 40)
        machine->things = 40;
    machine->config.without_worker = run_pick(&random, 0, 3) != 0;
    machine->interrupts = run_pick(&random, 0, 3) == 0;
    snprintf(machine->options, sizeof(machine->options), "%s",
             options[run_pick(&random, 0, sizeof(options) / sizeof(options[0]) - 1)]);
    if (run_pick(&random, 0, 7) == 0)
        machine->min_free_kbytes = (unsigned int)run_pick(&random, 64, frames / 4);
    if (run_pick(&random, 0, 7) == 0)
        machine->scale_factor = (unsigned int)run_pick(&random, 1, 500);
    machine->faults = run_pick(&random, 0, 7) == 0;
    length = strlen(machine->options);
    snprintf(machine->options + length, sizeof(machine->options) - length,
             " min_free_kbytes=%u watermark_scale_factor=%u%s", machine->min_free_kbytes,
             machine->scale_factor,
             machine->faults ? " failslab=prob:2 fail_page_alloc=prob:3 fail_vmalloc=prob:3" : "");
}

void m_ops_make(struct m_op *ops, size_t nr, uint64_t seed)
{
    uint64_t random = seed ^ 0x5bd1e995;

    for (size_t i = 0; i < nr; i++)
        ops[i] = (struct m_op){.number = (uint32_t)i + 1, .seed = sim_random(&random)};
}

void m_machine_print(const struct m_machine *machine)
{
    const struct sim_config *config = &machine->config;

    printf("machine:");
    for (size_t i = 0; i < config->nr_regions; i++)
        printf(" %#lx+%#lx@%d", (unsigned long)(machine->region[i].start >> PAGE_SHIFT),
               (unsigned long)(machine->region[i].size >> PAGE_SHIFT), machine->region[i].nid);
    printf(" (frames), limits dma %#lx dma32 %#lx low %#lx movable %#lx, %u things, order %u, %s, "
           "\"%s\"\n",
           (unsigned long)(config->dma_limit >> PAGE_SHIFT),
           (unsigned long)(config->dma32_limit >> PAGE_SHIFT),
           (unsigned long)(config->low_limit >> PAGE_SHIFT),
           (unsigned long)(config->movable_from >> PAGE_SHIFT), machine->things, machine->order,
           config->without_worker ? "no worker" : "worker", machine->options);
}

/* ---- one run -------------------------------------------------------------------------------- */

static void run_forget(void)
{
    m_ranges_clear(&model.physical);
    m_ranges_clear(&model.virtual);
    for (unsigned int i = 0; i < M_MAX_THINGS; i++)
        free(model.thing[i].list);
}

void m_run(const struct m_machine *machine, const struct m_op *ops, size_t nr,
           struct m_result *result, bool print)
{
    struct m_ranges physical = {.spare = model.physical.spare},
                    virtual = {.spare = model.virtual.spare};
    struct sim_config config = machine->config;
    char why[200] = "";
    struct sim *sim;

    memset(&model, 0, sizeof(model));
    model.physical = physical;
    model.virtual = virtual;
    model.machine = machine;
    model.ops = ops;
    model.nr_ops = nr;
    config.regions = machine->region;
    config.interrupt = machine->interrupts ? m_interrupt : NULL;
    config.options = machine->options;
    *result = (struct m_result){.steps = nr};
    sim = sim_new(&config, why, sizeof(why));
    if (!sim) {
        result->verdict = SIM_PANIC;
        snprintf(result->text, sizeof(result->text), "boot: %s", why);
        return;
    }
    sim_task(sim, 0, "program", m_program, NULL);
    result->verdict = sim_run(sim);
    result->sum = sim_log_sum(sim);
    if (result->verdict != SIM_FINE) {
        snprintf(result->text, sizeof(result->text), "%s", sim_report(sim));
        if (print)
            printf("%s\n", sim_report(sim));
    }
    if (print) {
        printf("points %lu, failed %lu, reclaimed %lu, kills %lu, interrupts %lu; done:",
               (unsigned long)sim_points(sim), (unsigned long)model.failed,
               (unsigned long)model.reclaimed, (unsigned long)model.kills,
               (unsigned long)model.interrupts);
        for (unsigned int i = 0; i < M_KINDS; i++)
            printf(" %lu", (unsigned long)model.done[i]);
        printf("; at the end %ld pages more than at first\n",
               (long)(model.end_pages - model.start_pages));
        m_machine_print(machine);
    }
    run_forget();
    sim_free(sim);
}

/* ---- shrinking ------------------------------------------------------------------------------ */

/* The rule that was broken: what stands before the first colon of the second word. */
static bool run_same(const struct m_result *a, const struct m_result *b)
{
    size_t length = strcspn(a->text, "0123456789");

    return a->verdict == b->verdict && strncmp(a->text, b->text, length < 40 ? length : 40) == 0;
}

size_t m_shrink(const struct m_machine *machine, struct m_op *ops, size_t nr,
                const struct m_result *failure)
{
    struct m_op *fewer = malloc(nr * sizeof(*fewer));

    for (size_t piece = nr / 2; fewer && piece > 0; piece /= 2) {
        size_t at = 0;
        while (at < nr) {
            size_t end = at + piece < nr ? at + piece : nr;
            struct m_result result;
            memcpy(fewer, ops, at * sizeof(*ops));
            memcpy(fewer + at, ops + end, (nr - end) * sizeof(*ops));
            m_run(machine, fewer, nr - (end - at), &result, false);
            if (result.verdict != SIM_FINE && run_same(failure, &result)) {
                nr -= end - at;
                memcpy(ops, fewer, nr * sizeof(*ops));
            } else {
                at = end;
            }
        }
    }
    free(fewer);
    return nr;
}
