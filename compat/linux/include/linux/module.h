/* SPDX-License-Identifier: MIT */
/* A module: its information, its beginning and end, and the one object that stands for it. */
#ifndef QUARRY_LINUX_MODULE_H
#define QUARRY_LINUX_MODULE_H

#include <linux/bug.h>
#include <linux/cache.h>
#include <linux/export.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/uaccess.h>

#define MODULE_NAME_LEN 56

struct quarry_param;
struct module {
    char name[MODULE_NAME_LEN];
    int (*init)(void);
    void (*exit)(void);
    /* Records of this shared object. */
    const initcall_t *init_from, *init_to;
    const exitcall_t *exit_from, *exit_to;
    const struct quarry_param *const *params_from, *const *params_to;
    const char *const *info_from, *const *info_to;
    const struct quarry_export *const *exports_from, *const *exports_to;
    int quarry_users; /* try_module_get */
    bool quarry_going;
    unsigned int quarry_version; /* LINUX_VERSION_CODE of its build */
    struct qlx_module *quarry;
};

QUARRY_EXTERN_C_BEGIN
QUARRY_API bool try_module_get(struct module *module);
QUARRY_API void module_put(struct module *module);
QUARRY_API void __module_get(struct module *module);
QUARRY_API int module_refcount(struct module *module);
/* The address of an exported symbol, with its module held until symbol_put; NULL: nobody exports it. */
QUARRY_API void *__symbol_get(const char *symbol);
QUARRY_API void __symbol_put(const char *symbol);
QUARRY_API void symbol_put_addr(void *address);
QUARRY_API void quarry_module_announce(struct module *module);
QUARRY_EXTERN_C_END
#define symbol_get(symbol) ((__typeof__(&symbol))(__symbol_get(#symbol)))
#define symbol_request(symbol) symbol_get(symbol)
#define symbol_put(symbol) __symbol_put(#symbol)
#define request_module(...) (-ENOENT)
#define module_name(module) ((module) ? (module)->name : "kernel")

#ifdef MODULE
/* All sources of a module share the first copy of this object that the linker meets. The section
 * borders are the linker's; each section has a record at least, a NULL. */
#define QUARRY_SECTION(type, section)                                                              \
    extern type const __start_##section[] __attribute__((visibility("hidden")));                   \
    extern type const __stop_##section[] __attribute__((visibility("hidden")));                    \
    static type const __used __section(#section) __attribute__((__aligned__(sizeof(void *))))      \
    __quarry_none_##section = NULL
QUARRY_SECTION(initcall_t, qlx_init);
QUARRY_SECTION(exitcall_t, qlx_exit);
QUARRY_SECTION(struct quarry_param const *, qlx_params);
QUARRY_SECTION(char const *, qlx_info);
QUARRY_SECTION(struct quarry_export const *, qlx_exports);
#undef QUARRY_SECTION

/* A module may also define these two instead of using module_init and module_exit. */
extern int init_module(void) __attribute__((weak, visibility("hidden")));
extern void cleanup_module(void) __attribute__((weak, visibility("hidden")));

#ifndef KBUILD_MODNAME
#define KBUILD_MODNAME "module"
#endif
struct module __this_module __attribute__((weak, visibility("hidden"))) = {
    .name = KBUILD_MODNAME,
    .quarry_version = LINUX_VERSION_CODE,
    .init = init_module,
    .exit = cleanup_module,
    .init_from = __start_qlx_init,
    .init_to = __stop_qlx_init,
    .exit_from = __start_qlx_exit,
    .exit_to = __stop_qlx_exit,
    .params_from = __start_qlx_params,
    .params_to = __stop_qlx_params,
    .info_from = __start_qlx_info,
    .info_to = __stop_qlx_info,
    .exports_from = __start_qlx_exports,
    .exports_to = __stop_qlx_exports,
};
static void __attribute__((constructor, used)) quarry_module_constructor(void)
{
    quarry_module_announce(&__this_module);
}
#endif

#define MODULE_LICENSE(text) MODULE_INFO(license, text)
#define MODULE_AUTHOR(text) MODULE_INFO(author, text)
#define MODULE_DESCRIPTION(text) MODULE_INFO(description, text)
#define MODULE_VERSION(text) MODULE_INFO(version, text)
#define MODULE_ALIAS(text) MODULE_INFO(alias, text)
#define MODULE_SOFTDEP(text) MODULE_INFO(softdep, text)
#define MODULE_FIRMWARE(text) MODULE_INFO(firmware, text)
#define MODULE_SUPPORTED_DEVICE(text) MODULE_INFO(supported, text)
#define MODULE_IMPORT_NS(ns) MODULE_INFO(import_ns, __stringify(ns))
#define MODULE_ALIAS_CHARDEV(major, minor)                                                         \
    MODULE_ALIAS("char-major-" __stringify(major) "-" __stringify(minor))
#define MODULE_ALIAS_CHARDEV_MAJOR(major) MODULE_ALIAS("char-major-" __stringify(major) "-*")
#define MODULE_DEVICE_TABLE(type, name) extern __typeof__(name) name
#define SET_MODULE_OWNER(dev) ((void)(dev))
#define MOD_INC_USE_COUNT __module_get(THIS_MODULE)
#define MOD_DEC_USE_COUNT module_put(THIS_MODULE)
#define EXPORT_NO_SYMBOLS

#endif
