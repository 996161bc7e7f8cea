/* SPDX-License-Identifier: MIT */
/* Grace periods step by step: what each call moves on and what it leaves, with the clock, the waits and the
 * other CPUs' readers in the test's hands. */
#include "machine.h"
#include "console.h"

void __real_qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns);
void __wrap_qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns);
uint64_t __real_qp_now_ns(void);
uint64_t __wrap_qp_now_ns(void);

static struct qr_grace *grace; /* of the machine in hand */

static struct {
    void (*meanwhile)(void); /* instead of sleeping; NULL: sleep */
    unsigned int nr;
    uint64_t timeout_ns[8];
    uint64_t now_ns; /* 0: the real one */
} here;
static _Thread_local bool mine;

void __wrap_qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns)
{
    if (!mine || !here.meanwhile || event != &grace->moved) {
        __real_qp_wait(event, seen, timeout_ns);
        return;
    }
    assert_int_equal(seen, event->moves); /* nothing moved since it was looked at */
    if (here.nr < 8)
        here.timeout_ns[here.nr] = timeout_ns;
    here.nr++;
    here.meanwhile();
}

uint64_t __wrap_qp_now_ns(void)
{
    return mine && here.now_ns ? here.now_ns : __real_qp_now_ns();
}

/* ---- a machine without a worker -------------------------------------------------------------- */

static unsigned int made[16], nr_made;

struct numbered {
    struct qr_grace_call call;
    unsigned int number;
};

static void note(struct qr_grace_call *call)
{
    made[nr_made++ % 16] = ((struct numbered *)(void *)call)->number;
}

static struct numbered numbered[8];
static u64 completed, asked, done; /* at the beginning */
static u32 side;

static struct {
    unsigned long nr;
    enum quarry_finding kind;
    char rule[16], text[512];
} heard;

static bool hear(const struct quarry_report *report, void *data)
{
    (void)data;
    heard.nr++;
    heard.kind = report->kind;
    snprintf(heard.rule, sizeof(heard.rule), "%s", report->rule ? report->rule : "");
    snprintf(heard.text, sizeof(heard.text), "%s", report->text);
    return false;
}

static struct qr_readers *readers; /* this CPU's */

static struct quarry *begin(void)
{
    struct quarry *q = test_boot(256);
    struct qr_cpu *cpu;

    qr_reclaim_stop(&q->reclaim);
    qp_claim_cpu(&q->cpus);
    qp_percpu_leave(qp_percpu_enter(&q->cpus, &cpu));
    assert_true(qr_cpu_known(cpu));
    readers = &cpu->readers;
    q->check.hook = hear;
    memset(&here, 0, sizeof(here));
    memset(&heard, 0, sizeof(heard));
    memset(numbered, 0, sizeof(numbered));
    for (unsigned int i = 0; i < 8; i++) {
        numbered[i].call.fn = note;
        numbered[i].number = i;
    }
    nr_made = 0;
    grace = &q->grace;
    mine = true;
    completed = grace->completed;
    asked = grace->asked;
    done = grace->done;
    side = grace->side & 1;
    assert_int_equal(grace->phase, 0);
    assert_int_equal(grace->awaited, 0);
    return q;
}

static void end(struct quarry *q)
{
    mine = false;
    test_end(q);
}

#define TIDY() grace->source.tidy(grace)

static void state_is(int line, u32 phase, u32 awaited, u64 next, u64 waiting, u64 periods,
                     u64 calls)
{
    if (grace->phase != phase || grace->awaited != awaited || grace->next.nr != next ||
        grace->waiting.nr != waiting || grace->completed != completed + periods ||
        grace->done != done + calls || nr_made != calls || grace->doing.nr || grace->running)
        fail_msg("line %d: phase %u, awaited %u, next %llu, waiting %llu, periods %llu, calls %llu "
                 "(%u made)",
                 line, grace->phase, grace->awaited, (unsigned long long)grace->next.nr,
                 (unsigned long long)grace->waiting.nr,
                 (unsigned long long)(grace->completed - completed),
                 (unsigned long long)(grace->done - done), nr_made);
}
#define STATE_IS(...) state_is(__LINE__, __VA_ARGS__)

/* ---- periods --------------------------------------------------------------------------------- */

static void a_period_goes_through_both_sides_and_then_makes_its_calls(void **state)
{
    struct quarry *q = begin();

    (void)state;
    grace->shared.begun[side]++; /* a reader elsewhere */
    qr_grace_call(grace, &numbered[0].call);
    STATE_IS(1, side + 1, 0, 1, 0, 0);
    assert_int_equal(grace->side, side ^ 1);
    assert_int_equal(grace->asked, asked + 1);
    qr_grace_call(grace, &numbered[1].call); /* for the next one */
    qr_grace_call(grace, &numbered[2].call);
    STATE_IS(1, side + 1, 2, 1, 0, 0);
    assert_ptr_equal(grace->next.first, &numbered[1].call);
    assert_ptr_equal(grace->next.last, &numbered[2].call.next);
    assert_ptr_equal(grace->waiting.first, &numbered[0].call);
    grace->shared.begun[side ^ 1]++; /* one that came since */
    grace->shared.ended[side]++;
    TIDY();
    STATE_IS(2, (side ^ 1) + 1, 2, 1, 0, 0);
    assert_int_equal(grace->side, side);
    grace->shared.begun[side]++; /* that nobody waits for */
    grace->shared.ended[side ^ 1]++;
    TIDY(); /* and the next begins at once, which does wait for it */
    STATE_IS(1, side + 1, 0, 2, 1, 1);
    assert_int_equal(made[0], 0);
    grace->shared.ended[side]++;
    TIDY();
    STATE_IS(0, 0, 0, 0, 2, 3);
    assert_int_equal(made[1], 1);
    assert_int_equal(made[2], 2);
    TIDY(); /* nothing to wait for: no period */
    STATE_IS(0, 0, 0, 0, 2, 3);
    assert_null(grace->next.first);
    assert_ptr_equal(grace->next.last, &grace->next.first);
    assert_ptr_equal(grace->waiting.last, &grace->waiting.first);
    end(q);
}

/* A section may end on another CPU than it began on: it is the sums that count. */
static void readers_are_counted_over_all_cpus(void **state)
{
    struct quarry *q = begin();

    (void)state;
    readers->begun[side]++;
    qr_grace_call(grace, &numbered[0].call);
    STATE_IS(1, side + 1, 0, 1, 0, 0);
    grace->shared.ended[side]++;
    TIDY();
    STATE_IS(0, 0, 0, 0, 1, 1);
    grace->shared.begun[0]++;
    readers->ended[0]++;
    grace->shared.begun[1]++;
    readers->ended[1]++;
    qr_grace_call(grace, &numbered[1].call);
    STATE_IS(0, 0, 0, 0, 2, 2);
    end(q);
}

static void a_section_counts_itself_once_and_wakes_who_waits_for_it(void **state)
{
    struct quarry *q = begin();
    struct qr_readers before;
    u32 moves = grace->moved.moves;

    (void)state;
    before = *readers;
    qr_grace_enter(grace);
    qr_grace_enter(grace);
    assert_int_equal(qp_task()->readers, 2);
    assert_int_equal(qp_task()->reader_side, side);
    assert_int_equal(readers->begun[side], before.begun[side] + 1);
    qr_grace_leave(grace);
    assert_int_equal(readers->ended[side], before.ended[side]);
    qr_grace_leave(grace);
    assert_int_equal(readers->ended[side], before.ended[side] + 1);
    assert_int_equal(readers->begun[side ^ 1], before.begun[side ^ 1]);
    assert_int_equal(readers->ended[side ^ 1], before.ended[side ^ 1]);
    assert_int_equal(qp_task()->readers, 0);
    assert_int_equal(grace->moved.moves, moves); /* nobody waits */
    qr_grace_enter(grace);
    qr_grace_call(grace, &numbered[0].call);
    moves = grace->moved.moves;
    qr_grace_leave(grace);
    assert_int_equal(grace->moved.moves, moves + 1);
    STATE_IS(1, side + 1, 0, 1, 0, 0); /* the woken one moves it on */
    moves = grace->moved.moves;
    qr_grace_enter(grace); /* on the other side, for which nobody waits */
    assert_int_equal(qp_task()->reader_side, side ^ 1);
    qr_grace_leave(grace);
    assert_int_equal(grace->moved.moves, moves);
    TIDY();
    STATE_IS(0, 0, 0, 0, 1, 1);
    assert_int_equal(grace->moved.moves, moves + 1); /* the calls were made */
    qr_grace_leave(grace);
    assert_int_equal(heard.nr, 1);
    assert_int_equal(heard.kind, QUARRY_BAD_CONTEXT);
    assert_string_equal(heard.rule, "G-C1");
    assert_string_equal(heard.text,
                        "quarry_rcu_read_unlock without quarry_rcu_read_lock: nothing was done");
    assert_int_equal(qp_task()->readers, 0);
    end(q);
}

static void calls_are_made_by_one_task_at_a_time(void **state)
{
    struct quarry *q = begin();

    (void)state;
    grace->running = true; /* another is at it */
    qr_grace_call(grace, &numbered[0].call);
    assert_int_equal(nr_made, 0);
    assert_int_equal(grace->waiting.nr, 1);
    assert_int_equal(grace->completed, completed + 1); /* its period is over */
    qr_grace_call(grace, &numbered[1].call);
    assert_int_equal(grace->next.nr, 1);
    assert_int_equal(grace->completed, completed + 1); /* and the next does not begin */
    grace->running = false;
    TIDY();
    STATE_IS(0, 0, 0, 0, 2, 2);
    end(q);
}

/* A record is its owner's to use again, whatever was in it, and a list begins with nothing. */
static void a_call_is_the_last_of_its_list_whatever_was_in_it(void **state)
{
    struct quarry *q = begin();
    struct qr_reclaim nobody = {0};
    struct qr_grace fresh = {.reclaim = &nobody};

    (void)state;
    numbered[0].call.next = &numbered[3].call;
    qr_grace_call(grace, &numbered[0].call);
    STATE_IS(0, 0, 0, 0, 1, 1);
    assert_int_equal(made[0], 0);
    memset(&fresh.next, 0xff, sizeof(fresh.next));
    memset(&fresh.waiting, 0xff, sizeof(fresh.waiting));
    memset(&fresh.doing, 0xff, sizeof(fresh.doing));
    fresh.next.last = fresh.waiting.last = fresh.doing.last = NULL;
    qr_grace_init(&fresh, &quarry_counted_readers);
    assert_ptr_equal(nobody.sources, &fresh.source);
    for (int i = 0; i < 3; i++) {
        struct qr_grace_list *list = i == 0 ? &fresh.next : i == 1 ? &fresh.waiting : &fresh.doing;
        assert_null(list->first);
        assert_ptr_equal(list->last, &list->first);
        assert_int_equal(list->nr, 0);
    }
    end(q);
}

static void tidies_up(struct qr_grace_call *call)
{
    note(call);
    assert_true(grace->running);
    qr_grace_ask(grace, &numbered[1].call);
    TIDY();
    assert_int_equal(nr_made, 1); /* not inside this one */
}

static void a_call_that_tidies_up_makes_no_others(void **state)
{
    struct quarry *q = begin();

    (void)state;
    numbered[0].call.fn = tidies_up;
    qr_grace_call(grace, &numbered[0].call);
    STATE_IS(0, 0, 0, 0, 2, 2);
    assert_int_equal(made[1], 1);
    end(q);
}

/* Whoever looks whether readers are left is none. */
static void looking_for_readers_counts_nobody(void **state)
{
    struct quarry *q = begin();
    struct qr_readers shared = grace->shared, own = *readers;
    struct qr_cpu **area = q->cpus.area;
    unsigned int nr = q->cpus.nr_max;

    (void)state;
    assert_true(nr > 1);
    assert_null(area[nr - 1]);
    area[nr - 1] = (struct qr_cpu *)8; /* behind the last CPU nobody looks: who does ends here */
    q->cpus.nr_max = nr - 1;
    for (int i = 0; i < 2; i++) {
        qr_grace_call(grace, &numbered[i].call);
        assert_int_equal(qr_grace_wait(grace, "it"), 0);
    }
    assert_int_equal(nr_made, 2);
    assert_memory_equal(&grace->shared, &shared, sizeof(shared));
    assert_memory_equal(readers, &own, sizeof(own));
    qr_grace_after_fork(grace);
    q->cpus.nr_max = nr;
    area[nr - 1] = NULL;
    end(q);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void the_reader_ends(void)
{
    grace->shared.ended[side]++;
}

/* A period that runs already may have begun before what is waited for: the one after it is needed. */
static void a_wait_takes_one_whole_period(void **state)
{
    struct quarry *q = begin();

    (void)state;
    here.meanwhile = the_reader_ends;
    assert_int_equal(qr_grace_wait(grace, "it"), 0);
    assert_int_equal(here.nr, 0);
    STATE_IS(0, 0, 0, 0, 1, 0);
    side = grace->side & 1;
    grace->shared.begun[side]++;
    qr_grace_call(grace, &numbered[0].call);
    STATE_IS(1, side + 1, 0, 1, 1, 0);
    here.now_ns = 1000;
    assert_int_equal(qr_grace_wait(grace, "it"), 0);
    assert_int_equal(here.nr, 1);
    assert_int_equal(here.timeout_ns[0], 10000000000ull);
    STATE_IS(0, 0, 0, 0, 3, 1);
    end(q);
}

static void nothing_happens_for_four_seconds(void)
{
    here.now_ns += 4000000000ull;
    if (here.nr == 5)
        grace->shared.ended[side]++;
}

/* After ten seconds it is said, once. */
static void a_long_wait_is_told_once(void **state)
{
    struct quarry *q = begin();
    struct test_console console;

    (void)state;
    grace->shared.begun[side]++;
    qr_grace_call(grace, &numbered[0].call);
    here.meanwhile = nothing_happens_for_four_seconds;
    here.now_ns = 5000;
    test_console_begin(&console);
    qr_grace_barrier(grace, "the caller");
    test_console_end(&console);
    assert_string_equal(console.text,
                        "quarry: the caller has waited for 10 seconds for a read section to end\n");
    assert_int_equal(here.nr, 5);
    assert_int_equal(here.timeout_ns[0], 10000000000ull);
    assert_int_equal(here.timeout_ns[1], 6000000000ull);
    assert_int_equal(here.timeout_ns[2], 2000000000ull);
    assert_int_equal(here.timeout_ns[3], 0); /* as long as it takes */
    assert_int_equal(here.timeout_ns[4], 0);
    STATE_IS(0, 0, 0, 0, 1, 1);
    end(q);
}

static void a_moment_passes(void)
{
    here.now_ns += 25000000 - (here.nr == 1);
}

/* Fifty milliseconds, not one less or more. */
static void reclaim_waits_for_readers_for_a_moment(void **state)
{
    struct quarry *q = begin();

    (void)state;
    assert_true(qr_grace_settle(grace)); /* nothing waits */
    grace->shared.begun[side]++;
    qr_grace_call(grace, &numbered[0].call);
    here.meanwhile = a_moment_passes;
    here.now_ns = 7;
    assert_false(qr_grace_settle(grace));
    assert_int_equal(here.nr, 3);
    assert_int_equal(here.timeout_ns[0], 50000000);
    assert_int_equal(here.timeout_ns[1], 25000001);
    assert_int_equal(here.timeout_ns[2], 1);
    assert_int_equal(heard.nr, 0);
    here.nr = 0;
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    assert_false(qr_grace_settle(grace));
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    qr_grace_enter(grace);
    assert_false(qr_grace_settle(grace));
    qr_grace_leave(grace);
    assert_int_equal(here.nr, 0); /* it does not even wait */
    assert_int_equal(heard.nr, 0);
    here.meanwhile = the_reader_ends;
    assert_true(qr_grace_settle(grace));
    assert_int_equal(nr_made, 1);
    end(q);
}

static void who_may_not_wait_is_told_so(void **state)
{
    struct quarry *q = begin();

    (void)state;
    assert_int_equal(qr_grace_barrier(grace, "it"), 0); /* there is nothing to wait for */
    qr_grace_enter(grace);
    assert_int_equal(qr_grace_barrier(grace, "it"), 0);
    assert_int_equal(qr_grace_wait(grace, "it"), -QR_EDEADLK);
    qr_grace_call(grace, &numbered[0].call);
    assert_int_equal(qr_grace_barrier(grace, "it"), -QR_EDEADLK);
    qr_grace_leave(grace);
    assert_int_equal(heard.nr, 2); /* a section is atomic context */
    assert_string_equal(heard.rule, "G-C3");
    memset(&heard, 0, sizeof(heard));
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    assert_int_equal(qr_grace_wait(grace, "it"), -QR_EDEADLK);
    assert_int_equal(heard.nr, 1);
    assert_string_equal(heard.rule, "G-C3");
    assert_int_equal(qr_grace_barrier(grace, "it"), -QR_EDEADLK);
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(qr_grace_barrier(grace, "it"), 0);
    STATE_IS(0, 0, 0, 0, 1, 1);
    grace->how = NULL;
    heard.nr = 0;
    assert_int_equal(qr_grace_wait(grace, "waiting"), -QR_ENOSYS);
    assert_int_equal(heard.nr, 1);
    assert_int_equal(heard.kind, QUARRY_BAD_REQUEST);
    assert_string_equal(
        heard.text,
        "waiting: nobody here knows when readers are done, so what waits for them is kept and "
        "never freed; quarry_set_grace_period() names who knows (&quarry_counted_readers, if "
        "readers use quarry_rcu_read_lock)");
    qr_grace_call(grace, &numbered[1].call);
    assert_int_equal(qr_grace_barrier(grace, "it"), -QR_ENOSYS);
    assert_false(qr_grace_settle(grace));
    assert_int_equal(heard.nr, 1); /* it was told */
    assert_int_equal(grace->next.nr, 1);
    assert_int_equal(qr_grace_set(grace, &quarry_counted_readers), 0);
    STATE_IS(0, 0, 0, 0, 2, 2); /* what was kept goes on */
    end(q);
}

/* ---- other providers ------------------------------------------------------------------------- */

static struct {
    unsigned int calls, waits;
    int answer; /* of call */
    void (*fn)(void *arg);
    void *arg, *data;
    unsigned int also; /* a call that comes while the provider is asked; 0: none */
} provider;

static int be_called(void *data, void (*fn)(void *arg), void *arg)
{
    provider.calls++;
    provider.data = data;
    provider.fn = fn;
    provider.arg = arg;
    if (provider.also)
        qr_grace_ask(grace, &numbered[provider.also].call);
    provider.also = 0;
    return provider.answer;
}

static void be_waited_in(void *data)
{
    provider.waits++;
    provider.data = data;
}

static const struct quarry_grace_period calling = {
    .name = "calling", .call = be_called, .data = &provider};
static const struct quarry_grace_period both = {
    .name = "both", .call = be_called, .wait = be_waited_in, .data = &provider};

static void a_provider_is_asked_once_a_period(void **state)
{
    struct quarry *q = begin();
    u32 moves;

    (void)state;
    memset(&provider, 0, sizeof(provider));
    assert_int_equal(qr_grace_set(grace, &calling), 0);
    qr_grace_call(grace, &numbered[0].call);
    qr_grace_call(grace, &numbered[1].call);
    TIDY();
    STATE_IS(3, 0, 1, 1, 0, 0);
    assert_int_equal(grace->side & 1, side);
    assert_int_equal(provider.calls, 1);
    assert_ptr_equal(provider.data, &provider);
    moves = grace->moved.moves;
    provider.fn(provider.arg);
    assert_true(grace->moved.moves > moves);
    STATE_IS(0, 0, 1, 0, 1, 1); /* without a worker its calls are made at once */
    TIDY();
    STATE_IS(3, 0, 0, 1, 1, 1);
    assert_int_equal(provider.calls, 2);
    provider.fn(provider.arg);
    STATE_IS(0, 0, 0, 0, 2, 2);
    end(q);
}

static void asks_again(struct qr_grace_call *call)
{
    note(call);
    if (nr_made < 6)
        qr_grace_ask(grace, call);
}

static void the_period_ends(void)
{
    provider.fn(provider.arg);
}

/* Who gathers asks once more when its call is made: that is waited for, and no chain without an end. */
static void a_chain_of_calls_is_followed_for_two_rounds(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        struct quarry *q = begin();
        memset(&provider, 0, sizeof(provider));
        assert_int_equal(qr_grace_set(grace, &calling), 0);
        numbered[0].call.fn = asks_again;
        here.meanwhile = the_period_ends;
        here.now_ns = 1;
        qr_grace_call(grace, &numbered[0].call);
        if (way)
            assert_true(qr_grace_settle(grace));
        else
            assert_int_equal(qr_grace_barrier(grace, "it"), 0);
        assert_int_equal(nr_made, 2);
        assert_int_equal(here.nr, 2);
        while (nr_made < 6) {
            TIDY();
            the_period_ends();
        }
        end(q);
    }
}

/* What waits must be done with by the provider it was given to, and that cannot be waited for here. */
static void a_provider_stays_while_its_calls_cannot_be_waited_for(void **state)
{
    struct quarry *q = begin();
    const struct quarry_grace_period *before = grace->how;

    (void)state;
    qr_grace_enter(grace);
    qr_grace_call(grace, &numbered[0].call);
    assert_int_equal(qr_grace_set(grace, &calling), -QR_EDEADLK);
    assert_ptr_equal(grace->how, before);
    assert_int_equal(nr_made, 0);
    qr_grace_leave(grace);
    assert_int_equal(qr_grace_set(grace, &calling), 0);
    assert_int_equal(nr_made, 1);
    assert_ptr_equal(grace->how, &calling);
    end(q);
}

static void a_provider_that_refuses_leaves_all_as_it_was(void **state)
{
    struct quarry *q = begin();

    (void)state;
    memset(&provider, 0, sizeof(provider));
    provider.answer = -1;
    assert_int_equal(qr_grace_set(grace, &calling), 0);
    qr_grace_ask(grace, &numbered[0].call);
    qr_grace_ask(grace, &numbered[1].call);
    provider.also = 2;
    TIDY();
    STATE_IS(0, 0, 3, 0, 0, 0);
    assert_int_equal(provider.calls, 1);
    qr_grace_ask(grace, &numbered[3].call);
    TIDY();
    STATE_IS(0, 0, 4, 0, 0, 0);
    provider.answer = 0;
    TIDY();
    STATE_IS(3, 0, 0, 4, 0, 0);
    provider.fn(provider.arg);
    STATE_IS(0, 0, 0, 0, 1, 4);
    for (unsigned int i = 0; i < 4; i++)
        assert_int_equal(made[i], i);
    end(q);
}

static void a_provider_that_refuses_is_waited_in_where_that_is_allowed(void **state)
{
    struct quarry *q = begin();

    (void)state;
    memset(&provider, 0, sizeof(provider));
    provider.answer = -1;
    assert_int_equal(qr_grace_set(grace, &both), 0);
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    qr_grace_call(grace, &numbered[0].call);
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    assert_int_equal(provider.waits, 0);
    STATE_IS(0, 0, 1, 0, 0, 0);
    TIDY();
    assert_int_equal(provider.waits, 1);
    STATE_IS(0, 0, 0, 0, 1, 1);
    provider.answer = 0;
    qr_grace_call(grace, &numbered[1].call);
    assert_int_equal(provider.waits, 1); /* it took it */
    STATE_IS(3, 0, 0, 1, 1, 1);
    provider.fn(provider.arg);
    STATE_IS(0, 0, 0, 0, 2, 2);
    end(q);
}

static void a_provider_needs_one_of_both_ways(void **state)
{
    static const struct quarry_grace_period neither = {.name = "neither"}, unnamed = {0};
    struct quarry *q = begin();
    const struct quarry_grace_period *chosen = grace->chosen;

    (void)state;
    assert_int_equal(qr_grace_set(grace, &calling), 0);
    assert_int_equal(qr_grace_set(grace, &neither), -QR_EINVAL);
    assert_string_equal(heard.text, "quarry_set_grace_period(neither): neither call nor wait is "
                                    "there; the provider stays as it was");
    assert_int_equal(heard.kind, QUARRY_BAD_REQUEST);
    assert_int_equal(qr_grace_set(grace, &unnamed), -QR_EINVAL);
    assert_string_equal(heard.text, "quarry_set_grace_period(unnamed): neither call nor wait is "
                                    "there; the provider stays as it was");
    assert_ptr_equal(grace->how, &calling);
    assert_int_equal(heard.nr, 2);
    assert_int_equal(qr_grace_set(grace, NULL), 0); /* the port's */
    assert_ptr_equal(grace->how, chosen);
    end(q);
}

/* ---- a copy ---------------------------------------------------------------------------------- */

static void a_copy_begins_with_its_own_sections_and_calls(void **state)
{
    struct quarry *q = begin();

    (void)state;
    qr_grace_enter(grace);
    grace->shared.begun[0] = 5;
    grace->shared.ended[1] = 6;
    readers->begun[1] = 7;
    readers->ended[0] = 8;
    grace->done = done;
    qr_grace_after_fork(grace);
    assert_int_equal(grace->shared.begun[side], 1); /* this task's */
    assert_int_equal(grace->shared.begun[side ^ 1], 0);
    assert_int_equal(grace->shared.ended[0] + grace->shared.ended[1], 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(readers->begun[i] + readers->ended[i], 0);
    assert_int_equal(grace->done, done); /* no calls were being made */
    qr_grace_leave(grace);
    grace->running = true;
    grace->doing = (struct qr_grace_list){&numbered[0].call, &numbered[0].call.next, 3};
    qr_grace_after_fork(grace);
    assert_false(grace->running);
    assert_int_equal(grace->done, done + 3);
    assert_null(grace->doing.first);
    assert_int_equal(grace->doing.nr, 0);
    assert_int_equal(grace->shared.begun[0] + grace->shared.begun[1], 0);
    grace->done = done;
    end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_period_goes_through_both_sides_and_then_makes_its_calls),
        cmocka_unit_test(readers_are_counted_over_all_cpus),
        cmocka_unit_test(a_section_counts_itself_once_and_wakes_who_waits_for_it),
        cmocka_unit_test(calls_are_made_by_one_task_at_a_time),
        cmocka_unit_test(a_call_is_the_last_of_its_list_whatever_was_in_it),
        cmocka_unit_test(a_call_that_tidies_up_makes_no_others),
        cmocka_unit_test(looking_for_readers_counts_nobody),
        cmocka_unit_test(a_chain_of_calls_is_followed_for_two_rounds),
        cmocka_unit_test(a_provider_stays_while_its_calls_cannot_be_waited_for),
        cmocka_unit_test(a_wait_takes_one_whole_period),
        cmocka_unit_test(a_long_wait_is_told_once),
        cmocka_unit_test(reclaim_waits_for_readers_for_a_moment),
        cmocka_unit_test(who_may_not_wait_is_told_so),
        cmocka_unit_test(a_provider_is_asked_once_a_period),
        cmocka_unit_test(a_provider_that_refuses_leaves_all_as_it_was),
        cmocka_unit_test(a_provider_that_refuses_is_waited_in_where_that_is_allowed),
        cmocka_unit_test(a_provider_needs_one_of_both_ways),
        cmocka_unit_test(a_copy_begins_with_its_own_sections_and_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
