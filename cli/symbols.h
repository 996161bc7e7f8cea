/* SPDX-License-Identifier: MIT */
/* Addresses as people read them: function, file and line, inlined calls opened up. */
#ifndef CLI_SYMBOLS_H
#define CLI_SYMBOLS_H

#include "cli.h"

#include <quarry/report.h>

enum frame_where {
    FRAME_MODULE, /* the code under test */
    FRAME_TOOL,   /* this program: the machine, compat/linux, the command */
    FRAME_HOST    /* libc and other libraries */
};

struct frame {
    const void *pc;
    const char *function; /* "?" when unknown */
    const char *file;     /* as the user wrote it where possible; NULL when unknown */
    int line;
    enum frame_where where;
    const char *module; /* the module's name for FRAME_MODULE */
    bool header;        /* an inline function of Quarry's own headers */
};

#define FRAMES_MAX 64

/* Code at [from, to) belongs to the module @name. */
void symbols_add_module(const char *name, const void *from, const void *to);
/* The frames at one address, innermost first: several where calls were inlined. @is_return: the
 * address follows a call, so look one byte before it. Strings stay valid for good. */
size_t symbols_frames(const void *pc, bool is_return, struct frame *frames, size_t max);
/* A whole backtrace. The tool's frames below the module's outermost one are left out: they only say
 * how the command came to call the module. @exact_top: the first address is an instruction (a crash),
 * not a return address. */
size_t symbols_trace(const struct quarry_trace *trace, bool exact_top, struct frame *frames,
                     size_t max);
/* The frame to name in one line: the innermost one in the module's own source; else the first; NULL
 * when there is none. */
const struct frame *symbols_site(const struct frame *frames, size_t nr);
/* "scullc_write examples/scullc.c:218" */
const char *symbols_text(const struct frame *frame, char *buffer, size_t size);

/* A fresh picture of this process for libdwfl, for the caller to end; NULL: there is none to be had. */
struct Dwfl;
struct Dwfl *symbols_process(void);

/* Visit the places in the object file @path that use the symbol @name: each with function, file and
 * line (file NULL: in data; function is then the variable). False ends the walk. */
bool symbols_uses(const char *path, const char *name, bool (*visit)(const struct frame *, void *),
                  void *data);

#endif
