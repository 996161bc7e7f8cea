/* SPDX-License-Identifier: MIT */
/* Queues of equal elements in a ring of a power-of-two size; one producer and one consumer need no
 * lock. Fifos of bytes (struct kfifo) and typed ones (DECLARE_KFIFO) share the calls. */
#ifndef QUARRY_LINUX_KFIFO_H
#define QUARRY_LINUX_KFIFO_H

#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

struct quarry_kfifo {
    unsigned int in, out; /* counted on for ever */
    unsigned int mask;    /* elements - 1 */
    unsigned int esize;   /* bytes of an element */
    void *data;
};

/* @rtype only lends its type; a fifo with its own storage has @n elements, others 0. */
#define QUARRY_KFIFO(element, n)                                                                   \
    {                                                                                              \
        struct quarry_kfifo kfifo;                                                                 \
        element *rtype[0];                                                                         \
        element buf[n];                                                                            \
    }
struct kfifo QUARRY_KFIFO(unsigned char, 0);
#define STRUCT_KFIFO(type, size) struct QUARRY_KFIFO(type, size)
#define STRUCT_KFIFO_PTR(type) struct QUARRY_KFIFO(type, 0)
#define DECLARE_KFIFO(name, type, size) STRUCT_KFIFO(type, size) name
#define DECLARE_KFIFO_PTR(name, type) STRUCT_KFIFO_PTR(type) name
#define DEFINE_KFIFO(name, type, size)                                                             \
    DECLARE_KFIFO(name, type,                                                                      \
                  size) = {.kfifo = {.mask = (size)-1, .esize = sizeof(type), .data = name.buf}}
#define INIT_KFIFO(fifo)                                                                           \
    ((void)((fifo).kfifo = (struct quarry_kfifo){.mask = ARRAY_SIZE((fifo).buf) - 1,               \
                                                 .esize = sizeof((fifo).buf[0]),                   \
                                                 .data = (fifo).buf}))

QUARRY_EXTERN_C_BEGIN
QUARRY_API int quarry_kfifo_alloc(struct quarry_kfifo *fifo, unsigned int size, size_t esize,
                                  gfp_t gfp);
QUARRY_API int quarry_kfifo_init(struct quarry_kfifo *fifo, void *buffer, unsigned int bytes,
                                 size_t esize);
QUARRY_API void quarry_kfifo_free(struct quarry_kfifo *fifo);
/* Elements moved. */
QUARRY_API unsigned int quarry_kfifo_in(struct quarry_kfifo *fifo, const void *from,
                                        unsigned int n);
QUARRY_API unsigned int quarry_kfifo_peek(struct quarry_kfifo *fifo, void *to, unsigned int n);
QUARRY_API unsigned int quarry_kfifo_out(struct quarry_kfifo *fifo, void *to, unsigned int n);
QUARRY_API int quarry_kfifo_user(struct quarry_kfifo *fifo, void __user *user, unsigned long bytes,
                                 unsigned int *copied, bool to_user);
QUARRY_EXTERN_C_END

/* 0 or -ENOMEM, -EINVAL. The size is rounded up to a power of two (of a given buffer: down). */
#define kfifo_alloc(fifo, size, gfp)                                                               \
    quarry_kfifo_alloc(&(fifo)->kfifo, (size), sizeof(**(fifo)->rtype), (gfp))
#define kfifo_init(fifo, buffer, bytes)                                                            \
    quarry_kfifo_init(&(fifo)->kfifo, (buffer), (bytes), sizeof(**(fifo)->rtype))
#define kfifo_free(fifo) quarry_kfifo_free(&(fifo)->kfifo)
#define kfifo_len(fifo) (READ_ONCE((fifo)->kfifo.in) - READ_ONCE((fifo)->kfifo.out))
#define kfifo_size(fifo) ((fifo)->kfifo.mask + 1)
#define kfifo_esize(fifo) ((fifo)->kfifo.esize)
#define kfifo_avail(fifo) (kfifo_size(fifo) - kfifo_len(fifo))
#define kfifo_is_empty(fifo) (kfifo_len(fifo) == 0)
#define kfifo_is_full(fifo) (kfifo_len(fifo) > (fifo)->kfifo.mask)
#define kfifo_initialized(fifo) ((fifo)->kfifo.mask != 0)
#define kfifo_reset(fifo) ((void)((fifo)->kfifo.in = (fifo)->kfifo.out = 0))
#define kfifo_reset_out(fifo) ((void)((fifo)->kfifo.out = (fifo)->kfifo.in))
#define kfifo_in(fifo, from, n) quarry_kfifo_in(&(fifo)->kfifo, (from), (n))
#define kfifo_out(fifo, to, n) quarry_kfifo_out(&(fifo)->kfifo, (to), (n))
#define kfifo_out_peek(fifo, to, n) quarry_kfifo_peek(&(fifo)->kfifo, (to), (n))
#define kfifo_put(fifo, value)                                                                     \
    ({                                                                                             \
        __typeof__(**(fifo)->rtype) __put = (value);                                               \
        quarry_kfifo_in(&(fifo)->kfifo, &__put, 1);                                                \
    })
#define kfifo_get(fifo, to) quarry_kfifo_out(&(fifo)->kfifo, (to), 1)
#define kfifo_peek(fifo, to) quarry_kfifo_peek(&(fifo)->kfifo, (to), 1)
#define kfifo_skip(fifo) ((void)__atomic_fetch_add(&(fifo)->kfifo.out, 1, __ATOMIC_RELEASE))
/* 0 or -EFAULT; *copied in bytes. */
#define kfifo_from_user(fifo, from, bytes, copied)                                                 \
    quarry_kfifo_user(&(fifo)->kfifo, (void *)(uintptr_t)(from), (bytes), (copied), false)
#define kfifo_to_user(fifo, to, bytes, copied)                                                     \
    quarry_kfifo_user(&(fifo)->kfifo, (to), (bytes), (copied), true)
#define quarry_kfifo_locked(call, lock)                                                            \
    ({                                                                                             \
        unsigned long __flags;                                                                     \
        unsigned int __moved;                                                                      \
        spin_lock_irqsave((lock), __flags);                                                        \
        __moved = (call);                                                                          \
        spin_unlock_irqrestore((lock), __flags);                                                   \
        __moved;                                                                                   \
    })
#define kfifo_in_spinlocked(fifo, from, n, lock) quarry_kfifo_locked(kfifo_in(fifo, from, n), lock)
#define kfifo_out_spinlocked(fifo, to, n, lock) quarry_kfifo_locked(kfifo_out(fifo, to, n), lock)
#define kfifo_in_locked(fifo, from, n, lock) kfifo_in_spinlocked(fifo, from, n, lock)
#define kfifo_out_locked(fifo, to, n, lock) kfifo_out_spinlocked(fifo, to, n, lock)

#endif
