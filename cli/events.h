/* SPDX-License-Identifier: MIT */
/* What can happen while the command waits: COMMAND ends, somebody asks to stop, the module crashes. */
#ifndef CLI_EVENTS_H
#define CLI_EVENTS_H

#include "cli.h"

#include <sys/types.h>

/* From here on this process's signals SIGINT, SIGTERM, SIGHUP and SIGCHLD arrive as events, in all
 * threads. Call before the first other thread. */
void events_start(void);
/* SIGTERM and SIGHUP are handed on to this process as well. To a @shell Ctrl-C is daily business and no
 * request to stop. */
void events_child(pid_t pid, bool shell);
/* The module crashed, or another reason to stop. Context: any thread, also a signal handler. */
void events_crashed(void);

struct events {
    bool child_ended;
    int child_status; /* as waitpid gives it */
    bool stop;        /* SIGTERM, SIGHUP, or SIGINT with no child that gets it too */
    bool crashed;
};
/* Wait until something not yet in @seen happens, or @milliseconds (-1: no limit) pass; updates @seen.
 * False: time ran out. */
bool events_wait(struct events *seen, int milliseconds);
/* What to do when the user insists (a second Ctrl-C or SIGTERM) and nothing moves: leaves by _exit. */
void events_on_insist(void (*leave)(void));

#endif
