/* SPDX-License-Identifier: MIT */
/* compat/linux: sorting, searching, lists, hash tables, bitmaps, checksums, identifiers and random
 * numbers. */
#include "compat.h"
#include <linux/bitmap.h>
#include <linux/bsearch.h>
#include <linux/crc32.h>
#include <linux/hashtable.h>
#include <linux/kthread.h>
#include <linux/list_sort.h>
#include <linux/llist.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uuid.h>
#include <stdlib.h>

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static unsigned int swaps;
static void counting_swap(void *a, void *b, int size)
{
    char kept[16];
    memcpy(kept, a, (size_t)size);
    memcpy(a, b, (size_t)size);
    memcpy(b, kept, (size_t)size);
    swaps++;
}

static void arrays_are_sorted_as_libc_sorts_them(void **state)
{
    static int ours[500], libcs[500];
    srand(1);
    for (unsigned int n = 0; n < 500; n++) {
        for (unsigned int i = 0; i < n; i++)
            ours[i] = libcs[i] = n % 3 ? rand() % 100 : n % 2 ? (int)i : -(int)i;
        swaps = 0;
        sort(ours, n, sizeof(int), compare_ints, n % 2 ? counting_swap : NULL);
        qsort(libcs, n, sizeof(int), compare_ints);
        assert_memory_equal(ours, libcs, n * sizeof(int));
        assert_true(n < 2 || !(n % 2) || swaps > 0);
        if (n) {
            int *found = bsearch(&libcs[n / 2], ours, n, sizeof(int), compare_ints);
            assert_non_null(found);
            assert_int_equal(*found, libcs[n / 2]);
        }
    }
}

struct item {
    struct list_head list;
    struct hlist_node hash;
    struct llist_node lock_free;
    int key, order;
};

static int compare_items(void *priv, const struct list_head *a, const struct list_head *b)
{
    ++*(unsigned int *)priv;
    return list_entry(a, struct item, list)->key - list_entry(b, struct item, list)->key;
}

static void lists_are_sorted_and_equals_keep_their_order(void **state)
{
    static struct item items[700];
    srand(2);
    for (int n = 0; n < 700; n += n < 40 ? 1 : 37) {
        struct item *item, *before = NULL;
        unsigned int compared = 0;
        int count = 0;
        LIST_HEAD(list);
        for (int i = 0; i < n; i++) {
            items[i].key = rand() % 20;
            items[i].order = i;
            list_add_tail(&items[i].list, &list);
        }
        list_sort(&compared, &list, compare_items);
        list_for_each_entry (item, &list, list) {
            if (before) {
                assert_true(before->key < item->key ||
                            (before->key == item->key && before->order < item->order));
                assert_ptr_equal(item->list.prev, &before->list);
            }
            before = item;
            count++;
        }
        assert_int_equal(count, n);
        assert_ptr_equal(list.prev, before ? &before->list : &list);
        assert_true(compared <= (unsigned int)n * 11);
    }
}

/* A list as the string of its keys. */
static const char *keys_of(struct list_head *head)
{
    static char text[64];
    struct item *item;
    size_t n = 0;
    list_for_each_entry (item, head, list) {
        assert_ptr_equal(item->list.next->prev, &item->list);
        text[n++] = (char)('a' + item->key);
    }
    text[n] = '\0';
    return text;
}

static void nothing(void)
{
}

static void pieces_of_lists_move(void **state)
{
    struct item items[8], *at, *next;
    LIST_HEAD(list);
    LIST_HEAD(other);
    for (int i = 0; i < 8; i++) {
        items[i].key = i;
        list_add_tail(&items[i].list, &list);
    }
    list_cut_before(&other, &list, &items[3].list);
    assert_string_equal(keys_of(&other), "abc");
    assert_string_equal(keys_of(&list), "defgh");
    list_cut_before(&other, &list, &items[3].list);
    assert_true(list_empty(&other));
    for (int i = 0; i < 3; i++)
        list_add_tail(&items[i].list, &other);
    list_splice_init_rcu(&other, &list, nothing);
    assert_string_equal(keys_of(&list), "abcdefgh");
    assert_true(list_empty(&other));
    list_rotate_to_front(&items[5].list, &list);
    assert_string_equal(keys_of(&list), "fghabcde");
    at = &items[4];
    assert_ptr_equal(list_next_entry_circular(at, &list, list), &items[5]);
    at = &items[5];
    assert_ptr_equal(list_prev_entry_circular(at, &list, list), &items[4]);
    at = &items[6];
    next = NULL;
    list_for_each_entry_from_reverse(at, &list, list) next = at;
    assert_ptr_equal(next, &items[5]);
    list_del_init_careful(&items[0].list);
    assert_true(list_empty_careful(&items[0].list));
    assert_string_equal(keys_of(&list), "fghbcde");
}

static void hash_tables_keep_what_is_added(void **state)
{
    static struct item items[200];
    DEFINE_HASHTABLE(table, 4);
    struct item *at;
    struct hlist_node *next;
    HLIST_HEAD(moved);
    unsigned int n = 0;
    int bucket;
    for (int i = 0; i < 200; i++) {
        items[i].key = i / 2;
        hash_add_rcu(table, &items[i].hash, items[i].key);
    }
    rcu_read_lock();
    hash_for_each_possible_rcu(table, at, hash, 70)
    {
        n += at->key == 70;
    }
    assert_int_equal(n, 2);
    n = 0;
    hash_for_each_rcu(table, bucket, at, hash)
    {
        n++;
    }
    rcu_read_unlock();
    assert_int_equal(n, 200);
    hash_for_each_safe(table, bucket, next, at, hash)
    {
        if (at->key % 2)
            hash_del_rcu(&at->hash);
    }
    n = 0;
    hash_for_each(table, bucket, at, hash)
    {
        assert_true(at->key % 2 == 0);
        n++;
    }
    assert_int_equal(n, 100);
    assert_false(hash_hashed(&items[2].hash));
    assert_true(hash_hashed(&items[0].hash));
    n = (unsigned int)hlist_count_nodes(&table[0]);
    assert_true(n > 1);
    hlist_move_list(&table[0], &moved);
    assert_true(hlist_empty(&table[0]));
    assert_int_equal(hlist_count_nodes(&moved), n);
    at = hlist_entry(moved.first, struct item, hash);
    hlist_for_each_entry_continue(at, hash) n--;
    assert_int_equal(n, 1);
    hlist_del_rcu(moved.first);
    hlist_add_tail_rcu(&items[2].hash, &moved);
    hlist_replace_rcu(&items[2].hash, &items[3].hash);
    for (next = moved.first; next->next;)
        next = next->next;
    assert_ptr_equal(next, &items[3].hash);
}

/* Several threads add, one takes everything: nothing is lost, each thread's order is kept. */
#define ADDERS 3
#define ADDED 20000
static struct llist_head inbox;
static struct item added[ADDERS][ADDED];
static int adder(void *data)
{
    struct item *mine = data;
    for (int i = 0; i < ADDED; i++) {
        mine[i].order = i;
        llist_add(&mine[i].lock_free, &inbox);
    }
    while (!kthread_should_stop())
        yield();
    return 0;
}

static void a_lock_free_list_loses_nothing(void **state)
{
    struct task_struct *thread[ADDERS];
    int seen[ADDERS] = {0}, total = 0;
    for (int i = 0; i < ADDERS; i++) {
        for (int n = 0; n < ADDED; n++)
            added[i][n].key = i;
        thread[i] = kthread_run(adder, added[i], "adder/%d", i);
    }
    while (total < ADDERS * ADDED) {
        struct llist_node *all = llist_reverse_order(llist_del_all(&inbox));
        struct item *item, *next;
        llist_for_each_entry_safe(item, next, all, lock_free)
        {
            assert_int_equal(item->order, seen[item->key]++);
            total++;
        }
    }
    assert_true(llist_empty(&inbox));
    for (int i = 0; i < ADDERS; i++)
        kthread_stop(thread[i]);
    assert_true(llist_add(&added[0][0].lock_free, &inbox));
    assert_false(llist_add(&added[0][1].lock_free, &inbox));
    assert_ptr_equal(llist_del_first(&inbox), &added[0][1].lock_free);
    assert_ptr_equal(llist_del_first_init(&inbox), &added[0][0].lock_free);
    assert_false(llist_on_list(&added[0][0].lock_free));
    assert_null(llist_del_first(&inbox));
}

static void bitmaps_are_sets(void **state)
{
    DECLARE_BITMAP(a, 130);
    DECLARE_BITMAP(b, 130);
    DECLARE_BITMAP(c, 130);
    unsigned long bit, n = 0;
    u32 words[5];
    bitmap_zero(a, 130);
    bitmap_zero(b, 130);
    bitmap_set(a, 60, 10);
    bitmap_set(b, 65, 60);
    assert_true(bitmap_and(c, a, b, 130));
    assert_int_equal(bitmap_weight(c, 130), 5);
    assert_true(bitmap_intersects(a, b, 130));
    assert_true(bitmap_subset(c, a, 130));
    assert_false(bitmap_subset(a, b, 130));
    assert_true(bitmap_andnot(c, a, b, 130));
    assert_false(bitmap_intersects(c, b, 130));
    bitmap_or(c, c, b, 130);
    bitmap_xor(c, c, b, 130);
    bitmap_clear(a, 65, 5);
    assert_true(bitmap_equal(a, c, 130));
    bitmap_complement(c, c, 130);
    assert_int_equal(bitmap_weight(c, 130), 125);
    bitmap_shift_left(c, a, 65, 130);
    assert_int_equal(find_first_bit(c, 130), 125);
    bitmap_shift_right(c, c, 125, 130);
    assert_int_equal(c[0], 0x1f);
    bitmap_to_arr32(words, b, 130);
    bitmap_from_arr32(c, words, 130);
    assert_true(bitmap_equal(b, c, 130));
    bit = 70;
    for_each_set_bit_from(bit, b, 130) n++;
    assert_int_equal(n, 55);
    assert_int_equal(find_nth_bit(b, 130, 3), 68);
    assert_int_equal(find_next_and_bit(a, b, 130, 0), 130);
    assert_int_equal(find_next_andnot_bit(a, b, 130, 61), 61);
    bitmap_zero(a, 128);
    assert_int_equal(bitmap_find_free_region(a, 128, 5), 0);
    assert_int_equal(bitmap_find_free_region(a, 128, 3), 32);
    assert_int_equal(bitmap_find_free_region(a, 128, 6), 64);
    assert_int_equal(bitmap_find_free_region(a, 128, 6), -ENOMEM);
    assert_int_equal(bitmap_allocate_region(a, 32, 3), -EBUSY);
    bitmap_release_region(a, 0, 5);
    assert_int_equal(bitmap_allocate_region(a, 0, 5), 0);
    assert_int_equal(sign_extend64(0xff, 7), -1);
    assert_int_equal(rol16(0x8001, 1), 3);
    assert_int_equal(get_count_order(9), 4);
}

/* The check values of the catalogue of parametrised CRC algorithms. */
static void checksums_are_the_known_ones(void **state)
{
    const unsigned char *text = (const unsigned char *)"123456789";
    assert_int_equal(crc32_le(~0u, text, 9) ^ ~0u, 0xcbf43926u);
    assert_int_equal(crc32_be(~0u, text, 9) ^ ~0u, 0xfc891918u);
    assert_int_equal(crc32c(~0u, text, 9) ^ ~0u, 0xe3069283u);
    assert_int_equal(crc32_le(crc32_le(~0u, text, 4), text + 4, 5) ^ ~0u, 0xcbf43926u);
}

static void identifiers_are_read_and_made(void **state)
{
    static const char text[] = "00112233-4455-6677-8899-aAbBcCdDeEfF";
    uuid_t uuid, other;
    guid_t guid;
    assert_int_equal(uuid_parse(text, &uuid), 0);
    other = UUID_INIT(0x00112233, 0x4455, 0x6677, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff);
    assert_true(uuid_equal(&uuid, &other));
    assert_int_equal(guid_parse(text, &guid), 0);
    assert_int_equal(guid.b[0], 0x33);
    assert_true(guid_equal(&guid, &GUID_INIT(0x00112233, 0x4455, 0x6677, 0x88, 0x99, 0xaa, 0xbb,
                                             0xcc, 0xdd, 0xee, 0xff)));
    assert_int_equal(uuid_parse("00112233-4455-6677-8899-aabbccddeef", &uuid), -EINVAL);
    assert_int_equal(uuid_parse("00112233x4455-6677-8899-aabbccddeeff", &uuid), -EINVAL);
    assert_false(uuid_is_null(&uuid));
    assert_true(uuid_is_null(&uuid_null));
    for (int i = 0; i < 20; i++) {
        uuid_gen(&uuid);
        uuid_gen(&other);
        assert_false(uuid_equal(&uuid, &other));
        assert_int_equal(uuid.b[6] >> 4, 4);
        assert_int_equal(uuid.b[8] >> 6, 2);
        guid_gen(&guid);
        assert_int_equal(guid.b[7] >> 4, 4);
    }
}

static void a_seed_repeats_the_numbers(void **state)
{
    unsigned char first[100], again[100], free[2][16];
    struct rnd_state mine;
    unsigned int hits[10] = {0};
    get_random_bytes(free[0], 16);
    get_random_bytes(free[1], 16);
    assert_memory_not_equal(free[0], free[1], 16);
    qlx_random_seed(42);
    get_random_bytes(first, sizeof(first));
    qlx_random_seed(42);
    get_random_bytes(again, sizeof(again));
    assert_memory_equal(first, again, sizeof(first));
    qlx_random_seed(43);
    get_random_bytes(again, sizeof(again));
    assert_memory_not_equal(first, again, sizeof(first));
    for (int i = 0; i < 10000; i++)
        hits[get_random_u32_below(10)]++;
    for (int i = 0; i < 10; i++)
        assert_in_range(hits[i], 800, 1200);
    for (int i = 0; i < 1000; i++) {
        assert_in_range(get_random_u32_inclusive(5, 7), 5, 7);
        assert_true(get_random_u32_above(~0u - 2) > ~0u - 2);
    }
    prandom_seed_state(&mine, 7);
    (void)prandom_u32_state(&mine);
    prandom_bytes_state(&mine, first, 8);
    prandom_seed_state(&mine, 7);
    (void)prandom_u32_state(&mine);
    prandom_bytes_state(&mine, again, 8);
    assert_memory_equal(first, again, 8);
}

COMPAT_MAIN(cmocka_unit_test(arrays_are_sorted_as_libc_sorts_them),
            cmocka_unit_test(lists_are_sorted_and_equals_keep_their_order),
            cmocka_unit_test(pieces_of_lists_move),
            cmocka_unit_test(hash_tables_keep_what_is_added),
            cmocka_unit_test(a_lock_free_list_loses_nothing), cmocka_unit_test(bitmaps_are_sets),
            cmocka_unit_test(checksums_are_the_known_ones),
            cmocka_unit_test(identifiers_are_read_and_made),
            cmocka_unit_test(a_seed_repeats_the_numbers))
