/* SPDX-License-Identifier: MIT */
/* api/check: the public calls of quarry/report.h, over the default machine. See check/report.c.
 * Neither starts the machine: a tool sets its hook first, so that it also hears of the start, and a
 * machine that never ran found nothing. */
#include "../instance.h"

void quarry_set_report_hook(quarry_report_fn hook, void *data)
{
    qr_report_set_hook(&quarry_default.check, hook, data);
}

void quarry_set_symbol_hook(quarry_symbol_fn hook, void *data)
{
    qr_symbol_set_hook(&quarry_default.check, hook, data);
}

unsigned long quarry_findings(enum quarry_finding kind)
{
    return qr_report_count(&quarry_default.check, kind);
}
