/* SPDX-License-Identifier: MIT */
/* Waiting: busy (any context) or asleep (may sleep). */
#ifndef QUARRY_LINUX_DELAY_H
#define QUARRY_LINUX_DELAY_H

#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/types.h>

QUARRY_EXTERN_C_BEGIN
QUARRY_API void ndelay(unsigned long ns);
QUARRY_API void udelay(unsigned long us);
QUARRY_API void mdelay(unsigned long ms);
QUARRY_API void msleep(unsigned int ms);
/* Milliseconds left when a signal ended it. */
QUARRY_API unsigned long msleep_interruptible(unsigned int ms);
QUARRY_API void usleep_range(unsigned long least, unsigned long most);
QUARRY_EXTERN_C_END
#define ssleep(seconds) msleep((seconds)*1000)
#define fsleep(us) usleep_range((us), 2 * (us))

#endif
