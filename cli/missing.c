/* SPDX-License-Identifier: MIT */
/* Symbols that neither Quarry nor another module has, named with the module's lines that call them.
 *
 * Problem. The dynamic linker would name one function and no line; worse, it would bind a name that
 * happens to exist in some library of this process (printf, sort, …) and let the module run with it.
 *
 * Idea. The module's undefined symbols are read from its shared object before it is loaded. A symbol is
 * served if this program itself has it (the core, compat/linux), a module given before exports it,
 * it belongs to the compiler's own runtime, or it is one of the string functions that compat/linux takes
 * from libc. For each other one the object files' relocations tell where it is used, their debugging
 * information which lines those are. */
#include "exports.h"
#include "load.h"
#include "symbols.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Compilers call these by themselves. */
static const char *const runtime_prefix[] = {"__asan_",
                                             "__ubsan_",
                                             "__tsan_",
                                             "__sanitizer_",
                                             "__lsan_",
                                             "__gcov_",
                                             "__llvm_",
                                             "__stack_chk_",
                                             "_ITM_",
                                             "__cxa_",
                                             "__gmon_start__",
                                             "__tls_get_addr",
                                             "__atomic_",
                                             "_GLOBAL_OFFSET_TABLE_",
                                             "_Unwind_",
                                             "__builtin_",
                                             NULL};

/* What the kernel has under libc's name and with libc's meaning. */
static const char *const libc_shared[] = {"memcpy",
                                          "memmove",
                                          "memset",
                                          "memcmp",
                                          "memchr",
                                          "memscan",
                                          "strlen",
                                          "strnlen",
                                          "strcpy",
                                          "strncpy",
                                          "strcat",
                                          "strncat",
                                          "strcmp",
                                          "strncmp",
                                          "strcasecmp",
                                          "strncasecmp",
                                          "strchr",
                                          "strrchr",
                                          "strchrnul",
                                          "strstr",
                                          "strspn",
                                          "strcspn",
                                          "strpbrk",
                                          "strsep",
                                          "strlcpy",
                                          "strlcat",
                                          "sprintf",
                                          "snprintf",
                                          "vsprintf",
                                          "vsnprintf",
                                          "sscanf",
                                          "vsscanf",
                                          "abs",
                                          "__memcpy_chk",
                                          "__memset_chk",
                                          "__memmove_chk",
                                          "__sprintf_chk",
                                          "__snprintf_chk",
                                          "__vsnprintf_chk",
                                          "__vsprintf_chk",
                                          "__strcpy_chk",
                                          "__strcat_chk",
                                          "__strncpy_chk",
                                          "__strncat_chk",
                                          "__isoc99_sscanf",
                                          "__isoc99_vsscanf",
                                          "__udivti3",
                                          "__umodti3",
                                          "__divti3",
                                          "__modti3",
                                          "bcmp",
                                          NULL};

static bool listed(const char *const *list, const char *name, bool prefix)
{
    for (; *list; list++) {
        if (prefix ? strncmp(name, *list, strlen(*list)) == 0 : strcmp(name, *list) == 0)
            return true;
    }
    return false;
}

/* Whether the symbol's owner is this program, and not some library. */
static bool served(const char *name, bool *libc)
{
    struct link_map *program = NULL;
    Dl_info info;
    void *self = dlopen(NULL, RTLD_LAZY), *address;
    struct link_map *owner = NULL;

    *libc = false;
    if (self && dlinfo(self, RTLD_DI_LINKMAP, &program) != 0)
        program = NULL;
    address = dlsym(RTLD_DEFAULT, name);
    if (self)
        dlclose(self);
    if (!address || !dladdr1(address, &info, (void **)&owner, RTLD_DL_LINKMAP))
        return false;
    *libc = owner != program;
    return owner == program;
}

bool missing_is_kernel(const char *name)
{
    bool libc;

    return served(name, &libc);
}

struct missing_walk {
    const char *name;
    char *why;
    unsigned int shown;
};

static bool missing_show(const struct frame *frame, void *data)
{
    struct missing_walk *walk = data;
    char place[512];

    if (walk->shown++ == 8) {
        cli_print("    … and more\n");
        return false;
    }
    if (frame->file && frame->line)
        snprintf(place, sizeof(place), "%s:%d: %s() uses", frame->file, frame->line,
                 frame->function);
    else
        snprintf(place, sizeof(place), "%s refers to", frame->function);
    cli_say("%s %s, which %s", place, walk->name, walk->why);
    return true;
}

/* "counter, user" */
static char *missing_others(const struct built *built, size_t index)
{
    char *all = cli_copy("");

    for (size_t i = 0; i < built->nr; i++) {
        char *more;
        if (i == index)
            continue;
        more = cli_format("%s%s%s", all, *all ? ", " : "", built->module[i].name);
        free(all);
        all = more;
    }
    return all;
}

/* Why module @index cannot have it, in words that follow "which". */
static char *missing_reason(const struct built *built, size_t index, const char *name, bool libc)
{
    const struct module_export *of = exports_find(name);
    const char *owner = of ? built->module[of->module].name : NULL;
    char *others, *why;

    if (of && of->exported && of->module > index)
        return cli_format(
            "module %s exports (%s), but that module is given later: modules load in the "
            "order given, so give %s first",
            owner, of->place, owner);
    if (of && of->exported)
        return cli_format(
            "module %s exports for GPL-compatible modules only (%s); %s", owner, of->place,
            exports_license(&built->module[index]) ? "the licence of this one is another"
                                                   : "this one has no MODULE_LICENSE");
    if (of)
        return cli_format("module %s has but does not export: EXPORT_SYMBOL(%s); is missing there",
                          owner, name);
    if (undeclared_header(name))
        return cli_format("<%s> has: the source does not include it", undeclared_header(name));
    if (libc)
        return cli_copy("is a function of the C library: kernel code has none");
    if (built->nr == 1)
        return cli_copy("Quarry does not have (quarry run --list-symbols says what it has)");
    others = missing_others(built, index);
    why = cli_format("Quarry does not have and no other module given exports (there %s %s)",
                     built->nr == 2 ? "is" : "are", others);
    free(others);
    return why;
}

static void missing_report(const struct built *built, size_t index, const char *name, bool libc)
{
    const struct built_module *module = &built->module[index];
    struct missing_walk walk = {.name = name, .why = missing_reason(built, index, name, libc)};

    cli_say("unknown symbol %s in module %s", name, module->name);
    for (size_t i = 0; i < module->object.nr; i++)
        symbols_uses(module->object.item[i], name, missing_show, &walk);
    if (!walk.shown)
        cli_say("module %s uses %s, which %s", module->name, name, walk.why);
    free(walk.why);
}

/* Whether a module given before exports it to this one; notes that it is used. */
static bool missing_exported(const struct built *built, size_t index, const char *name)
{
    const struct module_export *of = exports_find(name);
    struct built_module *module = &built->module[index];

    if (!of || !of->exported || of->module >= index)
        return false;
    if (of->gpl && !exports_license_is_gpl(exports_license(module)))
        return false;
    if (!module->uses)
        module->uses = cli_alloc(built->nr * sizeof(*module->uses));
    module->uses[of->module] = true;
    return true;
}

/* The undefined symbols of one SHT_DYNSYM section. */
static bool missing_section(const struct built *built, size_t index, Elf *elf, Elf_Scn *section,
                            const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t nr = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
    bool none = true;

    for (size_t i = 1; data && i < nr; i++) {
        GElf_Sym symbol;
        const char *name;
        bool libc;
        if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx != SHN_UNDEF ||
            GELF_ST_BIND(symbol.st_info) == STB_WEAK)
            continue;
        name = elf_strptr(elf, header->sh_link, symbol.st_name);
        if (!name || !*name || listed(runtime_prefix, name, true) ||
            listed(libc_shared, name, false) || missing_exported(built, index, name) ||
            served(name, &libc))
            continue;
        missing_report(built, index, name, libc);
        none = false;
    }
    return none;
}

bool missing_none(const struct built *built, size_t index)
{
    int fd = open(built->module[index].shared, O_RDONLY | O_CLOEXEC);
    Elf_Scn *section = NULL;
    bool none = true;
    Elf *elf;

    elf_version(EV_CURRENT);
    elf = fd >= 0 ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
    while (elf && (section = elf_nextscn(elf, section)) != NULL) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_DYNSYM &&
            !missing_section(built, index, elf, section, &header))
            none = false;
    }
    if (elf)
        elf_end(elf);
    if (fd >= 0)
        close(fd);
    return none;
}
