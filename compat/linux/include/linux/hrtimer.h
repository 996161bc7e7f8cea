/* SPDX-License-Identifier: MIT */
/* Timers in nanoseconds. The function runs in hard-interrupt context, or in soft-interrupt context
 * with one of the _SOFT modes, and says whether the timer goes on (hrtimer_forward first: one that goes on at
 * the time that has just come would never let go of the CPU, so it is reported and stopped). */
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
    HRTIMER_MODE_HARD = 8,
    HRTIMER_MODE_ABS_SOFT = 4,
    HRTIMER_MODE_REL_SOFT = 5,
    HRTIMER_MODE_ABS_PINNED_SOFT = 6,
    HRTIMER_MODE_REL_PINNED_SOFT = 7,
    HRTIMER_MODE_ABS_HARD = 8,
    HRTIMER_MODE_REL_HARD = 9,
    HRTIMER_MODE_ABS_PINNED_HARD = 10,
    HRTIMER_MODE_REL_PINNED_HARD = 11
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
/* Whether its function runs at the moment, and whether it will or does. */
QUARRY_API int hrtimer_callback_running(const struct hrtimer *timer);
QUARRY_API bool hrtimer_active(const struct hrtimer *timer);
static inline bool hrtimer_is_queued(const struct hrtimer *timer)
{
    return __atomic_load_n(&timer->quarry_pending, __ATOMIC_RELAXED) != 0;
}
static inline void hrtimer_set_expires(struct hrtimer *timer, ktime_t when)
{
    timer->quarry_expires = when;
}
static inline void hrtimer_add_expires(struct hrtimer *timer, ktime_t more)
{
    timer->quarry_expires += more;
}
/* Sleep until *expires in the state that is set: 0, or -EINTR when woken before. Context: may sleep. */
QUARRY_API int schedule_hrtimeout(ktime_t *expires, enum hrtimer_mode mode);
QUARRY_EXTERN_C_END
#define hrtimer_forward_now(timer, interval)                                                       \
    hrtimer_forward((timer), hrtimer_cb_get_time(timer), (interval))
#define hrtimer_cb_get_time(timer) ((timer)->quarry_real ? ktime_get_real() : ktime_get())
#define hrtimer_get_expires(timer) ((timer)->quarry_expires)
#define hrtimer_get_expires_ns(timer) ktime_to_ns((timer)->quarry_expires)
#define hrtimer_get_softexpires(timer) hrtimer_get_expires(timer)
#define hrtimer_add_expires_ns(timer, ns) hrtimer_add_expires((timer), (ktime_t)(ns))
#define hrtimer_expires_remaining(timer) hrtimer_get_remaining(timer)
/* The slack is not made use of. */
#define hrtimer_start_range_ns(timer, when, slack, mode)                                           \
    ((void)(slack), hrtimer_start((timer), (when), (mode)))
#define hrtimer_start_expires(timer, mode)                                                         \
    hrtimer_start((timer), (timer)->quarry_expires, (enum hrtimer_mode)((mode) & ~1u))
/* (No macro: an enum has the same name.) */
static inline void hrtimer_restart(struct hrtimer *timer)
{
    hrtimer_start_expires(timer, HRTIMER_MODE_ABS);
}
#define hrtimer_update_function(timer, callback) ((void)((timer)->function = (callback)))
#define hrtimer_init_on_stack(timer, clock, mode) hrtimer_init((timer), (clock), (mode))
#define hrtimer_setup_on_stack(timer, callback, clock, mode)                                       \
    hrtimer_setup((timer), (callback), (clock), (mode))
#define destroy_hrtimer_on_stack(timer) ((void)(timer))
#define schedule_hrtimeout_range(expires, slack, mode)                                             \
    ((void)(slack), schedule_hrtimeout((expires), (mode)))
#define hrtimer_resolution 1u
#ifndef CLOCK_REALTIME
#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define CLOCK_BOOTTIME 7
#endif

#endif
