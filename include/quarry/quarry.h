/* SPDX-License-Identifier: MIT */
/* Everything, in one include. */
#ifndef QUARRY_QUARRY_H
#define QUARRY_QUARRY_H

#include <quarry/boot.h>
#include <quarry/context.h>
#include <quarry/dma.h>
#include <quarry/explain.h>
#include <quarry/fault.h>
#include <quarry/folio.h>
#include <quarry/genalloc.h>
#include <quarry/gfp.h>
#include <quarry/highmem.h>
#include <quarry/kmemleak.h>
#include <quarry/leak.h>
#include <quarry/mempool.h>
#include <quarry/page.h>
#include <quarry/percpu.h>
#include <quarry/rcu.h>
#include <quarry/report.h>
#include <quarry/shrinker.h>
#include <quarry/slab.h>
#include <quarry/stat.h>
#include <quarry/typed.h>
#include <quarry/types.h>
#include <quarry/version.h>
#include <quarry/vmalloc.h>

#endif
