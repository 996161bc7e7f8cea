/* SPDX-License-Identifier: MIT */
/* Call frames by the debugging information's rules, for one stopped thread of this process.
 *
 * libdwfl unwinds any thread whose registers and memory it is given. The registers are those that the
 * signal saved; memory is read through process_vm_readv on this process itself, which answers a bad
 * address with an error instead of another signal. The thread called is not the one unwound, so that the
 * latter's stack stays as it is. */
#include "unwind.h"
#include "symbols.h"
#include "registers.h"

#include <elfutils/libdwfl.h>
#include <string.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#define UNWIND_THREAD 1 /* the only one that libdwfl is told of */

struct unwind {
    const ucontext_t *context;
    struct quarry_trace *trace;
};

static pid_t unwind_next_thread(Dwfl *dwfl, void *data, void **thread_data)
{
    if (*thread_data)
        return 0;
    *thread_data = data;
    return UNWIND_THREAD;
}

static bool unwind_read(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *word, void *data)
{
    struct iovec here = {word, sizeof(*word)}, there = {(void *)(uintptr_t)address, sizeof(*word)};

    return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)sizeof(*word);
}

static bool unwind_registers(Dwfl_Thread *thread, void *data)
{
    const struct unwind *unwind = data;
    uint64_t value[HOSTED_REGISTERS_MAX];
    Dwarf_Word word[HOSTED_REGISTERS_MAX];
    unsigned int nr = hosted_registers_of(unwind->context, value);

    for (unsigned int i = 0; i < nr; i++)
        word[i] = value[i];
    dwfl_thread_state_register_pc(thread, hosted_frame_of(unwind->context).pc);
    return nr && dwfl_thread_state_registers(thread, 0, nr, word);
}

static int unwind_frame(Dwfl_Frame *frame, void *data)
{
    struct unwind *unwind = data;
    Dwarf_Addr pc;

    if (!dwfl_frame_pc(frame, &pc, NULL) || unwind->trace->nr == QUARRY_TRACE_MAX)
        return DWARF_CB_ABORT;
    unwind->trace->pc[unwind->trace->nr++] = (const void *)(uintptr_t)pc;
    return DWARF_CB_OK;
}

static const Dwfl_Thread_Callbacks unwind_callbacks = {
    .next_thread = unwind_next_thread,
    .memory_read = unwind_read,
    .set_initial_registers = unwind_registers,
};

bool unwind_signal(const void *context, struct quarry_trace *trace)
{
    struct quarry_trace found = {0};
    struct unwind unwind = {context, &found};
    Dwfl *dwfl = context ? symbols_process() : NULL;

    if (!dwfl || !dwfl_attach_state(dwfl, NULL, getpid(), &unwind_callbacks, &unwind))
        return false;
    dwfl_getthread_frames(dwfl, UNWIND_THREAD, unwind_frame, &unwind);
    dwfl_end(dwfl);
    if (found.nr < 2) /* a wild jump: the caller's own walk may know more */
        return false;
    *trace = found;
    return true;
}
