/* SPDX-License-Identifier: MIT */
/* Numbers in a fixed byte order, under the kernel's names. */
#include_next <asm/byteorder.h>
#ifndef QUARRY_ASM_BYTEORDER_H
#define QUARRY_ASM_BYTEORDER_H

#define cpu_to_le16(x) __cpu_to_le16(x)
#define cpu_to_le32(x) __cpu_to_le32(x)
#define cpu_to_le64(x) __cpu_to_le64(x)
#define le16_to_cpu(x) __le16_to_cpu(x)
#define le32_to_cpu(x) __le32_to_cpu(x)
#define le64_to_cpu(x) __le64_to_cpu(x)
#define cpu_to_be16(x) __cpu_to_be16(x)
#define cpu_to_be32(x) __cpu_to_be32(x)
#define cpu_to_be64(x) __cpu_to_be64(x)
#define be16_to_cpu(x) __be16_to_cpu(x)
#define be32_to_cpu(x) __be32_to_cpu(x)
#define be64_to_cpu(x) __be64_to_cpu(x)
#define le16_to_cpup(p) __le16_to_cpup(p)
#define le32_to_cpup(p) __le32_to_cpup(p)
#define le64_to_cpup(p) __le64_to_cpup(p)
#define be16_to_cpup(p) __be16_to_cpup(p)
#define be32_to_cpup(p) __be32_to_cpup(p)
#define be64_to_cpup(p) __be64_to_cpup(p)
#define swab16(x) __builtin_bswap16(x)
#define swab32(x) __builtin_bswap32(x)
#define swab64(x) __builtin_bswap64(x)

#endif
