/* SPDX-License-Identifier: MIT */
/* Findings: what Quarry noticed about its callers, as text on the console and as records for tools.
 */
#ifndef QUARRY_REPORT_H
#define QUARRY_REPORT_H

#include <quarry/types.h>

enum quarry_finding {
    QUARRY_BAD_REQUEST, /* flags, size, order or alignment that make no sense */
    QUARRY_BAD_CONTEXT, /* a call that may sleep in atomic context (G-C1, G-C3) */
    QUARRY_DOUBLE_FREE,
    QUARRY_BAD_FREE,       /* wrong pointer, wrong call, wrong order, wrong cache (G-S8) */
    QUARRY_OVERRUN,        /* a red zone was written */
    QUARRY_USE_AFTER_FREE, /* a poisoned object was written */
    QUARRY_LEAK,           /* objects of a destroyed cache, or reported by a tool */
    QUARRY_OUT_OF_MEMORY,  /* a request failed (G-E6): information, not the caller's mistake */
    QUARRY_CORRUPTION,     /* Quarry's own structures are damaged */
    QUARRY_FINDING_KINDS
};

#define QUARRY_TRACE_MAX 16

/* Return addresses, innermost first, Quarry's own frames left out. */
struct quarry_trace {
    unsigned int nr;
    const void *pc[QUARRY_TRACE_MAX];
};

struct quarry_report {
    enum quarry_finding kind;
    const char *rule;    /* "G-S8", or NULL */
    const char *text;    /* one line: what was wrong, where, what to do */
    const void *address; /* the memory it is about, or NULL */
    size_t size;
    const char *cache;                 /* name, or NULL */
    const struct quarry_trace *now;    /* who did it */
    const struct quarry_trace *before; /* the other site: who allocated, freed, or made the context
                                        * atomic; NULL when unknown */
    const char *before_is;             /* "allocated by", "freed by", "atomic since", … */
    const char *explanation;         /* further lines in words, each ending in a newline, or NULL */
    const struct quarry_trace *also; /* a third site, or NULL: who freed what is used again */
    const char *also_is;
};

/* What an address in the program is. Strings stay valid as long as the program runs. */
struct quarry_symbol {
    const char *function; /* NULL: unknown */
    const char *file;     /* NULL: unknown */
    unsigned int line;
    const char *module; /* a kernel module's or shared library's name; NULL: the program itself */
    const char *object; /* without a file: the object file's name … */
    size_t offset;      /* … and the address in it */
};

QUARRY_EXTERN_C_BEGIN

/* Called for every finding, in the context where it was made, before the text is printed. Returns
 * true to print as usual, false to keep the console quiet. NULL restores the default. */
typedef bool (*quarry_report_fn)(const struct quarry_report *report, void *data);
QUARRY_API void quarry_set_report_hook(quarry_report_fn hook, void *data);
/* Who knows names: fills @frames with the functions at return address @pc, innermost first (several
 * where calls were inlined), and returns how many; 0: unknown. It is asked in the context where a
 * finding was made, may sleep and allocate from the host, and must not call Quarry. The hosted port
 * has one that reads the program's debugging information; NULL: addresses stay numbers. */
typedef size_t (*quarry_symbol_fn)(const void *pc, struct quarry_symbol *frames, size_t max,
                                   void *data);
QUARRY_API void quarry_set_symbol_hook(quarry_symbol_fn hook, void *data);
/* Findings so far, of one kind or (QUARRY_FINDING_KINDS) of all kinds but QUARRY_OUT_OF_MEMORY. */
QUARRY_API unsigned long quarry_findings(enum quarry_finding kind);

QUARRY_EXTERN_C_END

#endif
