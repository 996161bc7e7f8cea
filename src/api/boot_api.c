/* SPDX-License-Identifier: MIT */
/* The parts of boot.h and version.h that every port shares. quarry_boot() itself is the port's: only it
 * can find memory. Context: any. */
#include <quarry/version.h>
#include "../instance.h"

const char quarry_headers_0_1_need_library_0_1 = 1;

const char *quarry_version(void)
{
    return QUARRY_VERSION;
}

bool quarry_booted(void)
{
    return __atomic_load_n(&quarry_default.booted, __ATOMIC_ACQUIRE) != 0;
}

bool quarry_parse_size(const char *text, uint64_t *bytes)
{
    u64 value;

    if (!text || !qr_parse_number(&text, true, &value) || *text != '\0')
        return false;
    *bytes = value;
    return true;
}
