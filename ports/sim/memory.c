/* SPDX-License-Identifier: MIT */
/* ports/sim/memory: the frames of a world, and its page tables.
 *
 * Frames are a sparse file in memory, mapped once as the direct map and once more, page by page, where
 * vmalloc and kmap want them. The host gives memory to what is touched only, so a machine of a tebibyte
 * costs its page descriptors, and of those the ones that were looked at.
 *
 * Each world has its addresses from its number, so that they are the same in every run. */
#define _GNU_SOURCE
#include "world.h"
#include <quarry/gfp.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_BASE 0x200000000000ull  /* clear of what hosts and sanitizers use */
#define MEMORY_WORLD 0x080000000000ull /* 8 TiB each: half for the direct map, half for the rest */
#define MEMORY_WINDOW_FRAMES 512u      /* kmap */
#define MEMORY_SLOTS_PER_CPU 16u       /* kmap_local */

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static bool memory_reserve(uintptr_t start, size_t bytes)
{
    void *at = mmap((void *)start, bytes, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (at != MAP_FAILED && at != (void *)start) {
        munmap(at, bytes); /* a host that does not know the flag */
        return false;
    }
    return at != MAP_FAILED;
}

static bool memory_direct_map(struct sim *sim, size_t low_bytes)
{
    return mmap((void *)sim->ram, low_bytes, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_NORESERVE | MAP_FIXED, sim->ram_fd, 0) != MAP_FAILED;
}

static void memory_windows(struct sim *sim, struct qp_machine *machine, size_t vmalloc_bytes)
{
    uintptr_t end = sim->virt + vmalloc_bytes;

    machine->vmalloc_start = sim->virt;
    machine->vmalloc_end = end;
    if (!machine->low_limit)
        return;
    machine->pkmap_start = end;
    machine->pkmap_end = end + (uintptr_t)MEMORY_WINDOW_FRAMES * PAGE_SIZE;
    machine->fixmap_start = machine->pkmap_end;
    machine->fixmap_end =
        machine->fixmap_start + (uintptr_t)MEMORY_SLOTS_PER_CPU * machine->nr_cpus * PAGE_SIZE;
}

static int memory_failed(struct sim *sim, const char *what, char *why, size_t why_size)
{
    snprintf(why, why_size, "simulated memory: %s: %s", what, strerror(errno));
    sim_memory_free(sim);
    return -ENOMEM;
}

int sim_memory_make(struct sim *sim, struct qp_machine *machine, char *why, size_t why_size)
{
    size_t vmalloc_bytes = sim->config.vmalloc_frames * PAGE_SIZE, low = sim->ram_bytes;

    if (machine->low_limit && machine->low_limit < low)
        low = (size_t)machine->low_limit;
    sim->ram = MEMORY_BASE + sim->index * MEMORY_WORLD;
    sim->virt = sim->ram + MEMORY_WORLD / 2;
    sim->virt_bytes = vmalloc_bytes;
    if (machine->low_limit)
        sim->virt_bytes +=
            (MEMORY_WINDOW_FRAMES + (size_t)MEMORY_SLOTS_PER_CPU * machine->nr_cpus) * PAGE_SIZE;
    if (sim->ram_bytes > MEMORY_WORLD / 2 || sim->virt_bytes > MEMORY_WORLD / 2) {
        snprintf(why, why_size, "simulated memory: at most %llu GiB of frames and of vmalloc range",
                 MEMORY_WORLD >> 31);
        return -EINVAL;
    }
    sim->ram_fd = memfd_create("quarry-sim", MFD_CLOEXEC);
    if (sim->ram_fd < 0 || ftruncate(sim->ram_fd, (off_t)sim->ram_bytes))
        return memory_failed(sim, "memfd_create", why, why_size);
    if (!memory_reserve(sim->ram, MEMORY_WORLD / 2 + sim->virt_bytes) ||
        !memory_direct_map(sim, low))
        return memory_failed(sim, "mmap", why, why_size);
    memory_windows(sim, machine, vmalloc_bytes);
    machine->offset = sim->ram;
    machine->ram_is_zero = true;
    return 0;
}

void sim_memory_free(struct sim *sim)
{
    munmap((void *)sim->ram, MEMORY_WORLD / 2 + sim->virt_bytes);
    if (sim->ram_fd >= 0)
        close(sim->ram_fd);
    sim->ram_fd = -1;
}

uint64_t sim_resident(const struct sim *sim)
{
    struct stat stat;
    return fstat(sim->ram_fd, &stat) ? 0 : (uint64_t)stat.st_blocks * 512;
}

uintptr_t sim_offset(const struct sim *sim)
{
    return sim->ram;
}

int qp_map(uintptr_t offset, void *virt, phys_addr_t phys, size_t nr)
{
    (void)offset;
    if (mmap(virt, nr * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
             sim_now->ram_fd, (off_t)phys) == MAP_FAILED)
        return -ENOMEM;
    return 0;
}

/* Unmapped at once: a use that should have waited for qp_flush is a fault. */
void qp_unmap(uintptr_t offset, void *virt, size_t nr)
{
    (void)offset;
    if (mmap(virt, nr * PAGE_SIZE, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        qp_panic("sim: the host cannot unmap\n");
}

void qp_flush(uintptr_t offset, void *virt, size_t nr)
{
    (void)offset;
    (void)virt;
    (void)nr;
}

bool qp_discard(uintptr_t offset, phys_addr_t phys, size_t nr)
{
    (void)offset;
    return fallocate(sim_now->ram_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)phys,
                     (off_t)(nr * PAGE_SIZE)) == 0;
}
