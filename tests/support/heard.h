/* SPDX-License-Identifier: MIT */
/* The last report, kept whole, for programs that hold each word and field of it against what it should be. */
#ifndef TEST_HEARD_H
#define TEST_HEARD_H

#include "machine.h"

static struct {
    enum quarry_finding kind;
    char rule[16], cache[64], before_is[64], text[512]; /* empty: none */
    const void *address;
    size_t size;
    unsigned int nr; /* since the last one that was looked at */
} heard;

/* A report hook. */
static inline bool heard_hook(const struct quarry_report *report, void *data)
{
    (void)data;
    heard.kind = report->kind;
    snprintf(heard.rule, sizeof(heard.rule), "%s", report->rule ? report->rule : "");
    snprintf(heard.cache, sizeof(heard.cache), "%s", report->cache ? report->cache : "");
    snprintf(heard.before_is, sizeof(heard.before_is), "%s",
             report->before ? report->before_is : "");
    snprintf(heard.text, sizeof(heard.text), "%s", report->text);
    heard.address = report->address;
    heard.size = report->size;
    heard.nr++;
    return false;
}

/* One report since the last time, and this one. */
static inline void __attribute__((format(printf, 5, 6)))
heard_is(enum quarry_finding kind, const char *rule, const void *address, size_t size,
         const char *format, ...)
{
    char text[sizeof(heard.text)];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    assert_string_equal(heard.text, text);
    assert_int_equal(heard.nr, 1);
    assert_int_equal(heard.kind, kind);
    assert_string_equal(heard.rule, rule ? rule : "");
    assert_ptr_equal(heard.address, address);
    assert_int_equal(heard.size, size);
    heard.nr = 0;
}

#endif
