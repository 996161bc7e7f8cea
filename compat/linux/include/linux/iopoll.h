/* SPDX-License-Identifier: MIT */
/* Reading a register until it says what one waits for, or time is over. */
#ifndef QUARRY_LINUX_IOPOLL_H
#define QUARRY_LINUX_IOPOLL_H

#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/ktime.h>

/* Until @condition, an expression of @value, holds: 0, or -ETIMEDOUT after @timeout_us (0: never). Context:
 * may sleep, for @sleep_us in between. @value holds what was read last. */
#define read_poll_timeout(op, value, condition, sleep_us, timeout_us, sleep_before, args...)       \
    ({                                                                                             \
        u64 quarry_limit = (timeout_us);                                                           \
        unsigned long quarry_sleep = (sleep_us);                                                   \
        u64 quarry_end = ktime_get_ns() + quarry_limit * 1000;                                     \
        bool quarry_late = false;                                                                  \
        if ((sleep_before) && quarry_sleep)                                                        \
            usleep_range((quarry_sleep >> 2) + 1, quarry_sleep);                                   \
        for (;;) {                                                                                 \
            (value) = op(args);                                                                    \
            if ((condition) || quarry_late)                                                        \
                break;                                                                             \
            if (quarry_sleep)                                                                      \
                usleep_range((quarry_sleep >> 2) + 1, quarry_sleep);                               \
            quarry_late = quarry_limit && ktime_get_ns() > quarry_end;                             \
        }                                                                                          \
        (condition) ? 0 : -ETIMEDOUT;                                                              \
    })
/* The same in atomic context, with udelay(). */
#define read_poll_timeout_atomic(op, value, condition, delay_us, timeout_us, delay_before,         \
                                 args...)                                                          \
    ({                                                                                             \
        u64 quarry_limit = (timeout_us);                                                           \
        unsigned long quarry_delay = (delay_us);                                                   \
        u64 quarry_end = ktime_get_ns() + quarry_limit * 1000;                                     \
        bool quarry_late = false;                                                                  \
        if ((delay_before) && quarry_delay)                                                        \
            udelay(quarry_delay);                                                                  \
        for (;;) {                                                                                 \
            (value) = op(args);                                                                    \
            if ((condition) || quarry_late)                                                        \
                break;                                                                             \
            if (quarry_delay)                                                                      \
                udelay(quarry_delay);                                                              \
            quarry_late = quarry_limit && ktime_get_ns() > quarry_end;                             \
        }                                                                                          \
        (condition) ? 0 : -ETIMEDOUT;                                                              \
    })
#define readx_poll_timeout(op, address, value, condition, sleep_us, timeout_us)                    \
    read_poll_timeout(op, value, condition, sleep_us, timeout_us, false, address)
#define readx_poll_timeout_atomic(op, address, value, condition, delay_us, timeout_us)             \
    read_poll_timeout_atomic(op, value, condition, delay_us, timeout_us, false, address)
#define readb_poll_timeout(address, value, condition, pause_us, timeout_us)                        \
    readx_poll_timeout(readb, address, value, condition, pause_us, timeout_us)
#define readb_poll_timeout_atomic(address, value, condition, pause_us, timeout_us)                 \
    readx_poll_timeout_atomic(readb, address, value, condition, pause_us, timeout_us)
#define readb_relaxed_poll_timeout(address, value, condition, pause_us, timeout_us)                \
    readx_poll_timeout(readb_relaxed, address, value, condition, pause_us, timeout_us)
#define readb_relaxed_poll_timeout_atomic(address, value, condition, pause_us, timeout_us)         \
    readx_poll_timeout_atomic(readb_relaxed, address, value, condition, pause_us, timeout_us)
#define readw_poll_timeout(address, value, condition, pause_us, timeout_us)                        \
    readx_poll_timeout(readw, address, value, condition, pause_us, timeout_us)
#define readw_poll_timeout_atomic(address, value, condition, pause_us, timeout_us)                 \
    readx_poll_timeout_atomic(readw, address, value, condition, pause_us, timeout_us)
#define readw_relaxed_poll_timeout(address, value, condition, pause_us, timeout_us)                \
    readx_poll_timeout(readw_relaxed, address, value, condition, pause_us, timeout_us)
#define readw_relaxed_poll_timeout_atomic(address, value, condition, pause_us, timeout_us)         \
    readx_poll_timeout_atomic(readw_relaxed, address, value, condition, pause_us, timeout_us)
#define readl_poll_timeout(address, value, condition, pause_us, timeout_us)                        \
    readx_poll_timeout(readl, address, value, condition, pause_us, timeout_us)
#define readl_poll_timeout_atomic(address, value, condition, pause_us, timeout_us)                 \
    readx_poll_timeout_atomic(readl, address, value, condition, pause_us, timeout_us)
#define readl_relaxed_poll_timeout(address, value, condition, pause_us, timeout_us)                \
    readx_poll_timeout(readl_relaxed, address, value, condition, pause_us, timeout_us)
#define readl_relaxed_poll_timeout_atomic(address, value, condition, pause_us, timeout_us)         \
    readx_poll_timeout_atomic(readl_relaxed, address, value, condition, pause_us, timeout_us)
#define readq_poll_timeout(address, value, condition, pause_us, timeout_us)                        \
    readx_poll_timeout(readq, address, value, condition, pause_us, timeout_us)
#define readq_poll_timeout_atomic(address, value, condition, pause_us, timeout_us)                 \
    readx_poll_timeout_atomic(readq, address, value, condition, pause_us, timeout_us)
#define readq_relaxed_poll_timeout(address, value, condition, pause_us, timeout_us)                \
    readx_poll_timeout(readq_relaxed, address, value, condition, pause_us, timeout_us)
#define readq_relaxed_poll_timeout_atomic(address, value, condition, pause_us, timeout_us)         \
    readx_poll_timeout_atomic(readq_relaxed, address, value, condition, pause_us, timeout_us)

#endif
