/* SPDX-License-Identifier: MIT */
/* ports/sim/symbols: names for the addresses in reports.
 *
 * The dynamic linker knows exported functions only, and most of the core's are static. The library that the
 * hosted port asks (ports/hosted/symbols.c) knows each with its file and line, inlined ones included; it is
 * used if it lies in quarry/ beside the program, as it does in a build folder. Only reports ask, and those
 * are made when no task runs. */
#define _GNU_SOURCE
#include "world.h"
#include <dlfcn.h>
#include <limits.h>
#include <quarry/report.h>
#include <stdlib.h>
#include <string.h>

#define SYMBOLS_FRAMES 4u /* inlined into one another at one address */

static quarry_symbol_fn symbols_load(void)
{
    char path[PATH_MAX], *self = realpath("/proc/self/exe", NULL), *slash;
    void *library = NULL;

    slash = self ? strrchr(self, '/') : NULL;
    if (slash && snprintf(path, sizeof(path), "%.*s/quarry/libquarry-symbols.so",
                          (int)(slash - self), self) < (int)sizeof(path))
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    free(self);
    return library ? (quarry_symbol_fn)(uintptr_t)dlsym(library, "quarry_symbolize") : NULL;
}

static bool symbols_by_library(FILE *to, const void *pc)
{
    static quarry_symbol_fn library;
    static bool tried;
    struct quarry_symbol symbol[SYMBOLS_FRAMES];
    size_t nr;

    if (!tried)
        library = symbols_load();
    tried = true;
    nr = library ? library(pc, symbol, SYMBOLS_FRAMES, NULL) : 0;
    if (!nr || !symbol[0].function || !symbol[0].file)
        return false;
    for (size_t i = 0; i < nr && symbol[i].function; i++)
        fprintf(to, "      %s at %s:%u\n", symbol[i].function,
                symbol[i].file ? symbol[i].file : "?", symbol[i].line);
    return true;
}

/* A line for each function that the return address @pc lies in. */
void sim_print_caller(FILE *to, const void *pc)
{
    Dl_info info;

    if (symbols_by_library(to, pc) || !dladdr(pc, &info))
        return;
    fprintf(to, "      %s+%#lx\n", info.dli_sname ? info.dli_sname : info.dli_fname,
            (unsigned long)((const char *)pc -
                            (const char *)(info.dli_sname ? info.dli_saddr : info.dli_fbase)));
}
