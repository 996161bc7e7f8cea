/* SPDX-License-Identifier: MIT */
/* random: numbers nobody can foresee, or, after qlx_random_seed(), the same ones in every run. Then they
 * come from a counter whose steps are mixed (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
 * Generators, 2014), which threads can take from without a lock; who takes which is up to the threads. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/uuid.h>
#include <sys/random.h>

#define RANDOM_STEP 0x9e3779b97f4a7c15ull

static u64 random_counter;
static bool random_seeded;

static u64 random_mix(u64 z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

void qlx_random_seed(uint64_t seed)
{
    __atomic_store_n(&random_counter, seed, __ATOMIC_RELAXED);
    __atomic_store_n(&random_seeded, true, __ATOMIC_RELEASE);
}

static void random_from_host(char *at, size_t size)
{
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
}

static void random_fill(char *at, size_t size, u64 *counter)
{
    while (size > 0) {
        u64 word = random_mix(__atomic_add_fetch(counter, RANDOM_STEP, __ATOMIC_RELAXED));
        size_t n = min(size, sizeof(word));
        memcpy(at, &word, n);
        at += n;
        size -= n;
    }
}

QUARRY_API void get_random_bytes(void *buffer, size_t size)
{
    if (__atomic_load_n(&random_seeded, __ATOMIC_ACQUIRE))
        random_fill(buffer, size, &random_counter);
    else
        random_from_host(buffer, size);
}

/* Of 2^32 numbers the last ones, which would make some results likelier, are drawn again. */
QUARRY_API u32 get_random_u32_below(u32 limit)
{
    u32 refuse = limit ? -limit % limit : 0;
    u64 product;
    do
        product = (u64)get_random_u32() * limit;
    while ((u32)product < refuse);
    return limit ? (u32)(product >> 32) : get_random_u32();
}

/* ---- generators of a caller's own ------------------------------------------------------------ */

QUARRY_API void prandom_seed_state(struct rnd_state *state, u64 seed)
{
    state->quarry_counter = seed;
}

QUARRY_API void prandom_bytes_state(struct rnd_state *state, void *buffer, size_t size)
{
    random_fill(buffer, size, &state->quarry_counter);
}

QUARRY_API u32 prandom_u32_state(struct rnd_state *state)
{
    u32 value;
    prandom_bytes_state(state, &value, sizeof(value));
    return value;
}

/* ---- identifiers ----------------------------------------------------------------------------- */

QUARRY_API const uuid_t uuid_null;
QUARRY_API const guid_t guid_null;
/* Where the bytes of the text go. */
static const u8 uuid_places[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const u8 guid_places[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

/* RFC 9562: version 4 in the first four bits of the third field, the variant in two of the eighth byte. */
static void uuid_random(u8 *b, unsigned int version_at)
{
    get_random_bytes(b, UUID_SIZE);
    b[version_at] = (u8)((b[version_at] & 0x0f) | 0x40);
    b[8] = (u8)((b[8] & 0x3f) | 0x80);
}

QUARRY_API void uuid_gen(uuid_t *uuid)
{
    uuid_random(uuid->b, 6);
}

QUARRY_API void guid_gen(guid_t *guid)
{
    uuid_random(guid->b, 7);
}

QUARRY_API void generate_random_uuid(unsigned char uuid[UUID_SIZE])
{
    uuid_random(uuid, 6);
}

QUARRY_API bool uuid_is_valid(const char *text)
{
    for (unsigned int i = 0; i < UUID_STRING_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : hex_to_bin((unsigned char)text[i]) < 0)
            return false;
    }
    return true;
}

static int uuid_read(const char *text, u8 *b, const u8 *places)
{
    if (!uuid_is_valid(text))
        return -EINVAL;
    for (unsigned int i = 0; i < UUID_SIZE; i++, text += 2) {
        if (*text == '-')
            text++;
        b[places[i]] =
            (u8)(hex_to_bin((unsigned char)text[0]) << 4 | hex_to_bin((unsigned char)text[1]));
    }
    return 0;
}

QUARRY_API int uuid_parse(const char *text, uuid_t *uuid)
{
    return uuid_read(text, uuid->b, uuid_places);
}

QUARRY_API int guid_parse(const char *text, guid_t *guid)
{
    return uuid_read(text, guid->b, guid_places);
}
