/* SPDX-License-Identifier: MIT */
/* Kinds of characters, of ASCII only: nothing depends on a locale. libc's header comes first, so that it
 * cannot come later and find its names taken. */
#ifndef QUARRY_LINUX_CTYPE_H
#define QUARRY_LINUX_CTYPE_H

#include <ctype.h>

static inline int quarry_between(int c, int from, int to)
{
    return (unsigned char)c >= from && (unsigned char)c <= to;
}
#undef isdigit
#undef islower
#undef isupper
#undef isalpha
#undef isalnum
#undef isxdigit
#undef isspace
#undef iscntrl
#undef isgraph
#undef isprint
#undef ispunct
#undef isascii
#undef toascii
#undef tolower
#undef toupper
#undef isblank
#define isdigit(c) quarry_between((c), '0', '9')
#define islower(c) quarry_between((c), 'a', 'z')
#define isupper(c) quarry_between((c), 'A', 'Z')
#define isalpha(c) quarry_isalpha(c)
#define isalnum(c) quarry_isalnum(c)
#define isxdigit(c) quarry_isxdigit(c)
#define isspace(c) quarry_isspace(c)
#define isblank(c) quarry_isblank(c)
#define iscntrl(c) quarry_iscntrl(c)
#define isgraph(c) quarry_between((c), 0x21, 0x7e)
#define isprint(c) quarry_between((c), 0x20, 0x7e)
#define ispunct(c) quarry_ispunct(c)
#define isascii(c) quarry_between((c), 0, 0x7f)
#define toascii(c) ((unsigned char)(c)&0x7f)
#define tolower(c) quarry_tolower(c)
#define toupper(c) quarry_toupper(c)
#define isodigit(c) quarry_between((c), '0', '7')

static inline int quarry_isalpha(int c)
{
    return islower(c) || isupper(c);
}
static inline int quarry_isalnum(int c)
{
    return isalpha(c) || isdigit(c);
}
static inline int quarry_isxdigit(int c)
{
    return isdigit(c) || quarry_between(c | 0x20, 'a', 'f');
}
static inline int quarry_isblank(int c)
{
    return (unsigned char)c == ' ' || (unsigned char)c == '\t';
}
static inline int quarry_isspace(int c)
{
    return (unsigned char)c == ' ' || quarry_between(c, '\t', '\r');
}
static inline int quarry_iscntrl(int c)
{
    return quarry_between(c, 0, 0x1f) || (unsigned char)c == 0x7f;
}
static inline int quarry_ispunct(int c)
{
    return isgraph(c) && !isalnum(c);
}
static inline int quarry_tolower(int c)
{
    return isupper(c) ? (unsigned char)c + ('a' - 'A') : (unsigned char)c;
}
static inline int quarry_toupper(int c)
{
    return islower(c) ? (unsigned char)c - ('a' - 'A') : (unsigned char)c;
}

#endif
