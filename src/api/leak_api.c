/* SPDX-License-Identifier: MIT */
/* api/leak: the public calls of quarry/leak.h and quarry/kmemleak.h, over the default machine. */
#include "../observe/observe.h"

struct leak_visit {
    bool (*visit)(const struct quarry_live *, void *);
    void *data;
    long nr;
    bool stopped;
};

static bool leak_visit_one(const struct quarry_live *live, void *data)
{
    struct leak_visit *walk = data;

    if (!live->lost)
        return true;
    walk->nr++;
    if (walk->visit && !walk->stopped)
        walk->stopped = !walk->visit(live, walk->data);
    return true;
}

/* The caller's frame and what it keeps in registers are roots, the scan's own variables are not. So the
 * public function has no variables: it spills the registers that calls preserve into its frame, directly
 * below its caller's, and that ends at the stack pointer. Where the port does not tell that, a register is
 * in one of so many words; those that are the next frame's may then keep something alive. */
#define LEAK_SPILL_WORDS 14

#ifdef QP_STACK_POINTER
#define LEAK_STACK() QP_STACK_POINTER()
#else
#define LEAK_STACK() ((const void **)__builtin_frame_address(0) - LEAK_SPILL_WORDS)
#endif

static QR_NOINLINE long
leak_scan_from(const void *stack, bool (*visit)(const struct quarry_live *, void *), void *data)
{
    struct quarry *q = qr_default();
    struct leak_visit walk = {.visit = visit, .data = data};
    int error;

    if (!qr_may_sleep_here(&q->check, "quarry_leak_scan"))
        return -QR_EINVAL;
    qr_reclaim_pause(&q->reclaim);
    qp_hold_others();
    error = qr_leak_mark(&q->leaks, stack);
    qp_let_in();
    qr_reclaim_resume(&q->reclaim);
    if (error)
        return error;
    qr_for_each_live(q, leak_visit_one, &walk);
    return walk.nr;
}

long quarry_leak_scan(bool (*visit)(const struct quarry_live *, void *), void *data)
{
    __builtin_unwind_init();
    return leak_scan_from(LEAK_STACK(), visit, data);
}

/* ---- reports --------------------------------------------------------------------------------- */

static const char *leak_kind(const struct quarry_live *live)
{
    static const char *const name[] = {[QUARRY_LIVE_OBJECT] = "object",
                                       [QUARRY_LIVE_PAGES] = "page block",
                                       [QUARRY_LIVE_VMALLOC] = "vmalloc area"};

    return name[live->kind];
}

#define LEAK_ADVICE                                                                                \
    "free them before the last pointer goes, or mark a hidden pointer with kmemleak_not_leak()"

static void leak_report_others(struct quarry *q, const struct qr_leak_group *group)
{
    struct quarry_report report = {.kind = QUARRY_LEAK};

    qr_report(&q->check, &report,
              "nothing leads to %lu others any more, from places beyond these %u, %llu bytes "
              "together; " LEAK_ADVICE,
              group->nr, QR_LEAK_GROUPS, (unsigned long long)group->bytes);
}

static void leak_report_group(struct quarry *q, const struct qr_leak_group *group)
{
    struct quarry_report report = {.kind = QUARRY_LEAK,
                                   .address = group->first.address,
                                   .size = group->first.size,
                                   .cache = group->first.cache,
                                   .before_is = "allocated by"};
    char age[48] = "";

    if (group->first.allocated.nr)
        report.before = &group->first.allocated;
    if (group->oldest_ns)
        qr_snprintf(age, sizeof(age), ", %llu ms old",
                    (unsigned long long)(qp_now_ns() - group->oldest_ns) / 1000000);
    qr_report(
        &q->check, &report,
        "nothing leads to %lu %s%s from one place any more, %llu bytes together%s; " LEAK_ADVICE,
        group->nr, leak_kind(&group->first), group->nr == 1 ? "" : "s",
        (unsigned long long)group->bytes, age);
}

static QR_NOINLINE void leak_report_groups(struct quarry *q)
{
    struct qr_leak_group group;

    qr_leaks_group_all(q);
    for (u32 i = 0; qr_leaks_group(q, i, &group); i++) {
        if (group.first.size)
            leak_report_group(q, &group);
        else
            leak_report_others(q, &group);
    }
}

/* No variables here but what a caller has as well: this frame is a root. */
long quarry_leak_report(void)
{
    long nr = quarry_leak_scan(NULL, NULL);

    if (nr > 0)
        leak_report_groups(qr_default());
    return nr;
}

/* ---- roots and marks ------------------------------------------------------------------------- */

void quarry_set_leak_roots(quarry_leak_roots_fn roots, void *data)
{
    quarry_default.leaks.roots = roots;
    quarry_default.leaks.roots_data = data;
}

void kmemleak_not_leak(const void *ptr)
{
    qr_leak_set(&qr_default()->leaks, ptr, QR_LEAK_IS_ROOT, 0, "kmemleak_not_leak");
}

void kmemleak_transient_leak(const void *ptr)
{
    qr_leak_set(&qr_default()->leaks, ptr, QR_LEAK_IS_ROOT, 0, "kmemleak_transient_leak");
}

void kmemleak_ignore(const void *ptr)
{
    qr_leak_set(&qr_default()->leaks, ptr, QR_LEAK_IGNORE, 0, "kmemleak_ignore");
}

void kmemleak_no_scan(const void *ptr)
{
    qr_leak_set(&qr_default()->leaks, ptr, QR_LEAK_NO_SCAN, 0, "kmemleak_no_scan");
}

void kmemleak_scan_area(const void *ptr, size_t size, gfp_t gfp)
{
    (void)ptr;
    (void)size;
    (void)gfp;
}

void kmemleak_alloc(const void *ptr, size_t size, int min_count, gfp_t gfp)
{
    struct quarry *q = qr_default();
    u32 mark = min_count < 0 ? QR_LEAK_IGNORE : min_count == 0 ? QR_LEAK_IS_ROOT : 0;
    struct quarry_report report = {.kind = QUARRY_OUT_OF_MEMORY, .address = ptr, .size = size};

    if (qr_check_level(&q->check) < 1 || ZERO_OR_NULL_PTR(ptr) ||
        qr_leak_set(&q->leaks, ptr, mark, QR_LEAK_IGNORE | QR_LEAK_IS_ROOT, NULL))
        return;
    if (!qr_foreign_add(&q->leaks, ptr, size, mark, gfp))
        qr_report(&q->check, &report,
                  "kmemleak_alloc(%p): no room to remember it; leaks of it will not be found", ptr);
}

void kmemleak_free(const void *ptr)
{
    struct quarry *q = qr_default();

    if (qr_check_level(&q->check) >= 1 && !ZERO_OR_NULL_PTR(ptr) &&
        !qr_foreign_remove(&q->leaks, ptr))
        qr_leak_set(&q->leaks, ptr, QR_LEAK_IGNORE, 0, "kmemleak_free");
}

void kmemleak_update_trace(const void *ptr)
{
    qr_leak_retrace(&qr_default()->leaks, ptr);
}
