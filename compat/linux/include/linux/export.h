/* SPDX-License-Identifier: MIT */
/* Exported symbols: what other modules may use. A global name that is not exported is the module's own.
 *
 * Each export is a record in a section of its own, which the loader walks from __this_module (module.h);
 * the text beside it tells the tool, before anything is loaded, who exports what and where. */
#ifndef QUARRY_LINUX_EXPORT_H
#define QUARRY_LINUX_EXPORT_H

#include <linux/compiler.h>

struct quarry_export {
    const char *name;
    const void *address;
    const char *place; /* "G" for GPL-compatible modules only or "-", then file:line */
};
#ifdef MODULE
#define quarry_export(symbol, kind)                                                                \
    extern __typeof__(symbol) symbol;                                                              \
    static const char __used __quarry_export_place_##symbol[] =                                    \
        kind __FILE__ ":" __stringify(__LINE__);                                                   \
    static const struct quarry_export __quarry_export_##symbol = {#symbol, (const void *)&symbol,  \
                                                                  __quarry_export_place_##symbol}; \
    static const struct quarry_export *const __used __section("qlx_exports")                       \
        __attribute__((__aligned__(sizeof(void *)))) __quarry_export_at_##symbol =                 \
            &__quarry_export_##symbol
#else
#define quarry_export(symbol, kind) extern __typeof__(symbol) symbol
#endif
#define EXPORT_SYMBOL(symbol) quarry_export(symbol, "-")
#define EXPORT_SYMBOL_GPL(symbol) quarry_export(symbol, "G")
#define EXPORT_SYMBOL_NS(symbol, ns) EXPORT_SYMBOL(symbol)
#define EXPORT_SYMBOL_NS_GPL(symbol, ns) EXPORT_SYMBOL_GPL(symbol)
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
