/* SPDX-License-Identifier: MIT */
/* quarry-model: run random programs on Quarry and on the model of its contract, and compare.
 *
 *     quarry-model [--seed N] [--steps N] [--per-machine N] [--machine SEED] [--print]
 *
 * Each machine has a random shape and runs a program of its own; all follows from the seed. Prints the number
 * of steps and a sum over all events, the same for the same seed and build. On a difference: the machine's
 * seed, what was wrong, the last operations, and the program made as small as it gets; exit status 1. */
#include "model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int main_usage(const char *wrong)
{
    fprintf(stderr,
            "quarry-model: %s\nusage: quarry-model [--seed N] [--steps N] [--per-machine N] "
            "[--machine SEED] "
            "[--print]\n",
            wrong);
    return 2;
}

static int main_failed(uint64_t seed, const struct m_machine *machine, struct m_op *ops, size_t nr,
                       const struct m_result *result)
{
    struct m_result again;

    printf("machine seed %#lx: %s\nlast operations:\n", (unsigned long)seed, result->text);
    m_print_notes();
    nr = m_shrink(machine, ops, nr, result);
    m_run(machine, ops, nr, &again, false);
    m_machine_print(machine);
    printf("%s\n", again.text);
    printf("%lu operations are enough:\n", (unsigned long)nr);
    m_print_notes();
    return 1;
}

int main(int argc, char **argv)
{
    uint64_t one = 0, seed = 1, steps = 1000000, per_machine = 50000, done = 0, sum = 0,
             machines = 0;
    bool print = false;
    struct m_op *ops;

    for (int i = 1; i < argc; i++) {
        uint64_t *number = strcmp(argv[i], "--seed") == 0          ? &seed
                           : strcmp(argv[i], "--steps") == 0       ? &steps
                           : strcmp(argv[i], "--per-machine") == 0 ? &per_machine
                           : strcmp(argv[i], "--machine") == 0     ? &one
                                                                   : NULL;
        char *end = NULL;
        if (strcmp(argv[i], "--print") == 0) {
            print = true;
            continue;
        }
        if (!number || i + 1 == argc)
            return main_usage(argv[i]);
        *number = strtoull(argv[++i], &end, 0);
        if (*end || end == argv[i])
            return main_usage(argv[i]);
    }
    if (!per_machine)
        return main_usage("--per-machine 0");
    ops = calloc(per_machine, sizeof(*ops));
    if (!ops)
        return main_usage("no memory");
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (done < steps) {
        uint64_t random = seed + machines * 0x9e3779b97f4a7c15ull,
                 own = one ? one : sim_random(&random);
        size_t nr = (size_t)(steps - done < per_machine ? steps - done : per_machine);
        struct m_machine machine;
        struct m_result result;
        m_machine_make(&machine, own);
        m_ops_make(ops, nr, own);
        m_run(&machine, ops, nr, &result, print);
        if (result.verdict != SIM_FINE)
            return main_failed(own, &machine, ops, nr, &result);
        sum = (sum ^ result.sum) * 0x100000001b3ull;
        done += nr;
        machines++;
        if (print)
            printf("%lu steps, machine seed %#lx, sum %#lx\n", (unsigned long)done,
                   (unsigned long)own, (unsigned long)sum);
    }
    printf("model: seed %lu, %lu steps on %lu machines agree, sum %#lx\n", (unsigned long)seed,
           (unsigned long)done, (unsigned long)machines, (unsigned long)sum);
    free(ops);
    return 0;
}
