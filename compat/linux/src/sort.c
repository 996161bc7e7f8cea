/* SPDX-License-Identifier: MIT */
/* sort: arrays by heap sort (Williams 1964; Floyd 1964), which needs no memory and no luck; lists by merging
 * from the bottom up (Knuth, The Art of Computer Programming 3, 5.2.4), which is stable; checksums
 * by a table of nibbles. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/crc32.h>
#include <linux/list_sort.h>
#include <linux/sort.h>

/* ---- arrays ---------------------------------------------------------------------------------- */

struct sorting {
    char *base;
    size_t size;
    cmp_r_func_t cmp;
    swap_r_func_t exchange;
    const void *priv;
};

static char *sort_at(const struct sorting *sorting, size_t i)
{
    return sorting->base + i * sorting->size;
}

static void sort_swap(const struct sorting *sorting, size_t i, size_t j)
{
    char *a = sort_at(sorting, i), *b = sort_at(sorting, j);
    if (sorting->exchange) {
        sorting->exchange(a, b, (int)sorting->size, sorting->priv);
        return;
    }
    for (size_t n = 0; n < sorting->size; n++)
        swap(a[n], b[n]);
}

/* Let element @at sink among the first @num until it is not below a child. */
static void sort_sink(const struct sorting *sorting, size_t at, size_t num)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= num)
            return;
        if (child + 1 < num &&
            sorting->cmp(sort_at(sorting, child), sort_at(sorting, child + 1), sorting->priv) < 0)
            child++;
        if (sorting->cmp(sort_at(sorting, at), sort_at(sorting, child), sorting->priv) >= 0)
            return;
        sort_swap(sorting, at, child);
        at = child;
    }
}

QUARRY_API void sort_r(void *base, size_t num, size_t size, cmp_r_func_t cmp, swap_r_func_t swap,
                       const void *priv)
{
    struct sorting sorting = {base, size, cmp, swap, priv};
    for (size_t i = num / 2; i-- > 0;)
        sort_sink(&sorting, i, num);
    for (size_t i = num; i-- > 1;) {
        sort_swap(&sorting, 0, i);
        sort_sink(&sorting, 0, i);
    }
}

struct sort_plain {
    cmp_func_t cmp;
    swap_func_t exchange;
};

static int sort_plain_cmp(const void *a, const void *b, const void *priv)
{
    return ((const struct sort_plain *)priv)->cmp(a, b);
}

static void sort_plain_swap(void *a, void *b, int size, const void *priv)
{
    ((const struct sort_plain *)priv)->exchange(a, b, size);
}

QUARRY_API void sort(void *base, size_t num, size_t size, cmp_func_t cmp, swap_func_t swap)
{
    struct sort_plain plain = {cmp, swap};
    sort_r(base, num, size, sort_plain_cmp, swap ? sort_plain_swap : NULL, &plain);
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* Merge two chains that end with NULL; of equals those of @a first. */
static struct list_head *list_merge(void *priv, list_cmp_func_t cmp, struct list_head *a,
                                    struct list_head *b)
{
    struct list_head *head = NULL, **tail = &head;
    while (a && b) {
        struct list_head **from = cmp(priv, a, b) > 0 ? &b : &a;
        *tail = *from;
        tail = &(*from)->next;
        *from = *tail;
    }
    *tail = a ? a : b;
    return head;
}

/* part[i] is a sorted chain of 2^i entries, or NULL: a binary counter of merges. */
QUARRY_API void list_sort(void *priv, struct list_head *head, list_cmp_func_t cmp)
{
    struct list_head *part[64] = {NULL}, *all = NULL, *next, *last = head;
    unsigned int top = 0;
    head->prev->next = NULL;
    for (struct list_head *at = head->next; at && at != head; at = next) {
        unsigned int i = 0;
        next = at->next;
        at->next = NULL;
        for (; part[i]; i++) {
            at = list_merge(priv, cmp, part[i], at);
            part[i] = NULL;
        }
        part[i] = at;
        top = max(top, i + 1);
    }
    for (unsigned int i = 0; i < top; i++)
        all = all ? list_merge(priv, cmp, part[i], all) : part[i];
    for (; all; all = all->next) {
        last->next = all;
        all->prev = last;
        last = all;
    }
    last->next = head;
    head->prev = last;
}

/* ---- checksums ------------------------------------------------------------------------------- */

/* Bit by bit, lowest first, with the reversed polynomial. */
static u32 crc_low_first(u32 crc, const unsigned char *p, size_t n, u32 polynomial)
{
    u32 table[16];
    for (u32 i = 0; i < 16; i++) {
        u32 word = i;
        for (int bit = 0; bit < 4; bit++)
            word = (word >> 1) ^ (word & 1 ? polynomial : 0);
        table[i] = word;
    }
    while (n-- > 0) {
        crc ^= *p++;
        crc = (crc >> 4) ^ table[crc & 15];
        crc = (crc >> 4) ^ table[crc & 15];
    }
    return crc;
}

QUARRY_API u32 crc32_le(u32 crc, const unsigned char *p, size_t n)
{
    return crc_low_first(crc, p, n, 0xedb88320u);
}

QUARRY_API u32 __crc32c_le(u32 crc, const unsigned char *p, size_t n)
{
    return crc_low_first(crc, p, n, 0x82f63b78u);
}

QUARRY_API u32 crc32_be(u32 crc, const unsigned char *p, size_t n)
{
    while (n-- > 0) {
        crc ^= (u32)*p++ << 24;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc << 1) ^ (crc & 0x80000000u ? 0x04c11db7u : 0);
    }
    return crc;
}
