/* SPDX-License-Identifier: MIT */
/* api/highmem: the public calls of quarry/highmem.h, over the default machine. What they promise is
 * done in vm/kmap.c and vm/kmap_local.c; here a pointer that is no page is caught. */
#include "../instance.h"

/* The windows, when @page is a page of the machine; NULL after a report when not. */
static struct qr_kmaps *highmem_for(const struct page *page, const char *what)
{
    struct quarry *q = qr_default();
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .address = page};
    if (QR_LIKELY((uintptr_t)page - (uintptr_t)q->map.pages <
                  q->map.max_pfn * sizeof(struct page)) &&
        (qr_check_level(&q->check) == 0 || qr_page_valid(&q->map, page)))
        return &q->kmaps;
    qr_report(&q->check, &report, "%s of %p, which is no page of this machine; nothing was done",
              what, (const void *)page);
    return NULL;
}

void *kmap(struct page *page)
{
    struct qr_kmaps *kmaps = highmem_for(page, "kmap");
    return kmaps ? qr_kmap(kmaps, page) : NULL;
}

void kunmap(struct page *page)
{
    struct qr_kmaps *kmaps = highmem_for(page, "kunmap");
    if (kmaps)
        qr_kunmap(kmaps, page);
}

void *kmap_local_page(struct page *page)
{
    struct qr_kmaps *kmaps = highmem_for(page, "kmap_local_page");
    return kmaps ? qr_kmap_local(kmaps, page) : NULL;
}

void kunmap_local(const void *address)
{
    qr_kunmap_local(&qr_default()->kmaps, address);
}

void *quarry_kmap_atomic(struct page *page)
{
    struct qr_kmaps *kmaps = highmem_for(page, "kmap_atomic");
    void *address;
    if (!kmaps)
        return NULL;
    qp_atomic_enter();
    address = qr_kmap_local(kmaps, page);
    if (!address)
        qp_atomic_leave();
    return address;
}

void quarry_kunmap_atomic(const void *address)
{
    if (qr_kunmap_local(&qr_default()->kmaps, address))
        qp_atomic_leave();
}

void clear_highpage(struct page *page)
{
    memset_page(page, 0, 0, PAGE_SIZE);
}

void copy_highpage(struct page *to, struct page *from)
{
    memcpy_page(to, 0, from, 0, PAGE_SIZE);
}

void memcpy_from_page(char *to, struct page *page, size_t offset, size_t len)
{
    struct qr_kmaps *kmaps = highmem_for(page, "memcpy_from_page");
    if (kmaps)
        qr_page_read(kmaps, to, page, offset, len, "memcpy_from_page");
}

void memcpy_to_page(struct page *page, size_t offset, const char *from, size_t len)
{
    struct qr_kmaps *kmaps = highmem_for(page, "memcpy_to_page");
    if (kmaps)
        qr_page_write(kmaps, page, offset, from, len, "memcpy_to_page");
}

void memcpy_page(struct page *to, size_t to_offset, struct page *from, size_t from_offset,
                 size_t len)
{
    struct qr_kmaps *kmaps = highmem_for(to, "memcpy_page");
    if (kmaps && highmem_for(from, "memcpy_page"))
        qr_page_copy(kmaps, to, to_offset, from, from_offset, len, "memcpy_page");
}

void memset_page(struct page *page, size_t offset, int value, size_t len)
{
    struct qr_kmaps *kmaps = highmem_for(page, "memset_page");
    if (kmaps)
        qr_page_fill(kmaps, page, offset, value, len, "memset_page");
}

void memzero_page(struct page *page, size_t offset, size_t len)
{
    memset_page(page, offset, 0, len);
}
