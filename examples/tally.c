/* SPDX-License-Identifier: MIT */
/* tally: counts words, and shows how it does in debugfs.
 *
 * What is written to dev/tally is split into words; sys/kernel/debug/tally/ has the counts of all words
 * (`words`, a seq_file), totals as plain numbers, a knob that a write moves (`longest`, at most so many
 * letters of a word count) and a file that forgets everything when something is written to it (`reset`). */
#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define TALLY_WORD_MAX 32

struct tally_word {
    struct list_head list;
    u32 times;
    char text[TALLY_WORD_MAX];
};

static DEFINE_MUTEX(tally_lock); /* guards the list and the numbers */
static LIST_HEAD(tally_words);
static u64 tally_bytes;
static u32 tally_distinct;
static atomic_t tally_writes = ATOMIC_INIT(0);
static u32 tally_longest = TALLY_WORD_MAX - 1;
static bool tally_fold; /* count "The" and "the" as one */
static struct kmem_cache *tally_cache;
static struct dentry *tally_dir;

static int tally_count(const char *text, size_t size)
{
    struct tally_word *word;

    size = min_t(size_t, size, tally_longest);
    list_for_each_entry (word, &tally_words, list) {
        if (strlen(word->text) == size && strncmp(word->text, text, size) == 0) {
            word->times++;
            return 0;
        }
    }
    word = kmem_cache_zalloc(tally_cache, GFP_KERNEL);
    if (!word)
        return -ENOMEM;
    memcpy(word->text, text, size);
    word->times = 1;
    tally_distinct++;
    list_add_tail(&word->list, &tally_words);
    return 0;
}

/* Every word of the text, its letters made small if that is asked for. */
static int tally_text(char *text, size_t size)
{
    size_t at = 0, end;
    int error = 0;

    for (end = 0; tally_fold && end < size; end++)
        text[end] = (char)tolower(text[end]);
    while (at < size && !error) {
        while (at < size && !isalnum(text[at]))
            at++;
        for (end = at; end < size && isalnum(text[end]);)
            end++;
        if (end > at)
            error = tally_count(text + at, end - at);
        at = end;
    }
    return error;
}

static ssize_t tally_write(struct file *file, const char __user *buffer, size_t size, loff_t *pos)
{
    char *text = memdup_user(buffer, size = min_t(size_t, size, PAGE_SIZE));
    int error;

    if (IS_ERR(text))
        return PTR_ERR(text);
    atomic_inc(&tally_writes);
    mutex_lock(&tally_lock);
    error = tally_text(text, size);
    tally_bytes += size;
    mutex_unlock(&tally_lock);
    kfree(text); /* its words are copied */
    return error ? error : (ssize_t)size;
}

static const struct file_operations tally_fops = {
    .owner = THIS_MODULE, .write = tally_write, .llseek = noop_llseek};

static struct miscdevice tally_device = {
    .minor = MISC_DYNAMIC_MINOR, .name = "tally", .fops = &tally_fops};

/* ---- debugfs ------------------------------------------------------------------------------- */

static void *tally_seq_start(struct seq_file *m, loff_t *pos)
{
    mutex_lock(&tally_lock);
    return seq_list_start(&tally_words, *pos);
}

static void *tally_seq_next(struct seq_file *m, void *at, loff_t *pos)
{
    return seq_list_next(at, &tally_words, pos);
}

static void tally_seq_stop(struct seq_file *m, void *at)
{
    mutex_unlock(&tally_lock); /* taken by start */
}

static int tally_seq_show(struct seq_file *m, void *at)
{
    const struct tally_word *word = list_entry(at, struct tally_word, list);

    seq_printf(m, "%8u %s\n", word->times, word->text);
    return 0;
}

static const struct seq_operations words_sops = {.start = tally_seq_start,
                                                 .next = tally_seq_next,
                                                 .stop = tally_seq_stop,
                                                 .show = tally_seq_show};
DEFINE_SEQ_ATTRIBUTE(words);

static void tally_forget(void)
{
    struct tally_word *word, *next;

    list_for_each_entry_safe (word, next, &tally_words, list) {
        list_del(&word->list);
        kmem_cache_free(tally_cache, word); /* forgotten */
    }
    tally_distinct = 0;
    tally_bytes = 0;
}

static int reset_set(void *data, u64 value)
{
    mutex_lock(&tally_lock);
    tally_forget();
    mutex_unlock(&tally_lock);
    return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(reset_fops, NULL, reset_set, "%llu\n");

static int longest_get(void *data, u64 *value)
{
    *value = tally_longest;
    return 0;
}

static int longest_set(void *data, u64 value)
{
    if (value < 1 || value >= TALLY_WORD_MAX)
        return -EINVAL;
    tally_longest = (u32)value;
    return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(longest_fops, longest_get, longest_set, "%llu\n");

static void __init tally_show(void)
{
    tally_dir = debugfs_create_dir("tally", NULL); /* an error is handed on below */
    debugfs_create_file("words", 0444, tally_dir, NULL, &words_fops);
    debugfs_create_u64("bytes", 0444, tally_dir, &tally_bytes);
    debugfs_create_u32("distinct", 0444, tally_dir, &tally_distinct);
    debugfs_create_atomic_t("writes", 0444, tally_dir, &tally_writes);
    debugfs_create_bool("fold", 0644, tally_dir, &tally_fold);
    debugfs_create_file_unsafe("longest", 0644, tally_dir, NULL, &longest_fops);
    debugfs_create_file_unsafe("reset", 0200, tally_dir, NULL, &reset_fops);
}

static int __init tally_init(void)
{
    int error;

    tally_cache = KMEM_CACHE(tally_word, 0);
    if (!tally_cache)
        return -ENOMEM;
    error = misc_register(&tally_device);
    if (error) {
        kmem_cache_destroy(tally_cache);
        return error;
    }
    tally_show();
    return 0;
}

static void __exit tally_exit(void)
{
    debugfs_remove_recursive(tally_dir); /* nobody reads from here on */
    misc_deregister(&tally_device);
    tally_forget();
    kmem_cache_destroy(tally_cache);
}

module_init(tally_init);
module_exit(tally_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Word counts in debugfs");
