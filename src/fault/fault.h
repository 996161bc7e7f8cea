/* SPDX-License-Identifier: MIT */
/* fault: the door. "Should this request fail?" One question per fallible path, asked only while the
 * point is armed. */
#ifndef QR_FAULT_H
#define QR_FAULT_H

#include <quarry/fault.h>
#include "../base/base.h"

struct qr_fault_point {
    u32 armed;      /* by a spec or by the hook; read without the lock */
    bool specified; /* by a spec, under the lock */
    qp_lock_t lock;
    struct quarry_fault spec;
    char cache_name[64]; /* spec.cache points here, or is NULL */
    unsigned long seen, failed;
    u64 random;
};

struct qr_faults {
    struct qr_fault_point point[QUARRY_FAULT_POINTS];
    qp_lock_t lock;       /* guards the hook and its data */
    quarry_fault_fn hook; /* asked first; NULL: none */
    void *hook_data;
    /* Called after a point was armed or disarmed, so that caches can close or open their slots. */
    void (*changed)(void *data, enum quarry_fault_point which);
    void *changed_data;
};

static inline bool qr_fault_armed(const struct qr_faults *faults, enum quarry_fault_point which)
{
    return QR_CHECKS && __atomic_load_n(&faults->point[which].armed, __ATOMIC_RELAXED) != 0;
}
/* Count this request and say whether it fails. Never one with __GFP_NOFAIL that
 * may block. @cache may be NULL. Context: any. */
bool qr_fault_hit(struct qr_faults *faults, enum quarry_fault_point which, gfp_t gfp, size_t size,
                  const char *cache);
int qr_fault_set(struct qr_faults *faults, enum quarry_fault_point which,
                 const struct quarry_fault *spec);
/* Arm every point for a hook, or take the hook away (NULL). Context: any. */
void qr_fault_set_hook(struct qr_faults *faults, quarry_fault_fn hook, void *data);
/* "nth:3", "every:10,size:64-128,cache:dentry", "prob:5,seed:7": the text behind "failslab=". The
 * cache's name is copied into @cache_name, and spec->cache points there. 0, or -EINVAL with the
 * reason in @why and nothing else changed. */
int qr_fault_parse(const char *text, struct quarry_fault *spec, char *cache_name,
                   size_t cache_name_size, char *why, size_t why_size);
/* Matching requests seen and failed since the point was armed. */
unsigned long qr_fault_seen(struct qr_faults *faults, enum quarry_fault_point which);
unsigned long qr_fault_failed(struct qr_faults *faults, enum quarry_fault_point which);

#endif
