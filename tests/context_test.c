/* SPDX-License-Identifier: MIT */
/* Execution contexts of the hosted machine: what each makes atomic, how interrupts are delivered,
 * what a wrong step reports. Without a booted machine: contexts belong to threads, not to
 * machines. */
#include "machine.h"
#include <quarry/context.h>
#include <pthread.h>

static unsigned long context_findings;
static char context_text[256], context_before[64];
static unsigned int context_before_frames;

static bool context_hook(const struct quarry_report *report, void *data)
{
    (void)data;
    if (report->kind == QUARRY_BAD_CONTEXT)
        context_findings++;
    snprintf(context_text, sizeof(context_text), "%s", report->text ? report->text : "");
    snprintf(context_before, sizeof(context_before), "%s",
             report->before_is ? report->before_is : "");
    context_before_frames = report->before ? report->before->nr : 0;
    return false;
}

static int context_setup(void **state)
{
    (void)state;
    quarry_default.check.hook = context_hook;
    quarry_default.check.level = 1;
    context_findings = 0;
    context_text[0] = 0;
    return 0;
}

static int context_teardown(void **state)
{
    unsigned int kind;
    (void)state;
    for (kind = 0; kind < QUARRY_CONTEXTS; kind++)
        assert_int_equal(quarry_context_depth((enum quarry_context)kind), 0);
    assert_false(quarry_in_atomic());
    quarry_default.check.level = 0;
    return 0;
}

static void every_context_is_atomic_until_left(void **state)
{
    unsigned int kind;
    (void)state;
    for (kind = 0; kind < QUARRY_CONTEXTS; kind++) {
        enum quarry_context what = (enum quarry_context)kind;
        assert_true(qp_may_sleep());
        quarry_context_enter(what);
        quarry_context_enter(what);
        assert_int_equal(quarry_context_depth(what), 2);
        quarry_context_leave(what);
        assert_true(quarry_in_atomic());
        assert_false(qp_may_sleep());
        quarry_context_leave(what);
        assert_false(quarry_in_atomic());
    }
    assert_int_equal(context_findings, 0);
}

static void interrupt_contexts_are_told_apart(void **state)
{
    (void)state;
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    assert_false(quarry_in_interrupt());
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    quarry_context_enter(QUARRY_CTX_BH_OFF);
    assert_true(quarry_in_interrupt());
    assert_false(quarry_in_hardirq());
    assert_ptr_equal(qp_task(), &qp_self.task); /* still the task's own code */
    quarry_context_leave(QUARRY_CTX_BH_OFF);
    quarry_context_enter(QUARRY_CTX_HARDIRQ);
    assert_true(quarry_in_hardirq());
    assert_true(quarry_irqs_disabled());
    assert_ptr_not_equal(qp_task(), &qp_self.task);
    quarry_context_leave(QUARRY_CTX_HARDIRQ);
}

static void leaving_what_was_not_entered_is_reported_and_changes_nothing(void **state)
{
    (void)state;
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(context_findings, 1);
    assert_non_null(strstr(context_text, "not entered"));
    assert_true(qp_may_sleep());
    quarry_context_enter((enum quarry_context)99);
    quarry_context_leave((enum quarry_context)99);
    assert_int_equal(quarry_context_depth((enum quarry_context)99), 0);
}

static void interrupts_off_nest_by_their_flags(void **state)
{
    unsigned long outer = quarry_irq_save(), inner = quarry_irq_save();
    (void)state;
    assert_true(quarry_irqs_disabled());
    quarry_irq_restore(inner);
    assert_true(quarry_irqs_disabled());
    quarry_irq_restore(outer);
    assert_false(quarry_irqs_disabled());
    quarry_irq_restore(inner); /* back to "off", as the flags say */
    assert_true(quarry_irqs_disabled());
    quarry_irq_restore(outer);
    assert_false(quarry_irqs_disabled());
}

static char context_log[64];

static void context_note(const char *what)
{
    strncat(context_log, what, sizeof(context_log) - strlen(context_log) - 1);
}

static void handler_soft(void *data)
{
    assert_true(quarry_in_interrupt());
    assert_false(quarry_in_hardirq());
    assert_false(quarry_irqs_disabled());
    context_note(data);
}

static void handler_hard(void *data)
{
    assert_true(quarry_in_hardirq());
    assert_true(quarry_irqs_disabled());
    assert_false(qp_may_sleep());
    context_note(data);
}

static void handler_nesting(void *data)
{
    context_note("(");
    quarry_raise_irq(handler_hard, data);
    quarry_raise_softirq(handler_soft, "s");
    context_note(")");
}

static void an_interrupt_runs_at_once_and_a_soft_one_after_it(void **state)
{
    (void)state;
    context_log[0] = 0;
    quarry_raise_irq(handler_hard, "h");
    assert_string_equal(context_log, "h");
    quarry_raise_irq(handler_nesting, "n");
    assert_string_equal(context_log, "h()ns");
}

static void interrupts_raised_while_off_come_when_they_are_on(void **state)
{
    unsigned long flags;
    (void)state;
    context_log[0] = 0;
    flags = quarry_irq_save();
    quarry_raise_softirq(handler_soft, "s");
    quarry_raise_irq(handler_hard, "1");
    quarry_raise_irq(handler_hard, "2");
    assert_string_equal(context_log, "");
    quarry_irq_restore(flags);
    assert_string_equal(context_log, "12s");
    context_log[0] = 0;
    quarry_context_enter(QUARRY_CTX_BH_OFF);
    quarry_raise_softirq(handler_soft, "s");
    quarry_raise_irq(handler_hard, "h");
    assert_string_equal(context_log, "h");
    quarry_context_leave(QUARRY_CTX_BH_OFF);
    assert_string_equal(context_log, "hs");
}

static void handler_counts(void *data)
{
    ++*(unsigned int *)data;
}

static void too_many_pending_interrupts_are_reported_not_lost_silently(void **state)
{
    unsigned long flags = quarry_irq_save();
    unsigned int seen = 0, i;
    (void)state;
    for (i = 0; i < 65; i++)
        quarry_raise_irq(handler_counts, &seen);
    assert_int_equal(context_findings, 1);
    quarry_raise_irq(NULL, NULL);
    quarry_irq_restore(flags);
    assert_int_equal(seen, 64);
}

static __attribute__((noinline)) void context_take_lock(void)
{
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    __asm__ volatile("" ::: "memory");
}

static void g_c1_sleeping_in_atomic_context_names_both_sites(void **state)
{
    struct qp_atomic_reason reason;
    const char *site = (const char *)(uintptr_t)context_take_lock;
    (void)state;
    quarry_might_sleep("a test");
    assert_int_equal(context_findings, 0);
    context_take_lock();
    quarry_might_sleep("a test");
    assert_int_equal(context_findings, 1);
    assert_non_null(strstr(context_text, "a test"));
    assert_true(context_before_frames > 0);
    qp_explain_atomic(&reason);
    assert_string_equal(reason.what, "a spin lock is held");
    assert_true((const char *)reason.pc[0] > site && (const char *)reason.pc[0] < site + 256);
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
}

static void *context_of_another_thread(void *data)
{
    (void)data;
    assert_false(quarry_in_atomic());
    return NULL;
}

static void contexts_belong_to_their_thread(void **state)
{
    pthread_t thread;
    (void)state;
    quarry_context_enter(QUARRY_CTX_PREEMPT_OFF);
    assert_int_equal(pthread_create(&thread, NULL, context_of_another_thread, NULL), 0);
    pthread_join(thread, NULL);
    quarry_context_leave(QUARRY_CTX_PREEMPT_OFF);
}

#define CONTEXT_TEST(f) cmocka_unit_test_setup_teardown(f, context_setup, context_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTEXT_TEST(every_context_is_atomic_until_left),
        CONTEXT_TEST(interrupt_contexts_are_told_apart),
        CONTEXT_TEST(leaving_what_was_not_entered_is_reported_and_changes_nothing),
        CONTEXT_TEST(interrupts_off_nest_by_their_flags),
        CONTEXT_TEST(an_interrupt_runs_at_once_and_a_soft_one_after_it),
        CONTEXT_TEST(interrupts_raised_while_off_come_when_they_are_on),
        CONTEXT_TEST(too_many_pending_interrupts_are_reported_not_lost_silently),
        CONTEXT_TEST(g_c1_sleeping_in_atomic_context_names_both_sites),
        CONTEXT_TEST(contexts_belong_to_their_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
