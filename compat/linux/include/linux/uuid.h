/* SPDX-License-Identifier: MIT */
/* Universally unique identifiers: uuid_t in the order in which they are written, guid_t with its first three
 * fields in the little end first (RFC 9562; Microsoft's and EFI's). */
#ifndef QUARRY_LINUX_UUID_H
#define QUARRY_LINUX_UUID_H

#include <linux/string.h>
#include <linux/types.h>

#define UUID_SIZE 16
#define UUID_STRING_LEN 36

typedef struct {
    u8 b[UUID_SIZE];
} uuid_t;
typedef struct {
    u8 b[UUID_SIZE];
} guid_t;
#define UUID_INIT(a, b, c, d0, d1, d2, d3, d4, d5, d6, d7)                                         \
    ((uuid_t){{((a) >> 24) & 0xff, ((a) >> 16) & 0xff, ((a) >> 8) & 0xff, (a)&0xff,                \
               ((b) >> 8) & 0xff, (b)&0xff, ((c) >> 8) & 0xff, (c)&0xff, (d0), (d1), (d2), (d3),   \
               (d4), (d5), (d6), (d7)}})
#define GUID_INIT(a, b, c, d0, d1, d2, d3, d4, d5, d6, d7)                                         \
    ((guid_t){{(a)&0xff, ((a) >> 8) & 0xff, ((a) >> 16) & 0xff, ((a) >> 24) & 0xff, (b)&0xff,      \
               ((b) >> 8) & 0xff, (c)&0xff, ((c) >> 8) & 0xff, (d0), (d1), (d2), (d3), (d4), (d5), \
               (d6), (d7)}})

QUARRY_EXTERN_C_BEGIN
extern QUARRY_API const uuid_t uuid_null;
extern QUARRY_API const guid_t guid_null;
/* A random one (version 4). */
QUARRY_API void uuid_gen(uuid_t *uuid);
QUARRY_API void guid_gen(guid_t *guid);
QUARRY_API void generate_random_uuid(unsigned char uuid[UUID_SIZE]);
/* From "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx": 0 or -EINVAL. */
QUARRY_API int uuid_parse(const char *text, uuid_t *uuid);
QUARRY_API int guid_parse(const char *text, guid_t *guid);
QUARRY_API bool uuid_is_valid(const char *text);
#define QUARRY_UUID_CALLS(kind)                                                                    \
    static inline bool kind##_equal(const kind##_t *a, const kind##_t *b)                          \
    {                                                                                              \
        return memcmp(a, b, sizeof(*a)) == 0;                                                      \
    }                                                                                              \
    static inline void kind##_copy(kind##_t *to, const kind##_t *from)                             \
    {                                                                                              \
        memcpy(to, from, sizeof(*to));                                                             \
    }                                                                                              \
    static inline bool kind##_is_null(const kind##_t *a)                                           \
    {                                                                                              \
        return kind##_equal(a, &kind##_null);                                                      \
    }                                                                                              \
    static inline void import_##kind(kind##_t *to, const u8 *from)                                 \
    {                                                                                              \
        memcpy(to, from, sizeof(*to));                                                             \
    }                                                                                              \
    static inline void export_##kind(u8 *to, const kind##_t *from)                                 \
    {                                                                                              \
        memcpy(to, from, sizeof(*from));                                                           \
    }
QUARRY_UUID_CALLS(uuid)
QUARRY_UUID_CALLS(guid)
QUARRY_EXTERN_C_END

#endif
