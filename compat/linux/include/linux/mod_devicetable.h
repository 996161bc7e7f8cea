/* SPDX-License-Identifier: MIT */
/* Which devices a driver is for. */
#ifndef QUARRY_LINUX_MOD_DEVICETABLE_H
#define QUARRY_LINUX_MOD_DEVICETABLE_H

#include <linux/types.h>

typedef unsigned long kernel_ulong_t;

#define PLATFORM_NAME_SIZE 24
#define PLATFORM_MODULE_PREFIX "platform:"
struct platform_device_id {
    char name[PLATFORM_NAME_SIZE];
    kernel_ulong_t driver_data;
};

struct of_device_id {
    char name[32];
    char type[32];
    char compatible[128];
    const void *data;
};

#define ACPI_ID_LEN 16
struct acpi_device_id {
    u8 id[ACPI_ID_LEN];
    kernel_ulong_t driver_data;
    u32 cls;
    u32 cls_msk;
};

#endif
