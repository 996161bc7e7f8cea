/* SPDX-License-Identifier: MIT */
/* Where a module begins and ends. */
#ifndef QUARRY_LINUX_INIT_H
#define QUARRY_LINUX_INIT_H

#include <linux/compiler.h>
#include <linux/types.h>

#define __init __cold
#define __exit __cold __used
#define __initdata
#define __initconst
#define __exitdata
#define __devinit
#define __devexit
#define __devinitdata
#define __devinitconst
#define __devexitdata
#define __devexit_p(x) x
#define __cpuinit
#define __meminit
#define __ref
#define __refdata
#define __exit_p(x) x
#define __init_or_module

typedef int (*initcall_t)(void);
typedef void (*exitcall_t)(void);

/* A record in a section of its own: the loader walks it from __this_module (module.h). */
#define module_init(fn)                                                                            \
    static const initcall_t __used __section("qlx_init")                                           \
        __attribute__((__aligned__(sizeof(void *)))) __qlx_init_##fn = fn
#define module_exit(fn)                                                                            \
    static const exitcall_t __used __section("qlx_exit")                                           \
        __attribute__((__aligned__(sizeof(void *)))) __qlx_exit_##fn = fn

#define pure_initcall(fn) module_init(fn)
#define core_initcall(fn) module_init(fn)
#define postcore_initcall(fn) module_init(fn)
#define arch_initcall(fn) module_init(fn)
#define subsys_initcall(fn) module_init(fn)
#define fs_initcall(fn) module_init(fn)
#define rootfs_initcall(fn) module_init(fn)
#define device_initcall(fn) module_init(fn)
#define late_initcall(fn) module_init(fn)
#define __initcall(fn) module_init(fn)
#define __exitcall(fn) module_exit(fn)

#endif
