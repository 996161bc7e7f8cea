/* SPDX-License-Identifier: MIT */
/* The texts of `quarry help`. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

void help_all(FILE *out);
void help_run(void);
void help_test(void);
void help_layout(void);
void help_picture(void);
void help_leaks(void);
void help_whatis(void);
void help_explain(void);

#endif
