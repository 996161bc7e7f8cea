/* SPDX-License-Identifier: MIT */
/* User and group numbers, wrapped so that they are not mixed up with others. */
#ifndef QUARRY_LINUX_UIDGID_H
#define QUARRY_LINUX_UIDGID_H

#include <linux/types.h>

typedef struct {
    uid_t val;
} kuid_t;
typedef struct {
    gid_t val;
} kgid_t;
#define KUIDT_INIT(value) ((kuid_t){(value)})
#define KGIDT_INIT(value) ((kgid_t){(value)})
#define GLOBAL_ROOT_UID KUIDT_INIT(0)
#define GLOBAL_ROOT_GID KGIDT_INIT(0)
#define INVALID_UID KUIDT_INIT((uid_t)-1)

struct user_namespace {
    int quarry_unused;
};
extern QUARRY_API struct user_namespace init_user_ns;

static inline uid_t __kuid_val(kuid_t uid)
{
    return uid.val;
}
static inline gid_t __kgid_val(kgid_t gid)
{
    return gid.val;
}
static inline bool uid_eq(kuid_t a, kuid_t b)
{
    return a.val == b.val;
}
static inline bool gid_eq(kgid_t a, kgid_t b)
{
    return a.val == b.val;
}
static inline bool uid_valid(kuid_t uid)
{
    return uid.val != (uid_t)-1;
}
static inline kuid_t make_kuid(struct user_namespace *ns, uid_t uid)
{
    return KUIDT_INIT(uid);
}
static inline kgid_t make_kgid(struct user_namespace *ns, gid_t gid)
{
    return KGIDT_INIT(gid);
}
#define from_kuid(ns, uid) ((void)(ns), __kuid_val(uid))
#define from_kgid(ns, gid) ((void)(ns), __kgid_val(gid))
#define from_kuid_munged(ns, uid) from_kuid(ns, uid)
#define from_kgid_munged(ns, gid) from_kgid(ns, gid)

#endif
