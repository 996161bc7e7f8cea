/* SPDX-License-Identifier: MIT */
/* What the reports for programs share. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "options.h"

#include <jansson.h>

/* A string, or null for none. Text from a module may be no UTF-8; it is then left out rather than the
 * whole report. */
json_t *json_text(const char *text);
/* Write @top to @options' file or standard output, and let it go. False: said why. */
bool json_write(const struct run_options *options, json_t *top);

#endif
