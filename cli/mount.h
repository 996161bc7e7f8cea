/* SPDX-License-Identifier: MIT */
/* The mounted directory. */
#ifndef CLI_MOUNT_H
#define CLI_MOUNT_H

#include "cli.h"

/* Mount at @path and serve it. False: said why (and how to get /dev/fuse). */
bool mount_start(const char *path);
/* Whether everything a mount needs is here; else says what is missing and how to get it. */
bool mount_possible(void);
/* The clients are through: wait for the last closes, unmount, end what is left open by processes that
 * stayed behind (each is named). False: a request hangs in the driver and would not be interrupted. */
bool mount_stop(void);
/* At once, from a crash or a signal: only take the directory away. */
void mount_drop(const char *path);

/* mount.c to fileops.c: what the session serves. */
struct fuse_lowlevel_ops;
extern const struct fuse_lowlevel_ops mount_ops;
/* A close is being served: opens wait for it (see mount.c). */
void mount_wait_closes(void);
/* fileops.c: interrupt every request in progress as by SIGKILL; how many there are. */
size_t mount_interrupt_all(void);
/* Files the clients see from now on give EIO. */
void mount_cut_off(void);

#endif
