/* SPDX-License-Identifier: MIT */
/* The command line of `quarry run`.
 *
 * Written by hand rather than with getopt: options and files mix freely, `+` separates modules, and
 * a wrong word gets an answer that names the right one. Both "--ram 512M" and "--ram=512M" work; so do
 * "-I dir" and "-Idir". Everything behind "--" is COMMAND, untouched. */
#include "options.h"
#include "help.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const run_known[] = {
    "--ram",    "--profile", "--cpus",         "--nodes", "--check", "--options", "--seed",
    "--kernel", "--param",   "--no-mount",     "--leaks", "--gdb",   "--keep",    "--json",
    "--quiet",  "--help",    "--list-symbols", "-I",      "-D",      "-h",        "-q",
    "--start",  NULL};

bool options_is(const char *word, const char *option)
{
    size_t length = strlen(option);

    return strncmp(word, option, length) == 0 && (word[length] == '\0' || word[length] == '=');
}

const char *options_value(int argc, char **argv, int *at)
{
    const char *equals = strchr(argv[*at], '=');

    if (equals)
        return equals + 1;
    if (*at + 1 >= argc || strcmp(argv[*at + 1], "--") == 0)
        cli_die(CLI_USAGE, "%s needs a value; see `quarry %s --help`", argv[*at], argv[0]);
    return argv[++*at];
}

void options_unknown(const char *command, const char *word, const char *const *known)
{
    size_t length = strcspn(word, "=");
    char *name = strndup(word, length);
    const char *near = name ? cli_nearest(name, known) : NULL;

    if (near)
        cli_die(CLI_USAGE, "unknown option %s; did you mean %s? See `quarry %s --help`",
                name ? name : word, near, command);
    cli_die(CLI_USAGE, "unknown option %s; see `quarry %s --help`", name ? name : word, command);
}

unsigned long options_number(const char *option, const char *value, unsigned long least,
                             unsigned long most)
{
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(value, &end, 10);
    if (!isdigit((unsigned char)*value) || *end || errno || number < least || number > most)
        cli_die(CLI_USAGE, "%s: \"%s\" is not a number from %lu to %lu", option, value, least,
                most);
    return number;
}

bool options_machine(struct quarry_machine *machine, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    const char *value;

    if (options_is(word, "--ram")) {
        value = options_value(argc, argv, at);
        if (!quarry_parse_size(value, &machine->ram_bytes) || machine->ram_bytes == 0)
            cli_die(CLI_USAGE, "--ram: \"%s\" is not a size such as 512M, 4G or 300K", value);
    } else if (options_is(word, "--profile")) {
        value = options_value(argc, argv, at);
        if (strcmp(value, "modern") != 0 && strcmp(value, "i386") != 0)
            cli_die(CLI_USAGE, "--profile: \"%s\" is neither modern nor i386", value);
        machine->profile = value;
    } else if (options_is(word, "--cpus")) {
        value = options_value(argc, argv, at);
        machine->cpus = (unsigned int)options_number("--cpus", value, 1, 65536);
    } else if (options_is(word, "--nodes")) {
        value = options_value(argc, argv, at);
        machine->nodes = (unsigned int)options_number("--nodes", value, 1, 8);
    } else {
        return false;
    }
    return true;
}

/* "6.12", "2.6.10": three numbers, the third may be missing. */
static void options_kernel(struct run_options *options, const char *value)
{
    unsigned int major, minor, patch = 0;
    char rest;
    int got = sscanf(value, "%u.%u.%u%c", &major, &minor, &patch, &rest);

    if (got == 2) /* nothing may follow the second number either */
        got = sscanf(value, "%u.%u%c", &major, &minor, &rest);
    if ((got != 2 && got != 3) || major > 255 || minor > 255)
        cli_die(CLI_USAGE, "--kernel: \"%s\" is not a version such as 6.12 or 2.6.10", value);
    options->kernel = value;
    options->kernel_major = major;
    options->kernel_minor = minor;
    options->kernel_patch = patch;
}

static void options_param(struct run_options *options, const char *value)
{
    const char *equals = strchr(value, '=');

    if (!equals || equals == value)
        cli_die(CLI_USAGE, "--param: \"%s\" is not name=value", value);
    strings_add(&options->param, value);
}

/* Options whose value is the next word even when the word itself holds '=' are handled here: for
 * "--param a=b" options_value() must not split at the wrong place. */
static const char *options_value_word(int argc, char **argv, int *at, size_t name_length)
{
    if (argv[*at][name_length] == '=')
        return argv[*at] + name_length + 1;
    return options_value(argc, argv, at);
}

/* -I and -D, with the value attached or as the next word. */
static bool options_compiler(struct run_options *options, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    struct strings *list;

    if (strncmp(word, "-I", 2) == 0)
        list = &options->include;
    else if (strncmp(word, "-D", 2) == 0)
        list = &options->define;
    else
        return false;
    if (word[2])
        strings_add(list, word + 2);
    else if (*at + 1 < argc && strcmp(argv[*at + 1], "--") != 0)
        strings_add(list, argv[++*at]);
    else
        cli_die(CLI_USAGE, "%s needs a value; see `quarry %s --help`", word, argv[0]);
    return true;
}

/* --json alone writes to standard output; --json=FILE, or "--json FILE.json", to a file. The next word
 * is taken only when it ends in .json, since it may as well be the module's source. */
static void options_json(struct run_options *options, int argc, char **argv, int *at)
{
    const char *word = argv[*at];

    options->json = true;
    if (word[6] == '=') {
        if (!word[7])
            cli_die(CLI_USAGE, "--json=: the file's name is missing");
        options->json_file = word + 7;
    } else if (*at + 1 < argc) {
        const char *next = argv[*at + 1];
        size_t length = strlen(next);
        if (length > 5 && strcmp(next + length - 5, ".json") == 0)
            options->json_file = argv[++*at];
    }
    if (options->json_file && strcmp(options->json_file, "-") == 0)
        options->json_file = NULL;
}

static bool options_switch(struct run_options *options, const char *word)
{
    if (strcmp(word, "--no-mount") == 0)
        options->no_mount = true;
    else if (strcmp(word, "--gdb") == 0)
        options->gdb = true;
    else if (strcmp(word, "--keep") == 0)
        options->keep = true;
    else if (strcmp(word, "--list-symbols") == 0)
        options->list_symbols = true;
    else if (strcmp(word, "--quiet") == 0 || strcmp(word, "-q") == 0)
        options->quiet = true;
    else
        return false;
    return true;
}

static void options_word(struct run_options *options, const struct options_more *more, int argc,
                         char **argv, int *at)
{
    const char *word = argv[*at];

    if (options_machine(&options->machine, argc, argv, at) || options_switch(options, word) ||
        options_compiler(options, argc, argv, at) || (more && more->take(argc, argv, at)))
        return;
    if (options_is(word, "--check"))
        options->check = (int)options_number("--check", options_value(argc, argv, at), 0, 3);
    else if (options_is(word, "--start"))
        options->start = start_parse(options_value(argc, argv, at));
    else if (options_is(word, "--options"))
        strings_add(&options->boot_options, options_value_word(argc, argv, at, 9));
    else if (options_is(word, "--param"))
        options_param(options, options_value_word(argc, argv, at, 7));
    else if (options_is(word, "--kernel"))
        options_kernel(options, options_value(argc, argv, at));
    else if (options_is(word, "--seed")) {
        const char *value = options_value(argc, argv, at);
        options->seed = options_number("--seed", value, 0, ~0ul);
        options->seed_given = true;
    } else if (options_is(word, "--leaks")) {
        if (strcmp(options_value(argc, argv, at), "scan") != 0)
            cli_die(CLI_USAGE, "--leaks=scan is the only kind there is");
        options->scan_leaks = true;
    } else if (options_is(word, "--json"))
        options_json(options, argc, argv, at);
    else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        (more ? more->help : help_run)();
        exit(CLI_CLEAN);
    } else
        options_unknown(argv[0], word, more ? more->known : run_known);
}

static struct module_files *options_next_module(struct run_options *options)
{
    options->module = cli_grow(options->module, &options->room, options->nr_modules + 1,
                               sizeof(*options->module));
    memset(&options->module[options->nr_modules], 0, sizeof(*options->module));
    return &options->module[options->nr_modules++];
}

void options_parse_run(struct run_options *options, const struct options_more *more, int argc,
                       char **argv)
{
    struct module_files *module = NULL;
    const char *check = getenv("QUARRY_CHECK");

    memset(options, 0, sizeof(*options));
    options->check = check && *check ? (int)options_number("QUARRY_CHECK", check, 0, 3) : 1;
    options_kernel(options, "6.12");
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            if (i + 1 >= argc)
                cli_die(CLI_USAGE, "there is no command after --");
            options->command = argv + i + 1;
            break;
        }
        if (strcmp(argv[i], "+") == 0) {
            if (!module)
                cli_die(CLI_USAGE, "+ separates modules: there is no file before this one");
            module = NULL;
        } else if (argv[i][0] == '-' && argv[i][1]) {
            options_word(options, more, argc, argv, &i);
        } else {
            if (!module)
                module = options_next_module(options);
            strings_add(&module->file, argv[i]);
        }
    }
    if (!options->nr_modules && !options->list_symbols)
        cli_die(CLI_USAGE,
                "nothing to %s: name the module's source files, for example\n"
                "    quarry %s scullc.c -- sh -c 'cp /bin/ls $QUARRY_ROOT/dev/scullc0'\n"
                "See `quarry %s --help`",
                argv[0], argv[0], argv[0]);
    if (!module && !options->list_symbols)
        cli_die(CLI_USAGE, "+ separates modules: there is no file after the last one");
}

/* A probability without a seed of its own gets --seed's, so that the same requests fail again. */
static void options_seeded(struct strings *out, const struct run_options *options, const char *word)
{
    bool fault = strncmp(word, "failslab=", 9) == 0 || strncmp(word, "fail_page_alloc=", 16) == 0 ||
                 strncmp(word, "fail_vmalloc=", 13) == 0 ||
                 strncmp(word, "fail_usercopy=", 14) == 0;

    if (options->seed_given && fault && strstr(word, "prob:") && !strstr(word, "seed:"))
        strings_take(out, cli_format("%s,seed:%llu", word, (unsigned long long)options->seed));
    else
        strings_add(out, word);
}

static void options_split(struct strings *out, const struct run_options *options, const char *text)
{
    char *copy = cli_copy(text), *rest = copy, *word;

    while ((word = strsep(&rest, " \t\n")) != NULL) {
        if (*word)
            options_seeded(out, options, word);
    }
    free(copy);
}

char *options_boot_text(const struct run_options *options)
{
    const char *environment = getenv("QUARRY_OPTIONS");
    struct strings words = {0};
    char *text = cli_copy(""), *longer;

    strings_take(&words, cli_format("check=%d", options->check));
    if (options->check > 0) { /* owner tracking, so that a leak has a line */
        strings_add(&words, "slab_debug=FZPU");
        strings_add(&words, "page_owner=1");
    }
    if (environment)
        options_split(&words, options, environment);
    for (size_t i = 0; i < options->boot_options.nr; i++)
        options_split(&words, options, options->boot_options.item[i]);
    for (size_t i = 0; i < words.nr; i++) {
        longer = cli_format("%s%s%s", text, i ? " " : "", words.item[i]);
        free(text);
        free(words.item[i]);
        text = longer;
    }
    free(words.item);
    return text;
}
