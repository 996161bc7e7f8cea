/* SPDX-License-Identifier: MIT */
/* Where the files of this installation lie.
 *
 * An installed `quarry` finds them relative to itself, so that a prefix can be moved; a `quarry` in a
 * build folder finds them in the source tree it was built from. QUARRY_HOME (an install prefix)
 * overrides both. A place counts only when a file that must be there is. */
#include "cli.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct place {
    const char *what;
    const char *installed; /* below the prefix */
    const char *built;     /* in the trees of the build */
    const char *must_have;
};

static const struct place place_table[] = {
    {"include", "include", QUARRY_SOURCE_DIR "/include", "quarry/slab.h"},
    {"linux", "include/quarry-linux", QUARRY_SOURCE_DIR "/compat/linux/include", "linux/module.h"},
    {"client", QUARRY_LIBDIR "/quarry", QUARRY_CLI_BUILD_DIR, "libquarry-client.so"},
};

static const char *place_self(void)
{
    static char path[PATH_MAX];
    ssize_t length;

    if (path[0])
        return path;
    length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (length <= 0)
        cli_die(CLI_FAILED, "cannot find out where I am: is /proc mounted?");
    return path;
}

/* The folder @depth above this program: 2 is the prefix of <prefix>/bin/quarry. */
static char *place_above(int depth)
{
    char *path = cli_copy(place_self());

    while (depth-- > 0) {
        char *slash = strrchr(path, '/');
        if (slash)
            *slash = '\0';
    }
    return path;
}

static char *place_try(const char *folder, const struct place *place)
{
    char *probe = cli_format("%s/%s", folder, place->must_have);
    bool there = access(probe, R_OK) == 0;

    free(probe);
    return there ? realpath(folder, NULL) : NULL;
}

const char *cli_place(const char *what)
{
    const char *home = getenv("QUARRY_HOME");

    if (strcmp(what, "self") == 0)
        return place_self();
    for (size_t i = 0; i < sizeof(place_table) / sizeof(place_table[0]); i++) {
        const struct place *place = &place_table[i];
        char *prefix, *folder, *found = NULL;
        if (strcmp(place->what, what) != 0)
            continue;
        prefix = home && *home ? cli_copy(home) : place_above(2);
        folder = cli_format("%s/%s", prefix, place->installed);
        found = place_try(folder, place);
        if (!found)
            found = place_try(place->built, place);
        free(prefix);
        free(folder);
        return found;
    }
    return NULL;
}
