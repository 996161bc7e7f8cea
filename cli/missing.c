/* SPDX-License-Identifier: MIT */
/* Functions that Quarry does not have, named with the module's lines that call them.
 *
 * Problem. The dynamic linker would name one function and no line; worse, it would bind a name that
 * happens to exist in some library of this process (printf, sort, …) and let the module run with it.
 *
 * Idea. The module's undefined symbols are read from its shared object before it is loaded. A symbol is
 * served if this program itself exports it (the core, compat/linux), a module loaded before has it,
 * it belongs to the compiler's own runtime, or it is one of the string functions that compat/linux takes
 * from libc. For each other one the object files' relocations tell where it is used, their debugging
 * information which lines those are. */
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

/* Whether the symbol's owner is this program or a module, and not some library. */
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
    if (owner == program)
        return true;
    /* A module loaded before lies in our work folder; a library is named by the linker's search. */
    if (owner && owner->l_name && strstr(owner->l_name, "/quarry-") != NULL)
        return true;
    *libc = true;
    return false;
}

struct missing_walk {
    const char *name;
    bool libc;
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
    cli_say("%s %s, which %s", place, walk->name,
            walk->libc ? "is a function of the C library: kernel code has none"
                       : "Quarry does not have");
    return true;
}

static void missing_report(const struct built_module *built, const char *name, bool libc)
{
    struct missing_walk walk = {.name = name, .libc = libc};

    for (size_t i = 0; i < built->object.nr; i++)
        symbols_uses(built->object.item[i], name, missing_show, &walk);
    if (!walk.shown)
        cli_say("module %s uses %s, which Quarry does not have", built->name, name);
}

/* The undefined symbols of one SHT_DYNSYM section. */
static bool missing_section(const struct built_module *built, Elf *elf, Elf_Scn *section,
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
            listed(libc_shared, name, false) || served(name, &libc))
            continue;
        missing_report(built, name, libc);
        none = false;
    }
    return none;
}

bool missing_none(const struct built_module *built)
{
    int fd = open(built->shared, O_RDONLY | O_CLOEXEC);
    Elf_Scn *section = NULL;
    bool none = true;
    Elf *elf;

    elf_version(EV_CURRENT);
    elf = fd >= 0 ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
    while (elf && (section = elf_nextscn(elf, section)) != NULL) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_DYNSYM &&
            !missing_section(built, elf, section, &header))
            none = false;
    }
    if (elf)
        elf_end(elf);
    if (fd >= 0)
        close(fd);
    return none;
}
