/* SPDX-License-Identifier: MIT */
/* Fuzz: the texts of boot options, of fault points (failslab= and its like), of slab_debug=, and numbers with
 * units. What is accepted is written down again from what was understood, and must be understood the same;
 * what is refused is refused with a reason. */
#include "fuzz.h"
#include "boot_options.h"
#include "fault/fault.h"
#include "slab/slab.h"
#include <quarry/boot.h>

#define WHY 256

/* A refusal says why; nothing is said of a success. */
static void require_reason(int error, const char *why)
{
    FUZZ_REQUIRE(error == 0 || error == -QR_EINVAL, "error %d", error);
    FUZZ_REQUIRE(memchr(why, 0, WHY) != NULL, "no end");
    FUZZ_REQUIRE((error != 0) == (why[0] != '\0'), "error %d, reason \"%s\"", error, why);
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* The same grammar, read with 128 bits: digits, then (with @units) a letter. False: none, or too large. */
static bool number_read(const char **text, bool units, uint64_t *value)
{
    static const char digits[] = "0123456789abcdef", letters[] = "kmgt";
    const char *at = *text, *found;
    unsigned __int128 number = 0;
    unsigned int base = 10, nr = 0;

    if (at[0] == '0' && (at[1] | 32) == 'x' && at[2] &&
        memchr("0123456789abcdefABCDEF", at[2], 22)) {
        base = 16;
        at += 2;
    }
    while (*at && (found = strchr(digits, *at >= 'A' && *at <= 'F' ? *at + 32 : *at)) != NULL &&
           found < digits + base) {
        number = number * base + (unsigned int)(found - digits);
        if (number >> 64)
            return false;
        at++;
        nr++;
    }
    if (!nr)
        return false;
    found = units && *at ? strchr(letters, *at >= 'A' && *at <= 'Z' ? *at + 32 : *at) : NULL;
    if (found) {
        number <<= 10 * (found - letters + 1);
        at++;
    }
    if (number >> 64)
        return false;
    *text = at;
    *value = (uint64_t)number;
    return true;
}

static void fuzz_numbers(const char *text)
{
    for (unsigned int units = 0; units < 2; units++) {
        const char *end = text, *other_end = text;
        uint64_t other = 77, bytes = 77;
        u64 value = 77;
        bool got = qr_parse_number(&end, units, &value);
        bool should = number_read(&other_end, units, &other);
        FUZZ_REQUIRE(got == should && end == other_end && value == other,
                     "\"%s\": %d, %lu for %lu, %ld characters", text, got, (unsigned long)value,
                     (unsigned long)other, (long)(end - text));
        got = quarry_parse_size(text, &bytes);
        if (units)
            FUZZ_REQUIRE(got == (should && *other_end == '\0') && bytes == (got ? other : 77),
                         "\"%s\"", text);
    }
}

/* ---- fault points --------------------------------------------------------------------------- */

static void fault_print(char *text, size_t size, const struct quarry_fault *spec)
{
    int at = 0;

    if (spec->nth)
        at += snprintf(text + at, size - (size_t)at, "nth:%lu,", spec->nth);
    if (spec->persistent)
        at += snprintf(text + at, size - (size_t)at, "persist,");
    if (spec->every)
        at += snprintf(text + at, size - (size_t)at, "every:%lu,", spec->every);
    if (spec->prob)
        at += snprintf(text + at, size - (size_t)at, "prob:%u,", spec->prob);
    if (spec->cache)
        at += snprintf(text + at, size - (size_t)at, "cache:%s,", spec->cache);
    if (spec->caller_to)
        at += snprintf(text + at, size - (size_t)at, "caller:%#lx-%#lx,",
                       (unsigned long)(uintptr_t)spec->caller_from,
                       (unsigned long)(uintptr_t)spec->caller_to);
    at += snprintf(text + at, size - (size_t)at, "size:%zu-", spec->min_size);
    if (spec->max_size)
        at += snprintf(text + at, size - (size_t)at, "%zu", spec->max_size);
    snprintf(text + at, size - (size_t)at, ",seed:%llu", (unsigned long long)spec->seed);
}

static void fuzz_fault(const char *text)
{
    struct quarry_fault spec = {0}, again = {0};
    char cache[64] = "", other_cache[64] = "", why[WHY] = "", words[512];
    int error = qr_fault_parse(text, &spec, cache, sizeof(cache), why, sizeof(why));

    require_reason(error, why);
    if (error) {
        FUZZ_REQUIRE(!spec.nth && !spec.every && !spec.prob && !cache[0], "something was stored");
        return;
    }
    FUZZ_REQUIRE(spec.nth || spec.every || spec.prob, "\"%s\" makes nothing fail", text);
    FUZZ_REQUIRE(spec.prob <= 100 && (!spec.max_size || spec.min_size <= spec.max_size), "\"%s\"",
                 text);
    fault_print(words, sizeof(words), &spec);
    error = qr_fault_parse(words, &again, other_cache, sizeof(other_cache), why, sizeof(why));
    FUZZ_REQUIRE(!error, "\"%s\" for \"%s\": %s", words, text, why);
    FUZZ_REQUIRE(spec.nth == again.nth && spec.persistent == again.persistent &&
                     spec.every == again.every && spec.prob == again.prob &&
                     spec.seed == again.seed && spec.min_size == again.min_size &&
                     spec.max_size == again.max_size && spec.caller_from == again.caller_from &&
                     spec.caller_to == again.caller_to && strcmp(cache, other_cache) == 0,
                 "\"%s\" for \"%s\"", words, text);
}

/* ---- slab_debug= ---------------------------------------------------------------------------- */

static void fuzz_slab_debug(const char *text)
{
    struct qr_slabs *slabs = calloc(1, sizeof(*slabs));
    const char *comma = strchr(text, ',');
    int error;

    if (!slabs)
        abort();
    error = qr_slabs_debug_option(slabs, text);
    FUZZ_REQUIRE(error == 0 || error == -QR_EINVAL, "error %d", error);
    FUZZ_REQUIRE(!((slabs->debug_all | slabs->debug_some) & ~(u32)SLAB_DEBUG_FLAGS), "\"%s\"",
                 text);
    if (error || !comma)
        FUZZ_REQUIRE(!slabs->debug_some && !slabs->debug_names[0], "\"%s\"", text);
    if (error || comma)
        FUZZ_REQUIRE(!slabs->debug_all, "\"%s\"", text);
    if (!error && comma)
        FUZZ_REQUIRE(strcmp(slabs->debug_names, comma + 1) == 0, "\"%s\"", text);
    if (!error && !*text)
        FUZZ_REQUIRE(slabs->debug_all, "all checks were asked for");
    free(slabs);
}

/* ---- all options ---------------------------------------------------------------------------- */

static bool options_equal(const struct qr_options *a, const struct qr_options *b)
{
    for (unsigned int i = 0; i < QUARRY_FAULT_POINTS; i++) {
        if (strcmp(a->fault[i], b->fault[i]) != 0)
            return false;
    }
    return a->check == b->check && a->slab_debug_given == b->slab_debug_given &&
           strcmp(a->slab_debug, b->slab_debug) == 0 && a->init_on_alloc == b->init_on_alloc &&
           a->init_on_free == b->init_on_free && a->page_poison == b->page_poison &&
           a->page_owner == b->page_owner && a->mem_profiling == b->mem_profiling &&
           a->min_free_kbytes == b->min_free_kbytes &&
           a->watermark_scale_factor == b->watermark_scale_factor &&
           a->reserve_for_reclaim_pages == b->reserve_for_reclaim_pages &&
           memcmp(a->lowmem_ratio, b->lowmem_ratio, sizeof(a->lowmem_ratio)) == 0 &&
           a->vmalloc_cache == b->vmalloc_cache && a->kfence_interval == b->kfence_interval &&
           a->kfence_every == b->kfence_every && a->kfence_objects == b->kfence_objects &&
           a->trace_bytes == b->trace_bytes;
}

static void options_print(FILE *to, const struct qr_options *options)
{
    static const char *const point[] = {"failslab", "fail_page_alloc", "fail_vmalloc",
                                        "fail_usercopy"};
    static const struct {
        const char *name;
        size_t at;
    } number[] = {
        {"check", offsetof(struct qr_options, check)},
        {"init_on_alloc", offsetof(struct qr_options, init_on_alloc)},
        {"init_on_free", offsetof(struct qr_options, init_on_free)},
        {"page_poison", offsetof(struct qr_options, page_poison)},
        {"page_owner", offsetof(struct qr_options, page_owner)},
        {"mem_profiling", offsetof(struct qr_options, mem_profiling)},
        {"min_free_kbytes", offsetof(struct qr_options, min_free_kbytes)},
        {"watermark_scale_factor", offsetof(struct qr_options, watermark_scale_factor)},
        {"reserve_for_reclaim_pages", offsetof(struct qr_options, reserve_for_reclaim_pages)},
        {"vmalloc_cache", offsetof(struct qr_options, vmalloc_cache)},
        {"kfence.sample_interval", offsetof(struct qr_options, kfence_interval)},
        {"kfence.every", offsetof(struct qr_options, kfence_every)},
        {"kfence.num_objects", offsetof(struct qr_options, kfence_objects)},
        {"trace_bytes", offsetof(struct qr_options, trace_bytes)},
    };

    for (unsigned int i = 0; i < QR_ARRAY_SIZE(number); i++)
        fprintf(to, "%s=%llu ", number[i].name,
                *(const unsigned long long *)(const void *)((const char *)options + number[i].at));
    fprintf(to, "lowmem_reserve_ratio=");
    for (unsigned int i = 0; i < MAX_NR_ZONES; i++)
        fprintf(to, "%s%llu", i ? "," : "", (unsigned long long)options->lowmem_ratio[i]);
    if (options->slab_debug_given)
        fprintf(to, "\tslab_debug=%s", options->slab_debug);
    for (unsigned int i = 0; i < QUARRY_FAULT_POINTS; i++) {
        if (options->fault[i][0])
            fprintf(to, "\n%s=%s", point[i], options->fault[i]);
    }
}

static void fuzz_boot_options(const char *text)
{
    struct qr_options *options = malloc(sizeof(*options)), *again = malloc(sizeof(*again));
    char why[WHY] = "", *words = NULL;
    size_t length;
    FILE *to;
    int error;

    if (!options || !again)
        abort();
    error = qr_options_parse(options, text, why, sizeof(why));
    require_reason(error, why);
    if (!error) {
        to = open_memstream(&words, &length);
        options_print(to, options);
        fclose(to);
        error = qr_options_parse(again, words, why, sizeof(why));
        FUZZ_REQUIRE(!error, "\"%s\" for \"%s\": %s", words, text, why);
        FUZZ_REQUIRE(options_equal(options, again), "\"%s\" for \"%s\"", words, text);
        free(words);
    }
    free(options);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kind[])(const char *) = {fuzz_boot_options, fuzz_fault, fuzz_slab_debug,
                                                 fuzz_numbers};
    struct fuzz_input input = {data, size};
    uint8_t which = fuzz_byte(&input);
    char *text = fuzz_text(&input);

    kind[which % QR_ARRAY_SIZE(kind)](text);
    free(text);
    return 0;
}
