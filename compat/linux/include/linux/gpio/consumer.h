/* SPDX-License-Identifier: MIT */
/* Pins: none, as in a kernel without CONFIG_GPIOLIB. Who needs one gets ERR_PTR(-ENOSYS), who asks for an
 * optional one NULL, which the other calls take. */
#ifndef QUARRY_LINUX_GPIO_CONSUMER_H
#define QUARRY_LINUX_GPIO_CONSUMER_H

#include <linux/bits.h>
#include <linux/err.h>
#include <linux/types.h>

struct device;
struct gpio_desc;

enum gpiod_flags {
    GPIOD_ASIS = 0,
    GPIOD_IN = BIT(0),
    GPIOD_OUT_LOW = BIT(0) | BIT(1),
    GPIOD_OUT_HIGH = BIT(0) | BIT(1) | BIT(2)
};

static inline struct gpio_desc *gpiod_get(struct device *dev, const char *id,
                                          enum gpiod_flags flags)
{
    return ERR_PTR(-ENOSYS);
}
static inline struct gpio_desc *gpiod_get_optional(struct device *dev, const char *id,
                                                   enum gpiod_flags flags)
{
    return NULL;
}
static inline struct gpio_desc *gpiod_get_index(struct device *dev, const char *id,
                                                unsigned int index, enum gpiod_flags flags)
{
    return ERR_PTR(-ENOSYS);
}
static inline struct gpio_desc *gpiod_get_index_optional(struct device *dev, const char *id,
                                                         unsigned int index, enum gpiod_flags flags)
{
    return NULL;
}
static inline struct gpio_desc *devm_gpiod_get(struct device *dev, const char *id,
                                               enum gpiod_flags flags)
{
    return ERR_PTR(-ENOSYS);
}
static inline struct gpio_desc *devm_gpiod_get_optional(struct device *dev, const char *id,
                                                        enum gpiod_flags flags)
{
    return NULL;
}
static inline struct gpio_desc *devm_gpiod_get_index(struct device *dev, const char *id,
                                                     unsigned int index, enum gpiod_flags flags)
{
    return ERR_PTR(-ENOSYS);
}
static inline struct gpio_desc *devm_gpiod_get_index_optional(struct device *dev, const char *id,
                                                              unsigned int index,
                                                              enum gpiod_flags flags)
{
    return NULL;
}
static inline void gpiod_put(struct gpio_desc *pin)
{
}
static inline void devm_gpiod_put(struct device *dev, struct gpio_desc *pin)
{
}
static inline int gpiod_direction_input(struct gpio_desc *pin)
{
    return -ENOSYS;
}
static inline int gpiod_direction_output(struct gpio_desc *pin, int value)
{
    return -ENOSYS;
}
static inline int gpiod_get_value(const struct gpio_desc *pin)
{
    return 0;
}
static inline int gpiod_get_value_cansleep(const struct gpio_desc *pin)
{
    return 0;
}
static inline void gpiod_set_value(struct gpio_desc *pin, int value)
{
}
static inline void gpiod_set_value_cansleep(struct gpio_desc *pin, int value)
{
}
static inline int gpiod_to_irq(const struct gpio_desc *pin)
{
    return -EINVAL;
}

#endif
