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

/* missing.c: name every function module @index uses that neither Quarry nor a module given before it
 * exports, with the lines that use it. False: there is one. Notes whose symbols it is bound to. */
bool missing_none(const struct built *built, size_t index);
/* Whether Quarry itself has that symbol. */
bool missing_is_kernel(const char *name);

/* Load module @index into @loaded[index], without running anything of it. False: said why. */
bool load_module(const struct built *built, size_t index, struct loaded *loaded);
/* Give the parameters from the command line to the modules that have them. Each must fit one. */
bool load_params(const struct run_options *options, struct loaded *loaded, size_t nr);
/* Run init. False: it failed (said so) or crashed. */
bool load_init(struct loaded *loaded);
/* Run exit where init succeeded. */
void load_exit(struct loaded *loaded);

#endif
