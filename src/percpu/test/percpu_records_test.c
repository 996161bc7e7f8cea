/* SPDX-License-Identifier: MIT */
/* Per-CPU memory seen from inside: where areas lie, what records there are, and what is said. */
#include "heard.h"
#include "percpu/internal.h"

static struct quarry *boot_percpu(const struct test_spec *spec)
{
    struct quarry *q = test_boot_with(spec);

    qr_reclaim_stop(&q->reclaim);
    q->check.hook = heard_hook;
    heard.nr = 0;
    return q;
}

static char *get_percpu(struct quarry *q, size_t size, size_t align)
{
    return qr_percpu_alloc(&q->percpu, size, align, GFP_KERNEL, "alloc_percpu");
}

static unsigned long in_cache(struct kmem_cache *cache)
{
    struct quarry_cache_stat stat;

    qr_cache_stat(cache, &stat);
    return stat.active;
}

static void records_are(struct quarry *q, unsigned long areas, unsigned long chunks,
                        unsigned long groups, unsigned long units)
{
    assert_int_equal(in_cache(q->percpu.area_cache), areas);
    assert_int_equal(in_cache(q->percpu.chunk_cache), chunks);
    assert_int_equal(in_cache(q->percpu.group_cache), groups);
    assert_int_equal(in_cache(q->percpu.unit_cache), units);
}

/* ---- places ---------------------------------------------------------------------------------- */

static void an_area_lies_in_the_first_gap_that_holds_it(void **state)
{
    const struct test_spec spec = {.pages = 1024};
    struct quarry *q = boot_percpu(&spec);
    char *first = get_percpu(q, 1, 1), *second = get_percpu(q, 9, 8), *third;

    assert_int_equal((uintptr_t)first, q->percpu.base);
    assert_ptr_equal(second, first + 8); /* sizes are multiples of 8 */
    third = get_percpu(q, 64, 64);
    assert_ptr_equal(third, first + 64);
    assert_ptr_equal(get_percpu(q, 40, 8), first + 24); /* the gap, to its last byte */
    assert_ptr_equal(get_percpu(q, 8, 8), first + 128);
    qr_percpu_free(&q->percpu, second);
    assert_ptr_equal(get_percpu(q, 17, 8), first + 136); /* one too many for the gap */
    assert_ptr_equal(get_percpu(q, 16, 8), second);
    assert_ptr_equal(get_percpu(q, 512, 512), first + 512);
    assert_ptr_equal(get_percpu(q, 512 - 160, 8), first + 160);
    assert_ptr_equal(get_percpu(q, 8, 8), first + PERCPU_SPAN);           /* the next chunk */
    assert_ptr_equal(get_percpu(q, 1024, 1024), first + 2 * PERCPU_SPAN); /* the whole of one */
    assert_ptr_equal(get_percpu(q, 1016, 8), first + PERCPU_SPAN + 8);
    assert_int_equal(q->percpu.nr_areas, 11);
    assert_int_equal(qr_percpu_check(&q->percpu), 0);
    test_abandon(q);
}

/* What a shared chunk cannot hold has one of its own, of as many pages as it takes. */
static void a_large_area_has_a_chunk_to_itself(void **state)
{
    static const struct {
        size_t size, align;
        u32 unit;
    } own[] = {{1025, 8, 4096},   {4096, 8, 4096}, {4097, 8, 8192},
               {32768, 8, 32768}, {8, 2048, 4096}, {8, 4096, 4096}};
    const struct test_spec spec = {.pages = 4096};
    struct quarry *q = boot_percpu(&spec);

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(own); i++) {
        char *token = get_percpu(q, own[i].size, own[i].align);
        assert_ptr_equal(token, (char *)q->percpu.base + i * PERCPU_SPAN);
        assert_int_equal(q->percpu.table[i]->unit_bytes, own[i].unit);
        assert_int_equal(q->percpu.table[i]->number, i);
    }
    assert_int_equal(in_cache(q->percpu.unit_cache), 0); /* their units are blocks of pages */
    assert_ptr_equal(get_percpu(q, 8, 8),
                     (char *)q->percpu.base + QR_ARRAY_SIZE(own) * PERCPU_SPAN);
    test_abandon(q);
}

static void records_come_with_the_cpus_that_ask_and_go_with_the_last_area(void **state)
{
    const struct test_spec spec = {.pages = 4096, .nr_cpus = 512};
    struct quarry *q = boot_percpu(&spec);
    char *token = get_percpu(q, 64, 8), *other;

    assert_int_equal(q->cpus.nr_max, 512);
    records_are(q, 1, 1, 2, 2); /* CPU 0, and those without a CPU: number 512 */
    other = get_percpu(q, 64, 8);
    records_are(q, 2, 1, 2, 2);
    qr_percpu_ptr(&q->percpu, token, 400);
    records_are(q, 2, 1, 3, 3);
    qr_percpu_ptr(&q->percpu, other, 400);
    qr_percpu_ptr(&q->percpu, token, 447); /* the last of the same group of 64 */
    records_are(q, 2, 1, 3, 4);
    qr_percpu_ptr(&q->percpu, token, 448);
    records_are(q, 2, 1, 4, 5);
    qr_percpu_free(&q->percpu, token);
    records_are(q, 1, 1, 4, 5);
    qr_percpu_free(&q->percpu, other);
    records_are(q, 0, 0, 0, 0);
    assert_int_equal(heard.nr, 0);
    test_end(q);
}

static void an_instance_lies_on_its_cpus_node(void **state)
{
    const struct test_spec spec = {.pages = 4096, .profile = "nodes"};
    struct quarry *q = boot_percpu(&spec);

    for (u32 nid = 0; nid < 2; nid++)
        for (size_t size = 64; size <= 8192; size *= 128) {
            char *token, *here;
            q->cpus.area[0]->nid = nid;
            token = get_percpu(q, size, 8);
            here = qr_percpu_ptr(&q->percpu, token, 0);
            assert_int_equal(qr_pfn_node(&q->map, qr_pfn(&q->map, qr_virt_page(&q->map, here))),
                             nid);
            qr_percpu_free(&q->percpu, token);
        }
    q->cpus.area[0]->nid = 0;
    test_end(q);
}

/* ---- addresses of tokens --------------------------------------------------------------------- */

static void tokens_are_as_many_as_there_are_addresses_for(void **state)
{
    static const struct {
        u64 left;
        u32 nr;
    } window[] = {{4096 + 8, 512}, {4096, 512}, {4095, 256}, {128, 16}, {127, 0}};

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(window); i++) {
        const struct test_spec spec = {.pages = 2048};
        struct quarry *q = boot_percpu(&spec);
        u64 pages = (q->machine.vmalloc_end - q->machine.vmalloc_start) >> PAGE_SHIFT;
        char *token;
        assert_non_null(
            qr_get_vm_area(&q->vm, (pages - window[i].left) * PAGE_SIZE, VM_IOREMAP | VM_NO_GUARD));
        token = get_percpu(q, 8, 8);
        assert_int_equal((uintptr_t)token, q->percpu.base);
        if (window[i].nr) {
            assert_int_equal(q->percpu.nr_chunks, window[i].nr);
            assert_true(qr_vm_contains(&q->vm, token));
            assert_true(qr_vm_contains(&q->vm, token + window[i].nr * PERCPU_SPAN - 1));
        } else { /* the highest addresses but the last page */
            assert_int_equal(q->percpu.nr_chunks, 512);
            assert_int_equal((uintptr_t)token + 512 * PERCPU_SPAN + PAGE_SIZE, 0);
        }
        qr_percpu_free(&q->percpu, token + 512 * PERCPU_SPAN);
        assert_int_equal(heard.kind, QUARRY_BAD_FREE);
        qr_percpu_free(&q->percpu, token);
        assert_int_equal(heard.nr, 1);
        test_end(q);
    }
}

/* ---- what is said ---------------------------------------------------------------------------- */

static void each_refusal_says_why(void **state)
{
    const struct test_spec spec = {.pages = 1024};
    struct quarry *q = boot_percpu(&spec);
    char *token = get_percpu(q, 64, 8);
    const char *no_token =
        "this did not come from alloc_percpu; what kmalloc gave goes to kfree, one CPU's instance "
        "is freed with all the others";
    const char *nothing = "nothing begins there: it was freed before, or this points into an "
                          "allocation and not at its start";

    assert_null(get_percpu(q, 0, 8));
    heard_is(QUARRY_BAD_REQUEST, "", NULL, 0,
             "alloc_percpu of 0 bytes, align 8: a size of 0 makes no instances");
    assert_null(get_percpu(q, 32769, 16));
    heard_is(QUARRY_BAD_REQUEST, "", NULL, 32769,
             "alloc_percpu of 32769 bytes, align 16: an instance has at most 32 KiB; allocate "
             "the large part with kvmalloc and keep a pointer to it in each instance");
    for (size_t align = 0; align <= 12288; align += 12288) {
        assert_null(get_percpu(q, 8, align));
        heard_is(QUARRY_BAD_REQUEST, "", NULL, 8,
                 "alloc_percpu of 8 bytes, align %zu: the alignment is no power of two up to a "
                 "page",
                 align);
    }
    qr_percpu_free(&q->percpu, &heard);
    heard_is(QUARRY_BAD_FREE, "G-S8", &heard, 0, "free_percpu(%p): %s", (void *)&heard, no_token);
    qr_percpu_free(&q->percpu, token + 1);
    heard_is(QUARRY_DOUBLE_FREE, "G-S8", token + 1, 0, "free_percpu(%p): %s", (void *)(token + 1),
             nothing);
    qr_percpu_free(&q->percpu, token + q->percpu.nr_chunks * PERCPU_SPAN - 8);
    assert_int_equal(heard.kind, QUARRY_DOUBLE_FREE); /* an address of the last chunk */
    qr_percpu_free(&q->percpu, token + q->percpu.nr_chunks * PERCPU_SPAN);
    assert_int_equal(heard.kind, QUARRY_BAD_FREE);
    heard.nr = 0;
    qr_percpu_ptr(&q->percpu, token, 9);
    heard_is(QUARRY_BAD_REQUEST, "", token, 0,
             "per_cpu_ptr(%p): there is no CPU of that number; CPU 0's instance is given",
             (void *)token);
    qr_percpu_free(&q->percpu, token);
    test_end(q);
}

static void what_was_freed_is_no_per_cpu_memory(void **state)
{
    const struct test_spec spec = {.pages = 1024};
    struct quarry *q = boot_percpu(&spec);
    char *token = get_percpu(q, 64, 8);

    qr_percpu_free(&q->percpu, token);
    assert_ptr_equal(qr_percpu_ptr(&q->percpu, token, 0), token);
    heard_is(QUARRY_BAD_REQUEST, "", token, 0,
             "per_cpu_ptr(%p): this is no per-CPU memory: it was freed, or it never came from "
             "alloc_percpu or DEFINE_PER_CPU",
             (void *)token);
    test_end(q);
}

/* Between the end of a chunk's units and the next chunk's addresses there is nothing. */
static void tokens_end_where_units_do(void **state)
{
    static const size_t size[] = {8, 5000}, unit[] = {1024, 8192};

    for (int i = 0; i < 2; i++) {
        const struct test_spec spec = {.pages = 1024};
        struct quarry *q = boot_percpu(&spec);
        char *token = get_percpu(q, size[i], 8);
        assert_ptr_equal(qr_percpu_ptr(&q->percpu, token + unit[i] - 1, 0),
                         (char *)qr_percpu_ptr(&q->percpu, token, 0) + unit[i] - 1);
        assert_int_equal(heard.nr, 0);
        assert_ptr_equal(qr_percpu_ptr(&q->percpu, token + unit[i], 0), token + unit[i]);
        assert_int_equal(heard.nr, 1);
        qr_percpu_free(&q->percpu, token);
        test_end(q);
    }
}

static bool nth_fails(const struct quarry_fault_request *request, void *data)
{
    return request->point == QUARRY_FAIL_PAGE_ALLOC && --*(int *)data == 0;
}

static void each_shortage_says_what_was_missing(void **state)
{
    static const char *const missing[] = {
        "no page for the table of chunks", "no memory for its record",
        "no memory for a chunk, or all chunks are in use", "no memory for all the CPUs that exist"};
    unsigned int next = 0;

    for (int nth = 1; next < QR_ARRAY_SIZE(missing) && nth < 40; nth++) {
        const struct test_spec spec = {.pages = 1024};
        struct quarry *q = boot_percpu(&spec);
        int left = nth;
        char *token;
        qr_fault_set_hook(&q->faults, nth_fails, &left);
        token = qr_percpu_alloc(&q->percpu, 2000, 8, GFP_NOWAIT & ~__GFP_NOWARN, "alloc_percpu");
        qr_fault_set_hook(&q->faults, NULL, NULL);
        if (!token) {
            while (next < QR_ARRAY_SIZE(missing) && !strstr(heard.text, missing[next]))
                next++;
            assert_true(next < QR_ARRAY_SIZE(missing));
            heard_is(QUARRY_OUT_OF_MEMORY, "", NULL, 2000,
                     "alloc_percpu of 2000 bytes a CPU, mode:%#x(%s) failed: %s",
                     GFP_NOWAIT & ~__GFP_NOWARN, "__GFP_KSWAPD_RECLAIM", missing[next]);
            assert_int_equal(q->percpu.nr_areas, 0);
            assert_int_equal(in_cache(q->percpu.area_cache), 0);
            left = nth;
            qr_fault_set_hook(&q->faults, nth_fails, &left);
            token = qr_percpu_alloc(&q->percpu, 2000, 8, GFP_NOWAIT | __GFP_NOWARN, "alloc_percpu");
            qr_fault_set_hook(&q->faults, NULL, NULL);
            assert_int_equal(heard.nr, 0);
        } else if (next + 1 == QR_ARRAY_SIZE(missing)) {
            next++; /* the last of them was seen, and there is no more */
        }
        qr_percpu_free(&q->percpu, token);
        test_end(q);
    }
    assert_int_equal(next, QR_ARRAY_SIZE(missing));
}

static bool keep_mask(const struct quarry_fault_request *request, void *data)
{
    if (request->point == QUARRY_FAIL_PAGE_ALLOC && request->size == 8192)
        *(gfp_t *)data = request->gfp;
    return false;
}

/* An access cannot fail: who may sleep waits for memory, others have all of it. */
static void an_instance_that_comes_late_is_asked_for_with_all_means(void **state)
{
    const struct test_spec spec = {.pages = 1024};
    struct quarry *q = boot_percpu(&spec);
    char *token = get_percpu(q, 8192, 8);
    gfp_t mask = 0;

    qr_fault_set_hook(&q->faults, keep_mask, &mask);
    qp_atomic_enter();
    assert_non_null(qr_percpu_ptr(&q->percpu, token, 5));
    qp_atomic_leave();
    assert_int_equal(mask, GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN);
    mask = 0;
    assert_non_null(qr_percpu_ptr(&q->percpu, token, 6));
    assert_int_equal(mask, GFP_KERNEL | __GFP_NOFAIL | __GFP_NOWARN);
    mask = 0;
    qr_percpu_ptr(&q->percpu, token, 6); /* it is there */
    assert_int_equal(mask, 0);
    qr_fault_set_hook(&q->faults, NULL, NULL);
    qr_percpu_free(&q->percpu, token);
    assert_int_equal(heard.nr, 0);
    test_end(q);
}

/* ---- walks and the check --------------------------------------------------------------------- */

struct live_areas {
    struct quarry_live live[4];
    unsigned int nr, most;
};

static bool keep_area(const struct quarry_live *live, void *data)
{
    struct live_areas *areas = data;

    areas->live[areas->nr++] = *live;
    return areas->nr < areas->most;
}

static void a_walk_names_each_token_and_ends_where_it_is_told(void **state)
{
    static const char *const options[] = {NULL, "check=1"};

    for (unsigned int level = 0; level < 2; level++) {
        const struct test_spec spec = {.pages = 1024, .options = options[level]};
        struct quarry *q = boot_percpu(&spec);
        char *token[3] = {get_percpu(q, 10, 8), get_percpu(q, 20, 8), get_percpu(q, 2000, 8)};
        struct live_areas all = {.most = 4}, two = {.most = 2};
        qr_percpu_for_each_live(&q->percpu, keep_area, &all);
        assert_int_equal(all.nr, 3);
        for (unsigned int i = 0; i < 3; i++) {
            assert_ptr_equal(all.live[i].address, token[i]);
            assert_int_equal(all.live[i].size, i == 2 ? 2000 : 10 * (i + 1));
            assert_int_equal(all.live[i].gfp, GFP_KERNEL);
            assert_true(!level || (all.live[i].allocated.nr > 0 && all.live[i].when_ns > 0));
            assert_true(!level || i == 0 || all.live[i].sequence > all.live[i - 1].sequence);
        }
        for (two.most = 1; two.most <= 3; two.most++) {
            two.nr = 0;
            qr_percpu_for_each_live(&q->percpu, keep_area, &two);
            assert_int_equal(two.nr, two.most);
        }
        for (unsigned int i = 0; i < 3; i++)
            qr_percpu_free(&q->percpu, token[i]);
        test_end(q);
    }
}

/* With @value in @place there is one contradiction; before and after, none. */
#define CONTRADICTS_ONCE(q, place, value)                                                          \
    do {                                                                                           \
        __typeof__(place) kept_ = (place);                                                         \
        unsigned long found_;                                                                      \
        assert_int_equal(qr_percpu_check(&(q)->percpu), 0);                                        \
        (place) = (value);                                                                         \
        found_ = qr_percpu_check(&(q)->percpu);                                                    \
        (place) = kept_;                                                                           \
        assert_int_equal(found_, 1);                                                               \
        heard_is(QUARRY_CORRUPTION, "", NULL, 0, "per-CPU memory: 1 contradictions in its areas"); \
    } while (0)

static void each_contradiction_is_found(void **state)
{
    const struct test_spec spec = {.pages = 1024};
    struct quarry *q = boot_percpu(&spec);
    char *token[3] = {get_percpu(q, 16, 8), get_percpu(q, 24, 8), get_percpu(q, 2000, 8)};
    struct qr_percpu_chunk *chunk = q->percpu.table[0], *own = q->percpu.table[1];
    struct qr_percpu_area *first = chunk->areas, *second = first->next;

    CONTRADICTS_ONCE(q, q->percpu.nr_areas, 4);
    CONTRADICTS_ONCE(q, q->percpu.nr_areas, 2);
    CONTRADICTS_ONCE(q, chunk->number, 1);
    CONTRADICTS_ONCE(q, second->offset, 15);
    CONTRADICTS_ONCE(q, first->asked, 17);
    CONTRADICTS_ONCE(q, chunk->unit_bytes, 39);
    CONTRADICTS_ONCE(q, own->areas->size, 4097);
    q->percpu.nr_areas--; /* a chunk without areas, and one area less */
    first = own->areas;
    own->areas = NULL;
    assert_int_equal(qr_percpu_check(&q->percpu), 1);
    own->areas = first;
    q->percpu.nr_areas++;
    assert_int_equal(qr_percpu_check(&q->percpu), 0);
    for (unsigned int i = 0; i < 3; i++)
        qr_percpu_free(&q->percpu, token[i]);
    test_end(q);
}

/* ---- static variables ------------------------------------------------------------------------ */

/* Ranges belong to the program and outlive a machine; what was made of them does not. */
static void ranges_stay_when_everything_else_is_forgotten(void **state)
{
    static int variable[4] = {1, 2, 3, 4};
    const struct test_spec spec = {.pages = 1024};
    struct quarry *q = boot_percpu(&spec);
    struct qr_percpu copy;

    assert_int_equal(qr_percpu_register(&q->percpu, variable, sizeof(variable)), 0);
    assert_int_equal(qr_percpu_register(&q->percpu, variable, sizeof(variable)), 0);
    assert_int_equal(*(int *)qr_percpu_ptr(&q->percpu, &variable[3], 2), 4);
    assert_non_null(q->percpu.range[0].chunk);
    assert_int_equal(q->percpu.range[0].chunk->image_bytes, sizeof(variable));
    assert_int_equal(q->percpu.range[0].chunk->unit_bytes, PERCPU_SHARED_UNIT);
    copy = q->percpu;
    for (unsigned int i = 1; i < QR_PERCPU_STATICS; i++)
        copy.range[i].chunk = copy.range[0].chunk;
    qr_percpu_clear(&copy);
    for (unsigned int i = 0; i < QR_PERCPU_STATICS; i++)
        assert_null(copy.range[i].chunk);
    assert_int_equal(copy.range[0].start, (uintptr_t)variable);
    assert_int_equal(copy.range[0].size, sizeof(variable));
    assert_int_equal(copy.range[0].users, 2);
    assert_int_equal(copy.nr_chunks, 0);
    assert_null(copy.area_cache);
    for (int i = 2; i-- > 0;) {
        qr_percpu_unregister(&q->percpu, variable);
        assert_int_equal(q->percpu.range[0].users, i);
        assert_int_equal(q->percpu.range[0].size, i ? sizeof(variable) : 0);
    }
    assert_null(q->percpu.range[0].chunk);
    records_are(q, 0, 0, 0, 0);
    qr_percpu_unregister(&q->percpu, variable); /* nothing there any more */
    test_end(q);
}

static void every_range_is_found_whatever_its_place(void **state)
{
    static int variable[QR_PERCPU_STATICS][2];
    const struct test_spec spec = {.pages = 2048};
    struct quarry *q = boot_percpu(&spec);

    for (int i = 0; i < QR_PERCPU_STATICS; i++) {
        variable[i][1] = 100 + i;
        assert_int_equal(qr_percpu_register(&q->percpu, variable[i], sizeof(variable[i])), 0);
    }
    for (int i = 0; i < QR_PERCPU_STATICS; i++) {
        int *here = qr_percpu_ptr(&q->percpu, &variable[i][1], 0);
        assert_ptr_not_equal(here, &variable[i][1]);
        assert_int_equal(*here, 100 + i);
        assert_int_equal(here[-1], 0);
        assert_int_equal(q->percpu.range[i].start, (uintptr_t)variable[i]);
        assert_int_equal(q->percpu.range[i].changes & 1, 0);
    }
    assert_int_equal(in_cache(q->percpu.chunk_cache), QR_PERCPU_STATICS);
    for (int i = 0; i < QR_PERCPU_STATICS; i += 2)
        qr_percpu_unregister(&q->percpu, variable[i]);
    assert_int_equal(in_cache(q->percpu.chunk_cache), QR_PERCPU_STATICS / 2);
    for (int i = 1; i < QR_PERCPU_STATICS; i += 2) {
        assert_int_equal(*(int *)qr_percpu_ptr(&q->percpu, &variable[i][1], 0), 100 + i);
        qr_percpu_unregister(&q->percpu, variable[i]);
    }
    records_are(q, 0, 0, 0, 0);
    assert_int_equal(heard.nr, 0);
    test_end(q);
}

/* A range that is larger than what chunks share has units of whole pages. */
static void a_large_range_has_units_of_its_size(void **state)
{
    static char image[5000] = "image";
    const struct test_spec spec = {.pages = 1024};
    struct quarry *q = boot_percpu(&spec);
    char *last;

    image[4999] = 9;
    assert_int_equal(qr_percpu_register(&q->percpu, image, sizeof(image)), 0);
    last = qr_percpu_ptr(&q->percpu, &image[4999], 3);
    assert_int_equal(*last, 9);
    assert_int_equal(last[1], 0); /* behind the image */
    assert_string_equal((char *)qr_percpu_ptr(&q->percpu, image, 3), "image");
    assert_int_equal(q->percpu.range[0].chunk->unit_bytes, 8192);
    qr_percpu_unregister(&q->percpu, image);
    test_end(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_area_lies_in_the_first_gap_that_holds_it),
        cmocka_unit_test(a_large_area_has_a_chunk_to_itself),
        cmocka_unit_test(records_come_with_the_cpus_that_ask_and_go_with_the_last_area),
        cmocka_unit_test(an_instance_lies_on_its_cpus_node),
        cmocka_unit_test(tokens_are_as_many_as_there_are_addresses_for),
        cmocka_unit_test(each_refusal_says_why),
        cmocka_unit_test(what_was_freed_is_no_per_cpu_memory),
        cmocka_unit_test(tokens_end_where_units_do),
        cmocka_unit_test(each_shortage_says_what_was_missing),
        cmocka_unit_test(an_instance_that_comes_late_is_asked_for_with_all_means),
        cmocka_unit_test(a_walk_names_each_token_and_ends_where_it_is_told),
        cmocka_unit_test(each_contradiction_is_found),
        cmocka_unit_test(ranges_stay_when_everything_else_is_forgotten),
        cmocka_unit_test(every_range_is_found_whatever_its_place),
        cmocka_unit_test(a_large_range_has_units_of_its_size),
    };
    return cmocka_run_group_tests_name("records of per-CPU memory", tests, NULL, NULL);
}
