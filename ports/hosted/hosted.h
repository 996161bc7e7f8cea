/* SPDX-License-Identifier: MIT */
/* ports/hosted: what its files tell each other, and what tests of private machines may use. */
#ifndef QUARRY_HOSTED_H
#define QUARRY_HOSTED_H

#include <quarry/port.h>
#include <quarry/report.h>
#include <signal.h>

#define HOSTED_PAGE 4096ul
#define HOSTED_MAX_REGIONS 128

/* ---- ram.c: physical memory, direct map, page tables ----------------------------------------- */

/* One machine's memory on the host: a memory file whose offsets are physical addresses. */
struct hosted_ram {
    struct hosted_ram *next;
    uintptr_t offset; /* direct map: virtual minus physical */
    int fd;           /* the memory file, and what tells it from others */
    uint64_t inode, device;
    uint64_t file_size;                 /* end of the highest region */
    uintptr_t direct_start, direct_end; /* reserved for the direct map */
    uintptr_t window_start, window_end; /* reserved for vmalloc and the kmap windows */
    phys_addr_t low_limit;              /* from it on nothing is direct-mapped; 0: no such border */
    struct quarry_region region[HOSTED_MAX_REGIONS];
    size_t nr_regions;
};

/* Make the memory that @machine describes and map it. With @fixed, machine->offset and the windows'
 * addresses are obeyed; otherwise the host chooses the place, the windows are given as
 * distances from the end of the direct map, and the real addresses are written back.
 * Returns 0, -EINVAL or -ENOMEM with the reason in @why and nothing left behind. */
int hosted_ram_create(struct hosted_ram *ram, struct qp_machine *machine, bool fixed, char *why,
                      size_t why_size);
void hosted_ram_destroy(struct hosted_ram *ram);
/* Take every mapping of the memory away; the addresses stay reserved. */
bool hosted_ram_withdraw(struct hosted_ram *ram);
/* In a forked child: give this machine a file of its own with the same content, at the same
 * addresses; the windows come back unmapped. 0 or a negative errno. */
int hosted_ram_adopt(struct hosted_ram *ram);
/* Whether children inherit the direct map. Only for the moment of a fork whose child will replace
 * it: then its addresses stay taken in the child until they are. */
void hosted_ram_inherit(const struct hosted_ram *ram, bool inherit);
/* In a forked child, with the lock held: the parent's other machines are not this process's. */
void hosted_ram_forget_others(struct hosted_ram *own);
/* Nobody makes or destroys a memory meanwhile. */
void hosted_ram_lock(void);
void hosted_ram_unlock(void);

/* ---- thread.c: threads are CPUs -------------------------------------------------------------- */

/* Have threads that end take their CPUs of this machine offline. False when too many machines live.
 */
bool hosted_cpus_remember(struct qr_cpus *cpus);
/* While a machine boots, its booting thread works without data of its own. */
void hosted_claims_forbid(bool forbid);
/* Forget a machine's CPUs (it is being shut down): no thread's end will call its offline(). */
void hosted_cpus_forget(struct qr_cpus *cpus);
/* No thread comes or goes meanwhile. */
void hosted_threads_lock(void);
void hosted_threads_unlock(void);
/* In a forked child: this thread is the only one, @cpus the only machine. */
void hosted_threads_after_fork(struct qr_cpus *cpus);

/* ---- boot.c, fork.c: the default machine ----------------------------------------------------- */

void hosted_boot_lock(void);
void hosted_boot_unlock(void);
struct hosted_ram *hosted_default_ram(void);
/* Does nothing but make the linker take fork.c, whose handlers register themselves. */
void hosted_fork_link(void);

/* ---- gate.c: keeping other threads out ------------------------------------------------------- */

/* Hold other threads' next calls back, once all are outside; stop them wherever they are; let them
 * go on. With the boot lock held. */
bool hosted_gate_close(void);
void hosted_gate_stop(void);
void hosted_gate_open(void);
/* With the gate closed by this thread: have the other threads stand still, and let them go on behind the
 * closed gate. Nothing stands still where a thread could not be brought outside. */
void hosted_gate_still(bool still);
/* The lowest stack pointer of a thread that stands still, of those in [start, end); 0: there is none. */
uintptr_t hosted_gate_lowest_stack(uintptr_t start, uintptr_t end);
/* The lowest place in [start, end) where the host saved dead registers of a thread that stands still; false:
 * there is none. */
bool hosted_gate_dead(uintptr_t start, uintptr_t end, uintptr_t *from, uintptr_t *to);
/* In a forked child: there are no others. */
void hosted_gate_forget(void);
/* Whether this thread holds the others back, and may call. */
bool hosted_gate_is_mine(void);
/* Undo qp_self.parked++: go on once the gate is open. */
void hosted_unpark(void);
/* The signal that asks threads; nobody should block it. */
int hosted_stop_signal(void);

/* ---- context.c ------------------------------------------------------------------------------- */

/* This thread ends, perhaps in atomic context. */
void hosted_seat_leave(void);
/* In a forked child: nobody else can have the seat. */
void hosted_seat_after_fork(void);

/* ---- watch.c: detectors that know every byte --------------------------------------------------- */

/* Whether there is one, and in *@block whom to tell of blocks, or NULL. Called before the default
 * machine boots. */
bool hosted_watch_begin(qp_block_fn *block);
/* [@start, @end) is nobody's; is a caller's. */
void hosted_watch_forbid(uintptr_t start, uintptr_t end);
void hosted_watch_allow(uintptr_t start, uintptr_t end);

/* ---- guard.c: faults at guard pages ----------------------------------------------------------- */

/* Have SIGSEGV asked about, before whoever handles it now. */
void hosted_guard_install(void);
/* For handlers of SIGSEGV that are installed later: whether it was a guard page; then it has been
 * reported, and the handler only returns. Context: such a handler. */
bool hosted_guard_caught(const siginfo_t *info, void *context);

/* ---- roots.c --------------------------------------------------------------------------------- */

/* A quarry_leak_roots_fn: all writable memory of this process but the machine's. */
void hosted_leak_roots(const void *frame, void (*range)(const void *, size_t, void *),
                       void (*finish)(void *), void *scan, void *data);

/* ---- symbols.c ------------------------------------------------------------------------------- */

/* A quarry_symbol_fn: by debugging information where its reader is installed, else by the dynamic linker. */
size_t hosted_symbol(const void *pc, struct quarry_symbol *symbols, size_t max, void *data);

/* ---- console.c ------------------------------------------------------------------------------- */

/* Whether this return address lies in a public function. */
bool hosted_is_public(uintptr_t pc);
void hosted_say(char *why, size_t why_size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
