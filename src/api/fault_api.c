/* SPDX-License-Identifier: MIT */
/* api/fault: the public calls of quarry/fault.h, over the default machine. See fault/fault.c. */
#include "../instance.h"

int quarry_fault_set(enum quarry_fault_point point, const struct quarry_fault *fault)
{
    return qr_fault_set(&qr_default()->faults, point, fault);
}

bool quarry_fault_hit(enum quarry_fault_point point, size_t size)
{
    return (unsigned int)point < QUARRY_FAULT_POINTS &&
           qr_fault_hit(&qr_default()->faults, point, 0, size, NULL);
}

unsigned long quarry_fault_seen(enum quarry_fault_point point)
{
    return qr_fault_seen(&qr_default()->faults, point);
}

unsigned long quarry_fault_failed(enum quarry_fault_point point)
{
    return qr_fault_failed(&qr_default()->faults, point);
}

void quarry_set_fault_hook(quarry_fault_fn hook, void *data)
{
    qr_fault_set_hook(&qr_default()->faults, hook, data);
}
