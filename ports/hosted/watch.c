/* SPDX-License-Identifier: MIT */
/* ports/hosted/watch: detectors that know of every byte whether it may be used.
 *
 * Problem. AddressSanitizer sees every access of a program that is compiled with it, but takes
 * Quarry's memory, which is one mapping, for one live block.
 *
 * Idea. The default machine boots as a watched one: the core then says of each piece of memory when
 * it becomes a caller's and when it is nobody's, to the byte, leaves gaps between objects, and uses
 * freed objects late. Here that is passed on: memory that is nobody's is poisoned.
 *
 * Whether the sanitizer is in the program is seen by weak symbols of its public interface. Private
 * machines (tests) are not watched: their memory comes and goes, and poison would outlive it.
 *
 * Limits. What was never allocated is not poisoned, so that booting costs nothing: an overrun of a
 * page block into pages that nobody has had yet is not seen. */
#include "hosted.h"
#include <stdlib.h>
#include <string.h>

bool hosted_watch_begin(void)
{
    const char *wish = getenv("QUARRY_WATCH");
    if (wish && strcmp(wish, "0") == 0)
        return false;
    return __asan_poison_memory_region && __asan_unpoison_memory_region;
}

void hosted_watch_forbid(uintptr_t start, uintptr_t end)
{
    if (__asan_poison_memory_region && start < end)
        __asan_poison_memory_region((const void *)start, end - start);
}

void hosted_watch_allow(uintptr_t start, uintptr_t end)
{
    if (__asan_unpoison_memory_region && start < end)
        __asan_unpoison_memory_region((const void *)start, end - start);
}
