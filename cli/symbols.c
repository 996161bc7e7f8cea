/* SPDX-License-Identifier: MIT */
/* Addresses → function, file, line.
 *
 * Problem. Findings and leaks arrive as return addresses. The user wants the line of the driver, also
 * when the call that counts was inlined (kmalloc() is inline all the way down).
 *
 * Idea. libdwfl (elfutils) reads the debugging information of this process and of each loaded module.
 * One address gives a chain of frames: the innermost inlined function, its caller …, up to the real
 * function; each inlined one carries the line of the call that was replaced. Frames that lie in
 * Quarry's own headers are marked, so that the site to blame is the first line outside them.
 *
 * The picture of the process is read anew when a module has been added since; earlier ones are kept,
 * since frames point into their strings. No debugging information is fetched from anywhere: the files
 * at hand hold it, or there is none.
 *
 * Locks: `symbols_lock`, taken by every public function here; nothing is called out with it held but
 * the visitor of symbols_uses(). */
#include "symbols.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <gelf.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct module_range {
    const char *name;
    uintptr_t from, to;
};

static pthread_mutex_t symbols_lock = PTHREAD_MUTEX_INITIALIZER;
static struct module_range *ranges;
static size_t nr_ranges, ranges_room;
static Dwfl *symbols_dwfl;
static bool symbols_stale = true;
static uintptr_t tool_from, tool_to; /* this program's own code */
static char *tree;                   /* "/where/quarry/was/built/"; NULL: unknown */
static size_t tree_length;

static int symbols_no_debuginfo(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base,
                                const char *file, const char *link, GElf_Word crc, char **found)
{
    return -1; /* what is not in the file itself is not looked for: that could ask a network */
}

static const Dwfl_Callbacks symbols_live = {.find_elf = dwfl_linux_proc_find_elf,
                                            .find_debuginfo = symbols_no_debuginfo};
static const Dwfl_Callbacks symbols_offline = {.find_debuginfo = symbols_no_debuginfo,
                                               .section_address = dwfl_offline_section_address};

void symbols_add_module(const char *name, const void *from, const void *to)
{
    pthread_mutex_lock(&symbols_lock);
    ranges = cli_grow(ranges, &ranges_room, nr_ranges + 1, sizeof(*ranges));
    ranges[nr_ranges++] = (struct module_range){cli_copy(name), (uintptr_t)from, (uintptr_t)to};
    symbols_stale = true;
    pthread_mutex_unlock(&symbols_lock);
}

Dwfl *symbols_process(void)
{
    Dwfl *dwfl = dwfl_begin(&symbols_live);

    if (!dwfl)
        return NULL;
    dwfl_report_begin(dwfl);
    if (dwfl_linux_proc_report(dwfl, getpid()) == 0 && dwfl_report_end(dwfl, NULL, NULL) == 0)
        return dwfl;
    dwfl_end(dwfl);
    return NULL;
}

/* The compilation unit of an address. Clang writes no table of addresses (.debug_aranges), which is all that
 * libdwfl asks: then every unit is asked for its own ranges. */
static Dwarf_Die *frames_unit(Dwfl_Module *module, Dwarf_Addr look, Dwarf_Addr *bias)
{
    Dwarf_Die *unit = dwfl_module_addrdie(module, look, bias);

    if (unit)
        return unit;
    do {
        unit = dwfl_module_nextcu(module, unit, bias);
    } while (unit && dwarf_haspc(unit, look - *bias) != 1);
    return unit;
}

/* Where Quarry was built, with a slash behind it, when this very file's debugging information says so. */
static void symbols_find_tree(Dwfl_Module *self)
{
    static const char below[] = "cli/symbols.c";
    Dwarf_Addr bias;
    Dwarf_Die *unit = frames_unit(self, (uintptr_t)&symbols_find_tree, &bias);
    const char *file = unit ? dwarf_diename(unit) : NULL;
    size_t length = file ? strlen(file) : 0;

    if (tree || length < sizeof(below) || file[0] != '/' ||
        strcmp(file + length - (sizeof(below) - 1), below) != 0)
        return;
    tree_length = length - (sizeof(below) - 1);
    tree = cli_format("%.*s", (int)tree_length, file);
}

static void symbols_refresh(void)
{
    Dwfl_Module *self;
    Dwarf_Addr from, to;

    if (!symbols_stale)
        return;
    symbols_stale = false;
    symbols_dwfl = symbols_process();
    if (!symbols_dwfl)
        return; /* addresses stay numbers */
    self = dwfl_addrmodule(symbols_dwfl, (uintptr_t)&symbols_refresh);
    if (self && dwfl_module_info(self, NULL, &from, &to, NULL, NULL, NULL, NULL)) {
        tool_from = (uintptr_t)from;
        tool_to = (uintptr_t)to;
        symbols_find_tree(self);
    }
}

/* The path below the current folder or the source tree, where it lies in one of them. */
static const char *path_short(const char *path)
{
    static char here[4096];
    size_t length;

    if (!here[0] && (!getcwd(here, sizeof(here) - 1) || strcmp(here, "/") == 0))
        strcpy(here, "?");
    length = strlen(here);
    if (strncmp(path, here, length) == 0 && path[length] == '/')
        path += length + 1;
    else if (tree && strncmp(path, tree, tree_length) == 0)
        path += tree_length;
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    return path;
}

static bool path_below(const char *path, const char *folder)
{
    size_t length = folder ? strlen(folder) : 0;

    return length && strncmp(path, folder, length) == 0 && path[length] == '/';
}

/* Clang names files below the folder it was started in without that folder. The full name is kept for good,
 * each once. */
static const char *path_full(Dwarf_Die *unit, const char *file)
{
    static struct strings known;
    Dwarf_Attribute attribute;
    const char *folder = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
    char *full;

    if (file[0] == '/' || !folder)
        return file;
    full = cli_format("%s/%s", folder, file);
    for (size_t i = 0; i < known.nr; i++) {
        if (strcmp(known.item[i], full) == 0) {
            free(full);
            return known.item[i];
        }
    }
    strings_take(&known, full);
    return full;
}

static void frame_file(struct frame *frame, Dwarf_Die *unit, const char *file, int line)
{
    static const char *own[2];

    if (!file)
        return;
    file = path_full(unit, file);
    if (!own[0]) {
        own[0] = cli_place("linux");
        own[1] = cli_place("include");
        for (size_t i = 0; i < 2; i++)
            own[i] = own[i] ? own[i] : "";
    }
    frame->header = path_below(file, own[0]) || path_below(file, own[1]);
    frame->file = path_short(file);
    frame->line = line;
}

static const struct module_range *range_of(uintptr_t pc)
{
    for (size_t i = 0; i < nr_ranges; i++) {
        if (pc >= ranges[i].from && pc < ranges[i].to)
            return &ranges[i];
    }
    return NULL;
}

static void frame_begin(struct frame *frame, const void *pc)
{
    const struct module_range *range = range_of((uintptr_t)pc);

    memset(frame, 0, sizeof(*frame));
    frame->pc = pc;
    frame->function = "?";
    frame->where = FRAME_HOST;
    if (range) {
        frame->where = FRAME_MODULE;
        frame->module = range->name;
    } else if ((uintptr_t)pc >= tool_from && (uintptr_t)pc < tool_to) {
        frame->where = FRAME_TOOL;
    }
}

/* Where the call that @inlined replaced stands. */
static bool inlined_call(Dwarf_Die *unit, Dwarf_Die *inlined, const char **file, int *line)
{
    Dwarf_Attribute attribute;
    Dwarf_Files *files;
    Dwarf_Word number;
    size_t nr;

    if (dwarf_getsrcfiles(unit, &files, &nr) != 0 ||
        dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &number) != 0 ||
        number >= nr)
        return false;
    *file = dwarf_filesrc(files, number, NULL, NULL);
    *line = dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &number) == 0
                ? (int)number
                : 0;
    return *file != NULL;
}

/* The chain of inlined functions at @address; the first frame has its line already. */
static size_t frames_inlined(Dwarf_Die *unit, Dwarf_Addr address, struct frame *frames, size_t max)
{
    Dwarf_Die *scopes = NULL, *nest = NULL;
    int nr = dwarf_getscopes(unit, address, &scopes);
    size_t used = 1;

    if (nr > 0) /* the same from the inside out, through the concrete (not the abstract) parents */
        nr = dwarf_getscopes_die(&scopes[0], &nest);
    for (int i = 0; i < nr; i++) {
        int tag = dwarf_tag(&nest[i]);
        const char *name, *file;
        int line;
        if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
            continue;
        name = dwarf_diename(&nest[i]);
        if (name)
            frames[used - 1].function = name;
        if (tag == DW_TAG_subprogram || used >= max)
            break;
        if (!inlined_call(unit, &nest[i], &file, &line))
            break;
        frame_begin(&frames[used], frames[0].pc);
        frame_file(&frames[used], unit, file, line);
        used++;
    }
    free(scopes);
    free(nest);
    return used;
}

/* Frames at @look in @module; frames[0] is begun. */
static size_t frames_at(Dwfl_Module *module, Dwarf_Addr look, struct frame *frames, size_t max)
{
    Dwarf_Addr bias;
    Dwarf_Die *unit = frames_unit(module, look, &bias);
    const char *name = dwfl_module_addrname(module, look);
    Dwarf_Line *line = unit ? dwarf_getsrc_die(unit, look - bias) : NULL;
    int number;

    if (name)
        frames[0].function = name;
    if (line && dwarf_lineno(line, &number) == 0)
        frame_file(&frames[0], unit, dwarf_linesrc(line, NULL, NULL), number);
    return unit ? frames_inlined(unit, look - bias, frames, max) : 1;
}

static size_t frames_locked(const void *pc, bool is_return, struct frame *frames, size_t max)
{
    Dwarf_Addr look = (uintptr_t)pc - (is_return ? 1 : 0);
    Dwfl_Module *module;

    symbols_refresh();
    frame_begin(&frames[0], pc);
    module = symbols_dwfl ? dwfl_addrmodule(symbols_dwfl, look) : NULL;
    return module ? frames_at(module, look, frames, max) : 1;
}

size_t symbols_frames(const void *pc, bool is_return, struct frame *frames, size_t max)
{
    size_t nr;

    pthread_mutex_lock(&symbols_lock);
    nr = frames_locked(pc, is_return, frames, max);
    pthread_mutex_unlock(&symbols_lock);
    return nr;
}

size_t symbols_trace(const struct quarry_trace *trace, bool exact_top, struct frame *frames,
                     size_t max)
{
    size_t nr = 0, last = 0;

    for (unsigned int i = 0; i < trace->nr && i < QUARRY_TRACE_MAX && nr < max; i++)
        nr += symbols_frames(trace->pc[i], i > 0 || !exact_top, frames + nr, max - nr);
    for (size_t i = 0; i < nr; i++) {
        if (frames[i].where == FRAME_MODULE)
            last = i + 1;
    }
    return last ? last : nr;
}

const struct frame *symbols_site(const struct frame *frames, size_t nr)
{
    for (size_t i = 0; i < nr; i++) {
        if (frames[i].where == FRAME_MODULE && !frames[i].header)
            return &frames[i];
    }
    return nr ? &frames[0] : NULL;
}

const char *symbols_text(const struct frame *frame, char *buffer, size_t size)
{
    if (frame->file && frame->line)
        snprintf(buffer, size, "%s %s:%d", frame->function, frame->file, frame->line);
    else if (frame->file)
        snprintf(buffer, size, "%s %s", frame->function, frame->file);
    else if (strcmp(frame->function, "?") == 0)
        snprintf(buffer, size, "%p", frame->pc);
    else
        snprintf(buffer, size, "%s", frame->function);
    return buffer;
}

/* ---- uses of a symbol in an object file ------------------------------------------------------- */

struct use_walk {
    Dwfl_Module *module;
    Elf *elf;
    const char *name;
    bool (*visit)(const struct frame *, void *);
    void *data;
};

static bool use_show(const struct use_walk *walk, Dwarf_Addr address, bool code)
{
    struct frame frames[FRAMES_MAX];
    size_t nr;
    const struct frame *site = &frames[0];

    frame_begin(&frames[0], (const void *)(uintptr_t)address);
    nr = frames_at(walk->module, address, frames, FRAMES_MAX);
    for (size_t i = 0; i < nr; i++) {
        if (!frames[i].header) {
            site = &frames[i];
            break;
        }
    }
    if (!code)
        frames[0].file = NULL;
    return walk->visit(code ? site : &frames[0], walk->data);
}

/* All relocations of one SHT_RELA section that name the symbol. */
static bool use_section(const struct use_walk *walk, Elf_Scn *section, const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    Elf_Scn *table = elf_getscn(walk->elf, header->sh_link);
    Elf_Scn *target = elf_getscn(walk->elf, header->sh_info);
    GElf_Shdr table_header, target_header;
    Elf_Data *symbols = table ? elf_getdata(table, NULL) : NULL;
    size_t nr = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;

    if (!data || !symbols || !gelf_getshdr(table, &table_header) || !target ||
        !gelf_getshdr(target, &target_header) || !(target_header.sh_flags & SHF_ALLOC))
        return true;
    for (size_t i = 0; i < nr; i++) {
        GElf_Rela relocation;
        GElf_Sym symbol;
        const char *name;
        if (!gelf_getrela(data, (int)i, &relocation) ||
            !gelf_getsym(symbols, (int)GELF_R_SYM(relocation.r_info), &symbol))
            continue;
        name = elf_strptr(walk->elf, table_header.sh_link, symbol.st_name);
        if (name && strcmp(name, walk->name) == 0 &&
            !use_show(walk, target_header.sh_addr + relocation.r_offset,
                      target_header.sh_flags & SHF_EXECINSTR))
            return false;
    }
    return true;
}

static void use_walk_object(struct use_walk *walk, Dwfl *dwfl, const char *path)
{
    Elf_Scn *section = NULL;
    GElf_Addr bias;

    dwfl_report_begin(dwfl);
    walk->module = dwfl_report_offline(dwfl, "object", path, -1);
    if (!walk->module || dwfl_report_end(dwfl, NULL, NULL) != 0)
        return;
    walk->elf = dwfl_module_getelf(walk->module, &bias); /* with addresses given to its sections */
    while (walk->elf && (section = elf_nextscn(walk->elf, section)) != NULL) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_RELA &&
            !use_section(walk, section, &header))
            return;
    }
}

bool symbols_uses(const char *path, const char *name, bool (*visit)(const struct frame *, void *),
                  void *data)
{
    struct use_walk walk = {.name = name, .visit = visit, .data = data};
    Dwfl *dwfl = dwfl_begin(&symbols_offline);

    if (!dwfl)
        return false;
    pthread_mutex_lock(&symbols_lock);
    use_walk_object(&walk, dwfl, path);
    pthread_mutex_unlock(&symbols_lock);
    dwfl_end(dwfl);
    return true;
}
