/* SPDX-License-Identifier: MIT */
/* Numbers from text. kstrto*: the whole text (a newline may follow) or an error; 0, -EINVAL, -ERANGE.
 * simple_strto*: as far as it goes. */
#ifndef QUARRY_LINUX_KSTRTOX_H
#define QUARRY_LINUX_KSTRTOX_H

#include <linux/compiler.h>
#include <linux/types.h>

QUARRY_EXTERN_C_BEGIN

QUARRY_API int kstrtoull(const char *text, unsigned int base, unsigned long long *value);
QUARRY_API int kstrtoll(const char *text, unsigned int base, long long *value);
QUARRY_API int kstrtoul(const char *text, unsigned int base, unsigned long *value);
QUARRY_API int kstrtol(const char *text, unsigned int base, long *value);
QUARRY_API int kstrtouint(const char *text, unsigned int base, unsigned int *value);
QUARRY_API int kstrtoint(const char *text, unsigned int base, int *value);
QUARRY_API int kstrtou16(const char *text, unsigned int base, u16 *value);
QUARRY_API int kstrtos16(const char *text, unsigned int base, s16 *value);
QUARRY_API int kstrtou8(const char *text, unsigned int base, u8 *value);
QUARRY_API int kstrtos8(const char *text, unsigned int base, s8 *value);
/* y, Y, 1, t, on / n, N, 0, f, off. */
QUARRY_API int kstrtobool(const char *text, bool *value);
#define strtobool kstrtobool
static inline int kstrtou64(const char *text, unsigned int base, u64 *value)
{
    return kstrtoull(text, base, value);
}
static inline int kstrtos64(const char *text, unsigned int base, s64 *value)
{
    return kstrtoll(text, base, value);
}
static inline int kstrtou32(const char *text, unsigned int base, u32 *value)
{
    return kstrtouint(text, base, value);
}
static inline int kstrtos32(const char *text, unsigned int base, s32 *value)
{
    return kstrtoint(text, base, value);
}
#define strict_strtoul(text, base, value) kstrtoul((text), (base), (value))
#define strict_strtol(text, base, value) kstrtol((text), (base), (value))

/* The same from user memory: also -EFAULT. */
QUARRY_API int kstrtoull_from_user(const char __user *s, size_t n, unsigned int base,
                                   unsigned long long *value);
QUARRY_API int kstrtoll_from_user(const char __user *s, size_t n, unsigned int base,
                                  long long *value);
QUARRY_API int kstrtoul_from_user(const char __user *s, size_t n, unsigned int base,
                                  unsigned long *value);
QUARRY_API int kstrtol_from_user(const char __user *s, size_t n, unsigned int base, long *value);
QUARRY_API int kstrtouint_from_user(const char __user *s, size_t n, unsigned int base,
                                    unsigned int *value);
QUARRY_API int kstrtoint_from_user(const char __user *s, size_t n, unsigned int base, int *value);
QUARRY_API int kstrtobool_from_user(const char __user *s, size_t n, bool *value);

QUARRY_API unsigned long simple_strtoul(const char *text, char **end, unsigned int base);
QUARRY_API long simple_strtol(const char *text, char **end, unsigned int base);
QUARRY_API unsigned long long simple_strtoull(const char *text, char **end, unsigned int base);
QUARRY_API long long simple_strtoll(const char *text, char **end, unsigned int base);

QUARRY_EXTERN_C_END

#endif
