/* SPDX-License-Identifier: MIT */
#ifndef QUARRY_VERSION_H
#define QUARRY_VERSION_H

#include <quarry/types.h>

#define QUARRY_VERSION_MAJOR 0
#define QUARRY_VERSION_MINOR 1
#define QUARRY_VERSION_PATCH 0
#define QUARRY_VERSION "0.1.0"

QUARRY_EXTERN_C_BEGIN
/* The version of the library that was loaded, "0.1.0". */
QUARRY_API const char *quarry_version(void);
QUARRY_EXTERN_C_END

#endif
