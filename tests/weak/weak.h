/* SPDX-License-Identifier: MIT */
/* tests/weak: all that a few lines on several processors can do when memory is weakly ordered.
 *
 * A program is some threads of a few steps each over a few words. The checker runs every interleaving,
 * and in each every value that a load may return: the words keep all values ever stored, in the order in
 * which they replace each other; a thread has a *view*, the oldest entry of each word that it may still
 * read. A store with release order takes the thread's view along; a load with acquire order that reads it
 * joins that view to its own. (This is how the C11 model is told operationally: Kang and others,
 * "A promising semantics for relaxed-memory concurrency", without its promises; the rules for operations
 * in sequentially consistent order are those of C++20.)
 *
 * What is covered: stale reads, stores seen out of order, release sequences, atomic operations that read
 * the newest entry, stores that take an earlier place than ones already made, fences. What is not: a load
 * that is delayed behind a later store of its own thread.
 *
 * States that were seen are not looked at again; they are known by a 64-bit sum. */
#ifndef WEAK_H
#define WEAK_H

#include <stdbool.h>
#include <stdint.h>

#define WEAK_WORDS 11
#define WEAK_ENTRIES 12 /* of one word */
#define WEAK_THREADS 4
#define WEAK_REGISTERS 6
#define WEAK_STEPS 64

enum weak_order { RLX, ACQ, REL, ACQ_REL, SC };

enum weak_op {
    WEAK_END,
    WEAK_LOAD,      /* register = word */
    WEAK_STORE,     /* word = value */
    WEAK_ADD,       /* register = word, word += value */
    WEAK_CAS,       /* register = word was `from` (then word = value) */
    WEAK_AWAIT,     /* the same, not before it succeeds: a lock */
    WEAK_FENCE,     /* by itself */
    WEAK_SET,       /* register = value */
    WEAK_JUMP_EQ,   /* to the step named `to`, if register == value */
    WEAK_JUMP_SAME, /* if register == register number `value` */
    WEAK_LABEL,
    WEAK_SLEEP, /* until the newest entry of word is not the register's value */
    WEAK_CLAIM  /* register == value, or the program is wrong */
};

struct weak_step {
    uint8_t op, order, word, reg;
    int8_t value, from;
    uint8_t to;
    bool indexed; /* the word's number is `word` plus register `from` */
};

struct weak_program {
    const char *name;
    int8_t initial[WEAK_WORDS];
    struct weak_step thread[WEAK_THREADS][WEAK_STEPS];
    /* All have ended or sleep for ever: whether this is as it should be. @asleep: who sleeps, by bits. */
    bool (*ends_well)(const int8_t newest[WEAK_WORDS],
                      int8_t registers[WEAK_THREADS][WEAK_REGISTERS], unsigned int asleep);
};

struct weak_result {
    const char *wrong; /* NULL: nothing */
    unsigned long states, endings;
};

/* Look at everything. Context: a test; takes memory for the states. */
struct weak_result weak_check(const struct weak_program *program);

/* ---- steps, as programs write them ---------------------------------------------------------- */

#define LOAD(r, w, o)                                                                              \
    {                                                                                              \
        .op = WEAK_LOAD, .reg = (r), .word = (w), .order = (o)                                     \
    }
#define LOAD_AT(r, w, index, o)                                                                    \
    {                                                                                              \
        .op = WEAK_LOAD, .reg = (r), .word = (w), .from = (index), .indexed = true, .order = (o)   \
    }
#define STORE(w, v, o)                                                                             \
    {                                                                                              \
        .op = WEAK_STORE, .word = (w), .value = (v), .order = (o)                                  \
    }
#define ADD(r, w, v, o)                                                                            \
    {                                                                                              \
        .op = WEAK_ADD, .reg = (r), .word = (w), .value = (v), .order = (o)                        \
    }
#define ADD_AT(r, w, index, v, o)                                                                  \
    {                                                                                              \
        .op = WEAK_ADD, .reg = (r), .word = (w), .from = (index), .indexed = true, .value = (v),   \
        .order = (o)                                                                               \
    }
#define CAS(r, w, f, v, o)                                                                         \
    {                                                                                              \
        .op = WEAK_CAS, .reg = (r), .word = (w), .from = (f), .value = (v), .order = (o)           \
    }
#define AWAIT(w, f, v, o)                                                                          \
    {                                                                                              \
        .op = WEAK_AWAIT, .word = (w), .from = (f), .value = (v), .order = (o), .reg = 5           \
    }
#define LOCK(w) AWAIT(w, 0, 1, ACQ)
#define UNLOCK(w) STORE(w, 0, REL)
#define FENCE(o)                                                                                   \
    {                                                                                              \
        .op = WEAK_FENCE, .order = (o)                                                             \
    }
#define SET(r, v)                                                                                  \
    {                                                                                              \
        .op = WEAK_SET, .reg = (r), .value = (v)                                                   \
    }
#define JUMP_EQ(r, v, label)                                                                       \
    {                                                                                              \
        .op = WEAK_JUMP_EQ, .reg = (r), .value = (v), .to = (label)                                \
    }
#define JUMP_SAME(r, other, label)                                                                 \
    {                                                                                              \
        .op = WEAK_JUMP_SAME, .reg = (r), .value = (other), .to = (label)                          \
    }
#define JUMP(label)                                                                                \
    {                                                                                              \
        .op = WEAK_JUMP_EQ, .reg = 255, .to = (label)                                              \
    }
#define LABEL(label)                                                                               \
    {                                                                                              \
        .op = WEAK_LABEL, .to = (label)                                                            \
    }
#define SLEEP(w, r)                                                                                \
    {                                                                                              \
        .op = WEAK_SLEEP, .word = (w), .reg = (r)                                                  \
    }
#define CLAIM(r, v)                                                                                \
    {                                                                                              \
        .op = WEAK_CLAIM, .reg = (r), .value = (v)                                                 \
    }

#endif
