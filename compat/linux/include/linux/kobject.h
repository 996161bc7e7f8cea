/* SPDX-License-Identifier: MIT */
/* Objects with a name, a place below sys/ and a reference count.
 *
 * kobject_init() makes the first reference; from there on only kobject_put() ends the object, by its
 * type's release function. One that is never put is reported when its module is unloaded. */
#ifndef QUARRY_LINUX_KOBJECT_H
#define QUARRY_LINUX_KOBJECT_H

#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/version.h>
#include <linux/wait.h>

struct kobj_type;
struct kset;

struct kobject {
    const char *name; /* from the machine's memory; freed with the object */
    struct list_head entry;
    struct kobject *parent;
    struct kset *kset;
    const struct kobj_type *ktype;
    struct kernfs_node *sd; /* its folder */
    struct kref kref;
    unsigned int state_initialized : 1;
    unsigned int state_in_sysfs : 1;
    unsigned int state_add_uevent_sent : 1;
    unsigned int state_remove_uevent_sent : 1;
    unsigned int uevent_suppress : 1;
};

struct kobj_ns_type_operations;
struct kobj_type {
    void (*release)(struct kobject *kobj);
    const struct sysfs_ops *sysfs_ops;
    const struct attribute_group **default_groups;
    struct attribute **default_attrs; /* until 5.17 */
    const struct kobj_ns_type_operations *(*child_ns_type)(const struct kobject *kobj);
    const void *(*namespace)(const struct kobject *kobj);
    void (*get_ownership)(const struct kobject *kobj, kuid_t *uid, kgid_t *gid);
};

#define UEVENT_NUM_ENVP 64
#define UEVENT_BUFFER_SIZE 2048
struct kobj_uevent_env {
    char *argv[3];
    char *envp[UEVENT_NUM_ENVP];
    int envp_idx;
    char buf[UEVENT_BUFFER_SIZE];
    int buflen;
};
struct kset_uevent_ops {
    int (*filter)(const struct kobject *kobj);
    const char *(*name)(const struct kobject *kobj);
    int (*uevent)(const struct kobject *kobj, struct kobj_uevent_env *env);
};
/* A set of objects: a folder of its own, and the parent of those that name no other. */
struct kset {
    struct list_head list;
    spinlock_t list_lock;
    struct kobject kobj;
    const struct kset_uevent_ops *uevent_ops;
};

struct kobj_attribute {
    struct attribute attr;
    ssize_t (*show)(struct kobject *kobj, struct kobj_attribute *attr, char *page);
    ssize_t (*store)(struct kobject *kobj, struct kobj_attribute *attr, const char *text,
                     size_t size);
};

enum kobject_action {
    KOBJ_ADD,
    KOBJ_REMOVE,
    KOBJ_CHANGE,
    KOBJ_MOVE,
    KOBJ_ONLINE,
    KOBJ_OFFLINE,
    KOBJ_BIND,
    KOBJ_UNBIND
};

QUARRY_EXTERN_C_BEGIN

/* Calls kobj_attribute's show and store. */
extern QUARRY_API const struct sysfs_ops kobj_sysfs_ops;
/* sys/kernel, sys/kernel/mm, sys/fs, sys/firmware, sys/power. */
extern QUARRY_API struct kobject *kernel_kobj;
extern QUARRY_API struct kobject *mm_kobj;
extern QUARRY_API struct kobject *fs_kobj;
extern QUARRY_API struct kobject *firmware_kobj;
extern QUARRY_API struct kobject *power_kobj;

__printf(2, 3) QUARRY_API int kobject_set_name(struct kobject *kobj, const char *format, ...);
__printf(2, 0) QUARRY_API
    int kobject_set_name_vargs(struct kobject *kobj, const char *format, va_list args);
QUARRY_API void kobject_init(struct kobject *kobj, const struct kobj_type *ktype);
/* Show it below sys/, in @parent's folder, or else its kset's. 0, -EINVAL, -EEXIST (reported), -ENOMEM;
 * after a failure too it must be put. Context: may sleep. */
__printf(3, 4) __must_check QUARRY_API
    int kobject_add(struct kobject *kobj, struct kobject *parent, const char *format, ...);
__printf(4, 5) __must_check QUARRY_API
    int kobject_init_and_add(struct kobject *kobj, const struct kobj_type *ktype,
                             struct kobject *parent, const char *format, ...);
/* Take it out of sys/. kobject_put() of the last reference does so too. */
QUARRY_API void kobject_del(struct kobject *kobj);
/* An object that frees itself: NULL when memory is short. */
QUARRY_API struct kobject *__must_check kobject_create_and_add(const char *name,
                                                               struct kobject *parent);
QUARRY_API int __must_check kobject_rename(struct kobject *kobj, const char *name);
QUARRY_API int __must_check kobject_move(struct kobject *kobj, struct kobject *parent);
QUARRY_API struct kobject *kobject_get(struct kobject *kobj);
QUARRY_API struct kobject *__must_check kobject_get_unless_zero(struct kobject *kobj);
/* Context: may sleep, when it is the last reference. */
QUARRY_API void kobject_put(struct kobject *kobj);
/* "/kernel/foo"; the caller frees it. */
QUARRY_API char *kobject_get_path(const struct kobject *kobj, gfp_t gfp);

QUARRY_API void kset_init(struct kset *kset);
QUARRY_API int __must_check kset_register(struct kset *kset);
QUARRY_API void kset_unregister(struct kset *kset);
QUARRY_API struct kset *__must_check kset_create_and_add(const char *name,
                                                         const struct kset_uevent_ops *ops,
                                                         struct kobject *parent);
/* The member of that name, with a reference, or NULL. */
QUARRY_API struct kobject *kset_find_obj(struct kset *kset, const char *name);

/* Nobody listens: they succeed. */
QUARRY_API int kobject_uevent(struct kobject *kobj, enum kobject_action action);
QUARRY_API int kobject_uevent_env(struct kobject *kobj, enum kobject_action action, char *env[]);
__printf(2, 3) QUARRY_API int add_uevent_var(struct kobj_uevent_env *env, const char *format, ...);

QUARRY_EXTERN_C_END

static inline const char *kobject_name(const struct kobject *kobj)
{
    return kobj->name;
}
static inline const struct kobj_type *get_ktype(const struct kobject *kobj)
{
    return kobj->ktype;
}
static inline struct kset *to_kset(struct kobject *kobj)
{
    return kobj ? container_of(kobj, struct kset, kobj) : NULL;
}
static inline struct kset *kset_get(struct kset *kset)
{
    return kset ? to_kset(kobject_get(&kset->kobj)) : NULL;
}
static inline void kset_put(struct kset *kset)
{
    kobject_put(&kset->kobj);
}

#endif
