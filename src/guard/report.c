/* SPDX-License-Identifier: MIT */
/* guard/report: what a guard page caught, in the layout that KFENCE's documentation shows:
 *
 *     ==================================================================
 *     BUG: KFENCE: out-of-bounds read in 0x55d0c2a4
 *
 *     Out-of-bounds read at 0x7f3a2fff (1B left of kfence-#72):
 *      0x55d0c2a4
 *
 *     kfence-#72: 0x7f3a3000-0x7f3a301f, size=32, cache=kmalloc-32
 *
 *     allocated by task 484 at 32.919330s:
 *      0x55d0c29c
 *     ==================================================================
 *
 * Tools get the same as a record, with all the sites. May run in a signal handler, on a small stack:
 * about 4 KiB are used. */
#include "guard.h"

#define GUARD_RULE "==================================================================\n"
#define GUARD_BODY 2560

static const char *guard_access_name(enum qr_access access)
{
    return access == QR_ACCESS_READ ? "read" : access == QR_ACCESS_WRITE ? "write" : "access";
}

static void guard_headline(const struct qr_guard_finding *finding, char *text, size_t size)
{
    static const char *const name[] = {
        [QR_GUARD_OUT_OF_BOUNDS] = "out-of-bounds %s",
        [QR_GUARD_USE_AFTER_FREE] = "use-after-free %s",
        [QR_GUARD_CORRUPTION] = "memory corruption",
        [QR_GUARD_INVALID_FREE] = "invalid free",
        [QR_GUARD_INVALID_ACCESS] = "invalid %s",
    };

    qr_snprintf(text, size, name[finding->bug], guard_access_name(finding->access));
}

/* Where the address lies, seen from the object: "1B left of kfence-#72", "in kfence-#72", "". */
static void guard_where(const struct qr_guard_finding *finding, char *text, size_t size)
{
    const char *at = finding->address, *start = finding->place.object;
    const char *end = start + finding->place.size;

    text[0] = '\0';
    if (finding->index == ~0u)
        return;
    if (finding->bug != QR_GUARD_OUT_OF_BOUNDS && finding->bug != QR_GUARD_INVALID_ACCESS)
        qr_snprintf(text, size, " (in kfence-#%u)", finding->index);
    else if (at < start)
        qr_snprintf(text, size, " (%zuB left of kfence-#%u)", (size_t)(start - at), finding->index);
    else
        qr_snprintf(text, size, " (%zuB right of kfence-#%u)", (size_t)(at - end) + 1,
                    finding->index);
}

static void guard_add_trace(struct qr_text *text, const struct quarry_trace *trace)
{
    for (unsigned int i = 0; i < QR_MIN(trace->nr, QUARRY_TRACE_MAX); i++)
        qr_text_add(text, " %p\n", trace->pc[i]);
    if (!trace->nr)
        qr_text_add(text, " (unknown)\n");
}

static void guard_add_owner(struct qr_text *text, const char *verb, const struct qr_owner *owner,
                            const struct quarry_trace *trace)
{
    if (!owner->when_ns)
        return;
    qr_text_add(text, "\n%s by task %u at %llu.%06llus:\n", verb, owner->task,
                (unsigned long long)(owner->when_ns / 1000000000),
                (unsigned long long)(owner->when_ns / 1000 % 1000000));
    guard_add_trace(text, trace);
}

/* Damaged bytes, "." for those that are as they should be. */
static void guard_add_bytes(struct qr_text *text, const struct qr_guard_finding *finding)
{
    qr_text_add(text, " [");
    for (u32 i = 0; i < finding->nr_bytes; i++) {
        if (finding->same[i])
            qr_text_add(text, " .");
        else
            qr_text_add(text, " 0x%02x", finding->bytes[i]);
    }
    qr_text_add(text, " ]");
}

static void guard_body(struct qr_text *text, const struct qr_guard_finding *finding,
                       const struct quarry_report *report, const struct quarry_trace *allocated,
                       const struct quarry_trace *freed)
{
    const struct qr_guard_place *place = &finding->place;
    char headline[40], where[48];

    guard_headline(finding, headline, sizeof(headline));
    guard_where(finding, where, sizeof(where));
    qr_text_add(text, GUARD_RULE "BUG: KFENCE: %s in %p\n\n", headline,
                report->now->nr ? report->now->pc[0] : NULL);
    headline[0] = (char)(headline[0] - 'a' + 'A');
    if (finding->bug == QR_GUARD_CORRUPTION) {
        qr_text_add(text, "Corrupted memory at %p", finding->address);
        guard_add_bytes(text, finding);
    } else {
        qr_text_add(text, "%s %s %p", headline, finding->bug == QR_GUARD_INVALID_FREE ? "of" : "at",
                    finding->address);
    }
    qr_text_add(text, "%s:\n", where);
    guard_add_trace(text, report->now);
    if (finding->index != ~0u) {
        qr_text_add(text, "\nkfence-#%u: %p-%p, size=%u, cache=%s\n", finding->index,
                    (void *)place->object, (void *)(place->object + place->size - 1), place->size,
                    place->name);
        guard_add_owner(text, "allocated", &place->allocated, allocated);
        guard_add_owner(text, "freed", &place->freed, freed);
    }
    qr_text_add(text, GUARD_RULE);
}

static enum quarry_finding guard_kind(const struct qr_guard_finding *finding)
{
    switch (finding->bug) {
    case QR_GUARD_USE_AFTER_FREE:
        return QUARRY_USE_AFTER_FREE;
    case QR_GUARD_INVALID_FREE:
        return finding->index != ~0u && finding->place.object == finding->address
                   ? QUARRY_DOUBLE_FREE
                   : QUARRY_BAD_FREE;
    case QR_GUARD_INVALID_ACCESS:
    case QR_GUARD_OUT_OF_BOUNDS:
    case QR_GUARD_CORRUPTION:
        break;
    }
    return QUARRY_OVERRUN;
}

void qr_guard_report(struct qr_guards *guards, struct qr_guard_finding *finding)
{
    const struct qr_guard_place *place = &finding->place;
    struct quarry_trace now, allocated = {0}, freed = {0};
    struct quarry_report report = {.kind = guard_kind(finding), .address = finding->address};
    char body[GUARD_BODY], line[224], headline[40], where[48];
    struct qr_text text = {body, sizeof(body), 0}, one = {line, sizeof(line), 0};

    __atomic_fetch_add(&guards->nr_reports, 1, __ATOMIC_RELAXED);
    report.now = finding->now;
    if (!report.now) {
        qr_trace_now(&now);
        report.now = &now;
    }
    if (finding->index != ~0u) {
        report.size = place->size;
        report.cache = place->name;
        report.before = &allocated;
        report.before_is = "allocated by";
        qr_trace_load(guards->check, place->allocated.trace, &allocated);
        if (place->freed.when_ns && finding->bug != QR_GUARD_CORRUPTION) {
            report.also = &freed;
            report.also_is = "freed by";
            qr_trace_load(guards->check, place->freed.trace, &freed);
        }
    }
    guard_headline(finding, headline, sizeof(headline));
    guard_where(finding, where, sizeof(where));
    qr_text_add(&one, "KFENCE: %s %s %p%s", headline,
                finding->bug == QR_GUARD_INVALID_FREE ? "of" : "at", finding->address, where);
    if (finding->bug == QR_GUARD_CORRUPTION)
        guard_add_bytes(&one, finding);
    if (finding->index != ~0u)
        qr_text_add(&one, ", an object of %u bytes, cache %s", place->size, place->name);
    report.text = line;
    guard_body(&text, finding, &report, &allocated, &freed);
    qr_report_laid_out(guards->check, &report, body);
}
