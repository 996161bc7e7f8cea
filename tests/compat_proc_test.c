/* SPDX-License-Identifier: MIT */
/* compat/linux: the proc tree and seq files. */
#include "compat.h"
#include <linux/fs.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

/* Read a proc file in pieces of @piece bytes. */
static ssize_t read_all(const char *path, char *to, size_t size, size_t piece)
{
    struct file *file;
    long long pos = 0;
    size_t done = 0;
    ssize_t got;
    int error = qlx_proc_open(path, O_RDONLY, &file);
    if (error)
        return error;
    while ((got = qlx_read(file, to + done, min(piece, size - 1 - done), &pos)) > 0)
        done += (size_t)got;
    to[done] = '\0';
    assert_int_equal(qlx_release(file), 0);
    return got < 0 ? got : (ssize_t)done;
}

static bool count_entry(const struct qlx_proc *proc, void *data)
{
    ++*(int *)data;
    return true;
}

static int entries(void)
{
    int count = 0;
    qlx_for_each_proc(count_entry, &count);
    return count;
}

static int show_data(struct seq_file *m, void *v)
{
    seq_printf(m, "data is %s\n", (const char *)m->private);
    return 0;
}

static void a_single_file_shows_its_text(void **state)
{
    unsigned long before = compat_live();
    struct proc_dir_entry *dir = proc_mkdir("dir", NULL), *file, *link;
    struct qlx_proc proc;
    char text[100];
    file = proc_create_single_data("file", 0440, dir, show_data, (void *)"seven");
    link = proc_symlink("link", NULL, "dir/file");
    assert_non_null(link);
    assert_int_equal(entries(), 3);
    assert_int_equal(qlx_find_proc("dir/file", &proc), 0);
    assert_int_equal(proc.mode, S_IFREG | 0440);
    assert_int_equal(qlx_find_proc("link", &proc), 0);
    assert_string_equal(proc.target, "dir/file");
    assert_int_equal(qlx_find_proc("dir/none", &proc), -ENOENT);
    assert_int_equal(read_all("dir/file", text, sizeof(text), 100), 14);
    assert_string_equal(text, "data is seven\n");
    assert_int_equal(read_all("dir/file", text, sizeof(text), 3), 14);
    assert_string_equal(text, "data is seven\n");
    assert_int_equal(read_all("dir", text, sizeof(text), 3), -ENOENT);
    assert_int_equal(qlx_count_left(QLX_LEFT_PROC), 3);
    proc_remove(file);
    remove_proc_entry("dir", NULL);
    remove_proc_entry("link", NULL);
    assert_int_equal(entries(), 0);
    assert_int_equal(qlx_count_left(QLX_LEFT_PROC), 0);
    assert_int_equal(compat_live(), before);
}

/* Numbers 0 … 999, a line each; every tenth is skipped; the index is the number. */
#define NUMBERS 1000
static int starts, stops, shown;
static loff_t the_number;

static void *numbers_start(struct seq_file *m, loff_t *pos)
{
    starts++;
    the_number = *pos;
    return *pos < NUMBERS ? &the_number : NULL;
}

static void *numbers_next(struct seq_file *m, void *v, loff_t *pos)
{
    the_number = ++*pos;
    return *pos < NUMBERS ? &the_number : NULL;
}

static void numbers_stop(struct seq_file *m, void *v)
{
    stops++;
}

static int numbers_show(struct seq_file *m, void *v)
{
    shown++;
    seq_printf(m, "number %lld\n", (long long)*(loff_t *)v);
    return *(loff_t *)v % 10 == 9 ? SEQ_SKIP : 0;
}

static const struct seq_operations numbers_sops = {
    .start = numbers_start, .next = numbers_next, .stop = numbers_stop, .show = numbers_show};
DEFINE_SEQ_ATTRIBUTE(numbers);

static void expected_numbers(char *text)
{
    for (int i = 0; i < NUMBERS; i++)
        if (i % 10 != 9)
            text += sprintf(text, "number %d\n", i);
}

static void a_long_file_is_made_piece_by_piece(void **state)
{
    static char expected[20000], text[20000];
    static const size_t pieces[] = {1, 7, 100, 4096, 19999};
    unsigned long before = compat_live();
    expected_numbers(expected);
    assert_non_null(proc_create("numbers", 0, NULL, &numbers_fops));
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        starts = stops = shown = 0;
        assert_int_equal(read_all("numbers", text, sizeof(text), pieces[i]), strlen(expected));
        assert_string_equal(text, expected);
        assert_int_equal(starts, stops);
        assert_true(shown >= NUMBERS && shown < 2 * NUMBERS);
    }
    remove_proc_entry("numbers", NULL);
    assert_int_equal(compat_live(), before);
}

static void a_seq_file_can_be_read_from_anywhere(void **state)
{
    static char expected[20000];
    struct file *file;
    char text[32];
    expected_numbers(expected);
    assert_non_null(proc_create_seq("numbers", 0, NULL, &numbers_sops));
    assert_int_equal(qlx_proc_open("numbers", O_RDONLY, &file), 0);
    for (long long at = 5000; at > 0; at -= 999) {
        long long pos = at;
        assert_int_equal(qlx_read(file, text, 20, &pos), 20);
        assert_memory_equal(text, expected + at, 20);
        assert_int_equal(pos, at + 20);
    }
    assert_int_equal(qlx_llseek(file, 11, SEEK_SET), 11);
    assert_int_equal(qlx_llseek(file, -1, SEEK_SET), -EINVAL);
    {
        long long pos = 1 << 20;
        assert_int_equal(qlx_read(file, text, 20, &pos), 0);
    }
    assert_int_equal(qlx_write(file, "x", 1, (long long[]){0}), -EBADF);
    qlx_release(file);
    remove_proc_entry("numbers", NULL);
}

static int show_big(struct seq_file *m, void *v)
{
    starts++;
    for (int i = 0; i < 3000; i++)
        seq_puts(m, "0123456789");
    seq_putc(m, '!');
    return 0;
}

static void a_record_larger_than_the_buffer_makes_it_grow(void **state)
{
    static char text[40000];
    starts = 0;
    assert_non_null(proc_create_single("big", 0, NULL, show_big));
    assert_int_equal(read_all("big", text, sizeof(text), 40000), 30001);
    assert_int_equal(text[30000], '!');
    assert_true(starts > 1 && starts < 6);
    remove_proc_entry("big", NULL);
}

static void no_memory_for_a_seq_file_is_an_error(void **state)
{
    unsigned long before = compat_live();
    struct file *file;
    char text[10];
    proc_create_single("big", 0, NULL, show_big);
    quarry_fault_set(QUARRY_FAILSLAB, &(struct quarry_fault){.nth = 1});
    assert_int_equal(qlx_proc_open("big", O_RDONLY, &file), -ENOMEM);
    quarry_fault_set(QUARRY_FAILSLAB, &(struct quarry_fault){.nth = 2});
    assert_int_equal(qlx_proc_open("big", O_RDONLY, &file), -ENOMEM);
    quarry_fault_set(QUARRY_FAILSLAB, &(struct quarry_fault){.nth = 3, .persistent = true});
    quarry_fault_set(QUARRY_FAIL_PAGE_ALLOC, &(struct quarry_fault){.nth = 1, .persistent = true});
    quarry_fault_set(QUARRY_FAIL_VMALLOC, &(struct quarry_fault){.nth = 1, .persistent = true});
    assert_int_equal(qlx_proc_open("big", O_RDONLY, &file), 0);
    assert_int_equal(qlx_read(file, text, 10, (long long[]){0}), -ENOMEM);
    quarry_fault_set(QUARRY_FAILSLAB, NULL);
    quarry_fault_set(QUARRY_FAIL_PAGE_ALLOC, NULL);
    quarry_fault_set(QUARRY_FAIL_VMALLOC, NULL);
    assert_int_equal(qlx_read(file, text, 10, (long long[]){0}), 10);
    qlx_release(file);
    remove_proc_entry("big", NULL);
    assert_int_equal(compat_live(), before);
}

static char written[32];
static ssize_t ops_write(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
    return simple_write_to_buffer(written, sizeof(written) - 1, pos, from, size);
}

static ssize_t ops_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
    assert_string_equal(pde_data(file_inode(file)), "mine");
    return simple_read_from_buffer(to, size, pos, written, strlen(written));
}

static void proc_ops_are_called_with_the_entrys_data(void **state)
{
    static const struct proc_ops ops = {.proc_read = ops_read, .proc_write = ops_write};
    struct file *file;
    long long pos = 0;
    char text[32];
    assert_non_null(proc_create_data("rw", 0600, NULL, &ops, (void *)"mine"));
    assert_int_equal(qlx_proc_open("rw", O_WRONLY, &file), 0);
    assert_int_equal(qlx_write(file, "hello", 5, &pos), 5);
    assert_int_equal(qlx_read(file, text, 5, &pos), -EBADF);
    qlx_release(file);
    assert_int_equal(read_all("rw", text, sizeof(text), 2), 5);
    assert_string_equal(text, "hello");
    remove_proc_entry("rw", NULL);
}

/* The old form: three pages of text, told apart by the offset. */
static int old_read(char *page, char **start, off_t off, int count, int *eof, void *data)
{
    static const char text[] = "old text, as in the books\n";
    int size = (int)strlen(text);
    if (off >= size) {
        *eof = 1;
        return 0;
    }
    *start = page;
    size = min(size - (int)off, min(count, 10));
    memcpy(page, text + off, (size_t)size);
    return size;
}

static int old_read_whole(char *page, char **start, off_t off, int count, int *eof, void *data)
{
    *eof = 1;
    return sprintf(page, "whole %s\n", (const char *)data);
}

static void read_proc_works_as_in_the_books(void **state)
{
    char text[64];
    unsigned long before = compat_live();
    create_proc_read_entry("old", 0, NULL, old_read, NULL);
    create_proc_read_entry("whole", 0, NULL, old_read_whole, (void *)"file");
    assert_int_equal(read_all("old", text, sizeof(text), 64), 26);
    assert_string_equal(text, "old text, as in the books\n");
    assert_int_equal(read_all("whole", text, sizeof(text), 4), 11);
    assert_string_equal(text, "whole file\n");
    remove_proc_entry("old", NULL);
    remove_proc_entry("whole", NULL);
    assert_int_equal(compat_live(), before);
}

static void mistakes_with_the_tree_are_reported(void **state)
{
    struct proc_dir_entry *dir = proc_mkdir("a", NULL);
    hear_nothing();
    assert_null(proc_mkdir("a", NULL));
    assert_int_equal(heard_compat, 1);
    assert_null(proc_mkdir("b/c", NULL));
    assert_int_equal(heard_compat, 2);
    remove_proc_entry("nothing", NULL);
    assert_int_equal(heard_compat, 3);
    assert_non_null(proc_mkdir("a/b", NULL));
    assert_non_null(proc_mkdir("c", dir));
    assert_int_equal(entries(), 3);
    assert_int_equal(remove_proc_subtree("a", NULL), 0);
    assert_int_equal(heard_compat, 3);
    assert_int_equal(entries(), 0);
}

COMPAT_MAIN(cmocka_unit_test(a_single_file_shows_its_text),
            cmocka_unit_test(a_long_file_is_made_piece_by_piece),
            cmocka_unit_test(a_seq_file_can_be_read_from_anywhere),
            cmocka_unit_test(a_record_larger_than_the_buffer_makes_it_grow),
            cmocka_unit_test(no_memory_for_a_seq_file_is_an_error),
            cmocka_unit_test(proc_ops_are_called_with_the_entrys_data),
            cmocka_unit_test(read_proc_works_as_in_the_books),
            cmocka_unit_test(mistakes_with_the_tree_are_reported))
