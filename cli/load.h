/* SPDX-License-Identifier: MIT */
/* Built modules → running modules. */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include "build.h"

struct qlx_module;

struct loaded {
    struct qlx_module *module;
    const struct built_module *built;
    bool initialised; /* init succeeded */
};

/* missing.c: name every function the module calls that neither Quarry nor a module loaded before it has,
 * with the lines that call it. False: there is one. */
bool missing_none(const struct built_module *built);

/* Load, without running anything of it. False: said why. */
bool load_module(const struct built_module *built, struct loaded *loaded);
/* Give the parameters from the command line to the modules that have them. Each must fit one. */
bool load_params(const struct run_options *options, struct loaded *loaded, size_t nr);
/* Run init. False: it failed (said so) or crashed. */
bool load_init(struct loaded *loaded);
/* Run exit where init succeeded. */
void load_exit(struct loaded *loaded);

#endif
