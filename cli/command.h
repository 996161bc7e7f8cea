/* SPDX-License-Identifier: MIT */
/* COMMAND: the client of the devices. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "options.h"

/* Run COMMAND (or a shell on a terminal, or just wait for Ctrl-C) with QUARRY_ROOT set to @root, until
 * it ends or the module crashes. Returns its exit status, 128 + the signal that ended it, 127 when it
 * cannot be started; 0 when there was none. */
int command_run(const struct run_options *options, const char *root);

#endif
