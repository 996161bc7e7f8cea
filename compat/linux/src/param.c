/* SPDX-License-Identifier: MIT */
/* param: parameters of loaded modules as files, sys/module/NAME/parameters/PARAMETER.
 *
 * Problem. A driver is tuned while it runs by writing its parameters, and what a test set is read back
 * there. The bits given to module_param() say who may do what; 0: there is no file.
 *
 * Idea. The files are attributes of one object for each module, so that all of sysfs.c serves them. What
 * they show is the kernel's text for each type; what is written is set as the loader sets it. The folder
 * is there from before the module's init function until after its exit function.
 *
 * Memory. All of it is libc's, and the machine is not asked: the module has asked for nothing.
 *
 * Locks: one for each module, over its parameters' own functions too, as the kernel has it. */
#include "entry.h"
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <stdlib.h>

struct param_file {
    struct attribute attr;
    struct qlx_param param;
};

struct qlx_params {
    struct qlx_module *module;
    struct module *of;
    struct kobject kobj;
    struct qlx_entry *folder; /* of the module */
    pthread_mutex_t lock;
    unsigned int nr;
    struct param_file file[];
};

/* ---- reading and writing ------------------------------------------------------------------- */

/* One value's text into @text, which has room for @size; how long it is. */
static int param_show_one(enum qlx_param_type type, const void *value, char *text, size_t size)
{
    switch (type) {
    case QLX_PARAM_BOOL:
        return scnprintf(text, size, "%c", *(const bool *)value ? 'Y' : 'N');
    case QLX_PARAM_BOOLINT:
        return scnprintf(text, size, "%c", *(const int *)value ? 'Y' : 'N');
    case QLX_PARAM_INVBOOL:
        return scnprintf(text, size, "%c", *(const bool *)value ? 'N' : 'Y');
    case QLX_PARAM_BYTE:
        return scnprintf(text, size, "%u", *(const u8 *)value);
    case QLX_PARAM_SHORT:
        return scnprintf(text, size, "%d", *(const short *)value);
    case QLX_PARAM_USHORT:
        return scnprintf(text, size, "%u", *(const unsigned short *)value);
    case QLX_PARAM_INT:
        return scnprintf(text, size, "%d", *(const int *)value);
    case QLX_PARAM_UINT:
        return scnprintf(text, size, "%u", *(const unsigned int *)value);
    case QLX_PARAM_HEXINT:
        return scnprintf(text, size, "%#08x", *(const unsigned int *)value);
    case QLX_PARAM_LONG:
        return scnprintf(text, size, "%ld", *(const long *)value);
    case QLX_PARAM_ULONG:
        return scnprintf(text, size, "%lu", *(const unsigned long *)value);
    case QLX_PARAM_ULLONG:
        return scnprintf(text, size, "%llu", *(const unsigned long long *)value);
    case QLX_PARAM_CHARP:
        return scnprintf(text, size, "%s", *(char *const *)value);
    default:
        return 0;
    }
}

static int param_show_values(const struct qlx_param *param, char *page)
{
    unsigned int nr = param->max ? param->max : 1;
    int used = 0;
    if (param->max && param->count)
        nr = min(*param->count, nr);
    for (unsigned int i = 0; i < nr; i++) {
        const char *value = (const char *)param->value + (size_t)i * param->element;
        if (i)
            used += scnprintf(page + used, PAGE_SIZE - 1 - (size_t)used, ",");
        used += param_show_one(param->type, value, page + used, PAGE_SIZE - 1 - (size_t)used);
    }
    return used + scnprintf(page + used, PAGE_SIZE - (size_t)used, "\n");
}

static int param_show_callback(const struct qlx_params *params, const struct qlx_param *param,
                               char *page)
{
    const struct kernel_param_ops *ops = param->ops;
    struct kernel_param kp = {.name = param->name,
                              .mod = params->of,
                              .ops = ops,
                              .perm = (u16)param->perm,
                              .arg = param->value};
    int result;
    if (!ops || !ops->get)
        return -EPERM;
    QLX_CALL_DRIVER(result, ops->get(page, &kp), -EFAULT);
    return result;
}

static ssize_t param_show(struct kobject *kobj, struct attribute *attr, char *page)
{
    struct qlx_params *params = container_of(kobj, struct qlx_params, kobj);
    const struct qlx_param *param = &container_of(attr, struct param_file, attr)->param;
    int result;
    pthread_mutex_lock(&params->lock);
    if (param->type == QLX_PARAM_CALLBACK)
        result = param_show_callback(params, param, page);
    else if (param->type == QLX_PARAM_STRING)
        result = scnprintf(page, PAGE_SIZE, "%s\n", (const char *)param->value);
    else
        result = param_show_values(param, page);
    pthread_mutex_unlock(&params->lock);
    return result;
}

static ssize_t param_store(struct kobject *kobj, struct attribute *attr, const char *text,
                           size_t size)
{
    struct qlx_params *params = container_of(kobj, struct qlx_params, kobj);
    const struct qlx_param *param = &container_of(attr, struct param_file, attr)->param;
    char why[200];
    int error;
    pthread_mutex_lock(&params->lock);
    error = qlx_module_set_param(params->module, param->name, text, why, sizeof(why));
    pthread_mutex_unlock(&params->lock);
    return error ? error : (ssize_t)size;
}

static const struct sysfs_ops param_sysfs_ops = {.show = param_show, .store = param_store};
static const struct kobj_type param_ktype = {.sysfs_ops = &param_sysfs_ops};

/* ---- the folder of a module ---------------------------------------------------------------- */

static bool params_count(const struct qlx_param *param, void *data)
{
    *(unsigned int *)data += param->perm != 0;
    return true;
}

static bool params_take(const struct qlx_param *param, void *data)
{
    struct qlx_params *params = data;
    if (param->perm)
        params->file[params->nr++] = (struct param_file){
            {.name = param->name, .mode = (umode_t)(param->perm & 0777)}, *param};
    return true;
}

static int params_show(struct qlx_params *params)
{
    struct qlx_entry *top = qlx_entry_root("module"), *folder;
    int error;
    top->own = true;
    error = qlx_entry_add(top, params->of->name, S_IFDIR | 0755, &params->folder);
    if (error || !params->nr)
        return error;
    error = qlx_entry_add(params->folder, "parameters", S_IFDIR | 0755, &folder);
    if (error)
        return error;
    params->kobj.name = folder->name;
    qlx_kobject_show(&params->kobj, folder);
    for (unsigned int i = 0; i < params->nr && !error; i++)
        error = sysfs_create_file(&params->kobj, &params->file[i].attr);
    return error;
}

struct qlx_params *qlx_params_add(struct qlx_module *module, struct module *of)
{
    struct qlx_params *params;
    unsigned int nr = 0;
    qlx_module_for_each_param(module, params_count, &nr);
    params = calloc(1, sizeof(*params) + nr * sizeof(params->file[0]));
    if (!params)
        return NULL;
    params->module = module;
    params->of = of;
    pthread_mutex_init(&params->lock, NULL);
    qlx_kobject_begin(&params->kobj, &param_ktype);
    qlx_module_for_each_param(module, params_take, params);
    if (params_show(params) == 0)
        return params;
    qlx_params_remove(params);
    return NULL;
}

void qlx_params_remove(struct qlx_params *params)
{
    if (!params)
        return;
    qlx_entry_remove(params->folder);
    pthread_mutex_destroy(&params->lock);
    free(params);
}
