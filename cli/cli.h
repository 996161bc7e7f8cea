/* SPDX-License-Identifier: MIT */
/* What every file of the `quarry` command uses: exit statuses, messages, small strings.
 *
 * The command is an ordinary program: it uses libc, and out of memory of its own (not of the machine
 * under test) it says so and stops. */
#ifndef CLI_H
#define CLI_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses, documented in `quarry help`. */
enum cli_exit {
    CLI_CLEAN = 0,
    CLI_FINDINGS = 1, /* leaks, misuse, or the module crashed */
    CLI_FAILED = 2,   /* the module could not be built or loaded, or the machine not booted */
    CLI_COMMAND = 3,  /* nothing found, but COMMAND itself failed */
    CLI_USAGE = 64
};

/* Messages go to standard error, so that COMMAND's output stays clean; each begins "quarry: ". */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same without the prefix. */
void cli_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Say, and leave with @status. For errors before anything needs to be cleaned up. */
void cli_die(enum cli_exit status, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
/* Whether standard error is a terminal that likes colours (NO_COLOR is respected), and the escape
 * sequences for it: "" where it does not. */
bool cli_colours(int fd);

void *cli_alloc(size_t size); /* zeroed; never fails */
void *cli_grow(void *old, size_t *room, size_t need, size_t element);
char *cli_copy(const char *text);
char *cli_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The whole file, NUL-terminated, and its length in *@size (may be NULL); NULL with errno set. */
char *cli_read_file(const char *path, size_t *size);

/* A growing list of strings; `item` is NULL-terminated as execv likes it. */
struct strings {
    char **item;
    size_t nr, room;
};
void strings_add(struct strings *list, const char *text);
/* Takes over @text, which came from malloc. */
void strings_take(struct strings *list, char *text);

/* The known word most like @word, for "did you mean"; NULL when none is close. */
const char *cli_nearest(const char *word, const char *const *known);
/* Take the terminal's colours out of @text. */
void cli_plain(char *text);
/* "12 objects", "1 object"; @buffer holds the result, at least 48 bytes. */
const char *cli_count(char *buffer, size_t size, uint64_t nr, const char *noun);
/* 69206016 → "66.0 MiB". */
const char *cli_bytes(char *buffer, size_t size, uint64_t bytes);
/* Where files of this installation lie: "include" (public headers), "linux" (the headers of module
 * builds), "client" (the library preloaded into COMMAND), "self" (this program). */
const char *cli_place(const char *what);
/* "EBUSY" for 16. */
const char *cli_errno_name(int error);

/* The subcommands. @argv[0] is the subcommand's name. */
int cmd_run(int argc, char **argv);
int cmd_test(int argc, char **argv);
int cmd_layout(int argc, char **argv);
int cmd_picture(int argc, char **argv);
int cmd_leaks(int argc, char **argv);
int cmd_whatis(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_guard(int argc, char **argv);

#endif
