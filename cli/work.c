/* SPDX-License-Identifier: MIT */
/* The work folder of one run, and its guard.
 *
 * Problem. A mount outlives the process that serves it: killed at the wrong moment (SIGKILL, the host out
 * of memory), the command would leave a dead directory that makes every `ls` and `df` near it fail.
 *
 * Idea. A small second process, the guard, holds the reading end of a pipe whose writing end only the
 * command has. When the command ends, however it ends, the guard reads the end of file, unmounts, removes
 * the folder, and ends too. In the ordinary case the command has done all that itself before. The guard
 * has a session of its own, so that a Ctrl-C does not reach it. */
#include "work.h"
#include "mount.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static char *work_folder, *work_mount;
static bool work_keep;

static int work_remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    return remove(path);
}

static bool is_mount_point(const char *path)
{
    char *parent = cli_format("%s/..", path);
    struct stat here, above;
    bool mounted = stat(path, &here) != 0
                       ? errno == ENOTCONN || errno == EIO
                       : stat(parent, &above) == 0 && here.st_dev != above.st_dev;

    free(parent);
    return mounted;
}

/* Take the mount away, then the folder, without ever walking into the mount. */
static void work_clean(const char *folder, const char *mount, bool keep)
{
    for (int tries = 0; tries < 100 && is_mount_point(mount); tries++) {
        mount_drop(mount);
        if (is_mount_point(mount))
            usleep(20000);
    }
    if (is_mount_point(mount))
        return;
    if (keep)
        rmdir(mount);
    else
        nftw(folder, work_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static bool guard_start(void)
{
    char *argv[] = {"quarry", "guard", work_folder, work_keep ? "keep" : "remove", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int end[2], error;
    pid_t pid;

    if (pipe2(end, O_CLOEXEC) != 0)
        return false;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, end[0], 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    error = posix_spawn(&pid, cli_place("self"), &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(end[0]);
    errno = error;
    return error == 0; /* end[1] stays open as long as this process lives */
}

bool work_start(bool keep)
{
    const char *where = getenv("TMPDIR");

    work_keep = keep;
    work_folder = cli_format("%s/quarry-XXXXXX", where && *where ? where : "/tmp");
    if (!mkdtemp(work_folder)) {
        cli_say("cannot make a work folder %s: %s (TMPDIR chooses another place)", work_folder,
                strerror(errno));
        return false;
    }
    work_mount = cli_format("%s/root", work_folder);
    if (mkdir(work_mount, 0755) != 0 || !guard_start()) {
        cli_say("cannot prepare %s: %s", work_folder, strerror(errno));
        work_remove();
        return false;
    }
    return true;
}

const char *work_path(void)
{
    return work_folder;
}

const char *work_root(void)
{
    return work_mount;
}

void work_remove(void)
{
    if (work_folder)
        work_clean(work_folder, work_mount, work_keep);
    work_folder = NULL;
}

/* quarry guard FOLDER keep|remove: the guard itself; not for people. */
int cmd_guard(int argc, char **argv)
{
    char *mount, byte;
    ssize_t got;

    const char *name = argc == 3 ? strrchr(argv[1], '/') : NULL;

    /* Nothing but a folder that work_start() made is ever removed. */
    if (!name || strncmp(name, "/quarry-", 8) != 0 || strlen(name) != strlen("/quarry-XXXXXX"))
        return CLI_USAGE;
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    do {
        got = read(STDIN_FILENO, &byte, 1);
    } while (got > 0 || (got < 0 && errno == EINTR));
    mount = cli_format("%s/root", argv[1]);
    if (access(argv[1], F_OK) == 0)
        work_clean(argv[1], mount, strcmp(argv[2], "keep") == 0);
    return CLI_CLEAN;
}
