/* SPDX-License-Identifier: MIT */
/* Random numbers that follow from a seed of the caller's. Not the sequence of a kernel's generator. */
#ifndef QUARRY_LINUX_PRANDOM_H
#define QUARRY_LINUX_PRANDOM_H

#include <linux/random.h>

struct rnd_state {
    u64 quarry_counter;
};
QUARRY_EXTERN_C_BEGIN
QUARRY_API void prandom_seed_state(struct rnd_state *state, u64 seed);
QUARRY_API u32 prandom_u32_state(struct rnd_state *state);
QUARRY_API void prandom_bytes_state(struct rnd_state *state, void *buffer, size_t size);
QUARRY_EXTERN_C_END

#endif
