/* SPDX-License-Identifier: MIT */
/* The command line of `quarry run` (and the machine options that `quarry layout` shares). */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli.h"
#include "start.h"

#include <quarry/boot.h>

/* The files between two `+`: one module's sources, or one folder with a Kbuild Makefile. */
struct module_files {
    struct strings file;
};

struct run_options {
    struct quarry_machine machine; /* .options is made by options_boot_text() */
    int check;                     /* 0..3 */
    struct strings boot_options;   /* each --options */
    bool seed_given;
    uint64_t seed;
    struct strings include, define; /* arguments of -I and -D */
    struct strings param;           /* name=value or module.name=value */
    const char *kernel;             /* "6.12" */
    unsigned int kernel_major, kernel_minor, kernel_patch;
    struct start start; /* --start */
    bool scan_leaks;
    bool no_mount, gdb, keep, json, quiet, list_symbols;
    const char *json_file; /* NULL: standard output */
    struct module_files *module;
    size_t nr_modules, room;
    char **command; /* NULL: a shell, or until Ctrl-C */
};

/* What another command that runs modules has beside the options of `quarry run`. */
struct options_more {
    /* Take the option at argv[*at], with *at left on its last word; false: it is none of ours. */
    bool (*take)(int argc, char **argv, int *at);
    void (*help)(void);
    const char *const *known; /* all its options, those of `quarry run` included */
};
/* Parse argv[1..]; on wrong usage say what is wrong and exit with CLI_USAGE. --help prints and exits.
 * @more: NULL for `quarry run` itself. */
void options_parse_run(struct run_options *options, const struct options_more *more, int argc,
                       char **argv);
/* @value of @option as a number from @least to @most, or exit with CLI_USAGE. */
unsigned long options_number(const char *option, const char *value, unsigned long least,
                             unsigned long most);
/* One of the machine options at argv[*at]: take it (advancing *at to its last word) or say false. */
bool options_machine(struct quarry_machine *machine, int argc, char **argv, int *at);
/* The word after argv[*at], or behind its '='; exits with CLI_USAGE when there is none. */
const char *options_value(int argc, char **argv, int *at);
/* Whether @word is @option or begins with "@option=". */
bool options_is(const char *word, const char *option);
/* Exit with CLI_USAGE: unknown option @word of @command; suggests the nearest of @known. */
void options_unknown(const char *command, const char *word, const char *const *known)
    __attribute__((noreturn));
/* The boot options of the machine: the command's defaults, QUARRY_OPTIONS, --options, the seed. */
char *options_boot_text(const struct run_options *options);

#endif
