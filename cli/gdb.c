/* SPDX-License-Identifier: MIT */
/* quarry run --gdb: the same run inside the debugger.
 *
 * Every finding calls quarry_finding_break() in the thread that made it, before anything is undone, so a
 * breakpoint there stops with the module's frames still on the stack; a crash stops gdb by its signal.
 * QUARRY_GDB names another debugger that takes gdb's options. */
#include "gdb.h"
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int gdb_run(int argc, char **argv)
{
    static const char *const option[] = {"-q",
                                         "-ex",
                                         "set breakpoint pending on",
                                         "-ex",
                                         "break quarry_finding_break",
                                         "-ex",
                                         "handle SIGUSR2 SIGPIPE nostop noprint pass",
                                         "-ex",
                                         "run",
                                         "--args"};
    const char *gdb = getenv("QUARRY_GDB");
    struct strings list = {0};

    strings_add(&list, gdb && *gdb ? gdb : "gdb");
    for (size_t i = 0; i < sizeof(option) / sizeof(option[0]); i++)
        strings_add(&list, option[i]);
    strings_add(&list, cli_place("self"));
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            while (i < argc)
                strings_add(&list, argv[i++]);
        } else if (strcmp(argv[i], "--gdb") != 0) {
            strings_add(&list, argv[i]);
        }
    }
    execvp(list.item[0], list.item);
    cli_say("cannot run %s: %s%s", list.item[0], strerror(errno),
            errno == ENOENT ? " (apt install gdb)" : "");
    return CLI_FAILED;
}
