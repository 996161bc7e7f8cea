/* SPDX-License-Identifier: MIT */
/* Messages, strings and places: what the rest of the command is written with. */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One message is one write, so that lines of several threads and of COMMAND do not mix. */
static void say_line(const char *prefix, const char *format, va_list arguments)
{
    char line[4096];
    size_t used = (size_t)snprintf(line, sizeof(line), "%s", prefix);
    int more = vsnprintf(line + used, sizeof(line) - used, format, arguments);
    ssize_t written;

    if (more > 0)
        used += (size_t)more;
    if (used > sizeof(line) - 1)
        used = sizeof(line) - 1;
    if (*prefix && used < sizeof(line) - 1 && used && line[used - 1] != '\n')
        line[used++] = '\n';
    written = write(STDERR_FILENO, line, used);
    (void)written; /* nobody to tell when standard error itself is gone */
}

void cli_say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_line("quarry: ", format, arguments);
    va_end(arguments);
}

void cli_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_line("", format, arguments);
    va_end(arguments);
}

void cli_die(enum cli_exit status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_line("quarry: ", format, arguments);
    va_end(arguments);
    exit(status);
}

bool cli_colours(int fd)
{
    const char *term = getenv("TERM");
    const char *no = getenv("NO_COLOR");

    if (no && *no)
        return false;
    return isatty(fd) && term && strcmp(term, "dumb") != 0;
}

void *cli_alloc(size_t size)
{
    void *memory = calloc(1, size ? size : 1);

    if (!memory)
        cli_die(CLI_FAILED, "out of memory (the host's, not the machine's)");
    return memory;
}

void *cli_grow(void *old, size_t *room, size_t need, size_t element)
{
    size_t now = *room ? *room : 8;
    void *memory;

    if (need <= *room)
        return old;
    while (now < need)
        now *= 2;
    memory = reallocarray(old, now, element);
    if (!memory)
        cli_die(CLI_FAILED, "out of memory (the host's, not the machine's)");
    *room = now;
    return memory;
}

char *cli_copy(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(cli_alloc(size), text, size);
}

char *cli_format(const char *format, ...)
{
    va_list arguments;
    char *text;
    int length;

    va_start(arguments, format);
    length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        cli_die(CLI_FAILED, "out of memory (the host's, not the machine's)");
    return text;
}

char *cli_read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t used = 0, room = 0, got;

    if (!file)
        return NULL;
    do {
        text = cli_grow(text, &room, used + 4096, 1);
        got = fread(text + used, 1, room - used - 1, file);
        used += got;
    } while (got > 0);
    if (ferror(file)) {
        int error = errno;
        fclose(file);
        free(text);
        errno = error;
        return NULL;
    }
    fclose(file);
    text[used] = '\0';
    if (size)
        *size = used;
    return text;
}

void strings_take(struct strings *list, char *text)
{
    list->item = cli_grow(list->item, &list->room, list->nr + 2, sizeof(char *));
    list->item[list->nr++] = text;
    list->item[list->nr] = NULL;
}

void strings_add(struct strings *list, const char *text)
{
    strings_take(list, cli_copy(text));
}

/* Edit distance of two words (Levenshtein), one row at a time. */
static size_t word_distance(const char *a, const char *b)
{
    size_t row[64];
    size_t width = strlen(b);

    if (width >= 63)
        return 64;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t change = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            if (row[j] + 1 < change)
                change = row[j] + 1;
            if (row[j - 1] + 1 < change)
                change = row[j - 1] + 1;
            row[j] = change;
        }
    }
    return row[width];
}

const char *cli_nearest(const char *word, const char *const *known)
{
    const char *best = NULL;
    size_t least = strlen(word) / 3 + 2; /* a third of the letters may differ, at least one */

    for (; *known; known++) {
        size_t distance = word_distance(word, *known);
        if (distance < least) {
            least = distance;
            best = *known;
        }
    }
    return best;
}

void cli_plain(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        if (from[0] == '\033' && from[1] == '[') {
            from += 2;
            while (*from && !isalpha((unsigned char)*from))
                from++;
            if (!*from)
                break;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

const char *cli_count(char *buffer, size_t size, uint64_t nr, const char *noun)
{
    snprintf(buffer, size, "%llu %s%s", (unsigned long long)nr, noun, nr == 1 ? "" : "s");
    return buffer;
}

const char *cli_bytes(char *buffer, size_t size, uint64_t bytes)
{
    static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t i = 0;

    while (value >= 1024 && i < 4) {
        value /= 1024;
        i++;
    }
    if (i == 0)
        snprintf(buffer, size, "%llu bytes", (unsigned long long)bytes);
    else
        snprintf(buffer, size, "%.1f %s", value, unit[i]);
    return buffer;
}

const char *cli_errno_name(int error)
{
    const char *name = strerrorname_np(error < 0 ? -error : error);

    return name ? name : "unknown error";
}
