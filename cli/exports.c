/* SPDX-License-Identifier: MIT */
/* Who exports which symbol, read from the shared objects before any of them is loaded.
 *
 * EXPORT_SYMBOL leaves a local text called __quarry_export_place_NAME in the module, with the place of the
 * export; the symbol table has it and the module's global names as well, so that "nobody has it", "a later
 * module has it" and "a module has it but does not export it" can be told apart. */
#include "exports.h"
#include "load.h"

#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACE "__quarry_export_place_"

static struct module_export *known;
static size_t nr_known, known_room;

/* The text at a symbol's address. */
static const char *export_text(Elf *elf, const GElf_Sym *symbol)
{
    Elf_Scn *section = elf_getscn(elf, symbol->st_shndx);
    Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;
    GElf_Shdr header;

    if (!data || !data->d_buf || !gelf_getshdr(section, &header) ||
        symbol->st_value < header.sh_addr || symbol->st_value - header.sh_addr >= data->d_size)
        return NULL;
    return (const char *)data->d_buf + (symbol->st_value - header.sh_addr);
}

static struct module_export *export_new(const char *name, size_t module)
{
    struct module_export *made;

    known = cli_grow(known, &known_room, nr_known + 1, sizeof(*known));
    made = &known[nr_known++];
    memset(made, 0, sizeof(*made));
    made->name = cli_copy(name);
    made->module = module;
    return made;
}

static void export_symbol(Elf *elf, const char *name, const GElf_Sym *symbol, size_t module)
{
    unsigned int bind = GELF_ST_BIND(symbol->st_info);

    if (strncmp(name, PLACE, strlen(PLACE)) == 0) {
        const char *text = export_text(elf, symbol);
        struct module_export *made = export_new(name + strlen(PLACE), module);
        made->exported = true;
        made->gpl = text && *text == 'G';
        made->place = cli_copy(text && *text ? text + 1 : "");
    } else if (bind == STB_GLOBAL && symbol->st_shndx != SHN_UNDEF &&
               GELF_ST_VISIBILITY(symbol->st_other) == STV_DEFAULT) {
        export_new(name, module);
    }
}

static Elf *export_open(const struct built_module *built, int *fd)
{
    *fd = open(built->shared, O_RDONLY | O_CLOEXEC);
    elf_version(EV_CURRENT);
    return *fd >= 0 ? elf_begin(*fd, ELF_C_READ, NULL) : NULL;
}

static void export_module(const struct built_module *built, size_t module)
{
    Elf_Scn *section = NULL;
    int fd;
    Elf *elf = export_open(built, &fd);

    while (elf && (section = elf_nextscn(elf, section)) != NULL) {
        GElf_Shdr header;
        Elf_Data *data;
        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_SYMTAB || !header.sh_entsize)
            continue;
        data = elf_getdata(section, NULL);
        for (size_t i = 1; data && i < header.sh_size / header.sh_entsize; i++) {
            GElf_Sym symbol;
            const char *name;
            if (!gelf_getsym(data, (int)i, &symbol))
                continue;
            name = elf_strptr(elf, header.sh_link, symbol.st_name);
            if (name && *name)
                export_symbol(elf, name, &symbol, module);
        }
    }
    if (elf)
        elf_end(elf);
    if (fd >= 0)
        close(fd);
}

/* ---- questions --------------------------------------------------------------------------------- */

const struct module_export *exports_find(const char *name)
{
    const struct module_export *defined = NULL;

    for (size_t i = 0; i < nr_known; i++) {
        if (strcmp(known[i].name, name) != 0)
            continue;
        if (known[i].exported)
            return &known[i];
        if (!defined)
            defined = &known[i];
    }
    return defined;
}

const char *exports_license(const struct built_module *built)
{
    Elf_Scn *section = NULL;
    size_t names;
    int fd;
    Elf *elf = export_open(built, &fd);
    char *license = NULL;

    if (elf && elf_getshdrstrndx(elf, &names) != 0)
        names = 0;
    while (elf && (section = elf_nextscn(elf, section)) != NULL) {
        GElf_Shdr header;
        Elf_Data *data;
        const char *name;
        if (!gelf_getshdr(section, &header) || !(name = elf_strptr(elf, names, header.sh_name)) ||
            strcmp(name, "qlx_info_text") != 0 || !(data = elf_getdata(section, NULL)))
            continue;
        for (size_t at = 0; at < data->d_size;) { /* texts with padding between them */
            const char *text = (const char *)data->d_buf + at;
            if (strncmp(text, "license=", 8) == 0)
                license = cli_copy(text + 8);
            at += strnlen(text, data->d_size - at) + 1;
        }
    }
    if (elf)
        elf_end(elf);
    if (fd >= 0)
        close(fd);
    return license;
}

bool exports_license_is_gpl(const char *license)
{
    static const char *const compatible[] = {
        "GPL",          "GPL v2",       "GPL and additional rights",
        "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"};

    for (size_t i = 0; license && i < sizeof(compatible) / sizeof(compatible[0]); i++) {
        if (strcmp(license, compatible[i]) == 0)
            return true;
    }
    return false;
}

/* A name has one owner: the kernel, or the first module. */
static bool export_is_alone(const struct built *built, const struct module_export *one)
{
    const struct module_export *first = exports_find(one->name);
    const char *module = built->module[one->module].name;

    if (missing_is_kernel(one->name)) {
        cli_say("%s: module %s exports %s, which the kernel has already: give it another name",
                one->place, module, one->name);
        return false;
    }
    if (first == one)
        return true;
    cli_say("modules %s and %s both export %s: a kernel loads only the first of them",
            built->module[first->module].name, module, one->name);
    cli_say("    %s: exported by %s", first->place, built->module[first->module].name);
    cli_say("    %s: exported by %s", one->place, module);
    return false;
}

bool exports_read(const struct built *built)
{
    bool good = true;

    for (size_t i = 0; i < built->nr; i++)
        export_module(&built->module[i], i);
    for (size_t i = 0; i < nr_known; i++) {
        if (known[i].exported)
            good = export_is_alone(built, &known[i]) && good;
    }
    return good;
}
