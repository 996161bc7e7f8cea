/* SPDX-License-Identifier: MIT */
/* What the library preloaded into COMMAND and the mounted files say to each other: ioctls that no
 * driver sees. Maps and unmaps a device's memory in the client's name.
 *
 * The client opens /proc/<pid>/fd/<fd>, the machine's memory file, in which the byte at offset
 * frame × 4096 is the frame's first; so it maps the very frames that the driver gave. */
#ifndef CLI_CLIENT_ABI_H
#define CLI_CLIENT_ABI_H

#include <stdint.h>
#include <sys/ioctl.h>

struct client_map {
    uint64_t start;  /* the address chosen for the mapping */
    uint64_t size;   /* bytes, whole pages */
    uint64_t offset; /* in the device, bytes */
    uint32_t prot, shared;
    /* answered */
    uint64_t id;        /* of the mapping, for the other calls */
    uint64_t file_size; /* of the memory file: pages from there on raise SIGBUS */
    int32_t pid, fd;
};

#define CLIENT_NO_FRAME (~0ull)
#define CLIENT_FRAMES 1000

struct client_frames {
    uint64_t id;
    uint64_t first; /* page of the mapping */
    uint64_t nr;    /* wanted, at most CLIENT_FRAMES */
    uint64_t frame[CLIENT_FRAMES];
};

#define CLIENT_IOC_MAP _IOWR(0xF7, 0x51, struct client_map)
#define CLIENT_IOC_FRAMES _IOWR(0xF7, 0x52, struct client_frames)
#define CLIENT_IOC_UNMAP _IOW(0xF7, 0x53, uint64_t)
#define CLIENT_IOC_COPY _IOW(0xF7, 0x54, uint64_t) /* one more process has the mapping */

#endif
