/* SPDX-License-Identifier: MIT */
/* ports/hosted/ram: physical memory as a file.
 *
 * Problem. The core wants physical frames that can be mapped at more than one address: once in the
 * direct map, again inside vmalloc areas and kmap windows, truly the same bytes.
 *
 * Idea. Each machine owns one memory file (memfd). Its offsets are physical addresses, so a frame's
 * bytes are at file offset phys. The direct map is one shared mapping of every region below
 * low_limit; qp_map maps pieces of the same file elsewhere. The file is sparse: a frame that was
 * never touched costs nothing, and qp_discard punches freed frames out again.
 *
 *     virtual   direct_start            direct_end  gap   window_start            window_end
 *               | region |  hole  | region |         |    | vmalloc | pkmap | fixmap |
 *     file      0 ........................ file_size       any of its pages, any number of times
 *
 * Everything between is reserved without access (PROT_NONE), so that a stray access to a hole, a
 * guard page or a freed area faults, and nobody else's mapping lands there.
 *
 * Invariants. R1: a machine is found by its offset; no two living machines share one. R2: inside
 * the reserved ranges this file alone maps and unmaps. R3: the direct map is not inherited
 * (MADV_DONTFORK) by a child that will not copy it: two processes never work on one heap.
 *
 * Locks. ram_lock guards the list of machines. Nothing sleeps but the host's own calls. */
#define _GNU_SOURCE
#include "hosted.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* Blocks of the highest order are aligned to their size by physical address; with the direct map
 * placed at a multiple of it they are by virtual address too: 2^10 pages of 4 KiB. */
#define RAM_ALIGN (4ul << 20)
/* Half of the 47 bits that a process has. */
#define RAM_MAX_PHYS (1ull << 46)

static struct hosted_ram *ram_list;
static qp_lock_t ram_lock;

void hosted_ram_lock(void)
{
    (void)qp_lock(&ram_lock);
}

void hosted_ram_unlock(void)
{
    qp_unlock(&ram_lock, 0);
}

void hosted_ram_forget_others(struct hosted_ram *own)
{
    struct hosted_ram *ram;
    for (ram = ram_list; ram; ram = ram->next) {
        if (ram != own)
            close(ram->fd);
    }
    ram_list = own;
    own->next = NULL;
}

static struct hosted_ram *ram_find(uintptr_t offset)
{
    unsigned long state = qp_lock(&ram_lock);
    struct hosted_ram *ram = ram_list;
    while (ram && ram->offset != offset)
        ram = ram->next;
    qp_unlock(&ram_lock, state);
    return ram;
}

static uintptr_t ram_up(uintptr_t x)
{
    return (x + HOSTED_PAGE - 1) & ~(HOSTED_PAGE - 1);
}

static uintptr_t ram_down(uintptr_t x)
{
    return x & ~(HOSTED_PAGE - 1);
}

/* Reserve @size bytes without access: at @address exactly, or (0) where the host likes, aligned
 * like @like modulo RAM_ALIGN. Returns the address or 0 with errno. */
static uintptr_t ram_reserve(uintptr_t address, size_t size, uintptr_t like)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    uintptr_t got, start;
    void *p;
    if (address) {
        p = mmap((void *)address, size, PROT_NONE, flags | MAP_FIXED_NOREPLACE, -1, 0);
        if (p == MAP_FAILED)
            return 0;
        if ((uintptr_t)p == address)
            return address;
        munmap(p, size); /* a host older than the flag took it for a hint */
        errno = EEXIST;
        return 0;
    }
    p = mmap(NULL, size + RAM_ALIGN, PROT_NONE, flags, -1, 0);
    if (p == MAP_FAILED)
        return 0;
    got = (uintptr_t)p;
    start = got + ((like - got) & (RAM_ALIGN - 1));
    if (start > got)
        munmap((void *)got, start - got);
    if (start + size < got + size + RAM_ALIGN)
        munmap((void *)(start + size), got + RAM_ALIGN - start);
    return start;
}

/* Copy the regions and find their extent [*first, *end), whole pages. */
static int ram_read_regions(struct hosted_ram *ram, const struct qp_machine *machine,
                            phys_addr_t *first, phys_addr_t *end, char *why, size_t why_size)
{
    size_t i;
    *first = RAM_MAX_PHYS;
    *end = 0;
    if (machine->nr_regions > HOSTED_MAX_REGIONS) {
        hosted_say(why, why_size, "the memory map has %zu regions; at most %d are supported",
                   machine->nr_regions, HOSTED_MAX_REGIONS);
        return -EINVAL;
    }
    for (i = 0; i < machine->nr_regions; i++) {
        struct quarry_region r = machine->regions[i];
        if (r.size == 0)
            continue;
        if (r.start > RAM_MAX_PHYS || r.size > RAM_MAX_PHYS - r.start) {
            hosted_say(why, why_size,
                       "region %zu (0x%llx, %llu bytes) ends beyond physical address 0x%llx, the "
                       "highest a process can map",
                       i, (unsigned long long)r.start, (unsigned long long)r.size,
                       (unsigned long long)RAM_MAX_PHYS);
            return -EINVAL;
        }
        ram->region[ram->nr_regions++] = r;
        if (ram_down(r.start) < *first)
            *first = ram_down(r.start);
        if (ram_up(r.start + r.size) > *end)
            *end = ram_up(r.start + r.size);
    }
    if (*end == 0) {
        hosted_say(why, why_size, "the memory map is empty: this machine has no memory");
        return -ENOMEM;
    }
    return 0;
}

/* The part of region @i that has direct-map addresses: [*start, *end) of physical memory. */
static bool ram_low_part(const struct hosted_ram *ram, size_t i, uintptr_t *start, uintptr_t *end)
{
    *start = ram_down(ram->region[i].start);
    *end = ram_up(ram->region[i].start + ram->region[i].size);
    if (ram->low_limit && *end > ram->low_limit)
        *end = ram_down(ram->low_limit);
    return *start < *end;
}

void hosted_ram_inherit(const struct hosted_ram *ram, bool inherit)
{
    uintptr_t start, end;
    size_t i;
    for (i = 0; i < ram->nr_regions; i++) {
        if (ram_low_part(ram, i, &start, &end))
            madvise((void *)(ram->offset + start), end - start,
                    inherit ? MADV_DOFORK : MADV_DONTFORK);
    }
}

/* Map every region that has direct-map addresses. */
static int ram_map_direct(struct hosted_ram *ram)
{
    uintptr_t start, end;
    size_t i;
    for (i = 0; i < ram->nr_regions; i++) {
        void *p;
        if (!ram_low_part(ram, i, &start, &end))
            continue;
        p = mmap((void *)(ram->offset + start), end - start, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED | MAP_NORESERVE, ram->fd, (off_t)start);
        if (p == MAP_FAILED)
            return -errno;
    }
    hosted_ram_inherit(ram, false);
    return 0;
}

/* Fixed layout: both ranges exactly where the machine says. */
static int ram_place_fixed(struct hosted_ram *ram, const struct qp_machine *machine, char *why,
                           size_t why_size)
{
    uintptr_t end = machine->vmalloc_end;
    if (machine->pkmap_end > end)
        end = machine->pkmap_end;
    if (machine->fixmap_end > end)
        end = machine->fixmap_end;
    ram->window_start = machine->vmalloc_start;
    ram->window_end = end;
    if (!ram_reserve(ram->direct_start, ram->direct_end - ram->direct_start, 0)) {
        hosted_say(why, why_size,
                   "addresses 0x%lx to 0x%lx, which this profile's direct map needs, cannot be had "
                   "in this process (%s); sanitizers and some loaders occupy them",
                   (unsigned long)ram->direct_start, (unsigned long)ram->direct_end,
                   strerror(errno));
        ram->direct_start = 0;
        return -ENOMEM;
    }
    if (!ram_reserve(ram->window_start, ram->window_end - ram->window_start, 0)) {
        hosted_say(why, why_size,
                   "addresses 0x%lx to 0x%lx, which this profile's vmalloc area and kmap windows "
                   "need, cannot be had in this process (%s)",
                   (unsigned long)ram->window_start, (unsigned long)ram->window_end,
                   strerror(errno));
        ram->window_start = 0;
        return -ENOMEM;
    }
    return 0;
}

/* The host chooses: the windows follow the direct map in one reservation. */
static int ram_place_free(struct hosted_ram *ram, struct qp_machine *machine, phys_addr_t first,
                          uint64_t direct, char *why, size_t why_size)
{
    uintptr_t windows = machine->vmalloc_end, base;
    unsigned int attempt;
    if (machine->pkmap_end > windows)
        windows = machine->pkmap_end;
    if (machine->fixmap_end > windows)
        windows = machine->fixmap_end;
    for (attempt = 0; attempt < 8; attempt++) {
        /* Another machine may by chance have this very offset (R1): shift and try again. */
        base = ram_reserve(0, direct + windows + attempt * RAM_ALIGN, (uintptr_t)first);
        if (!base) {
            hosted_say(why, why_size,
                       "%llu MiB of address space cannot be reserved (%s); a limit on address "
                       "space (ulimit -v) may be in force",
                       (unsigned long long)((direct + windows) >> 20), strerror(errno));
            return -ENOMEM;
        }
        ram->direct_start = base + attempt * RAM_ALIGN;
        if (attempt)
            munmap((void *)base, attempt * RAM_ALIGN);
        ram->direct_end = ram->direct_start + direct;
        ram->window_start = ram->direct_end;
        ram->window_end = ram->window_start + windows;
        ram->offset = ram->direct_start - (uintptr_t)first;
        if (!ram_find(ram->offset))
            break;
        munmap((void *)ram->direct_start, direct + windows);
        ram->direct_start = ram->window_start = 0;
    }
    if (!ram->direct_start)
        return -ENOMEM;
    machine->offset = ram->offset;
    machine->vmalloc_start += ram->window_start;
    machine->vmalloc_end += ram->window_start;
    machine->pkmap_start += ram->window_start;
    machine->pkmap_end += ram->window_start;
    machine->fixmap_start += ram->window_start;
    machine->fixmap_end += ram->window_start;
    return 0;
}

/* Give @ram a new memory file, no byte of it backed yet. The caller keeps the old descriptor. */
static int ram_open_file(struct hosted_ram *ram)
{
    struct stat file;
    int fd = memfd_create("quarry-ram", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)ram->file_size) != 0 || fstat(fd, &file) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    ram->fd = fd;
    ram->inode = file.st_ino;
    ram->device = file.st_dev;
    return 0;
}

int hosted_ram_create(struct hosted_ram *ram, struct qp_machine *machine, bool fixed, char *why,
                      size_t why_size)
{
    phys_addr_t first, end, low_end;
    unsigned long state;
    int error;
    memset(ram, 0, sizeof(*ram));
    ram->fd = -1;
    error = ram_read_regions(ram, machine, &first, &end, why, why_size);
    if (error)
        return error;
    ram->file_size = end;
    ram->low_limit = machine->low_limit;
    low_end = machine->low_limit && machine->low_limit < end ? ram_down(machine->low_limit) : end;
    if (low_end <= first)
        low_end = first + HOSTED_PAGE; /* no low memory at all: the core will say so */
    if (fixed) {
        ram->offset = machine->offset;
        ram->direct_start = machine->offset + first;
        ram->direct_end = machine->offset + low_end;
        error = ram_place_fixed(ram, machine, why, why_size);
    } else {
        error = ram_place_free(ram, machine, first, low_end - first, why, why_size);
    }
    if (error)
        goto fail;
    error = ram_open_file(ram);
    if (!error)
        error = ram_map_direct(ram);
    if (error) {
        hosted_say(why, why_size, "a memory file of %llu KiB cannot be made or mapped (%s)",
                   (unsigned long long)(end >> 10), strerror(-error));
        error = -ENOMEM;
        goto fail;
    }
    state = qp_lock(&ram_lock);
    ram->next = ram_list;
    ram_list = ram;
    qp_unlock(&ram_lock, state);
    return 0;
fail:
    hosted_ram_destroy(ram);
    return error;
}

void hosted_ram_destroy(struct hosted_ram *ram)
{
    struct hosted_ram **link;
    unsigned long state = qp_lock(&ram_lock);
    for (link = &ram_list; *link; link = &(*link)->next) {
        if (*link == ram) {
            *link = ram->next;
            break;
        }
    }
    qp_unlock(&ram_lock, state);
    if (ram->direct_start)
        munmap((void *)ram->direct_start, ram->direct_end - ram->direct_start);
    if (ram->window_start)
        munmap((void *)ram->window_start, ram->window_end - ram->window_start);
    if (ram->fd >= 0)
        close(ram->fd);
    ram->direct_start = ram->window_start = 0;
    ram->fd = -1;
}

/* Copy [start, end) of one file to the same place in another. */
static int ram_copy_range(int from, int to, off_t start, off_t end)
{
    static char buffer[1 << 16]; /* the only thread of a forked child is here */
    while (start < end) {
        size_t want = (size_t)(end - start), chunk = want < sizeof(buffer) ? want : sizeof(buffer);
        off_t target = start;
        ssize_t got = copy_file_range(from, &start, to, &target, want, 0);
        if (got > 0 || (got < 0 && errno == EINTR))
            continue;
        /* Older hosts cannot do it between memory files. */
        got = pread(from, buffer, chunk, start);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        got = pwrite(to, buffer, (size_t)got, start);
        if (got <= 0)
            return got < 0 ? -errno : -ENOSPC;
        start += got;
    }
    return 0;
}

static int ram_copy_file(int from, int to, off_t size)
{
    off_t start = 0;
    while (start < size) {
        off_t end;
        int error;
        start = lseek(from, start, SEEK_DATA);
        if (start < 0)
            return errno == ENXIO ? 0 : -errno; /* ENXIO: only a hole is left */
        end = lseek(from, start, SEEK_HOLE);
        if (end < 0)
            return -errno;
        error = ram_copy_range(from, to, start, end);
        if (error)
            return error;
        start = end;
    }
    return 0;
}

bool hosted_ram_withdraw(struct hosted_ram *ram)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    size_t direct = ram->direct_end - ram->direct_start;
    size_t windows = ram->window_end - ram->window_start;
    return mmap((void *)ram->direct_start, direct, PROT_NONE, flags, -1, 0) != MAP_FAILED &&
           (!windows ||
            mmap((void *)ram->window_start, windows, PROT_NONE, flags, -1, 0) != MAP_FAILED);
}

int hosted_ram_adopt(struct hosted_ram *ram)
{
    int old = ram->fd, error;
    /* First of all: from here on nothing this process does can touch the parent's memory. */
    if (!hosted_ram_withdraw(ram))
        return -errno;
    error = ram_open_file(ram);
    if (error)
        return error;
    error = ram_copy_file(old, ram->fd, (off_t)ram->file_size);
    close(old);
    return error ? error : ram_map_direct(ram);
}

/* ---- duties ---------------------------------------------------------------------------------- */

/* Programs that become daemons close every descriptor they do not know, and the number may be
 * another file's by now. Mapping that one would let allocations write into it. */
static void ram_check_file(const struct hosted_ram *ram)
{
    struct stat now;
    if (fstat(ram->fd, &now) != 0 || now.st_ino != ram->inode || now.st_dev != ram->device)
        qp_panic("quarry: the program has closed the descriptor of the machine's memory file; "
                 "leave descriptors alone that you did not open\n");
}

int qp_map(uintptr_t offset, void *virt, phys_addr_t phys, size_t nr)
{
    struct hosted_ram *ram = ram_find(offset);
    int saved = errno;
    void *p;
    if (!ram)
        qp_panic("quarry: qp_map: no machine has this direct map\n");
    ram_check_file(ram);
    p = mmap(virt, nr * HOSTED_PAGE, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED | MAP_POPULATE | MAP_NORESERVE, ram->fd, (off_t)phys);
    if (p == MAP_FAILED) {
        /* Usually the host's limit on mappings (vm.max_map_count). */
        qp_unmap(offset, virt, nr);
        errno = saved;
        return -ENOMEM;
    }
    if ((uintptr_t)virt - ram->direct_start < ram->direct_end - ram->direct_start)
        madvise(virt, nr * HOSTED_PAGE, MADV_DONTFORK); /* as the rest of the direct map (R3) */
    errno = saved;
    return 0;
}

void qp_unmap(uintptr_t offset, void *virt, size_t nr)
{
    int saved = errno;
    (void)offset;
    /* At the host's limit on mappings this may fail; the old mapping then stays until the next
     * qp_map replaces it, which costs a fault that would have been seen and nothing else. */
    (void)mmap(virt, nr * HOSTED_PAGE, PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    errno = saved;
}

void qp_flush(uintptr_t offset, void *virt, size_t nr)
{
    (void)offset; /* the host flushed when it unmapped */
    (void)virt;
    (void)nr;
}

bool qp_discard(uintptr_t offset, phys_addr_t phys, size_t nr)
{
    struct hosted_ram *ram = ram_find(offset);
    int saved = errno, error = -1;
    if (ram) {
        ram_check_file(ram);
        error = fallocate(ram->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)phys,
                          (off_t)(nr * HOSTED_PAGE));
    }
    errno = saved;
    return error == 0;
}
