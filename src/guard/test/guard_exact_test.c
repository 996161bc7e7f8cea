/* SPDX-License-Identifier: MIT */
/* The pool of guarded objects to the letter: what a report says on the console and to a hook, which of two
 * neighbours it is about, what lies around an object, and what is counted. */
#include "machine.h"
#include "console.h"
#include "meanwhile.h"
#include "fault/fault.h"
#include "slab/internal.h"

int __real_qp_start_worker(void (*fn)(void *arg), void *arg);
int __wrap_qp_start_worker(void (*fn)(void *arg), void *arg);
void __real_qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns);
void __wrap_qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns);
uint64_t __real_qp_now_ns(void);
uint64_t __wrap_qp_now_ns(void);

/* The timer in the test's hands: it is not started but noted, and then run here, with a clock of its own. */
static struct {
    bool refuse, note; /* no worker can be had; it is not to run by itself */
    void (*fn)(void *arg);
    void *arg;
    struct qr_guards *guards;
    unsigned int waits;
    uint64_t timeout_ns[8], now_ns; /* 0: the real clock */
} timer;

int __wrap_qp_start_worker(void (*fn)(void *arg), void *arg)
{
    timer.fn = fn;
    timer.arg = arg;
    if (timer.refuse)
        return -QR_ENOMEM;
    return timer.note ? 0 : __real_qp_start_worker(fn, arg);
}

static _Thread_local bool mine;

uint64_t __wrap_qp_now_ns(void)
{
    return mine && timer.now_ns ? timer.now_ns : __real_qp_now_ns();
}

/* Each wait but the second lasts as long as it may. */
void __wrap_qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns)
{
    if (!mine || !timer.now_ns || event != &timer.guards->wake) {
        __real_qp_wait(event, seen, timeout_ns);
        return;
    }
    assert_int_equal(seen, event->moves);
    assert_true(timer.waits < 8);
    timer.timeout_ns[timer.waits++] = timeout_ns;
    timer.now_ns += timeout_ns - (timer.waits == 2);
    if (timer.waits == 5)
        timer.guards->stop = 1;
}

static struct {
    unsigned int nr;
    struct quarry_report report;
    unsigned int before, also; /* places in their traces; -1: there is none */
    char text[512], cache[64];
} heard;

static bool hear(const struct quarry_report *report, void *data)
{
    (void)data;
    heard.nr++;
    heard.report = *report;
    heard.before = report->before ? report->before->nr : ~0u;
    heard.also = report->also ? report->also->nr : ~0u;
    snprintf(heard.text, sizeof(heard.text), "%s", report->text);
    snprintf(heard.cache, sizeof(heard.cache), "%s", report->cache ? report->cache : "");
    return true; /* and then to the console */
}

static struct quarry *boot_heard(const char *options)
{
    struct test_spec spec = {.pages = 1024, .options = options};
    struct quarry *q = test_boot_with(&spec);

    memset(&heard, 0, sizeof(heard));
    q->check.hook = hear;
    return q;
}

static struct qr_guard_request request_of(size_t size)
{
    return (struct qr_guard_request){
        .cache = &heard, .name = "named", .size = size, .align = 8, .gfp = GFP_NOFS};
}

static const struct quarry_trace here = {2, {(void *)0x1234, (void *)0x5678}};
static struct test_console console;

static void fault(struct quarry *q, const void *address, enum qr_access access)
{
    test_console_begin(&console);
    qr_guard_hit(&q->guards, address, access, &here);
    test_console_end(&console);
}

#define RULE "==================================================================\n"
#define SITE " 0x1234\n 0x5678\n"

static void __attribute__((format(printf, 1, 2))) must_say(const char *format, ...)
{
    char text[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    assert_string_equal(console.text, text);
}

/* At a time that can be read. */
static void date(struct qr_owner *owner, u64 when_ns)
{
    owner->when_ns = when_ns;
    owner->task = 77;
    owner->trace = 0;
}

/* ---- reports --------------------------------------------------------------------------------- */

static void an_access_beside_an_object_is_told_to_the_byte(void **state)
{
    static const struct {
        enum qr_access access;
        const char *small, *large;
    } way[] = {{QR_ACCESS_READ, "read", "Out-of-bounds read"},
               {QR_ACCESS_WRITE, "write", "Out-of-bounds write"},
               {QR_ACCESS_UNKNOWN, "access", "Out-of-bounds access"}};

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(way); i++) {
        struct quarry *q = boot_heard("kfence.every=1 kfence.num_objects=2");
        struct qr_guard_request request = request_of(PAGE_SIZE);
        char *object = qr_guard_alloc(&q->guards, &request);
        char *at[2] = {object - 3, object + PAGE_SIZE + 4};
        date(&q->guards.place[0].allocated, 1234567891234);
        for (int right = 0; right < 2; right++) {
            const char *where = right ? "5B right" : "3B left";
            char line[256];
            fault(q, at[right], way[i].access);
            must_say(RULE "BUG: KFENCE: out-of-bounds %s in 0x1234\n\n"
                          "%s at %p (%s of kfence-#0):\n" SITE
                          "\nkfence-#0: %p-%p, size=4096, cache=named\n"
                          "\nallocated by task 77 at 1234.567891s:\n (unknown)\n" RULE,
                     way[i].small, way[i].large, (void *)at[right], where, (void *)object,
                     (void *)(object + PAGE_SIZE - 1));
            snprintf(line, sizeof(line),
                     "KFENCE: out-of-bounds %s at %p (%s of kfence-#0), an object of 4096 bytes, "
                     "cache named",
                     way[i].small, (void *)at[right], where);
            assert_string_equal(heard.text, line);
            assert_int_equal(heard.nr, right + 1);
            assert_int_equal(heard.report.kind, QUARRY_OVERRUN);
            assert_ptr_equal(heard.report.address, at[right]);
            assert_int_equal(heard.report.size, PAGE_SIZE);
            assert_string_equal(heard.cache, "named");
            assert_int_equal(heard.before, 0); /* it has none, but was had */
            assert_string_equal(heard.report.before_is, "allocated by");
            assert_int_equal(heard.also, ~0u);
        }
        assert_int_equal(q->guards.nr_reports, 2);
        test_end(q);
    }
}

static void an_access_after_a_free_is_told_with_both_sites(void **state)
{
    struct quarry *q = boot_heard("kfence.every=1 kfence.num_objects=2");
    struct qr_guard_request request = request_of(100);
    char *object = qr_guard_alloc(&q->guards, &request);

    (void)state;
    assert_true(qr_guard_free(&q->guards, object, "it"));
    date(&q->guards.place[0].allocated, 1000);
    date(&q->guards.place[0].freed, 2000000000);
    q->guards.place[0].freed.task = 78;
    fault(q, object + 5, QR_ACCESS_WRITE);
    must_say(RULE "BUG: KFENCE: use-after-free write in 0x1234\n\n"
                  "Use-after-free write at %p (in kfence-#0):\n" SITE
                  "\nkfence-#0: %p-%p, size=100, cache=named\n"
                  "\nallocated by task 77 at 0.000001s:\n (unknown)\n"
                  "\nfreed by task 78 at 2.000000s:\n (unknown)\n" RULE,
             (void *)(object + 5), (void *)object, (void *)(object + 99));
    assert_int_equal(heard.report.kind, QUARRY_USE_AFTER_FREE);
    assert_int_equal(heard.also, 0);
    assert_string_equal(heard.report.also_is, "freed by");
    assert_int_equal(heard.report.size, 100);
    test_end(q);
}

static void accesses_where_nothing_is_are_told_without_an_object(void **state)
{
    struct quarry *q = boot_heard("kfence.every=1 kfence.num_objects=2");
    char *start = (char *)q->guards.start, line[128];

    (void)state;
    for (int page = 0; page < 2; page++) { /* a guard, and a place */
        char *at = start + page * PAGE_SIZE + 9;
        fault(q, at, QR_ACCESS_READ);
        must_say(RULE "BUG: KFENCE: invalid read in 0x1234\n\nInvalid read at %p:\n" SITE RULE,
                 (void *)at);
        snprintf(line, sizeof(line), "KFENCE: invalid read at %p", (void *)at);
        assert_string_equal(heard.text, line);
        assert_int_equal(heard.report.kind, QUARRY_OVERRUN);
        assert_int_equal(heard.report.size, 0);
        assert_string_equal(heard.cache, "");
        assert_int_equal(heard.before, ~0u);
        assert_int_equal(heard.also, ~0u);
    }
    test_end(q);
}

static void damage_is_told_byte_by_byte(void **state)
{
    struct quarry *q = boot_heard("kfence.every=1 kfence.num_objects=2");
    struct qr_guard_request request = request_of(100);
    char *object = qr_guard_alloc(&q->guards, &request), bytes[256], *text = console.text;

    (void)state;
    object[100] = 0x11;
    object[102] = 0x22;
    date(&q->guards.place[0].allocated, 5);
    test_console_begin(&console);
    assert_true(qr_guard_free(&q->guards, object, "it"));
    test_console_end(&console);
    /* As many as sixteen, but not beyond the page. */
    snprintf(bytes, sizeof(bytes), "Corrupted memory at %p [ 0x11 . 0x22 .%s ] (in kfence-#0):\n",
             (void *)(object + 100),
             (uintptr_t)object % PAGE_SIZE ? "" : " . . . . . . . . . . . .");
    assert_memory_equal(text, RULE "BUG: KFENCE: memory corruption in ",
                        strlen(RULE "BUG: KFENCE: memory corruption in "));
    assert_non_null(strstr(text, bytes));
    assert_non_null(strstr(text, "\nallocated by task 77 at 0.000000s:\n (unknown)\n" RULE));
    assert_null(strstr(text, "freed by"));
    assert_int_equal(heard.report.kind, QUARRY_OVERRUN);
    assert_ptr_equal(heard.report.address, object + 100);
    assert_int_equal(heard.before, 0);
    assert_int_equal(heard.also, ~0u);
    assert_int_equal(q->guards.nr_freed, 1);
    test_end(q);
}

static void wrong_frees_are_told_by_what_lies_there(void **state)
{
    struct quarry *q = boot_heard("kfence.every=1 kfence.num_objects=2");
    struct qr_guard_request request = request_of(100);
    char *object = qr_guard_alloc(&q->guards, &request), *start = (char *)q->guards.start;
    char *wrong[] = {object + 1, start + 5, start + 3 * PAGE_SIZE};
    char line[192];

    (void)state;
    for (int i = 0; i < 3; i++) {
        test_console_begin(&console);
        assert_false(qr_guard_free(&q->guards, wrong[i], "it"));
        test_console_end(&console);
        snprintf(line, sizeof(line), "KFENCE: invalid free of %p%s", (void *)wrong[i],
                 i ? "" : " (in kfence-#0), an object of 100 bytes, cache named");
        assert_string_equal(heard.text, line);
        snprintf(line, sizeof(line), "\n\nInvalid free of %p%s:\n", (void *)wrong[i],
                 i ? "" : " (in kfence-#0)");
        assert_non_null(strstr(console.text, line));
        assert_int_equal(heard.report.kind, QUARRY_BAD_FREE);
        assert_int_equal(heard.before == ~0u, i > 0);
        assert_int_equal(heard.also, ~0u);
        assert_true(heard.report.now && heard.nr == (unsigned int)i + 1);
    }
    assert_true(qr_guard_free(&q->guards, object, "it"));
    test_console_begin(&console);
    assert_false(qr_guard_free(&q->guards, object, "it"));
    test_console_end(&console);
    assert_int_equal(heard.report.kind, QUARRY_DOUBLE_FREE);
    assert_int_not_equal(heard.also, ~0u);
    assert_int_equal(q->guards.nr_freed, 1);
    assert_int_equal(q->guards.nr_reports, 4);
    test_end(q);
}

/* ---- whose fault ----------------------------------------------------------------------------- */

/* Of two neighbours the one in use, or else the nearer. */
static void a_guard_page_belongs_to_the_nearer_of_its_neighbours(void **state)
{
    static const struct {
        bool live[2], used[2];
        size_t offset; /* in the guard page between them */
        int index;     /* whose it is; -1: nobody's */
        bool beyond;   /* out of the bounds of what is live */
    } want[] = {
        {{true, true}, {true, true}, 5, 0, true},
        {{true, true}, {true, true}, PAGE_SIZE - 5, 1, true},
        {{true, true}, {true, true}, PAGE_SIZE / 2, 1, true},
        {{true, true}, {true, true}, PAGE_SIZE / 2 - 1, 0, true},
        {{false, true}, {true, true}, 5, 1, true},
        {{true, false}, {true, true}, PAGE_SIZE - 5, 0, true},
        {{false, false}, {true, true}, 5, 0, false},
        {{false, false}, {true, true}, PAGE_SIZE - 5, 1, false},
        {{false, false}, {true, false}, PAGE_SIZE - 5, 0, false},
        {{false, false}, {false, true}, 5, 1, false},
        {{false, false}, {false, false}, 5, -1, false},
    };
    struct quarry *q = boot_heard("kfence.every=1 kfence.num_objects=4");
    struct qr_guard_place *place = q->guards.place;
    char *start = (char *)q->guards.start, *guard = start + 4 * PAGE_SIZE;

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(want); i++) {
        char words[48];
        for (int k = 0; k < 2; k++) { /* places 1 and 2, whose objects touch the guard page */
            place[1 + k].state = want[i].live[k] ? QR_GUARD_LIVE : QR_GUARD_IDLE;
            place[1 + k].used = want[i].used[k];
            place[1 + k].size = 64;
            place[1 + k].object = k ? guard + PAGE_SIZE : guard - 64;
            place[1 + k].open_guard[0] = place[1 + k].open_guard[1] = false;
        }
        fault(q, guard + want[i].offset, QR_ACCESS_READ);
        assert_int_equal(heard.nr, i + 1);
        if (want[i].index < 0)
            snprintf(words, sizeof(words), "%p", (void *)(guard + want[i].offset));
        else if (want[i].index == 0)
            snprintf(words, sizeof(words), "(%zuB right of kfence-#1)", want[i].offset + 1);
        else
            snprintf(words, sizeof(words), "(%zuB left of kfence-#2)", PAGE_SIZE - want[i].offset);
        assert_non_null(strstr(heard.text, words));
        assert_int_equal(strstr(heard.text, "out-of-bounds") != NULL, want[i].beyond);
        assert_int_equal(strstr(heard.text, "invalid read") != NULL, !want[i].beyond);
        assert_int_equal(place[1].open_guard[1], want[i].index == 0);
        assert_int_equal(place[2].open_guard[0], want[i].index != 0);
        assert_false(place[1].open_guard[0]);
        assert_false(place[2].open_guard[1]);
        fault(q, guard + 1, QR_ACCESS_READ); /* it is open by now, by whichever */
        assert_int_equal(heard.nr, i + 1);
    }
    for (int k = 1; k < 3; k++)
        place[k].state = QR_GUARD_IDLE;
    test_end(q);
}

/* ---- objects --------------------------------------------------------------------------------- */

static void what_lies_around_an_object_is_a_pattern(void **state)
{
    static const struct {
        size_t size, align;
    } want[] = {{1, 8}, {8, 8}, {100, 8}, {100, 64}, {4095, 8}, {4096, 4096}};
    struct quarry *q = boot_heard("kfence.every=1 kfence.num_objects=64");

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(want); i++) {
        bool seen[2] = {false, false};
        for (int zero = 0; zero < 2; zero++) {
            for (int tries = 0; tries < 16; tries++) {
                struct qr_guard_request request = request_of(want[i].size);
                char *object, *page;
                size_t at;
                request.align = want[i].align;
                request.zero = zero;
                object = qr_guard_alloc(&q->guards, &request);
                page = (char *)((uintptr_t)object & PAGE_MASK);
                at = (size_t)(object - page);
                assert_true(at == 0 ||
                            at == (PAGE_SIZE - want[i].size) / want[i].align * want[i].align);
                seen[at != 0] = true;
                for (size_t byte = 0; byte < PAGE_SIZE; byte++) {
                    bool inside = byte - at < want[i].size;
                    assert_int_equal((u8)page[byte], inside && zero ? 0 : 0xaa ^ (byte & 7));
                }
                memset(object, 0x33, want[i].size);
                assert_true(qr_guard_free(&q->guards, object, "it"));
            }
        }
        assert_true(seen[0] && seen[1] == (want[i].size + want[i].align <= PAGE_SIZE));
    }
    assert_int_equal(heard.nr, 0);
    test_end(q);
}

static void each_canary_is_looked_at(void **state)
{
    struct quarry *q = boot_heard("kfence.every=1 kfence.num_objects=8");
    unsigned int nr = 0;

    (void)state;
    for (int tries = 0; tries < 40; tries++) {
        struct qr_guard_request request = request_of(100);
        char *object = qr_guard_alloc(&q->guards, &request);
        char *page = (char *)((uintptr_t)object & PAGE_MASK), *end = page + PAGE_SIZE;
        /* The first and the last of each side. */
        char *place[] = {page, object - 1, object + 100, end - 1};
        char *hurt = place[tries % 4];
        if (hurt < page || (hurt >= object && hurt < object + 100)) {
            qr_guard_free(&q->guards, object, "it");
            continue;
        }
        *hurt ^= 0x40;
        test_console_begin(&console);
        qr_guard_free(&q->guards, object, "it");
        test_console_end(&console);
        assert_int_equal(heard.nr, ++nr);
        assert_ptr_equal(heard.report.address, hurt);
    }
    assert_true(nr > 20);
    test_end(q);
}

static void a_place_says_what_was_asked_for(void **state)
{
    struct quarry *q = boot_heard("kfence.every=1 kfence.num_objects=2 check=1");
    struct qr_guard_request request = request_of(100);
    struct qr_guard_place *place = &q->guards.place[0];
    struct qr_guard_found found;
    char *object, text[192], words[192];

    (void)state;
    memset(&place->freed, 0xff, sizeof(place->freed)); /* as of the one before */
    place->leak = QR_LEAK_UNSEEN;
    object = qr_guard_alloc(&q->guards, &request);
    assert_int_equal(place->state, QR_GUARD_LIVE);
    assert_true(place->used);
    assert_false(place->open);
    assert_int_equal(place->size, 100);
    assert_ptr_equal(place->object, object);
    assert_ptr_equal(place->cache, &heard);
    assert_string_equal(place->name, "named");
    assert_int_equal(place->gfp, GFP_NOFS);
    assert_int_equal(place->leak, QR_LEAK_REACHED);
    assert_int_equal(place->freed.when_ns, 0);
    assert_int_equal(place->allocated.gfp, GFP_NOFS);
    assert_int_equal(place->allocated.task, qp_task_id());
    assert_true(place->allocated.trace && place->allocated.when_ns);
    assert_int_equal(q->guards.nr_allocated, 1);
    assert_true(qr_guard_find(&q->guards, object, &found));
    assert_ptr_equal(found.cache, &heard);
    assert_ptr_equal(found.name, place->name);
    assert_int_equal(found.size, 100);
    assert_false(qr_guard_find(&q->guards, object + 1, &found));
    assert_false(qr_guard_find(&q->guards, (char *)q->guards.start, &found));
    assert_int_equal(qr_guard_count(&q->guards, &heard), 1);
    qr_guard_describe(&q->guards, object + 7, text, sizeof(text));
    snprintf(words, sizeof(words),
             "byte 7 of kfence-#0, a sampled object at %p, 100 bytes, cache named, live",
             (void *)object);
    assert_string_equal(text, words);
    assert_true(qr_guard_free(&q->guards, object, "it"));
    assert_int_equal(place->state, QR_GUARD_IDLE);
    assert_null(place->cache);
    assert_true(place->freed.trace && place->freed.when_ns);
    assert_int_equal(place->freed.task, qp_task_id());
    assert_false(qr_guard_find(&q->guards, object, &found));
    assert_int_equal(qr_guard_count(&q->guards, &heard), 0);
    qr_guard_describe(&q->guards, object, text, sizeof(text));
    snprintf(words, sizeof(words),
             "byte 0 of kfence-#0, a sampled object at %p, 100 bytes, cache named, freed",
             (void *)object);
    assert_string_equal(text, words);
    qr_guard_describe(&q->guards, (char *)q->guards.start + 3 * PAGE_SIZE, text, sizeof(text));
    assert_string_equal(text, "kfence-#1 of the pool of sampled objects, never used");
    qr_guard_describe(&q->guards, (char *)q->guards.start, text, sizeof(text));
    assert_string_equal(text, "a guard page of the pool of sampled objects");
    test_end(q);
}

/* ---- sampling -------------------------------------------------------------------------------- */

static int gate_calls, gate_open;

static void note_gate(void *data, bool open)
{
    assert_ptr_equal(data, &gate_calls);
    gate_calls++;
    gate_open = open;
}

static void an_open_gate_lets_one_through(void **state)
{
    struct quarry *q = boot_heard("kfence.sample_interval=1000000 kfence.num_objects=3");
    struct qr_guards *guards = &q->guards;

    (void)state;
    assert_int_equal(guards->nr, 3);
    assert_int_equal(guards->bytes, 7 * PAGE_SIZE);
    assert_int_equal(guards->every, 0);
    assert_int_equal(guards->interval_ns, 1000000ull * 1000000);
    assert_int_equal(guards->oldest, 1);
    assert_int_equal(guards->newest, 3);
    qr_guards_stop(guards);
    guards->gate_changed = note_gate;
    guards->gate_data = &gate_calls;
    gate_calls = 0;
    gate_open = 7;
    guards->next_ns = qp_now_ns() + guards->interval_ns;
    assert_false(qr_guard_sample(guards));
    assert_int_equal(gate_calls, 0);
    guards->gate = 1;
    assert_true(qr_guard_sample(guards));
    assert_int_equal(guards->gate, 0);
    assert_int_equal(gate_calls, 1);
    assert_int_equal(gate_open, 0);
    assert_false(qr_guard_sample(guards));
    assert_int_equal(gate_calls, 1);
    /* Where there is a timer nobody looks at the clock. */
    guards->next_ns = 1;
    guards->running = 1;
    assert_false(qr_guard_sample(guards));
    assert_int_equal(guards->next_ns, 1);
    guards->running = 0;
    assert_true(qr_guard_sample(guards));
    assert_int_equal(gate_calls, 1);
    guards->every = 3;
    guards->requests = 0;
    for (int i = 1; i <= 9; i++)
        assert_int_equal(qr_guard_sample(guards), i % 3 == 0);
    assert_int_equal(guards->requests, 9);
    test_end(q);
}

/* Then whoever comes the slow way looks at the clock. */
static void without_a_timer_there_is_none_to_wait_for(void **state)
{
    struct quarry *q = boot_heard("kfence.sample_interval=1000000 kfence.num_objects=3");
    struct qr_guards *guards = &q->guards;

    (void)state;
    assert_int_equal(guards->running, 1);
    qr_guards_stop(guards);
    assert_int_equal(guards->running, 0);
    timer.refuse = true;
    guards->stop = 1;
    guards->next_ns = 0;
    qr_guards_start(guards);
    timer.refuse = false;
    assert_int_equal(guards->running, 0);
    assert_int_equal(guards->stop, 0);
    assert_true(guards->next_ns >= guards->interval_ns);
    assert_false(qr_guard_sample(guards)); /* not yet */
    guards->next_ns = 1;
    assert_true(qr_guard_sample(guards));
    guards->every = 1;
    qr_guards_start(guards); /* by count there is nothing to start */
    assert_int_equal(guards->running, 0);
    test_end(q);
}

static void the_timer_opens_the_gate_once_an_interval(void **state)
{
    struct quarry *q = boot_heard("kfence.sample_interval=1000 kfence.num_objects=3");
    struct qr_guards *guards = &q->guards;
    const u64 second = 1000000000;
    u32 stopped;

    (void)state;
    qr_guards_stop(guards);
    memset(&timer, 0, sizeof(timer));
    timer.guards = guards;
    timer.note = mine = true;
    timer.now_ns = 77;
    qr_guards_start(guards);
    assert_int_equal(guards->running, 1);
    assert_int_equal(guards->next_ns, 77 + second);
    assert_ptr_equal(timer.arg, guards);
    guards->gate_changed = note_gate;
    guards->gate_data = &gate_calls;
    guards->gate = 0;
    gate_calls = gate_open = 0;
    stopped = guards->stopped.moves;
    timer.fn(timer.arg);
    mine = false;
    assert_int_equal(timer.waits, 5);
    assert_int_equal(timer.timeout_ns[0], second);
    assert_int_equal(timer.timeout_ns[1], second);
    assert_int_equal(timer.timeout_ns[2], 1); /* it was woken early */
    assert_int_equal(timer.timeout_ns[3], second);
    assert_int_equal(timer.timeout_ns[4], second);
    assert_int_equal(gate_calls, 1); /* nobody came through: it stays open */
    assert_int_equal(gate_open, 1);
    assert_int_equal(guards->gate, 1);
    assert_int_equal(guards->running, 0);
    assert_int_equal(guards->stopped.moves, stopped + 1);
    memset(&timer, 0, sizeof(timer));
    test_end(q);
}

static void another_comes_through(void *data)
{
    struct qr_guards *guards = data;

    guards->gate = 0;
}

/* Both saw it open. */
static void of_two_at_an_open_gate_one_comes_through(void **state)
{
    struct quarry *q = boot_heard("kfence.sample_interval=1000000 kfence.num_objects=3");
    struct qr_guards *guards = &q->guards;

    (void)state;
    qr_guards_stop(guards);
    qr_reclaim_stop(&q->reclaim); /* nobody else writes */
    guards->gate_changed = note_gate;
    guards->gate_data = &gate_calls;
    guards->next_ns = ~0ull;
    guards->gate = 1;
    gate_calls = 0;
    meanwhile_do(&guards->gate, another_comes_through, guards);
    assert_false(qr_guard_sample(guards));
    assert_int_equal(meanwhile.times, 1);
    assert_int_equal(gate_calls, 0); /* that is the other's */
    test_end(q);
}

static void without_a_pool_nothing_is_sampled(void **state)
{
    struct quarry *q = boot_heard(NULL);

    (void)state;
    q->guards.every = 1;
    q->guards.gate = 1;
    assert_false(qr_guard_sample(&q->guards));
    assert_int_equal(q->guards.gate, 1);
    qr_guards_start(&q->guards);
    assert_int_equal(q->guards.running, 0);
    assert_int_equal(qr_guard_count(&q->guards, NULL), 0);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_access_beside_an_object_is_told_to_the_byte),
        cmocka_unit_test(an_access_after_a_free_is_told_with_both_sites),
        cmocka_unit_test(accesses_where_nothing_is_are_told_without_an_object),
        cmocka_unit_test(damage_is_told_byte_by_byte),
        cmocka_unit_test(wrong_frees_are_told_by_what_lies_there),
        cmocka_unit_test(a_guard_page_belongs_to_the_nearer_of_its_neighbours),
        cmocka_unit_test(what_lies_around_an_object_is_a_pattern),
        cmocka_unit_test(each_canary_is_looked_at),
        cmocka_unit_test(a_place_says_what_was_asked_for),
        cmocka_unit_test(an_open_gate_lets_one_through),
        cmocka_unit_test(without_a_timer_there_is_none_to_wait_for),
        cmocka_unit_test(the_timer_opens_the_gate_once_an_interval),
        cmocka_unit_test(of_two_at_an_open_gate_one_comes_through),
        cmocka_unit_test(without_a_pool_nothing_is_sampled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
