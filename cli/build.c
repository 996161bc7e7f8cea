/* SPDX-License-Identifier: MIT */
/* Module sources → shared objects, with the system's compiler.
 *
 * The compiler is $CC or cc. Each source becomes an object file and all of a module's objects one
 * shared object, in a folder of its own under the work folder. Objects are kept until the module is
 * loaded: a function that Quarry does not have is found by its relocations, and the line by theirs.
 *
 * A `quarry` that was itself built with sanitizers compiles modules with the same ones, and then with
 * the compiler it was built with, since the runtime of one compiler's sanitizer does not serve the
 * other's code.
 *
 * The compiler's output goes to a file first and to standard error afterwards (warnings unless
 * --quiet, errors always), so that a hint can be added where a header is missing. */
#include "build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux/runtime.h"

static const char *build_compiler(void)
{
    const char *chosen = getenv("CC");

    if (chosen && *chosen)
        return chosen;
    return QUARRY_SANITIZE[0] ? QUARRY_COMPILER : "cc";
}

struct built_module *build_add(struct built *built, const char *name)
{
    struct built_module *module;

    built->module = cli_grow(built->module, &built->room, built->nr + 1, sizeof(*built->module));
    module = &built->module[built->nr++];
    memset(module, 0, sizeof(*module));
    module->name = cli_copy(name);
    for (char *c = module->name; *c; c++) { /* as the kernel names them */
        if (*c == '-')
            *c = '_';
    }
    return module;
}

/* ---- what to build ----------------------------------------------------------------------------- */

static bool plan_source(const char *path)
{
    size_t length = strlen(path), size;
    char *text;
    bool binary;

    text = cli_read_file(path, &size);
    if (!text) {
        cli_say("cannot read %s: %s%s", path, strerror(errno),
                errno == ENOENT && !strchr(path, '.')
                    ? "; a command for the devices stands behind --"
                    : "");
        return false;
    }
    binary = memchr(text, '\0', size) != NULL;
    free(text);
    if (length < 3 || strcmp(path + length - 2, ".c") != 0) {
        cli_say("%s is not a C source file: its name does not end in .c", path);
        return false;
    }
    if (binary) {
        cli_say("%s is not a C source file: it holds binary data", path);
        return false;
    }
    return true;
}

static bool plan_files(const struct module_files *files, struct built *built)
{
    const char *first = files->file.item[0];
    const char *slash = strrchr(first, '/');
    char *name;
    struct built_module *module;

    for (size_t i = 0; i < files->file.nr; i++) {
        if (!plan_source(files->file.item[i]))
            return false;
    }
    name = cli_copy(slash ? slash + 1 : first);
    name[strlen(name) - 2] = '\0';
    module = build_add(built, name);
    free(name);
    for (size_t i = 0; i < files->file.nr; i++)
        strings_add(&module->source, files->file.item[i]);
    return true;
}

static bool plan_distinct(const struct built *built)
{
    for (size_t i = 0; i < built->nr; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(built->module[i].name, built->module[j].name) == 0) {
                cli_say("two modules are named %s: give the first file of one another name",
                        built->module[i].name);
                return false;
            }
        }
    }
    return true;
}

bool build_plan(const struct run_options *options, const char *work, struct built *built)
{
    for (size_t i = 0; i < options->nr_modules; i++) {
        const struct module_files *files = &options->module[i];
        struct stat status;
        bool good;
        if (stat(files->file.item[0], &status) == 0 && S_ISDIR(status.st_mode)) {
            if (files->file.nr > 1) {
                cli_say("%s is a folder: a module is one folder or some files; put + between them",
                        files->file.item[0]);
                return false;
            }
            good = kbuild_read(options, files->file.item[0], work, built);
        } else {
            good = plan_files(files, built);
        }
        if (!good)
            return false;
    }
    return plan_distinct(built);
}

/* ---- compiling --------------------------------------------------------------------------------- */

static void build_words(struct strings *argv, const char *text)
{
    char *copy = cli_copy(text), *rest = copy, *word;

    while ((word = strsep(&rest, " ")) != NULL) {
        if (*word)
            strings_add(argv, word);
    }
    free(copy);
}

/* "sh -c 'exec "$@" FLAGS' sh": Kbuild's flags are shell words, everything else is not. */
static void build_begin(struct strings *argv, const struct built_module *module)
{
    strings_add(argv, "sh");
    strings_add(argv, "-c");
    strings_take(argv, cli_format("exec %s \"$@\" %s", build_compiler(),
                                  module->flags ? module->flags : ""));
    strings_add(argv, "sh");
}

static void build_sanitizers(struct strings *argv)
{
    if (QUARRY_SANITIZE[0])
        strings_add(argv, "-fsanitize=" QUARRY_SANITIZE);
}

static void build_free(struct strings *argv)
{
    for (size_t i = 0; i < argv->nr; i++)
        free(argv->item[i]);
    free(argv->item);
}

static unsigned int build_version(const struct run_options *options)
{
    unsigned int patch = options->kernel_patch > 255 ? 255 : options->kernel_patch;

    return options->kernel_major << 16 | options->kernel_minor << 8 | patch;
}

/* "linux/foo.h: No such file": say that it is Quarry that does not have it. */
static void build_hint(const char *text)
{
    const char *at = text;

    while ((at = strstr(at, "fatal error: ")) != NULL) {
        char header[128];
        at += strlen("fatal error: ");
        if (sscanf(at, "%127[^: \n]", header) != 1)
            continue;
        if (header[0] == '\'') { /* clang: 'linux/foo.h' file not found */
            memmove(header, header + 1, strlen(header));
            header[strcspn(header, "'")] = '\0';
        }
        if (strncmp(header, "linux/", 6) == 0 || strncmp(header, "asm/", 4) == 0)
            cli_say("Quarry has no <%s> (docs/limits.md); what it has lies in %s", header,
                    cli_place("linux"));
    }
}

/* What only sources of an older kernel say, and the newest version at which they compile. The newest
 * such version that is older than the one asked for is told; the list goes from old to new. */
static void build_hint_version(const struct run_options *options, const char *text)
{
    static const struct {
        const char *word;
        unsigned int major, minor, patch;
    } old[] = {
        {"kmem_cache_t", 2, 6, 18},
        {"SLAB_KERNEL", 2, 6, 18},
        {"SLAB_ATOMIC", 2, 6, 18},
        {"no member named ‘ioctl’", 2, 6, 35},
        {"no member named 'ioctl'", 2, 6, 35},
        {"SPIN_LOCK_UNLOCKED", 2, 6, 35},
        {"DECLARE_MUTEX", 2, 6, 35},
        {"init_MUTEX", 2, 6, 35},
        {"create_proc_read_entry", 3, 9, 0},
        {"create_proc_entry", 3, 9, 0},
        {"init_timer", 4, 14, 0},
        {"setup_timer", 4, 14, 0},
        {"VERIFY_READ", 4, 20, 0},
        {"VERIFY_WRITE", 4, 20, 0},
    };

    for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
        unsigned int version = old[i].major << 16 | old[i].minor << 8 | old[i].patch;
        if (!strstr(text, old[i].word) || version >= build_version(options))
            continue;
        if (old[i].patch)
            cli_say("this is a source for an older kernel; try --kernel %u.%u.%u", old[i].major,
                    old[i].minor, old[i].patch);
        else
            cli_say("this is a source for an older kernel; try --kernel %u.%u", old[i].major,
                    old[i].minor);
        return;
    }
}

/* Show what the compiler wrote: always after a failure, otherwise unless --quiet. */
static void build_output(const struct run_options *options, const char *log, bool failed)
{
    size_t size;
    char *text = cli_read_file(log, &size);
    ssize_t written;

    if (text && size && (failed || !options->quiet)) {
        written = write(STDERR_FILENO, text, size);
        (void)written;
    }
    if (text) {
        cli_plain(text);
        undeclared_explain(text, failed);
    }
    if (text && failed) {
        build_hint(text);
        build_hint_version(options, text);
    }
    free(text);
    unlink(log);
}

static bool build_step(const struct run_options *options, struct strings *argv, const char *work,
                       const char *what, const char *of)
{
    char *log = cli_format("%s/compiler.log", work);
    int status = process_run(argv->item, log, NULL);

    build_free(argv);
    build_output(options, log, status != 0);
    free(log);
    if (status < 0)
        cli_say("cannot run sh: %s", strerror(errno));
    else if (status == 127)
        cli_say("cannot run the compiler \"%s\": install one (apt install gcc) or set CC",
                build_compiler());
    else if (status != 0)
        cli_say("%s does not %s", of, what);
    return status == 0;
}

static void build_defines(const struct run_options *options, const struct built_module *module,
                          struct strings *argv)
{
    strings_take(argv, cli_format("-DKBUILD_MODNAME=\"%s\"", module->name));
    strings_take(argv, cli_format("-DKBUILD_BASENAME=\"%s\"", module->name));
    strings_take(argv, cli_format("-DQUARRY_KERNEL_VERSION_CODE=%u", build_version(options)));
    for (size_t i = 0; i < options->define.nr; i++)
        strings_take(argv, cli_format("-D%s", options->define.item[i]));
    for (size_t i = 0; i < options->include.nr; i++)
        strings_take(argv, cli_format("-I%s", options->include.item[i]));
    if (module->folder)
        strings_take(argv, cli_format("-I%s", module->folder));
    strings_take(argv, cli_format("-isystem%s", cli_place("linux")));
    strings_take(argv, cli_format("-isystem%s", cli_place("include")));
}

static bool build_compile(const struct run_options *options, const char *work,
                          struct built_module *module, size_t i)
{
    const char *source = module->source.item[i];
    struct strings argv = {0};

    strings_take(&module->object, cli_format("%s/%s-%zu.o", work, module->name, i));
    build_begin(&argv, module);
    build_words(&argv, QLX_MODULE_CFLAGS);
    build_sanitizers(&argv);
    if (cli_colours(STDERR_FILENO))
        strings_add(&argv, "-fdiagnostics-color=always");
    /* A call of a function nobody declared compiles, so that all of them can be named at once. */
    strings_add(&argv, "-Wno-error=implicit-function-declaration");
    build_defines(options, module, &argv);
    strings_add(&argv, "-c");
    strings_add(&argv, source);
    strings_add(&argv, "-o");
    strings_add(&argv, module->object.item[i]);
    return build_step(options, &argv, work, "compile", source);
}

static bool build_link(const struct run_options *options, const char *work,
                       struct built_module *module)
{
    struct strings argv = {0};

    module->shared = cli_format("%s/%s.so", work, module->name);
    build_begin(&argv, &(struct built_module){0});
    build_words(&argv, QLX_MODULE_LDFLAGS);
    build_sanitizers(&argv);
    for (size_t i = 0; i < module->object.nr; i++)
        strings_add(&argv, module->object.item[i]);
    strings_add(&argv, "-o");
    strings_add(&argv, module->shared);
    return build_step(options, &argv, work, "link", module->name);
}

bool build_all(const struct run_options *options, const char *work, struct built *built)
{
    if (!cli_place("linux") || !cli_place("include")) {
        cli_say("cannot find the headers for modules (linux/module.h): set QUARRY_HOME to the "
                "folder Quarry was installed under");
        return false;
    }
    for (size_t i = 0; i < built->nr; i++) {
        struct built_module *module = &built->module[i];
        for (size_t j = 0; j < module->source.nr; j++) {
            if (!build_compile(options, work, module, j))
                return false;
        }
        if (!build_link(options, work, module))
            return false;
    }
    return true;
}
