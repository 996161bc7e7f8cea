/* SPDX-License-Identifier: MIT */
/* api/check: the public calls of quarry/report.h, over the default machine. See check/report.c. */
#include "../instance.h"

void quarry_set_report_hook(quarry_report_fn hook, void *data)
{
    qr_report_set_hook(&qr_default()->check, hook, data);
}

/* A machine that was never started found nothing, and need not start to say so. */
unsigned long quarry_findings(enum quarry_finding kind)
{
    return qr_report_count(&quarry_default.check, kind);
}
