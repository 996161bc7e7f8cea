/* SPDX-License-Identifier: MIT */
/* Addresses of pages that may have none. */
#ifndef QUARRY_LINUX_HIGHMEM_H
#define QUARRY_LINUX_HIGHMEM_H

#include <linux/mm.h>
#include <linux/uaccess.h>
#include <quarry/highmem.h>

#define flush_dcache_page(page) ((void)(page))
#define flush_kernel_dcache_page(page) ((void)(page))
#define clear_user_highpage(page, address) clear_highpage(page)
#define zero_user(page, start, size) memzero_page((page), (start), (size))

#endif
