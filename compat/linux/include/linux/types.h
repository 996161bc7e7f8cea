/* SPDX-License-Identifier: MIT */
/* The kernel's types, on top of libc's where both have one (dev_t, loff_t, size_t, …) so that a
 * module may include libc headers too, in any order. dev_t is libc's 64-bit type here; MKDEV, MAJOR
 * and MINOR (kdev_t.h) pack it as the kernel does. */
#ifndef QUARRY_LINUX_TYPES_H
#define QUARRY_LINUX_TYPES_H

#include <linux/compiler.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include_next <linux/types.h>
#include <quarry/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

#define U8_MAX ((u8)~0U)
#define S8_MAX ((s8)(U8_MAX >> 1))
#define S8_MIN ((s8)(-S8_MAX - 1))
#define U16_MAX ((u16)~0U)
#define S16_MAX ((s16)(U16_MAX >> 1))
#define S16_MIN ((s16)(-S16_MAX - 1))
#define U32_MAX ((u32)~0U)
#define S32_MAX ((s32)(U32_MAX >> 1))
#define S32_MIN ((s32)(-S32_MAX - 1))
#define U64_MAX ((u64)~0ULL)
#define S64_MAX ((s64)(U64_MAX >> 1))
#define S64_MIN ((s64)(-S64_MAX - 1))

typedef unsigned short umode_t;
typedef unsigned int fmode_t;
typedef unsigned long pgoff_t;
typedef u64 sector_t;
typedef phys_addr_t resource_size_t;
typedef unsigned long irq_hw_number_t;
typedef u32 errseq_t;
#ifndef __bitwise__
#define __bitwise__
#endif
typedef unsigned char unchar;
typedef unsigned long ulong;

typedef struct {
    int counter;
} atomic_t;
typedef struct {
    s64 counter;
} atomic64_t;
typedef atomic64_t atomic_long_t;
#define ATOMIC_INIT(i)                                                                             \
    {                                                                                              \
        (i)                                                                                        \
    }
#define ATOMIC64_INIT(i) ATOMIC_INIT(i)
#define ATOMIC_LONG_INIT(i) ATOMIC_INIT(i)

struct hlist_node {
    struct hlist_node *next, **pprev;
};
struct hlist_head {
    struct hlist_node *first;
};

/* A function to call after a grace period of read-copy-update: rcupdate.h. */
#ifndef QUARRY_RCU_HEAD_DEFINED
#define QUARRY_RCU_HEAD_DEFINED
struct callback_head {
    struct callback_head *next;
    void (*func)(struct callback_head *head);
};
#define rcu_head callback_head
#endif
typedef void (*rcu_callback_t)(struct rcu_head *head);
typedef void (*call_rcu_func_t)(struct rcu_head *head, rcu_callback_t func);

#define DECLARE_BITMAP(name, bits) unsigned long name[((bits) + 63) / 64]
#define BITS_PER_BYTE 8
#define BITS_PER_LONG 64
#define BITS_PER_LONG_LONG 64

#define aligned_u64 u64 __attribute__((__aligned__(8)))
#define pgprot_val(x) ((x).pgprot)

#endif
