/* SPDX-License-Identifier: MIT */
/* The kernel version that module source sees: 6.12.0, unless the build says otherwise with
 * -DQUARRY_KERNEL_VERSION_CODE=<number>, or the source with QUARRY_LINUX_26 before its first include
 * (2.6.10, the version of the classic books, unless the build named one of that time). Versions
 * before 2.6.36 switch QUARRY_LINUX_26 on: kmem_cache_t, kmem_cache_destroy() with a status,
 * file_operations.ioctl, init_MUTEX, … */
#ifndef QUARRY_LINUX_VERSION_H
#define QUARRY_LINUX_VERSION_H

#undef KERNEL_VERSION
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))

#ifndef QUARRY_KERNEL_VERSION_CODE
#define QUARRY_KERNEL_VERSION_CODE 396288 /* KERNEL_VERSION(6, 12, 0) */
#endif
#if defined(QUARRY_LINUX_26) && QUARRY_KERNEL_VERSION_CODE >= KERNEL_VERSION(2, 6, 36)
#undef QUARRY_KERNEL_VERSION_CODE
#define QUARRY_KERNEL_VERSION_CODE 132618 /* KERNEL_VERSION(2, 6, 10) */
#endif

#undef LINUX_VERSION_CODE
#define LINUX_VERSION_CODE QUARRY_KERNEL_VERSION_CODE
#define LINUX_VERSION_MAJOR (LINUX_VERSION_CODE >> 16)
#define LINUX_VERSION_PATCHLEVEL ((LINUX_VERSION_CODE >> 8) & 0xff)
#define LINUX_VERSION_SUBLEVEL (LINUX_VERSION_CODE & 0xff)

#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 36) && !defined(QUARRY_LINUX_26)
#define QUARRY_LINUX_26 1
#endif

#endif
