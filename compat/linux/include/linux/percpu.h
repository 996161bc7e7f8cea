/* SPDX-License-Identifier: MIT */
/* Memory with an instance for each CPU. */
#ifndef QUARRY_LINUX_PERCPU_H
#define QUARRY_LINUX_PERCPU_H

#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/percpu-defs.h>
#include <linux/smp.h>

#endif
