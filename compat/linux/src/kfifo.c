/* SPDX-License-Identifier: MIT */
/* kfifo: queues in rings. `in` and `out` are counted on for ever; their difference is the length, and
 * their lower bits are places. The producer writes `in` alone and the consumer `out`, each after the
 * data, so that one of each needs no lock. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/kfifo.h>

QUARRY_API int quarry_kfifo_init(struct quarry_kfifo *fifo, void *buffer, unsigned int bytes,
                                 size_t esize)
{
    size_t n = bytes / esize;
    *fifo = (struct quarry_kfifo){.esize = (unsigned int)esize, .data = buffer};
    if (n < 2)
        return -EINVAL;
    fifo->mask = (unsigned int)rounddown_pow_of_two(n) - 1;
    return 0;
}

QUARRY_API int quarry_kfifo_alloc(struct quarry_kfifo *fifo, unsigned int size, size_t esize,
                                  gfp_t gfp)
{
    size_t n = size < 2 ? 2 : roundup_pow_of_two(size);
    void *buffer;
    *fifo = (struct quarry_kfifo){.esize = (unsigned int)esize};
    if (size < 2 || n > (1u << 31))
        return -EINVAL;
    buffer = kmalloc_array(n, esize, gfp);
    if (!buffer)
        return -ENOMEM;
    fifo->data = buffer;
    fifo->mask = (unsigned int)n - 1;
    return 0;
}

QUARRY_API void quarry_kfifo_free(struct quarry_kfifo *fifo)
{
    kfree(fifo->data);
    *fifo = (struct quarry_kfifo){.esize = fifo->esize};
}

/* The piece of the ring from count @at on: its address, and the elements before the ring's end. */
static char *kfifo_piece(const struct quarry_kfifo *fifo, unsigned int at, unsigned int n,
                         unsigned int *piece)
{
    unsigned int place = at & fifo->mask;
    *piece = min(n, fifo->mask + 1 - place);
    return (char *)fifo->data + (size_t)place * fifo->esize;
}

QUARRY_API unsigned int quarry_kfifo_in(struct quarry_kfifo *fifo, const void *from, unsigned int n)
{
    unsigned int in = fifo->in, out = __atomic_load_n(&fifo->out, __ATOMIC_ACQUIRE), piece;
    char *to;
    n = min(n, fifo->mask + 1 - (in - out));
    to = kfifo_piece(fifo, in, n, &piece);
    memcpy(to, from, (size_t)piece * fifo->esize);
    memcpy(fifo->data, (const char *)from + (size_t)piece * fifo->esize,
           (size_t)(n - piece) * fifo->esize);
    __atomic_store_n(&fifo->in, in + n, __ATOMIC_RELEASE);
    return n;
}

QUARRY_API unsigned int quarry_kfifo_peek(struct quarry_kfifo *fifo, void *to, unsigned int n)
{
    unsigned int out = fifo->out, in = __atomic_load_n(&fifo->in, __ATOMIC_ACQUIRE), piece;
    char *from;
    n = min(n, in - out);
    from = kfifo_piece(fifo, out, n, &piece);
    memcpy(to, from, (size_t)piece * fifo->esize);
    memcpy((char *)to + (size_t)piece * fifo->esize, fifo->data, (size_t)(n - piece) * fifo->esize);
    return n;
}

QUARRY_API unsigned int quarry_kfifo_out(struct quarry_kfifo *fifo, void *to, unsigned int n)
{
    n = quarry_kfifo_peek(fifo, to, n);
    __atomic_store_n(&fifo->out, fifo->out + n, __ATOMIC_RELEASE);
    return n;
}

/* Whole elements only: what a bad address cut in the middle of one is not counted. */
QUARRY_API int quarry_kfifo_user(struct quarry_kfifo *fifo, void __user *user, unsigned long bytes,
                                 unsigned int *copied, bool to_user)
{
    unsigned int in = __atomic_load_n(&fifo->in, __ATOMIC_ACQUIRE);
    unsigned int out = __atomic_load_n(&fifo->out, __ATOMIC_ACQUIRE);
    unsigned long most = to_user ? in - out : fifo->mask + 1 - (in - out);
    unsigned int n = (unsigned int)min(bytes / fifo->esize, most), done = 0, piece;
    int error = 0;
    while (done < n && !error) {
        char *at = kfifo_piece(fifo, (to_user ? out : in) + done, n - done, &piece);
        size_t size = (size_t)piece * fifo->esize, left;
        char *place = (char *)user + (size_t)done * fifo->esize;
        left = to_user ? copy_to_user(place, at, size) : copy_from_user(at, place, size);
        if (left)
            error = -EFAULT;
        done += (unsigned int)((size - left) / fifo->esize);
    }
    __atomic_store_n(to_user ? &fifo->out : &fifo->in, (to_user ? out : in) + done,
                     __ATOMIC_RELEASE);
    *copied = done * fifo->esize;
    return error;
}
