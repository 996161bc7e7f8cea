/* SPDX-License-Identifier: MIT */
/* What another CPU does between two steps of this one: at the first write that this thread makes to the
 * page in which a word lies.
 *
 * A look at a word and the change that follows it are a few instructions apart, too near for a second
 * thread to come between them on purpose. So the page is made read-only: the look succeeds, the write
 * faults, and before it is tried again the test does what the other CPU would have done. */
#ifndef TEST_MEANWHILE_H
#define TEST_MEANWHILE_H

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
    char *page;
    size_t size;
    void (*fn)(void *data);
    void *data;
    struct sigaction before;
    unsigned long times;
} meanwhile;

static void meanwhile_fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if ((uintptr_t)info->si_addr - (uintptr_t)meanwhile.page >= meanwhile.size ||
        mprotect(meanwhile.page, meanwhile.size, PROT_READ | PROT_WRITE) != 0)
        abort();
    sigaction(SIGSEGV, &meanwhile.before, NULL);
    meanwhile.times++;
    meanwhile.fn(meanwhile.data);
}

/* Once, from now on; nobody else may write to that page meanwhile. */
static inline void meanwhile_do(const void *word, void (*fn)(void *data), void *data)
{
    struct sigaction action = {.sa_sigaction = meanwhile_fault, .sa_flags = SA_SIGINFO};

    meanwhile.size = (size_t)sysconf(_SC_PAGESIZE);
    meanwhile.page = (char *)((uintptr_t)word & ~(uintptr_t)(meanwhile.size - 1));
    meanwhile.fn = fn;
    meanwhile.data = data;
    meanwhile.times = 0;
    if (sigaction(SIGSEGV, &action, &meanwhile.before) != 0 ||
        mprotect(meanwhile.page, meanwhile.size, PROT_READ) != 0)
        abort();
}

#endif
