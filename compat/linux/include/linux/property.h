/* SPDX-License-Identifier: MIT */
/* Properties of devices: there is no device tree and no ACPI, so that none has any. */
#ifndef QUARRY_LINUX_PROPERTY_H
#define QUARRY_LINUX_PROPERTY_H

#include <linux/errno.h>
#include <linux/types.h>

struct device;

static inline bool device_property_present(const struct device *dev, const char *name)
{
    return false;
}
static inline bool device_property_read_bool(const struct device *dev, const char *name)
{
    return false;
}
static inline int device_property_read_u8(const struct device *dev, const char *name, u8 *value)
{
    return -EINVAL;
}
static inline int device_property_read_u16(const struct device *dev, const char *name, u16 *value)
{
    return -EINVAL;
}
static inline int device_property_read_u32(const struct device *dev, const char *name, u32 *value)
{
    return -EINVAL;
}
static inline int device_property_read_u64(const struct device *dev, const char *name, u64 *value)
{
    return -EINVAL;
}
static inline int device_property_read_string(const struct device *dev, const char *name,
                                              const char **text)
{
    return -EINVAL;
}
static inline const void *device_get_match_data(const struct device *dev)
{
    return NULL;
}

#endif
