/* SPDX-License-Identifier: MIT */
/* What is said of objects: on the console about an address, by trace, and in the reports of debugged
 * caches; and where debugged objects come from on a machine of several nodes. */
#include "slab_machine.h"
#include "child.h"
#include "console.h"
#include <signal.h>

/* Lines that name a place in a program. */
static unsigned int lines_of_trace(const char *text)
{
    unsigned int nr = 0;

    for (const char *at = text; (at = strchr(at, '\n')); at++)
        nr += strncmp(at + 1, "    ", 4) == 0;
    return nr;
}

/* The console's words about @address. */
static const char *dump_of(struct quarry *q, const void *address, bool known)
{
    static struct test_console console;
    struct qr_object object;
    bool found = qr_object_find(&q->slabs, address, &object);

    test_console_begin(&console);
    if (found)
        qr_object_dump(&q->slabs, &object);
    test_console_end(&console);
    assert_int_equal(found, known);
    return console.text;
}

static void must_say(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("\"%s\" is not in: %s", words, text);
}

static void must_not_say(const char *text, const char *words)
{
    if (strstr(text, words))
        fail_msg("\"%s\" is in: %s", words, text);
}

static void an_address_is_described_with_its_object_and_offset(void **state)
{
    struct quarry *q = boot_with(512, NULL);
    struct kmem_cache *cache = make_cache(q, "said", 200, 0);
    char *object = take(cache), *page = (char *)((uintptr_t)object & PAGE_MASK);
    u32 used = cache->first + cache->objects * cache->slot_size;
    char words[64];

    (void)state;
    snprintf(words, sizeof(words),
             "object %u at %p of cache said (200 bytes), live or on a CPU's stack",
             slab_index(cache, qr_virt_page(&q->map, page), object), (void *)object);
    must_say(dump_of(q, object + 17, true), "the address is byte 17 of it");
    must_say(dump_of(q, object, true), words);
    must_not_say(dump_of(q, object, true), "allocated");
    assert_true(used < PAGE_SIZE << cache->order);
    page = slab_base(cache, qr_head(&q->map, qr_virt_page(&q->map, object)));
    assert_string_equal(dump_of(q, page + used, true),
                        "quarry: in a slab of cache said, but in no object\n");
    give(q, cache, object);
    qr_cache_shrink(cache);
    assert_string_equal(dump_of(q, &used, false), "");
    test_end(q);
}

static void an_address_is_described_with_who_had_the_object(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=FU");
    struct kmem_cache *cache = make_cache(q, "owned", 64, 0);
    char *object = take(cache), *other = take(cache), *at, words[64];
    struct quarry_trace trace;

    (void)state;
    must_say(dump_of(q, object, true), ", live; the address is byte 0 of it");
    must_say(dump_of(q, object, true), "  allocated by task ");
    must_not_say(dump_of(q, object, true), "last freed by");
    snprintf(words, sizeof(words), "  allocated by task %u, ", (unsigned int)qp_task_id());
    at = strstr(dump_of(q, object, true), words);
    assert_non_null(at);
    assert_in_range(strtoull(at + strlen(words), &at, 10), 0,
                    3600 * 1000); /* since this test began */
    assert_memory_equal(at, " ms ago, at:\n", strlen(" ms ago, at:\n"));
    qr_trace_load(&q->check, slab_meta(cache, object)->allocated.trace, &trace);
    assert_true(trace.nr > 0);
    assert_int_equal(lines_of_trace(dump_of(q, object, true)), trace.nr);
    give(q, cache, object);
    must_say(dump_of(q, object, true), ", free; the address is byte 0 of it");
    must_say(dump_of(q, object, true), "  allocated by task ");
    must_say(dump_of(q, object, true), "  last freed by task ");
    give(q, cache, other);
    test_end(q);
}

static void a_traced_cache_says_each_call(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=T,traced");
    struct kmem_cache *cache = make_cache(q, "traced", 64, 0);
    struct kmem_cache *silent = make_cache(q, "silent", 64, 0);
    struct test_console console;
    char words[96];
    void *object, *other;

    (void)state;
    test_console_begin(&console);
    object = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE);
    other = qr_cache_alloc_slow(silent, GFP_KERNEL, NUMA_NO_NODE);
    give(q, silent, other);
    test_console_end(&console);
    snprintf(words, sizeof(words), "quarry: trace: alloc %p, cache traced, 64 bytes, task ",
             object);
    must_say(console.text, words);
    must_not_say(console.text, "silent");
    must_not_say(console.text, "trace: free");
    test_console_begin(&console);
    give(q, cache, object);
    test_console_end(&console);
    snprintf(words, sizeof(words), "quarry: trace: free %p, cache traced, 64 bytes, task ", object);
    must_say(console.text, words);
    test_end(q);
}

static void make_what_cannot_be(const void *data)
{
    struct quarry *q = test_boot(256);
    struct qr_cache_params params = {.name = "wanted", .flags = SLAB_PANIC, .slot_id = QR_NO_SLOT};

    (void)data;
    signal(SIGABRT, SIG_DFL); /* not the test library's */
    qr_cache_create(&q->slabs, &params);
}

/* Wrong pointers that were pushed unseen: the first four are reported, the rest is counted. */
static void many_wrong_frees_found_late_are_counted(void **state)
{
    struct quarry *q = boot_with(512, NULL);
    struct kmem_cache *cache = make_cache(q, "many", 64, 0);
    char *object[8];
    struct test_console console;
    struct qr_slot *slot;

    (void)state;
    for (int i = 0; i < 8; i++)
        object[i] = take(cache);
    slot = own_slot(q, cache);
    for (int i = 0; i < 7; i++) {
        assert_true(slot->top < slot->limit);
        *slot->top++ = object[i] + 8;
    }
    test_console_begin(&console);
    qr_cache_shrink(cache);
    test_console_end(&console);
    assert_int_equal(test_findings(q, QUARRY_BAD_FREE), 4);
    must_say(test_last_report, "is not the start of an object; its slab is set aside for good");
    must_say(console.text, "quarry: 3 more wrong frees of this kind in cache many");
    test_end(q);
}

static void without_a_cache_that_must_be_there_nothing_goes_on(void **state)
{
    int status = child_run(make_what_cannot_be, NULL);

    (void)state;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    must_say(child_text, "cache wanted (0 bytes) could not be made, and SLAB_PANIC says");
}

/* ---- debugged caches ------------------------------------------------------------------------- */

static void damage_longer_than_shown_is_cut_short(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=FP");
    struct kmem_cache *cache = make_cache(q, "long", 256, 0);
    char *object = take(cache);

    (void)state;
    give(q, cache, object);
    memset(object, 0x11, 100);
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    assert_int_equal(test_findings(q, QUARRY_USE_AFTER_FREE), 1);
    must_say(test_last_report, "bytes 0 to 99, counted from its start, hold 11 11");
    must_say(test_last_report, " … instead of 6b");
    test_end(q);
}

static void an_overrun_is_found_by_whoever_resizes_the_block(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=Z");
    char *block = qr_kmalloc_slow(&q->kmalloc, 40, GFP_KERNEL, NUMA_NO_NODE);

    (void)state;
    block[40] = 1;
    assert_ptr_equal(qr_krealloc(&q->kmalloc, block, 38, GFP_KERNEL), block);
    assert_int_equal(test_findings(q, QUARRY_OVERRUN), 1);
    must_say(test_last_report, "krealloc: the live object");
    block[38] = 1; /* the red zone has moved with the end */
    qr_kfree_slow(&q->kmalloc, block, "kfree");
    assert_int_equal(test_findings(q, QUARRY_OVERRUN), 2);
    test_end(q);
}

static void a_red_zone_written_while_the_object_was_free_is_mended(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=FZ");
    struct kmem_cache *cache = make_cache(q, "mended", 64, 0);
    char *object = take(cache);

    (void)state;
    give(q, cache, object);
    object[64] = 1;
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    assert_int_equal(test_findings(q, QUARRY_OVERRUN), 1);
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    assert_int_equal(test_findings(q, QUARRY_OVERRUN), 1);
    test_end(q);
}

static void debugged_objects_are_cleared_as_the_options_say(void **state)
{
    struct quarry *q = boot_with(512, "slab_debug=F init_on_free=1");
    struct kmem_cache *cache = make_cache(q, "cleared", 64, 0);
    char *object = take(cache);

    (void)state;
    memset(object, 0x77, 64);
    give(q, cache, object);
    for (int i = 0; i < 64; i++)
        assert_int_equal(object[i], 0);
    test_end(q);
    q = boot_with(512, "slab_debug=F init_on_alloc=1");
    cache = make_cache(q, "cleared", 64, 0);
    object = take(cache);
    memset(object, 0x77, 64);
    give(q, cache, object);
    assert_int_equal(object[5], 0x77);
    for (u32 i = 0; i <= cache->objects; i++) { /* until it comes round again */
        char *again = take(cache);
        assert_int_equal(again[5], 0);
        if (again == object)
            break;
        assert_true(i < cache->objects);
    }
    test_end(q);
}

static unsigned int node_of(struct quarry *q, const void *object)
{
    return qr_pfn_node(&q->map, qr_pfn(&q->map, qr_virt_page(&q->map, object)));
}

static void debugged_objects_come_from_the_node_that_is_asked_for(void **state)
{
    struct test_spec spec = {.pages = 2048, .profile = "nodes", .options = "slab_debug=FU"};
    struct quarry *q = test_boot_with(&spec);
    struct kmem_cache *cache = make_cache(q, "nodes", 500, 0);
    void *object;
    struct qr_cpu *cpu;

    (void)state;
    qp_percpu_leave(qp_percpu_enter(&q->cpus, &cpu));
    for (int nid = 0; nid < 2; nid++) {
        for (int i = 0; i < 20; i++) {
            object = qr_cache_alloc_slow(cache, GFP_KERNEL | __GFP_THISNODE, nid);
            assert_non_null(object);
            assert_int_equal(node_of(q, object), nid);
        }
    }
    object = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE);
    assert_int_equal(node_of(q, object), cpu->nid);
    cpu->nid ^= 1;
    object = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE);
    assert_int_equal(node_of(q, object), cpu->nid);
    cpu->nid ^= 1;
    assert_int_equal(qr_slabs_check(&q->slabs), 0);
    test_end(q);
}

static void profiled_objects_without_room_for_a_record_count_for_nobody(void **state)
{
    struct quarry *q = boot_with(8192, "mem_profiling=1");
    struct kmem_cache *cache = make_cache(q, "whole", PAGE_SIZE << MAX_PAGE_ORDER, 0);
    struct qr_object found;
    char *object = take(cache);

    (void)state;
    assert_int_equal(cache->track_offset, 0);
    assert_true(qr_object_find(&q->slabs, object + 5, &found));
    assert_ptr_equal(found.start, object);
    memset(object, 0x55, 64);
    give(q, cache, object);
    assert_ptr_equal(take(cache), object);
    for (int i = 0; i < 64; i++)
        assert_int_equal(object[i], 0x55); /* no record was written there, out or in */
    for (u32 i = 0; i <= q->check.sites.mask; i++)
        assert_int_equal(q->check.sites.site[i].calls, 0);
    give(q, cache, object);
    for (u32 i = 0; i <= q->check.sites.mask; i++)
        assert_int_equal(q->check.sites.site[i].calls, 0);
    assert_int_equal(cache_active(cache), 0);
    test_end(q);
}

static void empty_slabs_that_wait_for_readers_go_back_together(void **state)
{
    struct quarry *q = boot_with(2048, NULL);
    struct kmem_cache *cache = make_cache(q, "waiting", 1000, SLAB_TYPESAFE_BY_RCU);
    void *object[60];
    u64 before = free_pages_when_idle(q);

    (void)state;
    for (int i = 0; i < 60; i++)
        object[i] = take(cache);
    for (int i = 0; i < 60; i++)
        give(q, cache, object[i]);
    qr_slabs_drain_all(&q->slabs);
    qr_cache_shrink(cache);
    assert_int_equal(qr_grace_barrier(&q->grace, "rcu_barrier"), 0);
    assert_int_equal(cache_total(cache), 0);
    assert_int_equal(free_pages_when_idle(q), before);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_described_with_its_object_and_offset),
        cmocka_unit_test(an_address_is_described_with_who_had_the_object),
        cmocka_unit_test(a_traced_cache_says_each_call),
        cmocka_unit_test(many_wrong_frees_found_late_are_counted),
        cmocka_unit_test(without_a_cache_that_must_be_there_nothing_goes_on),
        cmocka_unit_test(profiled_objects_without_room_for_a_record_count_for_nobody),
        cmocka_unit_test(empty_slabs_that_wait_for_readers_go_back_together),
        cmocka_unit_test(damage_longer_than_shown_is_cut_short),
        cmocka_unit_test(an_overrun_is_found_by_whoever_resizes_the_block),
        cmocka_unit_test(a_red_zone_written_while_the_object_was_free_is_mended),
        cmocka_unit_test(debugged_objects_are_cleared_as_the_options_say),
        cmocka_unit_test(debugged_objects_come_from_the_node_that_is_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
