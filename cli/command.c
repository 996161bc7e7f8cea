/* SPDX-License-Identifier: MIT */
/* COMMAND: started by posix_spawn, since a fork would have to copy the machine; with the client library
 * preloaded, so that its mmap() shows the driver's pages; waited for together with everything else that
 * may happen (see events.h).
 *
 * When the module crashes, the clients that are inside it get EFAULT and others may hang on a lock that
 * the crashed one held. COMMAND gets two seconds to end by itself, then SIGTERM, then SIGKILL. A shell on
 * a terminal is left alone: the user sees the report and leaves it. */
#include "command.h"
#include "events.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char **command_environment(const char *root)
{
    const char *client = cli_place("client"), *before = getenv("LD_PRELOAD");
    struct strings list = {0};

    for (char **entry = environ; *entry; entry++) {
        if (strncmp(*entry, "QUARRY_ROOT=", 12) != 0 && strncmp(*entry, "LD_PRELOAD=", 11) != 0)
            strings_add(&list, *entry);
    }
    strings_take(&list, cli_format("QUARRY_ROOT=%s", root));
    if (client)
        strings_take(&list, cli_format("LD_PRELOAD=%s/libquarry-client.so%s%s", client,
                                       before && *before ? ":" : "", before ? before : ""));
    else if (before)
        strings_take(&list, cli_format("LD_PRELOAD=%s", before));
    return list.item;
}

static bool command_spawn(char **argv, const char *root, pid_t *pid)
{
    posix_spawnattr_t attributes;
    char **environment = command_environment(root);
    sigset_t none, ours;
    int error;

    sigemptyset(&none);
    sigemptyset(&ours);
    sigaddset(&ours, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &ours);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    error = posix_spawnp(pid, argv[0], NULL, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    for (char **entry = environment; *entry; entry++)
        free(*entry);
    free(environment);
    if (error)
        cli_say("cannot run %s: %s", argv[0], strerror(error));
    return error == 0;
}

/* Press a COMMAND that outlives its module to end. */
static void command_end(pid_t pid, struct events *seen)
{
    static const struct {
        int signal, milliseconds;
    } step[] = {{0, 2000}, {SIGTERM, 2000}, {SIGKILL, 2000}};

    for (size_t i = 0; i < sizeof(step) / sizeof(step[0]) && !seen->child_ended; i++) {
        if (step[i].signal) {
            cli_say("the command still runs: %s",
                    step[i].signal == SIGTERM ? "it gets SIGTERM" : "it gets SIGKILL");
            kill(pid, step[i].signal);
        }
        events_wait(seen, step[i].milliseconds);
    }
}

static int command_status(const struct events *seen)
{
    if (!seen->child_ended)
        return 128 + SIGKILL;
    return WIFEXITED(seen->child_status) ? WEXITSTATUS(seen->child_status)
                                         : 128 + WTERMSIG(seen->child_status);
}

static int command_wait(char **argv, const char *root, bool patient)
{
    struct events seen = {0};
    pid_t pid;

    if (!command_spawn(argv, root, &pid))
        return 127;
    events_child(pid, patient);
    while (!seen.child_ended) {
        events_wait(&seen, -1);
        if (seen.crashed && !seen.child_ended && !patient)
            break;
    }
    command_end(pid, &seen);
    return command_status(&seen);
}

static void command_wait_stop(void)
{
    struct events seen = {0};

    while (!seen.stop && !seen.crashed)
        events_wait(&seen, -1);
}

int command_run(const struct run_options *options, const char *root)
{
    const char *shell = getenv("SHELL");
    char *argv[2] = {NULL, NULL};

    if (options->command)
        return command_wait(options->command, root, false);
    if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO)) {
        argv[0] = (char *)(shell && *shell ? shell : "/bin/sh");
        cli_say("a shell with QUARRY_ROOT=%s; leave it (exit) to unload the module", root);
        command_wait(argv, root, true); /* how the user left it says nothing about the module */
        return 0;
    }
    cli_say("mounted on %s; no command was given, so this waits: Ctrl-C, or kill %d, unloads the "
            "module. "
            "To run a command and unload after it, end the line with -- COMMAND, for example "
            "-- sh -c 'ls -R $QUARRY_ROOT/dev'",
            root, (int)getpid());
    command_wait_stop();
    return 0;
}
