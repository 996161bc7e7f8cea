/* SPDX-License-Identifier: MIT */
/* Conformance of the hosted port: every duty of include/quarry/port.h, by the promise written
 * there. The CPUs here are a table of the test's own, so that what the port calls (online, offline)
 * is seen. */
#define _GNU_SOURCE
#include "machine.h"
#include "hosted.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a table of CPUs that notes what is asked of it ------------------------------------------ */

#define TABLE_CPUS 4

struct table {
    struct qr_cpus cpus;
    struct qr_cpu *area[TABLE_CPUS];
    struct qr_cpu *block[TABLE_CPUS];
    unsigned int online, offline;
};

static struct qr_cpu *table_online(struct qr_cpus *cpus, unsigned int id)
{
    struct table *table = (struct table *)cpus;
    __atomic_fetch_add(&table->online, 1, __ATOMIC_RELAXED);
    table->block[id]->id = id;
    __atomic_store_n(&table->area[id], table->block[id], __ATOMIC_RELEASE);
    return table->block[id];
}

static void table_offline(struct qr_cpus *cpus, unsigned int id)
{
    struct table *table = (struct table *)cpus;
    __atomic_fetch_add(&table->offline, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&table->area[id], NULL, __ATOMIC_RELEASE);
}

static struct table *table_make(void)
{
    struct table *table = calloc(1, sizeof(*table));
    unsigned int i;
    assert_non_null(table);
    table->cpus =
        (struct qr_cpus){table->area, TABLE_CPUS, &qr_cpu_none, table_online, table_offline};
    for (i = 0; i < TABLE_CPUS; i++) {
        table->block[i] = calloc(1, sizeof(struct qr_cpu));
        assert_non_null(table->block[i]);
    }
    return table;
}

static void table_free(struct table *table)
{
    unsigned int i;
    hosted_cpus_forget(&table->cpus);
    for (i = 0; i < TABLE_CPUS; i++)
        free(table->block[i]);
    free(table);
}

static struct qr_cpu *table_enter(struct table *table)
{
    struct qr_cpu *cpu = NULL;
    qp_percpu_leave(qp_percpu_enter(&table->cpus, &cpu));
    return cpu;
}

/* ---- CPUs ------------------------------------------------------------------------------------ */

static void a_thread_without_data_is_the_unknown_cpu(void **state)
{
    struct table *table = table_make();
    struct qr_cpu *cpu = NULL, *inner = NULL;
    unsigned long outer_state, inner_state;
    (void)state;
    assert_ptr_equal(table_enter(table), &qr_cpu_none);
    assert_non_null(qp_claim_cpu(&table->cpus));
    outer_state = qp_percpu_enter(&table->cpus, &cpu);
    inner_state = qp_percpu_enter(&table->cpus, &inner);
    assert_ptr_equal(cpu, inner);
    assert_ptr_not_equal(cpu, &qr_cpu_none);
    qp_percpu_leave(inner_state);
    qp_percpu_leave(outer_state);
    assert_int_equal(table->online, 1);
    assert_ptr_equal(qp_claim_cpu(&table->cpus), cpu);
    assert_int_equal(table->online, 1);
    table_free(table);
}

struct visit {
    struct table *table;
    struct qr_cpu *claimed;
    pthread_barrier_t *all_there;
};

static void *visit_thread(void *data)
{
    struct visit *visit = data;
    visit->claimed = qp_claim_cpu(&visit->table->cpus);
    assert_ptr_equal(table_enter(visit->table), visit->claimed ? visit->claimed : &qr_cpu_none);
    pthread_barrier_wait(visit->all_there);
    return NULL;
}

static void threads_are_cpus_up_to_the_machines_number(void **state)
{
    struct table *table = table_make();
    struct visit visit[TABLE_CPUS + 2];
    pthread_t thread[TABLE_CPUS + 2];
    pthread_barrier_t all_there;
    unsigned int i, j, known = 0;
    (void)state;
    pthread_barrier_init(&all_there, NULL, TABLE_CPUS + 2);
    for (i = 0; i < TABLE_CPUS + 2; i++) {
        visit[i] = (struct visit){table, NULL, &all_there};
        assert_int_equal(pthread_create(&thread[i], NULL, visit_thread, &visit[i]), 0);
    }
    for (i = 0; i < TABLE_CPUS + 2; i++)
        pthread_join(thread[i], NULL);
    for (i = 0; i < TABLE_CPUS + 2; i++) {
        known += visit[i].claimed != NULL;
        for (j = 0; j < i; j++)
            assert_true(!visit[i].claimed || visit[i].claimed != visit[j].claimed);
    }
    /* The main thread may hold one of the small numbers. */
    assert_in_range(known, TABLE_CPUS - 1, TABLE_CPUS);
    assert_int_equal(table->online, known);
    assert_int_equal(table->offline, known);
    pthread_barrier_destroy(&all_there);
    table_free(table);
}

static void *visit_alone(void *data)
{
    assert_non_null(qp_claim_cpu(&((struct table *)data)->cpus));
    return NULL;
}

static void a_thread_that_ends_leaves_its_number_to_others(void **state)
{
    struct table *table = table_make();
    unsigned int i;
    (void)state;
    for (i = 0; i < 50; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, visit_alone, table), 0);
        pthread_join(thread, NULL);
        assert_int_equal(table->online, i + 1);
        assert_int_equal(table->offline, i + 1);
    }
    table_free(table);
}

static void running_code_on_another_cpu_is_refused(void **state)
{
    struct table *table = table_make();
    (void)state;
    assert_int_equal(qp_call_cpu(&table->cpus, 0, NULL, NULL), -ENOSYS);
    table_free(table);
}

/* ---- locks and context ----------------------------------------------------------------------- */

struct counting {
    qp_lock_t lock;
    unsigned long value;
};

static void *counting_thread(void *data)
{
    struct counting *counting = data;
    unsigned int i;
    for (i = 0; i < 100000; i++) {
        unsigned long flags = qp_lock(&counting->lock);
        counting->value++;
        qp_unlock(&counting->lock, flags);
    }
    return NULL;
}

static void a_lock_admits_one_at_a_time(void **state)
{
    struct counting counting = {{0}, 0};
    pthread_t thread[4];
    unsigned int i;
    (void)state;
    for (i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, counting_thread, &counting), 0);
    for (i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(counting.value, 400000);
    assert_int_equal(counting.lock.word, 0);
}

static void a_held_lock_is_not_taken_again_and_forbids_sleep(void **state)
{
    qp_lock_t lock = {0};
    unsigned long flags, other;
    (void)state;
    assert_true(qp_may_sleep());
    assert_true(qp_trylock(&lock, &flags));
    assert_false(qp_may_sleep());
    assert_false(qp_trylock(&lock, &other));
    qp_unlock(&lock, flags);
    assert_true(qp_may_sleep());
    flags = qp_lock(&lock);
    assert_false(qp_may_sleep());
    qp_unlock(&lock, flags);
    assert_true(qp_may_sleep());
}

static void interrupts_off_and_atomic_forbid_sleep_and_nest(void **state)
{
    unsigned long outer, inner;
    (void)state;
    outer = qp_irq_save();
    inner = qp_irq_save();
    assert_false(qp_may_sleep());
    qp_irq_restore(inner);
    assert_false(qp_may_sleep());
    qp_irq_restore(outer);
    assert_true(qp_may_sleep());
    qp_atomic_enter();
    qp_atomic_enter();
    qp_atomic_leave();
    assert_false(qp_may_sleep());
    qp_atomic_leave();
    assert_true(qp_may_sleep());
    qp_relax();
}

static void the_reason_for_atomic_is_named(void **state)
{
    struct qp_atomic_reason reason;
    qp_lock_t lock = {0};
    unsigned long flags;
    (void)state;
    qp_explain_atomic(&reason);
    assert_null(reason.what);
    flags = qp_lock(&lock);
    qp_explain_atomic(&reason);
    assert_non_null(reason.what);
    qp_unlock(&lock, flags);
    quarry_default.check.level = 1;
    qp_atomic_enter();
    qp_explain_atomic(&reason);
    assert_string_equal(reason.what, "a page is mapped by kmap_atomic");
    assert_true(reason.nr > 0);
    qp_atomic_leave();
    quarry_default.check.level = 0;
}

static void task_in_interrupt(void *data)
{
    struct qp_task *own = data;
    assert_ptr_not_equal(qp_task(), own);
    assert_int_equal(qp_task()->scope_clear, 0);
    qp_task()->scope_clear = 2;
    assert_false(qp_may_sleep());
}

static void *task_of_thread(void *data)
{
    assert_ptr_not_equal(qp_task(), data);
    assert_int_equal(qp_task()->scope_clear, 0);
    assert_int_equal(qp_task()->reclaims, 0);
    assert_int_equal(qp_task_id(), (unsigned int)syscall(SYS_gettid));
    return NULL;
}

static void each_task_has_a_record_and_interrupts_have_none_of_theirs(void **state)
{
    pthread_t thread;
    (void)state;
    qp_task()->scope_clear = 1;
    assert_int_equal(pthread_create(&thread, NULL, task_of_thread, qp_task()), 0);
    pthread_join(thread, NULL);
    quarry_raise_irq(task_in_interrupt, qp_task());
    quarry_raise_irq(task_in_interrupt, qp_task()); /* what the first one left is gone */
    assert_int_equal(qp_task()->scope_clear, 1);
    qp_task()->scope_clear = 0;
}

/* ---- memory ---------------------------------------------------------------------------------- */

#define PORT_PAGE 4096ul

struct port_machine {
    struct hosted_ram ram;
    struct qp_machine machine;
    struct quarry_region region[2];
};

/* 16 low pages, a hole of 16, 16 high pages; windows behind. */
static void port_machine_make(struct port_machine *m)
{
    char why[200] = "";
    memset(m, 0, sizeof(*m));
    m->region[0] = (struct quarry_region){.start = 0, .size = 16 * PORT_PAGE};
    m->region[1] = (struct quarry_region){.start = 32 * PORT_PAGE, .size = 16 * PORT_PAGE};
    m->machine.regions = m->region;
    m->machine.nr_regions = 2;
    m->machine.low_limit = 40 * PORT_PAGE;
    m->machine.vmalloc_start = PORT_PAGE;
    m->machine.vmalloc_end = 65 * PORT_PAGE;
    if (hosted_ram_create(&m->ram, &m->machine, false, why, sizeof(why)) != 0)
        fail_msg("%s", why);
}

static sigjmp_buf fault_back;

static void fault_caught(int number)
{
    (void)number;
    siglongjmp(fault_back, 1);
}

/* Whether reading this byte faults. */
static bool faults(const volatile char *address)
{
    struct sigaction ours = {.sa_handler = fault_caught}, segv, bus;
    bool faulted = true;
    sigaction(SIGSEGV, &ours, &segv);
    sigaction(SIGBUS, &ours, &bus);
    if (sigsetjmp(fault_back, 1) == 0) {
        (void)*address;
        faulted = false;
    }
    sigaction(SIGSEGV, &segv, NULL);
    sigaction(SIGBUS, &bus, NULL);
    return faulted;
}

static void physical_and_virtual_addresses_are_inverse(void **state)
{
    struct port_machine m;
    char *p;
    (void)state;
    port_machine_make(&m);
    p = qp_virt(m.machine.offset, 5 * PORT_PAGE + 7);
    assert_int_equal(qp_phys(m.machine.offset, p), 5 * PORT_PAGE + 7);
    assert_int_equal((uintptr_t)qp_virt(m.machine.offset, 0) % (4ul << 20), 0);
    *p = 'x';
    assert_int_equal(*p, 'x');
    hosted_ram_destroy(&m.ram);
}

static void holes_and_high_memory_have_no_direct_map(void **state)
{
    struct port_machine m;
    (void)state;
    port_machine_make(&m);
    assert_false(faults(qp_virt(m.machine.offset, 15 * PORT_PAGE)));
    assert_true(faults(qp_virt(m.machine.offset, 16 * PORT_PAGE)));
    assert_false(faults(qp_virt(m.machine.offset, 39 * PORT_PAGE)));
    assert_true(faults(qp_virt(m.machine.offset, 40 * PORT_PAGE)));
    hosted_ram_destroy(&m.ram);
}

static void a_frame_mapped_twice_is_one_memory(void **state)
{
    struct port_machine m;
    char *window, *direct;
    (void)state;
    port_machine_make(&m);
    window = (char *)m.machine.vmalloc_start;
    assert_true(faults(window));
    assert_int_equal(qp_map(m.machine.offset, window, 3 * PORT_PAGE, 2), 0);
    assert_int_equal(qp_map(m.machine.offset, window + 2 * PORT_PAGE, 44 * PORT_PAGE, 1), 0);
    direct = qp_virt(m.machine.offset, 4 * PORT_PAGE);
    window[PORT_PAGE + 9] = 'q';
    assert_int_equal(direct[9], 'q');
    direct[10] = 'r';
    assert_int_equal(window[PORT_PAGE + 10], 'r');
    window[2 * PORT_PAGE] = 'h';
    assert_int_equal(qp_map(m.machine.offset, window + 8 * PORT_PAGE, 44 * PORT_PAGE, 1), 0);
    assert_int_equal(window[8 * PORT_PAGE], 'h');
    qp_unmap(m.machine.offset, window, 3);
    qp_flush(m.machine.offset, window, 3);
    assert_true(faults(window));
    assert_true(faults(window + 2 * PORT_PAGE));
    assert_int_equal(window[8 * PORT_PAGE], 'h');
    hosted_ram_destroy(&m.ram);
}

static unsigned long backed(const struct hosted_ram *ram)
{
    struct stat file;
    assert_int_equal(fstat(ram->fd, &file), 0);
    return (unsigned long)file.st_blocks * 512 / PORT_PAGE;
}

static void untouched_and_discarded_frames_cost_nothing(void **state)
{
    struct port_machine m;
    char *p;
    (void)state;
    port_machine_make(&m);
    assert_int_equal(backed(&m.ram), 0);
    p = qp_virt(m.machine.offset, 2 * PORT_PAGE);
    memset(p, 0x5a, 4 * PORT_PAGE);
    assert_int_equal(backed(&m.ram), 4);
    assert_true(qp_discard(m.machine.offset, 3 * PORT_PAGE, 2));
    assert_int_equal(backed(&m.ram), 2);
    assert_int_equal(p[0], 0x5a);
    assert_int_equal(p[PORT_PAGE], 0);
    assert_int_equal(p[3 * PORT_PAGE], 0x5a);
    assert_false(qp_discard(m.machine.offset + PORT_PAGE, 0, 1));
    hosted_ram_destroy(&m.ram);
}

static void two_machines_do_not_share_memory(void **state)
{
    struct port_machine a, b;
    (void)state;
    port_machine_make(&a);
    port_machine_make(&b);
    assert_int_not_equal(a.machine.offset, b.machine.offset);
    memset(qp_virt(a.machine.offset, 0), 1, PORT_PAGE);
    assert_int_equal(*(char *)qp_virt(b.machine.offset, 0), 0);
    hosted_ram_destroy(&a.ram);
    hosted_ram_destroy(&b.ram);
}

static void impossible_memory_maps_are_refused_with_a_reason(void **state)
{
    struct hosted_ram ram;
    struct quarry_region beyond = {.start = 1ull << 60, .size = PORT_PAGE};
    struct quarry_region wraps = {.start = 8 * PORT_PAGE, .size = ~0ull - PORT_PAGE};
    struct qp_machine machine = {.regions = &beyond, .nr_regions = 1};
    char why[200] = "";
    (void)state;
    assert_int_equal(hosted_ram_create(&ram, &machine, false, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "region 0"));
    machine.regions = &wraps;
    assert_int_equal(hosted_ram_create(&ram, &machine, false, why, sizeof(why)), -EINVAL);
    machine.nr_regions = 0;
    assert_int_equal(hosted_ram_create(&ram, &machine, false, why, sizeof(why)), -ENOMEM);
    assert_non_null(strstr(why, "no memory"));
}

static void memory_changes_hands_without_complaint(void **state)
{
    char block[200] = "";
    (void)state;
    qp_hand_over(block, sizeof(block));
    qp_take_over(block, sizeof(block));
    (void)QP_OBSERVED();
}

/* ---- tasks, time, text ----------------------------------------------------------------------- */

static void time_never_goes_backwards(void **state)
{
    uint64_t last = qp_now_ns();
    unsigned int i;
    (void)state;
    assert_true(last > 0);
    for (i = 0; i < 1000; i++) {
        uint64_t now = qp_now_ns();
        assert_true(now >= last);
        last = now;
    }
}

static void a_wait_ends_by_time_or_by_a_move_already_made(void **state)
{
    struct qp_event event = {0};
    uint64_t start = qp_now_ns();
    (void)state;
    qp_wait(&event, 0, 20000000);
    assert_true(qp_now_ns() - start >= 19000000);
    qp_wake(&event);
    assert_int_equal(event.moves, 1);
    qp_wait(&event, 0, 0); /* has moved: does not sleep */
}

struct pair {
    struct qp_event there, back;
    struct table *table;
    uint32_t was_sleeping;
};

static void pair_worker(void *data)
{
    struct pair *pair = data;
    struct qr_cpu *cpu = pair->table->block[0];
    uint32_t expected;
    /* The main thread sleeps on "back": its CPU may be drained, and it cannot return meanwhile. */
    do
        expected = QR_CPU_SLEEPING;
    while (!__atomic_compare_exchange_n(&cpu->owner, &expected, QR_CPU_DRAINING, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    qp_wake(&pair->back);
    usleep(20000);
    pair->was_sleeping = 1;
    __atomic_store_n(&cpu->owner, QR_CPU_SLEEPING, __ATOMIC_RELEASE);
    qp_wake(&pair->there);
}

static void a_sleeping_cpu_is_handed_over_and_taken_back(void **state)
{
    struct pair pair = {.table = table_make()};
    struct qr_cpu *cpu = pair.table->block[0], *before = qp_self.cpu;
    (void)state;
    qp_self.cpu = cpu; /* as if it were this thread's on the default machine */
    assert_int_equal(qp_start_worker(pair_worker, &pair), 0);
    while (__atomic_load_n(&pair.back.moves, __ATOMIC_ACQUIRE) == 0)
        qp_wait(&pair.back, 0, 0);
    assert_int_equal(pair.was_sleeping, 1);
    assert_int_equal(cpu->owner, QR_CPU_RUNNING);
    qp_self.cpu = before;
    while (__atomic_load_n(&pair.there.moves, __ATOMIC_ACQUIRE) == 0)
        qp_wait(&pair.there, 0, 0);
    table_free(pair.table);
}

static void texts_go_to_the_console_and_errno_stays(void **state)
{
    int channel[2], saved = dup(STDERR_FILENO);
    char text[32] = "";
    (void)state;
    assert_int_equal(pipe(channel), 0);
    dup2(channel[1], STDERR_FILENO);
    errno = 77;
    qp_write("hello\n", 6);
    assert_int_equal(errno, 77);
    dup2(saved, STDERR_FILENO);
    assert_int_equal(read(channel[0], text, sizeof(text)), 6);
    assert_string_equal(text, "hello\n");
    close(channel[0]);
    close(channel[1]);
    close(saved);
}

static void a_panic_says_its_words_and_aborts(void **state)
{
    int channel[2], status = 0;
    char text[32] = "";
    pid_t child;
    (void)state;
    assert_int_equal(pipe(channel), 0);
    child = fork();
    if (child == 0) {
        dup2(channel[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        qp_panic("last words\n");
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_int_equal(read(channel[0], text, 11), 11);
    assert_string_equal(text, "last words\n");
    close(channel[0]);
    close(channel[1]);
}

static __attribute__((noinline)) unsigned int trace_inner(const void **pc, unsigned int max)
{
    unsigned int nr = qp_backtrace(pc, max);
    __asm__ volatile("" ::: "memory"); /* not the last thing here: the call stays a call */
    return nr;
}

static void a_backtrace_leads_through_the_callers(void **state)
{
    const void *pc[8];
    const char *inner = (const char *)(uintptr_t)trace_inner;
    unsigned int nr = trace_inner(pc, 8);
    (void)state;
    assert_in_range(nr, 3, 8);
    assert_true((const char *)pc[0] > inner && (const char *)pc[0] < inner + 256);
    assert_int_equal(trace_inner(pc, 2), 2);
    assert_int_equal(trace_inner(pc, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_without_data_is_the_unknown_cpu),
        cmocka_unit_test(threads_are_cpus_up_to_the_machines_number),
        cmocka_unit_test(a_thread_that_ends_leaves_its_number_to_others),
        cmocka_unit_test(running_code_on_another_cpu_is_refused),
        cmocka_unit_test(a_lock_admits_one_at_a_time),
        cmocka_unit_test(a_held_lock_is_not_taken_again_and_forbids_sleep),
        cmocka_unit_test(interrupts_off_and_atomic_forbid_sleep_and_nest),
        cmocka_unit_test(the_reason_for_atomic_is_named),
        cmocka_unit_test(each_task_has_a_record_and_interrupts_have_none_of_theirs),
        cmocka_unit_test(physical_and_virtual_addresses_are_inverse),
        cmocka_unit_test(holes_and_high_memory_have_no_direct_map),
        cmocka_unit_test(a_frame_mapped_twice_is_one_memory),
        cmocka_unit_test(untouched_and_discarded_frames_cost_nothing),
        cmocka_unit_test(two_machines_do_not_share_memory),
        cmocka_unit_test(impossible_memory_maps_are_refused_with_a_reason),
        cmocka_unit_test(memory_changes_hands_without_complaint),
        cmocka_unit_test(time_never_goes_backwards),
        cmocka_unit_test(a_wait_ends_by_time_or_by_a_move_already_made),
        cmocka_unit_test(a_sleeping_cpu_is_handed_over_and_taken_back),
        cmocka_unit_test(texts_go_to_the_console_and_errno_stays),
        cmocka_unit_test(a_panic_says_its_words_and_aborts),
        cmocka_unit_test(a_backtrace_leads_through_the_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
