/* SPDX-License-Identifier: MIT */
/* Timers in nanoseconds. The function runs in hard-interrupt context, or in soft-interrupt context
 * with one of the _SOFT modes, and says whether the timer goes on (hrtimer_forward first). */
#ifndef QUARRY_LINUX_HRTIMER_H
#define QUARRY_LINUX_HRTIMER_H

#include <linux/ktime.h>
#include <linux/timer.h>

enum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };
enum hrtimer_mode {
    HRTIMER_MODE_ABS = 0,
    HRTIMER_MODE_REL = 1,
    HRTIMER_MODE_PINNED = 2,
    HRTIMER_MODE_SOFT = 4,
    HRTIMER_MODE_ABS_PINNED = 2,
    HRTIMER_MODE_REL_PINNED = 3,
    HRTIMER_MODE_ABS_SOFT = 4,
    HRTIMER_MODE_REL_SOFT = 5
};
struct hrtimer {
    ktime_t quarry_expires;
    enum hrtimer_restart (*function)(struct hrtimer *timer);
    u32 quarry_soft;
    u32 quarry_pending;
    u32 quarry_real; /* against calendar time */
};

QUARRY_EXTERN_C_BEGIN
QUARRY_API void hrtimer_init(struct hrtimer *timer, int clock, enum hrtimer_mode mode);
QUARRY_API void hrtimer_setup(struct hrtimer *timer,
                              enum hrtimer_restart (*function)(struct hrtimer *), int clock,
                              enum hrtimer_mode mode);
QUARRY_API void hrtimer_start(struct hrtimer *timer, ktime_t when, enum hrtimer_mode mode);
/* 1: it was pending; 0: not. cancel waits for a running function; try_to_cancel says -1 then. */
QUARRY_API int hrtimer_cancel(struct hrtimer *timer);
QUARRY_API int hrtimer_try_to_cancel(struct hrtimer *timer);
/* Move the expiry past @now in steps of @interval; returns the steps. */
QUARRY_API u64 hrtimer_forward(struct hrtimer *timer, ktime_t now, ktime_t interval);
QUARRY_API ktime_t hrtimer_get_remaining(const struct hrtimer *timer);
static inline bool hrtimer_active(const struct hrtimer *timer)
{
    return __atomic_load_n(&timer->quarry_pending, __ATOMIC_RELAXED) != 0;
}
QUARRY_EXTERN_C_END
#define hrtimer_forward_now(timer, interval) hrtimer_forward((timer), ktime_get(), (interval))
#define hrtimer_cb_get_time(timer) ktime_get()
#define hrtimer_get_expires(timer) ((timer)->quarry_expires)
#define hrtimer_is_queued(timer) hrtimer_active(timer)
#ifndef CLOCK_REALTIME
#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define CLOCK_BOOTTIME 7
#endif

#endif
