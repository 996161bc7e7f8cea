/* SPDX-License-Identifier: MIT */
/* Tests of what can happen once a process only (booting, aborting, ending): each in a child of its
 * own. */
#ifndef TEST_CHILD_H
#define TEST_CHILD_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char child_text[8192]; /* what the last child wrote to stderr */

/* In a child: leave it with the line's number when a condition does not hold. */
#define CHILD_CHECK(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);              \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/* Run @body in a child and return its wait status; its stderr is in child_text. */
static inline int child_run(void (*body)(const void *), const void *data)
{
    int channel[2], status = -1;
    size_t length = 0;
    char rest[512];
    ssize_t got;
    pid_t pid;
    if (pipe(channel) != 0)
        return -1;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        close(channel[0]);
        dup2(channel[1], STDERR_FILENO);
        close(channel[1]);
        body(data);
        _exit(0);
    }
    close(channel[1]);
    while ((got = read(channel[0], child_text + length, sizeof(child_text) - 1 - length)) > 0)
        length += (size_t)got;
    child_text[length] = 0;
    while (read(channel[0], rest, sizeof(rest)) > 0)
        ; /* more than is kept: nobody shall die of a pipe that is not read */
    close(channel[0]);
    if (waitpid(pid, &status, 0) != pid)
        return -1;
    return status;
}

static inline bool child_exited_well(int status)
{
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!well)
        fprintf(stderr, "child: status 0x%x\n%s", (unsigned int)status, child_text);
    return well;
}

#endif
