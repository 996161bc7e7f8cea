/* SPDX-License-Identifier: MIT */
/* Vectors of buffers, and a cursor that walks them: the client's memory in read_iter, write_iter. */
#ifndef QUARRY_LINUX_UIO_H
#define QUARRY_LINUX_UIO_H

#include <sys/uio.h> /* struct iovec */
#include <linux/types.h>

struct kvec {
    void *iov_base;
    size_t iov_len;
};
struct page;

#define ITER_DEST 0u
#define ITER_SOURCE 1u
#undef READ
#undef WRITE
#define READ 0
#define WRITE 1

struct iov_iter {
    bool data_source;   /* true: data flows from the buffers */
    bool quarry_kernel; /* the buffers are the kernel's own */
    size_t iov_offset;  /* in the current segment */
    size_t count;       /* bytes left */
    unsigned long nr_segs;
    const struct iovec *iov;
    struct iovec quarry_one; /* storage for a single buffer */
};

QUARRY_EXTERN_C_BEGIN

QUARRY_API void iov_iter_init(struct iov_iter *iter, unsigned int direction,
                              const struct iovec *iov, unsigned long nr_segs, size_t count);
QUARRY_API void iov_iter_kvec(struct iov_iter *iter, unsigned int direction,
                              const struct kvec *kvec, unsigned long nr_segs, size_t count);
QUARRY_API void iov_iter_ubuf(struct iov_iter *iter, unsigned int direction, void __user *buffer,
                              size_t count);
QUARRY_API int import_ubuf(int direction, void __user *buffer, size_t size, struct iov_iter *iter);
/* Bytes copied; fewer than asked for on a bad range. The iterator moves by them. */
QUARRY_API size_t copy_to_iter(const void *from, size_t size, struct iov_iter *iter);
QUARRY_API size_t copy_from_iter(void *to, size_t size, struct iov_iter *iter);
/* All or nothing. */
QUARRY_API bool copy_from_iter_full(void *to, size_t size, struct iov_iter *iter);
QUARRY_API size_t iov_iter_zero(size_t size, struct iov_iter *iter);
QUARRY_API size_t copy_page_to_iter(struct page *page, size_t offset, size_t size,
                                    struct iov_iter *iter);
QUARRY_API size_t copy_page_from_iter(struct page *page, size_t offset, size_t size,
                                      struct iov_iter *iter);
QUARRY_API void iov_iter_advance(struct iov_iter *iter, size_t size);
QUARRY_API void iov_iter_revert(struct iov_iter *iter, size_t size);
QUARRY_API size_t iov_iter_single_seg_count(const struct iov_iter *iter);

static inline size_t iov_iter_count(const struct iov_iter *iter)
{
    return iter->count;
}
static inline void iov_iter_truncate(struct iov_iter *iter, u64 count)
{
    if (iter->count > count)
        iter->count = count;
}
static inline unsigned char iov_iter_rw(const struct iov_iter *iter)
{
    return iter->data_source ? WRITE : READ;
}

QUARRY_EXTERN_C_END

#endif
