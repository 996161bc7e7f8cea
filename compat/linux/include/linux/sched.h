/* SPDX-License-Identifier: MIT */
/* Tasks: the client's thread that runs driver code, worker threads, kernel threads. */
#ifndef QUARRY_LINUX_SCHED_H
#define QUARRY_LINUX_SCHED_H

#include <limits.h>
#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/preempt.h>
#include <linux/rwsem.h>
#include <linux/time.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/wait.h>

#define TASK_COMM_LEN 16
#define PF_EXITING 0x00000004u
#define PF_KTHREAD 0x00200000u

struct mm_struct {
    union {
        struct rw_semaphore mmap_lock;
        struct rw_semaphore mmap_sem;
    };
};
struct cred {
    kuid_t uid, suid, euid, fsuid;
    kgid_t gid, sgid, egid, fsgid;
};
struct signal_struct;
struct qlx_task_state;

struct task_struct {
    union {
        unsigned int __state;
        unsigned int state;
    };
    unsigned int flags; /* PF_* */
    pid_t pid, tgid;
    char comm[TASK_COMM_LEN];
    uid_t uid, euid; /* older kernels keep them here, newer ones in cred */
    gid_t gid, egid;
    const struct cred *cred, *real_cred;
    struct mm_struct *mm; /* NULL for kernel threads */
    struct task_struct *parent, *real_parent, *group_leader;
    int prio, static_prio;
    void *journal_info;
    struct cred quarry_cred;
    struct mm_struct quarry_mm;
    struct qlx_task_state *quarry; /* the implementation's part */
};

#define current quarry_current()

QUARRY_EXTERN_C_BEGIN

/* Give the processor away until the state is TASK_RUNNING again (wake_up_process), or a signal
 * came that the state gives way to. Context: may sleep. */
QUARRY_API void schedule(void);
/* At most @timeout jiffies; returns what was left of them. */
QUARRY_API long schedule_timeout(long timeout);
QUARRY_API long schedule_timeout_interruptible(long timeout);
QUARRY_API long schedule_timeout_killable(long timeout);
QUARRY_API long schedule_timeout_uninterruptible(long timeout);
QUARRY_API void io_schedule(void);
QUARRY_API long io_schedule_timeout(long timeout);
QUARRY_API void yield(void);
QUARRY_API int cond_resched(void);
/* 1 when it slept. Context: any. */
QUARRY_API int wake_up_process(struct task_struct *task);
QUARRY_API int wake_up_state(struct task_struct *task, unsigned int state);
QUARRY_API void quarry_set_state(unsigned int state);
QUARRY_API int signal_pending(struct task_struct *task);
QUARRY_API int fatal_signal_pending(struct task_struct *task);
QUARRY_API int send_sig(int signal, struct task_struct *task, int priv);
QUARRY_API void flush_signals(struct task_struct *task);

static inline int signal_pending_state(unsigned int state, struct task_struct *task)
{
    if (state & TASK_INTERRUPTIBLE)
        return signal_pending(task);
    return state & TASK_WAKEKILL ? fatal_signal_pending(task) : 0;
}

QUARRY_EXTERN_C_END

#define set_current_state(value) quarry_set_state(value)
#define __set_current_state(value) quarry_set_state(value)
#define set_task_state(task, value)                                                                \
    __atomic_store_n(&(task)->__state, (unsigned int)(value), __ATOMIC_SEQ_CST)
#define get_current_state() __atomic_load_n(&current->__state, __ATOMIC_RELAXED)
#define task_is_running(task) (READ_ONCE((task)->__state) == TASK_RUNNING)
#define need_resched() 0
#define get_task_comm(buffer, task) strscpy_pad(buffer, (task)->comm, sizeof(buffer))
#define task_pid_nr(task) ((task)->pid)
#define task_tgid_nr(task) ((task)->tgid)
#define task_pid_vnr(task) ((task)->pid)
#define task_tgid_vnr(task) ((task)->tgid)
#define task_uid(task) ((task)->cred->uid)
#define get_current() current
#define task_stack_page(task) ((void *)(task))
#define smp_processor_id() quarry_processor_id()
#define raw_smp_processor_id() quarry_processor_id()
#define get_cpu()                                                                                  \
    ({                                                                                             \
        preempt_disable();                                                                         \
        smp_processor_id();                                                                        \
    })
#define put_cpu() preempt_enable()
QUARRY_EXTERN_C_BEGIN
QUARRY_API int quarry_processor_id(void);
QUARRY_EXTERN_C_END

#include <linux/cred.h>

#endif
