/* SPDX-License-Identifier: MIT */
/* dma: the door. Memory that devices reach. Files: zone.c masks and coherent memory · map.c streaming
 * mappings · track.c what is mapped · pool.c pools of small blocks. */
#ifndef QR_DMA_H
#define QR_DMA_H

#include <quarry/dma.h>
#include "../vm/vm.h"

#define QR_DMA_BUCKETS 256u

/* A device as this layer sees it. */
struct qr_dma_dev {
    const void *id; /* the program's struct device, NULL: the old generation's */
    struct quarry_dma_device *dma;
    const char *name; /* NULL: unknown */
};

enum qr_dma_kind { QR_DMA_SINGLE, QR_DMA_PAGE, QR_DMA_SG, QR_DMA_COHERENT };

struct qr_dma_record;

struct qr_dma {
    struct qr_vm *vm;
    struct qr_kmaps *kmaps;
    struct qr_zones *zones;
    struct qr_slabs *slabs;
    struct qr_check *check;
    struct kmem_cache *record_cache;
    qp_lock_t lock; /* guards what follows */
    struct qr_dma_record *bucket[QR_DMA_BUCKETS];
    unsigned long nr; /* records */
    unsigned long
        missed; /* mappings that there was no memory to record: strangers are not reported */
};

int qr_dma_init(struct qr_dma *dma, char *why, size_t why_size);

/* zone.c. The zone flags of memory that lies below the mask whole; false: there is none. */
bool qr_dma_zone(const struct qr_dma *dma, u64 mask, gfp_t *flags);
u64 qr_dma_required_mask(const struct qr_dma *dma);
/* 0 or -EIO with a message; @what names the call. */
int qr_dma_mask_ok(struct qr_dma *dma, const struct qr_dma_dev *dev, u64 mask, const char *what);
/* Of a NULL device too; 0: none is set. */
u64 qr_dma_streaming_mask(const struct qr_dma_dev *dev);
u64 qr_dma_coherent_mask(const struct qr_dma_dev *dev);
void *qr_dma_alloc(struct qr_dma *dma, const struct qr_dma_dev *dev, size_t size,
                   dma_addr_t *handle, gfp_t gfp);
void qr_dma_free(struct qr_dma *dma, const struct qr_dma_dev *dev, size_t size, void *address,
                 dma_addr_t handle);

/* map.c */
struct qr_dma_range {
    dma_addr_t handle;
    size_t size;
    enum dma_data_direction direction;
    enum qr_dma_kind kind;
};
dma_addr_t qr_dma_map_single(struct qr_dma *dma, const struct qr_dma_dev *dev, void *address,
                             size_t size, enum dma_data_direction direction);
dma_addr_t qr_dma_map_page(struct qr_dma *dma, const struct qr_dma_dev *dev, struct page *page,
                           size_t offset, size_t size, enum dma_data_direction direction);
int qr_dma_map_sg(struct qr_dma *dma, const struct qr_dma_dev *dev, struct scatterlist *sg,
                  int nents, enum dma_data_direction direction);
void qr_dma_unmap_sg(struct qr_dma *dma, const struct qr_dma_dev *dev, struct scatterlist *sg,
                     int nents, enum dma_data_direction direction);
struct scatterlist *qr_sg_next(struct scatterlist *sg);

/* track.c. All do nothing below check level 1. */
void qr_dma_note(struct qr_dma *dma, const struct qr_dma_dev *dev, const struct qr_dma_range *range,
                 const void *address);
/* The mapping ends; what does not fit is reported. False: it must not be carried out (coherent memory). */
bool qr_dma_forget(struct qr_dma *dma, const struct qr_dma_dev *dev,
                   const struct qr_dma_range *range, const char *what);
/* Somebody asked dma_mapping_error() of it. */
void qr_dma_asked(struct qr_dma *dma, const struct qr_dma_dev *dev, dma_addr_t handle);
/* Whether the range is mapped; reported if not. */
void qr_dma_expect(struct qr_dma *dma, const struct qr_dma_dev *dev,
                   const struct qr_dma_range *range, const char *what);
unsigned long qr_dma_count(struct qr_dma *dma, const void *dev, bool all);
void qr_dma_for_each_live(struct qr_dma *dma, bool (*visit)(const struct quarry_live *, void *),
                          void *data);
unsigned long qr_dma_check(struct qr_dma *dma);

/* pool.c */
struct dma_pool *qr_dma_pool_create(struct qr_dma *dma, const char *name,
                                    const struct qr_dma_dev *dev, size_t size, size_t align,
                                    size_t boundary);
const void *qr_dma_pool_device(const struct dma_pool *pool);
void qr_dma_pool_destroy(struct qr_dma *dma, struct dma_pool *pool);
void *qr_dma_pool_alloc(struct qr_dma *dma, struct dma_pool *pool, gfp_t gfp, dma_addr_t *handle);
void qr_dma_pool_free(struct qr_dma *dma, struct dma_pool *pool, void *block, dma_addr_t handle);

#endif
