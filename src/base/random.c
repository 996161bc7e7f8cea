/* SPDX-License-Identifier: MIT */
/* base/random: pseudo random numbers with a seed, after the published splitmix64 generator
 * (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014): a Weyl
 * sequence whose every step is mixed by two multiplications. Any state is a good one, also 0, and
 * the same state gives the same numbers on every machine, so that a failing run can be repeated.
 * Not for secrets. */
#include "base.h"

u64 qr_random(u64 *state)
{
    u64 z = *state += 0x9e3779b97f4a7c15ULL;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}
