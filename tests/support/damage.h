/* SPDX-License-Identifier: MIT */
/* Contradictions put into a machine's own structures, one at a time, to see that the checks find each and
 * call it by its name; what was there before comes back, and the checks are content again. */
#ifndef TEST_DAMAGE_H
#define TEST_DAMAGE_H

#include "machine.h"

static char damage_told[16384]; /* the texts of all reports since the last check, one a line */

static inline unsigned long damage_nr_told(void)
{
    unsigned long nr = 0;
    for (const char *at = damage_told; (at = strchr(at, '\n')); at++)
        nr++;
    return nr;
}

static const void *damage_first; /* where the first of them lies, if that was told */

static bool damage_hear(const struct quarry_report *report, void *data)
{
    size_t length = strlen(damage_told);
    (void)data;
    if (report->kind == QUARRY_CORRUPTION && !damage_told[0])
        damage_first = report->address;
    if (report->kind == QUARRY_CORRUPTION && report->text)
        snprintf(damage_told + length, sizeof(damage_told) - length, "%s\n", report->text);
    return false;
}

static inline struct quarry *damage_boot(const struct test_spec *spec)
{
    struct quarry *q = test_boot_with(spec);
    q->check.hook = damage_hear;
    return q;
}

static inline void damage_must_tell(unsigned long wrong, const char *text, int line)
{
    if (wrong == 0 || wrong != damage_nr_told() || !strstr(damage_told, text))
        fail_msg("line %d: %lu contradictions, which are to be those told, one of them \"%s\":\n%s",
                 line, wrong, text, damage_told);
}

/* With @value in @place, @check must count a contradiction and report @text; before and after, none. */
#define DAMAGE(check, place, value, text)                                                          \
    do {                                                                                           \
        __typeof__(place) damage_kept = (place);                                                   \
        unsigned long damage_wrong;                                                                \
        damage_told[0] = 0;                                                                        \
        assert_int_equal(check, 0);                                                                \
        (place) = (value);                                                                         \
        damage_wrong = (check);                                                                    \
        (place) = damage_kept;                                                                     \
        damage_must_tell(damage_wrong, text, __LINE__);                                            \
    } while (0)

#endif
