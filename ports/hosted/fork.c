/* SPDX-License-Identifier: MIT */
/* ports/hosted/fork: parent and child each go on with a machine of their own.
 *
 * Problem. The memory file is shared by nature: after a plain fork two processes would work on one
 * heap. And fork takes only the calling thread along: what other threads were changing at that
 * moment would stay half changed in the child for ever.
 *
 * Idea. The child makes its own copy of the file and maps it at the same addresses, while the
 * parent holds still:
 *
 *     parent                                child
 *     prepare: close the gate, wait until no
 *       thread is inside, take every lock
 *     fork --------------------------------->
 *     stop all other threads                  wait for "go"
 *     "go" ------------------------------->   copy the file's data, map it
 *     wait <------------------------------    "done" (or its end, by whatever cause)
 *     let the threads run, release            release; give back what the parent's other CPUs held;
 *     every lock, open the gate               map the vmalloc areas again; a new worker
 *
 * The gate (gate.c). Part of the machine lies in the process's own memory, which fork copies at one
 * moment, part in the file, which is copied a moment later; so between the two nothing may change,
 * not even what a CPU changes without a lock.
 *
 * The stop. What callers keep in the file they change whenever they like, and a copy should be of
 * one moment; so while the child copies, the other threads stand still (gate.c). They are stopped
 * after the fork and not before, because a stopped thread may hold the C library's own locks, which
 * fork itself needs.
 *
 * The copy is sparse: only what was ever touched is copied.
 *
 * Limits. What callers store in the file between the fork and the stop is newer in the child than
 * its variables, by microseconds; of threads that the gate cannot hold, the child may see half of
 * what they change, and is told so unless they only block the signal. Where no descriptors are left
 * the child has no copy; that is said, and a child that only calls exec is none the worse. posix_spawn
 * and vfork run none of this. Private machines of tests stay with the parent.
 *
 * Locks: boot_mutex from prepare to the end, then all of the machine's, then those of this port. */
#define _GNU_SOURCE
#include "hosted.h"
#include "instance.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fork_channel[2] = {-1, -1};
static bool fork_frozen, fork_torn;

/* ---- the three handlers ---------------------------------------------------------------------- */

static void fork_close(int end)
{
    if (fork_channel[end] >= 0)
        close(fork_channel[end]);
    fork_channel[end] = -1;
}

/* Wait for a byte, or for the other side's end. */
static void fork_read(int fd)
{
    char byte;
    ssize_t got;
    do
        got = fd < 0 ? 0 : read(fd, &byte, 1);
    while (got < 0 && errno == EINTR);
}

static void fork_write(int fd)
{
    if (fd >= 0)
        (void)send(fd, "", 1, MSG_NOSIGNAL);
}

static void fork_prepare(void)
{
    int saved = errno;
    hosted_boot_lock();
    fork_frozen = quarry_booted();
    if (fork_frozen) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fork_channel) != 0)
            fork_channel[0] = fork_channel[1] = -1;
        fork_torn = !hosted_gate_close();
        qr_freeze(&quarry_default);
        hosted_threads_lock();
        hosted_ram_lock();
        hosted_ram_inherit(hosted_default_ram(), fork_channel[0] >= 0);
    }
    errno = saved;
}

static void fork_release(void)
{
    hosted_ram_unlock();
    hosted_threads_unlock();
}

static void fork_parent(void)
{
    int saved = errno;
    if (fork_frozen) {
        fork_close(1);
        hosted_ram_inherit(hosted_default_ram(), false);
        /* When the fork failed, the other end is closed already and nobody is waited for. */
        if (fork_channel[0] >= 0) {
            hosted_gate_stop();
            fork_write(fork_channel[0]);
            fork_read(fork_channel[0]);
        }
        fork_close(0);
        fork_release();
        qr_thaw(&quarry_default);
        hosted_gate_open();
    }
    hosted_boot_unlock();
    errno = saved;
}

static void fork_say_no_copy(int error)
{
    char text[160];
    int length =
        snprintf(text, sizeof(text),
                 "quarry: this child process has no copy of the machine's memory (%s): it may "
                 "exec or exit, but not use that memory\n",
                 strerror(error));
    qp_write(text, (size_t)length);
}

static void fork_say_torn(void)
{
    static const char text[] =
        "quarry: parts of this child process's copy of the machine's memory may be half changed: a "
        "thread of its parent stayed inside a call (a constructor, a shrinker) or did not stop; it "
        "may exec or exit, but should not use that memory\n";
    qp_write(text, sizeof(text) - 1);
}

/* The only thread of the child. */
static void fork_child(void)
{
    int saved = errno, error = -EMFILE;
    hosted_gate_forget();
    if (fork_frozen) {
        fork_close(0);
        if (fork_channel[1] >= 0) {
            fork_read(fork_channel[1]);
            error = hosted_ram_adopt(hosted_default_ram());
            fork_write(fork_channel[1]);
        }
        fork_close(1);
        hosted_ram_forget_others(hosted_default_ram());
        fork_release();
        hosted_gate_open();
        if (error) {
            fork_say_no_copy(-error);
        } else {
            hosted_threads_after_fork(&quarry_default.cpus);
            qr_after_fork(&quarry_default);
            if (fork_torn)
                fork_say_torn();
        }
    }
    hosted_boot_unlock();
    errno = saved;
}

/* Before main, so that no fork can slip in between a boot and its registration. */
__attribute__((constructor)) static void fork_register(void)
{
    if (pthread_atfork(fork_prepare, fork_parent, fork_child) != 0)
        qp_panic("quarry: the host has no room for fork handlers\n");
}

void hosted_fork_link(void)
{
}
