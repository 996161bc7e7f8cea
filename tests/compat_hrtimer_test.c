/* SPDX-License-Identifier: MIT */
/* compat/linux: timers in nanoseconds and their contexts. Nothing here depends on how long something takes:
 * what is due is waited for. */
#include "compat.h"
#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/sched.h>

struct beat {
    struct hrtimer timer;
    struct completion end;
    unsigned int fired, last;
    bool hard, soft, active, queued, running;
    u64 steps;
    ktime_t before;
};

static enum hrtimer_restart beat_once(struct hrtimer *timer)
{
    struct beat *beat = container_of(timer, struct beat, timer);
    beat->hard = in_hardirq();
    beat->soft = in_serving_softirq();
    beat->active = hrtimer_active(timer);
    beat->queued = hrtimer_is_queued(timer);
    beat->running = hrtimer_callback_running(timer);
    beat->fired++;
    complete(&beat->end);
    return HRTIMER_NORESTART;
}

static void a_timer_fires_in_the_context_it_asked_for(void **state)
{
    static const struct {
        enum hrtimer_mode mode;
        int clock;
    } way[] = {{HRTIMER_MODE_REL, CLOCK_MONOTONIC},
               {HRTIMER_MODE_REL_SOFT, CLOCK_MONOTONIC},
               {HRTIMER_MODE_REL_HARD, CLOCK_REALTIME},
               {HRTIMER_MODE_REL_PINNED_SOFT, CLOCK_REALTIME}};
    for (size_t i = 0; i < ARRAY_SIZE(way); i++) {
        struct beat beat = {.fired = 0};
        bool soft = way[i].mode & HRTIMER_MODE_SOFT;
        init_completion(&beat.end);
        hrtimer_setup_on_stack(&beat.timer, beat_once, way[i].clock, way[i].mode);
        assert_false(hrtimer_active(&beat.timer));
        hrtimer_start(&beat.timer, us_to_ktime(50), way[i].mode);
        wait_for_completion(&beat.end);
        hrtimer_cancel(&beat.timer); /* waits for the function's end */
        assert_int_equal(beat.fired, 1);
        assert_int_equal(beat.hard, !soft);
        assert_int_equal(beat.soft, soft);
        assert_true(beat.active);
        assert_true(beat.running);
        assert_false(beat.queued);
        assert_false(hrtimer_active(&beat.timer));
        destroy_hrtimer_on_stack(&beat.timer);
    }
}

static enum hrtimer_restart beat_on(struct hrtimer *timer)
{
    struct beat *beat = container_of(timer, struct beat, timer);
    beat->steps += hrtimer_forward_now(timer, us_to_ktime(100));
    if (++beat->fired == beat->last) {
        complete(&beat->end);
        return HRTIMER_NORESTART;
    }
    return HRTIMER_RESTART;
}

static void a_timer_goes_on_from_beat_to_beat(void **state)
{
    struct beat beat = {.last = 20};
    ktime_t first;
    init_completion(&beat.end);
    hrtimer_setup(&beat.timer, beat_on, CLOCK_REALTIME, HRTIMER_MODE_ABS);
    first = ktime_get_real();
    hrtimer_start(&beat.timer, first, HRTIMER_MODE_ABS);
    wait_for_completion(&beat.end);
    hrtimer_cancel(&beat.timer);
    assert_int_equal(beat.fired, 20);
    assert_true(beat.steps >= 20);
    assert_int_equal(hrtimer_get_expires(&beat.timer) - first, beat.steps * 100000);
}

static void forwarding_counts_whole_steps(void **state)
{
    struct hrtimer timer;
    hrtimer_setup(&timer, beat_on, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
    hrtimer_set_expires(&timer, 1000);
    assert_int_equal(hrtimer_forward(&timer, 999, 10), 0);
    assert_int_equal(hrtimer_get_expires(&timer), 1000);
    assert_int_equal(hrtimer_forward(&timer, 1000, 10), 1);
    assert_int_equal(hrtimer_get_expires(&timer), 1010);
    assert_int_equal(hrtimer_forward(&timer, 1035, 10), 3);
    assert_int_equal(hrtimer_get_expires_ns(&timer), 1040);
    hrtimer_add_expires_ns(&timer, 5);
    assert_int_equal(hrtimer_get_expires(&timer), 1045);
    assert_int_equal(ktime_add_safe(KTIME_MAX, 1), KTIME_MAX);
    assert_int_equal(ktime_divns(1045, 10), 104);
}

static void a_pending_timer_is_taken_back(void **state)
{
    struct beat beat = {.fired = 0};
    init_completion(&beat.end);
    hrtimer_setup(&beat.timer, beat_once, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
    hrtimer_start(&beat.timer, ms_to_ktime(1000000), HRTIMER_MODE_REL);
    assert_true(hrtimer_is_queued(&beat.timer));
    assert_true(hrtimer_active(&beat.timer));
    assert_true(hrtimer_get_remaining(&beat.timer) > 0);
    assert_int_equal(hrtimer_try_to_cancel(&beat.timer), 1);
    assert_int_equal(hrtimer_cancel(&beat.timer), 0);
    hrtimer_set_expires(&beat.timer, ktime_get());
    hrtimer_restart(&beat.timer);
    wait_for_completion(&beat.end);
    hrtimer_cancel(&beat.timer);
    assert_int_equal(beat.fired, 1);
}

static enum hrtimer_restart beat_stuck(struct hrtimer *timer)
{
    struct beat *beat = container_of(timer, struct beat, timer);
    beat->fired++;
    return HRTIMER_RESTART;
}

static void a_timer_that_would_fire_for_ever_is_reported(void **state)
{
    struct beat beat = {.fired = 0};
    hear_nothing();
    hrtimer_setup(&beat.timer, beat_stuck, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
    hrtimer_start(&beat.timer, 0, HRTIMER_MODE_REL);
    qlx_settle();
    hrtimer_cancel(&beat.timer);
    assert_int_equal(beat.fired, 1);
    assert_int_equal(heard_compat, 1);
    assert_non_null(strstr(heard_text, "hrtimer_forward"));
    hrtimer_init(&beat.timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
    hrtimer_start(&beat.timer, 0, HRTIMER_MODE_REL);
    assert_int_equal(heard_compat, 2);
}

static void a_task_sleeps_to_the_nanosecond(void **state)
{
    ktime_t until = ktime_add_us(ktime_get(), 300), less = us_to_ktime(100);
    set_current_state(TASK_UNINTERRUPTIBLE);
    assert_int_equal(schedule_hrtimeout(&until, HRTIMER_MODE_ABS), 0);
    assert_true(ktime_get() >= until);
    set_current_state(TASK_INTERRUPTIBLE);
    assert_int_equal(schedule_hrtimeout_range(&less, 10, HRTIMER_MODE_REL), 0);
    send_sig(2, current, 0);
    until = ktime_add_ms(ktime_get(), 1000000);
    set_current_state(TASK_INTERRUPTIBLE);
    assert_int_equal(schedule_hrtimeout(&until, HRTIMER_MODE_ABS), -EINTR);
    flush_signals(current);
}

COMPAT_MAIN(cmocka_unit_test(a_timer_fires_in_the_context_it_asked_for),
            cmocka_unit_test(a_timer_goes_on_from_beat_to_beat),
            cmocka_unit_test(forwarding_counts_whole_steps),
            cmocka_unit_test(a_pending_timer_is_taken_back),
            cmocka_unit_test(a_timer_that_would_fire_for_ever_is_reported),
            cmocka_unit_test(a_task_sleeps_to_the_nanosecond))
