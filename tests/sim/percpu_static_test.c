/* SPDX-License-Identifier: MIT */
/* Static per-CPU variables of one module are found while another module comes and goes.
 *
 * The table's entry of the one that goes is used again for the next. Who looks an address up meanwhile
 * must not take the size of the one and the start of the other for a range: it would be given memory that
 * is not its own. */
#include <quarry/percpu.h>
#include "sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define LARGE (32u << 10)
#define ROUNDS 40u

static struct {
    char large[LARGE];
    char small[64];
    char used[64];
} variable;
static bool gone;

static void look_up(void *arg)
{
    char *mine = arg;

    for (uint32_t i = 1; !gone; i++) {
        char *found;
        sim_operation(i);
        found = quarry_per_cpu_ptr(variable.used, 1);
        if (found != mine)
            sim_fail("found at %p, was at %p", (void *)found, (void *)mine);
    }
}

static void come_and_go(void *arg)
{
    (void)arg;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        sim_operation(i);
        quarry_percpu_unregister(variable.large);
        quarry_percpu_register(variable.small, sizeof(variable.small));
        quarry_percpu_unregister(variable.small);
        quarry_percpu_register(variable.large, sizeof(variable.large));
    }
    gone = true;
}

static void an_entry_used_again_is_never_half_of_each(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct sim_config config = {.seed = seed, .cpus = 2, .frames = 512, .gap = 300};
        char why[200] = "";
        struct sim *sim = sim_new(&config, why, sizeof(why));
        char *mine;
        if (!sim)
            fail_msg("%s", why);
        assert_int_equal(quarry_percpu_register(variable.large, sizeof(variable.large)), 0);
        assert_int_equal(quarry_percpu_register(variable.used, sizeof(variable.used)), 0);
        gone = false;
        mine = quarry_per_cpu_ptr(variable.used, 1);
        sim_task(sim, 0, "looks up", look_up, mine);
        sim_task(sim, 1, "comes and goes", come_and_go, NULL);
        if (sim_run(sim) != SIM_FINE)
            fail_msg("seed %llu: %s", (unsigned long long)seed, sim_report(sim));
        quarry_percpu_unregister(variable.large);
        quarry_percpu_unregister(variable.used);
        sim_free(sim);
    }
}

/* ---- the first look ------------------------------------------------------------------------- */

#define LOOKERS 3u
static char *first[LOOKERS], *first_area[LOOKERS];
static void *area;

/* All of them need the same instance, which nobody has made yet. */
static void look_first(void *arg)
{
    unsigned int i = (unsigned int)(uintptr_t)arg;

    sim_operation(1);
    first[i] = quarry_per_cpu_ptr(variable.used, 7);
    first[i][i] = (char)(10 + i);
    sim_operation(2);
    first_area[i] = quarry_per_cpu_ptr(area, 6);
    first_area[i][i] = (char)(20 + i);
}

static void all_who_look_first_get_the_same_instance(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct sim_config config = {.seed = seed, .cpus = 8, .frames = 1024, .gap = 20};
        char why[200] = "";
        struct sim *sim = sim_new(&config, why, sizeof(why));

        if (!sim)
            fail_msg("%s", why);
        variable.used[LOOKERS] = 5;
        assert_int_equal(quarry_percpu_register(variable.used, sizeof(variable.used)), 0);
        area = __alloc_percpu(5000, 8);
        assert_non_null(area);
        for (unsigned int i = 0; i < LOOKERS; i++)
            sim_task(sim, i, "looks first", look_first, (void *)(uintptr_t)i);
        if (sim_run(sim) != SIM_FINE)
            fail_msg("seed %llu: %s", (unsigned long long)seed, sim_report(sim));
        for (unsigned int i = 0; i < LOOKERS; i++) {
            assert_ptr_equal(first[i], first[0]);
            assert_int_equal(first[0][i], 10 + i);
            assert_ptr_equal(first_area[i], first_area[0]);
            assert_int_equal(first_area[0][i], 20 + i);
        }
        assert_int_equal(first[0][LOOKERS], 5);
        free_percpu(area);
        quarry_percpu_unregister(variable.used);
        sim_free(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_who_look_first_get_the_same_instance),
        cmocka_unit_test(an_entry_used_again_is_never_half_of_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
