/* SPDX-License-Identifier: MIT */
/* Operations, and programs from numbers.
 *
 * Few slots, few sizes and small machines, so that tasks meet. Each program leaves out about half of the
 * kinds of operation and favours some of the others (Groce and others, "Swarm testing", 2012): what goes
 * wrong between two kinds is seldom seen when there are always fourteen. */
#include "prove.h"

static const struct {
    const char *name;
    unsigned int weight, least, most;
    bool slot;
} program_kind[PROVE_KINDS] = {[PROVE_KMALLOC] = {"kmalloc", 8, 1, 3000, true},
                               [PROVE_REALLOC] = {"krealloc", 2, 1, 3000, true},
                               [PROVE_OBJECT] = {"kmem_cache_alloc", 8, 0, 0, true},
                               [PROVE_OBJECTS] = {"objects", 16, 2, 20, false},
                               [PROVE_BULK] = {"bulk", 3, 1, 16, false},
                               [PROVE_PAGES] = {"alloc_pages", 6, 0, 3, true},
                               [PROVE_BORROW] = {"get_page", 12, 0, 0, true},
                               [PROVE_VMALLOC] = {"vmalloc", 2, 1, 4, true},
                               [PROVE_POOL] = {"mempool_alloc", 8, 0, 0, false},
                               [PROVE_HOARD] = {"hoard", 1, 0, 0, false},
                               [PROVE_CACHE] = {"kmem_cache_create", 1, 1, 6, false},
                               [PROVE_LATER] = {"kfree_rcu", 3, 1, 3000, false},
                               [PROVE_FREE] = {"free", 16, 0, 0, true},
                               [PROVE_SHRINK] = {"kmem_cache_shrink", 1, 0, 0, false},
                               [PROVE_CHECK] = {"quarry_check_all", 1, 0, 0, false}};

/* Operations that take a hundred times as long as others, in one program of six. */
static bool program_is_long(unsigned int kind)
{
    return kind == PROVE_HOARD || kind == PROVE_CHECK || kind == PROVE_CACHE ||
           kind == PROVE_VMALLOC;
}

static void program_weights(unsigned int *weight, uint64_t *random)
{
    static const unsigned int factor[] = {0, 0, 0, 1, 1, 4};
    bool with_long = sim_random(random) % 6 == 0;
    unsigned int sum = 0;

    for (unsigned int i = 0; i < PROVE_KINDS; i++) {
        weight[i] = program_kind[i].weight * factor[sim_random(random) % 6];
        if (program_is_long(i) && !with_long)
            weight[i] = 0;
        sum += weight[i];
    }
    if (sum == 0)
        weight[PROVE_KMALLOC] = 1;
}

static struct prove_operation program_operation(const struct prove_program *program,
                                                const unsigned int *weight, uint64_t *random)
{
    struct prove_operation operation = {.kind = PROVE_KMALLOC};
    unsigned int sum = 0, at;

    for (unsigned int i = 0; i < PROVE_KINDS; i++)
        sum += weight[i];
    at = (unsigned int)(sim_random(random) % sum);
    while (at >= weight[operation.kind])
        at -= weight[operation.kind++];
    operation.slot = (unsigned int)(sim_random(random) % program->slots);
    operation.argument =
        program_kind[operation.kind].least +
        (unsigned int)(sim_random(random) % (program_kind[operation.kind].most -
                                             program_kind[operation.kind].least + 1));
    return operation;
}

void prove_make(struct prove_program *program, uint64_t seed)
{
    unsigned int weight[PROVE_KINDS], most;
    uint64_t random = seed;

    *program = (struct prove_program){.seed = seed};
    program->tasks = 2 + (unsigned int)(sim_random(&random) % (PROVE_TASKS - 1));
    program->cpus = program->tasks;
    program->slots = 1 + (unsigned int)(sim_random(&random) % PROVE_SLOTS);
    program->frames = 256u << sim_random(&random) % 3;
    program->interrupts = sim_random(&random) % 2;
    program->without_worker = sim_random(&random) % 4 == 0;
    program->thorough = sim_random(&random) % 4 == 0;
    program_weights(weight, &random);
    most = 2 + (unsigned int)(sim_random(&random) % (PROVE_OPERATIONS - 1));
    for (unsigned int i = 0; i < program->tasks; i++) {
        program->nr[i] = 1 + (unsigned int)(sim_random(&random) % (most - 1));
        for (unsigned int j = 0; j < program->nr[i]; j++)
            program->operation[i][j] = program_operation(program, weight, &random);
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
