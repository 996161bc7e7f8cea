/* SPDX-License-Identifier: MIT */
/* A folder with a Kbuild file or Makefile: which modules it describes.
 *
 * Kbuild files are make files: conditions, functions, shell calls. So make itself reads them: a small
 * file of ours sets what a kernel build sets (KERNELRELEASE, src, obj, …), includes theirs, and prints
 *
 *     module NAME · object FILE.o … · flags …
 *
 * without running any of their rules. A module NAME consists of NAME-objs and NAME-y, or of NAME.c when
 * there are none. ccflags-y, EXTRA_CFLAGS (its older name) and CFLAGS_MODULE reach the compiler as
 * shell words. */
#include "build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char kbuild_reader[] =
    "KERNELRELEASE := %s\n"
    "VERSION := %u\nPATCHLEVEL := %u\nSUBLEVEL := %u\n"
    "src := $(CURDIR)\nobj := $(CURDIR)\nM := $(CURDIR)\nsrctree := $(CURDIR)\n"
    "obj-m :=\nobj-y :=\n"
    "include %s\n"
    "quarry-all = $(strip $($(1)-objs) $($(1)-y) $($(1)-m))\n"
    "quarry-objects = $(if $(call quarry-all,$(1)),$(call quarry-all,$(1)),$(1).o)\n"
    ".PHONY: quarry-list\n"
    "quarry-list:\n"
    "\t@:$(foreach m,$(patsubst %%.o,%%,$(filter %%.o,$(obj-m))),$(info quarry module $(m))"
    "$(foreach o,$(call quarry-objects,$(m)),$(info quarry object $(o)))"
    "$(info quarry flags $(ccflags-y) $(EXTRA_CFLAGS) $(CFLAGS_MODULE) "
    "$(foreach o,$(call quarry-objects,$(m)),$(CFLAGS_$(o)))))\n";

static bool kbuild_object(struct built_module *module, const char *folder, const char *object)
{
    size_t length = strlen(object);
    char *source = cli_format("%s/%.*s.c", folder, (int)(length > 2 ? length - 2 : 0), object);

    if (access(source, R_OK) != 0) {
        cli_say("%s: module %s needs %s, and there is no %s: %s", folder, module->name, object,
                source, strerror(errno));
        free(source);
        return false;
    }
    strings_take(&module->source, source);
    return true;
}

/* The lines that our reader printed; others are the Makefile's own talk. */
static bool kbuild_parse(char *text, const char *folder, struct built *built)
{
    struct built_module *module = NULL;
    char *line, *rest = text;

    while ((line = strsep(&rest, "\n")) != NULL) {
        if (strncmp(line, "quarry module ", 14) == 0) {
            module = build_add(built, line + 14);
            module->folder = cli_copy(folder);
        } else if (strncmp(line, "quarry object ", 14) == 0 && module) {
            if (!kbuild_object(module, folder, line + 14))
                return false;
        } else if (strncmp(line, "quarry flags ", 13) == 0 && module) {
            module->flags = cli_copy(line + 13);
        }
    }
    return true;
}

static char *kbuild_file(const char *folder)
{
    static const char *const name[] = {"Kbuild", "Makefile", "makefile"};

    for (size_t i = 0; i < 3; i++) {
        char *path = cli_format("%s/%s", folder, name[i]);
        if (access(path, R_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

static bool kbuild_make(const struct run_options *options, const char *folder, const char *file,
                        const char *work, char **text)
{
    char *reader = cli_format("%s/reader.mk", work), *log = cli_format("%s/make.log", work);
    char *pwd = cli_format("PWD=%s", folder);
    const char *argv[] = {"make", "-s",   "--no-print-directory", "-C", folder,
                          "-f",   reader, "quarry-list",          NULL};
    const char *environment[] = {pwd, "MAKEFLAGS=", "MAKELEVEL=0", NULL};
    FILE *out = fopen(reader, "we");
    int status = -1;

    if (out) {
        fprintf(out, kbuild_reader, options->kernel, options->kernel_major, options->kernel_minor,
                options->kernel_patch, file);
        fclose(out);
        status = process_run((char *const *)argv, log, environment);
    }
    *text = cli_read_file(log, NULL);
    if (status < 0)
        cli_say("cannot run make to read %s: %s (apt install make)", file, strerror(errno));
    else if (status != 0)
        cli_say("make cannot read %s:\n%s", file, *text ? *text : "");
    unlink(log);
    unlink(reader);
    free(reader);
    free(log);
    free(pwd);
    return status == 0 && *text;
}

bool kbuild_read(const struct run_options *options, const char *folder, const char *work,
                 struct built *built)
{
    char *real = realpath(folder, NULL), *file, *text = NULL;
    size_t before = built->nr;
    bool good;

    file = real ? kbuild_file(real) : NULL;
    if (!file) {
        cli_say("%s has no Kbuild file or Makefile: name the module's source files instead",
                folder);
        free(real);
        return false;
    }
    good = kbuild_make(options, real, file, work, &text) && kbuild_parse(text, folder, built);
    if (good && built->nr == before) {
        cli_say("%s describes no module: obj-m is empty (obj-m := name.o)", file);
        good = false;
    }
    free(text);
    free(file);
    free(real);
    return good;
}
