/* SPDX-License-Identifier: MIT */
/* tests/fuzz: one entry for each program, LLVMFuzzerTestOneInput, under whatever feeds it: libFuzzer
 * (make fuzz), AFL++ (its driver knows the same entry), or replay.c, which has the inputs that were kept.
 *
 * An input is a stream of bytes from which a program draws what it needs; behind its end everything is zero,
 * so that each input means something, and a longer one nearly the same as its beginning. What a program
 * compares with is written a second time, as simply as it can be said. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
    if (!input->left)
        return 0;
    input->left--;
    return *input->at++;
}

/* A number of @bytes bytes, the lowest first. */
static inline uint64_t fuzz_number(struct fuzz_input *input, unsigned int bytes)
{
    uint64_t number = 0;

    for (unsigned int i = 0; i < bytes; i++)
        number |= (uint64_t)fuzz_byte(input) << (8 * i);
    return number;
}

/* A number of any size, small ones more often: its first byte says how many bytes it has. */
static inline uint64_t fuzz_any(struct fuzz_input *input)
{
    static const uint8_t bytes[] = {1, 1, 1, 1, 2, 2, 4, 8};
    uint8_t first = fuzz_byte(input);

    return first < 128 ? first % 32u : fuzz_number(input, bytes[first % 8]);
}

/* The rest as a text of its own length, so that a step behind its end is noticed; the caller frees it. */
static inline char *fuzz_text(struct fuzz_input *input)
{
    char *text = malloc(input->left + 1);

    if (!text)
        abort();
    if (input->left)
        memcpy(text, input->at, input->left);
    text[input->left] = '\0';
    input->left = 0;
    return text;
}

/* What must hold. */
#define FUZZ_REQUIRE(condition, ...)                                                               \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not true: %s: ", __FILE__, __LINE__, #condition);              \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fprintf(stderr, "\n");                                                                 \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
