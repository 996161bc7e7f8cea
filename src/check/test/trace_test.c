/* SPDX-License-Identifier: MIT */
/* Tests of check/trace.c and check/context.c: traces are kept once each, and a request that may
 * sleep in atomic context is reported with both sites. */
#include "machine.h"

#include <pthread.h>
#include <sys/mman.h>
#include <quarry/context.h>

static struct qr_check check;
static _Alignas(64) unsigned char region[1 << 20];

static int fresh_depot(void **state)
{
    (void)state;
    memset(&check, 0, sizeof(check));
    memset(region, 0, sizeof(region));
    qr_traces_init(&check.traces, region, sizeof(region));
    return 0;
}

/* Two sites that differ in their innermost address only by where they call from. */
static QR_NOINLINE u32 save_here(void)
{
    u32 handle = qr_trace_save(&check);

    __asm__ volatile("" ::: "memory"); /* no tail call: this frame belongs to the trace */
    return handle;
}

static QR_NOINLINE u32 save_there(void)
{
    u32 handle = qr_trace_save(&check);

    __asm__ volatile("nop" ::: "memory");
    return handle;
}

static bool trace_passes_through(const struct quarry_trace *trace, const void *function)
{
    for (unsigned int i = 0; i < trace->nr; i++) {
        if ((const char *)trace->pc[i] - (const char *)function < 4096 && trace->pc[i] >= function)
            return true;
    }
    return false;
}

static void a_saved_trace_is_what_it_was(void **state)
{
    struct quarry_trace trace;
    u32 handle = save_here();

    (void)state;
    assert_int_not_equal(handle, 0);
    qr_trace_load(&check, handle, &trace);
    assert_true(trace.nr > 0);
    assert_true(trace_passes_through(&trace, save_here));
}

static void equal_traces_are_kept_once_and_different_ones_apart(void **state)
{
    u32 here[100], there, used = 0;

    (void)state;
    /* Not unrolled: each copy of the call would be a site of its own. */
#pragma GCC unroll 1
    for (int i = 0; i < 100; i++) {
        here[i] = save_here();
        assert_int_equal(here[i], here[0]);
        if (i)
            assert_int_equal(check.traces.used, used);
        used = check.traces.used;
    }
    there = save_there();
    assert_int_not_equal(there, 0);
    assert_int_not_equal(there, here[0]);
}

static void handles_that_mean_nothing_load_as_no_trace(void **state)
{
    struct quarry_trace trace;

    (void)state;
    save_here();
    trace.nr = 5;
    qr_trace_load(&check, 0, &trace);
    assert_int_equal(trace.nr, 0);
    trace.nr = 5;
    qr_trace_load(&check, 0xffffffffu, &trace);
    assert_int_equal(trace.nr, 0);
    trace.nr = 5;
    qr_trace_load(&check, check.traces.used / 8, &trace);
    assert_int_equal(trace.nr, 0);
    for (u32 handle = 1; handle < check.traces.used / 8 + 4; handle++) {
        qr_trace_load(&check, handle, &trace);
        assert_true(trace.nr <= QUARRY_TRACE_MAX);
    }
}

/* Nothing is read behind what is used, wherever a handle that was overwritten points. */
static void a_handle_behind_the_region_is_not_followed(void **state)
{
    const size_t behind = 64 * PAGE_SIZE;
    char *memory =
        mmap(NULL, PAGE_SIZE + behind, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct quarry_trace trace;

    (void)state;
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_int_equal(mprotect(memory + PAGE_SIZE, behind, PROT_NONE), 0);
    qr_traces_init(&check.traces, memory, PAGE_SIZE);
    assert_true(save_here() > 0);
    for (u32 handle = PAGE_SIZE / 8; handle < 32 * PAGE_SIZE / 8; handle += 31) {
        trace.nr = 5;
        qr_trace_load(&check, handle, &trace);
        assert_int_equal(trace.nr, 0);
    }
    assert_int_equal(munmap(memory, PAGE_SIZE + behind), 0);
}

static void a_depot_without_room_says_unknown_and_counts(void **state)
{
    struct quarry_trace trace;

    (void)state;
    qr_traces_init(&check.traces, region, 100);
    assert_int_equal(save_here(), 0);
    qr_traces_init(&check.traces, region, sizeof(region));
    check.traces.size = check.traces.used + 8; /* a region that is nearly full */
    assert_int_equal(save_here(), 0);
    assert_int_equal(check.traces.dropped, 1);
    qr_trace_load(&check, 0, &trace);
    assert_int_equal(trace.nr, 0);
}

/* Recursion makes traces of different depth and path. */
static QR_NOINLINE u32 save_by_path(unsigned int path, unsigned int depth)
{
    u32 handle;

    if (!depth)
        return save_here();
    if (path & 1)
        handle = save_by_path(path >> 1, depth - 1);
    else
        handle = save_by_path(path >> 1, depth - 1);
    __asm__ volatile("" ::: "memory");
    return handle;
}

static void *save_in_parallel(void *handles)
{
    u32 *handle = handles;

    for (unsigned int path = 0; path < 32; path++)
        handle[path] = save_by_path(path, 5);
    return NULL;
}

static void threads_agree_on_handles(void **state)
{
    static u32 handle[4][32];
    pthread_t thread[4];
    u32 used;

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, save_in_parallel, handle[i]), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    used = check.traces.used;
    for (int i = 1; i < 4; i++)
        assert_memory_equal(handle[i], handle[0], sizeof(handle[0]));
    assert_int_not_equal(handle[0][0], 0);
    assert_int_not_equal(used, 8);
}

static void an_owner_record_says_who_when_and_in_what_order(void **state)
{
    struct qr_owner first, second;
    struct quarry_trace trace;

    (void)state;
    assert_int_equal(qr_peek_sequence(&check), 1);
    qr_owner_set(&check, &first, GFP_KERNEL, 3);
    qr_owner_set(&check, &second, GFP_ATOMIC, 0);
    assert_int_equal(first.sequence, 1);
    assert_int_equal(second.sequence, 2);
    assert_int_equal(qr_peek_sequence(&check), 3);
    assert_int_equal(first.gfp, GFP_KERNEL);
    assert_int_equal(first.order_or_cpu, 3);
    assert_int_equal(first.task, qp_task_id());
    assert_true(first.when_ns <= second.when_ns);
    qr_trace_load(&check, first.trace, &trace);
    assert_true(trace_passes_through(&trace, an_owner_record_says_who_when_and_in_what_order));
}

static void traces_with_one_hash_are_told_apart(void **state)
{
    struct quarry_trace trace;
    u32 handle[2];

    (void)state;
    for (unsigned int i = 0; i < 2; i++) {
        handle[i] = save_here();
        assert_int_not_equal(handle[i], 0);
        if (i)
            continue;
        /* As if another trace had this hash: the record says so behind its head of 16 bytes. */
        qr_trace_load(&check, handle[0], &trace);
        assert_true(trace.nr > 0);
        assert_memory_equal(check.traces.region + (size_t)handle[0] * 8 + 16, trace.pc,
                            sizeof(trace.pc[0]));
        memset(check.traces.region + (size_t)handle[0] * 8 + 16, 0x11, sizeof(trace.pc[0]));
    }
    assert_int_not_equal(handle[0], handle[1]);
    qr_trace_load(&check, handle[1], &trace);
    assert_true(trace_passes_through(&trace, save_here));
}

/* A bucket for each 128 bytes, as a power of two; records behind them, from the second word on. */
static void a_region_is_divided_by_its_size(void **state)
{
    static const struct {
        size_t bytes, size;
        u32 buckets; /* 0: too little to be of use */
    } want[] = {{0, 0, 0},
                {1023, 0, 0},
                {1024, 1024, 8},
                {2047, 2047, 8},
                {2048, 2048, 16},
                {sizeof(region), sizeof(region), sizeof(region) / 128},
                {~(size_t)0, 0xfffffff8u, 1u << 24}};

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(want); i++) {
        struct qr_traces traces;
        memset(&traces, 0xff, sizeof(traces));
        qr_traces_init(&traces, region, want[i].bytes);
        assert_int_equal(traces.dropped, 0);
        if (!want[i].buckets) {
            assert_null(traces.bucket);
            assert_int_equal(traces.used, 0);
            continue;
        }
        assert_ptr_equal(traces.bucket, region);
        assert_int_equal(traces.bucket_mask, want[i].buckets - 1);
        assert_ptr_equal(traces.region, region + want[i].buckets * 4);
        assert_int_equal(traces.size, want[i].size - want[i].buckets * 4);
        assert_int_equal(traces.used, 8);
    }
}

static u32 bytes_of(u32 handle)
{
    struct quarry_trace trace;

    qr_trace_load(&check, handle, &trace);
    assert_true(trace.nr > 0);
    return 16 + trace.nr * (u32)sizeof(void *);
}

/* Each takes its head and its addresses; the last may use up the region. */
static void records_follow_each_other(void **state)
{
    u32 first, bytes, handle;

    (void)state;
    first = save_here();
    assert_int_equal(first, 1);
    bytes = bytes_of(first);
    assert_int_equal(check.traces.used, 8 + bytes);
    handle = save_there();
    assert_int_equal(handle, (8 + bytes) / 8);
    fresh_depot(NULL);
    check.traces.size = 8 + bytes - 1;
    assert_int_equal(save_here(), 0);
    assert_int_equal(check.traces.dropped, 1);
    assert_int_equal(check.traces.used, 8);
    check.traces.size = 8 + bytes;
    assert_int_equal(save_here(), 1);
    assert_int_equal(check.traces.used, check.traces.size);
    assert_int_equal(check.traces.dropped, 1);
    assert_int_equal(bytes_of(1), bytes); /* and can be read to its end */
}

/* What was overwritten is not followed beyond what was ever written. */
static void a_record_that_was_overwritten_is_none(void **state)
{
    struct quarry_trace trace;
    u32 handle = save_here(), *nr, was;

    (void)state;
    nr = (u32 *)(void *)(check.traces.region + (size_t)handle * 8 + 8);
    was = *nr;
    qr_trace_load(&check, handle, &trace);
    assert_int_equal(trace.nr, was);
    *nr = was + 1; /* the region ends before that */
    qr_trace_load(&check, handle, &trace);
    assert_int_equal(trace.nr, 0);
    *nr = QUARRY_TRACE_MAX + 1;
    check.traces.used += 4096;
    qr_trace_load(&check, handle, &trace);
    assert_int_equal(trace.nr, 0);
    *nr = QUARRY_TRACE_MAX;
    qr_trace_load(&check, handle, &trace);
    assert_int_equal(trace.nr, QUARRY_TRACE_MAX);
    *nr = was;
    check.traces.used -= 4096;
    qr_trace_load(&check, handle, &trace);
    assert_int_equal(trace.nr, was);
}

/* Also where all of them are in one chain; and their hashes differ, so that they need not be. */
static void many_traces_are_found_again(void **state)
{
    static u32 handle[2][32], hash[32];
    u32 alike = 0;

    (void)state;
    for (int one_chain = 0; one_chain < 2; one_chain++) {
        fresh_depot(NULL);
        if (one_chain)
            check.traces.bucket_mask = 0;
            /* Not unrolled: each copy of the call would be a site of its own. */
#pragma GCC unroll 1
        for (unsigned int i = 0; i < 64; i++)
            handle[i / 32][i % 32] = save_by_path(i % 32, 5);
        assert_memory_equal(handle[0], handle[1], sizeof(handle[0]));
        for (unsigned int i = 0; i < 32; i++) {
            hash[i] = *(u32 *)(void *)(check.traces.region + (size_t)handle[0][i] * 8 + 4);
            /* Where the compiler made one path of two they are one trace. */
            for (unsigned int k = 0; k < i; k++)
                alike += hash[i] == hash[k] && handle[0][i] != handle[0][k];
        }
    }
    assert_int_equal(alike, 0);
}

/* ---- contexts ------------------------------------------------------------------------------- */

static struct {
    unsigned int calls;
    struct quarry_report report;
    struct quarry_trace now, before;
    char text[1024];
} seen;

static bool keep_report(const struct quarry_report *report, void *data)
{
    (void)data;
    seen.calls++;
    seen.report = *report;
    seen.now = *report->now;
    seen.before.nr = 0;
    if (report->before)
        seen.before = *report->before;
    snprintf(seen.text, sizeof(seen.text), "%s", report->text);
    return false;
}

static int fresh_context(void **state)
{
    fresh_depot(state);
    memset(&seen, 0, sizeof(seen));
    qr_report_set_hook(&check, keep_report, NULL);
    quarry_default.check.level = 1; /* the port keeps the sites of contexts only in checked runs */
    return 0;
}

static void g_c1_a_request_that_may_sleep_is_left_alone_in_process_context(void **state)
{
    (void)state;
    assert_true(qr_may_block(&check, GFP_KERNEL, "kmalloc"));
    assert_true(qr_may_block(&check, GFP_NOIO, "kmalloc"));
    assert_true(qr_may_sleep_here(&check, "vmalloc"));
    assert_int_equal(seen.calls, 0);
}

static void g_c2_a_request_that_cannot_sleep_never_blocks_and_is_never_reported(void **state)
{
    (void)state;
    assert_false(qr_may_block(&check, GFP_ATOMIC, "kmalloc"));
    assert_false(qr_may_block(&check, GFP_NOWAIT, "kmalloc"));
    qp_atomic_enter();
    assert_false(qr_may_block(&check, GFP_ATOMIC, "kmalloc"));
    qp_atomic_leave();
    assert_int_equal(seen.calls, 0);
}

static QR_NOINLINE void become_atomic(void)
{
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    __asm__ volatile("" ::: "memory");
}

static QR_NOINLINE bool request_memory(void)
{
    bool may_block = qr_may_block(&check, GFP_KERNEL | __GFP_ZERO, "kmalloc(64)");

    __asm__ volatile("" ::: "memory");
    return may_block;
}

static void g_c1_in_atomic_context_it_is_reported_with_both_sites_and_does_not_block(void **state)
{
    struct qp_atomic_reason reason = {0};
    bool may_block;

    (void)state;
    become_atomic();
    may_block = request_memory();
    qp_explain_atomic(&reason);
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(seen.before.nr, reason.nr); /* so many lines, and no more */
    assert_memory_equal(seen.before.pc, reason.pc, reason.nr * sizeof(reason.pc[0]));
    assert_false(may_block);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(qr_report_count(&check, QUARRY_BAD_CONTEXT), 1);
    assert_string_equal(seen.report.rule, "G-C1");
    assert_string_equal(seen.report.before_is, "atomic since");
    assert_non_null(strstr(seen.text, "kmalloc(64) with GFP_KERNEL|__GFP_ZERO may sleep"));
    assert_non_null(strstr(seen.text, "use GFP_ATOMIC"));
    assert_true(trace_passes_through(&seen.now, request_memory));
    assert_non_null(strstr(seen.text, "is called in atomic context (a spin lock is held); use"));
    assert_true(trace_passes_through(&seen.before, become_atomic));
    assert_true(qr_may_block(&check, GFP_KERNEL, "kmalloc"));
}

static void g_c3_a_call_that_may_sleep_is_reported_in_atomic_context(void **state)
{
    (void)state;
    become_atomic();
    assert_false(qr_may_sleep_here(&check, "vmalloc(8192)"));
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(seen.calls, 1);
    assert_string_equal(seen.report.rule, "G-C3");
    assert_int_equal(strncmp(seen.text, "vmalloc(8192) may sleep, but", 28), 0);
    assert_true(trace_passes_through(&seen.before, become_atomic));
}

/* The name of a call may be as long as it likes. */
static void the_words_of_a_context_are_whole_or_cut_to_their_room(void **state)
{
    char what[400], *end;

    (void)state;
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    qr_may_block(&check, GFP_NOIO, "it");
    assert_string_equal(
        seen.text, "it with GFP_NOIO may sleep, but is called in atomic context (a spin lock is "
                   "held); use GFP_ATOMIC or GFP_NOWAIT here, or allocate before the context "
                   "becomes atomic; served as if it could not sleep");
    qr_may_sleep_here(&check, "it");
    assert_string_equal(seen.text,
                        "it may sleep, but is called in atomic context (a spin lock is held); call "
                        "it from process context, before the context becomes atomic or after");
    for (size_t length = 170; length < 200; length++) {
        memset(what, 'w', sizeof(what));
        what[length] = '\0';
        qr_may_block(&check, GFP_NOIO, what);
        end = strstr(seen.text, " may sleep, but");
        assert_non_null(end);
        assert_int_equal(end - seen.text, QR_MIN(length + strlen(" with GFP_NOIO"), 191ul));
    }
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_saved_trace_is_what_it_was, fresh_depot),
        cmocka_unit_test_setup(equal_traces_are_kept_once_and_different_ones_apart, fresh_depot),
        cmocka_unit_test_setup(handles_that_mean_nothing_load_as_no_trace, fresh_depot),
        cmocka_unit_test_setup(a_handle_behind_the_region_is_not_followed, fresh_depot),
        cmocka_unit_test_setup(a_depot_without_room_says_unknown_and_counts, fresh_depot),
        cmocka_unit_test_setup(threads_agree_on_handles, fresh_depot),
        cmocka_unit_test_setup(traces_with_one_hash_are_told_apart, fresh_depot),
        cmocka_unit_test_setup(a_region_is_divided_by_its_size, fresh_depot),
        cmocka_unit_test_setup(records_follow_each_other, fresh_depot),
        cmocka_unit_test_setup(a_record_that_was_overwritten_is_none, fresh_depot),
        cmocka_unit_test_setup(many_traces_are_found_again, fresh_depot),
        cmocka_unit_test_setup(an_owner_record_says_who_when_and_in_what_order, fresh_depot),
        cmocka_unit_test_setup(g_c1_a_request_that_may_sleep_is_left_alone_in_process_context,
                               fresh_context),
        cmocka_unit_test_setup(g_c2_a_request_that_cannot_sleep_never_blocks_and_is_never_reported,
                               fresh_context),
        cmocka_unit_test_setup(
            g_c1_in_atomic_context_it_is_reported_with_both_sites_and_does_not_block,
            fresh_context),
        cmocka_unit_test_setup(the_words_of_a_context_are_whole_or_cut_to_their_room,
                               fresh_context),
        cmocka_unit_test_setup(g_c3_a_call_that_may_sleep_is_reported_in_atomic_context,
                               fresh_context),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
