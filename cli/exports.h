/* SPDX-License-Identifier: MIT */
/* Who exports which symbol, among the modules of a run. */
#ifndef CLI_EXPORTS_H
#define CLI_EXPORTS_H

#include "build.h"

struct module_export {
    char *name;
    char *place;   /* "counter.c:12" */
    size_t module; /* which of the run's modules */
    bool gpl;      /* for GPL-compatible modules only */
    bool exported; /* false: global in its module, but nobody else's business */
};

/* Read what the built modules export and define. False: two export one name (said so), or one exports
 * a name that the kernel has. */
bool exports_read(const struct built *built);
/* Who exports @name; else who only defines it; NULL: nobody. */
const struct module_export *exports_find(const char *name);
/* MODULE_LICENSE of a built module; NULL: it has none. */
const char *exports_license(const struct built_module *built);
bool exports_license_is_gpl(const char *license);

#endif
