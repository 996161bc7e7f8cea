/* SPDX-License-Identifier: MIT */
/* What an address is, with source lines. */
#ifndef CLI_WHATIS_H
#define CLI_WHATIS_H

#include "cli.h"

/* "0xffff800012345678", "c0123456": a number in hexadecimal; false when it is none. */
bool whatis_parse(const char *text, const void **address);
/* The whole answer of this process's machine, from malloc. */
char *whatis_text(const void *address);

#endif
