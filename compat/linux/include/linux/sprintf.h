/* SPDX-License-Identifier: MIT */
/* Text into memory, with the kernel's additions to printf's formats. libc has functions of these
 * names, so the kernel's get their own symbols; libc's <stdio.h> may be included before or after. */
#ifndef QUARRY_LINUX_SPRINTF_H
#define QUARRY_LINUX_SPRINTF_H

#include <stdarg.h>
#include <linux/compiler.h>
#include <linux/types.h>

QUARRY_EXTERN_C_BEGIN

__printf(2, 3) int sprintf(char *buffer, const char *format, ...) __asm__("qlx_sprintf");
__printf(2, 0) int vsprintf(char *buffer, const char *format, va_list args) __asm__("qlx_vsprintf");
__printf(3, 4) int snprintf(char *buffer, size_t size, const char *format,
                            ...) __asm__("qlx_snprintf");
__printf(3, 0) int vsnprintf(char *buffer, size_t size, const char *format,
                             va_list args) __asm__("qlx_vsnprintf");
/* As snprintf, but returns what was written, not what would have been. */
__printf(3, 4) QUARRY_API int scnprintf(char *buffer, size_t size, const char *format, ...);
__printf(3, 0) QUARRY_API
    int vscnprintf(char *buffer, size_t size, const char *format, va_list args);
__scanf(2, 3) int sscanf(const char *text, const char *format, ...);
__scanf(2, 0) int vsscanf(const char *text, const char *format, va_list args);
/* Into memory of their own; <linux/slab.h> declares them too. */
__printf(2, 3) QUARRY_API char *kasprintf(gfp_t gfp, const char *format, ...);
__printf(2, 0) QUARRY_API char *kvasprintf(gfp_t gfp, const char *format, va_list args);
/* For show functions of attributes: @buffer is one page. */

QUARRY_EXTERN_C_END

#endif
