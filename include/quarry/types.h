/* SPDX-License-Identifier: MIT */
/* The few types that every public Quarry header needs. Safe beside libc headers: nothing here has
 * a name that libc declares, and `struct list_head` can be left out with QUARRY_NO_LIST_HEAD. */
#ifndef QUARRY_TYPES_H
#define QUARRY_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define QUARRY_EXTERN_C_BEGIN extern "C" {
#define QUARRY_EXTERN_C_END }
/* What C tells apart by counting arguments, C++ does by overloading. */
#define QUARRY_OVERLOADS_BEGIN extern "C++" {
#define QUARRY_OVERLOADS_END }
#else
#define QUARRY_EXTERN_C_BEGIN
#define QUARRY_EXTERN_C_END
#endif

/* Around a structure that is C, and in C++ an extension that all compilers have. */
#if defined(__clang__) && defined(__cplusplus)
#define QUARRY_C_LAYOUT_BEGIN                                                                      \
    _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wnested-anon-types\"")   \
        _Pragma("clang diagnostic ignored \"-Wc99-extensions\"")
#define QUARRY_C_LAYOUT_END _Pragma("clang diagnostic pop")
#else
#define QUARRY_C_LAYOUT_BEGIN
#define QUARRY_C_LAYOUT_END
#endif

/* What the library exports. Everything else is hidden in the shared object. Inside the library these
 * functions lie in a section of their own, so that a backtrace knows where Quarry ends and its
 * caller begins; with QUARRY_MINIMAL each lies where the compiler puts it, so that the linker can leave
 * out those that nobody calls. */
#if defined(QUARRY_BUILDING_CORE) && !defined(QUARRY_MINIMAL)
#define QUARRY_API __attribute__((visibility("default"), section("quarry_entry")))
#else
#define QUARRY_API __attribute__((visibility("default")))
#endif

#define QUARRY_API_DATA __attribute__((visibility("default")))

/* An inline body that never hides the real symbol of the same name: a pointer to the function, and
 * a caller in another language, reach the symbol in the library. */
#define QUARRY_INLINE                                                                              \
    extern __inline __attribute__((__gnu_inline__, __always_inline__, __artificial__))

typedef unsigned int gfp_t;        /* allocation flags: gfp.h */
typedef unsigned int slab_flags_t; /* cache flags: slab.h */
typedef uint64_t phys_addr_t;      /* a physical address of the machine */
typedef phys_addr_t dma_addr_t;    /* an address as a device sees it */

#if !defined(QUARRY_NO_LIST_HEAD) && !defined(QUARRY_LIST_HEAD_DEFINED)
#define QUARRY_LIST_HEAD_DEFINED
struct list_head {
    struct list_head *next, *prev;
};
#endif

#include <quarry/version.h>

#endif
