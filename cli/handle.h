/* SPDX-License-Identifier: MIT */
/* Open files of the mounted directory, and the requests being served. */
#ifndef CLI_HANDLE_H
#define CLI_HANDLE_H

#include "tree.h"

#include <pthread.h>
#include <sys/uio.h>

struct fuse_pollhandle;

/* A mapping that a client made of a device. */
struct handle_mapping {
    struct handle_mapping *next;
    uint64_t id;
    struct qlx_mapping *mapping;
    unsigned int users; /* processes that have it */
};

/* One open file. Counted: the client's descriptor is one holder, each request in progress another. */
struct handle {
    struct handle *next, *prev; /* on the list of all */
    unsigned int holders;
    uint64_t number; /* of the name it was opened by */
    enum node_kind kind;
    struct file *file; /* of a driver or a module's proc entry */
    char *text;        /* of a text: as it was at open */
    size_t length;
    bool takes_words;         /* a text that may be written to: proc/kmemleak */
    struct qlx_client client; /* who opened it */
    char comm[32];
    pthread_mutex_t lock; /* guards the rest */
    struct fuse_pollhandle *poll;
    struct handle_mapping *mappings;
};

/* Make one for a name of the tree; 0 or a negative errno from the driver. */
int handle_open(uint64_t number, const struct node_info *info, int flags,
                const struct qlx_client *client, struct handle **made);
/* The client's last descriptor is closed. Waits for requests in progress. */
void handle_close(struct handle *handle);
/* Any open device file of this name, held; NULL: none is open. */
struct handle *handle_hold_name(uint64_t number);
/* What a client wrote to a text: 0, or a negative errno. */
ssize_t handle_take_words(const struct handle *handle, const char *data, size_t size);
void handle_hold(struct handle *handle);
void handle_drop(struct handle *handle);
/* Open files now. */
size_t handle_count(void);
/* Close what clients still have open (they are cut off): how many there were. */
size_t handle_close_all(void);

/* How many bytes a device holds, by its llseek; remembered when nobody has it open. */
long long handle_device_size(uint64_t number, struct handle *preferred);

/* Who a request comes from: fills tgid and comm by the host's /proc. Reuses what @handle knows. */
void client_fill(struct qlx_client *client, char comm[32], int tid, unsigned int uid,
                 unsigned int gid, const struct handle *handle);
/* The signal pending for thread @tid: 9 when it is being killed, else 2. */
int client_signal(int tid);

#endif
