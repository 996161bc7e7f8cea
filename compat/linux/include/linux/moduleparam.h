/* SPDX-License-Identifier: MIT */
/* Parameters of a module: variables that the loader sets from text. Records in sections of their own,
 * which the loader walks from __this_module (module.h). */
#ifndef QUARRY_LINUX_MODULEPARAM_H
#define QUARRY_LINUX_MODULEPARAM_H

#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/stat.h>
#include <linux/types.h>

struct kernel_param;
struct kernel_param_ops {
    unsigned int flags;
    int (*set)(const char *value, const struct kernel_param *kp);
    int (*get)(char *buffer, const struct kernel_param *kp);
    void (*free)(void *arg);
};
struct kernel_param {
    const char *name;
    struct module *mod;
    const struct kernel_param_ops *ops;
    u16 perm;
    s8 level;
    u8 flags;
    void *arg;
};
#define KERNEL_PARAM_OPS_FL_NOARG 1u

/* What the loader sees of a parameter. @type: QLX_PARAM_* of runtime.h by name. */
struct quarry_param {
    const char *name;
    const char *type;
    void *value;
    unsigned int element; /* bytes of the variable, or of one element */
    unsigned int max;     /* elements of an array, bytes of a string, else 0 */
    unsigned int *count;
    unsigned int perm;
    const struct kernel_param_ops *ops;
};
#define quarry_param_record(id, public_name, type_name, variable, size, elements, counter, mode,   \
                            operations)                                                            \
    static const struct quarry_param __quarry_param_##id = {.name = (public_name),                 \
                                                            .type = (type_name),                   \
                                                            .value = (void *)(variable),           \
                                                            .element = (size),                     \
                                                            .max = (elements),                     \
                                                            .count = (counter),                    \
                                                            .perm = (mode),                        \
                                                            .ops = (operations)};                  \
    static const struct quarry_param *const __used __section("qlx_params")                         \
        __attribute__((__aligned__(sizeof(void *)))) __quarry_param_at_##id = &__quarry_param_##id

#define module_param_named(public_name, variable, type, perm)                                      \
    quarry_param_record(public_name, #public_name, #type, &(variable), sizeof(variable), 0, NULL,  \
                        perm, NULL)
#define module_param(name, type, perm) module_param_named(name, name, type, perm)
#define module_param_unsafe(name, type, perm) module_param(name, type, perm)
#define module_param_hw(name, type, hwtype, perm) module_param(name, type, perm)
#define core_param(name, variable, type, perm) module_param_named(name, variable, type, perm)
/* @counter: pointer to what takes the number of elements given (any integer type of 4 bytes). */
#define module_param_array_named(public_name, array, type, counter, perm)                          \
    quarry_param_record(public_name, #public_name, #type, (array), sizeof((array)[0]),             \
                        sizeof(array) / sizeof((array)[0]),                                        \
                        (unsigned int *)(void *)quarry_param_counter(counter), perm, NULL)
#define module_param_array(name, type, counter, perm)                                              \
    module_param_array_named(name, name, type, counter, perm)
#if LINUX_VERSION_CODE < KERNEL_VERSION(2, 6, 10)
#define quarry_param_counter(counter) (&(counter))
#else
#define quarry_param_counter(counter) (counter)
#endif
#define module_param_string(public_name, text, size, perm)                                         \
    quarry_param_record(public_name, #public_name, "string", (text), 1, (size), NULL, perm, NULL)
#define module_param_cb(public_name, operations, argument, perm)                                   \
    quarry_param_record(public_name, #public_name, "callback", (argument), 0, 0, NULL, perm,       \
                        (operations))
#define module_param_call(public_name, setter, getter, argument, perm)                             \
    static const struct kernel_param_ops __quarry_ops_##public_name = {.set = (setter),            \
                                                                       .get = (getter)};           \
    module_param_cb(public_name, &__quarry_ops_##public_name, argument, perm)

#define __MODULE_INFO(tag, id, text)                                                               \
    static const char __used __section("qlx_info_text") __PASTE(__qlx_info_, id)[] =               \
        __stringify(tag) "=" text;                                                                 \
    static const char *const __used __section("qlx_info")                                          \
        __attribute__((__aligned__(sizeof(void *)))) __PASTE(__qlx_info_at_, id) =                 \
            __PASTE(__qlx_info_, id)
#define QUARRY_MODULE_INFO_2(tag, id, text) __MODULE_INFO(tag, id, text)
#define MODULE_INFO(tag, text) QUARRY_MODULE_INFO_2(tag, __COUNTER__, text)
#define MODULE_PARM_DESC(name, text) MODULE_INFO(parm, #name ":" text)

QUARRY_EXTERN_C_BEGIN
QUARRY_API int param_set_int(const char *value, const struct kernel_param *kp);
QUARRY_API int param_get_int(char *buffer, const struct kernel_param *kp);
QUARRY_API int param_set_uint(const char *value, const struct kernel_param *kp);
QUARRY_API int param_get_uint(char *buffer, const struct kernel_param *kp);
QUARRY_API int param_set_ulong(const char *value, const struct kernel_param *kp);
QUARRY_API int param_get_ulong(char *buffer, const struct kernel_param *kp);
QUARRY_API int param_set_bool(const char *value, const struct kernel_param *kp);
QUARRY_API int param_get_bool(char *buffer, const struct kernel_param *kp);
QUARRY_API int param_set_charp(const char *value, const struct kernel_param *kp);
QUARRY_API int param_get_charp(char *buffer, const struct kernel_param *kp);
extern QUARRY_API const struct kernel_param_ops param_ops_int;
extern QUARRY_API const struct kernel_param_ops param_ops_uint;
extern QUARRY_API const struct kernel_param_ops param_ops_ulong;
extern QUARRY_API const struct kernel_param_ops param_ops_bool;
extern QUARRY_API const struct kernel_param_ops param_ops_charp;
QUARRY_EXTERN_C_END

#endif
