/* SPDX-License-Identifier: MIT */
/* check/report: what Quarry tells about its callers.
 *
 * Problem. A finding must reach three readers: a counter (did this run find anything?), a tool's
 * hook (which turns addresses into lines and decides what its user sees), and the console. It is
 * made at the worst moments: in interrupt, with locks held, with memory short or damaged.
 *
 * Idea. The whole text is built in one buffer on the stack and written by one call, so that reports
 * of several CPUs do not mix (a text that is long by names of functions takes a few). Nothing is
 * allocated. The hook comes first and may keep the console quiet. Return addresses are printed with
 * what the symbol hook knows of them (symbol.c).
 *
 *     quarry: BUG: double free: kfree(0x7f3a10): the object is free already; ... [G-S8]
 *       memory: 0x7f3a10, 64 bytes, cache kmalloc-64
 *       now:
 *         0x55d0c2a4
 *       freed by:
 *         0x55d0c29c
 *
 * Invariants. R1: every finding is counted, also one whose text nobody sees. R2: no lock is held
 * while the hook or the console runs.
 *
 * Locks. check->lock, innermost of all, for a few words at a time. Never sleeps (the hook is its
 * owner's business).
 *
 * Limits. A text of at most 767 characters; QR_MISUSE_SITES call sites are remembered by
 * qr_report_once, the oldest is forgotten for a new one and would be reported again. A hook that
 * calls back into Quarry may meet the very locks under which the finding was made: it must not. */
#include "check.h"

#define REPORT_SIZE 2048
/* Headline and traces share REPORT_SIZE: two traces of 16 lines with 23 characters are 736, their
 * titles and the line about the memory at most 300, which leaves 1,012 for the headline. */
#define REPORT_TEXT_SIZE 768

static const char *report_title(enum quarry_finding kind)
{
    static const char *const title[QUARRY_FINDING_KINDS] = {
        [QUARRY_BAD_REQUEST] = "BUG: bad request",
        [QUARRY_BAD_CONTEXT] = "BUG: may sleep in atomic context",
        [QUARRY_DOUBLE_FREE] = "BUG: double free",
        [QUARRY_BAD_FREE] = "BUG: bad free",
        [QUARRY_OVERRUN] = "BUG: overrun",
        [QUARRY_USE_AFTER_FREE] = "BUG: use after free",
        [QUARRY_LEAK] = "BUG: leak",
        [QUARRY_OUT_OF_MEMORY] = "out of memory",
        [QUARRY_CORRUPTION] = "BUG: corruption",
    };

    return title[kind];
}

/* With names a line may be long: what is complete is written when the buffer is half full. */
static void report_make_room(struct qr_text *text)
{
    if (text->length <= text->size / 2)
        return;
    qp_write(text->buffer, QR_MIN(text->length, text->size - 1));
    text->length = 0;
}

static void report_add_trace(struct qr_check *check, struct qr_text *text, const char *title,
                             const struct quarry_trace *trace)
{
    unsigned int nr = QR_MIN(trace->nr, QUARRY_TRACE_MAX);

    qr_text_add(text, "  %s:\n", title);
    for (unsigned int i = 0; i < nr; i++) {
        report_make_room(text);
        qr_symbol_add_lines(check, text, trace->pc[i]);
    }
    if (!nr)
        qr_text_add(text, "    (unknown)\n");
}

/* The lines below the headline. */
static void report_add_details(struct qr_check *check, struct qr_text *text,
                               const struct quarry_report *report)
{
    if (report->address || report->cache) {
        qr_text_add(text, "  memory: %p", report->address);
        if (report->size)
            qr_text_add(text, ", %zu byte%s", report->size, report->size == 1 ? "" : "s");
        if (report->cache)
            qr_text_add(text, ", cache %.64s", report->cache);
        qr_text_add(text, "\n");
    }
    report_add_trace(check, text, "now", report->now);
    if (report->before)
        report_add_trace(check, text, report->before_is ? report->before_is : "before",
                         report->before);
    if (report->also)
        report_add_trace(check, text, report->also_is ? report->also_is : "also", report->also);
}

/* Ask the hook; whether the console is to have the report. */
static bool report_offer(struct qr_check *check, const struct quarry_report *report)
{
    unsigned long state = qp_lock(&check->lock);
    quarry_report_fn hook = check->hook;
    void *data = check->hook_data;

    qp_unlock(&check->lock, state);
    return !hook || hook(report, data);
}

/* Count, offer, print; whether it was printed. @untold is complete but for its text. */
static bool report_deliver(struct qr_check *check, const struct quarry_report *untold,
                           const char *format, va_list args)
{
    char buffer[REPORT_SIZE];
    struct qr_text text = {buffer, sizeof(buffer), 0};
    struct quarry_report told = *untold, *report = &told;
    size_t start, length;

    __atomic_fetch_add(&check->count[report->kind], 1, __ATOMIC_RELAXED);
    qr_text_add(&text, "quarry: %s: ", report_title(report->kind));
    start = text.length;
    length = qr_vsnprintf(buffer + start, REPORT_TEXT_SIZE, format, args);
    text.length += QR_MIN(length, REPORT_TEXT_SIZE - 1);
    report->text = buffer + start;
    if (!report_offer(check, report))
        return false;
    if (report->rule)
        qr_text_add(&text, " [%s]", report->rule);
    qr_text_add(&text, "\n");
    report_add_details(check, &text, report);
    qp_write(buffer, QR_MIN(text.length, sizeof(buffer) - 1));
    return true;
}

/* Fill in what the caller of qr_report may leave out. */
static void report_complete(struct quarry_report *full, const struct quarry_report *report,
                            struct quarry_trace *here)
{
    *full = *report;
    QR_ASSERT((unsigned int)full->kind < QUARRY_FINDING_KINDS);
    if (!full->now) {
        qr_trace_now(here);
        full->now = here;
    }
}

bool qr_report(struct qr_check *check, const struct quarry_report *report, const char *format, ...)
{
    struct quarry_report full;
    struct quarry_trace here;
    va_list args;
    bool printed;

    report_complete(&full, report, &here);
    va_start(args, format);
    printed = report_deliver(check, &full, format, args);
    va_end(args);
    return printed;
}

bool qr_report_laid_out(struct qr_check *check, const struct quarry_report *report,
                        const char *console)
{
    QR_ASSERT(report->text && report->now);
    __atomic_fetch_add(&check->count[report->kind], 1, __ATOMIC_RELAXED);
    if (!report_offer(check, report))
        return false;
    qp_write(console, qr_strlen(console));
    return true;
}

/* Remember a call site; true when it is new. */
static bool report_site_is_new(struct qr_check *check, u32 site)
{
    unsigned long state = qp_lock(&check->lock);
    bool is_new = true;

    for (unsigned int i = 0; i < QR_MISUSE_SITES; i++)
        is_new &= check->misuse_seen[i] != site;
    if (is_new)
        check->misuse_seen[check->misuse_next++ % QR_MISUSE_SITES] = site;
    qp_unlock(&check->lock, state);
    return is_new;
}

/* A call site is told by the caller's return address; the kind and the format tell apart what one
 * site does wrong in several ways. */
bool qr_report_once(struct qr_check *check, const struct quarry_report *report, const char *format,
                    ...)
{
    struct quarry_report full;
    struct quarry_trace here;
    va_list args;
    u64 hash;

    report_complete(&full, report, &here);
    hash = (u64)(uintptr_t)format * 31 + full.kind;
    hash = qr_random(&hash) ^ (full.now->nr ? (uintptr_t)full.now->pc[0] : 0);
    if (!report_site_is_new(check, (u32)qr_random(&hash) | 1))
        return false;
    va_start(args, format);
    report_deliver(check, &full, format, args);
    va_end(args);
    return true;
}

void qr_report_set_hook(struct qr_check *check, quarry_report_fn hook, void *data)
{
    unsigned long state = qp_lock(&check->lock);

    check->hook = hook;
    check->hook_data = data;
    qp_unlock(&check->lock, state);
}

unsigned long qr_report_count(const struct qr_check *check, enum quarry_finding kind)
{
    unsigned long sum = 0;

    if ((unsigned int)kind < QUARRY_FINDING_KINDS)
        return __atomic_load_n(&check->count[kind], __ATOMIC_RELAXED);
    for (unsigned int i = 0; i < QUARRY_FINDING_KINDS; i++) {
        if (i != QUARRY_OUT_OF_MEMORY)
            sum += __atomic_load_n(&check->count[i], __ATOMIC_RELAXED);
    }
    return sum;
}

void qr_print(const char *format, ...)
{
    char buffer[1024];
    va_list args;
    size_t length;

    va_start(args, format);
    length = qr_vsnprintf(buffer, sizeof(buffer), format, args);
    va_end(args);
    qp_write(buffer, QR_MIN(length, sizeof(buffer) - 1));
}

/* At most WARN_BURST reports in a window that begins with the first of them. */
#define WARN_BURST 10
#define WARN_WINDOW_NS 5000000000ULL

bool qr_warn_allowed(struct qr_check *check)
{
    u64 now = qp_now_ns();
    unsigned long state = qp_lock(&check->lock);
    bool allowed;

    if (!check->warn_in_window || now - check->warn_window_ns >= WARN_WINDOW_NS) {
        check->warn_window_ns = now;
        check->warn_in_window = 0;
    }
    allowed = check->warn_in_window < WARN_BURST;
    if (allowed)
        check->warn_in_window++;
    qp_unlock(&check->lock, state);
    return allowed;
}
