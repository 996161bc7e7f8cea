/* SPDX-License-Identifier: MIT */
/* format: printf with the kernel's additions.
 *
 * Each conversion is taken apart here; numbers and strings are handed to libc one at a time, %p and
 * the letters after it are made here:
 *
 *     %p %px %pK   the address            %pS %ps %pF %pf %pB   function and offset, by the dynamic linker
 *     %pe          an error pointer's name        %pV   a format and its arguments (struct va_format)
 *     %pd %pD      a file's name                  %ph   bytes in hexadecimal (width = how many; C D N)
 *     %pM %pI4 %pI6 %pU   addresses and uuids     %pa   a phys_addr_t      %pt (seconds) as a number
 *
 * Unknown letters print the address and are then left out. %n is ignored. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/fs.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* libc's own, not the kernel-flavoured ones that the headers name. */
extern int format_libc(char *, size_t, const char *, ...) __asm__("snprintf");

struct format_out {
    char *buffer;
    size_t size, at; /* at counts on beyond the end */
};

struct format_spec {
    char flags[8];
    int width, precision; /* -1: none */
    char length[3];
    char conversion;
};

static void format_put(struct format_out *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++, out->at++)
        if (out->at < out->size)
            out->buffer[out->at] = text[i];
}

static void format_pad(struct format_out *out, size_t count)
{
    while (count--)
        format_put(out, " ", 1);
}

/* Text in the spec's width and precision. */
static void format_text(struct format_out *out, const struct format_spec *spec, const char *text)
{
    size_t size = spec->precision >= 0 ? strnlen(text, (size_t)spec->precision) : strlen(text);
    size_t pad = spec->width > 0 && (size_t)spec->width > size ? (size_t)spec->width - size : 0;
    bool left = strchr(spec->flags, '-') != NULL;
    if (!left)
        format_pad(out, pad);
    format_put(out, text, size);
    if (left)
        format_pad(out, pad);
}

static const char *format_number(const char *at, int *value, va_list *args)
{
    if (*at == '*') {
        *value = va_arg(*args, int);
        return at + 1;
    }
    *value = 0;
    while (*at >= '0' && *at <= '9')
        *value = *value * 10 + (*at++ - '0');
    return at;
}

/* What follows a '%'; returns past the conversion letter. */
static const char *format_parse(const char *at, struct format_spec *spec, va_list *args)
{
    size_t flags = 0, length = 0;
    memset(spec, 0, sizeof(*spec));
    spec->width = spec->precision = -1;
    while (*at && strchr("-+ #0", *at)) {
        if (flags < sizeof(spec->flags) - 2)
            spec->flags[flags++] = *at;
        at++;
    }
    if (*at == '*' || (*at >= '1' && *at <= '9'))
        at = format_number(at, &spec->width, args);
    if (spec->width < -1) {
        spec->flags[flags++] = '-';
        spec->width = -spec->width;
    }
    if (*at == '.')
        at = format_number(at + 1, &spec->precision, args);
    while (*at && strchr("hlLqjztZ", *at)) {
        if (length < 2)
            spec->length[length++] = *at;
        at++;
    }
    spec->conversion = *at;
    return *at ? at + 1 : at;
}

/* The number that the length names; sign extended when the conversion is signed. */
static unsigned long long format_take(const struct format_spec *spec, va_list *args)
{
    bool is_signed = spec->conversion == 'd' || spec->conversion == 'i';
    char c = spec->length[0];
    if (c == 'l' && spec->length[1] == 'l')
        return va_arg(*args, unsigned long long);
    if (c == 'l' || c == 'z' || c == 't' || c == 'Z')
        return va_arg(*args, unsigned long);
    if (c == 'L' || c == 'q' || c == 'j')
        return va_arg(*args, unsigned long long);
    if (c == 'h') {
        int value = va_arg(*args, int);
        if (spec->length[1] == 'h')
            return is_signed ? (unsigned long long)(long long)(signed char)value
                             : (unsigned char)value;
        return is_signed ? (unsigned long long)(long long)(short)value : (unsigned short)value;
    }
    if (is_signed)
        return (unsigned long long)(long long)va_arg(*args, int);
    return va_arg(*args, unsigned int);
}

static void format_integer(struct format_out *out, const struct format_spec *spec, va_list *args)
{
    unsigned long long value = format_take(spec, args);
    char format[32], text[160];
    int width = spec->width > 128 ? 128 : spec->width;
    int precision = spec->precision > 128 ? 128 : spec->precision, size;
    if (precision >= 0)
        format_libc(format, sizeof(format), "%%%s*.*ll%c", spec->flags, spec->conversion);
    else
        format_libc(format, sizeof(format), "%%%s*ll%c", spec->flags, spec->conversion);
    if (width < 0)
        width = 0;
    if (precision >= 0)
        size = format_libc(text, sizeof(text), format, width, precision, value);
    else
        size = format_libc(text, sizeof(text), format, width, value);
    if (size > 0)
        format_put(out, text, min((size_t)size, sizeof(text) - 1));
}

/* ---- what follows %p ----------------------------------------------------------------------- */

static void format_symbol(char *text, size_t size, const void *address, bool offset)
{
    Dl_info info;
    if (!dladdr(address, &info) || !info.dli_sname)
        format_libc(text, size, "%p", address);
    else if (offset)
        format_libc(text, size, "%s+0x%lx", info.dli_sname,
                    (unsigned long)((const char *)address - (const char *)info.dli_saddr));
    else
        format_libc(text, size, "%s", info.dli_sname);
}

static void format_bytes(char *text, size_t size, const unsigned char *bytes, size_t count,
                         const char *between)
{
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && at + 4 < size; i++)
        at += (size_t)format_libc(text + at, size - at, "%s%02x", i ? between : "", bytes[i]);
}

/* %ph, %phC, %phD, %phN: the width is the number of bytes. */
static const char *format_hex(char *text, size_t size, const char *at, struct format_spec *spec,
                              const void *bytes)
{
    const char *between = " ";
    size_t count = spec->width > 0 ? min((size_t)spec->width, (size_t)64) : 1;
    if (*at == 'C' || *at == 'D' || *at == 'N') {
        between = *at == 'C' ? ":" : *at == 'D' ? "-" : "";
        at++;
    }
    spec->width = -1;
    format_bytes(text, size, bytes, count, between);
    return at;
}

static const char *format_net(char *text, size_t size, const char *at, const unsigned char *b)
{
    if (at[0] == 'M' || at[0] == 'm') {
        format_bytes(text, size, b, 6, at[0] == 'M' ? ":" : "");
        return at + 1;
    }
    if (at[1] == '4') {
        format_libc(text, size, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
        return at + 2;
    }
    text[0] = '\0';
    for (size_t i = 0, used = 0; i < 8; i++)
        used += (size_t)format_libc(text + used, size - used, "%s%02x%02x", i ? ":" : "", b[2 * i],
                                    b[2 * i + 1]);
    at += 1 + (at[1] == '6');
    return *at == 'c' ? at + 1 : at;
}

static void format_uuid(char *text, size_t size, const unsigned char *b)
{
    format_libc(text, size, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
                b[13], b[14], b[15]);
}

static void format_error(char *text, size_t size, const void *ptr)
{
    const char *name = IS_ERR(ptr) ? strerrorname_np(-(int)PTR_ERR(ptr)) : NULL;
    if (name)
        format_libc(text, size, "-%s", name);
    else if (IS_ERR(ptr))
        format_libc(text, size, "%ld", PTR_ERR(ptr));
    else
        format_libc(text, size, "%p", ptr);
}

static const char *format_dentry(const char *at, const void *ptr, const char **name)
{
    const struct dentry *dentry = ptr;
    if (*at == 'D')
        dentry = ((const struct file *)ptr)->f_path.dentry;
    *name = dentry ? (const char *)dentry->d_name.name : "(null)";
    at++;
    return *at >= '2' && *at <= '4' ? at + 1 : at;
}

static void format_any(struct format_out *out, const char *format, va_list *args);

static const char *format_pointer(struct format_out *out, const char *at, struct format_spec *spec,
                                  const void *ptr)
{
    char text[256];
    const char *shown = text;
    static const char known[] = "SsFfBedDhMmIUaVxK";
    char kind = *at && strchr(known, *at) ? *at : '\0';
    bool dereferenced = kind && strchr("dDhMmIUaV", kind);
    format_libc(text, sizeof(text), "%016lx", (unsigned long)ptr);
    if (dereferenced && (unsigned long)ptr < PAGE_SIZE) {
        format_text(out, spec, "(null)");
        return at + 1;
    }
    if (kind == 'S' || kind == 'F' || kind == 'B' || kind == 's' || kind == 'f') {
        format_symbol(text, sizeof(text), ptr, kind != 's' && kind != 'f');
        at++;
    } else if (kind == 'e') {
        format_error(text, sizeof(text), ptr);
        at++;
    } else if (kind == 'd' || kind == 'D') {
        at = format_dentry(at, ptr, &shown);
    } else if (kind == 'h') {
        at = format_hex(text, sizeof(text), at + 1, spec, ptr);
    } else if (kind == 'M' || kind == 'm' || (kind == 'I' && (at[1] == '4' || at[1] == '6'))) {
        at = format_net(text, sizeof(text), at, ptr);
    } else if (kind == 'U') {
        format_uuid(text, sizeof(text), ptr);
        at += 1 + (at[1] && strchr("bBlL", at[1]));
    } else if (kind == 'a') {
        format_libc(text, sizeof(text), "0x%016llx", (unsigned long long)*(const phys_addr_t *)ptr);
        at += 1 + (at[1] == 'p' || at[1] == 'd');
    } else if (kind == 'V') {
        const struct va_format *inner = ptr;
        va_list copy;
        va_copy(copy, *inner->va);
        format_any(out, inner->fmt, &copy);
        va_end(copy);
        return at + 1;
    } else if (kind) {
        at++; /* x, K */
    } else {
        while ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z'))
            at++;
    }
    format_text(out, spec, shown);
    return at;
}

/* ---- all ----------------------------------------------------------------------------------- */

static const char *format_one(struct format_out *out, const char *at, va_list *args)
{
    struct format_spec spec;
    char c[2] = "";
    const char *text;
    at = format_parse(at, &spec, args);
    switch (spec.conversion) {
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        format_integer(out, &spec, args);
        break;
    case 'c':
        c[0] = (char)va_arg(*args, int);
        if (c[0])
            format_text(out, &spec, c);
        else
            format_put(out, c, 1);
        break;
    case 's':
        text = va_arg(*args, const char *);
        if ((unsigned long)text < PAGE_SIZE)
            text = "(null)";
        format_text(out, &spec, IS_ERR(text) ? "(efault)" : text);
        break;
    case 'p':
        return format_pointer(out, at, &spec, va_arg(*args, const void *));
    case 'n':
        (void)va_arg(*args, void *);
        break;
    case '\0':
        break;
    default:
        format_put(out, "%", spec.conversion == '%' ? 0 : 1);
        format_put(out, &spec.conversion, 1);
    }
    return at;
}

static void format_any(struct format_out *out, const char *format, va_list *args)
{
    while (*format) {
        size_t plain = strcspn(format, "%");
        format_put(out, format, plain);
        format += plain;
        if (*format)
            format = format_one(out, format + 1, args);
    }
}

QUARRY_API int vsnprintf(char *buffer, size_t size, const char *format, va_list args)
{
    struct format_out out = {buffer, size, 0};
    va_list copy;
    va_copy(copy, args);
    format_any(&out, format, &copy);
    va_end(copy);
    if (size)
        buffer[min(out.at, size - 1)] = '\0';
    return (int)out.at;
}

QUARRY_API int snprintf(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    int length;
    va_start(args, format);
    length = vsnprintf(buffer, size, format, args);
    va_end(args);
    return length;
}

QUARRY_API int vsprintf(char *buffer, const char *format, va_list args)
{
    return vsnprintf(buffer, INT_MAX, format, args);
}

QUARRY_API int sprintf(char *buffer, const char *format, ...)
{
    va_list args;
    int length;
    va_start(args, format);
    length = vsprintf(buffer, format, args);
    va_end(args);
    return length;
}

QUARRY_API int vscnprintf(char *buffer, size_t size, const char *format, va_list args)
{
    int length = vsnprintf(buffer, size, format, args);
    if ((size_t)length < size)
        return length;
    return size ? (int)size - 1 : 0;
}

QUARRY_API int scnprintf(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    int length;
    va_start(args, format);
    length = vscnprintf(buffer, size, format, args);
    va_end(args);
    return length;
}
