/* SPDX-License-Identifier: MIT */
#include_next <linux/stddef.h>
#ifndef QUARRY_LINUX_STDDEF_H
#define QUARRY_LINUX_STDDEF_H

#include <linux/types.h>

#define sizeof_field(TYPE, MEMBER) sizeof((((TYPE *)0)->MEMBER))
#define FIELD_SIZEOF(TYPE, MEMBER) sizeof_field(TYPE, MEMBER)
#define offsetofend(TYPE, MEMBER) (offsetof(TYPE, MEMBER) + sizeof_field(TYPE, MEMBER))

#endif
