/* SPDX-License-Identifier: MIT */
/* What a caller says to the leak scan (leak.h), under Linux's names. All do nothing on a machine that does
 * not track allocations (QUARRY_CHECK=0). Context: any. @ptr is the start of an allocation; a pointer to
 * anything else is reported. */
#ifndef QUARRY_KMEMLEAK_H
#define QUARRY_KMEMLEAK_H

#include <quarry/types.h>

QUARRY_EXTERN_C_BEGIN

/* Never report it; its memory is followed as a root. For what is kept alive by something the scan cannot
 * see: a hidden pointer, a device. */
QUARRY_API void kmemleak_not_leak(const void *ptr);
/* Not reported by scans until something was found to lead to it: for a block that is on its way from one
 * owner to another. Here the same as kmemleak_not_leak. */
QUARRY_API void kmemleak_transient_leak(const void *ptr);
/* Never report it, and do not follow it either. For large blocks without pointers. */
QUARRY_API void kmemleak_ignore(const void *ptr);
/* Report it when it is lost, but do not follow what is in it. */
QUARRY_API void kmemleak_no_scan(const void *ptr);
/* Only [ptr, ptr + size) of a block holds pointers: accepted; the whole block is followed. */
QUARRY_API void kmemleak_scan_area(const void *ptr, size_t size, gfp_t gfp);
/* Track memory that Quarry did not hand out (a static pool, a part of a larger block). @min_count: how
 * many pointers must lead to it: negative: it is ignored; 0: it is a root and never reported; else one is
 * enough. Of an allocation of Quarry's own: only the count is taken. */
QUARRY_API void kmemleak_alloc(const void *ptr, size_t size, int min_count, gfp_t gfp);
/* End that; an allocation of Quarry's own is ignored from here on. */
QUARRY_API void kmemleak_free(const void *ptr);
/* The allocation's backtrace and age are those of this call. */
QUARRY_API void kmemleak_update_trace(const void *ptr);
/* Overwrite a pointer variable that would otherwise lead to a block. */
static inline void kmemleak_erase(void **ptr)
{
    *ptr = NULL;
}

QUARRY_EXTERN_C_END

#endif
