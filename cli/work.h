/* SPDX-License-Identifier: MIT */
/* The work folder of one run, and the promise that nothing of it stays behind. */
#ifndef CLI_WORK_H
#define CLI_WORK_H

#include "cli.h"

/* Make /tmp/quarry-XXXXXX (below TMPDIR) with an empty folder "root" in it to mount on; start the guard.
 * False: said why. */
bool work_start(bool keep);
const char *work_path(void);
/* The folder "root". */
const char *work_root(void);
/* Unmount if need be and remove everything, unless kept. */
void work_remove(void);

#endif
