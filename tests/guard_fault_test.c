/* SPDX-License-Identifier: MIT */
/* Real faults at guard pages, each in a process of its own: they are reported, the program goes on,
 * and other faults reach whoever handled them before. */
#define _GNU_SOURCE
#include "machine.h"
#include "child.h"
#include "sanitizer.h"
#include <quarry/quarry.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Written in a fault handler, in the middle of this program's own accesses. */
static volatile unsigned int heard;
static volatile enum quarry_finding heard_kind;
static volatile unsigned int heard_frames;
static volatile bool heard_also;

static bool hear(const struct quarry_report *report, void *data)
{
    heard++;
    heard_kind = report->kind;
    heard_frames = report->now->nr;
    heard_also = report->also && report->also->nr && report->before && report->before->nr;
    return false;
}

/* @data is the function whose answer is the child's exit status. */
static void child_body(const void *data)
{
    _exit(((int (*)(void))(uintptr_t)data)());
}

static void run_in_child(int (*body)(void))
{
    assert_true(child_exited_well(child_run(child_body, (const void *)(uintptr_t)body)));
}

static void begin(void)
{
    struct quarry_machine machine = {.options = "kfence.every=1 kfence.num_objects=16"};

    quarry_set_report_hook(hear, NULL);
    CHILD_CHECK(quarry_boot(&machine) == 0);
}

static int go_on_after_faults(void)
{
    volatile char *page;

    begin();
    page = kmalloc(PAGE_SIZE, GFP_KERNEL);
    page[PAGE_SIZE] = 1;
    page[PAGE_SIZE + 1] = 1; /* the page is there now */
    if (heard != 1 || heard_kind != QUARRY_OVERRUN || !heard_frames)
        return 1;
    if (page[-1] != 0 || heard != 2)
        return 2;
    kfree((void *)page);
    page[8] = 1;
    if (heard != 3 || heard_kind != QUARRY_USE_AFTER_FREE || !heard_also)
        return 3;
    return page[8] == 1 ? 0 : 4;
}

static void a_program_goes_on_after_its_faults(void **state)
{
    run_in_child(go_on_after_faults);
}

static sigjmp_buf jump;

static void own_handler(int number, siginfo_t *info, void *context)
{
    siglongjmp(jump, 1);
}

static int others_reach_the_old_handler(void)
{
    struct sigaction action = {.sa_sigaction = own_handler, .sa_flags = SA_SIGINFO};
    volatile char *nowhere = (volatile char *)16;

    sigaction(SIGSEGV, &action, NULL);
    begin();
    if (sigsetjmp(jump, 1) == 0) {
        *nowhere = 1;
        return 1;
    }
    return heard;
}

static void other_faults_reach_the_handler_before(void **state)
{
    run_in_child(others_reach_the_old_handler);
}

static int end_by_signal(void)
{
    volatile char *nowhere = (volatile char *)16;
    pid_t child;
    int status;

    signal(SIGSEGV, SIG_DFL); /* not the test library's */
    begin();
    child = fork();
    if (child == 0) {
        *nowhere = 1;
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child)
        return 1;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV ? 0 : 2;
}

static void other_faults_end_the_process_as_ever(void **state)
{
    if (TEST_ADDRESS_SANITIZER || TEST_THREAD_SANITIZER)
        skip(); /* they end it in their own way */
    run_in_child(end_by_signal);
}

static int a_child_has_guards_too(void)
{
    volatile char *old, *kept;
    pid_t child;
    int status;

    begin();
    old = kmalloc(PAGE_SIZE, GFP_KERNEL);
    kept = kmalloc(PAGE_SIZE, GFP_KERNEL);
    kept[0] = 7;
    kfree((void *)old);
    child = fork();
    if (child == 0) {
        if (kept[0] != 7 || heard)
            _exit(1);
        old[0] = 1;
        _exit(heard == 1 && heard_kind == QUARRY_USE_AFTER_FREE ? 0 : 2);
    }
    if (waitpid(child, &status, 0) != child || status)
        return WIFEXITED(status) ? WEXITSTATUS(status) : 9;
    return heard;
}

static void a_forked_child_has_the_guards_too(void **state)
{
    run_in_child(a_child_has_guards_too);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_goes_on_after_its_faults),
        cmocka_unit_test(other_faults_reach_the_handler_before),
        cmocka_unit_test(other_faults_end_the_process_as_ever),
        cmocka_unit_test(a_forked_child_has_the_guards_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
