/* SPDX-License-Identifier: MIT */
/* The end of each report for programs: one JSON object, to a file or to standard output. A report that
 * cannot be written whole is a failure of the run, so every step is looked at, the flush included. */
#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

json_t *json_text(const char *text)
{
    json_t *value = text ? json_string(text) : NULL;

    return value ? value : json_null();
}

bool json_write(const struct run_options *options, json_t *top)
{
    FILE *file = options->json_file ? fopen(options->json_file, "we") : stdout;
    bool good = file && json_dumpf(top, file, JSON_INDENT(2)) == 0 && fputc('\n', file) != EOF &&
                fflush(file) == 0;

    if (!good)
        cli_say("cannot write the JSON report to %s: %s",
                options->json_file ? options->json_file : "standard output", strerror(errno));
    if (file && file != stdout)
        fclose(file);
    json_decref(top);
    return good;
}
