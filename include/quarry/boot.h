/* SPDX-License-Identifier: MIT */
/* Starting a machine. A program that just calls kmalloc() needs none of this: the hosted port boots
 * itself on first use from QUARRY_RAM, QUARRY_PROFILE, QUARRY_CPUS, QUARRY_NODES, QUARRY_CHECK and
 * QUARRY_OPTIONS. */
#ifndef QUARRY_BOOT_H
#define QUARRY_BOOT_H

#include <quarry/types.h>

#define QUARRY_REGION_RAM 0u /* usable memory */
#define QUARRY_REGION_RESERVED                                                                     \
    1u /* exists, is not to be handed out; wins over RAM where they overlap */

struct quarry_region {
    phys_addr_t start;
    uint64_t size;
    int nid; /* node, 0 when there is one */
    unsigned int flags;
};

/* A machine as the user describes it; zero or NULL in any field means "the default". */
struct quarry_machine {
    uint64_t ram_bytes;  /* default 512 MiB (or QUARRY_RAM) */
    const char *profile; /* "modern" (default) or "i386" */
    unsigned int cpus;   /* upper bound of threads with lists of their own; default 1024 */
    unsigned int nodes;  /* memory nodes, 1..8; default 1 */
    const char
        *options; /* boot options, see docs/options.md, e.g. "slab_debug=FZPU failslab=nth:3" */
    const struct quarry_region *regions; /* instead of ram_bytes: the physical memory map */
    size_t nr_regions;
};

QUARRY_EXTERN_C_BEGIN

/* Boot the default machine. Context: boot (no other thread uses Quarry yet).
 * Returns: 0; -EBUSY when a machine runs already (also one that booted itself); -EINVAL for a bad
 *          description; -ENOMEM when the machine is too small or the host refuses. The reason is
 *          printed, and quarry_boot_error() has it as text. Nothing is left behind on failure. */
QUARRY_API int quarry_boot(const struct quarry_machine *machine);
QUARRY_API const char *quarry_boot_error(void);
/* Whether the default machine runs. Context: any. */
QUARRY_API bool quarry_booted(void);
/* "512M", "4G", "300K", "1048576": bytes; false when it is no size. */
QUARRY_API bool quarry_parse_size(const char *text, uint64_t *bytes);

QUARRY_EXTERN_C_END

#endif
