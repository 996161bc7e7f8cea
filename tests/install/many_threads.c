/* SPDX-License-Identifier: MIT */
/* An ordinary program with the one include a user needs: 64 threads allocate, stamp, check, hand to
 * each other and free for some seconds. Exit status 0: every byte was as it was left. */
#include <quarry/slab.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS 64
#define HELD 64

static pthread_mutex_t exchange_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    unsigned char *object;
    size_t size;
    unsigned char stamp;
} exchange[THREADS];
static int seconds;
static unsigned long operations[THREADS];

static void object_check(const unsigned char *object, size_t size, unsigned char stamp)
{
    for (size_t i = 0; i < size; i++) {
        if (object[i] != stamp) {
            fprintf(stderr, "byte %zu of %zu at %p is %02x, not %02x\n", i, size,
                    (const void *)object, object[i], stamp);
            abort();
        }
    }
}

static void *thread_main(void *number)
{
    unsigned int me = (unsigned int)(size_t)number;
    unsigned int seed = me * 2654435761u + 1;
    unsigned char *held[HELD] = {NULL};
    size_t size[HELD] = {0};
    unsigned char stamp[HELD] = {0};
    time_t end = time(NULL) + seconds;

    while (time(NULL) < end) {
        for (int round = 0; round < 200; round++) {
            unsigned int slot;
            seed = seed * 1103515245u + 12345u;
            slot = (seed >> 16) % HELD;
            if (held[slot]) {
                object_check(held[slot], size[slot], stamp[slot]);
                if (seed % 7 == 0) { /* what another thread left here, and this for another */
                    unsigned int place = (seed >> 8) % THREADS;
                    unsigned char *object = held[slot];
                    size_t bytes = size[slot];
                    unsigned char mark = stamp[slot];
                    pthread_mutex_lock(&exchange_lock);
                    held[slot] = exchange[place].object;
                    size[slot] = exchange[place].size;
                    stamp[slot] = exchange[place].stamp;
                    exchange[place].object = object;
                    exchange[place].size = bytes;
                    exchange[place].stamp = mark;
                    pthread_mutex_unlock(&exchange_lock);
                } else {
                    kfree(held[slot]);
                    held[slot] = NULL;
                }
            } else {
                size[slot] = 1 + (seed >> 12) % (seed % 16 ? 512 : 16384);
                stamp[slot] = (unsigned char)(seed >> 4);
                held[slot] = kmalloc(size[slot], GFP_KERNEL);
                if (held[slot])
                    memset(held[slot], stamp[slot], size[slot]);
            }
            operations[me]++;
        }
    }
    for (int slot = 0; slot < HELD; slot++)
        kfree(held[slot]);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    unsigned long total = 0;

    seconds = argc > 1 ? atoi(argv[1]) : 3;
    for (size_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, thread_main, (void *)i) != 0) {
            perror("pthread_create");
            return 3;
        }
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        total += operations[i];
    }
    for (size_t i = 0; i < THREADS; i++) {
        if (exchange[i].object)
            object_check(exchange[i].object, exchange[i].size, exchange[i].stamp);
        kfree(exchange[i].object);
    }
    printf("%lu operations by %d threads in %d s\n", total, THREADS, seconds);
    return 0;
}
