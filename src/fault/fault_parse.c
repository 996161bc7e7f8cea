/* SPDX-License-Identifier: MIT */
/* fault/parse: a fault point's text form, as in the boot option "failslab=nth:3,size:64-128".
 *
 *     text  = item { "," item }
 *     item  = "nth:" N | "persist" | "every:" N | "prob:" PERCENT | "seed:" N
 *           | "size:" RANGE | "order:" RANGE | "cache:" NAME | "caller:" FROM "-" TO
 *     RANGE = N | N "-" | N "-" M          (sizes with K, M, G; orders are turned into sizes)
 *
 * Every item at most once; at least one of nth, every and prob, since an option that never makes
 * anything fail is a mistake. Nothing is stored unless the whole text is right, and a refusal says
 * which item is wrong and how it would be right. Any context; no locks, no state. */
#include <quarry/page.h>
#include "fault.h"

enum fault_item {
    FAULT_NTH,
    FAULT_PERSIST,
    FAULT_EVERY,
    FAULT_PROB,
    FAULT_SEED,
    FAULT_SIZE,
    FAULT_ORDER,
    FAULT_CACHE,
    FAULT_CALLER,
    FAULT_ITEMS
};

/* What the parser knows so far. */
struct fault_parse {
    struct quarry_fault spec;
    const char *cache; /* in the text, not terminated */
    size_t cache_length, cache_room;
    u32 items; /* bit per enum fault_item seen */
    char *why;
    size_t why_size;
};

static const char *const fault_item_name[FAULT_ITEMS] = {
    [FAULT_NTH] = "nth",     [FAULT_PERSIST] = "persist", [FAULT_EVERY] = "every",
    [FAULT_PROB] = "prob",   [FAULT_SEED] = "seed",       [FAULT_SIZE] = "size",
    [FAULT_ORDER] = "order", [FAULT_CACHE] = "cache",     [FAULT_CALLER] = "caller",
};

static size_t fault_item_length(const char *item)
{
    size_t length = 0;

    while (item[length] && item[length] != ',')
        length++;
    return length;
}

static void fault_explain(struct fault_parse *parse, const char *text, size_t length,
                          const char *reason)
{
    qr_snprintf(parse->why, parse->why_size, "fault option \"%.*s\": %s",
                (int)QR_MIN(length, (size_t)60), text, reason);
}

/* Say why an item is wrong; always false. */
static bool fault_refuse(struct fault_parse *parse, const char *item, const char *reason)
{
    fault_explain(parse, item, fault_item_length(item), reason);
    return false;
}

/* A whole number that ends where the item ends. */
static bool fault_parse_value(const char *value, bool units, u64 *number)
{
    return qr_parse_number(&value, units, number) && (*value == 0 || *value == ',');
}

/* "N", "N-" or "N-M"; an open end is ~0. */
static bool fault_parse_range(const char *value, u64 *from, u64 *to)
{
    if (!qr_parse_number(&value, true, from))
        return false;
    *to = *from;
    if (*value == '-') {
        value++;
        *to = ~0ULL;
        if (*value && *value != ',' && !qr_parse_number(&value, true, to))
            return false;
    }
    return (*value == 0 || *value == ',') && *from <= *to;
}

static bool fault_parse_count(struct fault_parse *parse, const char *item, const char *value,
                              unsigned long *count)
{
    u64 number;

    if (!fault_parse_value(value, false, &number) || !number || number > (unsigned long)-1)
        return fault_refuse(parse, item, "wants a number from 1 on");
    *count = (unsigned long)number;
    return true;
}

static bool fault_parse_size(struct fault_parse *parse, const char *item, const char *value)
{
    u64 from, to;

    if (!fault_parse_range(value, &from, &to) || from > (size_t)-1 || to == 0)
        return fault_refuse(parse, item, "wants bytes, as in size:64, size:64-128 or size:4K-");
    parse->spec.min_size = (size_t)from;
    parse->spec.max_size = to >= (size_t)-1 ? 0 : (size_t)to; /* 0: no end */
    return true;
}

static bool fault_parse_order(struct fault_parse *parse, const char *item, const char *value)
{
    u64 from, to;

    if (!fault_parse_range(value, &from, &to) || from > MAX_PAGE_ORDER ||
        (to > MAX_PAGE_ORDER && to != ~0ULL))
        return fault_refuse(parse, item,
                            "wants block orders from 0 to 10, as in order:2 or "
                            "order:2-");
    parse->spec.min_size = (size_t)PAGE_SIZE << from;
    parse->spec.max_size = to == ~0ULL ? 0 : (size_t)PAGE_SIZE << to;
    return true;
}

static bool fault_parse_caller(struct fault_parse *parse, const char *item, const char *value)
{
    u64 from, to;

    if (!fault_parse_range(value, &from, &to) || from >= to || to >= UINTPTR_MAX)
        return fault_refuse(parse, item,
                            "wants two code addresses, the second one behind the "
                            "range, as in caller:0x401000-0x402000");
    parse->spec.caller_from = (const void *)(uintptr_t)from;
    parse->spec.caller_to = (const void *)(uintptr_t)to;
    return true;
}

static bool fault_parse_cache(struct fault_parse *parse, const char *item, const char *value)
{
    size_t length = fault_item_length(value);

    if (!length)
        return fault_refuse(parse, item, "wants the name of a cache, as in cache:dentry");
    if (length >= parse->cache_room)
        return fault_refuse(parse, item, "the cache's name is too long");
    parse->cache = value;
    parse->cache_length = length;
    return true;
}

static bool fault_parse_prob(struct fault_parse *parse, const char *item, const char *value)
{
    u64 number;

    if (!fault_parse_value(value, false, &number) || !number || number > 100)
        return fault_refuse(parse, item, "wants percent from 1 to 100");
    parse->spec.prob = (unsigned int)number;
    return true;
}

static bool fault_parse_item_value(struct fault_parse *parse, enum fault_item kind,
                                   const char *item, const char *value)
{
    switch (kind) {
    case FAULT_NTH:
        return fault_parse_count(parse, item, value, &parse->spec.nth);
    case FAULT_EVERY:
        return fault_parse_count(parse, item, value, &parse->spec.every);
    case FAULT_PROB:
        return fault_parse_prob(parse, item, value);
    case FAULT_SEED:
        return fault_parse_value(value, false, &parse->spec.seed) ||
               fault_refuse(parse, item, "wants a number");
    case FAULT_SIZE:
        return fault_parse_size(parse, item, value);
    case FAULT_ORDER:
        return fault_parse_order(parse, item, value);
    case FAULT_CACHE:
        return fault_parse_cache(parse, item, value);
    default:
        return fault_parse_caller(parse, item, value);
    }
}

/* Which item this is, and where its value begins; FAULT_ITEMS for none. */
static enum fault_item fault_item_find(const char *item, const char **value)
{
    for (unsigned int kind = 0; kind < FAULT_ITEMS; kind++) {
        size_t length = qr_strlen(fault_item_name[kind]);

        if (qr_strncmp(item, fault_item_name[kind], length))
            continue;
        *value = item + length + 1;
        if (kind == FAULT_PERSIST ? item[length] == 0 || item[length] == ',' : item[length] == ':')
            return kind;
    }
    return FAULT_ITEMS;
}

static bool fault_parse_item(struct fault_parse *parse, const char *item)
{
    const char *value = item;
    enum fault_item kind = fault_item_find(item, &value);

    if (kind == FAULT_ITEMS)
        return fault_refuse(parse, item,
                            "is none of nth:N persist every:N prob:PERCENT seed:N "
                            "size:MIN-MAX order:MIN-MAX cache:NAME caller:FROM-TO");
    if (parse->items & (1u << kind))
        return fault_refuse(parse, item, "is given twice");
    parse->items |= 1u << kind;
    if (kind == FAULT_PERSIST) {
        parse->spec.persistent = true;
        return true;
    }
    return fault_parse_item_value(parse, kind, item, value);
}

/* Whether the items make sense together. */
static bool fault_parse_whole(struct fault_parse *parse, const char *text)
{
    const u32 modes = 1u << FAULT_NTH | 1u << FAULT_EVERY | 1u << FAULT_PROB;
    const u32 sizes = 1u << FAULT_SIZE | 1u << FAULT_ORDER;

    const char *reason = NULL;

    if (!(parse->items & modes))
        reason = "never fails anything: add nth:N, every:N or prob:PERCENT";
    else if (parse->spec.persistent && !parse->spec.nth)
        reason = "persist goes with nth:N";
    else if ((parse->items & sizes) == sizes)
        reason = "size and order say the same: give one of them";
    if (reason)
        fault_explain(parse, text, qr_strlen(text), reason);
    return !reason;
}

int qr_fault_parse(const char *text, struct quarry_fault *spec, char *cache_name,
                   size_t cache_name_size, char *why, size_t why_size)
{
    struct fault_parse parse = {.cache_room = cache_name_size, .why = why, .why_size = why_size};
    const char *item = text;

    for (;;) {
        if (!fault_parse_item(&parse, item))
            return -QR_EINVAL;
        item += fault_item_length(item);
        if (!*item)
            break;
        item++;
    }
    if (!fault_parse_whole(&parse, text))
        return -QR_EINVAL;
    if (parse.cache) {
        memcpy(cache_name, parse.cache, parse.cache_length);
        cache_name[parse.cache_length] = 0;
        parse.spec.cache = cache_name;
    }
    *spec = parse.spec;
    return 0;
}
