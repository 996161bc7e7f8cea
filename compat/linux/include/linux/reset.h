/* SPDX-License-Identifier: MIT */
/* Reset lines: none, as in a kernel without CONFIG_RESET_CONTROLLER. Who needs one gets
 * ERR_PTR(-ENOTSUPP), who asks for an optional one NULL, which the other calls take. */
#ifndef QUARRY_LINUX_RESET_H
#define QUARRY_LINUX_RESET_H

#include <linux/err.h>
#include <linux/types.h>

struct device;
struct reset_control;

static inline struct reset_control *reset_control_get(struct device *dev, const char *id)
{
    return ERR_PTR(-ENOTSUPP);
}
static inline struct reset_control *reset_control_get_exclusive(struct device *dev, const char *id)
{
    return ERR_PTR(-ENOTSUPP);
}
static inline struct reset_control *reset_control_get_shared(struct device *dev, const char *id)
{
    return ERR_PTR(-ENOTSUPP);
}
static inline struct reset_control *reset_control_get_optional(struct device *dev, const char *id)
{
    return NULL;
}
static inline struct reset_control *reset_control_get_optional_exclusive(struct device *dev,
                                                                         const char *id)
{
    return NULL;
}
static inline struct reset_control *reset_control_get_optional_shared(struct device *dev,
                                                                      const char *id)
{
    return NULL;
}
static inline struct reset_control *devm_reset_control_get(struct device *dev, const char *id)
{
    return ERR_PTR(-ENOTSUPP);
}
static inline struct reset_control *devm_reset_control_get_exclusive(struct device *dev,
                                                                     const char *id)
{
    return ERR_PTR(-ENOTSUPP);
}
static inline struct reset_control *devm_reset_control_get_shared(struct device *dev,
                                                                  const char *id)
{
    return ERR_PTR(-ENOTSUPP);
}
static inline struct reset_control *devm_reset_control_get_optional(struct device *dev,
                                                                    const char *id)
{
    return NULL;
}
static inline struct reset_control *devm_reset_control_get_optional_exclusive(struct device *dev,
                                                                              const char *id)
{
    return NULL;
}
static inline struct reset_control *devm_reset_control_get_optional_shared(struct device *dev,
                                                                           const char *id)
{
    return NULL;
}
static inline void reset_control_put(struct reset_control *line)
{
}
static inline int reset_control_assert(struct reset_control *line)
{
    return 0;
}
static inline int reset_control_deassert(struct reset_control *line)
{
    return 0;
}
static inline int reset_control_reset(struct reset_control *line)
{
    return 0;
}
static inline int reset_control_rearm(struct reset_control *line)
{
    return 0;
}
static inline int reset_control_status(struct reset_control *line)
{
    return 0;
}
static inline int device_reset(struct device *dev)
{
    return -ENOTSUPP;
}
static inline int device_reset_optional(struct device *dev)
{
    return 0;
}

#endif
