/* SPDX-License-Identifier: MIT */
/* quarry run --list-symbols. */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include "options.h"

/* Print what modules can use, one name a line or as JSON; the exit status. */
int symbols_list(const struct run_options *options);

#endif
