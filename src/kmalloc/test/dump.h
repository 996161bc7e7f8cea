/* SPDX-License-Identifier: MIT */
/* What kmem_dump_obj says of an address, as a text. */
#ifndef KMALLOC_TEST_DUMP_H
#define KMALLOC_TEST_DUMP_H

#include "console.h"
#include "machine.h"

/* The console's words, until the next call; @known: whether it is memory of this machine. */
static inline const char *dump_of(struct quarry *q, const void *address, bool known)
{
    static struct test_console console;
    bool answer;

    test_console_begin(&console);
    answer = qr_kmalloc_dump(&q->kmalloc, address);
    test_console_end(&console);
    assert_int_equal(answer, known);
    return console.text;
}

#endif
