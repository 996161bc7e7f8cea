/* SPDX-License-Identifier: MIT */
/* Waiting for a file to become ready. */
#ifndef QUARRY_LINUX_POLL_H
#define QUARRY_LINUX_POLL_H

#include <linux/fs.h>
#include <linux/types.h>
#include <linux/wait.h>

#ifndef POLLIN
#define POLLIN 0x001
#define POLLPRI 0x002
#define POLLOUT 0x004
#define POLLERR 0x008
#define POLLHUP 0x010
#define POLLNVAL 0x020
#endif
#ifndef POLLRDNORM
#define POLLRDNORM 0x040
#define POLLRDBAND 0x080
#define POLLWRNORM 0x100
#define POLLWRBAND 0x200
#endif
#ifndef POLLRDHUP
#define POLLRDHUP 0x2000
#endif
#ifndef EPOLLIN
#define EPOLLIN ((__poll_t)0x001)
#define EPOLLPRI ((__poll_t)0x002)
#define EPOLLOUT ((__poll_t)0x004)
#define EPOLLERR ((__poll_t)0x008)
#define EPOLLHUP ((__poll_t)0x010)
#define EPOLLRDNORM ((__poll_t)0x040)
#define EPOLLRDBAND ((__poll_t)0x080)
#define EPOLLWRNORM ((__poll_t)0x100)
#define EPOLLWRBAND ((__poll_t)0x200)
#define EPOLLRDHUP ((__poll_t)0x2000)
#endif
#define DEFAULT_POLLMASK ((__poll_t)(0x001 | 0x004 | 0x040 | 0x100))

struct poll_table_struct;
typedef void (*poll_queue_proc)(struct file *, wait_queue_head_t *, struct poll_table_struct *);
typedef struct poll_table_struct {
    poll_queue_proc _qproc;
    __poll_t _key; /* the events asked for */
} poll_table;

/* Wake the poller when @queue is woken. Does not sleep. */
static inline void poll_wait(struct file *file, wait_queue_head_t *queue, poll_table *table)
{
    if (table && table->_qproc && queue)
        table->_qproc(file, queue, table);
}
static inline bool poll_does_not_wait(const poll_table *table)
{
    return !table || !table->_qproc;
}
static inline __poll_t poll_requested_events(const poll_table *table)
{
    return table ? table->_key : ~(__poll_t)0;
}

#endif
