/* SPDX-License-Identifier: MIT */
/* What the tests of compat/linux share: a checked machine, and an ear for reports. */
#ifndef TEST_COMPAT_H
#define TEST_COMPAT_H

#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <quarry/boot.h>
#include <quarry/fault.h>
#include <quarry/report.h>
#include <quarry/stat.h>
#include <runtime.h>
#include <cmocka.h>

static unsigned long heard_core, heard_compat, heard_oopses;
static char heard_text[512];
static unsigned int heard_now, heard_before; /* sites of the last report */

static __maybe_unused bool hear_core(const struct quarry_report *report, void *data)
{
    if (report->kind == QUARRY_OUT_OF_MEMORY)
        return false;
    heard_core++;
    snprintf(heard_text, sizeof(heard_text), "%s", report->text);
    heard_now = report->now ? report->now->nr : 0;
    heard_before = report->before ? report->before->nr : 0;
    return false;
}

static __maybe_unused bool hear_compat(const struct qlx_finding *finding, void *data)
{
    heard_compat++;
    snprintf(heard_text, sizeof(heard_text), "%s: %s", finding->what, finding->text);
    heard_now = finding->now.nr;
    heard_before = finding->before.nr;
    return false;
}

static __maybe_unused void hear_oops(const struct qlx_oops *oops, void *data)
{
    heard_oopses++;
    snprintf(heard_text, sizeof(heard_text), "%s", oops->what);
}

static __maybe_unused void hear_nothing(void)
{
    heard_core = heard_compat = heard_oopses = 0;
    heard_now = heard_before = 0;
    heard_text[0] = '\0';
}

/* Boot once, checked; kernel messages stay off the console. */
static __maybe_unused int compat_begin(void **state)
{
    static const struct quarry_machine machine = {
        .ram_bytes = 64 << 20, .options = "check=1 slab_debug=FZPU page_owner=1"};
    static const struct qlx_config config = {.console_level = -1};
    if (!quarry_booted() && quarry_boot(&machine))
        return -1;
    quarry_set_report_hook(hear_core, NULL);
    qlx_set_finding_hook(hear_compat, NULL);
    qlx_set_oops_hook(hear_oops, NULL);
    hear_nothing();
    return qlx_start(&config);
}

static __maybe_unused int compat_end(void **state)
{
    qlx_stop();
    return 0;
}

/* Objects, blocks and areas in callers' hands. */
static __maybe_unused bool compat_count(const struct quarry_live *live, void *count)
{
    ++*(unsigned long *)count;
    return true;
}

static __maybe_unused unsigned long compat_live(void)
{
    unsigned long count = 0;
    quarry_for_each_live(compat_count, &count);
    return count;
}

#define COMPAT_MAIN_WITH(begin, end, ...)                                                          \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                           \
        return cmocka_run_group_tests(tests, begin, end);                                          \
    }
#define COMPAT_MAIN(...) COMPAT_MAIN_WITH(compat_begin, compat_end, __VA_ARGS__)

#endif
