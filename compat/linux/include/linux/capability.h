/* SPDX-License-Identifier: MIT */
#include_next <linux/capability.h>
#ifndef QUARRY_LINUX_CAPABILITY_H
#define QUARRY_LINUX_CAPABILITY_H

#include <linux/types.h>

QUARRY_EXTERN_C_BEGIN
/* Whether the client may: the super-user may do everything, others nothing. */
QUARRY_API bool capable(int cap);
QUARRY_EXTERN_C_END
struct user_namespace;
static inline bool ns_capable(struct user_namespace *ns, int cap)
{
    return capable(cap);
}

#endif
