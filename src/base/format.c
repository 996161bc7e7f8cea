/* SPDX-License-Identifier: MIT */
/* base/format: numbers and strings as text, without libc.
 *
 * Problem. Reports, boot messages and the texts of observe/ need printf, also where nothing may
 * sleep, allocate or lock, and where there is no libc.
 *
 * Idea. A directive is parsed into a small record (format_spec); every conversion then becomes the
 * same four parts, which one function pads to the field:
 *
 *     [ spaces | sign or 0x | zeros | digits or characters | spaces ]
 *
 * What does not fit into the buffer is counted but not written, so the caller learns the length the
 * whole text has.
 *
 * Invariants. F1: nothing is written at or behind buffer + size. F2: with size > 0 the buffer is
 * always terminated.
 *
 * Locks, sleeping. None; any context.
 *
 * Limits. Flags - 0 + # space, width, precision (* too), lengths hh h l ll z t, conversions
 * d i u x X o c s p %. An unknown directive is copied as it stands, which shows it in the text. No
 * floating point, no %n, no wide characters, no locale. */
#include "base.h"

/* A va_list may be an array type, of which no pointer can be taken once it is a parameter. */
struct format_args {
    va_list list;
};

struct format_sink {
    char *buffer;
    size_t size, length;
};

enum format_length {
    FORMAT_CHAR,
    FORMAT_SHORT,
    FORMAT_INT,
    FORMAT_LONG,
    FORMAT_LONG_LONG,
    FORMAT_SIZE,
    FORMAT_PTRDIFF
};

struct format_spec {
    bool left, zero, plus, space, alternate;
    bool has_precision;
    size_t width, precision;
    enum format_length length;
};

static void format_put(struct format_sink *sink, char c)
{
    if (sink->length + 1 < sink->size)
        sink->buffer[sink->length] = c;
    sink->length++;
}

static void format_fill(struct format_sink *sink, char c, size_t nr)
{
    while (nr--)
        format_put(sink, c);
}

static void format_copy(struct format_sink *sink, const char *text, size_t nr)
{
    while (nr--)
        format_put(sink, *text++);
}

/* The four parts of a field. @zeros are those that the precision asks for. */
static void format_field(struct format_sink *sink, const struct format_spec *spec,
                         const char *prefix, size_t zeros, const char *body, size_t body_length)
{
    size_t prefix_length = qr_strlen(prefix);
    size_t used = prefix_length + zeros + body_length;
    size_t pad = QR_MAX(spec->width, used) - used;

    if (spec->zero && !spec->left) {
        zeros += pad;
        pad = 0;
    }
    if (!spec->left)
        format_fill(sink, ' ', pad);
    format_copy(sink, prefix, prefix_length);
    format_fill(sink, '0', zeros);
    format_copy(sink, body, body_length);
    if (spec->left)
        format_fill(sink, ' ', pad);
}

static u64 format_unsigned(enum format_length length, struct format_args *args)
{
    switch (length) {
    case FORMAT_CHAR:
        return (unsigned char)va_arg(args->list, unsigned int);
    case FORMAT_SHORT:
        return (unsigned short)va_arg(args->list, unsigned int);
    case FORMAT_INT:
        return va_arg(args->list, unsigned int);
    case FORMAT_LONG:
        return va_arg(args->list, unsigned long);
    case FORMAT_LONG_LONG:
        return va_arg(args->list, unsigned long long);
    case FORMAT_SIZE:
        return va_arg(args->list, size_t);
    case FORMAT_PTRDIFF:
        return (u64)va_arg(args->list, ptrdiff_t);
    }
    return 0;
}

static int64_t format_signed(enum format_length length, struct format_args *args)
{
    switch (length) {
    case FORMAT_CHAR:
        return (signed char)va_arg(args->list, int);
    case FORMAT_SHORT:
        return (short)va_arg(args->list, int);
    case FORMAT_INT:
        return va_arg(args->list, int);
    case FORMAT_LONG:
        return va_arg(args->list, long);
    case FORMAT_LONG_LONG:
        return va_arg(args->list, long long);
    case FORMAT_SIZE:
        return (int64_t)va_arg(args->list, size_t);
    case FORMAT_PTRDIFF:
        return va_arg(args->list, ptrdiff_t);
    }
    return 0;
}

/* Digits of @value into the end of @digits; returns how many. */
static size_t format_digits(char digits[24], u64 value, unsigned int base, bool upper)
{
    const char *alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    size_t nr = 0;

    for (; value; value /= base)
        digits[24 - ++nr] = alphabet[value % base];
    return nr;
}

static void format_number(struct format_sink *sink, struct format_spec *spec, u64 value,
                          unsigned int base, bool upper, const char *prefix)
{
    char digits[24];
    size_t nr = format_digits(digits, value, base, upper);
    size_t wanted = spec->has_precision ? spec->precision : 1;
    size_t zeros = QR_MAX(wanted, nr) - nr;

    if (spec->has_precision)
        spec->zero = false; /* the precision alone says how many zeros */
    if (spec->alternate && base == 8 && !zeros)
        zeros = 1;
    format_field(sink, spec, prefix, zeros, digits + 24 - nr, nr);
}

static void format_integer(struct format_sink *sink, struct format_spec *spec, char conversion,
                           struct format_args *args)
{
    int64_t number;
    u64 value;

    if (conversion == 'd' || conversion == 'i') {
        number = format_signed(spec->length, args);
        value = number < 0 ? 0 - (u64)number : (u64)number;
        format_number(sink, spec, value, 10, false,
                      number < 0    ? "-"
                      : spec->plus  ? "+"
                      : spec->space ? " "
                                    : "");
        return;
    }
    value = format_unsigned(spec->length, args);
    if (conversion == 'u')
        format_number(sink, spec, value, 10, false, "");
    else if (conversion == 'o')
        format_number(sink, spec, value, 8, false, "");
    else if (conversion == 'X')
        format_number(sink, spec, value, 16, true, spec->alternate && value ? "0X" : "");
    else
        format_number(sink, spec, value, 16, false, spec->alternate && value ? "0x" : "");
}

static void format_string(struct format_sink *sink, struct format_spec *spec, const char *text)
{
    if (!text)
        text = "(null)";
    spec->zero = false;
    format_field(sink, spec, "", 0, text,
                 spec->has_precision ? qr_strnlen(text, spec->precision) : qr_strlen(text));
}

static void format_pointer(struct format_sink *sink, struct format_spec *spec, const void *pointer)
{
    if (!pointer) {
        spec->has_precision = false;
        format_string(sink, spec, "(nil)");
        return;
    }
    format_number(sink, spec, (uintptr_t)pointer, 16, false, "0x");
}

static const char *format_parse_flags(const char *at, struct format_spec *spec)
{
    for (;; at++) {
        if (*at == '-')
            spec->left = true;
        else if (*at == '0')
            spec->zero = true;
        else if (*at == '+')
            spec->plus = true;
        else if (*at == ' ')
            spec->space = true;
        else if (*at == '#')
            spec->alternate = true;
        else
            return at;
    }
}

/* A width or precision; a negative one from the arguments sets *@negative. */
static const char *format_parse_count(const char *at, size_t *count, bool *negative,
                                      struct format_args *args)
{
    int argument;

    *negative = false;
    if (*at == '*') {
        argument = va_arg(args->list, int);
        *negative = argument < 0;
        *count = argument < 0 ? 0u - (unsigned int)argument : (unsigned int)argument;
        return at + 1;
    }
    for (*count = 0; *at >= '0' && *at <= '9'; at++)
        *count = *count * 10 + (size_t)(*at - '0');
    return at;
}

static const char *format_parse_length(const char *at, struct format_spec *spec)
{
    spec->length = FORMAT_INT;
    if (*at == 'h') {
        spec->length = at[1] == 'h' ? FORMAT_CHAR : FORMAT_SHORT;
        return at + (at[1] == 'h' ? 2 : 1);
    }
    if (*at == 'l') {
        spec->length = at[1] == 'l' ? FORMAT_LONG_LONG : FORMAT_LONG;
        return at + (at[1] == 'l' ? 2 : 1);
    }
    if (*at == 'z')
        spec->length = FORMAT_SIZE;
    else if (*at == 't')
        spec->length = FORMAT_PTRDIFF;
    else
        return at;
    return at + 1;
}

/* One directive; @at is behind its '%'. Returns what follows it. */
static const char *format_directive(struct format_sink *sink, const char *at,
                                    struct format_args *args)
{
    struct format_spec spec = {.length = FORMAT_INT};
    const char *start = at;
    bool negative;
    char character;

    at = format_parse_flags(at, &spec);
    at = format_parse_count(at, &spec.width, &negative, args);
    spec.left |= negative;
    if (*at == '.') {
        at = format_parse_count(at + 1, &spec.precision, &negative, args);
        spec.has_precision = !negative;
    }
    at = format_parse_length(at, &spec);
    switch (*at) {
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        format_integer(sink, &spec, *at, args);
        break;
    case 'c':
        character = (char)va_arg(args->list, int);
        spec.zero = false;
        format_field(sink, &spec, "", 0, &character, 1);
        break;
    case 's':
        format_string(sink, &spec, va_arg(args->list, const char *));
        break;
    case 'p':
        format_pointer(sink, &spec, va_arg(args->list, const void *));
        break;
    case '%':
        format_put(sink, '%');
        break;
    default: /* unknown: show it as it stands */
        format_put(sink, '%');
        return start;
    }
    return at + 1;
}

/* Format @format into @buffer, terminated and cut at @size.
 * Context: any. Returns: the length the whole text has, without the terminator. */
size_t qr_vsnprintf(char *buffer, size_t size, const char *format, va_list args)
{
    struct format_sink sink = {buffer, size, 0};
    struct format_args copy;

    va_copy(copy.list, args);
    while (*format) {
        if (*format == '%')
            format = format_directive(&sink, format + 1, &copy);
        else
            format_put(&sink, *format++);
    }
    va_end(copy.list);
    if (size)
        buffer[QR_MIN(sink.length, size - 1)] = 0;
    return sink.length;
}

size_t qr_snprintf(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    size_t length;

    va_start(args, format);
    length = qr_vsnprintf(buffer, size, format, args);
    va_end(args);
    return length;
}

/* Append to a text. What does not fit is dropped and counted in text->length; the piece that is cut ends the
 * text, and what comes behind it finds no room. Context: any. */
void qr_text_add(struct qr_text *text, const char *format, ...)
{
    size_t used = QR_MIN(text->length, text->size);
    va_list args;

    va_start(args, format);
    text->length +=
        qr_vsnprintf(text->size ? text->buffer + used : NULL, text->size - used, format, args);
    va_end(args);
}
