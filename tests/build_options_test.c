/* SPDX-License-Identifier: MIT */
/* What a library built without checks says to those who ask for some: the option is refused by name, at
 * boot; a fault point cannot be armed. Built with checks, the same requests are granted. */
#include "machine.h"
#include "fault/fault.h"

static const char *const asks[] = {"check=1",
                                   "slab_debug",
                                   "slab_debug=FZ,kmalloc-64",
                                   "page_poison",
                                   "page_owner=1",
                                   "mem_profiling=1",
                                   "failslab=nth:3",
                                   "fail_page_alloc=every:100",
                                   "fail_vmalloc=nth:100",
                                   "fail_usercopy=nth:100",
                                   "kfence.every=10",
                                   "kfence.sample_interval=100",
                                   "trace_bytes=65536"};
static const char *const asks_nothing[] = {"check=0", "page_poison=0", "page_owner=0",
                                           "mem_profiling=0", "init_on_alloc init_on_free"};

static void a_machine_works(struct quarry *q)
{
    void *block = qr_kmalloc_slow(&q->kmalloc, 100, GFP_KERNEL, NUMA_NO_NODE);

    assert_non_null(block);
    qr_kfree_slow(&q->kmalloc, block, "kfree");
    test_end(q);
}

static void options_that_ask_for_checks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
        struct test_spec spec = {.pages = 2048, .options = asks[i], .expect_failure = !QR_CHECKS};
        struct quarry *q = test_boot_with(&spec);
        char name[32];

        if (QR_CHECKS) {
            assert_non_null(q);
            test_end(q);
            continue;
        }
        qr_strcpy(name, sizeof(name), asks[i]);
        name[strcspn(name, "=")] = '\0';
        assert_null(q);
        assert_non_null(strstr(test_why, name));
        assert_non_null(strstr(test_why, "built without checks"));
        assert_non_null(strstr(test_why, "QUARRY_CHECKS=ON"));
    }
}

static void options_that_ask_for_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(asks_nothing) / sizeof(asks_nothing[0]); i++) {
        struct test_spec spec = {.pages = 2048, .options = asks_nothing[i]};
        a_machine_works(test_boot_with(&spec));
    }
}

static void a_fault_point(void **state)
{
    static const struct quarry_fault third = {.nth = 3};
    struct test_spec spec = {.pages = 2048};
    struct quarry *q = test_boot_with(&spec);

    (void)state;
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, &third), QR_CHECKS ? 0 : -QR_ENOSYS);
    assert_int_equal(qr_fault_armed(&q->faults, QUARRY_FAILSLAB), QR_CHECKS);
    assert_int_equal(qr_fault_set(&q->faults, QUARRY_FAILSLAB, NULL), 0);
    a_machine_works(q);
}

/* Flags of a cache that ask for checks take no room where there are none. */
static void a_cache_that_asks(void **state)
{
    struct qr_cache_params plain = {.name = "plain", .size = 64, .slot_id = QR_NO_SLOT};
    struct qr_cache_params asking = plain;
    struct test_spec spec = {.pages = 2048};
    struct quarry *q = test_boot_with(&spec);
    struct kmem_cache *one = qr_cache_create(&q->slabs, &plain), *other;

    (void)state;
    asking.name = "asking";
    asking.flags = SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER;
    other = qr_cache_create(&q->slabs, &asking);
    assert_int_equal(other->slot_size > one->slot_size, QR_CHECKS);
    assert_int_equal((other->hooks & ~QR_HOOK_CLOSED) != 0, QR_CHECKS);
    qr_cache_destroy(&q->slabs, one, false);
    qr_cache_destroy(&q->slabs, other, false);
    test_end(q);
}

/* What somebody else's detector needs to be told would not be told. Built with checks, such a machine needs
 * a detector, which the sanitizers' builds have. */
static void a_watched_machine(void **state)
{
    static struct quarry q;
    struct qp_machine machine = {.nr_cpus = 1, .watched = true};
    char why[256] = "";

    (void)state;
    if (QR_CHECKS)
        return;
    assert_int_equal(qr_boot(&q, &machine, why, sizeof(why)), -QR_EINVAL);
    assert_non_null(strstr(why, "detector"));
    assert_non_null(strstr(why, "built without checks"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_that_ask_for_checks),
        cmocka_unit_test(options_that_ask_for_none),
        cmocka_unit_test(a_fault_point),
        cmocka_unit_test(a_cache_that_asks),
        cmocka_unit_test(a_watched_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
