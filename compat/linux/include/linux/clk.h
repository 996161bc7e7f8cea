/* SPDX-License-Identifier: MIT */
/* Clocks: none, as in a kernel without CONFIG_HAVE_CLK. A driver gets NULL, which every call here takes. */
#ifndef QUARRY_LINUX_CLK_H
#define QUARRY_LINUX_CLK_H

#include <linux/err.h>
#include <linux/types.h>

struct clk;
struct device;
struct device_node;

struct clk_bulk_data {
    const char *id;
    struct clk *clk;
};

static inline struct clk *clk_get(struct device *dev, const char *id)
{
    return NULL;
}
static inline struct clk *devm_clk_get(struct device *dev, const char *id)
{
    return NULL;
}
static inline struct clk *devm_clk_get_prepared(struct device *dev, const char *id)
{
    return NULL;
}
static inline struct clk *devm_clk_get_enabled(struct device *dev, const char *id)
{
    return NULL;
}
static inline struct clk *clk_get_optional(struct device *dev, const char *id)
{
    return NULL;
}
static inline struct clk *devm_clk_get_optional(struct device *dev, const char *id)
{
    return NULL;
}
static inline struct clk *devm_clk_get_optional_prepared(struct device *dev, const char *id)
{
    return NULL;
}
static inline struct clk *devm_clk_get_optional_enabled(struct device *dev, const char *id)
{
    return NULL;
}
static inline void clk_put(struct clk *clk)
{
}
static inline void devm_clk_put(struct device *dev, struct clk *clk)
{
}
static inline struct clk *of_clk_get(struct device_node *np, int index)
{
    return ERR_PTR(-ENOENT);
}
static inline struct clk *of_clk_get_by_name(struct device_node *np, const char *name)
{
    return ERR_PTR(-ENOENT);
}
static inline int clk_prepare(struct clk *clk)
{
    return 0;
}
static inline void clk_unprepare(struct clk *clk)
{
}
static inline int clk_enable(struct clk *clk)
{
    return 0;
}
static inline void clk_disable(struct clk *clk)
{
}
static inline int clk_prepare_enable(struct clk *clk)
{
    return 0;
}
static inline void clk_disable_unprepare(struct clk *clk)
{
}
static inline unsigned long clk_get_rate(struct clk *clk)
{
    return 0;
}
static inline int clk_set_rate(struct clk *clk, unsigned long rate)
{
    return 0;
}
static inline long clk_round_rate(struct clk *clk, unsigned long rate)
{
    return 0;
}
static inline int clk_set_parent(struct clk *clk, struct clk *parent)
{
    return 0;
}
static inline struct clk *clk_get_parent(struct clk *clk)
{
    return NULL;
}
static inline int clk_bulk_get(struct device *dev, int nr, struct clk_bulk_data *clks)
{
    return 0;
}
static inline int devm_clk_bulk_get(struct device *dev, int nr, struct clk_bulk_data *clks)
{
    return 0;
}
static inline int devm_clk_bulk_get_optional(struct device *dev, int nr, struct clk_bulk_data *clks)
{
    return 0;
}
static inline int devm_clk_bulk_get_all(struct device *dev, struct clk_bulk_data **clks)
{
    return 0;
}
static inline void clk_bulk_put(int nr, struct clk_bulk_data *clks)
{
}
static inline int clk_bulk_prepare_enable(int nr, const struct clk_bulk_data *clks)
{
    return 0;
}
static inline void clk_bulk_disable_unprepare(int nr, const struct clk_bulk_data *clks)
{
}

#endif
