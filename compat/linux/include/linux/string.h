/* SPDX-License-Identifier: MIT */
/* libc's memory and string functions are the kernel's; below is what libc has not. */
#ifndef QUARRY_LINUX_STRING_H
#define QUARRY_LINUX_STRING_H

#include <string.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/types.h>
#include <quarry/slab.h> /* kstrdup, kmemdup, … */

QUARRY_EXTERN_C_BEGIN

/* Copy with a NUL always: bytes copied, or -E2BIG when it was cut. */
QUARRY_API ssize_t quarry_strscpy(char *to, const char *from, size_t size);
QUARRY_API ssize_t quarry_strscpy_pad(char *to, const char *from, size_t size);
#define QUARRY_STRSCPY_PICK(a1, a2, a3, name, ...) name
#define quarry_strscpy_2(to, from) quarry_strscpy((to), (from), sizeof(to))
#define strscpy(...)                                                                               \
    QUARRY_STRSCPY_PICK(__VA_ARGS__, quarry_strscpy, quarry_strscpy_2, strscpy_needs_arguments, )  \
    (__VA_ARGS__)
#define quarry_strscpy_pad_2(to, from) quarry_strscpy_pad((to), (from), sizeof(to))
#define strscpy_pad(...)                                                                           \
    QUARRY_STRSCPY_PICK(__VA_ARGS__, quarry_strscpy_pad, quarry_strscpy_pad_2,                     \
                        strscpy_needs_arguments, )                                                 \
    (__VA_ARGS__)
size_t strlcpy(char *to, const char *from, size_t size) __asm__("qlx_strlcpy");
size_t strlcat(char *to, const char *from, size_t size) __asm__("qlx_strlcat");
QUARRY_API char *strim(char *text);
#define strstrip strim
QUARRY_API char *skip_spaces(const char *text);
QUARRY_API char *strreplace(char *text, char old, char new_char);
QUARRY_API bool sysfs_streq(const char *a, const char *b);
QUARRY_API int match_string(const char *const *array, size_t n, const char *text);
QUARRY_API int __sysfs_match_string(const char *const *array, size_t n, const char *text);
#define sysfs_match_string(array, text)                                                            \
    __sysfs_match_string(array, sizeof(array) / sizeof((array)[0]), text)
QUARRY_API void *memchr_inv(const void *start, int c, size_t size);
QUARRY_API const char *kbasename(const char *path);
QUARRY_API char **argv_split(gfp_t gfp, const char *text, int *argc);
QUARRY_API void argv_free(char **argv);
int strcasecmp(const char *a, const char *b);
int strncasecmp(const char *a, const char *b, size_t size);
#define strnicmp strncasecmp
static inline bool strstarts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}
static inline size_t str_has_prefix(const char *text, const char *prefix)
{
    size_t size = strlen(prefix);
    return strncmp(text, prefix, size) == 0 ? size : 0;
}
static inline void *memset32(u32 *to, u32 value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = value;
    return to;
}
static inline void memzero_explicit(void *to, size_t size)
{
    memset(to, 0, size);
    __asm__ __volatile__("" : : "r"(to) : "memory");
}
/* Copies of user memory: ERR_PTR(-EFAULT), ERR_PTR(-ENOMEM). Free with kfree (vmemdup: kvfree). */
QUARRY_API void *memdup_user(const void __user *from, size_t size);
QUARRY_API void *memdup_user_nul(const void __user *from, size_t size);
QUARRY_API void *vmemdup_user(const void __user *from, size_t size);
QUARRY_API char *strndup_user(const char __user *from, long max);
QUARRY_API const char *kstrdup_const(const char *text, gfp_t gfp);
QUARRY_API void kfree_const(const void *text);

QUARRY_EXTERN_C_END

#endif
