/* SPDX-License-Identifier: MIT */
/* Operations, and programs from numbers. Few slots, few sizes and small machines, so that tasks meet. */
#include "prove.h"

static const struct {
    const char *name;
    unsigned int weight, least, most;
    bool slot;
} program_kind[PROVE_KINDS] = {[PROVE_KMALLOC] = {"kmalloc", 8, 1, 3000, true},
                               [PROVE_REALLOC] = {"krealloc", 2, 1, 3000, true},
                               [PROVE_OBJECT] = {"kmem_cache_alloc", 8, 0, 0, true},
                               [PROVE_OBJECTS] = {"objects", 8, 2, 20, false},
                               [PROVE_BULK] = {"bulk", 3, 1, 16, false},
                               [PROVE_PAGES] = {"alloc_pages", 6, 0, 3, true},
                               [PROVE_BORROW] = {"get_page", 8, 0, 0, true},
                               [PROVE_VMALLOC] = {"vmalloc", 2, 1, 4, true},
                               [PROVE_POOL] = {"mempool_alloc", 8, 0, 0, false},
                               [PROVE_CACHE] = {"kmem_cache_create", 1, 1, 6, false},
                               [PROVE_LATER] = {"kfree_rcu", 3, 1, 3000, false},
                               [PROVE_FREE] = {"free", 16, 0, 0, true},
                               [PROVE_SHRINK] = {"kmem_cache_shrink", 1, 0, 0, false},
                               [PROVE_CHECK] = {"quarry_check_all", 1, 0, 0, false}};

static struct prove_operation program_operation(uint64_t *random)
{
    struct prove_operation operation = {.kind = PROVE_KMALLOC};
    unsigned int sum = 0, at;

    for (unsigned int i = 0; i < PROVE_KINDS; i++)
        sum += program_kind[i].weight;
    at = (unsigned int)(sim_random(random) % sum);
    while (at >= program_kind[operation.kind].weight)
        at -= program_kind[operation.kind++].weight;
    operation.slot = (unsigned int)(sim_random(random) % PROVE_SLOTS);
    operation.argument =
        program_kind[operation.kind].least +
        (unsigned int)(sim_random(random) % (program_kind[operation.kind].most -
                                             program_kind[operation.kind].least + 1));
    return operation;
}

void prove_make(struct prove_program *program, uint64_t seed)
{
    uint64_t random = seed;

    *program = (struct prove_program){.seed = seed};
    program->tasks = 2 + (unsigned int)(sim_random(&random) % (PROVE_TASKS - 1));
    program->cpus = program->tasks;
    program->frames = sim_random(&random) % 4 ? 512 : 256;
    program->interrupts = sim_random(&random) % 2;
    program->without_worker = sim_random(&random) % 4 == 0;
    for (unsigned int i = 0; i < program->tasks; i++) {
        program->nr[i] = 4 + (unsigned int)(sim_random(&random) % (PROVE_OPERATIONS - 4));
        for (unsigned int j = 0; j < program->nr[i]; j++)
            program->operation[i][j] = program_operation(&random);
    }
}

unsigned int prove_count(const struct prove_program *program)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < program->tasks; i++) {
        for (unsigned int j = 0; j < program->nr[i]; j++)
            count += !program->operation[i][j].dropped;
    }
    return count;
}

void prove_print(FILE *to, const struct prove_program *program)
{
    fprintf(to, "machine: %u CPUs, %llu frames%s%s\n", program->cpus,
            (unsigned long long)program->frames, program->interrupts ? ", interrupts" : "",
            program->without_worker ? ", no worker" : "");
    for (unsigned int i = 0; i < program->tasks; i++) {
        for (unsigned int j = 0; j < program->nr[i]; j++) {
            const struct prove_operation *operation = &program->operation[i][j];
            if (operation->dropped)
                continue;
            fprintf(to, "  CPU %u, operation %u: %s", i, j + 1, program_kind[operation->kind].name);
            if (program_kind[operation->kind].most)
                fprintf(to, "(%u)", operation->argument);
            if (program_kind[operation->kind].slot)
                fprintf(to, " slot %u", operation->slot);
            fprintf(to, "\n");
        }
    }
}
