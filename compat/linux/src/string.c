/* SPDX-License-Identifier: MIT */
/* string: numbers from text, and the string functions that libc has not. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/ctype.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

QUARRY_API const char hex_asc[] = "0123456789abcdef";
QUARRY_API const char hex_asc_upper[] = "0123456789ABCDEF";

/* ---- numbers ------------------------------------------------------------------------------- */

static const char *number_base(const char *text, unsigned int *base)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && isxdigit((u8)text[2]);
    if (*base == 0)
        *base = hex ? 16 : text[0] == '0' ? 8 : 10;
    return *base == 16 && hex ? text + 2 : text;
}

/* Digits from @text on: the value in *value; returns past them. *overflow tells when it did not
 * fit. */
static const char *number_digits(const char *text, unsigned int base, unsigned long long *value,
                                 bool *overflow)
{
    *value = 0;
    *overflow = false;
    for (;; text++) {
        int digit = hex_to_bin((u8)*text);
        if (digit < 0 || (unsigned int)digit >= base)
            return text;
        *overflow = __builtin_mul_overflow(*value, (unsigned long long)base, value) || *overflow;
        *overflow = __builtin_add_overflow(*value, (unsigned long long)digit, value) || *overflow;
    }
}

QUARRY_API int kstrtoull(const char *text, unsigned int base, unsigned long long *value)
{
    unsigned long long result;
    const char *digits, *end;
    bool overflow;
    if (*text == '+')
        text++;
    digits = number_base(text, &base);
    end = number_digits(digits, base, &result, &overflow);
    if (end == digits)
        return -EINVAL;
    if (*end == '\n')
        end++;
    if (*end)
        return -EINVAL;
    if (overflow)
        return -ERANGE;
    *value = result;
    return 0;
}

QUARRY_API int kstrtoll(const char *text, unsigned int base, long long *value)
{
    unsigned long long magnitude;
    bool negative = *text == '-';
    int error;
    if (negative && text[1] == '+')
        return -EINVAL;
    error = kstrtoull(text + negative, base, &magnitude);
    if (error)
        return error;
    if (magnitude > (unsigned long long)LLONG_MAX + negative)
        return -ERANGE;
    *value = negative ? (long long)(0 - magnitude) : (long long)magnitude;
    return 0;
}

#define NUMBER_NARROW(name, type, wide, from)                                                      \
    QUARRY_API int name(const char *text, unsigned int base, type *value)                          \
    {                                                                                              \
        wide result;                                                                               \
        int error = from(text, base, &result);                                                     \
        if (error)                                                                                 \
            return error;                                                                          \
        if ((wide)(type)result != result)                                                          \
            return -ERANGE;                                                                        \
        *value = (type)result;                                                                     \
        return 0;                                                                                  \
    }
NUMBER_NARROW(kstrtoul, unsigned long, unsigned long long, kstrtoull)
NUMBER_NARROW(kstrtol, long, long long, kstrtoll)
NUMBER_NARROW(kstrtouint, unsigned int, unsigned long long, kstrtoull)
NUMBER_NARROW(kstrtoint, int, long long, kstrtoll)
NUMBER_NARROW(kstrtou16, u16, unsigned long long, kstrtoull)
NUMBER_NARROW(kstrtos16, s16, long long, kstrtoll)
NUMBER_NARROW(kstrtou8, u8, unsigned long long, kstrtoull)
NUMBER_NARROW(kstrtos8, s8, long long, kstrtoll)

QUARRY_API int kstrtobool(const char *text, bool *value)
{
    if (!text)
        return -EINVAL;
    switch (tolower((u8)text[0])) {
    case 'y':
    case 't':
    case '1':
        *value = true;
        return 0;
    case 'n':
    case 'f':
    case '0':
        *value = false;
        return 0;
    case 'o':
        if (tolower((u8)text[1]) == 'n' || tolower((u8)text[1]) == 'f') {
            *value = tolower((u8)text[1]) == 'n';
            return 0;
        }
        return -EINVAL;
    default:
        return -EINVAL;
    }
}

/* A sign, 64 binary digits, a newline and a NUL at most. */
#define NUMBER_TEXT 67
static int number_from_user(char text[static NUMBER_TEXT], const char __user *s, size_t n)
{
    n = min(n, (size_t)NUMBER_TEXT - 1);
    if (copy_from_user(text, s, n))
        return -EFAULT;
    text[n] = '\0';
    return 0;
}
#define NUMBER_FROM_USER(name, type)                                                               \
    QUARRY_API int name##_from_user(const char __user *s, size_t n, unsigned int base,             \
                                    type *value)                                                   \
    {                                                                                              \
        char text[NUMBER_TEXT];                                                                    \
        int error = number_from_user(text, s, n);                                                  \
        return error ? error : name(text, base, value);                                            \
    }
NUMBER_FROM_USER(kstrtoull, unsigned long long)
NUMBER_FROM_USER(kstrtoll, long long)
NUMBER_FROM_USER(kstrtoul, unsigned long)
NUMBER_FROM_USER(kstrtol, long)
NUMBER_FROM_USER(kstrtouint, unsigned int)
NUMBER_FROM_USER(kstrtoint, int)

QUARRY_API int kstrtobool_from_user(const char __user *s, size_t n, bool *value)
{
    char text[NUMBER_TEXT];
    int error = number_from_user(text, s, n);
    return error ? error : kstrtobool(text, value);
}

QUARRY_API unsigned long long simple_strtoull(const char *text, char **end, unsigned int base)
{
    unsigned long long value;
    bool overflow;
    const char *digits = number_base(text, &base);
    const char *at = number_digits(digits, base, &value, &overflow);
    if (end)
        *end = (char *)(uintptr_t)at;
    return value;
}

QUARRY_API long long simple_strtoll(const char *text, char **end, unsigned int base)
{
    if (*text == '-')
        return (long long)(0 - simple_strtoull(text + 1, end, base));
    return (long long)simple_strtoull(text, end, base);
}

QUARRY_API unsigned long simple_strtoul(const char *text, char **end, unsigned int base)
{
    return (unsigned long)simple_strtoull(text, end, base);
}

QUARRY_API long simple_strtol(const char *text, char **end, unsigned int base)
{
    return (long)simple_strtoll(text, end, base);
}

QUARRY_API unsigned long long memparse(const char *text, char **end)
{
    static const char suffix[] = "KMGTPE";
    char *at;
    unsigned long long value = simple_strtoull(text, &at, 0);
    const char *found = *at ? strchr(suffix, toupper((u8)*at)) : NULL;
    if (found) {
        value <<= 10 * (found - suffix + 1);
        at++;
    }
    if (end)
        *end = at;
    return value;
}

QUARRY_API int get_option(char **text, int *value)
{
    char *at = *text;
    if (!at || !*at)
        return 0;
    *value = (int)simple_strtol(at, text, 0);
    if (at == *text)
        return 0;
    if (**text == ',') {
        (*text)++;
        return 2;
    }
    return **text == '-' ? 3 : 1;
}

QUARRY_API char *get_options(const char *text, int count, int *values)
{
    char *at = (char *)(uintptr_t)text;
    int i = 1;
    while (i < count) {
        int got = get_option(&at, values + i);
        if (got == 0)
            break;
        i++;
        if (got == 1)
            break;
    }
    values[0] = i - 1;
    return at;
}

QUARRY_API int hex_to_bin(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (unsigned char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

QUARRY_API int hex2bin(u8 *to, const char *from, size_t count)
{
    while (count--) {
        int high = hex_to_bin((u8)from[0]), low = high < 0 ? -1 : hex_to_bin((u8)from[1]);
        if (low < 0)
            return -EINVAL;
        *to++ = (u8)(high << 4 | low);
        from += 2;
    }
    return 0;
}

QUARRY_API char *bin2hex(char *to, const void *from, size_t count)
{
    const u8 *byte = from;
    while (count--) {
        *to++ = hex_asc_hi(*byte);
        *to++ = hex_asc_lo(*byte++);
    }
    return to;
}

/* ---- strings ------------------------------------------------------------------------------- */

QUARRY_API ssize_t quarry_strscpy(char *to, const char *from, size_t size)
{
    size_t length;
    if (size == 0)
        return -E2BIG;
    length = strnlen(from, size);
    if (length < size) {
        memcpy(to, from, length + 1);
        return (ssize_t)length;
    }
    memcpy(to, from, size - 1);
    to[size - 1] = '\0';
    return -E2BIG;
}

QUARRY_API ssize_t quarry_strscpy_pad(char *to, const char *from, size_t size)
{
    ssize_t length = quarry_strscpy(to, from, size);
    if (length >= 0)
        memset(to + length + 1, 0, size - (size_t)length - 1);
    return length;
}

QUARRY_API size_t strlcpy(char *to, const char *from, size_t size)
{
    (void)quarry_strscpy(to, from, size);
    return strlen(from);
}

QUARRY_API size_t strlcat(char *to, const char *from, size_t size)
{
    size_t length = strnlen(to, size);
    return length + strlcpy(to + length, from, size - length);
}

QUARRY_API char *skip_spaces(const char *text)
{
    while (isspace((u8)*text))
        text++;
    return (char *)(uintptr_t)text;
}

QUARRY_API char *strim(char *text)
{
    char *end = text + strlen(text);
    while (end > text && isspace((u8)end[-1]))
        end--;
    *end = '\0';
    return skip_spaces(text);
}

QUARRY_API char *strreplace(char *text, char old, char new_char)
{
    for (char *at = text; *at; at++)
        if (*at == old)
            *at = new_char;
    return text;
}

QUARRY_API bool sysfs_streq(const char *a, const char *b)
{
    size_t la = strcspn(a, "\n"), lb = strcspn(b, "\n");
    return la == lb && memcmp(a, b, la) == 0 && (!a[la] || !a[la + 1]) && (!b[lb] || !b[lb + 1]);
}

QUARRY_API int match_string(const char *const *array, size_t n, const char *text)
{
    for (size_t i = 0; i < n && array[i]; i++)
        if (strcmp(array[i], text) == 0)
            return (int)i;
    return -EINVAL;
}

QUARRY_API int __sysfs_match_string(const char *const *array, size_t n, const char *text)
{
    for (size_t i = 0; i < n && array[i]; i++)
        if (sysfs_streq(array[i], text))
            return (int)i;
    return -EINVAL;
}

QUARRY_API void *memchr_inv(const void *start, int c, size_t size)
{
    const u8 *at = start;
    for (; size--; at++)
        if (*at != (u8)c)
            return (void *)(uintptr_t)at;
    return NULL;
}

QUARRY_API const char *kbasename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

QUARRY_API char **argv_split(gfp_t gfp, const char *text, int *argc)
{
    size_t words = 0;
    char *copy = kstrdup(text, gfp), **argv;
    if (!copy)
        return NULL;
    for (const char *at = skip_spaces(copy); *at; at = skip_spaces(at + strcspn(at, " \t\n")))
        words++;
    argv = kmalloc_array(words + 2, sizeof(*argv), gfp);
    if (!argv) {
        kfree(copy);
        return NULL;
    }
    *argv++ = copy; /* before the first word, for argv_free() */
    words = 0;
    for (char *at = skip_spaces(copy); *at; at = skip_spaces(at)) {
        argv[words++] = at;
        at += strcspn(at, " \t\n");
        if (*at)
            *at++ = '\0';
    }
    argv[words] = NULL;
    if (argc)
        *argc = (int)words;
    return argv;
}

QUARRY_API void argv_free(char **argv)
{
    kfree(argv[-1]);
    kfree(argv - 1);
}

QUARRY_API const char *kstrdup_const(const char *text, gfp_t gfp)
{
    return kstrdup(text, gfp);
}

QUARRY_API void kfree_const(const void *text)
{
    kfree(text);
}
