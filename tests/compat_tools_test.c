/* SPDX-License-Identifier: MIT */
/* compat/linux: numbers for objects, queues in rings, bitmaps, sequence locks. */
#include "compat.h"
#include <linux/bitmap.h>
#include <linux/circ_buf.h>
#include <linux/idr.h>
#include <linux/kfifo.h>
#include <linux/seqlock.h>

static unsigned long live_now(void)
{
    rcu_barrier();
    return compat_live();
}

static void the_lowest_free_number_is_given(void **state)
{
    unsigned long before = live_now();
    DEFINE_IDR(idr);
    int objects[100], id;
    void *at;
    for (int i = 0; i < 100; i++)
        assert_int_equal(idr_alloc(&idr, &objects[i], 0, 0, GFP_KERNEL), i);
    assert_ptr_equal(idr_find(&idr, 42), &objects[42]);
    assert_ptr_equal(idr_remove(&idr, 42), &objects[42]);
    assert_null(idr_find(&idr, 42));
    assert_null(idr_remove(&idr, 42));
    assert_int_equal(idr_alloc(&idr, &objects[0], 10, 42, GFP_KERNEL), -ENOSPC);
    assert_int_equal(idr_alloc(&idr, &objects[42], 10, 43, GFP_KERNEL), 42);
    assert_int_equal(idr_alloc(&idr, &objects[0], -1, 0, GFP_KERNEL), -EINVAL);
    assert_int_equal(idr_alloc(&idr, &objects[0], 500, 0, GFP_KERNEL), 500);
    assert_int_equal(idr_alloc(&idr, &objects[0], 0, 0, GFP_KERNEL), 100);
    assert_ptr_equal(idr_replace(&idr, &objects[1], 500), &objects[0]);
    id = 101;
    assert_ptr_equal(idr_get_next(&idr, &id), &objects[1]);
    assert_int_equal(id, 500);
    idr_for_each_entry(&idr, at, id) idr_remove(&idr, (unsigned long)id);
    assert_true(idr_is_empty(&idr));
    assert_int_equal(live_now(), before); /* nothing is kept for an empty one */
    assert_int_equal(idr_alloc_cyclic(&idr, &idr, 0, 3, GFP_KERNEL), 0);
    idr_remove(&idr, 0);
    assert_int_equal(idr_alloc_cyclic(&idr, &idr, 0, 3, GFP_KERNEL), 1);
    assert_int_equal(idr_alloc_cyclic(&idr, &idr, 0, 3, GFP_KERNEL), 2);
    assert_int_equal(idr_alloc_cyclic(&idr, &idr, 0, 3, GFP_KERNEL), 0);
    assert_int_equal(idr_alloc_cyclic(&idr, &idr, 0, 3, GFP_KERNEL), -ENOSPC);
    idr_destroy(&idr);
    assert_int_equal(live_now(), before);
}

static void numbers_alone_are_given_and_taken_back(void **state)
{
    unsigned long before = live_now();
    DEFINE_IDA(ida);
    assert_int_equal(ida_alloc(&ida, GFP_KERNEL), 0);
    assert_int_equal(ida_alloc_min(&ida, 5, GFP_KERNEL), 5);
    assert_int_equal(ida_alloc_max(&ida, 0, GFP_KERNEL), -ENOSPC);
    assert_int_equal(ida_alloc_range(&ida, 5, 6, GFP_KERNEL), 6);
    hear_nothing();
    ida_free(&ida, 1);
    assert_int_equal(heard_compat, 1);
    ida_free(&ida, 0);
    ida_free(&ida, 5);
    ida_free(&ida, 6);
    assert_true(ida_is_empty(&ida));
    assert_int_equal(live_now(), before);
    quarry_fault_set(QUARRY_FAILSLAB, &(struct quarry_fault){.nth = 1});
    assert_int_equal(ida_alloc(&ida, GFP_KERNEL), -ENOMEM);
    quarry_fault_set(QUARRY_FAILSLAB, NULL);
}

static void a_fifo_gives_back_in_order_around_its_end(void **state)
{
    unsigned long before = compat_live();
    DEFINE_KFIFO(numbers, int, 8);
    struct kfifo bytes;
    unsigned int copied;
    char text[20] = "";
    int value, next = 0;
    for (int i = 0; i < 100; i++) {
        if (kfifo_put(&numbers, i) == 0) {
            assert_true(kfifo_is_full(&numbers));
            for (int n = 0; n < 5; n++) {
                assert_int_equal(kfifo_get(&numbers, &value), 1);
                assert_int_equal(value, next++);
            }
            i--;
        }
    }
    assert_int_equal(kfifo_len(&numbers), 100 - next);
    assert_int_equal(kfifo_alloc(&bytes, 10, GFP_KERNEL), 0);
    assert_int_equal(kfifo_size(&bytes), 16);
    assert_int_equal(kfifo_in(&bytes, "0123456789abcdefXYZ", 19), 16);
    assert_int_equal(kfifo_out(&bytes, text, 10), 10);
    assert_string_equal(text, "0123456789");
    assert_int_equal(kfifo_in(&bytes, "ghij", 4), 4);
    assert_int_equal(kfifo_out_peek(&bytes, text, 20), 10);
    assert_memory_equal(text, "abcdefghij", 10);
    qlx_user_range(0x9000, 8, text, true);
    assert_int_equal(kfifo_to_user(&bytes, (void *)0x9000, 8, &copied), 0);
    assert_int_equal(copied, 8);
    assert_memory_equal(text, "abcdefgh", 8);
    assert_int_equal(kfifo_from_user(&bytes, (void *)0x9004, 8, &copied), -EFAULT);
    assert_int_equal(copied, 4);
    assert_int_equal(kfifo_len(&bytes), 6);
    qlx_user_ranges_clear();
    kfifo_free(&bytes);
    assert_int_equal(compat_live(), before);
    assert_int_equal(kfifo_alloc(&bytes, 1, GFP_KERNEL), -EINVAL);
}

static void a_bitmap_finds_room(void **state)
{
    unsigned long *map = bitmap_zalloc(100, GFP_KERNEL);
    assert_true(bitmap_empty(map, 100));
    bitmap_set(map, 3, 10);
    assert_int_equal(bitmap_weight(map, 100), 10);
    assert_int_equal(bitmap_find_next_zero_area(map, 100, 0, 4, 0), 13);
    assert_int_equal(bitmap_find_next_zero_area(map, 100, 0, 4, 3), 16);
    assert_true(bitmap_find_next_zero_area(map, 100, 0, 90, 0) > 100);
    bitmap_clear(map, 3, 10);
    assert_true(bitmap_empty(map, 100));
    bitmap_free(map);
    assert_int_equal(CIRC_CNT(2, 14, 16), 4);
    assert_int_equal(CIRC_SPACE(2, 14, 16), 11);
    assert_int_equal(CIRC_CNT_TO_END(2, 14, 16), 2);
}

static DEFINE_SEQLOCK(seqlock);
static unsigned long pair[2];
static atomic_t pair_stop;
static void *pair_writer(void *arg)
{
    while (!atomic_read(&pair_stop)) {
        write_seqlock(&seqlock);
        WRITE_ONCE(pair[0], pair[0] + 1);
        WRITE_ONCE(pair[1], pair[1] + 1);
        write_sequnlock(&seqlock);
    }
    return NULL;
}

static void a_reader_never_sees_half_a_write(void **state)
{
    pthread_t writer;
    atomic_set(&pair_stop, 0);
    pthread_create(&writer, NULL, pair_writer, NULL);
    for (int i = 0; i < 20000; i++) {
        unsigned long a, b;
        unsigned int seen;
        do {
            seen = read_seqbegin(&seqlock);
            a = READ_ONCE(pair[0]);
            b = READ_ONCE(pair[1]);
        } while (read_seqretry(&seqlock, seen));
        assert_int_equal(a, b);
    }
    atomic_set(&pair_stop, 1);
    pthread_join(writer, NULL);
}

COMPAT_MAIN(cmocka_unit_test(the_lowest_free_number_is_given),
            cmocka_unit_test(numbers_alone_are_given_and_taken_back),
            cmocka_unit_test(a_fifo_gives_back_in_order_around_its_end),
            cmocka_unit_test(a_bitmap_finds_room),
            cmocka_unit_test(a_reader_never_sees_half_a_write))
