/* SPDX-License-Identifier: MIT */
/* seq_file: text made record by record.
 *
 * A read first hands out what the buffer still holds, then fills it: start() at the record where the
 * last fill ended, show() records until one would not fit, stop(). A record that does not even fit
 * into an empty buffer doubles the buffer and is shown again. Between two fills no driver lock is
 * held, so the list behind the records may change; start() finds the way back by the index.
 *
 *     buf  [ handed out | from ... from+count: still to be handed out | free ]      index: next record
 *
 * The seq_file and its buffer are from Quarry: a driver that forgets its release leaks them. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

static void seq_overflow(struct seq_file *m)
{
    m->count = m->size;
}

QUARRY_API int seq_open(struct file *file, const struct seq_operations *op)
{
    struct seq_file *m = kzalloc(sizeof(*m), GFP_KERNEL);
    if (!m)
        return -ENOMEM;
    mutex_init(&m->lock);
    m->op = op;
    m->file = file;
    file->private_data = m;
    file->f_mode &= ~FMODE_PWRITE;
    return 0;
}

QUARRY_API void *__seq_open_private(struct file *file, const struct seq_operations *op, int size)
{
    void *private = kzalloc((size_t)size, GFP_KERNEL_ACCOUNT);
    if (!private)
        return NULL;
    if (seq_open(file, op)) {
        kfree(private);
        return NULL;
    }
    ((struct seq_file *)file->private_data)->private = private;
    return private;
}

QUARRY_API int seq_open_private(struct file *file, const struct seq_operations *op, int size)
{
    return __seq_open_private(file, op, size) ? 0 : -ENOMEM;
}

QUARRY_API int seq_release(struct inode *inode, struct file *file)
{
    struct seq_file *m = file->private_data;
    if (m) {
        kvfree(m->buf);
        kfree(m);
    }
    file->private_data = NULL;
    return 0;
}

QUARRY_API int seq_release_private(struct inode *inode, struct file *file)
{
    struct seq_file *m = file->private_data;
    kfree(m->private);
    return seq_release(inode, file);
}

static int seq_grow(struct seq_file *m)
{
    size_t size = m->buf ? m->size * 2 : PAGE_SIZE;
    kvfree(m->buf);
    m->count = m->from = 0;
    m->buf = kvmalloc(size, GFP_KERNEL_ACCOUNT);
    m->size = m->buf ? size : 0;
    return m->buf ? 0 : -ENOMEM;
}

/* Show the record at @v into the buffer, whole or not at all: 1 shown, 0 did not fit, or an error. */
static int seq_show_one(struct seq_file *m, void *v)
{
    size_t before = m->count;
    int error = m->op->show(m, v);
    if (seq_has_overflowed(m)) {
        m->count = before;
        return 0;
    }
    if (error) { /* SEQ_SKIP and errors: what it wrote does not count */
        m->count = before;
        return error < 0 ? error : 1;
    }
    return 1;
}

static void seq_next_record(struct seq_file *m, void **v)
{
    loff_t before = m->index;
    *v = m->op->next(m, *v, &m->index);
    if (m->index == before)
        m->index++; /* a next() that forgot to move on would show its record for ever */
}

/* Fill the empty buffer with at least one record and up to @want bytes: 0 or an error. */
static int seq_fill(struct seq_file *m, size_t want)
{
    void *v;
    int error = 0;
    m->from = m->count = 0;
    v = m->op->start(m, &m->index);
    while (!IS_ERR_OR_NULL(v)) {
        int shown = seq_show_one(m, v);
        if (shown < 0) {
            error = m->count ? 0 : shown;
            break;
        }
        if (shown == 0 && m->count > 0)
            break; /* begins the next fill */
        if (shown == 0) {
            m->op->stop(m, v);
            error = seq_grow(m);
            if (error)
                return error;
            v = m->op->start(m, &m->index);
            continue;
        }
        seq_next_record(m, &v);
        if (m->count >= want)
            break;
    }
    if (IS_ERR(v))
        error = (int)PTR_ERR(v);
    m->op->stop(m, v);
    return error;
}

/* Make text until the position is @offset: a client that reads somewhere else than it left off. */
static int seq_traverse(struct seq_file *m, loff_t offset)
{
    loff_t at = 0;
    m->index = 0;
    m->from = m->count = 0;
    if (!m->buf && seq_grow(m))
        return -ENOMEM;
    while (at < offset) {
        int error = seq_fill(m, 1);
        if (error)
            return error;
        if (m->count == 0)
            return 0;
        if (at + (loff_t)m->count > offset) {
            m->from = (size_t)(offset - at);
            m->count -= m->from;
            return 0;
        }
        at += (loff_t)m->count;
        m->count = 0;
    }
    return 0;
}

QUARRY_API ssize_t seq_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
    struct seq_file *m = iocb->ki_filp->private_data;
    size_t done = 0;
    ssize_t error = 0;
    bool filled = false; /* once a call: what is left over first, then a bufferful */
    if (!iov_iter_count(iter))
        return 0;
    mutex_lock(&m->lock);
    if (!m->buf)
        error = seq_grow(m);
    if (!error && iocb->ki_pos != m->read_pos) {
        error = seq_traverse(m, iocb->ki_pos);
        m->read_pos = error ? 0 : iocb->ki_pos;
    }
    while (!error && iov_iter_count(iter)) {
        size_t piece, got;
        if (m->count == 0) {
            if (filled)
                break;
            filled = true;
            error = seq_fill(m, iov_iter_count(iter));
            if (error || m->count == 0)
                break;
        }
        piece = min(m->count, iov_iter_count(iter));
        got = copy_to_iter(m->buf + m->from, piece, iter);
        m->from += got;
        m->count -= got;
        done += got;
        if (got < piece)
            error = -EFAULT;
    }
    if (done) {
        iocb->ki_pos += (loff_t)done;
        m->read_pos = iocb->ki_pos;
    }
    mutex_unlock(&m->lock);
    return done ? (ssize_t)done : error;
}

QUARRY_API ssize_t seq_read(struct file *file, char __user *buffer, size_t size, loff_t *pos)
{
    struct kiocb iocb = {.ki_filp = file, .ki_pos = *pos};
    struct iov_iter iter;
    ssize_t done;
    iov_iter_ubuf(&iter, ITER_DEST, buffer, size);
    done = seq_read_iter(&iocb, &iter);
    *pos = iocb.ki_pos;
    return done;
}

QUARRY_API loff_t seq_lseek(struct file *file, loff_t offset, int whence)
{
    struct seq_file *m = file->private_data;
    loff_t result = -EINVAL;
    mutex_lock(&m->lock);
    if (whence == SEEK_CUR)
        offset += file->f_pos;
    if ((whence == SEEK_SET || whence == SEEK_CUR) && offset >= 0) {
        result = offset;
        if (offset != m->read_pos) {
            int error = seq_traverse(m, offset);
            if (error)
                result = error;
            m->read_pos = error ? 0 : offset;
        }
        file->f_pos = m->read_pos;
    }
    mutex_unlock(&m->lock);
    return result;
}

/* ---- single records ------------------------------------------------------------------------ */

static void *seq_single_start(struct seq_file *m, loff_t *pos)
{
    return *pos ? NULL : SEQ_START_TOKEN;
}

static void *seq_single_next(struct seq_file *m, void *v, loff_t *pos)
{
    ++*pos;
    return NULL;
}

static void seq_single_stop(struct seq_file *m, void *v)
{
}

QUARRY_API int single_open(struct file *file, int (*show)(struct seq_file *, void *), void *data)
{
    struct seq_operations *op = kmalloc(sizeof(*op), GFP_KERNEL_ACCOUNT);
    int error = -ENOMEM;
    if (!op)
        return error;
    *op = (struct seq_operations){
        .start = seq_single_start, .next = seq_single_next, .stop = seq_single_stop, .show = show};
    error = seq_open(file, op);
    if (error)
        kfree(op);
    else
        ((struct seq_file *)file->private_data)->private = data;
    return error;
}

QUARRY_API int single_open_size(struct file *file, int (*show)(struct seq_file *, void *),
                                void *data, size_t size)
{
    char *buffer = kvmalloc(size, GFP_KERNEL_ACCOUNT);
    int error;
    if (!buffer)
        return -ENOMEM;
    error = single_open(file, show, data);
    if (error) {
        kvfree(buffer);
        return error;
    }
    ((struct seq_file *)file->private_data)->buf = buffer;
    ((struct seq_file *)file->private_data)->size = size;
    return 0;
}

QUARRY_API int single_release(struct inode *inode, struct file *file)
{
    const struct seq_operations *op = ((struct seq_file *)file->private_data)->op;
    int result = seq_release(inode, file);
    kfree(op);
    return result;
}

/* ---- text ---------------------------------------------------------------------------------- */

QUARRY_API void seq_vprintf(struct seq_file *m, const char *format, va_list args)
{
    if (m->count < m->size) {
        int length = vsnprintf(m->buf + m->count, m->size - m->count, format, args);
        if (m->count + (size_t)length < m->size) {
            m->count += (size_t)length;
            return;
        }
    }
    seq_overflow(m);
}

QUARRY_API void seq_printf(struct seq_file *m, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    seq_vprintf(m, format, args);
    va_end(args);
}

QUARRY_API int seq_write(struct seq_file *m, const void *data, size_t size)
{
    if (m->count + size < m->size) {
        memcpy(m->buf + m->count, data, size);
        m->count += size;
        return 0;
    }
    seq_overflow(m);
    return -1;
}

QUARRY_API void seq_puts(struct seq_file *m, const char *text)
{
    seq_write(m, text, strlen(text));
}

QUARRY_API void seq_putc(struct seq_file *m, char c)
{
    seq_write(m, &c, 1);
}

QUARRY_API void seq_pad(struct seq_file *m, char c)
{
    while (m->count < m->pad_until && !seq_has_overflowed(m))
        seq_putc(m, ' ');
    if (c)
        seq_putc(m, c);
}

QUARRY_API void seq_put_decimal_ull(struct seq_file *m, const char *before, unsigned long long n)
{
    seq_printf(m, "%s%llu", before ? before : "", n);
}

QUARRY_API void seq_escape(struct seq_file *m, const char *text, const char *escaped)
{
    for (; *text; text++) {
        if (strchr(escaped, *text))
            seq_printf(m, "\\%03o", (unsigned char)*text);
        else
            seq_putc(m, *text);
    }
}

/* ---- lists --------------------------------------------------------------------------------- */

QUARRY_API struct list_head *seq_list_start(struct list_head *head, loff_t pos)
{
    struct list_head *at;
    list_for_each (at, head) {
        if (pos-- == 0)
            return at;
    }
    return NULL;
}

QUARRY_API struct list_head *seq_list_start_head(struct list_head *head, loff_t pos)
{
    return pos == 0 ? head : seq_list_start(head, pos - 1);
}

QUARRY_API struct list_head *seq_list_next(void *v, struct list_head *head, loff_t *pos)
{
    struct list_head *next = ((struct list_head *)v)->next;
    ++*pos;
    return next == head ? NULL : next;
}
