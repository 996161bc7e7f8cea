/* SPDX-License-Identifier: MIT */
/* Open files of the mounted directory.
 *
 * A driver's release() must run after everything else on that file and exactly once, while the host may
 * send it while a poll or a size query of another thread is still inside the driver. So each open file
 * is counted, and closing waits until the count has come down to the closer.
 *
 * Locks: `handle_lock` guards the list and the counts; a handle's own lock its poll handle and mappings.
 * No driver code runs with either held. */
#include "handle.h"
#include "whatis.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fuse3/fuse_lowlevel.h>
#include <quarry/leak.h>

static pthread_mutex_t handle_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t handle_dropped = PTHREAD_COND_INITIALIZER;
static struct handle handle_list = {.next = &handle_list, .prev = &handle_list};
static size_t handle_nr;

/* Sizes of devices that nobody has open, by number of the name. */
static long long *known_size;
static size_t known_room;

/* ---- texts ------------------------------------------------------------------------------------- */

static void handle_take_text(struct handle *handle, enum quarry_text which)
{
    size_t room = 64 << 10;

    for (;;) {
        handle->text = cli_alloc(room);
        handle->length = quarry_text(which, handle->text, room);
        if (handle->length < room)
            return;
        room = handle->length + (16 << 10); /* it may have grown meanwhile */
        free(handle->text);
    }
}

static void handle_take_kmsg(struct handle *handle)
{
    uint64_t sequence = 0;
    size_t room = 0, got;

    do {
        handle->text = cli_grow(handle->text, &room, handle->length + (64 << 10), 1);
        got = qlx_kmsg_read(&sequence, handle->text + handle->length, 64 << 10);
        handle->length += got;
    } while (got);
}

static void handle_take_whatis(struct handle *handle, const void *address)
{
    handle->text = whatis_text(address);
    handle->length = strlen(handle->text);
}

ssize_t handle_take_words(const struct handle *handle, const char *data, size_t size)
{
    while (size && (data[size - 1] == '\n' || data[size - 1] == ' '))
        size--;
    if (!handle->takes_words)
        return -EBADF;
    if (size != 4 || strncmp(data, "scan", 4) != 0)
        return -EINVAL;
    return quarry_leak_scan(NULL, NULL) < 0 ? -ENOSYS : 0;
}

/* ---- open and close ---------------------------------------------------------------------------- */

static int handle_open_file(struct handle *handle, const struct node_info *info, int flags)
{
    const char *path = tree_path(handle->number);

    switch (info->kind) {
    case NODE_DEVICE:
        return qlx_open(info->dev, flags, &handle->file);
    case NODE_PROC:
        return qlx_proc_open(path + strlen("proc/"), flags, &handle->file);
    case NODE_SYS:
        return qlx_entry_open(path + strlen("sys/"), flags, &handle->file);
    case NODE_TEXT:
    case NODE_KMSG:
    case NODE_WHATIS:
        handle->takes_words = info->kind == NODE_TEXT && info->text == QUARRY_KMEMLEAK;
        if ((flags & O_ACCMODE) != O_RDONLY && !handle->takes_words)
            return -EACCES;
        if (info->kind == NODE_TEXT)
            handle_take_text(handle, info->text);
        else if (info->kind == NODE_KMSG)
            handle_take_kmsg(handle);
        else
            handle_take_whatis(handle, info->address);
        return 0;
    case NODE_FOLDER:
    case NODE_LINK:
        break;
    }
    return -EISDIR;
}

int handle_open(uint64_t number, const struct node_info *info, int flags,
                const struct qlx_client *client, struct handle **made)
{
    struct handle *handle = cli_alloc(sizeof(*handle));
    int error;

    handle->number = number;
    handle->kind = info->kind;
    handle->holders = 1;
    handle->client = *client;
    snprintf(handle->comm, sizeof(handle->comm), "%s", client->comm ? client->comm : "");
    handle->client.comm = handle->comm;
    pthread_mutex_init(&handle->lock, NULL);
    error = handle_open_file(handle, info, flags);
    if (error) {
        free(handle);
        return error;
    }
    pthread_mutex_lock(&handle_lock);
    handle->next = handle_list.next;
    handle->prev = &handle_list;
    handle->next->prev = handle;
    handle_list.next = handle;
    handle_nr++;
    pthread_mutex_unlock(&handle_lock);
    *made = handle;
    return 0;
}

static void handle_unlink(struct handle *handle)
{
    handle->prev->next = handle->next;
    handle->next->prev = handle->prev;
}

static void handle_remember_size(struct handle *handle)
{
    long long size = handle_device_size(handle->number, handle);
    size_t need = handle->number + 1, old = known_room;

    pthread_mutex_lock(&handle_lock);
    known_size = cli_grow(known_size, &known_room, need, sizeof(*known_size));
    if (known_room > old)
        memset(known_size + old, 0, (known_room - old) * sizeof(*known_size));
    known_size[handle->number] = size;
    pthread_mutex_unlock(&handle_lock);
}

static void handle_end(struct handle *handle)
{
    struct handle_mapping *entry;

    while ((entry = handle->mappings) != NULL) {
        handle->mappings = entry->next;
        while (entry->users-- > 0)
            qlx_munmap(entry->mapping);
        free(entry);
    }
    if (handle->file) {
        qlx_poll_cancel(handle->file);
        qlx_release(handle->file);
    }
    if (handle->poll)
        fuse_pollhandle_destroy(handle->poll);
    pthread_mutex_destroy(&handle->lock);
    free(handle->text);
    free(handle);
}

void handle_close(struct handle *handle)
{
    if (handle->kind == NODE_DEVICE)
        handle_remember_size(handle);
    pthread_mutex_lock(&handle_lock);
    handle_unlink(handle); /* nobody finds it by name any more */
    while (handle->holders > 1)
        pthread_cond_wait(&handle_dropped, &handle_lock);
    pthread_mutex_unlock(&handle_lock);
    handle_end(handle);
    pthread_mutex_lock(&handle_lock);
    handle_nr--;
    pthread_cond_broadcast(&handle_dropped);
    pthread_mutex_unlock(&handle_lock);
}

struct handle *handle_hold_name(uint64_t number)
{
    struct handle *handle, *found = NULL;

    pthread_mutex_lock(&handle_lock);
    for (handle = handle_list.next; handle != &handle_list && !found; handle = handle->next) {
        if (handle->number == number)
            found = handle;
    }
    if (found)
        found->holders++;
    pthread_mutex_unlock(&handle_lock);
    return found;
}

void handle_hold(struct handle *handle)
{
    pthread_mutex_lock(&handle_lock);
    handle->holders++;
    pthread_mutex_unlock(&handle_lock);
}

void handle_drop(struct handle *handle)
{
    pthread_mutex_lock(&handle_lock);
    handle->holders--;
    pthread_cond_broadcast(&handle_dropped);
    pthread_mutex_unlock(&handle_lock);
}

size_t handle_count(void)
{
    size_t nr;

    pthread_mutex_lock(&handle_lock);
    nr = handle_nr;
    pthread_mutex_unlock(&handle_lock);
    return nr;
}

size_t handle_close_all(void)
{
    struct handle **all = NULL, *handle;
    size_t nr = 0, room = 0;

    pthread_mutex_lock(&handle_lock);
    for (handle = handle_list.next; handle != &handle_list; handle = handle->next) {
        all = cli_grow(all, &room, nr + 1, sizeof(void *));
        all[nr++] = handle;
    }
    pthread_mutex_unlock(&handle_lock);
    for (size_t i = 0; i < nr; i++)
        handle_close(all[i]);
    free(all);
    return nr;
}

/* ---- sizes ------------------------------------------------------------------------------------- */

long long handle_device_size(uint64_t number, struct handle *preferred)
{
    struct handle *held = preferred ? NULL : handle_hold_name(number);
    struct handle *handle = preferred ? preferred : held;
    long long size = 0, position;

    if (!handle) {
        pthread_mutex_lock(&handle_lock);
        size = number < known_room ? known_size[number] : 0;
        pthread_mutex_unlock(&handle_lock);
        return size;
    }
    /* After an oops the driver may hold its locks for ever: do not ask. */
    if (handle->file && qlx_can_seek(handle->file) && qlx_oopses() == 0) {
        /* Reads and writes bring their own position, so moving the file's for a moment harms
         * nobody. */
        position = qlx_position(handle->file);
        size = qlx_llseek(handle->file, 0, SEEK_END);
        qlx_llseek(handle->file, position, SEEK_SET);
    }
    if (held)
        handle_drop(held);
    return size > 0 ? size : 0;
}

/* ---- clients ----------------------------------------------------------------------------------- */

/* The number behind "Name:" in /proc/<tid>/status; base 10 or 16. */
static unsigned long long client_status(const char *text, const char *name, int base)
{
    const char *at = text ? strstr(text, name) : NULL;

    return at ? strtoull(at + strlen(name), NULL, base) : 0;
}

static char *client_status_text(int tid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/status", tid);
    return cli_read_file(path, NULL);
}

void client_fill(struct qlx_client *client, char comm[32], int tid, unsigned int uid,
                 unsigned int gid, const struct handle *handle)
{
    char *text;

    memset(client, 0, sizeof(*client));
    client->uid = uid;
    client->gid = gid;
    client->comm = comm;
    if (handle && (handle->client.pid == tid || tid == 0)) {
        client->pid = handle->client.pid;
        client->tgid = handle->client.tgid;
        snprintf(comm, 32, "%s", handle->comm);
        return;
    }
    client->pid = tid;
    text = client_status_text(tid);
    client->tgid = (int)client_status(text, "\nTgid:", 10);
    if (!client->tgid)
        client->tgid = tid;
    if (!text || sscanf(text, "Name: %31[^\n]", comm) != 1)
        snprintf(comm, 32, "?");
    free(text);
}

int client_signal(int tid)
{
    char *text = client_status_text(tid);
    unsigned long long pending =
        client_status(text, "\nSigPnd:", 16) | client_status(text, "\nShdPnd:", 16);

    free(text);
    return pending & (1ull << (9 - 1)) ? 9 : 2;
}
