/* SPDX-License-Identifier: MIT */
/* Resources that end with their scope:
 *
 *     void *p __free(kfree) = kmalloc(n, GFP_KERNEL);     guard(mutex)(&lock);
 *     scoped_guard(spinlock, &lock) { ... }               return_ptr(p), no_free_ptr(p) keep it. */
#ifndef QUARRY_LINUX_CLEANUP_H
#define QUARRY_LINUX_CLEANUP_H

#include <linux/compiler.h>

#define __cleanup(function) __attribute__((__cleanup__(function)))

#define DEFINE_FREE(name, type, free)                                                              \
    static inline void __free_##name(void *p)                                                      \
    {                                                                                              \
        type _T = *(type *)p;                                                                      \
        free;                                                                                      \
    }
#define __free(name) __cleanup(__free_##name)
#define no_free_ptr(p)                                                                             \
    ({                                                                                             \
        __auto_type __kept = (p);                                                                  \
        (p) = NULL;                                                                                \
        __kept;                                                                                    \
    })
#define return_ptr(p) return no_free_ptr(p)

/* A guard over one lock: @lock and @unlock see the pointer as _T. */
#define DEFINE_GUARD(name, type, lock, unlock)                                                     \
    typedef type quarry_guard_##name;                                                              \
    static inline type quarry_guard_begin_##name(type _T)                                          \
    {                                                                                              \
        lock;                                                                                      \
        return _T;                                                                                 \
    }                                                                                              \
    static inline void quarry_guard_end_##name(type *held)                                         \
    {                                                                                              \
        type _T = *held;                                                                           \
        if (_T) {                                                                                  \
            unlock;                                                                                \
        }                                                                                          \
    }
#define quarry_guard_is(name, variable)                                                            \
    quarry_guard_##name __maybe_unused variable __cleanup(quarry_guard_end_##name) =               \
        quarry_guard_begin_##name
#define guard(name) quarry_guard_is(name, __UNIQUE_ID(guard))
#define scoped_guard(name, ...)                                                                    \
    for (quarry_guard_is(name, __scope)(__VA_ARGS__), *__once = NULL; !__once;                     \
         __once = (void *)&__scope)

#endif
