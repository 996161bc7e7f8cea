/* SPDX-License-Identifier: MIT */
/* wait_bit: waiting at an address. There is no room for a wait queue in a bit, so queues are found by a
 * hash of the address; who is woken for a neighbour looks and sleeps on. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/hash.h>
#include <linux/wait_bit.h>

#define QUEUE_BITS 6

static struct wait_queue_head bit_queues[1 << QUEUE_BITS];
static pthread_once_t bit_once = PTHREAD_ONCE_INIT;

static void bit_queues_init(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(bit_queues); i++)
        init_waitqueue_head(&bit_queues[i]);
}

QUARRY_API struct wait_queue_head *__var_waitqueue(void *var)
{
    pthread_once(&bit_once, bit_queues_init);
    return &bit_queues[hash_ptr(var, QUEUE_BITS)];
}

QUARRY_API int wait_on_bit_timeout(unsigned long *word, int bit, unsigned int mode,
                                   unsigned long timeout)
{
    long most = timeout > MAX_SCHEDULE_TIMEOUT ? MAX_SCHEDULE_TIMEOUT : (long)timeout, left;
    might_sleep();
    left = quarry_wait_plain(*bit_waitqueue(word, bit), !test_bit(bit, word), mode, false, most);
    if (left < 0)
        return -EINTR;
    return left == 0 ? -EAGAIN : 0;
}

QUARRY_API int wait_on_bit(unsigned long *word, int bit, unsigned int mode)
{
    return wait_on_bit_timeout(word, bit, mode, MAX_SCHEDULE_TIMEOUT);
}

QUARRY_API int wait_on_bit_lock(unsigned long *word, int bit, unsigned int mode)
{
    long left;
    might_sleep();
    left = quarry_wait_plain(*bit_waitqueue(word, bit), !test_and_set_bit(bit, word), mode, true,
                             MAX_SCHEDULE_TIMEOUT);
    return left < 0 ? -EINTR : 0;
}

QUARRY_API void wake_up_bit(unsigned long *word, int bit)
{
    wake_up_all(bit_waitqueue(word, bit)); /* neighbours of the hash among them */
}

QUARRY_API void clear_and_wake_up_bit(int bit, unsigned long *word)
{
    clear_bit_unlock(bit, word);
    smp_mb();
    wake_up_bit(word, bit);
}

QUARRY_API void wake_up_var(void *var)
{
    wake_up_all(__var_waitqueue(var));
}
