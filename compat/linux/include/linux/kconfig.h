/* SPDX-License-Identifier: MIT */
/* Configuration: IS_ENABLED(CONFIG_X) is 1 when CONFIG_X or CONFIG_X_MODULE is defined as 1. */
#ifndef QUARRY_LINUX_KCONFIG_H
#define QUARRY_LINUX_KCONFIG_H

#define QUARRY_COMMA_1 0,
#define quarry_second(ignored, value, ...) value
#define quarry_is_one_3(comma_or_junk) quarry_second(comma_or_junk 1, 0)
#define quarry_is_one_2(value) quarry_is_one_3(QUARRY_COMMA_##value)
#define quarry_is_one(value) quarry_is_one_2(value)
#define IS_BUILTIN(option) quarry_is_one(option)
#define IS_MODULE(option) quarry_is_one(option##_MODULE)
#define IS_REACHABLE(option) (IS_BUILTIN(option) || IS_MODULE(option))
#define IS_ENABLED(option) (IS_BUILTIN(option) || IS_MODULE(option))

#ifndef CONFIG_SMP
#define CONFIG_SMP 1
#define CONFIG_PREEMPT 1
#define CONFIG_MODULES 1
#define CONFIG_MODULE_UNLOAD 1
#define CONFIG_PROC_FS 1
#define CONFIG_MMU 1
#define CONFIG_64BIT 1
#define CONFIG_HZ 250
#define CONFIG_PRINTK 1
#define CONFIG_BUG 1
#endif

#endif
