/* SPDX-License-Identifier: MIT */
/* The leak scan: what is lost is found, also in circles, and what the program can still reach in any way that
 * shows is not taken for lost. */
#include <quarry/quarry.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "sanitizer.h"

struct item {
    struct item *next, *other;
    unsigned long value;
};

static void *keep; /* the program's variable */
static uintptr_t hidden[512];

/* Addresses that a test remembers must not be roots by that. */
static uintptr_t hide(const void *address)
{
    return ~(uintptr_t)address;
}

static void *unhide(uintptr_t word)
{
    return (void *)~word;
}

/* Call @fn so far down the stack that nothing it leaves there lies in a frame that is in use later. */
static __attribute__((noinline)) void deep(void (*fn)(void))
{
    volatile char distance[32768];

    __asm__ volatile("" : : "r"(distance) : "memory");
    fn();
    __asm__ volatile("" : : "r"(distance) : "memory");
}

static void (*hidden_call)(const void *);
static int hidden_at;

static void call_on_hidden(void)
{
    hidden_call(unhide(hidden[hidden_at]));
}

static void on_hidden(void (*call)(const void *), int at)
{
    hidden_call = call;
    hidden_at = at;
    deep(call_on_hidden);
}

static struct {
    unsigned long nr;
    uint64_t bytes;
    uintptr_t hidden[64];
    unsigned int traced;
} lost;

static bool note_lost(const struct quarry_live *live, void *data)
{
    if (lost.nr < 64)
        lost.hidden[lost.nr] = hide(live->address);
    lost.nr++;
    lost.bytes += live->size;
    lost.traced += live->allocated.nr > 0;
    assert_true(live->lost);
    return true;
}

static __attribute__((noinline)) long scan(void)
{
    memset(&lost, 0, sizeof(lost));
    return quarry_leak_scan(note_lost, NULL);
}

static bool was_lost(uintptr_t word)
{
    for (unsigned long i = 0; i < lost.nr && i < 64; i++) {
        if (lost.hidden[i] == word)
            return true;
    }
    return false;
}

/* ---- what is lost ---------------------------------------------------------------------------- */

static void lose_one_of_each(void)
{
    hidden[0] = hide(kmalloc(100, GFP_KERNEL));
    hidden[1] = hide((void *)__get_free_pages(GFP_KERNEL, 2));
    hidden[2] = hide(vmalloc(3 * PAGE_SIZE));
    hidden[3] = hide(kmalloc(100000, GFP_KERNEL));
    hidden[4] = hide(alloc_pages_exact(3 * PAGE_SIZE, GFP_KERNEL));
}

static void free_lost_pages(void)
{
    free_pages((unsigned long)unhide(hidden[1]), 2);
    free_pages_exact(unhide(hidden[4]), 3 * PAGE_SIZE);
}

static void each_kind_of_allocation_is_found(void **state)
{
    deep(lose_one_of_each);
    assert_int_equal(scan(), 7); /* the exact block is three single pages */
    for (int i = 0; i < 5; i++)
        assert_true(was_lost(hidden[i]));
    assert_int_equal(lost.traced, 7);
    assert_int_equal(lost.bytes, 100 + 4 * PAGE_SIZE + 3 * PAGE_SIZE + 131072 + 3 * PAGE_SIZE);
    on_hidden(kfree, 0);
    on_hidden(vfree, 2);
    on_hidden(kfree, 3);
    deep(free_lost_pages);
    assert_int_equal(scan(), 0);
}

static void lose_a_circle(void)
{
    struct item *first = kzalloc(sizeof(*first), GFP_KERNEL);

    first->next = kzalloc(sizeof(*first), GFP_KERNEL);
    first->next->next = kzalloc(sizeof(*first), GFP_KERNEL);
    first->next->next->next = first;
    for (int i = 0; i < 3; i++, first = first->next)
        hidden[i] = hide(first);
}

static void keep_middle(void)
{
    keep = &((struct item *)unhide(hidden[1]))->value;
}

static void a_circle_that_nothing_leads_to_is_found(void **state)
{
    deep(lose_a_circle);
    assert_int_equal(scan(), 3);
    deep(keep_middle);
    assert_int_equal(scan(), 0);
    keep = NULL;
    for (int i = 0; i < 3; i++)
        on_hidden(kfree, i);
}

/* ---- what is not ----------------------------------------------------------------------------- */

static void build_list(void)
{
    for (int i = 0; i < 5000; i++) {
        struct item *item = kzalloc(sizeof(*item), GFP_KERNEL);
        item->next = keep;
        keep = item;
    }
}

static void free_list(void)
{
    while (keep) {
        struct item *item = keep;
        keep = item->next;
        kfree(item);
    }
}

static struct item **row;

static void build_tree(void)
{
    row = vmalloc(2000 * sizeof(*row));
    for (int i = 0; i < 2000; i++)
        row[i] = kzalloc(sizeof(**row), GFP_KERNEL);
    for (int i = 1; i < 2000; i++)
        *(i % 2 ? &row[(i - 1) / 2]->next : &row[(i - 1) / 2]->other) = row[i];
    keep = row[0];
    for (int i = 0; i < 2000; i++)
        row[i] = (void *)hide(row[i]);
}

static void free_tree(void)
{
    for (int i = 0; i < 2000; i++)
        kfree(unhide((uintptr_t)row[i]));
    vfree(row);
    keep = row = NULL;
}

static void **pointers;

/* Many from one place: the queue of the scan is shorter than this row. */
static void build_row(void)
{
    pointers = vmalloc(2000 * sizeof(*pointers));
    for (int i = 0; i < 2000; i++) {
        struct item *item = kzalloc(sizeof(*item), GFP_KERNEL);
        item->next = kzalloc(sizeof(*item), GFP_KERNEL);
        pointers[i] = item;
    }
}

static void free_row(void)
{
    for (int i = 0; i < 2000; i++) {
        kfree(((struct item *)pointers[i])->next);
        kfree(pointers[i]);
    }
    vfree(pointers);
    pointers = NULL;
}

static void lists_trees_and_rows_are_followed(void **state)
{
    deep(build_list);
    assert_int_equal(scan(), 0);
    deep(free_list);
    deep(build_tree);
    assert_int_equal(scan(), 0);
    keep = NULL;
    assert_int_equal(scan(), 2000);
    deep(free_tree);
    deep(build_row);
    assert_int_equal(scan(), 0);
    deep(free_row);
    assert_int_equal(scan(), 0);
}

static struct page *page, *several;
static unsigned long inside;
static void *mapping;

static void take_pages(void)
{
    page = alloc_pages(GFP_KERNEL, 3);
    several = alloc_pages(GFP_KERNEL | __GFP_COMP, 1) + 1; /* a tail */
    inside = __get_free_page(GFP_KERNEL) + 100;
}

static void map_page(void)
{
    mapping = vmap(&page, 1, VM_MAP, PAGE_KERNEL);
    hidden[0] = hide(page);
    page = NULL;
}

static void unmap_page(void)
{
    vunmap(mapping);
    mapping = NULL;
}

static void give_pages(void)
{
    __free_pages(unhide(hidden[0]), 3);
    __free_pages(several - 1, 1);
    free_page(inside - 100);
    several = NULL;
    inside = 0;
}

static void pages_are_reached_by_address_descriptor_and_mapping(void **state)
{
    deep(take_pages);
    assert_int_equal(scan(), 0);
    deep(map_page);
    assert_int_equal(scan(), 0); /* through what vmap shows */
    deep(unmap_page);
    assert_int_equal(scan(), 1);
    deep(give_pages);
    assert_int_equal(scan(), 0);
}

static int constructed;
static void construct(void *object)
{
    constructed++;
    memset(object, 0, sizeof(struct item));
}

static struct kmem_cache *cache;
static struct item *item;

static void take_constructed(void)
{
    cache = kmem_cache_create("constructed", sizeof(struct item), 0, 0, construct);
    item = kmem_cache_alloc(cache, GFP_KERNEL);
    item->next = kmem_cache_alloc(cache, GFP_KERNEL);
    hidden[0] = hide(item->next);
}

static void free_first(void)
{
    kmem_cache_free(cache, item);
    item = NULL;
}

/* Free objects of a cache, constructed and with old content, lead nowhere and are nobody's finding. */
static void caches_with_constructors(void **state)
{
    deep(take_constructed);
    assert_true(constructed > 2);
    assert_int_equal(scan(), 0);
    deep(free_first); /* constructed caches keep what free objects hold */
    assert_int_equal(scan(), 1);
    assert_true(was_lost(hidden[0]));
    on_hidden(kfree, 0);
    kmem_cache_destroy(cache);
}

/* ---- other threads --------------------------------------------------------------------------- */

static pthread_barrier_t meet, end;
static volatile bool leave;

static void take_hidden(void)
{
    hidden[0] = hide(kmalloc(200, GFP_KERNEL));
}

static void take_other(void)
{
    hidden[1] = hide(kmalloc(300, GFP_KERNEL));
}

/* The only pointer is in a register that the loop keeps it in. */
static void *hold_in_register(void *unused)
{
    char *object;

    deep(take_hidden);
    object = unhide(hidden[0]);
    pthread_barrier_wait(&meet);
    while (!leave)
        __asm__ volatile("" : "+r"(object));
    kfree(object);
    return unused;
}

/* The only pointer is a variable of a function that waits. */
static void *hold_on_stack(void *unused)
{
    void *volatile object;

    deep(take_other);
    object = unhide(hidden[1]);
    pthread_barrier_wait(&meet);
    pthread_barrier_wait(&end);
    assert_non_null(object);
    object = NULL;
    pthread_barrier_wait(&meet);
    pthread_barrier_wait(&end);
    on_hidden(kfree, 1);
    return unused;
}

static void stacks_and_registers_of_threads_count(void **state)
{
    pthread_t thread[2];

#if TEST_THREAD_SANITIZER
    skip(); /* nobody is stopped then; see ports/hosted/gate.c */
#endif
    pthread_barrier_init(&meet, NULL, 3);
    pthread_barrier_init(&end, NULL, 2);
    assert_int_equal(pthread_create(&thread[0], NULL, hold_in_register, NULL), 0);
    assert_int_equal(pthread_create(&thread[1], NULL, hold_on_stack, NULL), 0);
    pthread_barrier_wait(&meet);
    for (int i = 0; i < 20; i++)
        assert_int_equal(scan(), 0);
    leave = true;
    pthread_join(thread[0], NULL);
    assert_int_equal(scan(), 0);
    pthread_barrier_destroy(&meet);
    pthread_barrier_init(&meet, NULL, 2);
    pthread_barrier_wait(&end);
    pthread_barrier_wait(&meet);
    assert_int_equal(scan(), 1); /* dropped by the thread that waits */
    pthread_barrier_wait(&end);
    pthread_join(thread[1], NULL);
}

/* ---- marks ----------------------------------------------------------------------------------- */

static void make_marked(void)
{
    struct item *root = kzalloc(sizeof(*root), GFP_KERNEL);

    root->next = kzalloc(sizeof(*root), GFP_KERNEL);
    hidden[0] = hide(root);
    hidden[1] = hide(root->next);
}

/* The memory that was marked, once more: caches hand out their places in turn. */
static void make_same(void)
{
    void *object = kmalloc(sizeof(struct item), GFP_KERNEL);

    while (hide(object) != hidden[0]) {
        kfree(object);
        object = kmalloc(sizeof(struct item), GFP_KERNEL);
    }
}

static void hidden_pointers_can_be_marked(void **state)
{
    deep(make_marked);
    assert_int_equal(scan(), 2);
    on_hidden(kmemleak_not_leak, 0);
    assert_int_equal(scan(), 0); /* and what it leads to */
    on_hidden(kmemleak_no_scan, 0);
    assert_int_equal(scan(), 1);
    assert_true(was_lost(hidden[1]));
    on_hidden(kmemleak_ignore, 1);
    assert_int_equal(scan(), 0);
    on_hidden(kfree, 0);
    on_hidden(kfree, 1);
    deep(make_same); /* marks go with the allocation */
    assert_int_equal(scan(), 1);
    on_hidden(kfree, 0);
    deep(make_marked);
    assert_int_equal(scan(), 2);
    on_hidden(kmemleak_free, 0);
    assert_int_equal(scan(), 1);
    on_hidden(kfree, 0);
    on_hidden(kfree, 1);
    assert_int_equal(quarry_findings(QUARRY_FINDING_KINDS), 0);
}

static void lose_an_area_and_pages(void)
{
    hidden[0] = hide(vmalloc(2 * PAGE_SIZE));
    hidden[1] = hide((void *)__get_free_pages(GFP_KERNEL, 1));
}

static void free_area_and_pages(void)
{
    vfree(unhide(hidden[0]));
    free_pages((unsigned long)unhide(hidden[1]), 1);
}

static void areas_and_pages_can_be_marked(void **state)
{
    deep(lose_an_area_and_pages);
    assert_int_equal(scan(), 2);
    on_hidden(kmemleak_not_leak, 0);
    assert_int_equal(scan(), 1);
    assert_true(was_lost(hidden[1]));
    on_hidden(kmemleak_ignore, 1);
    assert_int_equal(scan(), 0);
    deep(free_area_and_pages);
    deep(lose_an_area_and_pages);
    assert_int_equal(scan(), 2); /* not marked any more */
    deep(free_area_and_pages);
}

static bool note_place(const struct quarry_live *live, void *data)
{
    for (unsigned int i = 0; i < 3; i++)
        if (hidden[i] == hide(live->address))
            ((struct quarry_trace *)data)[i] = live->allocated;
    return true;
}

static bool trace_same(const struct quarry_trace *a, const struct quarry_trace *b)
{
    return a->nr == b->nr && memcmp(a->pc, b->pc, a->nr * sizeof(a->pc[0])) == 0;
}

static void lose_three(void)
{
    lose_an_area_and_pages();
    hidden[2] = hide(kmalloc(48, GFP_KERNEL));
}

/* Whoever hands memory on can make the place of the handing on the one that is shown. */
static void the_place_of_an_allocation_can_be_moved(void **state)
{
    static struct quarry_trace before[3], after[3];

    deep(lose_three);
    assert_int_equal(quarry_leak_scan(note_place, before), 3);
    for (int i = 0; i < 3; i++)
        on_hidden(kmemleak_update_trace, i);
    kmemleak_update_trace(NULL);
    kmemleak_update_trace(before); /* not Quarry's: nothing happens */
    assert_int_equal(quarry_leak_scan(note_place, after), 3);
    for (int i = 0; i < 3; i++) {
        assert_true(before[i].nr > 0 && after[i].nr > 0);
        assert_false(trace_same(&before[i], &after[i]));
    }
    assert_int_equal(quarry_findings(QUARRY_FINDING_KINDS), 0);
    deep(free_area_and_pages);
    on_hidden(kfree, 2);
}

static _Alignas(16) char pool[4][64];

static void register_pool(void)
{
    static const int order[] = {2, 0, 3, 1}; /* each finds its place among those before it */
    for (int i = 0; i < 4; i++)
        kmemleak_alloc(pool[order[i]], 64, order[i] < 3 ? 1 : 0, GFP_KERNEL);
    for (int i = 0; i < 4; i++)
        hidden[i] = hide(pool[i]);
    keep = pool[0] + 10;
}

static void lead_from_the_root(void)
{
    *(void **)(void *)pool[3] = pool[1]; /* a root, since no pointer need lead to it */
}

/* The test never names the pool: the compiler would keep its address in a register across the scans. */
static void foreign_memory_can_be_tracked(void **state)
{
    deep(register_pool);
    assert_int_equal(scan(), 2);
    assert_true(was_lost(hidden[1]) && was_lost(hidden[2]));
    deep(lead_from_the_root);
    assert_int_equal(scan(), 1);
    for (int i = 0; i < 4; i++)
        on_hidden(kmemleak_free, i);
    assert_int_equal(scan(), 0);
    keep = NULL;
}

static bool quiet(const struct quarry_report *report, void *text)
{
    snprintf(text, 256, "%s", report->text);
    return false;
}

static void a_mark_on_nothing_is_reported(void **state)
{
    char text[256] = "";
    char *object = kmalloc(64, GFP_KERNEL), *area = vmalloc(PAGE_SIZE);
    unsigned long before = quarry_findings(QUARRY_BAD_REQUEST);

    quarry_set_report_hook(quiet, text);
    kmemleak_not_leak(object + 8);
    kmemleak_not_leak(NULL);
    assert_int_equal(quarry_findings(QUARRY_BAD_REQUEST), before + 1);
    assert_non_null(strstr(text, "kmemleak_not_leak"));
    kmemleak_ignore(area + 8);
    assert_non_null(strstr(text, "kmemleak_ignore"));
    kmemleak_no_scan(area + PAGE_SIZE); /* the guard behind it: nobody's */
    assert_non_null(strstr(text, "kmemleak_no_scan"));
    kmemleak_transient_leak(&before);
    assert_non_null(strstr(text, "kmemleak_transient_leak"));
    quarry_set_report_hook(NULL, NULL);
    assert_int_equal(quarry_findings(QUARRY_BAD_REQUEST), before + 4);
    vfree(area);
    kfree(object);
}

/* ---- threads that have ended ------------------------------------------------------------------ */

/* Leave a pointer on this stack, below where the thread's last calls will come. */
static __attribute__((noinline)) void leave_on_stack(void *object)
{
    void *volatile left[512];

    for (int i = 0; i < 256; i++) /* the nearer half may lie in the frames of the end itself */
        left[i] = object;
    __asm__ volatile("" : : "r"(left) : "memory");
}

static void *lose_and_end(void *unused)
{
    void *object = kmalloc(100, GFP_KERNEL);

    hidden[0] = hide(object);
    leave_on_stack(object);
    return NULL;
}

/* The C library keeps the stack for the next thread. */
static void the_stack_of_a_thread_that_ended_keeps_nothing(void **state)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, lose_and_end, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(scan(), 1);
    assert_true(was_lost(hidden[0]));
    on_hidden(kfree, 0);
}

/* ---- reports --------------------------------------------------------------------------------- */

static void lose_in_two_places(void)
{
    volatile int nr = 5; /* unrolled, the loop would be five places */

    for (int i = 0; i < nr; i++)
        hidden[i] = hide(kmalloc(40, GFP_KERNEL));
    hidden[5] = hide(kmalloc(40, GFP_KERNEL));
}

struct told_leaks {
    unsigned long nr, ms;
};

static bool add_told(const struct quarry_report *report, void *data)
{
    struct told_leaks *told = data;
    unsigned long nr = 0, ms = 0;
    char text[256];
    const char *age = strstr(report->text, "together, ");

    assert_non_null(age);
    assert_int_equal(sscanf(report->text, "nothing leads to %lu", &nr), 1);
    assert_int_equal(sscanf(age, "together, %lu", &ms), 1);
    snprintf(text, sizeof(text),
             "nothing leads to %lu object%s from one place any more, %lu bytes together, %lu ms "
             "old; free them before the last pointer goes, or mark a hidden pointer with "
             "kmemleak_not_leak()",
             nr, nr == 1 ? "" : "s", 40 * nr, ms);
    assert_string_equal(report->text, text);
    assert_int_equal(report->kind, QUARRY_LEAK);
    assert_int_equal(report->size, 40);
    assert_string_equal(report->cache, "kmalloc-40");
    assert_string_equal(report->before_is, "allocated by");
    assert_true(report->before->nr > 0);
    told->nr += nr;
    told->ms = ms;
    return false;
}

static unsigned long ms_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned long)now.tv_sec * 1000 + (unsigned long)now.tv_nsec / 1000000;
}

static void leaks_are_reported_by_place(void **state)
{
    static char text[16384];
    struct told_leaks told = {0, 0}; /* what lay on the stack before would keep what it leads to */
    unsigned long before = quarry_findings(QUARRY_LEAK), begun = ms_now();

    deep(lose_in_two_places);
    usleep(5000);
    quarry_set_report_hook(add_told, &told);
    assert_int_equal(quarry_leak_report(), 6);
    quarry_set_report_hook(NULL, NULL);
    assert_int_equal(told.nr, 6);
    assert_true(told.ms >= 5 && told.ms <= ms_now() - begun + 1);
    assert_int_equal(quarry_findings(QUARRY_LEAK), before + 2);
    quarry_text(QUARRY_KMEMLEAK, text, sizeof(text));
    assert_non_null(strstr(text, "  5 from this place, 200 bytes, cache kmalloc-40, age "));
    assert_non_null(strstr(text, "  1 from this place, 40 bytes, cache kmalloc-40, age "));
    memset(text, 0, sizeof(text));
    assert_int_equal(scan(), 6); /* the report itself keeps nothing alive */
    for (int i = 0; i < 5; i++)
        on_hidden(kfree, i);
    told.nr = 0;
    quarry_set_report_hook(add_told, &told);
    assert_int_equal(quarry_leak_report(), 1);
    quarry_set_report_hook(NULL, NULL);
    assert_int_equal(told.nr, 1);
    on_hidden(kfree, 5);
    quarry_text(QUARRY_KMEMLEAK, text, sizeof(text));
    assert_string_equal(text, "");
}

#define MANY_PLACES 70
static struct kmem_cache *many[MANY_PLACES];

static void lose_in_many_places(void)
{
    for (int i = 0; i < MANY_PLACES; i++)
        hidden[i] = hide(kmem_cache_alloc(many[i], GFP_KERNEL));
}

static void more_places_than_there_is_room_for_are_summed_up(void **state)
{
    char name[32], last[256];
    unsigned long before = quarry_findings(QUARRY_LEAK);

    for (int i = 0; i < MANY_PLACES; i++) {
        snprintf(name, sizeof(name), "place-%d", i);
        many[i] = kmem_cache_create(name, 24, 0, 0, NULL);
    }
    deep(lose_in_many_places);
    quarry_set_report_hook(quiet, last);
    assert_int_equal(quarry_leak_report(), MANY_PLACES);
    quarry_set_report_hook(NULL, NULL);
    assert_int_equal(quarry_findings(QUARRY_LEAK), before + 65);
    assert_non_null(
        strstr(last, "nothing leads to 6 others any more, from places beyond these 64"));
    assert_non_null(strstr(last, " 144 bytes together"));
    for (int i = 0; i < MANY_PLACES; i++) {
        on_hidden(kfree, i);
        kmem_cache_destroy(many[i]);
    }
}

static int begin(void **state)
{
    static const struct quarry_machine machine = {
        .ram_bytes = 64 << 20, .options = "check=1 slab_debug=FZPU page_owner=1"};

    return quarry_boot(&machine);
}

/* The third: to the beginning of the pool AddressSanitizer's own tables lead, to the second the fourth. */
static void register_one(void)
{
    kmemleak_alloc(pool[2], 64, 1, GFP_KERNEL);
    hidden[0] = hide(pool[2]);
    keep = pool[2] + 63;
}

static void drop_it(void)
{
    keep = NULL;
}

static void a_single_foreign_block_is_followed_like_many(void **state)
{
    deep(register_one);
    assert_int_equal(scan(), 0);
    deep(drop_it);
    assert_int_equal(scan(), 1);
    assert_true(was_lost(hidden[0]));
    on_hidden(kmemleak_free, 0);
    assert_int_equal(scan(), 0);
}

static void make_leading(void)
{
    make_marked();
    keep = unhide(hidden[0]);
}

/* What holds no pointers can still be found by one. */
static void memory_without_pointers_is_reached_and_leads_nowhere(void **state)
{
    deep(make_leading);
    assert_int_equal(scan(), 0);
    on_hidden(kmemleak_no_scan, 0);
    assert_int_equal(scan(), 1);
    assert_true(was_lost(hidden[1]));
    on_hidden(kmemleak_no_scan, 1);
    on_hidden(kmemleak_ignore, 1);
    assert_int_equal(scan(), 0);
    deep(drop_it);
    assert_int_equal(scan(), 1);
    assert_true(was_lost(hidden[0]));
    on_hidden(kfree, 0);
    on_hidden(kfree, 1);
}

int main(void)
{
#if TEST_THREAD_SANITIZER
    puts("skipped: the race detector's memory keeps copies of pointers, and no thread is stopped");
    return 0;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_allocation_is_found),
        cmocka_unit_test(a_circle_that_nothing_leads_to_is_found),
        cmocka_unit_test(lists_trees_and_rows_are_followed),
        cmocka_unit_test(pages_are_reached_by_address_descriptor_and_mapping),
        cmocka_unit_test(caches_with_constructors),
        cmocka_unit_test(stacks_and_registers_of_threads_count),
        cmocka_unit_test(the_stack_of_a_thread_that_ended_keeps_nothing),
        cmocka_unit_test(hidden_pointers_can_be_marked),
        cmocka_unit_test(areas_and_pages_can_be_marked),
        cmocka_unit_test(the_place_of_an_allocation_can_be_moved),
        cmocka_unit_test(foreign_memory_can_be_tracked),
        cmocka_unit_test(a_mark_on_nothing_is_reported),
        cmocka_unit_test(leaks_are_reported_by_place),
        cmocka_unit_test(more_places_than_there_is_room_for_are_summed_up),
        cmocka_unit_test(a_single_foreign_block_is_followed_like_many),
        cmocka_unit_test(memory_without_pointers_is_reached_and_leads_nowhere),
    };

    return cmocka_run_group_tests(tests, begin, NULL);
}
