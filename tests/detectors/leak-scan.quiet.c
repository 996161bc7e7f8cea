/* SPDX-License-Identifier: MIT */
/* detector: leaks: allocations that nothing leads to any more
 * level: QUARRY_OPTIONS="check=1 slab_debug=U"
 * run: program
 * soon: at quarry_leak_report()
 *
 * The same circle, three times: known by a pointer into its middle, by one on the stack, and by one that
 * is kept in another form and therefore marked. */
#include <quarry/quarry.h>
#include <string.h>

struct record {
    struct record *next;
    char text[40];
};

static const char *text;
static unsigned long hidden;

static __attribute__((noinline)) struct record *make_circle(void)
{
    struct record *record[3];

    for (int i = 0; i < 3; i++)
        record[i] = kzalloc(sizeof(*record[i]), GFP_KERNEL);
    for (int i = 0; i < 3; i++)
        record[i]->next = record[(i + 1) % 3];
    return record[0];
}

static __attribute__((noinline)) void hide(struct record *record)
{
    hidden = ~(unsigned long)record;
    kmemleak_not_leak(record);
}

static __attribute__((noinline)) void wipe_stack(void)
{
    volatile char wiped[8192];

    memset((void *)wiped, 0, sizeof(wiped));
}

int main(void)
{
    struct record *volatile local;

    text = make_circle()->next->text;
    hide(make_circle());
    local = make_circle();
    wipe_stack();
    return quarry_leak_report() == 0 && local && text && hidden ? 0 : 1;
}
