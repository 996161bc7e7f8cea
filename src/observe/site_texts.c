/* SPDX-License-Identifier: MIT */
/* observe/site_texts: texts that go by place in the program: allocinfo and kmemleak.
 *
 * allocinfo, version 1.0, as Linux's documentation "Memory allocation profiling" shows it: what lives now
 * from each place that ever allocated, in bytes and allocations. The place is written as file:line,
 * [module] where it is one, and func:NAME; without debugging information as object file and offset, and
 * without a symbolizer as an address.
 *
 *     allocinfo - version: 1.0
 *     #     <size>  <calls> <tag info>
 *             4096        1 demo.c:12 func:main
 *
 * kmemleak: what the last scan did not reach, one entry a place, in the words of Linux's file of that name,
 * with a line that says how many there are.
 *
 * Locks: leaks->lock, and in the walk those of the layers. May sleep: nothing (a symbolizer may). */
#include "observe.h"

static void allocinfo_add_site(struct quarry *q, struct qr_text *text, const struct qr_site *site)
{
    const void *pc = __atomic_load_n(&site->pc, __ATOMIC_RELAXED);
    struct quarry_symbol symbol = {.line = 0};
    size_t known = pc ? qr_symbol_frames(&q->check, pc, &symbol, 1) : 0;

    qr_text_add(text, "%12lli %8llu ", (long long)__atomic_load_n(&site->bytes, __ATOMIC_RELAXED),
                (unsigned long long)__atomic_load_n(&site->calls, __ATOMIC_RELAXED));
    if (!pc)
        qr_text_add(text, "elsewhere");
    else if (known && symbol.file)
        qr_text_add(text, "%s:%u", symbol.file, symbol.line);
    else if (known && symbol.object)
        qr_text_add(text, "%s+%#zx", symbol.object, symbol.offset);
    else
        qr_text_add(text, "%p", pc);
    if (known && symbol.module)
        qr_text_add(text, " [%s]", symbol.module);
    qr_text_add(text, " func:%s\n", known && symbol.function ? symbol.function : "?");
}

size_t qr_allocinfo_text(struct quarry *q, char *buffer, size_t size)
{
    struct qr_text text = {buffer, size, 0};
    const struct qr_sites *sites = &q->check.sites;

    qr_text_add(&text, "allocinfo - version: 1.0\n#     <size>  <calls> <tag info>\n");
    for (u32 i = 1; sites->site && i <= sites->mask; i++) {
        const struct qr_site *site = &sites->site[i];
        if (__atomic_load_n(&site->pc, __ATOMIC_RELAXED) ||
            __atomic_load_n(&site->calls, __ATOMIC_RELAXED))
            allocinfo_add_site(q, &text, site);
    }
    return text.length;
}

/* ---- lost allocations ------------------------------------------------------------------------ */

static bool leaks_group_one(const struct quarry_live *live, void *data)
{
    struct quarry *q = data;

    if (live->lost)
        qr_leak_group_add(&q->leaks, live);
    return true;
}

/* The walk takes the layers' locks, and that of the registered blocks, which is also that of the groups: the
 * table is this caller's alone because whoever scans and groups holds the others back. */
void qr_leaks_group_all(struct quarry *q)
{
    qp_hold_others();
    qr_leak_groups_clear(&q->leaks);
    qr_for_each_live(q, leaks_group_one, q);
    qp_let_in();
}

bool qr_leaks_group(struct quarry *q, u32 number, struct qr_leak_group *group)
{
    unsigned long state = qp_lock(&q->leaks.lock);
    bool there = qr_leak_group_read(&q->leaks, number, group);

    qp_unlock(&q->leaks.lock, state);
    return there;
}

static void kmemleak_add_group(struct quarry *q, struct qr_text *text,
                               const struct qr_leak_group *group)
{
    const struct quarry_live *live = &group->first;
    u64 age = group->oldest_ns ? (qp_now_ns() - group->oldest_ns) / 1000000 : 0;

    if (!live->size) {
        qr_text_add(text, "and %lu more from other places, %llu bytes\n", group->nr,
                    (unsigned long long)group->bytes);
        return;
    }
    qr_text_add(text, "unreferenced object %p (size %zu):\n", live->address, live->size);
    qr_text_add(text, "  %lu from this place, %llu bytes", group->nr,
                (unsigned long long)group->bytes);
    if (live->cache)
        qr_text_add(text, ", cache %s", live->cache);
    if (group->oldest_ns)
        qr_text_add(text, ", age %llu.%03llus", (unsigned long long)age / 1000,
                    (unsigned long long)age % 1000);
    qr_text_add(text, "\n  backtrace:\n");
    for (u32 i = 0; i < QR_MIN(live->allocated.nr, QUARRY_TRACE_MAX); i++)
        qr_symbol_add_lines(&q->check, text, live->allocated.pc[i]);
    if (!live->allocated.nr)
        qr_text_add(text, "    (unknown: slab_debug=U and page_owner=1 record it)\n");
}

size_t qr_kmemleak_text(struct quarry *q, char *buffer, size_t size)
{
    struct qr_text text = {buffer, size, 0};
    struct qr_leak_group group;

    if (!q->leaks.scanned_ns)
        return 0;
    qr_leaks_group_all(q);
    for (u32 i = 0; qr_leaks_group(q, i, &group); i++)
        kmemleak_add_group(q, &text, &group);
    return text.length;
}
