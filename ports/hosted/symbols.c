/* SPDX-License-Identifier: MIT */
/* ports/hosted/symbols: names for the addresses in reports.
 *
 * Problem. A report with numbers needs a second tool to be read. But what reads debugging information is
 * large, allocates, and has nothing to do in a program that never gets a report.
 *
 * Idea. The reader is a library of its own, libquarry-symbols.so (cli/plugin.c, over elfutils), loaded
 * when the first report is printed. Where it is not installed the dynamic linker still knows exported
 * functions, and in which object file, at which offset, an address lies: what addr2line wants to be told.
 *
 * QUARRY_SYMBOLS in the environment: 0: numbers only; a path: the library to load; else it is looked for
 * in the folder quarry/ beside libquarry.so (beside the program, when that has the static library), which is
 * so in a build folder too, and where it was to be installed.
 *
 * Limits. While the core holds one of its locks, or another thread is in here, the library is not asked, so
 * that a program whose malloc is Quarry's does not wait for itself. A statically linked program has no
 * dynamic linker: numbers only.
 *
 * Locks: symbols_busy, tried only. */
#define _GNU_SOURCE
#include "hosted.h"
#include "instance.h"
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Weak: linking them in would make every static program warn of what it does not use. */
extern __typeof__(dlopen) dlopen __attribute__((weak, visibility("default")));
extern __typeof__(dlsym) dlsym __attribute__((weak, visibility("default")));
extern __typeof__(dladdr) dladdr __attribute__((weak, visibility("default")));

#define SYMBOLS_LIBRARY "libquarry-symbols.so"

static uint32_t symbols_busy;
static bool symbols_tried;
static quarry_symbol_fn symbols_library;

static bool symbols_load(const char *path)
{
    void *library = dlopen ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (library)
        symbols_library = (quarry_symbol_fn)(uintptr_t)dlsym(library, "quarry_symbolize");
    return symbols_library != NULL;
}

static void symbols_find(void)
{
    const char *wish = getenv("QUARRY_SYMBOLS");
    char path[PATH_MAX];
    Dl_info self;
    if (symbols_tried)
        return;
    symbols_tried = true;
    if (wish && strchr(wish, '/')) {
        symbols_load(wish);
        return;
    }
    if (dladdr && dladdr((const void *)(uintptr_t)symbols_find, &self) && self.dli_fname) {
        const char *slash = strrchr(self.dli_fname, '/');
        int folder = slash ? (int)(slash - self.dli_fname) : 0;
        int length = snprintf(path, sizeof(path), "%.*s/quarry/" SYMBOLS_LIBRARY, folder,
                              folder ? self.dli_fname : "");
        if (folder && length < (int)sizeof(path) && symbols_load(path))
            return;
    }
#ifdef QUARRY_SYMBOLS_PATH
    symbols_load(QUARRY_SYMBOLS_PATH);
#endif
}

/* What the dynamic linker knows. */
static size_t symbols_from_linker(const void *pc, struct quarry_symbol *symbol)
{
    const char *slash;
    Dl_info info;
    if (!dladdr || !dladdr((const char *)pc - 1, &info) || !info.dli_fname)
        return 0;
    slash = strrchr(info.dli_fname, '/');
    *symbol = (struct quarry_symbol){.function = info.dli_sname,
                                     .object = slash ? slash + 1 : info.dli_fname,
                                     .offset = (size_t)((uintptr_t)pc - (uintptr_t)info.dli_fbase)};
    return 1;
}

size_t hosted_symbol(const void *pc, struct quarry_symbol *symbols, size_t max, void *data)
{
    const char *wish = getenv("QUARRY_SYMBOLS");
    int saved = errno;
    size_t nr = 0;
    (void)data;
    if (!max || (wish && strcmp(wish, "0") == 0))
        return 0;
    if (!qp_self.locks && !__atomic_exchange_n(&symbols_busy, 1, __ATOMIC_ACQUIRE)) {
        symbols_find();
        if (symbols_library)
            nr = symbols_library(pc, symbols, max, NULL);
        __atomic_store_n(&symbols_busy, 0, __ATOMIC_RELEASE);
    }
    if (!nr)
        nr = symbols_from_linker(pc, symbols);
    errno = saved;
    return nr;
}
