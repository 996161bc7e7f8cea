/* SPDX-License-Identifier: MIT */
/* base/parse: numbers out of option texts. Any context; no locks, no state. */
#include "base.h"

static int parse_digit(char c, unsigned int base)
{
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : 99;

    return digit < (int)base ? digit : -1;
}

/* The power of two a unit letter stands for; 0 when it is none. */
static unsigned int parse_unit(char c)
{
    switch (c) {
    case 'K':
    case 'k':
        return 10;
    case 'M':
    case 'm':
        return 20;
    case 'G':
    case 'g':
        return 30;
    case 'T':
    case 't':
        return 40;
    default:
        return 0;
    }
}

/* Read a decimal number, or a hexadecimal one after 0x, with an optional unit behind it.
 * Returns: false when there is no digit or the value does not fit 64 bits; then neither *@text nor
 *          *@value changes. What follows the number is the caller's to judge. */
bool qr_parse_number(const char **text, bool units, u64 *value)
{
    const char *at = *text;
    unsigned int base = 10, shift;
    u64 number = 0;
    int digit;

    if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X') && parse_digit(at[2], 16) >= 0) {
        base = 16;
        at += 2;
    }
    if (parse_digit(*at, base) < 0)
        return false;
    for (; (digit = parse_digit(*at, base)) >= 0; at++) {
        if (__builtin_mul_overflow(number, base, &number) ||
            __builtin_add_overflow(number, (u64)digit, &number))
            return false;
    }
    shift = units ? parse_unit(*at) : 0;
    if (shift) {
        if (number > ~0ULL >> shift)
            return false;
        number <<= shift;
        at++;
    }
    *text = at;
    *value = number;
    return true;
}
