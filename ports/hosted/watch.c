/* SPDX-License-Identifier: MIT */
/* ports/hosted/watch: detectors that know of every byte whether it may be used.
 *
 * Problem. AddressSanitizer sees every access of a program that is compiled with it, and Valgrind's
 * memcheck those of any program, but both take Quarry's memory, which is one mapping, for one live
 * block.
 *
 * Idea. The default machine boots as a watched one: the core then says of each piece of memory when
 * it becomes a caller's and when it is nobody's, to the byte, leaves gaps between objects, and uses
 * freed objects late. Here that is passed on: memory that is nobody's is poisoned,
 * or out of bounds for memcheck, which is also told of each object and area as of one of malloc's,
 * so that its reports say where a block came from and where it went.
 *
 * Whether the sanitizer is in the program is seen by weak symbols of its public interface; memcheck
 * is asked by one of its requests, which are a few idle instructions everywhere else. Private
 * machines (tests) are not watched: their memory comes and goes, and poison would outlive it.
 *
 * Limits. What was never allocated is not poisoned, so that booting costs nothing: an overrun of a
 * page block into pages that nobody has had yet is not seen. */
#include "hosted.h"
#include <stdlib.h>
#include <string.h>

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define WATCH_HAS_MEMCHECK 1
#endif
#endif

#ifdef WATCH_HAS_MEMCHECK
static bool watch_memcheck; /* the program runs under it */

static void watch_block(const void *address, size_t size, enum qp_block what)
{
    if (what == QP_BLOCK_FREED)
        VALGRIND_FREELIKE_BLOCK(address, 0);
    else
        VALGRIND_MALLOCLIKE_BLOCK(address, size, 0, what == QP_BLOCK_WRITTEN);
}

/* Other tools of Valgrind answer 0 to memcheck's requests. */
static bool watch_find_memcheck(void)
{
    char probe = 0;
    return VALGRIND_MAKE_MEM_DEFINED(&probe, sizeof(probe)) != 0;
}
#endif

bool hosted_watch_begin(qp_block_fn *block)
{
    const char *wish = getenv("QUARRY_WATCH");
    *block = NULL;
    if (wish && strcmp(wish, "0") == 0)
        return false;
#ifdef WATCH_HAS_MEMCHECK
    watch_memcheck = watch_find_memcheck();
    if (watch_memcheck) {
        *block = watch_block;
        return true;
    }
#endif
    return __asan_poison_memory_region && __asan_unpoison_memory_region;
}

void hosted_watch_forbid(uintptr_t start, uintptr_t end)
{
    if (start >= end)
        return;
#ifdef WATCH_HAS_MEMCHECK
    if (watch_memcheck)
        VALGRIND_MAKE_MEM_NOACCESS(start, end - start);
#endif
    if (__asan_poison_memory_region)
        __asan_poison_memory_region((const void *)start, end - start);
}

void hosted_watch_allow(uintptr_t start, uintptr_t end)
{
    if (start >= end)
        return;
#ifdef WATCH_HAS_MEMCHECK
    if (watch_memcheck)
        VALGRIND_MAKE_MEM_DEFINED(start, end - start);
#endif
    if (__asan_unpoison_memory_region)
        __asan_unpoison_memory_region((const void *)start, end - start);
}
