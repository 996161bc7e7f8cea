/* SPDX-License-Identifier: MIT */
/* Files whose text is made record by record: start, show, next, show, …, stop. Each record is shown
 * whole; a buffer that proves too small grows and the record is shown again. */
#ifndef QUARRY_LINUX_SEQ_FILE_H
#define QUARRY_LINUX_SEQ_FILE_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct seq_operations;
struct seq_file {
    char *buf;
    size_t size;  /* of the buffer */
    size_t from;  /* first byte not yet handed out … */
    size_t count; /* … and how many there are */
    size_t pad_until;
    loff_t index; /* of the record to show next */
    loff_t read_pos;
    struct mutex lock;
    const struct seq_operations *op;
    const struct file *file;
    void *private;
};
struct seq_operations {
    void *(*start)(struct seq_file *m, loff_t *pos);
    void (*stop)(struct seq_file *m, void *v);
    void *(*next)(struct seq_file *m, void *v, loff_t *pos);
    int (*show)(struct seq_file *m, void *v); /* 0, SEQ_SKIP, or an error */
};
#define SEQ_SKIP 1
#define SEQ_START_TOKEN ((void *)1)

QUARRY_EXTERN_C_BEGIN

QUARRY_API int seq_open(struct file *file, const struct seq_operations *op);
QUARRY_API int seq_open_private(struct file *file, const struct seq_operations *op, int size);
QUARRY_API void *__seq_open_private(struct file *file, const struct seq_operations *op, int size);
QUARRY_API int single_open(struct file *file, int (*show)(struct seq_file *, void *), void *data);
QUARRY_API int single_open_size(struct file *file, int (*show)(struct seq_file *, void *),
                                void *data, size_t size);
QUARRY_API ssize_t seq_read(struct file *file, char __user *buffer, size_t size, loff_t *pos);
QUARRY_API ssize_t seq_read_iter(struct kiocb *iocb, struct iov_iter *iter);
QUARRY_API loff_t seq_lseek(struct file *file, loff_t offset, int whence);
QUARRY_API int seq_release(struct inode *inode, struct file *file);
QUARRY_API int seq_release_private(struct inode *inode, struct file *file);
QUARRY_API int single_release(struct inode *inode, struct file *file);

__printf(2, 3) QUARRY_API void seq_printf(struct seq_file *m, const char *format, ...);
__printf(2, 0) QUARRY_API void seq_vprintf(struct seq_file *m, const char *format, va_list args);
QUARRY_API void seq_putc(struct seq_file *m, char c);
QUARRY_API void seq_puts(struct seq_file *m, const char *text);
QUARRY_API int seq_write(struct seq_file *m, const void *data, size_t size);
QUARRY_API void seq_pad(struct seq_file *m, char c);
QUARRY_API void seq_put_decimal_ull(struct seq_file *m, const char *before, unsigned long long n);
QUARRY_API void seq_escape(struct seq_file *m, const char *text, const char *escaped);

/* Iterating over a list, with and without a head line. */
QUARRY_API struct list_head *seq_list_start(struct list_head *head, loff_t pos);
QUARRY_API struct list_head *seq_list_start_head(struct list_head *head, loff_t pos);
QUARRY_API struct list_head *seq_list_next(void *v, struct list_head *head, loff_t *pos);

static inline bool seq_has_overflowed(struct seq_file *m)
{
    return m->count == m->size;
}
static inline void seq_setwidth(struct seq_file *m, size_t size)
{
    m->pad_until = m->count + size;
}

QUARRY_EXTERN_C_END

#define DEFINE_SEQ_ATTRIBUTE(name)                                                                 \
    static int name##_open(struct inode *inode, struct file *file)                                 \
    {                                                                                              \
        int error = seq_open(file, &name##_sops);                                                  \
        if (!error && inode->i_private)                                                            \
            ((struct seq_file *)file->private_data)->private = inode->i_private;                   \
        return error;                                                                              \
    }                                                                                              \
    static const struct file_operations name##_fops = {.owner = THIS_MODULE,                       \
                                                       .open = name##_open,                        \
                                                       .read = seq_read,                           \
                                                       .llseek = seq_lseek,                        \
                                                       .release = seq_release}
#define DEFINE_SHOW_ATTRIBUTE(name)                                                                \
    static int name##_open(struct inode *inode, struct file *file)                                 \
    {                                                                                              \
        return single_open(file, name##_show, inode->i_private);                                   \
    }                                                                                              \
    static const struct file_operations name##_fops = {.owner = THIS_MODULE,                       \
                                                       .open = name##_open,                        \
                                                       .read = seq_read,                           \
                                                       .llseek = seq_lseek,                        \
                                                       .release = single_release}
#define DEFINE_PROC_SHOW_ATTRIBUTE(name)                                                           \
    static int name##_open(struct inode *inode, struct file *file)                                 \
    {                                                                                              \
        return single_open(file, name##_show, pde_data(inode));                                    \
    }                                                                                              \
    static const struct proc_ops name##_proc_ops = {.proc_open = name##_open,                      \
                                                    .proc_read = seq_read,                         \
                                                    .proc_lseek = seq_lseek,                       \
                                                    .proc_release = single_release}

#endif
