/* SPDX-License-Identifier: MIT */
/* For the coverage build (tools/coverage.sh), which links it into every program: one that leaves by
 * _exit or abort, as a test's forked child and `quarry run` do, writes its counters first.
 *
 * gcov writes them when exit runs a program's destructors, which these two ways pass by. The linker
 * sends the calls of either here (--wrap), so that neither the tests nor the command need to know. What
 * parent and child did before the fork is counted by both. */
#include <unistd.h>

void __gcov_dump(void);
void __real__exit(int status) __attribute__((noreturn));
void __real_abort(void) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));
void __wrap_abort(void) __attribute__((noreturn));

void __wrap__exit(int status)
{
    __gcov_dump();
    __real__exit(status);
}

void __wrap_abort(void)
{
    __gcov_dump();
    __real_abort();
}
