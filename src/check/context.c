/* SPDX-License-Identifier: MIT */
/* check/context: may this call sleep here? (G-C1, G-C3)
 *
 * Problem. A request that may sleep, made in interrupt or under a spin lock, works nearly always:
 * it sleeps only when memory is short. On the day it does, the machine hangs.
 *
 * Idea. The question is asked of the context, not of the luck of the day: the port knows whether
 * this context may sleep and, where it can, since when not. A report names both sites, the request
 * and what made the context atomic. The request is then served as one that cannot sleep.
 *
 * Locks: none but the report's. Never sleeps. Limits. A port that cannot know (QP_CAN_CHECK_CONTEXT
 * 0) always says "may sleep", and nothing is found there. */
#include <quarry/gfp.h>
#include "check.h"

static void context_report(struct qr_check *check, const char *rule, const char *call,
                           const char *advice)
{
    struct qp_atomic_reason reason = {0};
    struct quarry_trace since;
    struct quarry_report report = {
        .kind = QUARRY_BAD_CONTEXT, .rule = rule, .before_is = "atomic since"};

    qp_explain_atomic(&reason);
    since.nr = QR_MIN(reason.nr, QUARRY_TRACE_MAX);
    for (unsigned int i = 0; i < since.nr; i++)
        since.pc[i] = reason.pc[i];
    if (since.nr)
        report.before = &since;
    qr_report(check, &report, "%s may sleep, but is called in atomic context (%s); %s", call,
              reason.what ? reason.what : "reason unknown", advice);
}

/* Whether a request may sleep here: its mask says it may, and the context allows it (G-C1). The
 * contradiction is reported; the answer is then false, and the request goes on without sleeping.
 * @what names the call. Context: any. */
bool qr_may_block(struct qr_check *check, gfp_t gfp, const char *what)
{
    char call[192];
    struct qr_text text = {call, sizeof(call), 0};

    if (!(gfp & __GFP_DIRECT_RECLAIM))
        return false;
    if (QR_LIKELY(qp_may_sleep()))
        return true;
    qr_text_add(&text, "%s with ", what);
    if (text.length < sizeof(call))
        qr_gfp_names(gfp, call + text.length, sizeof(call) - text.length);
    context_report(check, "G-C1", call,
                   "use GFP_ATOMIC or GFP_NOWAIT here, or allocate before the context becomes "
                   "atomic; served as if it could not sleep");
    return false;
}

/* Whether a call that may sleep whatever its arguments is allowed here (G-C3); reports when not.
 * Context: any. */
bool qr_may_sleep_here(struct qr_check *check, const char *what)
{
    if (QR_LIKELY(qp_may_sleep()))
        return true;
    context_report(check, "G-C3", what,
                   "call it from process context, before the context becomes atomic or after");
    return false;
}
