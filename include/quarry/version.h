/* SPDX-License-Identifier: MIT */
/* Versions. Two with the same major and minor number agree in headers and library; before 1.0 any two
 * others may differ. Every other header includes this one, and a program says to the linker which
 * headers it was compiled with, so that a library of another version is refused by name:
 *
 *     undefined reference to `quarry_headers_0_1_need_library_0_1'
 *
 * means that <quarry/...> is of 0.1 and the library found is not. It costs one pointer in each object
 * file. Sources that are linked without the library (they take only constants) define
 * QUARRY_NO_ABI_CHECK. */
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
/* Defined by a library of the same version as these headers. */
QUARRY_API_DATA extern const char quarry_headers_0_1_need_library_0_1;
QUARRY_EXTERN_C_END

#if !defined(QUARRY_BUILDING_CORE) && !defined(QUARRY_NO_ABI_CHECK)
static const char *const quarry_headers_need __attribute__((used)) =
    &quarry_headers_0_1_need_library_0_1;
#endif

#endif
