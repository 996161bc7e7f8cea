/* SPDX-License-Identifier: MIT */
/* Time in nanoseconds. */
#ifndef QUARRY_LINUX_KTIME_H
#define QUARRY_LINUX_KTIME_H

#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/types.h>

typedef s64 ktime_t;
#define KTIME_MAX ((s64) ~((u64)1 << 63))

QUARRY_EXTERN_C_BEGIN
QUARRY_API ktime_t ktime_get(void);      /* since some start */
QUARRY_API ktime_t ktime_get_real(void); /* since 1970 */
QUARRY_EXTERN_C_END
#define ktime_get_boottime() ktime_get()
#define ktime_get_raw() ktime_get()
#define ktime_get_ns() ((u64)ktime_get())
#define ktime_get_raw_ns() ((u64)ktime_get())
#define ktime_get_boottime_ns() ((u64)ktime_get())
#define ktime_get_real_ns() ((u64)ktime_get_real())
#define ktime_get_with_offset(offset) ktime_get()
#define ktime_get_coarse() ktime_get()
#define ktime_get_coarse_ns() ktime_get_ns()
#define ktime_get_mono_fast_ns() ktime_get_ns()
#define ktime_get_raw_fast_ns() ktime_get_ns()
#define ktime_get_clocktai() ktime_get_real()
#define ktime_get_coarse_real() ktime_get_real()
#define ktime_get_seconds() ((time_t)(ktime_get() / NSEC_PER_SEC))
#define ktime_get_real_seconds() ((time_t)(ktime_get_real() / NSEC_PER_SEC))

#define ktime_set(secs, nsecs) ((s64)(secs)*NSEC_PER_SEC + (s64)(nsecs))
#define ktime_add(a, b) ((a) + (b))
#define ktime_sub(a, b) ((a) - (b))
#define ktime_add_ns(a, ns) ((a) + (s64)(ns))
#define ktime_sub_ns(a, ns) ((a) - (s64)(ns))
#define ktime_add_us(a, us) ((a) + (s64)(us)*NSEC_PER_USEC)
#define ktime_add_ms(a, ms) ((a) + (s64)(ms)*NSEC_PER_MSEC)
#define ktime_sub_us(a, us) ((a) - (s64)(us)*NSEC_PER_USEC)
#define ktime_sub_ms(a, ms) ((a) - (s64)(ms)*NSEC_PER_MSEC)
#define ktime_add_safe(a, b)                                                                       \
    ({                                                                                             \
        ktime_t __sum;                                                                             \
        __builtin_add_overflow((ktime_t)(a), (ktime_t)(b), &__sum) ? KTIME_MAX : __sum;            \
    })
#define ktime_divns(t, divisor) ((s64)(t) / (s64)(divisor))
#define ktime_to_ns(t) ((s64)(t))
#define ktime_to_us(t) ((s64)(t) / NSEC_PER_USEC)
#define ktime_to_ms(t) ((s64)(t) / NSEC_PER_MSEC)
#define ns_to_ktime(ns) ((ktime_t)(ns))
#define us_to_ktime(us) ((ktime_t)(us)*NSEC_PER_USEC)
#define ms_to_ktime(ms) ((ktime_t)(ms)*NSEC_PER_MSEC)
#define ktime_us_delta(later, earlier) ktime_to_us((later) - (earlier))
#define ktime_ms_delta(later, earlier) ktime_to_ms((later) - (earlier))
#define ktime_to_timespec64(t) ns_to_timespec64(t)
#define timespec64_to_ktime(ts) ktime_set((ts).tv_sec, (ts).tv_nsec)
#define ktime_compare(a, b) ((a) < (b) ? -1 : (a) > (b))
#define ktime_after(a, b) ((a) > (b))
#define ktime_before(a, b) ((a) < (b))

#endif
