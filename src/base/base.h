/* SPDX-License-Identifier: MIT */
/* base: what every layer stands on. Types, bits, lists, formatting, asserts. No state.
 *
 * Assert tiers. QR_ASSERT guards our own structures at slow paths and is always compiled: a failed
 * one ends in qp_panic, since going on would lose a caller's data. Callers' mistakes are not
 * asserted but reported (check/). Walks of whole structures are functions named <thing>_check.
 *
 * A branch that no input can take is not written as a branch, but as a QR_ASSERT of what holds
 * instead, a statement of its own: `make coverage` wants every other branch taken by a test. */
#ifndef QR_BASE_H
#define QR_BASE_H

#include <stdarg.h>
#include <stdatomic.h>
#include <quarry/port.h>
#include <quarry/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define QR_LIKELY(x) __builtin_expect(!!(x), 1)
#define QR_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define QR_NOINLINE __attribute__((noinline))
#define QR_COLD __attribute__((noinline, cold))
#ifndef QR_ALWAYS_INLINE /* tools/coverage.sh counts a branch once, not once for each caller */
#define QR_ALWAYS_INLINE inline __attribute__((always_inline))
#endif
#define QR_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define QR_MIN(a, b) ((a) < (b) ? (a) : (b))
#define QR_MAX(a, b) ((a) > (b) ? (a) : (b))
#define QR_ABOVE(a, b) ((a) > (b) ? (a) - (b) : 0) /* how far a is above b; 0: it is not */
#define QR_CONTAINER(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define QR_ALIGN_UP(x, a) (((x) + ((a)-1)) & ~((a)-1))
#define QR_ALIGN_DOWN(x, a) ((x) & ~((a)-1))
#define QR_IS_POWER_OF_TWO(x) ((x) != 0 && (((x) & ((x)-1)) == 0))

/* Whether this build can check at all (build option QUARRY_CHECKS, docs/adr/0005-checks-left-out.md). The
 * few functions that tell whether a check is on are zero where it cannot, and the compiler then drops
 * what hangs on them; nothing else asks. */
#if defined(QUARRY_NO_CHECKS) || defined(QUARRY_MINIMAL)
#define QR_CHECKS 0
#else
#define QR_CHECKS 1
#endif

#define QR_STRING2(x) #x
#define QR_STRING(x) QR_STRING2(x)
#define QR_ASSERT(cond)                                                                            \
    ((cond) ? (void)0                                                                              \
            : qp_panic("quarry: broken invariant: " #cond " (" __FILE__                            \
                       ":" QR_STRING(__LINE__) ")\n"))

/* Errors are negative numbers with the field's names; the core has no errno.h. */
enum {
    QR_EPERM = 1,
    QR_ENOENT = 2,
    QR_EIO = 5,
    QR_EAGAIN = 11,
    QR_ENOMEM = 12,
    QR_EBUSY = 16,
    QR_EEXIST = 17,
    QR_EINVAL = 22,
    QR_ENOSPC = 28,
    QR_ERANGE = 34,
    QR_EDEADLK = 35,
    QR_ENOSYS = 38
};

/* The four functions the core takes from its surroundings: not hidden, whatever the build hides. */
#pragma GCC visibility push(default)
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);
#pragma GCC visibility pop

/* Bits. The argument of ffs/fls must not be zero. */
static inline unsigned int qr_ffs64(u64 x)
{
    return (unsigned int)__builtin_ctzll(x);
}
static inline unsigned int qr_fls64(u64 x)
{
    return 63u - (unsigned int)__builtin_clzll(x);
}

/* How many bits are set. By arithmetic, since the compiler's own way calls a library function where
 * the processor need not have the instruction: sums of 2, 4, then 8 bits side by side, and the
 * multiplication adds the eight bytes into the highest. */
static inline unsigned int qr_count_bits64(u64 x)
{
    x -= (x >> 1) & 0x5555555555555555ull;
    x = (x & 0x3333333333333333ull) + ((x >> 2) & 0x3333333333333333ull);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
    return (unsigned int)((x * 0x0101010101010101ull) >> 56);
}

/* Whether an address is probably one of the stack whose newest frame is @frame: nobody knows how deep that
 * is, and what was called and returned lay a little below. */
static inline bool qr_is_near_stack(const void *frame, const void *address)
{
    return (uintptr_t)address - ((uintptr_t)frame - (64u << 10)) < (8u << 20);
}

/* Doubly linked circular lists over struct list_head. */
static inline void qr_list_init(struct list_head *head)
{
    head->next = head->prev = head;
}
static inline bool qr_list_empty(const struct list_head *head)
{
    return head->next == head;
}
static inline void qr_list_insert(struct list_head *item, struct list_head *prev,
                                  struct list_head *next)
{
    next->prev = item;
    item->next = next;
    item->prev = prev;
    prev->next = item;
}
static inline void qr_list_add(struct list_head *item, struct list_head *head)
{
    qr_list_insert(item, head, head->next);
}
static inline void qr_list_add_tail(struct list_head *item, struct list_head *head)
{
    qr_list_insert(item, head->prev, head);
}
static inline void qr_list_del(struct list_head *item)
{
    item->next->prev = item->prev;
    item->prev->next = item->next;
    item->next = item->prev = item;
}
#define QR_LIST_ENTRY(ptr, type, member) QR_CONTAINER(ptr, type, member)
#define QR_LIST_FOR_EACH(pos, head) for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)
#define QR_LIST_FOR_EACH_SAFE(pos, tmp, head)                                                      \
    for ((pos) = (head)->next, (tmp) = (pos)->next; (pos) != (head);                               \
         (pos) = (tmp), (tmp) = (pos)->next)

/* Formatting: flags - 0 + # space, width, precision (* too), hh h l ll z t, d i u x X o c s p % and
 * nothing else. Returns the length the whole text has, as snprintf. */
size_t qr_vsnprintf(char *buffer, size_t size, const char *format, va_list args);
size_t qr_snprintf(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A text that grows in a fixed buffer and remembers how long it would be. */
struct qr_text {
    char *buffer;
    size_t size, length;
};
void qr_text_add(struct qr_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Strings. */
size_t qr_strlen(const char *s);
size_t qr_strnlen(const char *s, size_t max);
int qr_strcmp(const char *a, const char *b);
int qr_strncmp(const char *a, const char *b, size_t max);
/* Copy at most size-1 characters, always terminated. */
void qr_strcpy(char *to, size_t size, const char *from);
/* Decimal, or 0x hexadecimal, with an optional K M G T suffix when @units; moves *text behind it.
 */
bool qr_parse_number(const char **text, bool units, u64 *value);

/* GFP flags by name, "GFP_KERNEL|__GFP_ZERO", into @buffer; returns the full length. */
size_t qr_gfp_names(gfp_t gfp, char *buffer, size_t size);

/* Pseudo random numbers with a seed (splitmix64). */
u64 qr_random(u64 *state);

#endif
