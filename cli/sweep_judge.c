/* SPDX-License-Identifier: MIT */
/* What the outcome of a run means.
 *
 * A request failed, so operations may fail, init may fail, and the driver may do without. It may not
 * crash, hang, keep a lock, misuse an allocator or leave anything behind; an operation that reported
 * success must have had its effect; and when memory is there again, the device must do what it did
 * before (after an init that failed: the module must load again).
 *
 * What an operation answered is compared by lines with the learning run. The first line that differs
 * decides: if a request failed during it, or it is an error, the driver gave up in the open. If it is
 * neither, and a request had failed during an earlier operation that answered as if nothing had
 * happened, that one lied. What COMMAND says while requests fail is not judged, since scripts go on
 * after errors.
 *
 * Addresses differ from one process to the next and are left out, so that the same driver gives the same
 * text. */
#include "sweep.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *sweep_verdict_name(enum sweep_verdict verdict)
{
    static const char *const name[SWEEP_VERDICTS] = {
        [SWEEP_CANNOT_FAIL] = "cannot fail by contract",
        [SWEEP_NOT_REACHED] = "not reached again",
        [SWEEP_HANDLED] = "handled",
        [SWEEP_WRONG] = "wrong result",
        [SWEEP_UNUSABLE] = "unusable afterwards",
        [SWEEP_LEAKED] = "leaked",
        [SWEEP_MISUSED] = "misused memory",
        [SWEEP_LOCK_KEPT] = "lock kept",
        [SWEEP_HUNG] = "hung",
        [SWEEP_CRASHED] = "crashed",
    };

    return name[verdict];
}

/* "mutex at 0x7f1234567890" → "mutex at 0x…". */
static char *judge_scrub(char *text)
{
    char *result = cli_alloc(strlen(text) * 2 + 8), *to = result;

    for (const char *from = text; *from;) {
        size_t digits = 0;
        while (from[0] == '0' && from[1] == 'x' && isxdigit((unsigned char)from[2 + digits]))
            digits++;
        if (digits < 5) {
            *to++ = *from++;
            continue;
        }
        to = stpcpy(to, "0x…");
        from += 2 + digits;
    }
    free(text);
    return result;
}

static void judge_note(const struct sweep_note *note, struct strings *why)
{
    const char *end = strcmp(note->kind, "crash") == 0 ? strstr(note->text, ", address ") : NULL;
    const char *place = end || strstr(note->text, note->place) ? "" : note->place;
    int length = end ? (int)(end - note->text) : (int)strlen(note->text);

    strings_take(why, judge_scrub(cli_format("%s: %.*s%s%s", note->kind, length, note->text,
                                             place[0] ? "; at " : "", place)));
}

static bool note_is_leak(const struct sweep_note *note)
{
    return note->leak || strcmp(note->kind, "left registered") == 0 ||
           strcmp(note->kind, "module in use") == 0;
}

static bool note_is_deadlock(const struct sweep_note *note)
{
    return strcmp(note->kind, "crash") == 0 && strncmp(note->text, "deadlock", 8) == 0;
}

/* The verdict of what was found, SWEEP_HANDLED for nothing; each finding becomes a line. */
static enum sweep_verdict judge_notes(const struct sweep_outcome *out, struct strings *why)
{
    enum sweep_verdict verdict = SWEEP_HANDLED, one;

    for (unsigned int i = 0; i < out->nr_notes; i++) {
        const struct sweep_note *note = &out->note[i];
        one = SWEEP_MISUSED;
        if (note_is_deadlock(note))
            one = SWEEP_HUNG;
        else if (strcmp(note->kind, "crash") == 0)
            one = SWEEP_CRASHED;
        else if (strcmp(note->kind, "lock kept") == 0)
            one = SWEEP_LOCK_KEPT;
        else if (note_is_leak(note))
            one = SWEEP_LEAKED;
        if (one > verdict)
            verdict = one;
        judge_note(note, why);
    }
    if (out->more_notes)
        strings_take(why, cli_format("… and %lu more findings", out->more_notes));
    return verdict;
}

/* How the run ended: SWEEP_HANDLED when it came to its end. */
static enum sweep_verdict judge_end(const struct sweep_outcome *out, unsigned int timeout,
                                    struct strings *why)
{
    if (out->hung) {
        if (out->command_hung)
            strings_take(why, cli_format("COMMAND does not end (%u seconds)", timeout));
        else
            strings_take(why, cli_format("no end after %u seconds%s%s", timeout,
                                         out->hung_at[0] ? ": still in " : "", out->hung_at));
        return SWEEP_HUNG;
    }
    if (out->crashes)
        return SWEEP_CRASHED;
    if (out->ended)
        return SWEEP_HANDLED;
    strings_take(why, out->ended_by
                          ? cli_format("the process was ended by signal %d", out->ended_by)
                          : cli_copy("the process ended before the run did"));
    return SWEEP_CRASHED;
}

/* ---- what operations answered ------------------------------------------------------------------ */

static const char *log_line(const struct sweep_log *log, unsigned int i)
{
    return i < log->nr ? log->text + log->line[i].at : "nothing more";
}

static unsigned int log_difference(const struct sweep_log *a, const struct sweep_log *b)
{
    unsigned int i = 0;

    while (i < a->nr && i < b->nr && strcmp(log_line(a, i), log_line(b, i)) == 0)
        i++;
    return i;
}

static bool log_same(const struct sweep_log *a, const struct sweep_log *b)
{
    return a->nr == b->nr && log_difference(a, b) == a->nr;
}

/* Did an operation report success, and had no effect? */
static bool judge_lie(const struct sweep_outcome *out, const struct sweep_outcome *learned,
                      struct strings *why)
{
    const struct sweep_log *now = &out->first, *then = &learned->first;
    unsigned int at = log_difference(now, then);

    if ((at >= now->nr && at >= then->nr) || at >= now->nr || now->line[at].injected ||
        now->line[at].error)
        return false;
    for (unsigned int i = 0; i < at; i++) {
        if (!now->line[i].injected)
            continue;
        strings_take(why, cli_format("a request failed in \"%s\", which reported success; then "
                                     "\"%s\", where it had been \"%s\"",
                                     log_line(now, i), log_line(now, at), log_line(then, at)));
        return true;
    }
    return false;
}

/* Whether the scenario answers the same whenever it is run: then lines can be compared as they are. What
 * was done while --start held the memory is no measure. */
static bool learned_repeats(const struct sweep_outcome *learned,
                            const struct sweep_options *options)
{
    return !learned->moves && log_same(&learned->second, &learned->third) &&
           (options->short_of_memory || log_same(&learned->first, &learned->second));
}

/* The length of a line without its answer: "write of 100 bytes to scull0". */
static size_t line_operation(const char *line)
{
    const char *colon = strrchr(line, ':');

    return colon ? (size_t)(colon - line) : strlen(line);
}

/* How often this operation was done, and how often it succeeded. */
static void log_count(const struct sweep_log *log, const char *operation, size_t length,
                      unsigned int *done, unsigned int *good)
{
    for (unsigned int i = 0; i < log->nr; i++) {
        const char *line = log_line(log, i);
        if (line_operation(line) != length || strncmp(line, operation, length) != 0)
            continue;
        (*done)++;
        *good += !log->line[i].error;
    }
}

/* For a device whose answers change by themselves: what always succeeded has to succeed sometimes. */
static bool judge_roughly(const struct sweep_outcome *out, const struct sweep_outcome *learned,
                          const struct sweep_log *reference, struct strings *why)
{
    for (unsigned int i = 0; i < reference->nr; i++) {
        const char *line = log_line(reference, i);
        size_t length = line_operation(line);
        unsigned int then = 0, then_good = 0, now = 0, now_good = 0;
        log_count(reference, line, length, &then, &then_good);
        log_count(&learned->second, line, length, &then, &then_good);
        log_count(&learned->third, line, length, &then, &then_good);
        log_count(&out->second, line, length, &now, &now_good);
        log_count(&out->third, line, length, &now, &now_good);
        if (then_good < then || now_good > 0)
            continue;
        strings_take(why, cli_format("with memory again: \"%.*s\" %s, which had always succeeded",
                                     (int)length, line, now ? "fails" : "is not done"));
        return false;
    }
    return true;
}

static bool log_is_one_of(const struct sweep_log *log, const struct sweep_log *a,
                          const struct sweep_log *b)
{
    return log_same(log, a) || log_same(log, b);
}

static bool judge_afterwards(const struct sweep_outcome *out, const struct sweep_outcome *learned,
                             const struct sweep_options *options, struct strings *why)
{
    const struct sweep_log *reference =
        options->short_of_memory ? &learned->third : &learned->first;
    unsigned int at;

    if (out->reload_failed) {
        strings_add(why, "after the init that failed, the module does not load any more");
        return false;
    }
    if (!out->again || log_is_one_of(&out->second, reference, &learned->second) ||
        (out->third.nr && log_is_one_of(&out->third, reference, &learned->second)))
        return true;
    if (!learned_repeats(learned, options))
        return judge_roughly(out, learned, reference, why);
    at = log_difference(&out->second, reference);
    strings_take(why, cli_format("with memory again: \"%s\", where it had been \"%s\"",
                                 log_line(&out->second, at), log_line(reference, at)));
    return false;
}

void sweep_judge(const struct sweep_outcome *out, const struct sweep_outcome *learned,
                 const struct sweep_options *options, struct sweep_result *result)
{
    enum sweep_verdict found = judge_notes(out, &result->why);
    enum sweep_verdict end = judge_end(out, options->timeout, &result->why);

    result->verdict = found == SWEEP_HUNG || found > end ? found : end;
    if (result->verdict != SWEEP_HANDLED)
        return;
    if (out->injected == 0)
        result->verdict = SWEEP_NOT_REACHED;
    else if (!options->scenario && !options->short_of_memory && learned_repeats(learned, options) &&
             judge_lie(out, learned, &result->why))
        result->verdict = SWEEP_WRONG;
    else if (!judge_afterwards(out, learned, options, &result->why))
        result->verdict = SWEEP_UNUSABLE;
}

bool sweep_sound(const struct sweep_outcome *out, const struct sweep_options *options,
                 struct strings *why)
{
    enum sweep_verdict found = judge_notes(out, why);

    return judge_end(out, options->timeout, why) == SWEEP_HANDLED && found == SWEEP_HANDLED;
}
