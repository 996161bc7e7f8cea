/* SPDX-License-Identifier: MIT */
/* Cyclic redundancy checks of 32 bits. The start value and the result are used as they are: for the usual
 * CRC-32 of Ethernet and zip, crc32_le(~0, p, n) ^ ~0. Context: any. */
#ifndef QUARRY_LINUX_CRC32_H
#define QUARRY_LINUX_CRC32_H

#include <linux/types.h>

QUARRY_EXTERN_C_BEGIN
QUARRY_API u32 crc32_le(u32 crc, const unsigned char *p, size_t n);
QUARRY_API u32 crc32_be(u32 crc, const unsigned char *p, size_t n);
QUARRY_API u32 __crc32c_le(u32 crc, const unsigned char *p, size_t n); /* Castagnoli's */
QUARRY_EXTERN_C_END
#define crc32(seed, data, n) crc32_le((seed), (const unsigned char *)(data), (n))
#define crc32c(seed, data, n) __crc32c_le((seed), (const unsigned char *)(data), (n))
#define ether_crc_le(n, data) crc32_le(~0u, (data), (size_t)(n))

#endif
