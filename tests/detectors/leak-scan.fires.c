/* SPDX-License-Identifier: MIT */
/* detector: leaks: allocations that nothing leads to any more
 * level: QUARRY_OPTIONS="check=1 slab_debug=U"
 * run: program
 * soon: at quarry_leak_report()
 * expect: BUG: leak: nothing leads to 3 objects from one place any more
 *
 * Three records that point at each other in a circle; the program's last pointer to the circle is gone. */
#include <quarry/quarry.h>
#include <string.h>

struct record {
    struct record *next;
    char text[40];
};

static __attribute__((noinline)) void make_circle(void)
{
    struct record *record[3];

    for (int i = 0; i < 3; i++)
        record[i] = kzalloc(sizeof(*record[i]), GFP_KERNEL); /* site */
    for (int i = 0; i < 3; i++)
        record[i]->next = record[(i + 1) % 3];
}

/* What the call above left on the stack would still be a pointer. */
static __attribute__((noinline)) void wipe_stack(void)
{
    volatile char wiped[8192];

    memset((void *)wiped, 0, sizeof(wiped));
}

int main(void)
{
    make_circle();
    wipe_stack();
    return quarry_leak_report() == 3 ? 0 : 1;
}
