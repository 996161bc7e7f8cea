/* SPDX-License-Identifier: MIT */
/* devres: resources that go when their device goes or its driver lets it go.
 *
 * A device keeps one list of records, newest first in effect: they are released in the reverse order of
 * their making, when a probe fails, after a remove, and with the device itself. A record is a
 * release function and some bytes of the caller's; a group is a pair of marks in the same list, so
 * that what lies between them can be released alone. Records come from Quarry, as the kernel allocates
 * them: a device that never goes shows them as leaks with the line that asked.
 *
 * Devices are known from their initialisation to their release. Whatever is asked for one that is not known
 * is refused and reported, without a look into its memory.
 *
 * Locks: devres_lock, held over no release function. */
#include "internal.h"
#include <linux/device.h>
#include <linux/interrupt.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <stdio.h>
#include <stdlib.h>

struct devres_node {
    struct list_head list; /* on device.quarry_managed */
    dr_release_t release;  /* NULL: a mark */
    struct devres_group *group;
    const char *name;
};

struct devres {
    struct devres_node node;
    unsigned char data[] __attribute__((aligned(16)));
};

struct devres_group {
    struct devres_node open, close; /* close is on the list once the group is closed */
    void *id;
};

/* Devices between device_initialize and their release: what is not among them is not touched, since its
 * memory may be gone. libc's memory; guarded by devres_lock. */
#define DEVRES_BUCKETS 64
struct devres_device {
    struct devres_device *next;
    const struct device *dev;
};

static pthread_mutex_t devres_lock = PTHREAD_MUTEX_INITIALIZER;
static struct devres_device *devres_devices[DEVRES_BUCKETS];

/* The place of a device's entry, or of the end of its chain. With devres_lock held. */
static struct devres_device **devres_device_at(const struct device *dev)
{
    struct devres_device **link =
        &devres_devices[((uintptr_t)dev / 64 ^ (uintptr_t)dev / 8192) % DEVRES_BUCKETS];
    while (*link && (*link)->dev != dev)
        link = &(*link)->next;
    return link;
}

void qlx_devres_begin(struct device *dev)
{
    struct devres_device *entry = calloc(1, sizeof(*entry)), **link;
    pthread_mutex_lock(&devres_lock);
    link = devres_device_at(dev);
    INIT_LIST_HEAD(&dev->quarry_managed);
    if (!*link && entry) {
        entry->dev = dev;
        *link = entry;
        entry = NULL;
    }
    pthread_mutex_unlock(&devres_lock);
    free(entry);
}

void qlx_devres_end(struct device *dev)
{
    struct devres_device **link, *entry;
    pthread_mutex_lock(&devres_lock);
    link = devres_device_at(dev);
    entry = *link;
    if (entry)
        *link = entry->next;
    pthread_mutex_unlock(&devres_lock);
    free(entry);
}

/* Whether a device may be given resources; reported if not, by the name of the call. */
static bool devres_device_lives(const struct device *dev, const char *call)
{
    bool lives;
    pthread_mutex_lock(&devres_lock);
    lives = dev && *devres_device_at(dev) != NULL;
    pthread_mutex_unlock(&devres_lock);
    if (!lives)
        qlx_find("registration", NULL, NULL,
                 dev ? "%s: the device is gone, or was never initialised (device_initialize, "
                       "device_register): nothing would ever free what it manages"
                     : "%s of a NULL device: use the call without devm_",
                 call);
    return lives;
}

static struct devres *devres_of(void *data)
{
    return container_of(data, struct devres, data);
}

QUARRY_API void *__devres_alloc_node(dr_release_t release, size_t size, gfp_t gfp, int nid,
                                     const char *name)
{
    struct devres *res;
    size_t bytes;
    /* kmalloc aligns a block as its size is a multiple: that of the record has to be one. */
    if (__builtin_add_overflow(sizeof(*res) + _Alignof(struct devres) - 1, size, &bytes))
        return NULL;
    bytes &= ~(_Alignof(struct devres) - 1);
    res = kmalloc_node(bytes, gfp | __GFP_ZERO, nid);
    if (!res)
        return NULL;
    INIT_LIST_HEAD(&res->node.list);
    res->node.release = release;
    res->node.name = name;
    return res->data;
}

QUARRY_API void devres_free(void *data)
{
    struct devres *res;
    if (!data)
        return;
    res = devres_of(data);
    if (!list_empty(&res->node.list)) {
        qlx_find("registration", NULL, NULL,
                 "devres_free of a resource that is still the device's: devres_destroy is meant");
        return;
    }
    kfree(res);
}

QUARRY_API void devres_add(struct device *dev, void *data)
{
    struct devres *res = devres_of(data);
    if (!devres_device_lives(dev, "devres_add"))
        return;
    pthread_mutex_lock(&devres_lock);
    list_add_tail(&res->node.list, &dev->quarry_managed);
    pthread_mutex_unlock(&devres_lock);
}

void *qlx_devres_record(struct device *dev, dr_release_t release, size_t size, gfp_t gfp,
                        const char *call)
{
    if (!devres_device_lives(dev, call))
        return NULL;
    return __devres_alloc_node(release, size, gfp, NUMA_NO_NODE, call);
}

void **qlx_devres_pointer(struct device *dev, dr_release_t release, gfp_t gfp, const char *call)
{
    return qlx_devres_record(dev, release, sizeof(void *), gfp, call);
}

void *qlx_devres_keep(struct device *dev, void **res, void *made)
{
    if (!made) {
        devres_free(res);
        return NULL;
    }
    *res = made;
    devres_add(dev, res);
    return made;
}

int qlx_devres_holds(struct device *dev, void *res, void *made)
{
    return *(void **)res == made;
}

/* The newest matching record. With devres_lock held. */
static struct devres *devres_lookup(struct device *dev, dr_release_t release, dr_match_t match,
                                    void *match_data)
{
    struct devres_node *node;
    if (!dev || !*devres_device_at(dev))
        return NULL; /* never initialised, or gone */
    list_for_each_entry_reverse (node, &dev->quarry_managed, list) {
        struct devres *res = container_of(node, struct devres, node);
        if (node->release == release && (!match || match(dev, res->data, match_data)))
            return res;
    }
    return NULL;
}

QUARRY_API void *devres_find(struct device *dev, dr_release_t release, dr_match_t match,
                             void *match_data)
{
    struct devres *res;
    pthread_mutex_lock(&devres_lock);
    res = devres_lookup(dev, release, match, match_data);
    pthread_mutex_unlock(&devres_lock);
    return res ? res->data : NULL;
}

QUARRY_API void *devres_get(struct device *dev, void *fresh, dr_match_t match, void *match_data)
{
    struct devres *mine = devres_of(fresh), *res;
    pthread_mutex_lock(&devres_lock);
    res = devres_lookup(dev, mine->node.release, match, match_data);
    if (!res) {
        list_add_tail(&mine->node.list, &dev->quarry_managed);
        res = mine;
    }
    pthread_mutex_unlock(&devres_lock);
    if (res != mine)
        kfree(mine);
    return res->data;
}

QUARRY_API void *devres_remove(struct device *dev, dr_release_t release, dr_match_t match,
                               void *match_data)
{
    struct devres *res;
    pthread_mutex_lock(&devres_lock);
    res = devres_lookup(dev, release, match, match_data);
    if (res)
        list_del_init(&res->node.list);
    pthread_mutex_unlock(&devres_lock);
    return res ? res->data : NULL;
}

QUARRY_API int devres_destroy(struct device *dev, dr_release_t release, dr_match_t match,
                              void *match_data)
{
    void *data = devres_remove(dev, release, match, match_data);
    devres_free(data);
    return data ? 0 : -ENOENT;
}

QUARRY_API int devres_release(struct device *dev, dr_release_t release, dr_match_t match,
                              void *match_data)
{
    void *data = devres_remove(dev, release, match, match_data);
    if (!data)
        return -ENOENT;
    release(dev, data);
    devres_free(data);
    return 0;
}

QUARRY_API void devres_for_each_res(struct device *dev, dr_release_t release, dr_match_t match,
                                    void *match_data, void (*fn)(struct device *, void *, void *),
                                    void *data)
{
    struct devres_node *node, *next;
    pthread_mutex_lock(&devres_lock);
    list_for_each_entry_safe (node, next, &dev->quarry_managed, list) {
        struct devres *res = container_of(node, struct devres, node);
        if (node->release == release && (!match || match(dev, res->data, match_data)))
            fn(dev, res->data, data);
    }
    pthread_mutex_unlock(&devres_lock);
}

/* ---- groups -------------------------------------------------------------------------------- */

/* The group called @id; without an id the newest open one. With devres_lock held. */
static struct devres_group *devres_group_find(struct device *dev, void *id)
{
    struct devres_node *node;
    list_for_each_entry_reverse (node, &dev->quarry_managed, list) {
        struct devres_group *group = node->group;
        if (!group || node != &group->open)
            continue;
        if (id ? group->id == id : list_empty(&group->close.list))
            return group;
    }
    return NULL;
}

QUARRY_API void *devres_open_group(struct device *dev, void *id, gfp_t gfp)
{
    struct devres_group *group = kzalloc(sizeof(*group), gfp);
    if (!group)
        return NULL;
    group->open.group = group->close.group = group;
    INIT_LIST_HEAD(&group->close.list);
    group->id = id ? id : group;
    pthread_mutex_lock(&devres_lock);
    list_add_tail(&group->open.list, &dev->quarry_managed);
    pthread_mutex_unlock(&devres_lock);
    return group->id;
}

static void devres_group_unknown(const char *call)
{
    qlx_find("registration", NULL, NULL, "%s: the device has no such group", call);
}

QUARRY_API void devres_close_group(struct device *dev, void *id)
{
    struct devres_group *group;
    pthread_mutex_lock(&devres_lock);
    group = devres_group_find(dev, id);
    if (group && list_empty(&group->close.list))
        list_add_tail(&group->close.list, &dev->quarry_managed);
    pthread_mutex_unlock(&devres_lock);
    if (!group)
        devres_group_unknown("devres_close_group");
}

QUARRY_API void devres_remove_group(struct device *dev, void *id)
{
    struct devres_group *group;
    pthread_mutex_lock(&devres_lock);
    group = devres_group_find(dev, id);
    if (group) {
        list_del(&group->open.list);
        list_del_init(&group->close.list);
    }
    pthread_mutex_unlock(&devres_lock);
    if (!group)
        devres_group_unknown("devres_remove_group");
    kfree(group);
}

/* ---- releasing ----------------------------------------------------------------------------- */

/* Move the records from @first to before @end to @gone, without the marks of groups whose both ends
 * are among them: those marks go to @gone too. A group that reaches beyond keeps its marks. */
static void devres_take(struct device *dev, struct list_head *first, struct list_head *end,
                        struct list_head *gone)
{
    struct list_head *at, *next;
    for (at = first; at != end; at = next) {
        struct devres_node *node = list_entry(at, struct devres_node, list);
        next = at->next;
        if (node->group && node == &node->group->open && end != &dev->quarry_managed) {
            struct list_head *inner;
            bool inside = false;
            for (inner = at; inner != end; inner = inner->next)
                inside = inside || inner == &node->group->close.list;
            if (!inside)
                continue;
        }
        if (node->group && node == &node->group->close) {
            list_del_init(at); /* goes with its opening mark */
            continue;
        }
        list_del(at);
        list_add_tail(at, gone);
    }
}

/* Newest first; a release function may free memory and take driver's locks. */
static int devres_end(struct device *dev, struct list_head *gone)
{
    struct devres_node *node, *next;
    int nr = 0;
    list_for_each_entry_safe_reverse(node, next, gone, list)
    {
        list_del_init(&node->list);
        if (node->group) {
            kfree(node->group);
            continue;
        }
        node->release(dev, container_of(node, struct devres, node)->data);
        kfree(container_of(node, struct devres, node));
        nr++;
    }
    return nr;
}

QUARRY_API int devres_release_group(struct device *dev, void *id)
{
    struct devres_group *group;
    LIST_HEAD(gone);
    pthread_mutex_lock(&devres_lock);
    group = devres_group_find(dev, id);
    if (group) {
        struct list_head *end =
            list_empty(&group->close.list) ? &dev->quarry_managed : group->close.list.next;
        devres_take(dev, &group->open.list, end, &gone);
    }
    pthread_mutex_unlock(&devres_lock);
    if (!group)
        devres_group_unknown("devres_release_group");
    return devres_end(dev, &gone);
}

int qlx_devres_release_all(struct device *dev)
{
    LIST_HEAD(gone);
    if (!dev->quarry_managed.next)
        return 0;
    pthread_mutex_lock(&devres_lock);
    devres_take(dev, dev->quarry_managed.next, &dev->quarry_managed, &gone);
    pthread_mutex_unlock(&devres_lock);
    return devres_end(dev, &gone);
}

/* ---- actions ------------------------------------------------------------------------------- */

struct devres_action {
    void (*action)(void *);
    void *data;
};

static void devres_action_run(struct device *dev, void *data)
{
    struct devres_action *act = data;
    act->action(act->data);
}

static int devres_action_same(struct device *dev, void *data, void *wanted)
{
    struct devres_action *act = data, *want = wanted;
    return act->action == want->action && act->data == want->data;
}

QUARRY_API int devm_add_action(struct device *dev, void (*action)(void *), void *data)
{
    struct devres_action *act =
        qlx_devres_record(dev, devres_action_run, sizeof(*act), GFP_KERNEL, "devm_add_action");
    if (!act)
        return -ENOMEM;
    act->action = action;
    act->data = data;
    devres_add(dev, act);
    return 0;
}

QUARRY_API int devm_add_action_or_reset(struct device *dev, void (*action)(void *), void *data)
{
    int error = devm_add_action(dev, action, data);
    if (error)
        action(data);
    return error;
}

QUARRY_API void devm_remove_action(struct device *dev, void (*action)(void *), void *data)
{
    struct devres_action wanted = {action, data};
    if (devres_destroy(dev, devres_action_run, devres_action_same, &wanted))
        qlx_find("registration", NULL, NULL, "devm_remove_action: the device has no such action");
}

QUARRY_API void devm_release_action(struct device *dev, void (*action)(void *), void *data)
{
    struct devres_action wanted = {action, data};
    if (devres_release(dev, devres_action_run, devres_action_same, &wanted))
        qlx_find("registration", NULL, NULL, "devm_release_action: the device has no such action");
}

/* ---- interrupts ---------------------------------------------------------------------------- */

struct devres_irq {
    unsigned int irq;
    void *dev;
};

static void devres_irq_free(struct device *dev, void *data)
{
    struct devres_irq *held = data;
    free_irq(held->irq, held->dev);
}

static int devres_irq_same(struct device *dev, void *data, void *wanted)
{
    struct devres_irq *held = data, *want = wanted;
    return held->irq == want->irq && held->dev == want->dev;
}

QUARRY_API int quarry_devm_request_irq(struct device *device, unsigned int irq,
                                       void (*handler)(void), void (*thread)(void),
                                       unsigned long flags, const char *name, void *dev, int form)
{
    struct devres_irq *held =
        qlx_devres_record(device, devres_irq_free, sizeof(*held), GFP_KERNEL, "devm_request_irq");
    int error;
    if (!held)
        return -ENOMEM;
    error =
        quarry_request_irq(irq, handler, thread, flags, name ? name : dev_name(device), dev, form);
    if (error) {
        devres_free(held);
        return error;
    }
    held->irq = irq;
    held->dev = dev;
    devres_add(device, held);
    return 0;
}

QUARRY_API void devm_free_irq(struct device *device, unsigned int irq, void *dev)
{
    struct devres_irq wanted = {irq, dev};
    if (devres_release(device, devres_irq_free, devres_irq_same, &wanted))
        qlx_find("registration", NULL, NULL, "devm_free_irq: line %u is not the device's", irq);
}

/* ---- memory -------------------------------------------------------------------------------- */

/* The record is kept beside the object, so that the object keeps kmalloc's alignment and size
 * class. */
static void devres_kfree(struct device *dev, void *data)
{
    kfree(*(void **)data);
}

QUARRY_API void *devm_kmalloc(struct device *dev, size_t size, gfp_t gfp)
{
    void **res = qlx_devres_pointer(dev, devres_kfree, gfp, "devm_kmalloc");
    return res ? qlx_devres_keep(dev, res, kmalloc(size, gfp)) : NULL;
}

QUARRY_API void devm_kfree(struct device *dev, const void *object)
{
    if (!object || !devres_device_lives(dev, "devm_kfree"))
        return;
    if (devres_release(dev, devres_kfree, qlx_devres_holds, (void *)(uintptr_t)object))
        qlx_find("registration", NULL, NULL,
                 "devm_kfree of memory that is not this device's: it was freed before, belongs to "
                 "another "
                 "device, or came from kmalloc (kfree)");
}

QUARRY_API void *devm_krealloc(struct device *dev, void *object, size_t size, gfp_t gfp)
{
    void *fresh, **res;
    size_t has;
    if (!object)
        return devm_kmalloc(dev, size, gfp);
    if (!size) {
        devm_kfree(dev, object);
        return ZERO_SIZE_PTR;
    }
    if (!devres_device_lives(dev, "devm_krealloc"))
        return NULL;
    if (!devres_find(dev, devres_kfree, qlx_devres_holds, object)) {
        qlx_find("registration", NULL, NULL, "devm_krealloc of memory that is not this device's");
        return NULL;
    }
    has = ksize(object);
    fresh = kmalloc(size, gfp);
    if (!fresh)
        return NULL;
    memcpy(fresh, object, min(has, size));
    pthread_mutex_lock(&devres_lock);
    res = (void **)devres_lookup(dev, devres_kfree, qlx_devres_holds, object)->data;
    *res = fresh;
    pthread_mutex_unlock(&devres_lock);
    kfree(object);
    return fresh;
}

QUARRY_API void *devm_kmemdup(struct device *dev, const void *source, size_t size, gfp_t gfp)
{
    void *copy = devm_kmalloc(dev, size, gfp);
    return copy && !ZERO_OR_NULL_PTR(copy) ? memcpy(copy, source, size) : copy;
}

QUARRY_API char *devm_kstrdup(struct device *dev, const char *text, gfp_t gfp)
{
    return text ? devm_kmemdup(dev, text, strlen(text) + 1, gfp) : NULL;
}

QUARRY_API const char *devm_kstrdup_const(struct device *dev, const char *text, gfp_t gfp)
{
    return devm_kstrdup(dev, text, gfp); /* a copy is always right */
}

QUARRY_API char *devm_kvasprintf(struct device *dev, gfp_t gfp, const char *format, va_list args)
{
    va_list again;
    char *text;
    int length;
    va_copy(again, args);
    length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    text = devm_kmalloc(dev, (size_t)length + 1, gfp);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, args);
    return text;
}

QUARRY_API char *devm_kasprintf(struct device *dev, gfp_t gfp, const char *format, ...)
{
    va_list args;
    char *text;
    va_start(args, format);
    text = devm_kvasprintf(dev, gfp, format, args);
    va_end(args);
    return text;
}

/* ---- pages ----------------------------------------------------------------------------------- */

struct devres_pages {
    unsigned long address;
    unsigned int order;
};

static void devres_pages_release(struct device *dev, void *data)
{
    const struct devres_pages *pages = data;
    free_pages(pages->address, pages->order);
}

static int devres_pages_same(struct device *dev, void *data, void *wanted)
{
    return ((const struct devres_pages *)data)->address == (unsigned long)wanted;
}

QUARRY_API unsigned long devm_get_free_pages(struct device *dev, gfp_t gfp, unsigned int order)
{
    struct devres_pages *pages = qlx_devres_record(dev, devres_pages_release, sizeof(*pages),
                                                   GFP_KERNEL, "devm_get_free_pages");
    if (!pages)
        return 0;
    pages->address = __get_free_pages(gfp, order);
    pages->order = order;
    if (!pages->address) {
        devres_free(pages);
        return 0;
    }
    devres_add(dev, pages);
    return pages->address;
}

QUARRY_API void devm_free_pages(struct device *dev, unsigned long address)
{
    if (devres_release(dev, devres_pages_release, devres_pages_same, (void *)address))
        qlx_find("registration", NULL, NULL, "devm_free_pages of pages that are not this device's");
}
