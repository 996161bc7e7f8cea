/* SPDX-License-Identifier: MIT */
/* quarry run --list-symbols: the names that modules can use, from the table that is made of the headers
 * when Quarry is built. */
#include "listing.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "linux/runtime.h"

static bool listing_line(const struct qlx_symbol *symbol, void *out)
{
    fprintf(out, "%-44s %-28s %s\n", symbol->name, symbol->header, symbol->kind);
    return true;
}

static bool listing_object(const struct qlx_symbol *symbol, void *list)
{
    json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", symbol->name, "header",
                                          symbol->header, "kind", symbol->kind));
    return true;
}

static void listing_json(FILE *out)
{
    json_t *list = json_array();

    qlx_for_each_symbol(listing_object, list);
    json_dumpf(list, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(list);
}

int symbols_list(const struct run_options *options)
{
    FILE *out = options->json && options->json_file ? fopen(options->json_file, "w") : stdout;
    bool good;

    if (!out) {
        cli_say("cannot write to %s: %s", options->json_file, strerror(errno));
        return CLI_FAILED;
    }
    if (options->json)
        listing_json(out);
    else
        qlx_for_each_symbol(listing_line, out);
    good = fflush(out) == 0 && !ferror(out);
    if (out != stdout)
        fclose(out);
    if (!good)
        cli_say("the list cannot be written: %s", strerror(errno));
    return good ? CLI_CLEAN : CLI_FAILED;
}
