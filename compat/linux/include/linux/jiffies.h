/* SPDX-License-Identifier: MIT */
/* The tick counter. It starts five minutes before its lower 32 bits wrap, so that code which
 * compares ticks without time_after() fails early. */
#ifndef QUARRY_LINUX_JIFFIES_H
#define QUARRY_LINUX_JIFFIES_H

#include <linux/math64.h>
#include <linux/types.h>
#include <linux/time_units.h>

#undef HZ
#define HZ 250
#undef USER_HZ
#define USER_HZ 100
#define INITIAL_JIFFIES ((unsigned long)(unsigned int)(-300 * HZ))
#define MAX_JIFFY_OFFSET ((__LONG_MAX__ >> 1) - 1)
#define TICK_NSEC (NSEC_PER_SEC / HZ)

QUARRY_EXTERN_C_BEGIN
QUARRY_API unsigned long quarry_jiffies(void);
QUARRY_EXTERN_C_END
#define jiffies quarry_jiffies()
#define jiffies_64 ((u64)quarry_jiffies())
#define get_jiffies_64() jiffies_64

#define time_after(a, b) ((long)((unsigned long)(b) - (unsigned long)(a)) < 0)
#define time_before(a, b) time_after(b, a)
#define time_after_eq(a, b) ((long)((unsigned long)(a) - (unsigned long)(b)) >= 0)
#define time_before_eq(a, b) time_after_eq(b, a)
#define time_in_range(a, b, c) (time_after_eq(a, b) && time_before_eq(a, c))
#define time_after64(a, b) ((s64)((u64)(b) - (u64)(a)) < 0)
#define time_before64(a, b) time_after64(b, a)
#define time_is_before_jiffies(a) time_after(jiffies, a)
#define time_is_after_jiffies(a) time_before(jiffies, a)

/* Rounded up: a delay is never shorter than asked for. */
static inline unsigned long msecs_to_jiffies(const unsigned int m)
{
    if ((int)m < 0)
        return (unsigned long)MAX_JIFFY_OFFSET;
    return ((unsigned long)m * HZ + 999) / 1000;
}
static inline unsigned long secs_to_jiffies(const unsigned int s)
{
    return (unsigned long)s * HZ;
}
static inline unsigned long usecs_to_jiffies(const unsigned int u)
{
    return ((unsigned long)u * HZ + 999999) / 1000000;
}
static inline u64 nsecs_to_jiffies64(u64 n)
{
    return n / (NSEC_PER_SEC / HZ);
}
#define nsecs_to_jiffies(n) ((unsigned long)nsecs_to_jiffies64(n))
static inline unsigned int jiffies_to_msecs(const unsigned long j)
{
    return (unsigned int)(j * (1000 / HZ));
}
static inline unsigned int jiffies_to_usecs(const unsigned long j)
{
    return (unsigned int)(j * (1000000 / HZ));
}
static inline u64 jiffies_to_nsecs(const unsigned long j)
{
    return (u64)j * (NSEC_PER_SEC / HZ);
}
static inline u64 jiffies_64_to_clock_t(u64 j)
{
    return j * USER_HZ / HZ;
}
#define jiffies_to_clock_t(j) ((long)jiffies_64_to_clock_t(j))

#endif
