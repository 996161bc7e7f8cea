/* SPDX-License-Identifier: MIT */
/* quarry leaks: the leak scan of a run that is going on.
 *
 * The run does the work: writing "scan" to its proc/kmemleak has it look, reading shows what was found.
 * Here is only the question which run is meant. */
#include "cli.h"
#include "help.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const leaks_known[] = {"--root", "--help", "-h", NULL};

/* The folder of the only run of this user. */
static const char *leaks_only_run(void)
{
    const char *where = getenv("TMPDIR");
    char *pattern = cli_format("%s/quarry-*/root/proc/kmemleak", where && *where ? where : "/tmp");
    glob_t found;
    char *root = NULL;

    if (glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1) {
        root = cli_copy(found.gl_pathv[0]);
        root[strlen(root) - strlen("/proc/kmemleak")] = '\0';
    } else {
        cli_die(found.gl_pathc > 1 ? CLI_USAGE : CLI_FAILED,
                found.gl_pathc > 1
                    ? "there are several runs: say which by --root DIR"
                    : "there is no run: start one with `quarry run`, or name its folder by "
                      "--root DIR");
    }
    globfree(&found);
    free(pattern);
    return root;
}

static const char *leaks_root(int argc, char **argv)
{
    const char *root = getenv("QUARRY_ROOT");

    for (int i = 1; i < argc; i++) {
        if (options_is(argv[i], "--root")) {
            root = options_value(argc, argv, &i);
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help_leaks();
            exit(CLI_CLEAN);
        } else {
            options_unknown("leaks", argv[i], leaks_known);
        }
    }
    return root && *root ? root : leaks_only_run();
}

int cmd_leaks(int argc, char **argv)
{
    const char *root = leaks_root(argc, argv);
    char *path = cli_format("%s/proc/kmemleak", root), *text;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t length = 0;

    if (fd < 0)
        cli_die(CLI_FAILED, "cannot open %s: %s; is %s the folder of a run?", path, strerror(errno),
                root);
    if (write(fd, "scan", 4) != 4)
        cli_die(CLI_FAILED, "the run does not scan: %s%s", strerror(errno),
                errno == ENOSYS ? " (it was started with --check 0)" : "");
    close(fd);
    text = cli_read_file(path, &length);
    if (!text)
        cli_die(CLI_FAILED, "cannot read %s: %s", path, strerror(errno));
    if (length)
        fputs(text, stdout);
    else
        puts("everything that is allocated can be reached");
    free(text);
    free(path);
    return length ? CLI_FINDINGS : CLI_CLEAN;
}
