/* SPDX-License-Identifier: MIT */
/* Exported symbols: a module's own functions already bind to it first; everything that is not static
 * can be reached by modules loaded later. */
#ifndef QUARRY_LINUX_EXPORT_H
#define QUARRY_LINUX_EXPORT_H

#include <linux/compiler.h>

#define EXPORT_SYMBOL(symbol) extern __typeof__(symbol) symbol
#define EXPORT_SYMBOL_GPL(symbol) EXPORT_SYMBOL(symbol)
#define EXPORT_SYMBOL_NS(symbol, ns) EXPORT_SYMBOL(symbol)
#define EXPORT_SYMBOL_NS_GPL(symbol, ns) EXPORT_SYMBOL(symbol)
#define EXPORT_PER_CPU_SYMBOL(symbol) EXPORT_SYMBOL(symbol)

/* The module being compiled; NULL in code linked into the host program. */
struct module;
#ifdef MODULE
extern struct module __this_module __attribute__((visibility("hidden")));
#define THIS_MODULE (&__this_module)
#else
#define THIS_MODULE ((struct module *)0)
#endif

#endif
