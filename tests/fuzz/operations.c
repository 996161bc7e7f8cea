/* SPDX-License-Identifier: MIT */
/* Fuzz: programs of operations on a simulated machine, compared with the model of the contract (tests/model).
 *
 * The model draws all that an operation is from a generator. Here its first draws come from the input, a
 * record for each operation: the slot, what to do, the call, its size and flags. A changed byte changes one
 * operation, and a record that is left out leaves the others what they are. What a record does not say
 * follows from a number made of it; the machine's shape follows from the first four bytes. */
#include "fuzz.h"
#include "model.h"

#define RECORD 12u    /* bytes: six draws */
#define PROGRAM 1000u /* operations at most */

/* What the model's files call instead of sim_random(). */
uint64_t fuzz_random(uint64_t *state);

static struct {
    const uint8_t *records;
    size_t nr;
    uint32_t step;     /* the operation that draws … */
    unsigned int used; /* … and how many bytes of its record it has had */
} program;

uint64_t fuzz_random(uint64_t *state)
{
    const uint8_t *at;

    if (state != &model.random || !model.step || model.step > program.nr)
        return sim_random(state);
    if (program.step != model.step) {
        program.step = model.step;
        program.used = 0;
    }
    if (program.used == RECORD)
        return sim_random(state);
    at = program.records + (program.step - 1) * (size_t)RECORD + program.used;
    program.used += 2;
    return (uint64_t)at[0] << 56 | (uint64_t)at[1] << 48;
}

/* What an operation draws when its record is used up. */
static uint64_t record_seed(const uint8_t *record)
{
    uint64_t seed = 0xcbf29ce484222325ull;

    for (unsigned int i = 0; i < RECORD; i++)
        seed = (seed ^ record[i]) * 0x100000001b3ull;
    return seed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct m_op op[PROGRAM];
    struct fuzz_input input = {data, size};
    uint64_t shape = fuzz_number(&input, 4);
    struct m_machine machine;
    struct m_result result;

    program.records = input.at;
    program.nr = input.left / RECORD < PROGRAM ? input.left / RECORD : PROGRAM;
    program.step = 0;
    for (size_t i = 0; i < program.nr; i++)
        op[i] = (struct m_op){.number = (uint32_t)i + 1,
                              .seed = record_seed(program.records + i * RECORD)};
    m_machine_make(&machine, shape);
    m_run(&machine, op, program.nr, &result, false);
    if (result.verdict != SIM_FINE) {
        printf("%s\nlast operations:\n", result.text);
        m_print_notes();
        fflush(stdout);
    }
    FUZZ_REQUIRE(result.verdict == SIM_FINE, "%s", result.text);
    return 0;
}
