/* SPDX-License-Identifier: MIT */
/* Kernel messages: a level, a text, a ring that keeps the last ones, stderr for the loud ones.
 * Formats are printf's plus the kernel's after %p: %pK %px %pe %pd %pM %pI4 %pS %pV %ph …. */
#ifndef QUARRY_LINUX_PRINTK_H
#define QUARRY_LINUX_PRINTK_H

#include <stdarg.h>
#include <linux/export.h>
#include <linux/types.h>

#define KERN_SOH "\001"
#define KERN_SOH_ASCII '\001'
#define KERN_EMERG KERN_SOH "0"
#define KERN_ALERT KERN_SOH "1"
#define KERN_CRIT KERN_SOH "2"
#define KERN_ERR KERN_SOH "3"
#define KERN_WARNING KERN_SOH "4"
#define KERN_NOTICE KERN_SOH "5"
#define KERN_INFO KERN_SOH "6"
#define KERN_DEBUG KERN_SOH "7"
#define KERN_DEFAULT ""
#define KERN_CONT KERN_SOH "c"

#define LOGLEVEL_EMERG 0
#define LOGLEVEL_ALERT 1
#define LOGLEVEL_CRIT 2
#define LOGLEVEL_ERR 3
#define LOGLEVEL_WARNING 4
#define LOGLEVEL_NOTICE 5
#define LOGLEVEL_INFO 6
#define LOGLEVEL_DEBUG 7

QUARRY_EXTERN_C_BEGIN

struct va_format {
    const char *fmt;
    va_list *va;
};

/* Context: any. Returns the length of the message. */
__printf(1, 2) QUARRY_API int printk(const char *fmt, ...);
__printf(1, 0) QUARRY_API int vprintk(const char *fmt, va_list args);
#define _printk printk
#define printk_deferred printk
__printf(1, 2) static inline int no_printk(const char *fmt, ...)
{
    return 0;
}

/* At most 10 messages in 5 seconds from one place. */
struct ratelimit_state {
    int interval, burst; /* jiffies; messages */
    int printed, missed;
    unsigned long begin;
    u32 lock;
};
#define DEFAULT_RATELIMIT_INTERVAL (5 * 250)
#define DEFAULT_RATELIMIT_BURST 10
#define RATELIMIT_STATE_INIT(name, interval_jiffies, burst_count)                                  \
    {                                                                                              \
        .interval = (interval_jiffies), .burst = (burst_count)                                     \
    }
#define DEFINE_RATELIMIT_STATE(name, interval_jiffies, burst_count)                                \
    struct ratelimit_state name = RATELIMIT_STATE_INIT(name, interval_jiffies, burst_count)
QUARRY_API int ___ratelimit(struct ratelimit_state *state, const char *function);
#define __ratelimit(state) ___ratelimit((state), __func__)
QUARRY_API int printk_ratelimit(void);

QUARRY_API void dump_stack(void);
QUARRY_API void print_hex_dump(const char *level, const char *prefix, int prefix_type, int rowsize,
                               int groupsize, const void *buffer, size_t size, bool ascii);
#define print_hex_dump_bytes(prefix, type, buffer, size)                                           \
    print_hex_dump(KERN_DEBUG, prefix, type, 16, 1, buffer, size, true)
#define print_hex_dump_debug(prefix, type, row, group, buffer, size, ascii)                        \
    print_hex_dump(KERN_DEBUG, prefix, type, row, group, buffer, size, ascii)
enum { DUMP_PREFIX_NONE, DUMP_PREFIX_ADDRESS, DUMP_PREFIX_OFFSET };

QUARRY_EXTERN_C_END

#ifndef pr_fmt
#define pr_fmt(fmt) fmt
#endif

#define pr_emerg(fmt, ...) printk(KERN_EMERG pr_fmt(fmt), ##__VA_ARGS__)
#define pr_alert(fmt, ...) printk(KERN_ALERT pr_fmt(fmt), ##__VA_ARGS__)
#define pr_crit(fmt, ...) printk(KERN_CRIT pr_fmt(fmt), ##__VA_ARGS__)
#define pr_err(fmt, ...) printk(KERN_ERR pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn(fmt, ...) printk(KERN_WARNING pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warning pr_warn
#define pr_notice(fmt, ...) printk(KERN_NOTICE pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info(fmt, ...) printk(KERN_INFO pr_fmt(fmt), ##__VA_ARGS__)
#define pr_cont(fmt, ...) printk(KERN_CONT fmt, ##__VA_ARGS__)
#ifdef DEBUG
#define pr_devel(fmt, ...) printk(KERN_DEBUG pr_fmt(fmt), ##__VA_ARGS__)
#else
#define pr_devel(fmt, ...) no_printk(KERN_DEBUG pr_fmt(fmt), ##__VA_ARGS__)
#endif
#define pr_debug(fmt, ...) pr_devel(fmt, ##__VA_ARGS__)

#define QUARRY_ONCE(call)                                                                          \
    ({                                                                                             \
        static bool __said;                                                                        \
        bool __now = !__atomic_exchange_n(&__said, true, __ATOMIC_RELAXED);                        \
        if (__now)                                                                                 \
            call;                                                                                  \
        __now;                                                                                     \
    })
#define QUARRY_LIMITED(call)                                                                       \
    do {                                                                                           \
        static DEFINE_RATELIMIT_STATE(__limit, DEFAULT_RATELIMIT_INTERVAL,                         \
                                      DEFAULT_RATELIMIT_BURST);                                    \
        if (__ratelimit(&__limit))                                                                 \
            call;                                                                                  \
    } while (0)
#define printk_once(fmt, ...) QUARRY_ONCE(printk(fmt, ##__VA_ARGS__))
#define pr_emerg_once(fmt, ...) QUARRY_ONCE(pr_emerg(fmt, ##__VA_ARGS__))
#define pr_err_once(fmt, ...) QUARRY_ONCE(pr_err(fmt, ##__VA_ARGS__))
#define pr_warn_once(fmt, ...) QUARRY_ONCE(pr_warn(fmt, ##__VA_ARGS__))
#define pr_notice_once(fmt, ...) QUARRY_ONCE(pr_notice(fmt, ##__VA_ARGS__))
#define pr_info_once(fmt, ...) QUARRY_ONCE(pr_info(fmt, ##__VA_ARGS__))
#define pr_debug_once(fmt, ...) QUARRY_ONCE(pr_debug(fmt, ##__VA_ARGS__))
#define printk_ratelimited(fmt, ...) QUARRY_LIMITED(printk(fmt, ##__VA_ARGS__))
#define pr_err_ratelimited(fmt, ...) QUARRY_LIMITED(pr_err(fmt, ##__VA_ARGS__))
#define pr_warn_ratelimited(fmt, ...) QUARRY_LIMITED(pr_warn(fmt, ##__VA_ARGS__))
#define pr_notice_ratelimited(fmt, ...) QUARRY_LIMITED(pr_notice(fmt, ##__VA_ARGS__))
#define pr_info_ratelimited(fmt, ...) QUARRY_LIMITED(pr_info(fmt, ##__VA_ARGS__))
#define pr_debug_ratelimited(fmt, ...) QUARRY_LIMITED(pr_debug(fmt, ##__VA_ARGS__))

#endif
