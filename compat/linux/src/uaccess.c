/* SPDX-License-Identifier: MIT */
/* uaccess: the client's memory, and cursors over it.
 *
 * A user address is looked up in the ranges that the operation in progress declared (buffers of a
 * read or write, the copied argument of an ioctl); what lies in none of them is read and written in
 * the client's process, where the host kernel checks it. A range that is good only in part is copied
 * up to the first bad page.
 *
 * An armed fail_usercopy makes a copy fail whole, as of an address that the program does not have.
 *
 * Context: may sleep; a copy in atomic context is reported. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/highmem.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <quarry/fault.h>
#include <string.h>
#include <sys/uio.h>

#define USER_TOP 0x00007ffffffff000ull

/* ---- ranges -------------------------------------------------------------------------------- */

int qlx_user_range(uint64_t user, size_t size, void *local, bool writable)
{
    struct qlx_task_state *state = quarry_current()->quarry;
    if (state->nr_ranges == QLX_USER_RANGES)
        return -ENOSPC;
    state->range[state->nr_ranges++] = (struct qlx_user_range){user, size, local, writable};
    return 0;
}

void qlx_user_ranges_clear(void)
{
    quarry_current()->quarry->nr_ranges = 0;
}

/* The newest range that holds @user: where it is locally, and how many bytes from there on. */
static char *user_local(struct qlx_task_state *state, u64 user, bool write, size_t *left)
{
    for (unsigned int i = state->nr_ranges; i-- > 0;) {
        struct qlx_user_range *range = &state->range[i];
        if (user < range->user || user - range->user >= range->size || (write && !range->writable))
            continue;
        *left = range->size - (size_t)(user - range->user);
        return range->local + (user - range->user);
    }
    return NULL;
}

static ssize_t user_process_once(int pid, u64 user, void *kernel, size_t size, bool write)
{
    struct iovec here = {kernel, size}, there = {(void *)(uintptr_t)user, size};
    return write ? process_vm_writev(pid, &here, 1, &there, 1, 0)
                 : process_vm_readv(pid, &here, 1, &there, 1, 0);
}

/* Copy to or from another process; returns how many bytes went well. The host copies all of a piece
 * or little of it, so after a failure go on page by page. */
static size_t user_process(int pid, u64 user, char *kernel, size_t size, bool write)
{
    size_t done = 0;
    ssize_t got;
    if (pid <= 0)
        return 0;
    got = user_process_once(pid, user, kernel, size, write);
    if (got == (ssize_t)size)
        return size;
    if (got > 0)
        done = (size_t)got;
    while (done < size) {
        size_t piece = PAGE_SIZE - (size_t)((user + done) & (PAGE_SIZE - 1));
        if (piece > size - done)
            piece = size - done;
        got = user_process_once(pid, user + done, kernel + done, piece, write);
        if (got > 0)
            done += (size_t)got;
        if (got != (ssize_t)piece)
            break;
    }
    return done;
}

/* The host refuses a bad address on our side as it does one on the client's. The kernel's own must be
 * good: one that is not ends the task here, in the driver's name. */
static void user_touch(const void *kernel, size_t size)
{
    const volatile char *bytes = kernel;
    (void)bytes[0];
    (void)bytes[size - 1];
}

/* Copy @size bytes; returns how many went well. */
static size_t user_copy(u64 user, void *kernel, size_t size, bool write, const char *what)
{
    struct qlx_task_state *state = quarry_current()->quarry;
    size_t done = 0;
    quarry_might_sleep(what);
    if (state->kernel_segment) {
        if (write)
            memcpy((void *)(uintptr_t)user, kernel, size);
        else
            memcpy(kernel, (const void *)(uintptr_t)user, size);
        return size;
    }
    if (user > USER_TOP || size > USER_TOP - user ||
        (size && quarry_fault_hit(QUARRY_FAIL_USERCOPY, size)))
        return 0;
    while (done < size) {
        size_t left;
        char *local = user_local(state, user + done, write, &left);
        if (!local) {
            user_touch((char *)kernel + done, size - done);
            return done + user_process(state->client_pid, user + done, (char *)kernel + done,
                                       size - done, write);
        }
        left = min(left, size - done);
        if (write)
            memcpy(local, (char *)kernel + done, left);
        else
            memcpy((char *)kernel + done, local, left);
        done += left;
    }
    return done;
}

QUARRY_API unsigned long copy_to_user(void __user *to, const void *from, unsigned long n)
{
    return n - user_copy((u64)(uintptr_t)to, (void *)(uintptr_t)from, n, true, "copy_to_user");
}

QUARRY_API unsigned long copy_from_user(void *to, const void __user *from, unsigned long n)
{
    size_t done = user_copy((u64)(uintptr_t)from, to, n, false, "copy_from_user");
    if (done < n)
        memset((char *)to + done, 0, n - done);
    return n - done;
}

QUARRY_API unsigned long clear_user(void __user *to, unsigned long n)
{
    static const char zeros[512];
    while (n > 0) {
        unsigned long piece = min(n, (unsigned long)sizeof(zeros));
        unsigned long left = copy_to_user(to, zeros, piece);
        n -= piece - left;
        to = (char *)to + piece;
        if (left)
            break;
    }
    return n;
}

QUARRY_API bool quarry_access_ok(const void __user *address, unsigned long size)
{
    u64 user = (u64)(uintptr_t)address;
    if (quarry_current()->quarry->kernel_segment)
        return true;
    return user <= USER_TOP && size <= USER_TOP - user;
}

QUARRY_API mm_segment_t get_fs(void)
{
    return (mm_segment_t){quarry_current()->quarry->kernel_segment};
}

QUARRY_API void set_fs(mm_segment_t segment)
{
    quarry_current()->quarry->kernel_segment = segment.seg != 0;
}

/* ---- strings ------------------------------------------------------------------------------- */

/* Copy up to the NUL, @n bytes at most: the string's length without it, @n, or -EFAULT. */
static long user_string(char *to, u64 from, long n)
{
    long done = 0;
    while (done < n) {
        size_t piece = PAGE_SIZE - (size_t)((from + (u64)done) & (PAGE_SIZE - 1)), got, length;
        piece = min(piece, (size_t)(n - done));
        got = user_copy(from + (u64)done, to + done, piece, false, "strncpy_from_user");
        length = strnlen(to + done, got);
        done += (long)length;
        if (length < got)
            return done;
        if (got < piece)
            return -EFAULT;
    }
    return done;
}

QUARRY_API long strncpy_from_user(char *to, const char __user *from, long n)
{
    return n <= 0 ? 0 : user_string(to, (u64)(uintptr_t)from, n);
}

QUARRY_API long strnlen_user(const char __user *from, long n)
{
    char piece[128];
    long done = 0;
    while (done < n) {
        long want = min(n - done, (long)sizeof(piece));
        long length = user_string(piece, (u64)(uintptr_t)from + (u64)done, want);
        if (length < 0)
            return 0;
        done += length;
        if (length < want)
            return done + 1;
    }
    return n + 1;
}

QUARRY_API int copy_struct_from_user(void *to, size_t size, const void __user *from,
                                     size_t user_size)
{
    size_t common = min(size, user_size);
    const char *rest = (const char *)from + common;
    if (copy_from_user(to, from, common))
        return -EFAULT;
    memset((char *)to + common, 0, size - common);
    for (size_t i = common; i < user_size; i++) {
        char byte;
        if (copy_from_user(&byte, rest++, 1))
            return -EFAULT;
        if (byte)
            return -E2BIG; /* asks for something that this version does not know */
    }
    return 0;
}

QUARRY_API void *memdup_user(const void __user *from, size_t size)
{
    void *copy = kmalloc(size, GFP_USER);
    if (!copy)
        return ERR_PTR(-ENOMEM);
    if (copy_from_user(copy, from, size)) {
        kfree(copy);
        return ERR_PTR(-EFAULT);
    }
    return copy;
}

QUARRY_API void *vmemdup_user(const void __user *from, size_t size)
{
    void *copy = kvmalloc(size, GFP_USER);
    if (!copy)
        return ERR_PTR(-ENOMEM);
    if (copy_from_user(copy, from, size)) {
        kvfree(copy);
        return ERR_PTR(-EFAULT);
    }
    return copy;
}

QUARRY_API void *memdup_user_nul(const void __user *from, size_t size)
{
    char *copy;
    if (size == SIZE_MAX)
        return ERR_PTR(-ENOMEM);
    copy = kmalloc(size + 1, GFP_KERNEL);
    if (!copy)
        return ERR_PTR(-ENOMEM);
    if (copy_from_user(copy, from, size)) {
        kfree(copy);
        return ERR_PTR(-EFAULT);
    }
    copy[size] = '\0';
    return copy;
}

QUARRY_API char *strndup_user(const char __user *from, long max)
{
    long length = strnlen_user(from, max);
    char *copy;
    if (length == 0)
        return ERR_PTR(-EFAULT);
    if (length > max)
        return ERR_PTR(-EINVAL);
    copy = memdup_user(from, (size_t)length);
    if (!IS_ERR(copy))
        copy[length - 1] = '\0'; /* the client may have changed it meanwhile */
    return copy;
}

/* ---- whole buffers ------------------------------------------------------------------------- */

QUARRY_API ssize_t simple_read_from_buffer(void __user *to, size_t count, loff_t *pos,
                                           const void *from, size_t available)
{
    size_t left;
    if (*pos < 0)
        return -EINVAL;
    if ((size_t)*pos >= available || !count)
        return 0;
    count = min(count, available - (size_t)*pos);
    left = copy_to_user(to, (const char *)from + *pos, count);
    if (left == count)
        return -EFAULT;
    *pos += (loff_t)(count - left);
    return (ssize_t)(count - left);
}

QUARRY_API ssize_t simple_write_to_buffer(void *to, size_t available, loff_t *pos,
                                          const void __user *from, size_t count)
{
    size_t left;
    if (*pos < 0)
        return -EINVAL;
    if ((size_t)*pos >= available || !count)
        return 0;
    count = min(count, available - (size_t)*pos);
    left = copy_from_user((char *)to + *pos, from, count);
    if (left == count)
        return -EFAULT;
    *pos += (loff_t)(count - left);
    return (ssize_t)(count - left);
}

QUARRY_API ssize_t memory_read_from_buffer(void *to, size_t count, loff_t *pos, const void *from,
                                           size_t available)
{
    if (*pos < 0)
        return -EINVAL;
    if ((size_t)*pos >= available)
        return 0;
    count = min(count, available - (size_t)*pos);
    memcpy(to, (const char *)from + *pos, count);
    *pos += (loff_t)count;
    return (ssize_t)count;
}

/* ---- cursors ------------------------------------------------------------------------------- */

QUARRY_API void iov_iter_init(struct iov_iter *iter, unsigned int direction,
                              const struct iovec *iov, unsigned long nr_segs, size_t count)
{
    *iter = (struct iov_iter){
        .data_source = direction == ITER_SOURCE, .count = count, .nr_segs = nr_segs, .iov = iov};
}

QUARRY_API void iov_iter_kvec(struct iov_iter *iter, unsigned int direction,
                              const struct kvec *kvec, unsigned long nr_segs, size_t count)
{
    _Static_assert(sizeof(struct kvec) == sizeof(struct iovec), "they are walked as one");
    iov_iter_init(iter, direction, (const struct iovec *)(const void *)kvec, nr_segs, count);
    iter->quarry_kernel = true;
}

/* The single segment lies in the iterator itself; iter_segment() finds it there after copies. */
QUARRY_API void iov_iter_ubuf(struct iov_iter *iter, unsigned int direction, void __user *buffer,
                              size_t count)
{
    iov_iter_init(iter, direction, NULL, 1, count);
    iter->quarry_one = (struct iovec){buffer, count};
}

QUARRY_API int import_ubuf(int direction, void __user *buffer, size_t size, struct iov_iter *iter)
{
    if (!quarry_access_ok(buffer, size))
        return -EFAULT;
    iov_iter_ubuf(iter, (unsigned int)direction, buffer, size);
    return 0;
}

static const struct iovec *iter_segment(const struct iov_iter *iter)
{
    return iter->iov ? iter->iov : &iter->quarry_one;
}

QUARRY_API size_t iov_iter_single_seg_count(const struct iov_iter *iter)
{
    return min(iter->count, iter_segment(iter)->iov_len - iter->iov_offset);
}

QUARRY_API void iov_iter_advance(struct iov_iter *iter, size_t size)
{
    size = min(size, iter->count);
    while (size > 0) {
        size_t piece = min(size, iter_segment(iter)->iov_len - iter->iov_offset);
        iter->iov_offset += piece;
        iter->count -= piece;
        size -= piece;
        if (iter->iov && iter->iov_offset == iter->iov->iov_len && iter->nr_segs > 1) {
            iter->iov++;
            iter->nr_segs--;
            iter->iov_offset = 0;
        }
    }
}

QUARRY_API void iov_iter_revert(struct iov_iter *iter, size_t size)
{
    iter->count += size;
    while (size > iter->iov_offset && iter->iov) {
        size -= iter->iov_offset;
        iter->iov--;
        iter->nr_segs++;
        iter->iov_offset = iter->iov->iov_len;
    }
    iter->iov_offset -= size;
}

/* Move bytes between the cursor and the kernel's @kernel (NULL: zeros into the cursor). */
static size_t iter_copy(struct iov_iter *iter, char *kernel, size_t size, bool to_iter)
{
    size_t done = 0;
    size = min(size, iter->count);
    while (done < size) {
        const struct iovec *segment = iter_segment(iter);
        size_t piece = min(size - done, segment->iov_len - iter->iov_offset), left;
        char *user = (char *)segment->iov_base + iter->iov_offset;
        if (piece == 0 && iter->nr_segs <= 1)
            break;
        if (iter->quarry_kernel) {
            left = 0;
            if (!to_iter)
                memcpy(kernel + done, user, piece);
            else if (kernel)
                memcpy(user, kernel + done, piece);
            else
                memset(user, 0, piece);
        } else if (!to_iter) {
            left = piece -
                   user_copy((u64)(uintptr_t)user, kernel + done, piece, false, "copy_from_iter");
        } else if (kernel) {
            left = copy_to_user(user, kernel + done, piece);
        } else {
            left = clear_user(user, piece);
        }
        iov_iter_advance(iter, piece - left);
        done += piece - left;
        if (left)
            break;
    }
    return done;
}

QUARRY_API size_t copy_to_iter(const void *from, size_t size, struct iov_iter *iter)
{
    return iter_copy(iter, (char *)(uintptr_t)from, size, true);
}

QUARRY_API size_t copy_from_iter(void *to, size_t size, struct iov_iter *iter)
{
    return iter_copy(iter, to, size, false);
}

QUARRY_API bool copy_from_iter_full(void *to, size_t size, struct iov_iter *iter)
{
    size_t done = copy_from_iter(to, size, iter);
    if (done == size)
        return true;
    iov_iter_revert(iter, done);
    return false;
}

QUARRY_API size_t iov_iter_zero(size_t size, struct iov_iter *iter)
{
    return iter_copy(iter, NULL, size, true);
}

static size_t iter_page(struct page *page, size_t offset, size_t size, struct iov_iter *iter,
                        bool to_iter)
{
    char *address;
    size_t done;
    if (offset >= PAGE_SIZE)
        return 0;
    size = min(size, PAGE_SIZE - offset);
    address = kmap(page);
    done = iter_copy(iter, address + offset, size, to_iter);
    kunmap(page);
    return done;
}

QUARRY_API size_t copy_page_to_iter(struct page *page, size_t offset, size_t size,
                                    struct iov_iter *iter)
{
    return iter_page(page, offset, size, iter, true);
}

QUARRY_API size_t copy_page_from_iter(struct page *page, size_t offset, size_t size,
                                      struct iov_iter *iter)
{
    return iter_page(page, offset, size, iter, false);
}
