/* SPDX-License-Identifier: MIT */
/* Names and reference counts of what the kernel shows to the world. There is no sysfs here. */
#ifndef QUARRY_LINUX_KOBJECT_H
#define QUARRY_LINUX_KOBJECT_H

#include <linux/compiler.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/types.h>

struct kobject {
    const char *name;
    struct kobject *parent;
    struct kref kref;
    char quarry_name[64];
};
QUARRY_EXTERN_C_BEGIN
__printf(2, 3) QUARRY_API int kobject_set_name(struct kobject *kobject, const char *format, ...);
QUARRY_EXTERN_C_END
static inline const char *kobject_name(const struct kobject *kobject)
{
    return kobject->name;
}

struct attribute {
    const char *name;
    umode_t mode;
};
struct attribute_group {
    const char *name;
    struct attribute **attrs;
};

#endif
