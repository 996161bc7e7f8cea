/* SPDX-License-Identifier: MIT */
/* Module sources → shared objects. */
#ifndef CLI_BUILD_H
#define CLI_BUILD_H

#include "options.h"

struct built_module {
    char *name;
    char *folder;          /* of a Kbuild module's sources, else NULL */
    char *flags;           /* Kbuild's ccflags-y, as shell words; NULL: none */
    struct strings source; /* paths */
    struct strings object; /* made from them, in the same order */
    char *shared;          /* the module, ready to load */
    bool *uses;            /* by module: it is bound to symbols of that one */
};

struct built {
    struct built_module *module;
    size_t nr, room;
};

/* Find out which modules the command line means: files as they are, folders by their Makefile.
 * False: said why. */
bool build_plan(const struct run_options *options, const char *work, struct built *built);
/* Compile and link them into @work. False: said why, compiler output included. */
bool build_all(const struct run_options *options, const char *work, struct built *built);
struct built_module *build_add(struct built *built, const char *name);

/* kbuild.c: the modules that @folder's Kbuild or Makefile describes. */
bool kbuild_read(const struct run_options *options, const char *folder, const char *work,
                 struct built *built);

/* undeclared.c: names that the compiler's output says nobody declared: which header does, or that Quarry
 * does not have them. Those that it does not have are told only where the module did not compile: otherwise
 * they are found when it is loaded. */
void undeclared_explain(const char *output, bool failed);
/* The header that a module includes for @name, which may begin with "struct "; NULL: Quarry does not
 * have it. */
const char *undeclared_header(const char *name);

/* process.c: run @argv to its end, its output into the file @log. Its exit status; 128 + the signal;
 * -1 when it cannot be started (errno set). */
int process_run(char *const *argv, const char *log, const char *const *extra_environment);

#endif
