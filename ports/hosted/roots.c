/* SPDX-License-Identifier: MIT */
/* ports/hosted/roots: where a process may keep pointers, for the leak scan.
 *
 * Problem. The scan must see every pointer that the program still has: in variables, on stacks, in
 * registers, in the C library's heap, which holds other libraries' structures and many a program's own.
 * But not the machine's own memory, which it follows by itself, and not its own tracks: dead values on
 * the part of a stack that is not in use would keep alive whatever was once there.
 *
 * Idea. /proc/self/maps says what there is. Each private writable mapping is a root, in whole; but where a
 * thread's stack pointer lies in it only from there upwards. The other threads stand in the gate's handler
 * (gate.c), whose frame lies below the registers that the host saved there, so that these are on the stack
 * as well; but not the vector registers of a thread in a system call, which are dead (registers.h). The
 * calling thread's stack begins at the frame that the scan was called from.
 *
 * Memory is copied by process_vm_readv piece by piece, which says "no" where a read would be a signal (a
 * file mapping behind the file's end), and looks only at what is there: pages never touched are zero.
 *
 * Limits. Shared mappings are no roots: they are devices and other programs' as often as memory. Mappings
 * of 1 TiB and more (of 1 GiB under ThreadSanitizer) are address space that a tool reserved, not memory. A
 * thread that could not be stopped has all of its stack looked at and may move a pointer past the scan: a
 * lost block may then be reported that is not.
 *
 * Locks: boot_mutex, held by qp_hold_others(). Neither the C library's heap nor its locks are used while the
 * others stand still. */
#define _GNU_SOURCE
#include "hosted.h"
#include "instance.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define ROOTS_PIECE (256ul << 10)
#define ROOTS_TOO_LARGE (QP_OBSERVED() ? 1ul << 30 : 1ul << 40)
#define ROOTS_LINES (64u << 10)

struct roots {
    void (*range)(const void *start, size_t size, void *scan);
    void *scan;
    uintptr_t own_frame;
    int pagemap; /* descriptor, or -1 */
};

/* One scan at a time (boot_mutex); static, because the stack may be small. */
static _Alignas(HOSTED_PAGE) char roots_copy[ROOTS_PIECE];
static uint64_t roots_present[ROOTS_PIECE / HOSTED_PAGE];
static char roots_maps[ROOTS_LINES];

/* Pages that were never touched hold no pointers. Where the host does not tell, all count as touched. */
static bool roots_is_touched(size_t page)
{
    return (roots_present[page] >> 62) != 0; /* present, or swapped out */
}

static void roots_ask_touched(const struct roots *roots, uintptr_t start, size_t pages)
{
    size_t bytes = pages * sizeof(roots_present[0]);
    if (roots->pagemap < 0 || pread(roots->pagemap, roots_present, bytes,
                                    (off_t)(start / HOSTED_PAGE * 8)) != (ssize_t)bytes)
        memset(roots_present, 0xff, bytes);
}

/* Look at [start, end), which lies in one piece. */
static void roots_read(const struct roots *roots, uintptr_t start, uintptr_t end)
{
    struct iovec here = {roots_copy, end - start}, there = {(void *)start, end - start};
    ssize_t got = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    if (got > 0)
        roots->range(roots_copy, (size_t)got, roots->scan);
    else if (got < 0 && (errno == ENOSYS || errno == EPERM))
        roots->range((const void *)start, end - start, roots->scan);
}

/* Look at [start, end), piece by piece. */
static void roots_range(const struct roots *roots, uintptr_t start, uintptr_t end)
{
    while (start < end) {
        uintptr_t stop = (start + ROOTS_PIECE) & ~(ROOTS_PIECE - 1), at;
        size_t page = 0;
        stop = stop < end ? stop : end;
        at = start & ~(HOSTED_PAGE - 1);
        roots_ask_touched(roots, at, (stop - at + HOSTED_PAGE - 1) / HOSTED_PAGE);
        while (at < stop) {
            uintptr_t first = at;
            while (at < stop && roots_is_touched(page)) {
                at += HOSTED_PAGE;
                page++;
            }
            if (at > first)
                roots_read(roots, first > start ? first : start, at < stop ? at : stop);
            while (at < stop && !roots_is_touched(page)) {
                at += HOSTED_PAGE;
                page++;
            }
        }
        start = stop;
    }
}

/* What is in writable memory but no root: the copies made here; the layers' own records up to vmalloc's,
 * which lead to every area; and the machine's description, whose borders are addresses of the first block
 * behind them. Callers' pointers are in other parts of struct quarry. And what is dead on the stacks of the
 * others. */
struct roots_hole {
    uintptr_t from, to;
};

static void roots_but_holes(const struct roots *roots, uintptr_t start, uintptr_t end)
{
    const struct quarry *q = &quarry_default;
    const struct roots_hole hole[] = {
        {(uintptr_t)roots_copy, (uintptr_t)(roots_copy + sizeof(roots_copy))},
        {(uintptr_t)&q->map, (uintptr_t)(&q->kmaps + 1)},
        {(uintptr_t)&q->machine, (uintptr_t)(&q->machine + 1)},
    };
    struct roots_hole dead;
    while (start < end) {
        uintptr_t stop = end, next = end;
        for (size_t i = 0; i < sizeof(hole) / sizeof(hole[0]); i++) {
            if (hole[i].to > start && hole[i].from < stop) {
                stop = hole[i].from > start ? hole[i].from : start;
                next = hole[i].to;
            }
        }
        if (hosted_gate_dead(start, stop, &dead.from, &dead.to)) {
            stop = dead.from > start ? dead.from : start;
            next = dead.to;
        }
        roots_range(roots, start, stop);
        start = next;
    }
}

/* A mapping: where stacks begin in it, only from the lowest stack pointer on. Two stacks that lie in one
 * mapping (the host joins neighbours) are told apart by nothing, so all between them counts. */
static void roots_mapping(const struct roots *roots, uintptr_t start, uintptr_t end)
{
    uintptr_t lowest = hosted_gate_lowest_stack(start, end);
    if (roots->own_frame >= start && roots->own_frame < end &&
        (!lowest || roots->own_frame < lowest))
        lowest = roots->own_frame;
    roots_but_holes(roots, lowest ? lowest : start, end);
}

/* "7f12a000-7f12b000 rw-p 00000000 00:00 0  [stack]" */
static void roots_line(const struct roots *roots, const char *line)
{
    char *rest;
    uintptr_t start = strtoul(line, &rest, 16), end;
    if (*rest != '-')
        return;
    end = strtoul(rest + 1, &rest, 16);
    if (strncmp(rest, " rw", 3) == 0 && rest[4] == 'p' && end - start < ROOTS_TOO_LARGE)
        roots_mapping(roots, start, end);
}

/* The lines of /proc/self/maps, read in as few calls as there is room for. */
static void roots_all(const struct roots *roots)
{
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t kept = 0;
    ssize_t got;
    if (fd < 0)
        return;
    while ((got = read(fd, roots_maps + kept, sizeof(roots_maps) - 1 - kept)) > 0) {
        char *line = roots_maps, *newline;
        kept += (size_t)got;
        roots_maps[kept] = 0;
        while ((newline = strchr(line, '\n')) != NULL) {
            *newline = 0;
            roots_line(roots, line);
            line = newline + 1;
        }
        kept -= (size_t)(line - roots_maps);
        memmove(roots_maps, line, kept);
    }
    close(fd);
}

void hosted_leak_roots(const void *frame, void (*range)(const void *, size_t, void *),
                       void (*finish)(void *), void *scan, void *data)
{
    struct roots roots = {range, scan, (uintptr_t)frame, -1};
    int saved = errno;
    (void)data;
    roots.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    hosted_gate_still(true);
    roots_all(&roots);
    finish(scan);
    hosted_gate_still(false);
    if (roots.pagemap >= 0)
        close(roots.pagemap);
    errno = saved;
}
