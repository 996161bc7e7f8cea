/* SPDX-License-Identifier: MIT */
/* tests/weak/weak: the checker. See weak.h for the model.
 *
 * Depth first, one copy of the state for each step on the way. An entry of a word is known by its place;
 * a store that takes an earlier place moves the places behind it up, in all views. */
#include "weak.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t weak_view[WEAK_WORDS];

struct weak_entry {
    int8_t value;
    bool
        glued; /* stored by an atomic operation that read the entry before: nothing comes between */
    weak_view view;
};

struct weak_thread {
    uint8_t at;
    int8_t reg[WEAK_REGISTERS];
    weak_view now;      /* what it may read, from where on */
    weak_view acquired; /* and would, after an acquire fence */
    weak_view
        released; /* what its next plain store takes along: the view at its last release fence */
};

struct weak_state {
    uint8_t nr[WEAK_WORDS];
    struct weak_entry entry[WEAK_WORDS][WEAK_ENTRIES];
    struct weak_thread thread[WEAK_THREADS];
    weak_view total; /* of operations in SC order: what the next one may read */
};

#define WEAK_TABLE (1u << 23)

struct weak_run {
    const struct weak_program *program;
    struct weak_result result;
    uint64_t *seen;
};

static char weak_text[300];

/* ---- states --------------------------------------------------------------------------------- */

static bool weak_acquires(unsigned int order)
{
    return order == ACQ || order == ACQ_REL || order == SC;
}

static bool weak_releases(unsigned int order)
{
    return order == REL || order == ACQ_REL || order == SC;
}

static void weak_join(weak_view to, const weak_view from)
{
    for (int w = 0; w < WEAK_WORDS; w++)
        to[w] = from[w] > to[w] ? from[w] : to[w];
}

static uint64_t weak_sum(const struct weak_state *state)
{
    const unsigned char *bytes = (const unsigned char *)state;
    uint64_t sum = 0x9e3779b97f4a7c15ull;

    for (size_t i = 0; i < sizeof(*state); i++)
        sum = (sum ^ bytes[i]) * 0x100000001b3ull ^ sum >> 29;
    return sum ? sum : 1;
}

static bool weak_is_new(struct weak_run *run, const struct weak_state *state)
{
    uint64_t sum = weak_sum(state), at = sum % WEAK_TABLE;

    while (run->seen[at] && run->seen[at] != sum)
        at = (at + 1) % WEAK_TABLE;
    if (run->seen[at])
        return false;
    run->seen[at] = sum;
    if (++run->result.states > WEAK_TABLE / 2) {
        fprintf(stderr, "weak: %s has too many states\n", run->program->name);
        abort();
    }
    return true;
}

static void weak_move_up(weak_view view, unsigned int word, unsigned int place)
{
    if (view[word] >= place)
        view[word]++;
}

/* Make room for an entry of @word at @place. */
static struct weak_entry *weak_insert(struct weak_state *state, unsigned int word,
                                      unsigned int place)
{
    struct weak_entry *all = state->entry[word];

    if (state->nr[word] == WEAK_ENTRIES) {
        fprintf(stderr, "weak: too many entries of a word\n");
        abort();
    }
    memmove(&all[place + 1], &all[place], (state->nr[word] - place) * sizeof(*all));
    memset(&all[place], 0, sizeof(*all));
    state->nr[word]++;
    for (int w = 0; w < WEAK_WORDS; w++)
        for (int i = 0; i < state->nr[w]; i++)
            weak_move_up(state->entry[w][i].view, word, place);
    for (int t = 0; t < WEAK_THREADS; t++) {
        weak_move_up(state->thread[t].now, word, place);
        weak_move_up(state->thread[t].acquired, word, place);
        weak_move_up(state->thread[t].released, word, place);
    }
    weak_move_up(state->total, word, place);
    return &all[place];
}

/* ---- loads and stores ----------------------------------------------------------------------- */

static unsigned int weak_word(const struct weak_thread *thread, const struct weak_step *step)
{
    return step->word + (step->indexed ? (unsigned int)thread->reg[(int)step->from] : 0);
}

/* The oldest place this thread may read at. */
static unsigned int weak_floor(const struct weak_state *state, const struct weak_thread *thread,
                               unsigned int word, unsigned int order)
{
    unsigned int floor = thread->now[word];

    return order == SC && state->total[word] > floor ? state->total[word] : floor;
}

static void weak_read(struct weak_state *state, struct weak_thread *thread, unsigned int word,
                      unsigned int place, unsigned int order)
{
    const struct weak_entry *entry = &state->entry[word][place];

    thread->now[word] = (uint8_t)place;
    if (thread->acquired[word] < place)
        thread->acquired[word] = (uint8_t)place;
    weak_join(thread->acquired, entry->view);
    if (weak_acquires(order))
        weak_join(thread->now, entry->view);
    if (order == SC && state->total[word] < place)
        state->total[word] = (uint8_t)place;
}

static void weak_write(struct weak_state *state, unsigned int t, unsigned int word,
                       unsigned int place, int value, unsigned int order, bool glued)
{
    struct weak_thread *thread = &state->thread[t];
    struct weak_entry *entry = weak_insert(state, word, place);

    entry->value = (int8_t)value;
    entry->glued = glued;
    thread->now[word] = (uint8_t)place;
    if (thread->acquired[word] < place)
        thread->acquired[word] = (uint8_t)place;
    memcpy(entry->view, weak_releases(order) ? thread->now : thread->released, sizeof(weak_view));
    if (entry->view[word] < place)
        entry->view[word] = (uint8_t)place;
    if (glued) /* a release sequence goes on */
        weak_join(entry->view, state->entry[word][place - 1].view);
    if (order == SC && state->total[word] < place)
        state->total[word] = (uint8_t)place;
}

/* ---- steps ---------------------------------------------------------------------------------- */

static void weak_go(struct weak_run *run, const struct weak_state *state);

static void weak_wrong(struct weak_run *run, const char *what, unsigned int thread)
{
    if (run->result.wrong)
        return;
    snprintf(weak_text, sizeof(weak_text), "%s (thread %u)", what, thread);
    run->result.wrong = weak_text;
}

static void weak_load(struct weak_run *run, const struct weak_state *state, unsigned int t,
                      const struct weak_step *step)
{
    unsigned int word = weak_word(&state->thread[t], step);

    for (unsigned int place = weak_floor(state, &state->thread[t], word, step->order);
         place < state->nr[word]; place++) {
        struct weak_state next = *state;
        next.thread[t].at++;
        weak_read(&next, &next.thread[t], word, place, step->order);
        next.thread[t].reg[step->reg] = state->entry[word][place].value;
        weak_go(run, &next);
    }
}

static void weak_store(struct weak_run *run, const struct weak_state *state, unsigned int t,
                       const struct weak_step *step)
{
    unsigned int word = weak_word(&state->thread[t], step);

    for (unsigned int place = weak_floor(state, &state->thread[t], word, step->order) + 1;
         place <= state->nr[word]; place++) {
        struct weak_state next = *state;
        if (place < state->nr[word] && state->entry[word][place].glued)
            continue;
        next.thread[t].at++;
        weak_write(&next, t, word, place, step->value, step->order, false);
        weak_go(run, &next);
    }
}

/* Read and write at once; a comparison that fails is a relaxed load. Returns whether anything could be
 * done. */
static bool weak_update(struct weak_run *run, const struct weak_state *state, unsigned int t,
                        const struct weak_step *step)
{
    unsigned int word = weak_word(&state->thread[t], step);
    bool compares = step->op != WEAK_ADD, done = false;

    for (unsigned int place = weak_floor(state, &state->thread[t], word, step->order);
         place < state->nr[word]; place++) {
        int old = state->entry[word][place].value;
        bool fits = !compares || old == step->from;
        struct weak_state next = *state;
        if (fits && place + 1 < state->nr[word] && state->entry[word][place + 1].glued)
            continue;
        if (!fits && step->op == WEAK_AWAIT)
            continue;
        next.thread[t].at++;
        weak_read(&next, &next.thread[t], word, place, fits ? step->order : RLX);
        if (fits)
            weak_write(&next, t, word, place + 1, compares ? step->value : old + step->value,
                       step->order, true);
        next.thread[t].reg[step->reg] = (int8_t)(compares ? fits : old);
        weak_go(run, &next);
        done = true;
    }
    return done;
}

static void weak_fence(struct weak_state *state, struct weak_thread *thread, unsigned int order)
{
    if (weak_acquires(order))
        weak_join(thread->now, thread->acquired);
    if (order == SC) {
        weak_join(thread->now, state->total);
        memcpy(state->total, thread->now, sizeof(weak_view));
        weak_join(thread->acquired, thread->now);
    }
    if (weak_releases(order))
        memcpy(thread->released, thread->now, sizeof(weak_view));
}

static uint8_t weak_label(const struct weak_step *steps, unsigned int label)
{
    for (uint8_t i = 0; i < WEAK_STEPS; i++)
        if (steps[i].op == WEAK_LABEL && steps[i].to == label)
            return i;
    fprintf(stderr, "weak: no label %u\n", label);
    abort();
}

/* Steps that touch no word. */
static void weak_inner(struct weak_run *run, const struct weak_state *state, unsigned int t,
                       const struct weak_step *step)
{
    struct weak_state next = *state;
    struct weak_thread *thread = &next.thread[t];
    int8_t *reg = step->reg < WEAK_REGISTERS ? &thread->reg[step->reg] : NULL;

    thread->at++;
    if (step->op == WEAK_FENCE)
        weak_fence(&next, thread, step->order);
    else if (step->op == WEAK_SET)
        *reg = step->value;
    else if ((step->op == WEAK_JUMP_EQ && (!reg || *reg == step->value)) ||
             (step->op == WEAK_JUMP_SAME && *reg == thread->reg[(int)step->value]))
        thread->at = weak_label(run->program->thread[t], step->to);
    else if (step->op == WEAK_CLAIM && *reg != step->value)
        weak_wrong(run, "a claim does not hold", t);
    weak_go(run, &next);
}

/* Do what thread @t does next, in every way. False: it cannot go on. */
static bool weak_step(struct weak_run *run, const struct weak_state *state, unsigned int t)
{
    const struct weak_step *step = &run->program->thread[t][state->thread[t].at];
    struct weak_state next;

    switch (step->op) {
    case WEAK_END:
        return false;
    case WEAK_LOAD:
        weak_load(run, state, t, step);
        return true;
    case WEAK_STORE:
        weak_store(run, state, t, step);
        return true;
    case WEAK_ADD:
    case WEAK_CAS:
    case WEAK_AWAIT:
        return weak_update(run, state, t, step);
    case WEAK_SLEEP:
        if (state->entry[step->word][state->nr[step->word] - 1].value ==
            state->thread[t].reg[step->reg])
            return false;
        next = *state;
        next.thread[t].at++;
        weak_go(run, &next);
        return true;
    default:
        weak_inner(run, state, t, step);
        return true;
    }
}

static void weak_ending(struct weak_run *run, const struct weak_state *state)
{
    int8_t newest[WEAK_WORDS], registers[WEAK_THREADS][WEAK_REGISTERS];
    unsigned int asleep = 0;

    for (int w = 0; w < WEAK_WORDS; w++)
        newest[w] = state->entry[w][state->nr[w] - 1].value;
    for (unsigned int t = 0; t < WEAK_THREADS; t++) {
        const struct weak_step *step = &run->program->thread[t][state->thread[t].at];
        memcpy(registers[t], state->thread[t].reg, sizeof(registers[t]));
        if (step->op == WEAK_SLEEP)
            asleep |= 1u << t;
        else if (step->op != WEAK_END)
            weak_wrong(run, "stuck at a lock", t);
    }
    run->result.endings++;
    if (run->program->ends_well && !run->program->ends_well(newest, registers, asleep))
        weak_wrong(run, asleep ? "ends wrongly, with a sleeper" : "ends wrongly", 0);
    else if (!run->program->ends_well && asleep)
        weak_wrong(run, "sleeps for ever", 0);
}

/* Nobody else can notice when it happens. */
static bool weak_is_inner(const struct weak_step *step)
{
    return step->op == WEAK_SET || step->op == WEAK_JUMP_EQ || step->op == WEAK_JUMP_SAME ||
           step->op == WEAK_LABEL || step->op == WEAK_CLAIM ||
           (step->op == WEAK_FENCE && step->order != SC);
}

static void weak_go(struct weak_run *run, const struct weak_state *state)
{
    bool some = false;

    if (run->result.wrong || !weak_is_new(run, state))
        return;
    for (unsigned int t = 0; t < WEAK_THREADS; t++) {
        const struct weak_step *step = &run->program->thread[t][state->thread[t].at];
        if (weak_is_inner(step)) {
            weak_inner(run, state, t, step);
            return;
        }
    }
    for (unsigned int t = 0; t < WEAK_THREADS; t++)
        some |= weak_step(run, state, t);
    if (!some)
        weak_ending(run, state);
}

struct weak_result weak_check(const struct weak_program *program)
{
    struct weak_run run = {.program = program};
    struct weak_state *state = calloc(1, sizeof(*state));

    run.seen = calloc(WEAK_TABLE, sizeof(*run.seen));
    if (!state || !run.seen)
        abort();
    for (int w = 0; w < WEAK_WORDS; w++) {
        state->nr[w] = 1;
        state->entry[w][0].value = program->initial[w];
    }
    weak_go(&run, state);
    free(state);
    free(run.seen);
    return run.result;
}
