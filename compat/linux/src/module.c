/* SPDX-License-Identifier: MIT */
/* module: shared objects as kernel modules.
 *
 * Each source of a module carries a weak copy of __this_module; the linker keeps one, with pointers to
 * the module's own record sections, and its constructor announces it while dlopen() runs. A module's
 * symbols are global, so that a later module finds them, but bind inside the module first.
 *
 * Unloading one of several modules only marks it: code stays mapped until the last one goes, because
 * threads and tables of the runtime are shared and one may still point into another.
 *
 * Locks: module_lock for loading; reference counts are atomic. */
#define _GNU_SOURCE
#include "entry.h"
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct module_text {
    struct list_head list;
    char text[];
};

struct module_use {
    struct list_head list;
    struct qlx_module *owner;
};

struct qlx_module {
    struct list_head list;
    struct list_head uses; /* modules whose symbols it is bound to */
    struct module *module;
    const void *from, *to; /* its code and data */
    void *handle;
    bool live, exited, unloaded;
    struct list_head texts; /* values of charp parameters */
    struct qlx_params *params;
};

static pthread_mutex_t module_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(module_list);
static struct module *module_announced;

QUARRY_API void quarry_module_announce(struct module *module)
{
    module_announced = module;
}

/* ---- references ---------------------------------------------------------------------------- */

bool qlx_module_hold(struct module *module)
{
    if (!module)
        return true;
    if (__atomic_load_n(&module->quarry_going, __ATOMIC_ACQUIRE))
        return false;
    __atomic_fetch_add(&module->quarry_users, 1, __ATOMIC_RELAXED);
    return true;
}

void qlx_module_drop(struct module *module)
{
    if (module)
        __atomic_fetch_sub(&module->quarry_users, 1, __ATOMIC_RELAXED);
}

/* A reference that driver code takes is on the list of what is left, with its place. */
QUARRY_API bool try_module_get(struct module *module)
{
    if (!qlx_module_hold(module))
        return false;
    if (module)
        qlx_left_add(QLX_LEFT_MODULE, module, module->name);
    return true;
}

QUARRY_API void __module_get(struct module *module)
{
    if (!module)
        return;
    __atomic_fetch_add(&module->quarry_users, 1, __ATOMIC_RELAXED);
    qlx_left_add(QLX_LEFT_MODULE, module, module->name);
}

QUARRY_API void module_put(struct module *module)
{
    if (!module)
        return;
    if (!qlx_left_remove(QLX_LEFT_MODULE, module))
        qlx_find("registration", NULL, NULL, "module_put of a module that nobody holds");
    else
        qlx_module_drop(module);
}

QUARRY_API int module_refcount(struct module *module)
{
    return __atomic_load_n(&module->quarry_users, __ATOMIC_RELAXED);
}

unsigned int qlx_module_version(const struct module *module)
{
    return module->quarry_version;
}

struct module_span {
    uintptr_t inside, from, to;
};

static int module_span_of(struct dl_phdr_info *info, size_t size, void *data)
{
    struct module_span *span = data;
    uintptr_t from = UINTPTR_MAX, to = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD)
            continue;
        from = MIN(from, info->dlpi_addr + segment->p_vaddr);
        to = MAX(to, info->dlpi_addr + segment->p_vaddr + segment->p_memsz);
    }
    if (span->inside < from || span->inside >= to)
        return 0;
    span->from = from;
    span->to = to;
    return 1;
}

static void module_find_range(struct qlx_module *module)
{
    struct module_span span = {.inside = (uintptr_t)module->module};
    dl_iterate_phdr(module_span_of, &span);
    module->from = (const void *)span.from;
    module->to = (const void *)span.to;
}

void qlx_module_range(const struct qlx_module *module, const void **from, const void **to)
{
    *from = module->from;
    *to = module->to;
}

void qlx_trace_begin_in_module(struct quarry_trace *trace)
{
    struct qlx_module *module;
    unsigned int first = trace->nr;
    pthread_mutex_lock(&module_lock);
    list_for_each_entry (module, &module_list, list) {
        for (unsigned int i = 0; i < first; i++)
            if (trace->pc[i] >= module->from && trace->pc[i] < module->to)
                first = i;
    }
    pthread_mutex_unlock(&module_lock);
    if (first == trace->nr)
        return;
    trace->nr -= first;
    memmove(trace->pc, trace->pc + first, trace->nr * sizeof(trace->pc[0]));
}

/* ---- loading ------------------------------------------------------------------------------- */

int qlx_module_load(const char *path, const char *name, struct qlx_module **module, char *why,
                    size_t why_size)
{
    struct qlx_module *made;
    int error = qlx_ensure_started();
    if (error)
        return error;
    made = calloc(1, sizeof(*made));
    if (!made)
        return -ENOMEM;
    INIT_LIST_HEAD(&made->texts);
    INIT_LIST_HEAD(&made->uses);
    pthread_mutex_lock(&module_lock);
    module_announced = NULL;
    made->handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    made->module = module_announced;
    if (made->handle && made->module) {
        module_find_range(made);
        list_add_tail(&made->list, &module_list);
    }
    pthread_mutex_unlock(&module_lock);
    if (!made->handle || !made->module) {
        const char *reason =
            made->handle ? "it includes no <linux/module.h>, so it is no module" : dlerror();
        snprintf(why, why_size, "%s", reason ? reason : "dlopen failed");
        if (made->handle)
            dlclose(made->handle);
        free(made);
        return -ENOEXEC;
    }
    snprintf(made->module->name, sizeof(made->module->name), "%s", name);
    made->module->quarry = made;
    *module = made;
    return 0;
}

const char *qlx_module_name(const struct qlx_module *module)
{
    return module->module->name;
}

static initcall_t module_init_function(const struct qlx_module *module)
{
    const initcall_t *at;
    for (at = module->module->init_from; at < module->module->init_to; at++)
        if (*at)
            return *at;
    return module->module->init;
}

static exitcall_t module_exit_function(const struct qlx_module *module)
{
    const exitcall_t *at;
    for (at = module->module->exit_from; at < module->module->exit_to; at++)
        if (*at)
            return *at;
    return module->module->exit;
}

bool qlx_module_has_init(const struct qlx_module *module)
{
    return module_init_function(module) != NULL;
}

bool qlx_module_has_exit(const struct qlx_module *module)
{
    return module_exit_function(module) != NULL;
}

/* The text after "what=" (and "inner:", if given) among the module's information. */
static const char *module_info(const struct qlx_module *module, const char *what, const char *inner)
{
    size_t size = strlen(what), inner_size = inner ? strlen(inner) : 0;
    for (const char *const *at = module->module->info_from; at < module->module->info_to; at++) {
        if (!*at || strncmp(*at, what, size) != 0 || (*at)[size] != '=')
            continue;
        if (!inner)
            return *at + size + 1;
        if (strncmp(*at + size + 1, inner, inner_size) == 0 && (*at)[size + 1 + inner_size] == ':')
            return *at + size + 1 + inner_size + 1;
    }
    return NULL;
}

const char *qlx_module_info(const struct qlx_module *module, const char *what)
{
    return module_info(module, what, NULL);
}

/* ---- running it ---------------------------------------------------------------------------- */

/* Run the module's function as the tool that loads modules would: root, in process context. */
static int module_run(initcall_t init, exitcall_t end, const char *comm)
{
    struct qlx_client client = {.pid = (int)getpid(), .comm = comm};
    bool entered = quarry_current()->quarry->entered;
    int result = 0;
    if (!entered)
        qlx_client_enter(&client);
    if (init)
        QLX_CALL_DRIVER(result, init(), -EFAULT);
    else
        QLX_CALL_DRIVER(result, (end(), 0), -EFAULT);
    if (!entered)
        qlx_client_leave();
    return result;
}

static void module_params_end(struct qlx_module *module)
{
    qlx_params_remove(module->params);
    module->params = NULL;
}

static void module_uses_end(struct qlx_module *module)
{
    struct module_use *use, *next;
    LIST_HEAD(uses);
    pthread_mutex_lock(&module_lock);
    list_splice_init(&module->uses, &uses);
    pthread_mutex_unlock(&module_lock);
    list_for_each_entry_safe (use, next, &uses, list) {
        qlx_module_drop(use->owner->module);
        free(use);
    }
}

int qlx_module_init(struct qlx_module *module)
{
    initcall_t init = module_init_function(module);
    int result;
    module->params = qlx_params_add(module, module->module);
    result = init ? module_run(init, NULL, "insmod") : 0;
    module->live = result >= 0;
    if (!module->live) {
        module_params_end(module);
        module_uses_end(module); /* it goes, and with it what it held */
    }
    return result;
}

int qlx_module_users(const struct qlx_module *module)
{
    return module_refcount(module->module);
}

int qlx_module_use(struct qlx_module *user, struct qlx_module *owner)
{
    struct module_use *use = malloc(sizeof(*use));
    if (!use)
        return -ENOMEM;
    use->owner = owner;
    pthread_mutex_lock(&module_lock);
    list_add(&use->list, &user->uses);
    pthread_mutex_unlock(&module_lock);
    qlx_module_hold(owner->module);
    return 0;
}

void qlx_module_force(struct qlx_module *module)
{
    while (qlx_left_remove(QLX_LEFT_MODULE, module->module))
        ;
    __atomic_store_n(&module->module->quarry_users, 0, __ATOMIC_RELAXED);
}

int qlx_module_exit(struct qlx_module *module)
{
    exitcall_t end = module_exit_function(module);
    int result = 0;
    if (!module->live || module->exited || qlx_module_users(module) > 0)
        return -EBUSY;
    __atomic_store_n(&module->module->quarry_going, true, __ATOMIC_RELEASE);
    module->exited = true;
    if (end)
        result = module_run(NULL, end, "rmmod");
    module_params_end(module);
    qlx_rcu_drain();
    module_uses_end(module);
    return result;
}

/* @unused: no thread is left in its code, which else stays mapped. */
static void module_close(struct qlx_module *module, bool unused)
{
    struct module_text *text, *next;
    list_del(&module->list);
    list_for_each_entry_safe (text, next, &module->texts, list)
        free(text);
    if (unused)
        dlclose(module->handle);
    free(module);
}

void qlx_module_unload(struct qlx_module *module)
{
    struct qlx_module *other, *next;
    bool last = true, ended;
    module_params_end(module);
    module_uses_end(module);
    pthread_mutex_lock(&module_lock);
    module->unloaded = true;
    module->module->quarry_going = true;
    list_for_each_entry (other, &module_list, list)
        last = last && other->unloaded;
    pthread_mutex_unlock(&module_lock);
    if (!last)
        return;
    ended = qlx_stop();
    pthread_mutex_lock(&module_lock);
    list_for_each_entry_safe (other, next, &module_list, list)
        module_close(other, ended);
    pthread_mutex_unlock(&module_lock);
}

/* ---- symbols by name ----------------------------------------------------------------------- */

/* The module that exports @symbol (or the symbol at @address), and its record. */
static struct module *module_exporting(const char *symbol, const void *address,
                                       const struct quarry_export **record)
{
    struct qlx_module *module;
    struct module *found = NULL;
    pthread_mutex_lock(&module_lock);
    list_for_each_entry (module, &module_list, list) {
        const struct quarry_export *const *at;
        for (at = module->module->exports_from; at < module->module->exports_to; at++) {
            if (*at && (symbol ? strcmp((*at)->name, symbol) == 0 : (*at)->address == address)) {
                found = module->module;
                *record = *at;
            }
        }
    }
    pthread_mutex_unlock(&module_lock);
    return found;
}

QUARRY_API void *__symbol_get(const char *symbol)
{
    const struct quarry_export *record;
    struct module *module = module_exporting(symbol, NULL, &record);
    if (!module)
        return dlsym(RTLD_DEFAULT, symbol);
    return try_module_get(module) ? (void *)(uintptr_t)record->address : NULL;
}

QUARRY_API void __symbol_put(const char *symbol)
{
    const struct quarry_export *record;
    module_put(module_exporting(symbol, NULL, &record));
}

QUARRY_API void symbol_put_addr(void *address)
{
    const struct quarry_export *record;
    module_put(module_exporting(NULL, address, &record));
}

/* ---- parameters ---------------------------------------------------------------------------- */

static const char *const module_type_name[QLX_PARAM_TYPES] = {
    [QLX_PARAM_BOOL] = "bool",        [QLX_PARAM_BOOLINT] = "bool int",
    [QLX_PARAM_INVBOOL] = "invbool",  [QLX_PARAM_BYTE] = "byte",
    [QLX_PARAM_SHORT] = "short",      [QLX_PARAM_USHORT] = "ushort",
    [QLX_PARAM_INT] = "int",          [QLX_PARAM_UINT] = "uint",
    [QLX_PARAM_LONG] = "long",        [QLX_PARAM_ULONG] = "ulong",
    [QLX_PARAM_ULLONG] = "ullong",    [QLX_PARAM_HEXINT] = "hexint",
    [QLX_PARAM_CHARP] = "charp",      [QLX_PARAM_STRING] = "string",
    [QLX_PARAM_CALLBACK] = "callback"};

static void module_param_of(const struct qlx_module *module, const struct quarry_param *from,
                            struct qlx_param *param)
{
    /* "bool" is a macro in C: the header's # has seen what it stands for. */
    const char *name = strcmp(from->type, "_Bool") ? from->type : "bool";
    unsigned int type = 0;
    while (type < QLX_PARAM_TYPES && strcmp(module_type_name[type], name) != 0)
        type++;
    if (type == QLX_PARAM_BOOL && from->element == sizeof(int))
        type = QLX_PARAM_BOOLINT;
    *param = (struct qlx_param){.name = from->name,
                                .type = (enum qlx_param_type)type,
                                .value = from->value,
                                .element = from->element,
                                .max = from->max,
                                .count = from->count,
                                .perm = from->perm,
                                .ops = from->ops,
                                .description = module_info(module, "parm", from->name)};
}

void qlx_module_for_each_param(const struct qlx_module *module,
                               bool (*visit)(const struct qlx_param *, void *), void *data)
{
    const struct module *m = module->module;
    for (const struct quarry_param *const *at = m->params_from; at < m->params_to; at++) {
        struct qlx_param param;
        if (!*at)
            continue;
        module_param_of(module, *at, &param);
        if (!visit(&param, data))
            return;
    }
}

static int param_text(struct qlx_module *module, char **to, const char *value)
{
    size_t size = strlen(value) + 1;
    struct module_text *text = malloc(sizeof(*text) + size);
    if (!text)
        return -ENOMEM;
    memcpy(text->text, value, size);
    list_add(&text->list, &module->texts);
    *to = text->text;
    return 0;
}

/* One value into @to. Parameters without a value ("name" alone) are true. */
static int param_set_one(struct qlx_module *module, enum qlx_param_type type, void *to,
                         const char *value)
{
    bool truth = true;
    int error;
    switch (type) {
    case QLX_PARAM_BOOL:
    case QLX_PARAM_BOOLINT:
    case QLX_PARAM_INVBOOL:
        error = *value ? kstrtobool(value, &truth) : 0;
        if (!error && type == QLX_PARAM_BOOLINT)
            *(int *)to = truth;
        else if (!error)
            *(bool *)to = truth != (type == QLX_PARAM_INVBOOL);
        return error;
    case QLX_PARAM_BYTE:
        return kstrtou8(value, 0, to);
    case QLX_PARAM_SHORT:
        return kstrtos16(value, 0, to);
    case QLX_PARAM_USHORT:
        return kstrtou16(value, 0, to);
    case QLX_PARAM_INT:
        return kstrtoint(value, 0, to);
    case QLX_PARAM_UINT:
    case QLX_PARAM_HEXINT:
        return kstrtouint(value, 0, to);
    case QLX_PARAM_LONG:
        return kstrtol(value, 0, to);
    case QLX_PARAM_ULONG:
        return kstrtoul(value, 0, to);
    case QLX_PARAM_ULLONG:
        return kstrtoull(value, 0, to);
    case QLX_PARAM_CHARP:
        return param_text(module, to, value);
    default:
        return -EINVAL;
    }
}

static int param_set_array(struct qlx_module *module, const struct quarry_param *param,
                           enum qlx_param_type type, const char *value)
{
    unsigned int nr = 0;
    char *copy = strdup(value), *rest = copy, *piece;
    int error = copy ? 0 : -ENOMEM;
    while (!error && (piece = strsep(&rest, ","))) {
        if (nr == param->max)
            error = -ERANGE;
        else
            error = param_set_one(module, type, (char *)param->value + nr * param->element, piece);
        nr += !error;
    }
    free(copy);
    if (!error && param->count)
        *param->count = nr;
    return error;
}

static int param_set(struct qlx_module *module, const struct quarry_param *from,
                     const struct qlx_param *param, const char *value)
{
    struct kernel_param kp = {.name = from->name,
                              .mod = module->module,
                              .ops = from->ops,
                              .perm = (u16)from->perm,
                              .arg = from->value};
    int result;
    if (param->type == QLX_PARAM_CALLBACK) {
        if (!from->ops || !from->ops->set)
            return -EINVAL;
        QLX_CALL_DRIVER(result, from->ops->set(value, &kp), -EFAULT);
        return result;
    }
    if (param->type == QLX_PARAM_STRING) {
        if (strlen(value) >= param->max)
            return -ERANGE;
        strcpy(param->value, value);
        return 0;
    }
    if (param->max)
        return param_set_array(module, from, param->type, value);
    return param_set_one(module, param->type, param->value, value);
}

int qlx_module_set_param(struct qlx_module *module, const char *name, const char *value, char *why,
                         size_t why_size)
{
    const struct module *m = module->module;
    for (const struct quarry_param *const *at = m->params_from; at < m->params_to; at++) {
        struct qlx_param param;
        int error;
        if (!*at || strcmp((*at)->name, name) != 0)
            continue;
        module_param_of(module, *at, &param);
        error = param_set(module, *at, &param, value);
        if (error)
            snprintf(why, why_size, "parameter %s of type %s%s does not take \"%s\": %s", name,
                     (*at)->type, param.max ? " array" : "", value,
                     error == -ERANGE ? "out of range" : "not a value of that type");
        return error;
    }
    snprintf(why, why_size, "module %s has no parameter %s", m->name, name);
    return -ENOENT;
}

/* The kernel's own functions for one value, for module_param_cb. */
#define PARAM_OPS(name, type, convert, format)                                                     \
    QUARRY_API int param_set_##name(const char *value, const struct kernel_param *kp)              \
    {                                                                                              \
        return convert;                                                                            \
    }                                                                                              \
    QUARRY_API int param_get_##name(char *buffer, const struct kernel_param *kp)                   \
    {                                                                                              \
        return scnprintf(buffer, PAGE_SIZE, format "\n", *(type *)kp->arg);                        \
    }                                                                                              \
    QUARRY_API const struct kernel_param_ops param_ops_##name = {.set = param_set_##name,          \
                                                                 .get = param_get_##name};
PARAM_OPS(int, int, kstrtoint(value, 0, kp->arg), "%d")
PARAM_OPS(uint, unsigned int, kstrtouint(value, 0, kp->arg), "%u")
PARAM_OPS(ulong, unsigned long, kstrtoul(value, 0, kp->arg), "%lu")
PARAM_OPS(bool, bool, kstrtobool(value ? value : "1", kp->arg), "%d")
PARAM_OPS(charp, char *, param_text(kp->mod->quarry, kp->arg, value), "%s")
