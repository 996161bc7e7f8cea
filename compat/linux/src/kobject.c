/* SPDX-License-Identifier: MIT */
/* kobject: names, reference counts and the tree below sys/.
 *
 * The first reference is kobject_init()'s. Whoever drops the last takes the object out of sys/, runs its
 * type's release function and frees the name. An object is on the list of what is left from init to
 * release, with the place of its init, so one that is never put is found with its line; what its memory
 * holds is a leak of its own. Mistakes that crash a kernel later are reported where they are made: an
 * object initialised twice, added or put before its init, a type without a release function.
 *
 * Locks: kset.list_lock for its list; nothing is held over a release function. */
#define _GNU_SOURCE
#include "entry.h"
#include <linux/kobject.h>
#include <linux/slab.h>
#include <stdio.h>

/* The folders that are always there. They are not initialised: nobody puts them. */
static struct kobject kobject_always[] = {{.name = "kernel"},
                                          {.name = "kernel/mm"},
                                          {.name = "fs"},
                                          {.name = "firmware"},
                                          {.name = "power"}};
QUARRY_API struct kobject *kernel_kobj = &kobject_always[0], *mm_kobj = &kobject_always[1],
                          *fs_kobj = &kobject_always[2], *firmware_kobj = &kobject_always[3],
                          *power_kobj = &kobject_always[4];

static bool kobject_is_always(const struct kobject *kobject)
{
    return kobject >= kobject_always && kobject < kobject_always + ARRAY_SIZE(kobject_always);
}

struct qlx_entry *qlx_kobject_entry(const struct kobject *kobject)
{
    if (!kobject)
        return qlx_entry_root("");
    if (kobject_is_always(kobject))
        return qlx_entry_root(kobject->name);
    return (struct qlx_entry *)kobject->sd;
}

/* ---- names --------------------------------------------------------------------------------- */

QUARRY_API int kobject_set_name_vargs(struct kobject *kobj, const char *format, va_list args)
{
    char *name;
    if (kobj->name && !format)
        return 0;
    name = kvasprintf(GFP_KERNEL, format, args);
    if (!name)
        return -ENOMEM;
    for (char *at = name; *at; at++) /* a slash would be a folder; dev/ turns it back */
        if (*at == '/')
            *at = '!';
    kfree(kobj->name);
    kobj->name = name;
    qlx_left_name(QLX_LEFT_KOBJECT, kobj, name);
    return 0;
}

QUARRY_API int kobject_set_name(struct kobject *kobj, const char *format, ...)
{
    va_list args;
    int error;
    va_start(args, format);
    error = kobject_set_name_vargs(kobj, format, args);
    va_end(args);
    return error;
}

/* ---- beginning ----------------------------------------------------------------------------- */

void qlx_kobject_begin(struct kobject *kobject, const struct kobj_type *ktype)
{
    kref_init(&kobject->kref);
    INIT_LIST_HEAD(&kobject->entry);
    kobject->sd = NULL;
    kobject->ktype = ktype;
    kobject->state_initialized = 1;
    kobject->state_in_sysfs = 0;
    kobject->state_add_uevent_sent = kobject->state_remove_uevent_sent = 0;
}

QUARRY_API void kobject_init(struct kobject *kobj, const struct kobj_type *ktype)
{
    if (!kobj || !ktype) {
        qlx_find("registration", NULL, NULL, "kobject_init without %s",
                 kobj ? "a type: nothing could release the object" : "an object");
        return;
    }
    if (kobj->state_initialized)
        qlx_find("registration", NULL, NULL,
                 "kobject_init of an object that is initialised already (or whose memory was not "
                 "zeroed)");
    qlx_left_remove(QLX_LEFT_KOBJECT, kobj);
    qlx_kobject_begin(kobj, ktype);
    qlx_left_add(QLX_LEFT_KOBJECT, kobj, kobj->name ? kobj->name : "");
}

void qlx_kobject_show(struct kobject *kobject, struct qlx_entry *folder)
{
    folder->kobject = kobject;
    folder->gone = -ENODEV;
    kobject->sd = (struct kernfs_node *)folder;
    kobject->state_in_sysfs = 1;
}

static void kset_join(struct kobject *kobj)
{
    if (!kobj->kset)
        return;
    kset_get(kobj->kset);
    spin_lock(&kobj->kset->list_lock);
    list_add_tail(&kobj->entry, &kobj->kset->list);
    spin_unlock(&kobj->kset->list_lock);
}

static void kset_quit(struct kobject *kobj)
{
    if (!kobj->kset)
        return;
    spin_lock(&kobj->kset->list_lock);
    list_del_init(&kobj->entry);
    spin_unlock(&kobj->kset->list_lock);
    kset_put(kobj->kset);
}

/* The attributes that its type gives to each object. */
static int kobject_type_files(struct kobject *kobj)
{
    int error = 0;
    if (kobj->ktype->default_groups)
        error = sysfs_create_groups(kobj, kobj->ktype->default_groups);
    if (!error && kobj->ktype->default_attrs)
        error =
            sysfs_create_files(kobj, (const struct attribute *const *)kobj->ktype->default_attrs);
    return error;
}

static int kobject_add_internal(struct kobject *kobj)
{
    struct kobject *parent = kobject_get(kobj->parent);
    struct qlx_entry *above, *folder;
    int error;
    if (kobj->kset && !parent)
        parent = kobject_get(&kobj->kset->kobj);
    kobj->parent = parent;
    above = qlx_kobject_entry(parent);
    if (!above) {
        qlx_find("registration", NULL, NULL, "kobject %s is added below %s, which was not added",
                 kobj->name, parent->name ? parent->name : "an object without a name");
        error = -ENOENT;
    } else {
        error = qlx_entry_add(above, kobj->name, S_IFDIR | 0755, &folder);
        if (error == -EEXIST)
            qlx_find("registration", NULL, NULL,
                     "kobject %s cannot be added: its folder has that name already", kobj->name);
    }
    if (!error) {
        qlx_kobject_show(kobj, folder);
        error = kobject_type_files(kobj);
        if (!error) {
            kset_join(kobj);
            return 0;
        }
        qlx_kobject_hide(kobj);
    }
    kobj->parent = NULL;
    kobject_put(parent);
    return error;
}

static int kobject_add_named(struct kobject *kobj, struct kobject *parent, const char *format,
                             va_list args)
{
    int error;
    quarry_might_sleep("kobject_add");
    if (!kobj)
        return -EINVAL;
    if (!kobj->state_initialized) {
        qlx_find("registration", NULL, NULL, "kobject_add of an object that was not initialised");
        return -EINVAL;
    }
    error = kobject_set_name_vargs(kobj, format, args);
    if (error)
        return error;
    if (!kobj->name || !*kobj->name) {
        qlx_find("registration", NULL, NULL, "kobject_add of an object without a name");
        return -EINVAL;
    }
    kobj->parent = parent;
    return kobject_add_internal(kobj);
}

QUARRY_API int kobject_add(struct kobject *kobj, struct kobject *parent, const char *format, ...)
{
    va_list args;
    int error;
    va_start(args, format);
    error = kobject_add_named(kobj, parent, format, args);
    va_end(args);
    return error;
}

QUARRY_API int kobject_init_and_add(struct kobject *kobj, const struct kobj_type *ktype,
                                    struct kobject *parent, const char *format, ...)
{
    va_list args;
    int error;
    kobject_init(kobj, ktype);
    va_start(args, format);
    error = kobject_add_named(kobj, parent, format, args);
    va_end(args);
    return error;
}

static void kobject_dynamic_release(struct kobject *kobj)
{
    kfree(kobj);
}

static const struct kobj_type kobject_dynamic = {.release = kobject_dynamic_release,
                                                 .sysfs_ops = &kobj_sysfs_ops};

QUARRY_API struct kobject *kobject_create_and_add(const char *name, struct kobject *parent)
{
    struct kobject *kobj = kzalloc(sizeof(*kobj), GFP_KERNEL);
    if (!kobj)
        return NULL;
    kobject_init(kobj, &kobject_dynamic);
    if (kobject_add(kobj, parent, "%s", name)) {
        kobject_put(kobj);
        return NULL;
    }
    return kobj;
}

/* ---- end ----------------------------------------------------------------------------------- */

void qlx_kobject_hide(struct kobject *kobject)
{
    struct qlx_entry *folder = (struct qlx_entry *)kobject->sd;
    kobject->sd = NULL;
    kobject->state_in_sysfs = 0;
    qlx_entry_remove(folder);
}

QUARRY_API void kobject_del(struct kobject *kobj)
{
    struct kobject *parent;
    if (!kobj || !kobj->state_in_sysfs)
        return;
    if (kobj->ktype && kobj->ktype->default_groups)
        sysfs_remove_groups(kobj, kobj->ktype->default_groups);
    qlx_kobject_hide(kobj);
    kset_quit(kobj);
    parent = kobj->parent;
    kobj->parent = NULL;
    kobject_put(parent);
}

static void kobject_release(struct kref *kref)
{
    struct kobject *kobj = container_of(kref, struct kobject, kref);
    const struct kobj_type *ktype = kobj->ktype;
    const char *name = kobj->name;
    kobject_del(kobj);
    qlx_left_remove(QLX_LEFT_KOBJECT, kobj);
    if (ktype && ktype->release)
        ktype->release(kobj); /* its memory is gone from here on */
    else
        qlx_find(
            "registration", NULL, NULL,
            "kobject %s has no release function: whoever still holds it would use freed memory",
            name ? name : "(without a name)");
    kfree(name);
}

QUARRY_API struct kobject *kobject_get(struct kobject *kobj)
{
    if (kobj && !kobject_is_always(kobj)) {
        if (!kobj->state_initialized)
            qlx_find("registration", NULL, NULL,
                     "kobject_get of an object that was not initialised");
        else
            kref_get(&kobj->kref);
    }
    return kobj;
}

QUARRY_API struct kobject *kobject_get_unless_zero(struct kobject *kobj)
{
    return kobj && kref_get_unless_zero(&kobj->kref) ? kobj : NULL;
}

QUARRY_API void kobject_put(struct kobject *kobj)
{
    if (!kobj || kobject_is_always(kobj))
        return;
    if (!kobj->state_initialized)
        qlx_find("registration", NULL, NULL, "kobject_put of an object that was not initialised");
    else
        kref_put(&kobj->kref, kobject_release);
}

/* ---- elsewhere ----------------------------------------------------------------------------- */

/* A new folder with all that was in the old one. */
static int kobject_replace(struct kobject *kobj, struct kobject *parent, const char *name)
{
    struct qlx_entry *above = qlx_kobject_entry(parent);
    return above && kobj->sd ? qlx_entry_move((struct qlx_entry *)kobj->sd, above, name) : -EINVAL;
}

QUARRY_API int kobject_rename(struct kobject *kobj, const char *name)
{
    char *copy = kstrdup(name, GFP_KERNEL);
    int error = copy ? kobject_replace(kobj, kobj->parent, name) : -ENOMEM;
    if (error) {
        kfree(copy);
        return error;
    }
    kfree(kobj->name);
    kobj->name = copy;
    qlx_left_name(QLX_LEFT_KOBJECT, kobj, name);
    return 0;
}

QUARRY_API int kobject_move(struct kobject *kobj, struct kobject *parent)
{
    struct kobject *old = kobj->parent;
    int error;
    if (!parent && kobj->kset)
        parent = &kobj->kset->kobj;
    error = kobject_replace(kobj, parent, kobj->name);
    if (error)
        return error;
    kobj->parent = kobject_get(parent);
    kobject_put(old);
    return 0;
}

QUARRY_API char *kobject_get_path(const struct kobject *kobj, gfp_t gfp)
{
    char path[480];
    struct qlx_entry *folder = qlx_kobject_entry(kobj);
    if (!folder)
        return NULL;
    qlx_entry_path(folder, path, sizeof(path));
    return kasprintf(gfp, "/%s", path);
}

/* ---- sets ---------------------------------------------------------------------------------- */

QUARRY_API void kset_init(struct kset *kset)
{
    static const struct kobj_type plain = {.sysfs_ops = &kobj_sysfs_ops};
    INIT_LIST_HEAD(&kset->list);
    spin_lock_init(&kset->list_lock);
    kobject_init(&kset->kobj, kset->kobj.ktype ? kset->kobj.ktype : &plain);
}

QUARRY_API int kset_register(struct kset *kset)
{
    int error;
    if (!kset || !kset->kobj.ktype)
        return -EINVAL;
    kset_init(kset);
    error = kobject_add_internal(&kset->kobj);
    if (error) {
        kfree(kset->kobj.name);
        kset->kobj.name = NULL;
        kset->kobj.state_initialized = 0;
        qlx_left_remove(QLX_LEFT_KOBJECT, &kset->kobj);
    }
    return error;
}

QUARRY_API void kset_unregister(struct kset *kset)
{
    if (!kset)
        return;
    kobject_del(&kset->kobj);
    kobject_put(&kset->kobj);
}

static void kset_dynamic_release(struct kobject *kobj)
{
    kfree(to_kset(kobj));
}

QUARRY_API struct kset *kset_create_and_add(const char *name, const struct kset_uevent_ops *ops,
                                            struct kobject *parent)
{
    static const struct kobj_type dynamic = {.release = kset_dynamic_release,
                                             .sysfs_ops = &kobj_sysfs_ops};
    struct kset *kset = kzalloc(sizeof(*kset), GFP_KERNEL);
    if (!kset)
        return NULL;
    if (kobject_set_name(&kset->kobj, "%s", name)) {
        kfree(kset);
        return NULL;
    }
    kset->uevent_ops = ops;
    kset->kobj.parent = parent;
    kset->kobj.ktype = &dynamic;
    if (kset_register(kset)) {
        kfree(kset);
        return NULL;
    }
    return kset;
}

QUARRY_API struct kobject *kset_find_obj(struct kset *kset, const char *name)
{
    struct kobject *kobj, *found = NULL;
    spin_lock(&kset->list_lock);
    list_for_each_entry (kobj, &kset->list, entry) {
        if (kobj->name && strcmp(kobj->name, name) == 0) {
            found = kobject_get_unless_zero(kobj);
            break;
        }
    }
    spin_unlock(&kset->list_lock);
    return found;
}

/* ---- messages to user space, which has nobody to hear them ----------------------------------- */

QUARRY_API int kobject_uevent_env(struct kobject *kobj, enum kobject_action action, char *env[])
{
    if (action == KOBJ_ADD)
        kobj->state_add_uevent_sent = 1;
    if (action == KOBJ_REMOVE)
        kobj->state_remove_uevent_sent = 1;
    return 0;
}

QUARRY_API int kobject_uevent(struct kobject *kobj, enum kobject_action action)
{
    return kobject_uevent_env(kobj, action, NULL);
}

QUARRY_API int add_uevent_var(struct kobj_uevent_env *env, const char *format, ...)
{
    int room = (int)sizeof(env->buf) - env->buflen, size;
    va_list args;
    va_start(args, format);
    size = vsnprintf(env->buf + env->buflen, (size_t)room, format, args);
    va_end(args);
    if (size >= room || env->envp_idx >= UEVENT_NUM_ENVP)
        return -ENOMEM;
    env->envp[env->envp_idx++] = env->buf + env->buflen;
    env->buflen += size + 1;
    return 0;
}
