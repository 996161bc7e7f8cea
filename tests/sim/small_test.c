/* SPDX-License-Identifier: MIT */
/* Small worlds, looked at exhaustively: every sequence of operations up to a stated length by two CPUs, in
 * every schedule.
 *
 * At each point where more than one task can run, and before each operation, the explorer has a choice. It
 * tries all of them, depth first, by running again from the start: a run follows the choices made so far
 * and then takes the first of each new one. A state that was met before is not gone into again; it is known
 * by a 64-bit sum over the machine, the expectations, and each task's registers and stack. (Registers and
 * stacks hold values that nobody will read again; so a state may be taken for a new one, never the other
 * way round, but for a collision.)
 *
 * The machine is the page allocator alone with 4, 8 and 16 pages. Expected is what everybody would: no two
 * live blocks overlap, contents stay, all counts agree, and when everything is given back all is free and
 * merged. In the preemptible build each access to memory is a point, and the number of switches away from
 * a task that could go on is limited. Two planted bugs show that what is wrong is found. */
#include <quarry/gfp.h>
#include "instance.h"
#include "points.h"
#include "../support/sanitizer.h"
#include "world.h"
#include "zone/internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define CHOICES 4096u
#define TABLE (1u << 22)
#define HELD 6u
#define ANY_NUMBER ~0u
#define STACK (128u << 10) /* as in ports/sim/task.c */
#define STACK_USED (12u << 10)
#if TEST_ADDRESS_SANITIZER || TEST_THREAD_SANITIZER
#define MOST_PAGES 4u /* a sanitizer sees nothing in the larger ones that it does not see in this */
#else
#define MOST_PAGES 16u
#endif

/* ---- the explorer --------------------------------------------------------------------------- */

struct span {
    const void *at;
    size_t size;
};

static struct {
    bool on;
    struct {
        uint8_t choice, nr;
    } path[CHOICES];
    unsigned int depth, at;
    bool pruned;
    uint64_t *seen;
    unsigned long states, runs, finished;
    struct span machine[4];                 /* put back before each run … */
    struct span state[4];                   /* … and what of it is the machine's state */
    unsigned int most_preempted, preempted; /* switches away from a task that could go on */
} explore;

/* Reads whole stacks, with what a sanitizer put between the variables. */
#if TEST_ADDRESS_SANITIZER
__attribute__((no_sanitize("address")))
#endif
static uint64_t
sum_bytes(uint64_t sum, const void *bytes, size_t size)
{
    const uint64_t *word = bytes;

    for (size_t i = 0; i < size / 8; i++) {
        sum ^= word[i];
        sum *= 0x9fb21c651e98df25ull;
        sum ^= sum >> 32;
    }
    return sum;
}

/* Where the core called the port: what lies below on the stack is the port's business. */
static struct mark {
    jmp_buf registers;
    uintptr_t stack;
} mark[3];

#if defined(__x86_64__)
#define STACK_POINTER(at) __asm__ volatile("mov %%rsp, %0" : "=r"(at))
#elif defined(__aarch64__)
#define STACK_POINTER(at) __asm__ volatile("mov %0, sp" : "=r"(at))
#else
#define STACK_POINTER(at) ((at) = (uintptr_t)__builtin_frame_address(0))
#endif
#define MARK()                                                                                     \
    do {                                                                                           \
        struct mark *mark_now = &mark[sim_task_number() % 3];                                      \
        (void)_setjmp(mark_now->registers);                                                        \
        STACK_POINTER(mark_now->stack);                                                            \
    } while (0)

/* Forget what the port left on the stack, counters among it: dead parts of frames will lie there. */
static __attribute__((noinline)) void scrub(void)
{
    char dead[3000];

    memset(dead, 0, sizeof(dead));
    __asm__ volatile("" : : "r"(dead) : "memory");
}

/* What a task is in the middle of: its registers, its stack, what the port knows of it. */
static uint64_t sum_task(uint64_t sum, const struct sim_thread *thread, const struct sim_here *here)
{
    const struct mark *at = &mark[thread->number];
    uintptr_t low = at->stack & ~7ul, high = (uintptr_t)thread->stack + STACK;
    uint64_t known[] = {here->off,
                        here->locks,
                        here->atomic,
                        thread->state,
                        thread->operation,
                        thread->started,
                        (uintptr_t)thread->spins_on};

    sum = sum_bytes(sum, known, sizeof(known));
    if (!thread->started || thread->state == SIM_ENDED)
        return sum;
    sum = sum_bytes(sum, at->registers, sizeof(at->registers[0].__jmpbuf));
    return low < high ? sum_bytes(sum, (const void *)low, high - low) : sum;
}

/* Who was running does not matter where everybody can be chosen; it does where a task has a choice. */
static uint64_t explore_sum(struct sim *sim, unsigned int chooser)
{
    uint64_t sum = chooser + 16 * explore.preempted;

    for (unsigned int i = 0; i < 4; i++)
        sum = sum_bytes(sum, explore.state[i].at, explore.state[i].size);
    for (unsigned int i = 1; i < sim->nr_threads; i++)
        sum = sum_task(sum, sim->thread[i],
                       sim->thread[i] == sim->now ? &sim_here : &sim->thread[i]->here);
    return sum ? sum : 1;
}

static bool explore_is_new(uint64_t sum)
{
    uint64_t at = sum % TABLE;

    while (explore.seen[at] && explore.seen[at] != sum)
        at = (at + 1) % TABLE;
    if (explore.seen[at])
        return false;
    explore.seen[at] = sum;
    if (++explore.states > TABLE / 2)
        fail_msg("more states than there is room for");
    return true;
}

/* One of @nr. Does not return when everything behind this state is known. */
static __attribute__((noinline)) unsigned int explore_choose(struct sim *sim, unsigned int nr,
                                                             unsigned int chooser)
{
    if (nr < 2)
        return 0;
    if (explore.at == explore.depth) {
        if (!explore_is_new(explore_sum(sim, chooser))) {
            explore.pruned = true;
            sim_leave(sim);
        }
        if (explore.depth == CHOICES)
            fail_msg("a run of more than %u choices", CHOICES);
        explore.path[explore.depth].choice = 0;
        explore.path[explore.depth++].nr = (uint8_t)nr;
    }
    return explore.path[explore.at++].choice;
}

/* The next path; false when there is none. */
static bool explore_next(void)
{
    while (explore.depth &&
           explore.path[explore.depth - 1].choice + 1 == explore.path[explore.depth - 1].nr)
        explore.depth--;
    if (!explore.depth)
        return false;
    explore.path[explore.depth - 1].choice++;
    return true;
}

/* In place of a strategy (-Wl,--wrap). */
long __wrap_sim_strategy_gap(struct sim *sim);
void __wrap_sim_strategy_act(struct sim *sim);
struct sim_thread *__wrap_sim_strategy_choose(struct sim *sim, struct sim_thread *const *who,
                                              unsigned int nr);

long __wrap_sim_strategy_gap(struct sim *sim)
{
    (void)sim;
    return 1;
}

void __wrap_sim_strategy_act(struct sim *sim)
{
    struct sim_thread *who[4];
    unsigned int choice;

    if (!explore.on || explore.preempted == explore.most_preempted)
        return;
    choice = explore_choose(sim, sim_who_can(sim, who), 0);
    if (who[choice] == sim->now)
        return;
    if (explore.most_preempted != ANY_NUMBER)
        explore.preempted++;
    sim_switch(sim, who[choice]);
}

struct sim_thread *__wrap_sim_strategy_choose(struct sim *sim, struct sim_thread *const *who,
                                              unsigned int nr)
{
    return who[explore.on ? explore_choose(sim, nr, 0) : 0];
}

void __real_sim_look(enum sim_point kind, const void *object);
void __wrap_sim_look(enum sim_point kind, const void *object);
void __real_sim_spin(qp_lock_t *lock);
void __wrap_sim_spin(qp_lock_t *lock);

void __wrap_sim_look(enum sim_point kind, const void *object)
{
    MARK();
    __real_sim_look(kind, object);
    scrub();
}

void __wrap_sim_spin(qp_lock_t *lock)
{
    MARK();
    __real_sim_spin(lock);
    scrub();
}

/* ---- planted: a lock that is not taken ------------------------------------------------------- */

static const qp_lock_t *dropped;

unsigned long __real_sim_lock(qp_lock_t *lock);
void __real_sim_unlock(qp_lock_t *lock, unsigned long state);
unsigned long __wrap_sim_lock(qp_lock_t *lock);
void __wrap_sim_unlock(qp_lock_t *lock, unsigned long state);

unsigned long __wrap_sim_lock(qp_lock_t *lock)
{
    return lock == dropped ? sim_irq_save() : __real_sim_lock(lock);
}

void __wrap_sim_unlock(qp_lock_t *lock, unsigned long state)
{
    if (lock == dropped)
        sim_enable(state, SIM_POINT_UNLOCK, lock);
    else
        __real_sim_unlock(lock, state);
}

/* ---- what is expected ------------------------------------------------------------------------ */

/* What a task holds; a word each, so that a sum is over all of it. */
struct held {
    uint64_t nr;
    struct {
        char *at;
        uint64_t size; /* bytes */
    } block[HELD];
};

static struct {
    struct held held[2];
    uint64_t toy;
} expected;

static void hold(unsigned int self, void *at, uint64_t size)
{
    struct held *mine = &expected.held[self];

    for (unsigned int t = 0; t < 2; t++)
        for (unsigned int i = 0; i < expected.held[t].nr; i++)
            if ((char *)at < expected.held[t].block[i].at + expected.held[t].block[i].size &&
                expected.held[t].block[i].at < (char *)at + size)
                sim_fail("two live blocks overlap");
    mine->block[mine->nr].at = at;
    mine->block[mine->nr++].size = size;
    memset(at, 0x40 + (int)self, 16);
    memset((char *)at + size - 16, 0x40 + (int)self, 16);
}

/* Let go of block @i; returns it. */
static void *let_go(unsigned int of, unsigned int i, uint64_t *size)
{
    struct held *its = &expected.held[of];
    char *at = its->block[i].at;

    *size = its->block[i].size;
    if (at[0] != 0x40 + (char)of || at[15] != at[0] || at[*size - 1] != at[0])
        sim_fail("a live block was written to");
    its->nr--;
    memmove(&its->block[i], &its->block[i + 1], (its->nr - i) * sizeof(its->block[0]));
    memset(&its->block[its->nr], 0, sizeof(its->block[0]));
    return at;
}

/* ---- a machine to explore -------------------------------------------------------------------- */

struct small {
    void *(*take)(unsigned int size); /* 0, 1, …: of which size */
    void (*give)(void *at, uint64_t size);
    void (*tidy)(void); /* everything is free: give back what is kept */
    bool (*is_whole)(void);
    unsigned int sizes, operations;
    uint64_t bytes[3];
    bool drains;
};

static const struct small *small;

/* Operations: take one of each size; give back one's own oldest, or the other's newest; have everybody's
 * lists drained. */
static void task(void *arg)
{
    unsigned int self = (unsigned int)(uintptr_t)arg;

    for (unsigned int i = 1; i <= small->operations; i++) {
        unsigned int can_take, menu[6], nr = 0, what;
        uint64_t size;
        sim_operation(i);
        can_take = expected.held[self].nr < HELD ? small->sizes : 0;
        while (nr < can_take) {
            menu[nr] = nr;
            nr++;
        }
        if (expected.held[self].nr)
            menu[nr++] = 10;
        if (expected.held[!self].nr)
            menu[nr++] = 11;
        if (small->drains)
            menu[nr++] = 12;
        MARK();
        what = menu[explore_choose(sim_now, nr, 1 + self)];
        scrub();
        if (what < 10) {
            void *at = small->take(what);
            if (at)
                hold(self, at, small->bytes[what]);
        } else if (what == 10) {
            void *at = let_go(self, 0, &size);
            small->give(at, size);
        } else if (what == 11) {
            void *at = let_go(!self, (unsigned int)expected.held[!self].nr - 1, &size);
            small->give(at, size);
        } else {
            small->tidy();
        }
    }
}

static void toy(void *arg)
{
    uint64_t seen = expected.toy;

    (void)arg;
    sim_point(SIM_POINT_PROGRAM, NULL);
    expected.toy = seen + 1;
}

/* Begin a task anew, on its old stack. */
static void rearm(struct sim *sim, unsigned int number, void (*fn)(void *), unsigned int cpu)
{
    struct sim_thread *thread = sim->thread[number];
    void *stack = thread->stack;

    memset(thread, 0, sizeof(*thread));
    thread->stack = stack;
    thread->number = number;
    thread->fn = fn;
    thread->arg = (void *)(uintptr_t)cpu;
    thread->here.cpu = cpu;
    thread->here.task = &thread->record;
    thread->resting = true;
    snprintf(thread->name, sizeof(thread->name), "CPU %u", cpu);
    memset((char *)stack + STACK - STACK_USED, 0, STACK_USED); /* what runs before left there */
    sim->nr_alive++;
}

static void end_checks(void)
{
    uint64_t size;

    explore.on = false;
    for (unsigned int t = 0; t < 2 && small; t++)
        while (expected.held[t].nr) {
            void *at = let_go(t, 0, &size);
            small->give(at, size);
        }
    if (small)
        small->tidy();
}

/* Everything, from the machine as it is now. What was wrong, or NULL. */
static const char *explore_all(struct sim *sim, void (*fn)(void *))
{
    void *saved[4];
    const char *wrong = NULL;
    int before = (int)sim->nr_threads;

    for (unsigned int cpu = 0; cpu < 2 && before == 1; cpu++)
        assert_true(sim_task(sim, cpu, "CPU", fn, NULL) > 0);
    for (unsigned int i = 0; i < 4; i++) {
        saved[i] = malloc(explore.machine[i].size + 1);
        if (explore.machine[i].size)
            memcpy(saved[i], explore.machine[i].at, explore.machine[i].size);
    }
    explore.seen = calloc(TABLE, sizeof(*explore.seen));
    assert_non_null(explore.seen);
    explore.depth = 0;
    explore.states = explore.runs = explore.finished = 0;
    do {
        for (unsigned int i = 0; i < 4; i++)
            if (explore.machine[i].size)
                memcpy((void *)(uintptr_t)explore.machine[i].at, saved[i], explore.machine[i].size);
        sim->nr_alive = 0;
        for (unsigned int cpu = 0; cpu < 2; cpu++)
            rearm(sim, cpu + 1, fn, cpu);
        memset(sim->cpu, 0, sizeof(sim->cpu));
        explore.at = 0;
        explore.preempted = 0;
        explore.pruned = false;
        explore.on = true;
        explore.runs++;
        if (sim_run(sim) != SIM_FINE) {
            wrong = sim_report(sim);
        } else if (!explore.pruned) {
            explore.finished++;
            end_checks();
            if (small ? !small->is_whole() : expected.toy != 2)
                wrong = "at the end not everything is as at the beginning";
        }
        explore.on = false;
    } while (!wrong && explore_next());
    free(explore.seen);
    for (unsigned int i = 0; i < 4; i++) {
        if (!wrong)
            if (explore.machine[i].size)
                memcpy((void *)(uintptr_t)explore.machine[i].at, saved[i], explore.machine[i].size);
        free(saved[i]);
    }
    return wrong;
}

static void print_covered(const char *what)
{
    print_message("%-34s %lu states, %lu runs, %lu of them to the end\n", what, explore.states,
                  explore.runs, explore.finished);
}

static struct sim *scheduler(uint64_t frames)
{
    struct sim_config config = {.cpus = 2,
                                .frames = frames,
                                .without_worker = true,
                                .strategy = SIM_RANDOM,
                                .max_points = ~0ull};
    char why[200] = "";
    struct sim *sim = sim_new(&config, why, sizeof(why));

    if (!sim)
        fail_msg("%s", why);
    return sim;
}

/* ---- pages alone ----------------------------------------------------------------------------- */

#define FIRST 64u /* frame */

static struct {
    struct qr_cpus cpus;
    struct qr_cpu *area[2];
    struct qr_map map;
    struct qr_zones zones;
    struct qr_check check;
    struct qr_faults faults;
} tiny;
static union {
    struct qr_cpu cpu; /* with its page lists behind it */
    char room[sizeof(struct qr_cpu) + QR_MAX_ZONES * sizeof(struct qr_pcp)];
} tiny_cpu[2];
static char tiny_ram[20 * PAGE_SIZE] __attribute__((aligned(4096)));

static bool tiny_finding(const struct quarry_report *report, void *data)
{
    (void)data;
    if (explore.on)
        sim_fail("%s", report->text);
    fail_msg("%s", report->text);
    return false;
}

static void *tiny_take(unsigned int order)
{
    struct page *page = qr_alloc_pages(&tiny.zones, GFP_ATOMIC | __GFP_NOWARN, order, NUMA_NO_NODE);

    return page ? qr_page_virt(&tiny.map, page) : NULL;
}

static void tiny_give(void *at, uint64_t size)
{
    qr_put_pages(&tiny.zones, qr_virt_page(&tiny.map, at),
                 (unsigned int)__builtin_ctzll(size / PAGE_SIZE), "free");
}

static void tiny_tidy(void)
{
    if (explore.on) {
        qr_pcp_drain_local(&tiny.zones);
        return;
    }
    for (unsigned int cpu = 0; cpu < 2; cpu++)
        qr_pcp_drain_cpu(&tiny.zones, &tiny_cpu[cpu].cpu);
}

static u32 tiny_lists[NR_PAGE_ORDERS];

static void tiny_count(u32 *lists)
{
    for (unsigned int o = 0; o < NR_PAGE_ORDERS; o++) {
        lists[o] = 0;
        for (unsigned int m = 0; m < MIGRATE_TYPES; m++)
            lists[o] += tiny.zones.zone[0].free_area[o].nr[m];
    }
}

static bool tiny_is_whole(void)
{
    u32 lists[NR_PAGE_ORDERS];

    tiny_count(lists);
    return qr_free_pages_total(&tiny.zones) == tiny.zones.totalram &&
           !memcmp(lists, tiny_lists, sizeof(lists)) && qr_zones_check(&tiny.zones) == 0;
}

static void tiny_boot(unsigned int pages)
{
    /* One more, for the descriptors. */
    struct quarry_region region = {.start = (phys_addr_t)(FIRST - 1) * PAGE_SIZE,
                                   .size = (pages + 1) * PAGE_SIZE};
    struct qp_machine machine = {.regions = &region,
                                 .nr_regions = 1,
                                 .nr_cpus = 2,
                                 .ram_is_zero = true,
                                 .offset = (uintptr_t)tiny_ram - (FIRST - 1) * PAGE_SIZE};
    char why[200] = "";

    memset(&tiny, 0, sizeof(tiny));
    memset(tiny_cpu, 0, sizeof(tiny_cpu));
    memset(tiny_ram, 0, sizeof(tiny_ram));
    tiny.cpus = (struct qr_cpus){.area = tiny.area, .nr_max = 2, .none = &qr_cpu_none};
    tiny.check.hook = tiny_finding;
    tiny.zones.map = &tiny.map;
    tiny.zones.check = &tiny.check;
    tiny.zones.faults = &tiny.faults;
    tiny.zones.cpus = &tiny.cpus;
    tiny.zones.min_free_kbytes = 4;
    if (qr_map_init(&tiny.map, &machine, why, sizeof(why)) ||
        qr_zones_init(&tiny.zones, &machine, why, sizeof(why)))
        fail_msg("%u pages: %s", pages, why);
    for (unsigned int cpu = 0; cpu < 2; cpu++) {
        tiny_cpu[cpu].cpu.id = cpu;
        tiny_cpu[cpu].cpu.nr_pcp = tiny.zones.nr_zones;
        tiny.area[cpu] = &tiny_cpu[cpu].cpu;
        qr_pcp_init_cpu(&tiny.zones, &tiny_cpu[cpu].cpu);
    }
    tiny.zones.nr_online = 1; /* so that a list of 16 pages' zone may hold one */
    tiny_count(tiny_lists);
    explore.machine[0] = (struct span){&tiny, sizeof(tiny) & ~7ul};
    explore.machine[1] = (struct span){tiny_cpu, sizeof(tiny_cpu)};
    explore.machine[2] = (struct span){tiny_ram, (pages + 1) * PAGE_SIZE};
    explore.machine[3] = (struct span){&expected, sizeof(expected)};
    memcpy(explore.state, explore.machine, sizeof(explore.state));
    /* Descriptors and mobilities; contents follow from who holds what. */
    explore.state[2] = (struct span){
        (const void *)((uintptr_t)qr_page(&tiny.map, FIRST) & ~(PAGE_SIZE - 1)), PAGE_SIZE};
}

/* What explore_all() says of the page allocator with @pages pages. */
static const char *explore_pages(struct sim *sim, unsigned int pages, unsigned int operations,
                                 unsigned int sizes, unsigned int preemptions)
{
    static struct small zone = {.take = tiny_take,
                                .give = tiny_give,
                                .tidy = tiny_tidy,
                                .is_whole = tiny_is_whole,
                                .bytes = {PAGE_SIZE, 2 * PAGE_SIZE}};
    const char *wrong;
    char what[80];

    memset(&expected, 0, sizeof(expected));
    tiny_boot(pages);
    zone.operations = operations;
    zone.sizes = sizes;
    zone.drains = sizes > 1;
    small = &zone;
    explore.most_preempted = preemptions;
    wrong = explore_all(sim, task);
    snprintf(what, sizeof(what), "%u pages, %u operations a CPU:", pages, operations);
    print_covered(what);
    return wrong;
}

/* Every schedule of one operation a CPU; of more, those in which at most two tasks (one, where each access is
 * a point) are left while they could go on. */
static void pages_in_every_schedule(void **state)
{
    struct sim *sim = scheduler(64);
    bool fine = accesses_are_points();

    (void)state;
    for (unsigned int pages = 4; pages <= MOST_PAGES; pages *= 2) {
        const char *wrong = NULL;
        if (!fine)
            wrong = explore_pages(sim, pages, 1, 2, ANY_NUMBER);
        if (!wrong)
            wrong = explore_pages(sim, pages, fine ? 2 : 3, 1, fine ? 1 : 2);
        if (wrong)
            fail_msg("%s", wrong);
        assert_int_equal(tiny.zones.totalram, pages);
        assert_true(explore.finished > 100);
    }
    sim_free(sim);
}

/* ---- planted --------------------------------------------------------------------------------- */

static void a_lost_update_is_found(void **state)
{
    struct sim *sim = scheduler(64);
    const char *wrong;

    (void)state;
    memset(&expected, 0, sizeof(expected));
    small = NULL;
    memset(explore.machine, 0, sizeof(explore.machine));
    explore.machine[0] = (struct span){&expected, sizeof(expected)};
    memcpy(explore.state, explore.machine, sizeof(explore.state));
    explore.most_preempted = ANY_NUMBER;
    wrong = explore_all(sim, toy);
    print_covered("a counter without a lock:");
    assert_non_null(wrong);
    sim_free(sim);
}

/* The zone's lock is not taken. Between two accesses to memory only: without such points nobody comes
 * between, and all is well. */
static void a_dropped_lock_is_found(void **state)
{
    struct sim *sim = scheduler(64);
    const char *wrong;

    (void)state;
    dropped = &tiny.zones.zone[0].lock;
    wrong = explore_pages(sim, 4, 1, 1, 2);
    dropped = NULL;
    if (accesses_are_points())
        assert_non_null(wrong);
    else
        assert_null(wrong);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_in_every_schedule),
        cmocka_unit_test(a_lost_update_is_found),
        cmocka_unit_test(a_dropped_lock_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
