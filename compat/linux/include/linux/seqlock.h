/* SPDX-License-Identifier: MIT */
/* Readers that look again when a writer was there meanwhile. */
#ifndef QUARRY_LINUX_SEQLOCK_H
#define QUARRY_LINUX_SEQLOCK_H

#include <linux/spinlock.h>

typedef struct seqcount {
    unsigned int sequence; /* odd: a writer is inside */
} seqcount_t;
typedef struct {
    seqcount_t seqcount;
    spinlock_t lock;
} seqlock_t;
#define SEQCNT_ZERO(name)                                                                          \
    {                                                                                              \
        0                                                                                          \
    }
#define __SEQLOCK_UNLOCKED(name)                                                                   \
    {                                                                                              \
        .seqcount = SEQCNT_ZERO(name)                                                              \
    }
#define DEFINE_SEQLOCK(name) seqlock_t name = __SEQLOCK_UNLOCKED(name)

static inline void seqcount_init(seqcount_t *s)
{
    s->sequence = 0;
}
static inline unsigned int read_seqcount_begin(const seqcount_t *s)
{
    unsigned int seen;
    while ((seen = __atomic_load_n(&s->sequence, __ATOMIC_ACQUIRE)) & 1)
        cpu_relax();
    return seen;
}
static inline int read_seqcount_retry(const seqcount_t *s, unsigned int seen)
{
    smp_rmb();
    return READ_ONCE(s->sequence) != seen;
}
static inline void write_seqcount_begin(seqcount_t *s)
{
    WRITE_ONCE(s->sequence, s->sequence + 1);
    smp_wmb();
}
static inline void write_seqcount_end(seqcount_t *s)
{
    __atomic_store_n(&s->sequence, s->sequence + 1, __ATOMIC_RELEASE);
}
static inline void seqlock_init(seqlock_t *s)
{
    *s = (seqlock_t){.seqcount = {0}};
}
#define read_seqbegin(s) read_seqcount_begin(&(s)->seqcount)
#define read_seqretry(s, seen) read_seqcount_retry(&(s)->seqcount, (seen))
static inline void write_seqlock(seqlock_t *s)
{
    spin_lock(&s->lock);
    write_seqcount_begin(&s->seqcount);
}
static inline void write_sequnlock(seqlock_t *s)
{
    write_seqcount_end(&s->seqcount);
    spin_unlock(&s->lock);
}
#define write_seqlock_irqsave(s, flags)                                                            \
    do {                                                                                           \
        local_irq_save(flags);                                                                     \
        write_seqlock(s);                                                                          \
    } while (0)
#define write_sequnlock_irqrestore(s, flags)                                                       \
    do {                                                                                           \
        write_sequnlock(s);                                                                        \
        local_irq_restore(flags);                                                                  \
    } while (0)

#endif
