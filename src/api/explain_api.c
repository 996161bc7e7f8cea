/* SPDX-License-Identifier: MIT */
/* api/explain: the public calls of quarry/explain.h. */
#include <quarry/explain.h>
#include "../observe/observe.h"

size_t quarry_explain_failure(gfp_t gfp, unsigned int order, const struct quarry_zone_state *zones,
                              size_t nr, char *text, size_t size)
{
    struct qr_verdict verdict = {.gfp = gfp, .order = QR_MIN(order, (unsigned int)MAX_PAGE_ORDER)};
    struct qr_text out = {text, size, 0};

    for (size_t i = 0; i < nr; i++)
        qr_verdict_add(&verdict, &zones[i]);
    qr_verdict_text(&verdict, &out);
    return out.length;
}

size_t quarry_whatis(const void *address, char *text, size_t size, struct quarry_trace *allocated,
                     struct quarry_trace *freed)
{
    return qr_whatis(qr_default(), address, text, size, allocated, freed);
}
