/* SPDX-License-Identifier: MIT */
/* api/shrinker: the public calls of quarry/shrinker.h, over the default machine. What they promise
 * is done in reclaim/; here belongs the memory of shrinkers that Quarry makes, and of their names. */
#include "../instance.h"

/* A copy of the formatted text in kmalloc memory, *@name; NULL for an empty one. False: no memory. */
static bool shrinker_name_make(struct quarry *q, const char *format, va_list args, char **name)
{
    va_list copy;
    size_t length;
    *name = NULL;
    va_copy(copy, args);
    length = format ? qr_vsnprintf(NULL, 0, format, copy) : 0;
    va_end(copy);
    if (!length)
        return true;
    *name = qr_kmalloc_slow(&q->kmalloc, length + 1, GFP_KERNEL, NUMA_NO_NODE);
    if (*name)
        qr_vsnprintf(*name, length + 1, format, args);
    return *name != NULL;
}

static void shrinker_name_free(struct quarry *q, struct shrinker *shrinker)
{
    if (shrinker->name)
        qr_kfree_slow(&q->kmalloc, (void *)(uintptr_t)shrinker->name, "shrinker_free");
    shrinker->name = NULL;
}

struct shrinker *shrinker_alloc(unsigned int flags, const char *format, ...)
{
    struct quarry *q = qr_default();
    struct shrinker *shrinker;
    va_list args;
    char *name;
    bool named;
    qr_may_sleep_here(&q->check, "shrinker_alloc");
    va_start(args, format);
    named = shrinker_name_make(q, format, args, &name);
    va_end(args);
    if (!named)
        return NULL;
    shrinker =
        qr_kmalloc_slow(&q->kmalloc, sizeof(*shrinker), GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE);
    if (!shrinker) {
        if (name)
            qr_kfree_slow(&q->kmalloc, name, "shrinker_alloc");
        return NULL;
    }
    shrinker->flags = flags;
    shrinker->seeks = DEFAULT_SEEKS;
    shrinker->name = name;
    return shrinker;
}

void shrinker_register(struct shrinker *shrinker)
{
    qr_shrinker_register(&qr_default()->reclaim, shrinker);
}

void shrinker_free(struct shrinker *shrinker)
{
    struct quarry *q = qr_default();
    if (!shrinker)
        return;
    qr_may_sleep_here(&q->check, "shrinker_free");
    if (qr_shrinker_unregister(&q->reclaim, shrinker) == -QR_EBUSY)
        return;
    shrinker_name_free(q, shrinker);
    qr_kfree_slow(&q->kmalloc, shrinker, "shrinker_free");
}

int quarry_register_shrinker(struct shrinker *shrinker, const char *format, ...)
{
    struct quarry *q = qr_default();
    va_list args;
    char *name;
    bool named;
    int error;
    va_start(args, format);
    named = shrinker_name_make(q, format, args, &name);
    va_end(args);
    if (!named)
        return -QR_ENOMEM;
    error = qr_shrinker_register(&q->reclaim, shrinker);
    if (!error)
        shrinker->name = name;
    else if (name)
        qr_kfree_slow(&q->kmalloc, name, "register_shrinker");
    return error;
}

void unregister_shrinker(struct shrinker *shrinker)
{
    struct quarry *q = qr_default();
    qr_may_sleep_here(&q->check, "unregister_shrinker");
    if (shrinker && qr_shrinker_unregister(&q->reclaim, shrinker) == 0)
        shrinker_name_free(q, shrinker);
}

quarry_oom_fn quarry_set_oom_hook(quarry_oom_fn hook, void *data)
{
    return qr_oom_set(&qr_default()->reclaim, hook, data);
}
