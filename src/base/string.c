/* SPDX-License-Identifier: MIT */
/* base/string: the few string functions the core needs, without libc. Any context; no locks, no
 * state. All strings end in a zero byte unless a maximum is given. */
#include "base.h"

size_t qr_strlen(const char *s)
{
    size_t length = 0;

    while (s[length])
        length++;
    return length;
}

/* The length, or @max when there is no terminator in the first @max bytes (none further is read). */
size_t qr_strnlen(const char *s, size_t max)
{
    size_t length = 0;

    while (length < max && s[length])
        length++;
    return length;
}

int qr_strcmp(const char *a, const char *b)
{
    return qr_strncmp(a, b, (size_t)-1);
}

/* Negative, 0 or positive, as bytes without a sign compare. */
int qr_strncmp(const char *a, const char *b, size_t max)
{
    for (; max; a++, b++, max--) {
        if (*a != *b)
            return (unsigned char)*a - (unsigned char)*b;
        if (!*a)
            return 0;
    }
    return 0;
}

/* Copy at most @size - 1 characters; the copy is always terminated, unless @size is 0. */
void qr_strcpy(char *to, size_t size, const char *from)
{
    size_t length;

    if (!size)
        return;
    length = qr_strnlen(from, size - 1);
    memcpy(to, from, length);
    to[length] = 0;
}
