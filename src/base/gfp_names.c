/* SPDX-License-Identifier: MIT */
/* base/gfp_names: an allocation mask as a reader would write it.
 *
 * Idea. A mask is one composite (GFP_KERNEL, GFP_ATOMIC, ...) plus single bits. The table lists
 * composites from the one with most bits to the one with fewest, so that the first which is wholly
 * contained is the best; what it does not cover follows bit by bit. Bits without a name are shown
 * in hexadecimal, since a report about them must say which they are. */
#include <quarry/gfp.h>
#include "base.h"

struct gfp_name {
    gfp_t mask;
    const char *name;
};

#define GFP_NAME(flag)                                                                             \
    {                                                                                              \
        flag, #flag                                                                                \
    }

static const struct gfp_name gfp_composites[] = {
    GFP_NAME(GFP_TRANSHUGE),
    GFP_NAME(GFP_TRANSHUGE_LIGHT),
    GFP_NAME(GFP_HIGHUSER_MOVABLE),
    GFP_NAME(GFP_HIGHUSER),
    GFP_NAME(GFP_USER),
    GFP_NAME(GFP_KERNEL_ACCOUNT),
    GFP_NAME(GFP_KERNEL),
    GFP_NAME(GFP_NOFS),
    GFP_NAME(GFP_NOIO),
    GFP_NAME(GFP_ATOMIC),
    GFP_NAME(GFP_NOWAIT),
};

static const struct gfp_name gfp_bits[] = {
    GFP_NAME(GFP_DMA),
    GFP_NAME(__GFP_HIGHMEM),
    GFP_NAME(GFP_DMA32),
    GFP_NAME(__GFP_MOVABLE),
    GFP_NAME(__GFP_RECLAIMABLE),
    GFP_NAME(__GFP_HIGH),
    GFP_NAME(__GFP_IO),
    GFP_NAME(__GFP_FS),
    GFP_NAME(__GFP_ZERO),
    GFP_NAME(__GFP_COLD),
    GFP_NAME(__GFP_DIRECT_RECLAIM),
    GFP_NAME(__GFP_KSWAPD_RECLAIM),
    GFP_NAME(__GFP_WRITE),
    GFP_NAME(__GFP_NOWARN),
    GFP_NAME(__GFP_RETRY_MAYFAIL),
    GFP_NAME(__GFP_NOFAIL),
    GFP_NAME(__GFP_NORETRY),
    GFP_NAME(__GFP_MEMALLOC),
    GFP_NAME(__GFP_COMP),
    GFP_NAME(__GFP_NOMEMALLOC),
    GFP_NAME(__GFP_HARDWALL),
    GFP_NAME(__GFP_THISNODE),
    GFP_NAME(__GFP_ACCOUNT),
    GFP_NAME(__GFP_SKIP_ZERO),
};

static void gfp_name_add(struct qr_text *text, const char *name)
{
    qr_text_add(text, "%s%s", text->length ? "|" : "", name);
}

/* GFP flags by name, "GFP_KERNEL|__GFP_ZERO", "0" for none. Context: any.
 * Returns: the length the whole text has. */
size_t qr_gfp_names(gfp_t gfp, char *buffer, size_t size)
{
    struct qr_text text = {buffer, size, 0};

    for (size_t i = 0; i < QR_ARRAY_SIZE(gfp_composites); i++) {
        if ((gfp & gfp_composites[i].mask) == gfp_composites[i].mask) {
            gfp_name_add(&text, gfp_composites[i].name);
            gfp &= ~gfp_composites[i].mask;
            break;
        }
    }
    for (size_t i = 0; i < QR_ARRAY_SIZE(gfp_bits); i++) {
        if (gfp & gfp_bits[i].mask) {
            gfp_name_add(&text, gfp_bits[i].name);
            gfp &= ~gfp_bits[i].mask;
        }
    }
    if (gfp || !text.length)
        qr_text_add(&text, gfp ? "%s%#x" : "%s%u", text.length ? "|" : "", gfp);
    return text.length;
}
