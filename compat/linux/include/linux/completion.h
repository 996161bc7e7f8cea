/* SPDX-License-Identifier: MIT */
/* Something that happens once (or n times), and those who wait for it. */
#ifndef QUARRY_LINUX_COMPLETION_H
#define QUARRY_LINUX_COMPLETION_H

#include <linux/wait.h>

struct completion {
    unsigned int done;
    wait_queue_head_t wait;
};
#define COMPLETION_INITIALIZER(work)                                                               \
    {                                                                                              \
        .done = 0, .wait = __WAIT_QUEUE_HEAD_INITIALIZER((work).wait)                              \
    }
#define DECLARE_COMPLETION(work) struct completion work = COMPLETION_INITIALIZER(work)
#define DECLARE_COMPLETION_ONSTACK(work) DECLARE_COMPLETION(work)

QUARRY_EXTERN_C_BEGIN

QUARRY_API void init_completion(struct completion *x);
static inline void reinit_completion(struct completion *x)
{
    x->done = 0;
}
#define INIT_COMPLETION(x) reinit_completion(&(x))
/* Context: any. */
QUARRY_API void complete(struct completion *x);
QUARRY_API void complete_all(struct completion *x);
QUARRY_API bool try_wait_for_completion(struct completion *x);
QUARRY_API bool completion_done(struct completion *x);
/* Context: may sleep. Results as the wait_event forms. */
QUARRY_API void wait_for_completion(struct completion *x);
QUARRY_API int wait_for_completion_interruptible(struct completion *x);
QUARRY_API int wait_for_completion_killable(struct completion *x);
QUARRY_API unsigned long wait_for_completion_timeout(struct completion *x, unsigned long timeout);
QUARRY_API long wait_for_completion_interruptible_timeout(struct completion *x,
                                                          unsigned long timeout);
QUARRY_API long wait_for_completion_killable_timeout(struct completion *x, unsigned long timeout);
/* End the kernel thread that calls. */
__noreturn QUARRY_API void complete_and_exit(struct completion *x, long code);
#define kthread_complete_and_exit(x, code) complete_and_exit((x), (code))

QUARRY_EXTERN_C_END

#endif
