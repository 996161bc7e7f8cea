/* SPDX-License-Identifier: MIT */
/* Memory with an instance for each CPU. */
#ifndef QUARRY_LINUX_PERCPU_H
#define QUARRY_LINUX_PERCPU_H

#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/percpu-defs.h>
#include <linux/smp.h>

struct device;
QUARRY_EXTERN_C_BEGIN
/* Per-CPU memory that is freed with its device. Context: may sleep. */
QUARRY_API void *__devm_alloc_percpu(struct device *dev, size_t size, size_t align);
QUARRY_API void devm_free_percpu(struct device *dev, void *token);
QUARRY_EXTERN_C_END
#define devm_alloc_percpu(dev, type)                                                               \
    ((__typeof__(type) *)__devm_alloc_percpu((dev), sizeof(type), __alignof__(type)))

#endif
