/* SPDX-License-Identifier: MIT */
/* Seconds and nanoseconds; calendar time. libc's struct timespec and timeval are the kernel's. */
#ifndef QUARRY_LINUX_TIME64_H
#define QUARRY_LINUX_TIME64_H

#include <linux/ktime.h>

typedef s64 time64_t;
struct timespec64 {
    time64_t tv_sec;
    long tv_nsec;
};
static inline struct timespec64 ns_to_timespec64(s64 ns)
{
    struct timespec64 ts = {ns / NSEC_PER_SEC, ns % NSEC_PER_SEC};
    if (ts.tv_nsec < 0) {
        ts.tv_sec--;
        ts.tv_nsec += NSEC_PER_SEC;
    }
    return ts;
}
static inline s64 timespec64_to_ns(const struct timespec64 *ts)
{
    return ts->tv_sec * NSEC_PER_SEC + ts->tv_nsec;
}
static inline void ktime_get_ts64(struct timespec64 *ts)
{
    *ts = ns_to_timespec64(ktime_get());
}
static inline void ktime_get_real_ts64(struct timespec64 *ts)
{
    *ts = ns_to_timespec64(ktime_get_real());
}
#define ktime_to_timespec64(t) ns_to_timespec64(t)
#define getnstimeofday64(ts) ktime_get_real_ts64(ts)
#define do_gettimeofday(tv)                                                                        \
    do {                                                                                           \
        s64 __now = ktime_get_real();                                                              \
        (tv)->tv_sec = __now / NSEC_PER_SEC;                                                       \
        (tv)->tv_usec = __now % NSEC_PER_SEC / NSEC_PER_USEC;                                      \
    } while (0)

#endif
