/* SPDX-License-Identifier: MIT */
/* detector: thread sanitizer: two threads in one object
 * level: none
 * run: thread
 * soon: at the second access
 * expect: WARNING: ThreadSanitizer: data race */
#include <pthread.h>
#include <quarry/quarry.h>

static void *bump(void *counter)
{
    ++*(int *)counter;
    return NULL;
}

int main(void)
{
    int *counter = kzalloc(sizeof(*counter), GFP_KERNEL);
    pthread_t other;

    pthread_create(&other, NULL, bump, counter);
    bump(counter);
    pthread_join(other, NULL);
    kfree(counter);
    return 0;
}
