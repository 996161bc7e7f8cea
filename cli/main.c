/* SPDX-License-Identifier: MIT */
/* The `quarry` command: which subcommand. */
#include "cli.h"
#include "help.h"

#include <stdio.h>
#include <string.h>

#include <quarry/version.h>

struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
};

static const struct subcommand subcommand_table[] = {
    {"run", cmd_run},         {"test", cmd_test},   {"layout", cmd_layout},
    {"picture", cmd_picture}, {"leaks", cmd_leaks}, {"whatis", cmd_whatis},
    {"explain", cmd_explain}, {"help", cmd_help},   {"guard", cmd_guard},
};

static const char *const subcommand_known[] = {"run",    "test",    "layout", "picture", "leaks",
                                               "whatis", "explain", "help",   NULL};

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    const char *near;

    if (!word) {
        help_all(stderr);
        return CLI_USAGE;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        help_all(stdout);
        return CLI_CLEAN;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        printf("quarry %s\n", QUARRY_VERSION);
        return CLI_CLEAN;
    }
    for (size_t i = 0; i < sizeof(subcommand_table) / sizeof(subcommand_table[0]); i++) {
        if (strcmp(subcommand_table[i].name, word) == 0)
            return subcommand_table[i].run(argc - 1, argv + 1);
    }
    near = cli_nearest(word, subcommand_known);
    if (near)
        cli_die(CLI_USAGE, "unknown command %s; did you mean %s? See `quarry --help`", word, near);
    cli_die(CLI_USAGE, "unknown command %s; see `quarry --help`", word);
}
