/* SPDX-License-Identifier: MIT */
/* A program without an operating system's library: start-up code, the four memory functions that every
 * freestanding compiler expects, and Quarry on 4 MiB. */
#include <quarry/quarry.h>
#include "host.h"

unsigned char host_ram[HOST_RAM_SIZE] __attribute__((aligned(4096)));

static long host_call(long number, long a, long b, long c)
{
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}

void host_write(const char *text, size_t size)
{
    host_call(1, 1, (long)text, (long)size);
}

void host_stop(int status)
{
    for (;;)
        host_call(60, status, 0, 0);
}

void *memset(void *to, int byte, size_t size)
{
    unsigned char *p = to;

    while (size--)
        *p++ = (unsigned char)byte;
    return to;
}

void *memcpy(void *to, const void *from, size_t size)
{
    unsigned char *p = to;
    const unsigned char *q = from;

    while (size--)
        *p++ = *q++;
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    unsigned char *p = to;
    const unsigned char *q = from;

    if (p <= q)
        return memcpy(to, from, size);
    while (size--)
        p[size] = q[size];
    return to;
}

int memcmp(const void *left, const void *right, size_t size)
{
    const unsigned char *p = left, *q = right;

    for (; size--; p++, q++) {
        if (*p != *q)
            return *p < *q ? -1 : 1;
    }
    return 0;
}

static char text[1024];

static void say(const char *line)
{
    size_t length = 0;

    while (line[length])
        length++;
    host_write(line, length);
}

struct point {
    int x, y;
};

static int run(void)
{
    char *name = kasprintf(GFP_KERNEL, "hello from %u KiB\n", HOST_RAM_SIZE >> 10);
    struct kmem_cache *cache = KMEM_CACHE(point, 0);
    struct point *point = cache ? kmem_cache_zalloc(cache, GFP_KERNEL) : NULL;
    mempool_t *pool = mempool_create_kmalloc_pool(4, 256);
    void *block = pool ? mempool_alloc(pool, GFP_KERNEL) : NULL;

    if (!name || !point || !block)
        return 1;
    say(name);
    quarry_text(QUARRY_BUDDYINFO, text, sizeof(text));
    say(text);
    mempool_free(block, pool);
    mempool_destroy(pool);
    kmem_cache_free(cache, point);
    kmem_cache_destroy(cache);
    kfree(name);
    return quarry_check_all() != 0;
}

__attribute__((noreturn, used)) static void start(void)
{
    host_stop(run());
}

/* The kernel enters with an aligned stack; C expects it as after a call. */
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tcall start\n");
