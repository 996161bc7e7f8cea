/* SPDX-License-Identifier: MIT */
/* Where the files of this installation lie.
 *
 * `quarry` finds them relative to itself, so that a prefix can be moved and no path of a build is in it; a
 * build folder has links where an installation has the files (cli/CMakeLists.txt). QUARRY_HOME (an install
 * prefix) overrides that. A place counts only when a file that must be there is; links are followed, so
 * that reports name files where they really lie. */
#include "cli.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct place {
    const char *what;
    const char *folder; /* below the prefix */
    const char *must_have;
};

static const struct place place_table[] = {
    {"include", "include", "quarry/slab.h"},
    {"linux", "include/quarry-linux", "linux/module.h"},
    {"client", QUARRY_LIBDIR "/quarry", "libquarry-client.so"},
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

/* The folder below @prefix in which the file that must be there really lies. */
static char *place_try(const char *prefix, const struct place *place)
{
    char *probe = cli_format("%s/%s/%s", prefix, place->folder, place->must_have);
    char *real = access(probe, R_OK) == 0 ? realpath(probe, NULL) : NULL;
    size_t tail = strlen(place->must_have) + 1;

    free(probe);
    if (real && strlen(real) > tail &&
        strcmp(real + strlen(real) - tail + 1, place->must_have) == 0) {
        real[strlen(real) - tail] = '\0';
        return real;
    }
    free(real);
    return NULL;
}

const char *cli_place(const char *what)
{
    const char *home = getenv("QUARRY_HOME");

    if (strcmp(what, "self") == 0)
        return place_self();
    for (size_t i = 0; i < sizeof(place_table) / sizeof(place_table[0]); i++) {
        const struct place *place = &place_table[i];
        char *prefix, *found;
        if (strcmp(place->what, what) != 0)
            continue;
        prefix = home && *home ? cli_copy(home) : place_above(2);
        found = place_try(prefix, place);
        free(prefix);
        return found;
    }
    return NULL;
}
