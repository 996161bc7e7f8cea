/* SPDX-License-Identifier: MIT */
/* What the machine writes to the console: caught, so that a test can read it and its log stays short. */
#ifndef TEST_CONSOLE_H
#define TEST_CONSOLE_H

#include <stdio.h>
#include <unistd.h>

struct test_console {
    FILE *file;
    int stderr_was;
    char text[8192]; /* the first of it */
};

/* From now on the console is a file. assert_* may not be used before test_console_end. */
static inline void test_console_begin(struct test_console *console)
{
    console->file = tmpfile();
    assert_non_null(console->file);
    fflush(stderr);
    console->stderr_was = dup(STDERR_FILENO);
    dup2(fileno(console->file), STDERR_FILENO);
}

static inline void test_console_end(struct test_console *console)
{
    size_t length;

    fflush(stderr);
    dup2(console->stderr_was, STDERR_FILENO);
    close(console->stderr_was);
    rewind(console->file);
    length = fread(console->text, 1, sizeof(console->text) - 1, console->file);
    console->text[length] = '\0';
    fclose(console->file);
}

#endif
