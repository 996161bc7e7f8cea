/* SPDX-License-Identifier: MIT */
/* Tests of observe/ with the readers that exist: free, vmstat and slabtop from procps read Quarry's
 * texts in place of the kernel's, which a mount namespace of their own makes possible. Skipped where
 * that is not allowed, or the tools are not installed. */
#include "machine.h"
#include "observe/observe.h"

#include <unistd.h>

static char output[1 << 16];

/* Run a shell command; its output, or NULL when it failed. */
static const char *run(const char *command)
{
    FILE *pipe = popen(command, "r");
    size_t length;

    assert_non_null(pipe);
    length = fread(output, 1, sizeof(output) - 1, pipe);
    output[length] = 0;
    return pclose(pipe) == 0 ? output : NULL;
}

/* Run @tool where /proc/<text> shows @q's. */
static const char *run_over(struct quarry *q, enum quarry_text which, const char *tool)
{
    char name[] = "/tmp/quarry-text-XXXXXX", command[512];
    size_t length = qr_text(q, which, NULL, 0) + 1;
    char *text = malloc(length);
    const char *result;
    int file = mkstemp(name);

    assert_true(text && file >= 0);
    qr_text(q, which, text, length);
    assert_int_equal(write(file, text, length - 1), length - 1);
    close(file);
    free(text);
    snprintf(command, sizeof(command),
             "unshare -m sh -c 'mount --bind %s /proc/%s && LC_ALL=C %s' 2>&1", name,
             qr_text_name(which), tool);
    result = run(command);
    unlink(name);
    if (!result)
        print_message("%s: %s", tool, output);
    return result;
}

static void need(const char *tool)
{
    char command[128];

    snprintf(command, sizeof(command), "command -v %s && unshare -m true && test -r /proc/slabinfo",
             tool);
    if (!run(command)) {
        print_message("skipped: needs %s, and root to show it other texts under /proc\n", tool);
        skip();
    }
}

static void free_shows_the_machine_s_memory(void **state)
{
    struct quarry *q;
    unsigned long total, used, unused;
    const char *text;

    (void)state;
    need("free");
    q = test_boot(4096);
    text = run_over(q, QUARRY_MEMINFO, "free -k");
    assert_non_null(text);
    text = strstr(text, "Mem:");
    assert_non_null(text);
    assert_int_equal(sscanf(text, "Mem: %lu %lu %lu", &total, &used, &unused), 3);
    assert_int_equal(total, q->zones.totalram * 4);
    assert_int_equal(unused, qr_free_pages_total(&q->zones) * 4);
    text = strstr(text, "Swap:");
    assert_non_null(text);
    assert_int_equal(sscanf(text, "Swap: %lu %lu %lu", &total, &used, &unused), 3);
    assert_int_equal(total + used + unused, 0);
    test_end(q);
}

static void slab_tools_show_the_machine_s_caches(void **state)
{
    const struct qr_cache_params params = {
        .name = "quarry-things", .size = 1000, .slot_id = QR_NO_SLOT};
    struct quarry *q;
    struct kmem_cache *cache;
    void *object[10];
    unsigned long used, total, size, pages;
    const char *text;

    (void)state;
    need("slabtop");
    need("vmstat");
    q = test_boot(4096);
    cache = qr_cache_create(&q->slabs, &params);
    assert_non_null(cache);
    for (unsigned int i = 0; i < 10; i++) {
        object[i] = qr_cache_alloc_slow(cache, GFP_KERNEL, NUMA_NO_NODE);
        assert_non_null(object[i]);
    }
    text = run_over(q, QUARRY_SLABINFO, "vmstat -m");
    assert_non_null(text);
    text = strstr(text, "quarry-things");
    assert_non_null(text);
    assert_int_equal(sscanf(text, "quarry-things %lu %lu %lu %lu", &used, &total, &size, &pages),
                     4);
    assert_true(used >= 10 && used <= total);
    assert_int_equal(size, cache->slot_size);
    text = run_over(q, QUARRY_SLABINFO, "slabtop -o");
    assert_non_null(text);
    assert_non_null(strstr(text, "quarry-things"));
    for (unsigned int i = 0; i < 10; i++)
        qr_cache_free_slow(&q->slabs, cache, object[i], "test");
    qr_cache_destroy(&q->slabs, cache, false);
    test_end(q);
}

static void vmstat_reads_the_machine_s_counters(void **state)
{
    struct quarry *q;

    (void)state;
    need("vmstat");
    q = test_boot(4096);
    assert_non_null(run_over(q, QUARRY_VMSTAT, "vmstat -s"));
    assert_non_null(strstr(output, "total memory"));
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_shows_the_machine_s_memory),
        cmocka_unit_test(slab_tools_show_the_machine_s_caches),
        cmocka_unit_test(vmstat_reads_the_machine_s_counters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
