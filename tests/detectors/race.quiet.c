/* SPDX-License-Identifier: MIT */
/* detector: thread sanitizer: two threads in one object
 * level: none
 * run: thread */
#include <pthread.h>
#include <quarry/quarry.h>

/* Each thread's blocks are the other's old ones: they change hands, and no access of the last owner is
 * a race with one of the next. */
static void *work(void *unused)
{
    for (int i = 0; i < 2000; i++) {
        int *block = kmalloc(64, GFP_KERNEL);
        *block = i;
        kfree(block);
    }
    return NULL;
}

int main(void)
{
    pthread_t other;

    pthread_create(&other, NULL, work, NULL);
    work(NULL);
    pthread_join(other, NULL);
    return 0;
}
