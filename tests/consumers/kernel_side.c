/* SPDX-License-Identifier: MIT */
/* Kernel-style source, compiled as part of an ordinary program with quarry::linux. */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

struct note {
    struct list_head link;
    char *text;
};

static LIST_HEAD(notes);
static DEFINE_MUTEX(notes_lock);

int note_add(const char *text)
{
    struct note *note = kzalloc(sizeof(*note), GFP_KERNEL);
    if (!note)
        return -ENOMEM;
    note->text = kstrdup(text, GFP_KERNEL);
    if (!note->text) {
        kfree(note);
        return -ENOMEM;
    }
    mutex_lock(&notes_lock);
    list_add_tail(&note->link, &notes);
    mutex_unlock(&notes_lock);
    return 0;
}

int notes_drop(void)
{
    struct note *note, *next;
    int count = 0;
    mutex_lock(&notes_lock);
    list_for_each_entry_safe (note, next, &notes, link) {
        list_del(&note->link);
        kfree(note->text);
        kfree(note);
        count++;
    }
    mutex_unlock(&notes_lock);
    return count;
}
