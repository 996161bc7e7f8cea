/* SPDX-License-Identifier: MIT */
/* check/symbol: names for addresses, where somebody knows them.
 *
 * A core without a host has no debugging information to read; a tool or a port that has some registers a
 * function (quarry_set_symbol_hook), and every text that shows an address asks it. Without one addresses
 * stay numbers, which any symbolizer translates later.
 *
 * Locks: check->lock, for reading the pair of words only. The function runs without it. */
#include "check.h"

#define SYMBOL_FRAMES 8

void qr_symbol_set_hook(struct qr_check *check, quarry_symbol_fn hook, void *data)
{
    unsigned long state = qp_lock(&check->lock);

    check->symbol = hook;
    check->symbol_data = data;
    qp_unlock(&check->lock, state);
}

size_t qr_symbol_frames(struct qr_check *check, const void *pc, struct quarry_symbol *frames,
                        size_t max)
{
    unsigned long state = qp_lock(&check->lock);
    quarry_symbol_fn hook = check->symbol;
    void *data = check->symbol_data;

    qp_unlock(&check->lock, state);
    return hook ? QR_MIN(hook(pc, frames, max, data), max) : 0;
}

static void symbol_add(struct qr_text *text, const struct quarry_symbol *symbol)
{
    if (symbol->function)
        qr_text_add(text, " %s", symbol->function);
    if (symbol->file)
        qr_text_add(text, " %s:%u", symbol->file, symbol->line);
    else if (symbol->object)
        qr_text_add(text, " (%s+%#zx)", symbol->object, symbol->offset);
    if (symbol->module)
        qr_text_add(text, " [%s]", symbol->module);
}

void qr_symbol_add_lines(struct qr_check *check, struct qr_text *text, const void *pc)
{
    struct quarry_symbol frame[SYMBOL_FRAMES];
    size_t nr = qr_symbol_frames(check, pc, frame, SYMBOL_FRAMES);

    qr_text_add(text, "    %p", pc);
    for (size_t i = 0; i < nr; i++) {
        if (i)
            qr_text_add(text, "\n    %*s", (int)(2 * sizeof(void *)) - 2, "");
        symbol_add(text, &frame[i]);
    }
    qr_text_add(text, "\n");
}

void qr_symbol_print(struct qr_check *check, const void *pc)
{
    char buffer[1024];
    struct qr_text text = {buffer, sizeof(buffer), 0};

    qr_symbol_add_lines(check, &text, pc);
    qp_write(buffer, QR_MIN(text.length, sizeof(buffer) - 1));
}
