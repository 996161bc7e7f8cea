/* SPDX-License-Identifier: MIT */
/* print: the kernel's log.
 *
 * A message becomes a line "<6>[    1.234567] text" in a ring of bytes, where the oldest lines are
 * overwritten, and the same without the level on stderr when it is loud enough. A message without a
 * newline is held back per thread: KERN_CONT goes on with it, any other message (and the end of the
 * operation) completes it. */
#define _GNU_SOURCE
#include "internal.h"
#include <linux/printk.h>
#include <string.h>
#include <unistd.h>

#define PRINT_RING (1u << 18)
#define PRINT_LINE 1024

static pthread_mutex_t print_lock = PTHREAD_MUTEX_INITIALIZER;
static char print_ring[PRINT_RING];
static u64 print_end; /* bytes ever written */
static int print_level = 8;
static u64 print_begin_ns;
static bool (*print_hook)(int level, const char *line, void *);
static void *print_hook_data;

static __thread char print_held[PRINT_LINE];
static __thread size_t print_held_size;
static __thread int print_held_level;

void qlx_console_level(int level)
{
    __atomic_store_n(&print_level, level == 0 ? 8 : level, __ATOMIC_RELAXED);
}

void qlx_set_message_hook(bool (*hook)(int level, const char *line, void *), void *data)
{
    print_hook_data = data;
    print_hook = hook;
}

static void print_ring_add(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        print_ring[print_end++ % PRINT_RING] = text[i];
}

static void print_stderr(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t done = write(STDERR_FILENO, text, size);
        if (done <= 0)
            return;
        text += done;
        size -= (size_t)done;
    }
}

/* One line, without its newline. */
static void print_line(int level, const char *text, size_t size)
{
    char line[PRINT_LINE + 64];
    u64 now = (u64)ktime_get();
    int head;
    if (!__atomic_load_n(&print_begin_ns, __ATOMIC_RELAXED))
        __atomic_store_n(&print_begin_ns, now, __ATOMIC_RELAXED);
    now -= __atomic_load_n(&print_begin_ns, __ATOMIC_RELAXED);
    head = snprintf(line, sizeof(line), "<%d>[%5llu.%06llu] ", level,
                    (unsigned long long)(now / NSEC_PER_SEC),
                    (unsigned long long)(now % NSEC_PER_SEC / 1000));
    size = min(size, sizeof(line) - (size_t)head - 2);
    memcpy(line + head, text, size);
    line[(size_t)head + size] = '\n';
    line[(size_t)head + size + 1] = '\0';
    pthread_mutex_lock(&print_lock);
    print_ring_add(line, (size_t)head + size + 1);
    pthread_mutex_unlock(&print_lock);
    if (print_hook && !print_hook(level, line, print_hook_data))
        return;
    if (level < __atomic_load_n(&print_level, __ATOMIC_RELAXED))
        print_stderr(line + 3, (size_t)head - 3 + size + 1);
}

void qlx_print_flush(void)
{
    if (!print_held_size)
        return;
    print_line(print_held_level, print_held, print_held_size);
    print_held_size = 0;
}

static void print_hold(const char *text, size_t size)
{
    size = min(size, sizeof(print_held) - print_held_size);
    memcpy(print_held + print_held_size, text, size);
    print_held_size += size;
}

/* The level in front of the text, -1 for "goes on"; @text moves past it. */
static int print_split(const char **text)
{
    int level = 4;
    while ((*text)[0] == KERN_SOH_ASCII && (*text)[1]) {
        char c = (*text)[1];
        level = c >= '0' && c <= '7' ? c - '0' : c == 'c' ? -1 : level;
        *text += 2;
    }
    return level;
}

QUARRY_API int vprintk(const char *fmt, va_list args)
{
    char buffer[PRINT_LINE];
    const char *at = buffer;
    int length = vscnprintf(buffer, sizeof(buffer), fmt, args), level = print_split(&at);
    if (level >= 0) {
        qlx_print_flush();
        print_held_level = level;
    } else if (!print_held_size) {
        print_held_level = 4;
    }
    while (*at) {
        size_t size = strcspn(at, "\n");
        print_hold(at, size);
        at += size;
        if (*at == '\n') {
            if (print_held_size)
                qlx_print_flush();
            at++;
        }
    }
    return length;
}

QUARRY_API int printk(const char *fmt, ...)
{
    va_list args;
    int length;
    va_start(args, fmt);
    length = vprintk(fmt, args);
    va_end(args);
    return length;
}

size_t qlx_kmsg_read(uint64_t *seq, char *buffer, size_t size)
{
    size_t done = 0;
    pthread_mutex_lock(&print_lock);
    if (print_end - *seq > PRINT_RING || *seq > print_end) {
        /* Lost: go on at the next line that is whole. */
        *seq = print_end > PRINT_RING ? print_end - PRINT_RING : 0;
        while (*seq > 0 && *seq < print_end && print_ring[(*seq - 1) % PRINT_RING] != '\n')
            (*seq)++;
    }
    while (done < size && *seq < print_end)
        buffer[done++] = print_ring[(*seq)++ % PRINT_RING];
    pthread_mutex_unlock(&print_lock);
    return done;
}

QUARRY_API int ___ratelimit(struct ratelimit_state *state, const char *function)
{
    unsigned long now = quarry_jiffies();
    int missed = 0, allowed;
    qlx_word_lock(&state->lock);
    if (!state->begin || time_after(now, state->begin + (unsigned long)state->interval)) {
        missed = state->missed;
        state->begin = now;
        state->printed = state->missed = 0;
    }
    allowed = state->printed < state->burst;
    if (allowed)
        state->printed++;
    else
        state->missed++;
    qlx_word_unlock(&state->lock);
    if (missed)
        printk(KERN_WARNING "%s: %d callbacks suppressed\n", function, missed);
    return allowed;
}

QUARRY_API int printk_ratelimit(void)
{
    static DEFINE_RATELIMIT_STATE(all, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
    return ___ratelimit(&all, "printk");
}

static void print_hex_row(const char *level, const char *prefix, int prefix_type, const u8 *bytes,
                          size_t count, size_t offset, size_t group, size_t row, bool ascii)
{
    char hex[32 * 3 + 1], chars[33];
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        at += (size_t)snprintf(hex + at, sizeof(hex) - at, "%s%02x", i && i % group == 0 ? " " : "",
                               bytes[i]);
        chars[i] = bytes[i] >= 32 && bytes[i] < 127 ? (char)bytes[i] : '.';
    }
    chars[count] = '\0';
    if (prefix_type == DUMP_PREFIX_ADDRESS)
        printk("%s%s%px: %-*s  %s\n", level, prefix, (const void *)bytes, (int)(row * 3), hex,
               ascii ? chars : "");
    else if (prefix_type == DUMP_PREFIX_OFFSET)
        printk("%s%s%.8zx: %-*s  %s\n", level, prefix, offset, (int)(row * 3), hex,
               ascii ? chars : "");
    else
        printk("%s%s%-*s  %s\n", level, prefix, (int)(row * 3), hex, ascii ? chars : "");
}

QUARRY_API void print_hex_dump(const char *level, const char *prefix, int prefix_type, int rowsize,
                               int groupsize, const void *buffer, size_t size, bool ascii)
{
    size_t row = rowsize == 32 ? 32 : 16, group = groupsize > 0 ? (size_t)groupsize : 1;
    for (size_t at = 0; at < size; at += row)
        print_hex_row(level, prefix, prefix_type, (const u8 *)buffer + at, min(row, size - at), at,
                      group, row, ascii);
}
