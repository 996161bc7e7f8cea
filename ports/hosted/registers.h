/* SPDX-License-Identifier: MIT */
/* The registers of an interrupted thread, as a signal handler finds them in its context argument.
 *
 * Reports of a crash need the program counter, the frame and the stack pointer; an unwinder that
 * reads debugging information needs all of them by DWARF's numbers. Which register is where is the
 * machine's business, so it stands here and nowhere else. On a machine that this file does not know
 * the answers are 0 and "none": reports are then without a backtrace, not wrong.
 *
 * Needs _GNU_SOURCE for the names of the registers. Context: any, signal handlers included. */
#ifndef HOSTED_REGISTERS_H
#define HOSTED_REGISTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#define HOSTED_REGISTERS_MAX 32
#define HOSTED_FXSAVE_BYTES 512

struct hosted_frame {
    uintptr_t pc, frame, stack;
};

/* What hosted_access_of answers; as enum qr_access. */
#define HOSTED_ACCESS_UNKNOWN 0
#define HOSTED_ACCESS_READ 1
#define HOSTED_ACCESS_WRITE 2

#if defined(__x86_64__)

/* What a faulting access was: bit 1 of the page fault's error code. */
static inline int hosted_access_of(const ucontext_t *context)
{
    return context->uc_mcontext.gregs[REG_ERR] & 2 ? HOSTED_ACCESS_WRITE : HOSTED_ACCESS_READ;
}

static inline struct hosted_frame hosted_frame_of(const ucontext_t *context)
{
    const greg_t *all = context->uc_mcontext.gregs;
    return (struct hosted_frame){(uintptr_t)all[REG_RIP], (uintptr_t)all[REG_RBP],
                                 (uintptr_t)all[REG_RSP]};
}

/* Registers 0 … n-1 by DWARF's numbers: rax rdx rcx rbx rsi rdi rbp rsp r8 … r15 rip. Returns n. */
static inline unsigned int hosted_registers_of(const ucontext_t *context,
                                               uint64_t value[HOSTED_REGISTERS_MAX])
{
    static const int place[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    unsigned int nr = sizeof(place) / sizeof(place[0]);
    for (unsigned int i = 0; i < nr; i++)
        value[i] = (uint64_t)context->uc_mcontext.gregs[place[i]];
    return nr;
}

/* Where the host saved what no code can read again, [*from, *to); false: there is nothing such.
 *
 * Calls do not preserve vector registers: those of a thread that waits in a system call hold what the last
 * memcpy() left there, for as long as it waits. A thread that computes may have its only copy of a pointer in
 * one. The instruction "syscall" leaves the address behind it in rcx; one that will be begun again is two
 * bytes before that. */
static inline bool hosted_dead_of(const ucontext_t *context, uintptr_t *from, uintptr_t *to)
{
    const greg_t *all = context->uc_mcontext.gregs;
    const char *saved = (const char *)context->uc_mcontext.fpregs;
    size_t bytes = HOSTED_FXSAVE_BYTES;
    if (!saved || (all[REG_RCX] != all[REG_RIP] && all[REG_RCX] != all[REG_RIP] + 2))
        return false;
#ifdef FP_XSTATE_MAGIC1
    /* The last words of the old form say how long the new one is. */
    const struct _fpx_sw_bytes *more =
        (const struct _fpx_sw_bytes *)(const void *)(saved + HOSTED_FXSAVE_BYTES - sizeof(*more));
    if (more->magic1 == FP_XSTATE_MAGIC1)
        bytes = more->extended_size;
#endif
    *from = (uintptr_t)saved;
    *to = ((uintptr_t)saved + bytes) & ~(sizeof(uintptr_t) - 1); /* whole words */
    return true;
}

#elif defined(__aarch64__)

/* The kernel puts the syndrome register behind the others: bit 6 says "write". */
static inline int hosted_access_of(const ucontext_t *context)
{
    const unsigned char *at = (const unsigned char *)context->uc_mcontext.__reserved;
    for (;;) {
        const struct _aarch64_ctx *head = (const struct _aarch64_ctx *)(const void *)at;
        if (head->magic == ESR_MAGIC)
            return ((const struct esr_context *)(const void *)head)->esr & 0x40
                       ? HOSTED_ACCESS_WRITE
                       : HOSTED_ACCESS_READ;
        if (!head->magic || !head->size)
            return HOSTED_ACCESS_UNKNOWN;
        at += head->size;
    }
}

static inline struct hosted_frame hosted_frame_of(const ucontext_t *context)
{
    return (struct hosted_frame){context->uc_mcontext.pc, context->uc_mcontext.regs[29],
                                 context->uc_mcontext.sp};
}

/* x0 … x30, sp; the program counter has no number: hosted_frame_of has it. */
static inline unsigned int hosted_registers_of(const ucontext_t *context,
                                               uint64_t value[HOSTED_REGISTERS_MAX])
{
    for (unsigned int i = 0; i < 31; i++)
        value[i] = context->uc_mcontext.regs[i];
    value[31] = context->uc_mcontext.sp;
    return 32;
}

static inline bool hosted_dead_of(const ucontext_t *context, uintptr_t *from, uintptr_t *to)
{
    (void)context;
    (void)from;
    (void)to;
    return false; /* nothing here says whether the thread is in a system call */
}

#else

static inline int hosted_access_of(const ucontext_t *context)
{
    (void)context;
    return HOSTED_ACCESS_UNKNOWN;
}

static inline struct hosted_frame hosted_frame_of(const ucontext_t *context)
{
    (void)context;
    return (struct hosted_frame){0, 0, 0};
}

static inline unsigned int hosted_registers_of(const ucontext_t *context,
                                               uint64_t value[HOSTED_REGISTERS_MAX])
{
    (void)context;
    (void)value;
    return 0;
}

static inline bool hosted_dead_of(const ucontext_t *context, uintptr_t *from, uintptr_t *to)
{
    (void)context;
    (void)from;
    (void)to;
    return false;
}

#endif
#endif
