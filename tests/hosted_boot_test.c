/* SPDX-License-Identifier: MIT */
/* The default machine: booted by first use or by name, from good and bad descriptions. A process
 * boots at most one, so each test does it in a child. */
#define _GNU_SOURCE
#include "machine.h"
#include "child.h"
#include "hosted.h"
#include "sanitizer.h"
#include <errno.h>
#include <pthread.h>
#include <quarry/quarry.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MIB (1024ul * 1024)

/* ---- what a process has of the host ---------------------------------------------------------- */

static unsigned int count_lines(const char *path, const char *needle)
{
    FILE *file = fopen(path, "r");
    char line[512];
    unsigned int nr = 0;
    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file))
        nr += strstr(line, needle) != NULL;
    fclose(file);
    return nr;
}

static unsigned int memory_files_open(void)
{
    unsigned int nr = 0;
    int fd;
    for (fd = 0; fd < 256; fd++) {
        char path[64], target[128] = "";
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (readlink(path, target, sizeof(target) - 1) > 0)
            nr += strstr(target, "quarry-ram") != NULL;
    }
    return nr;
}

/* ---- first use ------------------------------------------------------------------------------- */

static void body_first_use(const void *data)
{
    char *p;
    (void)data;
    setenv("QUARRY_RAM", "64M", 1);
    CHILD_CHECK(!quarry_booted());
    p = kmalloc(100, GFP_KERNEL);
    CHILD_CHECK(p);
    memset(p, 1, 100);
    kfree(p);
    CHILD_CHECK(quarry_booted());
    CHILD_CHECK(get_num_physpages() == 64 * MIB / PAGE_SIZE);
    CHILD_CHECK(quarry_boot(NULL) == -EBUSY);
    CHILD_CHECK(quarry_check_all() == 0);
}

static void the_first_call_boots_the_machine(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_first_use, NULL)));
}

static void body_first_use_in_atomic_context(const void *data)
{
    void *p;
    (void)data;
    setenv("QUARRY_CHECK", "1", 1);
    quarry_context_enter(QUARRY_CTX_SPINLOCK);
    p = kmalloc(100, GFP_ATOMIC);
    CHILD_CHECK(p);
    CHILD_CHECK(quarry_findings(QUARRY_FINDING_KINDS) == 0);
    CHILD_CHECK(kmalloc(100, GFP_KERNEL)); /* the context is still what it was */
    CHILD_CHECK(quarry_findings(QUARRY_BAD_CONTEXT) == 1);
    quarry_context_leave(QUARRY_CTX_SPINLOCK);
    kfree(p);
}

static void a_first_call_in_atomic_context_is_no_finding(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_first_use_in_atomic_context, NULL)));
}

static pthread_barrier_t race_start;

static void *race_thread(void *data)
{
    void *p;
    (void)data;
    pthread_barrier_wait(&race_start);
    p = kmalloc(64, GFP_KERNEL);
    CHILD_CHECK(p);
    kfree(p);
    return NULL;
}

static void body_race(const void *data)
{
    pthread_t thread[16];
    unsigned int i;
    (void)data;
    setenv("QUARRY_RAM", "64M", 1);
    pthread_barrier_init(&race_start, NULL, 16);
    for (i = 0; i < 16; i++)
        CHILD_CHECK(pthread_create(&thread[i], NULL, race_thread, NULL) == 0);
    for (i = 0; i < 16; i++)
        pthread_join(thread[i], NULL);
    CHILD_CHECK(memory_files_open() == 1);
    CHILD_CHECK(quarry_check_all() == 0);
}

static void sixteen_threads_boot_it_exactly_once(void **state)
{
    unsigned int i;
    (void)state;
    for (i = 0; i < 10; i++)
        assert_true(child_exited_well(child_run(body_race, NULL)));
}

/* ---- by name --------------------------------------------------------------------------------- */

static void body_explicit(const void *data)
{
    struct quarry_machine machine = {.ram_bytes = 32 * MIB, .cpus = 4, .options = "check=1"};
    (void)data;
    setenv("QUARRY_RAM", "64M", 1);
    CHILD_CHECK(quarry_boot(&machine) == 0);
    CHILD_CHECK(get_num_physpages() == 32 * MIB / PAGE_SIZE);
    CHILD_CHECK(quarry_default.check.level == 1);
    CHILD_CHECK(quarry_default.cpus.nr_max == 4);
    CHILD_CHECK(quarry_boot(&machine) == -EBUSY);
}

static void an_explicit_boot_wins_over_the_environment(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_explicit, NULL)));
}

static void body_environment(const void *data)
{
    struct page *page;
    (void)data;
    setenv("QUARRY_RAM", "128M", 1);
    setenv("QUARRY_NODES", "2", 1);
    setenv("QUARRY_CPUS", "7", 1);
    setenv("QUARRY_CHECK", "2", 1);
    setenv("QUARRY_OPTIONS", "min_free_kbytes=512", 1);
    CHILD_CHECK(quarry_boot(NULL) == 0);
    CHILD_CHECK(quarry_default.cpus.nr_max == 7);
    CHILD_CHECK(quarry_default.check.level == 2);
    CHILD_CHECK(quarry_default.zones.min_free_kbytes == 512);
    page = alloc_pages_node(1, GFP_KERNEL | __GFP_THISNODE, 0);
    CHILD_CHECK(page && page_to_nid(page) == 1);
    CHILD_CHECK(page_to_phys(page) >= 64 * MIB);
    __free_pages(page, 0);
}

static void the_environment_describes_what_the_caller_left_open(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_environment, NULL)));
}

/* ---- bad descriptions ------------------------------------------------------------------------ */

struct bad {
    const char *name, *value; /* environment */
    int error;
    const char *text; /* in the message */
};

static const struct bad bad_values[] = {
    {"QUARRY_RAM", "12X", -EINVAL, "QUARRY_RAM=12X"},
    {"QUARRY_RAM", "lots", -EINVAL, "QUARRY_RAM=lots"},
    {"QUARRY_RAM", "-1", -EINVAL, "QUARRY_RAM=-1"},
    {"QUARRY_RAM", "0", -ENOMEM, "RAM"},
    {"QUARRY_RAM", "4000", -ENOMEM, "RAM"},
    {"QUARRY_RAM", "100000T", -EINVAL, "physical address"},
#if !TEST_THREAD_SANITIZER /* whose shadow leaves no room for so many addresses */
    {"QUARRY_RAM", "16T", -EINVAL, "16 TiB"},
#endif
    {"QUARRY_CPUS", "0", -EINVAL, "QUARRY_CPUS=0"},
    {"QUARRY_CPUS", "-3", -EINVAL, "QUARRY_CPUS=-3"},
    {"QUARRY_CPUS", "99999999999999999999", -EINVAL, "QUARRY_CPUS"},
    {"QUARRY_NODES", "9", -EINVAL, "QUARRY_NODES=9"},
    {"QUARRY_NODES", "two", -EINVAL, "QUARRY_NODES=two"},
    {"QUARRY_CHECK", "4", -EINVAL, "QUARRY_CHECK=4"},
    {"QUARRY_PROFILE", "sparc", -EINVAL, "sparc"},
    {"QUARRY_OPTIONS", "bogus=1", -EINVAL, "bogus"},
    {"QUARRY_OPTIONS", "failslab=sometimes", -EINVAL, "failslab"},
};

static void body_bad_explicit(const void *data)
{
    const struct bad *bad = data;
    unsigned int files = memory_files_open(), maps = count_lines("/proc/self/maps", "quarry-ram");
    int error;
    setenv(bad->name, bad->value, 1);
    error = quarry_boot(NULL);
    if (error != bad->error)
        fprintf(stderr, "got %d: ", error);
    CHILD_CHECK(error == bad->error);
    CHILD_CHECK(strstr(quarry_boot_error(), bad->text));
    CHILD_CHECK(!quarry_booted());
    CHILD_CHECK(memory_files_open() == files);
    CHILD_CHECK(count_lines("/proc/self/maps", "quarry-ram") == maps);
    unsetenv(bad->name);
    setenv("QUARRY_RAM", "32M", 1);
    CHILD_CHECK(quarry_boot(NULL) == 0); /* nothing was left behind that would be in the way */
    kfree(kmalloc(10, GFP_KERNEL));
}

static void body_bad_implicit(const void *data)
{
    const struct bad *bad = data;
    signal(SIGABRT, SIG_DFL);
    setenv(bad->name, bad->value, 1);
    kfree(kmalloc(10, GFP_KERNEL));
}

static void bad_values_are_refused_with_a_reason_and_leave_nothing_behind(void **state)
{
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(bad_values) / sizeof(bad_values[0]); i++) {
        int status = child_run(body_bad_explicit, &bad_values[i]);
        assert_true(child_exited_well(status));
        assert_non_null(strstr(child_text, "cannot be booted"));
        assert_non_null(strstr(child_text, bad_values[i].text));
    }
}

static void a_failed_implicit_boot_says_why_and_aborts(void **state)
{
    size_t i;
    (void)state;
    for (i = 0; i < sizeof(bad_values) / sizeof(bad_values[0]); i++) {
        int status = child_run(body_bad_implicit, &bad_values[i]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
        assert_non_null(strstr(child_text, bad_values[i].text));
    }
}

/* ---- memory maps ----------------------------------------------------------------------------- */

static void body_small(const void *data)
{
    struct quarry_machine machine = {.ram_bytes = 300 * 1024};
    int error = quarry_boot(&machine);
    (void)data;
    if (error) {
        CHILD_CHECK(error == -ENOMEM);
        CHILD_CHECK(strlen(quarry_boot_error()) > 10);
        CHILD_CHECK(memory_files_open() == 0);
        machine.ram_bytes = 16 * MIB;
        CHILD_CHECK(quarry_boot(&machine) == 0);
    }
    kfree(kmalloc(10, GFP_KERNEL));
    CHILD_CHECK(quarry_check_all() == 0);
}

static void a_300_kib_machine_boots_or_says_why_not(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_small, NULL)));
}

static void body_no_memory(const void *data)
{
    struct quarry_region nothing = {.start = 0, .size = 0};
    struct quarry_region reserved = {.start = 0, .size = 64 * MIB, .flags = QUARRY_REGION_RESERVED};
    struct quarry_machine machine = {.regions = &nothing, .nr_regions = 1};
    (void)data;
    CHILD_CHECK(quarry_boot(&machine) == -ENOMEM);
    CHILD_CHECK(strlen(quarry_boot_error()) > 10);
    machine.regions = &reserved;
    CHILD_CHECK(quarry_boot(&machine) == -ENOMEM);
    CHILD_CHECK(memory_files_open() == 0);
}

static void a_machine_without_memory_is_refused(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_no_memory, NULL)));
}

static void body_overlap(const void *data)
{
    const struct quarry_region map[] = {
        {.start = 32 * MIB, .size = 32 * MIB},
        {.start = 0, .size = 48 * MIB},
        {.start = 40 * MIB, .size = 2 * MIB, .flags = QUARRY_REGION_RESERVED},
        {.start = 96 * MIB, .size = 5 * MIB + 17},
    };
    struct quarry_machine machine = {.regions = map, .nr_regions = 4};
    unsigned long i, nr = 0;
    struct page *page, *list = NULL;
    (void)data;
    CHILD_CHECK(quarry_boot(&machine) == 0);
    CHILD_CHECK(get_num_physpages() == 69 * MIB / PAGE_SIZE);
    CHILD_CHECK(pfn_valid(100 * MIB / PAGE_SIZE));
    CHILD_CHECK(!pfn_valid(70 * MIB / PAGE_SIZE));
    CHILD_CHECK(!pfn_valid(101 * MIB / PAGE_SIZE));
    /* Take everything: no frame of the reserved range and none twice. */
    while ((page = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, 0)) != NULL) {
        phys_addr_t phys = page_to_phys(page);
        CHILD_CHECK(phys < 40 * MIB || phys >= 42 * MIB);
        CHILD_CHECK(phys < 64 * MIB || (phys >= 96 * MIB && phys < 101 * MIB));
        CHILD_CHECK(page->private == 0);
        page->private = (unsigned long)list | 1;
        *(unsigned long *)page_address(page) = page_to_pfn(page);
        list = page;
        nr++;
    }
    CHILD_CHECK(nr > 60 * MIB / PAGE_SIZE);
    for (i = 0; i < nr; i++) {
        page = list;
        list = (struct page *)(page->private & ~1ul);
        CHILD_CHECK(*(unsigned long *)page_address(page) == page_to_pfn(page));
        page->private = 0;
        __free_pages(page, 0);
    }
    CHILD_CHECK(quarry_check_all() == 0);
}

static void overlapping_regions_and_holes_are_sorted_out(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_overlap, NULL)));
}

/* ---- costs and endings ----------------------------------------------------------------------- */

static void body_sparse(const void *data)
{
    struct quarry_machine machine = {.ram_bytes = 64ull << 30};
    struct stat file;
    (void)data;
    CHILD_CHECK(quarry_boot(&machine) == 0);
    CHILD_CHECK(fstat(hosted_default_ram()->fd, &file) == 0);
    CHILD_CHECK(file.st_size == (off_t)machine.ram_bytes);
    CHILD_CHECK((unsigned long)file.st_blocks * 512 < 32 * MIB);
}

static void ram_costs_nothing_until_touched(void **state)
{
    (void)state;
    assert_true(child_exited_well(child_run(body_sparse, NULL)));
}

static void body_closed(const void *data)
{
    int fd;
    (void)data;
    signal(SIGABRT, SIG_DFL);
    setenv("QUARRY_RAM", "64M", 1);
    CHILD_CHECK(quarry_boot(NULL) == 0);
    fd = hosted_default_ram()->fd;
    close(fd);
    CHILD_CHECK(dup2(STDERR_FILENO, fd) == fd); /* the number is another file's now */
    kfree(kmalloc(100, GFP_KERNEL));
    vfree(vmalloc(1 * MIB));
}

static void a_memory_file_closed_behind_its_back_is_noticed(void **state)
{
    int status;
    (void)state;
    status = child_run(body_closed, NULL);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(child_text, "closed the descriptor"));
}

static void sizes_are_read_with_their_units(void **state)
{
    uint64_t bytes = 0;
    (void)state;
    assert_true(quarry_parse_size("512M", &bytes));
    assert_int_equal(bytes, 512 * MIB);
    assert_true(quarry_parse_size("300K", &bytes));
    assert_int_equal(bytes, 300 * 1024);
    assert_true(quarry_parse_size("1048576", &bytes));
    assert_int_equal(bytes, MIB);
    assert_false(quarry_parse_size("", &bytes));
    assert_false(quarry_parse_size("12Q", &bytes));
    assert_false(quarry_parse_size("99999999999999999999", &bytes));
    assert_false(quarry_parse_size("99999999999999T", &bytes));
    assert_false(quarry_parse_size(NULL, &bytes));
}

/* docs/limits.md, "Sizes": frames have 32-bit numbers, the last of which is none. */
#define LARGEST_RAM "16383G"
#define LARGEST_RESIDENT_KIB (64l << 10)

static void largest_child(const void *data)
{
    struct rusage used;
    unsigned int nr = 0;
    struct page *page;
    void *block;

    (void)data;
    setenv("QUARRY_RAM", LARGEST_RAM, 1);
    block = kmalloc(100, GFP_KERNEL);
    for (; nr < 1000 && (page = alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER)) != NULL; nr++)
        *(char *)page_address(page) = 1;
    CHILD_CHECK(block && nr == 1000);
    kfree(block);
    CHILD_CHECK(getrusage(RUSAGE_SELF, &used) == 0);
    CHILD_CHECK(used.ru_maxrss < LARGEST_RESIDENT_KIB);
}

/* Memory and descriptors cost nothing until they are touched. Sanitizers' own memory leaves no room for as
 * many addresses. */
static void the_largest_machine_is_as_large_as_stated(void **state)
{
    (void)state;
    if (TEST_ADDRESS_SANITIZER || TEST_THREAD_SANITIZER)
        skip();
    assert_true(child_exited_well(child_run(largest_child, NULL)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_call_boots_the_machine),
        cmocka_unit_test(a_first_call_in_atomic_context_is_no_finding),
        cmocka_unit_test(sixteen_threads_boot_it_exactly_once),
        cmocka_unit_test(an_explicit_boot_wins_over_the_environment),
        cmocka_unit_test(the_environment_describes_what_the_caller_left_open),
        cmocka_unit_test(bad_values_are_refused_with_a_reason_and_leave_nothing_behind),
        cmocka_unit_test(a_failed_implicit_boot_says_why_and_aborts),
        cmocka_unit_test(a_300_kib_machine_boots_or_says_why_not),
        cmocka_unit_test(a_machine_without_memory_is_refused),
        cmocka_unit_test(overlapping_regions_and_holes_are_sorted_out),
        cmocka_unit_test(ram_costs_nothing_until_touched),
        cmocka_unit_test(a_memory_file_closed_behind_its_back_is_noticed),
        cmocka_unit_test(sizes_are_read_with_their_units),
        cmocka_unit_test(the_largest_machine_is_as_large_as_stated),
    };
    static const char *const variables[] = {"QUARRY_RAM",   "QUARRY_PROFILE", "QUARRY_CPUS",
                                            "QUARRY_NODES", "QUARRY_CHECK",   "QUARRY_OPTIONS"};
    size_t i;
    for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        unsetenv(variables[i]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
