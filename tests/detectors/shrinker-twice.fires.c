/* SPDX-License-Identifier: MIT */
/* detector: shrinkers: registered twice
 * level: none
 * run: program
 * soon: at the call
 * expect: BUG: bad request: shrinker */
#include <quarry/quarry.h>

static unsigned long nothing(struct shrinker *shrinker, struct shrink_control *control)
{
    return SHRINK_EMPTY;
}

int main(void)
{
    struct shrinker *shrinker = shrinker_alloc(0, "demo");

    shrinker->count_objects = shrinker->scan_objects = nothing;
    shrinker_register(shrinker);
    shrinker_register(shrinker);
    shrinker_free(shrinker);
    return 0;
}
