/* SPDX-License-Identifier: MIT */
/* Last words and warnings. BUG() ends the task that runs driver code, not the process: the
 * operation it was in returns -EFAULT (see qlx_set_oops_hook in runtime.h). */
#ifndef QUARRY_LINUX_BUG_H
#define QUARRY_LINUX_BUG_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/printk.h>
#include <linux/types.h>

QUARRY_EXTERN_C_BEGIN

__noreturn QUARRY_API void quarry_bug(const char *file, int line, const char *function);
__printf(4, 5) QUARRY_API
    void quarry_warn(const char *file, int line, const char *function, const char *format, ...);
__printf(1, 2) __noreturn QUARRY_API void panic(const char *format, ...);

QUARRY_EXTERN_C_END

#define BUG() quarry_bug(__FILE__, __LINE__, __func__)
#define BUG_ON(condition)                                                                          \
    do {                                                                                           \
        if (unlikely(condition))                                                                   \
            BUG();                                                                                 \
    } while (0)

#define WARN(condition, ...)                                                                       \
    ({                                                                                             \
        int __warn = !!(condition);                                                                \
        if (unlikely(__warn))                                                                      \
            quarry_warn(__FILE__, __LINE__, __func__, __VA_ARGS__);                                \
        unlikely(__warn);                                                                          \
    })
#define WARN_ON(condition) WARN(condition, "%s", #condition)
#define WARN_ONCE(condition, ...)                                                                  \
    ({                                                                                             \
        static bool __warned;                                                                      \
        int __once = !!(condition);                                                                \
        if (unlikely(__once) && !__atomic_exchange_n(&__warned, true, __ATOMIC_RELAXED))           \
            quarry_warn(__FILE__, __LINE__, __func__, __VA_ARGS__);                                \
        unlikely(__once);                                                                          \
    })
#define WARN_ON_ONCE(condition) WARN_ONCE(condition, "%s", #condition)
#define WARN_TAINT(condition, taint, ...) WARN(condition, __VA_ARGS__)
#define WARN_TAINT_ONCE(condition, taint, ...) WARN_ONCE(condition, __VA_ARGS__)

#endif
