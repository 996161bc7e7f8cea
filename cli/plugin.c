/* SPDX-License-Identifier: MIT */
/* libquarry-symbols.so: names for the addresses in the reports of ordinary programs.
 *
 * The hosted port loads this library when it first has a report to print (ports/hosted/symbols.c), so
 * that programs carry no reader of debugging information of their own. The work is that of symbols.c, as
 * in the `quarry` command; frames in Quarry's own headers are left out, since the line below says what was
 * called. */
#include "symbols.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/auxv.h>

__attribute__((visibility("default"))) size_t
quarry_symbolize(const void *pc, struct quarry_symbol *symbols, size_t max, void *data);

/* Quarry's headers are known by their names here: where they lie is the program's business. */
const char *cli_place(const char *what)
{
    return NULL;
}

static bool plugin_is_header(const char *file)
{
    return file && (strstr(file, "include/quarry/") || strstr(file, "include/quarry-linux/") ||
                    strstr(file, "compat/linux/include/"));
}

/* "libfoo" for an address in libfoo.so.1; NULL in the program itself. Kept for good. */
static const char *plugin_library(const void *pc)
{
    static struct strings known;
    Dl_info there, program;
    const char *name;
    char *base;

    if (!dladdr(pc, &there) || !there.dli_fname ||
        (dladdr((const void *)getauxval(AT_PHDR), &program) &&
         program.dli_fbase == there.dli_fbase))
        return NULL;
    name = strrchr(there.dli_fname, '/');
    name = name ? name + 1 : there.dli_fname;
    for (size_t i = 0; i < known.nr; i++) {
        if (strncmp(known.item[i], name, strlen(known.item[i])) == 0)
            return known.item[i];
    }
    base = cli_copy(name);
    base[strcspn(base, ".")] = '\0';
    strings_take(&known, base);
    return base;
}

size_t quarry_symbolize(const void *pc, struct quarry_symbol *symbols, size_t max, void *data)
{
    struct frame frames[FRAMES_MAX];
    size_t nr = symbols_frames(pc, true, frames, FRAMES_MAX), used = 0;

    for (size_t i = 0; i < nr && used < max; i++) {
        if (plugin_is_header(frames[i].file) && i + 1 < nr)
            continue;
        if (strcmp(frames[i].function, "?") == 0 && !frames[i].file)
            continue;
        symbols[used++] = (struct quarry_symbol){
            .function = strcmp(frames[i].function, "?") == 0 ? NULL : frames[i].function,
            .file = frames[i].file,
            .line = (unsigned int)frames[i].line,
            .module = plugin_library(pc),
        };
    }
    return used;
}
