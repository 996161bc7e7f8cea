/* SPDX-License-Identifier: MIT */
/* Single devices under the shared major 10. */
#ifndef QUARRY_LINUX_MISCDEVICE_H
#define QUARRY_LINUX_MISCDEVICE_H

#include <linux/device.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/module.h>

#define MISC_MAJOR 10
#define MISC_DYNAMIC_MINOR 255

struct miscdevice {
    int minor;
    const char *name;
    const struct file_operations *fops;
    struct list_head list;
    struct device *parent;
    struct device *this_device;
    const struct attribute_group **groups;
    const char *nodename;
    umode_t mode;
};

QUARRY_EXTERN_C_BEGIN
/* 0 or -EBUSY, -ENOMEM; a dynamic minor is stored in the structure. */
QUARRY_API int misc_register(struct miscdevice *misc);
#if LINUX_VERSION_CODE < KERNEL_VERSION(4, 3, 0)
QUARRY_API int misc_deregister(struct miscdevice *misc) __asm__("quarry_misc_deregister_old");
#else
QUARRY_API void misc_deregister(struct miscdevice *misc);
#endif
QUARRY_EXTERN_C_END

#define quarry_module_pair(thing, register_it, unregister_it)                                      \
    static int __init thing##_init(void)                                                           \
    {                                                                                              \
        return register_it(&thing);                                                                \
    }                                                                                              \
    module_init(thing##_init);                                                                     \
    static void __exit thing##_exit(void)                                                          \
    {                                                                                              \
        unregister_it(&thing);                                                                     \
    }                                                                                              \
    module_exit(thing##_exit)
#define module_misc_device(misc) quarry_module_pair(misc, misc_register, misc_deregister)
#define MODULE_ALIAS_MISCDEV(minor) MODULE_ALIAS("char-major-10-" #minor)

#endif
