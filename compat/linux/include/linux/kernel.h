/* SPDX-License-Identifier: MIT */
/* What every kernel source expects to have: sizes, bounds, numbers from text, text into memory.
 * libc's <sys/sysinfo.h> includes the user-space header of this name, so that stays part of it. */
#include_next <linux/kernel.h>
#ifndef QUARRY_LINUX_KERNEL_H
#define QUARRY_LINUX_KERNEL_H

#include <limits.h>
#include <stdarg.h>
#include <linux/align.h>
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/err.h>
#include <linux/kconfig.h>
#include <linux/kstrtox.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sprintf.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <asm/byteorder.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]) + __must_be_array(array))
#define REPEAT_BYTE(x) ((~0ul / 0xff) * (x))
#define upper_32_bits(n) ((u32)(((n) >> 16) >> 16))
#define lower_32_bits(n) ((u32)(n))
#define PTR_IF(condition, ptr) ((condition) ? (ptr) : NULL)
#define u64_to_user_ptr(x) ((void __user *)(uintptr_t)(u64)(x))
#define CONCATENATE(a, b) __PASTE(a, b)
#define COUNT_ARGS(...) quarry_count_args(, ##__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define quarry_count_args(z, a, b, c, d, e, f, g, h, n, ...) n
#define STACK_MAGIC 0xdeadbeef
#define typecheck(type, x)                                                                         \
    ({                                                                                             \
        type __dummy;                                                                              \
        __typeof__(x) __dummy2;                                                                    \
        (void)(&__dummy == &__dummy2);                                                             \
        1;                                                                                         \
    })

QUARRY_EXTERN_C_BEGIN

/* Report a call that may sleep when made in atomic context. */
QUARRY_API void quarry_might_sleep(const char *what);
#define might_sleep() quarry_might_sleep("might_sleep")
#define might_sleep_if(condition)                                                                  \
    do {                                                                                           \
        if (condition)                                                                             \
            might_sleep();                                                                         \
    } while (0)
#define cant_sleep() ((void)0)
#define might_fault() might_sleep()

/* "16K", "0x100", "1M" → bytes; *end where it stopped. */
QUARRY_API unsigned long long memparse(const char *text, char **end);
QUARRY_API int get_option(char **text, int *value);
QUARRY_API char *get_options(const char *text, int count, int *values);

extern QUARRY_API const char hex_asc[];
extern QUARRY_API const char hex_asc_upper[];
#define hex_asc_lo(x) hex_asc[(x)&0x0f]
#define hex_asc_hi(x) hex_asc[((x)&0xf0) >> 4]
QUARRY_API int hex_to_bin(unsigned char c);
QUARRY_API int hex2bin(u8 *to, const char *from, size_t count);
QUARRY_API char *bin2hex(char *to, const void *from, size_t count);

QUARRY_EXTERN_C_END

enum system_states {
    SYSTEM_BOOTING,
    SYSTEM_RUNNING,
    SYSTEM_HALT,
    SYSTEM_POWER_OFF,
    SYSTEM_RESTART
};
#define system_state SYSTEM_RUNNING

#endif
