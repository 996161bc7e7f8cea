/* SPDX-License-Identifier: MIT */
/* Tests of fault/: each mode fails exactly the requests it names, filters neither fail nor count
 * others, and an option text is taken as written or refused with its reason. */
#include "machine.h"

static struct qr_faults faults;

static int fresh_faults(void **state)
{
    (void)state;
    memset(&faults, 0, sizeof(faults));
    return 0;
}

static bool hit(size_t size, const char *cache)
{
    return qr_fault_hit(&faults, QUARRY_FAILSLAB, GFP_KERNEL, size, cache);
}

static void arm(struct quarry_fault spec)
{
    assert_int_equal(qr_fault_set(&faults, QUARRY_FAILSLAB, &spec), 0);
}

static void assert_counts(unsigned long seen, unsigned long failed)
{
    assert_int_equal(qr_fault_seen(&faults, QUARRY_FAILSLAB), seen);
    assert_int_equal(qr_fault_failed(&faults, QUARRY_FAILSLAB), failed);
}

static void an_unarmed_point_fails_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        assert_false(hit(64, "c"));
    assert_counts(0, 0);
}

/* ---- the hook ---------------------------------------------------------------------------------- */

static struct quarry_fault_request asked;
static unsigned int times_asked;
static bool hook_answer;

static bool remember(const struct quarry_fault_request *request, void *data)
{
    assert_ptr_equal(data, &asked);
    asked = *request;
    times_asked++;
    return hook_answer;
}

static void the_hook_is_asked_about_every_request_and_its_answer_counts(void **state)
{
    (void)state;
    times_asked = 0;
    hook_answer = false;
    qr_fault_set_hook(&faults, remember, &asked);
    for (unsigned int i = 0; i < QUARRY_FAULT_POINTS; i++)
        assert_true(qr_fault_armed(&faults, (enum quarry_fault_point)i));
    assert_false(hit(64, "c"));
    assert_int_equal(asked.point, QUARRY_FAILSLAB);
    assert_int_equal(asked.gfp, GFP_KERNEL);
    assert_int_equal(asked.size, 64);
    assert_string_equal(asked.cache, "c");
    assert_null(asked.rule);
    hook_answer = true;
    assert_true(hit(64, "c"));
    assert_true(qr_fault_hit(&faults, QUARRY_FAIL_VMALLOC, GFP_NOWAIT, 4096, NULL));
    assert_int_equal(asked.point, QUARRY_FAIL_VMALLOC);
    assert_int_equal(times_asked, 3);
    assert_counts(0, 0); /* nobody armed the point itself */
    qr_fault_set_hook(&faults, NULL, NULL);
    assert_false(qr_fault_armed(&faults, QUARRY_FAILSLAB));
    assert_false(hit(64, "c"));
    assert_int_equal(times_asked, 3);
}

static void what_cannot_fail_is_shown_to_the_hook_with_its_rule_and_does_not_fail(void **state)
{
    (void)state;
    hook_answer = true;
    qr_fault_set_hook(&faults, remember, &asked);
    assert_false(qr_fault_hit(&faults, QUARRY_FAILSLAB, GFP_KERNEL | __GFP_NOFAIL, 64, "c"));
    assert_string_equal(asked.rule, "G-E5");
    assert_true(qr_fault_hit(&faults, QUARRY_FAILSLAB, GFP_NOWAIT | __GFP_NOFAIL, 64, "c"));
    assert_null(asked.rule);
    qp_task()->backed++;
    assert_false(hit(64, "c"));
    qp_task()->backed--;
    assert_string_equal(asked.rule, "G-M1");
    assert_true(hit(64, "c"));
}

static void a_hook_and_an_armed_point_do_not_disturb_each_other(void **state)
{
    (void)state;
    hook_answer = false;
    qr_fault_set_hook(&faults, remember, &asked);
    arm((struct quarry_fault){.nth = 2});
    assert_false(hit(64, "c"));
    assert_true(hit(64, "c"));
    assert_int_equal(qr_fault_set(&faults, QUARRY_FAILSLAB, NULL), 0);
    assert_true(qr_fault_armed(&faults, QUARRY_FAILSLAB)); /* the hook is still there */
    assert_false(hit(64, "c"));
    arm((struct quarry_fault){.nth = 1});
    qr_fault_set_hook(&faults, NULL, NULL);
    assert_true(hit(64, "c"));
}

static void nth_fails_that_request_alone(void **state)
{
    (void)state;
    arm((struct quarry_fault){.nth = 3});
    for (int i = 1; i <= 10; i++)
        assert_int_equal(hit(64, "c"), i == 3);
    assert_counts(10, 1);
}

static void persistent_fails_every_request_from_the_nth_on(void **state)
{
    (void)state;
    arm((struct quarry_fault){.nth = 3, .persistent = true});
    for (int i = 1; i <= 10; i++)
        assert_int_equal(hit(64, "c"), i >= 3);
    assert_counts(10, 8);
}

static void every_fails_each_multiple(void **state)
{
    (void)state;
    arm((struct quarry_fault){.every = 4});
    for (int i = 1; i <= 20; i++)
        assert_int_equal(hit(64, "c"), i % 4 == 0);
    assert_counts(20, 5);
}

static void probability_repeats_with_its_seed_and_is_about_right(void **state)
{
    bool first[1000];
    int differences = 0;

    (void)state;
    arm((struct quarry_fault){.prob = 20, .seed = 7});
    for (int i = 0; i < 1000; i++)
        first[i] = hit(64, "c");
    assert_in_range(qr_fault_failed(&faults, QUARRY_FAILSLAB), 140, 260);
    arm((struct quarry_fault){.prob = 20, .seed = 7});
    for (int i = 0; i < 1000; i++)
        assert_int_equal(hit(64, "c"), first[i]);
    arm((struct quarry_fault){.prob = 20, .seed = 8});
    for (int i = 0; i < 1000; i++)
        differences += hit(64, "c") != first[i];
    assert_true(differences > 100);
    arm((struct quarry_fault){.prob = 100});
    for (int i = 0; i < 100; i++)
        assert_true(hit(64, "c"));
}

static void a_point_without_a_mode_counts_and_fails_nothing(void **state)
{
    (void)state;
    arm((struct quarry_fault){.min_size = 100});
    for (size_t size = 1; size <= 200; size++)
        assert_false(hit(size, "c"));
    assert_counts(101, 0);
}

static void only_sizes_in_range_match(void **state)
{
    (void)state;
    arm((struct quarry_fault){.nth = 1, .persistent = true, .min_size = 64, .max_size = 128});
    for (size_t size = 0; size <= 300; size++)
        assert_int_equal(hit(size, "c"), size >= 64 && size <= 128);
    assert_counts(65, 65);
    arm((struct quarry_fault){.nth = 1, .persistent = true, .min_size = 64});
    assert_true(hit((size_t)-1, "c"));
}

static void only_the_named_cache_matches(void **state)
{
    char name[64] = "dentry";

    (void)state;
    arm((struct quarry_fault){.nth = 1, .persistent = true, .cache = name});
    strcpy(name, "changed"); /* the name was copied */
    assert_true(hit(64, "dentry"));
    assert_false(hit(64, "dentry2"));
    assert_false(hit(64, "dent"));
    assert_false(hit(64, "changed"));
    assert_false(hit(64, NULL));
    arm((struct quarry_fault){.nth = 1, .persistent = true, .cache = "kmalloc-*"});
    assert_true(hit(64, "kmalloc-64"));
    assert_false(hit(64, "kmalloc"));
    assert_counts(1, 1);
}

/* A public call, as far as backtraces can tell: the caller is whoever calls it. */
static QR_NOINLINE __attribute__((section("quarry_entry"))) bool hit_at_door(void)
{
    bool fails = qr_fault_hit(&faults, QUARRY_FAILSLAB, GFP_KERNEL, 64, "c");

    __asm__ volatile("" ::: "memory"); /* no tail call */
    return fails;
}

static QR_NOINLINE bool hit_from_here(void)
{
    bool fails = hit_at_door();

    __asm__ volatile("" ::: "memory");
    return fails;
}

static QR_NOINLINE bool hit_from_there(void)
{
    bool fails = hit_at_door();

    __asm__ volatile("nop" ::: "memory");
    return fails;
}

/* The return address of the call in @function: halve the range of callers that makes it fail until
 * one address is left. */
static const char *return_address_in(bool (*function)(void))
{
    struct quarry_fault spec = {.nth = 1, .persistent = true};
    uintptr_t from = (uintptr_t)function;
    uintptr_t low = 0, high = 4096;

    while (high - low > 1) {
        uintptr_t middle = (low + high) / 2;

        spec.caller_from = (const void *)(from + low);
        spec.caller_to = (const void *)(from + middle);
        arm(spec);
        if (function())
            high = middle;
        else
            low = middle;
    }
    return (const char *)(from + low);
}

static void only_callers_in_range_match(void **state)
{
    struct quarry_fault spec = {.nth = 1, .persistent = true};
    const char *here;

    (void)state;
    here = return_address_in(hit_from_here);
    assert_true(here > (const char *)(uintptr_t)hit_from_here);
    spec.caller_from = here;
    spec.caller_to = here + 1;
    arm(spec);
    assert_true(hit_from_here());
    spec.caller_from = here + 1;
    spec.caller_to = here + 2;
    arm(spec);
    assert_false(hit_from_here());
    assert_false(hit_from_there());
    spec.caller_from = (const void *)1;
    spec.caller_to = (const void *)2;
    arm(spec);
    assert_false(hit_from_there());
    assert_counts(0, 0);
}

static void g_e5_what_must_not_fail_neither_fails_nor_counts(void **state)
{
    (void)state;
    arm((struct quarry_fault){.nth = 1, .persistent = true});
    assert_false(qr_fault_hit(&faults, QUARRY_FAILSLAB, GFP_KERNEL | __GFP_NOFAIL, 64, "c"));
    assert_counts(0, 0);
    assert_true(qr_fault_hit(&faults, QUARRY_FAILSLAB, GFP_ATOMIC | __GFP_NOFAIL, 64, "c"));
    assert_true(qr_fault_hit(&faults, QUARRY_FAILSLAB, GFP_KERNEL, 64, "c"));
}

static void points_are_independent_and_arming_starts_the_counts_anew(void **state)
{
    struct quarry_fault spec = {.nth = 1, .persistent = true};

    (void)state;
    arm(spec);
    assert_true(hit(64, "c"));
    assert_false(qr_fault_hit(&faults, QUARRY_FAIL_PAGE_ALLOC, GFP_KERNEL, 4096, NULL));
    assert_false(qr_fault_hit(&faults, QUARRY_FAIL_VMALLOC, GFP_KERNEL, 4096, NULL));
    assert_int_equal(qr_fault_set(&faults, QUARRY_FAIL_VMALLOC, &spec), 0);
    assert_true(qr_fault_hit(&faults, QUARRY_FAIL_VMALLOC, GFP_KERNEL, 4096, NULL));
    arm(spec);
    assert_counts(0, 0);
    assert_true(hit(64, "c"));
    assert_int_equal(qr_fault_set(&faults, QUARRY_FAILSLAB, NULL), 0);
    assert_false(hit(64, "c"));
    assert_counts(1, 1); /* still to be read after disarming */
    assert_true(qr_fault_armed(&faults, QUARRY_FAIL_VMALLOC));
}

static void contradictory_specs_are_refused_and_the_point_stays_as_it_was(void **state)
{
    static char huge[100];
    const struct quarry_fault bad[] = {
        {.prob = 101},
        {.persistent = true, .every = 2},
        {.nth = 1, .min_size = 10, .max_size = 9},
        {.nth = 1, .caller_from = (void *)8, .caller_to = (void *)8},
        {.nth = 1, .caller_from = (void *)8},
        {.nth = 1, .cache = huge},
    };

    (void)state;
    memset(huge, 'c', sizeof(huge) - 1);
    arm((struct quarry_fault){.nth = 2});
    assert_false(hit(64, "c"));
    for (size_t i = 0; i < QR_ARRAY_SIZE(bad); i++)
        assert_int_equal(qr_fault_set(&faults, QUARRY_FAILSLAB, &bad[i]), -QR_EINVAL);
    assert_int_equal(qr_fault_set(&faults, QUARRY_FAULT_POINTS, &bad[0]), -QR_EINVAL);
    assert_int_equal(qr_fault_set(&faults, (enum quarry_fault_point) - 1, NULL), -QR_EINVAL);
    assert_int_equal(qr_fault_seen(&faults, QUARRY_FAULT_POINTS), 0);
    assert_true(hit(64, "c"));
}

static void test_changed(void *data, enum quarry_fault_point which)
{
    (*(unsigned int *)data) += 1u << which;
}

static void whoever_must_know_is_told_of_every_change(void **state)
{
    unsigned int changes = 0;

    (void)state;
    faults.changed = test_changed;
    faults.changed_data = &changes;
    arm((struct quarry_fault){.nth = 2});
    assert_int_equal(changes, 1u << QUARRY_FAILSLAB);
    assert_int_equal(qr_fault_set(&faults, QUARRY_FAIL_VMALLOC, NULL), 0);
    assert_int_equal(changes, (1u << QUARRY_FAILSLAB) + (1u << QUARRY_FAIL_VMALLOC));
    assert_int_equal(qr_fault_set(&faults, QUARRY_FAULT_POINTS, NULL), -QR_EINVAL);
    assert_int_equal(changes, (1u << QUARRY_FAILSLAB) + (1u << QUARRY_FAIL_VMALLOC));
}

/* ---- the text form -------------------------------------------------------------------------- */

static struct quarry_fault parsed;
static char parsed_cache[64], parse_why[256];

static int parse(const char *text)
{
    memset(parse_why, 0, sizeof(parse_why));
    return qr_fault_parse(text, &parsed, parsed_cache, sizeof(parsed_cache), parse_why,
                          sizeof(parse_why));
}

static void every_item_of_an_option_text_is_understood(void **state)
{
    (void)state;
    assert_int_equal(parse("nth:3,persist,size:64-128,cache:name,seed:7,prob:5,every:10"), 0);
    assert_int_equal(parsed.nth, 3);
    assert_true(parsed.persistent);
    assert_int_equal(parsed.min_size, 64);
    assert_int_equal(parsed.max_size, 128);
    assert_string_equal(parsed.cache, "name");
    assert_ptr_equal(parsed.cache, parsed_cache);
    assert_int_equal(parsed.seed, 7);
    assert_int_equal(parsed.prob, 5);
    assert_int_equal(parsed.every, 10);
    assert_null(parsed.caller_from);
    assert_null(parsed.caller_to);
}

static void what_a_text_leaves_out_is_off(void **state)
{
    (void)state;
    assert_int_equal(parse("nth:1"), 0);
    assert_memory_equal(&parsed, &((struct quarry_fault){.nth = 1}), sizeof(parsed));
}

static void ranges_are_closed_open_or_one_value(void **state)
{
    (void)state;
    assert_int_equal(parse("nth:1,size:4K"), 0);
    assert_int_equal(parsed.min_size, 4096);
    assert_int_equal(parsed.max_size, 4096);
    assert_int_equal(parse("size:1M-,nth:1"), 0);
    assert_int_equal(parsed.min_size, 1 << 20);
    assert_int_equal(parsed.max_size, 0);
    assert_int_equal(parse("every:10,order:2-"), 0);
    assert_int_equal(parsed.min_size, 4 * PAGE_SIZE);
    assert_int_equal(parsed.max_size, 0);
    assert_int_equal(parse("every:10,order:0-3"), 0);
    assert_int_equal(parsed.min_size, PAGE_SIZE);
    assert_int_equal(parsed.max_size, 8 * PAGE_SIZE);
    assert_int_equal(parse("nth:1,caller:0x1000-0x2000"), 0);
    assert_ptr_equal(parsed.caller_from, 0x1000);
    assert_ptr_equal(parsed.caller_to, 0x2000);
}

static void the_last_value_that_an_item_may_have_is_understood(void **state)
{
    char long_name[] =
        "nth:1,cache:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,seed:1";

    (void)state;
    assert_int_equal(parse("nth:18446744073709551615,seed:18446744073709551615,prob:1"), 0);
    assert_true(parsed.nth == ~0ul && parsed.seed == ~0ull && parsed.prob == 1);
    assert_int_equal(parse("every:1,prob:100,seed:0"), 0);
    assert_true(parsed.every == 1 && parsed.prob == 100 && parsed.seed == 0);
    assert_int_equal(parse("nth:1,order:10"), 0);
    assert_true(parsed.min_size == PAGE_SIZE << 10 && parsed.max_size == PAGE_SIZE << 10);
    assert_int_equal(parse("nth:1,order:10-"), 0);
    assert_true(parsed.min_size == PAGE_SIZE << 10 && parsed.max_size == 0);
    assert_int_equal(parse("nth:1,order:3-10"), 0);
    assert_true(parsed.min_size == PAGE_SIZE << 3 && parsed.max_size == PAGE_SIZE << 10);
    assert_int_equal(parse("nth:1,size:0-1"), 0);
    assert_true(parsed.min_size == 0 && parsed.max_size == 1);
    assert_int_equal(parse("nth:1,size:7-7"), 0);
    assert_true(parsed.min_size == 7 && parsed.max_size == 7);
    assert_int_equal(parse("nth:1,size:18446744073709551614"), 0);
    assert_true(parsed.min_size == ~0ul - 1 && parsed.max_size == ~0ul - 1);
    assert_int_equal(parse("nth:1,size:18446744073709551615"), 0);
    assert_true(parsed.min_size == ~0ul && parsed.max_size == 0); /* the largest has no end */
    assert_int_equal(parse("nth:1,size:5-,seed:3"), 0);
    assert_true(parsed.min_size == 5 && parsed.max_size == 0 && parsed.seed == 3);
    assert_int_equal(parse("nth:1,caller:0-1"), 0);
    assert_true(!parsed.caller_from && parsed.caller_to == (const void *)1);
    assert_int_equal(parse("nth:1,caller:5-18446744073709551614"), 0);
    assert_true(parsed.caller_to == (const void *)(UINTPTR_MAX - 1));
    assert_int_equal(parse("nth:1,caller:5-18446744073709551615"), -QR_EINVAL);
    assert_int_equal(strlen(long_name), 12 + 63 + 7);
    assert_int_equal(parse(long_name), 0);
    assert_int_equal(strlen(parsed.cache), 63);
    assert_int_equal(parsed.seed, 1);
    long_name[12 + 63] = 'a'; /* one letter more */
    long_name[12 + 64] = 0;
    assert_int_equal(parse(long_name), -QR_EINVAL);
}

static void a_refusal_quotes_the_item_and_says_how_it_would_be_right(void **state)
{
    static const struct {
        const char *text, *quoted, *reason;
    } wrong[] = {
        {"nth:0,seed:1", "nth:0", "wants a number from 1 on"},
        {"seed:1,every:x", "every:x", "wants a number from 1 on"},
        {"nth:1K,seed:1", "nth:1K", "wants a number from 1 on"}, /* no bytes */
        {"seed:x,nth:1", "seed:x", "wants a number"},
        {"prob:0,nth:1", "prob:0", "wants percent from 1 to 100"},
        {"size:9-5,nth:1", "size:9-5", "wants bytes, as in size:64, size:64-128 or size:4K-"},
        {"order:11,nth:1", "order:11",
         "wants block orders from 0 to 10, as in order:2 or order:2-"},
        {"cache:,nth:1", "cache:", "wants the name of a cache, as in cache:dentry"},
        {"cache:0123456789012345678901234567890123456789012345678901234567890123,nth:1",
         "cache:012345678901234567890123456789012345678901234567890123",
         "the cache's name is too long"}, /* cut after 60 letters */
        {"caller:9-5,nth:1", "caller:9-5",
         "wants two code addresses, the second one behind the range, as in "
         "caller:0x401000-0x402000"},
        {"nth:1,nth:2,seed:1", "nth:2", "is given twice"},
        {"nth:1,oops,seed:1", "oops",
         "is none of nth:N persist every:N prob:PERCENT seed:N size:MIN-MAX order:MIN-MAX "
         "cache:NAME caller:FROM-TO"},
        {"seed:1,size:64", "seed:1,size:64",
         "never fails anything: add nth:N, every:N or prob:PERCENT"},
        {"every:3,persist", "every:3,persist", "persist goes with nth:N"},
        {"nth:1,size:64,order:3", "nth:1,size:64,order:3",
         "size and order say the same: give one of them"},
    };
    char whole[256];

    (void)state;
    for (size_t i = 0; i < QR_ARRAY_SIZE(wrong); i++) {
        assert_int_equal(parse(wrong[i].text), -QR_EINVAL);
        snprintf(whole, sizeof(whole), "fault option \"%s\": %s", wrong[i].quoted, wrong[i].reason);
        assert_string_equal(parse_why, whole);
    }
}

static void a_wrong_text_is_refused_with_its_reason_and_nothing_changes(void **state)
{
    static const struct {
        const char *text, *reason;
    } wrong[] = {
        {"", "is none of"},
        {",", "is none of"},
        {"nth:1,", "is none of"},
        {"nth", "is none of"},
        {"nth=1", "\"nth=1\": is none of"},
        {"nthx:1", "is none of"},
        {"persist:1", "is none of"},
        {"nth:", "\"nth:\": wants a number from 1 on"},
        {"nth:0", "wants a number from 1 on"},
        {"nth:-1", "wants a number"},
        {"nth:3x", "\"nth:3x\": wants a number"},
        {"nth:99999999999999999999", "wants a number"},
        {"every:0", "wants a number from 1 on"},
        {"prob:0", "percent from 1 to 100"},
        {"prob:101", "percent from 1 to 100"},
        {"prob:5%", "percent from 1 to 100"},
        {"prob:5,seed:x", "\"seed:x\": wants a number"},
        {"nth:x,seed:1", "\"nth:x\": wants a number"}, /* and not what follows */
        {"nth:1,size:", "wants bytes"},
        {"nth:1,size:0", "wants bytes"},
        {"nth:1,size:128-64", "\"size:128-64\": wants bytes"},
        {"nth:1,size:64-128-256", "wants bytes"},
        {"nth:1,size:-64", "wants bytes"},
        {"nth:1,order:11", "wants block orders from 0 to 10"},
        {"nth:1,order:0-11", "wants block orders"},
        {"nth:1,cache:", "wants the name of a cache"},
        {"nth:1,cache:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "too long"},
        {"nth:1,caller:5", "wants two code addresses"},
        {"nth:1,caller:5-", "wants two code addresses"},
        {"nth:1,caller:0x20-0x10", "wants two code addresses"},
        {"nth:1,nth:2", "\"nth:2\": is given twice"},
        {"persist,nth:1,persist", "is given twice"},
        {"persist,every:3", "persist goes with nth:N"},
        {"size:64", "never fails anything"},
        {"persist", "never fails anything"},
        {"nth:1,size:64,order:3", "size and order say the same"},
    };

    (void)state;
    memset(&parsed, 0x5a, sizeof(parsed));
    memset(parsed_cache, 0x5a, sizeof(parsed_cache));
    for (size_t i = 0; i < QR_ARRAY_SIZE(wrong); i++) {
        if (parse(wrong[i].text) != -QR_EINVAL || !strstr(parse_why, wrong[i].reason))
            fail_msg("\"%s\": \"%s\", expected: %s", wrong[i].text, parse_why, wrong[i].reason);
        assert_int_equal(strncmp(parse_why, "fault option \"", 14), 0);
    }
    for (size_t i = 0; i < sizeof(parsed); i++)
        assert_int_equal(((unsigned char *)&parsed)[i], 0x5a);
    assert_int_equal(parsed_cache[0], 0x5a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_unarmed_point_fails_nothing, fresh_faults),
        cmocka_unit_test_setup(the_hook_is_asked_about_every_request_and_its_answer_counts,
                               fresh_faults),
        cmocka_unit_test_setup(
            what_cannot_fail_is_shown_to_the_hook_with_its_rule_and_does_not_fail, fresh_faults),
        cmocka_unit_test_setup(a_hook_and_an_armed_point_do_not_disturb_each_other, fresh_faults),
        cmocka_unit_test_setup(nth_fails_that_request_alone, fresh_faults),
        cmocka_unit_test_setup(persistent_fails_every_request_from_the_nth_on, fresh_faults),
        cmocka_unit_test_setup(every_fails_each_multiple, fresh_faults),
        cmocka_unit_test_setup(probability_repeats_with_its_seed_and_is_about_right, fresh_faults),
        cmocka_unit_test_setup(a_point_without_a_mode_counts_and_fails_nothing, fresh_faults),
        cmocka_unit_test_setup(only_sizes_in_range_match, fresh_faults),
        cmocka_unit_test_setup(only_the_named_cache_matches, fresh_faults),
        cmocka_unit_test_setup(only_callers_in_range_match, fresh_faults),
        cmocka_unit_test_setup(g_e5_what_must_not_fail_neither_fails_nor_counts, fresh_faults),
        cmocka_unit_test_setup(points_are_independent_and_arming_starts_the_counts_anew,
                               fresh_faults),
        cmocka_unit_test_setup(contradictory_specs_are_refused_and_the_point_stays_as_it_was,
                               fresh_faults),
        cmocka_unit_test_setup(whoever_must_know_is_told_of_every_change, fresh_faults),
        cmocka_unit_test(every_item_of_an_option_text_is_understood),
        cmocka_unit_test(what_a_text_leaves_out_is_off),
        cmocka_unit_test(ranges_are_closed_open_or_one_value),
        cmocka_unit_test(the_last_value_that_an_item_may_have_is_understood),
        cmocka_unit_test(a_refusal_quotes_the_item_and_says_how_it_would_be_right),
        cmocka_unit_test(a_wrong_text_is_refused_with_its_reason_and_nothing_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
