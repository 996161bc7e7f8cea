/* SPDX-License-Identifier: MIT */
/* quarry whatis: what an address is.
 *
 * An address means something only on its own machine. That of a run is asked through the folder the run
 * has mounted: proc/whatis/ADDRESS is a file whose text is made when it is opened. Without a run, the
 * machine that the options describe is booted, and its address space answers. */
#include "whatis.h"
#include "help.h"
#include "options.h"
#include "symbols.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <quarry/explain.h>

bool whatis_parse(const char *text, const void **address)
{
    unsigned long long value;
    char *end;

    if (strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0)
        text += 2;
    if (!*text || strspn(text, "0123456789abcdefABCDEF") != strlen(text) || strlen(text) > 16)
        return false;
    value = strtoull(text, &end, 16);
    *address = (const void *)(uintptr_t)value;
    return true;
}

static void whatis_print_trace(FILE *out, const char *label, const struct quarry_trace *trace)
{
    struct frame frames[FRAMES_MAX];
    size_t nr = trace->nr ? symbols_trace(trace, false, frames, FRAMES_MAX) : 0;

    for (size_t i = 0; i < nr; i++) {
        char line[512];
        if (frames[i].header)
            continue;
        fprintf(out, "%-12s %s\n", label, symbols_text(&frames[i], line, sizeof(line)));
        label = "";
    }
}

/* Code or data of the module, or of any program loaded here. */
static void whatis_print_symbol(FILE *out, const void *address)
{
    struct frame frames[FRAMES_MAX];
    size_t nr = symbols_frames(address, false, frames, FRAMES_MAX);
    char line[512];

    if (nr && strcmp(frames[nr - 1].function, "?") != 0)
        fprintf(out, "code: %s\n", symbols_text(&frames[0], line, sizeof(line)));
}

char *whatis_text(const void *address)
{
    struct quarry_trace allocated, freed;
    char text[1024], *whole = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&whole, &length);

    if (!out)
        return cli_copy("");
    quarry_whatis(address, text, sizeof(text), &allocated, &freed);
    fprintf(out, "%#" PRIxPTR ": %s", (uintptr_t)address, text);
    whatis_print_symbol(out, address);
    whatis_print_trace(out, "allocated by", &allocated);
    whatis_print_trace(out, "freed by", &freed);
    fclose(out);
    return whole;
}

/* ---- the command ------------------------------------------------------------------------------- */

struct whatis_options {
    struct quarry_machine machine;
    const char *root;
    bool boots; /* a machine was described */
    struct strings address;
};

static const char *const whatis_known[] = {"--root",  "--ram",  "--profile", "--cpus",
                                           "--nodes", "--help", "-h",        NULL};

static void whatis_options_parse(struct whatis_options *options, int argc, char **argv)
{
    memset(options, 0, sizeof(*options));
    options->root = getenv("QUARRY_ROOT");
    for (int i = 1; i < argc; i++) {
        if (options_machine(&options->machine, argc, argv, &i)) {
            options->boots = true;
        } else if (options_is(argv[i], "--root")) {
            options->root = options_value(argc, argv, &i);
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help_whatis();
            exit(CLI_CLEAN);
        } else if (argv[i][0] == '-') {
            options_unknown("whatis", argv[i], whatis_known);
        } else {
            strings_add(&options->address, argv[i]);
        }
    }
    if (!options->address.nr)
        cli_die(CLI_USAGE, "whatis needs an address; see `quarry whatis --help`");
    if (!options->boots && !(options->root && *options->root))
        cli_die(CLI_USAGE,
                "whatis needs the machine: --root DIR (or QUARRY_ROOT) for that of a run, or "
                "--profile and --ram for a fresh one");
}

static void whatis_ask_run(const struct whatis_options *options, const void *address)
{
    char *path = cli_format("%s/proc/whatis/%" PRIxPTR, options->root, (uintptr_t)address);
    char *text = cli_read_file(path, NULL);

    if (!text)
        cli_die(CLI_FAILED, "cannot read %s: %s; is %s the folder of a run?", path, strerror(errno),
                options->root);
    fputs(text, stdout);
    free(text);
    free(path);
}

int cmd_whatis(int argc, char **argv)
{
    struct whatis_options options;

    whatis_options_parse(&options, argc, argv);
    if (options.boots && quarry_boot(&options.machine))
        return CLI_FAILED; /* the port has said why */
    for (size_t i = 0; i < options.address.nr; i++) {
        const void *address;
        char *text;
        if (!whatis_parse(options.address.item[i], &address))
            cli_die(CLI_USAGE,
                    "whatis: \"%s\" is no address; give it in hexadecimal, such as c0123456",
                    options.address.item[i]);
        if (i)
            putchar('\n');
        if (!options.boots) {
            whatis_ask_run(&options, address);
            continue;
        }
        text = whatis_text(address);
        fputs(text, stdout);
        free(text);
    }
    return CLI_CLEAN;
}
