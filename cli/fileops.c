/* SPDX-License-Identifier: MIT */
/* What the host asks of the mounted directory, turned into calls of the driver.
 *
 * A device is shown as a regular file opened with direct I/O: each read() and write() of a client is one
 * call of the driver's, with the client's size and position, and its short counts and errors are the
 * client's. Attributes are never cached by the host: a device's size is what its llseek says, so that
 * SEEK_END, which the host answers itself, is right. Truncation is accepted and means nothing, as for a
 * device; O_TRUNC reaches the driver's open() in f_flags.
 *
 * ioctl: the host copies the argument by the size that the command encodes; those bytes are user memory
 * at the client's own address while the driver runs, every other user address is read and written in
 * the client's process. A signal to the client interrupts the driver's sleep; -ERESTARTSYS becomes
 * EINTR.
 *
 * Locks: `request_lock` guards the list of requests in progress. */
#define FUSE_USE_VERSION 314
#include "client_abi.h"
#include "handle.h"
#include "mount.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hosted.h"

/* ---- requests in progress ---------------------------------------------------------------------- */

/* One call into a driver, in a client's name. Lives on the serving thread's stack. */
struct request {
    struct request *next, *prev;
    fuse_req_t req;
    struct handle *handle; /* held */
    struct qlx_client client;
    char comm[32];
    struct qlx_task *task;
};

static pthread_mutex_t request_lock = PTHREAD_MUTEX_INITIALIZER;
static struct request *request_first;
static bool cut_off;

static void request_interrupted(fuse_req_t req, void *data)
{
    struct request *request = data;

    qlx_interrupt(request->task, client_signal(request->client.pid));
}

/* @known says who the client is where the host does not; it is held for the request unless this is its
 * close. False: clients are cut off, the request was answered. */
static bool request_begin_known(struct request *request, fuse_req_t req, struct handle *known,
                                struct handle *handle)
{
    const struct fuse_ctx *context = fuse_req_ctx(req);

    memset(request, 0, sizeof(*request));
    request->req = req;
    client_fill(&request->client, request->comm, context->pid, context->uid, context->gid, known);
    pthread_mutex_lock(&request_lock);
    if (cut_off) {
        pthread_mutex_unlock(&request_lock);
        fuse_reply_err(req, EIO);
        return false;
    }
    if (handle)
        handle_hold(handle);
    request->handle = handle;
    request->task = qlx_client_enter(&request->client);
    request->next = request_first;
    if (request_first)
        request_first->prev = request;
    request_first = request;
    pthread_mutex_unlock(&request_lock);
    fuse_req_interrupt_func(req, request_interrupted, request);
    return true;
}

static bool request_begin(struct request *request, fuse_req_t req, struct handle *handle)
{
    return request_begin_known(request, req, handle, handle);
}

/* Before the answer: an answered request is gone. */
static void request_end(struct request *request)
{
    fuse_req_interrupt_func(request->req, NULL, NULL);
    pthread_mutex_lock(&request_lock);
    if (request->prev)
        request->prev->next = request->next;
    else
        request_first = request->next;
    if (request->next)
        request->next->prev = request->prev;
    pthread_mutex_unlock(&request_lock);
    qlx_client_leave();
    if (request->handle)
        handle_drop(request->handle);
}

size_t mount_interrupt_all(void)
{
    size_t nr = 0;

    pthread_mutex_lock(&request_lock);
    for (struct request *request = request_first; request; request = request->next) {
        qlx_interrupt(request->task, 9);
        nr++;
    }
    pthread_mutex_unlock(&request_lock);
    return nr;
}

void mount_cut_off(void)
{
    pthread_mutex_lock(&request_lock);
    cut_off = true;
    pthread_mutex_unlock(&request_lock);
}

/* What a driver returned → what the host accepts. Beyond 511 are the kernel's private errors: */
static int request_error(long result)
{
    long error = -result;

    if (error < 512)
        return (int)error;
    if (error <= 514 ||
        error == 516) /* ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, …RESTARTBLOCK */
        return EINTR;
    if (error == 515) /* ENOIOCTLCMD */
        return ENOTTY;
    return error == 524 ? EOPNOTSUPP : EIO; /* ENOTSUPP */
}

static struct handle *ops_handle(const struct fuse_file_info *file)
{
    return file ? (struct handle *)(uintptr_t)file->fh : NULL;
}

/* ---- names and attributes ---------------------------------------------------------------------- */

static void ops_fill(struct stat *status, uint64_t number, const struct node_info *info)
{
    static time_t started; /* as the machine: files have no other times */

    if (!started)
        started = time(NULL);
    memset(status, 0, sizeof(*status));
    status->st_ino = number;
    status->st_mode = info->mode;
    status->st_uid = info->uid;
    status->st_gid = info->gid;
    status->st_nlink = S_ISDIR(info->mode) ? 2 : 1;
    status->st_blksize = 4096;
    status->st_size = info->size;
    status->st_mtime = status->st_ctime = status->st_atime = started;
    if (S_ISLNK(info->mode))
        status->st_size = (off_t)strlen(info->target);
}

/* A device's size needs its driver, so it is asked in the client's name. */
static bool ops_fill_size(fuse_req_t req, struct stat *status, uint64_t number,
                          const struct node_info *info, struct handle *handle)
{
    struct request request;

    if (info->kind != NODE_DEVICE)
        return true;
    if (!request_begin(&request, req, handle))
        return false;
    status->st_size = handle_device_size(number, handle);
    status->st_blocks = (status->st_size + 511) / 512;
    request_end(&request);
    return true;
}

static void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param entry = {0};
    const char *folder = tree_path(parent);
    struct node_info info;
    char *path;

    path = folder ? cli_format("%s%s%s", folder, *folder ? "/" : "", name) : NULL;
    if (!path || !tree_find(path, &info)) {
        fuse_reply_err(req, ENOENT);
    } else {
        entry.ino = tree_number(path);
        entry.attr_timeout = 0;
        entry.entry_timeout = 0;
        ops_fill(&entry.attr, entry.ino, &info);
        if (ops_fill_size(req, &entry.attr, entry.ino, &info, NULL))
            fuse_reply_entry(req, &entry);
    }
    free(path);
}

static bool ops_find(fuse_req_t req, fuse_ino_t number, struct node_info *info)
{
    const char *path = tree_path(number);

    if (path && tree_find(path, info))
        return true;
    fuse_reply_err(req, ENOENT);
    return false;
}

static void ops_getattr(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file)
{
    struct node_info info;
    struct stat status;

    if (!ops_find(req, number, &info))
        return;
    ops_fill(&status, number, &info);
    if (ops_fill_size(req, &status, number, &info, ops_handle(file)))
        fuse_reply_attr(req, &status, 0);
}

/* Truncation, times, mode and owner: accepted, without meaning. */
static void ops_setattr(fuse_req_t req, fuse_ino_t number, struct stat *wanted, int which,
                        struct fuse_file_info *file)
{
    ops_getattr(req, number, file);
}

static void ops_readlink(fuse_req_t req, fuse_ino_t number)
{
    struct node_info info;

    if (!ops_find(req, number, &info))
        return;
    if (info.kind == NODE_LINK)
        fuse_reply_readlink(req, info.target);
    else
        fuse_reply_err(req, EINVAL);
}

/* A listing is made when the folder is opened and read from there. */
static void ops_opendir(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file)
{
    const char *path = tree_path(number);
    struct strings *names = cli_alloc(sizeof(*names));

    if (path)
        tree_list(path, names);
    file->fh = (uintptr_t)names;
    file->cache_readdir = 0;
    fuse_reply_open(req, file);
}

static void ops_readdir(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset,
                        struct fuse_file_info *file)
{
    const struct strings *names = (struct strings *)(uintptr_t)file->fh;
    const char *folder = tree_path(number);
    char *buffer = cli_alloc(size);
    size_t used = 0;

    for (size_t i = (size_t)offset; i < names->nr + 2; i++) {
        const char *name = i == 0 ? "." : i == 1 ? ".." : names->item[i - 2];
        struct stat status = {.st_mode = S_IFDIR, .st_ino = number};
        size_t need;
        if (i >= 2) {
            char *path = cli_format("%s%s%s", folder, *folder ? "/" : "", name);
            struct node_info info;
            status.st_ino = tree_number(path);
            status.st_mode = tree_find(path, &info) ? info.mode : S_IFREG;
            free(path);
        }
        need = fuse_add_direntry(req, buffer + used, size - used, name, &status, (off_t)i + 1);
        if (need > size - used)
            break;
        used += need;
    }
    fuse_reply_buf(req, buffer, used);
    free(buffer);
}

static void ops_releasedir(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file)
{
    struct strings *names = (struct strings *)(uintptr_t)file->fh;

    tree_free(names);
    free(names);
    fuse_reply_err(req, 0);
}

/* ---- open and close ---------------------------------------------------------------------------- */

/* The answer to an open, written by hand: this libfuse has no name for the last flag, which lets
 * several clients write to one device at a time, as they can in the kernel. */
static void ops_reply_open(fuse_req_t req, struct handle *handle)
{
    struct fuse_open_out out = {.fh = (uintptr_t)handle, .open_flags = FOPEN_DIRECT_IO};

    if (handle->kind == NODE_DEVICE) {
        out.open_flags |= FOPEN_PARALLEL_DIRECT_WRITES;
        if (!qlx_can_seek(handle->file))
            out.open_flags |= FOPEN_NONSEEKABLE;
    }
    fuse_reply_buf(req, (const char *)&out, sizeof(out));
}

static void ops_open(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file)
{
    struct handle *handle;
    struct node_info info;
    struct request request;
    int error;

    if (!ops_find(req, number, &info))
        return;
    mount_wait_closes();
    if (!request_begin(&request, req, NULL))
        return;
    error = handle_open(number, &info, file->flags, &request.client, &handle);
    request_end(&request);
    if (error)
        fuse_reply_err(req, request_error(error));
    else
        ops_reply_open(req, handle);
}

/* Once per close() of a descriptor. */
static void ops_flush(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file)
{
    struct handle *handle = ops_handle(file);
    struct request request;
    int error = 0;

    if (handle->file) {
        if (!request_begin(&request, req, handle))
            return;
        error = qlx_flush(handle->file);
        request_end(&request);
    }
    fuse_reply_err(req, error < 0 ? request_error(error) : 0);
}

static void ops_release(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file)
{
    struct handle *handle = ops_handle(file);
    struct request request;

    if (!request_begin_known(&request, req, handle, NULL))
        return; /* mount_stop() closes it */
    handle_close(handle);
    request_end(&request);
    fuse_reply_err(req, 0);
}

/* ---- data -------------------------------------------------------------------------------------- */

/* A buffer of this thread, kept: fresh megabytes would be faulted in anew for each request. */
static char *ops_buffer(size_t size)
{
    static __thread char *buffer;
    static __thread size_t room;

    buffer = cli_grow(buffer, &room, size + 1, 1);
    return buffer;
}

static void ops_reply_text(fuse_req_t req, const struct handle *handle, size_t size, off_t offset)
{
    size_t start = (size_t)offset < handle->length ? (size_t)offset : handle->length;

    if (size > handle->length - start)
        size = handle->length - start;
    fuse_reply_buf(req, handle->text + start, size);
}

static void ops_read(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset,
                     struct fuse_file_info *file)
{
    struct handle *handle = ops_handle(file);
    struct request request;
    long long position = offset;
    char *buffer;
    ssize_t got;

    if (!handle->file) {
        ops_reply_text(req, handle, size, offset);
        return;
    }
    buffer = ops_buffer(size);
    if (!request_begin(&request, req, handle))
        return;
    qlx_set_flags(handle->file, file->flags);
    got = qlx_read(handle->file, buffer, size, &position);
    request_end(&request);
    if (got < 0)
        fuse_reply_err(req, request_error(got));
    else
        fuse_reply_buf(req, buffer, (size_t)got);
}

static void ops_write(fuse_req_t req, fuse_ino_t number, const char *data, size_t size,
                      off_t offset, struct fuse_file_info *file)
{
    struct handle *handle = ops_handle(file);
    struct request request;
    long long position = offset;
    ssize_t put;

    if (!handle->file) {
        put = handle_take_words(handle, data, size);
        if (put < 0)
            fuse_reply_err(req, (int)-put);
        else
            fuse_reply_write(req, size);
        return;
    }
    if (!request_begin(&request, req, handle))
        return;
    qlx_set_flags(handle->file, file->flags);
    put = qlx_write(handle->file, data, size, &position);
    request_end(&request);
    if (put < 0)
        fuse_reply_err(req, request_error(put));
    else
        fuse_reply_write(req, (size_t)put);
}

static void ops_fsync(fuse_req_t req, fuse_ino_t number, int data_only, struct fuse_file_info *file)
{
    struct handle *handle = ops_handle(file);
    struct request request;
    int error = 0;

    if (handle->file) {
        if (!request_begin(&request, req, handle))
            return;
        error = qlx_fsync(handle->file, data_only);
        request_end(&request);
    }
    fuse_reply_err(req, error < 0 ? request_error(error) : 0);
}

/* ---- poll -------------------------------------------------------------------------------------- */

static void ops_poll_ready(struct file *file, void *data)
{
    struct handle *handle = data;
    struct fuse_pollhandle *poll;

    pthread_mutex_lock(&handle->lock);
    poll = handle->poll;
    handle->poll = NULL;
    pthread_mutex_unlock(&handle->lock);
    if (poll) {
        fuse_lowlevel_notify_poll(poll);
        fuse_pollhandle_destroy(poll);
    }
}

static void ops_poll(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file,
                     struct fuse_pollhandle *poll)
{
    struct handle *handle = ops_handle(file);
    struct fuse_pollhandle *old;
    struct request request;
    unsigned int events = 0x145; /* a text: POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM */

    if (handle->file) {
        if (poll) {
            pthread_mutex_lock(&handle->lock);
            old = handle->poll;
            handle->poll = poll;
            pthread_mutex_unlock(&handle->lock);
            if (old)
                fuse_pollhandle_destroy(old);
        }
        if (!request_begin(&request, req, handle))
            return;
        events = qlx_poll(handle->file, file->poll_events, poll ? ops_poll_ready : NULL, handle);
        request_end(&request);
    } else if (poll) {
        fuse_pollhandle_destroy(poll);
    }
    fuse_reply_poll(req, events);
}

/* ---- mmap in the client's name ----------------------------------------------------------------- */

static struct handle_mapping *mapping_find(struct handle *handle, uint64_t id)
{
    struct handle_mapping *entry = handle->mappings;

    while (entry && entry->id != id)
        entry = entry->next;
    return entry;
}

static int mapping_make(struct handle *handle, struct client_map *map)
{
    static uint64_t last_id;
    struct handle_mapping *entry;
    struct qlx_mapping *mapping;
    const struct hosted_ram *ram = hosted_default_ram();
    int error;

    if (!ram)
        return -ENODEV;
    error = qlx_mmap(handle->file, map->start, map->size, map->prot,
                     map->shared ? QLX_MAP_SHARED : 0, (long long)map->offset, &mapping);
    if (error)
        return error;
    entry = cli_alloc(sizeof(*entry));
    entry->mapping = mapping;
    entry->users = 1;
    entry->id = map->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    map->pid = getpid();
    map->fd = ram->fd;
    map->file_size = ram->file_size;
    pthread_mutex_lock(&handle->lock);
    entry->next = handle->mappings;
    handle->mappings = entry;
    pthread_mutex_unlock(&handle->lock);
    return 0;
}

static int mapping_frames(struct handle *handle, struct client_frames *frames)
{
    struct handle_mapping *entry;
    struct qlx_mapping *mapping;

    pthread_mutex_lock(&handle->lock);
    entry = mapping_find(handle, frames->id);
    mapping = entry ? entry->mapping : NULL; /* stays: only its own client ends it */
    pthread_mutex_unlock(&handle->lock);
    if (!mapping || frames->nr > CLIENT_FRAMES || frames->first > qlx_mapping_pages(mapping) ||
        frames->nr > qlx_mapping_pages(mapping) - frames->first)
        return -EINVAL;
    for (uint64_t i = 0; i < frames->nr; i++) {
        uint64_t frame;
        int error = qlx_mapping_frame(mapping, frames->first + i, true, &frame);
        if (error == -ENOMEM)
            return error;
        frames->frame[i] = error ? CLIENT_NO_FRAME : frame;
    }
    return 0;
}

/* One user less (or, @copy, one more); the last one ends it. */
static int mapping_user(struct handle *handle, uint64_t id, bool copy)
{
    struct handle_mapping **link = &handle->mappings, *entry;
    bool last = false;

    pthread_mutex_lock(&handle->lock);
    while (*link && (*link)->id != id)
        link = &(*link)->next;
    entry = *link;
    if (entry && copy) {
        entry->users++;
    } else if (entry && --entry->users == 0) {
        *link = entry->next;
        last = true;
    }
    pthread_mutex_unlock(&handle->lock);
    if (!entry)
        return -EINVAL;
    if (copy)
        qlx_mapping_copied(entry->mapping);
    else
        qlx_munmap(entry->mapping);
    if (last)
        free(entry);
    return 0;
}

/* The preloaded library's calls; false: an ordinary ioctl, for the driver. */
static bool ops_client_ioctl(struct handle *handle, unsigned int command, void *data, long *result)
{
    if (handle->kind != NODE_DEVICE && handle->kind != NODE_PROC && handle->kind != NODE_SYS)
        return false;
    switch (command) {
    case CLIENT_IOC_MAP:
        *result = mapping_make(handle, data);
        return true;
    case CLIENT_IOC_FRAMES:
        *result = mapping_frames(handle, data);
        return true;
    case CLIENT_IOC_UNMAP:
    case CLIENT_IOC_COPY:
        *result = mapping_user(handle, *(uint64_t *)data, command == CLIENT_IOC_COPY);
        return true;
    default:
        return false;
    }
}

/* ---- ioctl ------------------------------------------------------------------------------------- */

/* What the driver does not write must come back unchanged: begin with the client's own bytes. */
static void ioctl_prefill(pid_t pid, void *local, uint64_t user, size_t size)
{
    struct iovec here = {local, size}, there = {(void *)(uintptr_t)user, size};
    ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);

    (void)got; /* unreadable memory: the host will refuse the copy back by itself */
}

static void ops_ioctl(fuse_req_t req, fuse_ino_t number, unsigned int command, void *argument,
                      struct fuse_file_info *file, unsigned int flags, const void *in,
                      size_t in_size, size_t out_size)
{
    struct handle *handle = ops_handle(file);
    size_t size = in_size > out_size ? in_size : out_size;
    struct request request;
    char *data;
    long result;

    if (flags & FUSE_IOCTL_DIR || !handle->file) {
        fuse_reply_err(req, ENOTTY);
        return;
    }
    if (!request_begin(&request, req, handle))
        return;
    data = cli_alloc(size);
    if (in_size)
        memcpy(data, in, in_size);
    else if (out_size)
        ioctl_prefill(request.client.pid, data, (uint64_t)(uintptr_t)argument, out_size);
    if (!ops_client_ioctl(handle, command, data, &result)) {
        if (size)
            qlx_user_range((uint64_t)(uintptr_t)argument, size, data, out_size > 0);
        result = qlx_ioctl(handle->file, command, (unsigned long)(uintptr_t)argument);
        qlx_user_ranges_clear();
    }
    request_end(&request);
    if (result < 0)
        fuse_reply_err(req, request_error(result));
    else
        fuse_reply_ioctl(req, (int)result, data, out_size);
    free(data);
}

/* ---- what is not there ------------------------------------------------------------------------- */

static void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t dev)
{
    fuse_reply_err(req, EPERM); /* only modules make files here */
}

static void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    fuse_reply_err(req, EPERM);
}

static void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    fuse_reply_err(req, EPERM);
}

static void ops_init(void *data, struct fuse_conn_info *connection)
{
    connection->want &= ~(unsigned)(FUSE_CAP_ASYNC_DIO | FUSE_CAP_SPLICE_READ |
                                    FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
    connection->want |= connection->capable & FUSE_CAP_ATOMIC_O_TRUNC;
}

const struct fuse_lowlevel_ops mount_ops = {
    .init = ops_init,
    .lookup = ops_lookup,
    .getattr = ops_getattr,
    .setattr = ops_setattr,
    .readlink = ops_readlink,
    .opendir = ops_opendir,
    .readdir = ops_readdir,
    .releasedir = ops_releasedir,
    .open = ops_open,
    .flush = ops_flush,
    .release = ops_release,
    .read = ops_read,
    .write = ops_write,
    .fsync = ops_fsync,
    .poll = ops_poll,
    .ioctl = ops_ioctl,
    .mknod = ops_mknod,
    .mkdir = ops_mkdir,
    .unlink = ops_unlink,
    .rmdir = ops_unlink,
};
