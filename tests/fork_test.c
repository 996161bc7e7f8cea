/* SPDX-License-Identifier: MIT */
/* After fork, parent and child each own a machine: what one writes, frees or allocates the other
 * does not see, whatever the parent's other threads were doing at that moment. Each test in a
 * process of its own, whose child is the forked one. */
#define _GNU_SOURCE
#include "machine.h"
#include "child.h"
#include "hosted.h"
#include "sanitizer.h"
#include <pthread.h>
#include <sched.h>
#include <quarry/quarry.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MIB (1024ul * 1024)

/* ---- one of everything, with a pattern in it ------------------------------------------------- */

struct holding {
    char *object, *large, *pages, *area;
    struct kmem_cache *cache;
    char *cached;
};

#define PAGES_ORDER 3
#define AREA_SIZE (64 * PAGE_SIZE)

/* In the child of a process with other threads, a thread sanitizer's records are torn, and an address
 * sanitizer's heap stays locked when one of those threads was inside it: its next user hangs. */
static void skip_where_sanitizers_do_not_survive_a_fork(void)
{
    if (TEST_THREAD_SANITIZER || TEST_ADDRESS_SANITIZER)
        skip();
}

static void holding_fill(const struct holding *h, int value)
{
    memset(h->object, value, 200);
    memset(h->large, value, 256 * 1024);
    memset(h->pages, value, PAGE_SIZE << PAGES_ORDER);
    memset(h->area, value, AREA_SIZE);
    memset(h->cached, value, 96);
}

static bool all_are(const char *p, int value, size_t size)
{
    while (size--) {
        if (*p++ != (char)value)
            return false;
    }
    return true;
}

static bool holding_is(const struct holding *h, int value)
{
    return all_are(h->object, value, 200) && all_are(h->large, value, 256 * 1024) &&
           all_are(h->pages, value, PAGE_SIZE << PAGES_ORDER) &&
           all_are(h->area, value, AREA_SIZE) && all_are(h->cached, value, 96);
}

static void holding_make(struct holding *h)
{
    h->object = kmalloc(200, GFP_KERNEL);
    h->large = kmalloc(256 * 1024, GFP_KERNEL);
    h->pages = (char *)__get_free_pages(GFP_KERNEL, PAGES_ORDER);
    h->area = vmalloc(AREA_SIZE);
    h->cache = kmem_cache_create("forked", 96, 0, 0, NULL);
    CHILD_CHECK(h->object && h->large && h->pages && h->area && h->cache);
    h->cached = kmem_cache_alloc(h->cache, GFP_KERNEL);
    CHILD_CHECK(h->cached);
    holding_fill(h, 'a');
}

static void holding_free(struct holding *h)
{
    kfree(h->object);
    kfree(h->large);
    free_pages((unsigned long)h->pages, PAGES_ORDER);
    vfree(h->area);
    kmem_cache_free(h->cache, h->cached);
    kmem_cache_destroy(h->cache);
}

static void boot(unsigned long ram)
{
    struct quarry_machine machine = {.ram_bytes = ram};
    CHILD_CHECK(quarry_boot(&machine) == 0);
}

static void wait_well(pid_t pid)
{
    int status = 0;
    CHILD_CHECK(waitpid(pid, &status, 0) == pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        fprintf(stderr, "the forked child ended with status 0x%x\n", (unsigned int)status);
    CHILD_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Allocate and free of every kind. */
static void exercise(unsigned int rounds, unsigned int seed)
{
    void *object[64] = {NULL};
    unsigned int i;
    for (i = 0; i < rounds; i++) {
        unsigned int k;
        seed = seed * 1664525u + 1013904223u;
        k = (seed >> 8) % 64;
        kfree(object[k]);
        object[k] = kmalloc(8u << ((seed >> 16) % 10), GFP_KERNEL);
        if (object[k])
            *(unsigned int *)object[k] = seed;
        if (i % 8 == 0) {
            struct page *page = alloc_pages(GFP_KERNEL, (seed >> 20) % 4);
            if (page)
                __free_pages(page, (seed >> 20) % 4);
        }
    }
    for (i = 0; i < 64; i++)
        kfree(object[i]);
}

/* ---- one thread ------------------------------------------------------------------------------ */

static void body_single(const void *data)
{
    struct holding h;
    int to_child[2], to_parent[2];
    char byte = 0;
    pid_t pid;
    (void)data;
    boot(64 * MIB);
    holding_make(&h);
    CHILD_CHECK(pipe(to_child) == 0 && pipe(to_parent) == 0);
    pid = fork();
    if (pid == 0) {
        CHILD_CHECK(holding_is(&h, 'a'));
        holding_fill(&h, 'c');
        CHILD_CHECK(write(to_parent[1], "", 1) == 1);
        CHILD_CHECK(read(to_child[0], &byte, 1) == 1); /* the parent has written too */
        CHILD_CHECK(holding_is(&h, 'c'));
        exercise(5000, 1);
        CHILD_CHECK(vmalloc_to_page(h.area) && virt_to_page(h.object));
        CHILD_CHECK(quarry_check_all() == 0);
        holding_free(&h);
        exercise(5000, 2);
        CHILD_CHECK(quarry_check_all() == 0);
        _exit(0);
    }
    CHILD_CHECK(pid > 0);
    CHILD_CHECK(read(to_parent[0], &byte, 1) == 1); /* the child has written */
    CHILD_CHECK(holding_is(&h, 'a'));
    holding_fill(&h, 'p');
    CHILD_CHECK(write(to_child[1], "", 1) == 1);
    wait_well(pid);
    CHILD_CHECK(holding_is(&h, 'p'));
    CHILD_CHECK(quarry_check_all() == 0);
    holding_free(&h);
    exercise(5000, 3);
    CHILD_CHECK(quarry_check_all() == 0);
}

static void parent_and_child_write_and_neither_sees_the_other(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_single, NULL)));
}

static void body_generations(const void *data)
{
    struct holding h;
    unsigned int depth;
    pid_t pid;
    (void)data;
    boot(64 * MIB);
    holding_make(&h);
    for (depth = 0; depth < 4; depth++) {
        holding_fill(&h, (int)depth + 1);
        pid = fork();
        CHILD_CHECK(pid >= 0);
        if (pid > 0) {
            wait_well(pid);
            CHILD_CHECK(holding_is(&h, (int)depth + 1));
            CHILD_CHECK(quarry_check_all() == 0);
            _exit(0);
        }
        CHILD_CHECK(holding_is(&h, (int)depth + 1));
        exercise(1000, depth);
    }
    CHILD_CHECK(quarry_check_all() == 0);
}

static void children_fork_children(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_generations, NULL)));
}

/* ---- many threads ---------------------------------------------------------------------------- */

static int hammer_stop;

static void *hammer(void *data)
{
    unsigned int seed = (unsigned int)(uintptr_t)data;
    while (!__atomic_load_n(&hammer_stop, __ATOMIC_RELAXED))
        exercise(100, seed++);
    return NULL;
}

static void body_threads(const void *data)
{
    struct holding h;
    pthread_t thread[4];
    unsigned int i;
    (void)data;
    boot(64 * MIB);
    holding_make(&h);
    for (i = 0; i < 4; i++)
        CHILD_CHECK(pthread_create(&thread[i], NULL, hammer, (void *)(uintptr_t)(i * 1000)) == 0);
    for (i = 0; i < 25; i++) {
        pid_t pid;
        holding_fill(&h, (int)i);
        pid = fork();
        CHILD_CHECK(pid >= 0);
        if (pid == 0) {
            CHILD_CHECK(holding_is(&h, (int)i));
            CHILD_CHECK(quarry_check_all() == 0);
            holding_fill(&h, 'c');
            exercise(2000, i);
            CHILD_CHECK(holding_is(&h, 'c'));
            holding_free(&h);
            CHILD_CHECK(quarry_check_all() == 0);
            _exit(0);
        }
        CHILD_CHECK(holding_is(&h, (int)i));
        wait_well(pid);
        CHILD_CHECK(holding_is(&h, (int)i));
    }
    __atomic_store_n(&hammer_stop, 1, __ATOMIC_RELAXED);
    for (i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    CHILD_CHECK(quarry_check_all() == 0);
}

static void a_child_of_busy_threads_is_whole(void **state)
{
    (void)state;
    skip_where_sanitizers_do_not_survive_a_fork();
    assert_true(child_exited_well(child_run(body_threads, NULL)));
}

/* Threads that hardly ever get the CPU: one, on which another computes all the time. */
static void *starved_thread(void *data)
{
    CHILD_CHECK(setpriority(PRIO_PROCESS, (id_t)gettid(), 19) == 0);
    return hammer(data);
}

static void *hog_thread(void *data)
{
    while (!__atomic_load_n(&hammer_stop, __ATOMIC_RELAXED))
        ;
    return data;
}

static void body_starved(const void *data)
{
    pthread_t thread[4];
    cpu_set_t one;
    unsigned int i;
    (void)data;
    boot(64 * MIB);
    CPU_ZERO(&one);
    CPU_SET((unsigned int)sched_getcpu(), &one);
    CHILD_CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
    for (i = 0; i < 4; i++)
        CHILD_CHECK(pthread_create(&thread[i], NULL, i == 3 ? hog_thread : starved_thread,
                                   (void *)(uintptr_t)(i * 1000)) == 0);
    for (i = 0; i < 6; i++) {
        pid_t pid;
        usleep(200000); /* they get somewhere, which need not be far */
        pid = fork();
        CHILD_CHECK(pid >= 0);
        if (pid == 0) {
            CHILD_CHECK(quarry_check_all() == 0);
            _exit(0);
        }
        wait_well(pid);
    }
    __atomic_store_n(&hammer_stop, 1, __ATOMIC_RELAXED);
    for (i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    CHILD_CHECK(quarry_check_all() == 0);
}

static void threads_without_the_cpu_are_waited_for(void **state)
{
    (void)state;
    skip_where_sanitizers_do_not_survive_a_fork();
    assert_true(child_exited_well(child_run(body_starved, NULL)));
    assert_null(strstr(child_text, "half changed"));
}

/* A thread inside a call for as long as the fork takes. */
static int constructing, constructed;

static void slow_constructor(void *object)
{
    memset(object, 0, 96);
    __atomic_store_n(&constructing, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&constructed, __ATOMIC_ACQUIRE))
        usleep(1000);
}

static void *construct_thread(void *cache)
{
    kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
    return NULL;
}

static void body_inside(const void *data)
{
    struct kmem_cache *cache;
    pthread_t thread;
    pid_t pid;
    (void)data;
    boot(64 * MIB);
    cache = kmem_cache_create("slow", 96, 0, 0, slow_constructor);
    CHILD_CHECK(cache && pthread_create(&thread, NULL, construct_thread, cache) == 0);
    while (!__atomic_load_n(&constructing, __ATOMIC_ACQUIRE))
        usleep(1000);
    pid = fork();
    CHILD_CHECK(pid >= 0);
    if (pid == 0)
        _exit(0);
    wait_well(pid);
    __atomic_store_n(&constructed, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    kmem_cache_destroy(cache);
    CHILD_CHECK(quarry_check_all() == 0);
}

static void a_child_of_a_thread_inside_a_call_is_told_so(void **state)
{
    (void)state;
    skip_where_sanitizers_do_not_survive_a_fork();
    assert_true(child_exited_well(child_run(body_inside, NULL)));
    assert_non_null(strstr(child_text, "half changed"));
}

/* A thread that writes a pair of equal numbers into Quarry's memory, one after the other. */
struct twins {
    unsigned long *memory;
    unsigned long pages;
};

static void *twins_thread(void *data)
{
    struct twins *twins = data;
    unsigned long n = 0;
    while (!__atomic_load_n(&hammer_stop, __ATOMIC_RELAXED)) {
        __atomic_store_n(&twins->memory[0], ++n, __ATOMIC_RELEASE);
        __atomic_store_n(&twins->memory[twins->pages * PAGE_SIZE / sizeof(long) - 1], n,
                         __ATOMIC_RELEASE);
    }
    return NULL;
}

static void body_snapshot(const void *data)
{
    struct twins twins = {.pages = 1024};
    pthread_t thread;
    unsigned int i;
    (void)data;
    boot(64 * MIB);
    twins.memory = vzalloc(twins.pages * PAGE_SIZE);
    CHILD_CHECK(twins.memory);
    CHILD_CHECK(pthread_create(&thread, NULL, twins_thread, &twins) == 0);
    for (i = 0; i < 20; i++) {
        pid_t pid = fork();
        CHILD_CHECK(pid >= 0);
        if (pid == 0) {
            unsigned long first = twins.memory[0];
            unsigned long last = twins.memory[twins.pages * PAGE_SIZE / sizeof(long) - 1];
            CHILD_CHECK(first - last <= 1);
            _exit(0);
        }
        wait_well(pid);
    }
    __atomic_store_n(&hammer_stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
}

static void the_copy_is_of_one_moment(void **state)
{
    (void)state;
    if (TEST_ADDRESS_SANITIZER)
        skip_where_sanitizers_do_not_survive_a_fork();
    assert_true(child_exited_well(child_run(body_snapshot, NULL)));
}

/* A thread that replaces an object whose address lies in the process's own memory. */
static char *swap_slot;

static void *swap_thread(void *data)
{
    (void)data;
    while (!__atomic_load_n(&hammer_stop, __ATOMIC_RELAXED))
        kfree(__atomic_exchange_n(&swap_slot, kmalloc(64, GFP_KERNEL), __ATOMIC_ACQ_REL));
    return NULL;
}

static void body_swap(const void *data)
{
    pthread_t thread;
    unsigned int i, k;
    (void)data;
    boot(64 * MIB);
    swap_slot = kmalloc(64, GFP_KERNEL);
    CHILD_CHECK(pthread_create(&thread, NULL, swap_thread, NULL) == 0);
    for (i = 0; i < 20; i++) {
        pid_t pid = fork();
        CHILD_CHECK(pid >= 0);
        if (pid == 0) {
            /* Were it free in the copy of the file, somebody would get it. */
            for (k = 0; k < 20000; k++)
                CHILD_CHECK(kmalloc(64, GFP_KERNEL) != swap_slot);
            _exit(0);
        }
        wait_well(pid);
    }
    __atomic_store_n(&hammer_stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
}

static void what_the_childs_variables_point_at_is_allocated_there(void **state)
{
    (void)state;
    if (TEST_ADDRESS_SANITIZER)
        skip_where_sanitizers_do_not_survive_a_fork();
    assert_true(child_exited_well(child_run(body_swap, NULL)));
}

static void *fork_from_thread(void *data)
{
    struct holding *h = data;
    pid_t pid = fork();
    CHILD_CHECK(pid >= 0);
    if (pid == 0) {
        holding_fill(h, 't');
        CHILD_CHECK(quarry_check_all() == 0);
        _exit(0);
    }
    wait_well(pid);
    return NULL;
}

static void body_racing_forks(const void *data)
{
    struct holding h;
    pthread_t thread[4];
    unsigned int i, round;
    (void)data;
    boot(64 * MIB);
    holding_make(&h);
    for (round = 0; round < 5; round++) {
        for (i = 0; i < 4; i++)
            CHILD_CHECK(pthread_create(&thread[i], NULL, fork_from_thread, &h) == 0);
        for (i = 0; i < 4; i++)
            pthread_join(thread[i], NULL);
    }
    CHILD_CHECK(holding_is(&h, 'a'));
    CHILD_CHECK(quarry_check_all() == 0);
}

static void threads_fork_at_the_same_time(void **state)
{
    (void)state;
    skip_where_sanitizers_do_not_survive_a_fork();
    assert_true(child_exited_well(child_run(body_racing_forks, NULL)));
}

static void *deaf_thread(void *data)
{
    sigset_t all;
    (void)data;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    while (!__atomic_load_n(&hammer_stop, __ATOMIC_RELAXED))
        usleep(1000);
    return NULL;
}

static void body_deaf(const void *data)
{
    struct holding h;
    pthread_t thread;
    pid_t pid;
    (void)data;
    boot(64 * MIB);
    holding_make(&h);
    CHILD_CHECK(pthread_create(&thread, NULL, deaf_thread, NULL) == 0);
    usleep(10000);
    pid = fork();
    CHILD_CHECK(pid >= 0);
    if (pid == 0) {
        CHILD_CHECK(holding_is(&h, 'a'));
        CHILD_CHECK(quarry_check_all() == 0);
        _exit(0);
    }
    wait_well(pid);
    __atomic_store_n(&hammer_stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
}

static void a_thread_that_blocks_every_signal_does_not_stop_the_fork(void **state)
{
    (void)state;
    if (TEST_ADDRESS_SANITIZER)
        skip_where_sanitizers_do_not_survive_a_fork();
    assert_true(child_exited_well(child_run(body_deaf, NULL)));
}

/* ---- costs and misfortunes ------------------------------------------------------------------- */

static void body_sparse(const void *data)
{
    struct stat file;
    pid_t pid;
    (void)data;
    boot(32ul << 30);
    kfree(kmalloc(100, GFP_KERNEL));
    pid = fork();
    CHILD_CHECK(pid >= 0);
    if (pid == 0) {
        CHILD_CHECK(fstat(hosted_default_ram()->fd, &file) == 0);
        CHILD_CHECK((unsigned long)file.st_blocks * 512 < 16 * MIB);
        kfree(kmalloc(100, GFP_KERNEL));
        _exit(0);
    }
    wait_well(pid);
}

static void untouched_ram_is_not_copied(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_sparse, NULL)));
}

static void body_no_descriptors(const void *data)
{
    struct rlimit limit;
    struct holding h;
    pid_t pid;
    int fd;
    (void)data;
    boot(64 * MIB);
    holding_make(&h);
    CHILD_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = 16;
    CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    do
        fd = dup(0);
    while (fd >= 0);
    pid = fork();
    CHILD_CHECK(pid >= 0);
    if (pid == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    wait_well(pid);
    CHILD_CHECK(holding_is(&h, 'a'));
    exercise(1000, 1);
    CHILD_CHECK(quarry_check_all() == 0);
}

static void a_child_without_a_copy_is_told_so_and_can_still_exec(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_no_descriptors, NULL)));
    assert_non_null(strstr(child_text, "no copy of the machine's memory"));
}

static void body_unbooted(const void *data)
{
    pid_t pid = fork();
    (void)data;
    CHILD_CHECK(pid >= 0);
    if (pid == 0) {
        boot(32 * MIB);
        kfree(kmalloc(100, GFP_KERNEL));
        _exit(0);
    }
    wait_well(pid);
    CHILD_CHECK(!quarry_booted());
}

static void a_fork_before_the_boot_leaves_both_free_to_boot(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_unbooted, NULL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parent_and_child_write_and_neither_sees_the_other),
        cmocka_unit_test(children_fork_children),
        cmocka_unit_test(a_child_of_busy_threads_is_whole),
        cmocka_unit_test(threads_without_the_cpu_are_waited_for),
        cmocka_unit_test(a_child_of_a_thread_inside_a_call_is_told_so),
        cmocka_unit_test(the_copy_is_of_one_moment),
        cmocka_unit_test(what_the_childs_variables_point_at_is_allocated_there),
        cmocka_unit_test(threads_fork_at_the_same_time),
        cmocka_unit_test(a_thread_that_blocks_every_signal_does_not_stop_the_fork),
        cmocka_unit_test(untouched_ram_is_not_copied),
        cmocka_unit_test(a_child_without_a_copy_is_told_so_and_can_still_exec),
        cmocka_unit_test(a_fork_before_the_boot_leaves_both_free_to_boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
