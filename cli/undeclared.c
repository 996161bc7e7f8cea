/* SPDX-License-Identifier: MIT */
/* Names that the compiler found undeclared: what to include for them.
 *
 * Problem. In a kernel headers include each other by the dozen, so that a source compiles there which
 * does not include all that it uses; and a driver may use parts of the kernel that Quarry does not have. The
 * compiler says the same of both: nobody declared it.
 *
 * Idea. The compiler's own sentences are read, of gcc and clang, for the names in them, and the table of
 * names with their headers that is made of compat/linux answers. Where a sentence names only the variable
 * of an unknown type ("field ‘c’ has incomplete type"), the source line that the compiler shows below it
 * has the type in front of it. Each name is told once. */
#include "build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linux/runtime.h"

#define UNDECLARED_NAME 96

struct undeclared {
    struct strings told;
    char *lacks; /* what Quarry does not have, with commas */
};

struct undeclared_search {
    const char *name, *header;
};

static bool undeclared_visit(const struct qlx_symbol *symbol, void *data)
{
    struct undeclared_search *search = data;

    if (strcmp(symbol->name, search->name) == 0)
        search->header = symbol->header;
    return !search->header;
}

const char *undeclared_header(const char *name)
{
    struct undeclared_search search = {.name = name};

    qlx_for_each_symbol(undeclared_visit, &search);
    return search.header;
}

static void undeclared_tell(struct undeclared *all, const char *name)
{
    const char *header = undeclared_header(name);
    char *longer;

    for (size_t i = 0; i < all->told.nr; i++) {
        if (strcmp(all->told.item[i], name) == 0)
            return;
    }
    strings_add(&all->told, name);
    if (header) {
        cli_say("%s needs #include <%s>", name, header);
        return;
    }
    longer = all->lacks ? cli_format("%s, %s", all->lacks, name) : cli_copy(name);
    free(all->lacks);
    all->lacks = longer;
}

/* The quoted words at @at, "name", ‘name’ or 'name', of at least one character. */
static bool undeclared_quoted(const char *at, char *name)
{
    if (strncmp(at, "‘", 3) == 0)
        at += 3;
    else if (*at == '\'')
        at++;
    else
        return false;
    return sscanf(at, "%95[a-zA-Z0-9_ ]", name) == 1;
}

static bool undeclared_of(const char *name, const char *tag)
{
    return strncmp(name, tag, strlen(tag)) == 0;
}

/* "struct completion" of "struct foo { struct list_head h; struct completion c; };" for c. */
static void undeclared_type_of(struct undeclared *all, const char *line, const char *variable)
{
    size_t length = strcspn(line, "\n"), wanted = strlen(variable);

    for (const char *at = line; at < line + length; at++) {
        char tag[UNDECLARED_NAME - 8], name[UNDECLARED_NAME];
        int used = 0;
        if (!undeclared_of(at, "struct ") ||
            sscanf(at, "struct %87[a-zA-Z0-9_]%n", tag, &used) != 1)
            continue;
        used += (int)strspn(at + used, " *");
        if (strncmp(at + used, variable, wanted) != 0)
            continue;
        snprintf(name, sizeof(name), "struct %s", tag);
        if (undeclared_header(
                name)) /* a type of the source's own that lacks a definition is its own affair */
            undeclared_tell(all, name);
        return;
    }
}

/* One line of output, @next the one below it. */
static void undeclared_line(struct undeclared *all, const char *line, const char *next)
{
    /* Sentences that go before the name, and such that come behind it. */
    static const char *const before[] = {"implicit declaration of function ", "unknown type name ",
                                         "use of undeclared identifier ",
                                         "call to undeclared function "};
    static const char *const behind[] = {
        " undeclared",  " has incomplete type", " has initializer but incomplete type",
        " isn’t known", " isn't known",         " declared inside parameter list"};
    static const char *const type[] = {"undefined type ", "incomplete type "};
    size_t length = strcspn(line, "\n");
    char name[UNDECLARED_NAME];

    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        const char *at = memmem(line, length, before[i], strlen(before[i]));
        if (at && undeclared_quoted(at + strlen(before[i]), name)) {
            undeclared_tell(all, name);
            return;
        }
    }
    for (size_t i = 0; i < sizeof(type) / sizeof(type[0]); i++) {
        const char *at = memmem(line, length, type[i], strlen(type[i]));
        if (at && undeclared_quoted(at + strlen(type[i]), name) && undeclared_header(name)) {
            undeclared_tell(all, name);
            return;
        }
    }
    for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
        const char *at = memmem(line, length, behind[i], strlen(behind[i]));
        const char *open = at;
        if (!at)
            continue;
        if (open > line && open[-1] == '\'')
            open--; /* the closing quote, which without UTF-8 looks like an opening one */
        while (open > line && !undeclared_quoted(--open, name))
            ;
        if (open == line)
            continue;
        if (undeclared_of(name, "struct ")) {
            if (undeclared_header(name))
                undeclared_tell(all, name);
        } else if (i == 0) {
            undeclared_tell(all, name);
        } else {
            undeclared_type_of(all, next, name);
        }
        return;
    }
}

void undeclared_explain(const char *output, bool failed)
{
    struct undeclared all = {.lacks = NULL};
    const char *next;

    for (const char *line = output; *line; line = next) {
        next = line + strcspn(line, "\n");
        next += *next == '\n';
        undeclared_line(&all, line, next);
    }
    if (all.lacks && failed)
        cli_say("not provided: %s (quarry run --list-symbols says what is)", all.lacks);
    for (size_t i = 0; i < all.told.nr; i++)
        free(all.told.item[i]);
    free(all.told.item);
    free(all.lacks);
}
