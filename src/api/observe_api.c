/* SPDX-License-Identifier: MIT */
/* api/observe: the public calls of quarry/stat.h, over the default machine. See observe/. */
#include "../observe/observe.h"

size_t quarry_text(enum quarry_text which, char *buffer, size_t size)
{
    return qr_text(qr_default(), which, buffer, size);
}

const char *quarry_text_name(enum quarry_text which)
{
    return qr_text_name(which);
}

void quarry_for_each_live(bool (*visit)(const struct quarry_live *, void *), void *data)
{
    qr_for_each_live(qr_default(), visit, data);
}

void quarry_for_each_cache(bool (*visit)(const struct quarry_cache_stat *, void *), void *data)
{
    qr_for_each_cache(qr_default(), visit, data);
}

uint64_t quarry_live_bytes(void)
{
    return qr_live_bytes(qr_default());
}

uint64_t quarry_peak_bytes(void)
{
    return qr_peak_bytes(qr_default());
}

uint64_t quarry_sequence(void)
{
    return qr_sequence(qr_default());
}

/* The background worker and all other threads stand still meanwhile: a block on its way from a CPU's list
 * to its zone, as when a thread ends, is for a moment in neither and would be taken for lost. */
unsigned long quarry_check_all(void)
{
    struct quarry *q = qr_default();
    unsigned long wrong;

    qr_reclaim_pause(&q->reclaim); /* while it can still run to its end */
    qp_hold_others();
    wrong = qr_check_all(q);
    qp_let_in();
    qr_reclaim_resume(&q->reclaim);
    return wrong;
}
