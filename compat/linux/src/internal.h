/* SPDX-License-Identifier: MIT */
/* What the parts of compat/linux know of each other.
 *
 *     host program ── runtime.h ──►  module.c  file.c  map.c  chrdev.c  proc.c      (drive the driver)
 *     module ── include/linux/ ───►   lock.c wait.c timer.c interrupt.c workqueue.c rcu.c uaccess.c …
 *                                           └───────── task.c, oops.c, left.c ─────────┘
 *
 * Words. A task is whoever runs driver code: a thread acting for a client, a worker, a kernel
 * thread. A guard is a point to which a task returns when driver code oopses.
 *
 * Memory. What the kernel would have allocated for a caller (a class, a device, an open seq_file)
 * comes from Quarry, so that fault injection reaches the caller's error paths and a forgotten undo
 * shows up as a leak; the implementation's own book-keeping comes from libc.
 *
 * Locks. Every part has one lock of its own; qlx_guard_word locks (u32) are held for a few
 * instructions, over no call out of the part. Driver code is called with none of them held. */
#ifndef QLX_INTERNAL_H
#define QLX_INTERNAL_H

#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <pthread.h>
#include <setjmp.h>
#include <string.h>
#include <quarry/context.h>
#include <quarry/report.h>
#include "../runtime.h"

#define NS_PER_JIFFY ((u64)NSEC_PER_SEC / HZ)

/* From the port: return addresses outside the core, and the clock. */
unsigned int qp_backtrace(const void **pc, unsigned int max);
uint64_t qp_now_ns(void);

/* ---- task.c -------------------------------------------------------------------------------- */

#define QLX_USER_RANGES 8

struct qlx_user_range {
    u64 user;
    size_t size;
    char *local;
    bool writable;
};

struct qlx_guard {
    sigjmp_buf env;
    struct qlx_guard *outer;
    unsigned int depth[QUARRY_CONTEXTS];
    unsigned int mutexes;
};

/* The implementation's part of a task. Tasks are recycled, never unmapped: a late wake-up hits the
 * wrong task at worst, which every sleeper survives. */
struct qlx_task_state {
    struct task_struct task;
    pthread_mutex_t lock; /* guards sleeping and signals */
    pthread_cond_t wake;
    bool signalled, fatal;
    bool kernel_segment; /* set_fs(KERNEL_DS) */
    bool entered;        /* by qlx_client_enter */
    int client_pid;      /* whose memory; 0: nobody's */
    struct qlx_user_range range[QLX_USER_RANGES];
    unsigned int nr_ranges;
    unsigned int mutexes;    /* it holds; atomic, since a stranger may release one */
    const void *mutex_where; /* the one locked last */
    struct qlx_guard *guard;
    struct task_struct *outer; /* this thread's task before qlx_client_enter */
    struct qlx_task_state *next_free;
    struct qlx_kthread *kthread;
};

struct task_struct *qlx_task_new(const struct qlx_client *client);
void qlx_task_free(struct task_struct *task);
/* Make @task this thread's; returns the one before. */
struct task_struct *qlx_task_set(struct task_struct *task);
/* Sleep in the state that is set until woken, signalled, or @deadline_ns (0: none). */
void qlx_task_sleep(u64 deadline_ns);
u64 qlx_deadline(long timeout_jiffies);
/* A pthread with @name that begins as a kernel task. 0 or -EAGAIN. */
int qlx_thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg);

/* A lock of a few instructions. */
void qlx_word_lock(u32 *word);
void qlx_word_unlock(u32 *word);

/* ---- oops.c -------------------------------------------------------------------------------- */

void qlx_guard_begin(struct qlx_guard *guard);
void qlx_guard_end(struct qlx_guard *guard);
__noreturn void qlx_guard_escape(void);
/* Run driver code: @result is the expression's value, or @otherwise after an oops in it. */
#define QLX_CALL_DRIVER(result, expression, otherwise)                                             \
    do {                                                                                           \
        struct qlx_guard qlx_guard_here;                                                           \
        qlx_guard_begin(&qlx_guard_here);                                                          \
        if (sigsetjmp(qlx_guard_here.env, 0) == 0)                                                 \
            (result) = (expression);                                                               \
        else                                                                                       \
            (result) = (otherwise);                                                                \
        qlx_guard_end(&qlx_guard_here);                                                            \
    } while (0)

void qlx_trace_here(struct quarry_trace *trace);
/* Report misuse; @before may be NULL, or one address. */
__printf(4, 5) void qlx_find(const char *what, const void *before, const char *before_is,
                             const char *format, ...);
__noreturn void qlx_die(const char *what, const void *pc);

/* ---- left.c: what is registered ------------------------------------------------------------ */

void qlx_left_add(enum qlx_left_kind kind, const void *object, const char *name);
/* The same, undone by another call than usual. */
void qlx_left_add_undo(enum qlx_left_kind kind, const void *object, const char *name,
                       const char *undo);
/* It has got a name since. */
void qlx_left_name(enum qlx_left_kind kind, const void *object, const char *name);
/* Returns whether it was there. */
bool qlx_left_remove(enum qlx_left_kind kind, const void *object);
void qlx_left_forget_all(void);
void qlx_left_forget(enum qlx_left_kind kind);
void qlx_generation_bump(void);

/* ---- the parts ----------------------------------------------------------------------------- */

int qlx_ensure_started(void);

/* Each stops its threads and forgets what is queued; the next use starts them again. Timers and work
 * start one another, so both stay closed to new ones until all is stopped. */
void qlx_timers_stop(void);
void qlx_timers_open(void);
void qlx_workqueues_stop(void);
void qlx_workqueues_open(void);
bool qlx_kthreads_stop(void);
void qlx_interrupts_stop(void);
void qlx_rcu_stop(void);
/* Wait for callbacks asked for so far, and for what kfree_rcu() was given. */
void qlx_rcu_drain(void);
void qlx_chrdev_forget(void);
void qlx_proc_forget(void);
void qlx_entries_forget(void);
void qlx_driver_core_forget(void);
void qlx_registers_forget(void);

void qlx_timers_settle(void);
void qlx_workqueues_settle(void);
void qlx_tasklets_settle(void);

/* Visit what timers and works are pending, for the list of what is left. */
typedef bool (*qlx_left_visit)(const struct qlx_left *, void *);
bool qlx_timers_left(qlx_left_visit visit, void *data);
bool qlx_works_left(qlx_left_visit visit, void *data);
bool qlx_tasklets_left(qlx_left_visit visit, void *data);

/* The soft-interrupt thread (timer.c) runs @function there soon; used by tasklets and RCU. */
void qlx_softirq_kick(void);
void qlx_tasklets_run(void);
void qlx_rcu_run(void);

struct file_operations;
struct cdev;
struct device;
struct miscdevice;
struct proc_dir_entry;
struct vm_area_struct;

/* chrdev.c: who serves a device number. */
struct qlx_chrdev {
    const struct file_operations *fops;
    struct cdev *cdev;       /* NULL for misc devices */
    struct miscdevice *misc; /* or NULL */
};
/* 0 or -ENXIO. On success the module is held (qlx_module_drop(chrdev->fops->owner)). */
int qlx_chrdev_get(unsigned int dev, struct qlx_chrdev *chrdev);
/* device.c: the misc device of a minor, or NULL. */
struct miscdevice *qlx_misc_find(unsigned int minor);
/* Whether a device node was made for this number by device_create or misc_register. */
bool qlx_device_made(unsigned int dev);
bool qlx_devices_visit(bool (*visit)(const struct qlx_device *, void *), void *data);
void qlx_devices_forget(void);

/* devres.c: how many there were. */
int qlx_devres_release_all(struct device *dev);
/* A device begins, and is gone: nothing is managed for one that is not in between. */
void qlx_devres_begin(struct device *dev);
void qlx_devres_end(struct device *dev);
/* The record of a devm_ call, @size bytes, made before what it is to hold. NULL when memory is short, or the
 * device is gone or never was, which is reported by the name of the call. */
void *qlx_devres_record(struct device *dev, void (*release)(struct device *, void *), size_t size,
                        gfp_t gfp, const char *call);
/* A devm_ call whose resource is one pointer, in two halves. The record is made first, so that nothing
 * made need be undone for want of it. Then the record holds what was made, or goes if that is NULL; returns
 * it. Such a record matches its pointer. */
void **qlx_devres_pointer(struct device *dev, void (*release)(struct device *, void *), gfp_t gfp,
                          const char *call);
void *qlx_devres_keep(struct device *dev, void **res, void *made);
int qlx_devres_holds(struct device *dev, void *res, void *made);

/* proc.c: find and hold an entry; NULL when there is none or it is being removed. */
struct proc_dir_entry *qlx_proc_hold(const char *path);
void qlx_proc_put(struct proc_dir_entry *entry);
/* sysfs.c: make the folders that are always there. */
void qlx_sysfs_ready(void);
/* The operations of an entry, whichever way it was made. */
const struct file_operations *qlx_proc_fops(struct proc_dir_entry *entry);

/* module.c */
/* Leave out the frames of compat/linux itself, if a module's code is among the rest. */
void qlx_trace_begin_in_module(struct quarry_trace *trace);
/* References of the implementation's own: open files. */
bool qlx_module_hold(struct module *module);
void qlx_module_drop(struct module *module);
unsigned int qlx_module_version(const struct module *module);

/* symbols.c, made at build time */
extern const struct qlx_symbol qlx_symbol_table[];

/* print.c */
void qlx_print_flush(void);

#endif
