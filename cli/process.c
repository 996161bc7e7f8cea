/* SPDX-License-Identifier: MIT */
/* Running a helper program (compiler, make) to its end. By posix_spawn: the machine's memory is not
 * copied for it. */
#include "build.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The environment with @extra ("NAME=value") on top. */
static char **process_environment(const char *const *extra)
{
    struct strings list = {0};

    for (char **old = environ; *old; old++) {
        bool replaced = false;
        for (size_t i = 0; extra && extra[i]; i++) {
            size_t name = strcspn(extra[i], "=") + 1;
            replaced |= strncmp(*old, extra[i], name) == 0;
        }
        if (!replaced)
            strings_add(&list, *old);
    }
    for (size_t i = 0; extra && extra[i]; i++)
        strings_add(&list, extra[i]);
    return list.item;
}

int process_run(char *const *argv, const char *log, const char *const *extra_environment)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **environment = process_environment(extra_environment);
    sigset_t none;
    pid_t pid;
    int error, status;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    error = posix_spawnp(&pid, argv[0], &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    for (char **entry = environment; *entry; entry++)
        free(*entry);
    free(environment);
    if (error) {
        errno = error;
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
