/* SPDX-License-Identifier: MIT */
/* left: what modules registered and have not unregistered, with where they did it.
 *
 * One list of records from libc's memory, beside the registered objects and not inside them: a module
 * may free an object that it forgot to unregister. Timers, work and tasklets come and go too often
 * for a record each; they are read from their queues when the list is asked for. */
#define _GNU_SOURCE
#include "internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct left_record {
    struct list_head list;
    struct qlx_left left;
};

static pthread_mutex_t left_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(left_list);
static unsigned long left_generation;

static const struct {
    const char *name, *undo;
} left_text[QLX_LEFT_KINDS] = {
    [QLX_LEFT_CHRDEV_REGION] = {"device number region", "unregister_chrdev_region"},
    [QLX_LEFT_CDEV] = {"character device", "cdev_del"},
    [QLX_LEFT_MISC] = {"misc device", "misc_deregister"},
    [QLX_LEFT_CLASS] = {"class", "class_destroy"},
    [QLX_LEFT_DEVICE] = {"device", "device_destroy"},
    [QLX_LEFT_PROC] = {"proc entry", "remove_proc_entry"},
    [QLX_LEFT_TIMER] = {"timer", "del_timer_sync"},
    [QLX_LEFT_WORKQUEUE] = {"workqueue", "destroy_workqueue"},
    [QLX_LEFT_WORK] = {"work", "cancel_work_sync"},
    [QLX_LEFT_TASKLET] = {"tasklet", "tasklet_kill"},
    [QLX_LEFT_IRQ] = {"interrupt handler", "free_irq"},
    [QLX_LEFT_KTHREAD] = {"kernel thread", "kthread_stop"},
    [QLX_LEFT_FILE] = {"open file", "close"},
    [QLX_LEFT_KOBJECT] = {"kobject", "kobject_put"},
    [QLX_LEFT_DEBUGFS] = {"debugfs entry", "debugfs_remove_recursive"},
    [QLX_LEFT_SYSFS] = {"sysfs file", "sysfs_remove_file"},
    [QLX_LEFT_BUS] = {"bus", "bus_unregister"},
    [QLX_LEFT_DRIVER] = {"driver", "driver_unregister"},
    [QLX_LEFT_MODULE] = {"reference to module", "module_put"},
    [QLX_LEFT_MAPPING] = {"mapping of registers", "iounmap"},
    [QLX_LEFT_MEM_REGION] = {"memory region", "release_mem_region"},
};

void qlx_generation_bump(void)
{
    __atomic_fetch_add(&left_generation, 1, __ATOMIC_RELEASE);
}

unsigned long qlx_generation(void)
{
    return __atomic_load_n(&left_generation, __ATOMIC_ACQUIRE);
}

void qlx_left_add(enum qlx_left_kind kind, const void *object, const char *name)
{
    qlx_left_add_undo(kind, object, name, NULL);
}

void qlx_left_add_undo(enum qlx_left_kind kind, const void *object, const char *name,
                       const char *undo)
{
    struct left_record *record = calloc(1, sizeof(*record));
    if (!record)
        return;
    record->left.kind = kind;
    record->left.object = object;
    record->left.undo = undo;
    snprintf(record->left.name, sizeof(record->left.name), "%s", name);
    qlx_trace_here(&record->left.where);
    pthread_mutex_lock(&left_lock);
    list_add_tail(&record->list, &left_list);
    pthread_mutex_unlock(&left_lock);
    qlx_generation_bump();
}

void qlx_left_name(enum qlx_left_kind kind, const void *object, const char *name)
{
    struct left_record *record;
    pthread_mutex_lock(&left_lock);
    list_for_each_entry (record, &left_list, list) {
        if (record->left.kind == kind && record->left.object == object)
            snprintf(record->left.name, sizeof(record->left.name), "%s", name);
    }
    pthread_mutex_unlock(&left_lock);
}

bool qlx_left_remove(enum qlx_left_kind kind, const void *object)
{
    struct left_record *record, *found = NULL;
    pthread_mutex_lock(&left_lock);
    list_for_each_entry_reverse (record, &left_list, list) {
        if (record->left.kind == kind && record->left.object == object) {
            found = record;
            break;
        }
    }
    if (found)
        list_del(&found->list);
    pthread_mutex_unlock(&left_lock);
    free(found);
    qlx_generation_bump();
    return found != NULL;
}

static void left_forget(bool all, enum qlx_left_kind kind)
{
    struct left_record *record, *next;
    pthread_mutex_lock(&left_lock);
    list_for_each_entry_safe (record, next, &left_list, list) {
        if (!all && record->left.kind != kind)
            continue;
        list_del(&record->list);
        free(record);
    }
    pthread_mutex_unlock(&left_lock);
    qlx_generation_bump();
}

void qlx_left_forget(enum qlx_left_kind kind)
{
    left_forget(false, kind);
}

void qlx_left_forget_all(void)
{
    left_forget(true, QLX_LEFT_KINDS);
}

struct left_walk {
    bool (*visit)(const struct qlx_left *, void *);
    void *data;
};

static bool left_show(const struct qlx_left *from, void *data)
{
    struct left_walk *walk = data;
    struct qlx_left left = *from;
    left.kind_name = left_text[left.kind].name;
    if (!left.undo)
        left.undo = left_text[left.kind].undo;
    return walk->visit(&left, walk->data);
}

/* A device that is still registered is one finding, and its kobject not another. */
static bool left_is_part(const struct qlx_left *left)
{
    struct left_record *record;
    if (left->kind != QLX_LEFT_KOBJECT)
        return false;
    list_for_each_entry (record, &left_list, list) {
        if (record->left.object == left->object && record->left.kind != QLX_LEFT_KOBJECT)
            return true;
    }
    return false;
}

/* A copy of the list, so that the visitor may do what it likes. */
static struct qlx_left *left_snapshot(size_t *nr)
{
    struct left_record *record;
    struct qlx_left *copy;
    size_t count = 0, i = 0;
    pthread_mutex_lock(&left_lock);
    count = list_count_nodes(&left_list);
    copy = calloc(count ? count : 1, sizeof(*copy));
    if (copy) {
        list_for_each_entry (record, &left_list, list) {
            if (!left_is_part(&record->left))
                copy[i++] = record->left;
        }
    }
    pthread_mutex_unlock(&left_lock);
    *nr = i;
    return copy;
}

void qlx_for_each_left(bool (*visit)(const struct qlx_left *, void *), void *data)
{
    struct left_walk walk = {visit, data};
    size_t nr;
    struct qlx_left *copy = left_snapshot(&nr);
    bool on = true;
    for (size_t i = 0; i < nr && on; i++)
        on = left_show(&copy[i], &walk);
    free(copy);
    if (on && qlx_timers_left(left_show, &walk) && qlx_works_left(left_show, &walk))
        qlx_tasklets_left(left_show, &walk);
}

struct left_count {
    enum qlx_left_kind kind;
    unsigned long count;
};

static bool left_count_one(const struct qlx_left *left, void *data)
{
    struct left_count *count = data;
    count->count += left->kind == count->kind;
    return true;
}

unsigned long qlx_count_left(enum qlx_left_kind kind)
{
    struct left_count count = {kind, 0};
    qlx_for_each_left(left_count_one, &count);
    return count.count;
}
