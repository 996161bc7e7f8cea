/* SPDX-License-Identifier: MIT */
/* Each hand-over of the core that is no lock, as the few lines it consists of, under every order of memory
 * that C allows (weak.h); and each of them with its barrier taken away, which must be found.
 *
 * docs/design/memory-order.md lists the rules, the places in src/ and these programs. A program that no
 * longer says what the source says proves nothing: change both. */
#include "weak.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

typedef struct weak_program program;

static void holds(const program *p)
{
    struct weak_result result = weak_check(p);

    print_message("%-52s holds: %lu states, %lu endings\n", p->name, result.states, result.endings);
    if (result.wrong)
        fail_msg("%s: %s", p->name, result.wrong);
    assert_true(result.endings > 0);
}

static void fails(const program *p)
{
    struct weak_result result = weak_check(p);

    if (!result.wrong)
        fail_msg("%s: nothing was found in %lu states", p->name, result.states);
    print_message("%-52s fails, as it must: %s\n", p->name, result.wrong);
}

/* ---- the checker itself --------------------------------------------------------------------- */

static bool one_saw(const int8_t *newest, int8_t (*r)[WEAK_REGISTERS], unsigned int asleep)
{
    (void)newest;
    (void)asleep;
    return r[0][0] || r[1][0];
}

static program store_buffering(int order)
{
    return (program){.name = "store buffering",
                     .thread = {{STORE(0, 1, order), LOAD(0, 1, order)},
                                {STORE(1, 1, order), LOAD(0, 0, order)}},
                     .ends_well = one_saw};
}

static bool readers_agree(const int8_t *newest, int8_t (*r)[WEAK_REGISTERS], unsigned int asleep)
{
    (void)newest;
    (void)asleep;
    return !(r[2][0] && !r[2][1] && r[3][0] && !r[3][1]);
}

static program independent_reads(int order)
{
    return (program){.name = "independent reads of independent writes",
                     .thread = {{STORE(0, 1, order)},
                                {STORE(1, 1, order)},
                                {LOAD(0, 0, order), LOAD(1, 1, order)},
                                {LOAD(0, 1, order), LOAD(1, 0, order)}},
                     .ends_well = readers_agree};
}

static bool two_plus_two(const int8_t *newest, int8_t (*r)[WEAK_REGISTERS], unsigned int asleep)
{
    (void)r;
    (void)asleep;
    return !(newest[0] == 1 && newest[1] == 1);
}

static void the_checker_knows_the_classics(void **state)
{
    program relaxed_sb = store_buffering(RLX), release_sb = store_buffering(ACQ_REL);
    program total_sb = store_buffering(SC);
    program weak_iriw = independent_reads(ACQ_REL), total_iriw = independent_reads(SC);
    program fences = {.name = "store buffering with fences",
                      .thread = {{STORE(0, 1, RLX), FENCE(SC), LOAD(0, 1, RLX)},
                                 {STORE(1, 1, RLX), FENCE(SC), LOAD(0, 0, RLX)}},
                      .ends_well = one_saw};
    program two = {
        .name = "two words written in both orders",
        .thread = {{STORE(0, 1, RLX), STORE(1, 2, RLX)}, {STORE(1, 1, RLX), STORE(0, 2, RLX)}},
        .ends_well = two_plus_two};

    (void)state;
    fails(&relaxed_sb);
    fails(&release_sb);
    holds(&total_sb);
    holds(&fences);
    fails(&weak_iriw);
    holds(&total_iriw);
    fails(&two);
}

/* ---- publication: cpus->area, cpu->chunk, kmalloc's late caches, percpu's tables, traces, booted ---- */

enum { DATA, POINTER };

static program publication(int store, int load)
{
    return (program){.name = "publication",
                     .thread = {{STORE(DATA, 1, RLX), STORE(POINTER, 1, store)},
                                {LOAD(0, POINTER, load), JUMP_EQ(0, 0, 1), LOAD(1, DATA, RLX),
                                 CLAIM(1, 1), LABEL(1)}}};
}

static void what_is_published_is_complete(void **state)
{
    program good = publication(REL, ACQ), no_release = publication(RLX, ACQ);
    program no_acquire = publication(REL, RLX);

    (void)state;
    holds(&good);
    fails(&no_release);
    fails(&no_acquire);
}

/* Two make it, one wins, and both use the winner's. DATA, DATA + 2: what each wrote. */
static program made_twice(int won, int lost)
{
    return (program){
        .name = "two publish, one wins",
        .thread = {{STORE(DATA, 1, RLX), CAS(0, POINTER, 0, 1, won), JUMP_EQ(0, 1, 1),
                    LOAD(1, POINTER, lost), LOAD(2, 2, RLX), CLAIM(2, 1), LABEL(1)},
                   {STORE(2, 1, RLX), CAS(0, POINTER, 0, 2, won), JUMP_EQ(0, 1, 1),
                    LOAD(1, POINTER, lost), LOAD(2, DATA, RLX), CLAIM(2, 1), LABEL(1)}}};
}

static void who_comes_second_sees_what_the_first_made(void **state)
{
    program good = made_twice(ACQ_REL, ACQ), relaxed = made_twice(RLX, ACQ),
            careless = made_twice(ACQ_REL, RLX);

    (void)state;
    holds(&good);
    fails(&relaxed);
    fails(&careless);
}

/* ---- the port's lock ------------------------------------------------------------------------ */

enum { WORD, GUARDED };

static bool both_counted(const int8_t *newest, int8_t (*r)[WEAK_REGISTERS], unsigned int asleep)
{
    (void)asleep;
    return newest[GUARDED] == 1 && r[0][0] + r[1][0] == 1;
}

#define LOCK_THREAD(take, give)                                                                    \
    {                                                                                              \
        AWAIT(WORD, 0, 1, take), LOAD(0, GUARDED, RLX), STORE(GUARDED, 1, RLX),                    \
            STORE(WORD, 0, give)                                                                   \
    }

static void a_lock_hands_over_what_it_guards(void **state)
{
    program good = {.name = "lock",
                    .thread = {LOCK_THREAD(ACQ, REL), LOCK_THREAD(ACQ, REL)},
                    .ends_well = both_counted};
    program no_acquire = {.name = "lock, relaxed when taken",
                          .thread = {LOCK_THREAD(RLX, REL), LOCK_THREAD(RLX, REL)},
                          .ends_well = both_counted};
    program no_release = {.name = "lock, relaxed when given back",
                          .thread = {LOCK_THREAD(ACQ, RLX), LOCK_THREAD(ACQ, RLX)},
                          .ends_well = both_counted};

    (void)state;
    holds(&good);
    fails(&no_acquire);
    fails(&no_release);
}

/* ---- a sleeping CPU is drained by others ---------------------------------------------------- */

enum { OWNER, STACK }; /* running 0, sleeping 1, draining 2; objects on its stack */

/* One object: its CPU has it in the end, or one of those who drain, and nobody else. */
static bool one_has_it(const int8_t *newest, int8_t (*r)[WEAK_REGISTERS], unsigned int asleep)
{
    (void)newest;
    (void)asleep;
    return r[0][0] + r[1][1] + r[2][1] == 1;
}

#define DRAINER(begin, end)                                                                        \
    {                                                                                              \
        CAS(0, OWNER, 1, 2, begin), JUMP_EQ(0, 0, 1), LOAD(1, STACK, RLX), STORE(STACK, 0, RLX),   \
            STORE(OWNER, 1, end), LABEL(1)                                                         \
    }

static program drain(int sleeps, int wakes, int begin, int end)
{
    return (program){.name = "owner: sleeping, draining",
                     .thread = {{STORE(STACK, 1, RLX), STORE(OWNER, 1, sleeps),
                                 AWAIT(OWNER, 1, 0, wakes), LOAD(0, STACK, RLX)},
                                DRAINER(begin, end),
                                DRAINER(begin, end)},
                     .ends_well = one_has_it};
}

static void a_sleeping_cpu_keeps_or_loses_each_object(void **state)
{
    program good = drain(REL, ACQ, ACQ, REL);
    program broken[] = {drain(RLX, ACQ, ACQ, REL), drain(REL, RLX, ACQ, REL),
                        drain(REL, ACQ, RLX, REL), drain(REL, ACQ, ACQ, RLX)};

    (void)state;
    holds(&good);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        fails(&broken[i]);
}

/* ---- a running CPU is asked to drain -------------------------------------------------------- */

enum { HOOKS, REQUEST, SLABS_LOCK };

/* Slots that stay closed with nobody to open them would be slow for ever; a request with open slots is
 * not noticed by a CPU that never misses. */
static bool closed_as_asked(const int8_t *newest, int8_t (*r)[WEAK_REGISTERS], unsigned int asleep)
{
    (void)r;
    (void)asleep;
    return newest[HOOKS] == newest[REQUEST];
}

#define ASK_DRAIN                                                                                  \
    LOCK(SLABS_LOCK), STORE(HOOKS, 1, RLX), CAS(4, REQUEST, 0, 1, RLX), UNLOCK(SLABS_LOCK)
#define HONOUR_DRAIN                                                                               \
    LOAD(0, REQUEST, RLX), JUMP_EQ(0, 0, 1), LOCK(SLABS_LOCK), STORE(HOOKS, 0, RLX),               \
        CAS(4, REQUEST, 1, 0, RLX), UNLOCK(SLABS_LOCK), LABEL(1)
/* The request outside the lock, in either order; and taken down outside. */
#define STOP_THEN_ASK                                                                              \
    LOCK(SLABS_LOCK), STORE(HOOKS, 1, RLX), UNLOCK(SLABS_LOCK), CAS(4, REQUEST, 0, 1, RLX)
#define ASK_THEN_STOP                                                                              \
    CAS(4, REQUEST, 0, 1, RLX), LOCK(SLABS_LOCK), STORE(HOOKS, 1, RLX), UNLOCK(SLABS_LOCK)
#define TAKE_DOWN_FIRST                                                                            \
    LOAD(0, REQUEST, RLX), JUMP_EQ(0, 0, 1), CAS(4, REQUEST, 1, 0, RLX), LOCK(SLABS_LOCK),         \
        STORE(HOOKS, 0, RLX), UNLOCK(SLABS_LOCK), LABEL(1)

static void a_request_to_drain_goes_with_the_slots(void **state)
{
    program good = {.name = "drain_requested: under the slots' lock",
                    .thread = {{ASK_DRAIN}, {ASK_DRAIN}, {HONOUR_DRAIN}},
                    .ends_well = closed_as_asked};
    program behind = {.name = "drain_requested: stop, then ask",
                      .thread = {{STOP_THEN_ASK}, {STOP_THEN_ASK}, {TAKE_DOWN_FIRST}},
                      .ends_well = closed_as_asked};
    program before = {.name = "drain_requested: ask, then stop",
                      .thread = {{ASK_THEN_STOP}, {TAKE_DOWN_FIRST}},
                      .ends_well = closed_as_asked};

    (void)state;
    holds(&good);
    fails(&behind);
    fails(&before);
}

/* ---- the depot ------------------------------------------------------------------------------ */

enum { NR_FULL, FULL, OBJECTS, NODE_LOCK };

static bool one_took_it(const int8_t *newest, int8_t (*r)[WEAK_REGISTERS], unsigned int asleep)
{
    (void)newest;
    (void)asleep;
    return r[1][1] + r[2][1] <= 1;
}

#define DEPOT_PUSH                                                                                 \
    STORE(OBJECTS, 1, RLX), LOCK(NODE_LOCK), STORE(FULL, 1, RLX), STORE(NR_FULL, 1, RLX),          \
        UNLOCK(NODE_LOCK)
#define DEPOT_POP                                                                                  \
    LOAD(0, NR_FULL, RLX), JUMP_EQ(0, 0, 1), LOCK(NODE_LOCK), LOAD(1, FULL, RLX),                  \
        STORE(FULL, 0, RLX), STORE(NR_FULL, 0, RLX), UNLOCK(NODE_LOCK), JUMP_EQ(1, 0, 1),          \
        LOAD(2, OBJECTS, RLX), CLAIM(2, 1), LABEL(1)
/* What the counter said is taken for true. */
#define DEPOT_TRUST                                                                                \
    LOAD(1, NR_FULL, RLX), JUMP_EQ(1, 0, 1), LOCK(NODE_LOCK), STORE(FULL, 0, RLX),                 \
        STORE(NR_FULL, 0, RLX), UNLOCK(NODE_LOCK), LABEL(1)

static void a_stack_in_the_depot_goes_to_one(void **state)
{
    program good = {.name = "depot: counter as a hint, list under the lock",
                    .thread = {{DEPOT_PUSH}, {DEPOT_POP}, {DEPOT_POP}},
                    .ends_well = one_took_it};
    program trusting = {.name = "depot: counter trusted",
                        .thread = {{DEPOT_PUSH}, {DEPOT_TRUST}, {DEPOT_TRUST}},
                        .ends_well = one_took_it};

    (void)state;
    holds(&good);
    fails(&trusting);
}

/* ---- events: deferred frees and the worker --------------------------------------------------- */

enum { DEFERRED, MOVES, VM_LOCK };

static bool nothing_left_behind(const int8_t *newest, int8_t (*r)[WEAK_REGISTERS],
                                unsigned int asleep)
{
    (void)r;
    (void)asleep;
    return newest[DEFERRED] == 0;
}

#define DEFER(wake) LOCK(VM_LOCK), STORE(DEFERRED, 1, RLX), UNLOCK(VM_LOCK), ADD(0, MOVES, 1, wake)
#define WORKER(look)                                                                               \
    LABEL(1), LOAD(0, MOVES, look), LOAD(1, DEFERRED, RLX), JUMP_EQ(1, 0, 2), LOCK(VM_LOCK),       \
        STORE(DEFERRED, 0, RLX), UNLOCK(VM_LOCK), LABEL(2), SLEEP(MOVES, 0), JUMP(1)
/* The event is looked at after the list. */
#define WORKER_LATE                                                                                \
    LABEL(1), LOAD(1, DEFERRED, RLX), LOAD(0, MOVES, ACQ), JUMP_EQ(1, 0, 2), LOCK(VM_LOCK),        \
        STORE(DEFERRED, 0, RLX), UNLOCK(VM_LOCK), LABEL(2), SLEEP(MOVES, 0), JUMP(1)

static void what_was_put_off_is_not_slept_over(void **state)
{
    program good = {.name = "vfree_atomic and the worker",
                    .thread = {{DEFER(REL)}, {WORKER(ACQ)}, {DEFER(REL)}},
                    .ends_well = nothing_left_behind};
    program no_release = {.name = "the same, woken without release",
                          .thread = {{DEFER(RLX)}, {WORKER(ACQ)}},
                          .ends_well = nothing_left_behind};
    program no_acquire = {.name = "the same, event read without acquire",
                          .thread = {{DEFER(REL)}, {WORKER(RLX)}},
                          .ends_well = nothing_left_behind};
    program late = {.name = "the same, event read after the list",
                    .thread = {{DEFER(REL)}, {WORKER_LATE}},
                    .ends_well = nothing_left_behind};

    (void)state;
    holds(&good);
    fails(&no_release);
    fails(&no_acquire);
    fails(&late);
}

/* ---- pools: served in line ------------------------------------------------------------------ */

enum { IN_LINE, ELEMENT, SERVED, POOL_LOCK, CURRENT, PASSED };

/* Thread 0 waits, thread 1 frees an element that came out of the reserve. */
#define POOL_FREE                                                                                  \
    LOCK(POOL_LOCK), LOAD(0, IN_LINE, RLX), JUMP_EQ(0, 0, 1), STORE(IN_LINE, 0, RLX),              \
        STORE(ELEMENT, 1, RLX), ADD(4, SERVED, 1, REL), UNLOCK(POOL_LOCK), JUMP(2), LABEL(1),      \
        STORE(CURRENT, 1, RLX), UNLOCK(POOL_LOCK), LABEL(2)
#define POOL_WAIT                                                                                  \
    LOCK(POOL_LOCK), LOAD(0, CURRENT, RLX), JUMP_EQ(0, 1, 9), STORE(IN_LINE, 1, RLX), LABEL(1),    \
        LOAD(1, SERVED, ACQ), UNLOCK(POOL_LOCK), SLEEP(SERVED, 1), LOCK(POOL_LOCK),                \
        LOAD(2, IN_LINE, RLX), JUMP_EQ(2, 1, 1), LOAD(3, ELEMENT, RLX), CLAIM(3, 1), LABEL(9),     \
        UNLOCK(POOL_LOCK)
#define POOL_WAIT_LATE                                                                             \
    LOCK(POOL_LOCK), LOAD(0, CURRENT, RLX), JUMP_EQ(0, 1, 9), STORE(IN_LINE, 1, RLX), LABEL(1),    \
        UNLOCK(POOL_LOCK), LOAD(1, SERVED, ACQ), SLEEP(SERVED, 1), LOCK(POOL_LOCK),                \
        LOAD(2, IN_LINE, RLX), JUMP_EQ(2, 1, 1), LOAD(3, ELEMENT, RLX), CLAIM(3, 1), LABEL(9),     \
        UNLOCK(POOL_LOCK)

static void who_stands_in_line_is_served(void **state)
{
    program good = {.name = "pool: event read under the lock",
                    .thread = {{POOL_WAIT}, {POOL_FREE}}};
    program late = {.name = "pool: event read after the lock",
                    .thread = {{POOL_WAIT_LATE}, {POOL_FREE}}};

    (void)state;
    holds(&good);
    fails(&late);
}

/* mempool_free() looks at the count without the lock. The reserve of one was full; thread 1 takes it and
 * passes it on, thread 2 frees it; thread 0 wants one. */
static program full_reserve(int pass, int take)
{
    return (program){
        .name = "pool: the reserve looks full",
        .initial = {[CURRENT] = 1},
        .thread = {{POOL_WAIT},
                   {LOCK(POOL_LOCK), LOAD(0, CURRENT, RLX), STORE(CURRENT, 0, RLX),
                    UNLOCK(POOL_LOCK), JUMP_EQ(0, 0, 3), STORE(PASSED, 1, pass), LABEL(3)},
                   {LOAD(1, PASSED, take), JUMP_EQ(1, 0, 8), LOAD(2, CURRENT, RLX),
                    JUMP_EQ(2, 1, 7), POOL_FREE, JUMP(8), LABEL(7), SET(5, 1), LABEL(8)}}};
}

/* The sleeper is lost only if the element is not on its way any more. */
static bool served_unless_kept(const int8_t *newest, int8_t (*r)[WEAK_REGISTERS],
                               unsigned int asleep)
{
    return !asleep || (newest[PASSED] && !r[2][1]) || !newest[PASSED];
}

static void a_reserve_that_was_emptied_does_not_look_full(void **state)
{
    program good = full_reserve(REL, ACQ), relaxed = full_reserve(RLX, RLX);

    (void)state;
    good.ends_well = relaxed.ends_well = served_unless_kept;
    holds(&good);
    relaxed.name = "pool: an element passed on without order";
    fails(&relaxed);
}

/* ---- waiters for kmap slots ------------------------------------------------------------------ */

enum { SLOT, WAITERS, FREED, KMAP_LOCK };

#define KMAP_WAIT                                                                                  \
    ADD(4, WAITERS, 1, RLX), LABEL(1), LOAD(0, FREED, ACQ), LOCK(KMAP_LOCK), LOAD(1, SLOT, RLX),   \
        STORE(SLOT, 0, RLX), UNLOCK(KMAP_LOCK), JUMP_EQ(1, 1, 2), SLEEP(FREED, 0), JUMP(1),        \
        LABEL(2)
#define KMAP_GIVE                                                                                  \
    LOCK(KMAP_LOCK), STORE(SLOT, 1, RLX), LOAD(0, WAITERS, RLX), JUMP_EQ(0, 0, 3),                 \
        ADD(4, FREED, 1, REL), LABEL(3), UNLOCK(KMAP_LOCK)

static void who_gives_a_slot_back_sees_who_waits(void **state)
{
    program good = {.name = "kmap_local: waiters read under the lock",
                    .thread = {{KMAP_WAIT}, {KMAP_GIVE}}};
    program early = {
        .name = "kmap_local: waiters read before the lock",
        .thread = {{KMAP_WAIT},
                   {LOAD(0, WAITERS, RLX), LOCK(KMAP_LOCK), STORE(SLOT, 1, RLX), UNLOCK(KMAP_LOCK),
                    JUMP_EQ(0, 0, 3), ADD(4, FREED, 1, REL), LABEL(3)}}};

    (void)state;
    holds(&good);
    fails(&early);
}

/* ---- requests that wait for pages ------------------------------------------------------------- */

enum { FREE_PAGES, WAITING, PAGES_FREED, ZONE_LOCK };

#define PASS_BY LOCK(ZONE_LOCK), UNLOCK(ZONE_LOCK)
#define COUNT_SELF LOAD(0, PAGES_FREED, ACQ), ADD(4, WAITING, 1, RLX)
#define LAST_LOOK LOAD(1, FREE_PAGES, RLX), JUMP_EQ(1, 1, 2), SLEEP(PAGES_FREED, 0), LABEL(2)
#define GIVE_PAGE                                                                                  \
    LOCK(ZONE_LOCK), STORE(FREE_PAGES, 1, RLX), UNLOCK(ZONE_LOCK), LOAD(0, WAITING, RLX),          \
        JUMP_EQ(0, 0, 3), ADD(4, PAGES_FREED, 1, REL), LABEL(3)

static void who_frees_a_page_sees_who_waits(void **state)
{
    program good = {.name = "a last look after a pass by the zone's lock",
                    .thread = {{COUNT_SELF, PASS_BY, LAST_LOOK}, {GIVE_PAGE}}};
    program no_pass = {.name = "a last look without the zone's lock",
                       .thread = {{COUNT_SELF, LAST_LOOK}, {GIVE_PAGE}}};
    program no_look = {.name = "no last look",
                       .thread = {{COUNT_SELF, PASS_BY, SLEEP(PAGES_FREED, 0)}, {GIVE_PAGE}}};
    program late = {
        .name = "counted after the pass",
        .thread = {{LOAD(0, PAGES_FREED, ACQ), PASS_BY, ADD(4, WAITING, 1, RLX), LAST_LOOK},
                   {GIVE_PAGE}}};

    (void)state;
    holds(&good);
    fails(&no_pass);
    fails(&no_look);
    fails(&late);
}

/* ---- the last reference of a page ------------------------------------------------------------ */

enum { REFS, CONTENT };

/* Two holders; each writes before it lets go. Who frees it must see both. */
#define PUT_PAGE(own, other, look, drop)                                                           \
    STORE(own, 1, RLX), LOAD(0, REFS, look), JUMP_EQ(0, 1, 1), ADD(0, REFS, -1, drop),             \
        JUMP_EQ(0, 1, 1), JUMP(2), LABEL(1), LOAD(1, other, RLX), CLAIM(1, 1), LABEL(2)

static program last_reference(int look, int drop)
{
    return (program){.name = "the last reference",
                     .initial = {[REFS] = 2},
                     .thread = {{PUT_PAGE(CONTENT, CONTENT + 1, look, drop)},
                                {PUT_PAGE(CONTENT + 1, CONTENT, look, drop)}}};
}

static void who_frees_a_page_is_alone_with_it(void **state)
{
    program good = last_reference(ACQ, ACQ_REL), no_look = last_reference(RLX, ACQ_REL);
    program no_release = last_reference(ACQ, ACQ), no_order = last_reference(ACQ, RLX);

    (void)state;
    holds(&good);
    fails(&no_look);
    fails(&no_release);
    fails(&no_order);
}

/* ---- grace: counted readers ------------------------------------------------------------------ */

enum { SIDE, BEGUN, ENDED = BEGUN + 2, POINTER_TO = ENDED + 2, GONE, AREA, AWAITED, WOKEN };

/* A reader: which object the pointer shows (0 old, 1 new), and whether the old one is still there. */
#define READER(look)                                                                               \
    LOAD(0, SIDE, SC), ADD_AT(4, BEGUN, 0, 1, SC), LOAD(1, POINTER_TO, look), JUMP_EQ(1, 1, 1),    \
        LOAD(2, GONE, RLX), CLAIM(2, 0), LABEL(1), ADD_AT(4, ENDED, 0, 1, SC)
/* A phase: turn to @new, and go on only when as many ended as began on @old; else the run just ends. */
#define PHASE(new, old, sum, go_on)                                                                \
    STORE(SIDE, new, SC), sum(1, ENDED + (old)), sum(0, BEGUN + (old)), JUMP_IF_DIFFER(go_on)
#define BY_ADDING(r, w) ADD(r, w, 0, SC)
#define BY_LOADING(r, w) LOAD(r, w, SC)
#define JUMP_IF_DIFFER(go_on) JUMP_SAME(0, 1, go_on), JUMP(60), LABEL(go_on)

static void readers_are_waited_for(void **state)
{
    program good = {.name = "grace: sums by adding zero, two phases",
                    .thread = {{READER(ACQ)},
                               {READER(ACQ)},
                               {STORE(POINTER_TO, 1, REL), PHASE(1, 0, BY_ADDING, 10),
                                PHASE(0, 1, BY_ADDING, 30), STORE(GONE, 1, RLX), LABEL(60)}}};
    program loaded = {.name = "grace: sums by loading",
                      .thread = {{READER(ACQ)},
                                 {STORE(POINTER_TO, 1, REL), PHASE(1, 0, BY_LOADING, 10),
                                  PHASE(0, 1, BY_LOADING, 30), STORE(GONE, 1, RLX), LABEL(60)}}};
    program swapped = {
        .name = "grace: begun summed before ended",
        .thread = {{READER(ACQ)},
                   {READER(ACQ)},
                   {STORE(POINTER_TO, 1, REL), STORE(SIDE, 1, SC), BY_ADDING(0, BEGUN),
                    BY_ADDING(1, ENDED), JUMP_IF_DIFFER(10), STORE(SIDE, 0, SC),
                    BY_ADDING(0, BEGUN + 1), BY_ADDING(1, ENDED + 1), JUMP_IF_DIFFER(30),
                    STORE(GONE, 1, RLX), LABEL(60)}}};

    (void)state;
    holds(&good);
    fails(&loaded);
    fails(&swapped);
}

/* A reader that looked at `side` before a period and counts itself after it: the next period's phases must
 * see it, wherever it stands. */
static void a_reader_that_hesitates_is_waited_for(void **state)
{
    program good = {.name = "grace: two periods of two phases",
                    .thread = {{READER(ACQ)},
                               {PHASE(1, 0, BY_ADDING, 10), PHASE(0, 1, BY_ADDING, 20),
                                STORE(POINTER_TO, 1, REL), PHASE(1, 0, BY_ADDING, 30),
                                PHASE(0, 1, BY_ADDING, 40), STORE(GONE, 1, RLX), LABEL(60)}}};
    program single = {.name = "grace: two periods of one phase",
                      .thread = {{READER(ACQ)},
                                 {PHASE(1, 0, BY_ADDING, 10), STORE(POINTER_TO, 1, REL),
                                  PHASE(0, 1, BY_ADDING, 30), STORE(GONE, 1, RLX), LABEL(60)}}};

    (void)state;
    holds(&good);
    fails(&single);
}

/* A CPU comes online and reads at once: its counters are summed, or it sees what was unlinked. */
static program newcomer(int publish)
{
    return (program){
        .name = "grace: a CPU that comes online",
        .thread = {{STORE(AREA, 1, publish), READER(ACQ)},
                   {STORE(POINTER_TO, 1, REL), STORE(SIDE, 1, SC), LOAD(2, AREA, SC),
                    JUMP_EQ(2, 0, 50), BY_ADDING(1, ENDED), BY_ADDING(0, BEGUN), JUMP_IF_DIFFER(10),
                    LABEL(50), STORE(SIDE, 0, SC), LOAD(2, AREA, SC), JUMP_EQ(2, 0, 51),
                    BY_ADDING(1, ENDED + 1), BY_ADDING(0, BEGUN + 1), JUMP_IF_DIFFER(30), LABEL(51),
                    STORE(GONE, 1, RLX), LABEL(60)}}};
}

static void readers_on_a_new_cpu_are_waited_for(void **state)
{
    program good = newcomer(SC), released = newcomer(REL);

    (void)state;
    holds(&good);
    released.name = "grace: a CPU published with release only";
    fails(&released);
}

/* ---- a pair that changes while others read it: percpu's static ranges ------------------------ */

enum { CHANGES, START, SIZE };

static program pair(int write, int read)
{
    return (program){
        .name = "percpu: start and size of one range",
        .initial = {[START] = 1, [SIZE] = 1},
        .thread = {{STORE(CHANGES, 1, RLX), STORE(START, 2, write), STORE(SIZE, 2, write),
                    STORE(CHANGES, 2, REL)},
                   {LOAD(0, CHANGES, ACQ), LOAD(1, SIZE, read), LOAD(2, START, read),
                    LOAD(3, CHANGES, RLX), JUMP_SAME(0, 3, 1), JUMP(60), LABEL(1),
                    JUMP_EQ(0, 1, 60), JUMP_SAME(1, 2, 60), SET(0, 9), CLAIM(0, 0), LABEL(60)}}};
}

static void a_range_is_read_whole(void **state)
{
    program good = pair(REL, ACQ), no_release = pair(RLX, ACQ), no_acquire = pair(REL, RLX);

    (void)state;
    holds(&good);
    fails(&no_release);
    fails(&no_acquire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checker_knows_the_classics),
        cmocka_unit_test(what_is_published_is_complete),
        cmocka_unit_test(who_comes_second_sees_what_the_first_made),
        cmocka_unit_test(a_lock_hands_over_what_it_guards),
        cmocka_unit_test(a_sleeping_cpu_keeps_or_loses_each_object),
        cmocka_unit_test(a_request_to_drain_goes_with_the_slots),
        cmocka_unit_test(a_stack_in_the_depot_goes_to_one),
        cmocka_unit_test(what_was_put_off_is_not_slept_over),
        cmocka_unit_test(who_stands_in_line_is_served),
        cmocka_unit_test(a_reserve_that_was_emptied_does_not_look_full),
        cmocka_unit_test(who_gives_a_slot_back_sees_who_waits),
        cmocka_unit_test(who_frees_a_page_sees_who_waits),
        cmocka_unit_test(who_frees_a_page_is_alone_with_it),
        cmocka_unit_test(readers_are_waited_for),
        cmocka_unit_test(a_reader_that_hesitates_is_waited_for),
        cmocka_unit_test(readers_on_a_new_cpu_are_waited_for),
        cmocka_unit_test(a_range_is_read_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
