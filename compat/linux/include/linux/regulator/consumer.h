/* SPDX-License-Identifier: MIT */
/* Supplies: always on, as in a kernel without CONFIG_REGULATOR. A driver gets NULL, which every call here
 * takes; one that is optional is -ENODEV. */
#ifndef QUARRY_LINUX_REGULATOR_CONSUMER_H
#define QUARRY_LINUX_REGULATOR_CONSUMER_H

#include <linux/err.h>
#include <linux/types.h>

struct device;
struct regulator;

struct regulator_bulk_data {
    const char *supply;
    int init_load_uA;
    struct regulator *consumer;
};

static inline struct regulator *regulator_get(struct device *dev, const char *id)
{
    return NULL;
}
static inline struct regulator *devm_regulator_get(struct device *dev, const char *id)
{
    return NULL;
}
static inline struct regulator *regulator_get_exclusive(struct device *dev, const char *id)
{
    return ERR_PTR(-ENODEV);
}
static inline struct regulator *devm_regulator_get_exclusive(struct device *dev, const char *id)
{
    return ERR_PTR(-ENODEV);
}
static inline struct regulator *regulator_get_optional(struct device *dev, const char *id)
{
    return ERR_PTR(-ENODEV);
}
static inline struct regulator *devm_regulator_get_optional(struct device *dev, const char *id)
{
    return ERR_PTR(-ENODEV);
}
static inline int devm_regulator_get_enable(struct device *dev, const char *id)
{
    return 0;
}
static inline int devm_regulator_get_enable_optional(struct device *dev, const char *id)
{
    return 0;
}
static inline void regulator_put(struct regulator *supply)
{
}
static inline void devm_regulator_put(struct regulator *supply)
{
}
static inline int regulator_enable(struct regulator *supply)
{
    return 0;
}
static inline int regulator_disable(struct regulator *supply)
{
    return 0;
}
static inline int regulator_is_enabled(struct regulator *supply)
{
    return 1;
}
static inline int regulator_set_voltage(struct regulator *supply, int least_uV, int most_uV)
{
    return 0;
}
static inline int regulator_get_voltage(struct regulator *supply)
{
    return -EINVAL;
}
static inline int regulator_set_load(struct regulator *supply, int load_uA)
{
    return 0;
}
static inline int regulator_bulk_get(struct device *dev, int nr,
                                     struct regulator_bulk_data *supplies)
{
    return 0;
}
static inline int devm_regulator_bulk_get(struct device *dev, int nr,
                                          struct regulator_bulk_data *supplies)
{
    return 0;
}
static inline int devm_regulator_bulk_get_enable(struct device *dev, int nr, const char *const *id)
{
    return 0;
}
static inline int regulator_bulk_enable(int nr, struct regulator_bulk_data *supplies)
{
    return 0;
}
static inline int regulator_bulk_disable(int nr, struct regulator_bulk_data *supplies)
{
    return 0;
}
static inline void regulator_bulk_free(int nr, struct regulator_bulk_data *supplies)
{
}

#endif
