/* SPDX-License-Identifier: MIT */
/* A module with a parameter of every type, for its files below sys/module. */
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

static bool quiet;
module_param(quiet, bool, 0644);
static bool loud = true;
module_param(loud, invbool, 0644);
static unsigned char small = 200;
module_param(small, byte, 0644);
static short level = -3;
module_param(level, short, 0644);
static int limit = 42;
module_param(limit, int, 0644);
static unsigned int mask = 255;
module_param(mask, hexint, 0644);
static unsigned long long large = 1ull << 40;
module_param(large, ullong, 0644);
static char *word = "none";
module_param(word, charp, 0644);
static char text[8] = "text";
module_param_string(text, text, sizeof(text), 0644);
static int row[4] = {1, 2, 3};
static unsigned int nr_row = 3;
module_param_array(row, int, &nr_row, 0644);
static int fixed = 7;
module_param(fixed, int, 0444);
static int hidden = 8;
module_param(hidden, int, 0);

static int even_set(const char *value, const struct kernel_param *kp)
{
    int number, error = kstrtoint(value, 0, &number);

    if (error)
        return error;
    if (number % 2)
        return -ERANGE;
    *(int *)kp->arg = number;
    return 0;
}

static int even;
static const struct kernel_param_ops even_ops = {.set = even_set, .get = param_get_int};
module_param_cb(even, &even_ops, &even, 0644);

static int __init tuned_init(void)
{
    return 0;
}

static void __exit tuned_exit(void)
{
    pr_info("tuned: limit %d, word %s, %u in the row, hidden %d\n", limit, word, nr_row, hidden);
}

module_init(tuned_init);
module_exit(tuned_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("a parameter of every type");
