/* SPDX-License-Identifier: MIT */
/* There is no device tree: drivers that ask it find nothing. */
#ifndef QUARRY_LINUX_OF_H
#define QUARRY_LINUX_OF_H

#include <linux/errno.h>
#include <linux/mod_devicetable.h>
#include <linux/types.h>

struct device;
struct device_node;

#define of_match_ptr(table) NULL

static inline int of_property_read_u32(const struct device_node *np, const char *name, u32 *value)
{
    return -EINVAL;
}
static inline int of_property_read_string(const struct device_node *np, const char *name,
                                          const char **text)
{
    return -EINVAL;
}
static inline bool of_property_read_bool(const struct device_node *np, const char *name)
{
    return false;
}
static inline const void *of_device_get_match_data(const struct device *dev)
{
    return NULL;
}
static inline const struct of_device_id *of_match_device(const struct of_device_id *matches,
                                                         const struct device *dev)
{
    return NULL;
}

#endif
