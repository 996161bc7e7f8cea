/* SPDX-License-Identifier: MIT */
/* Mounting, serving requests with many threads, unmounting.
 *
 * Problem. Clients block in drivers for as long as they like, so each blocked request needs a thread;
 * yet a close must be seen by the driver before the open that the same program does next, which threads
 * that take requests in any order would break: the host sends the last close of a file without waiting
 * for the answer.
 *
 * Idea. Threads take turns at reading requests: one reads, hands the turn on, then serves. When none
 * is left waiting for its turn, the reader starts another before it serves. A close counts itself
 * while its thread still has the turn; an open waits until the closes read before it are done (a fifth
 * of a second at most: a driver whose release() blocks must not stop the world).
 *
 *     turn:   read A ─► read B ─► read C (close) ─► read D (open) …
 *     serve:    A ───────────────►   C ──►            wait for C, then D
 *
 * Unmounting. When COMMAND is through, the last closes may still be on their way: wait for them. Then
 * whoever still has a file open is named and cut off.
 *
 * Locks: `turn_lock` guards the turn and the counts. Requests are served with no lock held. */
#include "mount.h"
#include "build.h"
#include "handle.h"

#define FUSE_USE_VERSION 314
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#define MOUNT_THREADS 900 /* below the machine's default of 1024 CPUs */

static struct fuse_session *session;
static char *mount_path;
static pthread_mutex_t turn_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_free = PTHREAD_COND_INITIALIZER;
static pthread_cond_t closes_done = PTHREAD_COND_INITIALIZER;
static bool turn_taken;
static unsigned int nr_threads, nr_waiting; /* all; those waiting for the turn */
static unsigned int closes;                 /* being served */
static bool mount_ended;

static void *mount_worker(void *unused);

static void mount_new_worker(void)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, mount_worker, NULL) == 0)
        nr_threads++;
    pthread_attr_destroy(&attributes);
}

static bool request_is_close(const struct fuse_buf *buffer)
{
    const struct fuse_in_header *header = buffer->mem;

    return buffer->size >= sizeof(*header) && header->opcode == FUSE_RELEASE;
}

/* Read one request while having the turn; false: the session is over. */
static bool mount_read(struct fuse_buf *buffer, bool *is_close)
{
    int got;

    pthread_mutex_lock(&turn_lock);
    nr_waiting++;
    while (turn_taken)
        pthread_cond_wait(&turn_free, &turn_lock);
    turn_taken = true;
    nr_waiting--;
    pthread_mutex_unlock(&turn_lock);

    do {
        got = mount_ended ? 0 : fuse_session_receive_buf(session, buffer);
    } while (got == -EINTR && !fuse_session_exited(session));

    pthread_mutex_lock(&turn_lock);
    *is_close = got > 0 && request_is_close(buffer);
    closes += *is_close;
    if (got <= 0)
        mount_ended = true;
    else if (nr_waiting == 0 && nr_threads < MOUNT_THREADS)
        mount_new_worker();
    turn_taken = false;
    pthread_cond_signal(&turn_free);
    pthread_mutex_unlock(&turn_lock);
    return got > 0;
}

static void *mount_worker(void *unused)
{
    struct fuse_buf buffer = {0};
    bool is_close;

    while (mount_read(&buffer, &is_close)) {
        fuse_session_process_buf(session, &buffer);
        if (is_close) {
            pthread_mutex_lock(&turn_lock);
            closes--;
            pthread_cond_broadcast(&closes_done);
            pthread_mutex_unlock(&turn_lock);
        }
    }
    free(buffer.mem);
    pthread_mutex_lock(&turn_lock);
    nr_threads--;
    pthread_cond_broadcast(&closes_done);
    pthread_mutex_unlock(&turn_lock);
    return NULL;
}

static struct timespec mount_deadline(long milliseconds)
{
    struct timespec deadline;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_nsec += milliseconds % 1000 * 1000000;
    deadline.tv_sec += milliseconds / 1000 + deadline.tv_nsec / 1000000000;
    deadline.tv_nsec %= 1000000000;
    return deadline;
}

void mount_wait_closes(void)
{
    struct timespec deadline = mount_deadline(200);

    pthread_mutex_lock(&turn_lock);
    while (closes > 0) {
        if (pthread_cond_timedwait(&closes_done, &turn_lock, &deadline) == ETIMEDOUT)
            break;
    }
    pthread_mutex_unlock(&turn_lock);
}

/* ---- start ------------------------------------------------------------------------------------- */

bool mount_possible(void)
{
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    if (fd >= 0) {
        close(fd);
        return true;
    }
    if (errno == ENOENT)
        cli_say("there is no /dev/fuse, which mounting the devices needs: load the host's module\n"
                "(modprobe fuse); in a container start it with --device /dev/fuse --cap-add "
                "SYS_ADMIN.\n"
                "With --no-mount the module is still loaded, run and checked, without clients.");
    else
        cli_say("cannot open /dev/fuse: %s. Ask for access to it (chmod 666 /dev/fuse, the usual "
                "mode),\n"
                "in a container start it with --device /dev/fuse --cap-add SYS_ADMIN.\n"
                "With --no-mount the module is still loaded, run and checked, without clients.",
                strerror(errno));
    return false;
}

bool mount_start(const char *path)
{
    char *argv[] = {"quarry", "-o", "fsname=quarry,subtype=quarry", NULL};
    struct fuse_args arguments = FUSE_ARGS_INIT(3, argv);

    if (!mount_possible())
        return false;
    session = fuse_session_new(&arguments, &mount_ops, sizeof(mount_ops), NULL);
    fuse_opt_free_args(&arguments);
    if (!session || fuse_session_mount(session, path) != 0) {
        cli_say(
            "cannot mount %s: %s (as another user than root this needs the program fusermount3: "
            "apt install fuse3; --no-mount runs the module without clients)",
            path, strerror(errno));
        return false;
    }
    mount_path = cli_copy(path);
    pthread_mutex_lock(&turn_lock);
    mount_new_worker();
    mount_new_worker();
    pthread_mutex_unlock(&turn_lock);
    return true;
}

/* ---- stop -------------------------------------------------------------------------------------- */

/* Name the processes that have files of the mount open. */
static void mount_name_holders(void)
{
    DIR *all = opendir("/proc");
    struct dirent *entry;
    size_t length = strlen(mount_path);

    while (all && (entry = readdir(all)) != NULL) {
        char path[300], target[512], *comm;
        DIR *files;
        struct dirent *file;
        ssize_t got;
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || atoi(entry->d_name) == getpid())
            continue;
        snprintf(path, sizeof(path), "/proc/%s/fd", entry->d_name);
        files = opendir(path);
        while (files && (file = readdir(files)) != NULL) {
            got = readlinkat(dirfd(files), file->d_name, target, sizeof(target) - 1);
            if (got <= (ssize_t)length || strncmp(target, mount_path, length) != 0)
                continue;
            target[got] = '\0';
            snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
            comm = cli_read_file(path, NULL);
            if (comm)
                comm[strcspn(comm, "\n")] = '\0';
            cli_say("process %s (%s) still has %s open; it is closed now", entry->d_name,
                    comm ? comm : "?", target + length + 1);
            free(comm);
        }
        if (files)
            closedir(files);
    }
    if (all)
        closedir(all);
}

static bool mount_wait(bool (*done)(void), long milliseconds)
{
    for (long waited = 0; !done(); waited += 2) {
        if (waited >= milliseconds)
            return false;
        usleep(2000);
    }
    return true;
}

static bool mount_all_closed(void)
{
    return handle_count() == 0;
}

static bool mount_all_served(void)
{
    return mount_interrupt_all() == 0;
}

void mount_drop(const char *path)
{
    char *argv[] = {"fusermount3", "-u", "-z", "-q", (char *)path, NULL};

    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno == EPERM)
        process_run(argv, "/dev/null", NULL);
}

static void mount_take_away(void)
{
    char *argv[] = {"fusermount3", "-u", "-q", mount_path, NULL};
    bool busy = true;

    for (int tries = 0; busy && tries < 50; tries++) {
        if (umount2(mount_path, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL)
            busy = false;
        else if (errno == EPERM)
            busy = process_run(argv, "/dev/null", NULL) != 0;
        if (busy)
            usleep(10000);
    }
    if (busy)
        mount_drop(mount_path);
}

bool mount_stop(void)
{
    bool good = true;

    if (!mount_path)
        return true;
    if (!mount_wait(mount_all_closed, 1000))
        mount_name_holders();
    mount_cut_off();
    if (!mount_wait(mount_all_served, 3000)) {
        cli_say("a client hangs in the driver and cannot be interrupted: the module stays loaded");
        good = false;
    }
    if (good)
        handle_close_all();
    mount_take_away();
    mount_path = NULL;
    return good;
}
