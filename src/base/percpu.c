/* SPDX-License-Identifier: MIT */
/* base/percpu: the CPU that stands for "none".
 *
 * A thread without a block of its own, and a cache without slots, must not cost the fast way a
 * question. Both find closed slots instead: hooks are set, so that the pop and the push answer "no"
 * before they look at top or limit, which stay NULL. Nobody ever writes these slots; the counters
 * of qr_cpu_none are shared by all that use it and are approximate. */
#include "percpu.h"

#define PERCPU_CLOSED_SLOTS                                                                        \
    {                                                                                              \
        [0 ... QR_CHUNK_SLOTS - 1] = {.hooks = QR_HOOK_CLOSED }                                    \
    }

struct qr_slot qr_closed_chunk[QR_CHUNK_SLOTS] = PERCPU_CLOSED_SLOTS;

struct qr_cpu qr_cpu_none = {
    .slot = PERCPU_CLOSED_SLOTS,
    .chunk = {[0 ... QR_NR_CHUNKS - 1] = qr_closed_chunk},
    .nr_pcp = 0,
};
