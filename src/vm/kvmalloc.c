/* SPDX-License-Identifier: MIT */
/* vm/kvmalloc: physically contiguous when that is cheap, else contiguous in addresses only (G-K1).
 *
 * Problem. A caller that needs a large table does not care where its pages lie, but kmalloc memory
 * is faster to get and needs no mapping; while large page blocks are what a machine runs out of
 * first.
 *
 * Idea. Up to a page only kmalloc can serve well. Beyond that kmalloc is asked first, without a
 * warning and without much effort, since there is another way; then vmalloc. The address says which
 * of the two it was: kvfree needs no note.
 *
 *     mask of the kmalloc try       + NOWARN, + NORETRY unless RETRY_MAYFAIL was asked for, - NOFAIL
 *     mask of the vmalloc request   the caller's own
 *
 * A request that may not sleep gets no vmalloc: mapping may sleep. What may sleep: allocation by
 * its mask; kvfree of vmalloc memory, put off in interrupt (vfree.c). */
#include "../kmalloc/fast.h"
#include "vm.h"

#define KVMALLOC_MOST ((size_t)0x7fffffff) /* INT_MAX: larger sizes are overflows, not requests */

static QR_COLD void *kvmalloc_too_large(struct qr_vm *vm, size_t size, gfp_t gfp)
{
    struct quarry_report report = {.kind = QUARRY_BAD_REQUEST, .rule = "G-K1", .size = size};

    if (!(gfp & __GFP_NOWARN))
        qr_report(
            vm->check, &report,
            "kvmalloc of %zu bytes: sizes above INT_MAX are taken for overflows; use vmalloc if "
            "it is meant",
            size);
    return NULL;
}

void *qr_kvmalloc(struct qr_vm *vm, size_t size, gfp_t gfp, int nid)
{
    gfp_t quiet = gfp;
    void *block;

    if (size > PAGE_SIZE) {
        if (QR_UNLIKELY(size > KVMALLOC_MOST))
            return kvmalloc_too_large(vm, size, gfp);
        if (!qr_may_block(vm->check, gfp, "kvmalloc"))
            gfp &= ~(__GFP_DIRECT_RECLAIM | __GFP_NOFAIL);
        quiet = (gfp | __GFP_NOWARN) & ~__GFP_NOFAIL;
        if (!(gfp & __GFP_RETRY_MAYFAIL))
            quiet |= __GFP_NORETRY;
    }
    block = nid == NUMA_NO_NODE ? qr_kmalloc(vm->kmalloc, size, quiet)
                                : qr_kmalloc_slow(vm->kmalloc, size, quiet, nid);
    if (block || size <= PAGE_SIZE || !(gfp & __GFP_DIRECT_RECLAIM))
        return block;
    return qr_vmalloc(vm, size, 0, gfp, 0, nid, "kvmalloc");
}

void qr_kvfree(struct qr_vm *vm, const void *block, const char *what)
{
    if (qr_vm_contains(vm, block))
        qr_vfree(vm, block, false);
    else
        qr_kfree_slow(vm->kmalloc, (void *)block, what);
}

void qr_kvfree_sensitive(struct qr_vm *vm, const void *block, size_t size)
{
    if (ZERO_OR_NULL_PTR(block))
        return;
    memset((void *)block, 0, size);
    __asm__ volatile("" : : "r"(block) : "memory"); /* nobody reads it again: wipe all the same */
    qr_kvfree(vm, block, "kvfree_sensitive");
}

/* A kmalloc block grows in place or into another kmalloc block if that is cheap to have; else into
 * whatever kvmalloc gives. */
void *qr_kvrealloc(struct qr_vm *vm, const void *block, size_t size, gfp_t gfp)
{
    size_t old_size;
    void *bigger;

    if (ZERO_OR_NULL_PTR(block))
        return qr_kvmalloc(vm, size, gfp, NUMA_NO_NODE);
    if (qr_vm_contains(vm, block))
        return qr_vrealloc(vm, block, size, gfp);
    old_size = qr_ksize(vm->kmalloc, block);
    if (!old_size)
        return NULL; /* no block of ours: reported */
    if (size <= PAGE_SIZE || size <= old_size)
        return qr_krealloc(vm->kmalloc, block, size, gfp);
    bigger = qr_kvmalloc(vm, size, gfp, NUMA_NO_NODE);
    if (!bigger)
        return NULL;
    memcpy(bigger, block, old_size);
    qr_kfree(vm->kmalloc, block);
    return bigger;
}
