/* SPDX-License-Identifier: MIT */
/* Functions called in soft-interrupt context when a tick count is reached. */
#ifndef QUARRY_LINUX_TIMER_H
#define QUARRY_LINUX_TIMER_H

#include <linux/container_of.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/types.h>

struct timer_list {
    struct list_head entry;
    unsigned long expires; /* jiffies */
    /* Called with the timer; until 4.14 with its data. */
    union {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 15, 0)
        void (*function)(struct timer_list *timer);
        void (*quarry_function_old)(unsigned long data);
#else
        void (*function)(unsigned long data);
        void (*quarry_function_new)(struct timer_list *timer);
#endif
    };
    unsigned long data;
    u32 flags;
    u32 quarry_old;     /* the function takes the data */
    u32 quarry_pending; /* 1: queued */
};

#define TIMER_DEFERRABLE 0x1u
#define TIMER_PINNED 0x2u
#define TIMER_IRQSAFE 0x4u

QUARRY_EXTERN_C_BEGIN

QUARRY_API void quarry_timer_init(struct timer_list *timer, void (*function)(struct timer_list *),
                                  void (*old)(unsigned long), unsigned long data,
                                  unsigned int flags);
/* Context: any. mod_timer and del_timer return 1 when the timer was pending. */
QUARRY_API void add_timer(struct timer_list *timer);
QUARRY_API int mod_timer(struct timer_list *timer, unsigned long expires);
QUARRY_API int mod_timer_pending(struct timer_list *timer, unsigned long expires);
QUARRY_API int del_timer(struct timer_list *timer);
/* Also waits until the function has returned. Not from interrupt. */
QUARRY_API int del_timer_sync(struct timer_list *timer);
QUARRY_API int timer_shutdown_sync(struct timer_list *timer);
QUARRY_API int try_to_del_timer_sync(struct timer_list *timer);
static inline int timer_pending(const struct timer_list *timer)
{
    return __atomic_load_n(&timer->quarry_pending, __ATOMIC_RELAXED) != 0;
}
QUARRY_API unsigned long round_jiffies(unsigned long j);
QUARRY_API unsigned long round_jiffies_relative(unsigned long j);

QUARRY_EXTERN_C_END

#define timer_delete(timer) del_timer(timer)
#define timer_delete_sync(timer) del_timer_sync(timer)
#define timer_setup(timer, callback, flags) quarry_timer_init((timer), (callback), NULL, 0, (flags))
#define timer_setup_on_stack(timer, callback, flags) timer_setup(timer, callback, flags)
#define destroy_timer_on_stack(timer) ((void)(timer))
#define from_timer(variable, callback_timer, field)                                                \
    container_of(callback_timer, __typeof__(*variable), field)
#define timer_container_of(variable, callback_timer, field)                                        \
    from_timer(variable, callback_timer, field)
#define mod_timer_pinned(timer, expires) mod_timer(timer, expires)

#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 15, 0)
#define __TIMER_INITIALIZER(callback, timer_flags)                                                 \
    {                                                                                              \
        .function = (callback), .flags = (timer_flags)                                             \
    }
#define DEFINE_TIMER(name, callback) struct timer_list name = __TIMER_INITIALIZER(callback, 0)
#else
#define init_timer(timer) quarry_timer_init((timer), NULL, (timer)->function, (timer)->data, 0)
#define setup_timer(timer, callback, value) quarry_timer_init((timer), NULL, (callback), (value), 0)
#define TIMER_INITIALIZER(callback, when, value)                                                   \
    {                                                                                              \
        .function = (callback), .expires = (when), .data = (value), .quarry_old = 1                \
    }
#define DEFINE_TIMER(name, callback, when, value)                                                  \
    struct timer_list name = TIMER_INITIALIZER(callback, when, value)
#endif

#endif
