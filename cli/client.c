/* SPDX-License-Identifier: MIT */
/* The library preloaded into COMMAND: mmap() of a device shows the driver's own frames.
 *
 * Problem. The host maps pages of its own page cache for a mounted file, or refuses; the driver's pages
 * are frames of the machine's memory file.
 *
 * Idea. mmap() of a file below QUARRY_ROOT asks the mounted file for the list of frames that the
 * driver's mmap and fault handlers give for this range, then maps exactly those frames of the memory
 * file, side by side, shared. From there on loads and stores of the client and of the driver meet in the
 * same memory with nobody in between. A page the driver refuses lies behind the memory file's end,
 * where an access raises SIGBUS, as it would in the kernel.
 *
 * The mapping keeps a descriptor of its own on the device, so that the driver sees the last release only
 * after the last unmap, also when the program ends without unmapping. munmap() of a whole mapping tells
 * the driver at once; a mapping unmapped in parts is told when its last page goes.
 *
 * Limits. All pages are asked for at once: a driver that allocates at the first touch allocates them
 * all. Programs that are linked statically or change their user do not load this library. Every other
 * call, and every mmap of anything else, goes to libc untouched.
 *
 * Locks: `client_lock` guards the table of mappings. */
#include "client_abi.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CLIENT_PAGE 4096ull
#define CLIENT_MAPPINGS 256
#define CLIENT_EXPORT __attribute__((visibility("default")))

struct client_mapping {
    uintptr_t start, end;
    size_t left; /* pages still mapped; 0: slot is free */
    uint64_t id;
    int fd;
};

static pthread_mutex_t client_lock = PTHREAD_MUTEX_INITIALIZER;
static struct client_mapping client_table[CLIENT_MAPPINGS];
static bool client_forks_known;

CLIENT_EXPORT void *mmap(void *address, size_t size, int prot, int flags, int fd, off_t offset);
CLIENT_EXPORT void *mmap64(void *address, size_t size, int prot, int flags, int fd, off_t offset);
CLIENT_EXPORT int munmap(void *address, size_t size);

/* The calls themselves, past every other library. */
static void *client_sys_mmap(void *address, size_t size, int prot, int flags, int fd, off_t offset)
{
    return (void *)syscall(SYS_mmap, address, size, prot, flags, fd, offset);
}

static int client_sys_munmap(void *address, size_t size)
{
    return (int)syscall(SYS_munmap, address, size);
}

/* Whether @fd is a file of the mounted directory. The directory's device number is asked once. */
static bool client_ours(int fd)
{
    static dev_t mounted;
    static int known; /* 0: not asked yet, 1: yes, -1: there is none */
    struct stat status;
    const char *root;

    if (known == 0) {
        root = getenv("QUARRY_ROOT");
        if (root && stat(root, &status) == 0) {
            mounted = status.st_dev;
            known = 1;
        } else {
            known = -1;
        }
    }
    return known > 0 && fd >= 0 && fstat(fd, &status) == 0 && status.st_dev == mounted &&
           S_ISREG(status.st_mode);
}

/* A child gets the mappings too: the driver counts one more user of each. */
static void client_fork(void)
{
    for (size_t i = 0; i < CLIENT_MAPPINGS; i++) {
        if (client_table[i].left)
            ioctl(client_table[i].fd, CLIENT_IOC_COPY, &client_table[i].id);
    }
}

static struct client_mapping *client_slot(void)
{
    for (size_t i = 0; i < CLIENT_MAPPINGS; i++) {
        if (client_table[i].left == 0)
            return &client_table[i];
    }
    return NULL;
}

/* Map the frames of one answer: runs of neighbouring frames with one call each. */
static bool client_place(const struct client_map *map, const struct client_frames *frames,
                         char *start, int prot, int flags, int memory)
{
    uint64_t i = 0;

    while (i < frames->nr) {
        uint64_t run = 1, at = frames->frame[i] * CLIENT_PAGE;
        if (frames->frame[i] == CLIENT_NO_FRAME) {
            at = (map->file_size + CLIENT_PAGE - 1) & ~(CLIENT_PAGE - 1);
        } else {
            while (i + run < frames->nr && frames->frame[i + run] == frames->frame[i] + run)
                run++;
        }
        if (client_sys_mmap(start + i * CLIENT_PAGE, run * CLIENT_PAGE, prot, flags | MAP_FIXED,
                            memory, (off_t)at) == MAP_FAILED)
            return false;
        i += run;
    }
    return true;
}

static bool client_fill(const struct client_map *map, char *start, int prot, int flags, int fd)
{
    struct client_frames
        frames; /* on the stack: malloc may itself call munmap(), which takes the lock */
    uint64_t pages = map->size / CLIENT_PAGE, first = 0;
    char path[64];
    int memory;
    bool good = false;

    snprintf(path, sizeof(path), "/proc/%d/fd/%d", map->pid, map->fd);
    memory = open(path, O_RDWR | O_CLOEXEC);
    if (memory < 0)
        return false;
    for (good = true; good && first < pages; first += frames.nr) {
        frames.id = map->id;
        frames.first = first;
        frames.nr = pages - first < CLIENT_FRAMES ? pages - first : CLIENT_FRAMES;
        good = ioctl(fd, CLIENT_IOC_FRAMES, &frames) == 0 &&
               client_place(map, &frames, start + first * CLIENT_PAGE, prot, flags, memory);
    }
    close(memory);
    return good;
}

/* The driver's answer to mmap(), then its frames at @start (@size bytes reserved there). */
static bool client_map_at(struct client_mapping *slot, char *start, size_t size, int prot,
                          int flags, int fd, off_t offset)
{
    struct client_map map = {.start = (uintptr_t)start,
                             .size = size,
                             .offset = (uint64_t)offset,
                             .prot = (uint32_t)prot,
                             .shared = (flags & MAP_TYPE) != MAP_PRIVATE};
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 400);

    if (own < 0) /* a small limit on descriptors */
        own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (own < 0)
        return false;
    if (ioctl(own, CLIENT_IOC_MAP, &map) != 0) {
        int error = errno;
        close(own);
        errno = error;
        return false;
    }
    if (!client_fill(&map, start, prot, flags & (MAP_SHARED | MAP_PRIVATE), own)) {
        int error = errno;
        ioctl(own, CLIENT_IOC_UNMAP, &map.id);
        close(own);
        errno = error;
        return false;
    }
    if (!client_forks_known)
        client_forks_known = pthread_atfork(client_fork, NULL, NULL) == 0;
    *slot = (struct client_mapping){(uintptr_t)start, (uintptr_t)start + size, size / CLIENT_PAGE,
                                    map.id, own};
    return true;
}

static void *client_mmap(void *address, size_t size, int prot, int flags, int fd, off_t offset)
{
    const int place = MAP_FIXED | MAP_FIXED_NOREPLACE;
    struct client_mapping *slot;
    char *start;

    size = (size + CLIENT_PAGE - 1) & ~(CLIENT_PAGE - 1);
    start = client_sys_mmap(address, size, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (flags & place), -1, 0);
    if (start == MAP_FAILED)
        return MAP_FAILED;
    pthread_mutex_lock(&client_lock);
    slot = client_slot();
    if (!slot)
        errno = ENOMEM;
    if (!slot || !client_map_at(slot, start, size, prot, flags, fd, offset)) {
        int error = errno;
        client_sys_munmap(start, size);
        errno = error;
        start = MAP_FAILED;
    }
    pthread_mutex_unlock(&client_lock);
    return start;
}

/* [@from, @to) is gone: tell the driver of each mapping whose last page went with it. */
static void client_gone(uintptr_t from, uintptr_t to)
{
    for (size_t i = 0; i < CLIENT_MAPPINGS; i++) {
        struct client_mapping *slot = &client_table[i];
        uintptr_t low = from > slot->start ? from : slot->start;
        uintptr_t high = to < slot->end ? to : slot->end;
        if (slot->left == 0 || low >= high)
            continue;
        slot->left -=
            slot->left < (high - low) / CLIENT_PAGE ? slot->left : (high - low) / CLIENT_PAGE;
        if (low == slot->start)
            slot->start = high;
        else if (high == slot->end)
            slot->end = low;
        if (slot->left == 0) {
            ioctl(slot->fd, CLIENT_IOC_UNMAP, &slot->id);
            close(slot->fd);
        }
    }
}

void *mmap(void *address, size_t size, int prot, int flags, int fd, off_t offset)
{
    if (!(flags & MAP_ANONYMOUS) && size && client_ours(fd))
        return client_mmap(address, size, prot, flags, fd, offset);
    return client_sys_mmap(address, size, prot, flags, fd, offset);
}

void *mmap64(void *address, size_t size, int prot, int flags, int fd, off_t offset)
{
    return mmap(address, size, prot, flags, fd, offset);
}

int munmap(void *address, size_t size)
{
    int result = client_sys_munmap(address, size);
    int error = errno;

    if (result == 0) {
        pthread_mutex_lock(&client_lock);
        client_gone((uintptr_t)address,
                    (uintptr_t)address + ((size + CLIENT_PAGE - 1) & ~(CLIENT_PAGE - 1)));
        pthread_mutex_unlock(&client_lock);
    }
    errno = error;
    return result;
}
