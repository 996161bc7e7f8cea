/* SPDX-License-Identifier: MIT */
/* Boot options: one text, parsed before any layer exists.
 *
 * Problem. Options reach a machine from an environment variable, a command line or a boot loader, long
 * before there is memory to keep them in, and a misspelt one must not be ignored: whoever asked for
 * checks would believe that they ran.
 *
 * Idea. A table of names and kinds of value; each entry says where in struct qr_options its value goes.
 * Values whose grammar belongs to a layer (slab_debug=, failslab=, …) are only copied here; the layer
 * parses them when it starts.
 *
 * A build without checks refuses the options that ask for some, for the same reason.
 *
 * Limits. A text value has at most 255 characters, and a longer one is refused. A later option overrides an
 * earlier one.
 * Context: boot. */
#include "boot_options.h"

enum option_kind { OPTION_NUMBER, OPTION_SWITCH, OPTION_TEXT, OPTION_RATIOS };

struct option_entry {
    const char *name;
    size_t at; /* offset in struct qr_options */
    u64 max;   /* of a number */
    enum option_kind kind;
    bool checks; /* asks for checks, which the build may lack */
};

#define QR_OPTION_NAME 32 /* no name is longer, and no longer one is taken for a misspelt one */
#define OPTION_AT(member) offsetof(struct qr_options, member)

static const struct option_entry option_table[] = {
    {"check", OPTION_AT(check), 3, OPTION_NUMBER, true},
    {"slab_debug", OPTION_AT(slab_debug), .kind = OPTION_TEXT, .checks = true},
    {"init_on_alloc", OPTION_AT(init_on_alloc), 1, OPTION_SWITCH, false},
    {"init_on_free", OPTION_AT(init_on_free), 1, OPTION_SWITCH, false},
    {"page_poison", OPTION_AT(page_poison), 1, OPTION_SWITCH, true},
    {"mem_profiling", OPTION_AT(mem_profiling), 1, OPTION_SWITCH, true},
    {"page_owner", OPTION_AT(page_owner), 1, OPTION_SWITCH, true},
    {"failslab", OPTION_AT(fault[QUARRY_FAILSLAB]), .kind = OPTION_TEXT, .checks = true},
    {"fail_page_alloc", OPTION_AT(fault[QUARRY_FAIL_PAGE_ALLOC]), .kind = OPTION_TEXT,
     .checks = true},
    {"fail_vmalloc", OPTION_AT(fault[QUARRY_FAIL_VMALLOC]), .kind = OPTION_TEXT, .checks = true},
    {"fail_usercopy", OPTION_AT(fault[QUARRY_FAIL_USERCOPY]), .kind = OPTION_TEXT, .checks = true},
    {"min_free_kbytes", OPTION_AT(min_free_kbytes), ~0ull, OPTION_NUMBER, false},
    {"watermark_scale_factor", OPTION_AT(watermark_scale_factor), 3000, OPTION_NUMBER, false},
    {"reserve_for_reclaim_pages", OPTION_AT(reserve_for_reclaim_pages), ~0ull, OPTION_NUMBER,
     false},
    {"lowmem_reserve_ratio", OPTION_AT(lowmem_ratio), 1u << 20, OPTION_RATIOS, false},
    {"vmalloc_cache", OPTION_AT(vmalloc_cache), ~0ull, OPTION_NUMBER, false},
    {"kfence.sample_interval", OPTION_AT(kfence_interval), 1000000, OPTION_NUMBER, true},
    {"kfence.every", OPTION_AT(kfence_every), ~0ull, OPTION_NUMBER, true},
    {"kfence.num_objects", OPTION_AT(kfence_objects), 65535, OPTION_NUMBER, true},
    {"trace_bytes", OPTION_AT(trace_bytes), 1u << 30, OPTION_NUMBER, true},
};

/* Insertions, deletions and changes between two names, one row at a time; a long name is far from all. */
static size_t option_distance(const char *a, size_t length, const char *b)
{
    unsigned char row[QR_OPTION_NAME + 1];
    size_t width = qr_strlen(b);

    QR_ASSERT(width <= QR_OPTION_NAME);
    if (length > QR_OPTION_NAME)
        return ~(size_t)0;
    for (size_t j = 0; j <= width; j++)
        row[j] = (unsigned char)j;
    for (size_t i = 0; i < length; i++) {
        unsigned char corner = row[0]++;
        for (size_t j = 1; j <= width; j++) {
            unsigned char least = (unsigned char)(corner + (a[i] != b[j - 1]));
            corner = row[j];
            if (row[j] < least)
                least = row[j] + 1;
            if (row[j - 1] < least)
                least = row[j - 1] + 1;
            row[j] = least;
        }
    }
    return row[width];
}

/* The option that was meant, perhaps: at most a third of the letters differ, at least one may. */
static const struct option_entry *option_nearest(const char *name, size_t length)
{
    const struct option_entry *nearest = NULL;
    size_t least = length / 3 + 2;

    for (size_t i = 0; i < QR_ARRAY_SIZE(option_table); i++) {
        size_t distance = option_distance(name, length, option_table[i].name);
        if (distance < least) {
            least = distance;
            nearest = &option_table[i];
        }
    }
    return nearest;
}

static const struct option_entry *option_find(const char *name, size_t length)
{
    for (size_t i = 0; i < QR_ARRAY_SIZE(option_table); i++) {
        if (qr_strlen(option_table[i].name) == length &&
            qr_strncmp(option_table[i].name, name, length) == 0)
            return &option_table[i];
    }
    return NULL;
}

/* "256,256,32,0,0": as many as the zones, fewer are allowed. */
static bool option_ratios(u64 *ratio, const char *value, u64 max)
{
    for (unsigned int i = 0; i < MAX_NR_ZONES; i++) {
        if (!qr_parse_number(&value, false, &ratio[i]) || ratio[i] > max)
            return false;
        if (*value == '\0')
            return true;
        if (*value++ != ',')
            return false;
    }
    return false;
}

static bool option_store(struct qr_options *options, const struct option_entry *entry,
                         const char *value)
{
    void *at = (char *)options + entry->at;
    u64 number;

    switch (entry->kind) {
    case OPTION_TEXT:
        qr_strcpy(at, QR_OPTION_TEXT, value);
        return true;
    case OPTION_RATIOS:
        return option_ratios(at, value, entry->max);
    case OPTION_SWITCH:
    case OPTION_NUMBER:
        break;
    }
    if (!qr_parse_number(&value, true, &number) || *value != '\0' || number > entry->max)
        return false;
    *(u64 *)at = number;
    return true;
}

/* Whether an option, as stored, asks for anything: check=0 does not. */
static bool option_asks(const struct qr_options *options, const struct option_entry *entry)
{
    return entry->kind == OPTION_TEXT || *(const u64 *)((const char *)options + entry->at) != 0;
}

/* One "name" or "name=value" of @length characters. */
static int option_take(struct qr_options *options, const char *text, size_t length, char *why,
                       size_t why_size)
{
    char word[QR_OPTION_TEXT + 40];
    const struct option_entry *entry;
    size_t name = 0;

    if (length >= sizeof(word)) {
        qr_snprintf(why, why_size, "boot option too long (at most %zu characters): %.40s…",
                    sizeof(word) - 1, text);
        return -QR_EINVAL;
    }
    qr_strcpy(word, length + 1, text);
    while (word[name] != '\0' && word[name] != '=')
        name++;
    entry = option_find(word, name);
    if (!entry) {
        entry = option_nearest(word, name);
        qr_snprintf(why, why_size,
                    "unknown boot option \"%.*s\"%s%s%s (docs/options.md lists them)", (int)name,
                    word, entry ? "; did you mean " : "", entry ? entry->name : "",
                    entry ? "?" : "");
        return -QR_EINVAL;
    }
    if (entry->kind == OPTION_TEXT && length - name > QR_OPTION_TEXT) { /* with its "=" */
        qr_snprintf(why, why_size, "boot option %s: its value has %zu characters, of %d at most",
                    entry->name, length - name - 1, QR_OPTION_TEXT - 1);
        return -QR_EINVAL;
    }
    if (entry->at == OPTION_AT(slab_debug))
        options->slab_debug_given = true;
    else if (word[name] == '\0' && entry->kind != OPTION_SWITCH) {
        qr_snprintf(why, why_size, "boot option %s needs a value: %s=…", entry->name, entry->name);
        return -QR_EINVAL;
    }
    /* A switch without a value is on; slab_debug without one means every check. */
    if (!option_store(options, entry,
                      word[name]                     ? word + name + 1
                      : entry->kind == OPTION_SWITCH ? "1"
                                                     : "")) {
        qr_snprintf(why, why_size, "boot option %s: bad value \"%s\"", entry->name,
                    word[name] ? word + name + 1 : "");
        return -QR_EINVAL;
    }
    if (!QR_CHECKS && entry->checks && option_asks(options, entry)) {
        qr_snprintf(
            why, why_size,
            "boot option %s: this library was built without checks; leave the option out, or "
            "build without -DQUARRY_NO_CHECKS (CMake: QUARRY_CHECKS=ON)",
            entry->name);
        return -QR_EINVAL;
    }
    return 0;
}

int qr_options_parse(struct qr_options *options, const char *text, char *why, size_t why_size)
{
    memset(options, 0, sizeof(*options));
    options->vmalloc_cache = ~0ull;
    while (text && *text) {
        size_t length = 0;
        int error;
        if (*text == ' ' || *text == '\t' || *text == '\n') {
            text++;
            continue;
        }
        while (text[length] && text[length] != ' ' && text[length] != '\t' && text[length] != '\n')
            length++;
        error = option_take(options, text, length, why, why_size);
        if (error)
            return error;
        text += length;
    }
    return 0;
}
