/* SPDX-License-Identifier: MIT */
/* Power management: none, as in a kernel without CONFIG_PM and CONFIG_PM_SLEEP. The operations of a driver
 * compile and are never called. */
#ifndef QUARRY_LINUX_PM_H
#define QUARRY_LINUX_PM_H

#include <linux/kernel.h>
#include <linux/types.h>

struct device;

typedef struct pm_message {
    int event;
} pm_message_t;

struct dev_pm_ops {
    int (*prepare)(struct device *dev);
    void (*complete)(struct device *dev);
    int (*suspend)(struct device *dev);
    int (*resume)(struct device *dev);
    int (*freeze)(struct device *dev);
    int (*thaw)(struct device *dev);
    int (*poweroff)(struct device *dev);
    int (*restore)(struct device *dev);
    int (*suspend_late)(struct device *dev);
    int (*resume_early)(struct device *dev);
    int (*freeze_late)(struct device *dev);
    int (*thaw_early)(struct device *dev);
    int (*poweroff_late)(struct device *dev);
    int (*restore_early)(struct device *dev);
    int (*suspend_noirq)(struct device *dev);
    int (*resume_noirq)(struct device *dev);
    int (*freeze_noirq)(struct device *dev);
    int (*thaw_noirq)(struct device *dev);
    int (*poweroff_noirq)(struct device *dev);
    int (*restore_noirq)(struct device *dev);
    int (*runtime_suspend)(struct device *dev);
    int (*runtime_resume)(struct device *dev);
    int (*runtime_idle)(struct device *dev);
};

#define pm_ptr(ptr) PTR_IF(0, (ptr))
#define pm_sleep_ptr(ptr) PTR_IF(0, (ptr))
#define pm_runtime_ptr(ptr) PTR_IF(0, (ptr))

#define SYSTEM_SLEEP_PM_OPS(suspending, resuming)                                                  \
    .suspend = pm_sleep_ptr(suspending), .resume = pm_sleep_ptr(resuming),                         \
    .freeze = pm_sleep_ptr(suspending), .thaw = pm_sleep_ptr(resuming),                            \
    .poweroff = pm_sleep_ptr(suspending), .restore = pm_sleep_ptr(resuming),
#define LATE_SYSTEM_SLEEP_PM_OPS(suspending, resuming)                                             \
    .suspend_late = pm_sleep_ptr(suspending), .resume_early = pm_sleep_ptr(resuming),
#define NOIRQ_SYSTEM_SLEEP_PM_OPS(suspending, resuming)                                            \
    .suspend_noirq = pm_sleep_ptr(suspending), .resume_noirq = pm_sleep_ptr(resuming),
#define RUNTIME_PM_OPS(suspending, resuming, idle)                                                 \
    .runtime_suspend = pm_ptr(suspending), .runtime_resume = pm_ptr(resuming),                     \
    .runtime_idle = pm_ptr(idle),
/* The older forms leave the functions out: sources put #ifdef or __maybe_unused around them. */
#define SET_SYSTEM_SLEEP_PM_OPS(suspending, resuming)
#define SET_LATE_SYSTEM_SLEEP_PM_OPS(suspending, resuming)
#define SET_NOIRQ_SYSTEM_SLEEP_PM_OPS(suspending, resuming)
#define SET_RUNTIME_PM_OPS(suspending, resuming, idle)

#define DEFINE_SIMPLE_DEV_PM_OPS(name, suspending, resuming)                                       \
    const struct dev_pm_ops __maybe_unused name = {SYSTEM_SLEEP_PM_OPS(suspending, resuming)}
#define DEFINE_NOIRQ_DEV_PM_OPS(name, suspending, resuming)                                        \
    const struct dev_pm_ops __maybe_unused name = {NOIRQ_SYSTEM_SLEEP_PM_OPS(suspending, resuming)}
#define SIMPLE_DEV_PM_OPS(name, suspending, resuming)                                              \
    const struct dev_pm_ops __maybe_unused name = {0}
#define UNIVERSAL_DEV_PM_OPS(name, suspending, resuming, idle)                                     \
    const struct dev_pm_ops __maybe_unused name = {0}

static inline int device_init_wakeup(struct device *dev, bool enable)
{
    return 0;
}
static inline bool device_may_wakeup(struct device *dev)
{
    return false;
}
static inline int device_set_wakeup_enable(struct device *dev, bool enable)
{
    return 0;
}

#endif
